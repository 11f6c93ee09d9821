// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl demo: a computation on plain memory, shown step by step.
 *
 * The program adds two arrays into a third, on the device, by their pointers; and
 * nowhere in it is there a call that copies. After each step it prints where every
 * page of the arrays is, and what the driver counted.
 *
 * Every result is compared on the CPU with what a formula says. The formulas use
 * the position in the array and no memory of the demo, so that a page that was
 * lost or mixed up is not right by chance. Reading by the CPU brings memory back,
 * so the maps of a step are taken before its results are read.
 *
 * A step is: begin, the work, measure, look at what is to be shown, show, verify,
 * end. Quarters are quarters of an array's elements.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hmmctl.h"

#define MAX_MAPS	3
#define FACTOR		3	/* what the device multiplies a by in step 4 */
#define NR_ATOMICS	2000	/* that the device does in step 5 */
#define CPU_BATCH	64	/* additions of the CPU between looks at the job */

/*
 * An array is so much smaller than its pages, in elements: malloc() needs some of
 * them for itself.
 */
#define SPARE		16

struct array {
	const char *name;
	uint32_t *elements;
	char *start;		/* of the pages it is in */
	size_t size;		/* and their bytes */
};

struct demo {
	struct common common;
	struct session session;
	struct array a, b, c;
	size_t nr;		/* elements of each array */
	uint64_t nr_verified;
	uint64_t nr_wrong;

	/* This step. */
	unsigned int step;
	struct meter meter;
	struct numbers numbers;
	struct map maps[MAX_MAPS];
	unsigned int nr_maps;
	uint64_t verified_before;
	cJSON *object;		/* what is printed at its end, with --json */
};

/* ---- What the elements should be ---------------------------------------- */

typedef uint32_t value_of(size_t i, size_t nr);

static uint32_t value_a(size_t i, size_t nr)
{
	(void)nr;
	return (uint32_t)i * 2654435761u + 1;
}

static uint32_t value_b(size_t i, size_t nr)
{
	(void)nr;
	return (uint32_t)(i * i) ^ 0x5a5a5a5a;
}

static uint32_t value_c(size_t i, size_t nr)
{
	return value_a(i, nr) + value_b(i, nr);
}

static size_t quarter(size_t number, size_t nr)
{
	return nr / 4 * number;	/* nr is a multiple of 4 */
}

/* Step 4: the child writes the first and the third quarter of a. */
static uint32_t value_written_by_child(size_t i)
{
	return ~(uint32_t)i;
}

static uint32_t value_a_in_child(size_t i, size_t nr)
{
	if (i < quarter(1, nr) || (i >= quarter(2, nr) && i < quarter(3, nr)))
		return value_written_by_child(i);
	return value_a(i, nr);
}

/* And the device of the parent multiplies the second and the third. */
static uint32_t value_a_in_parent(size_t i, size_t nr)
{
	if (i >= quarter(1, nr) && i < quarter(3, nr))
		return value_a(i, nr) * FACTOR;
	return value_a(i, nr);
}

/* What comparing found. */
struct verdict {
	size_t nr_verified;
	size_t nr_wrong;
	size_t first;		/* index of the first wrong one */
	uint32_t is;
	uint32_t should_be;
};

static struct verdict compare(const uint32_t *elements, size_t first,
			      size_t end, size_t nr, value_of *value)
{
	struct verdict verdict = { .nr_verified = end - first };
	size_t i;

	for (i = first; i < end; i++) {
		uint32_t is = elements[i], should_be = value(i, nr);

		if (is == should_be)
			continue;
		if (!verdict.nr_wrong++) {
			verdict.first = i;
			verdict.is = is;
			verdict.should_be = should_be;
		}
	}
	return verdict;
}

static void judge(struct demo *demo, const char *name,
		  const struct verdict *verdict)
{
	demo->nr_verified += verdict->nr_verified;
	demo->nr_wrong += verdict->nr_wrong;
	if (verdict->nr_wrong)
		complain(0, "step %u: %zu of %s are wrong; [%zu] is 0x%08x, it should be 0x%08x",
			 demo->step, verdict->nr_wrong, name, verdict->first,
			 verdict->is, verdict->should_be);
}

