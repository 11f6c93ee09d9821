// SPDX-License-Identifier: GPL-2.0
/*
 * The frames of a device: which are free, and who has the others.
 *
 * Invariant: a frame is free exactly if its bit in chunk->used is clear; only
 * hmmc_pool_release() and folio_free clear it. The kernel's buddy allocator
 * hands out whole chunks, here in process context; frames inside a chunk are
 * bits under pool->lock, so that folio_free works in any context.
 *
 * A chunk that empties stays with the pool (state EMPTY) and goes back to the
 * buddy when somebody needs contiguous memory.
 *
 * Locks: pool->buddy_mutex, then pool->lock.
 */
#include "logic/density.h"
#include "pool.h"

/* How many open chunks of others to pass, looking for one's own. */
#define MAX_SEEK	8

struct hmmc_block *hmmc_pool_first_block(struct hmmc_pool *pool)
{
	return list_first_entry(&pool->blocks, struct hmmc_block, link);
}

static unsigned int nr_free_in(const struct hmmc_chunk *chunk)
{
	return HMMC_WINDOW_PAGES - chunk->nr_used;
}

static enum hmmc_chunk_state fill_state(const struct hmmc_chunk *chunk)
{
	if (!chunk->nr_used)
		return HMMC_CHUNK_EMPTY;
	return nr_free_in(chunk) ? HMMC_CHUNK_OPEN : HMMC_CHUNK_FULL;
}

static u64 nr_free(const struct hmmc_pool *pool)
{
	lockdep_assert_held(&pool->lock);

	return pool->nr_frames - pool->nr_used - pool->nr_pinned - pool->nr_bad - pool->nr_idle;
}

void hmmc_pool_tell_room(struct hmmc_pool *pool)
{
	if (pool->turned_away && !pool->gone && nr_free(pool) >= hmmc_pool_much(pool))
		mod_delayed_work(system_dfl_wq, &pool->room, 0);
}

bool hmmc_pool_is_unused(const struct hmmc_pool *pool, const struct hmmc_chunk *chunk)
{
	return !chunk->nr_used ||
	       (pool->has_bad && bitmap_equal(chunk->used, chunk->bad, HMMC_WINDOW_PAGES));
}

static void chunk_hold(struct hmmc_pool *pool, struct hmmc_chunk *chunk,
		       struct hmmc_account *account)
{
	lockdep_assert_held(&pool->lock);

	chunk->holder = account;
	account->nr_chunks++;
	pool->nr_held++;
	pool->nr_idle += nr_free_in(chunk);
}

static void chunk_let_go(struct hmmc_pool *pool, struct hmmc_chunk *chunk)
{
	lockdep_assert_held(&pool->lock);

	pool->nr_idle -= nr_free_in(chunk);
	pool->nr_held--;
	chunk->holder->nr_chunks--;
	chunk->holder = NULL;
	/* Not on the list of its state any more. */
	if (chunk->state == HMMC_CHUNK_OPEN)
		chunk->state = HMMC_CHUNK_BUDDY;
}

/* Frames are used, or with a negative @nr given back. */
static void chunk_use(struct hmmc_pool *pool, struct hmmc_chunk *chunk, int nr)
{
	chunk->nr_used += nr;
	if (chunk->holder)
		pool->nr_idle -= nr;
}

/* Put a chunk where its fill level says; the caller changed nr_used. */
static void chunk_refile(struct hmmc_pool *pool, struct hmmc_chunk *chunk)
{
	enum hmmc_chunk_state state = fill_state(chunk);

	lockdep_assert_held(&pool->lock);

	if (chunk->holder && hmmc_pool_is_unused(pool, chunk))
		chunk_let_go(pool, chunk);

	if (chunk->state == state)
		return;
	if (state != HMMC_CHUNK_EMPTY && list_empty(&chunk->clock))
		hmmc_clock_enter(pool, chunk);
	else if (state == HMMC_CHUNK_EMPTY && !list_empty(&chunk->clock))
		hmmc_clock_leave(pool, chunk);

	if (chunk->state == HMMC_CHUNK_CLOSED)
		return;

	chunk->state = state;
	list_del_init(&chunk->link);
	if (state == HMMC_CHUNK_EMPTY) {
		chunk->huge = false;
		chunk->apart = false;
		chunk->referenced = false;
		bitmap_zero(chunk->given, HMMC_WINDOW_PAGES);
		list_add(&chunk->link, &pool->empty);
		hmmc_pool_tell_room(pool);
	} else if (state == HMMC_CHUNK_OPEN) {
		list_add(&chunk->link, chunk->holder ? &chunk->holder->open : &pool->open);
	}
}

