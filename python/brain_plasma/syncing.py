"""A Brain that syncs by itself: at its end, and with sync_every= from time to time, in a thread of its own.

Of those in a store who have such threads one does the work: the mark "syncer" (mark.c) has its row and seat as a
client, and how many seconds it waits in between, one a line. Whoever wants to sync more often takes over, and so does
the first to see that it lives no more. Nothing is lost where two of them work: a home has a lock.

Forks: a child has no such thread until it calls sync(), or opens a Brain.
"""

from __future__ import annotations

import atexit
import os
import threading
import warnings
import weakref
from contextlib import suppress

from . import homes
from .exceptions import BrainClosedError, BrainDestroyedError, BrainError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping

MARK = "syncer"
_EVERY_MAX = 10**9  # seconds


def check_every(every: object, read_only: bool) -> None:
    """Raise where this is no value for sync_every."""
    is_number = isinstance(every, (int, float)) and not isinstance(every, bool)
    if not is_number or not 0 < every <= _EVERY_MAX:  # type: ignore[operator]
        raise BrainValueError(f"sync_every has to be a number of seconds above 0, or None, not {every!r}")
    if read_only:
        raise BrainValueError("sync_every cannot be together with read_only=True: some other process has to sync")


class Syncer:
    """What syncs for one Brain, which has it.

    every: seconds in between; None: only at the end.
    Threads: any.
    """

    def __init__(self, brain: Dumping, every: float | None) -> None:
        self.every = every
        self._brain = weakref.ref(brain)
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._error: BaseException | None = None  # of the thread; the next sync() raises it
        self._has_warned = False
        self._thread: threading.Thread | None = None
        if every is not None:
            self._thread = threading.Thread(target=self._run, name="brain_plasma sync", daemon=True)
            _syncers.add(self)
            self._thread.start()

    # ---- what the Brain calls -------------------------------------------------------------------

    def look_after(self, brain: Dumping) -> None:
        """Before a sync() of the Brain: raise what went wrong since the last one. In a child begin anew."""
        if self._pid != os.getpid():
            brain._syncer = Syncer(brain, self.every)
            return
        error, self._error = self._error, None
        if error is not None:
            raise error

    def stop(self) -> None:
        """End the thread; waits for a sync that it is in."""
        _syncers.discard(self)
        if self._thread is None or self._pid != os.getpid():
            return
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def finish(self, brain: Dumping) -> None:
        """End the thread, and sync once more. A store that was destroyed is no error."""
        self.stop()
        with suppress(BrainDestroyedError):
            try:
                if homes.of(brain) is not None:
                    homes.sync(brain, None)
            finally:
                self._resign(brain)

    # ---- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.wait(self.every):
            brain = self._brain()
            if brain is None:
                return
            try:
                self._work(brain)
            except (BrainClosedError, BrainDestroyedError):
                return
            except Exception as error:
                self._note(brain, error)
            del brain  # it may be the last reference

    def _work(self, brain: Dumping) -> None:
        if homes.of(brain) is not None and self._leads(brain):
            homes.sync(brain, None)
            self._has_warned = False

    def _note(self, brain: Dumping, error: Exception) -> None:
        """Say it once, and let another one try."""
        self._error = error
        self._resign(brain)
        if not self._has_warned:
            self._has_warned = True
            _warn(brain, error)

    # ---- who does the work ----------------------------------------------------------------------

    def _leads(self, brain: Dumping) -> bool:
        """Whether it is this process that works, which it may have become now."""
        assert self.every is not None
        version, text = brain._mark(MARK)
        mine = brain._self()[:2]
        if text:
            row, seat, every = text.split("\n")
            if (int(row), int(seat)) == mine:
                return True
            if float(every) <= self.every and brain._lives(int(row), int(seat)):
                return False
        return brain._set_mark(MARK, f"{mine[0]}\n{mine[1]}\n{self.every}", version) is not None

    def _resign(self, brain: Dumping) -> None:
        if self.every is None:
            return
        with suppress(BrainError):  # who cannot say so is found dead
            version, text = brain._mark(MARK)
            row, seat, _ = brain._self()
            if text.startswith(f"{row}\n{seat}\n"):
                brain._set_mark(MARK, "", version)


def _warn(brain: Dumping, error: Exception) -> None:
    with suppress(Warning):  # where warnings are errors: the thread goes on
        warnings.warn(
            f"the store {brain.path!r} could not be synced; the next sync() raises this: {error}", RuntimeWarning, 2
        )


_syncers: weakref.WeakSet[Syncer] = weakref.WeakSet()  # that have a thread


def _finish_all() -> None:
    for syncer in list(_syncers):
        brain = syncer._brain()
        if brain is None or syncer._pid != os.getpid():
            continue
        try:
            syncer.finish(brain)
        except Exception as error:
            _warn(brain, error)


atexit.register(_finish_all)
