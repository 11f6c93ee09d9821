#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The benchmark: boot.sh [options of hmm_bench], after "make build"; with QUICK
# set, fewer sizes; or boot.sh oversub, see hmm_oversub.c.  Three guests, one after the other, and then the table:
#
#	counted	one processor, one instruction takes 1 ns: the figures
#	bare	the same, in a kernel that does not zero what it allocates
#	wall	no counting: the clock is the host's, whose load it shows
#
# The lines of JSON are left in perf/*.json of the output directory.

set -euo pipefail
. "$(dirname "$0")/../vm/common.sh"

[ -z "${QUICK:-}" ] || set -- -q "$@"
results=$OUT_DIR/perf
mkdir -p "$results"

# Device memory for the largest size, and as much again in each node.
export DUMMY_GPU_ARGS="vram_mb=600 ${DUMMY_GPU_ARGS:-}"
guest=("$VM_DIR/run" --memory 3G --timeout 3600)
# Nothing that would be counted besides.
quiet="quiet tsc=reliable clocksource=tsc no_timer_check randomize_kstack_offset=off"

# Benches that allocate system memory, and what stands beside them.
allocating=migrate_out,cpu_in_order,cpu_at_random,memcpy,cpu_populate,node_move

# boot <name> <options of run...> -- <options of hmm_bench...>
boot()
{
	local name=$1 options=()
	shift

	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	say "$name"
	"${guest[@]}" "${options[@]}" -- selftests/perf/run.sh /out/perf "$@" |
		tee "$results/$name.json"
}

# Little device memory, so that it is quickly too little.
if [ "${1:-}" = oversub ]; then
	export DUMMY_GPU_ARGS="vram_mb=32"
	exec "${guest[@]}" --icount --append "$quiet" -- selftests/perf/oversub.sh /out/perf
fi

boot counted --icount --append "$quiet" -- "$@"
boot bare --icount --append "$quiet init_on_alloc=0" -- "$@" -s $((64 << 20)) -b "$allocating"
boot wall --cpus 1 --append "$quiet" -- "$@"
echo
"$VM_DIR/enter" -- python3 selftests/perf/table.py /out/perf/{counted,bare,wall}.json
