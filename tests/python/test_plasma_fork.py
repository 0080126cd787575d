"""A Plasma client in a forked child, and in children of multiprocessing."""

import multiprocessing
import os
import select

import pytest
from brain_plasma import BrainError, plasma
from children import in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


def new_id():
    return plasma.ObjectID.from_random()


def test_the_child_goes_on_with_the_client(brain, client):
    id = client.put_raw_buffer(b"parent's")
    [buffer] = client.get_buffers([id])
    childs_id = new_id()

    def child():
        assert client.get(id) == b"parent's"
        client.put_raw_buffer(b"child's", childs_id)
        other_id = new_id()
        memoryview(client.create(other_id, 5)).cast("B")[:] = b"12345"
        client.seal(other_id)
        assert client.get(other_id) == b"12345"
        client.delete([other_id])
        assert client.evict(10**9) == 7
        client.put_raw_buffer(b"child's", childs_id)
        client.create(new_id(), 100)  # and dies with it

    in_child(child)
    assert client.get(childs_id) == b"child's"
    assert buffer.to_pybytes() == b"parent's"
    assert {entry["state"] for entry in client.list().values()} == {"sealed"}
    assert brain.check() == []


@pytest.mark.parametrize("size", [100, 5000])
def test_what_the_parent_is_writing_stays_its_own(brain, client, size):
    ids = [new_id() for _ in range(3)]
    buffers = [client.create(id, size) for id in ids]
    for buffer in buffers:
        memoryview(buffer).cast("B")[:] = b"p" * size

    def child():
        nonlocal buffers
        with pytest.raises((BrainError, OSError)):
            client.seal(ids[0])
        assert not client.contains(ids[0])
        assert bytes(buffers[0]) in (bytes(size), b"p" * size)
        memoryview(buffers[1]).cast("B")[:] = b"c" * size
        with pytest.raises(plasma.PlasmaObjectExists):
            client.create(ids[1], size)
        client._abort(ids[2])
        client.disconnect()
        buffers = None

    in_child(child)
    for id in ids:
        client.seal(id)
        assert client.get(id) == b"p" * size
    assert brain.check() == []


@pytest.mark.parametrize("size", [100, 5000])
def test_the_child_has_what_was_sealed(client, size):
    id = new_id()
    buffer = client.create(id, size)
    memoryview(buffer).cast("B")[:] = b"p" * size
    client.seal(id)

    def child():
        assert buffer.to_pybytes() == b"p" * size
        memoryview(buffer).cast("B")[:] = b"c" * size

    in_child(child)
    assert buffer.to_pybytes() == client.get(id) == b"p" * size


def test_a_buffer_in_the_child_keeps_its_object(client):
    id = client.put_raw_buffer(b"x" * 5000)
    [buffer] = client.get_buffers([id])
    reader, writer = os.pipe()
    done, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"x")
        os.read(done, 1)
        ok = buffer.to_pybytes() == b"x" * 5000
        os._exit(0 if ok else 1)
    os.read(reader, 1)
    del buffer
    assert client.evict(10**9) == 0
    client.delete([id])
    assert client.contains(id)
    os.write(end, b"x")
    assert os.waitpid(pid, 0)[1] == 0
    assert not client.contains(id)
    for fd in (reader, writer, done, end):
        os.close(fd)


@pytest.mark.parametrize("ends", ["disconnect", "exit", "nothing"])
def test_the_parents_subscription_stays_its_own(brain, path, client, ends):
    client.subscribe()
    first = client.put(1)

    def child():
        with pytest.raises(BrainError, match="subscribe"):
            client.get_next_notification()
        if ends == "disconnect":
            client.disconnect()
        elif ends == "exit":
            import atexit

            atexit._run_exitfuncs()

    in_child(child)
    second = client.put(2)
    assert [client.get_next_notification()[0] for _ in range(2)] == [first, second]
    client.disconnect()
    assert brain.stat()["n_namespaces"] <= 2


def test_the_child_may_subscribe_itself(client):
    client.subscribe()
    before = client.put(1)

    def child():
        with pytest.raises(BrainError):
            client.get_next_notification()
        client.subscribe()
        assert client.get_next_notification()[0] == before
        id = client.put(2)
        assert client.get_next_notification()[0] == id
        client.disconnect()

    in_child(child)
    assert client.get_next_notification()[0] == before
    assert client.get_next_notification()[1:] != (-1, -1)


def test_the_stream_ends_with_the_parents_client(client):
    """And not with the child, which has it, too."""
    client.subscribe()
    stream = client.get_notification_socket()
    end, ended = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(end, 1)
        os._exit(0)
    client.disconnect()
    assert select.select([stream], [], [], 10)[0]
    assert stream.recv(8) == b""
    os.write(ended, b"x")
    os.waitpid(pid, 0)
    stream.close()
    os.close(end)
    os.close(ended)


def work(path, number):
    client = plasma.connect(path)
    id = client.put_raw_buffer(bytes([number]) * 1000)
    client.create(plasma.ObjectID.from_random(), 1000)
    return id


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers(brain, path, client, method):
    client.subscribe()
    with multiprocessing.get_context(method).Pool(2) as pool:
        ids = pool.starmap(work, [(path, number) for number in range(6)])
        pool.close()
        pool.join()
    assert [client.get(id) for id in ids] == [bytes([number]) * 1000 for number in range(6)]
    assert {client.get_next_notification()[0] for _ in ids} == set(ids)
    assert {entry["state"] for entry in client.list().values()} == {"sealed"}
    assert brain.used() == 6000
