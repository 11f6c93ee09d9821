// SPDX-License-Identifier: GPL-2.0
/*
 * Memory to measure on, and the oracle that tells what it holds and where it
 * is: /proc/self/pagemap, which is core mm's word and not the driver's.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "bench.h"

void die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

const char *pages_name(enum pages pages)
{
	return pages == PAGES_THP ? "thp" : "4k";
}

static size_t span_with_guards(size_t size)
{
	return (size + HUGE_SIZE - 1) / HUGE_SIZE * HUGE_SIZE + 2 * HUGE_SIZE;
}

/*
 * It starts on a 2 MiB boundary, and a guard on either side keeps the VMA from
 * merging and everything that reaches around an address within it.
 */
char *mem_map(size_t size, enum pages pages)
{
	char *guarded, *mem;

	guarded = mmap(NULL, span_with_guards(size) + HUGE_SIZE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (guarded == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	mem = (char *)(((uintptr_t)guarded + 2 * HUGE_SIZE - 1) & -HUGE_SIZE);
	/* Exactly span_with_guards() stays, so that mem_unmap() knows it all. */
	if (mem - HUGE_SIZE > guarded)
		munmap(guarded, mem - HUGE_SIZE - guarded);
	munmap(mem - HUGE_SIZE + span_with_guards(size),
	       guarded + HUGE_SIZE - (mem - HUGE_SIZE));

	if (mprotect(mem, size, PROT_READ | PROT_WRITE))
		die("mprotect: %s", strerror(errno));
	if (madvise(mem, size, pages == PAGES_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		die("madvise: %s", strerror(errno));
	return mem;
}

void mem_unmap(char *mem, size_t size)
{
	if (munmap(mem - HUGE_SIZE, span_with_guards(size)))
		die("munmap: %s", strerror(errno));
}

#define STEP	0x9e3779b97f4a7c15ULL

void mem_fill(char *mem, size_t size, uint64_t seed)
{
	uint64_t *words = (uint64_t *)mem;
	uint64_t value = seed;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++, value += STEP)
		words[i] = value;
}

void mem_check(const char *mem, size_t size, uint64_t seed, const char *what)
{
	const uint64_t *words = (const uint64_t *)mem;
	uint64_t value = seed, wrong = 0;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++, value += STEP)
		wrong += words[i] != value;
	if (wrong)
		die("%s: %lu words of %zu are wrong", what, wrong, size / sizeof(*words));
}

void mem_check_value(const char *mem, size_t size, uint64_t value, const char *what)
{
	const uint64_t *words = (const uint64_t *)mem;
	uint64_t wrong = 0;
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		wrong += words[i] != value;
	if (wrong)
		die("%s: %lu words of %zu are wrong", what, wrong, size / sizeof(*words));
}

/* ---- Oracle -------------------------------------------------------------- */

#define PAGEMAP_SWAP	BIT(62)		/* neither present nor absent: device memory, or swap */
#define PAGEMAP_PRESENT	BIT(63)

static int pagemap_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die("pagemap: %s", strerror(errno));
	return fd;
}

size_t mem_in_device(const char *mem, size_t size)
{
	uint64_t entries[512];
	size_t first, i, nr, count = 0;

	for (first = 0; first < size / PAGE_SIZE; first += nr) {
		off_t offset = ((uintptr_t)mem / PAGE_SIZE + first) * sizeof(*entries);

		nr = size / PAGE_SIZE - first;
		if (nr > 512)
			nr = 512;
		if (pread(pagemap_fd(), entries, nr * sizeof(*entries), offset) !=
		    (ssize_t)(nr * sizeof(*entries)))
			die("pagemap: %s", strerror(errno));
		for (i = 0; i < nr; i++)
			count += (entries[i] & (PAGEMAP_SWAP | PAGEMAP_PRESENT)) == PAGEMAP_SWAP;
	}
	return count;
}

size_t mem_huge(const char *mem, size_t size)
{
	struct page_region regions[64];
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)mem,
		.end = (uintptr_t)mem + size,
		.vec = (uintptr_t)regions,
		.vec_len = 64,
		.category_mask = PAGE_IS_HUGE,
		.return_mask = PAGE_IS_HUGE,
	};
	size_t count = 0;
	int i, nr;

	while (scan.start < scan.end) {
		nr = ioctl(pagemap_fd(), PAGEMAP_SCAN, &scan);
		if (nr < 0)
			die("pagemap scan: %s", strerror(errno));
		for (i = 0; i < nr; i++)
			count += (regions[i].end - regions[i].start) / PAGE_SIZE;
		scan.start = scan.walk_end;
	}
	return count;
}
