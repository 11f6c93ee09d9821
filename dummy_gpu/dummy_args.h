/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_ARGS_H_
#define _DUMMY_ARGS_H_

#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/types.h>

#include <drm/drm_print.h>
#include <drm/dummy_gpu_drm.h>

struct drm_device;

/* Where memory of the process ends and that of buffer objects begins, with SVM. */
#define DUMMY_SVM_END	BIT_ULL(47)

/* Say which field of an ioctl breaks the uapi. Return: -EINVAL. */
static inline int dummy_invalid(struct drm_device *drm, const char *field)
{
	drm_dbg_driver(drm, "invalid %s\n", field);
	return -EINVAL;
}

/* All return 0 or -EINVAL; that of arrays which are read -E2BIG as well. */
int dummy_args_check_gem_create(struct drm_device *drm,
				const struct drm_dummy_gpu_gem_create *args);
int dummy_args_check_vm_limit(struct drm_device *drm,
			      const struct drm_dummy_gpu_vm_limit *args);
int dummy_args_check_vm_bind(struct drm_device *drm, const struct drm_dummy_gpu_vm_bind *args);
int dummy_args_check_bind_op(struct drm_device *drm, const struct drm_dummy_gpu_bind_op *op,
			     bool is_svm);
/* Does it fit the object of @size bytes that it maps? */
int dummy_args_check_bind_size(struct drm_device *drm, const struct drm_dummy_gpu_bind_op *op,
			       u64 size);
int dummy_args_check_queue_create(struct drm_device *drm,
				  const struct drm_dummy_gpu_queue_create *args,
				  unsigned int nr_engines);
int dummy_args_check_submit(struct drm_device *drm, const struct drm_dummy_gpu_submit *args);
/* What depends on the queue: may it be given to one of a VM with, or without, SVM? */
int dummy_args_check_submit_on(struct drm_device *drm, const struct drm_dummy_gpu_submit *args,
			       bool is_svm);
int dummy_args_check_sync(struct drm_device *drm, const struct drm_dummy_gpu_sync *sync,
			  bool is_svm);
int dummy_args_check_wait_fence(struct drm_device *drm,
				const struct drm_dummy_gpu_wait_fence *args);
int dummy_args_check_advise(struct drm_device *drm, const struct drm_dummy_gpu_advise *args);
int dummy_args_check_migrate(struct drm_device *drm, const struct drm_dummy_gpu_migrate *args);
int dummy_args_check_snapshot(struct drm_device *drm, const struct drm_dummy_gpu_snapshot *args);
int dummy_args_check_evict(struct drm_device *drm, const struct drm_dummy_gpu_evict *args);
/* For an array that is read: @min_size is the size of an element in the first version. */
int dummy_args_check_array(struct drm_device *drm, const struct drm_dummy_gpu_array *array,
			   size_t min_size, u32 max_count);

#endif
