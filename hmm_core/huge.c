// SPDX-License-Identifier: GPL-2.0
/*
 * Large device folios: who maps one, and where.
 *
 * Core mm moves a large folio by its address better than by its frames: it can
 * split it, and who calls can keep others away from it; see lock_for_out() in
 * move_out.c. No address is kept with a device page, for it changes with mremap()
 * and fork. So it is looked for: the folio's index says what a VMA would have to
 * cover. That is quick for the processes that have a mirror, and possible for the
 * rest: a child of one that has since exited, say.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/pgtable.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/swap.h>
#include <linux/leafops.h>	/* wants the former first */

#include "huge.h"

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

/* Could @vma map pages @index and following of something? Where? */
static bool vma_may_cover(struct vm_area_struct *vma, pgoff_t index, struct hmmc_span *span)
{
	pgoff_t first = max(index, vma->vm_pgoff);
	pgoff_t end = min(index + HMMC_WINDOW_PAGES, vma->vm_pgoff + vma_pages(vma));

	if (!vma->anon_vma || first >= end)
		return false;
	span->start = vma->vm_start + ((first - vma->vm_pgoff) << PAGE_SHIFT);
	span->end = vma->vm_start + ((end - vma->vm_pgoff) << PAGE_SHIFT);
	return true;
}

/* Does the page table allow it? One entry tells for sure, a table may or may not. */
static bool table_may_map(struct hmmc_pool *pool, struct mm_struct *mm, unsigned long addr,
			  const struct folio *folio)
{
	pmd_t pmd = pmd_at(mm, addr);

	if (pmd_is_device_private_entry(pmd))
		return hmmc_huge_at(pool, mm, addr) == folio;
	return pmd_present(pmd) && !pmd_leaf(pmd);
}

/* Go on in search->mm. */
static bool find_in_mm(struct hmmc_search *search, struct hmmc_pool *pool,
		       const struct folio *folio, struct hmmc_span *span)
{
	pgoff_t index = READ_ONCE(folio->index);
	struct mm_struct *mm = search->mm;
	struct vm_area_struct *vma;
	bool found = false;

	/* Who holds the lock may need what the caller has. */
	if (hmmc_inject("mmap_lock") || !mmap_read_trylock(mm))
		return false;
	VMA_ITERATOR(vmi, mm, search->addr);
	for_each_vma(vmi, vma) {
		found = vma_may_cover(vma, index, span) &&
			table_may_map(pool, mm, span->start, folio);
		if (found)
			break;
	}
	if (found)
		search->addr = vma->vm_end;
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
	if (search->mm)
		mmput_async(search->mm);
	search->mm = NULL;
	search->addr = 0;
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

bool hmmc_huge_find(struct hmmc_search *search, struct hmmc_pool *pool, unsigned long pfn,
		    struct mm_struct **mm, struct hmmc_span *span)
{
	const struct folio *folio = (struct folio *)pfn_to_page(pfn);

	while (search->mm || next_mm(search, pool)) {
		if (find_in_mm(search, pool, folio, span)) {
			*mm = search->mm;
			return true;
		}
		if (!next_mm(search, pool))
			break;
	}
	return false;
}

void hmmc_huge_find_end(struct hmmc_search *search)
{
	if (search->mm)
		mmput_async(search->mm);
	if (search->task)
		put_task_struct(search->task);
}
