"""Arrow arrays without what they hold but do not show.

A slice of most types is written as what it shows. Of these it is not: views and dictionaries, whose
buffers are written whole whatever refers to them; lists of views and dense unions, whose children are; and
all that has such a type within. compact_chunks() gives arrays of the same values and type for such. Where
little is saved it gives what it got, so that a dictionary stays what it was.
"""

from __future__ import annotations

import functools
import importlib

from .arrow_types import children_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

np: Any = importlib.import_module("numpy")
pa: Any = importlib.import_module("pyarrow")
pc: Any = importlib.import_module("pyarrow.compute")

# What may be written besides what is shown: this for a column, and a tenth. Dictionaries have a larger
# one: to some the entries that no row uses matter.
_SLACK_BYTES, _DICTIONARY_SLACK_BYTES = 1024, 65536

# Buffers that are cut out of others stay what they are where there are few; many are copied into one.
_MAX_CUTS = 64
_BUFFER_BYTES = 1 << 30  # a view has 31 bits for where its bytes begin

_types = pa.types
_VIEWS = tuple(getattr(pa, name)() for name in ("string_view", "binary_view") if hasattr(pa, name))


def is_loose(kind: Any) -> bool:
    """Whether arrays of a type may hold what they do not show, and are written with it."""
    if kind.num_fields == 0 and not isinstance(kind, pa.BaseExtensionType):
        return bool(kind in _VIEWS or _types.is_dictionary(kind))
    return _is_list_view(kind) or _is_dense_union(kind) or any(map(is_loose, children_of(kind)))


def compact_chunks(chunks: list[Any], kind: Any) -> list[Any]:
    """The same chunks of a column, each without what it does not show."""
    if not chunks or not is_loose(kind):
        return chunks
    if _types.is_dictionary(kind):
        return _compact_dictionaries(chunks)
    slack = _SLACK_BYTES // len(chunks)
    return [_compact(chunk, slack) for chunk in chunks]


def _compact(array: Any, slack: int) -> Any:
    kind = array.type
    if not is_loose(kind):
        return array
    if len(array) == 0:
        return pa.nulls(0, kind)
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, _compact(array.storage, slack))
    if _types.is_dictionary(kind):
        return _compact_dictionaries([array])[0]
    if kind in _VIEWS:
        return _compact_views(array, slack)
    if _is_list_view(kind):
        return _compact_list_view(array, slack)
    if _types.is_union(kind):
        return _compact_union(array, slack)
    if _types.is_run_end_encoded(kind):
        return _compact_runs(array, slack)
    return _compact_nested(array, slack)


def _is_list_view(kind: Any) -> bool:
    return kind.num_fields == 1 and str(kind).startswith(("list_view", "large_list_view"))


def _is_dense_union(kind: Any) -> bool:
    return bool(_types.is_union(kind) and kind.mode == "dense")


# ---- lists, structs -----------------------------------------------------------------------------


def _compact_nested(array: Any, slack: int) -> Any:
    """Structs, lists and maps: each child cut to what is shown, and compacted."""
    kind, buffers, children = array.type, [_validity(array)], []
    if _types.is_struct(kind):
        children = [array.field(i) for i in range(kind.num_fields)]
    elif _types.is_fixed_size_list(kind):
        children = [array.values.slice(array.offset * kind.list_size, len(array) * kind.list_size)]
    else:
        offsets = array.offsets
        first, last = offsets[0].as_py(), offsets[-1].as_py()
        buffers.append(pc.subtract(offsets, offsets[0]).buffers()[1])
        children = [_elements(array, first, last - first, slack)]
    return pa.Array.from_buffers(
        kind, len(array), buffers, array.null_count, children=[_compact(c, slack) for c in children]
    )


def _elements(array: Any, first: int, n: int, slack: int) -> Any:
    """The child of lists or maps, cut. Of a map it is structs of a key and an item."""
    kind = array.type
    if not _types.is_map(kind):
        return array.values.slice(first, n)
    pairs = [_compact(child.slice(first, n), slack) for child in (array.keys, array.items)]
    return pa.StructArray.from_arrays(pairs, fields=[kind.key_field, kind.item_field])


