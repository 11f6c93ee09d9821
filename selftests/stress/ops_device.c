// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of devices: jobs that write and read, that race with each other and
 * with what moves their memory, jobs that are cut short, and requests.
 *
 * Each write is computed here first, from the shadow into w->next, and then done
 * by the device. If the job works, that is what the span holds.
 */
#include "stress.h"

#define RACE_SPAN	MIB
#define MAX_STORES	48
#define MAX_ADDS	64

/* ---- Reading -------------------------------------------------------------- */

static void check_by_copy(struct worker *w, struct slot *slot, char *home, char *at, size_t size)
{
	struct dummy_stream *stream = w->streams[0];
	struct job job;

	dummy_stream_copy(stream, dummy_addr(w->staging), dummy_addr(at), size);
	job_start(w, &job, slot->queues[w->id], stream, "device_check", home, size);
	job_finish(w, &job);
	if (job_is_good(w, &job))
		model_check(w, "a device", home, w->staging, size);
}

/* The device does the comparing, so nothing is written but a word. */
static void check_by_compare(struct worker *w, struct slot *slot, char *home, char *at, size_t size)
{
	struct dummy_stream *stream = w->streams[0];
	uint64_t *result = (uint64_t *)(w->staging + STAGING_SIZE - 8);
	struct job job;

	if (size >= STAGING_SIZE)
		size = STAGING_SIZE - page_size;
	memcpy(w->staging, shadow_of(home), size);
	dummy_stream_compare(stream, 1, dummy_addr(at), dummy_addr(w->staging), size);
	dummy_stream_store_reg(stream, dummy_addr(result), 1, 8);
	job_start(w, &job, slot->queues[w->id], stream, "device_compare", home, size);
	job_finish(w, &job);
	if (!job_is_good(w, &job) || *(volatile uint64_t *)result == UINT64_MAX)
		return;
	/* Shows it, if the CPU sees the same; and if not: */
	if (model_check(w, "CPU, after a device said it differs", home, at, size))
		complain(w, "a device says that %p + %#llx differs, and the CPU that it does not",
			 home, (unsigned long long)*(volatile uint64_t *)result);
}

void device_check(struct worker *w, char *home, char *at, size_t size)
{
	struct slot *slot = slot_get(w);

	if (size > STAGING_SIZE)
		size = STAGING_SIZE;
	if (rng_chance(&w->rng, 40) && !model_is_lazy(home, size))
		check_by_compare(w, slot, home, at, size);
	else
		check_by_copy(w, slot, home, at, size);
	slot_put(slot);
}

void run_device_read(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, STAGING_SIZE, &start);

	if (size)
		device_check(w, start, start, size);
}

/* ---- Writing -------------------------------------------------------------- */

static void add_fill(struct worker *w, struct dummy_stream *stream, char *home, char *at,
		     size_t size)
{
	uint64_t value = word_value(w, home);
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		*(uint64_t *)(w->next + offset) = value;
	dummy_stream_fill(stream, dummy_addr(at), size, value, 8);
}

static size_t add_copy_of_staging(struct worker *w, struct dummy_stream *stream, char *home,
				  size_t size)
{
	if (size > STAGING_SIZE)
		size = STAGING_SIZE;
	make_next(w, home, size);
	memcpy(w->staging, w->next, size);
	dummy_stream_copy(stream, dummy_addr(home), dummy_addr(w->staging), size);
	return size;
}

static bool do_overlap(const char *a, const char *b, size_t size)
{
	return a < b + size && b < a + size;
}

/* From another region of ours. */
static size_t add_copy(struct worker *w, struct dummy_stream *stream, char *home, size_t size)
{
	char *from;
	size_t from_size = pick_own(w, size, &from);

	if (from_size < size)
		size = from_size;
	if (do_overlap(home, from, size))
		return add_copy_of_staging(w, stream, home, size);
	model_end_lazy(from, from, size);
	memcpy(w->next, shadow_of(from), size);
	dummy_stream_copy(stream, dummy_addr(home), dummy_addr(from), size);
	return size;
}

