/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside the chip. Nobody but the files of this folder includes this.
 *
 *	chip.c		builds and stops the chip
 *	context.c	contexts and their jobs
 *	fault.c		the fault ring: retire, replay, cancel
 *	engine.c	threads that give contexts time, and hand back jobs
 *	exec.c		a job as a sequence of accesses
 *	mmu.c		one access: TLB, page table, memory
 *	pt.c decode.c	pure: page table walk, command decoder
 *	copy.c		the copy engine
 *	vram.c		the memory of the chip
 *
 * Locks, outermost first:
 *
 *	hw_engine.lock		contexts of the engine: states, jobs, lists
 *	hw_chip.fault_lock	the fault ring
 *	hw_vm.lock		read: one access; write: dropping translations
 *	hw_chip.word_locks[]	one word of memory, for atomics
 *
 * All are spinning locks, and no event is raised under any of them. The lock of
 * the copy engine's list stands alone.
 */
#ifndef _DUMMY_HW_INTERNAL_H_
#define _DUMMY_HW_INTERNAL_H_

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "hw.h"

struct task_struct;

/* ---- Memory ------------------------------------------------------------- */

struct hw_vram {
	struct page **pages;	/* by frame; a frame is as large as a page of the CPU */
	void **chunks;		/* by 2 MiB: the memory if it is in one piece, or NULL */
	u64 nr_frames;
	bool has_broken;	/* never cleared: skips looking at @broken */
	unsigned long *broken;	/* by frame: a bit for each that is */
};

bool __hw_vram_is_broken(struct hw_vram *vram, u64 offset, u64 size);

/* Whether one of the frames in [@offset, @offset + @size) is broken. They exist. */
static inline bool hw_vram_is_broken(struct hw_vram *vram, u64 offset, u64 size)
{
	return unlikely(READ_ONCE(vram->has_broken)) && __hw_vram_is_broken(vram, offset, size);
}

int hw_vram_init(struct hw_vram *vram, u64 size, int nid);
void hw_vram_fini(struct hw_vram *vram);

/* The page at a VRAM offset or bus address. Return: NULL if nothing is there. */
struct page *hw_memory_page(struct hw_chip *chip, u64 addr, bool is_vram);

/**
 * struct hw_stretch - addresses of the chip whose memory is contiguous
 * @start: VRAM offset or bus address of the first byte
 * @end: of the byte after the last, 2 MiB later at most
 * @base: where address 0 would be: add an address of the stretch
 */
struct hw_stretch {
	u64 start;
	u64 end;
	void *base;
};

/* The stretch around a VRAM offset or bus address. Return: false if nothing is there. */
bool hw_vram_stretch(struct hw_chip *chip, u64 offset, struct hw_stretch *stretch);
bool hw_bus_stretch(u64 addr, struct hw_stretch *stretch);

/* ---- Address spaces ----------------------------------------------------- */

#define HW_TLB_SLOTS	64

/**
 * struct hw_tlb - translations that one engine has cached of one address space
 * @used: a bit for each slot that has an entry, so that a flush finds them
 * @slots: by page number modulo their count
 * @slots.page: number of the page
 * @slots.entry: level 0 entry for it, made up if it is inside a huge page; or 0
 *
 * Only the engine's thread uses it, under hw_vm.lock for read; flushes hold it for
 * write.
 */
struct hw_tlb {
	u64 used;
	struct {
		u64 page;
		u64 entry;
	} slots[HW_TLB_SLOTS];
};

struct hw_vm {
	struct hw_chip *chip;
	u64 *root;
	rwlock_t lock;
	unsigned int nr_tlbs;
	struct hw_tlb tlbs[] __counted_by(nr_tlbs);	/* by engine */
};

/**
 * struct hw_op - one access
 * @va: address; the access stays inside its page
 * @size: bytes
 * @access: what to do
 * @buffer: READ fills it, WRITE stores it, ATOMIC leaves the old element there
 * @cmd: the command, for ATOMIC
 */
struct hw_op {
	u64 va;
	u32 size;
	enum hw_access access;
	void *buffer;
	const struct dummy_gpu_cmd *cmd;
};

