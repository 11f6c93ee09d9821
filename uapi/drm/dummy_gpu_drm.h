/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * dummy_gpu: user space interface.
 *
 * How this interface grows
 *
 * - ioctl numbers, enum values and ids are only ever added, never reused.
 * - Every ioctl is read-write, so that outputs can be added.
 * - A struct grows at its end; a smaller struct from an older user is extended
 *   with zeros, and zero always means what it meant before the field existed.
 * - Arrays carry their stride and count (struct drm_dummy_gpu_array). The kernel
 *   reads or writes min(stride, its own size) of each element; what an older
 *   kernel does not know must be zero, else -E2BIG. No element will ever be
 *   larger than 4096 bytes.
 * - Every unknown flag and every pad that is not zero gives -EINVAL.
 *
 * Words
 *
 * A *VM* is a device address space. One with SVM mirrors the memory of the
 * process that created it: addresses below the query's svm_end are that
 * process's own, without any call. Buffer objects are bound by VM_BIND; in a VM
 * with SVM only at or above svm_end, so that the two never meet. A *queue* runs
 * jobs of one VM in order. Queues of a VM with SVM take recoverable page faults:
 * they complete by user fences and eventfd and accept no out-syncobj. Queues of
 * a VM without SVM complete by syncobjs and timelines, and take no user fence.
 *
 * Spans are start and size in bytes. Unless a field says otherwise they are
 * multiples of the query's page_size, not empty, and do not overflow.
 *
 * Errors
 *
 * What follows holds for every ioctl; an ioctl's own comment lists only what it
 * adds. Every -EINVAL says through drm_dbg which field was wrong.
 *
 * -EINVAL   a pad or another field that must be zero (MBZ) and is not, an
 *           unknown flag or enum value, an unaligned, empty or overflowing
 *           span, a count of zero or beyond its stated limit, an array with
 *           too small a stride or beyond the end of all addresses
 * -ENOENT   an id or handle this file does not have
 * -EFAULT   a pointer handed to the ioctl itself cannot be read or written
 * -ENOMEM   no system memory
 * -ENODEV   the device is gone
 * -EPERM    the VM mirrors the memory of another process (an inherited or passed
 *           fd); nothing was done
 * -EINTR    a signal arrived while waiting; call again with the same arguments
 * -E2BIG    an array that the kernel reads has elements larger than the kernel's
 *           whose tail is not zero, or than a page, zero or not
 */
#ifndef _UAPI_DUMMY_GPU_DRM_H_
#define _UAPI_DUMMY_GPU_DRM_H_

#include "drm.h"

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * enum drm_dummy_gpu_ioctl_id - ioctl numbers above DRM_COMMAND_BASE
 */
enum drm_dummy_gpu_ioctl_id {
	/** @DRM_DUMMY_GPU_QUERY: struct drm_dummy_gpu_query */
	DRM_DUMMY_GPU_QUERY = 0,
	/** @DRM_DUMMY_GPU_VM_CREATE: struct drm_dummy_gpu_vm_create */
	DRM_DUMMY_GPU_VM_CREATE,
	/** @DRM_DUMMY_GPU_VM_DESTROY: struct drm_dummy_gpu_vm_destroy */
	DRM_DUMMY_GPU_VM_DESTROY,
	/** @DRM_DUMMY_GPU_GEM_CREATE: struct drm_dummy_gpu_gem_create */
	DRM_DUMMY_GPU_GEM_CREATE,
	/** @DRM_DUMMY_GPU_GEM_MMAP: struct drm_dummy_gpu_gem_mmap */
	DRM_DUMMY_GPU_GEM_MMAP,
	/** @DRM_DUMMY_GPU_VM_BIND: struct drm_dummy_gpu_vm_bind */
	DRM_DUMMY_GPU_VM_BIND,
	/** @DRM_DUMMY_GPU_QUEUE_CREATE: struct drm_dummy_gpu_queue_create */
	DRM_DUMMY_GPU_QUEUE_CREATE,
	/** @DRM_DUMMY_GPU_QUEUE_DESTROY: struct drm_dummy_gpu_queue_destroy */
	DRM_DUMMY_GPU_QUEUE_DESTROY,
	/** @DRM_DUMMY_GPU_SUBMIT: struct drm_dummy_gpu_submit */
	DRM_DUMMY_GPU_SUBMIT,
	/** @DRM_DUMMY_GPU_JOB_QUERY: struct drm_dummy_gpu_job_query */
	DRM_DUMMY_GPU_JOB_QUERY,
	/** @DRM_DUMMY_GPU_WAIT_FENCE: struct drm_dummy_gpu_wait_fence */
	DRM_DUMMY_GPU_WAIT_FENCE,
	/** @DRM_DUMMY_GPU_ADVISE: struct drm_dummy_gpu_advise */
	DRM_DUMMY_GPU_ADVISE,
	/** @DRM_DUMMY_GPU_MIGRATE: struct drm_dummy_gpu_migrate */
	DRM_DUMMY_GPU_MIGRATE,
	/** @DRM_DUMMY_GPU_SNAPSHOT: struct drm_dummy_gpu_snapshot */
	DRM_DUMMY_GPU_SNAPSHOT,
	/** @DRM_DUMMY_GPU_EVICT: struct drm_dummy_gpu_evict */
	DRM_DUMMY_GPU_EVICT,
	/** @DRM_DUMMY_GPU_VM_LIMIT: struct drm_dummy_gpu_vm_limit */
	DRM_DUMMY_GPU_VM_LIMIT,
};

