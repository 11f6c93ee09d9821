// SPDX-License-Identifier: GPL-2.0
/*
 * The residency map with made-up pages: what is printed for what. Prints TAP.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "map.h"

#define PAGE		4096
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define MAX_PAGES	(512 * 1024)

static unsigned char kinds[MAX_PAGES];
static unsigned int nr_tests, nr_failed;

static void report(int good, const char *claim)
{
	nr_tests++;
	nr_failed += !good;
	printf("%sok %u - %s\n", good ? "" : "not ", nr_tests, claim);
}

static char *print(size_t nr_pages, struct map_style style)
{
	struct map map = {
		.label = "a",
		.kinds = kinds,
		.nr_pages = nr_pages,
		.page_size = PAGE,
	};
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		exit(1);
	map_print(out, &map, &style);
	fclose(out);
	return text;
}

static int prints(size_t nr_pages, struct map_style style, const char *expected)
{
	char *text = print(nr_pages, style);
	int same = !strcmp(text, expected);

	if (!same)
		printf("# printed:\n%s# expected:\n%s", text, expected);
	free(text);
	return same;
}

static void set(size_t first, size_t nr, enum map_kind kind)
{
	memset(kinds + first, kind, nr);
}

static void every_kind_has_its_letter(void)
{
	enum map_kind kind;

	for (kind = 0; kind < MAP_NR_KINDS; kind++)
		set(kind * 16, 16, kind);
	report(prints(MAP_NR_KINDS * 16, (struct map_style) { 0 },
		      "a          0  .sDHPzxw\n"
		      "              . 16 hole  s 16 system  D 16 device  H 16 device 2M  P 16 peer\n"
		      "              z 16 zero  x 16 exclusive  w 16 swap\n"),
	       "every_kind_has_its_letter");
}

static void rows_are_4m_and_groups_2m(void)
{
	set(0, 512, MAP_SYSTEM);
	set(512, 512, MAP_HUGE);
	set(1024, 512, MAP_HOLE);
	set(1536, 16, MAP_DEVICE);
	report(prints(1552, (struct map_style) { 0 },
		      "a          0  ssssssssssssssssssssssssssssssss HHHHHHHHHHHHHHHHHHHHHHHHHHHHHHHH\n"
		      "          4M  ................................ D\n"
		      "              . 512 hole  s 512 system  D 16 device  H 512 device 2M\n"),
	       "rows_are_4m_and_groups_2m");
}

static void cell_shows_what_most_of_it_is(void)
{
	set(0, 16, MAP_SYSTEM);
	set(0, 7, MAP_DEVICE);
	set(16, 16, MAP_SYSTEM);
	set(20, 9, MAP_DEVICE);
	report(prints(32, (struct map_style) { 0 },
		      "a          0  sD\n"
		      "              s 16 system  D 16 device\n"),
	       "cell_shows_what_most_of_it_is");
}

static void one_exclusive_page_is_seen(void)
{
	set(0, 16, MAP_DEVICE);
	set(3, 1, MAP_EXCLUSIVE);
	report(prints(16, (struct map_style) { 0 },
		      "a          0  x\n"
		      "              D 15 device  x 1 exclusive\n"),
	       "one_exclusive_page_is_seen");
}

static void last_cell_may_be_a_part(void)
{
	set(0, 17, MAP_SYSTEM);
	report(prints(17, (struct map_style) { 0 },
		      "a          0  ss\n"
		      "              s 17 system\n"),
	       "last_cell_may_be_a_part");
}

static void colour_is_set_once_for_a_run_and_ends_with_it(void)
{
	static const char expected[] =
		"a          0  \033[34m\u2591\u2591\033[0m\033[32m\u2593\033[0m\n"
		"              \033[34m\u2591\033[0m 32 system  \033[32m\u2593\033[0m 16 device\n";

	set(0, 32, MAP_SYSTEM);
	set(32, 16, MAP_DEVICE);
	report(prints(48, (struct map_style) { .unicode = 1, .colour = 1 },
		      expected),
	       "colour_is_set_once_for_a_run_and_ends_with_it");
}

static void large_maps_have_larger_cells_and_at_most_8_rows(void)
{
	size_t nr_pages, rows;
	int good = 1;
	char *text, *c;

	set(0, MAX_PAGES, MAP_SYSTEM);
	for (nr_pages = 1; nr_pages <= MAX_PAGES; nr_pages = nr_pages * 3 / 2 + 1) {
		struct map map = { .nr_pages = nr_pages, .page_size = PAGE };

		text = print(nr_pages, (struct map_style) { 0 });
		for (rows = 0, c = text; (c = strchr(c, '\n')); c++)
			rows++;
		for (c = strtok(text, "\n"); c; c = strtok(NULL, "\n"))
			good &= strlen(c) <= 80;
		good &= rows >= 2 && rows <= 9;
		good &= map_cell_size(&map) >= 65536;
		free(text);
	}
	report(good, "large_maps_have_larger_cells_and_at_most_8_rows");
}

static void page_of_a_snapshot_becomes_its_kind(void)
{
	static const struct {
		struct drm_dummy_gpu_page page;
		enum map_kind kind;
	} cases[] = {
		{ { .place = DRM_DUMMY_GPU_PLACE_NONE }, MAP_HOLE },
		{ { .place = DRM_DUMMY_GPU_PLACE_SYSTEM, .order = 9 }, MAP_SYSTEM },
		{ { .place = DRM_DUMMY_GPU_PLACE_DEVICE, .order = 8 }, MAP_DEVICE },
		{ { .place = DRM_DUMMY_GPU_PLACE_DEVICE, .order = 9 }, MAP_HUGE },
		{ { .place = DRM_DUMMY_GPU_PLACE_PEER }, MAP_PEER },
		{ { .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
		    .flags = DRM_DUMMY_GPU_PAGE_ZERO }, MAP_ZERO },
		{ { .place = DRM_DUMMY_GPU_PLACE_SYSTEM,
		    .flags = DRM_DUMMY_GPU_PAGE_EXCLUSIVE }, MAP_EXCLUSIVE },
	};
	int good = 1;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		good &= map_kind_of(&cases[i].page, PAGE) == cases[i].kind;
	/* With pages of 64 KiB, 2 MiB are order 5. */
	good &= map_kind_of(&(struct drm_dummy_gpu_page) {
		.place = DRM_DUMMY_GPU_PLACE_DEVICE, .order = 5,
	}, 65536) == MAP_HUGE;
	report(good, "page_of_a_snapshot_becomes_its_kind");
}

int main(void)
{
	printf("TAP version 13\n");
	every_kind_has_its_letter();
	rows_are_4m_and_groups_2m();
	cell_shows_what_most_of_it_is();
	one_exclusive_page_is_seen();
	last_cell_may_be_a_part();
	colour_is_set_once_for_a_run_and_ends_with_it();
	large_maps_have_larger_cells_and_at_most_8_rows();
	page_of_a_snapshot_becomes_its_kind();
	printf("1..%u\n", nr_tests);
	return nr_failed ? 1 : 0;
}
