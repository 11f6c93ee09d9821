// SPDX-License-Identifier: GPL-2.0
/*
 * The page table walk against a naive model: a list of what was mapped, searched
 * from its start.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include <linux/array_size.h>

#include "hw.h"
#include "tap.h"

#define AD		(HW_PTE_ACCESSED | HW_PTE_DIRTY)
#define NR_TABLES	512

/* All tables of one test are in one piece, which is easy to free. */
struct tables {
	u64 *arena;
	unsigned int nr;
	u64 *root;
};

u64 *hw_pt_table(u64 entry)
{
	return (u64 *)(uintptr_t)(entry & HW_PTE_ADDR);
}

static u64 *new_table(struct tables *tables)
{
	if (tables->nr == NR_TABLES)
		abort();
	return tables->arena + tables->nr++ * HW_PT_ENTRIES;
}

static void tables_init(struct tables *tables)
{
	tables->arena = aligned_alloc(HW_PAGE_SIZE, NR_TABLES * HW_PAGE_SIZE);
	memset(tables->arena, 0, NR_TABLES * HW_PAGE_SIZE);
	tables->nr = 0;
	tables->root = new_table(tables);
}

static void tables_fini(struct tables *tables)
{
	free(tables->arena);
}

/* The entry for @va at @level, with tables down to there. */
static u64 *entry_of(struct tables *tables, u64 va, unsigned int level)
{
	u64 *table = tables->root;
	unsigned int i;

	for (i = HW_PT_LEVELS - 1; i > level; i--) {
		u64 *entry = &table[hw_pt_index(va, i)];

		if (!(*entry & HW_PTE_VALID))
			*entry = (uintptr_t)new_table(tables) | HW_PTE_VALID;
		table = hw_pt_table(*entry);
	}
	return &table[hw_pt_index(va, level)];
}

/* ---- Claims about one entry --------------------------------------------- */

static void entry_allows_what_its_bits_say(void)
{
	struct tables tables;
	unsigned int bits, shift;
	int access;

	tables_init(&tables);
	for (bits = 0; bits < 8; bits++) {
		for (access = HW_ACCESS_READ; access <= HW_ACCESS_ATOMIC; access++) {
			u64 *entry = entry_of(&tables, 0x12345000, 0);
			u64 flags = (bits & 1 ? HW_PTE_VALID : 0) | (bits & 2 ? HW_PTE_WRITE : 0) |
				    (bits & 4 ? HW_PTE_ATOMIC : 0);
			bool allowed = (bits & 1) && (!access || bits & (1 << access));
			u64 used = HW_PTE_ACCESSED | (access ? HW_PTE_DIRTY : 0);
			u64 found;

			*entry = 0xabc000 | flags;
			found = hw_pt_walk(tables.root, 0x12345678, access, &shift);
			CHECK(found == (allowed ? 0xabc000 | flags | used : 0),
			      "bits %u access %d: %llx", bits, access, found);
			CHECK(*entry == (0xabc000 | flags | (allowed ? used : 0)));
			CHECK(!allowed || shift == HW_PAGE_SHIFT);
		}
	}
	tables_fini(&tables);
}

static void read_after_write_keeps_dirty(void)
{
	struct tables tables;
	unsigned int shift;
	u64 *entry;

	tables_init(&tables);
	entry = entry_of(&tables, 0, 0);
	*entry = HW_PTE_VALID | HW_PTE_WRITE;
	hw_pt_walk(tables.root, 0, HW_ACCESS_WRITE, &shift);
	CHECK(hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift) & HW_PTE_DIRTY);
	CHECK((*entry & AD) == AD);
	tables_fini(&tables);
}

static void huge_leaf_covers_2_mib_and_no_more(void)
{
	const u64 flags = HW_PTE_VALID | HW_PTE_LEAF | HW_PTE_VRAM;
	struct tables tables;
	unsigned int shift;

	tables_init(&tables);
	*entry_of(&tables, HW_HUGE_SIZE, 1) = 4 * HW_HUGE_SIZE | flags;
	CHECK(!hw_pt_walk(tables.root, HW_HUGE_SIZE - 1, HW_ACCESS_READ, &shift));
	CHECK(!hw_pt_walk(tables.root, 2 * HW_HUGE_SIZE, HW_ACCESS_READ, &shift));
	CHECK(hw_pt_walk(tables.root, 2 * HW_HUGE_SIZE - 1, HW_ACCESS_READ, &shift) ==
	      (4 * HW_HUGE_SIZE | flags | HW_PTE_ACCESSED));
	CHECK(shift == HW_HUGE_SHIFT);
	tables_fini(&tables);
}

