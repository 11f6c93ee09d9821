// SPDX-License-Identifier: GPL-2.0
/*
 * See hmm_helper.h for what these do.
 */
#include <dirent.h>
#include <linux/fs.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "hmm_helper.h"

#define STREAM_SIZE	(64 * KIB)
/* Who is dying gives something back in less. */
#define SETTLE_MS	200
/* How long somebody else may hold on to a page that is to move. */
#define MOVE_MS		5000

size_t page_size;

static void __attribute__((constructor)) read_page_size(void)
{
	page_size = sysconf(_SC_PAGESIZE);
}

/* ---- GPU ---------------------------------------------------------------- */

/* By the node itself: libdrm takes platform devices of one name for one device. */
static int device_open(unsigned int index, struct dummy_device **dev)
{
	unsigned int minor;
	char path[32];

	for (minor = 128; minor < 192; minor++) {
		snprintf(path, sizeof(path), "/dev/dri/renderD%u", minor);
		if (dummy_device_open_path(path, dev))
			continue;
		if (dummy_device_info(*dev)->index == index)
			return 0;
		dummy_device_close(*dev);
		*dev = NULL;
	}
	return -ENODEV;
}

static int make_arena(struct gpu *gpu)
{
	size_t size = STREAM_SIZE + HUGE_SIZE;
	int ret;

	gpu->arena = mem_alloc(size, MEM_PTE);
	if (!gpu->arena)
		return -ENOMEM;
	if (madvise(gpu->arena, size, MADV_DONTFORK))
		return -errno;
	ret = gpu_advise_place(gpu, gpu->arena, size, DRM_DUMMY_GPU_PLACE_SYSTEM);
	if (ret)
		return ret;
	gpu->staging = gpu->arena + STREAM_SIZE;
	return dummy_stream_create_in(gpu->arena, STREAM_SIZE, dummy_addr(gpu->arena),
				      &gpu->stream);
}

int gpu_open(struct gpu *gpu, unsigned int index)
{
	int ret;

	memset(gpu, 0, sizeof(*gpu));
	gpu->index = index;
	gpu->owner = true;
	ret = device_open(index, &gpu->dev);
	if (ret)
		return ret;
	gpu->base = gpu_device_stats(gpu);
	ret = dummy_vm_create(gpu->dev, DRM_DUMMY_GPU_VM_SVM, &gpu->vm);
	if (ret)
		return ret;
	ret = dummy_queue_create(gpu->vm, 0, 0, -1, &gpu->queue);
	if (ret)
		return ret;
	return make_arena(gpu);
}

int gpu_lane(struct gpu *lane, struct gpu *gpu, unsigned int engine)
{
	int ret;

	memset(lane, 0, sizeof(*lane));
	lane->index = gpu->index;
	lane->dev = gpu->dev;
	lane->vm = gpu->vm;
	lane->base = gpu->base;
	ret = dummy_queue_create(gpu->vm, engine % gpu_engines(gpu), 0, -1, &lane->queue);
	if (ret)
		return ret;
	return make_arena(lane);
}

static void keep_first(int *error, int ret)
{
	if (!*error)
		*error = ret;
}

int gpu_close(struct gpu *gpu)
{
	int ret = 0;

	keep_first(&ret, dummy_stream_destroy(gpu->stream));
	keep_first(&ret, dummy_queue_destroy(gpu->queue));
	gpu->stream = NULL;
	gpu->queue = NULL;
	if (!gpu->owner)
		return ret;
	keep_first(&ret, dummy_vm_destroy(gpu->vm));
	keep_first(&ret, dummy_device_close(gpu->dev));
	gpu->vm = NULL;
	gpu->dev = NULL;
	return ret;
}

static uint64_t used(const struct drm_dummy_gpu_device_stats *stats)
{
	return stats->vram_svm + stats->vram_bo;
}

void gpu_settle(struct gpu *gpu)
{
	uint64_t before = used(&gpu->base);
	bool less = before;

	/* The harness does not wait for the end of a test that it has killed. */
	while (less) {
		sleep_ms(SETTLE_MS);
		gpu->base = gpu_device_stats(gpu);
		less = used(&gpu->base) != before;
		before = used(&gpu->base);
	}
}

