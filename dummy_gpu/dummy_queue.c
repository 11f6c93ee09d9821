// SPDX-License-Identifier: GPL-2.0
/*
 * Queues: a context of the chip, a scheduler that feeds it, and the jobs.
 *
 * Invariant: a queue is alive until it is killed. Killing returns when the chip
 * has none of its jobs and no fault of its is being served; afterwards it has
 * neither VM nor context, and only who holds the file may ask for its device. Jobs
 * that still wait for in-syncs keep nothing but the queue itself, until those
 * signal, and the module, which waits for the last queue when it goes.
 *
 * Words: a queue with SVM *faults*; one without is *stopped* by a job that times
 * out, hangs or faults.
 *
 * Lock: submit_lock, and inside it lock. The scheduler's locks are inside both.
 */
#include <linux/device.h>
#include <linux/eventfd.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_device.h"
#include "dummy_drv.h"
#include "dummy_fault.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_vm.h"
#include "hw/hw.h"

#define FENCE_TIMEOUT_MS	20000

/* Queues that exist, and who waits until none does. */
static atomic_t nr_queues = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(none_left);

/* ---- Life --------------------------------------------------------------- */

static void watchdog_work(struct work_struct *work)
{
	struct dummy_queue *queue = container_of(work, struct dummy_queue, watchdog.work);
	unsigned long delay = dummy_job_check(queue);

	if (delay && delay < MAX_SCHEDULE_TIMEOUT)
		queue_delayed_work(dummy_wq, &queue->watchdog, delay);
}

static void forget_jobs(struct dummy_queue *queue)
{
	struct dummy_job *job;
	unsigned long id;

	xa_for_each(&queue->jobs, id, job)
		dummy_job_put(job);
	xa_destroy(&queue->jobs);
}

/* Not where the last reference goes: that may be inside the scheduler's work. */
static void free_work(struct work_struct *work)
{
	struct dummy_queue *queue = container_of(work, struct dummy_queue, free_work);

	/*
	 * Twice, as drm_sched_fini() stops it again: its free_job work, which has
	 * brought us here, may just have queued the other one.
	 */
	drm_sched_wqueue_stop(&queue->sched);
	drm_sched_fini(&queue->sched);
	forget_jobs(queue);
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
	mutex_destroy(&queue->submit_lock);
	put_device(queue->sched.dev);
	kfree_rcu(queue, rcu);

	if (atomic_dec_and_test(&nr_queues))
		wake_up_all(&none_left);
}

static void queue_release(struct kref *ref)
{
	struct dummy_queue *queue = container_of(ref, struct dummy_queue, ref);

	queue_work(dummy_wq, &queue->free_work);
}

void dummy_queue_put(struct dummy_queue *queue)
{
	kref_put(&queue->ref, queue_release);
}

void dummy_queue_wait_all(void)
{
	wait_event(none_left, !atomic_read(&nr_queues));
}

static int queue_init_sched(struct dummy_queue *queue)
{
	struct drm_gpu_scheduler *sched = &queue->sched;
	struct drm_sched_init_args args = {
		.ops = &dummy_job_ops,
		.submit_wq = dummy_wq,
		.num_rqs = 1,
		/*
		 * Without SVM one job is on the chip at a time, so that none
		 * begins after one that stops the queue. With SVM a job is done
		 * for the scheduler when it has been pushed.
		 */
		.credit_limit = 1,
		/* The time limit begins when the chip does, see watchdog_work(). */
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = "dummy_gpu",
		/* For its messages, which may come when the DRM device is gone. */
		.dev = get_device(queue->device->drm.dev),
	};
	int ret;

	ret = hmmc_inject("gpu_sched") ? -ENOMEM : drm_sched_init(sched, &args);
	if (ret)
		goto err_device;

	ret = drm_sched_entity_init(&queue->entity, DRM_SCHED_PRIORITY_KERNEL, &sched, 1,
				    &queue->stopped);
	if (ret)
		goto err_sched;
	return 0;

err_sched:
	drm_sched_fini(sched);
err_device:
	put_device(args.dev);
	return ret;
}

static int queue_init_context(struct dummy_queue *queue)
{
	struct hw_context *ctx;

	ctx = hmmc_inject("gpu_context") ? ERR_PTR(-ENOMEM) :
	      hw_context_create(queue->vm->pt.hw, queue->engine,
				queue->is_svm ? HW_CONTEXT_FAULTS : 0, queue);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);

	queue->ctx = ctx;
	return 0;
}

/*
 * A queue without SVM has a limit whatever the default is: its fences have to
 * signal.
 */
