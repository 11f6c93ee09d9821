/* SPDX-License-Identifier: MIT */
/*
 * Every ioctl of dummy_gpu in a form that works, for tests that then break it in
 * one place, or make it as somebody else.
 *
 * Invariant: what dummy_call.prepare() leaves in the frame succeeds when made by
 * the process that prepared it, on the client's file, and a call that is refused
 * changes nothing about that.
 *
 * Words: a *client* is an open file with one of everything an ioctl may name. A
 * *frame* is the memory a call is made from: its arguments and what they point
 * to. It ends where a page begins that nobody may touch.
 *
 * Lock: none.
 */
#ifndef DUMMY_GPU_CALLS_H
#define DUMMY_GPU_CALLS_H

#ifdef HAVE_IGT_TREE
#include "igt.h"
#include "igt_syncobj.h"
#else
#include "igt_compat.h"
#endif

#include <stddef.h>
#include <sys/mman.h>

#include "drm/dummy_gpu_drm.h"
#include "drm/dummy_gpu_isa.h"

/* In the VM without SVM: where streams are, and where tests may bind. */
#define DUMMY_CODE_VA	0x10000000ULL
#define DUMMY_FREE_VA	0x20000000ULL

#define DUMMY_BO_PAGES	2
#define DUMMY_MEM_PAGES	4

/* Fences of a client's own jobs are this, those of its calls one more. */
#define DUMMY_FENCE_VALUE	1

#define DUMMY_NS_PER_MS		1000000ULL
/* Long enough for anything that happens at all. */
#define DUMMY_LIVE_MS		20000
#define DUMMY_LIVE_NS		(DUMMY_LIVE_MS * DUMMY_NS_PER_MS)

union dummy_args {
	struct drm_dummy_gpu_query query;
	struct drm_dummy_gpu_vm_create vm_create;
	struct drm_dummy_gpu_vm_destroy vm_destroy;
	struct drm_dummy_gpu_gem_create gem_create;
	struct drm_dummy_gpu_gem_mmap gem_mmap;
	struct drm_dummy_gpu_vm_bind vm_bind;
	struct drm_dummy_gpu_queue_create queue_create;
	struct drm_dummy_gpu_queue_destroy queue_destroy;
	struct drm_dummy_gpu_submit submit;
	struct drm_dummy_gpu_job_query job_query;
	struct drm_dummy_gpu_wait_fence wait_fence;
	struct drm_dummy_gpu_advise advise;
	struct drm_dummy_gpu_migrate migrate;
	struct drm_dummy_gpu_snapshot snapshot;
	struct drm_dummy_gpu_evict evict;
	struct drm_dummy_gpu_vm_limit vm_limit;
};

/**
 * struct dummy_frame - the memory a call is made from
 * @args: what the ioctl gets
 * @beyond: for arguments longer than the kernel's
 * @target: what the arguments point to, if anything; the last bytes before the
 *	page that nobody may touch
 */
struct dummy_frame {
	union dummy_args args;
	char beyond[64];
	union {
		struct drm_dummy_gpu_bind_op ops[2];
		struct drm_dummy_gpu_sync syncs[2];
		struct drm_dummy_gpu_migrate_run runs[DUMMY_MEM_PAGES];
		struct drm_dummy_gpu_page pages[DUMMY_MEM_PAGES];
		char bytes[1024];
	} target;
};

/**
 * struct dummy_client - a file, and one of everything in it
 * @svm: VM with SVM, of the process that made the client
 * @vm: VM without
 * @svm_queue: a queue of each
 * @svm_job: a job of each queue that has ended well
 * @bo: in system memory, of DUMMY_BO_PAGES
 * @secret: likewise, with NO_MMAP
 * @code: in system memory, bound at DUMMY_CODE_VA, with a stream
 * @signalled: a syncobj that is
 * @syncobj: one to signal
 * @room: address space around @mem
 * @mem: process memory of DUMMY_MEM_PAGES, a stream in the last page
 * @fence: in it, what @svm_job has signalled
 * @frame: for calls
 * @subtest: that has opened it; the next one closes it if this one did not
 */
