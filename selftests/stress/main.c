// SPDX-License-Identifier: GPL-2.0
/*
 * hmm_stress: random operations by CPU threads, queues on up to two devices, and
 * mm calls, on the same memory at the same time, with a shadow as oracle.
 *
 * It prints its seed first. The same seed makes the same operations in the same
 * order for each worker; how those of different workers meet is the machine's.
 * Ends with TAP, one line for each claim.
 */
#include <getopt.h>
#include <malloc.h>
#include <time.h>

#include "stress.h"

struct options options = {
	.seconds = 60,
	.nr_workers = 6,
	.stuck_seconds = 60,
};

struct verdict *verdict;

static pid_t tester;
static struct drm_dummy_gpu_device_stats stats;
static int64_t leak = -1;

bool has_failed(void)
{
	return __atomic_load_n(&verdict->bad_words, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&verdict->bad_counters, __ATOMIC_RELAXED) ||
	       __atomic_load_n(&verdict->bad_results, __ATOMIC_RELAXED);
}

void tolerate(const char *what, long ret)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(verdict->tolerated); i++) {
		struct tolerated *entry = &verdict->tolerated[i];
		const char *none = NULL;

		if (!entry->what && __atomic_compare_exchange_n(&entry->what, &none, what, false,
								__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			entry->ret = ret;
		if (entry->what == what && entry->ret == ret) {
			count(&entry->nr);
			return;
		}
	}
}

static unsigned int nr_claims;
static bool broken;

static void claim(bool holds, const char *name)
{
	printf("%sok %u %s\n", holds ? "" : "not ", ++nr_claims, name);
	broken |= !holds;
}

static void print_summary(void)
{
	const struct tolerated *entry;

	printf("# %llu operations\n", (unsigned long long)verdict->done);
	for (entry = verdict->tolerated; entry->what; entry++)
		printf("# failed as it may: %s, %s: %llu times\n", entry->what,
		       entry->ret > 0 ? dummy_reason_name(entry->ret) : strerror(-entry->ret),
		       (unsigned long long)entry->nr);
	printf("# pages in %llu, out %llu and %llu by %llu CPU faults; THP in %llu, out %llu\n",
	       (unsigned long long)stats.migrated_in, (unsigned long long)stats.migrated_out,
	       (unsigned long long)stats.cpu_fault_pages, (unsigned long long)stats.cpu_faults,
	       (unsigned long long)stats.thp_in, (unsigned long long)stats.thp_out);
	printf("# device faults %llu, chunks evicted %llu, not %llu, jobs %llu, failed %llu\n",
	       (unsigned long long)stats.device_faults, (unsigned long long)stats.evicted_chunks,
	       (unsigned long long)stats.evict_failed, (unsigned long long)stats.jobs_done,
	       (unsigned long long)stats.jobs_failed);
}

void finish(const char *how)
{
	/* A child leaves the last word to its parent. */
	if (getpid() != tester)
		_exit(1);
	print_summary();
	if (how)
		printf("# it ended early: %s; seed %llu\n", how, (unsigned long long)options.seed);
	claim(!verdict->bad_words, "every_word_read_was_one_that_was_written");
	claim(!verdict->bad_counters, "atomic_adds_of_cpu_and_devices_sum_up");
	claim(!verdict->bad_results, "every_failure_was_a_documented_one");
	claim(!how, "it_comes_to_its_end");
	claim(!how && !stats.cpu_fault_errors, "no_cpu_fault_failed");
	claim(!how && !leak, "counters_return_to_the_baseline");
	printf("1..%u\n", nr_claims);
	fflush(stdout);
	_exit(broken);
}

static void usage(FILE *out)
{
	fprintf(out,
		"hmm_stress [options]\n"
		"  --seconds N    how long (60)\n"
		"  --seed N       0x for hexadecimal (of the clock)\n"
		"  --threads N    1 to %u (6)\n"
		"  --ops LIST     only these, separated by commas; -NAME: all but these\n"
		"  --stuck N      seconds without any progress that are a failure (60)\n"
		"  --verbose      a line for each round\n"
		"Operations:", MAX_WORKERS);
	ops_print(out);
}

static const struct option long_options[] = {
	{ "seconds", required_argument, NULL, 't' },
	{ "seed", required_argument, NULL, 's' },
	{ "threads", required_argument, NULL, 'n' },
	{ "ops", required_argument, NULL, 'o' },
	{ "stuck", required_argument, NULL, 'w' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "help", no_argument, NULL, 'h' },
	{ },
};

static void parse(int argc, char **argv)
{
	struct timespec now;
	int option;

	clock_gettime(CLOCK_REALTIME, &now);
	options.seed = now.tv_nsec / 1000 + now.tv_sec % 1000 * 1000000;
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case 't':
			options.seconds = strtoul(optarg, NULL, 0);
			break;
		case 's':
			options.seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			options.nr_workers = strtoul(optarg, NULL, 0);
			break;
		case 'o':
			options.ops = optarg;
			break;
		case 'w':
			options.stuck_seconds = strtoul(optarg, NULL, 0);
			break;
		case 'v':
			options.verbose = true;
			break;
		default:
			usage(option == 'h' ? stdout : stderr);
			exit(option == 'h' ? 0 : 2);
		}
	}
	if (optind < argc || !options.nr_workers || options.nr_workers > MAX_WORKERS ||
	    ops_choose(options.ops)) {
		usage(stderr);
		exit(2);
	}
}

