// SPDX-License-Identifier: GPL-2.0
/*
 * Processes, files and devices that end in the middle: what they held is given
 * back, what others still need stays, nobody reaches the memory of somebody
 * else, and the device works afterwards.
 */
#include "hmm_harness.h"

#include <dirent.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

/* A job that ends by itself only when its time is up. */
static int start_endless_job(struct gpu *gpu, char *mem, size_t size, uint64_t *job_id)
{
	uint64_t loop = dummy_stream_size(gpu->stream);

	dummy_stream_vscale(gpu->stream, dummy_addr(mem), dummy_addr(mem), 3, size / 8, 8);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_ALWAYS, 0, 0);
	return gpu_start(gpu, job_id);
}

FIXTURE(hmm_life) {
	struct gpu gpu;
	struct meeting meeting;
	char *mem;
};

FIXTURE_VARIANT(hmm_life) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_life, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_life, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_life)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_life)
{
	/* What children held is gone before what we hold: no order is needed. */
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 77));
	EXPECT_EQ(77, *(volatile uint64_t *)self->mem);
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- Processes ------------------------------------------------------------ */

/* In a child: memory in the device, and a job that runs on it. */
static int live_in_device(char *mem, bool with_job)
{
	struct gpu gpu;
	uint64_t job_id;

	if (gpu_open(&gpu, 0))
		return 1;
	pattern_fill(mem, SIZE, 1);
	if (gpu_to_device(&gpu, mem, SIZE))
		return 2;
	if (with_job && start_endless_job(&gpu, mem, SIZE, &job_id))
		return 3;
	return 0;
}

TEST_F(hmm_life, exit_gives_device_memory_back)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	pid_t child;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, live_in_device(self->mem, false));
		meet(&self->meeting);
		meet(&self->meeting);
		exit(0);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(before + SIZE, gpu_device_stats(&self->gpu).vram_svm);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
}

TEST_F(hmm_life, killed_process_gives_device_memory_back_while_its_job_runs)
{
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu);
	unsigned int round;
	pid_t child;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, meeting_init(&self->meeting));
		child = fork();
		if (!child) {
			meeting_child(&self->meeting);
			EXPECT_EQ(0, live_in_device(self->mem, true));
			meet(&self->meeting);
			pause();
		}
		meeting_parent(&self->meeting);
		EXPECT_EQ(0, meet(&self->meeting));
		sleep_ms(5 * round);
		EXPECT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(-1, wait_exit(child));
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before.vram_svm));
		close(self->meeting.end[0]);
	}
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).jobs_failed == before.jobs_failed + 4));
}

/* Threads that do everything at once, for a process that is killed meanwhile. */
static void *migrate_for_ever(void *arg)
{
	struct gpu *gpu = arg;
	char *mem = mem_alloc(SIZE, MEM_PTE);

	for (;;) {
		pattern_fill(mem, SIZE, 1);
		dummy_migrate(gpu->vm, mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
			      DRM_DUMMY_GPU_MIGRATE_MAP, NULL);
	}
	return NULL;
}

TEST_F(hmm_life, process_killed_in_the_middle_of_anything_gives_all_back)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	unsigned int round;
	pthread_t thread;
	struct gpu gpu;
	pid_t child;

	for (round = 0; round < 6; round++) {
		child = fork();
		if (!child) {
			if (gpu_open(&gpu, 0) ||
			    pthread_create(&thread, NULL, migrate_for_ever, &gpu))
				_exit(1);
			for (;;) {
				if (gpu_pattern_fill(&gpu, self->mem, SIZE, 2))
					_exit(2);
				if (pattern_bad(self->mem, SIZE, 2))
					_exit(3);
				if (!fork())
					_exit(0);
			}
		}
		sleep_ms(100 + 37 * round);
		EXPECT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(-1, wait_exit(child));
	}
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
}

/* Calls of a process that is killed, with copies that take their time. */
static void move_for_long(struct gpu *gpu, char *mem, size_t size, bool evict)
{
	if (evict)
		dummy_evict(gpu->dev, UINT64_MAX, NULL);
	else
		dummy_migrate(gpu->vm, mem, size, DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL);
}

