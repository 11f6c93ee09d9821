// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that the hardware loses: a device that goes without a warning, and
 * frames that break. What was there gives SIGBUS to those who use it, each page
 * of it and no other; nothing reads as zeros, nothing waits, and everybody else
 * goes on.
 */
#include "hmm_harness.h"

#include <dirent.h>
#include <sys/syscall.h>

#define SIZE	(2 * HUGE_SIZE)

static size_t pages(size_t size)
{
	return size / page_size;
}

/* Pages whose first word is neither readable nor, if it is, of pattern @seed. */
struct losses {
	size_t lost;
	size_t wrong;
};

static struct losses look(const char *mem, size_t size, uint64_t seed)
{
	struct losses losses = { 0 };
	uint64_t value;
	size_t offset;

	for (offset = 0; offset < size; offset += page_size) {
		if (!peek(mem + offset, &value))
			losses.lost++;
		else
			losses.wrong += value != pattern(seed, offset);
	}
	return losses;
}

/* ---- The whole device ----------------------------------------------------- */

FIXTURE(hmm_loss) {
	struct gpu gpu;
	struct meeting meeting;
	char name[256];
	char *mem;
};

FIXTURE_VARIANT(hmm_loss) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_loss, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_loss, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_loss)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (!chip_says(0, "lose", "0"))
		SKIP(_exit(0), "needs debugfs");
	if (gpu_name(0, self->name, sizeof(self->name)))
		SKIP(_exit(0), "needs the devices under " DRIVER);
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_loss)
{
	struct gpu gpu;

	/* Lost pages are the first's for as long as somebody has them. */
	mem_free_all();
	dummy_device_close(self->gpu.dev);
	EXPECT_EQ(0, file_write(DRIVER "unbind", self->name));
	EXPECT_EQ(0, file_write(DRIVER "bind", self->name));
	ASSERT_EQ(0, gpu_open(&gpu, 0));
	EXPECT_EQ(0, gpu_store(&gpu, gpu.staging, 6));
	EXPECT_EQ(6, *(volatile uint64_t *)gpu.staging);
	EXPECT_EQ(0, gpu_close(&gpu));
	gpu.base.vram_svm = 0;
	EXPECT_EQ(0, gpu_leak(&gpu));
}

/* The driver is done with it: hmm_core has it no more. */
static bool is_gone(void)
{
	return access("/sys/kernel/debug/hmm_core/dummy_gpu.0", F_OK);
}

TEST_F_TIMEOUT(hmm_loss, lost_device_takes_exactly_what_was_in_it, 120)
{
	struct losses there, here;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	/* From the first moment to the last. */
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem + HUGE_SIZE - 1));
	there = look(self->mem, HUGE_SIZE, 1);
	EXPECT_EQ(pages(HUGE_SIZE), there.lost);
	EXPECT_EQ(0, sigbus_of(self->mem + HUGE_SIZE));
	EXPECT_TRUE(eventually(is_gone()));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem));
	there = look(self->mem, HUGE_SIZE, 1);
	EXPECT_EQ(pages(HUGE_SIZE), there.lost);
	here = look(self->mem + HUGE_SIZE, HUGE_SIZE, 1);
	EXPECT_EQ(0, here.lost);
	/* The pattern goes by the offset in all of it. */
	EXPECT_EQ(pattern(1, SIZE - 8), *(volatile uint64_t *)(self->mem + SIZE - 8));
	EXPECT_EQ(pattern(1, HUGE_SIZE), *(volatile uint64_t *)(self->mem + HUGE_SIZE));
	/* New memory in the place of what is lost is as good as any. */
	ASSERT_EQ(0, madvise(self->mem, HUGE_SIZE, MADV_DONTNEED));
	pattern_fill(self->mem, SIZE, 2);
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 2));
}

TEST_F_TIMEOUT(hmm_loss, writes_and_calls_find_it_lost_too, 120)
{
	int pipes[2];

	ASSERT_EQ(0, pipe(pipes));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	ASSERT_EQ(1, write(pipes[1], "x", 1));
	EXPECT_EQ(-1, read(pipes[0], self->mem, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, madvise(self->mem, HUGE_SIZE, MADV_POPULATE_WRITE));
	EXPECT_TRUE(eventually(is_gone()));
	EXPECT_EQ(-1, write(pipes[1], self->mem + page_size, 1));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-ENODEV, dummy_migrate(self->gpu.vm, self->mem, SIZE,
					 DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL));
	EXPECT_EQ(-ENODEV, gpu_store(&self->gpu, self->mem + HUGE_SIZE, 1));
	close(pipes[0]);
	close(pipes[1]);
}