static void verify(struct demo *demo, const struct array *array, size_t first,
		   size_t end, value_of *value)
{
	struct verdict verdict;

	verdict = compare(array->elements, first, end, demo->nr, value);
	judge(demo, array->name, &verdict);
}

/* ---- Steps -------------------------------------------------------------- */

static int begin(struct demo *demo, const char *title)
{
	const int bold = demo->common.style.colour;

	demo->step++;
	demo->nr_maps = 0;
	demo->verified_before = demo->nr_verified;
	if (demo->common.json) {
		demo->object = json_new();
		json_u64(demo->object, "step", demo->step);
		json_string(demo->object, "title", title);
	} else {
		printf("\n%s%u  ", bold ? "\033[1m" : "", demo->step);
		print_wrapped(title, 3);
		printf("%s\n\n", bold ? "\033[0m" : "");
		fflush(stdout);
	}
	return meter_start(&demo->session, &demo->meter);
}

static int measure(struct demo *demo)
{
	return meter_stop(&demo->session, &demo->meter, &demo->numbers);
}

static void add_map(struct demo *demo, const char *name,
		    const unsigned char *kinds, size_t size)
{
	demo->maps[demo->nr_maps++] = (struct map) {
		.label = name,
		.kinds = kinds,
		.nr_pages = size / demo->session.page_size,
		.page_size = demo->session.page_size,
	};
}

static int look(struct demo *demo, const char *name, const void *start,
		size_t size)
{
	unsigned char *kinds = memory_kinds(&demo->session, start, size);

	if (!kinds)
		return FAILED;
	add_map(demo, name, kinds, size);
	return DONE;
}

static int look_at_array(struct demo *demo, const struct array *array)
{
	return look(demo, array->name, array->start, array->size);
}

static int look_at_arrays(struct demo *demo)
{
	return look_at_array(demo, &demo->a) || look_at_array(demo, &demo->b) ||
	       look_at_array(demo, &demo->c);
}

/* Print the maps and the numbers; the maps' kinds are freed. */
static void show(struct demo *demo)
{
	cJSON *array = NULL;
	unsigned int i;

	if (demo->object)
		array = cJSON_AddArrayToObject(demo->object, "maps");
	for (i = 0; i < demo->nr_maps; i++) {
		if (array)
			cJSON_AddItemToArray(array, json_map(&demo->maps[i]));
		else
			map_print(stdout, &demo->maps[i], &demo->common.style);
		free((void *)demo->maps[i].kinds);
	}
	demo->nr_maps = 0;

	if (demo->object) {
		numbers_json(demo->object, &demo->numbers);
		return;
	}
	printf("\n");
	numbers_print(&demo->numbers);
	fflush(stdout);
}

static int end(struct demo *demo)
{
	uint64_t nr = demo->nr_verified - demo->verified_before;

	if (demo->object) {
		json_u64(demo->object, "verified", nr);
		json_print(demo->object);
		demo->object = NULL;
	} else if (nr && !demo->nr_wrong) {
		printf("  right   %" PRIu64 " result%s\n", nr,
		       nr == 1 ? "" : "s");
	}
	/* What comes next builds on these results. */
	return demo->nr_wrong ? FAILED : DONE;
}

static int step_fill(struct demo *demo)
{
	size_t i;

	if (begin(demo,
		  "The CPU fills a and b. Nobody has touched c: it has no pages yet."))
		return FAILED;
	for (i = 0; i < demo->nr; i++) {
		demo->a.elements[i] = value_a(i, demo->nr);
		demo->b.elements[i] = value_b(i, demo->nr);
	}
	if (measure(demo) || look_at_arrays(demo))
		return FAILED;
	show(demo);
	return end(demo);
}

