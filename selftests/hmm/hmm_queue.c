// SPDX-License-Identifier: GPL-2.0
/*
 * Queues and how their jobs are told to have ended: syncobjs and timelines for
 * queues of pinned memory, user fences and eventfds for queues that take page
 * faults; in order, once, also when jobs fail, time out or are cancelled; and
 * what hangs in the one kind never holds up the other.
 */
#include "hmm_harness.h"

#include <linux/sync_file.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <xf86drm.h>

#define DATA		BIT(32)		/* where the buffer objects are bound */
#define STREAMS		BIT(33)
#define STREAM_ROOM	(16 * KIB)

/* An absolute time, as syncobjs want it: long enough to call it stuck. */
static int64_t soon(void)
{
	return (now_ms() + LIVE_MS) * 1000000;
}

/* ---- Queues that complete by syncobjs ------------------------------------- */

/**
 * struct pinned - a VM without SVM, and what a test of it needs
 * @queue: on engine 0
 * @bo: bound at DATA, mapped at @data
 * @words: commands of stream i begin at i * STREAM_ROOM; bound at STREAMS
 */
struct pinned {
	struct dummy_device *dev;
	struct dummy_vm *vm;
	struct dummy_queue *queue;
	struct dummy_bo *bo, *stream_bo;
	volatile uint64_t *data;
	char *words;
	int fd;
};

static int pinned_open(struct pinned *pinned, struct gpu *gpu, uint32_t flags)
{
	void *data, *words;
	int ret;

	memset(pinned, 0, sizeof(*pinned));
	pinned->dev = gpu->dev;
	pinned->fd = dummy_device_fd(gpu->dev);
	ret = dummy_vm_create(gpu->dev, 0, &pinned->vm);
	ret = ret ? ret : dummy_queue_create(pinned->vm, 0, 0, -1, &pinned->queue);
	ret = ret ? ret : dummy_bo_create(gpu->dev, HUGE_SIZE, flags, &pinned->bo);
	ret = ret ? ret : dummy_bo_map(pinned->bo, &data);
	ret = ret ? ret : dummy_vm_bind(pinned->vm, pinned->bo, 0, DATA, HUGE_SIZE, 0);
	ret = ret ? ret : dummy_bo_create(gpu->dev, HUGE_SIZE, 0, &pinned->stream_bo);
	ret = ret ? ret : dummy_bo_map(pinned->stream_bo, &words);
	ret = ret ? ret : dummy_vm_bind(pinned->vm, pinned->stream_bo, 0, STREAMS, HUGE_SIZE,
					DRM_DUMMY_GPU_BIND_READONLY);
	if (ret)
		return ret;
	pinned->data = data;
	pinned->words = words;
	return 0;
}

static int pinned_close(struct pinned *pinned)
{
	int ret;

	ret = dummy_queue_destroy(pinned->queue);
	ret = ret ? ret : dummy_vm_destroy(pinned->vm);
	ret = ret ? ret : dummy_bo_destroy(pinned->bo);
	ret = ret ? ret : dummy_bo_destroy(pinned->stream_bo);
	return ret;
}

/* An empty stream in room @nr of the buffer object. */
static struct dummy_stream *stream_at(struct pinned *pinned, unsigned int nr)
{
	struct dummy_stream *stream = NULL;

	dummy_stream_create_in(pinned->words + nr * STREAM_ROOM, STREAM_ROOM,
			       STREAMS + nr * STREAM_ROOM, &stream);
	return stream;
}

static uint32_t new_syncobj(int fd)
{
	uint32_t handle = 0;

	drmSyncobjCreate(fd, 0, &handle);
	return handle;
}

/* 0: signalled, also with an error; -ETIME */
static int wait_syncobj(int fd, uint32_t handle)
{
	return drmSyncobjWait(fd, &handle, 1, soon(), DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT,
			      NULL) ? -errno : 0;
}

static int wait_point(int fd, uint32_t handle, uint64_t point)
{
	return drmSyncobjTimelineWait(fd, &handle, &point, 1, soon(),
				      DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, NULL) ? -errno : 0;
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

/* Submit with one syncobj to wait for and one to signal, 0 for none. */
static int submit_synced(struct dummy_queue *queue, struct dummy_stream *stream, uint32_t in,
			 uint32_t out, uint64_t *job_id)
{
	struct drm_dummy_gpu_sync syncs[2] = { 0 };
	struct dummy_submit_options options = { .syncs = syncs };

	if (in)
		syncs[options.nr_syncs++].handle = in;
	if (out) {
		syncs[options.nr_syncs].handle = out;
		syncs[options.nr_syncs++].flags = DRM_DUMMY_GPU_SYNC_SIGNAL;
	}
	return dummy_submit(queue, stream, &options, job_id);
}

/* The reason a job ended for, after waiting for it. */
static int job_reason(struct dummy_queue *queue, uint64_t job_id)
{
	struct drm_dummy_gpu_job_query status = { 0 };

	return gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status);
}

FIXTURE(hmm_queue) {
	struct gpu gpu;
	struct pinned pinned;
	struct dummy_stream *stream[4];
	uint32_t syncobj[4];
};

FIXTURE_VARIANT(hmm_queue) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(hmm_queue, vram) { .flags = DRM_DUMMY_GPU_GEM_VRAM };
FIXTURE_VARIANT_ADD(hmm_queue, system) { .flags = 0 };

