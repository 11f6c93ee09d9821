/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of the benchmark share.
 *
 * Words: a *bench* is one thing to measure, a *trial* one measurement of it on
 * fresh memory, a *sample* one figure of a trial, a *result* the median of the
 * samples. A *plain* bench needs no device and is measured before this process
 * has opened one: it is what the same work costs everybody else.
 *
 * Invariant: no figure is reported for memory whose data was found wrong; the
 * program ends there.
 */
#ifndef HMM_BENCH_H
#define HMM_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/types.h>

#include "dummy.h"

#define BIT(nr)		(1UL << (nr))
#define KIB		BIT(10)
#define MIB		BIT(20)
#define PAGE_SIZE	(4 * KIB)
#define HUGE_SIZE	(2 * MIB)

/* Say why on stderr and end the program. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- Time (timing.c) ----------------------------------------------------- */

enum clock_unit {
	CLOCK_INSTRUCTIONS,	/* a machine in which one instruction takes 1 ns */
	CLOCK_WALL,
};

/* What a nanosecond of this machine is, found out by trying. */
enum clock_unit clock_unit(void);

/* CLOCK_MONOTONIC in nanoseconds, right before and right after what is measured. */
uint64_t clock_start(void);
uint64_t clock_stop(void);

/* Sleep until work that others were left with is probably done. */
void settle(void);

/* ---- Memory (memory.c) --------------------------------------------------- */

enum pages {
	PAGES_4K,
	PAGES_THP,
	NR_PAGES_KINDS,
};

const char *pages_name(enum pages pages);

/* Private anonymous memory that is not populated, between guards. */
char *mem_map(size_t size, enum pages pages);
void mem_unmap(char *mem, size_t size);

/* Every 8 bytes get a value of their own. */
void mem_fill(char *mem, size_t size, uint64_t seed);
/* Ends the program if a word is not what mem_fill() wrote. */
void mem_check(const char *mem, size_t size, uint64_t seed, const char *what);
/* The same for memory that holds one value throughout. */
void mem_check_value(const char *mem, size_t size, uint64_t value, const char *what);

/* How many pages of the span are in device memory, in core mm's words. */
size_t mem_in_device(const char *mem, size_t size);
/* How many of its pages the CPU maps by huge entries. */
size_t mem_huge(const char *mem, size_t size);

/* ---- The device (gpu.c) -------------------------------------------------- */

struct gpu;

struct gpu *gpu_open(void);
void gpu_close(struct gpu *gpu);

/* One request, with no look at what became of the pages. */
void gpu_migrate(struct gpu *gpu, char *mem, size_t size, enum drm_dummy_gpu_place place,
		 uint32_t flags);
/* Where faults are to put the span. */
void gpu_place(struct gpu *gpu, char *mem, size_t size, enum drm_dummy_gpu_place place);

/* How many pages of the span the device page table maps. */
size_t gpu_mapped(struct gpu *gpu, char *mem, size_t size);
/* Pages of a span that are in the device. */
size_t gpu_resident(struct gpu *gpu, char *mem, size_t size);

/* Make ready a job that writes @value all over the span, and run it as often as wanted. */
void gpu_job_fill(struct gpu *gpu, char *mem, size_t size, uint64_t value);
void gpu_job_run(struct gpu *gpu);
/* Or an empty one, and add to it: each 8 bytes of the span times @factor. */
void gpu_job_start(struct gpu *gpu);
void gpu_job_scale(struct gpu *gpu, char *mem, size_t size, uint64_t factor);

/* Bytes of device memory. */
size_t gpu_vram(struct gpu *gpu);

/* ---- What to measure (cases.c) ------------------------------------------- */

struct trial {
	struct gpu *gpu;	/* NULL in a plain bench */
	enum pages pages;
	size_t size;
	char *mem;
	uint64_t seed;
	uint32_t *order;	/* the page numbers, shuffled */
	char *copy;		/* where memcpy goes */
	pid_t child;		/* that fork left behind */
};

/* What a figure is of; only that of PER_PAGE is divided. */
enum per {
	PER_PAGE,
	PER_TOUCH,
	PER_MAP,
	PER_FAULT,
	PER_CALL,
};

struct bench {
	const char *name;
	const char *what;	/* for the table */
	enum per per;
	/* Bytes a sample is about, if not those of the trial. */
	size_t bytes;
	/* Samples of one trial; 0 stands for one. */
	unsigned int (*nr_samples)(const struct trial *trial);
	/* Memory is mapped and filled before, unless it is to be @fresh. */
	bool fresh;
	void (*prepare)(struct trial *trial);
	void (*act)(struct trial *trial, unsigned int sample);
	/* Act again and count only what the first time took longer. */
	bool less_again;
	/* Looks at the place, and the caller then at the data unless @unfilled. */
	void (*verify)(struct trial *trial);
	bool unfilled;
	/* Bench without a device that stands beside this one. */
	const char *plain;
	/* Sizes, ended by 0, and kinds of pages, a mask of BIT(enum pages). */
	const size_t *sizes;
	unsigned int pages;
};

extern const struct bench plain_benches[];
extern const struct bench gpu_benches[];

/* ---- Results (report.c) -------------------------------------------------- */

#define MAX_SAMPLES	512

struct samples {
	uint64_t ns[MAX_SAMPLES];
	unsigned int nr;
};

void samples_add(struct samples *samples, uint64_t ns);
/* Print one line of JSON and remember the figure for those it stands beside. */
void report(const struct bench *bench, enum pages pages, size_t size, struct samples *samples,
	    bool plain);

#endif
