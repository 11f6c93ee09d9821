// SPDX-License-Identifier: MIT
/*
 * What each ioctl of dummy_gpu does when it is used as its uapi says, and the
 * errors that need more than a bad field: what is full, late, stopped or gone.
 *
 * Invariant: every subtest has a client of its own, and when that is closed no
 * more device memory is in use than before.
 *
 * Words: a client's *scratch* is its buffer object, bound at DUMMY_FREE_VA, as
 * the CPU sees it. A *stuck* job waits for a word that only the test changes.
 *
 * Lock: none.
 */
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/time.h>

#include "dummy_gpu_calls.h"

IGT_TEST_DESCRIPTION("What the ioctls of dummy_gpu do.");

#define MAX_SVM_VMS	8
#define MAX_JOBS	256

/* ---- Jobs --------------------------------------------------------------- */

#define COMMAND(code, ...)	((struct dummy_gpu_cmd){ .op = DUMMY_GPU_OP_##code, __VA_ARGS__ })

static struct dummy_gpu_cmd no_command(void)
{
	return (struct dummy_gpu_cmd) { .op = DUMMY_GPU_NR_OPS };
}

static struct dummy_gpu_cmd fill(uint64_t start, uint64_t size, uint64_t pattern)
{
	return COMMAND(FILL, .width = 8, .nr_args = 3, .args = { start, size, pattern });
}

static struct dummy_gpu_cmd copy(uint64_t dst, uint64_t src, uint64_t size)
{
	return COMMAND(COPY, .nr_args = 3, .args = { dst, src, size });
}

static struct dummy_gpu_cmd store(uint64_t dst, uint64_t value)
{
	return COMMAND(STORE, .width = 8, .nr_args = 2, .args = { dst, value });
}

static struct dummy_gpu_cmd wait_until(uint64_t addr, uint64_t value)
{
	return COMMAND(WAIT, .width = 8, .cond = DUMMY_GPU_COND_EQ, .nr_args = 2,
		       .args = { addr, value });
}

/* Write a stream of one command. Return: its size. */
static uint64_t write_stream(void *code, struct dummy_gpu_cmd cmd)
{
	uint64_t *end = dummy_emit(code, cmd);

	end = dummy_emit(end, COMMAND(END));
	return (char *)end - (char *)code;
}

/* Run @cmd in the VM without SVM. */
static struct drm_dummy_gpu_job_query run(struct dummy_client *client, struct dummy_gpu_cmd cmd)
{
	uint64_t size = write_stream(client->code_map, cmd);
	uint64_t job = dummy_submit(client->fd, client->queue, DUMMY_CODE_VA, size);

	igt_assert_neq_u64(job, 0);
	return dummy_job_wait(client->fd, client->queue, job);
}

static void run_well(struct dummy_client *client, struct dummy_gpu_cmd cmd)
{
	struct drm_dummy_gpu_job_query job = run(client, cmd);

	igt_assert_f(job.state == DRM_DUMMY_GPU_JOB_DONE, "failed with reason %u at %#llx\n",
		     job.reason, (unsigned long long)job.fault_addr);
}

static void run_to_failure(struct dummy_client *client, struct dummy_gpu_cmd cmd, uint32_t reason,
			   uint64_t fault_addr)
{
	struct drm_dummy_gpu_job_query job = run(client, cmd);

	igt_assert_eq_u32(job.state, DRM_DUMMY_GPU_JOB_FAILED);
	igt_assert_eq_u32(job.reason, reason);
	igt_assert_eq_u64(job.fault_addr, fault_addr);
}

/* The last page of process memory: not what tests look at. */
static char *svm_code(struct dummy_client *client)
{
	return client->mem + (DUMMY_MEM_PAGES - 1) * client->page_size;
}

/* Submit @cmd on the queue with SVM, to write @value to the fence. Return: the job. */
static uint64_t submit_svm(struct dummy_client *client, struct dummy_gpu_cmd cmd, uint64_t value)
{
	struct drm_dummy_gpu_submit args = {
		.queue_id = client->svm_queue,
		.flags = DRM_DUMMY_GPU_SUBMIT_FENCE,
		.stream = dummy_addr(svm_code(client)),
		.stream_size = write_stream(svm_code(client), cmd),
		.fence_addr = dummy_addr(client->fence),
		.fence_value = value,
	};

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	return args.job_id;
}

static uint64_t *bind_scratch(struct dummy_client *client)
{
	uint64_t size = DUMMY_BO_PAGES * client->page_size;
	uint64_t *scratch = dummy_gem_map(client->fd, client->bo, size);

	igt_assert(scratch != MAP_FAILED);
	dummy_bind_bo(client->fd, client->vm, client->bo, DUMMY_FREE_VA, size);
	return scratch;
}

static void unmap_scratch(struct dummy_client *client, uint64_t *scratch)
{
	munmap(scratch, DUMMY_BO_PAGES * client->page_size);
}

/* Submit on @queue a job that waits until *scratch is 1. Return: the job, or 0 with errno. */
static uint64_t submit_stuck(struct dummy_client *client, uint32_t queue)
{
	uint64_t size = write_stream(client->code_map, wait_until(DUMMY_FREE_VA, 1));

	return dummy_submit(client->fd, queue, DUMMY_CODE_VA, size);
}

static void unstick(uint64_t *scratch)
{
	__atomic_store_n(scratch, 1, __ATOMIC_SEQ_CST);
}

static struct drm_dummy_gpu_job_query ask(struct dummy_client *client, uint32_t queue, uint64_t job)
{
	struct drm_dummy_gpu_job_query args = { .queue_id = queue, .job_id = job };

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args);
	return args;
}

/* ---- QUERY -------------------------------------------------------------- */

static const uint32_t answer_sizes[] = {
	[DRM_DUMMY_GPU_QUERY_INFO] = sizeof(struct drm_dummy_gpu_info),
	[DRM_DUMMY_GPU_QUERY_DEVICE_STATS] = sizeof(struct drm_dummy_gpu_device_stats),
	[DRM_DUMMY_GPU_QUERY_VM_STATS] = sizeof(struct drm_dummy_gpu_vm_stats),
};

static struct drm_dummy_gpu_query query_of(struct dummy_client *client, uint32_t type)
{
	return (struct drm_dummy_gpu_query) {
		.type = type,
		.id = type == DRM_DUMMY_GPU_QUERY_VM_STATS ? client->svm : 0,
	};
}