FIXTURE_SETUP(hmm_queue)
{
	unsigned int i;

	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, pinned_open(&self->pinned, &self->gpu, variant->flags));
	for (i = 0; i < ARRAY_SIZE(self->stream); i++) {
		self->stream[i] = stream_at(&self->pinned, i);
		ASSERT_NE(NULL, self->stream[i]);
		self->syncobj[i] = new_syncobj(self->pinned.fd);
		ASSERT_NE(0, self->syncobj[i]);
	}
}

FIXTURE_TEARDOWN(hmm_queue)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(self->stream); i++) {
		EXPECT_EQ(0, dummy_stream_destroy(self->stream[i]));
		EXPECT_EQ(0, drmSyncobjDestroy(self->pinned.fd, self->syncobj[i]));
	}
	EXPECT_EQ(0, pinned_close(&self->pinned));
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_queue, job_writes_buffer_object_and_signals_its_syncobj)
{
	struct pinned *pinned = &self->pinned;

	dummy_stream_fill(self->stream[0], DATA, HUGE_SIZE, 0x1234, 8);
	ASSERT_EQ(0, submit_synced(pinned->queue, self->stream[0], 0, self->syncobj[0], NULL));
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(1, fence_status(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(0x1234, pinned->data[0]);
	EXPECT_EQ(0x1234, pinned->data[HUGE_SIZE / 8 - 1]);
}

TEST_F(hmm_queue, buffer_object_begins_as_zeros_also_where_another_was)
{
	struct dummy_bo *bo;
	unsigned int round;
	size_t i, bad = 0;
	uint64_t *data;
	void *mem;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, dummy_bo_create(self->pinned.dev, HUGE_SIZE, variant->flags, &bo));
		ASSERT_EQ(0, dummy_bo_map(bo, &mem));
		data = mem;
		for (i = 0; i < HUGE_SIZE / 8; i++) {
			bad += !!data[i];
			data[i] = -1;
		}
		EXPECT_EQ(0, dummy_bo_destroy(bo));
	}
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_queue, jobs_of_a_queue_run_in_order)
{
	struct pinned *pinned = &self->pinned;
	unsigned int i;

	/* Each takes what the one before left. */
	pinned->data[0] = 1;
	for (i = 0; i < 4; i++) {
		dummy_stream_vscale(self->stream[i], DATA, DATA, 3 + i, 1, 8);
		ASSERT_EQ(0, submit_synced(pinned->queue, self->stream[i], 0,
					   i == 3 ? self->syncobj[0] : 0, NULL));
	}
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(3 * 4 * 5 * 6, pinned->data[0]);
}

TEST_F(hmm_queue, timeline_points_are_signalled_in_order)
{
	struct pinned *pinned = &self->pinned;
	struct drm_dummy_gpu_sync sync = {
		.handle = self->syncobj[0],
		.flags = DRM_DUMMY_GPU_SYNC_SIGNAL | DRM_DUMMY_GPU_SYNC_TIMELINE,
	};
	struct dummy_submit_options options = { .syncs = &sync, .nr_syncs = 1 };
	uint64_t point;
	unsigned int i;

	/* The first waits for us, so that no point is signalled yet. */
	dummy_stream_wait(self->stream[0], DATA, DUMMY_GPU_COND_EQ, 1, 8);
	for (i = 1; i < 3; i++)
		dummy_stream_store(self->stream[i], DATA + 8 * i, i, 8);
	for (i = 0; i < 3; i++) {
		sync.value = 10 * (i + 1);
		ASSERT_EQ(0, dummy_submit(pinned->queue, self->stream[i], &options, NULL));
	}
	ASSERT_EQ(0, drmSyncobjQuery(pinned->fd, &self->syncobj[0], &point, 1));
	EXPECT_EQ(0, point);
	EXPECT_EQ(0, pinned->data[2]);
	pinned->data[0] = 1;
	ASSERT_EQ(0, wait_point(pinned->fd, self->syncobj[0], 30));
	ASSERT_EQ(0, drmSyncobjQuery(pinned->fd, &self->syncobj[0], &point, 1));
	EXPECT_EQ(30, point);
	EXPECT_EQ(1, pinned->data[1]);
	EXPECT_EQ(2, pinned->data[2]);
}

TEST_F(hmm_queue, job_waits_for_its_in_sync)
{
	struct pinned *pinned = &self->pinned;
	struct drm_dummy_gpu_job_query status;
	struct dummy_queue *other;
	uint64_t job_id;

	ASSERT_EQ(0, dummy_queue_create(pinned->vm, 1, 0, -1, &other));
	dummy_stream_wait(self->stream[0], DATA, DUMMY_GPU_COND_EQ, 1, 8);
	dummy_stream_store(self->stream[0], DATA + 8, 5, 8);
	dummy_stream_load(self->stream[1], 0, DATA + 8, 8);
	dummy_stream_store_reg(self->stream[1], DATA + 16, 0, 8);
	ASSERT_EQ(0, submit_synced(pinned->queue, self->stream[0], 0, self->syncobj[0], NULL));
	ASSERT_EQ(0, submit_synced(other, self->stream[1], self->syncobj[0], self->syncobj[1],
				   &job_id));
	sleep_ms(50);
	EXPECT_EQ(-ETIME, dummy_wait(other, job_id, 0, &status));
	EXPECT_EQ(DRM_DUMMY_GPU_JOB_QUEUED, status.state);
	EXPECT_EQ(0, fence_status(pinned->fd, self->syncobj[1]));
	pinned->data[0] = 1;
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[1]));
	EXPECT_EQ(5, pinned->data[2]);
	EXPECT_EQ(0, dummy_queue_destroy(other));
}

