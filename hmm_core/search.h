/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who maps a device page, and where.
 */
#ifndef _HMMC_SEARCH_H_
#define _HMMC_SEARCH_H_

#include <linux/mm.h>

#include "pool.h"

struct task_struct;

/**
 * struct hmmc_search - where the search for a frame stands; starts out as zeros
 * @mm: the address space that is being searched, held by mmget(), or NULL
 * @again: begin with that one, which mapped the frame before
 * @nr_mirrors: mirrors that were searched
 * @task: the process that was searched last, held, or NULL while it is the mirrors' turn
 */
struct hmmc_search {
	struct mm_struct *mm;
	bool again;
	unsigned int nr_mirrors;
	struct task_struct *task;
};

/*
 * The large folio of @pool that one page table entry maps at @addr, or NULL. The
 * mm is locked; only while it is locked for writing, with the VMA, does it stay.
 */
struct folio *hmmc_huge_at(struct hmmc_pool *pool, struct mm_struct *mm, unsigned long addr);

/* Look for another frame. */
void hmmc_search_start(struct hmmc_search *search);
/*
 * The next address space that maps the frame at @pfn, of @chunk: of the processes that the
 * device mirrors, then of all. @span is the smallest part of its window that has
 * all frames of the same chunk which the VMA maps there. True when it was looked
 * at; search->mm stays until the next call. May sleep; waits for no mmap_lock, and
 * takes what it cannot have for one that does not map the frame. Return: false if
 * there is no other.
 */
bool hmmc_search_next(struct hmmc_search *search, struct hmmc_chunk *chunk, unsigned long pfn,
		      struct hmmc_span *span);
void hmmc_search_end(struct hmmc_search *search);

/*
 * How often a folio is mapped, by entries of any size, if it may be split or freed
 * meanwhile: without the checks that core mm makes.
 */
static inline int hmmc_mapcount(const struct folio *folio)
{
	return 1 + atomic_read(folio_test_large(folio) ? &folio->_large_mapcount :
							 &folio->_mapcount);
}

#endif
