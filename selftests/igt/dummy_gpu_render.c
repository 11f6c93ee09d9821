// SPDX-License-Identifier: MIT
/*
 * Who may do what with which file of dummy_gpu: users without rights, the two
 * nodes, two clients, two processes with one file, and two devices.
 *
 * Invariant: all that is asked here is about the caller. The arguments are those
 * of calls that succeed when the right one makes them, see dummy_gpu_calls.h.
 *
 * Words: an *heir* is a process that has a file because it was forked, a *guest*
 * one that was sent it over a socket. Neither has made what is in the file.
 *
 * Lock: none.
 */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "dummy_gpu_calls.h"

IGT_TEST_DESCRIPTION("Who may do what with which file of dummy_gpu.");

/* ---- Users without rights ----------------------------------------------- */

/* Opened by name, after the rights are gone. */
static int open_node(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	igt_assert_fd(fd);
	return fd;
}

static char *node_path(int fd)
{
	char *path = drmGetDeviceNameFromFd2(fd);

	igt_assert(path);
	return path;
}

/* Make @call with good arguments. Return: 0 or -errno. */
static int make_good(const struct dummy_call *call, struct dummy_client *client)
{
	int ret;

	dummy_call_prepare(call, client);
	ret = dummy_call_make(call, client, client->fd);
	if (!ret && call->undo)
		call->undo(client);
	return ret;
}

static void check_all_calls_as_nobody(int fd)
{
	struct dummy_client *client = dummy_client_open(fd);
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++) {
		const struct dummy_call *call = &dummy_calls[i];
		int expected = call->traits & DUMMY_CALL_ROOT ? -EACCES : 0;
		int ret = make_good(call, client);

		igt_assert_f(ret == expected, "%s returned %d\n", call->name, ret);
	}
	dummy_client_close(client);
}

static void test_nobody(int device)
{
	char *path = node_path(device);

	igt_fork(child, 1) {
		int fd;

		igt_drop_root();
		fd = open_node(path);
		check_all_calls_as_nobody(fd);
		close(fd);
	}
	igt_waitchildren();
	free(path);
}

/* Root opens it, as a compositor does, and passes it on. */
static void test_file_opened_by_root(int device)
{
	struct dummy_client *client = dummy_client_open(device);

	igt_fork(child, 1) {
		const struct dummy_call *evict = dummy_call_find("evict");

		igt_assert_eq(make_good(evict, client), 0);
		igt_drop_root();
		igt_assert_eq(make_good(evict, client), -EACCES);
		igt_assert_eq(make_good(dummy_call_find("submit"), client), 0);
		igt_assert_eq(make_good(dummy_call_find("vm-bind"), client), 0);
	}
	igt_waitchildren();
	dummy_client_close(client);
}

/* A mistake is told before a missing right. */
static void test_evict_of_nobody(int device)
{
	struct dummy_client *client = dummy_client_open(device);

	igt_fork(child, 1) {
		struct drm_dummy_gpu_evict args = { .size = client->page_size, .evicted = 77 };

		igt_drop_root();
		do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_EVICT, &args, EACCES);
		igt_assert_eq_u64(args.evicted, 77);
	}
	igt_waitchildren();
	dummy_client_close(client);
}

/* ---- The two nodes ------------------------------------------------------ */

static bool is_authenticated(int fd)
{
	struct drm_client client = { };

	/* Entry 0 is about whoever asks. */
	do_ioctl(fd, DRM_IOCTL_GET_CLIENT, &client);
	return client.auth;
}

static void test_unauthenticated_primary(int primary)
{
	char *path = node_path(primary);

	igt_fork(child, 1) {
		int fd;

		igt_drop_root();
		fd = open_node(path);
		igt_assert(!is_authenticated(fd));
		check_all_calls_as_nobody(fd);
		close(fd);
	}
	igt_waitchildren();
	free(path);
}

/* Names that everybody can guess are for those who are authenticated, as root is. */
static void check_no_global_names(int fd)
{
	uint32_t bo = dummy_gem_create(fd, sysconf(_SC_PAGESIZE), 0);
	struct drm_gem_flink flink = { .handle = bo };
	struct drm_gem_open name = { .name = 1 };

	do_ioctl_err(fd, DRM_IOCTL_GEM_FLINK, &flink, EACCES);
	do_ioctl_err(fd, DRM_IOCTL_GEM_OPEN, &name, EACCES);
	gem_close(fd, bo);
}

