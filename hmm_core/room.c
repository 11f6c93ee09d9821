// SPDX-License-Identifier: GPL-2.0
/*
 * Room in device memory for those who fault.
 *
 * A fault that finds none may evict what others have there. If all of it is in
 * use, then what was evicted faults next, and memory moves to and fro while nothing
 * gets done: that costs many times what it does to map memory where it is. Whether
 * it is in use is hard to tell, so there is a bound on what a wrong guess costs: such
 * evictions take no more than a share of the time. The rest of the faults are
 * *turned away*: their memory is mapped in place.
 *
 * What is mapped does not fault again. So a window that was turned away gets
 * another chance when there is room without eviction: it is zapped, and its next
 * access decides anew. Nothing runs while there is no room.
 *
 * Requests and memory that was advised to be in the device are not held back.
 *
 * Lock: pool->lock guards pool->pace and pool->turned_away.
 */
#include <linux/ktime.h>
#include <linux/module.h>

#include "room.h"
#include "trace.h"

static unsigned int evict_share = 10;
module_param(evict_share, uint, 0644);
MODULE_PARM_DESC(evict_share,
		 "Per cent of the time that device faults may spend on evicting: 0 none, 100 all (10)");

static int migrate(struct hmmc_attach *attach, struct hmmc_move *move)
{
	int ret = hmmc_move_in(move);

	hmmc_attach_count(attach, HMMC_ATTACH_PAGES_MIGRATED, move->nr_moved);
	return ret;
}

int hmmc_migrate_in(struct hmmc_attach *attach, struct hmmc_move *move)
{
	unsigned int nr = (move->span.end - move->span.start) >> PAGE_SHIFT;

	if (hmmc_pool_nr_free(move->pool) < nr)
		hmmc_evict(move->pool, nr, HMMC_EVICT_REQUEST);
	return migrate(attach, move);
}

static bool may_evict(struct hmmc_pool *pool, u64 now)
{
	if (!READ_ONCE(evict_share))
		return false;
	guard(spinlock_irqsave)(&pool->lock);
	return hmmc_pace_allows(&pool->pace, now);
}

static void has_evicted(struct hmmc_pool *pool, u64 start)
{
	unsigned int share = READ_ONCE(evict_share);

	guard(spinlock_irqsave)(&pool->lock);
	hmmc_pace_spend(&pool->pace, start, ktime_get_ns(), clamp(share, 1, 100));
}

static void turn_away(struct hmmc_attach *attach, struct hmmc_pool *pool, struct hmmc_view *view)
{
	hmmc_attach_count(attach, HMMC_ATTACH_TURNED_AWAY, 1);
	WRITE_ONCE(view->turned_away, true);
	/* After that of the view: readmit() clears them in the other order. */
	guard(spinlock_irqsave)(&pool->lock);
	pool->turned_away = true;
	/* It may have appeared just now. */
	hmmc_pool_tell_room(pool);
}

int hmmc_migrate_in_paced(struct hmmc_attach *attach, struct hmmc_move *move,
			  struct hmmc_view *view)
{
	unsigned int nr = (move->span.end - move->span.start) >> PAGE_SHIFT;
	struct hmmc_pool *pool = move->pool;
	int ret = -ENOSPC;
	u64 start;

	if (hmmc_pool_nr_free(pool) >= nr) {
		ret = migrate(attach, move);
	} else {
		start = ktime_get_ns();
		if (may_evict(pool, start)) {
			ret = hmmc_migrate_in(attach, move);
			has_evicted(pool, start);
		}
	}
	if (ret == -ENOSPC)
		turn_away(attach, pool, view);
	return ret;
}

/* ---- Another chance ------------------------------------------------------ */

void hmmc_room_look(struct hmmc_pool *pool)
{
	guard(spinlock_irqsave)(&pool->lock);
	hmmc_pool_tell_room(pool);
}

static void readmit(struct work_struct *work)
{
	struct hmmc_pool *pool = container_of(work, struct hmmc_pool, readmit);
	struct hmmc_device *device = pool->device;
	struct hmmc_attach *attach;
	unsigned int room;
	int idx;

	idx = hmmc_device_enter(device);
	if (idx < 0)
		return;
	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->turned_away = false;
	/* The rest of it is for those that do not wait. */
	room = READ_ONCE(pool->asleep) ? 0 : hmmc_pool_nr_free(pool) / HMMC_WINDOW_PAGES / 2;
	scoped_guard(mutex, &device->attaches_lock) {
		list_for_each_entry(attach, &device->attaches, link)
			room -= hmmc_attach_readmit(attach, room);
	}
	if (!room) {
		guard(spinlock_irqsave)(&pool->lock);
		pool->turned_away = true;
	}
	hmmc_device_exit(device, idx);
}

void hmmc_room_init(struct hmmc_pool *pool)
{
	INIT_WORK(&pool->readmit, readmit);
}

void hmmc_room_fini(struct hmmc_pool *pool)
{
	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->turned_away = false;
	cancel_work_sync(&pool->readmit);
}