static void query_without_pointer(struct dummy_client *client)
{
	uint32_t type;

	for (type = 0; type < ARRAY_SIZE(answer_sizes); type++) {
		struct drm_dummy_gpu_query args = query_of(client, type);

		do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &args);
		igt_assert_eq_u32(args.size, answer_sizes[type]);
	}
}

/* Ask for @size bytes; @written of them are to be an answer or zero, the rest untouched. */
static void query_bytes(struct dummy_client *client, uint32_t type, uint32_t size)
{
	struct drm_dummy_gpu_query args = query_of(client, type);
	unsigned char bytes[512];
	uint32_t i;

	memset(bytes, 0xa5, sizeof(bytes));
	args.size = size;
	args.pointer = dummy_addr(bytes);
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &args);

	igt_assert_eq_u32(args.size, size);
	for (i = answer_sizes[type]; i < size; i++)
		igt_assert_eq(bytes[i], 0);
	for (i = size; i < sizeof(bytes); i++)
		igt_assert_eq(bytes[i], 0xa5);
}

static void query_cuts_and_fills(struct dummy_client *client)
{
	uint32_t type;

	for (type = 0; type < ARRAY_SIZE(answer_sizes); type++) {
		query_bytes(client, type, 0);
		query_bytes(client, type, 4);
		query_bytes(client, type, answer_sizes[type] - 8);
		query_bytes(client, type, answer_sizes[type]);
		query_bytes(client, type, answer_sizes[type] + 100);
	}
}

static void info_makes_sense(struct dummy_client *client)
{
	const struct drm_dummy_gpu_info *info = &client->info;

	igt_assert_eq_u32(info->page_size, sysconf(_SC_PAGESIZE));
	igt_assert_eq_u32(info->huge_size % info->page_size, 0);
	igt_assert_lt_u32(info->page_size, info->huge_size);
	igt_assert_lt_u64(dummy_addr(client), info->svm_end);
	igt_assert_lt_u64(info->svm_end, info->va_end);
	igt_assert_lt_u64(0, info->vram_size);
	igt_assert_lt_u32(0, info->nr_engines);
	igt_assert_eq_u32(info->max_stream, DUMMY_GPU_MAX_STREAM);
	igt_assert_lt_u32(0, info->max_timeout_ms);
	igt_assert(info->caps & DRM_DUMMY_GPU_CAP_SVM);
}

static void device_stats_count_jobs(struct dummy_client *client)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(client->fd);
	struct drm_dummy_gpu_device_stats after;

	run_well(client, COMMAND(NOP));
	run(client, no_command());
	after = dummy_device_stats(client->fd);
	igt_assert_lte_u64(before.jobs_done + 1, after.jobs_done);
	igt_assert_lte_u64(before.jobs_failed + 1, after.jobs_failed);
}

/* ---- VM_CREATE, VM_DESTROY ---------------------------------------------- */

static void vm_ids_are_not_reused(struct dummy_client *client)
{
	uint32_t first = dummy_vm_create(client->fd, 0);
	struct drm_dummy_gpu_vm_destroy args = { .vm_id = first };
	uint32_t second;

	dummy_vm_destroy(client->fd, first);
	second = dummy_vm_create(client->fd, 0);
	igt_assert_neq_u32(first, second);
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &args, ENOENT);
	dummy_vm_destroy(client->fd, second);
}

/* The client has one already. */
static void ninth_svm_vm_finds_no_space(struct dummy_client *client)
{
	struct drm_dummy_gpu_vm_create args = { .flags = DRM_DUMMY_GPU_VM_SVM };
	uint32_t vms[MAX_SVM_VMS];
	unsigned int i;

	for (i = 1; i < MAX_SVM_VMS; i++)
		vms[i] = dummy_vm_create(client->fd, DRM_DUMMY_GPU_VM_SVM);
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_VM_CREATE, &args, ENOSPC);
	/* The limit is on mirrors only. */
	dummy_vm_destroy(client->fd, dummy_vm_create(client->fd, 0));

	dummy_vm_destroy(client->fd, vms[1]);
	vms[1] = dummy_vm_create(client->fd, DRM_DUMMY_GPU_VM_SVM);
	for (i = 1; i < MAX_SVM_VMS; i++)
		dummy_vm_destroy(client->fd, vms[i]);
}

static void vm_destroy_takes_its_queues(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint64_t job = submit_stuck(client, client->queue);
	struct drm_dummy_gpu_job_query args = { .queue_id = client->queue, .job_id = job };

	igt_assert_neq_u64(job, 0);
	dummy_vm_destroy(client->fd, client->vm);
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args, ENOENT);
	unmap_scratch(client, scratch);
}

/* ---- GEM_CREATE, GEM_MMAP ----------------------------------------------- */

static void assert_all(const uint64_t *words, uint64_t size, uint64_t value)
{
	uint64_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], value);
}

/* Again and again, so that memory which others have written is used too. */
static void new_objects_are_zero(struct dummy_client *client, uint32_t flags)
{
	uint64_t size = 16 * client->page_size;
	unsigned int round;

	for (round = 0; round < 4; round++) {
		uint32_t bo = dummy_gem_create(client->fd, size, flags);
		uint64_t *words = dummy_gem_map(client->fd, bo, size);

		igt_assert(words != MAP_FAILED);
		assert_all(words, size, 0);
		memset(words, 0xff, size);
		munmap(words, size);
		gem_close(client->fd, bo);
	}
}

static void new_system_objects_are_zero(struct dummy_client *client)
{
	new_objects_are_zero(client, 0);
}

static void new_vram_objects_are_zero(struct dummy_client *client)
{
	new_objects_are_zero(client, DRM_DUMMY_GPU_GEM_VRAM);
}

static void mappings_show_one_object(struct dummy_client *client, uint32_t flags)
{
	uint64_t size = client->page_size;
	uint32_t bo = dummy_gem_create(client->fd, size, flags);
	uint64_t *one = dummy_gem_map(client->fd, bo, size);
	uint64_t *other = dummy_gem_map(client->fd, bo, size);

	igt_assert(one != MAP_FAILED && other != MAP_FAILED);
	one[5] = 0x1234;
	igt_assert_eq_u64(other[5], 0x1234);

	/* A mapping keeps the object. */
	gem_close(client->fd, bo);
	munmap(one, size);
	igt_assert_eq_u64(other[5], 0x1234);
	munmap(other, size);
}

