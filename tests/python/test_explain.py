"""brain.explain(): what is stored, shared and copied, and who holds it."""

import array
import collections
import copyreg
import dataclasses
import datetime
import importlib
import os
import pickle
import re
import resource
import subprocess
import sys
import textwrap

import looked_into
import numpy as np
import pandas as pd
import pytest
from brain_plasma import (
    Brain,
    BrainCorruptError,
    BrainNameNotExistError,
    BrainPickleError,
    BrainRecallPackageError,
    _core,
    inert,
    walk,
)
from children import in_child

pa = pytest.importorskip("pyarrow")


@dataclasses.dataclass
class Thing:
    a: object
    b: object


def frame(n=10_000):
    return pd.DataFrame(
        {
            "price": np.arange(n, dtype=float),
            "count": np.arange(n),
            "carrier": pd.Series([f"carrier {i}" for i in range(n)], dtype=object),
        }
    )


def copied_paths(explanation):
    return {part.path for part in explanation.copies if part.reason}


@pytest.mark.parametrize(
    ("value", "kind", "kind_of_value"),
    [
        (None, "none", "none"),
        (5, "int", "int"),
        ("text", "str", "str"),
        (b"bytes", "bytes", "bytes"),
        ([1, 2], "tree", "list"),
        ({"a": 1}, "tree", "dict"),
        (np.zeros(10), "tensor", "numpy.ndarray"),
        (datetime.date(2020, 1, 1), "tree", "datetime.date"),
        (pd.Series([1.5]), "tree", "pandas.Series"),
        (pa.table({"a": [1]}), "arrow", "pyarrow.Table"),
        (Thing(1, 2), "pickle", f"{__name__}.Thing"),
        ([Thing(1, 2)], "pickle", "list"),
    ],
)
def test_kind_and_type(brain, value, kind, kind_of_value):
    brain["x"] = value
    found = brain.explain("x")
    assert (found.name, found.kind, found.type) == ("x", kind, kind_of_value)
    assert found.total_bytes == brain.used()
    assert found.shared_bytes + found.copied_bytes <= found.total_bytes
    unstored = brain.explain_value(value)
    assert (unstored.name, unstored.version, unstored.created, unstored.holders) == (None, 0, None, [])
    for field in ("kind", "type", "total_bytes", "shared_bytes", "copied_bytes", "parts"):
        assert getattr(unstored, field) == getattr(found, field), field


def test_what_is_shared_of_a_frame(brain):
    brain["x"] = frame()
    found = brain.explain("x")
    assert found.shared_bytes == 160_000
    assert copied_paths(found) == {"column 'carrier'"}
    (part,) = [part for part in found.copies if part.reason]
    assert "10,000 Python strings" in part.reason and "convert_dtypes" in part.reason
    assert part.copied_bytes == sum(len(f"carrier {i}") for i in range(10_000))
    assert found.copied_bytes >= part.copied_bytes
    shown = {part.path for part in found.parts if part.shared_bytes == 80_000}
    assert shown == {"column 'price'", "column 'count'"}


@pytest.mark.skipif(int(pd.__version__.split(".")[0]) < 3, reason="pandas 2 has Python's strings anyway")
@pytest.mark.parametrize("here", [True, False], ids=["pyarrow here", "none here"])
def test_strings_of_pandas_that_were_put_without_pyarrow(brain, path, other, here):
    """Then pandas 3 has Python's strings: it is pyarrow that is missing, whatever pandas there is."""
    code = """
    import sys
    sys.modules["pyarrow"] = None
    import pandas as pd
    from brain_plasma import Brain
    Brain(path)["x"] = pd.DataFrame({"carrier": [f"carrier {i}" for i in range(1000)]})
    """
    other(textwrap.dedent(code)).end()
    with pytest.MonkeyPatch.context() as patch:
        if not here:
            patch.setitem(sys.modules, "pyarrow", None)
        found = brain.explain("x")
    (part,) = [part for part in found.copies if part.reason]
    assert "with pyarrow the strings of pandas 3" in part.reason
    assert ("pip install pyarrow" in part.reason) is not here


