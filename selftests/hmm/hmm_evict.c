// SPDX-License-Identifier: GPL-2.0
/*
 * Device memory that runs out: process memory is moved home to make room, with
 * its data, whatever its owner has done with it meanwhile; jobs never fail for
 * want of device memory; what is free again can be used again.
 */
#include "hmm_harness.h"

static size_t pages(size_t size)
{
	return size / page_size;
}

/* One word of each page, never at the same place of it. */
static size_t word_of(size_t offset)
{
	return offset + offset / page_size * 8 % page_size;
}

static size_t touch_bad(const char *mem, size_t size, uint64_t seed)
{
	size_t offset, bad = 0;

	for (offset = 0; offset < size; offset += page_size) {
		bad += *(volatile const uint64_t *)(mem + word_of(offset)) !=
			pattern(seed, word_of(offset));
	}
	return bad;
}

/* Each 2 MiB get a value of their own. */
static int device_fill(struct gpu *gpu, char *mem, size_t size, uint64_t seed)
{
	size_t offset;
	int ret = 0;

	for (offset = 0; offset < size && !ret; offset += HUGE_SIZE)
		ret = gpu_fill(gpu, mem + offset, HUGE_SIZE, pattern(seed, offset));
	return ret;
}

static size_t filled_bad(const char *mem, size_t from, size_t end, uint64_t seed)
{
	size_t offset, bad = 0;

	for (offset = from; offset < end; offset += page_size) {
		bad += *(volatile const uint64_t *)(mem + word_of(offset)) !=
			pattern(seed, offset & -HUGE_SIZE);
	}
	return bad;
}

/* ---- All of it ------------------------------------------------------------ */

FIXTURE(hmm_evict_all) {
	struct gpu gpu;
};

FIXTURE_SETUP(hmm_evict_all)
{
	setup_gpu(_metadata, &self->gpu, 0);
}

FIXTURE_TEARDOWN(hmm_evict_all)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_evict_all, twice_the_device_memory_keeps_all_data)
{
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu), after;
	size_t size = 2 * before.vram_total;
	char *mem;

	if (sysconf(_SC_AVPHYS_PAGES) * page_size < size + 64 * MIB)
		SKIP(return, "needs %zu MiB of free memory", size / MIB + 64);
	/* Huge, for speed; small pages have less of the device below. */
	mem = must_alloc(_metadata, size, MEM_THP);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, device_fill(&self->gpu, mem, size, 1));
	after = gpu_device_stats(&self->gpu);
	EXPECT_LT(before.evicted_chunks, after.evicted_chunks);
	EXPECT_LE(after.vram_svm, after.vram_total);
	/* It was used, not avoided. */
	EXPECT_LT(after.vram_total / 2, after.vram_svm);
	EXPECT_EQ(0, filled_bad(mem, 0, size, 1));
}

/* ---- Little of it --------------------------------------------------------- */

#define MAX_BOS		512
#define BO_SIZE		(8 * MIB)

#define EVICT_SHARE	"/sys/module/hmm_core/parameters/evict_share"

FIXTURE(hmm_evict) {
	struct gpu gpu;
	struct dummy_bo *bos[MAX_BOS];
	unsigned int nr_bos;
	size_t free;		/* bytes that buffer objects leave */
};

FIXTURE_VARIANT(hmm_evict) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_evict, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_evict, thp) { .kind = MEM_THP };

/* Buffer objects take all but some 16 MiB of the device, which has to be whole. */
FIXTURE_SETUP(hmm_evict)
{
	struct drm_dummy_gpu_device_stats stats;
	int ret = 0;

	setup_gpu(_metadata, &self->gpu, 0);
	if (self->gpu.base.vram_bad)
		ASSERT_EQ(0, gpu_renew(&self->gpu));
	while (!ret && self->nr_bos < MAX_BOS) {
		ret = dummy_bo_create(self->gpu.dev, BO_SIZE, DRM_DUMMY_GPU_GEM_VRAM,
				      &self->bos[self->nr_bos]);
		self->nr_bos += !ret;
	}
	ASSERT_EQ(-ENOSPC, ret);
	ASSERT_LT(4, self->nr_bos);
	EXPECT_EQ(0, dummy_bo_destroy(self->bos[--self->nr_bos]));
	EXPECT_EQ(0, dummy_bo_destroy(self->bos[--self->nr_bos]));
	stats = gpu_device_stats(&self->gpu);
	self->free = stats.vram_total - stats.vram_bo;
	ASSERT_LE(2 * BO_SIZE, self->free);
	ASSERT_GE(3 * BO_SIZE, self->free);
}

