"""Values that go to files on a disk when the store is full, and come back with the same call."""

from __future__ import annotations

import os
from contextlib import suppress

from . import _core, saying
from .exceptions import BrainError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping


FOLDER = "#spilled"  # no folder of a store has such a name


class Spilling(_core.Brain):
    """The part of Brain about values in files."""

    def spill(self, n_bytes: int, *, namespace: str | None = None) -> int:
        """Move the values that were not used for longest to files, until that is `n_bytes` or more, as a put does that
        finds the store full then. Returns how many bytes were moved: fewer where there are not so many.

        Values of 64 KiB and more are moved, that nobody has a view of: an array that somebody recalled, and has
        yet, stays where it is. Whoever recalls one later gets it over its file, read-only and not copied.
        namespace: None is all of them.

        Raises BrainValueError unless when_full is 'spill', BrainFullError where the disk is full, BrainOSError.
        Threads: any; others run meanwhile. Waits for a writer, up to lock_timeout. Cost: that of writing the bytes.
        """
        if isinstance(n_bytes, bool) or not isinstance(n_bytes, int) or n_bytes < 0:
            raise BrainValueError(f"the bytes to spill are an int of at least 0, not {n_bytes!r}")
        moved = self._spill(n_bytes, namespace)
        from .dump_results import shown_bytes

        saying.info(self, "spilled", "moved %s to files: the store %r", shown_bytes(moved), brain_bytes=moved)
        return moved


def begin(brain: Dumping, spill_to: str | None) -> None:
    """Let the store spill from now on: to the directory that is given, or that it has, or to the one for all stores of
    this user beside their dumps.
    """
    if spill_to is not None:
        brain._spill_open(os.fsencode(spill_to), True)
    elif not brain._spill_open(None, True):
        from . import dump_places  # not before: it costs as much to import as all else here

        brain._spill_open(os.fsencode(dump_places.base() / FOLDER), True)


def join(brain: Dumping) -> None:
    """Spill, if the store does, as far as this process can."""
    with suppress(BrainError, OSError):  # a put that finds the store full says that this process cannot
        brain._spill_open(None, False)


def check(when_full: str | None, spill_to: object) -> None:
    """Raise where they do not go together."""
    if spill_to is not None and when_full != "spill":
        raise BrainValueError("spill_to= is the directory of when_full='spill': give both")
