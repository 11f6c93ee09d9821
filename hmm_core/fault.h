/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What fault.c and request.c share: the steps that need both halves.
 */
#ifndef _HMMC_FAULT_H_
#define _HMMC_FAULT_H_

#include <linux/hmm.h>

#include "mirror.h"
#include "pool.h"

/* Whether a snapshot with @pool as its owner names device memory there; @pfn is HMM_PFN_*. */
static inline bool hmmc_pfn_in_pool(const struct hmmc_pool *pool, unsigned long pfn)
{
	return (pfn & HMM_PFN_VALID) && hmmc_pool_block(pool, pfn & ~HMM_PFN_FLAGS);
}

/* Byte offset of a device page in the memory of its device; see hmmc_offset_fn. */
u64 hmmc_device_offset(const struct page *page);
/* Whether 2 MiB device folios are wanted and possible. */
bool hmmc_device_has_thp(const struct hmmc_device *device);
/*
 * Migration zaps what it spans, so leave out what need not move: device pages at
 * both ends of @span. @pfns is scratch for its pages. Return: false if nothing is
 * left.
 */
bool hmmc_trim_span(struct hmmc_attach *attach, struct hmmc_window *window,
		    struct hmmc_span *span, unsigned long *pfns);

#endif