TEST_F_TIMEOUT(hmm_life, process_dies_in_the_middle_of_a_migration_or_an_eviction, 120)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm, killed_ms;
	size_t size = 32 * HUGE_SIZE;
	unsigned int evict;
	struct gpu gpu;
	pid_t child;
	char *mem;

	if (knob_write("inject/sites", "copy_slow"))
		SKIP(return, "needs modules that were not built with INJECT=0");
	/* 32 copies or more that take more than LIVE_MS. */
	EXPECT_EQ(0, knob_write("inject/delay_ms", "1000"));
	for (evict = 0; evict < 2; evict++) {
		ASSERT_EQ(0, meeting_init(&self->meeting));
		child = fork();
		if (!child) {
			meeting_child(&self->meeting);
			mem = mem_alloc(size, variant->kind);
			EXPECT_EQ(0, gpu_open(&gpu, 0));
			pattern_fill(mem, size, 1);
			EXPECT_EQ(0, gpu_to_device(&gpu, mem, size));
			EXPECT_EQ(0, knob_write("inject/probability", "100"));
			meet(&self->meeting);
			move_for_long(&gpu, mem, size, evict);
			_exit(0);
		}
		meeting_parent(&self->meeting);
		EXPECT_EQ(0, meet(&self->meeting));
		/* It has begun, and is far from its end. */
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm < before + size));
		killed_ms = now_ms();
		EXPECT_EQ(0, kill(child, SIGKILL));
		EXPECT_EQ(-1, wait_exit(child));
		EXPECT_GT(LIVE_MS / 2, now_ms() - killed_ms);
		EXPECT_EQ(0, knob_write("inject/probability", "0"));
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
	}
	EXPECT_EQ(0, knob_write("inject/delay_ms", "20"));
	EXPECT_EQ(0, knob_write("inject/sites", "all"));
}

TEST_F(hmm_life, exec_gives_device_memory_back_and_cancels_jobs)
{
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu);
	pid_t child;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, live_in_device(self->mem, true));
		execl("/bin/sh", "sh", "-c", "exit 7", NULL);
		_exit(1);
	}
	EXPECT_EQ(7, wait_exit(child));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before.vram_svm));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).jobs_failed == before.jobs_failed + 1));
}

/* What everything that would use the memory of VM @vm says to this process. */
static int refused_everywhere(int fd, uint32_t vm, uint32_t queue, char *mem)
{
	struct drm_dummy_gpu_page pages[1];
	struct drm_dummy_gpu_advise advise = {
		.vm_id = vm, .advice = DRM_DUMMY_GPU_ADVICE_RESET,
		.start = dummy_addr(mem), .size = page_size,
	};
	struct drm_dummy_gpu_migrate migrate = {
		.vm_id = vm, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
		.start = dummy_addr(mem), .size = page_size,
		.runs.stride = sizeof(struct drm_dummy_gpu_migrate_run),
	};
	struct drm_dummy_gpu_snapshot snapshot = {
		.vm_id = vm, .start = dummy_addr(mem), .size = page_size,
		.pages = { sizeof(pages[0]), 1, dummy_addr(pages) },
	};
	struct drm_dummy_gpu_submit submit = {
		.queue_id = queue, .stream = dummy_addr(mem), .stream_size = 8,
		.syncs.stride = sizeof(struct drm_dummy_gpu_sync),
	};
	struct drm_dummy_gpu_queue_create create = { .vm_id = vm };

	/* The stream at @mem would be a NOP. */
	if (ioctl(fd, DRM_IOCTL_DUMMY_GPU_ADVISE, &advise) != -1 || errno != EPERM)
		return 11;
	if (ioctl(fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &migrate) != -1 || errno != EPERM)
		return 12;
	if (ioctl(fd, DRM_IOCTL_DUMMY_GPU_SNAPSHOT, &snapshot) != -1 || errno != EPERM)
		return 13;
	if (ioctl(fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &submit) != -1 || errno != EPERM)
		return 14;
	if (ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &create) != -1 || errno != EPERM)
		return 15;
	return 0;
}

