// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does to memory on its own: it merges equal pages, makes huge
 * ones, moves them between nodes, swaps, limits and kills. It finds memory that
 * is in the device, in whichever state, and either leaves it alone or brings it
 * home with its data; and it gets it all back from whoever is killed.
 */
#include "hmm_matrix.h"

#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>

FIXTURE(hmm_matrix_reclaim) {
	struct cell cell;
};

FIXTURE_VARIANT(hmm_matrix_reclaim) {
	struct cell_kind cell;
};

FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, pte) { .cell = { MEM_PTE, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, pte_shared) { .cell = { MEM_PTE, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, pte_read_only) { .cell = { MEM_PTE, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, thp) { .cell = { MEM_THP, CELL_OWNED } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, thp_shared) { .cell = { MEM_THP, CELL_SHARED } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, thp_read_only) { .cell = { MEM_THP, CELL_READ_ONLY } };
FIXTURE_VARIANT_ADD(hmm_matrix_reclaim, exclusive) { .cell = { MEM_PTE, CELL_EXCLUSIVE } };

FIXTURE_SETUP(hmm_matrix_reclaim)
{
	setup_cell(_metadata, &self->cell, variant->cell);
}

FIXTURE_TEARDOWN(hmm_matrix_reclaim)
{
	teardown_cell(_metadata, &self->cell);
}

/* A setting that is put back; old < 0: there is none. */
struct setting {
	const char *path;
	long long old;
};

static bool set(struct setting *setting, const char *path, long long value)
{
	char text[24];

	setting->path = path;
	setting->old = file_read(path);
	snprintf(text, sizeof(text), "%lld", value);
	return setting->old >= 0 && !file_write(path, text);
}

static int put_back(const struct setting *settings, size_t nr)
{
	char text[24];
	int ret = 0;

	while (nr--) {
		if (!settings[nr].path || settings[nr].old < 0)
			continue;
		snprintf(text, sizeof(text), "%lld", settings[nr].old);
		ret |= file_write(settings[nr].path, text);
	}
	return ret;
}

/* ---- KSM ------------------------------------------------------------------ */

#define KSM	"/sys/kernel/mm/ksm/"

static bool start_ksm(struct setting settings[4])
{
	return set(&settings[0], KSM "pages_to_scan", 4000) &&
	       set(&settings[1], KSM "sleep_millisecs", 1) &&
	       set(&settings[2], KSM "use_zero_pages", 0) &&
	       set(&settings[3], KSM "run", 1);
}

/* All pages known to it were looked at, from the start, so many times. */
static bool ksm_scans(unsigned int nr)
{
	long long before = file_read(KSM "full_scans");

	return eventually(file_read(KSM "full_scans") > before + nr);
}

TEST_F(hmm_matrix_reclaim, ksmd_leaves_it_alone_and_merges_it_at_home)
{
	struct cell *cell = &self->cell;
	struct setting settings[4] = { 0 };
	char *twin;

	twin = must_alloc(_metadata, CELL_SIZE, MEM_PTE);
	pattern_fill(twin, CELL_SIZE, 1);
	ASSERT_EQ(0, madvise(twin, CELL_SIZE, MADV_MERGEABLE));
	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_MERGEABLE));
	if (!start_ksm(settings)) {
		put_back(settings, 4);
		SKIP(return, "needs KSM");
	}
	EXPECT_TRUE(ksm_scans(3));
	EXPECT_EQ(cell_place(cell), page_in(cell->page));
	EXPECT_EQ(CELL_WORD, cell_gpu_word(cell));

	/* At home it is as good as any. */
	ASSERT_EQ(0, gpu_advise_place(&cell->gpu, cell->mem, CELL_SIZE,
				      DRM_DUMMY_GPU_PLACE_SYSTEM));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
	EXPECT_TRUE(eventually(page_frame(twin + CELL_PAGE) == page_frame(cell->page)));
	/* Shared with the twin now, which a device write must not reach, nor an atomic. */
	if (cell->state == CELL_EXCLUSIVE) {
		dummy_stream_atomic_add(cell->gpu.stream, 0, dummy_addr(cell->page), 2, 8);
		EXPECT_EQ(0, gpu_run(&cell->gpu));
		EXPECT_EQ(CELL_WORD + 2, cell_cpu_word(cell));
	} else if (cell_is_writable(cell)) {
		EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 2));
		EXPECT_EQ(2, cell_cpu_word(cell));
	}
	EXPECT_EQ(0, pattern_bad(twin, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, file_write(KSM "run", "2"));
	EXPECT_EQ(0, put_back(settings, 4));
}

