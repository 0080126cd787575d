"""Values: what goes in comes out, of the same type, and large things are not copied."""

import array
import collections
import datetime
import decimal
import enum
import fractions
import math
import pickle
import subprocess
import sys
import threading
import uuid

import numpy as np
import pytest
from brain_plasma import Brain, _core, exceptions


class Text(str):
    pass


class Number(int):
    pass


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y

    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)


class Colour(enum.IntEnum):
    RED = 1


Pair = collections.namedtuple("Pair", "a b")

# ---- plain values -------------------------------------------------------------------------------

PLAIN = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**63 - 1,
    -(2**63),
    2**63,
    -(2**63) - 1,
    2**64,
    2**1000 + 1,
    -(2**1000),
    10**5000,
    0.0,
    -0.0,
    1.5,
    math.pi,
    math.inf,
    5e-324,
    "",
    "abc",
    "é名🧠\0",
    "x" * 100,
    "x" * 1_000_000,
    "é" * 1_000_000,
    "\ud800 alone",
    b"",
    b"abc\0",
    b"x" * 100,
    b"x" * 1_000_000,
]


@pytest.mark.parametrize("value", PLAIN, ids=lambda value: f"{value!a:.20}" if not isinstance(value, int) else f"{value:#x}"[:20])
def test_plain_values(brain, value):
    brain["x"] = value
    recalled = brain["x"]
    assert recalled == value
    assert type(recalled) is type(value)
    assert math.copysign(1, recalled) == math.copysign(1, value) if value == 0.0 else True


@pytest.mark.parametrize("bits", range(1, 200))
def test_ints_around_every_power_of_two(brain, bits):
    for value in (2**bits - 1, 2**bits, 2**bits + 1):
        brain["x"] = value
        brain["y"] = -value
        assert (brain["x"], brain["y"]) == (value, -value)


def test_nan(brain):
    brain["x"] = math.nan
    assert math.isnan(brain["x"])


@pytest.mark.parametrize("size", [0, 1, 7, 8, 255, 256, 2047, 2048, 2049, 4095, 4096, 4097, 65_535, 65_536])
def test_bytes_of_every_class_of_size(brain, size):
    value = bytes(n % 251 for n in range(size))
    brain["x"] = value
    assert brain["x"] == value
    assert brain.used() == size


OTHERS = [
    (),
    [],
    {},
    [1, "two", None, [3.0]],
    {"a": 1, 2: {"b": b"c"}},
    {1, 2},
    frozenset({1}),
    (1, 2),
    3 + 4j,
    bytearray(b"abc"),
    range(5),
    slice(1, 2),
    Ellipsis,
    datetime.date(2020, 1, 2),
    datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.timezone.utc),
    decimal.Decimal("1.10"),
    fractions.Fraction(1, 3),
    uuid.UUID(int=5),
    Point(1, [2]),
    Pair(1, "b"),
    Text("text"),
    Number(5),
    Colour.RED,
    np.float64(1.5),
    np.int32(7),
    np.str_("text"),
    array.array("d", [1, 2]),
    len,
    Point,
    ValueError("x", 1),
]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_everything_that_pickles(brain, value):
    brain["x"] = value
    recalled = brain["x"]
    assert type(recalled) is type(value)
    if isinstance(value, Exception):
        recalled, value = recalled.args, value.args
    assert recalled == value


def test_each_recall_gives_an_object_of_its_own(brain):
    brain["x"] = {"a": [1]}
    first = brain["x"]
    first["a"].append(2)
    assert brain["x"] == {"a": [1]}


def test_deep_values(brain):
    value = []
    for _ in range(200):
        value = [value]
    brain["x"] = value
    assert brain["x"] == value


def test_values_that_refer_to_themselves(brain):
    value = [1]
    value.append(value)
    brain["x"] = value
    recalled = brain["x"]
    assert recalled[1] is recalled


# ---- arrays -------------------------------------------------------------------------------------

DTYPES = "? i1 u1 i2 u2 i4 u4 i8 u8 f2 f4 f8 f16 c8 c16 c32 >i4 >f8 >c16 S5 U3 >U3 V7 M8[ns] M8[D] m8[us] M8[25s] >M8[h]"


@pytest.mark.parametrize("text", DTYPES.split())
def test_arrays_of_every_type(brain, text):
    dtype = np.dtype(text)
    raw = np.random.default_rng(0).integers(1, 100, 60 * dtype.itemsize, dtype="u1")
    if dtype.kind == "b":
        raw %= 2
    if dtype.kind == "U":
        value = np.array(["", "a", "äß", "abc"] * 15, dtype)
    elif dtype.kind in "fc":
        value = np.arange(60).astype(dtype)
    else:
        value = raw.view(dtype)
    brain["x"] = value
    recalled = brain["x"]
    assert type(recalled) is np.ndarray
    assert recalled.dtype == value.dtype
    assert recalled.dtype.str == value.dtype.str
    assert recalled.tobytes() == value.tobytes()
    assert isinstance(recalled.base, _core.View)
    assert brain.used() == value.nbytes


