// SPDX-License-Identifier: GPL-2.0
/*
 * VMs: device address spaces.
 *
 * Invariant: a VM lives as long as a file, a queue or an ioctl refers to it; so
 * whoever has found one may call hmm_core with its attach, inside
 * drm_dev_enter(). Unplug detaches all of them when nobody can be there.
 *
 * Words: a VM with SVM *mirrors* the process that made it. No other process may
 * use it, though its file may be inherited or passed on.
 *
 * Lock: dummy_device.lock for detaching, dummy_file.lock for the death of a VM.
 * What is in a VM has locks of its own, see dummy_bind.c and dummy_pt.c.
 */
#include <linux/sched.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_bind.h"
#include "dummy_device.h"
#include "dummy_drv.h"
#include "dummy_queue.h"
#include "dummy_vm.h"

/* ---- Life --------------------------------------------------------------- */

/* drm_gpuvm_ops.vm_free: nothing refers to it any more. */
void dummy_vm_free(struct drm_gpuvm *gpuvm)
{
	kfree(container_of(gpuvm, struct dummy_vm, gpuvm));
}

static int vm_init_gpuvm(struct dummy_vm *vm)
{
	struct drm_device *drm = &vm->device->drm;
	struct drm_gem_object *resv_obj;

	resv_obj = hmmc_inject("gpu_vm_resv") ? NULL : drm_gpuvm_resv_object_alloc(drm);
	if (!resv_obj)
		return -ENOMEM;

	/* Immediate mode: bindings are linked under gpuva.lock, not dma_resv. */
	drm_gpuvm_init(&vm->gpuvm, "dummy_gpu", DRM_GPUVM_IMMEDIATE_MODE, drm, resv_obj,
		       0, HW_VA_END, 0, 0, &dummy_bind_ops);
	drm_gem_object_put(resv_obj);
	return 0;
}

static int vm_attach(struct dummy_vm *vm)
{
	struct hmmc_attach *attach;

	attach = hmmc_mirror_attach(vm->device->hmmc, current->mm, vm);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	vm->attach = attach;
	return 0;
}

/* Return: the VM, on no list yet, or an ERR_PTR. */
static struct dummy_vm *vm_create(struct dummy_device *device, bool is_svm)
{
	struct dummy_vm *vm;
	int ret;

	vm = hmmc_inject("gpu_vm") ? NULL : kzalloc_obj(*vm, GFP_KERNEL_ACCOUNT);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	kref_init(&vm->ref);
	vm->device = device;
	vm->is_svm = is_svm;
	INIT_LIST_HEAD(&vm->link);
	mutex_init(&vm->bind_lock);

	ret = dummy_pt_init(&vm->pt, device->chip);
	if (ret)
		goto err_free;

	ret = vm_init_gpuvm(vm);
	if (ret)
		goto err_pt;

	if (is_svm) {
		ret = vm_attach(vm);
		if (ret)
			goto err_put;
	}

	mutex_lock(&device->lock);
	list_add_tail(&vm->link, &device->vms);
	mutex_unlock(&device->lock);
	return vm;

err_put:
	dummy_vm_put(vm);
	return ERR_PTR(ret);
err_pt:
	dummy_pt_fini(&vm->pt);
err_free:
	mutex_destroy(&vm->bind_lock);
	kfree(vm);
	return ERR_PTR(ret);
}

/* The mirror goes, what it has mapped with it. */
static void vm_detach(struct dummy_vm *vm)
{
	lockdep_assert_held(&vm->device->lock);

	if (vm->attach)
		hmmc_mirror_detach(vm->attach);
	vm->attach = NULL;
}

static void vm_release(struct kref *ref)
{
	struct dummy_vm *vm = container_of(ref, struct dummy_vm, ref);
	struct dummy_device *device = vm->device;

	/* Under the lock, because unplug may be detaching it. */
	mutex_lock(&device->lock);
	list_del(&vm->link);
	vm_detach(vm);
	mutex_unlock(&device->lock);

	dummy_bind_clear(vm);
	dummy_pt_fini(&vm->pt);
	mutex_destroy(&vm->bind_lock);
	drm_gpuvm_put(&vm->gpuvm);
}

void dummy_vm_put(struct dummy_vm *vm)
{
	kref_put(&vm->ref, vm_release);
}

void dummy_vm_put_all(struct dummy_file *file)
{
	struct dummy_vm *vm;
	unsigned long id;

	xa_for_each(&file->vms, id, vm) {
		xa_erase(&file->vms, id);
		dummy_vm_put(vm);
	}
}

void dummy_vm_detach_all(struct dummy_device *device)
{
	struct dummy_vm *vm;

	mutex_lock(&device->lock);
	list_for_each_entry(vm, &device->vms, link)
		vm_detach(vm);
	mutex_unlock(&device->lock);
}

/* ---- Finding ------------------------------------------------------------ */

static struct dummy_vm *vm_get(struct dummy_file *file, unsigned long id)
{
	struct dummy_vm *vm;

	xa_lock(&file->vms);
	vm = xa_load(&file->vms, id);
	if (vm)
		kref_get(&vm->ref);
	xa_unlock(&file->vms);
	return vm;
}

struct dummy_vm *dummy_vm_lookup(struct drm_file *file, u32 id)
{
	struct dummy_vm *vm = vm_get(to_dummy_file(file), id);

	if (!vm)
		return ERR_PTR(-ENOENT);

	if (vm->is_svm && hmmc_attach_mm(vm->attach) != current->mm) {
		dummy_vm_put(vm);
		return ERR_PTR(-EPERM);
	}
	return vm;
}

