"""Files at URLs, by fsspec: written so that they appear when they are whole, and read."""

from __future__ import annotations

import contextlib
import importlib
import tempfile

from .exceptions import BrainMissingPackageError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

PIECE_BYTES = 1 << 20
_SCHEME_END = "://"


def is_url(place: str) -> bool:
    return _SCHEME_END in place


def find(url: str, what: str) -> tuple[Any, str]:
    """The file system of a URL, of this call alone, and the path in it. `what` is there, for messages: 'dumps'."""
    scheme = url.split(_SCHEME_END)[0]
    try:
        core = importlib.import_module("fsspec.core")
    except ImportError:
        is_s3 = scheme in ("s3", "s3a")
        more = "pip install fsspec s3fs" if is_s3 else f"pip install fsspec, and what that needs for {scheme}://"
        raise BrainMissingPackageError(
            f"{what} at URLs need the package fsspec: {more}; or give a path of a file"
        ) from None
    try:
        found: tuple[Any, str] = core.url_to_fs(url, skip_instance_cache=True)
    except ImportError as error:
        more = ": pip install s3fs" if scheme in ("s3", "s3a") else ""
        raise BrainMissingPackageError(f"fsspec has no {scheme}:// here: {error}{more}") from error
    except ValueError as error:
        raise BrainValueError(f"fsspec cannot find {url!r}: {error}") from error
    return found


# ---- up -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def upload(url: str, what: str) -> Iterator[Any]:
    """A file that is written in the block, and is there at its end; where the block raises it is given up."""
    file_system, path = find(url, what)
    file_system.start_transaction()  # what is opened in one appears at its commit
    try:
        file = file_system.open(path, "wb")
    except NotImplementedError as error:
        raise BrainValueError(
            f"{url!r} cannot be written to: fsspec only reads there. Give another place, or a path of a file"
        ) from error
    try:
        yield file
        file.close()
        if hasattr(file, "commit"):
            file.commit()
    except BaseException as error:
        _give_up(file_system, path, file, error)
        raise


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


def download(remote: Any, local: Any, what: str, told: Callable[[int, int], object] | None) -> None:
    """All of `remote` into `local`, which stands at its beginning then. told(bytes by now, bytes in all, or 0)."""
    size = getattr(remote, "size", None) or 0
    n = 0
    while piece := remote.read(4 * PIECE_BYTES):
        _write(local, piece, what)
        n += len(piece)
        if told is not None:
            told(n, size)
    local.seek(0)


def _write(local: Any, piece: bytes, what: str) -> None:
    try:
        local.write(piece)
        local.flush()
    except OSError as error:
        error.add_note(f"A {what} comes down into {tempfile.gettempdir()}; TMPDIR names another place")
        raise
