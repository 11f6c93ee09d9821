#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's side of the benchmark: run.sh <directory of hmm_bench> [options of
# hmm_bench].  Prints lines of JSON.  boot.sh starts the guests it needs.

set -eu
cd "$1"
shift

# What would come and go in the background would be counted too.
thp=/sys/kernel/mm/transparent_hugepage
for file in $thp/khugepaged/{scan,alloc}_sleep_millisecs; do
	echo 100000000 >"$file"
done
echo 0 >/proc/sys/kernel/numa_balancing 2>/dev/null || true
swapoff -a

# Work that booting left behind shares the processor.  In a counted guest this
# takes no time: the clock jumps ahead while all sleep.
sleep 20

exec ./hmm_bench "$@"
