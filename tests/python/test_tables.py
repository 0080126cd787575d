"""Tables to files and back: what comes back as it was, what is refused, and what stays where it fails."""

import contextlib
import datetime
import decimal
import errno
import gc
import gzip
import itertools
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq

from brain_plasma import (
    Brain,
    BrainFileNotFoundError,
    BrainFormatError,
    BrainFullError,
    BrainMissingPackageError,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainPermissionError,
    BrainValueError,
    BrainValueTypeError,
    table_files,
    table_formats,
    table_values,
    whole_files,
)
from brain_plasma.mock import MockPlasmaClient

MEGABYTE = 1_000_000
RECORDS = [(1, 1.5, "a", b"b"), (2, 2.5, "", b"")]
TYPED = ["parquet", "arrow"]  # what keeps types
ALL = [*TYPED, "csv"]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


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


# ---- what comes back ------------------------------------------------------------------------------


@pytest.mark.parametrize("format", TYPED)
def test_all_of_arrow_comes_back(brain, tmp_path, format):
    brain["t"] = everything()
    path = tmp_path / f"t.{format}"
    out = brain.export_table("t", path)
    assert (out.name, out.path, out.format, out.rows, out.columns) == ("t", str(path), format, 3, 20)
    assert out.file_bytes == path.stat().st_size
    back = brain.import_table(path, "u", description="again")
    assert repr(back).startswith(f"<Table 'u' of 3 rows and 20 columns, {format} in '{tmp_path}/t.{format}', ")
    assert back.file_bytes == out.file_bytes
    expected, found = everything(), brain["u"]
    assert found.schema.equals(expected.schema)
    assert repr(found.to_pydict()) == repr(expected.to_pydict())  # a NaN equals none
    assert found.schema.metadata[b"of"] == b"all"
    assert brain.metadata("u")["description"] == "again"


@pytest.mark.parametrize("format", TYPED)
def test_a_frame_of_pandas_comes_back(brain, tmp_path, format):
    brain["frame"] = frame()
    brain.export_table("frame", tmp_path / f"frame.{format}")
    brain.import_table(tmp_path / f"frame.{format}", "back")
    found = brain["back"]
    found["list"] = found["list"].map(list)  # as an array each
    pd.testing.assert_frame_equal(found, frame())


@pytest.mark.parametrize(
    "labels",
    [
        {"columns": [1, 2]},
        {"columns": pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])},
        {"columns": pd.date_range("2020", periods=2)},
        {"columns": ["", "index"]},
        {"index": pd.MultiIndex.from_tuples([("a", 1), ("b", 2), ("b", 3)], names=["x", None])},
        {"index": pd.RangeIndex(5, 11, 2, name="r")},
        {"index": pd.Index(["a", "a", None])},
    ],
    ids=lambda labels: repr(list(labels.values())[0])[:30],
)
@pytest.mark.parametrize("format", TYPED)
def test_labels_of_pandas_come_back(brain, tmp_path, format, labels):
    expected = pd.DataFrame(np.arange(6).reshape(3, 2), **{"columns": ["a", "b"], **labels})
    brain["frame"] = expected
    path = tmp_path / f"frame.{format}"
    brain.export_table("frame", path)
    brain.import_table(path)
    pd.testing.assert_frame_equal(brain["frame"], expected, check_freq=False)


@pytest.mark.parametrize("format", TYPED)
def test_a_frame_of_polars_comes_back(brain, tmp_path, format):
    expected = pl.DataFrame(
        {
            "number": [1, None, 3],
            "text": ["a", None, ""],
            "list": [[1], None, []],
            "struct": [{"x": 1, "y": "a"}] * 3,
            "when": [datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)] * 3,
            "how long": [datetime.timedelta(1)] * 3,
        }
    ).with_columns(
        pl.Series("category", ["x", None, "x"], dtype=pl.Categorical),
        pl.Series("enum", ["x", None, "y"], dtype=pl.Enum(["x", "y", "z"])),
    )
    brain["frame"] = expected
    options = {"row_group_size": 2} if format == "parquet" else {}
    brain.export_table("frame", tmp_path / f"frame.{format}", **options)
    brain.import_table(tmp_path / f"frame.{format}", "back", kind="polars")
    assert brain["back"].equals(expected)
    assert {name: kind for name, kind in brain["back"].schema.items() if name != "enum"} == {
        name: kind for name, kind in expected.schema.items() if name != "enum"
    }


@pytest.mark.parametrize("format", ALL)
@pytest.mark.parametrize(
    "value",
    [
        np.array(RECORDS, [("i", "<i4"), ("f", ">f8"), ("t", "U3"), ("b", "S3")]),
        np.rec.array(RECORDS, [("i", "i4"), ("f", "f8"), ("t", "U3"), ("b", "S3")]),
        {"i": np.array([1, 2], "i4"), "f": [1.5, 2.5], "t": pd.Series(["a", ""]), "b": pl.Series([b"b", b""])},
        pa.RecordBatch.from_arrays(
            [pa.array([1, 2], pa.int32()), *map(pa.array, ([1.5, 2.5], ["a", ""], [b"b", b""]))], list("iftb")
        ),
    ],
    ids=["structured", "records", "dict", "batch"],
)
def test_other_things_with_columns(brain, tmp_path, value, format):
    brain["t"] = value
    assert brain.export_table("t", tmp_path / f"t.{format}").rows == 2
    brain.import_table(tmp_path / f"t.{format}")
    expected = {"i": [1, 2], "f": [1.5, 2.5], "t": ["a", ""], "b": [b"b", b""]}
    if format == "csv":
        expected["b"] = ["b", ""]
    assert brain["t"].to_pydict() == expected
    if format != "csv":
        assert brain["t"].schema.field("i").type == pa.int32()


