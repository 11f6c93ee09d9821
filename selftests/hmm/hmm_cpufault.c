// SPDX-License-Identifier: GPL-2.0
/*
 * CPU access to memory in the device: any access by anybody brings the page back
 * with its data, once, however many ask at the same time, wherever it was moved
 * to and whatever is left of the folio it is in.
 */
#include "hmm_harness.h"

#include <elf.h>
#include <linux/futex.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

FIXTURE(hmm_cpufault) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_cpufault) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_cpufault, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_cpufault, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_cpufault)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
}

FIXTURE_TEARDOWN(hmm_cpufault)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_cpufault, read_brings_the_page_back)
{
	struct drm_dummy_gpu_device_stats before, after;
	char *addr = self->mem + 17 * page_size;
	size_t in_system;

	before = gpu_device_stats(&self->gpu);
	EXPECT_EQ(pattern(1, 17 * page_size), *(volatile uint64_t *)addr);
	EXPECT_EQ(IN_SYSTEM, page_in(addr));
	/* A fault may bring neighbours along; all of them are counted. */
	in_system = pages_in(self->mem, SIZE, IN_SYSTEM);
	after = gpu_device_stats(&self->gpu);
	EXPECT_LT(before.cpu_faults, after.cpu_faults);
	EXPECT_EQ(before.cpu_fault_pages + in_system, after.cpu_fault_pages);
	EXPECT_EQ(before.cpu_fault_errors, after.cpu_fault_errors);
	EXPECT_EQ(before.vram_svm - in_system * page_size, after.vram_svm);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
}

TEST_F(hmm_cpufault, write_brings_the_page_back_and_is_seen_by_device)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + 17 * page_size);
	uint64_t value = 0;

	/* With the device's page table pointing to where it is. */
	ASSERT_EQ(0, gpu_load(&self->gpu, word, &value));
	EXPECT_EQ(pattern(1, 17 * page_size), value);
	EXPECT_EQ(IN_DEVICE_WRITE, page_in(word));
	*word = 5;
	EXPECT_EQ(IN_SYSTEM, page_in(word));
	EXPECT_EQ(pattern(1, 17 * page_size + 8), word[1]);
	EXPECT_EQ(0, gpu_load(&self->gpu, word, &value));
	EXPECT_EQ(5, value);
}

TEST_F(hmm_cpufault, fault_around_stays_in_the_mapping)
{
	size_t middle = HUGE_SIZE;

	/* Neighbours in the same folio, chunk and window, in VMAs of their own. */
	ASSERT_EQ(0, mprotect(self->mem + middle - page_size, page_size, PROT_NONE));
	ASSERT_EQ(0, munmap(self->mem + middle + page_size, page_size));
	EXPECT_EQ(pattern(1, middle), *(volatile uint64_t *)(self->mem + middle));
	ASSERT_EQ(0, mprotect(self->mem + middle - page_size, page_size, PROT_READ));
	EXPECT_EQ(0, pattern_bad(self->mem, middle + page_size, 1));
	EXPECT_EQ(pattern(1, SIZE - 8), *(volatile uint64_t *)(self->mem + SIZE - 8));
}

/* ---- Accesses that are not loads and stores of this process --------------- */

TEST_F(hmm_cpufault, system_calls_read_and_write_it)
{
	char data[64], *addr = self->mem + HUGE_SIZE - 32;
	int ends[2];

	/* Across two pages that are both away. */
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(sizeof(data), write(ends[1], addr, sizeof(data)));
	ASSERT_EQ(sizeof(data), read(ends[0], data, sizeof(data)));
	EXPECT_EQ(pattern(1, HUGE_SIZE - 32), *(uint64_t *)data);
	EXPECT_EQ(pattern(1, HUGE_SIZE), *(uint64_t *)(data + 32));

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	memset(data, 0x77, sizeof(data));
	ASSERT_EQ(sizeof(data), write(ends[1], data, sizeof(data)));
	ASSERT_EQ(sizeof(data), read(ends[0], addr, sizeof(data)));
	EXPECT_EQ(0x7777777777777777, *(volatile uint64_t *)(addr + 32));
	EXPECT_EQ(pattern(1, HUGE_SIZE + 32), *(volatile uint64_t *)(addr + 64));
	close(ends[0]);
	close(ends[1]);
}

TEST_F(hmm_cpufault, vmsplice_takes_the_page_out_of_the_device)
{
	struct iovec iov = { self->mem + page_size, 64 };
	char data[64];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(64, vmsplice(ends[1], &iov, 1, 0));
	EXPECT_EQ(IN_SYSTEM, page_in(self->mem + page_size));
	ASSERT_EQ(64, read(ends[0], data, 64));
	EXPECT_EQ(pattern(1, page_size), *(uint64_t *)data);
	close(ends[0]);
	close(ends[1]);
}

