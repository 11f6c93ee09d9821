// SPDX-License-Identifier: MIT
/*
 * See dummy_gpu_calls.h.
 */
#include <linux/mempolicy.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>

#include "dummy_gpu_calls.h"

/* Outputs have it before a call; no id, handle or count is like it. */
#define GARBAGE		0x5a5a5a5a

/* Where a client's own stream is in its memory. */
#define MEM_CODE_PAGE	(DUMMY_MEM_PAGES - 1)

/* ---- Verbs of one line -------------------------------------------------- */

uint32_t dummy_vm_create(int fd, uint32_t flags)
{
	struct drm_dummy_gpu_vm_create args = { .flags = flags };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_VM_CREATE, &args);
	igt_assert_neq_u32(args.vm_id, 0);
	return args.vm_id;
}

void dummy_vm_destroy(int fd, uint32_t vm)
{
	struct drm_dummy_gpu_vm_destroy args = { .vm_id = vm };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &args);
}

uint32_t dummy_gem_create(int fd, uint64_t size, uint32_t flags)
{
	struct drm_dummy_gpu_gem_create args = { .size = size, .flags = flags };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_GEM_CREATE, &args);
	igt_assert_neq_u32(args.handle, 0);
	return args.handle;
}

void *dummy_gem_map(int fd, uint32_t handle, uint64_t size)
{
	struct drm_dummy_gpu_gem_mmap args = { .handle = handle };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &args);
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, args.offset);
}

int dummy_bind(int fd, uint32_t vm, const struct drm_dummy_gpu_bind_op *op)
{
	struct drm_dummy_gpu_vm_bind args = {
		.vm_id = vm,
		.ops = {
			.stride = sizeof(*op),
			.count = 1,
			.array = dummy_addr(op),
		},
	};

	return igt_ioctl(fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &args) ? -errno : 0;
}

void dummy_bind_bo(int fd, uint32_t vm, uint32_t handle, uint64_t start, uint64_t size)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_MAP,
		.handle = handle,
		.start = start,
		.size = size,
	};

	igt_assert_eq(dummy_bind(fd, vm, &op), 0);
}

uint32_t dummy_queue_create(int fd, uint32_t vm, uint32_t timeout_ms)
{
	struct drm_dummy_gpu_queue_create args = { .vm_id = vm, .timeout_ms = timeout_ms };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &args);
	igt_assert_neq_u32(args.queue_id, 0);
	return args.queue_id;
}

void dummy_queue_destroy(int fd, uint32_t queue)
{
	struct drm_dummy_gpu_queue_destroy args = { .queue_id = queue };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &args);
}

uint64_t *dummy_emit(uint64_t *at, struct dummy_gpu_cmd cmd)
{
	size_t size = offsetof(struct dummy_gpu_cmd, args) + cmd.nr_args * sizeof(cmd.args[0]);

	memcpy(at, &cmd, size);
	return at + size / sizeof(*at);
}

uint64_t dummy_submit(int fd, uint32_t queue, uint64_t addr, uint64_t size)
{
	struct drm_dummy_gpu_submit args = {
		.queue_id = queue,
		.stream = addr,
		.stream_size = size,
	};

	return igt_ioctl(fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args) ? 0 : args.job_id;
}

struct drm_dummy_gpu_job_query dummy_job_wait(int fd, uint32_t queue, uint64_t job)
{
	struct drm_dummy_gpu_job_query args = {
		.queue_id = queue,
		.job_id = job,
		.timeout_ns = DUMMY_LIVE_NS,
	};

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args);
	return args;
}

/* ---- Devices ------------------------------------------------------------ */

void dummy_require_device(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	bool is_ours;

	igt_assert(version);
	is_ours = !strcmp(version->name, "dummy_gpu");
	drmFreeVersion(version);
	igt_require_f(is_ours, "needs a dummy_gpu\n");
}

static void query(int fd, uint32_t type, uint32_t id, void *answer, uint32_t size)
{
	struct drm_dummy_gpu_query args = {
		.type = type,
		.id = id,
		.size = size,
		.pointer = dummy_addr(answer),
	};

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUERY, &args);
}

struct drm_dummy_gpu_device_stats dummy_device_stats(int fd)
{
	struct drm_dummy_gpu_device_stats stats;

