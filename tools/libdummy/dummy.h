/* SPDX-License-Identifier: MIT */
/*
 * libdummy: user space of the dummy_gpu driver.
 *
 * A thin C library over libdrm and the driver's ioctls. It keeps no state of its
 * own: no globals, no threads, no signal handlers, and it prints nothing.
 *
 *	struct dummy_device *dev;
 *	struct dummy_vm *vm;
 *	struct dummy_queue *queue;
 *	struct dummy_stream *s;
 *
 *	dummy_device_open(0, &dev);
 *	dummy_vm_create(dev, DRM_DUMMY_GPU_VM_SVM, &vm);
 *	dummy_queue_create(vm, 0, 0, -1, &queue);
 *	dummy_stream_create(&s);
 *	dummy_stream_vadd(s, dummy_addr(c), dummy_addr(a), dummy_addr(b), n, 4);
 *	dummy_run(queue, s, NULL);		(c[i] is a[i] + b[i] now)
 *
 * Returns: every function that can fail returns 0 or a negative errno; those of
 * the ioctl it makes are listed in drm/dummy_gpu_drm.h and passed on unchanged.
 * Outputs are written on success only, unless a function says otherwise.
 *
 * Signals: a call that a signal interrupts goes on; time limits do not start
 * again.
 *
 * Threads: a device, a VM, a buffer object and a queue may be used by any number
 * of threads at once; a stream by one at a time. Destroying is for the last user.
 *
 * Order: destroy children before parents: streams bound by dummy_stream_bind()
 * and queues before their VM, VMs and buffer objects before their device. Closing
 * the device ends in the kernel whatever was left of it. Destroying NULL is fine.
 * Every destroy frees the object, also when it returns an error.
 *
 * Addresses: what the device reads and writes is uint64_t, an address of the VM;
 * in a VM with SVM that is dummy_addr() of the pointer. Spans of process memory
 * are pointers.
 *
 * Constants and structs that begin with drm_ or DRM_ are the driver's own. Should
 * one of those structs grow, the functions that take it get a new symbol version.
 */
#ifndef LIBDUMMY_DUMMY_H
#define LIBDUMMY_DUMMY_H

#include <stddef.h>
#include <stdint.h>

#include <drm/dummy_gpu_drm.h>
#include <drm/dummy_gpu_isa.h>

