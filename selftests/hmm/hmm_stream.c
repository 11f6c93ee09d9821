// SPDX-License-Identifier: GPL-2.0
/*
 * Streams: every command does what dummy_gpu_isa.h says, to the byte, also
 * across pages that have to be faulted in one by one and while they are taken
 * away again; every rule of it, once broken, ends the job with BAD_STREAM at the
 * command that broke it, and keeps what was done before.
 *
 * The judge is a model of the engine in a few lines of plain C, run on a copy of
 * the same memory.
 */
#include "hmm_harness.h"

#define SIZE	(16 * 4096UL)	/* of the memory that streams work on */

/* ---- The model ------------------------------------------------------------ */

/**
 * struct model - what the engine should have done
 * @base: address of the memory, as streams have it
 * @copy: the same bytes, for the model
 * @reg: registers
 */
struct model {
	uint64_t base;
	char copy[SIZE];
	uint64_t reg[DUMMY_GPU_NR_REGS];
};

static uint64_t get(const void *from, unsigned int width)
{
	uint64_t value = 0;

	memcpy(&value, from, width);
	return value;
}

static void put(void *to, uint64_t value, unsigned int width)
{
	memcpy(to, &value, width);
}

static bool holds(unsigned int cond, uint64_t left, uint64_t right)
{
	switch (cond) {
	case DUMMY_GPU_COND_ALWAYS:
		return true;
	case DUMMY_GPU_COND_EQ:
		return left == right;
	case DUMMY_GPU_COND_NE:
		return left != right;
	case DUMMY_GPU_COND_LT:
		return left < right;
	case DUMMY_GPU_COND_GE:
		return left >= right;
	}
	return false;
}

/* Do one command; returns whether a JUMP is taken. */
static bool model_do(struct model *model, const struct dummy_gpu_cmd *cmd)
{
	char *a = model->copy + (cmd->args[0] - model->base);
	char *b = model->copy + (cmd->args[1] - model->base);
	char *c = model->copy + (cmd->args[2] - model->base);
	uint64_t *reg = &model->reg[cmd->reg];
	unsigned int w = cmd->width;
	uint64_t i, old;

	switch (cmd->op) {
	case DUMMY_GPU_OP_FILL:
		for (i = 0; i < cmd->args[1]; i += w)
			put(a + i, cmd->args[2], w);
		break;
	case DUMMY_GPU_OP_COPY:
		memcpy(a, b, cmd->args[2]);
		break;
	case DUMMY_GPU_OP_LOAD:
		*reg = get(a, w);
		break;
	case DUMMY_GPU_OP_STORE:
		put(a, cmd->flags & DUMMY_GPU_CMD_REG ? *reg : cmd->args[1], w);
		break;
	case DUMMY_GPU_OP_SIGNAL:
		put(a, cmd->args[1], w);
		break;
	case DUMMY_GPU_OP_SET:
		*reg = cmd->args[0];
		break;
	case DUMMY_GPU_OP_ADD:
		*reg += cmd->args[0];
		break;
	case DUMMY_GPU_OP_JUMP:
		return holds(cmd->cond, *reg, cmd->args[1]);
	case DUMMY_GPU_OP_ATOMIC_ADD:
		old = get(a, w);
		put(a, old + cmd->args[1], w);
		*reg = old;
		break;
	case DUMMY_GPU_OP_ATOMIC_CAS:
		old = get(a, w);
		if (old == cmd->args[1])
			put(a, cmd->args[2], w);
		*reg = old;
		break;
	case DUMMY_GPU_OP_COMPARE:
		for (i = 0; i < cmd->args[2] && a[i] == b[i]; i++)
			;
		*reg = i < cmd->args[2] ? i : -1ULL;
		break;
	case DUMMY_GPU_OP_CHECKSUM:
		*reg = 0xcbf29ce484222325ULL;
		for (i = 0; i < cmd->args[1]; i++)
			*reg = (*reg ^ (unsigned char)a[i]) * 0x100000001b3ULL;
		break;
	case DUMMY_GPU_OP_VADD:
		for (i = 0; i < cmd->args[3] * w; i += w)
			put(a + i, get(b + i, w) + get(c + i, w), w);
		break;
	case DUMMY_GPU_OP_VSCALE:
		for (i = 0; i < cmd->args[3] * w; i += w)
			put(a + i, get(b + i, w) * cmd->args[2], w);
		break;
	}
	return false;
}

/* ---- Streams made at random, but the same each time ------------------------ */

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* A span of the memory: any length, any address that @align allows. */
static uint64_t random_span(struct model *model, uint64_t *state, uint64_t most, uint64_t align,
			    uint64_t *bytes)
{
	*bytes = (1 + next_random(state) % most) / align * align;
	if (!*bytes)
		*bytes = align;
	return model->base + next_random(state) % (SIZE - *bytes) / align * align;
}

static bool overlap(uint64_t a, uint64_t b, uint64_t bytes)
{
	return a < b + bytes && b < a + bytes;
}

