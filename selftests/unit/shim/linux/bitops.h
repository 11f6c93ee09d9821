/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/bitops.h>, in user space. */
#ifndef _SHIM_BITOPS_H_
#define _SHIM_BITOPS_H_

#include <linux/bits.h>

#define hweight_long(word)	((unsigned long)__builtin_popcountl(word))

#endif
