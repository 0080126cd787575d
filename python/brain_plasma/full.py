"""What a put does that finds the store full: Brain(when_full=...), and brain.when_full."""

from __future__ import annotations

from .exceptions import BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping

MODES = ("error", "lru", "spill")  # by the library's numbers
LRU, SPILL = 1, 2


def number(when_full: object) -> int:
    """The library's number of a mode."""
    if not isinstance(when_full, str) or when_full not in MODES:
        raise BrainValueError(f"when_full has to be 'error', 'lru' or 'spill', not {when_full!r}")
    return MODES.index(when_full)


def of(brain: Dumping) -> str:
    """brain.when_full."""
    return MODES[brain._full()]


def check_home(when_full: str | None, what: str) -> None:
    """Raise where a store that may lose values would be kept on a disk: what goes from it would go from there."""
    if when_full == "lru":
        raise BrainValueError(
            f"{what} keeps values on a disk, and in a store with when_full='lru' they go when there is no room: the "
            "next sync would remove them from the disk, too. brain.when_full = 'error', or when_full='error' where it "
            "is opened, makes it one that keeps them, for all who have it open; or use another store"
        )


def set_mode(brain: Dumping, when_full: str) -> None:
    """brain.when_full = ..."""
    mode = number(when_full)
    if mode == SPILL:
        from . import spilling

        spilling.begin(brain, None)
        return
    if mode == LRU and of(brain) != "lru":
        from . import homes

        home = homes.of(brain)
        if home is not None:
            check_home(when_full, "persist()" if home.is_marked else "durable=")
    brain._set_full(mode)
