#!/usr/bin/env python3
"""Which test covers which name of the interface.

usage: interface_table.py [FOLDER ...]        default: tests/interface tests/python

Collects the tests with pytest, and prints each name of tests/interface/names.txt with the tests
that are marked as covering it; behind a test with several cases is their number. Exits with 1 where
a name has no test, where a mark names something that is not in names.txt, or where tests cannot be
collected.
"""

import contextlib
import io
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NAMES = ROOT / "tests" / "interface" / "names.txt"
FOLDERS = ["tests/interface", "tests/python"]


class Collector:
    """A plug-in of pytest that notes for each name how many cases of each test cover it."""

    def __init__(self):
        self.tests = {}  # name -> Counter of test ids

    def pytest_collection_finish(self, session):
        for item in session.items:
            for mark in item.iter_markers("covers"):
                for name in mark.args:
                    id = item.nodeid.partition("[")[0]
                    self.tests.setdefault(name, Counter())[id] += 1


def read_names():
    lines = (line.strip() for line in NAMES.read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def collect(folders):
    """name -> {test id: number of cases}, or the end where a test cannot be collected."""
    collector = Collector()
    said = io.StringIO()
    arguments = ["--collect-only", "-q", "-p", "no:cacheprovider", f"--rootdir={ROOT}"]
    arguments += [str(ROOT / folder) for folder in folders]
    with contextlib.redirect_stdout(said):
        status = pytest.main(arguments, plugins=[collector])
    if status != pytest.ExitCode.OK:
        sys.exit(f"{said.getvalue()}\ninterface_table: the tests cannot be collected")
    return collector.tests


def print_table(names, tests):
    for name in names:
        print(name)
        for id, n_cases in sorted(tests.get(name, {}).items()):
            print(f"    {id}" + (f" ({n_cases} cases)" if n_cases > 1 else ""))


def complaints(names, tests):
    for name, count in Counter(names).items():
        if count > 1:
            yield f"twice in {NAMES.name}: {name}"
    for name in names:
        if name not in tests:
            yield f"no test covers {name}"
    for name in sorted(set(tests) - set(names)):
        where = ", ".join(sorted(tests[name]))
        yield f"not in {NAMES.name}: {name!r}, which {where} covers"


def main(folders):
    names, tests = read_names(), collect(folders or FOLDERS)
    print_table(names, tests)
    found = list(complaints(names, tests))
    for complaint in found:
        print(f"interface_table: {complaint}", file=sys.stderr)
    print(f"{len(set(names) & set(tests))} of {len(names)} names have a test", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
