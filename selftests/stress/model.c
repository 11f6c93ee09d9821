// SPDX-License-Identifier: GPL-2.0
/*
 * The arena and its shadow.
 *
 * The shadow holds what the arena must hold. It is changed by the owner of a
 * region, after what it did to the arena has succeeded. So at any moment at
 * which a worker does nothing to its regions, both are equal, whatever others do
 * to pages beside them. Some regions have several MiB; others have a few pages,
 * and so many owners are in one 2 MiB window.
 *
 * There are exceptions: a page after MADV_FREE is *lazy*, it holds what it did or
 * zeros. And where a write was cut short, each word is old or new.
 *
 * Devices never see the shadow: it has a mapping of its own, between guards.
 */
#include "stress.h"

#define PAGE		4096UL
#define MAX_COUNTERS	(64 * NR_COUNTER_WORDS)
/* A page of counters in each such window, at a place that differs. */
#define COUNTER_WINDOWS	4

struct region {
	char *start;
	size_t size;
};

static char *arena, *shadow;
static size_t size_of_arena;
/* Pages that may become zero. Private: a child has its own. */
static bool *lazy;

static struct region regions[MAX_WORKERS][MAX_REGIONS];
static unsigned int nr_regions[MAX_WORKERS];
/*
 * Where this round is: all of it for eviction, or a few windows to meet more
 * often. In a calm one no mapping is taken apart, so that there are huge pages.
 */
static struct {
	size_t page;
	size_t end;
	bool is_calm;
} focus;

static uint64_t *counters[MAX_COUNTERS];
static uint64_t expected[MAX_COUNTERS];
static unsigned int nr_counters;

static size_t page_of(const char *addr)
{
	return (addr - arena) / PAGE;
}

static size_t counter_page(size_t window)
{
	return window * (HUGE_SIZE / PAGE) + window * 37 % (HUGE_SIZE / PAGE);
}

static bool has_counters(size_t window)
{
	return window % COUNTER_WINDOWS == 1;
}

static void make_counters(void)
{
	size_t window, word;

	for (window = 0; window < size_of_arena / HUGE_SIZE; window++) {
		char *page = arena + counter_page(window) * PAGE;

		for (word = 0; has_counters(window) && word < NR_COUNTER_WORDS; word++) {
			if (nr_counters < MAX_COUNTERS)
				counters[nr_counters++] = (uint64_t *)(page + word * 504);
		}
	}
}

int model_init(size_t size)
{
	size_t offset;

	size_of_arena = size;
	arena = mem_alloc(size, MEM_THP);
	shadow = mem_alloc(size, MEM_THP);
	lazy = calloc(size / PAGE, sizeof(*lazy));
	if (!arena || !shadow || !lazy)
		return -ENOMEM;
	/* Both kinds side by side; operations change it later. */
	for (offset = 0; offset < size; offset += 6 * MIB)
		madvise(arena + offset, HUGE_SIZE, MADV_NOHUGEPAGE);
	make_counters();
	return 0;
}

void model_exit(void)
{
	munmap(arena, size_of_arena);
	munmap(shadow, size_of_arena);
}

size_t arena_size(void)
{
	return size_of_arena;
}

bool in_arena(const void *addr)
{
	return (char *)addr >= arena && (char *)addr < arena + size_of_arena;
}

char *shadow_of(const char *addr)
{
	return shadow + (addr - arena);
}

/* ---- Owners --------------------------------------------------------------- */

static size_t next_counter_page(size_t page)
{
	size_t window;

	for (window = page / (HUGE_SIZE / PAGE); window < size_of_arena / HUGE_SIZE; window++) {
		if (has_counters(window) && counter_page(window) >= page)
			return counter_page(window);
	}
	return size_of_arena / PAGE;
}

static void give(unsigned int owner, size_t page, size_t nr)
{
	struct region *region;

	if (nr_regions[owner] == MAX_REGIONS)
		return;
	region = &regions[owner][nr_regions[owner]++];
	region->start = arena + page * PAGE;
	region->size = nr * PAGE;
}

static void choose_focus(struct rng *rng)
{
	size_t windows = size_of_arena / HUGE_SIZE, nr = windows;

	if (rng_chance(rng, 50))
		nr = 1 + rng_below(rng, 6);
	focus.page = rng_below(rng, windows - nr + 1) * (HUGE_SIZE / PAGE);
	focus.end = focus.page + nr * (HUGE_SIZE / PAGE);
	focus.is_calm = rng_chance(rng, 50);
}

