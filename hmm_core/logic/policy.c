// SPDX-License-Identifier: GPL-2.0
/*
 * Where memory should be when a device touches it: in the device's memory,
 * unless advice says otherwise or there is nothing to move.
 */
#include "density.h"
#include "policy.h"

/*
 * 64 KiB of 4 KiB pages: serving them costs 3 % of the latency of 2 MiB at 94 % of
 * its throughput, measured on drm_pagemap.
 */
#define FIRST_PAGES	16

static bool wants_device(const struct hmmc_facts *facts)
{
	/*
	 * Copies are made in system memory by the CPU's own path: moved away
	 * now, the page would come straight back, and its neighbours with it.
	 */
	if (facts->cow)
		return false;
	if (facts->wish == HMMC_WISH_STAY && !facts->device_only)
		return false;
	/* It is read by others as well, and moved it would move again. */
	if (facts->read_mostly && !facts->write)
		return false;
	switch (facts->state) {
	case HMMC_STATE_DEVICE:
		return false;
	case HMMC_STATE_HOLE:
		/* A read of a hole maps the zero page; filling it would cost memory. */
		return facts->write;
	default:
		return true;
	}
}

static bool must_be_there(const struct hmmc_facts *facts)
{
	return facts->wish == HMMC_WISH_DEVICE || facts->device_only;
}

/* How much if nobody has said and no large page does. */
static unsigned int how_much_as_seen(const struct hmmc_facts *facts, bool migrate)
{
	const struct hmmc_density density = {
		.window = facts->window_pages,
		.first = FIRST_PAGES,
		.one_in = 2,
	};

	/* The neighbours would be evicted for, or come home again, or be mapped anew. */
	if (facts->cow || (migrate && (facts->no_room || facts->unsteady)))
		return FIRST_PAGES;
	/* To map them takes little, and who wants them moved has said so. */
	if (!migrate || must_be_there(facts))
		return facts->nr_faults ? facts->window_pages : FIRST_PAGES;
	return hmmc_density_pages(&density, facts->served, facts->page);
}

static unsigned int how_much(const struct hmmc_facts *facts,
			     const struct hmmc_decision *decision)
{
	/* Against the wish for its place: what the access needs, and no neighbours. */
	if (facts->device_only && facts->wish == HMMC_WISH_STAY)
		return 1;
	/* Who advised it knows the program: a large page is worth taking apart then. */
	if (facts->granularity)
		return facts->granularity;
	/* Else that costs more than moving all of it. */
	if (facts->state == HMMC_STATE_SYSTEM_HUGE || (facts->thp && decision->populate))
		return facts->window_pages;
	return how_much_as_seen(facts, decision->migrate);
}

struct hmmc_decision hmmc_decide(const struct hmmc_facts *facts)
{
	struct hmmc_decision decision = {};

	decision.migrate = wants_device(facts);
	decision.held_back = decision.migrate && facts->held && !must_be_there(facts);
	if (decision.held_back)
		decision.migrate = false;
	decision.populate = decision.migrate && facts->state == HMMC_STATE_HOLE;
	decision.insist = must_be_there(facts);
	decision.nr = how_much(facts, &decision);
	if (decision.nr > facts->window_pages)
		decision.nr = facts->window_pages;
	decision.first = facts->page & ~(decision.nr - 1);
	return decision;
}
