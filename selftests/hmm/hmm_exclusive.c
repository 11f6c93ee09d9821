// SPDX-License-Identifier: GPL-2.0
/*
 * Device atomics: increments of one counter by CPUs and devices always add up,
 * because the page is exclusive to one of them at a time. The chip does an atomic
 * as a load, a delay and a store, so without exclusivity they do not add up, and
 * one test switches it off to see just that.
 */
#include "hmm_harness.h"

#define NR_DEVICE	100	/* increments by each job */

static void expect_place(struct __test_metadata *_metadata, struct gpu *gpu, char *mem,
			 size_t size, enum drm_dummy_gpu_place place)
{
	ASSERT_EQ(0, gpu_advise_place(gpu, mem, size, place));
	ASSERT_EQ(0, gpu_move(gpu, mem, size, place, 0));
}

/* Let the job of @gpu add 1 to the counter, NR_DEVICE times. */
static void stream_increments(struct gpu *gpu, volatile void *counter, unsigned int width)
{
	uint64_t loop;

	dummy_stream_set(gpu->stream, 1, 0);
	loop = dummy_stream_size(gpu->stream);
	dummy_stream_atomic_add(gpu->stream, 0, dummy_addr(counter), 1, width);
	dummy_stream_add(gpu->stream, 1, 1);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_LT, 1, NR_DEVICE);
}

static int atomic_add(struct gpu *gpu, volatile void *counter, uint64_t value, uint64_t *old)
{
	int ret;

	dummy_stream_atomic_add(gpu->stream, 0, dummy_addr(counter), value, 8);
	dummy_stream_store_reg(gpu->stream, dummy_addr(gpu->staging), 0, 8);
	ret = gpu_run(gpu);
	if (!ret && old)
		*old = *(volatile uint64_t *)gpu->staging;
	return ret;
}

/* A CPU that adds 1 until the devices have finished. */
struct adder {
	pthread_t thread;
	volatile uint64_t *counter;
	volatile bool *stop;
	uint64_t nr;
};

static void *add(void *arg)
{
	struct adder *adder = arg;

	while (!*adder->stop) {
		__atomic_fetch_add(adder->counter, 1, __ATOMIC_SEQ_CST);
		adder->nr++;
	}
	return NULL;
}

/* How long the increments of a job may take: a CPU wins most of the tries. */
#define COUNT_MS	(3 * LIVE_MS)

/* Jobs of @gpu may take so long. */
static int allow_time(struct gpu *gpu, unsigned int engine)
{
	int ret = dummy_queue_destroy(gpu->queue);

	return ret ? ret : dummy_queue_create(gpu->vm, engine % gpu_engines(gpu), 2 * COUNT_MS, -1,
					      &gpu->queue);
}

/* The same without a loop: the offset of the job tells how many are done. */
static int start_adds(struct gpu *gpu, volatile uint64_t *counter, unsigned int nr,
		      uint64_t *job_id)
{
	while (nr--)
		dummy_stream_atomic_add(gpu->stream, 0, dummy_addr(counter), 1, 8);
	return gpu_start(gpu, job_id);
}

/*
 * A CPU may win every try of one atomic, which ends the job. What it has done
 * before counts, and another job does the rest.
 */
static int finish_adds(struct gpu *gpu, volatile uint64_t *counter, uint64_t job_id)
{
	uint64_t size = dummy_stream_size(gpu->stream) / NR_DEVICE, until = now_ms() + COUNT_MS;
	unsigned int left = NR_DEVICE;
	int ret;

	do {
		ret = gpu_result(dummy_wait(gpu->queue, job_id, COUNT_MS * 1000000ULL, &gpu->job),
				 &gpu->job);
		dummy_stream_reset(gpu->stream);
		if (ret != DRM_DUMMY_GPU_REASON_CONTENDED || now_ms() > until)
			break;
		left -= gpu->job.stream_offset / size;
		ret = start_adds(gpu, counter, left, &job_id);
	} while (!ret);
	return ret;
}

/*
 * CPUs and @nr_gpus jobs increment one counter. Returns how many increments were
 * lost; INT64_MIN: a job failed.
 */
