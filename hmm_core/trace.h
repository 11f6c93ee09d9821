/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One event per verb, fields in the same order everywhere: device, mirror
 * (by its mm), start, end, then the result.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM hmm_core

#if !defined(_HMMC_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _HMMC_TRACE_H_

#include <linux/tracepoint.h>

#include "hmm_core.h"

#define show_place(place)					\
	__print_symbolic(place,					\
			 { HMMC_PLACE_NONE, "none" },		\
			 { HMMC_PLACE_SYSTEM, "system" },	\
			 { HMMC_PLACE_DEVICE, "device" },	\
			 { HMMC_PLACE_PEER, "peer" })

#define show_access(access)					\
	__print_symbolic(access,				\
			 { HMMC_ACCESS_READ, "read" },		\
			 { HMMC_ACCESS_WRITE, "write" },	\
			 { HMMC_ACCESS_ATOMIC, "atomic" })

TRACE_EVENT(hmmc_fault,
	    TP_PROTO(const char *device, const void *mm, unsigned long addr,
		     enum hmmc_access access, unsigned int tries, unsigned int nr_pages,
		     int result),
	    TP_ARGS(device, mm, addr, access, tries, nr_pages, result),
	    TP_STRUCT__entry(__string(device, device)
			     __field(const void *, mm)
			     __field(unsigned long, addr)
			     __field(unsigned int, access)
			     __field(unsigned int, tries)
			     __field(unsigned int, nr_pages)
			     __field(int, result)),
	    TP_fast_assign(__assign_str(device);
			   __entry->mm = mm;
			   __entry->addr = addr;
			   __entry->access = access;
			   __entry->tries = tries;
			   __entry->nr_pages = nr_pages;
			   __entry->result = result;),
	    TP_printk("device=%s mirror=%p start=0x%lx access=%s tries=%u pages=%u result=%d",
		      __get_str(device), __entry->mm, __entry->addr, show_access(__entry->access),
		      __entry->tries, __entry->nr_pages, __entry->result));

TRACE_EVENT(hmmc_decide,
	    TP_PROTO(const char *device, const void *mm, unsigned long start, unsigned long end,
		     unsigned int state, bool migrate, bool populate, bool held_back),
	    TP_ARGS(device, mm, start, end, state, migrate, populate, held_back),
	    TP_STRUCT__entry(__string(device, device)
			     __field(const void *, mm)
			     __field(unsigned long, start)
			     __field(unsigned long, end)
			     __field(unsigned int, state)
			     __field(bool, migrate)
			     __field(bool, populate)
			     __field(bool, held_back)),
	    TP_fast_assign(__assign_str(device);
			   __entry->mm = mm;
			   __entry->start = start;
			   __entry->end = end;
			   __entry->state = state;
			   __entry->migrate = migrate;
			   __entry->populate = populate;
			   __entry->held_back = held_back;),
	    TP_printk("device=%s mirror=%p start=0x%lx end=0x%lx state=%s migrate=%d populate=%d held_back=%d",
		      __get_str(device), __entry->mm, __entry->start, __entry->end,
		      __print_symbolic(__entry->state, { 0, "hole" }, { 1, "system" },
				       { 2, "system-huge" }, { 3, "device" }),
		      __entry->migrate, __entry->populate, __entry->held_back));

/* One migration call. start is 0 where eviction goes by frame. */
TRACE_EVENT(hmmc_migrate,
	    TP_PROTO(const char *device, enum hmmc_place place, unsigned long start,
		     unsigned int asked, unsigned int moved, const unsigned int *why,
		     const u64 *when),
	    TP_ARGS(device, place, start, asked, moved, why, when),
	    TP_STRUCT__entry(__string(device, device)
			     __field(unsigned int, place)
			     __field(unsigned long, start)
			     __field(unsigned int, asked)
			     __field(unsigned int, moved)
			     __array(unsigned int, why, HMMC_NR_RESULTS)
			     __field(u64, setup)
			     __field(u64, alloc)
			     __field(u64, copy)
			     __field(u64, commit)),
	    TP_fast_assign(__assign_str(device);
			   __entry->place = place;
			   __entry->start = start;
			   __entry->asked = asked;
			   __entry->moved = moved;
			   memcpy(__entry->why, why, sizeof(__entry->why));
		       __entry->setup = when[1] - when[0];
		       __entry->alloc = when[2] - when[1];
		       __entry->copy = when[3] - when[2];
		       __entry->commit = when[4] - when[3];),
	TP_printk("device=%s to=%s start=0x%lx asked=%u moved=%u unmapped=%u hole=%u unsuitable=%u busy=%u full=%u no_memory=%u copy_failed=%u setup_ns=%llu alloc_ns=%llu copy_ns=%llu commit_ns=%llu",
		  __get_str(device), show_place(__entry->place), __entry->start,
		  __entry->asked, __entry->moved,
		  __entry->why[HMMC_RESULT_UNMAPPED], __entry->why[HMMC_RESULT_HOLE],
		  __entry->why[HMMC_RESULT_UNSUITABLE], __entry->why[HMMC_RESULT_BUSY],
		  __entry->why[HMMC_RESULT_FULL], __entry->why[HMMC_RESULT_NO_MEMORY],
		  __entry->why[HMMC_RESULT_COPY_FAILED],
		  __entry->setup, __entry->alloc, __entry->copy, __entry->commit)
);