void model_divide(uint64_t round)
{
	struct rng rng = { options.seed + round * 0x9e3779b97f4a7c15ULL };
	size_t page, nr, most = 0, fine = 0;

	memset(nr_regions, 0, sizeof(nr_regions));
	choose_focus(&rng);
	for (page = focus.page; page < focus.end; page += nr) {
		/* Stretches of small regions and of large ones take turns. */
		if (page >= fine) {
			most = rng_chance(&rng, 60) ? 64 : 1536;
			fine = page + (1 + rng_below(&rng, 2)) * (HUGE_SIZE / PAGE);
		}
		nr = rng_log(&rng, most);
		if (nr > next_counter_page(page) - page)
			nr = next_counter_page(page) - page;
		if (nr > focus.end - page)
			nr = focus.end - page;
		if (nr)
			give(rng_below(&rng, options.nr_workers), page, nr);
		else
			nr = 1;
	}
}

bool round_is_calm(void)
{
	return focus.is_calm;
}

static void check_pages(struct worker *w, size_t page, size_t end);

static void renew_window(struct worker *w, size_t window)
{
	char *start = arena + window * HUGE_SIZE, counter[PAGE];
	size_t offset = counter_page(window) * PAGE - window * HUGE_SIZE;

	if (has_counters(window))
		memcpy(counter, start + offset, PAGE);
	if (mmap(start, HUGE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != start) {
		complain(w, "mmap of %p: %s", start, strerror(errno));
		finish("memory could not be mapped again");
	}
	madvise(start, HUGE_SIZE, MADV_HUGEPAGE);
	memcpy(start, shadow_of(start), HUGE_SIZE);
	memset(lazy + page_of(start), 0, HUGE_SIZE / PAGE * sizeof(*lazy));
	if (has_counters(window))
		memcpy(start + offset, counter, PAGE);
}

void model_renew(struct worker *w)
{
	size_t window;

	/* Nothing bad is written over. */
	check_pages(w, focus.page, focus.end);
	for (window = focus.page / (HUGE_SIZE / PAGE); window < focus.end / (HUGE_SIZE / PAGE);
	     window++)
		renew_window(w, window);
}

size_t pick_own(struct worker *w, size_t most, char **start)
{
	unsigned int nr = nr_regions[w->id], i;
	struct region *region;
	size_t size, left;

	if (!nr)
		return 0;
	region = &regions[w->id][rng_below(&w->rng, nr)];
	/* Large ones more often than there are. */
	for (i = 0; i < 2; i++) {
		struct region *other = &regions[w->id][rng_below(&w->rng, nr)];

		if (rng_chance(&w->rng, 50) && other->size > region->size)
			region = other;
	}
	left = region->size / PAGE;
	size = rng_chance(&w->rng, 30) ? left : rng_log(&w->rng, left);
	if (size > most / PAGE)
		size = most / PAGE;
	*start = region->start + rng_below(&w->rng, left - size + 1) * PAGE;
	return size * PAGE;
}

size_t pick_any(struct worker *w, size_t most, char **start)
{
	size_t size = rng_log(&w->rng, most / PAGE) * PAGE;
	size_t align = rng_chance(&w->rng, 40) && size >= HUGE_SIZE ? HUGE_SIZE : PAGE;
	size_t room = (focus.end - focus.page) * PAGE;

	if (size > room)
		size = room;
	*start = arena + focus.page * PAGE + rng_below(&w->rng, (room - size) / align + 1) * align;
	return size;
}

/* ---- Words ---------------------------------------------------------------- */

/*
 * A word says where it belongs and who wrote it: page 16 bits, worker 4,
 * operation 20, place in the page 9, and 15 bits to tell it from garbage.
 */
static uint64_t seal(uint64_t word)
{
	return ((word + options.seed) * 0x9e3779b97f4a7c15ULL) >> 49;
}

uint64_t word_value(struct worker *w, const char *addr)
{
	uint64_t word = (uint64_t)page_of(addr) << 48 | (uint64_t)w->id << 44 |
			(w->nr & (BIT(20) - 1)) << 24 | (uintptr_t)addr % PAGE / 8 << 15;

	return word | seal(word);
}

static void print_word(FILE *out, const char *name, uint64_t word)
{
	uint64_t plain = word & ~(BIT(15) - 1);

	fprintf(out, "#   %-9s %016llx ", name, (unsigned long long)word);
	if (!word)
		fprintf(out, "zero\n");
	else if ((word & (BIT(15) - 1)) == seal(plain))
		fprintf(out, "page %llu word %llu, by worker %llu in operation %llu\n",
			(unsigned long long)(word >> 48), (unsigned long long)(word >> 15 & 511),
			(unsigned long long)(word >> 44 & 15),
			(unsigned long long)(word >> 24 & (BIT(20) - 1)));
	else
		fprintf(out, "computed by a device, or none of ours\n");
}

static const char *place_name(unsigned int place)
{
	switch (place) {
	case IN_NONE:		return "nowhere";
	case IN_SYSTEM:		return "in system memory";
	case IN_SWAP:		return "in swap";
	case IN_DEVICE_WRITE:	return "in a device, writable";
	case IN_DEVICE_READ:	return "in a device, read-only";
	case IN_EXCLUSIVE:	return "exclusive to a device";
	default:		return "under migration, or poison";
	}
}

static void print_snapshots(FILE *out, char *page)
{
	struct drm_dummy_gpu_page shown;
	unsigned int i;

	for (i = 0; i < nr_slots; i++) {
		if (pthread_rwlock_tryrdlock(&slots[i].lock))
			continue;
		if (!dummy_snapshot(slots[i].vm, page, PAGE, &shown))
			fprintf(out, "#   VM %u of device %u: %s %u, order %u, flags %x\n", i,
				slots[i].device, dummy_place_name(shown.place), shown.device,
				shown.order, shown.flags);
		pthread_rwlock_unlock(&slots[i].lock);
	}
}

/* The address may be mapped for nobody, or elsewhere, at this moment. */
static void print_now(FILE *out, char *addr)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	uint64_t word;

	if (pread(fd, &word, sizeof(word), dummy_addr(addr)) == sizeof(word))
		print_word(out, "now", word);
	close(fd);
}

