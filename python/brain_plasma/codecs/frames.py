"""pandas: frames and series.

What lies below them is in frames_indexes.py, frames_arrays.py and frames_types.py; how they are put together
in frames_build.py.

A frame is stored by its blocks as they lie, and put together from them again, so that a recall neither copies
data nor looks at it. Three things are copied: strings that are Python objects; few labels (MAX_LABELS) of an
index, which are worth more as an index that is at hand already; and sparse arrays, since pandas cannot work
with those that are read-only.
"""

from __future__ import annotations

import importlib
from functools import wraps

from ..exceptions import BrainCorruptError, BrainError
from . import decoders, encoders, frames_arrays, frames_build, frames_indexes, frames_types
from .frames_arrays import array_from, part_of
from .frames_build import TYPES_OF_2D, raw_array
from .frames_check import need, need_array, need_index, need_items, need_name
from .frames_types import OFFSETS, SCALARS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Payload = tuple[str, Any]
    Entry = tuple[Any, str, Any, Any]
    Decoder = Callable[[Any, bool], Any]

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

#: More columns without a row are not believed.
MAX_EMPTY_COLUMNS = 1_000_000


def _encode_series(series: Any) -> Payload:
    return "pandas.Series", (
        part_of(raw_array(series)),
        series.index,
        series.name,
        series.flags.allows_duplicate_labels,
        series.attrs or None,
    )


def _decode_series(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 5)
        need_name(payload[2])
        need_index(payload[1])
    part, index, name, allows_duplicates, attrs = payload
    array = array_from(part, trusted)
    if not trusted:
        need(array.ndim == 1 and len(array) == len(index), "a series of another length than its index")
        need(type(array) is not np.ndarray or array.dtype.kind not in "Mm", "dates without their array")
    return _finish(frames_build.way.series(array, index, name), allows_duplicates, attrs, trusted)


def _encode_frame(frame: Any) -> Payload:
    return "pandas.DataFrame", (
        frame.columns,
        frame.index,
        [(part_of(array), place) for array, place in frames_build.way.blocks(frame)],
        frame.flags.allows_duplicate_labels,
        frame.attrs or None,
    )


def _decode_frame(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 5)
    columns, index, blocks, allows_duplicates, attrs = payload
    if trusted:
        blocks = [(array_from(part, True), place) for part, place in blocks]
    else:
        blocks = _checked_blocks(blocks, columns, index)
    return _finish(frames_build.way.frame(blocks, columns, index), allows_duplicates, attrs, trusted)


def _finish(result: Any, allows_duplicates: Any, attrs: Any, trusted: bool) -> Any:
    """Flags and attributes, where they are not as they mostly are."""
    if allows_duplicates is not True:
        need(trusted or allows_duplicates is False, "flags that pandas has not")
        if trusted:
            object.__setattr__(result, "_flags", pd.Flags(result, allows_duplicate_labels=False))
        else:
            result.flags.allows_duplicate_labels = False  # looks at the labels
    if attrs is not None:
        need(trusted or type(attrs) is dict, "attributes that are no dict")
        result.attrs = attrs
    return result


def _checked_blocks(blocks: Any, columns: Any, index: Any) -> list[tuple[Any, Any]]:
    """Blocks that may be anything: each column in one place, each block as long as the index."""
    need_index(columns)
    need_index(index)
    need(type(blocks) is list, "a frame without blocks")
    checked: list[tuple[Any, Any]] = []
    count = 0
    for block in blocks:
        need_items(block, 2)
        array, place = array_from(block[0], False), block[1]
        if type(array) in TYPES_OF_2D:
            need(array.ndim == 2, "a block without columns")
            width, length = array.shape
        else:
            need(array.ndim == 1, "a block of too many dimensions")
            width, length = 1, len(array)
        need(length == len(index), "a block of another length than the index")
        need(width > 0 and _placed(place) == width, "a block without places")
        count += width
        checked.append((array, place))
    need(count == len(columns) and (len(index) > 0 or count <= MAX_EMPTY_COLUMNS), "columns without blocks")
    taken = np.zeros(count, bool)
    for _, place in checked:
        positions = np.arange(*place) if type(place) is tuple else place
        need(int(positions.min()) >= 0 and int(positions.max()) < count, "a column out of range")
        taken[positions] = True
    need(bool(taken.all()), "a column in two places")
    return checked


