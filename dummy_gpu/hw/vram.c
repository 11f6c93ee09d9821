// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of the chip: ordinary pages, taken when the chip is built.
 *
 * Invariant: this is the only place that knows which page backs a frame. A frame
 * number is just a name everywhere else.
 *
 * Words: a frame is as large as a page of the CPU. Backing is asked for 2 MiB
 * at a time, a *chunk*, so that neighbours in VRAM are neighbours in memory where
 * that can be had; then it is split, so that each page stands for itself.
 *
 * Lock: none, nothing changes between init and fini, but for frames that break.
 */
#include <linux/bitmap.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "hw_internal.h"

#define CHUNK_ORDER	(HW_HUGE_SHIFT - PAGE_SHIFT)
#define CHUNK_PAGES	BIT(CHUNK_ORDER)

/* Return: the memory, or NULL if there is none of that size. */
static void *alloc_chunk_in_one(struct page **pages, int nid)
{
	struct page *chunk;
	unsigned long i;

	chunk = alloc_pages_node(nid, GFP_KERNEL | __GFP_ZERO | __GFP_NORETRY |
				 __GFP_NOWARN, CHUNK_ORDER);
	if (!chunk)
		return NULL;

	split_page(chunk, CHUNK_ORDER);
	for (i = 0; i < CHUNK_PAGES; i++)
		pages[i] = chunk + i;
	return page_address(chunk);
}

/* On failure hw_vram_fini() frees what there is. */
static int alloc_chunk_by_page(struct page **pages, int nid)
{
	unsigned long i;

	/* A chip that is too large should fail, not have somebody killed. */
	for (i = 0; i < CHUNK_PAGES; i++) {
		pages[i] = alloc_pages_node(nid, GFP_KERNEL | __GFP_ZERO |
					    __GFP_RETRY_MAYFAIL | __GFP_NOWARN, 0);
		if (!pages[i])
			return -ENOMEM;
	}
	return 0;
}

static int alloc_chunk(struct hw_vram *vram, u64 chunk, int nid)
{
	struct page **pages = &vram->pages[chunk * CHUNK_PAGES];

	vram->chunks[chunk] = alloc_chunk_in_one(pages, nid);
	return vram->chunks[chunk] ? 0 : alloc_chunk_by_page(pages, nid);
}

int hw_vram_init(struct hw_vram *vram, u64 size, int nid)
{
	u64 nr_chunks = size >> HW_HUGE_SHIFT;
	int ret = -ENOMEM;
	u64 chunk;

	vram->nr_frames = size >> PAGE_SHIFT;
	vram->pages = kvcalloc(vram->nr_frames, sizeof(*vram->pages), GFP_KERNEL);
	if (!vram->pages)
		return -ENOMEM;

	vram->chunks = kvcalloc(nr_chunks, sizeof(*vram->chunks), GFP_KERNEL);
	vram->broken = kvcalloc(BITS_TO_LONGS(vram->nr_frames), sizeof(long), GFP_KERNEL);
	if (!vram->chunks || !vram->broken)
		goto err_fini;

	for (chunk = 0; chunk < nr_chunks; chunk++) {
		ret = alloc_chunk(vram, chunk, nid);
		if (ret)
			goto err_fini;
		cond_resched();
	}
	return 0;

err_fini:
	hw_vram_fini(vram);
	return ret;
}

void hw_vram_fini(struct hw_vram *vram)
{
	u64 frame;

	for (frame = 0; frame < vram->nr_frames; frame++) {
		if (vram->pages[frame])
			__free_page(vram->pages[frame]);
		if (frame % CHUNK_PAGES == 0)
			cond_resched();
	}
	kvfree(vram->broken);
	kvfree(vram->chunks);
	kvfree(vram->pages);
}

struct page *hw_vram_page(struct hw_chip *chip, u64 frame)
{
	if (frame >= chip->vram.nr_frames)
		return NULL;
	return chip->vram.pages[frame];
}

bool hw_vram_stretch(struct hw_chip *chip, u64 offset, struct hw_stretch *stretch)
{
	struct page *page = hw_vram_page(chip, offset >> PAGE_SHIFT);
	u64 size = PAGE_SIZE;
	void *memory;

	if (!page)
		return false;

	memory = chip->vram.chunks[offset >> HW_HUGE_SHIFT];
	if (memory)
		size = HW_HUGE_SIZE;
	else
		memory = page_address(page);

	stretch->start = ALIGN_DOWN(offset, size);
	stretch->end = stretch->start + size;
	stretch->base = memory - stretch->start;
	return true;
}

struct page *hw_memory_page(struct hw_chip *chip, u64 addr, bool is_vram)
{
	if (is_vram)
		return hw_vram_page(chip, addr >> PAGE_SHIFT);
	/* The chip sits behind no IOMMU: bus addresses are physical ones. */
	if (!pfn_valid(PHYS_PFN(addr)))
		return NULL;
	return pfn_to_page(PHYS_PFN(addr));
}

bool hw_bus_stretch(u64 addr, struct hw_stretch *stretch)
{
	if (!pfn_valid(PHYS_PFN(addr)))
		return false;

	/* pfn_valid() tells no smaller parts of memory apart. */
	stretch->start = ALIGN_DOWN(addr, HW_HUGE_SIZE);
	stretch->end = stretch->start + HW_HUGE_SIZE;
	stretch->base = phys_to_virt(stretch->start) - stretch->start;
	return true;
}

int hw_vram_break(struct hw_chip *chip, u64 offset)
{
	struct hw_vram *vram = &chip->vram;

	if (!PAGE_ALIGNED(offset) || offset >> PAGE_SHIFT >= vram->nr_frames)
		return -EINVAL;

	set_bit(offset >> PAGE_SHIFT, vram->broken);
	smp_store_release(&vram->has_broken, true);	/* after the bit */
	chip->config.events->broken(chip->config.priv, offset);
	return 0;
}

bool __hw_vram_is_broken(struct hw_vram *vram, u64 offset, u64 size)
{
	u64 end = (offset + size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	return find_next_bit(vram->broken, end, offset >> PAGE_SHIFT) < end;
}
