"""Plain data, nested, and what has an encoder: the form TREE, and what its decoder refuses."""

import gc
import math
import pickle
import random
import struct
import sys
import threading

import numpy as np
import pytest
from brain_plasma import Brain, codecs, exceptions
from raw_values import ARROW, PICKLE, TREE, RawStore, tree


class Thing:
    """What an encoder of a test takes apart."""

    def __init__(self, payload=None):
        self.payload = payload


class Hashed(Thing):
    def __eq__(self, other):
        return type(other) is type(self) and self.payload == other.payload

    def __hash__(self):
        return hash(self.payload)


@pytest.fixture
def brain(path):
    """One that refuses pickles: what can be put is in the form TREE."""
    with Brain(path, capacity=64_000_000, pickle=False) as brain:
        yield brain


@pytest.fixture
def trusting(brain, path):
    with Brain(path, pickle=True) as brain:
        yield brain


@pytest.fixture
def raw(brain, path):
    store = RawStore(path)
    yield store
    store.close()


@pytest.fixture
def codec(monkeypatch):
    """A function that lets a type be taken apart, and put together under its name."""

    def add(kind, encode=None, decode=None):
        name = f"test.{kind.__name__}"
        default = lambda value: (name, value.payload)  # noqa: E731
        monkeypatch.setitem(codecs.encoders, kind, encode or default)
        monkeypatch.setattr(codecs, "_found_in_pickles", {})
        monkeypatch.setitem(codecs.decoders, name, decode or (lambda payload, trusted: kind(payload)))
        return name

    return add