static void test_no_global_names(int device, int primary)
{
	char *path = node_path(primary);

	check_no_global_names(device);
	igt_fork(child, 1) {
		int fd;

		igt_drop_root();
		fd = open_node(path);
		check_no_global_names(fd);
		close(fd);
	}
	igt_waitchildren();
	free(path);
}

static void test_no_master_on_render(int device)
{
	drm_magic_t magic;

	igt_assert_eq(drmSetMaster(device), -1);
	igt_assert_eq(errno, EACCES);
	igt_assert(drmGetMagic(device, &magic));
}

/* ---- Two clients -------------------------------------------------------- */

/* @other has nothing: whatever an argument names is not there. */
static void test_ids_of_another(int device)
{
	struct dummy_client *client = dummy_client_open(device);
	int other = drm_reopen_driver(device);
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++) {
		const struct dummy_call *call = &dummy_calls[i];
		int ret;

		if (!(call->traits & DUMMY_CALL_NAMES))
			continue;
		dummy_call_prepare(call, client);
		ret = dummy_call_make(call, client, other);
		igt_assert_f(ret == -ENOENT, "%s returned %d\n", call->name, ret);

		/* And nothing has happened to it. */
		ret = dummy_call_make(call, client, client->fd);
		igt_assert_f(!ret, "then %s returned %d\n", call->name, ret);
		if (call->undo)
			call->undo(client);
	}
	close(other);
	dummy_client_close(client);
}

static void test_equal_ids_differ(int device)
{
	struct dummy_client *one = dummy_client_open(device);
	struct dummy_client *two = dummy_client_open(device);

	igt_assert_eq_u32(one->vm, two->vm);
	igt_assert_eq_u32(one->code, two->code);
	dummy_vm_destroy(one->fd, one->vm);
	gem_close(one->fd, one->code);

	igt_assert_eq(make_good(dummy_call_find("vm-bind"), two), 0);
	igt_assert_eq(make_good(dummy_call_find("submit"), two), 0);
	igt_assert_eq(make_good(dummy_call_find("submit"), one), -ENOENT);
	dummy_client_close(one);
	dummy_client_close(two);
}

static uint64_t mmap_offset(int fd, uint32_t bo)
{
	struct drm_dummy_gpu_gem_mmap args = { .handle = bo };

	do_ioctl(fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &args);
	return args.offset;
}

static void check_no_mmap(int fd, uint64_t offset, size_t size, int error)
{
	void *pointer = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, offset);

	igt_assert(pointer == MAP_FAILED);
	igt_assert_eq(errno, error);
}

/* An offset is good for the files that have a handle, for as long as they do. */
static void check_mmap_offset(int device, uint32_t flags)
{
	size_t page_size = sysconf(_SC_PAGESIZE);
	int other = drm_reopen_driver(device);
	int owner = drm_reopen_driver(device);
	uint32_t bo = dummy_gem_create(owner, page_size, flags);
	uint64_t offset = mmap_offset(owner, bo);
	int dmabuf = prime_handle_to_fd(owner, bo);
	uint32_t imported;
	void *pointer;

	check_no_mmap(other, offset, page_size, EACCES);
	check_no_mmap(owner, offset, 2 * page_size, EINVAL);

	imported = prime_fd_to_handle(other, dmabuf);
	igt_assert_eq_u64(mmap_offset(other, imported), offset);
	pointer = dummy_gem_map(other, imported, page_size);
	igt_assert(pointer != MAP_FAILED);
	munmap(pointer, page_size);
	gem_close(other, imported);
	check_no_mmap(other, offset, page_size, EACCES);

	gem_close(owner, bo);
	check_no_mmap(owner, offset, page_size, EACCES);
	close(dmabuf);
	close(owner);
	close(other);
}

static void test_mmap_offset(int device)
{
	check_mmap_offset(device, 0);
}

static void test_mmap_offset_of_vram(int device)
{
	check_mmap_offset(device, DRM_DUMMY_GPU_GEM_VRAM);
}