def test_a_frame_of_polars_without_pyarrow(brain, monkeypatch):
    """What of it is made anew stands in its stream, which nobody can read here: that is said, as by a recall."""
    pl = pytest.importorskip("polars")
    brain["x"] = pl.DataFrame({"carrier": ["a", "b"]}, schema={"carrier": pl.Categorical})
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BrainRecallPackageError, match="pip install pyarrow"):
        brain.explain("x")


def test_the_advice_is_right(brain):
    brain["x"] = frame().convert_dtypes(dtype_backend="pyarrow")
    found = brain.explain("x")
    assert copied_paths(found) == set()
    assert found.copied_bytes < 2000 < 100_000 < found.shared_bytes


def test_paths_lead_to_the_parts(brain):
    brain["x"] = {"model": Thing([np.zeros(1000), "t" * 5000], {"names": [f"n{i}" for i in range(100)]})}
    found = brain.explain("x")
    assert found.shared_bytes == 8000
    assert copied_paths(found) == {"value['model'].a[1]", "value['model'].b['names']"}
    assert {part.path for part in found.parts if part.shared_bytes} == {"value['model'].a[0]"}


def test_bytes_and_what_decoders_copy(brain):
    brain["x"] = {
        "bytes": b"b" * 10_000,
        "view": memoryview(b"b" * 10_000),
        "array": array.array("d", [0.0] * 1000),
        "sparse": pd.arrays.SparseArray(np.arange(1000.0)),
    }
    found = brain.explain("x")
    copied = {part.path: part for part in found.copies if part.reason}
    assert "memoryview" in copied["value['bytes']"].reason
    assert {path.partition("]")[0] for path in copied} == {"value['bytes'", "value['array'", "value['sparse'"}
    assert found.shared_bytes == 10_000


def test_a_value_that_is_there_twice_counts_once(brain):
    value = np.zeros(1000)
    brain["x"] = [value, value, {"again": value}]
    assert brain.explain("x").shared_bytes == 8000


def copied_lines(explanation):
    """Bytes, as the text of an explanation says them: of all that is copied, and of each line about it."""
    units = {"bytes": 1, "KB": 1e3, "MB": 1e6}
    total, *lines = [
        float(number) * units[unit]
        for pattern in (r"recall, ([0-9.]+) (\w+) copied", r"copied, ([0-9.]+) (\w+):")
        for number, unit in re.findall(pattern, str(explanation))
    ]
    return total, lines


@pytest.mark.parametrize(
    "value",
    [
        pd.DataFrame({"t": pd.Series([f"t{i}" for i in range(20_000)], dtype=object), "x": np.zeros(20_000)}),
        [f"t{i}" for i in range(20_000)],
        {f"k{i}": "t" * 70 for i in range(1000)},
        [b"b" * 100, "t" * 1000, *range(1000)],
        {"bytes": b"b" * 100_000, "small": [b"b" * 100] * 30},
        [Thing("a" * 100, b"b" * 100)] * 30,
    ],
    ids=["frame", "texts", "dict", "list", "bytes", "pickle"],
)
def test_what_is_copied_adds_up(brain, value):
    brain["x"] = value
    found = brain.explain("x")
    assert found.shared_bytes + found.copied_bytes <= found.total_bytes
    total, lines = copied_lines(found)
    assert abs(total - sum(lines)) <= 1000 + 0.02 * total


def test_the_text_says_that_objects_take_more_than_their_bytes(brain):
    words = "copied are stored bytes"
    brain["x"] = [f"text {i}" for i in range(20_000)]
    assert words in str(brain.explain("x"))
    brain["x"] = np.zeros(100_000)
    assert words not in str(brain.explain("x"))


