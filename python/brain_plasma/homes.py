"""Homes: directories in which the values of a store are kept, so that they outlive a reboot. docs/design/0012 has how.

A store has up to two, which it remembers in marks (restoring.py), behind the path of the home, a line, quoted:

    home      all of the store: Brain(durable=...). sync() writes to it where there is one
    marked    the names that persist() has marked, at the standard place: else to this one

What a home keeps comes into the store before the first sync to it: that would make the home what the store is.
"""

from __future__ import annotations

import os
import threading
import warnings

from . import dump, dump_places, full, saying
from .dump_results import Progress, SyncResult
from .exceptions import BrainFullError, BrainValueError
from .restoring import DONE, FAILED, Source, advice_of_full, restore, room_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from typing import Any

    from .dumping import Dumping

# Held by whoever uses a home, so that no fork comes in between: the child would inherit SQLite in the middle of
# something, and find locks that nobody lets go of.
_using = threading.RLock()
os.register_at_fork(before=_using.acquire, after_in_parent=_using.release, after_in_child=_using.release)


class Home(Source):
    """A home of a store."""

    def __init__(self, path: str, is_marked: bool) -> None:
        self.path = path
        self.is_marked = is_marked
        self.mark = "marked" if is_marked else "home"
        self.head = _line(path)
        self.option = "restore=True" if is_marked else "durable="

    @classmethod
    def of_marked(cls, brain: Dumping) -> Home:
        """Where the names go that are marked, whether it is there or not."""
        remembered = cls.remembered(brain, True)
        return remembered or cls(str(dump_places.folder(brain) / "marked.home"), True)

    @classmethod
    def remembered(cls, brain: Dumping, is_marked: bool) -> Home | None:
        """The one that the store has."""
        line, newline, _ = brain._mark("marked" if is_marked else "home")[1].partition("\n")
        return cls(_path(line), is_marked) if newline else None

    def changed_ns(self) -> int:
        """When it was synced, nanoseconds since 1970; 0: never."""
        found = 0
        for name in ("values.sqlite", "values.sqlite-wal"):
            try:
                found = max(found, os.stat(os.path.join(self.path, name)).st_mtime_ns)
            except (FileNotFoundError, NotADirectoryError):
                pass
        return found

    def join(self, brain: Dumping, pickle: bool | None) -> None:
        """Bring back what it keeps, if nobody has, and be remembered."""
        restore(brain, pickle, self)

    def check(self, brain: Dumping) -> None:
        if self.changed_ns():
            full.check_home(full.of(brain), "persist()" if self.is_marked else "durable=")

    def bring(self, brain: Dumping, pickle: bool | None) -> None:
        if self.changed_ns():
            dump.load(brain, (), self.path, None, "refuse", "keep", True if pickle else None, None)
        elif not self.is_marked:
            self.sync(brain, None)  # whoever cannot make it hears of it now

    def state(self, brain: Dumping, text: str) -> tuple[str, str]:
        line, newline, rest = text.partition("\n")
        if not newline or line + newline == self.head:
            return super().state(brain, text)
        if rest.startswith(FAILED):
            return "", ""  # so this one may be tried
        raise BrainValueError(
            f"the store {brain.path!r} is kept in the home {_path(line)!r}, and cannot be kept in {self.path!r} as "
            "well: open it with the former, or dump() it and load() that into a store of its own"
        )

    def sync(self, brain: Dumping, told: Any) -> SyncResult:
        """Bring it up to date."""
        with _using:
            result = SyncResult(self.path, *brain._sync(os.fsencode(self.path), self.is_marked, told))
        if result.written or result.removed:  # a thread that syncs has nothing to do, as a rule
            saying.info(brain, "synced", "%r: synced from the store %r", result, brain_bytes=result.bytes)
        return result

    def failure(self, brain: Dumping) -> str:
        try:
            directory = os.stat(self.path)
        except OSError:
            return "no home"
        return f"{directory.st_dev} {directory.st_ino} {self.changed_ns()} {room_of(brain)}"

    def advice(self, error: Exception) -> str:
        if not self.changed_ns():
            return f"{self.path} is no home yet: give {self.option} a directory on a disk, or the path of a new one"
        if isinstance(error, BrainFullError):
            return advice_of_full(self.option)
        return (
            f"The home {self.path} is as it was. Open the store without {self.option} and load(path={self.path!r}, "
            "damaged='load') to load what can be loaded; move the home away to begin a new one"
        )


