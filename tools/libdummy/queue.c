// SPDX-License-Identifier: MIT
/*
 * Queues: submit streams and wait for what becomes of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "libdummy.h"

DUMMY_EXPORT int dummy_queue_create(struct dummy_vm *vm, unsigned int engine,
				    unsigned int timeout_ms, int eventfd,
				    struct dummy_queue **queue)
{
	struct drm_dummy_gpu_queue_create create = {
		.vm_id = vm->id,
		.engine = engine,
		.timeout_ms = timeout_ms,
	};
	struct dummy_queue *new;
	int ret;

	if (eventfd >= 0) {
		create.flags |= DRM_DUMMY_GPU_QUEUE_EVENTFD;
		create.eventfd = eventfd;
	}
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	ret = device_ioctl(vm->dev->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE,
			   &create);
	if (ret) {
		free(new);
		return ret;
	}
	new->vm = vm;
	new->id = create.queue_id;
	*queue = new;
	return 0;
}

DUMMY_EXPORT int dummy_queue_destroy(struct dummy_queue *queue)
{
	struct drm_dummy_gpu_queue_destroy destroy = { 0 };
	int ret;

	if (!queue)
		return 0;
	destroy.queue_id = queue->id;
	ret = device_ioctl(queue->vm->dev->fd,
			   DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY, &destroy);
	free(queue);
	return ret;
}

DUMMY_EXPORT uint32_t dummy_queue_id(const struct dummy_queue *queue)
{
	return queue->id;
}

DUMMY_EXPORT struct dummy_vm *dummy_queue_vm(const struct dummy_queue *queue)
{
	return queue->vm;
}

DUMMY_EXPORT int dummy_submit_at(struct dummy_queue *queue, uint64_t stream,
				 uint64_t stream_size,
				 const struct dummy_submit_options *options,
				 uint64_t *job_id)
{
	static const struct dummy_submit_options none;
	struct drm_dummy_gpu_submit submit = {
		.queue_id = queue->id,
		.stream = stream,
		.stream_size = stream_size,
		.syncs.stride = sizeof(struct drm_dummy_gpu_sync),
	};
	int ret;

	if (!options)
		options = &none;
	if (options->fence_addr) {
		submit.flags |= DRM_DUMMY_GPU_SUBMIT_FENCE;
		submit.fence_addr = options->fence_addr;
		submit.fence_value = options->fence_value;
	}
	submit.syncs.count = options->nr_syncs;
	submit.syncs.array = dummy_addr(options->syncs);

	ret = device_ioctl(queue->vm->dev->fd, DRM_IOCTL_DUMMY_GPU_SUBMIT,
			   &submit);
	if (ret)
		return ret;
	if (job_id)
		*job_id = submit.job_id;
	return 0;
}

DUMMY_EXPORT int dummy_submit(struct dummy_queue *queue,
			      const struct dummy_stream *stream,
			      const struct dummy_submit_options *options,
			      uint64_t *job_id)
{
	int ret;

	ret = dummy_stream_error(stream);
	if (ret)
		return ret;
	return dummy_submit_at(queue, dummy_stream_addr(stream),
			       dummy_stream_size(stream), options, job_id);
}

DUMMY_EXPORT int dummy_wait(struct dummy_queue *queue, uint64_t job_id,
			    uint64_t timeout_ns,
			    struct drm_dummy_gpu_job_query *status)
{
	struct drm_dummy_gpu_job_query query = {
		.queue_id = queue->id,
		.job_id = job_id,
		.timeout_ns = timeout_ns,
	};
	int ret;

	ret = device_ioctl_timed(queue->vm->dev->fd,
				 DRM_IOCTL_DUMMY_GPU_JOB_QUERY, &query,
				 &query.timeout_ns);
	if (ret && ret != -ETIME)
		return ret;
	if (status)
		*status = query;
	switch (query.state) {
	case DRM_DUMMY_GPU_JOB_DONE:
		return 0;
	case DRM_DUMMY_GPU_JOB_FAILED:
		return -EIO;
	default:
		/* Looking with no time given is no error for the driver. */
		return -ETIME;
	}
}

DUMMY_EXPORT int dummy_run(struct dummy_queue *queue,
			   const struct dummy_stream *stream,
			   struct drm_dummy_gpu_job_query *status)
{
	uint64_t job_id;
	int ret;

	ret = dummy_submit(queue, stream, NULL, &job_id);
	if (ret)
		return ret;
	return dummy_wait(queue, job_id, DUMMY_FOREVER, status);
}

DUMMY_EXPORT int dummy_wait_fence(struct dummy_queue *queue,
				  const volatile uint64_t *fence,
				  uint64_t value, uint64_t job_id,
				  uint64_t timeout_ns)
{
	struct drm_dummy_gpu_wait_fence wait = {
		.queue_id = queue->id,
		.addr = dummy_addr(fence),
		.value = value,
		.job_id = job_id,
		.timeout_ns = timeout_ns,
	};

	return device_ioctl_timed(queue->vm->dev->fd,
				  DRM_IOCTL_DUMMY_GPU_WAIT_FENCE, &wait,
				  &wait.timeout_ns);
}
