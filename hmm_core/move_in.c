// SPDX-License-Identifier: GPL-2.0
/*
 * In: from system memory to the device. See migrate.h for the story.
 *
 * Frames are reserved before mmap_lock is taken. A large page becomes a large
 * folio if a whole chunk was to be had.
 *
 * Lock: mmap_lock for reading, from setup to finalize.
 */
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/userfaultfd_k.h>

#include "migrate.h"

static void take_frame(struct hmmc_batch *batch, unsigned int i, struct page *from)
{
	unsigned long pfn = batch->whole_chunk ? batch->pfns[0] + batch->nr_spent :
						 batch->pfns[batch->nr_spent];
	struct page *page = pfn_to_page(pfn);
	struct hmmc_block *block = hmmc_block_of(page);
	u64 offset = hmmc_block_offset(block, pfn);

	/* Not page_folio(): a free frame may still look like a tail of the large one it was. */
	zone_device_folio_init((struct folio *)page, &block->pgmap, 0);
	page->zone_device_data = batch->account;
	batch->nr_spent++;
	batch->dst[i] = migrate_pfn(pfn);
	if (from)
		hmmc_copies_add(&batch->copies, offset, from, PAGE_SIZE);
	else
		hmmc_copies_add_clear(&batch->copies, offset, PAGE_SIZE);
}

static void take_chunk(struct hmmc_batch *batch, unsigned int i, struct page *from)
{
	struct page *page = pfn_to_page(batch->pfns[0]);
	struct hmmc_block *block = hmmc_block_of(page);
	u64 offset = hmmc_block_offset(block, batch->pfns[0]);

	zone_device_folio_init((struct folio *)page, &block->pgmap, HMMC_WINDOW_ORDER);
	page->zone_device_data = batch->account;
	batch->nr_spent = HMMC_WINDOW_PAGES;
	batch->dst[i] = migrate_pfn(batch->pfns[0]) | MIGRATE_PFN_COMPOUND;
	if (from)
		hmmc_copies_add(&batch->copies, offset, from, HMMC_WINDOW_SIZE);
	else
		hmmc_copies_add_clear(&batch->copies, offset, HMMC_WINDOW_SIZE);
}

/* Whether the page that core mm collected may go to the device at all. */
static bool may_move_in(struct hmmc_batch *batch, unsigned int i, unsigned int nr, bool populate)
{
	struct page *page = migrate_pfn_to_page(batch->src[i]);
	struct folio *folio;

	if (!page) {
		if (!populate)
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_HOLE);
		return populate;
	}
	folio = page_folio(page);
	if (!folio_test_anon(folio)) {
		hmmc_batch_stay(batch, i, nr, HMMC_RESULT_UNSUITABLE);
		return false;
	}
	return true;
}

static void assign_frames(struct hmmc_batch *batch, unsigned int npages, bool populate)
{
	unsigned int i, j, nr;

	for (i = 0; i < npages; i += nr) {
		struct page *from = migrate_pfn_to_page(batch->src[i]);

		nr = hmmc_mpfn_nr_pages(batch->src[i]);
		if (!(batch->src[i] & MIGRATE_PFN_MIGRATE) ||
		    (hmmc_is_middle(i, nr, npages) && hmmc_inject("collect_in"))) {
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_BUSY);
			continue;
		}
		if (!may_move_in(batch, i, nr, populate))
			continue;
		if (nr > 1 && batch->whole_chunk && !batch->nr_spent) {
			take_chunk(batch, i, from);
			continue;
		}
		/*
		 * Core mm takes a large page apart for small frames, of which there
		 * may be fewer, but it fills a large hole only as a whole.
		 */
		if (!from && batch->nr_spare - batch->nr_spent < nr) {
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_FULL);
			continue;
		}
		for (j = 0; j < nr && batch->nr_spent < batch->nr_spare; j++)
			take_frame(batch, i + j, from ? from + j : NULL);
		if (j < nr)
			hmmc_batch_stay(batch, i + j, nr - j, HMMC_RESULT_FULL);
	}
}

/* VMAs whose pages should not go to the device, or that have none which could. */
static bool vma_may_move_in(struct vm_area_struct *vma)
{
	if (!hmmc_vma_may_move(vma) || !(vma->vm_flags & VM_READ))
		return false;
	/* A device entry does not keep the write protection, and a CPU read drops it. */
	if (userfaultfd_wp(vma))
		return false;
	/*
	 * Where KSM may merge pages: setup takes the entry of a page away that KSM
	 * has, or is about to have, not linked to it by its reverse map, and does
	 * not find it again to put it back. The entry is then left with nothing
	 * behind it. And if such a page moved, ksmd would read the device's.
	 */
	if (vma->vm_flags & VM_MERGEABLE)
		return false;
	/* A private file mapping that nobody has written to. */
	return vma_is_anonymous(vma) || vma->anon_vma;
}

/* The system's own "never" is not visible to modules; see Documentation/limits. */
static bool vma_may_be_huge(struct vm_area_struct *vma)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	return !vma_thp_disabled(vma, vma->vm_flags, false);
#else
	return false;
#endif
}

