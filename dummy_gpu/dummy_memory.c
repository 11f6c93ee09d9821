// SPDX-License-Identifier: GPL-2.0
/*
 * What user space can ask about process memory: advice, migration, where it is.
 *
 * Invariant: nothing here knows how it is done. Spans are checked and cut into
 * pieces, hmm_core is asked, and its words are turned into those of the uapi.
 *
 * Words: a *piece* is as much of a span as one call of hmm_core gets, so that
 * kernel memory is bounded and unplug does not wait for long. What is empty
 * between two mappings, a *gap*, is none: it may be most of 128 TiB.
 *
 * Lock: none. Answers are collected in kernel memory and copied out between the
 * calls: hmm_core may hold mmap_lock when it reports.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/dummy_gpu_drm.h>

#include <hmm_core/hmm_core.h>

#include "dummy_args.h"
#include "dummy_array.h"
#include "dummy_device.h"
#include "dummy_memory.h"
#include "dummy_vm.h"

/* A piece of a migration: many windows, so that batches stay whole. */
#define PIECE_SIZE	(32 * HMMC_WINDOW_SIZE)
#define PIECE_PAGES	(PIECE_SIZE >> PAGE_SHIFT)

/*
 * The end of the process that asks, whose memory its VM mirrors. It may be below
 * DUMMY_SVM_END, by a page or because the program has 32 bits; from there on
 * nothing is mapped, which is no reason to refuse a span.
 */
static unsigned long process_end(void)
{
	return current->mm->task_size;
}

/* ---- ADVISE ------------------------------------------------------------- */

/* The uapi's words are hmm_core's. */
static_assert((int)DRM_DUMMY_GPU_ADVICE_RESET == (int)HMMC_ADVICE_RESET);
static_assert((int)DRM_DUMMY_GPU_ADVICE_PLACE == (int)HMMC_ADVICE_PLACE);
static_assert((int)DRM_DUMMY_GPU_ADVICE_THP == (int)HMMC_ADVICE_THP);
static_assert((int)DRM_DUMMY_GPU_ADVICE_GRANULARITY == (int)HMMC_ADVICE_GRANULARITY);
static_assert((int)DRM_DUMMY_GPU_ADVICE_READ_MOSTLY == (int)HMMC_ADVICE_READ_MOSTLY);
static_assert((int)DRM_DUMMY_GPU_ADVICE_ATOMICS == (int)HMMC_ADVICE_ATOMICS);
static_assert((int)DRM_DUMMY_GPU_ADVICE_PIN == (int)HMMC_ADVICE_PIN);
static_assert((int)DRM_DUMMY_GPU_ATOMICS_SYSTEM == (int)HMMC_ATOMICS_SYSTEM);
static_assert((int)DRM_DUMMY_GPU_ATOMICS_DEVICE == (int)HMMC_ATOMICS_DEVICE);
static_assert((int)DRM_DUMMY_GPU_ATOMICS_NONE == (int)HMMC_ATOMICS_NONE);
static_assert((int)DRM_DUMMY_GPU_PLACE_NONE == (int)HMMC_PLACE_NONE);
static_assert((int)DRM_DUMMY_GPU_PLACE_SYSTEM == (int)HMMC_PLACE_SYSTEM);
static_assert((int)DRM_DUMMY_GPU_PLACE_DEVICE == (int)HMMC_PLACE_DEVICE);
static_assert((int)DRM_DUMMY_GPU_PLACE_PEER == (int)HMMC_PLACE_PEER);

int dummy_memory_advise_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_advise *args = data;
	struct hmmc_span span = { args->start, args->start + args->size };
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_advise(drm, args);
	if (ret)
		return ret;

	vm = dummy_vm_lookup_svm(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	span.end = min(span.end, process_end());
	if (span.start < span.end)
		ret = hmmc_advise(vm->attach, &span, (enum hmmc_advice)args->advice, args->value);
	dummy_vm_put(vm);
	return ret;
}

/* ---- MIGRATE ------------------------------------------------------------ */

