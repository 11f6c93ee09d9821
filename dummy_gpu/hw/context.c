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
 * is *handed back* when the engine's thread calls job_done for it. To *hold* a
 * context is to make the engine leave it and keep off it.
 *
 * Lock: hw_engine.lock of the engine that the context is bound to.
 */
#include <linux/err.h>
#include <linux/slab.h>
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
	if (ctx->state == HW_CONTEXT_FAULTED || reason == HW_REASON_NO_ENTRY) {
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

static void hold(struct hw_context *ctx)
{
	struct hw_engine *engine = ctx->engine;

	spin_lock(&engine->lock);
	/* The thread looks at it after each access, see run_slice(). */
	WRITE_ONCE(ctx->nr_holds, ctx->nr_holds + 1);
	spin_unlock(&engine->lock);

	wait_event(engine->left, !is_running(ctx));
}

static void let_go(struct hw_context *ctx)
{
	lockdep_assert_held(&ctx->engine->lock);

	WRITE_ONCE(ctx->nr_holds, ctx->nr_holds - 1);
	hw_engine_kick(ctx->engine);
}

void hw_context_cancel(struct hw_context *ctx, const struct hw_job *job, u32 reason)
{
	struct hw_engine *engine = ctx->engine;

	hold(ctx);

	spin_lock(&engine->lock);
	if (list_first_entry_or_null(&ctx->jobs, struct hw_job, link) == job)
		hw_context_end_job(ctx, reason);
	let_go(ctx);
	spin_unlock(&engine->lock);
}

static bool is_quiet(struct hw_context *ctx)
{
	struct hw_engine *engine = ctx->engine;
	bool quiet;

	spin_lock(&engine->lock);
	quiet = list_empty(&ctx->ended) && engine->handing_back != ctx;
	spin_unlock(&engine->lock);
	return quiet;
}

void hw_context_destroy(struct hw_context *ctx, u32 reason)
{
	struct hw_engine *engine = ctx->engine;

	/* Never let go, so from here on there is nothing but job_done. */
	hold(ctx);

	spin_lock(&engine->lock);
	hw_context_end_all(ctx, reason);
	spin_unlock(&engine->lock);

	wait_event(engine->left, is_quiet(ctx));

	spin_lock(&engine->lock);
	list_del(&ctx->sibling);
	spin_unlock(&engine->lock);

	hw_exec_fini(&ctx->exec);
	kfree(ctx);
}
