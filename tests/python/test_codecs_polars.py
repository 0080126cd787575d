"""Values of Polars, taken apart and put together again: equal, and without a copy where Polars makes none."""

import datetime
import decimal
import pickle
import subprocess
import sys

import pytest
from brain_plasma import codecs, exceptions
from recalled import Stored

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow", minversion="16")  # the first with views

N = 1000
WORDS = [None if i % 7 == 3 else f"{i:04} " + "word " * (i % 9) for i in range(N)]
LETTERS = [None if i % 7 == 3 else "cab"[i % 3] for i in range(N)]

COLUMNS = {
    name: pl.Series("x", [None if i % 11 == 4 else i % 100 for i in range(N)]).cast(getattr(pl, name))
    for name in "Int8 Int16 Int32 Int64 UInt8 UInt16 UInt32 UInt64 Float16 Float32 Float64 Boolean".split()
    if hasattr(pl, name)
}
COLUMNS |= {
    "String": pl.Series("x", WORDS),
    "Binary": pl.Series("x", [w and w.encode() for w in WORDS]),
    "Date": pl.Series("x", [datetime.date.fromordinal(i + 1) for i in range(N)]),
    "Time": pl.Series("x", [datetime.time(i % 24, i % 60) for i in range(N)]),
    "Datetime": pl.Series("x", range(N)).cast(pl.Datetime("ns", "Europe/Berlin")),
    "Duration": pl.Series("x", range(N)).cast(pl.Duration("ms")),
    "Null": pl.Series("x", [None] * N),
    "List": pl.Series("x", [None if i == 5 else list(range(i % 5)) for i in range(N)]),
    "List of texts": pl.Series("x", [None if i == 5 else WORDS[i : i + i % 5] for i in range(N)]),
    "Array": pl.Series("x", [[i, 1] for i in range(N)], dtype=pl.Array(pl.Int16, 2)),
    "Struct": pl.Series("x", [{"a": i, "b": WORDS[i]} for i in range(N)]),
}
REBUILT = {
    # Polars marks the fields of a null as nulls: new bits for them.
    "Struct with nulls": pl.Series("x", [None if i == 5 else {"a": i, "b": WORDS[i]} for i in range(N)]),
    "Decimal": pl.Series("x", [decimal.Decimal(i) / 4 for i in range(N)], dtype=pl.Decimal(20, 3)),
    "Categorical": pl.Series("x", LETTERS, dtype=pl.Categorical),
    "Enum": pl.Series("x", LETTERS, dtype=pl.Enum(["z", "c", "a", "b"])),
    "List of categoricals": pl.Series("x", [[letter] for letter in LETTERS], dtype=pl.List(pl.Categorical)),
    "Struct of enums": pl.Series(
        "x", [{"e": letter} for letter in LETTERS], dtype=pl.Struct({"e": pl.Enum(["c", "b", "a"])})
    ),
}
if hasattr(pl, "Categories"):
    named = pl.Categorical(pl.Categories("name", namespace="space", physical=pl.UInt8))
    REBUILT["Categorical of its own"] = pl.Series("x", LETTERS, dtype=named)

columns = pytest.mark.parametrize("column", [*COLUMNS.values(), *REBUILT.values()], ids=[*COLUMNS, *REBUILT])


@pytest.fixture(params=[True, False], ids=["trusted", "untrusted"])
def trusted(request):
    return request.param


def buffers(frame):
    table = frame.to_arrow(compat_level=pl.CompatLevel.newest())
    return [
        b for column in table.columns for chunk in column.chunks for b in chunk.buffers() if b is not None
    ]


def sorted_flags(frame):
    return {name: (flags["SORTED_ASC"], flags["SORTED_DESC"]) for name, flags in frame.flags.items()}


def assert_same(value, frame):
    assert type(value) is pl.DataFrame
    assert value.schema == frame.schema
    assert value.equals(frame, null_equal=True)
    assert value.to_dicts() == frame.to_dicts()


@columns
def test_frame(column, trusted):
    frame = column.to_frame()
    for part in (frame, frame[3:500], frame[8:9], frame[0:0], pl.concat([frame, frame[5:9]], rechunk=False)):
        for stored in (Stored(part), Stored.top(part)):
            value = stored.recall(trusted)
            assert_same(value, part)
            assert value.n_chunks() == part.n_chunks()
            assert sorted_flags(value) == sorted_flags(part)


