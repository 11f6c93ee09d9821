/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failures on purpose: the inside. Who has a site needs hmm_core.h only.
 */
#ifndef _HMMC_INJECT_H_
#define _HMMC_INJECT_H_

#include "hmm_core.h"

struct dentry;

#ifdef CONFIG_HMM_CORE_INJECT
void hmmc_inject_init(struct dentry *root);
#else
static inline void hmmc_inject_init(struct dentry *root) { }
#endif

#endif
