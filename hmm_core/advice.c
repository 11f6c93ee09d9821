// SPDX-License-Identifier: GPL-2.0
/*
 * Advice: what the process wishes for spans of its memory.
 *
 * Invariant: advice never reaches a mapping that was made after the one it was
 * given for was unmapped. Each node has a notifier of its own and room for one
 * cut, the span that munmap took away; a second cut that does not touch the
 * first kills the node, because losing a hint is allowed.
 *
 * Nodes do not overlap and, but for their cut, do not change. A change makes all
 * the nodes it needs, which can fail, and then swaps them for the old ones, which
 * cannot.
 *
 * Locks: advice_lock serialises changes, never held across mmap_lock; tree_lock
 * guards the tree; node->lock guards the cut and is taken by notifiers.
 */
#include <linux/interval_tree.h>
#include <linux/slab.h>

#include "mirror.h"

/* How often a change starts again because munmap cut what it was looking at. */
#define MAX_TRIES	4

struct hmmc_advices {
	struct mm_struct *mm;
	struct mutex lock;		/* advice_lock: one change at a time */
	spinlock_t tree_lock;		/* guards tree */
	struct rb_root_cached tree;
	atomic_t nr_nodes;		/* 0 makes every lookup free */
};

struct node {
	struct mmu_interval_notifier notifier;
	struct interval_tree_node interval;
	struct hmmc_span span;
	struct hmmc_wishes wishes;
	spinlock_t lock;		/* guards what follows */
	struct hmmc_span cut;		/* empty: start == end */
	bool dead;
	unsigned int nr_cuts;
	unsigned int nr_cuts_seen;	/* by the change under way */
	struct list_head link;		/* fresh or old nodes of a change under way */
};

static bool wishes_are_empty(const struct hmmc_wishes *wishes)
{
	return wishes->place == HMMC_PLACE_NONE && !wishes->no_thp &&
	       !wishes->granularity && !wishes->read_mostly &&
	       wishes->atomics == HMMC_ATOMICS_SYSTEM && !wishes->pin;
}

static void node_cut(struct node *node, unsigned long start, unsigned long end)
{
	guard(spinlock)(&node->lock);
	node->nr_cuts++;
	if (node->cut.start == node->cut.end) {
		node->cut = (struct hmmc_span){ start, end };
	} else if (start <= node->cut.end && end >= node->cut.start) {
		node->cut.start = min(node->cut.start, start);
		node->cut.end = max(node->cut.end, end);
	} else {
		node->dead = true;
	}
}

static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct node *node = container_of(notifier, struct node, notifier);

	mmu_interval_set_seq(notifier, cur_seq);
	if (range->event == MMU_NOTIFY_UNMAP)
		node_cut(node, max(range->start, node->span.start),
			 min(range->end, node->span.end));
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
	.invalidate = invalidate,
};

static struct node *find_first(struct hmmc_advices *advices, unsigned long start,
			       unsigned long last)
{
	struct interval_tree_node *interval;

	interval = interval_tree_iter_first(&advices->tree, start, last);
	return interval ? container_of(interval, struct node, interval) : NULL;
}

static bool node_holds(struct node *node, unsigned long addr)
{
	guard(spinlock)(&node->lock);
	return !node->dead && (addr < node->cut.start || addr >= node->cut.end);
}

struct hmmc_wishes hmmc_advice_find(struct hmmc_advices *advices, unsigned long addr)
{
	struct hmmc_wishes none = {};
	struct node *node;

	if (!atomic_read(&advices->nr_nodes))
		return none;
	guard(spinlock)(&advices->tree_lock);
	node = find_first(advices, addr, addr);
	return node && node_holds(node, addr) ? node->wishes : none;
}

/* As hmmc_advice_run(), within a node or the gap before it. */
static unsigned long node_run(struct node *node, unsigned long addr, unsigned long end,
			      struct hmmc_wishes *wishes)
{
	if (node->span.start > addr)
		return node->span.start;
	end = min(end, node->span.end);

	guard(spinlock)(&node->lock);
	if (node->dead)
		return end;
	if (in_range(addr, node->cut.start, node->cut.end - node->cut.start))
		return min(end, node->cut.end);
	*wishes = node->wishes;
	return node->cut.start > addr && node->cut.start < node->cut.end ?
	       min(end, node->cut.start) : end;
}

