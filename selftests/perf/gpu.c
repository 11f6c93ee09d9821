// SPDX-License-Identifier: GPL-2.0
/*
 * The device under measurement: one VM that mirrors this process, one queue,
 * and one stream in memory that stays where it is, so that a job's only faults
 * are those it is meant to have.
 */
#include <stdlib.h>
#include <string.h>

#include <sys/mman.h>

#include "bench.h"

#define STREAM_SIZE	PAGE_SIZE

struct gpu {
	struct dummy_device *dev;
	struct dummy_vm *vm;
	struct dummy_queue *queue;
	struct dummy_stream *stream;
	char *stream_mem;
};

static void check(int ret, const char *what)
{
	if (ret)
		die("%s: %s", what, strerror(-ret));
}

void gpu_job_run(struct gpu *gpu)
{
	struct drm_dummy_gpu_job_query job = { 0 };
	int ret = dummy_run(gpu->queue, gpu->stream, &job);

	if (ret)
		die("job: %s (%s)", strerror(-ret), dummy_reason_name(job.reason));
}

static void run_nothing(struct gpu *gpu)
{
	check(dummy_stream_reset(gpu->stream), "stream");
	check(dummy_stream_end(gpu->stream), "stream");
	gpu_job_run(gpu);
}

struct gpu *gpu_open(void)
{
	struct gpu *gpu = calloc(1, sizeof(*gpu));

	if (!gpu)
		die("no memory");
	check(dummy_device_open(0, &gpu->dev), "open");
	check(dummy_vm_create(gpu->dev, DRM_DUMMY_GPU_VM_SVM, &gpu->vm), "VM");
	check(dummy_queue_create(gpu->vm, 0, 0, -1, &gpu->queue), "queue");

	gpu->stream_mem = mem_map(STREAM_SIZE, PAGES_4K);
	gpu_place(gpu, gpu->stream_mem, STREAM_SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM);
	if (madvise(gpu->stream_mem, STREAM_SIZE, MADV_DONTFORK))
		die("madvise");
	check(dummy_stream_create_in(gpu->stream_mem, STREAM_SIZE, dummy_addr(gpu->stream_mem),
				     &gpu->stream), "stream");
	/* From here on the device page table is in use, as it is where there is work. */
	run_nothing(gpu);
	return gpu;
}

void gpu_close(struct gpu *gpu)
{
	dummy_queue_destroy(gpu->queue);
	dummy_stream_destroy(gpu->stream);
	mem_unmap(gpu->stream_mem, STREAM_SIZE);
	dummy_vm_destroy(gpu->vm);
	dummy_device_close(gpu->dev);
	free(gpu);
}

void gpu_migrate(struct gpu *gpu, char *mem, size_t size, enum drm_dummy_gpu_place place,
		 uint32_t flags)
{
	check(dummy_migrate(gpu->vm, mem, size, place, flags, NULL), "migrate");
}

void gpu_place(struct gpu *gpu, char *mem, size_t size, enum drm_dummy_gpu_place place)
{
	check(dummy_advise(gpu->vm, mem, size, DRM_DUMMY_GPU_ADVICE_PLACE, place), "advise");
}

static bool is_mapped_for_writing(const struct drm_dummy_gpu_page *page)
{
	return page->flags & DRM_DUMMY_GPU_PAGE_MAPPED_WRITE;
}

static bool is_in_device(const struct drm_dummy_gpu_page *page)
{
	return page->place == DRM_DUMMY_GPU_PLACE_DEVICE;
}

static size_t count_pages(struct gpu *gpu, char *mem, size_t size,
			  bool (*counts)(const struct drm_dummy_gpu_page *page))
{
	struct drm_dummy_gpu_page pages[HUGE_SIZE / PAGE_SIZE];
	size_t offset, part, i, count = 0;

	for (offset = 0; offset < size; offset += part) {
		part = size - offset < HUGE_SIZE ? size - offset : HUGE_SIZE;
		check(dummy_snapshot(gpu->vm, mem + offset, part, pages), "snapshot");
		for (i = 0; i < part / PAGE_SIZE; i++)
			count += counts(&pages[i]);
	}
	return count;
}

size_t gpu_mapped(struct gpu *gpu, char *mem, size_t size)
{
	return count_pages(gpu, mem, size, is_mapped_for_writing);
}

size_t gpu_resident(struct gpu *gpu, char *mem, size_t size)
{
	return count_pages(gpu, mem, size, is_in_device);
}

void gpu_job_fill(struct gpu *gpu, char *mem, size_t size, uint64_t value)
{
	/* Whatever faults on the stream itself does it now. */
	run_nothing(gpu);
	check(dummy_stream_reset(gpu->stream), "stream");
	check(dummy_stream_fill(gpu->stream, dummy_addr(mem), size, value, 8), "stream");
}

void gpu_job_start(struct gpu *gpu)
{
	check(dummy_stream_reset(gpu->stream), "stream");
}

void gpu_job_scale(struct gpu *gpu, char *mem, size_t size, uint64_t factor)
{
	check(dummy_stream_vscale(gpu->stream, dummy_addr(mem), dummy_addr(mem), factor,
				  size / 8, 8), "stream");
}

size_t gpu_vram(struct gpu *gpu)
{
	struct drm_dummy_gpu_device_stats stats;

	check(dummy_device_stats(gpu->dev, &stats), "stats");
	return stats.vram_total;
}