def same(one, other):
    """Equal, in types as well, to the sign of a zero and the order of a dict."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one.items()), list(other.items()))
    if isinstance(one, (set, frozenset)):
        key = lambda item: (type(item).__name__, repr(item))  # noqa: E731
        return same(sorted(one, key=key), sorted(other, key=key))
    if isinstance(one, float):
        return struct.pack("d", one) == struct.pack("d", other)
    if isinstance(one, complex):
        return same([one.real, one.imag], [other.real, other.imag])
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return one == other


def round_trip(brain, value):
    brain["x"] = value
    return brain["x"]


# ---- what goes in comes out ---------------------------------------------------------------------

INTS = sorted(
    {
        sign * (2**bits) + step
        for bits in (0, 4, 5, 7, 8, 15, 16, 31, 32, 62, 63, 64, 65, 127, 4000)
        for step in (-25, -24, -1, 0, 1)
        for sign in (-1, 1)
    }
)
FLOATS = [0.0, -0.0, 1.5, math.pi, math.inf, -math.inf, math.nan, 5e-324, sys.float_info.max]
SIZES = (0, 1, 23, 24, 31, 32, 63, 64, 65, 255, 256, 1023, 1024, 4095, 4096, 4097, 65535, 65536)
VALUES = [
    INTS,
    FLOATS,
    [struct.unpack("d", struct.pack("Q", 0x7FF8_0000_0000_0001))[0]],
    [None, True, False],
    ["x" * size for size in SIZES],
    ["é" * size for size in SIZES],
    ["\0", "名🧠", "\uffff", "a" * 1023 + "é", "a" * 1024 + "é"],
    [b"x" * size for size in SIZES],
    [bytearray(b"x" * size) for size in SIZES],
    [1j, complex(-0.0, math.inf), complex(math.nan, -0.0)],
    [],
    {},
    (),
    set(),
    frozenset(),
    bytearray(),
    0j,
    [[], {}, (), set(), frozenset(), bytearray()],
    {"b": 1, "a": 2, "": 3},
    dict.fromkeys([2, 1, 3]),
    {None: 1, True: 2, 2: 3, -1: 4, 2**70: 5, 1.5: 6, "x": 7, b"x": 8, 2j: 9, (): 10},
    {(1, ("a", b"b", (None,))): 1, frozenset({1, (2, 3)}): 2, "y" * 100: 3, b"y" * 5000: 4},
    {math.nan: 1, 5: 2},
    {1, "a", b"a", None, 2.5, (1, 2), frozenset({3}), 2**100},
    frozenset({(frozenset({(1,)}),)}),
    {"rows": [{"a": 1, "b": [1.5, "x"]}, {"a": 2, "b": []}], "shape": (3, 4)},
    [[[[[[]]]]]],
    list(range(-1000, 1000)),
    {f"key {number}": number for number in range(1000)},
    {number: str(number) for number in range(3000)},
    set(range(3000)),
    [f"{number}" * 9 for number in range(300)],
    [np.arange(5), np.zeros((2, 0)), np.float32(1) * np.ones((3, 3), order="F")],
    {"a": np.array(["x", "yy"]), "b": np.array([1, 2], "M8[ns]"), "c": np.zeros(2, "i4,f8")},
    np.arange(100)[::3].reshape(2, 17)[:, 1:].tolist(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_what_goes_in_comes_out(brain, raw, value):
    assert same(round_trip(brain, value), value)
    assert raw.get("x")[0] == TREE


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:40])
def test_the_same_where_pickles_are_allowed(brain, trusting, raw, value):
    assert same(round_trip(trusting, value), value)
    assert raw.get("x")[0] == TREE
    assert same(brain["x"], value)


def test_through_every_call_that_recalls(brain):
    value = {"a": [1, 2.5, ("x", None)]}
    brain.set_many({"x": value, "y": [value]})
    assert brain.get("x") == value
    assert brain.get_many(["x", "y"]) == {"x": value, "y": [value]}
    assert brain.pop("y") == [value]


@pytest.mark.parametrize("n", [1, 10, 200, 240, 256, 300, 5000])
def test_sizes_around_what_is_copied_and_what_is_pinned(brain, n):
    assert round_trip(brain, [7] * n) == [7] * n


def test_arrays_with_gaps_in_a_list(brain):
    array = np.arange(24).reshape(4, 6)
    (result,) = round_trip(brain, [array[::2, ::3]])
    assert np.array_equal(result, array[::2, ::3])


def test_arrays_in_a_container_are_not_copied_and_keep_their_memory(brain):
    result = round_trip(brain, {"a": np.arange(1000), "b": [np.ones(3)]})
    assert not result["a"].flags.writeable
    assert not result["a"].flags.owndata
    assert result["a"].ctypes.data % 64 == 0
    brain["x"] = None
    del brain["x"]
    gc.collect()
    assert result["a"].sum() == 499_500
    assert result["b"][0].sum() == 3


def test_a_small_value_with_a_buffer_is_no_copy(brain):
    result = round_trip(brain, [np.arange(2, dtype="u1")])
    brain["x"] = [np.array([8, 9], dtype="u1")]
    assert result[0].tolist() == [0, 1]


# ---- objects that occur twice -------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: [1],
        lambda: {"a": 1},
        lambda: {1, 2},
        lambda: frozenset({1, 2}),
        lambda: (1, 2),
        lambda: bytearray(b"x"),
        lambda: np.arange(3),
        lambda: "x" * random.randint(64, 64),
        lambda: b"x" * random.randint(64, 64),
        lambda: "é" * random.randint(32, 32),
        lambda: b"x" * random.randint(4096, 4096),
        lambda: "x" * random.randint(4096, 4096),
    ],
)
def test_one_object_twice_is_one_object(brain, make):
    item = make()
    result = round_trip(brain, [item, (item,), {"a": item}])
    assert result[0] is result[1][0] is result[2]["a"]
    assert same(result[0], item)


@pytest.mark.parametrize("make", [lambda: "x" * random.randint(63, 63), lambda: b"x" * random.randint(63, 63)])
def test_short_runs_are_written_twice(brain, raw, make):
    item = make()
    brain["x"] = [item, item]
    assert raw.get("x")[1].count(b"x" * 63) == 2


def test_many_objects_twice(brain):
    items = [[number] for number in range(10_000)]
    result = round_trip(brain, [items, items[::-1]])
    assert all(one is other for one, other in zip(result[0], reversed(result[1]), strict=True))
    assert result[0] == items


def test_two_equal_objects_stay_two(brain):
    result = round_trip(brain, [[1], [1], np.arange(2), np.arange(2)])
    assert result[0] is not result[1]
    assert result[2] is not result[3]


def test_cycles(brain):
    items, table, elements = [], {}, set()
    items += [items, table, elements, (items, elements)]
    table["self"] = table
    table["items"] = items
    result = round_trip(brain, items)
    assert result[0] is result
    assert result[1]["self"] is result[1]
    assert result[1]["items"] is result
    assert result[3][0] is result
    assert result[3][1] is result[2]


def a_tuple_that_holds_itself():
    inner = []
    outer = (inner,)
    inner.append(outer)
    return outer


def nested(depth, kind=list):
    value = kind()
    for _ in range(depth - 1):
        value = kind([value])
    return value


def test_a_tuple_that_holds_itself_is_pickled(brain, trusting, raw):
    value = a_tuple_that_holds_itself()
    result = round_trip(trusting, value)
    assert result[0][0] is result
    assert raw.get("x")[0] == PICKLE
    with pytest.raises(exceptions.BrainPickleError, match="'x' cannot be stored: "):
        brain["x"] = value
    with pytest.raises(exceptions.BrainPickleError, match=r"value\['a'\]\[1\] is of <class 'tuple'>"):
        brain["x"] = {"a": [1, value]}


def test_a_list_in_a_tuple_in_it_is_no_such_tuple(brain):
    items = []
    items.append((items,))
    result = round_trip(brain, items)
    assert result[0][0] is result


@pytest.mark.parametrize("kind", [list, tuple])
def test_depth(brain, trusting, raw, kind):
    value = nested(500, kind) if kind is list else nested(501, kind)  # () is no level
    assert round_trip(brain, value) == value
    assert raw.get("x")[0] == TREE
    value = [value]
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = value
    if sys.version_info < (3, 12) or kind is tuple:
        sys.setrecursionlimit(5000)
    assert same(round_trip(trusting, value), value)
    assert raw.get("x")[0] == PICKLE


def test_depth_of_keys(brain):
    key = nested(17, tuple)
    assert round_trip(brain, {key: 1, "a": {key}}) == {key: 1, "a": {key}}
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = {(key,): 1}


def test_what_is_shared_in_keys(brain):
    pair, text = (1, "a"), "x" * 100
    value = [{pair: 1, text: 2}, {pair: 3, text: 4}, {(pair, pair, text)}, pair, text]
    result = round_trip(brain, value)
    assert same(result, value)
    texts = [list(result[0])[1], list(result[1])[1], result[4]]
    assert texts[0] is texts[1] is texts[2]


def test_keys_that_grow_without_end_are_pickled(brain, trusting):
    key = (1,)
    for _ in range(14):
        key = (key, key)
    assert round_trip(trusting, {key: 1}) == {key: 1}
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = {key: 1}


# ---- the bytes ----------------------------------------------------------------------------------


def shared_twice():
    item = []
    return [item, item]


def holds_itself():
    items = []
    items.append(items)
    return items


META_2_INT16 = "01000103 00000000 0200000000000000 0200000000000000 3c6932"
# The same as in docs/format.md.
VECTORS = [
    (lambda: [1, 23, 24, 256, 65536, -1], "86 01 17 1818 190100 1a00010000 20", [], 0),
    (lambda: {"a": None, "b": [True, False]}, "a2 6161 f6 6162 82 f5 f4", [], 0),
    (lambda: (1, (), "é"), "d9ba00 83 01 d9ba00 80 62c3a9", [], 0),
    (lambda: {1}, "d90102 81 01", [], 0),
    (lambda: frozenset({b"a"}), "d9ba01 81 4161", [], 0),
    (lambda: bytearray(b"ab"), "d9ba02 426162", [], 0),
    (lambda: 1 - 2j, "d9ba03 82 fb3ff0000000000000 fbc000000000000000", [], 0),
    (
        lambda: [2**64 - 1, 2**64, -(2**64), -(2**64) - 1],
        "84 1bffffffffffffffff c249010000000000000000 3bffffffffffffffff c349010000000000000000",
        [],
        0,
    ),
    (lambda: [1.5, -0.0], "82 fb3ff8000000000000 fb8000000000000000", [], 0),
    (shared_twice, "82 80 d9ba0401", [], 1),
    (holds_itself, "81 d9ba0400", [], 1),
    (
        lambda: {"a": np.array([1, -2], "<i2")},
        f"a1 6161 d9ba06 82 581b {META_2_INT16} 00",
        [b"\x01\0\xfe\xff"],
        0,
    ),
    (lambda: [b"x" * 4096], "81 d9ba0800", [b"x" * 4096], 0),
    (lambda: [Thing(1)], "81 d9ba07 82 6a746573742e5468696e67 01", [], 0),
]


@pytest.mark.parametrize(("make", "stream", "buffers", "flags"), VECTORS)
def test_the_bytes_are_these(brain, raw, codec, make, stream, buffers, flags):
    codec(Thing)
    value = make()
    brain["x"] = value
    assert raw.get("x") == (TREE, tree(stream, buffers, flags))


@pytest.mark.parametrize(("make", "stream", "buffers", "flags"), VECTORS)
def test_these_bytes_are_the_value(brain, raw, codec, make, stream, buffers, flags):
    codec(Thing)
    raw.put("x", TREE, tree(stream, buffers, flags))
    if make is holds_itself:
        result = brain["x"]
        assert result[0] is result
    elif "5468" in stream:
        assert brain["x"][0].payload == 1
    else:
        assert same(brain["x"], make())


# ---- hostile bytes ------------------------------------------------------------------------------

NAME = "6a746573742e5468696e67"  # "test.Thing"
HOSTILE = {
    "nothing": "",
    "two items": "01 01",
    "a list that ends early": "82 01",
    "a list longer than memory": "9b 7fffffffffffffff",
    "a list of 2**64 - 1": "9b ffffffffffffffff",
    "a map that ends early": "a1 01",
    "a map longer than memory": "bb 7fffffffffffffff 01 02",
    "text beyond the end": "63 6161",
    "text beyond all": "7b ffffffffffffffff 61",
    "bytes beyond the end": "43 6161",
    "text that is no UTF-8": "61 ff",
    "text with a surrogate": "63 eda080",
    "long text that is no UTF-8": "7840" + "ff" * 64,
    "a key that is no UTF-8": "a1 61ff 01",
    "a head cut off": "19 01",
    "a float cut off": "fb 00",
    "a head that is longer than it need be": "1801",
    "the same of two bytes": "1900ff",
    "the same of four": "1a0000ffff",
    "the same of eight": "1b00000000ffffffff",
    "indefinite": "9f 01 ff",
    "reserved": "1c",
    "break": "ff",
    "undefined": "f7",
    "a simple value": "f820",
    "a half": "f93c00",
    "a single": "fa3f800000",
    "an unknown tag": "c1 01",
    "another": "d9ba09 01",
    "a tag and nothing": "d9ba00",
    "a short big int": "c248 ffffffffffffffff",
    "one with zeros in front": "c24a 00010000000000000000",
    "one that is text": "c269 313131313131313131",
    "one cut off": "c249 0100",
    "a set that is a map": "d90102 a0",
    "a set with a list in it": "d90102 8180",
    "a set with one element twice": "d90102 820101",
    "with two that are equal": "d90102 8201f5",
    "a frozenset with one twice": "d9ba01 820101",
    "a frozenset with a dict": "d9ba01 81a0",
    "a frozenset beyond the end": "d9ba01 9a7fffffff",
    "a tuple of text": "d9ba00 6161",
    "a tuple beyond the end": "d9ba00 9a7fffffff",
    "a bytearray of text": "d9ba02 6161",
    "a bytearray beyond the end": "d9ba02 5a7fffffff",
    "a complex of ints": "d9ba03 820102",
    "a complex of one": "d9ba03 81fb0000000000000000",
    "a complex cut off": "d9ba03 82fb0000000000000000",
    "a map with a key twice": "a2 6161 01 6161 02",
    "keys that are equal": "a2 01 01 f5 02",
    "a list as a key": "a1 80 01",
    "a tuple with a list as a key": "a1 d9ba008180 01",
    "a dict as a key": "a1 a0 01",
    "an array as a key": f"a1 d9ba06 82 581b {META_2_INT16} 00 01",
    "raw bytes that are no payload": "d9ba05 00",
    "a reference without the flag": "82 80 d9ba0401",
    "an array of one part": f"d9ba06 81 581b {META_2_INT16}",
    "an array whose metadata are text": "d9ba06 82 6161 00",
    "an array whose metadata are nothing": "d9ba06 82 40 00",
    "an array whose buffer is text": f"d9ba06 82 581b {META_2_INT16} 6130",
    "an array whose buffer is not there": f"d9ba06 82 581b {META_2_INT16} 01",
    "an array larger than its buffer": f"d9ba06 82 581b {META_2_INT16.replace('0200000000000000 3c', '0300000000000000 3c')} 00",
    "an array of pointers": f"d9ba06 82 581b {META_2_INT16.replace('3c6932', '7c4f32')} 00",
    "large bytes that are not there": "d9ba08 01",
    "large bytes of a negative buffer": "d9ba08 20",
    "an extension of three": f"d9ba07 83 {NAME} 01 01",
    "an extension without a payload": f"d9ba07 82 {NAME}",
    "an extension of a number": "d9ba07 82 01 01",
    "an extension whose name is a list": "d9ba07 82 80 01",
}
HOSTILE_REFERENCES = {
    "to what is not there": "81 d9ba0401",
    "far away": "81 d9ba041bffffffffffffffff",
    "negative": "81 d9ba0420",
    "nothing": "81 d9ba04",
    "to a tuple that has not ended": "d9ba00 81 d9ba0400",
    "to one further out": "d9ba00 81 81 d9ba0400",
    "to an extension that has not ended": f"d9ba07 82 {NAME} d9ba0400",
    "to a frozenset, within it": "d9ba01 81 d9ba0400",
    "as a key, to a list": "82 80 a1 d9ba0401 01",
    "as a key, to a tuple": "82 d9ba008101 a1 d9ba0401 01",
    "in a tuple that is a key": "82 d9ba008101 a1 d9ba0081d9ba0401 01",
    "as an element": "82 d9ba008101 d90102 81 d9ba0401",
    "in a payload in a key": f"82 80 a1 d9ba0782{NAME}d9ba0401 01",
}


def refused(brain, raw, data):
    raw.put("x", TREE, data)
    with pytest.raises(exceptions.BrainCorruptError, match="the value of 'x' makes no sense|array|tensor"):
        brain["x"]


@pytest.mark.parametrize("stream", HOSTILE.values(), ids=HOSTILE)
def test_what_makes_no_sense_is_refused(brain, trusting, raw, codec, stream):
    codec(Hashed)
    codec(Thing)
    for reader in (brain, trusting):
        refused(reader, raw, tree(stream, [b"\x01\0\xfe\xff"]))
        refused(reader, raw, tree("8201" + stream + "01" * 300, [b"\x01\0\xfe\xff"]) if stream else b"")


@pytest.mark.parametrize("stream", HOSTILE_REFERENCES.values(), ids=HOSTILE_REFERENCES)
def test_references_that_make_no_sense(brain, trusting, raw, codec, stream):
    codec(Thing)
    for reader in (brain, trusting):
        refused(reader, raw, tree(stream, flags=1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(15),
        tree("01")[:-1],
        (1).to_bytes(16, "little") + b"\1",
        struct.pack("<IIQ", 0, 0, 2**64 - 1),
        struct.pack("<IIQ", 0, 0, 2) + b"\1",
        struct.pack("<IIQ", 2**32 - 1, 0, 1) + b"\1",
        struct.pack("<IIQQQ", 1, 0, 4, 2**63, 1) + bytes.fromhex("d9ba0800"),
        struct.pack("<IIQQQ", 1, 0, 4, 36, 1) + bytes.fromhex("d9ba0800"),
        struct.pack("<IIQQQ", 1, 0, 4, 0, 2**64 - 1) + bytes.fromhex("d9ba0800"),
    ],
)
def test_tables_that_make_no_sense(brain, raw, data):
    refused(brain, raw, data)


@pytest.mark.parametrize("flags", [2, 3, 0x8000_0000])
def test_other_flags_are_of_a_newer_form(brain, raw, flags):
    raw.put("x", TREE, tree("01", flags=flags))
    with pytest.raises(exceptions.BrainValueError, match="a newer one put it"):
        brain["x"]


@pytest.mark.parametrize(
    "level", ["81", "d9ba0081", "a101", f"d9ba0782{NAME}", "d9010281d9ba0181", "d9ba0181"]
)
def test_nesting_is_limited(brain, raw, codec, level):
    codec(Thing)
    refused(brain, raw, tree(level * 501 + "01"))
    refused(brain, raw, tree(level * 100_000 + "01"))


def test_nesting_of_keys_is_limited(brain, raw):
    raw.put("x", TREE, tree("a1" + "d9ba0081" * 16 + "01" + "01"))
    assert list(brain["x"].values()) == [1]
    refused(brain, raw, tree("a1" + "d9ba0081" * 17 + "01" + "01"))


def test_every_stream_that_is_cut_off_is_refused(brain, trusting, raw, codec):
    codec(Thing)
    item = ["x" * 70]
    value = [item, item, (1, 2.5), {"a": {1}, "b": b"y" * 5000}, np.arange(3), Thing(1j), 2**70]
    brain["x"] = value
    _, data = raw.get("x")
    n_buffers = int.from_bytes(data[:4], "little")
    length = int.from_bytes(data[8:16], "little")
    begin = 16 + 16 * n_buffers
    for end in range(length):
        cut = data[:8] + end.to_bytes(8, "little") + data[16:]
        raw.put("x", TREE, cut)
        for reader in (brain, trusting):
            with pytest.raises(exceptions.BrainCorruptError):
                reader["x"]
    for end in range(begin + length):
        raw.put("x", TREE, data[:end])
        with pytest.raises(exceptions.BrainCorruptError):
            brain["x"]


def hash_keys(n):
    """n ints of one hash."""
    return [number * sys.hash_info.modulus for number in range(1, n + 1)]


def stored_by_hand(keys):
    numbers = b"".join(bytes([0xC2, 0x40 | 9]) + key.to_bytes(9, "big") for key in keys)
    return tree(b"\xd9\x01\x02\x99" + len(keys).to_bytes(2, "big") + numbers)


def test_keys_of_one_hash_are_limited_where_nobody_is_trusted(brain, trusting, raw):
    keys = [key for key in hash_keys(1100) if key >= 2**64]
    raw.put("x", TREE, stored_by_hand(keys[:1000]))
    assert brain["x"] == set(keys[:1000])
    raw.put("x", TREE, stored_by_hand(keys[:1001]))
    assert trusting["x"] == set(keys[:1001])
    refused(brain, raw, raw.get("x")[1])
    many = dict.fromkeys(range(100_000))
    assert round_trip(brain, many) == many


def test_changed_bytes_at_worst_raise(brain, trusting, raw, codec):
    codec(Thing)
    codec(Hashed)
    item = ["x" * 70]
    values = [
        [item, item, (1, 2.5), {"a": {1}, "b": b"y" * 4100}, np.arange(3), Thing([1j]), 2**70],
        {(1, "a"): frozenset({2}), Hashed(5): bytearray(b"x"), "z": [None, True, -1, 10**30]},
        [{"a": number, "b": str(number)} for number in range(20)],
    ]
    choose = random.Random(1)
    for value in values:
        brain["x"] = value
        _, data = raw.get("x")
        for _ in range(2000):
            changed = bytearray(data)
            for _ in range(choose.choice([1, 1, 2, 5])):
                changed[choose.randrange(min(len(data), 400))] = choose.choice(
                    [choose.randrange(256), 0, 255, 0x80, 0xD9]
                )
            raw.put("x", TREE, bytes(changed))
            for reader in (brain, trusting):
                try:
                    reader["x"]
                except exceptions.BrainError:
                    pass


# ---- encoders -----------------------------------------------------------------------------------


def test_what_has_an_encoder(brain, raw, codec):
    codec(Thing)
    result = round_trip(brain, {"a": Thing([1, Thing(None)])})
    assert type(result["a"]) is Thing
    assert type(result["a"].payload[1]) is Thing
    assert type(round_trip(brain, Thing(5))) is Thing
    assert raw.get("x")[0] == TREE


def test_one_thing_twice_is_encoded_once(brain, codec):
    calls = []
    name = codec(Thing, lambda value: calls.append(value) or ("test.Thing", value.payload))
    thing = Thing(1)
    result = round_trip(brain, [thing, thing, Thing(1)])
    assert name == "test.Thing"
    assert result[0] is result[1]
    assert result[0] is not result[2]
    assert len(calls) == 2


def test_payloads_of_the_moment_are_not_mixed_up(brain, codec):
    """Each is freed when the next is made, and may lie where it lay."""
    codec(Thing, lambda value: ("test.Thing", [[value.payload], (value.payload, "x" * 64)]))
    result = round_trip(brain, [Thing(number) for number in range(1000)])
    assert [thing.payload[0][0] for thing in result] == list(range(1000))
    assert [thing.payload[1][0] for thing in result] == list(range(1000))


def test_raw_bytes_of_a_payload_are_views(brain, codec):
    buffer = bytearray(b"abc" * 100)
    encode = lambda value: ("test.Thing", [pickle.PickleBuffer(value.payload), value.payload[:1]])  # noqa: E731
    codec(Thing, encode, lambda payload, trusted: payload)
    result = round_trip(brain, [Thing(buffer)])[0]
    buffer[:] = b"x" * 300
    assert type(result[0]).__name__ == "View"
    assert bytes(result[0]) == b"abc" * 100
    brain["x"] = None
    assert bytes(result[0]) == b"abc" * 100


def test_raw_bytes_in_several_dimensions(brain, codec):
    array = np.arange(12, dtype="u1").reshape(3, 4)
    encode = lambda value: ("test.Thing", pickle.PickleBuffer(value.payload))  # noqa: E731
    codec(Thing, encode, lambda payload, trusted: bytes(payload))
    assert round_trip(brain, Thing(array)) == bytes(range(12))
    assert round_trip(brain, Thing(np.asfortranarray(array))) == array.tobytes("F")
    with pytest.raises(exceptions.BrainValueTypeError, match="contiguous"):
        brain["x"] = Thing(array[::2])


def test_what_is_written_in_place(brain, codec):
    def write(view):
        view[:] = b"abc"

    codec(
        Thing,
        lambda value: ("test.Thing", codecs.Written(3, write)),
        lambda payload, trusted: bytes(payload),
    )
    assert round_trip(brain, [Thing(), Thing()]) == [b"abc", b"abc"]


def test_raw_bytes_elsewhere_are_pickled(brain, trusting):
    assert bytes(round_trip(trusting, [pickle.PickleBuffer(b"abc")])[0]) == b"abc"
    with pytest.raises(exceptions.BrainPickleError, match="PickleBuffer"):
        brain["x"] = [pickle.PickleBuffer(b"abc")]


def test_things_as_keys(brain, codec):
    codec(Hashed)
    thing = Hashed((1, "a"))
    value = [{thing: 1}, {thing: 2, (thing, 3): 4}, {Hashed(5)}, thing]
    assert round_trip(brain, value) == value


def test_things_that_are_keys_by_identity(brain, trusting, raw, codec):
    """An object that occurs twice, once as a key, is one object afterwards, or the key cannot be found."""
    codec(Thing)
    thing = Thing(1)
    (first, last) = round_trip(trusting, [{thing: 1}, thing])
    assert first[last] == 1
    assert raw.get("x")[0] == TREE
    (first, last) = round_trip(trusting, [thing, {thing: 1}])
    assert last[first] == 1
    assert raw.get("x")[0] == PICKLE
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = [thing, {thing: 1}]


def test_lists_in_a_payload_in_a_key_are_not_shared(brain, trusting, raw, codec):
    codec(Hashed, lambda value: ("test.Hashed", [value.shared]))
    thing = Hashed(1)
    thing.shared = [1]
    brain["x"] = {thing: 1}
    trusting["x"] = [thing.shared, {thing: 1}]
    assert raw.get("x")[0] == PICKLE


def test_a_thing_that_holds_itself_is_pickled(brain, trusting, raw, codec):
    codec(Thing)
    thing = Thing([])
    thing.payload.append(thing)
    result = round_trip(trusting, thing)
    assert result.payload[0] is result
    assert raw.get("x")[0] == PICKLE
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = thing


def test_an_encoder_without_an_end(brain, codec):
    codec(Thing, lambda value: ("test.Thing", Thing()))
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = Thing()


def test_an_encoder_that_declines(brain, trusting, raw, codec):
    codec(Thing, lambda value: None if value.payload else ("test.Thing", value.payload))
    brain["x"] = [Thing()]
    with pytest.raises(exceptions.BrainPickleError, match=r"value\[1\]\['a'\] is of .*Thing"):
        brain["x"] = [Thing(), {"a": Thing(1)}]
    assert round_trip(trusting, [Thing(), Thing(2)])[1].payload == 2
    assert raw.get("x")[0] == PICKLE


@pytest.mark.parametrize(
    "nonsense", [5, (), ("test.Thing",), ("test.Thing", 1, 2), (5, 1), ["test.Thing", 1], (b"x", 1)]
)
def test_an_encoder_that_returns_nonsense(brain, codec, nonsense):
    codec(Thing, lambda value: nonsense)
    with pytest.raises(exceptions.BrainValueTypeError, match="'x' cannot be stored: ") as caught:
        brain["x"] = [Thing()]
    assert isinstance(caught.value.__cause__, TypeError)


def raises(error):
    def function(*arguments):
        raise error

    return function


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), RecursionError()])
def test_an_encoder_that_raises(brain, codec, error):
    codec(Thing, raises(error))
    with pytest.raises(exceptions.BrainValueTypeError, match="'x' cannot be stored: ") as caught:
        brain["x"] = [Thing()]
    assert caught.value.__cause__ is error
    assert "x" not in brain


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_what_passes_an_encoder_and_a_decoder(brain, codec, error):
    codec(Thing, None, raises(error))
    brain["x"] = [Thing()]
    with pytest.raises(type(error)):
        brain["x"]
    codec(Thing, raises(error))
    with pytest.raises(type(error)):
        brain["x"] = [Thing()]


def test_a_buffer_that_fails_while_it_is_written(brain, codec):
    codec(Thing, lambda value: ("test.Thing", codecs.Written(3, raises(OSError("no")))))
    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = [b"x" * 5000, np.arange(3), Thing()]


CHANGES = {
    "a list that grows": ([Thing(), 1, 2], lambda value: value.append(3)),
    "a list that shrinks": ([Thing(), 1, 2], lambda value: value.clear()),
    "a dict that grows": ({"a": Thing(), "b": 1}, lambda value: value.update(c=1)),
    "a dict that shrinks": ({"a": Thing(), "b": 1}, lambda value: value.clear()),
    "a dict that shrinks while its key is encoded": ({Hashed(): 1, "b": 1}, lambda value: value.clear()),
    "a set that grows": ({Hashed(), 1}, lambda value: value.add(2)),
    "a set that shrinks": ({Hashed(), 1}, lambda value: value.clear()),
}


@pytest.mark.parametrize(("value", "change"), CHANGES.values(), ids=CHANGES)
def test_an_encoder_that_changes_what_it_is_in(brain, codec, value, change):
    def encode(thing):
        change(value)
        gc.collect()
        return f"test.{type(thing).__name__}", None

    codec(Thing, encode)
    codec(Hashed, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="changed") as caught:
        brain["x"] = value
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_encoder_that_moves_keys_of_what_it_is_in(brain, codec):
    """As many keys as before, but one of them a second time, and another not at all."""
    value = {"first": Thing(), **{str(number): number for number in range(5)}}

    def encode(thing):
        first, *others = list(value.items())
        value.clear()
        value.update([*others, first])
        return "test.Thing", None

    codec(Thing, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="a dict changed while it was put"):
        brain["x"] = value


def test_encoders_that_put_others_when_the_last_of_them_fails(brain, codec):
    """Each put says why it failed: to ask the encoders once more doubled the work with each of them."""
    asked = []

    def encode(thing):
        asked.append(thing.payload)
        if thing.payload == 0:
            raise ZeroDivisionError
        brain["x"] = Thing(thing.payload - 1)
        return "test.Thing", None

    codec(Thing, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="whose encoder failed"):
        brain["x"] = Thing(12)
    assert len(asked) < 30


def test_a_key_hashed_by_identity_in_a_tuple_that_comes_again(brain, new_path, codec):
    """One that nobody but the tuple has is no less the same object in both dicts: that is pickled."""
    codec(Thing, lambda thing: ("test.Thing", None))
    key = (Thing(),)
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = [{key: 1}, {key: 2}]
    with Brain(path=new_path(), pickle=True) as other:
        other["x"] = [{key: 1}, {key: 2}]
        first, second = other["x"]
        assert next(iter(first)) in second


def test_an_encoder_that_replaces_what_comes_next(brain, codec):
    value = [Thing(), ["old"], {"a": ["old"]}]

    def encode(thing):
        value[1] = ["new"]
        value[2]["a"] = ["new"]
        gc.collect()
        return "test.Thing", None

    codec(Thing, encode)
    assert round_trip(brain, value)[1:] == [["new"], {"a": ["new"]}]


def test_an_encoder_that_puts_and_gets(brain, codec):
    def encode(value):
        brain["inner"] = [["inner"] * 100, brain.get("x")]
        return "test.Thing", brain["inner"]

    codec(Thing, encode)
    result = round_trip(brain, [Thing(), "x" * 64, Thing()])
    assert result[2].payload[0] == ["inner"] * 100
    assert brain["inner"][1] is None


def test_encoders_in_two_threads_at_once(brain, codec):
    both = threading.Barrier(2)

    def encode(value):
        both.wait()
        return "test.Thing", [value.payload, np.full(1000, value.payload)]

    def decode(payload, trusted):
        both.wait()
        return payload

    codec(Thing, encode, decode)
    results = [None, None]

    def run(number):
        shared = [number]
        brain[f"x{number}"] = [shared, *(Thing(number) for _ in range(20)), shared]
        results[number] = brain[f"x{number}"]

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, result in enumerate(results):
        assert result[0] is result[-1]
        assert result[0] == [number]
        assert all(payload == number and (array == number).all() for payload, array in result[1:-1])


# ---- decoders -----------------------------------------------------------------------------------


def test_a_decoder_is_told_whether_the_bytes_are_trusted(brain, trusting, codec):
    codec(Thing, None, lambda payload, trusted: trusted)
    brain["x"] = Thing()
    assert brain["x"] is False
    assert trusting["x"] is True


def test_a_name_without_a_decoder(brain, raw):
    raw.put("x", TREE, tree(f"81 d9ba07 82 {NAME} 01"))
    with pytest.raises(exceptions.BrainValueError, match="the value of 'x' .*'test.Thing'"):
        brain["x"]


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("no"), RecursionError()])
def test_a_decoder_that_raises(brain, codec, error):
    codec(Thing, None, raises(error))
    brain["x"] = [Thing()]
    for get in (lambda: brain["x"], lambda: brain.get("x"), lambda: brain.get_many(["x"])):
        with pytest.raises(exceptions.BrainValueError, match="the value of 'x' is there") as caught:
            get()
        assert caught.value.__cause__ is error


def test_a_decoder_that_says_that_it_is_corrupt(brain, codec):
    codec(Thing, None, raises(exceptions.BrainCorruptError("codes beyond the categories")))
    brain["x"] = [Thing()]
    with pytest.raises(exceptions.BrainCorruptError, match="codes beyond"):
        brain["x"]


def test_a_decoder_that_changes_a_list_that_is_not_complete(brain, codec):
    def decode(payload, trusted):
        assert list(payload[0]) == [None] * 4
        payload[0].clear()

    codec(Thing, None, decode)
    items = []
    items += [Thing([items]), 1, 2, 3]
    brain["x"] = items
    with pytest.raises(exceptions.BrainValueError):
        brain["x"]


def test_a_decoder_that_closes_the_brain(path, codec):
    with Brain(path, capacity=1_000_000, pickle=False) as brain:
        codec(Thing, None, lambda payload, trusted: brain.close())
        for value in ([Thing()], [Thing(), "x" * 1000], [Thing(), np.arange(5)]):
            with Brain(path, pickle=False) as other:
                other["x"] = value
            brain.__init__(path, pickle=False)
            assert brain["x"][0] is None
            assert brain.closed


def test_unhashable_things_as_keys(brain, raw, codec):
    codec(Hashed, None, lambda payload, trusted: [])
    brain["x"] = {Hashed(1): 1}
    with pytest.raises(exceptions.BrainCorruptError, match="has no hash"):
        brain["x"]


# ---- tables -------------------------------------------------------------------------------------


@pytest.fixture
def arrow(monkeypatch):
    def encode(value):
        if value.payload is None:
            return None
        return "arrow", (b"meta", pickle.PickleBuffer(value.payload))

    monkeypatch.setitem(codecs.top_encoders, Thing, encode)
    monkeypatch.setitem(codecs.encoders, Thing, lambda value: ("test.Thing", value.payload))
    monkeypatch.setitem(codecs.decoders, "test.Thing", lambda payload, trusted: Thing(payload))
    monkeypatch.setitem(codecs.decoders, "pyarrow.stream", lambda payload, trusted: (*payload, trusted))


def test_a_table_is_of_a_kind_of_its_own(brain, raw, arrow):
    brain["x"] = Thing(b"stream" * 100)
    assert raw.get("x") == (ARROW, b"stream" * 100)
    for result in (brain["x"], brain.get_many(["x"])["x"]):
        meta, view, trusted = result
        assert (meta, bytes(view), trusted) == (b"meta", b"stream" * 100, False)
    brain["x"] = 1
    assert bytes(view) == b"stream" * 100


def test_a_table_within_a_value_or_that_the_encoder_declines(brain, raw, arrow):
    brain["x"] = [Thing(b"stream")]
    assert raw.get("x")[0] == TREE
    brain["x"] = Thing(None)
    assert raw.get("x")[0] == TREE


@pytest.mark.parametrize(
    "payload", [5, (), (b"meta",), ("meta", pickle.PickleBuffer(b"")), (b"meta", b"stream")]
)
def test_a_table_of_nonsense(brain, monkeypatch, payload):
    monkeypatch.setitem(codecs.top_encoders, Thing, lambda value: ("arrow", payload))
    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = Thing()


def test_a_table_whose_decoder_raises(brain, raw, arrow, monkeypatch):
    raw.put("x", ARROW, b"nonsense")
    monkeypatch.setitem(codecs.decoders, "pyarrow.stream", raises(KeyError("x")))
    with pytest.raises(exceptions.BrainValueError, match="the value of 'x' is there"):
        brain["x"]


# ---- memory -------------------------------------------------------------------------------------


def test_long_text_does_not_keep_a_second_copy(brain):
    text = "é" * 100_000
    before = sys.getsizeof(text)
    brain["x"] = text
    brain["y"] = [text]
    assert sys.getsizeof(text) == before
    assert brain["x"] == brain["y"][0] == text


def test_a_value_without_buffers_keeps_no_pin(brain):
    kept = round_trip(brain, [list(range(1000)), b"x" * 100])
    used = brain.used()
    for number in range(200):
        brain["x"] = [list(range(1000)), number]
        kept.append(brain["x"])
    assert brain.used() <= used + 4096


def test_nothing_is_leaked(brain, codec):
    codec(Thing)
    codec(Hashed)
    item, key = ["x" * 70], ("a", 1)
    objects = [item, key, item[0]]
    value = [item, item, {key: 1}, {key}, Thing([np.arange(3), pickle.PickleBuffer(b"x" * 100)])]
    bad = [*value, object()]
    before = [sys.getrefcount(item) for item in objects]
    for _ in range(10):
        brain["x"] = value
        assert brain["x"][0][0] == item[0]
        with pytest.raises(exceptions.BrainPickleError):
            brain["x"] = bad
    assert [sys.getrefcount(item) for item in objects] == before
