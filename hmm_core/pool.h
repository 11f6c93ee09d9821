/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The pool half: device memory, and nothing about who maps it.
 *
 * evict > migrate > block > pool > clock: each calls those to its right only; migrate is
 * migrate.c, move_in.c and move_out.c. No struct mm and no virtual address is
 * stored here; the functions of migrate get both as arguments for as long as they
 * run.
 */
#ifndef _HMMC_POOL_H_
#define _HMMC_POOL_H_

#include <linux/gpu_buddy.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/memremap.h>
#include <linux/mempool.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "device.h"
#include "logic/pace.h"

struct hmmc_block;
struct hmmc_search;
struct vm_fault;

/**
 * enum hmmc_chunk_state - where the frames of a chunk stand
 * @HMMC_CHUNK_BUDDY: the buddy allocator's, or part of a struct hmmc_frames
 * @HMMC_CHUNK_EMPTY: free, kept by the pool; on pool->empty
 * @HMMC_CHUNK_OPEN: some frames are free; on pool->open
 * @HMMC_CHUNK_FULL: no frame is free
 * @HMMC_CHUNK_CLOSED: being evicted: frames come back, none is handed out
 */
enum hmmc_chunk_state {
	HMMC_CHUNK_BUDDY = 0,
	HMMC_CHUNK_EMPTY,
	HMMC_CHUNK_OPEN,
	HMMC_CHUNK_FULL,
	HMMC_CHUNK_CLOSED,
};

/**
 * struct hmmc_chunk - HMMC_WINDOW_SIZE of frames, the unit of eviction
 *
 * All but @buddy is guarded by pool->lock.
 */
struct hmmc_chunk {
	struct hmmc_block *block;
	/* Frames that are reserved or hold a page. */
	DECLARE_BITMAP(used, HMMC_WINDOW_PAGES);
	/* Frames with a memory error; they count as used for ever. */
	DECLARE_BITMAP(bad, HMMC_WINDOW_PAGES);
	/* Frames handed out since the chunk was empty: those not used any more have gone home. */
	DECLARE_BITMAP(given, HMMC_WINDOW_PAGES);
	unsigned int nr_used;
	enum hmmc_chunk_state state;
	/* Taken as a whole and not empty since: the first frame may be a large folio's. */
	bool huge;
	/* A CPU fault could not move it whole: do not try for ever. A hint. */
	bool apart;
	/* A CPU fault has lent its reference to that one, see hmmc_pool_lend(). */
	bool lent;
	bool lent_freed;
	/* Used since the clock hand passed, as faults and the device's access bits say. */
	bool referenced;
	/* On pool->active, else on pool->inactive. */
	bool active;
	/* When it last began to hold frames, in jiffies. */
	unsigned long since;
	/* Number of the last sample that is no news of it. */
	unsigned int old_sample;
	/* Whose pinned frames are here, and nobody else's; or NULL. */
	struct hmmc_account *holder;
	/* Who took the first frame. A hint, only to be compared: it may be gone. */
	const struct hmmc_account *taker;
	/* On pool->empty, pool->open or holder->open. */
	struct list_head link;
	/* On pool->active or pool->inactive from the first frame to the last. */
	struct list_head clock;
	/* Guarded by pool->buddy_mutex: what to give back, NULL in state BUDDY. */
	struct gpu_buddy_block *buddy;
};

/**
 * struct hmmc_block - the hot-plug unit of device memory: one dev_pagemap
 *
 * Frame numbers of a block are contiguous: the frame of a PFN is
 * first_frame + pfn - first_pfn.
 */
struct hmmc_block {
	struct hmmc_pool *pool;
	struct list_head link;		/* pool->blocks, or the parked list */
	struct dev_pagemap pgmap;
	struct resource *res;
	u64 first_frame;
	unsigned long first_pfn;
	unsigned long nr_chunks;
	struct gpu_buddy buddy;		/* guarded by pool->buddy_mutex */
	struct hmmc_chunk chunks[] __counted_by(nr_chunks);
};

/**
 * enum hmmc_evict_mode - what may be evicted, each more than the one before
 * @HMMC_EVICT_IDLE: what was not used lately: nobody is waiting for the room
 * @HMMC_EVICT_FAULT: what is in use too, but not what came a moment ago
 * @HMMC_EVICT_REQUEST: that too
 * @HMMC_EVICT_STUBBORN: what is pinned, too, and signals do not end it: the data would
 *	be lost with the device
 */
