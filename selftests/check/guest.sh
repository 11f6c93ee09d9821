#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The guest's part of "make check": the kselftests, the demonstration and the
# guide's small driver.  Leaves a TAP file for each in the directory given.

set -o pipefail
results=$1
cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

demo_prints_json()
{
	/out/tools/hmmctl demo --json | tee /dev/stderr |
		python3 -c 'import json, sys; assert [json.loads(line) for line in sys.stdin]'
}

/out/kselftest/run_kselftest.sh 2>&1 | tee "$results/kselftest.tap"

{ tap demo_prints_json demo_prints_json; tap_done; } | tee "$results/demo.tap"

if [ -e /out/toy/toy_gpu.ko ]; then
	Documentation/toy/test.sh /out/toy/toy_gpu.ko 2>&1 | tee "$results/toy.tap"
fi
exit 0
