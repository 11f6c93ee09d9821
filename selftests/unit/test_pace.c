// SPDX-License-Identifier: GPL-2.0
/*
 * The pace of something that is better not done often, against a day that is spent
 * doing it whenever it is allowed.
 */
#include <linux/array_size.h>
#include <stdlib.h>

#include "pace.h"
#include "tap.h"

#define MS	1000000ULL
#define SEC	(1000 * MS)

static void first_time_is_free(void)
{
	struct hmmc_pace pace = {};

	CHECK(hmmc_pace_allows(&pace, 0));
	CHECK(hmmc_pace_allows(&pace, SEC));
}

static void break_is_as_long_as_the_share_says(void)
{
	struct hmmc_pace pace = {};

	hmmc_pace_spend(&pace, 100 * MS, 110 * MS, 10);
	CHECK(!hmmc_pace_allows(&pace, 110 * MS));
	CHECK(!hmmc_pace_allows(&pace, 200 * MS - 1));
	CHECK(hmmc_pace_allows(&pace, 200 * MS));
}

static void all_of_the_time_is_no_limit(void)
{
	struct hmmc_pace pace = {};

	/* Nor is that of several at once. */
	hmmc_pace_spend(&pace, 0, SEC, 100);
	hmmc_pace_spend(&pace, 0, SEC, 100);
	CHECK(hmmc_pace_allows(&pace, SEC));
}

static void several_at_once_add_up(void)
{
	struct hmmc_pace pace = {};

	hmmc_pace_spend(&pace, 0, 10 * MS, 50);
	hmmc_pace_spend(&pace, 0, 10 * MS, 50);
	CHECK(!hmmc_pace_allows(&pace, 40 * MS - 1));
	CHECK(hmmc_pace_allows(&pace, 40 * MS));
}

static void accident_does_not_stop_it_for_long(void)
{
	struct hmmc_pace pace = {};

	hmmc_pace_spend(&pace, 0, 1000 * SEC, 1);
	CHECK(hmmc_pace_allows(&pace, 1004 * SEC));
	hmmc_pace_spend(&pace, 2000 * SEC, 2001 * SEC, 1);
	hmmc_pace_spend(&pace, 2000 * SEC, 2001 * SEC, 1);
	CHECK(hmmc_pace_allows(&pace, 2005 * SEC));
}

/* One that takes longer than the longest break is no exception. */
static void one_that_takes_long_has_a_break_too(void)
{
	struct hmmc_pace pace = {};

	hmmc_pace_spend(&pace, 0, 5 * SEC, 10);
	CHECK(!hmmc_pace_allows(&pace, 9 * SEC - 1));
	CHECK(hmmc_pace_allows(&pace, 9 * SEC));

	hmmc_pace_spend(&pace, 100 * SEC, 105 * SEC, 80);
	CHECK(!hmmc_pace_allows(&pace, 105 * SEC + 1250 * MS - 1));
	CHECK(hmmc_pace_allows(&pace, 105 * SEC + 1250 * MS));
}

/* What a minute is spent on if it is done whenever that is allowed. */
static void share_of_a_minute_is_never_more(void)
{
	unsigned int share;

	srand(1);
	for (share = 1; share < 100; share++) {
		struct hmmc_pace pace = {};
		u64 now = 0, spent = 0, cost = 0;

		while (now < 60 * SEC) {
			if (!hmmc_pace_allows(&pace, now)) {
				now += 50000;
				continue;
			}
			cost = 1 + rand() % (2 * MS);
			hmmc_pace_spend(&pace, now, now + cost, share);
			now += cost;
			spent += cost;
		}
		/* But for the last time, and no less than is allowed. */
		CHECK((spent - cost) * 100 <= now * share);
		CHECK(spent * 100 >= now * share * 9 / 10);
	}
}

static const struct tap_test tests[] = {
	{ "first_time_is_free", first_time_is_free },
	{ "break_is_as_long_as_the_share_says", break_is_as_long_as_the_share_says },
	{ "all_of_the_time_is_no_limit", all_of_the_time_is_no_limit },
	{ "several_at_once_add_up", several_at_once_add_up },
	{ "accident_does_not_stop_it_for_long", accident_does_not_stop_it_for_long },
	{ "one_that_takes_long_has_a_break_too", one_that_takes_long_has_a_break_too },
	{ "share_of_a_minute_is_never_more", share_of_a_minute_is_never_more },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