def _line(path: str) -> str:
    from urllib.parse import quote

    return quote(os.fsencode(path), safe="/") + "\n"


def _path(line: str) -> str:
    from urllib.parse import unquote_to_bytes

    return os.fsdecode(unquote_to_bytes(line))


# ---- Brain(durable=) ----------------------------------------------------------------------------


def option(durable: object) -> str | bool:
    """The option `durable` for another process, which may have another current directory."""
    if durable is None or isinstance(durable, bool):
        return bool(durable)
    if not isinstance(durable, (str, bytes, os.PathLike)):
        raise TypeError(f"durable has to be True, or the path of a directory, not {durable!r}")
    path: str = os.fsdecode(durable)
    if not path or "\0" in path or "://" in path:
        raise BrainValueError(f"this cannot be the home of a store, a directory on a disk: {durable!r}")
    return os.path.realpath(path)


def join(brain: Dumping, durable: str | bool, pickle: bool | None) -> None:
    """Give the store its home, or see that it has this one, and bring back what that keeps."""
    if durable is True:
        place = dump_places.made_folder(brain)
        durable = os.path.realpath(place / "all.home")
    home = Home(str(durable), False)
    home.join(brain, pickle)
    if _is_in_memory(home.path):
        warnings.warn(
            f"the home {home.path} lies in memory, on a tmpfs, and does not outlive a reboot: give durable= a "
            "directory on a disk",
            RuntimeWarning,
            stacklevel=4,
        )


def _is_in_memory(path: str) -> bool:
    """Whether it is on a file system in memory, as far as that can be found out."""
    try:
        device = os.stat(path).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
            for mount in mounts:
                where, _, what = mount.partition(" - ")
                if where.split(" ")[2] == f"{os.major(device)}:{os.minor(device)}":
                    return what.split(" ")[0] in ("tmpfs", "ramfs")
    except OSError:
        pass
    return False


# ---- sync() and persist() -----------------------------------------------------------------------


def of(brain: Dumping) -> Home | None:
    """The home that sync() writes to; None: the store has none, and nothing was ever marked."""
    return Home.remembered(brain, False) or Home.remembered(brain, True)


def _joined(brain: Dumping, home: Home) -> Home:
    if home.state(brain, brain._mark(home.mark)[1])[0] != DONE:
        home.join(brain, brain._options["pickle"])
    return home


def sync(brain: Dumping, progress: Callable[[Progress], object] | None) -> SyncResult:
    """Brain.sync()."""
    told = None
    if progress is not None:
        dump.check_progress(progress)
        tell = progress

        def told(done_bytes: int, all_bytes: int, done_names: int, all_names: int, _: bool) -> None:
            tell(Progress("sync", done_bytes, all_bytes, done_names, all_names))

    brain.directory  # raises where it is closed
    home = of(brain)
    if home is None:
        raise BrainValueError(
            f"nothing of the store {brain.path!r} is to be kept on a disk: open it with durable= for all of it, or "
            "name what is with persist()"
        )
    _joined(brain, home)
    if home.is_marked:
        dump_places.made_folder(brain)
    return home.sync(brain, told)


def load(brain: Dumping, path: str, *arguments: Any) -> Any:
    """Load what the home at `path` keeps: arguments and result of Brain._load()."""
    with _using:
        return brain._restore_home(os.fsencode(path), *arguments)


def persist(brain: Dumping, names: tuple[str, ...], on: bool, namespace: str | None) -> None:
    """Brain.persist()."""
    if not isinstance(on, bool):
        raise BrainValueError(f"on has to be True or False, not {on!r}")
    names, namespace = dump.selection(brain, names, namespace)
    if not names:
        raise TypeError("persist() takes at least one name")
    if on:
        full.check_home(full.of(brain), "persist()")
    _joined(brain, of(brain) or Home.of_marked(brain))
    for name in names:
        brain._persist(name, on, namespace)
