// SPDX-License-Identifier: GPL-2.0
/*
 * Order in which a batch of device faults is served.
 */
#include "batch.h"

int hmmc_fault_compare(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b)
{
	if (a->attach != b->attach)
		return a->attach < b->attach ? -1 : 1;
	if (a->page != b->page)
		return a->page < b->page ? -1 : 1;
	if (a->access != b->access)
		return a->access > b->access ? -1 : 1;
	return 0;
}