	query(fd, DRM_DUMMY_GPU_QUERY_DEVICE_STATS, 0, &stats, sizeof(stats));
	return stats;
}

struct drm_dummy_gpu_vm_stats dummy_vm_stats(int fd, uint32_t vm)
{
	struct drm_dummy_gpu_vm_stats stats;

	query(fd, DRM_DUMMY_GPU_QUERY_VM_STATS, vm, &stats, sizeof(stats));
	return stats;
}

static bool no_more_is_used(const struct drm_dummy_gpu_device_stats *now,
			    const struct drm_dummy_gpu_device_stats *before)
{
	return now->vram_svm <= before->vram_svm && now->vram_bo <= before->vram_bo;
}

void dummy_assert_nothing_leaked(int fd, const struct drm_dummy_gpu_device_stats *before)
{
	struct drm_dummy_gpu_device_stats now;

	/* What goes with the last reference of a process is freed by a worker. */
	igt_wait((now = dummy_device_stats(fd), no_more_is_used(&now, before)),
		 DUMMY_LIVE_MS, 10);
	igt_assert_lte_u64(now.vram_svm, before->vram_svm);
	igt_assert_lte_u64(now.vram_bo, before->vram_bo);
	igt_assert_lte_u64(now.vram_bad, before->vram_bad);
}

/* ---- Clients ------------------------------------------------------------ */

/* A frame that ends where the last page, which nobody may touch, begins. */
static struct dummy_frame *frame_alloc(void)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	char *pages;

	pages = mmap(NULL, 2 * page_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	igt_assert(pages != MAP_FAILED);
	igt_assert_eq(mprotect(pages + page_size, page_size, PROT_NONE), 0);
	return (struct dummy_frame *)(pages + page_size) - 1;
}

static void frame_free(struct dummy_frame *frame)
{
	size_t page_size = sysconf(_SC_PAGESIZE);

	munmap((char *)(frame + 1) - page_size, 2 * page_size);
}

struct dummy_client *dummy_client_alloc(void)
{
	struct dummy_client *client;

