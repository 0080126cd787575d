"""What the store does with values that have an encoder, in Python: for tests of encoders and decoders."""

import pickle

import numpy as np
from brain_plasma import codecs

PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray)


class Pickled(Exception):
    """The value cannot be stored without a pickle."""


def encode(value):
    """Its payload with payloads in it: plain data, arrays, and tuples ("extension", name, payload)."""
    kind = type(value)
    if kind in PLAIN and not (kind is str and not value.isprintable() and _has_surrogates(value)):
        return value
    if kind is list:
        return [encode(item) for item in value]
    if kind in (tuple, set, frozenset):
        return kind(encode(item) for item in value)
    if kind is dict:
        return {encode(key): encode(item) for key, item in value.items()}
    if kind is pickle.PickleBuffer:
        return memoryview(bytes(value.raw())).toreadonly()
    if kind is codecs.Written:
        return memoryview(bytes(value.to_bytes())).toreadonly()
    if kind is np.ndarray and value.dtype.type is not np.record and not value.dtype.hasobject:
        array = value.copy(order="A")
        array.flags.writeable = False
        return array
    encoder = codecs.encoders.get(kind) or codecs.find_encoder(kind)
    encoded = None if encoder is None else encoder(value)
    if encoded is None:
        raise Pickled(kind)
    name, payload = encoded
    assert type(name) is str
    return Extension(name, encode(payload))


class Extension:
    def __init__(self, name, payload):
        self.name, self.payload = name, payload


def decode(item, trusted=False):
    kind = type(item)
    if kind is list:
        return [decode(part, trusted) for part in item]
    if kind in (tuple, set, frozenset):
        return kind(decode(part, trusted) for part in item)
    if kind is dict:
        return {decode(key, trusted): decode(part, trusted) for key, part in item.items()}
    if kind is Extension:
        return decode_named(item.name, decode(item.payload, trusted), trusted)
    return item


def decode_named(name, payload, trusted=False):
    decoder = codecs.decoders.get(name) or codecs.find_decoder(name)
    return decoder(payload, trusted)


def trip(value):
    return decode(encode(value))


def _has_surrogates(text):
    return any("\ud800" <= character <= "\udfff" for character in text)
