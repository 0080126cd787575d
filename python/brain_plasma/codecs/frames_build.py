"""Objects of pandas from their arrays.

pandas has no public way to do that without a look at the data, or a copy. `way` is the inner one (Inner), or,
where this pandas is not as expected, the public one (Public), which is slower: frames.load() chooses. Both
get what has been checked.
"""

from __future__ import annotations

import importlib

from .frames_types import interval_dtype

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable
    from typing import Any

np: Any = importlib.import_module("numpy")
pd: Any = importlib.import_module("pandas")

# What lies in blocks of several columns; of anything else a block is one column, in one dimension.
TYPES_OF_2D = (np.ndarray, pd.arrays.DatetimeArray, pd.arrays.TimedeltaArray, pd.arrays.PeriodArray)


class Public:
    """By what pandas documents, nearly: it copies now and then, and looks at the data."""

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
        return [_column(frame, number) for number in range(frame.shape[1])]

    def frame(self, blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
        series: dict[int, Any] = {}
        for array, place in blocks:
            numbers: Iterable[int] = range(*place) if type(place) is tuple else place.tolist()
            for row, number in enumerate(numbers):
                column = array[row] if array.ndim == 2 else array
                series[number] = self.series(column, index, None)
        frame = pd.DataFrame(
            {number: series[number] for number in range(len(series))}, index=index, copy=False
        )
        frame.columns = columns
        return frame


class Inner(Public):
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
        return pd.arrays.IntervalArray._simple_new(left, right, dtype=interval_dtype(left.dtype, closed))

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
        return [(block.values, _place(block.mgr_locs)) for block in frame._mgr.blocks]

    def frame(self, blocks: list[tuple[Any, Any]], columns: Any, index: Any) -> Any:
        placed = []
        for array, place in blocks:
            places = self.BlockPlacement(slice(*place) if type(place) is tuple else place)
            placed.append(self.new_block(array, placement=places, ndim=2, refs=self.refs()))
        manager = self.BlockManager(tuple(placed), [columns, index], verify_integrity=False)
        return pd.DataFrame._from_mgr(manager, manager.axes)


def raw_array(values: Any) -> Any:
    """The array of a series or an index: of NumPy, or an extension array; no copy."""
    array = values.array
    return array.to_numpy() if type(array) is pd.arrays.NumpyExtensionArray else array


def _column(frame: Any, number: int) -> tuple[Any, Any]:
    """A column as a block, and its place."""
    array = raw_array(frame.iloc[:, number])
    return array.reshape(1, -1) if type(array) in TYPES_OF_2D else array, (number, number + 1, 1)


def _place(places: Any) -> Any:
    """Of a BlockPlacement: (start, stop, step), or an array of numbers."""
    indexer = places.indexer
    if type(indexer) is slice and None not in (indexer.start, indexer.stop) and (indexer.step or 1) > 0:
        return indexer.start, indexer.stop, indexer.step or 1
    return places.as_array.astype(np.int64)


def _sparse_index(length: int, places: tuple[Any, ...]) -> Any:
    sparse: Any = importlib.import_module("pandas._libs.sparse")
    if len(places) == 1:
        return sparse.IntIndex(length, *places, check_integrity=False)
    return sparse.BlockIndex(length, *places)


way: Public = Public()