TEST_F(hmm_cpufault, futex_sees_the_value_in_the_device)
{
	volatile uint32_t *word = (uint32_t *)self->mem;
	struct timespec soon = { 0, 1000000 };

	ASSERT_EQ(0, gpu_store(&self->gpu, word, 7));
	EXPECT_EQ(-1, syscall(__NR_futex, word, FUTEX_WAIT_PRIVATE, 6, &soon, NULL, 0));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(-1, syscall(__NR_futex, word, FUTEX_WAIT, 7, &soon, NULL, 0));
	EXPECT_EQ(ETIMEDOUT, errno);
}

TEST_F(hmm_cpufault, other_process_reads_and_writes_it)
{
	pid_t parent = getpid(), child;
	char *addr = self->mem + HUGE_SIZE - 8;

	child = fork();
	if (!child) {
		uint64_t data[2] = { 0 };
		struct iovec local = { data, sizeof(data) }, remote = { addr, sizeof(data) };

		EXPECT_EQ(sizeof(data), process_vm_readv(parent, &local, 1, &remote, 1, 0));
		EXPECT_EQ(pattern(1, HUGE_SIZE - 8), data[0]);
		EXPECT_EQ(pattern(1, HUGE_SIZE), data[1]);
		data[0] = 8;
		data[1] = 9;
		EXPECT_EQ(sizeof(data), process_vm_writev(parent, &local, 1, &remote, 1, 0));
		/* Not to the child's own, which it shares until then. */
		EXPECT_EQ(pattern(1, HUGE_SIZE), *(volatile uint64_t *)(addr + 8));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(8, *(volatile uint64_t *)addr);
	EXPECT_EQ(9, *(volatile uint64_t *)(addr + 8));
	EXPECT_EQ(pattern(1, HUGE_SIZE + 8), *(volatile uint64_t *)(addr + 16));
}

TEST_F(hmm_cpufault, debugger_reads_and_writes_it)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + 5 * page_size);
	struct gpu gpu;
	int status;
	pid_t child;

	/* The tracee's own device memory, not what it shares with us. */
	child = fork();
	if (!child) {
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, gpu_store(&gpu, word, 33));
		EXPECT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
		_exit(*word == 34 ? 0 : 1);
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSTOPPED(status));
	EXPECT_EQ(33, ptrace(PTRACE_PEEKDATA, child, word, 0));
	EXPECT_EQ(0, ptrace(PTRACE_POKEDATA, child, word, 34));
	EXPECT_EQ(0, ptrace(PTRACE_CONT, child, 0, 0));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(pattern(1, 5 * page_size), *word);
}

TEST_F(hmm_cpufault, reader_that_may_not_stay_gets_the_data_too)
{
	uint64_t value = 0;
	int fd;

	/* /proc/pid/mem goes through pages one by one, by reference. */
	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_EQ(8, pread(fd, &value, 8, dummy_addr(self->mem + 9 * page_size)));
	EXPECT_EQ(pattern(1, 9 * page_size), value);
	value = 44;
	ASSERT_EQ(8, pwrite(fd, &value, 8, dummy_addr(self->mem + 10 * page_size)));
	EXPECT_EQ(44, *(volatile uint64_t *)(self->mem + 10 * page_size));
	close(fd);
}

/* ---- Where the memory was moved, and what is left of it ------------------- */