TEST_F_TIMEOUT(hmm_loss, running_jobs_end_as_lost_and_wake_who_waits, 120)
{
	struct dummy_stream *stream = self->gpu.stream;
	uint64_t job_id;
	int ret;

	dummy_stream_vscale(stream, dummy_addr(self->mem), dummy_addr(self->mem), 3, SIZE / 8, 8);
	dummy_stream_jump(stream, 0, DUMMY_GPU_COND_ALWAYS, 0, 0);
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	ASSERT_TRUE(eventually(*(volatile uint64_t *)self->mem != pattern(1, 0)));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	ret = gpu_finish(&self->gpu, job_id);
	EXPECT_TRUE(ret == DRM_DUMMY_GPU_REASON_DEVICE_LOST || ret == -ENODEV) {
		TH_LOG("%d", ret);
	}
	EXPECT_TRUE(eventually(is_gone()));
}

TEST_F_TIMEOUT(hmm_loss, hung_engine_of_a_lost_device_holds_up_nobody, 120)
{
	uint64_t job_id;
	int ret;

	ASSERT_EQ(0, chip_write(0, "hang", "0 hard"));
	dummy_stream_store(self->gpu.stream, dummy_addr(self->mem), 1, 8);
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	ASSERT_TRUE(eventually(chip_says(0, "hang", "stuck")));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	/* Waits for the engine, in a call that unplug waits for. */
	ret = dummy_queue_destroy(self->gpu.queue);
	EXPECT_TRUE(!ret || ret == -ENODEV);
	EXPECT_TRUE(eventually(is_gone()));
}

TEST_F_TIMEOUT(hmm_loss, page_is_lost_to_all_who_share_it, 120)
{
	struct losses losses;
	pid_t child;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		close(dummy_device_fd(self->gpu.dev));
		/* A copy of its own, which is not in the device. */
		*(volatile char *)self->mem = *(volatile char *)self->mem;
		meet(&self->meeting);
		meet(&self->meeting);
		losses = look(self->mem, SIZE, 1);
		EXPECT_LE(pages(HUGE_SIZE) / 2, losses.lost);
		EXPECT_GT(pages(HUGE_SIZE), losses.lost);
		EXPECT_EQ(0, losses.wrong);
		_exit(0);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	EXPECT_TRUE(eventually(is_gone()));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	losses = look(self->mem, SIZE, 1);
	EXPECT_LT(0, losses.lost);
	EXPECT_EQ(0, losses.wrong);
}

TEST_F_TIMEOUT(hmm_loss, process_that_uses_lost_memory_ends_when_it_is_killed, 120)
{
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = mem_alloc(SIZE, variant->kind);
		pattern_fill(mem, SIZE, 2);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, SIZE));
		meet(&self->meeting);
		for (;;)
			look(mem, SIZE, 2);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_TRUE(eventually(is_gone()));
	/* What is the parent's never was in the device. */
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

/* ---- In the middle of everything ------------------------------------------ */

struct mover {
	pthread_t thread;
	struct gpu lane;
	char *mem;
	size_t wrong;
};

static bool movers_go_on;

static void *move_about(void *arg)
{
	struct mover *mover = arg;
	uint64_t value;
	size_t offset;

	while (__atomic_load_n(&movers_go_on, __ATOMIC_RELAXED)) {
		dummy_migrate(mover->lane.vm, mover->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
			      DRM_DUMMY_GPU_MIGRATE_MAP, NULL);
		/* A job that writes what is there: device faults, in both places. */
		dummy_stream_copy(mover->lane.stream, dummy_addr(mover->lane.staging),
				  dummy_addr(mover->mem), SIZE / 2);
		gpu_run(&mover->lane);
		for (offset = 0; offset < SIZE; offset += 3 * page_size) {
			if (peek(mover->mem + offset, &value))
				mover->wrong += value != pattern(1, offset);
		}
		dummy_migrate(mover->lane.vm, mover->mem, SIZE / 4, DRM_DUMMY_GPU_PLACE_SYSTEM,
			      0, NULL);
	}
	return NULL;
}

