// SPDX-License-Identifier: GPL-2.0
/*
 * Bad input: every rule that dummy_gpu_drm.h states for the arguments of its
 * ioctls is broken once, gets the errno it states, and leaves nothing behind.
 * Each test begins with arguments that are good, so that it is the one field that
 * was spoilt that is refused.
 */
#include "hmm_harness.h"

#include <xf86drm.h>

#define ALL_ONES	UINT64_MAX

/* An address that no process has. */
#define BAD_POINTER	(-4096ULL)

static int call(int fd, unsigned long request, void *args)
{
	return ioctl(fd, request, args) ? -errno : 0;
}

/* One way to spoil arguments that are @good, and what that must give. */
#define EXPECT_BAD(request, good, field, value, error) do {				\
	typeof(good) __args = (good);							\
											\
	__args.field = (value);								\
	EXPECT_EQ(-(error), call(self->fd, DRM_IOCTL_DUMMY_GPU_##request, &__args)) {	\
		TH_LOG("with " #field " = " #value);					\
	}										\
} while (0)

FIXTURE(hmm_uapi) {
	struct gpu gpu;
	struct dummy_vm *bo_vm;		/* without SVM */
	struct dummy_queue *bo_queue;
	struct dummy_bo *bo;
	const struct drm_dummy_gpu_info *info;
	uint32_t vm, queue;
	char *mem;
	size_t size;
	int fd;
};

FIXTURE_SETUP(hmm_uapi)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->fd = dummy_device_fd(self->gpu.dev);
	self->info = dummy_device_info(self->gpu.dev);
	self->vm = dummy_vm_id(self->gpu.vm);
	self->queue = dummy_queue_id(self->gpu.queue);
	ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, 0, &self->bo_vm));
	ASSERT_EQ(0, dummy_queue_create(self->bo_vm, 0, 0, -1, &self->bo_queue));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, HUGE_SIZE, 0, &self->bo));
	self->size = 16 * page_size;
	self->mem = must_alloc(_metadata, self->size, MEM_PTE);
	pattern_fill(self->mem, self->size, 1);
}

FIXTURE_TEARDOWN(hmm_uapi)
{
	/* After all that was refused, everything works. */
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 42));
	EXPECT_EQ(42, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(0, dummy_bo_destroy(self->bo));
	EXPECT_EQ(0, dummy_queue_destroy(self->bo_queue));
	EXPECT_EQ(0, dummy_vm_destroy(self->bo_vm));
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- Query ---------------------------------------------------------------- */

TEST_F(hmm_uapi, query_refuses_bad_arguments)
{
	struct drm_dummy_gpu_vm_stats stats;
	struct drm_dummy_gpu_query good = {
		.type = DRM_DUMMY_GPU_QUERY_INFO, .size = sizeof(stats),
		.pointer = dummy_addr(&stats),
	};

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &good));
	EXPECT_BAD(QUERY, good, type, DRM_DUMMY_GPU_QUERY_VM_STATS + 1, EINVAL);
	EXPECT_BAD(QUERY, good, type, UINT32_MAX, EINVAL);
	EXPECT_BAD(QUERY, good, id, 1, EINVAL);
	EXPECT_BAD(QUERY, good, pad, 1, EINVAL);
	EXPECT_BAD(QUERY, good, pad, UINT32_MAX, EINVAL);
	EXPECT_BAD(QUERY, good, pointer, BAD_POINTER, EFAULT);
	EXPECT_BAD(QUERY, good, pointer, 8, EFAULT);
	/* No id, and ids nobody has. */
	EXPECT_BAD(QUERY, good, type, DRM_DUMMY_GPU_QUERY_VM_STATS, ENOENT);
	good.type = DRM_DUMMY_GPU_QUERY_VM_STATS;
	good.id = 12345;
	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &good));
	good.id = dummy_vm_id(self->bo_vm);
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &good));
	good.id = self->vm;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &good));
}

TEST_F(hmm_uapi, query_returns_size_and_zeroes_what_it_does_not_know)
{
	char out[512];
	struct drm_dummy_gpu_info *info = (void *)out;
	struct drm_dummy_gpu_query query = { .type = DRM_DUMMY_GPU_QUERY_INFO };
	uint32_t kernel_size;
	size_t i, bad = 0;

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &query));
	kernel_size = query.size;
	EXPECT_LE(sizeof(*info), kernel_size);
	ASSERT_GT(sizeof(out), kernel_size);

	/* A newer user gives more room. */
	memset(out, 0xff, sizeof(out));
	query.size = sizeof(out) - 8;
	query.pointer = dummy_addr(out);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &query));
	EXPECT_EQ(sizeof(out) - 8, query.size);
	EXPECT_EQ(page_size, info->page_size);
	for (i = kernel_size; i < sizeof(out) - 8; i++)
		bad += out[i] != 0;
	for (; i < sizeof(out); i++)
		bad += out[i] != (char)0xff;
	EXPECT_EQ(0, bad);

	/* An older one gives less. */
	memset(out, 0xff, sizeof(out));
	query.size = sizeof(info->vram_size);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUERY, &query));
	EXPECT_NE(ALL_ONES, info->vram_size);
	EXPECT_EQ(ALL_ONES, info->va_end);
}

TEST_F(hmm_uapi, info_is_consistent)
{
	struct drm_dummy_gpu_device_stats stats = gpu_device_stats(&self->gpu);

	EXPECT_EQ(page_size, self->info->page_size);
	EXPECT_EQ(HUGE_SIZE, self->info->huge_size);
	EXPECT_LE(self->info->svm_end, self->info->va_end);
	EXPECT_LT(dummy_addr(&stats), self->info->svm_end);
	EXPECT_TRUE(self->info->caps & DRM_DUMMY_GPU_CAP_SVM);
	EXPECT_LT(0, self->info->nr_engines);
	EXPECT_EQ(DUMMY_GPU_MAX_STREAM, self->info->max_stream);
	EXPECT_EQ(0, self->info->index);
	EXPECT_LE(stats.vram_total, self->info->vram_size);
	EXPECT_EQ(0, self->info->vram_size % HUGE_SIZE);
}

