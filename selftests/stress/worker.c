// SPDX-License-Identifier: GPL-2.0
/*
 * Workers go in rounds. In a round each does ROUND_OPS operations, whatever the
 * others do meanwhile; between two rounds one of them looks at the clock, gives
 * the memory to other owners and sometimes compares all of it.
 *
 * What a worker does in its operation N depends on the seed, the worker and N
 * alone: the random numbers begin anew with each. How operations of different
 * workers meet is the machine's.
 */
#include <dirent.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "stress.h"

#define ROUND_OPS	40
#define CHECK_ROUNDS	6
#define SHOWN_STEPS	10

struct worker workers[MAX_WORKERS];

/* ---- Random numbers ------------------------------------------------------- */

uint64_t rng_next(struct rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t limit)
{
	return rng_next(rng) % limit;
}

uint64_t rng_log(struct rng *rng, uint64_t limit)
{
	unsigned int bits = 0;
	uint64_t value;

	while (limit >> bits)
		bits++;
	bits = rng_below(rng, bits);
	value = BIT(bits) + rng_below(rng, BIT(bits));
	return value < limit ? value : limit;
}

bool rng_chance(struct rng *rng, unsigned int percent)
{
	return rng_below(rng, 100) < percent;
}

/* ---- Steps ---------------------------------------------------------------- */

struct step *step_begin(struct worker *w, const char *what, const void *start, size_t size,
			uint64_t value)
{
	struct step *step = &w->steps[w->nr_steps % NR_STEPS];

	*step = (struct step) {
		.what = what,
		.start = (char *)start,
		.size = size,
		.nr = w->nr,
		.value = value,
		.begin_ms = now_ms(),
	};
	/* Whoever prints it from another thread sees it whole or not. */
	__atomic_store_n(&w->nr_steps, w->nr_steps + 1, __ATOMIC_RELEASE);
	return step;
}

long step_end(struct step *step, long ret)
{
	step->ret = ret;
	step->end_ms = now_ms();
	return ret;
}

static void step_print(FILE *out, const struct worker *w, const struct step *step)
{
	fprintf(out, "#     %llu.%03llu s  worker %u operation %llu: %s",
		(unsigned long long)step->begin_ms / 1000,
		(unsigned long long)step->begin_ms % 1000, w->id, (unsigned long long)step->nr,
		step->what);
	if (step->start)
		fprintf(out, " at %p, %zu KiB", step->start, step->size / KIB);
	if (step->value)
		fprintf(out, ", %#llx", (unsigned long long)step->value);
	if (step->end_ms)
		fprintf(out, ": %ld after %llu ms\n", step->ret,
			(unsigned long long)(step->end_ms - step->begin_ms));
	else
		fprintf(out, ": not done\n");
}

static void steps_print_of(FILE *out, const struct worker *w, const char *page)
{
	uint64_t end = __atomic_load_n(&w->nr_steps, __ATOMIC_ACQUIRE), nr, shown = 0;
	const struct step *step, *list[SHOWN_STEPS];

	for (nr = end; nr > 0 && end - nr < NR_STEPS - 8 && shown < SHOWN_STEPS; nr--) {
		step = &w->steps[(nr - 1) % NR_STEPS];
		if (!step->what || (step->start && (step->start >= page + page_size ||
						    step->start + step->size <= page)))
			continue;
		if (step->start)
			list[shown++] = step;
	}
	while (shown > 0)
		step_print(out, w, list[--shown]);
}

void steps_print(FILE *out, const char *addr)
{
	const char *page = (char *)((uintptr_t)addr & -page_size);
	unsigned int i;

	fprintf(out, "#   what was done to this page, now is %llu.%03llu s:\n",
		(unsigned long long)now_ms() / 1000, (unsigned long long)now_ms() % 1000);
	for (i = 0; i < options.nr_workers; i++)
		steps_print_of(out, &workers[i], page);
}

void complain(struct worker *w, const char *format, ...)
{
	char text[512];
	va_list args;
	int len;

	count(&verdict->bad_results);
	len = snprintf(text, sizeof(text), "# FAILURE seed %llu worker %u%s operation %llu: ",
		       (unsigned long long)options.seed, w->id, w->is_child ? " (child)" : "",
		       (unsigned long long)w->nr);
	va_start(args, format);
	len += vsnprintf(text + len, sizeof(text) - len - 1, format, args);
	va_end(args);
	if (len > (int)sizeof(text) - 2)
		len = sizeof(text) - 2;
	text[len++] = '\n';
	if (write(STDOUT_FILENO, text, len) < 0)
		perror("write");
}

bool is_good(struct worker *w, const char *what, long ret, const int *errnos)
{
	if (!ret)
		return true;
	for (; *errnos; errnos++) {
		if (ret == -*errnos) {
			tolerate(what, ret);
			return false;
		}
	}
	complain(w, "%s: %ld (%s)", what, ret, strerror(ret < 0 ? -ret : 0));
	return false;
}

/* ---- Rounds --------------------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t all_here;
	unsigned int nr_here;
	uint64_t round;
	bool over;
	uint64_t end_ms;
} rounds = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.all_here = PTHREAD_COND_INITIALIZER,
};

/* The last to arrive does it, while all others wait. */
static void between_rounds(struct worker *w)
{
	if (!(rounds.round % CHECK_ROUNDS))
		model_check_all(w);
	model_check_counters();
	rounds.round++;
	rounds.over = has_failed() || now_ms() >= rounds.end_ms;
	if (options.verbose)
		printf("# round %llu, %llu operations\n", (unsigned long long)rounds.round,
		       (unsigned long long)verdict->done);
	model_divide(rounds.round);
	if (round_is_calm() && !rounds.over)
		model_renew(w);
}

