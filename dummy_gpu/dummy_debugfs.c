// SPDX-License-Identifier: GPL-2.0
/*
 * Files in debugfs: what the device counts, which VMs and queues there are; and
 * the chip's faults, to be made by writing:
 *
 *	hang	the number of an engine: it hangs from its next access on, until it
 *		is reset; "hard" after it: only the chip can be; "none": mend all
 *	lose	1: the chip is gone
 *	break	the VRAM offset of a frame: it has an uncorrectable error
 *
 * Invariant: reading a file changes nothing, and works while the device is being
 * unplugged. No test depends on the format: programs have QUERY for the numbers.
 *
 * Lock: dummy_device.lock while a list is walked.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include <hmm_core/hmm_core.h>

#include "dummy_debugfs.h"
#include "dummy_device.h"
#include "dummy_queue.h"
#include "dummy_vm.h"
#include "hw/hw.h"

static struct dummy_device *device_of(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_dummy_device(entry->dev);
}

static void show_stats(struct seq_file *m, struct dummy_device *device)
{
	struct drm_dummy_gpu_device_stats stats;
	unsigned int i;

	dummy_device_stats(device, &stats);
	seq_printf(m, "vram_total: %llu\n", stats.vram_total);
	seq_printf(m, "vram_svm: %llu\n", stats.vram_svm);
	seq_printf(m, "vram_bo: %llu\n", stats.vram_bo);
	seq_printf(m, "vram_pinned: %llu\n", stats.vram_pinned);
	seq_printf(m, "vram_bad: %llu\n", stats.vram_bad);
	seq_printf(m, "migrated_in: %llu\n", stats.migrated_in);
	seq_printf(m, "migrated_out: %llu\n", stats.migrated_out);
	seq_printf(m, "cpu_faults: %llu\n", stats.cpu_faults);
	seq_printf(m, "cpu_fault_pages: %llu\n", stats.cpu_fault_pages);
	seq_printf(m, "cpu_fault_errors: %llu\n", stats.cpu_fault_errors);
	seq_printf(m, "thp_in: %llu\n", stats.thp_in);
	seq_printf(m, "thp_out: %llu\n", stats.thp_out);
	seq_printf(m, "evicted_chunks: %llu\n", stats.evicted_chunks);
	seq_printf(m, "evict_failed: %llu\n", stats.evict_failed);
	seq_printf(m, "device_faults: %llu\n", stats.device_faults);
	seq_printf(m, "jobs_done: %llu\n", stats.jobs_done);
	seq_printf(m, "jobs_failed: %llu\n", stats.jobs_failed);
	seq_printf(m, "resets: %llu\n", (u64)atomic64_read(&device->nr_resets));
	for (i = 0; i < device->config.nr_engines; i++)
		seq_printf(m, "engine%u_busy_ns: %llu\n", i, hw_engine_busy_ns(device->chip, i));
}

static void show_queues(struct seq_file *m, struct dummy_device *device)
{
	struct dummy_queue *queue;

	mutex_lock(&device->lock);
	list_for_each_entry(queue, &device->queues, link) {
		spin_lock(&queue->lock);
		seq_printf(m, "queue %u: engine %u svm %u timeout_ms %u unfinished %u stopped %u\n",
			   queue->id, queue->engine, queue->is_svm, queue->timeout_ms,
			   queue->nr_unfinished, atomic_read(&queue->stopped));
		spin_unlock(&queue->lock);
	}
	mutex_unlock(&device->lock);
}

static void show_vms(struct seq_file *m, struct dummy_device *device)
{
	struct hmmc_attach_stats stats;
	struct dummy_vm *vm;

	mutex_lock(&device->lock);
	list_for_each_entry(vm, &device->vms, link) {
		seq_printf(m, "vm %u: svm %u\n", vm->id, vm->is_svm);
		if (!vm->attach)
			continue;
		hmmc_attach_stats(vm->attach, &stats);
		seq_printf(m, "  faults %llu failed %llu retries %llu\n",
			   stats.faults, stats.faults_failed, stats.fault_retries);
		seq_printf(m, "  pages: migrated %llu mapped %llu zapped %llu\n",
			   stats.pages_migrated, stats.pages_mapped, stats.pages_zapped);
		seq_printf(m, "  invalidations %llu cow_breaks %llu exclusives %llu windows %llu\n",
			   stats.invalidations, stats.cow_breaks, stats.exclusives, stats.windows);
		seq_printf(m, "  vram_held %llu pin_refused %llu\n",
			   stats.vram_held, stats.pin_refused);
	}
	mutex_unlock(&device->lock);
}

static int show(struct seq_file *m, void (*func)(struct seq_file *m, struct dummy_device *device))
{
	struct dummy_device *device = device_of(m);
	int idx;

	if (!drm_dev_enter(&device->drm, &idx))
		return -ENODEV;
	func(m, device);
	drm_dev_exit(idx);
	return 0;
}

static int stats_show(struct seq_file *m, void *unused)
{
	return show(m, show_stats);
}

static int queues_show(struct seq_file *m, void *unused)
{
	return show(m, show_queues);
}

static int vms_show(struct seq_file *m, void *unused)
{
	return show(m, show_vms);
}

static const struct drm_debugfs_info files[] = {
	{ "stats", stats_show },
	{ "queues", queues_show },
	{ "vms", vms_show },
};

/* ---- Faults of the chip --------------------------------------------------- */

