// SPDX-License-Identifier: GPL-2.0
/*
 * A memory cgroup whose process has memory in the device, in pages of either
 * size: it is charged as if it were at home, nothing takes it away, it comes home
 * into a cgroup that is full, and all of it is given back when the process is
 * killed, by whomever, with its jobs running.
 */
#include "hmm_matrix.h"

#include <linux/limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define SIZE	(4 * HUGE_SIZE)
#define PAGES	(SIZE / page_size)

FIXTURE(hmm_matrix_cgroup) {
	struct gpu gpu;
	char path[64];
	uint64_t vram;	/* in use before */
};

FIXTURE_VARIANT(hmm_matrix_cgroup) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_matrix_cgroup, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_matrix_cgroup, thp) { .kind = MEM_THP };

static const char *in_cgroup(const char *path, const char *file)
{
	static char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s/%s", path, file);
	return name;
}

static long long cgroup_read(const char *path, const char *file)
{
	return file_read(in_cgroup(path, file));
}

static int cgroup_write(const char *path, const char *file, long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", value);
	return file_write(in_cgroup(path, file), text);
}

/* A counter in memory.events. */
static long long cgroup_event(const char *path, const char *event)
{
	long long value, found = -1;
	char line[64], text[32];
	FILE *stream;

	stream = fopen(in_cgroup(path, "memory.events"), "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%31s %lld", text, &value) == 2 && !strcmp(text, event))
			found = value;
	}
	if (stream)
		fclose(stream);
	return found;
}

FIXTURE_SETUP(hmm_matrix_cgroup)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->vram = gpu_device_stats(&self->gpu).vram_svm;
	snprintf(self->path, sizeof(self->path), "/sys/fs/cgroup/hmm_matrix.%d", getpid());
	if (mkdir(self->path, 0755))
		SKIP(_exit(0), "needs cgroup2 at /sys/fs/cgroup");
	if (cgroup_write(self->path, "memory.swap.max", 0)) {
		rmdir(self->path);
		SKIP(_exit(0), "needs the memory controller for children of the root cgroup");
	}
}

FIXTURE_TEARDOWN(hmm_matrix_cgroup)
{
	teardown_gpu(_metadata, &self->gpu);
	/* Not as long as something is charged to a process in it. */
	EXPECT_TRUE(eventually(!rmdir(self->path)));
}

/* In the cgroup from now on, with memory of @size in pages of @kind. NULL: it cannot be. */
static char *enter(struct gpu *gpu, const char *path, size_t size, enum mem_kind kind)
{
	char *mem;

	if (cgroup_write(path, "cgroup.procs", getpid()) || gpu_open(gpu, 0))
		return NULL;
	mem = mem_alloc(size, kind);
	if (!mem)
		return NULL;
	pattern_fill(mem, size, 1);
	return mem_is_kind(mem, size, kind) ? mem : NULL;
}

TEST_F(hmm_matrix_cgroup, full_cgroup_gets_its_memory_back)
{
	long long current;
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, SIZE, variant->kind);
		EXPECT_NE(NULL, mem);
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, mem, SIZE, 1));
		EXPECT_EQ(0, gpu_to_system(&gpu, mem, SIZE));
		current = cgroup_read(self->path, "memory.current");
		EXPECT_LE(SIZE, current);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, SIZE));
		/* Charges are batched per CPU, page tables come and go. */
		EXPECT_GE(2 * MIB, llabs(cgroup_read(self->path, "memory.current") - current));

		current = cgroup_read(self->path, "memory.current");
		EXPECT_EQ(0, cgroup_write(self->path, "memory.max", current + 512 * KIB));
		EXPECT_EQ(PAGES, pages_in(mem, SIZE, IN_DEVICE));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
		EXPECT_EQ(PAGES, pages_in(mem, SIZE, IN_SYSTEM));
		EXPECT_EQ(0, cgroup_write(self->path, "memory.max", 1LL << 40));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, cgroup_event(self->path, "oom_kill"));
}

