// SPDX-License-Identifier: GPL-2.0
/*
 * Waiting: for a job by JOB_QUERY, for memory that a job writes by WAIT_FENCE.
 *
 * Invariant: whoever waits holds the queue, so that it may be destroyed and the
 * device unplugged meanwhile; either ends the wait.
 *
 * Words: a *user fence* is 64 bits of process memory that a job writes at its
 * good end.
 *
 * Lock: none while waiting. Waiters sleep on dummy_device.wake, which is woken
 * by every end of a job and by every semaphore and user fence.
 */
#include <linux/sched/signal.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "dummy_args.h"
#include "dummy_device.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_wait.h"

/* ---- JOB_QUERY ---------------------------------------------------------- */

/* Find a queue and one of its jobs. Return: 0 with references to both, or an error. */
static int find_job(struct drm_device *drm, struct drm_file *file,
		    const struct drm_dummy_gpu_job_query *args,
		    struct dummy_queue **queue, struct dummy_job **job)
{
	int idx, ret = 0;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	*queue = dummy_queue_lookup(file, args->queue_id, false);
	if (IS_ERR(*queue)) {
		ret = PTR_ERR(*queue);
		goto out;
	}

	*job = dummy_job_get(*queue, args->job_id);
	if (!*job) {
		dummy_queue_put(*queue);
		ret = -ENOENT;
	}
out:
	drm_dev_exit(idx);
	return ret;
}

static bool job_is_finished(struct dummy_queue *queue, struct dummy_job *job)
{
	bool is_finished;

	spin_lock(&queue->lock);
	is_finished = job->is_finished;
	spin_unlock(&queue->lock);
	return is_finished;
}

static void describe(struct dummy_queue *queue, struct dummy_job *job,
		     struct drm_dummy_gpu_job_query *args)
{
	u64 start_ns, end_ns;

	spin_lock(&queue->lock);
	start_ns = READ_ONCE(job->hw.start_ns);
	end_ns = job->is_finished ? job->hw.end_ns : ktime_get_ns();

	if (job->is_finished)
		args->state = job->reason ? DRM_DUMMY_GPU_JOB_FAILED : DRM_DUMMY_GPU_JOB_DONE;
	else
		args->state = start_ns ? DRM_DUMMY_GPU_JOB_RUNNING : DRM_DUMMY_GPU_JOB_QUEUED;

	args->reason = job->is_finished ? job->reason : DRM_DUMMY_GPU_REASON_NONE;
	args->access = job->is_finished ? job->hw.access : DRM_DUMMY_GPU_ACCESS_READ;
	args->fault_addr = job->is_finished ? job->hw.fault_addr : 0;
	args->stream_offset = READ_ONCE(job->hw.stream_offset);
	args->nr_faults = READ_ONCE(job->hw.nr_faults);
	args->pages_faulted = job->pages_faulted;
	args->run_ns = start_ns ? end_ns - start_ns : 0;
	spin_unlock(&queue->lock);
}

static ktime_t to_timeout(u64 timeout_ns)
{
	return min_t(u64, timeout_ns, KTIME_MAX);
}

int dummy_wait_job_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_job_query *args = data;
	struct dummy_queue *queue;
	struct dummy_job *job;
	int ret;

	ret = find_job(drm, file, args, &queue, &job);
	if (ret)
		return ret;

	/* Not inside drm_dev_enter(), or unplug would wait for us. */
	if (args->timeout_ns)
		ret = wait_event_interruptible_hrtimeout(queue->device->wake,
							 job_is_finished(queue, job) ||
							 READ_ONCE(queue->device->stopped),
							 to_timeout(args->timeout_ns));
	if (!ret && READ_ONCE(queue->device->stopped) && !job_is_finished(queue, job))
		ret = -ENODEV;

	describe(queue, job, args);
	dummy_job_put(job);
	dummy_queue_put(queue);
	return ret;
}

/* ---- WAIT_FENCE --------------------------------------------------------- */

/* Who may have written @queue's fence but failed: only asked when it is not there. */
static int job_verdict(struct dummy_queue *queue, u64 id)
{
	struct dummy_job *job = dummy_job_get(queue, id);
	int ret = 0;

	/* Not remembered any more: it has finished long ago. */
	if (!job)
		return -EIO;

	spin_lock(&queue->lock);
	if (job->is_finished && job->reason)
		ret = -EIO;
	spin_unlock(&queue->lock);
	dummy_job_put(job);
	return ret;
}

/* Return: 1 to wait on, else what WAIT_FENCE returns. */
static int look_at_fence(struct dummy_queue *queue, const struct drm_dummy_gpu_wait_fence *args)
{
	u64 __user *addr = u64_to_user_ptr(args->addr);
	int ret = 0;
	u64 value;

	/* First, because the fence is written before the job finishes. */
	if (args->job_id)
		ret = job_verdict(queue, args->job_id);
	if (get_user(value, addr))
		return -EFAULT;
	if (value >= args->value)
		return 0;
	if (ret)
		return ret;

	if (READ_ONCE(queue->device->stopped))
		return -ENODEV;
	if (READ_ONCE(queue->dead))
		return -ENOENT;
	return 1;
}

static int wait_for_fence(struct dummy_queue *queue, struct drm_dummy_gpu_wait_fence *args)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	ktime_t deadline = ktime_add_safe(ktime_get(), to_timeout(args->timeout_ns));
	ktime_t left;
	int ret;

	add_wait_queue(&queue->device->wake, &wait);
	for (;;) {
		ret = look_at_fence(queue, args);
		left = max(ktime_sub(deadline, ktime_get()), 0);
		if (ret <= 0)
			break;

		ret = -ETIME;
		if (!left)
			break;
		ret = -ERESTARTSYS;
		if (signal_pending(current))
			break;

		/* An event since we have begun to look ends this at once. */
		wait_woken(&wait, TASK_INTERRUPTIBLE, nsecs_to_jiffies(left) + 1);
	}
	remove_wait_queue(&queue->device->wake, &wait);

	args->timeout_ns = left;
	return ret;
}

int dummy_wait_fence_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_wait_fence *args = data;
	struct dummy_queue *queue;
	int idx, ret;

	ret = dummy_args_check_wait_fence(drm, args);
	if (ret)
		return ret;

	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;
	queue = dummy_queue_lookup(file, args->queue_id, true);
	drm_dev_exit(idx);
	if (IS_ERR(queue))
		return PTR_ERR(queue);

	/* An id that was not given out yet; forgotten ones are all right. */
	mutex_lock(&queue->submit_lock);
	ret = args->job_id > queue->last_id ? -ENOENT : 0;
	mutex_unlock(&queue->submit_lock);

	if (!ret)
		ret = wait_for_fence(queue, args);
	dummy_queue_put(queue);
	return ret;
}
