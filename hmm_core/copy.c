// SPDX-License-Identifier: GPL-2.0
/*
 * The copies of one migration: collected as runs, mapped for DMA, handed to the
 * driver, waited for and checked.
 *
 * Runs to copy grow from the front of the array, runs to clear from its back;
 * each page is in one of them at most, so that they never meet. A run holds a
 * physical address until map_runs() makes it a bus address, if the two differ.
 */
#include <linux/dma-fence.h>

#include "pool.h"

void hmmc_copies_init(struct hmmc_copies *copies, struct hmmc_device *device,
		      struct hmmc_copy_run *runs, unsigned int nr_pages)
{
	*copies = (struct hmmc_copies){
		.device = device,
		.runs = runs,
		.nr_pages = nr_pages,
	};
}

static bool extend(struct hmmc_copy_run *run, u64 device, phys_addr_t system, size_t size,
		   size_t max)
{
	if (run->device + run->size != device || run->system + run->size != system ||
	    run->size + size > max)
		return false;
	run->size += size;
	return true;
}

void hmmc_copies_add(struct hmmc_copies *copies, u64 device, struct page *system, size_t size)
{
	phys_addr_t phys = page_to_phys(system);
	size_t max = copies->device->dma_max;

	while (size) {
		struct hmmc_copy_run *run = &copies->runs[copies->nr_copies];
		size_t part = min(size, max);

		if (!copies->nr_copies || !extend(run - 1, device, phys, part, max)) {
			*run = (struct hmmc_copy_run){ device, phys, part };
			copies->nr_copies++;
		}
		device += part;
		phys += part;
		size -= part;
	}
}

static struct hmmc_copy_run *clear_runs(const struct hmmc_copies *copies)
{
	return &copies->runs[copies->nr_pages - copies->nr_clears];
}

void hmmc_copies_add_clear(struct hmmc_copies *copies, u64 device, size_t size)
{
	struct hmmc_copy_run *run = clear_runs(copies);

	if (copies->nr_clears && run->device + run->size == device) {
		run->size += size;
		return;
	}
	copies->nr_clears++;
	*clear_runs(copies) = (struct hmmc_copy_run){ .device = device, .size = size };
}

static void unmap_runs(struct hmmc_copies *copies, unsigned int nr, enum dma_data_direction dir)
{
	unsigned int i;

	if (copies->device->direct)
		return;
	for (i = 0; i < nr; i++)
		dma_unmap_page(copies->device->dev, copies->runs[i].system, copies->runs[i].size,
			       dir);
}

static int map_runs(struct hmmc_copies *copies, enum dma_data_direction dir)
{
	struct device *dev = copies->device->dev;
	unsigned int i;

	if (copies->device->direct)
		return 0;
	for (i = 0; i < copies->nr_copies; i++) {
		struct hmmc_copy_run *run = &copies->runs[i];

		run->system = dma_map_page(dev, phys_to_page(run->system), 0, run->size, dir);
		if (dma_mapping_error(dev, run->system)) {
			unmap_runs(copies, i, dir);
			return -EIO;
		}
	}
	return 0;
}

static int run_op(struct hmmc_device *device, enum hmmc_copy_dir dir,
		  const struct hmmc_copy_run *runs, unsigned int nr_runs)
{
	struct dma_fence *fence;
	long left;
	int ret;

	hmmc_inject_delay("copy_slow");
	if (hmmc_inject("copy"))
		return -EIO;
	fence = device->ops->copy(device, dir, runs, nr_runs);
	if (IS_ERR_OR_NULL(fence))
		return PTR_ERR_OR_ZERO(fence);

	/* Not killable: the engine may be writing what we would free. */
	left = dma_fence_wait_timeout(fence, false, HMMC_COPY_TIMEOUT);
	WARN_ONCE(!left, "hmm_core: %s broke its promise that every copy ends\n", device->name);
	ret = left > 0 ? dma_fence_get_status(fence) : -ETIME;
	dma_fence_put(fence);
	return ret < 0 ? ret : 0;
}

int hmmc_copies_run(struct hmmc_copies *copies, enum hmmc_copy_dir dir)
{
	enum dma_data_direction dma_dir = dir == HMMC_COPY_TO_DEVICE ? DMA_TO_DEVICE :
								       DMA_FROM_DEVICE;
	struct hmmc_pool *pool = copies->device->pool;
	unsigned int nr_copies = copies->nr_copies;
	int ret = READ_ONCE(pool->lost) ? -ENODEV : 0;

	if (!ret && copies->nr_clears)
		ret = run_op(copies->device, HMMC_COPY_CLEAR, clear_runs(copies),
			     copies->nr_clears);
	if (!ret && nr_copies) {
		ret = map_runs(copies, dma_dir);
		if (!ret) {
			ret = run_op(copies->device, dir, copies->runs, nr_copies);
			unmap_runs(copies, nr_copies, dma_dir);
		}
	}
	copies->nr_copies = 0;
	copies->nr_clears = 0;
	if (ret == -ENODEV)
		WRITE_ONCE(pool->lost, true);
	return ret;
}
