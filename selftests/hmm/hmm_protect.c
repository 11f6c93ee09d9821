// SPDX-License-Identifier: GPL-2.0
/*
 * mprotect and mremap of memory the device uses: once the call has returned the
 * device has exactly the access the process has, to the pages that were named
 * and no others, at the address where they are now; the data stays.
 */
#include "hmm_harness.h"

/* What stands in the memory. */
#define BEFORE	1
#define AFTER	2

static size_t size_of(enum mem_kind kind)
{
	return kind == MEM_THP ? 2 * HUGE_SIZE : 64 * page_size;
}

FIXTURE(hmm_protect) {
	struct gpu gpu;
	size_t size, nr;
	char *mem;
};

FIXTURE_VARIANT(hmm_protect) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_protect, pte_in_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_protect, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_protect, thp_in_device) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_protect, thp_in_system) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

/* Full of BEFORE, where the variant says, and the device may write all of it at once. */
FIXTURE_SETUP(hmm_protect)
{
	uint32_t flags = DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE;
	struct dummy_migrated migrated;

	setup_gpu(_metadata, &self->gpu, 0);
	self->size = size_of(variant->kind);
	self->nr = self->size / page_size;
	self->mem = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(self->mem, self->size, BEFORE);
	if (!mem_is_kind(self->mem, self->size, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	if (variant->place == DRM_DUMMY_GPU_PLACE_SYSTEM)
		flags |= DRM_DUMMY_GPU_MIGRATE_KEEP;
	ASSERT_EQ(0, gpu_move(&self->gpu, self->mem, self->size, variant->place, 0));
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, self->size, variant->place));
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, self->size,
				   DRM_DUMMY_GPU_PLACE_DEVICE, flags, &migrated));
	ASSERT_EQ(self->nr, migrated.mapped);
}

FIXTURE_TEARDOWN(hmm_protect)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* Pages that are where the variant put them. */
static size_t in_place(const char *mem, size_t size, enum drm_dummy_gpu_place place)
{
	return pages_in(mem, size, place == DRM_DUMMY_GPU_PLACE_DEVICE ? IN_DEVICE : IN_SYSTEM);
}

TEST_F(hmm_protect, read_only_memory_stays_readable_where_it_is)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(self->nr, in_place(self->mem, self->size, variant->place));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
}

TEST_F(hmm_protect, device_cannot_write_once_memory_is_read_only)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION,
		  gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(dummy_addr(self->mem), self->gpu.job.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_WRITE, self->gpu.job.access);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
}

TEST_F(hmm_protect, device_writes_again_once_memory_is_writable_again)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	/* With the CPU's entry read-only where the page is, and nothing mapped. */
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
}

TEST_F(hmm_protect, device_that_only_read_in_between_writes_again)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	/* With the device holding read entries this time. */
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
}

TEST_F(hmm_protect, only_protected_part_refuses_writes)
{
	size_t from = self->size / 4 + page_size, end = self->size / 2;
	char *part = self->mem + from;

	ASSERT_EQ(0, mprotect(part, end - from, PROT_READ));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION,
		  gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(dummy_addr(part), self->gpu.job.fault_addr);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + end, 3));
	EXPECT_EQ(0, gpu_store(&self->gpu, part - 8, 4));

	EXPECT_EQ(pattern(AFTER, 0), *(volatile uint64_t *)self->mem);
	EXPECT_EQ(4, *(volatile uint64_t *)(part - 8));
	EXPECT_EQ(pattern(BEFORE, from), *(volatile uint64_t *)part);
	EXPECT_EQ(pattern(BEFORE, end - 8), *(volatile uint64_t *)(self->mem + end - 8));
	EXPECT_EQ(3, *(volatile uint64_t *)(self->mem + end));
	EXPECT_EQ(pattern(BEFORE, end + 8), *(volatile uint64_t *)(self->mem + end + 8));

	ASSERT_EQ(0, mprotect(part, end - from, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
}

TEST_F(hmm_protect, memory_without_access_is_refused_and_keeps_its_data)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_NONE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION,
		  gpu_read(&self->gpu, self->gpu.staging, self->mem, page_size));
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_READ, self->gpu.job.access);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_WRITE, self->gpu.job.access);
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
}

