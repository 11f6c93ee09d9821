// SPDX-License-Identifier: GPL-2.0
/*
 * Whatever fails, and wherever: each flow is run with its first point of failure
 * failing, then with its second, and so on until none is left to fail. Each time
 * the data is what it was or what was written, every error is one that is
 * documented, and nothing is left behind. The points are the sites of
 * hmmc_inject() in the modules; the last test fails if no flow has met one.
 */
#include <sys/mman.h>
#include <xf86drm.h>

#include "hmm_harness.h"

#define INJECT		"/sys/kernel/debug/hmm_core/inject/"
#define COPY_ASYNC	"/sys/module/dummy_gpu/parameters/copy_async"
/* More points of failure than any flow has: the end of a sweep without end. */
#define MAX_POINTS	20000
/* How often a site that a worker meets in its own time gets its turn. */
#define MAX_TRIES	20

#define OLD		0x6f6c646f6c646f6cULL
#define NEW		0x6e65776e65776e65ULL

/* Every site, from the source of the modules. */
static const char *const sites[] = {
#include "inject_sites.h"
};

/* From now on the @nth point of failure fails. */
static void arm(unsigned int nth)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", nth);
	file_write(INJECT "nth", text);
}

/* Nothing fails any more. Has something failed? */
static bool disarm(void)
{
	bool fired = file_read(INJECT "injected") > 0;

	file_write(INJECT "nth", "0");
	return fired;
}

/* The @i-th site that anything has met; "" if it has failed. Returns false: there is none. */
static bool site_at(unsigned int i, char name[64])
{
	unsigned long long hits = 0, injected = 0;
	FILE *file = fopen(INJECT "sites", "r");
	bool found = file;

	while (found && i-- + 1)
		found = fscanf(file, "%63s %llu %llu", name, &hits, &injected) == 3;
	if (file)
		fclose(file);
	if (!hits || injected)
		*name = 0;
	return found;
}

/* What may become of a job or a call where memory is short. */
static bool is_documented(int ret)
{
	return ret == 0 || ret == -ENOMEM || ret == DRM_DUMMY_GPU_REASON_NO_MEMORY;
}

/* ---- Memory --------------------------------------------------------------- */

static void words_set(char *mem, size_t size, uint64_t value)
{
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		*(volatile uint64_t *)(mem + offset) = value;
}

/*
 * Words that are neither; only @now will do if @done. Of much memory one of each
 * page, at another place in each.
 */
static size_t words_bad(const char *mem, size_t size, uint64_t before, uint64_t now, bool done)
{
	size_t step = size > 16 * page_size ? page_size + 8 : 8;
	size_t offset, bad = 0;

	for (offset = 0; offset < size; offset += step) {
		uint64_t word = *(volatile const uint64_t *)(mem + offset);

		bad += word != now && (done || word != before);
	}
	return bad;
}

FIXTURE(hmm_inject) {
	struct gpu gpu;
	char *mem;
	size_t size;
	pid_t child;
	int to_child;
};

FIXTURE_VARIANT(hmm_inject) {
	enum mem_kind kind;
	size_t nr_pages;	/* 0: 2 MiB */
	bool async;		/* copies by the copy engine's thread */
};

FIXTURE_VARIANT_ADD(hmm_inject, few_pages) { .kind = MEM_PTE, .nr_pages = 6 };
FIXTURE_VARIANT_ADD(hmm_inject, many_pages) { .kind = MEM_PTE, .nr_pages = 24, .async = true };
FIXTURE_VARIANT_ADD(hmm_inject, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_inject)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (access(INJECT "nth", W_OK))
		SKIP(return, NO_INJECT);
	ASSERT_EQ(0, file_write(COPY_ASYNC, variant->async ? "Y" : "N"));
	self->size = variant->nr_pages ? variant->nr_pages * page_size : HUGE_SIZE;
}

FIXTURE_TEARDOWN(hmm_inject)
{
	disarm();
	file_write(INJECT "probability", "0");
	file_write(INJECT "sites", "all");
	file_write(COPY_ASYNC, "N");
	mem_free_all();
	EXPECT_TRUE(eventually(!gpu_vm_stats(&self->gpu).vram_used));
	teardown_gpu(_metadata, &self->gpu);
}