FIXTURE_TEARDOWN(hmm_evict)
{
	file_write(EVICT_SHARE, "10");
	while (self->nr_bos)
		EXPECT_EQ(0, dummy_bo_destroy(self->bos[--self->nr_bos]));
	teardown_gpu(_metadata, &self->gpu);
}

/* @size bytes of pattern 1, as much of it in the device as fits. */
static char *resident(struct __test_metadata *_metadata, struct gpu *gpu, size_t size,
		      enum mem_kind kind)
{
	char *mem = must_alloc(_metadata, size, kind);

	pattern_fill(mem, size, 1);
	gpu_migrate(gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	return mem;
}

/*
 * What is locked or looked at just then stays, as a huge folio does whose mm
 * khugepaged has locked: such an eviction is asked for again.
 */
static bool evict_span(struct gpu *gpu, const char *mem, size_t size)
{
	return eventually(!dummy_evict(gpu->dev, UINT64_MAX, NULL) &&
			  !pages_in(mem, size, IN_DEVICE));
}

static bool evict_all(struct gpu *gpu)
{
	return eventually(!dummy_evict(gpu->dev, UINT64_MAX, NULL) &&
			  !gpu_device_stats(gpu).vram_svm);
}

TEST_F(hmm_evict, device_writes_more_than_fits)
{
	size_t size = 3 * self->free & -HUGE_SIZE;
	char *mem = must_alloc(_metadata, size, variant->kind);
	unsigned int round;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, device_fill(&self->gpu, mem, size, round));
		EXPECT_EQ(0, filled_bad(mem, 0, size / 2, round));
	}
	EXPECT_EQ(0, filled_bad(mem, 0, size, round - 1));
}

TEST_F(hmm_evict, device_reads_more_than_fits)
{
	size_t size = 2 * self->free & -HUGE_SIZE, offset, bad = 0;
	char *mem = must_alloc(_metadata, size, variant->kind);

	pattern_fill(mem, size, 1);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	for (offset = 0; offset < size; offset += HUGE_SIZE) {
		ASSERT_EQ(0, gpu_read(&self->gpu, self->gpu.staging, mem + offset, HUGE_SIZE));
		bad += *(uint64_t *)self->gpu.staging != pattern(1, offset);
		bad += *(uint64_t *)(self->gpu.staging + HUGE_SIZE - 8) !=
			pattern(1, offset + HUGE_SIZE - 8);
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, touch_bad(mem, size, 1));
}

TEST_F(hmm_evict, migration_of_more_than_fits_says_what_it_did)
{
	size_t size = 2 * self->free & -HUGE_SIZE;
	char *mem = must_alloc(_metadata, size, variant->kind);
	struct dummy_migrated migrated;

	pattern_fill(mem, size, 1);
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
				   &migrated));
	EXPECT_EQ(pages(size), migrated.moved + migrated.already + migrated.stayed);
	EXPECT_LT(0, migrated.moved);
	EXPECT_GE(pages(self->free), pages_in(mem, size, IN_DEVICE));
	EXPECT_EQ(pages(size), pages_in(mem, size, IN_DEVICE | IN_SYSTEM));
	EXPECT_EQ(0, touch_bad(mem, size, 1));
}

TEST_F(hmm_evict, everything_comes_home_when_asked)
{
	char *mem = resident(_metadata, &self->gpu, self->free / 2, variant->kind);
	size_t in_device = pages_in(mem, self->free / 2, IN_DEVICE);
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu), after;
	uint64_t until = now_ms() + LIVE_MS, evicted = 0, part;
	unsigned int calls = 0;

	ASSERT_EQ(pages(self->free / 2), in_device);
	do {
		ASSERT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, &part));
		evicted += part;
		calls++;
	} while (gpu_device_stats(&self->gpu).vram_svm && now_ms() < until);
	EXPECT_EQ(in_device * page_size, evicted);
	EXPECT_EQ(in_device, pages_in(mem, self->free / 2, IN_SYSTEM));
	EXPECT_EQ(0, touch_bad(mem, self->free / 2, 1));
	after = gpu_device_stats(&self->gpu);
	EXPECT_EQ(0, after.vram_svm);
	EXPECT_LT(before.evicted_chunks, after.evicted_chunks);
	/* Each call but the last has left something. */
	EXPECT_TRUE(calls > 1 || before.evict_failed == after.evict_failed);
	EXPECT_EQ(before.cpu_faults, after.cpu_faults);

	/* Nothing is left to do. */
	ASSERT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, &evicted));
	EXPECT_EQ(0, evicted);
}

