#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# checkpatch --strict over every C file, a test for each directory.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

checkpatch=${CHECKPATCH:-/usr/src/linux/scripts/checkpatch.pl}

# Out of tree there is no MAINTAINERS to update, and a kernel version is a constant
# to checkpatch but not to us.
kernel=FILE_PATH_CHANGES,LINUX_VERSION_CODE,CONSTANT_COMPARISON
# User space has libc's idea of types, and kselftest's of macros.
# A test of memory reads it as it is: volatile.
user=$kernel,PREFER_KERNEL_TYPES,AVOID_EXTERNS,NEW_TYPEDEFS,CAMELCASE,PREFER_FALLTHROUGH,VOLATILE
user=$user,PREFER_DEFINED_ATTRIBUTE_MACRO
# A uapi header has no BIT().
uapi=$kernel,BIT_MACRO

# checkpatch leaves a cache where it stands, and the tree may be read-only.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ln -s "$PWD"/* "$tmp/"
cd "$tmp" || exit 1

# complaints <ignored types> <files...>
complaints()
{
	local ignore=$1
	shift

	perl "$checkpatch" --no-tree --strict --terse --show-types --no-summary \
		--max-line-length=100 --ignore "$ignore" -f "$@" 2>&1 |
		grep -E '^[^ ]+:[0-9]+: (ERROR|WARNING|CHECK):'
}

is_clean()	{ ! complaints "$@"; }

catches_planted()
{
	printf '%s\n' '// SPDX-License-Identifier: GPL-2.0' 'int  planted ;' >planted.c
	complaints "$kernel" planted.c
}

tap checkpatch_catches_a_planted_mistake catches_planted
for dir in hmm_core hmm_core/logic dummy_gpu dummy_gpu/hw dummy_gpu/test uapi/drm \
	   Documentation/toy tools/libdummy tools/hmmctl \
	   selftests/hmm selftests/igt selftests/unit selftests/fuzz selftests/perf selftests/stress; do
	mapfile -t files < <(find "$dir/" -maxdepth 1 -name '*.[ch]' 2>/dev/null | sort)
	[ ${#files[@]} -gt 0 ] || continue
	case $dir in
	tools/*|selftests/*)	ignore=$user ;;
	uapi/*)			ignore=$uapi ;;
	*)			ignore=$kernel ;;
	esac
	tap "checkpatch_has_nothing_to_say_about_${dir//\//_}" is_clean "$ignore" "${files[@]}"
done
tap_done
