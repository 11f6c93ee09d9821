// SPDX-License-Identifier: MIT
/*
 * Devices: find them, open them, and make ioctls on them.
 *
 * A device is an open render node of the driver "dummy_gpu" and the facts the
 * driver told about it then. Its index counts the machine's dummy_gpu devices
 * only, in the order the driver made them; it is not the number of the node.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#include "libdummy.h"

#define DRIVER_NAME	"dummy_gpu"
#define NODE_DIR	"/dev/dri"
#define MAX_NODES	64

static const uint64_t NS_PER_S = 1000000000;

int device_ioctl(int fd, unsigned long request, void *arg)
{
	return drmIoctl(fd, request, arg) ? -errno : 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS_PER_S + now.tv_nsec;
}

/*
 * drmIoctl() would start the whole time limit again for every signal, so that a
 * process with an interval timer waits for ever. @timeout_ns is where @arg has it.
 */
int device_ioctl_timed(int fd, unsigned long request, void *arg,
		       __u64 *timeout_ns)
{
	const uint64_t limit = *timeout_ns;
	const uint64_t start = now_ns();
	uint64_t passed;

	while (ioctl(fd, request, arg)) {
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
		passed = limit == DUMMY_FOREVER ? 0 : now_ns() - start;
		/* With no time left it is a last look, which cannot be EINTR. */
		*timeout_ns = passed < limit ? limit - passed : 0;
	}
	return 0;
}

int device_query(int fd, uint32_t type, uint32_t id, void *out, uint32_t size)
{
	struct drm_dummy_gpu_query query = {
		.type = type,
		.id = id,
		.size = size,
		.pointer = dummy_addr(out),
	};

	return device_ioctl(fd, DRM_IOCTL_DUMMY_GPU_QUERY, &query);
}

static int check_driver(int fd)
{
	drmVersionPtr version = drmGetVersion(fd);
	int ret = -ENODEV;

	if (version && !strcmp(version->name, DRIVER_NAME))
		ret = 0;
	drmFreeVersion(version);
	return ret;
}

DUMMY_EXPORT int dummy_device_open_fd(int fd, struct dummy_device **dev)
{
	struct dummy_device *new;
	int ret;

	ret = check_driver(fd);
	if (ret)
		return ret;
	new = calloc(1, sizeof(*new));
	if (!new)
		return -ENOMEM;
	new->fd = fd;
	ret = device_query(fd, DRM_DUMMY_GPU_QUERY_INFO, 0, &new->info,
			   sizeof(new->info));
	if (ret) {
		free(new);
		return ret;
	}
	*dev = new;
	return 0;
}

DUMMY_EXPORT int dummy_device_open_path(const char *path,
					struct dummy_device **dev)
{
	int fd, ret;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = dummy_device_open_fd(fd, dev);
	if (ret)
		close(fd);
	return ret;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct dummy_node *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

/*
 * Whether a render node may be ours. sysfs knows without opening it, which could
 * wake a sleeping GPU of somebody else; without sysfs every node may be ours.
 */
static int may_be_ours(const char *node)
{
	char path[64 + NAME_MAX], driver[PATH_MAX];
	const char *name;
	ssize_t length;

	snprintf(path, sizeof(path), "/sys/class/drm/%s/device/driver", node);
	length = readlink(path, driver, sizeof(driver) - 1);
	if (length < 0)
		return 1;
	driver[length] = 0;
	name = strrchr(driver, '/');
	return !strcmp(name ? name + 1 : driver, DRIVER_NAME);
}

/*
 * Not drmGetDevices2(): to that, platform devices of one driver are one device,
 * as nothing tells them apart but their sysfs path, which it does not compare.
 */
static int list_devices(struct dummy_node *found, unsigned int *nr_found)
{
	struct dummy_device *dev;
	struct dirent *entry;
	int ret, error = 0;
	DIR *dir;

	*nr_found = 0;
	dir = opendir(NODE_DIR);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;	/* no DRM driver */

	while (*nr_found < MAX_NODES && (entry = readdir(dir))) {
		struct dummy_node *node = &found[*nr_found];

		if (strncmp(entry->d_name, "renderD", 7) ||
		    !may_be_ours(entry->d_name))
			continue;
		ret = snprintf(node->path, sizeof(node->path), NODE_DIR "/%s",
			       entry->d_name);
		if (ret >= (int)sizeof(node->path))
			continue;
		ret = dummy_device_open_path(node->path, &dev);
		if (ret) {
			/* Other drivers, and devices just gone, are no news. */
			if (ret != -ENODEV && ret != -ENOENT && !error)
				error = ret;
			continue;
		}
		node->index = dev->info.index;
		dummy_device_close(dev);
		(*nr_found)++;
	}
	closedir(dir);
	return *nr_found ? 0 : error;
}

DUMMY_EXPORT int dummy_device_list(struct dummy_node *nodes, unsigned int room,
				   unsigned int *count)
{
	struct dummy_node found[MAX_NODES];
	unsigned int nr_found;
	int ret;

	ret = list_devices(found, &nr_found);
	if (ret)
		return ret;

	qsort(found, nr_found, sizeof(found[0]), compare_nodes);
	if (nr_found && room)
		memcpy(nodes, found,
		       sizeof(found[0]) * (room < nr_found ? room : nr_found));
	*count = nr_found;
	return 0;
}

DUMMY_EXPORT int dummy_device_open(unsigned int index,
				   struct dummy_device **dev)
{
	struct dummy_node nodes[MAX_NODES];
	unsigned int count, i;
	int ret;

	ret = dummy_device_list(nodes, MAX_NODES, &count);
	if (ret)
		return ret;
	for (i = 0; i < count; i++) {
		if (nodes[i].index == index)
			return dummy_device_open_path(nodes[i].path, dev);
	}
	return -ENODEV;
}

DUMMY_EXPORT int dummy_device_close(struct dummy_device *dev)
{
	int ret = 0;

	if (!dev)
		return 0;
	if (close(dev->fd))
		ret = -errno;
	free(dev);
	return ret;
}

DUMMY_EXPORT int dummy_device_fd(const struct dummy_device *dev)
{
	return dev->fd;
}

DUMMY_EXPORT const struct drm_dummy_gpu_info *
dummy_device_info(const struct dummy_device *dev)
{
	return &dev->info;
}

DUMMY_EXPORT int dummy_device_ioctl(const struct dummy_device *dev,
				    unsigned long request, void *arg)
{
	return device_ioctl(dev->fd, request, arg);
}