STRUCTURED = [
    np.dtype("i4,f8"),
    np.dtype([("a", "<f4", (2, 3)), ("b", "S5"), ("c", [("d", ">i2"), ("e", "M8[s]")])]),
    np.dtype({"names": ["a", "b"], "formats": ["i4", "f8"], "offsets": [4, 16], "itemsize": 32}),
    np.dtype([("é", "i4"), ("with ' quote", "u1")]),
    np.dtype([(("title", "name"), "i4")]),
]


@pytest.mark.parametrize("dtype", STRUCTURED, ids=str)
def test_structured_arrays(brain, dtype):
    value = np.zeros(5, dtype)
    value[dtype.names[0]] = np.ones_like(value[dtype.names[0]])
    brain["x"] = value
    recalled = brain["x"]
    assert recalled.dtype == dtype
    assert recalled.dtype.names == dtype.names
    assert (recalled == value).all()
    assert isinstance(recalled.base, _core.View)


def test_two_structured_types_of_one_size_are_told_apart(brain):
    brain["x"] = np.zeros(2, [("a", "i4"), ("b", "f4")])
    brain["y"] = np.zeros(2, [("b", "f4"), ("a", "i4")])
    assert brain["x"].dtype.names == ("a", "b")
    assert brain["y"].dtype.names == ("b", "a")


def test_more_types_than_are_remembered(brain):
    for size in range(1, 100):
        brain["x"] = np.full(3, "x" * size)
        brain[f"s{size}"] = np.zeros(2, [(f"a{size}", "i4")])
        assert brain["x"].dtype == np.dtype(f"U{size}")
    for size in range(1, 100):
        assert brain[f"s{size}"].dtype.names == (f"a{size}",)


@pytest.mark.parametrize("inner", [False, True])
def test_fields_that_are_renamed(brain, inner):
    """The names of a structured type's fields can be changed in place: of one that was put before, and of
    one that was recalled."""
    dtype = np.dtype([("a", "i4"), ("b", [("c", "f8")])]) if inner else np.dtype("i4,f8")
    value = np.zeros(3, dtype)
    renamed = (lambda array: array.dtype["b"]) if inner else (lambda array: array.dtype)
    before, after = renamed(value).names, tuple(f"new{name}" for name in renamed(value).names)
    brain["x"] = value
    renamed(brain["x"]).names = after
    assert renamed(brain["x"]).names == before
    renamed(value).names = after
    brain["x"] = value
    assert renamed(brain["x"]).names == after


def test_other_types_are_stored_while_an_array_is_copied(brain):
    """To make an array contiguous gives up the GIL; its type is not mixed up with what others store."""
    value = np.arange(4_000_000, dtype="i4")[::2]
    strange = [np.zeros(1, f"S{size}") for size in range(50, 90)]
    done = threading.Event()

    def store_others():
        while not done.is_set():
            for array in strange:
                brain["other"] = array

    thread = threading.Thread(target=store_others)
    thread.start()
    try:
        for _ in range(20):
            brain["x"] = value
            assert brain["x"].dtype == value.dtype
            assert np.array_equal(brain["x"], value)
    finally:
        done.set()
        thread.join()


SHAPES = [(), (0,), (1,), (5,), (0, 3), (3, 0), (2, 3), (2, 3, 4), (1, 1, 1, 7), (2,) * 16]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_arrays_of_every_shape(brain, shape, order):
    value = np.arange(math.prod(shape), dtype="f8").reshape(shape).copy(order)
    brain["x"] = value
    recalled = brain["x"]
    assert recalled.shape == shape
    assert np.array_equal(recalled, value)
    assert recalled.flags.c_contiguous == value.flags.c_contiguous
    assert recalled.flags.f_contiguous == value.flags.f_contiguous
    assert recalled.strides == value.strides or 0 in shape or 1 in shape


@pytest.mark.parametrize(
    "value",
    [
        np.arange(20)[::2],
        np.arange(20)[::-1],
        np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
        np.broadcast_to(np.arange(3), (4, 3)),
        np.arange(12).reshape(3, 4)[:, 1:3],
    ],
    ids=["step", "backwards", "transposed", "broadcast", "slice"],
)
def test_arrays_with_gaps_are_made_contiguous(brain, value):
    brain["x"] = value
    recalled = brain["x"]
    assert np.array_equal(recalled, value)
    assert recalled.flags.c_contiguous
    assert brain.used() == value.nbytes


