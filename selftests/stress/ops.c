// SPDX-License-Identifier: GPL-2.0
/*
 * What workers can do, and those operations that need no device: CPU accesses,
 * fork, and what a process can do to its mappings.
 *
 * All of an operation's random numbers are drawn from w->rng. None maps memory at
 * an address that it lets the kernel choose: that might be in a hole which
 * another worker has just made.
 */
#include "stress.h"

#ifndef MADV_COLD
#define MADV_COLD		20
#define MADV_PAGEOUT		21
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE		25
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL	102
#define MADV_GUARD_REMOVE	103
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP	4
#endif

#define ACCESS_SPAN	(512 * KIB)

/* ---- CPU ------------------------------------------------------------------ */

void make_next(struct worker *w, const char *home, size_t size)
{
	size_t offset;

	for (offset = 0; offset < size; offset += 8)
		*(uint64_t *)(w->next + offset) = word_value(w, home + offset);
}

void cpu_fill(struct worker *w, char *home, char *at, size_t size)
{
	struct step *step = step_begin(w, "cpu_fill", home, size, 0);
	size_t offset;

	make_next(w, home, size);
	for (offset = 0; offset < size; offset += 8)
		*(volatile uint64_t *)(at + offset) = *(uint64_t *)(w->next + offset);
	model_set(home, w->next, size);
	step_end(step, 0);
}

/* A few words here and there: what is around them has to stay. */
static void cpu_sprinkle(struct worker *w, char *home, char *at, size_t size)
{
	struct step *step = step_begin(w, "cpu_sprinkle", home, size, 0);
	unsigned int nr;

	model_end_lazy(home, at, size);
	for (nr = 1 + rng_below(&w->rng, 32); nr > 0; nr--) {
		size_t offset = rng_below(&w->rng, size / 8) * 8;
		uint64_t value = word_value(w, home + offset);

		*(volatile uint64_t *)(at + offset) = value;
		*(uint64_t *)shadow_of(home + offset) = value;
	}
	step_end(step, 0);
}

static void cpu_check(struct worker *w, char *home, char *at, size_t size)
{
	struct step *step = step_begin(w, "cpu_check", home, size, 0);

	step_end(step, model_check(w, "CPU", home, at, size));
}

void check_somehow(struct worker *w, char *home, char *at, size_t size)
{
	if (rng_chance(&w->rng, 50))
		cpu_check(w, home, at, size);
	else
		device_check(w, home, at, size);
}

/* By the CPU or a device, all or some of it. */
static void write_somehow(struct worker *w, char *home, char *at, size_t size)
{
	if (rng_chance(&w->rng, 40))
		device_fill(w, home, at, size);
	else if (rng_chance(&w->rng, 50))
		cpu_fill(w, home, at, size);
	else
		cpu_sprinkle(w, home, at, size);
}

void run_cpu_write(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);

	if (!size)
		return;
	if (rng_chance(&w->rng, 30))
		cpu_check(w, start, start, size);
	if (rng_chance(&w->rng, 50))
		cpu_fill(w, start, start, size);
	else
		cpu_sprinkle(w, start, start, size);
}

static void run_cpu_read(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);

	if (size)
		cpu_check(w, start, start, size);
}

/* As a debugger does it, whose faults core mm does not repeat. */
static void run_proc_mem(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, STAGING_SIZE, &start);
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	struct step *step;

	if (fd < 0 || !size) {
		close(fd);
		return;
	}
	if (rng_chance(&w->rng, 50)) {
		step = step_begin(w, "proc_mem_write", start, size, 0);
		make_next(w, start, size);
		if (step_end(step, pwrite(fd, w->next, size, dummy_addr(start))) == size)
			model_set(start, w->next, size);
		else
			complain(w, "pwrite of /proc/self/mem: %ld %d", step->ret, errno);
	}
	step = step_begin(w, "proc_mem_read", start, size, 0);
	if (step_end(step, pread(fd, w->next, size, dummy_addr(start))) == size)
		model_check(w, "/proc/self/mem", start, w->next, size);
	else
		complain(w, "pread of /proc/self/mem: %ld %d", step->ret, errno);
	close(fd);
}

/* ---- fork ----------------------------------------------------------------- */

