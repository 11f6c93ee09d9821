// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: a stream of jobs each, with the state to run them in turn.
 *
 * Invariant: the state says who has the context. READY and WAITING contexts are
 * on a list of their engine, a FAULTED one is on none and waits for the driver,
 * a RUNNING one belongs to the engine's thread, and only that thread takes it
 * out of RUNNING.
 *
 * Words: a job *ends* when it leaves the context, with a reason or without; it
 * is *handed back* when job_done is called for it. To *stop* a context is to make
 * the engine leave it and keep off it.
 *
 * Lock: hw_engine.lock of the engine that the context is bound to.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "hw_internal.h"

struct hw_context *hw_context_create(struct hw_vm *vm, unsigned int engine,
				     unsigned int flags, void *priv)
{
	struct hw_chip *chip = vm->chip;
	struct hw_context *ctx;
	int ret;

	if (engine >= chip->nr_engines || flags & ~HW_CONTEXT_FAULTS)
		return ERR_PTR(-EINVAL);

	ctx = kzalloc_obj(*ctx);
	if (!ctx)
		return ERR_PTR(-ENOMEM);

	ret = hw_exec_init(&ctx->exec, vm);
	if (ret) {
		kfree(ctx);
		return ERR_PTR(ret);
	}

	ctx->engine = &chip->engines[engine];
	ctx->flags = flags;
	ctx->priv = priv;
	ctx->state = HW_CONTEXT_IDLE;
	INIT_LIST_HEAD(&ctx->node);
	INIT_LIST_HEAD(&ctx->jobs);
	INIT_LIST_HEAD(&ctx->ended);
	INIT_LIST_HEAD(&ctx->ended_node);
	INIT_LIST_HEAD(&ctx->fault_node);
	ctx->fault.ctx = ctx;
	ctx->fault.vm = vm;

	spin_lock(&ctx->engine->lock);
	list_add_tail(&ctx->sibling, &ctx->engine->contexts);
	spin_unlock(&ctx->engine->lock);
	return ctx;
}

void *hw_context_priv(struct hw_context *ctx)
{
	return ctx->priv;
}

/* Give a context that is on no list a turn. */
void hw_context_make_ready(struct hw_context *ctx)
{
	struct hw_engine *engine = ctx->engine;

	lockdep_assert_held(&engine->lock);

	ctx->state = HW_CONTEXT_READY;
	list_add_tail(&ctx->node, &engine->ready);
	hw_engine_kick(engine);
}

/* End the current job of a context that is not RUNNING, or is just leaving. */
void hw_context_end_job(struct hw_context *ctx, u32 reason)
{
	struct hw_engine *engine = ctx->engine;
	struct hw_job *job = list_first_entry(&ctx->jobs, struct hw_job, link);

	lockdep_assert_held(&engine->lock);

	job->reason = reason;
	if (ctx->state == HW_CONTEXT_FAULTED || reason == HW_REASON_NO_ENTRY ||
	    reason == HW_REASON_MEMORY) {
		job->access = ctx->exec.access;
		job->fault_addr = ctx->exec.addr;
	}
	job->end_ns = ktime_get_ns();

	list_move_tail(&job->link, &ctx->ended);
	if (list_empty(&ctx->ended_node))
		list_add_tail(&ctx->ended_node, &engine->ended);

	hw_fault_forget(ctx);
	list_del_init(&ctx->node);
	ctx->exec.job = NULL;
	ctx->state = HW_CONTEXT_IDLE;
	if (!list_empty(&ctx->jobs))
		hw_context_make_ready(ctx);
	hw_engine_kick(engine);
}

void hw_context_end_all(struct hw_context *ctx, u32 reason)
{
	lockdep_assert_held(&ctx->engine->lock);

	while (!list_empty(&ctx->jobs))
		hw_context_end_job(ctx, reason);
}

void hw_context_push(struct hw_context *ctx, struct hw_job *job)
{
	struct hw_engine *engine = ctx->engine;

	job->reason = HW_REASON_NONE;
	job->access = HW_ACCESS_READ;
	job->fault_addr = 0;
	job->stream_offset = 0;
	job->nr_faults = 0;
	job->start_ns = 0;
	job->end_ns = 0;

	spin_lock(&engine->lock);
	list_add_tail(&job->link, &ctx->jobs);
	if (ctx->state == HW_CONTEXT_IDLE) {
		/* Others are ended by the thread before it says it has stopped. */
		if (engine->stopping)
			hw_context_end_job(ctx, HW_REASON_STOPPED);
		else
			hw_context_make_ready(ctx);
	}
	spin_unlock(&engine->lock);
}

static bool is_running(struct hw_context *ctx)
{
	bool running;

	spin_lock(&ctx->engine->lock);
	running = ctx->state == HW_CONTEXT_RUNNING;
	spin_unlock(&ctx->engine->lock);
	return running;
}

