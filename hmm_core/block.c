// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks: the struct pages of device memory, and how they outlive the device.
 *
 * Invariant: memunmap_pages() is called on a block only when none of its frames
 * is in use, because it waits for the last of them for ever. A block that still
 * has some when its driver goes is parked: hmm_core holds a reference to itself,
 * a worker looks again, and who touches such a frame gets SIGBUS.
 *
 * A device-private PFN is only a name. The range of physical addresses is one
 * that nothing else uses.
 *
 * Lock: parked_lock guards the list of parked blocks.
 */
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "pool.h"

#define PARKED_PERIOD	HZ
/* Elements that are always there: one per CPU fault path that has nothing else. */
#define SCRATCH_MIN	4

struct kmem_cache *hmmc_scratch_cache;

static DEFINE_MUTEX(parked_lock);
static LIST_HEAD(parked);

static void look_at_parked(struct work_struct *work);
static DECLARE_DELAYED_WORK(parked_work, look_at_parked);

static void folio_free(struct folio *folio)
{
	struct hmmc_block *block = hmmc_block_of(&folio->page);
	struct hmmc_account *account = folio->page.zone_device_data;

	folio->page.zone_device_data = NULL;
	hmmc_pool_free(block, account, folio_pfn(folio), folio_nr_pages(folio));
}

/*
 * Core mm takes a large folio apart; @tail is NULL at the end. The parts are
 * charged to the same account.
 */
static void folio_split_op(struct folio *head, struct folio *tail)
{
	if (!tail)
		return;
	tail->pgmap = head->pgmap;
	tail->page.mapping = head->page.mapping;
	tail->page.zone_device_data = head->page.zone_device_data;
}

/*
 * Core mm found that frames are broken. Never -EOPNOTSUPP: it would then look
 * for a mapping that device pages do not have. Users learn of it when they touch
 * the page, by SIGBUS or a failed job.
 */
static int memory_failure_op(struct dev_pagemap *pgmap, unsigned long pfn,
			     unsigned long nr_pages, int flags)
{
	struct hmmc_block *block = container_of(pgmap, struct hmmc_block, pgmap);
	unsigned long end = pfn + nr_pages;

	for (; pfn < end; pfn++)
		hmmc_pool_retire(block, pfn);
	return 0;
}

static const struct dev_pagemap_ops pagemap_ops = {
	.folio_free = folio_free,
	.folio_split = folio_split_op,
	.migrate_to_ram = hmmc_migrate_to_ram,
	.memory_failure = memory_failure_op,
};

static void init_chunks(struct hmmc_block *block)
{
	unsigned long i;

	for (i = 0; i < block->nr_chunks; i++) {
		struct hmmc_chunk *chunk = &block->chunks[i];

		chunk->block = block;
		INIT_LIST_HEAD(&chunk->link);
		INIT_LIST_HEAD(&chunk->clock);
	}
}

static struct hmmc_block *block_create(struct hmmc_pool *pool, u64 first_frame, u64 size)
{
	unsigned long nr_chunks = size >> HMMC_WINDOW_SHIFT;
	struct hmmc_device *device = pool->device;
	struct hmmc_block *block;
	void *addr;
	int ret;

	block = kvzalloc(struct_size(block, chunks, nr_chunks), GFP_KERNEL);
	if (!block)
		return ERR_PTR(-ENOMEM);
	block->pool = pool;
	block->first_frame = first_frame;
	block->nr_chunks = nr_chunks;
	init_chunks(block);

	ret = gpu_buddy_init(&block->buddy, size, HMMC_WINDOW_SIZE);
	if (ret)
		goto err_free;

	block->res = request_free_mem_region(&iomem_resource, size, "hmm_core");
	if (IS_ERR(block->res)) {
		ret = PTR_ERR(block->res);
		goto err_buddy;
	}

	block->pgmap.type = MEMORY_DEVICE_PRIVATE;
	block->pgmap.nr_range = 1;
	block->pgmap.range.start = block->res->start;
	/* The region is whole sections, but only frames have a chunk. */
	block->pgmap.range.end = block->res->start + size - 1;
	block->pgmap.ops = &pagemap_ops;
	block->pgmap.owner = pool;
	addr = memremap_pages(&block->pgmap, device->nid == NUMA_NO_NODE ?
			      numa_mem_id() : device->nid);
	if (IS_ERR(addr)) {
		ret = PTR_ERR(addr);
		goto err_region;
	}
	block->first_pfn = PHYS_PFN(block->res->start);
	return block;

err_region:
	release_mem_region(block->res->start, resource_size(block->res));
err_buddy:
	gpu_buddy_fini(&block->buddy);
err_free:
	kvfree(block);
	return ERR_PTR(ret);
}

