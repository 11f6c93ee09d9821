// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl migrate: move memory to the device and back, verify it and time it.
 *
 * The memory is this command's own, filled with words that follow from their
 * position. That they were right on the device, the device says itself: it makes a
 * checksum of them there, which is compared with one the CPU made of the formula.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmmctl.h"

#define MAX_RUNS	4096
#define SHOWN_RUNS	8

enum back {
	BACK_REQUEST,
	BACK_TOUCH,
	BACK_EVICT,
};

static const char *const back_names[] = { "request", "touch", "evict" };

struct exercise {
	struct session session;
	struct common common;
	uint64_t *words;
	size_t size;
	int stay;		/* --to device */
	enum back back;
	unsigned int round;
	unsigned int nr_wrong;
	struct drm_dummy_gpu_migrate_run runs[MAX_RUNS];
};

/* One way of a round, and what became of it. */
struct way {
	const char *name;
	struct numbers numbers;
	struct dummy_migrated migrated;
	unsigned int nr_runs;	/* 0 where there was no request */
};

static int parse_to(const char *text, void *value)
{
	if (strcmp(text, "device") && strcmp(text, "system"))
		return -1;
	*(int *)value = !strcmp(text, "device");
	return 0;
}

static int parse_back(const char *text, void *value)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(back_names); i++) {
		if (!strcmp(text, back_names[i])) {
			*(enum back *)value = i;
			return 0;
		}
	}
	return -1;
}

/* Different in every round, so that a page left behind is not right by chance. */
static uint64_t word_at(size_t i, unsigned int round)
{
	return (i + 1) * 0x9e3779b97f4a7c15ull + round;
}

static void fill(struct exercise *ex)
{
	size_t i;

	for (i = 0; i < ex->size / sizeof(*ex->words); i++)
		ex->words[i] = word_at(i, ex->round);
}

static uint64_t checksum_of_formula(const struct exercise *ex)
{
	uint64_t hash = 0xcbf29ce484222325ull;	/* FNV-1a 64 */
	unsigned int byte;
	uint64_t word;
	size_t i;

	for (i = 0; i < ex->size / sizeof(*ex->words); i++) {
		word = word_at(i, ex->round);
		for (byte = 0; byte < sizeof(word); byte++) {
			hash ^= (word >> (8 * byte)) & 0xff;
			hash *= 0x100000001b3ull;
		}
	}
	return hash;
}

/* The sum is stored elsewhere, so that reading it brings none of the words back. */
static int verify_on_device(struct exercise *ex, const volatile uint64_t *sum)
{
	struct session *session = &ex->session;
	uint64_t expected;

	dummy_stream_checksum(session->stream, 1, dummy_addr(ex->words),
			      ex->size);
	dummy_stream_store_reg(session->stream, dummy_addr(sum), 1, 8);
	dummy_stream_end(session->stream);
	if (session_run(session, NULL))
		return FAILED;
	expected = checksum_of_formula(ex);
	if (*sum == expected)
		return DONE;
	ex->nr_wrong++;
	return complain(0, "the device reads a checksum of 0x%" PRIx64
			", it should be 0x%" PRIx64, *sum, expected);
}

static int verify_on_cpu(struct exercise *ex)
{
	uint64_t expected;
	size_t i;

	for (i = 0; i < ex->size / sizeof(*ex->words); i++) {
		expected = word_at(i, ex->round);
		if (ex->words[i] == expected)
			continue;
		ex->nr_wrong++;
		return complain(0, "the word at byte %zu is 0x%" PRIx64
				", it should be 0x%" PRIx64,
				i * sizeof(*ex->words), ex->words[i], expected);
	}
	return DONE;
}

static void touch(struct exercise *ex)
{
	const volatile char *memory = (const char *)ex->words;
	size_t i;

	for (i = 0; i < ex->size; i += ex->session.page_size)
		(void)memory[i];
}

static int move(struct exercise *ex, struct way *way,
		enum drm_dummy_gpu_place place)
{
	struct session *session = &ex->session;
	uint32_t flags = place == DRM_DUMMY_GPU_PLACE_DEVICE ?
			 DRM_DUMMY_GPU_MIGRATE_POPULATE : 0;
	struct meter meter;
	int ret = 0;

	if (meter_start(session, &meter))
		return FAILED;
	if (place == DRM_DUMMY_GPU_PLACE_DEVICE || ex->back == BACK_REQUEST)
		ret = dummy_migrate_runs(session->vm, ex->words, ex->size, place,
					 flags, &way->migrated, ex->runs,
					 MAX_RUNS, &way->nr_runs);
	else if (ex->back == BACK_EVICT)
		ret = dummy_evict(session->dev, UINT64_MAX, NULL);
	else
		touch(ex);
	if (ret)
		return complain(ret, "cannot migrate");
	return meter_stop(session, &meter, &way->numbers);
}

static int show_map(struct exercise *ex, cJSON *object)
{
	struct map map = {
		.label = "memory",
		.nr_pages = ex->size / ex->session.page_size,
		.page_size = ex->session.page_size,
	};
	unsigned char *kinds;

	kinds = memory_kinds(&ex->session, ex->words, ex->size);
	if (!kinds)
		return FAILED;
	map.kinds = kinds;
	if (object)
		cJSON_AddItemToObject(object, "map", json_map(&map));
	else
		map_print(stdout, &map, &ex->common.style);
	free(kinds);
	return DONE;
}

