// SPDX-License-Identifier: GPL-2.0
/*
 * Nothing is tried for ever. Where something stands in the way - a pin, a CPU that
 * never lets go, others that want the same page, memory that will not move - faults
 * and requests end after as many tries as the sources promise, with the right data.
 * The bounds are on counters, never on time.
 */
#include "hmm_harness.h"

#include <sys/resource.h>
#include <sys/uio.h>

#define SIZE		HUGE_SIZE
#define PAGES		(SIZE / page_size)
#define PINNED		(37 * page_size)

/* What hmm_core/fault.c and hmm_core/evict.c stop at. */
#define MAX_TRIES	64
#define MAX_STUCK	16

FIXTURE(hmm_progress) {
	struct gpu gpu;
	char *mem;
	int ends[2];
};

FIXTURE_VARIANT(hmm_progress) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_progress, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_progress, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_progress)
{
	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC | O_NONBLOCK));
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_progress)
{
	close(self->ends[0]);
	close(self->ends[1]);
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- The CPU -------------------------------------------------------------- */

#define NR_THREADS	6

struct toucher {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const char *page;
	uint64_t seen;
	long nr_faults;
};

static void *touch(void *arg)
{
	struct toucher *toucher = arg;
	struct rusage before, after;

	pthread_barrier_wait(toucher->barrier);
	getrusage(RUSAGE_THREAD, &before);
	toucher->seen = *(volatile const uint64_t *)toucher->page;
	getrusage(RUSAGE_THREAD, &after);
	toucher->nr_faults = after.ru_minflt - before.ru_minflt;
	return NULL;
}

/* Faults that threads take who all touch @page at once; -1: one saw something else. */
static long touch_at_once(const char *page, uint64_t value)
{
	struct toucher touchers[NR_THREADS];
	pthread_barrier_t barrier;
	long nr_faults = 0;
	unsigned int i;

	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	for (i = 0; i < NR_THREADS; i++) {
		touchers[i] = (struct toucher) { .barrier = &barrier, .page = page };
		pthread_create(&touchers[i].thread, NULL, touch, &touchers[i]);
	}
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(touchers[i].thread, NULL);
		if (touchers[i].seen != value)
			nr_faults = -1;
		if (nr_faults >= 0)
			nr_faults += touchers[i].nr_faults;
	}
	pthread_barrier_destroy(&barrier);
	return nr_faults;
}

/*
 * One of them moves it, which takes long here. The others sleep, or find out that it
 * is done. Core mm does not wait for a large folio (Documentation/limits): there the
 * faults it takes are told, and it is as it may be.
 */
TEST_F_TIMEOUT(hmm_progress, threads_that_touch_one_page_move_it_once, 120)
{
	struct drm_dummy_gpu_device_stats before, after;
	long nr_faults, most = 0;
	unsigned int round;

	if (knob_write("inject/sites", "all"))
		SKIP(return, NO_INJECT);
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		before = gpu_device_stats(&self->gpu);
		ASSERT_TRUE(fail_always("copy_slow", 100));
		nr_faults = touch_at_once(self->mem + PINNED, pattern(1, PINNED));
		EXPECT_EQ(0, fail_nothing());
		EXPECT_LT(0, nr_faults);
		most = nr_faults > most ? nr_faults : most;
		after = gpu_device_stats(&self->gpu);
		EXPECT_GE(PAGES, after.cpu_fault_pages - before.cpu_fault_pages);
		EXPECT_GE(4 * NR_THREADS, after.cpu_faults - before.cpu_faults);
		EXPECT_EQ(before.cpu_fault_errors, after.cpu_fault_errors);
	}
	TH_LOG("%ld faults of %u threads", most, NR_THREADS);
	if (variant->kind == MEM_PTE)
		EXPECT_GE(16 * NR_THREADS, most);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- A pin ---------------------------------------------------------------- */

/* Hold a page as a pipe does, until it is read. */
static bool pin_page(int ends[2], char *page)
{
	struct iovec iov = { page, 8 };

	return vmsplice(ends[1], &iov, 1, 0) == 8;
}

