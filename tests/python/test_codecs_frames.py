"""pandas objects, taken apart and put together again, with pandas 2 and with pandas 3.

The payloads are put into a piece of memory here, in place of a store: so it can be seen where each buffer of
a result lies, and payloads can be changed in ways in which no encoder would have made them.
"""

import datetime
import decimal
import io
import math
import random
import warnings
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from brain_plasma import Brain, BrainPickleError
from brain_plasma.codecs import decoders, encoders, frames, frames_build, frames_indexes, frames_types
from frames_memory import (
    Extension,
    Memory,
    NotPlain,
    PANDAS_3,
    assert_same,
    blocks_of,
    buffers,
    give,
    recall,
)
from pandas.tseries import offsets

# ---- what there is ------------------------------------------------------------------------------


def wide():
    """The frame of the issue, and short."""
    count = 20
    return pd.DataFrame(
        {
            "a": np.arange(count) / 3,
            "b": np.arange(count) / 7,
            "c": np.arange(count) / 9,
            "d": np.arange(count),
            "e": np.arange(count) * 2,
            "t": pd.date_range("2020", periods=count, freq="s"),
            "s": pd.Series(
                [f"text {i}" for i in range(count)], dtype="str" if PANDAS_3 else "string[pyarrow]"
            ),
            "k": pd.Categorical(["x", "y"] * (count // 2)),
        }
    )


ARRAYS = {
    "float64": np.array([1.5, np.nan, -0.0]),
    "float32": np.array([1.5, np.nan, 2], np.float32),
    "int8": np.array([1, 2, 3], np.int8),
    "uint64": np.array([1, 2, 2**64 - 1], np.uint64),
    "bool": np.array([True, False, True]),
    "complex": np.array([1j, 2, 3]),
    "object": np.array(["a", "b", "c"], object),
    "missing": np.array(["a", None, "c"], object),
    "all missing": np.array(["a", None, np.nan, pd.NA, pd.NaT], object),
    "repeated": np.array(["a", "b", None, np.nan] * 20, object),
    "datetime": pd.array(pd.to_datetime(["2020-01-01", None, "2021-01-01"])),
    "datetime s": pd.array(pd.to_datetime(["2020-01-01", None, "2021-01-01"]).as_unit("s")),
    "datetime UTC": pd.array(pd.to_datetime(["2020-01-01", None, "2021-01-01"]).tz_localize("UTC")),
    "datetime Berlin": pd.array(pd.to_datetime(["2020-01-01", None]).tz_localize("Europe/Berlin")),
    "datetime zoneinfo": pd.date_range("2020", periods=2, tz=zoneinfo.ZoneInfo("Asia/Tokyo")).array,
    "datetime fixed": pd.date_range("2020", periods=2, tz="+05:30").array,
    "timedelta": pd.array(pd.to_timedelta([1, None, 3], unit="s")),
    "period": pd.period_range("2020", periods=3, freq="M").array,
    "period Q": pd.period_range("2020", periods=3, freq="Q-JAN").array,
    "interval": pd.arrays.IntervalArray.from_breaks([1.5, 2, 3], closed="left"),
    "interval int": pd.arrays.IntervalArray.from_breaks([1, 2, 3], closed="both"),
    "interval missing": pd.arrays.IntervalArray.from_tuples([(1, 2), np.nan, (4, 5)]),
    "interval time": pd.arrays.IntervalArray.from_breaks(pd.date_range("2020", periods=4, freq="D")),
    "interval zone": pd.arrays.IntervalArray.from_breaks(pd.date_range("2020", periods=4, tz="UTC")),
    "categorical": pd.Categorical(["x", None, "y"]),
    "categorical ordered": pd.Categorical(["x", "y"], categories=["y", "x", "z"], ordered=True),
    "categorical int": pd.Categorical([3, 1, None], categories=[3, 1, 5]),
    "categorical time": pd.Categorical(pd.date_range("2020", periods=3)),
    "categorical interval": pd.Categorical(pd.cut([1, 2, 3], 2)),
    "categorical many": pd.Categorical([f"category {i}" for i in range(600)]),
    "categorical none": pd.Categorical([], categories=[]),
    "Int64": pd.array([1, None, 3], dtype="Int64"),
    "UInt8": pd.array([1, None, 3], dtype="UInt8"),
    "Float64": pd.array([1.5, None, 3], dtype="Float64"),
    "Float32": pd.array([1.5, None, 3], dtype="Float32"),
    "boolean": pd.array([True, None, False], dtype="boolean"),
    "string python": pd.array(["a", None, "c"], dtype="string[python]"),
    "string pyarrow": pd.array(["a", None, "c"], dtype="string[pyarrow]"),
    "str pyarrow": pd.array(["a", None, "c"], dtype=frames_types._string_dtype("str[pyarrow]")),
    "arrow int": pd.array([1, None, 3], dtype=pd.ArrowDtype(pa.int32())),
    "arrow text": pd.array(["x", None, "y"], dtype=pd.ArrowDtype(pa.string())),
    "arrow list": pd.arrays.ArrowExtensionArray(pa.array([[1], None, [2, 3]])),
    "arrow time": pd.arrays.ArrowExtensionArray(pa.array([1, None], pa.timestamp("us", "UTC"))),
    "arrow decimal": pd.arrays.ArrowExtensionArray(pa.array([1, None], pa.decimal128(5, 2))),
    "arrow chunks": pd.arrays.ArrowExtensionArray(pa.chunked_array([[1, 2], [3], []], pa.int64())),
    "sparse int": pd.arrays.SparseArray([0, 0, 1, 2]),
    "sparse float": pd.arrays.SparseArray([np.nan, 1.5, np.nan]),
    "sparse block": pd.arrays.SparseArray([0, 3, 4, 0, 0, 5], kind="block"),
    "sparse bool": pd.arrays.SparseArray([True, False, False], fill_value=False),
    "sparse none": pd.arrays.SparseArray([7, 7], fill_value=7),
}  # fmt: skip
if "na_value" in pd.StringDtype.__init__.__annotations__:
    ARRAYS["str python"] = pd.array(["a", None, "c"], dtype=pd.StringDtype("python", na_value=np.nan))

INDEXES = {
    "int": pd.Index([3, 1, 2], name="n"),
    "float": pd.Index([3.5, np.nan]),
    "bool": pd.Index([True, False]),
    "uint8": pd.Index(np.array([1, 2], np.uint8)),
    "labels": pd.Index(["a", "b", "a"], name=("x", 1)),
    "labels object": pd.Index(["a", "b"], dtype=object),
    "labels string": pd.Index(["a", "b"], dtype="string[python]"),
    "labels arrow": pd.Index(["a", "b"], dtype="string[pyarrow]"),
    "labels missing": pd.Index(["a", None, np.nan], dtype=object),
    "many labels": pd.Index([f"label {i}" for i in range(1000)]),
    "long labels": pd.Index(["x" * 5000, "y" * 5000]),
    "many objects": pd.Index([f"label {i}" for i in range(1000)], dtype=object),
    "Int64": pd.Index(pd.array([1, None], dtype="Int64")),
    "arrow": pd.Index(pd.array([1, 2], dtype=pd.ArrowDtype(pa.int8()))),
    "sparse": pd.Index(pd.arrays.SparseArray([0, 1])),
    "empty": pd.Index([], dtype=object),
    "range": pd.RangeIndex(2, 20, 3, name="r"),
    "range back": pd.RangeIndex(5, -7, -2),
    "range none": pd.RangeIndex(0),
    "dates": pd.date_range("2020", periods=4, freq="D", name="when"),
    "dates month": pd.date_range("2020", periods=4, freq=offsets.MonthEnd(2)),
    "dates quarter": pd.date_range("2020", periods=4, freq=offsets.QuarterEnd(startingMonth=2)),
    "dates week": pd.date_range("2020", periods=4, freq="W-WED", tz="America/New_York"),
    "dates offset": pd.date_range("2020", periods=4, freq=offsets.DateOffset(months=1, days=1)),
    "dates none": pd.DatetimeIndex(["2020", "2022", None]),
    "dates unit": pd.date_range("2020", periods=3, freq="h").as_unit("ms"),
    "timedeltas": pd.timedelta_range("1s", periods=4, freq="3s", name="t"),
    "timedeltas none": pd.to_timedelta([5, 3], unit="s"),
    "periods": pd.period_range("2020", periods=4, freq="D", name="p"),
    "intervals": pd.interval_range(0, 4, name="i"),
    "intervals time": pd.interval_range(pd.Timestamp("2020", tz="UTC"), periods=3, freq="D"),
    "categories": pd.CategoricalIndex(["a", "b", "a"], ordered=True, name="c"),
    "multi": pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", None]),
    "multi dates": pd.MultiIndex.from_arrays([pd.date_range("2020", periods=3), ["a", None, "b"]]),
    "multi unused": pd.MultiIndex.from_product([["a", "b"], [1, 2]])[:1],
    "multi sorted": pd.MultiIndex([["a", "b"], [1]], [[0, 1], [0, 0]], sortorder=0, names=["x", "x"]),
}


def inserted():
    frame = pd.DataFrame({"a": [1.5, 2], "b": [1, 2], "c": [3.5, 4], "d": [5, 6]})
    frame.insert(1, "e", [7.5, 8])
    frame.insert(0, "f", [True, False])
    del frame["c"]
    frame["g"] = [9.5, 10]
    return frame


def scattered():
    """Its blocks are consolidated, and their columns no slice."""
    types = [float, int, float, float, int, bool, float]
    return pd.DataFrame({f"c{i}": np.arange(3).astype(kind) for i, kind in enumerate(types)}).copy()


def flagged():
    frame = pd.DataFrame({"a": [1, 2]}).set_flags(allows_duplicate_labels=False)
    frame.attrs = {"source": "a file", "when": pd.Timestamp("2020", tz="UTC"), 3: [1, (2, None)]}
    return frame


def nested():
    frame = pd.DataFrame({"a": [1, 2]})
    frame.attrs["other"] = pd.DataFrame({"b": ["x", "y"]}, index=pd.Index([5, 6], name="n"))
    frame.attrs["list"] = [pd.Series([1.5, 2], name="s")]
    return frame


FRAMES = {
    "wide": wide(),
    "empty": pd.DataFrame(),
    "no columns": pd.DataFrame(index=pd.RangeIndex(5)),
    "no rows": pd.DataFrame({"a": np.array([], float), "b": np.array([], "M8[ns]")}),
    "one row": wide().iloc[:1],
    "one column": pd.DataFrame({"a": [1.5, 2]}),
    "columns of numbers": pd.DataFrame(np.arange(6.0).reshape(2, 3)),
    "transposed": pd.DataFrame(np.arange(6.0).reshape(2, 3)).T,
    "sliced": wide().iloc[3:9],
    "every third": wide().iloc[::3],
    "reversed": wide().iloc[::-1],
    "columns reversed": wide().iloc[:, ::-1],
    "columns chosen": wide()[["k", "a", "t", "c"]],
    "inserted": inserted(),
    "scattered": scattered(),
    "duplicates": pd.DataFrame([[1, 2.5, "x"]], columns=["a", "a", "b"]),
    "duplicate rows": pd.DataFrame({"a": [1, 2]}, index=["x", "x"]),
    "multi": pd.DataFrame(
        np.arange(8).reshape(4, 2),
        index=INDEXES["multi"],
        columns=pd.MultiIndex.from_tuples([("a", "x"), ("b", "y")], names=["u", "v"]),
    ),
    "names": pd.DataFrame([[1]], index=pd.Index([5], name="i"), columns=pd.Index(["a"], name=("c", 2))),
    "dates beside": pd.DataFrame(
        {"a": pd.to_datetime(["2020", "2021"]), "b": pd.to_datetime(["2022", None])}
    ),
    "zones beside": pd.DataFrame({key: pd.to_datetime(["2020"]).tz_localize("UTC") for key in "ab"}).copy(),
    "objects beside": pd.DataFrame({"a": ["x", None], "b": ["y", np.nan]}, dtype=object).copy(),
    "flagged": flagged(),
    "nested": nested(),
    "concat": pd.concat([wide(), wide()], axis=1, keys=["l", "r"]),
    "merged": wide()[["d", "s"]].merge(wide()[["d", "t"]], on="d"),
    "read": pd.read_csv(io.StringIO("a,b,c\n1,x,2020-01-01\n2,,2021-01-01\n"), parse_dates=["c"]),
    "grouped": wide().groupby("k", observed=True)[["a", "d"]].agg(["sum", "max"]),
    "date columns": pd.DataFrame([[1, 2]], columns=pd.date_range("2020", periods=2, freq="D")),
    **{f"of {name}": pd.DataFrame({"x": array, "y": array}) for name, array in ARRAYS.items()},
}  # fmt: skip

VALUES = {
    **{f"frame: {name}": frame for name, frame in FRAMES.items()},
    **{f"series: {name}": pd.Series(array, dtype=array.dtype, name="s") for name, array in ARRAYS.items()},
    **{f"series by: {name}": pd.Series(np.arange(len(index)), index) for name, index in INDEXES.items()},
    **{f"index: {name}": index for name, index in INDEXES.items()},
    **{f"array: {name}": array for name, array in ARRAYS.items() if not isinstance(array, np.ndarray)},
    "array: numpy": pd.arrays.NumpyExtensionArray(np.arange(3)),
    "series: named by a tuple": pd.Series([1.5], name=("a", 1)),
    "series: flagged": pd.Series([1], name=pd.Timestamp("2020")).set_flags(allows_duplicate_labels=False),
    "Timestamp": pd.Timestamp("2020-07-25 02:30", tz="Europe/Berlin"),
    "Timestamp ns": pd.Timestamp(1_500_000_000_123_456_789),
    "Timestamp s": pd.Timestamp("2020").as_unit("s"),
    "Timestamp pytz": pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert("Europe/Berlin"),
    "Timestamp fold": pd.Timestamp("2020-10-25 01:30", tz="UTC").tz_convert(
        zoneinfo.ZoneInfo("Europe/Berlin")
    ),
    "Timedelta": pd.Timedelta(5, "s"),
    "Period": pd.Period("2020-05", "M"),
    "Interval": pd.Interval(pd.Timestamp("2020"), pd.Timestamp("2021"), closed="both"),
    "NaT": pd.NaT,
    "NA": pd.NA,
    "offset": offsets.BusinessDay(3),
    "offset of weeks": offsets.WeekOfMonth(week=1, weekday=2),
    "CategoricalDtype": pd.CategoricalDtype(["a", "b"], ordered=True),
    "CategoricalDtype of nothing": pd.CategoricalDtype(),
}

values = pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
trusting = pytest.mark.parametrize("trusted", [True, False], ids=["trusted", "untrusted"])
frame_values = pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)


@pytest.fixture
def public(monkeypatch):
    """The way without the inner parts of pandas."""
    monkeypatch.setattr(frames_build, "way", frames_build.Public())


def test_the_inner_way_is_taken():
    assert type(frames_build.way) is frames_build.Inner


@values
@trusting
def test_round_trip(value, trusted):
    result, _ = recall(value, trusted)
    assert_same(result, value)


@values
@trusting
def test_round_trip_by_the_public_way(value, trusted, public):
    result, _ = recall(value, trusted)
    assert_same(result, value)


@frame_values
def test_blocks_lie_as_they_lay(frame):
    result, _ = recall(frame)
    assert blocks_of(result) == blocks_of(frame)


@values
@trusting
def test_nothing_is_copied(value, trusted):
    result, memory = recall(value, trusted)
    if isinstance(value, (pd.DataFrame, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)):
        for address, size in buffers(result):
            assert size == 0 or memory.holds(address, size)


@values
def test_what_is_taken_apart_again_is_the_same(value):
    once, _ = recall(value)
    twice, _ = recall(once)
    assert_same(twice, value)


# ---- writing ------------------------------------------------------------------------------------


def stored_bytes(memory):
    return memory.data.tobytes()


@pytest.mark.parametrize("key", ["a", "d", "t", "k"])
def test_a_write_does_not_reach_the_store(key):
    frame, memory = recall(wide())
    before = stored_bytes(memory)
    other = frame[key].iloc[1]
    if PANDAS_3:
        frame.loc[0, key] = other
        assert frame[key].iloc[0] == other
        frame[key] = frame[key].iloc[::-1].to_numpy()
    else:
        # Of dates pandas catches the ValueError, and wonders.
        with pytest.raises((ValueError, AssertionError)):
            frame.loc[0, key] = other
        frame = frame.copy()
        frame.loc[0, key] = other
        assert frame[key].iloc[0] == other
    assert stored_bytes(memory) == before


def test_a_write_to_strings_stays_in_the_process():
    frame, memory = recall(wide())
    before = stored_bytes(memory)
    frame.loc[0, "s"] = "another"
    assert frame["s"].iloc[0] == "another"
    assert stored_bytes(memory) == before


@pytest.mark.skipif(not PANDAS_3, reason="in pandas 2 a write raises ValueError")
def test_a_write_in_place_copies_first():
    frame, memory = recall(wide())
    before = stored_bytes(memory)
    for change in (
        lambda: frame.iloc.__setitem__((slice(None), 0), 5.0),
        lambda: frame.__setitem__("b", frame["b"] * 2),
        lambda: frame.fillna({"a": 0.0}, inplace=True),
        lambda: frame.replace({"d": {0: 9}}, inplace=True),
        lambda: frame["e"].iloc.__setitem__(0, 7),
        lambda: frame.mask(frame["a"] > 1, inplace=True),
        lambda: frame.sort_values("b", ascending=False, inplace=True),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            change()
    assert stored_bytes(memory) == before


@pytest.mark.skipif(not PANDAS_3, reason="in pandas 2 a write raises ValueError")
def test_a_series_made_of_an_index_copies_before_it_is_written_to():
    index, memory = recall(pd.Index([1, 2, 3]))
    before = stored_bytes(memory)
    series = pd.Series(index)
    del index
    series.iloc[0] = 5
    assert series.tolist() == [5, 2, 3]
    assert stored_bytes(memory) == before


@pytest.mark.skipif(PANDAS_3, reason="pandas 3 always copies on write")
def test_with_copy_on_write_in_pandas_2():
    with pd.option_context("mode.copy_on_write", True):
        frame, memory = recall(wide())
        before = stored_bytes(memory)
        frame.loc[0, "a"] = 5.0
        frame.loc[0, "t"] = pd.Timestamp("2000")
        assert frame.loc[0, "a"] == 5.0
    assert stored_bytes(memory) == before


@pytest.mark.parametrize("name", ["float64", "datetime", "Int64", "period", "interval", "categorical"])
def test_arrays_are_read_only(name):
    array, _ = recall(pd.Series(ARRAYS[name], dtype=ARRAYS[name].dtype).array)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = array[1]


OPERATIONS = {
    "sum": lambda frame: frame[["a", "d"]].sum(),
    "describe": lambda frame: frame.describe(),
    "groupby": lambda frame: frame.groupby("k", observed=True)[["a", "d", "t"]].max(),
    "groupby strings": lambda frame: frame.groupby("s")["b"].mean(),
    "sort": lambda frame: frame.sort_values(["k", "a"], ascending=False),
    "merge": lambda frame: frame.merge(frame, on="d"),
    "merge on dates": lambda frame: pd.merge_asof(frame[["t", "a"]], frame[["t", "b"]], on="t"),
    "join": lambda frame: frame.set_index("s").join(frame.set_index("s"), rsuffix="_r"),
    "rolling": lambda frame: frame[["a", "b"]].rolling(3).mean(),
    "rolling in time": lambda frame: frame.set_index("t")["a"].rolling("3s").sum(),
    "resample": lambda frame: frame.set_index("t")[["a", "d"]].resample("5s").sum(),
    "select": lambda frame: frame[frame["a"] > 1],
    "take": lambda frame: frame.take([3, 1, 2]),
    "value_counts": lambda frame: frame["k"].value_counts(),
    "factorize": lambda frame: frame["d"].factorize()[0],
    "unique": lambda frame: frame["s"].unique(),
    "duplicated": lambda frame: frame.duplicated(),
    "isin": lambda frame: frame["d"].isin([1, 2]),
    "pivot": lambda frame: frame.pivot_table(index="k", values="a", aggfunc="mean", observed=True),
    "stack": lambda frame: frame[["a", "b"]].stack(),
    "concat": lambda frame: pd.concat([frame, frame]),
    "text": lambda frame: frame["s"].str.upper(),
    "dates": lambda frame: frame["t"].dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo").dt.day,
    "categories": lambda frame: frame["k"].cat.rename_categories({"x": "z"}),
    "to_numpy": lambda frame: frame[["a", "b"]].to_numpy(),
    "quantile": lambda frame: frame[["a", "b"]].quantile([0.1, 0.5]),
    "interpolate": lambda frame: frame[["a", "b"]].interpolate(),
    "rank": lambda frame: frame[["a", "d"]].rank(),
    "cumsum": lambda frame: frame[["a", "d"]].cumsum(),
    "reindex": lambda frame: frame.reindex([5, 3, 100]),
    "copy": lambda frame: frame.copy(),
    "csv": lambda frame: frame.to_csv(),
    "repr": repr,
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_what_is_recalled_can_be_worked_with(operation):
    frame, _ = recall(wide())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result, expected = operation(frame), operation(wide())
    assert repr(result) == repr(expected)


@pytest.mark.parametrize("name", INDEXES)
def test_indexes_can_be_worked_with(name):
    index, value = recall(INDEXES[name])[0], INDEXES[name]
    for operation in (
        lambda index: index.sort_values(),
        lambda index: index.unique(),
        lambda index: index.get_indexer(index.unique()) if index.is_unique else None,
        lambda index: index.isin(index[:1]),
        lambda index: index.union(index[:1]),
        lambda index: index.append(index),
        lambda index: index.equals(index.copy(deep=True)),
        lambda index: index[::-1],
    ):
        try:
            expected = repr(operation(value))
        except Exception as error:
            with pytest.raises(type(error)):
                operation(index)
        else:
            assert repr(operation(index)) == expected


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_can_be_worked_with(name):
    array = ARRAYS[name]
    value = pd.Series(array, dtype=array.dtype)
    series, _ = recall(value)
    for operation in (
        lambda series: series.isna(),
        lambda series: series.sort_values(),
        lambda series: series.unique(),
        lambda series: series.sum(),
        lambda series: series.equals(series.copy()),
        lambda series: series == series,
        lambda series: series.value_counts(),
        lambda series: series.shift(1),
        lambda series: series.astype(object),
        lambda series: series.groupby([0] * len(series)).count(),
        lambda series: pd.concat([series, series]),
        lambda series: series.fillna(series.iloc[0]),
    ):
        try:
            expected = repr(operation(value))
        except Exception as error:
            with pytest.raises(type(error)):
                operation(series)
        else:
            assert repr(operation(series)) == expected


# ---- labels that are kept -----------------------------------------------------------------------

KINDS_OF_LABELS = ["labels", "labels object", "labels string", "labels arrow"]


@pytest.mark.parametrize("name", KINDS_OF_LABELS)
def test_what_is_done_to_one_index_is_not_seen_in_another(name):
    memory = Memory()
    tree = memory.take(INDEXES[name])
    first = give(tree)
    first.name = "changed"
    try:
        first.array[0] = "changed"
    except ValueError:
        pass
    try:
        first.values[0] = "changed"
    except ValueError:
        pass
    assert_same(give(tree), INDEXES[name])


def test_the_name_of_categories_is_not_seen_in_another():
    memory = Memory()
    tree = memory.take(pd.Categorical(["a", "b"]))
    give(tree).categories.name = "changed"
    assert give(tree).categories.name is None


def test_labels_that_are_kept_are_bounded():
    kept = frames_indexes._kept_index
    for number in range(1000):
        recall(pd.Index([f"label {number}"]))
    assert kept.cache_info().currsize <= kept.cache_info().maxsize < 1000


# ---- what is left to pickle ---------------------------------------------------------------------


class Frame(pd.DataFrame):
    pass


class Text(str):
    pass


def test_subclasses_have_no_encoder():
    assert Frame not in encoders


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [[1], {2}]}),
        pd.Series([1, "a"], dtype=object),
        pd.Series([1.5, "a"], dtype=object),
        pd.Series([Text("a")], dtype=object),
        pd.Index([1, "a"], dtype=object),
        pd.Categorical([(1, 2)]),
        pd.DataFrame([[1.5, (1,)]], columns=["a", "b"]),
        pd.date_range("2020", periods=4, freq=offsets.CustomBusinessDay(weekmask="Mon Tue")),
        pd.date_range("2020", periods=4, freq=offsets.BusinessHour()),
    ],
    ids=str,
)
def test_objects_go_into_a_pickle_with_the_rest_shared(value):
    with pytest.raises(NotPlain):
        Memory().take(value)
    result, memory = recall(value, plain=False)
    assert_same(result, value)
    for address, size in buffers(result):
        assert size == 0 or memory.holds(address, size)


