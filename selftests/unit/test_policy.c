// SPDX-License-Identifier: GPL-2.0
/*
 * Placement: every combination of facts against the rules in words.
 */
#include <linux/array_size.h>

#include "policy.h"
#include "tap.h"

#define WINDOW	512

static const unsigned int granularities[] = { 0, 1, 64, WINDOW };

/* Nothing, a little, and most of it. */
static const unsigned long served[][WINDOW / 64] = { { }, { 3 }, { ~0UL, ~0UL, ~0UL, 0, ~0UL } };

static struct hmmc_facts facts_nr(unsigned int nr)
{
	return (struct hmmc_facts){
		.state = nr & 3,
		.wish = (nr >> 2) % 3,
		.write = (nr >> 4) & 1,
		.thp = (nr >> 5) & 1,
		.cow = (nr >> 6) & 1,
		.nr_faults = (nr >> 7) & 3,
		.served = served[((nr >> 7) & 3) % ARRAY_SIZE(served)],
		.granularity = granularities[(nr >> 9) & 3],
		.read_mostly = (nr >> 11) & 1,
		/* Only writes ask for that. */
		.device_only = (nr >> 12) & (nr >> 4) & 1,
		.no_room = (nr >> 13) & 1,
		.held = (nr >> 14) & 1,
		.unsteady = (nr >> 15) & 1,
		.page = (nr * 37) % WINDOW,
		.window_pages = WINDOW,
	};
}

#define NR_FACTS	65536

typedef bool rule_fn(const struct hmmc_facts *facts, const struct hmmc_decision *decision);

/* Check a rule for all facts. */
static void holds_always(rule_fn *rule)
{
	unsigned int nr;

	for (nr = 0; nr < NR_FACTS; nr++) {
		struct hmmc_facts facts = facts_nr(nr);
		struct hmmc_decision decision = hmmc_decide(&facts);

		CHECK(rule(&facts, &decision), "facts %u", nr);
	}
}

static bool served_block_holds_the_page_rule(const struct hmmc_facts *facts,
					     const struct hmmc_decision *decision)
{
	return decision->first <= facts->page &&
	       decision->first + decision->nr > facts->page;
}

static void served_block_holds_the_page(void)
{
	holds_always(served_block_holds_the_page_rule);
}

static bool served_block_is_aligned_and_inside_rule(const struct hmmc_facts *facts,
						    const struct hmmc_decision *decision)
{
	return decision->nr && !(decision->nr & (decision->nr - 1)) &&
	       decision->first % decision->nr == 0 &&
	       decision->first + decision->nr <= facts->window_pages;
}

static void served_block_is_aligned_and_inside(void)
{
	holds_always(served_block_is_aligned_and_inside_rule);
}

static bool wish_to_stay_is_honoured_rule(const struct hmmc_facts *facts,
					  const struct hmmc_decision *decision)
{
	return facts->wish != HMMC_WISH_STAY || facts->device_only || !decision->migrate;
}

static bool only_what_must_be_there_insists_rule(const struct hmmc_facts *facts,
						 const struct hmmc_decision *decision)
{
	return decision->insist == (facts->wish == HMMC_WISH_DEVICE || facts->device_only);
}

static void only_what_must_be_there_insists(void)
{
	holds_always(only_what_must_be_there_insists_rule);
}

static void wish_to_stay_is_honoured(void)
{
	holds_always(wish_to_stay_is_honoured_rule);
}

static bool read_of_a_hole_fills_nothing_rule(const struct hmmc_facts *facts,
					      const struct hmmc_decision *decision)
{
	return facts->state != HMMC_STATE_HOLE || facts->write ||
	       (!decision->migrate && !decision->populate);
}

static void read_of_a_hole_fills_nothing(void)
{
	holds_always(read_of_a_hole_fills_nothing_rule);
}

static bool write_to_a_hole_fills_it_on_the_device_rule(const struct hmmc_facts *facts,
							const struct hmmc_decision *decision)
{
	return facts->state != HMMC_STATE_HOLE || !facts->write ||
	       facts->wish == HMMC_WISH_STAY || facts->cow || decision->held_back ||
	       (decision->migrate && decision->populate);
}