static unsigned int random_width(uint64_t *state, unsigned int least)
{
	unsigned int width = 1 << next_random(state) % 4;

	return width < least ? least : width;
}

/* One valid command. JUMP, WAIT, TIMESTAMP have tests of their own. */
static struct dummy_gpu_cmd random_command(struct model *model, uint64_t *state)
{
	struct dummy_gpu_cmd cmd = { 0 };
	uint64_t bytes, value = next_random(state);
	unsigned int w, reg = next_random(state) % DUMMY_GPU_NR_REGS;
	uint64_t a, b;

	switch (next_random(state) % 13) {
	case 0:
		w = random_width(state, 1);
		a = random_span(model, state, SIZE / 2, w, &bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_FILL, .width = w, .nr_args = 3,
			.args = { a, bytes, value } };
		break;
	case 1:
		do {
			a = random_span(model, state, SIZE / 4, 1, &bytes);
			b = model->base + next_random(state) % (SIZE - bytes);
		} while (overlap(a, b, bytes));
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_COPY, .nr_args = 3,
			.args = { a, b, bytes } };
		break;
	case 2:
		w = random_width(state, 1);
		a = random_span(model, state, w, w, &bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_LOAD, .width = w, .reg = reg,
			.nr_args = 1, .args = { a } };
		break;
	case 3:
	case 4:
		w = random_width(state, 1);
		a = random_span(model, state, w, w, &bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_STORE, .width = w, .reg = reg,
			.flags = DUMMY_GPU_CMD_REG, .nr_args = 2, .args = { a, 0 } };
		if (value & 1)
			cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_STORE, .width = w,
				.nr_args = 2, .args = { a, value } };
		break;
	case 5:
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_SET, .reg = reg, .nr_args = 1,
			.args = { value } };
		break;
	case 6:
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_ADD, .reg = reg, .nr_args = 1,
			.args = { value } };
		break;
	case 7:
		w = random_width(state, 4);
		a = random_span(model, state, w, w, &bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_ATOMIC_ADD, .width = w,
			.reg = reg, .nr_args = 2, .args = { a, value } };
		break;
	case 8:
		w = random_width(state, 4);
		a = random_span(model, state, w, w, &bytes);
		/* Often enough it is what stands there. */
		b = value & 1 ? get(model->copy + (a - model->base), w) : value;
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_ATOMIC_CAS, .width = w,
			.reg = reg, .nr_args = 3, .args = { a, b, value >> 3 } };
		break;
	case 9:
		a = random_span(model, state, SIZE / 4, 1, &bytes);
		b = model->base + next_random(state) % (SIZE - bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_COMPARE, .reg = reg,
			.nr_args = 3, .args = { a, value & 1 ? b : a, bytes } };
		break;
	case 10:
		a = random_span(model, state, SIZE / 4, 1, &bytes);
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_CHECKSUM, .reg = reg,
			.nr_args = 2, .args = { a, bytes } };
		break;
	case 11:
		/* Elements of one place at most: overlapping by half is not told. */
		w = random_width(state, 4);
		a = random_span(model, state, SIZE / 4, w, &bytes);
		b = model->base + next_random(state) % (SIZE - bytes) / w * w;
		b = overlap(a, b, bytes) ? a : b;
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_VADD, .width = w, .nr_args = 4,
			.args = { a, b, a, bytes / w } };
		break;
	case 12:
		w = random_width(state, 4);
		a = random_span(model, state, SIZE / 4, w, &bytes);
		b = model->base + next_random(state) % (SIZE - bytes) / w * w;
		b = overlap(a, b, bytes) ? a : b;
		cmd = (struct dummy_gpu_cmd) { .op = DUMMY_GPU_OP_VSCALE, .width = w,
			.nr_args = 4, .args = { a, b, value, bytes / w } };
		break;
	}
	return cmd;
}

FIXTURE(hmm_stream) {
	struct gpu gpu;
	struct model *model;
	volatile uint64_t *regs;	/* where streams leave their registers */
	char *mem;
};

FIXTURE_VARIANT(hmm_stream) {
	enum drm_dummy_gpu_place place;
};

FIXTURE_VARIANT_ADD(hmm_stream, in_system) { .place = DRM_DUMMY_GPU_PLACE_SYSTEM };
FIXTURE_VARIANT_ADD(hmm_stream, to_device) { .place = DRM_DUMMY_GPU_PLACE_DEVICE };

FIXTURE_SETUP(hmm_stream)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	self->regs = (uint64_t *)must_alloc(_metadata, page_size, MEM_PTE);
	self->model = calloc(1, sizeof(*self->model));
	ASSERT_NE(NULL, self->model);
	self->model->base = dummy_addr(self->mem);
	pattern_fill(self->mem, SIZE, 1);
	memcpy(self->model->copy, self->mem, SIZE);
	ASSERT_EQ(0, gpu_advise_place(&self->gpu, self->mem, SIZE, variant->place));
}

