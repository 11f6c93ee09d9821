// SPDX-License-Identifier: GPL-2.0
/*
 * Copy-on-write: after fork neither process ever sees what the other wrote,
 * whichever of them writes, with the CPU or with the device, in 4 KiB or 2 MiB
 * pages, wherever the pages were; and who wrote sees it.
 *
 * The parent's device has write entries for all of it at the time of the fork,
 * so a fork that revokes none of them is caught.
 */
#include "hmm_harness.h"

enum writer {
	PARENT_CPU,
	PARENT_DEVICE,
	CHILD_CPU,
	CHILD_DEVICE,
};

/* What stands in the memory, by who wrote it. */
#define BEFORE	1
#define PARENT	2
#define CHILD	3

static size_t size_of(enum mem_kind kind)
{
	return kind == MEM_THP ? HUGE_SIZE : 32 * page_size;
}

/* @mem holds BEFORE, where it should be, and the device may write to it at once. */
static int prepare(struct gpu *gpu, char *mem, size_t size, enum drm_dummy_gpu_place place)
{
	uint32_t flags = DRM_DUMMY_GPU_MIGRATE_MAP | DRM_DUMMY_GPU_MIGRATE_WRITE;
	struct dummy_migrated migrated;
	int ret;

	if (place == DRM_DUMMY_GPU_PLACE_DEVICE) {
		ret = gpu_to_device(gpu, mem, size);
		if (ret)
			return ret;
	} else {
		flags |= DRM_DUMMY_GPU_MIGRATE_KEEP;
	}
	ret = gpu_advise_place(gpu, mem, size, place);
	if (ret)
		return ret;
	ret = dummy_migrate(gpu->vm, mem, size, DRM_DUMMY_GPU_PLACE_DEVICE, flags, &migrated);
	if (ret)
		return ret;
	if (migrated.mapped != size / page_size)
		return -EBUSY;
	return pages_in(mem, size, place == DRM_DUMMY_GPU_PLACE_DEVICE ? IN_DEVICE : IN_SYSTEM) ==
		size / page_size ? 0 : -EXDEV;
}

static int write_bytes(struct gpu *gpu, bool by_device, char *dst, const char *src, size_t size)
{
	if (by_device)
		return gpu_write(gpu, dst, src, size);
	memcpy(dst, src, size);
	return 0;
}

/* Number of words that differ; all ones: the job that read failed. */
static size_t bad_words(struct gpu *gpu, bool by_device, const char *mem, const uint64_t *image,
			size_t size)
{
	uint64_t *seen = malloc(size);
	size_t i, bad = 0;

	if (by_device && gpu_read(gpu, seen, mem, size))
		bad = -1;
	else if (!by_device)
		memcpy(seen, mem, size);
	for (i = 0; bad != -1 && i < size / 8; i++)
		bad += seen[i] != image[i];
	free(seen);
	return bad;
}

FIXTURE(hmm_cow) {
	struct gpu gpu;
	struct meeting meeting;
	size_t size;
	char *mem;
};

FIXTURE_VARIANT(hmm_cow) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
	enum writer writer;
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_device_parent_cpu_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = PARENT_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_device_parent_device_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = PARENT_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_device_child_cpu_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = CHILD_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_device_child_device_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = CHILD_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_system_parent_cpu_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = PARENT_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_system_parent_device_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = PARENT_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_system_child_cpu_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = CHILD_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, pte_in_system_child_device_writes) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = CHILD_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_device_parent_cpu_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = PARENT_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_device_parent_device_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = PARENT_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_device_child_cpu_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = CHILD_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_device_child_device_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE, .writer = CHILD_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_system_parent_cpu_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = PARENT_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_system_parent_device_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = PARENT_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_system_child_cpu_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = CHILD_CPU,
};

FIXTURE_VARIANT_ADD(hmm_cow, thp_in_system_child_device_writes) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .writer = CHILD_DEVICE,
};

FIXTURE_SETUP(hmm_cow)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->size = size_of(variant->kind);
	self->mem = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(self->mem, self->size, BEFORE);
	if (!mem_is_kind(self->mem, self->size, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, prepare(&self->gpu, self->mem, self->size, variant->place));
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_cow)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* The type of a fixture cannot be named elsewhere. */
struct cow {
	struct gpu *gpu;
	struct meeting *meeting;
	char *mem;
	size_t mem_size;
	enum writer writer;
};

/*
 * Fork; one writes the span; then both look at all of the memory, first with the
 * one means and then with the other. Returns in the parent.
 */
