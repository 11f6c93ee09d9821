// SPDX-License-Identifier: GPL-2.0
/*
 * Map: collected pages become device page table entries. Zap: they go.
 *
 * Invariant: an entry allows writing only if HMM_PFN_WRITE said so of that very
 * page, and a system folio that a device may write is dirty before the entry is
 * there, so reclaim never takes it for clean.
 *
 * Lock: window->pt_lock, held from the check of the sequences until the entries
 * are written and the access that asked for them has been retired.
 */
#include <linux/hmm.h>
#include <linux/memremap.h>
#include <linux/pagemap.h>

#include "mirror.h"
#include "trace.h"

bool hmmc_exclusive = true;

static unsigned int page_index(const struct hmmc_window *window, unsigned long addr)
{
	return (addr - window->start) >> PAGE_SHIFT;
}

/* ---- Addresses ----------------------------------------------------------- */

/*
 * Long-lived mappings that the DMA API wants back are recorded in view->dma. None
 * may be a bounce buffer: both sides look at the page for as long as it is mapped.
 */
#define DMA_ATTRS	DMA_ATTR_REQUIRE_COHERENT

static dma_addr_t map_page(struct hmmc_device *device, struct page *page, unsigned int nr)
{
	if (device->direct)
		return page_to_phys(page);
	return dma_map_page_attrs(device->dev, page, 0, (size_t)nr << PAGE_SHIFT, DMA_BIDIRECTIONAL,
				  DMA_ATTRS);
}

static void unmap_page(struct device *dev, dma_addr_t dma, size_t size)
{
	if (dma)
		dma_unmap_page_attrs(dev, dma, size, DMA_BIDIRECTIONAL, DMA_ATTRS);
}

static void unmap_dma(struct hmmc_view *view, unsigned int first, unsigned int nr)
{
	struct device *dev = view->attach->device->dev;
	unsigned int i;

	if (!view->attach->device->dma_unmap)
		return;
	if (view->huge) {
		unmap_page(dev, view->dma[0], HMMC_WINDOW_SIZE);
		view->dma[0] = 0;
		return;
	}
	for (i = first; i < first + nr; i++) {
		unmap_page(dev, view->dma[i], PAGE_SIZE);
		view->dma[i] = 0;
	}
}

/* ---- Zap ----------------------------------------------------------------- */

unsigned int hmmc_zap(struct hmmc_window *window, struct hmmc_view *view,
		      const struct hmmc_span *span)
{
	struct hmmc_attach *attach = view->attach;
	const struct hmmc_device_ops *ops = attach->device->ops;
	struct hmmc_span zap = *span;
	unsigned int first, nr, nr_mapped;

	lockdep_assert_held(&window->pt_lock);

	/* One DMA mapping cannot be given back in parts. */
	if (view->huge && attach->device->dma_unmap)
		zap = (struct hmmc_span){ window->start, window->start + HMMC_WINDOW_SIZE };

	first = page_index(window, zap.start);
	nr = (zap.end - zap.start + PAGE_SIZE - 1) >> PAGE_SHIFT;
	if (find_next_bit(view->mapped, HMMC_WINDOW_PAGES, first) >= first + nr)
		return 0;
	nr_mapped = bitmap_weight(view->mapped, HMMC_WINDOW_PAGES);

	ops->zap(attach, view->leaf, &zap);
	ops->flush(attach, &zap);
	bitmap_clear(view->mapped, first, nr);
	bitmap_clear(view->writable, first, nr);
	bitmap_clear(view->atomic, first, nr);
	bitmap_clear(view->exclusive, first, nr);
	unmap_dma(view, first, nr);
	/* What is left of a large entry, the driver has taken apart. */
	view->huge = false;

	nr_mapped -= bitmap_weight(view->mapped, HMMC_WINDOW_PAGES);
	hmmc_attach_count(attach, HMMC_ATTACH_PAGES_ZAPPED, nr_mapped);
	trace_hmmc_zap(attach->device->name, window->mirror->mm, zap.start, zap.end, nr_mapped);
	return nr_mapped;
}

/* ---- Map ----------------------------------------------------------------- */

