// SPDX-License-Identifier: GPL-2.0
/*
 * Advice: what a process wished for its memory is what device faults do, for as
 * far as the wish goes and for as long as the mapping lives, and not a page
 * beyond.
 */
#include "hmm_harness.h"

#define SIZE	(2 * HUGE_SIZE)

/* What a first fault serves where nothing was advised. */
#define FIRST_PAGES	16

static int advise(struct gpu *gpu, const volatile void *start, size_t size,
		  enum drm_dummy_gpu_advice advice, uint64_t value)
{
	return dummy_advise(gpu->vm, start, size, advice, value);
}

static int reset(struct gpu *gpu, const volatile void *start, size_t size)
{
	return advise(gpu, start, size, DRM_DUMMY_GPU_ADVICE_RESET, 0);
}

static size_t in_device(const volatile void *start, size_t size)
{
	return pages_in(start, size, IN_DEVICE);
}

/* How many pages of the span, at most 2 MiB, the device maps. */
static size_t mapped(struct gpu *gpu, const volatile void *start, size_t size, uint16_t flags)
{
	struct drm_dummy_gpu_page pages[HUGE_SIZE / 4096];
	size_t i, nr = 0;

	if (dummy_snapshot(gpu->vm, start, size, pages))
		return SIZE_MAX;
	for (i = 0; i < size / page_size; i++)
		nr += (pages[i].flags & flags) == flags;
	return nr;
}

static unsigned int log2_of(size_t size)
{
	return __builtin_ctzl(size);
}

/* Give the memory back, and have other memory at its address. */
static char *remap(char *mem, size_t size)
{
	if (munmap(mem, size))
		return NULL;
	mem = mmap(mem, size, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	madvise(mem, size, MADV_NOHUGEPAGE);
	pattern_fill(mem, size, 2);
	return mem;
}

FIXTURE(hmm_advice) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_SETUP(hmm_advice)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(self->mem, SIZE, 1);
}

FIXTURE_TEARDOWN(hmm_advice)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- Granularity ---------------------------------------------------------- */

FIXTURE(hmm_advice_granularity) {
	struct gpu gpu;
	char *mem, *addr, *block;
	size_t granule;
};

FIXTURE_VARIANT(hmm_advice_granularity) {
	enum mem_kind kind;
	size_t granule;		/* 0: a page */
};

FIXTURE_VARIANT_ADD(hmm_advice_granularity, pte_page) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_advice_granularity, pte_128k) { .kind = MEM_PTE, .granule = 128 * KIB };
FIXTURE_VARIANT_ADD(hmm_advice_granularity, pte_2m) { .kind = MEM_PTE, .granule = HUGE_SIZE };
FIXTURE_VARIANT_ADD(hmm_advice_granularity, thp_page) { .kind = MEM_THP };
FIXTURE_VARIANT_ADD(hmm_advice_granularity, thp_128k) { .kind = MEM_THP, .granule = 128 * KIB };
FIXTURE_VARIANT_ADD(hmm_advice_granularity, thp_2m) { .kind = MEM_THP, .granule = HUGE_SIZE };

FIXTURE_SETUP(hmm_advice_granularity)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->granule = variant->granule ? variant->granule : page_size;
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	self->addr = self->mem + HUGE_SIZE + 100 * page_size + 8;
	self->block = self->mem + ((self->addr - self->mem) & ~(self->granule - 1));
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(self->granule)));
}

