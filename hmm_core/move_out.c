// SPDX-License-Identifier: GPL-2.0
/*
 * Out: from the device to system memory; by request, for a CPU fault, and for
 * eviction. See migrate.h for the story.
 *
 * Locks: mmap_lock from setup to finalize, for writing when a large folio leaves
 * whole, see lock_for_out(). Eviction, which starts from frames, looks for whoever
 * maps them: core mm can move pages by frame, too, but then nothing keeps their
 * anon_vma from being freed while it holds migration entries.
 */
#include <linux/mempolicy.h>
#include <linux/migrate.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>

#include "migrate.h"
#include "search.h"

#define GFP_SYSTEM	(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN)
/* A process waits: take a large page if there is one, small ones do as well. */
#define GFP_SYSTEM_HUGE	(GFP_TRANSHUGE_LIGHT | __GFP_NORETRY | __GFP_NOWARN)
/* Small pages will not do as well where a large one can be made. */
#define GFP_EVICT_HUGE	(GFP_TRANSHUGE | __GFP_NORETRY | __GFP_NOWARN)
#define GFP_STUBBORN_HUGE (GFP_TRANSHUGE | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* Pages one by one where the process or the VMA says which node they come from. */
static bool has_policy(struct vm_area_struct *vma)
{
#ifdef CONFIG_NUMA
	return vma->vm_policy || current->mempolicy;
#else
	return false;
#endif
}

/* How many small pages the batch needs at most. */
static unsigned int count_wanted(struct hmmc_batch *batch, unsigned int npages)
{
	unsigned int wanted = 0;
	unsigned int i;

	for (i = 0; i < npages; i += hmmc_mpfn_nr_pages(batch->src[i])) {
		/* Holes are collected too, without a page. */
		if ((batch->src[i] & (MIGRATE_PFN_MIGRATE | MIGRATE_PFN_VALID |
				      MIGRATE_PFN_COMPOUND)) ==
		    (MIGRATE_PFN_MIGRATE | MIGRATE_PFN_VALID))
			wanted++;
	}
	return wanted;
}

static void alloc_spare(struct hmmc_batch *batch, struct vm_area_struct *vma, unsigned int nr)
{
	memset(batch->pages, 0, nr * sizeof(*batch->pages));
	batch->nr_spent = 0;
	batch->nr_spare = 0;
	if (nr > 1 && !has_policy(vma) && !hmmc_inject("pages"))
		batch->nr_spare = alloc_pages_bulk(GFP_SYSTEM, nr, batch->pages);
}

static void free_spare(struct hmmc_batch *batch)
{
	while (batch->nr_spent < batch->nr_spare)
		__free_page(batch->pages[batch->nr_spent++]);
}

static struct folio *take_page(struct hmmc_batch *batch, struct vm_area_struct *vma,
			       unsigned long addr)
{
	struct folio *folio = NULL;

	if (batch->nr_spent < batch->nr_spare)
		return page_folio(batch->pages[batch->nr_spent++]);
	if (!hmmc_inject("page"))
		folio = vma_alloc_folio(GFP_SYSTEM, 0, vma, addr);
	if (!folio && batch->last_resort)
		folio = hmmc_reserve_take(batch->pool);
	return folio;
}

static bool assign_page(struct hmmc_batch *batch, unsigned int i, struct page *from,
			struct vm_area_struct *vma, unsigned long addr)
{
	struct hmmc_block *block = hmmc_block_of(from);
	struct folio *folio = take_page(batch, vma, addr);

	if (!folio) {
		hmmc_batch_stay(batch, i, 1, HMMC_RESULT_NO_MEMORY);
		return false;
	}
	/* Nobody else has seen it: the lock cannot be contended. */
	__folio_set_locked(folio);
	batch->dst[i] = migrate_pfn(folio_pfn(folio));
	hmmc_copies_add(&batch->copies, hmmc_block_offset(block, page_to_pfn(from)),
			&folio->page, PAGE_SIZE);
	return true;
}

