"""Brain(restore=True): a new store gets back what all.brain at its standard place has, once, whoever opens it first.

There is a mark in the store (mark.c), a text whose first line is one of

    loading     then the row and the seat of the client that loads, one a line
    done
    failed      then which failure it is (_failure()), and what to say about it

Each step is a put of the mark under the condition that it has still the version that was seen. Whoever finds none, or
"loading" by a client that is no more (it died, or was interrupted, and its Brain closed), takes it over and loads.
Others wait. What was loaded is kept by the next who loads, so a kill in the middle costs the time and nothing else.
"""

from __future__ import annotations

from . import dump, dump_places
from .exceptions import (
    BrainCorruptError,
    BrainError,
    BrainFormatError,
    BrainFullError,
    BrainPermissionError,
    BrainPickleError,
    BrainRestoreError,
    BrainValueError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping

LOADING, DONE, FAILED = "loading", "done", "failed"

# The times of stores and files come from a clock that goes in steps of up to so much.
_CLOCK_STEP_NS = 10_000_000

# What fails each time, as long as the file and the store are the same.
_LASTING = (
    BrainCorruptError,
    BrainFormatError,
    BrainFullError,
    BrainPermissionError,
    BrainPickleError,
)


def is_under_way(brain: Dumping) -> bool:
    """Whether somebody restores the store, or began to and died."""
    return brain._mark()[1].partition("\n")[0] == LOADING


def restore(brain: Dumping, pickle: bool | None) -> None:
    """Restore the store, or wait until it is. Raises BrainRestoreError where that fails, also of somebody else's try;
    whatever is raised, `brain` is to be closed then: others wait for it as long as it is not.
    """
    has_waited = False
    while True:
        version, text = brain._mark()
        state, _, rest = text.partition("\n")
        if state == DONE:
            return
        if state == LOADING and brain._lives(*map(int, rest.split("\n")[:2])):
            brain._wait_mark(version)
            has_waited = True
            continue
        if state == FAILED:
            failure, _, words = rest.partition("\n")
            if has_waited or failure == _failure(brain):
                raise BrainRestoreError(words)
        if brain.read_only:
            raise BrainValueError(
                f"the store {brain.path!r} was not restored yet, and read_only=True cannot do it: open it with "
                "restore=True and without read_only=True first, or without restore=True"
            )
        row, seat, _ = brain._self()
        mine = brain._set_mark(f"{LOADING}\n{row}\n{seat}", version)
        if mine is not None:
            return _load(brain, pickle, mine)


def _load(brain: Dumping, pickle: bool | None, version: int) -> None:
    """Load, and say in the mark, which has that version, how it went."""
    try:
        if _is_to_be_loaded(brain):
            place = dump_places.of_all(brain)
            dump.load(brain, (), place, None, "refuse", "keep", True if pickle else None, None)
        brain._set_mark(DONE, version)
    except Exception as error:
        words = (
            f"the store {brain.path!r} could not be restored: {error}. Open it without restore=True to load what can "
            "be loaded, or to begin anew; the next dump() then takes the place of this one"
        )
        failure = _failure(brain) if isinstance(error, _LASTING) else ""
        brain._set_mark(f"{FAILED}\n{failure}\n{words}", version)
        raise BrainRestoreError(words) from error


def _is_to_be_loaded(brain: Dumping) -> bool:
    """Whether there is a dump, from before the store. One from later is of it."""
    try:
        dumped_ns = dump_places.of_all(brain).stat().st_mtime_ns
    except FileNotFoundError:
        return False
    return dumped_ns <= brain.stat()["created_ns"] + _CLOCK_STEP_NS


def _failure(brain: Dumping) -> str:
    """What has to change before another try can go better: the file, or what the store can hold."""
    try:
        file = dump_places.of_all(brain).stat()
    except (OSError, BrainError):
        return "no file"
    return f"{file.st_dev} {file.st_ino} {file.st_size} {file.st_ctime_ns} {brain.size()}"