TRACE_EVENT(hmmc_cpu_fault,
	    TP_PROTO(const char *device, unsigned long addr, unsigned int result),
	    TP_ARGS(device, addr, result),
	    TP_STRUCT__entry(__string(device, device)
			     __field(unsigned long, addr)
			     __field(unsigned int, result)),
	    TP_fast_assign(__assign_str(device);
			   __entry->addr = addr;
			   __entry->result = result;),
	    TP_printk("device=%s start=0x%lx result=0x%x",
		      __get_str(device), __entry->addr, __entry->result));

DECLARE_EVENT_CLASS(hmmc_entries,
		    TP_PROTO(const char *device, const void *mm, unsigned long start,
			     unsigned long end, unsigned int nr_pages),
		    TP_ARGS(device, mm, start, end, nr_pages),
		    TP_STRUCT__entry(__string(device, device)
				     __field(const void *, mm)
				     __field(unsigned long, start)
				     __field(unsigned long, end)
				     __field(unsigned int, nr_pages)),
		    TP_fast_assign(__assign_str(device);
				   __entry->mm = mm;
				   __entry->start = start;
				   __entry->end = end;
				   __entry->nr_pages = nr_pages;),
		    TP_printk("device=%s mirror=%p start=0x%lx end=0x%lx pages=%u",
			      __get_str(device), __entry->mm, __entry->start, __entry->end,
			      __entry->nr_pages));

DEFINE_EVENT(hmmc_entries, hmmc_map,
	     TP_PROTO(const char *device, const void *mm, unsigned long start, unsigned long end,
		      unsigned int nr_pages),
	     TP_ARGS(device, mm, start, end, nr_pages));

DEFINE_EVENT(hmmc_entries, hmmc_zap,
	     TP_PROTO(const char *device, const void *mm, unsigned long start, unsigned long end,
		      unsigned int nr_pages),
	     TP_ARGS(device, mm, start, end, nr_pages));

TRACE_EVENT(hmmc_sample,
	    TP_PROTO(const char *device, unsigned int nr, unsigned int windows),
	    TP_ARGS(device, nr, windows),
	    TP_STRUCT__entry(__string(device, device)
			     __field(unsigned int, nr)
			     __field(unsigned int, windows)),
	    TP_fast_assign(__assign_str(device);
			   __entry->nr = nr;
			   __entry->windows = windows;),
	    TP_printk("device=%s nr=%u used_windows=%u",
		      __get_str(device), __entry->nr, __entry->windows));

TRACE_EVENT(hmmc_evict,
	    TP_PROTO(const char *device, u64 offset, unsigned int asked, unsigned int moved),
	    TP_ARGS(device, offset, asked, moved),
	    TP_STRUCT__entry(__string(device, device)
			     __field(u64, offset)
			     __field(unsigned int, asked)
			     __field(unsigned int, moved)),
	    TP_fast_assign(__assign_str(device);
			   __entry->offset = offset;
			   __entry->asked = asked;
			   __entry->moved = moved;),
	    TP_printk("device=%s chunk=0x%llx asked=%u moved=%u",
		      __get_str(device), __entry->offset, __entry->asked, __entry->moved));

/* A process at its limit makes room among its own. In frames. */
TRACE_EVENT(hmmc_limit,
	    TP_PROTO(const char *device, u64 used, u64 max, u64 asked, u64 moved),
	    TP_ARGS(device, used, max, asked, moved),
	    TP_STRUCT__entry(__string(device, device)
			     __field(u64, used)
			     __field(u64, max)
			     __field(u64, asked)
			     __field(u64, moved)),
	    TP_fast_assign(__assign_str(device);
			   __entry->used = used;
			   __entry->max = max;
			   __entry->asked = asked;
			   __entry->moved = moved;),
	    TP_printk("device=%s used=%llu max=%llu asked=%llu moved=%llu",
		      __get_str(device), __entry->used, __entry->max, __entry->asked,
		      __entry->moved));

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
