/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_BIND_H_
#define _DUMMY_BIND_H_

struct drm_device;
struct drm_file;
struct drm_gpuvm_ops;
struct dummy_vm;

/* For dummy_vm.gpuvm. */
extern const struct drm_gpuvm_ops dummy_bind_ops;

void dummy_bind_clear(struct dummy_vm *vm);
int dummy_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif
