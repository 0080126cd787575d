"""Local files that take the place of others when they are whole and on the disk; and files that are read.

Until its end one has no name (O_TMPFILE), and goes with the process; where the file system has none such, it has one
that nobody else looks at, which a killed process leaves: ".brain-" and random letters. The path is replaced by one
rename: write, fsync, rename, fsync of the directory, as disk/file.c does for dumps.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat

from .exceptions import (
    BrainError,
    BrainFileNotFoundError,
    BrainFullError,
    BrainOSError,
    BrainPermissionError,
    BrainValueError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

_MODE = 0o666  # before the umask
_KINDS = {
    errno.EACCES: BrainPermissionError,
    errno.EPERM: BrainPermissionError,
    errno.EROFS: BrainPermissionError,
    errno.ENOENT: BrainFileNotFoundError,
    errno.ENOSPC: BrainFullError,
    errno.EDQUOT: BrainFullError,
}


@contextlib.contextmanager
def written(path: str) -> Iterator[BinaryIO]:
    """A file that is written in the block, and is at `path` at its end; links there are followed. Where the block
    raises, what was there before stays. What the system refuses is a BrainError.
    """
    with _refusals(f"cannot write {path}"):
        folder, name = os.path.split(_target(path))
        dir_fd = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _made(dir_fd, name) as file:
                yield file
            _sync_folder(dir_fd)
        finally:
            os.close(dir_fd)


@contextlib.contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file that is read in the block. What the system refuses to open it is a BrainError."""
    with _refusals(f"cannot read {path}"):
        _require_file(path, os.stat(path))
        file = open(path, "rb")
    with file:
        yield file


@contextlib.contextmanager
def _refusals(what: str) -> Iterator[None]:
    """Within it an error of the system becomes one of ours. One without a number is not the system's."""
    try:
        yield
    except BrainError:
        raise
    except OSError as error:
        if error.errno is None:
            raise
        kind = _KINDS.get(error.errno, BrainOSError)
        raise kind(f"{what}: {os.strerror(error.errno)}") from error


def _target(path: str) -> str:
    """Where `path` leads: itself, or where a link points to."""
    if path.endswith("/"):
        raise BrainValueError(f"{path!r} names no file")
    target = os.path.realpath(path, strict=True) if os.path.islink(path) else path
    with contextlib.suppress(FileNotFoundError):
        _require_file(path, os.stat(target))
    return target


def _require_file(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BrainValueError(f"{path} is {'a directory' if stat.S_ISDIR(status.st_mode) else 'no regular file'}")


@contextlib.contextmanager
def _made(dir_fd: int, name: str) -> Iterator[BinaryIO]:
    """A file that gets `name` at the end of the block, or is gone."""
    temporary = f".brain-{os.urandom(8).hex()}"
    fd, has_name = _made_fd(dir_fd, temporary)
    try:
        with open(fd, "wb") as file:
            yield file
            file.flush()
            os.fsync(fd)
            if not has_name:
                has_name = True  # from before, for who interrupts it
                _give_name(fd, dir_fd, temporary)
            os.rename(temporary, name, src_dir_fd=dir_fd, dst_dir_fd=dir_fd)
    except BaseException:
        if has_name:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=dir_fd)
        raise


def _made_fd(dir_fd: int, temporary: str) -> tuple[int, bool]:
    """The descriptor of a new file, and whether it has the name already."""
    if os.access("/proc/self/fd", os.X_OK):  # it may be named later
        with contextlib.suppress(OSError):
            return os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, _MODE, dir_fd=dir_fd), False
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    return os.open(temporary, flags, _MODE, dir_fd=dir_fd), True


def _give_name(fd: int, dir_fd: int, name: str) -> None:
    # With a dir_fd it is linkat(), which follows the link that /proc has.
    os.link(f"/proc/self/fd/{fd}", name, dst_dir_fd=dir_fd, follow_symlinks=True)


def _sync_folder(dir_fd: int) -> None:
    try:
        os.fsync(dir_fd)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that syncs no directories
            raise
