/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_DRV_H_
#define _DUMMY_DRV_H_

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

struct device;
struct workqueue_struct;

extern const struct drm_driver dummy_drm_driver;

/* Ends jobs: may be waited for by dma-fences, so nothing on it allocates. */
extern struct workqueue_struct *dummy_wq;

/**
 * struct dummy_file - what one open file has
 */
struct dummy_file {
	/** @lock: guards dummy_vm.dead, publishing of queues, and @told_busy_ns. */
	struct mutex lock;
	/** @vms: struct dummy_vm by id. */
	struct xarray vms;
	/** @next_vm: so that an id is not used again at once. */
	u32 next_vm;
	/** @queues: struct dummy_queue by id. */
	struct xarray queues;
	/** @next_queue: as @next_vm. */
	u32 next_queue;
	/** @busy_ns: time that finished jobs have spent on the chip. */
	atomic64_t busy_ns;
	/** @told_busy_ns: what fdinfo has said of it last. */
	u64 told_busy_ns;
};

static inline struct dummy_file *to_dummy_file(struct drm_file *file)
{
	return file->driver_priv;
}

/* For the test module: devices come and go as on a bus that can be hot-plugged. */
void dummy_drv_remove(struct device *dev);
int dummy_drv_rescan(void);
int dummy_drv_for_each(int (*fn)(struct device *dev, void *data), void *data);

#endif