FIXTURE_TEARDOWN(hmm_advice_granularity)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_advice_granularity, fault_moves_as_much_as_was_advised)
{
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(return, NO_HUGE);

	EXPECT_EQ(0, gpu_store(&self->gpu, self->addr, pattern(1, self->addr - self->mem)));
	EXPECT_EQ(self->granule / page_size, in_device(self->block, self->granule));
	EXPECT_EQ(self->granule / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_advice_granularity, fault_fills_as_much_as_was_advised)
{
	EXPECT_EQ(0, gpu_store(&self->gpu, self->addr, 42));
	EXPECT_EQ(self->granule / page_size, in_device(self->block, self->granule));
	EXPECT_EQ(self->granule / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(42, *(volatile uint64_t *)self->addr);
}

TEST_F(hmm_advice_granularity, fault_maps_as_much_as_was_advised)
{
	char *window = self->mem + HUGE_SIZE;

	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(return, NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));

	EXPECT_EQ(0, gpu_store(&self->gpu, self->addr, pattern(1, self->addr - self->mem)));
	EXPECT_EQ(self->granule / page_size,
		  mapped(&self->gpu, self->block, self->granule, DRM_DUMMY_GPU_PAGE_MAPPED));
	EXPECT_EQ(self->granule / page_size,
		  mapped(&self->gpu, window, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
}

TEST_F(hmm_advice_granularity, it_does_not_grow_with_faults)
{
	size_t offset, nr = 0;

	/* Three pages that are not in the same block. */
	for (offset = 0; offset < 3 * self->granule && offset < SIZE; offset += self->granule) {
		EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + offset, 1));
		nr += self->granule / page_size;
	}
	EXPECT_EQ(nr, in_device(self->mem, SIZE));
}

TEST_F(hmm_advice, granularity_ends_where_it_was_advised)
{
	char *start = self->mem + 4 * page_size;

	/* 64 KiB around, but advised for three pages only. */
	ASSERT_EQ(0, advise(&self->gpu, start, 3 * page_size, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(FIRST_PAGES * page_size)));
	EXPECT_EQ(0, gpu_store(&self->gpu, start + page_size, 1));
	EXPECT_EQ(3, in_device(start, 3 * page_size));
	EXPECT_EQ(3, in_device(self->mem, SIZE));
}

TEST_F(hmm_advice, granularity_of_zero_is_what_policy_says)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(page_size)));
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY, 0));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(FIRST_PAGES, in_device(self->mem, SIZE));
}

TEST_F(hmm_advice, granularity_is_gone_with_its_mapping)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(page_size)));
	ASSERT_EQ(self->mem, remap(self->mem, SIZE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(FIRST_PAGES, in_device(self->mem, SIZE));
}

TEST_F(hmm_advice, granularity_is_gone_after_reset)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(page_size)));
	ASSERT_EQ(0, reset(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(FIRST_PAGES, in_device(self->mem, SIZE));
}

/* ---- Read-mostly ---------------------------------------------------------- */

FIXTURE(hmm_advice_read_mostly) {
	struct gpu gpu;
	char *mem;
	uint64_t migrated;
};

FIXTURE_VARIANT(hmm_advice_read_mostly) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_advice_read_mostly, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_advice_read_mostly, thp) { .kind = MEM_THP };
FIXTURE_VARIANT_ADD(hmm_advice_read_mostly, pte_to_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_SETUP(hmm_advice_read_mostly)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, variant->place));
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1));
	self->migrated = gpu_vm_stats(&self->gpu).pages_migrated;
}

FIXTURE_TEARDOWN(hmm_advice_read_mostly)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_advice_read_mostly, device_reads_move_nothing)
{
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	EXPECT_EQ(self->migrated, gpu_vm_stats(&self->gpu).pages_migrated);
	EXPECT_EQ(HUGE_SIZE / page_size,
		  mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED));
	EXPECT_EQ(0, mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
}

TEST_F(hmm_advice_read_mostly, device_write_moves_after_any_number_of_reads)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
			    log2_of(page_size)));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + page_size, 42));
	EXPECT_EQ(1, in_device(self->mem + page_size, page_size));
	EXPECT_EQ(1, in_device(self->mem, SIZE));
	EXPECT_EQ(self->migrated + 1, gpu_vm_stats(&self->gpu).pages_migrated);
	EXPECT_EQ(42, *(volatile uint64_t *)(self->mem + page_size));
}

TEST_F(hmm_advice_read_mostly, device_reads_what_cpu_brought_home_where_it_is)
{
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 2));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	/* It is dirty now, which is no reason to let the device write it either. */
	EXPECT_EQ(0, mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 42));
	EXPECT_EQ(1, in_device(self->mem, page_size));
}

