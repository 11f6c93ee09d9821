// SPDX-License-Identifier: GPL-2.0
/*
 * Memory for commands to work on, and where its pages are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "hmmctl.h"

size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

void *memory_map(const struct session *session, size_t size, enum thp thp)
{
	size_t align = session->huge_size;
	char *memory, *start;

	memory = mmap(NULL, size + align, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED) {
		complain(errno, "cannot map %s", size_text(size));
		return NULL;
	}
	/* What is mapped too much stays, as a hole without pages. */
	start = memory + (-dummy_addr(memory) & (align - 1));

	if (thp != THP_DEFAULT &&
	    madvise(start, size, thp == THP_ALWAYS ? MADV_HUGEPAGE :
						     MADV_NOHUGEPAGE)) {
		/* A kernel without THP cannot be told not to use it, either. */
		if (errno != EINVAL || thp == THP_ALWAYS) {
			complain(errno, "cannot ask for THP %s",
				 thp == THP_ALWAYS ? "always" : "never");
			munmap(memory, size + align);
			return NULL;
		}
	}
	return start;
}

/*
 * A snapshot does not tell holes from pages it cannot see, among them those that
 * NUMA balancing has marked for the next access. Core mm does.
 */
static int refine_holes(unsigned char *kinds, const void *start, size_t size,
			size_t page_size)
{
	unsigned char *told;
	size_t i;

	if (!memchr(kinds, MAP_HOLE, size / page_size))
		return DONE;
	told = pagemap_kinds("self", dummy_addr(start), dummy_addr(start) + size);
	if (!told)
		return FAILED;
	for (i = 0; i < size / page_size; i++) {
		/* It may be on its way to or from the device right now. */
		if (kinds[i] == MAP_HOLE && told[i] != MAP_HOLE)
			kinds[i] = told[i] == MAP_SYSTEM ? MAP_SYSTEM : MAP_SWAP;
	}
	free(told);
	return DONE;
}

unsigned char *memory_kinds(struct session *session, const void *start,
			    size_t size)
{
	size_t nr_pages = size / session->page_size;
	struct drm_dummy_gpu_page *pages;
	unsigned char *kinds;
	size_t i;
	int ret;

	pages = calloc(nr_pages, sizeof(*pages));
	kinds = calloc(nr_pages, sizeof(*kinds));
	ret = pages && kinds ? dummy_snapshot(session->vm, start, size, pages) :
			       -ENOMEM;
	if (ret) {
		complain(ret, "cannot take a snapshot");
		free(kinds);
		free(pages);
		return NULL;
	}
	for (i = 0; i < nr_pages; i++)
		kinds[i] = map_kind_of(&pages[i], session->page_size);
	free(pages);
	if (refine_holes(kinds, start, size, session->page_size)) {
		free(kinds);
		return NULL;
	}
	return kinds;
}