enum hmmc_evict_mode {
	HMMC_EVICT_IDLE = 0,
	HMMC_EVICT_FAULT,
	HMMC_EVICT_REQUEST,
	HMMC_EVICT_STUBBORN,
};

/**
 * struct hmmc_eviction - what an eviction respects
 * @mode: see there
 * @residence: jiffies for which a chunk is left where it is
 * @account: only what that took, if it is not NULL
 */
struct hmmc_eviction {
	enum hmmc_evict_mode mode;
	unsigned long residence;
	const struct hmmc_account *account;
};

/* Counters of a pool, in the order of struct hmmc_device_stats. */
enum hmmc_pool_count {
	HMMC_POOL_MIGRATED_IN,
	HMMC_POOL_MIGRATED_OUT,
	HMMC_POOL_CPU_FAULTS,
	HMMC_POOL_CPU_FAULT_PAGES,
	HMMC_POOL_CPU_FAULT_ERRORS,
	HMMC_POOL_THP_IN,
	HMMC_POOL_THP_OUT,
	HMMC_POOL_EVICTED_CHUNKS,
	HMMC_POOL_EVICT_FAILED,
	HMMC_POOL_RESERVE_TAKEN,
	HMMC_POOL_LIMIT_EVICTED,
	HMMC_POOL_NR_COUNTS,
};

/* System pages that are set aside: 256 KiB, or as many faults one after the other. */
#define HMMC_RESERVE_SIZE	64

/**
 * struct hmmc_reserve_pages - system pages for CPU faults that find no memory
 * @nr: entries of @pages that exist
 * @pages: with a reference each
 * @refill: makes them HMMC_RESERVE_SIZE again
 */
struct hmmc_reserve_pages {
	/* Guards @nr and @pages. */
	spinlock_t lock;
	unsigned int nr;
	struct page *pages[HMMC_RESERVE_SIZE];
	struct delayed_work refill;
};

/**
 * struct hmmc_pool - all memory of one device
 *
 * Outlives the device while a block of it is parked.
 */
struct hmmc_pool {
	/*
	 * The driver has gone, what is left here is lost, and @device must not
	 * be looked at. Read inside hmmc_srcu, or by who entered the device.
	 */
	bool gone;
	/* The device is not there any more: copies fail, the data is lost. Never cleared. */
	bool lost;
	/* The machine sleeps, or is about to: no frame is handed out. */
	bool asleep;
	struct hmmc_device *device;
	struct dmem_cgroup_region *region;	/* as long as @device, see dmem.c */
	struct list_head blocks;	/* fixed after creation for now */

	/* Leaf; process context; never in folio_free. Guards the buddies. */
	struct mutex buddy_mutex;

	/* Innermost lock, irq-safe: folio_free may come from anywhere. */
	spinlock_t lock;
	struct list_head empty;
	struct list_head open;
	struct list_head active;	/* chunks in use, the longest there first */
	struct list_head inactive;	/* chunks that go next, as far as is known */
	u64 nr_active;			/* chunks on @active */
	u64 nr_inactive;
	unsigned int nr_samples;	/* begun; device->attaches_lock to change */
	u64 nr_frames;
	u64 nr_used;
	u64 nr_pinned;
	u64 nr_bad;
	u64 nr_held;			/* chunks with a holder */
	u64 nr_idle;			/* free frames in those, only for their holder */
	bool has_bad;			/* never cleared: skips looking at every frame */
	struct hmmc_pace pace;		/* of evictions for faults, see room.c */
	bool turned_away;		/* there are views to readmit */
	unsigned long settled;		/* when views were last looked at, in jiffies; of @room */
	struct delayed_work room;
	/*
	 * Big scratch arrays for those who must not fail: CPU faults and
	 * eviction. Neither waits for mmap_lock with one in hand.
	 */
	mempool_t *scratch;
	struct hmmc_reserve_pages reserve;
	atomic64_t count[HMMC_POOL_NR_COUNTS];
};

static inline void hmmc_pool_count(struct hmmc_pool *pool, enum hmmc_pool_count count, u64 nr)
{
	atomic64_add(nr, &pool->count[count]);
}

/* ---- pool.c: frames ------------------------------------------------------ */

/*
 * Frames are handed out by PFN of their struct page, which has no reference yet.
 * A frame goes back by hmmc_pool_release(), or once a folio was made of it by
 * the last folio_put(), which ends in hmmc_pool_free().
 */