/* ---- Sweeping ------------------------------------------------------------- */

typedef FIXTURE_DATA(hmm_inject) state;

/**
 * struct flow - what is swept
 * @arrange: before, while nothing fails; or NULL. 0 on success
 * @act: 0, or one of the documented errors
 * @writes: it writes NEW all over the memory, if all goes well
 * @verify: after it, while nothing fails; or NULL. 0 on success
 */
struct flow {
	int (*arrange)(state *self);
	int (*act)(state *self);
	bool writes;
	int (*verify)(state *self);
};

/* One turn, in windows that nothing has touched. Returns what @flow does; @fired: has it failed? */
static int turn(struct __test_metadata *_metadata, state *self, enum mem_kind kind,
		const struct flow *flow, unsigned int nth, bool *fired)
{
	int ret;

	self->mem = mem_populate(self->size, kind);
	ASSERT_NE(NULL, self->mem);
	words_set(self->mem, self->size, OLD);
	ASSERT_EQ(0, flow->arrange ? flow->arrange(self) : 0);

	arm(nth);
	ret = flow->act(self);
	*fired = disarm();

	EXPECT_TRUE(is_documented(ret))
		TH_LOG("failing at point %u of the flow: %d", nth, ret);
	EXPECT_EQ(0, words_bad(self->mem, self->size, OLD, flow->writes ? NEW : OLD, !ret))
		TH_LOG("failing at point %u of the flow", nth);
	EXPECT_EQ(0, flow->verify ? flow->verify(self) : 0)
		TH_LOG("failing at point %u of the flow", nth);
	mem_free(self->mem);
	return ret;
}

static void sweep(struct __test_metadata *_metadata, state *self, enum mem_kind kind,
		  const struct flow *flow)
{
	unsigned int nth = 0, i;
	char name[64];
	bool fired;
	int ret;

	do {
		/* A flow that goes page by page has hundreds that are alike. */
		nth += 1 + nth / 16;
		ret = turn(_metadata, self, kind, flow, nth, &fired);
	} while (fired && nth < MAX_POINTS);

	/* The last turn met no failure. */
	EXPECT_FALSE(fired);
	EXPECT_EQ(0, ret);
	EXPECT_LT(1, nth);

	/* What it met, but stepped over. */
	for (i = 0; site_at(i, name); i++) {
		if (!*name)
			continue;
		ASSERT_EQ(0, file_write(INJECT "sites", name));
		turn(_metadata, self, kind, flow, 1, &fired);
		ASSERT_EQ(0, file_write(INJECT "sites", "all"));
	}
}

/* ---- Memory that moves ---------------------------------------------------- */

static int to_device(state *self)
{
	return gpu_to_device(&self->gpu, self->mem, self->size);
}

static int device_writes(state *self)
{
	return gpu_fill(&self->gpu, self->mem, self->size, NEW);
}

TEST_F_TIMEOUT(hmm_inject, device_write_is_done_or_fails, 120)
{
	const struct flow flow = { .act = device_writes, .writes = true };

	sweep(_metadata, self, variant->kind, &flow);
}

static int device_writes_at_home(state *self)
{
	int ret = gpu_advise_place(&self->gpu, self->mem, self->size, DRM_DUMMY_GPU_PLACE_SYSTEM);

	return ret ? ret : device_writes(self);
}

TEST_F_TIMEOUT(hmm_inject, device_write_to_system_memory_is_done_or_fails, 120)
{
	const struct flow flow = { .act = device_writes_at_home, .writes = true };

	sweep(_metadata, self, variant->kind, &flow);
}

static int device_writes_hole(state *self)
{
	/* Nothing there: zero until it is written. */
	if (madvise(self->mem, self->size, MADV_DONTNEED))
		return -errno;
	return device_writes(self);
}

static int hole_has_zeros(state *self)
{
	return words_bad(self->mem, self->size, 0, NEW, false) != 0;
}

