"""The methods of a Brain about dumps; dump.py does what they do, and is imported when it is needed."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any, Literal

    from .dump_results import DumpResult, LoadResult, Progress


class Dumping(_core.Brain):
    """The part of Brain about dumps."""

    _options: dict[str, Any]

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
        dump that it comes from); BrainValueError, BrainMissingPackageError; of a URL also what its file system
        raises. There is no dump then, after Ctrl-C neither.
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
        path: of the file; or a URL that fsspec knows, of which it comes down into a temporary file first. None: at
            the standard place of dump() the newest that would have what is asked for.
        namespace: of the names; None is the current one.
        damaged: 'load': of a damaged file load what is whole; the result tells what is lost.
        existing: 'keep': names that are there stay as they are.
        pickle: pickles are code, which runs in whoever recalls them. None: they are loaded from a file that nobody
            else could have written (it is yours or root's, and no one else may write it), of a store that nobody
            else could write; never from a URL. True: from any. False: none are, which is no error then.
        progress: called with a Progress, some ten times a second. What it raises ends the load, and is raised.

        Returns a LoadResult. Raises BrainDumpNotFoundError, BrainDumpDamagedError; BrainFormatError (no dump, or of a
        later version), BrainNamespaceNotExistError (the dump does not have it); BrainFullError, where the values come
        to more than the capacity before anything has changed; BrainPermissionError, BrainOSError, BrainTimeoutError,
        BrainBusyError, BrainValueError, BrainMissingPackageError; and when all else is loaded BrainDumpPickleError
        (pickles that were refused) and BrainDumpNameNotExistError, both with the result. After any other error, and
        after Ctrl-C, what was loaded by then stays, and the call may be made again.
        Threads: any; others run meanwhile. Waits for writers, up to lock_timeout each time. Cost: reads the file
        twice.
        """
        from . import dump

        return dump.load(self, names, path, namespace, damaged, existing, pickle, progress)
