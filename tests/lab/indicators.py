#!/usr/bin/env python3
"""Compares the functions of the rules with other people's, on seeded series:

    tests/lab/indicators.py BUILD_FOLDER PACKAGES [--all]

PACKAGES is a folder in which `npm ci` has brought those of tests/lab/oracles, with oracles.mjs beside them
(tests/lab/run does that). TA-Lib is there as talib-web; trading-signals and technicalindicators are written anew by others.
The table of oracles.mjs says which column of theirs is which expression of ours, where the two are not equal, and why. A
value is equal if it is within 1e-9 of theirs, relative to it or to the mean size of the column if that is more (a
difference of two prices near 0 has fewer digits). Both must begin at the same bar, but for what the table says; and where
it says that they differ, they must differ, so that it stays true. Each function of the rules has a row, or is one of those
that none of the three has. --all prints every row.
"""
import json
import math
import os
import random
import re
import subprocess
import sys

WITHIN = 1e-9
BARS = 3000
QUARTER_MS = 900000
START_MS = 1700006400000  # 2023-11-15 00:00 UTC
# Functions that none of the three has, or that have nothing to compare. tests/unit/rules has naive ones of each.
WITHOUT = {
    "percentrank", "rising", "falling", "crosses", "barssince", "valuewhen", "latch", "cum", "known", "abs", "min", "max", "pow",
    "round", "sign", "hour", "minute", "weekday", "day", "month",
}
# (seed, first price in ticks, size of a step)
SERIES = ((1, 1000000, 3000), (2, 2000000, 20000), (3, 30000000, 90000))


