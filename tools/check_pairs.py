#!/usr/bin/env python3
"""Checks that every `PAIR name` tag in a comment under src/ and plasma/ stands in two places at least,
and that its picture in tests/litmus is one of the code.

A release store and the acquire load that it pairs with carry the same tag; a tag on its own says
that one of the two was moved, renamed or forgotten.

A picture shows in a model of memory what the orders are good for. Each of its rows names an access
or a fence in C by file, function and text: that has to be there, with the order that the picture
has. (A row may name a call instead, if another names what is called.) And each function that has a tag in its body has to be in a picture of that tag.
"""

import re
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TAG = re.compile(r"\bPAIR\s+([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\b")

# In tests/litmus, macros expanded: struct picture, an array of struct site, and a row of it.
PICTURE = re.compile(r'\{\s*"([a-z-]+)",\s*"[^"]*",\s*(\w+_sites),')
SITES = re.compile(r"static const struct site (\w+)\[\] = \{(.*?)\n\};", re.DOTALL)
ROW = re.compile(r'\{\s*\w+,\s*"([^"]+)",\s*"(\w+)",\s*((?:"[^"]*"\s*)+),\s*LM_([A-Z_]+),')

# A definition at the left margin, up to the brace that closes it there.
FUNCTION = re.compile(r"^[A-Za-z_][^;{}=#]*?\b(\w+)\([^;{}]*\)\n\{\n(.*?)^\}", re.DOTALL | re.MULTILINE)

# The order that the name of an operation says; src/base/atomic.h has them all.
ORDERS = {
    "relaxed": "RELAXED",
    "acquire": "ACQUIRE",
    "release": "RELEASE",
    "seq": "SEQ",
    "after_swap": "SEQ",
}
OPERATION = re.compile(r"\bbn_(?:load|store|exchange|add|and|or|cas|fence)_(\w+?)\(")


def one_line(text):
    return re.sub(r"\s+", " ", text).replace("( ", "(").strip()


def sources():
    return sorted([*(ROOT / "src").rglob("*.[ch]"), *(ROOT / "plasma").glob("*.[ch]")])


def functions(path):
    return {name: body for name, body in FUNCTION.findall(path.read_text())}


def read_pictures():
    """By tag: the rows (file, function, text, order) of its pictures."""
    rows = defaultdict(list)
    for path in sorted((ROOT / "tests/litmus").glob("*.c")):
        text = path.read_text().replace("\\\n", " ")
        macros = dict(re.findall(r"^#define ([A-Z_]+)\s+(\{.*)$", text, re.MULTILINE))
        sites = {}
        for name, body in SITES.findall(text):
            for _ in range(3):  # of macros in macros
                body = re.sub(r"\b([A-Z_]+)\b", lambda m: macros.get(m[1], m[1]), body)
            sites[name] = [
                (file, function, "".join(re.findall(r'"([^"]*)"', parts)), order)
                for file, function, parts, order in ROW.findall(body)
            ]
        for tag, name in PICTURE.findall(text):
            rows[tag] += sites[name]
    return rows


def check_rows(rows):
    problems = []
    bodies = {}
    for tag, file, function, text, order in sorted({(tag, *row) for tag in rows for row in rows[tag]}):
        where = f"{file}: {function}()"
        if file not in bodies:
            bodies[file] = functions(ROOT / file) if (ROOT / file).exists() else {}
        operation = OPERATION.match(text)
        if one_line(text) not in one_line(bodies[file].get(function, "")):
            problems.append(f"{where}: the picture of PAIR {tag} has `{text}`, which is not there")
        elif operation is not None and ORDERS.get(operation[1]) != order:
            problems.append(f"{where}: `{text}` is not {order}, as the picture of PAIR {tag} says")
    return problems


def check_tagged_functions(rows):
    problems = []
    for path in sources():
        file = str(path.relative_to(ROOT))
        for function, body in functions(path).items():
            for tag in sorted(set(TAG.findall(body))):
                if not any(row[:2] == (file, function) for row in rows[tag]):
                    problems.append(f"{file}: {function}() is in no picture of PAIR {tag}")
    return problems


def main():
    places = defaultdict(set)
    for path in sources():
        for number, line in enumerate(path.read_text().splitlines(), 1):
            for tag in TAG.findall(line):
                places[tag].add(f"{path.relative_to(ROOT)}:{number}")
    problems = [
        f"{next(iter(where))}: PAIR {tag} has no partner"
        for tag, where in sorted(places.items())
        if len(where) < 2
    ]
    rows = read_pictures()
    problems += [f"PAIR {tag} has no picture in tests/litmus" for tag in sorted(places.keys() - rows)]
    problems += [f"tests/litmus: no code has PAIR {tag}" for tag in sorted(rows.keys() - places)]
    problems += check_rows(rows) + check_tagged_functions(rows)
    for problem in problems:
        print(problem)
    n_rows = sum(len(set(of_tag)) for of_tag in rows.values())
    print(f"check_pairs: {len(places)} tags, {n_rows} places in pictures, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
