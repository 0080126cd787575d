"""What is shared of a value by a recall, and what is copied: its form, gone through part by part.

What lies in a buffer is shared, but where a decoder copies it; what stands in the stream is copied. Nothing of the
value is made: inert.py has what stands for it.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import importlib.util
import itertools
import reprlib

from . import _core
from .codecs.description import unpack
from .exceptions import BrainCorruptError, BrainRecallPackageError
from .inert import Buffer, Node, StandIn, read_pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
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


def _strings_of_pandas() -> str:
    """What would share them. Whoever put them may have had no pyarrow: then pandas 3 has Python's strings, too."""
    missing = "" if importlib.util.find_spec("pyarrow") else ", and it is not installed here: pip install pyarrow"
    return f"; with pyarrow the strings of pandas 3, or convert_dtypes(dtype_backend='pyarrow'), share them{missing}"


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


# ---- through a form ------------------------------------------------------------------------------

_MANY = 16


class _Walk:
    """Goes through a form, and adds up what it finds."""

    def __init__(self, sizes: list[int]) -> None:
        self.sizes = sizes  # of the buffers of a pickle
        self.parts: list[Part] = []
        self.shared = 0
        self.copied_buffers = 0  # bytes that lie in buffers and not in the stream
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
        if isinstance(form, Buffer):
            if self._is_new(form):
                self._buffer(path, form.size, form.what, copied_as)
        elif isinstance(form, (bytearray, memoryview)) and self.sizes:
            self._pickled_buffer(path, form, copied_as)
        elif isinstance(form, str):
            self._in_stream(path, "str", len(form.encode("utf-8", "surrogatepass")), "")
        elif isinstance(form, (bytes, bytearray)):
            self._in_stream(path, type(form).__name__, len(form), "")
        elif isinstance(form, (Node, StandIn, dict, list, tuple, set, frozenset)):
            if self._is_new(form):
                self.waiting.append((path, form, copied_as, self.in_payload))

    def _is_new(self, form: Any) -> bool:
        """Whether it is no reference to what was there before, and so no second copy."""
        is_new = id(form) not in self.seen
        self.seen.add(id(form))
        return is_new

    def _container(self, path: str, form: Any, copied_as: str) -> None:
        if isinstance(form, Node):
            self._node(path, form, copied_as)
        elif isinstance(form, StandIn):
            self._object(path, form, copied_as)
        elif isinstance(form, dict):
            self._count(path, list(form.values()))
            for key, item in form.items():
                self.go(_way(path, f"[{_shown(key)}]"), item, copied_as)
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
                reason += _strings_of_pandas()
            self._in_stream(path, "list of str", n_bytes, reason)
            items = [item for item in items if not isinstance(item, str)]
        self._count(path, items)
        for number, item in enumerate(items):  # in a payload the places are nobody's but the codec's
            self.go(path if self.in_payload else _way(path, f"[{number}]"), item, copied_as)

    def _strings(self, path: str, form: Any, copied_as: str) -> None:
        """A column of Python strings: the distinct ones, and the number of each; all are built anew."""
        _, shape, items, codes = form
        n = 1
        for length in shape if isinstance(shape, (list, tuple)) else ():
            n *= length if isinstance(length, int) else 1
        reason = copied_as or _STRINGS.format(n=f"{n:,}") + _strings_of_pandas()
        texts = [item for item in items if isinstance(item, str)] if isinstance(items, list) else []
        self._in_stream(path, "list of str", sum(len(text.encode("utf-8", "surrogatepass")) for text in texts), reason)
        self.go(path, codes, reason)

    def _count(self, path: str, items: list[Any]) -> None:
        """Remember a container of many small objects, which are built anew."""
        small = [item for item in items if not isinstance(item, (str, bytes, bytearray, memoryview, Buffer))]
        if len(small) > _MANY:
            kinds = collections.Counter(map(_type_of, small))
            self.many.append((path, kinds.most_common(1)[0][0], len(small)))

    def _object(self, path: str, form: Any, copied_as: str) -> None:
        state = form._state
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                for key, item in part.items():
                    self.go(_way(path, f".{_cut(key)}"), item, copied_as)
            else:
                self.go(path, part, copied_as)
        for part in form._arguments:
            for item in part.values() if isinstance(part, dict) else part:
                self.go(path, item, copied_as)
        self.go(path, form._items, copied_as)

    def _node(self, path: str, node: Node, copied_as: str) -> None:
        reason = copied_as or _COPIED.get(node.name, "")
        self.in_payload = True
        for step, part in _parts_of(node):
            self.go(step if step.startswith(("column ", "index")) else _way(path, step), part, reason)

    def _pickled_buffer(self, path: str, form: Any, copied_as: str) -> None:
        owner: Any = form.obj if isinstance(form, memoryview) else form
        number = int.from_bytes(owner, "little")
        if len(owner) == 8 and number < len(self.sizes) and self._is_new(owner):
            self._buffer(path, self.sizes[number], "buffer", copied_as)

    def _buffer(self, path: str, size: int, what: str, copied_as: str) -> None:
        if what == "bytes":
            copied_as = "a bytes object owns its memory; put memoryview(it) to share it"
        if copied_as:
            self.copied_buffers += size
            self.parts.append(Part(path, what, 0, size, copied_as))
        else:
            self.shared += size
            self.parts.append(Part(path, what, size, 0, ""))

    def _in_stream(self, path: str, kind: str, size: int, reason: str) -> None:
        if size > 64:
            reason = reason or f"a {kind} of Python owns its memory"
            self.parts.append(Part(path, kind, 0, size, reason))


