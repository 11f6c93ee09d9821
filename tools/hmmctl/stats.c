// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl stats: counters of a device, once or as they change.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "hmmctl.h"

#define HEADER_EVERY	20	/* lines */

static const struct {
	const char *name;
	const char *words;
	size_t offset;
	int is_size;
} counters[] = {
#define COUNTER(field, about, size)					\
	{ #field, about,						\
	  offsetof(struct drm_dummy_gpu_device_stats, field), size }
	COUNTER(vram_total, "usable memory", 1),
	COUNTER(vram_svm, "holds process memory", 1),
	COUNTER(vram_bo, "holds buffer objects", 1),
	COUNTER(vram_bad, "retired after errors", 1),
	COUNTER(migrated_in, "pages migrated in", 0),
	COUNTER(migrated_out, "pages migrated back", 0),
	COUNTER(cpu_faults, "CPU faults", 0),
	COUNTER(cpu_fault_pages, "pages they brought back", 0),
	COUNTER(cpu_fault_errors, "CPU faults that failed", 0),
	COUNTER(thp_in, "2 MiB folios in at once", 0),
	COUNTER(thp_out, "2 MiB folios out at once", 0),
	COUNTER(evicted_chunks, "chunks emptied", 0),
	COUNTER(evict_failed, "chunks that could not be", 0),
	COUNTER(device_faults, "device faults", 0),
	COUNTER(jobs_done, "jobs that succeeded", 0),
	COUNTER(jobs_failed, "jobs that failed", 0),
	COUNTER(vram_pinned, "pinned by processes", 1),
	COUNTER(limit_evicted, "pages evicted at a limit", 0),
#undef COUNTER
};

static uint64_t counter(const struct drm_dummy_gpu_device_stats *stats, size_t i)
{
	return *(const __u64 *)((const char *)stats + counters[i].offset);
}

static void print_all(const struct drm_dummy_gpu_device_stats *stats)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(counters); i++) {
		printf("%-26s", counters[i].words);
		if (counters[i].is_size)
			printf("%14s\n", size_text(counter(stats, i)));
		else
			printf("%14" PRIu64 "\n", counter(stats, i));
	}
}

static void print_json(unsigned int device,
		       const struct drm_dummy_gpu_device_stats *stats)
{
	cJSON *object = json_new();
	size_t i;

	json_u64(object, "device", device);
	json_u64(object, "time_ns", now_ns());
	for (i = 0; i < ARRAY_SIZE(counters); i++)
		json_u64(object, counters[i].name, counter(stats, i));
	json_print(object);
}

/* One line of what happened since the one before, in the manner of vmstat. */
static void print_changes(const struct drm_dummy_gpu_device_stats *old,
			  const struct drm_dummy_gpu_device_stats *new)
{
	printf("%10s %8s %8s %9llu %8llu %9llu %8llu %7llu %5llu\n",
	       size_text(new->vram_svm), size_text(new->vram_bo),
	       size_text(new->vram_total - new->vram_svm - new->vram_bo),
	       new->migrated_in - old->migrated_in,
	       new->migrated_out - old->migrated_out,
	       new->cpu_fault_pages - old->cpu_fault_pages,
	       new->device_faults - old->device_faults,
	       new->jobs_done - old->jobs_done,
	       new->jobs_failed - old->jobs_failed);
}

static int watch(struct dummy_device *dev, const struct common *common,
		 unsigned int seconds, unsigned int count)
{
	struct drm_dummy_gpu_device_stats old, new;
	unsigned int line;
	int ret;

	ret = dummy_device_stats(dev, &old);
	if (ret)
		return complain(ret, "cannot read counters");
	for (line = 0; !count || line < count; line++) {
		sleep(seconds);
		ret = dummy_device_stats(dev, &new);
		if (ret)
			return complain(ret, "cannot read counters");
		if (common->json) {
			print_json(common->device, &new);
		} else {
			if (line % HEADER_EVERY == 0)
				printf("%10s %8s %8s %9s %8s %9s %8s %7s %5s\n",
				       "svm", "bo", "free", "in", "back",
				       "cpu-back", "faults", "jobs", "bad");
			print_changes(&old, &new);
			fflush(stdout);
		}
		if (ferror(stdout))
			return FAILED;
		old = new;
	}
	return DONE;
}

int command_stats(int argc, char **argv)
{
	struct drm_dummy_gpu_device_stats stats;
	unsigned int seconds = 0, count = 0;
	struct common common = { 0 };
	const struct option_spec specs[] = {
		{ "watch", "SECONDS", "print changes every so often",
		  parse_number, &seconds },
		{ "count", "N", "with --watch: stop after N lines",
		  parse_number, &count },
		{ 0 },
	};
	struct session session;
	int ret, status;

	status = options_parse(argc, argv,
			       "Print the counters of a device since it was made.",
			       specs, &common);
	if (status >= 0)
		return status;
	if (session_open_device(&session, &common))
		return FAILED;

	if (seconds) {
		status = watch(session.dev, &common, seconds, count);
	} else {
		ret = dummy_device_stats(session.dev, &stats);
		status = ret ? complain(ret, "cannot read counters") : DONE;
		if (!ret && common.json)
			print_json(common.device, &stats);
		else if (!ret)
			print_all(&stats);
	}
	session_close(&session);
	return status;
}
