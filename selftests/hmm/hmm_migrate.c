// SPDX-License-Identifier: GPL-2.0
/*
 * DRM_IOCTL_DUMMY_GPU_MIGRATE: memory moves to the device and back with its
 * data, page by page; what cannot move stays and is reported; what the ioctl
 * says agrees with what core mm says.
 */
#include "hmm_harness.h"

#include <sys/uio.h>

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

/* Migrate with results; returns the number of runs, or a negative errno. */
static int migrate_runs(struct gpu *gpu, const void *start, size_t size, uint32_t flags,
			struct drm_dummy_gpu_migrate_run *runs, unsigned int room)
{
	unsigned int nr_runs;
	int ret;

	ret = dummy_migrate_runs(gpu->vm, start, size, DRM_DUMMY_GPU_PLACE_DEVICE, flags, NULL,
				 runs, room, &nr_runs);
	return ret ? ret : (int)nr_runs;
}

/* Core mm itself may have a page for a moment: such an answer says nothing of us. */
static bool any_busy(const struct drm_dummy_gpu_migrate_run *runs, unsigned int nr_runs)
{
	while (nr_runs--) {
		if (runs[nr_runs].result == DRM_DUMMY_GPU_MIGRATE_BUSY)
			return true;
	}
	return false;
}

/* The result of a span that is expected to be one run; -1 if it is not. */
static int migrate_result(struct gpu *gpu, const void *start, size_t size, uint32_t flags)
{
	struct drm_dummy_gpu_migrate_run run = { 0 };

	if (migrate_runs(gpu, start, size, flags, &run, 1) != 1)
		return -1;
	if (run.start != dummy_addr(start) || run.nr_pages != pages(size))
		return -1;
	return run.result;
}

/* ---- What moves, moves whole ---------------------------------------------- */

FIXTURE(hmm_migrate) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_migrate) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_migrate, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_migrate, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_migrate)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(return, NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_migrate)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_migrate, memory_moves_to_device_and_back_with_its_data)
{
	struct drm_dummy_gpu_device_stats before, after;
	struct dummy_migrated migrated;

	before = gpu_device_stats(&self->gpu);
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
				   &migrated));
	EXPECT_EQ(pages(SIZE), migrated.moved + migrated.stayed);
	EXPECT_EQ(migrated.moved, pages_in(self->mem, SIZE, IN_DEVICE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE_WRITE));
	after = gpu_device_stats(&self->gpu);
	EXPECT_LE(before.vram_svm + SIZE, after.vram_svm);
	EXPECT_LE(before.migrated_in + pages(SIZE), after.migrated_in);

	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	before = after;
	after = gpu_device_stats(&self->gpu);
	EXPECT_EQ(before.migrated_out + pages(SIZE), after.migrated_out);
	EXPECT_EQ(before.cpu_faults, after.cpu_faults);
}

TEST_F(hmm_migrate, snapshot_tells_place_device_and_entry)
{
	struct drm_dummy_gpu_page page;
	size_t offset;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	for (offset = 0; offset < SIZE; offset += HUGE_SIZE / 4) {
		ASSERT_EQ(0, gpu_page(&self->gpu, self->mem + offset, &page));
		EXPECT_EQ(offset < HUGE_SIZE ? DRM_DUMMY_GPU_PLACE_DEVICE :
			  DRM_DUMMY_GPU_PLACE_SYSTEM, page.place);
		EXPECT_EQ(0, page.device);
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_READ);
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_WRITE);
		EXPECT_FALSE(page.flags & (DRM_DUMMY_GPU_PAGE_EXCLUSIVE |
					   DRM_DUMMY_GPU_PAGE_ZERO |
					   DRM_DUMMY_GPU_PAGE_MAPPED));
	}
	EXPECT_EQ(variant->kind == MEM_THP, page.order > 0);
	/* It changed nothing. */
	EXPECT_EQ(pages(HUGE_SIZE), pages_in(self->mem, HUGE_SIZE, IN_DEVICE_WRITE));
	EXPECT_EQ(pages(HUGE_SIZE), pages_in(self->mem + HUGE_SIZE, HUGE_SIZE, IN_SYSTEM));
}

