// SPDX-License-Identifier: GPL-2.0
/*
 * What a driver asks for on behalf of its user, rather than because the device
 * faulted: migrate or prefetch a span, see where its pages are, note a wish.
 *
 * Everything goes window by window, so that no lock is held for long and a kill
 * is noticed between two.
 */
#include <linux/hmm.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fault.h"
#include "room.h"

#define MAX_TRIES	16

static bool span_is_good(const struct hmmc_mirror *mirror, const struct hmmc_span *span)
{
	return span->start < span->end && PAGE_ALIGNED(span->start) &&
	       PAGE_ALIGNED(span->end) && span->end <= mirror->mm->task_size;
}

static unsigned long span_nr_pages(const struct hmmc_span *span)
{
	return (span->end - span->start) >> PAGE_SHIFT;
}

/* The part of @span that lies in the window at its start. */
static struct hmmc_span first_window(const struct hmmc_span *span)
{
	return (struct hmmc_span){
		.start = span->start,
		.end = min(span->end, ALIGN_DOWN(span->start, HMMC_WINDOW_SIZE) + HMMC_WINDOW_SIZE),
	};
}

/* Enter what a request needs: the device, then the process. */
static int request_enter(struct hmmc_attach *attach)
{
	int idx = hmmc_device_enter(attach->device);

	if (idx < 0)
		return idx;
	if (hmmc_mirror_enter(attach->mirror))
		return idx;
	hmmc_device_exit(attach->device, idx);
	return -ESRCH;
}

static void request_exit(struct hmmc_attach *attach, int idx)
{
	hmmc_mirror_exit(attach->mirror);
	hmmc_device_exit(attach->device, idx);
}

/* ---- Migrate ------------------------------------------------------------- */

/* A request of up to this many pages needs no memory. */
#define FEW_PAGES	16

/* What the request needs for one window. */
struct request {
	struct hmmc_attach *attach;
	struct hmmc_migrate *migrate;
	unsigned long *pfns;
	u8 results[HMMC_WINDOW_PAGES];
	unsigned long few[FEW_PAGES];
};

static int snapshot_retried(struct hmmc_pages *pages)
{
	unsigned int tries = 0;
	int ret;

	do {
		ret = hmmc_collect_snapshot(pages);
	} while (ret == -EBUSY && ++tries < MAX_TRIES && !fatal_signal_pending(current));
	return ret;
}

/* Why a page stayed, from where it is now. */
static enum hmmc_result why_stayed(const struct hmmc_pool *pool, unsigned long pfn,
				   enum hmmc_place wanted)
{
	bool is_device;

	if (pfn & HMM_PFN_ERROR)
		return HMMC_RESULT_BUSY;
	/*
	 * Nothing, or swapped out, under migration, on another device. On the way
	 * in real holes have been told apart already.
	 */
	if (!(pfn & HMM_PFN_VALID))
		return wanted == HMMC_PLACE_DEVICE ? HMMC_RESULT_BUSY : HMMC_RESULT_HOLE;
	if (is_zero_pfn(pfn & ~HMM_PFN_FLAGS))
		return HMMC_RESULT_HOLE;
	is_device = hmmc_pfn_in_pool(pool, pfn);
	return is_device == (wanted == HMMC_PLACE_DEVICE) ? HMMC_RESULT_ALREADY :
							    HMMC_RESULT_BUSY;
}

/* Core mm says only that a page was not collected; look at those pages again. */
static int explain(struct request *request, struct hmmc_window *window,
		   const struct hmmc_span *span)
{
	unsigned int nr = span_nr_pages(span);
	struct hmmc_pages pages = {
		.window = window,
		.span = *span,
		.owner = request->attach->device->pool,
		.pfns = request->pfns,
	};
	unsigned int i;
	int ret;

	if (!memchr(request->results, HMMC_RESULT_BUSY, nr))
		return 0;
	ret = snapshot_retried(&pages);
	if (ret)
		return ret == -EINTR ? ret : 0;
	for (i = 0; i < nr; i++) {
		if (request->results[i] == HMMC_RESULT_BUSY)
			request->results[i] = why_stayed(pages.owner, request->pfns[i],
							 request->migrate->place);
	}
	return 0;
}

/* Pages that share a result with the first. */
static unsigned int result_run(const u8 *results, unsigned int nr)
{
	const u8 *other = memchr_inv(results, results[0], nr);

	return other ? other - results : nr;
}