static void mappings_show_one_system_object(struct dummy_client *client)
{
	mappings_show_one_object(client, 0);
}

static void mappings_show_one_vram_object(struct dummy_client *client)
{
	mappings_show_one_object(client, DRM_DUMMY_GPU_GEM_VRAM);
}

static void vram_is_counted_and_given_back(struct dummy_client *client)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(client->fd);
	uint64_t size = 3 * client->page_size;
	uint32_t bo = dummy_gem_create(client->fd, size, DRM_DUMMY_GPU_GEM_VRAM);

	igt_assert_lte_u64(before.vram_bo + size, dummy_device_stats(client->fd).vram_bo);
	gem_close(client->fd, bo);
	dummy_assert_nothing_leaked(client->fd, &before);
}

/* ---- VM_BIND ------------------------------------------------------------ */

static void jobs_use_bound_objects(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	uint64_t *scratch = bind_scratch(client);

	run_well(client, fill(DUMMY_FREE_VA, page, 0x1111));
	run_well(client, copy(DUMMY_FREE_VA + page, DUMMY_FREE_VA, page));
	assert_all(scratch, 2 * page, 0x1111);
	unmap_scratch(client, scratch);
}

static void jobs_use_bound_vram(struct dummy_client *client)
{
	uint64_t size = 2 * client->page_size;
	uint32_t bo = dummy_gem_create(client->fd, size, DRM_DUMMY_GPU_GEM_VRAM);
	uint64_t *words = dummy_gem_map(client->fd, bo, size);

	igt_assert(words != MAP_FAILED);
	dummy_bind_bo(client->fd, client->vm, bo, DUMMY_FREE_VA, size);
	run_well(client, fill(DUMMY_FREE_VA, size, 0x2222));
	assert_all(words, size, 0x2222);
	munmap(words, size);
}

/* Objects and process memory in one stream. */
static void svm_jobs_use_bound_objects(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	uint64_t *scratch = bind_scratch(client);
	uint64_t *data = (uint64_t *)(client->mem + page);
	uint64_t job;

	scratch[7] = 0x3333;
	dummy_bind_bo(client->fd, client->svm, client->bo, client->info.svm_end, page);
	job = submit_svm(client, copy(dummy_addr(data), client->info.svm_end, page), 7);
	igt_assert_eq_u32(dummy_job_wait(client->fd, client->svm_queue, job).state,
			  DRM_DUMMY_GPU_JOB_DONE);
	igt_assert_eq_u64(data[7], 0x3333);
	unmap_scratch(client, scratch);
}

static void readonly_binding_keeps_writes_out(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_MAP,
		.flags = DRM_DUMMY_GPU_BIND_READONLY,
		.handle = client->bo,
		.start = DUMMY_FREE_VA,
		.size = client->page_size,
	};

	igt_assert_eq(dummy_bind(client->fd, client->vm, &op), 0);
	run_well(client, copy(DUMMY_FREE_VA + client->page_size, DUMMY_FREE_VA, 64));
	run_to_failure(client, store(DUMMY_FREE_VA + 8, 1), DRM_DUMMY_GPU_REASON_PERMISSION,
		       DUMMY_FREE_VA + 8);
	igt_assert_eq_u64(scratch[1], 0);
	unmap_scratch(client, scratch);
}

static void unbind(struct dummy_client *client, uint64_t start, uint64_t size)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_UNMAP,
		.start = start,
		.size = size,
	};

	igt_assert_eq(dummy_bind(client->fd, client->vm, &op), 0);
}

static void unbound_span_is_out_of_reach(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint64_t second = DUMMY_FREE_VA + client->page_size;

	unbind(client, second, client->page_size);
	run_well(client, store(DUMMY_FREE_VA, 1));
	run_to_failure(client, store(second, 1), DRM_DUMMY_GPU_REASON_UNMAPPED, second);
	igt_assert_eq_u64(scratch[client->page_size / 8], 0);
	unmap_scratch(client, scratch);
}

static void unbinding_the_middle_keeps_the_ends(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	uint32_t bo = dummy_gem_create(client->fd, 3 * page, 0);
	char *bytes = dummy_gem_map(client->fd, bo, 3 * page);

	igt_assert(bytes != MAP_FAILED);
	dummy_bind_bo(client->fd, client->vm, bo, DUMMY_FREE_VA, 3 * page);
	unbind(client, DUMMY_FREE_VA + page, page);
	run_well(client, store(DUMMY_FREE_VA, 0x11));
	run_well(client, store(DUMMY_FREE_VA + 2 * page, 0x22));
	igt_assert_eq(bytes[0], 0x11);
	igt_assert_eq(bytes[2 * page], 0x22);
	munmap(bytes, 3 * page);
}

static void map_replaces_what_was_there(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	uint64_t *scratch = bind_scratch(client);
	uint32_t bo = dummy_gem_create(client->fd, page, 0);
	uint64_t *words = dummy_gem_map(client->fd, bo, page);

	igt_assert(words != MAP_FAILED);
	dummy_bind_bo(client->fd, client->vm, bo, DUMMY_FREE_VA, page);
	run_well(client, store(DUMMY_FREE_VA, 0x44));
	igt_assert_eq_u64(words[0], 0x44);
	igt_assert_eq_u64(scratch[0], 0);
	run_well(client, store(DUMMY_FREE_VA + page, 0x55));
	igt_assert_eq_u64(scratch[page / 8], 0x55);
	munmap(words, page);
	unmap_scratch(client, scratch);
}

static void first_bad_op_stops_the_rest(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	struct drm_dummy_gpu_bind_op ops[3];
	struct drm_dummy_gpu_vm_bind args = {
		.vm_id = client->vm,
		.ops = {
			.stride = sizeof(ops[0]),
			.count = 3,
			.array = dummy_addr(ops),
		},
	};
	unsigned int i;

	for (i = 0; i < 3; i++) {
		ops[i] = (struct drm_dummy_gpu_bind_op) {
			.type = DRM_DUMMY_GPU_BIND_MAP,
			.handle = client->bo,
			.start = DUMMY_FREE_VA + i * page,
			.size = page,
		};
	}
	ops[1].pad = 1;
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &args, EINVAL);
	igt_assert_eq_u32(args.ops.count, 1);
	run_well(client, store(DUMMY_FREE_VA, 1));
	run_to_failure(client, store(DUMMY_FREE_VA + 2 * page, 1), DRM_DUMMY_GPU_REASON_UNMAPPED,
		       DUMMY_FREE_VA + 2 * page);
}

