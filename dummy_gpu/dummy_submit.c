// SPDX-License-Identifier: GPL-2.0
/*
 * SUBMIT: from the arguments of the ioctl to a job in the scheduler.
 *
 * Invariant: all that can fail is done before the job is armed. Until then
 * nobody but this call knows the job; afterwards it runs, finishes and signals.
 *
 * Words: an *in-sync* is waited for before the job runs, an *out-sync* is given
 * the job's fence. To *collect* is to find and allocate what the job needs, to
 * *enlist* is to give it an id, to *commit* is to let it go.
 *
 * Lock: dummy_queue.submit_lock around enlisting, arming and pushing, so that
 * ids, fences and the scheduler's order agree.
 */
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>

#include <drm/drm_file.h>
#include <drm/drm_syncobj.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_array.h"
#include "dummy_device.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_submit.h"
#include "dummy_vm.h"

/* ---- Collecting --------------------------------------------------------- */

/* A syncobj to signal. */
struct out_sync {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;	/* for a timeline */
	u64 value;
};

/* What SUBMIT collects before anything is visible to others. */
struct submit {
	struct drm_file *file;
	struct dummy_queue *queue;
	struct drm_dummy_gpu_sync *syncs;
	u32 nr_syncs;
	struct dummy_job *job;
	struct out_sync *outs;
	u32 nr_outs;
};

static int add_in_sync(struct submit *submit, const struct drm_dummy_gpu_sync *sync)
{
	struct dma_fence *fence;
	int ret;

	ret = drm_syncobj_find_fence(submit->file, sync->handle, sync->value, 0, &fence);
	if (ret == -EINVAL)
		return dummy_invalid(submit->file->minor->dev, "sync.handle: nothing to wait for");
	if (ret)
		return ret;
	return drm_sched_job_add_dependency(&submit->job->base, fence);
}

static int add_out_sync(struct submit *submit, const struct drm_dummy_gpu_sync *sync)
{
	struct out_sync *out = &submit->outs[submit->nr_outs];

	out->syncobj = drm_syncobj_find(submit->file, sync->handle);
	if (!out->syncobj)
		return -ENOENT;

	submit->nr_outs++;
	out->value = sync->value;
	if (!(sync->flags & DRM_DUMMY_GPU_SYNC_TIMELINE))
		return 0;

	out->chain = hmmc_inject("gpu_chain") ? NULL : dma_fence_chain_alloc();
	return out->chain ? 0 : -ENOMEM;
}

static int submit_collect(struct submit *submit, const struct drm_dummy_gpu_submit *args)
{
	struct dummy_job *job;
	u32 i;
	int ret;

	job = dummy_job_create(submit->queue, submit->file, args);
	if (IS_ERR(job))
		return PTR_ERR(job);
	submit->job = job;

	submit->outs = hmmc_inject("gpu_outs") ? NULL :
		       kvzalloc_objs(*submit->outs, submit->nr_syncs, GFP_KERNEL_ACCOUNT);
	if (!submit->outs)
		return -ENOMEM;

	for (i = 0; i < submit->nr_syncs; i++) {
		const struct drm_dummy_gpu_sync *sync = &submit->syncs[i];

		ret = dummy_args_check_sync(submit->file->minor->dev, sync, submit->queue->is_svm);
		if (ret)
			return ret;

		if (sync->flags & DRM_DUMMY_GPU_SYNC_SIGNAL)
			ret = add_out_sync(submit, sync);
		else
			ret = add_in_sync(submit, sync);
		if (ret)
			return ret;
	}
	return 0;
}

/* ---- Committing --------------------------------------------------------- */