TEST_F(hmm_life, inherited_file_does_not_open_the_memory_of_the_parent)
{
	struct drm_dummy_gpu_device_stats before = gpu_device_stats(&self->gpu);
	int fd = dummy_device_fd(self->gpu.dev);
	struct dummy_vm *own;
	pid_t child;

	memset(self->mem, 0, SIZE);
	child = fork();
	if (!child) {
		EXPECT_EQ(0, refused_everywhere(fd, dummy_vm_id(self->gpu.vm),
						dummy_queue_id(self->gpu.queue), self->mem));
		/* A VM made by the child is the child's. */
		EXPECT_EQ(0, dummy_vm_create(self->gpu.dev, DRM_DUMMY_GPU_VM_SVM, &own));
		*(volatile uint64_t *)self->mem = 5;
		EXPECT_EQ(0, dummy_migrate(own, self->mem, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
					   0, NULL));
		EXPECT_EQ(5, *(volatile uint64_t *)self->mem);
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(before.jobs_done, gpu_device_stats(&self->gpu).jobs_done);
}

static int send_fd(int socket, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 0;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(socket, &msg, 0) == 1 ? 0 : -1;
}

static int receive_fd(int socket)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd = -1;

	if (recvmsg(socket, &msg, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

TEST_F(hmm_life, file_passed_to_another_process_outlives_its_first_owner)
{
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm;
	uint32_t ids[2] = { 0 };
	struct gpu gpu;
	pid_t child;
	int fd;

	memset(self->mem, 0, SIZE);
	child = fork();
	if (!child) {
		uint64_t job_id;

		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, gpu_pattern_fill(&gpu, self->mem, SIZE, 3));
		EXPECT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
		EXPECT_EQ(0, start_endless_job(&gpu, self->mem, SIZE, &job_id));
		ids[0] = dummy_vm_id(gpu.vm);
		ids[1] = dummy_queue_id(gpu.queue);
		EXPECT_EQ(sizeof(ids), send(self->meeting.end[0], ids, sizeof(ids), 0));
		EXPECT_EQ(0, send_fd(self->meeting.end[0], dummy_device_fd(gpu.dev)));
		meet(&self->meeting);
		_exit(0);
	}
	meeting_parent(&self->meeting);
	ASSERT_EQ(sizeof(ids), recv(self->meeting.end[0], ids, sizeof(ids), MSG_WAITALL));
	fd = receive_fd(self->meeting.end[0]);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, refused_everywhere(fd, ids[0], ids[1], self->mem));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	/* The file is open, its VM mirrors nobody: still nothing for us. */
	EXPECT_EQ(0, refused_everywhere(fd, ids[0], ids[1], self->mem));
	EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before));
	close(fd);
}

TEST_F(hmm_life, job_of_the_parent_runs_on_while_children_come_and_go)
{
	volatile uint64_t *word = (uint64_t *)(self->mem + SIZE - 8);
	uint64_t job_id, seen, loop;
	unsigned int round;
	pid_t child;

	dummy_stream_set(self->gpu.stream, 0, 0);
	loop = dummy_stream_size(self->gpu.stream);
	dummy_stream_add(self->gpu.stream, 0, 1);
	dummy_stream_store_reg(self->gpu.stream, dummy_addr(word), 0, 8);
	dummy_stream_load(self->gpu.stream, 1, dummy_addr(self->gpu.staging), 8);
	dummy_stream_jump(self->gpu.stream, loop, DUMMY_GPU_COND_EQ, 1, 0);
	*(volatile uint64_t *)self->gpu.staging = 0;
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	for (round = 0; round < 10; round++) {
		seen = *word;
		child = fork();
		if (!child) {
			/* Closes every file of the device, which is not the last to do so. */
			close(dummy_device_fd(self->gpu.dev));
			_exit(0);
		}
		EXPECT_EQ(0, wait_exit(child));
		EXPECT_TRUE(eventually(*word > seen));
	}
	*(volatile uint64_t *)self->gpu.staging = 1;
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
}

/* ---- Files, VMs, queues in any order -------------------------------------- */

