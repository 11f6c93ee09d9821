// SPDX-License-Identifier: GPL-2.0
/*
 * The command decoder against a naive model of dummy_gpu_isa.h.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/array_size.h>
#include <linux/errno.h>

#include "hw.h"
#include "stream_model.h"
#include "tap.h"

#define STREAM_SIZE	4096
#define MAX_CMD		(8 + 8 * DUMMY_GPU_MAX_ARGS)

/* ---- Helpers ------------------------------------------------------------ */

static void store(u8 *bytes, unsigned int size, u64 value)
{
	for (; size--; value >>= 8)
		*bytes++ = value;
}

/* A command that is good whatever the width is. Return: its length. */
static unsigned int good_command(u8 *bytes, unsigned int op, unsigned int width)
{
	const struct model *model = &models[op];
	unsigned int i;

	memset(bytes, 0, MAX_CMD);
	bytes[0] = op;
	bytes[1] = width;
	bytes[2] = strchr(model->fields, 'r') ? DUMMY_GPU_NR_REGS - 1 : 0;
	bytes[3] = strpbrk(model->fields, "cw") ? DUMMY_GPU_COND_GE : 0;
	store(bytes + 6, 2, strlen(model->args));

	for (i = 0; model->args[i]; i++) {
		u64 value = 0x123456789abcdef0ULL;

		if (strchr("dt", model->args[i]))
			value = 0x7f0000001000ULL + i * 0x100000;
		if (strchr("ne", model->args[i]))
			value = 0x2000;
		if (model->args[i] == 'j')
			value = STREAM_SIZE - 8;
		store(bytes + 8 + 8 * i, 8, value);
	}
	return 8 + 8 * i;
}

/* Decode from memory of exactly @size bytes, so that ASan sees what is read. */
static int decode(const u8 *bytes, u64 size, u64 stream_size, struct dummy_gpu_cmd *cmd)
{
	u8 *exact = malloc(size ? size : 1);
	int length;

	memcpy(exact, bytes, size);
	length = hw_stream_decode(exact, size, 0, stream_size, cmd);
	free(exact);
	return length;
}

static bool agrees(const u8 *bytes, u64 size, u64 stream_size)
{
	struct dummy_gpu_cmd cmd;

	return decode(bytes, size, stream_size, &cmd) == model_decode(bytes, size, stream_size);
}

/* All ops with all their widths, one after the other; begins zeroed. */
struct good {
	unsigned int next;
	unsigned int op;
	unsigned int length;
	u8 bytes[MAX_CMD];
};

static bool next_good(struct good *good)
{
	while (good->next < DUMMY_GPU_NR_OPS * 16) {
		const char *widths = models[good->next / 16].widths;
		unsigned int width = good->next % 16;

		good->op = good->next++ / 16;
		if (width > 8 || (width ? !strchr(widths, '0' + width) : widths[0]))
			continue;
		good->length = good_command(good->bytes, good->op, width);
		return true;
	}
	return false;
}

/* ---- Claims about one command ------------------------------------------- */

static void model_knows_every_op(void)
{
	unsigned int op;

	CHECK(ARRAY_SIZE(models) == DUMMY_GPU_NR_OPS);
	for (op = 0; op < DUMMY_GPU_NR_OPS; op++)
		CHECK(models[op].args, "op %u", op);
}

static void good_commands_decode_to_their_fields(void)
{
	struct good good = { 0 };
	struct dummy_gpu_cmd cmd;
	unsigned int i;

	while (next_good(&good)) {
		const u8 *bytes = good.bytes;

		memset(&cmd, 0xff, sizeof(cmd));
		CHECK(decode(bytes, good.length, STREAM_SIZE, &cmd) == good.length,
		      "op %u", good.op);
		CHECK(model_decode(bytes, good.length, STREAM_SIZE) == good.length,
		      "op %u", good.op);
		CHECK(cmd.op == bytes[0] && cmd.width == bytes[1] && cmd.reg == bytes[2]);
		CHECK(cmd.cond == bytes[3] && cmd.flags == 0 && cmd.nr_args == bytes[6]);
		for (i = 0; i < DUMMY_GPU_MAX_ARGS; i++)
			CHECK(cmd.args[i] == (i < cmd.nr_args ? load(bytes + 8 + 8 * i, 8) : 0),
			      "op %u arg %u", good.op, i);
	}
}

static void command_cut_off_by_the_end_is_refused(void)
{
	struct good good = { 0 };
	struct dummy_gpu_cmd cmd;
	unsigned int size;

	while (next_good(&good)) {
		for (size = 0; size < good.length; size++)
			CHECK(decode(good.bytes, size, STREAM_SIZE, &cmd) == -EINVAL,
			      "op %u size %u", good.op, size);
	}
}

