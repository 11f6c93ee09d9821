// SPDX-License-Identifier: GPL-2.0
/*
 * userfaultfd around memory that is in the device, in whichever state: it replaces
 * nothing that is there, provides what is missing between, and what it protects
 * nobody writes, neither CPU nor device. Where core mm loses the protection of
 * device memory, that is an expected failure.
 */
#include "hmm_matrix.h"

#include <linux/fs.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/syscall.h>

FIXTURE(hmm_matrix_uffd) {
	struct cell cell;
	int fd;
};

FIXTURE_VARIANT(hmm_matrix_uffd) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_uffd, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_uffd, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_uffd)
{
	self->fd = -1;
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_uffd)
{
	teardown_cell(_metadata, &self->cell);
	if (self->fd >= 0)
		close(self->fd);
}

/* A userfaultfd that has CELL_SIZE bytes at @mem; -1: there is none to be had. */
static int open_uffd_at(const char *mem, uint64_t mode, uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	struct uffdio_register range = {
		.range = { dummy_addr(mem), CELL_SIZE }, .mode = mode,
	};
	int fd;

	fd = syscall(__NR_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -1;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_uffd(const struct cell *cell, uint64_t mode, uint64_t features)
{
	return open_uffd_at(cell->mem, mode, features);
}

#define NO_UFFD	"needs userfaultfd"

/* The next event, a page fault with @flag; NULL: none came. */
static char *next_fault(int fd, uint64_t flag)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;

	if (poll(&poll_fd, 1, LIVE_MS) != 1 || read(fd, &msg, sizeof(msg)) != sizeof(msg))
		return NULL;
	if (msg.event != UFFD_EVENT_PAGEFAULT || (msg.arg.pagefault.flags & flag) != flag)
		return NULL;
	return (char *)(uintptr_t)msg.arg.pagefault.address;
}

static int protect(int fd, char *page, bool on)
{
	struct uffdio_writeprotect wp = {
		.range = { dummy_addr(page), page_size },
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return ioctl(fd, UFFDIO_WRITEPROTECT, &wp) ? -errno : 0;
}

struct accessor {
	pthread_t thread;
	volatile uint64_t *word;
	uint64_t value;
};

static void *read_word(void *arg)
{
	struct accessor *accessor = arg;

	accessor->value = *accessor->word;
	return NULL;
}

static void *write_word(void *arg)
{
	struct accessor *accessor = arg;

	*accessor->word = accessor->value;
	return NULL;
}

/* ---- Missing -------------------------------------------------------------- */

TEST_F(hmm_matrix_uffd, copy_and_zeropage_replace_nothing)
{
	struct cell *cell = &self->cell;
	struct uffdio_copy copy = {
		.dst = dummy_addr(cell->page), .src = dummy_addr(cell->gpu.staging),
		.len = page_size,
	};
	struct uffdio_zeropage zero = { .range = { dummy_addr(cell->page), page_size } };

	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_MISSING, 0);
	if (self->fd < 0)
		SKIP(return, NO_UFFD);
	EXPECT_EQ(-1, ioctl(self->fd, UFFDIO_COPY, &copy));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(-1, ioctl(self->fd, UFFDIO_ZEROPAGE, &zero));
	EXPECT_EQ(EEXIST, errno);
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	/* Touching it is no event either. */
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_uffd, missing_page_between_is_provided_by_nobody_else)
{
	struct cell *cell = &self->cell;
	struct accessor reader = { .word = (uint64_t *)cell->page };
	char *data = cell->gpu.staging;
	struct uffdio_copy copy = {
		.dst = dummy_addr(cell->page), .src = dummy_addr(data), .len = page_size,
	};
	uint64_t value = 0;

	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_MISSING, 0);
	if (self->fd < 0)
		SKIP(return, NO_UFFD);
	ASSERT_EQ(0, madvise(cell->page, page_size, MADV_DONTNEED));
	EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 DRM_DUMMY_GPU_MIGRATE_POPULATE));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(IN_NONE, page_in(cell->page));

	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_word, &reader));
	EXPECT_EQ(cell->page, next_fault(self->fd, 0));
	pattern_fill(data, page_size, 3);
	EXPECT_EQ(0, ioctl(self->fd, UFFDIO_COPY, &copy));
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(pattern(3, 0), reader.value);
	EXPECT_EQ(pattern(3, 0), cell_gpu_word(cell));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
}

/* ---- Moved ---------------------------------------------------------------- */

/* Errno of a move of @size bytes to @to, or 0. */
static int move(int fd, char *to, char *from, size_t size)
{
	struct uffdio_move move = {
		.dst = dummy_addr(to), .src = dummy_addr(from), .len = size,
	};

	return ioctl(fd, UFFDIO_MOVE, &move) ? errno : 0;
}

