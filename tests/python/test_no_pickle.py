"""Stores in which pickles are refused: what is stored, what is not, and what hostile values do."""

import os
import re
import struct
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from pathlib import Path

import brain_plasma
import numpy as np
import pytest
from brain_plasma import Brain, codecs, exceptions
from raw_values import ARROW, PICKLE, RawStore

FUZZ = Path(__file__).parents[1] / "fuzz"
sys.path.append(str(FUZZ))
import sound_values  # noqa: E402

TENSOR = 8
ADDRESS = re.compile(r" at 0x[0-9a-f]+")


@pytest.fixture
def brain(path):
    with Brain(path, capacity=64_000_000, pickle=False) as brain:
        yield brain


@pytest.fixture
def raw(brain, path):
    store = RawStore(path)
    yield store
    store.close()


class Bad:
    """What only a pickle can hold."""

    def __repr__(self):
        return "Bad()"


class Model:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


@pytest.fixture
def registered(monkeypatch):
    """A function that registers Model."""
    for name in ("_registered", "_registered_names", "encoders", "decoders", "_found", "_found_in_pickles"):
        monkeypatch.setattr(codecs, name, getattr(codecs, name).copy())

    def register(encode=vars, **options):
        brain_plasma.register(Model, encode, lambda state: Model(**state), name="test.Model", **options)

    return register


# ---- what is stored -----------------------------------------------------------------------------


def text(value):
    """What can be compared of any value, to the types of its parts."""
    if type(value) is memoryview or type(value).__name__ == "View":
        return bytes(value)
    if isinstance(value, (list, tuple)) and not any(part is value for part in value):
        return type(value), [text(part) for part in value]
    if type(value).__name__ == "Buffer":
        return value.to_pybytes()
    return type(value), ADDRESS.sub("", repr(value))


@pytest.mark.parametrize("name", sound_values.all_values())
def test_it_is_stored_without_a_pickle(brain, raw, name):
    value = sound_values.all_values()[name]
    brain["x"] = value
    assert raw.whole("x")[0] != PICKLE
    assert text(brain["x"]) == text(value)


def test_columns_of_plain_objects(brain):
    pd = pytest.importorskip("pandas")
    for value in (
        pd.Series(["x", 1, None, (2, b"y")], dtype=object),
        pd.DataFrame({"a": [1, 2], "b": pd.Series([1.5, "x"], dtype=object)}),
        pd.Index(["a", 1], dtype=object),
        pd.DataFrame([[1, 2]], columns=["a", 1]),
    ):
        brain["x"] = [value]
        assert brain["x"][0].equals(value)


def test_one_store_for_who_trusts_and_who_does_not(brain, path):
    with Brain(path, pickle=True) as trusting:
        trusting["pickled"] = [1, Bad()]
        trusting["plain"] = [1, 2]
        assert brain["plain"] == [1, 2]
        for get in (brain.__getitem__, brain.get, brain.pop, lambda name: brain.get_many([name])):
            with pytest.raises(exceptions.BrainPickleError, match="'pickled' is stored as a pickle"):
                get("pickled")
        assert isinstance(trusting["pickled"][1], Bad)


def test_a_store_that_others_can_write(path):
    with Brain(path, capacity=1_000_000, mode=0o660, group=os.getgid()) as brain:
        brain["x"] = {"a": np.arange(3)}
        assert brain["x"]["a"].sum() == 3
        with pytest.raises(exceptions.BrainPickleError, match=r"value\['model'\] is of .*Bad"):
            brain["x"] = {"model": Bad()}
        assert brain["x"]["a"].sum() == 3
    with Brain(path, pickle=True) as brain:
        brain["x"] = {"model": Bad()}


# ---- what is refused, and which part of it ------------------------------------------------------


