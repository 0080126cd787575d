"""What is on a disk comes into a new store, once, whoever opens it first: Brain(restore=True), and homes.py.

There is a mark in the store (mark.c), a text that begins with what the source says of itself (`Source.head`), and goes
on with a line that is one of

    loading     then the row and the seat of the client that loads, one a line
    done
    failed      then which failure it is (Source.failure()), and what to say about it

Each step is a put of the mark under the condition that it has still the version that was seen. Whoever finds none, or
"loading" by a client that is no more (it died, or was interrupted, and its Brain closed), takes it over and loads.
Others wait. What was loaded is kept by the next who loads, so a kill in the middle costs the time and nothing else.
"""

from __future__ import annotations

import os
import warnings
from contextlib import suppress

from . import dump, dump_places, full, saying
from .dump_results import shown_bytes
from .exceptions import (
    BrainBusyError,
    BrainCorruptError,
    BrainDumpNotFoundError,
    BrainError,
    BrainFormatError,
    BrainFullError,
    BrainMissingPackageError,
    BrainPermissionError,
    BrainPickleError,
    BrainRestoreError,
    BrainValueError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping

LOADING, DONE, FAILED = "loading", "done", "failed"

# What fails each time, as long as the file and the store are the same.
_LASTING = (
    BrainCorruptError,
    BrainFormatError,
    BrainFullError,
    BrainPermissionError,
    BrainPickleError,
)


class Source:
    """Where a new store gets its values from.

    mark: the name of its mark. head: what the text of the mark begins with. option: what opens a store with it.
    """

    mark: str
    head = ""
    option: str

    def check(self, brain: Dumping) -> None:
        """Raise BrainValueError where the store is none that it can be loaded into."""

    def bring(self, brain: Dumping, pickle: bool | None) -> None:
        """Load what there is, if there is anything. Names that are in the store stay as they are."""
        raise NotImplementedError

    def failure(self, brain: Dumping) -> str:
        """What has to change before another try can go better: the file, or what the store can hold. One line."""
        raise NotImplementedError

    def advice(self, error: Exception) -> str:
        """What to do where it cannot be loaded, for `error`."""
        raise NotImplementedError

    def state(self, brain: Dumping, text: str) -> tuple[str, str]:
        """The state that the text of a mark says, and what goes with it."""
        state, _, rest = text.removeprefix(self.head).partition("\n")
        return state, rest


class _Dump(Source):
    """The dump of all of the store, and the names that were marked to be kept (homes.py)."""

    mark = "restore"
    option = "restore=True"

    def check(self, brain: Dumping) -> None:
        if full.of(brain) != "lru":
            return
        from .homes import Home

        with suppress(BrainMissingPackageError):  # that is said later
            home = Home.of_marked(brain)
            if home.changed_ns():
                raise BrainValueError(
                    f"restore=True would bring back what persist() has kept in {home.path!r}, and in a store with "
                    "when_full='lru' that would go when there is no room, and with the next sync from the disk, too: "
                    "open the store with when_full='error', or move that directory away"
                )

    def bring(self, brain: Dumping, pickle: bool | None) -> None:
        from .homes import Home

        home = Home.of_marked(brain)
        is_home_younger = home.changed_ns() > _dumped_ns(brain)
        if is_home_younger:
            home.join(brain, pickle)
        if _is_to_be_loaded(brain):
            place = dump_places.of_all(brain)
            dump.load(brain, (), place, None, "refuse", "keep", True if pickle else None, None)
        if not is_home_younger and home.changed_ns():
            home.join(brain, pickle)

    def failure(self, brain: Dumping) -> str:
        try:
            file = dump_places.of_all(brain).stat()
        except (OSError, BrainError):
            return "no file"
        return f"{file.st_dev} {file.st_ino} {file.st_size} {file.st_ctime_ns} {room_of(brain)}"

    def advice(self, error: Exception) -> str:
        if isinstance(error, BrainFullError):
            return advice_of_full(self.option)
        return (
            f"Open it without {self.option} and load() what can be loaded (damaged='load', pickle=False): the next "
            "dump() then takes the place of this one. To begin anew, move this one away"
        )


DUMP = _Dump()


def advice_of_full(option: str) -> str:
    """What to do where a store is too small for what a disk keeps of it: for Source.advice()."""
    return f"To do that, open it without {option}; then open it as before"


def room_of(brain: Dumping) -> str:
    """What a store can take: for Source.failure()."""
    return f"{brain.size()} {full.of(brain)}"


def check_dump(brain: Dumping) -> None:
    """Raise where a dump of all would take the place of one that has not come back, or not all of it."""
    state, rest = DUMP.state(brain, brain._mark(DUMP.mark)[1])
    if state == LOADING and _loader_lives(brain, rest):
        raise BrainBusyError(
            f"the store {brain.path!r} is being restored, so it is not whole yet, and this dump would take the place "
            "of the one that it is restored from: wait for that, as Brain(restore=True) does, or give path="
        )
    if state == LOADING and _is_there(brain):
        raise BrainRestoreError(
            f"the store {brain.path!r} was being restored by a process that died or was interrupted, so it is not "
            f"whole, and this dump would take the place of {str(dump_places.of_all(brain))!r}, which it was restored "
            "from: open the store with restore=True, which goes on with that, or load() it. With path= dump() writes "
            "elsewhere, and to give that dump up, move it away first"
        )
    if state == FAILED and _is_there(brain):
        words = rest.partition("\n")[2]
        raise BrainRestoreError(
            f"{words}. Before that, dump() does not write over {str(dump_places.of_all(brain))!r}: with path= it "
            "writes elsewhere, and to give that dump up, move it away first"
        )


def _loader_lives(brain: Dumping, rest: str) -> bool:
    """Whether the client lives that a mark names, by what goes with LOADING."""
    return brain._lives(*map(int, rest.split("\n")[:2]))


def _is_there(brain: Dumping) -> bool:
    """Whether there is a dump that has not come back; one that cannot be looked at is."""
    try:
        return _is_to_be_loaded(brain)
    except BrainMissingPackageError:
        raise
    except (BrainError, OSError):
        return True


def note_load(brain: Dumping, place: str) -> None:
    """After somebody has loaded all that can be loaded of the dump at `place`. Where it is the one from which the store
    could not be restored, or whoever did that is no more, it is now: nobody is told of that failure any more, nor loads
    it again, and dump() may take the place of it.
    """
    version, text = brain._mark(DUMP.mark)
    state, rest = DUMP.state(brain, text)
    is_open = state == FAILED or (state == LOADING and not _loader_lives(brain, rest))
    if not is_open or not _is_of_all(brain, place):
        return
    from .homes import Home

    home = Home.of_marked(brain)
    if home.changed_ns() and full.of(brain) != "lru":  # Home.check()
        with suppress(BrainRestoreError):  # sync() and persist() say so
            home.join(brain, brain._options["pickle"])
    brain._set_mark(DUMP.mark, DONE, version)


def _is_of_all(brain: Dumping, place: str) -> bool:
    with suppress(BrainMissingPackageError, OSError):
        return os.path.samefile(place, dump_places.of_all(brain))
    return False


def restore(brain: Dumping, pickle: bool | None, source: Source = DUMP) -> None:
    """Restore the store, or wait until it is. Raises BrainRestoreError where that fails, also of somebody else's try;
    whatever is raised, `brain` is to be closed then: others wait for it as long as it is not.
    """
    has_waited = False
    while True:
        version, text = brain._mark(source.mark)
        state, rest = source.state(brain, text)
        if state == DONE:
            return
        if state == LOADING and _loader_lives(brain, rest):
            brain._wait_mark(source.mark, version)
            has_waited = True
            continue
        if state == FAILED:
            failure, _, words = rest.partition("\n")
            if has_waited or failure == source.failure(brain):
                raise BrainRestoreError(words)
        if brain.read_only:
            raise BrainValueError(
                f"the store {brain.path!r} was not restored yet, and read_only=True cannot do it: open it with "
                f"{source.option} and without read_only=True first, or without {source.option}"
            )
        source.check(brain)
        row, seat, _ = brain._self()
        mine = brain._set_mark(source.mark, f"{source.head}{LOADING}\n{row}\n{seat}", version)
        if mine is not None:
            return _load(brain, pickle, source, mine)


def _load(brain: Dumping, pickle: bool | None, source: Source, version: int) -> None:
    """Load, and say in the mark, which has that version, how it went."""
    n_gone = brain.stat()["n_evicted"]
    try:
        source.bring(brain, pickle)
        brain._set_mark(source.mark, source.head + DONE, version)
        saying.info(
            brain, "restored", "restored by %s, %s in it: the store %r", source.option, shown_bytes(brain.used())
        )
    except Exception as error:
        words = f"the store {brain.path!r} could not be restored: {error}. {source.advice(error)}"
        failure = source.failure(brain) if isinstance(error, _LASTING) else ""
        brain._set_mark(source.mark, f"{source.head}{FAILED}\n{failure}\n{words}", version)
        raise BrainRestoreError(words) from error
    n_gone = brain.stat()["n_evicted"] - n_gone
    if n_gone:
        with suppress(Warning):  # where warnings are errors: it is restored
            warnings.warn(
                f"while the store {brain.path!r} was restored, {n_gone} of its values were removed to make room "
                "(when_full='lru'), maybe some that had just come back: the next dump() is without them",
                RuntimeWarning,
                stacklevel=5,
            )


def _dumped_ns(brain: Dumping) -> int:
    """When all of the store was dumped, as the dump says itself: a file that was copied is younger. 0: never. 1: nobody
    can tell, and whoever loads it says why.
    """
    place = dump_places.of_all(brain)
    try:
        return brain._dumped_ns(os.fsencode(place))
    except BrainDumpNotFoundError:
        return 0
    except (BrainFormatError, BrainCorruptError):
        return 1


def _is_to_be_loaded(brain: Dumping) -> bool:
    """Whether there is a dump, from before the store. One from later is of it."""
    dumped_ns = _dumped_ns(brain)
    return 0 < dumped_ns <= brain.stat()["created_ns"]
