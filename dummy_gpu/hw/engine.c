// SPDX-License-Identifier: GPL-2.0
/*
 * Engines: one thread each that gives its contexts time in turn.
 *
 * Invariant: all events are raised with no lock held. job_done comes from the
 * engine's thread, and once a context is being destroyed from whoever does that,
 * so jobs of a context are handed back in the order in which they ended.
 *
 * Words: a *slice* is the time a context has before others get theirs; a WAIT
 * whose condition does not hold, a fault and the end of the job give the rest
 * away. A WAITING context is *due* when its next look at memory is.
 *
 * Lock: hw_engine.lock. The thread drops it while it runs a context or raises an
 * event; whoever needs it gone from there waits on hw_engine.left. It may never
 * go: an engine that hangs stays in its context until it is reset or stopped.
 */
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "hw_internal.h"

#define SLICE_NS	NSEC_PER_MSEC
#define SLICE_STEPS	16			/* between two looks at the clock */
#define POLL_MIN_NS	(50 * NSEC_PER_USEC)
#define POLL_MAX_NS	NSEC_PER_MSEC

void hw_engine_kick(struct hw_engine *engine)
{
	WRITE_ONCE(engine->kicked, true);
	wake_up(&engine->wake);
}

u64 hw_engine_busy_ns(struct hw_chip *chip, unsigned int engine)
{
	return READ_ONCE(chip->engines[engine].busy_ns);
}

/* A stream has stored a semaphore or its fence: tell every WAIT, and the driver. */
static void tell_of_signal(struct hw_chip *chip)
{
	unsigned int i;

	/*
	 * Fully ordered: after the store, for step_wait(), which reads these the
	 * other way round; before the kicks, so that a thread that has just
	 * cleared @kicked sees the new count.
	 */
	atomic_inc_return(&chip->nr_signals);
	for (i = 0; i < chip->nr_engines; i++)
		hw_engine_kick(&chip->engines[i]);
	chip->config.events->semaphore(chip->config.priv);
}

/* ---- Turns -------------------------------------------------------------- */

static void wake_due(struct hw_engine *engine)
{
	int nr_signals = atomic_read(&engine->chip->nr_signals);
	struct hw_context *ctx, *next;
	u64 now_ns;

	lockdep_assert_held(&engine->lock);

	if (list_empty(&engine->waiting))
		return;

	now_ns = ktime_get_ns();
	list_for_each_entry_safe(ctx, next, &engine->waiting, node) {
		if (ctx->poll_at_ns > now_ns && ctx->exec.signals_seen == nr_signals)
			continue;
		list_del_init(&ctx->node);
		hw_context_make_ready(ctx);
	}
}

static struct hw_context *first_ready(struct hw_engine *engine)
{
	struct hw_context *ctx;

	lockdep_assert_held(&engine->lock);

	list_for_each_entry(ctx, &engine->ready, node) {
		if (!ctx->stopped)
			return ctx;
	}
	return NULL;
}

/* Take the next context to run. Return: NULL if there is none. */
static struct hw_context *pick(struct hw_engine *engine)
{
	struct hw_context *ctx = NULL;

	spin_lock(&engine->lock);
	if (!engine->stopping) {
		wake_due(engine);
		ctx = first_ready(engine);
	}
	if (ctx) {
		list_del_init(&ctx->node);
		ctx->state = HW_CONTEXT_RUNNING;
		engine->running = ctx;
		if (!ctx->exec.job)
			hw_exec_start(&ctx->exec,
				      list_first_entry(&ctx->jobs, struct hw_job, link));
	}
	spin_unlock(&engine->lock);
	return ctx;
}

/* Somebody wants the thread to leave @ctx after the current access. */
static bool must_leave(struct hw_engine *engine, struct hw_context *ctx)
{
	return READ_ONCE(ctx->stopped) || READ_ONCE(ctx->cancelled) ||
	       READ_ONCE(engine->stopping);
}

static bool hangs(struct hw_engine *engine)
{
	return (READ_ONCE(engine->hang) != HW_HANG_NONE || READ_ONCE(engine->chip->lost)) &&
	       !READ_ONCE(engine->stopping) && !kthread_should_stop();
}

static enum hw_step run_slice(struct hw_engine *engine, struct hw_context *ctx)
{
	struct hw_exec *exec = &ctx->exec;
	struct hw_tlb *tlb = &exec->vm->tlbs[engine->index];
	u64 start_ns = ktime_get_ns();
	u64 now_ns = start_ns;
	enum hw_step step;
	unsigned int i = 0;

