/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How much is served around an access, page by page: for the tests and the fuzzer.
 */
#ifndef _DENSITY_MODEL_H_
#define _DENSITY_MODEL_H_

#include <stdbool.h>
#include <string.h>

#include <linux/bits.h>

#include "density.h"

#define WINDOW	512
#define LONGS	(WINDOW / BITS_PER_LONG)

static inline bool is_served(const unsigned long *served, unsigned int page)
{
	return served[page / BITS_PER_LONG] & BIT(page % BITS_PER_LONG);
}

static inline void serve(unsigned long *served, unsigned int first, unsigned int nr)
{
	for (; nr; nr--, first++)
		served[first / BITS_PER_LONG] |= BIT(first % BITS_PER_LONG);
}

static inline unsigned int count(const unsigned long *served, unsigned int first, unsigned int end)
{
	unsigned int nr = 0;

	for (; first < end; first++)
		nr += is_served(served, first);
	return nr;
}

static inline bool model_is_dense(const struct hmmc_density *density,
				  const unsigned long *served, unsigned int page,
				  unsigned int nr)
{
	unsigned long with_block[LONGS];
	unsigned int first = page / nr * nr;

	memcpy(with_block, served, sizeof(with_block));
	serve(with_block, page / density->first * density->first, density->first);
	return count(with_block, first, first + nr) * density->one_in > nr;
}

/* Whether what was served is one run that ends or begins where the block does. */
static inline bool model_is_run(const struct hmmc_density *density,
				const unsigned long *served, unsigned int page)
{
	unsigned int block = page / density->first * density->first;
	unsigned int start = 0, end;

	while (start < density->window && !is_served(served, start))
		start++;
	for (end = start; end < density->window && is_served(served, end);)
		end++;
	return !count(served, end, density->window) && end >= block &&
	       start <= block + density->first;
}

static inline unsigned int model(const struct hmmc_density *density,
				 const unsigned long *served, unsigned int page)
{
	unsigned int total = count(served, 0, density->window);
	unsigned int best, nr;

	if (density->first > density->window)
		return density->window;
	best = density->first;
	for (nr = best; nr <= density->window && total; nr *= 2) {
		if (model_is_dense(density, served, page, nr) ||
		    (nr <= 8 * total && model_is_run(density, served, page)))
			best = nr;
	}
	return best;
}

#endif
