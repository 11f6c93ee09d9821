// SPDX-License-Identifier: GPL-2.0
/*
 * The one place that speaks to both halves. A device fault reads as five verbs:
 * decide, reserve, migrate, collect, map. So does a request to migrate.
 *
 * Invariant: a failed migration never fails a fault; what cannot be in device
 * memory is mapped where it is. Every loop is bounded, here and nowhere else.
 *
 * Errors are of three kinds: *raced* (-EBUSY, -EAGAIN: tried again, at most
 * MAX_TRIES times), *permanent* (fails this access only), *resource* (falls back).
 */
#include <linux/hmm.h>
#include <linux/ktime.h>
#include <linux/mmap_lock.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sort.h>

#include "fault.h"
#include "logic/batch.h"
#include "logic/policy.h"
#include "room.h"
#include "trace.h"

/*
 * A fault that lost this often against the CPU fails with -EBUSY. A notifier has
 * to win each time, so this takes a process that works against its own device.
 */
#define MAX_TRIES	64
/*
 * From here on, let whoever wins make progress first, and make requests to migrate
 * wait: a program that moves the same pages to and fro would win for ever, because
 * it is about to move them again by the time a fault has waited for the last move.
 */
#define POLITE_TRIES	8

/*
 * A process that writes to pages it shares does so page by page: after one, this
 * many faults in the window find memory where it is.
 */
#define QUIET_FAULTS	64

/*
 * An atomic that advice allows in device memory only waits so many tries for its
 * page to get there.
 */
#define DEVICE_TRIES	16

/* Entries of this many pages are kept on the stack. */
#define FEW_PAGES	16

/* What one fault carries through its tries. */
struct service {
	struct hmmc_fault *fault;
	struct hmmc_window *window;
	struct hmmc_view *view;
	/* Of this try. */
	struct hmmc_wishes wishes;
	unsigned int tries;
	/* Room for the pages of a decision: @few, or HMMC_WINDOW_PAGES of their own. */
	unsigned long *pfns;
	unsigned long few[FEW_PAGES];
	/* Of the last decision. */
	struct hmmc_facts facts;
	bool held_back;
};

u64 hmmc_device_offset(const struct page *page)
{
	struct hmmc_block *block = hmmc_block_of(page);

	if (hmmc_pool_is_bad(block, page_to_pfn(page), 1))
		return HMMC_NO_OFFSET;
	return hmmc_block_offset(block, page_to_pfn(page));
}

static unsigned long window_page(unsigned long addr)
{
	return (addr & (HMMC_WINDOW_SIZE - 1)) >> PAGE_SHIFT;
}

/* ---- Migrate ------------------------------------------------------------- */

bool hmmc_trim_span(struct hmmc_attach *attach, struct hmmc_window *window,
		    struct hmmc_span *span, unsigned long *pfns)
{
	struct hmmc_pages pages = {
		.window = window,
		.span = *span,
		.owner = attach->device->pool,
		.pfns = pfns,
	};
	unsigned int first = 0;
	unsigned int nr = hmmc_pages_nr(&pages);

	if (hmmc_collect_snapshot(&pages))
		return true;
	while (nr && hmmc_pfn_in_pool(pages.owner, pfns[nr - 1]))
		nr--;
	while (first < nr && hmmc_pfn_in_pool(pages.owner, pfns[first]))
		first++;
	span->end = span->start + nr * PAGE_SIZE;
	span->start += first * PAGE_SIZE;
	return first < nr;
}

/* ---- Decide -------------------------------------------------------------- */

/* What a write finds: present, but not to be written as it is. */
static bool pfn_is_cow(unsigned long pfn, enum hmmc_access access)
{
	return access != HMMC_ACCESS_READ && (pfn & HMM_PFN_VALID) && !(pfn & HMM_PFN_WRITE) &&
	       !is_zero_pfn(pfn & ~HMM_PFN_FLAGS);
}

