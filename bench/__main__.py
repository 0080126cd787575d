"""Runs the programs of bench/, each in a process of its own, and prints their figures in one table.

usage: python bench [NAME ...]      all but originals, or bench/NAME.py alone

All of them are left in build/results/figures.json, too.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

from harness import Row, describe_machine, print_table, run_to_its_end

PROGRAMS = [
    "get",
    "set",
    "contains",
    "containers",
    "recall",
    "first_pass",
    "put",
    "latency",
    "overwritten",
    "wake",
    "names",
    "attach",
    "logs",
    "frames",
    "million",
    "many",
    "disk",
    "homes",
    "disk_peers",
    "spill",
    "c_calls",
    "c_peers",
]
RESULTS = Path(__file__).resolve().parent.parent / "build/results"
# Not among all of them: it installs what it compares with.
ALONE = ["originals"]


def main():
    names = sys.argv[1:] or PROGRAMS
    programs = PROGRAMS + ALONE
    unknown = sorted(set(names) - set(programs))
    if unknown:
        sys.exit(f"bench: there is no {', '.join(unknown)}; there are {', '.join(programs)}")
    print(f"{describe_machine()}\n")
    rows = []
    for name in names:
        print(f"bench: {name}", file=sys.stderr, flush=True)
        done = run_to_its_end(
            [sys.executable, Path(__file__).with_name(f"{name}.py")],
            env={**os.environ, "BENCH_ROWS": "json"},
        )
        if done.returncode != 0:
            sys.exit(f"bench: {name} ended with {done.returncode}")
        rows += [Row(**row) for row in json.loads(done.stdout)]
    print_table(rows)
    if names == PROGRAMS:
        RESULTS.mkdir(parents=True, exist_ok=True)
        found = [dataclasses.asdict(row) | {"reached": row.reached} for row in rows]
        RESULTS.joinpath("figures.json").write_text(
            json.dumps({"machine": describe_machine(), "rows": found}, indent=1)
        )
    n_reached = sum(row.reached for row in rows)
    print(f"\n{n_reached} of {len(rows)} figures reached")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
