// SPDX-License-Identifier: GPL-2.0
/*
 * Device page faults: the device reads and writes whatever the process itself
 * could, by plain pointers, and sees and leaves the same bytes; what the process
 * could not do fails that job with the reason and the address, and nothing else.
 */
#include "hmm_harness.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/syscall.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

/* ---- Anonymous memory ----------------------------------------------------- */

FIXTURE(hmm_fault) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_fault) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_fault, pte_to_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_fault, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_fault, pte_by_policy) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_VARIANT_ADD(hmm_fault, thp_to_device) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_fault, thp_in_system) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_fault, thp_by_policy) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_SETUP(hmm_fault)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, variant->place));
}

FIXTURE_TEARDOWN(hmm_fault)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_fault, device_reads_what_cpu_wrote)
{
	unsigned int round;

	for (round = 0; round < 5; round++) {
		pattern_fill(self->mem, SIZE, round);
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, round));
	}
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round - 1));
}

TEST_F(hmm_fault, cpu_reads_what_device_wrote)
{
	unsigned int round;

	pattern_fill(self->mem, SIZE, 9);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(return, NO_HUGE);
	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, round));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
	}
}

TEST_F(hmm_fault, device_writes_exactly_the_bytes_it_was_told)
{
	static const size_t edges[] = { 1, 7, 63, 4095 };
	size_t i, offset, bad = 0;
	char *start;

	for (i = 0; i < ARRAY_SIZE(edges); i++) {
		start = self->mem + edges[i];
		memset(self->mem, 0x11, SIZE);
		dummy_stream_fill(self->gpu.stream, dummy_addr(start), SIZE / 2, 0xee, 1);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		for (offset = 0; offset < SIZE; offset++) {
			bool inside = offset >= edges[i] && offset < edges[i] + SIZE / 2;

			bad += (unsigned char)self->mem[offset] != (inside ? 0xee : 0x11);
		}
	}
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_fault, device_reads_holes_as_zeros_and_does_not_fill_them)
{
	uint64_t value = 1;
	size_t offset;

	for (offset = 0; offset < SIZE; offset += 64 * page_size) {
		ASSERT_EQ(0, gpu_load(&self->gpu, self->mem + offset, &value));
		EXPECT_EQ(0, value);
	}
	/* The zero page at most: no memory was spent on it, here or there. */
	EXPECT_EQ(0, pages_in(self->mem, SIZE, IN_DEVICE));
}

TEST_F(hmm_fault, device_reads_zero_page_and_write_replaces_it)
{
	volatile uint64_t *words = (uint64_t *)self->mem;
	uint64_t value = 1;

	ASSERT_EQ(0, words[0]);
	ASSERT_EQ(0, gpu_load(&self->gpu, words, &value));
	EXPECT_EQ(0, value);
	ASSERT_EQ(0, gpu_store(&self->gpu, words, 5));
	EXPECT_EQ(5, words[0]);
	EXPECT_EQ(0, words[1]);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
}

TEST_F(hmm_fault, device_write_fills_holes)
{
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 4));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 4));
}

TEST_F(hmm_fault, bytes_around_a_device_write_to_a_hole_are_zero)
{
	size_t offset, bad = 0;

	/* One word in every other page. */
	for (offset = 0; offset < SIZE; offset += 2 * page_size)
		dummy_stream_store(self->gpu.stream, dummy_addr(self->mem + offset + 8), -1, 8);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	for (offset = 0; offset < SIZE; offset += 8) {
		uint64_t expected = offset % (2 * page_size) == 8 ? -1ULL : 0;

		bad += *(volatile uint64_t *)(self->mem + offset) != expected;
	}
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_fault, advice_decides_the_place)
{
	static const unsigned int where[] = {
		[DRM_DUMMY_GPU_PLACE_NONE] = IN_DEVICE | IN_SYSTEM,
		[DRM_DUMMY_GPU_PLACE_SYSTEM] = IN_SYSTEM,
		[DRM_DUMMY_GPU_PLACE_DEVICE] = IN_DEVICE,
	};

	pattern_fill(self->mem, SIZE, 6);
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 7));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, where[variant->place]));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 7));
}