static void fork_write_and_look(struct __test_metadata *_metadata, const struct cow *cow,
				size_t offset, size_t size, bool device_looks_first)
{
	bool by_device = cow->writer == PARENT_DEVICE || cow->writer == CHILD_DEVICE;
	bool by_child = cow->writer == CHILD_CPU || cow->writer == CHILD_DEVICE;
	struct gpu child_gpu, *gpu = cow->gpu;
	uint64_t *image;	/* what this process should see */
	size_t look;
	pid_t child;
	bool device;

	image = malloc(cow->mem_size);
	ASSERT_NE(NULL, image);
	pattern_fill(image, cow->mem_size, BEFORE);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		gpu = &child_gpu;
		meeting_child(cow->meeting);
		EXPECT_EQ(0, gpu_open(gpu, 0));
	} else {
		meeting_parent(cow->meeting);
	}

	if (!child == by_child) {
		pattern_fill((char *)image + offset, size, by_child ? CHILD : PARENT);
		EXPECT_EQ(0, write_bytes(gpu, by_device, cow->mem + offset,
					 (char *)image + offset, size));
	}
	EXPECT_EQ(0, meet(cow->meeting));
	for (look = 0; look < 2; look++) {
		device = device_looks_first == !look;
		EXPECT_EQ(0, bad_words(gpu, device, cow->mem, image, cow->mem_size)) {
			TH_LOG("%s sees by %s what it should not", child ? "parent" : "child",
			       device ? "device" : "CPU");
		}
	}
	EXPECT_EQ(0, meet(cow->meeting));
	if (!child)
		_exit(gpu_close(gpu) ? 1 : 0);
	free(image);
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_cow, only_writer_sees_its_write_after_fork_by_cpu)
{
	struct cow cow = {
		&self->gpu, &self->meeting, self->mem, self->size, variant->writer,
	};

	fork_write_and_look(_metadata, &cow, 0, self->size, false);
}

TEST_F(hmm_cow, only_writer_sees_its_write_after_fork_by_device)
{
	struct cow cow = {
		&self->gpu, &self->meeting, self->mem, self->size, variant->writer,
	};

	fork_write_and_look(_metadata, &cow, 0, self->size, true);
}

TEST_F(hmm_cow, write_to_one_page_after_fork_leaves_the_rest_alone)
{
	struct cow cow = {
		&self->gpu, &self->meeting, self->mem, self->size, variant->writer,
	};

	fork_write_and_look(_metadata, &cow, 3 * page_size, page_size, true);
}

/* ---- Both sides at once, many children, jobs that run --------------------- */

FIXTURE(hmm_cow_both) {
	struct gpu gpu;
	struct meeting meeting;
	size_t size;
	char *mem;
};

FIXTURE_VARIANT(hmm_cow_both) {
	enum mem_kind kind;
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_cow_both, pte_in_device) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow_both, pte_in_system) {
	.kind = MEM_PTE, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_VARIANT_ADD(hmm_cow_both, thp_in_device) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_DEVICE,
};

FIXTURE_VARIANT_ADD(hmm_cow_both, thp_in_system) {
	.kind = MEM_THP, .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
};

FIXTURE_SETUP(hmm_cow_both)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->size = size_of(variant->kind);
	self->mem = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(self->mem, self->size, BEFORE);
	if (!mem_is_kind(self->mem, self->size, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, prepare(&self->gpu, self->mem, self->size, variant->place));
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_cow_both)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_cow_both, devices_of_both_processes_write_at_once)
{
	struct gpu child_gpu, *gpu = &self->gpu;
	uint64_t writes = PARENT;
	pid_t child;

	child = fork();
	if (!child) {
		gpu = &child_gpu;
		writes = CHILD;
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(gpu, 0));
	} else {
		meeting_parent(&self->meeting);
	}
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, gpu_pattern_fill(gpu, self->mem, self->size, writes));
	EXPECT_EQ(0, gpu_pattern_bad(gpu, self->mem, self->size, writes));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, gpu_pattern_bad(gpu, self->mem, self->size, writes));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, writes));
	if (!child)
		_exit(gpu_close(gpu) ? 1 : 0);
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_cow_both, devices_of_both_processes_read_the_shared_pages_in_place)
{
	struct gpu child_gpu, *gpu = &self->gpu;
	unsigned int where;
	pid_t child;

	child = fork();
	if (!child) {
		gpu = &child_gpu;
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(gpu, 0));
		EXPECT_EQ(0, gpu_advise_place(gpu, self->mem, self->size, variant->place));
	} else {
		meeting_parent(&self->meeting);
	}
	where = variant->place == DRM_DUMMY_GPU_PLACE_DEVICE ? IN_DEVICE_READ : IN_SYSTEM;
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, where));
	EXPECT_EQ(0, gpu_pattern_bad(gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, meet(&self->meeting));
	/* A read is no reason to copy or to move. */
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, where));
	EXPECT_EQ(0, meet(&self->meeting));
	if (!child)
		_exit(gpu_close(gpu) ? 1 : 0);
	EXPECT_EQ(0, wait_exit(child));
}