static enum hmmc_page_state page_state(const struct hmmc_pool *pool, unsigned long pfn)
{
	if (!(pfn & HMM_PFN_VALID) || is_zero_pfn(pfn & ~HMM_PFN_FLAGS))
		return HMMC_STATE_HOLE;
	if (hmmc_pfn_in_pool(pool, pfn))
		return HMMC_STATE_DEVICE;
	return hmm_pfn_to_map_order(pfn) >= HMMC_WINDOW_ORDER ? HMMC_STATE_SYSTEM_HUGE :
								HMMC_STATE_SYSTEM;
}

static enum hmmc_wish wish_of(const struct hmmc_wishes *wishes, const struct hmmc_device *device)
{
	switch (wishes->place) {
	case HMMC_PLACE_SYSTEM:
		return HMMC_WISH_STAY;
	case HMMC_PLACE_DEVICE:
		/* Wished for another device: do not take it away from there. */
		return wishes->device == device->index ? HMMC_WISH_DEVICE : HMMC_WISH_STAY;
	default:
		return HMMC_WISH_NONE;
	}
}

bool hmmc_device_has_thp(const struct hmmc_device *device)
{
	return READ_ONCE(device->thp) &&
	       IS_ENABLED(CONFIG_TRANSPARENT_HUGEPAGE) && PMD_SIZE == HMMC_WINDOW_SIZE;
}

static bool is_device_only(const struct service *service)
{
	return service->fault->access == HMMC_ACCESS_ATOMIC &&
	       service->wishes.atomics == HMMC_ATOMICS_DEVICE;
}

static struct hmmc_decision decide(struct service *service)
{
	struct hmmc_decision decision = hmmc_decide(&service->facts);
	struct hmmc_window *window = service->window;

	trace_hmmc_decide(service->fault->attach->device->name, window->mirror->mm,
			  window->start + decision.first * PAGE_SIZE,
			  window->start + (decision.first + decision.nr) * PAGE_SIZE,
			  service->facts.state, decision.migrate, decision.populate,
			  decision.held_back);
	return decision;
}

static void find_facts(struct service *service, unsigned long pfn)
{
	const struct hmmc_wishes *wishes = &service->wishes;
	struct hmmc_fault *fault = service->fault;
	struct hmmc_device *device = fault->attach->device;
	struct hmmc_facts facts = {
		.state = page_state(device->pool, pfn),
		.wish = wish_of(wishes, device),
		.read_mostly = wishes->read_mostly,
		.device_only = is_device_only(service),
		.write = fault->access != HMMC_ACCESS_READ,
		.thp = hmmc_device_has_thp(device) && !wishes->no_thp,
		.granularity = wishes->granularity ? BIT(wishes->granularity - PAGE_SHIFT) : 0,
		.no_room = hmmc_pool_nr_free(device->pool) < HMMC_WINDOW_PAGES,
		.nr_faults = READ_ONCE(service->view->nr_faults),
		/* Read while others change it: a bit more or less does no harm. */
		.served = service->view->mapped,
		.page = window_page(fault->addr),
		.window_pages = HMMC_WINDOW_PAGES,
	};

	/* What others broke before is no reason to refuse where only the device will do. */
	facts.cow = facts.device_only ? pfn_is_cow(pfn, fault->access) :
					READ_ONCE(service->view->nr_quiet);
	/* A page that is not at home cannot return, and one that is pinned would not stay. */
	if ((facts.state == HMMC_STATE_SYSTEM || facts.state == HMMC_STATE_SYSTEM_HUGE) &&
	    !wishes->pin) {
		facts.held = hmmc_return_is_held(service->view, facts.page);
		facts.unsteady = hmmc_return_is_usual(service->view);
	}
	service->facts = facts;
}

/* ---- Copy-on-write and exclusive ----------------------------------------- */

/*
 * The page is in our memory but not writable, which hmm_range_fault() reports
 * instead of acting on it. Write to it as the CPU would: core mm brings it back
 * and, in a second fault that collect asks for, copies or reuses it.
 */
