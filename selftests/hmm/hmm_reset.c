// SPDX-License-Identifier: GPL-2.0
/*
 * Engines that hang: the job in which one does ends and says so, whoever else
 * uses the device loses nothing, and no process waits for what will not come.
 */
#include "hmm_harness.h"

#include <linux/sync_file.h>
#include <xf86drm.h>

#define SIZE		HUGE_SIZE

/*
 * How long an engine may make no access here: long enough for a thread that is
 * not given a processor, short enough to wait for.
 */
#define HANG_MS		1000
/* The same where an engine that does not hang must not be taken for one that does. */
#define PATIENT_MS	(4 * HANG_MS)

FIXTURE(hmm_reset) {
	struct gpu gpu;
	struct meeting meeting;
	long long hang_timeout_ms;
	volatile uint64_t *words;	/* what jobs count, and what ends them */
	char *mem;
};

FIXTURE_VARIANT(hmm_reset) {
	const char *how;	/* what brings the engine back */
};

FIXTURE_VARIANT_ADD(hmm_reset, engine) { .how = "0" };
FIXTURE_VARIANT_ADD(hmm_reset, chip) { .how = "0 hard" };

FIXTURE_SETUP(hmm_reset)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (chip_write(0, "hang", "none"))
		SKIP(_exit(0), "needs debugfs");
	if (gpu_engines(&self->gpu) < 2)
		SKIP(_exit(0), "needs two engines");
	self->hang_timeout_ms = parameter_read("hang_timeout_ms");
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", HANG_MS));
	dumps_take(NULL);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(self->mem, SIZE, 1);
	/* Seen by children, and not moved about by the jobs of all. */
	self->words = (void *)must_map(_metadata, page_size, PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1);
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_reset)
{
	EXPECT_EQ(0, chip_write(0, "hang", "none"));
	parameter_write("hang_timeout_ms", self->hang_timeout_ms);
	dumps_take(NULL);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 77));
	EXPECT_EQ(77, *(volatile uint64_t *)self->mem);
	teardown_gpu(_metadata, &self->gpu);
}

static bool is_stuck(void)
{
	return chip_says(0, "hang", "stuck");
}

/* Of an engine that was made to hang: it did so in a job, and was reset. */
static bool is_mended(void)
{
	return !chip_says(0, "hang", "hangs");
}

/* How often the driver has taken an engine for one that hangs. */
static long long count_resets(void)
{
	long long value, found = -1;
	char line[128];
	FILE *file;

	file = fopen("/sys/kernel/debug/dri/dummy_gpu.0/stats", "r");
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "resets: %lld", &value) == 1)
			found = value;
	}
	if (file)
		fclose(file);
	return found;
}

/* A job that counts in *@word until *@end is not 0. */
static int start_counting(struct gpu *gpu, volatile uint64_t *word, volatile uint64_t *end,
			  uint64_t *job_id)
{
	uint64_t loop;

	dummy_stream_set(gpu->stream, 0, 0);
	loop = dummy_stream_size(gpu->stream);
	dummy_stream_add(gpu->stream, 0, 1);
	dummy_stream_store_reg(gpu->stream, dummy_addr(word), 0, 8);
	dummy_stream_load(gpu->stream, 1, dummy_addr(end), 8);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_EQ, 1, 0);
	return gpu_start(gpu, job_id);
}

/* The same, seen to run, and its engine, the first, made to hang in it. 0 on success. */
static int start_hanging(struct gpu *gpu, volatile uint64_t *word, volatile uint64_t *end,
			 const char *how, uint64_t *job_id)
{
	int ret = start_counting(gpu, word, end, job_id);

	if (ret)
		return ret;
	if (!eventually(*word))
		return -ETIME;
	ret = chip_write(0, "hang", how);
	if (ret)
		return ret;
	/* Or it was, while nobody looked. */
	return eventually(is_stuck() || is_mended()) ? 0 : -ETIME;
}

/* ---- Jobs ----------------------------------------------------------------- */