static_assert(DRM_DUMMY_GPU_MIGRATE_POPULATE == HMMC_MIGRATE_POPULATE);
static_assert(DRM_DUMMY_GPU_MIGRATE_MAP == HMMC_MIGRATE_MAP);
static_assert(DRM_DUMMY_GPU_MIGRATE_WRITE == HMMC_MIGRATE_WRITE);
static_assert(DRM_DUMMY_GPU_MIGRATE_KEEP == HMMC_MIGRATE_KEEP);

static_assert((int)DRM_DUMMY_GPU_MIGRATE_MOVED == (int)HMMC_RESULT_MOVED);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_ALREADY == (int)HMMC_RESULT_ALREADY);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_UNMAPPED == (int)HMMC_RESULT_UNMAPPED);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_HOLE == (int)HMMC_RESULT_HOLE);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_UNSUITABLE == (int)HMMC_RESULT_UNSUITABLE);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_BUSY == (int)HMMC_RESULT_BUSY);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_FULL == (int)HMMC_RESULT_FULL);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_NO_MEMORY == (int)HMMC_RESULT_NO_MEMORY);
static_assert((int)DRM_DUMMY_GPU_MIGRATE_COPY_FAILED == (int)HMMC_RESULT_COPY_FAILED);

/**
 * struct run_writer - hands runs to user space
 * @to: where
 * @room: how many fit there
 * @nr_runs: how many there have been, without @last
 * @last: the run that may still grow, if its nr_pages is not 0
 * @buffer: runs that have not been copied out, or NULL if there is no room at all
 * @nr_buffered: how many
 */
struct run_writer {
	const struct drm_dummy_gpu_array *to;
	u32 room;
	u64 nr_runs;
	struct drm_dummy_gpu_migrate_run last;
	struct drm_dummy_gpu_migrate_run *buffer;
	u32 nr_buffered;
};

static int writer_init(struct run_writer *writer, const struct drm_dummy_gpu_migrate *args)
{
	*writer = (struct run_writer) {
		.to = &args->runs,
		.room = args->runs.count,
	};
	if (!writer->room)
		return 0;

	/* A piece ends at most one run for each of its pages, and the last of all. */
	writer->buffer = hmmc_inject("gpu_runs") ? NULL :
			 kvmalloc_objs(*writer->buffer,
				       min_t(u64, args->size >> PAGE_SHIFT, PIECE_PAGES) + 1,
				       GFP_KERNEL_ACCOUNT);
	return writer->buffer ? 0 : -ENOMEM;
}

static void end_run(struct run_writer *writer)
{
	if (!writer->last.nr_pages)
		return;
	if (writer->nr_runs < writer->room)
		writer->buffer[writer->nr_buffered++] = writer->last;
	writer->nr_runs++;
	writer->last.nr_pages = 0;
}

/* hmmc_migrate.report */
static void report_run(void *priv, unsigned long start, unsigned long nr_pages,
		       enum hmmc_result result)
{
	struct run_writer *writer = priv;
	struct drm_dummy_gpu_migrate_run *last = &writer->last;

	/* Where one call's runs end and those of the next begin is no news to anybody. */
	if (last->nr_pages && last->result == result &&
	    last->start + (u64)last->nr_pages * PAGE_SIZE == start &&
	    nr_pages <= U32_MAX - last->nr_pages) {
		last->nr_pages += nr_pages;
		return;
	}

	end_run(writer);
	*last = (struct drm_dummy_gpu_migrate_run) {
		.start = start,
		.nr_pages = nr_pages,
		.result = result,
	};
}

static int copy_runs_out(struct run_writer *writer)
{
	u64 first = min_t(u64, writer->nr_runs, writer->room) - writer->nr_buffered;
	u32 nr = writer->nr_buffered;

	writer->nr_buffered = 0;
	if (!nr)
		return 0;
	return dummy_array_write(writer->to, first, writer->buffer, sizeof(*writer->buffer), nr);
}