TEST_F(hmm_queue, failed_job_signals_its_error_and_stops_the_queue)
{
	struct pinned *pinned = &self->pinned;
	struct drm_dummy_gpu_job_query status = { 0 };
	struct dummy_queue *other;
	uint64_t jobs[2];

	dummy_stream_store(self->stream[0], DATA, 1, 8);
	dummy_stream_store(self->stream[0], DATA + HUGE_SIZE, 1, 8);
	dummy_stream_store(self->stream[1], DATA + 8, 1, 8);
	ASSERT_EQ(0, submit_synced(pinned->queue, self->stream[0], 0, self->syncobj[0], &jobs[0]));
	/* Either it is refused at once, or it is cancelled. */
	if (!submit_synced(pinned->queue, self->stream[1], 0, self->syncobj[1], &jobs[1])) {
		ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[1]));
		EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[1]));
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_CANCELLED, job_reason(pinned->queue, jobs[1]));
	}
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[0]));
	EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(-EIO, dummy_wait(pinned->queue, jobs[0], LIVE_NS, &status));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, status.reason);
	EXPECT_EQ(DATA + HUGE_SIZE, status.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_WRITE, status.access);
	EXPECT_EQ(24, status.stream_offset);
	EXPECT_EQ(1, pinned->data[0]);
	EXPECT_EQ(0, pinned->data[1]);

	dummy_stream_reset(self->stream[2]);
	dummy_stream_store(self->stream[2], DATA + 16, 1, 8);
	EXPECT_EQ(-ECANCELED, dummy_submit(pinned->queue, self->stream[2], NULL, NULL));
	/* A new one works, in the same VM. */
	ASSERT_EQ(0, dummy_queue_create(pinned->vm, 0, 0, -1, &other));
	EXPECT_EQ(0, dummy_run(other, self->stream[2], NULL));
	EXPECT_EQ(1, pinned->data[2]);
	EXPECT_EQ(0, dummy_queue_destroy(other));
}

TEST_F(hmm_queue, job_whose_dependency_failed_does_not_run)
{
	struct pinned *pinned = &self->pinned;
	struct dummy_queue *other;
	uint64_t job_id;

	ASSERT_EQ(0, dummy_queue_create(pinned->vm, 1, 0, -1, &other));
	dummy_stream_wait(self->stream[0], DATA, DUMMY_GPU_COND_EQ, 1, 8);
	dummy_stream_load(self->stream[0], 0, DATA - 8, 8);
	dummy_stream_store(self->stream[1], DATA + 8, 1, 8);
	ASSERT_EQ(0, submit_synced(pinned->queue, self->stream[0], 0, self->syncobj[0], NULL));
	ASSERT_EQ(0, submit_synced(other, self->stream[1], self->syncobj[0], self->syncobj[1],
				   &job_id));
	pinned->data[0] = 1;
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_DEPENDENCY, job_reason(other, job_id));
	EXPECT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[1]));
	EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[1]));
	EXPECT_EQ(0, pinned->data[1]);
	EXPECT_EQ(0, dummy_queue_destroy(other));
}

TEST_F(hmm_queue, endless_job_times_out_and_signals_its_error)
{
	struct pinned *pinned = &self->pinned;
	struct dummy_queue *brief;
	uint64_t job_id;

	ASSERT_EQ(0, dummy_queue_create(pinned->vm, 0, 200, -1, &brief));
	dummy_stream_jump(self->stream[0], 0, DUMMY_GPU_COND_ALWAYS, 0, 0);
	ASSERT_EQ(0, submit_synced(brief, self->stream[0], 0, self->syncobj[0], &job_id));
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[0]));
	EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_TIMEOUT, job_reason(brief, job_id));
	dummy_stream_store(self->stream[1], DATA, 7, 8);
	EXPECT_EQ(-ECANCELED, dummy_submit(brief, self->stream[1], NULL, NULL));
	/* The engine is free again, for everybody else. */
	EXPECT_EQ(0, dummy_run(pinned->queue, self->stream[1], NULL));
	EXPECT_EQ(7, pinned->data[0]);
	EXPECT_EQ(0, dummy_queue_destroy(brief));
}

TEST_F(hmm_queue, destroyed_queue_signals_the_error_of_what_it_had)
{
	struct pinned *pinned = &self->pinned;
	struct dummy_queue *queue;
	unsigned int i;

	ASSERT_EQ(0, dummy_queue_create(pinned->vm, 0, 0, -1, &queue));
	dummy_stream_wait(self->stream[0], DATA, DUMMY_GPU_COND_EQ, 1, 8);
	dummy_stream_store(self->stream[1], DATA + 8, 1, 8);
	ASSERT_EQ(0, submit_synced(queue, self->stream[0], 0, self->syncobj[0], NULL));
	ASSERT_EQ(0, submit_synced(queue, self->stream[1], 0, self->syncobj[1], NULL));
	ASSERT_EQ(0, dummy_queue_destroy(queue));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[i]));
		EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[i]));
	}
	EXPECT_EQ(0, pinned->data[1]);
}

