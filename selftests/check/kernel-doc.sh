#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The public header and the uapi are documented, wholly and in kernel-doc.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

kernel_doc=${KERNEL_DOC:-/usr/src/linux/tools/docs/kernel-doc}

is_complete() { python3 -B "$kernel_doc" -none -Wall -Werror "$1"; }

for file in hmm_core/hmm_core.h uapi/drm/*.h; do
	[ ! -f "$file" ] || tap "kernel_doc_of_$(basename "$file" .h)_is_complete" is_complete "$file"
done
tap_done
