// SPDX-License-Identifier: GPL-2.0
/*
 * What the two directions of migration share: the arrays of a batch, and the way
 * through the VMAs of a span.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "migrate.h"

void hmmc_batch_use(struct hmmc_batch *batch, struct hmmc_scratch *scratch)
{
	batch->src = scratch->src;
	batch->dst = scratch->dst;
	batch->pfns = scratch->pfns;
	hmmc_copies_init(&batch->copies, batch->pool->device, scratch->runs, batch->nr_pages);
}

bool hmmc_batch_init(struct hmmc_batch *batch, struct hmmc_pool *pool,
		     struct hmmc_batch_small *small, unsigned int nr_pages,
		     enum hmmc_reserve reserve)
{
	struct hmmc_scratch *scratch;

	memset(batch, 0, sizeof(*batch));
	batch->pool = pool;
	batch->nr_pages = nr_pages;
	if (nr_pages <= HMMC_SMALL_PAGES) {
		batch->src = small->src;
		batch->dst = small->dst;
		batch->pfns = small->pfns;
		hmmc_copies_init(&batch->copies, pool->device, small->runs, nr_pages);
		return true;
	}
	/* Who is going to wait for mmap_lock takes none of the reserve, see hmmc_pool. */
	if (reserve == HMMC_FROM_RESERVE)
		scratch = mempool_alloc(pool->scratch, GFP_KERNEL);
	else if (hmmc_inject("scratch"))
		scratch = NULL;
	else
		scratch = kmem_cache_alloc(hmmc_scratch_cache, GFP_KERNEL | __GFP_NOWARN);
	if (!scratch)
		return false;
	batch->scratch = scratch;
	batch->reserve = reserve;
	hmmc_batch_use(batch, scratch);
	return true;
}

void hmmc_batch_fini(struct hmmc_batch *batch)
{
	if (!batch->scratch)
		return;
	if (batch->reserve == HMMC_FROM_RESERVE)
		mempool_free(batch->scratch, batch->pool->scratch);
	else
		kmem_cache_free(hmmc_scratch_cache, batch->scratch);
}

void hmmc_batch_drop(struct hmmc_batch *batch, unsigned int npages)
{
	unsigned int i;

	for (i = 0; i < npages; i++) {
		struct page *page = migrate_pfn_to_page(batch->dst[i]);

		if (!page)
			continue;
		hmmc_batch_stay(batch, i, hmmc_mpfn_nr_pages(batch->dst[i]),
				HMMC_RESULT_COPY_FAILED);
		batch->dst[i] = 0;
		folio_unlock(page_folio(page));
		folio_put(page_folio(page));
	}
}

unsigned int hmmc_batch_count(struct hmmc_batch *batch, unsigned int npages,
			      unsigned int *nr_huge)
{
	unsigned int moved = 0;
	unsigned int i, nr;

	*nr_huge = 0;
	for (i = 0; i < npages; i += nr) {
		nr = hmmc_mpfn_nr_pages(batch->dst[i]);
		if (!batch->dst[i])
			continue;
		if (!(batch->src[i] & MIGRATE_PFN_MIGRATE)) {
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_BUSY);
			continue;
		}
		if (batch->results)
			memset(batch->results + i, HMMC_RESULT_MOVED, nr);
		*nr_huge += nr > 1;
		moved += nr;
	}
	return moved;
}

void hmmc_batch_trace(struct hmmc_batch *batch, enum hmmc_place place, unsigned long start,
		      unsigned int moved)
{
	hmmc_batch_stamp(batch, HMMC_PHASE_END);
	trace_hmmc_migrate(batch->pool->device->name, place, start, batch->nr_pages, moved,
			   batch->why, batch->when);
}

bool hmmc_vma_may_move(struct vm_area_struct *vma)
{
	return !(vma->vm_flags & (VM_SPECIAL | VM_SHARED)) && !is_vm_hugetlb_page(vma) &&
	       !vma_is_dax(vma);
}

void hmmc_move_by_vma(struct hmmc_batch *batch, struct hmmc_move *move, hmmc_move_vma_fn *fn,
		      bool (*may_move)(struct vm_area_struct *vma))
{
	unsigned long addr = move->span.start;

	mmap_assert_locked(move->mm);
	while (addr < move->span.end) {
		struct vm_area_struct *vma = find_vma(move->mm, addr);
		unsigned long end = move->span.end;

		batch->results = move->results ?
			move->results + ((addr - move->span.start) >> PAGE_SHIFT) : NULL;
		if (!vma || vma->vm_start > addr) {
			end = vma ? min(end, vma->vm_start) : end;
			hmmc_batch_stay(batch, 0, (end - addr) >> PAGE_SHIFT, HMMC_RESULT_UNMAPPED);
		} else {
			end = min(end, vma->vm_end);
			if (may_move(vma) &&
			    (!move->only || in_range(move->only, addr, end - addr)))
				move->nr_moved += fn(batch, move, vma, addr, end);
			else
				hmmc_batch_stay(batch, 0, (end - addr) >> PAGE_SHIFT,
						HMMC_RESULT_UNSUITABLE);
		}
		addr = end;
	}
}
