#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The modules build for the newest kernel as well as for the one that all is
# measured on.  Runs inside the root.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

tap "modules_build_for_the_newest_kernel" make -s --no-print-directory modules KERNEL=newest
tap_done