enum step {
	DESTROY_QUEUE,
	DESTROY_VM,
	DESTROY_BO,
	CLOSE_FILE,
	UNMAP_MEMORY,
	UNMAP_BO,
	NR_STEPS,
};

static int do_step(struct gpu *gpu, struct dummy_bo *bo, void *bo_mem, char *mem, enum step step)
{
	int fd = dummy_device_fd(gpu->dev);
	struct drm_dummy_gpu_queue_destroy queue = { .queue_id = dummy_queue_id(gpu->queue) };
	struct drm_dummy_gpu_vm_destroy vm = { .vm_id = dummy_vm_id(gpu->vm) };
	struct drm_gem_close gem = { .handle = dummy_bo_handle(bo) };
	int ret = 0;

	switch (step) {
	case DESTROY_QUEUE:
		ret = ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &queue);
		break;
	case DESTROY_VM:
		ret = ioctl(fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &vm);
		break;
	case DESTROY_BO:
		ret = ioctl(fd, DRM_IOCTL_GEM_CLOSE, &gem);
		break;
	case CLOSE_FILE:
		ret = close(fd);
		break;
	case UNMAP_MEMORY:
		ret = munmap(mem, SIZE);
		break;
	case UNMAP_BO:
		ret = munmap(bo_mem, HUGE_SIZE);
		break;
	case NR_STEPS:
		break;
	}
	return ret ? -errno : 0;
}

TEST_F(hmm_life, everything_may_be_closed_in_any_order_while_a_job_runs)
{
	static const enum step orders[][NR_STEPS] = {
		{ DESTROY_QUEUE, DESTROY_VM, DESTROY_BO, UNMAP_BO, UNMAP_MEMORY, CLOSE_FILE },
		{ CLOSE_FILE, UNMAP_MEMORY, UNMAP_BO, NR_STEPS, NR_STEPS, NR_STEPS },
		{ CLOSE_FILE, UNMAP_BO, UNMAP_MEMORY, NR_STEPS, NR_STEPS, NR_STEPS },
		{ UNMAP_MEMORY, CLOSE_FILE, UNMAP_BO, NR_STEPS, NR_STEPS, NR_STEPS },
		{ DESTROY_VM, DESTROY_BO, CLOSE_FILE, UNMAP_MEMORY, UNMAP_BO, NR_STEPS },
		{ DESTROY_BO, DESTROY_VM, UNMAP_BO, CLOSE_FILE, UNMAP_MEMORY, NR_STEPS },
		{ DESTROY_BO, UNMAP_BO, DESTROY_QUEUE, CLOSE_FILE, UNMAP_MEMORY, NR_STEPS },
		{ UNMAP_BO, UNMAP_MEMORY, DESTROY_VM, DESTROY_BO, CLOSE_FILE, NR_STEPS },
	};
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm, job_id;
	uint64_t svm_end = dummy_device_info(self->gpu.dev)->svm_end;
	struct dummy_bo *bo;
	unsigned int i, j;
	struct gpu gpu;
	void *bo_mem;
	pid_t child;
	char *mem;

	for (i = 0; i < ARRAY_SIZE(orders); i++) {
		child = fork();
		if (!child) {
			EXPECT_EQ(0, gpu_open(&gpu, 0));
			mem = mem_alloc(SIZE, variant->kind);
			pattern_fill(mem, SIZE, 1);
			EXPECT_EQ(0, gpu_to_device(&gpu, mem, SIZE));
			EXPECT_EQ(0, dummy_bo_create(gpu.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM,
						     &bo));
			EXPECT_EQ(0, dummy_bo_map(bo, &bo_mem));
			EXPECT_EQ(0, dummy_vm_bind(gpu.vm, bo, 0, svm_end, HUGE_SIZE, 0));
			EXPECT_EQ(0, start_endless_job(&gpu, mem, SIZE, &job_id));
			for (j = 0; j < NR_STEPS; j++) {
				/* A mapping outlives the handle and the file. */
				if (orders[i][j] == UNMAP_BO)
					*(volatile uint64_t *)bo_mem = 1;
				EXPECT_EQ(0, do_step(&gpu, bo, bo_mem, mem, orders[i][j])) {
					TH_LOG("order %u, step %u", i, j);
				}
			}
			_exit(0);
		}
		EXPECT_EQ(0, wait_exit(child));
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm == before &&
				       !gpu_device_stats(&self->gpu).vram_bo));
	}
}