TEST_F(hmm_advice_read_mostly, request_moves_it)
{
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
}

/* As above, but the entries that allow writes were there before. */
TEST_F(hmm_advice_read_mostly, advice_reaches_what_is_mapped)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 0));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE |
				   DRM_DUMMY_GPU_MIGRATE_KEEP, NULL));
	ASSERT_EQ(HUGE_SIZE / page_size,
		  mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1));
	EXPECT_EQ(0, mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 42));
	EXPECT_EQ(1, in_device(self->mem, page_size));
}

TEST_F(hmm_advice_read_mostly, prefetch_in_place_maps_for_reading)
{
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	ASSERT_EQ(0, pattern_bad(self->mem, SIZE, 2));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_KEEP, NULL));
	EXPECT_EQ(HUGE_SIZE / page_size,
		  mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED));
	EXPECT_EQ(0, mapped(&self->gpu, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
}

TEST_F(hmm_advice, half_a_window_that_is_read_mostly_leaves_the_other_half_alone)
{
	size_t half = HUGE_SIZE / 2;

	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE |
				   DRM_DUMMY_GPU_MIGRATE_KEEP, NULL));
	ASSERT_EQ(0, advise(&self->gpu, self->mem + half, half,
			    DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_KEEP, NULL));
	EXPECT_EQ(half / page_size,
		  mapped(&self->gpu, self->mem, half, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
	EXPECT_EQ(0, mapped(&self->gpu, self->mem + half, half, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, HUGE_SIZE, 1));
}

TEST_F(hmm_advice, read_mostly_is_gone_with_its_mapping)
{
	ASSERT_EQ(0, advise(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1));
	ASSERT_EQ(self->mem, remap(self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 2));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
}

/* ---- Atomics -------------------------------------------------------------- */

#define UNSUPPORTED	DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED
#define ROUNDS		100

static int advise_atomics(struct gpu *gpu, const volatile void *start, size_t size,
			  enum drm_dummy_gpu_atomics atomics)
{
	return advise(gpu, start, size, DRM_DUMMY_GPU_ADVICE_ATOMICS, atomics);
}

static int atomic_add(struct gpu *gpu, volatile void *counter)
{
	dummy_stream_atomic_add(gpu->stream, 0, dummy_addr(counter), 1, 8);
	return gpu_run(gpu);
}

static uint64_t word(const volatile void *addr)
{
	return *(const volatile uint64_t *)addr;
}

FIXTURE(hmm_advice_atomics) {
	struct gpu gpu;
	char *mem;
	volatile uint64_t *counter;
	uint64_t exclusives;
};

FIXTURE_VARIANT(hmm_advice_atomics) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_advice_atomics, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_advice_atomics, pte_by_policy) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_VARIANT_ADD(hmm_advice_atomics, thp_in_system) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_advice_atomics, thp_by_policy) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_SETUP(hmm_advice_atomics)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	memset(self->mem, 0, SIZE);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, variant->place));
	self->counter = (uint64_t *)(self->mem + 100 * page_size);
	self->exclusives = gpu_vm_stats(&self->gpu).exclusives;
}

FIXTURE_TEARDOWN(hmm_advice_atomics)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_advice_atomics, device_mode_does_them_in_device_memory)
{
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(1, in_device(self->counter, page_size));
	if (variant->place == DRM_DUMMY_GPU_PLACE_SYSTEM)
		EXPECT_EQ(1, in_device(self->mem, SIZE));
	EXPECT_EQ(1, *self->counter);
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(2, *self->counter);
	EXPECT_EQ(self->exclusives, gpu_vm_stats(&self->gpu).exclusives);
}

TEST_F(hmm_advice_atomics, device_mode_does_not_take_what_writes_mapped_at_home)
{
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->counter, 7));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(1, in_device(self->counter, page_size));
	EXPECT_EQ(8, *self->counter);
}

TEST_F(hmm_advice_atomics, device_mode_takes_back_what_is_exclusive)
{
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(IN_EXCLUSIVE, page_in(self->counter));
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	EXPECT_EQ(IN_SYSTEM, page_in(self->counter));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(1, in_device(self->counter, page_size));
	EXPECT_EQ(2, *self->counter);
}