TEST_F_TIMEOUT(hmm_loss, loss_in_the_middle_of_anything_makes_no_wrong_data, 240)
{
	struct mover movers[3] = { 0 };
	struct losses losses;
	size_t in_device;
	unsigned int i;

	movers_go_on = true;
	for (i = 0; i < ARRAY_SIZE(movers); i++) {
		ASSERT_EQ(0, gpu_lane(&movers[i].lane, &self->gpu, i));
		movers[i].mem = must_alloc(_metadata, SIZE, variant->kind);
		pattern_fill(movers[i].mem, SIZE, 1);
		ASSERT_EQ(0, pthread_create(&movers[i].thread, NULL, move_about, &movers[i]));
	}
	ASSERT_TRUE(eventually(gpu_device_stats(&self->gpu).migrated_in >
			       self->gpu.base.migrated_in + 4 * pages(SIZE)));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	EXPECT_TRUE(eventually(is_gone()));
	__atomic_store_n(&movers_go_on, false, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(movers); i++) {
		pthread_join(movers[i].thread, NULL);
		EXPECT_EQ(0, movers[i].wrong);
		/* By core mm's word: what is left there, and nothing else. */
		in_device = pages_in(movers[i].mem, SIZE, IN_DEVICE);
		losses = look(movers[i].mem, SIZE, 1);
		EXPECT_EQ(in_device, losses.lost);
		EXPECT_EQ(0, losses.wrong);
	}
}

/* ---- Another device, and the modules -------------------------------------- */

TEST_F_TIMEOUT(hmm_loss, memory_in_another_device_is_not_lost, 120)
{
	struct gpu other;

	if (gpu_open(&other, 1))
		SKIP(return, "needs dummy_gpu loaded with nr_devices > 1");
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, gpu_to_device(&other, self->mem + HUGE_SIZE, HUGE_SIZE));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	/* What the lost one had, the other does not get either. */
	EXPECT_LT(0, gpu_store(&other, self->mem, 1));
	EXPECT_EQ(0, gpu_store(&other, self->mem + HUGE_SIZE, 1));
	EXPECT_TRUE(eventually(is_gone()));
	EXPECT_LT(0, gpu_store(&other, self->mem, 1));
	EXPECT_EQ(1, *(volatile uint64_t *)(self->mem + HUGE_SIZE));
	EXPECT_EQ(pattern(1, SIZE - 8), *(volatile uint64_t *)(self->mem + SIZE - 8));
	EXPECT_EQ(0, gpu_close(&other));
}

/* A module that uses another is one of its users; so is each block that is parked. */
static long long parked_blocks(void)
{
	long long blocks = file_read("/sys/module/hmm_core/refcnt");
	struct dirent *entry;
	DIR *holders;

	holders = opendir("/sys/module/hmm_core/holders");
	if (!holders)
		return -1;
	while ((entry = readdir(holders)))
		blocks -= entry->d_name[0] != '.';
	closedir(holders);
	return blocks;
}

TEST_F_TIMEOUT(hmm_loss, what_is_left_is_kept_until_its_users_are_gone, 120)
{
	/* What a test before left there is freed in its own time. */
	ASSERT_TRUE(eventually(parked_blocks() == 0));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, HUGE_SIZE));
	ASSERT_EQ(0, chip_write(0, "lose", "1"));
	EXPECT_TRUE(eventually(is_gone()));
	ASSERT_EQ(0, file_write(DRIVER "unbind", self->name));
	/* hmm_core holds itself, and still says what it is. */
	EXPECT_EQ(1, parked_blocks());
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem));
	mem_free_all();
	EXPECT_TRUE(eventually(parked_blocks() == 0));
	ASSERT_EQ(0, file_write(DRIVER "bind", self->name));
}

/* ---- Frames that break ---------------------------------------------------- */

FIXTURE(hmm_broken) {
	struct gpu gpu;
	struct meeting meeting;
	char *mem;
};

