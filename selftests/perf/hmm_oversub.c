// SPDX-License-Identifier: GPL-2.0
/*
 * What it costs to use more memory than the device has: hmm_oversub [passes].
 *
 * Each workload runs twice: with the memory mapped in place (advice SYSTEM), and
 * with the policy free to migrate. The figure is the ratio of the times, 1 for a
 * policy that might as well have done nothing, less where device memory helps.
 * The chip of dummy_gpu reads both kinds equally fast, so all that is seen is
 * what migration costs; a real device gains by it.
 *
 * What it gains by shows in another figure: how much of the first quarter of the
 * memory, which "reuse" uses most, is in the device in the end, in per cent.
 *
 * One workload has room enough: the CPU writes a word of each block before the
 * device works on it, so that what has moved comes home at once.
 *
 * One line of JSON for each workload. Ends with 1 if a word of data is wrong.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define BLOCK		(64 * KIB)	/* what one access reads and then writes */
#define STREAM_BLOCKS	16		/* accesses of a job */
#define FACTOR		3		/* odd: no power of it is 0 */

struct load {
	const char *name;
	size_t (*next)(size_t nr_blocks, size_t i, uint64_t *random);
	bool to_and_fro;		/* the CPU works on it as well */
};

static uint64_t draw(uint64_t *random)
{
	*random ^= *random << 13;
	*random ^= *random >> 7;
	*random ^= *random << 17;
	return *random >> 11;
}

static size_t next_in_order(size_t nr_blocks, size_t i, uint64_t *random)
{
	(void)random;
	return i % nr_blocks;
}

static size_t next_at_random(size_t nr_blocks, size_t i, uint64_t *random)
{
	(void)i;
	return draw(random) % nr_blocks;
}

/* Nine of ten in the first quarter; the others stream through the rest. */
static size_t next_reuse(size_t nr_blocks, size_t i, uint64_t *random)
{
	size_t hot = nr_blocks / 4;

	if (i % 10)
		return draw(random) % hot;
	return hot + i / 10 % (nr_blocks - hot);
}

static const struct load loads[] = {
	{ "in order", next_in_order, false },
	{ "at random", next_at_random, false },
	{ "reuse", next_reuse, false },
};

static const struct load to_and_fro = { "to and fro", next_in_order, true };

#define TO_AND_FRO_PERCENT	25

/* Accesses of a job, and what they leave in @values. */
static void job(struct gpu *gpu, const struct load *load, char *mem, uint64_t *values,
		size_t nr_blocks, size_t first, uint64_t *random)
{
	size_t i, block;

	/* What it was: only where it is changes. */
	for (i = first; load->to_and_fro && i < first + STREAM_BLOCKS; i++) {
		block = load->next(nr_blocks, i, random);
		*(volatile uint64_t *)(mem + block * BLOCK) = values[block];
	}
	gpu_job_start(gpu);
	for (i = first; i < first + STREAM_BLOCKS; i++) {
		block = load->next(nr_blocks, i, random);
		values[block] *= FACTOR;
		gpu_job_scale(gpu, mem + block * BLOCK, BLOCK, FACTOR);
	}
	gpu_job_run(gpu);
}

static uint64_t run(struct gpu *gpu, const struct load *load, enum pages pages, size_t size,
		    unsigned int passes, bool in_place, unsigned int *resident)
{
	size_t nr_blocks = size / BLOCK, i, nr = nr_blocks * passes;
	uint64_t *values = calloc(nr_blocks, sizeof(*values));
	uint64_t random = 0x2545f4914f6cdd1dULL, ns;
	char *mem = mem_map(size, pages);

	if (!values)
		die("no memory");
	for (i = 0; i < size / 8; i++)
		((uint64_t *)mem)[i] = 1;
	for (i = 0; i < nr_blocks; i++)
		values[i] = 1;
	if (in_place)
		gpu_place(gpu, mem, size, DRM_DUMMY_GPU_PLACE_SYSTEM);
	settle();

	ns = clock_start();
	for (i = 0; i < nr; i += STREAM_BLOCKS)
		job(gpu, load, mem, values, nr_blocks, i, &random);
	ns = clock_stop() - ns;
	*resident = 100 * gpu_resident(gpu, mem, size / 4) / (size / 4 / PAGE_SIZE);

	for (i = 0; i < nr_blocks; i++)
		mem_check_value(mem + i * BLOCK, BLOCK, values[i], load->name);
	mem_unmap(mem, size);
	free(values);
	settle();
	return ns;
}

static void compare(struct gpu *gpu, const struct load *load, enum pages pages,
		    unsigned int percent, unsigned int passes)
{
	size_t size = (gpu_vram(gpu) * percent / 100) & -HUGE_SIZE;
	unsigned int resident;
	uint64_t in_place = run(gpu, load, pages, size, passes, true, &resident);
	uint64_t policy = run(gpu, load, pages, size, passes, false, &resident);

	printf("{\"bench\": \"oversub\", \"load\": \"%s\", \"pages\": \"%s\", \"percent\": %u, ",
	       load->name, pages_name(pages), percent);
	printf("\"in_place\": %lu, \"policy\": %lu, \"ratio\": %.2f, \"resident\": %u}\n",
	       in_place, policy, (double)policy / (double)in_place, resident);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const unsigned int percents[] = { 80, 110, 150, 200, 300 };
	unsigned int passes = argc > 1 ? atoi(argv[1]) : 4;
	struct gpu *gpu = gpu_open();
	enum pages pages;
	size_t l, p;

	for (pages = 0; pages < NR_PAGES_KINDS; pages++) {
		for (l = 0; l < sizeof(loads) / sizeof(*loads); l++) {
			for (p = 0; p < sizeof(percents) / sizeof(*percents); p++)
				compare(gpu, &loads[l], pages, percents[p], passes);
		}
		compare(gpu, &to_and_fro, pages, TO_AND_FRO_PERCENT, 10 * passes);
	}
	gpu_close(gpu);
	return 0;
}
