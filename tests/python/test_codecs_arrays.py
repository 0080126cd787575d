"""Encoders and decoders of what NumPy has beside plain arrays; and arrays inside of pickles."""

import pickle
import random

import numpy as np
import payloads
import pytest
from brain_plasma import codecs, exceptions


class Holder:
    """What pickles as an object of a user's class does."""

    def __init__(self, value):
        self.value = value


class Labelled(np.ndarray):
    def __array_finalize__(self, of):
        self.label = "none" if of is None else getattr(of, "label", "of an array")


class Stateful(np.ndarray):
    def __reduce__(self):
        kind, arguments, state = super().__reduce__()
        return kind, arguments, (*state, self.label)

    def __setstate__(self, state):
        super().__setstate__(state[:-1])
        self.label = state[-1]


class OwnState(np.ndarray):
    def __setstate__(self, state):
        super().__setstate__(state)
        self.calls = 1


def address(array):
    return array.__array_interface__["data"][0]


def lies_in_the_store(array):
    """Whether the memory of an array is that of a mapping that cannot be written."""
    with open("/proc/self/maps") as maps:
        for line in maps:
            place, mode, *_, path = line.split(maxsplit=5)
            first, end = (int(number, 16) for number in place.split("-"))
            if first <= address(array) < end:
                return mode[:2] == "r-" and path.strip().endswith("/data")
    return False


def same_arrays(one, other):
    assert type(one) is type(other)
    assert (one.dtype, one.dtype.type) == (other.dtype, other.dtype.type)
    assert one.shape == other.shape
    assert one.tobytes("A") == other.tobytes("A")
    return True


RECORDS = np.rec.array([(1, 2.5, "a"), (3, 4.5, "b")], dtype=[("i", "i4"), ("f", "f8"), ("s", "U2")])
STRUCTURED = np.array([(1, (2.5, "a"))], dtype=[("i", "i1"), ("in", [("f", "f8"), ("s", "S2")])])

ARRAYS = {
    "contiguous": np.arange(100.0),
    "fortran": np.arange(12.0).reshape(3, 4, order="F"),
    "strided": np.arange(100)[::3],
    "backwards": np.arange(100)[::-1],
    "part": np.arange(100).reshape(10, 10)[2:5, 3:7],
    "transposed in part": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "broadcast": np.broadcast_to(np.arange(3), (4, 3)),
    "0-d": np.array(5),
    "dates": np.array(["2020-01-01", "NaT"], "M8[ns]"),
    "0-d date": np.array("2020-01-01", "M8[D]"),
    "durations": np.arange(10).astype("m8[s]").reshape(2, 5),
    "strided dates": np.arange(10).astype("M8[us]")[::2],
    "big-endian": np.arange(5, dtype=">i4"),
    "complex": np.ones(5, complex),
    "bool": np.array([True, False]),
    "half": np.ones(5, "f2"),
    "long double": np.ones(5, np.longdouble),
    "text": np.array(["a", "bcd"]),
    "bytes": np.array([b"a", b"bcd"]),
    "void": np.zeros(3, "V5"),
    "structured": STRUCTURED,
    "structured dates": np.zeros(2, [("when", "M8[s]"), ("n", "i4")]),
    "records": RECORDS.view(np.ndarray),
}
EMPTY = {
    "empty": np.zeros(0),
    "empty rows": np.zeros((0, 3), order="F"),
    "empty dates": np.zeros((2, 0), "M8[ns]"),
}


@pytest.mark.parametrize("name", [*ARRAYS, *EMPTY])
def test_arrays_in_pickles(brain, name):
    array = {**ARRAYS, **EMPTY}[name]
    brain["x"] = Holder(array)
    recalled = brain["x"].value
    assert same_arrays(recalled, array if array.flags.forc else array.copy())
    assert not recalled.flags.writeable
    assert recalled.flags.f_contiguous or not array.flags.f_contiguous
    if name in ARRAYS:
        assert lies_in_the_store(recalled)


