// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's ways to memory of a process that are no loads and stores of its
 * own: by other processes, by disks, by pipes, by futexes, by rings. Each finds
 * the data of memory that is in the device, in whichever state, and what it
 * writes is seen by the device, and by nobody who only shares the page.
 */
#include "hmm_matrix.h"

#include <linux/futex.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

FIXTURE(hmm_matrix_access) {
	struct cell cell;
	int ends[2];
};

FIXTURE_VARIANT(hmm_matrix_access) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_access, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_access, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_access)
{
	ASSERT_EQ(0, pipe2(self->ends, O_CLOEXEC | O_NONBLOCK));
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_access)
{
	teardown_cell(_metadata, &self->cell);
	close(self->ends[0]);
	close(self->ends[1]);
}

/* ---- By other processes --------------------------------------------------- */

TEST_F(hmm_matrix_access, process_vm_readv_gets_the_data)
{
	struct cell *cell = &self->cell;
	uint64_t data[2] = { 0 };
	struct iovec local = { data, sizeof(data) };
	struct iovec remote = { cell->page - 8, sizeof(data) };

	/* The last word of one page and the first of the next. */
	ASSERT_EQ(sizeof(data), process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
	EXPECT_EQ(pattern(1, CELL_PAGE - 8), data[0]);
	EXPECT_EQ(CELL_WORD, data[1]);
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_access, process_vm_writev_reaches_us_alone)
{
	struct cell *cell = &self->cell;
	uint64_t data = 5;
	struct iovec local = { &data, sizeof(data) };
	struct iovec remote = { cell->page, sizeof(data) };
	ssize_t ret;

	ret = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
	if (cell_is_writable(cell)) {
		EXPECT_EQ(sizeof(data), ret);
		EXPECT_EQ(5, cell_gpu_word(cell));
		EXPECT_EQ(5, cell_cpu_word(cell));
	} else {
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	}
	EXPECT_EQ(pattern(1, CELL_PAGE + 8), *(volatile uint64_t *)(cell->page + 8));
}

TEST_F(hmm_matrix_access, proc_mem_reads_and_writes_it_for_us_alone)
{
	struct cell *cell = &self->cell;
	uint64_t data = 0;
	int fd;

	fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, fd);
	EXPECT_EQ(8, pread(fd, &data, 8, dummy_addr(cell->page)));
	EXPECT_EQ(CELL_WORD, data);
	ASSERT_TRUE(cell_send(cell));
	data = 6;
	/* Whether it may write what is for reading only is up to the kernel's configuration. */
	data = pwrite(fd, &data, 8, dummy_addr(cell->page)) == 8 ? 6 : CELL_WORD;
	if (cell_is_writable(cell))
		EXPECT_EQ(6, data);
	EXPECT_EQ(data, cell_gpu_word(cell));
	EXPECT_EQ(data, cell_cpu_word(cell));
	close(fd);
}

/* A debugger that shares our address space, so that it does not share our pages by fork. */
static int debug_us(void *arg)
{
	pid_t tracee = getppid();
	int status, error = 0;
	char *page = arg;

	if (ptrace(PTRACE_ATTACH, tracee, 0, 0))
		return 1;
	if (waitpid(tracee, &status, __WALL) != tracee || !WIFSTOPPED(status))
		return 2;
	if (ptrace(PTRACE_PEEKDATA, tracee, page, 0) != (long)CELL_WORD)
		error = 3;
	if (ptrace(PTRACE_POKEDATA, tracee, page - 8, 12))
		error = 4;
	if (ptrace(PTRACE_DETACH, tracee, 0, 0))
		error = 5;
	return error;
}

/* It may also write what the process may not. */
TEST_F(hmm_matrix_access, debugger_reads_and_writes_it_for_us_alone)
{
	struct cell *cell = &self->cell;
	size_t stack_size = 64 * KIB;
	uint64_t value = 0;
	char *stack;
	pid_t child;

	stack = must_alloc(_metadata, stack_size, MEM_PTE);
	child = clone(debug_us, stack + stack_size, CLONE_VM | SIGCHLD, cell->page);
	ASSERT_LT(0, child);
	EXPECT_EQ(0, wait_exit(child));
	ASSERT_EQ(0, gpu_load(&cell->gpu, cell->page - 8, &value));
	EXPECT_EQ(12, value);
	EXPECT_EQ(12, *(volatile uint64_t *)(cell->page - 8));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE - 8, 1));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
}

