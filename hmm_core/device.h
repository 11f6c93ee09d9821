/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What both halves know of a device: its ops, its DMA and whether it is alive.
 */
#ifndef _HMMC_DEVICE_H_
#define _HMMC_DEVICE_H_

#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/srcu.h>

#include "hmm_core.h"
#include "logic/pace.h"

struct dentry;
struct hmmc_pool;
struct mm_struct;

#define HMMC_NAME_LEN	32

/* A copy that takes longer than this counts as failed. */
#define HMMC_COPY_TIMEOUT	(30 * HZ)

struct hmmc_device {
	char name[HMMC_NAME_LEN];
	unsigned int index;
	const struct hmmc_device_ops *ops;
	struct device *dev;
	void *priv;
	bool huge_entries;		/* the driver takes one entry for a window */
	bool thp;			/* 2 MiB folios are wanted; a knob */
	int nid;
	bool direct;			/* HMMC_DEVICE_DIRECT */
	/*
	 * The DMA API wants every long-lived mapping back. If not, addresses
	 * are a property of the page alone and nothing is recorded.
	 */
	bool dma_unmap;
	size_t dma_max;			/* bytes of one mapping, whole pages */
	/* No new work: faults, requests and attaches are in read sections of srcu. */
	bool dead;
	struct srcu_struct srcu;
	struct hmmc_pool *pool;
	struct list_head link;		/* hmmc_devices; devices_lock to change */

	/* Guards attaches and sample_pace. Taken before mmap_lock by drain, else before pt_lock. */
	struct mutex attaches_lock;
	struct list_head attaches;
	struct hmmc_pace sample_pace;	/* of looking at access bits, see room.c */

	struct dentry *debugfs;
	struct dentry *mirrors_debugfs;
};

/* Enter a device that is not dead; the index goes to hmmc_device_exit(). Or -ENODEV. */
static inline int hmmc_device_enter(struct hmmc_device *device)
{
	int idx = srcu_read_lock(&device->srcu);

	if (likely(!READ_ONCE(device->dead)))
		return idx;
	srcu_read_unlock(&device->srcu, idx);
	return -ENODEV;
}

static inline void hmmc_device_exit(struct hmmc_device *device, int idx)
{
	srcu_read_unlock(&device->srcu, idx);
}

/*
 * Guards hmmc_devices and hmmc_pool.device: one for all, because a parked pool
 * has no device left to hold it. mmap_lock is taken inside, so nobody puts a
 * device with that held.
 */
extern struct srcu_struct hmmc_srcu;

/*
 * Devices of hmm_core, inside hmmc_srcu. For the snapshot, which has to ask core
 * mm once per owner of device memory.
 */
extern struct list_head hmmc_devices;

#define for_each_hmmc_device(device) \
	list_for_each_entry_srcu(device, &hmmc_devices, link, srcu_read_lock_held(&hmmc_srcu))

/*
 * The mm of the device's @nr-th mirror, held by mmget(), or NULL if that process
 * is gone. Return: false if there are not so many. Takes attaches_lock.
 */
bool hmmc_device_mirrored_mm(struct hmmc_device *device, unsigned int nr, struct mm_struct **mm);

/* ---- account.c: what a process holds of a device ------------------------- */

struct hmmc_account;
struct hmmc_attach;

/* Return: NULL if there is no memory. */
struct hmmc_account *hmmc_account_create(struct hmmc_device *device);
struct hmmc_account *hmmc_account_get(struct hmmc_account *account);
/* The last reference lets go of all that is held. @account may be NULL. */
void hmmc_account_put(struct hmmc_account *account);
/* It may have @max frames from now on. Evicts what is beyond. May sleep, holding nothing. */
void hmmc_account_limit(struct hmmc_account *account, u64 max);
struct hmmc_account *hmmc_attach_account(const struct hmmc_attach *attach);

/* ---- stats.c: debugfs ---------------------------------------------------- */

void hmmc_stats_init(void);
void hmmc_stats_exit(void);
void hmmc_stats_add_device(struct hmmc_device *device);
void hmmc_stats_remove_device(struct hmmc_device *device);
void hmmc_stats_add_attach(struct hmmc_attach *attach);
void hmmc_stats_remove_attach(struct hmmc_attach *attach);

#endif