static int64_t lost_increments(struct gpu **gpus, unsigned int nr_gpus, unsigned int nr_cpus,
			       volatile uint64_t *counter, uint64_t *by_cpu)
{
	struct adder adders[4];
	uint64_t jobs[4], sum = (uint64_t)nr_gpus * NR_DEVICE;
	volatile bool stop = false;
	unsigned int i;
	int ret = 0;

	*counter = 0;
	for (i = 0; i < nr_cpus; i++) {
		adders[i] = (struct adder) { .counter = counter, .stop = &stop };
		pthread_create(&adders[i].thread, NULL, add, &adders[i]);
		eventually(*(volatile uint64_t *)&adders[i].nr);
	}
	for (i = 0; i < nr_gpus; i++)
		ret |= start_adds(gpus[i], counter, NR_DEVICE, &jobs[i]);
	for (i = 0; i < nr_gpus && !ret; i++)
		ret |= finish_adds(gpus[i], counter, jobs[i]);
	stop = true;
	*by_cpu = 0;
	for (i = 0; i < nr_cpus; i++) {
		pthread_join(adders[i].thread, NULL);
		*by_cpu += adders[i].nr;
	}
	return ret ? INT64_MIN : (int64_t)(sum + *by_cpu - *counter);
}

/* ---- Sums ----------------------------------------------------------------- */

FIXTURE(hmm_exclusive_sum) {
	struct gpu gpu, lane;
	volatile uint64_t *counter;
};

FIXTURE_VARIANT(hmm_exclusive_sum) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_exclusive_sum, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_exclusive_sum, pte_to_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_exclusive_sum, pte_by_policy) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_NONE,
};

FIXTURE_VARIANT_ADD(hmm_exclusive_sum, thp_in_system) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_exclusive_sum, thp_to_device) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_SETUP(hmm_exclusive_sum)
{
	char *mem;

	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, gpu_lane(&self->lane, &self->gpu, 1));
	ASSERT_EQ(0, allow_time(&self->gpu, 0));
	ASSERT_EQ(0, allow_time(&self->lane, 1));
	mem = must_alloc(_metadata, HUGE_SIZE, variant->kind);
	memset(mem, 0, HUGE_SIZE);
	if (!mem_is_kind(mem, HUGE_SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, mem, HUGE_SIZE, variant->place));
	self->counter = (uint64_t *)(mem + 3 * page_size);
}

FIXTURE_TEARDOWN(hmm_exclusive_sum)
{
	EXPECT_EQ(0, gpu_close(&self->lane));
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F_TIMEOUT(hmm_exclusive_sum, cpu_and_device_increments_add_up, 240)
{
	struct gpu *gpus[] = { &self->gpu };
	uint64_t by_cpu;

	EXPECT_EQ(0, lost_increments(gpus, 1, 1, self->counter, &by_cpu));
}

TEST_F_TIMEOUT(hmm_exclusive_sum, two_cpus_and_two_queues_add_up, 240)
{
	struct gpu *gpus[] = { &self->gpu, &self->lane };
	uint64_t by_cpu;

	EXPECT_EQ(0, lost_increments(gpus, 2, 2, self->counter, &by_cpu));
}

TEST_F(hmm_exclusive_sum, two_queues_alone_add_up)
{
	struct gpu *gpus[] = { &self->gpu, &self->lane };
	uint64_t by_cpu;

	EXPECT_EQ(0, lost_increments(gpus, 2, 0, self->counter, &by_cpu));
	EXPECT_EQ(2 * NR_DEVICE, *self->counter);
}

TEST_F(hmm_exclusive_sum, small_counters_in_one_word_add_up)
{
	volatile uint32_t *counters = (uint32_t *)self->counter;
	uint64_t jobs[2];

	*self->counter = 0;
	stream_increments(&self->gpu, &counters[0], 4);
	stream_increments(&self->lane, &counters[1], 4);
	ASSERT_EQ(0, gpu_start(&self->gpu, &jobs[0]));
	ASSERT_EQ(0, gpu_start(&self->lane, &jobs[1]));
	EXPECT_EQ(0, gpu_finish(&self->gpu, jobs[0]));
	EXPECT_EQ(0, gpu_finish(&self->lane, jobs[1]));
	EXPECT_EQ(NR_DEVICE, counters[0]);
	EXPECT_EQ(NR_DEVICE, counters[1]);
}

TEST_F(hmm_exclusive_sum, compare_and_swap_wins_exactly_once)
{
	unsigned int round, wins;
	uint64_t job_id;
	uint64_t *old = (uint64_t *)self->gpu.staging;
	uint64_t zero;

	/* A lock that CPU and device try to take. */
	for (round = 0; round < 20; round++) {
		*self->counter = 0;
		*(volatile uint64_t *)old = -1;
		dummy_stream_atomic_cas(self->gpu.stream, 3, dummy_addr(self->counter), 0, 2, 8);
		dummy_stream_store_reg(self->gpu.stream, dummy_addr(old), 3, 8);
		ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
		zero = 0;
		wins = __atomic_compare_exchange_n(self->counter, &zero, 1, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		ASSERT_EQ(0, gpu_finish(&self->gpu, job_id));
		wins += *(volatile uint64_t *)old == 0;
		EXPECT_EQ(1, wins);
		EXPECT_EQ(*(volatile uint64_t *)old == 0 ? 2 : 1, *self->counter);
	}
}

/* ---- That the sums can be wrong ------------------------------------------- */

FIXTURE(hmm_exclusive_off) {
	struct gpu gpu;
	volatile uint64_t *counter;
};

FIXTURE_SETUP(hmm_exclusive_off)
{
	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, allow_time(&self->gpu, 0));
	self->counter = (uint64_t *)must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	*self->counter = 0;
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->counter, HUGE_SIZE,
				      DRM_DUMMY_GPU_PLACE_SYSTEM));
	if (knob_write("exclusive", "0"))
		SKIP(_exit(0), "needs the knob hmm_core/exclusive in debugfs");
}

