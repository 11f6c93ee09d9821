// SPDX-License-Identifier: GPL-2.0
/*
 * A process that is killed ends, wherever it or its device waits: for mmap_lock, in
 * the midst of making room, for a page that does not come home, for a job. What it
 * had is given back. Where a file system that does not answer keeps it, that is an
 * expected failure.
 */
#include "hmm_fuse.h"

#define SIZE	HUGE_SIZE

FIXTURE(hmm_kill) {
	struct gpu gpu;
	struct meeting meeting;
	struct slow_file file;
};

FIXTURE_VARIANT(hmm_kill) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_kill, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_kill, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_kill)
{
	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, meeting_init(&self->meeting));
	self->file.server = 0;
}

FIXTURE_TEARDOWN(hmm_kill)
{
	slow_close(&self->file);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->gpu.staging, 5));
	teardown_gpu(_metadata, &self->gpu);
}

/* Kill @child: how long it took to end, in ms; more than LIVE_MS: it did not. */
static uint64_t time_to_die(pid_t child)
{
	uint64_t before = now_ms();

	kill(child, SIGKILL);
	while (waitpid(child, NULL, WNOHANG) != child) {
		if (now_ms() - before > LIVE_MS)
			return LIVE_MS + 1;
		sleep_ms(5);
	}
	return now_ms() - before;
}

/* Give back what it had: the frames, and the jobs. */
static bool has_all_back(const struct gpu *gpu)
{
	return eventually(gpu_device_stats(gpu).vram_svm == gpu->base.vram_svm &&
			  gpu_device_stats(gpu).vram_bo == gpu->base.vram_bo);
}

/* ---- For a lock ----------------------------------------------------------- */

struct mover {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
};

static void *move_slowly(void *arg)
{
	struct mover *mover = arg;

	dummy_migrate(mover->gpu->vm, mover->mem, SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL);
	return NULL;
}

/* Who wants it for writing makes all others wait, also readers. */
static void *map_for_ever(void *arg)
{
	void *mem;

	(void)arg;
	for (;;) {
		mem = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (mem != MAP_FAILED)
			munmap(mem, page_size);
	}
	return NULL;
}

/* In a child: a device fault that waits for mmap_lock, which a slow move has. */
static int wait_for_lock(struct meeting *meeting, enum mem_kind kind)
{
	struct mover mover;
	pthread_t thread;
	uint64_t job_id;
	struct gpu gpu;
	char *other;

	meeting_child(meeting);
	if (gpu_open(&gpu, 0))
		return 1;
	mover.gpu = &gpu;
	mover.mem = mem_alloc(SIZE, kind);
	other = mem_alloc(SIZE, kind);
	if (!mover.mem || !other)
		return 2;
	pattern_fill(mover.mem, SIZE, 1);
	if (gpu_to_device(&gpu, mover.mem, SIZE))
		return 3;
	/* All else that the device needs it has, but for one page. */
	*(volatile uint64_t *)other = 1;
	dummy_stream_load(gpu.stream, 0, dummy_addr(other), 8);
	if (!fail_always("copy_slow", 3000) ||
	    pthread_create(&mover.thread, NULL, move_slowly, &mover) ||
	    pthread_create(&thread, NULL, map_for_ever, NULL))
		return 4;
	sleep_ms(200);
	if (gpu_start(&gpu, &job_id))
		return 5;
	sleep_ms(100);
	meet(meeting);
	pause();
	return 6;
}

TEST_F_TIMEOUT(hmm_kill, process_dies_while_its_device_waits_for_mmap_lock, 120)
{
	pid_t child;

	if (knob_write("inject/sites", "all"))
		SKIP(return, NO_INJECT);
	child = fork();
	if (!child)
		_exit(wait_for_lock(&self->meeting, variant->kind));
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	/* The copy itself is made to take 3 s. */
	EXPECT_GT(LIVE_MS / 2, time_to_die(child));
	EXPECT_EQ(0, fail_nothing());
	EXPECT_TRUE(has_all_back(&self->gpu));
}

