"""Wrong arguments for every method of a Plasma client, and what they leave."""

import pytest
from brain_plasma import BrainError, plasma

HUGE = [2**31, 2**62, 2**63 - 1, 2**63, 2**64, 2**200]


@pytest.fixture
def client(brain, path):
    client = plasma.connect(path)
    yield client
    left = plasma.connect(path).list()
    assert {entry["state"] for entry in left.values()} <= {"sealed"}
    assert brain.check() == []


def new_id():
    return plasma.ObjectID.from_random()


NO_IDS = [None, 5, "text", b"x" * 20, bytearray(20), [], (), object(), plasma.ObjectID]


@pytest.mark.parametrize("wrong", NO_IDS)
def test_what_is_no_id(client, wrong):
    for call in (
        lambda: client.put(1, wrong) if wrong is not None else client._put(1, wrong),
        lambda: client.put_raw_buffer(b"", wrong)
        if wrong is not None
        else client._put_bytes(b"", wrong, b""),
        lambda: client.create(wrong, 5),
        lambda: client.create_and_seal(wrong, b""),
        lambda: client.seal(wrong),
        lambda: client.get([wrong]),
        lambda: client.get_buffers([wrong]),
        lambda: client.get_metadata([wrong]),
        lambda: client.contains(wrong),
        lambda: client.hash(wrong),
        lambda: client.delete([wrong]),
    ):
        with pytest.raises(TypeError):
            call()
    assert client.list() == {}


@pytest.mark.parametrize("size", HUGE)
def test_sizes_beyond_all_bounds(client, size):
    for _ in range(3):
        id = new_id()
        with pytest.raises((plasma.PlasmaStoreFull, OverflowError, ValueError)):
            client.create(id, size, b"metadata")
        assert client.list() == {}
        client.put(1, id)
        client.delete([id])


@pytest.mark.parametrize("size", [-1, -(2**63), -(2**64), 1.5, "5", None, b"", [5]])
def test_sizes_that_are_none(client, size):
    with pytest.raises((TypeError, ValueError, OverflowError)):
        client.create(new_id(), size)
    assert client.list() == {}


@pytest.mark.parametrize("data", [None, 5, "text", object(), [1]])
def test_what_is_no_buffer(client, data):
    with pytest.raises(TypeError):
        client.put_raw_buffer(data)
    with pytest.raises(TypeError):
        client.put_raw_buffer(b"", new_id(), data)
    with pytest.raises(TypeError):
        client.create_and_seal(new_id(), data)
    assert client.list() == {}


def test_a_buffer_that_is_not_contiguous(client):
    with pytest.raises((BufferError, ValueError, TypeError)):
        client.put_raw_buffer(memoryview(bytes(100))[::2])


@pytest.mark.parametrize("timeout", ["5", None, [], b"", 0.5])
def test_timeouts_that_are_none(client, timeout):
    with pytest.raises(TypeError):
        client.get([new_id()], timeout)


@pytest.mark.parametrize("timeout", [0, 1, True, False])
def test_timeouts_that_end(client, timeout):
    assert client.get([new_id()] * 2, timeout) == [plasma.ObjectNotAvailable] * 2
    assert client.get_buffers([new_id()], timeout) == [None]


@pytest.mark.parametrize("timeout", [-1, -5, -(2**70), 2**31, 2**63, 2**70])
def test_timeouts_that_do_not(client, path, timeout):
    import threading

    id, second_id = new_id(), new_id()
    other = plasma.connect(path)
    threading.Timer(0.05, other.put, [1, id]).start()
    threading.Timer(0.06, other.put, [2, second_id]).start()
    assert client.get([id, second_id], timeout) == [1, 2]


@pytest.mark.parametrize("number", [-1, -(2**63), 0])
def test_evict_of_nothing(client, number):
    client.put(1)
    assert client.evict(number) == 0


@pytest.mark.parametrize("number", ["5", None, 1.5, [], 2**63, 2**100, -(2**64)])
def test_evict_of_what_is_no_number(client, number):
    client.put(1)
    with pytest.raises((TypeError, OverflowError)):
        client.evict(number)
    assert len(client.list()) == 1


def test_more_or_fewer_arguments(client):
    for name in dir(client):
        method = getattr(client, name)
        if name.startswith("__") or not callable(method):
            continue
        if name in ("disconnect", "_disconnect"):
            continue
        with pytest.raises(TypeError):
            method(*[None] * 12)


