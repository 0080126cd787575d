"""The interface of pyarrow.plasma, on the same stores as Brain.

    from brain_plasma import plasma

    client = plasma.connect('/tmp/plasma')
    object_id = client.put([1, 2, 3])
    client.get(object_id)               # in any process on this machine

Objects are named by ObjectIDs, are written once, and stay until somebody deletes them, or until the
store is full: then those go that nobody has a buffer of, the one first that was let go of longest ago.
A value under a name of a Brain never goes so. There is no server; the command plasma_store makes a
store of a certain size, and removes it at its end as the original's server did.

Where pyarrow is installed, buffers are pyarrow.Buffers, and the exceptions here are ArrowExceptions.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence

from . import _core, arguments, ids, notifications
from ._core import ObjectID
from .exceptions import BrainStoreNotFoundError
from .missing import ObjectNotAvailable
from .notifications import Subscription, decode
from .plasma_errors import (
    PlasmaDisconnectedError,
    PlasmaObjectExists,
    PlasmaObjectNotFound,
    PlasmaObjectSealed,
    PlasmaStoreFull,
    PlasmaStoreGoneError,
)
from .store_process import start_plasma_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    _T = TypeVar("_T")
    pyarrow: Any
else:
    try:
        import pyarrow
    except ImportError:
        pyarrow = None

__all__ = [
    "ObjectID",
    "ObjectNotAvailable",
    "PlasmaBuffer",
    "PlasmaClient",
    "PlasmaDisconnectedError",
    "PlasmaObjectExists",
    "PlasmaObjectNotFound",
    "PlasmaObjectSealed",
    "PlasmaStoreFull",
    "PlasmaStoreGoneError",
    "connect",
    "start_plasma_store",
]

_core._set_plasma_errors(
    PlasmaObjectExists,
    PlasmaObjectNotFound,
    PlasmaStoreFull,
    PlasmaDisconnectedError,
    PlasmaStoreGoneError,
)

# What buffers are. Arrow's own functions take none but its own.
PlasmaBuffer: Any = _core.PlasmaBuffer if pyarrow is None else pyarrow.Buffer

TRIES = 50
TRY_EVERY_S = 0.1
LOOK_EVERY_NS = 100_000_000  # for named values, while it waits for objects
NAMESPACES_ID = ObjectID(ids.NAMESPACES_ID)


# Where `list` is a method:
_Spaces = list[bytes]
_Decoded = tuple[list[ObjectID], list[int], list[int]]


def connect(
    store_socket_name: str,
    num_retries: int = -1,
    *,
    read_only: bool = False,
    shared: bool = False,
    pickle: bool | None = None,
) -> PlasmaClient:
    """A client of the store at a path, which has to be there: plasma_store, or a Brain, makes it.

    store_socket_name: the path, absolute or from the current directory.
    num_retries: how often to look for it, 100 ms apart; -1: 50 times, 0: once.
    read_only, shared, pickle: as of Brain(). What changes something is a BrainPermissionError where it is
        read-only: put() and its like, create(), delete(), evict(), subscribe().

    Raises BrainStoreNotFoundError, which is an OSError, after the tries; and at once what Brain()
    raises: BrainPermissionError, BrainCorruptError, ... Cost: some 20 system calls.
    """
    tries = TRIES if num_retries < 0 else max(num_retries, 1)
    for left in reversed(range(tries)):
        try:
            return PlasmaClient(store_socket_name, read_only=read_only, shared=shared, pickle=pickle)
        except BrainStoreNotFoundError:
            if left == 0:
                raise
        time.sleep(TRY_EVERY_S)
    raise AssertionError


class PlasmaClient(_core.Plasma):
    """A connection to the store at a path; connect() makes them.

    What holds for every method, unless it says otherwise:
        Raises  TypeError for what is no ObjectID; after disconnect() PlasmaDisconnectedError, and where
                the store was removed PlasmaStoreGoneError, both OSErrors; BrainCorruptError.
        Threads one client may be used from many at once.
        Fork    the child may go on with the client, but what the parent was writing, and its
                notifications, stay with the parent.
        Waits   what looks at objects waits for nobody; what changes them waits for another writer, up
                to 10 s, and then raises BrainTimeoutError.
    What was got stays valid after disconnect(), and after the end of the client and of the store.
    """

    def __init__(
        self,
        store_socket_name: str,
        *,
        read_only: bool = False,
        shared: bool = False,
        pickle: bool | None = None,
    ) -> None:
        if not isinstance(store_socket_name, str):
            raise TypeError(f"the path of a store is a str, not {store_socket_name!r}")
        self._flags = arguments.open_flags(read_only, shared, create=False)
        super().__init__(store_socket_name, self._flags, pickle)
        self.store_capacity()  # to be told after disconnect(), too
        self._subscription: Subscription | None = None
        self._client_name = ""

    def __repr__(self) -> str:
        state = "" if self._connected else ", disconnected"
        return f"<PlasmaClient {self.store_socket_name!r}{state}>"

    # ---- put ------------------------------------------------------------------------------------

    def put(
        self,
        value: Any,
        object_id: ObjectID | None = None,
        memcopy_threads: int = 6,
        serialization_context: object = None,
    ) -> ObjectID:
        """Store a value, whatever can be pickled, and return its id.

        object_id: a name that is free; None: a new one.
        memcopy_threads, serialization_context: taken for the sake of old programs, without effect.

        Raises PlasmaObjectExists; PlasmaStoreFull after evicting what may be evicted, and then
        nothing was; BrainValueTypeError (cannot be pickled), BrainPickleError, BrainTimeoutError.
        Threads: any; waits for a writer, up to 10 s. Cost: one copy of the bytes.
        """
        _warn_of_context(serialization_context)
        return self._put(value, ObjectID.from_random() if object_id is None else object_id)

    def put_raw_buffer(
        self,
        value: Any,
        object_id: ObjectID | None = None,
        metadata: bytes | bytearray = b"",
        memcopy_threads: int = 6,
    ) -> ObjectID:
        """Store the bytes of a contiguous buffer, and return their id. get_buffers() gives them back.

        metadata: bytes beside them. The rest as put().
        """
        id = ObjectID.from_random() if object_id is None else object_id
        return self._put_bytes(value, id, _bytes(metadata))

    def create(
        self, object_id: ObjectID, data_size: int, metadata: bytes | bytearray = b""
    ) -> PlasmaBuffer:
        """A writable buffer for an object of `data_size` bytes, which seal() makes visible.

        Its contents are undefined at first. The object is given up if this client disconnects, or
        its process dies, before seal(); until then it is never evicted, and nobody can get it.

        Raises PlasmaObjectExists, PlasmaStoreFull (the id stays free), BrainTimeoutError.
        Threads: any. Fork: the child cannot write to it. Cost: some system calls; the memory that
        the store does not have yet.
        """
        return _as_buffer(self._create(object_id, data_size, _bytes(metadata)))

    def seal(self, object_id: ObjectID, /) -> None:
        """Make an object visible that this client created. Its bytes never change from then on: what
        is written to the buffer later stays in this process.

        Raises PlasmaObjectNotFound where this client is not creating such an object; if it is sealed
        already that is a TypeError, too.
        """
        if not self._connected:
            raise PlasmaObjectNotFound(f"this client is disconnected, and creates no {object_id!r}")
        try:
            self._seal(object_id)
        except PlasmaObjectNotFound:
            if self._contains(object_id):
                raise PlasmaObjectSealed(f"{object_id!r} is sealed already") from None
            raise

    def create_and_seal(
        self,
        object_id: ObjectID,
        data: bytes | bytearray,
        metadata: bytes | bytearray = b"",
    ) -> None:
        """Store `data` as an object, in one step. Raises as put()."""
        self._put_bytes(_bytes(data), object_id, _bytes(metadata))

    # ---- get ------------------------------------------------------------------------------------

    def get(
        self,
        object_ids: ObjectID | Sequence[ObjectID],
        timeout_ms: int = -1,
        serialization_context: object = None,
    ) -> Any:
        """The value of an id, or the list of those of several.

        timeout_ms: how long to wait for what is not there yet; -1: for ever, 0: not at all. What is
        still missing then is the class ObjectNotAvailable.

        The bytes of arrays, and of what else is large, are not copied; what put_raw_buffer(),
        create() and create_and_seal() stored is bytes. Raises BrainPickleError where pickles are
        refused, TypeError for what is no ObjectID.
        Threads: any; others run while it waits, and Ctrl-C works. Never waits for a writer.
        """
        _warn_of_context(serialization_context)
        if isinstance(object_ids, Sequence):
            return self._fetch(object_ids, timeout_ms, self._value, ObjectNotAvailable)
        value = self._get(object_ids, ObjectNotAvailable)
        if value is not ObjectNotAvailable:
            return value
        return self._fetch([object_ids], timeout_ms, self._value, ObjectNotAvailable)[0]

    def get_buffers(
        self, object_ids: Iterable[ObjectID], timeout_ms: int = -1, with_meta: bool = False
    ) -> list[Any]:
        """Read-only buffers on the data of objects, None for what is missing. with_meta: pairs of
        metadata, bytes, and buffer; (None, None). timeout_ms as in get().

        A buffer keeps its object: it is not evicted, and its bytes stay, as long as the buffer or
        anything made of it is alive, whoever deletes it.
        """
        pairs = self._fetch(_several(object_ids), timeout_ms, self._buffers, None)
        if with_meta:
            return [
                (None, None) if pair is None else (pair[1].to_pybytes(), _as_buffer(pair[0]))
                for pair in pairs
            ]
        return [None if pair is None else _as_buffer(pair[0]) for pair in pairs]

    def get_metadata(self, object_ids: Iterable[ObjectID], timeout_ms: int = -1) -> list[Any]:
        """Read-only buffers on the metadata of objects, None for what is missing; they keep the
        objects, as those of get_buffers() do. timeout_ms as in get().
        """
        pairs = self._fetch(_several(object_ids), timeout_ms, self._buffers, None)
        return [None if pair is None else _as_buffer(pair[1]) for pair in pairs]

    def contains(self, object_id: ObjectID, /) -> bool:
        """Whether an object is there, and sealed. Never waits. Cost: a lookup."""
        return self._contains(object_id) or self._find_named(object_id) is not None

    def hash(self, object_id: ObjectID, /) -> bytes:
        """A digest of an object, 8 bytes: of its data, its metadata, and their lengths.

        Raises PlasmaObjectNotFound. Cost: a pass over the bytes the first time, then a lookup.
        """
        digest = self._hash(object_id)
        if digest is None:
            raise PlasmaObjectNotFound(
                f"there is no object {object_id!r} in the store {self.store_socket_name!r}"
            )
        return digest

    def _fetch(
        self,
        object_ids: Sequence[ObjectID],
        timeout_ms: int,
        fetch: Callable[[ObjectID], _T],
        missing: object,
    ) -> list[_T]:
        """What `fetch` gives of each, waiting for those of which it gives `missing`."""
        results = [fetch(id) for id in object_ids]
        absent = [at for at, result in enumerate(results) if result is missing]
        if not absent or timeout_ms == 0:
            return results
        deadline = None if timeout_ms < 0 else time.monotonic_ns() + timeout_ms * 1_000_000
        number = 0
        while absent:
            left = LOOK_EVERY_NS
            if deadline is not None:
                left = min(left, deadline - time.monotonic_ns())
                if left <= 0:
                    break
            if len(absent) == 1:
                self._wait(object_ids[absent[0]], left)
            else:
                number = self._wait_any(number, left)
            for at in absent:
                results[at] = fetch(object_ids[at])
            absent = [at for at in absent if results[at] is missing]
        return results

    def _value(self, id: ObjectID) -> Any:
        value = self._get(id, ObjectNotAvailable)
        if value is not ObjectNotAvailable:
            return value
        named = self._find_named(id)
        return value if named is None else named

    def _buffers(self, id: ObjectID) -> Any:
        return self._get_buffers(id)

    # ---- what is in the store -------------------------------------------------------------------

    def list(self) -> dict[ObjectID, dict[str, int | str]]:
        """All objects of the store, also those that are being written: id -> a dict of

        data_size, metadata_size: bytes
        ref_count: how many clients have a buffer of it
        create_time: seconds since 1970
        construct_duration: seconds from create() to seal(), -1 where it is not sealed
        state: 'created' or 'sealed'

        Named values of Brains are in it under both their ids. As of one moment.
        Cost: grows with their number; a look at every client of the store.
        """
        result = {}
        for id, size, meta_size, count, created_ns, took_ns, is_sealed, *named in self._list():
            info = {
                "data_size": size,
                "metadata_size": meta_size,
                "ref_count": count,
                "create_time": created_ns // 1_000_000_000,
                "construct_duration": took_ns // 1_000_000_000,
                "state": "sealed" if is_sealed else "created",
            }
            result[id] = info
            if named:
                result[ObjectID(ids.metadata_id(named[0], named[1]))] = {**info, "data_size": 0, "ref_count": 0}
        return result

    def delete(self, object_ids: Sequence[ObjectID], /) -> None:
        """Delete objects: at once where nobody has a buffer, else when the last one lets go of it.
        Ids that are not there, or not sealed, are ignored. The id of a named value, or of its
        metadata, deletes the name.

        Raises BrainTimeoutError. Waits for a writer, up to 10 s.
        """
        for id in _several(object_ids):
            if not self._delete(id):
                found = self._find_name(id)
                if found is not None:
                    self._forget(*found)

    def evict(self, num_bytes: int, /) -> int:
        """Delete objects that nobody has a buffer of, until `num_bytes` are freed or there are no
        more: the one first that was let go of longest ago. Returns the bytes that were freed. Never
        a named value of a Brain, and never an object that is not sealed.

        Cost: a walk over all objects, and a look at every client of the store.
        """
        return self._evict(num_bytes)

    def debug_string(self) -> str:
        """Some numbers about the store, for people: a line each."""
        if not self._connected:
            return f"{self!r}\n"
        capacity, used = self._usage()
        objects = self._list()
        return (
            f"store: {self.store_socket_name}\n"
            f"capacity: {capacity}\nused: {used}\nobjects: {len(objects)}\n"
            f"in use: {sum(entry[3] > 0 for entry in objects)}\n"
        )

    def set_client_options(self, client_name: str, limit_output_memory: int) -> None:
        """Name this client. `limit_output_memory`, in bytes, is checked and has no effect: memory is
        the store's, and goes to whoever needs it.

        Raises PlasmaStoreFull where the store has less than that.
        """
        self._require_connected()
        if limit_output_memory > self.store_capacity():
            raise PlasmaStoreFull(
                f"the store has {self.store_capacity()} bytes, not {limit_output_memory}"
            )
        self._client_name = client_name

    # ---- notifications --------------------------------------------------------------------------

    def subscribe(self) -> None:
        """Begin to collect notifications: one of each sealed object that is there, then one of each
        seal, in order, and of each object that is deleted or evicted (but not to an external store). A second time changes nothing;
        but where a notification was asked for and there was none left, since the subscription had
        been dropped, or is of the process that this one was forked from, another one begins.

        Whoever never reads them delays nobody; 100,000 are kept.
        """
        with notifications.changing:
            self._require_connected()
            if self._subscription is not None and not self._subscription.has_ended:
                return
            begun = self._subscription = Subscription(self.store_socket_name, self._flags)
        begun.begin()

    def get_notification_socket(self) -> socket.socket:
        """The socket that they come on, for select() or asyncio: of each its length, 8 bytes in the
        machine's order, and then what decode_notifications() takes. ValueError before subscribe().
        """
        if self._subscription is None:
            raise ValueError("there are no notifications without subscribe()")
        return self._subscription.socket()

    def get_next_notification(self) -> tuple[ObjectID, int, int]:
        """Wait for the next one: id, data size, metadata size; of an object that is gone the sizes
        are -1.

        OSError before subscribe(); BrainError where there will be none: the subscription ended, or was
        dropped since too many were waiting. subscribe() then begins another.
        """
        if self._subscription is None:
            raise OSError("there are no notifications without subscribe()")
        id, data_size, meta_size = self._subscription.next()
        return ObjectID(id), data_size, meta_size

    def decode_notifications(self, buf: bytes | bytearray | memoryview, /) -> _Decoded:
        """Ids, data sizes and metadata sizes of a message from the socket. ValueError: it is none."""
        entries = decode(buf)
        return (
            [ObjectID(entry[0]) for entry in entries],
            [entry[1] for entry in entries],
            [entry[2] for entry in entries],
        )

    # ---- end ------------------------------------------------------------------------------------

    def disconnect(self) -> None:
        """End the use of the store. Objects that this client is writing are given up; buffers stay
        valid.

        Any further use raises PlasmaDisconnectedError, an OSError; but seal() raises
        PlasmaObjectNotFound, store_capacity() and debug_string() still answer, and a second
        disconnect() does nothing. Cost: some system calls.
        """
        with notifications.changing:
            if self._subscription is not None:
                self._subscription.close()
            self._disconnect()

    def _require_connected(self) -> None:
        if not self._connected:
            self._usage()  # which says so

    # ---- named values ---------------------------------------------------------------------------

    def _find_name(self, id: ObjectID) -> tuple[bytes, bytes] | None:
        """Namespace and name whose metadata have this id."""
        wanted = id.binary()
        for space in self._spaces(id):
            for name in self._names(space):
                if ids.metadata_id(space, name) == wanted:
                    return space, name
        return None

    def _find_named(self, id: ObjectID) -> Any:
        """What the metadata id of a name, or of the set of namespaces, gives; None."""
        if id == NAMESPACES_ID:
            return {space.decode() for space in self._all_spaces()} | {ids.DEFAULT_NAMESPACE}
        found = self._find_name(id)
        entry = None if found is None else self._named(*found)
        if found is None or entry is None:
            return None
        space, name = found
        return {
            "name": name.decode(errors="surrogateescape"),
            "value_id": entry[0],
            "metadata_id": id.binary(),
            "description": entry[1].decode(errors="replace"),
            "namespace": space.decode(errors="surrogateescape"),
        }

    def _all_spaces(self) -> _Spaces:
        return self._spaces(ObjectID(ids.LONG_PREFIX.ljust(ids.ID_BYTES)))


# ---- arguments ----------------------------------------------------------------------------------


def _as_buffer(buffer: Any) -> Any:
    return buffer if pyarrow is None else pyarrow.py_buffer(buffer)


def _several(object_ids: Iterable[ObjectID]) -> list[ObjectID]:
    if isinstance(object_ids, ObjectID):
        raise TypeError(f"a list of ObjectIDs is needed here: [{object_ids!r}]")
    return list(object_ids)


def _bytes(argument: object) -> bytes | bytearray:
    if not isinstance(argument, (bytes, bytearray)):
        raise TypeError(f"bytes or a bytearray are needed here, not {type(argument).__name__}")
    return argument


def _warn_of_context(context: object) -> None:
    if context is not None:
        warnings.warn(
            "serialization_context has no effect: values are pickled", FutureWarning, stacklevel=3
        )