@pytest.mark.parametrize("series", [pd.Series([1, 2], name="s"), pl.Series("s", [1, 2])], ids=["pandas", "polars"])
def test_a_series_is_one_column(brain, tmp_path, series):
    brain["s"] = series
    assert brain.export_table("s", tmp_path / "s.parquet").columns == 1
    brain.import_table(tmp_path / "s.parquet", kind="arrow")
    assert brain["s"].to_pydict() == {"s": [1, 2]}


def test_what_csv_keeps(brain, tmp_path):
    """Text with all that has a meaning in CSV, and what is missing apart from what is empty."""
    expected = pa.table({"a,\"\n": ["", None, "x\ny", "\"q\", 'r'", "ä"], "b": [1, None, 3, 4, 5]})
    brain["t"] = expected
    brain.export_table("t", tmp_path / "t.csv")
    brain.import_table(tmp_path / "t.csv", "u")
    assert brain["u"].equals(expected)
    assert (tmp_path / "t.csv").read_bytes().startswith(b'"a,""\n","b"\n"",1\n')


def test_what_csv_makes_of_types(brain, tmp_path):
    plain = everything().drop_columns(["list", "struct", "map", "bytes"])
    brain["t"] = plain.append_column("code", pa.array(["007"] * 3))
    brain.export_table("t", tmp_path / "t.csv")
    brain.import_table(tmp_path / "t.csv", "u")
    found = {field.name: field.type for field in brain["u"].schema}
    assert found["int"] == found["how long"] == found["code"] == pa.int64() and found["bool"] == pa.bool_()
    assert found["decimal"] == pa.float64() and found["category"] == pa.string() and found["date"] == pa.date32()
    assert pa.types.is_timestamp(found["when"]) and found["where"].tz == "UTC"
    assert brain["u"]["where"].cast(pa.timestamp("us", "Europe/Berlin")).equals(brain["t"]["where"])
    assert brain["u"]["float"].null_count == 2  # a NaN as well
    brain.import_table(tmp_path / "t.csv", "u", column_types={"code": pa.string()})
    assert brain["u"]["code"].to_pylist() == ["007"] * 3
    (tmp_path / "t.csv").write_text("a\nNA\n")
    brain.import_table(tmp_path / "t.csv")
    assert brain["t"]["a"].null_count == 1
    brain.import_table(tmp_path / "t.csv", null_values=[""])
    assert brain["t"]["a"].to_pylist() == ["NA"]


def test_bytes_that_are_no_text_cannot_be_csv(brain, tmp_path):
    brain["t"] = everything().select(["bytes"])
    with pytest.raises(BrainValueError, match="cannot be written as CSV.*UTF8"):
        brain.export_table("t", tmp_path / "t.csv")
    assert left_in(tmp_path) == []


def test_csv_of_many_blocks(brain, tmp_path):
    """A block of the reader may end within a text, and texts may be longer than one usually is."""
    texts = ["line\n" * (i % 50) + str(i) for i in range(50_000)] + ["x" * 3_000_000, "\n" * 100_000]
    brain["t"] = pa.table({"a": texts, "b": range(len(texts))})
    brain.export_table("t", tmp_path / "t.csv")
    assert (tmp_path / "t.csv").stat().st_size > 8 * MEGABYTE
    brain.import_table(tmp_path / "t.csv", "u")
    assert brain["u"].equals(brain["t"])
    with pytest.raises(BrainFormatError, match="block size"):
        brain.import_table(tmp_path / "t.csv", "u", block_size=100_000)
    brain["t"] = brain["t"].slice(0, 50_000)
    brain.export_table("t", tmp_path / "t.csv")
    brain.import_table(tmp_path / "t.csv", "u", block_size=10_000)
    assert brain["u"].equals(brain["t"])


@pytest.mark.parametrize("ending, magic", [("gz", b"\x1f\x8b"), ("bz2", b"BZh"), ("zst", b"\x28\xb5\x2f\xfd")])
def test_csv_that_is_compressed(brain, tmp_path, ending, magic):
    brain["t"] = pa.table({"a": range(1000)})
    path = tmp_path / f"t.csv.{ending.upper()}"
    result = brain.export_table("t", path)
    assert path.read_bytes().startswith(magic) and result.file_bytes == path.stat().st_size
    assert brain.import_table(path, "u").rows == 1000 and brain["u"].equals(brain["t"])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BrainFormatError, match="cut|ends too early|runcated"):
        brain.import_table(path, "u")


def test_an_index_is_a_column_of_csv(brain, tmp_path):
    brain["frame"] = pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", "y"], name="key"))
    assert brain.export_table("frame", tmp_path / "frame.csv").columns == 2
    assert (tmp_path / "frame.csv").read_text() == '"a","key"\n1,"x"\n2,"y"\n'


@pytest.mark.parametrize("format", ALL)
def test_a_table_without_rows(brain, tmp_path, format):
    empty = [pa.table({"a": pa.array([], pa.int8())}), pd.DataFrame({"a": []}), pl.DataFrame({"a": []})]
    for number, value in enumerate(empty):
        brain["t"] = value
        path = tmp_path / f"{number}.{format}"
        assert brain.export_table("t", path).rows == 0
        assert brain.import_table(path, "u").rows == 0
        assert list(brain["u"].columns if isinstance(brain["u"], pd.DataFrame) else brain["u"].column_names) == ["a"]


def test_a_table_without_columns(brain, tmp_path):
    brain["rows"] = pd.DataFrame(index=range(3))
    brain["nothing"] = pa.table({})
    brain.export_table("rows", tmp_path / "t.arrow")
    brain.import_table(tmp_path / "t.arrow", "u")
    assert brain["u"].shape == (3, 0)
    brain.export_table("nothing", tmp_path / "t.parquet")
    brain.import_table(tmp_path / "t.parquet", "u")
    assert brain["u"].shape == (0, 0)
    for name, ending in [("rows", "parquet"), ("rows", "csv"), ("nothing", "csv")]:
        with pytest.raises(BrainValueTypeError, match=r"a table of \d rows and no columns .*format='arrow' has"):
            brain.export_table(name, tmp_path / f"no.{ending}")
    assert left_in(tmp_path) == ["t.arrow", "t.parquet"]