static int fill_hole(state *self)
{
	int ret = device_writes_hole(self);

	if (hole_has_zeros(self))
		return -EIO;
	/* For the sweep, which expects what was there before. */
	words_set(self->mem, self->size, NEW);
	return ret;
}

TEST_F_TIMEOUT(hmm_inject, device_write_to_hole_is_done_or_leaves_zeros, 120)
{
	const struct flow flow = { .act = fill_hole, .writes = true };

	sweep(_metadata, self, variant->kind, &flow);
}

static int move_to_and_fro(state *self)
{
	struct dummy_migrated migrated;
	struct drm_dummy_gpu_migrate_run runs[32];
	unsigned int nr_runs;
	int ret;

	ret = dummy_migrate_runs(self->gpu.vm, self->mem, self->size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 DRM_DUMMY_GPU_MIGRATE_MAP, &migrated, runs, 32, &nr_runs);
	if (!ret)
		ret = dummy_migrate_runs(self->gpu.vm, self->mem, self->size,
					 DRM_DUMMY_GPU_PLACE_SYSTEM, 0, &migrated, runs, 32,
					 &nr_runs);
	return ret;
}

TEST_F_TIMEOUT(hmm_inject, memory_that_is_asked_to_and_fro_keeps_its_data, 120)
{
	const struct flow flow = { .act = move_to_and_fro };

	sweep(_metadata, self, variant->kind, &flow);
}

static int limit_to_half(state *self)
{
	return dummy_vm_limit(self->gpu.vm, self->size / 2 / page_size * page_size);
}

static int work_at_limit(state *self)
{
	int ret = move_to_and_fro(self);

	return ret ? ret : device_writes(self);
}

TEST_F_TIMEOUT(hmm_inject, work_at_a_limit_is_done_or_fails, 120)
{
	const struct flow flow = {
		.arrange = limit_to_half,
		.act = work_at_limit,
		.writes = true,
	};

	sweep(_metadata, self, variant->kind, &flow);
}

static int cpu_reads(state *self)
{
	return words_bad(self->mem, self->size, OLD, OLD, true) != 0;
}

TEST_F_TIMEOUT(hmm_inject, cpu_fault_never_fails, 120)
{
	const struct flow flow = { .arrange = to_device, .act = cpu_reads };

	sweep(_metadata, self, variant->kind, &flow);
}

/* A counter of the device. */
static long long counter(const struct gpu *gpu, const char *name)
{
	char path[96], other[64];
	long long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/debug/hmm_core/dummy_gpu.%u/stats", gpu->index);
	file = fopen(path, "r");
	while (file && fscanf(file, "%63s %lld", other, &value) == 2 && strcmp(other, name))
		value = -1;
	if (file)
		fclose(file);
	return value;
}

TEST_F(hmm_inject, cpu_fault_finds_a_page_where_there_is_no_memory)
{
	long long before = counter(&self->gpu, "reserve_taken");
	size_t bad;

	self->mem = must_alloc(_metadata, self->size, variant->kind);
	words_set(self->mem, self->size, OLD);
	ASSERT_EQ(0, to_device(self));
	ASSERT_LE(0, before);
	EXPECT_LT(0, counter(&self->gpu, "reserve"));

	/* More faults than the reserve has pages wait for those who refill it. */
	ASSERT_EQ(0, file_write(INJECT "sites", "pages page huge_page"));
	ASSERT_EQ(0, file_write(INJECT "probability", "100"));
	bad = words_bad(self->mem, self->size, OLD, OLD, true);
	file_write(INJECT "probability", "0");
	file_write(INJECT "sites", "all");

	EXPECT_EQ(0, bad);
	EXPECT_LE(before + (long long)(self->size / page_size),
		  counter(&self->gpu, "reserve_taken"));
	EXPECT_TRUE(eventually(counter(&self->gpu, "reserve") == 64));
}

static int evict_all(state *self)
{
	return dummy_evict(self->gpu.dev, UINT64_MAX, NULL);
}

TEST_F_TIMEOUT(hmm_inject, eviction_keeps_the_data, 120)
{
	const struct flow flow = { .arrange = to_device, .act = evict_all };

	sweep(_metadata, self, variant->kind, &flow);
}

