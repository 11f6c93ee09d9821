/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_ARRAY_H_
#define _DUMMY_ARRAY_H_

#include <linux/types.h>

#include <drm/dummy_gpu_drm.h>

struct drm_device;

/*
 * Read the elements of @array into new memory, for kvfree(). @size is the
 * kernel's size of an element, @min_size that of the uapi's first version.
 * Return: the elements or an ERR_PTR; NULL if there are none.
 */
void *dummy_array_read(struct drm_device *drm, const struct drm_dummy_gpu_array *array,
		       size_t size, size_t min_size, u32 max_count);
/* Write @nr elements from element @first on. Return: 0 or -EFAULT. */
int dummy_array_write(const struct drm_dummy_gpu_array *array, u64 first,
		      const void *elements, size_t size, size_t nr);

#endif