/* As in the CPU's own faults: if there is one at once, and by the policy of the VMA. */
static struct folio *alloc_huge(struct vm_area_struct *vma, unsigned long addr)
{
	return vma_alloc_folio(GFP_SYSTEM_HUGE, HMMC_WINDOW_ORDER, vma, addr);
}

static struct folio *alloc_huge_hard(enum hmmc_evict_mode mode)
{
	return folio_alloc(mode == HMMC_EVICT_STUBBORN ? GFP_STUBBORN_HUGE : GFP_EVICT_HUGE,
			   HMMC_WINDOW_ORDER);
}

/*
 * Small pages are no destination for a large one: core mm would take it apart in
 * this VMA only, and map what other processes have of it over a single page.
 * The caller may have core mm split it first.
 */
static void assign_huge(struct hmmc_batch *batch, unsigned int i, struct page *from,
			struct vm_area_struct *vma, unsigned long addr)
{
	struct hmmc_block *block = hmmc_block_of(from);
	struct folio *folio;

	if (hmmc_pool_is_bad(block, page_to_pfn(from), HMMC_WINDOW_PAGES) ||
	    hmmc_inject("huge_page"))
		folio = NULL;
	else if (batch->huge)
		folio = batch->huge;
	else
		folio = alloc_huge(vma, addr);
	if (!folio) {
		hmmc_batch_stay(batch, i, HMMC_WINDOW_PAGES, HMMC_RESULT_NO_MEMORY);
		return;
	}
	batch->huge = NULL;
	__folio_set_locked(folio);
	batch->dst[i] = migrate_pfn(folio_pfn(folio)) | MIGRATE_PFN_COMPOUND;
	hmmc_copies_add(&batch->copies, hmmc_block_offset(block, page_to_pfn(from)),
			&folio->page, HMMC_WINDOW_SIZE);
}

/* Give every collected page a page in system memory. */
static void assign_pages(struct hmmc_batch *batch, unsigned int npages, struct vm_area_struct *vma,
			 unsigned long start)
{
	unsigned int i, nr;

	alloc_spare(batch, vma, count_wanted(batch, npages));
	for (i = 0; i < npages; i += nr) {
		struct page *from = migrate_pfn_to_page(batch->src[i]);
		unsigned long addr = start + i * PAGE_SIZE;

		nr = hmmc_mpfn_nr_pages(batch->src[i]);
		if (!from || !(batch->src[i] & MIGRATE_PFN_MIGRATE) ||
		    (hmmc_is_middle(i, nr, npages) && hmmc_inject("collect_out")))
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_BUSY);
		else if (nr > 1)
			assign_huge(batch, i, from, vma, addr);
		else if (hmmc_pool_is_bad(hmmc_block_of(from), page_to_pfn(from), 1))
			hmmc_batch_stay(batch, i, nr, HMMC_RESULT_UNSUITABLE);
		else
			assign_page(batch, i, from, vma, addr);
	}
	free_spare(batch);
}

/* The device may have written them, which no CPU page table shows. */
static void mark_dirty(struct hmmc_batch *batch, unsigned int npages)
{
	unsigned int i;

	for (i = 0; i < npages; i += hmmc_mpfn_nr_pages(batch->dst[i])) {
		struct page *page = migrate_pfn_to_page(batch->dst[i]);

		if (page && (batch->src[i] & MIGRATE_PFN_MIGRATE))
			folio_set_dirty(page_folio(page));
	}
}

/* The part of an out migration that lies between setup and commit. */
static void batch_out(struct hmmc_batch *batch, unsigned int npages, struct vm_area_struct *vma,
		      unsigned long start)
{
	hmmc_batch_stamp(batch, HMMC_PHASE_ALLOC);
	assign_pages(batch, npages, vma, start);
	hmmc_batch_stamp(batch, HMMC_PHASE_COPY);
	if (hmmc_copies_run(&batch->copies, HMMC_COPY_TO_SYSTEM))
		hmmc_batch_drop(batch, npages);
	hmmc_batch_stamp(batch, HMMC_PHASE_COMMIT);
}

