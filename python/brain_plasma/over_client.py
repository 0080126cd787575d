"""A Brain whose every operation goes through the calls of a client: Brain(ClientClass=...).

The client may be a mock, a wrapper that counts or logs, or of the caller's own making. Names lie behind it
as in brain-plasma 0.3 (layout.py), so such a Brain can do what that one could. What follows from that:
a change is several steps, which another client may see the middle of; nothing waits, has a version, or can
be resized.
"""

from __future__ import annotations

import threading

from . import arguments
from .arguments import check_name
from .brain import Brain, reopen
from .exceptions import (
    BrainClosedError,
    BrainNameNotExistError,
    BrainNamespaceNotExistError,
    BrainUnsupportedError,
)
from .layout import MISSING, Layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any, Literal, NoReturn, SupportsIndex

    import numpy
    from numpy.typing import DTypeLike

    from .brain_client import Client
    from .drafts import Draft
    from .dump_results import DumpResult, LoadResult, Progress, SyncResult
    from .explain import Explanation
    from .refs import Ref

_NOT_GIVEN: object = object()


def class_over_client(kind: type[Any]) -> type[Any]:
    """`kind`, which is Brain or a class below it, over a client: a class below both it and OverClient, and
    always the same one.
    """
    if kind is Brain:
        return OverClient
    if issubclass(kind, OverClient):
        return kind
    made: type[Any] | None = kind.__dict__.get("_over_client")
    if made is None:
        names = {name: getattr(kind, name) for name in ("__module__", "__qualname__", "__doc__")}
        made = type(kind.__name__, (kind, OverClient), {**names, "_kind": kind})
        kind._over_client = made
    return made


