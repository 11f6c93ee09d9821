#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Build the modules with sparse and with W=1, away from the real build.  A
# sparse that the kernel's headers reject says nothing at all, so a planted
# mistake comes first.  Runs inside the root: KDIR is where the headers are.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

dir=$(mktemp -d)
log=$dir/log
trap 'rm -rf "$dir"' EXIT

build()
{
	local src=$1 out=$2
	shift 2

	make -s -j"$(nproc)" -C "$KDIR" M="$src" MO="$out" \
		C=2 CHECK=/opt/sparse/usr/bin/sparse CF=-D__CHECK_ENDIAN__ "$@" modules
}

catches_planted()
{
	mkdir -p "$dir/planted"
	echo 'obj-m := planted.o' >"$dir/planted/Kbuild"
	cat >"$dir/planted/planted.c" <<-'EOF'
		#include <linux/module.h>
		int planted(__le32 *little);
		int planted(__le32 *little) { return *little + 1; }
		MODULE_DESCRIPTION("a mistake");
		MODULE_LICENSE("GPL");
	EOF
	build "$dir/planted" "$dir/planted.out" 2>&1 | grep -q 'restricted __le32'
}

# Only what is about our own files, named from the top of the tree.
complaints()	{ grep -E '(warning|error):' "$log" | sort -u; }
no_sparse()	{ [ $built = yes ] && ! complaints | grep -vE '\[-W'; }
no_gcc()	{ [ $built = yes ] && ! complaints | grep -E '\[-W'; }

tap sparse_catches_a_planted_mistake catches_planted
built=yes
build "$PWD" "$dir/out" W=1 >"$log" 2>&1 || { built=no; tail -n 20 "$log" | sed 's/^/# /'; }
tap modules_build_with_W_1 test $built = yes
tap sparse_has_nothing_to_say no_sparse
tap gcc_W_1_has_nothing_to_say no_gcc
tap_done
