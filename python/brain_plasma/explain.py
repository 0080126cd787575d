"""What a value is stored as, and what a recall shares and copies of it: Brain.explain().

It is read from the stored form: what lies in a buffer is shared, but where a decoder copies it; what stands in
the stream is copied. Nothing is recalled, and no code of the value is run: what a pickle would make is only
named.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import datetime
import functools
import importlib
import io
import itertools
import os
import pickle

from . import _core
from .codecs.description import unpack
from .exceptions import BrainCorruptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

KINDS = {
    0: "raw", 1: "none", 2: "bool", 3: "bool", 4: "int", 5: "float", 6: "str", 7: "bytes", 8: "tensor",
    9: "arrow", 10: "pickle", 11: "tree",
}  # fmt: skip

_TENSOR, _ARROW, _PICKLE, _TREE = 8, 9, 10, 11
_TABLES = ("pyarrow.Table", "pyarrow.RecordBatch", "polars.DataFrame")

# What decoders copy though it lies in a buffer, and why.
_COPIED = {
    "array.array": "an array.array owns its memory; a NumPy array or a memoryview would be shared",
    "pandas.arrays.SparseArray": "operations of pandas on sparse arrays refuse memory that they cannot write",
}
_STRINGS = "{n} Python strings"
_STRINGS_OF_PANDAS = "; convert_dtypes(dtype_backend='pyarrow') or the strings of pandas 3 would share them"


_LINES = 10  # of what is copied, in the text of an Explanation


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of a value: how to get to it, what it is, and what a recall does with it.

    path: as in "value['model']" or "column 'price'".
    shared_bytes, copied_bytes: which of its bytes lie in shared memory, and which are copied, at each recall.
    reason: why something is copied; else empty.
    """

    path: str
    kind: str
    shared_bytes: int
    copied_bytes: int
    reason: str


