// SPDX-License-Identifier: GPL-2.0
/*
 * Arguments of ioctls as user space hands them in: are they what the uapi allows?
 *
 * Invariant: what passes here can be added up without overflow: a span, an array
 * and each of its elements, a stream. A field that is wrong is named by drm_dbg.
 * Whether ids, handles and pointers lead anywhere is for others to find out, and
 * an ioctl with no more than one flag or pad to look at does that itself.
 *
 * Lock: none. Pure: user space builds this file too.
 */
#include <linux/array_size.h>
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include "dummy_args.h"
#include "dummy_config.h"
#include "hw/hw.h"

/* Is [@start, @start + @size) page aligned, not empty and not beyond @end? */
static bool span_is_valid(u64 start, u64 size, u64 end)
{
	u64 last;

	if (!size || !PAGE_ALIGNED(start | size))
		return false;
	return !check_add_overflow(start, size, &last) && last <= end;
}

/* A stride below the first version's would cut off what has no default. */
static bool array_is_valid(const struct drm_dummy_gpu_array *array, size_t min_size)
{
	u64 bytes, last;

	if (!array->count)
		return true;
	if (array->stride < min_size)
		return false;
	return !check_mul_overflow((u64)array->stride, (u64)array->count, &bytes) &&
	       !check_add_overflow(array->array, bytes, &last);
}

int dummy_args_check_array(struct drm_device *drm, const struct drm_dummy_gpu_array *array,
			   size_t min_size, u32 max_count)
{
	if (!array->count)
		return 0;
	if (!array_is_valid(array, min_size))
		return dummy_invalid(drm, "array stride or address");
	if (array->count > max_count)
		return dummy_invalid(drm, "array count");
	/* Every byte of a tail is looked at, and nobody can interrupt that. */
	if (array->stride > PAGE_SIZE)
		return -E2BIG;
	return 0;
}

/* ---- Buffer objects ----------------------------------------------------- */

#define GEM_FLAGS	(DRM_DUMMY_GPU_GEM_VRAM | DRM_DUMMY_GPU_GEM_NO_MMAP)

int dummy_args_check_gem_create(struct drm_device *drm,
				const struct drm_dummy_gpu_gem_create *args)
{
	if (args->flags & ~GEM_FLAGS)
		return dummy_invalid(drm, "gem_create.flags");
	if (!span_is_valid(0, args->size, S64_MAX))
		return dummy_invalid(drm, "gem_create.size");
	return 0;
}

int dummy_args_check_vm_limit(struct drm_device *drm, const struct drm_dummy_gpu_vm_limit *args)
{
	if (args->flags)
		return dummy_invalid(drm, "vm_limit.flags");
	if (args->vram != U64_MAX && !PAGE_ALIGNED(args->vram))
		return dummy_invalid(drm, "vm_limit.vram");
	return 0;
}

int dummy_args_check_vm_bind(struct drm_device *drm, const struct drm_dummy_gpu_vm_bind *args)
{
	if (args->flags)
		return dummy_invalid(drm, "vm_bind.flags");
	if (!args->ops.count)
		return dummy_invalid(drm, "vm_bind.ops.count");
	return 0;
}

int dummy_args_check_bind_op(struct drm_device *drm, const struct drm_dummy_gpu_bind_op *op,
			     bool is_svm)
{
	bool is_map = op->type == DRM_DUMMY_GPU_BIND_MAP;

	if (op->type > DRM_DUMMY_GPU_BIND_UNMAP)
		return dummy_invalid(drm, "bind_op.type");
	if (op->flags & ~(is_map ? DRM_DUMMY_GPU_BIND_READONLY : 0))
		return dummy_invalid(drm, "bind_op.flags");
	if (op->pad)
		return dummy_invalid(drm, "bind_op.pad");
	if (!is_map && (op->handle || op->offset))
		return dummy_invalid(drm, "bind_op.handle or offset of UNMAP");
	if (!span_is_valid(op->start, op->size, HW_VA_END))
		return dummy_invalid(drm, "bind_op.start or size");
	if (is_svm && op->start < DUMMY_SVM_END)
		return dummy_invalid(drm, "bind_op.start below svm_end");
	return 0;
}

