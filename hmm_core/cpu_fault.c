// SPDX-License-Identifier: GPL-2.0
/*
 * The CPU touched device memory: bring the page back, and what is likely to be
 * touched next.
 *
 * Called by core mm with mmap_lock held for reading and the page locked, from
 * any task: a ptracer, khugepaged, a dump. It is the last line: as long as the
 * data exists, an access may be slow but does not fail, and it fails with
 * VM_FAULT_OOM before SIGBUS.
 *
 * A large folio comes back whole if its process is alone with it and nobody
 * minds that mmap_lock is taken for writing; else core mm splits it.
 *
 * Takes no lock of ours but leaves; pt_lock only through the notifier that the
 * migration itself triggers.
 */
#include <linux/mm.h>
#include <linux/sched.h>

#include "pool.h"
#include "trace.h"

/*
 * Times to try the page alone before the access fails or is tried again: a copy
 * that fails may be the fault of an engine that was just reset.
 */
#define MAX_ALONE	3

/* The part of the VMA to bring back with the page that was touched. */
static struct hmmc_span around(struct vm_fault *vmf, struct hmmc_block *block)
{
	unsigned long pfn = page_to_pfn(vmf->page);
	struct hmmc_chunk *chunk = hmmc_block_chunk(block, pfn);
	struct vm_area_struct *vma = vmf->vma;
	struct hmmc_span span;
	unsigned long size;

	size = (unsigned long)hmmc_pool_fault_around(chunk, pfn) << PAGE_SHIFT;
	span.start = max(ALIGN_DOWN(vmf->address, size), vma->vm_start);
	span.end = min(ALIGN_DOWN(vmf->address, size) + size, vma->vm_end);
	return span;
}

/* vmf->page is the first of a large folio that one entry maps. */
static bool faulted_is_bad(const struct vm_fault *vmf, struct hmmc_block *block)
{
	unsigned long pfn = page_to_pfn(vmf->page);

	if (!vmf->pte)
		pfn = ALIGN_DOWN(pfn, HMMC_WINDOW_PAGES) +
		      (vmf->address >> PAGE_SHIFT) % HMMC_WINDOW_PAGES;
	return hmmc_pool_is_bad(block, pfn, 1);
}

static vm_fault_t serve(struct vm_fault *vmf, struct hmmc_block *block)
{
	struct hmmc_span page = {
		.start = ALIGN_DOWN(vmf->address, PAGE_SIZE),
		.end = ALIGN_DOWN(vmf->address, PAGE_SIZE) + PAGE_SIZE,
	};
	struct hmmc_span span = around(vmf, block);
	enum hmmc_result result;
	unsigned int tries;

	if (!vmf->pte) {
		vm_fault_t ret = hmmc_move_faulted_whole(block->pool, vmf);

		if (ret)
			return ret;
	}
	/* The ladder: with what is around it; alone; alone, and with what is in reserve. */
	result = hmmc_move_faulted(block->pool, vmf, &span, false);
	for (tries = 0; tries < MAX_ALONE && result != HMMC_RESULT_MOVED; tries++)
		result = hmmc_move_faulted(block->pool, vmf, &page, tries > 0);

	switch (result) {
	case HMMC_RESULT_MOVED:
		return 0;
	case HMMC_RESULT_NO_MEMORY:
		return VM_FAULT_OOM;
	case HMMC_RESULT_COPY_FAILED:
		return READ_ONCE(block->pool->lost) ? VM_FAULT_HWPOISON : VM_FAULT_SIGBUS;
	default:
		if (faulted_is_bad(vmf, block))
			return VM_FAULT_HWPOISON;
		/*
		 * Somebody else moves or holds the page. The access is tried again
		 * when this returns; do not let it spin.
		 */
		schedule_timeout_killable(1);
		return 0;
	}
}

vm_fault_t hmmc_migrate_to_ram(struct vm_fault *vmf)
{
	struct hmmc_block *block = hmmc_block_of(vmf->page);
	struct hmmc_pool *pool = block->pool;
	struct hmmc_device *device;
	vm_fault_t ret;
	int idx;

	/* Not a matter of the device's state: the way back works to the very end. */
	idx = srcu_read_lock(&hmmc_srcu);
	if (!READ_ONCE(pool->gone)) {
		device = pool->device;
		ret = READ_ONCE(pool->lost) ? VM_FAULT_HWPOISON : serve(vmf, block);
		trace_hmmc_cpu_fault(device->name, vmf->address, (__force unsigned int)ret);
	} else {
		ret = VM_FAULT_HWPOISON;
	}
	srcu_read_unlock(&hmmc_srcu, idx);

	hmmc_pool_count(pool, HMMC_POOL_CPU_FAULTS, 1);
	if (ret & VM_FAULT_ERROR)
		hmmc_pool_count(pool, HMMC_POOL_CPU_FAULT_ERRORS, 1);
	return ret;
}
