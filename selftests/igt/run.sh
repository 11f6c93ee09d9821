#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guest side: the tests of IGT that ask nothing of a particular driver, on our
# node, by the real igt_runner, and then our own.  A skip is as bad as a failure
# here: the lists hold only what the device must be able to do.
#
#	run.sh <results directory>		agnostic.testlist, and our own
#	run.sh <results directory> timed	timed.testlist
#
# The second wants a machine whose clock counts instructions (vm/run --icount).
# Those tests allow for 20 ms between two sleeps, and no real clock keeps to that
# where a busy host emulates the processors.

set -u
cd "$(dirname "$0")" || exit 1

results=$1
timed=${2:-}
suite=igt${timed:+-$timed}
list=${timed:-agnostic}.testlist
igt=${IGT_DIR:-/opt/igt}
export LD_LIBRARY_PATH=$igt/usr/lib/$(uname -m)-linux-gnu
export PATH=$igt/usr/bin:$PATH
# Without it, a test that finds no device loads every driver it knows.
export IGT_FORCE_DRIVER=dummy_gpu

[ -e /sys/module/dummy_gpu ] || { echo "dummy_gpu is not loaded"; exit 1; }
modules=${DUMMY_GPU_KO%/dummy_gpu.ko}
[ -e /sys/module/igt_sw_sync ] || insmod "$modules/../sw_sync/igt_sw_sync.ko" || exit 1
# device removal and rescan for core_hotunplug, which a platform device lacks
helper=$modules/test/dummy_gpu_test.ko
[ ! -e "$helper" ] || [ -e /sys/module/dummy_gpu_test ] || insmod "$helper" || exit 1

# Its automount prints a warning: not in the middle of a test.
ls /sys/kernel/debug/tracing >/dev/null 2>&1

# Results on a file system of the guest: one over virtio garbles their order.
# -m: one exec for all subtests of a binary, most of the time under emulation.
# run_list <list> <test root> <results>
run_list()
{
	igt_runner -o -m --sync --per-test-timeout 300 --abort-on-monitored-error=taint,lockdep \
		--disk-usage-limit 50M --prune-mode keep-requested -e IGT_FORCE_DRIVER \
		--test-list "$1" "$2" "$3" >>/tmp/igt.log 2>&1
}

root=$igt/usr/libexec/igt-gpu-tools
# A counted clock runs ahead while a page of a program is fetched from the host:
# have them all in the page cache.
[ -z "$timed" ] || sed -n 's/^igt@\([^@]*\).*/\1/p' "$list" | sort -u |
	(cd "$root" && xargs cat /lib/*/libc.so.6 "$LD_LIBRARY_PATH"/*.so.*) >/dev/null
run_list "$list" "$root" /tmp/igt

# Ours want a second device, to share buffers with.
own=/out/igt
if [ -z "$timed" ] && [ -e $own/test-list.txt ]; then
	rmmod dummy_gpu_test dummy_gpu
	insmod "$DUMMY_GPU_KO" nr_devices=2
	for test in $(sed -n 2p $own/test-list.txt); do
		"$own/$test" --list-subtests | sed "s/^/igt@$test@/"
	done >/tmp/own.testlist
	run_list /tmp/own.testlist $own /tmp/igt.own
	cat "$list" /tmp/own.testlist >/tmp/both.testlist
	list=/tmp/both.testlist
fi
tail -n 3 /tmp/igt.log

mkdir -p "$results"
cp /tmp/igt.log "$results/$suite.log"
cp /tmp/igt/results.json "$results/$suite.json"
python3 results.py "$list" /tmp/igt*/results.json >"$results/$suite.tap"
ret=$?
cat "$results/$suite.tap"
exit $ret
