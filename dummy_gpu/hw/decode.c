// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding and checking commands.
 *
 * Invariant: a command that decodes is safe to execute with no further check of
 * its fields: its registers exist, its operands lie inside the address space
 * and are aligned, nothing overflows. Whether memory is there is the page
 * table's business.
 *
 * Words: an *element* is what has an alignment: W bytes, or what the rules say
 * for commands without W. The *extent* is how many bytes each operand spans.
 *
 * Lock: none. Pure: user space builds this file too.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "hw.h"

#define HEADER_SIZE	8

/* Bit w stands for a width of w bytes. */
#define W_NONE		BIT(0)
#define W_ANY		(BIT(1) | BIT(2) | BIT(4) | BIT(8))
#define W_WORD		(BIT(4) | BIT(8))

/* What the extent of the operands is. */
enum extent {
	EXTENT_ELEMENT = 0,	/* one element */
	EXTENT_BYTES,		/* an argument, in bytes */
	EXTENT_ELEMENTS,	/* an argument, in elements */
};

/**
 * struct rules - what is good for one op
 * @nr_args: arguments
 * @widths: set of W_*
 * @element: element size in bytes if the command has no width
 * @uses_reg: the register field counts
 * @uses_cond: the condition field counts
 * @flags: flags that may be set
 * @addresses: set of arguments that are addresses
 * @extent: what gives the extent
 * @extent_arg: the argument that does
 */
struct rules {
	u8 nr_args;
	u16 widths;
	u8 element;
	bool uses_reg;
	bool uses_cond;
	u16 flags;
	u8 addresses;
	enum extent extent;
	u8 extent_arg;
};

static const struct rules rules[DUMMY_GPU_NR_OPS] = {
	[DUMMY_GPU_OP_NOP] = { .widths = W_NONE },
	[DUMMY_GPU_OP_END] = { .widths = W_NONE },
	[DUMMY_GPU_OP_FILL] = {
		.nr_args = 3, .widths = W_ANY, .addresses = BIT(0),
		.extent = EXTENT_BYTES, .extent_arg = 1,
	},
	[DUMMY_GPU_OP_COPY] = {
		.nr_args = 3, .widths = W_NONE, .element = 1, .addresses = BIT(0) | BIT(1),
		.extent = EXTENT_BYTES, .extent_arg = 2,
	},
	[DUMMY_GPU_OP_LOAD] = {
		.nr_args = 1, .widths = W_ANY, .uses_reg = true, .addresses = BIT(0),
	},
	[DUMMY_GPU_OP_STORE] = {
		.nr_args = 2, .widths = W_ANY, .flags = DUMMY_GPU_CMD_REG, .addresses = BIT(0),
	},
	[DUMMY_GPU_OP_SET] = { .nr_args = 1, .widths = W_NONE, .uses_reg = true },
	[DUMMY_GPU_OP_ADD] = { .nr_args = 1, .widths = W_NONE, .uses_reg = true },
	[DUMMY_GPU_OP_JUMP] = {
		.nr_args = 2, .widths = W_NONE, .uses_reg = true, .uses_cond = true,
	},
	[DUMMY_GPU_OP_ATOMIC_ADD] = {
		.nr_args = 2, .widths = W_WORD, .uses_reg = true, .addresses = BIT(0),
	},
	[DUMMY_GPU_OP_ATOMIC_CAS] = {
		.nr_args = 3, .widths = W_WORD, .uses_reg = true, .addresses = BIT(0),
	},
	[DUMMY_GPU_OP_COMPARE] = {
		.nr_args = 3, .widths = W_NONE, .element = 1, .uses_reg = true,
		.addresses = BIT(0) | BIT(1), .extent = EXTENT_BYTES, .extent_arg = 2,
	},
	[DUMMY_GPU_OP_CHECKSUM] = {
		.nr_args = 2, .widths = W_NONE, .element = 1, .uses_reg = true,
		.addresses = BIT(0), .extent = EXTENT_BYTES, .extent_arg = 1,
	},
	[DUMMY_GPU_OP_VADD] = {
		.nr_args = 4, .widths = W_WORD, .addresses = BIT(0) | BIT(1) | BIT(2),
		.extent = EXTENT_ELEMENTS, .extent_arg = 3,
	},
	[DUMMY_GPU_OP_VSCALE] = {
		.nr_args = 4, .widths = W_WORD, .addresses = BIT(0) | BIT(1),
		.extent = EXTENT_ELEMENTS, .extent_arg = 3,
	},
	[DUMMY_GPU_OP_WAIT] = {
		.nr_args = 2, .widths = W_WORD, .uses_cond = true, .addresses = BIT(0),
	},
	[DUMMY_GPU_OP_SIGNAL] = { .nr_args = 2, .widths = W_WORD, .addresses = BIT(0) },
	[DUMMY_GPU_OP_TIMESTAMP] = {
		.nr_args = 1, .widths = W_NONE, .element = 8, .addresses = BIT(0),
	},
};