@columns
def test_series(column, trusted):
    for part in (column, column[3:500], column[0:0], column.rename("")):
        value = Stored(part).recall(trusted)
        assert type(value) is pl.Series
        assert value.name == part.name
        assert value.dtype == part.dtype
        assert value.equals(part, check_names=True, check_dtypes=True)
        assert value.to_list() == part.to_list()


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_frames_are_shared(column):
    for frame in (column.to_frame(), column[3:500].to_frame()):
        stored = Stored.top(frame)
        value = stored.recall()
        for buffer in buffers(value):
            assert stored.holds(buffer.address, buffer.size)


def test_flags(trusted):
    up, down = (
        pl.Series("up", [1, 2, 3]).set_sorted(),
        pl.Series("down", [3, 2, 1]).set_sorted(descending=True),
    )
    frame = pl.DataFrame([up, pl.Series("none", [2, 1, 3]), down])
    for stored in (Stored(frame), Stored.top(frame)):
        value = stored.recall(trusted)
        assert value.flags == frame.flags
        assert value.columns == frame.columns
    assert Stored(up).recall(trusted).flags == up.flags


def test_flags_of_what_has_no_order():
    column = pl.Series("a", [[1], [2]]).set_sorted()
    assert sorted_flags(Stored(column).recall().to_frame()) == sorted_flags(column.to_frame())
    assert Stored(column).recall(False).equals(column)


def test_flags_that_are_wrong():
    """Polars believes them, so those of others are looked at."""
    frame = pl.DataFrame({"a": [2, 1, 3]})
    stored = Stored(frame)
    description, data = stored.payload
    for order in ("ascending", "descending"):
        value = codecs.decoders[stored.name]((dict(description, sorted={"a": order}), data), False)
        assert value["a"].flags == frame["a"].flags
    for wrong in ({"b": "ascending"}, {"a": "sideways"}, {"a": 1}, [1], "a"):
        for trust in (True, False):
            with pytest.raises(exceptions.BrainCorruptError):
                codecs.decoders[stored.name](({"sorted": wrong}, data), trust)


def test_frames_with_little_in_them(trusted):
    full = pl.DataFrame({"a": [1, 2, 3]})
    for frame in (pl.DataFrame(), full.clear(), full.select([]), pl.DataFrame({"": [1], "a": [2]})):
        assert_same(Stored.top(frame).recall(trusted), frame)


@pytest.mark.skipif("height" not in (pl.DataFrame.__init__.__kwdefaults__ or {}), reason="no such frames")
def test_rows_without_columns(trusted):
    frame = pl.DataFrame(height=7)
    assert Stored.top(frame).recall(trusted).shape == (7, 0)


def test_a_put_leaves_the_frame_alone():
    frame = pl.DataFrame({"a": pl.Series([1, 2]).append(pl.Series([3])), "b": [1, 2, 3]})
    n_chunks = frame.n_chunks("all")
    value = Stored(frame).recall()
    assert_same(value, frame)
    assert frame.n_chunks("all") == n_chunks


def test_a_slice_is_stored_alone():
    frame = pl.DataFrame({"s": [f"{i:06} " + "x" * 50 for i in range(100_000)]})
    for part in (frame[500:510], frame[99_000:99_001], frame.sample(100, seed=1)):
        stored = Stored.top(part)
        assert stored.n_bytes <= 1.1 * len(part) * (57 + 16) + 2000
        assert_same(stored.recall(False), part)


def test_a_categorical_of_many_is_stored_with_those_it_uses():
    pl.Series([f"{i:050}" for i in range(20_000)], dtype=pl.Categorical)
    part = pl.DataFrame({"c": pl.Series([f"{i:050}" for i in range(20_000)], dtype=pl.Categorical)[5:10]})
    stored = Stored.top(part)
    assert stored.n_bytes < 5000
    assert_same(stored.recall(False), part)


def test_an_enum_of_many_keeps_its_categories():
    kind = pl.Enum([f"{i:050}" for i in range(20_000)])
    part = pl.DataFrame({"c": pl.Series([f"{i:050}" for i in range(20_000)], dtype=kind)[5:10]})
    nested = part.select(pl.col("c").implode(), s=pl.struct("c").implode())
    for frame in (part, nested):
        for trust in (True, False):
            assert_same(Stored.top(frame).recall(trust), frame)


def test_what_arrow_has_not_is_pickled():
    kinds = [getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name)]
    frames = [pl.DataFrame({"a": pl.Series([1, 2], dtype=kind)}) for kind in kinds]
    frames += [pl.DataFrame({"a": pl.Series([[1], [2]], dtype=pl.List(kind))}) for kind in kinds]
    for frame in frames:
        assert codecs.find_encoder(pl.DataFrame)(frame) is None
        assert codecs.find_encoder(pl.Series)(frame["a"]) is None
        assert codecs.top_encoders[pl.DataFrame](frame) is None
        assert pickle.loads(pickle.dumps(frame)).equals(frame)
    # This one Polars makes no frame of, when it comes from Arrow; nor does it pickle it.
    assert codecs.find_encoder(pl.Series)(pl.Series([[], []], dtype=pl.Array(pl.Int8, 0))) is None


