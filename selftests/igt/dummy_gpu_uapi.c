// SPDX-License-Identifier: MIT
/*
 * What the uapi of dummy_gpu refuses, field by field: the table below has a row
 * for each pad, flag, id, span, pointer and array of each ioctl.
 *
 * Invariant: a row spoils one field of a call that is good otherwise. The call
 * must then fail with the row's error and leave its memory alone, and succeed as
 * soon as the field is mended, so that nothing else can be to blame.
 *
 * Words: a *row* is one field and a way to *spoil* it, which may be several
 * values, each tried alone. A row is *late* if the call cannot know before it
 * has begun, so that outputs may have been written.
 *
 * Lock: none.
 */
#include <dirent.h>
#include <sys/ioctl.h>

#include "dummy_gpu_calls.h"

IGT_TEST_DESCRIPTION("What the ioctls of dummy_gpu refuse, and that refusing changes nothing.");

/* ---- Spoiling a field --------------------------------------------------- */

enum how {
	SPOIL_SET,		/* the value */
	SPOIL_ADD,		/* the good value and this */
	SPOIL_BITS,		/* each bit that is not in this, added to the good value */
	SPOIL_FROM,		/* this, one more, all ones */
	SPOIL_BELOW,		/* one less, one, zero */
	SPOIL_ID,		/* no id, one not given out, all ones */
	SPOIL_ALIGNMENT,	/* no multiple of this; of the page size for zero */
	SPOIL_PAGES,		/* as many pages */
	SPOIL_ADD_PAGES,	/* the good value and as many pages */
	SPOIL_POINTER,		/* what nobody may touch, and what is the kernel's */
	SPOIL_EDGE,		/* so many bytes before what nobody may touch */
	SPOIL_CLIENT32,		/* this and a field of the client, 32 bits */
	SPOIL_CLIENT64,		/* likewise, 64 bits */
};

struct spoil {
	enum how how;
	uint64_t value;
	size_t client_field;
};

#define SET(number)	{ SPOIL_SET, (number), 0 }
#define ADD(number)	{ SPOIL_ADD, (number), 0 }
#define BITS(known)	{ SPOIL_BITS, (known), 0 }
#define FROM(number)	{ SPOIL_FROM, (number), 0 }
#define BELOW(number)	{ SPOIL_BELOW, (number), 0 }
#define ID		{ SPOIL_ID, 0, 0 }
#define ALIGNMENT(size)	{ SPOIL_ALIGNMENT, (size), 0 }
#define PAGES(number)	{ SPOIL_PAGES, (number), 0 }
#define ADD_PAGES(nr)	{ SPOIL_ADD_PAGES, (nr), 0 }
#define POINTER		{ SPOIL_POINTER, 0, 0 }
#define EDGE(bytes)	{ SPOIL_EDGE, (bytes), 0 }
#define CLIENT32(f, n)	{ SPOIL_CLIENT32, (n), offsetof(struct dummy_client, f) }
#define CLIENT64(f, n)	{ SPOIL_CLIENT64, (n), offsetof(struct dummy_client, f) }

/* Bytes of a frame. */
struct field {
	size_t offset, width;
};

struct row {
	const char *call;
	const char *claim;
	struct field field;
	struct spoil spoil;
	int error;
	bool is_late;
};

static uint64_t get_field(const struct row *row, const struct dummy_frame *frame)
{
	uint64_t value = 0;

	memcpy(&value, (const char *)frame + row->field.offset, row->field.width);
	return value;
}

static void set_field(const struct row *row, struct dummy_frame *frame, uint64_t value)
{
	memcpy((char *)frame + row->field.offset, &value, row->field.width);
}

static uint64_t client_field(const struct row *row, const struct dummy_client *client)
{
	const char *field = (const char *)client + row->spoil.client_field;
	uint64_t value64;
	uint32_t value32;

	memcpy(&value32, field, sizeof(value32));
	if (row->spoil.how == SPOIL_CLIENT32)
		return value32;
	memcpy(&value64, field, sizeof(value64));
	return value64;
}

/* Copy value @nr of @count to @value. Return: is there one? */
static bool pick(const uint64_t *values, unsigned int count, unsigned int nr, uint64_t *value)
{
	if (nr >= count)
		return false;
	*value = values[nr];
	return true;
}

static bool pick_bit(const struct row *row, uint64_t good, unsigned int nr, uint64_t *value)
{
	unsigned int bit;

	for (bit = 0; bit < row->field.width * 8; bit++) {
		if (row->spoil.value >> bit & 1 || nr--)
			continue;
		*value = good | 1ULL << bit;
		return true;
	}
	return false;
}

