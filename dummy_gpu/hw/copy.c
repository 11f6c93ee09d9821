// SPDX-License-Identifier: GPL-2.0
/*
 * The copy engine: moves and clears whole pages by physical address.
 *
 * Invariant: batches finish in the order they were pushed, each exactly once.
 * Nothing on that path allocates or takes a lock but that of the queue, so a
 * dma-fence may wait for it.
 *
 * Words: a *batch* is an array of runs; a *piece* is as much of a run as is
 * contiguous in memory on both sides, at most 2 MiB.
 *
 * Lock: hw_copier.lock guards the queue.
 */
#include <linux/io.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "hw_internal.h"

/**
 * struct view - what is known of the memory while a batch is done
 * @chip: whose memory
 * @vram: the stretch of VRAM that was needed last
 * @bus: the same of bus addresses; the next run is often near
 */
struct view {
	struct hw_chip *chip;
	struct hw_stretch vram;
	struct hw_stretch bus;
};

/*
 * copy_page() and clear_page() are the fastest that the CPU has, for whole pages
 * of its own, which may be larger than those of the chip.
 */
static bool by_cpu_page(const void *to, const void *from, u64 size)
{
	return PAGE_ALIGNED(HW_PAGE_SIZE) ||
	       PAGE_ALIGNED((unsigned long)to | (unsigned long)from | size);
}

static void clear(void *to, u64 size)
{
	u64 done;

	if (!by_cpu_page(to, NULL, size)) {
		memset(to, 0, size);
		return;
	}
	for (done = 0; done < size; done += PAGE_SIZE)
		clear_page(to + done);
}

static void copy(void *to, void *from, u64 size)
{
	u64 done;

	if (!by_cpu_page(to, from, size)) {
		memcpy(to, from, size);
		return;
	}
	for (done = 0; done < size; done += PAGE_SIZE)
		copy_page(to + done, from + done);
}

static bool stretch_has(const struct hw_stretch *stretch, u64 addr)
{
	return addr >= stretch->start && addr < stretch->end;
}

/* Have @offset in view. Return: false if nothing is there. */
static bool view_vram(struct view *view, u64 offset)
{
	return likely(stretch_has(&view->vram, offset)) ||
	       hw_vram_stretch(view->chip, offset, &view->vram);
}

static bool view_bus(struct view *view, u64 addr)
{
	return likely(stretch_has(&view->bus, addr)) || hw_bus_stretch(addr, &view->bus);
}

/* A run that wraps around comes to where nothing is before it does. */
static int clear_run(struct view *view, const struct hw_copy_run *run)
{
	u64 vram = run->vram, left = run->size, piece;

	if (!IS_ALIGNED(vram | left, HW_PAGE_SIZE))
		return -EIO;

	for (; left; left -= piece, vram += piece) {
		if (READ_ONCE(view->chip->lost))
			return -ENODEV;
		if (!view_vram(view, vram))
			return -EIO;
		piece = min(left, view->vram.end - vram);
		clear(view->vram.base + vram, piece);
		cond_resched();
	}
	return 0;
}

static int copy_run(struct view *view, enum hw_copy_op op, const struct hw_copy_run *run)
{
	u64 vram = run->vram, bus = run->bus, left = run->size, piece;
	void *in_vram, *in_system;

	if (!IS_ALIGNED(vram | bus | left, HW_PAGE_SIZE))
		return -EIO;

	for (; left; left -= piece, vram += piece, bus += piece) {
		if (READ_ONCE(view->chip->lost))
			return -ENODEV;
		if (!view_vram(view, vram) || !view_bus(view, bus))
			return -EIO;
		piece = min3(left, view->vram.end - vram, view->bus.end - bus);
		in_vram = view->vram.base + vram;
		in_system = view->bus.base + bus;
		if (op == HW_COPY_TO_VRAM)
			copy(in_vram, in_system, piece);
		else
			copy(in_system, in_vram, piece);
		cond_resched();
	}
	return 0;
}

static int do_run(struct view *view, enum hw_copy_op op, const struct hw_copy_run *run)
{
	int ret = op == HW_COPY_CLEAR ? clear_run(view, run) : copy_run(view, op, run);

	/* Afterwards: it exists, and a frame that breaks meanwhile is noticed. */
	if (!ret && hw_vram_is_broken(&view->chip->vram, run->vram, run->size))
		return -EHWPOISON;
	return ret;
}

int hw_copy_now(struct hw_chip *chip, enum hw_copy_op op, const struct hw_copy_run *runs,
		unsigned int nr_runs)
{
	struct view view = { .chip = chip };
	unsigned int i;
	int ret;

	for (i = 0; i < nr_runs; i++) {
		ret = do_run(&view, op, &runs[i]);
		if (ret) {
			WARN_ONCE(ret == -EIO, "dummy_hw: copy %u of %#llx bytes: VRAM %#llx, bus %#llx\n",
				  op, runs[i].size, runs[i].vram, runs[i].bus);
			return ret;
		}
	}
	return 0;
}

void hw_copy_push(struct hw_chip *chip, struct hw_copy *copy)
{
	struct hw_copier *copier = &chip->copier;
	unsigned long flags;

	spin_lock_irqsave(&copier->lock, flags);
	list_add_tail(&copy->link, &copier->queue);
	spin_unlock_irqrestore(&copier->lock, flags);
	wake_up(&copier->wake);
}

static struct hw_copy *pop(struct hw_copier *copier)
{
	struct hw_copy *copy;

	spin_lock_irq(&copier->lock);
	copy = list_first_entry_or_null(&copier->queue, struct hw_copy, link);
	if (copy)
		list_del_init(&copy->link);
	spin_unlock_irq(&copier->lock);
	return copy;
}

static int copier_main(void *data)
{
	struct hw_copier *copier = data;
	struct hw_copy *copy;

	while (!kthread_should_stop()) {
		copy = pop(copier);
		if (copy)
			copy->done(copy, hw_copy_now(copier->chip, copy->op, copy->runs,
						     copy->nr_runs));
		else
			wait_event_idle(copier->wake, !list_empty_careful(&copier->queue) ||
					kthread_should_stop());
	}
	return 0;
}

int hw_copier_init(struct hw_copier *copier, struct hw_chip *chip, int nid)
{
	copier->chip = chip;
	init_waitqueue_head(&copier->wake);
	spin_lock_init(&copier->lock);
	INIT_LIST_HEAD(&copier->queue);

	copier->task = kthread_create_on_node(copier_main, copier, nid, "dummy_hw/copy");
	if (IS_ERR(copier->task))
		return PTR_ERR(copier->task);
	wake_up_process(copier->task);
	return 0;
}

void hw_copier_fini(struct hw_copier *copier)
{
	kthread_stop(copier->task);
}