static void add_results(struct drm_dummy_gpu_migrate *args, const struct hmmc_migrate *done)
{
	unsigned int i;

	args->moved += done->nr[HMMC_RESULT_MOVED];
	args->already += done->nr[HMMC_RESULT_ALREADY];
	for (i = HMMC_RESULT_UNMAPPED; i < HMMC_NR_RESULTS; i++)
		args->stayed += done->nr[i];
	args->mapped += done->mapped;
}

static int migrate_piece(struct dummy_vm *vm, struct drm_dummy_gpu_migrate *args,
			 struct run_writer *writer, const struct hmmc_span *piece)
{
	struct hmmc_migrate migrate = {
		.span = *piece,
		.place = (enum hmmc_place)args->place,
		.flags = args->flags,
		.report = report_run,
		.priv = writer,
	};
	int ret;

	ret = hmmc_migrate(vm->attach, &migrate);
	add_results(args, &migrate);
	return ret ?: copy_runs_out(writer);
}

/* Let @piece begin where something is mapped, or at @end. Return: 0 or -EINTR. */
static int skip_gap(struct drm_dummy_gpu_migrate *args, struct run_writer *writer,
		    struct hmmc_span *piece, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long next = end;
	unsigned long nr_pages;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = find_vma_intersection(mm, piece->start, end);
	if (vma)
		next = max(vma->vm_start, piece->start);
	mmap_read_unlock(mm);

	while (piece->start < next) {
		/* As many as nr_pages of a run can say. */
		nr_pages = min_t(u64, (next - piece->start) >> PAGE_SHIFT, U32_MAX);
		report_run(writer, piece->start, nr_pages, HMMC_RESULT_UNMAPPED);
		args->stayed += nr_pages;
		piece->start += nr_pages << PAGE_SHIFT;
	}
	return copy_runs_out(writer);
}

static int migrate_all(struct dummy_vm *vm, struct drm_dummy_gpu_migrate *args,
		       struct run_writer *writer)
{
	unsigned long end = args->start + args->size;
	struct hmmc_span piece;
	int ret;

	for (piece.start = args->start; piece.start < end; piece.start = piece.end) {
		/* hmm_core does as much within a piece, but knows nothing beyond the end. */
		if (piece.start > args->start || piece.start >= process_end()) {
			if (drm_dev_is_unplugged(&vm->device->drm))
				return -ENODEV;
			ret = skip_gap(args, writer, &piece, end);
			if (ret)
				return ret;
			if (piece.start == end)
				break;
		}

		piece.end = ALIGN_DOWN(piece.start + PIECE_SIZE, HMMC_WINDOW_SIZE);
		piece.end = min3(piece.end, end, process_end());
		ret = migrate_piece(vm, args, writer, &piece);
		if (ret)
			return ret;
	}

	end_run(writer);
	return copy_runs_out(writer);
}

int dummy_memory_migrate_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_migrate *args = data;
	struct run_writer writer;
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_migrate(drm, args);
	if (ret)
		return ret;

	vm = dummy_vm_lookup_svm(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	args->moved = 0;
	args->already = 0;
	args->stayed = 0;
	args->mapped = 0;

	ret = writer_init(&writer, args);
	if (!ret)
		ret = migrate_all(vm, args, &writer);
	/* Not when it is to be called again with the same arguments. */
	if (!ret)
		args->runs.count = min_t(u64, writer.nr_runs, U32_MAX);

	kvfree(writer.buffer);
	dummy_vm_put(vm);
	return ret;
}

/* ---- SNAPSHOT ----------------------------------------------------------- */

static_assert(DRM_DUMMY_GPU_PAGE_READ == HMMC_PAGE_READ);
static_assert(DRM_DUMMY_GPU_PAGE_WRITE == HMMC_PAGE_WRITE);
static_assert(DRM_DUMMY_GPU_PAGE_EXCLUSIVE == HMMC_PAGE_EXCLUSIVE);
static_assert(DRM_DUMMY_GPU_PAGE_ZERO == HMMC_PAGE_ZERO);
static_assert(DRM_DUMMY_GPU_PAGE_MAPPED == HMMC_PAGE_MAPPED);
static_assert(DRM_DUMMY_GPU_PAGE_MAPPED_WRITE == HMMC_PAGE_MAPPED_WRITE);
static_assert(DRM_DUMMY_GPU_PAGE_MAPPED_HUGE == HMMC_PAGE_MAPPED_HUGE);

