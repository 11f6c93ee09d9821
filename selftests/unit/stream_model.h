/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A naive model of dummy_gpu_isa.h.
 *
 * It reads bytes one by one, computes in 128 bits so that nothing can overflow,
 * and knows each op by two short strings. It shares nothing with the decoder but
 * the numbers of the ops.
 */
#ifndef _UNIT_STREAM_MODEL_H_
#define _UNIT_STREAM_MODEL_H_

#include <stdlib.h>
#include <string.h>

#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/types.h>

#include <drm/dummy_gpu_isa.h>

/*
 * args: d an address, t the address of 64 bits, n a count of bytes, e a count of
 * elements, j an offset of the stream, v any value.
 * fields: r has a register, s has one if flag REG is set, c has a condition,
 * w has one that is not ALWAYS, o operands must not overlap.
 */
static const struct model {
	const char *args;
	const char *widths;
	const char *fields;
} models[] = {
	[DUMMY_GPU_OP_NOP] = { "", "", "" },
	[DUMMY_GPU_OP_END] = { "", "", "" },
	[DUMMY_GPU_OP_FILL] = { "dnv", "1248", "" },
	[DUMMY_GPU_OP_COPY] = { "ddn", "", "o" },
	[DUMMY_GPU_OP_LOAD] = { "d", "1248", "r" },
	[DUMMY_GPU_OP_STORE] = { "dv", "1248", "s" },
	[DUMMY_GPU_OP_SET] = { "v", "", "r" },
	[DUMMY_GPU_OP_ADD] = { "v", "", "r" },
	[DUMMY_GPU_OP_JUMP] = { "jv", "", "rc" },
	[DUMMY_GPU_OP_ATOMIC_ADD] = { "dv", "48", "r" },
	[DUMMY_GPU_OP_ATOMIC_CAS] = { "dvv", "48", "r" },
	[DUMMY_GPU_OP_COMPARE] = { "ddn", "", "r" },
	[DUMMY_GPU_OP_CHECKSUM] = { "dn", "", "r" },
	[DUMMY_GPU_OP_VADD] = { "ddde", "48", "" },
	[DUMMY_GPU_OP_VSCALE] = { "ddve", "48", "" },
	[DUMMY_GPU_OP_WAIT] = { "dv", "48", "w" },
	[DUMMY_GPU_OP_SIGNAL] = { "dv", "48", "" },
	[DUMMY_GPU_OP_TIMESTAMP] = { "t", "", "" },
};

static inline u64 load(const u8 *bytes, unsigned int size)
{
	u64 value = 0;

	while (size--)
		value = value << 8 | bytes[size];
	return value;
}

static inline bool model_takes_header(const struct model *model, const u8 *bytes)
{
	unsigned int width = bytes[1], reg = bytes[2], cond = bytes[3];
	unsigned int flags = load(bytes + 4, 2);
	bool has_reg = strchr(model->fields, 'r');

	if (load(bytes + 6, 2) != strlen(model->args))
		return false;
	if (model->widths[0] ? !width || width > 9 || !strchr(model->widths, '0' + width) : width)
		return false;
	if (strchr(model->fields, 's') && flags == DUMMY_GPU_CMD_REG)
		has_reg = true;
	else if (flags)
		return false;
	if (has_reg ? reg >= DUMMY_GPU_NR_REGS : reg)
		return false;
	if (strchr(model->fields, 'c'))
		return cond < DUMMY_GPU_NR_CONDS;
	if (strchr(model->fields, 'w'))
		return cond && cond < DUMMY_GPU_NR_CONDS;
	return !cond;
}

static inline bool model_takes_args(const struct model *model, const u8 *bytes, u64 stream_size)
{
	unsigned int width = bytes[1] ? bytes[1] : 1;
	u128 a[DUMMY_GPU_MAX_ARGS] = { 0 };
	u128 size = width;
	unsigned int i;

	for (i = 0; model->args[i]; i++)
		a[i] = load(bytes + 8 + 8 * i, 8);

	for (i = 0; model->args[i]; i++) {
		if (model->args[i] == 'n')
			size = a[i];
		if (model->args[i] == 'e')
			size = a[i] * width;
	}
	if (size > DUMMY_GPU_MAX_BYTES || size % width)
		return false;

	for (i = 0; model->args[i]; i++) {
		char arg = model->args[i];

		if (arg == 'd' && (a[i] % width || a[i] + size > (u128)1 << 48))
			return false;
		if (arg == 't' && (a[i] % 8 || a[i] + 8 > (u128)1 << 48))
			return false;
		if (arg == 'j' && (a[i] % 8 || a[i] >= stream_size))
			return false;
	}
	if (strchr(model->fields, 'o') && a[0] < a[1] + size && a[1] < a[0] + size)
		return false;
	return true;
}

/* Return: the length of the command, or -EINVAL. */
static inline int model_decode(const u8 *bytes, u64 size, u64 stream_size)
{
	const struct model *model;

	if (size < 8 || bytes[0] >= ARRAY_SIZE(models))
		return -EINVAL;
	model = &models[bytes[0]];
	if (!model_takes_header(model, bytes))
		return -EINVAL;
	if (size < 8 + 8 * strlen(model->args))
		return -EINVAL;
	if (!model_takes_args(model, bytes, stream_size))
		return -EINVAL;
	return 8 + 8 * strlen(model->args);
}

/* Return: 0, or -EINVAL and the offset of the first command that breaks a rule. */
static inline int model_check(const u8 *bytes, u64 size, u64 *bad_offset)
{
	bool *starts = calloc(size + 1, sizeof(*starts));
	int length = 0, ret = 0;
	u64 at;

	*bad_offset = 0;
	for (at = 0; at < size && !ret; at += length) {
		starts[at] = true;
		*bad_offset = at;
		length = model_decode(bytes + at, size - at, size);
		if (length < 0)
			ret = -EINVAL;
	}
	for (at = 0; at < size && !ret; at++) {
		if (!starts[at] || bytes[at] != DUMMY_GPU_OP_JUMP)
			continue;
		*bad_offset = at;
		if (!starts[load(bytes + at + 8, 8)])
			ret = -EINVAL;
	}
	free(starts);
	return ret;
}

#endif