TEST_F(hmm_advice_atomics, device_mode_copies_what_fork_shares)
{
	struct meeting meeting;
	pid_t child;

	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	ASSERT_EQ(0, atomic_add(&self->gpu, self->counter));
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		if (meet(&meeting))
			_exit(1);
		_exit(*self->counter == 1 ? 0 : 2);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(1, in_device(self->counter, page_size));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(2, *self->counter);
}

/* A CPU that adds for as long as the device does. */
static void *cpu_adds(void *arg)
{
	volatile uint64_t **work = arg;
	uint64_t nr = 0;

	while (!__atomic_load_n(work[1], __ATOMIC_SEQ_CST)) {
		__atomic_fetch_add(work[0], 1, __ATOMIC_SEQ_CST);
		nr++;
	}
	return (void *)nr;
}

TEST_F_TIMEOUT(hmm_advice_atomics, sum_is_right_while_modes_change, 240)
{
	uint64_t until = now_ms() + LIVE_MS / 2;
	volatile uint64_t stop = 0;
	volatile uint64_t *work[] = { self->counter, &stop };
	unsigned int round, done = 0;
	pthread_t thread;
	void *by_cpu;

	ASSERT_EQ(0, pthread_create(&thread, NULL, cpu_adds, work));
	for (round = 0; round < ROUNDS && (!done || now_ms() < until); round++) {
		EXPECT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, round % 2 ?
					    DRM_DUMMY_GPU_ATOMICS_DEVICE :
					    DRM_DUMMY_GPU_ATOMICS_SYSTEM));
		/* A CPU that has it all the time may keep it from moving for long enough. */
		if (!atomic_add(&self->gpu, self->counter))
			done++;
		else
			EXPECT_TRUE(self->gpu.job.reason == UNSUPPORTED ||
				    self->gpu.job.reason == DRM_DUMMY_GPU_REASON_CONTENDED);
	}
	stop = 1;
	ASSERT_EQ(0, pthread_join(thread, &by_cpu));
	EXPECT_LT(0, done);
	EXPECT_EQ(done + (uint64_t)by_cpu, *self->counter);
}

TEST_F(hmm_advice_atomics, none_fails_atomics_and_nothing_else)
{
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_NONE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->counter, 42));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(dummy_addr(self->counter), self->gpu.job.fault_addr);
	EXPECT_EQ(42, *self->counter);
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_SYSTEM));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(43, *self->counter);
}

TEST_F(hmm_advice_atomics, none_fails_them_on_what_is_mapped_already)
{
	EXPECT_EQ(0, atomic_add(&self->gpu, self->counter));
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_NONE));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(1, *self->counter);
}

TEST_F(hmm_advice_atomics, none_fails_them_on_what_neighbours_and_prefetch_mapped)
{
	/* One page of a window. */
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->counter, page_size,
				    DRM_DUMMY_GPU_ATOMICS_NONE));
	EXPECT_EQ(0, gpu_store(&self->gpu, (char *)self->counter + page_size, 1));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, self->counter));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE, NULL));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, self->counter));
	EXPECT_EQ(0, atomic_add(&self->gpu, (char *)self->counter + page_size));
	EXPECT_EQ(2, word((char *)self->counter + page_size));
	EXPECT_EQ(0, *self->counter);
}

TEST_F(hmm_advice, atomics_that_fail_are_gone_with_the_mapping)
{
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_NONE));
	ASSERT_EQ(self->mem, remap(self->mem, SIZE));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->mem));
	EXPECT_EQ(pattern(2, 0) + 1, word(self->mem));
}

TEST_F(hmm_advice, device_atomics_on_shared_memory_fail)
{
	char *mem = must_map(_metadata, HUGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1);

	ASSERT_EQ(0, advise_atomics(&self->gpu, mem, HUGE_SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	EXPECT_EQ(0, gpu_store(&self->gpu, mem, 1));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, mem));
	EXPECT_EQ(1, word(mem));
}