static void child_may_not_migrate(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	unsigned int i = rng_below(&w->rng, nr_slots);
	int ret;

	/* At the moment of fork() somebody may have been reopening it. */
	if (!size || pthread_rwlock_tryrdlock(&slots[i].lock))
		return;
	ret = dummy_migrate(slots[i].vm, start, size, DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL);
	/*
	 * The parent may have destroyed it by now, for the file is the same. And fork()
	 * copies descriptors before memory: this one may be newer than ours.
	 */
	if (ret != -EPERM && ret != -ENOENT && ret != -EBADF && ret != -ENOTTY)
		complain(w, "migrate in a child: %d", ret);
}

/* @start: what the parent is likely to write meanwhile. */
static void be_child(struct worker *w, char *start, size_t size)
{
	unsigned int nr;

	/* The later it looks, the more there is that it must not see. */
	if (rng_chance(&w->rng, 50))
		usleep(rng_below(&w->rng, 100000));
	if (size && !model_check(w, "a child", start, start, size))
		_exit(1);
	for (nr = 1 + rng_below(&w->rng, 4); nr > 0; nr--) {
		size = pick_own(w, ACCESS_SPAN, &start);
		if (!size)
			break;
		if (!model_check(w, "a child", start, start, size))
			_exit(1);
		if (rng_chance(&w->rng, 50))
			cpu_fill(w, start, start, size);
		else
			cpu_sprinkle(w, start, start, size);
		if (rng_chance(&w->rng, 20))
			madvise(start, size, MADV_PAGEOUT);
		if (!model_check(w, "a child that wrote", start, start, size))
			_exit(1);
	}
	child_may_not_migrate(w);
	_exit(0);
}

pid_t fork_child(struct worker *w)
{
	struct step *step = step_begin(w, "fork", NULL, 0, 0);
	pid_t child = fork();

	w->is_child = !child;
	step_end(step, child);
	if (child < 0)
		is_good(w, "fork", -errno, ERRNOS(ENOMEM, EAGAIN));
	return child;
}

void wait_for_child(struct worker *w, pid_t child)
{
	struct step *step = step_begin(w, "wait_for_child", NULL, 0, child);
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (step_end(step, status) && !has_failed())
		complain(w, "child %d ended with status %#x", child, status);
}

static void run_fork(struct worker *w)
{
	unsigned int nr;
	char *start;
	size_t size;
	pid_t child;

	size = pick_own(w, ACCESS_SPAN, &start);
	if (size && rng_chance(&w->rng, 60))
		mess_to_device(w, start, size);
	child = fork_child(w);
	if (!child)
		be_child(w, start, size);
	if (child < 0)
		return;
	/* Not what the child does. */
	rng_next(&w->rng);
	/* Reading maps what is shared, and writing must not go through that. */
	if (size && rng_chance(&w->rng, 60))
		device_check(w, start, start, size);
	if (size && rng_chance(&w->rng, 60))
		device_fill(w, start, start, size);
	for (nr = rng_below(&w->rng, 4); nr > 0; nr--) {
		size = pick_own(w, ACCESS_SPAN, &start);
		if (size)
			write_somehow(w, start, start, size);
		mess_with(w, start, size);
	}
	wait_for_child(w, child);
}

/* ---- Mappings ------------------------------------------------------------- */

static bool protect(struct worker *w, char *start, size_t size, int prot)
{
	struct step *step = step_begin(w, "mprotect", start, size, prot);
	int ret = mprotect(start, size, prot) ? -errno : 0;

	return is_good(w, "mprotect", step_end(step, ret), NO_MEMORY);
}

static void run_protect(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	bool read = rng_chance(&w->rng, 60);

	if (!size || !protect(w, start, size, read ? PROT_READ : PROT_NONE))
		return;
	if (rng_chance(&w->rng, 50))
		mess_with(w, start, size);
	if (read && rng_chance(&w->rng, 50))
		check_somehow(w, start, start, size);
	if (rng_chance(&w->rng, 60))
		device_must_fail(w, start, size, read, DRM_DUMMY_GPU_REASON_PERMISSION);
	/* It has to work again, or the next access dies of it. */
	while (!protect(w, start, size, PROT_READ | PROT_WRITE))
		sleep_ms(10);
	if (rng_chance(&w->rng, 50))
		check_somehow(w, start, start, size);
}

