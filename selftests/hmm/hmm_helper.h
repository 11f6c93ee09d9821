/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the hmm selftests share: a GPU that mirrors this process, memory to use
 * it on, and an oracle that tells where pages are.
 *
 * The oracle is /proc/self/pagemap, which is core mm's word and not the
 * driver's. Memory comes from mem_alloc() and mem_map(): each piece lies between
 * guard pages and starts on a 2 MiB boundary, so that no device fault, however
 * far it reaches, moves anything but what the test is about. What the helpers
 * need themselves, streams and staging, is kept in system memory by advice and
 * out of children by MADV_DONTFORK.
 *
 * Results of jobs are one int: 0 the job ended well, positive the
 * drm_dummy_gpu_reason it failed for, negative an errno.
 */
#ifndef HMM_HELPER_H
#define HMM_HELPER_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "dummy.h"

#define BIT(nr)		(1UL << (nr))
#define KIB		BIT(10)
#define MIB		BIT(20)
#define HUGE_SIZE	(2 * MIB)

/* How long anything may take before it counts as stuck. Never a speed. */
#define LIVE_MS		20000
#define LIVE_NS		(LIVE_MS * 1000000ULL)

extern size_t page_size;

/* ---- GPU ---------------------------------------------------------------- */

/**
 * struct gpu - one user of a device: a queue, a stream being built, staging
 * @dev: the device
 * @vm: mirrors this process
 * @queue: takes page faults
 * @stream: what the next gpu_run() runs
 * @staging: bounce memory of HUGE_SIZE bytes
 * @arena: stream and staging
 * @job: status of the last job
 * @base: counters when it was opened or settled
 * @owner: false for a lane, which borrows dev and vm
 */
struct gpu {
	struct dummy_device *dev;
	struct dummy_vm *vm;
	struct dummy_queue *queue;
	struct dummy_stream *stream;
	char *staging;
	char *arena;
	struct drm_dummy_gpu_job_query job;
	struct drm_dummy_gpu_device_stats base;
	unsigned int index;
	bool owner;
};

/* -ENODEV: there is no such device. */
int gpu_open(struct gpu *gpu, unsigned int index);
/* Another queue on the same VM, for another thread; closed before @gpu is. */
int gpu_lane(struct gpu *lane, struct gpu *gpu, unsigned int engine);
int gpu_close(struct gpu *gpu);
/* Wait for what the dead give back: counters from now on are for gpu_leak(). */
void gpu_settle(struct gpu *gpu);
/*
 * Bytes of device memory more than when @gpu was opened or settled; call after closing it.
 * What is freed by workers gets time, so only a leak is seen.
 */
int64_t gpu_leak(const struct gpu *gpu);

#define DRIVER	"/sys/bus/platform/drivers/dummy_gpu/"

/* What the device is called there. */
int gpu_name(unsigned int index, char *name, size_t size);
/* Close, bind the device anew, and open it: none of its frames is broken then. */
int gpu_renew(struct gpu *gpu);

unsigned int gpu_engines(const struct gpu *gpu);
bool gpu_has(const struct gpu *gpu, uint64_t cap);

struct drm_dummy_gpu_device_stats gpu_device_stats(const struct gpu *gpu);
struct drm_dummy_gpu_vm_stats gpu_vm_stats(const struct gpu *gpu);

/* Run what is in gpu->stream, and empty it. */
int gpu_run(struct gpu *gpu);
/* The same in two steps. */
int gpu_start(struct gpu *gpu, uint64_t *job_id);
int gpu_finish(struct gpu *gpu, uint64_t job_id);
/* Result of a dummy_wait() or dummy_run() with @status. */
int gpu_result(int ret, const struct drm_dummy_gpu_job_query *status);

