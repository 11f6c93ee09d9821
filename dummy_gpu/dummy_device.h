/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_DEVICE_H_
#define _DUMMY_DEVICE_H_

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/dummy_gpu_drm.h>

#include "dummy_config.h"
#include "dummy_reset.h"

struct device;
struct dummy_fault_worker;
struct hmmc_device;
struct hw_chip;

/**
 * struct dummy_device - one device: a chip, its memory, its DRM nodes
 */
struct dummy_device {
	/** @drm: its last reference frees the device. */
	struct drm_device drm;
	/** @config: what it was built from. */
	struct dummy_config config;
	/** @index: which of the machine's devices it is. */
	unsigned int index;
	/** @chip: lives as long as @drm; stopped by unplug. */
	struct hw_chip *chip;
	/** @hmmc: lives until unplug. */
	struct hmmc_device *hmmc;
	/** @wake: whoever waits for a job or for memory that a job writes. */
	wait_queue_head_t wake;
	/** @stopped: the chip is, for good; told by @wake. */
	bool stopped;
	/** @unplug_lock: held while it is unplugged, by the driver core or by @lost_work. */
	struct mutex unplug_lock;
	/** @unplugged: that has been done; guarded by @unplug_lock. */
	bool unplugged;
	/** @lost_work: unplugs, when the chip is gone. */
	struct work_struct lost_work;

	/** @lock: guards the lists below, and detaching of what is on @vms. */
	struct mutex lock;
	/** @vms: all of struct dummy_vm. */
	struct list_head vms;
	/** @queues: all of struct dummy_queue that have not been killed. */
	struct list_head queues;
	/** @vram: struct dummy_gem that hold device memory. */
	struct list_head vram;

	/** @vram_freed: struct dummy_gem whose memory @vram_work gives back. */
	struct llist_head vram_freed;
	/** @vram_work: see dummy_gem_flush(). */
	struct work_struct vram_work;

	/** @copies: requests for the copy engine, so that a copy allocates nothing. */
	mempool_t copies;

	/** @fault_wq: runs @fault_workers, until unplug. */
	struct workqueue_struct *fault_wq;
	/** @fault_workers: one for each engine. */
	struct dummy_fault_worker *fault_workers;
	/** @fault_busy: bit n is set while worker n is queued or drains the ring. */
	unsigned long fault_busy;
	/** @fault_lock: guards taking a fault from the ring, see dummy_fault.c. */
	spinlock_t fault_lock;

	/** @nr_faults: faults the engines raised. */
	atomic64_t nr_faults;
	/** @nr_jobs_done: jobs that ended well. */
	atomic64_t nr_jobs_done;
	/** @nr_jobs_failed: jobs that did not. */
	atomic64_t nr_jobs_failed;
	/** @nr_resets: of engines that hung, or of the chip for one of them. */
	atomic64_t nr_resets;

	/** @dump: what is told of a hang. */
	struct dummy_dump dump;
};

static inline struct dummy_device *to_dummy_device(struct drm_device *drm)
{
	return container_of(drm, struct dummy_device, drm);
}

/* Build a device on @dev and publish it. Return: the device or an ERR_PTR. */
struct dummy_device *dummy_device_create(struct device *dev, unsigned int index,
					 const struct dummy_config *config);
/*
 * Take the device away from user space, which keeps its open files, unless that
 * has been done because it was lost. May sleep.
 */
void dummy_device_unplug(struct dummy_device *device);

void dummy_device_stats(struct dummy_device *device, struct drm_dummy_gpu_device_stats *stats);
void dummy_device_info(struct dummy_device *device, struct drm_dummy_gpu_info *info);
/* Index of the dummy_gpu device that is @hmmc, or U32_MAX if none is. */
u32 dummy_device_index(const struct hmmc_device *hmmc);

#endif
