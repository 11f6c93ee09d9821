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
 * another chance when there is room without eviction, or when it is not used any
 * more: it is zapped, and its next access decides anew.
 *
 * What is in use in the device is *sampled* before something is evicted, from its
 * page tables' access bits. A worker evicts what was not used since the sample
 * before: where free frames run low, so that faults need not do it, and each second
 * while somebody is turned away. With enough room, or nobody who faults, nothing runs.
 *
 * Requests and memory that was advised to be in the device are not held back.
 *
 * A process may have a limit of its own. At that it pays for itself: what it took
 * goes before what others have.
 *
 * Locks: pool->lock guards pool->pace and pool->turned_away, device->attaches_lock
 * the sampling.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/module.h>

#include "room.h"
#include "trace.h"

static unsigned int evict_share = 10;
module_param(evict_share, uint, 0644);
MODULE_PARM_DESC(evict_share,
		 "Per cent of the time that device faults may spend on evicting: 0 none, 100 all (10)");

/* Per cent of the time that sampling may take. */
#define SAMPLE_SHARE	1
/* How often those who were turned away are looked at, in jiffies. */
#define SETTLE_PERIOD	HZ
/* How long the worker waits for more to come, in jiffies. */
#define WORK_DELAY	DIV_ROUND_UP(HZ, 100)

/* ---- What is in use ------------------------------------------------------ */

void hmmc_attach_accessed(struct hmmc_attach *attach, u64 offset)
{
	struct hmmc_pool *pool = attach->device->pool;

	if (!WARN_ON_ONCE(offset >= pool->nr_frames << PAGE_SHIFT))
		hmmc_clock_accessed(pool, offset);
}
EXPORT_SYMBOL_GPL(hmmc_attach_accessed);

/* Return: false if the device cannot say, or has just been asked. */
static bool sample(struct hmmc_pool *pool)
{
	struct hmmc_device *device = pool->device;
	u64 start = ktime_get_ns();
	struct hmmc_attach *attach;
	unsigned int nr_used = 0;
	bool due;

	/* Somebody who takes long has it: a fault can do without. */
	if (!device->ops->sample || !mutex_trylock(&device->attaches_lock))
		return false;
	due = hmmc_pace_allows(&device->sample_pace, start);
	if (due) {
		WRITE_ONCE(pool->nr_samples, pool->nr_samples + 1);
		list_for_each_entry(attach, &device->attaches, link)
			nr_used += hmmc_attach_sample(attach);
		trace_hmmc_sample(device->name, pool->nr_samples, nr_used);
		hmmc_pace_spend(&device->sample_pace, start, ktime_get_ns(), SAMPLE_SHARE);
	}
	mutex_unlock(&device->attaches_lock);
	return due;
}

u64 hmmc_room_make(struct hmmc_pool *pool, u64 nr, enum hmmc_evict_mode mode)
{
	sample(pool);
	return hmmc_evict(pool, nr, mode);
}

/* ---- Moving in ----------------------------------------------------------- */

static int migrate(struct hmmc_attach *attach, struct hmmc_move *move)
{
	int ret = hmmc_move_in(move);

	hmmc_attach_count(attach, HMMC_ATTACH_PAGES_MIGRATED, move->nr_moved);
	return ret;
}

static unsigned int move_size(const struct hmmc_move *move)
{
	return (move->span.end - move->span.start) >> PAGE_SHIFT;
}

/* Under the limit of the process, and in the pool. */
static void make_room(const struct hmmc_move *move, enum hmmc_evict_mode mode)
{
	unsigned int nr = move_size(move);

	sample(move->pool);
	hmmc_evict_own(move->account, nr, mode);
	hmmc_evict(move->pool, nr, mode);
}

int hmmc_migrate_in(struct hmmc_attach *attach, struct hmmc_move *move)
{
	int ret;

	hmmc_dmem_charge(move->account, move_size(move));
	if (!hmmc_pool_has_room(move->account, move_size(move)))
		make_room(move, HMMC_EVICT_REQUEST);
	ret = migrate(attach, move);
	hmmc_dmem_trim(move->account);
	return ret;
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
	/* Room elsewhere is of no use to a process at its limit. */
	if (hmmc_account_turn_away(attach->account))
		return;
	pool->turned_away = true;
	if (attach->device->ops->sample)
		queue_delayed_work(system_dfl_wq, &pool->room, SETTLE_PERIOD);
	/* It may have appeared just now. */
	hmmc_pool_tell_room(pool);
}

static int evict_and_migrate(struct hmmc_attach *attach, struct hmmc_move *move)
{
	struct hmmc_pool *pool = move->pool;
	u64 start = ktime_get_ns();
	int ret;

	if (!may_evict(pool, start))
		return -ENOSPC;
	make_room(move, HMMC_EVICT_FAULT);
	ret = migrate(attach, move);
	has_evicted(pool, start);
	return ret;
}

/* Free frames that the worker leaves, when it is started at half as many. */
static u64 high_mark(const struct hmmc_pool *pool)
{
	return pool->nr_frames / 64;
}

