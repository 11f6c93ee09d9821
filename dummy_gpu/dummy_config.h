/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_CONFIG_H_
#define _DUMMY_CONFIG_H_

#include <linux/types.h>

#define DUMMY_MAX_DEVICES	8
#define DUMMY_MAX_ENGINES	16
#define DUMMY_MAX_TIMEOUT_MS	(60 * 60 * 1000U)

/**
 * struct dummy_config - what devices to build
 * @nr_devices: how many of them
 * @vram_mb: memory of each, in MiB
 * @nr_engines: engines of each
 * @thp: let hmm_core use 2 MiB folios and entries
 * @job_timeout_ms: time limit of a job whose queue states none, 0: none
 * @atomic_delay_ns: see struct hw_config
 * @dma_api: get bus addresses from the DMA API, as most real devices must
 */
struct dummy_config {
	unsigned int nr_devices;
	unsigned int vram_mb;
	unsigned int nr_engines;
	bool thp;
	unsigned int job_timeout_ms;
	unsigned int atomic_delay_ns;
	bool dma_api;
};

void dummy_config_read(struct dummy_config *config);
/* Whether the copy engine's own thread does large copies; may change at any time. */
bool dummy_config_copy_async(void);
/* How long an engine may make no access; 0: for ever. May change at any time. */
unsigned int dummy_config_hang_timeout_ms(void);
bool dummy_config_is_valid(const struct dummy_config *config);

#endif
