// SPDX-License-Identifier: GPL-2.0
/*
 * The description of the devices to build, from the module's parameters.
 *
 * Invariant: nobody but this file reads a parameter, and nothing is built from
 * a description that dummy_config_is_valid() has not judged. So whoever gets one
 * need not check it again.
 *
 * Lock: none, the parameters are read-only once the module is loaded, but for
 * those that have a function of their own.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/time64.h>

#include "dummy_config.h"

static unsigned int nr_devices = 1;
module_param(nr_devices, uint, 0444);
MODULE_PARM_DESC(nr_devices, "Number of devices (default 1)");

static unsigned int vram_mb = 256;
module_param(vram_mb, uint, 0444);
MODULE_PARM_DESC(vram_mb, "Device memory of each device in MiB, even (default 256)");

static unsigned int nr_engines = 2;
module_param(nr_engines, uint, 0444);
MODULE_PARM_DESC(nr_engines, "Engines of each device (default 2)");

static bool thp = true;
module_param(thp, bool, 0444);
MODULE_PARM_DESC(thp, "Use 2 MiB device folios (default true)");

static unsigned int job_timeout_ms = 20000;
module_param(job_timeout_ms, uint, 0444);
MODULE_PARM_DESC(job_timeout_ms,
		 "Default time limit of a job in milliseconds, 0 for none (default 20000)");

static unsigned int hang_timeout_ms = 10000;
module_param(hang_timeout_ms, uint, 0644);
MODULE_PARM_DESC(hang_timeout_ms,
		 "Reset an engine that has made no access for so long, 0 for never (default 10000)");

static unsigned int atomic_delay_ns = 1000;
module_param(atomic_delay_ns, uint, 0444);
MODULE_PARM_DESC(atomic_delay_ns,
		 "Time between load and store of a device atomic in nanoseconds (default 1000)");

static bool copy_async;
module_param(copy_async, bool, 0644);
MODULE_PARM_DESC(copy_async,
		 "Copy more than 64 KiB in the copy engine's own thread (default false)");

static bool dma_api;
module_param(dma_api, bool, 0444);
MODULE_PARM_DESC(dma_api,
		 "Get bus addresses from the DMA API though they are physical ones (default false)");

void dummy_config_read(struct dummy_config *config)
{
	*config = (struct dummy_config) {
		.nr_devices = nr_devices,
		.vram_mb = vram_mb,
		.nr_engines = nr_engines,
		.thp = thp,
		.job_timeout_ms = job_timeout_ms,
		.atomic_delay_ns = atomic_delay_ns,
		.dma_api = dma_api,
	};
}

bool dummy_config_copy_async(void)
{
	return READ_ONCE(copy_async);
}

unsigned int dummy_config_hang_timeout_ms(void)
{
	return min(READ_ONCE(hang_timeout_ms), DUMMY_MAX_TIMEOUT_MS);
}

static bool is_within(const char *name, unsigned int value, unsigned int min, unsigned int max)
{
	if (value >= min && value <= max)
		return true;

	pr_err("%s is %u, but must be %u to %u\n", name, value, min, max);
	return false;
}

bool dummy_config_is_valid(const struct dummy_config *config)
{
	if (config->vram_mb % 2) {
		pr_err("vram_mb is %u, but must be even\n", config->vram_mb);
		return false;
	}

	return is_within("nr_devices", config->nr_devices, 1, DUMMY_MAX_DEVICES) &&
	       is_within("vram_mb", config->vram_mb, 2, 1 << 20) &&
	       is_within("nr_engines", config->nr_engines, 1, DUMMY_MAX_ENGINES) &&
	       is_within("job_timeout_ms", config->job_timeout_ms, 0, DUMMY_MAX_TIMEOUT_MS) &&
	       is_within("atomic_delay_ns", config->atomic_delay_ns, 0, NSEC_PER_MSEC);
}
