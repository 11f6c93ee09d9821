// SPDX-License-Identifier: GPL-2.0
/*
 * What a process does to its address space, and to whom it shows it, with memory
 * in the device, in whichever state: it moves it, keeps it from children, hands
 * it to one that is no copy, has another process advise it, gives it a
 * protection key. What it says is done to that memory and to nothing else, and
 * the data is there afterwards, for CPU and device.
 */
#include "hmm_matrix.h"

#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>

FIXTURE(hmm_matrix_space) {
	struct cell cell;
};

FIXTURE_VARIANT(hmm_matrix_space) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_space, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_space, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_space)
{
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_space)
{
	teardown_cell(_metadata, &self->cell);
}

/* ---- Moved ---------------------------------------------------------------- */

TEST_F(hmm_matrix_space, mremap_takes_it_along)
{
	struct cell *cell = &self->cell;
	char *target = must_alloc(_metadata, CELL_SIZE, variant->cell.kind);
	uint64_t value = 0;

	ASSERT_EQ(target, mremap(cell->mem, CELL_SIZE, CELL_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
				 target));
	/* Nothing has to come home for that. */
	EXPECT_EQ(cell_place(cell), page_in(target + CELL_PAGE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, target, CELL_SIZE, 1));
	if (cell_is_writable(cell)) {
		EXPECT_EQ(0, gpu_store(&cell->gpu, target + CELL_PAGE, 21));
		EXPECT_EQ(21, *(volatile uint64_t *)(target + CELL_PAGE));
	}
	EXPECT_EQ(0, pattern_bad(target, CELL_PAGE, 1));
}

TEST_F(hmm_matrix_space, mremap_that_leaves_the_mapping_leaves_zeros)
{
	struct cell *cell = &self->cell;
	char *target = must_alloc(_metadata, CELL_SIZE, variant->cell.kind);
	uint64_t value = 1;

	if (mremap(cell->mem, CELL_SIZE, CELL_SIZE,
		   MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP, target) != target)
		SKIP(return, "needs MREMAP_DONTUNMAP");
	EXPECT_EQ(cell_place(cell), page_in(target + CELL_PAGE));
	EXPECT_EQ(0, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, cell_cpu_word(cell));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, target, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(target, CELL_SIZE, 1));
}

/* ---- Children ------------------------------------------------------------- */

TEST_F(hmm_matrix_space, dontfork_keeps_it_out_of_the_child)
{
	struct cell *cell = &self->cell;
	uint64_t cow_breaks = gpu_vm_stats(&cell->gpu).cow_breaks, value;
	pid_t child;

	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_DONTFORK));
	child = fork();
	if (!child)
		_exit(peek(cell->page, &value) ? 1 : 0);
	EXPECT_EQ(0, wait_exit(child));
	/* Not shared by that, so nothing is copied. */
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	if (cell->state == CELL_OWNED) {
		EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 22));
		EXPECT_EQ(cow_breaks, gpu_vm_stats(&cell->gpu).cow_breaks);
		EXPECT_EQ(22, cell_cpu_word(cell));
	}
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
}

TEST_F(hmm_matrix_space, wipeonfork_gives_the_child_zeros)
{
	struct cell *cell = &self->cell;
	uint64_t value = 1;
	pid_t child;

	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_WIPEONFORK));
	child = fork();
	if (!child)
		_exit(peek(cell->page, &value) && !value ? 0 : 1);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

/* Run @fn beside us, in our address space, as after a vfork() that never execs. */
static int run_beside(int (*fn)(void *arg), void *arg)
{
	size_t stack_size = 256 * KIB;
	char *stack = mem_alloc(stack_size, MEM_PTE);
	pid_t child;

	if (!stack)
		return -ENOMEM;
	child = clone(fn, stack + stack_size, CLONE_VM | CLONE_VFORK | SIGCHLD, arg);
	return child < 0 ? -errno : wait_exit(child);
}

/* What it has: our cell, and a queue of its own. */
struct beside {
	struct cell *cell;
	struct gpu lane;
};

static int use_device_beside(void *arg)
{
	struct beside *beside = arg;
	struct cell *cell = beside->cell;
	uint64_t value = 0;

	if (gpu_load(&cell->gpu, cell->page, &value) || value != CELL_WORD)
		return 1;
	if (cell_is_writable(cell) && gpu_store(&cell->gpu, cell->page + 8, 23))
		return 2;
	return 0;
}

