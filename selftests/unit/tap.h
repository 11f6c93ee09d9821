/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few lines of TAP that the unit tests need: a table of claims, and a check
 * that says where a claim failed first.
 */
#ifndef _UNIT_TAP_H_
#define _UNIT_TAP_H_

#include <stdarg.h>
#include <stdio.h>

#include <linux/compiler.h>
#include <linux/types.h>

struct tap_test {
	const char *claim;
	void (*run)(void);
};

static bool tap_failed;

/* CHECK(condition) or CHECK(condition, "format", what explains it...) */
#define CHECK(condition, ...)	\
	tap_check(condition, __FILE__, __LINE__, #condition, " " __VA_ARGS__)

/* One reason is enough: later ones may follow from it. */
__printf(5, 6)
static inline void tap_check(bool holds, const char *file, int line, const char *condition,
			     const char *format, ...)
{
	va_list values;

	if (holds || tap_failed)
		return;

	tap_failed = true;
	printf("# %s:%d: %s", file, line, condition);
	va_start(values, format);
	vprintf(format, values);
	va_end(values);
	printf("\n");
}

/* Return: what main() should. */
static inline int tap_run(const struct tap_test *tests, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n1..%u\n", nr);
	for (i = 0; i < nr; i++) {
		tap_failed = false;
		tests[i].run();
		printf("%sok %u %s\n", tap_failed ? "not " : "", i + 1, tests[i].claim);
		ret |= tap_failed;
	}
	return ret;
}

/* The same numbers in every run, so that a failure can be run again. */
static inline u64 tap_random(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15ULL;	/* splitmix64 */

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

#endif
