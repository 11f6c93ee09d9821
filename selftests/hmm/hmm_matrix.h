/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cell of the table in Documentation/matrix.rst: memory of one kind of page in
 * one state, for a path of core mm to run into. All of it holds pattern 1, and
 * whoever else can see it checks at the end that this is what he still sees.
 */
#ifndef HMM_MATRIX_H
#define HMM_MATRIX_H

#include "hmm_harness.h"

#define CELL_SIZE	HUGE_SIZE
#define CELL_PAGES	(CELL_SIZE / page_size)
/* Offset of the page that is used: in the middle of the folio. */
#define CELL_PAGE	(37 * page_size)

enum cell_state {
	CELL_OWNED,	/* in the device, ours alone */
	CELL_SHARED,	/* in the device, copy-on-write, shared with a child */
	CELL_READ_ONLY,	/* in the device, mapped by us alone, for reading only */
	CELL_EXCLUSIVE,	/* in system memory; one page is exclusive to the device */
};

/* What a fixture's variants are made of. */
struct cell_kind {
	enum mem_kind kind;
	enum cell_state state;
};

/**
 * struct cell - memory in a state
 * @gpu: the device it is in
 * @mem: CELL_SIZE bytes
 * @page: one page of it, which is in the state
 * @state: which
 * @child: shares it, and looks at the end whether it is unchanged; 0: nobody does
 * @meeting: with @child
 */
struct cell {
	struct gpu gpu;
	char *mem;
	char *page;
	enum cell_state state;
	pid_t child;
	struct meeting meeting;
};

/* Where pagemap shows the page of a cell whom nothing has happened to. */
static inline unsigned int cell_place(const struct cell *cell)
{
	switch (cell->state) {
	case CELL_OWNED:
		return IN_DEVICE_WRITE;
	case CELL_EXCLUSIVE:
		return IN_EXCLUSIVE;
	default:
		return IN_DEVICE_READ;
	}
}

static inline bool cell_is_writable(const struct cell *cell)
{
	return cell->state != CELL_READ_ONLY;
}

/* Bring what came home back into the device: false if it is not there now. */
static inline bool cell_send(struct cell *cell)
{
	if (cell->state != CELL_EXCLUSIVE)
		return !gpu_to_device(&cell->gpu, cell->mem, CELL_SIZE);
	dummy_stream_atomic_add(cell->gpu.stream, 0, dummy_addr(cell->page), 0, 8);
	return !gpu_run(&cell->gpu);
}

static inline int cell_share(struct cell *cell)
{
	if (meeting_init(&cell->meeting))
		return -errno;
	cell->child = fork();
	if (!cell->child) {
		meeting_child(&cell->meeting);
		meet(&cell->meeting);
		_exit(pattern_bad(cell->mem, CELL_SIZE, 1) ? 1 : 0);
	}
	meeting_parent(&cell->meeting);
	return cell->child < 0 ? -errno : 0;
}

/* Memory of @cell, which is at home and holds pattern 1, gets into its state. */
static inline int cell_enter(struct cell *cell, enum cell_state state)
{
	cell->state = state;
	cell->page = cell->mem + CELL_PAGE;
	if (state == CELL_EXCLUSIVE &&
	    gpu_advise_place(&cell->gpu, cell->mem, CELL_SIZE, DRM_DUMMY_GPU_PLACE_SYSTEM))
		return -EINVAL;
	if (!cell_send(cell))
		return -EBUSY;
	if (state == CELL_SHARED && cell_share(cell))
		return -EAGAIN;
	if (state == CELL_READ_ONLY && mprotect(cell->mem, CELL_SIZE, PROT_READ))
		return -errno;
	return page_in(cell->page) == cell_place(cell) ? 0 : -EIO;
}

/* Memory of @cell in its state; -ENXIO: there is none of that kind to be had. */
static inline int cell_init(struct cell *cell, struct cell_kind kind)
{
	cell->child = 0;
	cell->mem = mem_alloc(CELL_SIZE, kind.kind);
	if (!cell->mem)
		return -ENOMEM;
	pattern_fill(cell->mem, CELL_SIZE, 1);
	if (!mem_is_kind(cell->mem, CELL_SIZE, kind.kind))
		return -ENXIO;
	return cell_enter(cell, kind.state);
}

/* Whoever shares it has seen nothing but what was in it from the start. */
static inline bool cell_others_are_well(struct cell *cell)
{
	pid_t child = cell->child;

	if (!child)
		return true;
	cell->child = 0;
	meet(&cell->meeting);
	return !wait_exit(child);
}

static inline void setup_cell(struct __test_metadata *_metadata, struct cell *cell,
			      struct cell_kind kind)
{
	int ret;

	setup_gpu(_metadata, &cell->gpu, 0);
	ret = cell_init(cell, kind);
	if (ret == -ENXIO)
		SKIP(_exit(0), NO_HUGE);
	ASSERT_EQ(0, ret);
}

static inline void teardown_cell(struct __test_metadata *_metadata, struct cell *cell)
{
	EXPECT_TRUE(cell_others_are_well(cell));
	teardown_gpu(_metadata, &cell->gpu);
}

/* The word at the start of the cell's page, as the CPU and as the device see it. */
static inline uint64_t cell_cpu_word(const struct cell *cell)
{
	return *(volatile uint64_t *)cell->page;
}

static inline uint64_t cell_gpu_word(struct cell *cell)
{
	uint64_t value = 0;

	return gpu_load(&cell->gpu, cell->page, &value) ? 0 : value;
}

#define CELL_WORD	pattern(1, CELL_PAGE)

#endif