def _placed(place: Any) -> int:
    """How many columns a place is for."""
    if type(place) is not tuple:
        need_array(place, "i")
        need(place.dtype.itemsize == 8, "a block without places")
        return len(place)
    need_items(place, 3)
    need(all(type(number) is int and abs(number) < 2**31 for number in place), "a block without places")
    need(place[0] >= 0 and place[1] >= 0 and place[2] > 0, "a block without places")
    return len(range(*place))


# ---- all encoders and decoders --------------------------------------------------------------------


def _with_one_error(name: str, decode: Decoder) -> Decoder:
    """Whatever pandas says of a payload that is not trusted is BrainCorruptError."""

    @wraps(decode)
    def decode_any(payload: Any, trusted: bool) -> Any:
        if trusted:
            return decode(payload, True)
        try:
            return decode(payload, False)
        except (BrainError, MemoryError):
            raise
        except Exception as error:
            raise BrainCorruptError(f"what is stored of a {name} makes no sense: {error}") from error

    return decode_any


def encoder_in_pickles(kind: type, found: Any) -> Any:
    """The encoder that is used inside of a pickle: none of scalars, which pickle does quicker by itself."""
    return None if kind in SCALARS or kind in OFFSETS.values() else found


def _entries() -> Iterator[Entry]:
    yield pd.Series, "pandas.Series", _encode_series, _decode_series
    yield pd.DataFrame, "pandas.DataFrame", _encode_frame, _decode_frame
    for module in (frames_indexes, frames_arrays, frames_types):
        yield from module.entries()


def load(package: str) -> None:
    """Fill `encoders` and `decoders`, and choose how objects are put together."""
    for cls, name, encode, decode in _entries():
        encoders[cls] = encode
        decoders[name] = _with_one_error(name, decode)
    try:
        frames_build.way = frames_build.Inner()
        _check(frames_build.way)
    except Exception:  # whatever it is: there is another way
        frames_build.way = frames_build.Public()


def _check(way: Any) -> None:
    """Raise something where pandas is not as frames_build.Inner expects it."""
    frame = pd.DataFrame(
        {
            "a": [1.5, 2.5],
            "b": pd.array([1, None], dtype="Int64"),
            "c": pd.date_range("2020", periods=2, tz="UTC"),
            "d": pd.Categorical(["x", "y"], ordered=True),
            "e": [3.5, 4.5],
            "f": pd.arrays.IntervalArray.from_breaks([1, 2, 3]),
            "g": pd.arrays.SparseArray([0, 1]),
            "h": pd.to_timedelta([1, 2], unit="s"),
        },
        index=pd.date_range("2020", periods=2, freq="D", name="when"),
    )
    payload = _encode_frame(frame)[1]
    pd.testing.assert_frame_equal(_decode_frame(payload, True), frame)
    index = way.index(pd.DatetimeIndex, way.datetimes(np.zeros(2, "M8[ns]"), np.dtype("M8[ns]")), "n")
    way.set_freq(index, pd.offsets.Day())
    pd.testing.assert_index_equal(way.range_index(range(3), "r"), pd.RangeIndex(3, name="r"))
    if index.name != "n" or index.freq != pd.offsets.Day():
        raise TypeError("an index without name or frequency")
    interval, sparse = frame["f"].array, frame["g"].array
    for array in (
        way.intervals(interval._left, interval._right, interval.closed),
        way.sparse(sparse.sp_values, 2, (sparse.sp_index.indices,), 0),
        way.categorical(np.zeros(2, np.int8), pd.Index(["x"]), False),
    ):
        repr(array)
    series = way.series(np.arange(2), pd.RangeIndex(2), "s")
    pd.testing.assert_series_equal(series, pd.Series(np.arange(2), name="s"))
