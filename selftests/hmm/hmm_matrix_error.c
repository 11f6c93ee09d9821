// SPDX-License-Identifier: GPL-2.0
/*
 * The worst that happens to memory in the device, in whichever state: a frame
 * breaks, is taken out of use, or its process dumps core. What is broken is told
 * to all who share it, CPU and device, and takes nothing else along; nobody ever
 * reads other data in its place.
 */
#include "hmm_matrix.h"

#include <elf.h>
#include <setjmp.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#define HARD	"/sys/devices/system/memory/hard_offline_page"
#define SOFT	"/sys/devices/system/memory/soft_offline_page"
#define NO_MF	"needs CONFIG_MEMORY_FAILURE"

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif

FIXTURE(hmm_matrix_error) {
	struct cell cell;
};

FIXTURE_VARIANT(hmm_matrix_error) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_error, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_error, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_error)
{
	if (access(HARD, W_OK) || access(SOFT, W_OK))
		SKIP(_exit(0), NO_MF);
	setup_cell(_metadata, &self->cell, variant->cell);
	/* The kernel kills who maps a broken page, unless he says that he cares. */
	signal(SIGBUS, SIG_IGN);
}

FIXTURE_TEARDOWN(hmm_matrix_error)
{
	teardown_cell(_metadata, &self->cell);
}

static int offline(const char *how, uint64_t frame)
{
	char text[32];

	snprintf(text, sizeof(text), "%#llx", (unsigned long long)frame * page_size);
	return file_write(how, text);
}

static sigjmp_buf after_sigbus;

static void on_sigbus(int signal)
{
	siglongjmp(after_sigbus, signal);
}

/* Whether a read of @addr, or its poisoning, ends in SIGBUS. */
static bool is_sigbus(void *addr, bool poison)
{
	struct sigaction action = { .sa_handler = on_sigbus }, before;
	bool sigbus = true;

	sigaction(SIGBUS, &action, &before);
	if (!sigsetjmp(after_sigbus, 1)) {
		if (poison)
			madvise(addr, page_size, MADV_HWPOISON);
		else
			(void)*(volatile char *)addr;
		sigbus = false;
	}
	sigaction(SIGBUS, &before, NULL);
	return sigbus;
}

/* Words that are wrong in all pages but that of the cell. */
static size_t others_bad(const struct cell *cell)
{
	size_t offset, bad = 0;

	for (offset = 0; offset < CELL_SIZE; offset += 8) {
		if (offset / page_size != CELL_PAGE / page_size)
			bad += *(volatile uint64_t *)(cell->mem + offset) != pattern(1, offset);
	}
	return bad;
}

/* What both sides see of the page after it broke. */
static void expect_broken(struct __test_metadata *_metadata, struct cell *cell)
{
	uint64_t value = 0;

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(dummy_addr(cell->page), cell->gpu.job.fault_addr);
	EXPECT_TRUE(is_sigbus(cell->page, false));
	EXPECT_EQ(0, gpu_load(&cell->gpu, cell->page - 8, &value));
	EXPECT_EQ(pattern(1, CELL_PAGE - 8), value);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&cell->gpu, cell->page, &value));
}

TEST_F(hmm_matrix_error, broken_frame_is_lost_to_all_who_share_it_and_nothing_else)
{
	struct cell *cell = &self->cell;
	uint64_t bad = gpu_device_stats(&cell->gpu).vram_bad;
	pid_t child = cell->child;

	ASSERT_EQ(0, offline(HARD, page_frame(cell->page)));
	expect_broken(_metadata, cell);
	EXPECT_EQ(0, others_bad(cell));
	if (child) {
		/* It reads all of it, and is killed by that. */
		cell->child = 0;
		meet(&cell->meeting);
		EXPECT_EQ(-1, wait_exit(child));
	}
	/* Retired as soon as nobody has it. */
	ASSERT_EQ(0, munmap(cell->mem, CELL_SIZE));
	if (cell->state != CELL_EXCLUSIVE) {
		bad += page_size;
		EXPECT_TRUE(eventually(gpu_device_stats(&cell->gpu).vram_bad == bad));
		cell->gpu.base.vram_bad = bad;
	}
}

TEST_F(hmm_matrix_error, page_that_is_poisoned_by_address_comes_home_to_die)
{
	struct cell *cell = &self->cell;
	uint64_t bad = gpu_device_stats(&cell->gpu).vram_bad;

	/* Core mm takes a reference first, which brings it home, and tells us at once. */
	ASSERT_TRUE(is_sigbus(cell->page, true));
	expect_broken(_metadata, cell);
	EXPECT_EQ(0, others_bad(cell));
	EXPECT_EQ(bad, gpu_device_stats(&cell->gpu).vram_bad);
	if (cell->child) {
		kill(cell->child, SIGKILL);
		wait_exit(cell->child);
		cell->child = 0;
	}
}