TEST_F(hmm_queue, destroyed_vm_takes_its_queues_along)
{
	struct pinned *pinned = &self->pinned;
	struct drm_dummy_gpu_queue_destroy destroy;
	struct dummy_queue *queue;
	struct dummy_vm *vm;

	ASSERT_EQ(0, dummy_vm_create(pinned->dev, 0, &vm));
	ASSERT_EQ(0, dummy_vm_bind(vm, pinned->bo, 0, DATA, HUGE_SIZE, 0));
	ASSERT_EQ(0, dummy_vm_bind(vm, pinned->stream_bo, 0, STREAMS, HUGE_SIZE, 0));
	ASSERT_EQ(0, dummy_queue_create(vm, 0, 0, -1, &queue));
	destroy = (struct drm_dummy_gpu_queue_destroy) { .queue_id = dummy_queue_id(queue) };
	dummy_stream_wait(self->stream[0], DATA, DUMMY_GPU_COND_EQ, 1, 8);
	ASSERT_EQ(0, submit_synced(queue, self->stream[0], 0, self->syncobj[0], NULL));
	ASSERT_EQ(0, dummy_vm_destroy(vm));
	ASSERT_EQ(0, wait_syncobj(pinned->fd, self->syncobj[0]));
	EXPECT_GT(0, fence_status(pinned->fd, self->syncobj[0]));
	EXPECT_EQ(-ENOENT, dummy_device_ioctl(pinned->dev, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY,
					      &destroy));
}

/* ---- Binding -------------------------------------------------------------- */

TEST_F(hmm_queue, read_only_binding_is_readable_and_not_writable)
{
	struct pinned *pinned = &self->pinned;
	struct drm_dummy_gpu_job_query status = { 0 };
	uint64_t at = DATA + HUGE_SIZE;

	pinned->data[3] = 9;
	ASSERT_EQ(0, dummy_vm_bind(pinned->vm, pinned->bo, 0, at, HUGE_SIZE,
				   DRM_DUMMY_GPU_BIND_READONLY));
	dummy_stream_load(self->stream[0], 0, at + 24, 8);
	dummy_stream_store_reg(self->stream[0], DATA, 0, 8);
	ASSERT_EQ(0, dummy_run(pinned->queue, self->stream[0], NULL));
	EXPECT_EQ(9, pinned->data[0]);
	dummy_stream_store(self->stream[1], at, 1, 8);
	EXPECT_EQ(-EIO, dummy_run(pinned->queue, self->stream[1], &status));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, status.reason);
	EXPECT_EQ(at, status.fault_addr);
	EXPECT_EQ(9, pinned->data[0]);
}

TEST_F(hmm_queue, unbinding_the_middle_leaves_both_ends)
{
	struct pinned *pinned = &self->pinned;
	uint64_t hole = DATA + HUGE_SIZE / 4;
	struct drm_dummy_gpu_job_query status = { 0 };

	pinned->data[0] = 3;
	pinned->data[HUGE_SIZE / 8 - 1] = 4;
	ASSERT_EQ(0, dummy_vm_unbind(pinned->vm, hole, HUGE_SIZE / 2));
	dummy_stream_vadd(self->stream[0], DATA + 8, DATA, DATA + HUGE_SIZE - 8, 1, 8);
	dummy_stream_store(self->stream[0], hole - 8, 6, 8);
	dummy_stream_store(self->stream[0], hole + HUGE_SIZE / 2, 8, 8);
	ASSERT_EQ(0, dummy_run(pinned->queue, self->stream[0], NULL));
	EXPECT_EQ(7, pinned->data[1]);
	EXPECT_EQ(6, pinned->data[HUGE_SIZE / 4 / 8 - 1]);
	EXPECT_EQ(8, pinned->data[HUGE_SIZE * 3 / 4 / 8]);
	dummy_stream_load(self->stream[1], 0, hole, 8);
	EXPECT_EQ(-EIO, dummy_run(pinned->queue, self->stream[1], &status));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, status.reason);
	EXPECT_EQ(hole, status.fault_addr);
}

TEST_F(hmm_queue, binding_replaces_what_was_there)
{
	struct pinned *pinned = &self->pinned;
	uint64_t *data;
	struct dummy_bo *bo;
	void *mem;

	ASSERT_EQ(0, dummy_bo_create(pinned->dev, HUGE_SIZE, variant->flags, &bo));
	ASSERT_EQ(0, dummy_bo_map(bo, &mem));
	data = mem;
	/* The second page of the one shows the last page of the other. */
	ASSERT_EQ(0, dummy_vm_bind(pinned->vm, bo, HUGE_SIZE - page_size, DATA + page_size,
				   page_size, 0));
	dummy_stream_fill(self->stream[0], DATA, 3 * page_size, 5, 8);
	ASSERT_EQ(0, dummy_run(pinned->queue, self->stream[0], NULL));
	EXPECT_EQ(5, pinned->data[0]);
	EXPECT_EQ(0, pinned->data[page_size / 8]);
	EXPECT_EQ(5, pinned->data[2 * page_size / 8]);
	EXPECT_EQ(5, data[(HUGE_SIZE - page_size) / 8]);
	EXPECT_EQ(0, data[0]);
	/* A binding keeps the buffer object. */
	ASSERT_EQ(0, dummy_bo_destroy(bo));
	dummy_stream_load(self->stream[1], 0, DATA + page_size, 8);
	dummy_stream_store_reg(self->stream[1], DATA, 0, 8);
	dummy_stream_store(self->stream[1], DATA + page_size, 1, 8);
	ASSERT_EQ(0, dummy_run(pinned->queue, self->stream[1], NULL));
	EXPECT_EQ(5, pinned->data[0]);
}