TEST_F(hmm_life, memory_stays_in_device_without_a_file_until_it_is_touched)
{
	struct gpu gpu;

	ASSERT_EQ(0, gpu_open(&gpu, 0));
	pattern_fill(self->mem, SIZE, 4);
	ASSERT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_close(&gpu));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 4));
}

TEST_F(hmm_life, destroyed_vm_maps_nothing_and_a_new_one_starts_empty)
{
	struct drm_dummy_gpu_page page;

	pattern_fill(self->mem, SIZE, 5);
	ASSERT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 5));
	ASSERT_EQ(0, dummy_queue_destroy(self->gpu.queue));
	ASSERT_EQ(0, dummy_vm_destroy(self->gpu.vm));
	self->gpu.queue = NULL;
	ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, DRM_DUMMY_GPU_VM_SVM, &self->gpu.vm));
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 0, -1, &self->gpu.queue));
	ASSERT_EQ(0, gpu_page(&self->gpu, self->mem, &page));
	EXPECT_FALSE(page.flags & DRM_DUMMY_GPU_PAGE_MAPPED);
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).faults);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 5));
}

/* ---- Whatever the size of pages ------------------------------------------- */

FIXTURE(hmm_life_plain) {
	struct gpu gpu;
};

FIXTURE_SETUP(hmm_life_plain)
{
	setup_gpu(_metadata, &self->gpu, 0);
}

FIXTURE_TEARDOWN(hmm_life_plain)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* The program that vm_does_not_follow_its_process_through_exec runs. */
static int main_after_exec(void)
{
	uint32_t vm = atoi(getenv("HMM_LIFE_VM")), queue = atoi(getenv("HMM_LIFE_QUEUE"));
	struct dummy_device *dev;
	struct dummy_vm *own;
	int fd = atoi(getenv("HMM_LIFE_FD")), ret;
	char *mem;

	mem = mem_alloc(page_size, MEM_PTE);
	if (!mem)
		return 1;
	memset(mem, 0, page_size);
	ret = refused_everywhere(fd, vm, queue, mem);
	if (ret)
		return ret;
	/* The file itself is as good as any. */
	if (dummy_device_open_fd(fd, &dev) || dummy_vm_create(dev, DRM_DUMMY_GPU_VM_SVM, &own))
		return 2;
	if (dummy_migrate(own, mem, page_size, DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL))
		return 3;
	return 0;
}

TEST_F(hmm_life_plain, vm_does_not_follow_its_process_through_exec)
{
	char fd_text[16], vm_text[16], queue_text[16];
	struct gpu gpu;
	pid_t child;

	child = fork();
	if (!child) {
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		fcntl(dummy_device_fd(gpu.dev), F_SETFD, 0);
		snprintf(fd_text, sizeof(fd_text), "%d", dummy_device_fd(gpu.dev));
		snprintf(vm_text, sizeof(vm_text), "%u", dummy_vm_id(gpu.vm));
		snprintf(queue_text, sizeof(queue_text), "%u", dummy_queue_id(gpu.queue));
		setenv("HMM_LIFE_FD", fd_text, 1);
		setenv("HMM_LIFE_VM", vm_text, 1);
		setenv("HMM_LIFE_QUEUE", queue_text, 1);
		execl("/proc/self/exe", "hmm_life", NULL);
		_exit(99);
	}
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_life_plain, windows_go_when_their_memory_goes)
{
	uint64_t before = gpu_vm_stats(&self->gpu).windows, most;
	size_t size = 32 * HUGE_SIZE, offset;
	char *mem = must_alloc(_metadata, size, MEM_PTE);

	for (offset = 0; offset < size; offset += HUGE_SIZE)
		dummy_stream_store(self->gpu.stream, dummy_addr(mem + offset), 1, 8);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	most = gpu_vm_stats(&self->gpu).windows;
	EXPECT_LE(before + 32, most);
	ASSERT_EQ(0, munmap(mem, size));
	EXPECT_TRUE(eventually(gpu_vm_stats(&self->gpu).windows <= most - 32));
}

