#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Turn igt_runner's results into TAP, one test for each line of the list.

    results.py <list> <results.json>...

A warning is a pass that printed.  A skip, and a test that never ran, is a
failure: the list holds what must work.
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


def main(list_path, *result_paths):
    wanted = read_list(list_path)
    tests = read_results(result_paths)
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
