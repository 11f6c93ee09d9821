// SPDX-License-Identifier: GPL-2.0
/*
 * Limits: what a process has in a device is charged to it, frame by frame, for as
 * long as it is there. At its limit it pays for itself: its own memory goes home,
 * nobody else's does, and nothing fails for it but buffer objects.
 */
#include <sys/stat.h>

#include "hmm_harness.h"

#define SIZE		(2 * HUGE_SIZE)
#define LIMIT		HUGE_SIZE
#define PERCENT		"/sys/module/hmm_core/parameters/process_percent"

static int limit(struct gpu *gpu, uint64_t vram)
{
	return dummy_vm_limit(gpu->vm, vram);
}

/* Bytes that are charged to this process. */
static uint64_t used(const struct gpu *gpu)
{
	return gpu_vm_stats(gpu).vram_used;
}

static size_t in_device(const volatile void *start, size_t size)
{
	return pages_in(start, size, IN_DEVICE);
}

/* One request for all of it; how many bytes are there then. */
static uint64_t request(struct gpu *gpu, char *mem, size_t size)
{
	if (dummy_migrate(gpu->vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL))
		return UINT64_MAX;
	return in_device(mem, size) * page_size;
}

FIXTURE(hmm_limit) {
	struct gpu gpu;
	char *mem, *other;
	char percent[16];
};

FIXTURE_VARIANT(hmm_limit) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_limit, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_limit, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_limit)
{
	setup_gpu(_metadata, &self->gpu, 0);
	snprintf(self->percent, sizeof(self->percent), "%lld", file_read(PERCENT));
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	self->other = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	pattern_fill(self->other, SIZE, 2);
	if (!mem_is_kind(self->mem, SIZE, variant->kind) ||
	    !mem_is_kind(self->other, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, used(&self->gpu));
}

FIXTURE_TEARDOWN(hmm_limit)
{
	file_write(PERCENT, self->percent);
	mem_free_all();
	EXPECT_TRUE(eventually(!used(&self->gpu)));
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- What is charged ------------------------------------------------------ */

TEST_F(hmm_limit, what_is_in_the_device_is_charged_until_it_leaves)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(SIZE, used(&self->gpu));
	/* Served by a fault. */
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->other, SIZE, 3));
	EXPECT_EQ(SIZE + in_device(self->other, SIZE) * page_size, used(&self->gpu));
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->other, SIZE));
	EXPECT_TRUE(eventually(used(&self->gpu) == SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE / 2, 1));
	EXPECT_TRUE(eventually(used(&self->gpu) == SIZE / 2));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_TRUE(eventually(!used(&self->gpu)));
}

TEST_F(hmm_limit, parts_of_a_large_folio_are_charged_on)
{
	char *mem = self->mem;
	uint64_t value;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, mem, HUGE_SIZE));
	ASSERT_EQ(0, munmap(mem, page_size));
	/* Takes it apart, and brings some of it home. */
	EXPECT_TRUE(peek(mem + HUGE_SIZE / 2, &value));
	EXPECT_EQ(pattern(1, HUGE_SIZE / 2), value);
	ASSERT_LT(0, in_device(mem, HUGE_SIZE));
	EXPECT_TRUE(eventually(used(&self->gpu) == in_device(mem, HUGE_SIZE) * page_size));
	ASSERT_EQ(0, gpu_to_system(&self->gpu, mem + page_size, HUGE_SIZE - page_size));
	EXPECT_TRUE(eventually(!used(&self->gpu)));
}

TEST_F(hmm_limit, all_vms_of_a_process_have_one_account)
{
	struct gpu second;

	ASSERT_EQ(0, gpu_open(&second, 0));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(SIZE, used(&second));
	ASSERT_EQ(0, limit(&second, LIMIT));
	EXPECT_EQ(LIMIT, gpu_vm_stats(&self->gpu).vram_max);
	EXPECT_GE(LIMIT, used(&self->gpu));
	EXPECT_EQ(0, gpu_close(&second));
	EXPECT_EQ(LIMIT, gpu_vm_stats(&self->gpu).vram_max);
}

