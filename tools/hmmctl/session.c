// SPDX-License-Identifier: GPL-2.0
/*
 * Sessions: a device made ready to work on this process's memory, and errors that
 * are explained.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "hmmctl.h"

int session_open_device(struct session *session, const struct common *common)
{
	const struct drm_dummy_gpu_info *info;
	int ret;

	memset(session, 0, sizeof(*session));
	ret = dummy_device_open(common->device, &session->dev);
	if (ret == -ENODEV)
		return complain(0, "there is no dummy_gpu device %u; is the module loaded?",
				common->device);
	if (ret)
		return complain(ret, "cannot open device %u", common->device);

	info = dummy_device_info(session->dev);
	session->page_size = info->page_size;
	session->huge_size = info->huge_size;
	session->caps = info->caps;
	return DONE;
}

int session_open(struct session *session, const struct common *common)
{
	const char *what;
	int ret;

	if (session_open_device(session, common))
		return FAILED;
	if (!(session->caps & DRM_DUMMY_GPU_CAP_SVM)) {
		session_close(session);
		return complain(0, "device %u cannot mirror process memory",
				common->device);
	}

	what = "cannot create a VM";
	ret = dummy_vm_create(session->dev, DRM_DUMMY_GPU_VM_SVM, &session->vm);
	if (ret)
		goto err;
	what = "cannot create a queue";
	ret = dummy_queue_create(session->vm, 0, 0, -1, &session->queue);
	if (ret)
		goto err;
	what = "cannot create a stream";
	ret = dummy_stream_create(&session->stream);
	if (ret)
		goto err;
	return DONE;

err:
	session_close(session);
	return complain(ret, "%s", what);
}

void session_close(struct session *session)
{
	dummy_queue_destroy(session->queue);
	dummy_stream_destroy(session->stream);
	dummy_vm_destroy(session->vm);
	dummy_device_close(session->dev);
	memset(session, 0, sizeof(*session));
}

int session_submit(struct session *session, uint64_t *job_id)
{
	int ret;

	ret = dummy_submit(session->queue, session->stream, NULL, job_id);
	if (ret)
		return complain(ret, "cannot submit a job");
	return DONE;
}

int session_wait(struct session *session, uint64_t job_id,
		 struct drm_dummy_gpu_job_query *status)
{
	struct drm_dummy_gpu_job_query own;
	int ret;

	if (!status)
		status = &own;
	ret = dummy_wait(session->queue, job_id, DUMMY_FOREVER, status);
	dummy_stream_reset(session->stream);
	if (ret == -EIO)
		return complain(0, "job %" PRIu64 " failed: %s, %s of 0x%" PRIx64
				", command at offset %" PRIu64, job_id,
				dummy_reason_name(status->reason),
				dummy_access_name(status->access),
				(uint64_t)status->fault_addr,
				(uint64_t)status->stream_offset);
	if (ret)
		return complain(ret, "cannot wait for job %" PRIu64, job_id);
	return DONE;
}

int session_run(struct session *session, struct drm_dummy_gpu_job_query *status)
{
	uint64_t job_id;

	if (session_submit(session, &job_id))
		return FAILED;
	return session_wait(session, job_id, status);
}