int gpu_load(struct gpu *gpu, const volatile void *src, uint64_t *value);
int gpu_store(struct gpu *gpu, volatile void *dst, uint64_t value);
int gpu_fill(struct gpu *gpu, volatile void *dst, size_t size, uint64_t value);
/* Copy between memory the device sees and memory it need not see. */
int gpu_write(struct gpu *gpu, volatile void *dst, const void *src, size_t size);
int gpu_read(struct gpu *gpu, void *dst, const volatile void *src, size_t size);

/*
 * Migrate a few times; returns the pages that are at @place now. For what may not
 * move: who wants all of it asks gpu_move().
 */
size_t gpu_migrate(struct gpu *gpu, const volatile void *start, size_t size,
		   enum drm_dummy_gpu_place place, uint32_t flags);
/* All pages of the span to @place. Returns 0 if they are there. */
int gpu_move(struct gpu *gpu, const volatile void *start, size_t size,
	     enum drm_dummy_gpu_place place, uint32_t flags);
int gpu_to_device(struct gpu *gpu, const volatile void *start, size_t size);
int gpu_to_system(struct gpu *gpu, const volatile void *start, size_t size);
int gpu_advise_place(struct gpu *gpu, const volatile void *start, size_t size,
		     enum drm_dummy_gpu_place place);
/* Snapshot of a single page. */
int gpu_page(struct gpu *gpu, const volatile void *addr, struct drm_dummy_gpu_page *page);

/* ---- Memory ------------------------------------------------------------- */

enum mem_kind {
	MEM_PTE,	/* never in huge pages */
	MEM_THP,	/* in huge pages as far as the kernel has them */
};

/* Private anonymous memory, not populated. NULL on failure. */
char *mem_alloc(size_t size, enum mem_kind kind);
/* As mmap(), between guards. NULL on failure. */
char *mem_map(size_t size, int prot, int flags, int fd);
/* One private hugetlb page of HUGE_SIZE, not populated. NULL: there is none to be had. */
char *hugetlb_alloc(void);
int hugetlb_free(char *mem);
/*
 * As mem_alloc(), populated with zeros. NULL also if @kind wants huge pages and there
 * are not enough, after compaction too.
 */
char *mem_populate(size_t size, enum mem_kind kind);
/* Have free memory in large pieces, as far as that can be. */
void mem_compact(void);
/* Unmap what mem_alloc() or mem_map() returned, or NULL. */
void mem_free(char *mem);
/* Unmap all of it. */
void mem_free_all(void);
/* Whether the CPU maps [start, start + size) by huge pages only. */
bool mem_is_huge(const volatile void *start, size_t size);
/* The same if @kind wants huge pages, else true. */
bool mem_is_kind(const volatile void *start, size_t size, enum mem_kind kind);

/*
 * Patterns: each 8 bytes differ from their neighbours and with the seed, so that
 * neither a page at the wrong place nor an old one goes unnoticed.
 */
uint64_t pattern(uint64_t seed, size_t offset);
void pattern_fill(void *mem, size_t size, uint64_t seed);
/* Number of 64-bit words that are wrong; all ones: the job that read failed. */
size_t pattern_bad(const void *mem, size_t size, uint64_t seed);
int gpu_pattern_fill(struct gpu *gpu, void *mem, size_t size, uint64_t seed);
/*
 * The same by device faults, which are to bring all of it. Whether they have: what is
 * busy when a fault comes is mapped where it is, and can be asked for once more.
 */
bool gpu_pattern_pull(struct gpu *gpu, void *mem, size_t size, uint64_t seed);
size_t gpu_pattern_bad(struct gpu *gpu, const void *mem, size_t size, uint64_t seed);

/* ---- Oracle ------------------------------------------------------------- */