TEST_F(hmm_limit, what_a_child_shares_stays_with_its_first_account)
{
	size_t few = 16 * page_size;
	struct gpu gpu;
	pid_t child;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	child = fork();
	if (!child) {
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, self->mem, SIZE, 1));
		EXPECT_EQ(0, used(&gpu));
		/* Copies of its own are its own. */
		memset(self->mem, 7, few);
		EXPECT_EQ(0, gpu_to_device(&gpu, self->mem, few));
		EXPECT_EQ(few, used(&gpu));
		EXPECT_EQ(0, gpu_close(&gpu));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	EXPECT_TRUE(eventually(!used(&self->gpu)));
}

TEST_F(hmm_limit, account_outlives_its_process_as_long_as_a_child_has_frames)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	struct meeting meeting;
	struct gpu gpu;
	pid_t child;
	char *mem;
	int ret;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = mem_alloc(SIZE, variant->kind);
		if (!mem || gpu_open(&gpu, 0))
			_exit(1);
		pattern_fill(mem, SIZE, 5);
		if (gpu_to_device(&gpu, mem, SIZE))
			_exit(2);
		child = fork();
		if (!child) {
			/* The file is ours too, and would keep its VM. */
			close(dummy_device_fd(gpu.dev));
			ret = meet(&meeting) || pattern_bad(mem, SIZE / 2, 5) || meet(&meeting) ||
			      pattern_bad(mem, SIZE, 5) || meet(&meeting);
			_exit(ret ? 3 : 0);
		}
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(before + SIZE, gpu_device_stats(&self->gpu).vram_svm);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
	EXPECT_EQ(0, used(&self->gpu));
}

TEST_F(hmm_limit, fdinfo_says_what_is_charged)
{
	char path[64], text[64];

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dummy_device_fd(self->gpu.dev));
	snprintf(text, sizeof(text), "dummy_gpu-svm-vram:\t%lu KiB", SIZE / KIB);
	EXPECT_TRUE(file_says(path, text));
}

/* ---- At the limit --------------------------------------------------------- */