/* ---- VMs ------------------------------------------------------------------ */

TEST_F(hmm_uapi, vm_create_and_destroy_refuse_bad_arguments)
{
	struct drm_dummy_gpu_vm_create create = { .flags = DRM_DUMMY_GPU_VM_SVM };
	struct drm_dummy_gpu_vm_destroy destroy = { 0 };

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_CREATE, &create));
	EXPECT_NE(0, create.vm_id);
	destroy.vm_id = create.vm_id;
	EXPECT_BAD(VM_CREATE, create, flags, 2, EINVAL);
	EXPECT_BAD(VM_CREATE, create, flags, 1U << 31, EINVAL);
	EXPECT_BAD(VM_CREATE, create, flags, UINT32_MAX, EINVAL);
	EXPECT_BAD(VM_DESTROY, destroy, pad, 1, EINVAL);
	EXPECT_BAD(VM_DESTROY, destroy, vm_id, 0, ENOENT);
	EXPECT_BAD(VM_DESTROY, destroy, vm_id, 99999, ENOENT);
	EXPECT_BAD(VM_DESTROY, destroy, vm_id, UINT32_MAX, ENOENT);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &destroy));
	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &destroy));
}

TEST_F(hmm_uapi, ids_are_never_given_out_twice)
{
	uint32_t last_vm = self->vm, last_queue = self->queue;
	struct dummy_queue *queue;
	struct dummy_vm *vm;
	unsigned int i;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, 0, &vm));
		ASSERT_EQ(0, dummy_queue_create(vm, 0, 0, -1, &queue));
		EXPECT_LT(last_vm, dummy_vm_id(vm));
		EXPECT_LT(last_queue, dummy_queue_id(queue));
		last_vm = dummy_vm_id(vm);
		last_queue = dummy_queue_id(queue);
		EXPECT_EQ(0, dummy_queue_destroy(queue));
		EXPECT_EQ(0, dummy_vm_destroy(vm));
	}
}

TEST_F(hmm_uapi, ids_of_another_file_are_unknown)
{
	struct drm_dummy_gpu_vm_destroy destroy = { .vm_id = self->vm };
	struct drm_dummy_gpu_queue_create create = { .vm_id = self->vm };
	struct drm_dummy_gpu_queue_destroy queue_destroy = { .queue_id = self->queue };
	struct drm_dummy_gpu_job_query query = { .queue_id = self->queue, .job_id = 1 };
	struct drm_dummy_gpu_gem_mmap gem_mmap = { .handle = dummy_bo_handle(self->bo) };
	struct dummy_device *other;
	int fd;

	ASSERT_EQ(0, dummy_device_open(0, &other));
	fd = dummy_device_fd(other);
	EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &destroy));
	EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &create));
	EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &queue_destroy));
	EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &query));
	EXPECT_EQ(-ENOENT, call(fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &gem_mmap));
	EXPECT_EQ(0, dummy_device_close(other));
}

TEST_F(hmm_uapi, process_has_eight_vms_with_svm_and_no_more)
{
	struct dummy_vm *vms[16];
	unsigned int nr = 0;
	int ret = 0;

	/* One is there already. */
	while (!ret && nr < ARRAY_SIZE(vms)) {
		ret = dummy_vm_create(self->gpu.dev, DRM_DUMMY_GPU_VM_SVM, &vms[nr]);
		nr += !ret;
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_EQ(7, nr);
	while (nr)
		EXPECT_EQ(0, dummy_vm_destroy(vms[--nr]));
	EXPECT_EQ(0, dummy_vm_create(self->gpu.dev, DRM_DUMMY_GPU_VM_SVM, &vms[0]));
	EXPECT_EQ(0, dummy_vm_destroy(vms[0]));
}

/* ---- Buffer objects ------------------------------------------------------- */

TEST_F(hmm_uapi, gem_create_refuses_bad_arguments)
{
	struct drm_dummy_gpu_gem_create good = { .size = page_size };
	struct drm_gem_close gem_close = { 0 };

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_GEM_CREATE, &good));
	gem_close.handle = good.handle;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_GEM_CLOSE, &gem_close));
	EXPECT_BAD(GEM_CREATE, good, size, 0, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, size, 1, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, size, page_size - 1, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, size, page_size + 1, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, size, ALL_ONES, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, size, 1ULL << 63, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, flags, 4, EINVAL);
	EXPECT_BAD(GEM_CREATE, good, flags, UINT32_MAX, EINVAL);
}

TEST_F(hmm_uapi, buffer_object_of_absurd_size_is_refused)
{
	const uint64_t sizes[] = { 1ULL << 40, 1ULL << 62, -page_size };
	struct drm_dummy_gpu_gem_create create;
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		create = (struct drm_dummy_gpu_gem_create) {
			.size = sizes[i], .flags = DRM_DUMMY_GPU_GEM_VRAM,
		};
		ret = call(self->fd, DRM_IOCTL_DUMMY_GPU_GEM_CREATE, &create);
		EXPECT_TRUE(ret == -ENOSPC || ret == -EINVAL || ret == -ENOMEM);
		create = (struct drm_dummy_gpu_gem_create) { .size = sizes[i] };
		ret = call(self->fd, DRM_IOCTL_DUMMY_GPU_GEM_CREATE, &create);
		EXPECT_TRUE(ret == -EINVAL || ret == -ENOMEM) {
			TH_LOG("size %#llx gives %d", (unsigned long long)sizes[i], ret);
		}
	}
}

