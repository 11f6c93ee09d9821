// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that a fault had moved to the device, that came home, and that the device
 * touches again: a *return*. If the CPU touches it in turn with the device, or
 * another device does, it will not stay, so that returns take no more than a share
 * of the time, see logic/returns.c. The rest are *held back*: mapped in place, where
 * all sides can get at it at once.
 *
 * What is mapped does not fault again. So a view that was held back is remembered, and
 * zapped when it may ask again: its next access decides anew. Each is zapped once for
 * a break, and only if something was held back in it, so that a process which does
 * nothing costs nothing.
 *
 * Requests, pins and memory that was advised to be in the device are not held back,
 * and who asks for memory to go home does not mean that it should not return.
 *
 * Lock: window->pt_lock guards view->moved, view->returns and view->held_until. Faults
 * read the first two without it, as hints. A mark in mirror->windows says that a view
 * may be held back: set after that is known, and cleared before it is looked at.
 */
#include <linux/ktime.h>
#include <linux/module.h>

#include "mirror.h"

static unsigned int return_share = 10;
module_param(return_share, uint, 0644);
MODULE_PARM_DESC(return_share,
		 "Per cent of the time that 2 MiB may spend on returning to a device: 0 none, 100 all (10)");

/* Of the windows that have a view which was held back. */
#define HELD	XA_MARK_0

static unsigned int share_of(const struct hmmc_view *view)
{
	int own = READ_ONCE(view->attach->return_share);

	return own < 0 ? READ_ONCE(return_share) : own;
}

bool hmmc_return_is_held(const struct hmmc_view *view, unsigned int page)
{
	return test_bit(page, view->moved) &&
	       !hmmc_returns_allow(&view->returns, ktime_get_ns(), share_of(view));
}

bool hmmc_return_is_usual(const struct hmmc_view *view)
{
	return view->returns.nr && hmmc_returns_are_many(&view->returns, ktime_get_ns());
}

void hmmc_return_note(struct hmmc_window *window, struct hmmc_view *view, unsigned int page,
		      const struct hmmc_span *span, u64 start_ns)
{
	bool again;

	guard(mutex)(&window->pt_lock);
	again = test_bit(page, view->moved);
	/* A new round: what follows the first is part of it, until it moves once more. */
	if (again)
		bitmap_zero(view->moved, HMMC_WINDOW_PAGES);
	bitmap_set(view->moved, (span->start - window->start) >> PAGE_SHIFT,
		   (span->end - span->start) >> PAGE_SHIFT);
	hmmc_returns_spend(&view->returns, again, start_ns, ktime_get_ns(), share_of(view));
}

void hmmc_return_forget(struct hmmc_window *window, const struct hmmc_span *span)
{
	unsigned int i;

	lockdep_assert_held(&window->pt_lock);

	for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
		if (window->views[i])
			bitmap_clear(window->views[i]->moved,
				     (span->start - window->start) >> PAGE_SHIFT,
				     DIV_ROUND_UP(span->end - span->start, PAGE_SIZE));
	}
}

/* ---- Another chance ------------------------------------------------------ */

/* Look again at @ns, or before. */
static void look_at(struct hmmc_mirror *mirror, u64 ns)
{
	u64 now = ktime_get_ns();

	/* Who meets here may make it later by a break, but not forget it. */
	if (ns >= READ_ONCE(mirror->return_ns))
		return;
	WRITE_ONCE(mirror->return_ns, ns);
	mod_delayed_work(system_dfl_wq, &mirror->return_work,
			 ns > now ? nsecs_to_jiffies(ns - now) + 1 : 1);
}

void hmmc_return_hold(struct hmmc_window *window, struct hmmc_view *view)
{
	struct hmmc_mirror *mirror = window->mirror;
	u64 until;

	hmmc_attach_count(view->attach, HMMC_ATTACH_HELD_BACK, 1);
	scoped_guard(mutex, &window->pt_lock) {
		if (!view->held_until)
			view->held_until = hmmc_returns_break(&view->returns, ktime_get_ns(),
							      share_of(view));
		until = view->held_until;
	}
	xa_set_mark(&mirror->windows, window->start >> HMMC_WINDOW_SHIFT, HELD);
	look_at(mirror, until);
}

/* Return: when to look at the view again. */
static u64 view_look(struct hmmc_window *window, struct hmmc_view *view)
{
	struct hmmc_span all = { window->start, window->start + HMMC_WINDOW_SIZE };

	lockdep_assert_held(&window->pt_lock);

	if (!view->held_until)
		return U64_MAX;
	if (view->held_until > ktime_get_ns())
		return view->held_until;
	view->held_until = 0;
	hmmc_zap(window, view, &all);
	return U64_MAX;
}

static u64 window_look(struct hmmc_window *window)
{
	struct xarray *windows = &window->mirror->windows;
	unsigned long index = window->start >> HMMC_WINDOW_SHIFT;
	u64 next = U64_MAX;
	unsigned int i;

	xa_clear_mark(windows, index, HELD);
	scoped_guard(mutex, &window->pt_lock) {
		for (i = 0; i < HMMC_MAX_ATTACHES; i++) {
			if (window->views[i])
				next = min(next, view_look(window, window->views[i]));
		}
	}
	if (next != U64_MAX)
		xa_set_mark(windows, index, HELD);
	return next;
}

static void look(struct work_struct *work)
{
	struct hmmc_mirror *mirror = container_of(to_delayed_work(work), struct hmmc_mirror,
						  return_work);
	struct hmmc_window *window;
	u64 next = U64_MAX;
	unsigned long index;

	WRITE_ONCE(mirror->return_ns, U64_MAX);
	xa_for_each_marked(&mirror->windows, index, window, HELD) {
		/* One that is being reaped maps nothing, and takes the mark with it. */
		window = hmmc_window_find(mirror, index << HMMC_WINDOW_SHIFT);
		if (!window)
			continue;
		next = min(next, window_look(window));
		hmmc_window_put(window);
		cond_resched();
	}
	look_at(mirror, next);
}

void hmmc_returns_init(struct hmmc_mirror *mirror)
{
	mirror->return_ns = U64_MAX;
	INIT_DELAYED_WORK(&mirror->return_work, look);
}

void hmmc_returns_fini(struct hmmc_mirror *mirror)
{
	disable_delayed_work_sync(&mirror->return_work);
}