struct dummy_client {
	int fd;
	struct drm_dummy_gpu_info info;
	uint32_t page_size;
	uint32_t svm, vm;
	uint32_t svm_queue, queue;
	uint64_t svm_job, job;
	uint32_t bo, secret, code;
	uint32_t signalled, syncobj;
	int eventfd;
	uint64_t *code_map;
	char *room;
	char *mem;
	uint64_t *fence;
	struct dummy_frame *frame;
	char subtest[256];
};

/* What is true of a call. */
enum dummy_call_traits {
	DUMMY_CALL_NAMES = 1 << 0,	/* names something of its file */
	DUMMY_CALL_SVM = 1 << 1,	/* names a VM with SVM, or a queue of one */
	DUMMY_CALL_ANYBODY = 1 << 2,	/* and is open to other processes all the same */
	DUMMY_CALL_ROOT = 1 << 3,	/* needs CAP_SYS_ADMIN */
};

/**
 * struct dummy_call - an ioctl and arguments that are good
 * @prepare: write the frame; may make what the call is to destroy
 * @undo: take back what the call has made, or NULL
 */
struct dummy_call {
	const char *name;
	unsigned long request;
	unsigned int traits;
	void (*prepare)(struct dummy_client *client);
	void (*undo)(struct dummy_client *client);
};

extern const struct dummy_call dummy_calls[];
extern const unsigned int dummy_nr_calls;

/* Return: the call of that name, which must be there. */
const struct dummy_call *dummy_call_find(const char *name);

/* Fill @client's frame with good arguments. */
void dummy_call_prepare(const struct dummy_call *call, struct dummy_client *client);
/* Make @call from @client's frame on file @fd. Return: 0 or -errno. */
int dummy_call_make(const struct dummy_call *call, struct dummy_client *client, int fd);

/* Skip the test unless @fd is a dummy_gpu. */
void dummy_require_device(int fd);

/*
 * Memory for a client and its frame, which later children share; and a client in
 * it, by opening the node of @fd once more. dummy_client_open() does both.
 */
struct dummy_client *dummy_client_alloc(void);
void dummy_client_init(struct dummy_client *client, int fd);
struct dummy_client *dummy_client_open(int fd);
void dummy_client_close(struct dummy_client *client);

struct drm_dummy_gpu_device_stats dummy_device_stats(int fd);
struct drm_dummy_gpu_vm_stats dummy_vm_stats(int fd, uint32_t vm);
/* Is no more device memory in use than when @before was read? Waits for workers. */
void dummy_assert_nothing_leaked(int fd, const struct drm_dummy_gpu_device_stats *before);

/* ---- Verbs of one line ---- */

uint32_t dummy_vm_create(int fd, uint32_t flags);
void dummy_vm_destroy(int fd, uint32_t vm);
uint32_t dummy_gem_create(int fd, uint64_t size, uint32_t flags);
/* Return: the object's memory, or MAP_FAILED. */
void *dummy_gem_map(int fd, uint32_t handle, uint64_t size);
/* Return: 0 or -errno. */
int dummy_bind(int fd, uint32_t vm, const struct drm_dummy_gpu_bind_op *op);
void dummy_bind_bo(int fd, uint32_t vm, uint32_t handle, uint64_t start, uint64_t size);
uint32_t dummy_queue_create(int fd, uint32_t vm, uint32_t timeout_ms);
void dummy_queue_destroy(int fd, uint32_t queue);

/* Append a command to a stream. Return: where the next one goes. */
uint64_t *dummy_emit(uint64_t *at, struct dummy_gpu_cmd cmd);

/* Run the stream at @addr. Return: the job, or 0 with errno. */
uint64_t dummy_submit(int fd, uint32_t queue, uint64_t addr, uint64_t size);
/* Wait until @job ends. Return: its status. */
struct drm_dummy_gpu_job_query dummy_job_wait(int fd, uint32_t queue, uint64_t job);

static inline uint64_t dummy_addr(const volatile void *pointer)
{
	return (uintptr_t)pointer;
}

#endif
