// SPDX-License-Identifier: GPL-2.0
/*
 * How much to serve around one access.
 *
 * A cold 2 MiB may see one access and no more: serve a small block, answer fast.
 * Each further access serves the largest aligned region around it that is dense,
 * counting the block being served: who has touched much of it will touch the rest.
 * It is what the prefetcher of NVIDIA's UVM driver is known to do, with blocks of
 * 64K and 51 % of any subtree of 2 MiB.
 *
 * But a reader in order would climb there by doubling. As long as all that was
 * served is one run, and the access is next to it, RUN_GROWTH times the run is
 * served: as wrong as that may be, it is no more than a multiple of what was right.
 *
 * Faults of who touches 4K pages of 512, and pages that moved, on average:
 *
 *	blocks of	dense	all, in	all, at	8 pages		16 pages
 *	and a run	if over	order	random	at random	at random
 *	16, 8 times	1/2	3	14	7, 120		12, 330
 *	16, 8 times	1/4	3	5	5, 480		5, 512
 *	16, never	1/2	6	14	7, 125		12, 350
 *	1, 8 times	1/2	4	143	8, 8		16, 16
 *	1, 8 times	1/3	4	36	8, 16		16, 35
 *	1, 8 times	1/4	4	26	8, 16		15, 90
 *	by number of faults:
 *	16, then 512		2	2	2, 512		2, 512
 *	1, 32, then 512		3	3	3, 512		3, 512
 *
 * So blocks of 16 pages do with a half, and single pages with a third: with a half
 * who touches all of them at random would fault for every fourth.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/minmax.h>

#include "density.h"

#define RUN_GROWTH	8

/* How many bits are set of the aligned @nr around @page. */
static unsigned int weight(const unsigned long *served, unsigned int page, unsigned int nr)
{
	unsigned int first = page & ~(nr - 1);
	unsigned int sum = 0;
	unsigned int i;

	if (nr < BITS_PER_LONG)
		return hweight_long(served[first / BITS_PER_LONG] >> first % BITS_PER_LONG &
				    (BIT(nr) - 1));
	for (i = first; i < first + nr; i += BITS_PER_LONG)
		sum += hweight_long(served[i / BITS_PER_LONG]);
	return sum;
}

static unsigned int dense_pages(const struct hmmc_density *density,
				const unsigned long *served, unsigned int page)
{
	unsigned int added = density->first - weight(served, page, density->first);
	unsigned int best = density->first;
	unsigned int nr;

	for (nr = 2 * best; nr <= density->window; nr *= 2) {
		if ((weight(served, page, nr) + added) * density->one_in > nr)
			best = nr;
	}
	return best;
}

/* What to serve for the access if it goes on with a run that is all there is; else 0. */
static unsigned int run_pages(const struct hmmc_density *density,
			      const unsigned long *served, unsigned int page)
{
	unsigned int block = page & ~(density->first - 1);
	unsigned int first = find_first_bit(served, density->window);
	unsigned int end = find_last_bit(served, density->window) + 1;
	unsigned int nr = density->first;

	if (weight(served, 0, density->window) != end - first)
		return 0;
	if (end < block || first > block + density->first)
		return 0;
	while (nr < density->window && 2 * nr <= RUN_GROWTH * (end - first))
		nr *= 2;
	return nr;
}

unsigned int hmmc_density_pages(const struct hmmc_density *density,
				const unsigned long *served, unsigned int page)
{
	if (density->first >= density->window)
		return density->window;
	if (!weight(served, 0, density->window))
		return density->first;
	return max(dense_pages(density, served, page), run_pages(density, served, page));
}
