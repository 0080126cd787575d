"""What a store takes, type by type, and what is said of each: for the tests and for tools/values_table.py.

A row is a kind of value. Its function makes values of about so many bytes altogether, with a word for each,
the same ones each time it is called.
"""

import array
import collections
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import mmap
import pathlib
import sys
import tempfile
import threading
import types
import uuid
import zoneinfo

import brain_plasma
from looked_into import same


@dataclasses.dataclass
class Row:
    """What is said of a kind of value.

    group, name: as the table has them.
    make: number of bytes -> {a word: a value}.
    copied: why a recall has memory of its own; None: it has none.
    small: there is nothing in it that could be large.
    needs_pickle: whether it is refused where pickles are.
    returns: what comes back, where that is of another type.
    refused: what the error says, where it is stored nowhere.
    same: (recalled, made) -> whether they are.
    """

    group: str
    name: str
    make: object
    copied: str | None = None
    small: bool = False
    needs_pickle: bool = False
    returns: str | None = None
    refused: str | None = None
    same: object = same

    @property
    def id(self):
        return f"{self.group}: {self.name}"


ROWS = []


def row(group, name, **said):
    def add(make):
        ROWS.append(Row(group, name, make, **said))
        return make

    return add


MADE_ANEW = "Python's own objects are made anew"

# ---- NumPy --------------------------------------------------------------------------------------