	client = mmap(NULL, sizeof(*client), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	igt_assert(client != MAP_FAILED);
	client->frame = frame_alloc();
	client->eventfd = -1;
	return client;
}

static void make_objects(struct dummy_client *client)
{
	uint64_t bo_size = DUMMY_BO_PAGES * client->page_size;
	int fd = client->fd;

	client->svm = dummy_vm_create(fd, DRM_DUMMY_GPU_VM_SVM);
	client->vm = dummy_vm_create(fd, 0);
	client->svm_queue = dummy_queue_create(fd, client->svm, 0);
	client->queue = dummy_queue_create(fd, client->vm, 0);
	client->bo = dummy_gem_create(fd, bo_size, 0);
	client->secret = dummy_gem_create(fd, bo_size, DRM_DUMMY_GPU_GEM_NO_MMAP);
	client->signalled = syncobj_create(fd, DRM_SYNCOBJ_CREATE_SIGNALED);
	client->syncobj = syncobj_create(fd, 0);
	client->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	igt_assert_fd(client->eventfd);
}

static void make_code(struct dummy_client *client)
{
	client->code = dummy_gem_create(client->fd, client->page_size, 0);
	client->code_map = dummy_gem_map(client->fd, client->code, client->page_size);
	igt_assert(client->code_map != MAP_FAILED);
	dummy_emit(client->code_map, (struct dummy_gpu_cmd){ .op = DUMMY_GPU_OP_END });
	dummy_bind_bo(client->fd, client->vm, client->code, DUMMY_CODE_VA, client->page_size);
}

static uint64_t mem_code(struct dummy_client *client)
{
	return dummy_addr(client->mem) + MEM_CODE_PAGE * client->page_size;
}

/*
 * To learn who uses a page, NUMA balancing takes its entry away for a moment, and
 * with it the device's: SNAPSHOT shows nothing then. It lets memory alone that has
 * a policy of its own; this one is what everybody has anyway.
 */
static void keep_balancing_out(void *start, size_t size)
{
	/* It fails without NUMA in the kernel, where nobody balances. */
	syscall(SYS_mbind, start, size, MPOL_LOCAL, NULL, 0, 0);
	errno = 0;
}

/*
 * Where a device fault moves memory it may move what is near, within a large
 * page: nothing is near this, so that it all goes with the client.
 */
static void make_memory(struct dummy_client *client)
{
	size_t size = DUMMY_MEM_PAGES * client->page_size;
	size_t huge_size = client->info.huge_size;

	client->room = mmap(NULL, 2 * huge_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	igt_assert(client->room != MAP_FAILED);
	client->mem = client->room + huge_size - dummy_addr(client->room) % huge_size;
	igt_assert_eq(mprotect(client->mem, size, PROT_READ | PROT_WRITE), 0);
	keep_balancing_out(client->mem, size);
	memset(client->mem, 0, size);
	client->fence = (uint64_t *)client->mem;
	dummy_emit((uint64_t *)(client->mem + MEM_CODE_PAGE * client->page_size),
		   (struct dummy_gpu_cmd){ .op = DUMMY_GPU_OP_END });
}

static void run_jobs(struct dummy_client *client)
{
	struct drm_dummy_gpu_submit args = {
		.queue_id = client->svm_queue,
		.flags = DRM_DUMMY_GPU_SUBMIT_FENCE,
		.stream = mem_code(client),
		.stream_size = 8,
		.fence_addr = dummy_addr(client->fence),
		.fence_value = DUMMY_FENCE_VALUE,
	};

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	client->svm_job = args.job_id;
	client->job = dummy_submit(client->fd, client->queue, DUMMY_CODE_VA, 8);
	igt_assert_neq_u64(client->job, 0);

	igt_assert_eq_u32(dummy_job_wait(client->fd, client->svm_queue, client->svm_job).state,
			  DRM_DUMMY_GPU_JOB_DONE);
	igt_assert_eq_u32(dummy_job_wait(client->fd, client->queue, client->job).state,
			  DRM_DUMMY_GPU_JOB_DONE);
}

/* Those that are open, so that one subtest that fails does not fail the others. */
static struct dummy_client *clients[16];

static struct dummy_client **find_slot(const struct dummy_client *client)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		if (clients[i] == client)
			return &clients[i];
	}
	igt_assert_f(false, "no slot for a client\n");
	return NULL;
}

static void close_leftovers(const char *subtest)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(clients); i++) {
		if (clients[i] && clients[i]->subtest[0] && strcmp(clients[i]->subtest, subtest))
			dummy_client_close(clients[i]);
	}
}

/* One that a fixture opens is for whoever comes after. */
static void register_client(struct dummy_client *client)
{
	const char *subtest = igt_subtest_name();

	close_leftovers(subtest ? subtest : "");
	snprintf(client->subtest, sizeof(client->subtest), "%s", subtest ? subtest : "");
	*find_slot(NULL) = client;
}

void dummy_client_init(struct dummy_client *client, int fd)
{
	client->fd = drm_reopen_driver(fd);
	register_client(client);
	query(client->fd, DRM_DUMMY_GPU_QUERY_INFO, 0, &client->info, sizeof(client->info));
	client->page_size = client->info.page_size;
	make_objects(client);
	make_code(client);
	make_memory(client);
	run_jobs(client);
}

struct dummy_client *dummy_client_open(int fd)
{
	struct dummy_client *client = dummy_client_alloc();

	dummy_client_init(client, fd);
	return client;
}

void dummy_client_close(struct dummy_client *client)
{
	*find_slot(client) = NULL;
	if (client->code_map)
		munmap(client->code_map, client->page_size);
	/* Ends all that is in the file; nothing reaches the memory afterwards. */
	igt_assert_eq(close(client->fd), 0);
	close(client->eventfd);
	if (client->room)
		munmap(client->room, 2 * client->info.huge_size);
	frame_free(client->frame);
	munmap(client, sizeof(*client));
}

/* ---- Preparing calls ---------------------------------------------------- */

static struct drm_dummy_gpu_array to_array(const void *elements, uint32_t stride, uint32_t count)
{
	return (struct drm_dummy_gpu_array) {
		.stride = stride,
		.count = count,
		.array = dummy_addr(elements),
	};
}

