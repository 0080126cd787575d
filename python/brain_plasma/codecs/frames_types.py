"""Time zones, frequencies, dtypes and scalars of pandas: what is small, and never changes.

What a name says all about is stored as text, and what was made of it is kept: to make a dtype takes longer
than to make a frame.
"""

from __future__ import annotations

import datetime
import importlib
import inspect
import re
import zoneinfo
from functools import lru_cache

from .frames_check import UNITS, need, need_items

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Payload = tuple[str, Any]
    Entry = tuple[Any, str, Any, Any]

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

OFFSETS = {
    name: getattr(pd.offsets, name)
    for name in (
        "BQuarterBegin BQuarterEnd BYearBegin BYearEnd BusinessDay BusinessMonthBegin BusinessMonthEnd "
        "DateOffset Day Easter FY5253 FY5253Quarter HalfYearBegin HalfYearEnd BHalfYearBegin "
        "BHalfYearEnd Hour LastWeekOfMonth Micro Milli Minute MonthBegin MonthEnd Nano QuarterBegin "
        "QuarterEnd Second SemiMonthBegin SemiMonthEnd Week WeekOfMonth YearBegin YearEnd"
    ).split()
    if hasattr(pd.offsets, name)
}
_ZONE_NAME = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,3}")
_OFFSET_MINUTES = re.compile(r"-?[0-9]{1,5}")
_PERIOD_NAME = re.compile(r"[A-Za-z0-9-]{1,32}")
_PERIOD_UNKNOWN = "this pandas has no such period"
# dtype of strings, as we name it -> storage, and what is missing in it.
STRINGS: dict[str, tuple[str, Any]] = {
    "string[python]": ("python", pd.NA),
    "string[pyarrow]": ("pyarrow", pd.NA),
    "str[python]": ("python", np.nan),
    "str[pyarrow]": ("pyarrow", np.nan),
}
SCALARS = (type(pd.NaT), type(pd.NA), pd.Timestamp, pd.Timedelta, pd.Period, pd.Interval)


# ---- time zones, frequencies, dtypes --------------------------------------------------------------


def zone_part(zone: datetime.tzinfo | None) -> Any:
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
        need(_OFFSET_MINUTES.fullmatch(name) is not None, "a time zone of no known form")
        if kind == "fixed":
            return datetime.timezone(datetime.timedelta(minutes=int(name)))
    else:
        need(_ZONE_NAME.fullmatch(name) is not None, "a time zone of no known form")
        if kind == "zoneinfo":
            return zoneinfo.ZoneInfo(name)
    need(kind in ("pytz", "pytz-fixed"), "a time zone of no known form")
    pytz: Any = importlib.import_module("pytz")  # pandas 3 does not need it

    zone: datetime.tzinfo = pytz.timezone(name) if kind == "pytz" else pytz.FixedOffset(int(name))
    return zone


def _zone_of(part: Any, trusted: bool) -> datetime.tzinfo:
    if type(part) is str:
        return _zone(part)
    need(trusted or type(part) in (datetime.timezone, zoneinfo.ZoneInfo), "a time zone of no known form")
    zone: datetime.tzinfo = part
    return zone


@lru_cache(maxsize=256)
def _zoned_dtype(unit: str, zone: str) -> Any:
    return pd.DatetimeTZDtype(unit, _zone(zone))


def times_dtype(values: Any, zone: Any, trusted: bool) -> Any:
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
    same = make_offset(*payload)
    return ("pandas.offset", payload) if type(same) is type(offset) and same == offset else None


@lru_cache(maxsize=256)
def make_offset(name: str, n: int, normalize: bool, words: tuple[tuple[str, Any], ...]) -> Any:
    # Ticks know no `normalize`.
    return OFFSETS[name](n, **({"normalize": True} if normalize else {}), **dict(words))


def _decode_offset(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 4)
        name, n, normalize, words = payload
        need(type(name) is str and name in OFFSETS, "a frequency that pandas has not")
        need(type(n) is int and abs(n) < 2**31 and type(normalize) is bool, "a frequency without a number")
        need(
            type(words) is tuple and all(type(word) is tuple and len(word) == 2 for word in words),
            "a frequency",
        )
        need(all(type(key) is str and type(value) in (int, str) for key, value in words), "a frequency")
    return make_offset(*payload)


def need_freq(freq: Any) -> None:
    need(freq is None or type(freq) in OFFSETS.values(), "a frequency that pandas has not")


@lru_cache(maxsize=256)
def _period_dtype(name: str) -> Any:
    need(_PERIOD_NAME.fullmatch(name) is not None, _PERIOD_UNKNOWN)
    return pd.PeriodDtype(name)


