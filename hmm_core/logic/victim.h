/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which chunk to evict: a clock with two lists.
 */
#ifndef _HMMC_LOGIC_VICTIM_H_
#define _HMMC_LOGIC_VICTIM_H_

#include <linux/types.h>

/**
 * struct hmmc_victim - what is known of a chunk at the head of the inactive list
 * @other: not of the process whose memory is to go
 * @referenced: used since it came onto the list
 * @closed: somebody is evicting it already
 * @held: pinned by a process, and this eviction respects that
 * @young: it came a moment ago, and this eviction respects that
 */
struct hmmc_victim {
	bool other;
	bool referenced;
	bool closed;
	bool held;
	bool young;
};

/**
 * enum hmmc_victim_verdict - what to do with it
 * @HMMC_VICTIM_TAKE: evict it
 * @HMMC_VICTIM_ACTIVATE: pass it, forget that it was referenced: it is in use
 * @HMMC_VICTIM_SKIP: pass it
 */
enum hmmc_victim_verdict {
	HMMC_VICTIM_TAKE = 0,
	HMMC_VICTIM_ACTIVATE,
	HMMC_VICTIM_SKIP,
};

enum hmmc_victim_verdict hmmc_victim_judge(const struct hmmc_victim *victim);

/* Whether chunks of the active list have to become inactive, the longest there first. */
bool hmmc_victim_wants_inactive(u64 nr_active, u64 nr_inactive);

#endif