TEST_F(hmm_matrix_uffd, move_takes_nothing_out_of_the_device)
{
	struct cell *cell = &self->cell;
	struct cell target = { 0 };

	target.mem = must_alloc(_metadata, CELL_SIZE, variant->cell.kind);
	self->fd = open_uffd(&target, UFFDIO_REGISTER_MODE_MISSING, UFFD_FEATURE_MOVE);
	if (self->fd < 0)
		SKIP(return, "needs UFFDIO_MOVE");
	EXPECT_NE(0, move(self->fd, target.mem + CELL_PAGE, cell->page, page_size));
	/* What is around one that is exclusive is ordinary memory. */
	if (cell->state != CELL_EXCLUSIVE)
		EXPECT_NE(0, move(self->fd, target.mem, cell->mem, CELL_SIZE));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(CELL_PAGES, pages_in(target.mem, CELL_SIZE, IN_NONE));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_uffd, device_follows_a_page_that_came_home_and_was_moved)
{
	struct cell *cell = &self->cell;
	struct cell target = { 0 };
	uint64_t value = 1;
	int ret;

	target.mem = must_alloc(_metadata, CELL_SIZE, variant->cell.kind);
	self->fd = open_uffd(&target, UFFDIO_REGISTER_MODE_MISSING, UFFD_FEATURE_MOVE);
	if (self->fd < 0)
		SKIP(return, "needs UFFDIO_MOVE");
	/* At home, and mapped by the device there. */
	ASSERT_EQ(0, gpu_advise_place(&cell->gpu, cell->mem, CELL_SIZE,
				      DRM_DUMMY_GPU_PLACE_SYSTEM));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	ASSERT_EQ(IN_SYSTEM, page_in(cell->page));
	ret = move(self->fd, target.mem + CELL_PAGE, cell->page, page_size);
	if (cell->state == CELL_SHARED || cell->state == CELL_READ_ONLY) {
		/* Only what is ours alone and may be written is moved. */
		EXPECT_NE(0, ret);
		EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(IN_NONE, page_in(cell->page));
	ASSERT_EQ(0, gpu_load(&cell->gpu, cell->page, &value));
	EXPECT_EQ(0, value);
	ASSERT_EQ(0, gpu_load(&cell->gpu, target.mem + CELL_PAGE, &value));
	EXPECT_EQ(CELL_WORD, value);
	EXPECT_EQ(CELL_WORD, *(volatile uint64_t *)(target.mem + CELL_PAGE));
}

/* ---- Protected ------------------------------------------------------------ */

#define UFFD_WP	BIT(57)

/* A CPU's write to the protected page is an event, and done when we allow it. */
static void expect_write_waits(struct __test_metadata *_metadata, struct cell *cell, int fd)
{
	struct accessor writer = { .word = (uint64_t *)cell->page, .value = 15 };

	ASSERT_EQ(0, pthread_create(&writer.thread, NULL, write_word, &writer));
	EXPECT_EQ(cell->page, next_fault(fd, UFFD_PAGEFAULT_FLAG_WP));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(0, protect(fd, cell->page, false));
	pthread_join(writer.thread, NULL);
	EXPECT_EQ(15, cell_gpu_word(cell));
	EXPECT_EQ(15, cell_cpu_word(cell));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
}

TEST_F(hmm_matrix_uffd, cpu_write_to_what_was_protected_in_the_device_is_an_event)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_WP, 0);
	if (self->fd < 0)
		SKIP(return, NO_UFFD);
	ASSERT_EQ(0, protect(self->fd, cell->page, true));
	EXPECT_TRUE(pagemap_entry(cell->page) & UFFD_WP);
	expect_write_waits(_metadata, cell, self->fd);
}

TEST_F(hmm_matrix_uffd, protection_comes_home_with_the_page)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_WP, 0);
	if (self->fd < 0)
		SKIP(return, NO_UFFD);
	ASSERT_EQ(0, protect(self->fd, cell->page, true));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	EXPECT_TRUE(pagemap_entry(cell->page) & UFFD_WP);
	/* And does not go again while it is registered. */
	EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 0));
	expect_write_waits(_metadata, cell, self->fd);
}

TEST_F(hmm_matrix_uffd, device_never_writes_what_is_protected)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_WP, 0);
	if (self->fd < 0)
		SKIP(return, NO_UFFD);
	/* Mapped for the device as well as it can be. */
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	ASSERT_EQ(0, protect(self->fd, cell->page, true));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_store(&cell->gpu, cell->page, 16));
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page - 8, 17));
	ASSERT_EQ(0, protect(self->fd, cell->page, false));
	EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 16));
	EXPECT_EQ(16, cell_cpu_word(cell));
	EXPECT_EQ(17, *(volatile uint64_t *)(cell->page - 8));
}

