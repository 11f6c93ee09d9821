// SPDX-License-Identifier: GPL-2.0
/*
 * The module: what is set up, in order, and undone in reverse.
 */
#include <linux/module.h>

#include "device.h"
#include "mirror.h"
#include "pool.h"
#include "suspend.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

static int __init hmm_core_init(void)
{
	int ret = hmmc_blocks_init();

	if (ret)
		return ret;
	ret = hmmc_suspend_init();
	if (ret) {
		hmmc_blocks_exit();
		return ret;
	}
	hmmc_stats_init();
	return 0;
}

static void __exit hmm_core_exit(void)
{
	hmmc_stats_exit();
	hmmc_suspend_exit();
	hmmc_blocks_exit();
	/* Windows and advice are freed by RCU, with no callback of ours. */
}

module_init(hmm_core_init);
module_exit(hmm_core_exit);

MODULE_DESCRIPTION("Mirror processes into devices, migrate their memory into device memory");
MODULE_LICENSE("GPL");