static int64_t used_more(struct dummy_device *dev, const struct gpu *gpu)
{
	struct drm_dummy_gpu_device_stats now;
	int ret;

	ret = dummy_device_stats(dev, &now);
	if (ret)
		return ret;
	return (int64_t)(now.vram_svm + now.vram_bo + now.vram_bad) -
	       (int64_t)(gpu->base.vram_svm + gpu->base.vram_bo + gpu->base.vram_bad);
}

int64_t gpu_leak(const struct gpu *gpu)
{
	struct dummy_device *dev;
	int64_t more;
	int ret;

	ret = device_open(gpu->index, &dev);
	if (ret)
		return ret;
	/* Frames that are freed with the last mm reference are freed by a worker. */
	eventually(!(more = used_more(dev, gpu)));
	dummy_device_close(dev);
	return more;
}

int gpu_name(unsigned int index, char *name, size_t size)
{
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	dir = opendir(DRIVER);
	if (!dir)
		return -errno;
	while (!found && (entry = readdir(dir))) {
		const char *dot = strrchr(entry->d_name, '.');

		found = !strncmp(entry->d_name, "dummy_gpu", 9) && dot &&
			(unsigned int)atoi(dot + 1) == index;
		if (found)
			snprintf(name, size, "%s", entry->d_name);
	}
	closedir(dir);
	return found ? 0 : -ENOENT;
}

int gpu_renew(struct gpu *gpu)
{
	unsigned int index = gpu->index;
	char name[256];
	int ret;

	ret = gpu_close(gpu);
	if (!ret)
		ret = gpu_name(index, name, sizeof(name));
	if (!ret)
		ret = file_write(DRIVER "unbind", name);
	if (!ret)
		ret = file_write(DRIVER "bind", name);
	return ret ?: gpu_open(gpu, index);
}

unsigned int gpu_engines(const struct gpu *gpu)
{
	return dummy_device_info(gpu->dev)->nr_engines;
}

bool gpu_has(const struct gpu *gpu, uint64_t cap)
{
	return dummy_device_info(gpu->dev)->caps & cap;
}

struct drm_dummy_gpu_device_stats gpu_device_stats(const struct gpu *gpu)
{
	struct drm_dummy_gpu_device_stats stats = { 0 };

	dummy_device_stats(gpu->dev, &stats);
	return stats;
}

struct drm_dummy_gpu_vm_stats gpu_vm_stats(const struct gpu *gpu)
{
	struct drm_dummy_gpu_vm_stats stats = { 0 };

	dummy_vm_stats(gpu->vm, &stats);
	return stats;
}

int gpu_result(int ret, const struct drm_dummy_gpu_job_query *status)
{
	/* A failed job without a reason must not pass for a good one. */
	if (ret == -EIO && status->reason)
		return status->reason;
	return ret;
}

int gpu_start(struct gpu *gpu, uint64_t *job_id)
{
	return dummy_submit(gpu->queue, gpu->stream, NULL, job_id);
}

int gpu_finish(struct gpu *gpu, uint64_t job_id)
{
	int ret;

	memset(&gpu->job, 0, sizeof(gpu->job));
	ret = dummy_wait(gpu->queue, job_id, LIVE_NS, &gpu->job);
	dummy_stream_reset(gpu->stream);
	return gpu_result(ret, &gpu->job);
}

int gpu_run(struct gpu *gpu)
{
	uint64_t job_id;
	int ret;

	ret = gpu_start(gpu, &job_id);
	if (ret) {
		dummy_stream_reset(gpu->stream);
		return ret;
	}
	return gpu_finish(gpu, job_id);
}

int gpu_load(struct gpu *gpu, const volatile void *src, uint64_t *value)
{
	int ret;

	dummy_stream_load(gpu->stream, 0, dummy_addr(src), 8);
	dummy_stream_store_reg(gpu->stream, dummy_addr(gpu->staging), 0, 8);
	ret = gpu_run(gpu);
	if (!ret)
		*value = *(volatile uint64_t *)gpu->staging;
	return ret;
}