/* Not by any way there is; the primary node has one more. */
static void test_no_mmap_object(int primary)
{
	struct dummy_client *client = dummy_client_open(primary);
	struct dummy_client *other = dummy_client_open(primary);
	struct drm_dummy_gpu_gem_mmap args = { .handle = client->secret };
	struct drm_mode_map_dumb dumb = { .handle = client->secret };
	int dmabuf = prime_handle_to_fd_for_mmap(client->fd, client->secret);

	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &args, EACCES);
	igt_assert_fd(dmabuf);
	check_no_mmap(dmabuf, 0, client->page_size, EACCES);

	args.handle = prime_fd_to_handle(other->fd, dmabuf);
	do_ioctl_err(other->fd, DRM_IOCTL_DUMMY_GPU_GEM_MMAP, &args, EACCES);

	if (!igt_ioctl(client->fd, DRM_IOCTL_MODE_MAP_DUMB, &dumb))
		check_no_mmap(client->fd, dumb.offset, client->page_size, EACCES);
	close(dmabuf);
	dummy_client_close(other);
	dummy_client_close(client);
}

/* ---- Two processes with one file ---------------------------------------- */

static int expected_of_stranger(const struct dummy_call *call)
{
	return call->traits & DUMMY_CALL_SVM && !(call->traits & DUMMY_CALL_ANYBODY) ? -EPERM : 0;
}

/* In the parent the frame is filled, in the child the call is made. */
static void check_call_of_heir(const struct dummy_call *call, struct dummy_client *client)
{
	struct dummy_frame *before = malloc(sizeof(*before));

	dummy_call_prepare(call, client);
	*before = *client->frame;
	igt_fork(child, 1) {
		int ret = dummy_call_make(call, client, client->fd);

		igt_assert_f(ret == expected_of_stranger(call), "%s returned %d\n", call->name,
			     ret);
		igt_assert(!ret || !memcmp(before, client->frame, sizeof(*before)));
		if (!ret && call->undo)
			call->undo(client);
	}
	igt_waitchildren();
	free(before);

	if (!expected_of_stranger(call))
		return;
	/* Nothing was done: it is all there for its owner. */
	igt_assert_eq(dummy_call_make(call, client, client->fd), 0);
	if (call->undo)
		call->undo(client);
}

static void test_heir(int device)
{
	struct dummy_client *client = dummy_client_open(device);
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++)
		check_call_of_heir(&dummy_calls[i], client);
	dummy_client_close(client);
}

/* What an heir makes mirrors the heir, not the one who forked it, also when it is dead. */
static void test_vm_of_heir(int device)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(device);
	struct dummy_client *client = dummy_client_open(device);
	volatile uint32_t *vm = (volatile uint32_t *)client->frame->target.bytes;
	struct drm_dummy_gpu_vm_destroy destroy = { };
	struct drm_dummy_gpu_queue_create create = { };

	igt_fork(child, 1) {
		*vm = dummy_vm_create(client->fd, DRM_DUMMY_GPU_VM_SVM);
		create.vm_id = *vm;
		do_ioctl(client->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &create);
	}
	igt_waitchildren();

	create.vm_id = *vm;
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_QUEUE_CREATE, &create, EPERM);
	destroy.vm_id = *vm;
	do_ioctl_err(client->fd, DRM_IOCTL_DUMMY_GPU_VM_DESTROY, &destroy, EPERM);
	dummy_client_close(client);
	dummy_assert_nothing_leaked(device, &before);
}

