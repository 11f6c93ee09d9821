// SPDX-License-Identifier: GPL-2.0
/*
 * The page table of a VM, in the format of the chip.
 *
 * Invariant: the chip walks the table at any time, so every store to it is one
 * whole entry, a table is complete before an entry leads to it, and it is freed
 * or used again only after the entry is gone and hw_vm_flush() has waited for
 * whoever had seen it.
 *
 * Words: a *leaf* is the table of level 0 for one window, with the entry of level
 * 1 that leads to it, its *slot*. A leaf is *huge* while its slot maps the whole
 * window with one entry; its table then stays aside, so that going back needs no
 * memory. The tables above are there as long as they lead to a leaf. A *spare* is a
 * table that leads nowhere and is empty, kept because zeroing another is most of
 * what the first page of a window costs here.
 *
 * Lock: dummy_pt.lock guards the tables above the leaves, and the spares; memory is
 * not allocated under it, since a job's end may wait for it. A leaf has no lock
 * here: hmm_core calls map and zap under the lock of the window, and buffer objects
 * have dummy_vm.bind_lock.
 *
 *	level 3  root -> [512 GiB] -> level 2 -> [1 GiB] -> level 1 -> [2 MiB]
 *	                                                      slot -> leaf -> page
 */
#include <linux/err.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <hmm_core/hmm_core.h>

#include "dummy_pt.h"

/* Entries of level 0 that one page of the CPU takes. */
#define PAGE_ENTRIES	(PAGE_SIZE / HW_PAGE_SIZE)
#define WINDOW_MASK	(HMMC_WINDOW_SIZE - 1)

/* ---- Tables ------------------------------------------------------------- */

