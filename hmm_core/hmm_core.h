/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hmm_core: device memory for processes. The whole public interface.
 *
 * Device memory that the CPU cannot address still needs struct pages: they let
 * core mm count it, charge it, share it after fork, and find its way back when
 * the CPU touches it. hmm_core owns those pages and everything that happens to
 * them; a driver brings a page table to fill and an engine that copies.
 *
 * Words: a *device* is a GPU and its memory. A *mirror* shows one mm to one or
 * more devices; an *attach* is one device page table in a mirror. A *window* is
 * one aligned 2 MiB of a mirror. A *frame* is one page of device memory, named
 * by its byte offset divided by PAGE_SIZE; a *chunk* is 2 MiB of frames. Where a
 * page is (its *place*) is never stored here: the CPU page table owns that.
 *
 * Spans are [start, end) in bytes. Enter hmm_core holding no dma_resv, no
 * mmap_lock and no lock that an op takes.
 */
#ifndef _HMM_CORE_H_
#define _HMM_CORE_H_

#include <linux/bits.h>
#include <linux/dma-fence.h>
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/types.h>

struct hmmc_attach;
struct hmmc_device;
struct hmmc_frames;

#define HMMC_WINDOW_SHIFT	21
#define HMMC_WINDOW_SIZE	BIT(HMMC_WINDOW_SHIFT)
#define HMMC_WINDOW_PAGES	(HMMC_WINDOW_SIZE >> PAGE_SHIFT)
#define HMMC_WINDOW_ORDER	(HMMC_WINDOW_SHIFT - PAGE_SHIFT)

/**
 * struct hmmc_span - part of an address space
 * @start: first byte
 * @end: first byte after it
 */
struct hmmc_span {
	unsigned long start;
	unsigned long end;
};

/**
 * enum hmmc_place - where a page is, or should be
 * @HMMC_PLACE_NONE: nowhere: hole, swapped out, poison; as advice: no wish
 * @HMMC_PLACE_SYSTEM: system memory
 * @HMMC_PLACE_DEVICE: memory of the device in question
 * @HMMC_PLACE_PEER: memory of another device of hmm_core
 */
enum hmmc_place {
	HMMC_PLACE_NONE = 0,
	HMMC_PLACE_SYSTEM,
	HMMC_PLACE_DEVICE,
	HMMC_PLACE_PEER,
};

/**
 * enum hmmc_access - what the device wants to do
 * @HMMC_ACCESS_READ: load
 * @HMMC_ACCESS_WRITE: store
 * @HMMC_ACCESS_ATOMIC: read-modify-write that must be atomic against the CPU
 */
enum hmmc_access {
	HMMC_ACCESS_READ = 0,
	HMMC_ACCESS_WRITE,
	HMMC_ACCESS_ATOMIC,
};

/* ---- What a driver gives ------------------------------------------------- */

/*
 * A device page table entry as hmm_core hands it to map(): flags and, in
 * HMMC_ENTRY_ADDR, a bus address, or with HMMC_ENTRY_DEVICE a byte offset in
 * device memory. An entry without VALID is to be left alone.
 */
#define HMMC_ENTRY_VALID	BIT_ULL(0)
#define HMMC_ENTRY_WRITE	BIT_ULL(1)
#define HMMC_ENTRY_ATOMIC	BIT_ULL(2)
#define HMMC_ENTRY_DEVICE	BIT_ULL(3)
#define HMMC_ENTRY_ADDR		GENMASK_ULL(51, 12)

/**
 * struct hmmc_map - entries to write into a device page table
 * @start: process address of the first page
 * @nr_pages: pages from there, all in one window
 * @order: 0, or HMMC_WINDOW_ORDER: entries[0] maps the whole window
 * @entries: one entry per page
 */
struct hmmc_map {
	unsigned long start;
	unsigned int nr_pages;
	unsigned int order;
	const u64 *entries;
};