TEST_F(hmm_fault, cpu_and_device_take_turns_on_the_same_words)
{
	volatile uint64_t *words = (uint64_t *)self->mem;
	uint64_t expected = 1, value;
	unsigned int round;

	/* The page, and not only the word, is to go to and fro. */
	ASSERT_EQ(0, mirrors_write(0, "return_share", "100"));
	words[0] = 1;
	words[SIZE / 16] = 1;
	for (round = 0; round < 50; round++) {
		dummy_stream_vscale(self->gpu.stream, dummy_addr(words), dummy_addr(words), 3, 1,
				    8);
		dummy_stream_vscale(self->gpu.stream, dummy_addr(&words[SIZE / 16]),
				    dummy_addr(words), 1, 1, 8);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		expected *= 3;
		ASSERT_EQ(expected, words[0]);
		ASSERT_EQ(expected, words[SIZE / 16]);
		words[0]++;
		expected++;
	}
	ASSERT_EQ(0, gpu_load(&self->gpu, words, &value));
	EXPECT_EQ(expected, value);
}

/* Threads, each with a queue of its own, on memory they share. */
#define NR_THREADS	6

struct faulter {
	pthread_t thread;
	struct gpu lane;
	char *mem;
	size_t stride;
	unsigned int nr, id;
	int ret;
};

static void *fault_words(void *arg)
{
	struct faulter *faulter = arg;
	unsigned int i;

	for (i = 0; i < faulter->nr; i++) {
		uint64_t addr = dummy_addr(faulter->mem) + i * faulter->stride + faulter->id * 8;

		dummy_stream_load(faulter->lane.stream, 1, addr, 8);
		dummy_stream_add(faulter->lane.stream, 1, faulter->id + 1);
		dummy_stream_store_reg(faulter->lane.stream, addr, 1, 8);
	}
	faulter->ret = gpu_run(&faulter->lane);
	return NULL;
}

/* Number of words that are not what the threads should have left. */
static int run_faulters(struct gpu *gpu, char *mem, size_t stride, unsigned int nr)
{
	struct faulter faulters[NR_THREADS];
	unsigned int i, j;
	int bad = 0;

	for (i = 0; i < NR_THREADS; i++) {
		faulters[i] = (struct faulter) {
			.mem = mem, .stride = stride, .nr = nr, .id = i,
		};
		if (gpu_lane(&faulters[i].lane, gpu, i))
			return -1;
	}
	for (i = 0; i < NR_THREADS; i++)
		pthread_create(&faulters[i].thread, NULL, fault_words, &faulters[i]);
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(faulters[i].thread, NULL);
		bad += !!faulters[i].ret;
		bad += !!gpu_close(&faulters[i].lane);
	}
	for (i = 0; i < NR_THREADS; i++) {
		for (j = 0; j < nr; j++)
			bad += ((volatile uint64_t *)(mem + j * stride))[i] != 100 + i + 1;
	}
	return bad;
}

static void set_words(char *mem, size_t size)
{
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		*(volatile uint64_t *)(mem + offset) = 100;
}

TEST_F(hmm_fault, queues_that_fault_the_same_page_all_progress)
{
	unsigned int round;

	for (round = 0; round < 10; round++) {
		set_words(self->mem, page_size);
		ASSERT_EQ(0, run_faulters(&self->gpu, self->mem, page_size, 1));
	}
}

TEST_F(hmm_fault, queues_that_fault_the_same_pages_all_progress)
{
	set_words(self->mem, SIZE);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(return, NO_HUGE);
	ASSERT_EQ(0, run_faulters(&self->gpu, self->mem, 2 * page_size, pages(SIZE) / 2));
}

