// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl snapshot: a map of where memory is.
 *
 * Of memory of its own, which it first touches in different ways, part by part; or
 * of any process, as /proc/<pid>/pagemap has it, for which no device is needed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hmmctl.h"

struct span {
	uint64_t start;
	uint64_t end;
};

/* START-END in hexadecimal, as in /proc/<pid>/maps; 0x in front is fine. */
static int parse_span(const char *text, void *value)
{
	struct span *span = value;
	char *end;

	span->start = strtoull(text, &end, 16);
	if (end == text || *end != '-')
		return -1;
	text = end + 1;
	span->end = strtoull(text, &end, 16);
	return end == text || *end || span->end <= span->start;
}

static int parse_pid(const char *text, void *value)
{
	if (!*text || text[strspn(text, "0123456789")])
		return -1;
	*(const char **)value = text;
	return 0;
}

static int parse_touch(const char *text, void *value)
{
	if (!*text || text[strspn(text, ".rwRWx")])
		return -1;
	*(const char **)value = text;
	return 0;
}

static void touch_on_cpu(char how, volatile char *start, size_t size,
			 size_t page_size)
{
	size_t i;

	for (i = 0; i < size; i += page_size) {
		if (how == 'w')
			start[i] = 1;
		else
			(void)start[i];
	}
}

static int touch_on_device(struct session *session, char how, void *start,
			   size_t size)
{
	struct dummy_stream *s = session->stream;
	uint64_t addr = dummy_addr(start);
	size_t i;

	if (how == 'R')
		dummy_stream_checksum(s, 0, addr, size);
	if (how == 'W')
		dummy_stream_fill(s, addr, size, 1, 8);
	for (i = 0; how == 'x' && i < size; i += session->page_size)
		dummy_stream_atomic_add(s, 0, addr + i, 1, 8);
	dummy_stream_end(s);
	return session_run(session, NULL);
}

static int touch(struct session *session, char how, char *start, size_t size)
{
	if (how == 'r' || how == 'w')
		touch_on_cpu(how, start, size, session->page_size);
	else if (how != '.')
		return touch_on_device(session, how, start, size);
	return DONE;
}

/*
 * Memory that is on the device is the device's anyway: what is to become exclusive
 * has to stay. It is advised first, as neighbours would take it along.
 */
static int keep_here(struct session *session, char how, char *start,
		     size_t size)
{
	int ret;

	if (how != 'x')
		return DONE;
	ret = dummy_advise(session->vm, start, size, DRM_DUMMY_GPU_ADVICE_PLACE,
			   DRM_DUMMY_GPU_PLACE_SYSTEM);
	return ret ? complain(ret, "cannot advise") : DONE;
}

typedef int part_fn(struct session *session, char how, char *start,
		    size_t size);

/* Part i of n, in whole pages, is for letter i. */
static int each_part(struct session *session, const char *pattern, char *memory,
		     size_t size, part_fn *fn)
{
	size_t nr_pages = size / session->page_size;
	size_t nr_parts = strlen(pattern);
	size_t i, first, end;
	int status = DONE;

	for (i = 0; i < nr_parts && !status; i++) {
		first = nr_pages * i / nr_parts;
		end = nr_pages * (i + 1) / nr_parts;
		if (first < end)
			status = fn(session, pattern[i],
				    memory + first * session->page_size,
				    (end - first) * session->page_size);
	}
	return status;
}

static void show(const struct common *common, const struct map *map,
		 uint64_t start)
{
	cJSON *object;

	if (common->json) {
		object = json_map(map);
		json_hex(object, "start", start);
		json_u64(object, "page_size", map->page_size);
		json_print(object);
		return;
	}
	map_print(stdout, map, &common->style);
	printf("\n%10s from 0x%" PRIx64 ", each cell is %s\n",
	       size_text(map->nr_pages * map->page_size), start,
	       size_text(map_cell_size(map)));
}

static int show_process(const struct common *common, const char *pid,
			struct span span)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	struct map map = { .label = "span", .page_size = page_size };
	unsigned char *kinds;

	span.start -= span.start % page_size;
	span.end = round_up(span.end, page_size);
	kinds = pagemap_kinds(pid, span.start, span.end);
	if (!kinds)
		return FAILED;
	map.kinds = kinds;
	map.nr_pages = (span.end - span.start) / page_size;
	show(common, &map, span.start);
	free(kinds);
	return DONE;
}

static int show_own(const struct common *common, uint64_t size, enum thp thp,
		    const char *pattern)
{
	struct map map = { .label = "memory" };
	unsigned char *kinds = NULL;
	struct session session;
	char *memory;

	if (session_open(&session, common))
		return FAILED;
	size = round_up(size, session.page_size);
	memory = memory_map(&session, size, thp);
	if (memory && !each_part(&session, pattern, memory, size, keep_here) &&
	    !each_part(&session, pattern, memory, size, touch))
		kinds = memory_kinds(&session, memory, size);
	if (kinds) {
		map.kinds = kinds;
		map.page_size = session.page_size;
		map.nr_pages = size / session.page_size;
		show(common, &map, dummy_addr(memory));
	}
	session_close(&session);
	free(kinds);
	return kinds ? DONE : FAILED;
}

int command_snapshot(int argc, char **argv)
{
	const char *pattern = ".rwRWx";
	struct common common = { 0 };
	struct span span = { 0 };
	enum thp thp = THP_NEVER;
	uint64_t size = 4 << 20;
	const char *pid = NULL;
	const struct option_spec specs[] = {
		{ "size", "SIZE", "how much memory (4M)", parse_size, &size },
		{ "touch", "LETTERS", "how to touch it, a part for each letter (.rwRWx)",
		  parse_touch, &pattern },
		{ "thp", "always|never", "2 MiB pages or not (never)", parse_thp,
		  &thp },
		{ "pid", "PID", "show memory of that process instead; as root",
		  parse_pid, &pid },
		{ "span", "START-END", "with --pid: its addresses, in hexadecimal",
		  parse_span, &span },
		{ 0 },
	};
	int status;

	status = options_parse(argc, argv,
			       "Touch memory and print where it is then. A letter is a part of it:\n"
			       "  .  not touched          R  read by the device\n"
			       "  r  read by the CPU      W  written by the device\n"
			       "  w  written by the CPU   x  advised to stay in system memory, then an\n"
			       "                             atomic of the device on each page",
			       specs, &common);
	if (status >= 0)
		return status;
	if (!pid != !span.end) {
		complain(0, "--pid and --span need each other");
		return USAGE;
	}
	if (pid)
		return show_process(&common, pid, span);
	return show_own(&common, size, thp, pattern);
}