TEST_F(hmm_uapi, gem_mmap_refuses_bad_arguments)
{
	struct drm_dummy_gpu_gem_mmap good = { .handle = dummy_bo_handle(self->bo) };
	struct dummy_bo *bo;
	void *mem;

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &good));
	EXPECT_BAD(GEM_MMAP, good, handle, 0, ENOENT);
	EXPECT_BAD(GEM_MMAP, good, handle, 99999, ENOENT);
	EXPECT_BAD(GEM_MMAP, good, pad, 1, EINVAL);
	/* Not beyond its end, nor at an offset nobody has, nor copied on write. */
	mem = mmap(NULL, 2 * HUGE_SIZE, PROT_READ, MAP_SHARED, self->fd, good.offset);
	EXPECT_EQ(MAP_FAILED, mem);
	mem = mmap(NULL, page_size, PROT_READ, MAP_SHARED, self->fd, good.offset + (1ULL << 40));
	EXPECT_EQ(MAP_FAILED, mem);
	mem = mmap(NULL, page_size, PROT_READ, MAP_PRIVATE, self->fd, good.offset);
	EXPECT_EQ(MAP_FAILED, mem);
	EXPECT_EQ(EINVAL, errno);

	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, page_size, DRM_DUMMY_GPU_GEM_NO_MMAP, &bo));
	good.handle = dummy_bo_handle(bo);
	EXPECT_EQ(-EACCES, call(self->fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &good));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
}

TEST_F(hmm_uapi, vm_bind_refuses_bad_arguments)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_MAP, .handle = dummy_bo_handle(self->bo),
		.start = 1ULL << 32, .size = HUGE_SIZE,
	};
	struct drm_dummy_gpu_vm_bind good = {
		.vm_id = dummy_vm_id(self->bo_vm), .ops = { sizeof(op), 1, dummy_addr(&op) },
	};

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &good));
	EXPECT_EQ(1, good.ops.count);
	EXPECT_BAD(VM_BIND, good, vm_id, 0, ENOENT);
	EXPECT_BAD(VM_BIND, good, vm_id, 99999, ENOENT);
	EXPECT_BAD(VM_BIND, good, flags, 1, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.count, 0, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.count, DRM_DUMMY_GPU_MAX_BIND_OPS + 1, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.count, UINT32_MAX, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.stride, 0, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.stride, sizeof(op) - 1, EINVAL);
	EXPECT_BAD(VM_BIND, good, ops.array, 0, EFAULT);
	EXPECT_BAD(VM_BIND, good, ops.array, BAD_POINTER, EFAULT);
}

#define EXPECT_BAD_OP(good, field, value, error) do {					\
	typeof(good) __op = (good);							\
	unsigned int __done = 77;							\
											\
	__op.field = (value);								\
	EXPECT_EQ(-(error), dummy_vm_bind_ops(self->gpu.vm, &__op, 1, &__done)) {	\
		TH_LOG("with " #field " = " #value);					\
	}										\
	EXPECT_EQ(0, __done);								\
} while (0)

TEST_F(hmm_uapi, bind_op_refuses_bad_fields)
{
	uint64_t svm_end = self->info->svm_end, va_end = self->info->va_end;
	struct drm_dummy_gpu_bind_op map = {
		.type = DRM_DUMMY_GPU_BIND_MAP, .handle = dummy_bo_handle(self->bo),
		.start = svm_end, .size = HUGE_SIZE,
	}, unmap = {
		.type = DRM_DUMMY_GPU_BIND_UNMAP, .start = svm_end, .size = HUGE_SIZE,
	};

	EXPECT_EQ(0, dummy_vm_bind_ops(self->gpu.vm, &map, 1, NULL));
	EXPECT_EQ(0, dummy_vm_bind_ops(self->gpu.vm, &unmap, 1, NULL));
	/* Unmapping nothing is fine. */
	EXPECT_EQ(0, dummy_vm_bind_ops(self->gpu.vm, &unmap, 1, NULL));
	EXPECT_BAD_OP(map, type, 2, EINVAL);
	EXPECT_BAD_OP(map, flags, 2, EINVAL);
	EXPECT_BAD_OP(map, flags, UINT32_MAX, EINVAL);
	EXPECT_BAD_OP(map, handle, 0, ENOENT);
	EXPECT_BAD_OP(map, handle, 99999, ENOENT);
	EXPECT_BAD_OP(map, pad, 1, EINVAL);
	EXPECT_BAD_OP(map, offset, 1, EINVAL);
	EXPECT_BAD_OP(map, offset, page_size, EINVAL);
	EXPECT_BAD_OP(map, offset, HUGE_SIZE, EINVAL);
	EXPECT_BAD_OP(map, offset, -page_size, EINVAL);
	EXPECT_BAD_OP(map, start, svm_end + 1, EINVAL);
	EXPECT_BAD_OP(map, start, svm_end - page_size, EINVAL);
	EXPECT_BAD_OP(map, start, 0, EINVAL);
	EXPECT_BAD_OP(map, start, va_end - page_size, EINVAL);
	EXPECT_BAD_OP(map, start, va_end, EINVAL);
	EXPECT_BAD_OP(map, start, -page_size, EINVAL);
	EXPECT_BAD_OP(map, start, -HUGE_SIZE, EINVAL);
	EXPECT_BAD_OP(map, size, 0, EINVAL);
	EXPECT_BAD_OP(map, size, 1, EINVAL);
	EXPECT_BAD_OP(map, size, HUGE_SIZE + 1, EINVAL);
	EXPECT_BAD_OP(map, size, HUGE_SIZE + page_size, EINVAL);
	EXPECT_BAD_OP(map, size, -page_size, EINVAL);
	EXPECT_BAD_OP(unmap, flags, DRM_DUMMY_GPU_BIND_READONLY, EINVAL);
	EXPECT_BAD_OP(unmap, handle, dummy_bo_handle(self->bo), EINVAL);
	EXPECT_BAD_OP(unmap, offset, page_size, EINVAL);
	EXPECT_BAD_OP(unmap, start, 0, EINVAL);
	EXPECT_BAD_OP(unmap, start, svm_end + 1, EINVAL);
	EXPECT_BAD_OP(unmap, size, 0, EINVAL);
	EXPECT_BAD_OP(unmap, size, -page_size, EINVAL);
}

