#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Every check that needs no kernel to run.  Inside the root.

cd "$(dirname "$0")" || exit 1

ret=0
for check in includes checkpatch kernel-doc sparse newest; do
	echo "# $check"
	./$check.sh || ret=1
done
exit $ret
