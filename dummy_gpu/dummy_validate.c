// SPDX-License-Identifier: GPL-2.0
/*
 * Spans and arrays as user space hands them in.
 *
 * Invariant: user memory is read once, into memory of the kernel, and only that
 * copy is looked at afterwards. Sums that user space controls are made here.
 *
 * Lock: none; what copies may fault, so hold nothing that a fault may need.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <hmm_core/hmm_core.h>

#include "dummy_validate.h"

/* Is [@start, @start + @size) page aligned, not empty and not beyond @end? */
bool dummy_span_is_valid(u64 start, u64 size, u64 end)
{
	u64 last;

	if (!size || !PAGE_ALIGNED(start | size))
		return false;
	return !check_add_overflow(start, size, &last) && last <= end;
}

/* A stride below the first version's would cut off what has no default. */
bool dummy_array_is_valid(const struct drm_dummy_gpu_array *array, size_t min_size)
{
	u64 bytes, last;

	if (!array->count)
		return true;
	if (array->stride < min_size)
		return false;
	return !check_mul_overflow((u64)array->stride, (u64)array->count, &bytes) &&
	       !check_add_overflow(array->array, bytes, &last);
}

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
	if (!dummy_array_is_valid(array, min_size))
		return ERR_PTR(dummy_invalid(drm, "array stride or address"));
	if (array->count > max_count)
		return ERR_PTR(dummy_invalid(drm, "array count"));
	/* Every byte of a tail is looked at, and nobody can interrupt that. */
	if (array->stride > PAGE_SIZE)
		return ERR_PTR(-E2BIG);

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