static bool header_is_good(const struct dummy_gpu_cmd *cmd)
{
	const struct rules *rule;
	bool uses_reg;

	if (cmd->op >= DUMMY_GPU_NR_OPS)
		return false;

	rule = &rules[cmd->op];
	if (cmd->nr_args != rule->nr_args)
		return false;
	if (cmd->width > 8 || !(rule->widths & BIT(cmd->width)))
		return false;
	if (cmd->flags & ~rule->flags)
		return false;

	uses_reg = rule->uses_reg || (cmd->flags & DUMMY_GPU_CMD_REG);
	if (cmd->reg >= (uses_reg ? DUMMY_GPU_NR_REGS : 1))
		return false;
	return cmd->cond < (rule->uses_cond ? DUMMY_GPU_NR_CONDS : 1);
}

static bool range_is_good(u64 start, u64 size, unsigned int element)
{
	return start % element == 0 && start <= HW_VA_END && size <= HW_VA_END - start;
}

static bool operands_are_good(const struct dummy_gpu_cmd *cmd)
{
	const struct rules *rule = &rules[cmd->op];
	unsigned int element = cmd->width ?: rule->element;
	u64 size = element;
	unsigned int i;

	if (rule->extent != EXTENT_ELEMENT)
		size = cmd->args[rule->extent_arg];
	if (rule->extent == EXTENT_ELEMENTS) {
		if (size > DUMMY_GPU_MAX_BYTES / element)
			return false;
		size *= element;
	}
	if (size > DUMMY_GPU_MAX_BYTES || (element && size % element))
		return false;

	for (i = 0; i < rule->nr_args; i++) {
		if (!(rule->addresses & BIT(i)))
			continue;
		if (!range_is_good(cmd->args[i], size, element))
			return false;
	}
	return true;
}

static bool ranges_overlap(u64 a, u64 b, u64 size)
{
	return a < b ? b - a < size : a - b < size;
}

/* Rules that one op has for itself. */
static bool op_is_good(const struct dummy_gpu_cmd *cmd, u64 stream_size)
{
	const u64 *args = cmd->args;

	switch (cmd->op) {
	case DUMMY_GPU_OP_COPY:
		return !ranges_overlap(args[0], args[1], args[2]);
	case DUMMY_GPU_OP_JUMP:
		return args[0] % HEADER_SIZE == 0 && args[0] < stream_size;
	case DUMMY_GPU_OP_WAIT:
		return cmd->cond != DUMMY_GPU_COND_ALWAYS;
	default:
		return true;
	}
}

int hw_stream_decode(const void *bytes, u64 size, u64 offset, u64 stream_size,
		     struct dummy_gpu_cmd *cmd)
{
	unsigned int length;

	/* The struct begins as a command does: header, then arguments. */
	memset(cmd, 0, sizeof(*cmd));
	if (offset % HEADER_SIZE || size < HEADER_SIZE)
		return -EINVAL;
	memcpy(cmd, bytes, HEADER_SIZE);
	if (!header_is_good(cmd))
		return -EINVAL;

	length = HEADER_SIZE + cmd->nr_args * sizeof(cmd->args[0]);
	if (size < length)
		return -EINVAL;
	memcpy(cmd, bytes, length);
	if (!operands_are_good(cmd) || !op_is_good(cmd, stream_size))
		return -EINVAL;

	return length;
}

/* Is @target where a command starts? The stream decodes from its start to there. */
static bool target_is_start(const void *bytes, u64 size, u64 target)
{
	struct dummy_gpu_cmd cmd;
	u64 offset = 0;

	while (offset < target)
		offset += hw_stream_decode(bytes + offset, size - offset, offset, size, &cmd);
	return offset == target;
}

int hw_stream_check(const void *bytes, u64 size, u64 *bad_offset)
{
	struct dummy_gpu_cmd cmd;
	u64 offset;
	int length;

	*bad_offset = 0;
	if (size > DUMMY_GPU_MAX_STREAM)
		return -EINVAL;

	for (offset = 0; offset < size; offset += length) {
		*bad_offset = offset;
		length = hw_stream_decode(bytes + offset, size - offset, offset, size, &cmd);
		if (length < 0)
			return length;
	}

	/* Targets may be ahead, so they wait until all commands are known to decode. */
	for (offset = 0; offset < size; offset += length) {
		*bad_offset = offset;
		length = hw_stream_decode(bytes + offset, size - offset, offset, size, &cmd);
		if (cmd.op == DUMMY_GPU_OP_JUMP && !target_is_start(bytes, size, cmd.args[0]))
			return -EINVAL;
	}
	return 0;
}