static void add_scale(struct worker *w, struct dummy_stream *stream, char *home, size_t size)
{
	uint64_t factor = rng_next(&w->rng) | 1, *now = (uint64_t *)shadow_of(home);
	uint64_t *next = (uint64_t *)w->next;
	size_t i;

	model_end_lazy(home, home, size);
	for (i = 0; i < size / 8; i++)
		next[i] = now[i] * factor;
	dummy_stream_vscale(stream, dummy_addr(home), dummy_addr(home), factor, size / 8, 8);
}

static size_t add_sum(struct worker *w, struct dummy_stream *stream, char *home, size_t size)
{
	uint64_t *next = (uint64_t *)w->next, *a, *b;
	char *from;
	size_t from_size = pick_own(w, size, &from), i;

	if (from_size < size)
		size = from_size;
	if (do_overlap(home, from, size))
		from = home;
	model_end_lazy(home, home, size);
	model_end_lazy(from, from, size);
	a = (uint64_t *)shadow_of(home);
	b = (uint64_t *)shadow_of(from);
	for (i = 0; i < size / 8; i++)
		next[i] = a[i] + b[i];
	dummy_stream_vadd(stream, dummy_addr(home), dummy_addr(home), dummy_addr(from), size / 8,
			  8);
	return size;
}

static void add_stores(struct worker *w, struct dummy_stream *stream, char *home, size_t size)
{
	unsigned int nr;

	model_end_lazy(home, home, size);
	memcpy(w->next, shadow_of(home), size);
	for (nr = 1 + rng_below(&w->rng, MAX_STORES); nr > 0; nr--) {
		size_t offset = rng_below(&w->rng, size / 8) * 8;
		uint64_t value = word_value(w, home + offset);

		*(uint64_t *)(w->next + offset) = value;
		dummy_stream_store(stream, dummy_addr(home) + offset, value, 8);
	}
}

/* Some write to @home, of which w->next is the outcome. Returns its size. */
static size_t add_write(struct worker *w, struct dummy_stream *stream, char *home, size_t size)
{
	switch (rng_below(&w->rng, 6)) {
	case 0:
		return add_copy_of_staging(w, stream, home, size);
	case 1:
		return add_copy(w, stream, home, size);
	case 2:
		add_scale(w, stream, home, size);
		return size;
	case 3:
		return add_sum(w, stream, home, size);
	case 4:
		add_stores(w, stream, home, size);
		return size;
	default:
		add_fill(w, stream, home, home, size);
		return size;
	}
}

/* @next: what @home holds if the job is good. */
static void end_write(struct worker *w, struct job *job, char *home, const char *next, size_t size)
{
	job_finish(w, job);
	if (job_is_good(w, job))
		model_set(home, next, size);
	else
		model_settle(w, "after a job that failed", home, shadow_of(home), next, size);
}

void device_fill(struct worker *w, char *home, char *at, size_t size)
{
	struct slot *slot = slot_get(w);
	struct job job;

	add_fill(w, w->streams[0], home, at, size);
	job_start(w, &job, slot->queues[w->id], w->streams[0], "device_fill", home, size);
	job_finish(w, &job);
	slot_put(slot);
	if (job_is_good(w, &job)) {
		model_set(home, w->next, size);
		return;
	}
	/* Where it is now can be read, so write all of it. */
	cpu_fill(w, home, at, size);
}

void run_device_write(struct worker *w)
{
	struct slot *slot;
	struct job job;
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);

	if (!size)
		return;
	slot = slot_get(w);
	size = add_write(w, w->streams[0], start, size);
	job_start(w, &job, slot->queues[w->id], w->streams[0], "device_write", start, size);
	/* Whatever moves its memory meanwhile. */
	if (rng_chance(&w->rng, 60))
		mess_with(w, start, size);
	end_write(w, &job, start, w->next, size);
	slot_put(slot);
	if (rng_chance(&w->rng, 30))
		check_somehow(w, start, start, size);
}

