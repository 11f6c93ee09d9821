// SPDX-License-Identifier: GPL-2.0
/*
 * Jobs: how they get through the scheduler and the chip to their end.
 *
 * Invariant: a job finishes exactly once, in finish(), before its fence
 * signals. A job that may fault never signals a dma-fence: with SVM the
 * scheduler's finished fence means "handed to the chip", and nobody else gets it.
 *
 * Words: a job is *pushed* when the chip gets it, *done* when the chip gives it
 * back, and *finished* when its state is final. Jobs that never reach the chip
 * finish without being done.
 *
 *	SUBMIT -> in-syncs -> run_job -> chip -> job_done -> finished
 *	                         |                              ^
 *	                         +-- in-sync failed, stopped ---+
 *
 * Lock: dummy_queue.lock for a job's state. From run_job to the signal of the
 * fence nothing allocates or waits for anything but the chip.
 */
#include <linux/dma-fence-chain.h>
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>

#include <drm/drm_drv.h>

#include <hmm_core/hmm_core.h>

#include "dummy_device.h"
#include "dummy_drv.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_reset.h"
#include "dummy_vm.h"

/* From one look to the next at a job whose engine has been told to leave it. */
#define LEAVE_PERIOD	(HZ / 4)

/* ---- Fences ------------------------------------------------------------- */

static const char *fence_driver_name(struct dma_fence *fence)
{
	return "dummy_gpu";
}

static const char *fence_timeline_name(struct dma_fence *fence)
{
	return "queue";
}

/* Without release: a signalled fence may outlive the module. */
static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_driver_name,
	.get_timeline_name = fence_timeline_name,
};

/* What the fence of a job says that failed for @reason. */
static int reason_to_errno(u32 reason)
{
	switch (reason) {
	case DRM_DUMMY_GPU_REASON_NONE:
		return 0;
	case DRM_DUMMY_GPU_REASON_UNMAPPED:
	case DRM_DUMMY_GPU_REASON_PERMISSION:
		return -EFAULT;
	case DRM_DUMMY_GPU_REASON_BAD_STREAM:
		return -EINVAL;
	case DRM_DUMMY_GPU_REASON_TIMEOUT:
		return -ETIME;
	case DRM_DUMMY_GPU_REASON_CANCELLED:
		return -ECANCELED;
	case DRM_DUMMY_GPU_REASON_DEVICE_LOST:
		return -ENODEV;
	default:
		return -EIO;
	}
}

/* ---- Finishing ---------------------------------------------------------- */

static struct dummy_job *to_dummy_job(struct drm_sched_job *base)
{
	return container_of(base, struct dummy_job, base);
}

static void job_release(struct kref *ref)
{
	struct dummy_job *job = container_of(ref, struct dummy_job, ref);

	/* A job that was never pushed has a fence that nobody has seen. */
	if (dma_fence_was_initialized(job->fence))
		dma_fence_put(job->fence);
	else
		kfree(job->fence);
	kfree(job);
}

void dummy_job_put(struct dummy_job *job)
{
	kref_put(&job->ref, job_release);
}

/* Return: the job that is remembered no longer, or NULL. */
static struct dummy_job *remember(struct dummy_queue *queue, struct dummy_job *job)
{
	struct dummy_job *oldest;

	lockdep_assert_held(&queue->lock);

	list_move_tail(&job->link, &queue->finished);
	if (++queue->nr_finished <= DUMMY_QUEUE_MAX_JOBS)
		return NULL;

	oldest = list_first_entry(&queue->finished, struct dummy_job, link);
	list_del_init(&oldest->link);
	xa_erase(&queue->jobs, oldest->id);
	queue->nr_finished--;
	return oldest;
}

static void count_finished(struct dummy_queue *queue, struct dummy_job *job)
{
	struct dummy_device *device = queue->device;

	atomic64_inc(job->reason ? &device->nr_jobs_failed : &device->nr_jobs_done);
	/* A job that has been on the chip finishes before its queue is dead. */
	if (job->hw.start_ns)
		atomic64_add(job->hw.end_ns - job->hw.start_ns, &queue->file->busy_ns);
}

/* Who has a reference calls this. Later calls do nothing. */
static void finish(struct dummy_job *job, u32 reason)
{
	struct dummy_queue *queue = job->queue;
	struct dummy_job *forgotten = NULL;
	bool is_first;

	spin_lock(&queue->lock);
	is_first = !job->is_finished;
	if (is_first) {
		job->is_finished = true;
		job->reason = reason;
		queue->nr_unfinished--;
		count_finished(queue, job);
		forgotten = remember(queue, job);
	}
	spin_unlock(&queue->lock);

	if (!is_first)
		return;
	if (forgotten)
		dummy_job_put(forgotten);
	if (queue->eventfd)
		eventfd_signal(queue->eventfd);
	wake_up_all(&queue->device->wake);
}

struct dummy_job *dummy_job_get(struct dummy_queue *queue, u64 id)
{
	struct dummy_job *job;

	spin_lock(&queue->lock);
	job = xa_load(&queue->jobs, id);
	if (job)
		kref_get(&job->ref);
	spin_unlock(&queue->lock);
	return job;
}

