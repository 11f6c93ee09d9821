// SPDX-License-Identifier: GPL-2.0
/*
 * Helper for tests: lets user space unplug dummy_gpu's devices and plug them in
 * again, as a bus with hot-plug does. IGT's core_hotunplug writes to
 *
 *	/sys/devices/platform/dummy_gpu.N/remove
 *	/sys/bus/platform/rescan
 *
 * Invariant: each device of dummy_gpu has the first file while this is loaded.
 *
 * Lock: none, dummy_gpu serializes what is done to its devices.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/platform_device.h>

#include "dummy_drv.h"

static ssize_t remove_store(struct device *dev, struct device_attribute *attr,
			    const char *buf, size_t count)
{
	/* Or removing the device would wait for this write to end. */
	if (!device_remove_file_self(dev, attr))
		return -ENODEV;
	dummy_drv_remove(dev);
	return count;
}
static DEVICE_ATTR_WO(remove);

static int add_file(struct device *dev, void *data)
{
	int ret = device_create_file(dev, &dev_attr_remove);

	return ret == -EEXIST ? 0 : ret;
}

static int remove_file(struct device *dev, void *data)
{
	device_remove_file(dev, &dev_attr_remove);
	return 0;
}

static ssize_t rescan_store(const struct bus_type *bus, const char *buf, size_t count)
{
	int ret = dummy_drv_rescan();

	if (!ret)
		ret = dummy_drv_for_each(add_file, NULL);
	return ret ?: count;
}
static BUS_ATTR_WO(rescan);

static int __init dummy_test_init(void)
{
	int ret;

	ret = bus_create_file(&platform_bus_type, &bus_attr_rescan);
	if (ret)
		return ret;

	ret = dummy_drv_for_each(add_file, NULL);
	if (ret) {
		dummy_drv_for_each(remove_file, NULL);
		bus_remove_file(&platform_bus_type, &bus_attr_rescan);
	}
	return ret;
}

static void __exit dummy_test_exit(void)
{
	bus_remove_file(&platform_bus_type, &bus_attr_rescan);
	dummy_drv_for_each(remove_file, NULL);
}

module_init(dummy_test_init);
module_exit(dummy_test_exit);

MODULE_DESCRIPTION("Plug and unplug the devices of dummy_gpu");
MODULE_LICENSE("GPL");
MODULE_IMPORT_NS("DUMMY_GPU");
