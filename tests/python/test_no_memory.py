"""Python has no memory for one of its objects: each time another one, in each operation with each form of value.

It is an error that says so, what was there stays, and nothing of it is kept. Each case runs in a child, since what
might happen instead is the end of the process.
"""

import datetime
import decimal
import gc
import itertools
import sys

import numpy as np
import pytest
from brain_plasma import Brain, BrainError, exceptions
from children import in_child

_testcapi = pytest.importorskip("_testcapi")  # which not every CPython comes with
if not hasattr(_testcapi, "set_nomemory"):
    pytest.skip("this CPython cannot be made to fail", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

IN_A_ROW = 25  # so many that go well are the end: not each failure shows, since some have another way


class Thing:
    def __init__(self, parts):
        self.parts = parts

    def __eq__(self, other):
        return type(other) is Thing and same(self.parts, other.parts)


# Not here: tables, arrays with fields, and arrays in pickles. pyarrow and NumPy end the process themselves where
# there is no memory.
VALUES = {
    "int": lambda: int("1234567890123"),  # not one that is shared
    "large int": lambda: 1 << 200,
    "str": lambda: "é" * 300,
    "bytes": lambda: b"x" * 5000,
    "array": lambda: np.arange(1000.0),
    "tree": lambda: {
        "a": [1, 2.5, "text", b"bytes", None, True],
        "b": (1, {2, 3}),
        5: datetime.datetime(2020, 1, 2),
        "d": decimal.Decimal("1.5"),
    },
    "tree with arrays": lambda: {"a": np.arange(500.0), "b": [np.arange(3)]},
    "pickle": lambda: Thing([1, "text" * 100]),
}


def same(one, other):
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def put(brain, value):
    brain["x"] = value


def put_new(brain, value):
    brain["new"] = value


def seal(brain, value):
    draft = brain.empty_bytes("new", 3000)
    return draft.seal()


# What it does -> what that gives of a store with {"x": value, "z": "kept"}.
READS = {
    "get": (lambda brain, _: brain["x"], lambda value: value),
    "get with a default": (lambda brain, _: brain.get("x"), lambda value: value),
    "get many": (lambda brain, _: brain.get_many(["x", "z"]), lambda value: {"x": value, "z": "kept"}),
    "names": (lambda brain, _: set(brain.names()), lambda value: {"x", "z"}),
    "iteration": (lambda brain, _: set(brain), lambda value: {"x", "z"}),
    "in": (lambda brain, _: ("x" in brain, "y" in brain, len(brain)), lambda value: (True, False, 2)),
    "items": (lambda brain, _: dict(brain.items()), lambda value: {"x": value, "z": "kept"}),
    "explain": (lambda brain, _: brain.explain("x").name, lambda value: "x"),
    "ref": (lambda brain, _: brain.ref("x").value, lambda value: value),
    "metadata": (lambda brain, _: brain.metadata("x")["name"], lambda value: "x"),
    "ids": (lambda brain, _: len(brain.ids()), lambda value: 2),
    "namespaces": (lambda brain, _: brain.namespaces(), lambda value: {"default"}),
    "stat": (lambda brain, _: brain.stat()["n_objects"], lambda value: 2),
    "check": (lambda brain, _: brain.check(), lambda value: []),
}
CHANGES = {
    "put": put,
    "put of a new name": put_new,
    "learn": lambda brain, value: brain.learn("x", value, "words"),
    "set many": lambda brain, value: brain.set_many({"x": value, "y": value}),
    "set default": lambda brain, value: brain.setdefault("new", value),
    "replace if": lambda brain, value: brain.replace_if("x", value, brain.version("x")),
    "seal": seal,
    "pop": lambda brain, value: brain.pop("x"),
    "forget": lambda brain, value: brain.forget("x", missing_ok=False),
}


def fail(number, operation, *arguments):
    """Call it while allocation `number` fails, from 0 on: what it returned, and what it raised."""
    result = error = None
    _testcapi.set_nomemory(number, number + 1)
    try:
        result = operation(*arguments)
    except BaseException as caught:
        error = caught
    finally:
        _testcapi.remove_mem_hooks()
    return result, error


def check_error(error):
    """A MemoryError; or one of ours that came of an error of Python's for want of memory: it does not always set
    one."""
    if isinstance(error, BrainError) and not isinstance(error, MemoryError):
        assert not isinstance(error, exceptions.BrainCorruptError), error
        assert isinstance(error.__cause__, (MemoryError, SystemError)), error
    else:
        assert isinstance(error, (MemoryError, SystemError)), repr(error)


def fresh(brain, make):
    brain["x"], brain["z"] = make(), "kept"
    for name in brain.names():
        if name not in ("x", "z"):
            del brain[name]
    return make(), brain.used()


def each_allocation(path, make, operation, wanted):
    """Let each of them fail in turn."""
    sys.unraisablehook = sys.__unraisablehook__  # that of pytest keeps what it is told of, frames included
    row = 0
    with Brain(path, capacity=20_000_000) as brain:
        for _ in range(300):  # versions that are no ints that Python has already
            brain["z"] = "kept"
        for number in itertools.count():
            if row == IN_A_ROW:
                break
            value, used = fresh(brain, make)
            references = sys.getrefcount(value)
            version = brain.version("x")
            result, error = fail(number, operation, brain, value)
            row = row + 1 if error is None else 0
            if error is None:
                assert wanted is None or same(result, wanted(value)), (number, result)
            else:
                check_error(error)
                error = None
                gc.collect()
                assert same(brain["x"], value) and brain.version("x") == version
                assert sorted(brain.names()) == ["x", "z"] and brain.used() == used
            result = None
            assert sys.getrefcount(value) == references, number
        value = None
        gc.collect()
        stat = brain.stat()
        assert stat["n_pins"] == stat["private_bytes"] == 0
        assert brain.check() == []


# CPython 3.12.1 and 3.13.0 end the process where there is no memory for a function that has variables of another,
# sooner or later (a loop that does nothing but make such functions shows it). These do, in Python.
MAKE_CLOSURES = {"explain", "metadata"}
CLOSURES_END_US = sys.version_info >= (3, 12)


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("what", READS)
def test_a_read_without_memory_says_so(path, what, value):
    if what in MAKE_CLOSURES and CLOSURES_END_US:
        pytest.skip("this CPython ends the process where there is no memory for a closure")
    in_child(lambda: each_allocation(path, VALUES[value], *READS[what]))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("what", CHANGES)
def test_a_change_without_memory_changes_nothing(path, what, value):
    in_child(lambda: each_allocation(path, VALUES[value], CHANGES[what], None))


def test_an_array_is_none_of_a_damaged_store_for_want_of_memory(path):
    def recall():
        for number in range(60):
            dtype = np.dtype(f"S{number + 1}")  # which was not made from its text yet
            with Brain(path) as brain:
                brain["x"] = np.zeros(3, dtype)
                _, error = fail(number % 20, brain.__getitem__, "x")
                assert error is None or isinstance(error, MemoryError), repr(error)

    in_child(recall)


@pytest.mark.skipif(CLOSURES_END_US, reason="the text of a dtype is made with closures")
def test_what_is_known_of_a_type_is_not_that_there_was_no_memory(path):
    def put_each():
        with Brain(path, pickle=False) as brain:
            for number in range(60):
                dtype = np.dtype(f"V{number + 1}")  # which nothing is known of yet
                fail(number, brain.__setitem__, "x", np.zeros(3, dtype))
                brain["x"] = np.zeros(3, dtype)
                assert brain.explain("x").kind == "tensor", number

    in_child(put_each)