static void mark_dirty(struct folio *folio)
{
	/* For anonymous memory, in the swap cache or not, it is the flag and nothing else. */
	if (folio_test_anon(folio))
		folio_set_dirty(folio);
	else
		folio_mark_dirty(folio);
}

/* What a pfn allows, before it has an address. */
static __always_inline u64 entry_flags(unsigned long pfn, struct page *page, bool is_device,
				       enum hmmc_access access)
{
	struct folio *folio;

	if (!(pfn & HMM_PFN_WRITE))
		return HMMC_ENTRY_VALID;
	/* The CPU cannot reach device memory: every access there is atomic to it. */
	if (is_device)
		return HMMC_ENTRY_VALID | HMMC_ENTRY_WRITE | HMMC_ENTRY_ATOMIC;

	folio = page_folio(page);
	if (!folio_test_dirty(folio)) {
		/* Not worth writing back for a device that only reads. */
		if (access == HMMC_ACCESS_READ)
			return HMMC_ENTRY_VALID;
		mark_dirty(folio);
	}
	return HMMC_ENTRY_VALID | HMMC_ENTRY_WRITE |
	       (READ_ONCE(hmmc_exclusive) ? 0 : HMMC_ENTRY_ATOMIC);
}

static bool pfn_is_mappable(unsigned long pfn)
{
	return (pfn & (HMM_PFN_VALID | HMM_PFN_ERROR)) == HMM_PFN_VALID;
}

/* ---- Advice -------------------------------------------------------------- */

/*
 * Read under pt_lock: who advises zaps under it afterwards, so that no entry stays
 * that was made without the wish.
 */

/* What an entry must not allow, though the page would. */
static u64 forbidden(const struct hmmc_wishes *wishes, enum hmmc_access access, u64 entry)
{
	bool is_device = entry & HMMC_ENTRY_DEVICE;

	/* A write is to fault, so that it moves the page. */
	if (wishes->read_mostly && access == HMMC_ACCESS_READ && !is_device)
		return HMMC_ENTRY_WRITE | HMMC_ENTRY_ATOMIC;
	switch (wishes->atomics) {
	case HMMC_ATOMICS_SYSTEM:
		return 0;
	case HMMC_ATOMICS_DEVICE:
		return is_device ? 0 : HMMC_ENTRY_ATOMIC;
	default:
		return HMMC_ENTRY_ATOMIC;
	}
}

static void limit_entries(const struct hmmc_pages *pages, enum hmmc_access access, u64 *entries)
{
	unsigned long addr = pages->span.start;
	struct hmmc_wishes wishes;
	unsigned long end;

	for (; addr < pages->span.end; addr = end) {
		end = hmmc_advice_run(pages->window->mirror->advices, addr, pages->span.end,
				      &wishes);
		if (!wishes.read_mostly && wishes.atomics == HMMC_ATOMICS_SYSTEM) {
			entries += (end - addr) >> PAGE_SHIFT;
			continue;
		}
		for (; addr < end; addr += PAGE_SIZE, entries++)
			*entries &= ~forbidden(&wishes, access, *entries);
	}
}

/* Whether the same was advised for all of the pages. */
static bool advice_is_uniform(const struct hmmc_pages *pages, struct hmmc_wishes *wishes)
{
	return hmmc_advice_run(pages->window->mirror->advices, pages->span.start,
			       pages->span.end, wishes) == pages->span.end;
}

/* ---- Entries ------------------------------------------------------------- */

/* Whether one entry can map the window that was collected. */
static bool pages_are_huge(const struct hmmc_pages *pages)
{
	const struct hmmc_device *device = pages->view->attach->device;
	unsigned long pfn = pages->pfns[0];
	struct hmmc_wishes wishes;

	if (!device->huge_entries || hmmc_pages_nr(pages) != HMMC_WINDOW_PAGES ||
	    !advice_is_uniform(pages, &wishes))
		return false;
	return pfn_is_mappable(pfn) &&
	       hmm_pfn_to_map_order(pfn) >= HMMC_WINDOW_ORDER &&
	       IS_ALIGNED(pfn & ~HMM_PFN_FLAGS, HMMC_WINDOW_PAGES);
}

/*
 * Write entries for @nr system pages that are neighbours in memory and allow the
 * same. One call to the DMA API serves them all, unless it wants each back.
 */
