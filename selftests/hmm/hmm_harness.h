/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kselftest harness, and what the fixtures of the hmm selftests share.
 */
#ifndef HMM_HARNESS_H
#define HMM_HARNESS_H

#include "kselftest_harness.h"

#include "hmm_helper.h"

/*
 * The 30 seconds of the harness are little for an emulated processor on a busy
 * host: what hangs is found by LIVE_MS, and this is for a few of these. Who is
 * killed cannot put back what it has set.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120

/* What is missing when a test is skipped. */
#define NO_HUGETLB	"needs a free hugetlb page of 2 MiB"
#define NO_ZRAM		"needs zram"
#define NO_HUGE		"needs free 2 MiB pages and THP enabled"

#define KHUGEPAGED_MAX_SWAP	"/sys/kernel/mm/transparent_hugepage/khugepaged/max_ptes_swap"

#define NUMA_BALANCING	"/proc/sys/kernel/numa_balancing"

/* What somebody else has set, or a test that was killed, and matters to all. */
static inline void setup_machine(void)
{
	/*
	 * Comes to whoever has run for a second, takes device mappings away, and
	 * the permission to write from device entries. Tests of it turn it on.
	 */
	file_write(NUMA_BALANCING, "0");
	knob_write("exclusive", "1");
}

/* For FIXTURE_SETUP: open device @nr, or skip the test saying what is missing. */
static inline void setup_gpu(struct __test_metadata *_metadata, struct gpu *gpu, unsigned int nr)
{
	int ret;

	/* As the harness does for a setup that set exit_code. */
	if (geteuid())
		SKIP(_exit(0), "needs root, for pagemap and debugfs");
	setup_machine();
	ret = gpu_open(gpu, nr);
	if (ret == -ENODEV)
		SKIP(_exit(0), "needs dummy_gpu loaded with nr_devices > %u", nr);
	ASSERT_EQ(0, ret);
	gpu_settle(gpu);
}

/* For FIXTURE_TEARDOWN: what the test took is given back, all of it. */
static inline void teardown_gpu(struct __test_metadata *_metadata, struct gpu *gpu)
{
	mem_free_all();
	EXPECT_EQ(0, gpu_close(gpu));
	EXPECT_EQ(0, gpu_leak(gpu));
}

/* Memory that the test cannot do without. */
static inline char *must_alloc(struct __test_metadata *_metadata, size_t size, enum mem_kind kind)
{
	char *mem = mem_alloc(size, kind);

	ASSERT_NE(NULL, mem);
	return mem;
}

static inline char *must_map(struct __test_metadata *_metadata, size_t size, int prot, int flags,
			     int fd)
{
	char *mem = mem_map(size, prot, flags, fd);

	ASSERT_NE(NULL, mem);
	return mem;
}

#endif
