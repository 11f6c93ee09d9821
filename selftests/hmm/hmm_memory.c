// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in the device is still memory of its process: it is counted, charged
 * and limited as before, survives what madvise, mlock and userfaultfd do around
 * it, is lost only to a memory error, and then to its users alone. What core mm
 * cannot do for device memory is here as an expected failure.
 */
#include "hmm_harness.h"

#include <dirent.h>
#include <linux/userfaultfd.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

/* A line "name: number kB" of a file in /proc/self, in bytes, summed up; -1: none. */
static long long proc_bytes(const char *file, const char *name, const char *mem)
{
	unsigned long start = 0, end = 0;
	long long sum = -1, value;
	char path[64], line[256], text[64];
	bool inside = !mem;
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	stream = fopen(path, "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (mem && sscanf(line, "%lx-%lx ", &start, &end) == 2) {
			inside = dummy_addr(mem) >= start && dummy_addr(mem) < end;
			continue;
		}
		if (inside && sscanf(line, "%63[^:]: %lld", text, &value) == 2 &&
		    !strcmp(text, name))
			sum = (sum < 0 ? 0 : sum) + value * 1024;
	}
	if (stream)
		fclose(stream);
	return sum;
}

FIXTURE(hmm_memory) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_memory) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_memory, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_memory, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_memory)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_memory)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- Counted -------------------------------------------------------------- */

TEST_F(hmm_memory, resident_set_does_not_change_by_migration)
{
	long long before = proc_bytes("status", "RssAnon", NULL);
	long long mapped = proc_bytes("smaps", "Rss", self->mem);

	EXPECT_EQ(SIZE, mapped);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	/* Other memory of ours comes and goes by some pages. */
	EXPECT_GE(64 * page_size, llabs(proc_bytes("status", "RssAnon", NULL) - before));
	EXPECT_EQ(SIZE, proc_bytes("smaps", "Rss", self->mem));
	EXPECT_EQ(0, proc_bytes("smaps", "Swap", self->mem));
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	EXPECT_LE(SIZE - 64 * page_size, before - proc_bytes("status", "RssAnon", NULL));
}

TEST_F(hmm_memory, mincore_and_move_pages_say_what_they_always_said)
{
	unsigned char in_core[2] = { 0 };
	int status[1] = { 0 };
	void *addr = self->mem;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, mincore(self->mem, 2 * page_size, in_core));
	EXPECT_EQ(1, in_core[0] & 1);
	/* It is on no node that the CPU could be told of. */
	ASSERT_EQ(0, syscall(__NR_move_pages, 0, 1, &addr, NULL, status, 0));
	EXPECT_EQ(-ENOENT, status[0]);
	EXPECT_EQ(IN_DEVICE_WRITE, page_in(self->mem));
}

/* ---- madvise and mlock ---------------------------------------------------- */

TEST_F(hmm_memory, cold_and_pageout_leave_it_where_it_is)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_COLD));
	EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_memory, free_leaves_data_of_device_memory_alone)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_FREE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_memory, device_write_after_free_is_never_discarded)
{
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_FREE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	/* Reclaim drops clean lazily freed pages: these are not clean. */
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
}

TEST_F(hmm_memory, device_write_to_memory_swapped_in_by_a_read_is_not_lost)
{
	size_t offset;

	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	if (!pages_in(self->mem, SIZE, IN_SWAP))
		SKIP(return, "needs swap");
	/* Clean, with a copy in swap that reclaim would take for good. */
	for (offset = 0; offset < SIZE; offset += page_size)
		ASSERT_EQ(pattern(1, offset), *(volatile uint64_t *)(self->mem + offset));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
	/* And written where it was swapped out. */
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 3));
}

TEST_F(hmm_memory, data_of_device_survives_swap_after_it_came_home)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
}

