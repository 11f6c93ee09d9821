// SPDX-License-Identifier: GPL-2.0
/*
 * The driver as the rest of the kernel sees it: a module, a platform driver with
 * the devices it binds to, and what user space can do with a DRM file.
 *
 * Invariant: everything user space can call is in the ioctl table below, open to
 * render nodes, and runs inside drm_dev_enter(). JOB_QUERY and WAIT_FENCE, which
 * may wait for long, do so outside of it.
 *
 * Words: a *bus device* is one of the module's platform devices; whether it is
 * bound to this driver is up to sysfs.
 *
 * Lock: bus_lock guards bus_devices. dummy_file.lock is described there.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_gem.h>
#include <drm/drm_gem_shmem_helper.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_prime.h>
#include <drm/drm_print.h>

#include <hmm_core/hmm_core.h>

#include "compat.h"
#include "dummy_args.h"
#include "dummy_bind.h"
#include "dummy_config.h"
#include "dummy_debugfs.h"
#include "dummy_device.h"
#include "dummy_drv.h"
#include "dummy_gem.h"
#include "dummy_memory.h"
#include "dummy_queue.h"
#include "dummy_submit.h"
#include "dummy_vm.h"
#include "dummy_wait.h"

#define DRIVER_NAME	"dummy_gpu"

struct workqueue_struct *dummy_wq;

/* ---- QUERY -------------------------------------------------------------- */

static int write_answer(struct drm_dummy_gpu_query *args, const void *answer, u32 size)
{
	void __user *to = u64_to_user_ptr(args->pointer);
	u32 given = min(args->size, size);

	if (!args->pointer) {
		args->size = size;
		return 0;
	}
	if (copy_to_user(to, answer, given))
		return -EFAULT;
	return clear_user(to + given, args->size - given) ? -EFAULT : 0;
}

static int query_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dummy_device *device = to_dummy_device(drm);
	struct drm_dummy_gpu_query *args = data;
	union {
		struct drm_dummy_gpu_info info;
		struct drm_dummy_gpu_device_stats device;
		struct drm_dummy_gpu_vm_stats vm;
	} answer;
	int ret;

	if (args->pad)
		return dummy_invalid(drm, "query.pad");
	if (args->id && args->type != DRM_DUMMY_GPU_QUERY_VM_STATS)
		return dummy_invalid(drm, "query.id");

	switch (args->type) {
	case DRM_DUMMY_GPU_QUERY_INFO:
		dummy_device_info(device, &answer.info);
		return write_answer(args, &answer, sizeof(answer.info));
	case DRM_DUMMY_GPU_QUERY_DEVICE_STATS:
		dummy_device_stats(device, &answer.device);
		return write_answer(args, &answer, sizeof(answer.device));
	case DRM_DUMMY_GPU_QUERY_VM_STATS:
		ret = dummy_vm_stats(file, args->id, &answer.vm);
		return ret ?: write_answer(args, &answer, sizeof(answer.vm));
	default:
		return dummy_invalid(drm, "query.type");
	}
}

/* ---- The table ---------------------------------------------------------- */

static int enter(struct drm_device *drm, void *data, struct drm_file *file, drm_ioctl_t *ioctl)
{
	int idx, ret;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	ret = ioctl(drm, data, file);
	drm_dev_exit(idx);
	return ret;
}

/* Wrap @ioctl so that the device stays for as long as it runs. */
#define ENTERED(ioctl)									\
	static int entered_##ioctl(struct drm_device *drm, void *data,			\
				   struct drm_file *file)				\
	{										\
		return enter(drm, data, file, ioctl);					\
	}

ENTERED(query_ioctl)
ENTERED(dummy_vm_create_ioctl)
ENTERED(dummy_vm_destroy_ioctl)
ENTERED(dummy_gem_create_ioctl)
ENTERED(dummy_gem_mmap_ioctl)
ENTERED(dummy_bind_ioctl)
ENTERED(dummy_queue_create_ioctl)
ENTERED(dummy_queue_destroy_ioctl)
ENTERED(dummy_submit_ioctl)
ENTERED(dummy_memory_advise_ioctl)
ENTERED(dummy_memory_migrate_ioctl)
ENTERED(dummy_memory_snapshot_ioctl)
ENTERED(dummy_memory_evict_ioctl)
ENTERED(dummy_vm_limit_ioctl)

#define IOCTL(id, func)	DRM_IOCTL_DEF_DRV(DUMMY_GPU_##id, func, DRM_RENDER_ALLOW)

