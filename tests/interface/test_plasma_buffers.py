"""Buffers: what they are, and that the object stays as long as one of them."""

import gc

import numpy as np
import pytest
from implementation import plasma
from processes import eventually

CONTENT = b"0123456789"


def new_id():
    return plasma.ObjectID.from_random()


@pytest.fixture
def created(client):
    """The buffer of an object that is not sealed, and its id."""
    id = new_id()
    buffer = client.create(id, len(CONTENT), b"meta")
    memoryview(buffer).cast("B")[:] = CONTENT
    return buffer, id


@pytest.fixture
def got(client):
    """A buffer that a client got; nobody else has one."""
    [buffer] = client.get_buffers([client.put_raw_buffer(CONTENT, metadata=b"meta")])
    return buffer


@pytest.mark.covers("PlasmaBuffer", "PlasmaClient.create")
def test_create_gives_a_plasma_buffer(created):
    assert type(created[0]) is plasma.PlasmaBuffer


@pytest.mark.covers("PlasmaBuffer")
def test_nobody_makes_a_plasma_buffer_but_a_client():
    with pytest.raises(TypeError):
        plasma.PlasmaBuffer(b"bytes")


@pytest.mark.covers("PlasmaBuffer", "PlasmaClient.get_buffers", "PlasmaClient.get_metadata")
def test_buffers_are_those_of_arrow_where_it_is_installed(client, created, got):
    arrow = pytest.importorskip("pyarrow")
    [metadata] = client.get_metadata([client.put_raw_buffer(CONTENT, metadata=b"meta")])
    assert isinstance(created[0], arrow.Buffer)
    assert isinstance(got, arrow.Buffer)
    assert isinstance(metadata, arrow.Buffer)


@pytest.mark.covers("PlasmaBuffer.size", "PlasmaBuffer.__len__", "PlasmaBuffer.to_pybytes")
def test_size_and_content(created, got):
    for buffer in (created[0], got):
        assert buffer.size == len(buffer) == len(CONTENT)
        assert type(buffer.to_pybytes()) is bytes
        assert buffer.to_pybytes() == bytes(buffer) == CONTENT


@pytest.mark.covers("PlasmaBuffer.is_mutable", "PlasmaBuffer (buffer protocol)")
def test_a_created_buffer_can_be_written_until_it_is_sealed(client, created):
    buffer, id = created
    assert buffer.is_mutable
    view = memoryview(buffer)
    assert not view.readonly
    assert (view.nbytes, view.ndim, view.itemsize) == (len(CONTENT), 1, 1)
    np.frombuffer(buffer, dtype="uint8")[:3] = 65
    client.seal(id)
    assert client.get_buffers([id])[0].to_pybytes() == b"AAA" + CONTENT[3:]
    assert buffer.to_pybytes() == b"AAA" + CONTENT[3:]


@pytest.mark.covers("PlasmaBuffer.is_mutable", "PlasmaBuffer (buffer protocol)")
def test_a_got_buffer_cannot_be_written(client, got):
    [metadata] = client.get_metadata([client.put_raw_buffer(b"", metadata=b"meta")])
    for buffer in (got, metadata):
        assert not buffer.is_mutable
        assert memoryview(buffer).readonly
        with pytest.raises(TypeError):
            memoryview(buffer)[0] = 65
        with pytest.raises(ValueError):
            np.frombuffer(buffer, dtype="uint8")[0] = 65
        with pytest.raises(TypeError):
            buffer[0] = 65


@pytest.mark.covers("PlasmaBuffer.__getitem__")
def test_indices(created, got):
    for buffer in (created[0], got):
        assert (buffer[0], buffer[9], buffer[-1]) == (ord("0"), ord("9"), ord("9"))
        for outside in (10, -11, 2**40):
            with pytest.raises(IndexError):
                buffer[outside]


@pytest.mark.covers("PlasmaBuffer.__getitem__", "PlasmaBuffer.slice")
def test_slices_are_buffers(created, got):
    for buffer in (created[0], got):
        for part in (buffer[2:5], buffer.slice(2, 3), buffer.slice(offset=2, length=3)):
            assert part.size == 3
            assert part.to_pybytes() == CONTENT[2:5]
        assert buffer[:0].to_pybytes() == b""
        assert buffer[-3:].to_pybytes() == buffer.slice(7).to_pybytes() == CONTENT[-3:]


@pytest.mark.covers("PlasmaBuffer.__eq__", "PlasmaBuffer.equals")
def test_equality_is_that_of_the_bytes(client, created, got):
    [different] = client.get_buffers([client.put_raw_buffer(CONTENT[:-1] + b"X")])
    assert created[0] == got == CONTENT
    assert got.equals(created[0])
    assert got != different
    assert not got.equals(different)
    assert got != CONTENT[:-1]


@pytest.mark.covers("PlasmaBuffer.hex")
def test_hex(got):
    assert got.hex() == CONTENT.hex().upper().encode()


@pytest.mark.covers("PlasmaBuffer.address")
def test_clients_of_one_process_read_the_same_bytes(got):
    assert isinstance(got.address, int)
    assert got.address == np.frombuffer(got, "uint8").ctypes.data


# ---- arrow ------------------------------------------------------------------------------------


