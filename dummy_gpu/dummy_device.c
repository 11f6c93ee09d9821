// SPDX-License-Identifier: GPL-2.0
/*
 * One device: built from a chip, a registration with hmm_core and a DRM device,
 * and taken apart again while user space still holds its files.
 *
 * Invariant: between drm_dev_enter() and drm_dev_exit() the chip runs and
 * hmm_core may be called. Outside of them only memory is sure to be there: that
 * of the device, of the chip and of its VRAM, until the last DRM reference goes.
 *
 * Words: to *unplug* is to take the device from its users, by unbind, by removal,
 * by unloading, or when its chip is *lost*; to *release* is to free it when the
 * last of them lets go.
 *
 * Lock: unplug_lock has it unplugged once. Inside it dummy_device.lock guards the
 * lists of what exists on the device; hmm_core is called under both. table_lock
 * guards the table of devices.
 */
#include <linux/err.h>
#include <linux/numa.h>
#include <linux/sizes.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/dummy_gpu_isa.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_copy.h"
#include "dummy_device.h"
#include "dummy_drv.h"
#include "dummy_fault.h"
#include "dummy_gem.h"
#include "dummy_job.h"
#include "dummy_svm.h"
#include "dummy_vm.h"
#include "hw/hw.h"

#define DRAIN_TIMEOUT_MS	10000

/* ---- The table ---------------------------------------------------------- */

/* hmm_core names a peer's memory by its device; user space knows indices. */
static const struct hmmc_device *table[DUMMY_MAX_DEVICES];
static DEFINE_SPINLOCK(table_lock);

static void table_set(unsigned int index, const struct hmmc_device *hmmc)
{
	spin_lock(&table_lock);
	table[index] = hmmc;
	spin_unlock(&table_lock);
}

u32 dummy_device_index(const struct hmmc_device *hmmc)
{
	u32 index = U32_MAX;
	unsigned int i;

	spin_lock(&table_lock);
	for (i = 0; i < DUMMY_MAX_DEVICES; i++) {
		if (hmmc && table[i] == hmmc)
			index = i;
	}
	spin_unlock(&table_lock);
	return index;
}

/* ---- Building ----------------------------------------------------------- */

static void semaphore_event(void *priv)
{
	struct dummy_device *device = priv;

	wake_up_all(&device->wake);
}

/*
 * As an interrupt that tells of it. What is left is unplugged by a work of its
 * own: that waits for everybody, also for who has just learnt of the loss.
 */
static void lost_event(void *priv)
{
	struct dummy_device *device = priv;

	drm_err(&device->drm, "the device is gone\n");
	hmmc_device_lose(device->hmmc);
	queue_work(system_dfl_wq, &device->lost_work);
}

static void broken_event(void *priv, u64 offset)
{
	struct dummy_device *device = priv;

	drm_err(&device->drm, "memory at %#llx is broken\n", offset);
	hmmc_device_frames_broken(device->hmmc, offset, PAGE_SIZE);
}

static const struct hw_events chip_events = {
	.fault = dummy_fault_event,
	.job_done = dummy_job_done,
	.semaphore = semaphore_event,
	.lost = lost_event,
	.broken = broken_event,
};

static void release_chip(struct drm_device *drm, void *data)
{
	struct dummy_device *device = to_dummy_device(drm);

	/* For queues that were killed after unplug. */
	dummy_reset_fini(device);
	/* For buffer objects that were freed last and have no other reference. */
	flush_work(&device->vram_work);
	hw_chip_destroy(device->chip);
}

static int build_chip(struct dummy_device *device)
{
	struct hw_config config = {
		.vram_size = (u64)device->config.vram_mb * SZ_1M,
		.nr_engines = device->config.nr_engines,
		.nid = NUMA_NO_NODE,
		.atomic_delay_ns = device->config.atomic_delay_ns,
		.events = &chip_events,
		.priv = device,
	};

	device->chip = hw_chip_create(&config);
	if (IS_ERR(device->chip))
		return PTR_ERR(device->chip);

	return drmm_add_action_or_reset(&device->drm, release_chip, NULL);
}

static int build_hmmc(struct dummy_device *device)
{
	struct device *dev = device->drm.dev;
	struct hmmc_device_desc desc = {
		.name = dev_name(dev),
		.dev = dev,
		.ops = &dummy_svm_ops,
		.size = (u64)device->config.vram_mb * SZ_1M,
		.nid = NUMA_NO_NODE,
		.flags = (device->config.thp ? HMMC_DEVICE_THP : 0) |
			 (device->config.dma_api ? 0 : HMMC_DEVICE_DIRECT),
		.priv = device,
	};

	device->hmmc = hmmc_device_create(&desc);
	if (IS_ERR(device->hmmc))
		return PTR_ERR(device->hmmc);

	table_set(device->index, device->hmmc);
	return 0;
}

static void put_hmmc(struct dummy_device *device)
{
	table_set(device->index, NULL);
	/* On return hmm_core calls nothing of ours any more. */
	hmmc_device_put(device->hmmc);
	device->hmmc = NULL;
}

static void unplug_once(struct dummy_device *device);

static void lost_work(struct work_struct *work)
{
	unplug_once(container_of(work, struct dummy_device, lost_work));
}

