// SPDX-License-Identifier: GPL-2.0
/*
 * What the driver checks of the arguments of ioctls. The input says which ioctl, and
 * then its arguments.
 *
 * They have to be taken or refused as dummy_gpu_drm.h says, read by a naive model
 * that computes in 128 bits. Who is refused is told a field of the right struct, and
 * who is not is told nothing.
 */
#include <stdarg.h>
#include <string.h>

#include <linux/array_size.h>

#include <drm/dummy_gpu_isa.h>

#include "dummy_args.h"
#include "fuzz.h"

#define PAGE		4096
#define VA_END		((u128)1 << 48)
#define SVM_END		((u128)1 << 47)
#define ADDRESSES_END	((u128)1 << 64)
#define OBJECT_END	(((u128)1 << 63) - 1)
#define MAX_TIMEOUT	3600000

/* What drm_dbg has said. */
static char message[128];

void shim_drm_dbg(const char *format, ...)
{
	va_list values;

	CHECK(!message[0]);
	va_start(values, format);
	vsnprintf(message, sizeof(message), format, values);
	va_end(values);
}

/* @ret is what the driver says of arguments of which the model says @is_good. */
static void judge(int ret, bool is_good, const char *name)
{
	const char *field = message + strlen("invalid ");

	CHECK(ret == (is_good ? 0 : -EINVAL));
	if (is_good) {
		CHECK(!message[0]);
		return;
	}
	CHECK(!strncmp(message, "invalid ", strlen("invalid ")));
	CHECK(!strncmp(field, name, strlen(name)) && strlen(field) > strlen(name) + 1);
	message[0] = 0;
}

/* ---- Words of the uapi -------------------------------------------------- */

static bool is_span(u64 start, u64 size, u128 end)
{
	return size && start % PAGE == 0 && size % PAGE == 0 && (u128)start + size <= end;
}

static bool is_array(const struct drm_dummy_gpu_array *array, u64 min_size)
{
	if (!array->count)
		return true;
	return array->stride >= min_size &&
	       array->array + (u128)array->stride * array->count < ADDRESSES_END;
}

/* The flag @then needs the flag @first. */
static bool needs(u32 flags, u32 then, u32 first)
{
	return flags & first || !(flags & then);
}

static struct drm_dummy_gpu_array read_array(struct fuzz_input *input)
{
	return (struct drm_dummy_gpu_array) {
		.stride = fuzz_u32(input),
		.count = fuzz_u32(input),
		.array = fuzz_u64(input),
	};
}

/* ---- Ioctls ------------------------------------------------------------- */

static void check_array(struct fuzz_input *input)
{
	struct drm_dummy_gpu_array array = read_array(input);
	u32 min_size = fuzz_u8(input), max_count = fuzz_u32(input);
	int ret = dummy_args_check_array(NULL, &array, min_size, max_count);
	bool is_good = is_array(&array, min_size) && array.count <= max_count;

	if (is_good && array.count && array.stride > PAGE) {
		CHECK(ret == -E2BIG && !message[0]);
		return;
	}
	judge(ret, is_good, "array");
}

static void check_gem_create(struct fuzz_input *input)
{
	struct drm_dummy_gpu_gem_create args = {
		.size = fuzz_u64(input),
		.flags = fuzz_u32(input),
	};

	judge(dummy_args_check_gem_create(NULL, &args),
	      args.flags < 4 && is_span(0, args.size, OBJECT_END), "gem_create.");
}

static void check_vm_bind(struct fuzz_input *input)
{
	struct drm_dummy_gpu_vm_bind args = {
		.flags = fuzz_u32(input),
		.ops = read_array(input),
	};

	judge(dummy_args_check_vm_bind(NULL, &args), !args.flags && args.ops.count, "vm_bind.");
}

static bool model_takes_bind_op(const struct drm_dummy_gpu_bind_op *op, bool is_svm)
{
	if (op->pad || !is_span(op->start, op->size, VA_END) || (is_svm && op->start < SVM_END))
		return false;
	switch (op->type) {
	case DRM_DUMMY_GPU_BIND_MAP:
		return op->flags < 2;
	case DRM_DUMMY_GPU_BIND_UNMAP:
		return !op->flags && !op->handle && !op->offset;
	default:
		return false;
	}
}