FIXTURE_VARIANT(hmm_broken) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_broken, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_broken, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_broken)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (chip_write(0, "break", "x") != -EINVAL)
		SKIP(_exit(0), "needs debugfs");
	self->mem = must_alloc(_metadata, SIZE, variant->kind);
	pattern_fill(self->mem, SIZE, 1);
	if (!mem_is_kind(self->mem, SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_broken)
{
	mem_free_all();
	/* Whoever comes next wants a device that is whole. */
	EXPECT_EQ(0, gpu_renew(&self->gpu));
	EXPECT_EQ(0, gpu_device_stats(&self->gpu).vram_bad);
	self->gpu.base.vram_svm = 0;
	teardown_gpu(_metadata, &self->gpu);
}

/* The frame of a page in device 0. */
static uint64_t frame_in_device(const char *addr)
{
	return page_frame(addr) - file_read("/sys/kernel/debug/hmm_core/dummy_gpu.0/first_pfn");
}

static int break_frame(uint64_t frame)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)frame * page_size);
	return chip_write(0, "break", text);
}

static uint64_t bad_pages(const struct gpu *gpu)
{
	return gpu_device_stats(gpu).vram_bad / page_size;
}

TEST_F_TIMEOUT(hmm_broken, broken_frame_is_lost_to_its_users_alone, 120)
{
	size_t bad = 3 * page_size;
	struct losses losses;
	uint64_t value = 0;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, break_frame(frame_in_device(self->mem + bad)));

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&self->gpu, self->mem + bad, &value));
	EXPECT_EQ(dummy_addr(self->mem) + bad, self->gpu.job.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_store(&self->gpu, self->mem + bad, 1));
	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem + bad - 8, &value));
	EXPECT_EQ(pattern(1, bad - 8), value);
	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem + bad + page_size, &value));
	EXPECT_EQ(pattern(1, bad + page_size), value);

	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem + bad));
	losses = look(self->mem, SIZE, 1);
	EXPECT_EQ(1, losses.lost);
	EXPECT_EQ(0, losses.wrong);
	/* Retired when its users are gone. */
	EXPECT_EQ(0, bad_pages(&self->gpu));
	mem_free(self->mem);
	EXPECT_TRUE(eventually(bad_pages(&self->gpu) == 1));
}

TEST_F_TIMEOUT(hmm_broken, job_that_has_it_mapped_fails_there_and_nowhere_else, 120)
{
	size_t bad = HUGE_SIZE + 5 * page_size;

	ASSERT_EQ(0, gpu_move(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
			      DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE));
	ASSERT_EQ(0, break_frame(frame_in_device(self->mem + bad)));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_fill(&self->gpu, self->mem, SIZE, 7));
	EXPECT_EQ(dummy_addr(self->mem) + bad, self->gpu.job.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_WRITE, self->gpu.job.access);
	/* It got there, and not further. */
	EXPECT_EQ(7, *(volatile uint64_t *)(self->mem + bad - 8));
	EXPECT_EQ(pattern(1, SIZE - 8), *(volatile uint64_t *)(self->mem + SIZE - 8));
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem + bad));
	/* The queue and the rest of the memory are as good as before. */
	EXPECT_EQ(0, gpu_fill(&self->gpu, self->mem, bad, 8));
	EXPECT_EQ(8, *(volatile uint64_t *)(self->mem + bad - 8));
}

TEST_F_TIMEOUT(hmm_broken, free_frame_that_breaks_is_never_handed_out, 240)
{
	uint64_t total = gpu_device_stats(&self->gpu).vram_total, frame, pfn;
	char *mem;

	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	frame = frame_in_device(self->mem + page_size);
	pfn = page_frame(self->mem + page_size);
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, break_frame(frame));
	EXPECT_EQ(1, bad_pages(&self->gpu));
	/* Once is enough. */
	ASSERT_EQ(0, break_frame(frame));
	EXPECT_EQ(1, bad_pages(&self->gpu));
	/* All that the device has, but for that. */
	mem = must_alloc(_metadata, total, variant->kind);
	gpu_migrate(&self->gpu, mem, total, DRM_DUMMY_GPU_PLACE_DEVICE,
		    DRM_DUMMY_GPU_MIGRATE_POPULATE);
	EXPECT_LT(pages(total) / 2, pages_in(mem, total, IN_DEVICE));
	EXPECT_EQ(0, pages_with_frame(mem, total, pfn));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 1));
}