static int break_cow(struct hmmc_attach *attach, unsigned long addr)
{
	struct mm_struct *mm = attach->mirror->mm;
	int ret;

	hmmc_attach_count(attach, HMMC_ATTACH_COW_BREAKS, 1);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	/* NULL: never retried, so that a userfaultfd fails it rather than make us wait. */
	ret = hmmc_inject("break_cow") ? -ENOMEM :
	      fixup_user_fault(mm, addr, FAULT_FLAG_WRITE | FAULT_FLAG_REMOTE, NULL);
	mmap_read_unlock(mm);
	/* The mapping may have changed: collect, which comes next, says how. */
	return ret == -EFAULT ? 0 : ret;
}

/* Only what is private and anonymous can be taken away from the CPU, or moved. */
static bool can_be_exclusive(struct mm_struct *mm, unsigned long addr)
{
	struct vm_area_struct *vma;
	bool can = false;

	if (mmap_read_lock_killable(mm))
		return false;
	vma = vma_lookup(mm, addr);
	if (vma)
		can = !(vma->vm_flags & (VM_SHARED | VM_SPECIAL)) && !is_vm_hugetlb_page(vma);
	mmap_read_unlock(mm);
	return can;
}

/* Map a system page for atomics: the CPU loses it until it faults on it. */
static int map_exclusive(struct hmmc_window *window, struct hmmc_view *view,
			 const struct hmmc_fault *fault)
{
	struct hmmc_mirror *mirror = window->mirror;
	unsigned long addr = ALIGN_DOWN(fault->addr, PAGE_SIZE);
	struct hmmc_pages pages = {
		.window = window,
		.view = view,
		.span = { addr, addr + PAGE_SIZE },
	};
	struct folio *folio;
	struct page *page;
	int ret;

	if (!can_be_exclusive(mirror->mm, addr))
		return -EOPNOTSUPP;

	pages.view_seq = READ_ONCE(view->seq);
	pages.seq = mmu_interval_read_begin(&window->notifier);
	if (mmap_read_lock_killable(mirror->mm))
		return -EINTR;
	page = hmmc_inject("exclusive") ? ERR_PTR(-EBUSY) :
	       make_device_exclusive(mirror->mm, addr, fault->attach, &folio);
	if (IS_ERR(page)) {
		mmap_read_unlock(mirror->mm);
		ret = PTR_ERR(page);
		/* -EOPNOTSUPP: not anonymous; -EBUSY: raced. */
		return ret == -EFAULT || ret == -EINVAL ? -EOPNOTSUPP : ret;
	}
	/* The folio lock keeps the CPU from taking it back before it is mapped. */
	ret = hmmc_map_exclusive(&pages, page, fault);
	folio_unlock(folio);
	folio_put(folio);
	mmap_read_unlock(mirror->mm);
	if (ret > 0)
		hmmc_attach_count(fault->attach, HMMC_ATTACH_EXCLUSIVES, 1);
	return ret;
}

/* ---- Fault --------------------------------------------------------------- */

/* Make room for a decision, or make the decision fit the room. */
static void fit_pages(struct service *service, struct hmmc_decision *decision)
{
	if (decision->nr <= FEW_PAGES || service->pfns != service->few)
		return;
	service->pfns = hmmc_inject("fault_pages") ? NULL :
			kmalloc_array(HMMC_WINDOW_PAGES, sizeof(*service->pfns),
				      GFP_KERNEL | __GFP_NOWARN);
	if (service->pfns)
		return;
	service->pfns = service->few;
	decision->nr = FEW_PAGES;
	decision->first = window_page(service->fault->addr) & ~(FEW_PAGES - 1);
}

static int migrate_for_fault(struct hmmc_attach *attach, struct hmmc_move *move,
			     struct hmmc_view *view, const struct hmmc_decision *decision)
{
	/* To be turned away would make nothing of a pin, too. */
	if (decision->insist || move->flags & HMMC_MOVE_HOLD)
		return hmmc_migrate_in(attach, move);
	return hmmc_migrate_in_paced(attach, move, view);
}

