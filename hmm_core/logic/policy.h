/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where memory should be when a device touches it.
 */
#ifndef _HMMC_LOGIC_POLICY_H_
#define _HMMC_LOGIC_POLICY_H_

#include <linux/types.h>

/**
 * enum hmmc_page_state - what the page that faulted looks like
 * @HMMC_STATE_HOLE: no page, or swapped out
 * @HMMC_STATE_SYSTEM: a page in system memory
 * @HMMC_STATE_SYSTEM_HUGE: part of a 2 MiB page in system memory
 * @HMMC_STATE_DEVICE: in this device's memory
 */
enum hmmc_page_state {
	HMMC_STATE_HOLE = 0,
	HMMC_STATE_SYSTEM,
	HMMC_STATE_SYSTEM_HUGE,
	HMMC_STATE_DEVICE,
};

/**
 * enum hmmc_wish - advice on the place
 * @HMMC_WISH_NONE: none
 * @HMMC_WISH_STAY: map it where it is
 * @HMMC_WISH_DEVICE: put it into the device's memory
 */
enum hmmc_wish {
	HMMC_WISH_NONE = 0,
	HMMC_WISH_STAY,
	HMMC_WISH_DEVICE,
};

/**
 * struct hmmc_facts - what a decision is made from
 * @state: of the page that faulted
 * @wish: advice on it
 * @read_mostly: advised: reads are no reason to move
 * @device_only: the access can be made in device memory and nowhere else
 * @write: the access is a write or an atomic
 * @thp: 2 MiB device folios are allowed here
 * @cow: copy-on-write is being broken here: by this access, or by one before
 * @held: it has been in the device and come home too often to return now
 * @unsteady: what moves here is expected to come home again
 * @no_room: the device has not enough free memory for a window
 * @granularity: advised pages to serve, a power of two; 0: none
 * @nr_faults: faults served in this window before
 * @served: pages of the window that are served now, a bit each
 * @page: number of the page that faulted in its window
 * @window_pages: pages of a window
 */
struct hmmc_facts {
	enum hmmc_page_state state;
	enum hmmc_wish wish;
	bool read_mostly;
	bool device_only;
	bool write;
	bool thp;
	bool cow;
	bool held;
	bool unsteady;
	bool no_room;
	unsigned int granularity;
	unsigned int nr_faults;
	const unsigned long *served;
	unsigned int page;
	unsigned int window_pages;
};

/**
 * struct hmmc_decision - what to do for an access
 * @migrate: move pages to the device first
 * @populate: fill holes there
 * @held_back: it would have been moved, if it was not for @held
 * @insist: make room for it at any cost: somebody has said so, or nothing else will do
 * @first: first page of the window to serve
 * @nr: pages to serve
 */
struct hmmc_decision {
	bool migrate;
	bool populate;
	bool held_back;
	bool insist;
	unsigned int first;
	unsigned int nr;
};

struct hmmc_decision hmmc_decide(const struct hmmc_facts *facts);

#endif
