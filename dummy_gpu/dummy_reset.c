// SPDX-License-Identifier: GPL-2.0
/*
 * Engines that hang: how that is noticed, what is done, and what is told.
 *
 * An engine hangs in a job if it is at that job and makes no access, at one look
 * after the other. Each command is a sequence of accesses that are bounded, so a
 * job that runs, however long, makes some between two looks. One that waits, for a
 * semaphore, a fault or its turn, has no engine. Looks are counted rather than
 * time, so that a machine which stood still does not pass for a hang.
 *
 * Invariant: a reset costs the job that the engine hangs in, and nobody else
 * anything. It is done where fences are signalled, so nothing is allocated and
 * nobody waited for; the dump is handed over by a work of its own.
 *
 * Lock: struct dummy_watch is the watchdog's alone, the text of a dump whoever's
 * has set its busy bit.
 */
#include <linux/bitops.h>
#include <linux/devcoredump.h>
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/seq_buf.h>
#include <linux/vmalloc.h>

#include <drm/drm_print.h>

#include <hmm_core/hmm_core.h>

#include "dummy_config.h"
#include "dummy_device.h"
#include "dummy_job.h"
#include "dummy_queue.h"
#include "dummy_reset.h"
#include "dummy_vm.h"
#include "hw/hw.h"

#define CREATE_TRACE_POINTS
#include "dummy_trace.h"

/* Looks without progress that make a hang. */
#define NR_LOOKS	4
/* How long an engine may take to leave a context when it is told to. */
#define LEAVE_MS	250

/* ---- Noticing ------------------------------------------------------------ */

unsigned long dummy_reset_period(void)
{
	unsigned int timeout_ms = dummy_config_hang_timeout_ms();

	return timeout_ms ? msecs_to_jiffies(timeout_ms) / NR_LOOKS + 1 : MAX_SCHEDULE_TIMEOUT;
}

bool dummy_reset_is_due(struct dummy_queue *queue, struct dummy_job *job, unsigned long period)
{
	u64 progress = hw_context_progress(queue->ctx, &job->hw);
	struct dummy_watch *watch = &queue->watch;

	if (!progress || progress != watch->progress || job->id != watch->job_id) {
		*watch = (struct dummy_watch) {
			.job_id = job->id,
			.progress = progress,
			.looked = jiffies,
		};
		return false;
	}
	if (time_before(jiffies, watch->looked + period))
		return false;

	watch->looked = jiffies;
	return ++watch->nr_same >= NR_LOOKS;
}

/* ---- Telling ------------------------------------------------------------- */

static const char *hang_name(enum hw_hang hang)
{
	switch (hang) {
	case HW_HANG_NONE:
		return "runs";
	case HW_HANG_SOFT:
		return "hangs";
	default:
		return "hangs, does not respond";
	}
}

static void print_job(struct seq_buf *s, struct dummy_queue *queue, struct dummy_job *job,
		      u32 reason)
{
	seq_buf_printf(s, "device: %s\n", dev_name(queue->device->drm.dev));
	seq_buf_printf(s, "queue: %u svm %u timeout_ms %u\n", queue->id, queue->is_svm,
		       queue->timeout_ms);
	seq_buf_printf(s, "job: %llu\n", job->id);
	seq_buf_printf(s, "reason: %u\n", reason);
	seq_buf_printf(s, "stream: %#llx size %llu offset %llu\n", job->hw.stream,
		       job->hw.stream_size, READ_ONCE(job->hw.stream_offset));
	seq_buf_printf(s, "started: %llu ns ago\n",
		       job->hw.start_ns ? ktime_get_ns() - job->hw.start_ns : 0);
	seq_buf_printf(s, "faults: %llu\n", READ_ONCE(job->hw.nr_faults));
}