/* Two devices, or two queues of one, write the two halves, and the CPU a page between. */
void run_device_race(struct worker *w)
{
	struct slot *slot[2];
	struct job job[2];
	char *start, *part[2];
	size_t size = pick_own(w, RACE_SPAN, &start), half = size / 2 & -page_size;
	unsigned int i;

	if (half < page_size)
		return;
	part[0] = start;
	part[1] = start + size - half;
	for (i = 0; i < 2; i++) {
		uint64_t value = word_value(w, part[i]);
		size_t offset;

		slot[i] = slot_get(w);
		for (offset = 0; offset < half; offset += 8)
			*(uint64_t *)(w->next + i * half + offset) = value;
		dummy_stream_fill(w->streams[i], dummy_addr(part[i]), half, value, 8);
		job_start(w, &job[i], slot[i]->queues[w->id], w->streams[i], "device_race",
			  part[i], half);
	}
	mess_with(w, start, size);
	for (i = 0; i < 2; i++) {
		end_write(w, &job[i], part[i], w->next + i * half, half);
		slot_put(slot[i]);
	}
	check_somehow(w, start, start, size);
}

/* The memory is dropped while a device writes it: each word is zero or new. */
void run_device_drop(struct worker *w)
{
	struct slot *slot;
	struct job job;
	struct step *step;
	char *start;
	size_t size = pick_own(w, RACE_SPAN, &start);

	if (!size)
		return;
	slot = slot_get(w);
	add_fill(w, w->streams[0], start, start, size);
	job_start(w, &job, slot->queues[w->id], w->streams[0], "device_write_dropped", start, size);
	if (rng_chance(&w->rng, 50))
		usleep(rng_below(&w->rng, 2000));
	step = step_begin(w, "MADV_DONTNEED", start, size, 0);
	if (is_good(w, "MADV_DONTNEED",
		    step_end(step, madvise(start, size, MADV_DONTNEED) ? -errno : 0), NO_MEMORY))
		model_set(start, NULL, size);
	job_finish(w, &job);
	slot_put(slot);
	job_is_good(w, &job);
	model_settle(w, "dropped while a device wrote it", start, shadow_of(start), w->next, size);
}

static uint64_t sum_up(const char *start, size_t size)
{
	uint64_t sum = 0;
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		sum = sum * 31 + *(volatile const uint64_t *)(start + offset);
	return sum;
}

/* What of the job came before fork() it sees, and nothing of what came after. */
static void be_child_of_race(struct worker *w, char *start, size_t size)
{
	uint64_t sum;

	if (!model_check_either(w, "a child", start, start, w->next, size))
		_exit(1);
	/* What MADV_FREE left may still go. */
	if (!model_is_lazy(start, size)) {
		sum = sum_up(start, size);
		usleep(rng_below(&w->rng, 5000));
		if (sum != sum_up(start, size))
			complain(w, "a child's memory at %p, %zu KiB changes", start, size / KIB);
	}
	cpu_fill(w, start, start, size);
	if (!model_check(w, "a child that wrote", start, start, size))
		_exit(1);
	_exit(0);
}

/* A fork while a device writes. */
void run_fork_race(struct worker *w)
{
	struct slot *slot;
	struct job job;
	char *start;
	size_t size = pick_own(w, RACE_SPAN, &start);
	pid_t child;

	if (!size)
		return;
	slot = slot_get(w);
	size = add_write(w, w->streams[0], start, size);
	job_start(w, &job, slot->queues[w->id], w->streams[0], "device_write_fork", start, size);
	if (rng_chance(&w->rng, 50))
		usleep(rng_below(&w->rng, 2000));
	child = fork_child(w);
	if (!child)
		be_child_of_race(w, start, size);
	if (rng_chance(&w->rng, 50))
		mess_with(w, start, size);
	end_write(w, &job, start, w->next, size);
	slot_put(slot);
	check_somehow(w, start, start, size);
	if (child > 0)
		wait_for_child(w, child);
}

void device_must_fail(struct worker *w, char *start, size_t size, bool write, unsigned int reason)
{
	struct slot *slot = slot_get(w);
	struct dummy_stream *stream = w->streams[0];
	size_t offset = rng_below(&w->rng, size / 8) * 8;
	struct job job;

	if (write) {
		dummy_stream_store(stream, dummy_addr(start) + offset, UINT64_MAX, 8);
	} else {
		dummy_stream_load(stream, 0, dummy_addr(start) + offset, 8);
		dummy_stream_store_reg(stream, dummy_addr(w->staging), 0, 8);
	}
	job_start(w, &job, slot->queues[w->id], stream, "device_must_fail", start, size);
	job_finish(w, &job);
	job_must_fail(w, &job, reason, start, size);
	slot_put(slot);
}

