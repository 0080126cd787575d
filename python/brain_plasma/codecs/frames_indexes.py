"""Indexes of pandas.

The labels of a frame are mostly a few strings, and the same each time: such an index is stored as a list of
strings, and what was made of it is kept for the next recall (_labelled).
"""

from __future__ import annotations

import importlib
from functools import lru_cache

from . import frames_build
from .frames_arrays import array_from, part_of, raw_times
from .frames_build import TYPES_OF_2D, raw_array
from .frames_check import need, need_codes, need_index, need_items, need_name, need_times
from .frames_types import STRINGS, need_freq, string_array, string_kind, times_dtype, zone_part

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator
    from typing import Any

    Payload = tuple[str, Any]
    Entry = tuple[Any, str, Any, Any]
    Decoder = Callable[[Any, bool], Any]

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

#: An index of at most so many strings is stored as a list of them.
MAX_LABELS = 256
#: And of no more characters.
MAX_LABEL_CHARACTERS = 8192
# What lies below an index of its own type.
_INDEX_ARRAY_TYPES = (*TYPES_OF_2D[1:], pd.arrays.IntervalArray, pd.Categorical)


def _encode_index(index: Any) -> Payload:
    array = raw_array(index)
    return "pandas.Index", (_labels_part(index, array) or part_of(array), index.name)


def _labels_part(index: Any, array: Any) -> Any:
    """("labels", dtype, strings) of an index with few strings and nothing else, or None."""
    if isinstance(index.dtype, pd.StringDtype):
        kind = string_kind(index.dtype)
    elif index.dtype == object:
        kind = "object"
    else:
        return None
    if len(index) > MAX_LABELS:
        return None
    labels = array.tolist()
    if not all(type(label) is str for label in labels) or sum(map(len, labels)) > MAX_LABEL_CHARACTERS:
        return None
    return "labels", kind, tuple(labels)


def _decode_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        need_name(payload[1])
    part, name = payload
    if type(part) is tuple and part[:1] == ("labels",):
        if not trusted:
            _need_labels(part)
        return _labelled(part[1], part[2], name)
    array = array_from(part, trusted)
    if not trusted:
        right = array.ndim == 1 and array.dtype.kind not in "Mm" and type(array) not in _INDEX_ARRAY_TYPES
        need(right, "no values of an index")
    return frames_build.way.index(pd.Index, array, name)


def _need_labels(part: Any) -> None:
    need_items(part, 3)
    _, kind, labels = part
    need(type(kind) is str and (kind == "object" or kind in STRINGS), "labels of no known kind")
    need(type(labels) is tuple and len(labels) <= MAX_LABELS, "labels without a tuple")
    need(all(type(label) is str for label in labels), "labels that are no text")
    need(sum(map(len, labels)) <= MAX_LABEL_CHARACTERS, "labels that are too long")


def _labelled(kind: str, labels: tuple[str, ...], name: Hashable) -> Any:
    """An index of strings: a view of the one that is kept, since names are set on the index itself."""
    index = _kept_index(kind, labels)
    if kind == "object":
        view = index.view()
    else:
        # Here somebody could set an item of the array below, so each has its own.
        view = frames_build.way.index(pd.Index, index.array.copy(), None)
    if name is not None:
        view.name = name
    return view


@lru_cache(maxsize=128)
def _kept_index(kind: str, labels: tuple[str, ...]) -> Any:
    values: Any = np.empty(len(labels), object)
    values[:] = labels
    if kind == "object":
        values.flags.writeable = False
    elif kind.endswith("[pyarrow]"):
        pa: Any = importlib.import_module("pyarrow")
        values = string_array(kind, pa.chunked_array([pa.array(labels, pa.large_string())]))
    else:
        values = string_array(kind, values)
    return pd.Index(values, dtype=values.dtype, copy=False)


def _encode_range_index(index: Any) -> Payload:
    return "pandas.RangeIndex", (index.start, index.stop, index.step, index.name)