static void prepare_query(struct dummy_client *client, uint32_t type, uint32_t id, uint32_t size)
{
	struct dummy_frame *frame = client->frame;

	frame->args.query = (struct drm_dummy_gpu_query) {
		.type = type,
		.id = id,
		.size = size,
		.pointer = dummy_addr(&frame->target),
	};
}

static void prepare_query_info(struct dummy_client *client)
{
	prepare_query(client, DRM_DUMMY_GPU_QUERY_INFO, 0, sizeof(struct drm_dummy_gpu_info));
}

static void prepare_query_device_stats(struct dummy_client *client)
{
	prepare_query(client, DRM_DUMMY_GPU_QUERY_DEVICE_STATS, 0,
		      sizeof(struct drm_dummy_gpu_device_stats));
}

static void prepare_query_vm_stats(struct dummy_client *client)
{
	prepare_query(client, DRM_DUMMY_GPU_QUERY_VM_STATS, client->svm,
		      sizeof(struct drm_dummy_gpu_vm_stats));
}

static void prepare_vm_create(struct dummy_client *client)
{
	client->frame->args.vm_create = (struct drm_dummy_gpu_vm_create) {
		.vm_id = GARBAGE,
	};
}

static void prepare_vm_create_svm(struct dummy_client *client)
{
	client->frame->args.vm_create = (struct drm_dummy_gpu_vm_create) {
		.flags = DRM_DUMMY_GPU_VM_SVM,
		.vm_id = GARBAGE,
	};
}

static void undo_vm_create(struct dummy_client *client)
{
	dummy_vm_destroy(client->fd, client->frame->args.vm_create.vm_id);
}

static void prepare_vm_destroy(struct dummy_client *client)
{
	client->frame->args.vm_destroy = (struct drm_dummy_gpu_vm_destroy) {
		.vm_id = dummy_vm_create(client->fd, 0),
	};
}

static void prepare_vm_destroy_svm(struct dummy_client *client)
{
	client->frame->args.vm_destroy = (struct drm_dummy_gpu_vm_destroy) {
		.vm_id = dummy_vm_create(client->fd, DRM_DUMMY_GPU_VM_SVM),
	};
}

static void prepare_gem_create(struct dummy_client *client)
{
	client->frame->args.gem_create = (struct drm_dummy_gpu_gem_create) {
		.size = client->page_size,
		.handle = GARBAGE,
	};
}

static void prepare_gem_create_vram(struct dummy_client *client)
{
	client->frame->args.gem_create = (struct drm_dummy_gpu_gem_create) {
		.size = client->page_size,
		.flags = DRM_DUMMY_GPU_GEM_VRAM,
		.handle = GARBAGE,
	};
}

static void undo_gem_create(struct dummy_client *client)
{
	gem_close(client->fd, client->frame->args.gem_create.handle);
}

static void prepare_gem_mmap(struct dummy_client *client)
{
	client->frame->args.gem_mmap = (struct drm_dummy_gpu_gem_mmap) {
		.handle = client->bo,
		.offset = GARBAGE,
	};
}

static void prepare_bind(struct dummy_client *client, uint32_t vm,
			 const struct drm_dummy_gpu_bind_op *op)
{
	struct dummy_frame *frame = client->frame;

	frame->target.ops[0] = *op;
	frame->args.vm_bind = (struct drm_dummy_gpu_vm_bind) {
		.vm_id = vm,
		.ops = to_array(frame->target.ops, sizeof(*op), 1),
	};
}

static void prepare_vm_bind(struct dummy_client *client)
{
	prepare_bind(client, client->vm, &(struct drm_dummy_gpu_bind_op) {
		.type = DRM_DUMMY_GPU_BIND_MAP,
		.handle = client->bo,
		.start = DUMMY_FREE_VA,
		.size = DUMMY_BO_PAGES * client->page_size,
	});
}

static void prepare_vm_bind_svm(struct dummy_client *client)
{
	prepare_bind(client, client->svm, &(struct drm_dummy_gpu_bind_op) {
		.type = DRM_DUMMY_GPU_BIND_MAP,
		.handle = client->bo,
		.start = client->info.svm_end,
		.size = DUMMY_BO_PAGES * client->page_size,
	});
}

