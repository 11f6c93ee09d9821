# SPDX-License-Identifier: GPL-2.0
#
# Sourced by what measures in a guest: nothing runs there but that.

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
