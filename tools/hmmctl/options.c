// SPDX-License-Identifier: GPL-2.0
/*
 * Options: one table per command gives both the parser and the help.
 */
#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hmmctl.h"

#define MAX_OPTIONS	16

int parse_flag(const char *text, void *value)
{
	(void)text;
	*(int *)value = 1;
	return 0;
}

/* Digits, nothing before them, and what may follow is left at @end. */
static int parse_digits(const char *text, uint64_t *number, char **end)
{
	if (*text < '0' || *text > '9')
		return -1;
	errno = 0;
	*number = strtoull(text, end, 0);
	return errno ? -1 : 0;
}

int parse_number(const char *text, void *value)
{
	uint64_t number;
	char *end;

	if (parse_digits(text, &number, &end) || *end || number > UINT32_MAX)
		return -1;
	*(unsigned int *)value = number;
	return 0;
}

int parse_size(const char *text, void *value)
{
	static const char units[] = "KMGT";
	uint64_t number;
	const char *unit;
	char *end;
	int shift = 0;

	if (parse_digits(text, &number, &end))
		return -1;
	if (*end) {
		unit = strchr(units, *end & ~0x20);	/* either case */
		if (!unit || end[1])
			return -1;
		shift = 10 * (unit - units + 1);
	}
	if (!number || number > UINT64_MAX >> shift)
		return -1;
	*(uint64_t *)value = number << shift;
	return 0;
}

int parse_size_or_all(const char *text, void *value)
{
	if (strcmp(text, "all"))
		return parse_size(text, value);
	*(uint64_t *)value = UINT64_MAX;
	return 0;
}

int parse_string(const char *text, void *value)
{
	*(const char **)value = text;
	return 0;
}

int parse_thp(const char *text, void *value)
{
	if (!strcmp(text, "default"))
		*(enum thp *)value = THP_DEFAULT;
	else if (!strcmp(text, "always"))
		*(enum thp *)value = THP_ALWAYS;
	else if (!strcmp(text, "never"))
		*(enum thp *)value = THP_NEVER;
	else
		return -1;
	return 0;
}

/* Colours only where they are seen, see no-color.org. */
static void guess_style(struct map_style *style)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	int tty = isatty(STDOUT_FILENO);

	style->unicode = tty && !strcmp(nl_langinfo(CODESET), "UTF-8");
	style->colour = tty && !(no_colour && *no_colour) &&
			term && strcmp(term, "dumb");
}

static int parse_style(const char *text, void *value)
{
	struct map_style *style = value;

	if (!strcmp(text, "auto"))
		guess_style(style);
	else if (!strcmp(text, "ascii"))
		*style = (struct map_style) { 0 };
	else if (!strcmp(text, "unicode"))
		*style = (struct map_style) { .unicode = 1 };
	else if (!strcmp(text, "colour") || !strcmp(text, "color"))
		*style = (struct map_style) { .unicode = 1, .colour = 1 };
	else
		return -1;
	return 0;
}

static int parse_device(const char *text, void *value)
{
	struct common *common = value;

	common->device_given = 1;
	return parse_number(text, &common->device);
}

static void print_option(const struct option_spec *spec)
{
	char left[40];

	snprintf(left, sizeof(left), "--%s%s%s", spec->name,
		 spec->arg ? " " : "", spec->arg ? spec->arg : "");
	printf("  %-20s %s\n", left, spec->help);
}

static void print_help(const char *command, const char *about,
		       const struct option_spec *const *specs, size_t nr_specs)
{
	size_t i;

	printf("usage: hmmctl %s [options]\n\n%s\n\noptions:\n", command, about);
	for (i = 0; i < nr_specs; i++)
		print_option(specs[i]);
	printf("  %-20s %s\n", "-h, --help", "print this");
}

int options_parse(int argc, char **argv, const char *about,
		  const struct option_spec *specs, struct common *common)
{
	const struct option_spec common_specs[] = {
		{ "device", "N", "which dummy_gpu device (0)", parse_device,
		  common },
		{ "json", NULL, "print JSON, one document per line", parse_flag,
		  &common->json },
		{ "style", "STYLE",
		  "maps: ascii, unicode, colour, or as the terminal can (auto)",
		  parse_style, &common->style },
		{ 0 },
	};
	const struct option_spec *all[MAX_OPTIONS];
	struct option options[MAX_OPTIONS + 2] = { { 0 } };
	const struct option_spec *spec;
	size_t nr = 0;
	int opt;

	for (spec = specs; spec->name && nr < MAX_OPTIONS - 3; spec++)
		all[nr++] = spec;
	for (spec = common_specs; spec->name; spec++)
		all[nr++] = spec;
	for (opt = 0; opt < (int)nr; opt++) {
		options[opt].name = all[opt]->name;
		options[opt].has_arg = all[opt]->arg ? required_argument :
						       no_argument;
		options[opt].val = 256 + opt;	/* above every letter */
	}
	options[nr].name = "help";
	options[nr].val = 'h';

	guess_style(&common->style);
	while ((opt = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (opt == 'h') {
			print_help(argv[0], about, all, nr);
			return DONE;
		}
		if (opt < 256)
			goto err_usage;		/* getopt complained */
		spec = all[opt - 256];
		if (spec->parse(optarg, spec->value)) {
			fprintf(stderr, "hmmctl: --%s: bad value '%s'\n",
				spec->name, optarg);
			goto err_usage;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "hmmctl: '%s' is not an option\n", argv[optind]);
		goto err_usage;
	}
	return -1;

err_usage:
	fprintf(stderr, "hmmctl: try 'hmmctl %s --help'\n", argv[0]);
	return USAGE;
}
