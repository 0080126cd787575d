"""What is recalled goes to other libraries as a value of its type does, with no copy where it needs none."""

import ctypes

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse as sp
from looked_into import Places, buffers

N = 10_000


@pytest.fixture
def recalled(brain):
    def put_and_recall(value):
        brain["x"] = value
        return brain["x"]

    return put_and_recall


def lies_in_store(value, brain):
    places = Places(value, brain.directory)
    return places.stored_bytes > 0 and places.other_bytes == 0


def addresses(value):
    return {address for address, _ in buffers(value)}


# ---- arrays --------------------------------------------------------------------------------------

ARRAYS = {
    "float": np.arange(N) / 3,
    "2-d": np.arange(N, dtype="i4").reshape(100, 100),
    "fortran": np.arange(N).reshape(100, 100).copy(order="F"),
    "bool": np.arange(N) % 2 == 0,
    "complex": np.arange(N) * 1j,
}
arrays = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)


@arrays
def test_dlpack(brain, recalled, array):
    value = recalled(array)
    assert value.__dlpack_device__() == (1, 0)  # the CPU
    try:
        taken = np.from_dlpack(value)
    except BufferError:  # NumPy before 2.1 exports nothing that is read-only
        assert np.lib.NumpyVersion(np.__version__) < "2.1.0"
        return
    assert np.array_equal(taken, array) and taken.dtype == array.dtype and taken.strides == array.strides
    assert not taken.flags.writeable
    assert lies_in_store(taken, brain)
    del value, brain["x"]
    brain["y"] = np.zeros(10 * N)
    assert np.array_equal(taken, array)


def test_dlpack_without_a_version_raises_as_for_any_array_that_is_read_only(recalled):
    plain = np.arange(3)
    plain.flags.writeable = False
    for value in (plain, recalled(np.arange(3))):
        with pytest.raises(BufferError):
            value.__dlpack__()


def test_dlpack_of_dates_is_refused_as_numpy_does(recalled):
    value = recalled(np.arange(3).astype("M8[s]"))
    with pytest.raises((BufferError, TypeError)):
        np.from_dlpack(value)


@arrays
def test_array_interface(brain, recalled, array):
    value = recalled(array)
    interface = value.__array_interface__
    assert interface["data"][1] is True  # read-only
    assert {**interface, "data": None} == {**array.__array_interface__, "data": None}

    class Exporter:
        __array_interface__ = interface
        base = value

    taken = np.asarray(Exporter())
    assert np.array_equal(taken, array)
    assert not taken.flags.writeable and lies_in_store(taken, brain)
    struct = np.asarray(type("Exporter", (), {"__array_struct__": value.__array_struct__})())
    assert np.array_equal(struct, array)


@arrays
def test_buffer_protocol(brain, recalled, array):
    with memoryview(array) as expected, memoryview(recalled(array)) as view:
        assert (view.format, view.shape, view.strides) == (expected.format, expected.shape, expected.strides)
        assert view.readonly
        assert view.tobytes() == expected.tobytes()
        if view.format != "Zd":
            with pytest.raises(TypeError, match="read-only"):
                view[(0,) * view.ndim] = view[(0,) * view.ndim]
    with pytest.raises((BufferError, TypeError, ValueError)):
        (ctypes.c_char * 1).from_buffer(recalled(array))