TEST_F(hmm_matrix_error, page_that_is_replaced_keeps_its_data)
{
	struct cell *cell = &self->cell;
	uint64_t frame = page_frame(cell->page);

	if (cell->state == CELL_EXCLUSIVE) {
		EXPECT_EQ(0, offline(SOFT, frame));
		EXPECT_NE(frame, page_frame(cell->page));
	} else {
		/* A device has no such thing to offer. */
		EXPECT_GT(0, offline(SOFT, frame));
		EXPECT_EQ(cell_place(cell), page_in(cell->page));
	}
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	EXPECT_EQ(0, madvise(cell->page, page_size, MADV_SOFT_OFFLINE));
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

/* ---- Dumps ---------------------------------------------------------------- */

FIXTURE(hmm_matrix_dump) {
	char core_pattern[128];
};

FIXTURE_VARIANT(hmm_matrix_dump) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_dump, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_dump, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

#define CORE_PATTERN	"/proc/sys/kernel/core_pattern"

FIXTURE_SETUP(hmm_matrix_dump)
{
	struct gpu gpu;
	int fd;

	setup_gpu(_metadata, &gpu, 0);
	ASSERT_EQ(0, gpu_close(&gpu));
	fd = open(CORE_PATTERN, O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	ASSERT_LT(0, read(fd, self->core_pattern, sizeof(self->core_pattern) - 1));
	close(fd);
	ASSERT_EQ(0, file_write(CORE_PATTERN, "/dev/shm/hmm_matrix.%p"));
}

FIXTURE_TEARDOWN(hmm_matrix_dump)
{
	EXPECT_EQ(0, file_write(CORE_PATTERN, self->core_pattern));
}

/* Words of the pattern in segment @head of a core file. */
static size_t words_in_segment(int fd, const Elf64_Phdr *head)
{
	size_t offset, good = 0;
	uint64_t word;

	for (offset = 0; offset + 8 <= head->p_filesz; offset += page_size / 2) {
		if (pread(fd, &word, 8, head->p_offset + offset) == 8)
			good += word == pattern(1, offset);
	}
	return good;
}

/* The most words of the pattern in any mapping that begins as the cell does. */
static size_t words_in_core(const char *path)
{
	size_t best = 0, good, i;
	Elf64_Phdr head;
	Elf64_Ehdr file;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &file, sizeof(file), 0) != sizeof(file))
		file.e_phnum = 0;
	for (i = 0; i < file.e_phnum; i++) {
		if (pread(fd, &head, sizeof(head), file.e_phoff + i * sizeof(head)) !=
		    sizeof(head) || head.p_type != PT_LOAD || head.p_filesz != CELL_SIZE)
			continue;
		good = words_in_segment(fd, &head);
		best = good > best ? good : best;
	}
	close(fd);
	return best;
}

/* Dumps as soon as its memory is in the state. */
static void __attribute__((noreturn)) dump(struct cell_kind kind)
{
	struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
	struct cell cell;
	int ret;

	setrlimit(RLIMIT_CORE, &limit);
	if (gpu_open(&cell.gpu, 0))
		_exit(1);
	ret = cell_init(&cell, kind);
	if (ret)
		_exit(ret == -ENXIO ? 2 : 3);
	signal(SIGABRT, SIG_DFL);
	abort();
}

TEST_F(hmm_matrix_dump, core_dump_has_the_data)
{
	char path[64];
	pid_t child;
	int ret;

	/* Its own child has device memory too, and is ours when it is gone. */
	ASSERT_EQ(0, prctl(PR_SET_CHILD_SUBREAPER, 1));
	child = fork();
	if (!child)
		dump(variant->cell);
	ret = wait_exit(child);
	/* Who shared its memory ends when it finds the other end of the meeting closed. */
	EXPECT_TRUE(eventually(waitpid(-1, NULL, WNOHANG) < 0));
	if (ret == 2)
		SKIP(return, NO_HUGE);
	ASSERT_EQ(-1, ret);
	snprintf(path, sizeof(path), "/dev/shm/hmm_matrix.%d", child);
	EXPECT_EQ(2 * CELL_PAGES, words_in_core(path));
	unlink(path);
}

/* A limit of core mm, see Documentation/limits: it takes a 2 MiB device entry for a hole. */
XFAIL_ADD(hmm_matrix_dump, thp, core_dump_has_the_data);
XFAIL_ADD(hmm_matrix_dump, thp_shared, core_dump_has_the_data);
XFAIL_ADD(hmm_matrix_dump, thp_read_only, core_dump_has_the_data);

TEST_HARNESS_MAIN