unsigned long hmmc_advice_run(struct hmmc_advices *advices, unsigned long addr,
			      unsigned long end, struct hmmc_wishes *wishes)
{
	struct node *node;

	*wishes = (struct hmmc_wishes){};
	if (!atomic_read(&advices->nr_nodes))
		return end;
	guard(spinlock)(&advices->tree_lock);
	node = find_first(advices, addr, end - 1);
	return node ? node_run(node, addr, end, wishes) : end;
}

/* Cut @span so that it holds @addr and nothing of [start, end). */
static void clip_off(struct hmmc_span *span, unsigned long addr, unsigned long start,
		     unsigned long end)
{
	if (start > addr)
		span->end = min(span->end, start);
	else if (end <= addr)
		span->start = max(span->start, end);
}

void hmmc_advice_clip(struct hmmc_advices *advices, unsigned long addr, struct hmmc_span *span)
{
	struct interval_tree_node *interval;

	if (!atomic_read(&advices->nr_nodes))
		return;
	guard(spinlock)(&advices->tree_lock);
	for (interval = interval_tree_iter_first(&advices->tree, span->start, span->end - 1);
	     interval;
	     interval = interval_tree_iter_next(interval, span->start, span->end - 1)) {
		if (addr < interval->start || addr > interval->last) {
			clip_off(span, addr, interval->start, interval->last + 1);
		} else {
			span->start = max(span->start, interval->start);
			span->end = min(span->end, interval->last + 1);
		}
	}
}

/* ---- Changes ------------------------------------------------------------- */

/* Nodes that are to replace others. */
struct change {
	struct hmmc_advices *advices;
	struct hmmc_span span;
	enum hmmc_advice advice;
	u64 value;
	unsigned int device;
	struct list_head fresh;
	struct list_head old;
};

static void nodes_destroy(struct list_head *nodes)
{
	struct node *node, *next;

	list_for_each_entry_safe(node, next, nodes, link) {
		mmu_interval_notifier_remove(&node->notifier);
		kfree(node);
	}
	INIT_LIST_HEAD(nodes);
}

/* A fresh node for [start, end), unless there is nothing to say about it. */
static int add_node(struct change *change, unsigned long start, unsigned long end,
		    const struct hmmc_wishes *wishes)
{
	struct node *node;
	int ret;

	if (start >= end || wishes_are_empty(wishes))
		return 0;
	node = hmmc_inject("advice") ? NULL : kzalloc_obj(*node, GFP_KERNEL_ACCOUNT);
	if (!node)
		return -ENOMEM;
	node->span = (struct hmmc_span){ start, end };
	node->interval.start = start;
	node->interval.last = end - 1;
	node->wishes = *wishes;
	spin_lock_init(&node->lock);
	ret = hmmc_inject("advice_notifier") ? -ENOMEM :
	      mmu_interval_notifier_insert(&node->notifier, change->advices->mm, start,
					   end - start, &notifier_ops);
	if (ret) {
		kfree(node);
		return ret;
	}
	list_add_tail(&node->link, &change->fresh);
	return 0;
}

static int add_changed(struct change *change, unsigned long start, unsigned long end,
		       struct hmmc_wishes wishes)
{
	switch (change->advice) {
	case HMMC_ADVICE_RESET:
		wishes = (struct hmmc_wishes){};
		break;
	case HMMC_ADVICE_PLACE:
		wishes.place = change->value;
		wishes.device = change->device;
		break;
	case HMMC_ADVICE_THP:
		wishes.no_thp = change->value;
		break;
	case HMMC_ADVICE_GRANULARITY:
		wishes.granularity = change->value;
		break;
	case HMMC_ADVICE_READ_MOSTLY:
		wishes.read_mostly = change->value;
		break;
	case HMMC_ADVICE_ATOMICS:
		wishes.atomics = change->value;
		break;
	case HMMC_ADVICE_PIN:
		wishes.pin = change->value;
		break;
	}
	return add_node(change, start, end, &wishes);
}

/*
 * Replace a part of an old node that is still in force: what is left of the
 * change, what is inside, what is right of it. @next is where the change has not
 * been covered yet.
 */
