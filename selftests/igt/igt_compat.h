/* SPDX-License-Identifier: MIT */
/*
 * As much of IGT's test library as our tests use, so that they build with libdrm
 * alone and run under igt_runner all the same.
 *
 * Invariant: names, options, the lines printed and the exit codes are those of
 * IGT 2.5. The same test file builds in an IGT tree, where this one is not used.
 *
 * Words: a *block* is what follows igt_fixture(), igt_subtest() or igt_dynamic().
 * A failed assertion or requirement *leaves* its block, by a jump back to the
 * block's head. What comes after a fixture that was left takes over its result.
 *
 * Lock: none. A test has one thread; a child of igt_fork() prints and exits.
 */
#ifndef IGT_COMPAT_H
#define IGT_COMPAT_H

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <getopt.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xf86drm.h>

#define IGT_EXIT_SUCCESS	0
#define IGT_EXIT_SKIP		77
#define IGT_EXIT_INVALID	79
#define IGT_EXIT_FAILURE	98
#define IGT_EXIT_ABORT		112

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

#define igt_compat_is(attribute)		__attribute__((attribute))
#define igt_compat_printf(format_at, args_at)	igt_compat_is(format(printf, format_at, args_at))

/* ---- State -------------------------------------------------------------- */

enum igt_compat_mode {
	IGT_COMPAT_RUN,
	IGT_COMPAT_LIST,		/* --list-subtests */
	IGT_COMPAT_DESCRIBE,		/* --describe */
};

/**
 * struct igt_compat_block - a subtest or a dynamic subtest
 * @kind: its name in what is printed
 * @name: of the one that runs, or NULL
 * @begun: when it began
 * @head: where a jump leaves it
 */
struct igt_compat_block {
	const char *kind;
	const char *name;
	struct timespec begun;
	jmp_buf head;
};

#define IGT_COMPAT_CHILDREN	16

/**
 * struct igt_compat - the test program
 * @wanted: patterns of --run-subtest, or NULL for all
 * @wanted_dynamic: patterns of --dynamic-subtest, or NULL for all
 * @description: of the next subtest
 * @ahead: result of all that comes, because of a fixture that was left
 * @nr_dynamic: dynamic subtests run so far, or -1 outside of a container
 */
struct igt_compat {
	const char *program;
	enum igt_compat_mode mode;
	const char *wanted;
	const char *wanted_dynamic;
	char description[1024];
	struct igt_compat_block subtest;
	struct igt_compat_block dynamic;
	bool in_fixture;
	const char *ahead;
	int nr_dynamic;
	bool dynamic_failed;
	bool any_found;
	bool any_passed;
	bool any_failed;
	bool is_child;
	pid_t children[IGT_COMPAT_CHILDREN];
	int nr_children;
};

/* One in each program: igt_main() defines it. */
extern struct igt_compat igt_compat;

/* IGT_TEST_DESCRIPTION() defines it. */
extern const char *igt_compat_purpose igt_compat_is(weak);

#define IGT_TEST_DESCRIPTION(text)	const char *igt_compat_purpose = (text)

/* ---- Printing ----------------------------------------------------------- */

/* For igt_runner, which cuts the kernel's log along these lines, each one write. */
static inline igt_compat_printf(1, 2) void igt_compat_kmsg(const char *format, ...)
{
	int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	char message[512];
	va_list args;

	if (fd < 0)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	dprintf(fd, "<6>[IGT] %s: %s", igt_compat.program, message);
	close(fd);
}

static inline igt_compat_printf(1, 2) void igt_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
}

static inline igt_compat_printf(1, 2) void igt_warn(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "(%s:%d) WARNING: ", igt_compat.program, getpid());
	vfprintf(stderr, format, args);
	va_end(args);
}

/* Both streams are cut into subtests by the same lines. */
static inline igt_compat_printf(1, 2) void igt_compat_mark(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);

	if (!getenv("IGT_SENTINEL_ON_STDERR"))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

static inline void igt_compat_print_result(const struct igt_compat_block *block, const char *name,
					   const char *result, double seconds)
{
	igt_compat_mark("%s %s: %s (%.3fs)\n", block->kind, name, result, seconds);
}

/* ---- Leaving a block ---------------------------------------------------- */

