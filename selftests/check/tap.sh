# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# TAP for shell: each test is a claim and a command; the command's output is
# shown only where the claim does not hold.  Sourced, never run.

tap_nr=0
tap_failed=0

# tap <claim> <command...>
tap()
{
	local claim=$1 output
	shift

	tap_nr=$((tap_nr + 1))
	if output=$("$@" 2>&1); then
		echo "ok $tap_nr $claim"
	else
		# shellcheck disable=SC2001	# every line
		[ -z "$output" ] || echo "$output" | sed 's/^/# /'
		echo "not ok $tap_nr $claim"
		tap_failed=$((tap_failed + 1))
	fi
}

tap_skip()
{
	tap_nr=$((tap_nr + 1))
	echo "ok $tap_nr $1 # SKIP $2"
}

tap_done()
{
	echo "1..$tap_nr"
	[ $tap_failed = 0 ]
}