/* ---- The device itself ---------------------------------------------------- */

FIXTURE(hmm_life_device) {
	struct gpu gpu;
	char name[256];
	char *mem;
};

FIXTURE_VARIANT(hmm_life_device) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_life_device, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_life_device, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_life_device)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (gpu_name(0, self->name, sizeof(self->name)))
		SKIP(_exit(0), "needs the devices under " DRIVER);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_life_device)
{
	struct gpu gpu;

	/* Bound again, whatever the test did, and as good as new. */
	file_write(DRIVER "bind", self->name);
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	EXPECT_EQ(0, gpu_device_stats(&gpu).vram_bo);
	EXPECT_EQ(0, gpu_store(&gpu, self->mem, 6));
	EXPECT_EQ(6, *(volatile uint64_t *)self->mem);
	mem_free_all();
	EXPECT_EQ(0, gpu_close(&gpu));
	gpu.base.vram_svm = 0;
	EXPECT_EQ(0, gpu_leak(&gpu));
}

/* In device memory to the last page, by entries of the size that is asked for. */
static bool is_in_device(struct gpu *gpu, char *mem, size_t size, enum mem_kind kind)
{
	unsigned int order = kind == MEM_THP ? 9 : 0;
	struct drm_dummy_gpu_page page;
	size_t offset;

	for (offset = 0; offset < size; offset += HUGE_SIZE) {
		if (gpu_page(gpu, mem + offset, &page) || page.order != order)
			return false;
	}
	return pages_in(mem, size, IN_DEVICE) == pages(size);
}

TEST_F(hmm_life_device, unbind_brings_memory_home_with_its_data)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 2));
	EXPECT_TRUE(is_in_device(&self->gpu, self->mem, SIZE, variant->kind));
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
	/* The old file is of a device that is gone, and can be closed. */
	EXPECT_EQ(-ENODEV, dummy_migrate(self->gpu.vm, self->mem, SIZE,
					 DRM_DUMMY_GPU_PLACE_DEVICE, 0, NULL));
	EXPECT_EQ(-ENODEV, gpu_store(&self->gpu, self->mem, 1));
	dummy_device_close(self->gpu.dev);
	EXPECT_EQ(0, file_write(DRIVER "bind", self->name));
}