/**
 * enum hmmc_copy_dir - direction of a copy
 * @HMMC_COPY_TO_DEVICE: system memory to device memory
 * @HMMC_COPY_TO_SYSTEM: device memory to system memory
 * @HMMC_COPY_CLEAR: fill device memory with zeros
 */
enum hmmc_copy_dir {
	HMMC_COPY_TO_DEVICE = 0,
	HMMC_COPY_TO_SYSTEM,
	HMMC_COPY_CLEAR,
};

/**
 * struct hmmc_copy_run - contiguous bytes to copy
 * @device: byte offset in device memory
 * @system: bus address; unused for a clear
 * @size: bytes, a multiple of PAGE_SIZE
 */
struct hmmc_copy_run {
	u64 device;
	dma_addr_t system;
	size_t size;
};

/**
 * struct hmmc_device_ops - what a driver does for hmm_core
 *
 * The contract, op by op. "Locks" are hmm_core's or core mm's that are held; an
 * op may take locks of its own below them, but none that the driver holds when
 * it calls hmm_core. PT stands for the window's pt_lock.
 *
 * ========= ============================== ========= ======== ============ =====================
 * op        called from                    may sleep may fail may allocate locks
 * ========= ============================== ========= ======== ============ =====================
 * copy      any migration, either way      yes       yes      no [1]_      mmap_lock [4]_, folios
 * prepare   device fault, before map       yes       yes      yes          none
 * unprepare window reaped, detach          yes       no       no           none
 * map       device fault, prefetch         yes [2]_  no       no           mmap_lock (r) [3]_, PT
 * zap       MMU notifier, detach, unplug   yes [2]_  no       no           PT, anything of core mm
 * flush     after zap                      yes [2]_  no       no           as zap
 * retire    after map                      no        no       no           PT
 * sample    before eviction, each second   yes [2]_  no       no           PT
 *           while device memory is short
 * ========= ============================== ========= ======== ============ =====================
 *
 * .. [1] It runs where memory is being freed: take what it needs from a pool
 *    made beforehand. Its fence must signal within ten seconds, with an
 *    error if need be, and nothing on the way may wait for mmap_lock, a folio
 *    lock or memory.
 * .. [2] For a mutex of the driver's own page table and for the hardware; never
 *    for a fence of user work, memory, mmap_lock or a folio lock. PT is
 *    taken from reclaim.
 * .. [3] Only when an atomic maps an exclusive page.
 * .. [4] For reading, or for writing where a large folio leaves the device whole;
 *    not for eviction of single pages.
 */
struct hmmc_device_ops {
	/**
	 * @copy: move or clear bytes, in any order. Several batches may be under
	 * way at once. @runs stays valid until the fence has signalled. Return
	 * NULL if it is done, a fence that hmm_core waits for and puts, or an
	 * ERR_PTR. An error, returned or in the fence, means that the
	 * destination is undefined: hmm_core throws it away. -ENODEV: there is
	 * no device any more, see hmmc_device_lose().
	 */
	struct dma_fence *(*copy)(struct hmmc_device *device, enum hmmc_copy_dir dir,
				  const struct hmmc_copy_run *runs, unsigned int nr_runs);
	/**
	 * @prepare: allocate whatever mapping and zapping in the window at @start
	 * needs, typically its leaf page table, and return it in @leaf. Called
	 * once for each window and attach, before the first map.
	 */
	int (*prepare)(struct hmmc_attach *attach, unsigned long start, void **leaf);
	/** @unprepare: free @leaf; nothing is mapped in the window any more. */
	void (*unprepare)(struct hmmc_attach *attach, unsigned long start, void *leaf);
	/**
	 * @map: write entries over whatever is there. The device may use them at
	 * once. No flush follows: an entry that only gained permissions must be
	 * looked at afresh by the device when the access is tried again.
	 */
	void (*map)(struct hmmc_attach *attach, void *leaf, const struct hmmc_map *map);
	/**
	 * @zap: remove the entries of @span, a part of the window, and no others.
	 * If one entry maps the window, the rest of it stays mapped: by smaller
	 * entries, for which prepare has made room.
	 */
	void (*zap)(struct hmmc_attach *attach, void *leaf, const struct hmmc_span *span);
	/** @flush: on return the device uses no entry that was zapped from @span. */
	void (*flush)(struct hmmc_attach *attach, const struct hmmc_span *span);
	/**
	 * @retire: optional. The access of hmmc_fault.cookie is mapped; do it now,
	 * before the CPU can take the page away again. This is what makes a
	 * device progress that shares a page with a busy CPU.
	 */
	void (*retire)(struct hmmc_attach *attach, void *cookie);
	/**
	 * @sample: optional. Forget that entries of the window at @start were
	 * used, and tell hmmc_attach_accessed() of those of device memory. Return:
	 * whether any was used, of any memory, since the last time; then @flush
	 * follows, because what the device has cached is used without a trace.
	 * Without this op eviction knows of nothing but faults, and memory that is
	 * mapped looks as cold as memory that nobody uses.
	 */
	bool (*sample)(struct hmmc_attach *attach, void *leaf, unsigned long start);
};

