"""Values looked into: where the memory of each part lies, and whether two are the same.

Nothing here asks brain_plasma: what it says is what is tested.
"""

import ctypes
import functools
import math
import sys
import types
import zlib

MAX_LABELS = 256  # of an index of so many strings Python's own are taken
LONG = 1024  # bytes of a str or bytes that count as a buffer

_SIMPLE = (type(None), bool, int, float, complex, type, types.ModuleType)


# ---- where it lies ------------------------------------------------------------------------------


def buffers(value):
    """(address, bytes) of each buffer that a value consists of: elements of arrays, columns, long texts."""
    seen = {}
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, _SIMPLE) or id(part) in seen:
            continue
        seen[id(part)] = part  # kept: what is made for the moment must not leave its address to another
        found, parts = _look_into(part)
        yield from ((address, size) for address, size in found if size > 0)
        waiting.extend(parts)


def _look_into(part):
    """Its own buffers, and the objects that it consists of."""
    if isinstance(part, (str, bytes)):
        return [(id(part), sys.getsizeof(part))] if sys.getsizeof(part) >= LONG else [], []
    if isinstance(part, (memoryview, bytearray)):
        return [_bytes_of(part)], []
    if isinstance(part, dict):
        return [], [*part.keys(), *part.values()]
    if isinstance(part, (list, tuple, set, frozenset)):
        return [], list(part)
    if isinstance(part, types.FunctionType):
        return [], [cell.cell_contents for cell in part.__closure__ or ()]
    for base in type(part).__mro__:
        look = _OF_LIBRARIES.get(str(base.__module__).partition(".")[0])
        if look is not None:
            found = look(part)
            if found is not None:
                return found
    return [], [_state(part)]


def _state(part):
    try:
        return part.__getstate__()
    except Exception:  # of what cannot be pickled
        return None


def _bytes_of(buffer):
    import numpy as np

    flat = np.frombuffer(buffer, np.uint8)
    return flat.ctypes.data, flat.nbytes


def _of_numpy(part):
    import numpy as np

    if not isinstance(part, np.ndarray):
        return [], []
    start, end = byte_bounds(part)
    mask = getattr(part, "_mask", None)
    attributes = getattr(part, "__dict__", None) or {}
    return [(start, end - start)], [mask, *(v for k, v in attributes.items() if k[0] != "_")]


def byte_bounds(array):
    if array.size == 0:
        return 0, 0
    start = end = array.__array_interface__["data"][0]
    for length, stride in zip(array.shape, array.strides):
        if stride < 0:
            start += (length - 1) * stride
        else:
            end += (length - 1) * stride
    return start, end + array.itemsize


def _of_pandas(part):
    import pandas as pd

    if isinstance(part, (pd.DataFrame, pd.Series)):
        axes = part.axes
        return [], [*(block.values for block in part._mgr.blocks), *axes, part.attrs]
    if isinstance(part, pd.RangeIndex):
        return [], []
    if isinstance(part, pd.MultiIndex):
        return [], [*part.levels, *part.codes]
    if isinstance(part, pd.Index):
        return [], [] if _are_labels(part) else [part._data]
    if isinstance(part, pd.Categorical):
        return [], [part._codes, part.categories]
    if isinstance(part, pd.arrays.IntervalArray):
        return [], [part._left, part._right]
    if isinstance(part, pd.arrays.SparseArray):
        return [], [part.sp_values, part.sp_index.to_int_index().indices]
    if hasattr(part, "_pa_array"):
        return [], [part._pa_array]
    if hasattr(part, "_mask"):
        return [], [part._data, part._mask]
    return [], [getattr(part, "_ndarray", None)]


def _are_labels(index):
    """The names of columns, as a rule: few strings, which are Python's own."""
    import pandas as pd

    return (index.dtype == object or isinstance(index.dtype, pd.StringDtype)) and len(index) <= MAX_LABELS


def _of_pyarrow(part):
    import pyarrow as pa

    if isinstance(part, (pa.Table, pa.RecordBatch)):
        return [], part.columns
    if isinstance(part, pa.ChunkedArray):
        return [], part.chunks
    if isinstance(part, pa.Array):
        return [(b.address, b.size) for b in part.buffers() if b is not None], _arrow_dictionaries(part)
    if isinstance(part, pa.Buffer):
        return [(part.address, part.size)], []
    if isinstance(part, pa.Tensor):
        return [], [part.to_numpy()]
    return [], []


def _arrow_dictionaries(array):
    """What buffers() of an array leaves out."""
    import pyarrow as pa

    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if isinstance(array, pa.DictionaryArray):
        return [array.dictionary]
    if isinstance(array, pa.StructArray):
        return [array.field(i) for i in range(array.type.num_fields)]
    if isinstance(array, (pa.ListArray, pa.LargeListArray, pa.FixedSizeListArray)):
        return [array.values]
    return []


