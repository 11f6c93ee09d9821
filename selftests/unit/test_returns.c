// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that moves to and fro, against sides that play as badly as they can.
 */
#include <linux/array_size.h>

#include "returns.h"
#include "tap.h"

#define MS	1000000ULL
#define SEC	(1000 * MS)

static void program_of_few_phases_is_never_held_back(void)
{
	struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
	unsigned int i;
	u64 now = 0;

	hmmc_returns_spend(&returns, false, now, now + MS, 10);
	for (i = 0; i < HMMC_FREE_RETURNS; i++) {
		now += 2 * MS;
		CHECK(hmmc_returns_allow(&returns, now, 10), "return %u", i);
		hmmc_returns_spend(&returns, true, now, now + MS, 10);
		CHECK(!hmmc_returns_are_many(&returns, now + MS));
	}
	CHECK(!hmmc_returns_allow(&returns, now + 2 * MS, 10));
}

static void program_of_long_phases_is_never_held_back(void)
{
	struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
	unsigned int i;
	u64 now = 0;

	for (i = 0; i < 1000; i++) {
		now += 30 * MS;
		CHECK(hmmc_returns_allow(&returns, now, 10), "return %u", i);
		hmmc_returns_spend(&returns, true, now, now + MS, 10);
	}
}

static void first_moves_cost_nothing(void)
{
	struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
	unsigned int i;

	for (i = 0; i < 100; i++)
		hmmc_returns_spend(&returns, false, i * MS, (i + 1) * MS, 1);
	CHECK(hmmc_returns_allow(&returns, i * MS, 1));
	CHECK(!hmmc_returns_are_many(&returns, i * MS));
}

/* But for those that follow a return: they are part of it. */
static void rest_of_a_return_counts(void)
{
	struct hmmc_returns all[2] = {};
	struct hmmc_returns alone = { .all = &all[0] }, with_rest = { .all = &all[1] };
	unsigned int i;

	for (i = 0; i < 2 * HMMC_FREE_RETURNS; i++) {
		hmmc_returns_spend(&alone, true, i * MS, i * MS + 100000, 10);
		hmmc_returns_spend(&with_rest, true, i * MS, i * MS + 100000, 10);
		hmmc_returns_spend(&with_rest, false, i * MS + 100000, i * MS + 900000, 10);
	}
	CHECK(hmmc_returns_break(&with_rest, i * MS, 10) > hmmc_returns_break(&alone, i * MS, 10));
}

static void calm_period_forgives_all(void)
{
	struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
	unsigned int i;
	u64 now = SEC;

	for (i = 0; i < 20; i++)
		hmmc_returns_spend(&returns, true, now, now + 1000, 10);
	CHECK(hmmc_returns_are_many(&returns, now));
	now += 60 * SEC;
	CHECK(!hmmc_returns_are_many(&returns, now));
	for (i = 0; i < HMMC_FREE_RETURNS; i++) {
		CHECK(hmmc_returns_allow(&returns, now, 10));
		hmmc_returns_spend(&returns, true, now, now + 1000, 10);
		now += 1000;
	}
	CHECK(!hmmc_returns_allow(&returns, now, 10));
}

static void share_of_nothing_and_of_all(void)
{
	struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
	unsigned int i;

	CHECK(!hmmc_returns_allow(&returns, 0, 0));
	CHECK(hmmc_returns_break(&returns, 5, 0) == 5 + HMMC_MAX_BREAK_NS);
	for (i = 0; i < 100; i++) {
		CHECK(hmmc_returns_allow(&returns, i * MS, 100));
		hmmc_returns_spend(&returns, true, i * MS, (i + 1) * MS, 100);
	}
	CHECK(!hmmc_returns_are_many(&returns, i * MS));
}

static void who_is_held_back_may_ask_again_after_the_break(void)
{
	unsigned int share, i;

	for (share = 1; share < 100; share++) {
		struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
		u64 now = 0;

		for (i = 0; i < 50; i++) {
			if (!hmmc_returns_allow(&returns, now, share)) {
				u64 end = hmmc_returns_break(&returns, now, share);

				CHECK(end > now && end <= now + HMMC_MAX_BREAK_NS);
				CHECK(!hmmc_returns_allow(&returns, end - 1, share));
				now = end;
				CHECK(hmmc_returns_allow(&returns, now, share));
			}
			hmmc_returns_spend(&returns, true, now, now + MS, share);
			now += MS;
		}
	}
}

/*
 * A minute of returns whenever they are allowed, or after waiting for calm, whichever
 * way it falls: each costs the way home as well, and that is dearer.
 */
static void returns_take_no_more_than_their_share(void)
{
	unsigned int share, patience;
	u64 random = 1;

	for (share = 1; share < 60; share++) {
		for (patience = 0; patience < 4; patience++) {
			struct hmmc_returns all = {};
	struct hmmc_returns returns = { .all = &all };
			u64 now = 0, spent = 0, free = 0;

			while (now < 60 * SEC) {
				u64 cost = 1 + tap_random(&random) % (2 * MS);

				if (patience && !(tap_random(&random) % (8 << patience)))
					now = returns.calm_ns > now ? returns.calm_ns : now;
				if (!hmmc_returns_allow(&returns, now, share)) {
					now += 50000;
					continue;
				}
				hmmc_returns_spend(&returns, true, now, now + cost, share);
				now += 3 * cost;
				spent += 3 * cost;
			}
			/* What came before the first break, and the last of all. */
			free = (HMMC_FREE_RETURNS + 1) * 6 * MS;
			CHECK((spent - free) * 100 <= now * share || spent < free,
			      "%u%%, patience %u: %llu ms", share, patience, spent / MS);
			CHECK(patience || spent * 100 >= now * share * 8 / 10,
			      "%u%%: %llu ms", share, spent / MS);
		}
	}
}

/* Each of them alone is calm whenever it returns. */
static void much_memory_takes_no_more_than_its_share(void)
{
	static struct hmmc_returns returns[1000];
	struct hmmc_returns all = {};
	u64 now = 0, spent = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(returns); i++)
		returns[i] = (struct hmmc_returns){ .all = &all };
	for (i = 0; now < 60 * SEC; i = (i + 1) % ARRAY_SIZE(returns)) {
		/* In place it takes that long. */
		now += MS / 10;
		if (!hmmc_returns_allow(&returns[i], now, 10))
			continue;
		hmmc_returns_spend(&returns[i], true, now, now + MS, 10);
		now += 3 * MS;
		spent += 3 * MS;
	}
	CHECK((spent - (HMMC_FREE_IN_ALL + 1) * 3 * MS) * 100 <= now * 10, "%llu ms", spent / MS);
	CHECK(spent * 100 >= now * 8, "%llu ms", spent / MS);
}

static const struct tap_test tests[] = {
	{ "program_of_few_phases_is_never_held_back", program_of_few_phases_is_never_held_back },
	{ "program_of_long_phases_is_never_held_back", program_of_long_phases_is_never_held_back },
	{ "first_moves_cost_nothing", first_moves_cost_nothing },
	{ "rest_of_a_return_counts", rest_of_a_return_counts },
	{ "calm_period_forgives_all", calm_period_forgives_all },
	{ "share_of_nothing_and_of_all", share_of_nothing_and_of_all },
	{ "who_is_held_back_may_ask_again_after_the_break",
	  who_is_held_back_may_ask_again_after_the_break },
	{ "returns_take_no_more_than_their_share", returns_take_no_more_than_their_share },
	{ "much_memory_takes_no_more_than_its_share", much_memory_takes_no_more_than_its_share },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