TEST_F(hmm_uapi, bind_stops_at_the_first_bad_op_and_says_where)
{
	struct drm_dummy_gpu_bind_op ops[4];
	unsigned int done = 0, i;

	for (i = 0; i < 4; i++) {
		ops[i] = (struct drm_dummy_gpu_bind_op) {
			.type = DRM_DUMMY_GPU_BIND_MAP, .handle = dummy_bo_handle(self->bo),
			.start = (1ULL << 32) + i * HUGE_SIZE, .size = HUGE_SIZE,
		};
	}
	ops[2].handle = 99999;
	EXPECT_EQ(-ENOENT, dummy_vm_bind_ops(self->bo_vm, ops, 4, &done));
	EXPECT_EQ(2, done);
	ops[2].handle = dummy_bo_handle(self->bo);
	EXPECT_EQ(0, dummy_vm_bind_ops(self->bo_vm, ops, 4, &done));
	EXPECT_EQ(4, done);
}

TEST_F(hmm_uapi, array_of_a_newer_user_is_taken_if_its_tail_is_zero)
{
	struct {
		struct drm_dummy_gpu_bind_op op;
		uint64_t newer;
	} ops[2] = { 0 };
	struct drm_dummy_gpu_vm_bind bind = {
		.vm_id = dummy_vm_id(self->bo_vm),
		.ops = { sizeof(ops[0]), 2, dummy_addr(ops) },
	};
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ops[i].op = (struct drm_dummy_gpu_bind_op) {
			.type = DRM_DUMMY_GPU_BIND_MAP, .handle = dummy_bo_handle(self->bo),
			.start = (1ULL << 32) + i * HUGE_SIZE, .size = HUGE_SIZE,
		};
	}
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &bind));
	ops[1].newer = 1ULL << 63;
	bind.ops.count = 2;
	EXPECT_EQ(-E2BIG, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &bind));
}

TEST_F(hmm_uapi, array_read_has_elements_of_a_page_at_most)
{
	char *ops = must_alloc(_metadata, 2 * page_size, MEM_PTE);
	struct drm_dummy_gpu_vm_bind bind = {
		.vm_id = dummy_vm_id(self->bo_vm),
		.ops = { page_size, 1, dummy_addr(ops) },
	};

	*(struct drm_dummy_gpu_bind_op *)ops = (struct drm_dummy_gpu_bind_op) {
		.type = DRM_DUMMY_GPU_BIND_UNMAP, .start = 1ULL << 32, .size = HUGE_SIZE,
	};
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &bind));
	EXPECT_BAD(VM_BIND, bind, ops.stride, page_size + 1, E2BIG);
	EXPECT_BAD(VM_BIND, bind, ops.stride, UINT32_MAX, E2BIG);
}

/* ---- Queues and jobs ------------------------------------------------------ */

TEST_F(hmm_uapi, queue_create_and_destroy_refuse_bad_arguments)
{
	struct drm_dummy_gpu_queue_create create = { .vm_id = self->vm };
	struct drm_dummy_gpu_queue_destroy destroy = { 0 };

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &create));
	EXPECT_NE(0, create.queue_id);
	destroy.queue_id = create.queue_id;
	EXPECT_BAD(QUEUE_CREATE, create, vm_id, 0, ENOENT);
	EXPECT_BAD(QUEUE_CREATE, create, vm_id, 99999, ENOENT);
	EXPECT_BAD(QUEUE_CREATE, create, engine, self->info->nr_engines, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, engine, UINT32_MAX, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, timeout_ms, self->info->max_timeout_ms + 1, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, timeout_ms, UINT32_MAX, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, flags, 2, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, flags, UINT32_MAX, EINVAL);
	/* Not given, and given but not an eventfd: 0 is standard input. */
	EXPECT_BAD(QUEUE_CREATE, create, eventfd, 1, EINVAL);
	EXPECT_BAD(QUEUE_CREATE, create, flags, DRM_DUMMY_GPU_QUEUE_EVENTFD, EBADF);
	EXPECT_BAD(QUEUE_DESTROY, destroy, pad, 1, EINVAL);
	EXPECT_BAD(QUEUE_DESTROY, destroy, queue_id, 0, ENOENT);
	EXPECT_BAD(QUEUE_DESTROY, destroy, queue_id, 99999, ENOENT);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &destroy));
	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &destroy));
}

TEST_F(hmm_uapi, queue_takes_only_an_eventfd)
{
	struct dummy_queue *queue;
	int fd;

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	EXPECT_EQ(-EBADF, dummy_queue_create(self->gpu.vm, 0, 0, fd, &queue));
	close(fd);
	EXPECT_EQ(-EBADF, dummy_queue_create(self->gpu.vm, 0, 0, fd, &queue));
	EXPECT_EQ(-EBADF, dummy_queue_create(self->gpu.vm, 0, 0, self->fd, &queue));
}

TEST_F(hmm_uapi, submit_refuses_bad_arguments)
{
	struct drm_dummy_gpu_sync sync = { 0 };
	struct drm_dummy_gpu_submit good = {
		.queue_id = self->queue, .stream = dummy_addr(self->mem), .stream_size = 8,
		.syncs = { sizeof(sync), 0, dummy_addr(&sync) },
	}, fence = good;
	uint64_t job = 0;

	memset(self->mem, 0, self->size);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &good));
	job = good.job_id;
	EXPECT_EQ(1, job);
	EXPECT_BAD(SUBMIT, good, queue_id, 0, ENOENT);
	EXPECT_BAD(SUBMIT, good, queue_id, 99999, ENOENT);
	EXPECT_BAD(SUBMIT, good, flags, 2, EINVAL);
	EXPECT_BAD(SUBMIT, good, flags, UINT32_MAX, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream, dummy_addr(self->mem) + 4, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream, -7, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream, self->info->va_end, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream, -8, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream_size, 0, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream_size, 7, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream_size, 12, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream_size, (uint64_t)self->info->max_stream + 8, EINVAL);
	EXPECT_BAD(SUBMIT, good, stream_size, -8, EINVAL);
	EXPECT_BAD(SUBMIT, good, fence_addr, 8, EINVAL);
	EXPECT_BAD(SUBMIT, good, fence_value, 1, EINVAL);
	EXPECT_BAD(SUBMIT, good, syncs.count, DRM_DUMMY_GPU_MAX_SYNCS + 1, EINVAL);
	EXPECT_BAD(SUBMIT, good, syncs.count, UINT32_MAX, EINVAL);
	/* A sync that names no syncobj. */
	EXPECT_BAD(SUBMIT, good, syncs.count, 1, ENOENT);
	fence.flags = DRM_DUMMY_GPU_SUBMIT_FENCE;
	fence.fence_addr = dummy_addr(self->mem) + 64;
	fence.fence_value = 1;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &fence));
	EXPECT_BAD(SUBMIT, fence, fence_addr, dummy_addr(self->mem) + 4, EINVAL);
	EXPECT_BAD(SUBMIT, fence, fence_addr, dummy_addr(self->mem) + 1, EINVAL);
	EXPECT_BAD(SUBMIT, fence, fence_addr, 0, EINVAL);
	/* A queue that completes by syncobjs. */
	EXPECT_BAD(SUBMIT, fence, queue_id, dummy_queue_id(self->bo_queue), EINVAL);
	/* No job was made of what was refused. */
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &good));
	EXPECT_EQ(job + 2, good.job_id);
	/* Of no syncs neither address nor stride is looked at. */
	good.syncs.array = BAD_POINTER;
	good.syncs.stride = UINT32_MAX;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &good));
	EXPECT_EQ(0, gpu_finish(&self->gpu, good.job_id));
}

