/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/minmax.h>, in user space. */
#ifndef _SHIM_MINMAX_H_
#define _SHIM_MINMAX_H_

#define min(a, b)							\
	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })
#define max(a, b)							\
	({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a > _b ? _a : _b; })
#define clamp(value, low, high)	min(max(value, low), high)

#endif
