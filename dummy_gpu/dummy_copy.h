/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_COPY_H_
#define _DUMMY_COPY_H_

#include <linux/types.h>

#include <hmm_core/hmm_core.h>

struct dummy_device;

int dummy_copy_init(struct dummy_device *device);
/* hmmc_device_ops.copy */
struct dma_fence *dummy_copy(struct hmmc_device *hmmc, enum hmmc_copy_dir dir,
			     const struct hmmc_copy_run *runs, unsigned int nr_runs);
/* Fill device memory with zeros now. Return: 0 or -EIO. */
int dummy_copy_clear(struct dummy_device *device, u64 offset, u64 size);

#endif