struct dummy_vm *dummy_vm_lookup_svm(struct drm_file *file, u32 id)
{
	struct dummy_vm *vm = dummy_vm_lookup(file, id);

	if (!IS_ERR(vm) && !vm->is_svm) {
		int ret = dummy_invalid(vm->gpuvm.drm, "vm_id: a VM without SVM");

		dummy_vm_put(vm);
		return ERR_PTR(ret);
	}
	return vm;
}

struct dummy_vm *dummy_vm_find_own(struct drm_file *file)
{
	struct dummy_vm *vm;
	unsigned long id;

	xa_for_each(&to_dummy_file(file)->vms, id, vm) {
		vm = dummy_vm_lookup(file, id);
		if (IS_ERR(vm))
			continue;
		if (vm->is_svm)
			return vm;
		dummy_vm_put(vm);
	}
	return NULL;
}

/* ---- Statistics --------------------------------------------------------- */

int dummy_vm_stats(struct drm_file *file, u32 id, struct drm_dummy_gpu_vm_stats *stats)
{
	struct hmmc_attach_stats from;
	struct dummy_vm *vm;

	vm = dummy_vm_lookup_svm(file, id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	hmmc_attach_stats(vm->attach, &from);
	dummy_vm_put(vm);

	*stats = (struct drm_dummy_gpu_vm_stats) {
		.faults = from.faults,
		.faults_failed = from.faults_failed,
		.fault_retries = from.fault_retries,
		.pages_migrated = from.pages_migrated,
		.pages_mapped = from.pages_mapped,
		.pages_zapped = from.pages_zapped,
		.invalidations = from.invalidations,
		.cow_breaks = from.cow_breaks,
		.exclusives = from.exclusives,
		.windows = from.windows,
		.vram_pinned = from.vram_held,
		.pin_refused = from.pin_refused,
		.vram_used = from.vram_used,
		.vram_max = from.vram_max,
	};
	return 0;
}

static u64 to_kib(u64 nr_pages)
{
	return nr_pages << (PAGE_SHIFT - 10);
}

/* The drm-* keys are about buffer objects; process memory has keys of its own. */
void dummy_vm_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct hmmc_attach_stats stats, sum = {};
	struct dummy_vm *vm;
	unsigned long id;

	xa_for_each(&to_dummy_file(file)->vms, id, vm) {
		vm = vm_get(to_dummy_file(file), id);
		if (!vm)
			continue;
		if (vm->is_svm) {
			hmmc_attach_stats(vm->attach, &stats);
			sum.faults += stats.faults;
			sum.pages_migrated += stats.pages_migrated;
			sum.pages_mapped += stats.pages_mapped;
			sum.pages_zapped += stats.pages_zapped;
			/* That of a process, whichever VM is asked. */
			sum.vram_used = max(sum.vram_used, stats.vram_used);
		}
		dummy_vm_put(vm);
	}

	drm_printf(p, "dummy_gpu-svm-faults:\t%llu\n", sum.faults);
	drm_printf(p, "dummy_gpu-svm-migrated:\t%llu KiB\n", to_kib(sum.pages_migrated));
	drm_printf(p, "dummy_gpu-svm-mapped:\t%llu KiB\n",
		   to_kib(sum.pages_mapped - sum.pages_zapped));
	drm_printf(p, "dummy_gpu-svm-vram:\t%llu KiB\n", sum.vram_used >> 10);
}

/* ---- Ioctls ------------------------------------------------------------- */

int dummy_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dummy_file *priv = to_dummy_file(file);
	struct drm_dummy_gpu_vm_create *args = data;
	struct dummy_vm *vm;
	int ret;

	if (args->flags & ~DRM_DUMMY_GPU_VM_SVM)
		return dummy_invalid(drm, "vm_create.flags");

	vm = vm_create(to_dummy_device(drm), args->flags & DRM_DUMMY_GPU_VM_SVM);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	/* One reference more, because others may use and destroy it at once. */
	kref_get(&vm->ref);
	ret = hmmc_inject("gpu_vm_id") ? -ENOMEM :
	      xa_alloc_cyclic(&priv->vms, &vm->id, vm, XA_LIMIT(1, INT_MAX), &priv->next_vm,
			      GFP_KERNEL_ACCOUNT);
	if (ret)
		dummy_vm_put(vm);
	args->vm_id = vm->id;
	dummy_vm_put(vm);
	return ret;
}

int dummy_vm_limit_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_vm_limit *args = data;
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_vm_limit(drm, args);
	if (ret)
		return ret;

	vm = dummy_vm_lookup_svm(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	ret = hmmc_attach_limit(vm->attach, args->vram);
	dummy_vm_put(vm);
	return ret;
}

int dummy_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dummy_file *priv = to_dummy_file(file);
	struct drm_dummy_gpu_vm_destroy *args = data;
	struct dummy_vm *vm;
	bool was_dead;

	if (args->pad)
		return dummy_invalid(drm, "vm_destroy.pad");

	vm = dummy_vm_lookup(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	/* Kill: no queue is published with this VM any more. */
	mutex_lock(&priv->lock);
	was_dead = vm->dead;
	vm->dead = true;
	mutex_unlock(&priv->lock);

	if (was_dead) {
		dummy_vm_put(vm);
		return -ENOENT;
	}

	xa_erase(&priv->vms, args->vm_id);
	/* Waits for the jobs of its queues. */
	dummy_queue_kill_all(priv, vm);
	/* The table's reference, then ours. */
	dummy_vm_put(vm);
	dummy_vm_put(vm);
	return 0;
}
