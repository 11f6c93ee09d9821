/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The mirror half: an address space as devices see it, and nothing about where
 * device memory comes from.
 *
 * mirror > window > collect > map: each calls those to its right only, and
 * returns.c, which is called by all, calls map. Where a
 * page is, is not stored: collect reads it from the CPU page table.
 */
#ifndef _HMMC_MIRROR_H_
#define _HMMC_MIRROR_H_

#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "device.h"
#include "logic/returns.h"

/* Counters of an attach, in the order of struct hmmc_attach_stats. */
enum hmmc_attach_count {
	HMMC_ATTACH_FAULTS,
	HMMC_ATTACH_FAULTS_FAILED,
	HMMC_ATTACH_FAULT_RETRIES,
	HMMC_ATTACH_PAGES_MIGRATED,
	HMMC_ATTACH_PAGES_MAPPED,
	HMMC_ATTACH_PAGES_ZAPPED,
	HMMC_ATTACH_INVALIDATIONS,
	HMMC_ATTACH_COW_BREAKS,
	HMMC_ATTACH_EXCLUSIVES,
	HMMC_ATTACH_TURNED_AWAY,
	HMMC_ATTACH_HELD_BACK,
	HMMC_ATTACH_NR_COUNTS,
};

/**
 * struct hmmc_attach - one device page table in a mirror
 *
 * Also the owner of its device-exclusive entries.
 */
struct hmmc_attach {
	struct hmmc_mirror *mirror;
	struct hmmc_device *device;
	unsigned int index;		/* in mirror->attaches and window->views */
	void *priv;
	struct list_head link;		/* device->attaches */
	struct hmmc_account *account;	/* shared with others of this mirror and device */
	struct dentry *debugfs;
	int return_share;		/* a knob, see returns.c; negative: as for all */
	struct hmmc_returns returns;	/* of all views; what two lose to each other is little */
	atomic64_t count[HMMC_ATTACH_NR_COUNTS];
};

static inline void hmmc_attach_count(struct hmmc_attach *attach, enum hmmc_attach_count count,
				     u64 nr)
{
	atomic64_add(nr, &attach->count[count]);
}

/**
 * struct hmmc_mirror - one mm, shown to one or more devices
 *
 * Holds the mm by mmgrab; each access takes mmget_not_zero() for as long as it
 * lasts. Lives as long as it has attaches.
 */
struct hmmc_mirror {
	struct mm_struct *mm;
	struct hmmc_attach *attaches[HMMC_MAX_ATTACHES];	/* mirrors_lock to change */
	unsigned int nr_attaches;				/* mirrors_lock */
	struct xarray windows;		/* struct hmmc_window by address >> HMMC_WINDOW_SHIFT */
	atomic_t nr_windows;
	wait_queue_head_t reaped;	/* a dying window has left @windows */
	wait_queue_head_t served;	/* a window has a starving fault less */
	struct work_struct reap_work;
	struct delayed_work return_work;	/* looks at views that were held back */
	u64 return_ns;				/* when it is to run, or U64_MAX. A hint. */
	struct hmmc_advices *advices;
};

/**
 * struct hmmc_view - what one attach has mapped in one window
 *
 * Guarded by window->pt_lock.
 */
struct hmmc_view {
	struct hmmc_attach *attach;
	void *leaf;			/* from hmmc_device_ops.prepare */
	/* Changes when entries die without the notifier's own sequence: see invalidate(). */
	unsigned long seq;
	unsigned int nr_faults;		/* served, for the size of the next */
	unsigned int nr_quiet;		/* faults to go since copy-on-write was broken here */
	bool huge;			/* mapped by one entry */
	bool turned_away;		/* some of it is in place for lack of room. A hint. */
	bool used;			/* as sampled; since it was last readmitted or not */
	u64 held_until;			/* some of it is in place, not to return; or 0 */
	struct hmmc_returns returns;
	DECLARE_BITMAP(moved, HMMC_WINDOW_PAGES);	/* to the device by a fault, once */
	DECLARE_BITMAP(mapped, HMMC_WINDOW_PAGES);
	DECLARE_BITMAP(writable, HMMC_WINDOW_PAGES);
	DECLARE_BITMAP(atomic, HMMC_WINDOW_PAGES);	/* may do atomics */
	DECLARE_BITMAP(exclusive, HMMC_WINDOW_PAGES);	/* atomic by a device-exclusive entry */
	dma_addr_t dma[];		/* of each page, only if device->dma_unmap */
};

