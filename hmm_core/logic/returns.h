/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often memory that the CPU keeps bringing home may return to the device.
 */
#ifndef _HMMC_LOGIC_RETURNS_H_
#define _HMMC_LOGIC_RETURNS_H_

#include "pace.h"

/* So many are free; see returns.c. */
#define HMMC_FREE_RETURNS	4
#define HMMC_FREE_IN_ALL	64

/**
 * struct hmmc_returns - of some memory; starts out as zeros
 * @all: of that and of all other memory of the process, which has none
 * @pace: of returns
 * @calm_ns: when all of them are forgiven
 * @nr: since it was last calm
 */
struct hmmc_returns {
	struct hmmc_returns *all;
	struct hmmc_pace pace;
	u64 calm_ns;
	unsigned int nr;
};

/**
 * hmmc_returns_allow() - may it return now?
 * @returns: of this memory
 * @now_ns: now
 * @share: per cent of the time that it may take: 0 never, 100 always
 */
bool hmmc_returns_allow(const struct hmmc_returns *returns, u64 now_ns, unsigned int share);

/* Has it returned so often that it must be expected not to stay? */
bool hmmc_returns_are_many(const struct hmmc_returns *returns, u64 now_ns);

/**
 * hmmc_returns_spend() - some of it was moved to the device
 * @returns: of this memory
 * @again: it is a return
 * @start_ns: when the move began
 * @end_ns: when it ended
 * @share: as above
 */
void hmmc_returns_spend(struct hmmc_returns *returns, bool again, u64 start_ns, u64 end_ns,
			unsigned int share);

/* When memory that was not allowed to return may ask again. */
u64 hmmc_returns_break(const struct hmmc_returns *returns, u64 now_ns, unsigned int share);

#endif
