/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _DUMMY_FAULT_H_
#define _DUMMY_FAULT_H_

struct dummy_device;
struct dummy_queue;

int dummy_fault_init(struct dummy_device *device);
/* The chip is stopped. Waits for faults that are being served. */
void dummy_fault_fini(struct dummy_device *device);
/* The chip's event. */
void dummy_fault_event(void *priv);
/* Take no fault of @queue any more, and wait for the one that is being served. */
void dummy_fault_unhook(struct dummy_queue *queue);

#endif