@dataclasses.dataclass(frozen=True)
class Holder:
    """A process that has views of the value.

    pid: as it is in its own PID namespace. n_views: how many it has.
    """

    pid: int
    command: str
    n_views: int


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What Brain.explain() says of a value.

    name: None for a value that is not stored. kind: of the store (docs/format.md). type: what is recalled.
    total_bytes: of its data. shared_bytes: what a recall shares. copied_bytes: what it copies.
    parts: what is worth a line, the largest first. version, created, description, holders: of a stored one.
    """

    name: str | None
    kind: str
    type: str
    total_bytes: int
    shared_bytes: int
    copied_bytes: int
    parts: list[Part]
    version: int = 0
    created: datetime.datetime | None = None
    description: str = ""
    holders: list[Holder] = dataclasses.field(default_factory=list)

    @property
    def copies(self) -> list[Part]:
        """The parts of which something is copied."""
        return [part for part in self.parts if part.copied_bytes]

    def __str__(self) -> str:
        lines = [
            f"{self.name!r}: {self.type}, stored as {self.kind}"
            if self.name is not None
            else f"{self.type}, would be stored as {self.kind}",
            f"  {_bytes(self.total_bytes)}: {_bytes(self.shared_bytes)} shared on recall, "
            f"{_bytes(self.copied_bytes)} copied",
        ]
        for part in self.copies[:_LINES]:
            if part.reason:
                lines.append(f"  copied, {_bytes(part.copied_bytes)}: {part.path}: {part.reason}")
        if self.created is not None:
            lines.append(f"  version {self.version}, put {self.created:%Y-%m-%d %H:%M:%S}")
        lines.extend(
            f"  held by process {holder.pid} ({holder.command}), views: {holder.n_views}" for holder in self.holders
        )
        return "\n".join(lines)


def _bytes(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if n >= 0.9995 * size:
            return f"{n / size:.3g} {unit}"
    return f"{n} bytes"


# ---- the form of a value ------------------------------------------------------------------------

_HEAD_BYTES, _ENTRY_BYTES = 16, 16  # of the table of parts


def _read_table(data: memoryview) -> tuple[memoryview, list[int]]:
    """The stream of a value in parts, and how large its buffers are, by its table (docs/format.md)."""
    n_buffers = int.from_bytes(data[:4], "little")
    stream_bytes = int.from_bytes(data[8:16], "little")
    begin = _HEAD_BYTES + _ENTRY_BYTES * n_buffers
    if begin + stream_bytes > len(data):
        raise BrainCorruptError("the table of parts of a value makes no sense")
    sizes = [int.from_bytes(data[end - 8 : end], "little") for end in range(2 * _ENTRY_BYTES, begin + 1, _ENTRY_BYTES)]
    return data[begin : begin + stream_bytes], sizes


class _Node:
    """What stands for a value that a decoder, or code of a pickle, would make."""

    def __init__(self, name: str, payload: Any) -> None:
        self.name = name
        self.payload = payload


class _Buffer:
    """What stands for a buffer."""

    def __init__(self, what: str, size: int, metadata: bytes | None) -> None:
        self.what = what
        self.size = size
        self.metadata = metadata


def _read_pickle(stream: memoryview, n_buffers: int) -> Any:
    """The form of a pickle: no code of it is run, what it calls becomes a _Node."""
    stand_ins = [bytearray(number.to_bytes(8, "little")) for number in range(n_buffers)]
    return _Inert(io.BytesIO(stream), buffers=stand_ins).load()


class _Inert(pickle.Unpickler):
    """Makes stand-ins of whatever a pickle names. A pickle can set attributes of what it names, so each
    is made anew for each pickle."""

    def __init__(self, stream: io.BytesIO, *, buffers: list[bytearray]) -> None:
        super().__init__(stream, buffers=buffers)
        self._found: dict[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        key = module, name
        if key not in self._found:
            make = _MAKERS.get(key)
            self._found[key] = _stand_in(module, name) if make is None else functools.partial(make)
        return self._found[key]

    def persistent_load(self, pid: Any) -> Any:
        return _Node("a persistent id", [pid])


def _class_of_main(place: Any, *others: Any) -> type[_StandIn]:
    named = isinstance(place, tuple) and len(place) == 3 and isinstance(place[1], str)
    return _stand_in("__main__", place[1] if named else "a class")


def _class_by_value(*args: Any) -> type[_StandIn]:
    names = [arg for arg in args if isinstance(arg, str)]
    return _stand_in("a class that was sent along", names[0] if names else "")


# Functions that pickles call, and what gives the same as far as it matters here.
_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    (f"{__package__}.codecs", "rebuild"): _Node,
    (f"{__package__}.pickling", "own_or_sent"): _class_of_main,
    ("cloudpickle.cloudpickle", "_make_skeleton_class"): _class_by_value,
    ("cloudpickle.cloudpickle", "_make_skeleton_enum"): _class_by_value,
    ("cloudpickle.cloudpickle", "_class_setstate"): lambda cls, state: cls,
    ("cloudpickle.cloudpickle", "_make_function"): lambda *args: _stand_in("types", "FunctionType")(*args),
}


class _StandIn:
    """What stands for an object of a class, or for what a function gives."""

    _name = ""
    _arguments: list[Any]
    _items: list[Any]
    _state: Any

    def __new__(cls, *args: Any, **options: Any) -> _StandIn:
        self = object.__new__(cls)
        self._arguments = [args, options]
        self._items = []
        self._state = None
        return self

    def __init__(self, *args: Any, **options: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def append(self, item: Any) -> None:
        self._items.append(item)

    def extend(self, items: Any) -> None:
        self._items.extend(items)

    add = append

    def __setitem__(self, key: Any, item: Any) -> None:
        self._items.append((key, item))

    def __call__(self, *args: Any, **options: Any) -> _StandIn:
        return type(self)(*args, **options)


def _stand_in(module: str, name: str) -> type[_StandIn]:
    return type(name.rpartition(".")[2], (_StandIn,), {"_name": f"{module}.{name}"})


# ---- what is shared, and what is copied ---------------------------------------------------------


_MANY = 16


class _Walk:
    """Goes through a form, and adds up what it finds."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes  # of the buffers of a pickle
        self.parts: list[Part] = []
        self.shared = 0
        self.seen: set[int] = set()
        self.many: list[tuple[str, str, int]] = []  # path, type and number of Python objects in a container
        self.in_payload = False
        self.waiting: collections.deque[tuple[str, Any, str, bool]] = collections.deque()

    def all(self, form: Any) -> None:
        """Go through all of a form, level by level: it may be nested deeper than calls can be."""
        self.go("value", form)
        while self.waiting:
            path, container, copied_as, self.in_payload = self.waiting.popleft()
            self._container(path, container, copied_as)

    def go(self, path: str, form: Any, copied_as: str = "") -> None:
        if isinstance(form, _Buffer):
            if self._is_new(form):
                self._buffer(path, form.size, form.what, copied_as)
        elif isinstance(form, (bytearray, memoryview)) and self.sizes:
            self._pickled_buffer(path, form, copied_as)
        elif isinstance(form, str):
            self._in_stream(path, "str", len(form.encode("utf-8", "surrogatepass")), "")
        elif isinstance(form, (bytes, bytearray)):
            self._in_stream(path, type(form).__name__, len(form), "")
        elif isinstance(form, (_Node, _StandIn, dict, list, tuple, set, frozenset)):
            if self._is_new(form):
                self.waiting.append((path, form, copied_as, self.in_payload))

    def _is_new(self, form: Any) -> bool:
        """Whether it is no reference to what was there before, and so no second copy."""
        is_new = id(form) not in self.seen
        self.seen.add(id(form))
        return is_new

    def _container(self, path: str, form: Any, copied_as: str) -> None:
        if isinstance(form, _Node):
            self._node(path, form, copied_as)
        elif isinstance(form, _StandIn):
            self._object(path, form, copied_as)
        elif isinstance(form, dict):
            self._count(path, list(form.values()))
            for key, item in form.items():
                self.go(f"{path}[{_shown(key)}]", item, copied_as)
        elif len(form) == 4 and isinstance(form, (list, tuple)) and form[0] == "objects":
            self._strings(path, form, copied_as)
        else:
            self._sequence(path, list(form), copied_as)

    def _sequence(self, path: str, items: list[Any], copied_as: str) -> None:
        texts = [item for item in items if isinstance(item, str)]
        if len(texts) > 16 and len(texts) * 2 > len(items):
            n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
            reason = copied_as or _STRINGS.format(n=f"{len(texts):,}")
            if not copied_as and path.startswith(("column ", "index")):
                reason += _STRINGS_OF_PANDAS
            self._in_stream(path, "list of str", n_bytes, reason)
            items = [item for item in items if not isinstance(item, str)]
        self._count(path, items)
        for number, item in enumerate(items):  # in a payload the places are nobody's but the codec's
            self.go(path if self.in_payload else f"{path}[{number}]", item, copied_as)

    def _strings(self, path: str, form: Any, copied_as: str) -> None:
        """A column of Python strings: the distinct ones, and the number of each; all are built anew."""
        _, shape, items, codes = form
        n = 1
        for length in shape if isinstance(shape, (list, tuple)) else ():
            n *= length if isinstance(length, int) else 1
        reason = copied_as or _STRINGS.format(n=f"{n:,}") + _STRINGS_OF_PANDAS
        texts = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
        self._in_stream(path, "list of str", sum(len(text.encode("utf-8", "surrogatepass")) for text in texts), reason)
        self.go(path, codes, reason)

    def _count(self, path: str, items: list[Any]) -> None:
        """Remember a container of many small objects, which are built anew."""
        small = [item for item in items if not isinstance(item, (str, bytes, bytearray, memoryview, _Buffer))]
        if len(small) > _MANY:
            kinds = collections.Counter(map(_type_of, small))
            self.many.append((path, kinds.most_common(1)[0][0], len(small)))

    def _object(self, path: str, form: Any, copied_as: str) -> None:
        state = form._state
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                for key, item in part.items():
                    self.go(f"{path}.{key}", item, copied_as)
            else:
                self.go(path, part, copied_as)
        for part in form._arguments:
            for item in part.values() if isinstance(part, dict) else part:
                self.go(path, item, copied_as)
        self.go(path, form._items, copied_as)

    def _node(self, path: str, node: _Node, copied_as: str) -> None:
        reason = copied_as or _COPIED.get(node.name, "")
        self.in_payload = True
        for step, part in _parts_of(node):
            self.go(step if step.startswith(("column ", "index")) else f"{path}{step}", part, reason)

    def _pickled_buffer(self, path: str, form: Any, copied_as: str) -> None:
        owner: Any = form.obj if isinstance(form, memoryview) else form
        number = int.from_bytes(owner, "little")
        if len(owner) == 8 and number < len(self.sizes) and self._is_new(owner):
            self._buffer(path, self.sizes[number], "buffer", copied_as)

    def _buffer(self, path: str, size: int, what: str, copied_as: str) -> None:
        if what == "bytes":
            copied_as = "a bytes object owns its memory; put memoryview(it) to share it"
        if copied_as:
            self.parts.append(Part(path, what, 0, size, copied_as))
        else:
            self.shared += size
            self.parts.append(Part(path, what, size, 0, ""))

    def _in_stream(self, path: str, kind: str, size: int, reason: str) -> None:
        if size > 64:
            reason = reason or f"a {kind} of Python owns its memory"
            self.parts.append(Part(path, kind, 0, size, reason))