void dummy_job_cancel_all(struct dummy_queue *queue)
{
	struct dummy_job *job;
	unsigned long id;

	xa_for_each(&queue->jobs, id, job) {
		job = dummy_job_get(queue, id);
		if (!job)
			continue;
		finish(job, DRM_DUMMY_GPU_REASON_CANCELLED);
		dummy_job_put(job);
	}
}

/* ---- The chip's side ---------------------------------------------------- */

static u32 reason_of_hw(struct dummy_queue *queue, const struct hw_job *hw)
{
	switch (hw->reason) {
	case HW_REASON_NONE:
		return DRM_DUMMY_GPU_REASON_NONE;
	case HW_REASON_BAD_STREAM:
		return DRM_DUMMY_GPU_REASON_BAD_STREAM;
	case HW_REASON_STOPPED:
		return DRM_DUMMY_GPU_REASON_DEVICE_LOST;
	case HW_REASON_MEMORY:
		return DRM_DUMMY_GPU_REASON_MEMORY;
	case HW_REASON_NO_ENTRY:
		return dummy_pt_lookup(&queue->vm->pt, hw->fault_addr) ?
			DRM_DUMMY_GPU_REASON_PERMISSION : DRM_DUMMY_GPU_REASON_UNMAPPED;
	default:
		return hw->reason - HW_REASON_DRIVER;
	}
}

static bool stops_queue(struct dummy_queue *queue, u32 reason)
{
	return !queue->is_svm && (reason == DRM_DUMMY_GPU_REASON_TIMEOUT ||
				  reason == DRM_DUMMY_GPU_REASON_HANG ||
				  reason == DRM_DUMMY_GPU_REASON_MEMORY ||
				  reason == DRM_DUMMY_GPU_REASON_UNMAPPED ||
				  reason == DRM_DUMMY_GPU_REASON_PERMISSION);
}

/* The engine stands still until this returns, also for jobs with fences. */
void dummy_job_done(void *priv, struct hw_context *ctx, struct hw_job *hw)
{
	struct dummy_job *job = container_of(hw, struct dummy_job, hw);
	struct dummy_queue *queue = job->queue;
	bool cookie = dma_fence_begin_signalling();
	u32 reason = reason_of_hw(queue, hw);

	/* Before the fence, so that whoever has seen that finds it. */
	if (stops_queue(queue, reason))
		atomic_set(&queue->stopped, 1);
	finish(job, reason);

	if (job->fence) {
		if (reason)
			dma_fence_set_error(job->fence, reason_to_errno(reason));
		dma_fence_signal(job->fence);
	}
	dma_fence_end_signalling(cookie);
	dummy_job_put(job);
}

/* In jiffies. */
static unsigned long limit_of(const struct dummy_queue *queue)
{
	return queue->timeout_ms ? msecs_to_jiffies(queue->timeout_ms) : MAX_SCHEDULE_TIMEOUT;
}

static void push(struct dummy_job *job)
{
	struct dummy_queue *queue = job->queue;
	unsigned long delay;

	/* For the chip; dummy_job_done() puts it. */
	kref_get(&job->ref);

	spin_lock(&queue->lock);
	job->is_pushed = true;
	list_add_tail(&job->link, &queue->running);
	spin_unlock(&queue->lock);

	/* Does nothing if it is waiting already: it looks for itself. */
	delay = min(limit_of(queue), dummy_reset_period());
	if (delay < MAX_SCHEDULE_TIMEOUT)
		queue_delayed_work(dummy_wq, &queue->watchdog, delay);
	hw_context_push(queue->ctx, &job->hw);
}

struct dummy_job *dummy_job_take_current(struct dummy_queue *queue)
{
	struct dummy_job *job;

	spin_lock(&queue->lock);
	job = list_first_entry_or_null(&queue->running, struct dummy_job, link);
	if (job)
		kref_get(&job->ref);
	spin_unlock(&queue->lock);
	return job;
}

/* Return: jiffies until the time limit of @job, 0 if it has passed. */
static unsigned long time_left(struct dummy_queue *queue, struct dummy_job *job)
{
	u64 limit_ns = (u64)queue->timeout_ms * NSEC_PER_MSEC;
	u64 start_ns = READ_ONCE(job->hw.start_ns);
	u64 run_ns;

	if (!limit_ns)
		return MAX_SCHEDULE_TIMEOUT;
	/* The engine has others to run: look soon, so as not to be late by a whole limit. */
	if (!start_ns)
		return min_t(unsigned long, limit_of(queue), HZ / 10) + 1;

	run_ns = ktime_get_ns() - start_ns;
	return run_ns < limit_ns ? nsecs_to_jiffies(limit_ns - run_ns) + 1 : 0;
}

/* Return: when to look at @job again. */
static unsigned long check_job(struct dummy_queue *queue, struct dummy_job *job)
{
	unsigned long period = dummy_reset_period();
	unsigned long left = time_left(queue, job);

	/* It leaves when it is told to, or has its engine reset whatever the period. */
	if (!left) {
		hw_context_cancel(queue->ctx, &job->hw,
				  dummy_job_hw_reason(DRM_DUMMY_GPU_REASON_TIMEOUT));
		period = min_t(unsigned long, period, LEAVE_PERIOD);
		left = 1;
	}
	if (dummy_reset_is_due(queue, job, period))
		dummy_reset_engine(queue, job, DRM_DUMMY_GPU_REASON_HANG);
	return min(left, period);
}

