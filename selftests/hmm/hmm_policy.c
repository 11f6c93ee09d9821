// SPDX-License-Identifier: GPL-2.0
/*
 * What moves if nobody has said anything: little around accesses that are sparse,
 * much around such as are dense; what device and CPU touch in turn, some times and
 * not for ever; and what was said goes before.
 */
#include "hmm_harness.h"

#define SHARE	"/sys/module/hmm_core/parameters/return_share"

/* It makes pages unreadable, for a while and at any time: what finds them so maps them in place. */
#define NUMA	"/proc/sys/kernel/numa_balancing"

/* The value it is loaded with. */
#define USUAL	"10"

/* Moves that are free: logic/returns.h. */
#define FREE_RETURNS	4

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

/* ---- To and fro ------------------------------------------------------------ */

#define SIZE	HUGE_SIZE

FIXTURE(hmm_policy) {
	struct gpu gpu;
	char *mem;
	volatile uint64_t *word;
	long long numa;
};

FIXTURE_VARIANT(hmm_policy) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_policy, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_policy, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_policy)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	self->word = (uint64_t *)(self->mem + 100 * page_size);
	*self->word = 0;
	self->numa = file_read(NUMA);
	file_write(NUMA, "0");
}

FIXTURE_TEARDOWN(hmm_policy)
{
	file_write(SHARE, USUAL);
	file_write(NUMA, self->numa > 0 ? "1" : "0");
	teardown_gpu(_metadata, &self->gpu);
}

/* Device and CPU add to the word in turn. Return: how often it was in the device between. */
static int take_turns(struct gpu *gpu, volatile uint64_t *word, unsigned int rounds)
{
	unsigned int round, in = 0;
	uint64_t value = *word;

	for (round = 0; round < rounds; round++) {
		if (scale(gpu, (char *)word, 8, 3))
			return -1;
		in += in_device(word, page_size);
		value = value * 3 + 1;
		if (++*word != value)
			return -1;
	}
	return in;
}

/* The device has touched it, the CPU has, and it is not to return. */
static void hold_back(struct __test_metadata *_metadata, struct gpu *gpu,
		      volatile uint64_t *word)
{
	long long held = mirrors_stat(0, "held_back");

	ASSERT_EQ(0, file_write(SHARE, "0"));
	ASSERT_EQ(1, take_turns(gpu, word, 1));
	ASSERT_EQ(0, take_turns(gpu, word, 1));
	EXPECT_LT(held, mirrors_stat(0, "held_back"));
}

TEST_F(hmm_policy, program_of_phases_has_its_memory_where_it_is_used)
{
	long long held = mirrors_stat(0, "held_back");
	unsigned int round;

	ASSERT_EQ(0, file_write(SHARE, "1"));
	for (round = 0; round <= FREE_RETURNS; round++) {
		pattern_fill(self->mem, SIZE, round);
		ASSERT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, round));
		ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round + 100));
		EXPECT_EQ(pages(SIZE), in_device(self->mem, SIZE));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round + 100));
		EXPECT_EQ(0, in_device(self->mem, SIZE));
	}
	EXPECT_EQ(held, mirrors_stat(0, "held_back"));
}

#define ROUNDS	60

TEST_F(hmm_policy, memory_touched_in_turn_moves_for_its_share_of_the_time)
{
	char *other = must_alloc(_metadata, SIZE, variant->kind);
	long long held = mirrors_stat(0, "held_back");
	int unlimited, limited;

	pattern_fill(other, SIZE, 2);
	ASSERT_EQ(0, file_write(SHARE, "100"));
	unlimited = take_turns(&self->gpu, self->word, ROUNDS);
	EXPECT_EQ(ROUNDS, unlimited);
	EXPECT_EQ(held, mirrors_stat(0, "held_back"));

	ASSERT_EQ(0, file_write(SHARE, "1"));
	limited = take_turns(&self->gpu, (uint64_t *)(other + 100 * page_size), ROUNDS);
	EXPECT_LE(FREE_RETURNS + 1, limited);
	EXPECT_GT(unlimited / 2, limited);
	EXPECT_LT(held, mirrors_stat(0, "held_back"));
	EXPECT_EQ(pattern(2, SIZE - 8), *(uint64_t *)(other + SIZE - 8));
	EXPECT_EQ(pattern(1, SIZE - 8), *(uint64_t *)(self->mem + SIZE - 8));
}