static const struct drm_ioctl_desc ioctls[] = {
	IOCTL(QUERY, entered_query_ioctl),
	IOCTL(VM_CREATE, entered_dummy_vm_create_ioctl),
	IOCTL(VM_DESTROY, entered_dummy_vm_destroy_ioctl),
	IOCTL(GEM_CREATE, entered_dummy_gem_create_ioctl),
	IOCTL(GEM_MMAP, entered_dummy_gem_mmap_ioctl),
	IOCTL(VM_BIND, entered_dummy_bind_ioctl),
	IOCTL(QUEUE_CREATE, entered_dummy_queue_create_ioctl),
	IOCTL(QUEUE_DESTROY, entered_dummy_queue_destroy_ioctl),
	IOCTL(SUBMIT, entered_dummy_submit_ioctl),
	IOCTL(JOB_QUERY, dummy_wait_job_ioctl),
	IOCTL(WAIT_FENCE, dummy_wait_fence_ioctl),
	IOCTL(ADVISE, entered_dummy_memory_advise_ioctl),
	IOCTL(MIGRATE, entered_dummy_memory_migrate_ioctl),
	IOCTL(SNAPSHOT, entered_dummy_memory_snapshot_ioctl),
	IOCTL(EVICT, entered_dummy_memory_evict_ioctl),
	IOCTL(VM_LIMIT, entered_dummy_vm_limit_ioctl),
};

/* ---- Files -------------------------------------------------------------- */

static int file_open(struct drm_device *drm, struct drm_file *file)
{
	struct dummy_file *priv;

	priv = hmmc_inject("gpu_file") ? NULL : kzalloc_obj(*priv, GFP_KERNEL_ACCOUNT);
	if (!priv)
		return -ENOMEM;

	mutex_init(&priv->lock);
	xa_init_flags(&priv->vms, XA_FLAGS_ALLOC1);
	xa_init_flags(&priv->queues, XA_FLAGS_ALLOC1);
	file->driver_priv = priv;
	return 0;
}

/*
 * The last process that has the file closes it: nobody is in an ioctl. The
 * device may have been unplugged.
 */
static void file_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct dummy_file *priv = to_dummy_file(file);

	dummy_queue_kill_all(priv, NULL);
	dummy_vm_put_all(priv);
	xa_destroy(&priv->queues);
	xa_destroy(&priv->vms);
	mutex_destroy(&priv->lock);
	kfree(priv);
}

/*
 * gputop compares names by prefix, so none may be the beginning of another, and
 * it takes a capacity for that of the engine on the line before.
 */
static void show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct dummy_device *device = to_dummy_device(file->minor->dev);

	drm_printf(p, "drm-engine-compute:\t%llu ns\n", dummy_queue_busy_ns(to_dummy_file(file)));
	drm_printf(p, "drm-engine-capacity-compute:\t%u\n", device->config.nr_engines);
	dummy_gem_show_fdinfo(p, file);
	dummy_vm_show_fdinfo(p, file);
}

static const struct file_operations file_ops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.compat_ioctl = drm_compat_ioctl,
	.poll = drm_poll,
	.read = drm_read,
	.llseek = noop_llseek,
	.mmap = drm_gem_mmap,
	.get_unmapped_area = drm_gem_get_unmapped_area,
	.show_fdinfo = drm_show_fdinfo,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

/*
 * 1.0: the first version.
 */
const struct drm_driver dummy_drm_driver = {
	.driver_features = DRIVER_RENDER | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE | DRIVER_GEM_GPUVA,
	.open = file_open,
	.postclose = file_postclose,
	.show_fdinfo = show_fdinfo,
	.ioctls = ioctls,
	.num_ioctls = ARRAY_SIZE(ioctls),
	.fops = &file_ops,
	.gem_create_object = dummy_gem_create_object,
	.gem_prime_import_sg_table = drm_gem_shmem_prime_import_sg_table,
	.dumb_create = drm_gem_shmem_dumb_create,
	.debugfs_init = dummy_debugfs_init,
	.name = DRIVER_NAME,
	.desc = "Reference software GPU of hmm_core",
	.major = 1,
	.minor = 0,
};

/* ---- The platform driver ------------------------------------------------ */