#define PICK(...)								\
	pick((const uint64_t[]){ __VA_ARGS__ },					\
	     sizeof((uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t), nr, value)

/* Return: is there a bad value @nr for @row? Then it is @value. */
static bool bad_value(const struct row *row, const struct dummy_client *client, uint64_t good,
		      unsigned int nr, uint64_t *value)
{
	uint64_t page = client->page_size;
	uint64_t guard = dummy_addr(client->frame + 1);
	uint64_t number = row->spoil.value;
	uint64_t align = number ? number : page;

	switch (row->spoil.how) {
	case SPOIL_SET:
		return PICK(number);
	case SPOIL_ADD:
		return PICK(good + number);
	case SPOIL_BITS:
		return pick_bit(row, good, nr, value);
	case SPOIL_FROM:
		return PICK(number, number + 1, UINT64_MAX);
	case SPOIL_BELOW:
		return PICK(number - 1, 1, 0);
	case SPOIL_ID:
		return PICK(0, good + 12345, UINT64_MAX);
	case SPOIL_ALIGNMENT:
		return PICK(good + 1, good + align / 2, good + align - 1);
	case SPOIL_PAGES:
		return PICK(number * page);
	case SPOIL_ADD_PAGES:
		return PICK(good + number * page);
	case SPOIL_POINTER:
		return PICK(guard, 1ULL << 63);
	case SPOIL_EDGE:
		return PICK(guard - number);
	case SPOIL_CLIENT32:
	case SPOIL_CLIENT64:
		return PICK(client_field(row, client) + number);
	}
	return false;
}

/* ---- The table ---------------------------------------------------------- */

/* A field of the arguments, of the first operation, or of a sync; and how many bits. */
#define ARG32(path)		{ offsetof(struct dummy_frame, args.path), 4 }
#define ARG64(path)		{ offsetof(struct dummy_frame, args.path), 8 }
#define OP32(field)		{ offsetof(struct dummy_frame, target.ops[0].field), 4 }
#define OP64(field)		{ offsetof(struct dummy_frame, target.ops[0].field), 8 }
#define SYNC32(nr, field)	{ offsetof(struct dummy_frame, target.syncs[nr].field), 4 }
#define SYNC64(nr, field)	{ offsetof(struct dummy_frame, target.syncs[nr].field), 8 }

#define ROW(call, claim, field, spoil, error)	{ (call), (claim), field, spoil, (error), false }
#define LATE(call, claim, field, spoil, error)	{ (call), (claim), field, spoil, (error), true }

#define MINUS(number)	(-(uint64_t)(number))

#define KNOWN_GEM_FLAGS		(DRM_DUMMY_GPU_GEM_VRAM | DRM_DUMMY_GPU_GEM_NO_MMAP)
#define KNOWN_SYNC_FLAGS	(DRM_DUMMY_GPU_SYNC_SIGNAL | DRM_DUMMY_GPU_SYNC_TIMELINE)
#define KNOWN_MIGRATE_FLAGS	(DRM_DUMMY_GPU_MIGRATE_POPULATE | DRM_DUMMY_GPU_MIGRATE_MAP | \
				 DRM_DUMMY_GPU_MIGRATE_WRITE | DRM_DUMMY_GPU_MIGRATE_KEEP)