TEST_F(hmm_migrate, memory_that_is_there_is_reported_and_not_moved)
{
	struct dummy_migrated migrated;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_ALREADY, migrate_result(&self->gpu, self->mem, SIZE, 0));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
				   &migrated));
	EXPECT_EQ(0, migrated.moved);
	EXPECT_EQ(pages(SIZE), migrated.already);
	EXPECT_EQ(0, migrated.stayed);

	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM, 0,
				   &migrated));
	EXPECT_EQ(0, migrated.moved);
	EXPECT_EQ(pages(SIZE), migrated.already);
}

TEST_F(hmm_migrate, only_pages_of_span_move)
{
	char *start = self->mem + 3 * page_size;
	long long max_swap = file_read(KHUGEPAGED_MAX_SWAP);
	size_t size = 5 * page_size;

	/* To khugepaged these few are swapped out, and no reason not to collapse the rest. */
	file_write_number(KHUGEPAGED_MAX_SWAP, 0);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, start, size));
	EXPECT_EQ(pages(size), pages_in(start, size, IN_DEVICE));
	EXPECT_EQ(pages(SIZE - size), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, start, size));

	/* Out of the middle of what moved. */
	ASSERT_EQ(0, gpu_to_system(&self->gpu, start + page_size, page_size));
	EXPECT_EQ(1, pages_in(start + page_size, page_size, IN_SYSTEM));
	EXPECT_EQ(1, pages_in(start, page_size, IN_DEVICE));
	EXPECT_EQ(1, pages_in(start + 2 * page_size, page_size, IN_DEVICE));
	file_write_number(KHUGEPAGED_MAX_SWAP, max_swap);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_migrate, half_that_was_touched_moves_again_and_the_rest_stays)
{
	size_t in_system, round;
	struct dummy_migrated migrated;

	for (round = 0; round < 10; round++) {
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE / 2, 1));
		/* A fault may bring more back than the page that was touched. */
		in_system = pages_in(self->mem, SIZE, IN_SYSTEM);
		EXPECT_EQ(pages(SIZE / 2), pages_in(self->mem, SIZE / 2, IN_SYSTEM));
		ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE,
					   DRM_DUMMY_GPU_PLACE_DEVICE, 0, &migrated));
		EXPECT_EQ(in_system, migrated.moved + migrated.stayed);
		EXPECT_EQ(pages(SIZE) - in_system, migrated.already);
	}
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_migrate, round_trips_keep_what_each_side_wrote)
{
	size_t round, offset;

	for (round = 2; round < 12; round++) {
		for (offset = 0; offset < SIZE; offset += page_size)
			*(volatile uint64_t *)(self->mem + offset) = pattern(round, offset);
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		dummy_stream_vscale(self->gpu.stream, dummy_addr(self->mem), dummy_addr(self->mem),
				    3, SIZE / 8, 8);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		for (offset = 0; offset < SIZE; offset += page_size) {
			ASSERT_EQ(3 * pattern(round, offset),
				  *(volatile uint64_t *)(self->mem + offset));
		}
	}
	/* A word that only the device has written since. */
	EXPECT_EQ(59049 * pattern(1, 8), *(uint64_t *)(self->mem + 8));
}

TEST_F(hmm_migrate, prefetch_maps_so_that_a_job_needs_no_fault)
{
	struct dummy_migrated migrated;
	struct drm_dummy_gpu_page page;

	/* Streams and staging fault only once. */
	ASSERT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 0));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE,
				   &migrated));
	EXPECT_EQ(pages(SIZE), migrated.mapped);
	ASSERT_EQ(0, gpu_page(&self->gpu, self->mem, &page));
	EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED);
	EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
	/* The first run may fault on its stream. */
	dummy_stream_nop(self->gpu.stream);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	ASSERT_EQ(0, gpu_fill(&self->gpu, self->mem, SIZE, 7));
	EXPECT_EQ(0, self->gpu.job.nr_faults);
	EXPECT_EQ(7, *(uint64_t *)self->mem);
	EXPECT_EQ(7, *(uint64_t *)(self->mem + SIZE - 8));
}

