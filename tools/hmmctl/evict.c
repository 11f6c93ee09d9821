// SPDX-License-Identifier: GPL-2.0
/*
 * hmmctl evict: send device memory of every process back to system memory.
 */
#include <errno.h>
#include <stdio.h>

#include "hmmctl.h"

int command_evict(int argc, char **argv)
{
	uint64_t size = UINT64_MAX, evicted, start, ns;
	struct common common = { 0 };
	const struct option_spec specs[] = {
		{ "size", "SIZE|all", "how much should be free (all)",
		  parse_size_or_all, &size },
		{ 0 },
	};
	struct session session;
	cJSON *object;
	int ret, status;

	status = options_parse(argc, argv,
			       "Migrate device memory of every process back, the coldest first.\n"
			       "Needs CAP_SYS_ADMIN.",
			       specs, &common);
	if (status >= 0)
		return status;
	if (session_open_device(&session, &common))
		return FAILED;

	start = now_ns();
	ret = dummy_evict(session.dev, size, &evicted);
	ns = now_ns() - start;
	session_close(&session);
	if (ret == -EACCES)
		return complain(0, "eviction needs CAP_SYS_ADMIN");
	if (ret)
		return complain(ret, "cannot evict");

	if (common.json) {
		object = json_new();
		json_u64(object, "device", common.device);
		json_u64(object, "evicted", evicted);
		json_u64(object, "ns", ns);
		json_print(object);
	} else {
		printf("%s evicted in %s\n", size_text(evicted), time_text(ns));
	}
	return DONE;
}
