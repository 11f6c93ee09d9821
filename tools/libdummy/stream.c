// SPDX-License-Identifier: MIT
/*
 * Streams: the commands of a job, built one after the other.
 *
 * A stream's commands are a row of 64-bit words, a header and its arguments for
 * each command. Where the words are is the only thing streams differ in:
 *
 *   grown	mapped by us, moved as it grows; an SVM VM reads them there
 *   given	in memory of the caller, which may be a mapped buffer object
 *   bound	as either of them, and a copy in a buffer object of ours, which is
 *		what the device reads
 */
#define _GNU_SOURCE		/* mremap */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "libdummy.h"

#define GROWN_SIZE	16384	/* to begin with; a multiple of any page size */

struct dummy_stream {
	uint64_t *words;
	size_t nr_words;
	size_t room;		/* words there is memory for */
	uint64_t addr;		/* where the device reads, for given and bound */
	int given;		/* the memory is the caller's */
	int error;		/* the first one, which sticks */
	struct dummy_vm *vm;	/* bound there, or NULL */
	struct dummy_bo *bo;	/* the copy, when bound */
	uint64_t given_addr;	/* what addr was before the stream was bound */
};

/* A command as it is in the stream, less its arguments. */
#define HEADER_SIZE	offsetof(struct dummy_gpu_cmd, args)

_Static_assert(offsetof(struct dummy_gpu_cmd, args) == sizeof(uint64_t),
	       "a header is one word");

DUMMY_EXPORT int dummy_stream_create(struct dummy_stream **stream)
{
	struct dummy_stream *new;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->words = mmap(NULL, GROWN_SIZE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new->words == MAP_FAILED) {
		free(new);
		return -ENOMEM;
	}
	new->room = GROWN_SIZE / sizeof(*new->words);
	*stream = new;
	return 0;
}

DUMMY_EXPORT int dummy_stream_create_in(void *memory, size_t size,
					uint64_t addr,
					struct dummy_stream **stream)
{
	struct dummy_stream *new;

	if (dummy_addr(memory) % sizeof(*new->words))
		return -EINVAL;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->words = memory;
	new->room = size / sizeof(*new->words);
	new->given = 1;
	new->given_addr = addr;
	new->addr = addr;
	*stream = new;
	return 0;
}

static int unbind(struct dummy_stream *s)
{
	int ret, error;

	if (!s->bo)
		return 0;
	ret = dummy_vm_unbind(s->vm, s->addr, dummy_bo_size(s->bo));
	error = dummy_bo_destroy(s->bo);
	s->bo = NULL;
	s->vm = NULL;
	s->addr = s->given_addr;
	return ret ? ret : error;
}

DUMMY_EXPORT int dummy_stream_destroy(struct dummy_stream *s)
{
	int ret;

	if (!s)
		return 0;
	ret = unbind(s);
	if (!s->given)
		munmap(s->words, s->room * sizeof(*s->words));
	free(s);
	return ret;
}

DUMMY_EXPORT int dummy_stream_reset(struct dummy_stream *s)
{
	s->nr_words = 0;
	s->error = 0;
	return unbind(s);
}

DUMMY_EXPORT int dummy_stream_bind(struct dummy_stream *s, struct dummy_vm *vm,
				   uint64_t addr)
{
	uint64_t page_size = dummy_device_info(vm->dev)->page_size;
	uint64_t size = dummy_stream_size(s);
	struct dummy_bo *bo;
	void *copy;
	int ret;

	if (s->error)
		return s->error;
	if (s->bo)
		return -EBUSY;
	if (!size)
		return -EINVAL;

	ret = dummy_bo_create(vm->dev, (size + page_size - 1) & -page_size, 0,
			      &bo);
	if (ret)
		return ret;
	ret = dummy_bo_map(bo, &copy);
	if (ret)
		goto err_bo;
	memcpy(copy, s->words, size);
	ret = dummy_vm_bind(vm, bo, 0, addr, dummy_bo_size(bo),
			    DRM_DUMMY_GPU_BIND_READONLY);
	if (ret)
		goto err_bo;

	s->bo = bo;
	s->vm = vm;
	s->addr = addr;
	return 0;

err_bo:
	dummy_bo_destroy(bo);
	return ret;
}

DUMMY_EXPORT int dummy_stream_error(const struct dummy_stream *s)
{
	return s->error;
}

DUMMY_EXPORT uint64_t dummy_stream_addr(const struct dummy_stream *s)
{
	return s->given || s->bo ? s->addr : dummy_addr(s->words);
}

DUMMY_EXPORT uint64_t dummy_stream_size(const struct dummy_stream *s)
{
	return s->nr_words * sizeof(*s->words);
}

DUMMY_EXPORT const void *dummy_stream_data(const struct dummy_stream *s)
{
	return s->words;
}

static int fail(struct dummy_stream *s, int error)
{
	s->error = error;
	return error;
}