def test_zones_that_no_name_says_all_about():
    zone = datetime.timezone(datetime.timedelta(seconds=3661), "odd")
    index, _ = recall(pd.DatetimeIndex(["2020"], tz=zone))
    assert index.tz is zone


def test_frames_that_are_kept_by_columns(public):
    """Where the inner parts of pandas are not as expected."""
    frame = scattered()
    blocks = frames._encode_frame(frame)[1][2]
    assert [place for _, place in blocks] == [(number, number + 1, 1) for number in range(7)]


def test_the_public_way_is_taken_where_the_inner_one_fails(monkeypatch):
    def fail(self):
        raise AttributeError("moved")

    monkeypatch.setattr(frames_build, "way", frames_build.way)
    monkeypatch.setattr(frames_build.Inner, "refs", fail)
    frames.load("pandas")
    assert type(frames_build.way) is frames_build.Public
    assert_same(recall(wide())[0], wide())


# ---- payloads that nobody's encoder made ---------------------------------------------------------


def places_in(tree, path=()):
    """The paths of all nodes of a tree."""
    yield path
    if type(tree) is Extension:
        yield from places_in(tree.payload, (*path, "payload"))
    elif type(tree) in (tuple, list):
        for number, item in enumerate(tree):
            yield from places_in(item, (*path, number))
    elif type(tree) is dict:
        for key, item in tree.items():
            yield from places_in(item, (*path, key))