/* What became of an access. */
enum hw_answer {
	HW_ANSWER_DONE,
	HW_ANSWER_NO_ENTRY,	/* the page table does not allow it */
	HW_ANSWER_BROKEN,	/* the frame is broken */
};

/* Do @op, with the translations in @tlb or without any if NULL. Does not sleep. */
enum hw_answer hw_vm_access(struct hw_vm *vm, struct hw_tlb *tlb, const struct hw_op *op);

/* ---- Execution ---------------------------------------------------------- */

#define HW_MAX_CMD_SIZE	(8 + 8 * DUMMY_GPU_MAX_ARGS)

/* What the next access of a job is for. */
enum hw_phase {
	HW_PHASE_FETCH,		/* reading the bytes of a command */
	HW_PHASE_RUN,		/* the command */
	HW_PHASE_FENCE,		/* storing the fence after the last one */
	HW_PHASE_END,		/* none: hw_exec.reason says how it ended */
};

/* What became of one step of a job. */
enum hw_step {
	HW_STEP_MORE,		/* done; call again */
	HW_STEP_FAULT,		/* the page table did not allow hw_exec.access */
	HW_STEP_WAIT,		/* a WAIT whose condition does not hold yet */
	HW_STEP_END,		/* the job has ended */
};

/**
 * struct hw_exec - the state of a job between two of its accesses
 * @vm: address space of the context
 * @tlb: TLB for this step, or NULL
 * @job: the job, NULL if none has been started
 * @phase: see enum hw_phase
 * @reason: how it ended
 * @regs: registers
 * @offset: of the command in the stream
 * @raw: bytes of the command
 * @fetched: how many of them have been read
 * @cmd: the command, decoded from @raw and checked
 * @length: of the command in the stream
 * @size: bytes that each operand of a bulk command spans
 * @done: bytes of @size that are dealt with
 * @piece: bytes of the current piece, 0 if none is begun
 * @operand: next operand of the piece
 * @staging: what has been read of the first and second source, a page each
 * @hash: of a CHECKSUM so far
 * @addr: of the access tried last
 * @access: what it was
 * @answer: what became of it
 * @signalled: a semaphore or the fence was written and nobody has been told
 * @signals_seen: hw_chip.nr_signals before WAIT looked at its element
 */
struct hw_exec {
	struct hw_vm *vm;
	struct hw_tlb *tlb;
	struct hw_job *job;
	enum hw_phase phase;
	u32 reason;
	u64 regs[DUMMY_GPU_NR_REGS];
	u64 offset;
	u64 raw[HW_MAX_CMD_SIZE / sizeof(u64)];
	u32 fetched;
	struct dummy_gpu_cmd cmd;
	u32 length;
	u64 size;
	u64 done;
	u32 piece;
	unsigned int operand;
	void *staging[2];
	u64 hash;
	u64 addr;
	enum hw_access access;
	enum hw_answer answer;
	bool signalled;
	int signals_seen;
};

int hw_exec_init(struct hw_exec *exec, struct hw_vm *vm);
void hw_exec_fini(struct hw_exec *exec);
void hw_exec_start(struct hw_exec *exec, struct hw_job *job);
/* At most one access. Does not sleep. */
enum hw_step hw_exec_step(struct hw_exec *exec, struct hw_tlb *tlb);
/* What an atomic @cmd makes of @old. Return: false if it stores nothing. */
bool hw_exec_modify(const struct dummy_gpu_cmd *cmd, u64 old, u64 *element);

/* ---- Contexts ----------------------------------------------------------- */

enum hw_context_state {
	HW_CONTEXT_IDLE,	/* no jobs */
	HW_CONTEXT_READY,	/* on hw_engine.ready */
	HW_CONTEXT_RUNNING,	/* the engine's thread has it, and its hw_exec */
	HW_CONTEXT_WAITING,	/* on hw_engine.waiting: a WAIT is polled */
	HW_CONTEXT_FAULTED,	/* until the fault is replayed or cancelled */
};

struct hw_context {
	struct hw_engine *engine;
	unsigned int flags;
	void *priv;