def test_objects_are_refused():
    frame = pl.DataFrame({"a": [1], "things": pl.Series([object()], dtype=pl.Object)})
    for value in (frame, frame["things"]):
        with pytest.raises(exceptions.BrainValueTypeError, match="column 'things' has the type Object"):
            codecs.find_encoder(type(value))(value)


def test_lazy_frames_are_refused():
    with pytest.raises(exceptions.BrainValueTypeError, match=r"collect\(\) it first"):
        codecs.find_encoder(pl.LazyFrame)(pl.LazyFrame({"a": [1]}))


def test_deep_columns_are_refused():
    kind = pl.Int8
    for _ in range(100):
        kind = pl.List(kind)
    with pytest.raises(exceptions.BrainValueTypeError, match="'a' is nested more than"):
        codecs.find_encoder(pl.DataFrame)(pl.DataFrame({"a": pl.Series([], dtype=kind)}))


def test_without_pyarrow_polars_pickles_itself():
    code = """
import sys
sys.modules["pyarrow"] = None
import polars as pl
from brain_plasma import codecs, exceptions
frame = pl.DataFrame({"a": [1]})
assert codecs.find_encoder(pl.DataFrame)(frame) is None
assert codecs.top_encoders[pl.DataFrame](frame) is None
try:
    codecs.find_decoder("polars.DataFrame")(({}, b""), True)
except exceptions.BrainValueError as error:
    assert "pip install pyarrow" in str(error)
    print("told")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "told\n"


@pytest.mark.parametrize("first", ["pyarrow.stream", "polars.DataFrame"])
def test_either_package_may_be_met_first(first):
    """The modules use each other: each fills the dicts all the same."""
    code = f"""
from brain_plasma import codecs
codecs.find_decoder({first!r})
names = ("polars.Series", "pyarrow.Table", "pyarrow.stream")
print(*(codecs.find_decoder(name) is not None for name in names))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "True True True\n", result.stderr


def hostile(name, metadata):
    """An Arrow column of texts that says of itself to Polars what `metadata` says."""
    codes = pa.array([0, 1, 2, 1], pa.uint8())
    array = pa.DictionaryArray.from_arrays(codes, pa.array(["a", "b", "c"], pa.string_view()))
    schema = pa.schema([pa.field("x", array.type, metadata={name: metadata})])
    return Stored(pa.table([array], schema=schema)).payload


def test_hostile_metadata():
    """What makes Polars panic is an exception here; what does not is looked at without harm."""
    n_refused = 0
    for name in ("_PL_ENUM_VALUES", "_PL_ENUM_VALUES2", "_PL_CATEGORICAL", "_PL_CATEGORICAL2"):
        for text in (b"", b"1;a", b"1;z1;y1;x", b"99999999;a", b"-1;a", b"0;0;u8;", b"x", b"\xff"):
            try:
                frame = codecs.find_decoder("polars.DataFrame")(({}, hostile(name, text)), False)
            except exceptions.BrainCorruptError:
                n_refused += 1
                continue
            frame.to_dicts()
            str(frame)
            frame.unique()
    assert n_refused > 3


FUZZ = """
import random, sys
import polars as pl
sys.path.insert(0, {folder!r})
import test_codecs_polars as tests
from recalled import Stored
from brain_plasma import codecs
chance = random.Random(8)
n_read = 0
for column in [*tests.COLUMNS.values(), *tests.REBUILT.values()]:
    stored = Stored(column[2:30].to_frame())
    description, data = stored.payload
    for _ in range(100):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 1, 2, 5))):
            at = chance.randrange(len(damaged))
            damaged[at] = chance.choice((0, 1, 127, 255, damaged[at] ^ 1 << chance.randrange(8)))
        try:
            frame = codecs.decoders[stored.name](
                (description, memoryview(bytes(damaged))), False
            )
            n_read += 1
        except Exception:
            continue
        try:
            frame[1:3].to_dicts()
            frame.sort("x")
            frame.unique()
            frame.rechunk()
            str(frame)
        except (Exception, pl.exceptions.PanicException):
            pass
print("all", n_read)
"""


def test_bytes_that_were_changed():
    code = FUZZ.format(folder=__file__.rpartition("/")[0])
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert result.stdout.startswith("all")
    assert int(result.stdout.split()[1]) > 300
