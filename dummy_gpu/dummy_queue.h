/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_QUEUE_H_
#define _DUMMY_QUEUE_H_

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/gpu_scheduler.h>

#include "dummy_reset.h"

struct drm_device;
struct drm_file;
struct dummy_device;
struct dummy_file;
struct dummy_vm;
struct eventfd_ctx;
struct hw_context;
struct mm_struct;

/* Jobs that a queue takes at once, and finished ones that it remembers. */
#define DUMMY_QUEUE_MAX_JOBS	256

/**
 * struct dummy_queue - jobs of one VM, in order
 */
struct dummy_queue {
	/** @ref: held by the file's table, by ioctls and by jobs the scheduler knows. */
	struct kref ref;
	/** @device: whose chip runs the jobs; kept by the file. */
	struct dummy_device *device;
	/** @file: whose it is, until killed. */
	struct dummy_file *file;
	/** @link: in dummy_device.queues, until killed. */
	struct list_head link;
	/** @id: the file's name for it. */
	u32 id;
	/** @engine: of the chip. */
	u32 engine;
	/** @timeout_ms: time limit of a job, 0 for none. */
	u32 timeout_ms;
	/** @is_svm: its VM has SVM: its jobs fault, and complete without dma-fences. */
	bool is_svm;
	/** @mm: with SVM: who may use it; only compared. */
	struct mm_struct *mm;
	/** @vm: whose addresses the jobs use, until killed. */
	struct dummy_vm *vm;
	/** @ctx: runs the jobs, until killed. */
	struct hw_context *ctx;
	/** @eventfd: told of each finished job, or NULL. */
	struct eventfd_ctx *eventfd;

	/** @sched: waits for in-syncs and keeps the order. */
	struct drm_gpu_scheduler sched;
	/** @entity: the only one of @sched. */
	struct drm_sched_entity entity;
	/** @stopped: without SVM: a job timed out, hung or faulted; later ones are cancelled. */
	atomic_t stopped;
	/** @fence_context: of the chip's fences. */
	u64 fence_context;

	/** @submit_lock: makes arming and pushing of a job one step. Guards what follows. */
	struct mutex submit_lock;
	/** @last_id: of the job submitted last. */
	u64 last_id;
	/** @dead: no job is pushed any more. */
	bool dead;

	/** @lock: guards what follows, and how jobs finish. */
	spinlock_t lock;
	/** @jobs: struct dummy_job by id, unfinished and remembered. */
	struct xarray jobs;
	/** @nr_unfinished: how many of @jobs have not finished. */
	unsigned int nr_unfinished;
	/** @running: jobs on the chip, in their order. */
	struct list_head running;
	/** @finished: jobs that are remembered, oldest first. */
	struct list_head finished;
	/** @nr_finished: how many of them. */
	unsigned int nr_finished;

	/** @watchdog: looks at the current job: its time limit, and whether it hangs. */
	struct delayed_work watchdog;
	/** @watch: what it saw. */
	struct dummy_watch watch;
	/** @nr_faults: being served, guarded by dummy_device.fault_lock. */
	unsigned int nr_faults;
	/** @unhooked: no fault is taken any more, guarded by dummy_device.fault_lock. */
	bool unhooked;

	/** @free_work: frees, where the scheduler may be waited for. */
	struct work_struct free_work;
	/** @rcu: fences may still name the scheduler. */
	struct rcu_head rcu;
};

/* Return: the queue @id with a reference, or -ENOENT, or -EPERM if it is another process's. */
struct dummy_queue *dummy_queue_lookup(struct drm_file *file, u32 id, bool any_process);
void dummy_queue_put(struct dummy_queue *queue);
/* Destroy those queues of @file that use @vm, or all if it is NULL. May sleep. */
void dummy_queue_kill_all(struct dummy_file *file, struct dummy_vm *vm);
/* Wait until every queue of every device has been freed. */
void dummy_queue_wait_all(void);
/* Time that jobs of @file have spent on the chip. */
u64 dummy_queue_busy_ns(struct dummy_file *file);

int dummy_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