static const struct row rows[] = {
	ROW("query-info", "unknown-type", ARG32(query.type), FROM(3), EINVAL),
	ROW("query-info", "pad", ARG32(query.pad), BITS(0), EINVAL),
	ROW("query-info", "id", ARG32(query.id), BITS(0), EINVAL),
	ROW("query-info", "bad-pointer", ARG64(query.pointer), POINTER, EFAULT),
	LATE("query-info", "pointer-at-the-edge", ARG64(query.pointer), EDGE(8), EFAULT),
	LATE("query-info", "size-beyond-memory", ARG32(query.size),
	     FROM(sizeof(((struct dummy_frame *)NULL)->target) + 1), EFAULT),
	ROW("query-device-stats", "id", ARG32(query.id), BITS(0), EINVAL),
	ROW("query-device-stats", "bad-pointer", ARG64(query.pointer), POINTER, EFAULT),
	ROW("query-vm-stats", "unknown-vm", ARG32(query.id), ID, ENOENT),
	ROW("query-vm-stats", "vm-without-svm", ARG32(query.id), CLIENT32(vm, 0), EINVAL),
	ROW("query-vm-stats", "bad-pointer", ARG64(query.pointer), POINTER, EFAULT),

	ROW("vm-create", "unknown-flags", ARG32(vm_create.flags),
	    BITS(DRM_DUMMY_GPU_VM_SVM), EINVAL),
	ROW("vm-create-svm", "unknown-flags", ARG32(vm_create.flags),
	    BITS(DRM_DUMMY_GPU_VM_SVM), EINVAL),

	ROW("vm-destroy", "unknown-vm", ARG32(vm_destroy.vm_id), ID, ENOENT),
	ROW("vm-destroy", "pad", ARG32(vm_destroy.pad), BITS(0), EINVAL),

	ROW("gem-create", "unknown-flags", ARG32(gem_create.flags), BITS(KNOWN_GEM_FLAGS), EINVAL),
	ROW("gem-create", "empty-size", ARG64(gem_create.size), SET(0), EINVAL),
	ROW("gem-create", "unaligned-size", ARG64(gem_create.size), ALIGNMENT(0), EINVAL),
	ROW("gem-create", "overflowing-size", ARG64(gem_create.size), PAGES(MINUS(1)), EINVAL),
	ROW("gem-create", "more-than-the-system-has", ARG64(gem_create.size),
	    SET(1ULL << 60), ENOMEM),
	ROW("gem-create-vram", "more-than-the-device-has", ARG64(gem_create.size),
	    CLIENT64(info.vram_size, 1 << 20), ENOSPC),
	ROW("gem-create-vram", "absurd-size", ARG64(gem_create.size), SET(1ULL << 60), ENOSPC),

	ROW("gem-mmap", "unknown-handle", ARG32(gem_mmap.handle), ID, ENOENT),
	ROW("gem-mmap", "object-with-no-mmap", ARG32(gem_mmap.handle),
	    CLIENT32(secret, 0), EACCES),
	ROW("gem-mmap", "pad", ARG32(gem_mmap.pad), BITS(0), EINVAL),

	ROW("vm-bind", "unknown-vm", ARG32(vm_bind.vm_id), ID, ENOENT),
	ROW("vm-bind", "flags", ARG32(vm_bind.flags), BITS(0), EINVAL),
	ROW("vm-bind", "short-stride", ARG32(vm_bind.ops.stride),
	    BELOW(sizeof(struct drm_dummy_gpu_bind_op)), EINVAL),
	ROW("vm-bind", "no-ops", ARG32(vm_bind.ops.count), SET(0), EINVAL),
	ROW("vm-bind", "too-many-ops", ARG32(vm_bind.ops.count),
	    FROM(DRM_DUMMY_GPU_MAX_BIND_OPS + 1), EINVAL),
	ROW("vm-bind", "bad-ops-pointer", ARG64(vm_bind.ops.array), POINTER, EFAULT),
	ROW("vm-bind", "ops-at-the-edge", ARG64(vm_bind.ops.array), EDGE(8), EFAULT),
	ROW("vm-bind", "unknown-type", OP32(type), FROM(2), EINVAL),
	ROW("vm-bind", "unknown-op-flags", OP32(flags), BITS(DRM_DUMMY_GPU_BIND_READONLY), EINVAL),
	ROW("vm-bind", "op-pad", OP32(pad), BITS(0), EINVAL),
	ROW("vm-bind", "unknown-handle", OP32(handle), ID, ENOENT),
	ROW("vm-bind", "unaligned-offset", OP64(offset), ALIGNMENT(0), EINVAL),
	ROW("vm-bind", "offset-beyond-the-object", OP64(offset), ADD_PAGES(1), EINVAL),
	ROW("vm-bind", "overflowing-offset", OP64(offset), PAGES(MINUS(1)), EINVAL),
	ROW("vm-bind", "unaligned-start", OP64(start), ALIGNMENT(0), EINVAL),
	ROW("vm-bind", "overflowing-start", OP64(start), PAGES(MINUS(1)), EINVAL),
	ROW("vm-bind", "start-at-va-end", OP64(start), CLIENT64(info.va_end, 0), EINVAL),
	ROW("vm-bind", "unaligned-size", OP64(size), ALIGNMENT(0), EINVAL),
	ROW("vm-bind", "empty-span", OP64(size), SET(0), EINVAL),
	ROW("vm-bind", "size-beyond-the-object", OP64(size), ADD_PAGES(1), EINVAL),
	ROW("vm-bind", "overflowing-size", OP64(size), PAGES(MINUS(1)), EINVAL),
	ROW("vm-bind-svm", "start-of-process-memory", OP64(start), PAGES(16), EINVAL),
	ROW("vm-bind-svm", "span-across-svm-end", OP64(start), ADD_PAGES(MINUS(1)), EINVAL),
	ROW("vm-unbind", "flags-of-map", OP32(flags), BITS(0), EINVAL),
	ROW("vm-unbind", "handle", OP32(handle), CLIENT32(bo, 0), EINVAL),
	ROW("vm-unbind", "offset", OP64(offset), ADD_PAGES(1), EINVAL),
	ROW("vm-unbind", "op-pad", OP32(pad), BITS(0), EINVAL),
	ROW("vm-unbind", "unaligned-start", OP64(start), ALIGNMENT(0), EINVAL),
	ROW("vm-unbind", "empty-span", OP64(size), SET(0), EINVAL),
	ROW("vm-unbind", "span-beyond-va-end", OP64(size), CLIENT64(info.va_end, 0), EINVAL),

	ROW("queue-create", "unknown-vm", ARG32(queue_create.vm_id), ID, ENOENT),
	ROW("queue-create", "engine-after-the-last", ARG32(queue_create.engine),
	    CLIENT32(info.nr_engines, 0), EINVAL),
	ROW("queue-create", "absurd-engine", ARG32(queue_create.engine), SET(UINT32_MAX), EINVAL),
	ROW("queue-create", "too-long-timeout", ARG32(queue_create.timeout_ms),
	    CLIENT32(info.max_timeout_ms, 1), EINVAL),
	ROW("queue-create", "absurd-timeout", ARG32(queue_create.timeout_ms),
	    SET(UINT32_MAX), EINVAL),
	ROW("queue-create", "unknown-flags", ARG32(queue_create.flags),
	    BITS(DRM_DUMMY_GPU_QUEUE_EVENTFD), EINVAL),
	ROW("queue-create", "eventfd-without-flag", ARG32(queue_create.eventfd), BITS(0), EINVAL),
	ROW("queue-create-svm", "unknown-vm", ARG32(queue_create.vm_id), ID, ENOENT),
	ROW("queue-create-svm", "closed-eventfd", ARG32(queue_create.eventfd),
	    FROM(0x7ffffffe), EBADF),
	ROW("queue-create-svm", "file-that-is-no-eventfd", ARG32(queue_create.eventfd),
	    CLIENT32(fd, 0), EBADF),

	ROW("queue-destroy", "unknown-queue", ARG32(queue_destroy.queue_id), ID, ENOENT),
	ROW("queue-destroy", "pad", ARG32(queue_destroy.pad), BITS(0), EINVAL),

	ROW("submit", "unknown-queue", ARG32(submit.queue_id), ID, ENOENT),
	ROW("submit", "unknown-flags", ARG32(submit.flags),
	    BITS(DRM_DUMMY_GPU_SUBMIT_FENCE), EINVAL),
	ROW("submit", "user-fence-without-svm", ARG32(submit.flags),
	    SET(DRM_DUMMY_GPU_SUBMIT_FENCE), EINVAL),
	ROW("submit", "unaligned-stream", ARG64(submit.stream), ALIGNMENT(8), EINVAL),
	ROW("submit", "overflowing-stream", ARG64(submit.stream), SET(MINUS(8)), EINVAL),
	ROW("submit", "empty-stream", ARG64(submit.stream_size), SET(0), EINVAL),
	ROW("submit", "unaligned-stream-size", ARG64(submit.stream_size), ALIGNMENT(8), EINVAL),
	ROW("submit", "too-long-stream", ARG64(submit.stream_size),
	    CLIENT32(info.max_stream, 8), EINVAL),
	ROW("submit", "overflowing-stream-size", ARG64(submit.stream_size), SET(MINUS(8)), EINVAL),
	ROW("submit", "fence-addr-without-flag", ARG64(submit.fence_addr), BITS(0), EINVAL),
	ROW("submit", "fence-value-without-flag", ARG64(submit.fence_value), BITS(0), EINVAL),
	ROW("submit", "short-sync-stride", ARG32(submit.syncs.stride),
	    BELOW(sizeof(struct drm_dummy_gpu_sync)), EINVAL),
	ROW("submit", "too-many-syncs", ARG32(submit.syncs.count),
	    FROM(DRM_DUMMY_GPU_MAX_SYNCS + 1), EINVAL),
	ROW("submit", "bad-syncs-pointer", ARG64(submit.syncs.array), POINTER, EFAULT),
	ROW("submit", "syncs-at-the-edge", ARG64(submit.syncs.array), EDGE(16), EFAULT),
	ROW("submit", "unknown-in-sync", SYNC32(0, handle), ID, ENOENT),
	ROW("submit", "unknown-in-sync-flags", SYNC32(0, flags), BITS(KNOWN_SYNC_FLAGS), EINVAL),
	ROW("submit", "point-of-a-binary-in-sync", SYNC64(0, value), BITS(0), EINVAL),
	ROW("submit", "unknown-out-sync", SYNC32(1, handle), ID, ENOENT),
	ROW("submit", "unknown-out-sync-flags", SYNC32(1, flags), BITS(KNOWN_SYNC_FLAGS), EINVAL),
	ROW("submit", "point-of-a-binary-out-sync", SYNC64(1, value), BITS(0), EINVAL),
	ROW("submit-svm", "unknown-queue", ARG32(submit.queue_id), ID, ENOENT),
	ROW("submit-svm", "unaligned-fence", ARG64(submit.fence_addr), ALIGNMENT(8), EINVAL),
	ROW("submit-svm", "out-sync", SYNC32(0, flags), SET(DRM_DUMMY_GPU_SYNC_SIGNAL), EINVAL),
	ROW("submit-svm", "unknown-in-sync", SYNC32(0, handle), ID, ENOENT),

	ROW("job-query", "unknown-queue", ARG32(job_query.queue_id), ID, ENOENT),
	ROW("job-query", "unknown-job", ARG64(job_query.job_id), ID, ENOENT),
	ROW("job-query-svm", "unknown-queue", ARG32(job_query.queue_id), ID, ENOENT),
	ROW("job-query-svm", "unknown-job", ARG64(job_query.job_id), ID, ENOENT),

	ROW("wait-fence", "unknown-queue", ARG32(wait_fence.queue_id), ID, ENOENT),
	ROW("wait-fence", "flags", ARG32(wait_fence.flags), BITS(0), EINVAL),
	ROW("wait-fence", "unaligned-addr", ARG64(wait_fence.addr), ALIGNMENT(8), EINVAL),
	LATE("wait-fence", "bad-addr", ARG64(wait_fence.addr), POINTER, EFAULT),
	ROW("wait-fence", "unknown-job", ARG64(wait_fence.job_id), FROM(12345), ENOENT),

	ROW("advise-place", "unknown-vm", ARG32(advise.vm_id), ID, ENOENT),
	ROW("advise-place", "vm-without-svm", ARG32(advise.vm_id), CLIENT32(vm, 0), EINVAL),
	ROW("advise-place", "unaligned-start", ARG64(advise.start), ALIGNMENT(0), EINVAL),
	ROW("advise-place", "unaligned-size", ARG64(advise.size), ALIGNMENT(0), EINVAL),
	ROW("advise-place", "empty-span", ARG64(advise.size), SET(0), EINVAL),
	ROW("advise-place", "overflowing-start", ARG64(advise.start), PAGES(MINUS(1)), EINVAL),
	ROW("advise-place", "overflowing-size", ARG64(advise.size), PAGES(MINUS(1)), EINVAL),
	ROW("advise-place", "start-at-svm-end", ARG64(advise.start),
	    CLIENT64(info.svm_end, 0), EINVAL),
	ROW("advise-place", "span-across-svm-end", ARG64(advise.start),
	    CLIENT64(info.svm_end, MINUS(4096)), EINVAL),
	ROW("advise-place", "unknown-advice", ARG32(advise.advice),
	    FROM(DRM_DUMMY_GPU_ADVICE_PIN + 1), EINVAL),
	ROW("advise-place", "place-of-a-peer", ARG64(advise.value),
	    FROM(DRM_DUMMY_GPU_PLACE_PEER), EINVAL),
	ROW("advise-reset", "value", ARG64(advise.value), BITS(0), EINVAL),
	ROW("advise-thp", "unknown-value", ARG64(advise.value), FROM(2), EINVAL),
	ROW("advise-read-mostly", "unknown-value", ARG64(advise.value), FROM(2), EINVAL),
	ROW("advise-atomics", "unknown-value", ARG64(advise.value), FROM(3), EINVAL),
	ROW("advise-pin", "unknown-value", ARG64(advise.value), FROM(2), EINVAL),
	ROW("advise-granularity", "below-a-page", ARG64(advise.value), SET(11), EINVAL),
	ROW("advise-granularity", "above-huge-size", ARG64(advise.value), FROM(22), EINVAL),

	ROW("migrate-to-device", "unknown-vm", ARG32(migrate.vm_id), ID, ENOENT),
	ROW("migrate-to-device", "vm-without-svm", ARG32(migrate.vm_id), CLIENT32(vm, 0), EINVAL),
	ROW("migrate-to-device", "unaligned-start", ARG64(migrate.start), ALIGNMENT(0), EINVAL),
	ROW("migrate-to-device", "unaligned-size", ARG64(migrate.size), ALIGNMENT(0), EINVAL),
	ROW("migrate-to-device", "empty-span", ARG64(migrate.size), SET(0), EINVAL),
	ROW("migrate-to-device", "overflowing-start", ARG64(migrate.start),
	    PAGES(MINUS(1)), EINVAL),
	ROW("migrate-to-device", "overflowing-size", ARG64(migrate.size), PAGES(MINUS(1)), EINVAL),
	ROW("migrate-to-device", "start-at-svm-end", ARG64(migrate.start),
	    CLIENT64(info.svm_end, 0), EINVAL),
	ROW("migrate-to-device", "span-across-svm-end", ARG64(migrate.start),
	    CLIENT64(info.svm_end, MINUS(4096)), EINVAL),
	ROW("migrate-to-device", "no-place", ARG32(migrate.place),
	    SET(DRM_DUMMY_GPU_PLACE_NONE), EINVAL),
	ROW("migrate-to-device", "place-of-a-peer", ARG32(migrate.place),
	    FROM(DRM_DUMMY_GPU_PLACE_PEER), EINVAL),
	ROW("migrate-to-device", "unknown-flags", ARG32(migrate.flags),
	    BITS(KNOWN_MIGRATE_FLAGS), EINVAL),
	ROW("migrate-to-device", "write-without-map", ARG32(migrate.flags),
	    SET(DRM_DUMMY_GPU_MIGRATE_WRITE), EINVAL),
	ROW("migrate-to-device", "keep-without-map", ARG32(migrate.flags),
	    SET(DRM_DUMMY_GPU_MIGRATE_KEEP), EINVAL),
	ROW("migrate-to-device", "pad", ARG32(migrate.pad), BITS(0), EINVAL),
	ROW("migrate-to-device", "short-run-stride", ARG32(migrate.runs.stride),
	    BELOW(sizeof(struct drm_dummy_gpu_migrate_run)), EINVAL),
	LATE("migrate-to-device", "bad-runs-pointer", ARG64(migrate.runs.array), POINTER, EFAULT),
	ROW("migrate-to-system", "populate", ARG32(migrate.flags),
	    SET(DRM_DUMMY_GPU_MIGRATE_POPULATE), EINVAL),
	ROW("migrate-to-system", "map", ARG32(migrate.flags),
	    SET(DRM_DUMMY_GPU_MIGRATE_MAP), EINVAL),

	ROW("snapshot", "unknown-vm", ARG32(snapshot.vm_id), ID, ENOENT),
	ROW("snapshot", "vm-without-svm", ARG32(snapshot.vm_id), CLIENT32(vm, 0), EINVAL),
	ROW("snapshot", "unaligned-start", ARG64(snapshot.start), ALIGNMENT(0), EINVAL),
	ROW("snapshot", "unaligned-size", ARG64(snapshot.size), ALIGNMENT(0), EINVAL),
	ROW("snapshot", "empty-span", ARG64(snapshot.size), SET(0), EINVAL),
	ROW("snapshot", "overflowing-start", ARG64(snapshot.start), PAGES(MINUS(1)), EINVAL),
	ROW("snapshot", "overflowing-size", ARG64(snapshot.size), PAGES(MINUS(1)), EINVAL),
	ROW("snapshot", "start-at-svm-end", ARG64(snapshot.start),
	    CLIENT64(info.svm_end, 0), EINVAL),
	ROW("snapshot", "span-across-svm-end", ARG64(snapshot.start),
	    CLIENT64(info.svm_end, MINUS(4096)), EINVAL),
	ROW("snapshot", "flags", ARG32(snapshot.flags), BITS(0), EINVAL),
	ROW("snapshot", "one-page-more", ARG32(snapshot.pages.count), ADD(1), EINVAL),
	ROW("snapshot", "one-page-less", ARG32(snapshot.pages.count), ADD(MINUS(1)), EINVAL),
	ROW("snapshot", "no-pages", ARG32(snapshot.pages.count), SET(0), EINVAL),
	ROW("snapshot", "absurd-count", ARG32(snapshot.pages.count), SET(UINT32_MAX), EINVAL),
	ROW("snapshot", "short-page-stride", ARG32(snapshot.pages.stride),
	    BELOW(sizeof(struct drm_dummy_gpu_page)), EINVAL),
	ROW("snapshot", "bad-pages-pointer", ARG64(snapshot.pages.array), POINTER, EFAULT),
	LATE("snapshot", "pages-at-the-edge", ARG64(snapshot.pages.array), EDGE(8), EFAULT),

	ROW("evict", "flags", ARG32(evict.flags), BITS(0), EINVAL),
	ROW("evict", "pad", ARG32(evict.pad), BITS(0), EINVAL),
	ROW("evict", "empty-size", ARG64(evict.size), SET(0), EINVAL),
	ROW("evict", "unaligned-size", ARG64(evict.size), ALIGNMENT(0), EINVAL),

	ROW("vm-limit", "flags", ARG32(vm_limit.flags), BITS(0), EINVAL),
	ROW("vm-limit", "unaligned-vram", ARG64(vm_limit.vram), ALIGNMENT(0), EINVAL),
};