TEST_F(hmm_matrix_cgroup, holes_filled_on_the_device_are_charged)
{
	long long before;
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, page_size, MEM_PTE);
		EXPECT_NE(NULL, mem);
		mem = mem_alloc(SIZE, variant->kind);
		before = cgroup_read(self->path, "memory.current");
		EXPECT_EQ(PAGES, gpu_migrate(&gpu, mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
					     DRM_DUMMY_GPU_MIGRATE_POPULATE));
		EXPECT_TRUE(mem_is_kind(mem, SIZE, variant->kind));
		EXPECT_LE(SIZE - 2 * MIB, cgroup_read(self->path, "memory.current") - before);
		EXPECT_EQ(0, munmap(mem, SIZE));
		EXPECT_TRUE(eventually(cgroup_read(self->path, "memory.current") - before <
				       (long long)(2 * MIB)));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_matrix_cgroup, reclaim_takes_what_is_at_home_and_leaves_the_device)
{
	size_t half = SIZE / 2;
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, SIZE, variant->kind);
		EXPECT_NE(NULL, mem);
		EXPECT_EQ(0, cgroup_write(self->path, "memory.swap.max", 1LL << 40));
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, half));
		/* It fails unless it finds all of that. */
		file_write(in_cgroup(self->path, "memory.reclaim"), "8M");
		EXPECT_EQ(PAGES / 2, pages_in(mem, half, IN_DEVICE));
		EXPECT_LT(0, pages_in(mem + half, half, IN_SWAP));
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, mem, SIZE, 1));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, 1));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
}

/* ---- Killed --------------------------------------------------------------- */

/* Write to all of @mem by the device, for ever. */
static int start_endless_job(struct gpu *gpu, char *mem)
{
	uint64_t loop = dummy_stream_size(gpu->stream), job_id;

	dummy_stream_fill(gpu->stream, dummy_addr(mem), SIZE, 5, 8);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_EQ, 0, 0);
	return gpu_start(gpu, &job_id);
}

static long long quiet_kernel(void)
{
	long long level = file_read("/proc/sys/kernel/printk");

	/* The report of the OOM killer is no news: errors and worse still are. */
	file_write("/proc/sys/kernel/printk", "4");
	return level;
}

static void loud_kernel(long long level)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", level);
	file_write("/proc/sys/kernel/printk", text);
}

TEST_F(hmm_matrix_cgroup, process_that_is_killed_for_memory_gives_the_device_its_own_back)
{
	long long level = quiet_kernel();
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, SIZE, variant->kind);
		if (!mem || gpu_to_device(&gpu, mem, SIZE) || start_endless_job(&gpu, mem) ||
		    cgroup_write(self->path, "memory.max", 2 * SIZE))
			_exit(1);
		/* More than there is, by the CPU, while the device goes on. */
		mem = mem_alloc(4 * SIZE, variant->kind);
		pattern_fill(mem, 4 * SIZE, 2);
		_exit(2);
	}
	EXPECT_EQ(-1, wait_exit(child));
	loud_kernel(level);
	EXPECT_LT(0, cgroup_event(self->path, "oom_kill"));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 5));
}

/* Device writes to holes, more of them than its process may fill. */
TEST_F(hmm_matrix_cgroup, process_that_outgrows_its_limit_on_the_device_is_stopped)
{
	long long level = quiet_kernel();
	struct gpu gpu;
	pid_t child;
	char *mem;
	int ret;

	child = fork();
	if (!child) {
		mem = enter(&gpu, self->path, page_size, MEM_PTE);
		mem = mem ? mem_alloc(2 * SIZE, variant->kind) : NULL;
		if (!mem || cgroup_write(self->path, "memory.max", SIZE) ||
		    gpu_advise_place(&gpu, mem, 2 * SIZE, DRM_DUMMY_GPU_PLACE_DEVICE))
			_exit(1);
		ret = gpu_fill(&gpu, mem, 2 * SIZE, 1);
		_exit(ret == DRM_DUMMY_GPU_REASON_NO_MEMORY ? 3 : 4);
	}
	ret = wait_exit(child);
	loud_kernel(level);
	/* Killed, or told that there is no memory. */
	EXPECT_TRUE(ret == -1 || ret == 3) {
		TH_LOG("it ended with %d", ret);
	}
	EXPECT_LT(0, cgroup_event(self->path, "max"));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 5));
}

