// SPDX-License-Identifier: GPL-2.0
/*
 * Windows: one aligned 2 MiB of a mirror each, with its notifier, its lock and
 * what every attach has mapped in it.
 *
 * Invariant: a device page table entry dies only here, in invalidate() or when
 * its view is dropped, with pt_lock held and followed by a flush.
 *
 * A window is born outside any lock: its notifier is inserted first, then it is
 * published, so there is nothing mapped that no notifier covers. It dies when the
 * mirror's reference, the last, is taken away: lookups then fail and wait until
 * the reaper has removed the notifier and erased the slot.
 *
 * Locks: pt_lock, taken by notifiers and so in reclaim: nothing is allocated and
 * nothing waited for under it but the driver's own page table and TLB. Outside it
 * views_lock, held while the driver prepares a view.
 */
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "mirror.h"
#include "trace.h"

static unsigned long window_index(unsigned long addr)
{
	return addr >> HMMC_WINDOW_SHIFT;
}

/* Whether the event only says that one of our own attaches takes a page for itself. */
static struct hmmc_attach *own_exclusive(const struct hmmc_mirror *mirror,
					 const struct mmu_notifier_range *range)
{
	unsigned int i;

	if (range->event != MMU_NOTIFY_EXCLUSIVE || !range->owner)
		return NULL;
	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		if (READ_ONCE(mirror->attaches[i]) == range->owner)
			return range->owner;
	}
	return NULL;
}

/*
 * The CPU page table is about to change, or has. MIGRATE is not filtered by its
 * owner: migrations are cut to the pages that move. An exclusive event of our own
 * leaves the owner and the notifier's sequence alone, or the owner would lose
 * the entry it is just making; every other view is zapped, and its own sequence
 * tells those who are about to map for it.
 */
static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct hmmc_window *window = container_of(notifier, struct hmmc_window, notifier);
	struct hmmc_attach *owner = own_exclusive(window->mirror, range);
	struct hmmc_span span = {
		.start = max(range->start, window->start),
		.end = min(range->end, window->start + HMMC_WINDOW_SIZE),
	};
	unsigned int i;

	if (mmu_notifier_range_blockable(range))
		mutex_lock(&window->pt_lock);
	else if (!mutex_trylock(&window->pt_lock))
		return false;
	if (mmu_notifier_range_blockable(range))
		hmmc_inject_delay("notifier_slow");

	if (!owner)
		mmu_interval_set_seq(notifier, cur_seq);
	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		struct hmmc_view *view = window->views[i];

		if (!view || (owner && view->attach == owner))
			continue;
		if (owner)
			view->seq++;
		if (hmmc_zap(window, view, &span))
			hmmc_attach_count(view->attach, HMMC_ATTACH_INVALIDATIONS, 1);
	}
	if (range->event == MMU_NOTIFY_UNMAP)
		hmmc_return_forget(window, &span);
	mutex_unlock(&window->pt_lock);

	if (range->event == MMU_NOTIFY_UNMAP && span.end - span.start == HMMC_WINDOW_SIZE) {
		WRITE_ONCE(window->reap, true);
		schedule_work(&window->mirror->reap_work);
	}
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
	.invalidate = invalidate,
};

struct hmmc_window *hmmc_window_find(struct hmmc_mirror *mirror, unsigned long addr)
{
	struct hmmc_window *window;

	guard(rcu)();
	window = xa_load(&mirror->windows, window_index(addr));
	return window && refcount_inc_not_zero(&window->refs) ? window : NULL;
}

struct hmmc_window *hmmc_window_next(struct hmmc_mirror *mirror, unsigned long addr,
				     unsigned long end)
{
	unsigned long last = window_index(end - 1);
	unsigned long index = window_index(addr);
	struct hmmc_window *window;

	guard(rcu)();
	/* One that is dying maps nothing any more, or is about to. */
	xa_for_each_range(&mirror->windows, index, window, index, last) {
		if (refcount_inc_not_zero(&window->refs))
			return window;
	}
	return NULL;
}

void hmmc_window_put(struct hmmc_window *window)
{
	/* Never the last: that is the mirror's. */
	refcount_dec(&window->refs);
}

/* Reclaim takes pt_lock by our notifier; let lockdep know before it happens. */
static void prime_lockdep(struct hmmc_window *window)
{
	fs_reclaim_acquire(GFP_KERNEL);
	might_lock(&window->pt_lock);
	fs_reclaim_release(GFP_KERNEL);
}

static struct hmmc_window *window_create(struct hmmc_mirror *mirror, unsigned long addr)
{
	struct hmmc_window *window;
	int ret;