TEST_F_TIMEOUT(hmm_reset, engine_hang_ends_that_job_alone, 120)
{
	volatile uint64_t *words = self->words;
	struct gpu other, same;
	uint64_t bad, good, waiting, seen;

	ASSERT_EQ(0, gpu_lane(&other, &self->gpu, 1));
	ASSERT_EQ(0, gpu_lane(&same, &self->gpu, 0));
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", PATIENT_MS));
	ASSERT_EQ(0, start_counting(&other, &words[2], &words[3], &good));
	ASSERT_EQ(0, start_hanging(&self->gpu, &words[0], &words[1], variant->how, &bad));
	/* One that has not had its turn yet on the same engine. */
	ASSERT_EQ(0, start_counting(&same, &words[4], &words[5], &waiting));

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_finish(&self->gpu, bad));
	EXPECT_FALSE(is_stuck());
	seen = words[2];
	EXPECT_TRUE(eventually(words[2] > seen));
	EXPECT_TRUE(eventually(words[4]));
	words[3] = 1;
	words[5] = 1;
	EXPECT_EQ(0, gpu_finish(&other, good));
	EXPECT_EQ(0, gpu_finish(&same, waiting));
	EXPECT_EQ(0, gpu_close(&other));
	EXPECT_EQ(0, gpu_close(&same));
}

TEST_F_TIMEOUT(hmm_reset, engine_that_hangs_holds_up_no_other_process, 120)
{
	struct gpu gpu;
	uint64_t bad, job_id;
	pid_t child;
	int ret;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, meet(&self->meeting));
		/* While it hangs, and for as long as that takes. */
		dummy_stream_store(gpu.stream, dummy_addr(&self->words[2]), 5, 8);
		ret = gpu_start(&gpu, &job_id);
		EXPECT_EQ(0, meet(&self->meeting));
		_exit(ret ? 1 : gpu_finish(&gpu, job_id));
	}
	meeting_parent(&self->meeting);
	ASSERT_EQ(0, start_hanging(&self->gpu, &self->words[0], &self->words[1], variant->how,
				   &bad));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_finish(&self->gpu, bad));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(5, self->words[2]);
}

TEST_F_TIMEOUT(hmm_reset, queue_goes_on_after_a_hang, 120)
{
	uint64_t bad, good;

	ASSERT_EQ(0, start_hanging(&self->gpu, &self->words[0], &self->words[1], variant->how,
				   &bad));
	dummy_stream_reset(self->gpu.stream);
	dummy_stream_store(self->gpu.stream, dummy_addr(&self->words[2]), 6, 8);
	/* The engine will fetch it; what hangs has its own commands already. */
	ASSERT_EQ(0, gpu_start(&self->gpu, &good));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_finish(&self->gpu, bad));
	EXPECT_EQ(0, gpu_finish(&self->gpu, good));
	EXPECT_EQ(6, self->words[2]);
}

TEST_F_TIMEOUT(hmm_reset, engine_hangs_in_every_command_and_comes_back, 240)
{
	char *to = must_alloc(_metadata, SIZE, MEM_PTE);
	struct dummy_stream *stream = self->gpu.stream;
	unsigned int i;

	ASSERT_EQ(0, parameter_write("hang_timeout_ms", HANG_MS / 2));
	for (i = 0; i < 6; i++) {
		ASSERT_EQ(0, chip_write(0, "hang", variant->how));
		if (i == 0)
			dummy_stream_fill(stream, dummy_addr(to), SIZE, 3, 8);
		else if (i == 1)
			dummy_stream_copy(stream, dummy_addr(to), dummy_addr(self->mem), SIZE);
		else if (i == 2)
			dummy_stream_vscale(stream, dummy_addr(to), dummy_addr(to), 3, 8, 8);
		else if (i == 3)
			dummy_stream_wait(stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 9, 8);
		else if (i == 4)
			dummy_stream_atomic_add(stream, 0, dummy_addr(to), 1, 8);
		else
			dummy_stream_store(stream, dummy_addr(to), 1, 8);
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_run(&self->gpu)) {
			TH_LOG("command %u", i);
		}
		EXPECT_FALSE(is_stuck());
	}
	EXPECT_EQ(0, gpu_fill(&self->gpu, to, SIZE, 4));
	EXPECT_EQ(4, *(volatile uint64_t *)(to + SIZE - 8));
}