/**
 * struct drm_dummy_gpu_array - an array handed to an ioctl
 *
 * Where a count of zero is allowed, nothing else is looked at then.
 */
struct drm_dummy_gpu_array {
	/**
	 * @stride: bytes from one element to the next, at least the first
	 * version's size, else -EINVAL. Of an array that the kernel reads at most
	 * page_size, else -E2BIG, for the kernel looks at each byte. Of one that
	 * it writes any number; what is beyond its own size stays as it is.
	 */
	__u32 stride;
	/** @count: number of elements. */
	__u32 count;
	/** @array: user pointer to the first element. */
	__u64 array;
};

/**
 * enum drm_dummy_gpu_query_type - what DRM_DUMMY_GPU_QUERY returns
 */
enum drm_dummy_gpu_query_type {
	/** @DRM_DUMMY_GPU_QUERY_INFO: struct drm_dummy_gpu_info */
	DRM_DUMMY_GPU_QUERY_INFO = 0,
	/** @DRM_DUMMY_GPU_QUERY_DEVICE_STATS: struct drm_dummy_gpu_device_stats */
	DRM_DUMMY_GPU_QUERY_DEVICE_STATS,
	/** @DRM_DUMMY_GPU_QUERY_VM_STATS: struct drm_dummy_gpu_vm_stats of VM @id */
	DRM_DUMMY_GPU_QUERY_VM_STATS,
};

/**
 * struct drm_dummy_gpu_query - read facts about the device
 *
 * With @pointer zero only @size is returned. Otherwise min(@size, the kernel's
 * size) bytes are written, the rest of @size is zeroed, and @size stays.
 *
 * -EINVAL: also VM_STATS of a VM without SVM.
 */
struct drm_dummy_gpu_query {
	/** @type: enum drm_dummy_gpu_query_type. */
	__u32 type;
	/** @size: bytes at @pointer. */
	__u32 size;
	/** @id: VM for VM_STATS, else MBZ. */
	__u32 id;
	/** @pad: MBZ. */
	__u32 pad;
	/** @pointer: user pointer, or zero. */
	__u64 pointer;
};

#define DRM_DUMMY_GPU_CAP_SVM		(1 << 0)	/* VMs may mirror process memory */
#define DRM_DUMMY_GPU_CAP_THP		(1 << 1)	/* 2 MiB device folios are in use */
#define DRM_DUMMY_GPU_CAP_ATOMICS	(1 << 2)	/* atomics on system memory (EXCLUSIVE) */

/**
 * struct drm_dummy_gpu_info - sizes, engines and capabilities
 */
struct drm_dummy_gpu_info {
	/** @vram_size: bytes of device memory. */
	__u64 vram_size;
	/** @va_end: first address no VM has. */
	__u64 va_end;
	/** @svm_end: first address that is not mirrored in a VM with SVM. */
	__u64 svm_end;
	/** @caps: DRM_DUMMY_GPU_CAP_*. */
	__u64 caps;
	/** @page_size: bytes of the smallest page. */
	__u32 page_size;
	/** @huge_size: bytes of the large page, also of a chunk and of a window. */
	__u32 huge_size;
	/** @nr_engines: engines that run user streams. */
	__u32 nr_engines;
	/** @max_stream: bytes of the longest stream. */
	__u32 max_stream;
	/** @max_timeout_ms: longest time limit a queue can have. */
	__u32 max_timeout_ms;
	/** @index: which of the machine's dummy_gpu devices this is. */
	__u32 index;
};

/**
 * struct drm_dummy_gpu_device_stats - counters of the device since it was made
 *
 * Sizes are bytes, counts are pages of page_size unless they say otherwise.
 */
struct drm_dummy_gpu_device_stats {
	/** @vram_total: usable bytes. */
	__u64 vram_total;
	/** @vram_svm: bytes that hold migrated process memory now. */
	__u64 vram_svm;
	/** @vram_bo: bytes that hold buffer objects now. */
	__u64 vram_bo;
	/** @vram_bad: bytes retired after a memory error. */
	__u64 vram_bad;
	/** @migrated_in: pages migrated to the device. */
	__u64 migrated_in;
	/** @migrated_out: pages migrated back by request or eviction. */
	__u64 migrated_out;
	/** @cpu_faults: CPU faults on device memory. */
	__u64 cpu_faults;
	/** @cpu_fault_pages: pages they brought back. */
	__u64 cpu_fault_pages;
	/** @cpu_fault_errors: CPU faults that ended in SIGBUS or OOM. */
	__u64 cpu_fault_errors;
	/** @thp_in: 2 MiB folios migrated to the device in one piece. */
	__u64 thp_in;
	/** @thp_out: 2 MiB folios migrated back in one piece. */
	__u64 thp_out;
	/** @evicted_chunks: chunks emptied because memory ran out or by request. */
	__u64 evicted_chunks;
	/** @evict_failed: chunks that could not be emptied. */
	__u64 evict_failed;
	/** @device_faults: faults the engines raised. */
	__u64 device_faults;
	/** @jobs_done: jobs that succeeded. */
	__u64 jobs_done;
	/** @jobs_failed: jobs that did not. */
	__u64 jobs_failed;
	/** @vram_pinned: bytes that processes pin now, in chunks of huge_size. */
	__u64 vram_pinned;
	/** @limit_evicted: pages that processes gave up to keep to their limits. */
	__u64 limit_evicted;
};

/**
 * struct drm_dummy_gpu_vm_stats - counters of one VM with SVM
 */