int gpu_store(struct gpu *gpu, volatile void *dst, uint64_t value)
{
	dummy_stream_store(gpu->stream, dummy_addr(dst), value, 8);
	return gpu_run(gpu);
}

int gpu_fill(struct gpu *gpu, volatile void *dst, size_t size, uint64_t value)
{
	dummy_stream_fill(gpu->stream, dummy_addr(dst), size, value, 8);
	return gpu_run(gpu);
}

int gpu_write(struct gpu *gpu, volatile void *dst, const void *src, size_t size)
{
	size_t done, part;
	int ret;

	for (done = 0; done < size; done += part) {
		part = size - done < HUGE_SIZE ? size - done : HUGE_SIZE;
		memcpy(gpu->staging, src + done, part);
		dummy_stream_copy(gpu->stream, dummy_addr(dst) + done,
				  dummy_addr(gpu->staging), part);
		ret = gpu_run(gpu);
		if (ret)
			return ret;
	}
	return 0;
}

int gpu_read(struct gpu *gpu, void *dst, const volatile void *src, size_t size)
{
	size_t done, part;
	int ret;

	for (done = 0; done < size; done += part) {
		part = size - done < HUGE_SIZE ? size - done : HUGE_SIZE;
		dummy_stream_copy(gpu->stream, dummy_addr(gpu->staging),
				  dummy_addr(src) + done, part);
		ret = gpu_run(gpu);
		if (ret)
			return ret;
		memcpy(dst + done, gpu->staging, part);
	}
	return 0;
}

/* Again and again for @ms, as long as something stays. */
static int migrate_for(struct gpu *gpu, const volatile void *start, size_t size,
		       enum drm_dummy_gpu_place place, uint32_t flags, unsigned int ms,
		       struct dummy_migrated *migrated)
{
	uint64_t until = now_ms() + ms;
	unsigned int tries;
	int ret;

	for (tries = 0; tries < 20 || now_ms() < until; tries++) {
		ret = dummy_migrate(gpu->vm, start, size, place, flags, migrated);
		if (ret || !migrated->stayed)
			return ret;
		sleep_ms(5);
	}
	return 0;
}

size_t gpu_migrate(struct gpu *gpu, const volatile void *start, size_t size,
		   enum drm_dummy_gpu_place place, uint32_t flags)
{
	struct dummy_migrated migrated = { 0 };

	if (migrate_for(gpu, start, size, place, flags, 0, &migrated))
		return 0;
	return migrated.moved + migrated.already;
}

int gpu_move(struct gpu *gpu, const volatile void *start, size_t size,
	     enum drm_dummy_gpu_place place, uint32_t flags)
{
	struct dummy_migrated migrated = { 0 };
	int ret;

	/* kcompactd may have isolated a page and then lost its processor. */
	ret = migrate_for(gpu, start, size, place, flags, MOVE_MS, &migrated);
	if (ret)
		return ret;
	return migrated.moved + migrated.already == size / page_size ? 0 : -EBUSY;
}

int gpu_to_device(struct gpu *gpu, const volatile void *start, size_t size)
{
	return gpu_move(gpu, start, size, DRM_DUMMY_GPU_PLACE_DEVICE, 0);
}

int gpu_to_system(struct gpu *gpu, const volatile void *start, size_t size)
{
	return gpu_move(gpu, start, size, DRM_DUMMY_GPU_PLACE_SYSTEM, 0);
}

int gpu_advise_place(struct gpu *gpu, const volatile void *start, size_t size,
		     enum drm_dummy_gpu_place place)
{
	return dummy_advise(gpu->vm, start, size, DRM_DUMMY_GPU_ADVICE_PLACE, place);
}

int gpu_page(struct gpu *gpu, const volatile void *addr, struct drm_dummy_gpu_page *page)
{
	const volatile char *start = (char *)(dummy_addr(addr) & -page_size);
	unsigned int tries;
	int ret;

	/*
	 * NUMA balancing takes the access to a page away for a moment, which a
	 * snapshot shows as NONE: give it back and look again.
	 */
	for (tries = 0; tries < 3; tries++) {
		ret = dummy_snapshot(gpu->vm, start, page_size, page);
		if (ret || page->place != DRM_DUMMY_GPU_PLACE_NONE || page_in(start) != IN_SYSTEM)
			break;
		(void)*start;
	}
	return ret;
}