/* ---- khugepaged ----------------------------------------------------------- */

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged/"

/* Soon, and again soon after it has found no huge page to be had. */
static bool start_khugepaged(struct setting settings[3])
{
	return set(&settings[0], KHUGEPAGED "max_ptes_swap", 64) &&
	       set(&settings[1], KHUGEPAGED "scan_sleep_millisecs", 5) &&
	       set(&settings[2], KHUGEPAGED "alloc_sleep_millisecs", 5);
}

static bool khugepaged_scans(unsigned int nr)
{
	long long before = file_read(KHUGEPAGED "full_scans");

	return eventually(file_read(KHUGEPAGED "full_scans") > before + nr);
}

TEST_F(hmm_matrix_reclaim, khugepaged_leaves_it_alone_unless_little_of_it_is_away)
{
	struct cell *cell = &self->cell;
	struct setting settings[3] = { 0 };

	if (!start_khugepaged(settings)) {
		put_back(settings, 3);
		SKIP(return, "needs khugepaged");
	}
	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_HUGEPAGE));
	if (cell->state == CELL_EXCLUSIVE) {
		/* One page is not for all to see, and is taken back. */
		EXPECT_TRUE(eventually(mem_is_huge(cell->mem, CELL_SIZE)));
		EXPECT_EQ(IN_SYSTEM, page_in(cell->page));
	} else {
		EXPECT_TRUE(khugepaged_scans(3));
		EXPECT_EQ(CELL_PAGES, pages_in(cell->mem, CELL_SIZE, IN_DEVICE));
	}
	EXPECT_EQ(0, put_back(settings, 3));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

TEST_F(hmm_matrix_reclaim, khugepaged_collapses_what_is_around_a_few_device_pages)
{
	struct cell *cell = &self->cell;
	size_t few = 20 * page_size, offset;
	struct setting settings[3] = { 0 };

	if (!start_khugepaged(settings)) {
		put_back(settings, 3);
		SKIP(return, "needs khugepaged");
	}
	/* Small pages, of which a few are in the device. */
	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_NOHUGEPAGE));
	EXPECT_EQ(CELL_WORD, cell_cpu_word(cell));
	EXPECT_EQ(0, gpu_to_system(&cell->gpu, cell->mem + few, CELL_SIZE - few));
	EXPECT_EQ(0, gpu_to_device(&cell->gpu, cell->mem, few));
	EXPECT_FALSE(mem_is_huge(cell->mem, CELL_SIZE));
	/* It collapses only what is in use. */
	for (offset = few; offset < CELL_SIZE; offset += page_size)
		EXPECT_EQ(pattern(1, offset), *(volatile uint64_t *)(cell->mem + offset));
	ASSERT_EQ(0, madvise(cell->mem, CELL_SIZE, MADV_HUGEPAGE));
	/* Too many that are shared are no reason to take them apart. */
	EXPECT_TRUE(cell->state == CELL_SHARED ? khugepaged_scans(3) :
		    eventually(mem_is_huge(cell->mem, CELL_SIZE)));
	EXPECT_EQ(0, put_back(settings, 3));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_SIZE, 1));
}

/* ---- NUMA balancing ------------------------------------------------------- */

/* A line "name value" of /proc/vmstat; -1: there is none. */
static long long vm_counter(const char *name)
{
	long long value, found = -1;
	char line[128], text[64];
	FILE *stream;

	stream = fopen("/proc/vmstat", "r");
	while (stream && fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%63s %lld", text, &value) == 2 && !strcmp(text, name))
			found = value;
	}
	if (stream)
		fclose(stream);
	return found;
}