TEST_F(hmm_fault, storm_of_faults_in_many_windows_ends)
{
	size_t size = 64 * HUGE_SIZE, offset;
	unsigned int i;
	size_t bad = 0;
	char *mem;

	/* Far apart, in an order that no prefetch likes. */
	mem = must_alloc(_metadata, size, variant->kind);
	for (i = 0; i < 1024; i++) {
		offset = i * 37 % 1024 * (size / 1024);
		dummy_stream_store(self->gpu.stream, dummy_addr(mem + offset), offset + 1, 8);
	}
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_LE(1, self->gpu.job.nr_faults);
	/* Each access faults once, unless something takes the page away again. */
	EXPECT_GE(4 * 1024, self->gpu.job.nr_faults);
	for (offset = 0; offset < size; offset += size / 1024)
		bad += *(volatile uint64_t *)(mem + offset) != offset + 1;
	EXPECT_EQ(0, bad);
}

struct unmapper {
	char *mem;
	volatile bool go;
};

static void *unmap_it(void *arg)
{
	struct unmapper *unmapper = arg;

	while (!unmapper->go)
		;
	munmap(unmapper->mem, SIZE);
	return NULL;
}

TEST_F(hmm_fault, munmap_under_a_running_job_ends_it_and_frees_the_memory)
{
	struct unmapper unmapper = { 0 };
	uint64_t job_id, loop;
	unsigned int round;
	pthread_t thread;
	int ret;

	for (round = 0; round < 10; round++) {
		unmapper.mem = must_alloc(_metadata, SIZE, variant->kind);
		pattern_fill(unmapper.mem, SIZE, round);
		unmapper.go = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, unmap_it, &unmapper));
		/* Add to every page, over and over: only munmap ends it. */
		loop = dummy_stream_size(self->gpu.stream);
		dummy_stream_vscale(self->gpu.stream, dummy_addr(unmapper.mem),
				    dummy_addr(unmapper.mem), 3, SIZE / 8, 8);
		dummy_stream_jump(self->gpu.stream, loop, DUMMY_GPU_COND_ALWAYS, 0, 0);
		ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
		sleep_ms(round * 3);
		unmapper.go = true;
		ret = gpu_finish(&self->gpu, job_id);
		pthread_join(thread, NULL);
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, ret);
		EXPECT_LE(dummy_addr(unmapper.mem), self->gpu.job.fault_addr);
		EXPECT_GT(dummy_addr(unmapper.mem) + SIZE, self->gpu.job.fault_addr);
	}
}

/* ---- Accesses the process itself could not make --------------------------- */

FIXTURE(hmm_fault_denied) {
	struct gpu gpu;
	char *mem;
	size_t size;
	size_t bad;	/* offset of the page that cannot be accessed */
};

FIXTURE_SETUP(hmm_fault_denied)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->size = 16 * page_size;
	self->bad = 5 * page_size;
	self->mem = must_alloc(_metadata, self->size, MEM_PTE);
	pattern_fill(self->mem, self->size, 1);
}

FIXTURE_TEARDOWN(hmm_fault_denied)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* The job failed at the first byte of the bad page, and says so. */
#define EXPECT_FAILED(why, how, ret) do {					\
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_##why, ret);				\
	EXPECT_EQ(DRM_DUMMY_GPU_JOB_FAILED, self->gpu.job.state);		\
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_##how, self->gpu.job.access);		\
	EXPECT_EQ(dummy_addr(self->mem) + self->bad, self->gpu.job.fault_addr);	\
} while (0)

/* The device and this queue go on working. */
#define EXPECT_USABLE() do {							\
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 42));			\
	EXPECT_EQ(42, *(volatile uint64_t *)self->mem);				\
} while (0)

TEST_F(hmm_fault_denied, read_of_prot_none_fails_and_leaves_data)
{
	int ret;

	ASSERT_EQ(0, mprotect(self->mem + self->bad, page_size, PROT_NONE));
	memset(self->gpu.staging, 0x5a, self->size);
	dummy_stream_copy(self->gpu.stream, dummy_addr(self->gpu.staging), dummy_addr(self->mem),
			  self->size);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(PERMISSION, READ, ret);
	/* What came before was done, what comes after was not. */
	EXPECT_EQ(0, pattern_bad(self->gpu.staging, self->bad, 1));
	EXPECT_EQ(0x5a, self->gpu.staging[self->bad]);
	EXPECT_EQ(0x5a, self->gpu.staging[self->size - 1]);
	ASSERT_EQ(0, mprotect(self->mem + self->bad, page_size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 1));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, 1));
	EXPECT_USABLE();
}

