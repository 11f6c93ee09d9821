/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The instruction set of dummy_gpu's engines.
 *
 * A stream is a sequence of commands, each one 8-byte header followed by a
 * fixed number of 64-bit arguments; the tables below give both. A stream starts
 * at an address that is a multiple of 8, in process memory or in a buffer
 * object, and is read through the device page table of the job's VM like any
 * other memory. It ends at DUMMY_GPU_OP_END or exactly at its size.
 *
 * Every job has DUMMY_GPU_NR_REGS registers of 64 bits, zero at its start. All
 * addresses are virtual addresses of the job's VM, which has 48 bits of them.
 * Data is little endian. An element never straddles its natural alignment: the
 * address of a fill, a load, a store, an atomic, a semaphore, a vector or a
 * timestamp is a multiple of the width. Of a value only the lowest W bytes count.
 * Zero bytes or elements are allowed and do nothing.
 *
 * One command is not atomic against another unless the table says so. A command
 * that faults is resumed where it stopped: bytes before that point have been
 * read or written exactly once.
 *
 * All bytes of a command lie below the query's va_end.
 *
 * A command that breaks a rule ends the job with
 * DRM_DUMMY_GPU_REASON_BAD_STREAM; earlier commands keep their effect.
 */
#ifndef _UAPI_DUMMY_GPU_ISA_H_
#define _UAPI_DUMMY_GPU_ISA_H_

#include <linux/types.h>

#if defined(__cplusplus)
extern "C" {
#endif

#define DUMMY_GPU_NR_REGS	16
#define DUMMY_GPU_MAX_ARGS	4
/* Largest byte count of one command, and size of the longest stream. */
#define DUMMY_GPU_MAX_BYTES	(1ULL << 40)
#define DUMMY_GPU_MAX_STREAM	(1ULL << 24)

/**
 * enum dummy_gpu_op - what a command does
 *
 * W is the width of an element in bytes, R the register, and args are in order.
 */
enum dummy_gpu_op {
	/** @DUMMY_GPU_OP_NOP: nothing. No arguments. */
	DUMMY_GPU_OP_NOP = 0,
	/** @DUMMY_GPU_OP_END: the job has finished. No arguments. */
	DUMMY_GPU_OP_END,
	/** @DUMMY_GPU_OP_FILL: (dst, bytes, pattern), W 1..8; bytes is a multiple of W. */
	DUMMY_GPU_OP_FILL,
	/** @DUMMY_GPU_OP_COPY: (dst, src, bytes); the two must not overlap. */
	DUMMY_GPU_OP_COPY,
	/** @DUMMY_GPU_OP_LOAD: (src), W 1..8; R becomes the zero-extended element. */
	DUMMY_GPU_OP_LOAD,
	/**
	 * @DUMMY_GPU_OP_STORE: (dst, value), W 1..8; with flag REG value is
	 * ignored, R is stored.
	 */
	DUMMY_GPU_OP_STORE,
	/** @DUMMY_GPU_OP_SET: (value); R becomes value. */
	DUMMY_GPU_OP_SET,
	/** @DUMMY_GPU_OP_ADD: (value); R grows by value, modulo 2^64. */
	DUMMY_GPU_OP_ADD,
	/**
	 * @DUMMY_GPU_OP_JUMP: (offset, value), cond; goes to byte offset of the
	 * stream (a multiple of 8, below its size) if cond holds for R and value.
	 */
	DUMMY_GPU_OP_JUMP,
	/** @DUMMY_GPU_OP_ATOMIC_ADD: (addr, value), W 4 or 8; atomic; R becomes the old element. */
	DUMMY_GPU_OP_ATOMIC_ADD,
	/**
	 * @DUMMY_GPU_OP_ATOMIC_CAS: (addr, expected, desired), W 4 or 8; atomic;
	 * R becomes the old element.
	 */
	DUMMY_GPU_OP_ATOMIC_CAS,
	/**
	 * @DUMMY_GPU_OP_COMPARE: (a, b, bytes); R becomes the offset of the first
	 * byte that differs, or all ones.
	 */
	DUMMY_GPU_OP_COMPARE,
	/** @DUMMY_GPU_OP_CHECKSUM: (src, bytes); R becomes the FNV-1a 64 of the bytes. */
	DUMMY_GPU_OP_CHECKSUM,
	/**
	 * @DUMMY_GPU_OP_VADD: (dst, a, b, count), W 4 or 8; dst[i] = a[i] + b[i].
	 * dst may be a or b; what else overlaps gets unspecified elements.
	 */
	DUMMY_GPU_OP_VADD,
	/** @DUMMY_GPU_OP_VSCALE: (dst, a, factor, count), W 4 or 8; dst[i] = a[i] * factor. */
	DUMMY_GPU_OP_VSCALE,
	/** @DUMMY_GPU_OP_WAIT: (addr, value), W 4 or 8, cond; until cond holds for the element. */
	DUMMY_GPU_OP_WAIT,
	/**
	 * @DUMMY_GPU_OP_SIGNAL: (addr, value), W 4 or 8; a store that is seen
	 * after all before it.
	 */
	DUMMY_GPU_OP_SIGNAL,
	/** @DUMMY_GPU_OP_TIMESTAMP: (dst); stores 64 bits of CLOCK_MONOTONIC nanoseconds. */
	DUMMY_GPU_OP_TIMESTAMP,
	/** @DUMMY_GPU_NR_OPS: first code that is no command. */
	DUMMY_GPU_NR_OPS,
};

/**
 * enum dummy_gpu_cond - condition of JUMP and WAIT, as unsigned integers
 *
 * The left side is the register (JUMP) or the element (WAIT), the right side
 * the value.
 */
enum dummy_gpu_cond {
	/** @DUMMY_GPU_COND_ALWAYS: holds; not allowed for WAIT. */
	DUMMY_GPU_COND_ALWAYS = 0,
	/** @DUMMY_GPU_COND_EQ: left == right. */
	DUMMY_GPU_COND_EQ,
	/** @DUMMY_GPU_COND_NE: left != right. */
	DUMMY_GPU_COND_NE,
	/** @DUMMY_GPU_COND_LT: left < right. */
	DUMMY_GPU_COND_LT,
	/** @DUMMY_GPU_COND_GE: left >= right. */
	DUMMY_GPU_COND_GE,
	/** @DUMMY_GPU_NR_CONDS: first code that is no condition. */
	DUMMY_GPU_NR_CONDS,
};

/* Flags of a command header. */
#define DUMMY_GPU_CMD_REG	(1 << 0)	/* STORE: store the register */

/**
 * struct dummy_gpu_cmd - one command
 *
 * Fields that a command does not use are zero.
 */
struct dummy_gpu_cmd {
	/** @op: enum dummy_gpu_op. */
	__u8 op;
	/** @width: element size in bytes: 1, 2, 4 or 8; 0 where the op has none. */
	__u8 width;
	/** @reg: register number, below DUMMY_GPU_NR_REGS. */
	__u8 reg;
	/** @cond: enum dummy_gpu_cond, for JUMP and WAIT. */
	__u8 cond;
	/** @flags: DUMMY_GPU_CMD_*. */
	__u16 flags;
	/** @nr_args: number of arguments that follow; must be what the op takes. */
	__u16 nr_args;
	/** @args: the arguments; only @nr_args of them are in the stream. */
	__u64 args[DUMMY_GPU_MAX_ARGS];
};

#if defined(__cplusplus)
}
#endif

#endif