#define EXPECT_BAD_SYNC(field, value, error) do {					\
	sync = good;									\
	sync.field = (value);								\
	EXPECT_EQ(-(error), call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &submit)) {	\
		TH_LOG("with " #field " = " #value);					\
	}										\
} while (0)

TEST_F(hmm_uapi, syncs_refuse_bad_fields)
{
	struct drm_dummy_gpu_sync sync = { 0 }, good;
	struct drm_dummy_gpu_submit submit = {
		.stream_size = 8, .syncs = { sizeof(sync), 1, dummy_addr(&sync) },
	};
	uint32_t handle, without_fence;
	unsigned int queue;

	memset(self->mem, 0, self->size);
	submit.stream = dummy_addr(self->mem);
	ASSERT_EQ(0, drmSyncobjCreate(self->fd, DRM_SYNCOBJ_CREATE_SIGNALED, &handle));
	ASSERT_EQ(0, drmSyncobjCreate(self->fd, 0, &without_fence));
	good = (struct drm_dummy_gpu_sync) { .handle = handle };
	for (queue = 0; queue < 2; queue++) {
		submit.queue_id = queue ? self->queue : dummy_queue_id(self->bo_queue);
		EXPECT_BAD_SYNC(handle, 0, ENOENT);
		EXPECT_BAD_SYNC(handle, 99999, ENOENT);
		EXPECT_BAD_SYNC(flags, 4, EINVAL);
		EXPECT_BAD_SYNC(flags, UINT32_MAX, EINVAL);
		EXPECT_BAD_SYNC(value, 1, EINVAL);
		EXPECT_BAD_SYNC(handle, without_fence, EINVAL);
	}
	/* Who takes page faults waits for syncobjs, but signals none. */
	sync = good;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT, &submit));
	EXPECT_EQ(0, gpu_finish(&self->gpu, submit.job_id));
	EXPECT_BAD_SYNC(flags, DRM_DUMMY_GPU_SYNC_SIGNAL, EINVAL);
	sync = good;
	EXPECT_BAD(SUBMIT, submit, syncs.array, BAD_POINTER, EFAULT);
	EXPECT_BAD(SUBMIT, submit, syncs.stride, sizeof(sync) - 8, EINVAL);
	EXPECT_BAD(SUBMIT, submit, syncs.stride, 0, EINVAL);
	EXPECT_EQ(0, drmSyncobjDestroy(self->fd, without_fence));
	EXPECT_EQ(0, drmSyncobjDestroy(self->fd, handle));
}

TEST_F(hmm_uapi, job_query_refuses_bad_arguments)
{
	struct drm_dummy_gpu_job_query good = { .queue_id = self->queue, .job_id = 1 };

	EXPECT_EQ(-ENOENT, call(self->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &good));
	ASSERT_EQ(0, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &good));
	EXPECT_EQ(DRM_DUMMY_GPU_JOB_DONE, good.state);
	EXPECT_BAD(JOB_QUERY, good, queue_id, 0, ENOENT);
	EXPECT_BAD(JOB_QUERY, good, queue_id, 99999, ENOENT);
	EXPECT_BAD(JOB_QUERY, good, job_id, 0, ENOENT);
	EXPECT_BAD(JOB_QUERY, good, job_id, 2, ENOENT);
	EXPECT_BAD(JOB_QUERY, good, job_id, ALL_ONES, ENOENT);
	/* The longest wait there is, for what has come to pass. */
	good.timeout_ns = ALL_ONES;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &good));
}

TEST_F(hmm_uapi, wait_fence_refuses_bad_arguments)
{
	struct drm_dummy_gpu_wait_fence good = {
		.queue_id = self->queue, .addr = dummy_addr(self->mem), .value = 5,
		.timeout_ns = ALL_ONES,
	};

	*(volatile uint64_t *)self->mem = 5;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &good));
	*(volatile uint64_t *)self->mem = 4;
	EXPECT_BAD(WAIT_FENCE, good, queue_id, 0, ENOENT);
	EXPECT_BAD(WAIT_FENCE, good, queue_id, 99999, ENOENT);
	EXPECT_BAD(WAIT_FENCE, good, flags, 1, EINVAL);
	EXPECT_BAD(WAIT_FENCE, good, addr, dummy_addr(self->mem) + 4, EINVAL);
	EXPECT_BAD(WAIT_FENCE, good, addr, 0, EFAULT);
	EXPECT_BAD(WAIT_FENCE, good, addr, BAD_POINTER, EFAULT);
	EXPECT_BAD(WAIT_FENCE, good, job_id, 99, ENOENT);
	good.timeout_ns = 0;
	EXPECT_EQ(-ETIME, call(self->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &good));
	*(volatile uint64_t *)self->mem = ALL_ONES;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &good));
}

/* ---- Process memory ------------------------------------------------------- */