/* ---- Checking a row ----------------------------------------------------- */

/* VM_BIND says how many operations were done, and it was none. */
static void expect_count(const struct row *row, const struct dummy_call *call,
			 struct dummy_frame *frame)
{
	if (call->request == DRM_IOCTL_DUMMY_GPU_VM_BIND &&
	    row->field.offset >= offsetof(struct dummy_frame, target))
		frame->args.vm_bind.ops.count = 0;
}

static void check_value(const struct row *row, const struct dummy_call *call,
			struct dummy_client *client, uint64_t value)
{
	struct dummy_frame spoilt;
	int ret;

	set_field(row, client->frame, value);
	spoilt = *client->frame;

	ret = dummy_call_make(call, client, client->fd);
	igt_assert_f(ret == -row->error, "%s with %s %#llx returned %d, not %d\n", row->call,
		     row->claim, (unsigned long long)value, ret, -row->error);

	expect_count(row, call, &spoilt);
	igt_assert_f(row->is_late || !memcmp(&spoilt, client->frame, sizeof(spoilt)),
		     "%s with %s %#llx has written to memory\n", row->call, row->claim,
		     (unsigned long long)value);
}

static void check_row(const struct row *row, struct dummy_client *client)
{
	const struct dummy_call *call = dummy_call_find(row->call);
	struct dummy_frame good;
	unsigned int nr = 0;
	uint64_t value;

	dummy_call_prepare(call, client);
	good = *client->frame;

	while (bad_value(row, client, get_field(row, &good), nr++, &value)) {
		check_value(row, call, client, value);
		*client->frame = good;
	}

	igt_assert_eq(dummy_call_make(call, client, client->fd), 0);
	if (call->undo)
		call->undo(client);
}

