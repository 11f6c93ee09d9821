/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What differs between the kernels that hmm_core builds for. Nothing else in it
 * asks for a version.
 */
#ifndef _HMMC_COMPAT_H_
#define _HMMC_COMPAT_H_

#include <linux/cgroup_dmem.h>
#include <linux/version.h>

/* From 7.3 on a region can be told that a limit was lowered. */
static inline struct dmem_cgroup_region *hmmc_register_region(u64 size, const char *name)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
	struct dmem_cgroup_init init = { .size = size };

	return dmem_cgroup_register_region(&init, "hmm_core/%s", name);
#else
	return dmem_cgroup_register_region(size, "hmm_core/%s", name);
#endif
}

#endif