static int step_compute(struct demo *demo)
{
	struct session *session = &demo->session;

	if (begin(demo,
		  "The device computes c = a + b, by the pointers and without a copy call."))
		return FAILED;
	dummy_stream_vadd(session->stream, dummy_addr(demo->c.elements),
			  dummy_addr(demo->a.elements),
			  dummy_addr(demo->b.elements), demo->nr,
			  sizeof(*demo->c.elements));
	dummy_stream_end(session->stream);
	if (session_run(session, NULL))
		return FAILED;
	if (measure(demo) || look_at_arrays(demo))
		return FAILED;
	show(demo);
	return end(demo);
}

static int step_read(struct demo *demo)
{
	if (begin(demo,
		  "The CPU reads the first quarter of c: just that part comes back."))
		return FAILED;
	verify(demo, &demo->c, 0, quarter(1, demo->nr), value_c);
	if (measure(demo) || look_at_arrays(demo))
		return FAILED;
	show(demo);
	return end(demo);
}

/* What the child says, in memory that both have. */
struct family {
	struct verdict verdict;
	unsigned char kinds[];
};

/* Wait until the process at the other end of a socket is here too, or gone. */
static int meet(int other)
{
	char byte = 0;

	if (send(other, &byte, 1, MSG_NOSIGNAL) == 1 &&
	    recv(other, &byte, 1, 0) == 1)
		return DONE;
	return FAILED;
}

/*
 * The child of step 4. Its VM is its own: the parent's shows the parent's memory
 * only. Nothing is printed here but complaints, and nothing is cleaned up: all of
 * it is a copy.
 */
static void run_child(struct demo *demo, struct family *family, int parent)
{
	struct array *a = &demo->a;
	struct session session;
	unsigned char *kinds;
	size_t i;

	for (i = 0; i < quarter(3, demo->nr); i++) {
		if (i == quarter(1, demo->nr))
			i = quarter(2, demo->nr);
		a->elements[i] = value_written_by_child(i);
	}

	/* Look and compare only when the device has written all it will. */
	if (meet(parent) || session_open(&session, &demo->common))
		_exit(FAILED);
	kinds = memory_kinds(&session, a->start, a->size);
	if (!kinds)
		_exit(FAILED);
	memcpy(family->kinds, kinds, a->size / session.page_size);

	/* And not before the parent has looked as well. */
	if (meet(parent))
		_exit(FAILED);
	family->verdict = compare(a->elements, 0, demo->nr, demo->nr,
				  value_a_in_child);
	_exit(DONE);
}

/* The parent of step 4, while the child runs. */
static int run_parent(struct demo *demo, const struct family *family, int child)
{
	struct session *session = &demo->session;
	struct array *a = &demo->a;
	size_t first = quarter(1, demo->nr), last = quarter(3, demo->nr);
	unsigned char *kinds;

	dummy_stream_vscale(session->stream, dummy_addr(a->elements + first),
			    dummy_addr(a->elements + first), FACTOR,
			    last - first, sizeof(*a->elements));
	dummy_stream_end(session->stream);
	if (session_run(session, NULL))
		return FAILED;
	if (meet(child) || measure(demo) || look_at_array(demo, a) ||
	    meet(child))
		return FAILED;

	kinds = malloc(a->size / session->page_size);
	if (!kinds)
		return complain(ENOMEM, "cannot show the child");
	memcpy(kinds, family->kinds, a->size / session->page_size);
	add_map(demo, "child's", kinds, a->size);
	show(demo);
	if (!demo->common.json)
		printf("  written quarters 1 and 3 by the child, 2 and 3 by the device\n");

	verify(demo, a, 0, demo->nr, value_a_in_parent);
	return DONE;
}

static int reap(struct demo *demo, pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return complain(errno, "cannot wait for the child");
	}
	/* SIGKILL is from us, after a complaint. */
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
		return FAILED;
	if (WIFSIGNALED(status))
		return complain(0, "step %u: the child was killed by signal %d",
				demo->step, WTERMSIG(status));
	return WEXITSTATUS(status);
}