TEST_F(hmm_limit, request_sends_home_what_the_process_has_there)
{
	uint64_t evicted = gpu_device_stats(&self->gpu).limit_evicted;

	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	EXPECT_EQ(LIMIT, gpu_vm_stats(&self->gpu).vram_max);
	EXPECT_EQ(LIMIT, request(&self->gpu, self->mem, LIMIT));
	EXPECT_EQ(evicted, gpu_device_stats(&self->gpu).limit_evicted);
	EXPECT_EQ(LIMIT, request(&self->gpu, self->other, LIMIT));
	EXPECT_EQ(LIMIT, used(&self->gpu));
	EXPECT_EQ(0, in_device(self->mem, LIMIT));
	EXPECT_EQ(evicted + LIMIT / page_size, gpu_device_stats(&self->gpu).limit_evicted);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_limit, nobody_else_pays)
{
	struct meeting meeting;
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = mem_alloc(SIZE, variant->kind);
		if (!mem || gpu_open(&gpu, 0))
			_exit(1);
		pattern_fill(mem, SIZE, 5);
		if (gpu_to_device(&gpu, mem, SIZE) || meet(&meeting) || meet(&meeting))
			_exit(2);
		/* All of it is still there, and none of it was anywhere else. */
		if (in_device(mem, SIZE) != SIZE / page_size || used(&gpu) != SIZE)
			_exit(3);
		_exit(gpu_pattern_bad(&gpu, mem, SIZE, 5) ? 4 : 0);
	}
	meeting_parent(&meeting);
	ASSERT_EQ(0, meet(&meeting));
	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	EXPECT_EQ(LIMIT, request(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(LIMIT, request(&self->gpu, self->other, SIZE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
}

TEST_F(hmm_limit, device_fault_beyond_it_is_served_in_place)
{
	ASSERT_EQ(0, limit(&self->gpu, HUGE_SIZE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_GE(HUGE_SIZE, used(&self->gpu));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->other, SIZE, 2));
	EXPECT_GE(HUGE_SIZE, used(&self->gpu));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_limit, limit_of_nothing_keeps_everything_at_home)
{
	struct drm_dummy_gpu_migrate_run run;
	unsigned int nr_runs;

	ASSERT_EQ(0, limit(&self->gpu, 0));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
	ASSERT_EQ(0, dummy_migrate_runs(self->gpu.vm, self->other, SIZE,
					DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL, &run, 1, &nr_runs));
	EXPECT_EQ(1, nr_runs);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_FULL, run.result);
	EXPECT_EQ(0, in_device(self->other, SIZE));
	EXPECT_EQ(0, used(&self->gpu));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_limit, limit_of_a_few_pages_is_used_and_kept_to)
{
	size_t few = 7 * page_size;

	ASSERT_EQ(0, limit(&self->gpu, few));
	EXPECT_EQ(few, request(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(few, used(&self->gpu));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_GE(few, used(&self->gpu));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_limit, lowering_it_sends_home_what_is_beyond)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	EXPECT_GE(LIMIT, used(&self->gpu));
	EXPECT_EQ(used(&self->gpu), in_device(self->mem, SIZE) * page_size);
	ASSERT_EQ(0, limit(&self->gpu, 0));
	EXPECT_EQ(0, used(&self->gpu));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_limit, lifting_it_readmits_what_was_turned_away)
{
	uint64_t value;

	ASSERT_EQ(0, limit(&self->gpu, 0));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	ASSERT_EQ(0, in_device(self->mem, SIZE));
	ASSERT_EQ(0, limit(&self->gpu, UINT64_MAX));
	/* What is mapped in place does not fault until it is zapped. */
	EXPECT_TRUE(eventually(!gpu_load(&self->gpu, self->mem, &value) &&
			       in_device(self->mem, HUGE_SIZE)));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
}

TEST_F(hmm_limit, memory_that_leaves_readmits_what_was_turned_away)
{
	uint64_t value;

	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	ASSERT_EQ(LIMIT, request(&self->gpu, self->mem, LIMIT));
	/* So that it does not make way for what follows. */
	ASSERT_EQ(0, file_write("/sys/module/hmm_core/parameters/evict_share", "0"));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->other, SIZE, 3));
	EXPECT_EQ(0, file_write("/sys/module/hmm_core/parameters/evict_share", "10"));
	EXPECT_EQ(0, in_device(self->other, SIZE));
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, LIMIT));
	EXPECT_TRUE(eventually(!gpu_load(&self->gpu, self->other, &value) &&
			       in_device(self->other, HUGE_SIZE)));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 3));
}

TEST_F(hmm_limit, pinned_memory_stays_and_the_rest_finds_no_room)
{
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, LIMIT, DRM_DUMMY_GPU_ADVICE_PIN, 1));
	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	ASSERT_EQ(LIMIT, request(&self->gpu, self->mem, LIMIT));
	EXPECT_EQ(0, request(&self->gpu, self->other, LIMIT));
	EXPECT_EQ(LIMIT / page_size, in_device(self->mem, LIMIT));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->other, SIZE, 2));
	EXPECT_EQ(LIMIT, used(&self->gpu));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- Limits of others ----------------------------------------------------- */