static void as_many_ops_as_allowed(struct dummy_client *client)
{
	static struct drm_dummy_gpu_bind_op ops[DRM_DUMMY_GPU_MAX_BIND_OPS];
	struct drm_dummy_gpu_vm_bind args = {
		.vm_id = client->vm,
		.ops = {
			.stride = sizeof(ops[0]),
			.count = ARRAY_SIZE(ops),
			.array = dummy_addr(ops),
		},
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		ops[i] = (struct drm_dummy_gpu_bind_op) {
			.type = DRM_DUMMY_GPU_BIND_MAP,
			.handle = client->bo,
			.start = DUMMY_FREE_VA + 2 * i * client->page_size,
			.size = client->page_size,
		};
	}
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &args);
	igt_assert_eq_u32(args.ops.count, ARRAY_SIZE(ops));
	run_well(client, store(ops[ARRAY_SIZE(ops) - 1].start, 1));
}

/* ---- QUEUE_CREATE, QUEUE_DESTROY ---------------------------------------- */

static void job_ids_count_from_one(struct dummy_client *client)
{
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 0);
	uint64_t size = write_stream(client->code_map, COMMAND(NOP));
	unsigned int i;

	for (i = 1; i <= 3; i++)
		igt_assert_eq_u64(dummy_submit(client->fd, queue, DUMMY_CODE_VA, size), i);
	dummy_job_wait(client->fd, queue, 3);
	dummy_queue_destroy(client->fd, queue);
	igt_assert_neq_u32(dummy_queue_create(client->fd, client->vm, 0), queue);
}

static void eventfd_counts_finished_jobs(struct dummy_client *client)
{
	struct drm_dummy_gpu_queue_create args = {
		.vm_id = client->vm,
		.flags = DRM_DUMMY_GPU_QUEUE_EVENTFD,
		.eventfd = client->eventfd,
	};
	struct pollfd event = { .fd = client->eventfd, .events = POLLIN };
	uint64_t size = write_stream(client->code_map, COMMAND(NOP));
	eventfd_t count;

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &args);
	igt_assert_eq(poll(&event, 1, 0), 0);
	dummy_submit(client->fd, args.queue_id, DUMMY_CODE_VA, size);
	dummy_submit(client->fd, args.queue_id, DUMMY_CODE_VA, size);
	dummy_job_wait(client->fd, args.queue_id, 2);
	igt_assert_eq(poll(&event, 1, 10000), 1);
	igt_assert_eq(eventfd_read(client->eventfd, &count), 0);
	if (count == 1) {
		igt_assert_eq(poll(&event, 1, 10000), 1);
		igt_assert_eq(eventfd_read(client->eventfd, &count), 0);
		count++;
	}
	igt_assert_eq_u64(count, 2);
}

static void every_engine_runs_jobs(struct dummy_client *client)
{
	uint64_t size = write_stream(client->code_map, COMMAND(NOP));
	uint32_t engine;

	for (engine = 0; engine < client->info.nr_engines; engine++) {
		struct drm_dummy_gpu_queue_create args = { .vm_id = client->vm, .engine = engine };

		do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &args);
		igt_assert_eq_u64(dummy_submit(client->fd, args.queue_id, DUMMY_CODE_VA, size), 1);
		igt_assert_eq_u32(dummy_job_wait(client->fd, args.queue_id, 1).state,
				  DRM_DUMMY_GPU_JOB_DONE);
	}
}

static void late_job_stops_its_queue(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 50);
	struct drm_dummy_gpu_job_query job;

	igt_assert_eq_u64(submit_stuck(client, queue), 1);
	job = dummy_job_wait(client->fd, queue, 1);
	igt_assert_eq_u32(job.state, DRM_DUMMY_GPU_JOB_FAILED);
	igt_assert_eq_u32(job.reason, DRM_DUMMY_GPU_REASON_TIMEOUT);
	igt_assert_lte_u64(50 * DUMMY_NS_PER_MS, job.run_ns);

	igt_assert_eq_u64(submit_stuck(client, queue), 0);
	igt_assert_eq(errno, ECANCELED);
	/* The others are none the wiser. */
	run_well(client, COMMAND(NOP));
	unmap_scratch(client, scratch);
}

static void destroyed_queue_signals_its_fences(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	struct drm_dummy_gpu_sync sync = {
		.handle = client->syncobj,
		.flags = DRM_DUMMY_GPU_SYNC_SIGNAL,
	};
	struct drm_dummy_gpu_submit args = {
		.queue_id = client->queue,
		.stream = DUMMY_CODE_VA,
		.stream_size = write_stream(client->code_map, wait_until(DUMMY_FREE_VA, 1)),
		.syncs = { .stride = sizeof(sync), .count = 1, .array = dummy_addr(&sync) },
	};

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	igt_assert_eq(drmSyncobjWait(client->fd, &client->syncobj, 1, 0, 0, NULL), -ETIME);
	dummy_queue_destroy(client->fd, client->queue);
	igt_assert_eq(drmSyncobjWait(client->fd, &client->syncobj, 1, INT64_MAX, 0, NULL), 0);
	unmap_scratch(client, scratch);
}

/* ---- SUBMIT ------------------------------------------------------------- */

static void bad_stream_says_where(struct dummy_client *client)
{
	uint64_t *end = dummy_emit(client->code_map, COMMAND(NOP));
	struct drm_dummy_gpu_job_query job;

	end = dummy_emit(end, no_command());
	job = dummy_job_wait(client->fd, client->queue,
			     dummy_submit(client->fd, client->queue, DUMMY_CODE_VA,
					  (char *)end - (char *)client->code_map));
	igt_assert_eq_u32(job.reason, DRM_DUMMY_GPU_REASON_BAD_STREAM);
	igt_assert_eq_u64(job.stream_offset, 8);
	/* Such a job stops nobody. */
	run_well(client, COMMAND(NOP));
}