static void report(struct request *request, const struct hmmc_span *span)
{
	struct hmmc_migrate *migrate = request->migrate;
	unsigned int nr = span_nr_pages(span);
	unsigned int i, len;

	for (i = 0; i < nr; i += len) {
		enum hmmc_result result = request->results[i];

		len = result_run(request->results + i, nr - i);
		migrate->nr[result] += len;
		if (migrate->report)
			migrate->report(migrate->priv, span->start + i * PAGE_SIZE, len, result);
	}
}

static bool any_device_page(const struct hmmc_pages *pages)
{
	unsigned int i;

	for (i = 0; i < hmmc_pages_nr(pages); i++) {
		if (hmmc_pfn_in_pool(pages->owner, pages->pfns[i]))
			return true;
	}
	return false;
}

/* Core mm moves pages between two devices by way of system memory only. */
static void fetch_from_peers(struct request *request, struct hmmc_window *window,
			     const struct hmmc_span *span)
{
	struct hmmc_pages pages = { .window = window, .span = *span, .pfns = request->pfns };
	struct hmmc_device *peer;

	guard(srcu)(&hmmc_srcu);
	for_each_hmmc_device(peer) {
		struct hmmc_move move = {
			.pool = peer->pool,
			.mm = window->mirror->mm,
			.span = *span,
		};

		if (peer == request->attach->device || !READ_ONCE(peer->pool->nr_used))
			continue;
		pages.owner = peer->pool;
		if (!snapshot_retried(&pages) && any_device_page(&pages))
			hmmc_move_out(&move);
	}
}

/* Whether a migration may zap entries that need not go. A hint. */
static bool window_is_mapped(const struct request *request, struct hmmc_window *window)
{
	struct hmmc_view *view = READ_ONCE(window->views[request->attach->index]);

	return view && !bitmap_empty(view->mapped, HMMC_WINDOW_PAGES);
}

/* Move one window's part of the span, and say what became of it. */
static int move_window(struct request *request, struct hmmc_window *window,
		       const struct hmmc_span *span)
{
	struct hmmc_attach *attach = request->attach;
	struct hmmc_migrate *migrate = request->migrate;
	struct hmmc_wishes wishes = hmmc_advice_find(attach->mirror->advices, span->start);
	bool thp = hmmc_device_has_thp(attach->device);
	struct hmmc_move move = {
		.pool = attach->device->pool,
		.mm = attach->mirror->mm,
		.span = *span,
		.account = attach->account,
		.flags = (migrate->flags & HMMC_MIGRATE_POPULATE ? HMMC_MOVE_POPULATE : 0) |
			 (wishes.pin ? HMMC_MOVE_HOLD : 0),
	};
	int ret = 0;

	memset(request->results, HMMC_RESULT_ALREADY, span_nr_pages(span));
	if (migrate->place == HMMC_PLACE_SYSTEM) {
		move.results = request->results;
		ret = hmmc_move_out(&move);
		scoped_guard(mutex, &window->pt_lock)
			hmmc_return_forget(window, span);
	} else if (!window_is_mapped(request, window) ||
		   hmmc_trim_span(attach, window, &move.span, request->pfns)) {
		fetch_from_peers(request, window, &move.span);
		if (thp && !wishes.no_thp)
			move.flags |= HMMC_MOVE_THP;
		move.results = request->results +
			       ((move.span.start - span->start) >> PAGE_SHIFT);
		ret = hmmc_migrate_in(attach, &move);
	}
	if (ret && ret != -ENOSPC)
		return ret;
	ret = move.nr_moved == span_nr_pages(span) ? 0 : explain(request, window, span);
	if (!ret)
		report(request, span);
	return ret;
}

/* Map what is populated in one window's part of the span. */
static int map_window(struct request *request, struct hmmc_window *window,
		      const struct hmmc_span *span)
{
	enum hmmc_access access = request->migrate->flags & HMMC_MIGRATE_WRITE ?
				  HMMC_ACCESS_WRITE : HMMC_ACCESS_READ;
	struct hmmc_pages pages = {
		.window = window,
		.span = *span,
		.owner = request->attach->device->pool,
		.pfns = request->pfns,
	};
	unsigned int tries;
	int ret;

	pages.view = hmmc_view_get(window, request->attach);
	if (IS_ERR(pages.view))
		return PTR_ERR(pages.view);
	for (tries = 0; tries < MAX_TRIES; tries++) {
		ret = hmmc_collect_snapshot(&pages);
		if (!ret)
			ret = hmmc_map(&pages, access, hmmc_device_offset, NULL);
		if (ret != -EBUSY && ret != -EAGAIN)
			break;
	}
	if (ret > 0)
		request->migrate->mapped += ret;
	/* A prefetch that lost its races is no error: the fault will come. */
	return ret == -EINTR ? ret : 0;
}