static int grow(struct dummy_stream *s, size_t nr_words)
{
	size_t size = s->room * sizeof(*s->words);
	size_t wanted = size;
	void *words;

	if (s->given)
		return -ENOSPC;
	while (wanted < nr_words * sizeof(*s->words))
		wanted *= 2;
	words = mremap(s->words, size, wanted, MREMAP_MAYMOVE);
	if (words == MAP_FAILED)
		return -ENOMEM;
	s->words = words;
	s->room = wanted / sizeof(*s->words);
	return 0;
}

DUMMY_EXPORT int dummy_stream_words(struct dummy_stream *s,
				    const uint64_t *words, size_t count)
{
	const size_t most = DUMMY_GPU_MAX_STREAM / sizeof(*words);
	int ret;

	if (s->error)
		return s->error;
	if (s->bo)
		return fail(s, -EBUSY);
	if (count > most || s->nr_words > most - count)
		return fail(s, -E2BIG);
	if (s->nr_words + count > s->room) {
		ret = grow(s, s->nr_words + count);
		if (ret)
			return fail(s, ret);
	}
	memcpy(s->words + s->nr_words, words, count * sizeof(*words));
	s->nr_words += count;
	return 0;
}

DUMMY_EXPORT int dummy_stream_command(struct dummy_stream *s,
				      const struct dummy_gpu_cmd *cmd)
{
	uint64_t words[1 + DUMMY_GPU_MAX_ARGS];
	size_t args_size;

	if (s->error)
		return s->error;
	if (cmd->nr_args > DUMMY_GPU_MAX_ARGS)
		return fail(s, -EINVAL);
	args_size = cmd->nr_args * sizeof(*words);
	memcpy(words, cmd, HEADER_SIZE);
	memcpy(words + 1, cmd->args, args_size);
	return dummy_stream_words(s, words, 1 + cmd->nr_args);
}

/* What each op has: arguments, and the widths it allows or'ed together. */
static const struct {
	unsigned int nr_args;
	unsigned int widths;
} ops[DUMMY_GPU_NR_OPS] = {
	[DUMMY_GPU_OP_NOP] =		{ 0, 0 },
	[DUMMY_GPU_OP_END] =		{ 0, 0 },
	[DUMMY_GPU_OP_FILL] =		{ 3, 1 | 2 | 4 | 8 },
	[DUMMY_GPU_OP_COPY] =		{ 3, 0 },
	[DUMMY_GPU_OP_LOAD] =		{ 1, 1 | 2 | 4 | 8 },
	[DUMMY_GPU_OP_STORE] =		{ 2, 1 | 2 | 4 | 8 },
	[DUMMY_GPU_OP_SET] =		{ 1, 0 },
	[DUMMY_GPU_OP_ADD] =		{ 1, 0 },
	[DUMMY_GPU_OP_JUMP] =		{ 2, 0 },
	[DUMMY_GPU_OP_ATOMIC_ADD] =	{ 2, 4 | 8 },
	[DUMMY_GPU_OP_ATOMIC_CAS] =	{ 3, 4 | 8 },
	[DUMMY_GPU_OP_COMPARE] =	{ 3, 0 },
	[DUMMY_GPU_OP_CHECKSUM] =	{ 2, 0 },
	[DUMMY_GPU_OP_VADD] =		{ 4, 4 | 8 },
	[DUMMY_GPU_OP_VSCALE] =		{ 4, 4 | 8 },
	[DUMMY_GPU_OP_WAIT] =		{ 2, 4 | 8 },
	[DUMMY_GPU_OP_SIGNAL] =		{ 2, 4 | 8 },
	[DUMMY_GPU_OP_TIMESTAMP] =	{ 1, 0 },
};

/* The fields of a command as callers give them: wider than in the stream. */
struct fields {
	unsigned int op;
	unsigned int width;
	unsigned int reg;
	unsigned int cond;
	unsigned int flags;
	uint64_t args[DUMMY_GPU_MAX_ARGS];
};

static int fields_are_good(const struct fields *f)
{
	if (ops[f->op].widths) {
		if (f->width & (f->width - 1) ||
		    !(f->width & ops[f->op].widths))
			return 0;
	}
	return f->reg < DUMMY_GPU_NR_REGS && f->cond < DUMMY_GPU_NR_CONDS;
}

static int add(struct dummy_stream *s, const struct fields *f)
{
	struct dummy_gpu_cmd cmd = {
		.op = f->op,
		.width = f->width,
		.reg = f->reg,
		.cond = f->cond,
		.flags = f->flags,
		.nr_args = ops[f->op].nr_args,
	};

	if (s->error)
		return s->error;
	if (!fields_are_good(f))
		return fail(s, -EINVAL);
	memcpy(cmd.args, f->args, sizeof(cmd.args));
	return dummy_stream_command(s, &cmd);
}

DUMMY_EXPORT int dummy_stream_nop(struct dummy_stream *s)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_NOP,
	});
}

DUMMY_EXPORT int dummy_stream_end(struct dummy_stream *s)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_END,
	});
}