TEST_F(hmm_migrate, keep_maps_in_place)
{
	struct dummy_migrated migrated;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE / 2));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_KEEP,
				   &migrated));
	EXPECT_EQ(0, migrated.moved);
	EXPECT_EQ(pages(SIZE), migrated.mapped);
	EXPECT_EQ(pages(SIZE / 2), pages_in(self->mem, SIZE / 2, IN_DEVICE));
	EXPECT_EQ(pages(SIZE / 2), pages_in(self->mem + SIZE / 2, SIZE / 2, IN_SYSTEM));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
}

TEST_F(hmm_migrate, device_follows_memory_that_moves_under_its_mapping)
{
	uint32_t map = DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE;
	volatile uint64_t *word = (uint64_t *)(self->mem + 5 * page_size);
	uint64_t value, round;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));
	for (round = 1; round < 8; round++) {
		/* Mapped where it is, then moved: the old place must not be used any more. */
		ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, SIZE,
					   DRM_DUMMY_GPU_PLACE_DEVICE,
					   map | DRM_DUMMY_GPU_MIGRATE_KEEP, NULL));
		ASSERT_EQ(0, gpu_store(&self->gpu, word, 10 * round));
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		ASSERT_EQ(0, gpu_load(&self->gpu, word, &value));
		EXPECT_EQ(10 * round, value);
		ASSERT_EQ(0, gpu_store(&self->gpu, word, 10 * round + 1));
		ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
		EXPECT_EQ(10 * round + 1, *word);
		*word = 10 * round + 2;
		ASSERT_EQ(0, gpu_load(&self->gpu, word, &value));
		EXPECT_EQ(10 * round + 2, value);
	}
}

TEST_F(hmm_migrate, madv_free_in_device_keeps_data_or_gives_zeros)
{
	size_t offset, bad = 0;

	/* Before, as a user who says it too early, and while it is there. */
	ASSERT_EQ(0, madvise(self->mem, SIZE / 2, MADV_FREE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_FREE));
	for (offset = 0; offset < SIZE; offset += page_size) {
		uint64_t seen = *(volatile uint64_t *)(self->mem + offset);

		bad += seen && seen != pattern(1, offset);
	}
	EXPECT_EQ(0, bad);
}

/* Writers that never stop; each owns a word in every page. */
struct writer {
	pthread_t thread;
	volatile uint64_t *mem;
	size_t size;
	volatile bool *stop;
	uint64_t rounds;
};

static void *write_all(void *arg)
{
	struct writer *writer = arg;
	size_t i;

	while (!*writer->stop) {
		for (i = 0; i < writer->size / 8; i += page_size / 8)
			writer->mem[i]++;
		writer->rounds++;
	}
	return NULL;
}

TEST_F(hmm_migrate, no_cpu_write_is_lost_while_memory_moves)
{
	size_t size = variant->kind == MEM_THP ? HUGE_SIZE : 64 * page_size;
	struct writer writers[3];
	volatile bool stop = false;
	size_t i, page, wrong = 0;
	uint64_t until;

	memset(self->mem, 0, size);
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		writers[i] = (struct writer) {
			.mem = (uint64_t *)self->mem + i, .size = size, .stop = &stop,
		};
		ASSERT_EQ(0, pthread_create(&writers[i].thread, NULL, write_all, &writers[i]));
	}
	until = now_ms() + 1500;
	for (i = 0; now_ms() < until; i++) {
		EXPECT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, size,
					   i % 3 ? DRM_DUMMY_GPU_PLACE_DEVICE :
					   DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL));
	}
	stop = true;
	for (i = 0; i < ARRAY_SIZE(writers); i++) {
		pthread_join(writers[i].thread, NULL);
		for (page = 0; page < size / 8; page += page_size / 8)
			wrong += writers[i].mem[page] != writers[i].rounds;
	}
	EXPECT_EQ(0, wrong);
}

/* ---- In one piece --------------------------------------------------------- */