/**
 * enum hmmc_hold - whose frames a chunk may have
 * @HMMC_MIXED: those of anybody
 * @HMMC_HELD: those that its holder pins
 */
enum hmmc_hold { HMMC_MIXED = 0, HMMC_HELD };

/*
 * Take up to @nr frames, contiguous where it is easy, and charge @account. HELD:
 * only such as it may hold. Return: how many.
 */
unsigned int hmmc_pool_reserve(struct hmmc_account *account, enum hmmc_hold hold,
			       unsigned long *pfns, unsigned int nr);
/* Take a whole chunk. Return: its first PFN, or 0. */
unsigned long hmmc_pool_reserve_chunk(struct hmmc_account *account, enum hmmc_hold hold);
/* Reserved frames of @account come back. */
void hmmc_pool_release(struct hmmc_account *account, const unsigned long *pfns, unsigned int nr);
/* Frames of one chunk come back, all of @account, or NULL: of nobody. Any context. */
void hmmc_pool_free(struct hmmc_block *block, struct hmmc_account *account, unsigned long pfn,
		    unsigned int nr);
/*
 * A CPU fault holds the large folio of @head by its lock and a reference, which
 * keeps core mm from splitting it. Lend the reference: whatever becomes of the
 * folio meanwhile, its first frame is not handed out. Taken back, @head is locked
 * and has a reference again, as who called the fault handler expects.
 */
void hmmc_pool_lend(struct page *head);
void hmmc_pool_take_back(struct page *head);
/* A frame is broken: never hand it out again. May sleep. */
void hmmc_pool_retire(struct hmmc_block *block, unsigned long pfn);
/* The same for the frame at byte offset @offset, which exists. */
void hmmc_pool_retire_offset(struct hmmc_pool *pool, u64 offset);
bool __hmmc_pool_is_bad(struct hmmc_block *block, unsigned long pfn, unsigned int nr);

/* Whether one of the frames is broken. Any context. */
static inline bool hmmc_pool_is_bad(struct hmmc_block *block, unsigned long pfn, unsigned int nr)
{
	return unlikely(READ_ONCE(block->pool->has_bad)) && __hmmc_pool_is_bad(block, pfn, nr);
}

/* Whether a frame is in use that is not broken, so that it may leave. */
bool hmmc_pool_has_good(struct hmmc_pool *pool);
/* For what there is one of for now. */
struct hmmc_block *hmmc_pool_first_block(struct hmmc_pool *pool);
/* Under pool->lock: no process has anything there, but broken frames may be left. */
bool hmmc_pool_is_unused(const struct hmmc_pool *pool, const struct hmmc_chunk *chunk);
/*
 * Under buddy_mutex: give the chunks that the pool keeps back to the buddy, where
 * they can merge.
 */
void hmmc_pool_drain_empty(struct hmmc_pool *pool);
/*
 * Under buddy_mutex: keep a chunk with broken frames out of the buddy allocator,
 * which knows nothing of them. If it is part of a struct hmmc_frames, its unpin
 * comes here again.
 */
void hmmc_pool_isolate(struct hmmc_chunk *chunk);
/* Frames that are neither used nor pinned nor bad, nor kept for somebody. */
u64 hmmc_pool_nr_free(struct hmmc_pool *pool);
/* Whether there are @nr of them, and @account may have as many. */
bool hmmc_pool_has_room(struct hmmc_account *account, u64 nr);
/* So many free frames are much room: more than a fault makes for itself. */
static inline u64 hmmc_pool_much(const struct hmmc_pool *pool)
{
	return max(pool->nr_frames / 16, 4ULL * HMMC_WINDOW_PAGES);
}

/* If there is much room, start pool->room for those who were turned away. */
void hmmc_pool_tell_room(struct hmmc_pool *pool);

/* The frames of @chunk that are in use and not broken, as a bitmap. Return: how many. */
unsigned int hmmc_pool_used(struct hmmc_chunk *chunk, unsigned long *used);
/*
 * How much the CPU is likely to want home with the page in frame @pfn of @chunk,
 * from what has gone home of it. Return: pages, a power of two.
 */
unsigned int hmmc_pool_fault_around(struct hmmc_chunk *chunk, unsigned long pfn);
/* Hand out frames of a closed chunk again. */
void hmmc_pool_reopen(struct hmmc_chunk *chunk);