/* map() takes 2 MiB entries, and 2 MiB device folios are wanted; see Documentation/limits. */
#define HMMC_DEVICE_THP		BIT(0)
/*
 * The device's bus addresses are physical addresses, and it is coherent: there
 * is no IOMMU, no offset and no limit to what it reaches, so that the DMA API has
 * nothing to do for it. For a device on the memory bus, or made of software.
 */
#define HMMC_DEVICE_DIRECT	BIT(1)

/**
 * struct hmmc_device_desc - what to register
 * @name: for debugfs and traces, at most 31 characters
 * @dev: the struct device that does DMA; its DMA mask is set before
 * @ops: operations; all but @retire are required
 * @size: bytes of device memory, a multiple of HMMC_WINDOW_SIZE
 * @nid: node the memory is near to, or NUMA_NO_NODE
 * @flags: HMMC_DEVICE_*
 * @priv: the driver's, see hmmc_device_priv()
 */
struct hmmc_device_desc {
	const char *name;
	struct device *dev;
	const struct hmmc_device_ops *ops;
	u64 size;
	int nid;
	unsigned int flags;
	void *priv;
};

/* ---- Devices ------------------------------------------------------------- */

/**
 * hmmc_device_create() - register a device and its memory
 * @desc: description, copied
 *
 * Context: May sleep.
 * Return: the device with one reference, or an ERR_PTR. -EINVAL: an op is
 * missing, the size is zero or unaligned, a flag or node is unknown, the name is
 * empty or too long. -ERANGE: no unused physical address range of this size is
 * left. -ENOMEM.
 */
struct hmmc_device *hmmc_device_create(const struct hmmc_device_desc *desc);

/**
 * hmmc_device_kill() - stop new work on a device
 * @device: the device
 *
 * On return no fault, migration to the device or attach is under way, later
 * ones give -ENODEV, and no device page table maps anything. Copying, and so
 * the way back to system memory, goes on working.
 *
 * Context: May sleep.
 */
void hmmc_device_kill(struct hmmc_device *device);

/**
 * hmmc_device_lose() - the device and its memory are gone, without a warning
 * @device: the device, killed or not
 *
 * From now on nothing is copied: what is in device memory is lost. Who touches
 * it gets SIGBUS, as for poison; everything else is as it was. The driver goes on
 * to kill the device, drain it, which returns at once, and put it.
 *
 * A copy that returns -ENODEV does the same.
 *
 * Context: Any.
 */
void hmmc_device_lose(struct hmmc_device *device);

/**
 * hmmc_device_frames_broken() - device memory has uncorrectable errors
 * @device: the device, not put
 * @offset: byte offset of the first broken frame, a multiple of PAGE_SIZE
 * @size: bytes, a multiple of PAGE_SIZE
 *
 * The frames are never handed out again. What is in them is lost: who touches it
 * gets SIGBUS, a device fault there fails with -EHWPOISON, and it does not migrate.
 * All that is around it does, also where a large folio has to be split for it.
 * Frames that are free or pinned are retired at once, or when they come back.
 *
 * Device page tables that map such a frame go on doing so: the device itself
 * reports an access that hits the error.
 *
 * Context: May sleep.
 * Return: 0, or -EINVAL if the span is empty, unaligned or not of the device.
 */
