/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The residency map: where the pages of a span are, as a picture.
 */
#ifndef HMMCTL_MAP_H
#define HMMCTL_MAP_H

#include <stddef.h>
#include <stdio.h>

#include <dummy.h>

/* What a page can be, as far as the picture goes. */
enum map_kind {
	MAP_HOLE,
	MAP_SYSTEM,
	MAP_DEVICE,
	MAP_HUGE,		/* on the device, part of a 2 MiB folio */
	MAP_PEER,
	MAP_ZERO,		/* the shared zero page */
	MAP_EXCLUSIVE,		/* in system memory, exclusive to the device */
	MAP_SWAP,		/* swapped out, or moving right now */
	MAP_NR_KINDS,
};

struct map_style {
	int unicode;
	int colour;
};

struct map {
	const char *label;		/* up to 7 characters */
	const unsigned char *kinds;	/* enum map_kind of each page */
	size_t nr_pages;
	size_t page_size;
};

/* The kind of a page of a snapshot. */
enum map_kind map_kind_of(const struct drm_dummy_gpu_page *page,
			  size_t page_size);

/* For JSON: lower case, one word. */
const char *map_kind_name(enum map_kind kind);

void map_count(const struct map *map, size_t counts[MAP_NR_KINDS]);

/* Bytes that one cell of the picture stands for. */
size_t map_cell_size(const struct map *map);

/* The picture, at most 80 columns wide, and a line of what there is in it. */
void map_print(FILE *out, const struct map *map, const struct map_style *style);

/* A line that explains the cells. */
void map_print_legend(FILE *out, const struct map_style *style);

#endif
