"""Looks at what Arrow's views of text and bytes say where they are null.

Arrow does not, and its validate() neither. Polars does: it reads the bytes of such views when it makes other
layouts of them, as far beyond their buffers as they say.
"""

from __future__ import annotations

import importlib
import struct

from ..exceptions import BrainCorruptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pa: Any = importlib.import_module("pyarrow")

_types = pa.types
_VIEWS = tuple(getattr(pa, name)() for name in ("string_view", "binary_view") if hasattr(pa, name))
_VIEW = struct.Struct("<iiii")  # length, prefix, number of the buffer, where it begins there
_INLINE_BYTES = 12  # so many lie in the view itself


def check_table(table: Any) -> None:
    """Raise BrainCorruptError where a null view shows what is not there. `table` is valid otherwise."""
    for column in table.columns:
        for chunk in column.chunks:
            _check(chunk)


def _check(array: Any) -> None:
    if array.type in _VIEWS:
        if array.null_count:
            _check_views(array)
        return
    for child in _children(array):
        _check(child)


def _children(array: Any) -> list[Any]:
    kind = array.type
    if _types.is_dictionary(kind):
        return [array.dictionary]
    if _types.is_struct(kind) or _types.is_union(kind):
        return [array.field(i) for i in range(kind.num_fields)]
    if _types.is_map(kind):
        return [array.keys, array.items]
    return [array.values] if kind.num_fields else []


def _check_views(array: Any) -> None:
    buffers = array.buffers()
    try:
        all_valid = pa.Array.from_buffers(array.type, len(array), [None, *buffers[1:]], offset=array.offset)
    except ValueError:  # pyarrow before 19 makes no such arrays
        _check_each(buffers[1], buffers[2:])
        return
    try:
        all_valid.validate(full=True)
    except pa.ArrowException as error:
        raise BrainCorruptError(f"an Arrow stream makes no sense where it is null: {error}") from error


def _check_each(views: Any, buffers: list[Any]) -> None:
    sizes = [buffer.size for buffer in buffers]
    for length, _, number, start in _VIEW.iter_unpack(memoryview(views)[: views.size // 16 * 16]):
        if length < 0 or (
            length > _INLINE_BYTES
            and not (0 <= number < len(sizes) and 0 <= start <= sizes[number] - length)
        ):
            raise BrainCorruptError("an Arrow stream has a view of what is not there, where it is null")