/**
 * struct hmmc_window - everything known about one aligned 2 MiB of a mirror
 *
 * Found by RCU and a refcount. The mirror's own reference is the last: when it
 * goes the window is dying, nobody finds it, and whoever needs the address waits
 * until it has left mirror->windows.
 */
struct hmmc_window {
	struct mmu_interval_notifier notifier;
	struct hmmc_mirror *mirror;
	unsigned long start;
	refcount_t refs;
	bool reap;			/* unmapped as a whole: worth reaping. A hint. */
	atomic_t nr_starving;		/* faults that keep losing: requests let them go first */
	struct mutex views_lock;	/* one view is made at a time; never taken from reclaim */
	struct mutex pt_lock;		/* guards views and all they map; taken from reclaim */
	struct hmmc_view *views[HMMC_MAX_ATTACHES];
	struct rcu_head rcu;
};

/* ---- mirror.c ------------------------------------------------------------ */

/* Zap everything an attach has mapped. Nobody maps for it any more. */
void hmmc_attach_zap(struct hmmc_attach *attach);
/* Find out what the device has used. Return: in how many windows. */
unsigned int hmmc_attach_sample(struct hmmc_attach *attach);

/**
 * struct hmmc_readmission - give windows that were turned away another chance
 * @room: in and out: windows there is room for
 * @settle: also those that were not used since the last time: nothing is lost by it
 * @nr_left: how many are left
 */
struct hmmc_readmission {
	unsigned int room;
	bool settle;
	unsigned int nr_left;
};

/* Zap them, so that they fault again. */
void hmmc_attach_readmit(struct hmmc_attach *attach, struct hmmc_readmission *readmission);
/* Take the mm for an access. Return: false if the process is gone. */
static inline bool hmmc_mirror_enter(struct hmmc_mirror *mirror)
{
	return mmget_not_zero(mirror->mm);
}

/* The last reference may tear the mm down, which is no work for a fault handler. */
static inline void hmmc_mirror_exit(struct hmmc_mirror *mirror)
{
	mmput_async(mirror->mm);
}

/* ---- window.c ------------------------------------------------------------ */

/*
 * Find or make the window at @addr. The mm is held, no lock is. Return: the
 * window with a reference, or an ERR_PTR: -ENOMEM, -EINTR.
 */
struct hmmc_window *hmmc_window_get(struct hmmc_mirror *mirror, unsigned long addr);
/* Only find it. Return: NULL if there is none. */
struct hmmc_window *hmmc_window_find(struct hmmc_mirror *mirror, unsigned long addr);
/* Find the first one in [addr, end). Return: with a reference, or NULL. */
struct hmmc_window *hmmc_window_next(struct hmmc_mirror *mirror, unsigned long addr,
				     unsigned long end);
void hmmc_window_put(struct hmmc_window *window);
/* Zap what all views map in @span, which is part of the window. */
void hmmc_window_zap(struct hmmc_window *window, const struct hmmc_span *span);
/* Find or make an attach's view. Return: the view or an ERR_PTR: -ENOMEM or prepare's. */
struct hmmc_view *hmmc_view_get(struct hmmc_window *window, struct hmmc_attach *attach);
/* Zap and forget the view of an attach in every window of its mirror. */
void hmmc_views_drop(struct hmmc_attach *attach);
/* Remove windows that nothing uses; @all: the mirror is dying, remove every one. */
void hmmc_windows_reap(struct hmmc_mirror *mirror, bool all);

/* ---- collect.c ----------------------------------------------------------- */

/**
 * struct hmmc_pages - snapshot of a span in one window, and its sequence
 * @window: the window
 * @view: the view whose sequence counts too, or NULL
 * @span: what was collected
 * @owner: whose device pages are to be seen, see struct dev_pagemap
 * @seq: sequence of the notifier
 * @view_seq: sequence of the view
 * @pfns: in and out: HMM_PFN_* per page
 */
struct hmmc_pages {
	struct hmmc_window *window;
	struct hmmc_view *view;
	struct hmmc_span span;
	void *owner;
	unsigned long seq;
	unsigned long view_seq;
	unsigned long *pfns;
};

static inline unsigned int hmmc_pages_nr(const struct hmmc_pages *pages)
{
	return (pages->span.end - pages->span.start) >> PAGE_SHIFT;
}

/*
 * Read the CPU page table of the span. Pages whose input has HMM_PFN_REQ_FAULT
 * are faulted in. Takes mmap_lock. Return: 0; -EBUSY: lost a race, try again;
 * -EFAULT, -EPERM, -EHWPOISON, -ENOMEM: the requested page cannot be had; -EINTR.
 */