static int init_fields(struct dummy_device *device, unsigned int index,
		       const struct dummy_config *config)
{
	device->config = *config;
	device->index = index;
	init_waitqueue_head(&device->wake);
	INIT_LIST_HEAD(&device->vms);
	INIT_LIST_HEAD(&device->queues);
	INIT_LIST_HEAD(&device->vram);
	INIT_WORK(&device->lost_work, lost_work);
	dummy_gem_init(device);
	dummy_reset_init(device);

	return drmm_mutex_init(&device->drm, &device->unplug_lock) ?:
	       drmm_mutex_init(&device->drm, &device->lock);
}

struct dummy_device *dummy_device_create(struct device *dev, unsigned int index,
					 const struct dummy_config *config)
{
	struct dummy_device *device;
	int ret;

	device = devm_drm_dev_alloc(dev, &dummy_drm_driver, struct dummy_device, drm);
	if (IS_ERR(device))
		return device;

	ret = init_fields(device, index, config);
	if (ret)
		return ERR_PTR(ret);

	ret = dummy_copy_init(device);
	if (ret)
		return ERR_PTR(ret);

	ret = dummy_fault_init(device);
	if (ret)
		return ERR_PTR(ret);

	ret = build_chip(device);
	if (ret)
		goto err_fault;

	ret = build_hmmc(device);
	if (ret)
		goto err_fault;

	ret = drm_dev_register(&device->drm, 0);
	if (ret)
		goto err_hmmc;

	return device;

err_hmmc:
	hmmc_device_kill(device->hmmc);
	put_hmmc(device);
err_fault:
	dummy_fault_fini(device);
	return ERR_PTR(ret);
}

/* ---- Unplugging --------------------------------------------------------- */

static void unplug(struct dummy_device *device)
{
	/* Nobody else brings back the engines of a chip that is gone. */
	if (hw_chip_is_lost(device->chip))
		hw_chip_stop(device->chip);

	/*
	 * Kill: no fault and no migration begins any more, and long ones end, so
	 * that the ioctls they are part of end as well.
	 */
	hmmc_device_kill(device->hmmc);

	/* Waits for every ioctl, run_job and CPU fault inside drm_dev_enter(). */
	drm_dev_unplug(&device->drm);

	/* Waits for the engines. Jobs on the chip fail, and so do their fences. */
	hw_chip_stop(device->chip);
	/* Whoever is in JOB_QUERY or WAIT_FENCE yet waits for what will not come. */
	WRITE_ONCE(device->stopped, true);
	wake_up_all(&device->wake);

	dummy_reset_fini(device);

	/* Waits for faults that are being served; nobody raises new ones. */
	dummy_fault_fini(device);

	/*
	 * Nobody is left who calls hmm_core. By its mirrors it finds where large
	 * folios are mapped, so they go last; a file that is closed meanwhile
	 * waits, in dummy_vm_put(), until the drain has no use for its own.
	 */
	if (hmmc_device_drain(device->hmmc, DRAIN_TIMEOUT_MS))
		drm_warn(&device->drm, "process memory is lost with the device\n");
	/* For files that stay open, too. */
	dummy_vm_detach_all(device);
	dummy_gem_unpin_all(device);
	put_hmmc(device);
}

static void unplug_once(struct dummy_device *device)
{
	mutex_lock(&device->unplug_lock);
	if (!device->unplugged)
		unplug(device);
	device->unplugged = true;
	mutex_unlock(&device->unplug_lock);
}

void dummy_device_unplug(struct dummy_device *device)
{
	unplug_once(device);
	/* Nobody queues it any more, but it may have come second. */
	flush_work(&device->lost_work);
}

/* ---- Asking ------------------------------------------------------------- */

void dummy_device_stats(struct dummy_device *device, struct drm_dummy_gpu_device_stats *stats)
{
	struct hmmc_device_stats from;

	dummy_gem_flush(device);
	hmmc_device_stats(device->hmmc, &from);
	*stats = (struct drm_dummy_gpu_device_stats) {
		.vram_total = from.vram_total,
		.vram_svm = from.vram_used,
		.vram_bo = from.vram_pinned,
		.vram_bad = from.vram_bad,
		.migrated_in = from.migrated_in,
		.migrated_out = from.migrated_out,
		.cpu_faults = from.cpu_faults,
		.cpu_fault_pages = from.cpu_fault_pages,
		.cpu_fault_errors = from.cpu_fault_errors,
		.thp_in = from.thp_in,
		.thp_out = from.thp_out,
		.evicted_chunks = from.evicted_chunks,
		.evict_failed = from.evict_failed,
		.device_faults = atomic64_read(&device->nr_faults),
		.jobs_done = atomic64_read(&device->nr_jobs_done),
		.jobs_failed = atomic64_read(&device->nr_jobs_failed),
		.vram_pinned = from.vram_held,
		.limit_evicted = from.limit_evicted,
	};
}

void dummy_device_info(struct dummy_device *device, struct drm_dummy_gpu_info *info)
{
	*info = (struct drm_dummy_gpu_info) {
		.vram_size = (u64)device->config.vram_mb * SZ_1M,
		.va_end = HW_VA_END,
		.svm_end = DUMMY_SVM_END,
		.caps = DRM_DUMMY_GPU_CAP_SVM | DRM_DUMMY_GPU_CAP_ATOMICS,
		.page_size = PAGE_SIZE,
		.huge_size = HMMC_WINDOW_SIZE,
		.nr_engines = device->config.nr_engines,
		.max_stream = DUMMY_GPU_MAX_STREAM,
		.max_timeout_ms = DUMMY_MAX_TIMEOUT_MS,
		.index = device->index,
	};
	if (device->config.thp && IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE))
		info->caps |= DRM_DUMMY_GPU_CAP_THP;
}
