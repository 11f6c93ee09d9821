// SPDX-License-Identifier: GPL-2.0
/*
 * Samples become a line of JSON: the median, the target and the better of two
 * peers beside it, and what a copy of the same bytes and the same work without a
 * device took in this run.
 *
 * The peers are mainline's test_hmm and a driver on drm_pagemap and drm_gpusvm,
 * measured in the same machine by the same method.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

void samples_add(struct samples *samples, uint64_t ns)
{
	if (samples->nr == MAX_SAMPLES)
		die("too many samples");
	samples->ns[samples->nr++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static double median(const struct samples *samples)
{
	unsigned int half = samples->nr / 2;

	if (samples->nr % 2)
		return samples->ns[half];
	return (samples->ns[half - 1] + samples->ns[half]) / 2.0;
}

/* ---- Targets ------------------------------------------------------------- */

struct target {
	const char *bench;
	enum pages pages;
	size_t size;
	/* In the unit of the bench; 0 for none. */
	double target;
	double peer;
};

static const struct target targets[] = {
	{ "migrate_in", PAGES_4K, 4 * KIB, 0, 10413 },
	{ "migrate_in", PAGES_4K, 64 * KIB, 0, 5539 },
	{ "migrate_in", PAGES_4K, 2 * MIB, 0, 4694 },
	{ "migrate_in", PAGES_4K, 16 * MIB, 0, 4673 },
	{ "migrate_in", PAGES_4K, 64 * MIB, 4700, 4670 },
	{ "migrate_in", PAGES_4K, 256 * MIB, 0, 4901 },
	{ "migrate_in", PAGES_THP, 2 * MIB, 0, 711 },
	{ "migrate_in", PAGES_THP, 16 * MIB, 0, 710 },
	{ "migrate_in", PAGES_THP, 64 * MIB, 700, 710 },
	{ "migrate_in", PAGES_THP, 256 * MIB, 0, 710 },
	{ "migrate_in_map", PAGES_4K, 2 * MIB, 0, 5039 },
	{ "migrate_in_map", PAGES_4K, 64 * MIB, 0, 5011 },
	{ "migrate_in_map", PAGES_THP, 2 * MIB, 0, 734 },
	{ "migrate_in_map", PAGES_THP, 64 * MIB, 0, 734 },
	{ "migrate_out", PAGES_4K, 64 * MIB, 4600, 5570 },
	{ "migrate_out", PAGES_THP, 64 * MIB, 1150, 1158 },
	{ "cpu_in_order", PAGES_4K, 4 * KIB, 0, 9940 },
	{ "cpu_in_order", PAGES_4K, 64 * KIB, 0, 5051 },
	{ "cpu_in_order", PAGES_4K, 2 * MIB, 0, 5261 },
	{ "cpu_in_order", PAGES_4K, 16 * MIB, 0, 5271 },
	{ "cpu_in_order", PAGES_4K, 64 * MIB, 4700, 5343 },
	{ "cpu_in_order", PAGES_4K, 256 * MIB, 0, 5555 },
	{ "cpu_in_order", PAGES_THP, 2 * MIB, 0, 1171 },
	{ "cpu_in_order", PAGES_THP, 16 * MIB, 0, 1171 },
	{ "cpu_in_order", PAGES_THP, 64 * MIB, 1150, 1172 },
	{ "cpu_in_order", PAGES_THP, 256 * MIB, 0, 1172 },
	{ "cpu_at_random", PAGES_4K, 64 * MIB, 0, 5341 },
	{ "cpu_at_random", PAGES_THP, 64 * MIB, 0, 1172 },
	{ "cpu_first_touch", PAGES_4K, 64 * MIB, 15000, 11000 },
	{ "cpu_first_touch", PAGES_THP, 64 * MIB, 0, 596000 },
	{ "map_page", PAGES_4K, 4 * KIB, 5000, 4200 },
	{ "map_next_page", PAGES_4K, 8 * KIB, 5000, 4200 },
	{ "map_2m", PAGES_4K, 2 * MIB, 200, 370 },
	{ "map_2m", PAGES_THP, 2 * MIB, 15000, 18300 },
	{ "mprotect_mirrored", PAGES_4K, 64 * MIB, 6500000, 7160000 },
	{ "mprotect_mirrored", PAGES_THP, 64 * MIB, 0, 53000 },
	{ "mprotect_device", PAGES_4K, 64 * MIB, 0, 1840000 },
	{ "mprotect_device", PAGES_THP, 64 * MIB, 0, 49000 },
	{ "munmap_mirrored", PAGES_4K, 64 * MIB, 0, 22300000 },
	{ "munmap_mirrored", PAGES_THP, 64 * MIB, 0, 1400000 },
	{ "fork_device", PAGES_4K, 64 * MIB, 4800000, 4880000 },
	{ "fork_device", PAGES_THP, 64 * MIB, 0, 188000 },
};