FIXTURE_TEARDOWN(hmm_stream)
{
	free(self->model);
	teardown_gpu(_metadata, &self->gpu);
}

/* Leave the registers at the end of the stream. */
static void store_registers(struct dummy_stream *stream, volatile uint64_t *regs)
{
	unsigned int i;

	for (i = 0; i < DUMMY_GPU_NR_REGS; i++)
		dummy_stream_store_reg(stream, dummy_addr(&regs[i]), i, 8);
}

/* Where the device and the model disagree; -1: nowhere. */
static long first_difference(const struct model *model, const char *mem,
			     const volatile uint64_t *regs)
{
	size_t i;

	for (i = 0; i < DUMMY_GPU_NR_REGS; i++) {
		if (regs[i] != model->reg[i])
			return SIZE + i;
	}
	for (i = 0; i < SIZE; i++) {
		if (mem[i] != model->copy[i])
			return i;
	}
	return -1;
}

TEST_F(hmm_stream, random_streams_do_what_the_model_does)
{
	uint64_t state = 0x123456789abcdefULL;
	unsigned int round, i;
	struct dummy_gpu_cmd cmd;

	for (round = 0; round < 60; round++) {
		memset(self->model->reg, 0, sizeof(self->model->reg));
		for (i = 0; i < 40; i++) {
			cmd = random_command(self->model, &state);
			model_do(self->model, &cmd);
			dummy_stream_command(self->gpu.stream, &cmd);
		}
		store_registers(self->gpu.stream, self->regs);
		ASSERT_EQ(0, gpu_run(&self->gpu)) {
			TH_LOG("round %u, command at %llu", round,
			       (unsigned long long)self->gpu.job.stream_offset);
		}
		ASSERT_EQ(-1, first_difference(self->model, self->mem, self->regs)) {
			TH_LOG("round %u", round);
		}
	}
}

struct mover {
	pthread_t thread;
	struct gpu *gpu;
	char *mem;
	volatile bool stop;
	unsigned int rounds;
};

/* Takes every page away, all the time. */
static void *move(void *arg)
{
	struct mover *mover = arg;

	while (!mover->stop) {
		dummy_migrate(mover->gpu->vm, mover->mem, SIZE,
			      mover->rounds & 1 ? DRM_DUMMY_GPU_PLACE_DEVICE :
						  DRM_DUMMY_GPU_PLACE_SYSTEM, 0, NULL);
		mover->rounds++;
	}
	return NULL;
}

TEST_F(hmm_stream, commands_are_done_once_while_their_pages_are_taken_away)
{
	struct mover mover = { .gpu = &self->gpu, .mem = self->mem };
	struct dummy_gpu_cmd cmd = {
		.op = DUMMY_GPU_OP_VSCALE, .width = 8, .nr_args = 4,
		.args = { dummy_addr(self->mem), dummy_addr(self->mem), 3, SIZE / 8 },
	};
	unsigned int i;

	/* In place: an element done twice, or not at all, is seen. */
	ASSERT_EQ(0, pthread_create(&mover.thread, NULL, move, &mover));
	for (i = 0; i < 20; i++) {
		model_do(self->model, &cmd);
		dummy_stream_command(self->gpu.stream, &cmd);
	}
	store_registers(self->gpu.stream, self->regs);
	EXPECT_EQ(0, gpu_run(&self->gpu));
	mover.stop = true;
	pthread_join(mover.thread, NULL);
	EXPECT_EQ(-1, first_difference(self->model, self->mem, self->regs));
}

TEST_F(hmm_stream, bytes_of_any_address_and_length_are_copied)
{
	static const uint64_t lengths[] = { 1, 2, 7, 8, 9, 4095, 4096, 4097, 8192, 12289 };
	struct dummy_gpu_cmd cmd = { .op = DUMMY_GPU_OP_COPY, .nr_args = 3 };
	size_t i, shift;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (shift = 0; shift < 4; shift++) {
			cmd.args[0] = dummy_addr(self->mem) + 4093 + shift;
			cmd.args[1] = dummy_addr(self->mem) + SIZE / 2 + 4090 + 3 * shift;
			cmd.args[2] = lengths[i];
			model_do(self->model, &cmd);
			dummy_stream_command(self->gpu.stream, &cmd);
		}
	}
	store_registers(self->gpu.stream, self->regs);
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(-1, first_difference(self->model, self->mem, self->regs));
}

