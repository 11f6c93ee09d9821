// SPDX-License-Identifier: GPL-2.0
/*
 * Bindings: which buffer object is where in a VM, and VM_BIND, which says so.
 *
 * Invariant: what drm_gpuvm says is bound is what the page table maps, whenever
 * bind_lock is free. In a VM with SVM all of that is at or above DUMMY_SVM_END,
 * and all that hmm_core maps is below, so the two never meet in one window.
 *
 * Words: a *binding* is one span of a buffer object in a VM, its *entries* are
 * those of the page table. A request is first *resolved*, which finds and
 * allocates what can be waited for, then *committed*.
 *
 * Lock: dummy_vm.bind_lock; inside it drm_gem_object.gpuva.lock and
 * dummy_pt.lock. Objects are populated and freed outside of it, since that takes
 * their dma_resv.
 */
#include <linux/slab.h>

#include <drm/drm_gem.h>
#include <drm/drm_gpuvm.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_array.h"
#include "dummy_bind.h"
#include "dummy_device.h"
#include "dummy_gem.h"
#include "dummy_vm.h"

/* ---- Bindings ----------------------------------------------------------- */

/**
 * struct binding - one span of a buffer object in a VM
 * @va: where it is, and of which object
 * @flags: DRM_DUMMY_GPU_BIND_*
 */
struct binding {
	struct drm_gpuva va;
	u32 flags;
};

/*
 * What one operation of VM_BIND needs, so that it cannot fail half way: replacing
 * the middle of a binding leaves two pieces and adds a third.
 */
struct bind_step {
	struct drm_gpuvm_bo *vm_bo;
	struct binding *spare[3];
	u32 flags;
};

static struct binding *to_binding(struct drm_gpuva *va)
{
	return container_of(va, struct binding, va);
}

static struct binding *take_spare(struct bind_step *step, u32 flags)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(step->spare); i++) {
		struct binding *binding = step->spare[i];

		if (binding) {
			step->spare[i] = NULL;
			binding->flags = flags;
			return binding;
		}
	}
	return NULL;
}

static void link_binding(struct binding *binding, struct drm_gpuvm_bo *vm_bo)
{
	mutex_lock(&vm_bo->obj->gpuva.lock);
	drm_gpuva_link(&binding->va, vm_bo);
	mutex_unlock(&vm_bo->obj->gpuva.lock);
}

static int step_map(struct drm_gpuva_op *op, void *priv)
{
	struct bind_step *step = priv;
	struct binding *binding = take_spare(step, step->flags);

	drm_gpuva_map(step->vm_bo->vm, &binding->va, &op->map);
	link_binding(binding, step->vm_bo);
	return 0;
}

static int step_unmap(struct drm_gpuva_op *op, void *priv)
{
	struct drm_gpuva *va = op->unmap.va;

	drm_gpuva_unmap(&op->unmap);
	drm_gpuva_unlink_defer(va);
	kfree(to_binding(va));
	return 0;
}

static int step_remap(struct drm_gpuva_op *op, void *priv)
{
	struct drm_gpuva_op_remap *remap = &op->remap;
	struct binding *old = to_binding(remap->unmap->va);
	struct binding *prev = remap->prev ? take_spare(priv, old->flags) : NULL;
	struct binding *next = remap->next ? take_spare(priv, old->flags) : NULL;

	drm_gpuva_remap(prev ? &prev->va : NULL, next ? &next->va : NULL, remap);
	if (prev)
		link_binding(prev, old->va.vm_bo);
	if (next)
		link_binding(next, old->va.vm_bo);
	drm_gpuva_unlink_defer(&old->va);
	kfree(old);
	return 0;
}

const struct drm_gpuvm_ops dummy_bind_ops = {
	.vm_free = dummy_vm_free,
	.sm_step_map = step_map,
	.sm_step_unmap = step_unmap,
	.sm_step_remap = step_remap,
};

static int step_prepare(struct bind_step *step)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(step->spare); i++) {
		step->spare[i] = hmmc_inject("gpu_mapping") ? NULL :
				 kzalloc_obj(*step->spare[i], GFP_KERNEL_ACCOUNT);
		if (!step->spare[i])
			return -ENOMEM;
	}
	return 0;
}

static void step_finish(struct dummy_vm *vm, struct bind_step *step)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(step->spare); i++)
		kfree(step->spare[i]);

	if (step->vm_bo)
		drm_gpuvm_bo_put_deferred(step->vm_bo);
	drm_gpuvm_bo_deferred_cleanup(&vm->gpuvm);
}

/* ---- VM_BIND ------------------------------------------------------------ */

/* An operation whose buffer object has been found and has pages. */
struct bind_request {
	struct drm_dummy_gpu_bind_op op;
	struct dummy_gem *gem;
};

static void write_entries(struct dummy_vm *vm, const struct bind_request *request)
{
	const struct drm_dummy_gpu_bind_op *op = &request->op;
	u64 rights = HW_PTE_ATOMIC | HW_PTE_WRITE;
	struct dummy_gem_cursor cursor;
	u64 va;

	if (op->flags & DRM_DUMMY_GPU_BIND_READONLY)
		rights = 0;

	dummy_gem_cursor_init(&cursor, request->gem, op->offset);
	for (va = op->start; va < op->start + op->size; va += PAGE_SIZE)
		dummy_pt_set(&vm->pt, va, dummy_gem_cursor_next(&cursor) | rights);
	hw_vm_flush(vm->pt.hw, op->start, op->start + op->size);
}

