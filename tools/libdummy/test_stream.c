// SPDX-License-Identifier: MIT
/*
 * What libdummy does without a device: the words of every command, errors that
 * stick, growth, and names. Prints TAP.
 *
 * The expected words are written down by hand from drm/dummy_gpu_isa.h, and not
 * made with its struct, so that the two can disagree.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dummy.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static unsigned int nr_tests, nr_failed;

static void report(int good, const char *claim)
{
	nr_tests++;
	nr_failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", nr_tests, claim);
}

static struct dummy_stream *new_stream(void)
{
	struct dummy_stream *s;

	if (dummy_stream_create(&s)) {
		perror("dummy_stream_create");
		exit(1);
	}
	return s;
}

/* op, width, reg and cond are bytes 0 to 3, flags and nr_args 4 and 6. */
#define HEADER(op, width, reg, cond, flags, nr_args)			\
	((op) | (width) << 8 | (reg) << 16 | (uint64_t)(cond) << 24 |	\
	 (uint64_t)(flags) << 32 | (uint64_t)(nr_args) << 48)

static void every_command_has_the_words_of_the_isa(void)
{
	static const uint64_t expected[] = {
		HEADER(0, 0, 0, 0, 0, 0),
		HEADER(2, 8, 0, 0, 0, 3), 0x1000, 64, 0x1122334455667788,
		HEADER(3, 0, 0, 0, 0, 3), 0x2000, 0x3000, 5,
		HEADER(4, 4, 1, 0, 0, 1), 0x4000,
		HEADER(5, 2, 0, 0, 0, 2), 0x5000, 77,
		HEADER(5, 1, 15, 0, 1, 2), 0x6000, 0,
		HEADER(6, 0, 2, 0, 0, 1), 123,
		HEADER(7, 0, 3, 0, 0, 1), -1ull,
		HEADER(8, 0, 4, 3, 0, 2), 8, 10,
		HEADER(9, 8, 5, 0, 0, 2), 0x7000, 1,
		HEADER(10, 4, 6, 0, 0, 3), 0x8000, 2, 3,
		HEADER(11, 0, 7, 0, 0, 3), 0x9000, 0xa000, 4096,
		HEADER(12, 0, 8, 0, 0, 2), 0xb000, 100,
		HEADER(13, 4, 0, 0, 0, 4), 0xc000, 0xd000, 0xe000, 9,
		HEADER(14, 8, 0, 0, 0, 4), 0xc000, 0xd000, 3, 9,
		HEADER(15, 4, 0, 1, 0, 2), 0xf000, 6,
		HEADER(16, 8, 0, 0, 0, 2), 0xf008, 7,
		HEADER(17, 0, 0, 0, 0, 1), 0xf010,
		HEADER(1, 0, 0, 0, 0, 0),
	};
	struct dummy_stream *s = new_stream();

	dummy_stream_nop(s);
	dummy_stream_fill(s, 0x1000, 64, 0x1122334455667788, 8);
	dummy_stream_copy(s, 0x2000, 0x3000, 5);
	dummy_stream_load(s, 1, 0x4000, 4);
	dummy_stream_store(s, 0x5000, 77, 2);
	dummy_stream_store_reg(s, 0x6000, 15, 1);
	dummy_stream_set(s, 2, 123);
	dummy_stream_add(s, 3, -1);
	dummy_stream_jump(s, 8, DUMMY_GPU_COND_LT, 4, 10);
	dummy_stream_atomic_add(s, 5, 0x7000, 1, 8);
	dummy_stream_atomic_cas(s, 6, 0x8000, 2, 3, 4);
	dummy_stream_compare(s, 7, 0x9000, 0xa000, 4096);
	dummy_stream_checksum(s, 8, 0xb000, 100);
	dummy_stream_vadd(s, 0xc000, 0xd000, 0xe000, 9, 4);
	dummy_stream_vscale(s, 0xc000, 0xd000, 3, 9, 8);
	dummy_stream_wait(s, 0xf000, DUMMY_GPU_COND_EQ, 6, 4);
	dummy_stream_signal(s, 0xf008, 7, 8);
	dummy_stream_timestamp(s, 0xf010);
	report(dummy_stream_end(s) == 0 &&
	       dummy_stream_size(s) == sizeof(expected) &&
	       !memcmp(dummy_stream_data(s), expected, sizeof(expected)),
	       "every_command_has_the_words_of_the_isa");
	dummy_stream_destroy(s);
}

static void error_sticks_until_reset(void)
{
	struct dummy_stream *s = new_stream();
	int good;

	dummy_stream_nop(s);
	good = dummy_stream_fill(s, 0, 8, 0, 3) == -EINVAL;
	good &= dummy_stream_nop(s) == -EINVAL;
	good &= dummy_stream_error(s) == -EINVAL;
	good &= dummy_stream_size(s) == 8;
	good &= dummy_submit(NULL, s, NULL, NULL) == -EINVAL;
	good &= dummy_stream_reset(s) == 0;
	good &= dummy_stream_nop(s) == 0 && dummy_stream_size(s) == 8;
	report(good, "error_sticks_until_reset");
	dummy_stream_destroy(s);
}

