// SPDX-License-Identifier: GPL-2.0
/*
 * How often a fault may evict. The input is what it did, and how long that took.
 *
 * Each time is followed by a break that makes it the share of the whole, and by
 * none that is longer than 4 seconds. Several at once add up.
 */
#include <linux/bits.h>

#include "fuzz.h"
#include "pace.h"

#define MAX_BREAK_NS	4000000000ULL
#define MAX_EVENTS	32
/* A month at a time: no clock runs over. */
#define MAX_NS		BIT_ULL(51)

static u64 read_ns(struct fuzz_input *input)
{
	return fuzz_u64(input) % MAX_NS;
}

static void check_spend(struct hmmc_pace *pace, u64 start_ns, u64 end_ns, unsigned int share)
{
	u64 before = pace->next_ns, next;
	u64 begin = before > start_ns ? before : start_ns;
	u128 fair = (u128)(end_ns - start_ns) * 100 / share;

	hmmc_pace_spend(pace, start_ns, end_ns, share);
	next = pace->next_ns;

	CHECK(hmmc_pace_allows(pace, next));
	CHECK(!next || !hmmc_pace_allows(pace, next - 1));
	if (share == 100) {
		CHECK(next == before);
		return;
	}
	CHECK(next >= before && next >= end_ns);
	CHECK(next - end_ns <= MAX_BREAK_NS);
	CHECK(next == begin + fair || (next < begin + fair && next - end_ns == MAX_BREAK_NS));
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	unsigned int share = 1 + fuzz_u8(&input) % 100;
	struct hmmc_pace pace = {};
	unsigned int nr = 0;
	u64 now = 0, cost;

	/* They begin whenever they like, but end one after the other: under a lock. */
	for (nr = 0; nr < MAX_EVENTS && input.left; nr++) {
		now += read_ns(&input);
		cost = read_ns(&input);
		if (cost > now)
			cost = now;
		check_spend(&pace, now - cost, now, share);
	}
	return 0;
}