static uint64_t pages_moved(const struct way *way)
{
	if (way->nr_runs)
		return way->migrated.moved;
	return way->numbers.pages_out;
}

static void print_runs(const struct exercise *ex, const struct way *way)
{
	unsigned int i;

	if (!way->nr_runs)
		return;
	printf("  pages   %" PRIu64 " moved, %" PRIu64 " were there, %" PRIu64
	       " stayed\n", way->migrated.moved, way->migrated.already,
	       way->migrated.stayed);
	for (i = 0; i < way->nr_runs && i < SHOWN_RUNS; i++)
		printf("  %-7s 0x%" PRIx64 " %8u pages  %s\n", i ? "" : "runs",
		       (uint64_t)ex->runs[i].start, ex->runs[i].nr_pages,
		       dummy_migrate_result_name(ex->runs[i].result));
	if (way->nr_runs > SHOWN_RUNS)
		printf("          and %u more\n", way->nr_runs - SHOWN_RUNS);
}

static cJSON *runs_json(const struct exercise *ex, const struct way *way)
{
	cJSON *array = cJSON_CreateArray();
	unsigned int i;
	cJSON *run;

	for (i = 0; i < way->nr_runs && i < MAX_RUNS; i++) {
		run = json_new();
		json_hex(run, "start", ex->runs[i].start);
		json_u64(run, "pages", ex->runs[i].nr_pages);
		json_string(run, "result",
			    dummy_migrate_result_name(ex->runs[i].result));
		cJSON_AddItemToArray(array, run);
	}
	return array;
}

static int show(struct exercise *ex, const struct way *way)
{
	uint64_t moved = pages_moved(way);
	cJSON *object = NULL;
	int status;

	if (ex->common.json) {
		object = json_new();
		json_u64(object, "round", ex->round);
		json_string(object, "way", way->name);
		json_u64(object, "size", ex->size);
		numbers_json(object, &way->numbers);
		if (way->nr_runs) {
			json_u64(object, "moved", way->migrated.moved);
			json_u64(object, "already", way->migrated.already);
			json_u64(object, "stayed", way->migrated.stayed);
			cJSON_AddItemToObject(object, "runs",
					      runs_json(ex, way));
		}
	} else {
		printf("%s:\n", way->name);
	}

	status = show_map(ex, object);
	if (object) {
		json_print(object);
		return status;
	}
	print_runs(ex, way);
	numbers_print(&way->numbers);
	if (moved)
		printf("  each    %s for a page, %.2f GiB/s\n",
		       time_text(way->numbers.ns / moved),
		       (double)moved * ex->session.page_size /
		       way->numbers.ns * 1e9 / (1 << 30));
	return status;
}

static int do_round(struct exercise *ex, const volatile uint64_t *sum)
{
	struct way there = { .name = "there" }, back = { .name = "back" };

	if (!ex->common.json)
		printf("%sround %u, %s\n", ex->round ? "\n" : "", ex->round + 1,
		       size_text(ex->size));
	fill(ex);
	if (move(ex, &there, DRM_DUMMY_GPU_PLACE_DEVICE) || show(ex, &there) ||
	    verify_on_device(ex, sum))
		return FAILED;
	if (ex->stay)
		return verify_on_cpu(ex);
	if (move(ex, &back, DRM_DUMMY_GPU_PLACE_SYSTEM) || show(ex, &back))
		return FAILED;
	return verify_on_cpu(ex);
}

static void show_end(const struct exercise *ex, unsigned int rounds, int status)
{
	cJSON *object;

	if (ex->common.json) {
		object = json_new();
		json_u64(object, "rounds", rounds);
		json_u64(object, "verified", rounds * ex->size);
		json_bool(object, "ok", status == DONE);
		json_print(object);
	} else if (status == DONE) {
		printf("\n%s verified, on the device and on the CPU\n",
		       size_text(rounds * ex->size));
	}
}

int command_migrate(int argc, char **argv)
{
	static struct exercise ex;
	enum thp thp = THP_DEFAULT;
	unsigned int rounds = 1;
	uint64_t size = 64 << 20;
	const struct option_spec specs[] = {
		{ "size", "SIZE", "how much memory (64M)", parse_size, &size },
		{ "thp", "always|never", "2 MiB pages or not; else as the machine does",
		  parse_thp, &thp },
		{ "to", "device|system", "stop on the device, or come back (system)",
		  parse_to, &ex.stay },
		{ "back", "HOW", "request, touch (by the CPU) or evict (request)",
		  parse_back, &ex.back },
		{ "rounds", "N", "do it N times (1)", parse_number, &rounds },
		{ 0 },
	};
	uint64_t *sum;
	int status;

	status = options_parse(argc, argv,
			       "Allocate and fill memory, migrate it to the device and back, verify it on\n"
			       "both, and print what became of it and how long it took.",
			       specs, &ex.common);
	if (status >= 0)
		return status;
	if (session_open(&ex.session, &ex.common))
		return FAILED;

	ex.size = round_up(size, ex.session.page_size);
	ex.words = memory_map(&ex.session, ex.size, thp);
	sum = memory_map(&ex.session, ex.session.page_size, THP_NEVER);
	status = ex.words && sum ? DONE : FAILED;
	for (ex.round = 0; status == DONE && ex.round < rounds; ex.round++)
		status = do_round(&ex, sum);
	show_end(&ex, rounds, status);
	session_close(&ex.session);
	return status;
}