struct drm_dummy_gpu_vm_stats {
	/** @faults: device faults served. */
	__u64 faults;
	/** @faults_failed: device faults that failed their job. */
	__u64 faults_failed;
	/** @fault_retries: times a fault collected again because a notifier won. */
	__u64 fault_retries;
	/** @pages_migrated: pages moved to the device for this VM. */
	__u64 pages_migrated;
	/** @pages_mapped: device page table entries written, in pages. */
	__u64 pages_mapped;
	/** @pages_zapped: device page table entries removed, in pages. */
	__u64 pages_zapped;
	/** @invalidations: MMU notifier callbacks that reached this VM. */
	__u64 invalidations;
	/** @cow_breaks: device writes that had to break copy-on-write of device memory. */
	__u64 cow_breaks;
	/** @exclusives: pages made exclusive for device atomics. */
	__u64 exclusives;
	/** @windows: 2 MiB windows that exist now. */
	__u64 windows;
	/** @vram_pinned: bytes this process pins on the device, in chunks of huge_size. */
	__u64 vram_pinned;
	/** @pin_refused: pages that it moved there beyond a limit, so that they are not pinned. */
	__u64 pin_refused;
	/**
	 * @vram_used: bytes of device memory that are charged to this process: what
	 * moved there for any of its VMs, and its buffer objects in VRAM.
	 */
	__u64 vram_used;
	/** @vram_max: bytes it may have, see struct drm_dummy_gpu_vm_limit; at most vram_total. */
	__u64 vram_max;
};

#define DRM_DUMMY_GPU_VM_SVM		(1 << 0)	/* mirror the calling process */

/**
 * struct drm_dummy_gpu_vm_create - make a device address space
 *
 * -ENOSPC: the process already has as many VMs with SVM as it can (8).
 */
struct drm_dummy_gpu_vm_create {
	/** @flags: DRM_DUMMY_GPU_VM_*. */
	__u32 flags;
	/** @vm_id: returned, never 0. */
	__u32 vm_id;
};

/**
 * struct drm_dummy_gpu_vm_destroy - destroy a VM
 *
 * Its queues are destroyed first, as by DRM_DUMMY_GPU_QUEUE_DESTROY.
 */
struct drm_dummy_gpu_vm_destroy {
	/** @vm_id: the VM. */
	__u32 vm_id;
	/** @pad: MBZ. */
	__u32 pad;
};

/**
 * struct drm_dummy_gpu_vm_limit - limit the device memory of this process
 *
 * It is a limit of the process on this device, whichever of its VMs is named, and
 * is gone with the last of them. It counts what moves to the device for one of the
 * VMs, and buffer objects in VRAM, in chunks of huge_size, that a file with such a VM
 * makes. Memory that is shared after fork() counts for who moved it there.
 *
 * At the limit a process pays for itself: what it has moved there goes home before
 * anything of others. A device fault that finds no room is served from system
 * memory, MIGRATE says FULL, and GEM_CREATE gives -ENOSPC. What is beyond a limit
 * that is lowered goes home at once, as far as it can be moved.
 *
 * hmm_core's parameter process_percent limits all processes. The lower of the two
 * holds; vm_stats.vram_max has it.
 *
 * -EINVAL: also a VM without SVM, and a @vram that is neither a multiple of
 * page_size nor all ones.
 */
struct drm_dummy_gpu_vm_limit {
	/** @vm_id: a VM with SVM. */
	__u32 vm_id;
	/** @flags: MBZ. */
	__u32 flags;
	/** @vram: bytes, 0 for none at all; all ones for no limit. */
	__u64 vram;
};

#define DRM_DUMMY_GPU_GEM_VRAM		(1 << 0)	/* in device memory, contiguous */
#define DRM_DUMMY_GPU_GEM_NO_MMAP	(1 << 1)	/* GEM_MMAP is refused */

/**
 * struct drm_dummy_gpu_gem_create - make a buffer object, filled with zeros
 *
 * -EINVAL: also a size of 2^63 or more.
 * -ENOSPC: no contiguous device memory, even after eviction, or more than the limit
 * of the process, see struct drm_dummy_gpu_vm_limit.
 */
struct drm_dummy_gpu_gem_create {
	/** @size: bytes, a multiple of page_size. */
	__u64 size;
	/** @flags: DRM_DUMMY_GPU_GEM_*. */
	__u32 flags;
	/** @handle: returned. */
	__u32 handle;
};

/**
 * struct drm_dummy_gpu_gem_mmap - get the offset to mmap a buffer object at
 *
 * -EACCES: the buffer object was made with NO_MMAP; mmap() says so too, and
 * -EINVAL for MAP_PRIVATE.
 */
struct drm_dummy_gpu_gem_mmap {
	/** @handle: the buffer object. */
	__u32 handle;
	/** @pad: MBZ. */
	__u32 pad;
	/** @offset: returned, for mmap() of the DRM file. */
	__u64 offset;
};

/**
 * enum drm_dummy_gpu_bind_type - one operation of VM_BIND
 */
enum drm_dummy_gpu_bind_type {
	/** @DRM_DUMMY_GPU_BIND_MAP: map a buffer object, replacing what was there. */
	DRM_DUMMY_GPU_BIND_MAP = 0,
	/** @DRM_DUMMY_GPU_BIND_UNMAP: unmap whatever buffer objects are in the span. */
	DRM_DUMMY_GPU_BIND_UNMAP,
};

