#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""table.py COUNTED [BARE [WALL]]: the lines of hmm_bench as tables.

COUNTED holds the figures, BARE those of a kernel that does not zero what it
allocates, WALL those of a guest whose clock is the host's.  A row above its
target is marked; nothing fails.
"""

import json
import os
import sys

MIB = 1 << 20


def load(path):
    """The lines of a run by what they are about, in order."""
    lines = {}
    if not os.path.exists(path):
        return lines
    with open(path, encoding="utf-8") as file:
        for text in file:
            if text.startswith('{"bench"'):
                line = json.loads(text)
                lines[line["bench"], line["pages"], line["size"]] = line
    return lines


def figure(value):
    """Four digits that matter, in the units people count in."""
    if value is None:
        return "-"
    for limit, divisor, suffix in ((1e6, 1e6, "M"), (1e5, 1e3, "K")):
        if value >= limit:
            return f"{value / divisor:.{2 if suffix == 'M' else 0}f}{suffix}"
    return f"{value:.0f}"


def size_name(size):
    return f"{size // MIB}M" if size >= MIB else f"{size // 1024}K"


def unit_name(line):
    return line["unit"].partition("/")[2]


def ratio(line, key):
    if not line.get(key):
        return "-"
    return f"{line['median'] / line[key]:.2f}"


def mark(line):
    if not line["target"]:
        return ""
    over = line["median"] / line["target"] - 1
    return "ok" if over <= 0 else f"MISSED by {over * 100:.1f} %"


def show(title, head, rows):
    """Left-align words, right-align figures."""
    print(f"\n{title}\n")
    widths = [max(len(row[i]) for row in [head] + rows) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths]] + rows:
        cells = []
        for i, cell in enumerate(row):
            left = head[i] in ("operation", "pages", "per", "")
            cells.append(cell.ljust(widths[i]) if left else cell.rjust(widths[i]))
        print("  ".join(cells).rstrip())


def closing_table(counted, bare, wall):
    head = ["operation", "pages", "size", "per", "ours", "target", "peer", "to peer",
            "memcpy", "to memcpy", "no device", "wall ns", ""]
    rows = []
    runs = [("", counted), (", not zeroed", bare)]
    for note, lines in runs:
        for key, line in lines.items():
            bench, pages, size = key
            # By size has a table of its own; of the bare kernel only its difference counts.
            if line["unit"].endswith("/page") and size not in (2 * MIB, 64 * MIB):
                continue
            if note and bench not in ("migrate_out", "cpu_in_order", "cpu_at_random"):
                continue
            beside = wall.get(key, {}) if not note else {}
            rows.append([line["what"] + note, pages, size_name(size), unit_name(line),
                         figure(line["median"]), figure(line["target"]), figure(line["peer"]),
                         ratio(line, "peer"), figure(line.get("memcpy")), ratio(line, "memcpy"),
                         figure(line.get("no_device")), figure(beside.get("median")),
                         mark(line)])
    show("Instructions (medians), beside target, better peer, a plain copy of the same bytes and\n"
         "the same work with no device; wall is nanoseconds of a run whose clock is the host's",
         head, rows)
    missed = [row for row in rows if row[-1].startswith("MISSED")]
    judged = [row for row in rows if row[-1]]
    print(f"\n{len(judged) - len(missed)} of {len(judged)} targets met")


def size_table(counted):
    of_bench = {}
    for bench, pages, size in counted:
        of_bench.setdefault((bench, pages), set()).add(size)
    of_bench = {key: sizes for key, sizes in of_bench.items() if len(sizes) > 1}
    sizes = sorted(set().union(*of_bench.values()))
    rows = []
    for bench, pages in of_bench:
        lines = [counted.get((bench, pages, size)) for size in sizes]
        what = next(line["what"] for line in lines if line)
        cells = [figure(line["median"] if line else None) for line in lines]
        rows.append([what, pages] + cells)
        if any(line and line["peer"] for line in lines):
            cells = [figure(line["peer"] if line else None) for line in lines]
            rows.append(["    better peer", pages] + cells)
    if rows:
        show("By size, instructions per 4K page", ["operation", "pages"] +
             [size_name(size) for size in sizes], rows)


def spread(counted):
    """How far apart the runs of a figure were."""
    wide = []
    for (bench, pages, size), line in counted.items():
        if line["min"] and line["max"] / line["min"] > 1.02 and "touch" not in line["unit"]:
            wide.append(f"{bench} {pages} {size_name(size)}: {figure(line['min'])} to "
                        f"{figure(line['max'])}")
    if wide:
        print("\nRuns more than 2 % apart: " + "; ".join(wide))


def main():
    paths = sys.argv[1:] + [""] * 3
    counted, bare, wall = (load(path) for path in paths[:3])
    if not counted:
        sys.exit("table.py: no results")
    if not next(iter(counted.values()))["unit"].startswith("instr"):
        print("NOT COUNTED: these are nanoseconds")
    closing_table(counted, bare, wall)
    size_table(counted)
    spread(counted)


if __name__ == "__main__":
    main()