static void prepare_vm_unbind(struct dummy_client *client)
{
	prepare_bind(client, client->vm, &(struct drm_dummy_gpu_bind_op) {
		.type = DRM_DUMMY_GPU_BIND_UNMAP,
		.start = DUMMY_FREE_VA,
		.size = DUMMY_BO_PAGES * client->page_size,
	});
}

static void prepare_queue_create(struct dummy_client *client)
{
	client->frame->args.queue_create = (struct drm_dummy_gpu_queue_create) {
		.vm_id = client->vm,
		.queue_id = GARBAGE,
	};
}

static void prepare_queue_create_svm(struct dummy_client *client)
{
	client->frame->args.queue_create = (struct drm_dummy_gpu_queue_create) {
		.vm_id = client->svm,
		.flags = DRM_DUMMY_GPU_QUEUE_EVENTFD,
		.eventfd = client->eventfd,
		.queue_id = GARBAGE,
	};
}

static void undo_queue_create(struct dummy_client *client)
{
	dummy_queue_destroy(client->fd, client->frame->args.queue_create.queue_id);
}

static void prepare_queue_destroy(struct dummy_client *client)
{
	client->frame->args.queue_destroy = (struct drm_dummy_gpu_queue_destroy) {
		.queue_id = dummy_queue_create(client->fd, client->vm, 0),
	};
}

static void prepare_queue_destroy_svm(struct dummy_client *client)
{
	client->frame->args.queue_destroy = (struct drm_dummy_gpu_queue_destroy) {
		.queue_id = dummy_queue_create(client->fd, client->svm, 0),
	};
}

static void prepare_submit(struct dummy_client *client)
{
	struct dummy_frame *frame = client->frame;

	frame->target.syncs[0] = (struct drm_dummy_gpu_sync) { .handle = client->signalled };
	frame->target.syncs[1] = (struct drm_dummy_gpu_sync) {
		.handle = client->syncobj,
		.flags = DRM_DUMMY_GPU_SYNC_SIGNAL,
	};
	frame->args.submit = (struct drm_dummy_gpu_submit) {
		.queue_id = client->queue,
		.stream = DUMMY_CODE_VA,
		.stream_size = 8,
		.syncs = to_array(frame->target.syncs, sizeof(frame->target.syncs[0]), 2),
		.job_id = GARBAGE,
	};
}

static void prepare_submit_svm(struct dummy_client *client)
{
	struct dummy_frame *frame = client->frame;

	frame->target.syncs[0] = (struct drm_dummy_gpu_sync) { .handle = client->signalled };
	frame->args.submit = (struct drm_dummy_gpu_submit) {
		.queue_id = client->svm_queue,
		.flags = DRM_DUMMY_GPU_SUBMIT_FENCE,
		.stream = mem_code(client),
		.stream_size = 8,
		.fence_addr = dummy_addr(client->fence),
		.fence_value = DUMMY_FENCE_VALUE + 1,
		.syncs = to_array(frame->target.syncs, sizeof(frame->target.syncs[0]), 1),
		.job_id = GARBAGE,
	};
}

static void undo_submit(struct dummy_client *client)
{
	struct drm_dummy_gpu_submit *args = &client->frame->args.submit;

	igt_assert_eq_u32(dummy_job_wait(client->fd, args->queue_id, args->job_id).state,
			  DRM_DUMMY_GPU_JOB_DONE);
}

static void prepare_query_job(struct dummy_client *client, uint32_t queue, uint64_t job)
{
	client->frame->args.job_query = (struct drm_dummy_gpu_job_query) {
		.queue_id = queue,
		.state = GARBAGE,
		.job_id = job,
		.timeout_ns = DUMMY_LIVE_NS,
		.reason = GARBAGE,
		.access = GARBAGE,
		.fault_addr = GARBAGE,
		.stream_offset = GARBAGE,
		.nr_faults = GARBAGE,
		.pages_faulted = GARBAGE,
		.run_ns = GARBAGE,
	};
}

static void prepare_job_query(struct dummy_client *client)
{
	prepare_query_job(client, client->queue, client->job);
}

static void prepare_job_query_svm(struct dummy_client *client)
{
	prepare_query_job(client, client->svm_queue, client->svm_job);
}