@pytest.fixture
def arrow():
    return pytest.importorskip("pyarrow")


@pytest.mark.covers("PlasmaBuffer", "PlasmaClient.create")
def test_arrow_writes_a_record_batch_into_a_created_one(arrow, client, second_client):
    batch = arrow.RecordBatch.from_arrays(
        [arrow.array([1, 12, 23, 3, 34], arrow.int32())], ["field"]
    )
    size = arrow.MockOutputStream()
    with arrow.RecordBatchStreamWriter(size, batch.schema) as writer:
        writer.write_batch(batch)
    id = new_id()
    stream = arrow.FixedSizeBufferWriter(client.create(id, size.size()))
    with arrow.RecordBatchStreamWriter(stream, batch.schema) as writer:
        writer.write_batch(batch)
    del stream, writer
    client.seal(id)
    [buffer] = second_client.get_buffers([id])
    read = arrow.RecordBatchStreamReader(buffer).read_next_batch()
    second_client.disconnect()
    del buffer, second_client
    gc.collect()
    assert read.equals(batch)


@pytest.mark.covers("PlasmaBuffer", "PlasmaClient.get_buffers")
def test_arrow_reads_a_tensor_from_a_got_one(arrow, client):
    data = np.arange(40.0).reshape(10, 4)
    tensor = arrow.Tensor.from_numpy(data)
    id = new_id()
    buffer = client.create(id, arrow.ipc.get_tensor_size(tensor))
    arrow.ipc.write_tensor(tensor, arrow.FixedSizeBufferWriter(buffer))
    client.seal(id)
    [buffer] = client.get_buffers([id])
    assert (arrow.ipc.read_tensor(arrow.BufferReader(buffer)).to_numpy() == data).all()


# ---- what keeps an object ---------------------------------------------------------------------


def use_buffer(buffer):
    return buffer


def use_slice(buffer):
    return buffer[2:]


def use_memoryview(buffer):
    return memoryview(buffer)


def use_array(buffer):
    return np.frombuffer(buffer, "uint8")[1:]


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
@pytest.mark.parametrize("use", [use_buffer, use_slice, use_memoryview, use_array])
def test_whatever_is_made_of_a_buffer_keeps_the_object(client, second_client, use):
    def count():
        return second_client.list()[id]["ref_count"]

    id = client.put_raw_buffer(CONTENT * 100)
    used = use(client.get_buffers([id])[0])
    assert count() == 1
    expected = bytes(used)
    second_client.delete([id])
    assert second_client.evict(10**9) == 0
    assert bytes(used) == expected
    del used
    eventually(lambda: id not in second_client.list())


@pytest.mark.covers("PlasmaBuffer (keeps its object)", "PlasmaClient.get_metadata")
def test_a_buffer_of_the_metadata_keeps_the_object(client):
    id = client.put_raw_buffer(CONTENT, metadata=b"meta")
    [metadata] = client.get_metadata([id])
    assert client.list()[id]["ref_count"] == 1
    client.delete([id])
    assert metadata.to_pybytes() == b"meta"
    del metadata
    eventually(lambda: client.list() == {})


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
def test_the_buffer_from_create_keeps_the_object_after_the_seal(client, created):
    buffer, id = created
    client.seal(id)
    client.delete([id])
    assert client.list()[id]["ref_count"] == 1
    assert buffer.to_pybytes() == CONTENT


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
def test_a_buffer_outlives_eviction_pressure(small_store, small_client):
    other_client = small_store.connect()
    id = small_client.put_raw_buffer(b"k" * 100_000)
    [buffer] = small_client.get_buffers([id])
    for _ in range(50):
        other_client.put_raw_buffer(b"x" * 100_000)
    assert buffer.to_pybytes() == b"k" * 100_000
    assert other_client.contains(id)


@pytest.mark.covers("PlasmaBuffer (keeps its object)", "PlasmaClient.disconnect")
def test_buffers_outlive_disconnect(client, got):
    array = client.get(client.put(np.arange(1000)))
    client.disconnect()
    assert got.to_pybytes() == CONTENT
    assert (array == np.arange(1000)).all()


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
@pytest.mark.defect("the store counts no buffers of a client that has disconnected")
def test_the_store_keeps_what_a_disconnected_client_still_uses(small_store, small_client):
    other_client = small_store.connect()
    [buffer] = small_client.get_buffers([small_client.put_raw_buffer(b"k" * 500_000)])
    small_client.disconnect()
    for _ in range(20):
        other_client.put_raw_buffer(b"x" * 400_000)
    assert buffer.to_pybytes() == b"k" * 500_000


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
def test_buffers_and_arrays_outlive_their_client_object(store):
    client = store.connect()
    array = client.get(client.put(np.zeros(1000)))
    [buffer] = client.get_buffers([client.put_raw_buffer(CONTENT)])
    created = client.create(new_id(), 10)
    del client
    gc.collect()
    assert (array == 0).all()
    assert buffer.to_pybytes() == CONTENT
    assert created.size == 10


@pytest.mark.covers("PlasmaBuffer (keeps its object)")
def test_buffers_outlive_the_store(store, got):
    store.end()
    assert got.to_pybytes() == CONTENT