TEST_F(hmm_fault_denied, write_to_read_only_memory_fails_and_leaves_data)
{
	int ret;

	ASSERT_EQ(0, mprotect(self->mem + self->bad, page_size, PROT_READ));
	ret = gpu_pattern_fill(&self->gpu, self->mem, self->size, 2);
	EXPECT_FAILED(PERMISSION, WRITE, ret);
	EXPECT_EQ(0, pattern_bad(self->mem, self->bad, 2));
	EXPECT_EQ(pattern(1, self->bad), *(volatile uint64_t *)(self->mem + self->bad));
	EXPECT_EQ(pattern(1, self->size - 8), *(volatile uint64_t *)(self->mem + self->size - 8));
	/* Once allowed it works, on the same queue. */
	ASSERT_EQ(0, mprotect(self->mem + self->bad, page_size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, 3));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 3));
}

TEST_F(hmm_fault_denied, write_to_read_only_hole_fails_and_read_gives_zero)
{
	uint64_t value = 1;
	char *mem;
	int ret;

	mem = must_map(_metadata, self->size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ASSERT_EQ(0, gpu_load(&self->gpu, mem, &value));
	EXPECT_EQ(0, value);
	self->mem = mem;
	self->bad = 0;
	ret = gpu_store(&self->gpu, mem, 1);
	EXPECT_FAILED(PERMISSION, WRITE, ret);
	EXPECT_EQ(0, *(volatile uint64_t *)mem);
	ASSERT_EQ(0, mprotect(mem, self->size, PROT_READ | PROT_WRITE));
	EXPECT_USABLE();
}

TEST_F(hmm_fault_denied, access_to_unmapped_memory_fails)
{
	int ret;

	ASSERT_EQ(0, munmap(self->mem + self->bad, page_size));
	dummy_stream_checksum(self->gpu.stream, 0, dummy_addr(self->mem), self->size);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(UNMAPPED, READ, ret);
	dummy_stream_fill(self->gpu.stream, dummy_addr(self->mem), self->size, 0, 8);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(UNMAPPED, WRITE, ret);
	EXPECT_EQ(0, *(volatile uint64_t *)(self->mem + self->bad - 8));
	EXPECT_EQ(0, pattern_bad(self->mem + self->size - page_size, 0, 1));
	EXPECT_EQ(pattern(1, self->size - 8), *(volatile uint64_t *)(self->mem + self->size - 8));
	EXPECT_USABLE();
}

TEST_F(hmm_fault_denied, access_to_no_address_of_the_process_fails)
{
	const struct drm_dummy_gpu_info *info = dummy_device_info(self->gpu.dev);
	const uint64_t addrs[] = {
		0, 8, info->svm_end - 8, info->svm_end, info->va_end - 8,
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(addrs); i++) {
		dummy_stream_load(self->gpu.stream, 0, addrs[i], 8);
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_run(&self->gpu));
		EXPECT_EQ(addrs[i], self->gpu.job.fault_addr);
	}
	EXPECT_USABLE();
}

TEST_F(hmm_fault_denied, access_to_guard_page_fails)
{
	int ret;

	if (madvise(self->mem + self->bad, page_size, MADV_GUARD_INSTALL))
		SKIP(return, "needs MADV_GUARD_INSTALL");
	dummy_stream_checksum(self->gpu.stream, 0, dummy_addr(self->mem), self->size);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(MEMORY, READ, ret);
	dummy_stream_fill(self->gpu.stream, dummy_addr(self->mem), self->size, 0, 8);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(MEMORY, WRITE, ret);
	ASSERT_EQ(0, madvise(self->mem + self->bad, page_size, MADV_GUARD_REMOVE));
	EXPECT_EQ(0, gpu_fill(&self->gpu, self->mem, self->size, 0));
	EXPECT_USABLE();
}

