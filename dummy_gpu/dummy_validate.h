/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_VALIDATE_H_
#define _DUMMY_VALIDATE_H_

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

bool dummy_span_is_valid(u64 start, u64 size, u64 end);

/*
 * Read the elements of @array into new memory, for kvfree(). @size is the
 * kernel's size of an element, @min_size that of the uapi's first version.
 * Return: the elements or an ERR_PTR; NULL if there are none.
 */
void *dummy_array_read(struct drm_device *drm, const struct drm_dummy_gpu_array *array,
		       size_t size, size_t min_size, u32 max_count);
bool dummy_array_is_valid(const struct drm_dummy_gpu_array *array, size_t min_size);
/* Write @nr elements from element @first on. Return: 0 or -EFAULT. */
int dummy_array_write(const struct drm_dummy_gpu_array *array, u64 first,
		      const void *elements, size_t size, size_t nr);

#endif