FIXTURE_TEARDOWN(hmm_exclusive_off)
{
	EXPECT_EQ(0, knob_write("exclusive", "1"));
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_exclusive_off, increments_are_lost_without_exclusivity)
{
	struct gpu *gpus[] = { &self->gpu };
	uint64_t by_cpu;
	int64_t lost = 0;

	/* It takes processors that really run at the same time. */
	EXPECT_TRUE(eventually((lost = lost_increments(gpus, 1, 1, self->counter, &by_cpu))));
	EXPECT_LT(0, lost);

	/* It is the knob and nothing else. */
	ASSERT_EQ(0, knob_write("exclusive", "1"));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->counter, page_size));
	EXPECT_EQ(0, lost_increments(gpus, 1, 1, self->counter, &by_cpu));
}

/* ---- What becomes of an exclusive page ------------------------------------ */

FIXTURE(hmm_exclusive) {
	struct gpu gpu;
	char *mem;
	volatile uint64_t *word;
	size_t size;
};

FIXTURE_VARIANT(hmm_exclusive) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_exclusive, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_exclusive, thp) { .kind = MEM_THP };

/* One page is exclusive and holds 100, in memory that is kept in the system. */
FIXTURE_SETUP(hmm_exclusive)
{
	uint64_t old = 0;

	setup_gpu(_metadata, &self->gpu, 0);
	self->size = HUGE_SIZE;
	self->mem = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(self->mem, self->size, 1);
	if (!mem_is_kind(self->mem, self->size, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	self->word = (uint64_t *)(self->mem + 5 * page_size);
	*self->word = 99;
	expect_place(_metadata, &self->gpu, self->mem, self->size, DRM_DUMMY_GPU_PLACE_SYSTEM);
	ASSERT_EQ(0, atomic_add(&self->gpu, self->word, 1, &old));
	ASSERT_EQ(99, old);
	ASSERT_EQ(IN_EXCLUSIVE, page_in(self->word));
}

FIXTURE_TEARDOWN(hmm_exclusive)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_exclusive, only_the_page_of_the_atomic_is_exclusive)
{
	struct drm_dummy_gpu_page page;

	EXPECT_EQ(1, pages_in(self->mem, self->size, IN_EXCLUSIVE));
	EXPECT_EQ(self->size / page_size - 1, pages_in(self->mem, self->size, IN_SYSTEM));
	ASSERT_EQ(0, gpu_page(&self->gpu, self->word, &page));
	EXPECT_EQ(DRM_DUMMY_GPU_PLACE_SYSTEM, page.place);
	EXPECT_TRUE(page.flags & DRM_DUMMY_GPU_PAGE_EXCLUSIVE);
	ASSERT_EQ(0, gpu_page(&self->gpu, self->mem, &page));
	EXPECT_FALSE(page.flags & DRM_DUMMY_GPU_PAGE_EXCLUSIVE);
	EXPECT_EQ(1, gpu_vm_stats(&self->gpu).exclusives);
}

TEST_F(hmm_exclusive, cpu_access_takes_the_page_back)
{
	EXPECT_EQ(100, *self->word);
	EXPECT_EQ(IN_SYSTEM, page_in(self->word));
	*self->word = 200;
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, NULL));
	EXPECT_EQ(201, *self->word);
	EXPECT_EQ(0, pattern_bad(self->mem, 5 * page_size, 1));
	EXPECT_EQ(pattern(1, 5 * page_size + 8), self->word[1]);
}

