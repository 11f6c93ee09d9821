// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/<pid>/pagemap: where pages are, told by core mm and not by the driver.
 *
 * Device entries are swap entries of types above the real swap files. The kernel
 * shows the types to those with CAP_SYS_ADMIN; to others all of them look swapped
 * out. The numbers depend on how the kernel was built. Those here are of a kernel
 * with memory failure, migration and device private memory, as distributions are:
 *
 *	28	device memory, written	  30	system memory, device-exclusive
 *	29	device memory, read	  31	marker
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hmmctl.h"

#define PM_PRESENT	0x8000000000000000
#define PM_SWAP		0x4000000000000000
#define PM_SWAP_TYPE	0x1f

enum {
	SWAP_DEVICE_WRITE = 28,
	SWAP_DEVICE_READ = 29,
	SWAP_DEVICE_EXCLUSIVE = 30,
};

static enum map_kind kind_of(uint64_t entry)
{
	if (entry & PM_PRESENT)
		return MAP_SYSTEM;
	if (!(entry & PM_SWAP))
		return MAP_HOLE;

	switch (entry & PM_SWAP_TYPE) {
	case SWAP_DEVICE_WRITE:
	case SWAP_DEVICE_READ:
		return MAP_DEVICE;
	case SWAP_DEVICE_EXCLUSIVE:
		return MAP_EXCLUSIVE;
	default:
		return MAP_SWAP;
	}
}

static int read_entries(int fd, uint64_t *entries, size_t nr, off_t offset)
{
	size_t size = nr * sizeof(*entries), done = 0;
	ssize_t got;

	while (done < size) {
		got = pread(fd, (char *)entries + done, size - done,
			    offset + done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ESRCH;	/* 0: it has exited */
		done += got;
	}
	return 0;
}

unsigned char *pagemap_kinds(const char *pid, uint64_t start, uint64_t end)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	size_t nr_pages = (end - start) / page_size;
	unsigned char *kinds;
	uint64_t *entries;
	char path[32];
	size_t i;
	int fd, ret;

	snprintf(path, sizeof(path), "/proc/%s/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		complain(errno, "cannot open %s", path);
		return NULL;
	}
	entries = calloc(nr_pages, sizeof(*entries));
	kinds = calloc(nr_pages, sizeof(*kinds));
	ret = -ENOMEM;
	if (entries && kinds)
		ret = read_entries(fd, entries, nr_pages,
				   start / page_size * sizeof(*entries));
	close(fd);
	if (ret) {
		complain(ret, "cannot read %s", path);
		free(entries);
		free(kinds);
		return NULL;
	}
	for (i = 0; i < nr_pages; i++)
		kinds[i] = kind_of(entries[i]);
	free(entries);
	return kinds;
}
