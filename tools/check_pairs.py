#!/usr/bin/env python3
"""Checks that every `PAIR name` tag in a comment under src/ and plasma/ stands in two places at least.

A release store and the acquire load that it pairs with carry the same tag; a tag on its own says
that one of the two was moved, renamed or forgotten.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"\bPAIR\s+([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\b")


def main():
    places = defaultdict(set)
    for path in sorted([*(ROOT / "src").rglob("*.[ch]"), *(ROOT / "plasma").glob("*.[ch]")]):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for tag in TAG.findall(line):
                places[tag].add(f"{path.relative_to(ROOT)}:{number}")
    widows = {tag: where for tag, where in places.items() if len(where) < 2}
    for tag, where in sorted(widows.items()):
        print(f"{next(iter(where))}: PAIR {tag} has no partner")
    print(f"check_pairs: {len(places)} tags, {len(widows)} problems")
    return 1 if widows else 0


if __name__ == "__main__":
    sys.exit(main())
