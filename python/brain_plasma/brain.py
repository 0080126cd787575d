"""The class Brain: what Python adds to the C type under it, and nothing that is called often.

brain[k], brain[k] = v, del, `in`, len, iteration and get() are slots and methods of the C type; this
class must not define them, or each of those calls would go through a Python function.
"""

from __future__ import annotations

import math
import operator
import os
from collections.abc import ItemsView, KeysView, MutableMapping, ValuesView

from . import _core
from .exceptions import (
    BrainNameTypeError,
    BrainNamespaceNameError,
    BrainNamespaceRemoveDefaultError,
    BrainTimeoutError,
    BrainValueError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any, Self

DEFAULT_PATH = "/tmp/plasma"
DEFAULT_NAMESPACE = "default"
CAPACITY_MIN, CAPACITY_MAX = 4096, 2**42  # as in the library
MODES = (0o600, 0o640, 0o660)

_MISSING = object()


class Brain(_core.Brain):
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
        the old value stays. It waits for a writer, up to lock_timeout. Cost: one copy of the bytes.
    del brain[name] raises and waits as a put does.

    Unlike a dict: `del` of a missing name is no error; what is no str is an error in `in` as well; == is
    identity; there is no copy(), | or reversed(); `brain[name] += 1` is two steps, which replace_if()
    makes one; iteration is over the names that there were at its start.

    Arguments:
        path: of the store. A single positional argument with a '/' in it is the path; one without is
            the namespace; of two the one with a '/' is the path, in either order.
        namespace: what names belong to; 5 to 15 characters.
        capacity: bytes that the values of a store that is made may take. Default: half of what the
            file system has free, and at most half of what the process's memory cgroup has left.
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

    Raises BrainStoreNotFoundError, BrainPermissionError (owner, mode), BrainFullError (no room to make
    it), BrainCorruptError (damaged, or no store), BrainFormatError (made by a newer version),
    BrainBusyError (too many processes), BrainOSError, BrainValueError, BrainNamespaceNameError.

    Threads: one Brain may be used from many at once. Fork: the child goes on with it. It pickles as its
    path, namespace and options, so that worker processes can be given it.
    Cost: some 20 system calls.
    """

    long_namespaces: bool

    def __init__(
        self,
        *args: str | os.PathLike[str],
        path: str | os.PathLike[str] | None = None,
        namespace: str | None = None,
        capacity: int | None = None,
        mode: int | None = None,
        group: int | str | None = None,
        read_only: bool = False,
        shared: bool = False,
        create: bool = True,
        lock_timeout: float | None = 10.0,
        pickle: bool | None = None,
        long_namespaces: bool = False,
    ) -> None:
        path, namespace = _place(args, path, namespace)
        self.long_namespaces = long_namespaces
        try:
            self._check_namespace(namespace)
        except BrainNamespaceNameError as error:
            if args != (namespace,):
                raise
            raise BrainNamespaceNameError(
                f"{error} (for a path write {'./' + namespace!r} or path={namespace!r})"
            ) from None
        if group is not None and mode is None:
            mode = 0o640
        super().__init__(
            path,
            namespace,
            0 if capacity is None else _capacity(capacity),
            0 if mode is None else _mode(mode),
            group is not None,
            _group_id(group),
            _flags(read_only, shared, create),
            lock_timeout,
            pickle,
        )
        self._options = {
            # A worker process may have another current directory.
            "path": os.path.abspath(path),
            "capacity": capacity,
            "mode": mode,
            "group": group,
            "read_only": read_only,
            "shared": shared,
            "create": create,
            "lock_timeout": lock_timeout,
            "pickle": pickle,
            "long_namespaces": long_namespaces,
        }
        if namespace != DEFAULT_NAMESPACE and not self.read_only:
            self._use_namespace(namespace)

    # ---- life -----------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        what = "closed" if self.closed else f"namespace {self._space!r}"
        return f"<{type(self).__name__} {self.path!r}, {what}>"

    def __reduce__(self) -> tuple[object, ...]:
        return _reopen, (type(self), {**self._options, "namespace": self._space})

    # ---- the mapping ----------------------------------------------------------------------------

    def names(self, namespace: str | None = None, *, namespaces: str | None = None) -> list[str]:
        """The names in a namespace, as of one moment and in no particular order: of the current one, of
        the one that is given, or with 'all' of all (a name that several have comes several times).

        `namespaces` is another name of the argument. A namespace that does not exist has no names.
        Threads: any. Never waits for a writer. Cost: grows with the number of names.
        """
        namespace = namespaces if namespace is None else namespace
        if namespace is None:
            return self._names()
        if not isinstance(namespace, str):
            raise _no_str(namespace)
        return self._names(None) if namespace == "all" else self._names(namespace)

    def keys(self) -> KeysView[str]:
        """The names, as a view like that of a dict. To iterate over it is to iterate over names()."""
        return KeysView(self)

    def values(self) -> ValuesView[Any]:
        """The values, as a view like that of a dict.

        To iterate over it is to recall each value in turn, as it is when its turn comes; what has been
        deleted by then is left out. For all as of one moment: get_many(names()).
        """
        return _Values(self)

    def items(self) -> ItemsView[str, Any]:
        """The pairs of name and value, as a view like that of a dict; see values()."""
        return _Items(self)

    def update(
        self, other: Mapping[str, Any] | Iterable[tuple[str, Any]] = (), /, **values: Any
    ) -> None:
        """Put everything of `other`, a mapping or pairs, and of the keyword arguments, in one step: see
        set_many().
        """
        pairs = other.items() if isinstance(other, _core.Brain) else other
        self.set_many(dict(pairs, **values))

    def wait(self, name: str, version: int, timeout: float | None = None) -> int:
        """Wait until the version of `name` is above `version`, and return what it is then.

        version: as version() or replace_if() gave it; 0: until there is such a name.
        timeout: seconds; None: without end; 0: only look.

        A delete ends no wait: where a name is missing its version is 0. Raises BrainTimeoutError, which
        is a TimeoutError, and BrainClosedError where another thread closes this Brain.
        Threads: any; others run meanwhile, and Ctrl-C works. Cost: a system call where it has to sleep.
        """
        found = self._wait(name, version, _nanoseconds(timeout))
        if found is None:
            raise BrainTimeoutError(
                f"the version of {name!r} was not above {version} within {timeout} seconds "
                f"(namespace {self._space!r} of the store {self.path!r})"
            )
        return found

    # ---- namespaces -----------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        """The current namespace."""
        return self._space

    def set_namespace(self, namespace: str | None = None) -> str:
        """Make `namespace` the current one, and make it where it does not exist. Returns the current
        one; without argument that is all.

        Raises BrainNamespaceNameError unless it has 5 to 15 characters, or with long_namespaces 1 to
        255 bytes.
        Threads: any; whoever shares this Brain has the new namespace as well.
        """
        if namespace is not None:
            self._check_namespace(namespace)
            self._use_namespace(namespace)
        return self._space

    def remove_namespace(self, namespace: str | None = None) -> str:
        """Remove a namespace with everything in it, in one step: the current one where none is given.
        Where it was the current one, the current one is 'default' then. Returns a text about it.

        Raises BrainNamespaceRemoveDefaultError for 'default', BrainNamespaceNotExistError.
        Threads: any. Waits for a writer, up to lock_timeout.
        """
        if namespace is None:
            namespace = self._space
        if not isinstance(namespace, str):
            raise _no_str(namespace)
        if namespace == DEFAULT_NAMESPACE:
            raise BrainNamespaceRemoveDefaultError("the namespace 'default' cannot be removed")
        self._drop_namespace(namespace)
        if namespace == self._space:
            self._use_namespace(DEFAULT_NAMESPACE)
        return f"Deleted namespace {namespace}. Using namespace {self._space}."

    def _check_namespace(self, namespace: str) -> None:
        if not isinstance(namespace, str):
            raise _no_str(namespace)
        if self.long_namespaces:
            if not 1 <= len(namespace.encode(errors="surrogatepass")) <= 255:
                raise BrainNamespaceNameError(
                    f"the name of a namespace has to have 1 to 255 bytes in UTF-8: {namespace!r}"
                )
        elif not 5 <= len(namespace) <= 15:
            raise BrainNamespaceNameError(
                f"the name of a namespace has to have 5 to 15 characters, unless the Brain was opened "
                f"with long_namespaces=True: {namespace!r}"
            )

    # ---- the store ------------------------------------------------------------------------------

    def resize(self, capacity: int, /) -> None:
        """Let the store hold `capacity` bytes of values from now on, for all who have it open. It can
        only grow. Memory is not taken before values need it.

        Raises BrainValueError for what is no number of bytes, for less than now, or for more than the
        store can become: stat()['capacity_max_bytes'].
        Threads: any. Waits for a writer, up to lock_timeout.
        """
        super().resize(_capacity(capacity))

    @property
    def bytes(self) -> int:
        """The capacity of the store in bytes, as size()."""
        return self.size()

    @property
    def mb(self) -> str:
        """The capacity of the store in millions of bytes, rounded: '50 MB'."""
        return f"{round(self.size() / 1e6)} MB"


MutableMapping.register(Brain)


class _Values(ValuesView["Any"]):
    _mapping: Brain

    def __iter__(self) -> Iterator[Any]:
        for _, value in _present(self._mapping):
            yield value

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


class _Items(ItemsView[str, "Any"]):
    _mapping: Brain

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return _present(self._mapping)


def _present(brain: Brain) -> Iterator[tuple[str, Any]]:
    for name in brain:
        value = brain.get(name, _MISSING)
        if value is not _MISSING:
            yield name, value


def _reopen(kind: type[Brain], options: dict[str, Any]) -> Brain:
    return kind(**options)


# ---- arguments ----------------------------------------------------------------------------------


def _place(
    args: tuple[str | os.PathLike[str], ...],
    path: str | os.PathLike[str] | None,
    namespace: str | None,
) -> tuple[str, str]:
    """Path and namespace, from positional arguments in either order and from keywords."""
    if len(args) + (path is not None) + (namespace is not None) > 2:
        raise TypeError("Brain() takes one path and one namespace")
    if len(args) == 2:
        first, second = args
        swapped = not _looks_like_path(first) and _looks_like_path(second)
        path, namespace = (second, first) if swapped else (first, second)  # type: ignore[assignment]
    elif args:
        if namespace is not None or (path is None and _looks_like_path(args[0])):
            path = args[0]
        else:
            namespace = args[0]  # type: ignore[assignment]
    path = os.fsdecode(DEFAULT_PATH if path is None else path)
    if not path or "\0" in path:
        raise BrainValueError(f"this cannot be the path of a store: {path!r}")
    return path, DEFAULT_NAMESPACE if namespace is None else namespace


def _looks_like_path(argument: object) -> bool:
    return isinstance(argument, os.PathLike) or (isinstance(argument, str) and "/" in argument)


def _capacity(capacity: object) -> int:
    try:
        n_bytes = operator.index(capacity)  # type: ignore[arg-type]
    except TypeError:
        n_bytes = 0
    if not CAPACITY_MIN <= n_bytes <= CAPACITY_MAX:
        raise BrainValueError(
            f"a capacity is a number of bytes, an int from {CAPACITY_MIN} to 2**42, not {capacity!r}"
        )
    return n_bytes


def _mode(mode: object) -> int:
    if mode not in MODES:
        shown = oct(mode) if isinstance(mode, int) else repr(mode)
        raise BrainValueError(f"the mode of a store is 0o600, 0o640 or 0o660, not {shown}")
    return mode  # type: ignore[return-value]


def _group_id(group: int | str | None) -> int:
    if group is None:
        return 0
    if isinstance(group, str):
        import grp

        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            raise BrainValueError(f"there is no group {group!r} on this machine") from None
    if not 0 <= group < 2**32 - 1:
        raise BrainValueError(f"this cannot be the id of a group: {group!r}")
    return group


def _flags(read_only: bool, shared: bool, create: bool) -> int:
    return (
        (_core.OPEN_READ_ONLY if read_only else 0)
        | (_core.OPEN_SHARED if shared else 0)
        | (0 if create else _core.OPEN_EXISTING)
    )


def _nanoseconds(seconds: float | None) -> int:
    """For the extension: -1 is for ever."""
    if seconds is None or seconds > 9e9:
        return -1
    if math.isnan(seconds):
        raise BrainValueError("a timeout has to be None or a number of seconds, not nan")
    return int(max(seconds, 0) * 1e9)


def _no_str(name: object) -> BrainNameTypeError:
    return BrainNameTypeError(f"the name of a namespace has to be a str, not {name!r}")
