/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much to move or map around one access, from how dense accesses have been.
 */
#ifndef _HMMC_LOGIC_DENSITY_H_
#define _HMMC_LOGIC_DENSITY_H_

#include <linux/types.h>

/**
 * struct hmmc_density - how eager to be; sizes are powers of two
 * @window: pages of the 2 MiB, a multiple of BITS_PER_LONG or less than that
 * @first: pages of the aligned block that an access gets in any case
 * @one_in: a region is dense if more than one page in so many has been served
 */
struct hmmc_density {
	unsigned int window;
	unsigned int first;
	unsigned int one_in;
};

/**
 * hmmc_density_pages() - size of the aligned region to serve around an access
 * @density: how eager to be
 * @served: pages of the window that have been served before, a bit each
 * @page: the one that is accessed, which has not
 *
 * Return: a power of two, from @density->first to @density->window.
 */
unsigned int hmmc_density_pages(const struct hmmc_density *density,
				const unsigned long *served, unsigned int page);

#endif