static int make_entries(struct hmmc_view *view, u64 *entries, unsigned int index,
			struct page *page, unsigned int nr, u64 flags)
{
	struct hmmc_device *device = view->attach->device;
	dma_addr_t dma = device->dma_unmap ? view->dma[index] : 0;
	unsigned int i;

	/* A recorded address is of this very page, or it had been zapped. */
	if (!dma)
		dma = map_page(device, page, nr);
	if (dma_mapping_error(device->dev, dma))
		return -EIO;
	if (device->dma_unmap)
		view->dma[index] = dma;
	for (i = 0; i < nr; i++, dma += PAGE_SIZE)
		entries[i] = dma | flags;
	return 0;
}

/* Note what the view maps now; nothing if @flags is 0. */
static void note_entries(struct hmmc_view *view, unsigned int first, unsigned int nr, u64 flags)
{
	if (!(flags & HMMC_ENTRY_VALID) || !nr)
		return;
	bitmap_set(view->mapped, first, nr);
	if (flags & HMMC_ENTRY_WRITE)
		bitmap_set(view->writable, first, nr);
	if (flags & HMMC_ENTRY_ATOMIC)
		bitmap_set(view->atomic, first, nr);
}

static void write_entries(struct hmmc_window *window, struct hmmc_view *view,
			  const struct hmmc_map *map, unsigned int nr_valid)
{
	struct hmmc_attach *attach = view->attach;

	attach->device->ops->map(attach, view->leaf, map);
	hmmc_attach_count(attach, HMMC_ATTACH_PAGES_MAPPED, nr_valid);
	trace_hmmc_map(attach->device->name, window->mirror->mm, map->start,
		       map->start + ((unsigned long)map->nr_pages << PAGE_SHIFT), nr_valid);
}

static int map_huge(struct hmmc_pages *pages, enum hmmc_access access,
		    hmmc_offset_fn *device_offset)
{
	struct page *page = hmm_pfn_to_page(pages->pfns[0]);
	bool is_device = is_device_private_page(page);
	u64 flags = entry_flags(pages->pfns[0], page, is_device, access);
	struct hmmc_wishes wishes;
	u64 entry;
	struct hmmc_map map = {
		.start = pages->span.start,
		.nr_pages = HMMC_WINDOW_PAGES,
		.order = HMMC_WINDOW_ORDER,
		.entries = &entry,
	};

	if (is_device) {
		entry = device_offset(page) | flags | HMMC_ENTRY_DEVICE;
	} else {
		struct hmmc_device *device = pages->view->attach->device;
		dma_addr_t dma = map_page(device, page, HMMC_WINDOW_PAGES);

		if (dma_mapping_error(device->dev, dma))
			return -EIO;
		if (device->dma_unmap)
			pages->view->dma[0] = dma;
		entry = dma | flags;
	}
	if (advice_is_uniform(pages, &wishes))
		entry &= ~forbidden(&wishes, access, entry);
	pages->view->huge = true;
	note_entries(pages->view, 0, HMMC_WINDOW_PAGES, entry);
	write_entries(pages->window, pages->view, &map, HMMC_WINDOW_PAGES);
	return HMMC_WINDOW_PAGES;
}

/*
 * How many system pages from @i on are neighbours in memory, allow the same, and so
 * can share a call of the DMA API. @flags are those of the first.
 */
static unsigned int run_length(const struct hmmc_pages *pages, unsigned int i,
			       enum hmmc_access access, u64 flags)
{
	struct page *page = hmm_pfn_to_page(pages->pfns[i]);
	unsigned int nr = hmmc_pages_nr(pages);
	unsigned int len = 1;

	/* A mapping that has to be given back is given back page by page. */
	if (pages->view->attach->device->dma_unmap)
		return 1;
	while (i + len < nr && pages->pfns[i + len] == pages->pfns[i] + len &&
	       entry_flags(pages->pfns[i + len], page + len, false, access) == flags)
		len++;
	return len;
}

