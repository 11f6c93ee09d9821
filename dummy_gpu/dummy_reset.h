/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_RESET_H_
#define _DUMMY_RESET_H_

#include <linux/types.h>
#include <linux/workqueue.h>

struct dummy_device;
struct dummy_job;
struct dummy_queue;

#define DUMMY_DUMP_SIZE	2048

/**
 * struct dummy_watch - what the watchdog of a queue has seen when it looked last
 */
struct dummy_watch {
	/** @job_id: the job that was current. */
	u64 job_id;
	/** @progress: how far it was, see hw_context_progress(). */
	u64 progress;
	/** @nr_same: looks in a row that have seen just that. */
	unsigned int nr_same;
	/** @looked: when, in jiffies. */
	unsigned long looked;
};

/**
 * struct dummy_dump - the state of a job whose engine hung, for dev_coredumpv()
 *
 * Allocated with the device: who resets an engine must not allocate.
 */
struct dummy_dump {
	/** @busy: bit 0: @text is being written, or waits for @work. */
	unsigned long busy;
	/** @text: what to say. */
	char text[DUMMY_DUMP_SIZE];
	/** @size: of it. */
	size_t size;
	/** @work: hands it over, where allocating is allowed. */
	struct work_struct work;
};

/* Jiffies from one look at a job to the next, or MAX_SCHEDULE_TIMEOUT. */
unsigned long dummy_reset_period(void);
/*
 * Look at the current job: has it made no access for too long? For the watchdog
 * alone. @period: in jiffies, looks that come sooner do not count.
 */
bool dummy_reset_is_due(struct dummy_queue *queue, struct dummy_job *job, unsigned long period);
/* Reset the engine that hangs in @job, which ends for @reason. Does not sleep or allocate. */
void dummy_reset_engine(struct dummy_queue *queue, struct dummy_job *job, u32 reason);
/* Have the engine leave a queue that is being killed, for good. May sleep; bounded. */
void dummy_reset_leave(struct dummy_queue *queue);

void dummy_reset_init(struct dummy_device *device);
/* Waits for a dump that is being handed over. */
void dummy_reset_fini(struct dummy_device *device);

#endif
