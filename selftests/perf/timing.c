// SPDX-License-Identifier: GPL-2.0
/*
 * The clock, and what it counts.
 */
#include <time.h>

#include "bench.h"

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

/*
 * Two functions, so that a profiler of the machine can tell by their addresses
 * when a measurement begins and when it ends.
 */
uint64_t clock_start(void)
{
	return now_ns();
}

uint64_t clock_stop(void)
{
	return now_ns();
}

void settle(void)
{
	struct timespec time = { .tv_nsec = 50 * 1000 * 1000 };

	nanosleep(&time, NULL);
}

#define LOOPS	1000000

/* Two instructions each time round. */
static void cheap_loop(void)
{
	uint64_t left = LOOPS;

	asm volatile("1: dec %0; jnz 1b" : "+r"(left) : : "cc");
}

/* Five, of which one takes much longer than the others where they take time. */
static void dear_loop(void)
{
	uint64_t left = LOOPS;

	asm volatile("1: mov $1, %%eax; xor %%edx, %%edx; div %0; dec %0; jnz 1b"
		     : "+r"(left) : : "rax", "rdx", "cc");
}

static bool is_near(uint64_t ns, uint64_t instructions)
{
	return ns > instructions / 100 * 95 && ns < instructions / 100 * 105;
}

static enum clock_unit find_unit(void)
{
	uint64_t start, cheap, dear;

	settle();
	start = clock_start();
	cheap_loop();
	cheap = clock_stop() - start;
	start = clock_start();
	dear_loop();
	dear = clock_stop() - start;
	return is_near(cheap, 2 * LOOPS) && is_near(dear, 5 * LOOPS) ? CLOCK_INSTRUCTIONS :
								       CLOCK_WALL;
}

enum clock_unit clock_unit(void)
{
	static enum clock_unit unit;
	static bool is_known;

	if (!is_known) {
		unit = find_unit();
		is_known = true;
	}
	return unit;
}
