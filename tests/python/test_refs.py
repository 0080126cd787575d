"""References: brain.ref() and what comes of it in another process."""

import array
import concurrent.futures
import copy
import dataclasses
import gc
import importlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from looked_into import private_bytes

from brain_plasma import (
    Brain,
    BrainNameNotExistError,
    BrainReferenceError,
    BrainValueError,
    BrainValueTypeError,
    codecs,
    plasma,
)


def total(ref):
    return float(ref.value.sum())


def test_a_ref_has_the_value(brain):
    brain["x"] = np.arange(1000.0)
    ref = brain.ref("x")
    assert np.array_equal(ref.value, np.arange(1000.0))
    assert ref.name == "x" and ref.version == brain.version("x")
    assert "'x'" in repr(ref) and brain.path in repr(ref)


@pytest.mark.parametrize("value", [5, "text", b"bytes", None, {"a": [1, np.arange(10)]}])
def test_any_value_can_be_referred_to(brain, value):
    brain["x"] = value
    again = pickle.loads(pickle.dumps(brain.ref("x")))
    assert repr(again.value) == repr(value)


def test_a_ref_pickles_without_the_bytes(brain):
    brain["x"] = np.zeros(1_000_000)
    ref = brain.ref("x")
    stream = pickle.dumps(ref)
    assert len(stream) < 1000
    again = pickle.loads(stream)
    assert again == ref and hash(again) == hash(ref)
    assert again.value.ctypes.data == ref.value.ctypes.data


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_goes_to_the_workers_of_a_pool(brain, method):
    brain["x"] = np.ones(100_000)
    refs = [brain.ref("x")] * 8
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(total, refs)) == [100_000.0] * 8


def test_the_version_stays_as_long_as_the_ref(brain):
    brain["x"] = {"a": np.ones(100_000), "b": 5}
    ref = brain.ref("x")
    brain["x"] = np.zeros(100_000)
    assert ref.value["a"].all()
    del brain["x"]
    for _ in range(10):
        brain["y"] = {"a": np.zeros(100_000)}
        assert ref.value["a"].all()
    first, second = ref.value, ref.value
    del ref
    brain["y"] = 5
    brain.trim()
    assert first["a"].all() and second["a"].all()
    del first
    assert second["a"].all()


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_replaced_before_it_came_is_gone(brain, kept):
    brain["x"] = np.ones(100_000)
    ref = brain.ref("x")
    stream = pickle.dumps(ref)
    if not kept:
        del ref
    brain["x"] = np.zeros(100_000)
    gc.collect()
    came = pickle.loads(stream)  # does not raise: a pool would wait for a worker that ended
    with pytest.raises(BrainReferenceError, match="'x'.*another value"):
        came.value  # noqa: B018


def test_one_that_came_keeps_the_value(brain):
    brain["x"] = np.ones(100_000)
    ref = brain.ref("x")
    came = pickle.loads(pickle.dumps(ref))
    del ref, brain["x"]
    assert came.value.all()


def test_an_array_can_be_referred_to_without_its_name(brain):
    brain["x"] = np.arange(12.0).reshape(3, 4)
    array = brain["x"]
    assert np.array_equal(pickle.loads(pickle.dumps(brain.ref(array))).value, array)


def test_only_a_whole_array_can(brain, new_path):
    brain["x"] = np.arange(12.0).reshape(3, 4)
    brain["parts"] = {"a": np.arange(12.0)}
    array = brain["x"]
    for part in (array[1:], array.T, array.view("i8"), brain["parts"]["a"]):
        with pytest.raises(BrainValueError, match="give the name"):
            brain.ref(part)
    with Brain(path=new_path()) as other, pytest.raises(BrainValueError, match="another store"):
        other.ref(array)
        other.destroy()


def test_wrong_arguments(brain):
    with pytest.raises(BrainNameNotExistError):
        brain.ref("missing")
    with pytest.raises(BrainNameNotExistError):
        brain.ref("missing", namespace="elsewhere")
    for wrong in (5, None, np.arange(5), b"x", [1], threading.Lock()):
        with pytest.raises(BrainValueError, match=f"{type(wrong).__name__}.*[Gg]ive the name"):
            brain.ref(wrong)


