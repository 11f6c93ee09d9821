#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Run the fuzzers that have been built:
#
#	fuzz.sh check DIR NAME...	replay the corpora of the tree; output is TAP
#	fuzz.sh run DIR NAME...		fuzz, each of them for FUZZ_SECONDS (60)
#	fuzz.sh merge DIR NAME...	let the corpora of the tree have what was found
#
# DIR has the programs and gets, in corpus/NAME, what is found. An input that fails
# is left in failed/.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

verb=$1
dir=$2
shift 2

# No input needs more, and who needs longer hangs.
limits=(-max_len=512 -timeout=60)

in_tree()	{ echo "selftests/fuzz/corpus/$1"; }

# One by one, so that it says which fails. Without any it would wait for input.
replay()
{
	[ -n "$(ls "$(in_tree "$1")")" ] || { echo "no inputs"; return 1; }
	"$dir/fuzz_$1" "${limits[@]}" "$(in_tree "$1")"/*
}

check()
{
	local name

	for name in "$@"; do
		tap "fuzz_${name}_holds_for_its_corpus" replay "$name"
	done
	tap_done
}

# The last word of libFuzzer on something, as in "cov: 123".
word()		{ sed -n "s/.*$1:* *\([0-9]*\).*/\1/p" "$log" | tail -n1; }

# What is found goes to the first directory, the others are only read.
run_one()
{
	local log=$dir/fuzz_$1.log failed

	mkdir -p "$dir/corpus/$1"
	if "$dir/fuzz_$1" "${limits[@]}" -max_total_time="${FUZZ_SECONDS:-60}" \
		-use_value_profile=1 -print_final_stats=1 -artifact_prefix="$dir/failed/$1-" \
		"$dir/corpus/$1" "$(in_tree "$1")" >"$log" 2>&1; then
		echo "$1: $(word number_of_executed_units) executions, $(word cov) edges," \
		     "$(word corp) inputs"
		return
	fi

	grep -E '^[^ ]*\.[ch]:[0-9]+:|^SUMMARY|^==[0-9]+== *ERROR' "$log"
	failed=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n1)
	echo "$1: failed, all of it in $log; again with"
	echo "    selftests/vm/enter -- $dir/fuzz_$1 $failed"
	return 1
}

run()
{
	local name ret=0

	mkdir -p "$dir/failed"
	for name in "$@"; do
		run_one "$name" || ret=1
	done
	return $ret
}

# The fewest inputs that reach all that is reached: tens, not thousands. libFuzzer
# names them by digits; those that somebody has given a name stay.
merge()
{
	local name merged

	for name in "$@"; do
		merged=$dir/merged/$name
		rm -rf "$merged"
		mkdir -p "$merged" "$dir/corpus/$name"
		find "$(in_tree "$name")" -type f -name '*[!0-9a-f]*' -exec cp {} "$merged/" \;
		"$dir/fuzz_$name" "${limits[@]}" -set_cover_merge=1 \
			"$merged" "$(in_tree "$name")" "$dir/corpus/$name" >"$dir/merge.log" 2>&1 ||
			{ tail -n5 "$dir/merge.log"; exit 1; }
		rm -rf "$(in_tree "$name")"
		cp -r "$merged" "$(in_tree "$name")"
		echo "$name: $(find "$merged" -type f | wc -l) inputs"
	done
}

"$verb" "$@"
