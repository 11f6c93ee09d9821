// SPDX-License-Identifier: GPL-2.0
/*
 * What is measured. Each bench prepares memory, acts on it while the clock
 * runs, and verifies that what should have happened has.
 *
 * The plain ones are what stands beside the others: a copy of the same bytes,
 * core mm's own migration from node to node beside migration to a device, CPU
 * faults on memory that is not populated beside faults on memory that is away,
 * and the same system call in a process that has no device.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bench.h"

static size_t nr_pages(const struct trial *trial)
{
	return trial->size / PAGE_SIZE;
}

static void touch(const char *addr)
{
	(void)*(const volatile char *)addr;
}

static void touch_all(struct trial *trial)
{
	size_t i;

	for (i = 0; i < nr_pages(trial); i++)
		touch(trial->mem + i * PAGE_SIZE);
}

static void touch_shuffled(struct trial *trial)
{
	size_t i;

	for (i = 0; i < nr_pages(trial); i++)
		touch(trial->mem + trial->order[i] * PAGE_SIZE);
}

/* The same order in every run. */
static void shuffle(struct trial *trial)
{
	uint64_t random = 0x2545f4914f6cdd1dULL;
	size_t i, j;
	uint32_t page;

	trial->order = malloc(nr_pages(trial) * sizeof(*trial->order));
	if (!trial->order)
		die("no memory");
	for (i = 0; i < nr_pages(trial); i++)
		trial->order[i] = i;
	for (i = nr_pages(trial) - 1; i; i--) {
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		j = random % (i + 1);
		page = trial->order[i];
		trial->order[i] = trial->order[j];
		trial->order[j] = page;
	}
}

static void expect_pages(const struct trial *trial, const char *what, size_t nr)
{
	if (nr != nr_pages(trial))
		die("%s (%s, %zu KiB): only %zu of %zu pages", what, pages_name(trial->pages),
		    trial->size / KIB, nr, nr_pages(trial));
}

static void verify_in_device(struct trial *trial)
{
	expect_pages(trial, "in the device", mem_in_device(trial->mem, trial->size));
}

static void verify_in_system(struct trial *trial)
{
	expect_pages(trial, "in system memory",
		     nr_pages(trial) - mem_in_device(trial->mem, trial->size));
	if (trial->pages == PAGES_THP)
		expect_pages(trial, "huge in system memory", mem_huge(trial->mem, trial->size));
}

/* ---- Without a device ---------------------------------------------------- */

static void prepare_copy(struct trial *trial)
{
	trial->copy = mem_map(trial->size, trial->pages);
	mem_fill(trial->copy, trial->size, 0);
}

/* Page by page and as the kernel copies a page. */
static void act_copy(struct trial *trial, unsigned int sample)
{
	size_t i;

	(void)sample;
	for (i = 0; i < nr_pages(trial); i++) {
		const char *from = trial->mem + i * PAGE_SIZE;
		char *to = trial->copy + i * PAGE_SIZE;
		size_t words = PAGE_SIZE / 8;

		asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(words) : : "memory");
	}
}

static void verify_copy(struct trial *trial)
{
	mem_check(trial->copy, trial->size, trial->seed, "copy");
	mem_unmap(trial->copy, trial->size);
}

static void act_node(struct trial *trial, unsigned int sample)
{
	unsigned long node = BIT(1);

	(void)sample;
	if (syscall(SYS_mbind, trial->mem, trial->size, MPOL_BIND, &node, 8 * sizeof(node),
		    MPOL_MF_MOVE))
		die("mbind: %s", strerror(errno));
}

static void act_touch_all(struct trial *trial, unsigned int sample)
{
	(void)sample;
	touch_all(trial);
}

/* A read would find the zero page, and no memory would be needed. */
static void act_populate(struct trial *trial, unsigned int sample)
{
	size_t i;

	(void)sample;
	for (i = 0; i < nr_pages(trial); i++)
		*(volatile char *)(trial->mem + i * PAGE_SIZE) = 0;
}

/* ---- Migration ----------------------------------------------------------- */

