"""What the store does with values that have an encoder, in Python: for tests of encoders and decoders."""
"""What encoders give, as it looks after it was in a store: for tests of the encoders and decoders alone."""

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

class Stored:
    """The payload of an encoder in memory that cannot be written, and where that memory is."""

    def __init__(self, value):
        encode = codecs.encoders.get(type(value)) or codecs.find_encoder(type(value))
        self.keep(encode(value))

    def keep(self, encoded):
        self.ranges = []
        self.n_bytes = 0
        self.name, payload = encoded
        self.payload = self._kept(payload)
        return self

    @classmethod
    def top(cls, value):
        """The same for a value with a kind of its own."""
        codecs.find_encoder(type(value))
        kind, (metadata, stream) = codecs.top_encoders[type(value)](value)
        assert kind == "arrow"
        return cls.__new__(cls).keep(("pyarrow.stream", (metadata, stream)))

    def recall(self, trusted=True):
        return codecs.find_decoder(self.name)(self.payload, trusted)

    def holds(self, address, n_bytes):
        return n_bytes == 0 or any(start <= address and address + n_bytes <= end for start, end in self.ranges)

    def _kept(self, payload):
        if isinstance(payload, codecs.Written):
            return self._memory(payload.to_bytes())
        if isinstance(payload, pickle.PickleBuffer):
            return self._memory(payload)
        if isinstance(payload, np.ndarray):
            order = "F" if payload.flags.f_contiguous and not payload.flags.c_contiguous else "C"
            memory = self._memory(payload.tobytes(order))
            return np.frombuffer(memory, payload.dtype).reshape(payload.shape, order=order)
        if isinstance(payload, (tuple, list)):
            return type(payload)(self._kept(part) for part in payload)
        if isinstance(payload, dict):
            return {key: self._kept(part) for key, part in payload.items()}
        return payload

    def _memory(self, data):
        """A copy at a multiple of 64, as buffers lie in a store."""
        data = np.frombuffer(data, np.uint8)
        room = np.empty(len(data) + 64, np.uint8)
        copy = room[-room.ctypes.data % 64 :][: len(data)]
        copy[:] = data
        copy.flags.writeable = False
        self.ranges.append((copy.ctypes.data, copy.ctypes.data + len(data)))
        self.n_bytes += len(data)
        return memoryview(copy)