static inline void igt_compat_kill_children(void)
{
	struct igt_compat *igt = &igt_compat;
	int i;

	for (i = 0; i < igt->nr_children; i++) {
		kill(igt->children[i], SIGKILL);
		waitpid(igt->children[i], NULL, 0);
	}
	igt->nr_children = 0;
}

static inline _Noreturn void igt_compat_leave(struct igt_compat_block *block, const char *result)
{
	struct timespec now;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = now.tv_sec - block->begun.tv_sec + (now.tv_nsec - block->begun.tv_nsec) / 1e9;
	igt_compat_print_result(block, block->name, result, seconds);
	if (block == &igt_compat.subtest)
		igt_compat_kmsg("finished subtest %s, %s\n", block->name, result);

	igt_compat_kill_children();
	block->name = NULL;
	longjmp(block->head, 1);
}

static inline _Noreturn void igt_compat_leave_fixture(const char *result)
{
	igt_compat.ahead = result;
	igt_compat.in_fixture = false;
	longjmp(igt_compat.subtest.head, 1);
}

static inline _Noreturn void igt_compat_die(const char *why)
{
	fprintf(stderr, "(%s:%d) CRITICAL: %s\n", igt_compat.program, getpid(), why);
	fflush(NULL);
	_exit(IGT_EXIT_ABORT);
}

static inline _Noreturn void igt_fail(int exit_code)
{
	struct igt_compat *igt = &igt_compat;

	if (igt->is_child)
		exit(exit_code);
	if (igt->dynamic.name) {
		igt->dynamic_failed = true;
		igt_compat_leave(&igt->dynamic, "FAIL");
	}

	igt->any_failed = true;
	if (igt->subtest.name)
		igt_compat_leave(&igt->subtest, "FAIL");
	if (igt->in_fixture)
		igt_compat_leave_fixture("FAIL");
	igt_compat_die("failed outside of every block");
}

static inline _Noreturn igt_compat_printf(1, 2) void igt_skip(const char *format, ...)
{
	struct igt_compat *igt = &igt_compat;
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);

	if (igt->is_child)
		igt_compat_die("skipped in a child");
	if (igt->dynamic.name) {
		igt->nr_dynamic--;
		igt_compat_leave(&igt->dynamic, "SKIP");
	}
	if (igt->subtest.name)
		igt_compat_leave(&igt->subtest, "SKIP");
	if (igt->in_fixture)
		igt_compat_leave_fixture("SKIP");
	igt_compat_die("skipped outside of every block");
}

static inline _Noreturn void igt_success(void)
{
	struct igt_compat *igt = &igt_compat;

	if (igt->dynamic.name)
		igt_compat_leave(&igt->dynamic, "SUCCESS");

	if (igt->nr_dynamic == 0)
		igt_skip("No dynamic tests executed.\n");
	if (igt->nr_dynamic > 0 && igt->dynamic_failed)
		igt_fail(IGT_EXIT_FAILURE);

	igt->any_passed = true;
	igt_compat_leave(&igt->subtest, "SUCCESS");
}

/* What a signal does to a test is a result like others, and the next one runs. */
static inline void igt_compat_crash(int sig)
{
	struct igt_compat *igt = &igt_compat;

	if (igt->is_child || !igt->subtest.name) {
		signal(sig, SIG_DFL);
		raise(sig);
		return;
	}

	fprintf(stderr, "Received signal %d, %s\n", sig, strsignal(sig));
	igt->any_failed = true;
	igt->dynamic.name = NULL;
	igt_compat_leave(&igt->subtest, "CRASH");
}