/* Take up to @nr free frames of a chunk. */
static unsigned int chunk_take(struct hmmc_pool *pool, struct hmmc_chunk *chunk,
			       unsigned long *pfns, unsigned int nr)
{
	unsigned long first_pfn = hmmc_chunk_first_pfn(chunk);
	unsigned int taken = 0;
	unsigned int i = 0;

	lockdep_assert_held(&pool->lock);

	while (taken < nr) {
		i = find_next_zero_bit(chunk->used, HMMC_WINDOW_PAGES, i);
		if (i >= HMMC_WINDOW_PAGES)
			break;
		__set_bit(i, chunk->used);
		__set_bit(i, chunk->given);
		pfns[taken++] = first_pfn + i++;
	}
	chunk_use(pool, chunk, taken);
	pool->nr_used += taken;
	return taken;
}

/*
 * Take the chunk that the buddy allocator gave out, one of @blocks, into the
 * pool's lists.
 */
static void adopt_chunk(struct hmmc_block *block, struct list_head *blocks)
{
	struct gpu_buddy_block *buddy = list_first_entry(blocks, struct gpu_buddy_block, link);
	struct hmmc_pool *pool = block->pool;
	struct hmmc_chunk *chunk;

	lockdep_assert_held(&pool->buddy_mutex);

	chunk = &block->chunks[gpu_buddy_block_offset(buddy) >> HMMC_WINDOW_SHIFT];
	chunk->buddy = buddy;

	guard(spinlock_irqsave)(&pool->lock);
	/* Frames may have broken while the buddy had them. */
	bitmap_copy(chunk->used, chunk->bad, HMMC_WINDOW_PAGES);
	chunk->nr_used = bitmap_weight(chunk->bad, HMMC_WINDOW_PAGES);
	pool->nr_bad += chunk->nr_used;
	chunk_refile(pool, chunk);
}

/* Move a chunk from the buddy to the pool's lists. Return: false if it has none. */
static bool refill_empty(struct hmmc_pool *pool)
{
	struct hmmc_block *block;
	LIST_HEAD(blocks);

	if (hmmc_inject("buddy"))
		return false;
	guard(mutex)(&pool->buddy_mutex);
	list_for_each_entry(block, &pool->blocks, link) {
		if (gpu_buddy_alloc_blocks(&block->buddy, 0, block->buddy.size, HMMC_WINDOW_SIZE,
					   HMMC_WINDOW_SIZE, &blocks, 0))
			continue;
		adopt_chunk(block, &blocks);
		return true;
	}
	return false;
}

/* One with broken frames is never empty. */
void hmmc_pool_drain_empty(struct hmmc_pool *pool)
{
	struct hmmc_chunk *chunk;

	lockdep_assert_held(&pool->buddy_mutex);

	for (;;) {
		scoped_guard(spinlock_irqsave, &pool->lock) {
			chunk = list_first_entry_or_null(&pool->empty, struct hmmc_chunk, link);
			if (!chunk)
				return;
			list_del_init(&chunk->link);
			chunk->state = HMMC_CHUNK_BUDDY;
		}
		gpu_buddy_free_block(&chunk->block->buddy, chunk->buddy);
		chunk->buddy = NULL;
	}
}

/* An empty chunk for @account, if it may have one. */
static struct hmmc_chunk *find_empty(struct hmmc_account *account, enum hmmc_hold hold)
{
	struct hmmc_pool *pool = account->pool;

	lockdep_assert_held(&pool->lock);

	if (hold == HMMC_HELD && !hmmc_account_may_grow(account))
		return NULL;
	return list_first_entry_or_null(&pool->empty, struct hmmc_chunk, link);
}

/*
 * A chunk with free frames. One that the same process took, if that is not far to
 * seek: what it evicts to keep to its limit is then its own.
 */
static struct hmmc_chunk *find_open(struct hmmc_account *account, enum hmmc_hold hold)
{
	struct hmmc_pool *pool = account->pool;
	struct hmmc_chunk *chunk;
	unsigned int seen = 0;

