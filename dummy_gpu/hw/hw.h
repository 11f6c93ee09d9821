/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The datasheet of the dummy chip: everything the driver may know of it.
 *
 * The chip has video memory (VRAM), a memory management unit that walks page
 * tables the driver builds, engines that run command streams, a copy engine for
 * the driver's own use, and a ring that reports page faults. It knows nothing
 * of processes, of DRM or of hmm_core. It reaches system memory by bus address
 * only, and only through a page table or a copy command.
 *
 * Words: a *context* is a stream of jobs with registers and an address space
 * (struct hw_vm); an engine runs one context at a time and switches away from
 * one that faults, waits or has used up its time slice. A *frame* is one page of
 * VRAM, numbered from 0. An *access* is what the chip does at once: at most one
 * page, one direction; every command is a sequence of accesses, which is what
 * makes each of them resumable.
 *
 * Nothing here may be called from an interrupt.
 *
 * A real driver deletes this folder and keeps the rest.
 */
#ifndef _DUMMY_HW_H_
#define _DUMMY_HW_H_

#include <linux/bits.h>
#include <linux/types.h>

#include <drm/dummy_gpu_isa.h>

struct page;

struct hw_chip;
struct hw_vm;
struct hw_context;
struct hw_job;

/* ---- Page tables -------------------------------------------------------- */

/*
 * Four levels of 512 entries of 64 bits, as many as fit one 4 KiB table; level 3
 * is the root, level 0 the leaf. An entry of level 1 with HW_PTE_LEAF maps 2 MiB.
 * The VA has 48 bits whatever the page size of the CPU is.
 *
 * The driver writes entries with WRITE_ONCE, the chip reads them with READ_ONCE
 * and sets ACCESSED and DIRTY by compare-exchange. The chip caches translations;
 * a change counts only after hw_vm_flush().
 */
#define HW_PAGE_SHIFT		12
#define HW_PAGE_SIZE		BIT_ULL(HW_PAGE_SHIFT)
#define HW_HUGE_SHIFT		21
#define HW_HUGE_SIZE		BIT_ULL(HW_HUGE_SHIFT)
#define HW_VA_BITS		48
#define HW_VA_END		BIT_ULL(HW_VA_BITS)
#define HW_PT_LEVELS		4
#define HW_PT_ENTRIES		512

#define HW_PTE_VALID		BIT_ULL(0)
#define HW_PTE_WRITE		BIT_ULL(1)	/* stores are allowed */
#define HW_PTE_ATOMIC		BIT_ULL(2)	/* read-modify-write is allowed */
#define HW_PTE_VRAM		BIT_ULL(3)	/* a VRAM offset, else a bus address */
#define HW_PTE_LEAF		BIT_ULL(4)	/* level 1: this maps 2 MiB */
#define HW_PTE_ACCESSED		BIT_ULL(5)	/* set by the chip */
#define HW_PTE_DIRTY		BIT_ULL(6)	/* set by the chip */
#define HW_PTE_ADDR		GENMASK_ULL(51, 12)

static inline unsigned int hw_pt_index(u64 va, unsigned int level)
{
	return (va >> (HW_PAGE_SHIFT + 9 * level)) & (HW_PT_ENTRIES - 1);
}

enum hw_access {
	HW_ACCESS_READ = 0,
	HW_ACCESS_WRITE,
	HW_ACCESS_ATOMIC,
};

/**
 * hw_pt_walk - translate an address by a page table, without the TLB
 * @root: level 3 table
 * @va: address
 * @access: what is to be done there
 * @shift: HW_PAGE_SHIFT or HW_HUGE_SHIFT of the entry that was found
 *
 * A pure function over memory that @table_of reaches: user space builds it too.
 * Sets ACCESSED, and DIRTY for anything but reads, when it allows the access.
 *
 * Return: the entry, or 0 if the access is not allowed.
 */
u64 hw_pt_walk(u64 *root, u64 va, enum hw_access access, unsigned int *shift);

/**
 * hw_pt_table - find the table that an entry of level 1..3 points to
 * @entry: a valid entry without LEAF
 *
 * Table addresses are physical addresses of the host in the kernel, pointers in
 * the user space build.
 *
 * Return: the table.
 */
u64 *hw_pt_table(u64 entry);

/* ---- Chip --------------------------------------------------------------- */

/**
 * struct hw_events - the chip's interrupts
 *
 * Called from the engines' threads, without a lock of the chip's; may sleep. The
 * engine stands still meanwhile, so they must not stop or destroy the chip,
 * stop or destroy a context, or wait for somebody who does.
 */
