// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which a batch of faults is served. The input is the batch.
 *
 * It has to be an order at all, or the kernel's sort() may do anything: the same
 * both ways, and transitive. A batch in that order must be as a naive model has it,
 * and say each page once, with all that is wanted of it first: that is how a fault
 * that others raised as well is served once.
 */
#include <string.h>

#include "batch.h"
#include "fuzz.h"

#define MAX_BATCH	64
/* Of which each is compared with each, and with two others. */
#define MAX_COMPARED	8

struct batch {
	struct hmmc_fault_key keys[MAX_BATCH];
	unsigned int nr;
};

static int sign(int value)
{
	return (value > 0) - (value < 0);
}

static u8 *spell(u8 *bytes, u64 value)
{
	unsigned int i;

	for (i = 0; i < 8; i++)
		*bytes++ = value >> (56 - 8 * i);
	return bytes;
}

/* As words in a dictionary: the first byte that differs decides. */
static int model_compare(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b)
{
	u8 word_a[24], word_b[24];

	spell(spell(spell(word_a, a->attach), a->page), ~(u64)a->access);
	spell(spell(spell(word_b, b->attach), b->page), ~(u64)b->access);
	return memcmp(word_a, word_b, sizeof(word_a));
}

static bool is_same_page(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b)
{
	return a->attach == b->attach && a->page == b->page;
}

static void read_batch(struct fuzz_input *input, struct batch *batch)
{
	for (batch->nr = 0; batch->nr < MAX_BATCH && input->left; batch->nr++) {
		struct hmmc_fault_key *key = &batch->keys[batch->nr];

		key->attach = fuzz_u64(input);
		key->page = fuzz_u64(input);
		key->access = fuzz_u8(input) % 3;
	}
}

static void check_pair(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b)
{
	int order = sign(hmmc_fault_compare(a, b));

	CHECK(order == -sign(hmmc_fault_compare(b, a)));
	CHECK(order == sign(model_compare(a, b)));
	CHECK(!order == (is_same_page(a, b) && a->access == b->access));
}

static void check_triple(const struct hmmc_fault_key *a, const struct hmmc_fault_key *b,
			 const struct hmmc_fault_key *c)
{
	if (hmmc_fault_compare(a, b) <= 0 && hmmc_fault_compare(b, c) <= 0)
		CHECK(hmmc_fault_compare(a, c) <= 0);
}

static void check_order(const struct batch *batch)
{
	unsigned int nr = batch->nr < MAX_COMPARED ? batch->nr : MAX_COMPARED;
	const struct hmmc_fault_key *keys = batch->keys;
	unsigned int i, j, k;

	for (i = 0; i < nr; i++) {
		for (j = 0; j < nr; j++) {
			check_pair(&keys[i], &keys[j]);
			for (k = 0; k < nr; k++)
				check_triple(&keys[i], &keys[j], &keys[k]);
		}
	}
}

static int sort_compare(const void *a, const void *b)
{
	return hmmc_fault_compare(a, b);
}

/* Take the least one again and again. */
static void model_sort(struct batch *batch)
{
	unsigned int i, j;

	for (i = 0; i < batch->nr; i++) {
		for (j = i + 1; j < batch->nr; j++) {
			struct hmmc_fault_key key = batch->keys[i];

			if (model_compare(&batch->keys[j], &key) >= 0)
				continue;
			batch->keys[i] = batch->keys[j];
			batch->keys[j] = key;
		}
	}
}

/* Who serves a page when it comes first serves all that wanted it. */
static void check_served_once(const struct batch *sorted)
{
	const struct hmmc_fault_key *first = NULL;
	unsigned int i, j;

	for (i = 0; i < sorted->nr; i++) {
		const struct hmmc_fault_key *key = &sorted->keys[i];

		if (first && is_same_page(first, key)) {
			CHECK(first->access >= key->access);
			continue;
		}
		first = key;
		for (j = 0; j < i; j++)
			CHECK(!is_same_page(&sorted->keys[j], key));
	}
}

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };
	struct batch batch, model;

	read_batch(&input, &batch);
	check_order(&batch);

	model = batch;
	model_sort(&model);
	qsort(batch.keys, batch.nr, sizeof(*batch.keys), sort_compare);
	CHECK(!memcmp(batch.keys, model.keys, batch.nr * sizeof(*batch.keys)));
	check_served_once(&batch);
	return 0;
}
