/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much of the time may be spent on something that is better not done often.
 */
#ifndef _HMMC_LOGIC_PACE_H_
#define _HMMC_LOGIC_PACE_H_

#include <linux/types.h>

/* No longer break than this: one that took long may have been an accident. */
#define HMMC_MAX_BREAK_NS	(4 * 1000000000ULL)

/**
 * struct hmmc_pace - starts out as zeros
 * @next_ns: when it may be done again
 */
struct hmmc_pace {
	u64 next_ns;
};

bool hmmc_pace_allows(const struct hmmc_pace *pace, u64 now_ns);

/**
 * hmmc_pace_spend() - it was done
 * @pace: whose time it took
 * @start_ns: when it began
 * @end_ns: when it ended
 * @share: per cent of the time that it may take, 1 to 100; 100 is no limit
 */
void hmmc_pace_spend(struct hmmc_pace *pace, u64 start_ns, u64 end_ns, unsigned int share);

#endif