/*
 * The watchdog is started once and looks when it fires, instead of being set anew
 * for each job. Only the current job has a time limit.
 */
unsigned long dummy_job_check(struct dummy_queue *queue)
{
	struct dummy_job *job = dummy_job_take_current(queue);
	unsigned long delay = 0;

	if (job) {
		delay = check_job(queue, job);
		dummy_job_put(job);
	}
	return delay;
}

void dummy_job_add_pages(struct dummy_queue *queue, unsigned int nr_pages)
{
	struct dummy_job *job;

	spin_lock(&queue->lock);
	/* None, if it has been cancelled meanwhile. */
	job = list_first_entry_or_null(&queue->running, struct dummy_job, link);
	if (job)
		job->pages_faulted += nr_pages;
	spin_unlock(&queue->lock);
}

/* ---- The scheduler's side ----------------------------------------------- */

/* Why @job must not run, or NONE. */
static u32 verdict(struct dummy_job *job)
{
	struct dma_fence *fence;
	unsigned long index;

	/* The scheduler says so for jobs behind one that stopped the queue. */
	if (job->base.s_fence->finished.error)
		return DRM_DUMMY_GPU_REASON_CANCELLED;

	xa_for_each(&job->base.dependencies, index, fence) {
		if (dma_fence_get_status(dma_fence_chain_contained(fence)) < 0)
			return DRM_DUMMY_GPU_REASON_DEPENDENCY;
	}
	return DRM_DUMMY_GPU_REASON_NONE;
}

/* Return: the fence, NULL with SVM, or an ERR_PTR if the job does not run. */
static struct dma_fence *start(struct dummy_job *job)
{
	struct dummy_queue *queue = job->queue;
	struct dma_fence *fence = NULL;
	u32 reason = verdict(job);
	int idx;

	/* Unplug stops the chip after the last push, and we push nothing later. */
	if (!reason && !drm_dev_enter(&queue->device->drm, &idx))
		reason = DRM_DUMMY_GPU_REASON_DEVICE_LOST;
	if (reason) {
		finish(job, reason);
		return ERR_PTR(reason_to_errno(reason));
	}

	if (job->fence) {
		dma_fence_init(job->fence, &fence_ops, NULL, queue->fence_context, job->id);
		fence = dma_fence_get(job->fence);
	}
	push(job);
	drm_dev_exit(idx);
	return fence;
}

static struct dma_fence *run_job(struct drm_sched_job *base)
{
	bool cookie = dma_fence_begin_signalling();
	struct dma_fence *fence = start(to_dummy_job(base));

	/* NULL: done for the scheduler, since nobody may wait for what may fault. */
	dma_fence_end_signalling(cookie);
	return fence;
}

static void free_job(struct drm_sched_job *base)
{
	struct dummy_job *job = to_dummy_job(base);
	struct dummy_queue *queue = job->queue;

	/* The scheduler gives back what a killed queue never ran. */
	if (!job->is_pushed)
		finish(job, DRM_DUMMY_GPU_REASON_CANCELLED);

	drm_sched_job_cleanup(base);
	dummy_job_put(job);
	dummy_queue_put(queue);
}

const struct drm_sched_backend_ops dummy_job_ops = {
	.run_job = run_job,
	.free_job = free_job,
};

/* ---- Creation ----------------------------------------------------------- */

struct dummy_job *dummy_job_create(struct dummy_queue *queue, struct drm_file *file,
				   const struct drm_dummy_gpu_submit *args)
{
	struct dummy_job *job;
	int ret = -ENOMEM;

	job = hmmc_inject("gpu_job") ? NULL : kzalloc_obj(*job, GFP_KERNEL_ACCOUNT);
	if (!job)
		return ERR_PTR(-ENOMEM);

	kref_init(&job->ref);
	INIT_LIST_HEAD(&job->link);
	job->queue = queue;
	job->hw.stream = args->stream;
	job->hw.stream_size = args->stream_size;
	job->hw.fence_addr = args->fence_addr;
	job->hw.fence_value = args->fence_value;

	if (!queue->is_svm) {
		job->fence = hmmc_inject("gpu_job_fence") ? NULL :
			     kzalloc_obj(*job->fence, GFP_KERNEL_ACCOUNT);
		if (!job->fence)
			goto err_free;
	}

	ret = hmmc_inject("gpu_job_init") ? -ENOMEM :
	      drm_sched_job_init(&job->base, &queue->entity, 1, queue, file->client_id);
	if (ret)
		goto err_free;
	return job;

err_free:
	kfree(job->fence);
	kfree(job);
	return ERR_PTR(ret);
}

void dummy_job_abandon(struct dummy_job *job)
{
	drm_sched_job_cleanup(&job->base);
	kfree(job->fence);
	kfree(job);
}