int dummy_args_check_bind_size(struct drm_device *drm, const struct drm_dummy_gpu_bind_op *op,
			       u64 size)
{
	if (!PAGE_ALIGNED(op->offset) || op->offset > size || op->size > size - op->offset)
		return dummy_invalid(drm, "bind_op.offset or size beyond the object");
	return 0;
}

/* ---- Queues and jobs ---------------------------------------------------- */

int dummy_args_check_queue_create(struct drm_device *drm,
				  const struct drm_dummy_gpu_queue_create *args,
				  unsigned int nr_engines)
{
	if (args->flags & ~DRM_DUMMY_GPU_QUEUE_EVENTFD)
		return dummy_invalid(drm, "queue_create.flags");
	if (!(args->flags & DRM_DUMMY_GPU_QUEUE_EVENTFD) && args->eventfd)
		return dummy_invalid(drm, "queue_create.eventfd");
	if (args->engine >= nr_engines)
		return dummy_invalid(drm, "queue_create.engine");
	if (args->timeout_ms > DUMMY_MAX_TIMEOUT_MS)
		return dummy_invalid(drm, "queue_create.timeout_ms");
	return 0;
}

int dummy_args_check_submit(struct drm_device *drm, const struct drm_dummy_gpu_submit *args)
{
	if (args->flags & ~DRM_DUMMY_GPU_SUBMIT_FENCE)
		return dummy_invalid(drm, "submit.flags");
	if (!args->stream_size || args->stream_size % 8 ||
	    args->stream_size > DUMMY_GPU_MAX_STREAM)
		return dummy_invalid(drm, "submit.stream_size");
	if (args->stream % 8 || args->stream > HW_VA_END - args->stream_size)
		return dummy_invalid(drm, "submit.stream");
	if (!(args->flags & DRM_DUMMY_GPU_SUBMIT_FENCE) && (args->fence_addr || args->fence_value))
		return dummy_invalid(drm, "submit.fence_addr or fence_value");
	if (args->fence_addr % 8)
		return dummy_invalid(drm, "submit.fence_addr");
	return 0;
}

int dummy_args_check_submit_on(struct drm_device *drm, const struct drm_dummy_gpu_submit *args,
			       bool is_svm)
{
	if (!is_svm && args->flags & DRM_DUMMY_GPU_SUBMIT_FENCE)
		return dummy_invalid(drm, "submit.flags: FENCE on a queue without SVM");
	if (args->flags & DRM_DUMMY_GPU_SUBMIT_FENCE && !args->fence_addr)
		return dummy_invalid(drm, "submit.fence_addr");
	return 0;
}

int dummy_args_check_sync(struct drm_device *drm, const struct drm_dummy_gpu_sync *sync,
			  bool is_svm)
{
	if (sync->flags & ~(DRM_DUMMY_GPU_SYNC_SIGNAL | DRM_DUMMY_GPU_SYNC_TIMELINE))
		return dummy_invalid(drm, "sync.flags");
	if (!(sync->flags & DRM_DUMMY_GPU_SYNC_TIMELINE) && sync->value)
		return dummy_invalid(drm, "sync.value");
	if (is_svm && sync->flags & DRM_DUMMY_GPU_SYNC_SIGNAL)
		return dummy_invalid(drm, "sync.flags: SIGNAL on a queue with SVM");
	return 0;
}

int dummy_args_check_wait_fence(struct drm_device *drm,
				const struct drm_dummy_gpu_wait_fence *args)
{
	if (args->flags)
		return dummy_invalid(drm, "wait_fence.flags");
	if (args->addr % 8)
		return dummy_invalid(drm, "wait_fence.addr");
	return 0;
}

/* ---- Process memory ----------------------------------------------------- */