#define DRM_DUMMY_GPU_BIND_READONLY	(1 << 0)	/* MAP: the device may not write */

/**
 * struct drm_dummy_gpu_bind_op - one operation of VM_BIND
 */
struct drm_dummy_gpu_bind_op {
	/** @type: enum drm_dummy_gpu_bind_type. */
	__u32 type;
	/** @flags: DRM_DUMMY_GPU_BIND_*. */
	__u32 flags;
	/** @handle: buffer object for MAP, else MBZ. */
	__u32 handle;
	/** @pad: MBZ. */
	__u32 pad;
	/** @offset: in the buffer object for MAP, a multiple of page_size, else MBZ. */
	__u64 offset;
	/** @start: device virtual address. */
	__u64 start;
	/** @size: bytes. */
	__u64 size;
};

#define DRM_DUMMY_GPU_MAX_BIND_OPS	4096

/**
 * struct drm_dummy_gpu_vm_bind - bind and unbind buffer objects
 *
 * Synchronous: on return the device page table is as asked and stale
 * translations are gone. Operations are done in order; the first that fails
 * stops the call, ops.count then returns how many were done.
 *
 * -EINVAL: also a span that reaches below svm_end in a VM with SVM, beyond
 * va_end, or beyond the buffer object, an unaligned offset, and READONLY with
 * UNMAP.
 */
struct drm_dummy_gpu_vm_bind {
	/** @vm_id: the VM. */
	__u32 vm_id;
	/** @flags: MBZ. */
	__u32 flags;
	/** @ops: struct drm_dummy_gpu_bind_op, at most DRM_DUMMY_GPU_MAX_BIND_OPS. */
	struct drm_dummy_gpu_array ops;
};

/**
 * struct drm_dummy_gpu_queue_create - make a queue
 *
 * -EINVAL: also an @engine that does not exist and a @timeout_ms beyond the
 * longest.
 * -EBADF: @eventfd is not an eventfd.
 */
struct drm_dummy_gpu_queue_create {
	/** @vm_id: whose addresses the jobs use. */
	__u32 vm_id;
	/** @engine: below info.nr_engines. */
	__u32 engine;
	/**
	 * @timeout_ms: time limit of each job from its start, 0 for the default,
	 * which may be none, at most info.max_timeout_ms.
	 */
	__u32 timeout_ms;
	/** @flags: DRM_DUMMY_GPU_QUEUE_*. */
	__u32 flags;
	/** @eventfd: signalled by one for each finished job, with flag EVENTFD, else MBZ. */
	__s32 eventfd;
	/** @queue_id: returned, never 0. */
	__u32 queue_id;
};

#define DRM_DUMMY_GPU_QUEUE_EVENTFD	(1 << 0)	/* @eventfd is given */

/**
 * struct drm_dummy_gpu_queue_destroy - destroy a queue
 *
 * Jobs that have not finished are cancelled; fences signal with an error.
 */
struct drm_dummy_gpu_queue_destroy {
	/** @queue_id: the queue. */
	__u32 queue_id;
	/** @pad: MBZ. */
	__u32 pad;
};

#define DRM_DUMMY_GPU_SYNC_SIGNAL	(1 << 0)	/* signal when done; else wait before */
#define DRM_DUMMY_GPU_SYNC_TIMELINE	(1 << 1)	/* @value is a timeline point */

/**
 * struct drm_dummy_gpu_sync - a syncobj to wait for or to signal
 */
struct drm_dummy_gpu_sync {
	/** @handle: the syncobj. */
	__u32 handle;
	/** @flags: DRM_DUMMY_GPU_SYNC_*. */
	__u32 flags;
	/** @value: timeline point with TIMELINE, else MBZ. */
	__u64 value;
};

#define DRM_DUMMY_GPU_SUBMIT_FENCE	(1 << 0)	/* write a user fence at the end */
#define DRM_DUMMY_GPU_MAX_SYNCS		1024

/**
 * struct drm_dummy_gpu_submit - run a stream
 *
 * Returns once the job is queued. A job of a queue whose VM has SVM may write a
 * user fence: when the stream has ended well, the 64 bits at @fence_addr become
 * @fence_value, after all its other writes. A job that fails writes none;
 * DRM_DUMMY_GPU_WAIT_FENCE and the eventfd report it all the same.
 *
 * -EINVAL: also a stream that is empty, unaligned, longer than max_stream or
 * beyond va_end; a user fence on a queue of a VM without SVM; a @fence_addr that
 * is no multiple of 8, or zero with flag FENCE; a SIGNAL sync on a queue of a VM
 * with SVM; a sync to wait for to which nobody has given a fence yet.
 * -EBUSY: the queue has as many unfinished jobs as it takes (256).
 * -ECANCELED: the queue was stopped by a job that timed out, hung or faulted; make
 * a new one. Only queues of a VM without SVM are stopped that way.
 */
struct drm_dummy_gpu_submit {
	/** @queue_id: the queue. */
	__u32 queue_id;
	/** @flags: DRM_DUMMY_GPU_SUBMIT_*. */
	__u32 flags;
	/** @stream: address of the first command in the queue's VM. */
	__u64 stream;
	/** @stream_size: bytes, a multiple of 8. */
	__u64 stream_size;
	/** @fence_addr: where to write the user fence, with flag FENCE, else MBZ. */
	__u64 fence_addr;
	/** @fence_value: what to write there, with flag FENCE, else MBZ. */
	__u64 fence_value;
	/** @syncs: struct drm_dummy_gpu_sync, at most DRM_DUMMY_GPU_MAX_SYNCS; count may be 0. */
	struct drm_dummy_gpu_array syncs;
	/** @job_id: returned; counts up from 1 in each queue. */
	__u64 job_id;
};

