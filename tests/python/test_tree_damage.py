"""The form TREE, where its bytes are not what an encoder writes."""

import random
import struct
import sys

import numpy as np
import pytest
from brain_plasma import exceptions
from raw_values import TREE, tree
from tree_kit import Hashed, META_2_INT16, NAME, Thing, brain, codec, raw, round_trip, same, trusting  # noqa: F401


# ---- hostile bytes ------------------------------------------------------------------------------

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
