// SPDX-License-Identifier: MIT
/*
 * Address spaces, and the binding of buffer objects in them.
 */
#include <errno.h>
#include <stdlib.h>

#include "libdummy.h"

DUMMY_EXPORT int dummy_vm_create(struct dummy_device *dev, uint32_t flags,
				 struct dummy_vm **vm)
{
	struct drm_dummy_gpu_vm_create create = { .flags = flags };
	struct dummy_vm *new;
	int ret;

	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = device_ioctl(dev->fd, DRM_IOCTL_DUMMY_GPU_VM_CREATE, &create);
	if (ret) {
		free(new);
		return ret;
	}
	new->dev = dev;
	new->id = create.vm_id;
	new->flags = flags;
	*vm = new;
	return 0;
}

DUMMY_EXPORT int dummy_vm_destroy(struct dummy_vm *vm)
{
	struct drm_dummy_gpu_vm_destroy destroy = { 0 };
	int ret;

	if (!vm)
		return 0;
	destroy.vm_id = vm->id;
	ret = device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY,
			   &destroy);
	free(vm);
	return ret;
}

DUMMY_EXPORT int dummy_vm_limit(struct dummy_vm *vm, uint64_t vram)
{
	struct drm_dummy_gpu_vm_limit limit = {
		.vm_id = vm->id,
		.vram = vram,
	};

	return device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_VM_LIMIT, &limit);
}

DUMMY_EXPORT uint32_t dummy_vm_id(const struct dummy_vm *vm)
{
	return vm->id;
}

DUMMY_EXPORT struct dummy_device *dummy_vm_device(const struct dummy_vm *vm)
{
	return vm->dev;
}

DUMMY_EXPORT int dummy_vm_is_svm(const struct dummy_vm *vm)
{
	return !!(vm->flags & DRM_DUMMY_GPU_VM_SVM);
}

DUMMY_EXPORT int dummy_vm_bind_ops(struct dummy_vm *vm,
				   const struct drm_dummy_gpu_bind_op *ops,
				   unsigned int count, unsigned int *done)
{
	struct drm_dummy_gpu_vm_bind bind = {
		.vm_id = vm->id,
		.ops.stride = sizeof(*ops),
		.ops.count = count,
		.ops.array = dummy_addr(ops),
	};
	int ret;

	ret = device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_VM_BIND, &bind);
	if (done)
		*done = bind.ops.count;
	return ret;
}

DUMMY_EXPORT int dummy_vm_bind(struct dummy_vm *vm, const struct dummy_bo *bo,
			       uint64_t offset, uint64_t start, uint64_t size,
			       uint32_t flags)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_MAP,
		.flags = flags,
		.handle = bo->handle,
		.offset = offset,
		.start = start,
		.size = size,
	};

	return dummy_vm_bind_ops(vm, &op, 1, NULL);
}

DUMMY_EXPORT int dummy_vm_unbind(struct dummy_vm *vm, uint64_t start,
				 uint64_t size)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = DRM_DUMMY_GPU_BIND_UNMAP,
		.start = start,
		.size = size,
	};

	return dummy_vm_bind_ops(vm, &op, 1, NULL);
}
