#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The shape of the project, as a rule about #include lines: which file may know
# which other.  Documentation/ has the picture; this keeps it true.

cd "$(dirname "$0")/../.." || exit 1
. selftests/check/tap.sh

mirror_half='hmm_core/mirror.c hmm_core/window.c hmm_core/collect.c hmm_core/map.c hmm_core/advice.c hmm_core/returns.c hmm_core/mirror.h'
pool_half='hmm_core/pool.c hmm_core/clock.c hmm_core/block.c hmm_core/search.c hmm_core/migrate.c hmm_core/move_in.c hmm_core/move_out.c hmm_core/evict.c hmm_core/carveout.c hmm_core/reserve.c hmm_core/account.c hmm_core/dmem.c hmm_core/search.h hmm_core/migrate.h hmm_core/pool.h'

# never <regex of included names> in <files...>; a file yet to be written is no
# offence.
never()
{
	local what=$1 file bad=0
	shift

	for file in "$@"; do
		[ -f "$file" ] || continue
		grep -HnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($what)[>\"]" "$file" && bad=1
	done
	return $bad
}

sources()	{ find "$@" -name '*.[ch]' 2>/dev/null | sort; }
no_match()	{ ! grep -nE "$@"; }

# As "never", but says what is allowed.
only()
{
	local what=$1 file bad=0
	shift

	for file in "$@"; do
		grep -HnE '^[[:space:]]*#[[:space:]]*include' "$file" |
			grep -vE "[<\"]($what)[>\"]" && bad=1
	done
	return $bad
}

# shellcheck disable=SC2046,SC2086	# lists of files
{
tap mirror_half_never_sees_the_pool \
	never '(.*/)?(pool|block|carveout|reserve)\.h' $mirror_half
tap pool_half_never_sees_the_mirror \
	never '(.*/)?(mirror|window)\.h|linux/mmu_notifier\.h' $pool_half
tap logic_is_pure \
	never '(.*/)?(mirror|pool|trace|hmm_core)\.h|linux/(mm|mm_types|mmap_lock|hmm|migrate|rmap|pagemap|memremap|mmu_notifier|sched|slab|vmalloc|spinlock|mutex|rwsem|jiffies|ktime|timekeeping|delay)\.h|drm/.*' \
	$(sources hmm_core/logic)
tap framework_never_sees_its_driver \
	never '(.*/)?(dummy_.*|hw)\.h' $(sources hmm_core)
tap driver_sees_only_the_public_header_of_the_framework \
	never '(.*/)?(mirror|pool|trace)\.h|(.*/)?hmm_core/(logic/.*|[^h].*)' $(sources dummy_gpu)
tap chip_never_sees_the_framework_nor_drm \
	never '(.*/)?hmm_core\.h|(.*/)?drm/(drm.*|dummy_gpu_drm|gpu_.*)\.h|(.*/)?dummy_[^g].*\.h' $(sources dummy_gpu/hw)
tap uapi_stands_alone \
	only 'drm\.h|linux/types\.h|drm/.*|dummy_gpu_(drm|isa)\.h' $(sources uapi)
tap user_space_sees_only_the_uapi \
	never '(.*/)?(hmm_core|dummy_gpu)/.*|(.*/)?(hw|mirror|pool)\.h' \
	$(sources tools selftests/hmm selftests/igt selftests/perf)
tap only_compat_h_knows_kernel_versions \
	no_match 'LINUX_VERSION_CODE|KERNEL_VERSION\(|linux/version\.h' \
	$(sources hmm_core dummy_gpu | grep -v '/compat\.h$')
tap kernel_code_never_says_BUG \
	no_match '\bBUG(_ON)?\(' $(sources hmm_core dummy_gpu)
}
tap_done