FIXTURE(hmm_migrate_huge) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_SETUP(hmm_migrate_huge)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (!gpu_has(&self->gpu, DRM_DUMMY_GPU_CAP_THP))
		SKIP(_exit(0), "needs dummy_gpu loaded with thp=1");
	self->mem = must_alloc(_metadata, SIZE, MEM_THP);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_huge(self->mem, SIZE))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_migrate_huge)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_migrate_huge, huge_folio_moves_in_one_piece)
{
	struct drm_dummy_gpu_device_stats before, after;
	bool whole = false;
	unsigned int tries;

	/* Home is the node of who asks, and must have as much in one piece just then. */
	ASSERT_EQ(0, thread_pin());
	for (tries = 0; tries < 20 && !whole; tries++) {
		mem_free(self->mem);
		self->mem = mem_populate(SIZE, MEM_THP);
		ASSERT_NE(NULL, self->mem);
		pattern_fill(self->mem, SIZE, 1);
		mem_compact();
		before = gpu_device_stats(&self->gpu);
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		after = gpu_device_stats(&self->gpu);
		EXPECT_EQ(before.thp_in + SIZE / HUGE_SIZE, after.thp_in);
		ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
		whole = gpu_device_stats(&self->gpu).thp_out == after.thp_out + SIZE / HUGE_SIZE &&
			mem_is_huge(self->mem, SIZE);
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	}
	EXPECT_TRUE(whole);
}

TEST_F(hmm_migrate_huge, device_reaches_any_page_of_a_huge_folio_first)
{
	static const unsigned int firsts[] = { 0, 1, 15, 16, 17, 255, 256, 511 };
	uint64_t value;
	char *mem;
	size_t i, at;

	/*
	 * Core mm tells where such a folio begins, also when asked for its middle:
	 * fresh memory each time, so that nothing but the one page is asked for.
	 */
	for (i = 0; i < ARRAY_SIZE(firsts); i++) {
		at = firsts[i] * page_size;
		mem = must_alloc(_metadata, SIZE, MEM_THP);
		pattern_fill(mem, SIZE, i);
		ASSERT_EQ(0, gpu_to_device(&self->gpu, mem, SIZE));
		ASSERT_EQ(0, gpu_load(&self->gpu, mem + at, &value));
		EXPECT_EQ(pattern(i, at), value);
		ASSERT_EQ(0, gpu_store(&self->gpu, mem + HUGE_SIZE + at + 8, 99));
		EXPECT_EQ(99, *(volatile uint64_t *)(mem + HUGE_SIZE + at + 8));
		*(volatile uint64_t *)(mem + HUGE_SIZE + at + 8) = pattern(i, HUGE_SIZE + at + 8);
		EXPECT_EQ(0, pattern_bad(mem, SIZE, i));
	}
}

TEST_F(hmm_migrate_huge, advice_against_huge_folios_is_followed)
{
	uint64_t before = gpu_device_stats(&self->gpu).thp_in;

	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_ADVICE_THP,
				  1));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	/* The second half was advised nothing. */
	EXPECT_EQ(before + 1, gpu_device_stats(&self->gpu).thp_in);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- What is not there yet ------------------------------------------------ */

FIXTURE(hmm_migrate_hole) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_migrate_hole) {
	enum mem_kind kind;
	bool zero;	/* read first: the zero page, or the huge zero page */
};

FIXTURE_VARIANT_ADD(hmm_migrate_hole, pte_hole) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_migrate_hole, thp_hole) { .kind = MEM_THP };
FIXTURE_VARIANT_ADD(hmm_migrate_hole, pte_zero) { .kind = MEM_PTE, .zero = true };
FIXTURE_VARIANT_ADD(hmm_migrate_hole, thp_zero) { .kind = MEM_THP, .zero = true };

FIXTURE_SETUP(hmm_migrate_hole)
{
	size_t offset;

	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	for (offset = 0; variant->zero && offset < SIZE; offset += page_size)
		ASSERT_EQ(0, *(volatile uint64_t *)(self->mem + offset));
}

FIXTURE_TEARDOWN(hmm_migrate_hole)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_migrate_hole, hole_stays_a_hole_unless_asked_to_populate)
{
	unsigned int where = page_in(self->mem);

	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_HOLE, migrate_result(&self->gpu, self->mem, SIZE, 0));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, where));
}