def series(seed, at, step):
    """Bars of random ticks of 0.0001, as decimal text. No two highs, lows, closes or means of the
    three are equal: authors differ in what equal ones mean."""
    r = random.Random(seed)
    seen = {"high": set(), "low": set(), "close": set(), "sum": set()}

    def another(what, make):
        while True:
            price = make()
            if price not in seen[what]:
                seen[what].add(price)
                return price

    rows, close = [], at
    for i in range(BARS):
        opened = max(close + r.randint(-step // 9, step // 9), step)
        close = another("close", lambda: max(opened + r.randint(-step, step), step + r.randint(0, step)))
        high = another("high", lambda: max(opened, close) + r.randint(1, step))
        sum_of = another("sum", lambda: high + close + another("low", lambda: max(min(opened, close) - r.randint(1, step), 1)))
        low = sum_of - high - close
        rows.append((START_MS + i * QUARTER_MS, *(f"{x // 10000}.{x % 10000:04d}" for x in (opened, high, low, close)),
                     f"{r.randint(1, 99999)}.{r.randint(0, 99):02d}"))
    return rows


def ours(build, rows, rules):
    """The columns of expressions, by the driver."""
    lines = [f"series {QUARTER_MS} 0.0001 0.01 4 {len(rows)}", *(" ".join(map(str, row)) for row in rows)]
    for rule in rules:
        document = {"long": {"enter": "close > 0"}, "stop": {"price": rule}}
        lines += [f"rules rules {json.dumps(document)}", "values stop_price"]
    done = subprocess.run([os.path.join(build, "tests", "lab", "drive")], input="\n".join([*lines, ""]), capture_output=True,
                          text=True)
    columns = [[float(x) for x in line.split()] for line in done.stdout.splitlines()]
    if done.returncode != 0 or len(columns) != len(rules):
        sys.exit(f"indicators: the driver ended with {done.returncode}: {done.stderr}")
    return columns


def theirs(packages, rows):
    names = ("time", "open", "high", "low", "close", "volume")
    columns = {name: [float(row[i]) for row in rows] for i, name in enumerate(names)}
    done = subprocess.run(["node", os.path.join(packages, "oracles.mjs")], input=json.dumps(columns), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"indicators: node ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout)


class Measured:
    """How far a column of ours is from one of theirs."""

    def __init__(self, found, row):
        expected = [math.nan if x is None else x for x in row["values"]]
        sizes = [abs(x) for x in expected if x == x]
        mean = math.fsum(sizes) / max(len(sizes), 1)
        self.starts = self.first(found) - self.first(expected)
        begin = max(self.first(found), self.first(expected))
        self.values, self.needed, self.different, self.worst, self.unknown = 0, 0, 0, 0.0, None
        for i in range(begin, len(found)):
            a, b = found[i], expected[i]
            if math.isnan(a) != math.isnan(b):
                self.unknown = self.unknown or i
                continue
            if math.isnan(a):
                continue
            self.values += 1
            off = abs(a - b) / max(abs(b), mean, 1e-300)
            if abs(a - b) > row["within"] if "within" in row else off > WITHIN:
                self.needed = i + 1
                self.different += 1
            self.worst = max(self.worst, off)
        self.begin = begin

    @staticmethod
    def first(column):
        return next((i for i, x in enumerate(column) if not math.isnan(x)), len(column))


def is_exact(row):
    return not {"after", "within", "share"} & set(row)


def faults(row, runs):
    """What is wrong with a row, of its Measured on each series."""
    after = row.get("after", 0)
    needed, share = max(m.needed for m in runs), max(m.different / max(m.values, 1) for m in runs)
    if min(m.values for m in runs) < 100:
        yield "too few values to compare"
    if {m.starts for m in runs} != {row.get("starts", 0)}:
        yield f"our first value is {runs[0].starts:+d} bars from theirs, by the table {row.get('starts', 0):+d}"
    for m in runs:
        if m.unknown is not None:
            yield f"bar {m.unknown} is known to one of the two only"
    if "share" in row:
        if not row["share"] / 2 < share <= row["share"]:
            yield f"{100 * share:.1f} % of the bars differ, by the table {100 * row['share']:g} %"
    elif needed > after:
        yield f"differs up to bar {needed - 1}" + (f", by the table up to {after - 1} at most" if after else "")
    elif after and needed < after / 2:
        yield f"the table says that it differs up to bar {after - 1}; it does up to {needed - 1}"
    if "within" in row and max(m.worst for m in runs) <= WITHIN:
        yield "the table says that it is not exact; it is"
    if (not is_exact(row) or "starts" in row) != ("why" in row):
        yield "the table gives a reason if, and only if, there is a difference"


def outcome(row, runs):
    if "share" in row:
        return f"equal in all but {100 * max(m.different / m.values for m in runs):.1f} % of the bars"
    text = f"equal from bar {max(m.needed for m in runs) or runs[0].begin} on"
    if "within" in row:
        return f"{text}, to {row['within']:g}"
    return text + (f", to {max(m.worst for m in runs):.1e}" if is_exact(row) else "")


def uncovered(build, rules):
    """Names of functions that stand neither in a row nor in WITHOUT, and those of WITHOUT that do not belong there."""
    told = subprocess.run([os.path.join(build, "backtestd"), "functions", "--json"], capture_output=True, text=True, check=True)
    names = {function["name"] for function in json.loads(told.stdout)}
    used = {name for rule in rules for name in re.findall(r"\w+(?=\()", rule)} & names
    return sorted((names - used - WITHOUT) | (WITHOUT & used) | (WITHOUT - names))


def main(arguments):
    build, packages = arguments[0], arguments[1]
    tables, columns = [], []
    for seed, at, step in SERIES:
        rows = series(seed, at, step)
        tables.append(theirs(packages, rows))
        columns.append(ours(build, rows, [row["rule"] for row in tables[-1]]))
    failed, worst, by = 0, {}, {}
    for i, row in enumerate(tables[0]):
        runs = [Measured(found[i], table[i]) for found, table in zip(columns, tables)]
        wrong = list(faults(row, runs))
        failed += bool(wrong)
        by.setdefault(row["by"], []).append(row)
        if is_exact(row):
            worst[row["by"]] = max(worst.get(row["by"], 0.0), *(m.worst for m in runs))
        if wrong or "--all" in arguments:
            print(f"{row['by']}: {row['rule']}: {'; '.join(wrong) or outcome(row, runs)}" + (f" ({row['why']})" if "why" in row else ""))
    for name in uncovered(build, [row["rule"] for row in tables[0]]):
        failed += 1
        print(f"{name}: this function has no row in oracles.mjs and is not in WITHOUT, or is in both")
    for name, rows in by.items():
        print(f"{name}: {len(rows)} columns, {sum(map(is_exact, rows))} of them equal at every bar to {worst[name]:.1e}, the "
              "others as the table says")
    print(f"{max(len(tables[0]) - failed, 0)} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
