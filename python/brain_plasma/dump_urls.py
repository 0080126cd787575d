"""Dumps at URLs, by fsspec.

Up: the dump is made in a thread, and goes through a socket to the caller's thread, which writes it to the file that
fsspec opened (urls.py); so Ctrl-C comes to where the network is. The end of the dump is a shutdown of the socket and
not a close, since a child that somebody forks meanwhile has it too.

Down: into a temporary file without a name, since a load reads twice.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import tempfile
import threading

from . import urls
from .dump_results import Progress
from .exceptions import BrainDumpNotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

    from .dump import Told
    from .dumping import Dumping

    Written = tuple[int, int, int, int, int]

# ---- up -----------------------------------------------------------------------------------------


class _Stopped(Exception):
    """The dump is not wanted any more."""


class _Source:
    """A dump that is being made in a thread: what it writes can be read here."""

    def __init__(self, write: Callable[[int, Told], Written]) -> None:
        self._ours, self._theirs = socket.socketpair()
        self._theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, urls.PIECE_BYTES)
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
        return self._ours.recv(urls.PIECE_BYTES)

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

    with urls.upload(url, "dumps") as file, _Source(write) as source:
        written = _copy(source, file, told)
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
    file_system, path = urls.find(url, "dumps")
    with tempfile.TemporaryFile(prefix="brain-") as local:
        try:
            with file_system.open(path, "rb") as remote:
                urls.download(remote, local, "dump", _of_a_download(progress))
        except FileNotFoundError as error:
            raise BrainDumpNotFoundError(f"there is no dump at {url}") from error
        return brain._load(local.fileno(), names, namespace, flags, told)


def _of_a_download(progress: Callable[[Progress], object] | None) -> Callable[[int, int], object] | None:
    if progress is None:
        return None
    tell = progress
    return lambda done_bytes, all_bytes: tell(Progress("download", done_bytes, all_bytes, 0, 0))
