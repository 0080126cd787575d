"""Tables to files and back: what comes back as it was, what arguments mean, and what is refused."""

import datetime
import gzip
import re
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

import pyarrow.parquet as pq

from brain_plasma import (
    Brain,
    BrainFormatError,
    BrainMissingPackageError,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainValueError,
    BrainValueTypeError,
    table_formats,
    whole_files,
)
from table_cases import ALL, TYPED, everything, frame, left_in

MEGABYTE = 1_000_000
RECORDS = [(1, 1.5, "a", b"b"), (2, 2.5, "", b"")]

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

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
            with pytest.raises(BrainMissingPackageError, match=rf"(of which|and) {missing} cannot be imported .*: pip install pyarrow$"):
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