static void fields_that_do_not_exist_are_refused(void)
{
	struct dummy_gpu_cmd cmd = { .nr_args = DUMMY_GPU_MAX_ARGS + 1 };
	struct dummy_stream *s = new_stream();
	int good = 1;

	/* 256 and 264 become good ones when they are cut to a byte. */
	good &= dummy_stream_set(s, 16, 0) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_set(s, 256, 0) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_store(s, 0, 0, 264) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_store(s, 0, 0, 0) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_store(s, 0, 0, 16) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_vadd(s, 0, 0, 0, 1, 2) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_jump(s, 0, DUMMY_GPU_NR_CONDS, 0, 0) == -EINVAL;
	dummy_stream_reset(s);
	good &= dummy_stream_command(s, &cmd) == -EINVAL;
	report(good && !dummy_stream_size(s),
	       "fields_that_do_not_exist_are_refused");
	dummy_stream_destroy(s);
}

static void commands_survive_growth_up_to_the_longest_stream(void)
{
	const uint64_t most = DUMMY_GPU_MAX_STREAM / 16;
	struct dummy_stream *s = new_stream();
	const uint64_t *words;
	uint64_t i;
	int good = 1;

	for (i = 0; i < most; i++)
		good &= dummy_stream_set(s, 0, i) == 0;
	good &= dummy_stream_size(s) == DUMMY_GPU_MAX_STREAM;
	words = dummy_stream_data(s);
	good &= dummy_stream_addr(s) == dummy_addr(words);
	for (i = 0; i < most; i++)
		good &= words[2 * i] == HEADER(6, 0, 0, 0, 0, 1) &&
			words[2 * i + 1] == i;
	good &= dummy_stream_nop(s) == -E2BIG;
	report(good, "commands_survive_growth_up_to_the_longest_stream");
	dummy_stream_destroy(s);
}

static void given_memory_is_filled_and_never_overrun(void)
{
	uint64_t memory[4] = { [3] = 42 };
	struct dummy_stream *s;
	int good;

	good = dummy_stream_create_in((char *)memory + 1, 16, 0, &s) == -EINVAL;
	good &= dummy_stream_create_in(memory, 24, 0x10000, &s) == 0;
	good &= dummy_stream_addr(s) == 0x10000;
	good &= dummy_stream_set(s, 1, 7) == 0;
	good &= dummy_stream_set(s, 1, 8) == -ENOSPC;
	good &= memory[0] == HEADER(6, 0, 1, 0, 0, 1) && memory[1] == 7 &&
		memory[2] == 0 && memory[3] == 42;
	dummy_stream_destroy(s);
	report(good, "given_memory_is_filled_and_never_overrun");
}

static void jump_forward_gets_its_target(void)
{
	struct dummy_stream *s = new_stream();
	uint64_t jump, target;
	int good;

	dummy_stream_nop(s);
	jump = dummy_stream_size(s);
	dummy_stream_jump(s, 0, DUMMY_GPU_COND_NE, 2, 5);
	dummy_stream_nop(s);
	target = dummy_stream_size(s);
	dummy_stream_end(s);
	good = dummy_stream_set_target(s, jump, target) == 0;
	good &= ((const uint64_t *)dummy_stream_data(s))[2] == target;
	good &= ((const uint64_t *)dummy_stream_data(s))[3] == 5;
	good &= dummy_stream_set_target(s, 0, target) == -EINVAL;
	dummy_stream_destroy(s);
	report(good, "jump_forward_gets_its_target");
}

static void every_value_has_a_name_and_others_a_question_mark(void)
{
	static const struct {
		const char *(*name)(uint32_t value);
		uint32_t last;
	} tables[] = {
		{ dummy_place_name, DRM_DUMMY_GPU_PLACE_PEER },
		{ dummy_migrate_result_name, DRM_DUMMY_GPU_MIGRATE_COPY_FAILED },
		{ dummy_job_state_name, DRM_DUMMY_GPU_JOB_FAILED },
		{ dummy_reason_name, DRM_DUMMY_GPU_REASON_HANG },
		{ dummy_access_name, DRM_DUMMY_GPU_ACCESS_ATOMIC },
		{ dummy_op_name, DUMMY_GPU_NR_OPS - 1 },
		{ dummy_cond_name, DUMMY_GPU_NR_CONDS - 1 },
	};
	uint32_t i, value;
	int good = 1;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (value = 0; value <= tables[i].last; value++)
			good &= tables[i].name(value) &&
				strcmp(tables[i].name(value), "?");
		good &= !strcmp(tables[i].name(tables[i].last + 1), "?");
		good &= !strcmp(tables[i].name(UINT32_MAX), "?");
	}
	report(good, "every_value_has_a_name_and_others_a_question_mark");
}

static void missing_device_is_enodev(void)
{
	struct dummy_device *dev;

	report(dummy_device_open(4242, &dev) == -ENODEV &&
	       dummy_device_open_path("/dev/null", &dev) == -ENODEV &&
	       dummy_device_open_path("/nonexistent", &dev) == -ENOENT,
	       "missing_device_is_enodev");
}

int main(void)
{
	printf("TAP version 13\n");
	every_command_has_the_words_of_the_isa();
	error_sticks_until_reset();
	fields_that_do_not_exist_are_refused();
	commands_survive_growth_up_to_the_longest_stream();
	given_memory_is_filled_and_never_overrun();
	jump_forward_gets_its_target();
	every_value_has_a_name_and_others_a_question_mark();
	missing_device_is_enodev();
	printf("1..%u\n", nr_tests);
	return nr_failed ? 1 : 0;
}