TEST_F_TIMEOUT(hmm_broken, eviction_and_unbind_leave_it_and_nothing_else_behind, 120)
{
	size_t bad = 9 * page_size;
	struct losses losses;
	char name[256];

	if (gpu_name(0, name, sizeof(name)))
		SKIP(return, "needs the devices under " DRIVER);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, SIZE));
	ASSERT_EQ(0, break_frame(frame_in_device(self->mem + bad)));
	ASSERT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, NULL));
	EXPECT_EQ(1, pages_in(self->mem, SIZE, IN_DEVICE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem + HUGE_SIZE, HUGE_SIZE));
	ASSERT_EQ(0, file_write(DRIVER "unbind", name));
	EXPECT_EQ(1, pages_in(self->mem, SIZE, IN_DEVICE));
	losses = look(self->mem, SIZE, 1);
	EXPECT_EQ(1, losses.lost);
	EXPECT_EQ(0, losses.wrong);
	EXPECT_EQ(BUS_MCEERR_AR, sigbus_of(self->mem + bad));
	/* For the teardown, which renews it. */
	dummy_device_close(self->gpu.dev);
	ASSERT_EQ(0, file_write(DRIVER "bind", name));
	ASSERT_EQ(0, gpu_open(&self->gpu, 0));
}

TEST_F_TIMEOUT(hmm_broken, process_with_a_broken_frame_gives_all_back_when_it_is_killed, 120)
{
	struct gpu gpu;
	pid_t child;
	char *mem;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		mem = mem_alloc(SIZE, variant->kind);
		pattern_fill(mem, SIZE, 2);
		EXPECT_EQ(0, gpu_to_device(&gpu, mem, SIZE));
		EXPECT_EQ(0, break_frame(frame_in_device(mem)));
		meet(&self->meeting);
		for (;;)
			gpu_fill(&gpu, mem, SIZE, 3);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(-1, wait_exit(child));
	EXPECT_TRUE(eventually(bad_pages(&self->gpu) == 1));
	EXPECT_TRUE(eventually(!gpu_device_stats(&self->gpu).vram_svm));
}

TEST_F_TIMEOUT(hmm_broken, frames_that_break_in_the_middle_of_anything_cost_a_page_each, 240)
{
	struct mover movers[3] = { 0 };
	struct losses losses;
	unsigned int i, broken = 0, lost = 0;
	uint64_t first, frame;

	first = file_read("/sys/kernel/debug/hmm_core/dummy_gpu.0/first_pfn");
	movers_go_on = true;
	for (i = 0; i < ARRAY_SIZE(movers); i++) {
		ASSERT_EQ(0, gpu_lane(&movers[i].lane, &self->gpu, i));
		movers[i].mem = must_alloc(_metadata, SIZE, variant->kind);
		pattern_fill(movers[i].mem, SIZE, 1);
		ASSERT_EQ(0, pthread_create(&movers[i].thread, NULL, move_about, &movers[i]));
	}
	for (i = 0; broken < 6 && i < 10000; i++) {
		const char *at = movers[i % 3].mem + i % pages(SIZE) * page_size;

		if (!(page_in(at) & IN_DEVICE)) {
			sleep_ms(1);
			continue;
		}
		/* It may have moved since: then a frame breaks that is somebody else's. */
		frame = page_frame(at) - first;
		if (frame < gpu_device_stats(&self->gpu).vram_total / page_size)
			broken += !break_frame(frame);
	}
	EXPECT_EQ(6, broken);
	sleep_ms(100);
	__atomic_store_n(&movers_go_on, false, __ATOMIC_RELAXED);
	for (i = 0; i < ARRAY_SIZE(movers); i++) {
		pthread_join(movers[i].thread, NULL);
		EXPECT_EQ(0, movers[i].wrong);
		losses = look(movers[i].mem, SIZE, 1);
		EXPECT_EQ(0, losses.wrong);
		lost += losses.lost;
	}
	EXPECT_GE(broken, lost);
	for (i = 0; i < ARRAY_SIZE(movers); i++) {
		EXPECT_EQ(0, gpu_close(&movers[i].lane));
		mem_free(movers[i].mem);
	}
	/* The same may have been hit twice. */
	EXPECT_TRUE(eventually(!gpu_device_stats(&self->gpu).vram_svm));
	EXPECT_LT(0, bad_pages(&self->gpu));
	EXPECT_GE(broken, bad_pages(&self->gpu));
}