def test_columns_of_one_name(brain, tmp_path):
    twice = pa.table([[1], [2]], ["a", "a"])
    brain["t"] = twice
    for format in ALL:
        path = tmp_path / f"t.{format}"
        brain.export_table("t", path)
        brain.import_table(path, "u")
        assert brain["u"].equals(twice)
        with pytest.raises(BrainValueError, match="the file has more than one column 'a'; it has 'a', 'a'"):
            brain.import_table(path, "u", columns=["a"])
        with pytest.raises(BrainValueError, match="cannot be a frame of polars .*kind='arrow' takes any"):
            brain.import_table(path, "u", kind="polars")
    brain["t"] = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(BrainValueTypeError, match="'t' has more than one column 'a'.*rename one"):
        brain.export_table("t", tmp_path / "no.parquet")


def test_categories_that_differ_from_chunk_to_chunk(brain, tmp_path):
    chunks = [pa.array(["a", "b"]).dictionary_encode(), pa.array(["c", "a"]).dictionary_encode()]
    brain["t"] = pa.table({"a": pa.chunked_array(chunks)})
    for format in TYPED:
        brain.export_table("t", tmp_path / f"t.{format}")
        brain.import_table(tmp_path / f"t.{format}", "u")
        assert brain["u"]["a"].to_pylist() == ["a", "b", "c", "a"]


def test_categories_of_polars_that_differ_from_piece_to_piece(brain, tmp_path, monkeypatch):
    monkeypatch.setattr(table_formats, "rows_of_a_piece", lambda *_: 2)
    parts = [pl.DataFrame({"a": pl.Series(pair, dtype=pl.Categorical)}) for pair in (["a", "b"], ["c", "a"])]
    brain["t"] = pl.concat(parts, rechunk=False)
    for format in TYPED:
        assert brain.export_table("t", tmp_path / f"t.{format}").rows == 4
        brain.import_table(tmp_path / f"t.{format}", "u", kind="polars")
        assert brain["u"].equals(brain["t"])


# ---- arguments ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file, format, found",
    [
        ("a.parquet", None, "parquet"),
        ("a.PQ", None, "parquet"),
        ("a.csv", None, "csv"),
        ("a.feather", None, "arrow"),
        ("a.ipc", None, "arrow"),
        ("a.arrow", None, "arrow"),
        ("a", "ipc", "arrow"),
        ("a.csv", "parquet", "parquet"),
        ("a.b", "csv", "csv"),
    ],
)
def test_the_format(brain, tmp_path, file, format, found):
    brain["t"] = pa.table({"a": [1]})
    assert brain.export_table("t", tmp_path / file, format=format).format == found
    assert brain.import_table(tmp_path / file, format=format).rows == 1
    magic = {"parquet": b"PAR1", "csv": b'"a"\n', "arrow": b"ARROW1"}[found]
    assert (tmp_path / file).read_bytes().startswith(magic)


def test_formats_that_are_none(brain, tmp_path):
    brain["t"] = pa.table({"a": [1]})
    with pytest.raises(BrainValueError, match="does not say the format.*format='parquet', 'csv' or 'arrow'"):
        brain.export_table("t", tmp_path / "a.txt")
    with pytest.raises(BrainValueError, match="'xml'"):
        brain.import_table(tmp_path / "a.txt", format="xml")
    with pytest.raises(BrainValueError, match="Parquet is not compressed as a whole; compression="):
        brain.export_table("t", tmp_path / "a.parquet.gz")
    with pytest.raises(BrainValueError, match="cannot be the path"):
        brain.export_table("t", "")
    assert left_in(tmp_path) == []


@pytest.mark.parametrize(
    "file, name",
    [("flights.parquet", "flights"), ("my.flights.csv.gz", "my.flights"), ("flights.v2", "flights.v2"), ("a.gz", "a")],
)
def test_a_table_is_called_as_its_file(brain, tmp_path, file, name):
    (tmp_path / file).write_bytes(gzip.compress(b"a\n1\n") if file.endswith("gz") else b"a\n1\n")
    if file.endswith("parquet"):
        pq.write_table(pa.table({"a": [1]}), tmp_path / file)
    result = brain.import_table(tmp_path / file, format=None if "." in file[:-3] and file[-2:] != "v2" else "csv")
    assert result.name == name and name in brain


def test_namespaces(brain, tmp_path):
    brain.learn("t", pa.table({"a": [1]}), namespace="others")
    with pytest.raises(BrainNameNotExistError, match="'t' in namespace 'default'"):
        brain.export_table("t", tmp_path / "t.csv")
    brain.export_table("t", tmp_path / "t.csv", namespace="others")
    brain.import_table(tmp_path / "t.csv", "u", namespace="new one")
    assert brain.names("new one") == ["u"] and "u" not in brain


def test_a_name_that_is_not_there_leaves_the_file_as_it_is(brain, tmp_path):
    (tmp_path / "t.csv").write_text("a")
    with pytest.raises(BrainNameNotExistError):
        brain.export_table("no", tmp_path / "t.csv")
    with pytest.raises(BrainNameTypeError):
        brain.export_table(5, tmp_path / "t.csv")
    with pytest.raises(BrainNameTypeError):
        brain.import_table(tmp_path / "t.csv", 5)
    assert (tmp_path / "t.csv").read_text() == "a" and left_in(tmp_path) == ["t.csv"]