static void test_row(int fd, const struct row *row)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(fd);
	struct dummy_client *client = dummy_client_open(fd);

	check_row(row, client);
	dummy_client_close(client);
	dummy_assert_nothing_leaked(fd, &before);
}

/* ---- Leaks -------------------------------------------------------------- */

#define MAX_SVM_VMS	8

static unsigned int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int count = 0;

	igt_assert(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* Return: bytes of buffer objects that @fd has handles of. */
static uint64_t total_memory(int fd)
{
	unsigned long long kib, total = 0;
	char line[256];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/self/fdinfo/%d", fd);
	file = fopen(line, "r");
	igt_assert(file);
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "drm-total-memory: %llu KiB", &kib) == 1 ||
		    sscanf(line, "drm-total-vram: %llu KiB", &kib) == 1)
			total += kib;
	}
	fclose(file);
	return total;
}

static unsigned int count_free_svm_vms(int fd)
{
	struct drm_dummy_gpu_vm_create args = { .flags = DRM_DUMMY_GPU_VM_SVM };
	uint32_t vms[MAX_SVM_VMS + 1];
	unsigned int count = 0;
	unsigned int i;

	while (count <= MAX_SVM_VMS && !igt_ioctl(fd, DRM_IOCTL_DUMMY_GPU_VM_CREATE, &args))
		vms[count++] = args.vm_id;
	igt_assert_eq(errno, ENOSPC);

	for (i = 0; i < count; i++)
		dummy_vm_destroy(fd, vms[i]);
	return count;
}