def _validity(array: Any) -> Any:
    """The bits of what is no null, from the first element on."""
    if array.null_count == 0:
        return None
    if array.offset == 0:
        return array.buffers()[0]
    return _buffer(np.packbits(_bools(array.is_valid()), bitorder="little"))


def _compact_list_view(array: Any, slack: int) -> Any:
    kind, n = array.type, len(array)
    offsets, sizes = _numbers(array.offsets), _numbers(array.sizes)
    shown = sizes > 0
    if array.null_count:
        shown &= _bools(array.is_valid())
    sizes = np.where(shown, sizes, 0)
    first = int(offsets[shown].min()) if shown.any() else 0
    n_span = int((offsets + sizes)[shown].max()) - first if shown.any() else 0
    if n_span <= sizes.sum(dtype=np.int64) * 1.05:
        values = array.values.slice(first, n_span)
        offsets = np.where(shown, offsets - first, 0)
    else:
        values = take(array.values, _spread(offsets, sizes))
        offsets = np.where(shown, np.cumsum(sizes) - sizes, 0)
    parts = [_buffer(offsets.astype(sizes.dtype)), _buffer(sizes)]
    return pa.Array.from_buffers(
        kind, n, [_validity(array), *parts], array.null_count, children=[_compact(values, slack)]
    )


def _spread(starts: Any, lengths: Any) -> Any:
    """starts[0], starts[0] + 1, ... of each range, one after the other."""
    starts, lengths = starts.astype(np.int64), lengths.astype(np.int64)
    ends = np.cumsum(lengths)
    return np.repeat(starts - (ends - lengths), lengths) + np.arange(ends[-1] if len(ends) else 0)


def _compact_union(array: Any, slack: int) -> Any:
    kind, n = array.type, len(array)
    # .type_codes and .offsets of a slice are those of the whole.
    codes = np.frombuffer(array.buffers()[1], np.int8, n, array.offset)
    buffers = [None, _buffer(codes)]
    if kind.mode == "sparse":
        children = [array.field(i) for i in range(kind.num_fields)]
        return pa.Array.from_buffers(kind, n, buffers, 0, children=[_compact(c, slack) for c in children])
    offsets, children = _compact_branches(array, codes)
    buffers.append(_buffer(offsets))
    return pa.Array.from_buffers(kind, n, buffers, 0, children=[_compact(c, slack) for c in children])


def _compact_branches(array: Any, codes: Any) -> tuple[Any, list[Any]]:
    """The offsets of a dense union and its children, where these are cut to what is shown."""
    offsets = np.frombuffer(array.buffers()[2], np.int32, len(array), 4 * array.offset).copy()
    children = []
    for i, code in enumerate(array.type.type_codes):
        mine = codes == code
        used = np.unique(offsets[mine])
        child = array.field(i)
        if len(used) and used[-1] - used[0] + 1 <= len(used) * 1.05:
            child = child.slice(used[0], used[-1] - used[0] + 1)
            offsets[mine] -= used[0]
        else:
            child = take(child, used)
            offsets[mine] = np.searchsorted(used, offsets[mine])
        children.append(child)
    return offsets, children


def _compact_runs(array: Any, slack: int) -> Any:
    first, n_runs = array.find_physical_offset(), array.find_physical_length()
    ends = _numbers(array.run_ends)[first : first + n_runs] - array.offset
    ends[-1] = min(ends[-1], len(array))
    values = _compact(array.values.slice(first, n_runs), slack)
    return pa.RunEndEncodedArray.from_arrays(pa.array(ends, array.type.run_end_type), values, type=array.type)


# ---- dictionaries -------------------------------------------------------------------------------