/* Leave out what was advised otherwise: faults of its own serve it. */
static void clip_decision(struct service *service, struct hmmc_decision *decision)
{
	struct hmmc_window *window = service->window;
	struct hmmc_span span = {
		.start = window->start + decision->first * PAGE_SIZE,
		.end = window->start + (decision->first + decision->nr) * PAGE_SIZE,
	};

	hmmc_advice_clip(window->mirror->advices, service->fault->addr, &span);
	decision->first = window_page(span.start);
	decision->nr = (span.end - span.start) >> PAGE_SHIFT;
}

/* Return: whether it has to stay where it is for lack of room. */
static bool migrate_decided(struct service *service, const struct hmmc_decision *decision)
{
	struct hmmc_attach *attach = service->fault->attach;
	struct hmmc_window *window = service->window;
	struct hmmc_move move = {
		.pool = attach->device->pool,
		.mm = window->mirror->mm,
		.span.start = window->start + decision->first * PAGE_SIZE,
		.span.end = window->start + (decision->first + decision->nr) * PAGE_SIZE,
		.only = service->fault->addr,
		.account = attach->account,
		.flags = (decision->populate ? HMMC_MOVE_POPULATE : 0) |
			 (service->facts.thp ? HMMC_MOVE_THP : 0) |
			 (service->wishes.pin ? HMMC_MOVE_HOLD : 0),
	};
	u64 start_ns;
	int ret;

	if (!bitmap_empty(service->view->mapped, HMMC_WINDOW_PAGES) &&
	    !hmmc_trim_span(attach, window, &move.span, service->pfns))
		return false;
	start_ns = ktime_get_ns();
	ret = migrate_for_fault(attach, &move, service->view, decision);
	if (!move.nr_moved)
		return ret == -ENOSPC;
	/* What returns because somebody said so returns at any cost. */
	if (!decision->insist && !service->wishes.pin)
		hmmc_return_note(window, service->view, window_page(move.only), &move.span,
				 start_ns);
	return false;
}

/* Decide how much to serve, and make room for that. */
static struct hmmc_decision decide_span(struct service *service)
{
	struct hmmc_decision decision = decide(service);

	fit_pages(service, &decision);
	clip_decision(service, &decision);
	return decision;
}

/* Whether the access needs nothing of core mm: the page is there, and may be used so. */
static bool pfn_is_enough(unsigned long pfn, enum hmmc_access access)
{
	unsigned long wanted = HMM_PFN_VALID | (access == HMMC_ACCESS_READ ? 0 : HMM_PFN_WRITE);

	return (pfn & (wanted | HMM_PFN_ERROR)) == wanted;
}

/*
 * @pages has the page that faulted, alone, as it was before the decision. Make it
 * have the span that was decided on, with that page as the access needs it.
 */
static int collect(struct service *service, const struct hmmc_decision *decision,
		   struct hmmc_pages *pages)
{
	struct hmmc_fault *fault = service->fault;
	bool enough = !decision->migrate && pfn_is_enough(*pages->pfns, fault->access);
	int ret;

	if (enough && decision->nr == 1)
		return 0;
	pages->span.start = service->window->start + decision->first * PAGE_SIZE;
	pages->span.end = pages->span.start + decision->nr * PAGE_SIZE;
	pages->pfns = service->pfns;
	if (!enough)
		return hmmc_collect(pages, fault->addr, fault->access);
	ret = hmmc_collect_snapshot(pages);
	if (!ret && !pfn_is_enough(pages->pfns[window_page(fault->addr) - decision->first],
				   fault->access))
		ret = -EBUSY;
	return ret;
}

/* The atomic can be done in device memory only, and its page is in system memory. */
static int refuse_system(struct service *service)
{
	struct hmmc_fault *fault = service->fault;

	if (!can_be_exclusive(fault->attach->mirror->mm, fault->addr))
		return -EOPNOTSUPP;
	/* It may have been shared, which collect has ended, or busy for a moment. */
	return service->tries < DEVICE_TRIES ? -EAGAIN : -EOPNOTSUPP;
}