static void each_header_byte_is_checked(void)
{
	struct good good = { 0 };
	unsigned int at, value;

	while (next_good(&good)) {
		u8 bytes[2 * MAX_CMD] = { 0 };

		for (at = 0; at < 8; at++) {
			memcpy(bytes, good.bytes, sizeof(good.bytes));
			for (value = 0; value < 256; value++) {
				bytes[at] = value;
				CHECK(agrees(bytes, sizeof(bytes), STREAM_SIZE),
				      "op %u byte %u value %u", good.op, at, value);
			}
		}
	}
}

static void store_has_a_register_only_with_its_flag(void)
{
	struct dummy_gpu_cmd cmd;
	u8 bytes[MAX_CMD];

	good_command(bytes, DUMMY_GPU_OP_STORE, 8);
	bytes[2] = 5;
	CHECK(decode(bytes, 24, STREAM_SIZE, &cmd) == -EINVAL);
	bytes[4] = DUMMY_GPU_CMD_REG;
	CHECK(decode(bytes, 24, STREAM_SIZE, &cmd) == 24);
	CHECK(cmd.reg == 5 && cmd.flags == DUMMY_GPU_CMD_REG);
}

static void wait_for_always_is_refused(void)
{
	struct dummy_gpu_cmd cmd;
	u8 bytes[MAX_CMD];

	good_command(bytes, DUMMY_GPU_OP_WAIT, 4);
	bytes[3] = DUMMY_GPU_COND_ALWAYS;
	CHECK(decode(bytes, 24, STREAM_SIZE, &cmd) == -EINVAL);
}

/* Values around every limit there is. */
static unsigned int limit_values(u64 *values)
{
	static const u64 around[] = {
		0, 8, 4096, STREAM_SIZE, 1ULL << 40, (1ULL << 40) / 4, (1ULL << 40) / 8,
		1ULL << 47, HW_VA_END, HW_VA_END - (1ULL << 40), 1ULL << 52, 1ULL << 61,
		1ULL << 62, 1ULL << 63,
	};
	static const int offsets[] = { -8, -4, -2, -1, 0, 1, 2, 4, 8 };
	unsigned int i, j, nr = 0;

	for (i = 0; i < ARRAY_SIZE(around); i++) {
		for (j = 0; j < ARRAY_SIZE(offsets); j++)
			values[nr++] = around[i] + offsets[j];
	}
	return nr;
}

/* In each argument, and in each pair of them. */
static void arguments_at_their_limits_agree_with_the_model(void)
{
	struct good good = { 0 };
	u64 values[256];
	unsigned int nr = limit_values(values);

	while (next_good(&good)) {
		unsigned int nr_args = good.length / 8 - 1;
		unsigned int i, a, b;
		u8 bytes[MAX_CMD];

		memcpy(bytes, good.bytes, sizeof(bytes));
		for (i = 0; i < nr_args * nr_args * nr * nr; i++) {
			a = i / (nr * nr) % nr_args;
			b = i / (nr * nr) / nr_args;
			memcpy(bytes + 8, good.bytes + 8, sizeof(bytes) - 8);
			store(bytes + 8 + 8 * a, 8, values[i % nr]);
			store(bytes + 8 + 8 * b, 8, values[i / nr % nr]);
			CHECK(agrees(bytes, good.length, STREAM_SIZE),
			      "op %u args %u %u: %llx %llx", good.op, a, b,
			      values[i % nr], values[i / nr % nr]);
		}
	}
}

static void size_that_overflows_with_its_width_is_refused(void)
{
	struct dummy_gpu_cmd cmd;
	u8 bytes[MAX_CMD];

	/* 2^61 elements of 8 bytes are 0 bytes modulo 2^64. */
	good_command(bytes, DUMMY_GPU_OP_VADD, 8);
	store(bytes + 8 + 8 * 3, 8, 1ULL << 61);
	CHECK(decode(bytes, 40, STREAM_SIZE, &cmd) == -EINVAL);
}

static void copy_takes_neighbours_and_refuses_overlap(void)
{
	struct dummy_gpu_cmd cmd;
	u8 bytes[MAX_CMD];
	int distance;

	for (distance = -12; distance <= 12; distance++) {
		good_command(bytes, DUMMY_GPU_OP_COPY, 0);
		store(bytes + 8, 8, 0x10000);
		store(bytes + 16, 8, 0x10000 + distance);
		store(bytes + 24, 8, 8);
		CHECK((decode(bytes, 32, STREAM_SIZE, &cmd) > 0) == (abs(distance) >= 8),
		      "distance %d", distance);
	}
}