/* What the fence of a syncobj says: 1 signalled, 0 not yet, else its error. */
static int fence_status(int fd, uint32_t handle)
{
	struct sync_file_info info = { 0 };
	int sync_file = -1, ret;

	ret = drmSyncobjExportSyncFile(fd, handle, &sync_file);
	if (ret)
		return -EBADF;
	ret = ioctl(sync_file, SYNC_IOC_FILE_INFO, &info);
	close(sync_file);
	return ret ? -EBADF : info.status;
}

TEST_F_TIMEOUT(hmm_reset, hang_signals_the_error_of_its_fence_and_stops_that_queue, 120)
{
	int fd = dummy_device_fd(self->gpu.dev);
	struct drm_dummy_gpu_sync sync = { .flags = DRM_DUMMY_GPU_SYNC_SIGNAL };
	struct dummy_submit_options options = { .syncs = &sync, .nr_syncs = 1 };
	struct drm_dummy_gpu_job_query status = { 0 };
	uint64_t job_id, base = BIT(32);
	struct dummy_stream *stream;
	struct dummy_queue *queue;
	struct dummy_vm *vm;
	struct dummy_bo *bo;
	void *mem;

	ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, 0, &vm));
	ASSERT_EQ(0, dummy_queue_create(vm, 0, 0, -1, &queue));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, HUGE_SIZE, 0, &bo));
	ASSERT_EQ(0, dummy_bo_map(bo, &mem));
	ASSERT_EQ(0, dummy_vm_bind(vm, bo, 0, base, HUGE_SIZE, 0));
	ASSERT_EQ(0, dummy_stream_create_in(mem, page_size, base, &stream));
	ASSERT_EQ(0, drmSyncobjCreate(fd, 0, &sync.handle));
	dummy_stream_store(stream, base + page_size, 1, 8);

	ASSERT_EQ(0, chip_write(0, "hang", variant->how));
	ASSERT_EQ(0, dummy_submit(queue, stream, &options, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG,
		  gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status));
	EXPECT_TRUE(eventually(fence_status(fd, sync.handle) < 0));
	EXPECT_EQ(-ECANCELED, dummy_submit(queue, stream, NULL, &job_id));
	/* Of a new queue nothing is wrong. */
	EXPECT_EQ(0, dummy_queue_destroy(queue));
	ASSERT_EQ(0, dummy_queue_create(vm, 0, 0, -1, &queue));
	ASSERT_EQ(0, dummy_submit(queue, stream, NULL, &job_id));
	EXPECT_EQ(0, gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status));

	drmSyncobjDestroy(fd, sync.handle);
	EXPECT_EQ(0, dummy_stream_destroy(stream));
	EXPECT_EQ(0, dummy_queue_destroy(queue));
	EXPECT_EQ(0, dummy_vm_destroy(vm));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
}

TEST_F_TIMEOUT(hmm_reset, job_with_a_time_limit_ends_also_if_hangs_are_not_looked_for, 120)
{
	struct dummy_queue *queue = self->gpu.queue;
	uint64_t bad;

	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 0));
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 100, -1, &self->gpu.queue));
	ASSERT_EQ(0, start_counting(&self->gpu, &self->words[0], &self->words[1], &bad));
	ASSERT_EQ(0, chip_write(0, "hang", variant->how));
	/* TIMEOUT: the limit had passed before it hung. */
	EXPECT_LT(0, gpu_finish(&self->gpu, bad));
	ASSERT_EQ(0, dummy_queue_destroy(self->gpu.queue));
	self->gpu.queue = queue;
}

/* ---- No hang -------------------------------------------------------------- */

