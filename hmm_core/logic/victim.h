/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which chunk to evict: second chance.
 */
#ifndef _HMMC_LOGIC_VICTIM_H_
#define _HMMC_LOGIC_VICTIM_H_

#include <linux/types.h>

/**
 * struct hmmc_victim - what is known of a chunk under the clock hand
 * @referenced: used since the hand last passed
 * @closed: somebody is evicting it already
 * @held: pinned by a process, and this eviction respects that
 */
struct hmmc_victim {
	bool referenced;
	bool closed;
	bool held;
};

/**
 * enum hmmc_victim_verdict - what to do with it
 * @HMMC_VICTIM_TAKE: evict it
 * @HMMC_VICTIM_SPARE: pass it and forget that it was referenced
 * @HMMC_VICTIM_SKIP: pass it
 */
enum hmmc_victim_verdict {
	HMMC_VICTIM_TAKE = 0,
	HMMC_VICTIM_SPARE,
	HMMC_VICTIM_SKIP,
};

enum hmmc_victim_verdict hmmc_victim_judge(const struct hmmc_victim *victim);

#endif