TEST_F(hmm_migrate_hole, populate_fills_holes_with_zeros_on_device)
{
	size_t offset, bad = 0;

	EXPECT_EQ(pages(SIZE), gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
					   DRM_DUMMY_GPU_MIGRATE_POPULATE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));

	dummy_stream_checksum(self->gpu.stream, 1, dummy_addr(self->mem), SIZE);
	dummy_stream_store_reg(self->gpu.stream, dummy_addr(self->gpu.staging), 1, 8);
	dummy_stream_copy(self->gpu.stream, dummy_addr(self->gpu.staging) + 8,
			  dummy_addr(self->mem), page_size);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(0, *(uint64_t *)(self->gpu.staging + 8));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	for (offset = 0; offset < SIZE; offset += 8)
		bad += !!*(volatile uint64_t *)(self->mem + offset);
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_migrate_hole, populated_memory_is_private_to_process)
{
	ASSERT_EQ(pages(SIZE), gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
					   DRM_DUMMY_GPU_MIGRATE_POPULATE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
	/* The zero page is everybody's: it must still be zero. */
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(0, *(volatile uint64_t *)(self->mem + HUGE_SIZE));
}

TEST_F(hmm_migrate_hole, device_pages_are_clean_of_their_former_owner)
{
	size_t offset, bad = 0;
	char *old;

	/* As much as will be asked for, dirtied and given back. */
	old = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(old, SIZE, 3);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, old, SIZE));
	ASSERT_EQ(0, munmap(old, SIZE));

	ASSERT_EQ(pages(SIZE), gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
					   DRM_DUMMY_GPU_MIGRATE_POPULATE));
	for (offset = 0; offset < SIZE; offset += HUGE_SIZE) {
		char *data = self->gpu.staging;
		size_t i;

		dummy_stream_copy(self->gpu.stream, dummy_addr(data),
				  dummy_addr(self->mem + offset), HUGE_SIZE);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		for (i = 0; i < HUGE_SIZE; i += 8)
			bad += !!*(uint64_t *)(data + i);
	}
	EXPECT_EQ(0, bad);
}

/* ---- What cannot move ----------------------------------------------------- */

FIXTURE(hmm_migrate_refused) {
	struct gpu gpu;
	int fd;
	char ksm_run[16];
};

FIXTURE_SETUP(hmm_migrate_refused)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->fd = memfd_create("hmm_migrate", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
}

FIXTURE_TEARDOWN(hmm_migrate_refused)
{
	teardown_gpu(_metadata, &self->gpu);
	close(self->fd);
}

/* Nothing moved, nothing changed. */
#define EXPECT_REFUSED(mem, size) do {						\
	char *__mem = (mem);							\
	size_t __size = (size);							\
										\
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNSUITABLE,				\
		  migrate_result(&self->gpu, __mem, __size, 0));		\
	EXPECT_EQ(pages(__size), pages_in(__mem, __size, IN_SYSTEM));		\
	EXPECT_EQ(0, pattern_bad(__mem, __size, 1));				\
} while (0)

TEST_F(hmm_migrate_refused, shared_file_does_not_move)
{
	char *mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);

	pattern_fill(mem, SIZE, 1);
	EXPECT_REFUSED(mem, SIZE);
}

TEST_F(hmm_migrate_refused, shared_anonymous_memory_does_not_move)
{
	char *mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1);

	pattern_fill(mem, SIZE, 1);
	EXPECT_REFUSED(mem, SIZE);
}

TEST_F(hmm_migrate_refused, hugetlb_does_not_move)
{
	char *mem = hugetlb_alloc();

	if (!mem)
		SKIP(return, NO_HUGETLB);
	pattern_fill(mem, HUGE_SIZE, 1);
	EXPECT_REFUSED(mem, HUGE_SIZE);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, HUGE_SIZE, 1));
	EXPECT_EQ(0, hugetlb_free(mem));
}

