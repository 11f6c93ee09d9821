// SPDX-License-Identifier: GPL-2.0
/*
 * Devices: registered, killed, drained, put.
 *
 * Invariant: no op is called before hmmc_device_create() has checked it or after
 * hmmc_device_put() has returned. Whoever calls one has entered the device, or
 * found it in its pool inside hmmc_srcu.
 *
 * Teardown: kill (nobody new), drain (bring the data home), put (nobody left). A
 * device that is *lost* is gone already: the same, but no data comes home.
 *
 * Lock: devices_lock serialises changes of hmmc_devices.
 */
#include <linux/jiffies.h>
#include <linux/nodemask.h>
#include <linux/rculist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "mirror.h"
#include "pool.h"
#include "room.h"

DEFINE_SRCU(hmmc_srcu);

static DEFINE_MUTEX(devices_lock);
LIST_HEAD(hmmc_devices);
static unsigned int next_index;

static bool ops_are_complete(const struct hmmc_device_ops *ops)
{
	return ops && ops->copy && ops->prepare && ops->unprepare && ops->map && ops->zap &&
	       ops->flush;
}

static bool desc_is_good(const struct hmmc_device_desc *desc)
{
	if (!desc->dev || !ops_are_complete(desc->ops))
		return false;
	if (!desc->name || !desc->name[0] || strlen(desc->name) >= HMMC_NAME_LEN)
		return false;
	if (!desc->size || !IS_ALIGNED(desc->size, HMMC_WINDOW_SIZE))
		return false;
	if (desc->nid != NUMA_NO_NODE &&
	    (desc->nid < 0 || desc->nid >= MAX_NUMNODES || !node_online(desc->nid)))
		return false;
	return !(desc->flags & ~(HMMC_DEVICE_THP | HMMC_DEVICE_DIRECT));
}

struct hmmc_device *hmmc_device_create(const struct hmmc_device_desc *desc)
{
	struct hmmc_device *device;
	struct hmmc_pool *pool;
	int ret;

	if (!desc_is_good(desc))
		return ERR_PTR(-EINVAL);
	device = kzalloc_obj(*device);
	if (!device)
		return ERR_PTR(-ENOMEM);
	strscpy(device->name, desc->name);
	device->ops = desc->ops;
	device->dev = desc->dev;
	device->priv = desc->priv;
	device->huge_entries = desc->flags & HMMC_DEVICE_THP;
	device->thp = device->huge_entries;
	device->nid = desc->nid;
	device->direct = desc->flags & HMMC_DEVICE_DIRECT;
	device->dma_unmap = !device->direct && dma_need_unmap(desc->dev);
	device->dma_max = device->direct ? SZ_1G :
			  ALIGN_DOWN(min_t(size_t, dma_max_mapping_size(desc->dev), SZ_1G),
				     PAGE_SIZE);
	mutex_init(&device->attaches_lock);
	INIT_LIST_HEAD(&device->attaches);

	ret = init_srcu_struct(&device->srcu);
	if (ret)
		goto err_free;

	pool = hmmc_pool_create(device, desc->size);
	if (IS_ERR(pool)) {
		ret = PTR_ERR(pool);
		goto err_srcu;
	}
	device->pool = pool;
	hmmc_room_init(pool);
	ret = hmmc_dmem_add_pool(pool, device->name);
	if (ret)
		goto err_pool;

