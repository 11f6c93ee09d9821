// SPDX-License-Identifier: GPL-2.0
/*
 * What moves if nobody has said anything: little around accesses that are sparse,
 * much around such as are dense.
 */
#include "hmm_harness.h"

static size_t pages(size_t size)
{
	return size / page_size;
}

static int scale(struct gpu *gpu, char *mem, size_t size, uint64_t factor)
{
	dummy_stream_vscale(gpu->stream, dummy_addr(mem), dummy_addr(mem), factor, size / 8, 8);
	return gpu_run(gpu);
}

static size_t in_device(const volatile void *start, size_t size)
{
	return pages_in(start, size, IN_DEVICE);
}

/* ---- How much -------------------------------------------------------------- */

#define WINDOWS	4
#define APART	(512 * KIB)	/* of sparse accesses: four in a window */

FIXTURE(hmm_policy_density) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_SETUP(hmm_policy_density)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, WINDOWS * HUGE_SIZE, MEM_PTE);
	pattern_fill(self->mem, WINDOWS * HUGE_SIZE, 1);
}

FIXTURE_TEARDOWN(hmm_policy_density)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_policy_density, sparse_device_accesses_move_their_64k_only)
{
	size_t offset;

	for (offset = 5 * page_size; offset < WINDOWS * HUGE_SIZE; offset += APART)
		EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + offset, offset));
	EXPECT_EQ(WINDOWS * 4 * pages(64 * KIB), in_device(self->mem, WINDOWS * HUGE_SIZE));
	for (offset = 5 * page_size; offset < WINDOWS * HUGE_SIZE; offset += APART)
		EXPECT_EQ(offset, *(volatile uint64_t *)(self->mem + offset));
}

TEST_F(hmm_policy_density, sparse_cpu_accesses_bring_little_home)
{
	size_t offset, bad = 0;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, WINDOWS * HUGE_SIZE));
	for (offset = 5 * page_size; offset < WINDOWS * HUGE_SIZE; offset += APART)
		bad += *(volatile uint64_t *)(self->mem + offset) != pattern(1, offset);
	EXPECT_EQ(0, bad);
	EXPECT_GE(WINDOWS * 4 * 2, pages_in(self->mem, WINDOWS * HUGE_SIZE, IN_SYSTEM));
}

TEST_F(hmm_policy_density, dense_accesses_take_few_faults)
{
	struct drm_dummy_gpu_device_stats before;
	uint64_t faults;
	size_t offset;

	/* The stream's own faults are behind us. */
	ASSERT_EQ(0, scale(&self->gpu, self->mem + HUGE_SIZE, 8, 1));
	faults = gpu_vm_stats(&self->gpu).faults;
	ASSERT_EQ(0, scale(&self->gpu, self->mem, HUGE_SIZE, 3));
	EXPECT_GE(faults + 8, gpu_vm_stats(&self->gpu).faults);
	EXPECT_EQ(pages(HUGE_SIZE), in_device(self->mem, HUGE_SIZE));

	before = gpu_device_stats(&self->gpu);
	for (offset = 0; offset < HUGE_SIZE; offset += page_size)
		EXPECT_EQ(3 * pattern(1, offset), *(volatile uint64_t *)(self->mem + offset));
	EXPECT_GE(before.cpu_faults + 8, gpu_device_stats(&self->gpu).cpu_faults);
}

TEST_F(hmm_policy_density, device_that_touches_most_of_it_gets_all_of_it)
{
	size_t block = 64 * KIB, offset;

	/* Every other block, and then one between. */
	for (offset = 0; offset < HUGE_SIZE; offset += 2 * block)
		EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + offset, 1));
	EXPECT_EQ(pages(HUGE_SIZE / 2), in_device(self->mem, HUGE_SIZE));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + block, 1));
	EXPECT_EQ(pages(HUGE_SIZE), in_device(self->mem, HUGE_SIZE));
}

TEST_HARNESS_MAIN