# Of a key, a name and a way as much as helps: each part has its way, so what is long in one would be there
# as often as there are parts.
_SHOWN_MAX = 200
_WAY_MAX = 1000


class _Shortly(reprlib.Repr):
    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = 3
        self.maxstring = self.maxother = self.maxlong = _SHOWN_MAX

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write the largest ones.
        return super().repr_int(x, level) if x.bit_length() <= 4 * _SHOWN_MAX else f"an int of {x.bit_length()} bits"


_shortly = _Shortly()


def _shown(key: Any) -> str:
    return _shortly.repr(key) if isinstance(key, (str, int, float, bytes, tuple, type(None))) else "a key"


def _cut(name: Any) -> str:
    text = name if isinstance(name, str) else _shown(name)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}..."


def _way(path: str, step: str) -> str:
    if len(path) < _WAY_MAX:
        return path + step
    return path if path.endswith("...") else f"{path}..."


def _parts_of(node: Node) -> Iterator[tuple[str, Any]]:
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
    names = [_shortly.repr(labels[number]) if 0 <= number < len(labels) else str(number) for number in numbers]
    return f"column {', '.join(names[:_N_SHOWN])}{', ...' if len(names) > _N_SHOWN else ''}"


# ---- a whole value -------------------------------------------------------------------------------


def walk(
    kind: int, metadata: bytes, data: memoryview, total: int, trusted: bool
) -> tuple[str, int, int, list[Part]]:
    """Type, bytes shared and copied, and parts, of a stored form; `data` needs not have the buffers.
    Raises BrainCorruptError."""
    if kind == _TENSOR:
        return "numpy.ndarray", total, 0, [Part("value", "array", total, 0, "")]
    if kind == _ARROW:
        return _arrow(metadata, data, total, trusted)
    if kind not in (_PICKLE, _TREE):
        return KINDS.get(kind, f"kind {kind}"), 0, total, [Part("value", KINDS.get(kind, ""), 0, total, "")]
    begin, stream_bytes, places = _core._read_parts(data)
    sizes = [size for _, size in places]
    if kind == _TREE:
        form = _core._read_tree(data, Node, Buffer)
        walked = _Walk([])
        try:
            walked.all(form)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise BrainCorruptError(f"the form of a value makes no sense: {error}") from error
    else:
        form, walked = _walk_pickle(data[begin : begin + stream_bytes], sizes, trusted)
    in_stream = sum(part.copied_bytes for part in walked.parts) - walked.copied_buffers
    walked.parts += _many_objects(walked.many, stream_bytes - in_stream)
    parts = sorted(walked.parts, key=lambda part: -(part.shared_bytes + part.copied_bytes))
    return _type_of(form), walked.shared, stream_bytes + walked.copied_buffers, parts


def _many_objects(many: list[tuple[str, str, int]], n_bytes: int) -> Iterator[Part]:
    """What is left of the stream, by containers of many objects: each has as much of it as it has of them."""
    n_all = sum(n for _, _, n in many)
    for path, kind, n in many:
        size = n_bytes * n // n_all
        if size > 64:
            yield Part(path, f"many {kind}", 0, size, f"{n:,} Python objects ({kind})")


def _walk_pickle(stream: memoryview, sizes: list[int], trusted: bool) -> tuple[Any, _Walk]:
    with contextlib.suppress(Exception):  # of forms of pickles there is no end: then by sizes alone
        form = read_pickle(stream, len(sizes), trusted)
        walked = _Walk(sizes)
        walked.all(form)
        return form, walked
    walked = _Walk(sizes)
    walked.parts.append(Part("value", "a pickle", sum(sizes), 0, ""))
    walked.shared = sum(sizes)
    return StandIn(), walked


def _type_of(form: Any) -> str:
    if isinstance(form, Node):
        return _cut(form.name)
    if isinstance(form, StandIn):
        return _cut(form._name) or "a pickle"
    return "numpy.ndarray" if isinstance(form, Buffer) else type(form).__name__


def _arrow(metadata: bytes, data: memoryview, total: int, trusted: bool) -> tuple[str, int, int, list[Part]]:
    """A table: all of it is shared, but what Polars makes anew."""
    kind = _table_kind(metadata)
    if kind != "polars.DataFrame":
        return kind, total, 0, [Part("value", "arrow", total, 0, "")]
    try:
        pa: Any = importlib.import_module("pyarrow")
        arrow: Any = importlib.import_module(f"{__package__}.codecs.arrow")
    except ImportError as error:
        raise BrainRecallPackageError(
            "which columns Polars would make anew of its frame is read by pyarrow, which cannot be imported here: "
            "pip install pyarrow"
        ) from error
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