int hmmc_device_frames_broken(struct hmmc_device *device, u64 offset, u64 size);

/**
 * hmmc_device_drain() - bring all process memory back to system memory
 * @device: a killed device
 * @timeout_ms: how long to try
 *
 * To be called before the mirrors are detached: they tell where large folios are
 * mapped, which otherwise has to be looked for in all processes. Waits for no
 * mmap_lock: a process that holds its own all the time may keep large folios.
 *
 * Context: May sleep. Takes mmap_lock.
 * Return: 0, or -EBUSY if frames are left, at once if the device is lost. Those
 * are lost to the driver at its last hmmc_device_put(): they become poison (SIGBUS
 * for who touches them) and hmm_core keeps their struct pages until nobody refers
 * to them.
 */
int hmmc_device_drain(struct hmmc_device *device, unsigned int timeout_ms);

/**
 * hmmc_device_put() - drop the driver's reference
 * @device: a killed device with no attach and no pinned frames left
 *
 * On return hmm_core calls no op any more.
 *
 * Context: May sleep.
 */
void hmmc_device_put(struct hmmc_device *device);

/* What hmmc_device_desc.priv was. */
void *hmmc_device_priv(const struct hmmc_device *device);

/**
 * struct hmmc_device_stats - counters since the device was created
 *
 * Bytes where the name has vram, else pages unless stated.
 */
struct hmmc_device_stats {
	/** @vram_total: bytes registered. */
	u64 vram_total;
	/** @vram_used: bytes of frames that hold process memory. */
	u64 vram_used;
	/** @vram_pinned: bytes handed out by hmmc_frames_pin(). */
	u64 vram_pinned;
	/** @vram_held: bytes of chunks that eviction leaves to processes, see HMMC_ADVICE_PIN. */
	u64 vram_held;
	/** @vram_bad: bytes retired after memory errors. */
	u64 vram_bad;
	/** @migrated_in: pages moved into the device. */
	u64 migrated_in;
	/** @migrated_out: pages moved out by request or eviction. */
	u64 migrated_out;
	/** @cpu_faults: CPU faults on device memory. */
	u64 cpu_faults;
	/** @cpu_fault_pages: pages those moved out. */
	u64 cpu_fault_pages;
	/** @cpu_fault_errors: of them, how many ended in SIGBUS or OOM. */
	u64 cpu_fault_errors;
	/** @thp_in: whole 2 MiB folios moved in. */
	u64 thp_in;
	/** @thp_out: whole 2 MiB folios moved out. */
	u64 thp_out;
	/** @evicted_chunks: chunks emptied. */
	u64 evicted_chunks;
	/** @evict_failed: chunks that could not be emptied. */
	u64 evict_failed;
	/** @vram_active: bytes of chunks that were in use when eviction last looked. */
	u64 vram_active;
	/** @samples: how often it was asked what is in use, see hmmc_device_ops.sample. */
	u64 samples;
	/** @reserve: pages set aside for CPU faults that find no memory. */
	u64 reserve;
	/** @reserve_taken: of such pages, how many were taken. */
	u64 reserve_taken;
	/** @limit_evicted: pages that processes gave up to keep to their limits. */
	u64 limit_evicted;
};

/**
 * hmmc_device_stats() - read a device's counters
 * @device: the device
 * @stats: where to write them
 *
 * Context: Any but hard irq.
 */
void hmmc_device_stats(struct hmmc_device *device, struct hmmc_device_stats *stats);

/**
 * hmmc_device_evict() - move process memory out until enough is free
 * @device: the device
 * @size: bytes that should be free, U64_MAX for all
 *
 * Coldest chunks first, and none that is pinned by advice. Works whatever became
 * of the owning processes. Waits for no mmap_lock: a large folio stays where all
 * that map it are busy.
 *
 * Context: May sleep. Takes mmap_lock. Killable.
 * Return: bytes moved out.
 */
