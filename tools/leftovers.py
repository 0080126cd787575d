#!/usr/bin/env python3
"""Finds what tests left in /dev/shm and /tmp.

usage: leftovers.py note FILE     notes in FILE what is there now
       leftovers.py check FILE    fails where there is more than FILE notes

What a living process still has open belongs to somebody who works beside the tests: no leftover.
"""

import sys
import time
from pathlib import Path

PATIENCE_S = 5  # for what is just being removed


def is_ours(entry):
    """In /tmp, where all the world writes, only what looks like a store or a test of this project."""
    if entry.name.startswith(("brain", "plasma")):
        return True
    return entry.is_symlink() and str(entry.readlink()).startswith("/dev/shm/")


def present():
    memory = {str(entry) for entry in Path("/dev/shm").iterdir()}
    return memory | {str(entry) for entry in Path("/tmp").iterdir() if is_ours(entry)}


def open_paths():
    """Every path on /dev/shm that a process has open or mapped, as far as one may look."""
    paths = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            for line in (process / "maps").read_text().splitlines():
                if "/dev/shm/" in line:
                    paths.add("/dev/shm/" + line.split("/dev/shm/", 1)[1])
            paths.update(str(fd.readlink()) for fd in (process / "fd").iterdir())
        except OSError:
            continue  # gone, or not ours to look at
    return paths


def leftovers(before):
    used = open_paths()
    found = []
    for entry in sorted(present() - before):
        real = str(Path(entry).resolve())
        if not any(path == real or path.startswith(real + "/") for path in used):
            found.append(entry)
    return found


def main():
    command, file = sys.argv[1], Path(sys.argv[2])
    if command == "note":
        file.write_text("\n".join(sorted(present())))
        return 0
    before = set(file.read_text().splitlines())
    deadline = time.monotonic() + PATIENCE_S
    while (found := leftovers(before)) and time.monotonic() < deadline:
        time.sleep(0.5)
    for entry in found:
        print(f"left behind: {entry}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