struct hw_events {
	/** @fault: the fault ring is no longer empty. */
	void (*fault)(void *priv);
	/**
	 * @job_done: a job has left the chip, see struct hw_job. In the order of
	 * the context; from hw_context_destroy() for what that cancels.
	 */
	void (*job_done)(void *priv, struct hw_context *ctx, struct hw_job *job);
	/** @semaphore: a stream has signalled a semaphore or written a fence. */
	void (*semaphore)(void *priv);
	/** @lost: the chip is gone. From hw_chip_lose(). */
	void (*lost)(void *priv);
	/**
	 * @broken: the frame at VRAM offset @offset has an error that the chip
	 * cannot correct. From hw_vram_break().
	 */
	void (*broken)(void *priv, u64 offset);
};

/**
 * struct hw_config - what chip to build
 */
struct hw_config {
	/** @vram_size: bytes, a multiple of HW_HUGE_SIZE. */
	u64 vram_size;
	/** @nr_engines: engines that run contexts, 1..16. */
	unsigned int nr_engines;
	/** @nid: node whose memory backs VRAM, or NUMA_NO_NODE. */
	int nid;
	/** @atomic_delay_ns: from the load of an atomic to its store, up to 1 ms. */
	unsigned int atomic_delay_ns;
	/** @events: interrupts. */
	const struct hw_events *events;
	/** @priv: handed to @events. */
	void *priv;
};

/* May sleep. Return: the chip or an ERR_PTR: -EINVAL, -ENOMEM, -EINTR (killed meanwhile). */
struct hw_chip *hw_chip_create(const struct hw_config *config);
/*
 * Stop every engine: contexts that run are stopped after their current access,
 * jobs on the chip fail with HW_REASON_STOPPED, later pushes too. Engines that
 * hang lose their power. The copy engine and VRAM go on. May sleep; bounded.
 * After it the only event that is raised is job_done, for jobs that are pushed
 * later.
 */
void hw_chip_stop(struct hw_chip *chip);
/*
 * The chip is pulled out, for tests: copies fail with -ENODEV from now on, what
 * was in VRAM is never seen again, engines make no access and answer to nobody
 * until they are stopped. Does not sleep.
 */
void hw_chip_lose(struct hw_chip *chip);
bool hw_chip_is_lost(struct hw_chip *chip);
/* All contexts and VMs are gone, nobody copies. May sleep. */
void hw_chip_destroy(struct hw_chip *chip);

/* Nanoseconds engine @engine has spent running contexts. */
u64 hw_engine_busy_ns(struct hw_chip *chip, unsigned int engine);

/* ---- Engines that hang --------------------------------------------------- */

/**
 * enum hw_hang - what is wrong with an engine
 * @HW_HANG_NONE: nothing
 * @HW_HANG_SOFT: it makes no access and leaves no context until it is reset
 * @HW_HANG_HARD: the same, and only a reset of the whole chip brings it back
 */
enum hw_hang {
	HW_HANG_NONE = 0,
	HW_HANG_SOFT,
	HW_HANG_HARD,
};

/* Break engine @engine, at its next access, or mend it: for tests. Does not sleep. */
void hw_engine_set_hang(struct hw_chip *chip, unsigned int engine, enum hw_hang hang);
enum hw_hang hw_engine_hang(struct hw_chip *chip, unsigned int engine);
/* Whether it hangs in a job already. */
bool hw_engine_is_stuck(struct hw_chip *chip, unsigned int engine);

/* ---- VRAM --------------------------------------------------------------- */

/*
 * The one place that turns a frame number into its backing memory. For the
 * chip, and for a BAR: buffer objects that the CPU maps.
 */
struct page *hw_vram_page(struct hw_chip *chip, u64 frame);

/*
 * Break the frame at VRAM offset @offset, for tests: from now on a copy that
 * touches it fails, and so does a job, with HW_REASON_MEMORY. Does not come back.
 * May sleep. Return: 0, or -EINVAL if there is no frame or @offset is unaligned.
 */
int hw_vram_break(struct hw_chip *chip, u64 offset);

/* ---- Address spaces ----------------------------------------------------- */

/*
 * An address space is a root table and a TLB. @root is a level 3 table that the
 * driver owns and keeps until hw_vm_destroy(). May sleep.
 */
struct hw_vm *hw_vm_create(struct hw_chip *chip, u64 *root);
/* No context uses @vm any more. */
void hw_vm_destroy(struct hw_vm *vm);
/*
 * Forget translations of [start, end). On return no access that used one is
 * under way, so the memory may be reused. Does not sleep, does not allocate,
 * waits for one access at most (which is bounded by a page or an atomic).
 */
