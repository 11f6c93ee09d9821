// SPDX-License-Identifier: GPL-2.0
/*
 * Devices as the workers use them: a few VMs with SVM, called slots, each with a
 * queue for every worker. A worker holds the lock of a slot for reading while it
 * uses it, and may hold two; who reopens a VM only tries for writing. So nobody
 * waits in a circle.
 */
#include "stress.h"

#define SLOTS_PER_DEVICE	2
#define MAX_DEVICES		(MAX_SLOTS / SLOTS_PER_DEVICE)
/* Far beyond the watchdog: a job that hangs is for that to tell. */
#define JOB_TIMEOUT_MS		(10 * 60 * 1000)

struct slot slots[MAX_SLOTS];
unsigned int nr_slots;
unsigned int nr_devices;

static struct dummy_node nodes[MAX_DEVICES];
static struct drm_dummy_gpu_device_stats base[MAX_DEVICES];
static char *streams, *stagings;

/* By the node itself: libdrm takes platform devices of one name for one device. */
static void find_devices(void)
{
	const struct drm_dummy_gpu_info *info;
	struct dummy_device *dev;
	unsigned int minor;
	char path[32];

	for (minor = 128; minor < 192 && nr_devices < MAX_DEVICES; minor++) {
		snprintf(path, sizeof(path), "/dev/dri/renderD%u", minor);
		if (dummy_device_open_path(path, &dev))
			continue;
		info = dummy_device_info(dev);
		snprintf(nodes[nr_devices].path, sizeof(nodes[nr_devices].path), "%s", path);
		nodes[nr_devices].index = info->index;
		dummy_device_stats(dev, &base[nr_devices]);
		nr_devices++;
		dummy_device_close(dev);
	}
}

static int slot_open(struct slot *slot)
{
	const struct drm_dummy_gpu_info *info;
	unsigned int i;
	int ret = 0;

	if (!slot->dev)
		ret = dummy_device_open_path(nodes[slot->device].path, &slot->dev);
	if (ret)
		return ret;
	if (!slot->vm)
		ret = dummy_vm_create(slot->dev, DRM_DUMMY_GPU_VM_SVM, &slot->vm);
	if (ret)
		return ret;
	info = dummy_device_info(slot->dev);
	for (i = 0; i < options.nr_workers && !ret; i++) {
		if (!slot->queues[i])
			ret = dummy_queue_create(slot->vm, i % info->nr_engines, JOB_TIMEOUT_MS, -1,
						 &slot->queues[i]);
	}
	return ret;
}

static int slot_close(struct slot *slot, bool whole_device)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < options.nr_workers; i++) {
		if (slot->queues[i])
			ret |= dummy_queue_destroy(slot->queues[i]);
		slot->queues[i] = NULL;
	}
	if (slot->vm)
		ret |= dummy_vm_destroy(slot->vm);
	slot->vm = NULL;
	if (whole_device && slot->dev) {
		ret |= dummy_device_close(slot->dev);
		slot->dev = NULL;
	}
	return ret ? -EIO : 0;
}

int devices_init(void)
{
	size_t size = MAX_WORKERS * NR_STREAMS * STREAM_SIZE;
	unsigned int i;
	int ret;

	find_devices();
	if (!nr_devices)
		return -ENODEV;
	for (i = 0; i < nr_devices * SLOTS_PER_DEVICE; i++) {
		pthread_rwlock_init(&slots[i].lock, NULL);
		slots[i].device = i / SLOTS_PER_DEVICE;
		ret = slot_open(&slots[i]);
		if (ret)
			return ret;
		nr_slots++;
	}
	/* All workers' side by side, and free to move like all other memory. */
	streams = mem_alloc(size, MEM_PTE);
	stagings = mem_alloc(MAX_WORKERS * STAGING_SIZE, MEM_THP);
	return streams && stagings ? 0 : -ENOMEM;
}

int devices_exit(void)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < nr_slots; i++)
		ret |= slot_close(&slots[i], true);
	return ret;
}

static int64_t used_more(unsigned int i)
{
	struct drm_dummy_gpu_device_stats now;
	struct dummy_device *dev;
	int ret = dummy_device_open_path(nodes[i].path, &dev);

	if (ret)
		return ret;
	ret = dummy_device_stats(dev, &now);
	dummy_device_close(dev);
	if (ret)
		return ret;
	return (int64_t)(now.vram_svm + now.vram_bo + now.vram_bad) -
	       (int64_t)(base[i].vram_svm + base[i].vram_bo + base[i].vram_bad);
}

int64_t devices_leak(void)
{
	int64_t more = 0;
	unsigned int i;

	for (i = 0; i < nr_devices && !more; i++)
		eventually(!(more = used_more(i)));
	return more;
}

struct drm_dummy_gpu_device_stats devices_stats(void)
{
	struct drm_dummy_gpu_device_stats sum = { 0 }, stats;
	uint64_t *to = (uint64_t *)&sum, *from = (uint64_t *)&stats;
	unsigned int i, j;