/* Spans and VMs that no ioctl on process memory takes: one field is spoilt at a time. */
static void expect_bad_spans(struct __test_metadata *_metadata, int fd, unsigned long request,
			     const void *good, size_t size, uint64_t *start, uint64_t *span_size,
			     const struct drm_dummy_gpu_info *info)
{
	const uint64_t good_start = *start, good_size = *span_size;
	const uint64_t starts[] = {
		good_start + 1, good_start + page_size - 1, info->svm_end,
		info->svm_end - page_size, 1ULL << 63, -page_size, ALL_ONES,
	};
	const uint64_t sizes[] = {
		0, 1, good_size - 1, good_size + 1, info->svm_end, 1ULL << 63, -page_size,
		-good_start, ALL_ONES,
	};
	char args[128];
	size_t i;

	ASSERT_GE(sizeof(args), size);
	for (i = 0; i < ARRAY_SIZE(starts) + ARRAY_SIZE(sizes); i++) {
		if (i < ARRAY_SIZE(starts))
			*start = starts[i];
		else
			*span_size = sizes[i - ARRAY_SIZE(starts)];
		memcpy(args, good, size);
		EXPECT_EQ(-EINVAL, call(fd, request, args)) {
			TH_LOG("with start %#llx, size %#llx", (unsigned long long)*start,
			       (unsigned long long)*span_size);
		}
		*start = good_start;
		*span_size = good_size;
	}
}

#define EXPECT_BAD_SPANS(request, good) do {						\
	typeof(good) __good = (good);							\
											\
	expect_bad_spans(_metadata, self->fd, DRM_IOCTL_DUMMY_GPU_##request, __good,	\
			 sizeof(*__good), (uint64_t *)&__good->start,			\
			 (uint64_t *)&__good->size, self->info);			\
} while (0)

TEST_F(hmm_uapi, advise_refuses_bad_arguments)
{
	struct drm_dummy_gpu_advise good = {
		.vm_id = self->vm, .advice = DRM_DUMMY_GPU_ADVICE_PLACE,
		.start = dummy_addr(self->mem), .size = self->size,
		.value = DRM_DUMMY_GPU_PLACE_DEVICE,
	};

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_ADVISE, &good));
	EXPECT_BAD_SPANS(ADVISE, &good);
	EXPECT_BAD(ADVISE, good, vm_id, 0, ENOENT);
	EXPECT_BAD(ADVISE, good, vm_id, 99999, ENOENT);
	EXPECT_BAD(ADVISE, good, vm_id, dummy_vm_id(self->bo_vm), EINVAL);
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_PIN + 1, EINVAL);
	EXPECT_BAD(ADVISE, good, advice, UINT32_MAX, EINVAL);
	EXPECT_BAD(ADVISE, good, value, DRM_DUMMY_GPU_PLACE_PEER, EINVAL);
	EXPECT_BAD(ADVISE, good, value, DRM_DUMMY_GPU_PLACE_PEER + 1, EINVAL);
	EXPECT_BAD(ADVISE, good, value, ALL_ONES, EINVAL);
	/* With a value of 2. */
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_RESET, EINVAL);
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_THP, EINVAL);
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, EINVAL);
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_PIN, EINVAL);
	EXPECT_BAD(ADVISE, good, advice, DRM_DUMMY_GPU_ADVICE_GRANULARITY, EINVAL);
	good.advice = DRM_DUMMY_GPU_ADVICE_ATOMICS;
	EXPECT_BAD(ADVISE, good, value, DRM_DUMMY_GPU_ATOMICS_NONE + 1, EINVAL);
	EXPECT_BAD(ADVISE, good, value, ALL_ONES, EINVAL);
	good.advice = DRM_DUMMY_GPU_ADVICE_GRANULARITY;
	good.value = __builtin_ctzl(HUGE_SIZE);
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_ADVISE, &good));
	EXPECT_BAD(ADVISE, good, value, 1, EINVAL);
	EXPECT_BAD(ADVISE, good, value, __builtin_ctzl(page_size) - 1, EINVAL);
	EXPECT_BAD(ADVISE, good, value, __builtin_ctzl(HUGE_SIZE) + 1, EINVAL);
}

TEST_F(hmm_uapi, migrate_refuses_bad_arguments)
{
	struct drm_dummy_gpu_migrate_run run;
	struct drm_dummy_gpu_migrate good = {
		.vm_id = self->vm, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
		.start = dummy_addr(self->mem), .size = self->size,
		.runs = { sizeof(run), 1, dummy_addr(&run) },
	}, home = good;

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &good));
	EXPECT_EQ(1, good.runs.count);
	home.place = DRM_DUMMY_GPU_PLACE_SYSTEM;
	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &home));
	EXPECT_BAD_SPANS(MIGRATE, &good);
	EXPECT_BAD(MIGRATE, good, vm_id, 0, ENOENT);
	EXPECT_BAD(MIGRATE, good, vm_id, 99999, ENOENT);
	EXPECT_BAD(MIGRATE, good, vm_id, dummy_vm_id(self->bo_vm), EINVAL);
	EXPECT_BAD(MIGRATE, good, place, DRM_DUMMY_GPU_PLACE_NONE, EINVAL);
	EXPECT_BAD(MIGRATE, good, place, DRM_DUMMY_GPU_PLACE_PEER, EINVAL);
	EXPECT_BAD(MIGRATE, good, place, UINT32_MAX, EINVAL);
	EXPECT_BAD(MIGRATE, good, flags, 16, EINVAL);
	EXPECT_BAD(MIGRATE, good, flags, UINT32_MAX, EINVAL);
	/* Both only with MAP. */
	EXPECT_BAD(MIGRATE, good, flags, DRM_DUMMY_GPU_MIGRATE_WRITE, EINVAL);
	EXPECT_BAD(MIGRATE, good, flags, DRM_DUMMY_GPU_MIGRATE_KEEP, EINVAL);
	EXPECT_BAD(MIGRATE, good, pad, 1, EINVAL);
	EXPECT_BAD(MIGRATE, good, runs.stride, sizeof(run) - 1, EINVAL);
	EXPECT_BAD(MIGRATE, good, runs.stride, 0, EINVAL);
	EXPECT_BAD(MIGRATE, good, runs.array, BAD_POINTER, EFAULT);
	EXPECT_BAD(MIGRATE, home, flags, DRM_DUMMY_GPU_MIGRATE_POPULATE, EINVAL);
	EXPECT_BAD(MIGRATE, home, flags, DRM_DUMMY_GPU_MIGRATE_MAP, EINVAL);
}

