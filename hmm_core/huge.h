/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Large device folios: who maps one, and where.
 */
#ifndef _HMMC_HUGE_H_
#define _HMMC_HUGE_H_

#include "pool.h"

struct task_struct;

/**
 * struct hmmc_search - where the search for a large folio stands
 * @mm: the address space that is being searched, held by mmget(), or NULL
 * @addr: where to go on in it
 * @nr_mirrors: mirrors that were searched
 * @task: the process that was searched last, held, or NULL while it is the mirrors' turn
 */
struct hmmc_search {
	struct mm_struct *mm;
	unsigned long addr;
	unsigned int nr_mirrors;
	struct task_struct *task;
};

/*
 * The large folio of @pool that one page table entry maps at @addr, or NULL. The
 * mm is locked; only while it is locked for writing, with the VMA, does it stay.
 */
struct folio *hmmc_huge_at(struct hmmc_pool *pool, struct mm_struct *mm, unsigned long addr);

/*
 * Where the large folio at @pfn may be mapped, by one entry or by many: in the
 * processes that the device mirrors, then in all. A hint: it may name a place
 * again, or one that maps something else. It may sleep and takes no lock for
 * longer than the call. The mm is held until the next call or
 * hmmc_huge_find_end(). Return: false if there is no other place.
 */
bool hmmc_huge_find(struct hmmc_search *search, struct hmmc_pool *pool, unsigned long pfn,
		    struct mm_struct **mm, struct hmmc_span *span);
void hmmc_huge_find_end(struct hmmc_search *search);

#endif