static int probe(struct platform_device *pdev)
{
	struct dummy_device *device;
	struct dummy_config config;
	int ret;

	ret = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(52));
	if (ret)
		return ret;
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	dummy_config_read(&config);
	device = dummy_device_create(&pdev->dev, pdev->id, &config);
	if (IS_ERR(device))
		return dev_err_probe(&pdev->dev, PTR_ERR(device), "cannot build the device\n");

	platform_set_drvdata(pdev, device);
	return 0;
}

static void remove(struct platform_device *pdev)
{
	dummy_device_unplug(platform_get_drvdata(pdev));
}

static struct platform_driver dummy_platform_driver = {
	.probe = probe,
	.remove = remove,
	.driver = {
		.name = DRIVER_NAME,
	},
};

/* ---- Bus devices -------------------------------------------------------- */

static struct platform_device *bus_devices[DUMMY_MAX_DEVICES];
static unsigned int nr_bus_devices;
static DEFINE_MUTEX(bus_lock);

static int add_bus_device(unsigned int index)
{
	struct platform_device_info info = {
		.name = DRIVER_NAME,
		.id = index,
		.dma_mask = DMA_BIT_MASK(52),
	};
	struct platform_device *pdev;

	lockdep_assert_held(&bus_lock);

	pdev = platform_device_register_full(&info);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);

	bus_devices[index] = pdev;
	return 0;
}

static void remove_bus_device(unsigned int index)
{
	lockdep_assert_held(&bus_lock);

	platform_device_unregister(bus_devices[index]);
	bus_devices[index] = NULL;
}

static void remove_bus_devices(void)
{
	unsigned int i;

	mutex_lock(&bus_lock);
	for (i = 0; i < nr_bus_devices; i++)
		remove_bus_device(i);
	mutex_unlock(&bus_lock);
}

/* Take @dev, one of the bus devices, away. May sleep. */
void dummy_drv_remove(struct device *dev)
{
	unsigned int i;

	mutex_lock(&bus_lock);
	for (i = 0; i < nr_bus_devices; i++) {
		if (bus_devices[i] && &bus_devices[i]->dev == dev)
			remove_bus_device(i);
	}
	mutex_unlock(&bus_lock);
}
EXPORT_SYMBOL_NS_GPL(dummy_drv_remove, "DUMMY_GPU");

/* Bring every bus device back that is missing. May sleep. */
int dummy_drv_rescan(void)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&bus_lock);
	for (i = 0; i < nr_bus_devices && !ret; i++) {
		if (!bus_devices[i])
			ret = add_bus_device(i);
	}
	mutex_unlock(&bus_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dummy_drv_rescan, "DUMMY_GPU");

/* Call @fn for each bus device until it returns an error. May sleep. */
int dummy_drv_for_each(int (*fn)(struct device *dev, void *data), void *data)
{
	unsigned int i;
	int ret = 0;

	mutex_lock(&bus_lock);
	for (i = 0; i < nr_bus_devices && !ret; i++) {
		if (bus_devices[i])
			ret = fn(&bus_devices[i]->dev, data);
	}
	mutex_unlock(&bus_lock);
	return ret;
}
EXPORT_SYMBOL_NS_GPL(dummy_drv_for_each, "DUMMY_GPU");

/* ---- The module --------------------------------------------------------- */

static int __init dummy_init(void)
{
	struct dummy_config config;
	int ret;

	dummy_config_read(&config);
	if (!dummy_config_is_valid(&config))
		return -EINVAL;

	dummy_wq = alloc_workqueue(DRIVER_NAME, WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!dummy_wq)
		return -ENOMEM;

	ret = platform_driver_register(&dummy_platform_driver);
	if (ret)
		goto err_wq;

	nr_bus_devices = config.nr_devices;
	ret = dummy_drv_rescan();
	if (ret)
		goto err_devices;
	return 0;

err_devices:
	remove_bus_devices();
	platform_driver_unregister(&dummy_platform_driver);
err_wq:
	destroy_workqueue(dummy_wq);
	return ret;
}

static void __exit dummy_exit(void)
{
	remove_bus_devices();
	platform_driver_unregister(&dummy_platform_driver);
	/* Waits for queues of closed files whose jobs still wait for in-syncs. */
	dummy_queue_wait_all();
	destroy_workqueue(dummy_wq);
	/* Waits for what fences and queues have handed to call_rcu(). */
	rcu_barrier();
}

module_init(dummy_init);
module_exit(dummy_exit);

MODULE_DESCRIPTION("Reference software GPU of hmm_core");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DMA_BUF");