TEST_F(hmm_matrix_cgroup, process_that_is_reaped_by_another_gives_all_back)
{
	struct meeting meeting;
	struct gpu gpu;
	pid_t child;
	char *mem;
	int fd;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = enter(&gpu, self->path, SIZE, variant->kind);
		if (!mem || gpu_to_device(&gpu, mem, SIZE) || start_endless_job(&gpu, mem))
			_exit(1);
		meet(&meeting);
		pause();
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_LE(self->vram + SIZE, gpu_device_stats(&self->gpu).vram_svm);
	fd = syscall(__NR_pidfd_open, child, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, kill(child, SIGKILL));
	/* What the OOM reaper does, from here. It may have ended by itself. */
	if (syscall(__NR_process_mrelease, fd, 0))
		EXPECT_TRUE(errno == ESRCH || errno == EAGAIN || errno == EINTR);
	EXPECT_EQ(-1, wait_exit(child));
	close(fd);
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
}

/* ---- Left behind ---------------------------------------------------------- */

TEST_F(hmm_matrix_cgroup, buffer_object_never_shows_what_a_process_had)
{
	uint64_t sum = 0;
	struct dummy_bo *bo;
	size_t offset;
	char *mem;
	void *map;

	/* As much as there is to go round, so that some of it is the same. */
	mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(mem, SIZE, 1);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, mem, SIZE));
	ASSERT_EQ(0, munmap(mem, SIZE));
	ASSERT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	ASSERT_EQ(0, dummy_bo_map(bo, &map));
	for (offset = 0; offset < SIZE; offset += 8)
		sum |= *(volatile uint64_t *)(map + offset);
	EXPECT_EQ(0, sum);
	/* And the other way: what was in a buffer object, no process sees. */
	memset(map, 0x5a, SIZE);
	ASSERT_EQ(0, dummy_bo_destroy(bo));
	mem = must_alloc(_metadata, SIZE, variant->kind);
	ASSERT_EQ(PAGES, gpu_migrate(&self->gpu, mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				     DRM_DUMMY_GPU_MIGRATE_POPULATE));
	for (offset = 0; offset < SIZE; offset += 8)
		sum |= *(volatile uint64_t *)(mem + offset);
	EXPECT_EQ(0, sum);
}

/* ---- In every state ------------------------------------------------------- */

FIXTURE(hmm_matrix_member) {
	struct gpu gpu;
	char path[64];
	uint64_t vram;
};

FIXTURE_VARIANT(hmm_matrix_member) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_member, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_member, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_member)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->vram = gpu_device_stats(&self->gpu).vram_svm;
	snprintf(self->path, sizeof(self->path), "/sys/fs/cgroup/hmm_member.%d", getpid());
	if (mkdir(self->path, 0755))
		SKIP(_exit(0), "needs cgroup2 at /sys/fs/cgroup");
	if (cgroup_read(self->path, "memory.current") < 0) {
		rmdir(self->path);
		SKIP(_exit(0), "needs the memory controller for children of the root cgroup");
	}
	/* Whoever shares the cell of one that was killed becomes our child. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
}

FIXTURE_TEARDOWN(hmm_matrix_member)
{
	teardown_gpu(_metadata, &self->gpu);
	EXPECT_TRUE(eventually(!rmdir(self->path)));
}

/* In a child: in the cgroup from now on, with a cell. 0, or a code to exit with. */
static int enter_cell(struct cell *cell, const char *path, struct cell_kind kind)
{
	if (cgroup_write(path, "cgroup.procs", getpid()) || gpu_open(&cell->gpu, 0))
		return 1;
	return cell_init(cell, kind) ? 2 : 0;
}