/* Give the job an id. The last thing that can fail. */
static int submit_enlist(struct submit *submit)
{
	struct dummy_queue *queue = submit->queue;
	struct dummy_job *job = submit->job;
	unsigned int nr_unfinished;
	int ret;

	lockdep_assert_held(&queue->submit_lock);

	if (queue->dead)
		return -ENOENT;
	if (atomic_read(&queue->stopped))
		return -ECANCELED;

	/* It can only become less while we have the lock. */
	spin_lock(&queue->lock);
	nr_unfinished = queue->nr_unfinished;
	spin_unlock(&queue->lock);
	if (nr_unfinished >= DUMMY_QUEUE_MAX_JOBS)
		return -EBUSY;

	/* The table's reference is the one from dummy_job_create(). */
	job->id = queue->last_id + 1;
	ret = xa_insert(&queue->jobs, job->id, job, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;
	queue->last_id = job->id;

	spin_lock(&queue->lock);
	queue->nr_unfinished++;
	spin_unlock(&queue->lock);
	return 0;
}

static void submit_signal(struct submit *submit, struct dma_fence *fence)
{
	u32 i;

	for (i = 0; i < submit->nr_outs; i++) {
		struct out_sync *out = &submit->outs[i];

		if (out->chain)
			drm_syncobj_add_point(out->syncobj, out->chain, fence, out->value);
		else
			drm_syncobj_replace_fence(out->syncobj, fence);
		out->chain = NULL;
	}
}

/* Return: the job's id in @id, or an error, and then nothing has happened. */
static int submit_commit(struct submit *submit, u64 *id)
{
	struct dummy_queue *queue = submit->queue;
	struct dummy_job *job = submit->job;
	struct dma_fence *finished;
	int ret;

	mutex_lock(&queue->submit_lock);
	ret = submit_enlist(submit);
	if (ret)
		goto out;

	/* From here on nothing fails. The scheduler's references go with free_job. */
	submit->job = NULL;
	*id = job->id;
	kref_get(&job->ref);
	kref_get(&queue->ref);
	drm_sched_job_arm(&job->base);
	finished = dma_fence_get(&job->base.s_fence->finished);
	drm_sched_entity_push_job(&job->base);

	submit_signal(submit, finished);
	dma_fence_put(finished);
out:
	mutex_unlock(&queue->submit_lock);
	return ret;
}

static void submit_finish(struct submit *submit)
{
	u32 i;

	for (i = 0; i < submit->nr_outs; i++) {
		dma_fence_chain_free(submit->outs[i].chain);
		drm_syncobj_put(submit->outs[i].syncobj);
	}
	kvfree(submit->outs);
	if (submit->job)
		dummy_job_abandon(submit->job);
	kvfree(submit->syncs);
}

static int submit_all(struct submit *submit, struct drm_dummy_gpu_submit *args)
{
	int ret;

	ret = dummy_args_check_submit_on(submit->file->minor->dev, args, submit->queue->is_svm);
	if (ret)
		return ret;

	/* For what the jobs before have brought to the device. */
	if (submit->queue->vm->is_svm)
		hmmc_attach_settle(submit->queue->vm->attach);

	ret = submit_collect(submit, args);
	if (ret)
		return ret;

	return submit_commit(submit, &args->job_id);
}

int dummy_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_submit *args = data;
	struct submit submit = { .file = file };
	int ret;

	ret = dummy_args_check_submit(drm, args);
	if (ret)
		return ret;

	submit.queue = dummy_queue_lookup(file, args->queue_id, false);
	if (IS_ERR(submit.queue))
		return PTR_ERR(submit.queue);

	submit.nr_syncs = args->syncs.count;
	submit.syncs = dummy_array_read(drm, &args->syncs, sizeof(*submit.syncs),
					offsetofend(struct drm_dummy_gpu_sync, value),
					DRM_DUMMY_GPU_MAX_SYNCS);
	if (IS_ERR(submit.syncs)) {
		ret = PTR_ERR(submit.syncs);
		goto out_put;
	}

	ret = submit_all(&submit, args);
	submit_finish(&submit);
out_put:
	dummy_queue_put(submit.queue);
	return ret;
}