def test_in_a_namespace(brain):
    brain.learn("x", 7, namespace="elsewhere")
    assert pickle.loads(pickle.dumps(brain.ref("x", namespace="elsewhere"))).value == 7


def test_in_a_process_that_has_not_the_store_open(brain):
    brain["x"] = np.arange(10)
    ref = brain.ref("x")
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).value.sum())"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(ref), capture_output=True, check=True
    )
    assert done.stdout == b"45\n"


def test_it_outlives_its_brain(path):
    with Brain(path=path) as brain:
        brain["x"] = np.ones(10)
        stream, ref = pickle.dumps(brain.ref("x")), brain.ref("x")
    came = pickle.loads(stream)
    assert came.value.all()
    del came, ref


def test_it_pickles_after_its_brain_is_closed(path):
    with Brain(path) as brain:
        brain["x"] = np.ones(10)
        ref = brain.ref("x")
    assert pickle.loads(pickle.dumps(ref)).value.all()
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert pool.submit(total, ref).result() == 10.0


def test_a_copy_of_one_is_itself(brain):
    brain["x"] = np.ones(10)
    ref = brain.ref("x")
    brain["x"] = 5
    for made in (copy.copy(ref), copy.deepcopy(ref), copy.deepcopy([ref])[0]):
        assert made is ref and made.value.all()


# ---- after the end of the store -----------------------------------------------------------------


def test_one_that_comes_after_its_store_makes_none(path):
    brain = Brain(path, capacity=5_000_000)
    brain["x"] = 5
    ref = brain.ref("x")
    sent = pickle.dumps(ref)
    brain.destroy()
    assert ref.value == 5
    came = pickle.loads(sent)
    assert not os.path.lexists(path)
    with pytest.raises(BrainReferenceError, match=f"the store '{path}' was gone"):
        came.value  # noqa: B018
    assert came == ref and path in repr(came)
    assert pickle.loads(pickle.dumps(came)) == ref and not os.path.lexists(path)


def test_a_store_that_was_made_anew_is_another(path):
    brain = Brain(path)
    brain["x"] = 5
    sent = pickle.dumps(brain.ref("x"))
    there = pickle.loads(sent)
    brain.destroy()
    with Brain(path) as again:
        again["x"] = 6
        with pytest.raises(BrainReferenceError, match="'x'"):
            pickle.loads(sent).value  # noqa: B018
        assert pickle.loads(pickle.dumps(again.ref("x"))).value == 6
        assert there.value == 5


def test_one_that_comes_restores_nothing(path, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path))
    brain = Brain(path, restore=True)
    brain["x"] = 5
    brain.dump()
    sent = pickle.dumps(brain.ref("x"))
    brain.destroy()
    with Brain(path) as again:
        with pytest.raises(BrainReferenceError):
            pickle.loads(sent).value  # noqa: B018
        assert again.names() == []


def test_a_pool_is_told_of_a_store_that_was_gone(path):
    brain = Brain(path)
    brain["x"] = np.ones(1000)
    ref = brain.ref("x")
    brain.destroy()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        with pytest.raises(BrainReferenceError, match="the store .* was gone"):
            pool.map(total, [ref])
    assert not os.path.lexists(path)


def test_a_pool_is_told_of_a_value_that_was_gone(brain):
    brain["x"] = np.ones(1000)
    ref = brain.ref("x")
    brain["x"] = 5
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(BrainReferenceError):
        pool.map(total, [ref])


# ---- to recalled values -------------------------------------------------------------------------

N = 1000


@dataclasses.dataclass
class Box:
    """Of a class of somebody: pickled."""

    content: object
    label: str = "a box"


def numbers():
    return np.arange(N)


def words():
    return [f"word {i % 7}" for i in range(N)]