/* ---- Counters ------------------------------------------------------------- */

static void cpu_count(struct worker *w)
{
	unsigned int i, nr;

	for (i = 1 + rng_below(&w->rng, 200); i > 0; i--) {
		uint64_t *counter = counter_pick(w, &nr), value = rng_next(&w->rng);

		__atomic_fetch_add(counter, value, __ATOMIC_SEQ_CST);
		counter_added(nr, value);
	}
}

/* A job that fails has done those that come before the command it failed at. */
static void device_count(struct worker *w)
{
	struct dummy_stream *stream = w->streams[0];
	struct slot *slot = slot_get(w);
	unsigned int nr_adds = 1 + rng_below(&w->rng, MAX_ADDS), i;
	uint64_t value[MAX_ADDS], end[MAX_ADDS];
	unsigned int nr[MAX_ADDS];
	struct job job;

	for (i = 0; i < nr_adds; i++) {
		value[i] = rng_next(&w->rng);
		dummy_stream_atomic_add(stream, 0, dummy_addr(counter_pick(w, &nr[i])), value[i],
					8);
		end[i] = dummy_stream_size(stream);
	}
	job_start(w, &job, slot->queues[w->id], stream, "device_count", NULL, 0);
	job_finish(w, &job);
	slot_put(slot);
	job_is_good(w, &job);
	for (i = 0; i < nr_adds; i++) {
		if (!job.ret || (job.ret > 0 && end[i] <= job.status.stream_offset))
			counter_added(nr[i], value[i]);
	}
}

void run_counters(struct worker *w)
{
	unsigned int turns;

	for (turns = 1 + rng_below(&w->rng, 4); turns > 0; turns--) {
		if (rng_chance(&w->rng, 50))
			cpu_count(w);
		else
			device_count(w);
	}
}

/* ---- Cut short ------------------------------------------------------------ */

/* Below the library, which wants queues to go before their VM. */
static int kill_vm(struct dummy_vm *vm)
{
	struct drm_dummy_gpu_vm_destroy destroy = { .vm_id = dummy_vm_id(vm) };

	return dummy_device_ioctl(dummy_vm_device(vm), DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &destroy);
}

/* Destroy the queue under a job that is queued, or runs, or has ended. */
static void cancel_on(struct worker *w, struct dummy_vm *vm, bool whole_vm, char *start,
		      size_t size)
{
	struct dummy_queue *queue;
	struct step *step;
	struct job job;
	int ret;

	ret = dummy_queue_create(vm, rng_below(&w->rng, 2), 0, -1, &queue);
	if (!is_good(w, "create queue", ret, NO_MEMORY)) {
		dummy_stream_reset(w->streams[0]);
		return;
	}
	job_start(w, &job, queue, w->streams[0], "device_write_cancelled", start, size);
	if (rng_chance(&w->rng, 70))
		usleep(rng_log(&w->rng, 10000));
	if (rng_chance(&w->rng, 30))
		mess_with(w, start, size);
	step = step_begin(w, whole_vm ? "destroy_vm" : "destroy_queue", start, size, 0);
	if (whole_vm)
		is_good(w, "destroy VM", kill_vm(vm), ERRNOS(0));
	ret = dummy_queue_destroy(queue);
	if (ret != (whole_vm ? -ENOENT : 0))
		complain(w, "destroy queue: %d", ret);
	step_end(step, ret);
	dummy_stream_reset(w->streams[0]);
	step_end(job.step, job.ret);
}

void run_cancel(struct worker *w)
{
	bool whole_vm = rng_chance(&w->rng, 40);
	struct dummy_vm *vm;
	struct slot *slot;
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	int ret = 0;

	if (!size)
		return;
	slot = slot_get(w);
	vm = slot->vm;
	if (whole_vm)
		ret = dummy_vm_create(slot->dev, DRM_DUMMY_GPU_VM_SVM, &vm);
	if (is_good(w, "create VM", ret, ERRNOS(ENOMEM, ENOSPC))) {
		size = add_write(w, w->streams[0], start, size);
		cancel_on(w, vm, whole_vm, start, size);
		model_settle(w, "after a job that was cancelled", start, shadow_of(start), w->next,
			     size);
		if (whole_vm)
			dummy_vm_destroy(vm);
	}
	slot_put(slot);
}

