#!/usr/bin/env python3
"""Adds up the results that `run test` collected, and ends with the line `N passed, N failed`.

usage: tally.py FOLDER

FOLDER holds for each step a file NN-name.step with one line, `passed|failed|skipped what it was`.
Where a test runner ran in the step, its own report lies beside it: NN-name.json (meson's log, one
test a line) or NN-name.xml (JUnit). Then the tests in it count, not the step.
"""

import json
import sys
import xml.etree.ElementTree
from collections import Counter
from pathlib import Path

MESON = {
    "OK": "passed",
    "EXPECTEDFAIL": "passed",
    "SKIP": "skipped",
}


def count_meson(file):
    lines = file.read_text().splitlines()
    return Counter(MESON.get(json.loads(line)["result"], "failed") for line in lines)


def count_junit(file):
    counts = Counter()
    for case in xml.etree.ElementTree.parse(file).iter("testcase"):
        outcomes = {child.tag for child in case}
        if outcomes & {"failure", "error"}:
            counts["failed"] += 1
        elif "skipped" in outcomes:
            counts["skipped"] += 1
        else:
            counts["passed"] += 1
    return counts


def count_step(step, outcome):
    counts = Counter()
    for suffix, count in ((".json", count_meson), (".xml", count_junit)):
        report = step.with_suffix(suffix)
        if report.exists():
            counts += count(report)
    if not counts:
        counts[outcome] += 1
    elif outcome == "failed" and not counts["failed"]:
        counts["failed"] += 1  # the runner itself failed, all its tests passed
    return counts


def main():
    total = Counter()
    for step in sorted(Path(sys.argv[1]).glob("*.step")):
        outcome, _, text = step.read_text().strip().partition(" ")
        counts = count_step(step, outcome)
        total += counts
        figures = ", ".join(f"{n} {name}" for name, n in sorted(counts.items()))
        print(f"  {outcome:8}{text}: {figures}")
    line = f"{total['passed']} passed, {total['failed']} failed"
    if total["skipped"]:
        line += f", {total['skipped']} skipped"
    print(line)
    return 1 if total["failed"] or not total["passed"] else 0


if __name__ == "__main__":
    sys.exit(main())
