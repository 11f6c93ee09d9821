// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve: system pages for CPU faults that find no memory.
 *
 * A process that touches its memory while it is in the device has to get it. The
 * last rung before VM_FAULT_OOM is a page that was set aside when there was
 * memory; a worker puts another in its place, which may wait for reclaim as the
 * fault may not.
 *
 * Lock: reserve->lock, a leaf.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "pool.h"

/* How soon to look for memory again that was not there. */
#define REFILL_PERIOD	(HZ / 10)

/* Whether the page was wanted. */
static bool put_page_back(struct hmmc_reserve_pages *reserve, struct page *page)
{
	guard(spinlock)(&reserve->lock);
	if (reserve->nr == HMMC_RESERVE_SIZE)
		return false;
	reserve->pages[reserve->nr++] = page;
	return true;
}

static void refill(struct work_struct *work)
{
	struct hmmc_reserve_pages *reserve =
		container_of(work, struct hmmc_reserve_pages, refill.work);

	while (READ_ONCE(reserve->nr) < HMMC_RESERVE_SIZE) {
		struct page *page = alloc_page(GFP_HIGHUSER_MOVABLE | __GFP_NOWARN |
					       __GFP_RETRY_MAYFAIL);

		if (!page) {
			queue_delayed_work(system_dfl_wq, &reserve->refill, REFILL_PERIOD);
			break;
		}
		if (!put_page_back(reserve, page))
			__free_page(page);
	}
}

struct folio *hmmc_reserve_take(struct hmmc_pool *pool)
{
	struct hmmc_reserve_pages *reserve = &pool->reserve;
	struct page *page = NULL;

	scoped_guard(spinlock, &reserve->lock) {
		if (reserve->nr)
			page = reserve->pages[--reserve->nr];
	}
	/* Also where there was none: the fault will be back. */
	queue_delayed_work(system_dfl_wq, &reserve->refill, 0);
	if (!page)
		return NULL;
	hmmc_pool_count(pool, HMMC_POOL_RESERVE_TAKEN, 1);
	return page_folio(page);
}

void hmmc_reserve_init(struct hmmc_pool *pool)
{
	spin_lock_init(&pool->reserve.lock);
	INIT_DELAYED_WORK(&pool->reserve.refill, refill);
	queue_delayed_work(system_dfl_wq, &pool->reserve.refill, 0);
}

void hmmc_reserve_fini(struct hmmc_pool *pool)
{
	struct hmmc_reserve_pages *reserve = &pool->reserve;

	/* Nobody takes from it any more: the worker is the last. */
	disable_delayed_work_sync(&reserve->refill);
	while (reserve->nr)
		__free_page(reserve->pages[--reserve->nr]);
}