/* Of a file that holds pattern 1: the first half is written and so ours, the rest the file's. */
static char *half_written(int fd)
{
	char *mem = mem_map(SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	size_t offset;

	for (offset = 0; mem && offset < SIZE / 2; offset += page_size)
		*(volatile uint64_t *)(mem + offset) = pattern(1, offset);
	return mem && !pattern_bad(mem, SIZE, 1) ? mem : NULL;
}

TEST_F(hmm_migrate_refused, private_file_moves_where_it_was_written)
{
	struct drm_dummy_gpu_migrate_run runs[4];
	uint64_t until = now_ms() + LIVE_MS;
	int nr_runs;
	char *mem;

	mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	pattern_fill(mem, SIZE, 1);
	do {
		mem_free(mem);
		memset(runs, 0, sizeof(runs));
		mem = half_written(self->fd);
		ASSERT_NE(NULL, mem);
		nr_runs = migrate_runs(&self->gpu, mem, SIZE, 0, runs, 4);
	} while (any_busy(runs, 4) && now_ms() < until);

	ASSERT_EQ(2, nr_runs);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_MOVED, runs[0].result);
	EXPECT_EQ(pages(SIZE / 2), runs[0].nr_pages);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNSUITABLE, runs[1].result);
	EXPECT_EQ(pages(SIZE / 2), pages_in(mem, SIZE / 2, IN_DEVICE));
	EXPECT_EQ(pages(SIZE / 2), pages_in(mem + SIZE / 2, SIZE / 2, IN_SYSTEM));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, SIZE, 1));
	EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
}

TEST_F(hmm_migrate_refused, memory_without_access_does_not_move)
{
	char *mem;

	mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, mprotect(mem, SIZE, PROT_NONE));
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNSUITABLE, migrate_result(&self->gpu, mem, SIZE, 0));
	ASSERT_EQ(0, mprotect(mem, SIZE, PROT_READ));
	EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
}

TEST_F(hmm_migrate_refused, ksm_page_is_never_moved)
{
	const char *ksm = "/sys/kernel/mm/ksm/run";
	long long before = file_read(ksm);
	size_t size = 64 * page_size, offset;
	char text[24];
	char *mem;
	bool merged;

	if (before < 0 || file_write(ksm, "1"))
		SKIP(return, "needs KSM");
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "4000");
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	file_write("/sys/kernel/mm/ksm/use_zero_pages", "0");
	mem = must_alloc(_metadata, size, MEM_PTE);
	for (offset = 0; offset < size; offset += page_size)
		pattern_fill(mem + offset, page_size, 1);
	ASSERT_EQ(0, madvise(mem, size, MADV_MERGEABLE));
	merged = eventually(page_frame(mem) == page_frame(mem + size - page_size) &&
			    page_frame(mem) == page_frame(mem + page_size));
	/* The scanner has the page locked most of the time. Off, it leaves it merged. */
	file_write(ksm, "0");
	if (merged) {
		for (offset = 0; offset < 4 * page_size; offset += page_size) {
			EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNSUITABLE,
				  migrate_result(&self->gpu, mem + offset, page_size, 0));
		}
		/* Nor by a fault that wants it in the device. */
		EXPECT_EQ(0, gpu_advise_place(&self->gpu, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE));
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, page_size, 1));
		EXPECT_EQ(2, pages_in(mem, 2 * page_size, IN_SYSTEM));
		/* A write makes one copy, and leaves the others. */
		EXPECT_EQ(0, gpu_store(&self->gpu, mem, 77));
		EXPECT_EQ(77, *(volatile uint64_t *)mem);
		EXPECT_EQ(0, pattern_bad(mem + page_size, page_size, 1));
		EXPECT_EQ(0, pattern_bad(mem + size - page_size, page_size, 1));
		/* ksmd looks at every page it knows: let it. */
		sleep_ms(200);
	}
	EXPECT_EQ(0, file_write(ksm, "2"));
	snprintf(text, sizeof(text), "%lld", before);
	EXPECT_EQ(0, file_write(ksm, text));
	if (!merged)
		SKIP(return, "needs a ksmd that merges equal pages");
}

/*
 * Pages that are merged, apart and merged again, while somebody wants them in the
 * device all the time: none is left behind by either.
 */