/* Reclaimed by its cgroup: at home, but not away; and so it is for who shares it. */
static int be_reclaimed(const char *path, struct cell_kind kind)
{
	struct cell cell;
	int ret = enter_cell(&cell, path, kind);

	if (ret)
		return ret;
	file_write(in_cgroup(path, "memory.reclaim"), "16M");
	/* What is exclusive is at home: it may go, and then the device has it no more. */
	if (kind.state == CELL_EXCLUSIVE ? !cell_send(&cell) :
					   page_in(cell.page) != cell_place(&cell))
		return 3;
	if (kind.state != CELL_EXCLUSIVE && gpu_to_system(&cell.gpu, cell.mem, CELL_SIZE))
		return 4;
	file_write(in_cgroup(path, "memory.reclaim"), "16M");
	if (!pages_in(cell.mem, CELL_SIZE, IN_SWAP))
		return 5;
	if (gpu_pattern_bad(&cell.gpu, cell.mem, CELL_SIZE, 1))
		return 6;
	file_write(in_cgroup(path, "memory.reclaim"), "16M");
	if (pattern_bad(cell.mem, CELL_SIZE, 1))
		return 7;
	return cell_others_are_well(&cell) ? 0 : 8;
}

TEST_F(hmm_matrix_member, reclaim_leaves_it_in_the_device_and_swaps_it_at_home)
{
	pid_t child;

	child = fork();
	if (!child)
		_exit(be_reclaimed(self->path, variant->cell));
	EXPECT_EQ(0, wait_exit(child));
}

/* The copies that the device makes of what is shared are as much as that is. */
static int make_copies(const char *path, struct cell_kind kind)
{
	struct cell cell;
	int ret = enter_cell(&cell, path, kind);
	long long charged;
	size_t offset;

	if (ret)
		return ret;
	if (cell_is_writable(&cell)) {
		charged = cgroup_read(path, "memory.current");
		if (gpu_fill(&cell.gpu, cell.mem, CELL_SIZE, 2))
			return 3;
		charged = cgroup_read(path, "memory.current") - charged;
		/* In batches per CPU, and there are page tables. */
		if (kind.state == CELL_SHARED ? charged < (long long)CELL_SIZE / 2 :
						charged > (long long)CELL_SIZE / 2)
			return 4;
		for (offset = 0; offset < CELL_SIZE; offset += 8) {
			if (*(volatile uint64_t *)(cell.mem + offset) != 2)
				return 5;
		}
	}
	return cell_others_are_well(&cell) ? 0 : 6;
}

TEST_F(hmm_matrix_member, copies_of_what_is_shared_are_charged_and_nothing_else)
{
	pid_t child;

	child = fork();
	if (!child)
		_exit(make_copies(self->path, variant->cell));
	EXPECT_EQ(0, wait_exit(child));
}

/* A job that never ends and uses the cell as its state allows. */
static int start_endless_use(struct cell *cell)
{
	struct dummy_stream *stream = cell->gpu.stream;
	uint64_t loop = dummy_stream_size(stream), job_id;

	if (cell->state == CELL_EXCLUSIVE)
		dummy_stream_atomic_add(stream, 0, dummy_addr(cell->page), 1, 8);
	else if (cell_is_writable(cell))
		dummy_stream_store(stream, dummy_addr(cell->page), 6, 8);
	else
		dummy_stream_load(stream, 1, dummy_addr(cell->page), 8);
	dummy_stream_jump(stream, loop, DUMMY_GPU_COND_ALWAYS, 0, 0);
	return gpu_start(&cell->gpu, &job_id);
}