/* ---- Memory ------------------------------------------------------------- */

#define MAX_MEMS	256

static struct {
	void *start;
	size_t size;
} mems[MAX_MEMS + 1];

static char *reserve(size_t size)
{
	size_t total = size + 2 * HUGE_SIZE;
	unsigned int i;
	char *start;

	/* The last element stays empty: it ends the list. */
	for (i = 0; mems[i].start; i++) {
		if (i == MAX_MEMS - 1)
			return NULL;
	}
	start = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return NULL;
	mems[i].start = start;
	mems[i].size = total;
	/* At least a page is left on either side. */
	return (char *)((dummy_addr(start) + HUGE_SIZE) & -HUGE_SIZE);
}

char *mem_map(size_t size, int prot, int flags, int fd)
{
	char *start = reserve(size);

	if (!start)
		return NULL;
	start = mmap(start, size, prot, flags | MAP_FIXED, fd, 0);
	return start == MAP_FAILED ? NULL : start;
}

char *mem_alloc(size_t size, enum mem_kind kind)
{
	char *start;

	start = mem_map(size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	if (start)
		madvise(start, size, kind == MEM_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return start;
}

void mem_compact(void)
{
	file_write("/proc/sys/vm/compact_memory", "1");
}

char *mem_populate(size_t size, enum mem_kind kind)
{
	unsigned int tries;
	char *mem;

	for (tries = 0; tries < 20; tries++) {
		mem = mem_alloc(size, kind);
		if (!mem)
			break;
		memset(mem, 0, size);
		if (mem_is_kind(mem, size, kind))
			return mem;
		mem_free(mem);
		mem_compact();
	}
	return NULL;
}

static const char nr_hugetlb[] = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages";
static long long nr_hugetlb_before;

char *hugetlb_alloc(void)
{
	char text[24], *mem;

	nr_hugetlb_before = file_read(nr_hugetlb);
	snprintf(text, sizeof(text), "%lld", nr_hugetlb_before + 1);
	if (nr_hugetlb_before < 0 || file_write(nr_hugetlb, text))
		return NULL;
	mem = mem_map(HUGE_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1);
	if (!mem)
		hugetlb_free(NULL);
	return mem;
}

int hugetlb_free(char *mem)
{
	char text[24];

	if (mem && munmap(mem, HUGE_SIZE))
		return -errno;
	snprintf(text, sizeof(text), "%lld", nr_hugetlb_before);
	return file_write(nr_hugetlb, text);
}

void mem_free(char *mem)
{
	unsigned int i, last;

	for (last = 0; mems[last].start; last++)
		;
	for (i = 0; i < last; i++) {
		if ((char *)mems[i].start < mem && mem < (char *)mems[i].start + mems[i].size) {
			munmap(mems[i].start, mems[i].size);
			mems[i] = mems[last - 1];
			mems[last - 1].start = NULL;
			return;
		}
	}
}

void mem_free_all(void)
{
	unsigned int i;

	for (i = 0; mems[i].start; i++) {
		munmap(mems[i].start, mems[i].size);
		mems[i].start = NULL;
	}
}

uint64_t pattern(uint64_t seed, size_t offset)
{
	return (seed * 0x9e3779b97f4a7c15ULL) ^ (offset * 0x100000001b3ULL + 1);
}

void pattern_fill(void *mem, size_t size, uint64_t seed)
{
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		*(volatile uint64_t *)(mem + offset) = pattern(seed, offset);
}

size_t pattern_bad(const void *mem, size_t size, uint64_t seed)
{
	size_t offset, bad = 0;

	for (offset = 0; offset < size; offset += 8)
		bad += *(volatile const uint64_t *)(mem + offset) != pattern(seed, offset);
	return bad;
}

int gpu_pattern_fill(struct gpu *gpu, void *mem, size_t size, uint64_t seed)
{
	void *data = malloc(size);
	int ret = -ENOMEM;

	if (data) {
		pattern_fill(data, size, seed);
		ret = gpu_write(gpu, mem, data, size);
	}
	free(data);
	return ret;
}

bool gpu_pattern_pull(struct gpu *gpu, void *mem, size_t size, uint64_t seed)
{
	if (gpu_pattern_fill(gpu, mem, size, seed))
		return false;
	if (pages_in(mem, size, IN_DEVICE) == size / page_size)
		return true;
	/* What the device maps does not fault: take it all away, for the next time. */
	mprotect(mem, size, PROT_READ);
	mprotect(mem, size, PROT_READ | PROT_WRITE);
	return false;
}

size_t gpu_pattern_bad(struct gpu *gpu, const void *mem, size_t size, uint64_t seed)
{
	void *data = malloc(size);
	size_t bad = -1;

	if (data && !gpu_read(gpu, data, mem, size))
		bad = pattern_bad(data, size, seed);
	free(data);
	return bad;
}

/* ---- Oracle ------------------------------------------------------------- */

#define PM_SWAP		BIT(62)
#define PM_PRESENT	BIT(63)
#define PM_FRAME	(BIT(55) - 1)
#define PM_TYPE_BITS	5

/*
 * Swap types above those of swap files, include/linux/swap.h: poison, three for
 * migration, then the device's, then markers. Documentation/limits has why
 * there are 24 swap files.
 */
#define MAX_SWAPFILES	24
#define TYPE_MIGRATION		(MAX_SWAPFILES + 1)
#define TYPE_DEVICE_WRITE	(MAX_SWAPFILES + 4)
#define TYPE_DEVICE_READ	(MAX_SWAPFILES + 5)
#define TYPE_EXCLUSIVE		(MAX_SWAPFILES + 6)

/* Opened each time: a descriptor shows the memory of the process that opened it. */
static int read_pagemap(const volatile void *start, size_t nr, uint64_t *entries)
{
	off_t offset = dummy_addr(start) / page_size * sizeof(*entries);
	size_t size = nr * sizeof(*entries), done = 0;
	ssize_t part = 1;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (done < size && part > 0) {
		part = pread(fd, (char *)entries + done, size - done, offset + done);
		done += part > 0 ? part : 0;
	}
	close(fd);
	return done == size ? 0 : -EIO;
}

static unsigned int type_of(uint64_t entry)
{
	return entry & ((1 << PM_TYPE_BITS) - 1);
}

static bool is_under_migration(uint64_t entry)
{
	return !(entry & PM_PRESENT) && (entry & PM_SWAP) &&
	       type_of(entry) >= TYPE_MIGRATION && type_of(entry) < TYPE_DEVICE_WRITE;
}

static bool any_under_migration(const uint64_t *entries, size_t nr)
{
	while (nr--) {
		if (is_under_migration(entries[nr]))
			return true;
	}
	return false;
}

/*
 * Where pages are when they are somewhere: core mm moves them on its own, as
 * kcompactd does, and has nothing but an entry of migration there meanwhile.
 */
static int read_places(const volatile void *start, size_t nr, uint64_t *entries)
{
	int ret;

	eventually((ret = read_pagemap(start, nr, entries)) || !any_under_migration(entries, nr));
	return ret;
}

static unsigned int place_of(uint64_t entry)
{
	if (entry & PM_PRESENT)
		return IN_SYSTEM;
	if (!(entry & PM_SWAP))
		return IN_NONE;
	switch (type_of(entry)) {
	case 0 ... MAX_SWAPFILES - 1:
		return IN_SWAP;
	case TYPE_DEVICE_WRITE:
		return IN_DEVICE_WRITE;
	case TYPE_DEVICE_READ:
		return IN_DEVICE_READ;
	case TYPE_EXCLUSIVE:
		return IN_EXCLUSIVE;
	default:
		return IN_OTHER;
	}
}

uint64_t pagemap_entry(const volatile void *addr)
{
	uint64_t entry;

	return read_pagemap(addr, 1, &entry) ? 0 : entry;
}

unsigned int page_in(const volatile void *addr)
{
	uint64_t entry;

	return place_of(read_places(addr, 1, &entry) ? 0 : entry);
}

static uint64_t frame_of(uint64_t entry)
{
	if (entry & PM_PRESENT)
		return entry & PM_FRAME;
	return entry & PM_SWAP ? (entry & PM_FRAME) >> PM_TYPE_BITS : 0;
}

uint64_t page_frame(const volatile void *addr)
{
	uint64_t entry;

	return frame_of(read_places(addr, 1, &entry) ? 0 : entry);
}

size_t pages_with_frame(const volatile void *start, size_t size, uint64_t frame)
{
	size_t nr = size / page_size, found = 0, i;
	uint64_t *entries;

	entries = calloc(nr, sizeof(*entries));
	if (!entries || read_places(start, nr, entries)) {
		free(entries);
		return -1;
	}
	for (i = 0; i < nr; i++)
		found += frame_of(entries[i]) == frame;
	free(entries);
	return found;
}

size_t pages_in(const volatile void *start, size_t size, unsigned int mask)
{
	size_t nr = size / page_size, found = 0, i;
	uint64_t *entries;

	entries = calloc(nr, sizeof(*entries));
	if (!entries || read_places(start, nr, entries)) {
		free(entries);
		return -1;
	}
	for (i = 0; i < nr; i++)
		found += !!(place_of(entries[i]) & mask);
	free(entries);
	return found;
}

bool peek(const volatile void *addr, uint64_t *value)
{
	struct iovec to = { value, sizeof(*value) };
	struct iovec from = { (void *)addr, sizeof(*value) };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == sizeof(*value);
}

static __thread sigjmp_buf after_sigbus;

static void on_sigbus(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	siglongjmp(after_sigbus, info->si_code);
}

int sigbus_of(const volatile void *addr)
{
	struct sigaction action = { .sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO };
	int code;

	/* It stays: another thread may be here too. */
	sigaction(SIGBUS, &action, NULL);
	code = sigsetjmp(after_sigbus, 1);
	if (!code)
		(void)*(const volatile char *)addr;
	return code;
}

bool mem_is_huge(const volatile void *start, size_t size)
{
	struct page_region regions[2];
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = dummy_addr(start),
		.end = dummy_addr(start) + size,
		.vec = dummy_addr(regions),
		.vec_len = 2,
		.category_mask = PAGE_IS_HUGE,
		.return_mask = PAGE_IS_HUGE,
	};
	long nr;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	nr = ioctl(fd, PAGEMAP_SCAN, &scan);
	close(fd);
	return nr == 1 && regions[0].start == scan.start && regions[0].end == scan.end;
}

bool mem_is_kind(const volatile void *start, size_t size, enum mem_kind kind)
{
	return kind != MEM_THP || mem_is_huge(start, size);
}

/* ---- Processes, threads, files ------------------------------------------ */

int meeting_init(struct meeting *meeting)
{
	return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, meeting->end);
}