static void send_file(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = { };
	struct iovec data = { .iov_base = "", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	igt_assert_eq(sendmsg(socket, &message, 0), 1);
}

static int receive_file(int socket)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte;
	struct iovec data = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	int fd;

	igt_assert_eq(recvmsg(socket, &message, MSG_CMSG_CLOEXEC), 1);
	igt_assert(CMSG_FIRSTHDR(&message));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

static void put_byte(int socket, char byte)
{
	igt_assert_eq(write(socket, &byte, 1), 1);
}

static char get_byte(int socket)
{
	char byte;

	igt_assert_eq(read(socket, &byte, 1), 1);
	return byte;
}

/* Make each call as soon as its frame has been filled, and say so. */
static void be_guest(int socket, struct dummy_client *client)
{
	int fd = receive_file(socket);
	unsigned int i;

	/* By the number that its owner knows it by. */
	igt_assert_eq(dup2(fd, client->fd), client->fd);
	for (i = 0; i < dummy_nr_calls; i++) {
		const struct dummy_call *call = &dummy_calls[i];
		int ret;

		get_byte(socket);
		ret = dummy_call_make(call, client, client->fd);
		igt_assert_f(ret == expected_of_stranger(call), "%s returned %d\n", call->name,
			     ret);
		if (!ret && call->undo)
			call->undo(client);
		put_byte(socket, 'd');
	}
}

static void be_host(int socket, struct dummy_client *client)
{
	unsigned int i;

	send_file(socket, client->fd);
	for (i = 0; i < dummy_nr_calls; i++) {
		const struct dummy_call *call = &dummy_calls[i];

		dummy_call_prepare(call, client);
		put_byte(socket, 'g');
		get_byte(socket);
		if (!expected_of_stranger(call))
			continue;
		igt_assert_eq(dummy_call_make(call, client, client->fd), 0);
		if (call->undo)
			call->undo(client);
	}
}

/* The guest was there before the client's memory was: it shares the frame only. */
static void test_guest(int device)
{
	struct dummy_client *client = dummy_client_alloc();
	int sockets[2];

	igt_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	igt_fork(child, 1) {
		close(sockets[0]);
		be_guest(sockets[1], client);
	}

	/* Before the other socket is closed, whose number the guest needs. */
	dummy_client_init(client, device);
	close(sockets[1]);
	be_host(sockets[0], client);
	igt_waitchildren();
	close(sockets[0]);
	dummy_client_close(client);
}

/* ---- Sharing buffer objects --------------------------------------------- */

static struct dummy_gpu_cmd fill(uint64_t start, uint64_t size, uint64_t pattern)
{
	return (struct dummy_gpu_cmd) {
		.op = DUMMY_GPU_OP_FILL,
		.width = 8,
		.nr_args = 3,
		.args = { start, size, pattern },
	};
}

/* Fill @bo, a handle of @client, by a job. */
static void fill_by_job(struct dummy_client *client, uint32_t bo, uint64_t pattern)
{
	uint64_t *end = dummy_emit(client->code_map, fill(DUMMY_FREE_VA, client->page_size,
							  pattern));
	uint64_t size = (char *)end - (char *)client->code_map;
	struct drm_dummy_gpu_job_query job;

	dummy_bind_bo(client->fd, client->vm, bo, DUMMY_FREE_VA, client->page_size);
	job = dummy_job_wait(client->fd, client->queue,
			     dummy_submit(client->fd, client->queue, DUMMY_CODE_VA, size));
	igt_assert_eq_u32(job.state, DRM_DUMMY_GPU_JOB_DONE);
}

static void assert_filled(const uint64_t *words, size_t size, uint64_t pattern)
{
	size_t i;

	for (i = 0; i < size / sizeof(*words); i++)
		igt_assert_eq_u64(words[i], pattern);
}

/* An object of @owner, which @other gets by prime, seen from all sides. */
static void check_sharing(struct dummy_client *owner, struct dummy_client *other, uint32_t flags)
{
	size_t size = owner->page_size;
	uint32_t bo = dummy_gem_create(owner->fd, size, flags);
	int dmabuf = prime_handle_to_fd(owner->fd, bo);
	uint32_t imported = prime_fd_to_handle(other->fd, dmabuf);
	uint64_t *words = dummy_gem_map(owner->fd, bo, size);
	uint64_t *seen = dummy_gem_map(other->fd, imported, size);

	igt_assert(words != MAP_FAILED && seen != MAP_FAILED);
	igt_assert_eq_u32(prime_fd_to_handle(other->fd, dmabuf), imported);

	memset(words, 0x11, size);
	assert_filled(seen, size, 0x1111111111111111);
	fill_by_job(other, imported, 0x22);
	assert_filled(words, size, 0x22);
	fill_by_job(owner, bo, 0x33);
	assert_filled(seen, size, 0x33);

	/* The importer keeps it. */
	gem_close(owner->fd, bo);
	close(dmabuf);
	fill_by_job(other, imported, 0x44);
	assert_filled(words, size, 0x44);
	munmap(words, size);
	munmap(seen, size);
	gem_close(other->fd, imported);
}

static void check_sharing_between(int device, int other_device, uint32_t flags)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(device);
	struct dummy_client *owner = dummy_client_open(device);
	struct dummy_client *other = dummy_client_open(other_device);

	check_sharing(owner, other, flags);
	dummy_client_close(owner);
	dummy_client_close(other);
	dummy_assert_nothing_leaked(device, &before);
}

