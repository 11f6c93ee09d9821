// SPDX-License-Identifier: GPL-2.0
/*
 * Two devices on the same memory of one process: they take turns without losing
 * a write, read system memory side by side, see each other's memory as PEER, and
 * neither fights for a page for ever.
 */
#include "hmm_harness.h"

#define SIZE	HUGE_SIZE

FIXTURE(hmm_two_devices) {
	struct gpu gpu[2];
	char *mem;
};

FIXTURE_VARIANT(hmm_two_devices) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_two_devices, pte_to_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_two_devices, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_two_devices, pte_by_policy) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_VARIANT_ADD(hmm_two_devices, thp_to_device) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_two_devices, thp_by_policy) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_SETUP(hmm_two_devices)
{
	setup_gpu(_metadata, &self->gpu[0], 0);
	setup_gpu(_metadata, &self->gpu[1], 1);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu[0], self->mem, SIZE, variant->place));
}

FIXTURE_TEARDOWN(hmm_two_devices)
{
	mem_free_all();
	EXPECT_EQ(0, gpu_close(&self->gpu[1]));
	EXPECT_EQ(0, gpu_leak(&self->gpu[1]));
	teardown_gpu(_metadata, &self->gpu[0]);
}

static int scale(struct gpu *gpu, char *mem, size_t size, uint64_t factor)
{
	dummy_stream_vscale(gpu->stream, dummy_addr(mem), dummy_addr(mem), factor, size / 8, 8);
	return gpu_run(gpu);
}

TEST_F(hmm_two_devices, devices_take_turns_without_losing_a_write)
{
	uint64_t factor = 1;
	size_t offset, bad = 0;
	unsigned int round;

	for (round = 0; round < 8; round++) {
		ASSERT_EQ(0, scale(&self->gpu[round & 1], self->mem, SIZE, 3));
		factor *= 3;
	}
	for (offset = 0; offset < SIZE; offset += 8)
		bad += *(volatile uint64_t *)(self->mem + offset) != factor * pattern(1, offset);
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_two_devices, cpu_and_both_devices_take_turns)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + 7 * page_size);
	uint64_t expected = *word, value;
	unsigned int round;

	for (round = 0; round < 2; round++)
		ASSERT_EQ(0, mirrors_write(round, "return_share", "100"));
	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, scale(&self->gpu[0], (char *)word, 8, 3));
		ASSERT_EQ(0, scale(&self->gpu[1], (char *)word, 8, 5));
		expected = expected * 15 + 1;
		ASSERT_EQ(expected, ++*word);
		ASSERT_EQ(0, gpu_load(&self->gpu[round & 1], word, &value));
		ASSERT_EQ(expected, value);
	}
}

TEST_F(hmm_two_devices, snapshot_tells_peer_from_device)
{
	struct drm_dummy_gpu_page page;

	ASSERT_EQ(0, gpu_to_device(&self->gpu[1], self->mem, SIZE));
	ASSERT_EQ(0, gpu_page(&self->gpu[1], self->mem, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_DEVICE, page.place);
	EXPECT_EQ(1, page.device);
	ASSERT_EQ(0, gpu_page(&self->gpu[0], self->mem, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_PEER, page.place);
	EXPECT_EQ(1, page.device);
	EXPECT_FALSE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED);
}

TEST_F(hmm_two_devices, memory_is_counted_where_it_is)
{
	uint64_t before[2], i;

	for (i = 0; i < 2; i++)
		before[i] = gpu_device_stats(&self->gpu[i]).vram_svm;
	ASSERT_EQ(0, gpu_to_device(&self->gpu[0], self->mem, SIZE));
	EXPECT_EQ(before[0] + SIZE, gpu_device_stats(&self->gpu[0]).vram_svm);
	EXPECT_EQ(before[1], gpu_device_stats(&self->gpu[1]).vram_svm);
	ASSERT_EQ(0, gpu_to_device(&self->gpu[1], self->mem, SIZE));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu[0]).vram_svm == before[0]));
	EXPECT_EQ(before[1] + SIZE, gpu_device_stats(&self->gpu[1]).vram_svm);
	EXPECT_EQ(SIZE / page_size, pages_in(self->mem, SIZE, IN_DEVICE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_two_devices, memory_of_a_peer_is_read_and_written)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu[0], self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu[1], self->mem, SIZE, 1));
	ASSERT_EQ(0, gpu_to_device(&self->gpu[0], self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu[1], self->mem, SIZE, 2));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu[0], self->mem, SIZE, 2));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
}