void meeting_child(struct meeting *meeting)
{
	close(meeting->end[0]);
	meeting->end[0] = meeting->end[1];
}

void meeting_parent(struct meeting *meeting)
{
	close(meeting->end[1]);
}

int meet(struct meeting *meeting)
{
	char byte = 0;

	if (send(meeting->end[0], &byte, 1, MSG_NOSIGNAL) != 1)
		return -1;
	return recv(meeting->end[0], &byte, 1, 0) == 1 ? 0 : -1;
}

int wait_exit(pid_t pid)
{
	int status = 0;

	if (!eventually(waitpid(pid, &status, WNOHANG) == pid)) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return -ETIME;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int thread_pin(void)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus) ? -errno : 0;
}

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

void sleep_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}

long long file_read(const char *path)
{
	char text[64] = "";
	ssize_t len;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 ? strtoll(text, NULL, 0) : -1;
}

int file_write(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != len)
		ret = errno ? -errno : -EIO;
	close(fd);
	return ret;
}

int file_write_number(const char *path, long long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", value);
	return file_write(path, text);
}

int knob_write(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/hmm_core/%s", name);
	return file_write(path, text);
}

bool fail_always(const char *sites, unsigned int delay_ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", delay_ms);
	return !knob_write("inject/sites", sites) && !knob_write("inject/delay_ms", text) &&
	       !knob_write("inject/probability", "100");
}

