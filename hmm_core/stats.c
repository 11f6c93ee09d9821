// SPDX-License-Identifier: GPL-2.0
/*
 * Counters, and debugfs: hmm_core/<device>/stats and
 * hmm_core/<device>/mirrors/<number>/stats, one "name value" per line; and
 * hmm_core/<device>/first_pfn, for whoever sees frames in /proc. Two knobs:
 * hmm_core/<device>/thp, and hmm_core/exclusive, with which a test shows that
 * atomics need exclusive entries. hmm_core/<device>/mirrors/<number>/return_share is
 * the parameter of that name for one mirror; -1: as for all. And hmm_core/inject, see inject.c.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "inject.h"
#include "mirror.h"
#include "pool.h"

static struct dentry *root;

void hmmc_device_stats(struct hmmc_device *device, struct hmmc_device_stats *stats)
{
	struct hmmc_pool *pool = device->pool;

	scoped_guard(spinlock_irqsave, &pool->lock) {
		stats->vram_total = pool->nr_frames << PAGE_SHIFT;
		stats->vram_used = pool->nr_used << PAGE_SHIFT;
		stats->vram_pinned = pool->nr_pinned << PAGE_SHIFT;
		stats->vram_held = pool->nr_held << HMMC_WINDOW_SHIFT;
		stats->vram_bad = pool->nr_bad << PAGE_SHIFT;
		stats->vram_active = pool->nr_active << HMMC_WINDOW_SHIFT;
	}
	stats->migrated_in = atomic64_read(&pool->count[HMMC_POOL_MIGRATED_IN]);
	stats->migrated_out = atomic64_read(&pool->count[HMMC_POOL_MIGRATED_OUT]);
	stats->cpu_faults = atomic64_read(&pool->count[HMMC_POOL_CPU_FAULTS]);
	stats->cpu_fault_pages = atomic64_read(&pool->count[HMMC_POOL_CPU_FAULT_PAGES]);
	stats->cpu_fault_errors = atomic64_read(&pool->count[HMMC_POOL_CPU_FAULT_ERRORS]);
	stats->thp_in = atomic64_read(&pool->count[HMMC_POOL_THP_IN]);
	stats->thp_out = atomic64_read(&pool->count[HMMC_POOL_THP_OUT]);
	stats->evicted_chunks = atomic64_read(&pool->count[HMMC_POOL_EVICTED_CHUNKS]);
	stats->evict_failed = atomic64_read(&pool->count[HMMC_POOL_EVICT_FAILED]);
	stats->samples = READ_ONCE(pool->nr_samples);
	stats->reserve = READ_ONCE(pool->reserve.nr);
	stats->reserve_taken = atomic64_read(&pool->count[HMMC_POOL_RESERVE_TAKEN]);
	stats->limit_evicted = atomic64_read(&pool->count[HMMC_POOL_LIMIT_EVICTED]);
}
EXPORT_SYMBOL_GPL(hmmc_device_stats);

void hmmc_attach_stats(struct hmmc_attach *attach, struct hmmc_attach_stats *stats)
{
	struct hmmc_pool *pool = attach->device->pool;

	stats->faults = atomic64_read(&attach->count[HMMC_ATTACH_FAULTS]);
	stats->faults_failed = atomic64_read(&attach->count[HMMC_ATTACH_FAULTS_FAILED]);
	stats->fault_retries = atomic64_read(&attach->count[HMMC_ATTACH_FAULT_RETRIES]);
	stats->pages_migrated = atomic64_read(&attach->count[HMMC_ATTACH_PAGES_MIGRATED]);
	stats->pages_mapped = atomic64_read(&attach->count[HMMC_ATTACH_PAGES_MAPPED]);
	stats->pages_zapped = atomic64_read(&attach->count[HMMC_ATTACH_PAGES_ZAPPED]);
	stats->invalidations = atomic64_read(&attach->count[HMMC_ATTACH_INVALIDATIONS]);
	stats->cow_breaks = atomic64_read(&attach->count[HMMC_ATTACH_COW_BREAKS]);
	stats->exclusives = atomic64_read(&attach->count[HMMC_ATTACH_EXCLUSIVES]);
	stats->turned_away = atomic64_read(&attach->count[HMMC_ATTACH_TURNED_AWAY]);
	stats->held_back = atomic64_read(&attach->count[HMMC_ATTACH_HELD_BACK]);
	stats->windows = atomic_read(&attach->mirror->nr_windows);
	scoped_guard(spinlock_irqsave, &pool->lock) {
		stats->vram_held = attach->account->nr_chunks << HMMC_WINDOW_SHIFT;
		stats->pin_refused = attach->account->nr_refused;
		stats->vram_used = attach->account->nr_frames << PAGE_SHIFT;
		stats->vram_max = min(hmmc_account_max(attach->account), pool->nr_frames)
				  << PAGE_SHIFT;
	}
}
EXPORT_SYMBOL_GPL(hmmc_attach_stats);

static int device_show(struct seq_file *seq, void *unused)
{
	struct hmmc_device_stats stats;

	hmmc_device_stats(seq->private, &stats);
	seq_printf(seq, "vram_total %llu\n", stats.vram_total);
	seq_printf(seq, "vram_used %llu\n", stats.vram_used);
	seq_printf(seq, "vram_pinned %llu\n", stats.vram_pinned);
	seq_printf(seq, "vram_held %llu\n", stats.vram_held);
	seq_printf(seq, "vram_bad %llu\n", stats.vram_bad);
	seq_printf(seq, "migrated_in %llu\n", stats.migrated_in);
	seq_printf(seq, "migrated_out %llu\n", stats.migrated_out);
	seq_printf(seq, "cpu_faults %llu\n", stats.cpu_faults);
	seq_printf(seq, "cpu_fault_pages %llu\n", stats.cpu_fault_pages);
	seq_printf(seq, "cpu_fault_errors %llu\n", stats.cpu_fault_errors);
	seq_printf(seq, "thp_in %llu\n", stats.thp_in);
	seq_printf(seq, "thp_out %llu\n", stats.thp_out);
	seq_printf(seq, "evicted_chunks %llu\n", stats.evicted_chunks);
	seq_printf(seq, "evict_failed %llu\n", stats.evict_failed);
	seq_printf(seq, "vram_active %llu\n", stats.vram_active);
	seq_printf(seq, "samples %llu\n", stats.samples);
	seq_printf(seq, "reserve %llu\n", stats.reserve);
	seq_printf(seq, "reserve_taken %llu\n", stats.reserve_taken);
	seq_printf(seq, "limit_evicted %llu\n", stats.limit_evicted);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(device);

static int attach_show(struct seq_file *seq, void *unused)
{
	struct hmmc_attach_stats stats;

	hmmc_attach_stats(seq->private, &stats);
	seq_printf(seq, "faults %llu\n", stats.faults);
	seq_printf(seq, "faults_failed %llu\n", stats.faults_failed);
	seq_printf(seq, "fault_retries %llu\n", stats.fault_retries);
	seq_printf(seq, "pages_migrated %llu\n", stats.pages_migrated);
	seq_printf(seq, "pages_mapped %llu\n", stats.pages_mapped);
	seq_printf(seq, "pages_zapped %llu\n", stats.pages_zapped);
	seq_printf(seq, "invalidations %llu\n", stats.invalidations);
	seq_printf(seq, "cow_breaks %llu\n", stats.cow_breaks);
	seq_printf(seq, "exclusives %llu\n", stats.exclusives);
	seq_printf(seq, "turned_away %llu\n", stats.turned_away);
	seq_printf(seq, "held_back %llu\n", stats.held_back);
	seq_printf(seq, "windows %llu\n", stats.windows);
	seq_printf(seq, "vram_held %llu\n", stats.vram_held);
	seq_printf(seq, "pin_refused %llu\n", stats.pin_refused);
	seq_printf(seq, "vram_used %llu\n", stats.vram_used);
	seq_printf(seq, "vram_max %llu\n", stats.vram_max);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(attach);

static int return_share_get(void *data, u64 *value)
{
	struct hmmc_attach *attach = data;

	*value = READ_ONCE(attach->return_share);
	return 0;
}

static int return_share_set(void *data, u64 value)
{
	struct hmmc_attach *attach = data;

	if ((s64)value < -1 || (s64)value > 100)
		return -EINVAL;
	WRITE_ONCE(attach->return_share, value);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(return_share, return_share_get, return_share_set, "%lld\n");

void hmmc_stats_add_device(struct hmmc_device *device)
{
	struct hmmc_block *block;

	device->debugfs = debugfs_create_dir(device->name, root);
	debugfs_create_file("stats", 0444, device->debugfs, device, &device_fops);
	if (device->huge_entries)
		debugfs_create_bool("thp", 0644, device->debugfs, &device->thp);
	/* There is one block for now. */
	block = list_first_entry(&device->pool->blocks, struct hmmc_block, link);
	debugfs_create_ulong("first_pfn", 0400, device->debugfs, &block->first_pfn);
	device->mirrors_debugfs = debugfs_create_dir("mirrors", device->debugfs);
}

void hmmc_stats_remove_device(struct hmmc_device *device)
{
	debugfs_remove_recursive(device->debugfs);
}

void hmmc_stats_add_attach(struct hmmc_attach *attach)
{
	static atomic_t next_number;
	char name[16];

	snprintf(name, sizeof(name), "%u", atomic_inc_return(&next_number));
	attach->debugfs = debugfs_create_dir(name, attach->device->mirrors_debugfs);
	debugfs_create_file("stats", 0444, attach->debugfs, attach, &attach_fops);
	debugfs_create_file("return_share", 0644, attach->debugfs, attach, &return_share);
}

void hmmc_stats_remove_attach(struct hmmc_attach *attach)
{
	debugfs_remove_recursive(attach->debugfs);
}

void hmmc_stats_init(void)
{
	root = debugfs_create_dir("hmm_core", NULL);
	debugfs_create_bool("exclusive", 0644, root, &hmmc_exclusive);
	hmmc_inject_init(root);
}

void hmmc_stats_exit(void)
{
	debugfs_remove_recursive(root);
}