	if (hold == HMMC_HELD)
		return list_first_entry_or_null(&account->open, struct hmmc_chunk, link);
	list_for_each_entry(chunk, &pool->open, link) {
		if (chunk->taker == account)
			return chunk;
		if (++seen == MAX_SEEK)
			break;
	}
	return NULL;
}

/* Where to take the next of @nr frames. */
static struct hmmc_chunk *find_chunk(struct hmmc_account *account, enum hmmc_hold hold,
				     unsigned int nr)
{
	struct hmmc_chunk *empty = find_empty(account, hold);
	struct hmmc_chunk *open = find_open(account, hold);

	/* A large request is better off with a chunk of its own. */
	if (open && (nr < HMMC_WINDOW_PAGES || !empty))
		return open;
	if (empty && hold == HMMC_HELD)
		chunk_hold(account->pool, empty, account);
	return empty;
}

/* Whether it is of use to look for more empty chunks. */
static bool may_grow(struct hmmc_account *account, enum hmmc_hold hold)
{
	return hold == HMMC_MIXED || hmmc_account_may_grow(account);
}

static unsigned int reserve_in(struct hmmc_account *account, struct hmmc_chunk *chunk,
			       unsigned long *pfns, unsigned int nr)
{
	struct hmmc_pool *pool = account->pool;
	unsigned int taken;

	if (hmmc_pool_is_unused(pool, chunk))
		chunk->taker = account;
	taken = chunk_take(pool, chunk, pfns, nr);
	account->nr_frames += taken;
	chunk_refile(pool, chunk);
	return taken;
}

/* Frames among those of others, where there are no others left. */
static unsigned int reserve_anywhere(struct hmmc_account *account, unsigned long *pfns,
				     unsigned int nr)
{
	struct hmmc_pool *pool = account->pool;
	unsigned int taken = 0;

	guard(spinlock_irqsave)(&pool->lock);
	nr = min(nr, hmmc_account_room(account));
	while (taken < nr && !list_empty(&pool->open))
		taken += reserve_in(account,
				    list_first_entry(&pool->open, struct hmmc_chunk, link),
				    pfns + taken, nr - taken);
	return taken;
}

unsigned int hmmc_pool_reserve(struct hmmc_account *account, enum hmmc_hold hold,
			       unsigned long *pfns, unsigned int nr)
{
	struct hmmc_pool *pool = account->pool;
	unsigned int taken = 0;
	unsigned long flags;
	unsigned int may;
	bool more;

	do {
		spin_lock_irqsave(&pool->lock, flags);
		may = taken + min(nr - taken, hmmc_account_room(account));
		while (taken < may) {
			struct hmmc_chunk *chunk = find_chunk(account, hold, may - taken);

			if (!chunk)
				break;
			taken += reserve_in(account, chunk, pfns + taken, may - taken);
		}
		more = may_grow(account, hold);
		spin_unlock_irqrestore(&pool->lock, flags);
	} while (taken < may && more && refill_empty(pool));

	if (taken < may && hold == HMMC_MIXED)
		taken += reserve_anywhere(account, pfns + taken, may - taken);
	return taken;
}

unsigned long hmmc_pool_reserve_chunk(struct hmmc_account *account, enum hmmc_hold hold)
{
	struct hmmc_pool *pool = account->pool;
	struct hmmc_chunk *chunk;
	unsigned long flags;
	bool more;

	do {
		spin_lock_irqsave(&pool->lock, flags);
		if (hmmc_account_room(account) < HMMC_WINDOW_PAGES) {
			spin_unlock_irqrestore(&pool->lock, flags);
			return 0;
		}
		chunk = find_empty(account, hold);
		if (chunk) {
			if (hold == HMMC_HELD)
				chunk_hold(pool, chunk, account);
			chunk->taker = account;
			account->nr_frames += HMMC_WINDOW_PAGES;
			bitmap_fill(chunk->used, HMMC_WINDOW_PAGES);
			bitmap_fill(chunk->given, HMMC_WINDOW_PAGES);
			chunk_use(pool, chunk, HMMC_WINDOW_PAGES);
			chunk->huge = true;
			pool->nr_used += HMMC_WINDOW_PAGES;
			chunk_refile(pool, chunk);
			spin_unlock_irqrestore(&pool->lock, flags);
			return hmmc_chunk_first_pfn(chunk);
		}
		more = may_grow(account, hold);
		spin_unlock_irqrestore(&pool->lock, flags);
	} while (more && refill_empty(pool));

	return 0;
}

