/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the two directions of migration share.
 *
 * Every migration is the same story: reserve what can be reserved; setup (core
 * mm locks and unmaps the pages); give each page a destination; copy, and look
 * whether it worked; take back every destination that is not good; commit (core
 * mm moves the page's identity); finalize. Success is per page, and a page that
 * did not move is as it was.
 *
 * Invariant: between setup and finalize a page has a destination only if that
 * holds its data or will before the commit, because finalize maps whatever is
 * there.
 *
 * Words: *in* is to the device, *out* is to system memory. A *batch* is the
 * arrays of one migration, at most a window of pages.
 */
#ifndef _HMMC_MIGRATE_H_
#define _HMMC_MIGRATE_H_

#include <linux/ktime.h>
#include <linux/migrate.h>

#include "pool.h"
#include "trace.h"

struct vm_area_struct;

/* A batch of up to this many pages lives on the stack. */
#define HMMC_SMALL_PAGES	16

struct hmmc_batch_small {
	unsigned long src[HMMC_SMALL_PAGES];
	unsigned long dst[HMMC_SMALL_PAGES];
	union {
		unsigned long pfns[HMMC_SMALL_PAGES];
		struct page *pages[HMMC_SMALL_PAGES];
	};
	struct hmmc_copy_run runs[HMMC_SMALL_PAGES];
};

/* Where large arrays come from: FROM_RESERVE for those that must not fail. */
enum hmmc_reserve { HMMC_NO_RESERVE, HMMC_FROM_RESERVE };

/* Start of a phase; the last is the end. */
enum hmmc_phase {
	HMMC_PHASE_SETUP,
	HMMC_PHASE_ALLOC,
	HMMC_PHASE_COPY,
	HMMC_PHASE_COMMIT,
	HMMC_PHASE_END,
	HMMC_NR_PHASES,
};

/**
 * struct hmmc_batch - one migration
 * @pool: whose device memory, at either end
 * @src: as core mm has them: the pages to move
 * @dst: as core mm has them: where to
 * @pfns: in: reserved frames
 * @pages: out: allocated pages
 * @nr_spare: entries of @pfns or @pages that exist
 * @nr_spent: entries of those that are spent
 * @account: in: who is charged for those
 * @whole_chunk: in: the frames are a whole chunk from @pfns[0] on
 * @copies: what to copy
 * @nr_pages: pages that were asked for
 * @results: enum hmmc_result per page, or NULL
 * @why: how many pages stayed, by enum hmmc_result; for the trace
 * @when: when a phase began; for the trace
 * @scratch: what the arrays are part of, or NULL if they are on the stack
 * @reserve: where @scratch comes from
 * @huge: out: a large page that was allocated before, or NULL
 * @last_resort: out: take pages of pool->reserve where there is no memory
 */
struct hmmc_batch {
	struct hmmc_pool *pool;
	unsigned long *src;
	unsigned long *dst;
	union {
		unsigned long *pfns;
		struct page **pages;
	};
	unsigned int nr_spare;
	unsigned int nr_spent;
	struct hmmc_account *account;
	bool whole_chunk;
	struct hmmc_copies copies;
	unsigned int nr_pages;
	u8 *results;
	unsigned int why[HMMC_NR_RESULTS];
	u64 when[HMMC_NR_PHASES];
	struct hmmc_scratch *scratch;
	enum hmmc_reserve reserve;
	struct folio *huge;
	bool last_resort;
};

static inline void hmmc_batch_stamp(struct hmmc_batch *batch, enum hmmc_phase phase)
{
	if (trace_hmmc_migrate_enabled())
		batch->when[phase] = ktime_get_ns();
}

/* Note why @nr pages from @i on stay where they are. */
static inline void hmmc_batch_stay(struct hmmc_batch *batch, unsigned int i, unsigned int nr,
				   enum hmmc_result result)
{
	batch->why[result] += nr;
	if (batch->results)
		memset(batch->results + i, result, nr);
}

static inline unsigned int hmmc_mpfn_nr_pages(unsigned long mpfn)
{
	return mpfn & MIGRATE_PFN_COMPOUND ? HMMC_WINDOW_PAGES : 1;
}

/* The page of a batch that a test may have fail, in the midst of others that do not. */
static inline bool hmmc_is_middle(unsigned int i, unsigned int nr, unsigned int npages)
{
	return in_range(npages / 2, i, nr);
}

/* Use the arrays of @scratch, which stays the caller's. The pool and nr_pages are set. */
void hmmc_batch_use(struct hmmc_batch *batch, struct hmmc_scratch *scratch);
/* Arrays for @nr_pages; @small may be NULL if that is many. Return: false if there is no memory. */
bool hmmc_batch_init(struct hmmc_batch *batch, struct hmmc_pool *pool,
		     struct hmmc_batch_small *small, unsigned int nr_pages,
		     enum hmmc_reserve reserve);
void hmmc_batch_fini(struct hmmc_batch *batch);
/* The copy failed: nobody may see any of the destinations. */
void hmmc_batch_drop(struct hmmc_batch *batch, unsigned int npages);
/* After the commit: how many pages have a new place, and note those that do not. */
unsigned int hmmc_batch_count(struct hmmc_batch *batch, unsigned int npages,
			      unsigned int *nr_huge);
void hmmc_batch_trace(struct hmmc_batch *batch, enum hmmc_place place, unsigned long start,
		      unsigned int moved);

/* VMAs whose pages core mm can move. */
bool hmmc_vma_may_move(struct vm_area_struct *vma);

typedef unsigned int hmmc_move_vma_fn(struct hmmc_batch *batch, struct hmmc_move *move,
				      struct vm_area_struct *vma,
				      unsigned long start, unsigned long end);

/*
 * Call @fn for each part of the span that one VMA covers. The arrays are used
 * from their start by each; results are placed by address. The mm is locked.
 */
void hmmc_move_by_vma(struct hmmc_batch *batch, struct hmmc_move *move, hmmc_move_vma_fn *fn,
		      bool (*may_move)(struct vm_area_struct *vma));

#endif