static u64 *table_alloc(void)
{
	return hmmc_inject("gpu_table") ? NULL : (u64 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
}

static void table_free(u64 *table)
{
	free_page((unsigned long)table);
}

/* A table without entries. Return: NULL if there is none to spare. */
static u64 *spare_take(struct dummy_pt *pt)
{
	lockdep_assert_held(&pt->lock);

	return pt->nr_spares ? pt->spares[--pt->nr_spares] : NULL;
}

/* Nothing leads to @table any more, and its entries are gone. */
static void spare_put(struct dummy_pt *pt, u64 *table)
{
	lockdep_assert_held(&pt->lock);
	VM_WARN_ON_ONCE(memchr_inv(table, 0, HW_PAGE_SIZE));

	if (pt->nr_spares < ARRAY_SIZE(pt->spares))
		pt->spares[pt->nr_spares++] = table;
	else
		table_free(table);
}

static u64 table_entry(u64 *table)
{
	return virt_to_phys(table) | HW_PTE_VALID;
}

/* How many entries of a table above the leaves are valid: kept in its struct page. */
static unsigned long table_count(u64 *table)
{
	return page_private(virt_to_page(table));
}

static void table_link(u64 *table, unsigned int index, u64 entry)
{
	set_page_private(virt_to_page(table), table_count(table) + 1);
	/* The new table's content first: the chip may follow at once. */
	smp_store_release(&table[index], entry);
}

static void table_unlink(u64 *table, unsigned int index)
{
	set_page_private(virt_to_page(table), table_count(table) - 1);
	WRITE_ONCE(table[index], 0);
}

/* Bytes that an entry of @level covers. */
static u64 level_size(unsigned int level)
{
	return BIT_ULL(HW_PAGE_SHIFT + 9 * level);
}

/*
 * Walk down to the table of level 1 for @va, making what is missing of spares.
 * Return: NULL if something is missing and there is none to spare.
 */
static u64 *walk_to_level_1(struct dummy_pt *pt, u64 va)
{
	u64 *table = pt->root;
	unsigned int level;

	lockdep_assert_held(&pt->lock);

	for (level = HW_PT_LEVELS - 1; level > 1; level--) {
		unsigned int index = hw_pt_index(va, level);

		if (!table[index]) {
			u64 *spare = spare_take(pt);

			if (!spare)
				return NULL;
			table_link(table, index, table_entry(spare));
		}
		table = hw_pt_table(table[index]);
	}
	return table;
}

/* Put aside the tables above @va that lead nowhere any more. */
static void prune(struct dummy_pt *pt, u64 va)
{
	u64 *tables[HW_PT_LEVELS] = { [HW_PT_LEVELS - 1] = pt->root };
	unsigned int level;

	lockdep_assert_held(&pt->lock);

	for (level = HW_PT_LEVELS - 1; level > 1; level--) {
		u64 entry = tables[level][hw_pt_index(va, level)];

		if (!entry)
			break;
		tables[level - 1] = hw_pt_table(entry);
	}

	for (; level < HW_PT_LEVELS - 1; level++) {
		u64 size = level_size(level + 1);
		u64 start = ALIGN_DOWN(va, size);

		if (table_count(tables[level]))
			break;
		table_unlink(tables[level + 1], hw_pt_index(va, level + 1));
		hw_vm_flush(pt->hw, start, start + size);
		spare_put(pt, tables[level]);
	}
}

/* ---- Leaves ------------------------------------------------------------- */

/* Find or make the way to @va and put @leaf at its end. Return: the spares sufficed. */
static bool leaf_link(struct dummy_pt *pt, struct dummy_pt_leaf *leaf, u64 va)
{
	unsigned int index = hw_pt_index(va, 1);
	u64 *table;

	table = walk_to_level_1(pt, va);
	if (table)
		leaf->table = spare_take(pt);
	if (!leaf->table)
		return false;

	leaf->slot = &table[index];
	table_link(table, index, table_entry(leaf->table));
	return true;
}

static int leaf_init(struct dummy_pt *pt, struct dummy_pt_leaf *leaf, u64 va)
{
	int ret = 0;
	u64 *table;

	mutex_lock(&pt->lock);
	while (!leaf_link(pt, leaf, va)) {
		mutex_unlock(&pt->lock);
		table = table_alloc();
		mutex_lock(&pt->lock);

		if (!table) {
			prune(pt, va);
			ret = -ENOMEM;
			break;
		}
		/* Somebody else may take it, and then gets on with it. */
		spare_put(pt, table);
	}
	mutex_unlock(&pt->lock);
	return ret;
}

struct dummy_pt_leaf *dummy_pt_leaf_create(struct dummy_pt *pt, u64 va)
{
	struct dummy_pt_leaf *leaf;
	int ret;

	leaf = hmmc_inject("gpu_leaf") ? NULL : kzalloc_obj(*leaf, GFP_KERNEL_ACCOUNT);
	if (!leaf)
		return ERR_PTR(-ENOMEM);

	ret = leaf_init(pt, leaf, va);
	if (ret) {
		kfree(leaf);
		return ERR_PTR(ret);
	}
	return leaf;
}

void dummy_pt_leaf_destroy(struct dummy_pt *pt, struct dummy_pt_leaf *leaf, u64 va)
{
	u64 start = va & ~WINDOW_MASK;

	mutex_lock(&pt->lock);
	table_unlink(PTR_ALIGN_DOWN(leaf->slot, HW_PAGE_SIZE), hw_pt_index(va, 1));
	hw_vm_flush(pt->hw, start, start + HMMC_WINDOW_SIZE);
	prune(pt, va);
	spare_put(pt, leaf->table);
	mutex_unlock(&pt->lock);

	kfree(leaf);
}

static bool leaf_is_huge(const struct dummy_pt_leaf *leaf)
{
	return *leaf->slot & HW_PTE_LEAF;
}

/* Back from one huge entry to small ones, which map the same but [@start, @end). */
static void leaf_split(struct dummy_pt_leaf *leaf, u64 start, u64 end)
{
	u64 entry = READ_ONCE(*leaf->slot) & ~HW_PTE_LEAF;
	unsigned int first = hw_pt_index(start, 0);
	unsigned int nr = (end - start) >> HW_PAGE_SHIFT;
	unsigned int i;

	for (i = 0; i < HW_PT_ENTRIES; i++, entry += HW_PAGE_SIZE) {
		if (i - first >= nr)
			leaf->table[i] = entry;
	}
	leaf->used = true;
	/* The table first, for the chip may follow at once. */
	smp_store_release(leaf->slot, table_entry(leaf->table));
}

static void leaf_clear(struct dummy_pt_leaf *leaf, unsigned int first, unsigned int nr)
{
	/* Stores whole entries, however it does it. */
	memset64(&leaf->table[first], 0, nr);
}

/* This and zap are the hot paths: what is done once for each page is in sight. */
void dummy_pt_leaf_map(struct dummy_pt_leaf *leaf, u64 va, const u64 *entries,
		       unsigned int nr_pages)
{
	u64 *to = &leaf->table[hw_pt_index(va, 0)];
	unsigned int i;

	if (leaf_is_huge(leaf))
		leaf_split(leaf, va, va);

	leaf->used = true;
	for (; nr_pages; nr_pages--, entries++, to += PAGE_ENTRIES) {
		u64 entry = *entries;

		if (!(entry & HW_PTE_VALID))
			continue;
		for (i = 0; i < PAGE_ENTRIES; i++)
			WRITE_ONCE(to[i], entry + i * HW_PAGE_SIZE);
	}
}

void dummy_pt_leaf_map_huge(struct dummy_pt_leaf *leaf, u64 entry)
{
	WRITE_ONCE(*leaf->slot, entry | HW_PTE_LEAF);

	/* Left over from before; must be empty when the slot leads here again. */
	if (leaf->used)
		leaf_clear(leaf, 0, HW_PT_ENTRIES);
	leaf->used = false;
}

void dummy_pt_leaf_zap(struct dummy_pt_leaf *leaf, u64 start, u64 end)
{
	bool all = end - start == HMMC_WINDOW_SIZE;

	if (leaf_is_huge(leaf)) {
		if (all)
			WRITE_ONCE(*leaf->slot, table_entry(leaf->table));
		else
			leaf_split(leaf, start, end);
		return;
	}

	leaf_clear(leaf, hw_pt_index(start, 0), (end - start) >> HW_PAGE_SHIFT);
	if (all)
		leaf->used = false;
}

/* Return: the entry as it was if it had ACCESSED, else 0. */
static u64 entry_sample(u64 *at)
{
	u64 entry = READ_ONCE(*at);

	/* The chip may add to it meanwhile. */
	while ((entry & HW_PTE_VALID) && (entry & HW_PTE_ACCESSED)) {
		if (try_cmpxchg64(at, &entry, entry & ~HW_PTE_ACCESSED))
			return entry;
	}
	return 0;
}

unsigned int dummy_pt_leaf_sample(struct dummy_pt_leaf *leaf,
				  void (*accessed)(u64 entry, void *data), void *data)
{
	bool huge = leaf_is_huge(leaf);
	u64 *at = huge ? leaf->slot : leaf->table;
	unsigned int nr = huge ? 1 : HW_PT_ENTRIES;
	unsigned int nr_accessed = 0;

	for (; nr; nr--, at++) {
		u64 entry = entry_sample(at);

		if (!entry)
			continue;
		nr_accessed++;
		accessed(entry, data);
	}
	return nr_accessed;
}

/* ---- Spans of buffer objects -------------------------------------------- */

static unsigned long window_of(u64 va)
{
	return va >> HMMC_WINDOW_SHIFT;
}

static int prepare_window(struct dummy_pt *pt, u64 va)
{
	struct dummy_pt_leaf *leaf;
	int ret;

	if (xa_load(&pt->leaves, window_of(va)))
		return 0;

	leaf = dummy_pt_leaf_create(pt, va);
	if (IS_ERR(leaf))
		return PTR_ERR(leaf);

	ret = xa_insert(&pt->leaves, window_of(va), leaf, GFP_KERNEL_ACCOUNT);
	if (ret)
		dummy_pt_leaf_destroy(pt, leaf, va);
	return ret;
}

/* Free the leaves from window @first to @last that map nothing. */
static void reap_windows(struct dummy_pt *pt, unsigned long first, unsigned long last)
{
	struct dummy_pt_leaf *leaf;
	unsigned long index;

	xa_for_each_range(&pt->leaves, index, leaf, first, last) {
		if (leaf->nr_pages)
			continue;
		xa_erase(&pt->leaves, index);
		dummy_pt_leaf_destroy(pt, leaf, (u64)index << HMMC_WINDOW_SHIFT);
	}
}

/* Have a leaf for every window of [@start, @end), or none that is not needed. */
int dummy_pt_prepare(struct dummy_pt *pt, u64 start, u64 end)
{
	u64 va;
	int ret;

	for (va = start & ~(u64)WINDOW_MASK; va < end; va += HMMC_WINDOW_SIZE) {
		ret = prepare_window(pt, va);
		if (ret)
			goto err_reap;
	}
	return 0;

err_reap:
	reap_windows(pt, window_of(start), window_of(end - 1));
	return ret;
}

/* Map the page at @va, whose window is prepared. */
void dummy_pt_set(struct dummy_pt *pt, u64 va, u64 entry)
{
	struct dummy_pt_leaf *leaf = xa_load(&pt->leaves, window_of(va));

	if (!leaf->table[hw_pt_index(va, 0)])
		leaf->nr_pages++;
	dummy_pt_leaf_map(leaf, va, &entry, 1);
}

static void clear_in_leaf(struct dummy_pt_leaf *leaf, u64 start, u64 end)
{
	u64 va;

	for (va = start; va < end; va += PAGE_SIZE) {
		if (leaf->table[hw_pt_index(va, 0)])
			leaf->nr_pages--;
	}
	dummy_pt_leaf_zap(leaf, start, end);
}

/* Unmap what is mapped in [@start, @end), flush, and free leaves that are empty. */
void dummy_pt_clear(struct dummy_pt *pt, u64 start, u64 end)
{
	unsigned long first = window_of(start);
	unsigned long last = window_of(end - 1);
	struct dummy_pt_leaf *leaf;
	unsigned long index;

	xa_for_each_range(&pt->leaves, index, leaf, first, last) {
		u64 window = (u64)index << HMMC_WINDOW_SHIFT;

		clear_in_leaf(leaf, max(start, window),
			      min(end, window + HMMC_WINDOW_SIZE));
	}
	hw_vm_flush(pt->hw, start, end);
	reap_windows(pt, first, last);
}

/* ---- The whole ---------------------------------------------------------- */

u64 dummy_pt_lookup(struct dummy_pt *pt, u64 va)
{
	unsigned int shift;
	u64 entry;

	if (va >= HW_VA_END)
		return 0;

	mutex_lock(&pt->lock);
	entry = hw_pt_walk(pt->root, va, HW_ACCESS_READ, &shift);
	mutex_unlock(&pt->lock);
	return entry;
}

int dummy_pt_init(struct dummy_pt *pt, struct hw_chip *chip)
{
	/* hmm_core's entries are the chip's as they are. */
	static_assert(HMMC_ENTRY_VALID == HW_PTE_VALID);
	static_assert(HMMC_ENTRY_WRITE == HW_PTE_WRITE);
	static_assert(HMMC_ENTRY_ATOMIC == HW_PTE_ATOMIC);
	static_assert(HMMC_ENTRY_DEVICE == HW_PTE_VRAM);
	static_assert(HMMC_ENTRY_ADDR == HW_PTE_ADDR);
	static_assert(HMMC_WINDOW_SIZE == HW_HUGE_SIZE);
	/* One leaf may need a table of each level but the root. */
	static_assert(ARRAY_SIZE(pt->spares) >= HW_PT_LEVELS - 1);

	pt->root = table_alloc();
	if (!pt->root)
		return -ENOMEM;

	pt->hw = hmmc_inject("gpu_page_table") ? ERR_PTR(-ENOMEM) : hw_vm_create(chip, pt->root);
	if (IS_ERR(pt->hw)) {
		table_free(pt->root);
		return PTR_ERR(pt->hw);
	}

	mutex_init(&pt->lock);
	xa_init(&pt->leaves);
	return 0;
}

void dummy_pt_fini(struct dummy_pt *pt)
{
	WARN_ON(table_count(pt->root));
	while (pt->nr_spares)
		table_free(pt->spares[--pt->nr_spares]);
	xa_destroy(&pt->leaves);
	mutex_destroy(&pt->lock);
	hw_vm_destroy(pt->hw);
	table_free(pt->root);
}
