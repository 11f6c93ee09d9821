/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/overflow.h>, in user space. */
#ifndef _SHIM_OVERFLOW_H_
#define _SHIM_OVERFLOW_H_

#define check_add_overflow(a, b, sum)		__builtin_add_overflow(a, b, sum)
#define check_mul_overflow(a, b, product)	__builtin_mul_overflow(a, b, product)

#endif
