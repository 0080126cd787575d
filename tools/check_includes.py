#!/usr/bin/env python3
"""Checks that the C sources include downward only, and three habits that go with it.

- A file includes its own row or a lower one of LAYERS; within a row, never in a circle.
- What is above the library (plasma, python/ext, cli, disk) sees its public header alone; python/ext and
  cli see plasma/ as well, whose files include downward, too.
- `memory_order_` stands in src/base/atomic.h alone.
- Names of operating systems stand in src/base alone; no .c file is included.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# From the top down. A module is its .c and its .h.
LAYERS = [
    "brain metrics namespace name batch object snapshot id note view look away check cold evict",
    "attach",
    "write protect prepared replace resize fork",
    "quota stage",
    "trim",
    "reclaim",
    "recover",
    "handle",
    "txn read watch",
    "copied",
    "names space snap index slot",
    "alloc",
    "journal",
    "lock path",
    "build",
    "event",
    "hits turn count",
    "pin",
    "client",
    "store",
    "map",
    "mark",
    "layout value",
    "error",
]
BASE = len(LAYERS)
ROW = {module: row for row, modules in enumerate(LAYERS) for module in modules.split()}

# What the folders above the library may include of this project beside headers of their own.
OUTSIDE = {
    "plasma": {"include/brain.h"},
    "python/ext": {"include/brain.h", "disk/brain_disk.h"},
    "disk": {"include/brain.h"},
    "cli": {"include/brain.h", "disk/brain_disk.h"},
}
# Whoever is above it may use what both share.
ABOVE_PLASMA = {"python/ext", "cli"}
# From the ground up: a file of plasma/ includes those before it.
PLASMA = ["store", "object", "external", "pins", "queue", "remove", "use", "evict", "create", "recall"]

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)
ORDER = re.compile(r"\bmemory_order_\w+")
SYSTEM = re.compile(r"\b(__linux__|__APPLE__|__FreeBSD__|_WIN32)\b")


def without_comments(text):
    """`text` with every comment blanked, lines kept."""
    return re.sub(
        r"/\*.*?\*/|//[^\n]*",
        lambda comment: re.sub(r"[^\n]", " ", comment.group()),
        text,
        flags=re.DOTALL,
    )


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def resolve(including, quote, name):
    """The project's file that an include means, relative to the root; None for the system's."""
    folders = [including.parent] if quote == '"' else []
    folders += [ROOT / "src", ROOT / "include", ROOT]
    for folder in folders:
        file = (folder / name).resolve()
        if file.is_file():
            return file.relative_to(ROOT)
    return None


def row_of(file):
    """The row of a file of the library; None where the table does not know it."""
    if file.parts[:2] == ("src", "base") or file.parts[0] == "include":
        return BASE
    return ROW.get(file.stem)


class Checker:
    def __init__(self):
        self.problems = []
        self.n_files = 0
        self.neighbours = {}  # module -> modules of its own row that it includes

    def problem(self, file, line, text):
        self.problems.append(f"{file}:{line}: {text}")

    def check_library_include(self, file, line, target):
        row = row_of(file)
        target_row = row_of(target)
        if target.suffix == ".c":
            self.problem(file, line, f"includes a .c file, {target}")
        elif target.parts[0] not in ("src", "include"):
            self.problem(file, line, f"includes {target}, which is not the library's")
        elif row is None or target_row is None:
            pass  # reported once, for the file itself
        elif target_row < row:
            self.problem(file, line, f"includes upward: {target}")
        elif target_row == row and row != BASE and target.stem != file.stem:
            self.neighbours.setdefault(file.stem, set()).add(target.stem)

    def check_outside_include(self, file, line, target, folder):
        if target.suffix == ".c":
            self.problem(file, line, f"includes a .c file, {target}")
        elif folder in ABOVE_PLASMA and target.parts[0] == "plasma":
            pass
        elif folder == "plasma" and target.parts[0] == "plasma":
            if file.stem not in PLASMA:
                self.problem(file, line, f"has no place in PLASMA of tools/{Path(__file__).name}")
            elif PLASMA.index(target.stem) > PLASMA.index(file.stem):
                self.problem(file, line, f"includes upward: {target}")
        elif str(target) not in OUTSIDE[folder] and target.parent != file.parent:
            self.problem(file, line, f"includes {target}; it may see public headers only")

    def check_habits(self, file, text):
        if str(file) != "src/base/atomic.h":
            for match in ORDER.finditer(text):
                line = line_of(text, match.start())
                self.problem(file, line, f"{match.group()} outside src/base/atomic.h")
        if file.parts[:2] != ("src", "base"):
            for match in SYSTEM.finditer(text):
                line = line_of(text, match.start())
                self.problem(file, line, f"{match.group()} outside src/base")

    def check_folder(self, folder):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            file = path.relative_to(ROOT)
            text = without_comments(path.read_text())
            self.n_files += 1
            if folder == "src" and row_of(file) is None:
                self.problem(file, 1, f"has no row in LAYERS of tools/{Path(__file__).name}")
            for match in INCLUDE.finditer(text):
                target = resolve(path, *match.groups())
                if target is None:
                    continue
                line = line_of(text, match.start(1))
                if folder == "src":
                    self.check_library_include(file, line, target)
                else:
                    self.check_outside_include(file, line, target, folder)
            self.check_habits(file, text)

    def check_circles(self):
        """Within a row, drop modules that include no neighbour until none is left, or a circle is."""
        left = {module: set(targets) for module, targets in self.neighbours.items()}
        while True:
            free = [module for module, targets in left.items() if not targets & left.keys()]
            if not free:
                break
            for module in free:
                del left[module]
        if left:
            self.problems.append("src: a circle of includes within a row: " + ", ".join(sorted(left)))


def main():
    checker = Checker()
    for folder in ["src", *OUTSIDE]:
        checker.check_folder(folder)
    checker.check_circles()
    for problem in checker.problems:
        print(problem)
    print(f"check_includes: {checker.n_files} files, {len(checker.problems)} problems")
    return 1 if checker.problems else 0


if __name__ == "__main__":
    sys.exit(main())