def test_options(brain, tmp_path):
    brain["t"] = pa.table({"a": range(100), "b": ["x"] * 100})
    brain.export_table("t", tmp_path / "t.parquet", compression="gzip", row_group_size=30)
    metadata = pq.ParquetFile(tmp_path / "t.parquet").metadata
    assert metadata.num_row_groups == 4 and metadata.row_group(0).column(0).compression == "GZIP"
    plain = brain.export_table("t", tmp_path / "t.arrow").file_bytes
    assert brain.export_table("t", tmp_path / "t.arrow", compression="zstd").file_bytes < plain
    brain.import_table(tmp_path / "t.arrow", "u")
    assert brain["u"].equals(brain["t"])
    brain.export_table("t", tmp_path / "t.csv", delimiter=";", include_header=False)
    assert (tmp_path / "t.csv").read_text().startswith('0;"x"\n')
    brain.import_table(tmp_path / "t.csv", "u", delimiter=";", column_names=["c", "d"], column_types={"c": pa.int8()})
    assert brain["u"].schema.equals(pa.schema({"c": pa.int8(), "d": pa.string()}))


@pytest.mark.parametrize("format", ALL)
def test_an_option_that_is_none(brain, tmp_path, format):
    brain["t"] = pa.table({"a": [1]})
    path = tmp_path / f"t.{format}"
    with pytest.raises(TypeError, match=r"export_table\(\) has no option 'colums' for .*; there are .*"):
        brain.export_table("t", path, colums=["a"])
    assert left_in(tmp_path) == []
    brain.export_table("t", path)
    with pytest.raises(TypeError, match=r"import_table\(\) has no option 'colums' for .*; there are .*columns"):
        brain.import_table(path, colums=["a"])
    with pytest.raises(TypeError, match="columns has to be a list of names, not 'a'"):
        brain.import_table(path, columns="a")


@pytest.mark.parametrize(
    "file, option",
    [
        ("t.parquet", {"compression": "no such"}),
        ("t.parquet", {"row_group_size": 0}),
        ("t.arrow", {"compression": "no such"}),
        ("t.csv", {"delimiter": "ab"}),
        ("t.csv", {"quoting_style": "odd"}),
    ],
    ids=str,
)
def test_options_with_values_that_they_cannot_have(brain, tmp_path, file, option):
    brain["t"] = pa.table({"a": [1]})
    with pytest.raises(BrainValueError):
        brain.export_table("t", tmp_path / file, **option)
    assert left_in(tmp_path) == []
    if file == "t.csv":
        (tmp_path / file).write_text("a\n1\n")
        with pytest.raises(BrainValueError, match="an option of CSV"):
            brain.import_table(tmp_path / file, delimiter="ab")


@pytest.mark.parametrize("format", ALL)
def test_some_columns(brain, tmp_path, format):
    brain["t"] = pa.table({"a": [1], "b": [2], "c": [3]})
    path = tmp_path / f"t.{format}"
    brain.export_table("t", path)
    assert brain.import_table(path, "u", columns=["c", "a"]).columns == 2
    assert brain["u"].to_pydict() == {"c": [3], "a": [1]}
    with pytest.raises(BrainValueError, match="the file has no column 'd'; it has 'a', 'b', 'c'"):
        brain.import_table(path, "u", columns=["d"])


def test_kinds(brain, tmp_path):
    brain["t"] = pa.table({"a": [1]})
    brain["f"] = pd.DataFrame({"a": [1]})
    brain.export_table("t", tmp_path / "t.parquet")
    brain.export_table("f", tmp_path / "f.parquet")
    kinds = {
        None: (pa.Table, pd.DataFrame),
        "arrow": (pa.Table, pa.Table),
        "pandas": (pd.DataFrame, pd.DataFrame),
        "polars": (pl.DataFrame, pl.DataFrame),
    }
    for kind, expected in kinds.items():
        for file, cls in zip("tf", expected, strict=True):
            brain.import_table(tmp_path / f"{file}.parquet", "u", kind=kind)
            assert type(brain["u"]) is cls
    with pytest.raises(BrainValueError, match="kind has to be 'arrow', 'pandas' or 'polars', not 'numpy'"):
        brain.import_table(tmp_path / "t.parquet", kind="numpy")