static bool unpin_page(int ends[2])
{
	uint64_t word;

	return read(ends[0], &word, 8) == 8;
}

static int scale(struct gpu *gpu, char *mem, size_t size)
{
	dummy_stream_vscale(gpu->stream, dummy_addr(mem), dummy_addr(mem), 3, size / 8, 8);
	return gpu_run(gpu);
}

static size_t count_wrong(const char *mem, uint64_t factor)
{
	size_t offset, bad = 0;

	for (offset = 0; offset < SIZE; offset += 8)
		bad += *(volatile const uint64_t *)(mem + offset) != factor * pattern(1, offset);
	return bad;
}

/* The page that may not move is in the midst of what the device faults on. */
TEST_F(hmm_progress, page_that_never_moves_costs_each_fault_no_more_than_the_others)
{
	struct drm_dummy_gpu_vm_stats before, after;
	uint64_t factor = 1;
	unsigned int round;

	ASSERT_TRUE(pin_page(self->ends, self->mem + PINNED));
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	for (round = 0; round < 4; round++) {
		before = gpu_vm_stats(&self->gpu);
		ASSERT_EQ(0, scale(&self->gpu, self->mem, SIZE));
		factor *= 3;
		after = gpu_vm_stats(&self->gpu);
		EXPECT_EQ(IN_SYSTEM, page_in(self->mem + PINNED));
		/* A fault for each page at worst, and one migration of each. */
		EXPECT_GE(PAGES + 8, self->gpu.job.nr_faults);
		EXPECT_GE(PAGES, after.pages_migrated - before.pages_migrated);
		EXPECT_GE(MAX_TRIES, after.fault_retries - before.fault_retries);
		/* What is mapped is used where it is, and nobody asks for it again. */
		ASSERT_EQ(0, scale(&self->gpu, self->mem, SIZE));
		factor *= 3;
		EXPECT_GE(8, self->gpu.job.nr_faults);
		EXPECT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	}
	EXPECT_EQ(0, count_wrong(self->mem, factor));
	EXPECT_TRUE(unpin_page(self->ends));
	EXPECT_TRUE(eventually(!gpu_to_device(&self->gpu, self->mem, SIZE)));
	EXPECT_EQ(0, count_wrong(self->mem, factor));
}

TEST_F(hmm_progress, atomic_that_is_for_the_device_only_ends_at_a_page_that_never_moves)
{
	uint64_t retries;
	unsigned int i;
	int ret;

	ASSERT_TRUE(pin_page(self->ends, self->mem + PINNED));
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_ATOMICS,
				  DRM_DUMMY_GPU_ATOMICS_DEVICE));
	for (i = 0; i < 3; i++) {
		retries = gpu_vm_stats(&self->gpu).fault_retries;
		dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(self->mem + PINNED), 1, 8);
		ret = gpu_run(&self->gpu);
		EXPECT_TRUE(ret == DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED ||
			    ret == DRM_DUMMY_GPU_REASON_CONTENDED);
		EXPECT_GE(MAX_TRIES, gpu_vm_stats(&self->gpu).fault_retries - retries);
	}
	EXPECT_EQ(pattern(1, PINNED), *(volatile uint64_t *)(self->mem + PINNED));
	EXPECT_TRUE(unpin_page(self->ends));
	dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(self->mem + PINNED), 1, 8);
	EXPECT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(pattern(1, PINNED) + 1, *(volatile uint64_t *)(self->mem + PINNED));
}

/* ---- Memory that does not leave ------------------------------------------- */

/* Small pages: of a large folio it asks for each frame, which takes minutes. */
FIXTURE(hmm_progress_evict) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_SETUP(hmm_progress_evict)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(self->mem, SIZE, 1);
}