TEST_F(hmm_evict, part_comes_home_until_enough_is_free)
{
	char *mem = resident(_metadata, &self->gpu, self->free & -HUGE_SIZE, variant->kind);
	struct drm_dummy_gpu_device_stats stats = gpu_device_stats(&self->gpu);
	uint64_t wanted = 4 * MIB, evicted = 0;

	EXPECT_LT(self->free / 2, stats.vram_svm);
	ASSERT_EQ(0, dummy_evict(self->gpu.dev, wanted, &evicted));
	stats = gpu_device_stats(&self->gpu);
	EXPECT_LE(wanted, stats.vram_total - stats.vram_bo - stats.vram_svm);
	/* And not everything. */
	EXPECT_LT(0, pages_in(mem, self->free & -HUGE_SIZE, IN_DEVICE));
	EXPECT_EQ(0, touch_bad(mem, self->free & -HUGE_SIZE, 1));
}

TEST_F(hmm_evict, cold_memory_goes_before_memory_in_use)
{
	size_t half = self->free / 2 & -HUGE_SIZE;
	unsigned int round;
	char *cold, *hot;

	cold = resident(_metadata, &self->gpu, half - HUGE_SIZE, variant->kind);
	hot = resident(_metadata, &self->gpu, half - HUGE_SIZE, variant->kind);
	for (round = 0; round < 2; round++) {
		dummy_stream_checksum(self->gpu.stream, 0, dummy_addr(hot), half - HUGE_SIZE);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		/* One chunk more than is free. */
		ASSERT_EQ(0, dummy_evict(self->gpu.dev,
					 self->free - 2 * half + (3 + round) * HUGE_SIZE, NULL));
	}
	EXPECT_GT(pages(half - HUGE_SIZE), pages_in(cold, half - HUGE_SIZE, IN_DEVICE));
	EXPECT_EQ(pages(half - HUGE_SIZE), pages_in(hot, half - HUGE_SIZE, IN_DEVICE));
}

