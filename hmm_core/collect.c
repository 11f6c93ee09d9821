// SPDX-License-Identifier: GPL-2.0
/*
 * Collect: read the CPU page table of a span, under a sequence that tells later
 * whether it still holds.
 *
 * Only the page that the device asked for is faulted in; its neighbours are
 * taken as they are, so that what one of them may not do fails no one else.
 */
#include <linux/fs.h>
#include <linux/hmm.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>

#include "mirror.h"

/*
 * Memory of memfd_secret(): its pages are mapped by its users and nowhere else, so
 * the kernel that touched one for a device would oops. Core mm keeps it from GUP,
 * but hmm_range_fault() names its pages like any (7.2, 7.3).
 */
static bool vma_is_secret(const struct vm_area_struct *vma)
{
	return vma->vm_file && file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

/* May the process itself make this access? */
static int check_vma(struct mm_struct *mm, unsigned long addr, enum hmmc_access access)
{
	struct vm_area_struct *vma = vma_lookup(mm, addr);

	if (!vma)
		return -EFAULT;
	if (vma_is_secret(vma))
		return -EHWPOISON;
	if (!(vma->vm_flags & VM_READ))
		return -EPERM;
	if (access != HMMC_ACCESS_READ && !(vma->vm_flags & VM_WRITE))
		return -EPERM;
	return 0;
}

/* Core mm's word for anything it cannot provide is -EFAULT; the VMA was looked at. */
static int classify(int ret)
{
	switch (ret) {
	case -EFAULT:
	case -EINVAL:
		return -EHWPOISON;
	default:
		return ret;
	}
}

/*
 * hmm_range_fault() names the head of a large device folio when it is asked for
 * the middle (7.2, 7.3). Such a folio lies aligned in the address space and in
 * memory, so the address tells which page it is.
 */
static void name_pages(unsigned long start, unsigned long end, unsigned long *pfns)
{
	unsigned long first = start >> PAGE_SHIFT;
	unsigned long nr = (end - start) >> PAGE_SHIFT;
	unsigned long i;

	if (IS_ALIGNED(start, HMMC_WINDOW_SIZE))
		return;
	for (i = 0; i < nr; i++) {
		if (hmm_pfn_to_map_order(pfns[i]) == HMMC_WINDOW_ORDER)
			pfns[i] = ALIGN_DOWN(pfns[i], HMMC_WINDOW_PAGES) |
				  ((first + i) % HMMC_WINDOW_PAGES);
	}
}

/* Read [start, end) into @pfns, faulting in what @request says. */
static int read_span(const struct hmmc_pages *pages, unsigned long start, unsigned long end,
		     unsigned long *pfns, unsigned long request)
{
	struct hmm_range range = {
		.notifier = &pages->window->notifier,
		.notifier_seq = pages->seq,
		.start = start,
		.end = end,
		.hmm_pfns = pfns,
		.default_flags = request,
		.dev_private_owner = pages->owner,
	};

	int ret;

	mmap_assert_locked(pages->window->mirror->mm);
	ret = classify(hmm_range_fault(&range));
	if (!ret)
		name_pages(start, end, pfns);
	return ret;
}

static void forget_secrets(const struct hmmc_pages *pages)
{
	struct mm_struct *mm = pages->window->mirror->mm;
	const struct hmmc_span *span = &pages->span;
	struct vm_area_struct *vma;

	for (vma = find_vma_intersection(mm, span->start, span->end); vma;
	     vma = find_vma_intersection(mm, vma->vm_end, span->end)) {
		unsigned long start = max(vma->vm_start, span->start);
		unsigned long end = min(vma->vm_end, span->end);

		if (vma_is_secret(vma))
			memset(pages->pfns + ((start - span->start) >> PAGE_SHIFT), 0,
			       ((end - start) >> PAGE_SHIFT) * sizeof(*pages->pfns));
		if (end == span->end)
			break;
	}
}

/* The rest of the span, as it is. One sequence covers both reads. */
static int read_around(const struct hmmc_pages *pages)
{
	int ret;

	memset(pages->pfns, 0, hmmc_pages_nr(pages) * sizeof(*pages->pfns));
	ret = read_span(pages, pages->span.start, pages->span.end, pages->pfns, 0);
	if (!ret)
		forget_secrets(pages);
	return ret;
}

static void begin(struct hmmc_pages *pages)
{
	if (pages->view)
		pages->view_seq = READ_ONCE(pages->view->seq);
	/* Waits for an invalidation under way; who does it needs nothing of ours. */
	pages->seq = mmu_interval_read_begin(&pages->window->notifier);
}

int hmmc_collect(struct hmmc_pages *pages, unsigned long addr, enum hmmc_access access)
{
	struct mm_struct *mm = pages->window->mirror->mm;
	unsigned long request = HMM_PFN_REQ_FAULT;
	unsigned long pfn = 0;
	int ret;

	addr = ALIGN_DOWN(addr, PAGE_SIZE);
	if (access != HMMC_ACCESS_READ)
		request |= HMM_PFN_REQ_WRITE;

	begin(pages);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = check_vma(mm, addr, access);
	/*
	 * By itself: asked for one page of a span, hmm_range_fault() faults in
	 * all that follow it in the VMA, and fails if one of those cannot be.
	 */
	if (!ret)
		ret = read_span(pages, addr, addr + PAGE_SIZE, &pfn, request);
	if (!ret)
		ret = read_around(pages);
	mmap_read_unlock(mm);
	return ret;
}

int hmmc_collect_snapshot(struct hmmc_pages *pages)
{
	struct mm_struct *mm = pages->window->mirror->mm;
	int ret;

	if (hmmc_inject("collect_race"))
		return -EBUSY;
	begin(pages);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = read_around(pages);
	mmap_read_unlock(mm);
	return ret;
}

bool hmmc_pages_valid(const struct hmmc_pages *pages)
{
	lockdep_assert_held(&pages->window->pt_lock);

	if (mmu_interval_read_retry(&pages->window->notifier, pages->seq))
		return false;
	return !pages->view || pages->view->seq == pages->view_seq;
}