static void test_leaks(int fd)
{
	struct drm_dummy_gpu_device_stats before = dummy_device_stats(fd);
	struct dummy_client *client = dummy_client_open(fd);
	uint64_t memory = total_memory(client->fd);
	unsigned int files = count_files();
	unsigned int i;

	igt_assert_neq_u64(memory, 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i], client);

	igt_assert_eq_u64(total_memory(client->fd), memory);
	igt_assert_eq(count_files(), files);
	igt_assert_eq(count_free_svm_vms(client->fd), MAX_SVM_VMS - 1);
	dummy_client_close(client);
	dummy_assert_nothing_leaked(fd, &before);
}

/* ---- Sizes of structs --------------------------------------------------- */

static int call_with_size(const struct dummy_call *call, struct dummy_client *client, size_t size)
{
	unsigned long request = _IOC(_IOC_DIR(call->request), _IOC_TYPE(call->request),
				     _IOC_NR(call->request), size);

	return igt_ioctl(client->fd, request, &client->frame->args) ? -errno : 0;
}

/* A user of an older header, whose struct ends 8 bytes earlier. */
static void test_smaller_struct(const struct dummy_call *call, struct dummy_client *client)
{
	size_t size = _IOC_SIZE(call->request);
	char *tail = (char *)&client->frame->args + size - 8;
	char poison[8];
	int ret;

	dummy_call_prepare(call, client);
	memset(tail, 0, 8);
	ret = dummy_call_make(call, client, client->fd);
	if (!ret && call->undo)
		call->undo(client);

	dummy_call_prepare(call, client);
	memset(poison, 0xa5, 8);
	memcpy(tail, poison, 8);
	igt_assert_eq(call_with_size(call, client, size - 8), ret);
	igt_assert(!memcmp(tail, poison, 8));
	/* What else was made goes with the file; a limit would stay with the process. */
	if (call->request == DRM_IOCTL_DUMMY_GPU_VM_LIMIT)
		call->undo(client);
}