/*
 * Core mm does not migrate a page that is exclusive to a device. A read by the
 * CPU's path takes it back first.
 */
static int revoke_exclusive(struct hmmc_window *window, const struct hmmc_span *span)
{
	DECLARE_BITMAP(exclusive, HMMC_WINDOW_PAGES) = {};
	unsigned int i = (span->start - window->start) >> PAGE_SHIFT;
	unsigned int end = (span->end - window->start) >> PAGE_SHIFT;
	unsigned int v;

	scoped_guard(mutex, &window->pt_lock) {
		for (v = 0; v < HMMC_MAX_ATTACHES; v++) {
			if (window->views[v])
				bitmap_or(exclusive, exclusive, window->views[v]->exclusive,
					  HMMC_WINDOW_PAGES);
		}
	}
	for_each_set_bit_from(i, exclusive, end) {
		unsigned long addr = window->start + i * PAGE_SIZE;
		unsigned long pfn;
		struct hmmc_pages pages = {
			.window = window,
			.span = { addr, addr + PAGE_SIZE },
			.pfns = &pfn,
		};

		/* Taking it back is an invalidation, so that the first read races itself. */
		if (hmmc_collect(&pages, addr, HMMC_ACCESS_READ) == -EINTR)
			return -EINTR;
	}
	return 0;
}

/* A request that comes later than a fault which keeps losing waits for that, a while. */
#define STARVING_WAIT	(HZ / 5)

static int request_window(struct request *request, const struct hmmc_span *span)
{
	struct hmmc_migrate *migrate = request->migrate;
	struct hmmc_window *window;
	int ret = 0;

	window = hmmc_window_get(request->attach->mirror, span->start);
	if (IS_ERR(window))
		return PTR_ERR(window);
	if (!(migrate->flags & HMMC_MIGRATE_KEEP)) {
		if (wait_event_killable_timeout(window->mirror->served,
						!atomic_read(&window->nr_starving),
						STARVING_WAIT) < 0)
			ret = -EINTR;
		ret = ret ?: revoke_exclusive(window, span);
		ret = ret ?: move_window(request, window, span);
	}
	if (!ret && (migrate->flags & HMMC_MIGRATE_MAP))
		ret = map_window(request, window, span);
	hmmc_window_put(window);
	return ret;
}

/*
 * Address spaces are mostly empty: leave out what no VMA covers, at once. Return:
 * 0 or -EINTR.
 */
static int skip_unmapped(struct request *request, struct hmmc_span *left)
{
	struct hmmc_migrate *migrate = request->migrate;
	struct mm_struct *mm = request->attach->mirror->mm;
	struct vm_area_struct *vma;
	unsigned long end;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma_intersection(mm, left->start, left->end);
	end = vma ? max(vma->vm_start, left->start) : left->end;
	mmap_read_unlock(mm);

	if (end > left->start) {
		unsigned long nr = (end - left->start) >> PAGE_SHIFT;

		migrate->nr[HMMC_RESULT_UNMAPPED] += nr;
		if (migrate->report)
			migrate->report(migrate->priv, left->start, nr, HMMC_RESULT_UNMAPPED);
		left->start = end;
	}
	return 0;
}

static bool migrate_is_good(const struct hmmc_mirror *mirror, const struct hmmc_migrate *migrate)
{
	unsigned int known = HMMC_MIGRATE_POPULATE | HMMC_MIGRATE_MAP | HMMC_MIGRATE_WRITE |
			     HMMC_MIGRATE_KEEP;

	if (!span_is_good(mirror, &migrate->span) || (migrate->flags & ~known))
		return false;
	if ((migrate->flags & (HMMC_MIGRATE_WRITE | HMMC_MIGRATE_KEEP)) &&
	    !(migrate->flags & HMMC_MIGRATE_MAP))
		return false;
	if (migrate->place == HMMC_PLACE_SYSTEM)
		return !migrate->flags;
	return migrate->place == HMMC_PLACE_DEVICE;
}