/* A job on each of two queues: the second waits for @point of the syncobj. */
static void jobs_wait_for(struct dummy_client *client, uint32_t flags, uint64_t point)
{
	uint64_t *scratch = bind_scratch(client);
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 0);
	struct drm_dummy_gpu_sync sync = {
		.handle = client->syncobj,
		.flags = flags | DRM_DUMMY_GPU_SYNC_SIGNAL,
		.value = point,
	};
	struct drm_dummy_gpu_submit args = {
		.queue_id = client->queue,
		.stream = DUMMY_CODE_VA,
		.stream_size = write_stream(client->code_map, wait_until(DUMMY_FREE_VA, 1)),
		.syncs = { .stride = sizeof(sync), .count = 1, .array = dummy_addr(&sync) },
	};

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	args.queue_id = queue;
	sync.flags = flags;
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);

	usleep(20000);
	igt_assert_eq_u32(ask(client, queue, 1).state, DRM_DUMMY_GPU_JOB_QUEUED);
	unstick(scratch);
	igt_assert_eq_u32(dummy_job_wait(client->fd, queue, 1).state, DRM_DUMMY_GPU_JOB_DONE);
	unmap_scratch(client, scratch);
}

static void jobs_wait_for_binary_syncobjs(struct dummy_client *client)
{
	jobs_wait_for(client, 0, 0);
}

static void jobs_wait_for_timeline_points(struct dummy_client *client)
{
	jobs_wait_for(client, DRM_DUMMY_GPU_SYNC_TIMELINE, 5);
}

static void failed_dependency_fails_the_job(struct dummy_client *client)
{
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 0);
	struct drm_dummy_gpu_sync sync = {
		.handle = client->syncobj,
		.flags = DRM_DUMMY_GPU_SYNC_SIGNAL,
	};
	struct drm_dummy_gpu_submit args = {
		.queue_id = client->queue,
		.stream = DUMMY_CODE_VA,
		.stream_size = write_stream(client->code_map, store(DUMMY_FREE_VA, 1)),
		.syncs = { .stride = sizeof(sync), .count = 1, .array = dummy_addr(&sync) },
	};
	struct drm_dummy_gpu_job_query job;

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	igt_assert_eq_u32(dummy_job_wait(client->fd, client->queue, args.job_id).reason,
			  DRM_DUMMY_GPU_REASON_UNMAPPED);

	args.queue_id = queue;
	sync.flags = 0;
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &args);
	job = dummy_job_wait(client->fd, queue, args.job_id);
	igt_assert_eq_u32(job.state, DRM_DUMMY_GPU_JOB_FAILED);
	igt_assert_eq_u32(job.reason, DRM_DUMMY_GPU_REASON_DEPENDENCY);
}

static void full_queue_is_busy(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 0);
	unsigned int i;

	for (i = 1; i <= MAX_JOBS; i++)
		igt_assert_eq_u64(submit_stuck(client, queue), i);
	igt_assert_eq_u64(submit_stuck(client, queue), 0);
	igt_assert_eq(errno, EBUSY);

	unstick(scratch);
	igt_assert_eq_u32(dummy_job_wait(client->fd, queue, MAX_JOBS).state,
			  DRM_DUMMY_GPU_JOB_DONE);
	igt_assert_eq_u64(submit_stuck(client, queue), MAX_JOBS + 1);
	unmap_scratch(client, scratch);
}

/* ---- JOB_QUERY ---------------------------------------------------------- */

static void asking_does_not_wait(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint64_t job = submit_stuck(client, client->queue);

	while (ask(client, client->queue, job).state == DRM_DUMMY_GPU_JOB_QUEUED)
		usleep(1000);
	igt_assert_eq_u32(ask(client, client->queue, job).state, DRM_DUMMY_GPU_JOB_RUNNING);
	unstick(scratch);
	igt_assert_eq_u32(dummy_job_wait(client->fd, client->queue, job).state,
			  DRM_DUMMY_GPU_JOB_DONE);
	unmap_scratch(client, scratch);
}

static void late_answer_is_valid(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	uint64_t job = submit_stuck(client, client->queue);
	struct drm_dummy_gpu_job_query args = {
		.queue_id = client->queue,
		.job_id = job,
		.timeout_ns = DUMMY_NS_PER_MS,
		.reason = ~0,
	};

	while (ask(client, client->queue, job).state == DRM_DUMMY_GPU_JOB_QUEUED)
		usleep(1000);
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args, ETIME);
	igt_assert_eq_u32(args.state, DRM_DUMMY_GPU_JOB_RUNNING);
	igt_assert_eq_u32(args.reason, DRM_DUMMY_GPU_REASON_NONE);
	unstick(scratch);
	unmap_scratch(client, scratch);
}

static void queue_forgets_old_jobs(struct dummy_client *client)
{
	uint32_t queue = dummy_queue_create(client->fd, client->vm, 0);
	struct drm_dummy_gpu_job_query args = { .queue_id = queue, .job_id = 1 };
	uint64_t size = write_stream(client->code_map, COMMAND(NOP));
	uint64_t job = 0;
	unsigned int i;

	for (i = 0; i <= MAX_JOBS; i++) {
		job = dummy_submit(client->fd, queue, DUMMY_CODE_VA, size);
		dummy_job_wait(client->fd, queue, job);
	}
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args, ENOENT);
	igt_assert_eq_u32(ask(client, queue, 2).state, DRM_DUMMY_GPU_JOB_DONE);
	igt_assert_eq_u32(ask(client, queue, job).state, DRM_DUMMY_GPU_JOB_DONE);
}

static void ignore(int signal)
{
	(void)signal;
}

/* Let a signal arrive every 20 ms, without restarting what it interrupts. */
static void set_alarm(bool on)
{
	struct sigaction action = { .sa_handler = ignore };
	struct itimerval timer = { };

	timer.it_value.tv_usec = on ? 20000 : 0;
	timer.it_interval.tv_usec = timer.it_value.tv_usec;
	igt_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	igt_assert_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

static void signal_interrupts_job_query(struct dummy_client *client)
{
	uint64_t *scratch = bind_scratch(client);
	struct drm_dummy_gpu_job_query args = {
		.queue_id = client->queue,
		.job_id = submit_stuck(client, client->queue),
		.timeout_ns = DUMMY_LIVE_NS,
	};
	int ret, error;

	set_alarm(true);
	ret = ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args);
	error = errno;
	set_alarm(false);
	igt_assert_eq(ret, -1);
	igt_assert_eq(error, EINTR);

	unstick(scratch);
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &args);
	igt_assert_eq_u32(args.state, DRM_DUMMY_GPU_JOB_DONE);
	unmap_scratch(client, scratch);
}

