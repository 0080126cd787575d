"""The class Brain: what Python adds to the C type under it, and nothing that is called often.

brain[k], brain[k] = v, del, `in`, len, iteration and get() are slots and methods of the C type; this
class must not define them, or each of those calls would go through a Python function.
"""

from __future__ import annotations

import contextvars
import os
import time
import warnings
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView
from contextlib import suppress

from . import _core, arguments, full, ids, saying, spilling
from .arguments import DEFAULT_PATH
from .brain_client import BrainClient
from .drafts import Drafting
from .dumping import Dumping
from .exceptions import (
    BrainError,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainNamespaceNameError,
    BrainNamespaceRemoveDefaultError,
    BrainTimeoutError,
    BrainValueError,
)
from .explaining import Explaining
from .exporting import Exporting
from .identity import Identified
from .ids import DEFAULT_NAMESPACE
from .refs import Referring
from .spilling import Spilling
from .views import InNamespace, Items, Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, Self, TypeVar

    from .brain_client import Client

    _OfBrain = TypeVar("_OfBrain")


class Brain(Identified, Drafting, Referring, Explaining, Dumping, Exporting, Spilling):
    """A dictionary in shared memory: what one process puts under a name, every process on the machine
    gets that opens the same path.

        brain = Brain()                   # the store at /tmp/plasma, made where there is none
        brain = Brain('/dev/shm/mine')    # another store
        brain = Brain('sessions')         # another namespace of the store at /tmp/plasma
        brain['x'] = 5
        brain['x']                        # 5, here and in any other process

    It has the methods of a dict, each atomic between processes. Names are str of at most 65,535 bytes
    in UTF-8; values are None, bool, int, float, str, bytes, NumPy arrays, and whatever can be pickled.
    Each recall gives an object of its own. Arrays, and the buffers of what was pickled, are not copied:
    they are read-only and lie in the shared memory, and stay as they are for as long as they are
    used, whoever replaces or deletes the name.

    brain[name] raises BrainNameNotExistError (a KeyError), BrainNameTypeError, BrainNameLengthError;
        BrainPickleError where pickles are refused; BrainValueError where the value cannot be unpickled,
        or the name is no UTF-8; BrainBusyError and BrainMemoryError (no room for a view),
        BrainCorruptError, BrainDestroyedError, BrainClosedError, BrainForkedError. It never waits for a
        writer. Cost: no system call; the same for arrays of all sizes; str and bytes are copied, what
        was pickled is unpickled.
    brain[name] = value raises BrainNameTypeError, BrainNameLengthError; BrainValueTypeError (cannot be
        pickled), BrainPickleError; BrainFullError, BrainTimeoutError (lock_timeout),
        BrainPermissionError (read-only), and what brain[name] raises of the store. After any of them
        the old value stays. Where the store is full, Plasma objects that nobody uses are evicted
        (brain_plasma.plasma), and never a named value; with when_full='lru' named values are, before them.
        What a put of a name raises is also a BrainLearnNameError where the name is new, and a
        BrainUpdateNameError where it has a value. It waits for a writer, up to lock_timeout. Cost: one
        copy of the bytes.
    del brain[name] raises and waits as a put does; it is a BrainRemoveOldNameValueError then.

    Unlike a dict: `del` of a missing name is no error; what is no str is an error in `in` as well; == is
    identity; there is no copy(), | or reversed(); `brain[name] += 1` is two steps, which replace_if()
    makes one; iteration is over the names that there were at its start.

    Arguments:
        path: of the store. A single positional argument with a '/' in it is the path; one without is
            the namespace; of two the one with a '/' is the path, in either order; where neither or both have one, the
            second.
        namespace: what names belong to; 5 to 15 characters.
        ClientClass: any other than BrainClient, also as the third positional argument: everything goes
            through the calls of ClientClass(path), and needs no store here. See over_client.py for
            what such a Brain cannot do.
        capacity: bytes that the values of a store that is made may take. Default: half of what the
            file system has free, and at most half of what the process's memory cgroup has left. Of one
            that there is with another, it is a RuntimeWarning, and resize() changes it.
        keep_free: bytes of free memory that stay with the store, for all who have it open: see the
            attribute. Default: as it is.
        mode: of a store that is made: 0o600 (default), 0o640 or 0o660.
        group: of a store that is made: id or name of the group that mode opens it to (0o640 where mode
            is not given).
        read_only: map the store without the right to write.
        shared: accept a store of another user. Theirs is the memory: they can change and remove it.
        create: make the store where there is none; else that is BrainStoreNotFoundError.
        lock_timeout: seconds that a change waits for another writer, who may have been stopped; None:
            for ever.
        pickle: whether values may be pickled. Pickles run code when they are recalled. Default: only
            in a store of your own that nobody else can write.
        long_namespaces: let namespaces have names of 1 to 255 bytes.
        restore: give a store that is new what dump() has written to the standard place, before anybody goes on who
            says so, too: the first one loads, others wait. Once in the life of a store; not where the dump is younger
            than the store. With pickle=True also pickles that others could have written. What persist() has marked
            comes back, too; of a name that both have, the younger.
        durable: keep all of the store in a home, a directory on a disk of this machine, so that it outlives a
            reboot: its path, or True for one below the folder of dump(). On opening, a new store gets back what the
            home keeps, as with restore; sync() brings the home up to date, and so does close(). The store has one
            home: another path is a BrainValueError, and so is restore=True beside it.
        sync_every: sync() each so many seconds as well, in a thread, and when the interpreter ends; of all processes
            that do, one does the work. What goes wrong there is a RuntimeWarning, and raised by the next sync().
            Without durable: what persist() has marked. A forked child has a thread, and an end, of its own.
        when_full: what a put does that finds the store full. 'error': BrainFullError. 'lru': it removes values that
            were not used for longest, of any namespace, and goes on; never one that somebody has recalled and still
            uses. Of a store that is made; where there is one with another, it is set for everybody. Default: 'error'
            for one that is made, else what it has. 'lru' goes with neither durable nor persist(): a BrainValueError.
            'spill': values of 64 KiB and more are moved to files, and recalled by the same call, read-only and not
            copied.
        spill_to: of 'spill': the directory, on a disk of this machine. Default: one for all stores beside the dumps
            (BRAIN_PLASMA_DUMPS, else platformdirs). All who spill values of one store name the same one.

    Attributes that are noted when the store is opened, and by size() and resize(): bytes, the capacity
    as an int, and mb, '50 MB', in millions of bytes, rounded. They are not looked up; who wants to know
    whether another process has changed the capacity calls size().

    Raises BrainStoreNotFoundError, BrainPermissionError (owner, mode), BrainFullError (no room to make
    it), BrainCorruptError (damaged, or no store), BrainFormatError (made by a newer version),
    BrainBusyError (too many processes), BrainOSError, BrainValueError, BrainNamespaceNameError; with restore
    or durable BrainRestoreError, in everybody who waits for it, and BrainMissingPackageError.

    Threads: one Brain may be used from many at once. Fork: the child goes on with it. It pickles as its
    path, namespace and options, so that worker processes can be given it; but with create=False: where the
    store is gone by then, to unpickle it is a BrainStoreNotFoundError, and makes none.
    Cost: some 20 system calls.
    """

    _options: dict[str, Any]
    _client: BrainClient | None = None

    bytes: int
    mb: str

    def __new__(
        cls,
        *args: Any,
        ClientClass: Callable[[str], Client] | None = None,
        **options: Any,
    ) -> Self:
        if arguments.split_client(args, ClientClass)[1] is not BrainClient:
            from .over_client import class_over_client

            cls = class_over_client(cls)
        return super().__new__(cls)

    def __init__(
        self,
        *args: Any,
        path: str | os.PathLike[str] | None = None,
        namespace: str | None = None,
        ClientClass: Callable[[str], Client] | None = None,
        capacity: int | None = None,
        mode: int | None = None,
        group: int | str | None = None,
        read_only: bool = False,
        shared: bool = False,
        create: bool = True,
        lock_timeout: float | None = 10.0,
        pickle: bool | None = None,
        long_namespaces: bool = False,
        restore: bool = False,
        durable: bool | str | os.PathLike[str] | None = None,
        sync_every: float | None = None,
        when_full: str | None = None,
        keep_free: int | None = None,
        spill_to: str | os.PathLike[str] | None = None,
    ) -> None:
        spilling.check(when_full, spill_to)
        args, _ = arguments.split_client(args, ClientClass)
        is_path_given = path is not None
        path, namespace = arguments.place(args, path, namespace, DEFAULT_PATH)
        _check_first_namespace(args, path if is_path_given else None, namespace, long_namespaces)
        options: dict[str, Any] = {
            "path": path,
            "capacity": capacity,
            "mode": mode,
            "group": group,
            "read_only": read_only,
            "shared": shared,
            "create": create,
            "lock_timeout": lock_timeout,
            "pickle": pickle,
            "long_namespaces": long_namespaces,
            "when_full": when_full,
            "spill_to": None if spill_to is None else os.path.abspath(spill_to),
        }
        kept: dict[str, Any] = {"restore": restore, "durable": False, "sync_every": sync_every}
        if durable is not None and durable is not False:
            full.check_home(when_full, "durable=")
            kept["durable"] = _home(durable, restore)
        if sync_every is not None:
            from .syncing import check_every

            check_every(sync_every, read_only)
        keep = arguments.keep_free_bytes(keep_free)
        self._open(namespace, **options)
        if keep is not None:
            self._keep_from_the_start(keep)
        if when_full is not None:
            # Once: where this Brain is unpickled or wakes up, the store has the mode that somebody gave it meanwhile.
            options["when_full"] = options["spill_to"] = None
        # A worker process may have another current directory.
        self._options = {**options, "path": os.path.abspath(path), **kept}
        if capacity is not None and self.bytes != capacity and not _is_reopening.get():
            warnings.warn(
                f"the store {self.path!r} was there, with a capacity of {self.bytes} bytes, which stays: capacity="
                f"{capacity} is for a store that is made. brain.resize({capacity}) changes it, for all who have it open",
                RuntimeWarning,
                stacklevel=2,
            )
        if any(kept.values()):
            self._restore(super().close)

    def _open(
        self,
        namespace: str,
        *,
        path: str,
        capacity: int | None,
        mode: int | None,
        group: int | str | None,
        read_only: bool,
        shared: bool,
        create: bool,
        lock_timeout: float | None,
        pickle: bool | None,
        long_namespaces: bool,
        when_full: str | None,
        spill_to: str | None,
    ) -> None:
        if group is not None and mode is None:
            mode = 0o640
        saying.begin()
        began_ns = time.time_ns()
        super().__init__(
            path,
            namespace,
            0 if capacity is None else arguments.capacity_bytes(capacity),
            0 if mode is None else arguments.mode_bits(mode),
            group is not None,
            arguments.group_id(group),
            arguments.open_flags(read_only, shared, create),
            lock_timeout,
            pickle,
            long_namespaces,
            0 if when_full is None else full.number(when_full),
        )
        self._use_when_full(when_full, spill_to)
        if namespace != DEFAULT_NAMESPACE and not self.read_only:
            self._use_namespace(namespace)
        self.size()
        saying.opened(self, began_ns)

    def _keep_from_the_start(self, keep: int) -> None:
        """For all who have the store open, and so not once more where this Brain is unpickled or wakes up."""
        try:
            self._set_keep_free(keep)
        except BaseException:
            super().close()
            raise

    def _restore(self, undo: Callable[[], None]) -> None:
        """Bring back what a disk has of the store that was opened, and have it synced; `undo` that where that fails."""
        durable, every, pickle = (self._options[key] for key in ("durable", "sync_every", "pickle"))
        try:
            if durable:
                full.check_home(self.when_full, "durable=")
                from . import homes

                homes.join(self, durable, pickle)
            elif self._options["restore"]:
                from .restoring import restore

                restore(self, pickle)
            if every is not None or (durable and not self.read_only):
                from .syncing import Syncer

                self._syncer = Syncer(self, every)
        except BaseException:
            undo()
            raise

    def _use_when_full(self, when_full: str | None, spill_to: str | None) -> None:
        """Of a store that there was, too: it is closed again where that fails."""
        try:
            if when_full == "spill":
                spilling.begin(self, spill_to)
            elif when_full is not None and when_full != self.when_full:
                full.set_mode(self, when_full)
            elif not self.read_only:
                spilling.join(self)
        except BaseException:
            super().close()
            raise

    def _sync_at_the_end(self) -> None:
        syncer = self.__dict__.pop("_syncer", None)
        if syncer is not None:
            syncer.finish(self)

    # ---- life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        what = "asleep" if self.asleep else "closed" if self.closed else f"namespace {self._space!r}"
        return f"<{type(self).__name__} {self.path!r}, {what}>"

    def __reduce__(self) -> tuple[object, ...]:
        # A store that is gone by then is not made anew: nobody would know of it, nor remove it.
        return reopen, (type(self), {**self._options, "namespace": self._space, "create": False})

    def close(self) -> None:
        """End the use of the store, and that of `client`. Everything that was recalled stays valid; any
        further use of this Brain raises BrainClosedError. To close a closed one does nothing.

        With durable or sync_every it syncs before that, and raises what sync() does; it is closed then, too.

        Threads: any; a call that another thread is in goes on, a wait() in it ends with BrainClosedError
        within a second. Fork: the other process keeps its own.
        """
        try:
            self._sync_at_the_end()
        finally:
            self._let_go_of_client()
            was_closed = self.closed
            super().close()
            if not was_closed:  # now: a handler of the log may close it, too
                self._say_closed()

    def _say_closed(self) -> None:
        saying.info(self, "closed", "closed the store %r")

    def destroy(self) -> None:
        """Remove the store, with all its values, also those that were spilled, for everybody, and close this Brain. Its
        home, and dumps, stay.

        Whoever else has it open gets BrainDestroyedError from the next call on; what they recalled stays
        valid. Raises BrainPermissionError where it is not yours, BrainDestroyedError where somebody else
        was first; the Brain is then open as before.
        Threads: any. Never waits for a writer.
        """
        super().destroy()
        saying.info(self, "destroyed", "destroyed the store %r")
        syncer = self.__dict__.pop("_syncer", None)
        if syncer is not None:
            syncer.stop()
        self._let_go_of_client()

    def sleep(self) -> None:
        """End the use of the store until wake_up(). Everything that was recalled stays valid; meanwhile
        any use raises BrainClientDisconnectedError, but for path, namespace, bytes and mb, which stay as
        they were. Does nothing where it is asleep already.

        Raises BrainClosedError. Threads, forks: as close().
        """
        if not self.asleep:
            try:
                self._sync_at_the_end()
            finally:
                self._sleep()
                self._let_go_of_client()
                self._say_closed()

    def wake_up(self) -> None:
        """Open the store again after sleep(), with the same options and namespace. Does nothing where it
        is awake.

        Raises as Brain() does, and is then still asleep; BrainClosedError after close().
        Threads: one at a time. Cost: that of Brain().
        """
        if self.asleep:
            options = dict(self._options)
            kept = [options.pop(key) for key in ("restore", "durable", "sync_every")]
            self._open(self._space, **options)
            if any(kept):
                self._restore(self._sleep)
        else:
            self._require_open()

    def _require_open(self) -> None:
        """Raise where it is closed or asleep."""
        self.directory  # the extension has the words for it

    # ---- the client -----------------------------------------------------------------------------

    @property
    def client(self) -> BrainClient:
        """The store as a PlasmaClient sees it: a BrainClient, connected when it is first asked for. It
        belongs to this Brain: sleep() and close() disconnect it. It has read_only, shared and pickle of
        this Brain: of one that is read-only it changes nothing, and says so by a BrainPermissionError.

        The ids of object_id() and metadata() are for its get(), contains(), delete() and list().
        Raises as BrainClient() does. Threads: any. Cost: that of opening the store, once.
        """
        self._require_open()
        client = self._client
        if client is None:
            given = {key: self._options[key] for key in ("read_only", "shared", "pickle")}
            client = BrainClient(self._options["path"], **given)
            client = self.__dict__.setdefault("_client", client)
            if self.closed or self.asleep:  # meanwhile, by another thread, who saw no client
                self._let_go_of_client()
                self._require_open()
        return client

    def _let_go_of_client(self) -> None:
        client = self.__dict__.pop("_client", None)
        if client is not None:
            with suppress(BrainError, OSError):  # of a store that is gone there is nothing to leave
                client.disconnect()

    @property
    def reserved_names(self) -> list[str]:
        """What 0.3 kept for itself: ['brain_namespaces_set'], as the id of the set of namespaces. Here it
        is a name like any other.
        """
        return [ids.NAMESPACES_ID.decode()]

    # ---- one name -------------------------------------------------------------------------------

    def learn(
        self,
        name: str,
        thing: Any,
        description: Any = None,
        *,
        namespace: str | None = None,
        persist: bool = False,
    ) -> None:
        """Put `thing` under `name`, as brain[name] = thing does, with a description.

        description: a str of at most 65,535 bytes in UTF-8. None, or anything else that is false: where
            there is a value already, its description stays.
        namespace: None is the current one; one that does not exist is made.
        persist: mark the name as well, as persist() does. The value does not wait for the disk.

        Raises as brain[name] = thing does; BrainValueTypeError for a description that is no str,
        BrainValueError for one that is too long, BrainNamespaceNameError. The old value stays then.
        Threads: any. Waits for a writer, up to lock_timeout. Cost: one copy of the bytes.
        """
        self._learn(name, thing, arguments.description_bytes(description), namespace)
        if persist:
            self.persist(name, namespace=namespace)

    def recall(self, name: str, *, namespace: str | None = None) -> Any:
        """The value of `name`, as brain[name].

        namespace: None is the current one; one that does not exist has no names.
        Raises as brain[name] does. Threads: any. Never waits for a writer.
        """
        return self[name] if namespace is None else self._recall(name, namespace=namespace)

    def forget(
        self, name: str, *, missing_ok: bool = True, namespace: str | None = None
    ) -> None:
        """Delete `name`, as del brain[name].

        missing_ok: False makes it a BrainNameNotExistError, a KeyError, where there is no such name.
        namespace: None is the current one; one that does not exist has no names.
        Raises as del brain[name] does. Threads: any. Waits for a writer, up to lock_timeout.
        """
        if not self._forget(name, namespace=namespace) and not missing_ok:
            raise BrainNameNotExistError(name, namespace or self._space, self.path)

    def exists(self, name: str, *, namespace: str | None = None) -> bool:
        """Whether there is such a name, as `name in brain`.

        namespace: None is the current one; one that does not exist has no names.
        Threads: any. Never waits. Cost: a lookup.
        """
        return self.version(name, namespace=namespace) > 0

    # ---- the mapping ----------------------------------------------------------------------------

    def names(
        self, namespace: str | None = None, *, namespaces: str | None = None, prefix: str = ""
    ) -> list[str]:
        """The names in a namespace, as of one moment and in no particular order: of the current one, of
        the one that is given, or with 'all' of all (a name that several have comes several times).

        `namespaces` is another name of the argument. A namespace that does not exist has no names.
        prefix: only the names that begin with it.

        Raises BrainNameTypeError for a namespace or a prefix that is no str.
        Threads: any. Never waits for a writer. Cost: grows with the number of names, also of those that do not
        begin with the prefix.
        """
        if not isinstance(prefix, str):
            raise BrainNameTypeError(f"a prefix has to be a str, not {prefix!r}")
        namespace = namespaces if namespace is None else namespace
        if namespace is None:
            names = self._names()
        elif not isinstance(namespace, str):
            raise arguments.no_str(namespace)
        else:
            names = self._names(None) if namespace == "all" else self._names(namespace)
        return [name for name in names if name.startswith(prefix)] if prefix else names

    def _ipython_key_completions_(self) -> list[str]:
        """What IPython offers after `brain[` and the tabulator: no more than a thousand names."""
        from . import notebook

        return notebook.key_completions(self)

    def _repr_html_(self) -> str:
        """What notebooks show of it: how full the store is, and some names of the namespace."""
        from . import notebook

        return notebook.html(self)

    def keys(self, *, namespace: str | None = None) -> KeysView[str]:
        """The names, as a view like that of a dict. To iterate over it is to iterate over names().

        namespace: None is the one that is current whenever the view is used.
        """
        return KeysView(self._readable(namespace))

    def values(self, *, namespace: str | None = None) -> ValuesView[Any]:
        """The values, as a view like that of a dict.

        To iterate over it is to recall each value in turn, as it is when its turn comes; what has been
        deleted by then is left out. For all as of one moment: get_many(names()).
        namespace: None is the one that is current whenever the view is used.
        """
        return Values(self._readable(namespace))

    def items(self, *, namespace: str | None = None) -> ItemsView[str, Any]:
        """The pairs of name and value, as a view like that of a dict; see values()."""
        return Items(self._readable(namespace))

    def _readable(self, namespace: str | None) -> Any:
        return self if namespace is None else InNamespace(self, namespace)

    def update(
        self,
        other: Mapping[str, Any] | Iterable[tuple[str, Any]] = (),
        /,
        *,
        namespace: str | None = None,
        **values: Any,
    ) -> None:
        """Put everything of `other`, a mapping or pairs, and of the keyword arguments, in one step: see
        set_many(). The name 'namespace' can only be put as one of `other`.
        """
        pairs = other.items() if isinstance(other, _core.Brain) else other
        self.set_many(dict(pairs, **values), namespace=namespace)

    def wait(
        self,
        name: str,
        version: int | None = None,
        timeout: float | None = None,
        *,
        namespace: str | None = None,
    ) -> int:
        """Wait until the version of `name` is above `version`, and return what it is then.

        version: as version() or replace_if() gave it; 0: until there is such a name; None: what it is now, so until the
            next put after the call. A put between a recall and the call is missed then: who has to see each value
            asks for version() before the recall, and gives that.
        timeout: seconds; None: without end; 0: only look.
        namespace: None is the current one; it need not exist yet.

        A delete ends no wait, and a put after it does: where a name is missing its version is 0. Raises
        BrainTimeoutError, which is a TimeoutError, and BrainClosedError where another thread closes this Brain.
        Threads: any; others run meanwhile, and Ctrl-C works. Cost: a system call where it has to sleep.
        """
        timeout_ns = arguments.nanoseconds(timeout)
        if version is None:
            version = self.version(name, namespace=namespace)
        found = self._wait(name, version, timeout_ns, namespace=namespace)
        if found is None:
            space = self._space if namespace is None else namespace
            raise BrainTimeoutError(
                f"the version of {name!r} was not above {version} within {timeout} seconds "
                f"(namespace {space!r} of the store {self.path!r})"
            )
        return found

    # ---- namespaces -----------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        """The current namespace, also of one that is asleep."""
        return self._space

    def set_namespace(self, namespace: str | None = None) -> str:
        """Make `namespace` the current one, and make it where it does not exist. Returns the current
        one; without argument that is all.

        Raises BrainNamespaceNameError unless it has 5 to 15 characters, or with long_namespaces 1 to
        255 bytes.
        Threads: any; whoever shares this Brain has the new namespace as well.
        """
        if namespace is None:
            self._require_open()
        else:
            arguments.check_namespace(namespace, self.long_namespaces)
            self._use_namespace(namespace)
        return self._space

    def remove_namespace(self, namespace: str | None = None) -> str:
        """Remove a namespace with everything in it, in one step: the current one where none is given.
        Where it was the current one, the current one is 'default' then. Returns a text about it.

        Raises BrainNamespaceRemoveDefaultError for 'default', BrainNamespaceNotExistError; where it cannot
        be removed BrainRemoveOldNameValueError, and nothing has changed.
        Threads: any. Waits for a writer, up to lock_timeout.
        """
        if namespace is None:
            namespace = self._space
        if not isinstance(namespace, str):
            raise arguments.no_str(namespace)
        if namespace == DEFAULT_NAMESPACE:
            raise BrainNamespaceRemoveDefaultError("the namespace 'default' cannot be removed")
        self._drop_namespace(namespace)
        if namespace == self._space:
            self._use_namespace(DEFAULT_NAMESPACE)
        return f"Deleted namespace {namespace}. Using namespace {self._space}."

    def set_quota(self, n_bytes: int | None, /, namespace: str | None = None) -> None:
        """Let the values of a namespace come to `n_bytes` and no more, whoever puts them, as used() counts. None: no
        quota.

        What would make it larger than that raises BrainQuotaError, which is a BrainFullError, and changes nothing; with
        when_full 'lru' or 'spill' other values of the namespace go first. What makes it smaller, or leaves it as large,
        is always allowed: so a quota may be less than what is there, and nothing goes. clear() leaves it; with the namespace it goes. Dumps and homes do not keep it.
        namespace: None is the current one; one that does not exist is made, but for None.

        Raises BrainValueError for what is no number of bytes, BrainNamespaceNameError.
        Threads: any. Waits for a writer, up to lock_timeout. Cost: that of a small put.
        """
        self._set_quota(arguments.quota_bytes(n_bytes), namespace=namespace)

    def quota(self, namespace: str | None = None) -> int | None:
        """What the values of a namespace may come to, in bytes; None where it has no quota, or does not exist.

        namespace: None is the current one.
        Threads: any. Never waits. Cost: a few loads.
        """
        return self._quota(namespace=namespace)[0] or None

    # ---- the store ------------------------------------------------------------------------------

    def size(self) -> int:
        """The capacity of the store in bytes: what values may take. Also notes it in bytes and mb.

        Threads: any. Never waits. Cost: a few loads.
        """
        n_bytes = super().size()
        self.bytes, self.mb = n_bytes, f"{round(n_bytes / 1e6)} MB"
        return n_bytes

    @property
    def when_full(self) -> str:
        """What a put does that finds the store full: 'error', 'lru' or 'spill', as for Brain(when_full=...). To set it
        sets it for everybody who has the store open.

        Setting raises BrainValueError (no such mode; 'lru' of a store that has a home, or of which persist() has
        marked something), BrainPermissionError. Threads: any. Never waits.
        """
        return full.of(self)

    @when_full.setter
    def when_full(self, when_full: str) -> None:
        full.set_mode(self, when_full)

    def resize(self, capacity: int, /) -> None:
        """Let the store hold `capacity` bytes of values from now on, for all who have it open: more than
        now, or less. Memory is not taken before values need it; of a store that is made smaller what no
        value uses goes back to the system. No value goes, and none moves.

        Raises BrainFullError, which says who holds what, where the values that are there come to more
        than that, with those of which somebody has a view or a snapshot still, and those being written:
        then the capacity is as before. BrainValueError for what is no number of bytes, for less than
        4096, or for more than the store can become: stat()['capacity_max_bytes'].
        Threads: any. Waits for a writer, up to lock_timeout.
        """
        super().resize(arguments.capacity_bytes(capacity))
        self.size()


    @property
    def keep_free(self) -> int:
        """How many bytes of free memory stay with the store, for later puts, which are faster into it.
        What values did not need for a while beyond that goes back to the system by itself: half of it
        in ten seconds, as long as somebody changes the store. A loop that puts and deletes large values
        keeps its memory, whatever this says.

        To be set, for all who have the store open: 0 keeps nothing for long; the capacity or more keeps
        all; None is the default again, a quarter of the capacity. BrainValueError for anything else,
        BrainPermissionError where the store is open read-only. Threads: any. Never waits.
        """
        return self.stat()["keep_free_bytes"]

    @keep_free.setter
    def keep_free(self, keep_free: int | None) -> None:
        self._set_keep_free(arguments.keep_free_bytes(keep_free))