static int step_fork(struct demo *demo)
{
	size_t size = sizeof(struct family) + demo->a.size;
	struct family *family;
	int sockets[2];
	int status;
	pid_t pid;

	if (begin(demo,
		  "Fork: the child and the parent's device write a; neither sees the other's."))
		return FAILED;

	family = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (family == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets))
		return complain(errno, "cannot prepare for a child");
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return complain(errno, "cannot fork");

	/* Either closes the other's end, so that it notices if the other dies. */
	close(sockets[pid ? 1 : 0]);
	if (!pid)
		run_child(demo, family, sockets[1]);
	status = run_parent(demo, family, sockets[0]);
	if (status)
		kill(pid, SIGKILL);
	close(sockets[0]);
	status = reap(demo, pid) || status;
	if (!status) {
		judge(demo, "the child's a", &family->verdict);
		status = end(demo);
	}
	munmap(family, size);
	return status;
}

/* Add 1 to the counter, nr times, in a loop of the stream. */
static void add_in_loop(struct dummy_stream *s, const uint64_t *counter,
			unsigned int nr)
{
	uint64_t loop;

	dummy_stream_set(s, 1, 0);
	loop = dummy_stream_size(s);
	dummy_stream_atomic_add(s, 0, dummy_addr(counter), 1, sizeof(*counter));
	dummy_stream_add(s, 1, 1);
	dummy_stream_jump(s, loop, DUMMY_GPU_COND_LT, 1, nr);
	dummy_stream_end(s);
}

static int step_count(struct demo *demo)
{
	struct session *session = &demo->session;
	uint64_t *counter, by_cpu = 0, job_id;
	unsigned int i;
	int ret;

	if (!(session->caps & DRM_DUMMY_GPU_CAP_ATOMICS))
		return DONE;
	counter = memory_map(session, session->page_size, THP_NEVER);
	if (!counter)
		return FAILED;
	if (begin(demo,
		  "Device and CPU add to one counter, which stays here, at the same time."))
		return FAILED;

	/* Else it would be moved, and moved back, which is correct and less fun. */
	ret = dummy_advise(session->vm, counter, session->page_size,
			   DRM_DUMMY_GPU_ADVICE_PLACE,
			   DRM_DUMMY_GPU_PLACE_SYSTEM);
	if (ret)
		return complain(ret, "cannot advise");

	add_in_loop(session->stream, counter, NR_ATOMICS);
	if (session_submit(session, &job_id))
		return FAILED;
	do {
		for (i = 0; i < CPU_BATCH; i++)
			__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
		by_cpu += CPU_BATCH;
	} while (dummy_wait(session->queue, job_id, 0, NULL) == -ETIME);
	if (session_wait(session, job_id, NULL))
		return FAILED;

	/* Once more, so that the map shows whose it is then. */
	add_in_loop(session->stream, counter, 1);
	if (session_run(session, NULL))
		return FAILED;
	if (measure(demo) || look(demo, "counter", counter, session->page_size))
		return FAILED;
	show(demo);

	demo->nr_verified++;
	if (*counter != by_cpu + NR_ATOMICS + 1) {
		demo->nr_wrong++;
		complain(0, "step %u: the counter is %" PRIu64 ", it should be %"
			 PRIu64, demo->step, *counter, by_cpu + NR_ATOMICS + 1);
	} else if (!demo->common.json) {
		printf("  added   %u by the device, %" PRIu64 " by the CPU\n",
		       NR_ATOMICS + 1, by_cpu);
	}
	return end(demo);
}

static int step_back(struct demo *demo)
{
	const struct array *const arrays[] = { &demo->a, &demo->b, &demo->c };
	size_t i;
	int ret;

	if (begin(demo,
		  "The program asks for everything back in system memory."))
		return FAILED;
	for (i = 0; i < ARRAY_SIZE(arrays); i++) {
		ret = dummy_migrate(demo->session.vm, arrays[i]->start,
				    arrays[i]->size,
				    DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL);
		if (ret)
			return complain(ret, "cannot migrate %s",
					arrays[i]->name);
	}
	if (measure(demo) || look_at_arrays(demo))
		return FAILED;
	show(demo);

	verify(demo, &demo->a, 0, demo->nr, value_a_in_parent);
	verify(demo, &demo->b, 0, demo->nr, value_b);
	verify(demo, &demo->c, 0, demo->nr, value_c);
	return end(demo);
}