int dummy_args_check_advise(struct drm_device *drm, const struct drm_dummy_gpu_advise *args)
{
	/* Largest value of each advice. */
	static const u64 max_value[] = {
		[DRM_DUMMY_GPU_ADVICE_RESET] = 0,
		[DRM_DUMMY_GPU_ADVICE_PLACE] = DRM_DUMMY_GPU_PLACE_DEVICE,
		[DRM_DUMMY_GPU_ADVICE_THP] = 1,
		[DRM_DUMMY_GPU_ADVICE_GRANULARITY] = HW_HUGE_SHIFT,
		[DRM_DUMMY_GPU_ADVICE_READ_MOSTLY] = 1,
		[DRM_DUMMY_GPU_ADVICE_ATOMICS] = DRM_DUMMY_GPU_ATOMICS_NONE,
		[DRM_DUMMY_GPU_ADVICE_PIN] = 1,
	};

	if (args->advice >= ARRAY_SIZE(max_value))
		return dummy_invalid(drm, "advise.advice");
	if (args->value > max_value[args->advice])
		return dummy_invalid(drm, "advise.value");
	if (args->advice == DRM_DUMMY_GPU_ADVICE_GRANULARITY &&
	    args->value && args->value < PAGE_SHIFT)
		return dummy_invalid(drm, "advise.value: GRANULARITY below a page");
	if (!span_is_valid(args->start, args->size, DUMMY_SVM_END))
		return dummy_invalid(drm, "advise.start or size");
	return 0;
}

#define MIGRATE_FLAGS	(DRM_DUMMY_GPU_MIGRATE_POPULATE | DRM_DUMMY_GPU_MIGRATE_MAP | \
			 DRM_DUMMY_GPU_MIGRATE_WRITE | DRM_DUMMY_GPU_MIGRATE_KEEP)

int dummy_args_check_migrate(struct drm_device *drm, const struct drm_dummy_gpu_migrate *args)
{
	if (args->place != DRM_DUMMY_GPU_PLACE_SYSTEM && args->place != DRM_DUMMY_GPU_PLACE_DEVICE)
		return dummy_invalid(drm, "migrate.place");
	if (args->flags & ~MIGRATE_FLAGS)
		return dummy_invalid(drm, "migrate.flags");
	if (args->place != DRM_DUMMY_GPU_PLACE_DEVICE &&
	    args->flags & (DRM_DUMMY_GPU_MIGRATE_POPULATE | DRM_DUMMY_GPU_MIGRATE_MAP))
		return dummy_invalid(drm, "migrate.flags: POPULATE or MAP without DEVICE");
	if (!(args->flags & DRM_DUMMY_GPU_MIGRATE_MAP) &&
	    args->flags & (DRM_DUMMY_GPU_MIGRATE_WRITE | DRM_DUMMY_GPU_MIGRATE_KEEP))
		return dummy_invalid(drm, "migrate.flags: WRITE or KEEP without MAP");
	if (args->pad)
		return dummy_invalid(drm, "migrate.pad");
	if (!span_is_valid(args->start, args->size, DUMMY_SVM_END))
		return dummy_invalid(drm, "migrate.start or size");
	if (!array_is_valid(&args->runs, sizeof(struct drm_dummy_gpu_migrate_run)))
		return dummy_invalid(drm, "migrate.runs");
	return 0;
}

int dummy_args_check_snapshot(struct drm_device *drm, const struct drm_dummy_gpu_snapshot *args)
{
	if (args->flags)
		return dummy_invalid(drm, "snapshot.flags");
	if (!span_is_valid(args->start, args->size, DUMMY_SVM_END))
		return dummy_invalid(drm, "snapshot.start or size");
	if (args->pages.count != args->size >> PAGE_SHIFT)
		return dummy_invalid(drm, "snapshot.pages.count");
	if (!array_is_valid(&args->pages, sizeof(struct drm_dummy_gpu_page)))
		return dummy_invalid(drm, "snapshot.pages");
	return 0;
}

int dummy_args_check_evict(struct drm_device *drm, const struct drm_dummy_gpu_evict *args)
{
	if (args->flags)
		return dummy_invalid(drm, "evict.flags");
	if (args->pad)
		return dummy_invalid(drm, "evict.pad");
	if (args->size != U64_MAX && !span_is_valid(0, args->size, S64_MAX))
		return dummy_invalid(drm, "evict.size");
	return 0;
}