TEST_F(hmm_stream, loop_runs_as_often_as_it_says)
{
	static const enum dummy_gpu_cond conds[] = {
		DUMMY_GPU_COND_LT, DUMMY_GPU_COND_NE, DUMMY_GPU_COND_GE, DUMMY_GPU_COND_EQ,
	};
	uint64_t loop, expected;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(conds); i++) {
		dummy_stream_set(self->gpu.stream, 1, 0);
		loop = dummy_stream_size(self->gpu.stream);
		dummy_stream_add(self->gpu.stream, 1, 1);
		dummy_stream_jump(self->gpu.stream, loop, conds[i], 1,
				  conds[i] == DUMMY_GPU_COND_EQ ? 1 : 100);
		dummy_stream_store_reg(self->gpu.stream, dummy_addr(&self->regs[i]), 1, 8);
	}
	ASSERT_EQ(0, gpu_run(&self->gpu));
	for (i = 0; i < ARRAY_SIZE(conds); i++) {
		expected = 100;
		if (conds[i] == DUMMY_GPU_COND_GE)
			expected = 1;
		if (conds[i] == DUMMY_GPU_COND_EQ)
			expected = 2;
		EXPECT_EQ(expected, self->regs[i]);
	}
}

TEST_F(hmm_stream, jump_goes_forward_and_back)
{
	uint64_t skip, end;

	dummy_stream_set(self->gpu.stream, 1, 5);
	skip = dummy_stream_size(self->gpu.stream);
	dummy_stream_jump(self->gpu.stream, 0, DUMMY_GPU_COND_EQ, 1, 5);
	dummy_stream_load(self->gpu.stream, 0, 8, 8);	/* would fail */
	end = dummy_stream_size(self->gpu.stream);
	dummy_stream_store_reg(self->gpu.stream, dummy_addr(self->regs), 1, 8);
	ASSERT_EQ(0, dummy_stream_set_target(self->gpu.stream, skip, end));
	ASSERT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(5, self->regs[0]);
}

TEST_F(hmm_stream, registers_begin_as_zeros_in_every_job)
{
	unsigned int i, round, bad = 0;

	for (round = 0; round < 2; round++) {
		memset((void *)self->regs, 0xff, page_size);
		store_registers(self->gpu.stream, self->regs);
		for (i = 0; i < DUMMY_GPU_NR_REGS; i++)
			dummy_stream_set(self->gpu.stream, i, -1);
		ASSERT_EQ(0, gpu_run(&self->gpu));
		for (i = 0; i < DUMMY_GPU_NR_REGS; i++)
			bad += !!self->regs[i];
	}
	EXPECT_EQ(0, bad);
}

TEST_F(hmm_stream, end_ends_and_what_follows_is_never_read)
{
	dummy_stream_store(self->gpu.stream, dummy_addr(self->regs), 1, 8);
	dummy_stream_end(self->gpu.stream);
	dummy_stream_words(self->gpu.stream, (uint64_t[]) { -1, -1 }, 2);
	EXPECT_EQ(0, gpu_run(&self->gpu));
	EXPECT_EQ(1, self->regs[0]);
}

TEST_F(hmm_stream, wait_sees_what_the_cpu_writes)
{
	static const struct {
		enum dummy_gpu_cond cond;
		uint64_t before, value, after;
	} waits[] = {
		{ DUMMY_GPU_COND_EQ, 0, 5, 5 },
		{ DUMMY_GPU_COND_NE, 5, 5, 6 },
		{ DUMMY_GPU_COND_GE, 4, 5, 7 },
		{ DUMMY_GPU_COND_LT, 5, 5, 0 },
	};
	struct drm_dummy_gpu_job_query status;
	uint64_t job_id;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(waits); i++) {
		*(volatile uint64_t *)self->mem = waits[i].before;
		dummy_stream_wait(self->gpu.stream, dummy_addr(self->mem), waits[i].cond,
				  waits[i].value, i & 1 ? 4 : 8);
		ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
		EXPECT_EQ(-ETIME, dummy_wait(self->gpu.queue, job_id, 20000000, &status));
		*(volatile uint64_t *)self->mem = waits[i].after;
		EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	}
}

TEST_F(hmm_stream, signal_is_seen_after_all_before_it)
{
	volatile uint64_t *words = (uint64_t *)self->mem;
	uint64_t job_id, i;

	for (i = 1; i < 50; i++) {
		dummy_stream_fill(self->gpu.stream, dummy_addr(&words[1]), SIZE - 8, i, 8);
		dummy_stream_signal(self->gpu.stream, dummy_addr(&words[0]), i, 8);
		ASSERT_EQ(0, gpu_start(&self->gpu, &job_id));
		ASSERT_TRUE(eventually(words[0] == i));
		ASSERT_EQ(i, words[1]);
		ASSERT_EQ(i, words[SIZE / 8 - 1]);
		ASSERT_EQ(0, gpu_finish(&self->gpu, job_id));
	}
}

TEST_F(hmm_stream, timestamp_is_the_monotonic_clock)
{
	uint64_t before = now_ms(), after;

	dummy_stream_timestamp(self->gpu.stream, dummy_addr(&self->regs[0]));
	dummy_stream_timestamp(self->gpu.stream, dummy_addr(&self->regs[1]));
	ASSERT_EQ(0, gpu_run(&self->gpu));
	after = now_ms();
	EXPECT_LE(before, self->regs[0] / 1000000);
	EXPECT_LE(self->regs[0], self->regs[1]);
	EXPECT_LE(self->regs[1] / 1000000, after);
}