/* How migrate_vma_out() moves large folios. */
enum out_mode {
	OUT_SPLIT,	/* core mm splits them */
	OUT_WHOLE,	/* one, see lock_for_out() */
	OUT_LENT,	/* the same as SPLIT, but for the reference of a CPU fault */
};

static unsigned int migrate_vma_out(struct hmmc_batch *batch, struct vm_area_struct *vma,
				    unsigned long start, unsigned long end,
				    enum out_mode mode, struct page *fault_page)
{
	struct migrate_vma args = {
		.vma = vma,
		.src = batch->src,
		.dst = batch->dst,
		.start = start,
		.end = end,
		.pgmap_owner = batch->pool,
		.flags = MIGRATE_VMA_SELECT_DEVICE_PRIVATE |
			 (mode == OUT_WHOLE ? MIGRATE_VMA_SELECT_COMPOUND : 0),
		.fault_page = fault_page,
	};
	unsigned int moved, nr_huge;
	int ret;

	hmmc_batch_stamp(batch, HMMC_PHASE_SETUP);
	if (mode == OUT_LENT)
		hmmc_pool_lend(fault_page);
	ret = hmmc_inject("setup_out") ? -EINVAL : migrate_vma_setup(&args);
	if (mode == OUT_LENT)
		hmmc_pool_take_back(fault_page);
	if (ret) {
		hmmc_batch_stay(batch, 0, (end - start) >> PAGE_SHIFT, HMMC_RESULT_UNSUITABLE);
		return 0;
	}
	if (!args.cpages) {
		hmmc_batch_stay(batch, 0, args.npages, HMMC_RESULT_BUSY);
		migrate_vma_finalize(&args);
		return 0;
	}
	batch_out(batch, args.npages, vma, start);
	migrate_vma_pages(&args);
	moved = hmmc_batch_count(batch, args.npages, &nr_huge);
	mark_dirty(batch, args.npages);
	migrate_vma_finalize(&args);
	hmmc_pool_count(batch->pool, HMMC_POOL_THP_OUT, nr_huge);
	return moved;
}

static unsigned int move_vma_out(struct hmmc_batch *batch, struct hmmc_move *move,
				 struct vm_area_struct *vma, unsigned long start,
				 unsigned long end)
{
	return migrate_vma_out(batch, vma, start, end, OUT_SPLIT, NULL);
}

/* The one variant that mmap_lock.h leaves out. */
static bool mm_write_trylock(struct mm_struct *mm)
{
	if (hmmc_inject("mmap_lock") || !down_write_trylock(&mm->mmap_lock))
		return false;
	mm_lock_seqcount_begin(mm);
	return true;
}

/*
 * The VMA at @addr if the large folio there may move whole, else NULL. The mm is
 * locked for writing.
 */
static struct vm_area_struct *vma_to_move_whole(struct hmmc_pool *pool, struct mm_struct *mm,
						unsigned long addr)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	struct folio *folio;

	mmap_assert_write_locked(mm);

	if (!vma || !hmmc_vma_may_move(vma))
		return NULL;
	/* Waits for those that only hold the VMA, such as MADV_DONTNEED. */
	vma_start_write(vma);
	folio = hmmc_huge_at(pool, mm, addr);
	if (!folio || folio_mapcount(folio) != 1 ||
	    hmmc_pool_is_bad(hmmc_block_of(&folio->page), folio_pfn(folio), HMMC_WINDOW_PAGES))
		return NULL;
	return vma;
}

