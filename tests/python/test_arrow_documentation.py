"""What Arrow's documentation taught people to do with Plasma, step by step: objects, buffers, a tensor, a
table of pandas, and the command that makes the store. Arrow 11 is the last whose pages have it."""

import subprocess

import numpy as np
import pytest
from brain_plasma import plasma, store_process

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

CAPACITY = 1_000_000_000


@pytest.fixture
def socket(path):
    """plasma_store runs, in what would be another terminal."""
    program = store_process._find_program()
    with subprocess.Popen(
        [program, "-m", str(CAPACITY), "-s", path], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr.readline().startswith(store_process.READY)
            yield path
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.fixture
def client(socket):
    return plasma.connect(socket)


@pytest.fixture
def second_client(socket):
    return plasma.connect(socket)


def test_the_store_has_the_size_that_its_command_line_says(client):
    assert client.store_capacity() == CAPACITY


def test_a_path_where_no_store_is(new_path):
    path = new_path()
    with pytest.raises(OSError, match=path):
        plasma.connect(path, num_retries=1)


def test_an_id_is_twenty_bytes(client):
    assert repr(plasma.ObjectID(20 * b"a")) == f"ObjectID({20 * '61'})"
    random = plasma.ObjectID(np.random.bytes(20))
    assert not client.contains(random)


def test_objects_are_put_and_got(client, second_client):
    greeting = client.put("hello, world")
    assert second_client.get(greeting) == "hello, world"
    several = [client.put(number) for number in (1, 2, 3)]
    assert second_client.get(several) == [1, 2, 3]
    missing = plasma.ObjectID.from_random()
    assert client.get(missing, timeout_ms=10) is plasma.ObjectNotAvailable
    assert client.get([greeting, missing], timeout_ms=10) == ["hello, world", plasma.ObjectNotAvailable]


def test_an_object_is_written_in_place_and_sealed(client, second_client):
    id = plasma.ObjectID(20 * b"a")
    written = memoryview(client.create(id, 1000)).cast("B")
    for at in range(1000):
        written[at] = at % 128
    [nothing] = second_client.get_buffers([id], timeout_ms=10)
    assert nothing is None  # it is not sealed yet
    client.seal(id)
    [buffer] = second_client.get_buffers([id])
    view = memoryview(buffer)
    assert (view[1], view[129], bytes(view[1:4])) == (1, 1, b"\1\2\3")
    assert bytes(view) == bytes(written)
    assert view.readonly


def test_numpy_writes_an_object(client, second_client):
    numbers = np.arange(100_000, dtype="float64")
    id = plasma.ObjectID.from_random()
    np.frombuffer(client.create(id, numbers.nbytes), "float64")[:] = numbers
    client.seal(id)
    [buffer] = second_client.get_buffers([id])
    np.testing.assert_array_equal(np.frombuffer(buffer, "float64"), numbers)


def test_objects_are_listed(client):
    client.put("hello, world")
    client.put("another object")
    id = plasma.ObjectID.from_random()
    kept = client.create(id, 100)
    listed = client.list()
    assert sorted(info["state"] for info in listed.values()) == ["created", "sealed", "sealed"]
    assert (listed[id]["data_size"], listed[id]["metadata_size"]) == (100, 0)
    assert (listed[id]["ref_count"], listed[id]["construct_duration"]) == (1, -1)
    del kept


def test_a_tensor_of_arrow(client, second_client):
    data = np.random.default_rng(0).standard_normal((10, 4))
    tensor = pa.Tensor.from_numpy(data)
    id = plasma.ObjectID(np.random.bytes(20))
    buffer = client.create(id, pa.ipc.get_tensor_size(tensor))
    pa.ipc.write_tensor(tensor, pa.FixedSizeBufferWriter(buffer))
    client.seal(id)
    del buffer, tensor

    [buffer] = second_client.get_buffers([id])
    got = pa.ipc.read_tensor(pa.BufferReader(buffer)).to_numpy()
    np.testing.assert_array_equal(got, data)
    client.delete([id])
    client.disconnect()
    np.testing.assert_array_equal(got, data)  # its memory is kept, whoever lets go of what else


def test_a_table_of_pandas(client, second_client):
    table = pd.DataFrame(
        {
            "one": pd.Series([1.0, 2.0, 3.0], index=["a", "b", "c"]),
            "two": pd.Series([1.0, 2.0, 3.0, 4.0], index=["a", "b", "c", "d"]),
        }
    )
    # RecordBatch.from_pandas(), which was documented, takes no index of text from pandas 3.
    [batch] = pa.Table.from_pandas(table).combine_chunks().to_batches()

    def write(sink):
        with pa.RecordBatchStreamWriter(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return sink

    id = plasma.ObjectID(np.random.bytes(20))
    size = write(pa.MockOutputStream()).size()
    write(pa.FixedSizeBufferWriter(client.create(id, size)))
    client.seal(id)

    [buffer] = second_client.get_buffers([id])
    reader = pa.RecordBatchStreamReader(pa.BufferReader(buffer))
    pd.testing.assert_frame_equal(reader.read_next_batch().to_pandas(), table)


def test_a_large_tensor_with_several_threads(client):
    """The documentation tries huge pages out so; see `-h` of plasma_store."""
    data = np.random.default_rng(0).standard_normal(1_000_000)
    tensor = pa.Tensor.from_numpy(data)
    id = plasma.ObjectID.from_random()
    stream = pa.FixedSizeBufferWriter(client.create(id, pa.ipc.get_tensor_size(tensor)))
    stream.set_memcopy_threads(4)
    pa.ipc.write_tensor(tensor, stream)
    client.seal(id)
    [buffer] = client.get_buffers([id])
    np.testing.assert_array_equal(pa.ipc.read_tensor(pa.BufferReader(buffer)).to_numpy(), data)