def test_a_recalled_array_cannot_be_written(brain):
    brain["x"] = np.arange(10)
    recalled = brain["x"]
    assert not recalled.flags.writeable
    assert not recalled.flags.owndata
    with pytest.raises(ValueError):
        recalled[0] = 5
    with pytest.raises(ValueError):
        recalled.flags.writeable = True
    with pytest.raises(ValueError):
        recalled.view("u1")[0] = 5


def test_the_array_that_was_put_is_ones_own(brain):
    value = np.arange(10)
    brain["x"] = value
    value[0] = 99
    assert brain["x"][0] == 0


def test_arrays_are_aligned(brain):
    for size in (1, 31, 32, 100, 1000, 100_000):
        brain["x"] = np.zeros(size)
        assert brain["x"].flags.aligned
        if size * 8 >= 256:
            assert brain["x"].ctypes.data % 64 == 0


def test_two_recalls_are_two_arrays_over_the_same_bytes(brain):
    brain["x"] = np.arange(1000)
    first, second = brain["x"], brain["x"]
    assert first is not second
    assert first.ctypes.data == second.ctypes.data
    assert np.shares_memory(first, second)


def test_a_recalled_array_can_be_put_again(brain):
    brain["x"] = np.arange(1000)
    brain["y"] = brain["x"]
    brain["x"] = brain["y"][::2]
    assert np.array_equal(brain["x"], np.arange(0, 1000, 2))


def test_arrays_that_are_no_plain_bytes_are_pickled(brain):
    for value in (
        np.array([1, "a", None], object),
        np.zeros(3, [("a", "O")]),
        np.zeros(3, np.dtype("f8", metadata={"unit": "m"})),
        np.ma.masked_array([1, 2], [True, False]),
        np.rec.array([(1, 2.0)], dtype="i4,f8"),
        np.matrix([[1, 2]]),
        np.zeros(2, np.dtype([("a", "u1"), ("b", "f8")], align=True)),
        np.zeros(3, "U0") if np.zeros(3, "U0").itemsize == 0 else np.zeros(3, "U1"),
    ):
        brain["x"] = value
        recalled = brain["x"]
        assert type(recalled) is type(value)
        assert recalled.dtype == value.dtype
        assert recalled.tolist() == value.tolist()


@pytest.mark.skipif(not hasattr(np, "dtypes") or not hasattr(np.dtypes, "StringDType"), reason="NumPy 2")
def test_arrays_of_strings_of_any_length_are_pickled(brain):
    value = np.array(["a", "b" * 1000], np.dtypes.StringDType())
    brain["x"] = value
    assert brain["x"].tolist() == value.tolist()


def test_numpy_is_imported_when_an_array_is_recalled(path):
    with Brain(path) as brain:
        brain["x"] = np.arange(5)
    code = f"""
import sys
from brain_plasma import Brain
with Brain({path!r}) as brain:
    print('numpy' in sys.modules, brain['x'].sum(), 'numpy' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "10", "True"]


def test_an_array_where_there_is_no_numpy(path):
    with Brain(path) as brain:
        brain["x"] = np.arange(5)
    code = f"""if True:
        import sys
        sys.modules['numpy'] = None  # what makes an import fail
        from brain_plasma import Brain, exceptions
        with Brain({str(path)!r}) as brain:
            try:
                brain['x']
            except exceptions.BrainValueError as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == ""
    assert "'x' is an array" in done.stdout and "pip install numpy" in done.stdout


