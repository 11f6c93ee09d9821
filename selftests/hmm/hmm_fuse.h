/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A file whose content comes when the test says so: all of a file system that we
 * serve ourselves. Whoever reads it, maps it and faults, or has it read into his
 * memory without a copy, waits until then.
 */
#ifndef HMM_FUSE_H
#define HMM_FUSE_H

#include <linux/fuse.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "hmm_harness.h"

#define SLOW_SIZE	HUGE_SIZE
#define SLOW_SEED	77
#define SLOW_MAX_HELD	64

#define NO_FUSE	"needs /dev/fuse"

/* What a file system says to a request that it does not know, and is not asked again. */
#define SLOW_UNKNOWN	38 /* ENOSYS, which checkpatch takes for a mistake */

/**
 * struct slow_file - it, and who serves it
 * @path: where it is mounted
 * @dev: the other end of the file system
 * @server: answers
 * @direct: reads are made straight into the reader's pages
 * @answers: whether reads are answered
 * @stop: end
 * @nr_held: reads that wait for an answer
 * @held: those
 */
struct slow_file {
	char path[64];
	int dev;
	pthread_t server;
	bool direct;
	volatile bool answers;
	volatile bool stop;
	volatile unsigned int nr_held;
	struct {
		uint64_t unique;
		uint64_t offset;
		uint32_t size;
	} held[SLOW_MAX_HELD];
};

static inline void slow_reply(struct slow_file *file, uint64_t unique, int error, void *data,
			      size_t size)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + size, .error = error, .unique = unique,
	};
	struct iovec iov[2] = { { &header, sizeof(header) }, { data, size } };

	if (writev(file->dev, iov, size ? 2 : 1) < 0 && errno != ENOENT && errno != ENODEV)
		fprintf(stderr, "# hmm_fuse: reply: %s\n", strerror(errno));
}

static inline void slow_answer_all(struct slow_file *file)
{
	static char data[SLOW_SIZE];
	unsigned int i;

	pattern_fill(data, SLOW_SIZE, SLOW_SEED);
	for (i = 0; i < file->nr_held; i++) {
		uint64_t offset = file->held[i].offset;
		size_t size = offset < SLOW_SIZE ? SLOW_SIZE - offset : 0;

		if (size > file->held[i].size)
			size = file->held[i].size;
		slow_reply(file, file->held[i].unique, 0, data + offset, size);
	}
	file->nr_held = 0;
}

static inline void slow_handle(struct slow_file *file, const struct fuse_in_header *in,
			       const void *body)
{
	const struct fuse_read_in *read_in = body;
	struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096, .max_background = 16, .congestion_threshold = 16,
	};
	struct fuse_attr_out attr = {
		.attr_valid = 1000,
		.attr = { .ino = 1, .mode = S_IFREG | 0600, .nlink = 1, .size = SLOW_SIZE },
	};
	struct fuse_open_out open_out = { .open_flags = file->direct ? FOPEN_DIRECT_IO : 0 };

	switch (in->opcode) {
	case FUSE_INIT:
		slow_reply(file, in->unique, 0, &init, sizeof(init));
		break;
	case FUSE_GETATTR:
		slow_reply(file, in->unique, 0, &attr, sizeof(attr));
		break;
	case FUSE_OPEN:
		slow_reply(file, in->unique, 0, &open_out, sizeof(open_out));
		break;
	case FUSE_READ:
		if (file->nr_held == SLOW_MAX_HELD) {
			slow_reply(file, in->unique, -EIO, NULL, 0);
			break;
		}
		file->held[file->nr_held].unique = in->unique;
		file->held[file->nr_held].offset = read_in->offset;
		file->held[file->nr_held].size = read_in->size;
		file->nr_held++;
		break;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		break;
	default:
		slow_reply(file, in->unique, -SLOW_UNKNOWN, NULL, 0);
	}
}

static inline void *slow_serve(void *arg)
{
	static char request[FUSE_MIN_READ_BUFFER * 2] __attribute__((aligned(8)));
	struct slow_file *file = arg;
	struct pollfd poll_fd = { .fd = file->dev, .events = POLLIN };

	while (!file->stop) {
		if (file->answers)
			slow_answer_all(file);
		if (poll(&poll_fd, 1, 5) != 1)
			continue;
		if (read(file->dev, request, sizeof(request)) < 0) {
			if (errno == ENODEV)
				break;
			continue;
		}
		slow_handle(file, (void *)request, request + sizeof(struct fuse_in_header));
	}
	return NULL;
}

/* 0, or an errno: there are no such file systems here. */
static inline int slow_open(struct slow_file *file, bool direct)
{
	char options[96];
	int fd;

	memset(file, 0, sizeof(*file));
	file->direct = direct;
	file->dev = open("/dev/fuse", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (file->dev < 0)
		return -errno;
	snprintf(file->path, sizeof(file->path), "/tmp/hmm_slow.%d", getpid());
	fd = open(file->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	close(fd);
	snprintf(options, sizeof(options), "fd=%d,rootmode=100600,user_id=0,group_id=0",
		 file->dev);
	if (mount("hmm_slow", file->path, "fuse", MS_NOSUID | MS_NODEV, options))
		return -errno;
	return -pthread_create(&file->server, NULL, slow_serve, file);
}

/* Everybody who waits for it is answered first. */
static inline void slow_close(struct slow_file *file)
{
	if (!file->server)
		return;
	file->answers = true;
	umount2(file->path, MNT_DETACH);
	/* Nobody has it open, so that the file system ends and says so. */
	file->stop = true;
	pthread_join(file->server, NULL);
	close(file->dev);
	unlink(file->path);
}

#endif
