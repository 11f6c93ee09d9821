/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the driver does that hmm_core does not know of.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM dummy_gpu

#if !defined(_DUMMY_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _DUMMY_TRACE_H_

#include <linux/tracepoint.h>

/* One reset, of an engine or of the whole chip. */
TRACE_EVENT(dummy_gpu_reset,
	    TP_PROTO(const char *device, unsigned int engine, u32 queue, u64 job, u64 stream,
		     u64 offset, bool chip),
	    TP_ARGS(device, engine, queue, job, stream, offset, chip),
	    TP_STRUCT__entry(__string(device, device)
			     __field(unsigned int, engine)
			     __field(u32, queue)
			     __field(u64, job)
			     __field(u64, stream)
			     __field(u64, offset)
			     __field(bool, chip)),
	    TP_fast_assign(__assign_str(device);
			   __entry->engine = engine;
			   __entry->queue = queue;
			   __entry->job = job;
			   __entry->stream = stream;
			   __entry->offset = offset;
			   __entry->chip = chip;),
	    TP_printk("device=%s engine=%u queue=%u job=%llu stream=0x%llx offset=%llu what=%s",
		      __get_str(device), __entry->engine, __entry->queue, __entry->job,
		      __entry->stream, __entry->offset, __entry->chip ? "chip" : "engine"));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE dummy_trace
#include <trace/define_trace.h>