static u32 time_limit(const struct dummy_vm *vm, u32 timeout_ms)
{
	if (timeout_ms)
		return timeout_ms;
	if (vm->device->config.job_timeout_ms || vm->is_svm)
		return vm->device->config.job_timeout_ms;
	return FENCE_TIMEOUT_MS;
}

static struct dummy_queue *queue_alloc(struct dummy_file *file, struct dummy_vm *vm,
				       const struct drm_dummy_gpu_queue_create *args)
{
	struct dummy_queue *queue;

	queue = hmmc_inject("gpu_queue") ? NULL : kzalloc_obj(*queue, GFP_KERNEL_ACCOUNT);
	if (!queue)
		return NULL;

	kref_init(&queue->ref);
	queue->file = file;
	queue->device = vm->device;
	queue->engine = args->engine;
	queue->timeout_ms = time_limit(vm, args->timeout_ms);
	queue->is_svm = vm->is_svm;
	queue->mm = vm->is_svm ? current->mm : NULL;
	queue->vm = vm;
	queue->fence_context = dma_fence_context_alloc(1);
	mutex_init(&queue->submit_lock);
	spin_lock_init(&queue->lock);
	xa_init(&queue->jobs);
	INIT_LIST_HEAD(&queue->link);
	INIT_LIST_HEAD(&queue->running);
	INIT_LIST_HEAD(&queue->finished);
	INIT_DELAYED_WORK(&queue->watchdog, watchdog_work);
	INIT_WORK(&queue->free_work, free_work);
	return queue;
}

static int queue_init_eventfd(struct dummy_queue *queue,
			      const struct drm_dummy_gpu_queue_create *args)
{
	struct eventfd_ctx *eventfd;

	if (!(args->flags & DRM_DUMMY_GPU_QUEUE_EVENTFD))
		return 0;

	eventfd = eventfd_ctx_fdget(args->eventfd);
	if (IS_ERR(eventfd))
		return -EBADF;

	queue->eventfd = eventfd;
	return 0;
}

/* Takes over the reference of @vm, if it succeeds. */
static struct dummy_queue *queue_create(struct dummy_file *file, struct dummy_vm *vm,
					const struct drm_dummy_gpu_queue_create *args)
{
	struct dummy_device *device = vm->device;
	struct dummy_queue *queue;
	int ret;

	queue = queue_alloc(file, vm, args);
	if (!queue)
		return ERR_PTR(-ENOMEM);

	ret = queue_init_eventfd(queue, args);
	if (ret)
		goto err_free;

	ret = queue_init_context(queue);
	if (ret)
		goto err_eventfd;

	ret = queue_init_sched(queue);
	if (ret)
		goto err_context;

	atomic_inc(&nr_queues);
	mutex_lock(&device->lock);
	list_add_tail(&queue->link, &device->queues);
	mutex_unlock(&device->lock);
	return queue;

err_context:
	/* It has never run. */
	hw_context_destroy(queue->ctx, HW_REASON_NONE);
err_eventfd:
	if (queue->eventfd)
		eventfd_ctx_put(queue->eventfd);
err_free:
	mutex_destroy(&queue->submit_lock);
	kfree(queue);
	return ERR_PTR(ret);
}

/* Kill, wait, put: the caller has taken the queue from the file's table. */
static void queue_kill(struct dummy_queue *queue)
{
	struct dummy_device *device = queue->device;

	/* Kill: no job is pushed any more. */
	mutex_lock(&queue->submit_lock);
	WRITE_ONCE(queue->dead, true);
	mutex_unlock(&queue->submit_lock);

	/*
	 * Waits for a run_job that is under way. Jobs that wait for in-syncs come
	 * back, with their fences, when those signal.
	 */
	drm_sched_entity_fini(&queue->entity);
	/* Waits for a watchdog that is cancelling; nobody starts it again. */
	cancel_delayed_work_sync(&queue->watchdog);
	/* Waits for a fault of the current job that is being served. */
	dummy_fault_unhook(queue);
	/* Waits for the engine, with force if it hangs. */
	dummy_reset_leave(queue);
	/* Waits for job_done of all that it has. */
	hw_context_destroy(queue->ctx, dummy_job_hw_reason(DRM_DUMMY_GPU_REASON_CANCELLED));
	queue->ctx = NULL;

	dummy_job_cancel_all(queue);
	wake_up_all(&device->wake);

	mutex_lock(&device->lock);
	list_del_init(&queue->link);
	mutex_unlock(&device->lock);

	dummy_vm_put(queue->vm);
	queue->vm = NULL;
	dummy_queue_put(queue);
}

/* ---- Finding ------------------------------------------------------------ */