/* Under pool->lock: chunks of the account are everybody's again. */
void hmmc_pool_let_go(struct hmmc_account *account);

/* ---- clock.c: which chunk goes ------------------------------------------ */

/* Under pool->lock: it has its first used frame; it has none any more. */
void hmmc_clock_enter(struct hmmc_pool *pool, struct hmmc_chunk *chunk);
void hmmc_clock_leave(struct hmmc_pool *pool, struct hmmc_chunk *chunk);
/* A fault was served with the memory at byte offset @offset. */
void hmmc_clock_touch(struct hmmc_pool *pool, u64 offset);
/* A sample says that the memory there was used. */
void hmmc_clock_accessed(struct hmmc_pool *pool, u64 offset);
/* Pick the coldest chunk that may go and close it. Return: NULL if there is none. */
struct hmmc_chunk *hmmc_clock_close_victim(struct hmmc_pool *pool,
					   const struct hmmc_eviction *eviction);

/* ---- account.c: limits --------------------------------------------------- */

/**
 * struct hmmc_account - what a process has, and what it holds, of a device
 *
 * Lives as long as it has users or frames. Guarded by pool->lock.
 */
struct hmmc_account {
	struct hmmc_pool *pool;
	unsigned int nr_users;		/* attaches */
	u64 nr_frames;			/* charged, with those of @nr_pinned */
	u64 nr_pinned;			/* of struct hmmc_frames */
	u64 max_frames;			/* its own limit, or U64_MAX */
	u64 nr_paid;			/* charged to cgroups, see dmem.c */
	bool broke;			/* and no more can be */
	struct list_head charges;	/* what was paid */
	bool turned_away;		/* for lack of room under its limit: see room.c */
	unsigned int nr_evicting;	/* who make room under it now, for themselves */
	u64 nr_chunks;			/* it holds */
	u64 nr_refused;			/* pages that went into ordinary frames instead */
	struct list_head open;		/* its chunks with free frames */
};

/* Under pool->lock: whether it may hold one chunk more. */
bool hmmc_account_may_grow(const struct hmmc_account *account);
void hmmc_account_refuse(struct hmmc_account *account, unsigned int nr);
/* Under pool->lock: how many frames it may have, and how many more it may. */
u64 hmmc_account_max(const struct hmmc_account *account);
u64 hmmc_account_room(const struct hmmc_account *account);
void __hmmc_account_uncharged(struct hmmc_account *account);

/* Under pool->lock: a number of frames comes back. @account may be gone then. */
static inline void hmmc_account_uncharge(struct hmmc_account *account, u64 nr)
{
	account->nr_frames -= nr;
	/* Each page that leaves comes by here. */
	if (unlikely(!account->nr_frames || account->turned_away || account->nr_paid))
		__hmmc_account_uncharged(account);
}

/*
 * Charge for frames that are to be pinned, evicting what else the process has.
 * Return: 0, or -ENOSPC: they would be more than its limit.
 */
int hmmc_account_pin(struct hmmc_account *account, u64 nr);
void hmmc_account_unpin(struct hmmc_account *account, u64 nr);
/* Under pool->lock: views of it were turned away. Return: false: not by its limit. */
bool hmmc_account_turn_away(struct hmmc_account *account);

/* Under pool->lock: there may be room for those who were turned away. */
void hmmc_account_tell_room(struct hmmc_account *account);

/* ---- dmem.c: the dmem cgroup --------------------------------------------- */

struct dmem_cgroup_pool_state;

#if IS_ENABLED(CONFIG_CGROUP_DMEM)
int hmmc_dmem_add_pool(struct hmmc_pool *pool, const char *name);
/* Nobody charges any more; what was charged may come back later. */
void hmmc_dmem_remove_pool(struct hmmc_pool *pool);
/* Pay for what @account has and @nr frames more, if this is a process. May sleep. */
void hmmc_dmem_charge(struct hmmc_account *account, u64 nr);
/* Under pool->lock: take back what was paid too much. */
void hmmc_dmem_uncharge(struct hmmc_account *account);
/* The same for a process that needs no more now. */
void hmmc_dmem_trim(struct hmmc_account *account);
/* For pinned frames. Return: 0, or -ENOSPC: the limit of the caller's cgroup, -ENOMEM. */
int hmmc_dmem_pin(struct hmmc_pool *pool, u64 size, struct dmem_cgroup_pool_state **cgroup);
void hmmc_dmem_unpin(struct dmem_cgroup_pool_state *cgroup, u64 size);
#else
static inline int hmmc_dmem_add_pool(struct hmmc_pool *pool, const char *name)
{
	return 0;
}