TEST_F(hmm_advice, device_atomics_on_memory_that_does_not_move_fail)
{
	if (madvise(self->mem, SIZE, MADV_MERGEABLE))
		SKIP(return, "needs KSM");
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_DEVICE));
	EXPECT_EQ(UNSUPPORTED, atomic_add(&self->gpu, self->mem));
	ASSERT_EQ(0, advise_atomics(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_ATOMICS_SYSTEM));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->mem));
	EXPECT_EQ(pattern(1, 0) + 1, word(self->mem));
}

/* ---- Pin ------------------------------------------------------------------ */

#define PIN_PARAMETER	"/sys/module/hmm_core/parameters/pin_process_percent"
#define MAX_BOS		512

static int pin(struct gpu *gpu, const volatile void *start, size_t size)
{
	return advise(gpu, start, size, DRM_DUMMY_GPU_ADVICE_PIN, 1);
}

static int evict_all(struct gpu *gpu)
{
	return dummy_evict(gpu->dev, UINT64_MAX, NULL);
}

/*
 * Until no page of the span is in the device: what is locked or looked at just
 * then stays, as a huge folio does whose mm khugepaged has locked.
 */
static bool evict_span(struct gpu *gpu, const char *mem, size_t size)
{
	return eventually(!evict_all(gpu) && !in_device(mem, size));
}

FIXTURE(hmm_advice_pin) {
	struct gpu gpu;
	char *mem, *other;
	char limit[16];
};

FIXTURE_VARIANT(hmm_advice_pin) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_advice_pin, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_advice_pin, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_advice_pin)
{
	setup_gpu(_metadata, &self->gpu, 0);
	snprintf(self->limit, sizeof(self->limit), "%lld", file_read(PIN_PARAMETER));
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	self->other = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	pattern_fill(self->other, SIZE, 2);
	if (!mem_is_kind(self->mem, SIZE, variant->kind) ||
	    !mem_is_kind(self->other, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, pin(&self->gpu, self->mem, SIZE));
}

FIXTURE_TEARDOWN(hmm_advice_pin)
{
	file_write(PIN_PARAMETER, self->limit);
	mem_free_all();
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_pinned ==
			       self->gpu.base.vram_pinned));
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_advice_pin, eviction_leaves_it_and_takes_the_rest)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->other, SIZE));
	EXPECT_EQ(SIZE, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).pin_refused);
	EXPECT_TRUE(evict_span(&self->gpu, self->other, SIZE));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_advice_pin, device_fault_pins_as_a_request_does)
{
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, evict_all(&self->gpu));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
}

TEST_F(hmm_advice_pin, memory_that_is_there_already_is_pinned_when_it_comes_again)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->other, SIZE));
	ASSERT_EQ(0, pin(&self->gpu, self->other, SIZE));
	/* Neither the advice nor a request that finds it there moves anything. */
	EXPECT_EQ(SIZE / page_size, gpu_migrate(&self->gpu, self->other, SIZE,
						DRM_DUMMY_GPU_PLACE_DEVICE, 0));
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_EQ(0, evict_all(&self->gpu));
	EXPECT_EQ(0, in_device(self->other, SIZE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->other, SIZE));
	EXPECT_EQ(SIZE, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_EQ(0, evict_all(&self->gpu));
	EXPECT_EQ(SIZE / page_size, in_device(self->other, SIZE));
	EXPECT_EQ(0, pattern_bad(self->other, SIZE, 2));
}

TEST_F(hmm_advice_pin, buffer_objects_do_not_take_it)
{
	struct dummy_bo *bos[MAX_BOS];
	unsigned int nr = 0;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	while (nr < MAX_BOS && !dummy_bo_create(self->gpu.dev, 8 * MIB, DRM_DUMMY_GPU_GEM_VRAM,
						&bos[nr]))
		nr++;
	EXPECT_LT(0, nr);
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	while (nr)
		EXPECT_EQ(0, dummy_bo_destroy(bos[--nr]));
}