#define BALANCING	"/sys/kernel/debug/sched/numa_balancing/"

static bool start_balancing(struct setting settings[4])
{
	return set(&settings[0], NUMA_BALANCING, 1) &&
	       set(&settings[1], BALANCING "scan_delay_ms", 1) &&
	       set(&settings[2], BALANCING "scan_period_min_ms", 1) &&
	       set(&settings[3], BALANCING "scan_period_max_ms", 2);
}

/* A thread that runs until the kernel has balanced enough. */
struct runner {
	pthread_t thread;
	const char *mem;	/* what it uses all the time */
	const char *page;	/* NULL, or what has to lose its permission to write */
	bool done;
};

static void *run(void *arg)
{
	long long before = vm_counter("numa_pte_updates");
	uint64_t end = now_ms() + LIVE_MS;
	struct runner *runner = arg;
	volatile uint64_t sum = 0;
	size_t offset;

	while (!runner->done && now_ms() < end) {
		for (offset = 0; offset < CELL_SIZE; offset += 64)
			sum += *(volatile uint64_t *)(runner->mem + offset);
		runner->done = vm_counter("numa_pte_updates") >= before + 64 &&
			       (!runner->page || page_in(runner->page) == IN_DEVICE_READ);
	}
	return NULL;
}

/*
 * Be balanced, or false. By a thread: it starts with the settings of now, and the
 * kernel leaves a process of one thread alone that is on the node of its memory.
 */
static bool be_balanced(const char *mem, const char *page)
{
	struct runner runner = { .mem = mem, .page = page };

	if (pthread_create(&runner.thread, NULL, run, &runner))
		return false;
	pthread_join(runner.thread, NULL);
	return runner.done;
}

#define NO_BALANCING	"needs NUMA balancing"

TEST_F(hmm_matrix_reclaim, numa_balancing_takes_no_data_and_no_writes)
{
	struct cell *cell = &self->cell;
	struct setting settings[4] = { 0 };
	char *busy;

	if (!start_balancing(settings)) {
		put_back(settings, 4);
		SKIP(return, NO_BALANCING);
	}
	busy = must_alloc(_metadata, CELL_SIZE, MEM_PTE);
	pattern_fill(busy, CELL_SIZE, 2);
	EXPECT_TRUE(be_balanced(busy, NULL));
	/* It did not bring it home. */
	EXPECT_TRUE(page_in(cell->page) & (cell->state == CELL_EXCLUSIVE ?
					   IN_EXCLUSIVE : IN_DEVICE));
	EXPECT_EQ(0, gpu_pattern_bad(&cell->gpu, cell->mem, CELL_SIZE, 1));
	if (cell_is_writable(cell)) {
		EXPECT_EQ(0, gpu_store(&cell->gpu, cell->page, 3));
		EXPECT_EQ(3, cell_cpu_word(cell));
	}
	EXPECT_EQ(0, pattern_bad(cell->mem, CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(busy, CELL_SIZE, 2));
	EXPECT_EQ(0, put_back(settings, 4));
}

/* ---- Swap ----------------------------------------------------------------- */

FIXTURE(hmm_matrix_kinds) {
	struct gpu gpu;
	char *mem;
};

FIXTURE_VARIANT(hmm_matrix_kinds) {
	enum mem_kind kind;
};

FIXTURE_VARIANT_ADD(hmm_matrix_kinds, pte) { .kind = MEM_PTE };
FIXTURE_VARIANT_ADD(hmm_matrix_kinds, thp) { .kind = MEM_THP };

FIXTURE_SETUP(hmm_matrix_kinds)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, CELL_SIZE, variant->kind);
	pattern_fill(self->mem, CELL_SIZE, 1);
	if (!mem_is_kind(self->mem, CELL_SIZE, variant->kind))
		SKIP(_exit(0), NO_HUGE);
}

FIXTURE_TEARDOWN(hmm_matrix_kinds)
{
	teardown_gpu(_metadata, &self->gpu);
}

