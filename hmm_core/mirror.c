// SPDX-License-Identifier: GPL-2.0
/*
 * Mirrors: one mm each, found by it, shown to up to HMMC_MAX_ATTACHES page
 * tables.
 *
 * Invariant: a mirror is in @mirrors exactly as long as it has attaches. The mm
 * may die before it: then nothing can be mapped any more, and the notifiers have
 * zapped what was.
 *
 * Lock: mirrors_lock guards @mirrors and every mirror's list of attaches; a leaf
 * but for device->attaches_lock.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mirror.h"

static DEFINE_MUTEX(mirrors_lock);
/* By the address of the mm. */
static DEFINE_XARRAY(mirrors);

static void reap(struct work_struct *work)
{
	hmmc_windows_reap(container_of(work, struct hmmc_mirror, reap_work), false);
}

static bool ignore(struct mmu_interval_notifier *notifier,
		   const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	return true;
}

static const struct mmu_interval_notifier_ops ignore_ops = {
	.invalidate = ignore,
};

/*
 * The first interval notifier of an mm takes mmap_lock for writing. Have that
 * behind us here, where we hold nothing.
 */
static int prepare_mm(struct mm_struct *mm)
{
	struct mmu_interval_notifier notifier = {};
	int ret;

	ret = hmmc_inject("first_notifier") ? -ENOMEM :
	      mmu_interval_notifier_insert(&notifier, mm, 0, PAGE_SIZE, &ignore_ops);
	if (!ret)
		mmu_interval_notifier_remove(&notifier);
	return ret;
}

static struct hmmc_mirror *mirror_create(struct mm_struct *mm)
{
	struct hmmc_mirror *mirror;

	mirror = hmmc_inject("mirror") ? NULL : kzalloc_obj(*mirror);
	if (!mirror)
		return ERR_PTR(-ENOMEM);
	mirror->advices = hmmc_advices_create(mm);
	if (IS_ERR(mirror->advices)) {
		struct hmmc_advices *err = mirror->advices;

		kfree(mirror);
		return ERR_CAST(err);
	}
	mirror->mm = mm;
	mmgrab(mm);
	xa_init(&mirror->windows);
	init_waitqueue_head(&mirror->reaped);
	init_waitqueue_head(&mirror->served);
	INIT_WORK(&mirror->reap_work, reap);
	hmmc_returns_init(mirror);
	return mirror;
}

/* No attach is left and nobody can find it. */
static void mirror_destroy(struct hmmc_mirror *mirror)
{
	hmmc_advices_destroy(mirror->advices);
	hmmc_returns_fini(mirror);
	/* Wait for the reaper; notifiers that come now cannot start it again. */
	disable_work_sync(&mirror->reap_work);
	hmmc_windows_reap(mirror, true);
	xa_destroy(&mirror->windows);
	mmdrop(mirror->mm);
	kfree(mirror);
}

/* Find or make the mirror of @mm. */
static struct hmmc_mirror *mirror_get(struct mm_struct *mm)
{
	struct hmmc_mirror *mirror;
	int ret;

	lockdep_assert_held(&mirrors_lock);

	mirror = xa_load(&mirrors, (unsigned long)mm);
	if (mirror)
		return mirror;
	mirror = mirror_create(mm);
	if (IS_ERR(mirror))
		return mirror;
	ret = hmmc_inject("mirror_slot") ? -ENOMEM :
	      xa_err(xa_store(&mirrors, (unsigned long)mm, mirror, GFP_KERNEL));
	if (ret) {
		mirror_destroy(mirror);
		return ERR_PTR(ret);
	}
	return mirror;
}

/* What a process holds counts once, however many page tables it has on the device. */
static void share_account(struct hmmc_mirror *mirror, struct hmmc_attach *attach)
{
	unsigned int i;

	lockdep_assert_held(&mirrors_lock);

	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		struct hmmc_attach *other = mirror->attaches[i];

		if (!other || other == attach || other->device != attach->device)
			continue;
		hmmc_account_put(attach->account);
		attach->account = hmmc_account_get(other->account);
		return;
	}
}

static int attach_add(struct hmmc_mirror *mirror, struct hmmc_attach *attach)
{
	unsigned int i;

	lockdep_assert_held(&mirrors_lock);

	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		if (mirror->attaches[i])
			continue;
		attach->mirror = mirror;
		attach->index = i;
		WRITE_ONCE(mirror->attaches[i], attach);
		mirror->nr_attaches++;
		share_account(mirror, attach);
		return 0;
	}
	return -ENOSPC;
}

struct hmmc_attach *hmmc_mirror_attach(struct hmmc_device *device, struct mm_struct *mm,
				       void *priv)
{
	struct hmmc_mirror *mirror;
	struct hmmc_attach *attach;
	int idx, ret;

	idx = hmmc_device_enter(device);
	if (idx < 0)
		return ERR_PTR(idx);
	ret = prepare_mm(mm);
	if (ret)
		goto err_exit;

	ret = -ENOMEM;
	attach = hmmc_inject("attach") ? NULL : kzalloc_obj(*attach);
	if (!attach)
		goto err_exit;
	attach->device = device;
	attach->priv = priv;
	attach->return_share = -1;
	attach->account = hmmc_account_create(device);
	if (!attach->account)
		goto err_free;

	scoped_guard(mutex, &mirrors_lock) {
		mirror = mirror_get(mm);
		ret = IS_ERR(mirror) ? PTR_ERR(mirror) : attach_add(mirror, attach);
	}
	if (ret)
		goto err_put_account;
	scoped_guard(mutex, &device->attaches_lock)
		list_add_tail(&attach->link, &device->attaches);
	hmmc_stats_add_attach(attach);
	hmmc_device_exit(device, idx);
	return attach;

err_put_account:
	hmmc_account_put(attach->account);
err_free:
	kfree(attach);
err_exit:
	hmmc_device_exit(device, idx);
	return ERR_PTR(ret);
}
EXPORT_SYMBOL_GPL(hmmc_mirror_attach);

void hmmc_mirror_detach(struct hmmc_attach *attach)
{
	struct hmmc_mirror *mirror = attach->mirror;
	bool last;

	hmmc_stats_remove_attach(attach);
	scoped_guard(mutex, &attach->device->attaches_lock)
		list_del(&attach->link);
	/* Nobody maps for it any more: what is dropped stays dropped. */
	hmmc_views_drop(attach);

	scoped_guard(mutex, &mirrors_lock) {
		WRITE_ONCE(mirror->attaches[attach->index], NULL);
		last = !--mirror->nr_attaches;
		if (last)
			xa_erase(&mirrors, (unsigned long)mirror->mm);
	}
	if (last)
		mirror_destroy(mirror);
	hmmc_account_put(attach->account);
	kfree(attach);
}
EXPORT_SYMBOL_GPL(hmmc_mirror_detach);

void *hmmc_attach_priv(const struct hmmc_attach *attach)
{
	return attach->priv;
}
EXPORT_SYMBOL_GPL(hmmc_attach_priv);

struct hmmc_account *hmmc_attach_account(const struct hmmc_attach *attach)
{
	return attach->account;
}

struct mm_struct *hmmc_attach_mm(const struct hmmc_attach *attach)
{
	return attach->mirror->mm;
}
EXPORT_SYMBOL_GPL(hmmc_attach_mm);

struct hmmc_device *hmmc_attach_device(const struct hmmc_attach *attach)
{
	return attach->device;
}
EXPORT_SYMBOL_GPL(hmmc_attach_device);