u64 hmmc_device_evict(struct hmmc_device *device, u64 size);

/**
 * hmmc_frames_pin() - take contiguous device memory for the driver's own use
 * @device: the device
 * @attach: of @device, of the process that it is for; or NULL
 * @size: bytes, a multiple of PAGE_SIZE
 *
 * The memory is never evicted, has no process pages, and is not cleared.
 * Process memory is evicted to make room. With @attach it counts against the
 * limit of that process, in whole chunks, also after the attach has gone.
 *
 * Context: May sleep. Takes mmap_lock. Killable.
 * Return: the frames, or an ERR_PTR: -EINVAL, -ENOMEM, -ENODEV, -ENOSPC, also for
 * the limit of the process.
 */
struct hmmc_frames *hmmc_frames_pin(struct hmmc_device *device, struct hmmc_attach *attach,
				    u64 size);

/**
 * hmmc_frames_unpin() - give frames back
 * @frames: from hmmc_frames_pin(), or NULL
 *
 * Context: May sleep.
 */
void hmmc_frames_unpin(struct hmmc_frames *frames);

/* Byte offset of the first frame in device memory. */
u64 hmmc_frames_offset(const struct hmmc_frames *frames);

/* ---- Mirrors ------------------------------------------------------------- */

/* Most attaches one process can have. */
#define HMMC_MAX_ATTACHES	8

/**
 * hmmc_mirror_attach() - show a process's memory to a device page table
 * @device: the device
 * @mm: the address space; the caller is in it or otherwise keeps it alive
 * @priv: the driver's page table, see hmmc_attach_priv()
 *
 * Nothing is mapped yet: entries come by hmmc_fault() and hmmc_migrate().
 *
 * Context: May sleep. Takes mmap_lock for writing.
 * Return: the attach, or an ERR_PTR: -ENODEV, -ENOMEM, -ENOSPC if the process
 * has HMMC_MAX_ATTACHES already, -EINTR.
 */
struct hmmc_attach *hmmc_mirror_attach(struct hmmc_device *device, struct mm_struct *mm,
				       void *priv);

/**
 * hmmc_mirror_detach() - take a device page table out of its mirror
 * @attach: the attach; nobody calls hmm_core with it any more
 *
 * On return nothing is mapped, every leaf is unprepared, and no op is called
 * for it any more. Memory stays where it is.
 *
 * Context: May sleep.
 */
void hmmc_mirror_detach(struct hmmc_attach *attach);

/* What hmmc_mirror_attach() got; valid in every op. */
void *hmmc_attach_priv(const struct hmmc_attach *attach);

/**
 * hmmc_attach_accessed() - say that the device has used some of its memory
 * @attach: whose page table says so
 * @offset: byte offset in device memory, as in hmmc_map.entries
 *
 * For hmmc_device_ops.sample; a device that counts accesses may call it at any time.
 * Eviction takes the 2 MiB around @offset for in use.
 *
 * Context: Any.
 */
void hmmc_attach_accessed(struct hmmc_attach *attach, u64 offset);
/* The address space, only to be compared: it may be dying. */
struct mm_struct *hmmc_attach_mm(const struct hmmc_attach *attach);
/* The device. */
struct hmmc_device *hmmc_attach_device(const struct hmmc_attach *attach);

/**
 * struct hmmc_attach_stats - counters since the attach was made
 */