def _shown(key: Any) -> str:
    return repr(key) if isinstance(key, (str, int, float, bytes, tuple, type(None))) else "a key"


def _parts_of(node: _Node) -> Iterator[tuple[str, Any]]:
    """The parts of a payload, and how one gets to them: of frames by column."""
    if node.name == "pandas.DataFrame" and _is_frame(node.payload):
        columns, index, blocks, _, attrs = node.payload
        labels = _labels(columns)
        yield "index", index
        for part, place in blocks:
            yield _column(labels, place), part
        yield ".attrs", attrs
        yield ".columns", columns
    else:
        yield "", node.payload


def _is_frame(payload: Any) -> bool:
    return isinstance(payload, (tuple, list)) and len(payload) == 5 and isinstance(payload[2], (tuple, list))


def _labels(columns: Any) -> list[Any]:
    """The labels of a column index that is stored as text; else none."""
    payload = getattr(columns, "payload", None)
    part = payload[0] if isinstance(payload, (tuple, list)) and payload else None
    if not isinstance(part, (tuple, list)) or len(part) != 3 or part[0] != "labels":
        return []
    return list(part[2])


_N_SHOWN = 5


def _column(labels: list[Any], place: Any) -> str:
    """What a block is called: its column, or its columns."""
    if not (isinstance(place, (tuple, list)) and len(place) == 3 and all(type(bound) is int for bound in place)):
        return "columns"
    numbers = list(itertools.islice(range(*place), _N_SHOWN + 1))
    names = [repr(labels[number]) if 0 <= number < len(labels) else str(number) for number in numbers]
    return f"column {', '.join(names[:_N_SHOWN])}{', ...' if len(names) > _N_SHOWN else ''}"


