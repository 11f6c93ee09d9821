// SPDX-License-Identifier: GPL-2.0
/*
 * After something took a time, it may not be done for as many times that as make
 * it the share of the whole that is allowed. What several threads do at once adds
 * up: together they take no more than the share of one.
 *
 * It is the bound on what a bad guess can cost, whatever the workload and whatever
 * the hardware: work that would take a time T if it was never done takes at most
 * T / (1 - share), and the last time it was done.
 */
#include "pace.h"

bool hmmc_pace_allows(const struct hmmc_pace *pace, u64 now_ns)
{
	return now_ns >= pace->next_ns;
}

void hmmc_pace_spend(struct hmmc_pace *pace, u64 start_ns, u64 end_ns, unsigned int share)
{
	u64 cost = end_ns - start_ns;
	u64 begin = pace->next_ns > start_ns ? pace->next_ns : start_ns;
	u64 next;

	if (share >= 100)
		return;
	next = begin + cost * 100 / share;
	pace->next_ns = next < end_ns + HMMC_MAX_BREAK_NS ? next : end_ns + HMMC_MAX_BREAK_NS;
}
