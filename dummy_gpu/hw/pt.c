// SPDX-License-Identifier: GPL-2.0
/*
 * The walk through the page table of an address space.
 *
 * Invariant: an access is allowed only by an entry that allowed it at one
 * instant, and that entry carries ACCESSED, and DIRTY for stores, from that
 * instant on. So a driver that replaces an entry by exchange learns of every
 * access that the entry allowed.
 *
 * Lock: none here. The caller keeps the tables from going away, see mmu.c.
 * Pure: user space builds this file with a hw_pt_table() of its own.
 */
#include <linux/atomic.h>
#include <linux/compiler.h>

#include "hw.h"

/* What an entry must have for @access. */
static u64 required_bits(enum hw_access access)
{
	switch (access) {
	case HW_ACCESS_WRITE:
		return HW_PTE_VALID | HW_PTE_WRITE;
	case HW_ACCESS_ATOMIC:
		return HW_PTE_VALID | HW_PTE_ATOMIC;
	default:
		return HW_PTE_VALID;
	}
}

/* What an entry gets from @access. */
static u64 recorded_bits(enum hw_access access)
{
	if (access == HW_ACCESS_READ)
		return HW_PTE_ACCESSED;
	return HW_PTE_ACCESSED | HW_PTE_DIRTY;
}

/*
 * Allow an access by the leaf entry at @pte and record it there. The driver may
 * take the entry away at any time: then the compare-exchange loses, and what
 * counts is the entry that is there instead.
 */
static u64 use_leaf(u64 *pte, unsigned int level, enum hw_access access)
{
	u64 required = required_bits(access);
	u64 entry = READ_ONCE(*pte);
	u64 used;

	/* A table may have taken the place of a huge leaf since the walk saw it. */
	if (level)
		required |= HW_PTE_LEAF;

	do {
		if ((entry & required) != required)
			return 0;
		used = entry | recorded_bits(access);
	} while (used != entry && !try_cmpxchg64(pte, &entry, used));

	return used;
}

u64 hw_pt_walk(u64 *root, u64 va, enum hw_access access, unsigned int *shift)
{
	unsigned int level = HW_PT_LEVELS - 1;
	u64 *table = root;
	u64 entry;

	if (va >= HW_VA_END)
		return 0;

	for (; level; level--) {
		entry = READ_ONCE(table[hw_pt_index(va, level)]);
		if (!(entry & HW_PTE_VALID))
			return 0;
		if (entry & HW_PTE_LEAF)
			break;
		table = hw_pt_table(entry);
	}
	if (level > 1)
		return 0;	/* nothing larger than 2 MiB is a leaf */

	*shift = level ? HW_HUGE_SHIFT : HW_PAGE_SHIFT;
	return use_leaf(&table[hw_pt_index(va, level)], level, access);
}
