"""examples/values.c: a C program that reads what Python put, and the other way round."""

import datetime
import subprocess
from pathlib import Path

import numpy as np
import pytest
from brain_plasma import Brain
from raw_values import ARROW, TREE, RawStore, tree

PROGRAM = Path(__file__).parents[2] / "build" / "test" / "tests" / "values"


@pytest.fixture
def brain(path):
    with Brain(path, capacity=64_000_000, pickle=False) as brain:
        yield brain


@pytest.fixture
def values(path):
    """A function that runs the program on the test's store, and gives what it printed."""
    if not PROGRAM.exists():
        pytest.skip("no examples/values.c in build/test: ./run build")

    def run(*arguments, code=0):
        done = subprocess.run([PROGRAM, path, *arguments], capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    return run


@pytest.fixture
def tables(brain, values):
    """The same, where the program was built with nanoarrow."""
    if "it takes nanoarrow" in values("write"):
        pytest.skip("examples/values.c was built without nanoarrow, which pkg-config does not find")
    return values


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (-5, "int -5"),
        (2**100, "int of 13 bytes"),
        (1.5, "float 1.5"),
        ("naïve", "str naïve"),
        (b"abc", "3 bytes"),
        (None, "a value of kind 1, which is not shown"),
        (np.arange(12.0).reshape(3, 4), "tensor <f8 (3, 4), sum 66"),
        (np.asfortranarray(np.arange(12.0).reshape(3, 4)), "tensor <f8 (3, 4), sum 66"),
        (np.arange(5, dtype="i8"), "tensor <i8 (5), sum 10"),
        (np.array(1.5, "f4"), "tensor <f4 (), sum 1.5"),
        (np.array([1, 255], "u1"), "tensor |u1 (2), sum 256"),
        (np.zeros((0, 3)), "tensor <f8 (0, 3), sum 0"),
        (np.array(["a"]), "tensor <U1 (1)"),
    ],
)
def test_c_reads_numbers_text_and_tensors(brain, values, value, printed):
    brain["x"] = value
    assert values("read", "x") == f"x: {printed}\n"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ({"a": 1, "b": "text", "c": 1.5}, '{"a": 1, "b": "text", "c": 1.5}'),
        ([None, True, False, [], {}], "[null, true, false, [], {}]"),
        (
            [0, 23, 24, 255, 256, 65536, 2**32, 2**64 - 1, -1, -(2**64)],
            "[0, 23, 24, 255, 256, 65536, 4294967296, 18446744073709551615, -1, -18446744073709551616]",
        ),
        ({"run": b"xyz", 2: "y" * 100}, '{"run": <3 bytes>, 2: "' + "y" * 100 + '"}'),
        ([(1, 2)], "[47616([1, 2])]"),
        ([b"x" * 5000], "[<5000 bytes at 64>]"),
        (datetime.date(2024, 2, 29), '47623(["datetime.date", "2024-02-29"])'),
    ],
)
def test_c_reads_containers(brain, values, value, printed):
    brain["x"] = value
    assert values("read", "x") == f"x: {printed}\n"


@pytest.mark.parametrize(
    "stream",
    ["", "81", "62 61", "1b 0000", "bf", "1c", "e0", "f97e00", "bbffffffffffffffff 01", "d9ba08 05", "0101"],
)
def test_c_refuses_containers_that_make_no_sense(brain, values, path, stream):
    raw = RawStore(path)
    raw.put("x", TREE, tree(stream))
    raw.put("deep", TREE, tree("81" * 5000 + "01"))
    raw.put("short", TREE, tree("01")[:15])
    raw.close()
    for name in ("x", "deep", "short"):
        assert "values: " in values("read", name, code=1)


def test_python_reads_what_c_wrote(brain, values):
    values("write")
    assert (brain["c:int"], brain["c:float"], brain["c:str"]) == (-5, 1.5, "text of C")
    array = brain["c:tensor"]
    assert array.dtype == "f8"
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_c_reads_tables(brain, tables):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"a": [1, None, 3], "b": ["x", "y", None], "c": [1.5, 2.5, 3.5]})
    brain["x"] = pa.concat_tables([table, table.slice(1, 1)])
    lines = tables("read", "x").splitlines()
    assert lines[0] == "x: table struct<a: int64, b: string, c: double>"
    assert lines[1:] == ["  3 rows, sum of a: 4, sum of c: 7.5", "  1 rows, sum of a: 0, sum of c: 2.5"]


def test_python_reads_a_table_that_c_wrote(brain, tables):
    pa = pytest.importorskip("pyarrow")
    expected = pa.table({"number": [0, 1, 2], "word": ["zero", None, "two"]})
    assert brain["c:table"].equals(expected)
    assert tables("read", "c:table").splitlines()[1] == "  3 rows, sum of number: 3"


def test_c_refuses_a_table_that_makes_no_sense(brain, tables, path):
    raw = RawStore(path)
    raw.put("x", ARROW, b"\xff\xff\xff\xff\x10\0\0\0" + bytes(16))
    raw.close()
    assert "values: " in tables("read", "x", code=1)


def test_c_without_nanoarrow_says_so(brain, values):
    pa = pytest.importorskip("pyarrow")
    if "it takes nanoarrow" not in values("write"):
        pytest.skip("examples/values.c was built with nanoarrow")
    brain["x"] = pa.table({"a": [1]})
    assert "it takes nanoarrow to read; they begin with ff ff ff ff" in values("read", "x")
