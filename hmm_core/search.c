// SPDX-License-Identifier: GPL-2.0
/*
 * Who maps a device page, and where.
 *
 * Core mm moves a page by its address better than by its frame: mmap_lock keeps
 * the anon_vma that it needs until the end, it can split a large folio, and who
 * calls can keep others away from one; see lock_for_out() in move_out.c. No
 * address is kept with a device page, for it changes with mremap() and fork. So it
 * is looked for: the folio's index says what a VMA would have to cover, and the
 * page table whether it does. That is quick for the processes that have a mirror,
 * and possible for the rest: a child of one that has since exited, say.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/swap.h>
#include <linux/leafops.h>	/* wants the former first */

#include "search.h"

/* The entry for the window at @addr, or an empty one. */
static pmd_t pmd_at(struct mm_struct *mm, unsigned long addr)
{
	pgd_t *pgd = pgd_offset(mm, addr);
	p4d_t *p4d;
	pud_t *pud;

	mmap_assert_locked(mm);

	if (!pgd_present(*pgd))
		return __pmd(0);
	p4d = p4d_offset(pgd, addr);
	if (!p4d_present(*p4d))
		return __pmd(0);
	pud = pud_offset(p4d, addr);
	if (!pud_present(*pud) || pud_leaf(*pud))
		return __pmd(0);
	return pmdp_get_lockless(pmd_offset(pud, addr));
}

struct folio *hmmc_huge_at(struct hmmc_pool *pool, struct mm_struct *mm, unsigned long addr)
{
	pmd_t pmd = pmd_at(mm, addr);
	struct page *page;

	if (!pmd_is_device_private_entry(pmd))
		return NULL;
	page = softleaf_to_page(softleaf_from_pmd(pmd));
	return page_pgmap(page)->owner == pool ? page_folio(page) : NULL;
}

/*
 * The PFN of the device page that is mapped at @addr by an entry of any size, or 0.
 * Only a look: core mm may be changing the table, and may free it when RCU allows;
 * and the page may be split, so its struct page must not be looked at.
 */
static unsigned long pfn_at(struct mm_struct *mm, unsigned long addr)
{
	softleaf_t leaf;
	pmd_t pmd;

	guard(rcu)();
	pmd = pmd_at(mm, addr);
	if (pmd_is_device_private_entry(pmd))
		return softleaf_to_pfn(softleaf_from_pmd(pmd)) +
		       ((addr & ~HPAGE_PMD_MASK) >> PAGE_SHIFT);
	if (!pmd_present(pmd) || pmd_leaf(pmd))
		return 0;
	/* No table is in high memory where there are device pages. */
	leaf = softleaf_from_pte(ptep_get_lockless(pte_offset_kernel(&pmd, addr)));
	return softleaf_is_device_private(leaf) ? softleaf_to_pfn(leaf) : 0;
}

/* What the VMA maps of the chunk around @addr, in the window of that. */
static struct hmmc_span span_of_chunk(struct vm_area_struct *vma, unsigned long addr,
				      const struct hmmc_chunk *chunk)
{
	unsigned long window = ALIGN_DOWN(addr, HMMC_WINDOW_SIZE);
	unsigned long end = min(window + HMMC_WINDOW_SIZE, vma->vm_end);
	unsigned long first_pfn = hmmc_chunk_first_pfn(chunk);
	struct hmmc_span span = { addr, addr + PAGE_SIZE };

	for (addr = max(window, vma->vm_start); addr < end; addr += PAGE_SIZE) {
		if (!in_range(pfn_at(vma->vm_mm, addr), first_pfn, HMMC_WINDOW_PAGES))
			continue;
		span.start = min(span.start, addr);
		span.end = max(span.end, addr + PAGE_SIZE);
	}
	return span;
}