TEST_F(hmm_memory, collapse_brings_small_pages_home_or_fails_and_keeps_data)
{
	long long max_swap = file_read(KHUGEPAGED_MAX_SWAP);
	size_t in_device;
	int ret;

	/* To khugepaged these few are swapped out, and no reason not to collapse the rest. */
	file_write_number(KHUGEPAGED_MAX_SWAP, 0);
	ASSERT_EQ(0, madvise(self->mem, SIZE, MADV_HUGEPAGE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, 20 * page_size));
	in_device = pages_in(self->mem, HUGE_SIZE, IN_DEVICE);
	EXPECT_EQ(20, in_device);
	file_write_number(KHUGEPAGED_MAX_SWAP, max_swap);
	ret = madvise(self->mem, HUGE_SIZE, MADV_COLLAPSE);
	EXPECT_TRUE(ret || mem_is_huge(self->mem, HUGE_SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
}

TEST_F(hmm_memory, populate_and_willneed_bring_it_home)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_POPULATE_READ));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_EQ(0, madvise(self->mem, SIZE, MADV_POPULATE_WRITE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F(hmm_memory, mlock_brings_it_home_and_it_may_go_again)
{
	/* The pages of mlock() wait in a list of the processor, which holds them. */
	ASSERT_EQ(0, thread_pin());
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, mlock(self->mem, SIZE));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	/* Who asks for it by name may move what is locked: it stays resident. */
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	ASSERT_EQ(0, munlock(self->mem, SIZE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
}

/* ---- userfaultfd, soft-dirty ---------------------------------------------- */

TEST_F(hmm_memory, userfaultfd_does_not_replace_what_is_in_the_device)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { dummy_addr(self->mem), SIZE }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct uffdio_copy copy = {
		.dst = dummy_addr(self->mem), .src = dummy_addr(self->gpu.staging),
		.len = page_size,
	};
	int fd;

	fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, UFFDIO_API, &api))
		SKIP(return, "needs userfaultfd");
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, ioctl(fd, UFFDIO_REGISTER, &range));
	*(volatile uint64_t *)self->gpu.staging = 66;
	EXPECT_EQ(-1, ioctl(fd, UFFDIO_COPY, &copy));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(IN_DEVICE_WRITE, page_in(self->mem));
	/* It is there: touching it is no event either. */
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	close(fd);
}

#define SOFT_DIRTY	BIT(55)

TEST_F(hmm_memory, soft_dirty_sees_cpu_writes_to_device_memory)
{
	if (file_write("/proc/self/clear_refs", "4"))
		SKIP(return, "needs CONFIG_MEM_SOFT_DIRTY");
	*(volatile uint64_t *)self->mem = 5;
	if (!(pagemap_entry(self->mem) & SOFT_DIRTY))
		SKIP(return, "needs CONFIG_MEM_SOFT_DIRTY");
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, file_write("/proc/self/clear_refs", "4"));
	EXPECT_FALSE(pagemap_entry(self->mem) & SOFT_DIRTY);
	*(volatile uint64_t *)self->mem = 6;
	EXPECT_TRUE(pagemap_entry(self->mem) & SOFT_DIRTY);
}

/*
 * Limits of core mm, see Documentation/limits: it does not write-protect a device
 * entry, and of one for 2 MiB it never clears the bit.
 */
XFAIL_ADD(hmm_memory, pte, soft_dirty_sees_cpu_writes_to_device_memory);
XFAIL_ADD(hmm_memory, thp, soft_dirty_sees_cpu_writes_to_device_memory);

/* ---- Memory errors -------------------------------------------------------- */

static sigjmp_buf after_sigbus;

static void on_sigbus(int signal)
{
	siglongjmp(after_sigbus, signal);
}

/* Whether a read of @addr ends in SIGBUS. */
static bool read_is_sigbus(const volatile void *addr)
{
	struct sigaction action = { .sa_handler = on_sigbus }, before;
	bool sigbus = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(after_sigbus, 1)) {
		(void)*(const volatile char *)addr;
		sigbus = false;
	}
	sigaction(SIGBUS, &before, NULL);
	return sigbus;
}

