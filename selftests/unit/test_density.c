// SPDX-License-Identifier: GPL-2.0
/*
 * How much is served around an access.
 */
#include <linux/array_size.h>

#include "density.h"
#include "tap.h"

static void first_access_gets_what_was_asked(void)
{
	CHECK(hmmc_density_pages(0, 1, 512) == 1);
	CHECK(hmmc_density_pages(0, 16, 512) == 16);
}

static void each_access_gets_more_until_the_window(void)
{
	unsigned int before = 0;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		unsigned int pages = hmmc_density_pages(i, 1, 512);

		CHECK(pages > before || pages == 512, "access %u", i);
		before = pages;
	}
}

static void size_is_a_power_of_two_and_never_beyond(void)
{
	static const unsigned int windows[] = { 1, 2, 16, 32, 128, 512 };
	unsigned int i, w;

	for (w = 0; w < ARRAY_SIZE(windows); w++) {
		for (i = 0; i < 64; i++) {
			unsigned int pages = hmmc_density_pages(i, 1, windows[w]);

			CHECK(pages && !(pages & (pages - 1)), "%u of %u", i, windows[w]);
			CHECK(pages <= windows[w], "%u of %u", i, windows[w]);
		}
	}
}

static void many_accesses_do_not_overflow(void)
{
	CHECK(hmmc_density_pages(~0U, 1, 512) == 512);
	CHECK(hmmc_density_pages(~0U, 1, 1U << 31) == 1U << 31);
}

/* A reader of every page: what the comment in density.c promises. */
static void dense_reader_faults_three_times_in_two_mebibytes(void)
{
	bool here[512] = {};
	unsigned int page, faults = 0;

	for (page = 0; page < 512; page++) {
		unsigned int pages, i;

		if (here[page])
			continue;
		pages = hmmc_density_pages(faults++, 1, 512);
		for (i = 0; i < pages; i++)
			here[(page & ~(pages - 1)) + i] = true;
	}
	CHECK(faults == 3, "%u faults", faults);
}

static const struct tap_test tests[] = {
	{ "first_access_gets_what_was_asked", first_access_gets_what_was_asked },
	{ "each_access_gets_more_until_the_window", each_access_gets_more_until_the_window },
	{ "size_is_a_power_of_two_and_never_beyond", size_is_a_power_of_two_and_never_beyond },
	{ "many_accesses_do_not_overflow", many_accesses_do_not_overflow },
	{ "dense_reader_faults_three_times_in_two_mebibytes",
	  dense_reader_faults_three_times_in_two_mebibytes },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