/* Whether the view's entry for a page allows all of @flags already. */
static bool is_mapped_well(const struct hmmc_view *view, unsigned int index, u64 flags)
{
	if (flags & HMMC_ENTRY_ATOMIC)
		return test_bit(index, view->atomic);
	if (flags & HMMC_ENTRY_WRITE)
		return test_bit(index, view->writable);
	return test_bit(index, view->mapped);
}

/* The entry for a page that has an address as it is, or 0 if it must not be mapped. */
static __always_inline u64 simple_entry(unsigned long pfn, enum hmmc_access access,
					hmmc_offset_fn *device_offset)
{
	struct page *page = hmm_pfn_to_page(pfn);
	u64 offset;

	if (likely(!is_device_private_page(page)))
		return PFN_PHYS(pfn & ~HMM_PFN_FLAGS) | entry_flags(pfn, page, false, access);
	offset = device_offset(page);
	if (offset == HMMC_NO_OFFSET)
		return 0;
	return offset | entry_flags(pfn, page, true, access) | HMMC_ENTRY_DEVICE;
}

/*
 * Make entries for page @i and neighbours that the DMA API can map together, in
 * place of their pfns. Return: how many.
 */
static unsigned int make_run(struct hmmc_pages *pages, unsigned int i, enum hmmc_access access,
			     hmmc_offset_fn *device_offset)
{
	unsigned int index = page_index(pages->window, pages->span.start) + i;
	struct page *page = hmm_pfn_to_page(pages->pfns[i]);
	u64 *entries = (u64 *)pages->pfns;
	unsigned int len;
	u64 flags;

	if (is_device_private_page(page)) {
		entries[i] = simple_entry(pages->pfns[i], access, device_offset);
		return 1;
	}
	flags = entry_flags(pages->pfns[i], page, false, access);
	len = run_length(pages, i, access, flags);
	if (make_entries(pages->view, entries + i, index, page, len, flags))
		memset(entries + i, 0, len * sizeof(*entries));
	return len;
}

/* Make entries of all pages, in place of their pfns. */
static void make_all(struct hmmc_pages *pages, enum hmmc_access access,
		     hmmc_offset_fn *device_offset)
{
	bool direct = pages->view->attach->device->direct;
	unsigned int nr = hmmc_pages_nr(pages);
	unsigned long *pfns = pages->pfns;
	unsigned int i, len;

	BUILD_BUG_ON(sizeof(u64) != sizeof(*pfns));

	for (i = 0; i < nr; i += len) {
		len = 1;
		if (!pfn_is_mappable(pfns[i]))
			pfns[i] = 0;
		else if (direct)
			pfns[i] = simple_entry(pfns[i], access, device_offset);
		else
			len = make_run(pages, i, access, device_offset);
	}
}

/*
 * Leave those alone that allow as much already: they may allow more, as an exclusive
 * one does. Return: how many.
 */
static unsigned int skip_mapped(const struct hmmc_view *view, unsigned int first,
				unsigned int nr, u64 *entries)
{
	unsigned int skipped = 0;
	unsigned int i = first;

	for_each_set_bit_from(i, view->mapped, first + nr) {
		u64 *entry = &entries[i - first];

		if (*entry && is_mapped_well(view, i, *entry)) {
			*entry = 0;
			skipped++;
		}
	}
	return skipped;
}

static int map_small(struct hmmc_pages *pages, enum hmmc_access access,
		     hmmc_offset_fn *device_offset)
{
	unsigned int first = page_index(pages->window, pages->span.start);
	unsigned int nr = hmmc_pages_nr(pages);
	u64 *entries = (u64 *)pages->pfns;
	unsigned int i, end, nr_valid;
	struct hmmc_map map = {
		.start = pages->span.start,
		.nr_pages = nr,
		.entries = entries,
	};

	make_all(pages, access, device_offset);
	limit_entries(pages, access, entries);
	nr_valid = skip_mapped(pages->view, first, nr, entries);
	/* Pages are scattered more often than they differ: note by what they allow. */
	for (i = 0; i < nr; i = end) {
		u64 flags = entries[i] & ~HMMC_ENTRY_ADDR;

		for (end = i + 1; end < nr; end++) {
			if ((entries[end] & ~HMMC_ENTRY_ADDR) != flags)
				break;
		}
		note_entries(pages->view, first + i, end - i, flags);
		nr_valid += flags ? end - i : 0;
	}
	write_entries(pages->window, pages->view, &map, nr_valid);
	return nr_valid;
}