int hmmc_migrate(struct hmmc_attach *attach, struct hmmc_migrate *migrate)
{
	struct request request = { .attach = attach, .migrate = migrate };
	struct hmmc_span left = migrate->span;
	int idx, ret = 0;

	memset(migrate->nr, 0, sizeof(migrate->nr));
	migrate->mapped = 0;
	if (!migrate_is_good(attach->mirror, migrate))
		return -EINVAL;
	idx = request_enter(attach);
	if (idx < 0)
		return idx;
	request.pfns = request.few;
	if (span_nr_pages(&left) > FEW_PAGES)
		request.pfns = hmmc_inject("request_pages") ? NULL :
			       kmalloc_array(HMMC_WINDOW_PAGES, sizeof(*request.pfns), GFP_KERNEL);
	if (!request.pfns) {
		request_exit(attach, idx);
		return -ENOMEM;
	}

	while (!ret && left.start < left.end) {
		struct hmmc_wishes wishes;
		struct hmmc_span span;

		/* Kill waits for us, and gaps may be many. */
		if (READ_ONCE(attach->device->dead)) {
			ret = -ENODEV;
			break;
		}
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		ret = skip_unmapped(&request, &left);
		if (ret || left.start == left.end)
			break;
		span = first_window(&left);
		/* What moves in together was advised the same. */
		if (migrate->place == HMMC_PLACE_DEVICE)
			span.end = hmmc_advice_run(attach->mirror->advices, span.start, span.end,
						   &wishes);
		ret = request_window(&request, &span);
		left.start = span.end;
		cond_resched();
	}
	if (request.pfns != request.few)
		kfree(request.pfns);
	request_exit(attach, idx);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmc_migrate);

/* ---- Snapshot ------------------------------------------------------------ */

static void describe_pfn(struct hmmc_page *page, unsigned long pfn,
			 const struct hmmc_device *owner, enum hmmc_place device_place)
{
	if ((pfn & (HMM_PFN_VALID | HMM_PFN_ERROR)) != HMM_PFN_VALID)
		return;
	page->place = HMMC_PLACE_SYSTEM;
	page->order = hmm_pfn_to_map_order(pfn);
	page->flags |= HMMC_PAGE_READ;
	if (pfn & HMM_PFN_WRITE)
		page->flags |= HMMC_PAGE_WRITE;
	if (is_zero_pfn(pfn & ~HMM_PFN_FLAGS)) {
		page->flags |= HMMC_PAGE_ZERO;
	} else if (hmmc_pfn_in_pool(owner->pool, pfn)) {
		page->place = device_place;
		page->device = owner;
	}
}

/* Core mm shows device pages only to their owner: ask as each device in turn. */
static int describe_peers(struct hmmc_pages *pages, const struct hmmc_device *own,
			  struct hmmc_page *out)
{
	unsigned int nr = hmmc_pages_nr(pages);
	struct hmmc_device *peer;
	unsigned int i;
	int ret;

	guard(srcu)(&hmmc_srcu);
	for_each_hmmc_device(peer) {
		if (peer == own)
			continue;
		pages->owner = peer->pool;
		ret = snapshot_retried(pages);
		if (ret)
			return ret;
		for (i = 0; i < nr; i++) {
			if (out[i].place == HMMC_PLACE_NONE)
				describe_pfn(&out[i], pages->pfns[i], peer, HMMC_PLACE_PEER);
		}
	}
	return 0;
}

/* What our own page tables have; exclusive entries are hidden from everybody else. */
static void describe_views(struct hmmc_window *window, const struct hmmc_attach *attach,
			   const struct hmmc_span *span, struct hmmc_page *out)
{
	unsigned int first = (span->start - window->start) >> PAGE_SHIFT;
	unsigned int nr = span_nr_pages(span);
	unsigned int i, v;

	guard(mutex)(&window->pt_lock);
	for (v = 0; v < HMMC_MAX_ATTACHES; v++) {
		struct hmmc_view *view = window->views[v];

		if (!view)
			continue;
		for (i = 0; i < nr; i++) {
			struct hmmc_page *page = &out[i];

			if (test_bit(first + i, view->exclusive)) {
				page->place = HMMC_PLACE_SYSTEM;
				page->flags |= HMMC_PAGE_EXCLUSIVE | HMMC_PAGE_READ |
					       HMMC_PAGE_WRITE;
			}
			if (view->attach != attach || !test_bit(first + i, view->mapped))
				continue;
			page->flags |= HMMC_PAGE_MAPPED;
			if (test_bit(first + i, view->writable))
				page->flags |= HMMC_PAGE_MAPPED_WRITE;
			if (view->huge)
				page->flags |= HMMC_PAGE_MAPPED_HUGE;
		}
	}
}

