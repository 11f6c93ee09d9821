/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_SUBMIT_H_
#define _DUMMY_SUBMIT_H_

struct drm_device;
struct drm_file;

int dummy_submit_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