TEST_F(hmm_policy, memory_held_back_gets_another_chance)
{
	hold_back(_metadata, &self->gpu, self->word);
	ASSERT_EQ(0, file_write(SHARE, "100"));
	/* It does not fault by itself. */
	EXPECT_TRUE(eventually(!gpu_store(&self->gpu, self->word, 5) &&
			       in_device(self->word, page_size) == 1));
	EXPECT_EQ(5, *self->word);
}

TEST_F(hmm_policy, memory_held_back_is_asked_about_once_if_nobody_touches_it)
{
	uint64_t faults, zapped;

	hold_back(_metadata, &self->gpu, self->word);
	zapped = gpu_vm_stats(&self->gpu).pages_zapped;
	faults = gpu_vm_stats(&self->gpu).faults;
	EXPECT_TRUE(eventually(gpu_vm_stats(&self->gpu).pages_zapped > zapped));
	zapped = gpu_vm_stats(&self->gpu).pages_zapped;
	/* Longer than any break. */
	sleep_ms(5000);
	EXPECT_EQ(zapped, gpu_vm_stats(&self->gpu).pages_zapped);
	EXPECT_EQ(faults, gpu_vm_stats(&self->gpu).faults);
}

TEST_F(hmm_policy, one_mirror_may_have_a_share_of_its_own)
{
	ASSERT_EQ(0, mirrors_write(0, "return_share", "0"));
	ASSERT_EQ(1, take_turns(&self->gpu, self->word, 1));
	EXPECT_EQ(0, take_turns(&self->gpu, self->word, 3));
	EXPECT_NE(0, mirrors_write(0, "return_share", "101"));
	EXPECT_NE(0, mirrors_write(0, "return_share", "-2"));
	EXPECT_EQ(0, mirrors_write(0, "return_share", "-1"));
}

TEST_F(hmm_policy, advice_for_the_device_is_not_held_back)
{
	ASSERT_EQ(0, file_write(SHARE, "0"));
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	EXPECT_EQ(10, take_turns(&self->gpu, self->word, 10));
}

TEST_F(hmm_policy, pinned_memory_is_not_held_back)
{
	ASSERT_EQ(0, file_write(SHARE, "0"));
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_PIN, 1));
	EXPECT_EQ(10, take_turns(&self->gpu, self->word, 10));
}

TEST_F(hmm_policy, atomics_for_the_device_only_are_not_held_back)
{
	unsigned int round;

	ASSERT_EQ(0, file_write(SHARE, "0"));
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_ATOMICS,
				  DRM_DUMMY_GPU_ATOMICS_DEVICE));
	for (round = 0; round < 10; round++) {
		dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(self->word), 1, 8);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		EXPECT_EQ(1, in_device(self->word, page_size));
		EXPECT_EQ(2 * round + 1, *self->word);
		++*self->word;
	}
}

TEST_F(hmm_policy, requests_are_not_held_back_and_no_reason_to_be)
{
	long long held = mirrors_stat(0, "held_back");
	unsigned int round;

	ASSERT_EQ(0, file_write(SHARE, "0"));
	for (round = 0; round < 3; round++) {
		/* By a fault, since nobody but a request has brought it home. */
		ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(pages(SIZE), in_device(self->mem, SIZE));
		EXPECT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	}
	EXPECT_EQ(held, mirrors_stat(0, "held_back"));
	hold_back(_metadata, &self->gpu, self->word);
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
}