/* ---- WAIT_FENCE --------------------------------------------------------- */

static struct drm_dummy_gpu_wait_fence wait_args(struct dummy_client *client, uint64_t value,
						 uint64_t job, uint64_t timeout_ns)
{
	return (struct drm_dummy_gpu_wait_fence) {
		.queue_id = client->svm_queue,
		.addr = dummy_addr(client->fence),
		.value = value,
		.job_id = job,
		.timeout_ns = timeout_ns,
	};
}

static void svm_job_writes_its_fence(struct dummy_client *client)
{
	uint64_t *data = (uint64_t *)(client->mem + client->page_size);
	uint64_t job = submit_svm(client, store(dummy_addr(data), 0x66), 1000);
	struct drm_dummy_gpu_wait_fence args = wait_args(client, 1000, job, DUMMY_LIVE_NS);

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &args);
	igt_assert_eq_u64(*client->fence, 1000);
	igt_assert_eq_u64(*data, 0x66);
	igt_assert_lte_u64(args.timeout_ns, DUMMY_LIVE_NS);

	/* Less is there as well. */
	args = wait_args(client, 999, 0, 0);
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &args);
}

static void fence_that_nobody_writes_is_late(struct dummy_client *client)
{
	struct drm_dummy_gpu_wait_fence args = wait_args(client, 1000, 0, 5 * DUMMY_NS_PER_MS);

	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &args, ETIME);
	igt_assert_eq_u64(args.timeout_ns, 0);
	igt_assert_eq_u64(*client->fence, DUMMY_FENCE_VALUE);
}

static void failed_job_ends_the_wait(struct dummy_client *client)
{
	uint64_t job = submit_svm(client, no_command(), 1000);
	struct drm_dummy_gpu_wait_fence args = wait_args(client, 1000, job, DUMMY_LIVE_NS);

	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &args, EIO);
	igt_assert_eq_u64(*client->fence, DUMMY_FENCE_VALUE);
}

static void signal_interrupts_wait_fence(struct dummy_client *client)
{
	struct drm_dummy_gpu_wait_fence args = wait_args(client, 1000, 0, DUMMY_LIVE_NS);
	int ret, error;

	set_alarm(true);
	ret = ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &args);
	error = errno;
	set_alarm(false);
	igt_assert_eq(ret, -1);
	igt_assert_eq(error, EINTR);
	/* Calling again waits for what is left. */
	igt_assert_lt_u64(0, args.timeout_ns);
	igt_assert_lt_u64(args.timeout_ns, DUMMY_LIVE_NS);
}

/* ---- ADVISE, MIGRATE, SNAPSHOT, EVICT ----------------------------------- */

/* Pages of the client's memory without the first, which has its fence. */
#define DATA_PAGES	2

static char *data_of(struct dummy_client *client)
{
	return client->mem + client->page_size;
}

static struct drm_dummy_gpu_migrate migrate(struct dummy_client *client, uint32_t place,
					    uint32_t flags)
{
	struct drm_dummy_gpu_migrate args = {
		.vm_id = client->svm,
		.place = place,
		.flags = flags,
		.start = dummy_addr(data_of(client)),
		.size = DATA_PAGES * client->page_size,
	};

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &args);
	return args;
}

static bool all_migrated(struct dummy_client *client, uint32_t place, uint32_t flags)
{
	struct drm_dummy_gpu_migrate done = migrate(client, place, flags);

	igt_assert_eq_u64(done.moved + done.already + done.stayed, DATA_PAGES);
	return !done.stayed;
}

/* Others may hold a page for a moment, which is long if they do not get to run. */
static void migrate_all(struct dummy_client *client, uint32_t place, uint32_t flags)
{
	igt_assert(igt_wait(all_migrated(client, place, flags), DUMMY_LIVE_MS, 5));
}

static void take_snapshot(struct dummy_client *client, struct drm_dummy_gpu_page *pages)
{
	struct drm_dummy_gpu_snapshot args = {
		.vm_id = client->svm,
		.start = dummy_addr(data_of(client)),
		.size = DATA_PAGES * client->page_size,
		.pages = {
			.stride = sizeof(*pages),
			.count = DATA_PAGES,
			.array = dummy_addr(pages),
		},
	};

	memset(pages, 0xff, DATA_PAGES * sizeof(*pages));
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_SNAPSHOT, &args);
}

static bool pages_are(struct dummy_client *client, uint32_t place, uint16_t flags)
{
	struct drm_dummy_gpu_page pages[DATA_PAGES];
	unsigned int i, nr = 0;

	take_snapshot(client, pages);
	for (i = 0; i < DATA_PAGES; i++)
		nr += pages[i].place == place && (pages[i].flags & flags) == flags;
	return nr == DATA_PAGES;
}

static void assert_pages_are(struct dummy_client *client, uint32_t place, uint16_t flags)
{
	struct drm_dummy_gpu_page pages[DATA_PAGES];
	unsigned int i;

	take_snapshot(client, pages);
	for (i = 0; i < DATA_PAGES; i++) {
		igt_assert_eq_u32(pages[i].place, place);
		igt_assert_eq_u32(pages[i].flags & flags, flags);
		igt_assert_eq_u32(pages[i].device, place == DRM_DUMMY_GPU_PLACE_DEVICE ?
				  client->info.index : 0);
	}
}