/* Frames that broke while they were in use stay so. Return: how many are left. */
static unsigned int keep_bad(struct hmmc_pool *pool, struct hmmc_chunk *chunk,
			     unsigned int first, unsigned int nr)
{
	unsigned int i = first;
	unsigned int kept = 0;

	for_each_set_bit_from(i, chunk->bad, first + nr) {
		__set_bit(i, chunk->used);
		kept++;
	}
	pool->nr_bad += kept;
	return nr - kept;
}

/* Clear bits of one chunk, but for broken frames. */
static void chunk_give(struct hmmc_pool *pool, struct hmmc_chunk *chunk,
		       unsigned int first, unsigned int nr)
{
	unsigned int given;

	lockdep_assert_held(&pool->lock);

	if (unlikely(chunk->lent) && !first) {
		chunk->lent_freed = true;
		first++;
		nr--;
	}
	given = nr;
	bitmap_clear(chunk->used, first, nr);
	if (unlikely(pool->has_bad))
		given = keep_bad(pool, chunk, first, nr);
	chunk_use(pool, chunk, -given);
	pool->nr_used -= nr;
	chunk_refile(pool, chunk);
}

void hmmc_pool_free(struct hmmc_block *block, struct hmmc_account *account, unsigned long pfn,
		    unsigned int nr)
{
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, pfn);
	struct hmmc_pool *pool = block->pool;
	unsigned long flags;

	spin_lock_irqsave(&pool->lock, flags);
	chunk_give(pool, chunk, pfn - hmmc_chunk_first_pfn(chunk), nr);
	if (account)
		hmmc_account_uncharge(account, nr);
	spin_unlock_irqrestore(&pool->lock, flags);
}

void hmmc_pool_lend(struct page *head)
{
	struct hmmc_block *block = hmmc_block_of(head);
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, page_to_pfn(head));

	/* The lock of the folio keeps a second fault from getting here. */
	scoped_guard(spinlock_irqsave, &block->pool->lock)
		chunk->lent = true;
	folio_put((struct folio *)head);
}

void hmmc_pool_take_back(struct page *head)
{
	struct hmmc_block *block = hmmc_block_of(head);
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, page_to_pfn(head));
	struct folio *folio = (struct folio *)head;

	while (!folio_try_get(folio)) {
		/* Its owner let go of it: the last put is about to bring it here. */
		if (READ_ONCE(chunk->lent_freed)) {
			zone_device_folio_init(folio, &block->pgmap, 0);
			break;
		}
		cpu_relax();
	}
	scoped_guard(spinlock_irqsave, &block->pool->lock) {
		chunk->lent = false;
		chunk->lent_freed = false;
	}
}

void hmmc_pool_release(struct hmmc_account *account, const unsigned long *pfns, unsigned int nr)
{
	unsigned int i, len;

	for (i = 0; i < nr; i += len) {
		struct hmmc_block *block = hmmc_block_of(pfn_to_page(pfns[i]));
		struct hmmc_chunk *chunk = hmmc_block_chunk(block, pfns[i]);

		for (len = 1; i + len < nr && pfns[i + len] == pfns[i] + len; len++) {
			if (hmmc_block_chunk(block, pfns[i + len]) != chunk)
				break;
		}
		hmmc_pool_free(block, account, pfns[i], len);
	}
}

void hmmc_pool_isolate(struct hmmc_chunk *chunk)
{
	struct hmmc_block *block = chunk->block;
	u64 start = (u64)(chunk - block->chunks) << HMMC_WINDOW_SHIFT;
	LIST_HEAD(blocks);

	lockdep_assert_held(&block->pool->buddy_mutex);

	if (!chunk->buddy &&
	    !gpu_buddy_alloc_blocks(&block->buddy, start, start + HMMC_WINDOW_SIZE,
				    HMMC_WINDOW_SIZE, HMMC_WINDOW_SIZE, &blocks,
				    GPU_BUDDY_RANGE_ALLOCATION))
		adopt_chunk(block, &blocks);
}