def refused_values():
    import pandas as pd

    frame = pd.DataFrame({"a": [1, 2], "b": pd.Series([1, Bad()], dtype=object)})
    with_attrs = pd.DataFrame({"a": [1]})
    with_attrs.attrs["why"] = {"x": Bad()}
    twice = pd.DataFrame([[1, Bad()]], columns=["a", "a"])
    labelled = pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_arrays([[1], [Bad()]]))
    aligned = np.dtype({"names": ["a", "b"], "formats": ["i1", "i8"]}, align=True)
    holds_itself = OrderedDict()
    holds_itself["a"] = [holds_itself]
    return {
        "it": (Bad(), "a value of <class '.*Bad'>"),
        "a subclass": (type("Sub", (dict,), {})(a=1), "a value of <class '.*Sub'>"),
        "nested": ([1, ({"model": Bad()},)], r"value\[1\]\[0\]\['model'\] is of .*Bad"),
        "a function": ({"f": [len]}, r"value\['f'\]\[0\] is of .*builtin_function"),
        "a key": ({(1, Bad()): 1}, r"value \(key \(1, Bad\(\)\)\)\[1\] is of .*Bad"),
        "an element": ([{Bad()}], r"value\[0\] \(element Bad\(\)\) is of .*Bad"),
        "an ordered dict": (OrderedDict(a=1, b=[Bad()]), r"value\['b'\]\[0\] is of .*Bad"),
        "an array": ({"a": np.array([1, Bad()], object)}, r"value\['a'\]\[1\] is of .*Bad"),
        "a masked array": (np.ma.array([1, Bad()], dtype=object), r"value\[1\] is of .*Bad"),
        "a frame": ({"f": frame}, r"value\['f'\]\['b'\]\[1\] is of .*Bad"),
        "a series": ([frame["b"]], r"value\[0\]\[1\] is of .*Bad"),
        "an index": ([pd.Index([1, Bad()], dtype=object)], r"value\[0\]\[1\] is of .*Bad"),
        "attributes of a frame": (with_attrs, r"value\.attrs\['why'\]\['x'\] is of .*Bad"),
        "categories": (pd.Categorical([Bad()]), r"value\[0\] is of .*Bad"),
        "labels of rows": ({"f": labelled}, r"value\['f'\]\.index\[0\]\[1\] is of .*Bad"),
        "labels of a series": (labelled["a"], r"value\.index\[0\]\[1\] is of .*Bad"),
        "labels of columns": (pd.DataFrame([[1]], columns=[Bad()]), r"value\.columns\[0\] is of .*Bad"),
        "columns of one name": ([twice], r"value\[0\]\.iloc\[:, 1\]\[0\] is of .*Bad"),
        "the name of a series": (pd.Series([1], name=Bad()), r"value\.name is of .*Bad"),
        "a field": ([np.array([(1, Bad())], "i4, O")], r"value\[0\]\['f1'\]\[0\] is of .*Bad"),
        "a dtype": ({"a": np.zeros(2, aligned)}, r"value\['a'\]\.dtype is of .*VoidDType.*align=True"),
        "an array of a dtype": (
            np.zeros(2, np.dtype("i4", metadata={"a": 1})),
            "a value of .*numpy.ndarray.* with dtype.*metadata",
        ),
        "a slice": ([slice(1, Bad())], r"value\[0\]\.stop is of .*Bad"),
        "a deque": (deque([1, Bad()]), r"value\[1\] is of .*Bad"),
        "what holds itself": ([holds_itself], r"value\[0\].* is of .*"),
    }


@pytest.mark.parametrize("name", refused_values())
def test_the_error_names_the_part(brain, name):
    value, message = refused_values()[name]
    for put in (lambda: brain.__setitem__("x", value), lambda: brain.set_many({"x": value})):
        with pytest.raises(exceptions.BrainPickleError, match=f"'x' cannot be stored: {message}") as caught:
            put()
        assert "pickle=True" in str(caught.value)
    assert "x" not in brain


def test_a_column_of_polars(brain):
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1], "b": pl.Series([1], dtype=pl.Int128)})
    with pytest.raises(exceptions.BrainPickleError, match=r"value\['f'\]\['b'\] is of .*Series.* with dtype Int128"):
        brain["x"] = {"f": frame}


def test_the_error_says_how_a_class_of_the_users_can_be_stored(brain):
    with pytest.raises(exceptions.BrainPickleError, match=r"brain_plasma\.register\(Bad, encode, decode") as caught:
        brain["x"] = {"model": Bad()}
    assert "pickle=True" in str(caught.value)
    for value in (len, np.zeros(2, np.dtype("i4", metadata={"a": 1})), iter([])):
        with pytest.raises(exceptions.BrainPickleError) as caught:
            brain["x"] = [value]
        assert "register" not in str(caught.value)


def test_what_an_encoder_returned_that_cannot_be_stored(brain, registered):
    registered(encode=lambda model: [1, [Bad()]])
    with pytest.raises(exceptions.BrainPickleError, match=r"value\['m'\], of what encode\(\) returns, \[1\]\[0\] is of"):
        brain["x"] = {"m": Model()}


def test_a_value_that_is_only_explained_has_no_name(brain, path):
    for explain in (brain.explain_value, lambda value: brain.explain_value([value])):
        with pytest.raises(exceptions.BrainPickleError, match="^the value cannot be stored: "):
            explain(Bad())
    with Brain(path, pickle=True) as trusting:
        with pytest.raises(exceptions.BrainValueTypeError, match="^the value cannot be stored: value.*_thread.lock"):
            trusting.explain_value([threading.Lock()])


def test_a_part_of_an_object_of_a_registered_class(brain, registered):
    registered()
    with pytest.raises(exceptions.BrainPickleError, match=r"value\['model'\]\.x is of .*Bad"):
        brain["x"] = {"model": Model(n=1, x=Bad())}
    with pytest.raises(exceptions.BrainPickleError, match=r"value\['model'\]\.x\[1\]\.y\['z'\] is of .*Bad"):
        brain["x"] = {"model": Model(x=[1, Model(y={"z": Bad()})])}


def test_objects_of_a_registered_class(brain, path, registered):
    registered()
    brain["x"] = [Model(a=1)]
    with pytest.raises(exceptions.BrainPickleError, match="'x' .*test.Model.*untrusted=True"):
        brain["x"]
    with Brain(path, pickle=True) as trusting:
        assert trusting["x"][0].a == 1
    registered(untrusted=True)
    assert brain["x"][0].a == 1