TEST_F(hmm_policy, new_memory_at_an_old_address_has_no_past)
{
	hold_back(_metadata, &self->gpu, self->word);
	ASSERT_EQ(0, munmap(self->mem, SIZE / 2));
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE / 2, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
	*self->word = 1;
	EXPECT_EQ(1, take_turns(&self->gpu, self->word, 1));
}

/* In a child: something is held back. Then it waits, or ends. */
static void live_held_back(struct __test_metadata *_metadata, struct meeting *meeting)
{
	char *mem = mem_alloc(SIZE, MEM_PTE);
	struct gpu gpu;

	meeting_child(meeting);
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	hold_back(_metadata, &gpu, (uint64_t *)mem);
	meet(meeting);
	pause();
}

TEST_F(hmm_policy, process_killed_with_memory_held_back_leaves_nothing)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	struct meeting meeting;
	pid_t child;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child)
		live_held_back(_metadata, &meeting);
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
	/* Longer than any break. */
	sleep_ms(5000);
	EXPECT_EQ(0, mirrors_stat(0, "held_back"));
}

TEST_F(hmm_policy, unbind_while_memory_is_held_back_loses_nothing)
{
	char name[256];

	if (gpu_name(0, name, sizeof(name)))
		SKIP(return, "needs the devices under " DRIVER);
	hold_back(_metadata, &self->gpu, self->word);
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	/* Its break ends while the file is still open. */
	sleep_ms(5000);
	EXPECT_EQ(3 + 1, *self->word);
	EXPECT_EQ(pattern(1, SIZE - 8), *(uint64_t *)(self->mem + SIZE - 8));
	dummy_device_close(self->gpu.dev);
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	ASSERT_EQ(0, gpu_open(&self->gpu, 0));
}

/* ---- Two devices ------------------------------------------------------------ */

FIXTURE(hmm_policy_two) {
	struct gpu gpu[2];
	char *mem;
};

FIXTURE_SETUP(hmm_policy_two)
{
	unsigned int i;

	for (i = 0; i < 2; i++)
		setup_gpu(_metadata, &self->gpu[i], i);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
}

FIXTURE_TEARDOWN(hmm_policy_two)
{
	file_write(SHARE, USUAL);
	mem_free_all();
	teardown_gpu(_metadata, &self->gpu[1]);
	teardown_gpu(_metadata, &self->gpu[0]);
}

/* Return: pages that moved to either. */
static uint64_t devices_take_turns(struct __test_metadata *_metadata, struct gpu *gpu, char *mem)
{
	uint64_t moved = gpu_device_stats(&gpu[0]).migrated_in +
			 gpu_device_stats(&gpu[1]).migrated_in;
	uint64_t factor = 1;
	unsigned int round;

	pattern_fill(mem, SIZE, 1);
	for (round = 0; round < ROUNDS; round++) {
		EXPECT_EQ(0, scale(&gpu[round & 1], mem, 8, 3));
		factor *= 3;
	}
	EXPECT_EQ(factor * pattern(1, 0), *(uint64_t *)mem);
	return gpu_device_stats(&gpu[0]).migrated_in + gpu_device_stats(&gpu[1]).migrated_in -
	       moved;
}

TEST_F(hmm_policy_two, memory_of_two_devices_moves_for_its_share_of_the_time)
{
	uint64_t unlimited, limited;

	ASSERT_EQ(0, file_write(SHARE, "100"));
	unlimited = devices_take_turns(_metadata, self->gpu, self->mem);
	ASSERT_EQ(0, gpu_to_system(&self->gpu[0], self->mem, SIZE));
	ASSERT_EQ(0, file_write(SHARE, "0"));
	limited = devices_take_turns(_metadata, self->gpu, self->mem);
	EXPECT_GT(unlimited / 2, limited);
}

TEST_HARNESS_MAIN
