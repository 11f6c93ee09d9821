// SPDX-License-Identifier: GPL-2.0
/*
 * What a program says about its memory, while that is in the device in whichever
 * state: madvise(), mlock(), policies of NUMA nodes. And what it is told about it:
 * smaps, mincore, soft-dirty. Data is lost only where that is what was asked for,
 * and only by the one who asked.
 */
#include "hmm_matrix.h"

#include <sys/syscall.h>
#include <linux/mempolicy.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif

FIXTURE(hmm_matrix_advice) {
	struct cell cell;
};

FIXTURE_VARIANT(hmm_matrix_advice) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_advice, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_advice, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_advice)
{
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_advice)
{
	teardown_cell(_metadata, &self->cell);
}

/* ---- What does nothing ---------------------------------------------------- */

TEST_F(hmm_matrix_advice, cold_and_pageout_do_nothing_to_it)
{
	struct cell *cell = &self->cell;

	EXPECT_EQ(0, madvise(cell->page, page_size, MADV_COLD));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, madvise(cell->page, page_size, MADV_PAGEOUT));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_advice, free_does_nothing_to_it)
{
	struct cell *cell = &self->cell;

	EXPECT_EQ(0, madvise(cell->page, page_size, MADV_FREE));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

/* Lazily freed: the next write brings it back to life, wherever it is made. */
TEST_F(hmm_matrix_advice, device_write_takes_memory_out_of_lazy_freeing)
{
	struct cell *cell = &self->cell;

	/* The entry stays for reading only where it was so. */
	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	ASSERT_EQ(IN_SYSTEM, page_in(cell->page));
	ASSERT_EQ(0, madvise(cell->page, page_size, MADV_FREE));
	ASSERT_EQ(0, gpu_fill(&cell->gpu, cell->page, page_size, 13));
	ASSERT_EQ(0, madvise(cell->page, page_size, MADV_PAGEOUT));
	EXPECT_EQ(13, cell_cpu_word(cell));
	EXPECT_EQ(13, cell_gpu_word(cell));
}

/* ---- What takes it away --------------------------------------------------- */

TEST_F(hmm_matrix_advice, dontneed_of_one_page_leaves_the_others)
{
	struct cell *cell = &self->cell;
	uint64_t value = 1;

	ASSERT_EQ(0, madvise(cell->page, page_size, MADV_DONTNEED));
	EXPECT_EQ(IN_NONE, page_in(cell->page));
	/* The device no longer sees it either. */
	ASSERT_EQ(0, gpu_load(&cell->gpu, cell->page + 64, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, cell_cpu_word(cell));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(pattern(1, CELL_PAGE + page_size),
		  *(volatile uint64_t *)(cell->page + page_size));
}

TEST_F(hmm_matrix_advice, guard_takes_the_page_and_nothing_else)
{
	struct cell *cell = &self->cell;
	uint64_t value = 1;

	if (madvise(cell->page, page_size, MADV_GUARD_INSTALL))
		SKIP(return, "needs MADV_GUARD_INSTALL");
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(dummy_addr(cell->page), cell->gpu.job.fault_addr);
	EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 DRM_DUMMY_GPU_MIGRATE_POPULATE));
	EXPECT_EQ(IN_OTHER, page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));

	ASSERT_EQ(0, madvise(cell->page, page_size, MADV_GUARD_REMOVE));
	ASSERT_EQ(0, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, cell_cpu_word(cell));
	EXPECT_EQ(pattern(1, CELL_PAGE + page_size),
		  *(volatile uint64_t *)(cell->page + page_size));
}

/* ---- What brings it home -------------------------------------------------- */

TEST_F(hmm_matrix_advice, collapse_gives_a_huge_page_or_fails_and_keeps_data)
{
	struct cell *cell = &self->cell;
	bool whole = mem_is_huge(cell->mem, CELL_SIZE);
	uint64_t until = now_ms() + LIVE_MS;
	int ret;

	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_HUGEPAGE));
	ret = madvise(cell->mem, CELL_SIZE, MADV_COLLAPSE);
	if (whole) {
		/* It is one already, says core mm, or cannot be. */
		EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_DEVICE));
	} else {
		/* Core mm gives up for one page that somebody has locked or isolated. */
		while (ret && errno == EAGAIN && now_ms() < until)
			ret = madvise(cell->mem, CELL_SIZE, MADV_COLLAPSE);
		EXPECT_EQ(0, ret);
		EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_SYSTEM));
		EXPECT_TRUE(mem_is_huge(cell->mem, CELL_SIZE));
	}
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_advice, populate_brings_it_home)
{
	struct cell *cell = &self->cell;

	EXPECT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_POPULATE_READ));
	EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_SYSTEM));
	ASSERT_TRUE(cell_send(cell));
	if (cell_is_writable(cell)) {
		EXPECT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_POPULATE_WRITE));
		EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_SYSTEM));
	} else {
		EXPECT_EQ(-1, madvise(cell->mem, CELL_SIZE, MADV_POPULATE_WRITE));
		EXPECT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_advice, mlock_brings_it_home)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mlock(cell->mem, CELL_SIZE));
	EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_SYSTEM));
	/* No promise of a place: it may go again, and is not lost when unlocked there. */
	ASSERT_TRUE(cell_send(cell));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	ASSERT_EQ(0, munlock(cell->mem, CELL_SIZE));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_advice, mlock_on_fault_leaves_it_in_the_device)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mlock2(cell->mem, CELL_SIZE, MLOCK_ONFAULT));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
	ASSERT_EQ(0, munlock(cell->mem, CELL_SIZE));
}