MutableMapping.register(Brain)


def _check_first_namespace(
    args: tuple[Any, ...], path: str | None, namespace: str, long_namespaces: bool
) -> None:
    """A path without a slash is a frequent mistake, and so is a second path. `path`: None where none was given by its
    keyword.
    """
    try:
        arguments.check_namespace(namespace, long_namespaces)
    except BrainNamespaceNameError as error:
        if args != (namespace,):
            raise
        hint = f"for a path write {'./' + namespace!r} or path={namespace!r}"
        if path is not None:
            hint = f"the path is path={path!r}, so what stands before it is the namespace"
        raise BrainNamespaceNameError(f"{error} ({hint})") from None


def _home(durable: object, restore: bool) -> str | bool:
    """What `durable` is for this store and those opened anew."""
    from . import homes

    home = homes.option(durable)
    if restore:
        raise BrainValueError(
            "durable= brings back what its home keeps, restore=True what was dumped: give one of them. To move a dump "
            "into a home, load() it into a Brain with durable="
        )
    return home


# Whoever pickled it was told of the capacity, and somebody may have changed that since.
_is_reopening = contextvars.ContextVar("brain_plasma: a pickled Brain is opened", default=False)


def reopen(kind: Callable[..., _OfBrain], options: dict[str, Any]) -> _OfBrain:
    """What a pickled Brain becomes, and what a Ref opens."""
    token = _is_reopening.set(True)
    try:
        return kind(**options)
    finally:
        _is_reopening.reset(token)