/* The shadow is told by the caller. */
static void map_anew(struct worker *w, char *start, size_t size, int prot, int flags)
{
	char *ret = mmap(start, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	if (ret == start)
		return;
	complain(w, "mmap of %p, %zu KiB: %s", start, size / KIB, strerror(errno));
	finish("memory could not be mapped again");
}

static void advise_huge(struct worker *w, char *start, size_t size)
{
	if (rng_chance(&w->rng, 70))
		madvise(start, size, rng_chance(&w->rng, 70) ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

static void run_unmap(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	struct step *step;

	if (!size)
		return;
	step = step_begin(w, "munmap", start, size, 0);
	if (rng_chance(&w->rng, 60)) {
		if (!is_good(w, "munmap", step_end(step, munmap(start, size) ? -errno : 0),
			     NO_MEMORY))
			return;
		if (rng_chance(&w->rng, 50))
			mess_with(w, start, size);
		if (rng_chance(&w->rng, 50))
			device_must_fail(w, start, size, rng_chance(&w->rng, 50),
					 DRM_DUMMY_GPU_REASON_UNMAPPED);
		step = step_begin(w, "mmap", start, size, 0);
		map_anew(w, start, size, PROT_READ | PROT_WRITE, MAP_FIXED_NOREPLACE);
	} else {
		/* All at once. */
		map_anew(w, start, size, PROT_READ | PROT_WRITE, MAP_FIXED);
	}
	step_end(step, 0);
	model_set(start, NULL, size);
	advise_huge(w, start, size);
	if (rng_chance(&w->rng, 50))
		check_somehow(w, start, start, size);
	if (rng_chance(&w->rng, 50))
		write_somehow(w, start, start, size);
}

/* @nr counts what is moved, in case it is more than one mapping. */
static bool move(struct worker *w, const char *what, char *home, char *from, char *to, size_t size,
		 int flags)
{
	struct step *step = step_begin(w, what, home, size, dummy_addr(to));
	char *ret = mremap(from, size, size, MREMAP_MAYMOVE | MREMAP_FIXED | flags, to);

	return is_good(w, what, step_end(step, ret == to ? 0 : -errno),
		       flags ? ERRNOS(ENOMEM, EFAULT, EINVAL) : NO_MEMORY);
}

/* To an attic and back, used there by all. */
static void run_remap(struct worker *w)
{
	char *start, *attic;
	size_t size = pick_own(w, MAX_SPAN, &start), offset;
	int flags = rng_chance(&w->rng, 30) ? MREMAP_DONTUNMAP : 0;

	if (!size)
		return;
	/* At the same place of a window as before, or not. */
	offset = rng_chance(&w->rng, 50) ? (uintptr_t)start % HUGE_SIZE :
		 rng_below(&w->rng, HUGE_SIZE / page_size) * page_size;
	attic = w->attic + offset;
	if (!move(w, "mremap", start, start, attic, size, flags))
		return;
	if (rng_chance(&w->rng, 30))
		mess_with(w, attic, size);
	if (rng_chance(&w->rng, 50))
		check_somehow(w, start, attic, size);
	if (rng_chance(&w->rng, 50))
		write_somehow(w, start, attic, size);
	if (!flags && rng_chance(&w->rng, 20))
		device_must_fail(w, start, size, rng_chance(&w->rng, 50),
				 DRM_DUMMY_GPU_REASON_UNMAPPED);
	if (!move(w, "mremap_back", start, attic, start, size, 0))
		finish("memory could not be moved back");
	map_anew(w, w->attic, ATTIC_SIZE, PROT_NONE, MAP_FIXED | MAP_NORESERVE);
	if (rng_chance(&w->rng, 50))
		check_somehow(w, start, start, size);
}

static void run_dontneed(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	struct step *step;

	if (!size)
		return;
	step = step_begin(w, "MADV_DONTNEED", start, size, 0);
	if (!is_good(w, "MADV_DONTNEED",
		     step_end(step, madvise(start, size, MADV_DONTNEED) ? -errno : 0), NO_MEMORY))
		return;
	model_set(start, NULL, size);
	check_somehow(w, start, start, size);
	if (rng_chance(&w->rng, 50))
		write_somehow(w, start, start, size);
}

static void run_free(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	struct step *step;

	if (!size)
		return;
	model_set_lazy(start, size);
	step = step_begin(w, "MADV_FREE", start, size, 0);
	is_good(w, "MADV_FREE", step_end(step, madvise(start, size, MADV_FREE) ? -errno : 0),
		NO_MEMORY);
	if (rng_chance(&w->rng, 50))
		mess_with(w, start, size);
	if (rng_chance(&w->rng, 50))
		check_somehow(w, start, start, size);
	if (rng_chance(&w->rng, 50))
		write_somehow(w, start, start, size);
}

static void run_guard(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, HUGE_SIZE, &start);
	struct step *step;
	int ret;

	if (!size)
		return;
	step = step_begin(w, "MADV_GUARD_INSTALL", start, size, 0);
	ret = madvise(start, size, MADV_GUARD_INSTALL) ? -errno : 0;
	/* Having tried it may have dropped some already: do not look, drop all. */
	is_good(w, "MADV_GUARD_INSTALL", step_end(step, ret), ERRNOS(ENOMEM, EINTR, EAGAIN));
	if (!ret) {
		if (rng_chance(&w->rng, 50))
			mess_with(w, start, size);
		device_must_fail(w, start, size, rng_chance(&w->rng, 50),
				 DRM_DUMMY_GPU_REASON_MEMORY);
	}
	step = step_begin(w, "MADV_GUARD_REMOVE", start, size, 0);
	is_good(w, "MADV_GUARD_REMOVE",
		step_end(step, madvise(start, size, MADV_GUARD_REMOVE) ? -errno : 0), NO_MEMORY);
	madvise(start, size, MADV_DONTNEED);
	model_set(start, NULL, size);
	check_somehow(w, start, start, size);
}

static void run_lock(struct worker *w)
{
	char *start;
	size_t size = pick_own(w, MAX_SPAN, &start);
	struct step *step;

	if (!size)
		return;
	step = step_begin(w, "mlock", start, size, 0);
	is_good(w, "mlock", step_end(step, mlock(start, size) ? -errno : 0),
		ERRNOS(ENOMEM, EAGAIN));
	if (rng_chance(&w->rng, 50))
		write_somehow(w, start, start, size);
	check_somehow(w, start, start, size);
	step = step_begin(w, "munlock", start, size, 0);
	is_good(w, "munlock", step_end(step, munlock(start, size) ? -errno : 0), NO_MEMORY);
}

/* ---- What keeps the content ----------------------------------------------- */

/* A span that others own may have holes, or anything else, at the moment. */
static void advise(struct worker *w, const char *what, char *start, size_t size, int advice)
{
	struct step *step = step_begin(w, what, start, size, 0);
	int ret = madvise(start, size, advice) ? -errno : 0;

	is_good(w, what, step_end(step, ret), ERRNOS(ENOMEM, EINVAL, EAGAIN, EBUSY));
}

static void mess_pageout(struct worker *w, char *start, size_t size)
{
	advise(w, "MADV_PAGEOUT", start, size, MADV_PAGEOUT);
}

static void mess_cold(struct worker *w, char *start, size_t size)
{
	advise(w, "MADV_COLD", start, size, MADV_COLD);
}

static void mess_collapse(struct worker *w, char *start, size_t size)
{
	char *from = (char *)((uintptr_t)start & -HUGE_SIZE);
	size_t whole = (start + size - from + HUGE_SIZE - 1) & -HUGE_SIZE;

	advise(w, "MADV_COLLAPSE", from, whole < MAX_SPAN ? whole : MAX_SPAN, MADV_COLLAPSE);
}

/* Whole windows, as large folios if that can be. */
static void mess_huge(struct worker *w, char *start, size_t size)
{
	char *from = (char *)((uintptr_t)start & -HUGE_SIZE);
	size_t whole = (start + size - from + HUGE_SIZE - 1) & -HUGE_SIZE;

	if (whole > MAX_SPAN)
		whole = MAX_SPAN;
	if (rng_chance(&w->rng, 70))
		advise(w, "MADV_COLLAPSE", from, whole, MADV_COLLAPSE);
	mess_to_device(w, from, whole);
	if (rng_chance(&w->rng, 30))
		mess_to_system(w, from, whole);
}

static void mess_thp(struct worker *w, char *start, size_t size)
{
	if (rng_chance(&w->rng, 60))
		advise(w, "MADV_HUGEPAGE", start, size, MADV_HUGEPAGE);
	else
		advise(w, "MADV_NOHUGEPAGE", start, size, MADV_NOHUGEPAGE);
}

/* ---- The table ------------------------------------------------------------ */

static struct op ops[] = {
	{ "cpu_write", 8, run_cpu_write, NULL, false },
	{ "cpu_read", 6, run_cpu_read, NULL, false },
	{ "proc_mem", 2, run_proc_mem, NULL, false },
	{ "device_write", 14, run_device_write, NULL, false },
	{ "device_read", 8, run_device_read, NULL, false },
	{ "device_race", 8, run_device_race, NULL, false },
	{ "device_drop", 3, run_device_drop, NULL, false },
	{ "counters", 8, run_counters, NULL, false },
	{ "cancel", 2, run_cancel, NULL, false },
	{ "fork", 4, run_fork, NULL, false },
	{ "fork_race", 4, run_fork_race, NULL, false },
	{ "protect", 4, run_protect, NULL, true },
	{ "remap", 4, run_remap, NULL, true },
	{ "unmap", 4, run_unmap, NULL, true },
	{ "dontneed", 3, run_dontneed, NULL, false },
	{ "free", 3, run_free, NULL, false },
	{ "guard", 2, run_guard, NULL, false },
	{ "lock", 2, run_lock, NULL, true },
	{ "reclaim", 1, run_reclaim, NULL, false },
	{ "limit", 1, run_limit, NULL, false },
	{ "share", 1, run_share, NULL, false },
	{ "reopen", 2, run_reopen, NULL, false },
	{ "buffer", 2, run_buffer, NULL, false },
	{ "pageout", 3, NULL, mess_pageout, false },
	{ "cold", 2, NULL, mess_cold, false },
	{ "collapse", 3, NULL, mess_collapse, false },
	{ "thp", 2, NULL, mess_thp, true },
	{ "huge", 6, NULL, mess_huge, false },
	{ "to_device", 8, NULL, mess_to_device, false },
	{ "to_system", 5, NULL, mess_to_system, false },
	{ "evict", 2, NULL, mess_evict, false },
	{ "advise", 4, NULL, mess_advise, false },
	{ "snapshot", 2, NULL, mess_snapshot, false },
};

static unsigned int all_weights, mess_weights;

static bool is_in_list(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (; list; list = strchr(list, ',')) {
		list += *list == ',';
		if (!strncmp(list, name, len) && (!list[len] || list[len] == ','))
			return true;
	}
	return false;
}

static int check_list(const char *list)
{
	char name[32];
	int len, i;

	while (*list) {
		if (sscanf(list, "%31[^,]%n", name, &len) != 1)
			return -EINVAL;
		for (i = 0; i < ARRAY_SIZE(ops) && strcmp(ops[i].name, name); i++)
			;
		if (i == ARRAY_SIZE(ops))
			return -EINVAL;
		list += len;
		list += *list == ',';
	}
	return 0;
}

int ops_choose(const char *list)
{
	bool but = list && *list == '-';
	unsigned int i;

	if (list && check_list(list + but))
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (list && is_in_list(list + but, ops[i].name) == but)
			ops[i].weight = 0;
		all_weights += ops[i].weight;
		if (ops[i].mess)
			mess_weights += ops[i].weight;
	}
	return all_weights ? 0 : -EINVAL;
}

void ops_print(FILE *out)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		fprintf(out, " %s", ops[i].name);
	fprintf(out, "\n");
}