/* Does @vma map the frame at @pfn, whose index is @index? Where? */
static bool vma_maps(struct vm_area_struct *vma, const struct hmmc_chunk *chunk,
		     unsigned long pfn, pgoff_t index, struct hmmc_span *span)
{
	unsigned long addr;

	if (!vma->anon_vma || !in_range(index, vma->vm_pgoff, vma_pages(vma)))
		return false;
	addr = vma->vm_start + ((index - vma->vm_pgoff) << PAGE_SHIFT);
	if (pfn_at(vma->vm_mm, addr) != pfn)
		return false;
	*span = span_of_chunk(vma, addr, chunk);
	return true;
}

/* Of a frame that somebody may be freeing: wrong then, and nobody maps it. */
static pgoff_t page_index(struct page *page)
{
	struct folio *folio = page_folio(page);

	return READ_ONCE(folio->index) + (page_to_pfn(page) - folio_pfn(folio));
}

static bool mm_maps(struct mm_struct *mm, const struct hmmc_chunk *chunk, unsigned long pfn,
		    struct hmmc_span *span)
{
	pgoff_t index = page_index(pfn_to_page(pfn));
	struct vm_area_struct *vma;
	bool found;

	/* Who holds the lock may need what the caller has. */
	if (hmmc_inject("mmap_lock") || !mmap_read_trylock(mm))
		return false;
	/* Where it is unless it was moved. */
	vma = vma_lookup(mm, index << PAGE_SHIFT);
	found = vma && vma_maps(vma, chunk, pfn, index, span);
	if (!found) {
		VMA_ITERATOR(vmi, mm, 0);

		for_each_vma(vmi, vma) {
			found = vma_maps(vma, chunk, pfn, index, span);
			if (found)
				break;
		}
	}
	mmap_read_unlock(mm);
	return found;
}

static struct mm_struct *process_mm(struct task_struct *process)
{
	struct task_struct *thread;

	/* The first thread may have exited already. */
	for_each_thread(process, thread) {
		struct mm_struct *mm = get_task_mm(thread);

		if (mm)
			return mm;
	}
	return NULL;
}

/* The mm of the next process. Return: NULL if there is no other. */
static struct mm_struct *next_process(struct hmmc_search *search)
{
	struct task_struct *task = search->task ?: &init_task;
	struct mm_struct *mm = NULL;

	rcu_read_lock();
	/* Its list cannot be followed from one that has left it. */
	if (task == &init_task || pid_alive(task)) {
		while (!mm && (task = next_task(task)) != &init_task)
			mm = process_mm(task);
	}
	if (mm)
		get_task_struct(task);
	rcu_read_unlock();

	if (search->task)
		put_task_struct(search->task);
	search->task = mm ? task : NULL;
	return mm;
}

static bool next_mm(struct hmmc_search *search, struct hmmc_pool *pool)
{
	if (search->again) {
		search->again = false;
		return true;
	}
	if (search->mm)
		mmput_async(search->mm);
	search->mm = NULL;
	while (!search->task && !search->mm) {
		/* Also from a process that has exited meanwhile: see what follows. */
		if (!hmmc_device_mirrored_mm(pool->device, search->nr_mirrors, &search->mm))
			break;
		search->nr_mirrors++;
	}
	if (!search->mm)
		search->mm = next_process(search);
	return search->mm;
}

void hmmc_search_start(struct hmmc_search *search)
{
	search->again = search->mm;
	search->nr_mirrors = 0;
	if (search->task)
		put_task_struct(search->task);
	search->task = NULL;
}

bool hmmc_search_next(struct hmmc_search *search, struct hmmc_chunk *chunk, unsigned long pfn,
		      struct hmmc_span *span)
{
	while (next_mm(search, chunk->block->pool)) {
		/* Nobody does while it is on its way here or away. */
		if (!hmmc_mapcount(page_folio(pfn_to_page(pfn))))
			return false;
		if (mm_maps(search->mm, chunk, pfn, span))
			return true;
	}
	return false;
}

void hmmc_search_end(struct hmmc_search *search)
{
	if (search->mm)
		mmput_async(search->mm);
	if (search->task)
		put_task_struct(search->task);
}