/* ---- For a page ----------------------------------------------------------- */

/* A touch whose page never comes home: it is tried again, and can be killed. */
TEST_F_TIMEOUT(hmm_kill, process_dies_that_touches_a_page_which_does_not_come_home, 120)
{
	struct gpu gpu;
	pid_t child;
	char *mem;

	if (knob_write("inject/sites", "all"))
		SKIP(return, NO_INJECT);
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		mem = mem_alloc(SIZE, variant->kind);
		if (!mem || gpu_open(&gpu, 0))
			_exit(1);
		pattern_fill(mem, SIZE, 1);
		if (gpu_to_device(&gpu, mem, SIZE) || !fail_always("setup_out", 0))
			_exit(2);
		meet(&self->meeting);
		_exit(*(volatile char *)mem ? 3 : 4);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	sleep_ms(300);
	EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
	EXPECT_GT(LIVE_MS / 4, time_to_die(child));
	EXPECT_EQ(0, fail_nothing());
	EXPECT_TRUE(has_all_back(&self->gpu));
}

/* In a child: a job that needs a page of the file. */
static int fault_on_file(struct meeting *meeting, struct slow_file *file)
{
	struct stat stat;
	uint64_t job_id;
	struct gpu gpu;
	char *mem;
	int fd;

	meeting_child(meeting);
	close(file->dev);
	fd = open(file->path, O_RDONLY | O_CLOEXEC);
	/* A fault does not ask how long the file is. */
	if (fd < 0 || fstat(fd, &stat) || gpu_open(&gpu, 0))
		return 1;
	mem = mem_map(SLOW_SIZE, PROT_READ, MAP_PRIVATE, fd);
	if (!mem)
		return 2;
	dummy_stream_load(gpu.stream, 0, dummy_addr(mem), 8);
	if (gpu_start(&gpu, &job_id))
		return 3;
	meet(meeting);
	pause();
	return 4;
}

TEST_F_TIMEOUT(hmm_kill, process_dies_while_its_device_waits_for_a_file_system, 120)
{
	pid_t child;

	if (slow_open(&self->file, false))
		SKIP(return, NO_FUSE);
	child = fork();
	if (!child)
		_exit(fault_on_file(&self->meeting, &self->file));
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_TRUE(eventually(self->file.nr_held));
	EXPECT_GT(LIVE_MS / 4, time_to_die(child));
	/* When it answers, all is as it should be. */
	self->file.answers = true;
	EXPECT_TRUE(eventually(waitpid(child, NULL, WNOHANG)));
	EXPECT_TRUE(has_all_back(&self->gpu));
}

/*
 * A limit, see Documentation/limits: core mm waits for the page where no signal ends
 * it, and dummy_gpu, when its file is closed, for that fault.
 */
XFAIL_ADD(hmm_kill, pte, process_dies_while_its_device_waits_for_a_file_system);
XFAIL_ADD(hmm_kill, thp, process_dies_while_its_device_waits_for_a_file_system);

/* Everybody else goes on meanwhile, and the device too. */
TEST_F_TIMEOUT(hmm_kill, file_system_that_does_not_answer_holds_up_no_other_process, 120)
{
	unsigned int i;
	pid_t child;
	char *mem;

	if (slow_open(&self->file, false))
		SKIP(return, NO_FUSE);
	mem = must_alloc(_metadata, SIZE, variant->kind);
	child = fork();
	if (!child)
		_exit(fault_on_file(&self->meeting, &self->file));
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_TRUE(eventually(self->file.nr_held));
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, mem, SIZE, i));
		EXPECT_EQ(0, pattern_bad(mem, SIZE, i));
		EXPECT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, NULL));
	}
	self->file.answers = true;
	EXPECT_GT(LIVE_MS / 4, time_to_die(child));
	mem_free(mem);
	EXPECT_TRUE(has_all_back(&self->gpu));
}

