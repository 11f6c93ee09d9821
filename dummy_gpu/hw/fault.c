// SPDX-License-Identifier: GPL-2.0
/*
 * The fault ring, and what the driver may do about a fault.
 *
 * Invariant: a context has one fault at most, from when the engine leaves it as
 * FAULTED until it is something else again; the ring holds contexts, so it has
 * room for all of them. A record whose sequence number is not the context's is
 * stale: the job was cancelled meanwhile, and the record does nothing.
 *
 * Locks: hw_engine.lock for the context, and inside it hw_chip.fault_lock for
 * the ring.
 */
#include <linux/timekeeping.h>

#include "hw_internal.h"

/* The access that @ctx tried last was not allowed. */
void hw_fault_raise(struct hw_context *ctx)
{
	struct hw_chip *chip = ctx->engine->chip;
	struct hw_job *job = ctx->exec.job;

	lockdep_assert_held(&ctx->engine->lock);

	ctx->state = HW_CONTEXT_FAULTED;
	WRITE_ONCE(job->nr_faults, job->nr_faults + 1);

	spin_lock(&chip->fault_lock);
	ctx->fault.addr = ctx->exec.addr;
	ctx->fault.access = ctx->exec.access;
	ctx->fault.seq++;
	ctx->fault.when_ns = ktime_get_ns();
	list_add_tail(&ctx->fault_node, &chip->faults);
	spin_unlock(&chip->fault_lock);
}

/* Take @ctx off the ring, if it is there. */
void hw_fault_forget(struct hw_context *ctx)
{
	struct hw_chip *chip = ctx->engine->chip;

	lockdep_assert_held(&ctx->engine->lock);

	spin_lock(&chip->fault_lock);
	list_del_init(&ctx->fault_node);
	spin_unlock(&chip->fault_lock);
}

bool hw_fault_pop(struct hw_chip *chip, struct hw_fault *fault)
{
	struct hw_context *ctx;

	spin_lock(&chip->fault_lock);
	ctx = list_first_entry_or_null(&chip->faults, struct hw_context, fault_node);
	if (ctx) {
		list_del_init(&ctx->fault_node);
		*fault = ctx->fault;
	}
	spin_unlock(&chip->fault_lock);
	return ctx;
}

static bool is_outstanding(const struct hw_fault *fault)
{
	lockdep_assert_held(&fault->ctx->engine->lock);

	return fault->ctx->state == HW_CONTEXT_FAULTED &&
	       fault->ctx->fault.seq == fault->seq;
}

void hw_fault_retire(const struct hw_fault *fault)
{
	struct hw_context *ctx = fault->ctx;

	/*
	 * Under the lock for all of the access, so that the job cannot end
	 * meanwhile. The TLB is the engine's alone: walk without it. Whatever
	 * comes of the step is in ctx->exec, where the replay goes on from.
	 */
	spin_lock(&ctx->engine->lock);
	if (is_outstanding(fault))
		hw_exec_step(&ctx->exec, NULL);
	spin_unlock(&ctx->engine->lock);
}

void hw_fault_replay(const struct hw_fault *fault)
{
	struct hw_context *ctx = fault->ctx;

	spin_lock(&ctx->engine->lock);
	if (is_outstanding(fault))
		hw_context_make_ready(ctx);
	spin_unlock(&ctx->engine->lock);
}

void hw_fault_cancel(const struct hw_fault *fault, u32 reason)
{
	struct hw_context *ctx = fault->ctx;

	spin_lock(&ctx->engine->lock);
	if (is_outstanding(fault))
		hw_context_end_job(ctx, reason);
	spin_unlock(&ctx->engine->lock);
}
