/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <linux/bitmap.h>, in user space. */
#ifndef _SHIM_BITMAP_H_
#define _SHIM_BITMAP_H_

#include <linux/bits.h>
#include <linux/types.h>

/* Return: @size if none is set. */
static inline unsigned long find_first_bit(const unsigned long *bits, unsigned long size)
{
	unsigned long i;

	for (i = 0; i < size; i++) {
		if (bits[i / BITS_PER_LONG] & BIT(i % BITS_PER_LONG))
			return i;
	}
	return size;
}

static inline unsigned long find_last_bit(const unsigned long *bits, unsigned long size)
{
	unsigned long i = size;

	while (i--) {
		if (bits[i / BITS_PER_LONG] & BIT(i % BITS_PER_LONG))
			return i;
	}
	return size;
}

#endif