def test_nothing_of_an_array_is_in_the_stream():
    from brain_plasma import pickling

    for array in ARRAYS.values():
        buffers = []
        large = np.repeat(array.reshape(-1), 1000)
        assert len(pickling.dumps([large, large.view(Labelled)], buffers.append)) < 1000
        assert [len(buffer.raw()) for buffer in buffers] == [large.nbytes] * 2


def test_a_contiguous_array_is_not_copied_to_be_put():
    from brain_plasma import pickling

    for array in (np.arange(12).reshape(3, 4), np.ones((3, 4), order="F"), np.arange(9).view("M8[s]")):
        buffers = []
        pickling.dumps(array, buffers.append)
        assert address(np.frombuffer(buffers[0], "u1")) == address(array)


def test_arrays_that_no_text_gives_back(brain):
    aligned = np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True))
    for array in (aligned, np.array([1, "x", [2]], object), np.zeros(2, "S0")):
        brain["x"] = Holder(array)
        assert brain["x"].value.dtype == array.dtype
        assert brain["x"].value.tolist() == array.tolist()


def test_structured_arrays_whose_type_is_pickled_are_shared(brain):
    """NumPy puts the elements into its pickle where fields overlap."""
    overlap = np.dtype({"names": ["n", "low"], "formats": ["<i4", "<i2"], "offsets": [0, 0]})
    hole = np.dtype({"names": ["n"], "formats": ["<i4"], "offsets": [4], "itemsize": 12})
    aligned = np.dtype([("n", "i1"), ("f", "f8")], align=True)
    for dtype in (overlap, hole, aligned):
        array = np.zeros((20, 2), dtype)
        array["n"] = np.arange(40).reshape(20, 2)
        for value in (array, array[::2], array.T):
            brain["x"] = value
            recalled = brain["x"]
            assert recalled.dtype == dtype and recalled.dtype.isalignedstruct == dtype.isalignedstruct
            assert np.array_equal(recalled["n"], value["n"])
            assert lies_in_the_store(recalled) and not recalled.flags.writeable


def test_an_array_that_holds_itself(brain):
    array = np.empty(1, object)
    array[0] = [array]
    brain["x"] = array
    recalled = brain["x"]
    assert recalled[0][0] is recalled


# ---- subclasses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("array", [np.arange(10), np.ones((3, 4), order="F"), np.arange(9).view("M8[s]")[::2]])
def test_subclasses(brain, array):
    value = array.view(Labelled)
    value.label = "own"
    brain["x"] = value
    brain["y"] = [value]
    for recalled in (brain["x"], brain["y"][0]):
        assert same_arrays(recalled, value)
        assert recalled.label == pickle.loads(pickle.dumps(value)).label == "none"
        assert lies_in_the_store(recalled)
    assert codecs.find_encoder(Labelled) is None


def test_subclasses_with_a_pickle_of_their_own(brain):
    value = np.arange(5).view(Stateful)
    value.label = "own"
    brain["x"] = value
    assert (brain["x"].label, brain["x"].tolist()) == ("own", [0, 1, 2, 3, 4])
    brain["x"] = np.arange(5).view(OwnState)
    assert brain["x"].calls == 1


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices(brain):
    value = np.matrix([[1, 2], [3, 4]])
    brain["x"] = Holder(value)
    for recalled in (payloads.trip(value), brain["x"].value):
        assert same_arrays(recalled, value)
    assert lies_in_the_store(brain["x"].value)


def test_record_arrays(brain):
    for value in (RECORDS, RECORDS[::2], RECORDS.view(np.ndarray), np.arange(3).view(np.recarray)):
        brain["x"] = Holder(value)
        for recalled in (payloads.trip(value), brain["x"].value):
            assert same_arrays(recalled, value if value.flags.forc else value.copy())
        assert lies_in_the_store(brain["x"].value)
    assert payloads.trip(RECORDS)[1].f == payloads.trip(RECORDS.view(np.ndarray))[1].f == 4.5


def test_mapped_files_come_back_as_arrays(brain, tmp_path):
    value = np.memmap(tmp_path / "file", "i4", "w+", shape=(3, 4))
    value[:] = 7
    brain["x"] = Holder(value)
    for recalled in (payloads.trip(value), brain["x"].value):
        assert same_arrays(recalled, np.full((3, 4), 7, "i4"))
    assert lies_in_the_store(brain["x"].value)