TEST_F(hmm_memory, poisoned_device_page_is_lost_to_its_users_alone)
{
	const char *poison = "/sys/devices/system/memory/hard_offline_page";
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu);
	size_t bad = 3 * page_size, offset, wrong = 0;
	uint64_t value = 0, frame;
	char text[32];

	if (access(poison, W_OK))
		SKIP(return, "needs CONFIG_MEMORY_FAILURE");
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	/* The kernel kills who has it mapped unless it says that it cares. */
	signal(SIGBUS, SIG_IGN);
	frame = page_frame(self->mem + bad);
	snprintf(text, sizeof(text), "%#llx", (unsigned long long)frame * page_size);
	EXPECT_EQ(0, file_write(poison, text));

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&self->gpu, self->mem + bad, &value));
	EXPECT_EQ(dummy_addr(self->mem) + bad, self->gpu.job.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_store(&self->gpu, self->mem + bad, 1));
	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem + bad - 8, &value));
	EXPECT_EQ(pattern(1, bad - 8), value);
	EXPECT_TRUE(read_is_sigbus(self->mem + bad));
	/* The pages around it are as they were, in small pages at least. */
	for (offset = 0; variant->kind == MEM_PTE && offset < SIZE; offset += page_size) {
		if (offset != bad)
			wrong += *(volatile uint64_t *)(self->mem + offset) !=
				pattern(1, offset);
	}
	EXPECT_EQ(0, wrong);
	/* Retired when its users are gone, and never given out again. */
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_bad ==
			       before.vram_bad + page_size));
	self->gpu.base.vram_bad = before.vram_bad + page_size;
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	for (offset = 0; offset < SIZE; offset += page_size)
		wrong += page_frame(self->mem + offset) == frame;
	EXPECT_EQ(0, wrong);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- Limits of a cgroup --------------------------------------------------- */

FIXTURE(hmm_memory_cgroup) {
	struct gpu gpu;
	char path[64];
};

FIXTURE_SETUP(hmm_memory_cgroup)
{
	char control[96];

	setup_gpu(_metadata, &self->gpu, 0);
	snprintf(self->path, sizeof(self->path), "/sys/fs/cgroup/hmm_memory.%d", getpid());
	if (mkdir(self->path, 0755))
		SKIP(_exit(0), "needs cgroup2 at /sys/fs/cgroup");
	snprintf(control, sizeof(control), "%s/memory.max", self->path);
	if (access(control, W_OK)) {
		rmdir(self->path);
		SKIP(_exit(0), "needs the memory controller for children of the root cgroup");
	}
}

FIXTURE_TEARDOWN(hmm_memory_cgroup)
{
	teardown_gpu(_metadata, &self->gpu);
	/* Not as long as something is charged to a process in it. */
	EXPECT_TRUE(eventually(!rmdir(self->path)));
}

static long long cgroup_read(const char *path, const char *file)
{
	char name[160];

	snprintf(name, sizeof(name), "%s/%s", path, file);
	return file_read(name);
}

static int cgroup_write(const char *path, const char *file, long long value)
{
	char name[160], text[32];

	snprintf(name, sizeof(name), "%s/%s", path, file);
	snprintf(text, sizeof(text), "%lld", value);
	return file_write(name, text);
}

/* A counter in memory.events. */
static long long cgroup_event(const char *path, const char *event)
{
	char name[160], line[64], text[32];
	long long value, found = -1;
	FILE *file;

	snprintf(name, sizeof(name), "%s/memory.events", path);
	file = fopen(name, "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%31s %lld", text, &value) == 2 && !strcmp(text, event))
			found = value;
	}
	if (file)
		fclose(file);
	return found;
}

#define CHARGED	(16 * MIB)

TEST_F(hmm_memory_cgroup, charge_follows_the_data_and_a_full_cgroup_gets_it_back)
{
	long long current, limit;
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, cgroup_write(self->path, "cgroup.procs", getpid()));
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = mem_alloc(CHARGED, MEM_PTE);
		pattern_fill(mem, CHARGED, 1);
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, mem, page_size, 1));
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, CHARGED));
		EXPECT_EQ(0, gpu_to_system(&gpu, mem, CHARGED));
		current = cgroup_read(self->path, "memory.current");
		EXPECT_LE(CHARGED, current);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, CHARGED));
		/* Charges are batched per CPU and page tables come and go. */
		EXPECT_GE(2 * MIB, llabs(cgroup_read(self->path, "memory.current") - current));

		/* No page more than there is, and it all comes home. */
		limit = cgroup_read(self->path, "memory.current") + 512 * KIB;
		EXPECT_EQ(0, cgroup_write(self->path, "memory.swap.max", 0));
		EXPECT_EQ(0, cgroup_write(self->path, "memory.max", limit));
		EXPECT_EQ(0, pattern_bad(mem, CHARGED, 1));
		EXPECT_EQ(pages(CHARGED), pages_in(mem, CHARGED, IN_SYSTEM));
		EXPECT_EQ(0, cgroup_event(self->path, "oom_kill"));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, cgroup_event(self->path, "oom_kill"));
}

