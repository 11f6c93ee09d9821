// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: device memory to system memory, chunk by chunk, coldest first.
 *
 * It starts from frames, not from a process: it works after the owner forked,
 * moved its mapping or exited. Who maps a frame now is looked for, see search.c. A
 * chunk that is being evicted is closed, so the frames it frees are not taken
 * before it is empty. Runs with no lock held.
 */
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "pool.h"
#include "search.h"
#include "trace.h"

/* Chunks in a row that may turn out unmovable before eviction gives up. */
#define MAX_STUCK	16

/*
 * What has just come is likely to be used again, and has cost a migration. amdkfd
 * leaves a process its memory for as long, see PROCESS_ACTIVE_TIME_MS there.
 */
static unsigned int min_residence_ms = 10;
module_param(min_residence_ms, uint, 0644);
MODULE_PARM_DESC(min_residence_ms,
		 "Milliseconds for which memory that has come is not evicted for a device fault (10)");

static bool is_killed(enum hmmc_evict_mode mode)
{
	return mode != HMMC_EVICT_STUBBORN && fatal_signal_pending(current);
}

/* Return: how many frames of @chunk are free that were not. */
static unsigned int move_chunk(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
			       struct hmmc_chunk *chunk, unsigned int nr,
			       unsigned long *todo, enum hmmc_evict_mode mode)
{
	unsigned long first_pfn = hmmc_chunk_first_pfn(chunk);
	DECLARE_BITMAP(used, HMMC_WINDOW_PAGES);
	struct hmmc_search search = {};
	unsigned int nr_left = nr;
	unsigned int i;

	/* Each turn is for a frame that none was for, so this ends. */
	for_each_set_bit(i, todo, HMMC_WINDOW_PAGES) {
		if (is_killed(mode))
			break;
		hmmc_move_frame(pool, scratch, &search, chunk, first_pfn + i, mode);
		/* Others of the chunk have come along. */
		nr_left = hmmc_pool_used(chunk, used);
		bitmap_and(todo, todo, used, HMMC_WINDOW_PAGES);
		cond_resched();
	}
	hmmc_search_end(&search);
	return nr - min(nr, nr_left);
}

/* Return: false if there is none to evict. */
static bool evict_one(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
		      const struct hmmc_eviction *eviction, unsigned int *moved)
{
	DECLARE_BITMAP(todo, HMMC_WINDOW_PAGES);
	struct hmmc_chunk *chunk;
	unsigned int nr;

	chunk = hmmc_clock_close_victim(pool, eviction);
	if (!chunk)
		return false;

	nr = hmmc_pool_used(chunk, todo);
	*moved = move_chunk(pool, scratch, chunk, nr, todo, eviction->mode);
	trace_hmmc_evict(pool->device->name,
			 hmmc_block_offset(chunk->block, hmmc_chunk_first_pfn(chunk)), nr, *moved);
	hmmc_pool_reopen(chunk);
	hmmc_pool_count(pool, *moved == nr ? HMMC_POOL_EVICTED_CHUNKS : HMMC_POOL_EVICT_FAILED, 1);
	return true;
}

/* Is there as much room as is wanted? With @account under its limit, else in the pool. */
static bool is_done(struct hmmc_pool *pool, const struct hmmc_account *account, u64 nr)
{
	u64 max;

	if (!account)
		return hmmc_pool_nr_free(pool) >= nr;
	guard(spinlock_irqsave)(&pool->lock);
	max = hmmc_account_max(account);
	/* More than the limit will never be. */
	return account->nr_frames + min(nr, max) <= max;
}

static u64 evict(struct hmmc_pool *pool, u64 nr, const struct hmmc_account *account,
		 enum hmmc_evict_mode mode)
{
	struct hmmc_eviction eviction = { .mode = mode, .account = account };
	struct hmmc_scratch *scratch;
	unsigned int stuck = 0;
	u64 evicted = 0;

	if (mode < HMMC_EVICT_REQUEST)
		eviction.residence = msecs_to_jiffies(READ_ONCE(min_residence_ms));

	scratch = mempool_alloc(pool->scratch, GFP_KERNEL);
	while (!is_done(pool, account, nr) && stuck < MAX_STUCK) {
		unsigned int moved;

		if (is_killed(mode))
			break;
		if (!evict_one(pool, scratch, &eviction, &moved))
			break;
		stuck = moved ? 0 : stuck + 1;
		evicted += moved;
		cond_resched();
	}
	mempool_free(scratch, pool->scratch);
	return evicted;
}

u64 hmmc_evict(struct hmmc_pool *pool, u64 nr, enum hmmc_evict_mode mode)
{
	return evict(pool, nr, NULL, mode);
}

u64 hmmc_evict_own(struct hmmc_account *account, u64 nr, enum hmmc_evict_mode mode)
{
	struct hmmc_pool *pool = account->pool;
	u64 evicted;

	if (is_done(pool, account, nr))
		return 0;
	/* What is freed now is for the caller, not for those who were turned away. */
	scoped_guard(spinlock_irqsave, &pool->lock)
		account->nr_evicting++;
	evicted = evict(pool, nr, account, mode);
	hmmc_pool_count(pool, HMMC_POOL_LIMIT_EVICTED, evicted);
	scoped_guard(spinlock_irqsave, &pool->lock) {
		account->nr_evicting--;
		trace_hmmc_limit(pool->device->name, account->nr_frames,
				 hmmc_account_max(account), nr, evicted);
	}
	return evicted;
}

static bool pool_is_empty(struct hmmc_pool *pool)
{
	guard(spinlock_irqsave)(&pool->lock);
	return !pool->nr_used;
}

int hmmc_evict_all(struct hmmc_pool *pool, unsigned long end)
{
	/* A page may be locked or referenced for a moment: look again for a while. */
	while (!pool_is_empty(pool)) {
		if (hmmc_evict_is_over(pool, end) || !hmmc_pool_has_good(pool))
			return -EBUSY;
		if (!hmmc_evict(pool, hmmc_pool_nr_free(pool) + 1, HMMC_EVICT_STUBBORN))
			schedule_timeout_uninterruptible(1);
	}
	return 0;
}
