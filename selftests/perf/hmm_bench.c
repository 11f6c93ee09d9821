// SPDX-License-Identifier: GPL-2.0
/*
 * hmm_bench: what the operations of device memory cost, one line of JSON each.
 *
 *	hmm_bench [-q] [-b bench,...] [-k 4k|thp] [-s bytes]
 *
 * -q measures fewer sizes, and less often; the others select what to measure.
 *
 * Each bench warms up once and then reports the median of five trials (three of
 * 256 MiB), each on fresh memory. In a machine that takes 1 ns for each
 * instruction the figures are instructions and repeat within 1 %; elsewhere they
 * are nanoseconds, and good for a direction only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct options {
	bool quick;
	const char *benches;
	const char *kind;
	size_t size;
};

static uint64_t timed(const struct bench *bench, struct trial *trial, unsigned int sample)
{
	uint64_t start = clock_start();

	bench->act(trial, sample);
	return clock_stop() - start;
}

static void measure_once(const struct bench *bench, struct trial *trial, struct samples *samples)
{
	unsigned int i, nr;

	trial->mem = mem_map(trial->size, trial->pages);
	if (!bench->fresh) {
		mem_fill(trial->mem, trial->size, trial->seed);
		if (trial->pages == PAGES_THP &&
		    mem_huge(trial->mem, trial->size) != trial->size / PAGE_SIZE)
			die("no huge pages to measure with");
	}
	if (bench->prepare)
		bench->prepare(trial);
	settle();

	nr = bench->nr_samples ? bench->nr_samples(trial) : 1;
	for (i = 0; i < nr; i++) {
		uint64_t ns = timed(bench, trial, i);
		uint64_t again = bench->less_again ? timed(bench, trial, i) : 0;

		/* By a clock that others share, anything can take longer. */
		if (samples)
			samples_add(samples, ns > again ? ns - again : 0);
	}

	if (bench->verify)
		bench->verify(trial);
	if (!bench->unfilled)
		mem_check(trial->mem, trial->size, trial->seed, bench->name);
	mem_unmap(trial->mem, trial->size);
	free(trial->order);
	trial->order = NULL;
	settle();
}

static void measure(const struct bench *bench, struct gpu *gpu, enum pages pages, size_t size,
		    const struct options *options)
{
	unsigned int i, nr = options->quick || size > 64 * MIB ? 3 : 5;
	struct samples samples = { .nr = 0 };
	struct trial trial = { .gpu = gpu, .pages = pages, .size = size, .seed = 1 };

	measure_once(bench, &trial, NULL);
	for (i = 0; i < nr; i++) {
		trial.seed++;
		measure_once(bench, &trial, &samples);
	}
	report(bench, pages, size, &samples, !gpu);
}

static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, name, length) && (!list[length] || list[length] == ','))
			return true;
	}
	return false;
}

static bool is_wanted(const struct bench *bench, enum pages pages, size_t size,
		      const struct options *options)
{
	if (!(bench->pages & BIT(pages)) || (pages == PAGES_THP && size < HUGE_SIZE))
		return false;
	if (options->quick && (size == 64 * KIB || size == 16 * MIB || size == 256 * MIB))
		return false;
	if (options->kind && strcmp(options->kind, pages_name(pages)))
		return false;
	if (options->benches && !is_listed(options->benches, bench->name))
		return false;
	return !options->size || options->size == size;
}

static void measure_all(const struct bench *bench, struct gpu *gpu, const struct options *options)
{
	const size_t *size;
	enum pages pages;

	for (; bench->name; bench++) {
		for (pages = 0; pages < NR_PAGES_KINDS; pages++) {
			for (size = bench->sizes; *size; size++) {
				if (is_wanted(bench, pages, *size, options))
					measure(bench, gpu, pages, *size, options);
			}
		}
	}
}

static struct options parse(int argc, char **argv)
{
	struct options options = { .quick = false };
	int c;

	while ((c = getopt(argc, argv, "qb:k:s:")) >= 0) {
		switch (c) {
		case 'q':
			options.quick = true;
			break;
		case 'b':
			options.benches = optarg;
			break;
		case 'k':
			options.kind = optarg;
			break;
		case 's':
			options.size = strtoull(optarg, NULL, 0);
			break;
		default:
			die("usage: hmm_bench [-q] [-b bench,...] [-k 4k|thp] [-s bytes]");
		}
	}
	return options;
}

int main(int argc, char **argv)
{
	struct options options = parse(argc, argv);
	struct gpu *gpu;

	setvbuf(stdout, NULL, _IOLBF, 0);
	clock_unit();
	measure_all(plain_benches, NULL, &options);
	gpu = gpu_open();
	measure_all(gpu_benches, gpu, &options);
	gpu_close(gpu);
	return 0;
}