TEST_F(hmm_migrate_refused, page_that_ksm_is_merging_is_never_lost)
{
	const char *ksm = "/sys/kernel/mm/ksm/run";
	long long before = file_read(ksm);
	size_t size = 256 * page_size, offset, bad = 0;
	uint64_t end, round = 0;
	char text[24];
	char *mem;

	if (before < 0 || file_write(ksm, "1"))
		SKIP(return, "needs KSM");
	file_write("/sys/kernel/mm/ksm/pages_to_scan", "4000");
	file_write("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	mem = must_alloc(_metadata, size, MEM_PTE);
	ASSERT_EQ(0, madvise(mem, size, MADV_MERGEABLE));
	for (end = now_ms() + 4000; now_ms() < end; round++) {
		for (offset = round % 3 * page_size; offset < size; offset += 3 * page_size)
			*(volatile uint64_t *)(mem + offset) = 1 + round % 4;
		dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
		for (offset = 0; offset < size; offset += page_size)
			bad += *(volatile uint64_t *)(mem + offset) > 4;
	}
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, file_write(ksm, "2"));
	snprintf(text, sizeof(text), "%lld", before);
	EXPECT_EQ(0, file_write(ksm, text));
}

TEST_F(hmm_migrate_refused, pinned_page_is_busy_until_released)
{
	struct iovec iov;
	char byte[64];
	char *mem;
	int ends[2];

	/* vmsplice holds a reference to the page until the pipe is read. */
	mem = must_alloc(_metadata, 4 * page_size, MEM_PTE);
	pattern_fill(mem, 4 * page_size, 1);
	ASSERT_EQ(0, pipe(ends));
	iov.iov_base = mem + page_size;
	iov.iov_len = sizeof(byte);
	ASSERT_EQ(sizeof(byte), vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(3, gpu_migrate(&self->gpu, mem, 4 * page_size, DRM_DUMMY_GPU_PLACE_DEVICE, 0));
	EXPECT_EQ(IN_SYSTEM, page_in(mem + page_size));
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_BUSY,
		  migrate_result(&self->gpu, mem + page_size, page_size, 0));
	/* In use all the same. */
	EXPECT_EQ(0, gpu_store(&self->gpu, mem + page_size, 78));
	EXPECT_EQ(IN_SYSTEM, page_in(mem + page_size));
	ASSERT_EQ(sizeof(byte), read(ends[0], byte, sizeof(byte)));
	EXPECT_EQ(78, *(uint64_t *)byte);

	EXPECT_EQ(0, gpu_to_device(&self->gpu, mem, 4 * page_size));
	EXPECT_EQ(78, *(volatile uint64_t *)(mem + page_size));
	close(ends[0]);
	close(ends[1]);
}

TEST_F(hmm_migrate_refused, swapped_out_page_keeps_data_and_moves_once_it_is_back)
{
	size_t size = 16 * page_size, out;
	struct dummy_migrated migrated;
	char *mem;

	mem = must_alloc(_metadata, size, MEM_PTE);
	pattern_fill(mem, size, 1);
	ASSERT_EQ(0, madvise(mem, size, MADV_PAGEOUT));
	out = pages_in(mem, size, IN_SWAP);
	if (!out)
		SKIP(return, "needs swap");
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
				   &migrated));
	EXPECT_EQ(pages(size), migrated.moved + migrated.stayed);
	EXPECT_EQ(migrated.moved, pages_in(mem, size, IN_DEVICE));
	/* The device swaps it in by reading it. */
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, size, 1));
	EXPECT_EQ(0, pages_in(mem, size, IN_SWAP));
	EXPECT_EQ(0, gpu_to_device(&self->gpu, mem, size));
	EXPECT_EQ(0, pattern_bad(mem, size, 1));

	ASSERT_EQ(0, madvise(mem, size, MADV_PAGEOUT));
	EXPECT_EQ(0, gpu_store(&self->gpu, mem, 79));
	EXPECT_EQ(79, *(volatile uint64_t *)mem);
	EXPECT_EQ(pattern(1, 8), *(volatile uint64_t *)(mem + 8));
}

/* ---- What is said of each page -------------------------------------------- */

/*
 * Six stretches of four pages, each of which meets another fate.
 */