static void print_engine(struct seq_buf *s, struct dummy_queue *queue)
{
	struct dummy_device *device = queue->device;
	struct hw_context_dump state;
	unsigned int i;

	hw_context_dump(queue->ctx, &state);
	seq_buf_printf(s, "engine: %u %s busy_ns %llu\n", queue->engine,
		       hang_name(hw_engine_hang(device->chip, queue->engine)),
		       hw_engine_busy_ns(device->chip, queue->engine));
	seq_buf_printf(s, "context: %s accesses %llu\n", state.running ? "running" : "left",
		       state.nr_steps);
	seq_buf_printf(s, "command: op %u offset %llu done %llu\n", state.op, state.offset,
		       state.done);
	seq_buf_printf(s, "access: %#llx kind %u\n", state.addr, state.access);
	seq_buf_printf(s, "root: %#llx entry %#llx\n", (u64)virt_to_phys(queue->vm->pt.root),
		       dummy_pt_lookup(&queue->vm->pt, state.addr));
	for (i = 0; i < DUMMY_GPU_NR_REGS; i++)
		seq_buf_printf(s, "r%u: %#llx\n", i, state.regs[i]);
}

/* Before the reset, which ends the job. Who comes second finds the place taken. */
static void take_dump(struct dummy_queue *queue, struct dummy_job *job, u32 reason)
{
	struct dummy_dump *dump = &queue->device->dump;
	struct seq_buf s;

	if (test_and_set_bit_lock(0, &dump->busy))
		return;

	seq_buf_init(&s, dump->text, sizeof(dump->text));
	seq_buf_puts(&s, "dummy_gpu: an engine hung\n");
	print_job(&s, queue, job, reason);
	print_engine(&s, queue);
	dump->size = seq_buf_used(&s);
	queue_work(system_dfl_wq, &dump->work);
}

static void dump_work(struct work_struct *work)
{
	struct dummy_dump *dump = container_of(work, struct dummy_dump, work);
	struct dummy_device *device = container_of(dump, struct dummy_device, dump);
	void *copy = hmmc_inject("gpu_dump") ? NULL : vmalloc(dump->size);

	if (copy) {
		memcpy(copy, dump->text, dump->size);
		/* Takes the copy over, also if nobody wants it. */
		dev_coredumpv(device->drm.dev, copy, dump->size, GFP_KERNEL);
	}
	clear_bit_unlock(0, &dump->busy);
}

/* ---- Doing --------------------------------------------------------------- */

void dummy_reset_engine(struct dummy_queue *queue, struct dummy_job *job, u32 reason)
{
	struct dummy_device *device = queue->device;
	u32 hw_reason = dummy_job_hw_reason(reason);
	bool responds;

	/* Beyond that: unplug is about to stop them all. */
	if (hw_chip_is_lost(device->chip))
		return;

	take_dump(queue, job, reason);
	responds = hw_context_reset(queue->ctx, &job->hw, hw_reason);
	if (!responds)
		hw_context_reset_chip(queue->ctx, &job->hw, hw_reason,
				      dummy_job_hw_reason(DRM_DUMMY_GPU_REASON_HANG));

	atomic64_inc(&device->nr_resets);
	trace_dummy_gpu_reset(dev_name(device->drm.dev), queue->engine, queue->id, job->id,
			      job->hw.stream, READ_ONCE(job->hw.stream_offset), !responds);
	drm_notice(&device->drm, "engine %u hung in job %llu of queue %u, %s was reset\n",
		   queue->engine, job->id, queue->id, responds ? "it" : "the chip");
}

void dummy_reset_leave(struct dummy_queue *queue)
{
	struct dummy_job *job;

	while (!hw_context_stop(queue->ctx, LEAVE_MS)) {
		job = dummy_job_take_current(queue);
		if (!job)
			continue;
		dummy_reset_engine(queue, job, DRM_DUMMY_GPU_REASON_CANCELLED);
		dummy_job_put(job);
	}
}

/* ---- Life ---------------------------------------------------------------- */

void dummy_reset_init(struct dummy_device *device)
{
	INIT_WORK(&device->dump.work, dump_work);
}

void dummy_reset_fini(struct dummy_device *device)
{
	flush_work(&device->dump.work);
}
