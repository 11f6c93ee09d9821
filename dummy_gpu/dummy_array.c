// SPDX-License-Identifier: GPL-2.0
/*
 * Arrays as user space hands them in.
 *
 * Invariant: user memory is read once, into memory of the kernel, and only that
 * copy is looked at afterwards.
 *
 * Lock: none; what copies may fault, so hold nothing that a fault may need.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_array.h"

static int read_elements(const struct drm_dummy_gpu_array *array, void *elements, size_t size)
{
	u32 i;
	int ret;

	for (i = 0; i < array->count; i++) {
		u64 from = array->array + (u64)i * array->stride;

		ret = copy_struct_from_user(elements + i * size, size, u64_to_user_ptr(from),
					    array->stride);
		if (ret)
			return ret;
	}
	return 0;
}

void *dummy_array_read(struct drm_device *drm, const struct drm_dummy_gpu_array *array,
		       size_t size, size_t min_size, u32 max_count)
{
	void *elements;
	int ret;

	if (!array->count)
		return NULL;
	ret = dummy_args_check_array(drm, array, min_size, max_count);
	if (ret)
		return ERR_PTR(ret);

	elements = hmmc_inject("gpu_array") ? NULL :
		   kvmalloc_array(array->count, size, GFP_KERNEL_ACCOUNT);
	if (!elements)
		return ERR_PTR(-ENOMEM);

	ret = read_elements(array, elements, size);
	if (ret) {
		kvfree(elements);
		return ERR_PTR(ret);
	}
	return elements;
}

int dummy_array_write(const struct drm_dummy_gpu_array *array, u64 first,
		      const void *elements, size_t size, size_t nr)
{
	u64 to = array->array + first * array->stride;
	size_t i;

	if (array->stride == size)
		return copy_to_user(u64_to_user_ptr(to), elements, nr * size) ? -EFAULT : 0;

	for (i = 0; i < nr; i++) {
		if (copy_to_user(u64_to_user_ptr(to + i * array->stride), elements + i * size,
				 min_t(size_t, size, array->stride)))
			return -EFAULT;
	}
	return 0;
}
