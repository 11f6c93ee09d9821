// SPDX-License-Identifier: GPL-2.0
/*
 * Executing a job: a state machine whose steps make at most one access each.
 *
 * Invariant: a step whose access is not allowed leaves the job where it was, so
 * calling it again tries that access again, and nothing before it is repeated.
 * Memory is read once: bytes of the stream and of sources are copied into
 * struct hw_exec, and only the copy is looked at.
 *
 * Words: a *bulk* command works through up to three operands of the same size,
 * in *pieces* that lie in one page of each. A piece reads its sources, computes,
 * then writes. All other commands make one access or none.
 *
 * Lock: none here. struct hw_exec belongs to the engine's thread while the
 * context is RUNNING, and else to the holder of the engine's lock.
 */
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "hw_internal.h"

#define FNV_OFFSET	0xcbf29ce484222325ULL
#define FNV_PRIME	0x100000001b3ULL

/**
 * struct bulk - how a bulk command works
 * @nr_operands: operands
 * @nr_reads: how many of them are sources; they come first
 * @operands: arguments that are their addresses; sources go to the staging
 *	buffer of the same number, the destination is written from the first
 */
struct bulk {
	u8 nr_operands;
	u8 nr_reads;
	u8 operands[3];
};

static const struct bulk bulks[DUMMY_GPU_NR_OPS] = {
	[DUMMY_GPU_OP_FILL] = { 1, 0, { 0 } },
	[DUMMY_GPU_OP_COPY] = { 2, 1, { 1, 0 } },
	[DUMMY_GPU_OP_COMPARE] = { 2, 2, { 0, 1 } },
	[DUMMY_GPU_OP_CHECKSUM] = { 1, 1, { 0 } },
	[DUMMY_GPU_OP_VADD] = { 3, 2, { 1, 2, 0 } },
	[DUMMY_GPU_OP_VSCALE] = { 2, 1, { 1, 0 } },
};

int hw_exec_init(struct hw_exec *exec, struct hw_vm *vm)
{
	int nid = vm->chip->config.nid;
	unsigned int i;

	exec->vm = vm;

	for (i = 0; i < ARRAY_SIZE(exec->staging); i++) {
		exec->staging[i] = kmalloc_node(HW_PAGE_SIZE, GFP_KERNEL, nid);
		if (!exec->staging[i]) {
			hw_exec_fini(exec);
			return -ENOMEM;
		}
	}
	return 0;
}

void hw_exec_fini(struct hw_exec *exec)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(exec->staging); i++)
		kfree(exec->staging[i]);
}

/* ---- Ways out of a step ------------------------------------------------- */

static enum hw_step end_job(struct hw_exec *exec, u32 reason)
{
	exec->reason = reason;
	exec->phase = HW_PHASE_END;
	return HW_STEP_END;
}

static enum hw_step end_stream(struct hw_exec *exec)
{
	if (!exec->job->fence_addr)
		return end_job(exec, HW_REASON_NONE);
	exec->phase = HW_PHASE_FENCE;
	return HW_STEP_MORE;
}

static enum hw_step go_to(struct hw_exec *exec, u64 offset)
{
	exec->offset = offset;
	exec->fetched = 0;
	exec->phase = HW_PHASE_FETCH;
	WRITE_ONCE(exec->job->stream_offset, offset);

	if (offset == exec->job->stream_size)
		return end_stream(exec);
	return HW_STEP_MORE;
}

static enum hw_step next_command(struct hw_exec *exec)
{
	return go_to(exec, exec->offset + exec->length);
}

/* ---- Start -------------------------------------------------------------- */

static bool range_is_good(u64 start, u64 size)
{
	return IS_ALIGNED(start, sizeof(u64)) && start <= HW_VA_END &&
	       size <= HW_VA_END - start;
}

static bool job_is_good(const struct hw_job *job)
{
	if (job->stream_size > DUMMY_GPU_MAX_STREAM ||
	    !IS_ALIGNED(job->stream_size, sizeof(u64)))
		return false;
	return range_is_good(job->stream, job->stream_size) &&
	       range_is_good(job->fence_addr, sizeof(u64));
}

void hw_exec_start(struct hw_exec *exec, struct hw_job *job)
{
	exec->job = job;
	exec->reason = HW_REASON_NONE;
	memset(exec->regs, 0, sizeof(exec->regs));
	WRITE_ONCE(job->start_ns, ktime_get_ns());

	if (job_is_good(job))
		go_to(exec, 0);
	else
		end_job(exec, HW_REASON_BAD_STREAM);
}