TEST_F(hmm_uapi, refused_migration_moves_nothing)
{
	struct drm_dummy_gpu_migrate bad = {
		.vm_id = self->vm, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .pad = 1,
		.start = dummy_addr(self->mem), .size = self->size,
		.runs.stride = sizeof(struct drm_dummy_gpu_migrate_run),
	};

	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &bad));
	bad.pad = 0;
	bad.flags = 1 << 30;
	EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &bad));
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, IN_SYSTEM));
}

TEST_F(hmm_uapi, snapshot_refuses_bad_arguments)
{
	struct drm_dummy_gpu_page pages[17];
	struct drm_dummy_gpu_snapshot good = {
		.vm_id = self->vm, .start = dummy_addr(self->mem), .size = self->size,
		.pages = { sizeof(pages[0]), 16, dummy_addr(pages) },
	};

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SNAPSHOT, &good));
	EXPECT_BAD_SPANS(SNAPSHOT, &good);
	EXPECT_BAD(SNAPSHOT, good, vm_id, 0, ENOENT);
	EXPECT_BAD(SNAPSHOT, good, vm_id, 99999, ENOENT);
	EXPECT_BAD(SNAPSHOT, good, vm_id, dummy_vm_id(self->bo_vm), EINVAL);
	EXPECT_BAD(SNAPSHOT, good, flags, 1, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.count, 0, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.count, 15, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.count, 17, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.count, UINT32_MAX, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.stride, 0, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.stride, sizeof(pages[0]) - 1, EINVAL);
	EXPECT_BAD(SNAPSHOT, good, pages.array, 0, EFAULT);
	EXPECT_BAD(SNAPSHOT, good, pages.array, BAD_POINTER, EFAULT);
}

TEST_F(hmm_uapi, results_are_written_by_the_stride_of_the_user)
{
	struct {
		struct drm_dummy_gpu_page page;
		uint64_t newer;
	} pages[16];
	struct drm_dummy_gpu_snapshot snapshot = {
		.vm_id = self->vm, .start = dummy_addr(self->mem), .size = self->size,
		.pages = { sizeof(pages[0]), 16, dummy_addr(pages) },
	};
	size_t i, bad = 0;

	memset(pages, 0xff, sizeof(pages));
	ASSERT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_SNAPSHOT, &snapshot));
	for (i = 0; i < 16; i++) {
		bad += pages[i].page.place != DRM_DUMMY_GPU_PLACE_SYSTEM;
		bad += pages[i].newer != ALL_ONES && pages[i].newer != 0;
	}
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_uapi, snapshot_of_nothing_and_of_holes_says_none)
{
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	struct drm_dummy_gpu_page page;

	ASSERT_EQ(0, gpu_page(&self->gpu, mem, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_NONE, page.place);
	EXPECT_EQ(0, page.flags);
	EXPECT_EQ(IN_NONE, page_in(mem));
	EXPECT_EQ(0, *(volatile char *)mem);
	ASSERT_EQ(0, gpu_page(&self->gpu, mem, &page));
	EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_ZERO);
	ASSERT_EQ(0, munmap(mem, HUGE_SIZE));
	ASSERT_EQ(0, gpu_page(&self->gpu, mem, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_NONE, page.place);
	EXPECT_EQ(0, page.flags);
	/* Nor is there anything at the end of what a device mirrors. */
	ASSERT_EQ(0, dummy_snapshot(self->gpu.vm, (void *)(self->info->svm_end - page_size),
				    page_size, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_NONE, page.place);
	EXPECT_EQ(0, page.flags);
}

/* All that a process has, stacks, code and holes of terabytes. */
static int migrate_whole_process(enum drm_dummy_gpu_place place)
{
	const struct drm_dummy_gpu_info *info;
	struct gpu gpu;
	int ret;

	if (gpu_open(&gpu, 0))
		return 1;
	info = dummy_device_info(gpu.dev);
	ret = dummy_migrate(gpu.vm, (void *)page_size, info->svm_end - page_size, place, 0, NULL);
	if (ret)
		return 2;
	ret = dummy_advise(gpu.vm, (void *)page_size, info->svm_end - page_size,
			   DRM_DUMMY_GPU_ADVICE_PLACE, place);
	if (ret)
		return 3;
	return gpu_store(&gpu, gpu.staging, 1) ? 4 : 0;
}

/*
 * What a child moved is not only its own: it shares pages with us, and with
 * those we are forked from, who may never touch them again.
 */
static bool everybodys_memory_is_home(struct gpu *gpu)
{
	dummy_evict(gpu->dev, ALL_ONES, NULL);
	return gpu_device_stats(gpu).vram_svm == gpu->base.vram_svm;
}

TEST_F(hmm_uapi, span_of_a_whole_process_is_served_in_bounded_time)
{
	pid_t child;

	child = fork();
	if (!child)
		_exit(migrate_whole_process(DRM_DUMMY_GPU_PLACE_SYSTEM));
	EXPECT_EQ(0, wait_exit(child));
	child = fork();
	if (!child)
		_exit(migrate_whole_process(DRM_DUMMY_GPU_PLACE_DEVICE));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_TRUE(eventually(everybodys_memory_is_home(&self->gpu)));
}

/* The end of a process may be a page below svm_end, and 128 TiB are more pages than a run has. */
TEST_F(hmm_uapi, runs_of_a_whole_process_leave_nothing_out)
{
	const uint64_t size = self->info->svm_end - page_size;
	static struct drm_dummy_gpu_migrate_run runs[4096];
	struct dummy_migrated migrated;
	uint64_t next = page_size;
	unsigned int nr, i;

	ASSERT_EQ(0, dummy_migrate_runs(self->gpu.vm, (void *)page_size, size,
					DRM_DUMMY_GPU_PLACE_SYSTEM, 0, &migrated, runs,
					ARRAY_SIZE(runs), &nr));
	ASSERT_GE(ARRAY_SIZE(runs), nr);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(next, runs[i].start);
		EXPECT_NE(0, runs[i].nr_pages);
		next = runs[i].start + (uint64_t)runs[i].nr_pages * page_size;
	}
	EXPECT_EQ(self->info->svm_end, next);
	EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNMAPPED, runs[nr - 1].result);
	EXPECT_EQ(size / page_size, migrated.moved + migrated.already + migrated.stayed);
}

