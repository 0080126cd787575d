#!/usr/bin/env python3
"""Measures what a recall shares, type by type, and prints the table that docs/using.md has.

usage: values_table.py [--size MEGABYTES] [--only WORDS] [--quick] [--said] [STORE]

Each row of tests/python/type_list.py is put into STORE (without one, into a store of its own, which is
removed) by one process, with about MEGABYTES of data (50), and recalled by another one, which reads all of
it once. The numbers in the table are how much private memory that took there. A row is shared if that is
less than 4 MB, and every buffer of the value lies in a mapping of the store that cannot be written.

--only measures the rows alone that have these words in their name or that of their group.

--quick takes forks of one process that has the libraries loaded, in place of fresh processes.

--said prints the table without measuring anything: what the list says, as the document has it.

The exit status is 1 where the list says something else than was measured.
"""

import argparse
import contextlib
import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests/python"))

import looked_into  # noqa: E402
from type_list import ROWS, Row  # noqa: E402

HEAD = ("", "recalled without a copy", "round trip equal", "works without pickle")
GROWN_MAX = 4_000_000  # allocators of libraries take 2 MB at a time, however little somebody wants of them
WARM_BYTES = (
    500_000  # of the values of the same types that are recalled first: libraries start their threads then
)


# ---- the table ----------------------------------------------------------------------------------


def said(row: Row, measured: str = "") -> tuple[str, ...]:
    """The cells of a row. measured: what is put behind `yes` or `no` of the first."""
    if row.refused is not None:
        return row.name, f"cannot be stored: {row.refused}", "", ""
    shared = f"yes{measured}" if row.copied is None else f"no{measured}: {row.copied}"
    equal = "yes" if row.returns is None else f"as {row.returns}"
    return row.name, shared, equal, "no" if row.needs_pickle else "yes"


def lines_of(rows: list[tuple[Row, tuple[str, ...]]]) -> list[str]:
    """Markdown. Before each group comes a line with its name alone."""
    lines = [f"| {' | '.join(HEAD).strip()} |".replace("|  |", "| |"), "|---|---|---|---|"]
    group = None
    for row, cells in rows:
        if row.group != group:
            group = row.group
            lines.append(f"| **{group}** | | | |")
        lines.append(f"| {' | '.join(cells)} |".replace("|  ", "| "))
    return lines


def table_said() -> str:
    return "\n".join(lines_of([(row, said(row)) for row in ROWS])) + "\n"


# ---- one row, in processes of its own -----------------------------------------------------------


def put(path: str, row: Row, n_bytes: int) -> dict[str, object]:
    """Put the values of a row, large and small. Says what cannot be stored, and whether it takes pickles."""
    from brain_plasma import Brain, BrainPickleError, BrainValueTypeError

    with Brain(path) as brain, Brain(path, pickle=False) as plain:
        needs_pickle = []
        for prefix, size in (("small ", WARM_BYTES), ("", n_bytes)):
            for word, value in row.make(size).items():
                try:
                    brain[prefix + word] = value
                except BrainValueTypeError as error:
                    return {"refused": str(error)}
                if prefix:
                    needs_pickle.append(not _is_put(plain, word, value, BrainPickleError))
        return {"refused": None, "needs_pickle": any(needs_pickle), "stored_bytes": brain.used()}


def _is_put(plain, word, value, refusal):
    try:
        plain["small " + word] = value
        plain["small " + word]
    except refusal:
        return False
    return True


def recall(path: str, row: Row, n_bytes: int) -> dict[str, object]:
    """Recall them. Says what memory that took, where they lie, and whether they are what was put."""
    from brain_plasma import Brain

    with Brain(path) as brain:
        names = [name for name in brain.names() if not name.startswith("small ")]
        for value in [brain["small " + name] for name in names]:
            looked_into.walk(value)
        del value
        gc.collect()
        before = looked_into.private_bytes()
        values = {name: brain[name] for name in names}
        for value in values.values():
            looked_into.walk(value)
        grown = looked_into.private_bytes() - before
        places = looked_into.Places(values, brain.directory)
        made = row.make(n_bytes)
        equal = all(row.same(values[name], made[name]) for name in names)
    return {
        "grown_bytes": grown,
        "stored_bytes": places.stored_bytes,
        "other_bytes": places.other_bytes,
        "equal": equal,
    }


