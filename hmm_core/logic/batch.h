/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Order in which a batch of device faults is served.
 */
#ifndef _HMMC_LOGIC_BATCH_H_
#define _HMMC_LOGIC_BATCH_H_

#include <linux/types.h>

/**
 * struct hmmc_fault_key - what two faults are compared by
 * @attach: identity of the page table
 * @page: address divided by the page size
 * @access: enum hmmc_access, the stronger the larger
 */
struct hmmc_fault_key {
	unsigned long attach;
	unsigned long page;
	unsigned int access;
};

/*
 * Negative, 0 or positive as for sort(): faults of one page table together, in
 * order of address, the strongest access of a page first: serving it serves the
 * rest.
 */
int hmmc_fault_compare(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b);

#endif