#define IN_NONE		BIT(0)	/* no entry */
#define IN_SYSTEM	BIT(1)	/* present */
#define IN_SWAP		BIT(2)	/* swapped out */
#define IN_DEVICE_WRITE	BIT(3)	/* in a device, writable */
#define IN_DEVICE_READ	BIT(4)	/* in a device, not writable */
#define IN_EXCLUSIVE	BIT(5)	/* in system memory, exclusive to a device */
#define IN_OTHER	BIT(6)	/* poison, marker; under migration for longer than LIVE_MS */
#define IN_DEVICE	(IN_DEVICE_WRITE | IN_DEVICE_READ)

/* The raw entry; 0 if it cannot be read. */
uint64_t pagemap_entry(const volatile void *addr);
/* One of IN_*. What is under migration stays nowhere: these wait until it is somewhere. */
unsigned int page_in(const volatile void *addr);
/* Page frame, also of device memory; 0 if there is none. */
uint64_t page_frame(const volatile void *addr);
/* How many pages of the span are in one of the places of @mask. */
size_t pages_in(const volatile void *start, size_t size, unsigned int mask);
/* How many of its pages are in page frame @frame. */
size_t pages_with_frame(const volatile void *start, size_t size, uint64_t frame);
/* Read a word as a debugger would: without a signal if that cannot be. */
bool peek(const volatile void *addr, uint64_t *value);
/* Read a byte. Returns si_code of the SIGBUS that comes of it, or 0. Any thread. */
int sigbus_of(const volatile void *addr);

/* ---- Processes, threads, files ------------------------------------------ */

/*
 * Two processes that take turns. Both call meet(), and go on when the other has
 * called it too. -1: the other is gone.
 */
struct meeting {
	int end[2];
};

int meeting_init(struct meeting *meeting);
/* In the child, right after fork. */
void meeting_child(struct meeting *meeting);
/* In the parent. */
void meeting_parent(struct meeting *meeting);
int meet(struct meeting *meeting);

/* Exit code of @pid; -1: it was killed, -ETIME: it did not end, and was killed. */
int wait_exit(pid_t pid);

/* The calling thread stays on its processor, whose lists of pages it drains itself. */
int thread_pin(void);

uint64_t now_ms(void);
void sleep_ms(unsigned int ms);
/* Poll @condition until it holds or LIVE_MS have passed. Evaluates to whether it did. */
#define eventually(condition) ({				\
	uint64_t __until = now_ms() + LIVE_MS;			\
	bool __holds;						\
								\
	while (!(__holds = (condition)) && now_ms() < __until)	\
		sleep_ms(2);					\
	__holds;						\
})

/* A number in a file of sysfs, procfs, debugfs or a cgroup. -1 on error. */
long long file_read(const char *path);
int file_write(const char *path, const char *text);
int file_write_number(const char *path, long long value);
/* Whether some line of it says @text. */
bool file_says(const char *path, const char *text);
/* /sys/kernel/debug/hmm_core/@name */
int knob_write(const char *name, const char *text);
/* Let @sites fail each time, or be late by @delay_ms. Return: false without injection. */
bool fail_always(const char *sites, unsigned int delay_ms);
int fail_nothing(void);
#define NO_INJECT	"needs modules that were not built with INJECT=0"
/* The sum of counter @name over the mirrors of device @index: ours, if nobody else uses it. */
long long mirrors_stat(unsigned int index, const char *name);
/* Write @text to the file @name of each of them. */
int mirrors_write(unsigned int index, const char *name, const char *text);
/* A file of device @index in /sys/kernel/debug/dri: the faults of the chip. */
int chip_write(unsigned int index, const char *name, const char *text);
bool chip_says(unsigned int index, const char *name, const char *text);
/* Parameter @name of dummy_gpu. */
int parameter_write(const char *name, long long value);
long long parameter_read(const char *name);

/* Discard all device dumps. Return: whether one of them said @text, if that is not NULL. */
bool dumps_take(const char *text);

/* A disk of compressed memory, /dev/zram<N> of page size blocks. Returns N or an errno. */
int zram_add(size_t size);
/* Nobody has it open any more. */
int zram_remove(int disk);

#endif
