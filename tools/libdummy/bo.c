// SPDX-License-Identifier: MIT
/*
 * Buffer objects: memory with a handle, for VMs that bind it.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xf86drm.h>

#include "libdummy.h"

DUMMY_EXPORT int dummy_bo_create(struct dummy_device *dev, uint64_t size,
				 uint32_t flags, struct dummy_bo **bo)
{
	struct drm_dummy_gpu_gem_create create = {
		.size = size,
		.flags = flags,
	};
	struct dummy_bo *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = device_ioctl(dev->fd, DRM_IOCTL_DUMMY_GPU_GEM_CREATE, &create);
	if (ret) {
		free(new);
		return ret;
	}
	new->dev = dev;
	new->size = size;
	new->handle = create.handle;
	*bo = new;
	return 0;
}

DUMMY_EXPORT int dummy_bo_destroy(struct dummy_bo *bo)
{
	int ret;

	if (!bo)
		return 0;
	if (bo->mapping)
		munmap(bo->mapping, bo->size);
	ret = drmCloseBufferHandle(bo->dev->fd, bo->handle) ? -errno : 0;
	free(bo);
	return ret;
}

DUMMY_EXPORT int dummy_bo_map(struct dummy_bo *bo, void **pointer)
{
	struct drm_dummy_gpu_gem_mmap args = { .handle = bo->handle };
	void *mapping, *others = NULL;
	int ret;

	mapping = __atomic_load_n(&bo->mapping, __ATOMIC_ACQUIRE);
	if (mapping) {
		*pointer = mapping;
		return 0;
	}

	ret = device_ioctl(bo->dev->fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &args);
	if (ret)
		return ret;
	mapping = mmap(NULL, bo->size, PROT_READ | PROT_WRITE, MAP_SHARED,
		       bo->dev->fd, args.offset);
	if (mapping == MAP_FAILED)
		return -errno;

	/* Another thread may have been faster: its mapping is the one. */
	if (!__atomic_compare_exchange_n(&bo->mapping, &others, mapping, 0,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
		munmap(mapping, bo->size);
		mapping = others;
	}
	*pointer = mapping;
	return 0;
}

DUMMY_EXPORT uint32_t dummy_bo_handle(const struct dummy_bo *bo)
{
	return bo->handle;
}

DUMMY_EXPORT uint64_t dummy_bo_size(const struct dummy_bo *bo)
{
	return bo->size;
}