struct hmmc_attach_stats {
	/** @faults: device faults served. */
	u64 faults;
	/** @faults_failed: device faults that returned an error. */
	u64 faults_failed;
	/** @fault_retries: times one collected again because a notifier won. */
	u64 fault_retries;
	/** @pages_migrated: pages moved to the device. */
	u64 pages_migrated;
	/** @pages_mapped: entries written, in pages. */
	u64 pages_mapped;
	/** @pages_zapped: entries removed, in pages. */
	u64 pages_zapped;
	/** @invalidations: notifier callbacks that found something mapped. */
	u64 invalidations;
	/** @cow_breaks: writes that had to break copy-on-write of device memory. */
	u64 cow_breaks;
	/** @exclusives: pages made exclusive. */
	u64 exclusives;
	/** @turned_away: faults mapped in place because there was no room. */
	u64 turned_away;
	/** @held_back: faults mapped in place because the memory keeps coming home. */
	u64 held_back;
	/** @windows: windows of the mirror now. */
	u64 windows;
	/** @vram_held: bytes that the process holds of the device, by any of its attaches. */
	u64 vram_held;
	/** @pin_refused: pages advised to be pinned that were over a limit, by any. */
	u64 pin_refused;
	/** @vram_used: bytes charged to the process, by any: migrated, or pinned for it. */
	u64 vram_used;
	/** @vram_max: bytes it may have, by any limit, at most the device's. */
	u64 vram_max;
};

/**
 * hmmc_attach_stats() - read an attach's counters
 * @attach: the attach
 * @stats: where to write them
 *
 * Context: Process.
 */
void hmmc_attach_stats(struct hmmc_attach *attach, struct hmmc_attach_stats *stats);

/**
 * hmmc_attach_limit() - limit what a process may have of a device
 * @attach: an attach of the process on the device
 * @size: bytes, or U64_MAX: no limit but those for all
 *
 * The limit is that of the process, whichever attach it was set by, for as long as
 * it has one. What is beyond it already is evicted now, as far as that can be; the
 * rest stays until it moves, and nothing is added meanwhile.
 *
 * Context: May sleep. Takes mmap_lock. Killable.
 * Return: 0, or -ENODEV.
 */
int hmmc_attach_limit(struct hmmc_attach *attach, u64 size);

/**
 * hmmc_attach_settle() - have a process pay for what faults brought to the device
 * @attach: an attach of the process that calls
 *
 * With CONFIG_CGROUP_DMEM, what a process has in a device is charged to its cgroup.
 * Only the process itself can be charged, and device faults run elsewhere: they are
 * paid for here, and by hmmc_migrate(). If they cannot be, what is beyond goes home.
 * To be called when the process submits work. Without CGROUP_DMEM it does nothing.
 *
 * Context: May sleep. Takes mmap_lock. Killable.
 */
void hmmc_attach_settle(struct hmmc_attach *attach);

/**
 * struct hmmc_fault - a page fault of a device
 */
struct hmmc_fault {
	/** @attach: whose page table has no fitting entry. */
	struct hmmc_attach *attach;
	/** @addr: process address of the access. */
	unsigned long addr;
	/** @access: what was tried. */
	enum hmmc_access access;
	/** @cookie: handed to hmmc_device_ops.retire. */
	void *cookie;
	/** @result: returned, see hmmc_fault(). */
	int result;
	/** @nr_pages: returned, pages mapped. */
	unsigned int nr_pages;
};

/**
 * hmmc_fault() - serve device faults
 * @faults: the faults, sorted on return
 * @nr: how many
 *
 * Faults on the same page are served once. Each gets its own @result:
 *
 * * 0: mapped, and retired if there is such an op; let the access run again
 * * -EFAULT: nothing is mapped there
 * * -EPERM: the process itself may not make this access
 * * -EOPNOTSUPP: an atomic on memory that cannot be exclusive, or that advice on
 *   ATOMICS does not allow
 * * -EHWPOISON: the page is lost, guarded or cannot be provided
 * * -ENOMEM: no system memory
 * * -EBUSY: lost every one of its bounded retries
 * * -ESRCH: the process is gone
 * * -EINTR: the calling thread is being killed
 * * -ENODEV: the device is gone
 *
 * Context: May sleep. Takes mmap_lock. Any thread, any mm.
 */
void hmmc_fault(struct hmmc_fault *faults, unsigned int nr);