TEST_F(hmm_advice_pin, cpu_touch_ends_it)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	EXPECT_TRUE(eventually(!gpu_vm_stats(&self->gpu).vram_pinned));
	/* Its chunks are everybody's. */
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->other, SIZE));
	EXPECT_TRUE(evict_span(&self->gpu, self->other, SIZE));
}

TEST_F(hmm_advice_pin, request_to_go_home_ends_it)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	EXPECT_TRUE(eventually(!gpu_vm_stats(&self->gpu).vram_pinned));
}

TEST_F(hmm_advice_pin, munmap_ends_it_and_new_memory_is_not_pinned)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(self->mem, remap(self->mem, SIZE));
	EXPECT_TRUE(eventually(!gpu_vm_stats(&self->gpu).vram_pinned));
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_TRUE(evict_span(&self->gpu, self->mem, SIZE));
}

TEST_F(hmm_advice_pin, reset_is_for_what_moves_later)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, reset(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_TRUE(evict_span(&self->gpu, self->mem + HUGE_SIZE, HUGE_SIZE));
	EXPECT_EQ(HUGE_SIZE / page_size, in_device(self->mem, HUGE_SIZE));
}

TEST_F(hmm_advice_pin, half_a_request_is_pinned_where_half_was_advised)
{
	ASSERT_EQ(0, reset(&self->gpu, self->mem + HUGE_SIZE / 2, SIZE - HUGE_SIZE / 2));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_TRUE(evict_span(&self->gpu, self->mem + HUGE_SIZE / 2, SIZE - HUGE_SIZE / 2));
	EXPECT_EQ(HUGE_SIZE / 2 / page_size, in_device(self->mem, HUGE_SIZE / 2));
	EXPECT_EQ(HUGE_SIZE, gpu_vm_stats(&self->gpu).vram_pinned);
}

TEST_F(hmm_advice_pin, beyond_the_limit_it_moves_as_ordinary_memory)
{
	uint64_t total = gpu_device_stats(&self->gpu).vram_total;
	unsigned int percent = 1;
	char text[16];

	/* Room for one chunk, but not for two. */
	while (total / 100 * percent < HUGE_SIZE)
		percent++;
	if (total / 100 * percent >= SIZE)
		SKIP(return, "needs less device memory, for a limit of 2 MiB");
	snprintf(text, sizeof(text), "%u", percent);
	ASSERT_EQ(0, file_write(PIN_PARAMETER, text));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(HUGE_SIZE, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_EQ(HUGE_SIZE / page_size, gpu_vm_stats(&self->gpu).pin_refused);
	/* Which half it is, is up to the module. */
	EXPECT_TRUE(eventually(!evict_all(&self->gpu) &&
			       in_device(self->mem, SIZE) <= HUGE_SIZE / page_size));
	EXPECT_EQ(HUGE_SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_advice_pin, limit_of_nothing_pins_nothing)
{
	ASSERT_EQ(0, file_write(PIN_PARAMETER, "0"));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_TRUE(evict_span(&self->gpu, self->mem, SIZE));
}

TEST_F(hmm_advice_pin, it_ends_with_the_vm_but_not_before_the_last)
{
	struct gpu second;

	ASSERT_EQ(0, gpu_open(&second, 0));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(SIZE, gpu_vm_stats(&second).vram_pinned);
	EXPECT_EQ(0, dummy_queue_destroy(self->gpu.queue));
	EXPECT_EQ(0, dummy_vm_destroy(self->gpu.vm));
	EXPECT_EQ(0, evict_all(&second));
	EXPECT_EQ(SIZE / page_size, in_device(self->mem, SIZE));
	EXPECT_EQ(0, gpu_close(&second));

	/* The node is still open, but nobody is attached. */
	EXPECT_TRUE(evict_span(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, DRM_DUMMY_GPU_VM_SVM, &self->gpu.vm));
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 0, -1, &self->gpu.queue));
}

