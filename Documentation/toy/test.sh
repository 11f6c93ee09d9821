#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Load the guide's small driver, try it, unload it. In the guest, as root, with
# hmm_core loaded:
#
#	test.sh toy_gpu.ko

if [ ! -r "${1:-}" ]; then
	echo "usage: $0 toy_gpu.ko" >&2
	exit 2
fi
exec python3 -B "$(dirname "$0")/test.py" "$1"
