// SPDX-License-Identifier: GPL-2.0
/*
 * The residency map: an array of page kinds becomes rows of cells.
 *
 *	a          0  ssssssssssssssssssssssssssssssss DDDDDDDDDDDDDDDDDDDDDDDDDDDDDDDD
 *	          4M  HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH ................................
 *	              . 512 hole  s 512 system  D 512 device  H 512 device 2M
 *
 * A cell is 64 KiB, or more where the map would get too long; it shows the kind
 * that most of its pages are. An exclusive page shows even if it is the only one:
 * it is what one came to see. There is no state here, and nothing is asked of the
 * system, so that the picture can be tested with made-up pages.
 */
#include <string.h>

#include "map.h"

#define CELL_SIZE	65536
#define ROW_CELLS	64
#define GROUP_CELLS	32	/* a gap after so many: 2 MiB of small cells */
#define MAX_ROWS	8
#define INDENT		14	/* columns before the cells */
#define COLUMNS		80

#define HUGE_SIZE	(2u << 20)

static const struct {
	const char *name;
	const char *words;
	const char *ascii;
	const char *unicode;
	const char *colour;	/* an SGR sequence's numbers */
} looks[MAP_NR_KINDS] = {
	[MAP_HOLE] =	{ "hole", "hole", ".", "\u00b7", "2" },
	[MAP_SYSTEM] =	{ "system", "system", "s", "\u2591", "34" },
	[MAP_DEVICE] =	{ "device", "device", "D", "\u2593", "32" },
	[MAP_HUGE] =	{ "device_2m", "device 2M", "H", "\u2588", "92" },
	[MAP_PEER] =	{ "peer", "peer", "P", "\u2592", "35" },
	[MAP_ZERO] =	{ "zero", "zero", "z", "\u25cb", "36" },
	[MAP_EXCLUSIVE] = { "exclusive", "exclusive", "x", "\u25c6", "33" },
	[MAP_SWAP] =	{ "swap", "swap", "w", "\u25bd", "31" },
};

enum map_kind map_kind_of(const struct drm_dummy_gpu_page *page,
			  size_t page_size)
{
	if (page->flags & DRM_DUMMY_GPU_PAGE_EXCLUSIVE)
		return MAP_EXCLUSIVE;
	if (page->flags & DRM_DUMMY_GPU_PAGE_ZERO)
		return MAP_ZERO;

	switch (page->place) {
	case DRM_DUMMY_GPU_PLACE_SYSTEM:
		return MAP_SYSTEM;
	case DRM_DUMMY_GPU_PLACE_DEVICE:
		return page_size << page->order >= HUGE_SIZE ? MAP_HUGE :
							       MAP_DEVICE;
	case DRM_DUMMY_GPU_PLACE_PEER:
		return MAP_PEER;
	default:
		return MAP_HOLE;
	}
}

const char *map_kind_name(enum map_kind kind)
{
	return looks[kind].name;
}

static void count_kinds(const unsigned char *kinds, size_t nr_pages,
			size_t counts[MAP_NR_KINDS])
{
	size_t i;

	memset(counts, 0, MAP_NR_KINDS * sizeof(*counts));
	for (i = 0; i < nr_pages; i++)
		counts[kinds[i]]++;
}

void map_count(const struct map *map, size_t counts[MAP_NR_KINDS])
{
	count_kinds(map->kinds, map->nr_pages, counts);
}

size_t map_cell_size(const struct map *map)
{
	size_t size = map->nr_pages * map->page_size;
	size_t cell = CELL_SIZE;

	/* A cell is never less than a page: there is nothing to show inside. */
	while (cell < map->page_size || size > cell * ROW_CELLS * MAX_ROWS)
		cell *= 2;
	return cell;
}

static enum map_kind cell_kind(const unsigned char *kinds, size_t nr_pages)
{
	size_t counts[MAP_NR_KINDS];
	enum map_kind kind, most = 0;

