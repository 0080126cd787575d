#!/usr/bin/env python3
"""Finds what tests left in /dev/shm and /tmp.

usage: leftovers.py note FILE           notes in FILE what is there now
       leftovers.py check FILE          fails where there is more than FILE notes
       leftovers.py end FILE [PID ...]  ends the tests of this run, and removes what they leave

What a living process still has open belongs to somebody who works beside the tests: no leftover.

The tests of this run are the processes PID, what they started, and all that have this program's TMPDIR,
which is one that `./run test` made. What they left has a name that tests give, was not there before, and
nobody has it open. Where tests of somebody else are at work, it may still be theirs: then it has to be
what these had open, too.
"""

import contextlib
import os
import re
import shutil
import signal
import sys
import time
from pathlib import Path

PATIENCE_S = 5  # for what is just being removed, or is about to end
NAMED_BY_TESTS = re.compile(r"brain-(test|crash|docs|install)[-.]")
TESTS = re.compile(r"/tests/|pytest|check_docs")  # in the command line of who runs some


def is_ours(entry):
    """In /tmp, where all the world writes, only what looks like a store or a test of this project."""
    if entry.name.startswith(("brain", "plasma")):
        return True
    return entry.is_symlink() and str(entry.readlink()).startswith("/dev/shm/")


def is_named(entry):
    return NAMED_BY_TESTS.match(entry.name) is not None


def present():
    memory = {str(entry) for entry in Path("/dev/shm").iterdir()}
    return memory | {str(entry) for entry in Path("/tmp").iterdir() if is_ours(entry)}


def open_paths(processes=None):
    """Every path on /dev/shm that a process has open or mapped, as far as one may look."""
    paths = set()
    for process in Path("/proc").glob("[0-9]*") if processes is None else processes:
        try:
            for line in (process / "maps").read_text(errors="surrogateescape").splitlines():
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


# ---- to end a run -------------------------------------------------------------------------------


def parents():
    """Every process, as a folder of /proc, with that of its parent."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            stat = (process / "stat").read_text().rpartition(")")[2].split()
            if stat[0] != "Z":
                found[process] = Path("/proc", stat[1])
    return found


def has_mark(process, mark):
    try:
        return mark in (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def tests_of_this_run(roots):
    """Those with its TMPDIR, and what they and `roots` started; not this program, nor what started it."""
    above = parents()
    mark = b"TMPDIR=" + os.fsencode(os.environ["TMPDIR"])
    ours = {process for process in above if process in roots or has_mark(process, mark)}
    while more := {process for process, parent in above.items() if parent in ours} - ours:
        ours |= more
    process = Path("/proc", str(os.getpid()))
    while process in above:
        ours.discard(process)
        process = above[process]
    return ours


def send(processes, number):
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process.name), number)


def end_tests(roots):
    """First in a way that lets them clean up. Returns what they had open."""
    used = open_paths(tests_of_this_run(roots))
    send(tests_of_this_run(roots), signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_S
    while ours := tests_of_this_run(roots):
        used |= open_paths(ours)
        if time.monotonic() > deadline:
            send(ours, signal.SIGKILL)
        time.sleep(0.1)
    return used


def linked_memory(entries):
    """The stores on /dev/shm that those of `entries` lead to which are links."""
    targets = {entry.readlink() for entry in entries if entry.is_symlink()}
    return {target for target in targets if str(target).startswith("/dev/shm/brain-")}


def tests_run_elsewhere():
    for process in parents():
        with contextlib.suppress(OSError):
            if TESTS.search((process / "cmdline").read_bytes().decode(errors="replace")):
                return True
    return False


def remove(entry):
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)


def end(before, roots):
    used = end_tests(roots)
    elsewhere = tests_run_elsewhere()
    found = [Path(entry) for entry in leftovers(before)]
    within = Path(os.environ["TMPDIR"]).rglob("*")
    linked = linked_memory([*within, *filter(is_named, found)])
    for entry in found:
        was_used = any(path == str(entry) or path.startswith(f"{entry}/") for path in used)
        if entry in linked or is_named(entry) and (was_used or not elsewhere):
            remove(entry)


def main():
    command, file = sys.argv[1], Path(sys.argv[2])
    if command == "note":
        file.write_bytes(b"\0".join(map(os.fsencode, sorted(present()))))
        return 0
    before = set(map(os.fsdecode, file.read_bytes().split(b"\0")))
    if command == "end":
        end(before, {Path("/proc", pid) for pid in sys.argv[3:]})
        return 0
    deadline = time.monotonic() + PATIENCE_S
    while (found := leftovers(before)) and time.monotonic() < deadline:
        time.sleep(0.5)
    for entry in found:
        print("left behind:", entry if entry.isprintable() else ascii(entry))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