static int snapshot_window(struct hmmc_attach *attach, const struct hmmc_span *span,
			   struct hmmc_page *out)
{
	unsigned int nr = span_nr_pages(span);
	struct hmmc_pages pages = { .span = *span, .owner = attach->device->pool };
	unsigned int i;
	int ret;

	pages.pfns = hmmc_inject("snapshot_pages") ? NULL :
		     kmalloc_array(nr, sizeof(*pages.pfns), GFP_KERNEL);
	if (!pages.pfns)
		return -ENOMEM;
	pages.window = hmmc_window_get(attach->mirror, span->start);
	if (IS_ERR(pages.window)) {
		ret = PTR_ERR(pages.window);
		goto out_free;
	}
	memset(out, 0, nr * sizeof(*out));
	ret = snapshot_retried(&pages);
	if (ret)
		goto out_put;
	for (i = 0; i < nr; i++)
		describe_pfn(&out[i], pages.pfns[i], attach->device, HMMC_PLACE_DEVICE);
	ret = describe_peers(&pages, attach->device, out);
	if (!ret)
		describe_views(pages.window, attach, span, out);
out_put:
	hmmc_window_put(pages.window);
out_free:
	kfree(pages.pfns);
	return ret;
}

int hmmc_snapshot(struct hmmc_attach *attach, const struct hmmc_span *span,
		  struct hmmc_page *pages)
{
	struct hmmc_span part;
	int idx, ret;

	if (!span_is_good(attach->mirror, span))
		return -EINVAL;
	part = first_window(span);
	if (part.end != span->end)
		return -EINVAL;
	idx = request_enter(attach);
	if (idx < 0)
		return idx;
	ret = snapshot_window(attach, span, pages);
	request_exit(attach, idx);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmc_snapshot);

/* ---- Advise -------------------------------------------------------------- */

static bool advice_is_good(enum hmmc_advice advice, u64 value)
{
	switch (advice) {
	case HMMC_ADVICE_RESET:
		return !value;
	case HMMC_ADVICE_PLACE:
		return value == HMMC_PLACE_NONE || value == HMMC_PLACE_SYSTEM ||
		       value == HMMC_PLACE_DEVICE;
	case HMMC_ADVICE_THP:
	case HMMC_ADVICE_READ_MOSTLY:
	case HMMC_ADVICE_PIN:
		return value <= 1;
	case HMMC_ADVICE_ATOMICS:
		return value <= HMMC_ATOMICS_NONE;
	case HMMC_ADVICE_GRANULARITY:
		return !value || (value >= PAGE_SHIFT && value <= HMMC_WINDOW_SHIFT);
	default:
		return false;
	}
}

/* Whether there may be entries that the wish would not have allowed. */
static bool advice_forbids(enum hmmc_advice advice, u64 value)
{
	return (advice == HMMC_ADVICE_READ_MOSTLY || advice == HMMC_ADVICE_ATOMICS) && value;
}

/* What is mapped was mapped without the wish: let the devices ask again. */
static void zap_advised(struct hmmc_mirror *mirror, const struct hmmc_span *span)
{
	struct hmmc_window *window;
	struct hmmc_span part = { .start = span->start };

	while (part.start < span->end &&
	       (window = hmmc_window_next(mirror, part.start, span->end))) {
		part.start = max(part.start, window->start);
		part.end = min(span->end, window->start + HMMC_WINDOW_SIZE);
		/* Who is being killed does not care what stays exclusive. */
		revoke_exclusive(window, &part);
		hmmc_window_zap(window, &part);
		hmmc_window_put(window);
		part.start = part.end;
		cond_resched();
	}
}

int hmmc_advise(struct hmmc_attach *attach, const struct hmmc_span *span,
		enum hmmc_advice advice, u64 value)
{
	int idx, ret;

	if (!span_is_good(attach->mirror, span) || !advice_is_good(advice, value))
		return -EINVAL;
	idx = request_enter(attach);
	if (idx < 0)
		return idx;
	ret = hmmc_advice_set(attach->mirror->advices, span, advice, value,
			      attach->device->index);
	if (!ret && advice_forbids(advice, value))
		zap_advised(attach->mirror, span);
	request_exit(attach, idx);
	return ret;
}
EXPORT_SYMBOL_GPL(hmmc_advise);