/* ---- By pipes ------------------------------------------------------------- */

TEST_F(hmm_matrix_access, system_call_copies_it_out_and_in)
{
	struct cell *cell = &self->cell;
	uint64_t data = 0;

	ASSERT_EQ(8, write(self->ends[1], cell->page, 8));
	ASSERT_EQ(8, read(self->ends[0], &data, 8));
	EXPECT_EQ(CELL_WORD, data);

	ASSERT_TRUE(cell_send(cell));
	data = 7;
	ASSERT_EQ(8, write(self->ends[1], &data, 8));
	if (cell_is_writable(cell)) {
		EXPECT_EQ(8, read(self->ends[0], cell->page, 8));
		EXPECT_EQ(7, cell_gpu_word(cell));
	} else {
		EXPECT_EQ(-1, read(self->ends[0], cell->page, 8));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));
	}
}

TEST_F(hmm_matrix_access, vmsplice_keeps_its_page_in_system_memory)
{
	struct cell *cell = &self->cell;
	struct iovec iov = { cell->page, 8 };
	uint64_t data = 0;

	ASSERT_EQ(8, vmsplice(self->ends[1], &iov, 1, 0));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 0));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	if (cell_is_writable(cell))
		EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 8));
	ASSERT_EQ(8, read(self->ends[0], &data, 8));
	/* The pipe has our page, or what was in it when a write took a copy of it. */
	EXPECT_TRUE(data == CELL_WORD || (cell_is_writable(cell) && data == 8));
	EXPECT_EQ(cell_is_writable(cell) ? 8 : CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(0, gpu_to_device(&cell->gpu, cell->page, page_size));
}

/* ---- By disks ------------------------------------------------------------- */

FIXTURE(hmm_matrix_access_disk) {
	struct cell cell;
	int disk;
	int fd;
};

FIXTURE_VARIANT(hmm_matrix_access_disk) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_access_disk, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

#define DISK_SIZE	(4 * MIB)

FIXTURE_SETUP(hmm_matrix_access_disk)
{
	char path[32];

	self->disk = zram_add(DISK_SIZE);
	if (self->disk < 0)
		SKIP(_exit(0), NO_ZRAM);
	snprintf(path, sizeof(path), "/dev/zram%d", self->disk);
	self->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	ASSERT_LE(0, self->fd);
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_access_disk)
{
	/* The child has the disk open, too. */
	teardown_cell(_metadata, &self->cell);
	close(self->fd);
	EXPECT_EQ(0, zram_remove(self->disk));
}

TEST_F(hmm_matrix_access_disk, direct_write_takes_the_data_from_the_device)
{
	struct cell *cell = &self->cell;
	size_t size = 4 * page_size;

	ASSERT_EQ(size, pwrite(self->fd, cell->page, size, 0));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	/* Back to where there was nothing before. */
	ASSERT_EQ(size, pread(self->fd, cell->gpu.staging + CELL_PAGE, size, 0));
	EXPECT_EQ(0, memcmp(cell->gpu.staging + CELL_PAGE, cell->page, size));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_access_disk, direct_read_reaches_us_alone)
{
	struct cell *cell = &self->cell;
	char *data = cell->gpu.staging;
	size_t size = 4 * page_size;

	pattern_fill(data, size, 2);
	ASSERT_EQ(size, pwrite(self->fd, data, size, 0));
	if (!cell_is_writable(cell)) {
		EXPECT_EQ(-1, pread(self->fd, cell->page, size, 0));
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
		return;
	}
	ASSERT_EQ(size, pread(self->fd, cell->page, size, 0));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->page, size, 2));
	EXPECT_EQ(0, pattern_bad(cell->page, size, 2));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	/* No pin is left behind. */
	EXPECT_EQ(0, gpu_to_device(&cell->gpu, cell->page, size));
}

/* ---- By futexes ----------------------------------------------------------- */

static long futex(volatile uint32_t *word, int op, uint32_t value, volatile uint32_t *word2,
		  uint32_t value3)
{
	return syscall(__NR_futex, word, op, value, NULL, word2, value3);
}

