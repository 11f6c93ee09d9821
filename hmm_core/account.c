// SPDX-License-Identifier: GPL-2.0
/*
 * Accounts: the chunks that one process holds in one device, by advice to pin.
 *
 * Invariant: a chunk with a holder has frames of that process's pinned spans only,
 * and eviction passes it, unless the device is to be empty. It is let go when its
 * last frame comes back, or when the process has left the device: frames that a
 * child still shares are ordinary ones then.
 *
 * Chunks are what is charged, not pages: a page that stays keeps 2 MiB from
 * everybody else.
 *
 * Lock: pool->lock.
 */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "pool.h"

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
	INIT_LIST_HEAD(&account->open);
	return account;
}

struct hmmc_account *hmmc_account_get(struct hmmc_account *account)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	account->nr_users++;
	return account;
}

void hmmc_account_put(struct hmmc_account *account)
{
	if (!account)
		return;
	scoped_guard(spinlock_irqsave, &account->pool->lock) {
		if (--account->nr_users)
			return;
		hmmc_pool_let_go(account);
	}
	kfree(account);
}

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
