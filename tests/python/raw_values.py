"""Values as their bytes: what nobody puts who keeps the rules, and what those who do have put."""

import ctypes
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "build" / "test" / "src" / "libbrain.so.1"
ARROW, PICKLE, TREE = 9, 10, 11
SPACE = b"default"


class Value(ctypes.Structure):
    _fields_ = [
        ("kind", ctypes.c_uint32),
        ("n_parts", ctypes.c_uint32),
        ("parts", ctypes.c_void_p),
        ("meta", ctypes.c_char_p),
        ("meta_len", ctypes.c_size_t),
        ("description", ctypes.c_char_p),
        ("description_len", ctypes.c_size_t),
        ("created_ns", ctypes.c_uint64),
    ]


class Part(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_char_p),
        ("size_bytes", ctypes.c_size_t),
        ("align", ctypes.c_size_t),
    ]


class _View(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size_bytes", ctypes.c_uint64),
        ("meta", ctypes.c_void_p),
        ("description", ctypes.c_void_p),
        ("name", ctypes.c_void_p),
        ("version", ctypes.c_uint64),
        ("kind", ctypes.c_uint32),
        ("meta_len", ctypes.c_uint16),
        ("description_len", ctypes.c_uint16),
        ("name_len", ctypes.c_uint16),
        ("tag", ctypes.c_uint16),
        ("object", ctypes.c_uint32),
        ("pin", ctypes.c_uint32),
        ("store", ctypes.c_void_p),
    ]


class RawStore:
    """The store at a path, through the C library alone."""

    def __init__(self, path):
        if not LIBRARY.exists():
            pytest.skip("no library in build/test: ./run build")
        self._library = ctypes.CDLL(str(LIBRARY))
        self._store, self._space = ctypes.c_void_p(), ctypes.c_void_p()
        assert self._library.brain_open(path.encode(), None, ctypes.byref(self._store)) == 0
        opened = self._library.brain_space_open(
            self._store, SPACE, ctypes.c_size_t(len(SPACE)), ctypes.byref(self._space)
        )
        assert opened == 0

    def close(self):
        self._library.brain_space_close(self._space)
        self._library.brain_close(self._store)

    def put(self, name, kind, data, meta=b""):
        part = Part(data, len(data), 0)
        value = Value(kind, 1, ctypes.addressof(part), meta, len(meta), b"", 0)
        name = name.encode(errors="surrogateescape")
        code = self._library.brain_put(
            self._space,
            name,
            ctypes.c_size_t(len(name)),
            ctypes.byref(value),
            ctypes.c_uint64(2**64 - 1),
            None,
        )
        assert code == 0

    def get(self, name):
        """The kind of a value, and its data."""
        buffer = ctypes.create_string_buffer(1_000_000)
        size, kind = ctypes.c_size_t(), ctypes.c_uint32()
        name = name.encode()
        code = self._library.brain_get_copy(
            self._space,
            name,
            ctypes.c_size_t(len(name)),
            buffer,
            ctypes.c_size_t(len(buffer)),
            ctypes.byref(size),
            ctypes.byref(kind),
            None,
        )
        assert code == 0
        return kind.value, buffer.raw[: size.value]

    def whole(self, name):
        """The kind of a value, its data and its metadata."""
        view = _View()
        name = name.encode()
        code = self._library.brain_get(
            self._space, name, ctypes.c_size_t(len(name)), ctypes.byref(view)
        )
        assert code == 0
        try:
            data = ctypes.string_at(view.data, view.size_bytes) if view.size_bytes else b""
            meta = ctypes.string_at(view.meta, view.meta_len) if view.meta_len else b""
            return view.kind, data, meta
        finally:
            self._library.brain_view_drop(ctypes.byref(view))


def tree(stream, buffers=(), flags=0):
    """The data of a TREE: `stream`, bytes or hex, behind its table, and its buffers."""
    stream = bytes.fromhex(stream) if isinstance(stream, str) else stream
    table = len(buffers).to_bytes(4, "little") + flags.to_bytes(4, "little")
    table += len(stream).to_bytes(8, "little")
    end = 16 + 16 * len(buffers) + len(stream)
    behind = b""
    for buffer in buffers:
        offset = -(-end // 64) * 64
        table += offset.to_bytes(8, "little") + len(buffer).to_bytes(8, "little")
        behind += bytes(offset - end) + buffer
        end = offset + len(buffer)
    return table + stream + behind