MASKED = {
    "mask": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0]),
    "no mask": np.ma.array([1, 2, 3]),
    "fill": np.ma.array([1, 2], mask=[0, 1], fill_value=-5),
    "hard": np.ma.array([1, 2], mask=[0, 1], hard_mask=True),
    "dates": np.ma.array(np.arange(3).astype("M8[s]"), mask=[0, 1, 0], fill_value=np.datetime64(9, "s")),
    "text": np.ma.array(["a", "b"], mask=[0, 1]),
    "fortran": np.ma.array(np.ones((3, 4), order="F"), mask=np.eye(3, 4, dtype=bool)),
    "structured": np.ma.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")], mask=[(0, 1)], fill_value=(8, 9)),
    "0-d": np.ma.array(5, mask=True),
    "strided": np.ma.array(np.arange(9), mask=np.arange(9) % 2)[::3],
}


@pytest.mark.parametrize("name", MASKED)
def test_masked_arrays(brain, name):
    value = MASKED[name]
    brain["x"] = Holder(value)
    for recalled in (payloads.trip(value), brain["x"].value):
        assert type(recalled) is type(value)
        assert recalled.dtype == value.dtype
        assert np.asarray(recalled.data).tobytes() == np.asarray(value.data).tobytes()
        assert (recalled.mask is np.ma.nomask) == (value.mask is np.ma.nomask)
        assert np.array_equal(recalled.mask, value.mask)
        assert repr(recalled.fill_value) == repr(value.fill_value)
        assert recalled.hardmask == value.hardmask
    recalled = brain["x"].value
    assert lies_in_the_store(recalled.data)
    assert value.mask is np.ma.nomask or lies_in_the_store(recalled.mask)
    if value.ndim:
        with pytest.raises(ValueError):
            recalled[:] = recalled


def test_masked_is_itself(brain):
    brain["x"] = Holder(np.ma.masked)
    assert brain["x"].value is payloads.trip(np.ma.masked) is np.ma.masked


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_a_masked_matrix_is_pickled(brain):
    value = np.ma.array(np.matrix([[1, 2]]), mask=[[0, 1]])
    assert codecs.find_encoder(type(value))(value) is None
    brain["x"] = value
    assert brain["x"].mask.tolist() == [[False, True]]
    assert type(brain["x"].data) is np.matrix


# ---- objects, scalars, types --------------------------------------------------------------------

OBJECTS = [
    np.array(["a", None, "bc"], object),
    np.array([["a"], [None]], object),
    np.array(["a"], object)[::-1],
    np.asfortranarray(np.array([[1, 2.5], ["x", b"y"]], object)),
    np.empty((0, 2), object),
    np.array([None, [1, 2], {"a": ()}], object),
    np.array("0-d", object),
]


@pytest.mark.parametrize("value", OBJECTS, ids=range(len(OBJECTS)))
def test_arrays_of_objects(value):
    recalled = payloads.trip(value)
    assert recalled.dtype == object
    assert recalled.shape == value.shape
    assert recalled.tolist() == value.tolist()
    assert recalled.flags.f_contiguous == value.flags.f_contiguous


SCALARS = [
    np.bool_(True),
    np.int8(-1),
    np.uint64(2**64 - 1),
    np.float16(1.5),
    np.float64("nan"),
    np.longdouble("1.1"),
    np.complex64(1 + 2j),
    np.str_("aé"),
    np.bytes_(b"ab"),
    np.datetime64("2020-01-01", "D"),
    np.datetime64("NaT", "ns"),
    np.timedelta64(5, "25s"),
    np.void(b"abc"),
    STRUCTURED[0],
    RECORDS[1],
]


@pytest.mark.parametrize("value", SCALARS, ids=lambda value: value.dtype.str)
def test_scalars(brain, value):
    brain["x"] = Holder(value)
    for recalled in (payloads.trip(value), brain["x"].value):
        assert type(recalled) is type(value)
        assert recalled.dtype == value.dtype
        assert recalled.tobytes() == value.tobytes()
        assert repr(recalled) == repr(value)


