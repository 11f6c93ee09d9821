/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Room in device memory for those who fault.
 */
#ifndef _HMMC_ROOM_H_
#define _HMMC_ROOM_H_

#include "mirror.h"
#include "pool.h"

/*
 * Move in, making room first, for a request that was made in so many words.
 * Nothing of ours is held. Return: as hmmc_move_in().
 */
int hmmc_migrate_in(struct hmmc_attach *attach, struct hmmc_move *move);
/*
 * The same for a fault, which can do without. If there is no room, and it is not
 * the time to make some, then @view is remembered: its window gets another chance.
 */
int hmmc_migrate_in_paced(struct hmmc_attach *attach, struct hmmc_move *move,
			  struct hmmc_view *view);

/*
 * Evict until @nr frames are free, what is in use last. Nothing of ours is held.
 * Return: frames moved.
 */
u64 hmmc_room_make(struct hmmc_pool *pool, u64 nr, enum hmmc_evict_mode mode);

/* Frames may be handed out again that were not. */
void hmmc_room_look(struct hmmc_pool *pool);

void hmmc_room_init(struct hmmc_pool *pool);
/* The device is dead, and nobody is inside. */
void hmmc_room_fini(struct hmmc_pool *pool);

#endif