static void leaf_above_level_1_is_refused(void)
{
	struct tables tables;
	unsigned int shift, level;
	u64 *entry;

	for (level = 2; level < HW_PT_LEVELS; level++) {
		tables_init(&tables);
		entry = entry_of(&tables, 0, level);
		*entry = HW_PTE_VALID | HW_PTE_LEAF;
		CHECK(!hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift), "level %u", level);
		CHECK(*entry == (HW_PTE_VALID | HW_PTE_LEAF), "level %u", level);
		tables_fini(&tables);
	}
}

static void table_without_valid_is_not_followed(void)
{
	struct tables tables;
	unsigned int shift, level;

	tables_init(&tables);
	*entry_of(&tables, 0, 0) = HW_PTE_VALID;
	for (level = 1; level < HW_PT_LEVELS; level++) {
		u64 *entry = entry_of(&tables, 0, level);

		*entry &= ~HW_PTE_VALID;
		CHECK(!hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift), "level %u", level);
		*entry |= HW_PTE_VALID;
		CHECK(hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift), "level %u", level);
	}
	tables_fini(&tables);
}

static void address_beyond_the_end_is_refused(void)
{
	struct tables tables;
	unsigned int shift, bit;

	tables_init(&tables);
	*entry_of(&tables, 0, 0) = HW_PTE_VALID;
	CHECK(hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift));
	for (bit = HW_VA_BITS; bit < 64; bit++)
		CHECK(!hw_pt_walk(tables.root, BIT_ULL(bit), HW_ACCESS_READ, &shift),
		      "bit %u", bit);

	*entry_of(&tables, HW_VA_END - 1, 0) = HW_PTE_VALID;
	CHECK(hw_pt_walk(tables.root, HW_VA_END - 1, HW_ACCESS_READ, &shift));
	tables_fini(&tables);
}

static void tables_get_no_accessed_or_dirty(void)
{
	struct tables tables;
	unsigned int shift, level;

	tables_init(&tables);
	*entry_of(&tables, 0, 0) = HW_PTE_VALID | HW_PTE_WRITE;
	CHECK(hw_pt_walk(tables.root, 0, HW_ACCESS_WRITE, &shift));
	for (level = 1; level < HW_PT_LEVELS; level++)
		CHECK(!(*entry_of(&tables, 0, level) & AD), "level %u", level);
	tables_fini(&tables);
}

/* ---- Random tables ------------------------------------------------------ */

#define NR_MAPPINGS	64

struct mapping {
	u64 start;
	u64 size;
	u64 entry;	/* what should be there now */
	u64 *at;
};

static u64 random_va(u64 *seed)
{
	/* Few values for each index, so that tables are shared and hit. */
	u64 va = 0;
	unsigned int level;

	for (level = 0; level < HW_PT_LEVELS; level++) {
		u64 pick = tap_random(seed) % 4;

		va |= (pick < 3 ? pick : HW_PT_ENTRIES - 1) << (HW_PAGE_SHIFT + 9 * level);
	}
	return va + tap_random(seed) % HW_PAGE_SIZE;
}

static struct mapping *model_find(struct mapping *mappings, unsigned int nr, u64 va)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (va >= mappings[i].start && va - mappings[i].start < mappings[i].size)
			return &mappings[i];
	}
	return NULL;
}

static bool model_overlaps(const struct mapping *mappings, unsigned int nr, u64 start, u64 size)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (start < mappings[i].start + mappings[i].size &&
		    mappings[i].start < start + size)
			return true;
	}
	return false;
}