void run_reopen(struct worker *w)
{
	struct slot *slot = &slots[rng_below(&w->rng, nr_slots)];

	slot_reopen(w, slot, rng_chance(&w->rng, 40));
}

/* ---- Requests ------------------------------------------------------------- */

/* Takes device memory from all others for a moment. */
void run_buffer(struct worker *w)
{
	struct slot *slot = slot_get(w);
	size_t size = rng_log(&w->rng, dummy_device_info(slot->dev)->vram_size / 2 / page_size) *
		      page_size;
	struct step *step = step_begin(w, "buffer", NULL, 0, size);
	struct dummy_bo *bo;
	int ret = dummy_bo_create(slot->dev, size, DRM_DUMMY_GPU_GEM_VRAM, &bo);

	if (is_good(w, "create buffer", ret, ERRNOS(ENOMEM, ENOSPC))) {
		sleep_ms(rng_below(&w->rng, 20));
		is_good(w, "destroy buffer", dummy_bo_destroy(bo), ERRNOS(0));
	}
	step_end(step, ret);
	slot_put(slot);
}

#define MAX_RUNS	64

/* They tell of each page once, in order, and of nothing that may not happen. */
static void check_runs(struct worker *w, const struct drm_dummy_gpu_migrate_run *runs,
		       unsigned int nr_runs, char *start, size_t size)
{
	uint64_t next = dummy_addr(start);
	unsigned int i;

	for (i = 0; i < nr_runs && i < MAX_RUNS; i++) {
		if (runs[i].start != next || !runs[i].nr_pages)
			complain(w, "migrate %p %zu KiB: run %u is at %#llx, after %#llx", start,
				 size / KIB, i, (unsigned long long)runs[i].start,
				 (unsigned long long)next);
		if (runs[i].result >= DRM_DUMMY_GPU_MIGRATE_COPY_FAILED)
			complain(w, "migrate %p: result %u (%s)", start, runs[i].result,
				 dummy_migrate_result_name(runs[i].result));
		next = runs[i].start + runs[i].nr_pages * page_size;
	}
	if (nr_runs <= MAX_RUNS && next != dummy_addr(start) + size)
		complain(w, "migrate %p %zu KiB: %u runs, which end at %#llx", start, size / KIB,
			 nr_runs, (unsigned long long)next);
}

static void migrate(struct worker *w, const char *what, char *start, size_t size,
		    enum drm_dummy_gpu_place place, uint32_t flags)
{
	struct drm_dummy_gpu_migrate_run runs[MAX_RUNS];
	struct slot *slot = slot_get(w);
	struct step *step = step_begin(w, what, start, size, flags | slot->device << 8);
	struct dummy_migrated migrated = { 0 };
	unsigned int nr_runs = 0;
	int ret;

	ret = dummy_migrate_runs(slot->vm, start, size, place, flags, &migrated, runs, MAX_RUNS,
				 &nr_runs);
	step_end(step, ret ? ret : migrated.moved);
	/* What is only mapped has no runs. */
	if (is_good(w, what, ret, NO_MEMORY) && !(flags & DRM_DUMMY_GPU_MIGRATE_KEEP))
		check_runs(w, runs, nr_runs, start, size);
	slot_put(slot);
}

void mess_to_device(struct worker *w, char *start, size_t size)
{
	static const uint32_t flags[] = {
		0, 0, 0,
		DRM_DUMMY_GPU_MIGRATE_POPULATE,
		DRM_DUMMY_GPU_MIGRATE_MAP,
		DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE,
		DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_KEEP,
		DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE |
			DRM_DUMMY_GPU_MIGRATE_POPULATE,
	};

	migrate(w, "to_device", start, size, DRM_DUMMY_GPU_PLACE_DEVICE,
		flags[rng_below(&w->rng, ARRAY_SIZE(flags))]);
}

