// SPDX-License-Identifier: GPL-2.0
/*
 * Buffer objects: memory with a handle, in system memory or in device memory.
 *
 * Invariant: what user space gets to see was zero before. A VRAM object has its
 * frames from its creation until it is freed or the device is unplugged; a
 * SYSTEM object has its pages from the first mapping, by a CPU or by a device,
 * until it is freed.
 *
 * Words: SYSTEM and VRAM name where an object is; it never moves. After unplug a
 * VRAM object is *lost*: its CPU mappings show a page of zeros instead.
 *
 * Lock: dummy_device.lock for dummy_device.vram and the frames of those on it;
 * the object's dma_resv for SYSTEM pages and for the lost page.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_vma_manager.h>

#include <hmm_core/hmm_core.h>

#include "compat.h"
#include "dummy_args.h"
#include "dummy_copy.h"
#include "dummy_device.h"
#include "dummy_gem.h"
#include "dummy_vm.h"
#include "hw/hw.h"

/* ---- SYSTEM objects ----------------------------------------------------- */

static int system_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (to_dummy_gem(obj)->flags & DRM_DUMMY_GPU_GEM_NO_MMAP)
		return -EACCES;
	return drm_gem_shmem_object_mmap(obj, vma);
}

static const struct drm_gem_object_funcs system_funcs = {
	.free = drm_gem_shmem_object_free,
	.print_info = drm_gem_shmem_object_print_info,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = system_mmap,
	.vm_ops = &drm_gem_shmem_vm_ops,
};

/* For drm_gem_shmem: all its objects are ours, also dumb and imported ones. */
struct drm_gem_object *dummy_gem_create_object(struct drm_device *drm, size_t size)
{
	struct dummy_gem *gem;

	static_assert(offsetof(struct dummy_gem, shmem) == 0);

	gem = kzalloc_obj(*gem);
	if (!gem)
		return ERR_PTR(-ENOMEM);

	gem->shmem.base.funcs = &system_funcs;
	return &gem->shmem.base;
}

static struct drm_gem_object *system_create(struct dummy_device *device, u64 size)
{
	struct drm_gem_shmem_object *shmem;

	/* There is no need to find out page by page. */
	if (size >> PAGE_SHIFT > totalram_pages())
		return ERR_PTR(-ENOMEM);

	shmem = hmmc_inject("gpu_object") ? ERR_PTR(-ENOMEM) :
		drm_gem_shmem_create(&device->drm, size);
	return IS_ERR(shmem) ? ERR_CAST(shmem) : &shmem->base;
}

/* ---- VRAM objects ------------------------------------------------------- */

static void vram_unpin(struct dummy_device *device, struct dummy_gem *gem)
{
	mutex_lock(&device->lock);
	list_del_init(&gem->link);
	/* NULL if unplug was first. */
	hmmc_frames_unpin(gem->frames);
	mutex_unlock(&device->lock);
}

static void vram_work(struct work_struct *work)
{
	struct dummy_device *device = container_of(work, struct dummy_device, vram_work);
	struct dummy_gem *gem, *next;

	llist_for_each_entry_safe(gem, next, llist_del_all(&device->vram_freed), freed) {
		vram_unpin(device, gem);
		kfree(gem);
	}
}

/*
 * The last reference may go with a mapping, under mmap_lock, where hmm_core must
 * not be called. So the frames are given back by a work.
 */
static void vram_free(struct drm_gem_object *obj)
{
	struct dummy_device *device = to_dummy_device(obj->dev);
	struct dummy_gem *gem = to_dummy_gem(obj);

	if (gem->lost_page)
		__free_page(gem->lost_page);
	drm_gem_object_release(obj);

	llist_add(&gem->freed, &device->vram_freed);
	schedule_work(&device->vram_work);
}