@pytest.mark.parametrize(
    "value, said",
    [
        (5, "is of type int, and no table. A frame"),
        ("text", "is of type str"),
        (np.zeros((2, 2)), "is of type numpy.ndarray .float64, 2 dimensions., and no table"),
        (np.zeros(2), "is of type numpy.ndarray .float64, 1 dimension., and no table"),
        (np.zeros((2, 2), [("a", int)]), "2 dimensions"),
        (np.ma.zeros(2, [("a", int)]), "MaskedArray"),
        (np.zeros(2, [("a", int, 3)]), r"field 'a' of 't' has several values in a row"),
        (np.zeros(2, [("a", [("b", int)])]), r"field 'a' of 't' has several values in a row"),
        (np.zeros(2, [("a", complex)]), "cannot be made a table"),
        ({"a": 5}, "is a dict, and its item 'a' is of type int, and no column"),
        ({5: [1]}, "its key 5 is no name of a column"),
        ({"a": np.zeros((2, 2))}, "its item 'a' is of type numpy.ndarray .float64, 2 dim"),
        ({"a": [1], "b": [1, 2]}, "cannot be made a table"),
        ({"a": [1, "x"]}, "cannot be made a table"),
        ([1, 2], "is of type list"),
        (pd.DataFrame({"a": [1, "x"]}), "of type pandas.*DataFrame, cannot be made a table"),
        (pd.DataFrame({"a": [1j]}), "cannot be made a table"),
        (pa.array([1]), "Int64Array"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.parametrize("format", ALL)
def test_what_is_no_table(brain, tmp_path, value, said, format):
    brain["t"] = value
    with pytest.raises(BrainValueTypeError, match=said) as caught:
        brain.export_table("t", tmp_path / f"t.{format}")
    assert isinstance(caught.value, TypeError) and "'t'" in str(caught.value)
    assert left_in(tmp_path) == []


@pytest.mark.parametrize("name", ["list", "struct", "map"])
def test_nested_columns_cannot_be_csv(brain, tmp_path, name, monkeypatch):
    brain["t"] = everything().select(["int", name])
    monkeypatch.setattr(whole_files, "written", None)  # there is no file before
    with pytest.raises(BrainValueTypeError, match=f"column '{name}' is of type {name}.*CSV has no form.*Parquet"):
        brain.export_table("t", tmp_path / "t.csv")


def test_types_that_parquet_has_not(brain, tmp_path):
    brain["t"] = pa.table({"a": [1], "b": pa.array([(1, 2, 3)], pa.month_day_nano_interval())})
    with pytest.raises(BrainValueTypeError, match="'b' is of type month_day_nano_interval, .*Parquet has no form"):
        brain.export_table("t", tmp_path / "t.parquet")
    assert left_in(tmp_path) == []
    brain.export_table("t", tmp_path / "t.arrow")


# ---- the file -----------------------------------------------------------------------------------


@pytest.fixture(params=["without a name", "with a name"])
def way(request, monkeypatch):
    """Both ways to make a file: not all file systems have those without a name."""
    if request.param == "with a name":
        monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)  # which is refused
    return request.param


@pytest.fixture
def filled(brain):
    brain["t"] = pa.table({"a": range(1000)})
    return brain


def test_the_mode_is_what_the_umask_leaves(filled, tmp_path, way):
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            filled.export_table("t", tmp_path / f"{mask}.parquet")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}.parquet").stat().st_mode) == 0o666 & ~mask
    assert left_in(tmp_path) == ["18.parquet", "63.parquet"]


def test_what_was_there_is_replaced_in_one_step(filled, tmp_path, way, monkeypatch):
    path = tmp_path / "t.parquet"
    path.write_text("before")
    replaced = path.open()
    seen = []
    rename = os.rename

    def look(*arguments, **options):
        seen.append(path.read_text())
        rename(*arguments, **options)

    monkeypatch.setattr(os, "rename", look)
    filled.export_table("t", path)
    assert seen == ["before"] and replaced.read() == "before" and pq.read_table(path).num_rows == 1000
    assert left_in(tmp_path) == ["t.parquet"]
    replaced.close()


def test_it_is_on_the_disk_before_it_has_its_name(filled, tmp_path, way, monkeypatch):
    steps = []
    for name in ("fsync", "rename"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, call=call, name=name, **o: (steps.append(name), call(*a, **o))[1])
    filled.export_table("t", tmp_path / "t.csv")
    assert steps == ["fsync", "rename", "fsync"]


def test_a_link_is_followed(filled, tmp_path, way):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/t.parquet").write_text("before")
    (tmp_path / "link.parquet").symlink_to("far/t.parquet")
    filled.export_table("t", tmp_path / "link.parquet")
    assert (tmp_path / "link.parquet").is_symlink() and pq.read_table(tmp_path / "far/t.parquet").num_rows == 1000
    assert filled.import_table(tmp_path / "link.parquet").rows == 1000
    (tmp_path / "nowhere.csv").symlink_to("no/such")
    with pytest.raises(BrainFileNotFoundError, match="nowhere.csv"):
        filled.export_table("t", tmp_path / "nowhere.csv")


def test_a_relative_path(filled, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    filled.export_table("t", "t.csv")
    assert filled.import_table("t.csv", "u").rows == 1000


def test_a_path_that_is_no_utf_8(filled, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.parquet"
    filled.export_table("t", os.fsdecode(path))
    assert os.path.exists(path) and filled.import_table(os.fsdecode(path), "u").rows == 1000


def test_paths_where_no_file_can_be(filled, tmp_path):
    (tmp_path / "d.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for call in (lambda path: filled.export_table("t", path), filled.import_table):
        with pytest.raises(BrainValueError, match="d.csv is a directory"):
            call(tmp_path / "d.csv")
        with pytest.raises(BrainValueError, match="pipe.csv is no regular file"):
            call(tmp_path / "pipe.csv")
        with pytest.raises(BrainFileNotFoundError, match="No such file") as caught:
            call(tmp_path / "no" / "t.csv")
        assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(BrainValueError, match="names no file"):
        filled.export_table("t", f"{tmp_path}/no/", format="csv")
    assert left_in(tmp_path) == ["d.csv", "pipe.csv"]


def test_where_one_may_not_write_or_read(filled, tmp_path, monkeypatch):
    """By a stub: who runs the tests may be root, who may everything."""

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "no")

    (tmp_path / "t.csv").write_text("a\n1\n")
    with monkeypatch.context() as patch:
        patch.setattr(whole_files, "open", refuse, raising=False)
        with pytest.raises(BrainPermissionError, match="cannot write .*t.csv: Permission denied"):
            filled.export_table("t", tmp_path / "t.csv")
        with pytest.raises(BrainPermissionError, match="cannot read .*t.csv: Permission denied"):
            filled.import_table(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize("format", ALL)
def test_no_room_for_the_file(filled, tmp_path, way, format, monkeypatch):
    """A limit on the size of files, at which the kernel writes less; and its error as of a full disk."""
    path = tmp_path / f"t.{format}"
    path.write_text("before")
    filled["t"] = pa.table({"a": np.random.default_rng(0).random(100_000)})
    monkeypatch.setitem(whole_files._KINDS, errno.EFBIG, BrainFullError)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(BrainFullError, match=f"cannot write {path}: File too large"):
            filled.export_table("t", path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "before" and left_in(tmp_path) == [path.name]
    assert {errno.ENOSPC, errno.EDQUOT} <= whole_files._KINDS.keys()


class Stopping(table_formats._Sink):
    """A file at whose second write Ctrl-C is pressed."""

    def write(self, data):
        if self.n_bytes > 0:
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(data)


@pytest.mark.parametrize("format", ALL)
def test_ctrl_c_leaves_what_was_there(filled, tmp_path, way, format, monkeypatch):
    path = tmp_path / f"t.{format}"
    filled["t"] = pa.table({"a": np.random.default_rng(0).random(300_000)})
    monkeypatch.setattr(table_formats, "_Sink", Stopping)
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", path)
    assert left_in(tmp_path) == []
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", path)
    assert path.read_text() == "before" and left_in(tmp_path) == [path.name]


@pytest.mark.parametrize("format", ALL)
def test_after_an_error_nothing_more_is_written(filled, format):
    """Writers of pyarrow have an end to write, when they are closed or are collected."""
    calls = []

    class File:
        def write(self, data):
            calls.append(len(data))
            if len(calls) > 1:
                raise OSError(errno.ENOSPC, "full")

    form = table_formats.form_of(f"t.{format}", None)
    columns = table_values.columns_of(pa.table({"a": np.random.default_rng(0).random(300_000)}), "t")
    with pytest.raises(OSError, match="full"):
        table_formats.write(form, columns, File(), {})
    gc.collect()
    assert len(calls) == 2


def test_a_kill_leaves_what_was_there(filled, path, tmp_path):
    (tmp_path / "t.csv").write_text("before")
    code = (
        "import os, sys; from brain_plasma import Brain, table_formats\n"
        "table_formats._Sink.write = lambda *_: os.kill(os.getpid(), 9)\n"
        "Brain(sys.argv[1]).export_table('t', sys.argv[2])"
    )
    done = subprocess.run([sys.executable, "-c", code, path, tmp_path / "t.csv"])
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "t.csv").read_text() == "before" and left_in(tmp_path) == ["t.csv"]


# ---- files that are none ------------------------------------------------------------------------


@pytest.mark.parametrize("format", TYPED)
def test_files_that_are_cut_off_or_something_else(filled, tmp_path, format):
    path = tmp_path / f"t.{format}"
    filled.export_table("t", path)
    whole = path.read_bytes()
    filled["u"] = "stays"
    for part in (b"", b"x", whole[:5], whole[: len(whole) // 2], whole[:-1], whole[100:], b"a,b\n1,2\n" * 100):
        path.write_bytes(part)
        with pytest.raises(BrainFormatError, match=f"{path} cannot be read as .*: .* damaged, or ends too early"):
            filled.import_table(path, "u")
    assert filled["u"] == "stays"


@pytest.mark.parametrize("content", [b"", b"\x89\xff\xfe\n\xff", b"a,b\n1\n"], ids=["empty", "no text", "ragged"])
def test_files_that_are_no_csv(filled, tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(BrainFormatError, match="cannot be read as CSV"):
        filled.import_table(tmp_path / "t.csv")


@pytest.mark.parametrize("format", TYPED)
def test_names_of_columns_that_are_no_text(brain, tmp_path, format):
    brain["t"] = pa.table({"abcdefgh": [1]})
    path = tmp_path / f"t.{format}"
    brain.export_table("t", path, **({"store_schema": False} if format == "parquet" else {}))
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abc\xffefgh"))
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")


def test_feather_of_version_1(filled, tmp_path):
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(BrainFormatError, match="Feather of version 1"):
        filled.import_table(tmp_path / "t.feather")


def test_a_file_that_lies_about_its_offsets(brain, tmp_path):
    """Arrow believes them; who recalls the table looks no more."""
    path = tmp_path / "t.arrow"
    brain["t"] = pa.table({"a": ["12345678"] * 4})
    brain.export_table("t", path)
    data = path.read_bytes()
    offsets = np.array([0, 8, 16, 24, 32], "<i4").tobytes()
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, np.array([0, 8, 2**30, 24, 32], "<i4").tobytes()))
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")
    assert "u" not in brain


def test_damage_anywhere_is_an_error_or_another_table(brain, tmp_path):
    """A process that reads what is damaged goes on."""
    brain["t"] = everything().drop_columns(["map"])
    generator = np.random.default_rng(0)
    for format in TYPED:
        path = tmp_path / f"t.{format}"
        brain.export_table("t", path)
        whole = path.read_bytes()
        for _ in range(150):
            damaged = bytearray(whole)
            damaged[generator.integers(len(whole))] ^= 1 << generator.integers(8)
            path.write_bytes(damaged)
            try:
                brain.import_table(path, "u")
            except (BrainFormatError, BrainValueError):
                continue
            with contextlib.suppress(pa.ArrowInvalid):  # of a zone that there is not
                repr(brain["u"].to_pydict())


# ---- large ones ---------------------------------------------------------------------------------


@pytest.fixture
def streamed(monkeypatch):
    """Every table is one that is better not in memory. Gives those that went that way."""
    monkeypatch.setattr(table_files, "_STREAMED_BYTES", 0)
    found = []
    make = table_files._Streamed
    monkeypatch.setattr(
        table_files, "_Streamed", lambda stream: (found.append(stream), make(stream))[1]
    )
    return found


@pytest.mark.parametrize("format", TYPED)
def test_a_table_in_pieces_goes_into_the_store_as_it_is_read(brain, tmp_path, format, streamed):
    chunks = [everything().slice(0, n) for n in (3, 1, 2, 3)]
    path = tmp_path / f"t.{format}"
    expected = pa.concat_tables(chunks * 10).unify_dictionaries()
    if format == "parquet":
        with pq.ParquetWriter(path, expected.schema) as writer:
            for piece in chunks * 10:
                writer.write_table(piece)
    else:
        with pa.ipc.new_file(path, expected.schema) as writer:
            writer.write_table(expected)
    result = brain.import_table(path, "u", description="in pieces")
    assert len(streamed) == 1
    assert (result.rows, result.columns) == (90, 20) and brain["u"].num_rows == 90
    assert repr(brain["u"].to_pydict()) == repr(expected.to_pydict())
    assert brain["u"].schema.equals(expected.schema) and brain.metadata("u")["description"] == "in pieces"
    assert brain.explain("u").type == "pyarrow.Table"


def test_a_stream_in_a_file(brain, tmp_path, streamed):
    with pa.ipc.new_stream(tmp_path / "t.arrow", pa.schema({"a": pa.int64()})) as writer:
        for start in range(5):
            writer.write_table(pa.table({"a": range(start, start + 3)}))
    assert brain.import_table(tmp_path / "t.arrow").rows == 15
    assert brain["t"]["a"].to_pylist()[-3:] == [4, 5, 6] and len(streamed) == 1
    data = (tmp_path / "t.arrow").read_bytes()
    (tmp_path / "t.arrow").write_bytes(data[:-100])
    with pytest.raises(BrainFormatError, match="ends too early"):
        brain.import_table(tmp_path / "t.arrow", "u")


def test_a_piece_that_is_damaged_leaves_the_name_as_it_was(brain, tmp_path, streamed):
    path = tmp_path / "t.parquet"
    numbers = np.random.default_rng(0).random(10_000)
    pq.write_table(pa.table({"a": numbers}), path, row_group_size=1000, compression="gzip")
    brain["u"] = "stays"
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4 : len(data) * 3 // 4 + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")
    assert brain["u"] == "stays"


@pytest.mark.parametrize("stop_at", [5, 15, 25])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_import_that_is_stopped_leaves_what_was_there(brain, tmp_path, streamed, monkeypatch, stop_at, error):
    """In the first pass over ten row groups, in the second, and never."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.arange(200_000)}), path, row_group_size=20_000)
    brain["u"] = "stays"
    used = brain.used()
    n_pieces = itertools.count(1)
    pieces = table_formats.Incoming.pieces

    def stopping(incoming):
        for piece in pieces(incoming):
            if next(n_pieces) == stop_at:
                raise error
            yield piece

    monkeypatch.setattr(table_formats.Incoming, "pieces", stopping)
    if stop_at == 25:
        brain.import_table(path, "u")
        assert next(n_pieces) == 21 and brain["u"].num_rows == 200_000
    else:
        with pytest.raises(error):
            brain.import_table(path, "u")
        assert brain["u"] == "stays" and brain.used() == used


def test_a_file_that_changes_meanwhile(brain, tmp_path, streamed, monkeypatch):
    """It has been measured by then."""
    path = tmp_path / "t.arrow"
    with pa.ipc.new_stream(path, pa.schema({"a": pa.int64()})) as writer:
        for _ in range(5):
            writer.write_table(pa.table({"a": range(3)}))
    others = iter([range(3), range(5)])
    brain["u"] = "stays"

    def read(file, columns):
        def pieces():
            return iter([pa.table({"a": list(next(others)) * 200_000})])

        return table_formats.Incoming(pa.schema({"a": pa.int64()}), 2, 100, pieces)

    monkeypatch.setattr(table_formats, "_read_arrow", read)
    with pytest.raises(BrainValueError, match="became larger while it was written"):
        brain.import_table(path, "u")
    others = iter([range(3), range(1)])
    with pytest.raises(BrainValueError, match="became smaller while it was written"):
        brain.import_table(path, "u")
    assert brain["u"] == "stays"


def test_a_full_store(brain, tmp_path, streamed):
    pq.write_table(pa.table({"a": np.zeros(10_000_000)}), tmp_path / "t.parquet")
    brain["t"] = "stays"
    for kind in ("arrow", "pandas"):
        with pytest.raises(BrainFullError):
            brain.import_table(tmp_path / "t.parquet", kind=kind)
    assert brain["t"] == "stays" and len(streamed) == 1


def test_the_memory_that_it_takes(new_path, tmp_path):
    """What a process has beside the store and files: 80 MB more of a table take no more."""
    code = """if True:
        import re, sys, numpy, pyarrow, pyarrow.parquet
        from brain_plasma import Brain, table_formats, table_values
        def private():
            return int(re.search(r"RssAnon:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
        seen = []
        def watched(cls):
            pieces = cls.pieces
            def watch(self, *arguments):
                for piece in pieces(self, *arguments):
                    seen.append(private())
                    yield piece
                    seen.append(private())
            cls.pieces = watch
        watched(table_formats.Incoming)
        watched(table_values.Columns)
        table_formats._PIECE_BYTES = 4 << 20
        store, path, format = sys.argv[1:]
        def both_ways(brain, n_rows):
            seen.clear()
            with brain.empty("a", n_rows) as array:
                array[...] = numpy.arange(n_rows)
            brain["t"] = {"a": brain["a"]}
            del array
            brain.export_table("t", f"{path}/t.{format}")
            out = max(seen)
            assert brain.import_table(f"{path}/t.{format}", "u").rows == n_rows
            assert brain["u"]["a"][-1].as_py() == n_rows - 1
            return out, max(seen)
        with Brain(store, capacity=700_000_000) as brain:
            small = both_ways(brain, 5_000_000)  # what pyarrow takes in any case
            large = both_ways(brain, 15_000_000)
            assert len(seen) > 60
            print(*(many - few for few, many in zip(small, large)))
    """
    for format in TYPED:
        store = new_path()
        try:
            command = [sys.executable, "-c", code, store, tmp_path, format]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        finally:
            Brain(store).destroy()
        assert max(map(int, done.stdout.split())) < 50 * MEGABYTE, (format, done.stdout)


def test_a_class_that_sees_what_is_put_gets_the_table(path, tmp_path, streamed):
    class Watching(Brain):
        seen = []

        def learn(self, name, thing, *arguments, **options):
            self.seen.append(type(thing))
            super().learn(name, thing, *arguments, **options)

    pq.write_table(pa.table({"a": range(100)}), tmp_path / "t.parquet", row_group_size=10)
    with Watching(path, capacity=MEGABYTE) as brain:
        assert brain.import_table(tmp_path / "t.parquet").rows == 100 and brain["t"].num_rows == 100
    assert Watching.seen == [pa.Table] and streamed == []


def test_where_pickles_are_refused(new_path, tmp_path, streamed):
    with Brain(new_path(), capacity=MEGABYTE, pickle=False) as brain:
        brain["t"] = everything()
        brain.export_table("t", tmp_path / "t.parquet", row_group_size=1)
        brain.import_table(tmp_path / "t.parquet", "u")
        assert len(streamed) == 1 and repr(brain["u"].to_pydict()) == repr(brain["t"].to_pydict())


# ---- others -------------------------------------------------------------------------------------


def test_over_a_client(tmp_path, streamed):
    brain = Brain(ClientClass=MockPlasmaClient)
    brain["t"] = frame(10).drop(columns="list")
    brain.export_table("t", tmp_path / "t.parquet", row_group_size=5)
    brain.import_table(tmp_path / "t.parquet", "u")
    pd.testing.assert_frame_equal(brain["u"], brain["t"])
    brain.import_table(tmp_path / "t.parquet", "u", kind="arrow")
    assert brain["u"].num_rows == 10


def test_threads(filled, tmp_path):
    errors = []

    def run(number):
        try:
            for _ in range(10):
                filled.export_table("t", tmp_path / "t.parquet")
                filled.import_table(tmp_path / "t.parquet", f"u{number}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and filled["u3"].num_rows == 1000 and left_in(tmp_path) == ["t.parquet"]


def test_a_value_that_is_replaced_meanwhile_is_written_as_it_was(filled, tmp_path, monkeypatch):
    check = table_formats.check_columns

    def replace(*arguments):
        filled["t"] = pa.table({"b": [1]})
        check(*arguments)

    monkeypatch.setattr(table_formats, "check_columns", replace)
    assert filled.export_table("t", tmp_path / "t.parquet").rows == 1000
    assert pq.read_table(tmp_path / "t.parquet")["a"].to_pylist() == list(range(1000))


def test_what_others_write_and_read(brain, tmp_path):
    expected = pd.DataFrame({"a": [1.5, None], "b": ["x", None]})
    expected.to_parquet(tmp_path / "p.parquet")
    expected.to_feather(tmp_path / "p.feather")
    pl.DataFrame({"a": [1.5, None], "b": ["x", None]}).write_parquet(tmp_path / "q.parquet")
    pl.DataFrame({"a": [1.5, None], "b": ["x", None]}).write_ipc(tmp_path / "q.ipc", compression="zstd")
    for file in ("p.parquet", "p.feather", "q.parquet", "q.ipc"):
        brain.import_table(tmp_path / file, "t", kind="arrow")
        assert brain["t"].to_pydict() == {"a": [1.5, None], "b": ["x", None]}
    brain["t"] = expected
    for ending, read in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc), ("csv", pl.read_csv)):
        brain.export_table("t", tmp_path / f"t.{ending}")
        assert read(tmp_path / f"t.{ending}").to_dict(as_series=False) == {"a": [1.5, None], "b": ["x", None]}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), expected)
    pd.testing.assert_frame_equal(pd.read_feather(tmp_path / "t.arrow"), expected)


def test_a_pyarrow_that_runs_what_it_reads_reads_no_files(filled, tmp_path, monkeypatch):
    filled.export_table("t", tmp_path / "t.parquet")
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    with pytest.raises(BrainValueError, match="nothing is read with it from files: pip install 'pyarrow>=14.0.1'"):
        filled.import_table(tmp_path / "t.parquet", "u")


def test_each_option_is_in_the_help():
    for call, options in ((Brain.export_table, table_formats._OUT), (Brain.import_table, table_formats._IN)):
        words = set(re.findall(r"\w+", call.__doc__))
        assert {name for some in options.values() for name in some} - words == set()


# ---- what is not installed ----------------------------------------------------------------------


def test_without_pyarrow_it_says_so(brain, tmp_path, monkeypatch):
    brain["t"] = {"a": [1]}
    (tmp_path / "t.csv").write_text("a\n1\n")
    for missing in ("pyarrow", "pyarrow.parquet"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, missing, None)
            with pytest.raises(BrainMissingPackageError, match=rf"of which {missing} .*brain-plasma\[tables\]"):
                brain.export_table("t", tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BrainMissingPackageError, match="pyarrow") as caught:
        brain.import_table(tmp_path / "t.csv")
    assert isinstance(caught.value, ImportError) and left_in(tmp_path) == ["t.csv"]


def test_without_pandas_a_table_is_one_of_arrow(brain, tmp_path, monkeypatch):
    brain["t"] = pd.DataFrame({"a": [1]})
    brain.export_table("t", tmp_path / "t.parquet")
    monkeypatch.setitem(sys.modules, "pandas", None)
    brain.import_table(tmp_path / "t.parquet", "u")
    assert type(brain["u"]) is pa.Table
    with pytest.raises(BrainMissingPackageError, match="kind='pandas' needs the package pandas.*or kind='arrow'"):
        brain.import_table(tmp_path / "t.parquet", "u", kind="pandas")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(BrainMissingPackageError, match="polars"):
        brain.import_table(tmp_path / "t.parquet", "u", kind="polars")


def test_with_nothing_but_pyarrow(path, brain, tmp_path):
    """In a process that has imported none of the others, and cannot."""
    code = """if True:
        import sys
        class Missing:
            def find_spec(name, *_):
                if name.partition(".")[0] in ("pandas", "polars", "fsspec", "numpy"):
                    raise ModuleNotFoundError(f"No module named {name!r}")
        sys.meta_path.insert(0, Missing)
        import pyarrow
        from brain_plasma import Brain
        path, folder = sys.argv[1:]
        with Brain(path) as brain:
            brain["t"] = pyarrow.table({"a": [1, 2], "b": ["x", None]})
            for ending in ("parquet", "csv", "arrow"):
                brain.export_table("t", f"{folder}/t.{ending}")
                brain.import_table(f"{folder}/t.{ending}", "u")
                assert brain["u"].equals(brain["t"]), ending
            brain["d"] = {"a": [1]}
            print(brain.export_table("d", f"{folder}/d.csv").rows)
    """
    done = subprocess.run([sys.executable, "-c", code, path, tmp_path], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_nothing_of_it_is_imported_with_the_package():
    code = (
        "import sys, brain_plasma; print([m for m in ('pyarrow', 'brain_plasma.table_files', "
        "'brain_plasma.table_results', 'brain_plasma.urls') if m in sys.modules])"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path}; {code}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
