// SPDX-License-Identifier: GPL-2.0
/*
 * Eviction: device memory to system memory, chunk by chunk, coldest first.
 *
 * It starts from frames, not from a process: it works after the owner forked,
 * moved its mapping or exited. Single pages move by frame; a large folio by its
 * address, once that is found, because core mm does not do it right by frame; see
 * lock_for_out() in move_out.c. A chunk that is being evicted is closed, so the
 * frames it frees are not taken before it is empty. Runs with no lock held.
 */
#include <linux/jiffies.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>

#include "pool.h"
#include "trace.h"

/* Chunks in a row that may turn out unmovable before eviction gives up. */
#define MAX_STUCK	16

enum content {
	SINGLES,
	LARGE,		/* a large folio */
	LARGE_APART,	/* the same, mapped page by page */
	UNKNOWN,
};

/*
 * What a closed chunk holds. A large folio is made only when its chunk is
 * reserved; once split, or mapped by single entries everywhere, it stays so.
 */
static enum content chunk_content(struct hmmc_chunk *chunk)
{
	struct folio *folio = (struct folio *)pfn_to_page(hmmc_chunk_first_pfn(chunk));
	enum content content = UNKNOWN;

	if (!chunk->huge || !test_bit(0, chunk->used))
		return SINGLES;
	/* No folio yet, or just freed. */
	if (!folio_try_get(folio))
		return UNKNOWN;
	/* Whoever has it locked may have its entries in hand. */
	if (!hmmc_inject("folio_lock") && folio_trylock(folio)) {
		if (!folio_test_large(folio))
			content = SINGLES;
		else
			content = folio_entire_mapcount(folio) ? LARGE : LARGE_APART;
		folio_unlock(folio);
	}
	folio_put(folio);
	return content;
}

static unsigned int move_chunk(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
			       struct hmmc_chunk *chunk, unsigned int nr,
			       enum hmmc_evict_mode mode)
{
	unsigned long pfn = hmmc_chunk_first_pfn(chunk);
	unsigned int moved;

	switch (chunk_content(chunk)) {
	case SINGLES:
		return hmmc_move_frames(pool, scratch, nr, mode);
	case LARGE_APART:
		moved = hmmc_move_frames(pool, scratch, nr, mode);
		if (moved)
			return moved;
		/* No large page for it. */
		fallthrough;
	case LARGE:
		return hmmc_move_huge(pool, scratch, pfn, mode);
	default:
		return 0;
	}
}

static unsigned int evict_one(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
			      enum hmmc_evict_mode mode, bool *found)
{
	struct hmmc_chunk *chunk;
	unsigned int nr, moved;

	chunk = hmmc_pool_close_victim(pool, scratch->src, &nr);
	*found = chunk;
	if (!chunk)
		return 0;

	moved = nr ? move_chunk(pool, scratch, chunk, nr, mode) : 0;
	trace_hmmc_evict(pool->device->name,
			 hmmc_block_offset(chunk->block, hmmc_chunk_first_pfn(chunk)), nr, moved);
	hmmc_pool_reopen(chunk);
	hmmc_pool_count(pool, moved == nr ? HMMC_POOL_EVICTED_CHUNKS : HMMC_POOL_EVICT_FAILED, 1);
	return moved;
}

u64 hmmc_evict(struct hmmc_pool *pool, u64 nr, enum hmmc_evict_mode mode)
{
	struct hmmc_scratch *scratch;
	unsigned int stuck = 0;
	u64 evicted = 0;
	bool found;

	scratch = mempool_alloc(pool->scratch, GFP_KERNEL);
	while (hmmc_pool_nr_free(pool) < nr && stuck < MAX_STUCK) {
		unsigned int moved;

		if (mode == HMMC_EVICT_KILLABLE && fatal_signal_pending(current))
			break;
		moved = evict_one(pool, scratch, mode, &found);
		if (!found)
			break;
		stuck = moved ? 0 : stuck + 1;
		evicted += moved;
		cond_resched();
	}
	mempool_free(scratch, pool->scratch);
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
		if (time_after(jiffies, end))
			return -EBUSY;
		if (!hmmc_evict(pool, hmmc_pool_nr_free(pool) + 1, HMMC_EVICT_STUBBORN))
			schedule_timeout_uninterruptible(1);
	}
	return 0;
}