TEST_F(hmm_queue, buffer_object_is_bound_beside_process_memory)
{
	uint64_t at = dummy_device_info(self->gpu.dev)->svm_end;
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);

	pattern_fill(mem, HUGE_SIZE, 1);
	ASSERT_EQ(0, dummy_vm_bind(self->gpu.vm, self->pinned.bo, 0, at, HUGE_SIZE, 0));
	dummy_stream_copy(self->gpu.stream, at, dummy_addr(mem), HUGE_SIZE);
	dummy_stream_fill(self->gpu.stream, dummy_addr(mem), HUGE_SIZE, 0, 8);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(0, pattern_bad((void *)self->pinned.data, HUGE_SIZE, 1));
	EXPECT_EQ(0, *(volatile uint64_t *)(mem + HUGE_SIZE - 8));
	dummy_stream_copy(self->gpu.stream, dummy_addr(mem), at, HUGE_SIZE);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(0, pattern_bad(mem, HUGE_SIZE, 1));
	ASSERT_EQ(0, dummy_vm_unbind(self->gpu.vm, at, HUGE_SIZE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_store(&self->gpu, (void *)at, 1));
}

/* ---- Queues that complete by user fences ---------------------------------- */

FIXTURE(hmm_queue_svm) {
	struct gpu gpu, lane;
	volatile uint64_t *words;	/* a page of process memory, in the system */
	int eventfd;
	struct dummy_queue *events;
};

FIXTURE_SETUP(hmm_queue_svm)
{
	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, gpu_lane(&self->lane, &self->gpu, 1));
	self->words = (uint64_t *)must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	self->words[0] = 0;
	self->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ASSERT_LE(0, self->eventfd);
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 0, self->eventfd, &self->events));
}

FIXTURE_TEARDOWN(hmm_queue_svm)
{
	EXPECT_EQ(0, dummy_queue_destroy(self->events));
	EXPECT_EQ(0, gpu_close(&self->lane));
	teardown_gpu(_metadata, &self->gpu);
	close(self->eventfd);
}

static int submit_fenced(struct gpu *gpu, volatile uint64_t *fence, uint64_t value,
			 uint64_t *job_id)
{
	struct dummy_submit_options options = {
		.fence_addr = dummy_addr(fence), .fence_value = value,
	};

	return dummy_submit(gpu->queue, gpu->stream, &options, job_id);
}

TEST_F(hmm_queue_svm, user_fence_is_written_after_everything_else)
{
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	volatile uint64_t *fence = &self->words[8];
	unsigned int round;
	uint64_t job_id;

	for (round = 1; round < 20; round++) {
		dummy_stream_fill(self->gpu.stream, dummy_addr(mem), HUGE_SIZE, round, 8);
		ASSERT_EQ(0, submit_fenced(&self->gpu, fence, round, &job_id));
		/* No call: the memory itself tells. */
		ASSERT_TRUE(eventually(*fence == round));
		ASSERT_EQ(round, *(volatile uint64_t *)(mem + HUGE_SIZE - 8));
		ASSERT_EQ(round, *(volatile uint64_t *)mem);
		ASSERT_EQ(0, gpu_finish(&self->gpu, job_id));
	}
}

TEST_F(hmm_queue_svm, wait_fence_returns_when_the_value_is_reached)
{
	volatile uint64_t *fence = &self->words[8];
	struct drm_dummy_gpu_wait_fence wait = {
		.queue_id = dummy_queue_id(self->gpu.queue), .addr = dummy_addr(fence),
		.value = 5, .timeout_ns = 20000000,
	};
	uint64_t job_id;

	*fence = 4;
	EXPECT_EQ(-ETIME, dummy_device_ioctl(self->gpu.dev, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE,
					     &wait));
	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	ASSERT_EQ(0, submit_fenced(&self->gpu, fence, 6, &job_id));
	EXPECT_EQ(-ETIME, dummy_wait_fence(self->gpu.queue, fence, 5, job_id, 20000000));
	self->words[0] = 1;
	EXPECT_EQ(0, dummy_wait_fence(self->gpu.queue, fence, 5, job_id, LIVE_NS));
	EXPECT_EQ(6, *fence);
	/* What is left of the time is told. */
	wait.timeout_ns = LIVE_NS;
	EXPECT_EQ(0, dummy_device_ioctl(self->gpu.dev, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &wait));
	EXPECT_GE(LIVE_NS, wait.timeout_ns);
	EXPECT_LT(0, wait.timeout_ns);
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
}

TEST_F(hmm_queue_svm, fence_is_compared_as_unsigned_and_at_least)
{
	volatile uint64_t *fence = &self->words[8];

	*fence = 1ULL << 63;
	EXPECT_EQ(0, dummy_wait_fence(self->gpu.queue, fence, 5, 0, 0));
	EXPECT_EQ(0, dummy_wait_fence(self->gpu.queue, fence, 1ULL << 63, 0, 0));
	EXPECT_EQ(-ETIME, dummy_wait_fence(self->gpu.queue, fence, (1ULL << 63) + 1, 0, 0));
}

TEST_F(hmm_queue_svm, failed_job_writes_no_fence_and_wakes_who_waits)
{
	volatile uint64_t *fence = &self->words[8];
	uint64_t job_id;

	*fence = 0;
	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	dummy_stream_load(self->gpu.stream, 0, 8, 8);
	ASSERT_EQ(0, submit_fenced(&self->gpu, fence, 1, &job_id));
	self->words[0] = 1;
	EXPECT_EQ(-EIO, dummy_wait_fence(self->gpu.queue, fence, 1, job_id, LIVE_NS));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(0, *fence);
	/* The queue goes on all the same. */
	dummy_stream_nop(self->gpu.stream);
	ASSERT_EQ(0, submit_fenced(&self->gpu, fence, 2, &job_id));
	EXPECT_EQ(0, dummy_wait_fence(self->gpu.queue, fence, 2, job_id, LIVE_NS));
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
}