/* ---- Where a stream may be ------------------------------------------------ */

TEST_F(hmm_stream, stream_is_read_from_any_memory)
{
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	struct dummy_stream *stream;
	uint64_t job_id;
	unsigned int i;

	/* Commands that lie across pages. */
	ASSERT_EQ(0, dummy_stream_create_in(mem + 8, HUGE_SIZE - 8, dummy_addr(mem) + 8, &stream));
	for (i = 0; i < 1000; i++)
		dummy_stream_add(stream, 1, 1);
	dummy_stream_store_reg(stream, dummy_addr(self->regs), 1, 8);
	ASSERT_EQ(0, dummy_submit(self->gpu.queue, stream, NULL, &job_id));
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(1000, self->regs[0]);

	/* The same, read-only and in the device. */
	ASSERT_EQ(0, mprotect(mem, HUGE_SIZE, PROT_READ));
	/* What the stream does not reach are holes, and stay so. */
	EXPECT_TRUE(eventually(gpu_migrate(&self->gpu, mem, HUGE_SIZE,
					   DRM_DUMMY_GPU_PLACE_DEVICE, 0) &&
			       page_in(mem) == IN_DEVICE_READ));
	self->regs[0] = 0;
	ASSERT_EQ(0, dummy_submit(self->gpu.queue, stream, NULL, &job_id));
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(1000, self->regs[0]);
	EXPECT_EQ(0, dummy_stream_destroy(stream));
}