	scoped_guard(mutex, &devices_lock) {
		/* Never reused, so that advice for a device of old fits none that is new. */
		device->index = next_index++;
		list_add_tail_rcu(&device->link, &hmmc_devices);
	}
	hmmc_stats_add_device(device);
	return device;

err_pool:
	hmmc_pool_destroy(pool, device->name);
err_srcu:
	cleanup_srcu_struct(&device->srcu);
err_free:
	kfree(device);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(hmmc_device_create);

void hmmc_device_kill(struct hmmc_device *device)
{
	struct hmmc_attach *attach;

	WRITE_ONCE(device->dead, true);
	/* Wait for faults, requests and attaches that entered before. */
	synchronize_srcu(&device->srcu);

	/* Nothing maps any more, so what is zapped now stays so. */
	guard(mutex)(&device->attaches_lock);
	list_for_each_entry(attach, &device->attaches, link)
		hmmc_attach_zap(attach);
}
EXPORT_SYMBOL_GPL(hmmc_device_kill);

void hmmc_device_lose(struct hmmc_device *device)
{
	WRITE_ONCE(device->pool->lost, true);
}
EXPORT_SYMBOL_GPL(hmmc_device_lose);

int hmmc_device_frames_broken(struct hmmc_device *device, u64 offset, u64 size)
{
	u64 end = device->pool->nr_frames << PAGE_SHIFT;

	if (!size || !PAGE_ALIGNED(offset | size) || offset >= end || size > end - offset)
		return -EINVAL;

	for (end = offset + size; offset < end; offset += PAGE_SIZE) {
		hmmc_pool_retire_offset(device->pool, offset);
		cond_resched();
	}
	return 0;
}
EXPORT_SYMBOL_GPL(hmmc_device_frames_broken);

bool hmmc_device_mirrored_mm(struct hmmc_device *device, unsigned int nr, struct mm_struct **mm)
{
	struct hmmc_attach *attach;

	guard(mutex)(&device->attaches_lock);
	list_for_each_entry(attach, &device->attaches, link) {
		if (nr--)
			continue;
		*mm = hmmc_mirror_enter(attach->mirror) ? attach->mirror->mm : NULL;
		return true;
	}
	return false;
}

/* Move out what the process of an attach has in the device, window by window. */
static void bring_home(struct hmmc_attach *attach, unsigned long end)
{
	struct hmmc_mirror *mirror = attach->mirror;
	struct hmmc_window *window;
	unsigned long index;

	if (!hmmc_mirror_enter(mirror))
		return;
	xa_for_each(&mirror->windows, index, window) {
		struct hmmc_move move = {
			.pool = attach->device->pool,
			.mm = mirror->mm,
			.span.start = index << HMMC_WINDOW_SHIFT,
			.span.end = (index + 1) << HMMC_WINDOW_SHIFT,
			/* A process that is stuck must not hold up the others. */
			.flags = HMMC_MOVE_TRYLOCK,
		};

		if (hmmc_evict_is_over(attach->device->pool, end))
			break;
		hmmc_move_out(&move);
		cond_resched();
	}
	hmmc_mirror_exit(mirror);
}

int hmmc_device_drain(struct hmmc_device *device, unsigned int timeout_ms)
{
	unsigned long end = jiffies + msecs_to_jiffies(timeout_ms);
	struct hmmc_attach *attach;

	/* By address first: what was left apart for a large page need not be looked for. */
	scoped_guard(mutex, &device->attaches_lock) {
		list_for_each_entry(attach, &device->attaches, link) {
			if (hmmc_evict_is_over(device->pool, end))
				break;
			bring_home(attach, end);
		}
	}
	return hmmc_evict_all(device->pool, end);
}
EXPORT_SYMBOL_GPL(hmmc_device_drain);

void hmmc_device_put(struct hmmc_device *device)
{
	struct hmmc_pool *pool = device->pool;

	hmmc_stats_remove_device(device);
	scoped_guard(mutex, &devices_lock)
		list_del_rcu(&device->link);
	hmmc_room_fini(pool);
	hmmc_dmem_remove_pool(pool);
	WRITE_ONCE(pool->gone, true);
	/* Wait for CPU faults that copy, and for snapshots that look at the list. */
	synchronize_srcu(&hmmc_srcu);
	pool->device = NULL;

	WARN_ON(!list_empty(&device->attaches));
	hmmc_pool_destroy(pool, device->name);
	cleanup_srcu_struct(&device->srcu);
	mutex_destroy(&device->attaches_lock);
	kfree(device);
}
EXPORT_SYMBOL_GPL(hmmc_device_put);

void *hmmc_device_priv(const struct hmmc_device *device)
{
	return device->priv;
}
EXPORT_SYMBOL_GPL(hmmc_device_priv);

u64 hmmc_device_evict(struct hmmc_device *device, u64 size)
{
	int idx = hmmc_device_enter(device);
	u64 evicted;

	if (idx < 0)
		return 0;
	evicted = hmmc_room_make(device->pool, size == U64_MAX ? U64_MAX :
				 DIV_ROUND_UP_ULL(size, PAGE_SIZE), HMMC_EVICT_REQUEST);
	hmmc_device_exit(device, idx);
	return evicted << PAGE_SHIFT;
}
EXPORT_SYMBOL_GPL(hmmc_device_evict);