TEST_F(hmm_queue_svm, fence_that_cannot_be_written_fails_the_job)
{
	char *mem = must_map(_metadata, HUGE_SIZE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64_t job_id;

	dummy_stream_store(self->gpu.stream, dummy_addr(self->words), 5, 8);
	ASSERT_EQ(0, submit_fenced(&self->gpu, (uint64_t *)mem, 1, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(dummy_addr(mem), self->gpu.job.fault_addr);
	EXPECT_EQ(5, self->words[0]);
	EXPECT_EQ(0, *(volatile uint64_t *)mem);
}

TEST_F(hmm_queue_svm, another_process_waits_for_a_fence_in_shared_memory)
{
	volatile uint64_t *fence;
	uint64_t job_id;
	pid_t child;

	fence = (uint64_t *)must_map(_metadata, page_size, PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1);
	*fence = 0;
	child = fork();
	if (!child)
		_exit(dummy_wait_fence(self->gpu.queue, fence, 3, 0, LIVE_NS) ? 1 : 0);
	sleep_ms(20);
	dummy_stream_nop(self->gpu.stream);
	ASSERT_EQ(0, submit_fenced(&self->gpu, fence, 3, &job_id));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
}

TEST_F(hmm_queue_svm, wait_is_interrupted_by_a_signal_and_ends_with_its_process)
{
	pid_t child;

	child = fork();
	if (!child) {
		dummy_wait_fence(self->gpu.queue, &self->words[8], 1, 0, DUMMY_FOREVER);
		_exit(1);
	}
	sleep_ms(50);
	EXPECT_EQ(0, kill(child, SIGTERM));
	EXPECT_EQ(-1, wait_exit(child));
}

/* Events so far; the counter begins anew. */
static uint64_t take_events(int fd)
{
	uint64_t nr = 0;

	return read(fd, &nr, sizeof(nr)) == sizeof(nr) ? nr : 0;
}

TEST_F(hmm_queue_svm, eventfd_counts_every_job_that_ended_well_or_not)
{
	struct pollfd poll_fd = { self->eventfd, POLLIN, 0 };
	unsigned int i, seen = 0;
	uint64_t jobs[3];

	EXPECT_EQ(0, poll(&poll_fd, 1, 0));
	dummy_stream_store(self->gpu.stream, dummy_addr(self->words), 5, 8);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, dummy_submit(self->events, self->gpu.stream, NULL, &jobs[i]));
	EXPECT_EQ(1, poll(&poll_fd, 1, LIVE_MS));
	EXPECT_TRUE(eventually((seen += take_events(self->eventfd)) >= 3));
	EXPECT_EQ(3, seen);
	for (i = 0; i < 3; i++)
		EXPECT_EQ(0, job_reason(self->events, jobs[i]));

	dummy_stream_reset(self->gpu.stream);
	dummy_stream_load(self->gpu.stream, 0, 8, 8);
	ASSERT_EQ(0, dummy_submit(self->events, self->gpu.stream, NULL, &jobs[0]));
	EXPECT_EQ(1, poll(&poll_fd, 1, LIVE_MS));
	EXPECT_EQ(1, take_events(self->eventfd));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, job_reason(self->events, jobs[0]));
	sleep_ms(20);
	EXPECT_EQ(0, take_events(self->eventfd));
}

TEST_F(hmm_queue_svm, destroying_a_queue_signals_its_eventfd_for_each_job)
{
	unsigned int i, seen = 0;

	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, dummy_submit(self->events, self->gpu.stream, NULL, NULL));
	ASSERT_EQ(0, dummy_queue_destroy(self->events));
	self->events = NULL;
	EXPECT_TRUE(eventually((seen += take_events(self->eventfd)) >= 3));
	EXPECT_EQ(3, seen);
}

TEST_F(hmm_queue_svm, job_states_are_told)
{
	struct drm_dummy_gpu_job_query status;
	uint64_t jobs[2];

	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	ASSERT_EQ(0, dummy_submit(self->gpu.queue, self->gpu.stream, NULL, &jobs[0]));
	ASSERT_EQ(0, dummy_submit(self->gpu.queue, self->gpu.stream, NULL, &jobs[1]));
	EXPECT_EQ(jobs[0] + 1, jobs[1]);
	EXPECT_TRUE(eventually(dummy_wait(self->gpu.queue, jobs[0], 0, &status) == -ETIME &&
			       status.state == DRM_DUMMY_GPU_JOB_RUNNING));
	EXPECT_EQ(-ETIME, dummy_wait(self->gpu.queue, jobs[1], 1000000, &status));
	EXPECT_EQ(DRM_DUMMY_GPU_JOB_QUEUED, status.state);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_NONE, status.reason);
	self->words[0] = 1;
	EXPECT_EQ(0, dummy_wait(self->gpu.queue, jobs[1], LIVE_NS, &status));
	EXPECT_EQ(DRM_DUMMY_GPU_JOB_DONE, status.state);
	EXPECT_EQ(0, dummy_wait(self->gpu.queue, jobs[0], 0, &status));
	EXPECT_LT(0, status.run_ns);
}