int hmmc_collect(struct hmmc_pages *pages, unsigned long addr, enum hmmc_access access);
/* The same without requests, where 0 means "as it is now". */
int hmmc_collect_snapshot(struct hmmc_pages *pages);
/* Under pt_lock: does the snapshot still hold? */
bool hmmc_pages_valid(const struct hmmc_pages *pages);

/* ---- map.c --------------------------------------------------------------- */

/*
 * Gives the byte offset in device memory of a device page, or HMMC_NO_OFFSET for
 * one that is broken and must not be mapped.
 */
typedef u64 hmmc_offset_fn(const struct page *page);

#define HMMC_NO_OFFSET	U64_MAX

/*
 * Turn collected pages into entries and write them, under pt_lock and the
 * sequences. Return: pages mapped, or -EAGAIN: a notifier won; -EIO: no DMA
 * mapping for the page that faulted.
 */
int hmmc_map(struct hmmc_pages *pages, enum hmmc_access access, hmmc_offset_fn *device_offset,
	     const struct hmmc_fault *retire);
/* Map one locked system page for atomics. Same return. */
int hmmc_map_exclusive(struct hmmc_pages *pages, struct page *page,
		       const struct hmmc_fault *retire);
/* Under pt_lock: zap what @view maps in @span, and flush. Return: pages zapped. */
unsigned int hmmc_zap(struct hmmc_window *window, struct hmmc_view *view,
		      const struct hmmc_span *span);
/* Does the view allow @access at @addr? Then retire it. */
bool hmmc_map_hit(struct hmmc_window *window, struct hmmc_view *view,
		  const struct hmmc_fault *fault);

/* ---- returns.c ----------------------------------------------------------- */

/* Is page @page of the window, which is at home, not to return to the device now? */
bool hmmc_return_is_held(const struct hmmc_view *view, unsigned int page);
/* Does the memory return so often that it is not expected to stay? */
bool hmmc_return_is_usual(const struct hmmc_view *view);
/* A fault on page @page has moved @span to the device, which began at @start_ns. */
void hmmc_return_note(struct hmmc_window *window, struct hmmc_view *view, unsigned int page,
		      const struct hmmc_span *span, u64 start_ns);
/* A fault was held back: it is mapped in place, and gets another chance. */
void hmmc_return_hold(struct hmmc_window *window, struct hmmc_view *view);
/* Under pt_lock: what is in @span now, or will be, has not been anywhere. */
void hmmc_return_forget(struct hmmc_window *window, const struct hmmc_span *span);

void hmmc_returns_init(struct hmmc_mirror *mirror);
/* No attach is left. */
void hmmc_returns_fini(struct hmmc_mirror *mirror);

/* ---- advice.c ------------------------------------------------------------ */

struct hmmc_advices *hmmc_advices_create(struct mm_struct *mm);
void hmmc_advices_destroy(struct hmmc_advices *advices);

/**
 * struct hmmc_wishes - what was advised for an address
 * @place: HMMC_PLACE_NONE, SYSTEM or DEVICE
 * @device: for DEVICE, the index of which one
 * @no_thp: no 2 MiB device folios
 * @read_mostly: only writes move it to a device
 * @atomics: how devices do atomics there
 * @pin: eviction leaves it alone in device memory
 * @granularity: log2 of the bytes a device fault serves; 0: as policy says
 */
struct hmmc_wishes {
	enum hmmc_place place;
	unsigned int device;
	bool no_thp;
	bool read_mostly;
	enum hmmc_atomics atomics;
	bool pin;
	u8 granularity;
};

/* Any context that may not hold an advice's lock. */
struct hmmc_wishes hmmc_advice_find(struct hmmc_advices *advices, unsigned long addr);
/* The end of the part of [addr, end) for which the same was advised, and what that is. */
unsigned long hmmc_advice_run(struct hmmc_advices *advices, unsigned long addr,
			      unsigned long end, struct hmmc_wishes *wishes);
/* Cut @span to the part around @addr for which the same was advised. */
void hmmc_advice_clip(struct hmmc_advices *advices, unsigned long addr, struct hmmc_span *span);
/* The mm is held. Return: 0, -ENOMEM, -EINTR, -EAGAIN: munmap kept coming. */
int hmmc_advice_set(struct hmmc_advices *advices, const struct hmmc_span *span,
		    enum hmmc_advice advice, u64 value, unsigned int device);

/* Debugging: make system memory atomic without exclusive entries, to see a test fail. */
extern bool hmmc_exclusive;

#endif