static void write_to_a_hole_fills_it_on_the_device(void)
{
	holds_always(write_to_a_hole_fills_it_on_the_device_rule);
}

static bool only_holes_are_populated_rule(const struct hmmc_facts *facts,
					  const struct hmmc_decision *decision)
{
	return !decision->populate || facts->state == HMMC_STATE_HOLE;
}

static void only_holes_are_populated(void)
{
	holds_always(only_holes_are_populated_rule);
}

static bool page_on_the_device_is_not_moved_rule(const struct hmmc_facts *facts,
						 const struct hmmc_decision *decision)
{
	return facts->state != HMMC_STATE_DEVICE || !decision->migrate;
}

static void page_on_the_device_is_not_moved(void)
{
	holds_always(page_on_the_device_is_not_moved_rule);
}

static bool
shared_page_is_not_moved_to_be_written_rule(const struct hmmc_facts *facts,
					    const struct hmmc_decision *decision)
{
	return !facts->cow || !decision->migrate;
}

static void shared_page_is_not_moved_to_be_written(void)
{
	holds_always(shared_page_is_not_moved_to_be_written_rule);
}

static bool large_page_is_served_whole_rule(const struct hmmc_facts *facts,
					    const struct hmmc_decision *decision)
{
	return facts->state != HMMC_STATE_SYSTEM_HUGE || facts->granularity ||
	       (facts->device_only && facts->wish == HMMC_WISH_STAY) ||
	       decision->nr == facts->window_pages;
}

static void large_page_is_served_whole(void)
{
	holds_always(large_page_is_served_whole_rule);
}

static bool read_mostly_memory_moves_for_writes_only_rule(const struct hmmc_facts *facts,
							  const struct hmmc_decision *decision)
{
	struct hmmc_facts without = *facts;
	struct hmmc_decision usual;

	without.read_mostly = false;
	usual = hmmc_decide(&without);
	if (facts->read_mostly && !facts->write)
		return !decision->migrate && !decision->populate;
	return decision->migrate == usual.migrate && decision->populate == usual.populate &&
	       decision->first == usual.first && decision->nr == usual.nr;
}

static void read_mostly_memory_moves_for_writes_only(void)
{
	holds_always(read_mostly_memory_moves_for_writes_only_rule);
}

static bool access_for_the_device_only_moves_rule(const struct hmmc_facts *facts,
						  const struct hmmc_decision *decision)
{
	if (!facts->device_only || facts->cow || facts->state == HMMC_STATE_DEVICE)
		return true;
	return decision->migrate && (facts->wish != HMMC_WISH_STAY || decision->nr == 1);
}

static void access_for_the_device_only_moves(void)
{
	holds_always(access_for_the_device_only_moves_rule);
}

/* Cut the window in halves, and again the half with the page, until it is as small. */
static bool granularity_is_honoured_rule(const struct hmmc_facts *facts,
					 const struct hmmc_decision *decision)
{
	unsigned int first = 0, nr = facts->window_pages;

	if (!facts->granularity || (facts->device_only && facts->wish == HMMC_WISH_STAY))
		return true;
	while (nr > facts->granularity) {
		nr /= 2;
		if (facts->page >= first + nr)
			first += nr;
	}
	return decision->first == first && decision->nr == nr;
}

static void granularity_is_honoured(void)
{
	holds_always(granularity_is_honoured_rule);
}

static void granularity_changes_nothing_else(void)
{
	unsigned int nr;

	for (nr = 0; nr < NR_FACTS; nr++) {
		struct hmmc_facts facts = facts_nr(nr);
		struct hmmc_decision with = hmmc_decide(&facts), without;

		facts.granularity = 0;
		without = hmmc_decide(&facts);
		CHECK(with.migrate == without.migrate && with.populate == without.populate,
		      "facts %u", nr);
	}
}