/* In page @nr of every chunk that @mem, which fills the rest of the device, is not in. */
static unsigned int break_in_chunks_without(const char *mem, size_t size, unsigned int nr)
{
	bool used[1024] = { 0 };
	unsigned int chunk, broken = 0;
	size_t offset;

	for (offset = 0; offset < size; offset += HUGE_SIZE) {
		if (page_in(mem + offset) & IN_DEVICE)
			used[frame_in_device(mem + offset) / pages(HUGE_SIZE) % 1024] = true;
	}
	for (chunk = 0; chunk < size / HUGE_SIZE; chunk++) {
		if (!used[chunk])
			broken += !break_frame(chunk * pages(HUGE_SIZE) + nr);
	}
	return broken;
}

#define DATA	BIT(32)
#define STREAM	BIT(33)

TEST_F_TIMEOUT(hmm_broken, broken_frame_of_a_buffer_object_fails_the_job_that_touches_it, 240)
{
	uint64_t total = gpu_device_stats(&self->gpu).vram_total, job_id;
	struct drm_dummy_gpu_job_query status = { 0 };
	struct dummy_bo *bo, *stream_bo;
	struct dummy_stream *stream;
	struct dummy_queue *queue;
	struct dummy_vm *vm;
	void *words;
	char *mem;

	ASSERT_EQ(0, dummy_vm_create(self->gpu.dev, 0, &vm));
	ASSERT_EQ(0, dummy_queue_create(vm, 0, 0, -1, &queue));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, HUGE_SIZE, DRM_DUMMY_GPU_GEM_VRAM, &bo));
	ASSERT_EQ(0, dummy_bo_create(self->gpu.dev, page_size, 0, &stream_bo));
	ASSERT_EQ(0, dummy_bo_map(stream_bo, &words));
	ASSERT_EQ(0, dummy_vm_bind(vm, bo, 0, DATA, HUGE_SIZE, 0));
	ASSERT_EQ(0, dummy_vm_bind(vm, stream_bo, 0, STREAM, page_size, 0));
	ASSERT_EQ(0, dummy_stream_create_in(words, page_size, STREAM, &stream));

	mem = must_alloc(_metadata, total, variant->kind);
	gpu_migrate(&self->gpu, mem, total, DRM_DUMMY_GPU_PLACE_DEVICE,
		    DRM_DUMMY_GPU_MIGRATE_POPULATE);
	ASSERT_LT(0, break_in_chunks_without(mem, total, 7));

	dummy_stream_fill(stream, DATA, 7 * page_size, 1, 8);
	ASSERT_EQ(0, dummy_submit(queue, stream, NULL, &job_id));
	EXPECT_EQ(0, gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status));
	dummy_stream_fill(stream, DATA + 7 * page_size, 8, 1, 8);
	ASSERT_EQ(0, dummy_submit(queue, stream, NULL, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY,
		  gpu_result(dummy_wait(queue, job_id, LIVE_NS, &status), &status));
	EXPECT_EQ(DATA + 7 * page_size, status.fault_addr);
	EXPECT_EQ(-ECANCELED, dummy_submit(queue, stream, NULL, &job_id));

	EXPECT_EQ(0, dummy_stream_destroy(stream));
	EXPECT_EQ(0, dummy_queue_destroy(queue));
	EXPECT_EQ(0, dummy_vm_destroy(vm));
	EXPECT_EQ(0, dummy_bo_destroy(stream_bo));
	EXPECT_EQ(0, dummy_bo_destroy(bo));
	EXPECT_LT(0, bad_pages(&self->gpu));
}

TEST_F(hmm_broken, only_a_frame_can_break)
{
	char text[32];

	snprintf(text, sizeof(text), "%llu",
		 (unsigned long long)gpu_device_stats(&self->gpu).vram_total);
	EXPECT_EQ(-EINVAL, chip_write(0, "break", text));
	EXPECT_EQ(-EINVAL, chip_write(0, "break", "0x800"));
	EXPECT_EQ(-EINVAL, chip_write(0, "lose", "2"));
	EXPECT_EQ(0, bad_pages(&self->gpu));
}

TEST_HARNESS_MAIN