/* A user of a newer header, with values in fields that this kernel lacks. */
static void test_larger_struct(const struct dummy_call *call, struct dummy_client *client)
{
	size_t size = _IOC_SIZE(call->request);
	size_t more = sizeof(client->frame->beyond);
	char *tail = (char *)&client->frame->args + size;
	char before[sizeof(client->frame->beyond)];

	dummy_call_prepare(call, client);
	memcpy(before, tail, more);
	igt_assert_eq(call_with_size(call, client, size + more), 0);
	igt_assert(!memcmp(tail, before, more));
	if (call->undo)
		call->undo(client);
}

static void test_bad_struct_pointer(const struct dummy_call *call, struct dummy_client *client)
{
	char *guard = (char *)(client->frame + 1);

	do_ioctl_err(client->fd, call->request, NULL, EFAULT);
	do_ioctl_err(client->fd, call->request, guard, EFAULT);
	do_ioctl_err(client->fd, call->request, guard - 4, EFAULT);
}

static void test_unknown_ioctls(int fd)
{
	unsigned int nr;

	for (nr = DRM_DUMMY_GPU_VM_LIMIT + 1; nr < DRM_COMMAND_END - DRM_COMMAND_BASE; nr++) {
		char args[64] = { 0 };

		igt_assert_eq(igt_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + nr, char[64]), args), -1);
		igt_assert_f(errno == EINVAL || errno == ENOTTY, "ioctl %u: errno %d\n", nr, errno);
	}
}

/* ---- Strides of arrays -------------------------------------------------- */

/**
 * struct array - an array of a call
 * @call: the call
 * @offset: where in the frame the array is described
 * @size: the kernel's size of an element
 */
struct array {
	const char *call;
	size_t offset;
	size_t size;
};

static const struct array in_arrays[] = {
	{ "vm-bind", offsetof(struct dummy_frame, args.vm_bind.ops),
	  sizeof(struct drm_dummy_gpu_bind_op) },
	{ "vm-unbind", offsetof(struct dummy_frame, args.vm_bind.ops),
	  sizeof(struct drm_dummy_gpu_bind_op) },
	{ "submit", offsetof(struct dummy_frame, args.submit.syncs),
	  sizeof(struct drm_dummy_gpu_sync) },
	{ "submit-svm", offsetof(struct dummy_frame, args.submit.syncs),
	  sizeof(struct drm_dummy_gpu_sync) },
};

static const struct array out_arrays[] = {
	{ "migrate-to-device", offsetof(struct dummy_frame, args.migrate.runs),
	  sizeof(struct drm_dummy_gpu_migrate_run) },
	{ "prefetch", offsetof(struct dummy_frame, args.migrate.runs),
	  sizeof(struct drm_dummy_gpu_migrate_run) },
	{ "snapshot", offsetof(struct dummy_frame, args.snapshot.pages),
	  sizeof(struct drm_dummy_gpu_page) },
};

#define TAIL	24

static struct drm_dummy_gpu_array *array_of(const struct array *array, struct dummy_client *client)
{
	return (struct drm_dummy_gpu_array *)((char *)client->frame + array->offset);
}