TEST_F_TIMEOUT(hmm_reset, long_job_that_makes_progress_is_left_alone, 120)
{
	uint64_t job_id, seen, until = now_ms() + 2 * PATIENT_MS;
	volatile uint64_t *word = (uint64_t *)self->mem;
	long long before = count_resets();

	ASSERT_LE(0, before);
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", PATIENT_MS));
	*word = 0;
	ASSERT_EQ(0, start_counting(&self->gpu, word, &self->words[1], &job_id));
	while (now_ms() < until) {
		seen = *word;
		/* It faults again and again: the CPU takes away what it looks at. */
		ASSERT_TRUE(eventually(*word > seen));
	}
	self->words[1] = 1;
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(before, count_resets());
}

TEST_F_TIMEOUT(hmm_reset, job_that_waits_for_a_semaphore_is_left_alone, 120)
{
	long long before = count_resets();
	uint64_t job_id;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", PATIENT_MS));
	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	sleep_ms(2 * PATIENT_MS);
	self->words[0] = 1;
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(before, count_resets());
}

/* ---- What is told --------------------------------------------------------- */

TEST_F_TIMEOUT(hmm_reset, hang_leaves_a_dump, 120)
{
	char text[64];
	uint64_t bad;

	if (access("/sys/class/devcoredump", F_OK))
		SKIP(return, "needs CONFIG_DEV_COREDUMP");
	ASSERT_EQ(0, start_hanging(&self->gpu, &self->words[0], &self->words[1], variant->how,
				   &bad));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_finish(&self->gpu, bad));
	snprintf(text, sizeof(text), "stream: %#llx ",
		 (unsigned long long)dummy_addr(self->gpu.arena));
	EXPECT_TRUE(eventually(dumps_take(text)));
	/* There is only one at a time; the next is as good. */
	ASSERT_EQ(0, chip_write(0, "hang", variant->how));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_TRUE(eventually(dumps_take("root: 0x")));
}

#define TRACING	"/sys/kernel/tracing/"

TEST_F_TIMEOUT(hmm_reset, hang_is_traced, 120)
{
	const char *enable = TRACING "events/dummy_gpu/dummy_gpu_reset/enable";
	char text[64];

	if (file_write(enable, "1"))
		SKIP(return, "needs tracefs");
	ASSERT_EQ(0, chip_write(0, "hang", variant->how));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_HANG, gpu_store(&self->gpu, self->mem, 1));
	/* Streams have an address of their own in each test. */
	snprintf(text, sizeof(text), "stream=0x%llx offset=0 what=%s",
		 (unsigned long long)dummy_addr(self->gpu.arena),
		 strstr(variant->how, "hard") ? "chip" : "engine");
	/* It is told after the reset, which ends the job. */
	EXPECT_TRUE(eventually(file_says(TRACING "trace", text)));
	EXPECT_EQ(0, file_write(enable, "0"));
}

TEST_F(hmm_reset, only_what_means_something_is_taken)
{
	static const char *const bad[] = { "", "x", "99", "0 soft", "-1", "0 hardest" };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, chip_write(0, "hang", bad[i])) {
			TH_LOG("%s", bad[i]);
		}
	}
	EXPECT_FALSE(chip_says(0, "hang", "hangs"));
}

/* ---- Processes that are killed -------------------------------------------- */

TEST_F_TIMEOUT(hmm_reset, process_that_waits_for_a_hung_job_dies_when_it_is_killed, 120)
{
	struct gpu gpu;
	uint64_t bad;
	pid_t child;

	/* Nobody but who kills it does anything about it. */
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 0));
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, start_hanging(&gpu, &self->words[0], &self->words[1], variant->how,
					   &bad));
		meet(&self->meeting);
		gpu_finish(&gpu, bad);
		_exit(1);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_TRUE(is_stuck());
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_FALSE(is_stuck());
}