# ---- explanations -------------------------------------------------------------------------------


def _walk(
    kind: int, metadata: bytes, data: memoryview, total: int, trusted: bool
) -> tuple[str, int, int, list[Part]]:
    """Type, bytes shared and copied, and parts, of a stored form; `data` needs not have the buffers."""
    if kind == _TENSOR:
        return "numpy.ndarray", total, 0, [Part("value", "array", total, 0, "")]
    if kind == _ARROW:
        return _arrow(metadata, data, total, trusted)
    if kind not in (_PICKLE, _TREE):
        return KINDS.get(kind, f"kind {kind}"), 0, total, [Part("value", KINDS.get(kind, ""), 0, total, "")]
    stream, sizes = _read_table(data)
    if kind == _TREE:
        form = _core._read_tree(data, _Node, _Buffer)
        walk = _Walk([])
        try:
            walk.all(form)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise BrainCorruptError(f"the form of a value makes no sense: {error}") from error
    else:
        form, walk = _walk_pickle(stream, sizes)
    in_buffers = sum(part.copied_bytes for part in walk.parts if part.kind in _IN_BUFFERS)
    in_stream = sum(part.copied_bytes for part in walk.parts if part.kind not in _IN_BUFFERS)
    walk.parts += _many_objects(walk.many, len(stream) - in_stream)
    parts = sorted(walk.parts, key=lambda part: -(part.shared_bytes + part.copied_bytes))
    return _type_of(form), walk.shared, len(stream) + in_buffers, parts


_IN_BUFFERS = frozenset({"raw", "array", "bytes", "buffer"})