def numbers(dtype, n_bytes):
    import numpy as np

    dtype = np.dtype(dtype)
    return (np.arange(max(1, n_bytes // dtype.itemsize)) % 113).astype(dtype)


def arrays_of(dtypes, n_bytes):
    dtypes = dtypes.split()
    return {dtype: numbers(dtype, n_bytes // len(dtypes)) for dtype in dtypes}


@row("NumPy", "arrays of numbers, bool, complex")
def _(n_bytes):
    return arrays_of("? i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8 g F D G >i4 >f8", n_bytes)


@row("NumPy", "arrays of dates and durations")
def _(n_bytes):
    return arrays_of("M8[ns] M8[us] M8[s] M8[D] M8[Y] >M8[ms] m8[ns] m8[s] m8[D] m8", n_bytes)


@row("NumPy", "arrays of text and bytes of fixed width, void")
def _(n_bytes):
    import numpy as np

    values = arrays_of("U7 S5", n_bytes // 3)
    return {**values, "V5": np.frombuffer(numbers("u1", n_bytes // 15 * 5).tobytes(), "V5")}


def structured(dtype, n_bytes):
    import numpy as np

    array = np.zeros(n_bytes // np.dtype(dtype).itemsize, dtype)
    array["n"] = np.arange(len(array))
    return array


@row("NumPy", "structured arrays")
def _(n_bytes):
    flat = [("n", "i4"), ("f", "f8"), ("s", "U3")]
    nested = [("n", "i4"), ("when", "M8[s]"), ("in", [("x", "f8"), ("s", "S2")]), ("m", "f4", (2, 2))]
    return {"flat": structured(flat, n_bytes // 2), "nested": structured(nested, n_bytes // 2)}


@row(
    "NumPy",
    "structured arrays that are aligned, or whose fields overlap; dtypes with metadata",
    needs_pickle=True,
)
def _(n_bytes):
    import numpy as np

    aligned = np.dtype([("n", "i1"), ("f", "f8")], align=True)
    overlap = np.dtype({"names": ["n", "low"], "formats": ["<i4", "<i2"], "offsets": [0, 0]})
    return {
        "aligned": structured(aligned, n_bytes // 3),
        "overlap": structured(overlap, n_bytes // 3),
        "metadata": numbers("f8", n_bytes // 3).view(np.dtype("f8", metadata={"unit": "m"})),
    }


@row("NumPy", "arrays without dimensions, and without elements", small=True)
def _(n_bytes):
    import numpy as np

    return {
        "0-d": np.array(5.5),
        "0-d date": np.array("2020-01-01", "M8[D]"),
        "empty": np.zeros(0),
        "empty rows": np.zeros((0, 3), "i2"),
        "empty dates": np.zeros((2, 0), "M8[ns]"),
    }


@row("NumPy", "arrays in Fortran's order")
def _(n_bytes):
    values = numbers("f8", n_bytes // 2)
    length = len(values) // 12 * 12
    return {
        "2-d": values[:length].reshape(4, -1).copy(order="F"),
        "3-d": values[:length].reshape(2, -1, 3).copy(order="F"),
    }


@row("NumPy", "arrays with gaps, made contiguous by the put")
def _(n_bytes):
    import numpy as np

    values = numbers("f8", n_bytes // 2)
    square = values[: len(values) // 100 * 100].reshape(-1, 10, 10)
    return {
        "every other": values[::2],
        "backwards": values[::-1],
        "part": square[:, 2:9, 1:],
        "axes": square.transpose(1, 0, 2),
        "one for all": np.broadcast_to(values[:5], (len(values) // 5, 5)),
    }


@row("NumPy", "masked arrays")
def _(n_bytes):
    import numpy as np

    values = numbers("f8", n_bytes // 2)
    return {
        "mask": np.ma.MaskedArray(values, mask=values % 7 == 0, fill_value=-1.0),
        "none": np.ma.MaskedArray(values[: len(values) // 2]),
    }


@row("NumPy", "recarray, matrix")
def _(n_bytes):
    import numpy as np

    records = structured([("n", "i4"), ("f", "f8")], n_bytes // 2)
    return {
        "recarray": records.view(np.recarray),
        "records": records.view(np.recarray).view(np.ndarray),
        "matrix": np.matrix(numbers("f8", n_bytes // 2 // 16 * 16).reshape(2, -1)),
    }


@functools.cache
def labelled():
    import numpy as np

    class Labelled(np.ndarray):
        """A subclass as NumPy's documentation has them."""

        def __array_finalize__(self, of):
            self.label = getattr(of, "label", None)

    Labelled.__qualname__ = "Labelled"
    return Labelled


@row("NumPy", "other subclasses", needs_pickle=True)
def _(n_bytes):
    return {"labelled": numbers("f8", n_bytes).view(labelled())}


def same_as_array(recalled, made):
    import numpy as np

    return same(recalled, np.array(made))


@row("NumPy", "memmap", returns="an ndarray", same=same_as_array)
def _(n_bytes):
    import numpy as np

    with tempfile.TemporaryFile(prefix="brain-test-") as file:
        mapped = np.memmap(file, "f8", "w+", shape=(n_bytes // 8,))
    mapped[:] = numbers("f8", n_bytes)[: len(mapped)]
    return {"memmap": mapped}


@row("NumPy", "arrays of Python's strings and other plain data (`object`)", copied=MADE_ANEW)
def _(n_bytes):
    return {
        "str": objects([f"text {i:08}" for i in range(n_bytes // 120)]),
        "decimals": objects([decimal.Decimal(i) for i in range(n_bytes // 120)]),
    }


def objects(items):
    import numpy as np

    array = np.empty(len(items), object)
    array[:] = items
    return array


@row("NumPy", "arrays of other objects, `StringDType`", copied=MADE_ANEW, needs_pickle=True)
def _(n_bytes):
    import numpy as np

    values = {"objects": objects([Slotted(i) for i in range(n_bytes // 120)])}
    if hasattr(np.dtypes, "StringDType"):
        values["texts"] = np.array(
            [f"a text of {i:08}" for i in range(n_bytes // 60)], np.dtypes.StringDType()
        )
    return values


@row("NumPy", "scalars, dtypes", small=True, copied="small")
def _(n_bytes):
    import numpy as np

    scalars = [np.float32(1.5), np.int8(-1), np.bool_(True), np.complex64(1j), np.datetime64("2020", "ns")]
    values = {type(scalar).__name__: scalar for scalar in [*scalars, np.str_("abc"), np.bytes_(b"abc")]}
    return {**values, "dtype": np.dtype([("a", "i4"), ("b", "M8[s]")])}


# ---- pandas -------------------------------------------------------------------------------------


def texts(n_bytes):
    """So that they take about n_bytes as Arrow has them."""
    return [f"text {i:011}" for i in range(max(1, n_bytes // 24))]


@row("pandas", "frames of numbers, bool, dates, durations, time zones, with `attrs` and `flags`")
def _(n_bytes):
    import numpy as np
    import pandas as pd

    n = n_bytes // 66
    frame = pd.DataFrame(
        {
            "a": numbers("f8", n * 8),
            "b": numbers("i8", n * 8),
            "c": numbers("f8", n * 8),
            "d": numbers("?", n),
            "e": numbers("u1", n),
            "f": numbers("i8", n * 8).astype("M8[ns]"),
            "g": numbers("i8", n * 8).astype("M8[s]"),
            "h": pd.DatetimeIndex(np.arange(n), tz="Europe/Berlin"),
            "i": numbers("i8", n * 8).astype("m8[us]"),
            "j": numbers("f4", n * 4),
        },
        index=pd.Index(numbers("i8", n * 8), name="key"),
    )
    frame.attrs = {"source": "a sensor", "limits": [1, 2.5]}
    frame.flags.allows_duplicate_labels = True
    return {"frame": frame}


@row("pandas", "frames with categories, periods, intervals")
def _(n_bytes):
    import numpy as np
    import pandas as pd

    n = n_bytes // 33
    breaks = np.arange(n + 1, dtype="f8")
    frame = pd.DataFrame(
        {
            "category": pd.Categorical.from_codes(numbers("i1", n) % 3, ["a", "b", "c"], ordered=True),
            "times": pd.Categorical.from_codes(numbers("i1", n) % 3, pd.date_range("2020", periods=3)),
            "period": pd.PeriodIndex.from_ordinals(np.arange(n), freq="D"),
            "interval": pd.arrays.IntervalArray.from_breaks(breaks, closed="left"),
        }
    )
    return {"frame": frame}


@row("pandas", "frames of nullable types (`Int64`, `Float32`, `boolean` ...)")
def _(n_bytes):
    import pandas as pd

    n = n_bytes // 16
    missing = numbers("i1", n) % 7 == 0
    return {
        "frame": pd.DataFrame(
            {
                "Int64": pd.arrays.IntegerArray(numbers("i8", n * 8), missing),
                "Float32": pd.arrays.FloatingArray(numbers("f4", n * 4), missing.copy()),
                "boolean": pd.arrays.BooleanArray(numbers("i1", n) % 2 == 0, missing.copy()),
            }
        )
    }


@row("pandas", "frames of Arrow's types, `ArrowDtype`")
def _(n_bytes):
    import pandas as pd
    import pyarrow as pa

    n = n_bytes // 60
    columns = {
        "int": pa.array(numbers("i4", n * 4)),
        "text": pa.array(texts(n * 24)),
        "time": pa.array(numbers("i8", n * 8)).cast(pa.timestamp("us", "UTC")),
        "list": pa.FixedSizeListArray.from_arrays(pa.array(numbers("f8", n * 16)), 2),
        "decimal": pa.array(numbers("i8", n * 8)).cast(pa.decimal128(21, 2)),
    }
    return {"frame": pd.DataFrame({k: pd.arrays.ArrowExtensionArray(v) for k, v in columns.items()})}


@row("pandas", "strings that Arrow holds: pandas 3 with pyarrow, `string[pyarrow]`")
def _(n_bytes):
    import pandas as pd

    columns = {"string": pd.array(texts(n_bytes // 2), dtype="string[pyarrow]")}
    if int(pd.__version__.partition(".")[0]) >= 3:
        columns["str"] = pd.array(texts(n_bytes // 2), dtype="str")
    return {"frame": pd.DataFrame(columns)}


@row(
    "pandas",
    "strings that Python holds: `object`, `string[python]`, pandas 3 without pyarrow",
    copied="the strings are made anew; `astype('string[pyarrow]')` or categories would be shared",
)
def _(n_bytes):
    import pandas as pd

    short = texts(n_bytes // 4)
    return {
        "object": pd.DataFrame(
            {"a": pd.array(short, dtype="string[python]"), "b": pd.Series(short, dtype=object)}
        )
    }


@row("pandas", "sparse columns", copied="pandas' operations on them refuse what is read-only")
def _(n_bytes):
    import pandas as pd

    values = numbers("f8", n_bytes)
    return {"frame": pd.DataFrame({"a": pd.arrays.SparseArray(values, fill_value=0.0)})}


@row(
    "pandas",
    "frames with other plain data in a column: `Decimal`, dates, lists",
    copied="the objects are made anew; all else is shared",
)
def _(n_bytes):
    import pandas as pd

    numbers = [decimal.Decimal(i) for i in range(n_bytes // 120)]
    return {"frame": pd.DataFrame({"a": pd.Series(numbers, dtype=object), "b": range(len(numbers))})}


@row(
    "pandas",
    "frames with objects of other classes in a column",
    copied="the objects are made anew; all else is shared",
    needs_pickle=True,
)
def _(n_bytes):
    import pandas as pd

    things = objects([Slotted(i) for i in range(n_bytes // 240)])
    return {"frame": pd.DataFrame({"a": things, "b": range(len(things))})}


@row("pandas", "Series")
def _(n_bytes):
    import pandas as pd

    n = n_bytes // 2
    return {
        "float": pd.Series(numbers("f8", n), name="x"),
        "time": pd.Series(numbers("i8", n // 2).astype("M8[ns]")).dt.tz_localize("UTC"),
        "category": pd.Series(pd.Categorical.from_codes(numbers("i1", n // 2) % 3, ["a", "b", "c"])),
    }


@row("pandas", "Index of any type, MultiIndex")
def _(n_bytes):
    import numpy as np
    import pandas as pd

    n = n_bytes // 8 // 8
    codes = [np.arange(n) % 1000, np.arange(n) // 1000]
    return {
        "int": pd.Index(np.arange(n), name="n"),
        "float": pd.Index(numbers("f8", n * 8)),
        "time": pd.date_range("2020", periods=n, freq="s", tz="Asia/Tokyo"),
        "duration": pd.to_timedelta(np.arange(n), unit="s"),
        "period": pd.PeriodIndex.from_ordinals(np.arange(n), freq="D"),
        "category": pd.CategoricalIndex(pd.Categorical.from_codes(numbers("i1", n) % 3, ["a", "b", "c"])),
        "interval": pd.IntervalIndex.from_breaks(np.arange(n + 1.0)),
        "text": pd.Index(texts(n * 24), dtype="string[pyarrow]"),
        "multi": pd.MultiIndex(
            [np.arange(1000), pd.date_range("2020", periods=n // 1000 + 1)], codes, names=["a", "b"]
        ),
        "range": pd.RangeIndex(n),
    }


@row("pandas", "subclasses of a frame, as geopandas has", needs_pickle=True)
def _(n_bytes):
    return {
        "frame": framed()(
            {"a": numbers("f8", n_bytes // 2), "b": numbers("i8", n_bytes // 2).astype("M8[ns]")}
        )
    }


@functools.cache
def framed():
    import pandas as pd

    class Framed(pd.DataFrame):
        @property
        def _constructor(self):
            return Framed

    Framed.__qualname__ = "Framed"
    return Framed


# Subclasses of what a library has, which is imported for who needs it: pickle looks for them here.
_CLASSES = {"Labelled": labelled, "Framed": framed}


def __getattr__(name):
    if name in _CLASSES:
        return _CLASSES[name]()
    raise AttributeError(name)


# ---- pyarrow ------------------------------------------------------------------------------------


def arrow_columns(n_bytes):
    import pyarrow as pa

    n = n_bytes // 8
    small = numbers("i4", n)
    return {
        "int": pa.array(numbers("i8", n), mask=numbers("i8", n) % 7 == 0),
        "text": pa.array(texts(n)),
        "view": pa.array(texts(n), pa.string_view()) if hasattr(pa, "string_view") else pa.array(texts(n)),
        "list": pa.ListArray.from_arrays(pa.array(range(0, len(small) + 1, 2), pa.int32()), pa.array(small)),
        "dictionary": pa.DictionaryArray.from_arrays(small % 3, ["a", "b", "c"]),
        "struct": pa.StructArray.from_arrays([pa.array(small), pa.array(small)], ["x", "y"]),
        "time": pa.array(numbers("i8", n)).cast(pa.timestamp("ns", "Europe/Berlin")),
        "decimal": pa.array(numbers("i8", n // 2)).cast(pa.decimal128(21, 2)),
    }


def arrow_table(n_bytes):
    import pyarrow as pa

    columns = arrow_columns(n_bytes)
    n = min(map(len, columns.values()))
    return pa.table({name: column[:n] for name, column in columns.items()}, metadata={"a": "b"})


@row("pyarrow", "Table")
def _(n_bytes):
    import pyarrow as pa

    table = arrow_table(n_bytes)
    half = len(table) // 2
    return {"table": table, "chunks": pa.concat_tables([table[:half], table[half:]])}


@row("pyarrow", "RecordBatch")
def _(n_bytes):
    return {"batch": arrow_table(n_bytes).combine_chunks().to_batches()[0]}


@row("pyarrow", "Array")
def _(n_bytes):
    return arrow_columns(n_bytes)


@row("pyarrow", "ChunkedArray")
def _(n_bytes):
    import pyarrow as pa

    return {
        name: pa.chunked_array([column, column[5:]]) for name, column in arrow_columns(n_bytes // 2).items()
    }


@row("pyarrow", "Buffer")
def _(n_bytes):
    import pyarrow as pa

    return {"buffer": pa.py_buffer(numbers("u1", n_bytes).tobytes())}


@row("pyarrow", "Tensor")
def _(n_bytes):
    import pyarrow as pa

    return {
        "tensor": pa.Tensor.from_numpy(numbers("f8", n_bytes // 16 * 16).reshape(2, -1), dim_names=["x", "y"])
    }


@row("pyarrow", "Schema, Field, DataType, Scalar", small=True, copied="small")
def _(n_bytes):
    import pyarrow as pa

    schema = pa.schema(
        [pa.field("a", pa.int8(), metadata={"b": "c"}), ("d", pa.list_(pa.string()))], {"e": "f"}
    )
    return {
        "schema": schema,
        "field": schema.field(0),
        "type": schema.field(1).type,
        "scalar": pa.scalar("text"),
    }


# ---- Polars -------------------------------------------------------------------------------------


def polars_columns(n_bytes):
    import polars as pl

    n = n_bytes // 8
    small = pl.Series(numbers("i4", n))
    return {
        "int": pl.Series(numbers("i8", n)),
        "float": pl.Series(numbers("f8", n)),
        "bool": pl.Series(numbers("i4", n) % 2 == 0),
        "missing": pl.select(pl.when(pl.Series(numbers("i8", n)) % 7 != 0).then(1.5)).to_series(),
        "text": pl.Series(texts(n)),
        "time": pl.Series(numbers("i8", n)).cast(pl.Datetime("ns", "Europe/Berlin")),
        "date": small.cast(pl.Date),
        "list": small[: len(small) // 2 * 2].reshape((-1, 2)).arr.to_list(),
        "struct": pl.DataFrame({"a": small, "b": small}).to_struct(),
    }


@row("Polars", "frames of all types but those below")
def _(n_bytes):
    import polars as pl

    columns = polars_columns(n_bytes)
    n = min(map(len, columns.values()))
    return {"frame": pl.DataFrame({name: column[:n] for name, column in columns.items()})}


@row("Polars", "Series of these")
def _(n_bytes):
    return polars_columns(n_bytes)


@row("Polars", "Categorical, Enum", copied="Polars makes its own codes of what it is given")
def _(n_bytes):
    import polars as pl

    letters = pl.Series(["a", "b", "c"] * (n_bytes // 8 // 3))
    return {
        "frame": pl.DataFrame(
            {"a": letters.cast(pl.Categorical), "b": letters.cast(pl.Enum(["c", "b", "a"]))}
        ),
        "series": letters.cast(pl.Categorical),
    }


@row("Polars", "Decimal", copied="Polars needs multiples of 16, where Arrow has multiples of 8")
def _(n_bytes):
    import polars as pl

    before = pl.Series(numbers("i8", n_bytes // 3 // 16 * 16 + 8))
    decimals = pl.Series(numbers("i8", n_bytes // 3 // 16 * 16 + 8)).cast(pl.Decimal(20, 3))
    return {f"frame {n}": pl.DataFrame([before.alias(str(i)) for i in range(n)] + [decimals]) for n in (1, 2)}


@row("Polars", "Int128", copied="Arrow has no such type, and Polars reads its own form", needs_pickle=True)
def _(n_bytes):
    import polars as pl

    return {"frame": pl.DataFrame({"a": pl.Series(numbers("i8", n_bytes // 2)).cast(pl.Int128)})}


@row("Polars", "LazyFrame", refused="`collect()` it first")
def _(n_bytes):
    import polars as pl

    return {"plan": pl.LazyFrame({"a": [1]})}


@row("Polars", "columns of type Object", refused="Polars cannot pickle them either")
def _(n_bytes):
    import polars as pl

    return {"frame": pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})}


# ---- SciPy --------------------------------------------------------------------------------------


def sparse_parts(n_bytes):
    import numpy as np

    n = n_bytes // 16
    rows = np.arange(n) // 4
    return numbers("f8", n * 8) + 1, rows, (np.arange(n) % 4) * 7, (int(rows[-1]) + 1, 28)


@row("SciPy", "csr, csc, bsr, coo, dia, as matrix and as array")
def _(n_bytes):
    import scipy.sparse as sp

    data, rows, columns, shape = sparse_parts(n_bytes // 9)
    coo = sp.coo_array((data, (rows, columns)), shape)
    values = {}
    for form in ("csr", "csc", "coo"):
        for kind in ("matrix", "array"):
            values[f"{form}_{kind}"] = getattr(sp, f"{form}_{kind}")(coo)
    diagonals = numbers("f8", n_bytes // 9).reshape(1, -1)
    values["bsr_array"] = sp.bsr_array(sp.csr_array(coo)[: shape[0] // 2 * 2], blocksize=(2, 7))
    values["dia_array"] = sp.dia_array((diagonals, [0]), (diagonals.size, diagonals.size))
    values["dia_matrix"] = sp.dia_matrix(values["dia_array"])
    return values


@row("SciPy", "lil, dok", copied="within they are Python's lists and dicts", needs_pickle=True)
def _(n_bytes):
    import scipy.sparse as sp

    data, rows, columns, shape = sparse_parts(n_bytes // 16)
    coo = sp.coo_array((data, (rows, columns)), shape)
    return {"lil": sp.lil_array(coo), "dok": sp.dok_array(coo)}


# ---- bytes --------------------------------------------------------------------------------------


@row("bytes", "memoryview of any format and shape")
def _(n_bytes):
    values = numbers("f8", n_bytes // 2 // 16 * 16)
    return {
        "bytes": memoryview(values.tobytes()),
        "2-d": memoryview(values.reshape(2, -1)),
    }


@row("bytes", "`bytes`, `str`", copied="they keep their bytes within; a memoryview of them would be shared")
def _(n_bytes):
    return {"bytes": b"x" * (n_bytes // 2), "str": "x" * (n_bytes // 2)}


@row(
    "bytes", "`bytearray`, `array.array`", copied="they can be written; a memoryview of them would be shared"
)
def _(n_bytes):
    return {"bytearray": bytearray(n_bytes // 2), "array": array.array("d", range(n_bytes // 16))}


@row("bytes", "`mmap.mmap`", returns="a memoryview", same=lambda recalled, made: bytes(recalled) == made[:])
def _(n_bytes):
    mapped = mmap.mmap(-1, n_bytes)
    mapped[:] = numbers("u1", n_bytes).tobytes()
    return {"mmap": mapped}


# ---- objects that hold any of these -------------------------------------------------------------


@dataclasses.dataclass
class Measured:
    name: str
    values: object
    parts: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    values: object


class Plain:
    def __init__(self, values):
        self.values = values


Pair = collections.namedtuple("Pair", "name values")


class Colour(enum.Enum):
    RED = 1


def some_of_each(n_bytes):
    """Values of all the libraries."""
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import scipy.sparse as sp

    n = n_bytes // 6
    data, rows, columns, shape = sparse_parts(n)
    return [
        numbers("f8", n),
        pd.DataFrame({"a": numbers("f8", n // 2), "t": numbers("i8", n // 2).astype("M8[ns]")}),
        pa.table({"x": numbers("f8", n)}),
        pl.DataFrame({"s": texts(n)}),
        sp.csr_array(sp.coo_array((data, (rows, columns)), shape)),
        memoryview(numbers("u1", n).tobytes()),
    ]


@row("Containers", "dict, list, tuple, SimpleNamespace, OrderedDict, nested, of any of these")
def _(n_bytes):
    n = n_bytes // 5
    return {
        "dict": {"a": some_of_each(n), (1, "b"): {"c": numbers("f4", 100)}},
        "list": some_of_each(n),
        "tuple": tuple(some_of_each(n)),
        "namespace": types.SimpleNamespace(a=some_of_each(n)),
        "ordered": collections.OrderedDict(zip("abcdef", some_of_each(n))),
    }


@row("Containers", "dataclasses, namedtuples, objects of any class with these in them", needs_pickle=True)
def _(n_bytes):
    n = n_bytes // 4
    return {
        "dataclass": Measured("m", numbers("f8", 1000), {"each": some_of_each(n)}),
        "slots": Slotted(some_of_each(n)),
        "object": Plain(some_of_each(n)),
        "namedtuple": Pair("p", some_of_each(n)),
    }


@row("Containers", "classes that are registered, which say what they are made of")
def _(n_bytes):
    return {"track": Track(some_of_each(n_bytes))}


class Track:
    def __init__(self, positions):
        self.positions = positions


brain_plasma.register(Track, vars, lambda parts: Track(**parts), name="tests.Track", untrusted=True)


@row("Containers", "xarray Dataset, DataArray", needs_pickle=True)
def _(n_bytes):
    import numpy as np
    import xarray as xr

    values = numbers("f8", n_bytes // 3 // 80 * 80).reshape(10, -1)
    coordinates = {"t": numbers("i8", 80).astype("M8[ns]"), "x": np.arange(values.shape[1])}
    rain = xr.DataArray(values, dims=["t", "x"], coords=coordinates, name="rain", attrs={"unit": "mm"})
    return {"array": rain, "dataset": xr.Dataset({"rain": rain, "heat": rain + 1}, attrs={"a": [1]})}


def sample():
    import numpy as np

    return np.random.default_rng(1).random((300, 20))


def predicts_the_same(recalled, made):
    import numpy as np

    return type(recalled) is type(made) and np.array_equal(recalled.predict(sample()), made.predict(sample()))


@row(
    "Containers",
    "scikit-learn models whose data are arrays (linear, neighbours, boosted histograms)",
    needs_pickle=True,
    same=predicts_the_same,
)
def _(n_bytes):
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.neighbors import KNeighborsRegressor

    n = max(50, n_bytes // 176)
    known = np.resize(sample(), (n, 20))
    few = sample()
    return {
        "linear": Ridge().fit(few, few[:, 0]),
        "neighbours": KNeighborsRegressor(algorithm="brute").fit(known, known[:, 0]),
        "boosted": HistGradientBoostingRegressor(max_iter=5, random_state=1).fit(few, few[:, 0]),
    }


@row(
    "Containers",
    "scikit-learn models of trees (random forests)",
    copied="scikit-learn's `Tree` copies its nodes when it is unpickled",
    needs_pickle=True,
    same=predicts_the_same,
)
def _(n_bytes):
    import numpy as np
    from sklearn.ensemble import RandomForestRegressor

    # A node takes 64 bytes, and 8 more for its value; a tree of n leaves has 2 n - 1 of them.
    n = max(100, n_bytes // 10 // 100)
    known = np.random.default_rng(2).random((n, 20))
    forest = RandomForestRegressor(10, max_features=1, random_state=1)
    return {"forest": forest.fit(known, known[:, 0])}


# ---- code ---------------------------------------------------------------------------------------


def same_local(recalled, made):
    """Classes that were sent by value are others."""
    if isinstance(made, types.FunctionType):
        return same(recalled, made) and recalled(7) == made(7)
    return type(recalled).__name__ == type(made).__name__ and same(vars(recalled), vars(made))


@row(
    "Code",
    "lambdas and local classes, by cloudpickle, with what they hold",
    needs_pickle=True,
    same=same_local,
)
def _(n_bytes):
    values = numbers("f8", n_bytes // 2)

    class Local:
        def __init__(self, values):
            self.values = values

    return {"lambda": lambda x: values[x], "object": Local(numbers("f8", n_bytes // 2))}


@row("Code", "objects of classes of the main module", needs_pickle=True, same=same_local)
def _(n_bytes):
    main = vars(sys.modules["__main__"])
    if "BrainTestThing" not in main:
        exec("class BrainTestThing:\n    def __init__(self, values):\n        self.values = values", main)
    return {"object": main["BrainTestThing"](numbers("f8", n_bytes))}


# ---- plain data ---------------------------------------------------------------------------------


@row(
    "Plain data",
    "None, bool, int of any size, float, complex, and containers of these with text and bytes",
    copied=MADE_ANEW,
)
def _(n_bytes):
    scalars = [None, True, -1, 2**70, 1.5, 1j, "text", b"bytes", (1, 2), {3, 4}, frozenset([5])]
    return {
        **{repr(scalar): scalar for scalar in scalars},
        "list": [float(i) for i in range(n_bytes // 40)],
        "dict": {f"key {i}": [i, {"a": (i, None)}] for i in range(n_bytes // 1000)},
    }


@row(
    "Plain data",
    "dates, times, zones, Decimal, Fraction, UUID, range, slice, paths, OrderedDict, Counter, deque",
    small=True,
    copied="small",
)
def _(n_bytes):
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    values = [
        datetime.date(2020, 1, 2),
        datetime.time(1, 2, fold=1),
        datetime.datetime(2020, 1, 2, 3, tzinfo=datetime.timezone.utc),
        datetime.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=berlin),
        datetime.timedelta(1, 2, 3),
        datetime.timezone(datetime.timedelta(hours=5)),
        berlin,
        decimal.Decimal("1.50"),
        fractions.Fraction(1, 3),
        uuid.UUID(int=7),
        range(1, 10, 2),
        slice(1, None),
        pathlib.PurePosixPath("/a/b"),
        collections.OrderedDict(b=1, a=2),
        collections.Counter("abca"),
        collections.deque([1, 2], 5),
    ]
    return {type(value).__name__ + str(i): value for i, value in enumerate(values)}


@row(
    "Plain data",
    "enums, namedtuples, functions and classes of modules",
    small=True,
    copied="small",
    needs_pickle=True,
)
def _(n_bytes):
    return {"enum": Colour.RED, "namedtuple": Pair("a", 1), "function": row, "class": Plain}


@row("Plain data", "generators, open files, locks", refused="the error says which part it is")
def _(n_bytes):
    return {"generator": (i for i in range(3)), "file": {"a": sys.stdout}, "lock": [threading.Lock()]}