static void test_sharing(int device)
{
	check_sharing_between(device, device, 0);
}

static void test_sharing_vram(int device)
{
	check_sharing_between(device, device, DRM_DUMMY_GPU_GEM_VRAM);
}

/* Own objects come back under the handle they have. */
static void test_reimport(int device)
{
	uint32_t bo = dummy_gem_create(device, sysconf(_SC_PAGESIZE), 0);
	int dmabuf = prime_handle_to_fd(device, bo);

	igt_assert_eq_u32(prime_fd_to_handle(device, dmabuf), bo);
	igt_assert_eq(lseek(dmabuf, 0, SEEK_END), sysconf(_SC_PAGESIZE));
	close(dmabuf);
	gem_close(device, bo);
}

static void test_no_handle_of_another_file(int device)
{
	int other = drm_reopen_driver(device);
	uint32_t bo = dummy_gem_create(device, sysconf(_SC_PAGESIZE), 0);
	int dmabuf = -1;
	uint32_t handle;

	igt_assert_eq(drmPrimeHandleToFD(other, bo, DRM_CLOEXEC, &dmabuf), -1);
	igt_assert_eq(errno, ENOENT);
	igt_assert(drmPrimeFDToHandle(device, other, &handle));
	gem_close(device, bo);
	close(other);
}

/* ---- Two devices -------------------------------------------------------- */

/* Return: a render node of a dummy_gpu that is not @device; skips without. */
static int open_another(int device)
{
	struct stat ours, theirs;
	char path[64];
	int i, fd;

	igt_assert_eq(fstat(device, &ours), 0);
	for (i = 128; i < 192; i++) {
		drmVersionPtr version;
		bool is_dummy;

		snprintf(path, sizeof(path), "/dev/dri/renderD%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		is_dummy = version && !strcmp(version->name, "dummy_gpu");
		drmFreeVersion(version);
		if (is_dummy && !fstat(fd, &theirs) && theirs.st_rdev != ours.st_rdev)
			return fd;
		close(fd);
	}
	igt_skip("needs a second dummy_gpu\n");
}

static void test_two_devices(int device, int other)
{
	check_sharing_between(device, other, 0);
	check_sharing_between(other, device, 0);
}

/* Nobody else reaches device memory, and trying costs nothing. */
static void test_vram_stays(int device, int other)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(device);
	uint32_t bo = dummy_gem_create(device, sysconf(_SC_PAGESIZE), DRM_DUMMY_GPU_GEM_VRAM);
	int dmabuf = prime_handle_to_fd(device, bo);
	uint32_t handle;

	igt_assert(drmPrimeFDToHandle(other, dmabuf, &handle));
	close(dmabuf);
	gem_close(device, bo);
	dummy_assert_nothing_leaked(device, &before);
}

static void test_indices_differ(int device, int other)
{
	struct dummy_client *one = dummy_client_open(device);
	struct dummy_client *two = dummy_client_open(other);

	igt_assert_neq_u32(one->info.index, two->info.index);
	dummy_client_close(one);
	dummy_client_close(two);
}

static void test_ids_of_another_device(int device, int other)
{
	struct dummy_client *client = dummy_client_open(device);
	int fd = drm_reopen_driver(other);
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++) {
		const struct dummy_call *call = &dummy_calls[i];

		if (!(call->traits & DUMMY_CALL_NAMES))
			continue;
		dummy_call_prepare(call, client);
		igt_assert_eq(dummy_call_make(call, client, fd), -ENOENT);
	}
	close(fd);
	dummy_client_close(client);
}

/* ---- Main --------------------------------------------------------------- */

static int render = -1;
static int primary = -1;
static int another = -1;

/* Root's for now: udev would give them to the users at the seat. */
static struct {
	char *path;
	mode_t mode;
} nodes[2];

static void open_to_all(unsigned int nr, int fd)
{
	struct stat stat;

	igt_assert_eq(fstat(fd, &stat), 0);
	nodes[nr].path = node_path(fd);
	nodes[nr].mode = stat.st_mode & 07777;
	igt_assert_eq(chmod(nodes[nr].path, 0666), 0);
}

static void close_again(unsigned int nr)
{
	chmod(nodes[nr].path, nodes[nr].mode);
	free(nodes[nr].path);
}