TEST_F(hmm_queue_svm, finished_jobs_are_remembered_256_long)
{
	struct drm_dummy_gpu_job_query status;
	uint64_t job_id = 0, i;

	dummy_stream_nop(self->gpu.stream);
	for (i = 1; i <= 300; i++) {
		ASSERT_EQ(0, dummy_submit(self->gpu.queue, self->gpu.stream, NULL, &job_id));
		ASSERT_EQ(i, job_id);
		ASSERT_EQ(0, dummy_wait(self->gpu.queue, job_id, LIVE_NS, &status));
	}
	EXPECT_EQ(0, dummy_wait(self->gpu.queue, 300, 0, &status));
	EXPECT_EQ(0, dummy_wait(self->gpu.queue, 45, 0, &status));
	EXPECT_EQ(-ENOENT, dummy_wait(self->gpu.queue, 44, 0, &status));
	EXPECT_EQ(-ENOENT, dummy_wait(self->gpu.queue, 1, 0, &status));
	EXPECT_EQ(-ENOENT, dummy_wait(self->gpu.queue, 301, 0, &status));
}

TEST_F(hmm_queue_svm, queue_takes_256_unfinished_jobs_and_no_more)
{
	uint64_t job_id = 0;
	unsigned int nr;
	int ret = 0;

	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	for (nr = 0; !ret && nr < 1000; nr += !ret)
		ret = dummy_submit(self->gpu.queue, self->gpu.stream, NULL, &job_id);
	EXPECT_EQ(-EBUSY, ret);
	EXPECT_EQ(256, nr);
	self->words[0] = 1;
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	dummy_stream_nop(self->gpu.stream);
	EXPECT_EQ(0, gpu_run(&self->gpu));
}

/*
 * A limit for jobs that run into it, and for one that must not: no processor is
 * away from it for so long.
 */
#define LIMIT_MS	3000

TEST_F(hmm_queue_svm, endless_job_times_out_and_the_queue_goes_on)
{
	struct dummy_queue *brief;
	uint64_t job_id, before;

	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, LIMIT_MS, -1, &brief));
	dummy_stream_jump(self->gpu.stream, 0, DUMMY_GPU_COND_ALWAYS, 0, 0);
	before = now_ms();
	ASSERT_EQ(0, dummy_submit(brief, self->gpu.stream, NULL, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_TIMEOUT, job_reason(brief, job_id));
	EXPECT_LE(LIMIT_MS, now_ms() - before);
	/* One that waits for what never comes is no better. */
	dummy_stream_reset(self->gpu.stream);
	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	ASSERT_EQ(0, dummy_submit(brief, self->gpu.stream, NULL, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_TIMEOUT, job_reason(brief, job_id));

	dummy_stream_reset(self->gpu.stream);
	dummy_stream_store(self->gpu.stream, dummy_addr(self->words), 5, 8);
	EXPECT_EQ(0, dummy_run(brief, self->gpu.stream, NULL));
	EXPECT_EQ(5, self->words[0]);
	EXPECT_EQ(0, dummy_queue_destroy(brief));
}

TEST_F(hmm_queue_svm, time_limit_counts_from_the_start_of_each_job)
{
	struct dummy_stream *last = self->lane.stream;
	struct dummy_queue *brief;
	uint64_t jobs[3];
	unsigned int i;

	/* Two run into their limit; the third has waited for both and still has its own. */
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, LIMIT_MS, -1, &brief));
	dummy_stream_wait(self->gpu.stream, dummy_addr(self->words), DUMMY_GPU_COND_EQ, 1, 8);
	dummy_stream_store(last, dummy_addr(&self->words[8]), 5, 8);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, dummy_submit(brief, i < 2 ? self->gpu.stream : last, NULL, &jobs[i]));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_TIMEOUT, job_reason(brief, jobs[0]));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_TIMEOUT, job_reason(brief, jobs[1]));
	EXPECT_EQ(0, job_reason(brief, jobs[2]));
	EXPECT_EQ(5, self->words[8]);
	EXPECT_EQ(0, dummy_queue_destroy(brief));
}

TEST_F(hmm_queue_svm, semaphores_order_jobs_of_two_queues)
{
	uint64_t a = dummy_addr(&self->words[0]), b = dummy_addr(&self->words[64]);
	uint64_t jobs[2];
	unsigned int i;

	self->words[64] = 0;
	self->words[128] = 1;
	for (i = 1; i <= 20; i++) {
		dummy_stream_wait(self->gpu.stream, a, DUMMY_GPU_COND_EQ, i - 1, 8);
		dummy_stream_vscale(self->gpu.stream, dummy_addr(&self->words[128]),
				    dummy_addr(&self->words[128]), 3, 1, 8);
		dummy_stream_signal(self->gpu.stream, b, i, 8);
		dummy_stream_wait(self->lane.stream, b, DUMMY_GPU_COND_GE, i, 8);
		dummy_stream_vscale(self->lane.stream, dummy_addr(&self->words[128]),
				    dummy_addr(&self->words[128]), 5, 1, 8);
		dummy_stream_signal(self->lane.stream, a, i, 8);
	}
	ASSERT_EQ(0, gpu_start(&self->lane, &jobs[1]));
	ASSERT_EQ(0, gpu_start(&self->gpu, &jobs[0]));
	EXPECT_EQ(0, gpu_finish(&self->gpu, jobs[0]));
	EXPECT_EQ(0, gpu_finish(&self->lane, jobs[1]));
	for (i = 0, a = 1; i < 20; i++)
		a *= 15;
	EXPECT_EQ(a, self->words[128]);
	EXPECT_EQ(20, self->words[0]);
}