/*
 * A large folio that moves whole has a PMD migration entry meanwhile. Core mm
 * (7.2, 7.3: zap_huge_pmd_folio()) takes that of a device folio for a mapping:
 * whoever zaps it drops a reference and a map count that are not there, and the
 * folio is freed under us. So nobody must be able to: the folio is mapped here
 * and nowhere else, and the locks, for writing, keep off munmap(), MADV_DONTNEED,
 * the OOM reaper, and a fork that would change the former. Every other folio is
 * split first, because core mm gets the entries of single pages right.
 *
 * Lock the mm. Return: an error; or 0 and, if the folio may move whole, its VMA
 * with mmap_lock for writing; else NULL and for reading.
 */
static int lock_for_out(const struct hmmc_move *move, struct vm_area_struct **whole)
{
	bool try = move->flags & HMMC_MOVE_TRYLOCK;
	struct mm_struct *mm = move->mm;

	*whole = NULL;
	if (try ? !mmap_read_trylock(mm) : mmap_read_lock_killable(mm))
		return try ? -EAGAIN : -EINTR;
	if (move->span.end - move->span.start != HMMC_WINDOW_SIZE ||
	    !hmmc_huge_at(move->pool, mm, move->span.start))
		return 0;

	mmap_read_unlock(mm);
	if (try ? !mm_write_trylock(mm) : mmap_write_lock_killable(mm))
		return try ? -EAGAIN : -EINTR;
	*whole = vma_to_move_whole(move->pool, mm, move->span.start);
	if (!*whole)
		mmap_write_downgrade(mm);
	return 0;
}

/* @batch has room for the span. */
static int move_out(struct hmmc_batch *batch, struct hmmc_move *move)
{
	struct vm_area_struct *whole;
	int ret;

	move->nr_moved = 0;
	memset(batch->why, 0, sizeof(batch->why));
	ret = lock_for_out(move, &whole);
	if (ret)
		return ret;
	if (whole) {
		batch->results = move->results;
		move->nr_moved = migrate_vma_out(batch, whole, move->span.start, move->span.end,
						 OUT_WHOLE, NULL);
		mmap_write_downgrade(move->mm);
		if (!move->nr_moved)
			memset(batch->why, 0, sizeof(batch->why));
	}
	if (!move->nr_moved)
		hmmc_move_by_vma(batch, move, move_vma_out, hmmc_vma_may_move);
	mmap_read_unlock(move->mm);
	hmmc_pool_count(batch->pool, HMMC_POOL_MIGRATED_OUT, move->nr_moved);
	hmmc_batch_trace(batch, HMMC_PLACE_SYSTEM, move->span.start, move->nr_moved);
	return 0;
}

int hmmc_move_out(struct hmmc_move *move)
{
	struct hmmc_batch_small small;
	struct hmmc_batch batch;
	int ret;

	if (!hmmc_batch_init(&batch, move->pool, &small,
			     (move->span.end - move->span.start) >> PAGE_SHIFT,
			     HMMC_NO_RESERVE))
		return -ENOMEM;
	ret = move_out(&batch, move);
	hmmc_batch_fini(&batch);
	return ret;
}

/* ---- Out, for a CPU fault ------------------------------------------------- */

/*
 * The folio lock that a CPU fault holds comes after mmap_lock: do not wait. But
 * those who fault on the same folio come and go quickly, so look more than once.
 */
static bool mm_write_lock_soon(struct mm_struct *mm)
{
	unsigned int tries;

	for (tries = 0; tries < 64; tries++) {
		if (mm_write_trylock(mm))
			return true;
		cpu_relax();
	}
	return false;
}

