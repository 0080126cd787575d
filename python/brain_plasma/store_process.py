"""start_plasma_store(): a plasma_store for as long as a `with` block lasts."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from .exceptions import BrainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from subprocess import Popen

PROGRAM = "plasma_store"
READY = b"plasma_store: ready: "  # how the line begins that it says when the store is there
PATIENCE_S = 10  # from asking it to end to killing it
PATIENCE_WITH_TOOL_S = 300  # valgrind takes its time with large mappings, and then reports

VALGRIND = [
    "valgrind",
    "--track-origins=yes",
    "--leak-check=full",
    "--show-leak-kinds=all",
    "--error-exitcode=1",
]
PROFILER = ["valgrind", "--tool=callgrind"]


@contextlib.contextmanager
def start_plasma_store(
    plasma_store_memory: int,
    use_valgrind: bool = False,
    use_profiler: bool = False,
    plasma_directory: str | os.PathLike[str] | None = None,
    use_hugepages: bool = False,
    external_store: str | os.PathLike[str] | None = None,
) -> Iterator[tuple[str, Popen[bytes]]]:
    """Start a plasma_store in a fresh temporary directory: a context manager that gives the path of
    its store and its process. The store is there when the block begins, and removed after it.

        with start_plasma_store(50_000_000) as (path, process):
            client = plasma.connect(path)

    Arguments:
        plasma_store_memory: capacity of the store in bytes.
        use_valgrind, use_profiler: run it under valgrind, or under its callgrind; not both.
        plasma_directory: where the memory of the store is: a directory on a tmpfs.
        use_hugepages: with huge pages; plasma_directory has to be on a tmpfs that gives them.
        external_store: a directory, also as a file:// URL: what is evicted goes to files there, and comes back when it
            is got. They go with the store.

    What the program says beyond that it is ready comes to sys.stderr at the end.

    Raises RuntimeError with the program's own words where it ends instead of being ready, and where
    there is no such program, or no valgrind; Exception for both valgrind and profiler.
    """
    if use_valgrind and use_profiler:
        raise Exception("valgrind and the profiler cannot both be used")
    command = [_find_program(), "-m", str(plasma_store_memory)]
    if plasma_directory is not None:
        command += ["-d", os.fspath(plasma_directory)]
    if use_hugepages:
        command += ["-h"]
    if external_store is not None:
        command += ["-e", os.fspath(external_store)]
    tool = VALGRIND if use_valgrind else PROFILER if use_profiler else []
    if tool and shutil.which(tool[0]) is None:
        raise RuntimeError(f"{tool[0]} is not installed")
    with tempfile.TemporaryDirectory(prefix="test_plasma-", ignore_cleanup_errors=True) as folder:
        path = os.path.join(folder, "plasma.sock")
        process = _start(tool, [*command, "-s", path])
        try:
            _wait_until_ready(process)
            yield path, process
        finally:
            _end(process, PATIENCE_WITH_TOOL_S if tool else PATIENCE_S)
            _remove_remains(path)


def _find_program() -> str:
    """The plasma_store that was installed with this package."""
    beside = [
        Path(sysconfig.get_path("scripts")),
        Path(sys.prefix, "bin"),
        Path(sysconfig.get_path("scripts", "posix_user")),  # pip install --user
        Path(__file__).parents[1] / "bin",  # pip install --target
    ]
    for folder in beside:
        if os.access(folder / PROGRAM, os.X_OK):
            return str(folder / PROGRAM)
    found = shutil.which(PROGRAM)
    if found is None:
        raise RuntimeError(
            f"there is no program {PROGRAM} in {', '.join(map(str, beside))} or PATH;"
            " it comes with the wheel of brain-plasma"
        )
    return found


def _start(tool: list[str], command: list[str]) -> Popen[bytes]:
    if not tool:
        return subprocess.Popen(command, stderr=subprocess.PIPE)
    ours = os.dup(2)  # what valgrind says is for the user, and not among the program's words
    try:
        return subprocess.Popen(
            [*tool, f"--log-fd={ours}", *command], stderr=subprocess.PIPE, pass_fds=[ours]
        )
    finally:
        os.close(ours)


def _wait_until_ready(process: Popen[bytes]) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if line.startswith(READY):
            return
        said.append(os.fsdecode(line))
    words = "".join(said).strip() or "it said nothing"
    raise RuntimeError(f"plasma_store ended with status {process.wait()}: {words}")


def _end(process: Popen[bytes], patience_s: float) -> None:
    assert process.stderr is not None
    process.terminate()  # nothing happens where it has ended
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    with process.stderr:
        sys.stderr.write(os.fsdecode(process.stderr.read()))


def _remove_remains(path: str) -> None:
    """Where it was killed, its store is still there."""
    if os.path.lexists(path):
        from .brain import Brain

        with contextlib.suppress(BrainError, OSError):
            with Brain(path, create=False) as brain:
                brain.destroy()