static inline void igt_compat_catch_crashes(void)
{
	/* Not deferred, because the handler does not return. */
	struct sigaction action = { .sa_handler = igt_compat_crash, .sa_flags = SA_NODEFER };

	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	sigaction(SIGILL, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	sigaction(SIGABRT, &action, NULL);
}

/* ---- Entering a block --------------------------------------------------- */

/* @patterns: globs between commas; the last that matches decides, "!" means no. */
static inline bool igt_compat_matches(const char *patterns, const char *name)
{
	bool matches = false;
	char glob[256];

	while (*patterns) {
		size_t length = strcspn(patterns, ",");
		bool is_no = *patterns == '!';

		snprintf(glob, sizeof(glob), "%.*s", (int)length - is_no, patterns + is_no);
		if (!fnmatch(glob, name, 0))
			matches = !is_no;
		patterns += length + (patterns[length] == ',');
	}
	return matches;
}

static inline void igt_compat_begin(struct igt_compat_block *block, const char *name)
{
	clock_gettime(CLOCK_MONOTONIC, &block->begun);
	block->name = name;
}

static inline bool igt_compat_begin_subtest(const char *name, const char *file, int line,
					    bool is_container)
{
	struct igt_compat *igt = &igt_compat;

	if (igt->wanted && !igt_compat_matches(igt->wanted, name)) {
		igt->description[0] = '\0';
		return false;
	}

	igt->any_found = true;
	switch (igt->mode) {
	case IGT_COMPAT_LIST:
		printf("%s\n", name);
		return false;
	case IGT_COMPAT_DESCRIBE:
		printf("SUB %s %s:%d:\n  %s\n\n", name, file, line,
		       igt->description[0] ? igt->description : "NO DOCUMENTATION!");
		igt->description[0] = '\0';
		return false;
	case IGT_COMPAT_RUN:
		break;
	}

	if (igt->ahead) {
		igt_compat_print_result(&igt->subtest, name, igt->ahead, 0);
		return false;
	}

	igt->nr_dynamic = is_container ? 0 : -1;
	igt->dynamic_failed = false;
	igt_compat_kmsg("starting subtest %s\n", name);
	igt_compat_mark("Starting subtest: %s\n", name);
	igt_compat_begin(&igt->subtest, name);
	return true;
}

static inline bool igt_compat_begin_dynamic(const char *name)
{
	struct igt_compat *igt = &igt_compat;

	if (igt->wanted_dynamic && !igt_compat_matches(igt->wanted_dynamic, name))
		return false;

	igt->nr_dynamic++;
	igt_compat_kmsg("starting dynamic subtest %s\n", name);
	igt_compat_mark("Starting dynamic subtest: %s\n", name);
	igt_compat_begin(&igt->dynamic, name);
	return true;
}

static inline bool igt_compat_begin_fixture(void)
{
	igt_compat.in_fixture = igt_compat.mode == IGT_COMPAT_RUN && !igt_compat.ahead;
	return igt_compat.in_fixture;
}

static inline bool igt_compat_end_fixture(void)
{
	igt_compat.in_fixture = false;
	return false;
}

#define igt_compat_join_(a, b)	a ## b
#define igt_compat_join(a, b)	igt_compat_join_(a, b)
#define igt_compat_unique(name)	igt_compat_join(name, __LINE__)

/* Only what is written while a block runs could be lost in a jump: not these. */
#define igt_fixture()								\
	for (volatile bool igt_compat_unique(once) = true;			\
	     igt_compat_unique(once) && igt_compat_begin_fixture() &&		\
	     !setjmp(igt_compat.subtest.head);					\
	     igt_compat_unique(once) = igt_compat_end_fixture())

#define igt_compat_subtest(name, is_container)					\
	for (; igt_compat_begin_subtest(name, __FILE__, __LINE__, is_container) && \
	     !setjmp(igt_compat.subtest.head); igt_success())

#define igt_subtest(name)		igt_compat_subtest(name, false)
#define igt_subtest_with_dynamic(name)	igt_compat_subtest(name, true)

#define igt_dynamic(name)							\
	for (; igt_compat_begin_dynamic(name) &&				\
	     !setjmp(igt_compat.dynamic.head); igt_success())

/* The same with a printf format. */
#define igt_compat_named(kind, format...)					\
	for (char igt_compat_unique(name)[256], *igt_compat_unique(once) = "";	\
	     igt_compat_unique(once) && snprintf(igt_compat_unique(name),	\
						 sizeof(igt_compat_unique(name)), \
						 format);			\
	     igt_compat_unique(once) = NULL)					\
		kind(igt_compat_unique(name))

#define igt_subtest_f(format...)		igt_compat_named(igt_subtest, format)
#define igt_subtest_with_dynamic_f(format...)	igt_compat_named(igt_subtest_with_dynamic, format)
#define igt_dynamic_f(format...)		igt_compat_named(igt_dynamic, format)

/* What a fixture inside does to those after it ends with the group. */
#define igt_subtest_group()							\
	for (const char *igt_compat_unique(once) = "", *igt_compat_unique(outer) = \
	     igt_compat.ahead; igt_compat_unique(once);				\
	     igt_compat_unique(once) = NULL, igt_compat.ahead = igt_compat_unique(outer))

static inline igt_compat_printf(1, 2) void igt_describe_f(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(igt_compat.description, sizeof(igt_compat.description), format, args);
	va_end(args);
}

#define igt_describe(text)	igt_describe_f("%s", text)

/* The subtest that runs, or NULL. */
#define igt_subtest_name()	((const char *)igt_compat.subtest.name)

/* ---- Asserting ---------------------------------------------------------- */

static inline _Noreturn igt_compat_printf(5, 6)
void igt_compat_fail(const char *file, int line, const char *function, const char *claim,
		     const char *format, ...)
{
	int error = errno;
	va_list args;

	fflush(stdout);
	fprintf(stderr, "(%s:%d) CRITICAL: Test assertion failure function %s, file %s:%d:\n",
		igt_compat.program, getpid(), function, file, line);
	fprintf(stderr, "Failed assertion: %s\n", claim);
	if (error)
		fprintf(stderr, "Last errno: %d, %s\n", error, strerror(error));
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	igt_fail(IGT_EXIT_FAILURE);
}

#define igt_assert_f(claim, format...)						\
	do {									\
		if (!(claim))							\
			igt_compat_fail(__FILE__, __LINE__, __func__, #claim, format); \
	} while (0)

#define igt_assert(claim)	igt_assert_f(claim, "%s", "")

#define igt_compat_compare(type, format, n1, op, n2)				\
	do {									\
		type __n1 = (n1);						\
		type __n2 = (n2);						\
										\
		if (!(__n1 op __n2))						\
			igt_compat_fail(__FILE__, __LINE__, __func__,		\
					#n1 " " #op " " #n2, format, __n1, __n2); \
	} while (0)

#define igt_compat_int(n1, op, n2)						\
	igt_compat_compare(int, "not %d " #op " %d\n", n1, op, n2)
#define igt_compat_u32(n1, op, n2)						\
	igt_compat_compare(uint32_t, "not %#x " #op " %#x\n", n1, op, n2)
#define igt_compat_u64(n1, op, n2)						\
	igt_compat_compare(unsigned long long, "not %#llx " #op " %#llx\n", n1, op, n2)

#define igt_assert_eq(n1, n2)		igt_compat_int(n1, ==, n2)
#define igt_assert_neq(n1, n2)		igt_compat_int(n1, !=, n2)
#define igt_assert_lt(n1, n2)		igt_compat_int(n1, <, n2)
#define igt_assert_lte(n1, n2)		igt_compat_int(n1, <=, n2)
#define igt_assert_eq_u32(n1, n2)	igt_compat_u32(n1, ==, n2)
#define igt_assert_neq_u32(n1, n2)	igt_compat_u32(n1, !=, n2)
#define igt_assert_lt_u32(n1, n2)	igt_compat_u32(n1, <, n2)
#define igt_assert_lte_u32(n1, n2)	igt_compat_u32(n1, <=, n2)
#define igt_assert_eq_u64(n1, n2)	igt_compat_u64(n1, ==, n2)
#define igt_assert_neq_u64(n1, n2)	igt_compat_u64(n1, !=, n2)
#define igt_assert_lt_u64(n1, n2)	igt_compat_u64(n1, <, n2)
#define igt_assert_lte_u64(n1, n2)	igt_compat_u64(n1, <=, n2)
#define igt_assert_fd(fd)		igt_assert_lte(0, fd)

#define igt_skip_on_f(reason, format...)					\
	do {									\
		if (reason) {							\
			igt_info("Test requirement not met in function %s, file %s:%d:\n" \
				 "Test requirement: !(%s)\n", __func__, __FILE__, \
				 __LINE__, #reason);				\
			igt_skip(format);					\
		}								\
	} while (0)

#define igt_skip_on(reason)		igt_skip_on_f(reason, "%s", "")
#define igt_require_f(need, format...)	igt_skip_on_f(!(need), format)
#define igt_require(need)		igt_skip_on(!(need))
#define igt_require_fd(fd)		igt_require((fd) >= 0)

static inline uint64_t igt_compat_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Poll @claim until it holds or the time is up. Evaluates to whether it did. */
#define igt_wait(claim, timeout_ms, interval_ms)				\
	({									\
		uint64_t __until = igt_compat_now_ms() + (timeout_ms);		\
		bool __holds;							\
										\
		while (!(__holds = (claim)) && igt_compat_now_ms() < __until)	\
			usleep((interval_ms) * 1000);				\
		__holds;							\
	})

/* ---- Children ----------------------------------------------------------- */

/* Return: in a child its number, in the parent @count. */
static inline int igt_compat_fork(int count)
{
	struct igt_compat *igt = &igt_compat;
	int i;

	igt_assert_lte(igt->nr_children + count, IGT_COMPAT_CHILDREN);
	/* Or all would print what is buffered. */
	fflush(NULL);
	for (i = 0; i < count; i++) {
		pid_t pid = fork();

		igt_assert_lte(0, pid);
		if (!pid) {
			igt->is_child = true;
			igt->nr_children = 0;
			break;
		}
		igt->children[igt->nr_children++] = pid;
	}
	return i;
}

static inline bool igt_compat_in_child(void)
{
	return igt_compat.is_child;
}

/* Run the block in @count children; @child is the number of each. */
#define igt_fork(child, count)							\
	for (int child igt_compat_is(unused) = igt_compat_fork(count);		\
	     igt_compat_in_child(); exit(0))

static inline void igt_waitchildren(void)
{
	struct igt_compat *igt = &igt_compat;
	int bad = 0;
	int status;

	while (igt->nr_children) {
		pid_t pid = igt->children[--igt->nr_children];

		igt_assert_eq(waitpid(pid, &status, 0), pid);
		if (!status)
			continue;
		printf("child %d failed with %s %d\n", igt->nr_children,
		       WIFSIGNALED(status) ? "signal" : "exit status",
		       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
		bad = IGT_EXIT_FAILURE;
	}
	if (bad)
		igt_fail(bad);
}

static inline void igt_drop_root(void)
{
	igt_assert_eq(setgroups(0, NULL), 0);
	igt_assert_eq(setgid(2), 0);
	igt_assert_eq(setuid(2), 0);
}

/* ---- Devices ------------------------------------------------------------ */

#define DRIVER_ANY	(-1)

#define igt_ioctl	drmIoctl

#define do_ioctl(fd, request, arg)						\
	do {									\
		igt_assert_eq(igt_ioctl(fd, request, arg), 0);			\
		errno = 0;							\
	} while (0)

#define do_ioctl_err(fd, request, arg, error)					\
	do {									\
		igt_assert_eq(igt_ioctl(fd, request, arg), -1);			\
		igt_assert_eq(errno, error);					\
		errno = 0;							\
	} while (0)

/* Is @fd a device that IGT would take for DRIVER_ANY? */
static inline bool igt_compat_is_wanted(int fd)
{
	const char *forced = getenv("IGT_FORCE_DRIVER");
	drmVersionPtr version = drmGetVersion(fd);
	bool is_wanted;

	if (!version)
		return false;
	if (forced)
		is_wanted = !strcmp(version->name, forced);
	else
		is_wanted = strcmp(version->name, "vgem") && strcmp(version->name, "vkms") &&
			    strcmp(version->name, "virtio_gpu");
	drmFreeVersion(version);
	return is_wanted;
}

static inline int igt_compat_open(const char *kind, int first)
{
	char path[64];
	int i, fd;

	for (i = first; i < first + 16; i++) {
		snprintf(path, sizeof(path), "/dev/dri/%s%d", kind, i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && igt_compat_is_wanted(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	igt_skip("No known gpu found\n");
}

static inline int drm_open_driver(int chipset)
{
	(void)chipset;
	return igt_compat_open("card", 0);
}

static inline int drm_open_driver_render(int chipset)
{
	(void)chipset;
	return igt_compat_open("renderD", 128);
}

/* Another file of the same node. */
static inline int drm_reopen_driver(int fd)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	igt_assert_fd(fd);
	return fd;
}

static inline int drm_close_driver(int fd)
{
	return close(fd);
}

static inline void gem_close(int fd, uint32_t handle)
{
	struct drm_gem_close close_args = { .handle = handle };

	igt_assert_neq_u32(handle, 0);
	do_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &close_args);
}

static inline int prime_handle_to_fd(int fd, uint32_t handle)
{
	int dmabuf = -1;

	igt_assert_eq(drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC, &dmabuf), 0);
	return dmabuf;
}

static inline int prime_handle_to_fd_for_mmap(int fd, uint32_t handle)
{
	int dmabuf = -1;

	/* Not every kernel has it. */
	if (drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf))
		return -1;
	return dmabuf;
}

static inline uint32_t prime_fd_to_handle(int fd, int dmabuf)
{
	uint32_t handle = 0;

	igt_assert_eq(drmPrimeFDToHandle(fd, dmabuf, &handle), 0);
	return handle;
}

static inline uint32_t syncobj_create(int fd, uint32_t flags)
{
	uint32_t handle = 0;

	igt_assert_eq(drmSyncobjCreate(fd, flags, &handle), 0);
	return handle;
}

static inline void syncobj_destroy(int fd, uint32_t handle)
{
	igt_assert_eq(drmSyncobjDestroy(fd, handle), 0);
}

/* ---- The program -------------------------------------------------------- */

static inline _Noreturn void igt_compat_usage(int exit_code)
{
	fprintf(exit_code ? stderr : stdout,
		"Usage: %s [OPTIONS]\n"
		"  --list-subtests\n"
		"  --run-subtest <pattern>\n"
		"  --dynamic-subtest <pattern>\n"
		"  --describe[=<pattern>]\n"
		"  --help-description\n"
		"  --help\n", igt_compat.program);
	exit(exit_code);
}

static inline void igt_compat_parse(int argc, char **argv)
{
	enum { LIST = 'l', RUN = 'r', DYNAMIC = 'd', DESCRIBE = 'e', PURPOSE = 'p', HELP = 'h' };
	static const struct option options[] = {
		{ "list-subtests", no_argument, NULL, LIST },
		{ "run-subtest", required_argument, NULL, RUN },
		{ "dynamic-subtest", required_argument, NULL, DYNAMIC },
		{ "describe", optional_argument, NULL, DESCRIBE },
		{ "help-description", no_argument, NULL, PURPOSE },
		{ "help", no_argument, NULL, HELP },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case LIST:
			igt_compat.mode = IGT_COMPAT_LIST;
			break;
		case RUN:
			igt_compat.wanted = optarg;
			break;
		case DYNAMIC:
			igt_compat.wanted_dynamic = optarg;
			break;
		case DESCRIBE:
			igt_compat.mode = IGT_COMPAT_DESCRIBE;
			igt_compat.wanted = optarg;
			break;
		case PURPOSE:
			printf("%s\n", &igt_compat_purpose ? igt_compat_purpose : "");
			exit(IGT_EXIT_SUCCESS);
		case HELP:
			igt_compat_usage(IGT_EXIT_SUCCESS);
		default:
			igt_compat_usage(IGT_EXIT_INVALID);
		}
	}
}

static inline void igt_compat_init(int argc, char **argv)
{
	const char *slash = strrchr(argv[0], '/');
	struct utsname kernel;

	igt_compat.program = slash ? slash + 1 : argv[0];
	igt_compat.subtest.kind = "Subtest";
	igt_compat.dynamic.kind = "Dynamic subtest";
	igt_compat.nr_dynamic = -1;
	igt_compat_parse(argc, argv);
	if (igt_compat.mode != IGT_COMPAT_RUN)
		return;

	uname(&kernel);
	igt_compat_kmsg("executing\n");
	igt_info("IGT-Version: 2.5-compat (%s) (%s: %s %s)\n", kernel.machine, kernel.sysname,
		 kernel.release, kernel.machine);
	igt_compat_catch_crashes();
}

static inline _Noreturn void igt_exit(void)
{
	struct igt_compat *igt = &igt_compat;
	int exit_code = IGT_EXIT_SKIP;

	if (igt->wanted && !igt->any_found) {
		fprintf(stderr, "Unknown subtest: %s\n", igt->wanted);
		exit(IGT_EXIT_INVALID);
	}
	if (igt->mode != IGT_COMPAT_RUN)
		exit(IGT_EXIT_SUCCESS);

	if (igt->any_failed)
		exit_code = IGT_EXIT_FAILURE;
	else if (igt->any_passed)
		exit_code = IGT_EXIT_SUCCESS;
	igt_compat_kmsg("exiting, ret=%d\n", exit_code);
	exit(exit_code);
}

/* To be written "int igt_main()". */
#define igt_main()								\
	main(int argc, char **argv);						\
	static void igt_compat_body(void);					\
	struct igt_compat igt_compat;						\
										\
	int main(int argc, char **argv)						\
	{									\
		igt_compat_init(argc, argv);					\
		igt_compat_body();						\
		igt_exit();							\
	}									\
	static void igt_compat_body(void)

#endif
