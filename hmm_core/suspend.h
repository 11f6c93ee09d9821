/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Device memory while the machine sleeps.
 */
#ifndef _HMMC_SUSPEND_H_
#define _HMMC_SUSPEND_H_

int hmmc_suspend_init(void);
void hmmc_suspend_exit(void);

#endif
