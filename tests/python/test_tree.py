"""Plain data, nested, in the form TREE: what goes in comes out, and its bytes."""

import gc
import math
import random
import struct
import sys

import numpy as np
import pytest
from brain_plasma import exceptions
from raw_values import PICKLE, TREE, tree
from tree_kit import META_2_INT16, Thing, brain, codec, raw, round_trip, same, trusting  # noqa: F401


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