/**
 * enum hmmc_result - what became of a page in a migration
 * @HMMC_RESULT_MOVED: it moved
 * @HMMC_RESULT_ALREADY: it was there before
 * @HMMC_RESULT_UNMAPPED: no mapping of the process there
 * @HMMC_RESULT_HOLE: no page there yet
 * @HMMC_RESULT_UNSUITABLE: memory that cannot move, or no access to it
 * @HMMC_RESULT_BUSY: pinned, locked or raced
 * @HMMC_RESULT_FULL: no device memory
 * @HMMC_RESULT_NO_MEMORY: no system memory
 * @HMMC_RESULT_COPY_FAILED: the copy returned an error
 * @HMMC_NR_RESULTS: number of results
 */
enum hmmc_result {
	HMMC_RESULT_MOVED = 0,
	HMMC_RESULT_ALREADY,
	HMMC_RESULT_UNMAPPED,
	HMMC_RESULT_HOLE,
	HMMC_RESULT_UNSUITABLE,
	HMMC_RESULT_BUSY,
	HMMC_RESULT_FULL,
	HMMC_RESULT_NO_MEMORY,
	HMMC_RESULT_COPY_FAILED,
	HMMC_NR_RESULTS,
};

#define HMMC_MIGRATE_POPULATE	BIT(0)	/* fill holes on the device */
#define HMMC_MIGRATE_MAP	BIT(1)	/* map what is populated afterwards */
#define HMMC_MIGRATE_WRITE	BIT(2)	/* map for writing where the process may */
#define HMMC_MIGRATE_KEEP	BIT(3)	/* move nothing, only map; report gaps only */

/**
 * struct hmmc_migrate - a request to change the place of a span
 */
struct hmmc_migrate {
	/** @span: page aligned. */
	struct hmmc_span span;
	/** @place: HMMC_PLACE_SYSTEM or HMMC_PLACE_DEVICE. */
	enum hmmc_place place;
	/** @flags: HMMC_MIGRATE_*. */
	unsigned int flags;
	/** @report: optional; told in order of address what became of each run of pages. */
	void (*report)(void *priv, unsigned long start, unsigned long nr_pages,
		       enum hmmc_result result);
	/** @priv: handed to @report. */
	void *priv;
	/** @nr: returned, number of pages per result. */
	u64 nr[HMMC_NR_RESULTS];
	/** @mapped: returned, pages mapped. */
	u64 mapped;
};

/**
 * hmmc_migrate() - change the place of a span, and optionally map it
 * @attach: whose mirror and device
 * @migrate: the request
 *
 * Best effort: that pages stayed is no error.
 *
 * Context: May sleep. Takes mmap_lock. Killable.
 * Return: 0; -EINVAL: the span is empty, unaligned or outside the address space,
 * or a flag or place does not fit; -ESRCH, -ENODEV, -ENOMEM, -EINTR.
 */
int hmmc_migrate(struct hmmc_attach *attach, struct hmmc_migrate *migrate);

#define HMMC_PAGE_READ		BIT(0)
#define HMMC_PAGE_WRITE		BIT(1)
#define HMMC_PAGE_EXCLUSIVE	BIT(2)
#define HMMC_PAGE_ZERO		BIT(3)
#define HMMC_PAGE_MAPPED	BIT(4)
#define HMMC_PAGE_MAPPED_WRITE	BIT(5)
#define HMMC_PAGE_MAPPED_HUGE	BIT(6)

/**
 * struct hmmc_page - where a page is
 * @place: enum hmmc_place
 * @order: log2 of the pages the CPU page table maps as one
 * @flags: HMMC_PAGE_*
 * @device: for DEVICE and PEER, whose memory; only to be compared
 */
struct hmmc_page {
	u8 place;
	u8 order;
	u16 flags;
	const struct hmmc_device *device;
};

/**
 * hmmc_snapshot() - see where the pages of a span are
 * @attach: whose mirror and page table
 * @span: page aligned, within one window
 * @pages: one for each page
 *
 * Faults nothing in. Stale on return. Place NONE is also what a page looks like
 * that is under migration, or that NUMA balancing has marked.
 *
 * Context: May sleep. Takes mmap_lock.
 * Return: 0, -EINVAL, -ESRCH, -ENODEV, -ENOMEM, -EINTR; -EBUSY if it lost every
 * one of its bounded retries.
 */
