/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_VM_H_
#define _DUMMY_VM_H_

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>

#include <drm/drm_gpuvm.h>
#include <drm/dummy_gpu_drm.h>

#include "dummy_pt.h"

struct drm_printer;
struct dummy_device;
struct dummy_file;
struct hmmc_attach;

/**
 * struct dummy_vm - a device address space
 */
struct dummy_vm {
	/** @ref: held by the file's table, by queues and by ioctls. */
	struct kref ref;
	/** @device: whose address space. */
	struct dummy_device *device;
	/** @link: in dummy_device.vms. */
	struct list_head link;
	/** @id: the file's name for it. */
	u32 id;
	/** @is_svm: mirrors the process that made it. */
	bool is_svm;
	/** @dead: destroyed by its file, guarded by dummy_file.lock. */
	bool dead;

	/** @pt: the device page table. */
	struct dummy_pt pt;
	/** @attach: with SVM: its place in the mirror; NULL after unplug. */
	struct hmmc_attach *attach;

	/** @bind_lock: guards @gpuvm and the page tables of buffer objects. */
	struct mutex bind_lock;
	/** @gpuvm: which buffer object is bound where. */
	struct drm_gpuvm gpuvm;
};

/* Return: the VM @id with a reference, or -ENOENT, or -EPERM if it mirrors another process. */
struct dummy_vm *dummy_vm_lookup(struct drm_file *file, u32 id);
/* As dummy_vm_lookup(), and -EINVAL if it has no SVM. */
struct dummy_vm *dummy_vm_lookup_svm(struct drm_file *file, u32 id);
/* A VM of the file that mirrors this process, with a reference, or NULL. */
struct dummy_vm *dummy_vm_find_own(struct drm_file *file);
/* May sleep: the last reference detaches and frees. */
void dummy_vm_put(struct dummy_vm *vm);
void dummy_vm_put_all(struct dummy_file *file);
void dummy_vm_free(struct drm_gpuvm *gpuvm);
/* For unplug: nobody is left who calls hmm_core. */
void dummy_vm_detach_all(struct dummy_device *device);

int dummy_vm_stats(struct drm_file *file, u32 id, struct drm_dummy_gpu_vm_stats *stats);
void dummy_vm_show_fdinfo(struct drm_printer *p, struct drm_file *file);

int dummy_vm_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_vm_limit_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_vm_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
