// SPDX-License-Identifier: GPL-2.0
/*
 * Which chunk to evict. The clock algorithm with one reference bit (Corbato,
 * "A paging experiment with the Multics system", 1968) over two lists, so that what
 * is used once and never again passes by what is in use. A quarter of all for the
 * first list is what Johnson and Shasha suggest ("2Q: A low overhead high performance
 * buffer management replacement algorithm", VLDB 1994).
 */
#include "victim.h"

enum hmmc_victim_verdict hmmc_victim_judge(const struct hmmc_victim *victim)
{
	if (victim->other || victim->closed || victim->held || victim->young)
		return HMMC_VICTIM_SKIP;
	if (victim->referenced)
		return HMMC_VICTIM_ACTIVATE;
	return HMMC_VICTIM_TAKE;
}

bool hmmc_victim_wants_inactive(u64 nr_active, u64 nr_inactive)
{
	return nr_active > 3 * nr_inactive;
}
