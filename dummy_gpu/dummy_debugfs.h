/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_DEBUGFS_H_
#define _DUMMY_DEBUGFS_H_

struct drm_minor;

void dummy_debugfs_init(struct drm_minor *minor);

#endif