/* ---- Accesses ----------------------------------------------------------- */

static bool try_access(struct hw_exec *exec, enum hw_access access, u64 va, void *buffer,
		       u32 size)
{
	struct hw_op op = {
		.va = va,
		.size = size,
		.access = access,
		.buffer = buffer,
		.cmd = &exec->cmd,
	};

	exec->addr = va;
	exec->access = access;
	exec->answer = hw_vm_access(exec->vm, exec->tlb, &op);
	return exec->answer == HW_ANSWER_DONE;
}

static u64 to_page_end(u64 va)
{
	return HW_PAGE_SIZE - (va & (HW_PAGE_SIZE - 1));
}

static u64 truncate(u64 value, unsigned int width)
{
	return value & GENMASK_ULL(8 * width - 1, 0);
}

/* ---- Fetch -------------------------------------------------------------- */

/* How long the command in @raw claims to be; its header has been fetched. */
static u64 raw_size(const struct hw_exec *exec)
{
	const struct dummy_gpu_cmd *header = (const void *)exec->raw;

	return sizeof(u64) * (1ULL + header->nr_args);
}

/*
 * Read as much as any command needs, but stay in the page: the next one may
 * not exist, and need not if the command ends here. A second access gets the
 * rest of a command that crosses.
 */
static enum hw_step step_fetch(struct hw_exec *exec)
{
	u64 left = exec->job->stream_size - exec->offset;
	u64 va = exec->job->stream + exec->offset + exec->fetched;
	u64 wanted = HW_MAX_CMD_SIZE;
	int length;

	if (exec->fetched)
		wanted = raw_size(exec);
	wanted = min(min(wanted, left) - exec->fetched, to_page_end(va));

	if (!try_access(exec, HW_ACCESS_READ, va, (void *)exec->raw + exec->fetched, wanted))
		return HW_STEP_FAULT;
	exec->fetched += wanted;

	if (raw_size(exec) > HW_MAX_CMD_SIZE)
		return end_job(exec, HW_REASON_BAD_STREAM);
	if (exec->fetched < min(raw_size(exec), left))
		return HW_STEP_MORE;

	length = hw_stream_decode(exec->raw, left, exec->offset, exec->job->stream_size,
				  &exec->cmd);
	if (length < 0)
		return end_job(exec, HW_REASON_BAD_STREAM);

	exec->length = length;
	exec->done = 0;
	exec->piece = 0;
	exec->phase = HW_PHASE_RUN;
	return HW_STEP_MORE;
}

/* ---- Bulk commands ------------------------------------------------------ */

static u64 bulk_size(const struct dummy_gpu_cmd *cmd)
{
	switch (cmd->op) {
	case DUMMY_GPU_OP_COPY:
	case DUMMY_GPU_OP_COMPARE:
		return cmd->args[2];
	case DUMMY_GPU_OP_VADD:
	case DUMMY_GPU_OP_VSCALE:
		return cmd->args[3] * cmd->width;
	default:
		return cmd->args[1];
	}
}

/* Pieces begin at multiples of the width, so one page of pattern serves all. */
static void compute_fill(struct hw_exec *exec)
{
	u64 pattern = truncate(exec->cmd.args[2], exec->cmd.width);
	unsigned int width;

	if (exec->done)
		return;
	for (width = exec->cmd.width; width < sizeof(u64); width *= 2)
		pattern |= pattern << (8 * width);
	memset64(exec->staging[0], pattern, HW_PAGE_SIZE / sizeof(u64));
}

static void compute_compare(struct hw_exec *exec)
{
	const u8 *a = exec->staging[0];
	const u8 *b = exec->staging[1];
	u32 i;

	if (!memcmp(a, b, exec->piece))
		return;

	for (i = 0; a[i] == b[i]; i++)
		;
	exec->regs[exec->cmd.reg] = exec->done + i;
	exec->size = exec->done + exec->piece;	/* seen enough */
}

static void compute_checksum(struct hw_exec *exec)
{
	const u8 *from = exec->staging[0];
	u32 i;

	for (i = 0; i < exec->piece; i++)
		exec->hash = (exec->hash ^ from[i]) * FNV_PRIME;
}

