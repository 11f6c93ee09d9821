// SPDX-License-Identifier: GPL-2.0
/*
 * The chip as a whole: built, stopped, taken apart.
 *
 * Invariant: threads run from hw_chip_create() to hw_chip_destroy(), also on a
 * stopped chip, whose engines still hand back the jobs that are pushed.
 *
 * Lock: none. Nobody has the chip before create has returned it, and nobody has
 * it any more when destroy is called.
 */
#include <linux/err.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/slab.h>

#include "hw_internal.h"

#define MAX_ATOMIC_DELAY_NS	NSEC_PER_MSEC

static bool node_is_good(int nid)
{
	return nid == NUMA_NO_NODE || (nid >= 0 && nid < MAX_NUMNODES && node_online(nid));
}

static bool config_is_good(const struct hw_config *config)
{
	const struct hw_events *events = config->events;

	if (!config->vram_size || !IS_ALIGNED(config->vram_size, HW_HUGE_SIZE))
		return false;
	if (!config->nr_engines || config->nr_engines > HW_MAX_ENGINES)
		return false;
	if (config->atomic_delay_ns > MAX_ATOMIC_DELAY_NS)
		return false;
	return node_is_good(config->nid) &&
	       events && events->fault && events->job_done && events->semaphore &&
	       events->lost && events->broken;
}

struct hw_chip *hw_chip_create(const struct hw_config *config)
{
	struct hw_chip *chip;
	unsigned int i;
	int ret;

	/* Streams and page tables are little endian, and read as they are. */
	BUILD_BUG_ON(IS_ENABLED(CONFIG_CPU_BIG_ENDIAN));

	if (!config_is_good(config))
		return ERR_PTR(-EINVAL);

	chip = kzalloc_flex(*chip, engines, config->nr_engines);
	if (!chip)
		return ERR_PTR(-ENOMEM);

	chip->nr_engines = config->nr_engines;
	chip->config = *config;
	spin_lock_init(&chip->fault_lock);
	INIT_LIST_HEAD(&chip->faults);
	for (i = 0; i < HW_WORD_LOCKS; i++)
		spin_lock_init(&chip->word_locks[i]);

	ret = hw_vram_init(&chip->vram, config->vram_size, config->nid);
	if (ret)
		goto err_free;

	ret = hw_copier_init(&chip->copier, chip, config->nid);
	if (ret)
		goto err_vram;

	for (i = 0; i < chip->nr_engines; i++) {
		ret = hw_engine_init(&chip->engines[i], chip, i, config->nid);
		if (ret)
			goto err_engines;
	}
	return chip;

err_engines:
	while (i--)
		hw_engine_fini(&chip->engines[i]);
	hw_copier_fini(&chip->copier);
err_vram:
	hw_vram_fini(&chip->vram);
err_free:
	kfree(chip);
	return ERR_PTR(ret);
}

void hw_chip_stop(struct hw_chip *chip)
{
	unsigned int i;

	for (i = 0; i < chip->nr_engines; i++)
		hw_engine_stop(&chip->engines[i]);
}

void hw_chip_lose(struct hw_chip *chip)
{
	/* Looked at before each access and each piece of a copy. */
	WRITE_ONCE(chip->lost, true);
	chip->config.events->lost(chip->config.priv);
}

bool hw_chip_is_lost(struct hw_chip *chip)
{
	return READ_ONCE(chip->lost);
}

void hw_chip_destroy(struct hw_chip *chip)
{
	unsigned int i;

	for (i = 0; i < chip->nr_engines; i++)
		hw_engine_fini(&chip->engines[i]);
	hw_copier_fini(&chip->copier);
	hw_vram_fini(&chip->vram);
	kfree(chip);
}
