// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which faults are served.
 */
#include <stdlib.h>

#include <linux/array_size.h>

#include "batch.h"
#include "tap.h"

static struct hmmc_fault_key key(unsigned long attach, unsigned long page, unsigned int access)
{
	return (struct hmmc_fault_key){ attach, page, access };
}

static int compare(struct hmmc_fault_key a, struct hmmc_fault_key b)
{
	return hmmc_fault_compare(&a, &b);
}

static void page_tables_stay_together(void)
{
	CHECK(compare(key(1, 9, 0), key(2, 1, 2)) < 0);
	CHECK(compare(key(2, 1, 2), key(1, 9, 0)) > 0);
}

static void pages_come_in_order_of_address(void)
{
	CHECK(compare(key(1, 1, 0), key(1, 2, 2)) < 0);
	/* A difference that would not fit an int. */
	CHECK(compare(key(1, 0, 0), key(1, 1UL << 40, 0)) < 0);
	CHECK(compare(key(1, ~0UL, 0), key(1, 0, 0)) > 0);
}

static void strongest_access_of_a_page_comes_first(void)
{
	CHECK(compare(key(1, 1, 2), key(1, 1, 1)) < 0);
	CHECK(compare(key(1, 1, 1), key(1, 1, 0)) < 0);
	CHECK(compare(key(1, 1, 1), key(1, 1, 1)) == 0);
}

static int sort_compare(const void *a, const void *b)
{
	return hmmc_fault_compare(a, b);
}

static void order_is_total(void)
{
	struct hmmc_fault_key keys[64];
	u64 state = 7;
	unsigned int n, i;

	for (n = 0; n < 2000; n++) {
		for (i = 0; i < ARRAY_SIZE(keys); i++)
			keys[i] = key(tap_random(&state) % 3, tap_random(&state) % 8,
				      tap_random(&state) % 3);
		qsort(keys, ARRAY_SIZE(keys), sizeof(*keys), sort_compare);
		for (i = 1; i < ARRAY_SIZE(keys); i++) {
			CHECK(compare(keys[i - 1], keys[i]) <= 0, "run %u", n);
			CHECK(compare(keys[i], keys[i - 1]) >= 0, "run %u", n);
		}
	}
}

static const struct tap_test tests[] = {
	{ "page_tables_stay_together", page_tables_stay_together },
	{ "pages_come_in_order_of_address", pages_come_in_order_of_address },
	{ "strongest_access_of_a_page_comes_first", strongest_access_of_a_page_comes_first },
	{ "order_is_total", order_is_total },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