/* ---- Nodes ---------------------------------------------------------------- */

/* The node that @addr is on; negative: core mm's answer if it is on none. */
static int node_of(void *addr)
{
	int status = -EIO;

	return syscall(__NR_move_pages, 0, 1, &addr, NULL, &status, 0) ? -errno : status;
}

static long bind_to_node(void *start, size_t size, unsigned int node, unsigned int flags)
{
	unsigned long nodes = BIT(node);

	return syscall(__NR_mbind, start, size, MPOL_BIND, &nodes, 8 * sizeof(nodes), flags) ?
	       -errno : 0;
}

#define NO_NODES	"needs two NUMA nodes"

TEST_F(hmm_matrix_advice, it_comes_home_to_the_node_that_policy_says)
{
	struct cell *cell = &self->cell;
	unsigned int node;

	for (node = 0; node < 2; node++) {
		if (bind_to_node(cell->mem, CELL_SIZE, node, 0))
			SKIP(return, NO_NODES);
		ASSERT_TRUE(cell_send(cell));
		EXPECT_EQ(cell_place(cell), page_in(cell->page));
		EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
		/* What is exclusive never left. */
		if (cell->state != CELL_EXCLUSIVE) {
			EXPECT_EQ(node, node_of(cell->mem));
			EXPECT_EQ(node, node_of(cell->page));
			EXPECT_EQ(node, node_of(cell->mem + CELL_SIZE - page_size));
		}
	}
}

TEST_F(hmm_matrix_advice, moving_between_nodes_leaves_it_alone)
{
	struct cell *cell = &self->cell;
	unsigned long from = BIT(0), to = BIT(1);
	void *addr = cell->page;
	int node = 1, status = 0;

	if (bind_to_node(cell->mem, CELL_SIZE, 1, MPOL_MF_MOVE))
		SKIP(return, NO_NODES);
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_LE(0, syscall(__NR_migrate_pages, 0, 8 * sizeof(from), &from, &to));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_LE(0, syscall(__NR_move_pages, 0, 1, &addr, &node, &status, MPOL_MF_MOVE));
	EXPECT_GT(0, status);
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

/* ---- What a program is told ----------------------------------------------- */

/* Bytes that smaps tells in a line @name of the mapping at @mem; -1: none. */
static long long smaps_bytes(const char *name, const char *mem)
{
	unsigned long start, end;
	long long value, found = -1;
	bool inside = false;
	char line[256], text[64];
	FILE *stream;

	stream = fopen("/proc/self/smaps", "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = dummy_addr(mem) >= start && dummy_addr(mem) < end;
		else if (inside && sscanf(line, "%63[^:]: %lld", text, &value) == 2 &&
			 !strcmp(text, name))
			found = value * 1024;
	}
	if (stream)
		fclose(stream);
	return found;
}

TEST_F(hmm_matrix_advice, it_is_told_to_be_resident)
{
	struct cell *cell = &self->cell;
	unsigned char in_core = 0;

	EXPECT_EQ(CELL_SIZE, smaps_bytes("Rss", cell->mem));
	EXPECT_EQ(0, smaps_bytes("Swap", cell->mem));
	ASSERT_EQ(0, mincore(cell->page, page_size, &in_core));
	EXPECT_EQ(1, in_core & 1);
	EXPECT_GT(0, node_of(cell->page));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(CELL_SIZE, smaps_bytes("Rss", cell->mem));
}

#define SOFT_DIRTY	BIT(55)

TEST_F(hmm_matrix_advice, soft_dirty_sees_the_first_cpu_write)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, file_write("/proc/self/clear_refs", "4"));
	*(volatile uint64_t *)cell->gpu.staging = 1;
	if (!(pagemap_entry(cell->gpu.staging) & SOFT_DIRTY))
		SKIP(return, "needs CONFIG_MEM_SOFT_DIRTY");
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_FALSE(pagemap_entry(cell->page) & SOFT_DIRTY);
	*(volatile uint64_t *)cell->page = 14;
	EXPECT_TRUE(pagemap_entry(cell->page) & SOFT_DIRTY);
}

/*
 * Limits of core mm, see Documentation/limits: it does not write-protect a device
 * entry, so only one that is for reading only sees the write; and of an entry for
 * 2 MiB only mprotect() clears the bit.
 */
XFAIL_ADD(hmm_matrix_advice, pte, soft_dirty_sees_the_first_cpu_write);
XFAIL_ADD(hmm_matrix_advice, thp, soft_dirty_sees_the_first_cpu_write);
XFAIL_ADD(hmm_matrix_advice, thp_shared, soft_dirty_sees_the_first_cpu_write);

TEST_HARNESS_MAIN