def _of_polars(part):
    import polars as pl

    if isinstance(part, pl.DataFrame):
        return [], part.get_columns()
    if not isinstance(part, pl.Series):
        return [], []
    if part.dtype in (pl.Int128, getattr(pl, "UInt128", None)):
        return [], []  # neither Arrow nor NumPy has these, and Polars does not say where they lie
    return [], [part.to_frame().to_arrow(compat_level=pl.CompatLevel.newest())]


def _of_array(part):
    address, n_items = part.buffer_info()
    return [(address, n_items * part.itemsize)], []


_OF_LIBRARIES = {
    "array": _of_array,
    "mmap": lambda part: ([_bytes_of(part)], []),
    "numpy": _of_numpy,
    "pandas": _of_pandas,
    "polars": _of_polars,
    "pyarrow": _of_pyarrow,
}


def stored_ranges(directory):
    """The addresses at which this process has values of a store mapped without being able to write them."""
    ranges = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            place, mode, *_, path = line.rstrip("\n").split(maxsplit=5) + [""]
            if mode[:2] == "r-" and f"{directory}/data" in line:
                ranges.append(tuple(int(number, 16) for number in place.split("-")))
    return ranges


class Places:
    """How much of a value lies in a store, and how much elsewhere."""

    def __init__(self, value, directory):
        ranges = stored_ranges(directory)
        self.stored_bytes = self.other_bytes = 0
        for address, size in buffers(value):
            if any(start <= address and address + size <= end for start, end in ranges):
                self.stored_bytes += size
            else:
                self.other_bytes += size


def private_bytes():
    """The memory of this process that is no file's: what it made itself, and what it copied by writing.

    Not Private_*: pages of a store count there as well, where no other process happens to have them mapped.
    """
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def walk(value):
    """Read all that a value consists of, once."""
    for address, size in buffers(value):
        zlib.crc32((ctypes.c_char * size).from_address(address))


# ---- the same ------------------------------------------------------------------------------------


def same(one, other):
    """Whether two values are of the same types and have the same in them, all the way down."""
    if type(one) is not type(other):
        return False
    if one is other:
        return True
    for base in type(one).__mro__:
        compare = _SAME.get((str(base.__module__).partition(".")[0], base.__name__))
        if compare is not None:
            return compare(one, other)
    if isinstance(one, types.FunctionType):
        return one.__code__.co_code == other.__code__.co_code and same(_cells(one), _cells(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if type(one).__eq__ is object.__eq__ or hasattr(one, "__dataclass_fields__") or hasattr(one, "__dict__"):
        return same(_state(one), _state(other))
    return bool(one == other)


def _cells(function):
    return [cell.cell_contents for cell in function.__closure__ or ()]


def _same_arrays(one, other):
    import numpy as np

    if (one.dtype, one.dtype.type, one.shape) != (other.dtype, other.dtype.type, other.shape):
        return False
    if one.flags.f_contiguous != other.flags.f_contiguous and other.flags.forc:
        return False
    if isinstance(one, np.ma.MaskedArray):
        return _same_arrays(one.data, other.data) and same(one.mask, other.mask)
    if one.dtype.hasobject or one.dtype.char in "gG":  # of long doubles only some bytes mean something
        return same(one.tolist(), other.tolist())
    return one.tobytes("A" if other.flags.forc else "C") == other.tobytes("A" if other.flags.forc else "C")


def _same_frames(check, one, other):
    import pandas as pd

    try:
        getattr(pd.testing, check)(one, other)
    except AssertionError:
        return False
    return getattr(one, "attrs", None) == getattr(other, "attrs", None)


def _same_arrow(one, other):
    return one.equals(other, check_metadata=True)


def _same_sparse(one, other):
    if (one.shape, one.dtype) != (other.shape, other.dtype):
        return False
    return (one.tocsr() != other.tocsr()).nnz == 0


_SAME = {
    ("numpy", "ndarray"): _same_arrays,
    ("pandas", "DataFrame"): functools.partial(_same_frames, "assert_frame_equal"),
    ("pandas", "Series"): functools.partial(_same_frames, "assert_series_equal"),
    ("pandas", "Index"): functools.partial(_same_frames, "assert_index_equal"),
    ("pandas", "ExtensionArray"): functools.partial(_same_frames, "assert_extension_array_equal"),
    ("pyarrow", "Table"): _same_arrow,
    ("pyarrow", "RecordBatch"): _same_arrow,
    ("pyarrow", "Schema"): _same_arrow,
    ("pyarrow", "Field"): _same_arrow,
    ("pyarrow", "_PandasConvertible"): lambda one, other: one.equals(other),
    ("pyarrow", "Tensor"): lambda one, other: one.equals(other),
    ("polars", "DataFrame"): lambda one, other: one.schema == other.schema and one.equals(other),
    ("polars", "Series"): lambda one, other: one.dtype == other.dtype and one.equals(other),
    ("scipy", "_spbase"): _same_sparse,
    ("xarray", "Dataset"): lambda one, other: one.identical(other),
    ("xarray", "DataArray"): lambda one, other: one.identical(other),
}