TEST_F(hmm_exclusive, next_atomic_reuses_the_exclusive_page)
{
	uint64_t exclusives = gpu_vm_stats(&self->gpu).exclusives;
	uint64_t old;

	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, &old));
	EXPECT_EQ(100, old);
	EXPECT_EQ(0, atomic_add(&self->gpu, &self->word[2], 1, &old));
	EXPECT_EQ(pattern(1, 5 * page_size + 16), old);
	EXPECT_EQ(exclusives, gpu_vm_stats(&self->gpu).exclusives);
	EXPECT_EQ(IN_EXCLUSIVE, page_in(self->word));
	EXPECT_EQ(101, *self->word);
}

TEST_F(hmm_exclusive, device_reads_and_writes_its_exclusive_page)
{
	uint64_t value = 0;

	EXPECT_EQ(0, gpu_load(&self->gpu, self->word, &value));
	EXPECT_EQ(100, value);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->word, 7));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, &value));
	EXPECT_EQ(7, value);
	EXPECT_EQ(8, *self->word);
}

TEST_F(hmm_exclusive, system_calls_and_other_processes_see_the_sum)
{
	uint64_t data = 0;
	int ends[2], fd;

	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(8, write(ends[1], (void *)self->word, 8));
	ASSERT_EQ(8, read(ends[0], &data, 8));
	EXPECT_EQ(100, data);
	close(ends[0]);
	close(ends[1]);

	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, NULL));
	EXPECT_EQ(IN_EXCLUSIVE, page_in(self->word));
	fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(8, pread(fd, &data, 8, dummy_addr(self->word)));
	EXPECT_EQ(101, data);
	close(fd);
}

TEST_F(hmm_exclusive, atomic_on_read_only_memory_fails)
{
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, atomic_add(&self->gpu, self->word, 1, NULL));
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_ATOMIC, self->gpu.job.access);
	EXPECT_EQ(dummy_addr(self->word), self->gpu.job.fault_addr);
	EXPECT_EQ(100, *self->word);
	ASSERT_EQ(0, mprotect(self->mem, self->size, PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, NULL));
	EXPECT_EQ(101, *self->word);
}

TEST_F(hmm_exclusive, fork_ends_exclusivity_and_leaks_nothing)
{
	struct meeting meeting;
	uint64_t old = 0;
	pid_t child;

	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		EXPECT_EQ(100, *self->word);
		meet(&meeting);
		meet(&meeting);
		/* The parent's device has added since. */
		EXPECT_EQ(100, *self->word);
		*self->word = 5;
		meet(&meeting);
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, pages_in(self->mem, self->size, IN_EXCLUSIVE));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, &old));
	EXPECT_EQ(100, old);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, &old));
	EXPECT_EQ(101, old);
	EXPECT_EQ(102, *self->word);
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_exclusive, exclusive_page_moves_with_its_value)
{
	uint64_t old = 0;

	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	EXPECT_EQ(0, atomic_add(&self->gpu, self->word, 1, &old));
	EXPECT_EQ(100, old);
	EXPECT_EQ(101, *self->word);
	EXPECT_EQ(pattern(1, 8), *(volatile uint64_t *)(self->mem + 8));
}

TEST_F(hmm_exclusive, mremap_takes_the_value_along)
{
	char *target = must_map(_metadata, self->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	uint64_t old = 0;

	ASSERT_EQ(target, mremap(self->mem, self->size, self->size, MREMAP_MAYMOVE | MREMAP_FIXED,
				 target));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, atomic_add(&self->gpu, self->word, 1, NULL));
	EXPECT_EQ(0, atomic_add(&self->gpu, target + 5 * page_size, 1, &old));
	EXPECT_EQ(100, old);
	EXPECT_EQ(101, *(volatile uint64_t *)(target + 5 * page_size));
}