TEST_F(hmm_cpufault, moved_memory_comes_back_at_its_new_address)
{
	char *target;

	target = must_map(_metadata, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ASSERT_EQ(target, mremap(self->mem, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	EXPECT_EQ(pages(SIZE), pages_in(target, SIZE, IN_DEVICE));
	EXPECT_EQ(0, pattern_bad(target, SIZE, 1));
	EXPECT_EQ(pages(SIZE), pages_in(target, SIZE, IN_SYSTEM));
}

TEST_F(hmm_cpufault, memory_moved_with_dontunmap_comes_back)
{
	char *target;

	target = must_map(_metadata, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	ASSERT_EQ(target, mremap(self->mem, SIZE, SIZE,
				 MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, target));
	EXPECT_EQ(0, pattern_bad(target, SIZE, 1));
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(0, *(volatile uint64_t *)(self->mem + HUGE_SIZE));
}

TEST_F(hmm_cpufault, memory_moved_to_odd_address_comes_back)
{
	size_t size = SIZE - HUGE_SIZE;
	char *target;

	/* No longer aligned as it was in the device. */
	target = must_map(_metadata, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	target += 3 * page_size;
	ASSERT_EQ(target, mremap(self->mem, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, target));
	EXPECT_EQ(0, pattern_bad(target, size, 1));
}

TEST_F(hmm_cpufault, rest_of_partly_unmapped_memory_comes_back)
{
	size_t half = HUGE_SIZE / 2;

	/* Half of each 2 MiB. */
	ASSERT_EQ(0, munmap(self->mem, half));
	ASSERT_EQ(0, munmap(self->mem + HUGE_SIZE + half, half));
	EXPECT_EQ(pattern(1, half), *(volatile uint64_t *)(self->mem + half));
	EXPECT_EQ(pattern(1, HUGE_SIZE), *(volatile uint64_t *)(self->mem + HUGE_SIZE));
	EXPECT_EQ(pattern(1, HUGE_SIZE + half - 8),
		  *(volatile uint64_t *)(self->mem + HUGE_SIZE + half - 8));
	EXPECT_EQ(pattern(1, HUGE_SIZE - 8), *(volatile uint64_t *)(self->mem + HUGE_SIZE - 8));
}

TEST_F(hmm_cpufault, partly_unmapped_memory_is_all_given_back_in_the_end)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	size_t offset;

	/* Every other page; teardown takes the rest and sees what is left. */
	for (offset = 0; offset < SIZE; offset += 2 * page_size)
		ASSERT_EQ(0, munmap(self->mem + offset, page_size));
	EXPECT_EQ(pattern(1, page_size), *(volatile uint64_t *)(self->mem + page_size));
	EXPECT_GT(before, gpu_device_stats(&self->gpu).vram_svm);
}

TEST_F(hmm_cpufault, dontneed_gives_device_memory_back_and_zeros)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm, value = 1;

	ASSERT_EQ(0, gpu_store(&self->gpu, self->mem, 5));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_DONTNEED));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm + SIZE == before));
	EXPECT_EQ(0, pages_in(self->mem, SIZE, IN_DEVICE));
	ASSERT_EQ(0, gpu_load(&self->gpu, self->mem, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(0, *(volatile uint64_t *)(self->mem + SIZE - 8));
}

TEST_F(hmm_cpufault, last_reader_after_fork_finds_data)
{
	pid_t child;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
		_exit(0);
	}
	/* The parent's mapping goes first. */
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	EXPECT_EQ(0, wait_exit(child));
}

/* ---- Many at once --------------------------------------------------------- */

#define NR_THREADS	8

struct toucher {
	pthread_t thread;
	pthread_barrier_t *barrier;
	const char *mem;
	size_t size, first;
	size_t bad;
};

static void *touch(void *arg)
{
	struct toucher *toucher = arg;
	size_t offset, done;

	pthread_barrier_wait(toucher->barrier);
	/* Each starts somewhere else and sees all of it. */
	for (done = 0; done < toucher->size; done += page_size) {
		offset = (toucher->first + done) % toucher->size;
		toucher->bad += *(volatile const uint64_t *)(toucher->mem + offset) !=
			pattern(1, offset);
	}
	return NULL;
}

/* Number of wrong words that any of the threads saw. */
static size_t touch_all(const char *mem, size_t size, size_t stagger)
{
	struct toucher touchers[NR_THREADS];
	pthread_barrier_t barrier;
	size_t i, bad = 0;

	pthread_barrier_init(&barrier, NULL, NR_THREADS);
	for (i = 0; i < NR_THREADS; i++) {
		touchers[i] = (struct toucher) {
			.barrier = &barrier, .mem = mem, .size = size,
			.first = i * stagger % size / page_size * page_size,
		};
		pthread_create(&touchers[i].thread, NULL, touch, &touchers[i]);
	}
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(touchers[i].thread, NULL);
		bad += touchers[i].bad;
	}
	pthread_barrier_destroy(&barrier);
	return bad;
}

static long minor_faults(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt;
}

TEST_F(hmm_cpufault, threads_that_touch_the_same_page_all_get_it)
{
	unsigned int round;

	for (round = 0; round < 20; round++) {
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		EXPECT_EQ(0, touch_all(self->mem, page_size, 0));
	}
}

TEST_F(hmm_cpufault, threads_that_touch_the_same_pages_all_get_them)
{
	unsigned int round;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		EXPECT_EQ(0, touch_all(self->mem, SIZE, 0));
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		EXPECT_EQ(0, touch_all(self->mem, SIZE, SIZE / NR_THREADS));
	}
}

