// SPDX-License-Identifier: GPL-2.0
/*
 * Which chunk to evict. The clock algorithm with one reference bit (Corbato,
 * "A paging experiment with the Multics system", 1968).
 */
#include "victim.h"

enum hmmc_victim_verdict hmmc_victim_judge(const struct hmmc_victim *victim)
{
	if (victim->closed || victim->held)
		return HMMC_VICTIM_SKIP;
	if (victim->referenced)
		return HMMC_VICTIM_SPARE;
	return HMMC_VICTIM_TAKE;
}
