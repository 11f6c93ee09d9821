// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that belongs to a file: the device uses it in place, sees what is
 * written to the file and is seen there, loses it when the file shrinks, and has
 * its writes written back. A private copy that went to the device is anonymous
 * memory, but still in a mapping of that file.
 */
#include "hmm_matrix.h"

#include <sys/mount.h>

#define SIZE	HUGE_SIZE
#define PAGE	(37 * page_size)
#define WORD	pattern(1, PAGE)

enum file_kind {
	FILE_SHMEM,	/* may be swapped */
	FILE_SHMEM_HUGE, /* in huge pages */
	FILE_RAMFS,	/* page cache, never written back */
	FILE_DISK,	/* page cache of wherever we are run: written back */
	FILE_HUGETLB,
};

FIXTURE(hmm_matrix_files) {
	struct gpu gpu;
	int fd;
	char *mem;	/* shared */
	long long nr_hugetlb;
	char shmem_huge[32];	/* the setting before */
};

FIXTURE_VARIANT(hmm_matrix_files) {
	enum file_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_matrix_files, shmem) { .kind = FILE_SHMEM };
FIXTURE_VARIANT_ADD(hmm_matrix_files, shmem_huge) { .kind = FILE_SHMEM_HUGE };
FIXTURE_VARIANT_ADD(hmm_matrix_files, ramfs) { .kind = FILE_RAMFS };
FIXTURE_VARIANT_ADD(hmm_matrix_files, disk) { .kind = FILE_DISK };
FIXTURE_VARIANT_ADD(hmm_matrix_files, hugetlb) { .kind = FILE_HUGETLB };

static const char nr_hugetlb[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
static const char shmem_enabled[] = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";

static int set_hugetlb(long long nr)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", nr);
	return file_write(nr_hugetlb, text) || file_read(nr_hugetlb) != nr ? -ENOMEM : 0;
}

/* The choice in brackets of the file @path, as it is written there. */
static int read_choice(const char *path, char *choice, size_t size)
{
	char text[128] = "", *end;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	end = strchr(text, ']');
	if (!strchr(text, '[') || !end)
		return -EINVAL;
	*end = 0;
	snprintf(choice, size, "%s", strchr(text, '[') + 1);
	return 0;
}

/* A file that has no name any more. */
static int open_unnamed(const char *dir)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/hmm_matrix.%d", dir, getpid());
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlink(path);
	return fd;
}

static int open_ramfs(void)
{
	char dir[] = "/tmp/hmm_matrix.XXXXXX";
	int fd;

	if (!mkdtemp(dir))
		return -1;
	fd = mount("none", dir, "ramfs", 0, NULL) ? -1 : open_unnamed(dir);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return fd;
}

static int open_kind(enum file_kind kind)
{
	switch (kind) {
	case FILE_RAMFS:
		return open_ramfs();
	case FILE_DISK:
		return open_unnamed(".");
	case FILE_HUGETLB:
		return memfd_create("hmm_matrix", MFD_CLOEXEC | MFD_HUGETLB);
	default:
		return memfd_create("hmm_matrix", MFD_CLOEXEC);
	}
}

FIXTURE_SETUP(hmm_matrix_files)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->nr_hugetlb = -1;
	if (variant->kind == FILE_HUGETLB) {
		self->nr_hugetlb = file_read(nr_hugetlb);
		/* One for the file, one for a copy, one for another copy. */
		if (set_hugetlb(self->nr_hugetlb + 3))
			SKIP(_exit(0), NO_HUGETLB);
	}
	if (variant->kind == FILE_SHMEM_HUGE &&
	    (read_choice(shmem_enabled, self->shmem_huge, sizeof(self->shmem_huge)) ||
	     file_write(shmem_enabled, "advise")))
		SKIP(_exit(0), NO_HUGE);
	self->fd = open_kind(variant->kind);
	if (self->fd < 0)
		SKIP(_exit(0), "needs a file of that kind");
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	self->mem = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	if (variant->kind == FILE_SHMEM_HUGE)
		madvise(self->mem, SIZE, MADV_HUGEPAGE);
	pattern_fill(self->mem, SIZE, 1);
	if (variant->kind == FILE_SHMEM_HUGE && !mem_is_huge(self->mem, SIZE))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_matrix_files)
{
	teardown_gpu(_metadata, &self->gpu);
	close(self->fd);
	if (self->nr_hugetlb >= 0)
		EXPECT_EQ(0, set_hugetlb(self->nr_hugetlb));
	if (variant->kind == FILE_SHMEM_HUGE)
		EXPECT_EQ(0, file_write(shmem_enabled, self->shmem_huge));
}