FIXTURE_TEARDOWN(hmm_progress_evict)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F_TIMEOUT(hmm_progress_evict, eviction_ends_where_nothing_moves, 120)
{
	struct drm_dummy_gpu_device_stats before, after;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	before = gpu_device_stats(&self->gpu);
	if (!fail_always("setup_out", 0))
		SKIP(return, NO_INJECT);
	dummy_evict(self->gpu.dev, UINT64_MAX, NULL);
	EXPECT_EQ(PAGES, gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0));
	EXPECT_EQ(0, gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM, 0));
	EXPECT_EQ(0, fail_nothing());
	after = gpu_device_stats(&self->gpu);
	EXPECT_EQ(before.evicted_chunks, after.evicted_chunks);
	EXPECT_LT(before.evict_failed, after.evict_failed);
	EXPECT_GE(before.evict_failed + MAX_STUCK, after.evict_failed);
	EXPECT_EQ(PAGES, pages_in(self->mem, SIZE, IN_DEVICE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, NULL));
	EXPECT_EQ(PAGES, pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- A CPU that never lets go --------------------------------------------- */

#define NR_ADDS	30

struct writer {
	pthread_t thread;
	volatile uint64_t *word;
	volatile bool stop;
	uint64_t nr;
};

static void *write_for_ever(void *arg)
{
	struct writer *writer = arg;

	while (!writer->stop) {
		__atomic_fetch_add(writer->word, 1, __ATOMIC_SEQ_CST);
		writer->nr++;
	}
	return NULL;
}

/* The place that was advised is not worth a fault that fails. */
TEST_F_TIMEOUT(hmm_progress, job_ends_where_a_busy_cpu_wants_its_page_elsewhere, 120)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + PINNED);
	struct writer writer = { .word = word + 8 };
	struct dummy_stream *stream = self->gpu.stream;
	uint64_t retries = gpu_vm_stats(&self->gpu).fault_retries, loop;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	word[0] = 0;
	word[8] = 0;
	ASSERT_EQ(0, pthread_create(&writer.thread, NULL, write_for_ever, &writer));
	loop = dummy_stream_size(stream);
	dummy_stream_load(stream, 1, dummy_addr(word), 8);
	dummy_stream_add(stream, 1, 1);
	dummy_stream_store_reg(stream, dummy_addr(word), 1, 8);
	dummy_stream_add(stream, 2, 1);
	dummy_stream_jump(stream, loop, DUMMY_GPU_COND_LT, 2, NR_ADDS);
	EXPECT_EQ(0, gpu_run(&self->gpu));
	writer.stop = true;
	pthread_join(writer.thread, NULL);
	EXPECT_EQ(NR_ADDS, word[0]);
	EXPECT_EQ(writer.nr, word[8]);
	/* What a fault was served for is done before the CPU has the page again. */
	EXPECT_GE(2 * NR_ADDS + 8, self->gpu.job.nr_faults);
	EXPECT_GE(MAX_TRIES * (uint64_t)self->gpu.job.nr_faults,
		  gpu_vm_stats(&self->gpu).fault_retries - retries);
}

TEST_F_TIMEOUT(hmm_progress, atomic_for_the_device_only_ends_against_a_busy_cpu, 120)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + PINNED);
	struct writer writer = { .word = word };
	uint64_t retries, done = 0;
	unsigned int i;
	int ret;

	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_ATOMICS,
				  DRM_DUMMY_GPU_ATOMICS_DEVICE));
	*word = 0;
	ASSERT_EQ(0, pthread_create(&writer.thread, NULL, write_for_ever, &writer));
	for (i = 0; i < 50; i++) {
		retries = gpu_vm_stats(&self->gpu).fault_retries;
		dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(word), 1, 8);
		ret = gpu_run(&self->gpu);
		EXPECT_TRUE(!ret || ret == DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED ||
			    ret == DRM_DUMMY_GPU_REASON_CONTENDED);
		done += !ret;
		EXPECT_GE(MAX_TRIES * (uint64_t)(self->gpu.job.nr_faults + 1),
			  gpu_vm_stats(&self->gpu).fault_retries - retries);
	}
	writer.stop = true;
	pthread_join(writer.thread, NULL);
	EXPECT_EQ(writer.nr + done, *word);
}

TEST_HARNESS_MAIN