def _compact_dictionaries(chunks: list[Any]) -> list[Any]:
    """Chunks that share a dictionary, as they mostly do, share one afterwards."""
    dictionaries = [chunk.dictionary for chunk in chunks]
    if all(_is_same(dictionary, dictionaries[0]) for dictionary in dictionaries[1:]):
        return _use_less(chunks, dictionaries[0])
    return [_use_less([chunk], chunk.dictionary)[0] for chunk in chunks]


def _is_same(array: Any, other: Any) -> bool:
    return (len(array), array.offset) == (len(other), other.offset) and [
        buffer and buffer.address for buffer in array.buffers()
    ] == [buffer and buffer.address for buffer in other.buffers()]


def _use_less(chunks: list[Any], dictionary: Any) -> list[Any]:
    if _size_of(dictionary) <= _DICTIONARY_SLACK_BYTES:
        return chunks
    is_used = np.zeros(len(dictionary), bool)
    indices = [_numbers(chunk.indices.fill_null(0)) for chunk in chunks]
    for chunk, numbers in zip(chunks, indices, strict=True):
        is_used[numbers[_bools(chunk.is_valid())] if chunk.null_count else numbers] = True
    used = np.flatnonzero(is_used)
    less = dictionary if len(used) == len(dictionary) else take(dictionary, used)
    less = _compact(less, _SLACK_BYTES)
    n_shown = _size_of(less) + sum(numbers.nbytes for numbers in indices)
    if _size_of(dictionary) - _size_of(less) <= _DICTIONARY_SLACK_BYTES + n_shown // 10:
        return chunks
    new = np.zeros(len(dictionary), np.int64)
    new[used] = np.arange(len(used))
    return [
        _with_dictionary(chunk, new[numbers], less) for chunk, numbers in zip(chunks, indices, strict=True)
    ]


def _with_dictionary(chunk: Any, indices: Any, dictionary: Any) -> Any:
    kind = chunk.type
    data = _buffer(indices.astype(kind.index_type.to_pandas_dtype()))
    numbers = pa.Array.from_buffers(kind.index_type, len(chunk), [_validity(chunk), data], chunk.null_count)
    return pa.DictionaryArray.from_arrays(numbers, dictionary, ordered=kind.ordered, safe=False)


def _size_of(array: Any) -> int:
    """Bytes that are written for an array: of views all that their buffers have."""
    if array.type in _VIEWS:
        return 16 * len(array) + sum(int(buffer.size) for buffer in array.buffers()[2:])
    return int(array.nbytes)


# ---- views --------------------------------------------------------------------------------------


def _compact_views(array: Any, slack: int) -> Any:
    buffers = array.buffers()
    n_held = sum(buffer.size for buffer in buffers[2:])
    if n_held <= slack:
        return array
    n = len(array)
    views = np.frombuffer(buffers[1], np.int32, 4 * n, 16 * array.offset).reshape(n, 4)
    is_long = views[:, 0] > 12  # shorter ones lie in the view itself
    if array.null_count:
        is_long &= _bools(array.is_valid())
    n_shown = int(views[is_long, 0].sum(dtype=np.int64))
    if n_held - n_shown <= slack + (n_shown + 16 * n) // 10:
        return array
    if not _makes_views():
        return _recast(array)
    return _cut_views(array, views, is_long, buffers[2:])


@functools.cache
def _makes_views() -> bool:
    """Whether Arrow makes views of buffers that it is given: pyarrow 18 does not."""
    try:
        pa.Array.from_buffers(pa.string_view(), 0, [None, pa.py_buffer(b""), pa.py_buffer(b"")])
    except ValueError:
        return False
    return True


def _recast(array: Any) -> Any:
    """The next best: views of the texts written one behind the other, also of the short ones."""
    wide = pa.large_string() if array.type == pa.string_view() else pa.large_binary()
    try:
        return array.cast(wide).cast(array.type)
    except pa.ArrowException:  # older still, or more than 2 GB
        return array


