"""The methods of a Brain about dumps and homes; dump.py, homes.py and syncing.py do what they do, and are imported when
they are needed."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any, Literal

    from .dump_results import DumpResult, LoadResult, Progress, SyncResult
    from .syncing import Syncer


class Dumping(_core.Brain):
    """The part of Brain about dumps and homes."""

    _options: dict[str, Any]
    _syncer: Syncer | None = None  # where it syncs by itself: at its end, or with sync_every more often

    def dump(
        self,
        *names: str,
        path: str | os.PathLike[str] | None = None,
        namespace: str | None = None,
        compress: bool | int = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> DumpResult:
        """Write the store to a file, from which load() brings it back: after a reboot, on another machine, in a
        newer version. It shows one moment, while others go on to put and delete.

            brain.dump()                                  # all of it, to the standard place
            brain.dump('model', 'scaler')                 # these names
            brain.dump(namespace='sessions')              # a namespace
            brain.dump(path='s3://bucket/all.brain', compress=True)

        The file is there when it is whole and on the disk; until then, and if the call fails or is killed, what was
        there before stays. Plasma objects are not in it, nor Drafts that are not sealed.

        names: of the namespace; none: all of the namespace that is given, or of the store.
        path: of the file, whose mode will be 0600; or a URL that fsspec knows, to which it is streamed. None: a
            place of the store's own, below the folder of the environment variable BRAIN_PLASMA_DUMPS, or else the
            user's folder for data. It is a file for each selection, so that one of some names does not take the
            place of the whole.
        namespace: of the names; None is the current one.
        compress: with zstd; True is level 3, or a level from 1 (fast) to 19 (small).
        progress: called with a Progress, some ten times a second. What it raises ends the dump, and is raised.

        Returns a DumpResult. Raises BrainNameNotExistError, BrainNamespaceNotExistError; BrainDumpNotFoundError (no
        such folder), BrainPermissionError, BrainFullError (no room for the file), BrainOSError; BrainBusyError
        (eight dumps and walks at once in this process; or the store is being restored, and this would replace the
        dump that it comes from); BrainRestoreError (the store could not be restored, or whoever did that died, and
        this would replace that dump: load() what can be loaded of it, or move it away); BrainValueError,
        BrainMissingPackageError; of a URL also what its file system raises. There is no dump then, after Ctrl-C
        neither.
        Threads: any; others run meanwhile. Never waits for a writer, nor they for it; but what they replace or
        delete meanwhile takes memory until it has ended. Fork: a child has no part in it. Cost: reads everything; as
        long as the disk takes.
        """
        from . import dump

        return dump.dump(self, names, path, namespace, compress, progress)

    def load(
        self,
        *names: str,
        path: str | os.PathLike[str] | None = None,
        namespace: str | None = None,
        damaged: Literal["refuse", "load"] = "refuse",
        existing: Literal["replace", "keep"] = "replace",
        pickle: bool | None = None,
        progress: Callable[[Progress], object] | None = None,
    ) -> LoadResult:
        """Bring back what dump() has written: each name into the namespace that it was in, with its description.

            brain.load()                                  # all, from the standard place
            brain.load('model')                           # this name
            brain.load(path='all.brain', namespace='sessions', existing='keep')

        First all of the file is verified; one that is damaged is refused before anything has changed. Each value comes
        whole, but not all of them in one step. New versions are above all that anybody has seen of the store.

        names: of the namespace; none: all of the namespace that is given, or of the dump.
        path: of the file, or of a home; or a URL that fsspec knows, of which it comes down into a temporary file
            first. None: at the standard place of dump() the newest that would have what is asked for.
        namespace: of the names; None is the current one.
        damaged: 'load': of a damaged file load what is whole; the result tells what is lost.
        existing: 'keep': names that are there stay as they are.
        pickle: pickles are code, which runs in whoever recalls them. None: they are loaded from a file that nobody
            else could have written (it is yours or root's, and no one else may write it), of a store that nobody
            else could write; never from a URL. True: from any. False: none are, which is no error then.
        progress: called with a Progress, some ten times a second. What it raises ends the load, and is raised.

        Returns a LoadResult. Raises BrainDumpNotFoundError, BrainDumpDamagedError; BrainFormatError (no dump, or of a
        later version), BrainNamespaceNotExistError (the dump does not have it); BrainFullError, where the values come
        to more than the capacity before anything has changed, also with when_full='lru'; BrainPermissionError,
        BrainOSError, BrainTimeoutError, BrainBusyError, BrainValueError, BrainMissingPackageError; and when all else
        is loaded BrainDumpPickleError (pickles that were refused) and BrainDumpNameNotExistError, both with the
        result. After any other error, and after Ctrl-C, what was loaded by then stays, and the call may be made again.
        Threads: any; others run meanwhile. Waits for writers, up to lock_timeout each time. Cost: reads the file
        twice.
        """
        from . import dump

        return dump.load(self, names, path, namespace, damaged, existing, pickle, progress)

    # ---- homes ----------------------------------------------------------------------------------

    def sync(self, *, progress: Callable[[Progress], object] | None = None) -> SyncResult:
        """Bring the home of the store up to date: when this returns, all that anybody had put before it was called is
        on the disk, and outlives a reboot, a kill, and a loss of power.

            brain = Brain(durable='/var/lib/mine')        # all of the store
            brain['x'] = 5
            brain.sync()

        The home is that of Brain(durable=...), which the store remembers: any process may call this. Where there is
        none, the names that persist() has marked go to the standard place. The home has then what the store had at one
        moment; until then, and after an error, what it had before.

        progress: called with a Progress, some ten times a second. What it raises ends the sync, and is raised.

        Returns a SyncResult. Raises BrainValueError (nothing is to be kept), BrainFullError (the disk),
        BrainPermissionError, BrainOSError, BrainTimeoutError (another process has been syncing for a minute),
        BrainCorruptError, BrainFormatError, BrainBusyError, BrainRestoreError (what the home keeps has not come back);
        and what the thread of sync_every could not do last, in place of a sync of its own.
        Threads: any; others run meanwhile. Never waits for a writer, nor they for it. Fork: a child has no part in it.
        Cost: a look at each name of the namespaces that have changed, and the values that have; at least one fsync.
        """
        from . import homes

        if self._syncer is not None:
            self._syncer.look_after(self)
        return homes.sync(self, progress)

    def persist(self, *names: str, on: bool = True, namespace: str | None = None) -> None:
        """Mark names: their values outlive a reboot, from the next sync() on, and come back with Brain(restore=True),
        or with the first persist() or sync() in the new store.

            brain['model'] = weights
            brain.persist('model')
            brain.sync()

        A mark is of the name, whether it has a value or not, and stays when that is replaced or deleted. In a store
        with durable= everything is kept, and marks change nothing.

        on: False takes the marks away: from the next sync() on the home does not have the names.
        namespace: of the names; None is the current one.

        Raises BrainValueError (the name is too long to be marked; when_full='lru'), BrainPermissionError,
        BrainTimeoutError; BrainRestoreError (the first of a store: what was kept of the one before cannot be brought
        back).
        Threads: any. Waits for a writer, up to lock_timeout; the first of a store also for the disk. Cost: that of
        small puts.
        """
        from . import homes

        homes.persist(self, names, on, namespace)

    def persists(self, name: str, *, namespace: str | None = None) -> bool:
        """Whether persist() has marked `name`. Threads: any. Never waits. Cost: a lookup."""
        return self._persists(name, namespace)
