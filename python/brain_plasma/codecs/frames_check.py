"""What may not be in the payload of a pandas object.

A payload that is not trusted is looked at before anything is made of it: nothing that is made may read beyond
its memory later, and each part has to have the type and the length that pandas takes for granted. Whether the
dates make sense is not our business.
"""

from __future__ import annotations

import importlib

from ..exceptions import BrainCorruptError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

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
# Those of extension arrays: frames_arrays.py adds them.
ARRAY_TYPES: set[type] = set()
UNITS = ("s", "ms", "us", "ns")


def need(holds: bool, what: str) -> None:
    if not holds:
        raise BrainCorruptError(f"what is stored of a pandas object makes no sense: {what}")


def need_items(payload: Any, count: int) -> None:
    need(type(payload) is tuple and len(payload) == count, f"a payload that is no tuple of {count}")


def need_array(array: Any, kinds: str, ndim: int | None = 1) -> None:
    need(type(array) is np.ndarray, "an array is missing")
    need(array.dtype.kind in kinds and array.dtype.isnative, f"an array of {array.dtype}")
    need(ndim is None or array.ndim == ndim, f"an array of {array.ndim} dimensions")


def need_times(array: Any, kind: str) -> None:
    need_array(array, kind, None)
    need(array.ndim in (1, 2), f"dates in {array.ndim} dimensions")
    need(np.datetime_data(array.dtype) in [(unit, 1) for unit in UNITS], f"an array of {array.dtype}")


def need_name(name: Any) -> None:
    try:
        hash(name)
    except TypeError:
        need(False, "a name that cannot be hashed")


def need_index(index: Any) -> None:
    need(type(index) in _INDEX_TYPES, "an index is missing")


def need_codes(codes: Any, count: int) -> None:
    need_array(codes, "i")
    need(codes.size == 0 or (codes.min() >= -1 and codes.max() < count), "a code without a category")
