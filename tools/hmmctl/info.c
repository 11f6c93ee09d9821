// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl info: the machine's devices and what they can do.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "hmmctl.h"

#define MAX_DEVICES	64

static const struct {
	uint64_t cap;
	const char *name;
	const char *words;
} caps[] = {
	{ DRM_DUMMY_GPU_CAP_SVM, "svm", "mirrors process memory" },
	{ DRM_DUMMY_GPU_CAP_THP, "thp", "2 MiB device folios" },
	{ DRM_DUMMY_GPU_CAP_ATOMICS, "atomics", "atomics on system memory" },
};

static void print_info(const struct dummy_node *node,
		       const struct drm_dummy_gpu_info *info)
{
	size_t i;

	printf("device %u      %s\n", info->index, node->path);
	printf("  memory      %s\n", size_text(info->vram_size));
	printf("  pages       %s, %s\n", size_text(info->page_size),
	       size_text(info->huge_size));
	printf("  engines     %u\n", info->nr_engines);
	printf("  mirrored    below 0x%" PRIx64 "\n", (uint64_t)info->svm_end);
	printf("  addresses   below 0x%" PRIx64 "\n", (uint64_t)info->va_end);
	printf("  streams     up to %s\n", size_text(info->max_stream));
	printf("  jobs        up to %s\n",
	       time_text(info->max_timeout_ms * 1000000ull));
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		printf("  %-11s %s: %s\n", caps[i].name, caps[i].words,
		       info->caps & caps[i].cap ? "yes" : "no");
}

static void print_info_json(const struct dummy_node *node,
			    const struct drm_dummy_gpu_info *info)
{
	cJSON *object = json_new();
	size_t i;

	json_u64(object, "index", info->index);
	json_string(object, "path", node->path);
	json_u64(object, "vram_size", info->vram_size);
	json_u64(object, "page_size", info->page_size);
	json_u64(object, "huge_size", info->huge_size);
	json_u64(object, "nr_engines", info->nr_engines);
	json_hex(object, "svm_end", info->svm_end);
	json_hex(object, "va_end", info->va_end);
	json_u64(object, "max_stream", info->max_stream);
	json_u64(object, "max_timeout_ms", info->max_timeout_ms);
	for (i = 0; i < ARRAY_SIZE(caps); i++)
		json_bool(object, caps[i].name, !!(info->caps & caps[i].cap));
	json_print(object);
}

int command_info(int argc, char **argv)
{
	static const struct option_spec specs[] = { { 0 } };
	struct dummy_node nodes[MAX_DEVICES];
	struct common common = { 0 };
	unsigned int count, i, shown = 0;
	struct dummy_device *dev;
	int ret, status;

	status = options_parse(argc, argv,
			       "List the machine's dummy_gpu devices.", specs,
			       &common);
	if (status >= 0)
		return status;

	ret = dummy_device_list(nodes, MAX_DEVICES, &count);
	if (ret)
		return complain(ret, "cannot list devices");

	for (i = 0; i < count && i < MAX_DEVICES; i++) {
		if (common.device_given && common.device != nodes[i].index)
			continue;
		ret = dummy_device_open_path(nodes[i].path, &dev);
		if (ret)
			return complain(ret, "cannot open %s", nodes[i].path);
		if (common.json)
			print_info_json(&nodes[i], dummy_device_info(dev));
		else
			print_info(&nodes[i], dummy_device_info(dev));
		dummy_device_close(dev);
		shown++;
	}
	if (!shown && common.device_given)
		return complain(0, "there is no dummy_gpu device %u",
				common.device);
	if (!shown)
		return complain(0, "there is no dummy_gpu device; is the module loaded?");
	return DONE;
}
