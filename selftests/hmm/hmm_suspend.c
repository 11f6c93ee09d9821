// SPDX-License-Identifier: GPL-2.0
/*
 * A machine that sleeps: what is in the device is home before, with its data, also
 * under a device that works on it, and goes back when the device wants it. The
 * sleep is the kernel's own test of one, which stops where nothing runs any more.
 */
#include "hmm_harness.h"

#define PM_TEST		"/sys/power/pm_test"
#define PM_STATE	"/sys/power/state"
#define PM_DELAY	"/sys/module/suspend/parameters/pm_test_delay"
#define NO_SUSPEND	"needs a kernel with CONFIG_SUSPEND and CONFIG_PM_SLEEP_DEBUG"

#define NR_PAGES	64

/* As far as everything being frozen, and back. */
static int machine_sleep(void)
{
	unsigned int tries;
	int ret = 0;

	/* A process may be on its way through the kernel, and cannot be frozen then. */
	for (tries = 0; tries < 5; tries++) {
		ret = file_write(PM_STATE, "freeze");
		if (ret != -EBUSY && ret != -EAGAIN)
			break;
	}
	return ret;
}

FIXTURE(hmm_suspend) {
	struct gpu gpu;
	size_t size;
	char *mem;
};

FIXTURE_VARIANT(hmm_suspend) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_suspend, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_suspend, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_suspend)
{
	setup_gpu(_metadata, &self->gpu, 0);
	if (access(PM_TEST, W_OK) || access(PM_STATE, W_OK))
		SKIP(return, NO_SUSPEND);
	ASSERT_EQ(0, file_write(PM_DELAY, "0"));
	ASSERT_EQ(0, file_write(PM_TEST, "freezer"));
	self->size = variant->kind == MEM_THP ? 2 * HUGE_SIZE : NR_PAGES * page_size;
	self->mem = mem_populate(self->size, variant->kind);
	if (!self->mem)
		SKIP(return, NO_HUGE);
	pattern_fill(self->mem, self->size, 1);
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
}

FIXTURE_TEARDOWN(hmm_suspend)
{
	file_write(PM_TEST, "none");
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_suspend, device_memory_is_home_before_the_machine_sleeps)
{
	ASSERT_EQ(0, machine_sleep());
	/* Nobody has asked for it since. */
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, IN_SYSTEM));
	EXPECT_EQ(self->gpu.base.vram_svm, gpu_device_stats(&self->gpu).vram_svm);
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 1));
}

TEST_F(hmm_suspend, device_takes_its_memory_back_when_the_machine_is_awake)
{
	ASSERT_EQ(0, machine_sleep());
	EXPECT_TRUE(eventually(gpu_pattern_pull(&self->gpu, self->mem, self->size, 2)));
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 2));
}

TEST_F(hmm_suspend, pinned_memory_is_home_too_and_pinned_again_afterwards)
{
	ASSERT_EQ(0, gpu_to_system(&self->gpu, self->mem, self->size));
	ASSERT_EQ(0, dummy_advise(self->gpu.vm, self->mem, self->size, DRM_DUMMY_GPU_ADVICE_PIN,
				  1));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	EXPECT_LE(self->size, gpu_vm_stats(&self->gpu).vram_pinned);
	ASSERT_EQ(0, machine_sleep());
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, IN_SYSTEM));
	EXPECT_EQ(0, gpu_vm_stats(&self->gpu).vram_pinned);
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 1));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	EXPECT_EQ(0, dummy_evict(self->gpu.dev, UINT64_MAX, NULL));
	EXPECT_EQ(self->size / page_size, pages_in(self->mem, self->size, IN_DEVICE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, self->size, 1));
}

TEST_F(hmm_suspend, device_works_through_a_sleep)
{
	volatile uint64_t *stop = (uint64_t *)must_alloc(_metadata, page_size, MEM_PTE);
	volatile uint64_t *counter = (uint64_t *)self->mem;
	struct dummy_stream *stream = self->gpu.stream;
	uint64_t job_id, loop, before;
	unsigned int i;

	/* Count in memory for as long as nobody says stop. */
	*stop = 0;
	*counter = 0;
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, stop, page_size, DRM_DUMMY_GPU_PLACE_SYSTEM));
	ASSERT_EQ(0, gpu_to_device(&self->gpu, self->mem, self->size));
	loop = dummy_stream_size(stream);
	dummy_stream_atomic_add(stream, 0, dummy_addr(counter), 1, 8);
	dummy_stream_load(stream, 1, dummy_addr(stop), 8);
	ASSERT_EQ(0, dummy_stream_jump(stream, loop, DUMMY_GPU_COND_EQ, 1, 0));
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));

	for (i = 0; i < 3; i++) {
		before = *counter;
		ASSERT_TRUE(eventually(*counter > before));
		ASSERT_EQ(0, machine_sleep());
	}
	*stop = 1;
	ASSERT_EQ(0, gpu_finish(&self->gpu, job_id));
	*counter = pattern(1, 0);
	EXPECT_EQ(0, pattern_bad(self->mem, self->size, 1));
}

TEST_HARNESS_MAIN