static bool next_round(struct worker *w)
{
	struct step *step = step_begin(w, "wait_for_round", NULL, 0, 0);
	uint64_t round;

	pthread_mutex_lock(&rounds.lock);
	round = rounds.round;
	if (++rounds.nr_here == options.nr_workers) {
		between_rounds(w);
		rounds.nr_here = 0;
		pthread_cond_broadcast(&rounds.all_here);
	}
	while (round == rounds.round)
		pthread_cond_wait(&rounds.all_here, &rounds.lock);
	pthread_mutex_unlock(&rounds.lock);
	step_end(step, 0);
	return !rounds.over;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned int i;

	w->tid = syscall(SYS_gettid);
	do {
		for (i = 0; i < ROUND_OPS; i++) {
			w->nr++;
			w->rng.state = (options.seed ^ (uint64_t)(w->id + 1) << 48) +
				       w->nr * 0xd1b54a32d192ed03ULL;
			rng_next(&w->rng);
			/* The number counts on, so that the next round is the same. */
			if (!has_failed())
				op_run(w);
		}
	} while (next_round(w));
	return NULL;
}

/* ---- Watchdog ------------------------------------------------------------- */

static void print_file(FILE *out, const char *path)
{
	char line[256];
	FILE *file = fopen(path, "r");

	if (!file)
		return;
	while (fgets(line, sizeof(line), file))
		fprintf(out, "#       %s", line);
	fclose(file);
}

void worker_print(FILE *out, const struct worker *w)
{
	uint64_t nr = w->nr_steps < 4 ? w->nr_steps : 4;
	char path[64];

	fprintf(out, "#   worker %u is in operation %llu\n", w->id, (unsigned long long)w->nr);
	for (; nr > 0; nr--)
		step_print(out, w, &w->steps[(w->nr_steps - nr) % NR_STEPS]);
	snprintf(path, sizeof(path), "/proc/%d/stack", w->tid);
	print_file(out, path);
}

/* Also the device's threads, and children. */
static void print_kernel_stacks(FILE *out)
{
	char path[300], name[32] = "";
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	FILE *file;

	while (dir && (entry = readdir(dir))) {
		if (!strtol(entry->d_name, NULL, 10))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(name, sizeof(name), file) &&
		    (strstr(name, "dummy") || strstr(name, "hmm"))) {
			fprintf(out, "#   %s %s", entry->d_name, name);
			snprintf(path, sizeof(path), "/proc/%s/stack", entry->d_name);
			print_file(out, path);
		}
		fclose(file);
	}
	if (dir)
		closedir(dir);
}

/* Returns when @last changes, or has not for as long as is allowed. */
static bool makes_progress(uint64_t last, const bool *over)
{
	unsigned int tenths;

	for (tenths = 0; tenths < options.stuck_seconds * 10; tenths++) {
		sleep_ms(100);
		if (*(volatile bool *)over ||
		    __atomic_load_n(&verdict->alive, __ATOMIC_RELAXED) != last)
			return true;
	}
	return false;
}

static void *watch(void *arg)
{
	const bool *over = arg;
	unsigned int i;

	while (!*(volatile bool *)over) {
		if (makes_progress(__atomic_load_n(&verdict->alive, __ATOMIC_RELAXED), over))
			continue;
		printf("# STUCK seed %llu: no operation has ended for %u s\n",
		       (unsigned long long)options.seed, options.stuck_seconds);
		for (i = 0; i < options.nr_workers; i++)
			worker_print(stdout, &workers[i]);
		print_kernel_stacks(stdout);
		finish("stuck");
	}
	return NULL;
}

/* ---- Signals -------------------------------------------------------------- */

static struct worker *worker_of_thread(void)
{
	int tid = syscall(SYS_gettid);
	unsigned int i;

	for (i = 0; i < options.nr_workers; i++) {
		if (workers[i].tid == tid)
			return &workers[i];
	}
	return &workers[0];
}

/* Memory that was to be there was not: nothing can go on after that. */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct worker *w = worker_of_thread();

	(void)context;
	printf("# SIGNAL seed %llu worker %u operation %llu: signal %d code %d at %p\n",
	       (unsigned long long)options.seed, w->id, (unsigned long long)w->nr, signal,
	       info->si_code, info->si_addr);
	printf("#   pagemap says %#llx\n",
	       (unsigned long long)pagemap_entry(info->si_addr));
	worker_print(stdout, w);
	steps_print(stdout, info->si_addr);
	count(&verdict->bad_words);
	finish("a signal");
}

void catch_signals(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
}

/* ---- All together --------------------------------------------------------- */

void workers_run(void)
{
	bool over = false;
	pthread_t watcher;
	unsigned int i;

	rounds.end_ms = now_ms() + options.seconds * 1000ULL;
	model_divide(0);
	if (pthread_create(&watcher, NULL, watch, &over))
		finish("no thread");
	for (i = 0; i < options.nr_workers; i++) {
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			finish("no thread");
	}
	for (i = 0; i < options.nr_workers; i++)
		pthread_join(workers[i].thread, NULL);
	over = true;
	pthread_join(watcher, NULL);
}
