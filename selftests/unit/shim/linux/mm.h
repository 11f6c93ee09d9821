/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/mm.h>, in user space. */
#ifndef _SHIM_MM_H_
#define _SHIM_MM_H_

#define PAGE_SHIFT	12
#define PAGE_SIZE	(1UL << PAGE_SHIFT)

#define PAGE_ALIGNED(addr)	(((unsigned long)(addr) & (PAGE_SIZE - 1)) == 0)

#endif