def test_a_structured_scalar_can_be_written_as_the_one_that_was_put():
    recalled = payloads.trip(STRUCTURED[0])
    recalled["i"] = 9
    assert recalled["i"] == 9


@pytest.mark.parametrize("name", [*ARRAYS, "object"])
def test_dtypes(name):
    dtype = ARRAYS[name].dtype if name != "object" else np.dtype(object)
    recalled = payloads.trip(dtype)
    assert (recalled, recalled.type) == (dtype, dtype.type)


def test_dtypes_that_no_text_gives_back():
    for dtype in (np.dtype([("a", "i1"), ("b", "f8")], align=True), np.dtype("f8", metadata={"a": 1})):
        with pytest.raises(payloads.Pickled):
            payloads.encode(dtype)


def test_generators_are_pickled(brain):
    brain["x"] = np.random.default_rng(5)
    assert brain["x"].random() == np.random.default_rng(5).random()


# ---- payloads of somebody hostile ---------------------------------------------------------------

NAMES = [
    "numpy.ndarray",
    "numpy.ndarray.record",
    "numpy.ndarray.object",
    "numpy.recarray",
    "numpy.matrix",
    "numpy.memmap",
    "numpy.ma.MaskedArray",
    "numpy.generic",
    "numpy.dtype",
]

F8 = ["<f8", None, 8, None]
ATOMS = [
    None,
    True,
    -1,
    0,
    8,
    2**63,
    2**70,
    "",
    "C",
    "F",
    "O",
    "<f8",
    "|O",
    "O8",
    "[('a','O')]",
    "record",
    b"",
    b"\xff" * 8,
    [],
    [1],
    [-1],
    [0, 2**62],
    [2**62, 2**62],
    [1] * 100,
    F8,
    ["|O", None, 8, None],
    ["|V8", "[('a', '|O')]", 8, None],
    ["|V8", "__import__('os')", 8, None],
    ["|V8", "(" * 30_000, 8, None],
    ["<U1", None, 4, None],
    ["<f8", None, 8, "record"],
    memoryview(b"\xff" * 8),
    np.zeros(1),
    np.zeros((2, 2), bool),
    np.zeros(1, bool),
    np.zeros(1, [("a", "f8")]),
    np.array("x"),
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_payloads_only_raise(name):
    choose = random.Random(name)
    hostile = ATOMS + [[choose.choice(ATOMS) for _ in range(choose.randrange(6))] for _ in range(3000)]
    refused = 0
    for payload in hostile:
        try:
            result = payloads.decode_named(name, payload)
        except (exceptions.BrainCorruptError, exceptions.BrainValueError):
            refused += 1
        else:
            assert name == "numpy.dtype" or result.nbytes <= 64
    assert refused


@pytest.mark.parametrize(
    "name, payload",
    [
        ("numpy.ndarray", [F8, [2], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [F8, [2**61], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [F8, [-1], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [["|O", None, 8, None], [1], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [["|V8", "[('a', '|O')]", 8, None], [1], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [["<f8", None, 4, None], [2], "C", memoryview(b"\0" * 8)]),
        ("numpy.ndarray", [F8, [1], "C", memoryview(b"\0" * 8), int]),
        ("numpy.generic", [F8, b"\0" * 7]),
        ("numpy.generic", [["|O", None, 8, None], b"\0" * 8]),
        ("numpy.ndarray.object", [[3], "C", ["a"]]),
        ("numpy.ndarray.object", [[-1], "C", ["a"]]),
        ("numpy.ma.MaskedArray", [np.zeros(3), np.zeros(2, bool), None, False]),
        ("numpy.ma.MaskedArray", [np.zeros(3), np.zeros(3), None, False]),
        ("numpy.matrix", np.zeros(3)),
        ("numpy.ndarray.record", np.zeros(3)),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_payloads_that_make_no_sense(name, payload):
    with pytest.raises(exceptions.BrainCorruptError):
        payloads.decode_named(name, payload)