/* Die, by the OOM killer or by a neighbour who reaps. Who shares the cell looks at it then. */
static int live_until_killed(const char *path, struct cell_kind kind, struct meeting *meeting,
			     bool outgrow)
{
	struct cell cell;
	char *mem;

	meeting_child(meeting);
	if (gpu_open(&cell.gpu, 0) || cell_init(&cell, kind) ||
	    cgroup_write(path, "cgroup.procs", getpid()) || start_endless_use(&cell))
		return 1;
	if (meet(meeting))
		return 2;
	if (!outgrow)
		pause();
	mem = mem_alloc(8 * SIZE, MEM_PTE);
	pattern_fill(mem, 8 * SIZE, 2);
	return 3;
}

/* The one child that is left has found what it had, if there is one. */
static bool orphan_is_well(enum cell_state state)
{
	pid_t child;
	int status;

	if (state != CELL_SHARED)
		return true;
	child = waitpid(-1, &status, 0);
	return child > 0 && WIFEXITED(status) && !WEXITSTATUS(status);
}

TEST_F(hmm_matrix_member, process_that_is_killed_for_memory_gives_the_device_its_own_back)
{
	long long level = quiet_kernel();
	struct meeting meeting;
	pid_t child;

	ASSERT_EQ(0, cgroup_write(self->path, "memory.swap.max", 0));
	ASSERT_EQ(0, cgroup_write(self->path, "memory.max", SIZE));
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child)
		_exit(live_until_killed(self->path, variant->cell, &meeting, true));
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(-1, wait_exit(child));
	loud_kernel(level);
	EXPECT_LT(0, cgroup_event(self->path, "oom_kill"));
	EXPECT_TRUE(orphan_is_well(variant->cell.state));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 5));
}

TEST_F(hmm_matrix_member, process_that_is_reaped_by_another_gives_all_back)
{
	struct meeting meeting;
	pid_t child;
	int fd;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child)
		_exit(live_until_killed(self->path, variant->cell, &meeting, false));
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	fd = syscall(__NR_pidfd_open, child, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, kill(child, SIGKILL));
	if (syscall(__NR_process_mrelease, fd, 0))
		EXPECT_TRUE(errno == ESRCH || errno == EAGAIN || errno == EINTR);
	EXPECT_EQ(-1, wait_exit(child));
	close(fd);
	EXPECT_TRUE(orphan_is_well(variant->cell.state));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == self->vram));
}

/*
 * What the device fills and what comes home make it exceed memory.high: reclaim takes
 * that, and it is slowed down, but not for ever.
 */
static int live_above_high(const char *path, struct cell_kind kind)
{
	struct cell cell;
	int ret = enter_cell(&cell, path, kind);
	char *mem;

	if (ret)
		return ret;
	mem = mem_alloc(CELL_SIZE, MEM_PTE);
	if (!mem || gpu_pattern_bad(&cell.gpu, cell.mem, CELL_SIZE, 1) ||
	    cgroup_write(path, "memory.high", cgroup_read(path, "memory.current") + MIB / 2))
		return 3;
	if (gpu_pattern_fill(&cell.gpu, mem, CELL_SIZE, 3))
		return 4;
	if (gpu_pattern_bad(&cell.gpu, cell.mem, CELL_SIZE, 1))
		return 5;
	if (pattern_bad(cell.mem, CELL_SIZE, 1) || pattern_bad(mem, CELL_SIZE, 3))
		return 6;
	if (!cgroup_event(path, "high"))
		return 7;
	return cell_others_are_well(&cell) ? 0 : 8;
}

TEST_F_TIMEOUT(hmm_matrix_member, process_above_memory_high_goes_on_and_keeps_its_data, 120)
{
	pid_t child;

	child = fork();
	if (!child)
		_exit(live_above_high(self->path, variant->cell));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, cgroup_event(self->path, "oom_kill"));
}

TEST_HARNESS_MAIN