static uint64_t gpu_word(struct gpu *gpu, const char *addr)
{
	uint64_t value = 0;

	return gpu_load(gpu, addr, &value) ? 0 : value;
}

static uint64_t cpu_word(const char *addr)
{
	return *(volatile uint64_t *)addr;
}

/* ---- Shared --------------------------------------------------------------- */

TEST_F(hmm_matrix_files, shared_mapping_stays_and_is_coherent_both_ways)
{
	char *other;

	other = must_map(_metadata, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE));
	EXPECT_EQ(0, gpu_migrate(&self->gpu, self->mem, SIZE, DRM_DUMMY_GPU_PLACE_DEVICE, 0));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	/* The device has it mapped: what others write, it sees, and what it writes, they see. */
	*(volatile uint64_t *)(other + PAGE) = 2;
	EXPECT_EQ(2, gpu_word(&self->gpu, self->mem + PAGE));
	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(other, SIZE, 3));
	EXPECT_EQ(0, pattern_bad(self->mem, SIZE, 3));
	EXPECT_EQ(SIZE / page_size, pages_in(self->mem, SIZE, IN_SYSTEM));
}

TEST_F(hmm_matrix_files, file_that_shrinks_is_gone_for_the_device)
{
	uint64_t value = 0;

	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, SIZE, 1));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&self->gpu, self->mem + PAGE, &value));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_store(&self->gpu, self->mem + PAGE, 4));
	/* What comes in its place begins as zeros, and the device is there again. */
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	ASSERT_EQ(0, gpu_load(&self->gpu, self->mem + PAGE, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 5));
	EXPECT_EQ(5, cpu_word(self->mem + PAGE));
	EXPECT_EQ(0, cpu_word(self->mem + PAGE + 8));
}

TEST_F(hmm_matrix_files, file_that_shrinks_under_a_running_job_fails_it)
{
	uint64_t job_id, loop;
	int ret;

	/* Count in the file until it is gone. */
	dummy_stream_set(self->gpu.stream, 0, 0);
	loop = dummy_stream_size(self->gpu.stream);
	dummy_stream_add(self->gpu.stream, 0, 1);
	dummy_stream_store_reg(self->gpu.stream, dummy_addr(self->mem + PAGE), 0, 8);
	dummy_stream_jump(self->gpu.stream, loop, DUMMY_GPU_COND_NE, 0, 0);
	*(volatile uint64_t *)(self->mem + PAGE) = 0;
	ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
	EXPECT_TRUE(eventually(cpu_word(self->mem + PAGE)));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	ret = gpu_finish(&self->gpu, job_id);
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, ret);
	EXPECT_EQ(dummy_addr(self->mem + PAGE), self->gpu.job.fault_addr);
	/* No write of it landed in what comes next. */
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	EXPECT_EQ(0, cpu_word(self->mem + PAGE));
}

static int punch(int fd, enum file_kind kind)
{
	size_t size = kind == FILE_HUGETLB ? SIZE : 2 * page_size;
	off_t offset = kind == FILE_HUGETLB ? 0 : PAGE;

	return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, size) ?
	       -errno : 0;
}

TEST_F(hmm_matrix_files, hole_that_is_punched_reads_as_zeros_by_the_device)
{
	uint64_t value = 1;
	int ret;

	ASSERT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, SIZE, 3));
	ret = punch(self->fd, variant->kind);
	if (variant->kind == FILE_RAMFS) {
		EXPECT_EQ(-EOPNOTSUPP, ret);
		return;
	}
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, gpu_load(&self->gpu, self->mem + PAGE, &value));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 6));
	EXPECT_EQ(6, cpu_word(self->mem + PAGE));
	if (variant->kind != FILE_HUGETLB)
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, PAGE, 3));
}