TEST_F(hmm_cow_both, three_generations_each_keep_their_own)
{
	struct meeting second;
	struct gpu gpu;
	pid_t child, grandchild;

	ASSERT_EQ(0, meeting_init(&second));
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		grandchild = fork();
		if (!grandchild) {
			meeting_child(&second);
			meet(&second);
			/* Parent and grandparent have written. */
			EXPECT_EQ(0, gpu_open(&gpu, 0));
			EXPECT_EQ(0, gpu_pattern_bad(&gpu, self->mem, self->size, BEFORE));
			EXPECT_EQ(0, gpu_pattern_fill(&gpu, self->mem, self->size, 4));
			EXPECT_EQ(0, pattern_bad(self->mem, self->size, 4));
			_exit(0);
		}
		meeting_parent(&second);
		EXPECT_EQ(0, gpu_pattern_fill(&gpu, self->mem, self->size, CHILD));
		EXPECT_EQ(0, meet(&self->meeting));
		EXPECT_EQ(0, meet(&second));
		EXPECT_EQ(0, wait_exit(grandchild));
		EXPECT_EQ(0, gpu_pattern_bad(&gpu, self->mem, self->size, CHILD));
		EXPECT_EQ(0, pattern_bad(self->mem, self->size, CHILD));
		_exit(0);
	}
	meeting_parent(&self->meeting);
	close(second.end[0]);
	close(second.end[1]);
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, PARENT));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, PARENT));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, PARENT));
}

TEST_F(hmm_cow_both, cpu_read_of_one_process_leaves_the_other_readable_by_device)
{
	pid_t child;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
		meet(&self->meeting);
		meet(&self->meeting);
		EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
		_exit(0);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, PARENT));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, PARENT));
}

TEST_F(hmm_cow_both, device_writes_again_after_the_other_process_is_gone)
{
	pid_t child;

	child = fork();
	if (!child)
		_exit(0);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, BEFORE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, PARENT));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, PARENT));
}

TEST_F(hmm_cow_both, memory_survives_the_process_that_brought_it_to_the_device)
{
	struct gpu gpu;
	pid_t child, grandchild;

	/* The child's pages are those of its parent, which ends first. */
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		EXPECT_EQ(0, gpu_open(&gpu, 0));
		EXPECT_EQ(0, gpu_pattern_fill(&gpu, self->mem, self->size, CHILD));
		EXPECT_EQ(0, gpu_to_device(&gpu, self->mem, self->size));
		grandchild = fork();
		if (!grandchild) {
			sleep_ms(50);
			EXPECT_EQ(0, gpu_open(&gpu, 0));
			EXPECT_EQ(0, gpu_pattern_bad(&gpu, self->mem, self->size, CHILD));
			EXPECT_EQ(0, pattern_bad(self->mem, self->size, CHILD));
			meet(&self->meeting);
			_exit(0);
		}
		_exit(0);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, BEFORE));
}

/* A job that stores ever larger numbers to two pages, until told to stop. */
static int start_counting(struct gpu *gpu, volatile uint64_t *a, volatile uint64_t *b,
			  uint64_t *job_id)
{
	volatile uint64_t *stop = (uint64_t *)gpu->staging;
	uint64_t loop;

	*stop = 0;
	loop = dummy_stream_size(gpu->stream);
	dummy_stream_add(gpu->stream, 0, 1);
	dummy_stream_store_reg(gpu->stream, dummy_addr(a), 0, 8);
	dummy_stream_store_reg(gpu->stream, dummy_addr(b), 0, 8);
	dummy_stream_load(gpu->stream, 1, dummy_addr(stop), 8);
	dummy_stream_jump(gpu->stream, loop, DUMMY_GPU_COND_EQ, 1, 0);
	return gpu_start(gpu, job_id);
}

static int stop_counting(struct gpu *gpu, uint64_t job_id)
{
	*(volatile uint64_t *)gpu->staging = 1;
	return gpu_finish(gpu, job_id);
}

TEST_F(hmm_cow_both, child_never_sees_writes_of_a_job_that_runs_across_fork)
{
	volatile uint64_t *a = (uint64_t *)self->mem;
	volatile uint64_t *b = (uint64_t *)(self->mem + self->size - page_size);
	uint64_t job_id, at_fork;
	unsigned int round;
	pid_t child;

	*a = 0;
	*b = 0;
	ASSERT_EQ(0, start_counting(&self->gpu, a, b, &job_id));
	ASSERT_TRUE(eventually(*a > 0));
	for (round = 0; round < 8; round++) {
		child = fork();
		if (!child) {
			uint64_t seen_a = *a, seen_b = *b;

			sleep_ms(20);
			EXPECT_EQ(seen_a, *a);
			EXPECT_EQ(seen_b, *b);
			*a = -1;
			sleep_ms(5);
			EXPECT_EQ(-1, *a);
			EXPECT_EQ(seen_b, *b);
			_exit(0);
		}
		/* And the job goes on here. */
		at_fork = *b;
		EXPECT_TRUE(eventually(*b > at_fork));
		EXPECT_NE(-1, *a);
		EXPECT_EQ(0, wait_exit(child));
	}
	EXPECT_EQ(0, stop_counting(&self->gpu, job_id));
	EXPECT_EQ(*a, *b);
}