static struct dummy_queue *queue_get(struct dummy_file *file, unsigned long id)
{
	struct dummy_queue *queue;

	xa_lock(&file->queues);
	queue = xa_load(&file->queues, id);
	if (queue)
		kref_get(&queue->ref);
	xa_unlock(&file->queues);
	return queue;
}

struct dummy_queue *dummy_queue_lookup(struct drm_file *file, u32 id, bool any_process)
{
	struct dummy_queue *queue = queue_get(to_dummy_file(file), id);

	if (!queue)
		return ERR_PTR(-ENOENT);

	if (queue->is_svm && queue->mm != current->mm && !any_process) {
		dummy_queue_put(queue);
		return ERR_PTR(-EPERM);
	}
	return queue;
}

static struct dummy_queue *take_one(struct dummy_file *file, struct dummy_vm *vm)
{
	struct dummy_queue *queue;
	unsigned long id;

	xa_lock(&file->queues);
	xa_for_each(&file->queues, id, queue) {
		if (!vm || queue->vm == vm) {
			__xa_erase(&file->queues, id);
			break;
		}
	}
	xa_unlock(&file->queues);
	return queue;
}

void dummy_queue_kill_all(struct dummy_file *file, struct dummy_vm *vm)
{
	struct dummy_queue *queue;

	while ((queue = take_one(file, vm)))
		queue_kill(queue);
}

/* ---- Statistics --------------------------------------------------------- */

/* What the current job has spent so far. */
static u64 current_busy_ns(struct dummy_queue *queue)
{
	struct dummy_job *job;
	u64 start_ns = 0;

	spin_lock(&queue->lock);
	job = list_first_entry_or_null(&queue->running, struct dummy_job, link);
	if (job)
		start_ns = READ_ONCE(job->hw.start_ns);
	spin_unlock(&queue->lock);

	return start_ns ? ktime_get_ns() - start_ns : 0;
}

u64 dummy_queue_busy_ns(struct dummy_file *file)
{
	struct dummy_queue *queue;
	unsigned long id;
	u64 busy_ns;

	mutex_lock(&file->lock);
	busy_ns = atomic64_read(&file->busy_ns);
	xa_lock(&file->queues);
	xa_for_each(&file->queues, id, queue)
		busy_ns += current_busy_ns(queue);
	xa_unlock(&file->queues);

	/* A queue that is being killed is in neither sum, but time never goes back. */
	file->told_busy_ns = max(file->told_busy_ns, busy_ns);
	busy_ns = file->told_busy_ns;
	mutex_unlock(&file->lock);
	return busy_ns;
}

/* ---- Ioctls ------------------------------------------------------------- */

/* Others may use and destroy the queue as soon as it is in the table. */
static int publish(struct dummy_file *file, struct dummy_queue *queue)
{
	int ret = -ENOENT;

	/* VM_DESTROY kills the queues that are in the table when it has set dead. */
	mutex_lock(&file->lock);
	if (!queue->vm->dead)
		ret = hmmc_inject("gpu_queue_id") ? -ENOMEM :
		      xa_alloc_cyclic(&file->queues, &queue->id, queue, XA_LIMIT(1, INT_MAX),
				      &file->next_queue, GFP_KERNEL_ACCOUNT);
	mutex_unlock(&file->lock);
	return ret;
}

int dummy_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_queue_create *args = data;
	struct dummy_queue *queue;
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_queue_create(drm, args, to_dummy_device(drm)->config.nr_engines);
	if (ret)
		return ret;

	vm = dummy_vm_lookup(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	queue = queue_create(to_dummy_file(file), vm, args);
	if (IS_ERR(queue)) {
		dummy_vm_put(vm);
		return PTR_ERR(queue);
	}

	kref_get(&queue->ref);
	ret = publish(to_dummy_file(file), queue);
	if (ret)
		queue_kill(queue);
	args->queue_id = queue->id;
	dummy_queue_put(queue);
	return ret;
}

int dummy_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct dummy_file *priv = to_dummy_file(file);
	struct drm_dummy_gpu_queue_destroy *args = data;
	struct dummy_queue *queue;
	bool was_there;

	if (args->pad)
		return dummy_invalid(drm, "queue_destroy.pad");

	queue = dummy_queue_lookup(file, args->queue_id, false);
	if (IS_ERR(queue))
		return PTR_ERR(queue);

	/* Somebody else may be doing the same: then it is gone for us. */
	was_there = xa_cmpxchg(&priv->queues, args->queue_id, queue, NULL, GFP_KERNEL) == queue;
	if (was_there)
		queue_kill(queue);
	dummy_queue_put(queue);
	return was_there ? 0 : -ENOENT;
}