TEST_F(hmm_evict, memory_shared_by_fork_comes_home_for_both)
{
	size_t size = self->free / 2 & -HUGE_SIZE;
	char *mem = resident(_metadata, &self->gpu, size, variant->kind);
	struct meeting meeting;
	pid_t child;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		meet(&meeting);
		EXPECT_EQ(0, pages_in(mem, size, IN_DEVICE));
		EXPECT_EQ(0, touch_bad(mem, size, 1));
		pattern_fill(mem, size, 2);
		meet(&meeting);
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(pages(size), pages_in(mem, size, IN_DEVICE));
	ASSERT_TRUE(evict_span(&self->gpu, mem, size));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(pages(size), pages_in(mem, size, IN_SYSTEM));
	EXPECT_EQ(0, touch_bad(mem, size, 1));
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_evict, memory_of_a_process_that_ended_stays_with_its_child)
{
	size_t size = self->free / 2 & -HUGE_SIZE;
	struct meeting meeting;
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		/* Brings it there, forks, ends. */
		meeting_child(&meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = resident(_metadata, &gpu, size, variant->kind);
		if (!fork()) {
			meet(&meeting);
			meet(&meeting);
			EXPECT_EQ(0, pages_in(mem, size, IN_DEVICE));
			EXPECT_EQ(0, touch_bad(mem, size, 1));
			meet(&meeting);
		}
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_LE(size, gpu_device_stats(&self->gpu).vram_svm);
	ASSERT_TRUE(evict_all(&self->gpu));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
}

TEST_F(hmm_evict, memory_moved_protected_and_partly_unmapped_comes_home)
{
	size_t size = self->free / 2 & -HUGE_SIZE, part = HUGE_SIZE;
	char *mem = resident(_metadata, &self->gpu, size, variant->kind);
	char *target = must_map(_metadata, part, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	ASSERT_LE(4 * HUGE_SIZE, size);
	ASSERT_EQ(target, mremap(mem, part, part, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	ASSERT_EQ(0, mprotect(mem + part, part, PROT_NONE));
	ASSERT_EQ(0, munmap(mem + 2 * part, part / 2));
	ASSERT_TRUE(evict_all(&self->gpu));
	ASSERT_EQ(0, mprotect(mem + part, part, PROT_READ));
	EXPECT_EQ(0, pages_in(mem, size, IN_DEVICE));
	EXPECT_EQ(0, touch_bad(target, part, 1));
	EXPECT_EQ(pattern(1, part), *(volatile uint64_t *)(mem + part));
	EXPECT_EQ(pattern(1, 2 * part - 8), *(volatile uint64_t *)(mem + 2 * part - 8));
	EXPECT_EQ(pattern(1, 3 * part - 8), *(volatile uint64_t *)(mem + 3 * part - 8));
}

TEST_F(hmm_evict, memory_without_a_vm_comes_home)
{
	size_t size = self->free / 2 & -HUGE_SIZE;
	struct gpu gpu;
	char *mem;

	/* The device forgets the process, the memory stays in the device. */
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	mem = resident(_metadata, &gpu, size, variant->kind);
	ASSERT_EQ(0, gpu_close(&gpu));
	EXPECT_EQ(pages(size), pages_in(mem, size, IN_DEVICE));
	ASSERT_TRUE(evict_span(&self->gpu, mem, size));
	EXPECT_EQ(pages(size), pages_in(mem, size, IN_SYSTEM));
	EXPECT_EQ(0, touch_bad(mem, size, 1));
}

/* ---- Buffer objects ------------------------------------------------------- */

TEST_F(hmm_evict, buffer_object_evicts_process_memory)
{
	size_t size = self->free & -HUGE_SIZE;
	char *mem = resident(_metadata, &self->gpu, size, variant->kind);
	struct dummy_bo *bo;

	EXPECT_LT(self->free - BO_SIZE, gpu_device_stats(&self->gpu).vram_svm);
	/* It takes chunks that are all free: see evict_span(). */
	ASSERT_TRUE(eventually(!dummy_bo_create(self->gpu.dev, BO_SIZE, DRM_DUMMY_GPU_GEM_VRAM,
						&bo)));
	EXPECT_GE(self->free - BO_SIZE, gpu_device_stats(&self->gpu).vram_svm);
	EXPECT_EQ(0, touch_bad(mem, size, 1));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
}

TEST_F(hmm_evict, jobs_go_on_in_system_memory_when_device_is_full)
{
	size_t size = 4 * HUGE_SIZE;
	char *mem = must_alloc(_metadata, size, variant->kind);
	struct drm_dummy_gpu_migrate_run run = { 0 };
	size_t small = HUGE_SIZE;
	unsigned int nr_runs;
	struct dummy_bo *bo;
	int ret = 0;

	pattern_fill(mem, size, 1);
	/* Down to the last 4 KiB, which nothing evicts. */
	while (self->nr_bos < MAX_BOS && small >= page_size) {
		ret = dummy_bo_create(self->gpu.dev, small, DRM_DUMMY_GPU_GEM_VRAM, &bo);
		if (ret)
			small /= 2;
		else
			self->bos[self->nr_bos++] = bo;
	}
	ASSERT_EQ(-ENOSPC, ret);
	/* The kernel itself may have a page isolated for a moment. */
	eventually((ret = dummy_migrate_runs(self->gpu.vm, mem, HUGE_SIZE,
					     DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL, &run, 1,
					     &nr_runs)) ||
		   run.result != DRM_DUMMY_GPU_MIGRATE_BUSY);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_FULL, run.result);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, size, 1));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, size, 2));
	EXPECT_EQ(0, pages_in(mem, size, IN_DEVICE));
	EXPECT_EQ(0, touch_bad(mem, size, 2));

	/* And it is used again once there is room. */
	ASSERT_EQ(0, dummy_bo_destroy(self->bos[0]));
	self->bos[0] = self->bos[--self->nr_bos];
	/* A worker frees its memory, which who asks for numbers waits for. */
	gpu_device_stats(&self->gpu);
	EXPECT_EQ(0, gpu_to_device(&self->gpu, mem, size / 2));
	EXPECT_EQ(0, touch_bad(mem, size, 2));
}