TEST_F(hmm_limit, parameter_limits_every_process)
{
	uint64_t total = gpu_device_stats(&self->gpu).vram_total;
	uint64_t max;

	EXPECT_EQ(total, gpu_vm_stats(&self->gpu).vram_max);
	ASSERT_EQ(0, file_write(PERCENT, "1"));
	max = gpu_vm_stats(&self->gpu).vram_max;
	EXPECT_EQ(total / page_size / 100 * page_size, max);
	if (max >= SIZE)
		SKIP(return, "needs less device memory, for a limit below 4 MiB");
	EXPECT_LT(0, request(&self->gpu, self->mem, SIZE));
	EXPECT_GE(max, used(&self->gpu));
	/* The lower of the two holds. */
	ASSERT_EQ(0, limit(&self->gpu, SIZE));
	EXPECT_EQ(max, gpu_vm_stats(&self->gpu).vram_max);
	ASSERT_EQ(0, file_write(PERCENT, "100"));
	EXPECT_EQ(SIZE, gpu_vm_stats(&self->gpu).vram_max);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- Buffer objects ------------------------------------------------------- */

TEST_F(hmm_limit, buffer_objects_count_and_process_memory_makes_way)
{
	struct dummy_bo *bo, *second;

	ASSERT_EQ(0, limit(&self->gpu, SIZE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, LIMIT, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	EXPECT_EQ(SIZE - LIMIT, in_device(self->mem, SIZE) * page_size);
	EXPECT_EQ(SIZE, used(&self->gpu));
	EXPECT_EQ(-ENOSPC, dummy_bo_create(self->gpu.dev, SIZE - LIMIT + page_size,
					   DRM_DUMMY_GPU_GEM_VRAM, &second));
	/* In system memory there is no limit. */
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, SIZE, 0, &second));
	EXPECT_EQ(0, dummy_bo_destroy(second));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
	EXPECT_TRUE(eventually(used(&self->gpu) == in_device(self->mem, SIZE) * page_size));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_limit, buffer_object_is_charged_after_its_vm_has_gone)
{
	struct dummy_bo *bo;
	struct gpu second;

	ASSERT_EQ(0, gpu_open(&second, 0));
	ASSERT_EQ(0, dummy_bo_create(second.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	EXPECT_EQ(HUGE_SIZE, used(&self->gpu));
	EXPECT_EQ(0, dummy_queue_destroy(second.queue));
	EXPECT_EQ(0, dummy_vm_destroy(second.vm));
	EXPECT_EQ(HUGE_SIZE, used(&self->gpu));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
	EXPECT_TRUE(eventually(!used(&self->gpu)));
	ASSERT_EQ(0, dummy_vm_create(second.dev, DRM_DUMMY_GPU_VM_SVM, &second.vm));
	ASSERT_EQ(0, dummy_queue_create(second.vm, 0, 0, -1, &second.queue));
	EXPECT_EQ(0, gpu_close(&second));
}

/* ---- Raced, unplugged ----------------------------------------------------- */

/* Somebody who asks for more than there may be, all the time. */
struct asker {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
	volatile bool stop;
	uint64_t most;
	int ret;
};

static void *asks(void *arg)
{
	struct asker *asker = arg;
	uint64_t now;

	while (!asker->stop && !asker->ret) {
		asker->ret = dummy_migrate(asker->gpu->vm, asker->mem, SIZE,
					   DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
		now = used(asker->gpu);
		if (now > asker->most)
			asker->most = now;
		/* A busy thread brings NUMA balancing, which this is not about. */
		sleep_ms(50);
	}
	return NULL;
}

TEST_F_TIMEOUT(hmm_limit, threads_never_have_more_and_lose_nothing, 120)
{
	struct asker askers[2] = {
		{ .gpu = &self->gpu, .mem = self->other },
		{ .gpu = &self->gpu, .mem = self->other },
	};
	unsigned int i;

	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&askers[i].thread, NULL, asks, &askers[i]));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
	for (i = 0; i < 2; i++) {
		askers[i].stop = true;
		pthread_join(askers[i].thread, NULL);
		EXPECT_EQ(0, askers[i].ret);
		EXPECT_LT(0, askers[i].most);
		EXPECT_GE(LIMIT, askers[i].most);
	}
}

TEST_F_TIMEOUT(hmm_limit, limit_that_changes_under_jobs_loses_nothing, 120)
{
	struct asker asker = { .gpu = &self->gpu, .mem = self->other };
	unsigned int round;

	ASSERT_EQ(0, pthread_create(&asker.thread, NULL, asks, &asker));
	for (round = 0; round < 6; round++) {
		EXPECT_EQ(0, limit(&self->gpu, round % 3 * HUGE_SIZE));
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, limit(&self->gpu, round % 2 ? UINT64_MAX : 0));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
	}
	asker.stop = true;
	pthread_join(asker.thread, NULL);
	EXPECT_EQ(0, asker.ret);
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_limit, unbind_in_the_middle_brings_all_of_it_home)
{
	struct asker asker = { .gpu = &self->gpu, .mem = self->other };
	char name[32];

	ASSERT_EQ(0, limit(&self->gpu, LIMIT));
	ASSERT_EQ(0, pthread_create(&asker.thread, NULL, asks, &asker));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	ASSERT_EQ(0, gpu_name(0, name, sizeof(name)));
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	pthread_join(asker.thread, NULL);
	EXPECT_EQ(-ENODEV, asker.ret);
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	EXPECT_EQ(0, in_device(self->other, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	/* The old file is of a device that is gone, and can be closed. */
	dummy_device_close(self->gpu.dev);
	ASSERT_TRUE(eventually(!gpu_open(&self->gpu, 0)));
}

/* ---- The dmem cgroup ------------------------------------------------------ */

#define CGROUP		"/sys/fs/cgroup"
#define NO_DMEM		"needs a kernel with CGROUP_DMEM"

FIXTURE(hmm_limit_cgroup) {
	struct gpu gpu;
	char path[64];
};

FIXTURE_VARIANT(hmm_limit_cgroup) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_limit_cgroup, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_limit_cgroup, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_limit_cgroup)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (access(CGROUP "/dmem.capacity", R_OK))
		SKIP(_exit(0), NO_DMEM);
	ASSERT_EQ(0, file_write(CGROUP "/cgroup.subtree_control", "+dmem"));
	snprintf(self->path, sizeof(self->path), CGROUP "/hmm_limit.%d", getpid());
	ASSERT_EQ(0, mkdir(self->path, 0755));
}

FIXTURE_TEARDOWN(hmm_limit_cgroup)
{
	teardown_gpu(_metadata, &self->gpu);
	/* Not as long as there is a process in it. */
	EXPECT_TRUE(eventually(!rmdir(self->path)));
}

/* What the cgroup's @file says of our device. -1: nothing. */
static long long dmem_read(const char *path, const char *file)
{
	long long value = -1;
	char name[128], line[128];
	FILE *stream;

	snprintf(name, sizeof(name), "%s/%s", path, file);
	stream = fopen(name, "r");
	while (stream && fgets(line, sizeof(line), stream))
		sscanf(line, "hmm_core/dummy_gpu.0 %lld", &value);
	if (stream)
		fclose(stream);
	return value;
}

static int dmem_limit(const char *path, uint64_t max)
{
	char name[128], line[128];

	snprintf(name, sizeof(name), "%s/dmem.max", path);
	snprintf(line, sizeof(line), "hmm_core/dummy_gpu.0 %llu", (unsigned long long)max);
	return file_write(name, line);
}

/* In the cgroup from now on, with memory of SIZE. NULL: it cannot be. */
static char *enter(struct gpu *gpu, const char *path, enum mem_kind kind)
{
	char name[128], text[16];
	char *mem;

	snprintf(name, sizeof(name), "%s/cgroup.procs", path);
	snprintf(text, sizeof(text), "%d", getpid());
	if (file_write(name, text) || gpu_open(gpu, 0))
		return NULL;
	mem = mem_alloc(SIZE, kind);
	if (mem)
		pattern_fill(mem, SIZE, 1);
	return mem;
}

TEST_F(hmm_limit_cgroup, what_a_request_moves_is_charged_until_it_leaves)
{
	struct gpu gpu;
	pid_t child;
	char *mem;

	EXPECT_EQ(gpu_device_stats(&self->gpu).vram_total, dmem_read(CGROUP, "dmem.capacity"));
	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, variant->kind);
		ASSERT_NE(NULL, mem);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, SIZE));
		EXPECT_EQ(SIZE, dmem_read(self->path, "dmem.current"));
		EXPECT_EQ(0, gpu_to_system(&gpu, mem, SIZE - page_size));
		EXPECT_TRUE(eventually(dmem_read(self->path, "dmem.current") == HUGE_SIZE));
		EXPECT_EQ(0, gpu_to_system(&gpu, mem, SIZE));
		EXPECT_TRUE(eventually(!dmem_read(self->path, "dmem.current")));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_limit_cgroup, request_beyond_it_sends_home_what_the_process_has_there)
{
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, dmem_limit(self->path, LIMIT));
	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, variant->kind);
		ASSERT_NE(NULL, mem);
		EXPECT_EQ(LIMIT, request(&gpu, mem, SIZE));
		EXPECT_EQ(LIMIT, dmem_read(self->path, "dmem.current"));
		EXPECT_EQ(0, in_device(mem, SIZE - LIMIT));
		/* And lets it in when it is lifted. */
		EXPECT_EQ(0, dmem_limit(self->path, SIZE));
		EXPECT_EQ(SIZE, request(&gpu, mem, SIZE));
		EXPECT_EQ(SIZE, dmem_read(self->path, "dmem.current"));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_TRUE(eventually(!dmem_read(self->path, "dmem.current")));
}