	do {
		if (unlikely(hangs(engine))) {
			/* Until it is reset, or loses its power. */
			WRITE_ONCE(engine->stuck, true);
			wait_event_idle(engine->wake, !hangs(engine));
			WRITE_ONCE(engine->stuck, false);
			step = HW_STEP_MORE;
			break;
		}
		step = hw_exec_step(exec, tlb);
		WRITE_ONCE(ctx->nr_steps, ctx->nr_steps + 1);
		/* Also a signal that was stored by hw_fault_retire(). */
		if (exec->signalled) {
			exec->signalled = false;
			tell_of_signal(engine->chip);
		}
		if (step != HW_STEP_MORE)
			break;

		ctx->poll_delay_ns = 0;
		if (++i % SLICE_STEPS == 0)
			now_ns = ktime_get_ns();
	} while (now_ns - start_ns < SLICE_NS && !must_leave(engine, ctx));

	WRITE_ONCE(engine->busy_ns, engine->busy_ns + ktime_get_ns() - start_ns);
	return step;
}

static void set_waiting(struct hw_context *ctx)
{
	u64 delay_ns = ctx->poll_delay_ns;

	lockdep_assert_held(&ctx->engine->lock);

	ctx->poll_delay_ns = clamp(2 * delay_ns, POLL_MIN_NS, POLL_MAX_NS);
	ctx->poll_at_ns = ktime_get_ns() + ctx->poll_delay_ns;
	ctx->state = HW_CONTEXT_WAITING;
	list_add_tail(&ctx->node, &ctx->engine->waiting);
}

/* Somebody has cancelled the job that is current, and it has not ended by itself. */
static bool take_cancelled(struct hw_context *ctx, enum hw_step step)
{
	bool is_cancelled = ctx->cancelled && ctx->cancelled == ctx->exec.job;

	lockdep_assert_held(&ctx->engine->lock);

	WRITE_ONCE(ctx->cancelled, NULL);
	return is_cancelled && step != HW_STEP_END;
}

/* Put @ctx where it belongs after @step, the last one of its slice. */
static void leave(struct hw_engine *engine, struct hw_context *ctx, enum hw_step step)
{
	struct hw_chip *chip = engine->chip;
	bool raised = false;

	spin_lock(&engine->lock);
	engine->running = NULL;
	if (take_cancelled(ctx, step)) {
		hw_context_end_job(ctx, ctx->cancel_reason);
		goto out;
	}
	switch (step) {
	case HW_STEP_MORE:
		hw_context_make_ready(ctx);
		break;
	case HW_STEP_WAIT:
		set_waiting(ctx);
		break;
	case HW_STEP_FAULT:
		raised = ctx->flags & HW_CONTEXT_FAULTS;
		if (raised)
			hw_fault_raise(ctx);
		else
			hw_context_end_job(ctx, HW_REASON_NO_ENTRY);
		break;
	case HW_STEP_END:
		hw_context_end_job(ctx, ctx->exec.reason);
		break;
	}
out:
	spin_unlock(&engine->lock);

	/* From here on @ctx may be destroyed. */
	wake_up_all(&engine->left);
	if (raised)
		chip->config.events->fault(chip->config.priv);
}

/* ---- Handing back ------------------------------------------------------- */

static struct hw_context *first_ended(struct hw_engine *engine)
{
	return list_first_entry_or_null(&engine->ended, struct hw_context, ended_node);
}

void hw_engine_hand_back_one(struct hw_engine *engine, struct hw_context *ctx)
{
	const struct hw_config *config = &engine->chip->config;
	struct hw_job *job;

	lockdep_assert_held(&engine->lock);

	job = list_first_entry(&ctx->ended, struct hw_job, link);
	list_del_init(&job->link);
	if (list_empty(&ctx->ended))
		list_del_init(&ctx->ended_node);
	spin_unlock(&engine->lock);

	config->events->job_done(config->priv, ctx, job);

	spin_lock(&engine->lock);
}