static void nothing_to_do_is_allowed(void)
{
	static const u8 ops[] = {
		DUMMY_GPU_OP_FILL, DUMMY_GPU_OP_COPY, DUMMY_GPU_OP_COMPARE, DUMMY_GPU_OP_CHECKSUM,
		DUMMY_GPU_OP_VADD, DUMMY_GPU_OP_VSCALE,
	};
	struct dummy_gpu_cmd cmd;
	u8 bytes[MAX_CMD];
	unsigned int i;

	for (i = 0; i < sizeof(ops); i++) {
		const struct model *model = &models[ops[i]];
		unsigned int length = good_command(bytes, ops[i], model->widths[0] ? 4 : 0);

		store(bytes + 8 + 8 * strcspn(model->args, "ne"), 8, 0);
		CHECK(decode(bytes, length, STREAM_SIZE, &cmd) == length, "op %u", ops[i]);
	}
}

static u64 random_arg(u64 *seed)
{
	static const unsigned int bits[] = { 4, 8, 13, 20, 41, 48, 49, 64 };
	u64 value = tap_random(seed) >> (64 - bits[tap_random(seed) % 8]);

	if (tap_random(seed) % 4)
		value &= ~7ULL;
	return value;
}

static void random_commands_agree_with_the_model(void)
{
	unsigned int i, j, nr_good = 0;
	u8 bytes[MAX_CMD];
	u64 seed = 1;

	for (i = 0; i < 1000000; i++) {
		unsigned int op = tap_random(&seed) % DUMMY_GPU_NR_OPS;
		const char *widths = models[op].widths;
		unsigned int length, size, width = 0;

		if (widths[0])
			width = widths[tap_random(&seed) % strlen(widths)] - '0';
		length = good_command(bytes, op, width);
		for (j = 8; j < length; j += 8)
			store(bytes + j, 8, random_arg(&seed));
		if (tap_random(&seed) % 4 == 0)
			bytes[tap_random(&seed) % 8] = tap_random(&seed) % 20;

		size = tap_random(&seed) % 8 ? length : tap_random(&seed) % sizeof(bytes);
		CHECK(agrees(bytes, size, STREAM_SIZE), "round %u op %u", i, op);
		nr_good += model_decode(bytes, size, STREAM_SIZE) > 0;
	}
	CHECK(nr_good > 100000, "only %u were good", nr_good);
}

static void random_bytes_agree_with_the_model(void)
{
	u8 bytes[MAX_CMD];
	u64 seed = 2;
	unsigned int i, j;

	for (i = 0; i < 1000000; i++) {
		for (j = 0; j < sizeof(bytes); j++)
			bytes[j] = tap_random(&seed) >> (tap_random(&seed) % 4 * 16 + 8);
		CHECK(agrees(bytes, tap_random(&seed) % (sizeof(bytes) + 1), STREAM_SIZE),
		      "round %u", i);
	}
}

/* ---- Claims about streams ----------------------------------------------- */

struct stream {
	u8 bytes[STREAM_SIZE];
	u64 size;
};

static u64 append(struct stream *stream, unsigned int op)
{
	u64 offset = stream->size;

	stream->size += good_command(stream->bytes + offset, op, models[op].widths[0] ? 8 : 0);
	return offset;
}

static void append_jump(struct stream *stream, u64 target)
{
	store(stream->bytes + append(stream, DUMMY_GPU_OP_JUMP) + 8, 8, target);
}

static int check(const struct stream *stream, u64 *bad_offset)
{
	u8 *exact = malloc(stream->size ? stream->size : 1);
	int ret;

	memcpy(exact, stream->bytes, stream->size);
	ret = hw_stream_check(exact, stream->size, bad_offset);
	free(exact);
	return ret;
}

static void streams_with_jumps_both_ways_pass(void)
{
	struct stream stream = { .size = 0 };
	u64 bad, op;

	CHECK(!check(&stream, &bad), "an empty one");
	append_jump(&stream, 24);
	for (op = 0; op < DUMMY_GPU_NR_OPS; op++) {
		if (op != DUMMY_GPU_OP_JUMP)
			append(&stream, op);
	}
	append_jump(&stream, 0);
	append_jump(&stream, stream.size);
	CHECK(!check(&stream, &bad), "at %llu", bad);
}

static void jump_into_a_command_is_found(void)
{
	struct stream stream = { .size = 0 };
	u64 bad;

	append(&stream, DUMMY_GPU_OP_SET);
	append_jump(&stream, 48);
	append(&stream, DUMMY_GPU_OP_VADD);
	append(&stream, DUMMY_GPU_OP_END);
	CHECK(check(&stream, &bad) == -EINVAL && bad == 16, "at %llu", bad);

	store(stream.bytes + 16 + 8, 8, 40);
	CHECK(!check(&stream, &bad), "at %llu", bad);
	store(stream.bytes + 16 + 8, 8, 8);
	CHECK(check(&stream, &bad) == -EINVAL && bad == 16, "at %llu", bad);
	store(stream.bytes + 16 + 8, 8, stream.size);
	CHECK(check(&stream, &bad) == -EINVAL && bad == 16, "at %llu", bad);
}