TEST_F(hmm_memory_cgroup, holes_filled_on_the_device_are_charged)
{
	long long before;
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, cgroup_write(self->path, "cgroup.procs", getpid()));
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = mem_alloc(CHARGED, MEM_PTE);
		before = cgroup_read(self->path, "memory.current");
		EXPECT_EQ(pages(CHARGED), gpu_migrate(&gpu, mem, CHARGED,
						      DRM_DUMMY_GPU_PLACE_DEVICE,
						      DRM_DUMMY_GPU_MIGRATE_POPULATE));
		EXPECT_LE(CHARGED - 2 * MIB, cgroup_read(self->path, "memory.current") - before);
		EXPECT_EQ(0, munmap(mem, CHARGED));
		EXPECT_TRUE(eventually(cgroup_read(self->path, "memory.current") - before <
				       (long long)(2 * MIB)));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_memory_cgroup, reclaim_leaves_device_memory_alone)
{
	char name[160];
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, cgroup_write(self->path, "cgroup.procs", getpid()));
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = mem_alloc(CHARGED, MEM_PTE);
		pattern_fill(mem, CHARGED, 1);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, CHARGED));
		snprintf(name, sizeof(name), "%s/memory.reclaim", self->path);
		file_write(name, "16M");
		EXPECT_EQ(pages(CHARGED), pages_in(mem, CHARGED, IN_DEVICE));
		EXPECT_EQ(0, pattern_bad(mem, CHARGED, 1));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

/* Device writes to more memory than its process may have. */
static void __attribute__((noreturn)) outgrow(const char *path, enum drm_dummy_gpu_place place)
{
	struct gpu gpu;
	char *mem;
	int ret;

	if (cgroup_write(path, "cgroup.procs", getpid()) || gpu_open(&gpu, 0))
		_exit(1);
	mem = mem_alloc(4 * CHARGED, MEM_PTE);
	if (cgroup_write(path, "memory.swap.max", 0) ||
	    cgroup_write(path, "memory.max", CHARGED) ||
	    gpu_advise_place(&gpu, mem, 4 * CHARGED, place))
		_exit(2);
	ret = gpu_fill(&gpu, mem, 4 * CHARGED, 1);
	_exit(ret == DRM_DUMMY_GPU_REASON_NO_MEMORY ? 3 : 4);
}

TEST_F(hmm_memory_cgroup, process_that_outgrows_its_limit_by_device_writes_is_stopped)
{
	static const enum drm_dummy_gpu_place places[] = {
		DRM_DUMMY_GPU_PLACE_SYSTEM, DRM_DUMMY_GPU_PLACE_DEVICE,
	};
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	long long level = file_read("/proc/sys/kernel/printk");
	char text[24];
	pid_t child;
	size_t i;
	int ret;

	/* The report of the OOM killer is no news: errors and worse still are. */
	EXPECT_EQ(0, file_write("/proc/sys/kernel/printk", "4"));
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		child = fork();
		if (!child)
			outgrow(self->path, places[i]);
		ret = wait_exit(child);
		/* Killed, or told that there is no memory. */
		EXPECT_TRUE(ret == -1 || ret == 3) {
			TH_LOG("place %u gives %d", places[i], ret);
		}
		EXPECT_LT(0, cgroup_event(self->path, "max"));
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
		EXPECT_EQ(0, cgroup_write(self->path, "memory.max", 1LL << 40));
	}
	snprintf(text, sizeof(text), "%lld", level);
	EXPECT_EQ(0, file_write("/proc/sys/kernel/printk", text));
	/* Everybody else goes on. */
	EXPECT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 5));
}

TEST_HARNESS_MAIN
