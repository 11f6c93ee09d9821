// SPDX-License-Identifier: GPL-2.0
/*
 * Device faults: from the chip's ring through hmm_core back to the chip.
 *
 * Invariant: every fault that is taken from the ring is replayed or cancelled
 * once. While one of its faults is being served a queue is not destroyed.
 *
 * Words: a *worker* takes faults from the ring, a batch at a time, and *serves*
 * them. There are several, so that a fault that waits, for a disk or for
 * memory, holds up nobody else.
 *
 * Lock: dummy_device.fault_lock makes one step of taking a fault from the ring
 * and holding its queue, against dummy_fault_unhook(). Nothing is held while a
 * fault is served.
 */
#include <linux/slab.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>

#include <drm/dummy_gpu_drm.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_device.h"
#include "dummy_fault.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_vm.h"
#include "hw/hw.h"

#define BATCH	64

/**
 * struct dummy_fault_worker - serves faults
 * @work: in dummy_device.fault_wq
 * @device: whose ring
 * @index: bit in dummy_device.fault_busy
 * @taken: faults as the chip told them, their queues held
 * @asked: those of them that hmm_core is asked about, in an order of its own
 */
struct dummy_fault_worker {
	struct work_struct work;
	struct dummy_device *device;
	unsigned int index;
	struct hw_fault taken[BATCH];
	struct hmmc_fault asked[BATCH];
};

/* ---- Taking ------------------------------------------------------------- */

static bool take(struct dummy_device *device, struct hw_fault *fault)
{
	struct dummy_queue *queue;
	bool is_taken = false;

	spin_lock(&device->fault_lock);
	while (!is_taken && hw_fault_pop(device->chip, fault)) {
		queue = hw_context_priv(fault->ctx);
		/* Its context is about to be destroyed, and cancels by itself. */
		if (queue->unhooked)
			continue;
		queue->nr_faults++;
		is_taken = true;
	}
	spin_unlock(&device->fault_lock);
	return is_taken;
}

static unsigned int take_batch(struct dummy_fault_worker *worker)
{
	unsigned int nr = 0;

	while (nr < BATCH && take(worker->device, &worker->taken[nr]))
		nr++;
	return nr;
}

/* The fault has been replayed or cancelled. */
static void give_back(struct dummy_device *device, struct dummy_queue *queue)
{
	spin_lock(&device->fault_lock);
	if (!--queue->nr_faults)
		wake_up_var(&queue->nr_faults);
	spin_unlock(&device->fault_lock);
}

static bool is_being_served(struct dummy_queue *queue)
{
	struct dummy_device *device = queue->device;
	bool is_served;

	spin_lock(&device->fault_lock);
	is_served = queue->nr_faults;
	spin_unlock(&device->fault_lock);
	return is_served;
}

void dummy_fault_unhook(struct dummy_queue *queue)
{
	struct dummy_device *device = queue->device;

	spin_lock(&device->fault_lock);
	queue->unhooked = true;
	spin_unlock(&device->fault_lock);

	wait_var_event(&queue->nr_faults, !is_being_served(queue));
}

/* ---- Serving ------------------------------------------------------------ */

static enum drm_dummy_gpu_reason result_to_reason(int result)
{
	switch (result) {
	case -EFAULT:
		return DRM_DUMMY_GPU_REASON_UNMAPPED;
	case -EPERM:
		return DRM_DUMMY_GPU_REASON_PERMISSION;
	case -EOPNOTSUPP:
		return DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED;
	case -EHWPOISON:
		return DRM_DUMMY_GPU_REASON_MEMORY;
	case -ENOMEM:
		return DRM_DUMMY_GPU_REASON_NO_MEMORY;
	case -EBUSY:
		return DRM_DUMMY_GPU_REASON_CONTENDED;
	case -ENODEV:
		return DRM_DUMMY_GPU_REASON_DEVICE_LOST;
	default:
		return DRM_DUMMY_GPU_REASON_CANCELLED;
	}
}

static void answer(const struct hw_fault *fault, int result)
{
	struct dummy_queue *queue = hw_context_priv(fault->ctx);

	if (result)
		hw_fault_cancel(fault, dummy_job_hw_reason(result_to_reason(result)));
	else
		hw_fault_replay(fault);
	give_back(queue->device, queue);
}

