/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_GEM_H_
#define _DUMMY_GEM_H_

#include <linux/list.h>
#include <linux/llist.h>

#include <drm/drm_gem_shmem_helper.h>

struct drm_printer;
struct dummy_device;
struct hmmc_frames;

/**
 * struct dummy_gem - a buffer object
 *
 * SYSTEM objects, imported ones among them, are drm_gem_shmem's. Of a VRAM object
 * only the GEM part of @shmem is used.
 */
struct dummy_gem {
	/** @shmem: first, because drm_gem_shmem frees it. */
	struct drm_gem_shmem_object shmem;
	/** @flags: DRM_DUMMY_GPU_GEM_*, as it was created with. */
	u32 flags;

	/** @frames: VRAM: its memory; NULL once the device is unplugged. */
	struct hmmc_frames *frames;
	/** @link: VRAM: in dummy_device.vram, guarded by dummy_device.lock. */
	struct list_head link;
	/** @freed: VRAM: in dummy_device.vram_freed. */
	struct llist_node freed;
	/** @lost_page: VRAM: what the CPU maps instead after unplug, or NULL. */
	struct page *lost_page;
};

static inline struct dummy_gem *to_dummy_gem(struct drm_gem_object *obj)
{
	return container_of(obj, struct dummy_gem, shmem.base);
}

void dummy_gem_init(struct dummy_device *device);
/* Take all VRAM objects' memory back; nobody uses the device any more. May sleep. */
void dummy_gem_unpin_all(struct dummy_device *device);
/* Wait until the memory of VRAM objects that are gone is free. */
void dummy_gem_flush(struct dummy_device *device);

/* Make sure that @gem has pages and bus addresses. May sleep. Return: 0, -ENOMEM, -EINTR. */
int dummy_gem_populate(struct dummy_gem *gem);

/**
 * struct dummy_gem_cursor - walks the pages of a populated buffer object
 * @iter: SYSTEM: where in its scatterlist
 * @vram_offset: VRAM: of the next page
 * @is_vram: which of the two
 */
struct dummy_gem_cursor {
	struct sg_dma_page_iter iter;
	u64 vram_offset;
	bool is_vram;
};

void dummy_gem_cursor_init(struct dummy_gem_cursor *cursor, struct dummy_gem *gem, u64 offset);
/* Return: a device page table entry, readable, for the next page; 0 after the last. */
u64 dummy_gem_cursor_next(struct dummy_gem_cursor *cursor);

struct drm_gem_object *dummy_gem_create_object(struct drm_device *drm, size_t size);
int dummy_gem_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_gem_mmap_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
void dummy_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file);

#endif