static void compute_vadd(struct hw_exec *exec)
{
	u32 i, nr = exec->piece / exec->cmd.width;

	if (exec->cmd.width == sizeof(u32)) {
		u32 *a = exec->staging[0], *b = exec->staging[1];

		for (i = 0; i < nr; i++)
			a[i] += b[i];
	} else {
		u64 *a = exec->staging[0], *b = exec->staging[1];

		for (i = 0; i < nr; i++)
			a[i] += b[i];
	}
}

static void compute_vscale(struct hw_exec *exec)
{
	u64 factor = exec->cmd.args[2];
	u32 i, nr = exec->piece / exec->cmd.width;

	if (exec->cmd.width == sizeof(u32)) {
		u32 *a = exec->staging[0];

		for (i = 0; i < nr; i++)
			a[i] *= (u32)factor;
	} else {
		u64 *a = exec->staging[0];

		for (i = 0; i < nr; i++)
			a[i] *= factor;
	}
}

static void compute(struct hw_exec *exec)
{
	switch (exec->cmd.op) {
	case DUMMY_GPU_OP_FILL:
		compute_fill(exec);
		break;
	case DUMMY_GPU_OP_COMPARE:
		compute_compare(exec);
		break;
	case DUMMY_GPU_OP_CHECKSUM:
		compute_checksum(exec);
		break;
	case DUMMY_GPU_OP_VADD:
		compute_vadd(exec);
		break;
	case DUMMY_GPU_OP_VSCALE:
		compute_vscale(exec);
		break;
	}
}

static void begin_bulk(struct hw_exec *exec)
{
	exec->size = bulk_size(&exec->cmd);
	exec->hash = FNV_OFFSET;
	if (exec->cmd.op == DUMMY_GPU_OP_COMPARE)
		exec->regs[exec->cmd.reg] = U64_MAX;
}

static enum hw_step end_bulk(struct hw_exec *exec)
{
	if (exec->cmd.op == DUMMY_GPU_OP_CHECKSUM)
		exec->regs[exec->cmd.reg] = exec->hash;
	return next_command(exec);
}

static void begin_piece(struct hw_exec *exec, const struct bulk *bulk)
{
	u64 piece = exec->size - exec->done;
	unsigned int i;

	for (i = 0; i < bulk->nr_operands; i++)
		piece = min(piece, to_page_end(exec->cmd.args[bulk->operands[i]] + exec->done));

	exec->piece = piece;
	exec->operand = 0;
	if (!bulk->nr_reads)
		compute(exec);
}

static enum hw_step step_bulk(struct hw_exec *exec)
{
	const struct bulk *bulk = &bulks[exec->cmd.op];
	enum hw_access access = HW_ACCESS_WRITE;
	void *buffer = exec->staging[0];
	u64 va;

	if (!exec->piece) {
		if (!exec->done)
			begin_bulk(exec);
		if (exec->done == exec->size)
			return end_bulk(exec);
		begin_piece(exec, bulk);
	}

	va = exec->cmd.args[bulk->operands[exec->operand]] + exec->done;
	if (exec->operand < bulk->nr_reads) {
		access = HW_ACCESS_READ;
		buffer = exec->staging[exec->operand];
	}
	if (!try_access(exec, access, va, buffer, exec->piece))
		return HW_STEP_FAULT;

	exec->operand++;
	if (exec->operand == bulk->nr_reads)
		compute(exec);
	if (exec->operand < bulk->nr_operands)
		return HW_STEP_MORE;

	exec->done += exec->piece;
	exec->piece = 0;
	if (exec->done == exec->size)
		return end_bulk(exec);
	return HW_STEP_MORE;
}

/* ---- Other commands ----------------------------------------------------- */

static bool cond_holds(u8 cond, u64 left, u64 right)
{
	switch (cond) {
	case DUMMY_GPU_COND_EQ:
		return left == right;
	case DUMMY_GPU_COND_NE:
		return left != right;
	case DUMMY_GPU_COND_LT:
		return left < right;
	case DUMMY_GPU_COND_GE:
		return left >= right;
	default:
		return true;
	}
}

bool hw_exec_modify(const struct dummy_gpu_cmd *cmd, u64 old, u64 *element)
{
	if (cmd->op == DUMMY_GPU_OP_ATOMIC_ADD) {
		*element = old + cmd->args[1];
		return true;
	}
	*element = cmd->args[2];
	return old == truncate(cmd->args[1], cmd->width);
}

/* Read the element, by a load or an atomic, zero-extended. */
static bool get_element(struct hw_exec *exec, enum hw_access how,
			u64 *element)
{
	*element = 0;
	return try_access(exec, how, exec->cmd.args[0], element, exec->cmd.width);
}

