// SPDX-License-Identifier: GPL-2.0
/*
 * The stream validator. The input is a stream.
 *
 * It has to agree with the naive model of the unit tests on what is wrong and where.
 * What it lets through, the engine can walk to the end; and what the engine stops
 * at, it does not let through.
 */
#include <string.h>

#include "fuzz.h"
#include "hw.h"
#include "stream_model.h"

#define MAX_CMD		(8 + 8 * DUMMY_GPU_MAX_ARGS)

/*
 * The decoder goes by a table, so that another op is no new code. libFuzzer takes
 * what it has not seen in here for new, too.
 */
__attribute__((section("__libfuzzer_extra_counters")))
static u8 decoded[DUMMY_GPU_NR_OPS * 16];

/*
 * As step_fetch() of the engine does: the command is in a buffer of its own that
 * ends with the longest command. Whatever is there beyond this one must not matter.
 */
static int fetch(const u8 *stream, u64 size, u64 offset, u8 garbage, struct dummy_gpu_cmd *cmd)
{
	u64 left = size - offset;
	u64 raw[MAX_CMD / sizeof(u64)];
	u64 wanted = 8;

	memset(raw, garbage, sizeof(raw));
	if (left >= 8)
		wanted += 8 * load(stream + offset + 6, 2);
	if (wanted > MAX_CMD)
		return -EINVAL;

	memcpy(raw, stream + offset, wanted < left ? wanted : left);
	return hw_stream_decode(raw, left, offset, size, cmd);
}

/* What the engine takes for granted. */
static void check_command(const struct dummy_gpu_cmd *cmd, const u8 *bytes, u64 size)
{
	unsigned int i;

	CHECK(cmd->op < DUMMY_GPU_NR_OPS);
	CHECK(cmd->width <= 8 && !(cmd->width & (cmd->width - 1)));
	CHECK(cmd->reg < DUMMY_GPU_NR_REGS);
	CHECK(cmd->cond < DUMMY_GPU_NR_CONDS);
	CHECK(cmd->nr_args <= DUMMY_GPU_MAX_ARGS);
	CHECK(!memcmp(cmd, bytes, 8));
	for (i = 0; i < DUMMY_GPU_MAX_ARGS; i++)
		CHECK(cmd->args[i] == (i < cmd->nr_args ? load(bytes + 8 + 8 * i, 8) : 0));
	if (cmd->op == DUMMY_GPU_OP_JUMP)
		CHECK(cmd->args[0] < size && cmd->args[0] % 8 == 0);
}

static int decode(const u8 *stream, u64 size, u64 offset)
{
	const u8 *bytes = stream + offset;
	struct dummy_gpu_cmd cmd, fetched;
	int length;

	length = hw_stream_decode(bytes, size - offset, offset, size, &cmd);
	CHECK(fetch(stream, size, offset, 0x00, &fetched) == length);
	CHECK(length < 0 || !memcmp(&cmd, &fetched, sizeof(cmd)));
	CHECK(fetch(stream, size, offset, 0xff, &fetched) == length);
	CHECK(length < 0 || !memcmp(&cmd, &fetched, sizeof(cmd)));
	if (length < 0)
		return length;

	CHECK(length >= 8 && length % 8 == 0 && length <= size - offset);
	check_command(&cmd, bytes, size);
	decoded[cmd.op * 16 + cmd.width] = 1;
	/* One that is cut off by the end is none. */
	CHECK(hw_stream_decode(bytes, length - 1, offset, size, &cmd) == -EINVAL);
	return length;
}

/* Return: where the first command is that does not decode, or @size. */
static u64 walk(const u8 *stream, u64 size)
{
	u64 offset = 0;
	int length;

	while (offset < size) {
		length = decode(stream, size, offset);
		if (length < 0)
			break;
		offset += length;
	}
	return offset;
}

static void check_stream(const u8 *stream, u64 size)
{
	u64 bad, bad_again, model_bad, end = walk(stream, size);
	int ret = hw_stream_check(stream, size, &bad);

	CHECK(hw_stream_check(stream, size, &bad_again) == ret && bad_again == bad);
	CHECK(model_check(stream, size, &model_bad) == ret);
	if (!ret) {
		CHECK(end == size);
		return;
	}
	CHECK(bad < size && bad == model_bad);
	CHECK(end == bad || (end == size && stream[bad] == DUMMY_GPU_OP_JUMP));
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	/* Of exactly that size, so that ASan sees who reads beyond it. */
	u8 *stream = malloc(size);

	if (size)
		memcpy(stream, bytes, size);
	check_stream(stream, size);
	free(stream);
	return 0;
}
