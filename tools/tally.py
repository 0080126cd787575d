#!/usr/bin/env python3
"""Adds up the results that `run test` collected, says again what failed, and ends with the line `N passed, N failed`.

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
LINES_MAX = 30  # of what a failed test printed


def read_meson(file):
    """Each test of meson's log: its name, how it ended, and what it printed."""
    for line in file.read_text().splitlines():
        test = json.loads(line)
        text = test.get("stdout", "") + test.get("stderr", "")
        yield test["name"], MESON.get(test["result"], "failed"), f"{test['result']}\n{text}"


def read_junit(file):
    for case in xml.etree.ElementTree.parse(file).iter("testcase"):
        wrong = [child.text or "" for child in case if child.tag in ("failure", "error")]
        skipped = case.find("skipped") is not None
        outcome = "failed" if wrong else "skipped" if skipped else "passed"
        yield f"{case.get('classname')}::{case.get('name')}", outcome, "\n".join(wrong)


def read_step(step):
    for suffix, read in ((".json", read_meson), (".xml", read_junit)):
        report = step.with_suffix(suffix)
        if report.exists():
            yield from read(report)


def count_step(tests, outcome):
    counts = Counter(outcome for _, outcome, _ in tests)
    if not counts:
        counts[outcome] += 1
    elif outcome == "failed" and not counts["failed"]:
        counts["failed"] += 1  # the runner itself failed, all its tests passed
    return counts


def show_failed(step, tests):
    for name, outcome, text in tests:
        if outcome == "failed":
            lines = text.rstrip().splitlines()
            print(f"\nfailed: {step}: {name}")
            print("\n".join(f"  {line[:300]}" for line in lines[-LINES_MAX:]))


def main():
    total = Counter()
    steps = []
    for step in sorted(Path(sys.argv[1]).glob("*.step")):
        outcome, _, text = step.read_text().strip().partition(" ")
        steps.append((outcome, text, list(read_step(step))))
    # First, so that what counts is at the end; and here, since what ran after them may have printed much.
    for _, text, tests in steps:
        show_failed(text, tests)
    for outcome, text, tests in steps:
        counts = count_step(tests, outcome)
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