static int die_beside(void *arg)
{
	struct beside *beside = arg;
	uint64_t loop, job_id;

	loop = dummy_stream_size(beside->lane.stream);
	dummy_stream_load(beside->lane.stream, 0, dummy_addr(beside->cell->page), 8);
	dummy_stream_jump(beside->lane.stream, loop, DUMMY_GPU_COND_ALWAYS, 0, 0);
	if (gpu_start(&beside->lane, &job_id))
		return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

/* The same memory, but not the same process: what ends with it is only its own. */
TEST_F(hmm_matrix_space, child_in_the_same_address_space_uses_the_device_and_ends)
{
	struct cell *cell = &self->cell;
	struct beside beside = { .cell = cell };
	uint64_t value = 0;

	ASSERT_EQ(0, gpu_lane(&beside.lane, &cell->gpu, 0));
	EXPECT_EQ(0, run_beside(use_device_beside, &beside));
	EXPECT_EQ(-1, run_beside(die_beside, &beside));
	if (cell->state == CELL_OWNED)
		EXPECT_EQ(IN_DEVICE_WRITE, page_in(cell->page));
	EXPECT_EQ(0, gpu_load(&cell->gpu, cell->page + 8, &value));
	EXPECT_EQ(cell_is_writable(cell) ? 23 : pattern(1, CELL_PAGE + 8), value);
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(value, ((volatile uint64_t *)cell->page)[1]);
	/* Its job has gone on all the time. */
	EXPECT_EQ(0, gpu_close(&beside.lane));
}

/* ---- Advised by another --------------------------------------------------- */

/* In another process: advise all of @cell, which is @target's. 0 or an errno. */
static int advise_remotely(const struct cell *cell, int target, int advice)
{
	struct iovec iov = { cell->mem, CELL_SIZE };

	return syscall(__NR_process_madvise, target, &iov, 1, advice, 0) == CELL_SIZE ? 0 : errno;
}

TEST_F(hmm_matrix_space, advice_of_another_process_leaves_it_where_it_is)
{
	struct cell *cell = &self->cell;
	int target = syscall(__NR_pidfd_open, getpid(), 0);
	pid_t child;

	ASSERT_LE(0, target);
	/* Else the fork would share it. */
	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_DONTFORK));
	child = fork();
	if (!child)
		_exit(advise_remotely(cell, target, MADV_COLD) ?:
		      advise_remotely(cell, target, MADV_PAGEOUT));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
	close(target);
}

/* ---- Keys ----------------------------------------------------------------- */

/* Whether this thread may read the cell's page, asked of a system call. */
static bool may_read(const struct cell *cell, int ends[2])
{
	char byte;

	if (write(ends[1], cell->page, 1) != 1)
		return false;
	return read(ends[0], &byte, 1) == 1;
}

/*
 * A key is a thread's own promise, and the device is no thread: the mapping says
 * what it may do. To move does not change the key.
 */
TEST_F(hmm_matrix_space, protection_key_stays_with_it_and_binds_no_device)
{
	struct cell *cell = &self->cell;
	int prot = cell_is_writable(cell) ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t word = CELL_WORD;
	int key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
	int ends[2];

	if (key < 0)
		SKIP(return, "needs a CPU with protection keys");
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	ASSERT_EQ(0, pkey_mprotect(cell->mem, CELL_SIZE, prot, key));
	EXPECT_FALSE(may_read(cell, ends));
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	if (cell_is_writable(cell)) {
		word = 24;
		EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, word));
	}
	EXPECT_EQ(0, gpu_to_system(&cell->gpu, cell->mem, CELL_SIZE));
	EXPECT_FALSE(may_read(cell, ends));
	EXPECT_TRUE(cell_send(cell));
	EXPECT_FALSE(may_read(cell, ends));
	EXPECT_EQ(word, cell_gpu_word(cell));

	ASSERT_EQ(0, pkey_set(key, 0));
	EXPECT_EQ(word, cell_cpu_word(cell));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	/* Who shares it has no key on it, and no right to ours. */
	ASSERT_EQ(0, pkey_mprotect(cell->mem, CELL_SIZE, prot, 0));
	EXPECT_EQ(0, pkey_free(key));
	close(ends[0]);
	close(ends[1]);
}

/* ---- Huge pages ----------------------------------------------------------- */

TEST_F(hmm_matrix_space, process_that_wants_no_huge_pages_gets_none_in_the_device)
{
	struct cell *cell = &self->cell;
	char *hole = must_alloc(_metadata, CELL_SIZE, MEM_THP);
	char *own = must_alloc(_metadata, CELL_SIZE, MEM_THP);

	pattern_fill(own, CELL_SIZE, 2);
	ASSERT_EQ(0, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
	EXPECT_EQ(CELL_PAGES, gpu_migrate(&cell->gpu, hole, CELL_SIZE, DRM_DUMMY_GPU_PLACE_DEVICE,
					  DRM_DUMMY_GPU_MIGRATE_POPULATE));
	EXPECT_FALSE(mem_is_huge(hole, CELL_SIZE));
	EXPECT_EQ(0, gpu_to_device(&cell->gpu, own, CELL_SIZE));
	EXPECT_FALSE(mem_is_huge(own, CELL_SIZE));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, own, CELL_SIZE, 2));
	EXPECT_EQ(0, pattern_bad(own, CELL_SIZE, 2));
	/* What was there before stays as it was. */
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_HARNESS_MAIN