static inline void hmmc_dmem_remove_pool(struct hmmc_pool *pool)
{
}

static inline void hmmc_dmem_charge(struct hmmc_account *account, u64 nr)
{
}

static inline void hmmc_dmem_uncharge(struct hmmc_account *account)
{
}

static inline void hmmc_dmem_trim(struct hmmc_account *account)
{
}

static inline int hmmc_dmem_pin(struct hmmc_pool *pool, u64 size,
				struct dmem_cgroup_pool_state **cgroup)
{
	return 0;
}

static inline void hmmc_dmem_unpin(struct dmem_cgroup_pool_state *cgroup, u64 size)
{
}
#endif

/* ---- reserve.c: system pages --------------------------------------------- */

/* Starts to fill it; nobody need wait for that. */
void hmmc_reserve_init(struct hmmc_pool *pool);
void hmmc_reserve_fini(struct hmmc_pool *pool);
/* A page with one reference, or NULL. Does not sleep. */
struct folio *hmmc_reserve_take(struct hmmc_pool *pool);

/* ---- block.c: struct pages ----------------------------------------------- */

struct hmmc_pool *hmmc_pool_create(struct hmmc_device *device, u64 size);
/*
 * The pool is gone and nobody is inside. A pool with frames in use is parked until the last of
 * them comes back. @name is for the message that says so.
 */
void hmmc_pool_destroy(struct hmmc_pool *pool, const char *name);
int hmmc_blocks_init(void);
/* Parked pools hold the module: there is none left. */
void hmmc_blocks_exit(void);

/* Of struct hmmc_scratch; not cleared, so every user writes before it reads. */
extern struct kmem_cache *hmmc_scratch_cache;

/* The page is locked, or something else keeps its folio from being split. */
static inline struct hmmc_block *hmmc_block_of(const struct page *page)
{
	return container_of(page_pgmap(page), struct hmmc_block, pgmap);
}

/*
 * The block of the frame with that number, or NULL if it is not the pool's. What is
 * neither locked nor referenced may be split at any time, and its struct page has no
 * pgmap for a moment then: look at the number only.
 */
static inline struct hmmc_block *hmmc_pool_block(const struct hmmc_pool *pool, unsigned long pfn)
{
	struct hmmc_block *block;

	list_for_each_entry(block, &pool->blocks, link) {
		if (in_range(pfn, block->first_pfn, block->nr_chunks * HMMC_WINDOW_PAGES))
			return block;
	}
	return NULL;
}

/* Byte offset of a frame in device memory. */
static inline u64 hmmc_block_offset(const struct hmmc_block *block, unsigned long pfn)
{
	return (block->first_frame + pfn - block->first_pfn) << PAGE_SHIFT;
}

static inline struct hmmc_chunk *hmmc_block_chunk(struct hmmc_block *block, unsigned long pfn)
{
	return &block->chunks[(pfn - block->first_pfn) / HMMC_WINDOW_PAGES];
}

static inline unsigned long hmmc_chunk_first_pfn(const struct hmmc_chunk *chunk)
{
	return chunk->block->first_pfn + (chunk - chunk->block->chunks) * HMMC_WINDOW_PAGES;
}

/* ---- move_in.c, move_out.c: moving pages --------------------------------- */

/* Everything that one migration call needs, see migrate.h. */
struct hmmc_scratch {
	unsigned long src[HMMC_WINDOW_PAGES];
	unsigned long dst[HMMC_WINDOW_PAGES];
	union {
		unsigned long pfns[HMMC_WINDOW_PAGES];
		struct page *pages[HMMC_WINDOW_PAGES];
	};
	struct hmmc_copy_run runs[HMMC_WINDOW_PAGES];
};

#define HMMC_MOVE_POPULATE	BIT(0)	/* fill holes */
#define HMMC_MOVE_THP		BIT(1)	/* in: as 2 MiB folios where that is possible */
#define HMMC_MOVE_TRYLOCK	BIT(2)	/* do not wait for mmap_lock */
#define HMMC_MOVE_HOLD		BIT(3)	/* in: the account holds the frames */