TEST_F(hmm_fault_denied, access_beyond_end_of_file_fails)
{
	int fd = memfd_create("hmm_fault", MFD_CLOEXEC);
	int ret;

	ASSERT_EQ(0, ftruncate(fd, self->size));
	self->mem = must_map(_metadata, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	pattern_fill(self->mem, self->size, 1);
	ASSERT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, 1));
	/* The device has it mapped when the file shrinks. */
	ASSERT_EQ(0, ftruncate(fd, self->bad));
	dummy_stream_checksum(self->gpu.stream, 0, dummy_addr(self->mem), self->size);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(MEMORY, READ, ret);
	EXPECT_USABLE();
	close(fd);
}

/* As the registers of a device are mapped: by frames, with no pages to show to another. */
TEST_F(hmm_fault_denied, access_to_memory_that_has_no_pages_fails)
{
	struct dummy_bo *bo;
	void *mem;
	int ret;

	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	ASSERT_EQ(0, dummy_bo_map(bo, &mem));
	*(volatile uint64_t *)mem = 5;
	dummy_stream_load(self->gpu.stream, 0, dummy_addr(mem), 8);
	ret = gpu_run(&self->gpu);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, ret);
	EXPECT_EQ(dummy_addr(mem), self->gpu.job.fault_addr);
	EXPECT_USABLE();
	EXPECT_EQ(0, dummy_bo_destroy(bo));
}

/* Memory of which the kernel itself has no mapping, nor gives one to anybody. */
TEST_F(hmm_fault_denied, access_to_secret_memory_fails_and_its_neighbours_go_on)
{
	size_t size = 8 * page_size;
	char *secret = self->mem + self->bad;
	struct dummy_migrated migrated;
	uint64_t value = 0;
	int fd, ret;

	fd = syscall(__NR_memfd_secret, O_CLOEXEC);
	if (fd < 0)
		SKIP(return, "needs memfd_secret()");
	/* In the same window as memory that the device may have. */
	ASSERT_EQ(0, ftruncate(fd, size));
	ASSERT_EQ(secret, mmap(secret, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd,
			       0));
	memset(secret, 0x5a, size);
	ret = gpu_load(&self->gpu, secret, &value);
	EXPECT_FAILED(MEMORY, READ, ret);
	ret = gpu_store(&self->gpu, secret, 1);
	EXPECT_FAILED(MEMORY, WRITE, ret);
	ASSERT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, self->size,
				   DRM_DUMMY_GPU_PLACE_DEVICE, DRM_DUMMY_GPU_MIGRATE_MAP,
				   &migrated));
	EXPECT_EQ((self->size - size) / page_size, migrated.moved + migrated.already);
	ret = gpu_load(&self->gpu, secret, &value);
	EXPECT_FAILED(MEMORY, READ, ret);
	/* A fault beside it maps what is around that, and not this. */
	EXPECT_EQ(0, gpu_store(&self->gpu, secret - 8, 2));
	EXPECT_EQ(0, gpu_store(&self->gpu, secret + size, 3));
	ret = gpu_load(&self->gpu, secret, &value);
	EXPECT_FAILED(MEMORY, READ, ret);
	EXPECT_EQ(0x5a, *(volatile char *)secret);
	EXPECT_EQ(2, *(volatile uint64_t *)(secret - 8));
	EXPECT_EQ(3, *(volatile uint64_t *)(secret + size));
	EXPECT_USABLE();
	close(fd);
}

static int open_uffd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd;

	fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && ioctl(fd, UFFDIO_API, &api)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

TEST_F(hmm_fault_denied, missing_page_of_userfaultfd_fails_only_that_access)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffdio_zeropage zero = { 0 };
	uint64_t value = 1;
	int fd, ret;

	fd = open_uffd(0);
	if (fd < 0)
		SKIP(return, "needs userfaultfd");
	ASSERT_EQ(0, madvise(self->mem + self->bad, page_size, MADV_DONTNEED));
	range.range.start = dummy_addr(self->mem);
	range.range.len = self->size;
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &range));
	dummy_stream_checksum(self->gpu.stream, 0, dummy_addr(self->mem), self->size);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(MEMORY, READ, ret);
	dummy_stream_fill(self->gpu.stream, dummy_addr(self->mem), self->size, 0, 8);
	ret = gpu_run(&self->gpu);
	EXPECT_FAILED(MEMORY, WRITE, ret);
	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem + self->bad - 8, &value));
	EXPECT_EQ(0, value);

	zero.range.start = dummy_addr(self->mem) + self->bad;
	zero.range.len = page_size;
	ASSERT_EQ(0, ioctl(fd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + self->bad, 9));
	EXPECT_EQ(9, *(volatile uint64_t *)(self->mem + self->bad));
	EXPECT_USABLE();
	close(fd);
}

