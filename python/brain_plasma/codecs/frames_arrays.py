"""The arrays below frames, series and indexes."""

from __future__ import annotations

import importlib

from . import frames_build
from .frames_build import raw_array
from .frames_check import ARRAY_TYPES, UNITS, need, need_array, need_codes, need_index, need_items, need_times
from .frames_types import (
    SCALARS,
    STRINGS,
    need_freq,
    period_of,
    period_part,
    string_array,
    string_class,
    string_kind,
    times_dtype,
    zone_part,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Payload = tuple[str, Any]
    Entry = tuple[Any, str, Any, Any]
    Decoder = Callable[[Any, bool], Any]

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

# What stands for a missing string, as numbers: these cannot be told apart by their place in a type.
_MISSING = (None, np.nan, pd.NA, pd.NaT)
_MISSING_TYPES = {type(missing): number for number, missing in enumerate(_MISSING)}
_CLOSED = ("left", "right", "both", "neither")


# ---- arrays of objects: strings, or anything else ----------------------------------------------------


def _objects_part(array: Any) -> Any:
    """("objects", shape, items, codes) of strings and what is missing; else the array, whose encoder sees to it.

    codes: where strings come many times, the number in `items` for each place.
    """
    items = array.ravel().tolist()
    kinds = set(map(type, items))
    if not kinds <= {str, *_MISSING_TYPES}:
        return array
    if float in kinds and any(type(item) is float and item == item for item in items):
        return array
    if kinds - {str}:
        items = [item if type(item) is str else _MISSING_TYPES[type(item)] for item in items]
    codes = None
    distinct = dict.fromkeys(items)
    if len(distinct) * 4 <= len(items):
        for code, item in enumerate(distinct):
            distinct[item] = code
        codes = np.fromiter(map(distinct.__getitem__, items), np.min_scalar_type(len(distinct)), len(items))
        items = list(distinct)
    return "objects", array.shape, items, codes


def objects_from(part: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(part, 4)
    _, shape, items, codes = part
    if not trusted:
        need(type(shape) is tuple and type(items) is list, "strings without a list")
        need(all(type(length) is int and length >= 0 for length in shape), "strings of no shape")
        need(all(type(item) is str or (type(item) is int and 0 <= item < 4) for item in items), "no strings")
        if codes is not None:
            need_array(codes, "u")
    array = np.empty(len(items), object)
    array[:] = items
    for place, item in enumerate(items):
        if type(item) is int:
            array[place] = _MISSING[item]
    if codes is not None:
        array = array[codes]
    return array if len(shape) == 1 and trusted else array.reshape(shape)


def part_of(array: Any) -> Any:
    """An array, or what stands for it in a payload."""
    if type(array) is np.ndarray and array.dtype.kind == "O":
        return _objects_part(array)
    return array


def array_from(part: Any, trusted: bool) -> Any:
    """What part_of() was given."""
    if type(part) is tuple:
        need(trusted or part[:1] == ("objects",), "an array is missing")
        return objects_from(part, trusted)
    if not trusted:
        if type(part) is np.ndarray:
            need_array(part, "biufcO", None)  # objects of the types that decoders make
        else:
            need(type(part) in ARRAY_TYPES, "an array is missing")
    return part


# ---- arrays ---------------------------------------------------------------------------------------


def _encode_datetimes(array: Any) -> Payload:
    return "pandas.arrays.DatetimeArray", (
        raw_times(array),
        zone_part(array.tz),
        getattr(array, "freq", None),
    )


def _decode_datetimes(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 3)
        need_times(payload[0], "M")
        need_freq(payload[2])
    values, zone, freq = payload
    array = frames_build.way.datetimes(values, times_dtype(values, zone, trusted))
    return array if freq is None else _set_array_freq(array, freq, trusted)


def _encode_timedeltas(array: Any) -> Payload:
    return "pandas.arrays.TimedeltaArray", (raw_times(array), getattr(array, "freq", None))


def _decode_timedeltas(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        need_times(payload[0], "m")
        need_freq(payload[1])
    values, freq = payload
    array = frames_build.way.timedeltas(values)
    return array if freq is None else _set_array_freq(array, freq, trusted)


def raw_times(array: Any) -> Any:
    """The datetime64 or timedelta64 values of an array of them, in UTC; no copy."""
    raw = getattr(array, "_ndarray", None)
    if raw is None:
        raw = array.view("i8").view(f"{array.dtype.kind}8[{array.unit}]")
    return raw


def _set_array_freq(array: Any, freq: Any, trusted: bool) -> Any:
    """In pandas 2 such arrays have a frequency, later only indexes of them."""
    if not hasattr(type(array), "freq"):
        return array
    if not trusted:
        array.freq = freq  # looks at all of it
    elif hasattr(array, "_freq"):
        array._freq = freq
    return array


def _encode_periods(array: Any) -> Payload:
    return "pandas.arrays.PeriodArray", (array.asi8, period_part(array.dtype))


def _decode_periods(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        need_array(payload[0], "i", None)
        need(payload[0].dtype.itemsize == 8 and payload[0].ndim in (1, 2), "periods without numbers")
    values, name = payload
    return pd.arrays.PeriodArray(values, dtype=period_of(name, trusted))


def _encode_intervals(array: Any) -> Payload:
    left, right = (getattr(array, f"_{side}", None) for side in ("left", "right"))
    if left is None or right is None:
        left, right = raw_array(array.left), raw_array(array.right)
    return "pandas.arrays.IntervalArray", (left, right, array.closed)


def _decode_intervals(payload: Any, trusted: bool) -> Any:
    if trusted:
        return frames_build.way.intervals(*payload)
    need_items(payload, 3)
    left, right, closed = (*(array_from(side, False) for side in payload[:2]), payload[2])
    need(type(closed) is str and closed in _CLOSED and type(left) is type(right), "intervals without sides")
    need(
        left.ndim == right.ndim == 1 and left.dtype == right.dtype and len(left) == len(right),
        "uneven intervals",
    )
    need(left.dtype.kind in "iufMm", f"intervals of {left.dtype}")
    pd.arrays.IntervalArray.from_arrays(left, right, closed)  # looks at all of it, and copies
    return frames_build.way.intervals(left, right, closed)


def _encode_categorical(array: Any) -> Payload:
    return "pandas.Categorical", (array.codes, array.categories, array.ordered)


def _decode_categorical(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 3)
        codes, categories, ordered = payload
        _need_categories(categories, ordered)
        need_codes(codes, len(categories))
    return frames_build.way.categorical(*payload)


def _encode_category_dtype(dtype: Any) -> Payload:
    return "pandas.CategoricalDtype", (dtype.categories, dtype.ordered)


def _decode_category_dtype(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        if payload[0] is not None:
            _need_categories(*payload)
    return pd.CategoricalDtype(*payload)


def _need_categories(categories: Any, ordered: Any) -> None:
    need_index(categories)
    need(type(categories) is not pd.MultiIndex and not categories.hasnans, "categories that are missing")
    need(categories.is_unique and (ordered is None or type(ordered) is bool), "categories that are the same")


def _encode_masked(array: Any) -> Payload | None:
    data, mask = (getattr(array, name, None) for name in ("_data", "_mask"))
    if data is None or mask is None:
        return None
    return f"pandas.arrays.{type(array).__name__}", (data, mask)


def _masked_decoder(cls: Any, kinds: str) -> Decoder:
    def decode(payload: Any, trusted: bool) -> Any:
        if not trusted:
            need_items(payload, 2)
            data, mask = payload
            need_array(data, kinds)
            need_array(mask, "b")
            need(data.shape == mask.shape, "a mask of another length")
        return cls(*payload)

    return decode


def _encode_strings(array: Any) -> Payload:
    part = _objects_part(np.asarray(array, object))
    return "pandas.arrays.StringArray", (string_kind(array.dtype), part)


def _encode_arrow_strings(array: Any) -> Payload:
    return "pandas.arrays.ArrowStringArray", (string_kind(array.dtype), chunks_of(array))


def _decode_strings(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        need(type(payload[0]) is str and payload[0] in STRINGS, "strings of no known kind")
    kind, part = payload
    if STRINGS[kind][0] == "python":
        need(trusted or type(part) is tuple, "strings that are none")
        return string_array(kind, array_from(part, trusted))
    if not trusted:
        _need_chunks(part)
        need(str(part.type) in ("string", "large_string", "string_view"), f"strings of type {part.type}")
    return string_array(kind, part)


def _encode_arrow(array: Any) -> Payload:
    return "pandas.arrays.ArrowExtensionArray", chunks_of(array)


def _decode_arrow(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_chunks(payload)
    return pd.arrays.ArrowExtensionArray(payload)


def chunks_of(array: Any) -> Any:
    """The pyarrow.ChunkedArray of an array over Arrow."""
    chunks = getattr(array, "_pa_array", None)
    if chunks is None:
        pa: Any = importlib.import_module("pyarrow")
        chunks = pa.chunked_array([array.__arrow_array__()])
    return chunks


def _need_chunks(part: Any) -> None:
    pa: Any = importlib.import_module("pyarrow")
    need(type(part) is pa.ChunkedArray, "an Arrow array is missing")


def _encode_sparse(array: Any) -> Payload | None:
    index = array.sp_index
    if type(index).__name__ == "IntIndex":
        places: Any = (index.indices,)
    elif type(index).__name__ == "BlockIndex":
        places = index.blocs, index.blengths
    else:
        return None
    fill = array.fill_value
    return "pandas.arrays.SparseArray", (part_of(array.sp_values), index.length, places, fill)


def _decode_sparse(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 4)
        _need_sparse_places(*payload)
    values, length, places, fill = payload
    # pandas does not write to them, but its operations on two sparse arrays, equals() among them, refuse
    # what could not be written to; so these are copied.
    return frames_build.way.sparse(
        array_from(values, trusted).copy(), length, tuple(place.copy() for place in places), fill
    )


def _need_sparse_places(values: Any, length: Any, places: Any, fill: Any) -> None:
    need_array(values, "biufcMm")
    need(values.dtype.kind not in "Mm" or np.datetime_data(values.dtype)[0] in UNITS, f"{values.dtype} in it")
    need(type(length) is int and 0 <= length < 2**31, "a sparse array of no length")
    need(type(places) is tuple and 1 <= len(places) <= 2, "a sparse array without places")
    for place in places:
        need_array(place, "i")
        need(place.dtype.itemsize == 4, "a sparse array without places")
    starts = places[0].astype(np.int64)
    lengths = places[1].astype(np.int64) if len(places) == 2 else np.ones_like(starts)
    need(
        len(starts) == len(lengths) and int(lengths.sum()) == len(values), "a sparse array of another length"
    )
    if len(starts):
        ends = starts + lengths
        # Blocks that touch are one; two places differ.
        touching = 0 if len(places) == 1 else 1
        need(
            bool(starts[0] >= 0 and (lengths > 0).all() and ends[-1] <= length), "sparse places out of range"
        )
        need(bool((starts[1:] >= ends[:-1] + touching).all()), "sparse places out of order")
    scalar = type(fill) in (bool, int, float, complex, *SCALARS) or isinstance(fill, np.generic)
    need(scalar, "a sparse array without a fill value")


def _encode_numpy(array: Any) -> Payload:
    return "pandas.arrays.NumpyExtensionArray", part_of(array.to_numpy())


def _decode_numpy(payload: Any, trusted: bool) -> Any:
    if not trusted and type(payload) is np.ndarray and payload.dtype.kind in "MmUS":
        return pd.arrays.NumpyExtensionArray(payload)
    return pd.arrays.NumpyExtensionArray(array_from(payload, trusted))


def entries() -> Iterator[Entry]:
    """(type, name, encoder, decoder) of each."""
    yield pd.arrays.DatetimeArray, "pandas.arrays.DatetimeArray", _encode_datetimes, _decode_datetimes
    yield pd.arrays.TimedeltaArray, "pandas.arrays.TimedeltaArray", _encode_timedeltas, _decode_timedeltas
    yield pd.arrays.PeriodArray, "pandas.arrays.PeriodArray", _encode_periods, _decode_periods
    yield pd.arrays.IntervalArray, "pandas.arrays.IntervalArray", _encode_intervals, _decode_intervals
    yield pd.Categorical, "pandas.Categorical", _encode_categorical, _decode_categorical
    yield pd.CategoricalDtype, "pandas.CategoricalDtype", _encode_category_dtype, _decode_category_dtype
    for name, kinds in (("IntegerArray", "iu"), ("FloatingArray", "f"), ("BooleanArray", "b")):
        cls = getattr(pd.arrays, name)
        yield cls, f"pandas.arrays.{name}", _encode_masked, _masked_decoder(cls, kinds)
    for kind, (storage, _) in STRINGS.items():
        cls = string_class(kind)
        if cls is None:
            continue
        if storage == "python":
            yield cls, "pandas.arrays.StringArray", _encode_strings, _decode_strings
        else:
            yield cls, "pandas.arrays.ArrowStringArray", _encode_arrow_strings, _decode_strings
    yield pd.arrays.ArrowExtensionArray, "pandas.arrays.ArrowExtensionArray", _encode_arrow, _decode_arrow
    yield pd.arrays.SparseArray, "pandas.arrays.SparseArray", _encode_sparse, _decode_sparse
    yield pd.arrays.NumpyExtensionArray, "pandas.arrays.NumpyExtensionArray", _encode_numpy, _decode_numpy


ARRAY_TYPES.update(cls for cls, *_ in entries() if cls is not pd.CategoricalDtype)
