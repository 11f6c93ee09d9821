// SPDX-License-Identifier: GPL-2.0
/*
 * Frames for the driver's own use, such as buffer objects: contiguous, pinned, and
 * whole chunks of the buddy allocator, whatever their size. They have no struct-page
 * life, are never evicted, and count against the same limits as process memory.
 *
 * Locks: pool->buddy_mutex, then pool->lock.
 */
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "room.h"

struct hmmc_frames {
	struct hmmc_pool *pool;
	struct hmmc_block *block;
	struct hmmc_account *account;	/* charged for them, or NULL */
	struct dmem_cgroup_pool_state *cgroup;
	struct list_head buddies;
	u64 offset;
	u64 size;
};

static int pin(struct hmmc_frames *frames)
{
	struct hmmc_pool *pool = frames->pool;
	struct hmmc_block *block = frames->block;
	struct gpu_buddy_block *buddy;
	int ret;

	guard(mutex)(&pool->buddy_mutex);
	hmmc_pool_drain_empty(pool);
	ret = gpu_buddy_alloc_blocks(&block->buddy, 0, block->buddy.size,
				     ALIGN(frames->size, HMMC_WINDOW_SIZE), HMMC_WINDOW_SIZE,
				     &frames->buddies, GPU_BUDDY_CONTIGUOUS_ALLOCATION);
	if (ret)
		return ret;

	frames->offset = U64_MAX;
	list_for_each_entry(buddy, &frames->buddies, link)
		frames->offset = min(frames->offset, gpu_buddy_block_offset(buddy));

	scoped_guard(spinlock_irqsave, &pool->lock)
		pool->nr_pinned += ALIGN(frames->size, HMMC_WINDOW_SIZE) >> PAGE_SHIFT;
	frames->offset += block->first_frame << PAGE_SHIFT;
	return 0;
}

/* Whole chunks, whatever the size. */
static u64 nr_frames_of(const struct hmmc_frames *frames)
{
	return ALIGN(frames->size, HMMC_WINDOW_SIZE) >> PAGE_SHIFT;
}

/*
 * Make as much room as it takes. Each turn empties at least a chunk, so this ends;
 * contiguous room may need more than the size in all.
 */
static int pin_evicting(struct hmmc_frames *frames)
{
	struct hmmc_pool *pool = frames->pool;
	int ret;

	while ((ret = pin(frames)) == -ENOSPC) {
		if (fatal_signal_pending(current) ||
		    !hmmc_room_make(pool, hmmc_pool_nr_free(pool) + HMMC_WINDOW_PAGES,
				    HMMC_EVICT_REQUEST))
			break;
	}
	return ret;
}

static int pin_charged(struct hmmc_frames *frames)
{
	u64 nr = nr_frames_of(frames);
	int ret;

	ret = hmmc_dmem_pin(frames->pool, nr << PAGE_SHIFT, &frames->cgroup);
	if (ret)
		return ret;
	if (frames->account)
		ret = hmmc_account_pin(frames->account, nr);
	if (ret)
		goto err_unpin_cgroup;
	ret = pin_evicting(frames);
	if (ret)
		goto err_unpin_account;
	return 0;

err_unpin_account:
	if (frames->account)
		hmmc_account_unpin(frames->account, nr);
err_unpin_cgroup:
	hmmc_dmem_unpin(frames->cgroup, nr << PAGE_SHIFT);
	return ret;
}

struct hmmc_frames *hmmc_frames_pin(struct hmmc_device *device, struct hmmc_attach *attach,
				    u64 size)
{
	struct hmmc_pool *pool = device->pool;
	struct hmmc_frames *frames;
	int ret, idx;

	if (!size || !PAGE_ALIGNED(size) || size > (pool->nr_frames << PAGE_SHIFT))
		return ERR_PTR(size && PAGE_ALIGNED(size) ? -ENOSPC : -EINVAL);

	idx = hmmc_device_enter(device);
	if (idx < 0)
		return ERR_PTR(idx);

	ret = -ENOMEM;
	frames = hmmc_inject("pinned_frames") ? NULL : kzalloc_obj(*frames);
	if (!frames)
		goto out_exit;
	frames->pool = pool;
	frames->block = hmmc_pool_first_block(pool);
	frames->account = attach ? hmmc_attach_account(attach) : NULL;
	frames->size = size;
	INIT_LIST_HEAD(&frames->buddies);

	ret = pin_charged(frames);
	if (ret)
		kfree(frames);
out_exit:
	hmmc_device_exit(device, idx);
	return ret ? ERR_PTR(ret) : frames;
}
EXPORT_SYMBOL_GPL(hmmc_frames_pin);

/* Frames that broke while they were pinned must not be handed out again. */
static void isolate_bad(struct hmmc_frames *frames)
{
	struct hmmc_block *block = frames->block;
	u64 offset = frames->offset - (block->first_frame << PAGE_SHIFT);
	u64 end = offset + frames->size;

	if (!READ_ONCE(frames->pool->has_bad))
		return;
	for (; offset < end; offset += HMMC_WINDOW_SIZE) {
		struct hmmc_chunk *chunk = &block->chunks[offset >> HMMC_WINDOW_SHIFT];

		if (!bitmap_empty(chunk->bad, HMMC_WINDOW_PAGES))
			hmmc_pool_isolate(chunk);
	}
}

void hmmc_frames_unpin(struct hmmc_frames *frames)
{
	struct hmmc_pool *pool;

	if (!frames)
		return;
	pool = frames->pool;
	scoped_guard(mutex, &pool->buddy_mutex) {
		gpu_buddy_free_list(&frames->block->buddy, &frames->buddies, 0);
		isolate_bad(frames);
		scoped_guard(spinlock_irqsave, &pool->lock) {
			pool->nr_pinned -= nr_frames_of(frames);
			hmmc_pool_tell_room(pool);
		}
	}
	if (frames->account)
		hmmc_account_unpin(frames->account, nr_frames_of(frames));
	hmmc_dmem_unpin(frames->cgroup, nr_frames_of(frames) << PAGE_SHIFT);
	kfree(frames);
}
EXPORT_SYMBOL_GPL(hmmc_frames_unpin);

u64 hmmc_frames_offset(const struct hmmc_frames *frames)
{
	return frames->offset;
}
EXPORT_SYMBOL_GPL(hmmc_frames_offset);
