// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl: see, try and show what dummy_gpu does with memory.
 */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "hmmctl.h"

static const struct {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "demo", "a computation on plain memory, shown step by step",
	  command_demo },
	{ "info", "devices and what they can do", command_info },
	{ "migrate", "move memory there and back, verify and time it",
	  command_migrate },
	{ "snapshot", "a map of where memory is, here or in another process",
	  command_snapshot },
	{ "stats", "counters of a device, once or as they change",
	  command_stats },
	{ "evict", "send device memory of every process back", command_evict },
};

static void print_help(FILE *out)
{
	size_t i;

	fputs("usage: hmmctl COMMAND [options]\n\n", out);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fputs("\n'hmmctl COMMAND --help' lists the options of a command.\n", out);
}

int main(int argc, char **argv)
{
	size_t i;
	int status;

	/* Only what characters the terminal has: numbers stay as in C. */
	setlocale(LC_CTYPE, "");

	if (argc < 2) {
		print_help(stderr);
		return USAGE;
	}
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "--help") ||
	    !strcmp(argv[1], "help")) {
		print_help(stdout);
		return DONE;
	}
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		status = commands[i].run(argc - 1, argv + 1);
		/* What was printed to a full disk was not printed. */
		if (fflush(stdout) || ferror(stdout))
			return complain(0, "cannot write the output");
		return status;
	}
	complain(0, "'%s' is not a command", argv[1]);
	print_help(stderr);
	return USAGE;
}