/**
 * enum drm_dummy_gpu_job_state - how far a job is
 */
enum drm_dummy_gpu_job_state {
	/** @DRM_DUMMY_GPU_JOB_QUEUED: waits for syncs or for earlier jobs. */
	DRM_DUMMY_GPU_JOB_QUEUED = 0,
	/** @DRM_DUMMY_GPU_JOB_RUNNING: started; it may be waiting for a fault. */
	DRM_DUMMY_GPU_JOB_RUNNING,
	/** @DRM_DUMMY_GPU_JOB_DONE: ended well. */
	DRM_DUMMY_GPU_JOB_DONE,
	/** @DRM_DUMMY_GPU_JOB_FAILED: ended for the reason given. */
	DRM_DUMMY_GPU_JOB_FAILED,
};

/**
 * enum drm_dummy_gpu_reason - why a job failed
 */
enum drm_dummy_gpu_reason {
	/** @DRM_DUMMY_GPU_REASON_NONE: it did not. */
	DRM_DUMMY_GPU_REASON_NONE = 0,
	/** @DRM_DUMMY_GPU_REASON_UNMAPPED: nothing is mapped at the address. */
	DRM_DUMMY_GPU_REASON_UNMAPPED,
	/** @DRM_DUMMY_GPU_REASON_PERMISSION: the process itself may not make this access. */
	DRM_DUMMY_GPU_REASON_PERMISSION,
	/**
	 * @DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED: atomics need private anonymous
	 * memory, and advice that allows them.
	 */
	DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED,
	/**
	 * @DRM_DUMMY_GPU_REASON_MEMORY: the page is poisoned, guarded, in broken
	 * device memory, or cannot be provided.
	 */
	DRM_DUMMY_GPU_REASON_MEMORY,
	/** @DRM_DUMMY_GPU_REASON_NO_MEMORY: no system memory to serve the fault. */
	DRM_DUMMY_GPU_REASON_NO_MEMORY,
	/** @DRM_DUMMY_GPU_REASON_BAD_STREAM: the command at stream_offset breaks a rule. */
	DRM_DUMMY_GPU_REASON_BAD_STREAM,
	/** @DRM_DUMMY_GPU_REASON_TIMEOUT: the time limit passed. */
	DRM_DUMMY_GPU_REASON_TIMEOUT,
	/** @DRM_DUMMY_GPU_REASON_CANCELLED: the queue, its VM or its process went away. */
	DRM_DUMMY_GPU_REASON_CANCELLED,
	/** @DRM_DUMMY_GPU_REASON_DEVICE_LOST: the device went away. */
	DRM_DUMMY_GPU_REASON_DEVICE_LOST,
	/** @DRM_DUMMY_GPU_REASON_DEPENDENCY: an in-sync signalled an error. */
	DRM_DUMMY_GPU_REASON_DEPENDENCY,
	/** @DRM_DUMMY_GPU_REASON_CONTENDED: the fault lost every bounded retry. */
	DRM_DUMMY_GPU_REASON_CONTENDED,
	/** @DRM_DUMMY_GPU_REASON_HANG: its engine hung in it and was reset. */
	DRM_DUMMY_GPU_REASON_HANG,
};

/**
 * enum drm_dummy_gpu_access - kind of an access
 */
enum drm_dummy_gpu_access {
	/** @DRM_DUMMY_GPU_ACCESS_READ: a load, or the fetch of a command. */
	DRM_DUMMY_GPU_ACCESS_READ = 0,
	/** @DRM_DUMMY_GPU_ACCESS_WRITE: a store. */
	DRM_DUMMY_GPU_ACCESS_WRITE,
	/** @DRM_DUMMY_GPU_ACCESS_ATOMIC: a read-modify-write. */
	DRM_DUMMY_GPU_ACCESS_ATOMIC,
};

/**
 * struct drm_dummy_gpu_job_query - ask for the status of a job, or wait for it
 *
 * A queue remembers its last 256 finished jobs; older ids, like ids not given
 * out yet, are -ENOENT.
 *
 * -ETIME: the job had not finished when @timeout_ns passed; the outputs are valid.
 */
struct drm_dummy_gpu_job_query {
	/** @queue_id: the queue. */
	__u32 queue_id;
	/** @state: returned, enum drm_dummy_gpu_job_state. */
	__u32 state;
	/** @job_id: from DRM_DUMMY_GPU_SUBMIT. */
	__u64 job_id;
	/** @timeout_ns: how long to wait for it to finish; 0 returns at once and without -ETIME. */
	__u64 timeout_ns;
	/** @reason: returned, enum drm_dummy_gpu_reason. */
	__u32 reason;
	/** @access: returned, enum drm_dummy_gpu_access of the failed access. */
	__u32 access;
	/** @fault_addr: returned, address of the failed access. */
	__u64 fault_addr;
	/** @stream_offset: returned, offset of the command that failed or is running. */
	__u64 stream_offset;
	/** @nr_faults: returned, faults the job raised. */
	__u64 nr_faults;
	/** @pages_faulted: returned, pages mapped to serve them. */
	__u64 pages_faulted;
	/** @run_ns: returned, time from start to end. */
	__u64 run_ns;
};