/* Map what was collected. Return: as hmmc_map(), or an error. */
static int map(struct service *service, struct hmmc_pages *pages)
{
	struct hmmc_fault *fault = service->fault;
	unsigned long pfn = pages->pfns[(fault->addr - pages->span.start) >> PAGE_SHIFT];
	struct hmmc_pool *pool = fault->attach->device->pool;
	struct hmmc_block *block;
	int ret;

	if (fault->access != HMMC_ACCESS_READ && !(pfn & HMM_PFN_WRITE)) {
		WRITE_ONCE(service->view->nr_quiet, QUIET_FAULTS);
		return break_cow(fault->attach, fault->addr) ?: -EAGAIN;
	}
	block = hmmc_pool_block(pool, pfn & ~HMM_PFN_FLAGS);
	if (!block) {
		if (is_device_only(service))
			return refuse_system(service);
		if (fault->access == HMMC_ACCESS_ATOMIC && READ_ONCE(hmmc_exclusive))
			return map_exclusive(service->window, service->view, fault);
		return hmmc_map(pages, fault->access, hmmc_device_offset, fault);
	}
	pfn &= ~HMM_PFN_FLAGS;
	if (hmmc_pool_is_bad(block, pfn, 1))
		return -EHWPOISON;
	ret = hmmc_map(pages, fault->access, hmmc_device_offset, fault);
	/* All that is known of a device without access bits. */
	if (ret >= 0 && !pool->device->ops->sample)
		hmmc_clock_touch(pool, hmmc_block_offset(block, pfn));
	return ret;
}

static int serve_once(struct service *service)
{
	struct hmmc_fault *fault = service->fault;
	struct hmmc_decision decision;
	unsigned long pfn;
	struct hmmc_pages pages = {
		.window = service->window,
		.view = service->view,
		.span.start = ALIGN_DOWN(fault->addr, PAGE_SIZE),
		.span.end = ALIGN_DOWN(fault->addr, PAGE_SIZE) + PAGE_SIZE,
		.owner = fault->attach->device->pool,
		.pfns = &pfn,
	};
	int ret;

	service->wishes = hmmc_advice_find(service->window->mirror->advices, fault->addr);
	if (fault->access == HMMC_ACCESS_ATOMIC && service->wishes.atomics == HMMC_ATOMICS_NONE)
		return -EOPNOTSUPP;
	/* Look at the page that faulted, so that the decision is not a guess. */
	ret = hmmc_collect_snapshot(&pages);
	if (ret == -EBUSY)
		return ret;
	/* Whatever else is wrong with the page, collect says it more exactly. */
	if (ret)
		pfn = 0;
	if (pfn_is_cow(pfn, fault->access))
		WRITE_ONCE(service->view->nr_quiet, QUIET_FAULTS);
	find_facts(service, pfn);
	decision = decide_span(service);
	if (decision.migrate && migrate_decided(service, &decision)) {
		/* As if that had been wished: more of it in place takes no room. */
		service->facts.wish = HMMC_WISH_STAY;
		decision = decide_span(service);
	}
	service->held_back = decision.held_back;
	ret = collect(service, &decision, &pages);
	return ret ?: map(service, &pages);
}

/* Hints for the next decision: what two faults lose to each other does no harm. */
static void note_fault(struct hmmc_view *view)
{
	unsigned int nr_quiet = READ_ONCE(view->nr_quiet);

	WRITE_ONCE(view->nr_faults, view->nr_faults + 1);
	if (nr_quiet)
		WRITE_ONCE(view->nr_quiet, nr_quiet - 1);
}

static bool is_raced(int ret)
{
	return ret == -EBUSY || ret == -EAGAIN;
}