def test_who_takes_buffers(brain, recalled, tmp_path):
    value = recalled(np.arange(N, dtype="u1"))
    assert bytes(value) == bytes(range(256)) * (N // 256) + bytes(range(N % 256))
    (tmp_path / "file").write_bytes(value)
    assert (tmp_path / "file").read_bytes() == bytes(value)
    buffer = pa.py_buffer(value)
    assert not buffer.is_mutable and lies_in_store(buffer, brain)
    assert lies_in_store(pa.array(recalled(np.arange(N))), brain)


def test_a_memoryview_is_a_memoryview(brain, recalled):
    view = recalled(memoryview(np.arange(N, dtype="i4").reshape(100, -1)))
    assert (view.format, view.shape, view.readonly) == ("i", (100, 100), True)
    assert lies_in_store(np.asarray(view), brain)


def test_sparse(brain, recalled):
    matrix = sp.csr_array(sp.eye_array(N, format="csr"))
    value = recalled(matrix)
    for name in ("data", "indices", "indptr"):
        part = (
            np.from_dlpack(getattr(value, name)) if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else None
        )
        assert part is None or (np.array_equal(part, getattr(matrix, name)) and lies_in_store(part, brain))
    assert lies_in_store(sp.csr_array((value.data, value.indices, value.indptr), value.shape), brain)


# ---- Arrow ---------------------------------------------------------------------------------------


class Stream:
    """Something that has a stream of Arrow, and nothing else that anybody could ask it for."""

    def __init__(self, value):
        self.value = value

    def __arrow_c_stream__(self, requested_schema=None):
        return self.value.__arrow_c_stream__(requested_schema)


class Array:
    def __init__(self, value):
        self.value = value

    def __arrow_c_array__(self, requested_schema=None):
        return self.value.__arrow_c_array__(requested_schema)


def table():
    return pa.table({"a": np.arange(N), "b": np.arange(N) / 2, "s": [f"text {i}" for i in range(N)]})


def polars_frame():
    return pl.DataFrame({"a": np.arange(N), "b": np.arange(N) / 2, "s": [f"text {i}" for i in range(N)]})


def pandas_frame():
    texts = pd.array([f"text {i}" for i in range(N)], dtype="string[pyarrow]")
    return pd.DataFrame({"a": np.arange(N), "b": np.arange(N) / 2, "s": texts})


def has_stream(kind):
    return hasattr(kind, "__arrow_c_stream__")


def outlives(brain, taken, content):
    """It is equal, and still is when the name has gone and others have been put."""
    expected = content(taken)
    del brain["x"]
    brain.trim()
    brain["y"] = np.full(20 * N, -1)
    assert content(taken) == expected


def of_arrow(value):
    return value.to_pydict()


def test_table_to_polars(brain, recalled):
    value = recalled(table())
    taken = pl.DataFrame(Stream(value))
    assert taken.equals(polars_frame())
    assert addresses(value["a"]) <= addresses(taken) and addresses(value["b"]) <= addresses(taken)
    del value
    outlives(brain, taken, lambda frame: frame.to_dict(as_series=False))


def test_table_to_arrow(brain, recalled):
    value = recalled(table())
    taken = pa.table(Stream(value))
    assert taken.equals(table()) and lies_in_store(taken, brain)
    batches = pa.RecordBatchReader.from_stream(Stream(value)).read_all()
    assert batches.equals(table()) and lies_in_store(batches, brain)
    del value, batches
    outlives(brain, taken, of_arrow)


def test_table_to_pandas(brain, recalled):
    value = recalled(table())
    assert value.to_pandas()["s"].tolist() == [f"text {i}" for i in range(N)]
    assert lies_in_store(value["a"].chunk(0).to_numpy(), brain)
    if hasattr(pd.DataFrame, "from_arrow"):
        assert pd.DataFrame.from_arrow(Stream(value))["a"].tolist() == list(range(N))
    taken = value.to_pandas(types_mapper=pd.ArrowDtype)
    assert lies_in_store(taken, brain)
    del value
    outlives(brain, taken, lambda frame: frame.to_dict("list"))


def test_batch_and_arrays(brain, recalled):
    batch = recalled(table().combine_chunks().to_batches()[0])
    taken = pa.record_batch(Array(batch))
    assert taken.equals(batch) and lies_in_store(taken, brain)
    array = recalled(pa.array(np.arange(N)))
    assert lies_in_store(pa.array(Array(array)), brain)
    assert pl.Series(Array(array)).to_list() == list(range(N))
    chunks = recalled(pa.chunked_array([np.arange(N), np.arange(5)]))
    assert lies_in_store(pa.chunked_array(Stream(chunks)), brain)
    assert pa.schema(recalled(table().schema)).equals(table().schema)


def test_dlpack_of_arrow(brain, recalled):
    array = recalled(pa.array(np.arange(N)))
    assert array.__dlpack_device__() == (1, 0)
    taken = np.from_dlpack(array)
    assert taken.tolist() == list(range(N)) and lies_in_store(taken, brain)
    outlives(brain, taken, np.ndarray.tolist)


def test_arrow_buffers(brain, recalled):
    buffer = recalled(pa.py_buffer(bytes(range(200)) * 50))
    assert memoryview(buffer).readonly and lies_in_store(np.frombuffer(buffer, "u1"), brain)
    tensor = recalled(pa.Tensor.from_numpy(np.arange(N).reshape(100, 100)))
    assert lies_in_store(tensor.to_numpy(), brain)
    with memoryview(tensor) as view:
        assert view.shape == (100, 100) and view.readonly


def test_polars_to_arrow(brain, recalled):
    value = recalled(polars_frame())
    taken = pa.table(Stream(value))
    assert taken.to_pydict() == table().to_pydict()
    assert addresses(taken["a"]) | addresses(taken["b"]) <= addresses(value)
    assert pl.DataFrame(Stream(value)).equals(polars_frame())
    series = recalled(pl.Series(range(N)))
    assert lies_in_store(pa.chunked_array(Stream(series)), brain)
    assert lies_in_store(series.to_numpy(), brain) and not series.to_numpy().flags.writeable
    del value, series
    outlives(brain, taken, of_arrow)


def test_polars_to_pandas(brain, recalled):
    value = recalled(polars_frame())
    assert value.to_pandas()["b"].tolist() == pandas_frame()["b"].tolist()
    taken = value.to_pandas(use_pyarrow_extension_array=True)
    assert addresses(taken["a"].array._pa_array) <= addresses(value)
    del value
    outlives(brain, taken, lambda frame: frame.to_dict("list"))


@pytest.mark.skipif(not has_stream(pd.DataFrame), reason="pandas before 2.2")
def test_pandas_to_arrow(brain, recalled):
    value = recalled(pandas_frame())
    taken = pa.table(Stream(value))
    assert taken.to_pydict() == table().to_pydict()
    if has_stream(pd.Series):  # pandas 2 makes texts of another type of them
        assert lies_in_store(taken["s"], brain)
    assert lies_in_store(pa.Table.from_pandas(value)["a"], brain)
    assert pl.DataFrame(Stream(value)).equals(polars_frame())
    del value
    outlives(brain, taken, of_arrow)


def test_pandas_to_polars(brain, recalled):
    value = recalled(pandas_frame())
    taken = pl.from_pandas(value)
    assert taken.equals(polars_frame())
    del value
    outlives(brain, taken, lambda frame: frame.to_dict(as_series=False))


@pytest.mark.skipif(not has_stream(pd.Series), reason="pandas before 3")
def test_series_of_pandas(brain, recalled):
    value = recalled(pandas_frame()["s"])
    taken = pa.chunked_array(Stream(value))
    assert taken.to_pylist() == value.tolist() and lies_in_store(taken, brain)


def test_pandas_to_numpy(brain, recalled):
    value = recalled(pandas_frame())
    taken = np.asarray(value["a"])
    assert lies_in_store(taken, brain) and not taken.flags.writeable
    assert np.asarray(value[["a", "b"]]).shape == (N, 2)


# ---- each into each, through the store ------------------------------------------------------------


@pytest.mark.parametrize("make", [table, polars_frame, pandas_frame])
def test_what_was_taken_can_be_put_again(brain, recalled, make):
    value = recalled(make())
    if not has_stream(type(value)):
        pytest.skip("pandas before 2.2")
    brain["again"] = pl.DataFrame(Stream(value))
    brain["once more"] = pa.table(Stream(brain["again"]))
    assert brain["once more"].to_pydict() == table().to_pydict()
