/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands of hmmctl share.
 *
 * Commands print for people, or with --json one JSON document per line, never
 * both; complaints always go to stderr. Memory that a command makes for itself is
 * left to the end of the process, which is the end of the command.
 */
#ifndef HMMCTL_H
#define HMMCTL_H

#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <dummy.h>

#include "map.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/* Exit status. */
enum {
	DONE = 0,
	FAILED = 1,		/* or something was not as it should be */
	USAGE = 2,
};

/* ---- options.c ---------------------------------------------------------- */

/* Options every command has. */
struct common {
	unsigned int device;	/* --device */
	int device_given;
	int json;		/* --json */
	struct map_style style;	/* --style */
};

/* One more option of a command; a table of them ends with name NULL. */
struct option_spec {
	const char *name;	/* without the dashes */
	const char *arg;	/* what the help calls its argument; NULL: has none */
	const char *help;
	int (*parse)(const char *text, void *value);	/* 0 if it is good */
	void *value;
};

/*
 * Read a command's options. Returns -1 if it should go on, else the status to
 * exit with: after -h, or after complaining.
 */
int options_parse(int argc, char **argv, const char *about,
		  const struct option_spec *specs, struct common *common);

int parse_flag(const char *text, void *value);		/* int */
int parse_number(const char *text, void *value);	/* unsigned int */
int parse_size(const char *text, void *value);		/* uint64_t; 64K, 2M, 1G */
int parse_size_or_all(const char *text, void *value);	/* uint64_t */
int parse_string(const char *text, void *value);	/* const char * */
int parse_thp(const char *text, void *value);		/* enum thp */

/* ---- output.c ----------------------------------------------------------- */

/* "hmmctl: <what>: <error>" on stderr; returns FAILED. */
int complain(int error, const char *what, ...)
	__attribute__((format(printf, 2, 3)));

/* Text for people; each is good until the eighth call after it. */
const char *size_text(uint64_t bytes);
const char *time_text(uint64_t ns);

/*
 * Print words, wrapped at 80 columns, without a newline at the end. The first
 * line is at column @indent already, the others are moved there.
 */
void print_wrapped(const char *text, unsigned int indent);

cJSON *json_new(void);
void json_u64(cJSON *object, const char *name, uint64_t value);
void json_hex(cJSON *object, const char *name, uint64_t value);
void json_string(cJSON *object, const char *name, const char *value);
void json_bool(cJSON *object, const char *name, int value);
/* Print as one line, and free. */
void json_print(cJSON *object);
/* What map_print() shows: how many pages of each kind, and the runs. */
cJSON *json_map(const struct map *map);

/* ---- session.c ---------------------------------------------------------- */

/* A device, and what it takes to run streams on this process's memory. */
struct session {
	struct dummy_device *dev;
	struct dummy_vm *vm;
	struct dummy_queue *queue;
	struct dummy_stream *stream;	/* empty between runs */
	unsigned int page_size;
	unsigned int huge_size;
	uint64_t caps;
};

/* Complain and return a status, or return DONE. */
int session_open_device(struct session *session, const struct common *common);
int session_open(struct session *session, const struct common *common);
void session_close(struct session *session);

/*
 * Run the session's stream and empty it. Complains if the job fails, and says
 * why; @status may be NULL.
 */
int session_run(struct session *session, struct drm_dummy_gpu_job_query *status);
int session_submit(struct session *session, uint64_t *job_id);
int session_wait(struct session *session, uint64_t job_id,
		 struct drm_dummy_gpu_job_query *status);

/* ---- memory.c ----------------------------------------------------------- */

enum thp {
	THP_DEFAULT,		/* as the machine does */
	THP_ALWAYS,
	THP_NEVER,
};

/*
 * Map @size bytes of private anonymous memory at a multiple of 2 MiB. Returns NULL
 * after complaining.
 */
void *memory_map(const struct session *session, size_t size, enum thp thp);

size_t round_up(size_t size, size_t unit);

/*
 * Where the pages of a span are, as kinds for a map, one per page. The caller
 * frees them. NULL after complaining.
 */
unsigned char *memory_kinds(struct session *session, const void *start,
			    size_t size);

/* ---- meter.c ------------------------------------------------------------ */

/* What happened between two moments. */
struct numbers {
	uint64_t device_faults;
	uint64_t cpu_faults;
	uint64_t pages_in;
	uint64_t pages_out;
	uint64_t thp_in;
	uint64_t thp_out;
	uint64_t cow_breaks;
	uint64_t exclusives;
	uint64_t ns;
	unsigned int page_size;
};

struct meter {
	struct drm_dummy_gpu_device_stats device;
	struct drm_dummy_gpu_vm_stats vm;
	uint64_t ns;
};

uint64_t now_ns(void);
int meter_start(struct session *session, struct meter *meter);
int meter_stop(struct session *session, const struct meter *meter,
	       struct numbers *numbers);
void numbers_print(const struct numbers *numbers);
void numbers_json(cJSON *object, const struct numbers *numbers);

/* ---- pagemap.c ---------------------------------------------------------- */

/*
 * Where the pages of a process are, as core mm tells in /proc/<pid>/pagemap,
 * without asking the driver. As memory_kinds(); 2 MiB folios and zero pages are not
 * told from others, and without CAP_SYS_ADMIN device pages not from swap.
 */
unsigned char *pagemap_kinds(const char *pid, uint64_t start, uint64_t end);

/* ---- The commands ------------------------------------------------------- */

int command_demo(int argc, char **argv);
int command_info(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_snapshot(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_evict(int argc, char **argv);

#endif