TEST_F(hmm_stream, stream_that_cannot_be_read_fails_at_its_address)
{
	char *mem = must_alloc(_metadata, HUGE_SIZE, MEM_PTE);
	uint64_t job_id, size = 2 * page_size;

	/* NOPs up to the second page, which is not there. */
	memset(mem, 0, HUGE_SIZE);
	ASSERT_EQ(0, munmap(mem + page_size, HUGE_SIZE - page_size));
	ASSERT_EQ(0, dummy_submit_at(self->gpu.queue, dummy_addr(mem), size, NULL, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_UNMAPPED, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(dummy_addr(mem) + page_size, self->gpu.job.fault_addr);
	EXPECT_EQ(DRM_DUMMY_GPU_ACCESS_READ, self->gpu.job.access);
	ASSERT_EQ(0, mprotect(mem, page_size, PROT_NONE));
	ASSERT_EQ(0, dummy_submit_at(self->gpu.queue, dummy_addr(mem), size, NULL, &job_id));
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_PERMISSION, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(dummy_addr(mem), self->gpu.job.fault_addr);
}

TEST_F(hmm_stream, longest_stream_runs_to_its_end)
{
	size_t size = dummy_device_info(self->gpu.dev)->max_stream;
	char *mem = must_alloc(_metadata, size, MEM_THP);
	struct dummy_stream *stream;
	uint64_t job_id;

	/* NOPs, and a store as the very last. */
	memset(mem, 0, size);
	ASSERT_EQ(0, dummy_stream_create_in(mem + size - 24, 24, 0, &stream));
	EXPECT_EQ(0, dummy_stream_store(stream, dummy_addr(self->regs), 3, 8));
	EXPECT_EQ(0, dummy_stream_destroy(stream));
	ASSERT_EQ(0, dummy_submit_at(self->gpu.queue, dummy_addr(mem), size, NULL, &job_id));
	EXPECT_EQ(0, gpu_finish(&self->gpu, job_id));
	EXPECT_EQ(3, self->regs[0]);
}

/* ---- Rules that are broken ------------------------------------------------ */

FIXTURE(hmm_stream_bad) {
	struct gpu gpu;
	char *mem;
	uint64_t a, b, c;	/* addresses in it that do not overlap */
};

FIXTURE_SETUP(hmm_stream_bad)
{
	setup_gpu(_metadata, &self->gpu, 0);
	self->mem = must_alloc(_metadata, SIZE, MEM_PTE);
	pattern_fill(self->mem, SIZE, 1);
	self->a = dummy_addr(self->mem) + 4096;
	self->b = dummy_addr(self->mem) + 2 * 4096;
	self->c = dummy_addr(self->mem) + 3 * 4096;
}

FIXTURE_TEARDOWN(hmm_stream_bad)
{
	teardown_gpu(_metadata, &self->gpu);
}

/* A store, then the command: what it gives, and that the store was done. */
static int run_after_store(struct gpu *gpu, char *mem, const struct dummy_gpu_cmd *cmd)
{
	int ret;

	*(volatile uint64_t *)mem = 0;
	dummy_stream_store(gpu->stream, dummy_addr(mem), 1, 8);
	dummy_stream_command(gpu->stream, cmd);
	ret = gpu_run(gpu);
	if (*(volatile uint64_t *)mem != 1)
		return -EILSEQ;
	return ret;
}

/* One command that is good, and one field of it that is not. */
#define EXPECT_BAD(good, field, value) do {						\
	struct dummy_gpu_cmd __cmd = (good);						\
											\
	__cmd.field = (value);								\
	EXPECT_EQ(DRM_DUMMY_GPU_REASON_BAD_STREAM,					\
		  run_after_store(&self->gpu, self->mem, &__cmd)) {			\
		TH_LOG("op %u with " #field " = " #value, __cmd.op);			\
	}										\
	EXPECT_EQ(24, self->gpu.job.stream_offset);					\
} while (0)

#define EXPECT_GOOD(good) do {								\
	struct dummy_gpu_cmd __cmd = (good);						\
											\
	EXPECT_EQ(0, run_after_store(&self->gpu, self->mem, &__cmd)) {			\
		TH_LOG("op %u", __cmd.op);						\
	}										\
} while (0)

TEST_F(hmm_stream_bad, fields_a_command_does_not_use_must_be_zero)
{
	uint64_t a = self->a, b = self->b, c = self->c;
	const struct dummy_gpu_cmd good[] = {
		{ .op = DUMMY_GPU_OP_NOP },
		{ .op = DUMMY_GPU_OP_END },
		{ .op = DUMMY_GPU_OP_FILL, .width = 8, .nr_args = 3, .args = { a, 64, 1 } },
		{ .op = DUMMY_GPU_OP_COPY, .nr_args = 3, .args = { a, b, 64 } },
		{ .op = DUMMY_GPU_OP_LOAD, .width = 8, .nr_args = 1, .args = { a } },
		{ .op = DUMMY_GPU_OP_STORE, .width = 8, .nr_args = 2, .args = { a, 1 } },
		{ .op = DUMMY_GPU_OP_SET, .nr_args = 1, .args = { 1 } },
		{ .op = DUMMY_GPU_OP_ADD, .nr_args = 1, .args = { 1 } },
		{ .op = DUMMY_GPU_OP_JUMP, .cond = DUMMY_GPU_COND_NE, .nr_args = 2 },
		{ .op = DUMMY_GPU_OP_ATOMIC_ADD, .width = 8, .nr_args = 2, .args = { a, 1 } },
		{ .op = DUMMY_GPU_OP_ATOMIC_CAS, .width = 8, .nr_args = 3, .args = { a, 1, 2 } },
		{ .op = DUMMY_GPU_OP_COMPARE, .nr_args = 3, .args = { a, b, 64 } },
		{ .op = DUMMY_GPU_OP_CHECKSUM, .nr_args = 2, .args = { a, 64 } },
		{ .op = DUMMY_GPU_OP_VADD, .width = 8, .nr_args = 4, .args = { a, b, c, 8 } },
		{ .op = DUMMY_GPU_OP_VSCALE, .width = 8, .nr_args = 4, .args = { a, b, 3, 8 } },
		{ .op = DUMMY_GPU_OP_WAIT, .width = 8, .cond = DUMMY_GPU_COND_GE, .nr_args = 2,
		  .args = { a, 0 } },
		{ .op = DUMMY_GPU_OP_SIGNAL, .width = 8, .nr_args = 2, .args = { a, 1 } },
		{ .op = DUMMY_GPU_OP_TIMESTAMP, .nr_args = 1, .args = { a } },
	};
	const uint32_t has_reg = BIT(DUMMY_GPU_OP_LOAD) | BIT(DUMMY_GPU_OP_STORE) |
		BIT(DUMMY_GPU_OP_SET) | BIT(DUMMY_GPU_OP_ADD) | BIT(DUMMY_GPU_OP_JUMP) |
		BIT(DUMMY_GPU_OP_ATOMIC_ADD) | BIT(DUMMY_GPU_OP_ATOMIC_CAS) |
		BIT(DUMMY_GPU_OP_COMPARE) | BIT(DUMMY_GPU_OP_CHECKSUM);
	const uint32_t has_cond = BIT(DUMMY_GPU_OP_JUMP) | BIT(DUMMY_GPU_OP_WAIT);
	size_t i;

	ASSERT_EQ(DUMMY_GPU_NR_OPS, ARRAY_SIZE(good));
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		ASSERT_EQ(i, good[i].op);
		EXPECT_GOOD(good[i]);
		if (!good[i].width)
			EXPECT_BAD(good[i], width, 8);
		if (!(has_reg & BIT(i)))
			EXPECT_BAD(good[i], reg, 1);
		if (!(has_cond & BIT(i)))
			EXPECT_BAD(good[i], cond, DUMMY_GPU_COND_EQ);
		EXPECT_BAD(good[i], flags, 2);
		EXPECT_BAD(good[i], flags, 0x8000);
		if (i != DUMMY_GPU_OP_STORE)
			EXPECT_BAD(good[i], flags, DUMMY_GPU_CMD_REG);
		/* Registers that do not exist, and arguments too few or too many. */
		EXPECT_BAD(good[i], reg, DUMMY_GPU_NR_REGS);
		EXPECT_BAD(good[i], reg, 255);
		if (good[i].nr_args)
			EXPECT_BAD(good[i], nr_args, good[i].nr_args - 1);
		if (good[i].nr_args < DUMMY_GPU_MAX_ARGS)
			EXPECT_BAD(good[i], nr_args, good[i].nr_args + 1);
		EXPECT_BAD(good[i], cond, DUMMY_GPU_NR_CONDS);
	}
}

