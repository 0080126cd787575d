"""What was recalled, of each kind that is shared, stays as it is for as long as any part of it is used.

test_view_lifetime.py has the same for arrays alone, in more detail.
"""

import copy
import dataclasses
import functools
import gc
import itertools
import subprocess
import sys
import threading
import traceback
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from brain_plasma import Brain, exceptions
from children import in_child
from looked_into import Places, buffers, same

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

N = 10_000


@dataclasses.dataclass
class Measured:
    name: str
    values: np.ndarray


def array():
    return np.arange(N)


def frame():
    return pd.DataFrame(
        {
            "a": np.arange(N) / 2,
            "b": np.arange(N),
            "t": np.arange(N).astype("M8[ns]"),
            "s": pd.array([f"text {i}" for i in range(N)], dtype="string[pyarrow]"),
            "k": pd.Categorical.from_codes(np.arange(N) % 2, ["x", "y"]),
        }
    )


def table():
    return pa.table({"a": np.arange(N), "s": [f"text {i}" for i in range(N)]})


def polars_frame():
    return pl.DataFrame({"a": np.arange(N), "s": [f"text {i}" for i in range(N)]})


def csr():
    return sp.csr_array(sp.eye_array(N, format="csr"))


# A kind of value -> what makes one.
KINDS = {
    "array": array,
    "array in a dict": lambda: {"a": [array()], "b": array()},
    "dataclass": lambda: Measured("m", array()),
    "pandas": frame,
    "pyarrow": table,
    "polars": polars_frame,
    "scipy": csr,
}

# The same -> some of its parts, each of which has to keep what it needs.
PARTS = {
    "array": lambda value: [value[5:], value.reshape(100, -1).T, memoryview(value)],
    "array in a dict": lambda value: [value["a"][0], value["b"][::2]],
    "dataclass": lambda value: [value.values, value.values[1:3]],
    "pandas": lambda value: [value["a"], value["s"].array, value[["b", "t"]], value["k"].cat.codes],
    "pyarrow": lambda value: [
        value["a"],
        value["s"].chunk(0)[7:],
        value.slice(3),
        value["s"].chunk(0).buffers()[2],
    ],
    "polars": lambda value: [value["a"], value["s"][5:], value.select("a", "s"), value.slice(3)],
    "scipy": lambda value: [value.data, value.indices[3:], value[5:6], value.T],
}

kinds = pytest.mark.parametrize("kind", KINDS)


def put_other_values(brain):
    """Enough of them to reuse whatever is free."""
    brain.trim()
    for number in range(20):
        brain[f"other {number}"] = np.full(3 * N, -1)


def put_and_recall(brain, kind):
    brain["x"] = KINDS[kind]()
    return brain["x"]


def pins(brain):
    gc.collect()
    return brain.stat()["n_pins"]


# ---- it outlives ---------------------------------------------------------------------------------


def end_of_name(brain):
    del brain["x"]


def replacement(brain):
    brain["x"] = 5


@kinds
@pytest.mark.parametrize("end", [end_of_name, replacement], ids=lambda end: end.__name__)
def test_the_name(brain, kind, end):
    recalled = put_and_recall(brain, kind)
    end(brain)
    put_other_values(brain)
    assert same(recalled, KINDS[kind]())
    del recalled
    assert pins(brain) == 0


@kinds
def test_the_namespace(brain, kind):
    brain.set_namespace("another")
    recalled = put_and_recall(brain, kind)
    brain.remove_namespace()
    put_other_values(brain)
    assert same(recalled, KINDS[kind]())


@kinds
def test_sleep(brain, kind):
    recalled = put_and_recall(brain, kind)
    brain.sleep()
    assert same(recalled, KINDS[kind]())
    brain.wake_up()
    del brain["x"]
    put_other_values(brain)
    assert same(recalled, KINDS[kind]())


@kinds
def test_the_brain_that_is_closed(path, kind):
    with Brain(path, capacity=64_000_000) as brain:
        recalled = put_and_recall(brain, kind)
    with Brain(path) as other:
        del other["x"]
        put_other_values(other)
        assert same(recalled, KINDS[kind]())
        del recalled
        assert pins(other) == 0


@kinds
def test_the_brain_that_is_collected(path, kind):
    brain = Brain(path, capacity=64_000_000)
    recalled = put_and_recall(brain, kind)
    gone = weakref.ref(brain)
    del brain
    gc.collect()
    assert gone() is None
    with Brain(path) as other:
        del other["x"]
        put_other_values(other)
    assert same(recalled, KINDS[kind]())