TEST_F(hmm_two_devices, write_of_one_is_seen_by_the_other_that_has_it_mapped)
{
	uint64_t value;
	unsigned int round;

	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, gpu_load(&self->gpu[0], self->mem, &value));
		ASSERT_EQ(0, gpu_load(&self->gpu[1], self->mem, &value));
		ASSERT_EQ(0, gpu_store(&self->gpu[round & 1], self->mem, 1000 + round));
		ASSERT_EQ(0, gpu_load(&self->gpu[!(round & 1)], self->mem, &value));
		EXPECT_EQ(1000 + round, value);
	}
}

struct racer {
	pthread_t thread;
	struct gpu *gpu;
	volatile uint64_t *word;
	int ret;
};

#define NR_RACES	200

/* Read, write, read, write: each round needs the page. */
static void *race(void *arg)
{
	struct racer *racer = arg;
	uint64_t loop;

	loop = dummy_stream_size(racer->gpu->stream);
	dummy_stream_load(racer->gpu->stream, 1, dummy_addr(racer->word), 8);
	dummy_stream_add(racer->gpu->stream, 1, 1);
	dummy_stream_store_reg(racer->gpu->stream, dummy_addr(racer->word), 1, 8);
	dummy_stream_add(racer->gpu->stream, 2, 1);
	dummy_stream_jump(racer->gpu->stream, loop, DUMMY_GPU_COND_LT, 2, NR_RACES);
	racer->ret = gpu_run(racer->gpu);
	return NULL;
}

TEST_F(hmm_two_devices, neither_starves_on_a_page_both_want)
{
	volatile uint64_t *words = (uint64_t *)self->mem;
	struct racer racers[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, mirrors_write(i, "return_share", "100"));
		words[i] = 0;
		racers[i].gpu = &self->gpu[i];
		racers[i].word = &words[i];
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	for (i = 0; i < 2; i++) {
		pthread_join(racers[i].thread, NULL);
		EXPECT_EQ(0, racers[i].ret);
		EXPECT_EQ(NR_RACES, words[i]);
	}
	EXPECT_EQ(pattern(1, 16), words[2]);
}

struct puller {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
	int ret;
};

static void *pull(void *arg)
{
	struct puller *puller = arg;
	uint64_t until = now_ms() + 1500;

	while (now_ms() < until && !puller->ret)
		puller->ret = dummy_migrate(puller->gpu->vm, puller->mem, SIZE,
					    DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
	return NULL;
}

TEST_F(hmm_two_devices, devices_that_steal_from_each_other_lose_nothing)
{
	struct puller pullers[2] = { 0 };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		pullers[i].gpu = &self->gpu[i];
		pullers[i].mem = self->mem;
		ASSERT_EQ(0, pthread_create(&pullers[i].thread, NULL, pull, &pullers[i]));
	}
	for (i = 0; i < 2; i++) {
		pthread_join(pullers[i].thread, NULL);
		EXPECT_EQ(0, pullers[i].ret);
	}
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* An access that was served is done before the page is stolen: one fault for each. */
TEST_F(hmm_two_devices, page_that_is_stolen_all_the_time_costs_a_fault_for_each_access)
{
	volatile uint64_t *words = (uint64_t *)self->mem;
	struct drm_dummy_gpu_vm_stats before[2], after;
	struct puller puller = { .gpu = &self->gpu[0], .mem = self->mem };
	struct racer racers[2];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		words[i] = 0;
		racers[i].gpu = &self->gpu[i];
		racers[i].word = &words[i];
		before[i] = gpu_vm_stats(&self->gpu[i]);
	}
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&racers[i].thread, NULL, race, &racers[i]));
	ASSERT_EQ(0, pthread_create(&puller.thread, NULL, pull, &puller));
	for (i = 0; i < 2; i++)
		pthread_join(racers[i].thread, NULL);
	pthread_join(puller.thread, NULL);
	EXPECT_EQ(0, puller.ret);
	for (i = 0; i < 2; i++) {
		after = gpu_vm_stats(&self->gpu[i]);
		EXPECT_EQ(0, racers[i].ret);
		EXPECT_EQ(NR_RACES, words[i]);
		EXPECT_GE(2 * NR_RACES + 8, self->gpu[i].job.nr_faults);
		EXPECT_EQ(before[i].faults_failed, after.faults_failed);
		EXPECT_GE(64 * (after.faults - before[i].faults),
			  after.fault_retries - before[i].fault_retries);
	}
	EXPECT_EQ(pattern(1, 16), words[2]);
}