TEST_F(hmm_evict, buffer_object_that_never_fits_is_refused_and_evicts_little)
{
	char *mem = resident(_metadata, &self->gpu, self->free / 2 & -HUGE_SIZE, variant->kind);
	struct dummy_bo *bo;

	EXPECT_EQ(-ENOSPC, dummy_bo_create(self->gpu.dev, gpu_device_stats(&self->gpu).vram_total,
					   DRM_DUMMY_GPU_GEM_VRAM, &bo));
	EXPECT_EQ(-ENOSPC, dummy_bo_create(self->gpu.dev,
					   2 * gpu_device_stats(&self->gpu).vram_total,
					   DRM_DUMMY_GPU_GEM_VRAM, &bo));
	EXPECT_EQ(0, touch_bad(mem, self->free / 2 & -HUGE_SIZE, 1));
}

/* ---- Without room --------------------------------------------------------- */

/* The device is full of memory that is in use, and faults evict none. */
static char *fill_and_forbid(struct __test_metadata *_metadata, struct gpu *gpu, size_t size,
			     enum mem_kind kind, size_t more)
{
	char *mem;

	resident(_metadata, gpu, size, kind);
	EXPECT_EQ(0, file_write(EVICT_SHARE, "0"));
	mem = must_alloc(_metadata, more, kind);
	pattern_fill(mem, more, 2);
	return mem;
}

TEST_F(hmm_evict, fault_without_room_is_served_in_place)
{
	size_t size = 4 * HUGE_SIZE;
	char *mem = fill_and_forbid(_metadata, &self->gpu, self->free & -HUGE_SIZE,
				    variant->kind, size);
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu);
	long long away = mirrors_stat(0, "turned_away");

	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, size, 2));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, size, 3));
	EXPECT_EQ(before.evicted_chunks, gpu_device_stats(&self->gpu).evicted_chunks);
	EXPECT_EQ(0, file_write(EVICT_SHARE, "10"));
	EXPECT_EQ(0, pattern_bad(mem, size, 3));
	EXPECT_LT(away, mirrors_stat(0, "turned_away"));
}

TEST_F(hmm_evict, memory_that_was_turned_away_moves_in_when_there_is_room)
{
	size_t size = 2 * HUGE_SIZE;
	char *mem = fill_and_forbid(_metadata, &self->gpu, self->free & -HUGE_SIZE,
				    variant->kind, size);
	unsigned int i;

	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, size, 2));
	/* It does not fault any more, */
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, size, 3));
	EXPECT_GT(pages(size), pages_in(mem, size, IN_DEVICE));
	/* until there is much room. */
	for (i = 0; i < 4; i++)
		EXPECT_EQ(0, dummy_bo_destroy(self->bos[--self->nr_bos]));
	EXPECT_TRUE(eventually(!gpu_pattern_bad(&self->gpu, mem, size, 3) &&
			       pages_in(mem, size, IN_DEVICE) == pages(size)));
	EXPECT_EQ(0, file_write(EVICT_SHARE, "10"));
	EXPECT_EQ(0, pattern_bad(mem, size, 3));
}

TEST_F(hmm_evict, advice_for_the_device_makes_room)
{
	size_t size = 2 * HUGE_SIZE;
	char *mem = fill_and_forbid(_metadata, &self->gpu, self->free & -HUGE_SIZE,
				    variant->kind, size);

	EXPECT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	EXPECT_TRUE(eventually(gpu_pattern_pull(&self->gpu, mem, size, 3)));
	EXPECT_EQ(0, file_write(EVICT_SHARE, "10"));
	EXPECT_EQ(0, pattern_bad(mem, size, 3));
}

TEST_F_TIMEOUT(hmm_evict, memory_that_is_used_moves_in_where_memory_is_not, 120)
{
	size_t size = 2 * HUGE_SIZE;
	char *mem = fill_and_forbid(_metadata, &self->gpu, self->free & -HUGE_SIZE,
				    variant->kind, size);
	long long away = mirrors_stat(0, "turned_away");

	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, size, 3));
	EXPECT_LT(away, mirrors_stat(0, "turned_away"));
	EXPECT_GT(pages(size), pages_in(mem, size, IN_DEVICE));
	EXPECT_EQ(0, file_write(EVICT_SHARE, "10"));
	/* It is mapped and does not fault; what is in the device is idle. */
	EXPECT_TRUE(eventually(!gpu_pattern_bad(&self->gpu, mem, size, 3) &&
			       pages_in(mem, size, IN_DEVICE) == pages(size)));
	EXPECT_EQ(0, pattern_bad(mem, size, 3));
}