/* In the frame: each process waits for a fence in its own memory. */
static void prepare_wait_fence(struct dummy_client *client)
{
	struct dummy_frame *frame = client->frame;

	memset(&frame->target, GARBAGE & 0xff, 8);
	frame->args.wait_fence = (struct drm_dummy_gpu_wait_fence) {
		.queue_id = client->svm_queue,
		.addr = dummy_addr(&frame->target),
		.value = GARBAGE,
		.job_id = client->svm_job,
		.timeout_ns = DUMMY_LIVE_NS,
	};
}

static void prepare_advice(struct dummy_client *client, uint32_t advice, uint64_t value)
{
	client->frame->args.advise = (struct drm_dummy_gpu_advise) {
		.vm_id = client->svm,
		.advice = advice,
		.start = dummy_addr(client->mem),
		.size = DUMMY_MEM_PAGES * client->page_size,
		.value = value,
	};
}

static void prepare_advise_place(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_PLACE, DRM_DUMMY_GPU_PLACE_SYSTEM);
}

static void prepare_advise_granularity(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_GRANULARITY, 16);
}

static void prepare_advise_read_mostly(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, 1);
}

static void prepare_advise_atomics(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_ATOMICS, DRM_DUMMY_GPU_ATOMICS_DEVICE);
}

static void prepare_advise_pin(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_PIN, 1);
}

static void prepare_advise_reset(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_RESET, 0);
}

static void prepare_advise_thp(struct dummy_client *client)
{
	prepare_advice(client, DRM_DUMMY_GPU_ADVICE_THP, 1);
}

static void prepare_migrate(struct dummy_client *client, uint32_t place, uint32_t flags)
{
	struct dummy_frame *frame = client->frame;

	frame->args.migrate = (struct drm_dummy_gpu_migrate) {
		.vm_id = client->svm,
		.place = place,
		.flags = flags,
		.start = dummy_addr(client->mem),
		.size = DUMMY_MEM_PAGES * client->page_size,
		.runs = to_array(frame->target.runs, sizeof(frame->target.runs[0]),
				 DUMMY_MEM_PAGES),
		.moved = GARBAGE,
		.already = GARBAGE,
		.stayed = GARBAGE,
		.mapped = GARBAGE,
	};
}