void hw_context_cancel_locked(struct hw_context *ctx, const struct hw_job *job, u32 reason)
{
	lockdep_assert_held(&ctx->engine->lock);

	if (list_first_entry_or_null(&ctx->jobs, struct hw_job, link) != job)
		return;
	if (ctx->state != HW_CONTEXT_RUNNING) {
		hw_context_end_job(ctx, reason);
		return;
	}
	/* The thread looks at it after each access, see must_leave(). */
	ctx->cancel_reason = reason;
	WRITE_ONCE(ctx->cancelled, job);
}

void hw_context_cancel(struct hw_context *ctx, const struct hw_job *job, u32 reason)
{
	spin_lock(&ctx->engine->lock);
	hw_context_cancel_locked(ctx, job, reason);
	spin_unlock(&ctx->engine->lock);
}

/* ---- Hangs --------------------------------------------------------------- */

u64 hw_context_progress(struct hw_context *ctx, const struct hw_job *job)
{
	struct hw_engine *engine = ctx->engine;
	u64 progress = 0;

	spin_lock(&engine->lock);
	if (ctx->state == HW_CONTEXT_RUNNING && ctx->exec.job == job)
		progress = READ_ONCE(ctx->nr_steps) + 1;
	spin_unlock(&engine->lock);
	return progress;
}

bool hw_context_reset(struct hw_context *ctx, const struct hw_job *job, u32 reason)
{
	struct hw_engine *engine = ctx->engine;
	bool responds;

	spin_lock(&engine->lock);
	responds = engine->hang != HW_HANG_HARD && !READ_ONCE(engine->chip->lost);
	if (responds) {
		hw_context_cancel_locked(ctx, job, reason);
		/* Else it is somebody else's by now, who will see to it. */
		if (engine->running == ctx)
			hw_engine_reset(engine, reason);
	}
	spin_unlock(&engine->lock);
	return responds;
}

void hw_context_reset_chip(struct hw_context *ctx, const struct hw_job *job, u32 reason,
			   u32 others)
{
	struct hw_chip *chip = ctx->engine->chip;
	unsigned int i;

	hw_context_cancel(ctx, job, reason);
	for (i = 0; i < chip->nr_engines; i++) {
		spin_lock(&chip->engines[i].lock);
		hw_engine_reset(&chip->engines[i], others);
		spin_unlock(&chip->engines[i].lock);
	}
}

void hw_context_dump(struct hw_context *ctx, struct hw_context_dump *dump)
{
	const struct hw_exec *exec = &ctx->exec;

	/* Keeps the job, but not the thread from going on. */
	spin_lock(&ctx->engine->lock);
	*dump = (struct hw_context_dump) {
		.running = ctx->state == HW_CONTEXT_RUNNING,
		.op = exec->cmd.op,
		.offset = exec->offset,
		.done = exec->done,
		.addr = exec->addr,
		.access = exec->access,
		.nr_steps = READ_ONCE(ctx->nr_steps),
	};
	memcpy(dump->regs, exec->regs, sizeof(dump->regs));
	spin_unlock(&ctx->engine->lock);
}

/* ---- The end ------------------------------------------------------------- */

bool hw_context_stop(struct hw_context *ctx, unsigned int timeout_ms)
{
	struct hw_engine *engine = ctx->engine;

	spin_lock(&engine->lock);
	/* The thread looks at it after each access, see must_leave(). */
	WRITE_ONCE(ctx->stopped, true);
	spin_unlock(&engine->lock);

	return wait_event_timeout(engine->left, !is_running(ctx), msecs_to_jiffies(timeout_ms));
}

static bool is_handed_back(struct hw_context *ctx)
{
	struct hw_engine *engine = ctx->engine;
	bool is_done;

	spin_lock(&engine->lock);
	is_done = engine->handing_back != ctx;
	spin_unlock(&engine->lock);
	return is_done;
}

void hw_context_destroy(struct hw_context *ctx, u32 reason)
{
	struct hw_engine *engine = ctx->engine;

	/* Stopped for good, so from here on there is nothing but job_done. */
	wait_event(engine->left, !is_running(ctx));

	/* Out of the hands of the thread, which may hang in somebody else's context. */
	spin_lock(&engine->lock);
	hw_context_end_all(ctx, reason);
	list_del_init(&ctx->ended_node);
	list_del(&ctx->sibling);
	spin_unlock(&engine->lock);

	/* Waits for one that the thread is handing back: ours come after it. */
	wait_event(engine->left, is_handed_back(ctx));

	spin_lock(&engine->lock);
	while (!list_empty(&ctx->ended))
		hw_engine_hand_back_one(engine, ctx);
	spin_unlock(&engine->lock);

	hw_exec_fini(&ctx->exec);
	kfree(ctx);
}