int
igt_main()
{
	igt_fixture() {
		render = drm_open_driver_render(DRIVER_ANY);
		primary = drm_open_driver(DRIVER_ANY);
		dummy_require_device(render);
		dummy_require_device(primary);
	}

	igt_subtest_group() {
		igt_fixture() {
			igt_require_f(!geteuid(), "needs root, to drop it\n");
			open_to_all(0, render);
			open_to_all(1, primary);
		}

		igt_describe("A user without rights opens the render node and makes every call.");
		igt_subtest("nobody-may-all-but-evict")
			test_nobody(render);

		igt_describe("The same through the primary node, next to a master.");
		igt_subtest("nobody-may-all-but-evict-unauthenticated")
			test_unauthenticated_primary(primary);

		igt_describe("What counts is who calls, not who has opened the file.");
		igt_subtest("file-opened-by-root-gives-no-rights")
			test_file_opened_by_root(render);

		igt_describe("EACCES, and nothing is written.");
		igt_subtest("refused-evict-writes-nothing")
			test_evict_of_nobody(render);

		igt_describe("Neither on the render node nor on the primary one.");
		igt_subtest("global-names-need-authentication")
			test_no_global_names(render, primary);

		igt_fixture() {
			close_again(0);
			close_again(1);
		}
	}

	igt_describe("There is no master on a render node, and no magic.");
	igt_subtest("render-node-has-no-master")
		test_no_master_on_render(render);

	igt_describe("Every id and handle is unknown to another file, which changes nothing.");
	igt_subtest("ids-are-unknown-to-another-file")
		test_ids_of_another(render);

	igt_describe("The same number is another thing in another file.");
	igt_subtest("equal-ids-of-two-files-are-two-things")
		test_equal_ids_differ(render);

	igt_describe("An offset works for files that have a handle, for as long as they do.");
	igt_subtest("mmap-offset-needs-a-handle")
		test_mmap_offset(render);

	igt_describe("The same for an object in device memory.");
	igt_subtest("mmap-offset-of-vram-needs-a-handle")
		test_mmap_offset_of_vram(render);

	igt_describe("An object with NO_MMAP cannot be mapped in any way there is.");
	igt_subtest("object-with-no-mmap-is-never-mapped")
		test_no_mmap_object(primary);

	igt_describe("EPERM for each call on a VM that mirrors the parent; the others work.");
	igt_subtest("inherited-file-gives-no-way-to-mirrored-memory")
		test_heir(render);

	igt_describe("The parent may not use a VM that mirrors its child.");
	igt_subtest("vm-of-a-child-is-not-for-its-parent")
		test_vm_of_heir(render);

	igt_describe("EPERM for each call on a VM that mirrors the sender; the others work.");
	igt_subtest("passed-file-gives-no-way-to-mirrored-memory")
		test_guest(render);

	igt_describe("By prime: one object, written and read by the CPU and by jobs of both.");
	igt_subtest("two-files-share-an-object")
		test_sharing(render);

	igt_describe("The same for an object in device memory.");
	igt_subtest("two-files-share-an-object-in-vram")
		test_sharing_vram(render);

	igt_describe("An object that comes back to its file has its old handle.");
	igt_subtest("own-object-comes-back-as-itself")
		test_reimport(render);

	igt_describe("Neither somebody else's handle nor a file that is no dma-buf.");
	igt_subtest("only-own-handles-are-exported")
		test_no_handle_of_another_file(render);

	igt_subtest_group() {
		igt_fixture()
			another = open_another(render);

		igt_describe("By prime: one object, written and read by jobs of both devices.");
		igt_subtest("two-devices-share-an-object")
			test_two_devices(render, another);

		igt_describe("An object in device memory is not for other devices.");
		igt_subtest("vram-is-not-shared-with-another-device")
			test_vram_stays(render, another);

		igt_describe("Every id and handle is unknown to another device.");
		igt_subtest("ids-are-unknown-to-another-device")
			test_ids_of_another_device(render, another);

		igt_describe("Each device says which it is.");
		igt_subtest("devices-have-different-indices")
			test_indices_differ(render, another);

		igt_fixture()
			close(another);
	}

	igt_fixture() {
		drm_close_driver(primary);
		drm_close_driver(render);
	}
}