TEST_F(hmm_cpufault, threads_that_wait_for_a_page_do_not_spin)
{
	/* Each thread, each page, and for each a few lost races. */
	const size_t most = 8 * NR_THREADS * pages(SIZE);
	struct drm_dummy_gpu_device_stats before, after;
	size_t faults = most + 1;
	unsigned int round;

	/*
	 * Core mm lets all fault again and again while one has the lock of the folio and
	 * its processor was taken away: that does not happen each time.
	 */
	for (round = 0; round < 3 && faults > most; round++) {
		ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
		before = gpu_device_stats(&self->gpu);
		faults = minor_faults();
		EXPECT_EQ(0, touch_all(self->mem, SIZE, 0));
		faults = minor_faults() - faults;
		after = gpu_device_stats(&self->gpu);
		EXPECT_EQ(before.cpu_fault_pages + pages(SIZE), after.cpu_fault_pages);
		EXPECT_EQ(before.cpu_fault_errors, after.cpu_fault_errors);
	}
	EXPECT_GE(most, faults);
}

struct puller {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
	volatile bool stop;
	int ret;
};

static void *pull(void *arg)
{
	struct puller *puller = arg;

	while (!puller->stop && !puller->ret)
		puller->ret = dummy_migrate(puller->gpu->vm, puller->mem, SIZE,
					    DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL);
	return NULL;
}

TEST_F(hmm_cpufault, cpu_wins_against_a_device_that_keeps_pulling)
{
	struct puller puller = { .gpu = &self->gpu, .mem = self->mem };
	unsigned int round;

	ASSERT_EQ(0, pthread_create(&puller.thread, NULL, pull, &puller));
	/* Each touch may have to wait for a whole migration: not too many of them. */
	for (round = 0; round < 4; round++)
		EXPECT_EQ(0, touch_all(self->mem, 32 * page_size, 0));
	puller.stop = true;
	pthread_join(puller.thread, NULL);
	EXPECT_EQ(0, puller.ret);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_cpufault, munmap_of_other_half_does_not_disturb_faults)
{
	struct puller puller = { .gpu = &self->gpu, .mem = self->mem };
	size_t offset;

	ASSERT_EQ(0, pthread_create(&puller.thread, NULL, pull, &puller));
	for (offset = 0; offset < SIZE / 2; offset += 32 * page_size) {
		EXPECT_EQ(0, munmap(self->mem + offset, 32 * page_size));
		EXPECT_EQ(pattern(1, SIZE / 2 + offset),
			  *(volatile uint64_t *)(self->mem + SIZE / 2 + offset));
	}
	puller.stop = true;
	pthread_join(puller.thread, NULL);
	EXPECT_EQ(0, puller.ret);
}

/* ---- Dumps ---------------------------------------------------------------- */

/* Words of the pattern in a core file at the place where @mem was. */
static long words_in_core(const char *path, const char *mem, size_t size)
{
	long good = -1;
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	size_t offset, i;
	uint64_t word;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head))
		goto out;
	for (i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &segment, sizeof(segment), head.e_phoff + i * sizeof(segment)) !=
		    sizeof(segment))
			goto out;
		if (segment.p_type != PT_LOAD || dummy_addr(mem) < segment.p_vaddr ||
		    dummy_addr(mem) + size > segment.p_vaddr + segment.p_filesz)
			continue;
		good = 0;
		for (offset = 0; offset < size; offset += page_size / 2) {
			if (pread(fd, &word, 8, segment.p_offset + offset + dummy_addr(mem) -
				  segment.p_vaddr) == 8)
				good += word == pattern(1, offset);
		}
	}
out:
	close(fd);
	return good;
}

TEST_F(hmm_cpufault, core_dump_has_the_data_that_is_in_the_device)
{
	const char *core_pattern = "/proc/sys/kernel/core_pattern";
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	char before[128] = "", path[64];
	struct gpu gpu;
	pid_t child;
	char *mem;
	int fd;

	/* The child's alone: what it shares with us would be taken apart first. */
	mem = must_alloc(_metadata, SIZE, variant->kind);
	fd = open(core_pattern, O_RDONLY);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, before, sizeof(before) - 1));
	close(fd);
	ASSERT_EQ(0, file_write(core_pattern, "/dev/shm/hmm_core.%p"));

	child = fork();
	if (!child) {
		setrlimit(RLIMIT_CORE, &limit);
		pattern_fill(mem, SIZE, 1);
		if (gpu_open(&gpu, 0) || gpu_to_device(&gpu, mem, SIZE))
			_exit(1);
		signal(SIGABRT, SIG_DFL);
		abort();
	}
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_EQ(0, file_write(core_pattern, before));
	snprintf(path, sizeof(path), "/dev/shm/hmm_core.%d", child);
	EXPECT_EQ(2 * pages(SIZE), words_in_core(path, mem, SIZE));
	unlink(path);
}

/* A limit of core mm, see Documentation/limits: it takes a 2 MiB device entry for a hole. */
XFAIL_ADD(hmm_cpufault, thp, core_dump_has_the_data_that_is_in_the_device);

TEST_HARNESS_MAIN