static void prepare_migrate_to_device(struct dummy_client *client)
{
	prepare_migrate(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
}

static void prepare_prefetch(struct dummy_client *client)
{
	prepare_migrate(client, DRM_DUMMY_GPU_PLACE_DEVICE,
			DRM_DUMMY_GPU_MIGRATE_POPULATE | DRM_DUMMY_GPU_MIGRATE_MAP |
			DRM_DUMMY_GPU_MIGRATE_WRITE);
}

static void prepare_migrate_to_system(struct dummy_client *client)
{
	prepare_migrate(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

static void prepare_snapshot(struct dummy_client *client)
{
	struct dummy_frame *frame = client->frame;

	frame->args.snapshot = (struct drm_dummy_gpu_snapshot) {
		.vm_id = client->svm,
		.start = dummy_addr(client->mem),
		.size = DUMMY_MEM_PAGES * client->page_size,
		.pages = to_array(frame->target.pages, sizeof(frame->target.pages[0]),
				  DUMMY_MEM_PAGES),
	};
}

static void prepare_evict(struct dummy_client *client)
{
	client->frame->args.evict = (struct drm_dummy_gpu_evict) {
		.size = client->page_size,
		.evicted = GARBAGE,
	};
}

static void prepare_vm_limit(struct dummy_client *client)
{
	client->frame->args.vm_limit = (struct drm_dummy_gpu_vm_limit) {
		.vm_id = client->svm,
		/* So much that it limits nothing, and not all ones with a bit more. */
		.vram = 1ULL << 40,
	};
}

static void undo_vm_limit(struct dummy_client *client)
{
	struct drm_dummy_gpu_vm_limit args = { .vm_id = client->svm, .vram = UINT64_MAX };

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_VM_LIMIT, &args);
}

/* ---- The table ---------------------------------------------------------- */

#define SVM	(DUMMY_CALL_SVM | DUMMY_CALL_NAMES)
#define NAMES	DUMMY_CALL_NAMES

#define CALL(call, ioctl, properties, how)				\
	{								\
		.name = (call),						\
		.request = DRM_IOCTL_DUMMY_GPU_##ioctl,			\
		.traits = (properties),					\
		.prepare = prepare_##how,				\
	}

#define CALL_UNDONE(call, ioctl, properties, how, undone)		\
	{								\
		.name = (call),						\
		.request = DRM_IOCTL_DUMMY_GPU_##ioctl,			\
		.traits = (properties),					\
		.prepare = prepare_##how,				\
		.undo = undo_##undone,					\
	}

const struct dummy_call dummy_calls[] = {
	CALL("query-info", QUERY, 0, query_info),
	CALL("query-device-stats", QUERY, 0, query_device_stats),
	CALL("query-vm-stats", QUERY, SVM, query_vm_stats),
	CALL_UNDONE("vm-create", VM_CREATE, 0, vm_create, vm_create),
	CALL_UNDONE("vm-create-svm", VM_CREATE, 0, vm_create_svm, vm_create),
	CALL("vm-destroy", VM_DESTROY, NAMES, vm_destroy),
	CALL("vm-destroy-svm", VM_DESTROY, SVM, vm_destroy_svm),
	CALL_UNDONE("gem-create", GEM_CREATE, 0, gem_create, gem_create),
	CALL_UNDONE("gem-create-vram", GEM_CREATE, 0, gem_create_vram, gem_create),
	CALL("gem-mmap", GEM_MMAP, NAMES, gem_mmap),
	CALL("vm-bind", VM_BIND, NAMES, vm_bind),
	CALL("vm-bind-svm", VM_BIND, SVM, vm_bind_svm),
	CALL("vm-unbind", VM_BIND, NAMES, vm_unbind),
	CALL_UNDONE("queue-create", QUEUE_CREATE, NAMES, queue_create, queue_create),
	CALL_UNDONE("queue-create-svm", QUEUE_CREATE, SVM, queue_create_svm, queue_create),
	CALL("queue-destroy", QUEUE_DESTROY, NAMES, queue_destroy),
	CALL("queue-destroy-svm", QUEUE_DESTROY, SVM, queue_destroy_svm),
	CALL_UNDONE("submit", SUBMIT, NAMES, submit, submit),
	CALL_UNDONE("submit-svm", SUBMIT, SVM, submit_svm, submit),
	CALL("job-query", JOB_QUERY, NAMES, job_query),
	CALL("job-query-svm", JOB_QUERY, SVM, job_query_svm),
	CALL("wait-fence", WAIT_FENCE, SVM | DUMMY_CALL_ANYBODY, wait_fence),
	CALL("advise-place", ADVISE, SVM, advise_place),
	CALL("advise-granularity", ADVISE, SVM, advise_granularity),
	CALL("advise-read-mostly", ADVISE, SVM, advise_read_mostly),
	CALL("advise-atomics", ADVISE, SVM, advise_atomics),
	CALL("advise-pin", ADVISE, SVM, advise_pin),
	CALL("advise-reset", ADVISE, SVM, advise_reset),
	CALL("advise-thp", ADVISE, SVM, advise_thp),
	CALL("migrate-to-device", MIGRATE, SVM, migrate_to_device),
	CALL("prefetch", MIGRATE, SVM, prefetch),
	CALL("migrate-to-system", MIGRATE, SVM, migrate_to_system),
	CALL("snapshot", SNAPSHOT, SVM, snapshot),
	CALL("evict", EVICT, DUMMY_CALL_ROOT, evict),
	CALL_UNDONE("vm-limit", VM_LIMIT, SVM, vm_limit, vm_limit),
};

const unsigned int dummy_nr_calls = ARRAY_SIZE(dummy_calls);

const struct dummy_call *dummy_call_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++) {
		if (!strcmp(dummy_calls[i].name, name))
			return &dummy_calls[i];
	}
	igt_assert_f(false, "no call is named %s\n", name);
	return NULL;
}

void dummy_call_prepare(const struct dummy_call *call, struct dummy_client *client)
{
	memset(client->frame, GARBAGE & 0xff, sizeof(*client->frame));
	call->prepare(client);
}

int dummy_call_make(const struct dummy_call *call, struct dummy_client *client, int fd)
{
	return igt_ioctl(fd, call->request, &client->frame->args) ? -errno : 0;
}
