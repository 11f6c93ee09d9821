/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the parts of hmm_stress share.
 *
 *	main.c		options, beginning and end, the verdict
 *	worker.c	threads, rounds, what each has done, the watchdog
 *	model.c		the memory, its shadow, who owns what
 *	device.c	VMs, queues and jobs
 *	ops.c		the table of operations; those of CPU and mm
 *	ops_device.c	those of devices
 *	limit.c		a cgroup of our own
 *
 * Words. The *arena* is the memory under test. Its *shadow* is what it must hold,
 * byte for byte. A *region* is a part of the arena that one worker owns for a
 * round; only the owner changes what it holds, so its shadow needs no lock. What
 * changes no content (migration, reclaim, advice) anybody does anywhere: that is
 * to *mess* with a span. *Counters* are the words to which all add.
 */
#ifndef STRESS_H
#define STRESS_H

#include "../hmm/hmm_helper.h"

#define MAX_WORKERS	16
#define MAX_SLOTS	4
#define MAX_REGIONS	1024
#define MAX_SPAN	(4 * MIB)
#define NR_STREAMS	2
#define STREAM_SIZE	(16 * KIB)
#define STAGING_SIZE	(256 * KIB)
#define ATTIC_SIZE	(MAX_SPAN + HUGE_SIZE)
#define NR_STEPS	512

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/* ---- main.c --------------------------------------------------------------- */

struct options {
	unsigned int seconds;
	unsigned int nr_workers;
	unsigned int stuck_seconds;
	uint64_t seed;
	const char *ops;
	bool verbose;
};

extern struct options options;

/* What was found out. In memory that children share. */
struct verdict {
	uint64_t bad_words;	/* mismatches with the shadow */
	uint64_t bad_counters;
	uint64_t bad_results;	/* failures that nobody documented */
	struct tolerated {	/* failures that somebody did */
		const char *what;
		long ret;
		uint64_t nr;
	} tolerated[64];
	uint64_t done;		/* operations */
	uint64_t alive;		/* anything that shows progress */
};

extern struct verdict *verdict;

static inline void count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

bool has_failed(void);
/* Count a failure that is documented. @what: a static string. */
void tolerate(const char *what, long ret);
/* Print the TAP lines and leave. @how: why it ends early, or NULL. */
void finish(const char *how) __attribute__((noreturn));

/* ---- worker.c ------------------------------------------------------------- */

struct rng {
	uint64_t state;
};

uint64_t rng_next(struct rng *rng);
/* Below @limit, which is not 0. */
uint64_t rng_below(struct rng *rng, uint64_t limit);
/* Between 1 and @limit, small ones as likely as large ones. */
uint64_t rng_log(struct rng *rng, uint64_t limit);
bool rng_chance(struct rng *rng, unsigned int percent);

/**
 * struct step - one thing that a worker did or is doing
 * @what: a static string
 * @start: first byte of the arena that it is about, or NULL
 * @value: depends on @what
 * @ret: what came of it
 */
struct step {
	const char *what;
	char *start;
	size_t size;
	uint64_t nr;
	uint64_t value;
	uint64_t begin_ms;
	uint64_t end_ms;	/* 0: not yet */
	long ret;
};

struct worker {
	unsigned int id;
	pthread_t thread;
	int tid;
	uint64_t nr;		/* of the current operation */
	struct rng rng;		/* begins anew with each operation */
	bool is_child;
	char *next;		/* MAX_SPAN bytes: what a span is about to hold */
	char *staging;		/* STAGING_SIZE bytes that devices see */
	char *attic;		/* ATTIC_SIZE addresses to move memory to */
	struct dummy_stream *streams[NR_STREAMS];
	struct step steps[NR_STEPS];
	uint64_t nr_steps;
};

extern struct worker workers[MAX_WORKERS];

struct step *step_begin(struct worker *w, const char *what, const void *start, size_t size,
			uint64_t value);
/* Returns @ret. */
long step_end(struct step *step, long ret);
/* What workers have done to the page at @addr lately. */
void steps_print(FILE *out, const char *addr);
void worker_print(FILE *out, const struct worker *w);