	window = hmmc_inject("window") ? NULL : kzalloc_obj(*window, GFP_KERNEL_ACCOUNT);
	if (!window)
		return ERR_PTR(-ENOMEM);
	window->mirror = mirror;
	window->start = ALIGN_DOWN(addr, HMMC_WINDOW_SIZE);
	refcount_set(&window->refs, 1);
	mutex_init(&window->views_lock);
	mutex_init(&window->pt_lock);
	prime_lockdep(window);

	ret = mmu_interval_notifier_insert(&window->notifier, mirror->mm, window->start,
					   HMMC_WINDOW_SIZE, &notifier_ops);
	if (ret) {
		kfree(window);
		return ERR_PTR(ret);
	}
	return window;
}

static void window_destroy(struct hmmc_window *window)
{
	mmu_interval_notifier_remove(&window->notifier);
	mutex_destroy(&window->pt_lock);
	mutex_destroy(&window->views_lock);
	kfree_rcu(window, rcu);
}

static bool slot_is_free(struct hmmc_mirror *mirror, unsigned long addr)
{
	struct hmmc_window *window;

	guard(rcu)();
	window = xa_load(&mirror->windows, window_index(addr));
	return !window || refcount_read(&window->refs);
}

struct hmmc_window *hmmc_window_get(struct hmmc_mirror *mirror, unsigned long addr)
{
	struct hmmc_window *window, *fresh;
	int ret;

	for (;;) {
		window = hmmc_window_find(mirror, addr);
		if (window)
			return window;

		/* What is in the slot may be dying: the reaper needs nothing of ours. */
		if (wait_event_killable(mirror->reaped, slot_is_free(mirror, addr)))
			return ERR_PTR(-EINTR);

		fresh = window_create(mirror, addr);
		if (IS_ERR(fresh))
			return fresh;
		refcount_set(&fresh->refs, 2);
		ret = hmmc_inject("window_slot") ? -ENOMEM :
		      xa_insert(&mirror->windows, window_index(addr), fresh, GFP_KERNEL);
		if (!ret) {
			atomic_inc(&mirror->nr_windows);
			return fresh;
		}
		window_destroy(fresh);
		if (ret != -EBUSY)
			return ERR_PTR(ret);
		/* Somebody else was faster: take theirs. */
	}
}

/* ---- Views --------------------------------------------------------------- */

static struct hmmc_view *view_create(struct hmmc_window *window, struct hmmc_attach *attach)
{
	struct hmmc_device *device = attach->device;
	struct hmmc_view *view;
	int ret;

	view = hmmc_inject("view") ? NULL :
	       kzalloc_flex(*view, dma, device->dma_unmap ? HMMC_WINDOW_PAGES : 0,
			    GFP_KERNEL_ACCOUNT);
	if (!view)
		return ERR_PTR(-ENOMEM);
	view->attach = attach;
	view->returns.all = &attach->returns;
	ret = device->ops->prepare(attach, window->start, &view->leaf);
	if (ret) {
		kfree(view);
		return ERR_PTR(ret);
	}
	return view;
}

static void view_destroy(struct hmmc_window *window, struct hmmc_view *view)
{
	struct hmmc_attach *attach = view->attach;

	attach->device->ops->unprepare(attach, window->start, view->leaf);
	kfree(view);
}

struct hmmc_view *hmmc_view_get(struct hmmc_window *window, struct hmmc_attach *attach)
{
	struct hmmc_view **slot = &window->views[attach->index];
	struct hmmc_view *view;

	/* Stays for as long as the attach and a reference to the window do. */
	view = smp_load_acquire(slot);	/* pairs with smp_store_release() below */
	if (view)
		return view;

	/* Prepare is promised to come once, so faults that meet here take turns. */
	guard(mutex)(&window->views_lock);
	if (*slot)
		return *slot;
	view = view_create(window, attach);
	if (IS_ERR(view))
		return view;
	scoped_guard(mutex, &window->pt_lock)
		smp_store_release(slot, view);	/* the view is whole before it is found */
	return view;
}

/* Under pt_lock: zap everything a view maps. */
static void view_zap(struct hmmc_window *window, struct hmmc_view *view)
{
	struct hmmc_span all = {
		.start = window->start,
		.end = window->start + HMMC_WINDOW_SIZE,
	};

	hmmc_zap(window, view, &all);
}

/* Take a view away from its window with everything it maps. */
static void view_drop(struct hmmc_window *window, unsigned int index)
{
	struct hmmc_view *view;

	scoped_guard(mutex, &window->pt_lock) {
		view = window->views[index];
		if (view)
			view_zap(window, view);
		WRITE_ONCE(window->views[index], NULL);
	}
	if (view)
		view_destroy(window, view);
}

static bool index_is_empty(struct hmmc_mirror *mirror, unsigned long index)
{
	return !xa_load(&mirror->windows, index);
}