/* ---- Tracked -------------------------------------------------------------- */

/* Take note of what was written to the cell's page since the last time, and protect it. */
static bool was_written(const struct cell *cell)
{
	struct page_region region = { 0 };
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = dummy_addr(cell->page),
		.end = dummy_addr(cell->page) + page_size,
		.vec = dummy_addr(&region),
		.vec_len = 1,
		.category_mask = PAGE_IS_WRITTEN,
		.return_mask = PAGE_IS_WRITTEN,
	};
	long nr;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	nr = ioctl(fd, PAGEMAP_SCAN, &scan);
	close(fd);
	return nr == 1;
}

TEST_F(hmm_matrix_uffd, asynchronous_protection_sees_each_cpu_write)
{
	struct cell *cell = &self->cell;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	self->fd = open_uffd(cell, UFFDIO_REGISTER_MODE_WP,
			     UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED);
	if (self->fd < 0)
		SKIP(return, "needs asynchronous write protection");
	EXPECT_TRUE(was_written(cell));
	EXPECT_FALSE(was_written(cell));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	EXPECT_FALSE(was_written(cell));
	*(volatile uint64_t *)cell->page = 18;
	EXPECT_TRUE(was_written(cell));
	EXPECT_FALSE(was_written(cell));
	*(volatile uint64_t *)cell->page = 19;
	EXPECT_TRUE(was_written(cell));
}

/*
 * A limit of core mm, see Documentation/limits: a writable device entry stays so,
 * or is not protected at all, and its page comes home without the protection.
 */
XFAIL_ADD(hmm_matrix_uffd, pte, asynchronous_protection_sees_each_cpu_write);
XFAIL_ADD(hmm_matrix_uffd, thp, asynchronous_protection_sees_each_cpu_write);

/* ---- There, but not mapped ------------------------------------------------ */

FIXTURE(hmm_matrix_minor) {
	struct gpu gpu;
	char *mem;	/* shared memory, whose pages another mapping has filled */
	char *other;
	int fd;
};

FIXTURE_SETUP(hmm_matrix_minor)
{
	int fd = memfd_create("hmm_matrix", MFD_CLOEXEC);

	setup_gpu(_metadata, &self->gpu, 0);
	ASSERT_EQ(0, ftruncate(fd, CELL_SIZE));
	self->mem = must_map(_metadata, CELL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	self->other = must_map(_metadata, CELL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	close(fd);
	pattern_fill(self->other, CELL_SIZE, 1);
	self->fd = open_uffd_at(self->mem, UFFDIO_REGISTER_MODE_MINOR, UFFD_FEATURE_MINOR_SHMEM);
	if (self->fd < 0)
		SKIP(_exit(0), "needs minor faults of userfaultfd");
}

FIXTURE_TEARDOWN(hmm_matrix_minor)
{
	teardown_gpu(_metadata, &self->gpu);
	close(self->fd);
}

/* As a missing page: the access fails, and nobody is asked on the device's behalf. */
TEST_F(hmm_matrix_minor, device_does_not_pass_a_page_that_was_not_continued)
{
	struct uffdio_continue more = {
		.range = { dummy_addr(self->mem) + CELL_PAGE, page_size },
	};
	struct accessor reader = { .word = (uint64_t *)(self->mem + 2 * CELL_PAGE) };
	uint64_t value = 0;

	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY,
		  gpu_load(&self->gpu, self->mem + CELL_PAGE, &value));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_MEMORY, gpu_store(&self->gpu, self->mem + CELL_PAGE, 1));
	EXPECT_EQ(IN_NONE, page_in(self->mem + CELL_PAGE));
	ASSERT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &more));
	EXPECT_EQ(0, gpu_load(&self->gpu, self->mem + CELL_PAGE, &value));
	EXPECT_EQ(CELL_WORD, value);
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem + CELL_PAGE, 16));
	EXPECT_EQ(16, *(volatile uint64_t *)(self->other + CELL_PAGE));

	/* The CPU's access is an event, and what the device did was none. */
	ASSERT_EQ(0, pthread_create(&reader.thread, NULL, read_word, &reader));
	EXPECT_EQ(self->mem + 2 * CELL_PAGE, next_fault(self->fd, UFFD_PAGEFAULT_FLAG_MINOR));
	more = (struct uffdio_continue) {
		.range = { dummy_addr(self->mem) + 2 * CELL_PAGE, page_size },
	};
	EXPECT_EQ(0, ioctl(self->fd, UFFDIO_CONTINUE, &more));
	pthread_join(reader.thread, NULL);
	EXPECT_EQ(pattern(1, 2 * CELL_PAGE), reader.value);
}

TEST_HARNESS_MAIN