/* Move [start, end) of one VMA in; the batch's results start at @start. */
static unsigned int move_vma_in(struct hmmc_batch *batch, struct hmmc_move *move,
				struct vm_area_struct *vma, unsigned long start, unsigned long end)
{
	bool thp = batch->whole_chunk && vma_may_be_huge(vma);
	struct migrate_vma args = {
		.vma = vma,
		.src = batch->src,
		.dst = batch->dst,
		.start = start,
		.end = end,
		.pgmap_owner = batch->pool,
		.flags = MIGRATE_VMA_SELECT_SYSTEM | (thp ? MIGRATE_VMA_SELECT_COMPOUND : 0),
	};
	unsigned int moved, nr_huge;

	hmmc_batch_stamp(batch, HMMC_PHASE_SETUP);
	if (hmmc_inject("setup_in") || migrate_vma_setup(&args)) {
		hmmc_batch_stay(batch, 0, (end - start) >> PAGE_SHIFT, HMMC_RESULT_UNSUITABLE);
		return 0;
	}
	hmmc_batch_stamp(batch, HMMC_PHASE_ALLOC);
	if (args.cpages)
		assign_frames(batch, args.npages, move->flags & HMMC_MOVE_POPULATE);
	else
		hmmc_batch_stay(batch, 0, args.npages, HMMC_RESULT_BUSY);
	hmmc_batch_stamp(batch, HMMC_PHASE_COPY);
	if (hmmc_copies_run(&batch->copies, HMMC_COPY_TO_DEVICE))
		hmmc_batch_drop(batch, args.npages);
	hmmc_batch_stamp(batch, HMMC_PHASE_COMMIT);
	migrate_vma_pages(&args);
	moved = hmmc_batch_count(batch, args.npages, &nr_huge);
	migrate_vma_finalize(&args);

	hmmc_pool_count(batch->pool, HMMC_POOL_MIGRATED_IN, moved);
	hmmc_pool_count(batch->pool, HMMC_POOL_THP_IN, nr_huge);
	return moved;
}

/* What a process may not hold, it gets as everybody does. */
static unsigned long reserve_chunk(struct hmmc_batch *batch, enum hmmc_hold hold)
{
	unsigned long pfn = hmmc_pool_reserve_chunk(batch->account, hold);

	if (pfn || hold == HMMC_MIXED)
		return pfn;
	pfn = hmmc_pool_reserve_chunk(batch->account, HMMC_MIXED);
	if (pfn)
		hmmc_account_refuse(batch->account, HMMC_WINDOW_PAGES);
	return pfn;
}

static unsigned int reserve_small(struct hmmc_batch *batch, enum hmmc_hold hold)
{
	unsigned int nr = hmmc_pool_reserve(batch->account, hold, batch->pfns, batch->nr_pages);
	unsigned int more;

	if (nr == batch->nr_pages || hold == HMMC_MIXED)
		return nr;
	more = hmmc_pool_reserve(batch->account, HMMC_MIXED, batch->pfns + nr,
				 batch->nr_pages - nr);
	hmmc_account_refuse(batch->account, more);
	return nr + more;
}

static void reserve_frames(struct hmmc_batch *batch, struct hmmc_move *move)
{
	enum hmmc_hold hold = move->flags & HMMC_MOVE_HOLD ? HMMC_HELD : HMMC_MIXED;
	unsigned long pfn = 0;

	batch->account = move->account;
	if (READ_ONCE(batch->pool->asleep))
		return;
	if ((move->flags & HMMC_MOVE_THP) && batch->nr_pages == HMMC_WINDOW_PAGES &&
	    !hmmc_inject("chunk"))
		pfn = reserve_chunk(batch, hold);
	if (!pfn) {
		if (!hmmc_inject("frames"))
			batch->nr_spare = reserve_small(batch, hold);
		return;
	}
	batch->whole_chunk = true;
	batch->nr_spare = HMMC_WINDOW_PAGES;
	batch->pfns[0] = pfn;
}

/* The reserved frames that nothing was made of. */
static void release_frames(struct hmmc_batch *batch)
{
	unsigned int nr = batch->nr_spare - batch->nr_spent;

	if (!nr)
		return;
	if (batch->whole_chunk)
		hmmc_pool_free(hmmc_block_of(pfn_to_page(batch->pfns[0])), batch->account,
			       batch->pfns[0] + batch->nr_spent, nr);
	else
		hmmc_pool_release(batch->account, batch->pfns + batch->nr_spent, nr);
}

static int lock_for_in(const struct hmmc_move *move)
{
	if (move->flags & HMMC_MOVE_TRYLOCK)
		return mmap_read_trylock(move->mm) ? 0 : -EAGAIN;
	return mmap_read_lock_killable(move->mm);
}

int hmmc_move_in(struct hmmc_move *move)
{
	struct hmmc_batch_small small;
	struct hmmc_batch batch;
	int ret;

	move->nr_moved = 0;
	if (!hmmc_batch_init(&batch, move->pool, &small,
			     (move->span.end - move->span.start) >> PAGE_SHIFT,
			     HMMC_NO_RESERVE))
		return -ENOMEM;
	reserve_frames(&batch, move);
	ret = lock_for_in(move);
	if (!ret) {
		hmmc_move_by_vma(&batch, move, move_vma_in, vma_may_move_in);
		mmap_read_unlock(move->mm);
	}
	release_frames(&batch);
	if (!ret && batch.why[HMMC_RESULT_FULL])
		ret = -ENOSPC;
	hmmc_batch_trace(&batch, HMMC_PLACE_DEVICE, move->span.start, move->nr_moved);
	hmmc_batch_fini(&batch);
	return ret;
}