TEST_F(hmm_matrix_access, futex_compares_and_adds_to_the_value_in_the_device)
{
	struct cell *cell = &self->cell;
	volatile uint32_t *word = (uint32_t *)cell->page;
	uint32_t value = CELL_WORD;
	long ret;

	EXPECT_EQ(-1, futex(word, FUTEX_WAIT_PRIVATE, value + 1, NULL, 0));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	ASSERT_TRUE(cell_send(cell));
	ret = futex(word, FUTEX_WAKE_OP_PRIVATE, 1, word,
		    FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 0));
	if (cell_is_writable(cell)) {
		EXPECT_EQ(0, ret);
		EXPECT_EQ(value + 3, (uint32_t)cell_gpu_word(cell));
	} else {
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(EFAULT, errno);
		EXPECT_EQ(value, (uint32_t)cell_gpu_word(cell));
	}
}

struct waiter {
	pthread_t thread;
	volatile uint32_t *word;
	int flags;
	int error;
};

static void *wait_on_word(void *arg)
{
	struct waiter *waiter = arg;

	if (futex(waiter->word, FUTEX_WAIT | waiter->flags, CELL_WORD, NULL, 0))
		waiter->error = errno;
	return NULL;
}

TEST_F(hmm_matrix_access, futex_waiter_is_woken_after_its_page_moved)
{
	struct cell *cell = &self->cell;
	struct waiter waiter = { .word = (uint32_t *)cell->page };

	/* A futex that is not private has to be writable. */
	if (!cell_is_writable(cell))
		waiter.flags = FUTEX_PRIVATE_FLAG;
	ASSERT_EQ(0, pthread_create(&waiter.thread, NULL, wait_on_word, &waiter));
	/* The page moves between the wait and the wake that finds it. */
	EXPECT_TRUE(eventually(cell_send(cell) &&
			       futex(waiter.word, FUTEX_WAKE | waiter.flags, 1, NULL, 0) == 1));
	pthread_join(waiter.thread, NULL);
	EXPECT_EQ(0, waiter.error);
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
}

/* ---- By rings ------------------------------------------------------------- */

struct ring {
	int fd;
	struct io_uring_params params;
	char *rings;
	struct io_uring_sqe *sqes;
};

static int ring_open(struct ring *ring)
{
	size_t size;

	memset(ring, 0, sizeof(*ring));
	ring->fd = syscall(__NR_io_uring_setup, 2, &ring->params);
	if (ring->fd < 0)
		return -errno;
	if (!(ring->params.features & IORING_FEAT_SINGLE_MMAP))
		return -EOPNOTSUPP;
	size = ring->params.cq_off.cqes +
	       ring->params.cq_entries * sizeof(struct io_uring_cqe);
	ring->rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd,
			   IORING_OFF_SQ_RING);
	ring->sqes = mmap(NULL, ring->params.sq_entries * sizeof(*ring->sqes),
			  PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, IORING_OFF_SQES);
	return ring->rings == MAP_FAILED || ring->sqes == MAP_FAILED ? -ENOMEM : 0;
}

static int ring_register(struct ring *ring, void *start, size_t size)
{
	struct iovec iov = { start, size };

	return syscall(__NR_io_uring_register, ring->fd, IORING_REGISTER_BUFFERS, &iov, 1) ?
	       -errno : 0;
}

static int ring_unregister(struct ring *ring)
{
	return syscall(__NR_io_uring_register, ring->fd, IORING_UNREGISTER_BUFFERS, NULL, 0) ?
	       -errno : 0;
}

