/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_WAIT_H_
#define _DUMMY_WAIT_H_

struct drm_device;
struct drm_file;

int dummy_wait_job_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_wait_fence_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