static void check_bind_op(struct fuzz_input *input)
{
	struct drm_dummy_gpu_bind_op op = {
		.type = fuzz_u32(input),
		.flags = fuzz_u32(input),
		.handle = fuzz_u32(input),
		.pad = fuzz_u32(input),
		.offset = fuzz_u64(input),
		.start = fuzz_u64(input),
		.size = fuzz_u64(input),
	};
	bool is_svm = fuzz_bool(input);
	u64 object_size = fuzz_u64(input) / PAGE * PAGE;
	int ret = dummy_args_check_bind_op(NULL, &op, is_svm);

	judge(ret, model_takes_bind_op(&op, is_svm), "bind_op.");
	/* The rest is looked at when it has been found out what is mapped. */
	if (ret || op.type != DRM_DUMMY_GPU_BIND_MAP)
		return;
	judge(dummy_args_check_bind_size(NULL, &op, object_size),
	      op.offset % PAGE == 0 && (u128)op.offset + op.size <= object_size, "bind_op.");
}

static void check_queue_create(struct fuzz_input *input)
{
	struct drm_dummy_gpu_queue_create args = {
		.engine = fuzz_u32(input),
		.timeout_ms = fuzz_u32(input),
		.flags = fuzz_u32(input),
		.eventfd = fuzz_u32(input),
	};
	unsigned int nr_engines = fuzz_u8(input);
	bool is_good = args.engine < nr_engines && args.timeout_ms <= MAX_TIMEOUT &&
		       (args.flags == DRM_DUMMY_GPU_QUEUE_EVENTFD ||
			(!args.flags && !args.eventfd));

	judge(dummy_args_check_queue_create(NULL, &args, nr_engines), is_good, "queue_create.");
}

static bool model_takes_submit(const struct drm_dummy_gpu_submit *args)
{
	if (args->flags > 1 || args->stream % 8 || args->fence_addr % 8)
		return false;
	if (!args->flags && (args->fence_addr || args->fence_value))
		return false;
	return args->stream_size && args->stream_size % 8 == 0 &&
	       args->stream_size <= DUMMY_GPU_MAX_STREAM &&
	       (u128)args->stream + args->stream_size <= VA_END;
}

static void check_submit(struct fuzz_input *input)
{
	struct drm_dummy_gpu_submit args = {
		.flags = fuzz_u32(input),
		.stream = fuzz_u64(input),
		.stream_size = fuzz_u64(input),
		.fence_addr = fuzz_u64(input),
		.fence_value = fuzz_u64(input),
		.syncs = read_array(input),
	};
	bool is_svm = fuzz_bool(input);
	int ret = dummy_args_check_submit(NULL, &args);

	judge(ret, model_takes_submit(&args), "submit.");
	if (ret)
		return;
	judge(dummy_args_check_submit_on(NULL, &args, is_svm),
	      !args.flags || (is_svm && args.fence_addr), "submit.");
}

static void check_sync(struct fuzz_input *input)
{
	struct drm_dummy_gpu_sync sync = {
		.handle = fuzz_u32(input),
		.flags = fuzz_u32(input),
		.value = fuzz_u64(input),
	};
	bool is_svm = fuzz_bool(input);
	bool is_good = sync.flags < 4 &&
		       (sync.flags & DRM_DUMMY_GPU_SYNC_TIMELINE || !sync.value) &&
		       !(is_svm && sync.flags & DRM_DUMMY_GPU_SYNC_SIGNAL);

	judge(dummy_args_check_sync(NULL, &sync, is_svm), is_good, "sync.");
}

static void check_wait_fence(struct fuzz_input *input)
{
	struct drm_dummy_gpu_wait_fence args = {
		.flags = fuzz_u32(input),
		.addr = fuzz_u64(input),
	};

	judge(dummy_args_check_wait_fence(NULL, &args), !args.flags && args.addr % 8 == 0,
	      "wait_fence.");
}

