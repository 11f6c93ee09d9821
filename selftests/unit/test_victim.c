// SPDX-License-Identifier: GPL-2.0
/*
 * Second chance: the verdicts, and a clock driven by them against a naive one.
 */
#include <linux/array_size.h>

#include "tap.h"
#include "victim.h"

static void cold_chunk_is_taken(void)
{
	struct hmmc_victim victim = {};

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_TAKE);
}

static void referenced_chunk_gets_a_second_chance(void)
{
	struct hmmc_victim victim = { .referenced = true };

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SPARE);
}

static void closed_chunk_is_left_alone_whatever_else(void)
{
	struct hmmc_victim victim = { .closed = true };

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SKIP);
	victim.referenced = true;
	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SKIP);
}

static void held_chunk_is_left_alone_and_stays_referenced(void)
{
	struct hmmc_victim victim = { .held = true };

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SKIP);
	victim.referenced = true;
	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SKIP);
}

#define CHUNKS	16

/* One turn from @hand: which chunk goes, -1 for none. */
static int turn(struct hmmc_victim *chunks, unsigned int hand)
{
	unsigned int i;

	for (i = 0; i < 2 * CHUNKS; i++) {
		struct hmmc_victim *victim = &chunks[(hand + i) % CHUNKS];

		switch (hmmc_victim_judge(victim)) {
		case HMMC_VICTIM_TAKE:
			return (hand + i) % CHUNKS;
		case HMMC_VICTIM_SPARE:
			victim->referenced = false;
			break;
		case HMMC_VICTIM_SKIP:
			break;
		}
	}
	return -1;
}

/* The first open one without the bit; if all have it, the first open one. */
static int naive(const struct hmmc_victim *chunks, unsigned int hand)
{
	unsigned int pass, i;

	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < CHUNKS; i++) {
			const struct hmmc_victim *victim = &chunks[(hand + i) % CHUNKS];

			if (!victim->closed && !victim->held && (pass || !victim->referenced))
				return (hand + i) % CHUNKS;
		}
	}
	return -1;
}

static void clock_agrees_with_a_naive_one(void)
{
	u64 state = 1;
	unsigned int n, i;

	for (n = 0; n < 100000; n++) {
		struct hmmc_victim chunks[CHUNKS];
		unsigned int hand = tap_random(&state) % CHUNKS;
		u64 bits = tap_random(&state);
		int expected;

		for (i = 0; i < CHUNKS; i++) {
			chunks[i].referenced = bits >> i & 1;
			chunks[i].held = bits >> (48 + i) & 1;
			/* Mostly open, sometimes none is. */
			chunks[i].closed = n % 64 == 0 || (bits >> (16 + i) & bits >> (32 + i) & 1);
		}
		expected = naive(chunks, hand);
		CHECK(turn(chunks, hand) == expected, "run %u", n);
	}
}

static const struct tap_test tests[] = {
	{ "cold_chunk_is_taken", cold_chunk_is_taken },
	{ "referenced_chunk_gets_a_second_chance", referenced_chunk_gets_a_second_chance },
	{ "closed_chunk_is_left_alone_whatever_else", closed_chunk_is_left_alone_whatever_else },
	{ "held_chunk_is_left_alone_and_stays_referenced",
	  held_chunk_is_left_alone_and_stays_referenced },
	{ "clock_agrees_with_a_naive_one", clock_agrees_with_a_naive_one },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