TEST_F(hmm_matrix_files, device_write_after_writeback_is_written_back_too)
{
	uint64_t value = 0;

	ASSERT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 7));
	ASSERT_EQ(0, fsync(self->fd));
	/* The page is clean now, and was the device's a moment ago. */
	ASSERT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 8));
	ASSERT_EQ(0, fsync(self->fd));
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	ASSERT_EQ(0, posix_fadvise(self->fd, 0, SIZE, POSIX_FADV_DONTNEED));
	ASSERT_EQ(8, pread(self->fd, &value, 8, PAGE));
	EXPECT_EQ(8, value);
	ASSERT_EQ(8, pread(self->fd, &value, 8, PAGE + 8));
	EXPECT_EQ(pattern(1, PAGE + 8), value);
}

TEST_F(hmm_matrix_files, file_that_was_reclaimed_is_read_and_written_by_the_device)
{
	size_t left;

	ASSERT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 9));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(variant->kind == FILE_HUGETLB ? -1 : 0,
		  madvise(self->mem, SIZE, MADV_PAGEOUT));
	left = pages_in(self->mem, SIZE, IN_SYSTEM);
	if (variant->kind == FILE_SHMEM || variant->kind == FILE_DISK)
		EXPECT_GT(SIZE / page_size, left);
	EXPECT_EQ(9, gpu_word(&self->gpu, self->mem + PAGE));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, PAGE, 1));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 10));
	EXPECT_EQ(10, cpu_word(self->mem + PAGE));
	EXPECT_EQ(0, pattern_bad(self->mem, PAGE, 1));
}

/*
 * In another process, which has both mappings from us: what its device finds in
 * the file while we write it back, punch a hole and make it shrink.
 */
static int use_as_others(struct meeting *meeting, char *mem, char *reader, enum file_kind kind)
{
	uint64_t value = 0;
	struct gpu gpu;

	meeting_child(meeting);
	if (gpu_open(&gpu, 0))
		return 1;
	if (gpu_word(&gpu, mem + PAGE) != WORD || gpu_word(&gpu, reader + PAGE) != WORD)
		return 2;
	if (meet(meeting) || meet(meeting))
		return 3;
	/* It has been written back. */
	if (gpu_store(&gpu, mem + PAGE, 8) ||
	    gpu_store(&gpu, reader + PAGE, 9) != DRM_DUMMY_GPU_REASON_PERMISSION)
		return 4;
	if (meet(meeting) || meet(meeting))
		return 5;
	/* There is a hole. */
	if (kind != FILE_RAMFS && (gpu_load(&gpu, mem + PAGE, &value) || value ||
				   gpu_load(&gpu, reader + PAGE, &value) || value))
		return 6;
	if (meet(meeting) || meet(meeting))
		return 7;
	/* It is gone. */
	if (gpu_load(&gpu, mem + PAGE, &value) != DRM_DUMMY_GPU_REASON_MEMORY ||
	    gpu_load(&gpu, reader + PAGE, &value) != DRM_DUMMY_GPU_REASON_MEMORY)
		return 8;
	return 0;
}

TEST_F(hmm_matrix_files, reader_and_other_process_find_what_became_of_the_file)
{
	struct meeting meeting;
	uint64_t value = 0;
	char *reader;
	pid_t child;

	reader = must_map(_metadata, SIZE, PROT_READ, MAP_SHARED, self->fd);
	EXPECT_EQ(WORD, gpu_word(&self->gpu, self->mem + PAGE));
	EXPECT_EQ(WORD, gpu_word(&self->gpu, reader + PAGE));
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child)
		_exit(use_as_others(&meeting, self->mem, reader, variant->kind));
	meeting_parent(&meeting);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(8, gpu_word(&self->gpu, reader + PAGE));
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(8, pread(self->fd, &value, 8, PAGE));
	EXPECT_EQ(8, value);

	if (punch(self->fd, variant->kind))
		EXPECT_EQ(FILE_RAMFS, variant->kind);
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(variant->kind == FILE_RAMFS ? 8 : 0, gpu_word(&self->gpu, reader + PAGE));
	EXPECT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&self->gpu, reader + PAGE, &value));
	EXPECT_EQ(0, ftruncate(self->fd, SIZE));
	EXPECT_EQ(0, gpu_load(&self->gpu, reader + PAGE, &value));
	EXPECT_EQ(0, value);
}

