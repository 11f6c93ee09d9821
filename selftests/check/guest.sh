#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's part of "make check": the kselftests, the demonstration, the
# guide's small driver and a short stress test.  Leaves a TAP file for each in
# the directory given.

set -o pipefail
results=$1
cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

demo_prints_json()
{
	/out/tools/hmmctl demo --json | tee /dev/stderr |
		python3 -c 'import json, sys; assert [json.loads(line) for line in sys.stdin]'
}

limit=()
stuck=()
toy=/out/toy/toy_gpu.ko
case $(uname -r) in
*-debug)
	# KASAN and lockdep have their price.
	limit=(-o 3000)
	stuck=(--stuck 300)
	toy=/out/toy-debug/toy_gpu.ko
	;;
esac

/out/kselftest/run_kselftest.sh "${limit[@]}" 2>&1 | tee "$results/kselftest.tap"

{ tap demo_prints_json demo_prints_json; tap_done; } | tee "$results/demo.tap"

if [ -e "$toy" ]; then
	Documentation/toy/test.sh "$toy" 2>&1 | tee "$results/toy.tap"
fi

# Devices with less memory than it uses.
if rmmod dummy_gpu && insmod "$DUMMY_GPU_KO" nr_devices=2 vram_mb=16; then
	/out/stress/hmm_stress --seconds 20 --seed 1 "${stuck[@]}" 2>&1 | tee "$results/stress.tap"
fi
exit 0
