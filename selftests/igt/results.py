#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn igt_runner's results into TAP, one test for each line of the list.

    results.py <list> <results.json>...
    results.py --failed <flakes> <list> <results.json>...

A later file has the last word on a test.  A warning is a pass that printed.  A
skip, and a test that never ran, is a failure: the list holds what must work.
The second form prints which of the flakes failed.
"""

import json
import sys

PASSES = ("pass", "warn", "dmesg-warn")


def read_list(path):
    with open(path) as lines:
        return [line.strip() for line in lines if line.startswith("igt@")]


def read_results(paths):
    tests = {}
    for path in paths:
        with open(path) as results:
            tests.update(json.load(results)["tests"])
    return tests


def print_tap(wanted, tests):
    failed = 0
    for nr, name in enumerate(wanted, 1):
        test = tests.get(name, {"result": "notrun"})
        if test["result"] in PASSES:
            print(f"ok {nr} {name}")
            continue
        failed += 1
        for stream in ("out", "err", "dmesg"):
            for line in test.get(stream, "").splitlines()[-20:]:
                print(f"# {line}")
        print(f"not ok {nr} {name} ({test['result']})")
    print(f"1..{len(wanted)}")
    return failed > 0


def main(args):
    flakes = None
    if args[0] == "--failed":
        flakes = read_list(args[1])
        args = args[2:]
    wanted = read_list(args[0])
    tests = read_results(args[1:])
    if flakes is None:
        return print_tap(wanted, tests)

    for name in flakes:
        if name in wanted and tests.get(name, {}).get("result") not in PASSES:
            print(name)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