TEST_F_TIMEOUT(hmm_reset, process_dies_while_the_engine_hangs_in_a_job_of_another, 120)
{
	uint64_t bad, job_id;
	struct gpu gpu;
	pid_t child;

	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 0));
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, meet(&self->meeting));
		EXPECT_EQ(0, start_counting(&gpu, &self->words[2], &self->words[3], &job_id));
		EXPECT_EQ(0, meet(&self->meeting));
		gpu_finish(&gpu, job_id);
		_exit(1);
	}
	meeting_parent(&self->meeting);
	ASSERT_EQ(0, start_hanging(&self->gpu, &self->words[0], &self->words[1], variant->how,
				   &bad));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	/* It has nothing to do with the hang, which goes on. */
	EXPECT_TRUE(is_stuck());
	EXPECT_EQ(0, self->words[2]);

	/* A queue that is destroyed has its engine back. */
	EXPECT_EQ(0, dummy_queue_destroy(self->gpu.queue));
	EXPECT_FALSE(is_stuck());
	dummy_stream_reset(self->gpu.stream);
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 0, -1, &self->gpu.queue));
}

/* ---- Everything at once --------------------------------------------------- */

struct worker {
	pthread_t thread;
	struct gpu lane;
	char *mem;
	unsigned int nr_hung, nr_done;
	size_t nr_bad;
	int error;
};

static bool workers_go_on;

/* Device writes, CPU reads and migration, as long as it goes on. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	uint64_t value = 1;
	size_t offset;
	int ret;

	for (; __atomic_load_n(&workers_go_on, __ATOMIC_RELAXED); value++) {
		ret = gpu_fill(&worker->lane, worker->mem, SIZE, value);
		worker->nr_hung += ret == DRM_DUMMY_GPU_REASON_HANG;
		worker->nr_done += !ret;
		if (ret && ret != DRM_DUMMY_GPU_REASON_HANG)
			worker->error = ret;
		for (offset = 0; !ret && offset < SIZE; offset += page_size / 2)
			worker->nr_bad += *(volatile uint64_t *)(worker->mem + offset) != value;
		dummy_migrate(worker->lane.vm, worker->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
			      NULL);
	}
	return NULL;
}

TEST_F_TIMEOUT(hmm_reset, hang_costs_one_job_in_the_midst_of_others_and_of_migration, 240)
{
	struct worker workers[3] = { 0 };
	unsigned int i, round, hung = 0;

	/* A job may have to wait for all four, and for no longer than LIVE_MS. */
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 2 * HANG_MS));
	workers_go_on = true;
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		ASSERT_EQ(0, gpu_lane(&workers[i].lane, &self->gpu, i));
		workers[i].mem = must_alloc(_metadata, SIZE, i ? MEM_PTE : MEM_THP);
		ASSERT_EQ(0, pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	}
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, chip_write(0, "hang", variant->how));
		/* Or the next one would come to the same job, which is not out of it yet. */
		EXPECT_TRUE(eventually(is_mended() && !is_stuck()));
		sleep_ms(20 * round);
	}
	/* Those on the engine that hung may have had no turn between. */
	for (i = 0; i < ARRAY_SIZE(workers); i++)
		EXPECT_TRUE(eventually(__atomic_load_n(&workers[i].nr_done, __ATOMIC_RELAXED)));
	__atomic_store_n(&workers_go_on, false, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(workers); i++) {
		pthread_join(workers[i].thread, NULL);
		hung += workers[i].nr_hung;
		EXPECT_EQ(0, workers[i].error);
		EXPECT_EQ(0, workers[i].nr_bad);
		EXPECT_EQ(0, gpu_close(&workers[i].lane));
	}
	EXPECT_EQ(round, hung);
	/* Engine 1 never did. */
	EXPECT_EQ(0, workers[1].nr_hung);
}

/* ---- The device ----------------------------------------------------------- */

TEST_F_TIMEOUT(hmm_reset, unbind_ends_a_hung_job_as_lost, 120)
{
	char name[256];
	uint64_t bad;
	int ret;

	if (gpu_name(0, name, sizeof(name)))
		SKIP(return, "needs the devices under " DRIVER);
	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 0));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, start_hanging(&self->gpu, &self->words[0], &self->words[1], variant->how,
				   &bad));
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	ret = gpu_finish(&self->gpu, bad);
	EXPECT_TRUE(ret == DRM_DUMMY_GPU_REASON_DEVICE_LOST || ret == -ENODEV);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	dummy_device_close(self->gpu.dev);
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	ASSERT_EQ(0, gpu_open(&self->gpu, 0));
}

TEST_HARNESS_MAIN