TEST_F(hmm_fault_denied, device_write_does_not_pass_uffd_write_protection)
{
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	volatile uint64_t *word = (uint64_t *)(self->mem + self->bad);
	uint64_t job_id;
	int fd, ret;

	fd = open_uffd(UFFD_FEATURE_PAGEFAULT_FLAG_WP);
	if (fd < 0)
		SKIP(return, "needs userfaultfd write protection");
	/* Writable and mapped before, as well in the device as for it. */
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, 2));
	range.range.start = dummy_addr(self->mem);
	range.range.len = self->size;
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &range));
	wp.range.start = dummy_addr(word);
	wp.range.len = page_size;
	ASSERT_EQ(0, ioctl(fd, UFFDIO_WRITEPROTECT, &wp));

	dummy_stream_store(self->gpu.stream, dummy_addr(word), 7, 8);
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	sleep_ms(100);
	/* Reading is allowed, and shows the old value until protection is lifted. */
	EXPECT_EQ(pattern(2, self->bad), *word);
	wp.mode = 0;
	ASSERT_EQ(0, ioctl(fd, UFFDIO_WRITEPROTECT, &wp));
	ret = gpu_finish(&self->gpu, job_id);
	/* It waited for us, or was told that the page cannot be provided. */
	if (ret) {
		EXPECT_FAILED(MEMORY, WRITE, ret);
		EXPECT_EQ(pattern(2, self->bad), *word);
	} else {
		EXPECT_EQ(7, *word);
	}
	EXPECT_EQ(0, gpu_store(&self->gpu, word, 8));
	EXPECT_EQ(8, *word);
	EXPECT_USABLE();
	close(fd);
}

/* ---- Memory that is not ours alone ---------------------------------------- */

FIXTURE(hmm_fault_shared) {
	struct gpu gpu;
	int fd;
};

FIXTURE_SETUP(hmm_fault_shared)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->fd = memfd_create("hmm_fault", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
}

FIXTURE_TEARDOWN(hmm_fault_shared)
{
	teardown_gpu(_metadata, &self->gpu);
	close(self->fd);
}

TEST_F(hmm_fault_shared, file_mapping_is_coherent_both_ways)
{
	uint64_t value = 0;
	char *mem;

	mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	/* Written behind the mapping's back, read by the device. */
	value = 11;
	ASSERT_EQ(8, pwrite(self->fd, &value, 8, page_size));
	ASSERT_EQ(0, gpu_load(&self->gpu, mem + page_size, &value));
	EXPECT_EQ(11, value);
	value = 12;
	ASSERT_EQ(8, pwrite(self->fd, &value, 8, page_size));
	ASSERT_EQ(0, gpu_load(&self->gpu, mem + page_size, &value));
	EXPECT_EQ(12, value);
	/* Written by the device, read from the file. */
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, mem, SIZE, 3));
	ASSERT_EQ(8, pread(self->fd, &value, 8, SIZE - 8));
	EXPECT_EQ(pattern(3, SIZE - 8), value);
	EXPECT_EQ(0, pattern_bad(mem, SIZE, 3));
	EXPECT_EQ(0, pages_in(mem, SIZE, IN_DEVICE));
}

TEST_F(hmm_fault_shared, device_write_reaches_file_after_unmap)
{
	uint64_t value = 0;
	char *mem;

	mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, mem, SIZE, 4));
	ASSERT_EQ(0, munmap(mem, SIZE));
	ASSERT_EQ(8, pread(self->fd, &value, 8, 3 * page_size));
	EXPECT_EQ(pattern(4, 3 * page_size), value);
}