/* ---- Memory that is shared ------------------------------------------------ */

/* A child that looks at its copy when it is told to. */
static int share_with_child(state *self)
{
	int pipes[2], ret;
	char go;

	ret = to_device(self);
	if (ret)
		return ret;
	if (pipe(pipes))
		return -errno;
	self->child = fork();
	if (self->child < 0)
		return -errno;
	if (!self->child) {
		close(pipes[1]);
		if (read(pipes[0], &go, 1) != 1)
			_exit(2);
		_exit(words_bad(self->mem, self->size, OLD, OLD, true) ? 1 : 0);
	}
	close(pipes[0]);
	self->to_child = pipes[1];
	return 0;
}

static int child_sees_no_write(state *self)
{
	int status;

	if (write(self->to_child, "", 1) != 1)
		return -errno;
	close(self->to_child);
	if (waitpid(self->child, &status, 0) != self->child)
		return -errno;
	return status;
}

TEST_F_TIMEOUT(hmm_inject, child_never_sees_device_write, 600)
{
	const struct flow flow = {
		.arrange = share_with_child,
		.act = device_writes,
		.writes = true,
		.verify = child_sees_no_write,
	};

	sweep(_metadata, self, variant->kind, &flow);
}

static int stay_home(state *self)
{
	return gpu_advise_place(&self->gpu, self->mem, self->size, DRM_DUMMY_GPU_PLACE_SYSTEM);
}

/* Three additions by the device, with one by the CPU after each. */
static int add_together(state *self)
{
	volatile uint64_t *counter = (volatile uint64_t *)(self->mem + 8);
	uint64_t expected = *counter;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 3 && !ret; i++) {
		dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(counter), 1, 8);
		ret = gpu_run(&self->gpu);
		expected += !ret;
		expected += 10;
		__atomic_add_fetch(counter, 10, __ATOMIC_SEQ_CST);
		if (*counter != expected)
			return -EIO;
	}
	*counter = OLD;
	return ret;
}

TEST_F_TIMEOUT(hmm_inject, atomics_add_up, 120)
{
	const struct flow flow = { .arrange = stay_home, .act = add_together };

	sweep(_metadata, self, variant->kind, &flow);
}

/* ---- What else there is --------------------------------------------------- */

FIXTURE(hmm_inject_call) {
	struct gpu gpu;
};

FIXTURE_SETUP(hmm_inject_call)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (access(INJECT "nth", W_OK))
		SKIP(return, NO_INJECT);
}

FIXTURE_TEARDOWN(hmm_inject_call)
{
	disarm();
	teardown_gpu(_metadata, &self->gpu);
}

/* One call of @act, 0 or a documented error. Returns it; @fired: has it failed? */
static int call(struct __test_metadata *_metadata, struct gpu *gpu, int (*act)(struct gpu *gpu),
		unsigned int nth, bool *fired)
{
	int ret;

	arm(nth);
	ret = act(gpu);
	*fired = disarm();
	EXPECT_TRUE(is_documented(ret))
		TH_LOG("failing at point %u of the flow: %d", nth, ret);
	return ret;
}

/* Calls of @act until no point of failure is left. */
static void sweep_call(struct __test_metadata *_metadata, struct gpu *gpu,
		       int (*act)(struct gpu *gpu))
{
	unsigned int nth = 0, i, tries;
	char name[64];
	bool fired;
	int ret;

	do {
		ret = call(_metadata, gpu, act, ++nth, &fired);
	} while (fired && nth < MAX_POINTS);
	EXPECT_FALSE(fired);
	EXPECT_EQ(0, ret);
	EXPECT_LT(1, nth);

	/* What it met in the turn of another: workers hit their sites when they get to run. */
	for (i = 0; site_at(i, name); i++) {
		if (!*name)
			continue;
		ASSERT_EQ(0, file_write(INJECT "sites", name));
		for (tries = 0, fired = false; tries < MAX_TRIES && !fired; tries++)
			call(_metadata, gpu, act, 1, &fired);
		ASSERT_EQ(0, file_write(INJECT "sites", "all"));
	}
}

static int keep_first(int ret, int other)
{
	return ret ? ret : other;
}

