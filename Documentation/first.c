/* SPDX-License-Identifier: MIT */
/* Add two arrays with the device, by their pointers. */
#include <stdio.h>
#include <stdlib.h>

#include <dummy.h>

int main(void)
{
	uint32_t *a = calloc(1000, 4), *b = calloc(1000, 4), *c = calloc(1000, 4);
	struct dummy_device *device;
	struct dummy_queue *queue;
	struct dummy_stream *stream;
	struct dummy_vm *vm;

	a[7] = 40;
	b[7] = 2;

	if (dummy_device_open(0, &device) ||
	    dummy_vm_create(device, DRM_DUMMY_GPU_VM_SVM, &vm) ||
	    dummy_queue_create(vm, 0, 0, -1, &queue) ||
	    dummy_stream_create(&stream))
		return 1;

	dummy_stream_vadd(stream, dummy_addr(c), dummy_addr(a), dummy_addr(b), 1000, 4);
	if (dummy_run(queue, stream, NULL))
		return 1;

	printf("%u\n", c[7]);
	return 0;
}