static int replace_part(struct change *change, const struct hmmc_wishes *wishes,
			unsigned long start, unsigned long end, unsigned long *next)
{
	unsigned long inner_start = max(start, change->span.start);
	unsigned long inner_end = min(end, change->span.end);
	struct hmmc_wishes none = {};
	int ret;

	if (start >= end)
		return 0;
	ret = add_node(change, start, min(end, change->span.start), wishes);
	if (!ret && inner_start < inner_end) {
		ret = add_changed(change, *next, inner_start, none);
		ret = ret ?: add_changed(change, inner_start, inner_end, *wishes);
		*next = inner_end;
	}
	return ret ?: add_node(change, max(start, change->span.end), end, wishes);
}

static int replace_node(struct change *change, struct node *node, unsigned long *next)
{
	struct hmmc_span cut;
	int ret;

	scoped_guard(spinlock, &node->lock) {
		cut = node->dead ? node->span : node->cut;
		node->nr_cuts_seen = node->nr_cuts;
	}
	list_add_tail(&node->link, &change->old);
	if (cut.start == cut.end)
		return replace_part(change, &node->wishes, node->span.start, node->span.end, next);
	ret = replace_part(change, &node->wishes, node->span.start, cut.start, next);
	return ret ?: replace_part(change, &node->wishes, cut.end, node->span.end, next);
}

/* The tree changes under advice_lock only, so it can be walked without tree_lock. */
static int make_nodes(struct change *change)
{
	unsigned long next = change->span.start;
	unsigned long from = change->span.start;
	struct hmmc_wishes none = {};
	struct node *node;
	int ret;

	while (from < change->span.end) {
		node = find_first(change->advices, from, change->span.end - 1);
		if (!node)
			break;
		ret = replace_node(change, node, &next);
		if (ret)
			return ret;
		from = node->span.end;
	}
	return add_changed(change, next, change->span.end, none);
}

/* Whether munmap cut an old node after it was looked at, when no fresh one saw it. */
static bool was_cut(struct change *change)
{
	struct node *node;

	list_for_each_entry(node, &change->old, link) {
		guard(spinlock)(&node->lock);
		if (node->nr_cuts != node->nr_cuts_seen)
			return true;
	}
	return false;
}

static void swap_nodes(struct change *change)
{
	struct hmmc_advices *advices = change->advices;
	struct node *node;

	guard(spinlock)(&advices->tree_lock);
	list_for_each_entry(node, &change->old, link) {
		interval_tree_remove(&node->interval, &advices->tree);
		atomic_dec(&advices->nr_nodes);
	}
	list_for_each_entry(node, &change->fresh, link) {
		interval_tree_insert(&node->interval, &advices->tree);
		atomic_inc(&advices->nr_nodes);
	}
}

int hmmc_advice_set(struct hmmc_advices *advices, const struct hmmc_span *span,
		    enum hmmc_advice advice, u64 value, unsigned int device)
{
	struct change change = {
		.advices = advices,
		.span = *span,
		.advice = advice,
		.value = value,
		.device = device,
		.fresh = LIST_HEAD_INIT(change.fresh),
		.old = LIST_HEAD_INIT(change.old),
	};
	unsigned int tries = 0;
	int ret;

	if (mutex_lock_killable(&advices->lock))
		return -EINTR;
	do {
		nodes_destroy(&change.fresh);
		INIT_LIST_HEAD(&change.old);
		ret = make_nodes(&change);
		if (!ret && was_cut(&change))
			ret = -EAGAIN;
	} while (ret == -EAGAIN && ++tries < MAX_TRIES);

	if (!ret)
		swap_nodes(&change);
	nodes_destroy(ret ? &change.fresh : &change.old);
	mutex_unlock(&advices->lock);
	return ret;
}

struct hmmc_advices *hmmc_advices_create(struct mm_struct *mm)
{
	struct hmmc_advices *advices;

	advices = hmmc_inject("advices") ? NULL : kzalloc_obj(*advices);
	if (!advices)
		return ERR_PTR(-ENOMEM);
	advices->mm = mm;
	advices->tree = RB_ROOT_CACHED;
	spin_lock_init(&advices->tree_lock);
	mutex_init(&advices->lock);
	return advices;
}

void hmmc_advices_destroy(struct hmmc_advices *advices)
{
	struct node *node;
	LIST_HEAD(nodes);

	while ((node = find_first(advices, 0, ULONG_MAX))) {
		interval_tree_remove(&node->interval, &advices->tree);
		list_add(&node->link, &nodes);
	}
	nodes_destroy(&nodes);
	mutex_destroy(&advices->lock);
	kfree(advices);
}