@kinds
def test_the_store(path, kind):
    brain = Brain(path, capacity=64_000_000)
    recalled = put_and_recall(brain, kind)
    brain.destroy()
    with Brain(path, capacity=64_000_000) as successor:
        put_other_values(successor)
        assert same(recalled, KINDS[kind]())


# ---- in any order --------------------------------------------------------------------------------


def content(part):
    """What a part has in it, as something that does not lie in the store."""
    if isinstance(part, pa.Buffer):
        return part.to_pybytes()
    if isinstance(part, memoryview):
        return part.tobytes()
    return (
        copy.deepcopy(part)
        if not isinstance(part, (pa.Table, pa.Array, pa.ChunkedArray))
        else part.to_pylist()
    )


@kinds
@pytest.mark.parametrize(
    "order", list(itertools.permutations(["value", "parts", "brain", "name"])), ids="-".join
)
def test_things_go_in_any_order(path, kind, order):
    things = {"brain": Brain(path, capacity=64_000_000)}
    things["value"] = put_and_recall(things["brain"], kind)
    things["parts"] = PARTS[kind](things["value"])
    whole, parts = KINDS[kind](), list(map(content, PARTS[kind](KINDS[kind]())))
    with Brain(path) as other:
        for thing in order:
            if thing == "name":
                del other["x"]
                put_other_values(other)
            else:
                del things[thing]
            gc.collect()
            if "value" in things:
                assert same(things["value"], whole)
            if "parts" in things:
                assert same(list(map(content, things["parts"])), parts)
        assert pins(other) == 0


@kinds
def test_a_part_goes_after_another(brain, kind):
    parts = PARTS[kind](put_and_recall(brain, kind))
    expected = list(map(content, PARTS[kind](KINDS[kind]())))
    del brain["x"]
    put_other_values(brain)
    while parts:
        assert same(list(map(content, parts)), expected)
        del parts[0], expected[0]
        gc.collect()
    assert pins(brain) == 0


@kinds
def test_in_a_cycle(brain, kind):
    cycle = [put_and_recall(brain, kind)]
    cycle.append(cycle)
    gone = weakref.ref(type("Thing", (), {"cycle": cycle})())
    assert pins(brain) > 0
    del cycle
    assert gone() is None
    assert pins(brain) == 0


# ---- the end of the interpreter ------------------------------------------------------------------

LIVE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from brain_plasma import Brain
from test_lifetimes import KINDS, PARTS
brain = Brain(path)
values = {{kind: brain[kind] for kind in KINDS}}
parts = [PARTS[kind](values[kind]) for kind in KINDS]
"""
ENDINGS = {
    "in the module": "",
    "in another module": "import json; json.kept = [brain, values, parts]; del brain, values, parts",
    "atexit": """
import atexit
@atexit.register
def last(kept=(values, parts, brain)):
    repr(kept), list(brain), repr(brain['pandas'])
""",
    "thread-local": """
import threading
local = threading.local()
local.kept = values, parts, brain
other = threading.Thread(target=lambda: setattr(local, 'kept', brain['pandas']))
other.start()
other.join()
""",
    "thread that waits": """
import threading
ready = threading.Event()
def wait():
    own = brain['pandas']
    ready.set()
    threading.Event().wait()
threading.Thread(target=wait, daemon=True).start()
ready.wait()
""",
    "cycle": "cycle = [values, parts, brain]; cycle.append(cycle); del values, parts, brain",
    "cycle with __del__": """
class Last:
    def __del__(self):
        sum(self.kept[0]['array'])
