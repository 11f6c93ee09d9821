/* SPDX-License-Identifier: GPL-2.0 */
/* Not <errno.h>: that includes <linux/errno.h>, which is this. */
#include <asm/errno.h>