static void stream_increments(struct gpu *gpu, volatile uint64_t *counter, unsigned int nr)
{
	uint64_t loop = dummy_stream_size(gpu->stream);

	dummy_stream_atomic_add(gpu->stream, 0, dummy_addr(counter), 1, 8);
	dummy_stream_add(gpu->stream, 1, 1);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_LT, 1, nr);
}

TEST_F(hmm_two_devices, atomics_of_both_and_the_cpu_add_up)
{
	volatile uint64_t *counter = (uint64_t *)self->mem;
	uint64_t jobs[2], by_cpu = 0;
	unsigned int i;

	*counter = 0;
	for (i = 0; i < 2; i++) {
		stream_increments(&self->gpu[i], counter, NR_RACES);
		ASSERT_EQ(0, gpu_start(&self->gpu[i], &jobs[i]));
	}
	while (__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST) < 2 * NR_RACES && by_cpu < 100000)
		by_cpu++;
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, gpu_finish(&self->gpu[i], jobs[i]));
	EXPECT_EQ(2 * NR_RACES + by_cpu + 1, *counter);
}

TEST_F(hmm_two_devices, fork_keeps_both_devices_out_of_the_child)
{
	struct meeting meeting;
	pid_t child;
	unsigned int i;

	ASSERT_EQ(0, meeting_init(&meeting));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, gpu_store(&self->gpu[i], self->mem + 8 * i, 7));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		meet(&meeting);
		EXPECT_EQ(7, *(volatile uint64_t *)self->mem);
		EXPECT_EQ(7, *(volatile uint64_t *)(self->mem + 8));
		EXPECT_EQ(pattern(1, 16), *(volatile uint64_t *)(self->mem + 16));
		_exit(0);
	}
	meeting_parent(&meeting);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, gpu_store(&self->gpu[i], self->mem + 8 * i, 8));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	for (i = 0; i < 2; i++)
		EXPECT_EQ(8, *(volatile uint64_t *)(self->mem + 8 * i));
}

TEST_F(hmm_two_devices, device_that_goes_away_leaves_memory_to_the_other)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu[1], self->mem, SIZE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu[1], self->mem, SIZE, 2));
	ASSERT_EQ(0, gpu_close(&self->gpu[1]));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu[0], self->mem, SIZE, 2));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu[0], self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
}

/* ---- Memory that stays in the system --------------------------------------- */

FIXTURE(hmm_two_devices_system) {
	struct gpu gpu[2];
	char *mem;
};

FIXTURE_SETUP(hmm_two_devices_system)
{
	setup_gpu(_metadata, &self->gpu[0], 0);
	setup_gpu(_metadata, &self->gpu[1], 1);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(self->mem, SIZE, 1);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu[0], self->mem, SIZE,
				      DRM_DUMMY_GPU_PLACE_SYSTEM));
}

FIXTURE_TEARDOWN(hmm_two_devices_system)
{
	mem_free_all();
	EXPECT_EQ(0, gpu_close(&self->gpu[1]));
	EXPECT_EQ(0, gpu_leak(&self->gpu[1]));
	teardown_gpu(_metadata, &self->gpu[0]);
}

TEST_F(hmm_two_devices_system, both_map_system_memory_at_once)
{
	struct drm_dummy_gpu_page page;
	unsigned int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu[i], self->mem, SIZE, 1));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, gpu_page(&self->gpu[i], self->mem, &page));
		EXPECT_EQ(DRM_DUMMY_GPU_PLACE_SYSTEM, page.place);
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED);
	}
	/* And both for writing. */
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, gpu_store(&self->gpu[i], self->mem + 8 * i, 7));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, gpu_page(&self->gpu[i], self->mem, &page));
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
	}
	EXPECT_EQ(7, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(7, *(volatile uint64_t *)(self->mem + 8));
}

TEST_HARNESS_MAIN