TEST_F(hmm_matrix_kinds, swapped_out_memory_that_is_shared_is_copied_on_device_write)
{
	struct meeting meeting;
	pid_t child;

	/* Core mm pages nothing out that is shared: the entries are. */
	EXPECT_EQ(0, madvise(self->mem, CELL_SIZE, MADV_PAGEOUT));
	if (!pages_in(self->mem, CELL_SIZE, IN_SWAP))
		SKIP(return, "needs swap");
	ASSERT_EQ(0, meeting_init(&meeting));
	child = fork();
	if (!child) {
		meeting_child(&meeting);
		meet(&meeting);
		EXPECT_EQ(0, pattern_bad(self->mem, CELL_SIZE, 1));
		_exit(0);
	}
	meeting_parent(&meeting);
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, CELL_SIZE, 2));
	EXPECT_EQ(0, pattern_bad(self->mem, CELL_SIZE, 2));
	EXPECT_EQ(0, meet(&meeting));
	EXPECT_EQ(0, wait_exit(child));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, CELL_SIZE, 2));
}

TEST_F(hmm_matrix_kinds, swapped_out_memory_that_is_read_only_is_read_and_not_written)
{
	ASSERT_EQ(0, mprotect(self->mem, CELL_SIZE, PROT_READ));
	EXPECT_EQ(0, madvise(self->mem, CELL_SIZE, MADV_PAGEOUT));
	if (!pages_in(self->mem, CELL_SIZE, IN_SWAP))
		SKIP(return, "needs swap");
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, CELL_SIZE, 1));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_store(&self->gpu, self->mem, 1));
	EXPECT_EQ(0, madvise(self->mem, CELL_SIZE, MADV_PAGEOUT));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION,
		  gpu_store(&self->gpu, self->mem + CELL_PAGE, 1));
	EXPECT_EQ(0, pattern_bad(self->mem, CELL_SIZE, 1));
}

#define ZSWAP	"/sys/module/zswap/parameters/enabled"

TEST_F(hmm_matrix_kinds, memory_in_zswap_is_read_and_written_by_the_device)
{
	long long before = vm_counter("zswpout");

	if (before < 0 || file_write(ZSWAP, "Y"))
		SKIP(return, "needs zswap");
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, CELL_SIZE));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, CELL_SIZE, 2));
	EXPECT_EQ(0, gpu_to_system(&self->gpu, self->mem, CELL_SIZE));
	EXPECT_EQ(0, madvise(self->mem, CELL_SIZE, MADV_PAGEOUT));
	EXPECT_LT(0, pages_in(self->mem, CELL_SIZE, IN_SWAP));
	EXPECT_LT(before, vm_counter("zswpout"));
	/* What the device wrote has been there and back. */
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, self->mem, CELL_SIZE, 2));
	EXPECT_EQ(0, madvise(self->mem, CELL_SIZE, MADV_PAGEOUT));
	EXPECT_EQ(0, gpu_pattern_fill(&self->gpu, self->mem, CELL_SIZE / 2, 3));
	EXPECT_EQ(0, file_write(ZSWAP, "N"));
	EXPECT_EQ(0, pattern_bad(self->mem, CELL_SIZE / 2, 3));
	EXPECT_EQ(pattern(2, CELL_SIZE - 8), *(volatile uint64_t *)(self->mem + CELL_SIZE - 8));
}

/* Make an area of @disk, of the one format there is. Returns what swapon() says. */
static int swap_on(int disk, size_t size, int flags)
{
	char path[32], *head;
	int fd, ret = 0;

	snprintf(path, sizeof(path), "/dev/zram%d", disk);
	head = calloc(1, page_size);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (!head || fd < 0)
		return -ENOMEM;
	((uint32_t *)head)[256] = 1;
	((uint32_t *)head)[257] = size / page_size - 1;
	memcpy(head + page_size - 10, "SWAPSPACE2", 10);
	if (pwrite(fd, head, page_size, 0) != page_size)
		ret = -EIO;
	close(fd);
	free(head);
	if (!ret && swapon(path, flags))
		ret = -errno;
	return ret;
}

