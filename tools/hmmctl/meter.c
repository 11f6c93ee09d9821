// SPDX-License-Identifier: GPL-2.0
/*
 * Meters: what the driver counted between two moments, and how long that took.
 *
 * Faults, copy-on-write breaks and exclusive pages are of this process's VM;
 * what was moved is of the whole device, which other processes may use too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "hmmctl.h"

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static int read_meter(struct session *session, struct meter *meter)
{
	int ret;

	ret = dummy_device_stats(session->dev, &meter->device);
	if (!ret)
		ret = dummy_vm_stats(session->vm, &meter->vm);
	if (ret)
		return complain(ret, "cannot read counters");
	return DONE;
}

int meter_start(struct session *session, struct meter *meter)
{
	if (read_meter(session, meter))
		return FAILED;
	meter->ns = now_ns();
	return DONE;
}

int meter_stop(struct session *session, const struct meter *meter,
	       struct numbers *numbers)
{
	const struct drm_dummy_gpu_device_stats *from = &meter->device;
	struct drm_dummy_gpu_device_stats *to;
	uint64_t ns = now_ns();
	struct meter end;

	if (read_meter(session, &end))
		return FAILED;
	to = &end.device;
	*numbers = (struct numbers) {
		.device_faults = end.vm.faults - meter->vm.faults,
		.cpu_faults = to->cpu_faults - from->cpu_faults,
		.pages_in = to->migrated_in - from->migrated_in,
		.pages_out = to->migrated_out - from->migrated_out +
			     to->cpu_fault_pages - from->cpu_fault_pages,
		.thp_in = to->thp_in - from->thp_in,
		.thp_out = to->thp_out - from->thp_out,
		.cow_breaks = end.vm.cow_breaks - meter->vm.cow_breaks,
		.exclusives = end.vm.exclusives - meter->vm.exclusives,
		.ns = ns - meter->ns,
		.page_size = session->page_size,
	};
	return DONE;
}

static void print_moved(const char *way, uint64_t pages, uint64_t thp,
			unsigned int page_size)
{
	if (!pages)
		return;
	printf("  %-7s %" PRIu64 " pages moved, %s", way, pages,
	       size_text(pages * page_size));
	if (thp)
		printf(", %" PRIu64 " x 2 MiB in one piece", thp);
	printf("\n");
}

void numbers_print(const struct numbers *numbers)
{
	printf("  faults  %" PRIu64 " by the device, %" PRIu64 " by the CPU",
	       numbers->device_faults, numbers->cpu_faults);
	if (numbers->cow_breaks)
		printf("; %" PRIu64 " copies made", numbers->cow_breaks);
	if (numbers->exclusives)
		printf("; %" PRIu64 " times exclusive", numbers->exclusives);
	printf("\n");
	print_moved("there", numbers->pages_in, numbers->thp_in,
		    numbers->page_size);
	print_moved("back", numbers->pages_out, numbers->thp_out,
		    numbers->page_size);
	printf("  time    %s\n", time_text(numbers->ns));
}

void numbers_json(cJSON *object, const struct numbers *numbers)
{
	json_u64(object, "device_faults", numbers->device_faults);
	json_u64(object, "cpu_faults", numbers->cpu_faults);
	json_u64(object, "cow_breaks", numbers->cow_breaks);
	json_u64(object, "exclusives", numbers->exclusives);
	json_u64(object, "pages_in", numbers->pages_in);
	json_u64(object, "bytes_in", numbers->pages_in * numbers->page_size);
	json_u64(object, "thp_in", numbers->thp_in);
	json_u64(object, "pages_out", numbers->pages_out);
	json_u64(object, "bytes_out", numbers->pages_out * numbers->page_size);
	json_u64(object, "thp_out", numbers->thp_out);
	json_u64(object, "ns", numbers->ns);
}