static void first_bad_command_is_named(void)
{
	struct stream stream = { .size = 0 };
	u64 bad;

	append(&stream, DUMMY_GPU_OP_NOP);
	append(&stream, DUMMY_GPU_OP_COPY);
	append(&stream, DUMMY_GPU_OP_LOAD);
	stream.bytes[40 + 2] = DUMMY_GPU_NR_REGS;
	append(&stream, DUMMY_GPU_NR_OPS - 1);
	stream.bytes[stream.size] = 0xff;
	stream.size += 8;
	CHECK(check(&stream, &bad) == -EINVAL && bad == 40, "at %llu", bad);
}

static void stream_that_ends_inside_a_command_is_refused(void)
{
	struct stream stream = { .size = 0 };
	u64 bad;

	append(&stream, DUMMY_GPU_OP_NOP);
	append(&stream, DUMMY_GPU_OP_FILL);
	stream.size -= 8;
	CHECK(check(&stream, &bad) == -EINVAL && bad == 8, "at %llu", bad);
	stream.size = 4;
	CHECK(check(&stream, &bad) == -EINVAL && bad == 0, "at %llu", bad);
}

static void longest_stream_passes_and_a_longer_one_does_not(void)
{
	u64 size = DUMMY_GPU_MAX_STREAM + 8, bad;
	u8 *bytes = calloc(1, size);	/* NOPs */
	int longest = hw_stream_check(bytes, size - 8, &bad);
	int longer = hw_stream_check(bytes, size, &bad);

	free(bytes);
	CHECK(longest == 0);
	CHECK(longer == -EINVAL);
}

static void random_streams_agree_with_the_model(void)
{
	unsigned int i, nr, nr_good = 0;
	u64 seed = 3, bad, model_bad;
	int ret;

	for (i = 0; i < 100000; i++) {
		struct stream stream = { .size = 0 };

		for (nr = tap_random(&seed) % 8; nr; nr--) {
			if (tap_random(&seed) % 3)
				append(&stream, tap_random(&seed) % DUMMY_GPU_NR_OPS);
			else
				append_jump(&stream, tap_random(&seed) % 16 * 8);
		}
		if (stream.size && tap_random(&seed) % 4 == 0)
			stream.bytes[tap_random(&seed) % stream.size] = tap_random(&seed);
		ret = model_check(stream.bytes, stream.size, &model_bad);
		CHECK(check(&stream, &bad) == ret && (!ret || bad == model_bad), "round %u", i);
		nr_good += !ret;
	}
	CHECK(nr_good > 10000 && nr_good < 90000, "%u were good", nr_good);
}

static const struct tap_test tests[] = {
	{ "model_knows_every_op", model_knows_every_op },
	{ "good_commands_decode_to_their_fields", good_commands_decode_to_their_fields },
	{ "command_cut_off_by_the_end_is_refused", command_cut_off_by_the_end_is_refused },
	{ "each_header_byte_is_checked", each_header_byte_is_checked },
	{ "store_has_a_register_only_with_its_flag", store_has_a_register_only_with_its_flag },
	{ "wait_for_always_is_refused", wait_for_always_is_refused },
	{ "arguments_at_their_limits_agree_with_the_model",
	  arguments_at_their_limits_agree_with_the_model },
	{ "size_that_overflows_with_its_width_is_refused",
	  size_that_overflows_with_its_width_is_refused },
	{ "copy_takes_neighbours_and_refuses_overlap", copy_takes_neighbours_and_refuses_overlap },
	{ "nothing_to_do_is_allowed", nothing_to_do_is_allowed },
	{ "random_commands_agree_with_the_model", random_commands_agree_with_the_model },
	{ "random_bytes_agree_with_the_model", random_bytes_agree_with_the_model },
	{ "streams_with_jumps_both_ways_pass", streams_with_jumps_both_ways_pass },
	{ "jump_into_a_command_is_found", jump_into_a_command_is_found },
	{ "first_bad_command_is_named", first_bad_command_is_named },
	{ "stream_that_ends_inside_a_command_is_refused",
	  stream_that_ends_inside_a_command_is_refused },
	{ "longest_stream_passes_and_a_longer_one_does_not",
	  longest_stream_passes_and_a_longer_one_does_not },
	{ "random_streams_agree_with_the_model", random_streams_agree_with_the_model },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