TEST_F(hmm_fault_shared, device_write_to_private_mapping_does_not_reach_file)
{
	char *shared, *private;

	shared = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	private = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd);
	pattern_fill(shared, SIZE, 5);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, private, SIZE, 5));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, private, SIZE, 6));
	EXPECT_EQ(0, pattern_bad(private, SIZE, 6));
	EXPECT_EQ(0, pattern_bad(shared, SIZE, 5));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, shared, SIZE, 5));
}

TEST_F(hmm_fault_shared, read_only_mapping_is_readable_and_not_writable)
{
	char *shared, *reader;

	shared = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	reader = must_map(_metadata, SIZE, PROT_READ, MAP_SHARED, self->fd);
	pattern_fill(shared, SIZE, 7);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, reader, SIZE, 7));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, reader, 1));
	EXPECT_EQ(0, pattern_bad(shared, SIZE, 7));
}

TEST_F(hmm_fault_shared, device_write_to_shared_memory_is_seen_by_other_process)
{
	struct meeting meeting;
	pid_t child;
	char *mem;

	mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, gpu_pattern_bad(&self->gpu, mem, SIZE, 1));
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		meet(&meeting);
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 2));
		pattern_fill(mem, SIZE, 3);
		meet(&meeting);
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, SIZE, 2));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, SIZE, 3));
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_fault_shared, device_reads_and_writes_hugetlb_memory)
{
	char *mem = hugetlb_alloc();

	if (!mem)
		SKIP(return, NO_HUGETLB);
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, HUGE_SIZE, 8));
	EXPECT_EQ(0, pattern_bad(mem, HUGE_SIZE, 8));
	pattern_fill(mem, HUGE_SIZE, 9);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, HUGE_SIZE, 9));
	EXPECT_EQ(0, hugetlb_free(mem));
}

/* ---- Any memory of a program ---------------------------------------------- */

static uint64_t static_word = 21;
static const uint64_t const_word = 22;

static int use_any_memory(void)
{
	uint64_t *heap_word = malloc(sizeof(*heap_word));
	uint64_t stack_word = 24, value;
	struct gpu gpu;

	*heap_word = 23;
	if (gpu_open(&gpu, 0))
		return 1;
	if (gpu_load(&gpu, &static_word, &value) || value != 21)
		return 2;
	if (gpu_load(&gpu, &const_word, &value) || value != 22)
		return 3;
	if (gpu_load(&gpu, heap_word, &value) || value != 23)
		return 4;
	if (gpu_load(&gpu, &stack_word, &value) || value != 24)
		return 5;
	if (gpu_store(&gpu, &static_word, 31) || *(volatile uint64_t *)&static_word != 31)
		return 6;
	if (gpu_store(&gpu, heap_word, 33) || *(volatile uint64_t *)heap_word != 33)
		return 7;
	if (gpu_store(&gpu, &stack_word, 34) || *(volatile uint64_t *)&stack_word != 34)
		return 8;
	if (gpu_store(&gpu, (void *)&const_word, 1) != DRM_DUMMY_GPU_REASON_PERMISSION)
		return 9;
	return 0;
}

TEST_F(hmm_fault_shared, device_uses_static_heap_and_stack_by_plain_pointers)
{
	pid_t child;

	/* In a process of its own: what it leaves in the device ends with it, */
	child = fork();
	if (!child)
		_exit(use_any_memory());
	EXPECT_EQ(0, wait_exit(child));
	/* or is what lies beside these, which we share. */
	EXPECT_TRUE(eventually(!dummy_evict(self->gpu.dev, UINT64_MAX, NULL) &&
			       gpu_device_stats(&self->gpu).vram_svm ==
			       self->gpu.base.vram_svm));
}

static void *use_thread_stack(void *arg)
{
	volatile uint64_t word = 1;
	struct gpu *gpu = arg;

	return gpu_store(gpu, &word, 2) || word != 2 ? arg : NULL;
}