TEST_F(hmm_advice_pin, memory_that_a_child_shares_is_unpinned_when_its_owner_goes)
{
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
		if (pin(&gpu, mem, SIZE) || gpu_to_device(&gpu, mem, SIZE))
			_exit(2);
		child = fork();
		if (!child) {
			/* The file is ours too, and would keep its VM. */
			close(dummy_device_fd(gpu.dev));
			ret = meet(&meeting) || meet(&meeting);
			_exit(ret ? 3 : 0);
		}
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_pinned ==
			       self->gpu.base.vram_pinned));
	EXPECT_LT(self->gpu.base.vram_svm, gpu_device_stats(&self->gpu).vram_svm);
	EXPECT_TRUE(eventually(!evict_all(&self->gpu) && gpu_device_stats(&self->gpu).vram_svm ==
			       self->gpu.base.vram_svm));
	EXPECT_EQ(0, meet(&meeting));
}

/* Somebody who wants all of the device, all the time. */
struct greedy {
	struct gpu *gpu;
	volatile bool stop;
	int ret;
};

static void *evicts(void *arg)
{
	struct greedy *greedy = arg;

	while (!greedy->stop && !greedy->ret) {
		greedy->ret = evict_all(greedy->gpu);
		/* A busy thread brings NUMA balancing, which this is not about. */
		sleep_ms(1);
	}
	return NULL;
}

TEST_F(hmm_advice_pin, data_survives_while_others_evict)
{
	struct greedy greedy = { .gpu = &self->gpu };
	unsigned int round;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, evicts, &greedy));
	for (round = 0; round < 5; round++) {
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->other, SIZE, round));
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
		EXPECT_EQ(0, pattern_bad(self->other, SIZE, round));
	}
	greedy.stop = true;
	pthread_join(thread, NULL);
	EXPECT_EQ(0, greedy.ret);
}

TEST_F(hmm_advice_pin, unbind_brings_it_home)
{
	char name[32];

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_name(0, name, sizeof(name)));
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	EXPECT_EQ(0, in_device(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	/* The old file is of a device that is gone, and can be closed. */
	dummy_device_close(self->gpu.dev);
	ASSERT_TRUE(eventually(!gpu_open(&self->gpu, 0)));
}

/* ---- Changes of mind ------------------------------------------------------ */

/* A thread that wishes something, and the next moment something else. */
struct waverer {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
	volatile bool stop;
	unsigned int nr;
	int ret;
};

static void *waver(void *arg)
{
	static const struct {
		enum drm_dummy_gpu_advice advice;
		uint64_t value;
	} wishes[] = {
		{ DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1 },
		{ DRM_DUMMY_GPU_ADVICE_GRANULARITY, 13 },
		{ DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 0 },
		{ DRM_DUMMY_GPU_ADVICE_PLACE, DRM_DUMMY_GPU_PLACE_SYSTEM },
		{ DRM_DUMMY_GPU_ADVICE_ATOMICS, DRM_DUMMY_GPU_ATOMICS_NONE },
		{ DRM_DUMMY_GPU_ADVICE_PIN, 1 },
		{ DRM_DUMMY_GPU_ADVICE_RESET, 0 },
	};
	struct waverer *waverer = arg;
	unsigned int i;

	while (!waverer->stop && !waverer->ret) {
		/* Also parts, so that pieces are cut and joined. */
		i = waverer->nr++ % (sizeof(wishes) / sizeof(*wishes));
		waverer->ret = advise(waverer->gpu, waverer->mem + (i % 3) * page_size,
				      SIZE - 4 * page_size, wishes[i].advice, wishes[i].value);
	}
	return NULL;
}

TEST_F(hmm_advice, changing_it_under_jobs_loses_nothing)
{
	struct waverer waverer = { .gpu = &self->gpu, .mem = self->mem };
	unsigned int round;

	ASSERT_EQ(0, pthread_create(&waverer.thread, NULL, waver, &waverer));
	ASSERT_TRUE(eventually(*(volatile unsigned int *)&waverer.nr));
	for (round = 0; round < 10; round++) {
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, round));
	}
	waverer.stop = true;
	pthread_join(waverer.thread, NULL);
	EXPECT_EQ(0, waverer.ret);
	EXPECT_LT(0, waverer.nr);
}

TEST_HARNESS_MAIN