static bool only_large_pages_and_advice_exceed_64k_rule(const struct hmmc_facts *facts,
							const struct hmmc_decision *decision)
{
	if (!facts->cow && !((facts->no_room || facts->unsteady) && decision->migrate))
		return true;
	return decision->nr <= 16 || facts->granularity || facts->state == HMMC_STATE_SYSTEM_HUGE ||
	       (facts->thp && decision->populate);
}

static void nothing_grows_without_room_or_where_it_will_not_stay(void)
{
	holds_always(only_large_pages_and_advice_exceed_64k_rule);
}

static bool what_is_held_back_stays_rule(const struct hmmc_facts *facts,
					 const struct hmmc_decision *decision)
{
	struct hmmc_facts without = *facts;
	struct hmmc_decision usual;

	without.held = false;
	usual = hmmc_decide(&without);
	if (!facts->held || usual.insist || !usual.migrate)
		return !decision->held_back && decision->migrate == usual.migrate &&
		       decision->nr == usual.nr;
	return decision->held_back && !decision->migrate && !decision->populate;
}

static void what_is_held_back_stays_unless_it_must_not(void)
{
	holds_always(what_is_held_back_stays_rule);
}

/* What moves without anybody having said so. */
static void only_what_is_dense_grows(void)
{
	struct hmmc_facts facts = { .state = HMMC_STATE_SYSTEM, .page = 511, .nr_faults = 9,
				    .served = served[1], .window_pages = WINDOW };

	CHECK(hmmc_decide(&facts).nr == 16);
	facts.served = served[2];
	CHECK(hmmc_decide(&facts).nr == WINDOW);
	facts.served = served[1];
	facts.wish = HMMC_WISH_DEVICE;
	CHECK(hmmc_decide(&facts).nr == WINDOW);
	facts.wish = HMMC_WISH_STAY;
	CHECK(hmmc_decide(&facts).nr == WINDOW);
	facts.nr_faults = 0;
	CHECK(hmmc_decide(&facts).nr == 16);
}

static void small_windows_are_not_overrun(void)
{
	struct hmmc_facts facts = { .state = HMMC_STATE_SYSTEM, .page = 7, .window_pages = 8,
				    .served = served[0] };
	struct hmmc_decision decision = hmmc_decide(&facts);

	CHECK(decision.nr == 8 && decision.first == 0);
	facts.granularity = 512;
	decision = hmmc_decide(&facts);
	CHECK(decision.nr == 8 && decision.first == 0);
}

static const struct tap_test tests[] = {
	{ "served_block_holds_the_page", served_block_holds_the_page },
	{ "served_block_is_aligned_and_inside", served_block_is_aligned_and_inside },
	{ "wish_to_stay_is_honoured", wish_to_stay_is_honoured },
	{ "only_what_must_be_there_insists", only_what_must_be_there_insists },
	{ "read_of_a_hole_fills_nothing", read_of_a_hole_fills_nothing },
	{ "write_to_a_hole_fills_it_on_the_device", write_to_a_hole_fills_it_on_the_device },
	{ "only_holes_are_populated", only_holes_are_populated },
	{ "page_on_the_device_is_not_moved", page_on_the_device_is_not_moved },
	{ "shared_page_is_not_moved_to_be_written", shared_page_is_not_moved_to_be_written },
	{ "large_page_is_served_whole", large_page_is_served_whole },
	{ "read_mostly_memory_moves_for_writes_only", read_mostly_memory_moves_for_writes_only },
	{ "access_for_the_device_only_moves", access_for_the_device_only_moves },
	{ "granularity_is_honoured", granularity_is_honoured },
	{ "granularity_changes_nothing_else", granularity_changes_nothing_else },
	{ "nothing_grows_without_room_or_where_it_will_not_stay",
	  nothing_grows_without_room_or_where_it_will_not_stay },
	{ "what_is_held_back_stays_unless_it_must_not",
	  what_is_held_back_stays_unless_it_must_not },
	{ "only_what_is_dense_grows", only_what_is_dense_grows },
	{ "small_windows_are_not_overrun", small_windows_are_not_overrun },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