last = Last()
last.kept = [values, parts, brain, last]
del values, parts, brain, last
""",
    "closed": "brain.close()",
    "exit": "sys.exit(0)",
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_interpreter(brain, path, ending):
    for kind, make in KINDS.items():
        brain[kind] = make()
    code = f"path = {path!r}\n{LIVE}{ENDINGS[ending]}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert pins(brain) == 0 and brain.check() == []
    for kind, make in KINDS.items():
        assert same(brain[kind], make())


# ---- nobody changes it ---------------------------------------------------------------------------


def set_items(value):
    value[0] = 7


def add_in_place(value):
    value += 1


def write_frame(value):
    value.loc[3, "a"] = -1.0
    value.iloc[:, 1] = 5
    value["t"] += np.timedelta64(1)
    value["k"] = value["k"].cat.rename_categories(["u", "v"])
    value.sort_values("a", ascending=False, inplace=True)


def write_polars(value):
    value[0, "a"] = 7
    value.replace_column(1, pl.Series("s", ["x"] * N))


def write_csr(value):
    value.data[0] = 7


WRITES = {
    "array": [set_items, add_in_place, lambda value: value.sort(), lambda value: value.setflags(write=True)],
    "array in a dict": [lambda value: set_items(value["b"]), lambda value: value.update(b=1)],
    "dataclass": [lambda value: set_items(value.values), lambda value: setattr(value, "values", None)],
    "pandas": [
        write_frame,
        lambda value: value["b"].to_numpy().sort(),
        lambda value: value["a"].array.__setitem__(0, 5.0),
        lambda value: value.fillna(1, inplace=True),
        lambda value: value.columns.__setitem__(0, "z"),
    ],
    "pyarrow": [
        lambda value: set_items(value["a"].chunk(0).to_numpy()),
        lambda value: memoryview(value["a"].chunk(0).buffers()[1]).__setitem__(0, 7),
    ],
    "polars": [write_polars, lambda value: set_items(value["a"].to_numpy())],
    "scipy": [
        write_csr,
        lambda value: value.sort_indices(),
        lambda value: value.__imul__(2),
        lambda value: value.setdiag(5),
    ],
}


@pytest.mark.parametrize(("kind", "write"), [(kind, write) for kind in KINDS for write in WRITES[kind]])
@pytest.mark.filterwarnings("ignore")
def test_a_write_raises_or_copies(brain, kind, write):
    value = put_and_recall(brain, kind)
    try:
        write(value)
    except (ValueError, TypeError, RuntimeError):
        pass
    assert same(brain["x"], KINDS[kind]())
    assert brain.check() == []


@kinds
def test_no_buffer_can_be_written(brain, kind):
    places = Places(put_and_recall(brain, kind), brain.directory)
    assert places.stored_bytes > 0 and places.other_bytes == 0  # Places counts what is mapped without writing


def change_source(kind, value):
    if kind == "array":
        value[:] = -1
    elif kind == "array in a dict":
        value["b"][:] = -1
        value["a"].clear()
    elif kind == "dataclass":
        value.values[:] = -1
        value.name = "other"
    elif kind == "pandas":
        value.iloc[:, :2] = -1
        del value["s"]
    elif kind == "polars":
        write_polars(value)
    elif kind == "scipy":
        value.data[:] = -1
        value.indices[:] = 0
    else:  # Arrow's are never changed; the memory below may be
        np.frombuffer(value["a"].chunk(0).buffers()[1], np.int64)


@kinds
def test_what_is_done_to_the_source_stays_there(brain, kind):
    source = KINDS[kind]()
    brain["x"] = source
    change_source(kind, source)
    assert same(brain["x"], KINDS[kind]())


def test_memory_below_a_source(brain):
    memory = np.arange(N)
    brain["table"] = pa.table({"a": memory})
    brain["frame"] = pd.DataFrame({"a": memory}, copy=False)
    brain["polars"] = pl.DataFrame({"a": memory})
    brain["view"] = memoryview(memory)
    memory[:] = -1
    assert brain["table"]["a"].to_pylist() == brain["polars"]["a"].to_list() == list(range(N))
    assert brain["frame"]["a"].tolist() == brain["view"].tolist() == list(range(N))


# ---- copies and slices ---------------------------------------------------------------------------


def lies_in(value, brain):
    places = Places(value, brain.directory)
    return places.stored_bytes > 0 and places.other_bytes == 0


@pytest.mark.parametrize("kind", ["array in a dict", "dataclass", "pandas", "pyarrow", "polars"])
def test_copy_shares(brain, kind):
    value = put_and_recall(brain, kind)
    again = value.copy(deep=False) if kind == "pandas" else copy.copy(value)  # pandas 2 copies all here
    del brain["x"]
    put_other_values(brain)
    assert same(again, KINDS[kind]())
    assert lies_in(again, brain)


@kinds
def test_deepcopy_is_ones_own(brain, kind):
    value = put_and_recall(brain, kind)
    again = copy.deepcopy(value)
    if kind in ("array", "array in a dict", "dataclass", "scipy"):
        assert not {address for address, _ in buffers(again)} & {address for address, _ in buffers(value)}
    if kind != "pyarrow":  # whose values nobody can change
        change_source(kind, again)
    assert same(value, KINDS[kind]())


def test_a_copy_of_an_array_can_be_written(brain):
    value = put_and_recall(brain, "array")
    for again in (value.copy(), copy.copy(value), copy.deepcopy(value), value + 0, np.array(value)):
        again[0] = 7
    assert value[0] == 0


class Labelled(np.ndarray):
    def __array_finalize__(self, of):
        self.label = getattr(of, "label", "none")


def test_views_as_subclasses(brain):
    value = put_and_recall(brain, "array")
    view = value.view(Labelled)
    view.label = "mine"
    part = view[5:]
    masked = np.ma.MaskedArray(value, mask=value % 2 == 0)
    del value, view, brain["x"]
    put_other_values(brain)
    assert (type(part), part.label, part[0]) == (Labelled, "mine", 5)
    assert masked.sum() == sum(range(1, N, 2))
    with pytest.raises(ValueError, match="read-only"):
        part[0] = 1


def test_a_recalled_value_that_is_put_again(brain):
    for kind in KINDS:
        brain["again"] = put_and_recall(brain, kind)
        del brain["x"]
        put_other_values(brain)
        assert same(brain["again"], KINDS[kind]())


# ---- many ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "count"), [("array", 100_000), ("pandas", 10_000), ("polars", 2_000), ("pyarrow", 2_000)]
)
def test_thousands_at_once(brain, kind, count):
    brain["x"] = KINDS[kind]()
    values = [brain["x"] for _ in range(count)]
    assert pins(brain) == count
    del values[: count // 2]
    assert pins(brain) == count - count // 2
    put_other_values(brain)
    assert same(values[0], KINDS[kind]()) and same(values[-1], KINDS[kind]())
    values.clear()
    assert pins(brain) == 0
    assert brain.check() == []


@kinds
def test_many_of_what_is_gone(brain, kind):
    brain["x"] = KINDS[kind]()
    values = [brain["x"] for _ in range(500)]
    del brain["x"]
    while values:
        put_other_values(brain)
        assert same(values[-1], KINDS[kind]())
        del values[len(values) // 2 :]
    assert pins(brain) == 0
    assert brain.stat()["limbo_bytes"] == 0


@kinds
def test_one_recall_is_one_pin(brain, kind):
    value = put_and_recall(brain, kind)
    assert pins(brain) == 1
    parts = PARTS[kind](value)
    del value
    assert pins(brain) == 1
    del parts
    assert pins(brain) == 0


# ---- threads and forks ---------------------------------------------------------------------------


@kinds
def test_threads_recall_and_drop(brain, kind):
    """Each looks at what it has, while others put and drop."""
    brain["x"] = expected = KINDS[kind]()
    failures = []
    start = threading.Barrier(5)

    def reader():
        try:
            start.wait()
            kept = []
            for number in range(60):
                kept.append(brain["x"])
                if number % 7 == 0:
                    assert same(kept[number % len(kept)], expected)
                if len(kept) > 10:
                    del kept[::2]
        except BaseException:
            failures.append(traceback.format_exc())

    def writer():
        start.wait()
        for _ in range(30):
            brain["x"] = expected

    threads = [threading.Thread(target=target) for target in (reader, reader, reader, writer, writer)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert pins(brain) == 0
    assert brain.check() == []


@kinds
def test_a_fork_while_it_is_held(brain, kind):
    value = put_and_recall(brain, kind)
    expected = KINDS[kind]()

    def child():
        nonlocal value
        del brain["x"]
        put_other_values(brain)
        assert same(value, expected)
        value = None
        gc.collect()

    # Threads of Polars are not there in a child, and wait for each other: of it only what needs none.
    if kind == "polars":
        expected_list = expected["a"].to_list()
        in_child(functools.partial(child_of_polars, brain, value, expected_list))
    else:
        in_child(child)
    assert same(value, expected)
    del value
    assert pins(brain) == 0


def child_of_polars(brain, value, expected):
    del brain["x"]
    assert value["a"].to_list() == expected


def test_where_pickles_are_refused_too(path):
    with Brain(path, capacity=64_000_000, pickle=False) as brain:
        for kind in KINDS:
            if kind == "dataclass":
                with pytest.raises(exceptions.BrainPickleError):
                    put_and_recall(brain, kind)
                continue
            parts = PARTS[kind](put_and_recall(brain, kind))
            del brain["x"]
            put_other_values(brain)
            assert same(list(map(content, parts)), list(map(content, PARTS[kind](KINDS[kind]()))))
            del parts
            assert pins(brain) == 0