/* Try until it does not lose a race, or has lost too many. */
static int serve_raced(struct service *service)
{
	struct hmmc_window *window = service->window;
	bool starving = false;
	int ret = -EBUSY;

	while (service->tries++ < MAX_TRIES) {
		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		ret = serve_once(service);
		if (!is_raced(ret))
			break;
		hmmc_attach_count(service->fault->attach, HMMC_ATTACH_FAULT_RETRIES, 1);
		if (service->tries < POLITE_TRIES)
			continue;
		if (!starving)
			atomic_inc(&window->nr_starving);
		starving = true;
		schedule_timeout_killable(1);
	}
	if (starving && atomic_dec_and_test(&window->nr_starving))
		wake_up_all(&window->mirror->served);
	return ret;
}

static int serve(struct service *service)
{
	struct hmmc_fault *fault = service->fault;
	int ret;

	if (hmmc_map_hit(service->window, service->view, fault))
		return 0;

	ret = serve_raced(service);
	if (ret > 0) {
		fault->nr_pages = ret;
		note_fault(service->view);
		if (service->held_back)
			hmmc_return_hold(service->window, service->view);
	}
	switch (ret) {
	case -EAGAIN:
		return -EBUSY;
	case -EIO:
		/* No room in the IOMMU or the bounce buffers. */
		return -ENOMEM;
	default:
		return min(ret, 0);
	}
}

static int fault_in_mirror(struct hmmc_fault *fault, unsigned int *tries)
{
	struct hmmc_mirror *mirror = fault->attach->mirror;
	struct service service = { .fault = fault };
	int ret;

	if (fault->addr >= mirror->mm->task_size)
		return -EFAULT;
	service.pfns = service.few;
	service.window = hmmc_window_get(mirror, fault->addr);
	if (IS_ERR(service.window))
		return PTR_ERR(service.window);
	service.view = hmmc_view_get(service.window, fault->attach);
	ret = IS_ERR(service.view) ? PTR_ERR(service.view) : serve(&service);
	hmmc_window_put(service.window);
	if (service.pfns != service.few)
		kfree(service.pfns);
	*tries = service.tries;
	return ret;
}

static void fault_one(struct hmmc_fault *fault)
{
	struct hmmc_attach *attach = fault->attach;
	unsigned int tries = 0;
	int idx, ret;

	fault->nr_pages = 0;
	idx = hmmc_device_enter(attach->device);
	if (idx < 0) {
		fault->result = idx;
		return;
	}
	ret = -ESRCH;
	if (hmmc_mirror_enter(attach->mirror)) {
		ret = fault_in_mirror(fault, &tries);
		hmmc_mirror_exit(attach->mirror);
	}
	fault->result = ret;
	hmmc_attach_count(attach, HMMC_ATTACH_FAULTS, 1);
	if (ret)
		hmmc_attach_count(attach, HMMC_ATTACH_FAULTS_FAILED, 1);
	trace_hmmc_fault(attach->device->name, attach->mirror->mm, fault->addr, fault->access,
			 tries, fault->nr_pages, ret);
	hmmc_device_exit(attach->device, idx);
}

static struct hmmc_fault_key key_of(const struct hmmc_fault *fault)
{
	return (struct hmmc_fault_key){
		.attach = (unsigned long)fault->attach,
		.page = fault->addr >> PAGE_SHIFT,
		.access = fault->access,
	};
}

static int compare_faults(const void *a, const void *b)
{
	struct hmmc_fault_key key_a = key_of(a);
	struct hmmc_fault_key key_b = key_of(b);

	return hmmc_fault_compare(&key_a, &key_b);
}

void hmmc_fault(struct hmmc_fault *faults, unsigned int nr)
{
	unsigned int i;

	if (nr > 1)
		sort(faults, nr, sizeof(*faults), compare_faults, NULL);
	/*
	 * One that the one before has served is found mapped, unless it has been
	 * zapped again since, and is retired.
	 */
	for (i = 0; i < nr; i++)
		fault_one(&faults[i]);
}
EXPORT_SYMBOL_GPL(hmmc_fault);