vm_fault_t hmmc_move_faulted_whole(struct hmmc_pool *pool, struct vm_fault *vmf)
{
	unsigned long addr = ALIGN_DOWN(vmf->address, HMMC_WINDOW_SIZE);
	struct folio *folio = page_folio(vmf->page);
	struct vm_area_struct *vma = vmf->vma;
	struct mm_struct *mm = vma->vm_mm;
	struct hmmc_chunk *chunk = hmmc_block_chunk(hmmc_block_of(vmf->page), folio_pfn(folio));
	struct page *page = vmf->page;
	struct hmmc_batch batch;
	unsigned int moved = 0;

	if (!(vmf->flags & FAULT_FLAG_ALLOW_RETRY) || (vmf->flags & FAULT_FLAG_RETRY_NOWAIT) ||
	    READ_ONCE(chunk->apart) || folio_mapcount(folio) != 1)
		return 0;
	if (!hmmc_batch_init(&batch, pool, NULL, HMMC_WINDOW_PAGES, HMMC_FROM_RESERVE))
		return 0;

	mmap_read_unlock(mm);
	if (mm_write_lock_soon(mm)) {
		vma = vma_to_move_whole(pool, mm, addr);
		if (vma && hmmc_huge_at(pool, mm, addr) == folio)
			moved = migrate_vma_out(&batch, vma, addr, addr + HMMC_WINDOW_SIZE,
						OUT_WHOLE, page);
		mmap_write_unlock(mm);
	}
	/* Not every caller tells that it has been here before. */
	if (!moved)
		WRITE_ONCE(chunk->apart, true);
	hmmc_pool_count(pool, HMMC_POOL_CPU_FAULT_PAGES, moved);
	hmmc_batch_trace(&batch, HMMC_PLACE_SYSTEM, addr, moved);
	hmmc_batch_fini(&batch);
	return VM_FAULT_RETRY;
}

enum hmmc_result hmmc_move_faulted(struct hmmc_pool *pool, struct vm_fault *vmf,
				   const struct hmmc_span *span, bool last_resort)
{
	unsigned int i = (ALIGN_DOWN(vmf->address, PAGE_SIZE) - span->start) >> PAGE_SHIFT;
	unsigned int nr_pages = (span->end - span->start) >> PAGE_SHIFT;
	u8 results[HMMC_WINDOW_PAGES];
	struct hmmc_batch_small small;
	struct hmmc_batch batch;
	unsigned int moved;

	if (!hmmc_batch_init(&batch, pool, &small, nr_pages, HMMC_FROM_RESERVE))
		return HMMC_RESULT_NO_MEMORY;
	batch.results = results;
	batch.last_resort = last_resort;
	memset(results, HMMC_RESULT_BUSY, nr_pages);
	/* From the table entry of one page, core mm splits with the fault's reference. */
	moved = migrate_vma_out(&batch, vmf->vma, span->start, span->end,
				vmf->pte ? OUT_SPLIT : OUT_LENT, vmf->page);
	hmmc_pool_count(pool, HMMC_POOL_CPU_FAULT_PAGES, moved);
	hmmc_batch_trace(&batch, HMMC_PLACE_SYSTEM, span->start, moved);
	hmmc_batch_fini(&batch);
	return results[i];
}

/* ---- Out, for eviction ---------------------------------------------------- */

unsigned int hmmc_move_frame(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
			     struct hmmc_search *search, struct hmmc_chunk *chunk,
			     unsigned long pfn, enum hmmc_evict_mode mode)
{
	struct hmmc_batch batch = { .pool = pool, .nr_pages = HMMC_WINDOW_PAGES };
	struct hmmc_move move = { .pool = pool, .flags = HMMC_MOVE_TRYLOCK };
	struct folio *folio = page_folio(pfn_to_page(pfn));

	hmmc_batch_use(&batch, scratch);
	/* Now, while no lock is held that others would have to wait for. */
	if (folio_test_large(folio) && hmmc_mapcount(folio) == 1)
		batch.huge = alloc_huge_hard(mode);
	hmmc_search_start(search);
	while (!move.nr_moved && hmmc_search_next(search, chunk, pfn, &move.span)) {
		move.mm = search->mm;
		batch.nr_pages = (move.span.end - move.span.start) >> PAGE_SHIFT;
		move_out(&batch, &move);
	}
	if (batch.huge)
		folio_put(batch.huge);
	return move.nr_moved;
}
