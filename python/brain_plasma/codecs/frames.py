"""pandas: frames, series, indexes, the arrays below them, and the scalars in their labels.

A frame is stored by its blocks as they lie, and put together from them again, so that a recall neither copies
data nor looks at it. Two things are copied on the way: strings that are Python objects, and up to MAX_LABELS
labels of an index, which are worth more as an index that is at hand already (_labelled) than as shared bytes.

pandas has no public way to do that without a look at the data. `_build` is the inner way (_Inner), or, where
this pandas is not as expected, the public one (_Public), which is slower. Both get what has been checked: each
decoder checks its payload first where it is not trusted. A check has to see to it that nothing reads beyond
its memory later and that each part has the type and the length which pandas takes for granted; whether dates
make sense is not its business.
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import re
import zoneinfo
from functools import lru_cache, wraps

from ..exceptions import BrainCorruptError, BrainError
from . import decoders, encoders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any

    Payload = tuple[str, Any]
    Decoder = Callable[[Any, bool], Any]

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")
offsets: Any = importlib.import_module("pandas.tseries.offsets")

#: An index of at most so many strings is stored as a list of them.
MAX_LABELS = 256
#: And of no more characters.
MAX_LABEL_CHARACTERS = 8192
#: More columns without a row are not believed.
MAX_EMPTY_COLUMNS = 1_000_000

# What stands for a missing string, as numbers: these cannot be told apart by their place in a type.
_MISSING = (None, np.nan, pd.NA, pd.NaT)
_MISSING_TYPES = {type(missing): number for number, missing in enumerate(_MISSING)}

# dtype of strings, as we name it -> storage, and what is missing in it.
_STRINGS: dict[str, tuple[str, Any]] = {
    "string[python]": ("python", pd.NA),
    "string[pyarrow]": ("pyarrow", pd.NA),
    "str[python]": ("python", np.nan),
    "str[pyarrow]": ("pyarrow", np.nan),
}

_OFFSETS = {
    name: getattr(offsets, name)
    for name in (
        "BQuarterBegin BQuarterEnd BYearBegin BYearEnd BusinessDay BusinessMonthBegin BusinessMonthEnd DateOffset "
        "Day Easter FY5253 FY5253Quarter HalfYearBegin HalfYearEnd BHalfYearBegin BHalfYearEnd Hour LastWeekOfMonth "
        "Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin QuarterEnd Second SemiMonthBegin SemiMonthEnd Week "
        "WeekOfMonth YearBegin YearEnd"
    ).split()
    if hasattr(offsets, name)
}

_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_OFFSET_MINUTES = re.compile(r"-?[0-9]{1,5}")
_PERIOD_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_UNITS = ("s", "ms", "us", "ns")
_CLOSED = ("left", "right", "both", "neither")
_PERIOD_UNKNOWN = "this pandas has no such period"


# ---- what is wrong with a payload -----------------------------------------------------------------


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise BrainCorruptError(f"what is stored of a pandas object makes no sense: {what}")


def _need_items(payload: Any, count: int) -> None:
    _need(type(payload) is tuple and len(payload) == count, f"a payload that is no tuple of {count}")


def _need_array(array: Any, kinds: str, ndim: int | None = 1) -> None:
    _need(type(array) is np.ndarray, "an array is missing")
    _need(array.dtype.kind in kinds and array.dtype.isnative, f"an array of {array.dtype}")
    _need(ndim is None or array.ndim == ndim, f"an array of {array.ndim} dimensions")


def _need_times(array: Any, kind: str) -> None:
    _need_array(array, kind, None)
    _need(array.ndim in (1, 2), f"dates in {array.ndim} dimensions")
    _need(np.datetime_data(array.dtype) in [(unit, 1) for unit in _UNITS], f"an array of {array.dtype}")


def _need_name(name: Any) -> None:
    try:
        hash(name)
    except TypeError:
        _need(False, "a name that cannot be hashed")


def _need_index(index: Any) -> None:
    _need(type(index) in _INDEX_TYPES, "an index is missing")


def _need_codes(codes: Any, count: int) -> None:
    _need_array(codes, "i")
    _need(codes.size == 0 or (codes.min() >= -1 and codes.max() < count), "a code without a category")


# ---- time zones, frequencies, dtypes --------------------------------------------------------------


def _zone_part(zone: datetime.tzinfo | None) -> Any:
    """A zone as text where it is one of those that a name says all about, else as it is."""
    if zone is None:
        return None
    text = None
    package = type(zone).__module__.partition(".")[0]
    if type(zone) is datetime.timezone:
        seconds = zone.utcoffset(None).total_seconds()
        text = "UTC" if zone is datetime.timezone.utc else f"fixed:{int(seconds / 60)}"
        return text if repr(_zone(text)) == repr(zone) else zone
    if type(zone) is zoneinfo.ZoneInfo and zone.key:
        text = f"zoneinfo:{zone.key}"
        return text if _ZONE_NAME.fullmatch(zone.key) and _zone(text) is zone else zone
    if package == "pytz":
        name: Any = getattr(zone, "zone", None)
        minutes = getattr(zone, "_minutes", None)
        if name is None and minutes is not None:
            return f"pytz-fixed:{minutes}"
        if type(name) is str and _ZONE_NAME.fullmatch(name):
            return f"pytz:{name}"
    return zone


@lru_cache(maxsize=256)
def _zone(text: str) -> datetime.tzinfo:
    kind, _, name = text.partition(":")
    if kind == "UTC":
        return datetime.timezone.utc
    if kind in ("fixed", "pytz-fixed"):
        _need(_OFFSET_MINUTES.fullmatch(name) is not None, "a time zone of no known form")
        if kind == "fixed":
            return datetime.timezone(datetime.timedelta(minutes=int(name)))
    else:
        _need(_ZONE_NAME.fullmatch(name) is not None, "a time zone of no known form")
        if kind == "zoneinfo":
            return zoneinfo.ZoneInfo(name)
    _need(kind in ("pytz", "pytz-fixed"), "a time zone of no known form")
    pytz: Any = importlib.import_module("pytz")  # pandas 3 does not need it

    zone: datetime.tzinfo = pytz.timezone(name) if kind == "pytz" else pytz.FixedOffset(int(name))
    return zone


def _zone_of(part: Any, trusted: bool) -> datetime.tzinfo:
    if type(part) is str:
        return _zone(part)
    _need(trusted or type(part) in (datetime.timezone, zoneinfo.ZoneInfo), "a time zone of no known form")
    zone: datetime.tzinfo = part
    return zone


@lru_cache(maxsize=256)
def _zoned_dtype(unit: str, zone: str) -> Any:
    return pd.DatetimeTZDtype(unit, _zone(zone))


def _times_dtype(values: Any, zone: Any, trusted: bool) -> Any:
    """The dtype of a DatetimeArray over datetime64 values."""
    if zone is None:
        return values.dtype
    unit = np.datetime_data(values.dtype)[0]
    if type(zone) is str:
        return _zoned_dtype(unit, zone)
    return pd.DatetimeTZDtype(unit, _zone_of(zone, trusted))


def _encode_offset(offset: Any) -> Payload | None:
    name, words = type(offset).__name__, offset.kwds
    if words.get("offset") == datetime.timedelta():
        del words["offset"]  # business days have it, and it is what they have where none is given
    if not all(type(value) in (int, str) for value in words.values()):
        return None
    payload = name, int(offset.n), bool(offset.normalize), tuple(words.items())
    same = _offset(*payload)
    return ("pandas.offset", payload) if type(same) is type(offset) and same == offset else None


@lru_cache(maxsize=256)
def _offset(name: str, n: int, normalize: bool, words: tuple[tuple[str, Any], ...]) -> Any:
    # Ticks know no `normalize`.
    return _OFFSETS[name](n, **({"normalize": True} if normalize else {}), **dict(words))


def _decode_offset(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 4)
        name, n, normalize, words = payload
        _need(type(name) is str and name in _OFFSETS, "a frequency that pandas has not")
        _need(type(n) is int and abs(n) < 2**31 and type(normalize) is bool, "a frequency without a number")
        _need(type(words) is tuple and all(type(word) is tuple and len(word) == 2 for word in words), "a frequency")
        _need(all(type(key) is str and type(value) in (int, str) for key, value in words), "a frequency")
    return _offset(*payload)


def _need_freq(freq: Any) -> None:
    _need(freq is None or type(freq) in _OFFSETS.values(), "a frequency that pandas has not")


@lru_cache(maxsize=256)
def _period_dtype(name: str) -> Any:
    _need(_PERIOD_NAME.fullmatch(name) is not None, _PERIOD_UNKNOWN)
    return pd.PeriodDtype(name)


def _period_part(dtype: Any) -> Any:
    name = dtype.name[len("period[") : -1]
    return name if _PERIOD_NAME.fullmatch(name) and _period_dtype(name) == dtype else dtype


def _period_of(part: Any, trusted: bool) -> Any:
    if type(part) is str:
        return _period_dtype(part)
    _need(trusted, _PERIOD_UNKNOWN)
    return part


@lru_cache(maxsize=256)
def _interval_dtype(subtype: Any, closed: str) -> Any:
    return pd.IntervalDtype(subtype, closed)


def _string_kind(dtype: Any) -> str:
    """The name in _STRINGS of a StringDtype."""
    if dtype.storage == "pyarrow_numpy":  # before pandas 2.3
        return "str[pyarrow]"
    return f"{'string' if dtype.na_value is pd.NA else 'str'}[{dtype.storage}]"


@lru_cache(maxsize=8)
def _string_dtype(kind: str) -> Any:
    storage, missing = _STRINGS[kind]
    if missing is pd.NA:
        return pd.StringDtype(storage)
    if "na_value" in inspect.signature(pd.StringDtype).parameters:
        return pd.StringDtype(storage, na_value=missing)
    _need(storage == "pyarrow", "pandas before 2.3 has no such strings")
    return pd.StringDtype("pyarrow_numpy")


def _string_array(kind: str, values: Any) -> Any:
    dtype = _string_dtype(kind)
    if _STRINGS_TAKE_DTYPE:
        return dtype.construct_array_type()(values, dtype=dtype)
    return dtype.construct_array_type()(values)


_STRINGS_TAKE_DTYPE = "dtype" in inspect.signature(pd.arrays.StringArray.__init__).parameters


# ---- arrays of objects: strings, or what has to be pickled ----------------------------------------


def _objects_part(array: Any) -> Any:
    """("objects", shape, items, codes): of strings and what is missing; else the array, which is then pickled."""
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


def _objects(part: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(part, 4)
    _, shape, items, codes = part
    if not trusted:
        _need(type(shape) is tuple and type(items) is list, "strings without a list")
        _need(all(type(length) is int and length >= 0 for length in shape), "strings of no shape")
        _need(all(type(item) is str or (type(item) is int and 0 <= item < 4) for item in items), "no strings")
        if codes is not None:
            _need_array(codes, "u")
    array = np.empty(len(items), object)
    array[:] = items
    for place, item in enumerate(items):
        if type(item) is int:
            array[place] = _MISSING[item]
    if codes is not None:
        array = array[codes]
    return array if len(shape) == 1 and trusted else array.reshape(shape)


def _part(array: Any) -> Any:
    """An array, or what stands for it in a payload."""
    if type(array) is np.ndarray and array.dtype.kind == "O":
        return _objects_part(array)
    return array


def _array(part: Any, trusted: bool) -> Any:
    """What _part() was given."""
    if type(part) is tuple:
        _need(trusted or part[:1] == ("objects",), "an array is missing")
        return _objects(part, trusted)
    if not trusted:
        if type(part) is np.ndarray:
            _need_array(part, "biufc", None)
        else:
            _need(type(part) in _ARRAY_TYPES, "an array is missing")
    return part


# ---- arrays ---------------------------------------------------------------------------------------


def _encode_datetimes(array: Any) -> Payload:
    return "pandas.arrays.DatetimeArray", (_raw_times(array), _zone_part(array.tz), getattr(array, "freq", None))


def _decode_datetimes(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 3)
        _need_times(payload[0], "M")
        _need_freq(payload[2])
    values, zone, freq = payload
    array = _build.datetimes(values, _times_dtype(values, zone, trusted))
    return array if freq is None else _set_array_freq(array, freq, trusted)


def _encode_timedeltas(array: Any) -> Payload:
    return "pandas.arrays.TimedeltaArray", (_raw_times(array), getattr(array, "freq", None))


def _decode_timedeltas(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        _need_times(payload[0], "m")
        _need_freq(payload[1])
    values, freq = payload
    array = _build.timedeltas(values)
    return array if freq is None else _set_array_freq(array, freq, trusted)


def _raw_times(array: Any) -> Any:
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
    return "pandas.arrays.PeriodArray", (array.asi8, _period_part(array.dtype))


def _decode_periods(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        _need_array(payload[0], "i", None)
        _need(payload[0].dtype.itemsize == 8 and payload[0].ndim in (1, 2), "periods without numbers")
    values, name = payload
    return pd.arrays.PeriodArray(values, dtype=_period_of(name, trusted))


def _encode_intervals(array: Any) -> Payload:
    left, right = (getattr(array, f"_{side}", None) for side in ("left", "right"))
    if left is None or right is None:
        left, right = _raw(array.left), _raw(array.right)
    return "pandas.arrays.IntervalArray", (left, right, array.closed)


def _decode_intervals(payload: Any, trusted: bool) -> Any:
    if trusted:
        return _build.intervals(*payload)
    _need_items(payload, 3)
    left, right, closed = (*(_array(side, False) for side in payload[:2]), payload[2])
    _need(type(closed) is str and closed in _CLOSED and type(left) is type(right), "intervals without sides")
    _need(left.ndim == right.ndim == 1 and left.dtype == right.dtype and len(left) == len(right), "uneven intervals")
    _need(left.dtype.kind in "iufMm", f"intervals of {left.dtype}")
    pd.arrays.IntervalArray.from_arrays(left, right, closed)  # looks at all of it, and copies
    return _build.intervals(left, right, closed)


def _encode_categorical(array: Any) -> Payload:
    return "pandas.Categorical", (array.codes, array.categories, array.ordered)


def _decode_categorical(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 3)
        codes, categories, ordered = payload
        _need_categories(categories, ordered)
        _need_codes(codes, len(categories))
    return _build.categorical(*payload)


def _encode_category_dtype(dtype: Any) -> Payload:
    return "pandas.CategoricalDtype", (dtype.categories, dtype.ordered)


def _decode_category_dtype(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        if payload[0] is not None:
            _need_categories(*payload)
    return pd.CategoricalDtype(*payload)


def _need_categories(categories: Any, ordered: Any) -> None:
    _need_index(categories)
    _need(type(categories) is not pd.MultiIndex and not categories.hasnans, "categories that are missing")
    _need(categories.is_unique and (ordered is None or type(ordered) is bool), "categories that are the same")


def _encode_masked(array: Any) -> Payload | None:
    data, mask = (getattr(array, name, None) for name in ("_data", "_mask"))
    if data is None or mask is None:
        return None
    return f"pandas.arrays.{type(array).__name__}", (data, mask)


def _masked_decoder(cls: Any, kinds: str) -> Decoder:
    def decode(payload: Any, trusted: bool) -> Any:
        if not trusted:
            _need_items(payload, 2)
            data, mask = payload
            _need_array(data, kinds)
            _need_array(mask, "b")
            _need(data.shape == mask.shape, "a mask of another length")
        return cls(*payload)

    return decode


def _encode_strings(array: Any) -> Payload:
    part = _objects_part(np.asarray(array, object))
    return "pandas.arrays.StringArray", (_string_kind(array.dtype), part)


def _encode_arrow_strings(array: Any) -> Payload:
    return "pandas.arrays.ArrowStringArray", (_string_kind(array.dtype), _chunks(array))


def _decode_strings(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        _need(type(payload[0]) is str and payload[0] in _STRINGS, "strings of no known kind")
    kind, part = payload
    if _STRINGS[kind][0] == "python":
        return _string_array(kind, _array(part, trusted))
    if not trusted:
        _need_chunks(part)
        _need(str(part.type) in ("string", "large_string", "string_view"), f"strings of type {part.type}")
    return _string_array(kind, part)


def _encode_arrow_array(array: Any) -> Payload:
    return "pandas.arrays.ArrowExtensionArray", _chunks(array)


def _decode_arrow_array(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_chunks(payload)
    return pd.arrays.ArrowExtensionArray(payload)


def _chunks(array: Any) -> Any:
    """The pyarrow.ChunkedArray of an array over Arrow."""
    chunks = getattr(array, "_pa_array", None)
    if chunks is None:
        pa: Any = importlib.import_module("pyarrow")
        chunks = pa.chunked_array([array.__arrow_array__()])
    return chunks


def _need_chunks(part: Any) -> None:
    pa: Any = importlib.import_module("pyarrow")
    _need(type(part) is pa.ChunkedArray, "an Arrow array is missing")


def _encode_sparse(array: Any) -> Payload | None:
    index = array.sp_index
    if type(index).__name__ == "IntIndex":
        places: Any = (index.indices,)
    elif type(index).__name__ == "BlockIndex":
        places = index.blocs, index.blengths
    else:
        return None
    fill = array.fill_value
    return "pandas.arrays.SparseArray", (_part(array.sp_values), index.length, places, fill)


def _decode_sparse(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 4)
        _need_sparse_places(*payload)
    values, length, places, fill = payload
    # pandas does not write to them, but its operations on two sparse arrays, equals() among them, refuse
    # what could not be written to; so these are copied.
    return _build.sparse(_array(values, trusted).copy(), length, tuple(place.copy() for place in places), fill)


def _need_sparse_places(values: Any, length: Any, places: Any, fill: Any) -> None:
    _need_array(values, "biufcMm")
    _need(values.dtype.kind not in "Mm" or np.datetime_data(values.dtype)[0] in _UNITS, f"{values.dtype} in it")
    _need(type(length) is int and 0 <= length < 2**31, "a sparse array of no length")
    _need(type(places) is tuple and 1 <= len(places) <= 2, "a sparse array without places")
    for place in places:
        _need_array(place, "i")
        _need(place.dtype.itemsize == 4, "a sparse array without places")
    starts = places[0].astype(np.int64)
    lengths = places[1].astype(np.int64) if len(places) == 2 else np.ones_like(starts)
    _need(len(starts) == len(lengths) and int(lengths.sum()) == len(values), "a sparse array of another length")
    if len(starts):
        ends = starts + lengths
        # Blocks that touch are one; two places differ.
        touching = 0 if len(places) == 1 else 1
        _need(bool(starts[0] >= 0 and (lengths > 0).all() and ends[-1] <= length), "sparse places out of range")
        _need(bool((starts[1:] >= ends[:-1] + touching).all()), "sparse places out of order")
    scalar = type(fill) in (bool, int, float, complex, *_SCALARS) or isinstance(fill, np.generic)
    _need(scalar, "a sparse array without a fill value")


def _encode_numpy_array(array: Any) -> Payload:
    return "pandas.arrays.NumpyExtensionArray", _part(array.to_numpy())


def _decode_numpy_array(payload: Any, trusted: bool) -> Any:
    if not trusted and type(payload) is np.ndarray and payload.dtype.kind in "MmUS":
        return pd.arrays.NumpyExtensionArray(payload)
    return pd.arrays.NumpyExtensionArray(_array(payload, trusted))


def _raw(values: Any) -> Any:
    """The array of a series or an index: of NumPy, or an extension array; no copy."""
    array = values.array
    return array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array


# ---- indexes --------------------------------------------------------------------------------------


def _encode_index(index: Any) -> Payload:
    array = _raw(index)
    return "pandas.Index", (_labels_part(index, array) or _part(array), index.name)


def _labels_part(index: Any, array: Any) -> Any:
    """("labels", dtype, strings) of an index with few strings and nothing else, or None."""
    if isinstance(index.dtype, pd.StringDtype):
        kind = _string_kind(index.dtype)
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
        _need_items(payload, 2)
        _need_name(payload[1])
    part, name = payload
    if type(part) is tuple and part[:1] == ("labels",):
        if not trusted:
            _need_labels(part)
        return _labelled(part[1], part[2], name)
    array = _array(part, trusted)
    if not trusted:
        _need(array.ndim == 1 and array.dtype.kind not in "Mm" and not _in_own_index(array), "no values of an index")
    return _build.index(pd.Index, array, name)


def _need_labels(part: Any) -> None:
    _need_items(part, 3)
    _, kind, labels = part
    _need(type(kind) is str and (kind == "object" or kind in _STRINGS), "labels of no known kind")
    _need(type(labels) is tuple and len(labels) <= MAX_LABELS, "labels without a tuple")
    _need(all(type(label) is str for label in labels), "labels that are no text")
    _need(sum(map(len, labels)) <= MAX_LABEL_CHARACTERS, "labels that are too long")


def _in_own_index(array: Any) -> bool:
    return type(array) in _INDEX_ARRAY_TYPES


def _labelled(kind: str, labels: tuple[str, ...], name: Hashable) -> Any:
    """An index of strings: a view of the one that is kept, since names are set on the index itself."""
    index = _kept_index(kind, labels)
    if kind == "object" or kind.endswith("[python]"):
        view = index.view()
    else:
        # To set an item of an Arrow array changes the array object, so each has its own.
        view = _build.index(pd.Index, index.array.copy(), None)
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
        values = _string_array(kind, pa.chunked_array([pa.array(labels, pa.large_string())]))
    else:
        values = _string_array(kind, values)
        getattr(values, "_ndarray", values).flags.writeable = False
    return pd.Index(values, dtype=values.dtype, copy=False)


def _encode_range_index(index: Any) -> Payload:
    return "pandas.RangeIndex", (index.start, index.stop, index.step, index.name)


def _decode_range_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 4)
        _need(all(type(bound) is int and abs(bound) < 2**63 for bound in payload[:3]), "a range without numbers")
        _need(payload[2] != 0 and len(range(*payload[:3])) < 2**62, "a range without end")
        _need_name(payload[3])
    start, stop, step, name = payload
    return _build.range_index(range(start, stop, step), name)


def _encode_datetime_index(index: Any) -> Payload:
    array = index.array
    return "pandas.DatetimeIndex", (_raw_times(array), _zone_part(index.tz), index.freq, index.name)


def _decode_datetime_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 4)
        _need_times(payload[0], "M")
        _need(payload[0].ndim == 1, "an index of two dimensions")
        _need_freq(payload[2])
        _need_name(payload[3])
    values, zone, freq, name = payload
    array = _build.datetimes(values, _times_dtype(values, zone, trusted))
    return _with_freq(_build.index(pd.DatetimeIndex, array, name), freq, trusted)


def _encode_timedelta_index(index: Any) -> Payload:
    return "pandas.TimedeltaIndex", (_raw_times(index.array), index.freq, index.name)


def _decode_timedelta_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 3)
        _need_times(payload[0], "m")
        _need(payload[0].ndim == 1, "an index of two dimensions")
        _need_freq(payload[1])
        _need_name(payload[2])
    values, freq, name = payload
    return _with_freq(_build.index(pd.TimedeltaIndex, _build.timedeltas(values), name), freq, trusted)


def _with_freq(index: Any, freq: Any, trusted: bool) -> Any:
    if freq is not None:
        if trusted:
            _build.set_freq(index, freq)
        else:
            index.freq = freq  # looks at all of it
    return index


def _array_index_encoder(name: str) -> Callable[[Any], Payload]:
    def encode(index: Any) -> Payload:
        return name, (index.array, index.name)

    return encode


def _array_index_decoder(cls: Any, array_type: type) -> Decoder:
    def decode(payload: Any, trusted: bool) -> Any:
        if not trusted:
            _need_items(payload, 2)
            _need(type(payload[0]) is array_type and payload[0].ndim == 1, "an index without its array")
            _need_name(payload[1])
        return _build.index(cls, *payload)

    return decode


def _encode_multi_index(index: Any) -> Payload:
    return "pandas.MultiIndex", (list(index.levels), list(index.codes), list(index.names), index.sortorder)


def _decode_multi_index(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_multi_index(payload)
    levels, codes, names, sortorder = payload
    return pd.MultiIndex(levels, codes, sortorder=sortorder, names=names, verify_integrity=not trusted)


def _need_multi_index(payload: Any) -> None:
    _need_items(payload, 4)
    levels, codes, names, sortorder = payload
    _need(all(type(part) is list for part in payload[:3]), "levels without a list")
    _need(0 < len(levels) == len(codes) == len(names), "levels without codes")
    _need(sortorder is None or (type(sortorder) is int and 0 <= sortorder <= len(levels)), "a sort order")
    for level, level_codes, name in zip(levels, codes, names):
        _need_index(level)
        _need(type(level) is not pd.MultiIndex, "a level that has levels")
        _need_codes(level_codes, len(level))
        _need(len(level_codes) == len(codes[0]), "levels of different lengths")
        _need_name(name)


# ---- series and frames ----------------------------------------------------------------------------


def _encode_series(series: Any) -> Payload:
    return "pandas.Series", (
        _part(_raw(series)),
        series.index,
        series.name,
        series.flags.allows_duplicate_labels,
        series.attrs or None,
    )


def _decode_series(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 5)
        _need_name(payload[2])
        _need_index(payload[1])
    part, index, name, allows_duplicates, attrs = payload
    array = _array(part, trusted)
    if not trusted:
        _need(array.ndim == 1 and len(array) == len(index), "a series of another length than its index")
        _need(type(array) is not np.ndarray or array.dtype.kind not in "Mm", "dates without their array")
    return _finish(_build.series(array, index, name), allows_duplicates, attrs, trusted)


def _encode_frame(frame: Any) -> Payload:
    return "pandas.DataFrame", (
        frame.columns,
        frame.index,
        _build.blocks(frame),
        frame.flags.allows_duplicate_labels,
        frame.attrs or None,
    )


def _decode_frame(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 5)
    columns, index, blocks, allows_duplicates, attrs = payload
    if trusted:
        blocks = [(part if type(part) is not tuple else _objects(part, True), place) for part, place in blocks]
    else:
        blocks = _checked_blocks(blocks, columns, index)
    return _finish(_build.frame(blocks, columns, index), allows_duplicates, attrs, trusted)


def _finish(result: Any, allows_duplicates: Any, attrs: Any, trusted: bool) -> Any:
    """Flags and attributes, where they are not as they mostly are."""
    if allows_duplicates is not True:
        _need(trusted or allows_duplicates is False, "flags that pandas has not")
        if trusted:
            object.__setattr__(result, "_flags", pd.Flags(result, allows_duplicate_labels=False))
        else:
            result.flags.allows_duplicate_labels = False  # looks at the labels
    if attrs is not None:
        _need(trusted or type(attrs) is dict, "attributes that are no dict")
        result.attrs = attrs
    return result


def _checked_blocks(blocks: Any, columns: Any, index: Any) -> list[tuple[Any, Any]]:
    """The blocks of a frame, which may be anything: each column in one place, each block as long as the index."""
    _need_index(columns)
    _need_index(index)
    _need(type(blocks) is list, "a frame without blocks")
    checked: list[tuple[Any, Any]] = []
    count = 0
    for block in blocks:
        _need_items(block, 2)
        array, place = _array(block[0], False), block[1]
        if type(array) in _TYPES_OF_2D:
            _need(array.ndim == 2, "a block without columns")
            width, length = array.shape
        else:
            _need(array.ndim == 1, "a block of too many dimensions")
            width, length = 1, len(array)
        _need(length == len(index), "a block of another length than the index")
        _need(width > 0 and _placed(place) == width, "a block without places")
        count += width
        checked.append((array, place))
    _need(count == len(columns) and (len(index) > 0 or count <= MAX_EMPTY_COLUMNS), "columns without blocks")
    taken = np.zeros(count, bool)
    for _, place in checked:
        positions = np.arange(*place) if type(place) is tuple else place
        _need(int(positions.min()) >= 0 and int(positions.max()) < count, "a column out of range")
        taken[positions] = True
    _need(bool(taken.all()), "a column in two places")
    return checked


def _placed(place: Any) -> int:
    """How many columns a place is for."""
    if type(place) is not tuple:
        _need_array(place, "i")
        _need(place.dtype.itemsize == 8, "a block without places")
        return len(place)
    _need_items(place, 3)
    _need(all(type(number) is int and abs(number) < 2**31 for number in place), "a block without places")
    _need(place[0] >= 0 and place[1] >= 0 and place[2] > 0, "a block without places")
    return len(range(*place))


def _place_part(places: Any) -> Any:
    """Of a BlockPlacement: (start, stop, step), or an array of numbers."""
    indexer = places.indexer
    if type(indexer) is slice and None not in (indexer.start, indexer.stop) and (indexer.step or 1) > 0:
        return indexer.start, indexer.stop, indexer.step or 1
    return places.as_array.astype(np.int64)


# ---- scalars, which are labels, names, and in attributes ------------------------------------------


def _encode_timestamp(stamp: Any) -> Payload | None:
    payload = int(stamp.asm8.view("i8")), stamp.unit, _zone_part(stamp.tz)
    same = _decode_timestamp(payload, True)
    return ("pandas.Timestamp", payload) if same == stamp and same.fold == stamp.fold else None


def _decode_timestamp(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 3)
        _need_time(*payload[:2])
    value, unit, zone = payload
    stamp = pd.Timestamp(np.datetime64(value, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(_zone_of(zone, trusted))


def _encode_timedelta(delta: Any) -> Payload:
    return "pandas.Timedelta", (int(delta.asm8.view("i8")), delta.unit)


def _decode_timedelta(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        _need_time(*payload)
    return pd.Timedelta(np.timedelta64(*payload))


def _need_time(value: Any, unit: Any) -> None:
    _need(type(value) is int and abs(value) < 2**63 and type(unit) is str and unit in _UNITS, "a time")


def _encode_period(period: Any) -> Payload:
    return "pandas.Period", (period.ordinal, _period_part(pd.PeriodDtype(period.freq)))


def _decode_period(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 2)
        _need(type(payload[0]) is int, "a period without a number")
    ordinal, name = payload
    return pd.Period(ordinal=ordinal, freq=_period_of(name, trusted).freq)


def _encode_interval(interval: Any) -> Payload:
    return "pandas.Interval", (interval.left, interval.right, interval.closed)


def _decode_interval(payload: Any, trusted: bool) -> Any:
    if not trusted:
        _need_items(payload, 3)
        _need(type(payload[2]) is str, "an interval without sides")
    return pd.Interval(*payload)


# ---- the public way, and the inner one ------------------------------------------------------------


class _Public:
    """Objects of pandas from their arrays, by what pandas documents: it copies now and then, and looks at data."""

    def datetimes(self, values: Any, dtype: Any) -> Any:
        array: Any = pd.array(values.ravel(), dtype=values.dtype, copy=False)
        if not isinstance(dtype, np.dtype):
            array = pd.DatetimeIndex(array, copy=False).tz_localize("UTC").tz_convert(dtype.tz).array
        return array if values.ndim == 1 else array.reshape(values.shape)

    def timedeltas(self, values: Any) -> Any:
        array: Any = pd.array(values.ravel(), dtype=values.dtype, copy=False)
        return array if values.ndim == 1 else array.reshape(values.shape)

    def intervals(self, left: Any, right: Any, closed: str) -> Any:
        return pd.arrays.IntervalArray.from_arrays(left, right, closed)

    def categorical(self, codes: Any, categories: Any, ordered: bool | None) -> Any:
        return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(categories, ordered))

    def sparse(self, values: Any, length: int, places: tuple[Any, ...], fill: Any) -> Any:
        dtype = pd.SparseDtype(values.dtype, fill)
        index = _sparse_index(length, places)
        if hasattr(pd.arrays.SparseArray, "from_indices"):
            kind = "integer" if len(places) == 1 else "block"
            indices = index.to_int_index().indices
            return pd.arrays.SparseArray.from_indices(values, indices, length, fill, kind, values.dtype)
        return pd.arrays.SparseArray(values, sparse_index=index, fill_value=fill, dtype=dtype, copy=False)

    def index(self, cls: Any, array: Any, name: Hashable) -> Any:
        if cls is pd.Index:
            return pd.Index(array, dtype=array.dtype, name=name, copy=False)
        return cls(array, name=name)

    def set_freq(self, index: Any, freq: Any) -> None:
        index.freq = freq

    def range_index(self, numbers: range, name: Hashable) -> Any:
        return pd.RangeIndex(numbers, name=name)

    def series(self, array: Any, index: Any, name: Hashable) -> Any:
        return pd.Series(array, index=index, dtype=array.dtype, name=name, copy=False)

    def blocks(self, frame: Any) -> list[tuple[Any, Any]]:
        return [_block(_raw(frame.iloc[:, number]), number) for number in range(frame.shape[1])]

    def frame(self, blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
        series: dict[int, Any] = {}
        for array, place in blocks:
            numbers: Iterable[int] = range(*place) if type(place) is tuple else place.tolist()
            for row, number in enumerate(numbers):
                column = array[row] if array.ndim == 2 else array
                series[number] = self.series(column, index, None)
        frame = pd.DataFrame({number: series[number] for number in range(len(series))}, index=index, copy=False)
        frame.columns = columns
        return frame


class _Inner(_Public):
    """The same in a few microseconds: without a copy, without a look at the data."""

    def __init__(self) -> None:
        internals: Any = importlib.import_module("pandas._libs.internals")
        managers: Any = importlib.import_module("pandas.core.internals.managers")
        blocks: Any = importlib.import_module("pandas.core.internals.blocks")
        self.BlockPlacement = internals.BlockPlacement
        self.BlockValuesRefs = internals.BlockValuesRefs
        self.BlockManager = managers.BlockManager
        self.SingleBlockManager = managers.SingleBlockManager
        self.new_block = blocks.new_block
        # Who shares what he has with somebody else copies before he writes: so what lies in a store is
        # shared with a block that is never written to.
        place = self.BlockPlacement(slice(0, 1, 1))
        self.keeper = self.new_block(np.zeros((1, 1)), placement=place, ndim=2)
        # In pandas 2 the array below an index has its frequency.
        self.freq_of_index = not hasattr(pd.arrays.DatetimeArray, "freq")

    def refs(self) -> Any:
        refs = self.BlockValuesRefs()
        refs.add_reference(self.keeper)
        return refs

    def datetimes(self, values: Any, dtype: Any) -> Any:
        return pd.arrays.DatetimeArray._simple_new(values, dtype=dtype)

    def timedeltas(self, values: Any) -> Any:
        return pd.arrays.TimedeltaArray._simple_new(values, dtype=values.dtype)

    def intervals(self, left: Any, right: Any, closed: str) -> Any:
        return pd.arrays.IntervalArray._simple_new(left, right, dtype=_interval_dtype(left.dtype, closed))

    def categorical(self, codes: Any, categories: Any, ordered: bool | None) -> Any:
        return pd.Categorical._simple_new(codes, pd.CategoricalDtype._from_fastpath(categories, ordered))

    def sparse(self, values: Any, length: int, places: tuple[Any, ...], fill: Any) -> Any:
        dtype = pd.SparseDtype(values.dtype, fill)
        return pd.arrays.SparseArray._simple_new(values, _sparse_index(length, places), dtype)

    def index(self, cls: Any, array: Any, name: Hashable) -> Any:
        return cls._simple_new(array, name, self.refs())

    def set_freq(self, index: Any, freq: Any) -> None:
        if self.freq_of_index:
            index._freq = freq
        else:
            index._data._freq = freq

    def range_index(self, numbers: range, name: Hashable) -> Any:
        return pd.RangeIndex._simple_new(numbers, name)

    def series(self, array: Any, index: Any, name: Hashable) -> Any:
        place = self.BlockPlacement(slice(0, len(index), 1))
        block = self.new_block(array, placement=place, ndim=1, refs=self.refs())
        manager = self.SingleBlockManager(block, index)
        series = pd.Series._from_mgr(manager, manager.axes)
        object.__setattr__(series, "_name", name)
        return series

    def blocks(self, frame: Any) -> list[tuple[Any, Any]]:
        if type(frame._mgr) is not self.BlockManager:
            return super().blocks(frame)
        return [(_part(block.values), _place_part(block.mgr_locs)) for block in frame._mgr.blocks]

    def frame(self, blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
        placed = []
        for array, place in blocks:
            places = self.BlockPlacement(slice(*place) if type(place) is tuple else place)
            placed.append(self.new_block(array, placement=places, ndim=2, refs=self.refs()))
        manager = self.BlockManager(tuple(placed), [columns, index], verify_integrity=False)
        return pd.DataFrame._from_mgr(manager, manager.axes)


def _block(array: Any, number: int) -> tuple[Any, Any]:
    """A column as a block."""
    if type(array) in _TYPES_OF_2D:
        array = array.reshape(1, -1)
    return _part(array), (number, number + 1, 1)


def _sparse_index(length: int, places: tuple[Any, ...]) -> Any:
    sparse: Any = importlib.import_module("pandas._libs.sparse")
    if len(places) == 1:
        return sparse.IntIndex(length, *places, check_integrity=False)
    return sparse.BlockIndex(length, *places)


def _check_inner(build: _Inner) -> None:
    """Raise something where pandas is not as _Inner expects it."""
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
    index = build.index(pd.DatetimeIndex, build.datetimes(np.zeros(2, "M8[ns]"), np.dtype("M8[ns]")), "n")
    build.set_freq(index, offsets.Day())
    pd.testing.assert_index_equal(build.range_index(range(3), "r"), pd.RangeIndex(3, name="r"))
    if index.name != "n" or index.freq != offsets.Day():
        raise TypeError("an index without name or frequency")
    interval, sparse = frame["f"].array, frame["g"].array
    for array in (
        build.intervals(interval._left, interval._right, interval.closed),
        build.sparse(sparse.sp_values, 2, (sparse.sp_index.indices,), 0),
        build.categorical(np.zeros(2, np.int8), pd.Index(["x"]), False),
    ):
        repr(array)
    series = build.series(np.arange(2), pd.RangeIndex(2), "s")
    pd.testing.assert_series_equal(series, pd.Series(np.arange(2), name="s"))


_build: _Public = _Public()

# What lies in blocks of several columns; of anything else a block is one column, in one dimension.
_TYPES_OF_2D = (np.ndarray, pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray, pd.arrays.PeriodArray)
# What lies below an index of its own type.
_INDEX_ARRAY_TYPES = (*_TYPES_OF_2D[1:], pd.arrays.IntervalArray, pd.Categorical)
_SCALARS = (type(pd.NaT), type(pd.NA), pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)
_INDEX_TYPES = (
    pd.Index,
    pd.RangeIndex,
    pd.MultiIndex,
    pd.DatetimeIndex,
    pd.TimedeltaIndex,
    pd.PeriodIndex,
    pd.IntervalIndex,
    pd.CategoricalIndex,
)
_ARRAY_TYPES: set[type] = set()


def _register(cls: Any, name: str, encode: Any, decode: Decoder) -> None:
    encoders[cls] = encode
    decoders[name] = _with_one_error(name, decode)


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
    return None if kind in _SCALARS or kind in _OFFSETS.values() else found


def load(package: str) -> None:
    """Fill `encoders` and `decoders`, and choose how objects are put together."""
    global _build
    arrays: list[tuple[Any, str, Any, Decoder]] = [
        (pd.arrays.DatetimeArray, "pandas.arrays.DatetimeArray", _encode_datetimes, _decode_datetimes),
        (pd.arrays.TimedeltaArray, "pandas.arrays.TimedeltaArray", _encode_timedeltas, _decode_timedeltas),
        (pd.arrays.PeriodArray, "pandas.arrays.PeriodArray", _encode_periods, _decode_periods),
        (pd.arrays.IntervalArray, "pandas.arrays.IntervalArray", _encode_intervals, _decode_intervals),
        (pd.Categorical, "pandas.Categorical", _encode_categorical, _decode_categorical),
        (pd.arrays.SparseArray, "pandas.arrays.SparseArray", _encode_sparse, _decode_sparse),
        (pd.arrays.StringArray, "pandas.arrays.StringArray", _encode_strings, _decode_strings),
        (pd.arrays.ArrowStringArray, "pandas.arrays.ArrowStringArray", _encode_arrow_strings, _decode_strings),
        (pd.arrays.ArrowExtensionArray, "pandas.arrays.ArrowExtensionArray", _encode_arrow_array, _decode_arrow_array),
        (pd.arrays.NumpyExtensionArray, "pandas.arrays.NumpyExtensionArray", _encode_numpy_array, _decode_numpy_array),
    ]
    for name, kinds in (("IntegerArray", "iu"), ("FloatingArray", "f"), ("BooleanArray", "b")):
        cls = getattr(pd.arrays, name)
        arrays.append((cls, f"pandas.arrays.{name}", _encode_masked, _masked_decoder(cls, kinds)))
    for kind, (storage, missing) in _STRINGS.items():
        if missing is pd.NA:
            continue
        try:  # in pandas 2 these have classes of their own
            cls = _string_dtype(kind).construct_array_type()
        except Exception:
            continue  # no pyarrow, or an older pandas
        if cls not in [entry[0] for entry in arrays]:
            name = "StringArray" if storage == "python" else "ArrowStringArray"
            encode = _encode_strings if storage == "python" else _encode_arrow_strings
            arrays.append((cls, f"pandas.arrays.{name}", encode, _decode_strings))
    for entry in arrays:
        _register(*entry)
        _ARRAY_TYPES.add(entry[0])

    _register(pd.Index, "pandas.Index", _encode_index, _decode_index)
    _register(pd.RangeIndex, "pandas.RangeIndex", _encode_range_index, _decode_range_index)
    _register(pd.MultiIndex, "pandas.MultiIndex", _encode_multi_index, _decode_multi_index)
    _register(pd.DatetimeIndex, "pandas.DatetimeIndex", _encode_datetime_index, _decode_datetime_index)
    _register(pd.TimedeltaIndex, "pandas.TimedeltaIndex", _encode_timedelta_index, _decode_timedelta_index)
    for index_type, array_type in (
        (pd.PeriodIndex, pd.arrays.PeriodArray),
        (pd.IntervalIndex, pd.arrays.IntervalArray),
        (pd.CategoricalIndex, pd.Categorical),
    ):
        name = f"pandas.{index_type.__name__}"
        _register(index_type, name, _array_index_encoder(name), _array_index_decoder(index_type, array_type))
    _register(pd.Series, "pandas.Series", _encode_series, _decode_series)
    _register(pd.DataFrame, "pandas.DataFrame", _encode_frame, _decode_frame)
    _register(pd.CategoricalDtype, "pandas.CategoricalDtype", _encode_category_dtype, _decode_category_dtype)
    _register(pd.Timestamp, "pandas.Timestamp", _encode_timestamp, _decode_timestamp)
    _register(pd.Timedelta, "pandas.Timedelta", _encode_timedelta, _decode_timedelta)
    _register(pd.Period, "pandas.Period", _encode_period, _decode_period)
    _register(pd.Interval, "pandas.Interval", _encode_interval, _decode_interval)
    for scalar, name in ((pd.NaT, "pandas.NaT"), (pd.NA, "pandas.NA")):
        _register(type(scalar), name, lambda _, name=name: (name, None), lambda _, __, scalar=scalar: scalar)
    for offset in _OFFSETS.values():
        _register(offset, "pandas.offset", _encode_offset, _decode_offset)

    try:
        _build = _Inner()
        _check_inner(_build)
    except Exception:  # whatever it is: there is another way
        _build = _Public()