class OverClient(Brain):
    """A Brain over ClientClass(path). Its client belongs to it: sleep() and close() disconnect it.

    Options about the store are accepted and do nothing, but for long_namespaces; restore=True, durable, sync_every,
    when_full and spill_to are errors.
    Whatever the client raises comes through, but for a put and a delete, where it is the cause of a
    BrainLearnNameError, BrainUpdateNameError or BrainRemoveOldNameValueError. After the first two nothing has
    changed, but where an update could not be taken back either: then the name is gone, and the message says so.
    Threads: any; one at a time gets to the client. Forks, cost: as the client.
    """

    _kind: type[Brain] = Brain

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
        args, client_class = arguments.split_client(args, ClientClass)
        self._path, space = arguments.place(args, path, namespace)
        asked = [
            *(["restore=True"] if restore else []),
            *(["durable="] if durable is not None and durable is not False else []),
            *(["sync_every="] if sync_every is not None else []),
            *(["when_full="] if when_full is not None else []),
            *(["spill_to="] if spill_to is not None else []),
        ]
        if asked:
            raise BrainUnsupportedError(
                f"{asked[0]} needs a store; this Brain goes through the calls of {client_class!r}, which have "
                "nothing like it"
            )
        self._long_namespaces = long_namespaces
        arguments.check_namespace(space, long_namespaces)
        self._options = {
            "path": self._path,
            "ClientClass": client_class,
            "long_namespaces": long_namespaces,
        }
        self._lock = threading.RLock()
        self._current = space
        self._closed = False
        self._sleeping: Client | None = None
        self._layout = Layout(client_class(self._path))
        self.size()
        self.set_namespace(space)

    # ---- life -----------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """What the client was made with."""
        return self._path

    @property
    def closed(self) -> bool:
        """Whether close() was called."""
        return self._closed

    @property
    def asleep(self) -> bool:
        """Whether sleep() was called, and not wake_up()."""
        return self._sleeping is not None

    @property
    def long_namespaces(self) -> bool:
        """Whether namespaces may have names of 1 to 255 bytes."""
        return self._long_namespaces

    @property
    def _space(self) -> str:
        return self._current

    @property
    def client(self) -> Any:
        """The client that everything goes through; of one that is asleep the one that is disconnected."""
        return self._sleeping if self.asleep else self._open_layout().client

    def _open_layout(self) -> Layout:
        if self._closed:
            raise BrainClosedError(f"this Brain over a client of {self._path!r} is closed")
        self._layout.client  # raises where it is asleep
        return self._layout

    def _require_open(self) -> None:
        self._open_layout()

    def __reduce__(self) -> tuple[object, ...]:
        return reopen, (self._kind, {**self._options, "namespace": self._current})

    def close(self) -> None:
        """Disconnect the client, for good."""
        with self._lock:
            if not self._closed and not self.asleep:
                self._layout.client.disconnect()
            self._sleeping, self._closed = None, True

    def sleep(self) -> None:
        """Disconnect the client, until wake_up()."""
        with self._lock:
            if not self.asleep:
                client = self._open_layout().client
                client.disconnect()
                self._sleeping, self._layout = client, Layout(None)

    def wake_up(self) -> None:
        """Make another client of the same class; one that has a method reconnect() is used again."""
        with self._lock:
            if self._sleeping is None:
                return self._require_open()
            reconnect = getattr(self._sleeping, "reconnect", None)
            if reconnect is not None:
                reconnect()
                self._layout = Layout(self._sleeping)
            else:
                self._layout = Layout(self._options["ClientClass"](self._path))
            self._sleeping = None
            self.size()

    # ---- one name -------------------------------------------------------------------------------

    def _place(self, name: object, namespace: str | None) -> tuple[str, str]:
        return self._in(namespace), check_name(name)

    def _in(self, namespace: str | None) -> str:
        self._require_open()
        if namespace is None:
            return self._current
        if not isinstance(namespace, str):
            raise arguments.no_str(namespace)
        return namespace

    def learn(
        self,
        name: str,
        thing: Any,
        description: Any = None,
        *,
        namespace: str | None = None,
        persist: bool = False,
    ) -> None:
        """Put `thing` under `name`: Brain.learn(). persist=True: BrainUnsupportedError."""
        if persist:
            self._cannot("persist=True")
        space, name = self._place(name, namespace)
        text = arguments.description_text(description)
        with self._lock:
            if namespace is not None:
                self._make(arguments.check_namespace(space, self._long_namespaces))
            self._layout.put(space, name, thing, text)

    def _find(self, name: object, namespace: str | None) -> Any:
        space, name = self._place(name, namespace)
        with self._lock:
            return self._layout.value(self._layout.metadata(space, name))

    def _recall(self, name: str, /, *, namespace: str | None = None) -> Any:
        value = self._find(name, namespace)
        if value is MISSING:
            raise BrainNameNotExistError(name, self._in(namespace), self._path)
        return value

    def _forget(self, name: str, /, *, namespace: str | None = None) -> bool:
        space, name = self._place(name, namespace)
        with self._lock:
            metadata = self._layout.metadata(space, name)
            if metadata is None:
                return False
            self._layout.delete(metadata)
        return True

    def exists(self, name: str, *, namespace: str | None = None) -> bool:
        """Whether there is such a name."""
        space, name = self._place(name, namespace)
        with self._lock:
            return self._layout.metadata(space, name) is not None

    def __getitem__(self, name: str, /) -> Any:
        return self._recall(name)

    def __setitem__(self, name: str, value: Any, /) -> None:
        self.learn(name, value)

    def __delitem__(self, name: str, /) -> None:
        self._forget(name)

    def __contains__(self, name: object, /) -> bool:
        return self.exists(name)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self._count()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def get(self, name: str, default: Any = None, /, *, namespace: str | None = None) -> Any:
        """The value of `name`, or `default` where there is none."""
        value = self._find(name, namespace)
        return default if value is MISSING else value

    def pop(self, name: str, default: Any = _NOT_GIVEN, /, *, namespace: str | None = None) -> Any:
        """Delete `name` and return its value; or `default`, or raise BrainNameNotExistError."""
        with self._lock:
            if default is _NOT_GIVEN:
                value = self._recall(name, namespace=namespace)
            else:
                value = self.get(name, default, namespace=namespace)
            self._forget(name, namespace=namespace)
        return value

    def popitem(self, *, namespace: str | None = None) -> tuple[str, Any]:
        """Delete some name and return it with its value; KeyError where there is none."""
        with self._lock:
            for name in self.names(self._in(namespace)):
                return name, self.pop(name, namespace=namespace)
        raise KeyError("popitem(): this namespace is empty")

    def setdefault(
        self, name: str, default: Any = None, /, *, namespace: str | None = None
    ) -> Any:
        """The value of `name`; where there is none, put `default` there and return it."""
        with self._lock:
            value = self._find(name, namespace)
            if value is MISSING:
                value = default
                self.learn(name, value, namespace=namespace)
        return value

    # ---- many names -----------------------------------------------------------------------------

    def set_many(self, values: dict[str, Any], /, *, namespace: str | None = None) -> None:
        """Put all of `values`, one after the other: where one fails, those before it are there."""
        if not isinstance(values, dict):
            raise TypeError(f"set_many() takes a dict of name -> value, not {type(values)!r}")
        with self._lock:
            for name in values:
                check_name(name)
            for name, value in values.items():
                self.learn(name, value, namespace=namespace)

    def get_many(
        self, names: Iterable[str], /, *, namespace: str | None = None
    ) -> dict[str, Any]:
        """The values of `names`, without those that are missing."""
        if isinstance(names, str):
            raise TypeError("get_many() takes a list of names, not one name")
        with self._lock:
            found = {name: self._find(name, namespace) for name in names}
        return {name: value for name, value in found.items() if value is not MISSING}

    def clear(self, *, namespace: str | None = None) -> None:
        """Delete all names of a namespace, one after the other."""
        with self._lock:
            for metadata in self._layout.all_metadata(self._in(namespace)):
                self._layout.delete(metadata)

    def _names(self, namespace: str | None = _NOT_GIVEN, /) -> list[str]:  # type: ignore[assignment]
        with self._lock:
            if namespace is None:
                spaces: Iterable[str] = self.namespaces()
            else:
                spaces = [self._in(None if namespace is _NOT_GIVEN else namespace)]
            return [one["name"] for space in spaces for one in self._layout.all_metadata(space)]

    def _count(self, *, namespace: str | None = None) -> int:
        with self._lock:
            return len(self._layout.all_metadata(self._in(namespace)))

    def _entry(self, name: str, namespace: str | None, /) -> tuple[bytes, str] | None:
        space, name = self._place(name, namespace)
        with self._lock:
            metadata = self._layout.metadata(space, name)
        return None if metadata is None else (metadata["value_id"], metadata["description"])

    def _entries(self, namespace: str | None, /) -> list[tuple[str, bytes, str, int]]:
        with self._lock:
            found = self._layout.all_metadata(self._in(namespace))
        return [(one["name"], one["value_id"], one["description"], 0) for one in found]

    # ---- namespaces -----------------------------------------------------------------------------

    def namespaces(self) -> set[str]:
        """The names of all namespaces, always with 'default'."""
        with self._lock:
            return self._open_layout().namespaces()

    def _make(self, namespace: str) -> None:
        spaces = self._layout.namespaces()
        if namespace not in spaces:
            self._layout.set_namespaces(spaces | {namespace})

    def _use_namespace(self, name: str, /) -> None:
        with self._lock:
            layout = self._open_layout()
            layout.set_namespaces(layout.namespaces() | {name})
            self._current = name

    def _drop_namespace(self, name: str, /) -> None:
        with self._lock:
            spaces = self.namespaces()
            if name not in spaces:
                raise BrainNamespaceNotExistError(
                    f"there is no namespace {name!r} behind the client of {self._path!r}"
                )
            self.clear(namespace=name)
            self._layout.set_namespaces(spaces - {name})

    # ---- the store ------------------------------------------------------------------------------

    def size(self) -> int:
        """The capacity in bytes, as the client has it."""
        with self._lock:
            n_bytes = int(self._open_layout().client.store_capacity())
        self.bytes, self.mb = n_bytes, f"{round(n_bytes / 1e6)} MB"
        return n_bytes

    def used(self) -> int:
        """What all objects behind the client take, in bytes: those of the layout count as well."""
        with self._lock:
            found = self._open_layout().client.list().values()
        return sum(one["data_size"] + one.get("metadata_size", 0) for one in found)

    def free(self) -> int:
        """size() - used(), in bytes."""
        return self.size() - self.used()

    # ---- what a client cannot do ----------------------------------------------------------------

    def _cannot(self, what: str) -> NoReturn:
        self._require_open()
        raise BrainUnsupportedError(
            f"{what} needs a store; this Brain goes through the calls of "
            f"{self._options['ClientClass']!r}, which have nothing like it"
        )

    @property
    def directory(self) -> str:
        """BrainUnsupportedError: there are no files."""
        self._cannot("directory")

    @property
    def read_only(self) -> bool:
        """False."""
        return False

    def version(self, name: str, /, *, namespace: str | None = None) -> int:
        """BrainUnsupportedError."""
        self._cannot("version()")

    def replace_if(
        self, name: str, value: Any, version: int, /, *, namespace: str | None = None
    ) -> int | None:
        """BrainUnsupportedError."""
        self._cannot("replace_if()")

    def wait(
        self,
        name: str,
        version: int | None = None,
        timeout: float | None = None,
        *,
        namespace: str | None = None,
    ) -> int:
        """BrainUnsupportedError."""
        self._cannot("wait()")

    def ref(self, what: Any, *, namespace: str | None = None) -> Ref:
        """BrainUnsupportedError."""
        self._cannot("ref()")

    def explain(self, name: str, *, namespace: str | None = None) -> Explanation:
        """BrainUnsupportedError."""
        self._cannot("explain()")

    def explain_value(self, value: Any) -> Explanation:
        """BrainUnsupportedError: the client stores it in its own way."""
        self._cannot("explain_value()")

    def empty(
        self,
        name: str,
        shape: SupportsIndex | Sequence[SupportsIndex],
        dtype: DTypeLike = float,
        *,
        order: Literal["C", "F"] = "C",
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """BrainUnsupportedError."""
        self._cannot("empty()")

    def zeros(
        self,
        name: str,
        shape: SupportsIndex | Sequence[SupportsIndex],
        dtype: DTypeLike = float,
        *,
        order: Literal["C", "F"] = "C",
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """BrainUnsupportedError."""
        self._cannot("zeros()")

    def empty_like(
        self,
        name: str,
        prototype: numpy.ndarray[Any, Any],
        *,
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """BrainUnsupportedError."""
        self._cannot("empty_like()")

    def empty_bytes(
        self, name: str, size: int, *, description: Any = None, namespace: str | None = None
    ) -> Draft:
        """BrainUnsupportedError."""
        self._cannot("empty_bytes()")

    def _metrics(self) -> list[tuple[str, str, str, bool, float]]:
        self._cannot("metrics")

    def stat(self) -> dict[str, int]:
        """BrainUnsupportedError."""
        self._cannot("stat()")

    def spill(self, n_bytes: int, *, namespace: str | None = None) -> int:
        """BrainUnsupportedError."""
        self._cannot("spill()")

    @property
    def when_full(self) -> str:
        """BrainUnsupportedError."""
        self._cannot("when_full")

    @when_full.setter
    def when_full(self, when_full: str) -> None:
        self._cannot("when_full")

    def set_quota(self, n_bytes: int | None, /, namespace: str | None = None) -> None:
        """BrainUnsupportedError."""
        self._cannot("set_quota()")

    def quota(self, namespace: str | None = None) -> int | None:
        """BrainUnsupportedError."""
        self._cannot("quota()")

    def resize(self, capacity: int, /) -> None:
        """BrainUnsupportedError."""
        self._cannot("resize()")

    def trim(self) -> int:
        """BrainUnsupportedError."""
        self._cannot("trim()")

    def compact(self) -> int:
        """BrainUnsupportedError."""
        self._cannot("compact()")

    @property
    def keep_free(self) -> int:
        """BrainUnsupportedError."""
        self._cannot("keep_free")

    @keep_free.setter
    def keep_free(self, keep_free: int | None) -> None:
        self._cannot("keep_free")

    def check(self) -> list[str]:
        """BrainUnsupportedError."""
        self._cannot("check()")

    def destroy(self) -> None:
        """BrainUnsupportedError."""
        self._cannot("destroy()")

    def dump(
        self,
        *names: str,
        path: str | os.PathLike[str] | None = None,
        namespace: str | None = None,
        compress: bool | int = False,
        progress: Callable[[Progress], object] | None = None,
    ) -> DumpResult:
        """BrainUnsupportedError."""
        self._cannot("dump()")

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
        """BrainUnsupportedError."""
        self._cannot("load()")

    def sync(self, *, progress: Callable[[Progress], object] | None = None) -> SyncResult:
        """BrainUnsupportedError."""
        self._cannot("sync()")

    def persist(self, *names: str, on: bool = True, namespace: str | None = None) -> None:
        """BrainUnsupportedError."""
        self._cannot("persist()")

    def persists(self, name: str, *, namespace: str | None = None) -> bool:
        """BrainUnsupportedError."""
        self._cannot("persists()")