TEST_F(hmm_uapi, span_beyond_the_end_of_the_process_is_a_gap)
{
	void *start = (void *)(self->info->svm_end - page_size);
	struct drm_dummy_gpu_migrate_run run;
	struct dummy_migrated migrated;
	uint32_t place;
	unsigned int nr;

	for (place = DRM_DUMMY_GPU_PLACE_SYSTEM; place <= DRM_DUMMY_GPU_PLACE_DEVICE; place++) {
		ASSERT_EQ(0, dummy_migrate_runs(self->gpu.vm, start, page_size, place, 0,
						&migrated, &run, 1, &nr));
		EXPECT_EQ(1, nr);
		EXPECT_EQ(dummy_addr(start), run.start);
		EXPECT_EQ(1, run.nr_pages);
		EXPECT_EQ(DRM_DUMMY_GPU_MIGRATE_UNMAPPED, run.result);
		EXPECT_EQ(1, migrated.stayed);
		EXPECT_EQ(0, dummy_advise(self->gpu.vm, start, page_size,
					  DRM_DUMMY_GPU_ADVICE_PLACE, place));
	}
}

TEST_F(hmm_uapi, long_migration_ends_when_killed)
{
	/* Eight million windows to look at, mapped and empty. */
	const size_t size = 1UL << 44;
	struct meeting meeting;
	struct gpu gpu;
	pid_t child;
	char *mem;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		mem = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (mem == MAP_FAILED || gpu_open(&gpu, 0))
			_exit(1);
		meet(&meeting);
		for (;;)
			dummy_migrate(gpu.vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE,
				      DRM_DUMMY_GPU_MIGRATE_MAP, NULL);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	sleep_ms(200);
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
}

/* ---- Eviction, permissions, numbers --------------------------------------- */

TEST_F(hmm_uapi, evict_refuses_bad_arguments)
{
	struct drm_dummy_gpu_evict good = { .size = page_size };

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_EVICT, &good));
	EXPECT_BAD(EVICT, good, size, 0, EINVAL);
	EXPECT_BAD(EVICT, good, size, page_size + 1, EINVAL);
	EXPECT_BAD(EVICT, good, size, 1ULL << 63, EINVAL);
	EXPECT_BAD(EVICT, good, size, -page_size, EINVAL);
	EXPECT_BAD(EVICT, good, flags, 1, EINVAL);
	EXPECT_BAD(EVICT, good, pad, 1, EINVAL);
}

TEST_F(hmm_uapi, evict_needs_cap_sys_admin_and_nothing_else_does)
{
	struct drm_dummy_gpu_evict evict = { .size = ALL_ONES };
	struct gpu gpu;
	pid_t child;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	child = fork();
	if (!child) {
		/* Opened by root, as by who is in the group render. */
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, setresuid(65534, 65534, 65534));
		EXPECT_EQ(-EACCES, call(dummy_device_fd(gpu.dev), DRM_IOCTL_DUMMY_GPU_EVICT,
					&evict));
		EXPECT_EQ(0, evict.evicted);
		EXPECT_EQ(0, gpu_store(&gpu, gpu.staging, 1));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, IN_DEVICE));
}

TEST_F(hmm_uapi, vm_limit_refuses_bad_arguments)
{
	struct drm_dummy_gpu_vm_limit good = {
		.vm_id = dummy_vm_id(self->gpu.vm),
		.vram = ALL_ONES,
	};

	EXPECT_EQ(0, call(self->fd, DRM_IOCTL_DUMMY_GPU_VM_LIMIT, &good));
	EXPECT_BAD(VM_LIMIT, good, vm_id, 0, ENOENT);
	EXPECT_BAD(VM_LIMIT, good, vm_id, 99999, ENOENT);
	EXPECT_BAD(VM_LIMIT, good, vm_id, dummy_vm_id(self->bo_vm), EINVAL);
	EXPECT_BAD(VM_LIMIT, good, flags, 1, EINVAL);
	EXPECT_BAD(VM_LIMIT, good, vram, 1, EINVAL);
	EXPECT_BAD(VM_LIMIT, good, vram, ALL_ONES - 1, EINVAL);
}

TEST_F(hmm_uapi, unknown_ioctl_numbers_are_refused)
{
	uint64_t args[32] = { 0 };
	unsigned int nr;

	for (nr = DRM_DUMMY_GPU_VM_LIMIT + 1; nr < DRM_COMMAND_END - DRM_COMMAND_BASE; nr++)
		EXPECT_EQ(-EINVAL, call(self->fd, DRM_IOWR(DRM_COMMAND_BASE + nr, args), args));
}

TEST_F(hmm_uapi, struct_of_an_older_user_is_extended_with_zeros)
{
	/* Type and size only: no pointer, so the size is returned. */
	struct {
		uint32_t type, size;
	} query = { DRM_DUMMY_GPU_QUERY_DEVICE_STATS, 0 };

	EXPECT_EQ(0, call(self->fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_DUMMY_GPU_QUERY, query),
			  &query));
	EXPECT_LE(sizeof(struct drm_dummy_gpu_device_stats), query.size);
}

TEST_F(hmm_uapi, arguments_that_cannot_be_read_give_efault)
{
	unsigned int nr;

	for (nr = DRM_DUMMY_GPU_QUERY; nr <= DRM_DUMMY_GPU_VM_LIMIT; nr++) {
		unsigned long request = DRM_IOWR(DRM_COMMAND_BASE + nr, uint64_t);

		EXPECT_EQ(-EFAULT, call(self->fd, request, NULL));
		EXPECT_EQ(-EFAULT, call(self->fd, request, (void *)BAD_POINTER));
	}
}

TEST_HARNESS_MAIN
