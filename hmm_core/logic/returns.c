// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that two sides touch in turn moves to and fro, and each move costs more
 * than the accesses that it is for. Whether it will come home again is not to be
 * known, so that there is a bound on what returns cost: a share of the time.
 *
 * The first few are free: a program of phases, in which the CPU fills, the device
 * computes and the CPU reads, some times over, has its memory where it is used. They
 * are counted against the share all the same, so the break after the last free one
 * is as long as all of them demand.
 *
 * A calm period forgives everything. It is some times as long as the last break, and
 * thus long compared with what a move costs: with free returns after each, they still
 * take less than the share.
 *
 * Much memory that returns now and then adds up: each is calm in between, and all of
 * it together takes all of the time. So the same rule holds for all together, but
 * that more is free.
 */
#include <linux/minmax.h>

#include "returns.h"

/* The way home takes longer than the way there, and both zap what will fault again. */
#define WAYS	3
/* A calm period in breaks. */
#define CALM	4

static bool is_calm(const struct hmmc_returns *returns, u64 now_ns)
{
	return now_ns >= returns->calm_ns;
}

static bool allow(const struct hmmc_returns *returns, u64 now_ns, unsigned int nr_free)
{
	return is_calm(returns, now_ns) || returns->nr < nr_free ||
	       hmmc_pace_allows(&returns->pace, now_ns);
}

bool hmmc_returns_allow(const struct hmmc_returns *returns, u64 now_ns, unsigned int share)
{
	if (!share || share >= 100)
		return share;
	return allow(returns, now_ns, HMMC_FREE_RETURNS) &&
	       allow(returns->all, now_ns, HMMC_FREE_IN_ALL);
}

bool hmmc_returns_are_many(const struct hmmc_returns *returns, u64 now_ns)
{
	return returns->nr > HMMC_FREE_RETURNS && !is_calm(returns, now_ns);
}

static void spend(struct hmmc_returns *returns, bool again, u64 start_ns, u64 end_ns,
		  unsigned int share)
{
	if (is_calm(returns, start_ns))
		returns->nr = 0;
	returns->nr += again;
	hmmc_pace_spend(&returns->pace, start_ns, start_ns + WAYS * (end_ns - start_ns),
			share ? share : 1);
	if (returns->pace.next_ns > end_ns)
		returns->calm_ns = returns->pace.next_ns +
				   CALM * (returns->pace.next_ns - end_ns);
}

void hmmc_returns_spend(struct hmmc_returns *returns, bool again, u64 start_ns, u64 end_ns,
			unsigned int share)
{
	/* What moves for the first time is no return, but part of one if one has begun. */
	if (!again && (!returns->nr || is_calm(returns, start_ns)))
		return;
	spend(returns, again, start_ns, end_ns, share);
	spend(returns->all, again, start_ns, end_ns, share);
}

u64 hmmc_returns_break(const struct hmmc_returns *returns, u64 now_ns, unsigned int share)
{
	/* It may have ended since it was asked for. */
	u64 end = max(returns->pace.next_ns, now_ns);

	if (!share)
		return now_ns + HMMC_MAX_BREAK_NS;
	if (!allow(returns->all, end, HMMC_FREE_IN_ALL))
		end = returns->all->pace.next_ns;
	return end;
}
