// SPDX-License-Identifier: GPL-2.0
/*
 * What policy decides on an access. The input is the facts it is given.
 *
 * Whatever they are, the block that is served is aligned, lies in the window and
 * holds the page, and is of the size that the rules in words give; and so is what
 * moves.
 */
#include "density_model.h"
#include "fuzz.h"
#include "policy.h"

#define FIRST_PAGES	16
#define MAX_SHIFT	9

/* Of the facts. */
static unsigned long served[LONGS];

static unsigned int power_of_two(struct fuzz_input *input)
{
	return 1U << fuzz_u8(input) % (MAX_SHIFT + 1);
}

/* A few runs: whatever was served came in blocks. */
static void read_served(struct fuzz_input *input, unsigned int window)
{
	unsigned int nr_runs = fuzz_u8(input) & 7;

	memset(served, 0, sizeof(served));
	for (; nr_runs; nr_runs--) {
		unsigned int first = fuzz_u32(input) % window;

		serve(served, first, fuzz_u32(input) % (window - first + 1));
	}
}

static struct hmmc_facts read_facts(struct fuzz_input *input)
{
	struct hmmc_facts facts = {
		.state = fuzz_u8(input) & 3,
		.wish = fuzz_u8(input) % 3,
		.read_mostly = fuzz_bool(input),
		.write = fuzz_bool(input),
		.thp = fuzz_bool(input),
		.cow = fuzz_bool(input),
		.held = fuzz_bool(input),
		.unsteady = fuzz_bool(input),
		.no_room = fuzz_bool(input),
		.served = served,
		.nr_faults = fuzz_u32(input),
		.window_pages = power_of_two(input),
	};

	/* Only atomics ask for that, which are writes. */
	facts.device_only = facts.write && fuzz_bool(input);
	if (fuzz_bool(input))
		facts.granularity = power_of_two(input);
	facts.page = fuzz_u32(input) % facts.window_pages;
	read_served(input, facts.window_pages);
	return facts;
}

static bool model_migrates(const struct hmmc_facts *facts)
{
	bool is_wanted = facts->write || (facts->state != HMMC_STATE_HOLE && !facts->read_mostly);

	if (facts->state == HMMC_STATE_DEVICE || facts->cow)
		return false;
	if (facts->device_only)
		return true;
	if (facts->held && facts->wish != HMMC_WISH_DEVICE)
		return false;
	return is_wanted && facts->wish != HMMC_WISH_STAY;
}

static unsigned int model_size(const struct hmmc_facts *facts, bool migrate, bool populate)
{
	unsigned int window = facts->window_pages;
	const struct hmmc_density density = {
		.window = window, .first = FIRST_PAGES, .one_in = 2,
	};
	unsigned int block = FIRST_PAGES < window ? FIRST_PAGES : window;

	if (facts->device_only && facts->wish == HMMC_WISH_STAY)
		return 1;
	if (facts->granularity)
		return facts->granularity < window ? facts->granularity : window;
	if (facts->state == HMMC_STATE_SYSTEM_HUGE || (facts->thp && populate))
		return window;
	if (facts->cow || (migrate && (facts->no_room || facts->unsteady)))
		return block;
	if (!migrate || facts->device_only || facts->wish == HMMC_WISH_DEVICE)
		return facts->nr_faults ? window : block;
	return model(&density, served, facts->page);
}

static void check_decision(const struct hmmc_facts *facts)
{
	struct hmmc_decision decision = hmmc_decide(facts);
	unsigned int size = model_size(facts, decision.migrate, decision.populate);
	unsigned int first = 0, nr = facts->window_pages;

	CHECK(decision.first <= facts->page && facts->page - decision.first < decision.nr);
	CHECK((u64)decision.first + decision.nr <= facts->window_pages);
	CHECK(decision.first % decision.nr == 0);

	CHECK(decision.migrate == model_migrates(facts));
	CHECK(decision.populate == (decision.migrate && facts->state == HMMC_STATE_HOLE));
	CHECK(decision.insist == (facts->device_only || facts->wish == HMMC_WISH_DEVICE));

	/* Cut the window in halves until what has the page is as small. */
	while (nr > size) {
		nr /= 2;
		if (facts->page >= first + nr)
			first += nr;
	}
	CHECK(decision.first == first && decision.nr == nr);
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	struct hmmc_facts facts = read_facts(&input);

	check_decision(&facts);
	return 0;
}
