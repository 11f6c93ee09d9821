/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the fuzzers share: how arguments are read from an input, and a check that
 * ends the run. An input that has ended goes on with zeros.
 */
#ifndef _FUZZ_H_
#define _FUZZ_H_

#include <stdio.h>
#include <stdlib.h>

#include <linux/types.h>

/* libFuzzer calls it for each input. Return: 0. */
int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size);

/* LLVM's own symbolizer is in a large package; binutils have one too. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "external_symbolizer_path=/usr/bin/addr2line";
}

#define CHECK(condition)	fuzz_check(condition, __FILE__, __LINE__, #condition)

/* libFuzzer keeps the input that ends here. */
static inline void fuzz_check(bool holds, const char *file, int line, const char *condition)
{
	if (holds)
		return;
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

struct fuzz_input {
	const u8 *bytes;
	size_t left;
};

static inline u64 fuzz_bytes(struct fuzz_input *input, unsigned int nr)
{
	u64 value = 0;

	for (; nr && input->left; nr--, input->left--)
		value = value << 8 | *input->bytes++;
	return value;
}

static inline u8 fuzz_u8(struct fuzz_input *input)
{
	return fuzz_bytes(input, 1);
}

static inline bool fuzz_bool(struct fuzz_input *input)
{
	return fuzz_u8(input) & 1;
}

/*
 * Most numbers are wrong in a way that teaches nothing. So there are short ways to
 * say small ones and those near a power of two, by bytes or by pages: the limits
 * are among these, and so is what overflows.
 */
static inline u64 fuzz_u64(struct fuzz_input *input)
{
	u8 kind = fuzz_u8(input);
	u64 power = 1ULL << (kind & 63);

	switch (kind >> 6) {
	case 0:
		return kind;
	case 1:
		return power + (s8)fuzz_u8(input);
	case 2:
		return power + 4096ULL * (s8)fuzz_u8(input);
	default:
		return fuzz_bytes(input, 8);
	}
}

static inline u32 fuzz_u32(struct fuzz_input *input)
{
	return fuzz_u64(input);
}

#endif
