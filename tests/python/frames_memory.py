"""Memory in place of a store, where pandas objects have their buffers, and when two are the same."""

import datetime
import io
import zoneinfo

import numpy as np
import pandas as pd
import pyarrow as pa
from brain_plasma.codecs import decoders, encoders, frames, frames_indexes

PANDAS_3 = int(pd.__version__.partition(".")[0]) >= 3

frames.load("pandas")


# ---- in place of a store ------------------------------------------------------------------------


class NotPlain(Exception):
    """Something that only a pickle can take."""


class Extension:
    def __init__(self, name, payload):
        self.name = name
        self.payload = payload


class Memory:
    """Where the buffers of payloads lie, and what is made of values over it."""

    def __init__(self, size=1 << 20):
        self.data = np.zeros(size, np.uint8)
        self.used = 0
        self.address = self.data.ctypes.data

    def holds(self, address, size):
        return self.address <= address and address + size <= self.address + self.data.size

    def room(self, size):
        place = slice(self.used, self.used + size)
        self.used = (self.used + size + 63) // 64 * 64
        assert self.used <= self.data.size
        return self.data[place]

    def array(self, array):
        """What a recall makes of an array."""
        order = "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"
        room = self.room(array.nbytes)
        copy = np.ndarray(array.shape, array.dtype, room, order=order)
        copy[...] = array
        copy.flags.writeable = False
        return copy

    def chunks(self, chunks):
        stream = io.BytesIO()
        table = pa.table({"c": chunks})
        with pa.ipc.new_stream(stream, table.schema) as writer:
            writer.write_table(table)
        room = self.room(len(stream.getvalue()))
        room[:] = np.frombuffer(stream.getvalue(), np.uint8)
        room.flags.writeable = False
        return pa.ipc.open_stream(pa.py_buffer(room)).read_all().column(0)

    def take(self, value, plain=True):
        """The tree of a value. plain: as where pickles are refused."""
        kind = type(value)
        # Codecs of other libraries may be loaded by now, or not: their values are taken as they are.
        encode = encoders.get(kind) if kind.__module__.partition(".")[0] == "pandas" else None
        if encode is not None:
            found = encode(value)
            if found is not None:
                name, payload = found
                assert name.startswith("pandas.")
                return Extension(name, self.take(payload, plain))
        if kind is np.ndarray and value.dtype.kind != "O":
            return self.array(value)
        if kind is pa.ChunkedArray:
            return self.chunks(value)
        if kind in (tuple, list):
            return kind(self.take(item, plain) for item in value)
        if kind is dict:
            return {self.take(key, plain): self.take(item, plain) for key, item in value.items()}
        if plain and not (kind in PLAIN or isinstance(value, np.generic)):
            raise NotPlain(kind)
        return value


PLAIN = (
    type(None), bool, int, float, complex, str, bytes, datetime.timezone, zoneinfo.ZoneInfo, datetime.date,
)  # fmt: skip


def give(tree, trusted=True):
    """What is made of a tree."""
    kind = type(tree)
    if kind is Extension:
        return decoders[tree.name](give(tree.payload, trusted), trusted)
    if kind in (tuple, list):
        return kind(give(item, trusted) for item in tree)
    if kind is dict:
        return {give(key, trusted): give(item, trusted) for key, item in tree.items()}
    return tree


def recall(value, trusted=True, plain=True):
    memory = Memory()
    return give(memory.take(value, plain), trusted), memory


# ---- where things lie ---------------------------------------------------------------------------


def buffers(value):
    """(address, size) of each buffer that pandas has of a value; of Python's objects none."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind != "O":
            yield value.ctypes.data, value.nbytes
    elif isinstance(value, pa.ChunkedArray):
        for chunk in value.chunks:
            for buffer in chunk.buffers():
                if buffer is not None:
                    yield buffer.address, buffer.size
    elif isinstance(value, pd.DataFrame):
        for block in value._mgr.blocks:
            yield from buffers(block.values)
        yield from buffers(value.index)
        yield from buffers(value.columns)
    elif isinstance(value, pd.Series):
        yield from buffers(value._mgr.blocks[0].values)
        yield from buffers(value.index)
    elif isinstance(value, pd.RangeIndex):
        pass
    elif isinstance(value, pd.MultiIndex):
        for part in (*value.levels, *value.codes):
            yield from buffers(part)
    elif isinstance(value, pd.Index):
        if not are_labels(value):
            yield from buffers(value._data)
    elif isinstance(value, pd.Categorical):
        yield from buffers(value._codes)
        yield from buffers(value.categories)
    elif isinstance(value, pd.arrays.IntervalArray):
        yield from buffers(value._left)
        yield from buffers(value._right)
    elif isinstance(value, pd.arrays.SparseArray):
        pass  # its operations refuse what they could not write to
    elif hasattr(value, "_mask"):
        yield from buffers(value._data)
        yield from buffers(value._mask)
    elif hasattr(value, "_pa_array"):
        yield from buffers(value._pa_array)
    else:
        yield from buffers(value._ndarray)


def are_labels(index):
    """Few strings, which are copied."""
    text = index.dtype == object or isinstance(index.dtype, pd.StringDtype)
    return text and len(index) <= frames_indexes.MAX_LABELS and all(type(label) is str for label in index)


# ---- what is the same ---------------------------------------------------------------------------


def assert_same(result, value):
    assert type(result) is type(value)
    if isinstance(value, pd.DataFrame):
        pd.testing.assert_frame_equal(
            result, value, check_exact=True, check_index_type="exact", check_column_type="exact",
            check_freq=True, check_flags=True,
        )  # fmt: skip
        assert_same(result.index, value.index)
        assert_same(result.columns, value.columns)
        assert [repr(dtype) for dtype in result.dtypes] == [repr(dtype) for dtype in value.dtypes]
        assert_same_attrs(result, value)
        for number in range(value.shape[1]):
            assert_same_missing(result.iloc[:, number], value.iloc[:, number])
    elif isinstance(value, pd.Series):
        pd.testing.assert_series_equal(
            result, value, check_exact=True, check_index_type="exact", check_freq=True, check_flags=True
        )
        assert repr(result.dtype) == repr(value.dtype)
        assert_same(result.index, value.index)
        assert_same_attrs(result, value)
        assert_same_missing(result, value)
    elif isinstance(value, pd.Index):
        pd.testing.assert_index_equal(result, value, exact=True, check_exact=True)
        assert repr(result.dtype) == repr(value.dtype)
        assert getattr(result, "freq", None) == getattr(value, "freq", None)
        assert list(result.names) == list(value.names)
        if isinstance(value, pd.MultiIndex):
            assert result.sortorder == value.sortorder
            for mine, its in zip(result.levels, value.levels):
                assert_same(mine, its)
        else:
            assert repr(result) == repr(value)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        pd.testing.assert_extension_array_equal(result, value, check_exact=True)
        assert repr(result.dtype) == repr(value.dtype)
        assert getattr(result, "freq", None) == getattr(value, "freq", None)
    else:
        assert repr(result) == repr(value)


def assert_same_attrs(result, value):
    assert result.attrs.keys() == value.attrs.keys()
    for key in value.attrs:
        assert_same(result.attrs[key], value.attrs[key])


def assert_same_missing(result, value):
    """None is None, NaN is NaN."""
    if value.dtype == object:
        for mine, its in zip(result, value):
            assert type(mine) is type(its) and (mine is its or mine == its or mine != mine)


def blocks_of(frame):
    return [
        (type(block.values), block.values.dtype, block.values.shape, block.mgr_locs.as_array.tolist())
        for block in frame._mgr.blocks
    ]
