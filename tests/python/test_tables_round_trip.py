"""Any table to a file and back, in each format, at once and in pieces: it is what it was."""

import datetime
import itertools

import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pytest.importorskip("hypothesis")

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, given, settings

from brain_plasma import table_files

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_64_BITS = st.integers(-(2**63), 2**63 - 1)
# Type -> its values. Durations of Parquet are those of Arrow; intervals and unions it has none.
TYPES = {
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.int64(): _64_BITS,
    pa.float32(): st.floats(width=32),
    pa.float64(): st.floats(),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.large_string(): TEXT,
    pa.binary(): st.binary(max_size=8),
    pa.binary(3): st.binary(min_size=3, max_size=3),
    pa.date32(): st.dates(),
    pa.time64("us"): st.times(),
    pa.timestamp("ns"): _64_BITS,
    pa.timestamp("us", "Europe/Berlin"): _64_BITS,
    pa.duration("ms"): _64_BITS,
    pa.decimal128(9, 2): st.decimals(-(10**6), 10**6, places=2),
    pa.dictionary(pa.int32(), pa.string()): TEXT,
    pa.null(): st.none(),
}
COUNT = itertools.count()

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def nested(kind, values):
    """The same type, and lists and structs of it."""
    yield kind, values
    yield pa.list_(kind), st.lists(st.none() | values, max_size=3)
    yield pa.struct({"x": kind, "y": pa.int8()}), st.fixed_dictionaries({"x": st.none() | values, "y": st.none()})


# A struct with a dictionary in it Parquet gives back as text.
COLUMNS = [
    pair
    for kind, values in TYPES.items()
    for pair in ([(kind, values)] if pa.types.is_dictionary(kind) or pa.types.is_null(kind) else nested(kind, values))
]


@st.composite
def tables(draw):
    n_rows = draw(st.integers(0, 12))
    names = draw(st.lists(TEXT, max_size=5))
    arrays = []
    for _ in names:
        kind, values = draw(st.sampled_from(COLUMNS))
        column = draw(st.lists(st.none() | values, min_size=n_rows, max_size=n_rows))
        cut = draw(st.integers(0, n_rows))
        arrays.append(pa.chunked_array([pa.array(column[:cut], kind), pa.array(column[cut:], kind)], kind))
    return pa.table(arrays, pa.schema([pa.field(name, array.type) for name, array in zip(names, arrays, strict=True)]))


def same(one, other):
    """Equal, and NaN is NaN. Python does not know all times, so they are compared as they are shown."""
    shown = [[str(column.combine_chunks()) for column in table.columns] for table in (one, other)]
    return one.schema.equals(other.schema) and (one.equals(other) or shown[0] == shown[1])


@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("format", ["parquet", "arrow"])
@given(table=tables(), n_rows=st.integers(1, 13))
@quick
def test_what_keeps_types(brain, tmp_path, monkeypatch, format, in_pieces, table, n_rows):
    if in_pieces:
        monkeypatch.setattr(table_files, "_STREAMED_BYTES", 0)
    path = tmp_path / f"{next(COUNT)}.{format}"
    brain["t"] = table
    options = {"row_group_size": n_rows} if format == "parquet" else {}
    assert brain.export_table("t", path, **options).rows == table.num_rows
    assert brain.import_table(path, "u").rows == table.num_rows
    assert same(brain["u"], table)
    brain.export_table("u", path)
    brain.import_table(path, "u")
    assert same(brain["u"], table)


@given(
    texts=st.lists(st.none() | TEXT, max_size=12),
    numbers=st.lists(st.none() | _64_BITS, max_size=12),
    names=st.lists(TEXT, min_size=2, max_size=2, unique=True),
    ending=st.sampled_from(["csv", "csv.gz"]),
)
@quick
def test_text_and_numbers_in_csv(brain, tmp_path, texts, numbers, names, ending):
    n_rows = min(len(texts), len(numbers))
    table = pa.table(
        [pa.array(texts[:n_rows], pa.string()), pa.array(numbers[:n_rows], pa.int64())], names
    )
    path = tmp_path / f"{next(COUNT)}.{ending}"
    brain["t"] = table
    brain.export_table("t", path)
    brain.import_table(path, "u", column_types=dict(zip(names, table.schema.types, strict=True)))
    assert brain["u"].equals(table)


@given(
    columns=st.dictionaries(
        st.integers(-5, 5) | TEXT,
        st.sampled_from(["int", "float", "text", "category", "when", "nullable"]),
        max_size=5,
    ),
    n_rows=st.integers(1, 9),  # without rows the categories are lost
    labels=st.sampled_from(["range", "text", "when", "multi"]),
    format=st.sampled_from(["parquet", "arrow"]),
)
@quick
def test_frames_of_pandas(brain, tmp_path, columns, n_rows, labels, format):
    made = {
        "int": np.arange(n_rows),
        "float": np.where(np.arange(n_rows) % 2, np.nan, np.arange(float(n_rows))),
        "text": pd.array([None, *"abcdefghi"][:n_rows], dtype="string"),
        "category": pd.Categorical([None, *"abababab"][:n_rows], ["b", "a", "c"]),
        "when": pd.date_range("2020", periods=n_rows, tz="UTC").as_unit("us"),
        "nullable": pd.array([None, *range(8)][:n_rows], dtype="Int8"),
    }
    indexes = {
        "range": pd.RangeIndex(3, 3 + 2 * n_rows, 2),
        "text": pd.Index([f"row {i}" for i in range(n_rows)], dtype="str" if pd.__version__ >= "3" else object),
        "when": pd.DatetimeIndex([datetime.datetime(2020, 1, 1)] * n_rows, name="when").as_unit("us"),
        "multi": pd.MultiIndex.from_arrays([np.arange(n_rows), np.arange(n_rows) % 2], names=[None, "second"]),
    }
    if len({type(label) for label in columns}) > 1:
        columns = {str(label): kind for label, kind in columns.items()}  # of two types Arrow makes text
    frame = pd.DataFrame({label: made[kind] for label, kind in columns.items()}, index=indexes[labels])
    brain["t"] = frame
    path = tmp_path / f"{next(COUNT)}.{format}"
    if not columns and labels == "range" and format == "parquet":
        return  # rows without a column
    brain.export_table("t", path)
    brain.import_table(path, "u")
    # Without a column Arrow does not know of what type their labels were.
    pd.testing.assert_frame_equal(brain["u"], frame, check_column_type="equiv" if columns else False)
