"""Dumps at URLs, by fsspec.

Up: the dump is made in a thread, and goes through a socket to the caller's thread, which writes it to the file that
fsspec opened; so Ctrl-C comes to where the network is. That file is made to appear when all of it is written, and is
given up else. The end of the dump is a shutdown of the socket and not a close, since a child that somebody forks
meanwhile has it too.

Down: into a temporary file without a name, since a load reads twice.
"""

from __future__ import annotations

import contextlib
import importlib
import signal
import socket
import tempfile
import threading

from .dump_results import Progress
from .exceptions import BrainDumpNotFoundError, BrainMissingPackageError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from .dump import Told
    from .dumping import Dumping

    Written = tuple[int, int, int, int, int]

_PIECE_BYTES = 1 << 20
_SCHEME_END = "://"


def _find(url: str) -> tuple[Any, str]:
    """The file system of a URL, of this call alone, and the path in it."""
    scheme = url.split(_SCHEME_END)[0]
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError:
        more = f" and what it needs for {scheme}://" + (": s3fs" if scheme in ("s3", "s3a") else "")
        raise BrainMissingPackageError(
            f"dumps at URLs need the package fsspec{more}. Install it, or give a path of a file"
        ) from None
    try:
        found: tuple[Any, str] = core.url_to_fs(url, skip_instance_cache=True)
    except ImportError as error:
        raise BrainMissingPackageError(f"fsspec has no {scheme}:// here: {error}") from error
    except ValueError as error:
        raise BrainValueError(f"fsspec cannot find {url!r}: {error}") from error
    return found


# ---- up -----------------------------------------------------------------------------------------


class _Stopped(Exception):
    """The dump is not wanted any more."""


class _Source:
    """A dump that is being made in a thread: what it writes can be read here."""

    def __init__(self, write: Callable[[int, Told], Written]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _PIECE_BYTES)
        self._write = write
        self._written: Written | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self._progress: tuple[int, int, int, int, bool] | None = None
        self._thread = threading.Thread(target=self._run, name="brain-dump", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the dump, wherever it is."""
        try:
            self._stopped = kind is not None
            with contextlib.suppress(OSError):
                self._ours.shutdown(socket.SHUT_RDWR)
            self._thread.join()
        finally:
            self._ours.close()
            if not self._thread.is_alive():  # else a second Ctrl-C came: it goes with the thread
                self._theirs.close()

    def _run(self) -> None:
        # Of a write when nobody reads any more; a program may have undone what Python does about it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        try:
            self._written = self._write(self._theirs.fileno(), self._note)
        except BaseException as error:
            self._error = error
        finally:
            with contextlib.suppress(OSError):
                self._theirs.shutdown(socket.SHUT_WR)

    def _note(self, *progress: Any) -> None:
        if self._stopped:
            raise _Stopped
        self._progress = progress

    def read(self) -> bytes:
        """What comes next; nothing at the end."""
        return self._ours.recv(_PIECE_BYTES)

    def progress(self) -> tuple[int, int, int, int, bool] | None:
        """How far it is, where that has not been asked since."""
        progress, self._progress = self._progress, None
        return progress

    def result(self) -> Written:
        """After the end: what was written. Raises what the dump raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._written is not None
        return self._written


def dump(
    brain: Dumping,
    url: str,
    names: tuple[str, ...],
    namespace: str | None,
    level: int,
    told: Told | None,
) -> Written:
    """Write a dump to a URL, and what _dump() gives of it."""

    def write(fd: int, note: Told) -> Written:
        return brain._dump(fd, names, namespace, level, note)

    file_system, path = _find(url)
    file_system.start_transaction()  # what is opened in one appears at its commit
    file = file_system.open(path, "wb")
    try:
        with _Source(write) as source:
            written = _copy(source, file, told)
        file.close()
        if hasattr(file, "commit"):
            file.commit()
    except BaseException as error:
        _give_up(file_system, path, file, error)
        raise
    return written


def _copy(source: _Source, file: Any, told: Told | None) -> Written:
    while piece := source.read():
        file.write(piece)
        progress = source.progress()
        if told is not None and progress is not None:
            told(*progress)
    written = source.result()
    progress = source.progress()
    if told is not None and progress is not None:
        told(*progress)
    return written


def _give_up(file_system: Any, path: str, file: Any, error: BaseException) -> None:
    """Let nothing be left of a file that was not written to its end."""
    try:
        if not hasattr(file, "discard"):  # it was there from the start
            file.close()
            file_system.rm_file(path)
        elif hasattr(file, "blocksize"):  # fsspec's own kind: its close() would write what it has left
            file.discard()
            file.closed = True
        else:
            file.close()
            file.discard()
    except Exception as another:
        error.add_note(f"What had been written to {path} by then may be left there: {another!r}")


# ---- down ---------------------------------------------------------------------------------------


def load(
    brain: Dumping,
    url: str,
    names: tuple[str, ...],
    namespace: str | None,
    flags: int,
    told: Told | None,
    progress: Callable[[Progress], object] | None,
) -> tuple[Any, ...]:
    """Load a dump from a URL, and what _load() gives of it."""
    file_system, path = _find(url)
    with tempfile.TemporaryFile(prefix="brain-") as local:
        try:
            with file_system.open(path, "rb") as remote:
                _download(remote, local, progress)
        except FileNotFoundError as error:
            raise BrainDumpNotFoundError(f"there is no dump at {url}") from error
        return brain._load(local.fileno(), names, namespace, flags, told)


def _download(remote: Any, local: Any, progress: Callable[[Progress], object] | None) -> None:
    size = getattr(remote, "size", None) or 0
    n = 0
    while piece := remote.read(4 * _PIECE_BYTES):
        _write(local, piece)
        n += len(piece)
        if progress is not None:
            progress(Progress("download", n, size, 0, 0))
    local.seek(0)


def _write(local: Any, piece: bytes) -> None:
    try:
        local.write(piece)
        local.flush()
    except OSError as error:
        error.add_note(f"A dump comes down into {tempfile.gettempdir()}; TMPDIR names another place")
        raise