/* ---- What is in use ------------------------------------------------------- */

static long long of_device(const char *name)
{
	const char *path = "/sys/kernel/debug/hmm_core/dummy_gpu.0/stats";
	long long value, found = -1;
	char other[64];
	FILE *file;

	file = fopen(path, "r");
	while (file && fscanf(file, "%63s %lld", other, &value) == 2)
		found = strcmp(name, other) ? found : value;
	if (file)
		fclose(file);
	return found;
}

/* Let the device read @mem while it is asked @times what it uses. */
static bool use_for_samples(struct gpu *gpu, const char *mem, size_t size, unsigned int times)
{
	long long end = of_device("samples") + times;

	return eventually(!gpu_pattern_bad(gpu, mem, size, 1) &&
			  !dummy_evict(gpu->dev, page_size, NULL) && of_device("samples") >= end);
}

TEST_F_TIMEOUT(hmm_evict, memory_in_use_stays_though_it_came_first_and_never_faults, 120)
{
	size_t part = self->free / 4 & -HUGE_SIZE, rest;
	char *hot, *cold;

	hot = resident(_metadata, &self->gpu, part, variant->kind);
	ASSERT_EQ(pages(part), pages_in(hot, part, IN_DEVICE));
	/* A chunk is free, or to ask for room would make some. */
	rest = (self->free & -HUGE_SIZE) - part - HUGE_SIZE;
	cold = resident(_metadata, &self->gpu, rest, variant->kind);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, cold, rest, 1));
	ASSERT_TRUE(use_for_samples(&self->gpu, hot, part, 3));

	/* All that is free is what the two leave. */
	ASSERT_EQ(0, dummy_evict(self->gpu.dev, self->free - part - HUGE_SIZE, NULL));
	EXPECT_EQ(pages(part), pages_in(hot, part, IN_DEVICE));
	EXPECT_GE(pages(2 * HUGE_SIZE), pages_in(cold, rest, IN_DEVICE));
	EXPECT_LE((long long)part, of_device("vram_active"));
	EXPECT_EQ(0, pattern_bad(hot, part, 1));
	EXPECT_EQ(0, pattern_bad(cold, rest, 1));
}

TEST_F_TIMEOUT(hmm_evict, memory_not_used_any_more_goes_before_memory_in_use, 120)
{
	size_t half = self->free / 2 & -HUGE_SIZE;
	char *before, *now;

	before = resident(_metadata, &self->gpu, half - HUGE_SIZE, variant->kind);
	now = resident(_metadata, &self->gpu, half - HUGE_SIZE, variant->kind);
	ASSERT_TRUE(use_for_samples(&self->gpu, before, half - HUGE_SIZE, 3));
	ASSERT_TRUE(use_for_samples(&self->gpu, now, half - HUGE_SIZE, 3));
	ASSERT_EQ(0, dummy_evict(self->gpu.dev, self->free - half, NULL));
	EXPECT_EQ(pages(half - HUGE_SIZE), pages_in(now, half - HUGE_SIZE, IN_DEVICE));
	EXPECT_GT(pages(half - HUGE_SIZE), pages_in(before, half - HUGE_SIZE, IN_DEVICE));
}

/* ---- Races ---------------------------------------------------------------- */

struct evicter {
	pthread_t thread;
	struct gpu *gpu;
	volatile bool stop;
	volatile unsigned int rounds;
	int ret;
};

static void *evict(void *arg)
{
	struct evicter *evicter = arg;

	while (!evicter->stop && !evicter->ret) {
		evicter->ret = dummy_evict(evicter->gpu->dev, UINT64_MAX, NULL);
		evicter->rounds++;
		sleep_ms(1);
	}
	return NULL;
}

static int start_evicting(struct evicter *evicter, struct gpu *gpu)
{
	int ret;

	*evicter = (struct evicter) { .gpu = gpu };
	ret = pthread_create(&evicter->thread, NULL, evict, evicter);
	/* However busy the machine is, it is under way when the other side begins. */
	return ret ? ret : !eventually(evicter->rounds);
}

static int stop_evicting(struct evicter *evicter)
{
	evicter->stop = true;
	pthread_join(evicter->thread, NULL);
	return evicter->ret ? evicter->ret : !evicter->rounds;
}