/**
 * struct hmmc_move - move the pages of a span that lies in one window
 * @pool: whose device memory, at either end
 * @mm: the address space, held by mmget()
 * @span: page aligned
 * @only: an address in it: move nothing outside the VMA of that; or 0
 * @account: in: who is charged for the frames
 * @flags: HMMC_MOVE_*
 * @results: enum hmmc_result per page, or NULL; BUSY stands for "stayed, ask core mm why"
 * @nr_moved: returned
 */
struct hmmc_move {
	struct hmmc_pool *pool;
	struct mm_struct *mm;
	struct hmmc_span span;
	unsigned long only;
	struct hmmc_account *account;
	unsigned int flags;
	u8 *results;
	unsigned int nr_moved;
};

/*
 * System memory to device memory, as many pages as there are frames for. Takes
 * mmap_lock. Return: 0, -EINTR, -ENOMEM (nothing was tried), or -ENOSPC if it
 * ran out of frames on the way.
 */
int hmmc_move_in(struct hmmc_move *move);
/* Device memory to system memory. Takes mmap_lock. Return: 0, -EINTR, -ENOMEM, -EAGAIN: TRYLOCK. */
int hmmc_move_out(struct hmmc_move *move);
/*
 * Move out, as one, the large folio that the CPU touched. Return: 0: it cannot be,
 * and nothing has changed; VM_FAULT_RETRY: mmap_lock was dropped, look again.
 */
vm_fault_t hmmc_move_faulted_whole(struct hmmc_pool *pool, struct vm_fault *vmf);
/*
 * Move out a span of the faulting VMA; with pages of pool->reserve, where there is
 * no memory, if @last_resort. Return: what became of the page that faulted.
 */
enum hmmc_result hmmc_move_faulted(struct hmmc_pool *pool, struct vm_fault *vmf,
				   const struct hmmc_span *span, bool last_resort);
/*
 * Move out the frame at @pfn, of @chunk, and what else of its chunk the same VMA maps in the
 * same window. Waits for no mmap_lock; keeps @search for the next frame. Return:
 * how many pages; 0: nobody maps it, or it cannot be moved now.
 */
unsigned int hmmc_move_frame(struct hmmc_pool *pool, struct hmmc_scratch *scratch,
			     struct hmmc_search *search, struct hmmc_chunk *chunk,
			     unsigned long pfn, enum hmmc_evict_mode mode);

/* ---- copy.c: the data ---------------------------------------------------- */

/**
 * struct hmmc_copies - what one migration copies
 * @device: who copies
 * @runs: room for @nr_pages runs
 * @nr_pages: pages of the migration
 * @nr_copies: runs from the front
 * @nr_clears: runs from the back
 */
struct hmmc_copies {
	struct hmmc_device *device;
	struct hmmc_copy_run *runs;
	unsigned int nr_pages;
	unsigned int nr_copies;
	unsigned int nr_clears;
};

void hmmc_copies_init(struct hmmc_copies *copies, struct hmmc_device *device,
		      struct hmmc_copy_run *runs, unsigned int nr_pages);
/* @size bytes between byte offset @device of device memory and @system. */
void hmmc_copies_add(struct hmmc_copies *copies, u64 device, struct page *system, size_t size);
void hmmc_copies_add_clear(struct hmmc_copies *copies, u64 device, size_t size);
/* Do them all and wait; none is left afterwards. Return: 0, or an error: all are void. */
int hmmc_copies_run(struct hmmc_copies *copies, enum hmmc_copy_dir dir);

/* ---- cpu_fault.c --------------------------------------------------------- */

/* dev_pagemap_ops.migrate_to_ram. */
vm_fault_t hmmc_migrate_to_ram(struct vm_fault *vmf);

/* ---- evict.c ------------------------------------------------------------- */

/* Evict until @nr frames are free or nothing moves. Return: frames moved. */
u64 hmmc_evict(struct hmmc_pool *pool, u64 nr, enum hmmc_evict_mode mode);
/* The same with what @account took, until it may have @nr frames more. */
u64 hmmc_evict_own(struct hmmc_account *account, u64 nr, enum hmmc_evict_mode mode);
/*
 * Evict until no frame is used, or until @end, in jiffies, has passed. Nobody
 * reserves frames any more. Return: 0, or -EBUSY.
 */
int hmmc_evict_all(struct hmmc_pool *pool, unsigned long end);

/* What is lost does not come home however long one tries. */
static inline bool hmmc_evict_is_over(struct hmmc_pool *pool, unsigned long end)
{
	return READ_ONCE(pool->lost) || time_after(jiffies, end);
}

#endif