TEST_F(hmm_stream_bad, unknown_commands_are_refused)
{
	struct dummy_gpu_cmd cmd = { 0 };

	EXPECT_BAD(cmd, op, DUMMY_GPU_NR_OPS);
	EXPECT_BAD(cmd, op, 127);
	EXPECT_BAD(cmd, op, 255);
}

TEST_F(hmm_stream_bad, widths_and_alignment_are_checked)
{
	struct dummy_gpu_cmd fill = {
		.op = DUMMY_GPU_OP_FILL, .width = 8, .nr_args = 3, .args = { self->a, 64, 1 },
	}, load = {
		.op = DUMMY_GPU_OP_LOAD, .width = 8, .nr_args = 1, .args = { self->a },
	}, store = {
		.op = DUMMY_GPU_OP_STORE, .width = 8, .nr_args = 2, .args = { self->a, 1 },
	}, add = {
		.op = DUMMY_GPU_OP_ATOMIC_ADD, .width = 4, .nr_args = 2, .args = { self->a, 1 },
	}, cas = {
		.op = DUMMY_GPU_OP_ATOMIC_CAS, .width = 8, .nr_args = 3, .args = { self->a, 1, 2 },
	}, vadd = {
		.op = DUMMY_GPU_OP_VADD, .width = 8, .nr_args = 4,
		.args = { self->a, self->b, self->c, 8 },
	}, vscale = {
		.op = DUMMY_GPU_OP_VSCALE, .width = 4, .nr_args = 4,
		.args = { self->a, self->b, 3, 8 },
	}, wait = {
		.op = DUMMY_GPU_OP_WAIT, .width = 4, .cond = DUMMY_GPU_COND_GE, .nr_args = 2,
		.args = { self->a, 0 },
	}, timestamp = {
		.op = DUMMY_GPU_OP_TIMESTAMP, .nr_args = 1, .args = { self->a },
	};

	EXPECT_BAD(fill, width, 0);
	EXPECT_BAD(fill, width, 3);
	EXPECT_BAD(fill, width, 16);
	EXPECT_BAD(fill, args[1], 63);
	EXPECT_BAD(fill, args[1], 60);
	EXPECT_BAD(load, width, 0);
	EXPECT_BAD(load, width, 5);
	EXPECT_BAD(load, args[0], self->a + 1);
	EXPECT_BAD(load, args[0], self->a + 4);
	EXPECT_BAD(store, width, 0);
	EXPECT_BAD(store, args[0], self->a + 7);
	EXPECT_BAD(add, width, 0);
	EXPECT_BAD(add, width, 2);
	EXPECT_BAD(add, args[0], self->a + 2);
	EXPECT_BAD(cas, width, 1);
	EXPECT_BAD(cas, args[0], self->a + 4);
	EXPECT_BAD(vadd, width, 2);
	EXPECT_BAD(vadd, width, 0);
	EXPECT_BAD(vadd, args[0], self->a + 4);
	EXPECT_BAD(vadd, args[1], self->b + 1);
	EXPECT_BAD(vadd, args[2], self->c + 2);
	EXPECT_BAD(vscale, width, 1);
	EXPECT_BAD(vscale, args[0], self->a + 2);
	EXPECT_BAD(wait, width, 1);
	EXPECT_BAD(wait, width, 0);
	EXPECT_BAD(wait, args[0], self->a + 2);
	EXPECT_BAD(wait, cond, DUMMY_GPU_COND_ALWAYS);
	EXPECT_BAD(timestamp, args[0], self->a + 4);
	/* Nothing of it was done: what the good ones would have written is not there. */
	EXPECT_EQ(pattern(1, 4096), *(volatile uint64_t *)(self->mem + 4096));
}