TEST_F(hmm_life_device, unbind_brings_memory_home_that_no_file_shows)
{
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	EXPECT_TRUE(is_in_device(&self->gpu, self->mem, SIZE, variant->kind));
	ASSERT_EQ(0, gpu_close(&self->gpu));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

static void *close_file(void *arg)
{
	struct gpu *gpu = arg;

	dummy_device_close(gpu->dev);
	return NULL;
}

TEST_F(hmm_life_device, unbind_brings_memory_home_while_files_are_closed)
{
	struct gpu gpu = self->gpu;
	pthread_t thread;
	unsigned int round;

	for (round = 0; round < 5; round++) {
		/* What has come home need not be huge any more. */
		mem_free(self->mem);
		self->mem = mem_populate(SIZE, variant->kind);
		ASSERT_NE(NULL, self->mem);
		pattern_fill(self->mem, SIZE, 1);
		ASSERT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
		EXPECT_TRUE(is_in_device(&gpu, self->mem, SIZE, variant->kind));
		ASSERT_EQ(0, pthread_create(&thread, NULL, close_file, &gpu));
		ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
		EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
		pthread_join(thread, NULL);
		ASSERT_EQ(0, file_write(DRIVER "bind", self->name));
		ASSERT_EQ(0, gpu_open(&gpu, 0));
	}
	ASSERT_EQ(0, gpu_close(&gpu));
}

TEST_F(hmm_life_device, unbind_ends_running_jobs_as_lost)
{
	uint64_t job_id;
	int ret;

	ASSERT_EQ(0, start_endless_job(&self->gpu, self->mem, SIZE, &job_id));
	ASSERT_TRUE(eventually(*(volatile uint64_t *)self->mem != pattern(1, 0)));
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	ret = gpu_finish(&self->gpu, job_id);
	EXPECT_TRUE(ret == DRM_DUMMY_GPU_REASON_DEVICE_LOST || ret == -ENODEV);
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	dummy_device_close(self->gpu.dev);
}

struct waiter {
	pthread_t thread;
	struct gpu *gpu;
	uint64_t job_id;
	int ret;
};

static void *wait_for_job(void *arg)
{
	struct waiter *waiter = arg;

	waiter->ret = gpu_finish(waiter->gpu, waiter->job_id);
	return NULL;
}

TEST_F(hmm_life_device, unbind_wakes_who_waits_for_a_job)
{
	struct waiter waiter = { .gpu = &self->gpu };
	uint64_t before;

	ASSERT_EQ(0, start_endless_job(&self->gpu, self->mem, SIZE, &waiter.job_id));
	ASSERT_EQ(0, pthread_create(&waiter.thread, NULL, wait_for_job, &waiter));
	sleep_ms(50);
	before = now_ms();
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	pthread_join(waiter.thread, NULL);
	EXPECT_GT(LIVE_MS / 2, now_ms() - before);
	EXPECT_TRUE(waiter.ret == DRM_DUMMY_GPU_REASON_DEVICE_LOST || waiter.ret == -ENODEV);
	dummy_device_close(self->gpu.dev);
}

TEST_F(hmm_life_device, unbind_brings_memory_of_all_processes_home)
{
	struct meeting meeting;
	pid_t child;

	ASSERT_EQ(0, meeting_init(&meeting));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		close(dummy_device_fd(self->gpu.dev));
		meet(&meeting);
		meet(&meeting);
		EXPECT_EQ(0, pages_in(self->mem, SIZE, IN_DEVICE));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
	dummy_device_close(self->gpu.dev);
}

TEST_F(hmm_life_device, buffer_object_mapping_survives_unbind)
{
	struct dummy_bo *bo;
	void *mem;

	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	ASSERT_EQ(0, dummy_bo_map(bo, &mem));
	pattern_fill(mem, HUGE_SIZE, 3);
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	/* Something is there, or nothing is: no crash, and no other's memory. */
	dummy_device_close(self->gpu.dev);
	EXPECT_EQ(0, munmap(mem, HUGE_SIZE));
}

TEST_F_TIMEOUT(hmm_life_device, device_can_be_unbound_and_bound_again_and_again, 120)
{
	struct gpu gpu;
	unsigned int round;

	dummy_device_close(self->gpu.dev);
	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, gpu_open(&gpu, 0));
		pattern_fill(self->mem, SIZE, round);
		ASSERT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, self->mem, SIZE, round));
		ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
		EXPECT_EQ(-ENODEV, gpu_open(&(struct gpu) { 0 }, 0));
		dummy_device_close(gpu.dev);
		ASSERT_EQ(0, file_write(DRIVER "bind", self->name));
	}
}

/* ---- The modules ---------------------------------------------------------- */

/* Parameters as dummy_gpu has them now. */
static void read_parameters(char *text, size_t size)
{
	const char *dir_name = "/sys/module/dummy_gpu/parameters";
	size_t used = 0;
	struct dirent *entry;
	char path[512], value[64];
	FILE *file;
	DIR *dir;

	text[0] = 0;
	dir = opendir(dir_name);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", dir_name, entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
		if (!file)
			continue;
		if (fscanf(file, "%63s", value) == 1)
			used += snprintf(text + used, used < size ? size - used : 0, "%s=%s ",
					 entry->d_name, value);
		fclose(file);
	}
	if (dir)
		closedir(dir);
}

static int load_module(const char *path, const char *parameters)
{
	int fd, ret = 0;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (syscall(__NR_finit_module, fd, parameters, 0))
		ret = -errno;
	close(fd);
	return ret;
}

FIXTURE(hmm_life_module) {
	const char *path;
	char parameters[512];
	char *mem;
};