int fail_nothing(void)
{
	return knob_write("inject/probability", "0") | knob_write("inject/delay_ms", "20") |
	       knob_write("inject/sites", "all");
}

/* Call @act for the directory of each mirror of a device. Return: the sum of what it says. */
static long long for_mirrors(unsigned int index, long long (*act)(const char *dir, void *arg),
			     void *arg)
{
	char name[256], dir[512];
	struct dirent *entry;
	long long sum = 0;
	DIR *mirrors;

	snprintf(name, sizeof(name), "/sys/kernel/debug/hmm_core/dummy_gpu.%u/mirrors", index);
	mirrors = opendir(name);
	while (mirrors && (entry = readdir(mirrors))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(dir, sizeof(dir), "%s/%s", name, entry->d_name);
		sum += act(dir, arg);
	}
	if (mirrors)
		closedir(mirrors);
	return sum;
}

static long long read_stat(const char *dir, void *arg)
{
	char path[600], name[64];
	long long value, found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/stats", dir);
	file = fopen(path, "r");
	while (file && fscanf(file, "%63s %lld", name, &value) == 2)
		found += strcmp(name, arg) ? 0 : value;
	if (file)
		fclose(file);
	return found;
}

long long mirrors_stat(unsigned int index, const char *name)
{
	return for_mirrors(index, read_stat, (void *)name);
}