void hw_vm_flush(struct hw_vm *vm, u64 start, u64 end);

/* ---- Contexts and jobs -------------------------------------------------- */

/**
 * struct hw_job - one stream to run
 *
 * The driver owns the memory and keeps it until job_done. The chip writes the
 * outputs before it calls job_done; other fields it only reads.
 */
struct hw_job {
	/** @stream: address of the first command. */
	u64 stream;
	/** @stream_size: bytes. */
	u64 stream_size;
	/** @fence_addr: where to store @fence_value after a good end, or 0. */
	u64 fence_addr;
	/** @fence_value: what to store there. */
	u64 fence_value;

	/** @reason: out: HW_REASON_*, 0 for a good end. */
	u32 reason;
	/** @access: out: enum hw_access of the access that failed. */
	u32 access;
	/** @fault_addr: out: its address. */
	u64 fault_addr;
	/** @stream_offset: offset of the current command, kept up to date. */
	u64 stream_offset;
	/** @nr_faults: faults raised, kept up to date. */
	u64 nr_faults;
	/** @start_ns: CLOCK_MONOTONIC when it started, 0 before. */
	u64 start_ns;
	/** @end_ns: out: CLOCK_MONOTONIC when it ended. */
	u64 end_ns;

	/** @link: the chip's. */
	struct list_head link;
};

/*
 * Reasons the chip itself gives. The driver hands reasons of its own, from
 * HW_REASON_DRIVER on, to hw_fault_cancel() and hw_context_cancel(), which come
 * back in hw_job.reason.
 */
enum hw_reason {
	HW_REASON_NONE = 0,
	HW_REASON_BAD_STREAM,
	HW_REASON_NO_ENTRY,	/* a fault in a context made without HW_CONTEXT_FAULTS */
	HW_REASON_STOPPED,	/* hw_chip_stop() */
	HW_REASON_MEMORY,	/* an access to a broken frame */
	HW_REASON_DRIVER = 16,
};

#define HW_CONTEXT_FAULTS	BIT(0)	/* faults are reported, else they end the job */

/* May sleep. Return: the context or an ERR_PTR: -EINVAL, -ENOMEM. */
struct hw_context *hw_context_create(struct hw_vm *vm, unsigned int engine,
				     unsigned int flags, void *priv);
/* What hw_context_create() got. */
void *hw_context_priv(struct hw_context *ctx);
/* Append a job. Never fails, does not sleep: on a stopped chip the job comes back failed. */
void hw_context_push(struct hw_context *ctx, struct hw_job *job);
/*
 * Fail @job with @reason if it is the current one; others are spared, so that a
 * driver that is late hits nobody else. The engine leaves it after its current
 * access, unless it hangs; job_done follows. Does not sleep.
 */
void hw_context_cancel(struct hw_context *ctx, const struct hw_job *job, u32 reason);
/*
 * A number that has changed if the chip has made an access for @ctx meanwhile.
 * Return: 0 while no engine is at @job: it waits, faults, or others have their turn.
 */
u64 hw_context_progress(struct hw_context *ctx, const struct hw_job *job);
/*
 * Reset the engine of @ctx. @job is cancelled with @reason, as above; other jobs
 * of the engine, and other engines, lose nothing. Does not sleep.
 * Return: false if the engine does not respond.
 */
bool hw_context_reset(struct hw_context *ctx, const struct hw_job *job, u32 reason);
/*
 * Reset the chip, for the sake of an engine that does not respond otherwise: as
 * hw_context_reset(). Engines that run are stopped for the moment and lose
 * nothing; what another one hangs in ends for @others. VRAM keeps its data.
 */
void hw_context_reset_chip(struct hw_context *ctx, const struct hw_job *job, u32 reason,
			   u32 others);
/*
 * Keep the engine off @ctx from now on, and wait until it has left. May sleep.
 * Return: false if it has not left after @timeout_ms.
 */
bool hw_context_stop(struct hw_context *ctx, unsigned int timeout_ms);
/* Cancels everything, waits for every job_done to return, frees. The context is stopped. */
void hw_context_destroy(struct hw_context *ctx, u32 reason);

/**
 * struct hw_context_dump - a context as a debugger sees it
 * @running: the engine is in it
 * @op: the command, of enum dummy_gpu_op
 * @offset: where in the stream that is
 * @done: bytes of a bulk command that are dealt with
 * @addr: of the access tried last
 * @access: what it was
 * @nr_steps: accesses made
 * @regs: registers
 */
struct hw_context_dump {
	bool running;
	u8 op;
	u64 offset;
	u64 done;
	u64 addr;
	enum hw_access access;
	u64 nr_steps;
	u64 regs[DUMMY_GPU_NR_REGS];
};