TEST_F(hmm_protect, protection_of_one_page_leaves_the_others_mapped)
{
	struct drm_dummy_gpu_page page;

	ASSERT_EQ(0, mprotect(self->mem + page_size, page_size, PROT_READ));
	/* Of small pages only what was named is zapped. */
	if (variant->kind == MEM_PTE) {
		ASSERT_EQ(0, gpu_page(&self->gpu, self->mem, &page));
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
		ASSERT_EQ(0, gpu_page(&self->gpu, self->mem + 2 * page_size, &page));
		EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
	}
	ASSERT_EQ(0, gpu_page(&self->gpu, self->mem + page_size, &page));
	EXPECT_FALSE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
	EXPECT_FALSE(page.flags & DRM_DUMMY_GPU_PAGE_WRITE);
}

TEST_F(hmm_protect, read_only_memory_moves_both_ways)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, self->size));
	EXPECT_EQ(self->nr, pages_in(self->mem, self->size, IN_SYSTEM));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	EXPECT_EQ(self->nr, pages_in(self->mem, self->size, IN_DEVICE_READ));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
}

TEST_F(hmm_protect, fork_and_read_only_together_leak_nothing)
{
	pid_t child;

	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	child = fork();
	if (!child) {
		sleep_ms(100);
		EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
		_exit(0);
	}
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, self->mem, 1));
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
}

/* A job that stores ever larger numbers to a word, until told to stop or it fails. */
static int start_counting(struct gpu *gpu, volatile uint64_t *word, uint64_t *job_id)
{
	volatile uint64_t *stop = (uint64_t *)gpu->staging;
	uint64_t loop;

	*stop = 0;
	loop = dummy_stream_size(gpu->stream);
	dummy_stream_add(gpu->stream, 0, 1);
	dummy_stream_store_reg(gpu->stream, dummy_addr(word), 0, 8);
	dummy_stream_load(gpu->stream, 1, dummy_addr(stop), 8);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_EQ, 1, 0);
	return gpu_start(gpu, job_id);
}

TEST_F(hmm_protect, no_write_of_a_running_job_lands_after_mprotect)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + page_size);
	uint64_t job_id, seen;
	unsigned int round;

	for (round = 0; round < 5; round++) {
		*word = 0;
		ASSERT_EQ(0, start_counting(&self->gpu, word, &job_id));
		ASSERT_TRUE(eventually(*word > 10));
		ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
		seen = *word;
		sleep_ms(10);
		EXPECT_EQ(seen, *word);
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_finish(&self->gpu, job_id));
		EXPECT_EQ(dummy_addr(word), self->gpu.job.fault_addr);
		EXPECT_EQ(seen, *word);
		ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	}
}

TEST_F(hmm_protect, no_write_lands_after_mprotect_that_races_with_the_fault)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + page_size);
	uint64_t job_id, seen, until = now_ms() + 1500;
	unsigned int round, done = 0, refused = 0;
	int ret;

	/* Nothing is mapped at the start of each round, and the two start at once. */
	for (round = 0; now_ms() < until; round++) {
		*word = 0;
		dummy_stream_store(self->gpu.stream, dummy_addr(word), round + 1, 8);
		ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
		for (seen = 0; seen < round % 64 * 200; seen++)
			__asm__ volatile ("" ::: "memory");
		ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
		seen = *word;
		ret = gpu_finish(&self->gpu, job_id);
		done += !ret;
		refused += ret == DRM_DUMMY_GPU_REASON_PERMISSION;
		ASSERT_EQ(seen, *word);
		ASSERT_EQ(ret ? 0 : round + 1, seen);
		ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	}
	EXPECT_EQ(round, done + refused);
}

TEST_F(hmm_protect, running_job_goes_on_when_protection_is_as_before)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + page_size);
	uint64_t job_id, seen;
	unsigned int round;

	*word = 0;
	ASSERT_EQ(0, start_counting(&self->gpu, word, &job_id));
	for (round = 0; round < 10; round++) {
		seen = *word;
		/* Neighbours, and both in one VMA again afterwards. */
		ASSERT_EQ(0, mprotect(self->mem + 2 * page_size, page_size, PROT_READ));
		ASSERT_EQ(0, mprotect(self->mem + 2 * page_size, page_size,
				      PROT_READ | PROT_WRITE));
		EXPECT_TRUE(eventually(*word > seen));
	}
	*(volatile uint64_t *)self->gpu.staging = 1;
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
}