#define MAP_ONLY	(DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE | \
			 DRM_DUMMY_GPU_MIGRATE_KEEP)

static void to_device(struct trial *trial, uint32_t flags)
{
	gpu_migrate(trial->gpu, trial->mem, trial->size, DRM_DUMMY_GPU_PLACE_DEVICE, flags);
}

static void act_in(struct trial *trial, unsigned int sample)
{
	(void)sample;
	to_device(trial, 0);
}

static void act_in_map(struct trial *trial, unsigned int sample)
{
	(void)sample;
	to_device(trial, DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE);
}

static void act_map(struct trial *trial, unsigned int sample)
{
	(void)sample;
	to_device(trial, MAP_ONLY);
}

static void map_page(struct trial *trial, size_t page)
{
	gpu_migrate(trial->gpu, trial->mem + page * PAGE_SIZE, PAGE_SIZE,
		    DRM_DUMMY_GPU_PLACE_DEVICE, MAP_ONLY);
}

static void prepare_next(struct trial *trial)
{
	map_page(trial, 0);
}

static void act_map_next(struct trial *trial, unsigned int sample)
{
	(void)sample;
	map_page(trial, 1);
}

static void prepare_in(struct trial *trial)
{
	to_device(trial, 0);
	verify_in_device(trial);
}

static void verify_mapped(struct trial *trial)
{
	expect_pages(trial, "mapped", gpu_mapped(trial->gpu, trial->mem, trial->size));
}

static void verify_in_device_mapped(struct trial *trial)
{
	verify_in_device(trial);
	verify_mapped(trial);
}

static void verify_in_system_mapped(struct trial *trial)
{
	verify_in_system(trial);
	verify_mapped(trial);
}

static void prepare_in_map(struct trial *trial)
{
	act_in_map(trial, 0);
	verify_in_device_mapped(trial);
}

static void prepare_map(struct trial *trial)
{
	act_map(trial, 0);
	verify_mapped(trial);
}

