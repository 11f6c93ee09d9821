/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_JOB_H_
#define _DUMMY_JOB_H_

#include <linux/kref.h>
#include <linux/list.h>

#include <drm/dummy_gpu_drm.h>
#include <drm/gpu_scheduler.h>

#include "hw/hw.h"

struct drm_file;
struct dummy_queue;

/**
 * struct dummy_job - one stream to run, from SUBMIT until it is forgotten
 */
struct dummy_job {
	/** @base: the scheduler's part, from drm_sched_job_init() to free_job. */
	struct drm_sched_job base;
	/** @ref: held by the queue's table, the scheduler, the chip and whoever waits. */
	struct kref ref;
	/** @queue: valid while the scheduler or the chip has the job. */
	struct dummy_queue *queue;
	/** @id: the queue's name for it. */
	u64 id;
	/** @hw: the chip's part. */
	struct hw_job hw;
	/** @fence: without SVM: signalled when the chip is done. */
	struct dma_fence *fence;

	/** @link: in dummy_queue.running, then in .finished. All that follows: dummy_queue.lock. */
	struct list_head link;
	/** @is_pushed: the chip has or had it. */
	bool is_pushed;
	/** @is_finished: its state does not change any more. */
	bool is_finished;
	/** @reason: when finished: enum drm_dummy_gpu_reason. */
	u32 reason;
	/** @pages_faulted: mapped to serve its faults. */
	u64 pages_faulted;
};

extern const struct drm_sched_backend_ops dummy_job_ops;

/* A reason of the driver's as the chip carries it. */
static inline u32 dummy_job_hw_reason(enum drm_dummy_gpu_reason reason)
{
	return HW_REASON_DRIVER + reason;
}

/* Return: the job, which nobody else knows yet, or an ERR_PTR. */
struct dummy_job *dummy_job_create(struct dummy_queue *queue, struct drm_file *file,
				   const struct drm_dummy_gpu_submit *args);
/* Undo dummy_job_create() for a job that has not been armed. */
void dummy_job_abandon(struct dummy_job *job);
/* Return: job @id with a reference, or NULL. */
struct dummy_job *dummy_job_get(struct dummy_queue *queue, u64 id);
void dummy_job_put(struct dummy_job *job);
/* The chip's event. */
void dummy_job_done(void *priv, struct hw_context *ctx, struct hw_job *hw);
/* Say so for all jobs of a killed queue, those too that wait for in-syncs yet. */
void dummy_job_cancel_all(struct dummy_queue *queue);
/* Return: the job that the chip is at, with a reference, or NULL. */
struct dummy_job *dummy_job_take_current(struct dummy_queue *queue);
/*
 * End the current job if its time is up or its engine hangs. Return: when to look
 * again, in jiffies, 0 for not at all.
 */
unsigned long dummy_job_check(struct dummy_queue *queue);
/* The current job of @queue, which has faulted, has got @nr_pages mapped. */
void dummy_job_add_pages(struct dummy_queue *queue, unsigned int nr_pages);

#endif