static unsigned int random_mappings(struct tables *tables, struct mapping *mappings, u64 *seed)
{
	unsigned int i, nr = 0;

	for (i = 0; i < NR_MAPPINGS; i++) {
		bool huge = tap_random(seed) % 4 == 0;
		u64 size = huge ? HW_HUGE_SIZE : HW_PAGE_SIZE;
		u64 start = random_va(seed) & ~(size - 1);
		struct mapping *mapping = &mappings[nr];

		/* A huge leaf takes the place of a table, so keep these apart. */
		if (model_overlaps(mappings, nr, start & ~(HW_HUGE_SIZE - 1), HW_HUGE_SIZE) &&
		    (huge || model_overlaps(mappings, nr, start, size)))
			continue;

		mapping->start = start;
		mapping->size = size;
		mapping->at = entry_of(tables, start, huge);
		mapping->entry = (tap_random(seed) & HW_PTE_ADDR & ~(size - 1)) |
				 (tap_random(seed) & (HW_PTE_WRITE | HW_PTE_ATOMIC | HW_PTE_VRAM)) |
				 (tap_random(seed) % 8 ? HW_PTE_VALID : 0) |
				 (huge ? HW_PTE_LEAF : 0);
		*mapping->at = mapping->entry;
		nr++;
	}
	return nr;
}

static u64 model_walk(struct mapping *mapping, int access)
{
	if (!mapping || !(mapping->entry & HW_PTE_VALID))
		return 0;
	if (access == HW_ACCESS_WRITE && !(mapping->entry & HW_PTE_WRITE))
		return 0;
	if (access == HW_ACCESS_ATOMIC && !(mapping->entry & HW_PTE_ATOMIC))
		return 0;
	mapping->entry |= access == HW_ACCESS_READ ? HW_PTE_ACCESSED : AD;
	return mapping->entry;
}

static void random_tables_agree_with_the_model(void)
{
	unsigned int round, i, nr, shift, nr_allowed = 0;
	struct mapping mappings[NR_MAPPINGS];
	struct tables tables;
	u64 seed = 1;

	for (round = 0; round < 300; round++) {
		tables_init(&tables);
		nr = random_mappings(&tables, mappings, &seed);
		for (i = 0; i < 2000; i++) {
			u64 va = random_va(&seed);
			int access = tap_random(&seed) % 3;
			struct mapping *mapping = model_find(mappings, nr, va);
			u64 found = hw_pt_walk(tables.root, va, access, &shift);

			CHECK(found == model_walk(mapping, access),
			      "round %u va %llx access %d: %llx", round, va, access, found);
			CHECK(!found || 1ULL << shift == mapping->size);
			nr_allowed += found != 0;
		}
		for (i = 0; i < nr; i++)
			CHECK(*mappings[i].at == mappings[i].entry, "round %u", round);
		tables_fini(&tables);
	}
	CHECK(nr_allowed > 10000, "only %u were allowed", nr_allowed);
}

/* ---- A driver that changes entries meanwhile ---------------------------- */

static struct {
	u64 *entry;
	u64 value;
} rival;

/* In the middle of the next walk that ends at @entry, make it @value. */
static void rival_writes(u64 *entry, u64 value)
{
	rival.entry = entry;
	rival.value = value;
}

void shim_before_cmpxchg(void *p)
{
	if (rival.entry != p)
		return;
	*rival.entry = rival.value;
	rival.entry = NULL;
}

static void entry_that_changes_meanwhile_counts_as_it_is_then(void)
{
	const u64 old = 0x1000 | HW_PTE_VALID | HW_PTE_WRITE;
	static const u64 news[] = {
		0,
		0x1000 | HW_PTE_VALID,
		0x2000 | HW_PTE_WRITE,
		0x2000 | HW_PTE_VALID | HW_PTE_WRITE,
	};
	struct tables tables;
	unsigned int i, shift;
	u64 *entry;

	tables_init(&tables);
	entry = entry_of(&tables, 0, 0);
	for (i = 0; i < ARRAY_SIZE(news); i++) {
		bool allowed = (news[i] & old & 0xfff) == (old & 0xfff);
		u64 expected = allowed ? news[i] | AD : 0;

		*entry = old;
		rival_writes(entry, news[i]);
		CHECK(hw_pt_walk(tables.root, 0, HW_ACCESS_WRITE, &shift) == expected, "%u", i);
		CHECK(*entry == (allowed ? expected : news[i]), "%u", i);
	}
	tables_fini(&tables);
}

#define NR_LIVES	20000

struct race {
	struct tables tables;
	u64 *entry;		/* that the driver exchanges */
	bool begun;
	bool over;
	bool stored[NR_LIVES];	/* walks allowed a store by the entry of that life */
	bool dirty[NR_LIVES];	/* that entry was DIRTY when it was taken away */
};