FIXTURE_SETUP(hmm_life_module)
{
	struct gpu gpu;

	self->path = getenv("DUMMY_GPU_KO");
	setup_gpu(_metadata, &gpu, 0);
	ASSERT_EQ(0, gpu_close(&gpu));
	mem_free_all();
	if (!self->path || access(self->path, R_OK))
		SKIP(_exit(0), "needs DUMMY_GPU_KO, the path of dummy_gpu.ko");
	read_parameters(self->parameters, sizeof(self->parameters));
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
}

FIXTURE_TEARDOWN(hmm_life_module)
{
	struct gpu gpu;

	load_module(self->path, self->parameters);
	EXPECT_EQ(0, gpu_open(&gpu, 0));
	mem_free_all();
	EXPECT_EQ(0, gpu_close(&gpu));
}

TEST_F(hmm_life_module, unloading_brings_memory_home)
{
	struct gpu gpu;

	pattern_fill(self->mem, SIZE, 1);
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	ASSERT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
	/* An open file holds the module. */
	EXPECT_EQ(-1, syscall(__NR_delete_module, "dummy_gpu", O_NONBLOCK));
	EXPECT_EQ(EWOULDBLOCK, errno);
	ASSERT_EQ(0, gpu_close(&gpu));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_DEVICE));
	ASSERT_TRUE(eventually(!syscall(__NR_delete_module, "dummy_gpu", O_NONBLOCK)));
	EXPECT_EQ(pages(SIZE), pages_in(self->mem, SIZE, IN_SYSTEM));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F_TIMEOUT(hmm_life_module, module_loads_and_unloads_again_and_again, 240)
{
	struct gpu gpu;
	unsigned int round;

	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, gpu_open(&gpu, 0));
		pattern_fill(self->mem, SIZE, round);
		EXPECT_EQ(0, gpu_to_device(&gpu, self->mem, SIZE));
		ASSERT_EQ(0, gpu_close(&gpu));
		ASSERT_TRUE(eventually(!syscall(__NR_delete_module, "dummy_gpu", O_NONBLOCK)));
		EXPECT_EQ(0, pattern_bad(self->mem, SIZE, round));
		ASSERT_EQ(0, load_module(self->path, self->parameters));
	}
}

/* What the lost device held is hmm_core's to keep: it needs nothing of the driver. */
TEST_F(hmm_life_module, unloading_after_loss_leaves_the_lost_memory_parked)
{
	const char *users = "/sys/module/hmm_core/refcnt";
	struct gpu gpu;

	if (!chip_says(0, "lose", "0"))
		SKIP(return, "needs debugfs");
	pattern_fill(self->mem, SIZE, 1);
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	ASSERT_EQ(0, gpu_to_device(&gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	dummy_device_close(gpu.dev);
	ASSERT_TRUE(eventually(!syscall(__NR_delete_module, "dummy_gpu", O_NONBLOCK)));
	EXPECT_EQ(1, file_read(users));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem + HUGE_SIZE - page_size));
	/* The rest was never there. */
	EXPECT_EQ(pattern(1, HUGE_SIZE), *(volatile uint64_t *)(self->mem + HUGE_SIZE));
	/* A driver that is loaded again starts with all of its memory, beside it. */
	ASSERT_EQ(0, load_module(self->path, self->parameters));
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	EXPECT_EQ(0, gpu_pattern_fill(&gpu, self->mem + HUGE_SIZE, SIZE - HUGE_SIZE, 2));
	EXPECT_EQ(0, pattern_bad(self->mem + HUGE_SIZE, SIZE - HUGE_SIZE, 2));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem));
	ASSERT_EQ(0, gpu_close(&gpu));
	mem_free_all();
	ASSERT_TRUE(eventually(!syscall(__NR_delete_module, "dummy_gpu", O_NONBLOCK)));
	EXPECT_TRUE(eventually(!file_read(users)));
}

int main(int argc, char **argv)
{
	if (getenv("HMM_LIFE_FD"))
		return main_after_exec();
	return test_harness_run(argc, argv);
}