TEST_F(hmm_stream_bad, sizes_beyond_the_limit_and_beyond_all_addresses_are_refused)
{
	uint64_t va_end = dummy_device_info(self->gpu.dev)->va_end;
	struct dummy_gpu_cmd fill = {
		.op = DUMMY_GPU_OP_FILL, .width = 8, .nr_args = 3, .args = { self->a, 64, 1 },
	}, copy = {
		.op = DUMMY_GPU_OP_COPY, .nr_args = 3, .args = { self->a, self->b, 64 },
	}, checksum = {
		.op = DUMMY_GPU_OP_CHECKSUM, .nr_args = 2, .args = { self->a, 64 },
	}, vadd = {
		.op = DUMMY_GPU_OP_VADD, .width = 8, .nr_args = 4,
		.args = { self->a, self->b, self->c, 8 },
	}, load = {
		.op = DUMMY_GPU_OP_LOAD, .width = 8, .nr_args = 1, .args = { self->a },
	};

	EXPECT_BAD(fill, args[1], DUMMY_GPU_MAX_BYTES + 8);
	EXPECT_BAD(fill, args[1], -8);
	EXPECT_BAD(fill, args[0], -64);
	EXPECT_BAD(fill, args[0], va_end - 56);
	EXPECT_BAD(fill, args[0], va_end);
	EXPECT_BAD(copy, args[2], DUMMY_GPU_MAX_BYTES + 1);
	EXPECT_BAD(copy, args[2], UINT64_MAX);
	EXPECT_BAD(copy, args[0], va_end - 63);
	EXPECT_BAD(copy, args[1], va_end - 63);
	EXPECT_BAD(checksum, args[1], UINT64_MAX);
	EXPECT_BAD(checksum, args[0], -8);
	EXPECT_BAD(vadd, args[3], DUMMY_GPU_MAX_BYTES);
	EXPECT_BAD(vadd, args[3], (1ULL << 61) + 8);
	EXPECT_BAD(vadd, args[3], UINT64_MAX);
	EXPECT_BAD(load, args[0], va_end);
	EXPECT_BAD(load, args[0], 1ULL << 63);
	EXPECT_BAD(load, args[0], -8);
}

TEST_F(hmm_stream_bad, overlapping_copy_is_refused)
{
	struct dummy_gpu_cmd copy = {
		.op = DUMMY_GPU_OP_COPY, .nr_args = 3, .args = { self->a, self->b, 4096 },
	};

	EXPECT_GOOD(copy);
	EXPECT_BAD(copy, args[0], self->b);
	EXPECT_BAD(copy, args[0], self->b + 1);
	EXPECT_BAD(copy, args[0], self->b - 4095);
	EXPECT_BAD(copy, args[2], 4097);
}

TEST_F(hmm_stream_bad, jump_out_of_the_stream_is_refused)
{
	struct dummy_gpu_cmd jump = {
		.op = DUMMY_GPU_OP_JUMP, .cond = DUMMY_GPU_COND_NE, .nr_args = 2,
	};

	EXPECT_GOOD(jump);
	EXPECT_BAD(jump, args[0], 4);
	EXPECT_BAD(jump, args[0], 48);
	EXPECT_BAD(jump, args[0], 56);
	EXPECT_BAD(jump, args[0], -8);
	EXPECT_BAD(jump, args[0], UINT64_MAX);
}

TEST_F(hmm_stream_bad, command_cut_off_by_the_end_is_refused)
{
	struct dummy_gpu_cmd cmd = {
		.op = DUMMY_GPU_OP_VADD, .width = 8, .nr_args = 4,
		.args = { self->a, self->b, self->c, 8 },
	};
	uint64_t addr, job_id;
	unsigned int cut;

	for (cut = 8; cut <= 32; cut += 8) {
		dummy_stream_nop(self->gpu.stream);
		dummy_stream_command(self->gpu.stream, &cmd);
		addr = dummy_stream_addr(self->gpu.stream);
		ASSERT_EQ(0, dummy_submit_at(self->gpu.queue, addr, 48 - cut, NULL, &job_id));
		EXPECT_EQ(DRM_DUMMY_GPU_REASON_BAD_STREAM, gpu_finish(&self->gpu, job_id));
		EXPECT_EQ(8, self->gpu.job.stream_offset);
	}
	EXPECT_EQ(pattern(1, 4096), *(volatile uint64_t *)(self->mem + 4096));
}

TEST_F(hmm_stream_bad, random_bytes_never_do_harm)
{
	uint64_t state = 0xfeedface12345ULL, *words, job_id;
	unsigned int round, i;
	struct dummy_queue *brief;
	int ret;

	words = (uint64_t *)must_alloc(_metadata, page_size, MEM_PTE);
	ASSERT_EQ(0, dummy_queue_create(self->gpu.vm, 0, 200, -1, &brief));
	for (round = 0; round < 100; round++) {
		struct drm_dummy_gpu_job_query status = { 0 };

		for (i = 0; i < 32; i++) {
			words[i] = next_random(&state);
			/* Some look like commands, so that it gets somewhere. */
			if (round & 1)
				words[i] &= 0x000400010f08131fULL;
		}
		ASSERT_EQ(0, dummy_submit_at(brief, dummy_addr(words), 256, NULL, &job_id));
		ret = dummy_wait(brief, job_id, LIVE_NS, &status);
		EXPECT_TRUE(!ret || (ret == -EIO && status.reason));
	}
	EXPECT_EQ(0, dummy_queue_destroy(brief));
	EXPECT_EQ(0, gpu_store(&self->gpu, self->mem, 5));
	EXPECT_EQ(5, *(volatile uint64_t *)self->mem);
}

TEST_HARNESS_MAIN