static bool block_is_idle(struct hmmc_block *block)
{
	guard(spinlock_irqsave)(&block->pool->lock);
	return !block->pool->nr_used;
}

/* No frame is in use, and nobody can ask for one. */
static void block_free(struct hmmc_block *block)
{
	unsigned long i;

	for (i = 0; i < block->nr_chunks; i++) {
		struct hmmc_chunk *chunk = &block->chunks[i];

		if (chunk->buddy)
			gpu_buddy_free_block(&block->buddy, chunk->buddy);
	}
	memunmap_pages(&block->pgmap);
	release_mem_region(block->res->start, resource_size(block->res));
	gpu_buddy_fini(&block->buddy);
	kvfree(block);
}

static void pool_free(struct hmmc_pool *pool)
{
	struct hmmc_block *block, *next;

	list_for_each_entry_safe(block, next, &pool->blocks, link)
		block_free(block);
	hmmc_reserve_fini(pool);
	mempool_destroy(pool->scratch);
	kfree(pool);
}

/* Not a slab pool: one takes no cache that has a constructor. */
static void *scratch_alloc(gfp_t gfp, void *unused)
{
	return kmem_cache_alloc(hmmc_scratch_cache, gfp);
}

static void scratch_free(void *scratch, void *unused)
{
	kmem_cache_free(hmmc_scratch_cache, scratch);
}

struct hmmc_pool *hmmc_pool_create(struct hmmc_device *device, u64 size)
{
	struct hmmc_block *block;
	struct hmmc_pool *pool;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	pool->device = device;
	pool->nr_frames = size >> PAGE_SHIFT;
	INIT_LIST_HEAD(&pool->blocks);
	INIT_LIST_HEAD(&pool->empty);
	INIT_LIST_HEAD(&pool->open);
	INIT_LIST_HEAD(&pool->active);
	INIT_LIST_HEAD(&pool->inactive);
	mutex_init(&pool->buddy_mutex);
	spin_lock_init(&pool->lock);

	hmmc_reserve_init(pool);

	pool->scratch = mempool_create(SCRATCH_MIN, scratch_alloc, scratch_free, NULL);
	if (!pool->scratch) {
		pool_free(pool);
		return ERR_PTR(-ENOMEM);
	}

	block = block_create(pool, 0, size);
	if (IS_ERR(block)) {
		pool_free(pool);
		return ERR_CAST(block);
	}
	list_add(&block->link, &pool->blocks);
	return pool;
}

/* Free the pools of parked blocks that have come to rest. */
static void look_at_parked(struct work_struct *work)
{
	struct hmmc_block *block, *next;
	LIST_HEAD(idle);

	scoped_guard(mutex, &parked_lock) {
		list_for_each_entry_safe(block, next, &parked, link) {
			if (block_is_idle(block))
				list_move(&block->link, &idle);
		}
		if (!list_empty(&parked))
			schedule_delayed_work(&parked_work, PARKED_PERIOD);
	}

	list_for_each_entry_safe(block, next, &idle, link) {
		struct hmmc_pool *pool = block->pool;

		list_move(&block->link, &pool->blocks);
		pool_free(pool);
		module_put(THIS_MODULE);
	}
}

/* One block per pool for now, so parking the block parks the pool. */
static void park(struct hmmc_pool *pool, const char *name)
{
	struct hmmc_block *block = list_first_entry(&pool->blocks, struct hmmc_block, link);

	/* Its text holds pagemap_ops, which the block needs to the end. */
	__module_get(THIS_MODULE);
	pr_notice("%s: device gone with %llu pages in use, its struct pages stay until they are free\n",
		  name, pool->nr_used);

	guard(mutex)(&parked_lock);
	list_move(&block->link, &parked);
	schedule_delayed_work(&parked_work, PARKED_PERIOD);
}

void hmmc_pool_destroy(struct hmmc_pool *pool, const char *name)
{
	if (block_is_idle(list_first_entry(&pool->blocks, struct hmmc_block, link)))
		pool_free(pool);
	else
		park(pool, name);
}

/* An object with a constructor is not cleared by init_on_alloc: 24 KiB for each migration. */
static void construct_scratch(void *scratch)
{
}

int hmmc_blocks_init(void)
{
	hmmc_scratch_cache = kmem_cache_create("hmmc_scratch", sizeof(struct hmmc_scratch), 0, 0,
					       construct_scratch);
	return hmmc_scratch_cache ? 0 : -ENOMEM;
}

void hmmc_blocks_exit(void)
{
	cancel_delayed_work_sync(&parked_work);
	kmem_cache_destroy(hmmc_scratch_cache);
}