def test_arguments_of_the_core_that_are_none(client):
    for name in dir(client):
        if not name.startswith("_") or name.startswith("__") or name == "_disconnect":
            continue
        method = getattr(client, name)
        for n in range(5):
            for wrong in (None, -1, 2**64, b"", "x", object()):
                if callable(method):
                    try:
                        method(*[wrong] * n)
                    except (TypeError, ValueError, OverflowError, AttributeError, BrainError):
                        pass


def test_a_client_that_was_never_connected():
    client = plasma.PlasmaClient.__new__(plasma.PlasmaClient)
    for call in (
        lambda: client._put(1, new_id()),
        lambda: client._list(),
        lambda: client.get([new_id()], 0),
        lambda: client.seal(new_id()),
        lambda: client.evict(5),
        lambda: client.to_capsule(),
    ):
        with pytest.raises((BrainError, OSError, AttributeError)):
            call()
    client._disconnect()


def test_a_client_connects_once(client, path):
    with pytest.raises(BrainError):
        client.__init__(path)
    client.put(1)


@pytest.mark.parametrize("wrong", [None, 5, b"/dev/shm/x", "", "a\0b", "\udcff", "x" * 5000])
def test_paths_that_are_none(wrong):
    with pytest.raises((TypeError, ValueError, OSError, BrainError)):
        plasma.connect(wrong, num_retries=0)


def test_everything_after_disconnect(client):
    id = client.put(1)
    client.subscribe()
    [buffer] = client.get_buffers([id])
    client.disconnect()
    client.disconnect()
    for call in (
        lambda: client.put(1),
        lambda: client.put_raw_buffer(b""),
        lambda: client.create(new_id(), 1),
        lambda: client.create_and_seal(new_id(), b""),
        lambda: client.get(id),
        lambda: client.get([id], 0),
        lambda: client.get_buffers([id]),
        lambda: client.get_metadata([id]),
        lambda: client.contains(id),
        lambda: client.hash(id),
        lambda: client.list(),
        lambda: client.delete([id]),
        lambda: client.evict(1),
        lambda: client.subscribe(),
        lambda: client.get_notification_socket(),
        lambda: client.get_next_notification(),
        lambda: client.to_capsule(),
        lambda: client.set_client_options("x", 5),
    ):
        with pytest.raises((OSError, BrainError)):
            call()
    assert buffer.size > 0


def test_subclasses_of_ids(client):
    class Sub(plasma.ObjectID):
        def __init__(self, _):
            self.extra = 5

    id = Sub(bytes(range(20)))
    plain = plasma.ObjectID(bytes(range(20)))
    assert client.put(1, id) is id
    assert client.get(plain) == client.get(id) == 1
    assert client.contains(plain)
    assert plain in client.list()
    client.delete([id])
    client.create(id, 5)
    client.seal(plain)
    assert client.contains(id)


def test_what_views_outlive(brain, client):
    id = client.put_raw_buffer(bytes(range(250)) * 100)
    small_id = client.put_raw_buffer(b"small")
    buffers = client.get_buffers([id, small_id])
    created = client.create(new_id(), 5000)
    memoryview(created).cast("B")[:] = b"c" * 5000
    expected = [bytes(range(250)) * 100, b"small"]
    client.delete([id, small_id])
    assert [bytes(buffer) for buffer in buffers] == expected
    brain.trim()
    assert [bytes(buffer) for buffer in buffers] == expected
    client.disconnect()
    assert [bytes(buffer) for buffer in buffers] == expected
    assert bytes(created) == b"c" * 5000


def test_what_outlives_the_store(brain, path):
    client = plasma.connect(path)
    ids = [client.put_raw_buffer(b"x" * size) for size in (5, 5000)]
    buffers = client.get_buffers(ids)
    created = client.create(new_id(), 5000)
    client.delete(ids)
    client.subscribe()
    brain.destroy()
    assert [bytes(buffer) for buffer in buffers] == [b"x" * 5, b"x" * 5000]
    memoryview(created).cast("B")[:] = b"c" * 5000
    for call in (lambda: client.put(1), lambda: client.list(), lambda: client.evict(1)):
        with pytest.raises(OSError):
            call()
    client.disconnect()
    del buffers[0], client
    assert bytes(buffers[0]) == b"x" * 5000
    assert bytes(created) == b"c" * 5000