#ifdef __cplusplus
extern "C" {
#endif

struct dummy_device;
struct dummy_vm;
struct dummy_bo;
struct dummy_queue;
struct dummy_stream;

/** As timeout_ns: wait for ever. */
#define DUMMY_FOREVER	UINT64_MAX

/**
 * dummy_addr() - the address a VM with SVM has for process memory
 */
static inline uint64_t dummy_addr(const volatile void *pointer)
{
	return (uintptr_t)pointer;
}

/* ---- Devices (device.c) ------------------------------------------------- */

/** struct dummy_node - one dummy_gpu device of the machine */
struct dummy_node {
	/** which of the machine's dummy_gpu devices it is */
	uint32_t index;
	/** path of its render node */
	char path[60];
};

/**
 * dummy_device_list() - list the machine's dummy_gpu devices, by index
 * @nodes: array to fill, may be NULL if @room is 0
 * @room: number of elements of @nodes
 * @count: returned, how many devices there are, which may be more than @room
 *
 * Devices that may not be opened are left out. Should all be, returns why the
 * first could not be.
 */
int dummy_device_list(struct dummy_node *nodes, unsigned int room,
		      unsigned int *count);

/**
 * dummy_device_open() - open a device by its index
 *
 * -ENODEV: there is none.
 */
int dummy_device_open(unsigned int index, struct dummy_device **dev);

/**
 * dummy_device_open_path() - open a device by the path of its node
 *
 * -ENODEV: that is not a dummy_gpu node.
 */
int dummy_device_open_path(const char *path, struct dummy_device **dev);

/**
 * dummy_device_open_fd() - make a device of an open file
 *
 * The device owns @fd from now on; on error the caller still does.
 *
 * -ENODEV: that is not a dummy_gpu node.
 */
int dummy_device_open_fd(int fd, struct dummy_device **dev);

/** dummy_device_close() - close the file and free the device */
int dummy_device_close(struct dummy_device *dev);

/** dummy_device_fd() - the open file; it stays the device's */
int dummy_device_fd(const struct dummy_device *dev);

/** dummy_device_info() - facts that were read when the device was opened */
const struct drm_dummy_gpu_info *dummy_device_info(const struct dummy_device *dev);

/**
 * dummy_device_ioctl() - make an ioctl the library has no function for
 *
 * As drmIoctl(), but returns the errno.
 */
int dummy_device_ioctl(const struct dummy_device *dev, unsigned long request,
		       void *arg);

/* ---- Address spaces (vm.c) ---------------------------------------------- */

/**
 * dummy_vm_create() - make a device address space
 * @flags: DRM_DUMMY_GPU_VM_*; DRM_DUMMY_GPU_VM_SVM mirrors the calling process
 */
int dummy_vm_create(struct dummy_device *dev, uint32_t flags,
		    struct dummy_vm **vm);

/** dummy_vm_destroy() - destroy a VM; queues it still has stop working */
int dummy_vm_destroy(struct dummy_vm *vm);

/**
 * dummy_vm_limit() - limit the device memory of this process
 * @vram: bytes, UINT64_MAX for no limit; see struct drm_dummy_gpu_vm_limit
 */
int dummy_vm_limit(struct dummy_vm *vm, uint64_t vram);

/** dummy_vm_id() - the driver's id of the VM */
uint32_t dummy_vm_id(const struct dummy_vm *vm);

/** dummy_vm_device() - the device it was made on */
struct dummy_device *dummy_vm_device(const struct dummy_vm *vm);

/** dummy_vm_is_svm() - whether it mirrors a process */
int dummy_vm_is_svm(const struct dummy_vm *vm);

/**
 * dummy_vm_bind() - map a part of a buffer object
 * @offset: first byte of @bo
 * @start: device virtual address; at or above info.svm_end in a VM with SVM
 * @size: bytes
 * @flags: DRM_DUMMY_GPU_BIND_*
 */
int dummy_vm_bind(struct dummy_vm *vm, const struct dummy_bo *bo,
		  uint64_t offset, uint64_t start, uint64_t size,
		  uint32_t flags);

/** dummy_vm_unbind() - unmap whatever buffer objects are in a span */
int dummy_vm_unbind(struct dummy_vm *vm, uint64_t start, uint64_t size);

/**
 * dummy_vm_bind_ops() - do several operations in one call
 * @done: returned also on error, how many were done; may be NULL
 */
int dummy_vm_bind_ops(struct dummy_vm *vm,
		      const struct drm_dummy_gpu_bind_op *ops,
		      unsigned int count, unsigned int *done);

/* ---- Buffer objects (bo.c) ---------------------------------------------- */

/**
 * dummy_bo_create() - make a buffer object, filled with zeros
 * @size: bytes, a multiple of info.page_size
 * @flags: DRM_DUMMY_GPU_GEM_*
 */
int dummy_bo_create(struct dummy_device *dev, uint64_t size, uint32_t flags,
		    struct dummy_bo **bo);

/**
 * dummy_bo_destroy() - unmap it from the process and drop the handle
 *
 * A VM it is bound in keeps it until it is unbound there.
 */
int dummy_bo_destroy(struct dummy_bo *bo);

/**
 * dummy_bo_map() - map it into the process, for reading and writing
 *
 * The mapping is made once and lives as long as the buffer object.
 *
 * -EACCES: it was made with DRM_DUMMY_GPU_GEM_NO_MMAP.
 */
int dummy_bo_map(struct dummy_bo *bo, void **pointer);

/** dummy_bo_handle() - the driver's handle of the buffer object */
uint32_t dummy_bo_handle(const struct dummy_bo *bo);

/** dummy_bo_size() - bytes */
uint64_t dummy_bo_size(const struct dummy_bo *bo);

/* ---- Queues (queue.c) --------------------------------------------------- */

/**
 * dummy_queue_create() - make a queue
 * @vm: whose addresses the jobs use
 * @engine: below info.nr_engines
 * @timeout_ms: time limit of a job, 0 for the default
 * @eventfd: signalled by one for each finished job, or -1; stays the caller's
 */
int dummy_queue_create(struct dummy_vm *vm, unsigned int engine,
		       unsigned int timeout_ms, int eventfd,
		       struct dummy_queue **queue);

/** dummy_queue_destroy() - destroy a queue; unfinished jobs are cancelled */
int dummy_queue_destroy(struct dummy_queue *queue);

/** dummy_queue_id() - the driver's id of the queue */
uint32_t dummy_queue_id(const struct dummy_queue *queue);

/** dummy_queue_vm() - the VM it was made for */
struct dummy_vm *dummy_queue_vm(const struct dummy_queue *queue);

/** struct dummy_submit_options - what a job waits for and what it signals */
struct dummy_submit_options {
	/** where the user fence is written, 0 for none; needs a VM with SVM */
	uint64_t fence_addr;
	/** what is written there */
	uint64_t fence_value;
	/** syncobjs; those that signal need a VM without SVM */
	const struct drm_dummy_gpu_sync *syncs;
	/** number of @syncs */
	unsigned int nr_syncs;
};

/**
 * dummy_submit() - queue a job that runs a stream
 * @options: or NULL for none
 * @job_id: returned, for dummy_wait(); may be NULL
 *
 * The device reads the stream itself: it must not be changed or destroyed until
 * the job has finished. An error that building the stream met is returned here.
 */
int dummy_submit(struct dummy_queue *queue, const struct dummy_stream *stream,
		 const struct dummy_submit_options *options, uint64_t *job_id);

/**
 * dummy_submit_at() - queue a job that runs commands at an address
 * @stream: address of the first command in the queue's VM
 * @stream_size: bytes
 */
int dummy_submit_at(struct dummy_queue *queue, uint64_t stream,
		    uint64_t stream_size,
		    const struct dummy_submit_options *options,
		    uint64_t *job_id);

/**
 * dummy_wait() - wait until a job has finished
 * @timeout_ns: relative; 0 only looks
 * @status: filled on 0, -EIO and -ETIME; may be NULL
 *
 * Return: 0 if it ended well, -EIO if it failed (status->reason says why), -ETIME
 * if it has not finished yet, another error if it cannot be asked for.
 */
int dummy_wait(struct dummy_queue *queue, uint64_t job_id, uint64_t timeout_ns,
	       struct drm_dummy_gpu_job_query *status);

/**
 * dummy_run() - submit a stream and wait until it has finished
 * @status: filled on 0 and -EIO; may be NULL
 *
 * Return: as dummy_submit() and dummy_wait().
 */
int dummy_run(struct dummy_queue *queue, const struct dummy_stream *stream,
	      struct drm_dummy_gpu_job_query *status);

/**
 * dummy_wait_fence() - wait until a user fence is at least a value
 * @queue: the queue whose job writes it
 * @fence: where it is written
 * @value: what to wait for
 * @job_id: the job that writes it, or 0 if that is not known
 * @timeout_ns: relative
 *
 * -ETIME: @timeout_ns passed first.
 * -EIO: @job_id is given and that job failed.
 */
int dummy_wait_fence(struct dummy_queue *queue, const volatile uint64_t *fence,
		     uint64_t value, uint64_t job_id, uint64_t timeout_ns);

/* ---- Streams (stream.c) ------------------------------------------------- */

/*
 * A stream is built by one call for each command; drm/dummy_gpu_isa.h says what
 * each does. @width is the size of an element in bytes: 1, 2, 4 or 8. @reg is a
 * register number.
 *
 * An error sticks: the calls after it add nothing and return it again, as does
 * dummy_submit(), so that only the last needs a check.
 *
 * -EINVAL: a width the command does not have, a register or condition that does
 * not exist. Whether addresses and counts are good is for the device to say.
 * -ENOMEM: no memory to grow.
 * -ENOSPC: memory given by dummy_stream_create_in() is used up.
 * -E2BIG: longer than DUMMY_GPU_MAX_STREAM.
 * -EBUSY: the stream was bound by dummy_stream_bind().
 */

/**
 * dummy_stream_create() - make an empty stream that grows as needed
 *
 * It is in pages of its own, so that the device, which may migrate what it
 * reads, drags nothing else along.
 */
int dummy_stream_create(struct dummy_stream **stream);

/**
 * dummy_stream_create_in() - make an empty stream in memory of the caller
 * @memory: where commands are written, a multiple of 8; stays the caller's
 * @size: bytes there
 * @addr: where the device sees it: dummy_addr(memory) for a VM with SVM, where it
 *	is bound for a buffer object
 */
int dummy_stream_create_in(void *memory, size_t size, uint64_t addr,
			   struct dummy_stream **stream);

/** dummy_stream_destroy() - free a stream that no job uses any more */
int dummy_stream_destroy(struct dummy_stream *stream);

/**
 * dummy_stream_bind() - copy a stream into a buffer object and bind that
 * @vm: a VM, typically one without SVM
 * @addr: where, a multiple of info.page_size
 *
 * The stream owns the buffer object and accepts no commands until
 * dummy_stream_reset(), which unbinds and destroys it.
 */
int dummy_stream_bind(struct dummy_stream *stream, struct dummy_vm *vm,
		      uint64_t addr);

/** dummy_stream_reset() - make a stream that no job uses any more empty again */
int dummy_stream_reset(struct dummy_stream *stream);

/** dummy_stream_error() - the error that sticks, or 0 */
int dummy_stream_error(const struct dummy_stream *stream);

/** dummy_stream_addr() - where the device sees the first command */
uint64_t dummy_stream_addr(const struct dummy_stream *stream);

/** dummy_stream_size() - bytes so far: the offset of the next command */
uint64_t dummy_stream_size(const struct dummy_stream *stream);

/**
 * dummy_stream_data() - the commands in process memory
 *
 * Good until the next command is added.
 */
const void *dummy_stream_data(const struct dummy_stream *stream);

int dummy_stream_nop(struct dummy_stream *s);
int dummy_stream_end(struct dummy_stream *s);

/** dummy_stream_fill() - @bytes at @dst become copies of @pattern */
int dummy_stream_fill(struct dummy_stream *s, uint64_t dst, uint64_t bytes,
		      uint64_t pattern, unsigned int width);

int dummy_stream_copy(struct dummy_stream *s, uint64_t dst, uint64_t src,
		      uint64_t bytes);

/** dummy_stream_load() - the register becomes the element at @src */
int dummy_stream_load(struct dummy_stream *s, unsigned int reg, uint64_t src,
		      unsigned int width);

/** dummy_stream_store() - the element at @dst becomes @value */
int dummy_stream_store(struct dummy_stream *s, uint64_t dst, uint64_t value,
		       unsigned int width);

/** dummy_stream_store_reg() - the element at @dst becomes the register */
int dummy_stream_store_reg(struct dummy_stream *s, uint64_t dst,
			   unsigned int reg, unsigned int width);

/** dummy_stream_set() - the register becomes @value */
int dummy_stream_set(struct dummy_stream *s, unsigned int reg, uint64_t value);

/** dummy_stream_add() - the register grows by @value */
int dummy_stream_add(struct dummy_stream *s, unsigned int reg, uint64_t value);

/**
 * dummy_stream_jump() - go to @offset if register @cond value
 * @offset: what dummy_stream_size() was before the command to go to; for one that
 *	is still to come, see dummy_stream_set_target()
 */
int dummy_stream_jump(struct dummy_stream *s, uint64_t offset,
		      enum dummy_gpu_cond cond, unsigned int reg,
		      uint64_t value);

/**
 * dummy_stream_set_target() - say where an earlier jump goes
 * @jump: what dummy_stream_size() was before dummy_stream_jump()
 * @offset: as there
 *
 * -EINVAL: no jump is there.
 */
int dummy_stream_set_target(struct dummy_stream *s, uint64_t jump,
			    uint64_t offset);

/** dummy_stream_atomic_add() - the register becomes the old element */
int dummy_stream_atomic_add(struct dummy_stream *s, unsigned int reg,
			    uint64_t addr, uint64_t value, unsigned int width);

/** dummy_stream_atomic_cas() - the register becomes the old element */
int dummy_stream_atomic_cas(struct dummy_stream *s, unsigned int reg,
			    uint64_t addr, uint64_t expected, uint64_t desired,
			    unsigned int width);

/** dummy_stream_compare() - register: first byte that differs, or all ones */
int dummy_stream_compare(struct dummy_stream *s, unsigned int reg, uint64_t a,
			 uint64_t b, uint64_t bytes);

/** dummy_stream_checksum() - the register becomes the FNV-1a 64 of the bytes */
int dummy_stream_checksum(struct dummy_stream *s, unsigned int reg,
			  uint64_t src, uint64_t bytes);

/** dummy_stream_vadd() - dst[i] = a[i] + b[i] */
int dummy_stream_vadd(struct dummy_stream *s, uint64_t dst, uint64_t a,
		      uint64_t b, uint64_t count, unsigned int width);

/** dummy_stream_vscale() - dst[i] = a[i] * factor */
int dummy_stream_vscale(struct dummy_stream *s, uint64_t dst, uint64_t a,
			uint64_t factor, uint64_t count, unsigned int width);

/** dummy_stream_wait() - until the element at @addr @cond value */
int dummy_stream_wait(struct dummy_stream *s, uint64_t addr,
		      enum dummy_gpu_cond cond, uint64_t value,
		      unsigned int width);

/** dummy_stream_signal() - a store that is seen after all before it */
int dummy_stream_signal(struct dummy_stream *s, uint64_t addr, uint64_t value,
			unsigned int width);

/** dummy_stream_timestamp() - stores CLOCK_MONOTONIC nanoseconds */
int dummy_stream_timestamp(struct dummy_stream *s, uint64_t dst);

/**
 * dummy_stream_command() - add a command as it is
 *
 * Only cmd->nr_args is checked, for at most DUMMY_GPU_MAX_ARGS.
 */
int dummy_stream_command(struct dummy_stream *s,
			 const struct dummy_gpu_cmd *cmd);

/** dummy_stream_words() - add 64-bit words as they are */
int dummy_stream_words(struct dummy_stream *s, const uint64_t *words,
		       size_t count);

/* ---- Process memory (memory.c) ------------------------------------------ */

/**
 * dummy_advise() - state a wish for a span of process memory
 * @value: enum drm_dummy_gpu_place for ADVICE_PLACE, enum drm_dummy_gpu_atomics
 *	for ADVICE_ATOMICS, log2 of bytes for ADVICE_GRANULARITY; see enum
 *	drm_dummy_gpu_advice
 */
int dummy_advise(struct dummy_vm *vm, const volatile void *start, size_t size,
		 enum drm_dummy_gpu_advice advice, uint64_t value);

/** struct dummy_migrated - what became of the pages of a span, counted */
struct dummy_migrated {
	/** moved now */
	uint64_t moved;
	/** were there before */
	uint64_t already;
	/** stayed where they were */
	uint64_t stayed;
	/** mapped into the device page table, with flag MAP */
	uint64_t mapped;
};

/**
 * dummy_migrate() - change the place of a span, or prefetch it
 * @place: DRM_DUMMY_GPU_PLACE_SYSTEM or DRM_DUMMY_GPU_PLACE_DEVICE
 * @flags: DRM_DUMMY_GPU_MIGRATE_*
 * @migrated: returned; may be NULL
 *
 * Best effort: 0 says only that the arguments were good.
 */
int dummy_migrate(struct dummy_vm *vm, const volatile void *start, size_t size,
		  enum drm_dummy_gpu_place place, uint32_t flags,
		  struct dummy_migrated *migrated);

/**
 * dummy_migrate_runs() - the same, with what became of each run of pages
 * @runs: array to fill, in order of address
 * @room: number of elements of @runs
 * @nr_runs: returned, how many there were, which may be more than @room
 */
int dummy_migrate_runs(struct dummy_vm *vm, const volatile void *start,
		       size_t size, enum drm_dummy_gpu_place place,
		       uint32_t flags, struct dummy_migrated *migrated,
		       struct drm_dummy_gpu_migrate_run *runs,
		       unsigned int room, unsigned int *nr_runs);

/**
 * dummy_snapshot() - see where the pages of a span are
 * @pages: one element for each info.page_size bytes of @size
 */
int dummy_snapshot(struct dummy_vm *vm, const volatile void *start, size_t size,
		   struct drm_dummy_gpu_page *pages);

/**
 * dummy_evict() - migrate device memory of any process back
 * @size: bytes wanted; UINT64_MAX for everything
 * @evicted: returned, bytes migrated back; may be NULL
 */
int dummy_evict(struct dummy_device *dev, uint64_t size, uint64_t *evicted);

/* ---- Counters and names (stats.c) --------------------------------------- */

/** dummy_device_stats() - counters of a device since it was made */
int dummy_device_stats(struct dummy_device *dev,
		       struct drm_dummy_gpu_device_stats *stats);

/** dummy_vm_stats() - counters of one VM with SVM */
int dummy_vm_stats(struct dummy_vm *vm, struct drm_dummy_gpu_vm_stats *stats);

/*
 * Names of enum values, in lower case and without their prefix, as they are
 * meant for people and for JSON: "device", "copy-failed". "?" for a value that
 * is not known. The strings are static.
 */
const char *dummy_place_name(uint32_t place);
const char *dummy_migrate_result_name(uint32_t result);
const char *dummy_job_state_name(uint32_t state);
const char *dummy_reason_name(uint32_t reason);
const char *dummy_access_name(uint32_t access);
const char *dummy_op_name(uint32_t op);
const char *dummy_cond_name(uint32_t cond);

#ifdef __cplusplus
}
#endif

#endif