TEST_F(hmm_queue_svm, engine_is_shared_with_a_job_that_never_ends)
{
	struct gpu endless;
	unsigned int i, nr = gpu_engines(&self->gpu);
	struct gpu lanes[16];
	uint64_t job_id;

	ASSERT_GE(ARRAY_SIZE(lanes), nr);
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, gpu_lane(&lanes[i], &self->gpu, i));
		dummy_stream_jump(lanes[i].stream, 0, DUMMY_GPU_COND_ALWAYS, 0, 0);
		ASSERT_EQ(0, gpu_start(&lanes[i], &job_id));
	}
	for (i = 0; i < nr; i++) {
		ASSERT_EQ(0, gpu_lane(&endless, &self->gpu, i));
		EXPECT_EQ(0, gpu_store(&endless, &self->words[i], 100 + i));
		EXPECT_EQ(100 + i, self->words[i]);
		EXPECT_EQ(0, gpu_close(&endless));
	}
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, gpu_close(&lanes[i]));
}

/* ---- The one kind does not hold up the other ------------------------------ */

#define NR_STUCK	6

FIXTURE(hmm_queue_stuck) {
	struct gpu gpu;
	struct gpu stuck[NR_STUCK];
	struct pinned pinned;
	char *mem;
	int uffd;
};

FIXTURE_SETUP(hmm_queue_stuck)
{
	unsigned int i;

	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, pinned_open(&self->pinned, &self->gpu, DRM_DUMMY_GPU_GEM_VRAM));
	for (i = 0; i < NR_STUCK; i++)
		ASSERT_EQ(0, gpu_lane(&self->stuck[i], &self->gpu, i));
	self->mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	memset(self->mem, 0, HUGE_SIZE);
	self->uffd = -1;
}

FIXTURE_TEARDOWN(hmm_queue_stuck)
{
	unsigned int i;

	if (self->uffd >= 0)
		close(self->uffd);
	for (i = 0; i < NR_STUCK; i++)
		EXPECT_EQ(0, gpu_close(&self->stuck[i]));
	EXPECT_EQ(0, pinned_close(&self->pinned));
	teardown_gpu(_metadata, &self->gpu);
}

/* Jobs on every engine whose fences must signal whatever else hangs. */
static int run_pinned_jobs(struct pinned *pinned, unsigned int nr_engines)
{
	struct dummy_stream *stream = stream_at(pinned, 0);
	uint32_t syncobj = new_syncobj(pinned->fd);
	struct dummy_queue *queue;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 3 * nr_engines && !ret; i++) {
		ret = dummy_queue_create(pinned->vm, i % nr_engines, 0, -1, &queue);
		if (ret)
			break;
		dummy_stream_reset(stream);
		dummy_stream_store(stream, DATA + 8 * i, i + 1, 8);
		ret = submit_synced(queue, stream, 0, syncobj, NULL);
		ret = ret ? ret : wait_syncobj(pinned->fd, syncobj);
		ret = ret ? ret : fence_status(pinned->fd, syncobj) - 1;
		if (!ret && pinned->data[i] != i + 1)
			ret = -EIO;
		dummy_queue_destroy(queue);
	}
	drmSyncobjDestroy(pinned->fd, syncobj);
	dummy_stream_destroy(stream);
	return ret;
}

TEST_F(hmm_queue_stuck, fences_signal_while_jobs_that_fault_never_end)
{
	uint64_t job_id;
	unsigned int i;

	for (i = 0; i < NR_STUCK; i++) {
		struct dummy_stream *stream = self->stuck[i].stream;

		/* A loop, a wait for ever, and a fault for each word. */
		if (i % 3 == 0)
			dummy_stream_nop(stream);
		if (i % 3 == 1)
			dummy_stream_wait(stream, dummy_addr(self->mem), DUMMY_GPU_COND_EQ, 1, 8);
		if (i % 3 == 2)
			dummy_stream_vscale(stream, dummy_addr(self->mem), dummy_addr(self->mem),
					    3, HUGE_SIZE / 8, 8);
		dummy_stream_jump(stream, 0, DUMMY_GPU_COND_ALWAYS, 0, 0);
		ASSERT_EQ(0, gpu_start(&self->stuck[i], &job_id));
	}
	EXPECT_EQ(0, run_pinned_jobs(&self->pinned, gpu_engines(&self->gpu)));
	/* And so does the copy engine. */
	EXPECT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
				   0, NULL));
	EXPECT_EQ(0, dummy_migrate(self->gpu.vm, self->mem, HUGE_SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM,
				   0, NULL));
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
}

TEST_F(hmm_queue_stuck, fences_signal_while_page_faults_are_not_answered)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect wp = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	uint64_t job_id;
	unsigned int i;

	self->uffd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (self->uffd < 0 || ioctl(self->uffd, UFFDIO_API, &api))
		SKIP(return, "needs userfaultfd write protection");
	range.range.start = dummy_addr(self->mem);
	range.range.len = HUGE_SIZE;
	wp.range = range.range;
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_REGISTER, &range));
	ASSERT_EQ(0, ioctl(self->uffd, UFFDIO_WRITEPROTECT, &wp));
	/* Each writes where nobody ever lifts the protection, until the file is closed. */
	for (i = 0; i < NR_STUCK; i++) {
		dummy_stream_store(self->stuck[i].stream, dummy_addr(self->mem) + i * page_size,
				   1, 8);
		ASSERT_EQ(0, gpu_start(&self->stuck[i], &job_id));
	}
	sleep_ms(20);
	EXPECT_EQ(0, run_pinned_jobs(&self->pinned, gpu_engines(&self->gpu)));
}

TEST_HARNESS_MAIN