static vm_fault_t insert_frame(struct vm_fault *vmf, struct dummy_gem *gem)
{
	struct drm_gem_object *obj = &gem->shmem.base;
	struct dummy_device *device = to_dummy_device(obj->dev);
	pgoff_t index = vmf->pgoff - drm_vma_node_start(&obj->vma_node);
	u64 frame = (hmmc_frames_offset(gem->frames) >> PAGE_SHIFT) + index;

	if (index >= obj->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	return vmf_insert_pfn(vmf->vma, vmf->address,
			      page_to_pfn(hw_vram_page(device->chip, frame)));
}

/* The memory is gone: user space reads zeros and writes into the void. */
static vm_fault_t insert_lost_page(struct vm_fault *vmf, struct dummy_gem *gem)
{
	struct dma_resv *resv = gem->shmem.base.resv;
	struct page *page;

	dma_resv_lock(resv, NULL);
	if (!gem->lost_page)
		gem->lost_page = alloc_page(GFP_KERNEL | __GFP_ZERO);
	page = gem->lost_page;
	dma_resv_unlock(resv);

	if (!page)
		return VM_FAULT_OOM;
	return vmf_insert_pfn(vmf->vma, vmf->address, page_to_pfn(page));
}

static vm_fault_t vram_fault(struct vm_fault *vmf)
{
	struct drm_gem_object *obj = vmf->vma->vm_private_data;
	vm_fault_t ret;
	int idx;

	if (!drm_dev_enter(obj->dev, &idx))
		return insert_lost_page(vmf, to_dummy_gem(obj));

	/* Unplug waits for us, then unmaps all this, then takes the frames. */
	ret = insert_frame(vmf, to_dummy_gem(obj));
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct vram_vm_ops = {
	.fault = vram_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int vram_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	if (to_dummy_gem(obj)->flags & DRM_DUMMY_GPU_GEM_NO_MMAP)
		return -EACCES;
	/* vmf_insert_pfn() cannot do private mappings. */
	if (vma_is_cow_mapping(vma))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static const struct drm_gem_object_funcs vram_funcs = {
	.free = vram_free,
	.mmap = vram_mmap,
	.vm_ops = &vram_vm_ops,
};

/* They count against the limit of the process, which is known by its VM. */
static struct hmmc_frames *pin_charged(struct dummy_device *device, struct drm_file *file,
				       u64 size)
{
	struct dummy_vm *vm = dummy_vm_find_own(file);
	struct hmmc_frames *frames;

	frames = hmmc_frames_pin(device->hmmc, vm ? vm->attach : NULL, size);
	if (vm)
		dummy_vm_put(vm);
	return frames;
}

static struct hmmc_frames *pin_cleared(struct dummy_device *device, struct drm_file *file,
				       u64 size)
{
	struct hmmc_frames *frames;
	int ret;

	/* What has just been freed should not be missing. */
	dummy_gem_flush(device);

	frames = pin_charged(device, file, size);
	if (IS_ERR(frames))
		return frames;

	ret = dummy_copy_clear(device, hmmc_frames_offset(frames), size);
	if (ret) {
		hmmc_frames_unpin(frames);
		return ERR_PTR(ret);
	}
	return frames;
}

static struct drm_gem_object *vram_create(struct dummy_device *device, struct drm_file *file,
					  u64 size)
{
	struct dummy_gem *gem;

	/* More than there is would be no use to evict for. */
	if (size > (u64)device->config.vram_mb * SZ_1M)
		return ERR_PTR(-ENOSPC);

	gem = hmmc_inject("gpu_vram_object") ? NULL : kzalloc_obj(*gem);
	if (!gem)
		return ERR_PTR(-ENOMEM);

	gem->frames = pin_cleared(device, file, size);
	if (IS_ERR(gem->frames)) {
		int ret = PTR_ERR(gem->frames);

		kfree(gem);
		return ERR_PTR(ret);
	}

	gem->shmem.base.funcs = &vram_funcs;
	drm_gem_private_object_init(&device->drm, &gem->shmem.base, size);

	mutex_lock(&device->lock);
	list_add_tail(&gem->link, &device->vram);
	mutex_unlock(&device->lock);
	return &gem->shmem.base;
}

void dummy_gem_init(struct dummy_device *device)
{
	init_llist_head(&device->vram_freed);
	INIT_WORK(&device->vram_work, vram_work);
}

void dummy_gem_flush(struct dummy_device *device)
{
	flush_work(&device->vram_work);
}

void dummy_gem_unpin_all(struct dummy_device *device)
{
	struct dummy_gem *gem;

	mutex_lock(&device->lock);
	list_for_each_entry(gem, &device->vram, link) {
		hmmc_frames_unpin(gem->frames);
		gem->frames = NULL;
	}
	mutex_unlock(&device->lock);
}

/* ---- For page tables ---------------------------------------------------- */

static bool is_vram(const struct dummy_gem *gem)
{
	return gem->flags & DRM_DUMMY_GPU_GEM_VRAM;
}

int dummy_gem_populate(struct dummy_gem *gem)
{
	struct sg_table *sgt;

	if (is_vram(gem))
		return 0;

	/* Once there it stays until the object is freed. */
	sgt = drm_gem_shmem_get_pages_sgt(&gem->shmem);
	return PTR_ERR_OR_ZERO(sgt);
}

void dummy_gem_cursor_init(struct dummy_gem_cursor *cursor, struct dummy_gem *gem, u64 offset)
{
	struct sg_table *sgt = gem->shmem.sgt;

	cursor->is_vram = is_vram(gem);
	if (cursor->is_vram)
		cursor->vram_offset = hmmc_frames_offset(gem->frames) + offset;
	else
		__sg_page_iter_start(&cursor->iter.base, sgt->sgl, sgt->nents,
				     offset >> PAGE_SHIFT);
}

u64 dummy_gem_cursor_next(struct dummy_gem_cursor *cursor)
{
	u64 entry;

	if (cursor->is_vram) {
		entry = cursor->vram_offset | HW_PTE_VRAM | HW_PTE_VALID;
		cursor->vram_offset += PAGE_SIZE;
		return entry;
	}

	if (!__sg_page_iter_dma_next(&cursor->iter))
		return 0;
	return sg_page_iter_dma_address(&cursor->iter) | HW_PTE_VALID;
}

/* ---- Ioctls ------------------------------------------------------------- */

int dummy_gem_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dummy_device *device = to_dummy_device(drm);
	struct drm_dummy_gpu_gem_create *args = data;
	struct drm_gem_object *obj;
	int ret;

	ret = dummy_args_check_gem_create(drm, args);
	if (ret)
		return ret;

	if (args->flags & DRM_DUMMY_GPU_GEM_VRAM)
		obj = vram_create(device, file, args->size);
	else
		obj = system_create(device, args->size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	/* Before the handle, with which others may use the object at once. */
	to_dummy_gem(obj)->flags = args->flags;
	ret = drm_gem_handle_create(file, obj, &args->handle);
	drm_gem_object_put(obj);
	return ret;
}

int dummy_gem_mmap_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_gem_mmap *args = data;
	struct drm_gem_object *obj;
	int ret;

	if (args->pad)
		return dummy_invalid(drm, "gem_mmap.pad");

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	ret = -EACCES;
	if (to_dummy_gem(obj)->flags & DRM_DUMMY_GPU_GEM_NO_MMAP)
		goto out;

	ret = drm_gem_create_mmap_offset(obj);
	if (!ret)
		args->offset = drm_vma_node_offset_addr(&obj->vma_node);
out:
	drm_gem_object_put(obj);
	return ret;
}

/* ---- fdinfo ------------------------------------------------------------- */

static void add_to_stats(struct drm_memory_stats *stats, struct drm_gem_object *obj)
{
	struct dummy_gem *gem = to_dummy_gem(obj);

	if (drm_gem_object_is_shared_for_memory_stats(obj))
		stats->shared += obj->size;
	else
		stats->private += obj->size;

	if (gem->frames || gem->shmem.pages || gem->shmem.sgt)
		stats->resident += obj->size;
	if (!dma_resv_test_signaled(obj->resv, DMA_RESV_USAGE_READ))
		stats->active += obj->size;
}

void dummy_gem_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	enum drm_gem_object_status known = DRM_GEM_OBJECT_RESIDENT | DRM_GEM_OBJECT_PURGEABLE |
					   DRM_GEM_OBJECT_ACTIVE;
	struct drm_memory_stats memory = {};
	struct drm_memory_stats vram = {};
	struct drm_gem_object *obj;
	int id;

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		if (obj)
			add_to_stats(is_vram(to_dummy_gem(obj)) ? &vram : &memory, obj);
	}
	spin_unlock(&file->table_lock);

	drm_print_memory_stats(p, &memory, known, "memory");
	drm_print_memory_stats(p, &vram, known, "vram");
}