int hmmc_migrate_in_paced(struct hmmc_attach *attach, struct hmmc_move *move,
			  struct hmmc_view *view)
{
	struct hmmc_pool *pool = move->pool;
	u64 nr_free = hmmc_pool_nr_free(pool);
	unsigned int nr = move_size(move);
	int ret;

	if (attach->device->ops->sample && nr_free < nr + high_mark(pool) / 2)
		queue_delayed_work(system_dfl_wq, &pool->room, WORK_DELAY);
	if (hmmc_pool_has_room(move->account, nr))
		ret = migrate(attach, move);
	else
		ret = evict_and_migrate(attach, move);
	if (ret == -ENOSPC)
		turn_away(attach, pool, view);
	return ret;
}

int hmmc_attach_limit(struct hmmc_attach *attach, u64 size)
{
	int idx = hmmc_device_enter(attach->device);

	if (idx < 0)
		return idx;
	hmmc_account_limit(attach->account, size == U64_MAX ? U64_MAX : size >> PAGE_SHIFT);
	hmmc_device_exit(attach->device, idx);
	return 0;
}
EXPORT_SYMBOL_GPL(hmmc_attach_limit);

#if IS_ENABLED(CONFIG_CGROUP_DMEM)
void hmmc_attach_settle(struct hmmc_attach *attach)
{
	struct hmmc_account *account = attach->account;
	int idx = hmmc_device_enter(attach->device);

	if (idx < 0)
		return;
	hmmc_dmem_trim(account);
	/* One chunk more shows whether it is broke still. */
	hmmc_dmem_charge(account, READ_ONCE(account->broke) ? HMMC_WINDOW_PAGES : 0);
	hmmc_dmem_trim(account);
	hmmc_evict_own(account, 0, HMMC_EVICT_REQUEST);
	hmmc_device_exit(attach->device, idx);
}
#else
void hmmc_attach_settle(struct hmmc_attach *attach)
{
}
#endif
EXPORT_SYMBOL_GPL(hmmc_attach_settle);

/* ---- The worker ---------------------------------------------------------- */

static void evict_idle(struct hmmc_pool *pool)
{
	u64 nr = READ_ONCE(pool->turned_away) ? hmmc_pool_much(pool) : high_mark(pool);
	u64 start = ktime_get_ns();

	if (hmmc_pool_nr_free(pool) >= nr || !may_evict(pool, start))
		return;
	hmmc_evict(pool, nr, HMMC_EVICT_IDLE);
	has_evicted(pool, start);
}

static bool is_time_to_settle(struct hmmc_pool *pool)
{
	if (time_before(jiffies, pool->settled + SETTLE_PERIOD))
		return false;
	pool->settled = jiffies;
	return true;
}

static bool is_at_limit(struct hmmc_attach *attach)
{
	guard(spinlock_irqsave)(&attach->device->pool->lock);
	return attach->account->turned_away;
}

/* Give those who were turned away another chance. */
static void readmit(struct hmmc_pool *pool, bool settle)
{
	struct hmmc_device *device = pool->device;
	struct hmmc_attach *attach;
	struct hmmc_readmission readmission = {
		.settle = settle,
		/* The rest of it is for those that do not wait. */
		.room = READ_ONCE(pool->asleep) ? 0 :
			hmmc_pool_nr_free(pool) / HMMC_WINDOW_PAGES / 2,
	};

	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->turned_away = false;
	scoped_guard(mutex, &device->attaches_lock) {
		list_for_each_entry(attach, &device->attaches, link) {
			if (!is_at_limit(attach))
				hmmc_attach_readmit(attach, &readmission);
		}
	}
	if (readmission.nr_left) {
		guard(spinlock_irqsave)(&pool->lock);
		pool->turned_away = true;
	}
}

static void look_for_room(struct work_struct *work)
{
	struct hmmc_pool *pool = container_of(to_delayed_work(work), struct hmmc_pool, room);
	struct hmmc_device *device = pool->device;
	bool sampled;
	int idx;

	idx = hmmc_device_enter(device);
	if (idx < 0)
		return;
	/* Without news, what was in use would only look less so. */
	sampled = sample(pool);
	if (sampled)
		evict_idle(pool);
	if (READ_ONCE(pool->turned_away))
		readmit(pool, sampled && is_time_to_settle(pool));
	if (READ_ONCE(pool->turned_away) && device->ops->sample)
		queue_delayed_work(system_dfl_wq, &pool->room, SETTLE_PERIOD);
	hmmc_device_exit(device, idx);
}

void hmmc_room_look(struct hmmc_pool *pool)
{
	guard(spinlock_irqsave)(&pool->lock);
	hmmc_pool_tell_room(pool);
}

void hmmc_room_init(struct hmmc_pool *pool)
{
	INIT_DELAYED_WORK(&pool->room, look_for_room);
}

void hmmc_room_fini(struct hmmc_pool *pool)
{
	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->turned_away = false;
	cancel_delayed_work_sync(&pool->room);
}
