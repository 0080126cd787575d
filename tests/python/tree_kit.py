"""What the tests of the form TREE have in common."""

import struct

import numpy as np
import pytest
from brain_plasma import Brain, codecs
from raw_values import RawStore

# In hex: the metadata of an array of two int16, and the name "test.Thing".
META_2_INT16 = "01000103 00000000 0200000000000000 0200000000000000 3c6932"
NAME = "6a746573742e5468696e67"


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