static int swap_off(int disk)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/zram%d", disk);
	return swapoff(path) ? -errno : 0;
}

static unsigned int count_swaps(void)
{
	FILE *stream = fopen("/proc/swaps", "r");
	unsigned int nr = 0;
	char line[256];

	while (stream && fgets(line, sizeof(line), stream))
		nr++;
	if (stream)
		fclose(stream);
	/* The first line is a title. */
	return nr ? nr - 1 : 0;
}

#define MAX_SWAPS	24	/* Documentation/limits */
#define LAST_SWAP	(16 * MIB)

/* How many pages of @mem are in swap area @area: its number is in the lowest bits. */
static unsigned int pages_in_area(const char *mem, size_t size, unsigned int area)
{
	unsigned int nr = 0;
	size_t at;

	for (at = 0; at < size; at += page_size) {
		nr += page_in(mem + at) == IN_SWAP &&
		      (pagemap_entry(mem + at) & 31) == area;
	}
	return nr;
}

TEST_F(hmm_matrix_kinds, last_of_24_swap_areas_is_not_taken_for_the_device)
{
	/*
	 * A CPU goes on in the 2 MiB of swap it wrote to last, of whatever area:
	 * have more than the CPUs can put there.
	 */
	size_t size = (get_nprocs() + 2) * CELL_SIZE;
	unsigned int nr = 0, before = count_swaps();
	int disks[MAX_SWAPS + 1], last = -1, ret = 0;
	char *mem = must_alloc(_metadata, size, variant->kind);

	pattern_fill(mem, size, 2);
	while (nr <= MAX_SWAPS - before) {
		disks[nr] = zram_add(LAST_SWAP);
		if (disks[nr] < 0) {
			last = -ENODEV;
			break;
		}
		nr++;
		/* The last one that there is room for is preferred to all others. */
		last = swap_on(disks[nr - 1], LAST_SWAP,
			       nr == MAX_SWAPS - before ? SWAP_FLAG_PREFER | 100 : 0);
		if (last)
			break;
	}
	EXPECT_EQ(-EPERM, last);
	EXPECT_EQ(MAX_SWAPS, count_swaps());

	EXPECT_EQ(0, madvise(mem, size, MADV_PAGEOUT));
	EXPECT_LT(0, pages_in_area(mem, size, MAX_SWAPS - 1));
	EXPECT_EQ(0, gpu_pattern_bad(&self->gpu, mem, size, 2));
	EXPECT_EQ(0, gpu_to_device(&self->gpu, mem, size));
	EXPECT_EQ(0, pattern_bad(mem, size, 2));
	while (nr--) {
		if (nr < MAX_SWAPS - before)
			ret |= swap_off(disks[nr]);
		ret |= zram_remove(disks[nr]);
	}
	if (last == -ENODEV)
		SKIP(return, NO_ZRAM);
	EXPECT_EQ(0, ret);
}

TEST_F(hmm_matrix_kinds, numa_balancing_leaves_the_permission_to_write)
{
	struct setting settings[4] = { 0 };
	char *busy;

	if (!start_balancing(settings)) {
		put_back(settings, 4);
		SKIP(return, NO_BALANCING);
	}
	busy = must_alloc(_metadata, CELL_SIZE, MEM_PTE);
	pattern_fill(busy, CELL_SIZE, 2);
	EXPECT_EQ(0, gpu_to_device(&self->gpu, self->mem, CELL_SIZE));
	EXPECT_FALSE(be_balanced(busy, self->mem + CELL_PAGE));
	EXPECT_EQ(0, put_back(settings, 4));
}

/* A limit of core mm, see Documentation/limits: it scans device entries, too. */
XFAIL_ADD(hmm_matrix_kinds, pte, numa_balancing_leaves_the_permission_to_write);
XFAIL_ADD(hmm_matrix_kinds, thp, numa_balancing_leaves_the_permission_to_write);

TEST_HARNESS_MAIN
