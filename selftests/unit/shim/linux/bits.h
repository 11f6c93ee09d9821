/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/bits.h>, in user space. */
#ifndef _SHIM_BITS_H_
#define _SHIM_BITS_H_

#define BITS_PER_LONG	__LONG_WIDTH__

#define BIT(n)		(1UL << (n))
#define BIT_ULL(n)	(1ULL << (n))
#define GENMASK(h, l)	((~0UL << (l)) & (~0UL >> (BITS_PER_LONG - 1 - (h))))
#define GENMASK_ULL(h, l) ((~0ULL << (l)) & (~0ULL >> (63 - (h))))

#endif