static void retire(struct hmmc_view *view, const struct hmmc_fault *fault)
{
	struct hmmc_attach *attach = view->attach;

	if (attach->device->ops->retire)
		attach->device->ops->retire(attach, fault->cookie);
}

/* Entries for pages do not come over one for all: the driver sees a zap between. */
static void zap_huge(struct hmmc_pages *pages)
{
	struct hmmc_span all = {
		.start = pages->window->start,
		.end = pages->window->start + HMMC_WINDOW_SIZE,
	};

	if (pages->view->huge)
		hmmc_zap(pages->window, pages->view, &all);
}

int hmmc_map(struct hmmc_pages *pages, enum hmmc_access access,
	     hmmc_offset_fn *device_offset, const struct hmmc_fault *fault)
{
	struct hmmc_span all = pages->span;
	int ret;

	guard(mutex)(&pages->window->pt_lock);
	if (!hmmc_pages_valid(pages) || hmmc_inject("map_race"))
		return -EAGAIN;
	if (pages_are_huge(pages)) {
		/* What was mapped one by one may have records to give back. */
		hmmc_zap(pages->window, pages->view, &all);
		ret = map_huge(pages, access, device_offset);
	} else {
		zap_huge(pages);
		ret = map_small(pages, access, device_offset);
	}
	if (ret < 0 || !fault)
		return ret;
	/* Its neighbours may be mapped; a DMA mapping that failed must not be lost. */
	if (!test_bit(page_index(pages->window, fault->addr), pages->view->mapped))
		return -EIO;
	retire(pages->view, fault);
	return ret;
}

/*
 * The page has just become exclusive to @pages->view, which core mm told us by an
 * event that moves no sequence. What others have mapped since, or collected and
 * are about to map, here too by another thread, is void.
 */
static void take_from_others(struct hmmc_pages *pages)
{
	unsigned int v;

	for (v = 0; v < HMMC_MAX_ATTACHES; v++) {
		struct hmmc_view *view = pages->window->views[v];

		if (!view)
			continue;
		view->seq++;
		if (view != pages->view)
			hmmc_zap(pages->window, view, &pages->span);
	}
}

int hmmc_map_exclusive(struct hmmc_pages *pages, struct page *page,
		       const struct hmmc_fault *fault)
{
	struct hmmc_view *view = pages->view;
	unsigned int i = page_index(pages->window, pages->span.start);
	u64 flags = HMMC_ENTRY_VALID | HMMC_ENTRY_WRITE | HMMC_ENTRY_ATOMIC;
	u64 entry;
	struct hmmc_map map = {
		.start = pages->span.start,
		.nr_pages = 1,
		.entries = &entry,
	};

	guard(mutex)(&pages->window->pt_lock);
	if (!hmmc_pages_valid(pages) || hmmc_inject("exclusive_race"))
		return -EAGAIN;
	/* Advised since it was decided. */
	if (hmmc_advice_find(pages->window->mirror->advices, pages->span.start).atomics !=
	    HMMC_ATOMICS_SYSTEM)
		return -EAGAIN;
	zap_huge(pages);
	take_from_others(pages);
	mark_dirty(page_folio(page));
	if (make_entries(view, &entry, i, page, 1, flags))
		return -EIO;
	note_entries(view, i, 1, flags);
	__set_bit(i, view->exclusive);
	write_entries(pages->window, view, &map, 1);
	retire(view, fault);
	return 1;
}

bool hmmc_map_hit(struct hmmc_window *window, struct hmmc_view *view,
		  const struct hmmc_fault *fault)
{
	unsigned int i = page_index(window, fault->addr);
	bool hit = false;

	guard(mutex)(&window->pt_lock);
	switch (fault->access) {
	case HMMC_ACCESS_READ:
		hit = test_bit(i, view->mapped);
		break;
	case HMMC_ACCESS_WRITE:
		hit = test_bit(i, view->writable);
		break;
	case HMMC_ACCESS_ATOMIC:
		hit = test_bit(i, view->atomic);
		break;
	}
	if (hit)
		retire(view, fault);
	return hit;
}
