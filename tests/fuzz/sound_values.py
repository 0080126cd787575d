"""Values of every kind that a store takes without a pickle: what the fuzzing of values starts from."""

import array
import datetime
import decimal
import fractions
import pathlib
import types
import uuid
import zoneinfo
from collections import Counter, OrderedDict, deque


def all_values():
    """Name -> value. Of libraries that are not installed there are none."""
    values = plain()
    for module, more in (
        ("numpy", numpy_values),
        ("pandas", pandas_values),
        ("pyarrow", arrow_values),
        ("polars", polars_values),
        ("scipy", scipy_values),
    ):
        try:
            __import__(module)
        except ImportError:
            continue
        values |= {f"{module} {name}": value for name, value in more().items()}
    return values


def plain():
    shared = ["x" * 70]
    holds_itself = [1]
    holds_itself.append(holds_itself)
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    return {
        "none": None,
        "true": True,
        "int": 5,
        "large int": 2**100,
        "float": 1.5,
        "str": "some text",
        "bytes": b"some bytes",
        "large bytes": [b"x" * 5000, "y" * 5000],
        "numbers": [0, -1, 23, 24, 2**32, 2**63, -(2**64), 2**70, -(2**70), 1.5, 1j, True, None],
        "containers": {"a": [1, (2, 3)], (1, "b"): {1, 2}, b"c": frozenset([3]), "d": bytearray(b"xyz")},
        "shared": [shared, shared, {"a": shared}, "x" * 70],
        "holds itself": holds_itself,
        "times": [
            datetime.date(2024, 2, 29),
            datetime.time(1, 2, 3, 4, tzinfo=datetime.timezone.utc),
            datetime.datetime(2024, 10, 27, 2, 30, tzinfo=zone, fold=1),
            datetime.timedelta(days=-1, microseconds=5),
            datetime.timezone(datetime.timedelta(hours=1), "mine"),
            zone,
        ],
        "numbers of classes": [decimal.Decimal("1.50"), fractions.Fraction(1, 3), uuid.UUID(int=5), 2j],
        "the rest": [
            OrderedDict(a=1, b=2),
            deque([1, 2], 5),
            Counter("abca"),
            types.SimpleNamespace(a=1),
            range(1, 10, 3),
            slice(1, None, 2),
            pathlib.PurePosixPath("/a/b"),
            "\ud800",
            array.array("d", [1.0, 2.0]),
            memoryview(b"some bytes"),
            memoryview(array.array("i", range(12))).cast("B").cast("i", (3, 4)),
        ],
    }


def numpy_values():
    import numpy as np

    return {
        "int": np.arange(20),
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "empty": np.empty((0, 3)),
        "0-d": np.array(5, "i2"),
        "times": np.array(["2024-01-01", "NaT"], "M8[ns]"),
        "text": np.array(["a", "bcd"]),
        "struct": np.array([(1, 2.0, b"x")], [("a", "i4"), ("b", "f8", (2,)), ("c", "S3")]),
        "containers": {"a": np.arange(5), "b": [np.zeros((2, 2), "f4"), np.arange(3) > 1]},
        "masked": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
        "masked struct": np.ma.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")], mask=[(1, 0)]),
        "records": np.rec.array([(1, "x")], dtype=[("a", "i4"), ("b", "U3")]),
        "record": np.array([(1, "x")], [("a", "i4"), ("b", "U3")])[0],
        "matrix": np.arange(4).reshape(2, 2).view(np.matrix),
        "scalars": [np.float32(1.5), np.int8(3), np.datetime64("2024-01-01"), np.bool_(True), np.str_("x")],
        "dtypes": [np.dtype("i4"), np.dtype([("a", "i4"), ("b", "U3")]), np.dtype("M8[us]")],
        "strings": np.array(["a", None, "bc"], object),
    }


def pandas_values():
    import numpy as np
    import pandas as pd

    n = 6
    frame = pd.DataFrame(
        {
            "int": range(n),
            "float": np.linspace(0, 1, n),
            "float 2": np.linspace(1, 2, n),
            "bool": [True, False] * 3,
            "str": ["a", None, "ccc"] * 2,
            "category": pd.Categorical(["x", "y", None] * 2, ordered=True),
            "date": pd.date_range("2024-01-01", periods=n),
            "zone": pd.date_range("2024-01-01", periods=n, tz="Europe/Berlin"),
            "delta": pd.to_timedelta(range(n), unit="h"),
            "period": pd.period_range("2024-01", periods=n, freq="M"),
            "interval": pd.interval_range(0, n),
            "Int64": pd.array([1, None, 3] * 2, "Int64"),
            "Float64": pd.array([1, None, 3] * 2, "Float64"),
            "boolean": pd.array([True, None, False] * 2, "boolean"),
            "string": pd.array(["a", None, "ccc"] * 2, "string"),
            "sparse": pd.arrays.SparseArray([0, 0, 1] * 2),
        }
    )
    values = {
        "frame": frame,
        "small frame": pd.DataFrame({"a": [1, 2], "b": [1.0, 2.0]}, index=["x", "y"]),
        "series": frame["category"].rename("x"),
        "text": frame["str"],
        "objects": pd.DataFrame({"a": pd.Series(["x", 1, None], dtype=object), 2: ["a", "b", "c"]}),
        "multi": frame.set_index(["str", "category"])[["int", "float"]],
        "pivot": pd.DataFrame(np.eye(3), columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)])),
        "indexes": [
            pd.Index(frame[name])
            for name in ("int", "float", "str", "category", "date", "zone", "delta", "period", "interval")
        ]
        + [pd.RangeIndex(1, 10, 2, name="r"), pd.date_range("2024", periods=5, freq="2h")],
        "arrays": [frame[name].array for name in frame],
        "scalars": [
            pd.Timestamp("2024-01-01", tz="UTC"),
            pd.Timedelta(5, "h"),
            pd.Period("2024-01", "M"),
            pd.Interval(1, 2),
            pd.NA,
            pd.NaT,
            pd.offsets.BDay(2),
            pd.CategoricalDtype(["a", "b"]),
        ],
        "long text": pd.Series([f"{number:04}" for number in range(400)]),
        "many rows": pd.DataFrame({"a": range(300), "b": 1.5}, index=pd.Index(range(300, 600))),
    }
    try:
        values["arrow"] = frame[["int", "str", "date"]].convert_dtypes(dtype_backend="pyarrow")
    except ImportError:
        pass
    return values


