/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_PT_H_
#define _DUMMY_PT_H_

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include "hw/hw.h"

#define DUMMY_PT_SPARES		8

/**
 * struct dummy_pt - the page table of a VM
 */
struct dummy_pt {
	/** @hw: the chip's view of it. */
	struct hw_vm *hw;
	/** @root: table of level 3. */
	u64 *root;
	/** @lock: guards levels 3 to 1, but for the entry of a leaf that exists. */
	struct mutex lock;
	/** @spares: empty tables to use again, guarded by @lock. */
	u64 *spares[DUMMY_PT_SPARES];
	/** @nr_spares: how many there are. */
	unsigned int nr_spares;
	/** @leaves: leaves of buffer objects by window, guarded by dummy_vm.bind_lock. */
	struct xarray leaves;
};

/**
 * struct dummy_pt_leaf - the page table of one window
 */
struct dummy_pt_leaf {
	/** @slot: the window's entry of level 1: leads to @table, or maps all with LEAF. */
	u64 *slot;
	/** @table: table of level 0, also while @slot maps all. */
	u64 *table;
	/** @used: some entry of @table may be valid. */
	bool used;
	/** @nr_pages: for buffer objects: pages that are mapped. */
	unsigned int nr_pages;
};

/* May sleep. Return: 0, -ENOMEM. */
int dummy_pt_init(struct dummy_pt *pt, struct hw_chip *chip);
/* No leaf is left and the chip uses it no more. */
void dummy_pt_fini(struct dummy_pt *pt);
/* The entry that lets the chip read at @va, or 0. */
u64 dummy_pt_lookup(struct dummy_pt *pt, u64 va);

/*
 * One window. The caller serializes what it does with the same leaf; map and zap
 * take no lock, allocate nothing and do not sleep.
 */
struct dummy_pt_leaf *dummy_pt_leaf_create(struct dummy_pt *pt, u64 va);
/* Nothing is mapped. */
void dummy_pt_leaf_destroy(struct dummy_pt *pt, struct dummy_pt_leaf *leaf, u64 va);
/* Write those of @entries that are valid, for the pages from @va on. */
void dummy_pt_leaf_map(struct dummy_pt_leaf *leaf, u64 va, const u64 *entries,
		       unsigned int nr_pages);
void dummy_pt_leaf_map_huge(struct dummy_pt_leaf *leaf, u64 entry);
/* Remove the entries of [@start, @end) and no others; hw_vm_flush() is up to the caller. */
void dummy_pt_leaf_zap(struct dummy_pt_leaf *leaf, u64 start, u64 end);
/*
 * Clear ACCESSED of every entry, calling @accessed for those that had it. The chip
 * sets it again after hw_vm_flush(). Return: how many had it.
 */
unsigned int dummy_pt_leaf_sample(struct dummy_pt_leaf *leaf,
				  void (*accessed)(u64 entry, void *data), void *data);

/*
 * Spans of buffer objects, under dummy_vm.bind_lock: prepare, then set every
 * page, or clear; then flush.
 */
int dummy_pt_prepare(struct dummy_pt *pt, u64 start, u64 end);
void dummy_pt_set(struct dummy_pt *pt, u64 va, u64 entry);
void dummy_pt_clear(struct dummy_pt *pt, u64 start, u64 end);

#endif