int hmmc_snapshot(struct hmmc_attach *attach, const struct hmmc_span *span,
		  struct hmmc_page *pages);

/**
 * enum hmmc_advice - what a piece of advice is about
 * @HMMC_ADVICE_RESET: forget all advice; value 0
 * @HMMC_ADVICE_PLACE: where device faults should put memory: NONE, SYSTEM, DEVICE
 * @HMMC_ADVICE_THP: 0 as the device, 1 never 2 MiB device folios
 * @HMMC_ADVICE_GRANULARITY: log2 of the bytes that a device fault serves, from
 *	PAGE_SHIFT to HMMC_WINDOW_SHIFT; 0: policy decides
 * @HMMC_ADVICE_READ_MOSTLY: 1: only writes move it to a device, reads map it where
 *	it is; 0: as policy says
 * @HMMC_ADVICE_ATOMICS: enum hmmc_atomics
 * @HMMC_ADVICE_PIN: 1: once it has moved to a device, eviction leaves it there, within
 *	the limits of the module parameters; 0: as all memory
 */
enum hmmc_advice {
	HMMC_ADVICE_RESET = 0,
	HMMC_ADVICE_PLACE,
	HMMC_ADVICE_THP,
	HMMC_ADVICE_GRANULARITY,
	HMMC_ADVICE_READ_MOSTLY,
	HMMC_ADVICE_ATOMICS,
	HMMC_ADVICE_PIN,
};

/**
 * enum hmmc_atomics - how atomics of devices are done
 * @HMMC_ATOMICS_SYSTEM: in device memory, or in system memory that is made
 *	exclusive to the device
 * @HMMC_ATOMICS_DEVICE: in device memory only: an atomic moves its page there,
 *	whatever its place should be, or fails
 * @HMMC_ATOMICS_NONE: they fail
 */
enum hmmc_atomics {
	HMMC_ATOMICS_SYSTEM = 0,
	HMMC_ATOMICS_DEVICE,
	HMMC_ATOMICS_NONE,
};

/**
 * hmmc_advise() - state a wish for a span
 * @attach: whose mirror; for PLACE DEVICE also which device
 * @span: page aligned
 * @advice: about what
 * @value: the wish
 *
 * Advice is per mm and vanishes with munmap. If it fails, nothing has changed.
 *
 * Context: May sleep.
 * Return: 0, -EINVAL, -ESRCH, -ENODEV, -ENOMEM, -EINTR; -EAGAIN if the span was
 * being unmapped each time it was looked at.
 */
int hmmc_advise(struct hmmc_attach *attach, const struct hmmc_span *span,
		enum hmmc_advice advice, u64 value);

/* ---- Failures on purpose ------------------------------------------------- */

#ifdef CONFIG_HMM_CORE_INJECT
DECLARE_STATIC_KEY_FALSE(hmmc_inject_armed);
bool __hmmc_inject(const char *name);
void __hmmc_inject_delay(const char *name);

/**
 * hmmc_inject() - should this fail now, for a test?
 * @name: of the site, a string constant
 *
 * Documentation/testing says how a test arms it. Costs a no-op until then.
 *
 * Context: Any.
 * Return: true if the caller is to behave as if the thing had failed.
 */
static inline bool hmmc_inject(const char *name)
{
	return static_branch_unlikely(&hmmc_inject_armed) && __hmmc_inject(name);
}

/**
 * hmmc_inject_delay() - should this be late, for a test?
 * @name: of the site, a string constant
 *
 * Context: May sleep.
 */
static inline void hmmc_inject_delay(const char *name)
{
	if (static_branch_unlikely(&hmmc_inject_armed))
		__hmmc_inject_delay(name);
}
#else
static inline bool hmmc_inject(const char *name)
{
	return false;
}

static inline void hmmc_inject_delay(const char *name)
{
}
#endif

#endif