void hmmc_pool_retire(struct hmmc_block *block, unsigned long pfn)
{
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, pfn);
	unsigned int i = pfn - hmmc_chunk_first_pfn(chunk);
	struct hmmc_pool *pool = block->pool;

	guard(mutex)(&pool->buddy_mutex);
	scoped_guard(spinlock_irqsave, &pool->lock) {
		pool->has_bad = true;
		if (__test_and_set_bit(i, chunk->bad))
			return;
		/* A used frame is counted when it comes back, see chunk_give(). */
		if (chunk->state != HMMC_CHUNK_BUDDY && !__test_and_set_bit(i, chunk->used)) {
			chunk_use(pool, chunk, 1);
			pool->nr_bad++;
			chunk_refile(pool, chunk);
		}
	}
	hmmc_pool_isolate(chunk);
}

void hmmc_pool_retire_offset(struct hmmc_pool *pool, u64 offset)
{
	struct hmmc_block *block = hmmc_pool_first_block(pool);

	hmmc_pool_retire(block, block->first_pfn + PHYS_PFN(offset) - block->first_frame);
}

bool __hmmc_pool_is_bad(struct hmmc_block *block, unsigned long pfn, unsigned int nr)
{
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, pfn);
	unsigned int i = pfn - hmmc_chunk_first_pfn(chunk);

	guard(spinlock_irqsave)(&block->pool->lock);
	return find_next_bit(chunk->bad, HMMC_WINDOW_PAGES, i) < i + nr;
}

static bool has_good(struct hmmc_pool *pool, struct list_head *clock)
{
	struct hmmc_chunk *chunk;

	list_for_each_entry(chunk, clock, clock) {
		if (!hmmc_pool_is_unused(pool, chunk))
			return true;
	}
	return false;
}

bool hmmc_pool_has_good(struct hmmc_pool *pool)
{
	guard(spinlock_irqsave)(&pool->lock);
	return has_good(pool, &pool->active) || has_good(pool, &pool->inactive);
}

u64 hmmc_pool_nr_free(struct hmmc_pool *pool)
{
	guard(spinlock_irqsave)(&pool->lock);
	return nr_free(pool);
}

bool hmmc_pool_has_room(struct hmmc_account *account, u64 nr)
{
	struct hmmc_pool *pool = account->pool;

	guard(spinlock_irqsave)(&pool->lock);
	return nr_free(pool) >= nr && hmmc_account_room(account) >= nr;
}

unsigned int hmmc_pool_used(struct hmmc_chunk *chunk, unsigned long *used)
{
	guard(spinlock_irqsave)(&chunk->block->pool->lock);
	bitmap_andnot(used, chunk->used, chunk->bad, HMMC_WINDOW_PAGES);
	return bitmap_weight(used, HMMC_WINDOW_PAGES);
}

/*
 * In terms of frames, as the pool knows no addresses: memory that moved in together
 * has neighbouring frames, in the same order. Where it has not, it is a guess.
 */
unsigned int hmmc_pool_fault_around(struct hmmc_chunk *chunk, unsigned long pfn)
{
	static const struct hmmc_density density = {
		.window = HMMC_WINDOW_PAGES,
		.first = 1,
		.one_in = 3,
	};
	DECLARE_BITMAP(gone, HMMC_WINDOW_PAGES);

	/* Read while others change it: a hint, and not worth a lock. */
	if (!bitmap_andnot(gone, chunk->given, chunk->used, HMMC_WINDOW_PAGES))
		return density.first;
	return hmmc_density_pages(&density, gone, pfn - hmmc_chunk_first_pfn(chunk));
}

void hmmc_pool_reopen(struct hmmc_chunk *chunk)
{
	struct hmmc_pool *pool = chunk->block->pool;

	guard(spinlock_irqsave)(&pool->lock);
	/* Neither of the states it can be filed under. */
	chunk->state = HMMC_CHUNK_BUDDY;
	chunk_refile(pool, chunk);
}

static void let_go(struct hmmc_account *account, struct list_head *clock)
{
	struct hmmc_pool *pool = account->pool;
	struct hmmc_chunk *chunk;

	list_for_each_entry(chunk, clock, clock) {
		if (chunk->holder != account)
			continue;
		chunk_let_go(pool, chunk);
		chunk_refile(pool, chunk);
	}
}

void hmmc_pool_let_go(struct hmmc_account *account)
{
	lockdep_assert_held(&account->pool->lock);

	if (!account->nr_chunks)
		return;
	let_go(account, &account->pool->active);
	let_go(account, &account->pool->inactive);
}
