"""Tables of tests, and what their files have in common."""

import datetime
import decimal
import os

import numpy as np
import pandas as pd
import pyarrow as pa

TYPED = ["parquet", "arrow"]  # what keeps types
ALL = [*TYPED, "csv"]


def everything():
    """A table with a column of each kind that Parquet and Arrow keep; each has a null."""
    columns = {
        "int": pa.array([1, None, 3], pa.int8()),
        "unsigned": pa.array([1, None, 2**64 - 1], pa.uint64()),
        "float": pa.array([1.5, None, float("nan")]),
        "bool": pa.array([True, None, False]),
        "text": pa.array(["a,\"b\"\n", None, ""]),
        "large text": pa.array(["ä", None, "NA"], pa.large_string()),
        "bytes": pa.array([b"\x00\xff", None, b""]),
        "date": pa.array([datetime.date(2020, 2, 29), None, datetime.date(1, 1, 1)]),
        "time": pa.array([datetime.time(1, 2, 3, 4), None, datetime.time(0)], pa.time64("us")),
        "when": pa.array([1, None, 3], pa.timestamp("ns")),
        "where": pa.array([1, None, 3], pa.timestamp("us", "Europe/Berlin")),
        "how long": pa.array([1, None, 3], pa.duration("ms")),
        "decimal": pa.array([decimal.Decimal("1.25"), None, decimal.Decimal("-3.00")], pa.decimal128(9, 2)),
        "category": pa.array(["a", None, "a"]).dictionary_encode(),
        "nothing": pa.nulls(3),
        "list": pa.array([[1, None], None, []]),
        "struct": pa.array([{"x": 1, "y": ["a"]}, None, {"x": None, "y": None}]),
        "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
        "": pa.array([1, 2, 3]),
        "odd, \"name\"\n": pa.array([1, 2, 3]),
    }
    return pa.table(columns, metadata={"of": "all"})


def frame(n=1000):
    """A frame of pandas with most of what one may have."""
    numbers = np.arange(float(n))
    numbers[::7] = np.nan
    return pd.DataFrame(
        {
            "number": numbers,
            "text": [None if i % 5 == 0 else f"text {i}" for i in range(n)],
            "category": pd.Categorical.from_codes(np.arange(n) % 3, ["x", "y", "unused"], ordered=True),
            "nullable": pd.array([None, *range(n - 1)], dtype="Int64"),
            "when": pd.date_range("2020", periods=n, freq="h", tz="Europe/Berlin"),
            "list": [[i, i + 1] for i in range(n)],
        },
        index=pd.Index(range(5, n + 5), name="key"),
    )


def left_in(folder):
    return sorted(os.listdir(folder))