static void must(int ret, const char *what)
{
	if (!ret)
		return;
	printf("# %s: %s\n", what, strerror(-ret));
	count(&verdict->bad_results);
	finish("not even begun");
}

/* Half as much again as all devices have. */
static size_t size_to_test(void)
{
	size_t size = 0;
	unsigned int i;

	for (i = 0; i < nr_slots; i++) {
		if (!i || slots[i].device != slots[i - 1].device)
			size += dummy_device_info(slots[i].dev)->vram_size;
	}
	size = size * 3 / 2 & -HUGE_SIZE;
	return size < 16 * MIB ? 16 * MIB : size > 128 * MIB ? 128 * MIB : size;
}

static void begin(void)
{
	unsigned int i;

	/* What mmap() gets may lie in a hole that a worker has just made: have none. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, INT32_MAX);
	must(limit_init(), "cgroup");
	must(devices_init(), "devices");
	must(model_init(size_to_test()), "memory");
	for (i = 0; i < options.nr_workers; i++) {
		workers[i].id = i;
		must(worker_init(&workers[i]), "worker");
	}
	stats = devices_stats();
	catch_signals();
	printf("# %zu MiB, %u devices, %u VMs, %u threads, %u s\n", arena_size() / MIB, nr_devices,
	       nr_slots, options.nr_workers, options.seconds);
}

/* What was before is none of ours. */
static void subtract_stats(struct drm_dummy_gpu_device_stats now)
{
	uint64_t *before = (uint64_t *)&stats, *after = (uint64_t *)&now;
	unsigned int i;

	for (i = 0; i < sizeof(stats) / sizeof(*before); i++)
		before[i] = after[i] - before[i];
}

static void end(void)
{
	unsigned int i;

	if (!has_failed())
		model_check_all(&workers[0]);
	subtract_stats(devices_stats());
	for (i = 0; i < options.nr_workers; i++)
		worker_exit(&workers[i]);
	must(devices_exit(), "devices");
	model_exit();
	mem_free_all();
	file_write(RETURN_SHARE, "10");
	leak = devices_leak();
	if (leak)
		printf("# %lld bytes of device memory are still in use\n", (long long)leak);
	limit_exit();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	verdict = mmap(NULL, sizeof(*verdict), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (verdict == MAP_FAILED)
		return 1;
	tester = getpid();
	parse(argc, argv);
	printf("# seed %llu\n", (unsigned long long)options.seed);
	begin();
	workers_run();
	end();
	finish(NULL);
}