/* Hand back what has ended. On a chip that stops this is everything. */
static void hand_back(struct hw_engine *engine)
{
	struct hw_context *ctx;
	bool stopping;

	spin_lock(&engine->lock);
	stopping = engine->stopping;
	if (stopping) {
		list_for_each_entry(ctx, &engine->contexts, sibling)
			hw_context_end_all(ctx, HW_REASON_STOPPED);
	}

	while ((ctx = first_ended(engine))) {
		/* Keeps @ctx from being destroyed until the callback has returned. */
		engine->handing_back = ctx;
		hw_engine_hand_back_one(engine, ctx);
		engine->handing_back = NULL;
		wake_up_all(&engine->left);
	}

	if (stopping) {
		engine->stopped = true;
		wake_up_all(&engine->left);
	}
	spin_unlock(&engine->lock);
}

/* ---- The thread --------------------------------------------------------- */

/* Return: nanoseconds until a WAITING context is due, or KTIME_MAX. */
static ktime_t time_to_next_poll(struct hw_engine *engine)
{
	struct hw_context *ctx;
	u64 at_ns = KTIME_MAX;
	u64 now_ns = ktime_get_ns();

	spin_lock(&engine->lock);
	list_for_each_entry(ctx, &engine->waiting, node)
		at_ns = min(at_ns, ctx->poll_at_ns);
	spin_unlock(&engine->lock);

	if (at_ns == KTIME_MAX)
		return KTIME_MAX;
	return at_ns > now_ns ? at_ns - now_ns : 0;
}

static int engine_main(void *data)
{
	struct hw_engine *engine = data;
	struct hw_context *ctx;
	ktime_t timeout;

	while (!kthread_should_stop()) {
		/* Before looking: who kicks later has us look again. */
		smp_store_mb(engine->kicked, false);

		ctx = pick(engine);
		if (ctx)
			leave(engine, ctx, run_slice(engine, ctx));
		hand_back(engine);
		cond_resched();
		if (ctx)
			continue;

		timeout = time_to_next_poll(engine);
		wait_event_interruptible_hrtimeout(engine->wake, READ_ONCE(engine->kicked) ||
						   kthread_should_stop(), timeout);
	}
	return 0;
}

int hw_engine_init(struct hw_engine *engine, struct hw_chip *chip, unsigned int index, int nid)
{
	engine->chip = chip;
	engine->index = index;
	init_waitqueue_head(&engine->wake);
	init_waitqueue_head(&engine->left);
	spin_lock_init(&engine->lock);
	INIT_LIST_HEAD(&engine->contexts);
	INIT_LIST_HEAD(&engine->ready);
	INIT_LIST_HEAD(&engine->waiting);
	INIT_LIST_HEAD(&engine->ended);

	engine->task = kthread_create_on_node(engine_main, engine, nid, "dummy_hw/%u", index);
	if (IS_ERR(engine->task))
		return PTR_ERR(engine->task);
	wake_up_process(engine->task);
	return 0;
}

void hw_engine_fini(struct hw_engine *engine)
{
	kthread_stop(engine->task);
}

static bool is_stopped(struct hw_engine *engine)
{
	bool stopped;

	spin_lock(&engine->lock);
	stopped = engine->stopped;
	spin_unlock(&engine->lock);
	return stopped;
}

void hw_engine_stop(struct hw_engine *engine)
{
	spin_lock(&engine->lock);
	WRITE_ONCE(engine->stopping, true);	/* see must_leave() */
	spin_unlock(&engine->lock);
	hw_engine_kick(engine);

	wait_event(engine->left, is_stopped(engine));
}

/* ---- Hangs --------------------------------------------------------------- */

void hw_engine_reset(struct hw_engine *engine, u32 reason)
{
	lockdep_assert_held(&engine->lock);

	if (engine->hang != HW_HANG_NONE && engine->running && !engine->running->cancelled)
		hw_context_cancel_locked(engine->running, engine->running->exec.job, reason);
	WRITE_ONCE(engine->hang, HW_HANG_NONE);	/* see hangs() */
	hw_engine_kick(engine);
}

void hw_engine_set_hang(struct hw_chip *chip, unsigned int engine, enum hw_hang hang)
{
	spin_lock(&chip->engines[engine].lock);
	WRITE_ONCE(chip->engines[engine].hang, hang);
	spin_unlock(&chip->engines[engine].lock);
	hw_engine_kick(&chip->engines[engine]);
}

enum hw_hang hw_engine_hang(struct hw_chip *chip, unsigned int engine)
{
	return READ_ONCE(chip->engines[engine].hang);
}

bool hw_engine_is_stuck(struct hw_chip *chip, unsigned int engine)
{
	return READ_ONCE(chip->engines[engine].stuck);
}