TEST_F(hmm_matrix_files, reclaimed_page_is_read_back_for_a_reader)
{
	char *reader = must_map(_metadata, SIZE, PROT_READ, MAP_SHARED, self->fd);
	size_t left;

	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, reader, SIZE, 1));
	/* Only what one mapping has is paged out when asked. */
	ASSERT_EQ(0, munmap(self->mem, SIZE));
	ASSERT_EQ(0, fsync(self->fd));
	EXPECT_EQ(variant->kind == FILE_HUGETLB ? -1 : 0, madvise(reader, SIZE, MADV_PAGEOUT));
	left = pages_in(reader, SIZE, IN_SYSTEM);
	if (variant->kind == FILE_SHMEM || variant->kind == FILE_DISK)
		EXPECT_GT(SIZE / page_size, left);
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, reader, SIZE, 1));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, reader + PAGE, 1));
	EXPECT_EQ(0, pattern_bad(reader, SIZE, 1));
}

/* ---- Private -------------------------------------------------------------- */

/* A private mapping whose page is written, and in the device if it can be there. */
static char *private_copy(struct gpu *gpu, int fd, enum file_kind kind)
{
	char *mem = mem_map(SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);

	if (!mem)
		return NULL;
	*(volatile uint64_t *)(mem + PAGE) = 11;
	if (kind == FILE_HUGETLB)
		return gpu_word(gpu, mem + PAGE) == 11 ? mem : NULL;
	return gpu_to_device(gpu, mem + PAGE, page_size) ? NULL : mem;
}

TEST_F(hmm_matrix_files, private_copy_in_the_device_never_reaches_the_file)
{
	char *private = private_copy(&self->gpu, self->fd, variant->kind);

	ASSERT_NE(NULL, private);
	EXPECT_EQ(variant->kind == FILE_HUGETLB ? IN_SYSTEM : IN_DEVICE_WRITE,
		  page_in(private + PAGE));
	EXPECT_EQ(0, gpu_store(&self->gpu, private + PAGE, 12));
	/* Nor does what is written to the file after the copy reach it. */
	*(volatile uint64_t *)(self->mem + PAGE + 8) = 13;
	EXPECT_EQ(12, cpu_word(private + PAGE));
	EXPECT_EQ(pattern(1, PAGE + 8), cpu_word(private + PAGE + 8));
	EXPECT_EQ(WORD, cpu_word(self->mem + PAGE));
	EXPECT_EQ(WORD, gpu_word(&self->gpu, self->mem + PAGE));
	/* A page that was not copied is still the file's. */
	if (variant->kind != FILE_HUGETLB) {
		EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, private, PAGE, 1));
		*(volatile uint64_t *)self->mem = 14;
		EXPECT_EQ(14, gpu_word(&self->gpu, private));
	}
}

TEST_F(hmm_matrix_files, file_that_shrinks_takes_private_copies_out_of_the_device)
{
	char *private = private_copy(&self->gpu, self->fd, variant->kind);
	uint64_t before = gpu_device_stats(&self->gpu).vram_svm, value = 0;

	ASSERT_NE(NULL, private);
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(IN_NONE, page_in(private + PAGE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&self->gpu, private + PAGE, &value));
	if (variant->kind != FILE_HUGETLB)
		EXPECT_TRUE(eventually(gpu_device_stats(&self->gpu).vram_svm + page_size ==
				       before));
	ASSERT_EQ(0, ftruncate(self->fd, SIZE));
	ASSERT_EQ(0, gpu_load(&self->gpu, private + PAGE, &value));
	EXPECT_EQ(0, value);
}

