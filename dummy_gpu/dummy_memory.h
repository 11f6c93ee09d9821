/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_MEMORY_H_
#define _DUMMY_MEMORY_H_

struct drm_device;
struct drm_file;

int dummy_memory_advise_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_memory_migrate_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_memory_snapshot_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int dummy_memory_evict_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