struct mirror_text {
	const char *name;
	const char *text;
};

static long long write_text(const char *dir, void *arg)
{
	struct mirror_text *text = arg;
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, text->name);
	return !!file_write(path, text->text);
}

int mirrors_write(unsigned int index, const char *name, const char *text)
{
	struct mirror_text arg = { .name = name, .text = text };

	return for_mirrors(index, write_text, &arg) ? -EIO : 0;
}

static void chip_path(char *path, size_t size, unsigned int index, const char *name)
{
	snprintf(path, size, "/sys/kernel/debug/dri/dummy_gpu.%u/%s", index, name);
}

int chip_write(unsigned int index, const char *name, const char *text)
{
	char path[128];

	chip_path(path, sizeof(path), index, name);
	return file_write(path, text);
}

bool file_says(const char *path, const char *text)
{
	FILE *file = fopen(path, "r");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	if (file)
		fclose(file);
	return found;
}

bool chip_says(unsigned int index, const char *name, const char *text)
{
	char path[128];

	chip_path(path, sizeof(path), index, name);
	return file_says(path, text);
}

#define PARAMETERS	"/sys/module/dummy_gpu/parameters/"

int parameter_write(const char *name, long long value)
{
	char path[128], text[24];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	snprintf(text, sizeof(text), "%lld", value);
	return file_write(path, text);
}

long long parameter_read(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	return file_read(path);
}

bool dumps_take(const char *text)
{
	const char *dir_name = "/sys/class/devcoredump";
	struct dirent *entry;
	bool found = false;
	char path[512];
	DIR *dir;

	dir = opendir(dir_name);
	while (dir && (entry = readdir(dir))) {
		if (strncmp(entry->d_name, "devcd", 5))
			continue;
		snprintf(path, sizeof(path), "%s/%s/data", dir_name, entry->d_name);
		if (text && file_says(path, text))
			found = true;
		/* Whatever is written frees it. */
		file_write(path, "1");
	}
	if (dir)
		closedir(dir);
	return found;
}

#define ZRAM_CONTROL	"/sys/class/zram-control/"

int zram_add(size_t size)
{
	char path[64], text[24];
	int disk, ret;

	disk = file_read(ZRAM_CONTROL "hot_add");
	if (disk < 0)
		return -ENODEV;
	snprintf(path, sizeof(path), "/sys/block/zram%d/disksize", disk);
	snprintf(text, sizeof(text), "%zu", size);
	ret = file_write(path, text);
	if (ret) {
		zram_remove(disk);
		return ret;
	}
	return disk;
}

int zram_remove(int disk)
{
	char text[24];
	int ret = 0;

	snprintf(text, sizeof(text), "%d", disk);
	/* The kernel itself opens a disk for a moment when it is closed. */
	eventually(!(ret = file_write(ZRAM_CONTROL "hot_remove", text)));
	return ret;
}
