"""A Brain that syncs by itself: at its end, and with sync_every= from time to time, in a thread of its own.

Of those in a store who have such threads one does the work: the mark "syncer" (mark.c) has its row and seat as a
client, and how many seconds it waits in between, one a line. Whoever wants to sync more often takes over, and so does
the first to see that it lives no more. Nothing is lost where two of them work: a home has a lock.

Forks: a child has a thread of its own from its first moment, one that only calls exec(), too: what would tell those
apart is a look at each change. Until `every` has passed the thread does nothing but wait. No lock is waited for that
the parent may have held at the fork: all are new, but for that of homes.py, which the fork has taken itself.
Ends: atexit, and at those of workers of multiprocessing, which end by os._exit(), what multiprocessing calls there. Who
calls os._exit() itself, or is killed, leaves it to the others.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import warnings
import weakref
from contextlib import suppress

from . import homes
from .exceptions import BrainClosedError, BrainDestroyedError, BrainError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.util import Finalize

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

    def __init__(self, brain: Dumping, every: float | None, begins: bool = True) -> None:
        self.every = every
        self._brain = weakref.ref(brain)
        self._pid = os.getpid()
        self._stop = threading.Event()
        self._error: BaseException | None = None  # of the thread; the next sync() raises it
        self._has_warned = False
        self._thread: threading.Thread | None = None
        if every is not None:
            _syncers.add(self)
            _end_with_workers()
        if every is not None and begins:
            self._begin()

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="brain_plasma sync", daemon=True)
        thread.start()
        self._thread = thread

    # ---- what the Brain calls -------------------------------------------------------------------

    def look_after(self, brain: Dumping) -> None:
        """Before a sync() of the Brain: raise what went wrong since the last one. In a child begin anew, where Python
        was not told of the fork."""
        if self._pid != os.getpid():
            brain._syncer = Syncer(brain, self.every)
            return
        error, self._error = self._error, None
        if error is not None:
            raise error

    def begin_in_child(self, brain: Dumping) -> None:
        """Let another one, with a thread and locks of its own, take the place of this, which is the parent's."""
        _syncers.discard(self)
        brain._syncer = syncer = Syncer(brain, self.every, begins=False)
        try:
            syncer._begin()
        except RuntimeError as error:  # no thread can be had: it syncs at the end alone
            syncer._note(brain, error)

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


# ---- forks --------------------------------------------------------------------------------------


def _begin_all_in_child() -> None:
    for syncer in list(_syncers):
        brain = syncer._brain()
        if brain is not None and brain._syncer is syncer:  # else it is being opened, or closed
            syncer.begin_in_child(brain)


# Behind those of threading and of homes, whose locks are to be as new by then: they are imported above.
os.register_at_fork(after_in_child=_begin_all_in_child)


# ---- the end of the process ---------------------------------------------------------------------


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

_LAST = -100  # as late as any: what ends before may put

_at_end_of_worker: Finalize | None = None
_is_told_of_workers = False


def _end_with_workers() -> None:
    """See to it that _finish_all() is called at the end of workers of multiprocessing: of those that will be forked,
    and of this process, if it is one. Their start forgets what was to be called at the end of the parent."""
    global _is_told_of_workers
    # No import: another thread of the parent may have been in that at the fork, and holds its lock for ever.
    util, process = (sys.modules.get("multiprocessing." + name) for name in ("util", "process"))
    if util is None or process is None or not hasattr(util, "Finalize"):
        return  # so it is none; and a child that will be one comes here before it starts
    if not _is_told_of_workers:
        _is_told_of_workers = True
        util.register_after_fork(_end_with_worker, lambda end: end())
    if process.parent_process() is not None and not (_at_end_of_worker and _at_end_of_worker.still_active()):
        _end_with_worker()


def _end_with_worker() -> None:
    global _at_end_of_worker
    util = sys.modules["multiprocessing.util"]
    _at_end_of_worker = util.Finalize(None, _finish_all, exitpriority=_LAST)