DUMMY_EXPORT int dummy_stream_fill(struct dummy_stream *s, uint64_t dst,
				   uint64_t bytes, uint64_t pattern,
				   unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_FILL,
		.width = width,
		.args = { dst, bytes, pattern },
	});
}

DUMMY_EXPORT int dummy_stream_copy(struct dummy_stream *s, uint64_t dst,
				   uint64_t src, uint64_t bytes)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_COPY,
		.args = { dst, src, bytes },
	});
}

DUMMY_EXPORT int dummy_stream_load(struct dummy_stream *s, unsigned int reg,
				   uint64_t src, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_LOAD,
		.width = width,
		.reg = reg,
		.args = { src },
	});
}

DUMMY_EXPORT int dummy_stream_store(struct dummy_stream *s, uint64_t dst,
				    uint64_t value, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_STORE,
		.width = width,
		.args = { dst, value },
	});
}

DUMMY_EXPORT int dummy_stream_store_reg(struct dummy_stream *s, uint64_t dst,
					unsigned int reg, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_STORE,
		.width = width,
		.reg = reg,
		.flags = DUMMY_GPU_CMD_REG,
		.args = { dst },
	});
}

DUMMY_EXPORT int dummy_stream_set(struct dummy_stream *s, unsigned int reg,
				  uint64_t value)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_SET,
		.reg = reg,
		.args = { value },
	});
}

DUMMY_EXPORT int dummy_stream_add(struct dummy_stream *s, unsigned int reg,
				  uint64_t value)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_ADD,
		.reg = reg,
		.args = { value },
	});
}

DUMMY_EXPORT int dummy_stream_jump(struct dummy_stream *s, uint64_t offset,
				   enum dummy_gpu_cond cond, unsigned int reg,
				   uint64_t value)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_JUMP,
		.reg = reg,
		.cond = cond,
		.args = { offset, value },
	});
}

DUMMY_EXPORT int dummy_stream_set_target(struct dummy_stream *s, uint64_t jump,
					 uint64_t offset)
{
	size_t word = jump / sizeof(*s->words);
	struct dummy_gpu_cmd cmd;

	if (s->error)
		return s->error;
	if (s->bo)
		return fail(s, -EBUSY);
	if (jump % sizeof(*s->words) || word + 1 >= s->nr_words)
		return fail(s, -EINVAL);
	memcpy(&cmd, s->words + word, HEADER_SIZE);
	if (cmd.op != DUMMY_GPU_OP_JUMP || cmd.nr_args != ops[cmd.op].nr_args)
		return fail(s, -EINVAL);
	s->words[word + 1] = offset;
	return 0;
}

DUMMY_EXPORT int dummy_stream_atomic_add(struct dummy_stream *s,
					 unsigned int reg, uint64_t addr,
					 uint64_t value, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_ATOMIC_ADD,
		.width = width,
		.reg = reg,
		.args = { addr, value },
	});
}

DUMMY_EXPORT int dummy_stream_atomic_cas(struct dummy_stream *s,
					 unsigned int reg, uint64_t addr,
					 uint64_t expected, uint64_t desired,
					 unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_ATOMIC_CAS,
		.width = width,
		.reg = reg,
		.args = { addr, expected, desired },
	});
}

DUMMY_EXPORT int dummy_stream_compare(struct dummy_stream *s, unsigned int reg,
				      uint64_t a, uint64_t b, uint64_t bytes)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_COMPARE,
		.reg = reg,
		.args = { a, b, bytes },
	});
}

DUMMY_EXPORT int dummy_stream_checksum(struct dummy_stream *s, unsigned int reg,
				       uint64_t src, uint64_t bytes)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_CHECKSUM,
		.reg = reg,
		.args = { src, bytes },
	});
}

DUMMY_EXPORT int dummy_stream_vadd(struct dummy_stream *s, uint64_t dst,
				   uint64_t a, uint64_t b, uint64_t count,
				   unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_VADD,
		.width = width,
		.args = { dst, a, b, count },
	});
}

DUMMY_EXPORT int dummy_stream_vscale(struct dummy_stream *s, uint64_t dst,
				     uint64_t a, uint64_t factor,
				     uint64_t count, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_VSCALE,
		.width = width,
		.args = { dst, a, factor, count },
	});
}

DUMMY_EXPORT int dummy_stream_wait(struct dummy_stream *s, uint64_t addr,
				   enum dummy_gpu_cond cond, uint64_t value,
				   unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_WAIT,
		.width = width,
		.cond = cond,
		.args = { addr, value },
	});
}

DUMMY_EXPORT int dummy_stream_signal(struct dummy_stream *s, uint64_t addr,
				     uint64_t value, unsigned int width)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_SIGNAL,
		.width = width,
		.args = { addr, value },
	});
}

DUMMY_EXPORT int dummy_stream_timestamp(struct dummy_stream *s, uint64_t dst)
{
	return add(s, &(struct fields) {
		.op = DUMMY_GPU_OP_TIMESTAMP,
		.args = { dst },
	});
}