/**
 * struct drm_dummy_gpu_wait_fence - wait for a user fence
 *
 * Returns 0 as soon as the 64 bits at @addr, as an unsigned number, are at least
 * @value. The calling process reads its own memory, so any process may wait.
 *
 * -EINVAL: also an @addr that is no multiple of 8.
 * -ETIME: @timeout_ns passed first.
 * -EIO: @job_id is given, that job failed and the fence was not written.
 */
struct drm_dummy_gpu_wait_fence {
	/** @queue_id: the queue that will write it. */
	__u32 queue_id;
	/** @flags: MBZ. */
	__u32 flags;
	/** @addr: a multiple of 8. */
	__u64 addr;
	/** @value: what to wait for. */
	__u64 value;
	/** @job_id: the job that writes it, or 0. */
	__u64 job_id;
	/** @timeout_ns: relative, in nanoseconds; returned: what is left of it. */
	__u64 timeout_ns;
};

/**
 * enum drm_dummy_gpu_place - where a page is, or should be
 */
enum drm_dummy_gpu_place {
	/** @DRM_DUMMY_GPU_PLACE_NONE: nowhere: hole, swapped out, poison; as advice: no wish. */
	DRM_DUMMY_GPU_PLACE_NONE = 0,
	/** @DRM_DUMMY_GPU_PLACE_SYSTEM: system memory. */
	DRM_DUMMY_GPU_PLACE_SYSTEM,
	/** @DRM_DUMMY_GPU_PLACE_DEVICE: memory of this device. */
	DRM_DUMMY_GPU_PLACE_DEVICE,
	/** @DRM_DUMMY_GPU_PLACE_PEER: memory of another device. */
	DRM_DUMMY_GPU_PLACE_PEER,
};

/**
 * enum drm_dummy_gpu_advice - what a piece of advice is about
 */
enum drm_dummy_gpu_advice {
	/** @DRM_DUMMY_GPU_ADVICE_RESET: forget all advice for the span; value MBZ. */
	DRM_DUMMY_GPU_ADVICE_RESET = 0,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_PLACE: where device faults should put memory, enum
	 * drm_dummy_gpu_place: NONE leaves it to policy, SYSTEM maps it where it
	 * is, DEVICE migrates it to this device.
	 */
	DRM_DUMMY_GPU_ADVICE_PLACE,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_THP: 0 follows the device's thp parameter, 1 never
	 * makes 2 MiB device folios in the span (see Documentation/limits: core
	 * dumps lose 2 MiB device folios).
	 */
	DRM_DUMMY_GPU_ADVICE_THP,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_GRANULARITY: log2 of the bytes that a device fault
	 * serves, an aligned block around the access, from that of page_size to
	 * that of huge_size; 0 leaves it to policy. Cut where the mapping, or what
	 * was advised alike, ends. CPU faults do not look at it.
	 */
	DRM_DUMMY_GPU_ADVICE_GRANULARITY,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_READ_MOSTLY: 1: device reads map the memory where
	 * it is, whatever PLACE says; only device writes and atomics, and MIGRATE,
	 * move it to the device. 0: reads are as good a reason as writes.
	 */
	DRM_DUMMY_GPU_ADVICE_READ_MOSTLY,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_ATOMICS: how device atomics are done, enum
	 * drm_dummy_gpu_atomics. The one advice that makes accesses fail.
	 */
	DRM_DUMMY_GPU_ADVICE_ATOMICS,
	/**
	 * @DRM_DUMMY_GPU_ADVICE_PIN: 1: what moves to a device from now on stays
	 * there when device memory runs out, for buffer objects too, until the CPU
	 * touches it, MIGRATE or munmap takes it away, or the last VM of the
	 * process on that device goes. 2 MiB at a time, within the limits of
	 * hmm_core's parameters pin_percent and pin_process_percent; beyond them
	 * it is as other memory, and counted in vm_stats.pin_refused. 0: what
	 * moves from now on is not pinned.
	 */
	DRM_DUMMY_GPU_ADVICE_PIN,
};

/**
 * enum drm_dummy_gpu_atomics - how atomics of devices are done
 */
enum drm_dummy_gpu_atomics {
	/**
	 * @DRM_DUMMY_GPU_ATOMICS_SYSTEM: in device memory, or in system memory that
	 * is made exclusive to the device meanwhile. Needs private anonymous memory.
	 */
	DRM_DUMMY_GPU_ATOMICS_SYSTEM = 0,
	/**
	 * @DRM_DUMMY_GPU_ATOMICS_DEVICE: in device memory only. An atomic moves its
	 * page there, whatever PLACE says; if the page cannot move, or there is no
	 * room, the job fails with ATOMIC_UNSUPPORTED.
	 */
	DRM_DUMMY_GPU_ATOMICS_DEVICE,
	/** @DRM_DUMMY_GPU_ATOMICS_NONE: a job that does one fails: ATOMIC_UNSUPPORTED. */
	DRM_DUMMY_GPU_ATOMICS_NONE,
};

/**
 * struct drm_dummy_gpu_advise - state a wish for a span of process memory
 *
 * Advice is a hint: but for ATOMICS it never fails an access. It belongs to the memory of the
 * process, is seen by all its devices and vanishes with munmap. The span need
 * not be mapped now. If it fails, nothing has changed.
 *
 * -EINVAL: also a VM without SVM, a span beyond svm_end, and a @value that
 * @advice does not take: any but 0 for RESET, PEER for PLACE, above 1 for THP,
 * READ_MOSTLY and PIN, below page_size (but 0) or above huge_size for
 * GRANULARITY, above NONE for ATOMICS.
 * -EAGAIN: the span was being unmapped each time it was looked at; call again.
 */
