// SPDX-License-Identifier: GPL-2.0
/*
 * Which chunk to evict: the verdicts, and what two lists driven by them keep.
 */
#include <linux/array_size.h>

#include "tap.h"
#include "victim.h"

static void cold_chunk_is_taken(void)
{
	struct hmmc_victim victim = {};

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_TAKE);
}

static void referenced_chunk_gets_a_second_chance(void)
{
	struct hmmc_victim victim = { .referenced = true };

	CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_ACTIVATE);
}

/* And stays referenced. */
static void chunk_that_may_not_go_is_left_alone_whatever_else(void)
{
	unsigned int bits;

	for (bits = 2; bits < 32; bits++) {
		struct hmmc_victim victim = {
			.referenced = bits & 1,
			.closed = bits & 2,
			.held = bits & 4,
			.young = bits & 8,
			.other = bits & 16,
		};

		CHECK(hmmc_victim_judge(&victim) == HMMC_VICTIM_SKIP, "bits %u", bits);
	}
}

static void a_quarter_is_inactive(void)
{
	CHECK(!hmmc_victim_wants_inactive(0, 0));
	CHECK(hmmc_victim_wants_inactive(1, 0));
	CHECK(!hmmc_victim_wants_inactive(3, 1));
	CHECK(hmmc_victim_wants_inactive(4, 1));
	CHECK(!hmmc_victim_wants_inactive(0, 4));
}

/* ---- Two lists ------------------------------------------------------------ */

#define CHUNKS	16

struct chunk {
	unsigned int page;	/* what is there */
	struct hmmc_victim facts;
};

/* A device that evicts as pool.c does, with arrays for lists: [0] is the head. */
struct device {
	struct chunk lists[2][CHUNKS];		/* inactive, active */
	unsigned int nr[2];
};

static struct chunk take_out(struct device *device, unsigned int list, unsigned int i)
{
	struct chunk chunk = device->lists[list][i];

	device->nr[list]--;
	for (; i < device->nr[list]; i++)
		device->lists[list][i] = device->lists[list][i + 1];
	return chunk;
}

static void append(struct device *device, unsigned int list, struct chunk chunk)
{
	device->lists[list][device->nr[list]++] = chunk;
}

static void deactivate(struct device *device)
{
	unsigned int nr = device->nr[1];

	for (; nr; nr--) {
		struct chunk chunk = take_out(device, 1, 0);
		bool referenced = chunk.facts.referenced;

		chunk.facts.referenced = false;
		append(device, referenced, chunk);
		if (!hmmc_victim_wants_inactive(device->nr[1], device->nr[0]))
			break;
	}
}

static int evict_inactive(struct device *device)
{
	unsigned int i = 0;
	struct chunk chunk;

	while (i < device->nr[0]) {
		switch (hmmc_victim_judge(&device->lists[0][i].facts)) {
		case HMMC_VICTIM_TAKE:
			return take_out(device, 0, i).page;
		case HMMC_VICTIM_ACTIVATE:
			chunk = take_out(device, 0, i);
			chunk.facts.referenced = false;
			append(device, 1, chunk);
			break;
		case HMMC_VICTIM_SKIP:
			i++;
			break;
		}
	}
	return -1;
}

/* Which page goes, -1 for none. */
static int evict(struct device *device)
{
	int page;

	deactivate(device);
	page = evict_inactive(device);
	return page < 0 && device->nr[1] ? (int)take_out(device, 1, 0).page : page;
}

static struct chunk *find(struct device *device, unsigned int page)
{
	unsigned int list, i;

	for (list = 0; list < 2; list++) {
		for (i = 0; i < device->nr[list]; i++) {
			if (device->lists[list][i].page == page)
				return &device->lists[list][i];
		}
	}
	return NULL;
}

/* Return: false if it was not there. */
static bool use(struct device *device, unsigned int page)
{
	struct chunk *chunk = find(device, page);

	if (chunk) {
		chunk->facts.referenced = true;
		return true;
	}
	if (device->nr[0] + device->nr[1] == CHUNKS)
		evict(device);
	append(device, 0, (struct chunk){ .page = page });
	return false;
}

/* Each page of half the device is used between two pages that are used once. */
static void stream_does_not_push_out_what_is_in_use(void)
{
	unsigned int cold = CHUNKS, missed = 0, n;
	struct device device = {};

	for (n = 0; n < 1000; n++) {
		missed += !use(&device, n % (CHUNKS / 2));
		use(&device, cold++);
	}
	CHECK(missed == CHUNKS / 2, "missed %u", missed);
}

/* What was in use and is no more does go. */
static void device_follows_what_is_in_use(void)
{
	unsigned int first, n, missed;
	struct device device = {};

	for (first = 0; first < 10 * CHUNKS; first += CHUNKS) {
		for (n = 0; n < 8 * CHUNKS; n++)
			use(&device, first + n % CHUNKS);
		for (n = 0, missed = 0; n < CHUNKS; n++)
			missed += !use(&device, first + n);
		CHECK(!missed, "first %u missed %u", first, missed);
	}
}

/* Whatever is used: it ends, nothing is lost, nothing that must stay is taken. */
static void eviction_keeps_its_books(void)
{
	struct device device = {};
	u64 state = 1;
	unsigned int n, i;

	for (i = 0; i < CHUNKS; i++)
		use(&device, i);
	for (n = 0; n < 100000; n++) {
		bool movable = false;
		unsigned int list;
		int page;

		for (i = 0; i < CHUNKS; i++) {
			struct chunk *chunk = find(&device, i);
			u64 bits = tap_random(&state);

			CHECK(chunk, "page %u is lost", i);
			chunk->facts.referenced = bits & 1;
			chunk->facts.held = !(bits >> 1 & 3);
			chunk->facts.young = !(bits >> 3 & 3);
			chunk->facts.closed = n % 64 == 0;
			movable |= !chunk->facts.held && !chunk->facts.young &&
				   !chunk->facts.closed;
		}
		deactivate(&device);
		for (list = 0, i = 0; i < device.nr[0]; i++)
			list += hmmc_victim_judge(&device.lists[0][i].facts) == HMMC_VICTIM_TAKE;
		page = evict_inactive(&device);
		CHECK((page >= 0) == (list > 0), "run %u", n);
		CHECK(page < 0 || movable, "run %u", n);
		if (page >= 0)
			append(&device, 0, (struct chunk){ .page = page });
	}
}

static const struct tap_test tests[] = {
	{ "cold_chunk_is_taken", cold_chunk_is_taken },
	{ "referenced_chunk_gets_a_second_chance", referenced_chunk_gets_a_second_chance },
	{ "chunk_that_may_not_go_is_left_alone_whatever_else",
	  chunk_that_may_not_go_is_left_alone_whatever_else },
	{ "a_quarter_is_inactive", a_quarter_is_inactive },
	{ "stream_does_not_push_out_what_is_in_use", stream_does_not_push_out_what_is_in_use },
	{ "device_follows_what_is_in_use", device_follows_what_is_in_use },
	{ "eviction_keeps_its_books", eviction_keeps_its_books },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
