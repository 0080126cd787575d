#!/usr/bin/env python3
"""usage: unreached.py REPORT.json LIST

Compares the branches that the tests did not take, as gcovr's report has them, with the list of those that are
known, with their reasons (unreached.txt says how it is written). Exits with 1 where one is missing there, or the
list has a line that its file has not; what is listed and was taken this time is counted only, since some of it
depends on chance.
"""

import collections
import json
import pathlib
import sys


def read_list(path):
    """The entries: (file, function) -> pieces of lines."""
    entries = collections.defaultdict(list)
    has_reason = False
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        if line.startswith("== "):
            has_reason = True
        elif line and not line.startswith("#") and not line.startswith("   "):
            where, colon, piece = line.partition(": ")
            file, _, function = where.partition(" ")
            if not (has_reason and colon and function and piece):
                sys.exit(f"{path}:{number}: neither a reason nor an entry")
            entries[file, function].append(piece)
    return entries


def untaken(report):
    """(file, function, line number, text, how many branches of how many) of each line with such a branch."""
    for file in report["files"]:
        lines = pathlib.Path(file["file"]).read_text().splitlines()
        for line in file["lines"]:
            branches = [b for b in line.get("branches", ()) if not b.get("gcovr/excluded")]
            n_missing = sum(b["count"] == 0 for b in branches)
            if n_missing and not line.get("gcovr/excluded"):
                number = line["line_number"]
                text = lines[number - 1].strip()
                yield file["file"], line.get("function_name", "?"), number, text, n_missing, len(branches)


def stale(entries):
    """Entries whose line is not in their file."""
    for (file, function), pieces in entries.items():
        path = pathlib.Path(file)
        text = path.read_text() if path.exists() else ""
        for piece in pieces:
            if piece not in text or f"{function}(" not in text:
                yield f"{file} {function}: {piece}"


def main():
    report_path, list_path = sys.argv[1:]
    entries = read_list(list_path)
    used = set()
    n_unknown = n_known = 0
    for file, function, number, text, n_missing, n in untaken(json.loads(pathlib.Path(report_path).read_text())):
        piece = next((p for p in entries[file, function] if p in text), None)
        if piece is None:
            n_unknown += n_missing
            print(f"not reached, and not listed: {file} {function}: {text}  (line {number}, {n_missing} of {n})")
        else:
            n_known += n_missing
            used.add((file, function, piece))
    gone = list(stale(entries))
    for entry in gone:
        print(f"listed, and not in the source: {entry}")
    n_entries = sum(len(pieces) for pieces in entries.values())
    print(
        f"not reached: {n_known} branches that are listed, {n_unknown} that are not; "
        f"{n_entries - len(used)} of {n_entries} entries were reached this time"
    )
    return 1 if n_unknown or gone else 0


if __name__ == "__main__":
    sys.exit(main())