def changed(tree, path, change):
    """A tree with what `change` makes of the node at `path`."""
    if not path:
        return change(tree)
    if type(tree) is Extension:
        return Extension(tree.name, changed(tree.payload, path[1:], change))
    items = dict(tree) if type(tree) is dict else list(tree)
    items[path[0]] = changed(items[path[0]], path[1:], change)
    return tuple(items) if type(tree) is tuple else items


DTYPES = "i1 i2 i4 i8 u8 f2 f4 f8 f16 c16 ? M8[ns] M8[D] M8 m8[s] m8[7s] S3 U2 >i4 >f8 O".split()
ODD = (
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        2,
        7,
        255,
        2**31,
        -(2**31),
        2**63 - 1,
        -(2**63),
        2**64,
        1.5,
        math.nan,
        math.inf,
    ),
    *("", "a", "UTC", "object", "ns", b"", b"ab", (), [], {}, (1, 2, 3), [1], {"a": 1}),
    *(np.zeros(3), np.zeros(0, np.int64), np.zeros((2, 3)), np.zeros((3, 0)), np.array(5)),
)


class Mutator:
    """Random changes of trees: of types, numbers, lengths and bytes."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.trees = [Memory().take(value) for value in VALUES.values()]
        self.parts = [at(tree, path) for tree in self.trees for path in places_in(tree)]

    def any(self):
        return self.random.choice(ODD)

    def tree(self):
        tree = self.random.choice(self.trees)
        for _ in range(self.random.choice([1, 1, 1, 2, 3])):
            path = self.random.choice(list(places_in(tree)))
            tree = changed(tree, path, self.change)
        return tree

    def change(self, node):
        kind = self.random.randrange(10)
        if kind == 0:
            return self.any()
        if kind == 1:
            return self.random.choice(self.parts)
        if type(node) is Extension:
            return Extension(self.random.choice(list(decoders)), node.payload)
        if type(node) in (tuple, list):
            return self.change_items(node)
        if type(node) is np.ndarray:
            return self.change_array(node)
        if type(node) is str:
            return self.random.choice(
                [node[:-1], node + "x", node.upper(), node * 2, node + "\\0", "../" + node]
            )
        if type(node) in (int, bool):
            return self.random.choice(
                [node + 1, node - 1, -node, node * 2, node << 32, self.random.getrandbits(63)]
            )
        if type(node) is pa.ChunkedArray:
            other = self.random.choice([part for part in self.parts if type(part) is pa.ChunkedArray])
            return self.random.choice(
                [node.slice(1), node.slice(0, 0), pa.chunked_array([[None] * len(node)]), other]
            )
        return self.any()

    def change_items(self, node):
        items = list(node)
        kind = self.random.randrange(4)
        if kind == 0 and items:
            del items[self.random.randrange(len(items))]
        elif kind == 1:
            items.insert(
                self.random.randrange(len(items) + 1), self.random.choice([*items, None, 0, self.any()])
            )
        elif kind == 2:
            self.random.shuffle(items)
        else:
            return tuple(items) if type(node) is list else items
        return type(node)(items)

    def change_array(self, array):
        kind = self.random.randrange(6)
        array = array.copy()
        if kind == 0:
            return array.reshape(-1)[: self.random.randrange(array.size + 1)]
        if kind == 1:
            return np.resize(array, self.random.choice([(1, 3), (3, 1), (2, 2), (7,), (1, 1, 2), ()]))
        if kind == 2:
            return np.zeros(array.shape, self.random.choice(DTYPES))
        if array.dtype.kind == "O":
            return objects([self.any() for _ in range(array.size)]).reshape(array.shape)
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        if flat.size == 0:
            return array
        if kind == 3:
            flat[self.random.randrange(flat.size)] = self.random.randrange(256)
        elif kind == 4:
            flat[:] = self.random.choice([0x00, 0x7F, 0x80, 0xFF])
        else:
            flat[:] = np.frombuffer(self.random.randbytes(flat.size), np.uint8)
        return flat.view(array.dtype).reshape(array.shape)


def objects(items):
    array = np.empty(len(items), object)
    array[:] = [item if not isinstance(item, np.ndarray) else [item] for item in items]
    return array


def at(tree, path):
    for key in path:
        tree = tree.payload if type(tree) is Extension else tree[key]
    return tree


def use(value):
    """What a user might do with a value; exceptions are all right."""
    for operation in (
        repr,
        lambda value: value.sum(),
        lambda value: value.to_numpy(),
        lambda value: value.iloc[0],
        lambda value: value.iloc[::-1],
        lambda value: value[-1],
        lambda value: value.isna(),
        lambda value: value.copy(deep=True),
        lambda value: value.equals(value),
        lambda value: value.astype(str),
        lambda value: value.sort_index(),
        lambda value: value.sort_values(list(value.columns)) if value.ndim == 2 else value.sort_values(),
        lambda value: value.unique(),
        lambda value: value.get_indexer(value[:2]),
        lambda value: value.groupby(value.iloc[:, 0]).sum() if value.ndim == 2 else value.value_counts(),
        lambda value: value.max(),
        lambda value: value.take([0, 1]),
        lambda value: value.reset_index(),
        lambda value: value.memory_usage(deep=True),
        lambda value: value + value,
        lambda value: value.columns.is_unique,
        lambda value: value.index.get_indexer(value.index[:2]),
        lambda value: value.freq,
    ):
        try:
            operation(value)
        except Exception:  # at worst that
            pass


def not_huge(value):
    try:
        return len(value) < 1_000_000
    except TypeError:  # a scalar
        return True


def decode_mutated(seed, count):
    """Decode and use `count` trees. Returns how many were decoded."""
    mutator = Mutator(seed)
    decoded = 0
    for _ in range(count):
        try:
            value = give(mutator.tree(), trusted=False)
        except Exception:
            continue
        decoded += 1
        if not_huge(value):  # a range, say, could fill all memory with its to_numpy()
            use(value)
    return decoded


@pytest.mark.filterwarnings("ignore")
def test_payloads_of_others_raise_at_worst():
    assert 0 < decode_mutated(seed=1, count=3000) < 3000


# ---- through a store ----------------------------------------------------------------------------


def test_all_of_them_through_a_store(brain):
    for key, value in VALUES.items():
        brain["value"] = value
        assert_same(brain["value"], value)
        brain["in a list"] = [value, {"key": value}]
        first, second = brain["in a list"]
        assert first is second["key"], key
        assert_same(first, value)


def test_a_frame_that_refers_to_itself(brain):
    frame = wide()
    frame.attrs["itself"] = [frame]
    brain["frame"] = frame
    result = brain["frame"]
    assert result.attrs["itself"][0] is result
    del frame.attrs["itself"], result.attrs["itself"]
    assert_same(result, frame)


def test_objects_and_subclasses_through_a_store(brain):
    frame = Frame({"a": [1.5, 2], "b": [[1], "x"]})
    brain["frame"] = frame
    result = brain["frame"]
    assert type(result) is Frame
    pd.testing.assert_frame_equal(result, frame)


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"a": [decimal.Decimal("1.50"), None], "b": [[1], {"c": 2}], "d": [1.5, 2.5]}),
        pd.DataFrame({"a": [datetime.date(2020, 1, 2), datetime.date(2021, 1, 2)]}, index=["x", 2]),
        pd.Series([1, "a", (2, 3)], dtype=object),
        pd.Index([1, "a"], dtype=object),
        pd.MultiIndex.from_product([[1, "a"], [datetime.date(2020, 1, 2)]]),
        pd.Categorical([(1, 2), (3, 4)]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_plain_objects_need_no_pickle(path, value):
    with Brain(path, capacity=64 << 20, pickle=False) as brain:
        brain["x"] = value
        assert_same(brain["x"], value)


def test_other_objects_need_one(path):
    with Brain(path, capacity=64 << 20, pickle=False) as brain:
        objects = [pd.Series([Text("a")], dtype=object), pd.Index([Text("a")], dtype=object)]
        for value in (*objects, pd.DataFrame({"a": [pd]})):
            with pytest.raises(BrainPickleError):
                brain["x"] = value


def test_a_frame_outlives_its_name_and_its_brain(path):
    with Brain(path, capacity=64 << 20) as brain:
        brain["frame"] = wide()
        frame = brain["frame"]
        del brain["frame"]
        brain["other"] = wide()
    assert_same(frame, wide())


def test_scalars_in_a_pickle_are_left_to_it():
    for value in (pd.NA, pd.NaT, pd.Timestamp("2020"), offsets.Day()):
        assert frames.encoder_in_pickles(type(value), encoders[type(value)]) is None
    assert frames.encoder_in_pickles(pd.Series, encoders[pd.Series]) is encoders[pd.Series]
