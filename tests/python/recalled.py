"""What encoders give, as it looks after it was in a store: for tests of the encoders and decoders alone."""

import pickle

import numpy as np
from brain_plasma import codecs


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
        return n_bytes == 0 or any(
            start <= address and address + n_bytes <= end for start, end in self.ranges
        )

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