TEST_F(hmm_evict, eviction_under_device_writes_loses_none)
{
	size_t size = variant->kind == MEM_THP ? 2 * HUGE_SIZE : 64 * page_size;
	size_t offset, bad = 0;
	char *mem = must_alloc(_metadata, size, variant->kind);
	struct evicter evicter;
	uint64_t factor = 1;
	unsigned int round;

	pattern_fill(mem, size, 1);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, start_evicting(&evicter, &self->gpu));
	for (round = 0; round < 10; round++) {
		dummy_stream_vscale(self->gpu.stream, dummy_addr(mem), dummy_addr(mem), 3,
				    size / 8, 8);
		EXPECT_EQ(0, gpu_run(&self->gpu));
		factor *= 3;
	}
	EXPECT_EQ(0, stop_evicting(&evicter));
	for (offset = 0; offset < size; offset += 8)
		bad += *(volatile uint64_t *)(mem + offset) != factor * pattern(1, offset);
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_evict, eviction_under_cpu_faults_loses_nothing)
{
	size_t size = 2 * HUGE_SIZE;
	char *mem = must_alloc(_metadata, size, variant->kind);
	struct evicter evicter;
	unsigned int round;

	ASSERT_EQ(0, start_evicting(&evicter, &self->gpu));
	for (round = 0; round < 10; round++) {
		pattern_fill(mem, size, round);
		EXPECT_EQ(0, dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
					   NULL));
		EXPECT_EQ(0, pattern_bad(mem, size, round));
	}
	EXPECT_EQ(0, stop_evicting(&evicter));
}

TEST_F(hmm_evict, eviction_under_fork_and_munmap_loses_nothing)
{
	size_t size = 2 * HUGE_SIZE;
	struct evicter evicter;
	unsigned int round;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, start_evicting(&evicter, &self->gpu));
	for (round = 0; round < 6; round++) {
		mem = must_alloc(_metadata, size, variant->kind);
		pattern_fill(mem, size, 1);
		EXPECT_EQ(0, dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
					   NULL));
		child = fork();
		if (!child) {
			EXPECT_EQ(0, touch_bad(mem, size, 1));
			_exit(0);
		}
		EXPECT_EQ(0, gpu_fill(&self->gpu, mem, HUGE_SIZE, 5));
		EXPECT_EQ(5, *(volatile uint64_t *)mem);
		EXPECT_EQ(pattern(1, HUGE_SIZE), *(volatile uint64_t *)(mem + HUGE_SIZE));
		EXPECT_EQ(0, munmap(mem, size));
		EXPECT_EQ(0, wait_exit(child));
	}
	EXPECT_EQ(0, stop_evicting(&evicter));
}

struct toucher {
	pthread_t thread;
	char *mem;
	size_t size;
	size_t bad;
	volatile bool stop;
};

/* Each page is as it was written, or has been dropped and reads as zero. */
static void *touch(void *arg)
{
	struct toucher *toucher = arg;
	size_t offset = 0;

	while (!toucher->stop) {
		uint64_t value = *(volatile uint64_t *)(toucher->mem + offset);

		toucher->bad += value && value != pattern(1, offset);
		offset = (offset + 37 * page_size) % toucher->size;
	}
	return NULL;
}

TEST_F(hmm_evict, memory_dropped_while_it_comes_home_is_just_gone)
{
	size_t size = 2 * HUGE_SIZE;
	char *mem = must_alloc(_metadata, size, variant->kind);
	struct toucher toucher = { .mem = mem, .size = size };
	struct evicter evicter;
	uint64_t end = now_ms() + 4000;
	pid_t child;

	ASSERT_EQ(0, start_evicting(&evicter, &self->gpu));
	ASSERT_EQ(0, pthread_create(&toucher.thread, NULL, touch, &toucher));
	while (now_ms() < end) {
		pattern_fill(mem, size, 1);
		dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
		child = fork();
		if (!child)
			_exit(0);
		EXPECT_EQ(0, madvise(mem, HUGE_SIZE, MADV_DONTNEED));
		dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
		EXPECT_EQ(0, madvise(mem, size, MADV_DONTNEED));
		EXPECT_EQ(0, wait_exit(child));
	}
	toucher.stop = true;
	pthread_join(toucher.thread, NULL);
	EXPECT_EQ(0, toucher.bad);
	EXPECT_EQ(0, stop_evicting(&evicter));
}

TEST_HARNESS_MAIN