def frame():
    pd = pytest.importorskip("pandas")
    dates = pd.date_range("2020", periods=N, tz="Europe/Berlin")
    made = pd.DataFrame(
        {
            "i": numbers(),
            "j": numbers() * 2,
            "f": numbers() / 2,
            "o": pd.Series([*words()[1:], None], dtype=object),
            "c": pd.Categorical(words()),
            "d": dates,
            "m": pd.array([1, None] * (N // 2), dtype="Int64"),
        },
        index=pd.Index(numbers() * 3, name="key"),
    )
    made.attrs["source"] = "here"
    return made


def table():
    pa = pytest.importorskip("pyarrow")
    columns = {
        "i": numbers(),
        "s": words(),
        "d": pa.array(words()).dictionary_encode(),
        "l": [[i % 2 == 0, True] if i % 3 else None for i in range(N)],
        "r": [{"a": i, "b": str(i)} for i in range(N)],
        "m": pa.array([[("k", i)] for i in range(N)], pa.map_(pa.string(), pa.int64())),
        "b": [i % 2 == 0 for i in range(N)],
        "n": pa.nulls(N),
        "u": pa.array([[word] for word in words()], pa.list_(pa.dictionary(pa.int32(), pa.string()))),
    }
    return pa.table(columns).replace_schema_metadata({"source": "here"})


def polars_frame():
    pl = pytest.importorskip("polars")
    columns = {"i": numbers(), "s": words(), "c": pl.Series(words(), dtype=pl.Categorical)}
    return pl.DataFrame({**columns, "l": [[i] for i in range(N)], "r": [{"a": i} for i in range(N)]})


def sparse(format):
    scipy_sparse = pytest.importorskip("scipy.sparse")
    return scipy_sparse.random(N, 50, 0.2, format=format, random_state=1)


def masked():
    return np.ma.masked_array(numbers(), numbers() % 2 == 0)


def library(name):
    return pytest.importorskip(name)


VALUES = {
    "array": numbers,
    "fortran": lambda: np.asfortranarray(numbers().reshape(10, -1)),
    "dates": lambda: np.array(["2020-01-01"] * N, "M8[D]"),
    "record": lambda: np.zeros(N, [("a", "i4"), ("b", "f8")]),
    "masked": masked,
    "frame": frame,
    "series": lambda: frame()["f"].copy(),
    "index": lambda: library("pandas").Index(numbers() * 3),
    "multiindex": lambda: library("pandas").MultiIndex.from_product([range(N), ["a", "b"]]),
    "categorical": lambda: frame()["c"].array.copy(),
    "table": table,
    "batch": lambda: table().combine_chunks().to_batches()[0],
    "arrow array": lambda: library("pyarrow").array(words()),
    "dictionary": lambda: library("pyarrow").array(words()).dictionary_encode(),
    "chunked": lambda: library("pyarrow").chunked_array([words(), words()]),
    "buffer": lambda: library("pyarrow").py_buffer(bytes(range(256))),
    "tensor": lambda: library("pyarrow").Tensor.from_numpy(numbers()),
    "polars frame": polars_frame,
    "polars series": lambda: polars_frame()["s"],
    "csr": lambda: sparse("csr"),
    "coo": lambda: sparse("coo"),
    "memoryview": lambda: memoryview(array.array("d", range(N))),
    "dict": lambda: {"a": numbers(), "b": [numbers()], "set": {1, 20, 300}},
    "dict of tables": lambda: {"table": table(), "frame": frame()},
    "tuple": lambda: ("x", numbers()),
    "pickle": lambda: Box(numbers()),
    "pickle with a table": lambda: Box(table()),
    "pickle with a frame": lambda: [Box(frame()), {"set": {1, 20, 300}}],
}
POLARS = [name for name in VALUES if "polars" in name]


def shown(value):
    """All that is in a value, as text."""
    for method in ("to_pybytes", "toarray", "tobytes"):
        if hasattr(type(value), method):
            return str(getattr(value, method)())
    return str(value)


def shown_there(ref):
    return shown(ref.value)


@pytest.mark.parametrize("name", VALUES)
def test_a_recalled_value_leads_to_its_ref(brain, name):
    brain["x"] = VALUES[name]()
    value = brain["x"]
    ref, again = brain.ref(value), brain.ref(brain["x"])
    assert ref == again == brain.ref("x")
    assert (ref.name, ref.version) == ("x", brain.version("x"))
    assert type(value).__qualname__ in repr(ref)
    stream = pickle.dumps(ref)
    assert len(stream) < 1000
    came = pickle.loads(stream)
    assert type(came.value) is type(value) and shown(came.value) == shown(value)
    assert came == ref and came.type == ref.type


@pytest.mark.parametrize("small", [frame, table, polars_frame])
def test_small_ones_lie_beside_others(brain, small):
    # In a slot of the store and not in pages of their own.
    brain["x"] = small()[:3] if small is not polars_frame else small().select("i")[:3]
    assert brain.ref(brain["x"]) == brain.ref("x")


def test_sets_are_found_equal(brain):
    # Their order is another than that of what was put, and in another process.
    texts = {f"text {i}" for i in range(1000)}
    brain["x"], brain["y"] = {"a": numbers(), "set": texts}, Box([numbers(), texts])
    assert brain.ref(brain["x"]) == brain.ref("x")
    assert brain.ref(brain["y"]) == brain.ref("y")


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_refs_to_values_go_to_the_workers_of_a_pool(brain, method):
    # The threads of Polars do not get along with forks.
    for name in VALUES.keys() - (POLARS if method == "fork" else []):
        brain[name] = VALUES[name]()
    values = [brain[name] for name in brain.keys()]  # noqa: SIM118
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        there = list(pool.map(shown_there, [brain.ref(value) for value in values]))
    assert there == [shown(value) for value in values]


def test_what_a_pool_gets_stays_after_the_name_has_another_value(brain):
    brain["x"] = {"frame": frame()}
    value = brain["x"]
    text, version = shown(value), brain.version("x")
    brain["x"] = 5
    ref = brain.ref(value)
    assert (ref.name, ref.version) == ("x", version)
    del value, brain["x"]
    for _ in range(20):
        brain["y"] = {"frame": frame().iloc[::-1]}
    brain.trim()
    assert shown(ref.value) == text
    with pytest.raises(BrainReferenceError, match=r"'x', a builtins\.dict, in the store"):
        pickle.loads(pickle.dumps(ref)).value  # noqa: B018


def test_in_a_namespace_that_was_removed(brain):
    brain.learn("x", {"a": numbers()}, namespace="elsewhere")
    value = brain.get("x", namespace="elsewhere")
    assert brain.ref(value) == brain.ref("x", namespace="elsewhere")
    brain.remove_namespace("elsewhere")
    assert brain.ref(value).value["a"].sum() == numbers().sum()


def test_a_namespace_is_of_a_name(brain):
    brain["x"] = numbers()
    with pytest.raises(BrainValueTypeError, match="'elsewhere'.*ndarray"):
        brain.ref(brain["x"], namespace="elsewhere")


def test_another_brain_of_the_process_finds_it(brain):
    brain["x"] = {"a": numbers()}
    with Brain(brain.path) as second:
        assert second.ref(brain["x"]) == brain.ref(second["x"])


PARTS = {
    "array, a slice": ("array", lambda value: value[1:]),
    "array, every second": ("array", lambda value: value[::2]),
    "array, another type": ("array", lambda value: value.view("u8")),
    "array, another shape": ("array", lambda value: value.reshape(10, -1)),
    "array, in a list": ("array", lambda value: [value]),
    "masked, a slice": ("masked", lambda value: value[1:]),
    "masked, its data": ("masked", lambda value: value.data),
    "frame, its first rows": ("frame", lambda value: value[:100]),
    "frame, a column": ("frame", lambda value: value["f"]),
    "frame, as an array": ("frame", lambda value: value["f"].to_numpy()),
    "frame, some columns": ("frame", lambda value: value.iloc[:, :2]),
    "frame, its index": ("frame", lambda value: value.index),
    "series, a slice": ("series", lambda value: value[5:]),
    "index, a slice": ("index", lambda value: value[:5]),
    "table, all but one row": ("table", lambda value: value.slice(0, N - 1)),
    "table, but the first": ("table", lambda value: value.slice(1)),
    "table, a column": ("table", lambda value: value.column(0)),
    "table, some columns": ("table", lambda value: value.select(["i", "s"])),
    "table, a batch": ("table", lambda value: value.to_batches()[0]),
    "arrow array, a slice": ("arrow array", lambda value: value[:5]),
    "polars frame, some rows": ("polars frame", lambda value: value.head(5)),
    "polars frame, a column": ("polars frame", lambda value: value["i"]),
    "csr, its data": ("csr", lambda value: value.data),
    "memoryview, a slice": ("memoryview", lambda value: value[1:]),
    "dict, an element": ("dict", lambda value: value["a"]),
    "dict, a list in it": ("dict", lambda value: value["b"]),
    "dict of tables, a table": ("dict of tables", lambda value: value["table"]),
    "pickle, an attribute": ("pickle", lambda value: value.content),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_refused(brain, part):
    name, take = PARTS[part]
    brain["x"] = VALUES[name]()
    with pytest.raises(BrainValueError, match="[Gg]ive the name"):
        brain.ref(take(brain["x"]))


def changed(function):
    """What a function that changes a value makes of it."""

    def change(value):
        function(value)
        return value

    return change


def with_children_moved(value):
    """The same buffers, and in a list the elements one further on: their last byte has bits to spare."""
    pa = importlib.import_module("pyarrow")
    chunk = value["l"].chunk(0)
    moved = pa.Array.from_buffers(
        chunk.type,
        len(chunk),
        chunk.buffers()[:2],
        children=[pa.Array.from_buffers(pa.bool_(), len(chunk.values), chunk.values.buffers(), offset=1)],
    )
    return value.set_column(3, value.schema.field(3), moved)


def with_another_dictionary(value):
    pa = importlib.import_module("pyarrow")
    chunk = value["d"].chunk(0)
    words = pa.array([word.as_py().upper() for word in chunk.dictionary])
    return value.set_column(2, value.schema.field(2), pa.DictionaryArray.from_arrays(chunk.indices, words))


CHANGES = {
    "frame, a new column": ("frame", changed(lambda value: value.insert(0, "new", 1))),
    "frame, a number": ("frame", changed(lambda value: value.__setitem__("i", value["i"].replace(5, 6)))),
    "frame, a text": ("frame", changed(lambda value: value.isetitem(3, ["?", *value["o"][1:]]))),
    "frame, attrs": ("frame", changed(lambda value: value.attrs.update(source="there"))),
    "frame, a label": ("frame", lambda value: value.rename(columns={"i": "k"})),
    "frame, the name of the index": (
        "frame",
        changed(lambda value: value.index.set_names("k", inplace=True)),
    ),
    "frame, the order": ("frame", lambda value: value[["j", "i", "f", "o", "c", "d", "m"]]),
    "series, its name": ("series", lambda value: value.rename("g")),
    "table, a new column": ("table", lambda value: value.append_column("new", [words()])),
    "table, metadata": ("table", lambda value: value.replace_schema_metadata({"source": "there"})),
    "table, elements of a list": ("table", with_children_moved),
    "table, a dictionary": ("table", with_another_dictionary),
    "polars frame, a column": ("polars frame", lambda value: value.with_columns(value["i"] + 1)),
    "polars frame, a name": ("polars frame", lambda value: value.rename({"i": "k"})),
    "dict, a new key": ("dict", changed(lambda value: value.update(c=5))),
    "dict, in a list": ("dict", changed(lambda value: value["b"].append(5))),
    "dict, in a set": ("dict", changed(lambda value: value["set"].add("z"))),
    "dict, an array": ("dict", changed(lambda value: value.update(a=value["a"][::-1]))),
    "pickle, an attribute": ("pickle", changed(lambda value: setattr(value, "label", "another"))),
    "pickle, its table": (
        "pickle with a table",
        changed(lambda value: setattr(value, "content", value.content.slice(1))),
    ),
    "masked, its mask": ("masked", lambda value: np.ma.masked_array(value.data, np.zeros(N, bool))),
    "masked, its fill value": ("masked", changed(lambda value: value.set_fill_value(7))),
    "csr, its shape": ("csr", changed(lambda value: value.resize(N, 51))),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_since_is_refused(brain, change):
    name, make = CHANGES[change]
    brain["x"] = VALUES[name]()
    with pytest.raises(BrainValueError, match=r"'x'.*changed since.*give the name"):
        brain.ref(make(brain["x"]))


def test_a_frame_whose_copy_was_written_is_refused(brain):
    pytest.importorskip("pandas")
    brain["x"] = frame()
    value = brain["x"]
    value.loc[3, "i"] = 99
    assert brain["x"].loc[3, "i"] == 1
    with pytest.raises(BrainValueError, match="changed since"):
        brain.ref(value)


def test_a_shallow_copy_is_the_value_too(brain):
    brain["frame"], brain["dict"], brain["table"] = frame(), VALUES["dict"](), table()
    assert brain.ref(brain["frame"].copy(deep=False)) == brain.ref("frame")
    assert brain.ref(dict(brain["dict"])) == brain.ref("dict")
    assert brain.ref(brain["table"].slice(0)) == brain.ref("table")


@pytest.mark.parametrize("name", ["frame", "table", "polars frame", "dict", "pickle"])
def test_what_is_of_another_store_is_refused(brain, new_path, name):
    brain["x"] = VALUES[name]()
    with Brain(new_path()) as other:
        other["x"] = VALUES[name]()
        with pytest.raises(BrainValueError, match="another store"):
            other.ref(brain["x"])
        other.destroy()


def test_what_is_copied_at_a_recall_needs_its_name(brain):
    brain["x"] = ["a", "b"]
    with pytest.raises(BrainValueError, match="copied when it was recalled"):
        brain.ref(brain["x"])


def test_a_large_table_is_not_copied(brain):
    pa = pytest.importorskip("pyarrow")
    brain["x"] = pa.table({"a": np.arange(4_000_000), "b": np.ones(1_000_000).repeat(4)[:4_000_000]})[
        :3_000_000
    ]
    value = brain["x"]
    brain.ref(value)  # what it imports
    before = private_bytes()
    ref = brain.ref(value)
    there = pickle.loads(pickle.dumps(ref)).value
    assert private_bytes() - before < 4_000_000
    ours, theirs = (it["a"].chunk(0).buffers()[1].address for it in (value, there))
    assert ours == theirs


def test_an_array_in_writable_memory_of_its_own(brain, monkeypatch):
    # As tensors are recalled: the bytes of the store once more, by another address.
    monkeypatch.setitem(codecs.encoders, Box, lambda box: ("test.Box", pickle.PickleBuffer(box.content)))
    monkeypatch.setitem(
        codecs.decoders, "test.Box", lambda view, trusted: Box(np.frombuffer(view._private(), "i8"))
    )
    brain["x"] = Box(numbers())
    value = brain["x"]
    assert brain.ref(value) == brain.ref("x")
    value.content[0] = 7
    with pytest.raises(BrainValueError, match="changed since"):
        brain.ref(value)


def test_plasma_objects_have_ids(brain):
    client = plasma.connect(brain.path)
    value = client.get(client.put(numbers()))
    with pytest.raises(BrainValueError, match="ObjectID"):
        brain.ref(value)
    client.disconnect()


class Closing:
    """Closes the Brain while it is looked at."""

    def __init__(self, content, brain=None):
        self.content, self.brain = content, brain

    def __reduce__(self):
        if self.brain is not None:
            self.brain.close()
        return Closing, (self.content,)


def test_a_brain_that_is_closed_meanwhile(path):
    with Brain(path) as brain, Brain(path) as second:
        brain["x"] = Closing(numbers())
        value = brain["x"]
        value.brain = brain
        ref = brain.ref(value)
        assert brain.closed and ref.value.content.sum() == numbers().sum()
        second.destroy()


def test_without_pickles(path):
    with Brain(path, pickle=False) as brain:
        brain["x"] = {"table": table(), "a": numbers()}
        assert brain.ref(brain["x"]) == brain.ref("x")
        with pytest.raises(BrainValueError, match="could not be stored"):
            brain.ref(Box(numbers()))
        brain.destroy()


def test_a_child_refers_to_what_it_inherited(brain):
    brain["x"] = {"a": numbers()}
    value = brain["x"]
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(False)
    child = context.Process(target=lambda: send.send(brain.ref(value)))
    child.start()
    assert receive.recv() == brain.ref("x")
    child.join()
    assert child.exitcode == 0


def test_a_ref_that_arrives_does_not_make_the_namespace_that_was_current(path):
    with Brain(path) as brain, Brain(path) as other:
        brain.set_namespace("session")
        other["x"] = [1, 2]
        sent = pickle.dumps(brain.ref("x", namespace="default"))
        other.remove_namespace("session")
        assert pickle.loads(sent).value == [1, 2]
        assert other.namespaces() == {"default"}