def in_a_process(what: str, path: str, row: Row, n_bytes: int) -> dict[str, object]:
    command = [sys.executable, __file__, "--process", what, str(ROWS.index(row)), str(n_bytes), path]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(
            f"values_table: {row.id}: the process that should {what} it ended with {done.returncode}"
        )
    return json.loads(done.stdout)


def in_a_fork(what: str, path: str, row: Row, n_bytes: int) -> dict[str, object]:
    """The same. This process itself has no values, so the child has the memory of one that is fresh."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which the child needs none of
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.write(writer, json.dumps(WORK[what](path, row, n_bytes)).encode())
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with open(reader) as said_by_child:
        text = said_by_child.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 0:
        raise SystemExit(f"values_table: {row.id}: the process that should {what} it ended with {status}")
    return json.loads(text)


WORK = {"put": put, "recall": recall}


def load_libraries() -> None:
    for name in (
        "cloudpickle",
        "numpy.ma",
        "pandas",
        "polars",
        "pyarrow",
        "scipy.sparse",
        "sklearn",
        "xarray",
    ):
        importlib.import_module(name)


def measure(run, path: str, row: Row, n_bytes: int) -> tuple[tuple[str, ...], list[str]]:
    """The cells of a row, and what is not as the list says."""
    from brain_plasma import Brain

    found = run("put", path, row, n_bytes)
    if row.refused is not None or found["refused"]:
        wrong = [] if row.refused and found["refused"] else [f"refused: {found['refused']}"]
        return said(row), wrong
    found |= run("recall", path, row, n_bytes)
    with Brain(path) as brain:
        brain.clear()
        brain.trim()
    measured = "" if row.small else f" ({found['grown_bytes'] / 1e6:.1f} MB)"
    return said(row, measured), list(not_as_said(row, found))


def not_as_said(row: Row, found: dict[str, object]):
    is_shared = found["other_bytes"] == 0 and found["stored_bytes"] > 0
    if is_shared != (row.copied is None):
        yield f"{found['stored_bytes']} bytes lie in the store, {found['other_bytes']} elsewhere"
    if not row.small and (found["grown_bytes"] < GROWN_MAX) != (row.copied is None):
        yield f"private memory has grown by {found['grown_bytes']} bytes"
    if not found["equal"]:
        yield "what comes back is not what was put"
    if found["needs_pickle"] != row.needs_pickle:
        yield f"needs a pickle: {found['needs_pickle']}"


# ---- the command --------------------------------------------------------------------------------


@contextlib.contextmanager
def store(path: str | None, n_bytes: int):
    """The path of a store with room for the values of a row; one that was made for it is removed."""
    from brain_plasma import Brain

    with contextlib.ExitStack() as stack:
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="brain-test-", dir="/dev/shm"))
            path = os.path.join(folder, "store")
            stack.callback(lambda: Brain(path, create=False).destroy())
        with Brain(path, capacity=8 * n_bytes + 50_000_000):
            pass
        yield path


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__.partition("usage: ")[2].partition("\n")[0])
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--only", default="")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--said", action="store_true")
    parser.add_argument("--process", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("store", nargs="?")
    arguments = parser.parse_args()
    if arguments.process:
        what, number, n_bytes = arguments.process
        print(json.dumps(WORK[what](arguments.store, ROWS[int(number)], int(n_bytes))))
        return 0
    if arguments.said:
        print(table_said(), end="")
        return 0
    n_bytes = arguments.size * 1_000_000
    run = in_a_fork if arguments.quick else in_a_process
    if arguments.quick:
        load_libraries()
        gc.collect()
        gc.freeze()  # so that children, who collect garbage, neither look through all that nor copy its pages
    rows, problems = [], []
    with store(arguments.store, n_bytes) as path:
        for row in (row for row in ROWS if arguments.only in row.id):
            cells, wrong = measure(run, path, row, n_bytes)
            rows.append((row, cells))
            problems += [f"{row.id}: {what}" for what in wrong]
    print("\n".join(lines_of(rows)))
    for problem in problems:
        print(f"values_table: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