/* What core mm itself moves about is nowhere for a moment. */
static bool all_home(struct dummy_client *client)
{
	return pages_are(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

static void memory_moves_there_and_back(struct dummy_client *client)
{
	char *data = data_of(client);
	struct drm_dummy_gpu_migrate again;

	memset(data, 0x42, DATA_PAGES * client->page_size);
	migrate_all(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	assert_pages_are(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	again = migrate(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	igt_assert_eq_u64(again.already, DATA_PAGES);
	igt_assert_eq_u64(again.moved, 0);

	migrate_all(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
	igt_assert(igt_wait(all_home(client), DUMMY_LIVE_MS, 5));
	assert_all((uint64_t *)data, DATA_PAGES * client->page_size, 0x4242424242424242);
}

static void cpu_access_brings_memory_back(struct dummy_client *client)
{
	char *data = data_of(client);

	memset(data, 0x42, DATA_PAGES * client->page_size);
	migrate_all(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	assert_all((uint64_t *)data, DATA_PAGES * client->page_size, 0x4242424242424242);
	igt_assert(igt_wait(all_home(client), DUMMY_LIVE_MS, 5));
}

static void runs_are_counted_without_room(struct dummy_client *client)
{
	struct drm_dummy_gpu_migrate done;

	/* A page, and one that is not mapped. */
	igt_assert_eq(munmap(data_of(client) + client->page_size, client->page_size), 0);
	done = migrate(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
	igt_assert_eq_u32(done.runs.count, 2);
}

static void runs_say_what_became_of_each_page(struct dummy_client *client)
{
	uint64_t page = client->page_size;
	struct drm_dummy_gpu_migrate_run runs[8];
	struct drm_dummy_gpu_migrate args = {
		.vm_id = client->svm,
		.place = DRM_DUMMY_GPU_PLACE_SYSTEM,
		.start = dummy_addr(data_of(client)),
		.size = DATA_PAGES * page,
		.runs = {
			.stride = sizeof(runs[0]),
			.count = ARRAY_SIZE(runs),
			.array = dummy_addr(runs),
		},
	};

	migrate_all(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
	igt_assert_eq(munmap(data_of(client) + page, page), 0);
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &args);
	igt_assert_eq_u32(args.runs.count, 2);
	igt_assert_eq_u64(runs[0].start, args.start);
	igt_assert_eq_u32(runs[0].nr_pages, 1);
	igt_assert_eq_u32(runs[0].result, DRM_DUMMY_GPU_MIGRATE_ALREADY);
	igt_assert_eq_u64(runs[1].start, args.start + page);
	igt_assert_eq_u32(runs[1].nr_pages, 1);
	igt_assert_eq_u32(runs[1].result, DRM_DUMMY_GPU_MIGRATE_UNMAPPED);
}

static void populate_fills_holes(struct dummy_client *client)
{
	size_t size = DATA_PAGES * client->page_size;
	char *data = data_of(client);

	igt_assert_eq(madvise(data, size, MADV_DONTNEED), 0);
	assert_pages_are(client, DRM_DUMMY_GPU_PLACE_NONE, 0);
	igt_assert_eq_u64(migrate(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0).stayed, DATA_PAGES);
	/* Neither has faulted it in. */
	assert_pages_are(client, DRM_DUMMY_GPU_PLACE_NONE, 0);

	migrate_all(client, DRM_DUMMY_GPU_PLACE_DEVICE, DRM_DUMMY_GPU_MIGRATE_POPULATE);
	assert_pages_are(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	assert_all((uint64_t *)data, size, 0);
}

static void prefetch_spares_faults(struct dummy_client *client)
{
	uint64_t job;

	migrate_all(client, DRM_DUMMY_GPU_PLACE_DEVICE,
		    DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE);
	assert_pages_are(client, DRM_DUMMY_GPU_PLACE_DEVICE,
			 DRM_DUMMY_GPU_PAGE_MAPPED | DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);

	/* Only for its code and its fence. */
	job = submit_svm(client, fill(dummy_addr(data_of(client)), DATA_PAGES * client->page_size,
				      0x77), 1000);
	igt_assert_lte_u64(dummy_job_wait(client->fd, client->svm_queue, job).nr_faults, 2);
	igt_assert_eq_u64(*(uint64_t *)data_of(client), 0x77);
}

/* Have a job write to the data. Return: whether that is mapped in system memory. */
static bool written_in_system(struct dummy_client *client)
{
	size_t size = DATA_PAGES * client->page_size;
	uint64_t job;

	job = submit_svm(client, fill(dummy_addr(data_of(client)), size, 0x88), 1000);
	igt_assert_eq_u32(dummy_job_wait(client->fd, client->svm_queue, job).state,
			  DRM_DUMMY_GPU_JOB_DONE);
	return pages_are(client, DRM_DUMMY_GPU_PLACE_SYSTEM, DRM_DUMMY_GPU_PAGE_MAPPED_WRITE);
}

static void advice_keeps_memory_in_place(struct dummy_client *client)
{
	/* Also for the code and the fence: nothing moves at all. */
	struct drm_dummy_gpu_advise args = {
		.vm_id = client->svm,
		.advice = DRM_DUMMY_GPU_ADVICE_PLACE,
		.start = dummy_addr(client->mem),
		.size = DUMMY_MEM_PAGES * client->page_size,
		.value = DRM_DUMMY_GPU_PLACE_SYSTEM,
	};
	uint64_t nr_migrated;

	/* SYSTEM maps memory where it is: in the system. */
	migrate_all(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_ADVISE, &args);
	nr_migrated = dummy_vm_stats(client->fd, client->svm).pages_migrated;
	/* Compaction may take a page away, to put it elsewhere in system memory. */
	igt_assert(igt_wait(written_in_system(client), DUMMY_LIVE_MS, 5));
	igt_assert_eq_u64(dummy_vm_stats(client->fd, client->svm).pages_migrated, nr_migrated);
	assert_all((uint64_t *)data_of(client), DATA_PAGES * client->page_size, 0x88);
}

static bool all_evicted(struct dummy_client *client)
{
	struct drm_dummy_gpu_evict args = { .size = UINT64_MAX };

	do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_EVICT, &args);
	return pages_are(client, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

static void evict_brings_memory_back(struct dummy_client *client)
{
	memset(data_of(client), 0x42, DATA_PAGES * client->page_size);
	migrate_all(client, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
	/* What is locked or referenced for a moment stays, and goes the next time. */
	igt_assert(igt_wait(all_evicted(client), DUMMY_LIVE_MS, 5));
	assert_all((uint64_t *)data_of(client), DATA_PAGES * client->page_size,
		   0x4242424242424242);
}

/* ---- Main --------------------------------------------------------------- */

static int device = -1;

#define TEST(claim, function, description)	{ (claim), (function), (description) }

static const struct test {
	const char *claim;
	void (*function)(struct dummy_client *client);
	const char *description;
} tests[] = {
	TEST("query-without-pointer-returns-the-size", query_without_pointer,
	     "Of each type of answer."),
	TEST("query-cuts-and-fills-its-answer", query_cuts_and_fills,
	     "No byte beyond the size is written, and what the kernel lacks is zero."),
	TEST("info-makes-sense", info_makes_sense, "What must hold on any device."),
	TEST("device-stats-count-jobs", device_stats_count_jobs, "Both the good and the bad."),

	TEST("vm-ids-are-not-reused", vm_ids_are_not_reused, "A stale id names nothing."),
	TEST("ninth-svm-vm-finds-no-space", ninth_svm_vm_finds_no_space,
	     "ENOSPC, until one of the eight is destroyed."),
	TEST("vm-destroy-takes-its-queues", vm_destroy_takes_its_queues,
	     "Even one with a job that would never end."),

	TEST("new-system-objects-are-zero", new_system_objects_are_zero,
	     "Also in memory that was used before."),
	TEST("new-vram-objects-are-zero", new_vram_objects_are_zero,
	     "Also in memory that was used before."),
	TEST("mappings-show-one-system-object", mappings_show_one_system_object,
	     "The same to each, and for longer than the handle lives."),
	TEST("mappings-show-one-vram-object", mappings_show_one_vram_object,
	     "The same to each, and for longer than the handle lives."),
	TEST("vram-is-counted-and-given-back", vram_is_counted_and_given_back,
	     "The device's statistics know about each object."),

	TEST("jobs-use-bound-objects", jobs_use_bound_objects, "Fill and copy in system memory."),
	TEST("jobs-use-bound-vram", jobs_use_bound_vram, "Fill in device memory."),
	TEST("svm-jobs-use-bound-objects", svm_jobs_use_bound_objects,
	     "Copy from an object to process memory."),
	TEST("readonly-binding-keeps-writes-out", readonly_binding_keeps_writes_out,
	     "A read works, a write fails its job."),
	TEST("unbound-span-is-out-of-reach", unbound_span_is_out_of_reach,
	     "As soon as VM_BIND has returned."),
	TEST("unbinding-the-middle-keeps-the-ends", unbinding_the_middle_keeps_the_ends,
	     "One binding becomes two."),
	TEST("map-replaces-what-was-there", map_replaces_what_was_there,
	     "And leaves what is next to it."),
	TEST("first-bad-op-stops-the-rest", first_bad_op_stops_the_rest,
	     "The count returned says how many were done."),
	TEST("as-many-ops-as-allowed", as_many_ops_as_allowed, "4096 in one call."),

	TEST("job-ids-count-from-one", job_ids_count_from_one, "In each queue."),
	TEST("eventfd-counts-finished-jobs", eventfd_counts_finished_jobs, "By one for each."),
	TEST("every-engine-runs-jobs", every_engine_runs_jobs, "All that the device says it has."),
	TEST("late-job-stops-its-queue", late_job_stops_its_queue,
	     "TIMEOUT, then ECANCELED for all that follow."),
	TEST("destroyed-queue-signals-its-fences", destroyed_queue_signals_its_fences,
	     "Nobody waits for ever."),

	TEST("bad-stream-says-where", bad_stream_says_where, "The offset of the command."),
	TEST("jobs-wait-for-binary-syncobjs", jobs_wait_for_binary_syncobjs,
	     "A job of one queue for a job of another."),
	TEST("jobs-wait-for-timeline-points", jobs_wait_for_timeline_points,
	     "A job of one queue for a job of another."),
	TEST("failed-dependency-fails-the-job", failed_dependency_fails_the_job,
	     "An error goes along with the fence."),
	TEST("full-queue-is-busy", full_queue_is_busy, "EBUSY for the 257th unfinished job."),

	TEST("asking-does-not-wait", asking_does_not_wait, "JOB_QUERY without a timeout."),
	TEST("late-answer-is-valid", late_answer_is_valid, "ETIME comes with the job's status."),
	TEST("queue-forgets-old-jobs", queue_forgets_old_jobs, "All but the last 256."),
	TEST("signal-interrupts-job-query", signal_interrupts_job_query,
	     "EINTR, and the same call works again."),

	TEST("svm-job-writes-its-fence", svm_job_writes_its_fence, "After all its other writes."),
	TEST("fence-that-nobody-writes-is-late", fence_that_nobody_writes_is_late,
	     "ETIME, and nothing is left of the time."),
	TEST("failed-job-ends-the-wait", failed_job_ends_the_wait,
	     "EIO, long before the time is over."),
	TEST("signal-interrupts-wait-fence", signal_interrupts_wait_fence,
	     "EINTR, and the time that is left."),

	TEST("memory-moves-there-and-back", memory_moves_there_and_back,
	     "MIGRATE to the device and to the system, as SNAPSHOT sees it."),
	TEST("cpu-access-brings-memory-back", cpu_access_brings_memory_back,
	     "With the data in it."),
	TEST("runs-are-counted-without-room", runs_are_counted_without_room,
	     "The count returned is of all that there were."),
	TEST("runs-say-what-became-of-each-page", runs_say_what_became_of_each_page,
	     "A page that was there, and one that is not mapped."),
	TEST("populate-fills-holes", populate_fills_holes, "And nothing else does."),
	TEST("prefetch-spares-faults", prefetch_spares_faults, "The job raises none for its data."),
	TEST("advice-keeps-memory-in-place", advice_keeps_memory_in_place,
	     "A job writes to it in system memory."),
	TEST("evict-brings-memory-back", evict_brings_memory_back, "All of it."),
};

static void run_test(const struct test *test)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(device);
	struct dummy_client *client = dummy_client_open(device);

	test->function(client);
	dummy_client_close(client);
	dummy_assert_nothing_leaked(device, &before);
}

static void subtest(const struct test *test)
{
	igt_describe(test->description);
	igt_subtest(test->claim)
		run_test(test);
}

static void subtests(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(tests); i++)
		subtest(&tests[i]);
}

int
igt_main()
{
	igt_fixture() {
		device = drm_open_driver_render(DRIVER_ANY);
		dummy_require_device(device);
	}

	subtests();

	igt_fixture()
		drm_close_driver(device);
}