def _many_objects(many: list[tuple[str, str, int]], n_bytes: int) -> Iterator[Part]:
    """What is left of the stream, by containers of many objects: each has as much of it as it has of them."""
    n_all = sum(n for _, _, n in many)
    for path, kind, n in many:
        size = n_bytes * n // n_all
        if size > 64:
            yield Part(path, f"many {kind}", 0, size, f"{n:,} Python objects ({kind})")


def _walk_pickle(stream: memoryview, sizes: list[int]) -> tuple[Any, _Walk]:
    with contextlib.suppress(Exception):  # of forms of pickles there is no end: then by sizes alone
        form = _read_pickle(stream, len(sizes))
        walk = _Walk(sizes)
        walk.all(form)
        return form, walk
    walk = _Walk(sizes)
    walk.parts.append(Part("value", "a pickle", sum(sizes), 0, ""))
    walk.shared = sum(sizes)
    return _StandIn(), walk


def _type_of(form: Any) -> str:
    if isinstance(form, _Node):
        return form.name
    if isinstance(form, _StandIn):
        return form._name or "a pickle"
    return "numpy.ndarray" if isinstance(form, _Buffer) else type(form).__name__


def _arrow(metadata: bytes, data: memoryview, total: int, trusted: bool) -> tuple[str, int, int, list[Part]]:
    """A table: all of it is shared, but what Polars makes anew."""
    kind = _table_kind(metadata)
    if kind != "polars.DataFrame":
        return kind, total, 0, [Part("value", "arrow", total, 0, "")]
    pa: Any = importlib.import_module("pyarrow")
    arrow: Any = importlib.import_module(f"{__package__}.codecs.arrow")
    table = arrow.read_table(data, trusted)
    reason = "Polars rebuilds categoricals and enums"
    parts = [
        Part(f"column {name!r}", str(column.type), 0, column.nbytes, reason)
        for name, column in zip(table.column_names, table.itercolumns(), strict=True)
        if pa.types.is_dictionary(column.type)
    ]
    copied = sum(part.copied_bytes for part in parts)
    return kind, total - copied, copied, [*parts, Part("value", "arrow", total - copied, 0, "")]


def _table_kind(metadata: bytes) -> str:
    try:
        description = unpack(metadata) if metadata else {}
    except ValueError as error:
        raise BrainCorruptError(f"the metadata of a table makes no sense: {error}") from error
    kind = description.get("as") if isinstance(description, dict) else None
    return kind if kind in _TABLES else _TABLES[0]


def of_value(value: Any, may_pickle: bool) -> Explanation:
    """What would be stored of a value."""
    kind, total, metadata, head = _core._form_of(value, may_pickle)
    found, shared, copied, parts = _walk(kind, metadata, memoryview(head), total, True)
    return Explanation(None, KINDS.get(kind, str(kind)), found, total, shared, copied, parts)


def of_name(brain: _core.Brain, name: str, namespace: str | None) -> Explanation:
    """What the value of a name is stored as."""
    _, _, view = brain._pin(name, namespace)
    kind, metadata, description, version, created_ns, holders = brain._facts(view)
    data = memoryview(view)  # type: ignore[arg-type]
    found, shared, copied, parts = _walk(kind, metadata, data, len(data), brain._may_pickle)
    return Explanation(
        name,
        KINDS.get(kind, str(kind)),
        found,
        len(data),
        shared,
        copied,
        parts,
        version,
        datetime.datetime.fromtimestamp(created_ns / 1e9, datetime.timezone.utc).astimezone(),
        description.decode("utf-8", "replace"),
        _holders(holders),
    )


def _holders(found: list[tuple[tuple[int, str, int, int, int], int]]) -> list[Holder]:
    """By process, of whose clients each is a row, and without our own view, by which the value was looked at."""
    commands: dict[tuple[int, int], str] = {}
    n_views: collections.Counter[tuple[int, int]] = collections.Counter()
    for (pid, command, pid_namespace, _, _), n in found:
        commands.setdefault((pid, pid_namespace), command)
        n_views[pid, pid_namespace] += n
    n_views[os.getpid(), os.stat("/proc/self/ns/pid").st_ino] -= 1
    return [Holder(pid, commands[pid, space], n) for (pid, space), n in n_views.items() if n > 0]