/* One write for the whole of it, for nothing can be locked that a child may need. */
static void report(struct worker *w, const char *how, char *home, size_t offset, size_t nr_bad,
		   size_t size, uint64_t want, uint64_t found)
{
	char *addr = home + offset, *text = NULL, *page = arena + page_of(addr) * PAGE;
	unsigned int place = page_in(page);
	size_t len = 0;
	FILE *out;

	if (__atomic_fetch_add(&verdict->bad_words, nr_bad, __ATOMIC_RELAXED) > 4096)
		return;
	out = open_memstream(&text, &len);
	if (!out)
		return;
	fprintf(out, "# MISMATCH seed %llu worker %u%s operation %llu, %s\n",
		(unsigned long long)options.seed, w->id, w->is_child ? " (child)" : "",
		(unsigned long long)w->nr, how);
	fprintf(out, "#   address %p, page %zu, offset %zu of %zu at %p: %zu words bad\n", addr,
		page_of(addr), offset, size, home, nr_bad);
	print_word(out, "expected", want);
	print_word(out, "found", found);
	print_now(out, addr);
	fprintf(out, "#   the page was %s\n", place_name(place));
	if (!w->is_child)
		print_snapshots(out, page);
	steps_print(out, addr);
	fclose(out);
	if (write(STDOUT_FILENO, text, len) < 0)
		perror("write");
	free(text);
}

/* ---- Comparing ------------------------------------------------------------ */

static uint64_t word_at(const char *mem, size_t offset)
{
	return mem ? *(const volatile uint64_t *)(mem + offset) : 0;
}

/* Page by page, for a lazy page has rules of its own. */
static bool check_page(struct worker *w, const char *how, char *home, const char *found,
		       const char *other, bool has_other, size_t size)
{
	char *want = shadow_of(home);
	bool is_lazy = lazy[page_of(home)], gone = false;
	size_t offset, first = 0, nr_bad = 0;
	uint64_t value, bad_value = 0;

	for (offset = 0; offset < size; offset += 8) {
		value = word_at(found, offset);
		if (value == word_at(want, offset))
			continue;
		if (has_other && value == word_at(other, offset))
			continue;
		if (is_lazy && !value) {
			gone = true;
			continue;
		}
		if (!nr_bad++) {
			first = offset;
			bad_value = value;
		}
	}
	if (nr_bad)
		report(w, how, home, first, nr_bad, size, word_at(want, first), bad_value);
	/* What is freed never comes back. Who compares a part knows nothing of the rest. */
	if (gone && size == PAGE && !has_other) {
		memset(want, 0, PAGE);
		lazy[page_of(home)] = false;
	}
	return !nr_bad;
}