def test_polars_categoricals(brain):
    pl = pytest.importorskip("polars")
    brain["x"] = pl.DataFrame({"a": [1.5] * 1000, "c": pl.Series(["u", "v"] * 500, dtype=pl.Categorical)})
    found = brain.explain("x")
    assert copied_paths(found) == {"column 'c'"} and "Polars" in found.copies[0].reason
    assert found.shared_bytes > 8000


class MakesFolder:
    """Unpickled, it makes the folder `path`."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_no_code_of_a_pickle_is_run(brain, tmp_path):
    brain["x"] = [MakesFolder(str(tmp_path / "made")), np.zeros(1000)]
    found = brain.explain("x")
    assert found.shared_bytes == 8000 and found.kind == "pickle" and found.type == "list"
    assert not (tmp_path / "made").exists()
    _ = brain["x"]
    assert (tmp_path / "made").exists()


def explained_pickle(stream):
    """Type, bytes shared and copied, and parts, of what is stored as this pickle."""
    head = bytes(8) + len(stream).to_bytes(8, "little")
    return walk.walk(10, b"", memoryview(head + stream), len(head + stream), False)


def test_a_pickle_cannot_change_what_explains_it():
    rebuild = b"\x8c\x13brain_plasma.codecs\x8c\x07rebuild\x93"
    stream = pickle.PROTO + b"\x04" + rebuild + b"N}\x8c\x04name\x8c\x04evil" + b"s\x86b."
    before = dict(vars(inert.Node))
    explained_pickle(stream)
    assert dict(vars(inert.Node)) == before


def doubled(n):
    """Pushes a tuple that holds itself twice what another does, and so on: of 2**n empty ones."""
    return b")" + b"2\x86" * n


HUGE = (1 << 40).to_bytes(8, "little")

# Pickles that cost more than their bytes: time, memory, or the process, whose stack hash() goes down.
COSTLY = {
    "a key of many parts": b"}" + doubled(64) + b"Ns.",
    "keys of many parts": b"}(" + doubled(64) + b"Nu.",
    "a dict of many parts": b"(" + doubled(64) + b"Nd.",
    "an element of many parts": b"\x8f(" + doubled(64) + b"\x90.",
    "a frozenset of many parts": b"(" + doubled(64) + b"\x91.",
    "a deep key": b"}N" + b"\x85" * 1_000_000 + b"Ns.",
    "a memo of many places": b"Nr" + (1 << 26).to_bytes(4, "little") + b".",
    "a large bytearray": b"\x96" + HUGE + b".",
    "large bytes": b"\x8e" + HUGE + b".",
    "a large frame": b"\x95" + HUGE + b"N.",
}


@pytest.mark.parametrize("stream", COSTLY.values(), ids=COSTLY)
def test_what_a_pickle_costs_where_pickles_are_refused(stream):
    def explain():
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))  # the rest of this process is below that
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        explained_pickle(pickle.PROTO + b"\x05" + stream)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000

    in_child(explain)


# What pushes what copyreg has for a code.
STREAMS = {
    "EXT1": (0xF1, b"\x82\xf1"),
    "EXT2": (0xF0F1, b"\x83\xf1\xf0"),
    "EXT4": (0xF0F1F2, b"\x84\xf2\xf1\xf0\x00"),
}


@pytest.mark.parametrize("cached", [False, True], ids=["named", "called before"])
@pytest.mark.parametrize("opcode", STREAMS)
def test_extension_codes_run_nothing(brain, tmp_path, opcode, cached):
    """What copyreg has for a code is not called, nor imported, and stays as it is."""
    code, push = STREAMS[opcode]
    place = str(tmp_path / "made")
    stream = pickle.PROTO + b"\x04" + push + pickle.dumps((place,), 2)[2:-1] + b"R."
    copyreg.add_extension("posix", "mkdir", code)
    try:
        if cached:
            assert pickle.loads(pickle.PROTO + b"\x04" + push + b".") is os.mkdir
        before = dict(copyreg._extension_cache)
        found = explained_pickle(stream)
        assert found[0] == "posix.mkdir"
        assert not os.path.exists(place)
        assert copyreg._extension_cache == before
        pickle.loads(stream)
        assert os.path.exists(place)
    finally:
        copyreg.remove_extension("posix", "mkdir", code)


def test_extension_codes_import_nothing():
    code, push = STREAMS["EXT1"]
    sys.modules.pop("this_module_is_not_there", None)
    copyreg.add_extension("this_module_is_not_there", "name", code)
    try:
        assert explained_pickle(pickle.PROTO + b"\x04" + push + b")R.")[0] == "this_module_is_not_there.name"
    finally:
        copyreg.remove_extension("this_module_is_not_there", "name", code)


def test_extension_codes_that_nobody_has(brain):
    """The bytes are what is left to say of it; also where there are codes for others."""
    stream = pickle.PROTO + b"\x04" + STREAMS["EXT1"][1] + b")R."
    assert explained_pickle(stream)[0] == "a pickle"
    copyreg.add_extension("posix", "mkdir", 7)
    try:
        assert explained_pickle(stream)[0] == "a pickle"
        brain["x"] = [Thing(np.zeros(1000), "text"), {1, 2}, {"key": Thing(1, 2)}]
        found = brain.explain("x")
    finally:
        copyreg.remove_extension("posix", "mkdir", 7)
    assert found == brain.explain("x") and found.shared_bytes == 8000


def test_what_is_nested_as_deep_as_can_be(brain):
    nested = np.zeros(1000)
    for _ in range(499):
        nested = [nested]
    brain["x"] = nested
    found = brain.explain("x")
    assert (found.kind, found.shared_bytes) == ("tree", 8000)


@pytest.mark.parametrize("place", [(0, 1 << 62, 1), (-3, 5, 1), (0, 5), "01", 7])
def test_places_of_columns_that_cannot_be(place):
    assert len(walk._column(["a", "b"], place)) < 50


def test_labels_that_hold_themselves():
    labels = []
    labels.append(labels)
    assert walk._labels(inert.Node("pandas.Index", labels)) == []


@pytest.mark.parametrize("key", [10**5000, (1, -(10**5000)), ((10**5000, "a"), 2.5)], ids=["int", "tuple", "nested"])
def test_a_key_with_more_digits_than_python_writes(brain, key):
    brain["x"] = {key: np.zeros(1000), "text": "x" * 100}
    found = brain.explain("x")
    assert (found.shared_bytes, len(found.parts)) == (8000, 2)
    assert brain.explain_value({key: "x" * 100}).parts


def test_a_long_key_is_not_written_out_for_each_part(brain):
    key = "k" * 100_000
    brain["x"] = {key: [bytes([i]) * 80 for i in range(50)], (key,): b"x" * 80}
    paths = [part.path for part in brain.explain("x").parts]
    assert len(paths) == 51 and all(len(path) < 1000 for path in paths)
    assert paths[0].startswith("value[") and any(path.endswith("[49]") for path in paths)


def test_a_way_to_a_part_is_not_written_out_at_any_length(brain):
    value = b"x" * 80
    for _ in range(240):
        value = {"a key of some length": [value, b"y" * 80]}
    brain["x"] = value
    assert len(brain.explain("x").parts) == 241
    assert max(len(part.path) for part in brain.explain("x").parts) < 2500


def test_a_long_name_of_a_type_is_not_written_out_for_each_container():
    name = "t" * 100_000
    stream = pickle.PROTO + b"\x04\x8c\x01m\x8d" + len(name).to_bytes(8, "little") + name.encode() + b"\x93)\x81"
    stream += b"\x940]" + (b"](" + b"h\x00" * 100 + b"ea") * 20 + b"."
    kind, _, _, parts = explained_pickle(stream)
    assert kind == "list" and len(parts) == 21 and max(len(part.kind) for part in parts) < 1000


@pytest.mark.parametrize("head", [b"", b"\xff" * 16, b"\x01" + bytes(15), bytes(8) + b"\x01" + bytes(7)])
def test_a_table_of_parts_that_makes_no_sense(head):
    for kind in (10, 11):
        with pytest.raises(BrainCorruptError):
            walk.walk(kind, b"", memoryview(head), len(head), False)


@pytest.mark.parametrize("value", [{"a": np.zeros(1000), "b": b"b" * 5000}, Thing(np.zeros(1000), np.zeros(0))])
def test_where_the_parts_lie(brain, value):
    brain["x"] = value
    data = memoryview(brain._pin("x", None)[2])
    begin, stream_bytes, places = _core._read_parts(data)
    assert begin == 16 + 16 * len(places) and len(places) == 2
    first, last = places
    assert first[0] % 64 == 0 and first[0] >= begin + stream_bytes and first[1] == 8000
    assert bytes(data[first[0] : first[0] + first[1]]) == bytes(8000)
    assert last in [(0, 0), (len(data) - 5000, 5000)]
    head = data[: begin + stream_bytes]
    assert _core._read_parts(head) == (begin, stream_bytes, places)  # by the table alone


def test_a_stream_of_others_is_checked_before_pyarrow_reads_it(brain, path, monkeypatch):
    pl = pytest.importorskip("polars")
    arrow_check = importlib.import_module("brain_plasma.codecs.arrow_check")
    brain["x"] = pl.DataFrame({"a": [1.5]})
    checked = []
    monkeypatch.setattr(arrow_check, "check_stream", checked.append)
    with Brain(path=path, pickle=False) as refusing:
        refusing.explain("x")
    assert len(checked) == 1


Made = collections.namedtuple("Made", "a b")


@pytest.mark.parametrize(
    ("make", "kind_of_value", "shared"),
    [
        (lambda: Made(np.zeros(1000), 1), f"{__name__}.Made", 8000),
        (lambda: type("Local", (), {}), "type", 0),
        (lambda: lambda x: x, "types.FunctionType", 0),
        (lambda: type("Local", (), {})(), "a class that was sent along.Local", 0),
        (lambda: Thing(type("Local", (), {})(), np.zeros(1000)), f"{__name__}.Thing", 8000),
    ],
    ids=["a namedtuple", "a local class", "a lambda", "an object of a local class", "an object that holds one"],
)
def test_pickles_of_classes_that_are_made(brain, make, kind_of_value, shared):
    pytest.importorskip("cloudpickle")
    brain["x"] = make()
    found = brain.explain("x")
    assert (found.kind, found.type, found.shared_bytes) == ("pickle", kind_of_value, shared)
    table = 16 * (1 + (shared > 0))  # and the buffer is aligned
    assert found.copied_bytes > 0
    assert 0 <= found.total_bytes - table - shared - found.copied_bytes < 64


def test_version_time_and_description(brain):
    before = datetime.datetime.now(datetime.timezone.utc)
    brain.learn("x", 5, "described")
    found = brain.explain("x")
    assert found.version == brain.version("x") and found.description == "described"
    assert abs(found.created - before) < datetime.timedelta(minutes=1)


HOLD = """
import sys
from brain_plasma import Brain
brain = Brain(path=sys.argv[1])
held = [brain["x"], brain["x"]]
print("ready", flush=True)
sys.stdin.read()
"""


def test_who_holds_it(brain, path):
    brain["x"] = np.zeros(1000)
    assert brain.explain("x").holders == []
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "ready\n"
    mine = brain["x"]
    found = {holder.pid: holder for holder in brain.explain("x").holders}
    assert found[child.pid].n_views == 2 and found[os.getpid()].n_views == 1
    assert "python" in found[child.pid].command
    child.communicate("")
    assert [holder.pid for holder in brain.explain("x").holders] == [os.getpid()]
    del mine


def test_views_of_all_brains_of_a_process_count(brain, path):
    brain["x"] = np.zeros(1000)
    with Brain(path=path) as first, Brain(path=path) as second:
        views = first["x"], second["x"]
        assert [(holder.pid, holder.n_views) for holder in brain.explain("x").holders] == [(os.getpid(), 2)]
        del views


def test_it_reads_as_text(brain):
    brain["x"] = frame()
    text = str(brain.explain("x"))
    assert text.startswith("'x': pandas.DataFrame, stored as tree\n")
    assert "160 KB shared on recall" in text and "column 'carrier': 10,000 Python strings" in text
    assert "would be stored as" in str(brain.explain_value(frame()))


def test_where_pickles_are_refused(path):
    with Brain(path=path) as brain:
        brain["x"] = Thing(np.zeros(1000), 2)
    with Brain(path=path, pickle=False) as brain:
        assert brain.explain("x").shared_bytes == 8000
        with pytest.raises(BrainPickleError):
            brain.explain_value(Thing(1, 2))


def test_a_name_that_is_missing(brain):
    with pytest.raises(BrainNameNotExistError):
        brain.explain("x")


def values_of_each_kind():
    pl = pytest.importorskip("polars")
    return {
        "nested": {"a": np.zeros(10_000), "b": frame(1000)},
        "an array": np.zeros(1000),
        "a strided array": np.zeros((10, 10))[:, ::2],
        "a pickled object": Thing(np.zeros(1000), 2),
        "bytes": b"x" * 5000,
        "bytes in a list": [b"x" * 5000, np.arange(5)],
        "a memoryview": memoryview(bytes(9000)),
        "categories and times": pd.DataFrame(
            {"c": pd.Categorical(["a", "b"] * 500), "d": pd.date_range("2020", periods=1000)}
        ),
        "a table": pa.table({"a": np.arange(1000.0), "s": ["x" * 30] * 1000}),
        "a frame of Polars": pl.DataFrame({"a": np.arange(1000.0)}),
    }


@pytest.mark.parametrize("name", values_of_each_kind())
def test_the_numbers_are_true(brain, name):
    """What is said to be shared are the buffers of what is recalled that lie in the store, to the byte; but of a
    table all of its stream counts, what describes it too."""
    brain["x"] = values_of_each_kind()[name]
    found = brain.explain("x")
    recalled = brain["x"]
    places = looked_into.Places(recalled, brain.directory)
    described = found.shared_bytes - places.stored_bytes
    assert described == 0 if found.kind != "arrow" else 0 < described < 1000
    assert found.copied_bytes >= places.other_bytes - sys.getsizeof(b"")


def test_strings_that_repeat_are_built_anew_too(brain):
    brain["x"] = pd.DataFrame({"c": pd.Series(["UA", "AA", "B6"] * 100_000, dtype=object)})
    found = brain.explain("x")
    (part,) = [part for part in found.copies if part.path == "column 'c'" and part.kind == "array"]
    assert "300,000 Python strings" in part.reason and part.copied_bytes == 300_000
    assert found.shared_bytes == 0
    brain["y"] = pd.Series(["a", "b"] * 1000, dtype=pd.StringDtype("python"))
    assert brain.explain("y").shared_bytes == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1.5] * 1000, "1,000 Python objects (float)"),
        ([datetime.date(2020, 1, 1)] * 5 + [datetime.date(2020, 1, i) for i in range(1, 29)], "datetime.date"),
        ({i: i for i in range(1000)}, "1,000 Python objects (int)"),
        ([Thing(i, None) for i in range(100)], "100 Python objects"),
        ({"a": np.zeros(1000), "b": [[i] for i in range(1000)]}, "1,000 Python objects (list)"),
    ],
)
def test_many_small_objects_are_told(brain, value, said):
    brain["x"] = value
    found = brain.explain("x")
    assert any(said in part.reason for part in found.copies), found.copies
    assert sum(part.copied_bytes for part in found.parts) <= found.copied_bytes
    assert said in str(found)


def test_sizes_read_well(brain):
    brain["x"] = np.zeros(999_999, "u1")
    assert "1 MB: 1 MB shared" in str(brain.explain("x"))
