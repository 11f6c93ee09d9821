// SPDX-License-Identifier: GPL-2.0
/*
 * The dmem cgroup: what a process has in a device is charged to its cgroup.
 *
 * The kernel lets a module charge the cgroup of the task that is running, and no
 * other. A request runs in the process that makes it, and is charged before it
 * moves anything. A device fault is served by a worker, which is in no cgroup but
 * the root: the account *owes* for it, and the process pays when it comes to
 * hmm_core itself the next time, see hmmc_attach_settle().
 *
 * If it cannot pay, its cgroup is at its limit: the account is *broke*. Until it can
 * pay again it has no more than it has paid for, which is a limit as any other.
 *
 * A charge has a reference to its cgroup, which may not be that of the charge
 * before, so each is remembered. For that reason it is for a chunk, not a frame.
 *
 * Invariant: an account that owes nothing has paid for what it has, rounded up to
 * chunks, and no more, but for what a request is about to need.
 *
 * Lock: pool->lock, but not to charge, which may sleep.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include "compat.h"
#include "pool.h"

/* Of HMMC_WINDOW_SIZE. */
struct hmmc_charge {
	struct list_head link;
	struct dmem_cgroup_pool_state *cgroup;
};

int hmmc_dmem_add_pool(struct hmmc_pool *pool, const char *name)
{
	pool->region = hmmc_register_region(pool->nr_frames << PAGE_SHIFT, name);
	return PTR_ERR_OR_ZERO(pool->region);
}

void hmmc_dmem_remove_pool(struct hmmc_pool *pool)
{
	/* Charges that are left keep what they need of it. */
	dmem_cgroup_unregister_region(pool->region);
	pool->region = NULL;
}

/* Pinned frames are paid for by themselves. */
static u64 nr_due(const struct hmmc_account *account)
{
	return account->nr_frames - account->nr_pinned;
}

static bool owes(struct hmmc_account *account, u64 nr)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	return account->nr_paid < nr_due(account) + nr;
}

static void add_charge(struct hmmc_account *account, struct hmmc_charge *charge)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	list_add(&charge->link, &account->charges);
	account->nr_paid += HMMC_WINDOW_PAGES;
	account->broke = false;
	hmmc_account_tell_room(account);
}

static void go_broke(struct hmmc_account *account)
{
	guard(spinlock_irqsave)(&account->pool->lock);
	account->broke = true;
}

void hmmc_dmem_charge(struct hmmc_account *account, u64 nr)
{
	struct hmmc_charge *charge;
	int ret;

	if (current->flags & PF_KTHREAD)
		return;
	while (owes(account, nr)) {
		charge = kmalloc_obj(*charge);
		/* It owes on: the next one may find memory. */
		if (!charge)
			return;
		ret = dmem_cgroup_try_charge(account->pool->region, HMMC_WINDOW_SIZE,
					     &charge->cgroup, NULL);
		if (ret) {
			kfree(charge);
			if (ret == -EAGAIN)
				go_broke(account);
			return;
		}
		add_charge(account, charge);
	}
}

void hmmc_dmem_uncharge(struct hmmc_account *account)
{
	struct hmmc_charge *charge;

	lockdep_assert_held(&account->pool->lock);

	while (account->nr_paid >= nr_due(account) + HMMC_WINDOW_PAGES) {
		charge = list_first_entry(&account->charges, struct hmmc_charge, link);
		list_del(&charge->link);
		account->nr_paid -= HMMC_WINDOW_PAGES;
		dmem_cgroup_uncharge(charge->cgroup, HMMC_WINDOW_SIZE);
		kfree(charge);
	}
}

void hmmc_dmem_trim(struct hmmc_account *account)
{
	if (current->flags & PF_KTHREAD)
		return;
	guard(spinlock_irqsave)(&account->pool->lock);
	hmmc_dmem_uncharge(account);
}

int hmmc_dmem_pin(struct hmmc_pool *pool, u64 size, struct dmem_cgroup_pool_state **cgroup)
{
	int ret = dmem_cgroup_try_charge(pool->region, size, cgroup, NULL);

	return ret == -EAGAIN ? -ENOSPC : ret;
}

void hmmc_dmem_unpin(struct dmem_cgroup_pool_state *cgroup, u64 size)
{
	dmem_cgroup_uncharge(cgroup, size);
}