/**
 * struct snapshot - the pages of one window
 * @from: as hmm_core tells of them
 * @to: as user space reads it
 */
struct snapshot {
	struct hmmc_page from[HMMC_WINDOW_PAGES];
	struct drm_dummy_gpu_page to[HMMC_WINDOW_PAGES];
};

static void translate(struct snapshot *snapshot, unsigned long nr_pages)
{
	unsigned long i;

	for (i = 0; i < nr_pages; i++) {
		const struct hmmc_page *from = &snapshot->from[i];
		bool is_ours = from->place == HMMC_PLACE_DEVICE || from->place == HMMC_PLACE_PEER;

		snapshot->to[i] = (struct drm_dummy_gpu_page) {
			.place = from->place,
			.order = from->order,
			.flags = from->flags,
			.device = is_ours ? dummy_device_index(from->device) : 0,
		};
	}
}

/* One window, or a part of it, which somebody may be changing all the time. */
static int snapshot_window(struct dummy_vm *vm, const struct hmmc_span *window,
			   struct snapshot *snapshot)
{
	struct hmmc_span inside = {
		.start = window->start,
		.end = min(window->end, process_end()),
	};
	int ret;

	if (inside.end < window->end)
		memset(snapshot->from, 0, sizeof(snapshot->from));
	if (inside.start >= inside.end)
		return 0;
	do {
		if (drm_dev_is_unplugged(&vm->device->drm))
			return -ENODEV;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
		ret = hmmc_snapshot(vm->attach, &inside, snapshot->from);
	} while (ret == -EBUSY);
	return ret;
}

static int snapshot_all(struct dummy_vm *vm, const struct drm_dummy_gpu_snapshot *args,
			struct snapshot *snapshot)
{
	unsigned long end = args->start + args->size;
	unsigned long nr_pages;
	struct hmmc_span piece;
	int ret;

	for (piece.start = args->start; piece.start < end; piece.start = piece.end) {
		piece.end = min(ALIGN_DOWN(piece.start + HMMC_WINDOW_SIZE, HMMC_WINDOW_SIZE), end);
		nr_pages = (piece.end - piece.start) >> PAGE_SHIFT;

		ret = snapshot_window(vm, &piece, snapshot);
		if (ret)
			return ret;

		translate(snapshot, nr_pages);
		ret = dummy_array_write(&args->pages, (piece.start - args->start) >> PAGE_SHIFT,
					snapshot->to, sizeof(*snapshot->to), nr_pages);
		if (ret)
			return ret;
	}
	return 0;
}

int dummy_memory_snapshot_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_snapshot *args = data;
	struct snapshot *snapshot;
	struct dummy_vm *vm;
	int ret;

	ret = dummy_args_check_snapshot(drm, args);
	if (ret)
		return ret;

	vm = dummy_vm_lookup_svm(file, args->vm_id);
	if (IS_ERR(vm))
		return PTR_ERR(vm);

	ret = -ENOMEM;
	snapshot = hmmc_inject("gpu_snapshot") ? NULL : kvmalloc_obj(*snapshot, GFP_KERNEL_ACCOUNT);
	if (snapshot)
		ret = snapshot_all(vm, args, snapshot);

	kvfree(snapshot);
	dummy_vm_put(vm);
	return ret;
}

/* ---- EVICT -------------------------------------------------------------- */

int dummy_memory_evict_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_dummy_gpu_evict *args = data;
	int ret;

	ret = dummy_args_check_evict(drm, args);
	if (ret)
		return ret;
	if (!capable(CAP_SYS_ADMIN))
		return -EACCES;

	args->evicted = hmmc_device_evict(to_dummy_device(drm)->hmmc, args->size);
	return 0;
}