def _decode_range_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 4)
        need(
            all(type(bound) is int and abs(bound) < 2**63 for bound in payload[:3]), "a range without numbers"
        )
        need(payload[2] != 0 and len(range(*payload[:3])) < 2**62, "a range without end")
        need_name(payload[3])
    start, stop, step, name = payload
    return frames_build.way.range_index(range(start, stop, step), name)


def _encode_datetime_index(index: Any) -> Payload:
    array = index.array
    return "pandas.DatetimeIndex", (raw_times(array), zone_part(index.tz), index.freq, index.name)


def _decode_datetime_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 4)
        need_times(payload[0], "M")
        need(payload[0].ndim == 1, "an index of two dimensions")
        need_freq(payload[2])
        need_name(payload[3])
    values, zone, freq, name = payload
    array = frames_build.way.datetimes(values, times_dtype(values, zone, trusted))
    return _with_freq(frames_build.way.index(pd.DatetimeIndex, array, name), freq, trusted)


def _encode_timedelta_index(index: Any) -> Payload:
    return "pandas.TimedeltaIndex", (raw_times(index.array), index.freq, index.name)


def _decode_timedelta_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 3)
        need_times(payload[0], "m")
        need(payload[0].ndim == 1, "an index of two dimensions")
        need_freq(payload[1])
        need_name(payload[2])
    values, freq, name = payload
    return _with_freq(
        frames_build.way.index(pd.TimedeltaIndex, frames_build.way.timedeltas(values), name), freq, trusted
    )


def _with_freq(index: Any, freq: Any, trusted: bool) -> Any:
    if freq is not None:
        if trusted:
            frames_build.way.set_freq(index, freq)
        else:
            index.freq = freq  # looks at all of it
    return index


def _array_index_encoder(name: str) -> Callable[[Any], Payload]:
    def encode(index: Any) -> Payload:
        return name, (index.array, index.name)

    return encode


def _array_index_decoder(cls: Any, array_type: Any) -> Decoder:
    def decode(payload: Any, trusted: bool) -> Any:
        if not trusted:
            need_items(payload, 2)
            need(type(payload[0]) is array_type and payload[0].ndim == 1, "an index without its array")
            need_name(payload[1])
        return frames_build.way.index(cls, *payload)

    return decode


def _encode_multi_index(index: Any) -> Payload:
    return "pandas.MultiIndex", (list(index.levels), list(index.codes), list(index.names), index.sortorder)


def _decode_multi_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_multi_index(payload)
    levels, codes, names, sortorder = payload
    return pd.MultiIndex(levels, codes, sortorder=sortorder, names=names, verify_integrity=not trusted)


def _need_multi_index(payload: Any) -> None:
    need_items(payload, 4)
    levels, codes, names, sortorder = payload
    need(all(type(part) is list for part in payload[:3]), "levels without a list")
    need(0 < len(levels) == len(codes) == len(names), "levels without codes")
    need(sortorder is None or (type(sortorder) is int and 0 <= sortorder <= len(levels)), "a sort order")
    for level, level_codes, name in zip(levels, codes, names):
        need_index(level)
        need(type(level) is not pd.MultiIndex, "a level that has levels")
        need_codes(level_codes, len(level))
        need(len(level_codes) == len(codes[0]), "levels of different lengths")
        need_name(name)


def entries() -> Iterator[Entry]:
    """(type, name, encoder, decoder) of each."""
    yield pd.Index, "pandas.Index", _encode_index, _decode_index
    yield pd.RangeIndex, "pandas.RangeIndex", _encode_range_index, _decode_range_index
    yield pd.MultiIndex, "pandas.MultiIndex", _encode_multi_index, _decode_multi_index
    yield pd.DatetimeIndex, "pandas.DatetimeIndex", _encode_datetime_index, _decode_datetime_index
    yield pd.TimedeltaIndex, "pandas.TimedeltaIndex", _encode_timedelta_index, _decode_timedelta_index
    array_types = pd.arrays.PeriodArray, pd.arrays.IntervalArray, pd.Categorical
    for cls, array_type in zip((pd.PeriodIndex, pd.IntervalIndex, pd.CategoricalIndex), array_types):
        name = f"pandas.{cls.__name__}"
        yield cls, name, _array_index_encoder(name), _array_index_decoder(cls, array_type)