/* Where the kernel does not zero what it allocates: that is half of the way back. */
static const struct target targets_no_zeroing[] = {
	{ "migrate_out", PAGES_THP, 64 * MIB, 640, 624 },
	{ "cpu_in_order", PAGES_4K, 16 * MIB, 0, 4719 },
};

static const struct target *find_target(const struct target *targets_of, size_t nr,
					const char *name, enum pages pages, size_t size)
{
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!strcmp(targets_of[i].bench, name) && targets_of[i].pages == pages &&
		    targets_of[i].size == size)
			return &targets_of[i];
	}
	return NULL;
}

/* Whether the kernel zeroes all memory it allocates, as Debian's does. */
static bool kernel_zeroes(void)
{
	char line[4096] = "";
	FILE *file = fopen("/proc/cmdline", "r");

	if (!file || !fgets(line, sizeof(line), file))
		die("no kernel command line");
	fclose(file);
	return !strstr(line, "init_on_alloc=0");
}

/* ---- The line ------------------------------------------------------------ */

#define MAX_RESULTS	64

/* Median of a plain bench, in nanoseconds and not divided. */
struct result {
	const char *name;
	enum pages pages;
	size_t size;
	double ns;
};

static struct result results[MAX_RESULTS];
static unsigned int nr_results;

static void remember(const char *name, enum pages pages, size_t size, double ns)
{
	if (nr_results == MAX_RESULTS)
		die("too many results");
	results[nr_results++] = (struct result){ name, pages, size, ns };
}

static double recall(const char *name, enum pages pages, size_t size)
{
	unsigned int i;

	for (i = 0; i < nr_results; i++) {
		if (!strcmp(results[i].name, name) && results[i].pages == pages &&
		    results[i].size == size)
			return results[i].ns;
	}
	return 0;
}

static const char *const per_names[] = {
	[PER_PAGE] = "page",
	[PER_TOUCH] = "touch",
	[PER_MAP] = "map",
	[PER_FAULT] = "fault",
	[PER_CALL] = "call",
};

static void print_figure(const char *key, double figure)
{
	if (figure > 0)
		printf(",\"%s\":%.*f", key, figure < 10000, figure);
	else
		printf(",\"%s\":null", key);
}

void report(const struct bench *bench, enum pages pages, size_t size, struct samples *samples,
	    bool plain)
{
	size_t bytes = bench->bytes ? bench->bytes : size;
	double parts = bench->per == PER_PAGE ? (double)bytes / PAGE_SIZE : 1;
	enum clock_unit unit = clock_unit();
	const struct target *target;
	bool zeroes = kernel_zeroes();

	if (zeroes)
		target = find_target(targets, sizeof(targets) / sizeof(*targets), bench->name,
				     pages, size);
	else
		target = find_target(targets_no_zeroing,
				     sizeof(targets_no_zeroing) / sizeof(*targets_no_zeroing),
				     bench->name, pages, size);
	/* They are instructions. */
	if (unit != CLOCK_INSTRUCTIONS)
		target = NULL;

	qsort(samples->ns, samples->nr, sizeof(*samples->ns), compare);
	printf("{\"bench\":\"%s\",\"what\":\"%s\",\"pages\":\"%s\",\"size\":%zu,\"unit\":\"%s/%s\"",
	       bench->name, bench->what, pages_name(pages), size,
	       unit == CLOCK_INSTRUCTIONS ? "instr" : "ns", per_names[bench->per]);
	print_figure("median", median(samples) / parts);
	print_figure("min", samples->ns[0] / parts);
	print_figure("max", samples->ns[samples->nr - 1] / parts);
	printf(",\"runs\":%u,\"init_on_alloc\":%d", samples->nr, zeroes);
	print_figure("target", target ? target->target : 0);
	print_figure("peer", target ? target->peer : 0);
	if (plain)
		remember(bench->name, pages, size, median(samples));
	if (!plain) {
		print_figure("memcpy", recall("memcpy", pages, bytes) / parts);
		print_figure("no_device", recall(bench->plain, pages, bytes) / parts);
	}
	puts("}");
}
