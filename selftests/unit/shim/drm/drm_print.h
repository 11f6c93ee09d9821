/* SPDX-License-Identifier: GPL-2.0 */
/* What pure kernel code uses of <drm/drm_print.h>, in user space. */
#ifndef _SHIM_DRM_PRINT_H_
#define _SHIM_DRM_PRINT_H_

#include <linux/compiler.h>

/* The test's: who reads the messages. */
__printf(1, 2)
void shim_drm_dbg(const char *format, ...);

#define drm_dbg_driver(drm, ...)	((void)(drm), shim_drm_dbg(__VA_ARGS__))

#endif