void mess_to_system(struct worker *w, char *start, size_t size)
{
	migrate(w, "to_system", start, size, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

/* How often what comes home may return: never, as it is loaded with, always. */
void run_share(struct worker *w)
{
	static const char * const shares[] = { "0", "10", "100" };
	unsigned int i = rng_below(&w->rng, ARRAY_SIZE(shares));
	struct step *step = step_begin(w, "return_share", NULL, 0, i);

	is_good(w, "return_share", file_write(RETURN_SHARE, shares[i]), ERRNOS(0));
	step_end(step, 0);
}

void mess_evict(struct worker *w, char *start, size_t size)
{
	struct slot *slot = slot_get(w);
	uint64_t wanted = rng_chance(&w->rng, 30) ? UINT64_MAX : size, evicted = 0;
	struct step *step = step_begin(w, "evict", NULL, 0, wanted);
	int ret = dummy_evict(slot->dev, wanted, &evicted);

	(void)start;
	step_end(step, ret ? ret : evicted / page_size);
	is_good(w, "evict", ret, NO_MEMORY);
	slot_put(slot);
}

void mess_advise(struct worker *w, char *start, size_t size)
{
	/* Not ATOMICS, which fails jobs that the model expects to end well. */
	static const enum drm_dummy_gpu_advice advices[] = {
		DRM_DUMMY_GPU_ADVICE_RESET, DRM_DUMMY_GPU_ADVICE_PLACE,
		DRM_DUMMY_GPU_ADVICE_THP, DRM_DUMMY_GPU_ADVICE_GRANULARITY,
		DRM_DUMMY_GPU_ADVICE_READ_MOSTLY, DRM_DUMMY_GPU_ADVICE_PIN,
	};
	struct slot *slot = slot_get(w);
	enum drm_dummy_gpu_advice advice = advices[rng_below(&w->rng, ARRAY_SIZE(advices))];
	uint64_t value = 0;
	struct step *step;
	int ret;

	if (advice == DRM_DUMMY_GPU_ADVICE_PLACE)
		value = rng_below(&w->rng, DRM_DUMMY_GPU_PLACE_PEER);
	else if (advice == DRM_DUMMY_GPU_ADVICE_THP || advice == DRM_DUMMY_GPU_ADVICE_READ_MOSTLY ||
		 advice == DRM_DUMMY_GPU_ADVICE_PIN)
		value = rng_below(&w->rng, 2);
	else if (advice == DRM_DUMMY_GPU_ADVICE_GRANULARITY && rng_chance(&w->rng, 80))
		value = __builtin_ctzl(page_size) + rng_below(&w->rng, 10);
	step = step_begin(w, "advise", start, size, advice << 8 | value);
	ret = dummy_advise(slot->vm, start, size, advice, value);
	step_end(step, ret);
	is_good(w, "advise", ret, ERRNOS(ENOMEM, EAGAIN));
	slot_put(slot);
}

/* All that can be said of a moving thing is that it is possible. */
static bool is_possible(const struct drm_dummy_gpu_page *page, unsigned int device)
{
	switch (page->place) {
	case DRM_DUMMY_GPU_PLACE_NONE:
	case DRM_DUMMY_GPU_PLACE_SYSTEM:
		return !page->device;
	case DRM_DUMMY_GPU_PLACE_DEVICE:
		return page->device == device;
	case DRM_DUMMY_GPU_PLACE_PEER:
		return page->device != device;
	default:
		return false;
	}
}

void mess_snapshot(struct worker *w, char *start, size_t size)
{
	struct slot *slot = slot_get(w);
	/* Not w->next: that may be what a job is about to write. */
	struct drm_dummy_gpu_page pages[64];
	struct step *step;
	size_t nr, i;
	int ret;

	nr = size / page_size < 64 ? size / page_size : 64;
	step = step_begin(w, "snapshot", start, nr * page_size, 0);
	ret = dummy_snapshot(slot->vm, start, nr * page_size, pages);
	step_end(step, ret);
	for (i = 0; is_good(w, "snapshot", ret, NO_MEMORY) && i < nr; i++) {
		if (!is_possible(&pages[i], dummy_device_info(slot->dev)->index))
			complain(w, "snapshot of %p: place %u of device %u", start + i * page_size,
				 pages[i].place, pages[i].device);
	}
	slot_put(slot);
}
