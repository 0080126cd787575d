"""Values of Polars: Arrow IPC streams of the layout that Polars has in memory, which it takes as they lie.

What Polars makes anew at a recall: categoricals and enums, from their texts; decimals, where they lie
at an odd multiple of 8; of a struct that is null, the bits that say so of its fields.
"""

from __future__ import annotations

import importlib

from ..exceptions import BrainCorruptError, BrainRecallPackageError, BrainValueTypeError
from . import Written, _load, arrow_check, decoders, encoders, top_encoders
from .description import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pl: Any = importlib.import_module("polars")
try:
    arrow: Any = _load("pyarrow")
    from . import arrow_views
except ImportError:  # no pyarrow: Polars pickles itself
    arrow = None

_FRAME, _SERIES = "polars.DataFrame", "polars.Series"
_ERRORS = (pl.exceptions.PanicException, pl.exceptions.PolarsError)  # the first is a BaseException
_ASCENDING, _DESCENDING = "ascending", "descending"

# What comes back from Arrow as it was. Objects would be written as their addresses.
_KEPT = {
    getattr(pl, name)
    for name in (
        "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float16 Float32 Float64 Boolean String Binary "
        "Date Time Datetime Duration Decimal Null Categorical"
    ).split()
    if hasattr(pl, name)
}


def load(package: str) -> None:
    """Fill the dicts with what is known of Polars."""
    if _writes_categories():
        _KEPT.add(pl.Enum)
    top_encoders[pl.DataFrame] = encode_top_frame
    encoders[pl.DataFrame] = encode_frame
    encoders[pl.Series] = encode_series
    encoders[pl.LazyFrame] = refuse_lazy
    decoders[_FRAME] = decode_frame
    decoders[_SERIES] = decode_series


def _writes_categories() -> bool:
    """Whether an enum says its categories besides the dictionary, from which unused ones are taken."""
    if arrow is None or not hasattr(pl, "CompatLevel"):
        return False
    table = pl.DataFrame({"a": pl.Series([], dtype=pl.Enum(["b"]))}).to_arrow(compat_level=_newest())
    return any(key.startswith(b"_PL_ENUM_VALUES") for key in table.schema.field(0).metadata or {})


def _newest() -> Any:
    """The layout that Polars has itself."""
    return pl.CompatLevel.newest()


def encode_top_frame(frame: Any) -> tuple[str, Any] | None:
    stream = _stream(frame)
    if stream is None:
        return None
    return "arrow", (pack({"as": _FRAME, **_describe(frame)}), stream)


def encode_frame(frame: Any) -> tuple[str, Any] | None:
    stream = _stream(frame)
    return None if stream is None else (_FRAME, (_describe(frame), stream))


def encode_series(series: Any) -> tuple[str, Any] | None:
    encoded = encode_frame(series.to_frame())
    return encoded and (_SERIES, encoded[1])


def refuse_lazy(frame: Any) -> tuple[str, Any] | None:
    raise BrainValueTypeError(
        "a LazyFrame is a plan and has no data: collect() it first, and store what that gives"
    )


def decode_frame(payload: tuple[dict[str, Any], Any], trusted: bool) -> Any:
    """A frame from what _describe() said of it, and its stream."""
    if arrow is None:
        raise BrainRecallPackageError(
            "a Polars frame is read by pyarrow, which cannot be imported here: pip install pyarrow"
        )
    description, data = payload
    table = arrow.read_table(data, trusted)
    if not trusted:
        arrow_views.check_table(table)
    try:
        frame = pl.from_arrow(table, rechunk=False)
        if "" in table.column_names:
            frame.columns = table.column_names  # that one was given a name
        _set_sorted(frame, description.get("sorted", {}), trusted)
        return frame
    except (*_ERRORS, AttributeError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        raise BrainCorruptError(f"Polars cannot make a frame of it: {error}") from error


def decode_series(payload: tuple[dict[str, Any], Any], trusted: bool) -> Any:
    frame = decode_frame(payload, trusted)
    if frame.width != 1:
        raise BrainCorruptError(f"a Polars series should be a frame of one column, and has {frame.width}")
    return frame.to_series()


# ---- columns ----------------------------------------------------------------------------------


def _stream(frame: Any) -> Written | None:
    """None: there is a type that Arrow has not, so Polars has to pickle the frame itself."""
    if arrow is None or not hasattr(pl, "CompatLevel"):
        return None
    # All of them, since one may have to be refused.
    if not all([_is_kept(name, kind) for name, kind in frame.schema.items()]):
        return None
    try:
        # Of a clone, since to_arrow() lets the chunks of all columns end at the same rows.
        table = frame.clone().to_arrow(compat_level=_newest())
    except (*_ERRORS, KeyError, ValueError):
        return None  # a type that only one of the two has, or a bug of older ones
    stream: Written | None = arrow.table_stream(table)
    return stream


def _is_kept(column: str, kind: Any, depth: int = 1) -> bool:
    base = kind.base_type()
    if base in _KEPT:
        return True
    if base == pl.Object:
        raise BrainValueTypeError(
            f"column {column!r} has the type Object, which Polars itself cannot pickle: give it another type "
            "with map_elements(), or store its to_list()"
        )
    if depth > arrow_check.MAX_DEPTH:
        raise BrainValueTypeError(f"column {column!r} is nested more than {arrow_check.MAX_DEPTH} deep")
    if base == pl.List or (base == pl.Array and kind.size > 0):
        return _is_kept(column, kind.inner, depth + 1)
    if base == pl.Struct:
        return all([_is_kept(column, field.dtype, depth + 1) for field in kind.fields])
    return False


def _describe(frame: Any) -> dict[str, Any]:
    """What Arrow does not say: which columns Polars knows to be sorted."""
    sorted_columns = {}
    for name, flags in frame.flags.items():
        if flags.get("SORTED_ASC"):
            sorted_columns[name] = _ASCENDING
        elif flags.get("SORTED_DESC"):
            sorted_columns[name] = _DESCENDING
    return {"sorted": sorted_columns} if sorted_columns else {}


def _set_sorted(frame: Any, sorted_columns: dict[str, str], trusted: bool) -> None:
    for name, order in sorted_columns.items():
        if order not in (_ASCENDING, _DESCENDING):
            raise ValueError(f"column {name!r} is said to be {order!r}")
        series, descending = frame[name], order == _DESCENDING
        if trusted or _is_sorted(series, descending):
            frame.replace_column(frame.get_column_index(name), series.set_sorted(descending=descending))


def _is_sorted(series: Any, descending: bool) -> bool:
    try:
        return any(series.is_sorted(descending=descending, nulls_last=last) for last in (False, True))
    except _ERRORS:
        return False  # of a type that has no order
