/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much to move or map around one access, from how dense accesses have been.
 */
#ifndef _HMMC_LOGIC_DENSITY_H_
#define _HMMC_LOGIC_DENSITY_H_

#include <linux/types.h>

/**
 * hmmc_density_pages() - size of the aligned block to serve around an access
 * @nr_before: accesses already served in this 2 MiB since it was cold
 * @first: pages to serve for the first access
 * @window: pages of the 2 MiB
 *
 * Return: a power of two, from @first to @window.
 */
unsigned int hmmc_density_pages(unsigned int nr_before, unsigned int first, unsigned int window);

#endif