def period_part(dtype: Any) -> Any:
    name = dtype.name[len("period[") : -1]
    return name if _PERIOD_NAME.fullmatch(name) and _period_dtype(name) == dtype else dtype


def period_of(part: Any, trusted: bool) -> Any:
    if type(part) is str:
        return _period_dtype(part)
    need(trusted, _PERIOD_UNKNOWN)
    return part


@lru_cache(maxsize=256)
def interval_dtype(subtype: Any, closed: str) -> Any:
    return pd.IntervalDtype(subtype, closed)


def string_kind(dtype: Any) -> str:
    """The name in STRINGS of a StringDtype."""
    if dtype.storage == "pyarrow_numpy":  # before pandas 2.3
        return "str[pyarrow]"
    return f"{'string' if dtype.na_value is pd.NA else 'str'}[{dtype.storage}]"


@lru_cache(maxsize=8)
def _string_dtype(kind: str) -> Any:
    storage, missing = STRINGS[kind]
    if missing is pd.NA:
        return pd.StringDtype(storage)
    if "na_value" in inspect.signature(pd.StringDtype).parameters:
        return pd.StringDtype(storage, na_value=missing)
    need(storage == "pyarrow", "pandas before 2.3 has no such strings")
    return pd.StringDtype("pyarrow_numpy")


def string_array(kind: str, values: Any) -> Any:
    """The array of such strings, over an array of objects or a pyarrow.ChunkedArray."""
    dtype = _string_dtype(kind)
    cls = dtype.construct_array_type()
    if _STRINGS_TAKE_DTYPE:
        return cls(values, dtype=dtype)
    try:
        return cls(values)
    except ValueError:  # pandas before 2.2 knows no large strings, which all later ones have
        if STRINGS[kind][0] == "python":
            raise
        return cls(values.cast("string"))


def string_class(kind: str) -> Any:
    """The class of arrays of such strings: of each its own in pandas 2. None where there is none here."""
    try:
        return _string_dtype(kind).construct_array_type()
    except Exception:  # no pyarrow, or an older pandas
        return None


_STRINGS_TAKE_DTYPE = "dtype" in inspect.signature(pd.arrays.StringArray.__init__).parameters


# ---- scalars, which are labels, names, and in attributes ------------------------------------------


def _encode_timestamp(stamp: Any) -> Payload | None:
    payload = int(stamp.asm8.view("i8")), stamp.unit, zone_part(stamp.tz)
    same = _decode_timestamp(payload, True)
    return ("pandas.Timestamp", payload) if same == stamp and same.fold == stamp.fold else None


def _decode_timestamp(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 3)
        _need_time(*payload[:2])
    value, unit, zone = payload
    stamp = pd.Timestamp(np.datetime64(value, unit))
    return stamp if zone is None else stamp.tz_localize("UTC").tz_convert(_zone_of(zone, trusted))


def _encode_timedelta(delta: Any) -> Payload:
    return "pandas.Timedelta", (int(delta.asm8.view("i8")), delta.unit)


def _decode_timedelta(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        _need_time(*payload)
    return pd.Timedelta(np.timedelta64(*payload))


def _need_time(value: Any, unit: Any) -> None:
    need(type(value) is int and abs(value) < 2**63 and type(unit) is str and unit in UNITS, "a time")


def _encode_period(period: Any) -> Payload:
    return "pandas.Period", (period.ordinal, period_part(pd.PeriodDtype(period.freq)))


def _decode_period(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 2)
        need(type(payload[0]) is int, "a period without a number")
    ordinal, name = payload
    return pd.Period(ordinal=ordinal, freq=period_of(name, trusted).freq)


def _encode_interval(interval: Any) -> Payload:
    return "pandas.Interval", (interval.left, interval.right, interval.closed)


def _decode_interval(payload: Any, trusted: bool) -> Any:
    if not trusted:
        need_items(payload, 3)
        need(type(payload[2]) is str, "an interval without sides")
    return pd.Interval(*payload)


def entries() -> Iterator[Entry]:
    """(type, name, encoder, decoder) of each."""
    yield pd.Timestamp, "pandas.Timestamp", _encode_timestamp, _decode_timestamp
    yield pd.Timedelta, "pandas.Timedelta", _encode_timedelta, _decode_timedelta
    yield pd.Period, "pandas.Period", _encode_period, _decode_period
    yield pd.Interval, "pandas.Interval", _encode_interval, _decode_interval
    yield type(pd.NaT), "pandas.NaT", lambda _: ("pandas.NaT", None), lambda _, trusted: pd.NaT
    yield type(pd.NA), "pandas.NA", lambda _: ("pandas.NA", None), lambda _, trusted: pd.NA
    for offset in OFFSETS.values():
        yield offset, "pandas.offset", _encode_offset, _decode_offset
