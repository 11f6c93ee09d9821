#!/usr/bin/awk -f
# SPDX-License-Identifier: GPL-2.0
#
# Count TAP: summary.awk expected suite.tap...
# Make that file:  summary.awk -v expect=1 suite.tap...
#
# kselftest nests: "# ok 1 ..." lines are the tests of a program, the "ok 1"
# line after them is the program as a whole.  The program is a test of its own
# only where it says nothing inside, or dies without a test of its own failing.
#
# A test that was skipped, or is known to fail, did not pass: both are "skipped",
# and named.
#
# expected has lines of "suite count": fewer tests than that is a failure, for a
# test that did not run did not pass.

FNR == 1 { sub(/.*\//, "", FILENAME); suite = FILENAME; sub(/\.tap$/, "", suite) }

suite == "expected" {
	if ($1 !~ /^#/ && NF == 2)
		expected[$1] = $2
	next
}

FNR == 1 { order[++nr_suites] = suite; inner = inner_failed = 0; reasons = "" }

# What a harness says of the test whose verdict is next.
/^#.*\.c:[0-9]+:/ { reasons = reasons "\n     " $0; next }

/^# +(not )?ok / { inner++; if (count($2 == "not")) inner_failed++; next }
/^(not )?ok / {
	if (!inner || ($1 == "not" && !inner_failed))
		count($1 == "not")
	inner = inner_failed = 0
}

function count(is_failure)
{
	if ($0 ~ /# *(SKIP|skip|TODO|XFAIL)/) {
		skipped[suite]++
		whys[++nr_whys] = suite ": " $0
		is_failure = 0
	} else if (is_failure) {
		failed[suite]++
		fails[++nr_fails] = suite ": " $0 reasons
	} else {
		passed[suite]++
	}
	reasons = ""
	return is_failure
}

END {
	if (expect) {
		print "# suite, and how many tests it has at least: one that did not run did not pass"
		for (i = 1; i <= nr_suites; i++) {
			s = order[i]
			print s, passed[s] + failed[s] + skipped[s]
		}
		exit
	}

	for (s in expected) {
		ran = passed[s] + failed[s] + skipped[s]
		if (ran < expected[s]) {
			fails[++nr_fails] = s ": " ran " tests ran where " expected[s] " are expected"
			if (!(s in failed) && !(s in passed) && !(s in skipped))
				order[++nr_suites] = s
			failed[s]++
		}
	}

	for (i = 1; i <= nr_whys; i++)
		print "NOTE " whys[i]
	for (i = 1; i <= nr_fails; i++)
		print "FAIL " fails[i]
	print ""
	printf "%-12s %8s %8s %8s\n", "suite", "passed", "failed", "skipped"
	for (i = 1; i <= nr_suites; i++) {
		s = order[i]
		printf "%-12s %8d %8d %8d\n", s, passed[s], failed[s], skipped[s]
		p += passed[s]; f += failed[s]; k += skipped[s]
	}
	print ""
	printf "%d passed, %d failed, %d skipped\n", p, f, k
	exit f > 0
}
