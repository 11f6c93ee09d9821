/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels this driver builds for. Nothing else in it
 * asks for a version.
 */
#ifndef DUMMY_GPU_COMPAT_H
#define DUMMY_GPU_COMPAT_H

#include <linux/mm.h>
#include <linux/version.h>

/* Every GEM object has a list of its GPU mappings; up to 7.2 a driver asks for it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
#define DRIVER_GEM_GPUVA	0
#else
static inline bool vma_is_cow_mapping(const struct vm_area_struct *vma)
{
	return is_cow_mapping(vma->vm_flags);
}
#endif

#endif