	count_kinds(kinds, nr_pages, counts);
	if (counts[MAP_EXCLUSIVE])
		return MAP_EXCLUSIVE;
	for (kind = 0; kind < MAP_NR_KINDS; kind++) {
		if (counts[kind] > counts[most])
			most = kind;
	}
	return most;
}

static void start_colour(FILE *out, enum map_kind kind,
			 const struct map_style *style)
{
	if (style->colour)
		fprintf(out, "\033[%sm", looks[kind].colour);
}

static void stop_colour(FILE *out, const struct map_style *style)
{
	if (style->colour)
		fputs("\033[0m", out);
}

static void print_glyph(FILE *out, enum map_kind kind,
			const struct map_style *style)
{
	fputs(style->unicode ? looks[kind].unicode : looks[kind].ascii, out);
}

static void print_cells(FILE *out, const enum map_kind *cells, size_t nr_cells,
			const struct map_style *style)
{
	size_t i;

	for (i = 0; i < nr_cells; i++) {
		if (i && i % GROUP_CELLS == 0)
			fputc(' ', out);
		/* One sequence for a run of cells: a map is mostly runs. */
		if (!i || cells[i] != cells[i - 1])
			start_colour(out, cells[i], style);
		print_glyph(out, cells[i], style);
		if (i + 1 == nr_cells || cells[i] != cells[i + 1])
			stop_colour(out, style);
	}
	fputc('\n', out);
}

static void print_counts(FILE *out, const struct map *map,
			 const struct map_style *style)
{
	size_t counts[MAP_NR_KINDS], width = 0;
	enum map_kind kind;
	char text[40];

	map_count(map, counts);
	for (kind = 0; kind < MAP_NR_KINDS; kind++) {
		if (!counts[kind])
			continue;
		/* A glyph is one column, with a gap of two before it. */
		snprintf(text, sizeof(text), " %zu %s", counts[kind],
			 looks[kind].words);
		if (width)
			width += 3 + strlen(text);
		if (!width || width > COLUMNS) {
			fprintf(out, "%s%*s", width ? "\n" : "", INDENT, "");
			width = INDENT + 1 + strlen(text);
		} else {
			fputs("  ", out);
		}
		start_colour(out, kind, style);
		print_glyph(out, kind, style);
		stop_colour(out, style);
		fputs(text, out);
	}
	fputc('\n', out);
}

static void print_row_start(FILE *out, const char *label, size_t offset)
{
	static const char units[] = { 'K', 'M', 'G', 'T' };
	size_t unit = 0, number = offset / 1024;
	char text[24] = "0";

	while (number && number % 1024 == 0 && unit + 1 < sizeof(units)) {
		number /= 1024;
		unit++;
	}
	if (offset)
		snprintf(text, sizeof(text), "%zu%c", number, units[unit]);
	fprintf(out, "%-7s%5s  ", label, text);
}

void map_print(FILE *out, const struct map *map, const struct map_style *style)
{
	size_t cell_pages = map_cell_size(map) / map->page_size;
	enum map_kind cells[ROW_CELLS];
	const char *label = map->label;
	size_t page = 0, nr_cells, left;

	while (page < map->nr_pages) {
		print_row_start(out, label, page * map->page_size);
		label = "";
		for (nr_cells = 0; nr_cells < ROW_CELLS; nr_cells++) {
			left = map->nr_pages - page;
			if (!left)
				break;
			if (left > cell_pages)
				left = cell_pages;
			cells[nr_cells] = cell_kind(map->kinds + page, left);
			page += left;
		}
		print_cells(out, cells, nr_cells, style);
	}
	print_counts(out, map, style);
}

void map_print_legend(FILE *out, const struct map_style *style)
{
	enum map_kind kind;

	for (kind = 0; kind < MAP_NR_KINDS; kind++) {
		fputs(kind ? "  " : "", out);
		start_colour(out, kind, style);
		print_glyph(out, kind, style);
		stop_colour(out, style);
		fprintf(out, " %s", looks[kind].words);
	}
	fputc('\n', out);
}