TEST_F(hmm_fault_shared, device_uses_stack_of_a_thread)
{
	pthread_attr_t attr;
	pthread_t thread;
	void *ret = self;
	char *stack;

	stack = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	ASSERT_EQ(0, pthread_attr_init(&attr));
	ASSERT_EQ(0, pthread_attr_setstack(&attr, stack, HUGE_SIZE));
	ASSERT_EQ(0, pthread_create(&thread, &attr, use_thread_stack, &self->gpu));
	ASSERT_EQ(0, pthread_join(thread, &ret));
	EXPECT_EQ(NULL, ret);
}

/* ---- Advice --------------------------------------------------------------- */

FIXTURE(hmm_fault_advice) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_SETUP(hmm_fault_advice)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
}

FIXTURE_TEARDOWN(hmm_fault_advice)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* Where a device write to fresh memory at @mem leaves it. */
static unsigned int place_of_write(struct gpu *gpu, char *mem)
{
	madvise(mem, SIZE, MADV_DONTNEED);
	pattern_fill(mem, SIZE, 1);
	if (gpu_fill(gpu, mem, SIZE, 1))
		return 0;
	return page_in(mem) & IN_DEVICE ? IN_DEVICE : page_in(mem);
}

TEST_F(hmm_fault_advice, advice_covers_its_span_only)
{
	char *mem = self->mem;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem + 3 * page_size, 2 * page_size,
				      DRM_DUMMY_GPU_PLACE_SYSTEM));
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, gpu_fill(&self->gpu, mem, SIZE, 5));
	EXPECT_EQ(3, pages_in(mem, 3 * page_size, IN_DEVICE));
	EXPECT_EQ(2, pages_in(mem + 3 * page_size, 2 * page_size, IN_SYSTEM));
	EXPECT_EQ(3, pages_in(mem + 5 * page_size, 3 * page_size, IN_DEVICE));
}

TEST_F(hmm_fault_advice, reset_forgets_advice)
{
	unsigned int policy = place_of_write(&self->gpu, self->mem);
	enum drm_dummy_gpu_place other = policy == IN_DEVICE ? DRM_DUMMY_GPU_PLACE_SYSTEM :
							       DRM_DUMMY_GPU_PLACE_DEVICE;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, other));
	EXPECT_NE(policy, place_of_write(&self->gpu, self->mem));
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, SIZE, DRM_DUMMY_GPU_ADVICE_RESET, 0));
	/* Fresh memory: what policy learnt of the old must not decide. */
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(policy, place_of_write(&self->gpu, self->mem));
}

TEST_F(hmm_fault_advice, advice_vanishes_with_munmap)
{
	unsigned int policy = place_of_write(&self->gpu, self->mem);
	enum drm_dummy_gpu_place other = policy == IN_DEVICE ? DRM_DUMMY_GPU_PLACE_SYSTEM :
							       DRM_DUMMY_GPU_PLACE_DEVICE;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, other));
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(policy, place_of_write(&self->gpu, self->mem));
}

TEST_F(hmm_fault_advice, advice_survives_partial_munmap_for_the_rest)
{
	unsigned int policy = place_of_write(&self->gpu, self->mem);
	unsigned int other = policy == IN_DEVICE ? IN_SYSTEM : IN_DEVICE;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE,
				      other == IN_SYSTEM ? DRM_DUMMY_GPU_PLACE_SYSTEM :
							   DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, munmap(self->mem + page_size, page_size));
	ASSERT_EQ(self->mem + page_size,
		  mmap(self->mem + page_size, page_size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(other, place_of_write(&self->gpu, self->mem));
	EXPECT_EQ(pages(HUGE_SIZE), pages_in(self->mem + HUGE_SIZE, HUGE_SIZE,
					     other == IN_SYSTEM ? IN_SYSTEM : IN_DEVICE));
}

TEST_F(hmm_fault_advice, advice_may_come_before_the_mapping)
{
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));
	ASSERT_EQ(self->mem, mmap(self->mem, SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	EXPECT_EQ(IN_SYSTEM, place_of_write(&self->gpu, self->mem));
}

TEST_HARNESS_MAIN