/* The window in that slot, with a reference, unless the reaper has it: then wait for that. */
static struct hmmc_window *window_at(struct hmmc_mirror *mirror, unsigned long index)
{
	struct hmmc_window *window = hmmc_window_find(mirror, index << HMMC_WINDOW_SHIFT);

	if (!window)
		wait_event(mirror->reaped, index_is_empty(mirror, index));
	return window;
}

void hmmc_views_drop(struct hmmc_attach *attach)
{
	struct hmmc_mirror *mirror = attach->mirror;
	struct hmmc_window *window;
	unsigned long index;

	xa_for_each(&mirror->windows, index, window) {
		window = window_at(mirror, index);
		if (!window)
			continue;
		view_drop(window, attach->index);
		hmmc_window_put(window);
		cond_resched();
	}
}

/* Call @act for each view of an attach, under pt_lock. */
static void visit_views(struct hmmc_attach *attach,
			void (*act)(struct hmmc_window *window, struct hmmc_view *view,
				    void *data),
			void *data)
{
	struct hmmc_mirror *mirror = attach->mirror;
	struct hmmc_window *window;
	unsigned long index;

	xa_for_each(&mirror->windows, index, window) {
		window = window_at(mirror, index);
		if (!window)
			continue;
		scoped_guard(mutex, &window->pt_lock) {
			struct hmmc_view *view = window->views[attach->index];

			if (view)
				act(window, view, data);
		}
		hmmc_window_put(window);
		cond_resched();
	}
}

static void zap_view(struct hmmc_window *window, struct hmmc_view *view, void *unused)
{
	view_zap(window, view);
}

void hmmc_attach_zap(struct hmmc_attach *attach)
{
	visit_views(attach, zap_view, NULL);
}

static void sample_view(struct hmmc_window *window, struct hmmc_view *view, void *data)
{
	unsigned int *nr_used = data;
	const struct hmmc_device_ops *ops = view->attach->device->ops;
	struct hmmc_span all = {
		.start = window->start,
		.end = window->start + HMMC_WINDOW_SIZE,
	};

	if (bitmap_empty(view->mapped, HMMC_WINDOW_PAGES) ||
	    !ops->sample(view->attach, view->leaf, window->start))
		return;
	view->used = true;
	(*nr_used)++;
	ops->flush(view->attach, &all);
}

unsigned int hmmc_attach_sample(struct hmmc_attach *attach)
{
	unsigned int nr_used = 0;

	visit_views(attach, sample_view, &nr_used);
	return nr_used;
}

static void readmit_view(struct hmmc_window *window, struct hmmc_view *view, void *data)
{
	struct hmmc_readmission *readmission = data;
	bool used = view->used || !readmission->settle;

	if (readmission->settle)
		view->used = false;
	if (!READ_ONCE(view->turned_away))
		return;
	if (used && !readmission->room) {
		readmission->nr_left++;
		return;
	}
	if (used)
		readmission->room--;
	WRITE_ONCE(view->turned_away, false);
	view_zap(window, view);
}

void hmmc_attach_readmit(struct hmmc_attach *attach, struct hmmc_readmission *readmission)
{
	visit_views(attach, readmit_view, readmission);
}

void hmmc_window_zap(struct hmmc_window *window, const struct hmmc_span *span)
{
	unsigned int i;

	guard(mutex)(&window->pt_lock);
	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		if (window->views[i])
			hmmc_zap(window, window->views[i], span);
	}
}

/* ---- Reaping ------------------------------------------------------------- */

static void window_reap(struct hmmc_mirror *mirror, struct hmmc_window *window)
{
	unsigned int i;

	for (i = 0; i < HMMC_MAX_ATTACHES; i++)
		view_drop(window, i);
	/* Waits for invalidate() calls that are under way; none begins after it. */
	mmu_interval_notifier_remove(&window->notifier);
	xa_erase(&mirror->windows, window_index(window->start));
	atomic_dec(&mirror->nr_windows);
	wake_up_all(&mirror->reaped);
	mutex_destroy(&window->pt_lock);
	mutex_destroy(&window->views_lock);
	kfree_rcu(window, rcu);
}

void hmmc_windows_reap(struct hmmc_mirror *mirror, bool all)
{
	struct hmmc_window *window;
	unsigned long index;

	/* Only one reaper runs at a time, so what it finds here stays until it acts. */
	xa_for_each(&mirror->windows, index, window) {
		if (!all && !READ_ONCE(window->reap))
			continue;
		WRITE_ONCE(window->reap, false);
		if (refcount_dec_if_one(&window->refs))
			window_reap(mirror, window);
		cond_resched();
	}
}