/* Written over what was mapped before, so that nothing is unmapped in between. */
static int bind_map(struct dummy_vm *vm, const struct bind_request *request,
		    struct bind_step *step)
{
	const struct drm_dummy_gpu_bind_op *op = &request->op;
	struct drm_gpuvm_map_req map = {
		.map = {
			.va.addr = op->start,
			.va.range = op->size,
			.gem.obj = &request->gem->shmem.base,
			.gem.offset = op->offset,
		},
	};
	struct drm_gpuvm_bo *vm_bo;
	int ret;

	vm_bo = drm_gpuvm_bo_create(&vm->gpuvm, map.map.gem.obj);
	if (!vm_bo)
		return -ENOMEM;
	step->vm_bo = drm_gpuvm_bo_obtain_prealloc(vm_bo);
	step->flags = op->flags;

	ret = dummy_pt_prepare(&vm->pt, op->start, op->start + op->size);
	if (ret)
		return ret;

	write_entries(vm, request);
	return drm_gpuvm_sm_map(&vm->gpuvm, step, &map);
}

static int bind_unmap(struct dummy_vm *vm, const struct bind_request *request,
		      struct bind_step *step)
{
	const struct drm_dummy_gpu_bind_op *op = &request->op;

	dummy_pt_clear(&vm->pt, op->start, op->start + op->size);
	return drm_gpuvm_sm_unmap(&vm->gpuvm, step, op->start, op->size);
}

/*
 * The page table comes first: as soon as drm_gpuvm has forgotten a binding the
 * object may go, and its memory must not be mapped then. Nothing fails after it,
 * for the step is prepared.
 */
static int bind_commit(struct dummy_vm *vm, const struct bind_request *request)
{
	struct bind_step step = {};
	int ret;

	ret = step_prepare(&step);
	if (ret)
		goto out;

	mutex_lock(&vm->bind_lock);
	if (request->op.type == DRM_DUMMY_GPU_BIND_MAP)
		ret = bind_map(vm, request, &step);
	else
		ret = bind_unmap(vm, request, &step);
	mutex_unlock(&vm->bind_lock);
out:
	step_finish(vm, &step);
	return ret;
}

/* Unbind all there is: for a VM that goes. */
void dummy_bind_clear(struct dummy_vm *vm)
{
	struct bind_step none = {};

	/* Nothing is cut in two, so this takes no memory. */
	mutex_lock(&vm->bind_lock);
	dummy_pt_clear(&vm->pt, 0, HW_VA_END);
	drm_gpuvm_sm_unmap(&vm->gpuvm, &none, 0, HW_VA_END);
	mutex_unlock(&vm->bind_lock);
	drm_gpuvm_bo_deferred_cleanup(&vm->gpuvm);
}

/* Find everything @request needs, waiting for it if need be. */
static int bind_resolve(struct dummy_vm *vm, struct drm_file *file,
			struct bind_request *request)
{
	const struct drm_dummy_gpu_bind_op *op = &request->op;
	struct drm_device *drm = vm->gpuvm.drm;
	struct drm_gem_object *obj;
	int ret;

	ret = dummy_args_check_bind_op(drm, op, vm->is_svm);
	if (ret || op->type != DRM_DUMMY_GPU_BIND_MAP)
		return ret;

	obj = drm_gem_object_lookup(file, op->handle);
	if (!obj)
		return -ENOENT;

	/* Whoever calls drops it, with or without an error. */
	request->gem = to_dummy_gem(obj);
	ret = dummy_args_check_bind_size(drm, op, obj->size);
	if (ret)
		return ret;

	return dummy_gem_populate(request->gem);
}

/*
 * Resolve all, then commit all: a signal can only interrupt the first half, when
 * nothing has been done and the call can just be repeated. An operation that
 * cannot be resolved stops the call only after those before it are done.
 */
static int bind_all(struct dummy_vm *vm, struct drm_file *file,
		    struct bind_request *requests, u32 *count)
{
	u32 nr_resolved, i;
	int ret = 0;
	int err;

	for (nr_resolved = 0; nr_resolved < *count; nr_resolved++) {
		ret = bind_resolve(vm, file, &requests[nr_resolved]);
		if (ret)
			break;
	}
	if (ret == -EINTR || ret == -ERESTARTSYS)
		return ret;

	for (i = 0; i < nr_resolved; i++) {
		err = bind_commit(vm, &requests[i]);
		if (err) {
			ret = err;
			break;
		}
	}
	*count = i;
	return ret;
}

static struct bind_request *requests_create(const struct drm_dummy_gpu_bind_op *ops, u32 count)
{
	struct bind_request *requests;
	u32 i;

	requests = hmmc_inject("gpu_binds") ? NULL :
		   kvzalloc_objs(*requests, count, GFP_KERNEL_ACCOUNT);
	if (!requests)
		return NULL;

	for (i = 0; i < count; i++)
		requests[i].op = ops[i];
	return requests;
}

static void requests_free(struct bind_request *requests, u32 count)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (requests[i].gem)
			drm_gem_object_put(&requests[i].gem->shmem.base);
	}
	kvfree(requests);
}

int dummy_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_vm_bind *args = data;
	struct drm_dummy_gpu_bind_op *ops;
	struct bind_request *requests;
	u32 count = args->ops.count;
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_vm_bind(drm, args);
	if (ret)
		return ret;

	vm = dummy_vm_lookup(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	ops = dummy_array_read(drm, &args->ops, sizeof(*ops),
			       offsetofend(struct drm_dummy_gpu_bind_op, size),
			       DRM_DUMMY_GPU_MAX_BIND_OPS);
	if (IS_ERR(ops)) {
		ret = PTR_ERR(ops);
		goto out_put;
	}

	ret = -ENOMEM;
	requests = requests_create(ops, count);
	kvfree(ops);
	if (!requests)
		goto out_put;

	ret = bind_all(vm, file, requests, &args->ops.count);
	requests_free(requests, count);
out_put:
	dummy_vm_put(vm);
	return ret;
}
