// SPDX-License-Identifier: GPL-2.0
/*
 * Output: complaints, units for people, and JSON.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmmctl.h"

#define COLUMNS	80

int complain(int error, const char *what, ...)
{
	va_list args;

	fputs("hmmctl: ", stderr);
	va_start(args, what);
	vfprintf(stderr, what, args);
	va_end(args);
	if (error)
		fprintf(stderr, ": %s", strerror(abs(error)));
	fputc('\n', stderr);
	return FAILED;
}

/* A line may hold several of them. */
static char *next_text(size_t *size)
{
	static char texts[8][32];
	static unsigned int next;

	*size = sizeof(texts[0]);
	return texts[next++ % ARRAY_SIZE(texts)];
}

const char *size_text(uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double number = bytes;
	size_t unit = 0, size;
	char *text = next_text(&size);

	while (number >= 1024 && unit + 1 < ARRAY_SIZE(units)) {
		number /= 1024;
		unit++;
	}
	snprintf(text, size, number == (uint64_t)number ? "%.0f %s" : "%.1f %s",
		 number, units[unit]);
	return text;
}

const char *time_text(uint64_t ns)
{
	size_t size;
	char *text = next_text(&size);

	if (ns < 1000)
		snprintf(text, size, "%" PRIu64 " ns", ns);
	else if (ns < 1000 * 1000)
		snprintf(text, size, "%.1f us", ns / 1e3);
	else if (ns < 1000 * 1000 * 1000)
		snprintf(text, size, "%.1f ms", ns / 1e6);
	else
		snprintf(text, size, "%.2f s", ns / 1e9);
	return text;
}

void print_wrapped(const char *text, unsigned int indent)
{
	unsigned int column = indent, length;

	while (*text) {
		length = strcspn(text, " ");
		if (column > indent && column + 1 + length > COLUMNS) {
			printf("\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putchar(' ');
			column++;
		}
		printf("%.*s", length, text);
		column += length;
		text += length + strspn(text + length, " ");
	}
}

/* No memory for a line of output: nothing sensible is left to do. */
static void *must(void *pointer)
{
	if (!pointer) {
		complain(0, "no memory");
		exit(FAILED);
	}
	return pointer;
}

cJSON *json_new(void)
{
	return must(cJSON_CreateObject());
}

/* cJSON's own numbers are doubles, which end at 53 bits. */
void json_u64(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	must(cJSON_AddRawToObject(object, name, text));
}

/* Addresses: people compare them with what other tools print. */
void json_hex(cJSON *object, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	json_string(object, name, text);
}

void json_string(cJSON *object, const char *name, const char *value)
{
	must(cJSON_AddStringToObject(object, name, value));
}

void json_bool(cJSON *object, const char *name, int value)
{
	must(cJSON_AddBoolToObject(object, name, value));
}

void json_print(cJSON *object)
{
	char *text = must(cJSON_PrintUnformatted(object));

	puts(text);
	/* Whoever reads line by line should not wait for a buffer. */
	fflush(stdout);
	cJSON_free(text);
	cJSON_Delete(object);
}

cJSON *json_map(const struct map *map)
{
	cJSON *object = json_new();
	cJSON *counts, *runs, *run;
	size_t nr[MAP_NR_KINDS];
	enum map_kind kind;
	size_t first, end;

	json_string(object, "name", map->label);
	json_u64(object, "pages", map->nr_pages);

	map_count(map, nr);
	counts = must(cJSON_AddObjectToObject(object, "counts"));
	for (kind = 0; kind < MAP_NR_KINDS; kind++)
		json_u64(counts, map_kind_name(kind), nr[kind]);

	runs = must(cJSON_AddArrayToObject(object, "runs"));
	for (first = 0; first < map->nr_pages; first = end) {
		end = first + 1;
		while (end < map->nr_pages &&
		       map->kinds[end] == map->kinds[first])
			end++;
		run = json_new();
		json_string(run, "kind", map_kind_name(map->kinds[first]));
		json_u64(run, "first", first);
		json_u64(run, "pages", end - first);
		cJSON_AddItemToArray(runs, run);
	}
	return object;
}
