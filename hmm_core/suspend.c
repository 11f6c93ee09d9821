// SPDX-License-Identifier: GPL-2.0
/*
 * Before the machine sleeps, what processes have in device memory comes home: the
 * memory may lose its power, and it is in no image of a hibernation. Until the
 * machine is awake again nothing goes there; then device faults bring it back, as
 * they brought it before.
 *
 * Invariant: an asleep pool hands out no frame, so that what was emptied is empty
 * when the devices are suspended. Processes are still running when this begins.
 */
#include <linux/jiffies.h>
#include <linux/notifier.h>
#include <linux/suspend.h>

#include "room.h"
#include "suspend.h"

/* What has not come home by then keeps the machine awake. */
#define TIMEOUT		(20 * HZ)

static int send_to_sleep(struct hmmc_device *device)
{
	WRITE_ONCE(device->pool->asleep, true);
	/* Wait for faults and requests that may have reserved frames before. */
	synchronize_srcu(&device->srcu);
	if (!hmmc_evict_all(device->pool, jiffies + TIMEOUT))
		return 0;
	/* What is left may be lost already, by the device or by broken frames. */
	return READ_ONCE(device->pool->lost) || !hmmc_pool_has_good(device->pool) ? 0 : -EBUSY;
}

static void wake_all(void)
{
	struct hmmc_device *device;

	for_each_hmmc_device(device) {
		WRITE_ONCE(device->pool->asleep, false);
		hmmc_room_look(device->pool);
	}
}

static int send_all_to_sleep(void)
{
	struct hmmc_device *device;

	for_each_hmmc_device(device) {
		int ret = send_to_sleep(device);

		if (ret) {
			pr_err("%s: cannot sleep with %llu pages in use\n", device->name,
			       READ_ONCE(device->pool->nr_used));
			/* Nobody tells those that it will not happen. */
			wake_all();
			return ret;
		}
	}
	return 0;
}

static int pm_event(struct notifier_block *notifier, unsigned long event, void *unused)
{
	int ret = 0;

	guard(srcu)(&hmmc_srcu);
	switch (event) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		ret = send_all_to_sleep();
		break;
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		wake_all();
		break;
	}
	return notifier_from_errno(ret);
}

static struct notifier_block pm_notifier = {
	.notifier_call = pm_event,
};

int hmmc_suspend_init(void)
{
	return register_pm_notifier(&pm_notifier);
}

void hmmc_suspend_exit(void)
{
	unregister_pm_notifier(&pm_notifier);
}