static enum hw_step step_load(struct hw_exec *exec,
			      enum hw_access how)
{
	u64 element;

	if (!get_element(exec, how, &element))
		return HW_STEP_FAULT;
	exec->regs[exec->cmd.reg] = element;
	return next_command(exec);
}

static enum hw_step step_store(struct hw_exec *exec, u64 value,
			       u32 width)
{
	if (!try_access(exec, HW_ACCESS_WRITE, exec->cmd.args[0], &value, width))
		return HW_STEP_FAULT;
	return next_command(exec);
}

static enum hw_step step_wait(struct hw_exec *exec)
{
	const struct dummy_gpu_cmd *cmd = &exec->cmd;
	u64 element;

	/*
	 * Count first, look second: a SIGNAL stores first and counts second, so
	 * if we miss its store then the engine sees the count change.
	 */
	exec->signals_seen = atomic_read_acquire(&exec->vm->chip->nr_signals);
	if (!get_element(exec, HW_ACCESS_READ, &element))
		return HW_STEP_FAULT;
	if (!cond_holds(cmd->cond, element, truncate(cmd->args[1], cmd->width)))
		return HW_STEP_WAIT;

	smp_mb();	/* pairs with the one before the store of a semaphore */
	return next_command(exec);
}

static enum hw_step step_signal(struct hw_exec *exec)
{
	enum hw_step step;

	smp_mb();	/* all stores before it; pairs with whoever polls it */
	step = step_store(exec, exec->cmd.args[1], exec->cmd.width);
	if (step != HW_STEP_FAULT)
		exec->signalled = true;
	return step;
}

static enum hw_step step_fence(struct hw_exec *exec)
{
	struct hw_job *job = exec->job;
	u64 value = job->fence_value;

	smp_mb();	/* all stores before it; pairs with whoever polls it */
	if (!try_access(exec, HW_ACCESS_WRITE, job->fence_addr, &value, sizeof(value)))
		return HW_STEP_FAULT;
	exec->signalled = true;
	return end_job(exec, HW_REASON_NONE);
}

static enum hw_step step_command(struct hw_exec *exec)
{
	const struct dummy_gpu_cmd *cmd = &exec->cmd;
	u64 *reg = &exec->regs[cmd->reg];

	if (bulks[cmd->op].nr_operands)
		return step_bulk(exec);

	switch (cmd->op) {
	case DUMMY_GPU_OP_END:
		return end_stream(exec);
	case DUMMY_GPU_OP_LOAD:
		return step_load(exec, HW_ACCESS_READ);
	case DUMMY_GPU_OP_STORE:
		return step_store(exec, cmd->flags & DUMMY_GPU_CMD_REG ? *reg : cmd->args[1],
				  cmd->width);
	case DUMMY_GPU_OP_SET:
		*reg = cmd->args[0];
		break;
	case DUMMY_GPU_OP_ADD:
		*reg += cmd->args[0];
		break;
	case DUMMY_GPU_OP_JUMP:
		if (cond_holds(cmd->cond, *reg, cmd->args[1]))
			return go_to(exec, cmd->args[0]);
		break;
	case DUMMY_GPU_OP_ATOMIC_ADD:
	case DUMMY_GPU_OP_ATOMIC_CAS:
		return step_load(exec, HW_ACCESS_ATOMIC);
	case DUMMY_GPU_OP_WAIT:
		return step_wait(exec);
	case DUMMY_GPU_OP_SIGNAL:
		return step_signal(exec);
	case DUMMY_GPU_OP_TIMESTAMP:
		return step_store(exec, ktime_get_ns(), sizeof(u64));
	}
	return next_command(exec);
}

static enum hw_step step(struct hw_exec *exec)
{
	switch (exec->phase) {
	case HW_PHASE_FETCH:
		return step_fetch(exec);
	case HW_PHASE_RUN:
		return step_command(exec);
	case HW_PHASE_FENCE:
		return step_fence(exec);
	default:
		return HW_STEP_END;
	}
}

enum hw_step hw_exec_step(struct hw_exec *exec, struct hw_tlb *tlb)
{
	enum hw_step what;

	exec->tlb = tlb;
	what = step(exec);
	/* No driver can do anything about it. */
	if (what == HW_STEP_FAULT && exec->answer == HW_ANSWER_BROKEN)
		return end_job(exec, HW_REASON_MEMORY);
	return what;
}