	/* All that follows is guarded by engine->lock. */
	enum hw_context_state state;
	struct list_head node;		/* READY, WAITING: the engine's list */
	struct list_head sibling;	/* hw_engine.contexts */
	struct list_head jobs;		/* not ended; the first is current */
	struct list_head ended;		/* jobs on their way to job_done */
	struct list_head ended_node;	/* hw_engine.ended, if @ended has any */
	bool stopped;			/* the engine keeps off it */
	const struct hw_job *cancelled;	/* RUNNING: ends when the engine leaves it */
	u32 cancel_reason;

	u64 poll_at_ns;			/* WAITING: when to look again */

	struct hw_fault fault;		/* FAULTED: the record */
	struct list_head fault_node;	/* hw_chip.faults, under fault_lock too */

	/* These belong to the engine's thread while RUNNING, without the lock. */
	u64 nr_steps;			/* others read it */
	u64 poll_delay_ns;		/* before poll_at_ns, grows while a WAIT fails */
	struct hw_exec exec;
};

void hw_context_make_ready(struct hw_context *ctx);
void hw_context_end_job(struct hw_context *ctx, u32 reason);
void hw_context_end_all(struct hw_context *ctx, u32 reason);
/* The same for a job of any context of the engine whose lock is held. */
void hw_context_cancel_locked(struct hw_context *ctx, const struct hw_job *job, u32 reason);

void hw_fault_raise(struct hw_context *ctx);
void hw_fault_forget(struct hw_context *ctx);

/* ---- Engines ------------------------------------------------------------ */

struct hw_engine {
	struct hw_chip *chip;
	unsigned int index;
	struct task_struct *task;
	u64 busy_ns;			/* written by the thread alone */

	wait_queue_head_t wake;		/* the thread sleeps here */
	bool kicked;			/* there may be something for it to do */

	/* Whoever waits until the thread has left a context or a callback. */
	wait_queue_head_t left;

	spinlock_t lock;		/* guards what follows, and the contexts */
	struct list_head contexts;	/* all of them */
	struct list_head ready;		/* in their order of turns */
	struct list_head waiting;
	struct list_head ended;		/* contexts with jobs to hand back */
	struct hw_context *handing_back; /* whose job_done is being called */
	struct hw_context *running;	/* which the thread is in */
	enum hw_hang hang;		/* the thread looks at it before each access */
	bool stuck;			/* and has seen it; the thread's */
	bool stopping;			/* by hw_chip_stop() */
	bool stopped;			/* and the thread has nothing left */
};

int hw_engine_init(struct hw_engine *engine, struct hw_chip *chip, unsigned int index, int nid);
void hw_engine_fini(struct hw_engine *engine);
void hw_engine_stop(struct hw_engine *engine);
/* End a hang. @reason: why the job in which it hangs ends, if it is not cancelled already. */
void hw_engine_reset(struct hw_engine *engine, u32 reason);
/* Call job_done for the first job of @ctx that has ended. Drops the lock meanwhile. */
void hw_engine_hand_back_one(struct hw_engine *engine, struct hw_context *ctx);
/* Make the thread look at its lists. */
void hw_engine_kick(struct hw_engine *engine);

/* ---- Copy engine -------------------------------------------------------- */

struct hw_copier {
	struct hw_chip *chip;
	struct task_struct *task;
	wait_queue_head_t wake;
	spinlock_t lock;		/* guards @queue */
	struct list_head queue;
};

int hw_copier_init(struct hw_copier *copier, struct hw_chip *chip, int nid);
void hw_copier_fini(struct hw_copier *copier);

/* ---- Chip --------------------------------------------------------------- */

#define HW_MAX_ENGINES	16
#define HW_WORD_LOCKS	16

struct hw_chip {
	struct hw_config config;
	struct hw_vram vram;
	struct hw_copier copier;

	/* Taken for each store of a word, and from load to store of an atomic. */
	spinlock_t word_locks[HW_WORD_LOCKS];

	atomic_t nr_signals;		/* SIGNALs and fences ever written */
	bool lost;			/* by hw_chip_lose(); never cleared */

	spinlock_t fault_lock;		/* guards @faults */
	struct list_head faults;	/* the ring: FAULTED contexts not popped yet */

	unsigned int nr_engines;
	struct hw_engine engines[] __counted_by(nr_engines);
};

#endif