	for (i = 0; i < nr_slots; i += SLOTS_PER_DEVICE) {
		if (dummy_device_stats(slots[i].dev, &stats))
			continue;
		for (j = 0; j < sizeof(sum) / sizeof(*to); j++)
			to[j] += from[j];
	}
	return sum;
}

int worker_init(struct worker *w)
{
	unsigned int i;
	char *memory;
	int ret;

	w->next = malloc(MAX_SPAN);
	w->attic = mem_map(ATTIC_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	w->staging = stagings + w->id * STAGING_SIZE;
	if (!w->next || !w->attic)
		return -ENOMEM;
	for (i = 0; i < NR_STREAMS; i++) {
		memory = streams + (w->id * NR_STREAMS + i) * STREAM_SIZE;
		ret = dummy_stream_create_in(memory, STREAM_SIZE, dummy_addr(memory),
					     &w->streams[i]);
		if (ret)
			return ret;
	}
	return 0;
}

void worker_exit(struct worker *w)
{
	unsigned int i;

	for (i = 0; i < NR_STREAMS; i++)
		dummy_stream_destroy(w->streams[i]);
	free(w->next);
}

struct slot *slot_get(struct worker *w)
{
	struct slot *slot = &slots[rng_below(&w->rng, nr_slots)];

	pthread_rwlock_rdlock(&slot->lock);
	return slot;
}

void slot_put(struct slot *slot)
{
	pthread_rwlock_unlock(&slot->lock);
}

bool slot_reopen(struct worker *w, struct slot *slot, bool whole_device)
{
	struct step *step;
	unsigned int tries;
	int ret;

	for (tries = 0; pthread_rwlock_trywrlock(&slot->lock); tries++) {
		if (tries == 100)
			return false;
		sleep_ms(1);
	}
	step = step_begin(w, "reopen", NULL, 0, slot - slots);
	is_good(w, "close", slot_close(slot, whole_device), ERRNOS(0));
	/* Others have VMs of their own for a job, and an mm only so many attaches. */
	for (tries = 0; tries < 1000; tries++) {
		ret = slot_open(slot);
		if (is_good(w, "open", ret, ERRNOS(ENOMEM, ENOSPC)) ||
		    (ret != -ENOMEM && ret != -ENOSPC))
			break;
		sleep_ms(10);
	}
	step_end(step, ret);
	pthread_rwlock_unlock(&slot->lock);
	/* The others could not go on without it. */
	if (ret)
		finish("a VM could not be opened again");
	return true;
}

/* ---- Jobs ----------------------------------------------------------------- */

void job_start(struct worker *w, struct job *job, struct dummy_queue *queue,
	       struct dummy_stream *stream, const char *what, const char *start, size_t size)
{
	struct dummy_vm *vm = dummy_queue_vm(queue);
	struct dummy_device *dev = dummy_vm_device(vm);

	memset(job, 0, sizeof(*job));
	job->queue = queue;
	job->stream = stream;
	job->step = step_begin(w, what, start, size, dummy_device_info(dev)->index + 1);
	job->ret = dummy_submit(queue, stream, NULL, &job->id);
}

int job_finish(struct worker *w, struct job *job)
{
	(void)w;
	if (!job->ret)
		job->ret = gpu_result(dummy_wait(job->queue, job->id, DUMMY_FOREVER, &job->status),
				      &job->status);
	dummy_stream_reset(job->stream);
	step_end(job->step, job->ret);
	return job->ret;
}

static bool cannot_be_helped(int ret)
{
	return ret == DRM_DUMMY_GPU_REASON_CONTENDED || ret == DRM_DUMMY_GPU_REASON_NO_MEMORY ||
	       ret == -ENOMEM;
}

static void complain_job(struct worker *w, const struct job *job, const char *why)
{
	complain(w, "job \"%s\" %p %zu KiB: %s %d (%s), %s of %#llx at %llu of the stream",
		 job->step->what, job->step->start, job->step->size / KIB, why, job->ret,
		 job->ret > 0 ? dummy_reason_name(job->ret) : strerror(-job->ret),
		 dummy_access_name(job->status.access),
		 (unsigned long long)job->status.fault_addr,
		 (unsigned long long)job->status.stream_offset);
}

bool job_is_good(struct worker *w, const struct job *job)
{
	if (!job->ret)
		return true;
	if (cannot_be_helped(job->ret))
		tolerate(job->step->what, job->ret);
	else
		complain_job(w, job, "failed with");
	return false;
}

void job_must_fail(struct worker *w, const struct job *job, unsigned int reason,
		   const char *start, size_t size)
{
	uint64_t addr = job->status.fault_addr;

	if (job->ret == (int)reason) {
		if (addr < dummy_addr(start) || addr >= dummy_addr(start) + size)
			complain_job(w, job, "failed at a wrong address,");
	} else if (!job->ret) {
		complain_job(w, job, "was to fail, and did not,");
	} else {
		job_is_good(w, job);
	}
}
