"""Values that go to files on a disk when the store is full, and come back with the same call."""

from __future__ import annotations

import os
from contextlib import suppress

from . import _core
from .exceptions import BrainError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping


class Spilling(_core.Brain):
    """The part of Brain about values in files."""

    def spill(self, n_bytes: int, *, namespace: str | None = None) -> int:
        """Move the values that were not used for longest to files, until that is `n_bytes` or more, as a put does that
        finds the store full in the mode "spill". Returns how many bytes were moved: fewer where there are not so many.

        Values of 64 KiB and more are moved, that nobody has a view of: an array that somebody recalled, and has
        yet, stays where it is. Whoever recalls one later gets it over its file, read-only and not copied.
        namespace: None is all of them.

        Raises BrainValueError unless the mode is "spill", BrainFullError where the disk is full, BrainOSError.
        Threads: any; others run meanwhile. Waits for a writer, up to lock_timeout. Cost: that of writing the bytes.
        """
        if isinstance(n_bytes, bool) or not isinstance(n_bytes, int) or n_bytes < 0:
            raise BrainValueError(f"the bytes to spill are an int of at least 0, not {n_bytes!r}")
        return self._spill(n_bytes, namespace)


def directory(brain: Dumping, spill_to: str | os.PathLike[str] | None) -> bytes:
    """Where the values of a store go: the place that was given, or else one for all stores of this user, on a disk."""
    if spill_to is not None:
        return os.fsencode(os.path.abspath(spill_to))
    from platformdirs import user_cache_path

    return os.fsencode(user_cache_path("brain-plasma", appauthor=False) / "spilled")


def join(brain: Dumping, when_full: str | None, spill_to: str | os.PathLike[str] | None) -> None:
    """Spill, if that was asked for; or if the store does, as far as this process can."""
    if when_full == "spill":
        brain._spill_open(directory(brain, spill_to))
    elif not brain.read_only:
        with suppress(BrainError, OSError):  # a put that finds the store full says that this process cannot
            brain._spill_open(None)


def check(when_full: str | None, spill_to: object, read_only: bool) -> None:
    """Raise where they do not go together."""
    if when_full not in (None, "error", "lru", "spill"):
        raise BrainValueError(f'when_full has to be "error", "lru" or "spill", not {when_full!r}')
    if spill_to is not None and when_full != "spill":
        raise BrainValueError('spill_to= is the directory of when_full="spill": give both')
    if when_full is not None and read_only:
        raise BrainValueError("when_full= is of a store that may be written: leave read_only out")