struct drm_dummy_gpu_advise {
	/** @vm_id: a VM with SVM. */
	__u32 vm_id;
	/** @advice: enum drm_dummy_gpu_advice. */
	__u32 advice;
	/** @start: process address. */
	__u64 start;
	/** @size: bytes. */
	__u64 size;
	/** @value: depends on @advice. */
	__u64 value;
};

/**
 * enum drm_dummy_gpu_migrate_result - what became of a run of pages
 */
enum drm_dummy_gpu_migrate_result {
	/** @DRM_DUMMY_GPU_MIGRATE_MOVED: it is where it was asked to be now. */
	DRM_DUMMY_GPU_MIGRATE_MOVED = 0,
	/** @DRM_DUMMY_GPU_MIGRATE_ALREADY: it was there before. */
	DRM_DUMMY_GPU_MIGRATE_ALREADY,
	/** @DRM_DUMMY_GPU_MIGRATE_UNMAPPED: no mapping of the process there. */
	DRM_DUMMY_GPU_MIGRATE_UNMAPPED,
	/**
	 * @DRM_DUMMY_GPU_MIGRATE_HOLE: no page there yet; with POPULATE it would
	 * have been filled.
	 */
	DRM_DUMMY_GPU_MIGRATE_HOLE,
	/**
	 * @DRM_DUMMY_GPU_MIGRATE_UNSUITABLE: memory that cannot move: file,
	 * shared, special, hugetlb, KSM, no access.
	 */
	DRM_DUMMY_GPU_MIGRATE_UNSUITABLE,
	/** @DRM_DUMMY_GPU_MIGRATE_BUSY: pinned, locked or raced; may work later. */
	DRM_DUMMY_GPU_MIGRATE_BUSY,
	/**
	 * @DRM_DUMMY_GPU_MIGRATE_FULL: no device memory, even after eviction, or
	 * none within the limit of the process.
	 */
	DRM_DUMMY_GPU_MIGRATE_FULL,
	/** @DRM_DUMMY_GPU_MIGRATE_NO_MEMORY: no system memory. */
	DRM_DUMMY_GPU_MIGRATE_NO_MEMORY,
	/** @DRM_DUMMY_GPU_MIGRATE_COPY_FAILED: the copy engine reported an error. */
	DRM_DUMMY_GPU_MIGRATE_COPY_FAILED,
};

/**
 * struct drm_dummy_gpu_migrate_run - result for a run of pages
 */
struct drm_dummy_gpu_migrate_run {
	/** @start: process address of the first page. */
	__u64 start;
	/** @nr_pages: number of pages. */
	__u32 nr_pages;
	/** @result: enum drm_dummy_gpu_migrate_result. */
	__u32 result;
};

#define DRM_DUMMY_GPU_MIGRATE_POPULATE	(1 << 0)	/* fill holes with zeros on the device */
/* prefetch: map into the device page table too */
#define DRM_DUMMY_GPU_MIGRATE_MAP	(1 << 1)
#define DRM_DUMMY_GPU_MIGRATE_WRITE	(1 << 2)	/* with MAP: for writing */
#define DRM_DUMMY_GPU_MIGRATE_KEEP	(1 << 3)	/* with MAP: move nothing, map in place */

/**
 * struct drm_dummy_gpu_migrate - change the place of a span, or prefetch it
 *
 * Best effort and per page: the ioctl succeeds if the arguments are good, and
 * says for each run of pages what became of it. Runs are written in order of
 * address while there is room; @runs.count returns how many there were in all,
 * which may be more than the room. With MAP the span is then mapped into the
 * device page table, as by a fault on each page that is populated. With KEEP that
 * is all: runs tell of gaps in the address space only, and @mapped of the rest.
 *
 * -EINVAL: also a VM without SVM, a place that is neither SYSTEM nor DEVICE, a
 * span beyond svm_end, POPULATE or MAP with SYSTEM, and WRITE or KEEP without MAP.
 */
struct drm_dummy_gpu_migrate {
	/** @vm_id: a VM with SVM. */
	__u32 vm_id;
	/** @place: enum drm_dummy_gpu_place: SYSTEM or DEVICE. */
	__u32 place;
	/** @flags: DRM_DUMMY_GPU_MIGRATE_*. */
	__u32 flags;
	/** @pad: MBZ. */
	__u32 pad;
	/** @start: process address. */
	__u64 start;
	/** @size: bytes. */
	__u64 size;
	/** @runs: struct drm_dummy_gpu_migrate_run; count may be 0. */
	struct drm_dummy_gpu_array runs;
	/** @moved: returned, pages that moved. */
	__u64 moved;
	/** @already: returned, pages that were there. */
	__u64 already;
	/** @stayed: returned, pages that stayed where they were. */
	__u64 stayed;
	/** @mapped: returned, pages mapped into the device page table, with MAP. */
	__u64 mapped;
};

/* What struct drm_dummy_gpu_page says of a page. */
/* the CPU page table has an entry that allows reads */
#define DRM_DUMMY_GPU_PAGE_READ		(1 << 0)
/* and writes, without a fault for copy-on-write */
#define DRM_DUMMY_GPU_PAGE_WRITE	(1 << 1)
/* device-exclusive, held by a mirror of this process */
#define DRM_DUMMY_GPU_PAGE_EXCLUSIVE	(1 << 2)
#define DRM_DUMMY_GPU_PAGE_ZERO		(1 << 3)	/* the shared 4K zero page */
#define DRM_DUMMY_GPU_PAGE_MAPPED	(1 << 4)	/* this VM's page table has an entry */
#define DRM_DUMMY_GPU_PAGE_MAPPED_WRITE	(1 << 5)	/* that allows writes */
#define DRM_DUMMY_GPU_PAGE_MAPPED_HUGE	(1 << 6)	/* and is a 2 MiB leaf */