static void spin(unsigned int rounds)
{
	while (rounds--)
		__asm__ volatile("" : : : "memory");
}

/* Each entry the driver writes has its number for an address. */
static void *store_meanwhile(void *data)
{
	struct race *race = data;
	unsigned int shift;

	__atomic_store_n(&race->begun, true, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&race->over, __ATOMIC_ACQUIRE)) {
		u64 found = hw_pt_walk(race->tables.root, 0, HW_ACCESS_WRITE, &shift);

		if (found)
			race->stored[(found & HW_PTE_ADDR) >> HW_PAGE_SHIFT] = true;
	}
	return NULL;
}

/* Exchange an entry NR_LIVES times under a thread that stores. */
static void run_race(struct race *race)
{
	pthread_t thread;
	unsigned int life;
	u64 old;

	pthread_create(&thread, NULL, store_meanwhile, race);
	while (!__atomic_load_n(&race->begun, __ATOMIC_ACQUIRE))
		sched_yield();
	for (life = 0; life < NR_LIVES; life++) {
		old = (u64)life << HW_PAGE_SHIFT | HW_PTE_VALID | HW_PTE_WRITE;
		__atomic_store_n(race->entry, old, __ATOMIC_RELAXED);
		/* Long enough that some lives see a store, short enough that some do not. */
		spin(life % 64 * 8);
		if (life % 256 == 0)
			sched_yield();	/* for a machine with one processor */
		old = __atomic_exchange_n(race->entry, 0, __ATOMIC_SEQ_CST);
		race->dirty[life] = old & HW_PTE_DIRTY;
	}
	__atomic_store_n(&race->over, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
}

/* On a busy machine the two may never run at the same time: give them some chances. */
#define NR_RACES	500

static void driver_that_exchanges_an_entry_learns_of_every_store(void)
{
	unsigned int i, life, nr_stored = 0, nr_missed = 0;

	for (i = 0; i < NR_RACES && !nr_stored; i++) {
		struct race *race = calloc(1, sizeof(*race));

		tables_init(&race->tables);
		race->entry = entry_of(&race->tables, 0, 0);
		run_race(race);
		for (life = 0; life < NR_LIVES; life++) {
			nr_stored += race->stored[life];
			nr_missed += race->stored[life] && !race->dirty[life];
		}
		tables_fini(&race->tables);
		free(race);
	}
	CHECK(nr_missed == 0, "%u of %u", nr_missed, nr_stored);
	CHECK(nr_stored > 0);
}

static void huge_leaf_that_becomes_a_table_is_no_leaf(void)
{
	struct tables tables;
	unsigned int shift;
	u64 *entry, table;

	tables_init(&tables);
	*entry_of(&tables, 0, 0) = HW_PTE_VALID;
	entry = entry_of(&tables, 0, 1);
	table = *entry;

	*entry = HW_PTE_VALID | HW_PTE_LEAF;
	rival_writes(entry, table);
	CHECK(!hw_pt_walk(tables.root, 0, HW_ACCESS_READ, &shift));
	CHECK(*entry == table);
	tables_fini(&tables);
}

static const struct tap_test tests[] = {
	{ "entry_allows_what_its_bits_say", entry_allows_what_its_bits_say },
	{ "read_after_write_keeps_dirty", read_after_write_keeps_dirty },
	{ "huge_leaf_covers_2_mib_and_no_more", huge_leaf_covers_2_mib_and_no_more },
	{ "leaf_above_level_1_is_refused", leaf_above_level_1_is_refused },
	{ "table_without_valid_is_not_followed", table_without_valid_is_not_followed },
	{ "address_beyond_the_end_is_refused", address_beyond_the_end_is_refused },
	{ "tables_get_no_accessed_or_dirty", tables_get_no_accessed_or_dirty },
	{ "random_tables_agree_with_the_model", random_tables_agree_with_the_model },
	{ "entry_that_changes_meanwhile_counts_as_it_is_then",
	  entry_that_changes_meanwhile_counts_as_it_is_then },
	{ "driver_that_exchanges_an_entry_learns_of_every_store",
	  driver_that_exchanges_an_entry_learns_of_every_store },
	{ "huge_leaf_that_becomes_a_table_is_no_leaf",
	  huge_leaf_that_becomes_a_table_is_no_leaf },
};

int main(void)
{
	return tap_run(tests, ARRAY_SIZE(tests));
}