static int hang_show(struct seq_file *m, void *unused)
{
	static const char *const names[] = {
		[HW_HANG_NONE] = "runs",
		[HW_HANG_SOFT] = "hangs",
		[HW_HANG_HARD] = "hangs hard",
	};
	struct dummy_device *device = m->private;
	unsigned int i;

	for (i = 0; i < device->config.nr_engines; i++)
		seq_printf(m, "engine %u: %s%s\n", i, names[hw_engine_hang(device->chip, i)],
			   hw_engine_is_stuck(device->chip, i) ? ", stuck in a job" : "");
	return 0;
}

static int set_hang(struct dummy_device *device, const char *text)
{
	char how[8] = "";
	unsigned int i;

	if (!strcmp(text, "none")) {
		for (i = 0; i < device->config.nr_engines; i++)
			hw_engine_set_hang(device->chip, i, HW_HANG_NONE);
		return 0;
	}
	if (sscanf(text, "%u %7s", &i, how) < 1 || i >= device->config.nr_engines)
		return -EINVAL;
	if (how[0] && strcmp(how, "hard"))
		return -EINVAL;
	hw_engine_set_hang(device->chip, i, how[0] ? HW_HANG_HARD : HW_HANG_SOFT);
	return 0;
}

/* Have @func deal with the words of a write, on a device that is there. */
static ssize_t write_words(struct file *file, const char __user *buf, size_t size,
			   int (*func)(struct dummy_device *device, const char *text))
{
	struct dummy_device *device = ((struct seq_file *)file->private_data)->private;
	char text[32];
	int idx, ret;

	if (size >= sizeof(text))
		return -E2BIG;
	if (copy_from_user(text, buf, size))
		return -EFAULT;
	text[size] = 0;

	if (!drm_dev_enter(&device->drm, &idx))
		return -ENODEV;
	ret = func(device, strim(text));
	drm_dev_exit(idx);
	return ret ?: size;
}

static ssize_t hang_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	return write_words(file, buf, size, set_hang);
}
DEFINE_SHOW_STORE_ATTRIBUTE(hang);

static int lose_show(struct seq_file *m, void *unused)
{
	struct dummy_device *device = m->private;

	seq_printf(m, "%u\n", hw_chip_is_lost(device->chip));
	return 0;
}

static int lose(struct dummy_device *device, const char *text)
{
	if (strcmp(text, "1"))
		return -EINVAL;
	hw_chip_lose(device->chip);
	return 0;
}

static ssize_t lose_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	return write_words(file, buf, size, lose);
}
DEFINE_SHOW_STORE_ATTRIBUTE(lose);

static int break_show(struct seq_file *m, void *unused)
{
	return 0;
}

static int break_frame(struct dummy_device *device, const char *text)
{
	u64 offset;
	int ret;

	ret = kstrtou64(text, 0, &offset);
	return ret ?: hw_vram_break(device->chip, offset);
}

static ssize_t break_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	return write_words(file, buf, size, break_frame);
}
DEFINE_SHOW_STORE_ATTRIBUTE(break);

void dummy_debugfs_init(struct drm_minor *minor)
{
	struct dummy_device *device = to_dummy_device(minor->dev);

	debugfs_create_file("hang", 0600, minor->dev->debugfs_root, device, &hang_fops);
	debugfs_create_file("lose", 0600, minor->dev->debugfs_root, device, &lose_fops);
	debugfs_create_file("break", 0200, minor->dev->debugfs_root, device, &break_fops);
	drm_debugfs_add_files(minor->dev, files, ARRAY_SIZE(files));
}