# ---- what hostile values do ---------------------------------------------------------------------


def test_text_in_records_that_is_none(brain, raw):
    """NumPy dies of hash() of such an element."""
    for dtype in (
        [("a", "i4"), ("b", "U2")],
        [("a", "i4"), ("b", "U2", (2,))],
        [("a", "i1"), ("b", [("c", "U1"), ("d", ">U1")])],
    ):
        array = np.zeros(200_001, dtype)
        brain["sound"] = array
        brain["tree"] = [array]
        kind, data, meta = raw.whole("sound")
        brain["sound"]
        raw.put("x", TENSOR, data[:-4] + b"\xff\xff\xff\xff", meta)
        with pytest.raises(exceptions.BrainCorruptError, match="the text of an array"):
            brain["x"]
        kind, data, meta = raw.whole("tree")
        raw.put("x", kind, data[:-4] + b"\xff\xff\xff\xff", meta)
        with pytest.raises(exceptions.BrainCorruptError, match="the text of an array"):
            brain["x"]


def arrow_stream(table):
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def views(view, nested):
    """A table with a null view that is `view`, which no library makes."""
    import pyarrow as pa

    good = struct.pack("<i12s", 1, b"a") + view + struct.pack("<i4sii", 20, b"cccc", 0, 0)
    try:
        array = pa.Array.from_buffers(
            pa.string_view(), 3, [pa.py_buffer(b"\5"), pa.py_buffer(good), pa.py_buffer(b"c" * 20)]
        )
    except (ValueError, AttributeError):
        pytest.skip("this pyarrow makes no views of buffers")
    if nested:
        array = pa.StructArray.from_arrays([array], ["a"])
        array = pa.LargeListArray.from_arrays(pa.array([0, 1, 3], pa.int64()), array)
    return pa.table({"a": array})


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize(
    ("view", "is_sound"),
    [
        (struct.pack("<iiii", 2**31 - 1, 0, 0, 0), False),
        (struct.pack("<iiii", 20, 0, 0, 1), False),
        (struct.pack("<iiii", 20, 0, 1, 0), False),
        (struct.pack("<iiii", -1, 0, 0, 0), False),
        (bytes(16), True),
        (struct.pack("<i4sii", 20, b"cccc", 0, 0), True),
    ],
)
def test_null_views_of_what_is_not_there(brain, raw, view, is_sound, nested):
    """Polars reads the bytes of null views as well."""
    pl = pytest.importorskip("polars")
    brain["sound"] = pl.DataFrame({"a": [1]})
    meta = raw.whole("sound")[2]
    raw.put("x", ARROW, arrow_stream(views(view, nested)), meta)
    if is_sound:
        assert brain["x"].height == (2 if nested else 3)
    else:
        with pytest.raises(exceptions.BrainCorruptError, match="where it is null"):
            brain["x"]


def test_null_views_where_arrow_makes_none(monkeypatch):
    """As pyarrow 18 does not."""
    pytest.importorskip("polars")
    from brain_plasma.codecs import arrow_views

    array = views(struct.pack("<iiii", 20, 0, 0, 1), False)["a"].chunk(0)
    sound = views(struct.pack("<iiii", 20, 0, 0, 0), False)["a"].chunk(0)
    buffers = sound.buffers()
    arrow_views._check_each(buffers[1], buffers[2:])
    buffers = array.buffers()
    with pytest.raises(exceptions.BrainCorruptError, match="where it is null"):
        arrow_views._check_each(buffers[1], buffers[2:])


@pytest.mark.parametrize(
    "descr",
    ["(" * 60_000, "[" * 60_000, "-" * 60_000 + "1", "1+" * 30_000 + "1", "a" + ".a" * 30_000, "9" * 60_000],
)
def test_descriptions_of_types_that_are_large(raw, path, descr):
    """In another process: the parser of Python may end it."""
    meta = struct.pack("<BBBBIQQ", 1, 0, 1, 4, len(descr), 12, 1) + b"|V12" + descr.encode()
    raw.put("x", TENSOR, bytes(12), meta)
    code = f"import brain_plasma\nbrain = brain_plasma.Brain({path!r}, pickle=False)\n"
    code += "try:\n    brain['x']\nexcept Exception as error:\n    print(type(error).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("BrainCorruptError", "BrainValueError", "MemoryError"), done.stdout


def test_values_that_were_changed():
    """tests/fuzz/fuzz_values.py, short: `./run prove values` is its long form."""
    done = subprocess.run(
        [sys.executable, "-P", str(FUZZ / "fuzz_values.py"), "--seed", "1", "--cases", "4000"],
        capture_output=True,
        text=True,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert " 0 deaths, 0 wrong" in done.stdout


def test_inputs_of_the_fuzzer():
    """tests/fuzz/recall_fuzzer.py, over its corpus; `./run prove fuzz` mutates that."""
    done = subprocess.run(
        [sys.executable, "-P", str(FUZZ / "recall_fuzzer.py"), "--replay"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert done.stdout.splitlines()[-1].split()[0] != "0"
