// SPDX-License-Identifier: GPL-2.0
/*
 * How much is served around an access, against a model that counts page by page.
 */
#include <linux/array_size.h>
#include <linux/bits.h>
#include <string.h>

#include "density_model.h"
#include "tap.h"

static const struct hmmc_density cpu = { .window = WINDOW, .first = 1, .one_in = 3 };
static const struct hmmc_density device = { .window = WINDOW, .first = 16, .one_in = 2 };

static const struct hmmc_density all[] = {
	{ .window = WINDOW, .first = 1, .one_in = 3 },
	{ .window = WINDOW, .first = 16, .one_in = 2 },
	{ .window = WINDOW, .first = 16, .one_in = 4 },
	{ .window = WINDOW, .first = WINDOW, .one_in = 2 },
	{ .window = 32, .first = 1, .one_in = 2 },
	{ .window = 32, .first = 16, .one_in = 2 },
	{ .window = 8, .first = 16, .one_in = 2 },
	{ .window = 1, .first = 1, .one_in = 2 },
};

/* ---- Claims --------------------------------------------------------------- */

static void first_access_gets_the_first_block(void)
{
	unsigned long served[LONGS] = {};
	unsigned int page;

	for (page = 0; page < WINDOW; page++) {
		CHECK(hmmc_density_pages(&cpu, served, page) == 1);
		CHECK(hmmc_density_pages(&device, served, page) == 16);
	}
}

/* Sets of all densities: lone pages, blocks, a run, and all of these. */
static void serve_at_random(unsigned long *served, unsigned int window, u64 *random)
{
	unsigned int i, nr, first;

	for (i = tap_random(random) % 12; i; i--) {
		nr = 1U << tap_random(random) % 9;
		nr = nr > window ? window : nr;
		first = tap_random(random) % (window - nr + 1);
		serve(served, tap_random(random) & 1 ? first : first / nr * nr, nr);
	}
	for (i = tap_random(random) & 1 ? tap_random(random) % 200 : 0; i; i--)
		serve(served, tap_random(random) % window, 1);
}

static void size_is_what_the_model_says(void)
{
	unsigned int i, d, page, pages, wanted;
	u64 random = 1;

	for (i = 0; i < 50000; i++) {
		unsigned long served[LONGS] = {};

		d = i % ARRAY_SIZE(all);
		serve_at_random(served, all[d].window, &random);
		page = tap_random(&random) % all[d].window;
		pages = hmmc_density_pages(&all[d], served, page);
		wanted = model(&all[d], served, page);
		CHECK(pages == wanted, "%u, not %u, round %u", pages, wanted, i);
		CHECK(pages && !(pages & (pages - 1)) && pages <= all[d].window, "round %u", i);
	}
}

/* Access pages in the order that @next says. Return: faults. */
static unsigned int touch(const struct hmmc_density *density, unsigned long *served,
			  unsigned int nr, unsigned int (*next)(unsigned int i))
{
	unsigned int faults = 0, i, pages;

	for (i = 0; i < nr; i++) {
		if (is_served(served, next(i)))
			continue;
		faults++;
		pages = hmmc_density_pages(density, served, next(i));
		serve(served, next(i) & ~(pages - 1), pages);
	}
	return faults;
}

static unsigned int upwards(unsigned int i)
{
	return i;
}

static unsigned int downwards(unsigned int i)
{
	return WINDOW - 1 - i;
}

/* Every page once; neighbours long after one another. */
static unsigned int scattered(unsigned int i)
{
	return i * 197 % WINDOW;
}

/* One page of every eighth 64K. */
static unsigned int sparse(unsigned int i)
{
	return i * 128 + 37;
}

/* What the comment in density.c promises. */
static void dense_reader_faults_few_times_in_two_mebibytes(void)
{
	static unsigned int (*const order[])(unsigned int) = { upwards, downwards };
	unsigned int o;

	for (o = 0; o < ARRAY_SIZE(order); o++) {
		unsigned long by_cpu[LONGS] = {}, by_device[LONGS] = {};

		CHECK(touch(&cpu, by_cpu, WINDOW, order[o]) == 4);
		CHECK(touch(&device, by_device, WINDOW, order[o]) == 3);
	}
}

static void who_touches_everything_does_not_fault_for_every_page(void)
{
	unsigned long by_cpu[LONGS] = {}, by_device[LONGS] = {};

	CHECK(touch(&cpu, by_cpu, WINDOW, scattered) < WINDOW / 8);
	CHECK(touch(&device, by_device, WINDOW, scattered) <= WINDOW / 32 + 1);
}

/* For single pages the half of a pair is dense: they come as pairs after the first. */
static void sparse_accesses_get_little_more_than_their_blocks(void)
{
	unsigned long by_cpu[LONGS] = {}, by_device[LONGS] = {};

	CHECK(touch(&cpu, by_cpu, 4, sparse) == 4);
	CHECK(count(by_cpu, 0, WINDOW) == 1 + 3 * 2);
	CHECK(touch(&device, by_device, 4, sparse) == 4);
	CHECK(count(by_device, 0, WINDOW) == 4 * 16);
}

static void one_page_at_home_is_served_with_nothing_else_to_move(void)
{
	unsigned long served[LONGS];

	memset(served, 0xff, sizeof(served));
	served[3] &= ~BIT(5);
	CHECK(hmmc_density_pages(&device, served, 3 * BITS_PER_LONG + 5) == WINDOW);
}

static const struct tap_test tests[] = {
	{ "first_access_gets_the_first_block", first_access_gets_the_first_block },
	{ "size_is_what_the_model_says", size_is_what_the_model_says },
	{ "dense_reader_faults_few_times_in_two_mebibytes",
	  dense_reader_faults_few_times_in_two_mebibytes },
	{ "who_touches_everything_does_not_fault_for_every_page",
	  who_touches_everything_does_not_fault_for_every_page },
	{ "sparse_accesses_get_little_more_than_their_blocks",
	  sparse_accesses_get_little_more_than_their_blocks },
	{ "one_page_at_home_is_served_with_nothing_else_to_move",
	  one_page_at_home_is_served_with_nothing_else_to_move },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