/* ---- The demo ----------------------------------------------------------- */

static int make_arrays(struct demo *demo, size_t size)
{
	struct array *a = &demo->a, *b = &demo->b, *c = &demo->c;
	size_t page_size = demo->session.page_size;
	size_t offset;

	size = round_up(size, page_size);
	demo->nr = size / sizeof(*a->elements) - SPARE;

	a->name = "a";
	a->elements = malloc(demo->nr * sizeof(*a->elements));
	if (!a->elements)
		return complain(ENOMEM, "cannot allocate a");
	offset = dummy_addr(a->elements) % page_size;
	a->start = (char *)a->elements - offset;
	a->size = round_up(offset + demo->nr * sizeof(*a->elements), page_size);

	b->name = "b";
	b->size = size;
	b->start = memory_map(&demo->session, size, THP_ALWAYS);
	b->elements = (uint32_t *)b->start;

	c->name = "c";
	c->size = size;
	c->start = memory_map(&demo->session, size, THP_NEVER);
	c->elements = (uint32_t *)c->start;
	return b->start && c->start ? DONE : FAILED;
}

static void introduce(const struct demo *demo)
{
	const struct map map = {
		.nr_pages = demo->c.size / demo->session.page_size,
		.page_size = demo->session.page_size,
	};

	char text[400];

	snprintf(text, sizeof(text),
		 "Three arrays of %zu numbers: a is from malloc(), b from mmap() with 2 MiB pages, c from mmap() with %s pages. Device %u has %s of memory. In the maps one cell is %s:",
		 demo->nr, size_text(demo->session.page_size),
		 demo->common.device,
		 size_text(dummy_device_info(demo->session.dev)->vram_size),
		 size_text(map_cell_size(&map)));
	print_wrapped(text, 0);
	printf("\n\n  ");
	map_print_legend(stdout, &demo->common.style);
}

static void conclude(const struct demo *demo, int status)
{
	cJSON *object;

	if (demo->common.json) {
		object = json_new();
		json_u64(object, "steps", demo->step);
		json_u64(object, "verified", demo->nr_verified);
		json_u64(object, "wrong", demo->nr_wrong);
		json_bool(object, "ok", status == DONE);
		json_print(object);
	} else if (status == DONE) {
		printf("\nall %" PRIu64 " results verified on the CPU\n",
		       demo->nr_verified);
	} else {
		printf("\nfailed in step %u; %" PRIu64 " results were right, %"
		       PRIu64 " wrong\n", demo->step,
		       demo->nr_verified - demo->nr_wrong, demo->nr_wrong);
	}
}

int command_demo(int argc, char **argv)
{
	static int (*const steps[])(struct demo *demo) = {
		step_fill, step_compute, step_read, step_fork, step_count,
		step_back,
	};
	struct demo demo = { 0 };
	uint64_t size = 8 << 20;
	const struct option_spec specs[] = {
		{ "size", "SIZE", "of each of the three arrays (8M)",
		  parse_size, &size },
		{ 0 },
	};
	int status;
	size_t i;

	status = options_parse(argc, argv,
			       "Compute on plain memory with the device, show where each part of it is after\n"
			       "each step, and verify every result on the CPU.",
			       specs, &demo.common);
	if (status >= 0)
		return status;
	if (session_open(&demo.session, &demo.common))
		return FAILED;

	status = make_arrays(&demo, size);
	if (!status && !demo.common.json)
		introduce(&demo);
	for (i = 0; !status && i < ARRAY_SIZE(steps); i++)
		status = steps[i](&demo);
	conclude(&demo, status);
	session_close(&demo.session);
	return status;
}
