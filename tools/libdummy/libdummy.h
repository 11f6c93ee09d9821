/* SPDX-License-Identifier: MIT */
/*
 * What libdummy's files share, and nobody else sees.
 *
 * Objects point to their parents and never to their children, and do not change
 * once they are made; that is what makes them safe to share between threads
 * without a lock. The two exceptions are a stream, which has one user, and the
 * mapping of a buffer object, which is published once (bo.c).
 */
#ifndef LIBDUMMY_LIBDUMMY_H
#define LIBDUMMY_LIBDUMMY_H

#include "dummy.h"

/*
 * The library is compiled with hidden visibility, so that its files can call each
 * other without going through the dynamic linker's table.
 */
#define DUMMY_EXPORT __attribute__((visibility("default")))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

struct dummy_device {
	int fd;
	struct drm_dummy_gpu_info info;
};

struct dummy_vm {
	struct dummy_device *dev;
	uint32_t id;
	uint32_t flags;
};

struct dummy_bo {
	struct dummy_device *dev;
	uint64_t size;
	uint32_t handle;
	void *mapping;		/* NULL until dummy_bo_map(); atomic */
};

struct dummy_queue {
	struct dummy_vm *vm;
	uint32_t id;
};

/* device.c: an ioctl, restarted when a signal interrupts it. */
int device_ioctl(int fd, unsigned long request, void *arg);

/* device.c: the same for ioctls that wait, see there. */
int device_ioctl_timed(int fd, unsigned long request, void *arg,
		       __u64 *timeout_ns);

/* device.c: DRM_DUMMY_GPU_QUERY; an older kernel leaves the end of @out zero. */
int device_query(int fd, uint32_t type, uint32_t id, void *out, uint32_t size);

#endif