static char *mixed_memory(int fd)
{
	size_t part = 4 * page_size;
	char *mem = mem_alloc(6 * part, MEM_PTE);

	if (!mem)
		return NULL;
	pattern_fill(mem, part, 1);				/* moves */
	/* a hole */
	munmap(mem + 2 * part, part);				/* unmapped */
	mmap(mem + 3 * part, part, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	pattern_fill(mem + 3 * part, part, 1);			/* file */
	pattern_fill(mem + 4 * part, part, 1);
	mprotect(mem + 4 * part, part, PROT_NONE);		/* no access */
	pattern_fill(mem + 5 * part, part, 1);			/* moves */
	return mem;
}

TEST_F(hmm_migrate_refused, each_run_says_what_became_of_its_pages)
{
	static const struct {
		uint32_t nr_parts, result;
	} expected[] = {
		{ 1, DRM_DUMMY_GPU_MIGRATE_MOVED },
		{ 1, DRM_DUMMY_GPU_MIGRATE_HOLE },
		{ 1, DRM_DUMMY_GPU_MIGRATE_UNMAPPED },
		{ 2, DRM_DUMMY_GPU_MIGRATE_UNSUITABLE },
		{ 1, DRM_DUMMY_GPU_MIGRATE_MOVED },
	};
	uint64_t until = now_ms() + LIVE_MS, addr;
	struct drm_dummy_gpu_migrate_run runs[16];
	size_t part = 4 * page_size, i, j, moved;
	struct dummy_migrated migrated;
	unsigned int nr_runs;
	char *mem = NULL;

	do {
		mem_free(mem);
		memset(runs, 0, sizeof(runs));
		mem = mixed_memory(self->fd);
		ASSERT_NE(NULL, mem);
		ASSERT_EQ(0, dummy_migrate_runs(self->gpu.vm, mem, 6 * part,
						DRM_DUMMY_GPU_PLACE_DEVICE, 0, &migrated, runs, 16,
						&nr_runs));
	} while (any_busy(runs, 16) && now_ms() < until);
	EXPECT_EQ(24, migrated.moved + migrated.already + migrated.stayed);

	/* Runs may be cut, but not out of order, nor with gaps. */
	ASSERT_LE(ARRAY_SIZE(expected), nr_runs);
	ASSERT_GE(16, nr_runs);
	addr = dummy_addr(mem);
	moved = 0;
	for (i = 0; i < nr_runs; i++) {
		EXPECT_EQ(addr, runs[i].start);
		EXPECT_NE(0, runs[i].nr_pages);
		for (j = 0; j < runs[i].nr_pages; j++, addr += page_size) {
			size_t offset = addr - dummy_addr(mem);
			size_t at = offset / part;

			ASSERT_GT(6, at);
			/* The file and what has no access are one stretch. */
			at = at > 3 ? at - 1 : at;
			EXPECT_EQ(expected[at].result, runs[i].result);
			moved += runs[i].result == DRM_DUMMY_GPU_MIGRATE_MOVED;
			EXPECT_EQ(runs[i].result == DRM_DUMMY_GPU_MIGRATE_MOVED,
				  page_in((void *)addr) == IN_DEVICE_WRITE);
		}
	}
	EXPECT_EQ(dummy_addr(mem) + 6 * part, addr);
	EXPECT_EQ(moved, migrated.moved);
	EXPECT_EQ(0, pattern_bad(mem, part, 1));
	EXPECT_EQ(0, pattern_bad(mem + 5 * part, part, 1));
}

TEST_F(hmm_migrate_refused, runs_beyond_the_room_are_counted_not_written)
{
	struct drm_dummy_gpu_migrate_run runs[3];
	uint64_t until = now_ms() + LIVE_MS;
	size_t part = 4 * page_size;
	char *mem = NULL;
	int nr_runs;

	do {
		mem_free(mem);
		mem = mixed_memory(self->fd);
		ASSERT_NE(NULL, mem);
		memset(runs, 0xaa, sizeof(runs));
		nr_runs = migrate_runs(&self->gpu, mem, 6 * part, 0, runs, 2);
	} while (any_busy(runs, 2) && now_ms() < until);
	EXPECT_LE(5, nr_runs);
	EXPECT_EQ(dummy_addr(mem), runs[0].start);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_MOVED, runs[0].result);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_HOLE, runs[1].result);
	EXPECT_EQ(0xaaaaaaaaaaaaaaaaULL, runs[2].start);
	EXPECT_EQ(0xaaaaaaaa, runs[2].result);

	/* No room at all is fine too. */
	EXPECT_LE(5, migrate_runs(&self->gpu, mem, 6 * part, 0, NULL, 0));
}

TEST_HARNESS_MAIN
