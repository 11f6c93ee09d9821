// SPDX-License-Identifier: GPL-2.0
/*
 * Failures on purpose. A site is a place that can fail, by name; a test says which
 * hit of which sites does. In debugfs, hmm_core/inject/:
 *
 *	sites		read: "name hits injected" of each that was hit so far;
 *			write: names of those that count from now on, or "all"
 *	nth		the nth hit from now on fails, once; 0: none does
 *	probability	percent of the hits that fail
 *	pid		count only what this process does itself; 0: everybody
 *	delay_ms	how late is late, at sites that only delay
 *	injected	how many have failed since nth was written
 *
 * The kernel's own fault injection is not in a stock kernel, and it knows no
 * races, copies and full devices.
 *
 * Locks: arm_lock orders those that arm and disarm. inject_lock guards the rest;
 * the innermost of all, because a site may be anywhere.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "inject.h"

#define MAX_SITES	96
#define MAX_NAME	32
#define MAX_SELECTION	1024

struct site {
	/* A copy: the module that has the original may go. */
	char name[MAX_NAME];
	bool selected;
	u64 hits;
	u64 injected;
};

DEFINE_STATIC_KEY_FALSE(hmmc_inject_armed);
EXPORT_SYMBOL_GPL(hmmc_inject_armed);

static DEFINE_RAW_SPINLOCK(inject_lock);
static struct site sites[MAX_SITES];
static unsigned int nr_sites;
static char selection[MAX_SELECTION + 1] = "all";
static u64 nth;
static u64 nr_hits;
static u64 nr_injected;
static u32 probability;
static u32 only_pid;
static u32 delay_ms = 20;

static DEFINE_MUTEX(arm_lock);

static bool is_selected(const char *name)
{
	const char *at = selection;
	size_t len;

	if (!strcmp(selection, "all"))
		return true;
	for (; *at; at += len + !!at[len]) {
		len = strcspn(at, ", ");
		if (len == strlen(name) && !memcmp(at, name, len))
			return true;
	}
	return false;
}

static struct site *find_site(const char *name)
{
	struct site *site;

	lockdep_assert_held(&inject_lock);

	for (site = sites; site < sites + nr_sites; site++) {
		if (!strcmp(site->name, name))
			return site;
	}
	if (nr_sites == MAX_SITES)
		return NULL;
	nr_sites++;
	strscpy(site->name, name);
	site->selected = is_selected(name);
	return site;
}

bool __hmmc_inject(const char *name)
{
	u32 percent = READ_ONCE(probability);
	u32 pid = READ_ONCE(only_pid);
	struct site *site;
	bool unlucky;

	if (pid && pid != task_tgid_nr(current))
		return false;
	/* Has a lock that is not as raw as ours. */
	unlucky = percent && get_random_u32_below(100) < percent;

	guard(raw_spinlock_irqsave)(&inject_lock);
	site = find_site(name);
	if (!site || !site->selected)
		return false;
	site->hits++;
	if (++nr_hits != nth && !unlucky)
		return false;
	site->injected++;
	nr_injected++;
	return true;
}
EXPORT_SYMBOL_GPL(__hmmc_inject);

void __hmmc_inject_delay(const char *name)
{
	if (__hmmc_inject(name))
		msleep(READ_ONCE(delay_ms));
}
EXPORT_SYMBOL_GPL(__hmmc_inject_delay);

/* ---- debugfs ------------------------------------------------------------- */

/* While nothing can fail, nothing is counted, and a site costs nothing. */
static void arm(void)
{
	lockdep_assert_held(&arm_lock);

	if (nth || probability)
		static_branch_enable(&hmmc_inject_armed);
	else
		static_branch_disable(&hmmc_inject_armed);
}

static int value_get(void *data, u64 *value)
{
	*value = READ_ONCE(*(u64 *)data);
	return 0;
}

static int nth_set(void *unused, u64 value)
{
	guard(mutex)(&arm_lock);
	scoped_guard(raw_spinlock_irqsave, &inject_lock) {
		nth = value;
		nr_hits = 0;
		nr_injected = 0;
	}
	arm();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(nth_fops, value_get, nth_set, "%llu\n");
DEFINE_DEBUGFS_ATTRIBUTE(injected_fops, value_get, NULL, "%llu\n");

static int probability_get(void *unused, u64 *value)
{
	*value = READ_ONCE(probability);
	return 0;
}

static int probability_set(void *unused, u64 value)
{
	if (value > 100)
		return -EINVAL;
	guard(mutex)(&arm_lock);
	WRITE_ONCE(probability, value);
	arm();
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(probability_fops, probability_get, probability_set, "%llu\n");

static int sites_show(struct seq_file *seq, void *unused)
{
	struct site site;
	unsigned int i;

	for (i = 0; i < READ_ONCE(nr_sites); i++) {
		scoped_guard(raw_spinlock_irqsave, &inject_lock)
			site = sites[i];
		seq_printf(seq, "%s %llu %llu\n", site.name, site.hits, site.injected);
	}
	return 0;
}

static int sites_open(struct inode *inode, struct file *file)
{
	return single_open(file, sites_show, NULL);
}

static ssize_t sites_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	unsigned int i;
	char *names;

	if (size > MAX_SELECTION)
		return -E2BIG;
	names = memdup_user_nul(buf, size);
	if (IS_ERR(names))
		return PTR_ERR(names);

	scoped_guard(raw_spinlock_irqsave, &inject_lock) {
		strscpy(selection, strim(names));
		for (i = 0; i < nr_sites; i++)
			sites[i].selected = is_selected(sites[i].name);
	}
	kfree(names);
	return size;
}

static const struct file_operations sites_fops = {
	.owner = THIS_MODULE,
	.open = sites_open,
	.read = seq_read,
	.write = sites_write,
	.llseek = seq_lseek,
	.release = single_release,
};

void hmmc_inject_init(struct dentry *root)
{
	struct dentry *dir = debugfs_create_dir("inject", root);

	debugfs_create_file("sites", 0600, dir, NULL, &sites_fops);
	debugfs_create_file("nth", 0600, dir, &nth, &nth_fops);
	debugfs_create_file("injected", 0400, dir, &nr_injected, &injected_fops);
	debugfs_create_file("probability", 0600, dir, NULL, &probability_fops);
	debugfs_create_u32("pid", 0600, dir, &only_pid);
	debugfs_create_u32("delay_ms", 0600, dir, &delay_ms);
}