def test_text_needs_no_numpy(path):
    """Not even text that UTF-8 does not know, where what stands for NumPy is none."""
    code = f"""if True:
        import sys, types
        sys.modules['numpy'] = types.ModuleType('numpy')
        from brain_plasma import Brain
        with Brain({str(path)!r}) as brain:
            brain['x'] = 'lone \\ud800'
            print(brain['x'] == 'lone \\ud800')
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


# ---- pickles and their buffers ------------------------------------------------------------------


def addresses(*arrays):
    return [array.__array_interface__["data"][0] for array in arrays]


def test_arrays_inside_of_other_values_are_not_copied(brain):
    brain["x"] = {"a": np.arange(1000), "b": [np.ones((20, 30), order="F")]}
    first, second = brain["x"], brain["x"]
    assert np.array_equal(first["a"], np.arange(1000))
    assert np.array_equal(first["b"][0], np.ones((20, 30)))
    assert first["b"][0].flags.f_contiguous
    assert addresses(first["a"], first["b"][0]) == addresses(second["a"], second["b"][0])
    assert all(address % 64 == 0 for address in addresses(first["a"], first["b"][0]))
    assert not first["a"].flags.writeable


@pytest.mark.parametrize("sizes", [(0,), (0, 0, 5), (1,) * 50, (7, 0, 64, 65, 100_000)], ids=str)
def test_any_number_of_buffers(brain, sizes):
    value = [np.arange(size) % 251 for size in sizes]
    brain["x"] = value
    recalled = brain["x"]
    assert len(recalled) == len(sizes)
    assert all(np.array_equal(one, other) for one, other in zip(recalled, value))


class Plain:
    """Pickles as whatever buffer it holds, and comes back as what pickle makes of that."""

    def __init__(self, data):
        self.data = data

    def __reduce_ex__(self, protocol):
        return memoryview, (pickle.PickleBuffer(self.data),)


def test_buffers_of_any_kind(brain):
    for data in (b"abc", bytearray(b"x" * 10_000), np.arange(6).reshape(2, 3).copy("F")):
        brain["x"] = Plain(data)
        recalled = brain["x"]
        assert recalled.readonly
        assert bytes(recalled) == memoryview(data).tobytes("A")


def test_a_view_is_a_buffer_that_pickles_as_bytes(brain):
    brain["x"] = Plain(b"abc")
    view = brain["x"].obj
    assert type(view) is _core.View
    assert len(view) == 3
    assert bytes(view) == b"abc"
    assert repr(view) == "<View of 3 bytes>"
    assert pickle.loads(pickle.dumps(view)) == b"abc"
    with pytest.raises(TypeError):
        memoryview(view)[0] = 1
    with pytest.raises(TypeError):
        _core.View()


def test_frames(brain):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(
        {
            "number": np.arange(1000),
            "real": np.linspace(0, 1, 1000),
            "text": [f"row {n}" for n in range(1000)],
            "time": pd.date_range("2020", periods=1000, freq="h"),
            "kind": pd.Categorical(["a", "b"] * 500),
        }
    )
    brain["x"] = frame
    recalled = brain["x"]
    pd.testing.assert_frame_equal(recalled, frame)
    again = brain["x"]
    assert addresses(recalled["real"].to_numpy()) == addresses(again["real"].to_numpy())
    recalled["new"] = recalled["real"] * 2  # one's own, though its columns are shared
    assert "new" not in brain["x"]


# ---- the rule for pickles -----------------------------------------------------------------------


def test_pickles_may_be_refused(path):
    with Brain(path) as brain:
        brain["x"] = Point(1, 2)
        brain["array"] = np.arange(3)
    with Brain(path, pickle=False) as brain:
        for use in (
            lambda: brain["x"],
            lambda: brain.get("x"),
            lambda: brain.pop("x"),
            lambda: brain.get_many(["x"]),
            lambda: brain.__setitem__("y", [Point(3, 4)]),
            lambda: brain.set_many({"y": [Point(3, 4)]}),
        ):
            with pytest.raises(exceptions.BrainPickleError, match="pickle=True"):
                use()
        with pytest.raises(exceptions.BrainPickleError, match=r"'y' .* value\[0\] is of <class '.*Point'>"):
            brain["y"] = [Point(3, 4)]
        with pytest.raises(exceptions.BrainPickleError, match="the value of 'x' is stored as a pickle"):
            brain["x"]
        for value in (None, 1, "x", b"x", 2**100, [1], {"a": (2,)}):
            brain["plain"] = value
            assert brain["plain"] == value
        assert brain["array"].sum() == 3
        assert brain.names().count("y") == 0
    with Brain(path) as brain:
        assert brain["x"] == Point(1, 2)


def test_pickles_are_refused_where_others_may_write(path):
    import os

    with Brain(path, mode=0o660, group=os.getgid()) as brain:
        with pytest.raises(exceptions.BrainPickleError):
            brain["x"] = Point(1, 2)
        brain["x"] = 1
        assert brain["x"] == 1
    with Brain(path, pickle=True) as brain:
        brain["x"] = Point(1, 2)
        assert brain["x"] == Point(1, 2)
    with Brain(path) as brain:
        with pytest.raises(exceptions.BrainPickleError):
            brain["x"]


class PutsItself:
    """Stores itself while it is pickled, and so on without end."""

    def __init__(self, brain):
        self.brain = brain

    def __reduce__(self):
        self.brain["again"] = self
        return int, (5,)


def test_a_value_that_puts_itself_while_it_is_pickled(brain):
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(200)
    try:
        with pytest.raises(exceptions.BrainValueTypeError, match="RecursionError"):
            brain["x"] = PutsItself(brain)
    finally:
        sys.setrecursionlimit(limit)
    assert len(brain) == 0
