/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/compiler.h>, in user space. */
#ifndef _SHIM_COMPILER_H_
#define _SHIM_COMPILER_H_

#define READ_ONCE(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)
#define WRITE_ONCE(x, value)	__atomic_store_n(&(x), (value), __ATOMIC_RELAXED)

#define __printf(a, b)		__attribute__((__format__(printf, a, b)))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#endif
