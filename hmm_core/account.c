// SPDX-License-Identifier: GPL-2.0
/*
 * Accounts: what one process has in one device, and the chunks of it that it holds,
 * by advice to pin.
 *
 * Invariant: a frame is charged to one account from reserve to free, and that is
 * in zone_device_data of its folio; core mm splits folios, see folio_split_op()
 * in block.c. A frame that is shared after fork stays with its first account. So an
 * account without a process lives on until the last of its frames comes back.
 *
 * Invariant: a chunk with a holder has frames of that process's pinned spans only,
 * and eviction passes it, unless the device is to be empty. It is let go when its
 * last frame comes back, or when the process has left the device: frames that a
 * child still shares are ordinary ones then.
 *
 * What is held is counted in chunks, not in pages: a page that stays keeps 2 MiB
 * from everybody else.
 *
 * Lock: pool->lock.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "pool.h"

static unsigned int process_percent = 100;
module_param(process_percent, uint, 0644);
MODULE_PARM_DESC(process_percent, "Percent of a device's memory that one process can have [100]");

static unsigned int pin_percent = 50;
module_param(pin_percent, uint, 0644);
MODULE_PARM_DESC(pin_percent, "Percent of a device's memory that can be pinned [50]");

static unsigned int pin_process_percent = 25;
module_param(pin_process_percent, uint, 0644);
MODULE_PARM_DESC(pin_process_percent, "Percent of it that one process can pin [25]");

struct hmmc_account *hmmc_account_create(struct hmmc_device *device)
{
	struct hmmc_account *account;

	account = hmmc_inject("account") ? NULL : kzalloc_obj(*account);
	if (!account)
		return NULL;
	account->pool = device->pool;
	account->nr_users = 1;
	account->max_frames = U64_MAX;
	INIT_LIST_HEAD(&account->charges);
	INIT_LIST_HEAD(&account->open);
	return account;
}

struct hmmc_account *hmmc_account_get(struct hmmc_account *account)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	account->nr_users++;
	return account;
}

static void free_unused(struct hmmc_account *account)
{
	if (!account->nr_users && !account->nr_frames)
		kfree(account);
}

void hmmc_account_put(struct hmmc_account *account)
{
	if (!account)
		return;
	guard(spinlock_irqsave)(&account->pool->lock);
	if (--account->nr_users)
		return;
	/* Frames that come back after the device has gone must not readmit anybody. */
	account->turned_away = false;
	hmmc_pool_let_go(account);
	hmmc_dmem_uncharge(account);
	free_unused(account);
}

/* ---- Limits -------------------------------------------------------------- */

/* What it was limited to, apart from cgroups. */
static u64 max_frames(const struct hmmc_account *account)
{
	unsigned int percent = READ_ONCE(process_percent);
	u64 max = account->max_frames;

	lockdep_assert_held(&account->pool->lock);

	if (unlikely(percent < 100))
		max = min(max, div_u64(account->pool->nr_frames * percent, 100));
	return max;
}

u64 hmmc_account_max(const struct hmmc_account *account)
{
	u64 max = max_frames(account);

	if (unlikely(account->broke))
		max = min(max, account->nr_paid + account->nr_pinned);
	return max;
}

u64 hmmc_account_room(const struct hmmc_account *account)
{
	u64 max = hmmc_account_max(account);

	return max - min(max, account->nr_frames);
}

/* As hmmc_pool_tell_room(): more than one fault takes, or as much as there can be. */
static bool has_much_room(const struct hmmc_account *account)
{
	u64 max = min(hmmc_account_max(account), account->pool->nr_frames);

	return max && hmmc_account_room(account) >= min(max, max(max / 16, 4 * HMMC_WINDOW_PAGES));
}

void hmmc_account_tell_room(struct hmmc_account *account)
{
	lockdep_assert_held(&account->pool->lock);

	if (!account->turned_away || account->nr_evicting || !has_much_room(account))
		return;
	account->turned_away = false;
	account->pool->turned_away = true;
	hmmc_pool_tell_room(account->pool);
}

bool hmmc_account_turn_away(struct hmmc_account *account)
{
	lockdep_assert_held(&account->pool->lock);

	account->turned_away = !has_much_room(account);
	return account->turned_away;
}

void __hmmc_account_uncharged(struct hmmc_account *account)
{
	lockdep_assert_held(&account->pool->lock);

	/* Who is broke moves something else there for what it has paid. */
	if (!account->broke || !account->nr_users)
		hmmc_dmem_uncharge(account);
	hmmc_account_tell_room(account);
	free_unused(account);
}

/* Cgroups are charged for pinned frames one by one. */
static bool try_charge(struct hmmc_account *account, u64 nr)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	if (account->nr_frames + nr > max_frames(account))
		return false;
	account->nr_frames += nr;
	account->nr_pinned += nr;
	return true;
}

int hmmc_account_pin(struct hmmc_account *account, u64 nr)
{
	while (!try_charge(account, nr)) {
		if (!hmmc_evict_own(account, nr, HMMC_EVICT_REQUEST))
			return -ENOSPC;
	}
	return 0;
}

void hmmc_account_unpin(struct hmmc_account *account, u64 nr)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	account->nr_pinned -= nr;
	hmmc_account_uncharge(account, nr);
}

void hmmc_account_limit(struct hmmc_account *account, u64 max)
{
	scoped_guard(spinlock_irqsave, &account->pool->lock) {
		account->max_frames = max;
		hmmc_account_tell_room(account);
	}
	hmmc_evict_own(account, 0, HMMC_EVICT_REQUEST);
}

/* ---- Holding ------------------------------------------------------------- */

static u64 limit(const struct hmmc_pool *pool, unsigned int percent)
{
	return div_u64(pool->nr_frames / HMMC_WINDOW_PAGES * min(percent, 100U), 100);
}

bool hmmc_account_may_grow(const struct hmmc_account *account)
{
	struct hmmc_pool *pool = account->pool;

	lockdep_assert_held(&pool->lock);

	return pool->nr_held < limit(pool, READ_ONCE(pin_percent)) &&
	       account->nr_chunks < limit(pool, READ_ONCE(pin_process_percent));
}

void hmmc_account_refuse(struct hmmc_account *account, unsigned int nr)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	account->nr_refused += nr;
}