TEST_F(hmm_limit_cgroup, what_faults_bring_is_paid_for_by_the_next_job)
{
	uint64_t value;
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, dmem_limit(self->path, LIMIT));
	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, variant->kind);
		ASSERT_NE(NULL, mem);
		EXPECT_EQ(0, gpu_pattern_fill(&gpu, mem, SIZE, 3));
		EXPECT_EQ(0, gpu_load(&gpu, mem, &value));
		EXPECT_GE(LIMIT, used(&gpu));
		EXPECT_LT(0, used(&gpu));
		EXPECT_GE(LIMIT, dmem_read(self->path, "dmem.current"));
		EXPECT_LE(used(&gpu), dmem_read(self->path, "dmem.current"));
		/* Nobody owes more than it has from now on. */
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, mem, SIZE, 3));
		EXPECT_GE(LIMIT, used(&gpu));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 3));
		EXPECT_EQ(0, gpu_load(&gpu, gpu.staging, &value));
		EXPECT_TRUE(eventually(!dmem_read(self->path, "dmem.current")));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_limit_cgroup, buffer_objects_are_charged_and_refused_beyond_it)
{
	struct dummy_bo *bo, *second;
	struct gpu gpu;
	pid_t child;

	ASSERT_EQ(0, dmem_limit(self->path, SIZE));
	child = fork();
	if (!child) {
		ASSERT_NE(NULL, enter(&gpu, self->path, variant->kind));
		EXPECT_EQ(0, dummy_bo_create(gpu.dev, SIZE - page_size,
					     DRM_DUMMY_GPU_GEM_VRAM, &bo));
		EXPECT_EQ(SIZE, dmem_read(self->path, "dmem.current"));
		EXPECT_EQ(-ENOSPC, dummy_bo_create(gpu.dev, page_size, DRM_DUMMY_GPU_GEM_VRAM,
						   &second));
		EXPECT_EQ(0, dummy_bo_destroy(bo));
		EXPECT_TRUE(eventually(!dmem_read(self->path, "dmem.current")));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_limit_cgroup, killed_process_gives_all_of_it_back)
{
	struct meeting meeting;
	struct dummy_bo *bo;
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = enter(&gpu, self->path, variant->kind);
		if (!mem || gpu_to_device(&gpu, mem, SIZE) ||
		    dummy_bo_create(gpu.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo) ||
		    meet(&meeting))
			_exit(1);
		meet(&meeting);
		_exit(2);
	}
	meeting_parent(&meeting);
	ASSERT_EQ(0, meet(&meeting));
	EXPECT_EQ(SIZE + HUGE_SIZE, dmem_read(self->path, "dmem.current"));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_TRUE(eventually(!dmem_read(self->path, "dmem.current")));
}

TEST_F(hmm_limit_cgroup, charges_survive_the_device)
{
	struct meeting meeting;
	char name[32];
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = enter(&gpu, self->path, variant->kind);
		if (!mem || gpu_to_device(&gpu, mem, SIZE) || meet(&meeting) || meet(&meeting))
			_exit(1);
		_exit(pattern_bad(mem, SIZE, 1) ? 2 : 0);
	}
	meeting_parent(&meeting);
	ASSERT_EQ(0, meet(&meeting));
	EXPECT_EQ(SIZE, dmem_read(self->path, "dmem.current"));
	ASSERT_EQ(0, gpu_name(0, name, sizeof(name)));
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	EXPECT_EQ(-1, dmem_read(self->path, "dmem.current"));
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, dmem_read(self->path, "dmem.current"));
	dummy_device_close(self->gpu.dev);
	ASSERT_TRUE(eventually(!gpu_open(&self->gpu, 0)));
}

TEST_HARNESS_MAIN