/* Prepare the call with TAIL bytes of @fill after each element. Return: the tail of the last. */
static char *widen(const struct array *array, struct dummy_client *client, int fill)
{
	struct drm_dummy_gpu_array *desc = array_of(array, client);
	char *bytes = client->frame->target.bytes;
	size_t stride = array->size + TAIL;
	char narrow[1024];
	unsigned int i;

	dummy_call_prepare(dummy_call_find(array->call), client);
	memcpy(narrow, bytes, sizeof(narrow));
	igt_assert_lte_u64(desc->count * stride, sizeof(narrow));

	for (i = 0; i < desc->count; i++) {
		memcpy(bytes + i * stride, narrow + i * array->size, array->size);
		memset(bytes + i * stride + array->size, fill, TAIL);
	}
	desc->stride = stride;
	return bytes + (desc->count - 1) * stride + array->size;
}

static void test_wide_elements(const struct array *array, struct dummy_client *client)
{
	const struct dummy_call *call = dummy_call_find(array->call);

	widen(array, client, 0);
	igt_assert_eq(dummy_call_make(call, client, client->fd), 0);
	if (call->undo)
		call->undo(client);
}

static void test_values_beyond_elements(const struct array *array, struct dummy_client *client)
{
	const struct dummy_call *call = dummy_call_find(array->call);
	struct dummy_frame before;
	unsigned int i;
	char *tail;

	for (i = 0; i < TAIL; i++) {
		tail = widen(array, client, 0);
		tail[i] = 1;
		before = *client->frame;
		igt_assert_eq(dummy_call_make(call, client, client->fd), -E2BIG);
		igt_assert(!memcmp(&before, client->frame, sizeof(before)));
	}
}

/* The kernel writes its elements at the user's stride, and nothing in between. */
static void test_wide_results(const struct array *array, struct dummy_client *client)
{
	const struct dummy_call *call = dummy_call_find(array->call);
	size_t stride = array->size + TAIL;
	char *bytes = client->frame->target.bytes;
	char expected[TAIL];
	unsigned int i;

	memset(expected, 0x77, TAIL);
	widen(array, client, 0x77);
	igt_assert_eq(dummy_call_make(call, client, client->fd), 0);
	for (i = 0; i < array_of(array, client)->count; i++)
		igt_assert(!memcmp(bytes + i * stride + array->size, expected, TAIL));
}

/* ---- Main --------------------------------------------------------------- */

static int device = -1;
static struct dummy_client *user;

static void row_subtest(const struct row *row)
{
	igt_describe_f("The call fails with errno %d; mended it succeeds.", row->error);
	igt_subtest_f("%s-rejects-%s", row->call, row->claim)
		test_row(device, row);
}

static void row_subtests(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		row_subtest(&rows[i]);
}

static void call_dynamic(const struct dummy_call *call,
			 void (*test)(const struct dummy_call *call, struct dummy_client *client))
{
	igt_dynamic(call->name)
		test(call, user);
}

static void each_call(void (*test)(const struct dummy_call *call, struct dummy_client *client))
{
	unsigned int i;

	for (i = 0; i < dummy_nr_calls; i++)
		call_dynamic(&dummy_calls[i], test);
}

static void array_dynamic(const struct array *array,
			  void (*test)(const struct array *array, struct dummy_client *client))
{
	igt_dynamic(array->call)
		test(array, user);
}

static void each_array(const struct array *arrays, unsigned int count,
		       void (*test)(const struct array *array, struct dummy_client *client))
{
	unsigned int i;

	for (i = 0; i < count; i++)
		array_dynamic(&arrays[i], test);
}

int
igt_main()
{
	igt_fixture() {
		device = drm_open_driver_render(DRIVER_ANY);
		dummy_require_device(device);
	}

	row_subtests();

	igt_describe("All of the rows one after the other in one file leave nothing behind.");
	igt_subtest("rejected-calls-leak-nothing")
		test_leaks(device);

	igt_describe("Numbers that no ioctl of the driver has.");
	igt_subtest("unknown-ioctls-are-refused")
		test_unknown_ioctls(device);

	igt_subtest_group() {
		igt_fixture()
			user = dummy_client_open(device);

		igt_describe("What a smaller struct lacks is zero, and is not written to.");
		igt_subtest_with_dynamic("smaller-struct-is-extended-with-zeros")
			each_call(test_smaller_struct);

		igt_describe("What a larger struct has in excess is left alone.");
		igt_subtest_with_dynamic("larger-struct-keeps-its-tail")
			each_call(test_larger_struct);

		igt_describe("Arguments that cannot be read.");
		igt_subtest_with_dynamic("bad-struct-pointer-is-refused")
			each_call(test_bad_struct_pointer);

		igt_describe("Elements of a newer user, who uses nothing new.");
		igt_subtest_with_dynamic("wide-elements-with-zero-tails-are-taken")
			each_array(in_arrays, ARRAY_SIZE(in_arrays), test_wide_elements);

		igt_describe("Elements of a newer user, who does: E2BIG for each byte.");
		igt_subtest_with_dynamic("wide-elements-with-other-tails-are-too-big")
			each_array(in_arrays, ARRAY_SIZE(in_arrays), test_values_beyond_elements);

		igt_describe("Room of a newer user for larger results.");
		igt_subtest_with_dynamic("wide-results-keep-their-tails")
			each_array(out_arrays, ARRAY_SIZE(out_arrays), test_wide_results);

		igt_fixture()
			dummy_client_close(user);
	}

	igt_fixture()
		drm_close_driver(device);
}