static bool model_takes_advice(u32 advice, u64 value)
{
	switch (advice) {
	case DRM_DUMMY_GPU_ADVICE_RESET:
		return value == 0;
	case DRM_DUMMY_GPU_ADVICE_PLACE:
	case DRM_DUMMY_GPU_ADVICE_ATOMICS:
		return value < 3;
	case DRM_DUMMY_GPU_ADVICE_THP:
	case DRM_DUMMY_GPU_ADVICE_READ_MOSTLY:
	case DRM_DUMMY_GPU_ADVICE_PIN:
		return value < 2;
	case DRM_DUMMY_GPU_ADVICE_GRANULARITY:
		return !value || (value >= 12 && value <= 21);
	default:
		return false;
	}
}

static void check_advise(struct fuzz_input *input)
{
	struct drm_dummy_gpu_advise args = {
		.advice = fuzz_u32(input),
		.start = fuzz_u64(input),
		.size = fuzz_u64(input),
		.value = fuzz_u64(input),
	};

	judge(dummy_args_check_advise(NULL, &args),
	      model_takes_advice(args.advice, args.value) &&
	      is_span(args.start, args.size, SVM_END), "advise.");
}

static bool model_takes_migrate(const struct drm_dummy_gpu_migrate *args)
{
	u32 flags = args->flags;

	if (args->place == DRM_DUMMY_GPU_PLACE_SYSTEM ? flags :
	    args->place != DRM_DUMMY_GPU_PLACE_DEVICE || flags > 15)
		return false;
	return needs(flags, DRM_DUMMY_GPU_MIGRATE_WRITE, DRM_DUMMY_GPU_MIGRATE_MAP) &&
	       needs(flags, DRM_DUMMY_GPU_MIGRATE_KEEP, DRM_DUMMY_GPU_MIGRATE_MAP) &&
	       !args->pad && is_span(args->start, args->size, SVM_END) &&
	       is_array(&args->runs, 16);
}

static void check_migrate(struct fuzz_input *input)
{
	struct drm_dummy_gpu_migrate args = {
		.place = fuzz_u32(input),
		.flags = fuzz_u32(input),
		.pad = fuzz_u32(input),
		.start = fuzz_u64(input),
		.size = fuzz_u64(input),
		.runs = read_array(input),
	};

	judge(dummy_args_check_migrate(NULL, &args), model_takes_migrate(&args), "migrate.");
}

static void check_snapshot(struct fuzz_input *input)
{
	struct drm_dummy_gpu_snapshot args = {
		.flags = fuzz_u32(input),
		.start = fuzz_u64(input),
		.size = fuzz_u64(input),
		.pages = read_array(input),
	};

	judge(dummy_args_check_snapshot(NULL, &args),
	      !args.flags && is_span(args.start, args.size, SVM_END) &&
	      (u128)args.pages.count * PAGE == args.size && is_array(&args.pages, 8),
	      "snapshot.");
}

static void check_evict(struct fuzz_input *input)
{
	struct drm_dummy_gpu_evict args = {
		.size = fuzz_u64(input),
		.flags = fuzz_u32(input),
		.pad = fuzz_u32(input),
	};
	bool is_all = args.size == ~0ULL;

	judge(dummy_args_check_evict(NULL, &args),
	      !args.flags && !args.pad && (is_all || is_span(0, args.size, OBJECT_END)), "evict.");
}

static void check_vm_limit(struct fuzz_input *input)
{
	struct drm_dummy_gpu_vm_limit args = {
		.vm_id = fuzz_u32(input),
		.flags = fuzz_u32(input),
		.vram = fuzz_u64(input),
	};

	judge(dummy_args_check_vm_limit(NULL, &args),
	      !args.flags && (args.vram == ~0ULL || !(args.vram % PAGE)), "vm_limit.");
}

static void (*const checks[])(struct fuzz_input *input) = {
	check_array,
	check_gem_create,
	check_vm_bind,
	check_bind_op,
	check_queue_create,
	check_submit,
	check_sync,
	check_wait_fence,
	check_advise,
	check_migrate,
	check_snapshot,
	check_evict,
	check_vm_limit,
};

int LLVMFuzzerTestOneInput(const u8 *bytes, size_t size)
{
	struct fuzz_input input = { bytes, size };

	checks[fuzz_u8(&input) % ARRAY_SIZE(checks)](&input);
	return 0;
}