/* An errno or result that nobody documents. */
void complain(struct worker *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
/*
 * Whether @ret is 0. If it is not, it has to be a negative of one of @errnos, a list that
 * ends with 0.
 */
bool is_good(struct worker *w, const char *what, long ret, const int *errnos);
#define ERRNOS(...)	((const int []) { __VA_ARGS__, 0 })
/* Any ioctl may say this. */
#define NO_MEMORY	ERRNOS(ENOMEM)

void workers_run(void);
void catch_signals(void);

/* ---- model.c -------------------------------------------------------------- */

int model_init(size_t size);
void model_exit(void);
size_t arena_size(void);
bool in_arena(const void *addr);
/* Nobody else runs: make regions for this round. */
void model_divide(uint64_t round);
/* Nobody else runs: compare all of it. */
void model_check_all(struct worker *w);
/* Nobody else runs: a new mapping for the memory of this round, which may be huge. */
void model_renew(struct worker *w);
/* Whether what takes mappings apart has to be left out. */
bool round_is_calm(void);
void model_check_counters(void);

/* A part of a region of @w, of whole pages; 0 if there is none. */
size_t pick_own(struct worker *w, size_t most, char **start);
/* Any part of the arena. */
size_t pick_any(struct worker *w, size_t most, char **start);

/* What the page at @addr gets, word for word. */
uint64_t word_value(struct worker *w, const char *addr);
char *shadow_of(const char *addr);

/*
 * Compare @found, which was read from @home by @how. A difference is reported.
 * Returns whether all is well.
 */
bool model_check(struct worker *w, const char *how, char *home, const char *found, size_t size);
/* The same, where each word may also be that of @other, or zero if that is NULL. */
bool model_check_either(struct worker *w, const char *how, char *home, const char *found,
			const char *other, size_t size);
/* The span holds @next now; NULL: zeros. */
void model_set(char *home, const char *next, size_t size);
/*
 * A write of @next ended nobody knows where: each word has to be one of @next or
 * of @old (NULL: zeros), and the shadow becomes what was found.
 */
void model_settle(struct worker *w, const char *how, char *home, const char *old,
		  const char *next, size_t size);
/* MADV_FREE: pages may become zeros until they are written. */
void model_set_lazy(char *home, size_t size);
/* Whether any of it is. */
bool model_is_lazy(char *home, size_t size);
/* Write what is lazy where it is now, so that it is known again. */
void model_end_lazy(char *home, char *at, size_t size);

#define NR_COUNTER_WORDS	8
/* A random counter; *nr is for counter_added(). */
uint64_t *counter_pick(struct worker *w, unsigned int *nr);
void counter_added(unsigned int nr, uint64_t value);

/* ---- device.c ------------------------------------------------------------- */

/**
 * struct slot - a VM that all workers use, until one closes and reopens it
 * @lock: for writing by who reopens it; nobody waits for it that way
 */
struct slot {
	pthread_rwlock_t lock;
	unsigned int device;
	struct dummy_device *dev;
	struct dummy_vm *vm;
	struct dummy_queue *queues[MAX_WORKERS];
};

extern struct slot slots[MAX_SLOTS];
extern unsigned int nr_slots;
extern unsigned int nr_devices;

int devices_init(void);
int devices_exit(void);
/* Device memory in use, more than at first; after some time for workers of the kernel. */
int64_t devices_leak(void);
/* What they did so far, summed up. */
struct drm_dummy_gpu_device_stats devices_stats(void);

int worker_init(struct worker *w);
void worker_exit(struct worker *w);

struct slot *slot_get(struct worker *w);
void slot_put(struct slot *slot);
/* Nobody has to be in it. Returns whether it was done. */
bool slot_reopen(struct worker *w, struct slot *slot, bool whole_device);

struct job {
	struct dummy_queue *queue;
	struct dummy_stream *stream;
	uint64_t id;
	struct drm_dummy_gpu_job_query status;
	struct step *step;
	int ret;
};

/* @what, @start, @size are for those who read about it. */
void job_start(struct worker *w, struct job *job, struct dummy_queue *queue,
	       struct dummy_stream *stream, const char *what, const char *start, size_t size);
/* 0, a positive drm_dummy_gpu_reason, or a negative errno. */
int job_finish(struct worker *w, struct job *job);
/* Whether a job did its work; it may fail only for what no program can help. */
bool job_is_good(struct worker *w, const struct job *job);
/* It must fail for @reason at an address in the span, or for what nobody can help. */
void job_must_fail(struct worker *w, const struct job *job, unsigned int reason,
		   const char *start, size_t size);

/* ---- ops.c, ops_device.c -------------------------------------------------- */

/**
 * struct op - something that workers do
 * @weight: how often
 * @run: with memory of its own choice
 * @mess: instead, with any memory, which keeps its content
 * @splits: it takes mappings apart
 */
struct op {
	const char *name;
	unsigned int weight;
	void (*run)(struct worker *w);
	void (*mess)(struct worker *w, char *start, size_t size);
	bool splits;
};

/* -EINVAL: there is no such operation. */
int ops_choose(const char *list);
void ops_print(FILE *out);
void op_run(struct worker *w);
/* Some of what keeps the content. */
void mess_with(struct worker *w, char *start, size_t size);

/* New content of a span into w->next. */
void make_next(struct worker *w, const char *home, size_t size);
void cpu_fill(struct worker *w, char *home, char *at, size_t size);
/* As the CPU or a device sees it, at its own or another address. */
void check_somehow(struct worker *w, char *home, char *at, size_t size);
void device_check(struct worker *w, char *home, char *at, size_t size);
void device_fill(struct worker *w, char *home, char *at, size_t size);
/* A device access that has to fail. */
void device_must_fail(struct worker *w, char *start, size_t size, bool write,
		      unsigned int reason);

/* As fork(); counts a failure. */
pid_t fork_child(struct worker *w);
/* It has to end well. */
void wait_for_child(struct worker *w, pid_t child);

void run_cpu_write(struct worker *w);
void run_device_write(struct worker *w);
void run_device_read(struct worker *w);
void run_device_race(struct worker *w);
void run_device_drop(struct worker *w);
void run_fork_race(struct worker *w);
void run_counters(struct worker *w);
void run_cancel(struct worker *w);
void run_reopen(struct worker *w);
void run_buffer(struct worker *w);
void mess_to_device(struct worker *w, char *start, size_t size);
void mess_to_system(struct worker *w, char *start, size_t size);
void mess_evict(struct worker *w, char *start, size_t size);
void run_share(struct worker *w);

#define RETURN_SHARE	"/sys/module/hmm_core/parameters/return_share"
void mess_advise(struct worker *w, char *start, size_t size);
void mess_snapshot(struct worker *w, char *start, size_t size);

/* ---- limit.c -------------------------------------------------------------- */

int limit_init(void);
void limit_exit(void);
void run_reclaim(struct worker *w);
void run_limit(struct worker *w);

#endif
