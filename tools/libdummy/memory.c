// SPDX-License-Identifier: MIT
/*
 * Process memory: say where it should be, move it, and see where it is.
 */
#include <errno.h>

#include "libdummy.h"

DUMMY_EXPORT int dummy_advise(struct dummy_vm *vm, const volatile void *start,
			      size_t size, enum drm_dummy_gpu_advice advice,
			      uint64_t value)
{
	struct drm_dummy_gpu_advise args = {
		.vm_id = vm->id,
		.advice = advice,
		.start = dummy_addr(start),
		.size = size,
		.value = value,
	};

	return device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_ADVISE, &args);
}

DUMMY_EXPORT int dummy_migrate_runs(struct dummy_vm *vm,
				    const volatile void *start, size_t size,
				    enum drm_dummy_gpu_place place,
				    uint32_t flags,
				    struct dummy_migrated *migrated,
				    struct drm_dummy_gpu_migrate_run *runs,
				    unsigned int room, unsigned int *nr_runs)
{
	struct drm_dummy_gpu_migrate args = {
		.vm_id = vm->id,
		.place = place,
		.flags = flags,
		.start = dummy_addr(start),
		.size = size,
		.runs.stride = sizeof(*runs),
		.runs.count = room,
		.runs.array = dummy_addr(runs),
	};
	int ret;

	ret = device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_MIGRATE, &args);
	if (ret)
		return ret;
	if (migrated) {
		migrated->moved = args.moved;
		migrated->already = args.already;
		migrated->stayed = args.stayed;
		migrated->mapped = args.mapped;
	}
	if (nr_runs)
		*nr_runs = args.runs.count;
	return 0;
}

DUMMY_EXPORT int dummy_migrate(struct dummy_vm *vm, const volatile void *start,
			       size_t size, enum drm_dummy_gpu_place place,
			       uint32_t flags, struct dummy_migrated *migrated)
{
	return dummy_migrate_runs(vm, start, size, place, flags, migrated,
				  NULL, 0, NULL);
}

DUMMY_EXPORT int dummy_snapshot(struct dummy_vm *vm, const volatile void *start,
				size_t size, struct drm_dummy_gpu_page *pages)
{
	uint64_t nr_pages = size / vm->dev->info.page_size;
	struct drm_dummy_gpu_snapshot args = {
		.vm_id = vm->id,
		.start = dummy_addr(start),
		.size = size,
		.pages.stride = sizeof(*pages),
		.pages.count = nr_pages,
		.pages.array = dummy_addr(pages),
	};

	/* The driver sees 32 bits of it, and would fill that many. */
	if (nr_pages > UINT32_MAX)
		return -EINVAL;
	return device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_SNAPSHOT, &args);
}

DUMMY_EXPORT int dummy_evict(struct dummy_device *dev, uint64_t size,
			     uint64_t *evicted)
{
	struct drm_dummy_gpu_evict args = { .size = size };
	int ret;

	ret = device_ioctl(dev->fd, DRM_IOCTL_DUMMY_GPU_EVICT, &args);
	if (ret)
		return ret;
	if (evicted)
		*evicted = args.evicted;
	return 0;
}