/* One operation on the registered buffer, and its result. */
static int ring_do(struct ring *ring, int opcode, int fd, const void *addr, size_t size)
{
	const struct io_sqring_offsets *sq = &ring->params.sq_off;
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	uint32_t *sq_tail = (uint32_t *)(ring->rings + sq->tail);
	uint32_t *cq_head = (uint32_t *)(ring->rings + cq->head);
	uint32_t mask = *(uint32_t *)(ring->rings + cq->ring_mask);
	uint32_t slot = *sq_tail & *(uint32_t *)(ring->rings + sq->ring_mask);
	struct io_uring_cqe *cqes = (struct io_uring_cqe *)(ring->rings + cq->cqes);
	int result;

	ring->sqes[slot] = (struct io_uring_sqe) {
		.opcode = opcode, .fd = fd, .addr = dummy_addr(addr), .len = size,
	};
	((uint32_t *)(ring->rings + sq->array))[slot] = slot;
	__atomic_store_n(sq_tail, *sq_tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		return -errno;
	result = cqes[*cq_head & mask].res;
	__atomic_store_n(cq_head, *cq_head + 1, __ATOMIC_RELEASE);
	return result;
}

TEST_F(hmm_matrix_access, registered_buffer_of_a_ring_and_the_device_see_each_other)
{
	struct cell *cell = &self->cell;
	struct ring ring;
	uint64_t data = 0;
	int ret;

	if (ring_open(&ring))
		SKIP(return, "needs io_uring");
	ret = ring_register(&ring, cell->page, page_size);
	if (!cell_is_writable(cell)) {
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
		close(ring.fd);
		return;
	}
	ASSERT_EQ(0, ret);
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	/* Pinned for long: it stays, and the device uses it in place. */
	EXPECT_EQ(0, gpu_migrate(&cell->gpu, cell->page, page_size, DRM_DUMMY_GPU_PLACE_DEVICE,
				 0));
	EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 9));
	EXPECT_EQ(8, ring_do(&ring, IORING_OP_WRITE_FIXED, self->ends[1], cell->page, 8));
	EXPECT_EQ(8, read(self->ends[0], &data, 8));
	EXPECT_EQ(9, data);
	data = 10;
	EXPECT_EQ(8, write(self->ends[1], &data, 8));
	EXPECT_EQ(8, ring_do(&ring, IORING_OP_READ_FIXED, self->ends[0], cell->page, 8));
	EXPECT_EQ(10, cell_gpu_word(cell));
	EXPECT_EQ(IN_SYSTEM, page_in(cell->page));

	EXPECT_EQ(0, ring_unregister(&ring));
	EXPECT_TRUE(eventually(!gpu_to_device(&cell->gpu, cell->page, page_size)));
	EXPECT_EQ(10, cell_cpu_word(cell));
	close(ring.fd);
}

/* ---- By everybody at once ------------------------------------------------- */

#define NR_THREADS	4
#define NR_ROUNDS	20

struct counter {
	pthread_t thread;
	pthread_barrier_t *barrier;
	volatile uint64_t *word;
	size_t bad;
};

/* One word of the page is this thread's own; the next one nobody writes. */
static void *count(void *arg)
{
	struct counter *counter = arg;
	unsigned int round;

	for (round = 0; round < NR_ROUNDS; round++) {
		pthread_barrier_wait(counter->barrier);
		if (*counter->word != round)
			counter->bad++;
		*counter->word = round + 1;
		pthread_barrier_wait(counter->barrier);
	}
	return NULL;
}

TEST_F(hmm_matrix_access, storm_of_readers_and_writers_loses_nothing)
{
	struct cell *cell = &self->cell;
	struct counter counters[NR_THREADS];
	uint64_t exclusives = gpu_vm_stats(&cell->gpu).exclusives;
	pthread_barrier_t barrier;
	unsigned int i, round;

	ASSERT_EQ(0, mprotect(cell->mem, CELL_SIZE, PROT_READ | PROT_WRITE));
	for (i = 0; i < NR_THREADS; i++)
		ASSERT_EQ(0, gpu_store(&cell->gpu, cell->page + 16 * i, 0));
	pthread_barrier_init(&barrier, NULL, NR_THREADS + 1);
	for (i = 0; i < NR_THREADS; i++) {
		counters[i] = (struct counter) {
			.barrier = &barrier,
			.word = (uint64_t *)(cell->page + 16 * i),
		};
		pthread_create(&counters[i].thread, NULL, count, &counters[i]);
	}
	for (round = 0; round < NR_ROUNDS; round++) {
		EXPECT_TRUE(cell_send(cell));
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	for (i = 0; i < NR_THREADS; i++) {
		pthread_join(counters[i].thread, NULL);
		EXPECT_EQ(0, counters[i].bad);
		EXPECT_EQ(NR_ROUNDS, *counters[i].word);
		EXPECT_EQ(pattern(1, CELL_PAGE + 16 * i + 8), counters[i].word[1]);
	}
	if (cell->state == CELL_EXCLUSIVE)
		EXPECT_LE(exclusives + NR_ROUNDS - 1, gpu_vm_stats(&cell->gpu).exclusives);
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	pthread_barrier_destroy(&barrier);
}

TEST_HARNESS_MAIN