static struct op *choose_any(struct worker *w, bool only_mess)
{
	unsigned int at = rng_below(&w->rng, only_mess ? mess_weights : all_weights), i;

	for (i = 0; i < ARRAY_SIZE(ops); i++) {
		if (only_mess && !ops[i].mess)
			continue;
		if (at < ops[i].weight)
			return &ops[i];
		at -= ops[i].weight;
	}
	return &ops[0];
}

static struct op *choose(struct worker *w, bool only_mess)
{
	struct op *op = choose_any(w, only_mess);
	unsigned int tries;

	/* There may be no other. */
	for (tries = 0; round_is_calm() && op->splits && tries < 16; tries++)
		op = choose_any(w, only_mess);
	return op;
}

void mess_with(struct worker *w, char *start, size_t size)
{
	unsigned int nr;

	if (!size || !mess_weights)
		return;
	for (nr = 1 + rng_below(&w->rng, 3); nr > 0; nr--)
		choose(w, true)->mess(w, start, size);
}

void op_run(struct worker *w)
{
	struct op *op = choose(w, false);
	char *start;
	size_t size;

	if (op->run) {
		op->run(w);
	} else {
		size = pick_any(w, 2 * MAX_SPAN, &start);
		op->mess(w, start, size);
	}
	count(&verdict->done);
	count(&verdict->alive);
}