def arrow_values():
    import pyarrow as pa

    columns = {
        "int": pa.array([1, None, 3]),
        "float": pa.array([1.0, 2.0, None]),
        "bool": pa.array([True, None, False]),
        "text": pa.array(["a", None, "ccc"]),
        "large": pa.array(["a", None, "ccc"], pa.large_string()),
        "view": pa.array(["a", None, "c" * 20], pa.string_view()),
        "bytes": pa.array([b"a", None, b"ccc"]),
        "fixed": pa.array([b"abc", None, b"def"], pa.binary(3)),
        "dictionary": pa.array(["a", "b", "a"]).dictionary_encode(),
        "list": pa.array([[1, 2], None, []]),
        "fixed list": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.int8(), 2)),
        "struct": pa.array([{"a": 1, "b": "x"}, None, {"a": 2, "b": None}]),
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int32())),
        "decimal": pa.array([1, None, 3], pa.decimal128(10, 2)),
        "time": pa.array([1, None, 3], pa.timestamp("us", "UTC")),
        "duration": pa.array([1, None, 3], pa.duration("s")),
        "runs": pa.RunEndEncodedArray.from_arrays([2, 3], [1.5, None]),
        "union": pa.UnionArray.from_dense(
            pa.array([0, 1, 0], pa.int8()),
            pa.array([0, 0, 1], pa.int32()),
            [pa.array([1, 2]), pa.array(["x"])],
        ),
    }
    table = pa.table(columns)
    return {
        "table": table,
        "small table": pa.table({"a": [1, 2, 3], "b": ["x", "y", None]}),
        "chunks": pa.concat_tables([table, table]),
        "batch": pa.RecordBatch.from_arrays([columns["int"], columns["text"]], ["a", "b"]),
        "arrays": list(columns.values()),
        "in a dict": {"table": table.select(["int", "text"]), "chunked": pa.chunked_array([[1, 2], [3]])},
        "schema": [table.schema, table.schema.field(0), pa.list_(pa.int32())],
        "scalars": [pa.scalar(5), pa.scalar("x"), pa.scalar([1, 2])],
        "tensor": pa.Tensor.from_numpy(__import__("numpy").arange(12.0).reshape(3, 4)),
        "buffer": pa.py_buffer(b"some bytes"),
    }


def polars_values():
    import polars as pl

    frame = pl.DataFrame(
        {
            "int": [1, 2, None],
            "float": [1.0, 2.0, 3.0],
            "text": ["a", None, "c" * 20],
            "date": [datetime.date(2024, 1, 1)] * 3,
            "time": [datetime.datetime(2024, 1, 1)] * 3,
            "list": [[1, 2], [], None],
            "struct": [{"a": 1}, {"a": 2}, None],
            "bool": [True, False, None],
            "category": pl.Series(["x", "y", "x"], dtype=pl.Categorical),
            "enum": pl.Series(["x", "y", "x"], dtype=pl.Enum(["x", "y"])),
            "array": pl.Series([[1, 2], [3, 4], None], dtype=pl.Array(pl.Int8, 2)),
            "decimal": pl.Series([decimal.Decimal("1.5"), None, decimal.Decimal("2.5")]),
        }
    )
    return {
        "frame": frame,
        "sorted": frame.select("int").sort("int"),
        "series": frame["text"],
        "in a dict": {"frame": frame.select("int", "text"), "series": [frame["list"], frame["category"]]},
    }


def scipy_values():
    import numpy as np
    from scipy import sparse

    dense = np.array([[1.0, 0, 2], [0, 0, 3]])
    values = {
        form: getattr(sparse, f"{form}_matrix")(dense)
        for form in ("csr", "csc", "coo", "bsr", "dia")
    }
    values["arrays"] = [sparse.csr_array(dense), sparse.coo_array(dense)]
    return values
