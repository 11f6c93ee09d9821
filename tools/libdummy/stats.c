// SPDX-License-Identifier: MIT
/*
 * Counters of the driver, and names for its numbers.
 */
#include "libdummy.h"

DUMMY_EXPORT int dummy_device_stats(struct dummy_device *dev,
				    struct drm_dummy_gpu_device_stats *stats)
{
	return device_query(dev->fd, DRM_DUMMY_GPU_QUERY_DEVICE_STATS, 0, stats,
			    sizeof(*stats));
}

DUMMY_EXPORT int dummy_vm_stats(struct dummy_vm *vm,
				struct drm_dummy_gpu_vm_stats *stats)
{
	return device_query(vm->dev->fd, DRM_DUMMY_GPU_QUERY_VM_STATS, vm->id,
			    stats, sizeof(*stats));
}

static const char *pick_name(const char *const *names, size_t count,
			     uint32_t value)
{
	return value < count ? names[value] : "?";
}

DUMMY_EXPORT const char *dummy_place_name(uint32_t place)
{
	static const char *const names[] = {
		[DRM_DUMMY_GPU_PLACE_NONE] = "none",
		[DRM_DUMMY_GPU_PLACE_SYSTEM] = "system",
		[DRM_DUMMY_GPU_PLACE_DEVICE] = "device",
		[DRM_DUMMY_GPU_PLACE_PEER] = "peer",
	};

	return pick_name(names, ARRAY_SIZE(names), place);
}

DUMMY_EXPORT const char *dummy_migrate_result_name(uint32_t result)
{
	static const char *const names[] = {
		[DRM_DUMMY_GPU_MIGRATE_MOVED] = "moved",
		[DRM_DUMMY_GPU_MIGRATE_ALREADY] = "already",
		[DRM_DUMMY_GPU_MIGRATE_UNMAPPED] = "unmapped",
		[DRM_DUMMY_GPU_MIGRATE_HOLE] = "hole",
		[DRM_DUMMY_GPU_MIGRATE_UNSUITABLE] = "unsuitable",
		[DRM_DUMMY_GPU_MIGRATE_BUSY] = "busy",
		[DRM_DUMMY_GPU_MIGRATE_FULL] = "full",
		[DRM_DUMMY_GPU_MIGRATE_NO_MEMORY] = "no-memory",
		[DRM_DUMMY_GPU_MIGRATE_COPY_FAILED] = "copy-failed",
	};

	return pick_name(names, ARRAY_SIZE(names), result);
}

DUMMY_EXPORT const char *dummy_job_state_name(uint32_t state)
{
	static const char *const names[] = {
		[DRM_DUMMY_GPU_JOB_QUEUED] = "queued",
		[DRM_DUMMY_GPU_JOB_RUNNING] = "running",
		[DRM_DUMMY_GPU_JOB_DONE] = "done",
		[DRM_DUMMY_GPU_JOB_FAILED] = "failed",
	};

	return pick_name(names, ARRAY_SIZE(names), state);
}

DUMMY_EXPORT const char *dummy_reason_name(uint32_t reason)
{
	static const char *const names[] = {
		[DRM_DUMMY_GPU_REASON_NONE] = "none",
		[DRM_DUMMY_GPU_REASON_UNMAPPED] = "unmapped",
		[DRM_DUMMY_GPU_REASON_PERMISSION] = "permission",
		[DRM_DUMMY_GPU_REASON_ATOMIC_UNSUPPORTED] =
			"atomic-unsupported",
		[DRM_DUMMY_GPU_REASON_MEMORY] = "memory",
		[DRM_DUMMY_GPU_REASON_NO_MEMORY] = "no-memory",
		[DRM_DUMMY_GPU_REASON_BAD_STREAM] = "bad-stream",
		[DRM_DUMMY_GPU_REASON_TIMEOUT] = "timeout",
		[DRM_DUMMY_GPU_REASON_CANCELLED] = "cancelled",
		[DRM_DUMMY_GPU_REASON_DEVICE_LOST] = "device-lost",
		[DRM_DUMMY_GPU_REASON_DEPENDENCY] = "dependency",
		[DRM_DUMMY_GPU_REASON_CONTENDED] = "contended",
		[DRM_DUMMY_GPU_REASON_HANG] = "hang",
	};

	return pick_name(names, ARRAY_SIZE(names), reason);
}

DUMMY_EXPORT const char *dummy_access_name(uint32_t access)
{
	static const char *const names[] = {
		[DRM_DUMMY_GPU_ACCESS_READ] = "read",
		[DRM_DUMMY_GPU_ACCESS_WRITE] = "write",
		[DRM_DUMMY_GPU_ACCESS_ATOMIC] = "atomic",
	};

	return pick_name(names, ARRAY_SIZE(names), access);
}

DUMMY_EXPORT const char *dummy_op_name(uint32_t op)
{
	static const char *const names[] = {
		[DUMMY_GPU_OP_NOP] = "nop",
		[DUMMY_GPU_OP_END] = "end",
		[DUMMY_GPU_OP_FILL] = "fill",
		[DUMMY_GPU_OP_COPY] = "copy",
		[DUMMY_GPU_OP_LOAD] = "load",
		[DUMMY_GPU_OP_STORE] = "store",
		[DUMMY_GPU_OP_SET] = "set",
		[DUMMY_GPU_OP_ADD] = "add",
		[DUMMY_GPU_OP_JUMP] = "jump",
		[DUMMY_GPU_OP_ATOMIC_ADD] = "atomic-add",
		[DUMMY_GPU_OP_ATOMIC_CAS] = "atomic-cas",
		[DUMMY_GPU_OP_COMPARE] = "compare",
		[DUMMY_GPU_OP_CHECKSUM] = "checksum",
		[DUMMY_GPU_OP_VADD] = "vadd",
		[DUMMY_GPU_OP_VSCALE] = "vscale",
		[DUMMY_GPU_OP_WAIT] = "wait",
		[DUMMY_GPU_OP_SIGNAL] = "signal",
		[DUMMY_GPU_OP_TIMESTAMP] = "timestamp",
	};

	return pick_name(names, ARRAY_SIZE(names), op);
}

DUMMY_EXPORT const char *dummy_cond_name(uint32_t cond)
{
	static const char *const names[] = {
		[DUMMY_GPU_COND_ALWAYS] = "always",
		[DUMMY_GPU_COND_EQ] = "eq",
		[DUMMY_GPU_COND_NE] = "ne",
		[DUMMY_GPU_COND_LT] = "lt",
		[DUMMY_GPU_COND_GE] = "ge",
	};

	return pick_name(names, ARRAY_SIZE(names), cond);
}