TEST_F(hmm_cow_both, children_that_come_and_go_never_disturb_device_writes)
{
	unsigned int round, i;
	pid_t children[4];

	for (round = 0; round < 6; round++) {
		for (i = 0; i < ARRAY_SIZE(children); i++) {
			children[i] = fork();
			if (!children[i]) {
				/* Some look, some scribble, some just go. */
				if (i == 1)
					pattern_bad(self->mem, self->size, 0);
				if (i == 2)
					pattern_fill(self->mem, self->size, 99);
				_exit(0);
			}
		}
		EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, self->size, 10 + round));
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, 10 + round));
		for (i = 0; i < ARRAY_SIZE(children); i++)
			EXPECT_EQ(0, wait_exit(children[i]));
		EXPECT_EQ(0, pattern_bad(self->mem, self->size, 10 + round));
	}
}

/* ---- Counted -------------------------------------------------------------- */

FIXTURE(hmm_cow_device) {
	struct gpu gpu;
	struct meeting meeting;
	size_t size;
	char *mem;
};

FIXTURE_VARIANT(hmm_cow_device) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_cow_device, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_cow_device, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_cow_device)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->size = size_of(variant->kind);
	self->mem = must_alloc(_metadata, self->size, variant->kind);
	pattern_fill(self->mem, self->size, BEFORE);
	if (!mem_is_kind(self->mem, self->size, variant->kind))
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, prepare(&self->gpu, self->mem, self->size, DRM_DUMMY_GPU_PLACE_DEVICE));
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_cow_device)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_cow_device, device_write_to_shared_page_counts_as_cow_break)
{
	struct drm_dummy_gpu_vm_stats before, after;
	pid_t child;

	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		meet(&self->meeting);
		_exit(0);
	}
	meeting_parent(&self->meeting);
	before = gpu_vm_stats(&self->gpu);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 5));
	after = gpu_vm_stats(&self->gpu);
	EXPECT_LT(before.cow_breaks, after.cow_breaks);
	/* The second write finds nothing to break. */
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + 8, 6));
	EXPECT_EQ(after.cow_breaks, gpu_vm_stats(&self->gpu).cow_breaks);
	EXPECT_EQ(5, *(volatile uint64_t *)self->mem);
	EXPECT_EQ(6, *(volatile uint64_t *)(self->mem + 8));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
}

/* ---- Fork flags and zero pages -------------------------------------------- */

FIXTURE(hmm_cow_special) {
	struct gpu gpu;
	struct meeting meeting;
};

FIXTURE_SETUP(hmm_cow_special)
{
	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, meeting_init(&self->meeting));
}

FIXTURE_TEARDOWN(hmm_cow_special)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_cow_special, zero_page_shared_with_child_stays_zero_for_it)
{
	uint64_t value = 1;
	pid_t child;
	char *mem;

	mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	ASSERT_EQ(0, gpu_load(&self->gpu, mem, &value));
	ASSERT_EQ(0, value);
	child = fork();
	if (!child) {
		meeting_child(&self->meeting);
		meet(&self->meeting);
		EXPECT_EQ(0, *(volatile uint64_t *)mem);
		EXPECT_EQ(0, *(volatile uint64_t *)(mem + page_size));
		_exit(0);
	}
	meeting_parent(&self->meeting);
	EXPECT_EQ(0, gpu_fill(&self->gpu, mem, 2 * page_size, 7));
	EXPECT_EQ(0, meet(&self->meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(7, *(volatile uint64_t *)mem);
}

TEST_F(hmm_cow_special, wipe_on_fork_gives_child_zeros_and_keeps_device_data)
{
	pid_t child;
	char *mem;

	mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	ASSERT_EQ(0, madvise(mem, HUGE_SIZE, MADV_WIPEONFORK));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, mem, HUGE_SIZE, BEFORE));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, mem, HUGE_SIZE));
	child = fork();
	if (!child) {
		EXPECT_EQ(0, *(volatile uint64_t *)mem);
		EXPECT_EQ(0, *(volatile uint64_t *)(mem + HUGE_SIZE - 8));
		_exit(0);
	}
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, HUGE_SIZE, BEFORE));
}

TEST_HARNESS_MAIN