/**
 * struct drm_dummy_gpu_page - where one page is
 *
 * What it cannot tell apart: place NONE is a hole, a swapped out page, poison,
 * an entry under migration or one that NUMA balancing watches, memory without
 * read permission, or an EXCLUSIVE entry of somebody else; a 2 MiB zero folio
 * looks like ordinary system memory.
 * /proc/pid/pagemap tells the rest.
 */
struct drm_dummy_gpu_page {
	/** @place: enum drm_dummy_gpu_place. */
	__u8 place;
	/** @order: log2 of the pages that are mapped as one by the CPU page table. */
	__u8 order;
	/** @flags: DRM_DUMMY_GPU_PAGE_*. */
	__u16 flags;
	/** @device: index of the device for DEVICE and PEER, else 0. */
	__u32 device;
};

/**
 * struct drm_dummy_gpu_snapshot - see where the pages of a span are
 *
 * Changes nothing and faults nothing in. The answer was true at one moment for
 * each 2 MiB, and may be stale on return.
 *
 * -EINVAL: also a VM without SVM, a span beyond svm_end, or a count that is not
 * the span's number of pages.
 */
struct drm_dummy_gpu_snapshot {
	/** @vm_id: a VM with SVM. */
	__u32 vm_id;
	/** @flags: MBZ. */
	__u32 flags;
	/** @start: process address. */
	__u64 start;
	/** @size: bytes. */
	__u64 size;
	/** @pages: struct drm_dummy_gpu_page, one per page of the span. */
	struct drm_dummy_gpu_array pages;
};

/**
 * struct drm_dummy_gpu_evict - migrate device memory of any process back
 *
 * Works on the coldest chunks first, until @size bytes are free or nothing more
 * can be moved. Pinned memory stays.
 *
 * -EINVAL: also a @size of 2^63 or more that is not all ones.
 * -EACCES: the caller has no CAP_SYS_ADMIN.
 */
struct drm_dummy_gpu_evict {
	/** @size: bytes wanted, a multiple of page_size; all ones for everything. */
	__u64 size;
	/** @evicted: returned, bytes migrated back. */
	__u64 evicted;
	/** @flags: MBZ. */
	__u32 flags;
	/** @pad: MBZ. */
	__u32 pad;
};

#define DRM_IOCTL_DUMMY_GPU(nr, type) \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_DUMMY_GPU_##nr, struct drm_dummy_gpu_##type)

/*
 * An enum rather than macros, so that bindings for other languages see it.
 */
enum {
	DRM_IOCTL_DUMMY_GPU_QUERY = DRM_IOCTL_DUMMY_GPU(QUERY, query),
	DRM_IOCTL_DUMMY_GPU_VM_CREATE = DRM_IOCTL_DUMMY_GPU(VM_CREATE, vm_create),
	DRM_IOCTL_DUMMY_GPU_VM_DESTROY = DRM_IOCTL_DUMMY_GPU(VM_DESTROY, vm_destroy),
	DRM_IOCTL_DUMMY_GPU_GEM_CREATE = DRM_IOCTL_DUMMY_GPU(GEM_CREATE, gem_create),
	DRM_IOCTL_DUMMY_GPU_GEM_MMAP = DRM_IOCTL_DUMMY_GPU(GEM_MMAP, gem_mmap),
	DRM_IOCTL_DUMMY_GPU_VM_BIND = DRM_IOCTL_DUMMY_GPU(VM_BIND, vm_bind),
	DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE = DRM_IOCTL_DUMMY_GPU(QUEUE_CREATE, queue_create),
	DRM_IOCTL_DUMMY_GPU_QUEUE_DESTROY = DRM_IOCTL_DUMMY_GPU(QUEUE_DESTROY, queue_destroy),
	DRM_IOCTL_DUMMY_GPU_SUBMIT = DRM_IOCTL_DUMMY_GPU(SUBMIT, submit),
	DRM_IOCTL_DUMMY_GPU_JOB_QUERY = DRM_IOCTL_DUMMY_GPU(JOB_QUERY, job_query),
	DRM_IOCTL_DUMMY_GPU_WAIT_FENCE = DRM_IOCTL_DUMMY_GPU(WAIT_FENCE, wait_fence),
	DRM_IOCTL_DUMMY_GPU_ADVISE = DRM_IOCTL_DUMMY_GPU(ADVISE, advise),
	DRM_IOCTL_DUMMY_GPU_MIGRATE = DRM_IOCTL_DUMMY_GPU(MIGRATE, migrate),
	DRM_IOCTL_DUMMY_GPU_SNAPSHOT = DRM_IOCTL_DUMMY_GPU(SNAPSHOT, snapshot),
	DRM_IOCTL_DUMMY_GPU_EVICT = DRM_IOCTL_DUMMY_GPU(EVICT, evict),
	DRM_IOCTL_DUMMY_GPU_VM_LIMIT = DRM_IOCTL_DUMMY_GPU(VM_LIMIT, vm_limit),
};

#if defined(__cplusplus)
}
#endif

#endif
