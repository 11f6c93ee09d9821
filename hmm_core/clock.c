// SPDX-License-Identifier: GPL-2.0
/*
 * Which chunk is evicted next: the two lists of a pool, see logic/victim.c.
 *
 * Invariant: a chunk is on one of them from its first used frame to its last.
 *
 * Lock: pool->lock. What says that a chunk is used takes none, for a lost update costs
 * one turn.
 */
#include "logic/victim.h"
#include "pool.h"

void hmmc_clock_leave(struct hmmc_pool *pool, struct hmmc_chunk *chunk)
{
	lockdep_assert_held(&pool->lock);

	if (chunk->active)
		pool->nr_active--;
	else
		pool->nr_inactive--;
	list_del_init(&chunk->clock);
}

static void clock_add(struct hmmc_pool *pool, struct hmmc_chunk *chunk, bool active)
{
	lockdep_assert_held(&pool->lock);

	chunk->active = active;
	if (active)
		pool->nr_active++;
	else
		pool->nr_inactive++;
	list_add_tail(&chunk->clock, active ? &pool->active : &pool->inactive);
}

void hmmc_clock_enter(struct hmmc_pool *pool, struct hmmc_chunk *chunk)
{
	chunk->since = jiffies;
	/* What it comes for is no use of its own: there must be another, later. */
	WRITE_ONCE(chunk->old_sample, READ_ONCE(pool->nr_samples) + 1);
	clock_add(pool, chunk, false);
}

static void clock_move(struct hmmc_pool *pool, struct hmmc_chunk *chunk, bool active)
{
	hmmc_clock_leave(pool, chunk);
	clock_add(pool, chunk, active);
}

/* Whether there was a sample that tells something of it. */
static bool has_news(const struct hmmc_pool *pool, const struct hmmc_chunk *chunk)
{
	return (int)(READ_ONCE(pool->nr_samples) - READ_ONCE(chunk->old_sample)) > 0;
}

/* From here on, somebody has to use it to be taken for in use. */
static void clock_renew(struct hmmc_pool *pool, struct hmmc_chunk *chunk, bool active)
{
	WRITE_ONCE(chunk->referenced, false);
	WRITE_ONCE(chunk->old_sample, READ_ONCE(pool->nr_samples));
	clock_move(pool, chunk, active);
}

/*
 * Let chunks that have been in use the longest show that they still are: one at each
 * eviction, or what is not used any more would stay, and more if need be.
 */
static void deactivate(struct hmmc_pool *pool)
{
	u64 nr = pool->nr_active;
	bool wanted = false;

	for (; nr; nr--) {
		struct hmmc_chunk *chunk = list_first_entry(&pool->active, struct hmmc_chunk,
							    clock);

		if (wanted || has_news(pool, chunk))
			clock_renew(pool, chunk, READ_ONCE(chunk->referenced));
		wanted = hmmc_victim_wants_inactive(pool->nr_active, pool->nr_inactive);
		if (!wanted)
			break;
	}
}

static struct hmmc_chunk *chunk_at(struct hmmc_pool *pool, u64 offset)
{
	return &hmmc_pool_first_block(pool)->chunks[offset >> HMMC_WINDOW_SHIFT];
}

void hmmc_clock_touch(struct hmmc_pool *pool, u64 offset)
{
	struct hmmc_chunk *chunk = chunk_at(pool, offset);

	WRITE_ONCE(chunk->referenced, true);
}

void hmmc_clock_accessed(struct hmmc_pool *pool, u64 offset)
{
	struct hmmc_chunk *chunk = chunk_at(pool, offset);

	if (has_news(pool, chunk))
		WRITE_ONCE(chunk->referenced, true);
}

static enum hmmc_victim_verdict judge(struct hmmc_pool *pool, struct hmmc_chunk *chunk,
				      bool referenced, const struct hmmc_eviction *eviction)
{
	struct hmmc_victim facts = {
		.other = eviction->account && chunk->taker != eviction->account,
		.referenced = referenced,
		.closed = chunk->state == HMMC_CHUNK_CLOSED || hmmc_pool_is_unused(pool, chunk),
		.held = chunk->holder && eviction->mode < HMMC_EVICT_STUBBORN,
		.young = time_before(jiffies, chunk->since + eviction->residence),
	};

	return hmmc_victim_judge(&facts);
}

static struct hmmc_chunk *find_inactive(struct hmmc_pool *pool,
					const struct hmmc_eviction *eviction)
{
	struct hmmc_chunk *chunk, *next;

	list_for_each_entry_safe(chunk, next, &pool->inactive, clock) {
		switch (judge(pool, chunk, READ_ONCE(chunk->referenced), eviction)) {
		case HMMC_VICTIM_TAKE:
			return chunk;
		case HMMC_VICTIM_ACTIVATE:
			clock_renew(pool, chunk, true);
			break;
		case HMMC_VICTIM_SKIP:
			break;
		}
	}
	return NULL;
}

/* All that may be taken is in use: take what has been so the longest. */
static struct hmmc_chunk *find_active(struct hmmc_pool *pool,
				      const struct hmmc_eviction *eviction)
{
	struct hmmc_chunk *chunk;

	list_for_each_entry(chunk, &pool->active, clock) {
		if (judge(pool, chunk, false, eviction) == HMMC_VICTIM_TAKE)
			return chunk;
	}
	return NULL;
}

struct hmmc_chunk *hmmc_clock_close_victim(struct hmmc_pool *pool,
					   const struct hmmc_eviction *eviction)
{
	struct hmmc_chunk *victim;

	guard(spinlock_irqsave)(&pool->lock);
	deactivate(pool);
	victim = find_inactive(pool, eviction);
	if (!victim && eviction->mode > HMMC_EVICT_IDLE)
		victim = find_active(pool, eviction);
	if (!victim)
		return NULL;

	victim->state = HMMC_CHUNK_CLOSED;
	list_del_init(&victim->link);
	/* If it does not move, then others come first. */
	clock_move(pool, victim, victim->active);
	return victim;
}