TEST_F(hmm_matrix_files, private_copy_in_the_device_survives_a_hole_in_its_file)
{
	char *private = private_copy(&self->gpu, self->fd, variant->kind);

	ASSERT_NE(NULL, private);
	if (punch(self->fd, variant->kind))
		ASSERT_EQ(FILE_RAMFS, variant->kind);
	if (variant->kind == FILE_HUGETLB) {
		/* Core mm takes a copy of this kind along: for both sides alike. */
		EXPECT_EQ(cpu_word(private + PAGE), gpu_word(&self->gpu, private + PAGE));
		return;
	}
	EXPECT_EQ(IN_DEVICE_WRITE, page_in(private + PAGE));
	EXPECT_EQ(11, gpu_word(&self->gpu, private + PAGE));
	EXPECT_EQ(11, cpu_word(private + PAGE));
	EXPECT_EQ(pattern(1, PAGE + 8), cpu_word(private + PAGE + 8));
}

TEST_F(hmm_matrix_files, private_copy_is_shared_by_fork_and_copied_on_device_write)
{
	char *private = private_copy(&self->gpu, self->fd, variant->kind);
	struct meeting meeting;
	pid_t child;

	ASSERT_NE(NULL, private);
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		meet(&meeting);
		EXPECT_EQ(11, cpu_word(private + PAGE));
		EXPECT_EQ(15, cpu_word(self->mem + PAGE));
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, gpu_store(&self->gpu, private + PAGE, 16));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + PAGE, 15));
	EXPECT_EQ(16, cpu_word(private + PAGE));
	meet(&meeting);
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(16, gpu_word(&self->gpu, private + PAGE));
}

/* ---- Private, in every state ---------------------------------------------- */

FIXTURE(hmm_matrix_private) {
	struct cell cell;
	int fd;
};

FIXTURE_VARIANT(hmm_matrix_private) {
	enum cell_state state;
};

FIXTURE_VARIANT_ADD(hmm_matrix_private, pte) { .state = CELL_OWNED };
FIXTURE_VARIANT_ADD(hmm_matrix_private, pte_shared) { .state = CELL_SHARED };
FIXTURE_VARIANT_ADD(hmm_matrix_private, pte_read_only) { .state = CELL_READ_ONLY };
FIXTURE_VARIANT_ADD(hmm_matrix_private, exclusive) { .state = CELL_EXCLUSIVE };

FIXTURE_SETUP(hmm_matrix_private)
{
	struct cell *cell = &self->cell;

	setup_gpu(_metadata, &cell->gpu, 0);
	cell->child = 0;
	self->fd = memfd_create("hmm_matrix", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, CELL_SIZE));
	cell->mem = must_map(_metadata, CELL_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd);
	/* Each page of it is a copy of a page of zeros, and written to. */
	pattern_fill(cell->mem, CELL_SIZE, 1);
	ASSERT_EQ(0, cell_enter(cell, variant->state));
}

FIXTURE_TEARDOWN(hmm_matrix_private)
{
	teardown_cell(_metadata, &self->cell);
	close(self->fd);
}

TEST_F(hmm_matrix_private, file_that_shrinks_takes_it_from_all_who_have_it)
{
	struct cell *cell = &self->cell;
	pid_t child = cell->child;
	uint64_t value = 0;

	ASSERT_EQ(0, ftruncate(self->fd, 0));
	EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_NONE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_TRUE(eventually(gpu_device_stats(&cell->gpu).vram_svm ==
			       cell->gpu.base.vram_svm));
	/* Who shared it finds the end of the file, too: SIGBUS. */
	cell->child = 0;
	if (child) {
		meet(&cell->meeting);
		EXPECT_EQ(-1, wait_exit(child));
	}
	ASSERT_EQ(0, ftruncate(self->fd, CELL_SIZE));
	EXPECT_EQ(0, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(0, value);
}

TEST_F(hmm_matrix_private, hole_in_its_file_leaves_it)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       CELL_SIZE));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_private, it_never_reaches_the_file)
{
	struct cell *cell = &self->cell;
	int ret = gpu_store(&cell->gpu, cell->page, 18);
	uint64_t value = 1;

	EXPECT_EQ(cell_is_writable(cell) ? 0 : DRM_DUMMY_GPU_REASON_PERMISSION, ret);
	EXPECT_EQ(8, pread(self->fd, &value, 8, CELL_PAGE));
	EXPECT_EQ(0, value);
	EXPECT_EQ(cell_is_writable(cell) ? 18 : CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(8, pread(self->fd, &value, 8, CELL_PAGE));
	EXPECT_EQ(0, value);
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
}

TEST_HARNESS_MAIN