/* From a file to a job that has run, in a process that has no mirror. */
static int start_from_nothing(struct gpu *parent)
{
	unsigned int index = parent->index;
	pid_t child = fork();
	struct gpu gpu;
	int status, ret;

	if (child < 0)
		return -errno;
	if (child) {
		if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
			return -EIO;
		return -WEXITSTATUS(status);
	}
	ret = gpu_open(&gpu, index);
	/* The helper takes a node that cannot be opened for none. */
	if (ret == -ENODEV)
		ret = -ENOMEM;
	if (!ret)
		ret = gpu_store(&gpu, gpu.staging, NEW);
	if (!ret && *(volatile uint64_t *)gpu.staging != NEW)
		ret = -EIO;
	gpu_close(&gpu);
	_exit(ret > 0 ? ENOMEM : -ret);
}

TEST_F_TIMEOUT(hmm_inject_call, process_starts_or_is_told_why_not, 120)
{
	sweep_call(_metadata, &self->gpu, start_from_nothing);
}

#define STREAMS		0x100000000ULL
#define DATA		0x200000000ULL

/* A job that is known by a point of a timeline, with memory bound by hand. */
static int run_bound(struct gpu *gpu, struct dummy_vm *vm, struct dummy_queue *queue,
		     struct dummy_stream *stream, struct dummy_bo *bo)
{
	int fd = dummy_device_fd(gpu->dev);
	struct drm_dummy_gpu_sync sync = {
		.flags = DRM_DUMMY_GPU_SYNC_SIGNAL | DRM_DUMMY_GPU_SYNC_TIMELINE,
		.value = 5,
	};
	struct dummy_submit_options options = { .syncs = &sync, .nr_syncs = 1 };
	struct drm_dummy_gpu_job_query status = { 0 };
	uint64_t job_id;
	void *data;
	int ret;

	ret = dummy_bo_map(bo, &data);
	ret = ret ? ret : dummy_vm_bind(vm, bo, 0, DATA, dummy_bo_size(bo), 0);
	/* In the middle of it, so that it becomes two. */
	ret = ret ? ret : dummy_vm_unbind(vm, DATA + page_size, page_size);
	ret = ret ? ret : dummy_stream_store(stream, DATA, NEW, 8);
	ret = ret ? ret : dummy_stream_bind(stream, vm, STREAMS);
	if (ret)
		return ret;
	if (drmSyncobjCreate(fd, 0, &sync.handle))
		return -errno;
	ret = dummy_submit(queue, stream, &options, &job_id);
	ret = ret ? ret : gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status);
	if (!ret && *(volatile uint64_t *)data != NEW)
		ret = -EIO;
	drmSyncobjDestroy(fd, sync.handle);
	return ret;
}

static int bind_and_run(struct gpu *gpu, uint32_t flags)
{
	struct dummy_stream *stream = NULL;
	struct dummy_queue *queue = NULL;
	struct dummy_vm *vm = NULL;
	struct dummy_bo *bo = NULL;
	int ret;

	ret = dummy_vm_create(gpu->dev, 0, &vm);
	ret = ret ? ret : dummy_queue_create(vm, 0, 0, -1, &queue);
	ret = ret ? ret : dummy_bo_create(gpu->dev, 4 * page_size, flags, &bo);
	ret = ret ? ret : dummy_stream_create(&stream);
	ret = ret ? ret : run_bound(gpu, vm, queue, stream, bo);
	/* Whatever there is of it goes without an error. */
	ret = keep_first(ret, dummy_stream_destroy(stream));
	ret = keep_first(ret, dummy_queue_destroy(queue));
	ret = keep_first(ret, dummy_vm_destroy(vm));
	return keep_first(ret, dummy_bo_destroy(bo));
}

static int bind_system(struct gpu *gpu)
{
	return bind_and_run(gpu, 0);
}

TEST_F_TIMEOUT(hmm_inject_call, bound_job_runs_or_its_setup_fails, 120)
{
	sweep_call(_metadata, &self->gpu, bind_system);
}