TEST_F(hmm_exclusive, destroying_the_vm_gives_the_page_back)
{
	ASSERT_EQ(0, dummy_queue_destroy(self->gpu.queue));
	ASSERT_EQ(0, dummy_vm_destroy(self->gpu.vm));
	self->gpu.queue = NULL;
	self->gpu.vm = NULL;
	EXPECT_EQ(100, *self->word);
	EXPECT_EQ(IN_SYSTEM, page_in(self->word));
}

TEST_F(hmm_exclusive, atomics_on_many_pages_are_each_done_once)
{
	size_t offset, bad = 0;

	for (offset = 0; offset < self->size; offset += page_size)
		dummy_stream_atomic_add(self->gpu.stream, 0, dummy_addr(self->mem + offset), 1, 8);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	for (offset = 0; offset < self->size; offset += page_size) {
		uint64_t expected = offset == 5 * page_size ? 101 : pattern(1, offset) + 1;

		bad += *(volatile uint64_t *)(self->mem + offset) != expected;
	}
	EXPECT_EQ(0, bad);
}

/* ---- Memory that cannot be exclusive -------------------------------------- */

FIXTURE(hmm_exclusive_refused) {
	struct gpu gpu;
	int fd;
};

FIXTURE_SETUP(hmm_exclusive_refused)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->fd = memfd_create("hmm_exclusive", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, HUGE_SIZE));
}

FIXTURE_TEARDOWN(hmm_exclusive_refused)
{
	teardown_gpu(_metadata, &self->gpu);
	close(self->fd);
}

static void expect_unsupported(struct __test_metadata *_metadata, struct gpu *gpu, char *mem)
{
	volatile uint64_t *word = (uint64_t *)mem;

	*word = 50;
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED, atomic_add(gpu, word, 1, NULL));
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_ATOMIC, gpu->job.access);
	EXPECT_EQ(dummy_addr(word), gpu->job.fault_addr);
	EXPECT_EQ(50, *word);
	/* Anything but an atomic is fine. */
	EXPECT_EQ(0, gpu_store(gpu, word, 51));
	EXPECT_EQ(51, *word);
}

TEST_F(hmm_exclusive_refused, atomic_on_shared_anonymous_memory_fails)
{
	char *mem = must_map(_metadata, HUGE_SIZE, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1);

	expect_unsupported(_metadata, &self->gpu, mem);
}

TEST_F(hmm_exclusive_refused, atomic_on_shared_file_fails)
{
	char *mem = must_map(_metadata, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);

	expect_unsupported(_metadata, &self->gpu, mem);
}

TEST_F(hmm_exclusive_refused, atomic_on_hugetlb_fails)
{
	char *mem = hugetlb_alloc();

	if (!mem)
		SKIP(return, NO_HUGETLB);
	expect_unsupported(_metadata, &self->gpu, mem);
	EXPECT_EQ(0, hugetlb_free(mem));
}

TEST_F(hmm_exclusive_refused, atomic_on_private_file_makes_it_ours)
{
	char *shared, *private;
	uint64_t old = 0;

	shared = must_map(_metadata, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	private = must_map(_metadata, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd);
	*(volatile uint64_t *)shared = 60;
	EXPECT_EQ(0, atomic_add(&self->gpu, private, 1, &old));
	EXPECT_EQ(60, old);
	EXPECT_EQ(61, *(volatile uint64_t *)private);
	EXPECT_EQ(60, *(volatile uint64_t *)shared);
}

TEST_F(hmm_exclusive_refused, atomic_fills_a_hole)
{
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	uint64_t old = 1;

	EXPECT_EQ(0, atomic_add(&self->gpu, mem, 5, &old));
	EXPECT_EQ(0, old);
	EXPECT_EQ(5, *(volatile uint64_t *)mem);
	EXPECT_EQ(0, *(volatile uint64_t *)(mem + 8));
}

TEST_F(hmm_exclusive_refused, atomic_on_nothing_fails)
{
	char *mem = must_map(_metadata, HUGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1);

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, atomic_add(&self->gpu, mem, 1, NULL));
	ASSERT_EQ(0, munmap(mem, HUGE_SIZE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, atomic_add(&self->gpu, mem, 1, NULL));
}

TEST_HARNESS_MAIN