/* ---- For room ------------------------------------------------------------- */

TEST_F_TIMEOUT(hmm_kill, process_dies_that_waits_for_room_for_a_buffer_object, 240)
{
	uint64_t total = gpu_device_stats(&self->gpu).vram_total;
	size_t left = 40 * HUGE_SIZE, size = 32 * HUGE_SIZE;
	struct dummy_bo *bo, *taken;
	uint64_t evicted;
	struct gpu gpu;
	pid_t child;
	char *mem;

	if (knob_write("inject/sites", "all"))
		SKIP(return, NO_INJECT);
	if (total < 2 * left)
		SKIP(return, "needs more device memory");
	/* Little is left of it, and that holds memory of the process. */
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, (total - left) / HUGE_SIZE * HUGE_SIZE,
				     DRM_DUMMY_GPU_GEM_VRAM, &taken));
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		mem = mem_alloc(left, variant->kind);
		if (!mem || gpu_open(&gpu, 0))
			_exit(1);
		gpu_migrate(&gpu, mem, left, DRM_DUMMY_GPU_PLACE_DEVICE,
			    DRM_DUMMY_GPU_MIGRATE_POPULATE);
		/* 24 chunks and more, each of which takes a while. */
		if (pages_in(mem, left, IN_DEVICE) < 36 * HUGE_SIZE / page_size ||
		    !fail_always("copy_slow", 500))
			_exit(2);
		meet(&self->meeting);
		dummy_bo_create(gpu.dev, size, DRM_DUMMY_GPU_GEM_VRAM, &bo);
		_exit(3);
	}
	meeting_parent(&self->meeting);
	evicted = gpu_device_stats(&self->gpu).evicted_chunks;
	EXPECT_EQ(0, meet(&self->meeting));
	/* It has begun, and is far from its end. */
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).evicted_chunks > evicted));
	EXPECT_GT(LIVE_MS / 4, time_to_die(child));
	EXPECT_EQ(0, fail_nothing());
	EXPECT_EQ(0, dummy_bo_destroy(taken));
	EXPECT_TRUE(has_all_back(&self->gpu));
}

/* ---- For a job ------------------------------------------------------------ */

/* Both ways of waiting, for a job that never ends. */
TEST_F(hmm_kill, process_dies_that_waits_for_a_job_or_its_fence)
{
	unsigned int by_fence;
	uint64_t loop, job_id;
	struct gpu gpu;
	pid_t child;
	char *mem;

	for (by_fence = 0; by_fence < 2; by_fence++) {
		ASSERT_EQ(0, meeting_init(&self->meeting));
		child = fork();
		if (!child) {
			meeting_child(&self->meeting);
			mem = mem_alloc(SIZE, variant->kind);
			if (!mem || gpu_open(&gpu, 0))
				_exit(1);
			pattern_fill(mem, SIZE, 1);
			*(volatile uint64_t *)mem = 0;
			loop = dummy_stream_size(gpu.stream);
			dummy_stream_store(gpu.stream, dummy_addr(mem + page_size), 1, 8);
			dummy_stream_jump(gpu.stream, loop, DUMMY_GPU_COND_ALWAYS, 0, 0);
			if (gpu_start(&gpu, &job_id))
				_exit(2);
			meet(&self->meeting);
			if (by_fence)
				dummy_wait_fence(gpu.queue, (uint64_t *)mem, 1, job_id,
						 100 * LIVE_NS);
			else
				dummy_wait(gpu.queue, job_id, 100 * LIVE_NS, NULL);
			_exit(3);
		}
		meeting_parent(&self->meeting);
		EXPECT_EQ(0, meet(&self->meeting));
		sleep_ms(100);
		EXPECT_EQ(0, waitpid(child, NULL, WNOHANG));
		EXPECT_GT(LIVE_MS / 4, time_to_die(child));
		EXPECT_TRUE(has_all_back(&self->gpu));
		close(self->meeting.end[0]);
	}
}

TEST_HARNESS_MAIN
