// SPDX-License-Identifier: GPL-2.0
/*
 * A direct read that is under way, into memory that was in the device, in
 * whichever state: the page is pinned at home until the data comes, and the data
 * comes into that page. Meanwhile the device faults on it, asks for it and evicts,
 * and nobody waits for the disk.
 */
#include "hmm_fuse.h"
#include "hmm_matrix.h"

FIXTURE(hmm_matrix_fuse) {
	struct cell cell;
	struct slow_file file;
	int fd;
};

FIXTURE_VARIANT(hmm_matrix_fuse) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_fuse, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_fuse, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_fuse)
{
	setup_cell(_metadata, &self->cell, variant->cell);
	if (slow_open(&self->file, true))
		SKIP(_exit(0), NO_FUSE);
	self->fd = open(self->file.path, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(hmm_matrix_fuse)
{
	close(self->fd);
	slow_close(&self->file);
	teardown_cell(_metadata, &self->cell);
}

struct reader {
	pthread_t thread;
	int fd;
	char *page;
	ssize_t ret;
};

static void *read_directly(void *arg)
{
	struct reader *reader = arg;

	reader->ret = pread(reader->fd, reader->page, page_size, 0);
	if (reader->ret < 0)
		reader->ret = -errno;
	return NULL;
}

TEST_F(hmm_matrix_fuse, direct_read_under_way_keeps_its_page_and_holds_up_nobody)
{
	struct cell *cell = &self->cell;
	struct reader reader = { .fd = self->fd, .page = cell->page };
	size_t around = CELL_PAGES - 1;
	uint64_t retries;
	unsigned int i;

	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_directly, &reader));
	if (!cell_is_writable(cell)) {
		pthread_join(reader.thread, NULL);
		EXPECT_EQ(-EFAULT, reader.ret);
		EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
		return;
	}
	ASSERT_TRUE(eventually(self->file.nr_held == 1));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	/* A pin is on the whole of a huge page. */
	if (mem_is_huge(cell->mem, CELL_SIZE))
		around = 0;

	/* Asked for, evicted, used: it stays, and what is around it may go. */
	retries = gpu_vm_stats(&cell->gpu).fault_retries;
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size,
					 DRM_DUMMY_GPU_PLACE_DEVICE, 0));
		EXPECT_EQ(0, dummy_evict(cell->gpu.dev, UINT64_MAX, NULL));
		EXPECT_EQ(around, gpu_migrate(&cell->gpu, cell->mem, CELL_SIZE,
					      DRM_DUMMY_GPU_PLACE_DEVICE, 0));
		EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
		EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	}
	EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 2));
	EXPECT_EQ(2, cell_cpu_word(cell));
	/* None of these waits for the page to be let go of. */
	EXPECT_GE(retries + 64, gpu_vm_stats(&cell->gpu).fault_retries);

	self->file.answers = true;
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(page_size, reader.ret);
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->page, page_size, SLOW_SEED));
	EXPECT_EQ(0, pattern_bad(cell->page, page_size, SLOW_SEED));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	/* No pin is left behind. */
	EXPECT_TRUE(eventually(!gpu_to_device(&cell->gpu, cell->page, page_size)));
	EXPECT_EQ(0, pattern_bad(cell->page, page_size, SLOW_SEED));
}

TEST_HARNESS_MAIN
