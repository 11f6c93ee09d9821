/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/atomic.h>, in user space. */
#ifndef _SHIM_ATOMIC_H_
#define _SHIM_ATOMIC_H_

/* The test's: somebody else who gets to @p between the load and the exchange. */
void shim_before_cmpxchg(void *p);

#define try_cmpxchg64(p, old, new)					\
	(shim_before_cmpxchg(p),					\
	 __atomic_compare_exchange_n(p, old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))

#endif
