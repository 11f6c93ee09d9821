// SPDX-License-Identifier: GPL-2.0
/*
 * A cgroup of our own, so that memory can be reclaimed and limited without the
 * rest of the machine. Without the memory controller there is none, and the
 * operations do nothing.
 */
#include <sys/stat.h>

#include "stress.h"

#define ROOT	"/sys/fs/cgroup"

static char path[64];
/* One at a time: limits do not add up. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int group_write(const char *group, const char *name, long long value)
{
	char file[128], text[24];

	snprintf(file, sizeof(file), "%s/%s", group, name);
	snprintf(text, sizeof(text), "%lld", value);
	errno = 0;
	return file_write(file, text);
}

static long long group_read(const char *name)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	return file_read(file);
}

int limit_init(void)
{
	snprintf(path, sizeof(path), ROOT "/hmm_stress.%d", getpid());
	if (mkdir(path, 0755) || group_read("memory.current") < 0) {
		printf("# no memory cgroup: reclaim and limit do nothing\n");
		rmdir(path);
		path[0] = '\0';
		return 0;
	}
	return group_write(path, "cgroup.procs", getpid());
}

void limit_exit(void)
{
	if (!path[0])
		return;
	group_write(ROOT, "cgroup.procs", getpid());
	rmdir(path);
}

void run_reclaim(struct worker *w)
{
	size_t size = rng_log(&w->rng, 16) * MIB;
	struct step *step;

	if (!path[0])
		return;
	step = step_begin(w, "memory.reclaim", NULL, 0, size);
	/* EAGAIN: there was less to be had. */
	is_good(w, "memory.reclaim", step_end(step, group_write(path, "memory.reclaim", size)),
		ERRNOS(EAGAIN));
}

/*
 * Device memory cannot be reclaimed. What is left of the limit after it must hold
 * what all workers need at one moment, or there would be an OOM kill.
 */
static long long least(void)
{
	return arena_size() * 2 / 3 + 32 * MIB;
}

void run_limit(struct worker *w)
{
	char *start;
	size_t size;
	long long limit;
	struct step *step;

	if (!path[0] || pthread_mutex_trylock(&lock))
		return;
	limit = group_read("memory.current") - (long long)(rng_log(&w->rng, 16) * MIB);
	if (limit < least())
		limit = least();
	step = step_begin(w, "memory.max", NULL, 0, limit);
	is_good(w, "memory.max", group_write(path, "memory.max", limit), ERRNOS(0));
	size = pick_own(w, MAX_SPAN, &start);
	if (size)
		check_somehow(w, start, start, size);
	is_good(w, "memory.max", group_write(path, "memory.max", INT64_MAX), ERRNOS(0));
	step_end(step, 0);
	pthread_mutex_unlock(&lock);
}