static bool check(struct worker *w, const char *how, char *home, const char *found,
		  const char *other, bool has_other, size_t size)
{
	bool good = true;
	size_t done, part;

	for (done = 0; done < size && good; done += part) {
		part = size - done < PAGE ? size - done : PAGE;
		if (memcmp(shadow_of(home) + done, found + done, part))
			good = check_page(w, how, home + done, found + done,
					  other ? other + done : NULL, has_other, part);
	}
	return good;
}

bool model_check(struct worker *w, const char *how, char *home, const char *found, size_t size)
{
	return check(w, how, home, found, NULL, false, size);
}

bool model_check_either(struct worker *w, const char *how, char *home, const char *found,
			const char *other, size_t size)
{
	return check(w, how, home, found, other, true, size);
}

static void check_pages(struct worker *w, size_t page, size_t end)
{
	struct step *step = step_begin(w, "check_pages", arena + page * PAGE, (end - page) * PAGE,
				       0);
	size_t window;

	/* The counters are not in the shadow but have sums of their own. */
	for (; page < end; page++) {
		window = page / (HUGE_SIZE / PAGE);
		if (has_counters(window) && counter_page(window) == page)
			continue;
		model_check(w, "CPU, all of it", arena + page * PAGE, arena + page * PAGE, PAGE);
		count(&verdict->alive);
	}
	step_end(step, 0);
}

void model_check_all(struct worker *w)
{
	check_pages(w, 0, size_of_arena / PAGE);
}

/* ---- Changing ------------------------------------------------------------- */

void model_set(char *home, const char *next, size_t size)
{
	if (next)
		memcpy(shadow_of(home), next, size);
	else
		memset(shadow_of(home), 0, size);
	memset(lazy + page_of(home), 0, size / PAGE * sizeof(*lazy));
}

void model_settle(struct worker *w, const char *how, char *home, const char *old,
		  const char *next, size_t size)
{
	char *want = shadow_of(home);
	size_t offset, first = 0, nr_bad = 0;
	uint64_t value, bad_value = 0;

	for (offset = 0; offset < size; offset += 8) {
		value = word_at(home, offset);
		if (value != word_at(next, offset) && value != word_at(old, offset) &&
		    !(lazy[page_of(home + offset)] && !value) && !nr_bad++) {
			first = offset;
			bad_value = value;
		}
		*(volatile uint64_t *)(home + offset) = value;
		*(uint64_t *)(want + offset) = value;
	}
	memset(lazy + page_of(home), 0, size / PAGE * sizeof(*lazy));
	if (nr_bad)
		report(w, how, home, first, nr_bad, size, word_at(next, first), bad_value);
}

void model_set_lazy(char *home, size_t size)
{
	memset(lazy + page_of(home), 1, size / PAGE * sizeof(*lazy));
}

bool model_is_lazy(char *home, size_t size)
{
	return memchr(lazy + page_of(home), 1, size / PAGE * sizeof(*lazy));
}

void model_end_lazy(char *home, char *at, size_t size)
{
	size_t offset;

	for (offset = 0; offset < size; offset += PAGE) {
		if (!lazy[page_of(home + offset)])
			continue;
		memcpy(at + offset, shadow_of(home + offset), PAGE);
		lazy[page_of(home + offset)] = false;
	}
}

/* ---- Counters ------------------------------------------------------------- */

uint64_t *counter_pick(struct worker *w, unsigned int *nr)
{
	*nr = rng_below(&w->rng, nr_counters);
	return counters[*nr];
}

void counter_added(unsigned int nr, uint64_t value)
{
	__atomic_fetch_add(&expected[nr], value, __ATOMIC_RELAXED);
}

void model_check_counters(void)
{
	unsigned int i;

	for (i = 0; i < nr_counters; i++) {
		uint64_t found = *(volatile uint64_t *)counters[i];

		if (found == expected[i])
			continue;
		count(&verdict->bad_counters);
		printf("# COUNTER seed %llu: %p is %llu, the sum of what was added is %llu\n",
		       (unsigned long long)options.seed, counters[i], (unsigned long long)found,
		       (unsigned long long)expected[i]);
		steps_print(stdout, (char *)counters[i]);
	}
}
