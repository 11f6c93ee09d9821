// SPDX-License-Identifier: GPL-2.0
/*
 * The SVM glue: what hmm_core needs of a driver, in terms of this one.
 *
 * Invariant: nothing here decides anything. hmm_core says which entries to write
 * and which to remove; that and copying is all a driver adds, see dummy_copy.c.
 *
 * Lock: none of its own. hmm_core calls map, zap and retire for a window under
 * that window's lock, and the leaf they get is the window's alone.
 */
#include <linux/err.h>

#include <hmm_core/hmm_core.h>

#include "dummy_copy.h"
#include "dummy_pt.h"
#include "dummy_svm.h"
#include "dummy_vm.h"
#include "hw/hw.h"

static struct dummy_pt *pt_of(struct hmmc_attach *attach)
{
	struct dummy_vm *vm = hmmc_attach_priv(attach);

	return &vm->pt;
}

static int svm_prepare(struct hmmc_attach *attach, unsigned long start, void **leaf)
{
	struct dummy_pt_leaf *new;

	new = dummy_pt_leaf_create(pt_of(attach), start);
	if (IS_ERR(new))
		return PTR_ERR(new);

	*leaf = new;
	return 0;
}

static void svm_unprepare(struct hmmc_attach *attach, unsigned long start, void *leaf)
{
	dummy_pt_leaf_destroy(pt_of(attach), leaf, start);
}

static void svm_map(struct hmmc_attach *attach, void *leaf, const struct hmmc_map *map)
{
	if (map->order)
		dummy_pt_leaf_map_huge(leaf, map->entries[0]);
	else
		dummy_pt_leaf_map(leaf, map->start, map->entries, map->nr_pages);
}

static void svm_zap(struct hmmc_attach *attach, void *leaf, const struct hmmc_span *span)
{
	dummy_pt_leaf_zap(leaf, span->start, span->end);
}

static void svm_flush(struct hmmc_attach *attach, const struct hmmc_span *span)
{
	hw_vm_flush(pt_of(attach)->hw, span->start, span->end);
}

/* The window's lock is held, so the entry stays until the access has been made. */
static void svm_retire(struct hmmc_attach *attach, void *cookie)
{
	hw_fault_retire(cookie);
}

static void tell_accessed(u64 entry, void *attach)
{
	if (entry & HW_PTE_VRAM)
		hmmc_attach_accessed(attach, entry & HW_PTE_ADDR);
}

static bool svm_sample(struct hmmc_attach *attach, void *leaf, unsigned long start)
{
	return dummy_pt_leaf_sample(leaf, tell_accessed, attach);
}

const struct hmmc_device_ops dummy_svm_ops = {
	.copy = dummy_copy,
	.prepare = svm_prepare,
	.unprepare = svm_unprepare,
	.map = svm_map,
	.zap = svm_zap,
	.flush = svm_flush,
	.retire = svm_retire,
	.sample = svm_sample,
};