static enum hmmc_access to_hmmc_access(enum hw_access access)
{
	switch (access) {
	case HW_ACCESS_WRITE:
		return HMMC_ACCESS_WRITE;
	case HW_ACCESS_ATOMIC:
		return HMMC_ACCESS_ATOMIC;
	default:
		return HMMC_ACCESS_READ;
	}
}

/* Nothing but VM_BIND maps anything up there, so there is nobody to ask. */
static void answer_in_bo_space(const struct hw_fault *fault)
{
	struct dummy_queue *queue = hw_context_priv(fault->ctx);

	answer(fault, dummy_pt_lookup(&queue->vm->pt, fault->addr) ? -EPERM : -EFAULT);
}

static void serve(struct dummy_fault_worker *worker, unsigned int nr_taken)
{
	unsigned int nr_asked = 0;
	unsigned int i;

	for (i = 0; i < nr_taken; i++) {
		struct hw_fault *fault = &worker->taken[i];
		struct dummy_queue *queue = hw_context_priv(fault->ctx);

		if (fault->addr >= DUMMY_SVM_END) {
			answer_in_bo_space(fault);
			continue;
		}
		worker->asked[nr_asked++] = (struct hmmc_fault) {
			.attach = queue->vm->attach,
			.addr = fault->addr,
			.access = to_hmmc_access(fault->access),
			.cookie = fault,
		};
	}

	if (nr_asked)
		hmmc_fault(worker->asked, nr_asked);

	for (i = 0; i < nr_asked; i++) {
		struct hw_fault *fault = worker->asked[i].cookie;

		dummy_job_add_pages(hw_context_priv(fault->ctx), worker->asked[i].nr_pages);
		answer(fault, worker->asked[i].result);
	}
}

static void serve_all(struct dummy_fault_worker *worker)
{
	struct dummy_device *device = worker->device;
	unsigned int nr;

	while ((nr = take_batch(worker))) {
		atomic64_add(nr, &device->nr_faults);
		/* There may be more than we can take: let another one look. */
		if (nr == BATCH)
			dummy_fault_event(device);
		serve(worker, nr);
	}
}

static void worker_func(struct work_struct *work)
{
	struct dummy_fault_worker *worker = container_of(work, struct dummy_fault_worker, work);

	serve_all(worker);
	/*
	 * Who raises a fault now finds us idle and queues us again. Who raised one
	 * before may have found everybody busy, so look once more. Fully ordered
	 * against test_and_set_bit() in dummy_fault_event().
	 */
	clear_bit(worker->index, &worker->device->fault_busy);
	smp_mb__after_atomic();	/* pairs with test_and_set_bit() */
	serve_all(worker);
}

void dummy_fault_event(void *priv)
{
	struct dummy_device *device = priv;
	unsigned int i;

	for (i = 0; i < device->config.nr_engines; i++) {
		if (!test_and_set_bit(i, &device->fault_busy)) {
			queue_work(device->fault_wq, &device->fault_workers[i].work);
			return;
		}
	}
}

/* ---- Life --------------------------------------------------------------- */

int dummy_fault_init(struct dummy_device *device)
{
	unsigned int nr = device->config.nr_engines;
	unsigned int i;

	spin_lock_init(&device->fault_lock);

	device->fault_workers = kvzalloc_objs(*device->fault_workers, nr);
	if (!device->fault_workers)
		return -ENOMEM;

	for (i = 0; i < nr; i++) {
		device->fault_workers[i].device = device;
		device->fault_workers[i].index = i;
		INIT_WORK(&device->fault_workers[i].work, worker_func);
	}

	device->fault_wq = alloc_workqueue("dummy_gpu-fault", WQ_UNBOUND, nr);
	if (!device->fault_wq) {
		kvfree(device->fault_workers);
		return -ENOMEM;
	}
	return 0;
}

void dummy_fault_fini(struct dummy_device *device)
{
	destroy_workqueue(device->fault_wq);
	kvfree(device->fault_workers);
}
