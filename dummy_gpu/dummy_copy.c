// SPDX-License-Identifier: GPL-2.0
/*
 * Copies between system memory and device memory, for hmm_core.
 *
 * Invariant: a copy allocates nothing, because memory may be waiting for it, and
 * its fence signals whatever happens, because mmap_lock and folio locks may be.
 *
 * Words: a copy is *small* if having another thread do it would take longer than
 * doing it. An asynchronous copy is a *request*, from a pool made beforehand; if
 * none is free the copy is done at once.
 *
 * Lock: none, a request belongs to whoever has it.
 */
#include <linux/dma-fence.h>
#include <linux/mempool.h>
#include <linux/rcupdate.h>
#include <linux/sizes.h>

#include <drm/drm_managed.h>

#include "dummy_copy.h"
#include "dummy_device.h"
#include "hw/hw.h"

#define SMALL_COPY	SZ_64K
#define NR_REQUESTS	8

/**
 * struct copy_request - an asynchronous copy
 * @fence: signals its end; its last reference returns the request
 * @pool: where it comes from
 * @hw: for the copy engine
 */
struct copy_request {
	struct dma_fence fence;
	mempool_t *pool;
	struct hw_copy hw;
};

static enum hw_copy_op to_hw_op(enum hmmc_copy_dir dir)
{
	switch (dir) {
	case HMMC_COPY_TO_DEVICE:
		return HW_COPY_TO_VRAM;
	case HMMC_COPY_TO_SYSTEM:
		return HW_COPY_FROM_VRAM;
	default:
		return HW_COPY_CLEAR;
	}
}

/* hmm_core's runs are the chip's as they are. */
static const struct hw_copy_run *to_hw_runs(const struct hmmc_copy_run *runs)
{
	static_assert(offsetof(struct hmmc_copy_run, device) ==
		      offsetof(struct hw_copy_run, vram));
	static_assert(offsetof(struct hmmc_copy_run, system) ==
		      offsetof(struct hw_copy_run, bus));
	static_assert(offsetof(struct hmmc_copy_run, size) ==
		      offsetof(struct hw_copy_run, size));
	static_assert(sizeof(dma_addr_t) == sizeof(u64) && sizeof(size_t) == sizeof(u64));
	static_assert(sizeof(struct hmmc_copy_run) == sizeof(struct hw_copy_run));

	return (const struct hw_copy_run *)runs;
}

static int copy_now(struct dummy_device *device, enum hmmc_copy_dir dir,
		    const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	return hw_copy_now(device->chip, to_hw_op(dir), to_hw_runs(runs), nr_runs);
}

/* ---- Asynchronous copies ------------------------------------------------ */

static const char *fence_driver_name(struct dma_fence *fence)
{
	return "dummy_gpu";
}

static const char *fence_timeline_name(struct dma_fence *fence)
{
	return "copy";
}

static void request_free(struct rcu_head *rcu)
{
	struct copy_request *request = container_of(rcu, struct copy_request, fence.rcu);

	mempool_free(request, request->pool);
}

static void fence_release(struct dma_fence *fence)
{
	/* Readers of fences are under RCU. */
	call_rcu(&fence->rcu, request_free);
}

/* With release: only hmm_core gets these fences, and puts them. */
static const struct dma_fence_ops fence_ops = {
	.get_driver_name = fence_driver_name,
	.get_timeline_name = fence_timeline_name,
	.release = fence_release,
};

static void copy_done(struct hw_copy *hw, int status)
{
	struct copy_request *request = container_of(hw, struct copy_request, hw);
	bool cookie = dma_fence_begin_signalling();

	hmmc_inject_delay("gpu_fence_late");
	if (status)
		dma_fence_set_error(&request->fence, status);
	dma_fence_signal(&request->fence);
	dma_fence_end_signalling(cookie);

	/* The copy engine's reference. */
	dma_fence_put(&request->fence);
}

/* Return: the fence, or NULL if the copy has to be done now. */
static struct dma_fence *copy_later(struct dummy_device *device, enum hmmc_copy_dir dir,
				    const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	struct copy_request *request;

	request = hmmc_inject("gpu_copy") ? NULL : mempool_alloc_preallocated(&device->copies);
	if (!request)
		return NULL;

	request->pool = &device->copies;
	request->hw.op = to_hw_op(dir);
	request->hw.runs = to_hw_runs(runs);	/* hmm_core keeps them for the fence */
	request->hw.nr_runs = nr_runs;
	request->hw.done = copy_done;
	dma_fence_init(&request->fence, &fence_ops, NULL, dma_fence_context_alloc(1), 1);

	dma_fence_get(&request->fence);
	hw_copy_push(device->chip, &request->hw);
	return &request->fence;
}

static bool is_small(const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	size_t size = 0;

	for (; nr_runs && size <= SMALL_COPY; runs++, nr_runs--)
		size += runs->size;
	return size <= SMALL_COPY;
}

struct dma_fence *dummy_copy(struct hmmc_device *hmmc, enum hmmc_copy_dir dir,
			     const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	struct dummy_device *device = hmmc_device_priv(hmmc);
	struct dma_fence *fence;

	if (dummy_config_copy_async() && !is_small(runs, nr_runs)) {
		fence = copy_later(device, dir, runs, nr_runs);
		if (fence)
			return fence;
	}
	return ERR_PTR(copy_now(device, dir, runs, nr_runs));
}

int dummy_copy_clear(struct dummy_device *device, u64 offset, u64 size)
{
	struct hmmc_copy_run run = { .device = offset, .size = size };

	return copy_now(device, HMMC_COPY_CLEAR, &run, 1);
}

/* ---- Life --------------------------------------------------------------- */

static void release_pool(struct drm_device *drm, void *data)
{
	/* Waits for request_free() of all that have been put. */
	rcu_barrier();
	mempool_exit(&to_dummy_device(drm)->copies);
}

int dummy_copy_init(struct dummy_device *device)
{
	int ret;

	ret = mempool_init_kmalloc_pool(&device->copies, NR_REQUESTS,
					sizeof(struct copy_request));
	if (ret)
		return ret;
	return drmm_add_action_or_reset(&device->drm, release_pool, NULL);
}