/* What is in the way is evicted, and the chunks are the allocator's afterwards. */
static int bind_vram(struct gpu *gpu)
{
	char *mem = mem_alloc(HUGE_SIZE, MEM_PTE);
	int ret;

	words_set(mem, HUGE_SIZE, OLD);
	ret = bind_and_run(gpu, DRM_DUMMY_GPU_GEM_VRAM);
	ret = keep_first(ret, dummy_migrate(gpu->vm, mem, HUGE_SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0,
					    NULL));
	if (words_bad(mem, HUGE_SIZE, OLD, OLD, true))
		ret = -EIO;
	mem_free(mem);
	return ret;
}

TEST_F_TIMEOUT(hmm_inject_call, job_in_device_memory_runs_or_its_setup_fails, 120)
{
	sweep_call(_metadata, &self->gpu, bind_vram);
}

static int advise_and_look(struct gpu *gpu)
{
	struct drm_dummy_gpu_page pages[40];
	char *mem = mem_alloc(40 * page_size, MEM_PTE);
	int ret;

	words_set(mem, 40 * page_size, OLD);
	ret = gpu_advise_place(gpu, mem, 8 * page_size, DRM_DUMMY_GPU_PLACE_SYSTEM);
	ret = ret ? ret : dummy_advise(gpu->vm, mem + page_size, page_size,
				       DRM_DUMMY_GPU_ADVICE_RESET, 0);
	ret = ret ? ret : dummy_snapshot(gpu->vm, mem, 40 * page_size, pages);
	if (!ret && pages[39].place != DRM_DUMMY_GPU_PLACE_SYSTEM)
		ret = -EIO;
	mem_free(mem);
	return ret;
}

TEST_F_TIMEOUT(hmm_inject_call, advice_and_snapshot_are_done_or_fail, 120)
{
	sweep_call(_metadata, &self->gpu, advise_and_look);
}

/* A job whose engine hangs, and one after it. */
static int hang_and_run(struct gpu *gpu)
{
	int ret = chip_write(gpu->index, "hang", "0");

	/* The dump of the one before would be in the way. */
	dumps_take(NULL);
	ret = ret ? ret : gpu_store(gpu, gpu->staging, NEW);
	if (ret == DRM_DUMMY_GPU_REASON_HANG)
		ret = gpu_store(gpu, gpu->staging, NEW);
	else if (!ret)
		ret = -EIO;
	/* It did not get that far: the engine is to be whole for the next turn. */
	chip_write(gpu->index, "hang", "none");
	return ret;
}

TEST_F_TIMEOUT(hmm_inject_call, engine_that_hangs_is_reset_whatever_else_fails, 240)
{
	long long before = parameter_read("hang_timeout_ms");

	ASSERT_EQ(0, parameter_write("hang_timeout_ms", 500));
	sweep_call(_metadata, &self->gpu, hang_and_run);
	parameter_write("hang_timeout_ms", before);
	dumps_take(NULL);
}

/* ---- Nothing is forgotten ------------------------------------------------- */

static bool was_injected(const char *name)
{
	unsigned long long hits, injected = 0;
	FILE *file = fopen(INJECT "sites", "r");
	char other[64];

	if (!file)
		return false;
	while (fscanf(file, "%63s %llu %llu", other, &hits, &injected) == 3) {
		if (!strcmp(other, name))
			break;
		injected = 0;
	}
	fclose(file);
	return injected;
}

/* A fixture, so that it comes last. */
FIXTURE(hmm_inject_all) {
};

FIXTURE_SETUP(hmm_inject_all)
{
	if (access(INJECT "nth", W_OK))
		SKIP(return, NO_INJECT);
}

FIXTURE_TEARDOWN(hmm_inject_all)
{
}

/* By all that ran before it in this machine. */
TEST_F(hmm_inject_all, every_site_has_failed)
{
	size_t i, met = 0;

	for (i = 0; i < sizeof(sites) / sizeof(*sites); i++) {
		if (was_injected(sites[i]))
			met++;
		else
			TH_LOG("no test has met %s", sites[i]);
	}
	EXPECT_LT(0, met);
	EXPECT_EQ(sizeof(sites) / sizeof(*sites), met);
}

TEST_HARNESS_MAIN