static void act_out(struct trial *trial, unsigned int sample)
{
	(void)sample;
	gpu_migrate(trial->gpu, trial->mem, trial->size, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

static void prepare_shuffled(struct trial *trial)
{
	prepare_in(trial);
	shuffle(trial);
}

static void act_touch_shuffled(struct trial *trial, unsigned int sample)
{
	(void)sample;
	touch_shuffled(trial);
}

/* The first touch that a 2 MiB region sees, each time at another place in it. */
static unsigned int nr_regions(const struct trial *trial)
{
	return trial->size / HUGE_SIZE;
}

static void act_first_touch(struct trial *trial, unsigned int sample)
{
	size_t page = (sample * 37 + trial->seed * 101) % (HUGE_SIZE / PAGE_SIZE);

	touch(trial->mem + sample * HUGE_SIZE + page * PAGE_SIZE);
}

/* ---- Jobs ---------------------------------------------------------------- */

#define JOB_VALUE	0x0123456789abcdefULL

static void prepare_job_stay(struct trial *trial)
{
	gpu_place(trial->gpu, trial->mem, trial->size, DRM_DUMMY_GPU_PLACE_SYSTEM);
	gpu_job_fill(trial->gpu, trial->mem, trial->size, JOB_VALUE);
}

static void prepare_job_move(struct trial *trial)
{
	gpu_place(trial->gpu, trial->mem, trial->size, DRM_DUMMY_GPU_PLACE_DEVICE);
	gpu_job_fill(trial->gpu, trial->mem, trial->size, JOB_VALUE);
}

static void act_job(struct trial *trial, unsigned int sample)
{
	(void)sample;
	gpu_job_run(trial->gpu);
}

static void verify_job(struct trial *trial)
{
	mem_check_value(trial->mem, trial->size, JOB_VALUE, "job");
}

static void verify_job_stayed(struct trial *trial)
{
	verify_in_system(trial);
	verify_job(trial);
}

static void verify_job_moved(struct trial *trial)
{
	verify_in_device(trial);
	verify_job(trial);
}

/* ---- System calls -------------------------------------------------------- */

static void act_mprotect(struct trial *trial, unsigned int sample)
{
	(void)sample;
	if (mprotect(trial->mem, trial->size, PROT_READ))
		die("mprotect: %s", strerror(errno));
}

static void act_munmap(struct trial *trial, unsigned int sample)
{
	(void)sample;
	if (munmap(trial->mem, trial->size))
		die("munmap: %s", strerror(errno));
}

static void act_fork(struct trial *trial, unsigned int sample)
{
	(void)sample;
	trial->child = fork();
	if (trial->child < 0)
		die("fork: %s", strerror(errno));
	if (!trial->child)
		_exit(0);
}

static void verify_fork(struct trial *trial)
{
	int status;

	if (waitpid(trial->child, &status, 0) != trial->child || status)
		die("the child failed");
}

/* ---- The benches --------------------------------------------------------- */

#define BOTH	(BIT(PAGES_4K) | BIT(PAGES_THP))

static const size_t all_sizes[] = {
	4 * KIB, 64 * KIB, 2 * MIB, 16 * MIB, 64 * MIB, 256 * MIB, 0
};

static const size_t one_page[] = { PAGE_SIZE, 0 };
static const size_t two_pages[] = { 2 * PAGE_SIZE, 0 };
static const size_t one_huge[] = { HUGE_SIZE, 0 };
static const size_t mib_64[] = { 64 * MIB, 0 };

const struct bench plain_benches[] = {
	{
		.name = "memcpy",
		.what = "plain copy, page by page",
		.per = PER_PAGE,
		.prepare = prepare_copy,
		.act = act_copy,
		.verify = verify_copy,
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "cpu_populate",
		.what = "CPU faults, nothing populated",
		.per = PER_PAGE,
		.fresh = true,
		.unfilled = true,
		.act = act_populate,
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "node_move",
		.what = "mbind() to another node",
		.per = PER_PAGE,
		.act = act_node,
		.verify = verify_in_system,
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "mprotect",
		.what = "mprotect(), no device",
		.per = PER_CALL,
		.act = act_mprotect,
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "munmap",
		.what = "munmap(), no device",
		.per = PER_CALL,
		.act = act_munmap,
		.unfilled = true,
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "fork",
		.what = "fork(), no device",
		.per = PER_CALL,
		.act = act_fork,
		.verify = verify_fork,
		.sizes = mib_64,
		.pages = BOTH,
	},
	{ }
};

const struct bench gpu_benches[] = {
	{
		.name = "migrate_in",
		.what = "to the device",
		.per = PER_PAGE,
		.act = act_in,
		.verify = verify_in_device,
		.plain = "node_move",
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "migrate_in_map",
		.what = "to the device, and mapped",
		.per = PER_PAGE,
		.act = act_in_map,
		.verify = verify_in_device_mapped,
		.plain = "node_move",
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "migrate_out",
		.what = "back by request",
		.per = PER_PAGE,
		.prepare = prepare_in,
		.act = act_out,
		.verify = verify_in_system,
		.plain = "node_move",
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "cpu_in_order",
		.what = "back by CPU faults in order",
		.per = PER_PAGE,
		.prepare = prepare_in,
		.act = act_touch_all,
		.verify = verify_in_system,
		.plain = "cpu_populate",
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "cpu_at_random",
		.what = "back by CPU faults at random",
		.per = PER_PAGE,
		.prepare = prepare_shuffled,
		.act = act_touch_shuffled,
		.verify = verify_in_system,
		.plain = "cpu_populate",
		.sizes = all_sizes,
		.pages = BOTH,
	}, {
		.name = "cpu_first_touch",
		.what = "first CPU touch in cold 2 MiB",
		.per = PER_TOUCH,
		.bytes = PAGE_SIZE,
		.nr_samples = nr_regions,
		.prepare = prepare_in,
		.act = act_first_touch,
		.plain = "cpu_populate",
		.sizes = mib_64,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "cpu_first_touch",
		.what = "first CPU touch, returns 2 MiB",
		.per = PER_TOUCH,
		.bytes = HUGE_SIZE,
		.nr_samples = nr_regions,
		.prepare = prepare_in,
		.act = act_first_touch,
		.verify = verify_in_system,
		.plain = "cpu_populate",
		.sizes = mib_64,
		.pages = BIT(PAGES_THP),
	}, {
		.name = "map_page",
		.what = "device fault, populated page",
		.per = PER_FAULT,
		.act = act_map,
		.verify = verify_in_system_mapped,
		.plain = "cpu_populate",
		.sizes = one_page,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "map_next_page",
		.what = "the same, in 2 MiB seen before",
		.per = PER_FAULT,
		.bytes = PAGE_SIZE,
		.prepare = prepare_next,
		.act = act_map_next,
		.verify = verify_in_system_mapped,
		.plain = "cpu_populate",
		.sizes = two_pages,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "map_2m",
		.what = "device maps populated 2 MiB",
		.per = PER_PAGE,
		.act = act_map,
		.verify = verify_in_system_mapped,
		.plain = "cpu_populate",
		.sizes = one_huge,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "map_2m",
		.what = "device maps populated 2 MiB",
		.per = PER_MAP,
		.act = act_map,
		.verify = verify_in_system_mapped,
		.plain = "cpu_populate",
		.sizes = one_huge,
		.pages = BIT(PAGES_THP),
	}, {
		.name = "job_page",
		.what = "job: fault on a populated page",
		.per = PER_FAULT,
		.prepare = prepare_job_stay,
		.act = act_job,
		.less_again = true,
		.verify = verify_job_stayed,
		.unfilled = true,
		.plain = "cpu_populate",
		.sizes = one_page,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "job_page_migrate",
		.what = "job: the same, with migration",
		.per = PER_FAULT,
		.prepare = prepare_job_move,
		.act = act_job,
		.less_again = true,
		.verify = verify_job_moved,
		.unfilled = true,
		.plain = "cpu_populate",
		.sizes = one_page,
		.pages = BIT(PAGES_4K),
	}, {
		.name = "job_2m",
		.what = "job: dense faults on 2 MiB",
		.per = PER_PAGE,
		.prepare = prepare_job_stay,
		.act = act_job,
		.less_again = true,
		.verify = verify_job_stayed,
		.unfilled = true,
		.plain = "cpu_populate",
		.sizes = one_huge,
		.pages = BOTH,
	}, {
		.name = "job_2m_migrate",
		.what = "job: the same, with migration",
		.per = PER_PAGE,
		.prepare = prepare_job_move,
		.act = act_job,
		.less_again = true,
		.verify = verify_job_moved,
		.unfilled = true,
		.plain = "cpu_populate",
		.sizes = one_huge,
		.pages = BOTH,
	}, {
		.name = "mprotect_mirrored",
		.what = "mprotect(), mirrored",
		.per = PER_CALL,
		.prepare = prepare_map,
		.act = act_mprotect,
		.plain = "mprotect",
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "mprotect_device",
		.what = "mprotect(), in the device",
		.per = PER_CALL,
		.prepare = prepare_in_map,
		.act = act_mprotect,
		.plain = "mprotect",
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "munmap_mirrored",
		.what = "munmap(), mirrored",
		.per = PER_CALL,
		.prepare = prepare_map,
		.act = act_munmap,
		.unfilled = true,
		.plain = "munmap",
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "munmap_device",
		.what = "munmap(), in the device",
		.per = PER_CALL,
		.prepare = prepare_in_map,
		.act = act_munmap,
		.unfilled = true,
		.plain = "munmap",
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "fork_mirrored",
		.what = "fork(), mirrored",
		.per = PER_CALL,
		.prepare = prepare_map,
		.act = act_fork,
		.verify = verify_fork,
		.plain = "fork",
		.sizes = mib_64,
		.pages = BOTH,
	}, {
		.name = "fork_device",
		.what = "fork(), in the device",
		.per = PER_CALL,
		.prepare = prepare_in_map,
		.act = act_fork,
		.verify = verify_fork,
		.plain = "fork",
		.sizes = mib_64,
		.pages = BOTH,
	},
	{ }
};