/* ---- mremap --------------------------------------------------------------- */

/* A place of its own to move to. */
static char *move_to(struct __test_metadata *_metadata, char *mem, size_t size, int flags)
{
	char *target = must_map(_metadata, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	ASSERT_EQ(target, mremap(mem, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | flags, target));
	return target;
}

TEST_F(hmm_protect, moved_memory_is_read_and_written_by_device_at_its_new_address)
{
	char *target = move_to(_metadata, self->mem, self->size, 0);
	uint64_t value;

	/* The advice was for the old address. */
	EXPECT_EQ(0, gpu_advise_place(&self->gpu, target, self->size, variant->place));
	EXPECT_EQ(self->nr, in_place(target, self->size, variant->place));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, target, self->size, BEFORE));
	EXPECT_EQ(self->nr, in_place(target, self->size, variant->place));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, target, self->size, AFTER));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, target, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(target, self->size, AFTER));
	/* Nothing is left at the old one. */
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_load(&self->gpu, self->mem, &value));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(0, pattern_bad(target, self->size, AFTER));
}

TEST_F(hmm_protect, memory_moved_with_dontunmap_leaves_zeros_behind)
{
	char *target = move_to(_metadata, self->mem, self->size, MREMAP_DONTUNMAP);
	uint64_t value = 1;

	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, AFTER));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, target, self->size, BEFORE));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, AFTER));
	EXPECT_EQ(0, pattern_bad(target, self->size, BEFORE));
}

TEST_F(hmm_protect, part_that_was_moved_follows_and_the_rest_stays)
{
	size_t from = self->size / 4 + page_size, size = self->size / 2;
	char *target = move_to(_metadata, self->mem + from, size, 0);
	size_t offset, bad = 0;

	EXPECT_EQ(0, gpu_read(&self->gpu, self->gpu.staging, target, size));
	for (offset = 0; offset < size; offset += 8)
		bad += *(uint64_t *)(self->gpu.staging + offset) != pattern(BEFORE, from + offset);
	EXPECT_EQ(0, bad);
	EXPECT_EQ(0, gpu_fill(&self->gpu, target, size, 6));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, from, BEFORE));
	EXPECT_EQ(0, pattern_bad(self->mem, from, BEFORE));
	EXPECT_EQ(pattern(BEFORE, from + size), *(volatile uint64_t *)(self->mem + from + size));
	EXPECT_EQ(6, *(volatile uint64_t *)target);
	EXPECT_EQ(6, *(volatile uint64_t *)(target + size - 8));
}

TEST_F(hmm_protect, running_job_never_writes_to_memory_that_moved_away)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + page_size);
	uint64_t job_id, seen;
	char *target;

	*word = 0;
	ASSERT_EQ(0, start_counting(&self->gpu, word, &job_id));
	ASSERT_TRUE(eventually(*word > 10));
	target = move_to(_metadata, self->mem, self->size, 0);
	seen = *(volatile uint64_t *)(target + page_size);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(seen, *(volatile uint64_t *)(target + page_size));
}

TEST_F(hmm_protect, swapped_addresses_are_told_apart)
{
	char *other, *spare, *mem = self->mem;

	/* Two spans change places: a stale entry would show the other's data. */
	other = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(other, self->size, 7);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, other, self->size, variant->place));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, other, self->size, 7));
	spare = move_to(_metadata, mem, self->size, 0);
	ASSERT_EQ(mem, mremap(other, self->size, self->size, MREMAP_MAYMOVE | MREMAP_FIXED, mem));
	ASSERT_EQ(other, mremap(spare, self->size, self->size, MREMAP_MAYMOVE | MREMAP_FIXED,
				other));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, self->size, 7));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, other, self->size, BEFORE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, self->size, 8));
	EXPECT_EQ(0, pattern_bad(other, self->size, BEFORE));
	EXPECT_EQ(0, pattern_bad(mem, self->size, 8));
}

TEST_HARNESS_MAIN