/* Read the state, which is in motion unless the engine hangs. Does not sleep. */
void hw_context_dump(struct hw_context *ctx, struct hw_context_dump *dump);

/* ---- Faults ------------------------------------------------------------- */

/**
 * struct hw_fault - record of the fault ring
 *
 * A context has at most one outstanding: it has been switched out and stays so
 * until hw_fault_replay() or hw_fault_cancel().
 */
struct hw_fault {
	/** @ctx: the context; the driver handles none of its faults after destroying it. */
	struct hw_context *ctx;
	/** @vm: its address space. */
	struct hw_vm *vm;
	/** @addr: byte address of the access. */
	u64 addr;
	/** @access: what was tried. */
	enum hw_access access;
	/** @seq: counts the context's faults. */
	u32 seq;
	/** @when_ns: CLOCK_MONOTONIC. */
	u64 when_ns;
};

/* Take the oldest record. Does not sleep. Return: false if the ring is empty. */
bool hw_fault_pop(struct hw_chip *chip, struct hw_fault *fault);
/*
 * Do the very access that faulted, now, in the caller's context, so that it has
 * happened even if the entry goes away the next moment. For use with the
 * driver's page table lock held: does not sleep, does not allocate. It may fail
 * (the entry is not there): then the next fault tells.
 */
void hw_fault_retire(const struct hw_fault *fault);
/* Let the context run again. Does not sleep. */
void hw_fault_replay(const struct hw_fault *fault);
/* Fail the job with @reason. Does not sleep. */
void hw_fault_cancel(const struct hw_fault *fault, u32 reason);

/* ---- Copy engine -------------------------------------------------------- */

enum hw_copy_op {
	HW_COPY_TO_VRAM = 0,
	HW_COPY_FROM_VRAM,
	HW_COPY_CLEAR,		/* fill VRAM with zeros */
};

/**
 * struct hw_copy_run - contiguous pages to copy or to clear
 */
struct hw_copy_run {
	/** @vram: VRAM offset of the first byte, page aligned. */
	u64 vram;
	/** @bus: bus address of the first byte, page aligned; ignored for a clear. */
	u64 bus;
	/** @size: bytes, a multiple of HW_PAGE_SIZE. */
	u64 size;
};

/**
 * struct hw_copy - a batch for the copy engine
 *
 * The driver owns the memory and keeps it, and @runs, until @done has been called.
 */
struct hw_copy {
	/** @op: what to do. */
	enum hw_copy_op op;
	/** @runs: with what. */
	const struct hw_copy_run *runs;
	/** @nr_runs: how many. */
	unsigned int nr_runs;
	/**
	 * @done: called by the engine's thread; must not sleep or allocate.
	 * Status: 0; -EIO; -EHWPOISON, see hw_vram_break(); -ENODEV, see
	 * hw_chip_lose().
	 */
	void (*done)(struct hw_copy *copy, int status);
	/** @link: the chip's. */
	struct list_head link;
};

/* Queue a batch. Batches run in order. Does not sleep, does not allocate. */
void hw_copy_push(struct hw_chip *chip, struct hw_copy *copy);
/* Do a batch now, in the caller's context. May sleep. Return: as for hw_copy.done. */
int hw_copy_now(struct hw_chip *chip, enum hw_copy_op op, const struct hw_copy_run *runs,
		unsigned int nr_runs);

/* ---- Streams ------------------------------------------------------------ */

/**
 * hw_stream_decode - read and check one command
 * @bytes: the stream from this command on, at least 8-byte aligned
 * @size: bytes that are left of the stream
 * @offset: offset of this command in the stream
 * @stream_size: size of the whole stream
 * @cmd: the command, unused arguments zero
 *
 * A pure function; user space builds it too. It never reads more than the
 * command's own length, which the header gives.
 *
 * Return: the command's length in bytes, or -EINVAL if it breaks a rule of
 * dummy_gpu_isa.h (which includes a command that is cut off by the end).
 */
int hw_stream_decode(const void *bytes, u64 size, u64 offset, u64 stream_size,
		     struct dummy_gpu_cmd *cmd);
/**
 * hw_stream_check - check a whole stream
 * @bytes: the stream
 * @size: its size in bytes
 * @bad_offset: offset of the first command that breaks a rule
 *
 * Takes time by commands times jumps: for tools and tests.
 *
 * Return: 0 or -EINVAL. Jump targets must be starts of commands.
 */
int hw_stream_check(const void *bytes, u64 size, u64 *bad_offset);

#endif