def _cut_views(array: Any, views: Any, is_long: Any, buffers: list[Any]) -> Any:
    """Views of new buffers, in which there are only bytes that some view shows, each once."""
    lengths, _, numbers, offsets = views[is_long].T.astype(np.int64)
    starts = numbers << 32 | offsets  # places in all buffers, one after the other
    order = np.argsort(starts, kind="stable")
    cuts, ends = _merge(starts[order], (starts + lengths)[order])
    if len(cuts) <= _MAX_CUTS:
        new_buffers = [
            buffers[cut >> 32].slice(cut & 0xFFFFFFFF, end - cut)
            for cut, end in zip(cuts.tolist(), ends.tolist(), strict=True)
        ]
        buffer_of_cut, start_of_cut = np.arange(len(cuts)), np.zeros(len(cuts), np.int64)
    else:
        new_buffers, buffer_of_cut, start_of_cut = _gather(cuts, ends - cuts, buffers)
    cut_of_view = np.searchsorted(cuts, starts, side="right") - 1
    new = views.copy()
    if array.null_count:
        new[~_bools(array.is_valid())] = 0
    new[is_long, 2] = buffer_of_cut[cut_of_view]
    new[is_long, 3] = start_of_cut[cut_of_view] + starts - cuts[cut_of_view]
    return pa.Array.from_buffers(
        array.type, len(array), [_validity(array), _buffer(new), *new_buffers], array.null_count
    )


def _merge(starts: Any, ends: Any) -> tuple[Any, Any]:
    """Ranges, sorted by where they start, as the fewest that cover the same."""
    reach = np.maximum.accumulate(ends)
    is_first = np.ones(len(starts), bool)
    is_first[1:] = starts[1:] > reach[:-1]
    is_last = np.ones(len(starts), bool)
    is_last[:-1] = is_first[1:]
    return starts[is_first], reach[is_last]


def _gather(cuts: Any, lengths: Any, buffers: list[Any]) -> tuple[list[Any], Any, Any]:
    """Copies cuts one behind the other. Returns new buffers; of each cut its buffer, and its start in it."""
    # As views of their own that Arrow turns into one run of bytes; their prefixes play no part.
    views = np.zeros((len(cuts), 4), np.int32)
    views[:, 0], views[:, 2], views[:, 3] = lengths, cuts >> 32, cuts & 0xFFFFFFFF
    binary = pa.Array.from_buffers(pa.binary_view(), len(cuts), [None, _buffer(views), *buffers])
    data = binary.cast(pa.large_binary()).buffers()[2]
    places = np.cumsum(lengths) - lengths
    numbers = places // _BUFFER_BYTES
    _, firsts = np.unique(numbers, return_index=True)
    bounds = [*places[firsts].tolist(), data.size]
    new_buffers = [data.slice(a, b - a) for a, b in zip(bounds, bounds[1:], strict=False)]
    buffer_of_cut = np.searchsorted(firsts, np.arange(len(cuts)), side="right") - 1
    return new_buffers, buffer_of_cut, places - places[firsts][buffer_of_cut]


# ---- between Arrow and NumPy --------------------------------------------------------------------


def take(array: Any, indices: Any) -> Any:
    """The elements at `indices`, of any type: Arrow itself has no take() for some."""
    if array.type in _VIEWS and array.null_count == 0 and _makes_views():
        buffers = array.buffers()
        views = np.frombuffer(buffers[1], np.int32, 4 * len(array), 16 * array.offset).reshape(-1, 4)
        return pa.Array.from_buffers(
            array.type, len(indices), [None, _buffer(views[indices]), *buffers[2:]], 0
        )
    try:
        return array.take(pa.array(indices, pa.int64()))
    except pa.ArrowNotImplementedError:
        pieces = [array.slice(i, 1) for i in indices.tolist()]
        return pa.concat_arrays(pieces) if pieces else array.slice(0, 0)


def _numbers(array: Any) -> Any:
    return array.to_numpy(zero_copy_only=False)


def _bools(array: Any) -> Any:
    return array.to_numpy(zero_copy_only=False)


def _buffer(numbers: Any) -> Any:
    return pa.py_buffer(np.ascontiguousarray(numbers).reshape(-1).view(np.uint8))
