"""What a subscriber is told."""

import asyncio
import select
import socket
import struct

import pytest
from implementation import plasma

N_UNREAD = 10_000


def new_id():
    return plasma.ObjectID.from_random()


def told(client):
    return client.get_next_notification()


def receive(stream, size):
    """So many bytes; a stream may give them in parts."""
    received = b""
    while len(received) < size:
        part = stream.recv(size - len(received))
        assert part
        received += part
    return received


def receive_message(stream):
    [length] = struct.unpack("@q", receive(stream, 8))
    return receive(stream, length)


def check_that_nothing_else_was_told(subscriber, second_client):
    """What is told next is what comes next."""
    id = second_client.put_raw_buffer(b"sentinel")
    assert told(subscriber) == (id, 8, 0)


@pytest.fixture
def subscriber(client):
    assert client.subscribe() is None
    return client


@pytest.fixture
def stream(subscriber):
    """The socket of the subscriber."""
    with subscriber.get_notification_socket() as stream:
        yield stream


@pytest.mark.covers("PlasmaClient.subscribe", "PlasmaClient.get_next_notification")
def test_each_seal_is_told_in_its_order(subscriber, second_client):
    expected = []
    for size in range(100):
        id = second_client.put_raw_buffer(bytes(size), metadata=bytes(2 * size))
        expected.append((id, size, 2 * size))
    for message in expected:
        got = told(subscriber)
        assert type(got) is tuple
        assert [type(part) for part in got] == [plasma.ObjectID, int, int]
        assert got == message


@pytest.mark.covers("PlasmaClient.get_next_notification")
def test_a_subscriber_is_told_of_its_own(subscriber):
    id = subscriber.put_raw_buffer(b"data")
    assert told(subscriber) == (id, 4, 0)


@pytest.mark.covers("PlasmaClient.subscribe")
def test_the_order_is_that_of_sealing_and_not_of_creating(subscriber, second_client):
    ids = [new_id() for _ in range(3)]
    for id in ids:
        second_client.create(id, 10)
    check_that_nothing_else_was_told(subscriber, second_client)
    for id in reversed(ids):
        second_client.seal(id)
    assert [told(subscriber)[0] for _ in ids] == ids[::-1]


@pytest.mark.covers("PlasmaClient.subscribe")
def test_a_subscriber_is_told_first_what_is_there(client, second_client):
    id = second_client.put_raw_buffer(b"before", metadata=b"meta")
    client.subscribe()
    later = second_client.put_raw_buffer(b"later")
    assert told(client) == (id, 6, 4)
    assert told(client) == (later, 5, 0)


@pytest.mark.covers("PlasmaClient.get_next_notification", "PlasmaClient.delete")
def test_each_deletion_is_told(subscriber, second_client):
    ids = [second_client.put_raw_buffer(b"data") for _ in range(3)]
    for id in ids:
        assert told(subscriber) == (id, 4, 0)
    second_client.delete([ids[1], new_id()])
    assert told(subscriber) == (ids[1], -1, -1)
    second_client.delete([ids[0], ids[2]])
    assert {told(subscriber), told(subscriber)} == {(ids[0], -1, -1), (ids[2], -1, -1)}
    check_that_nothing_else_was_told(subscriber, second_client)


@pytest.mark.covers("PlasmaClient.get_next_notification", "PlasmaClient.delete")
def test_a_deletion_that_waits_is_told_when_it_happens(subscriber, second_client):
    id = second_client.put_raw_buffer(b"data")
    [buffer] = second_client.get_buffers([id])
    assert told(subscriber) == (id, 4, 0)
    subscriber.delete([id])
    check_that_nothing_else_was_told(subscriber, second_client)
    del buffer
    assert told(subscriber) == (id, -1, -1)


@pytest.mark.covers("PlasmaClient.get_next_notification", "PlasmaClient.evict")
def test_each_eviction_is_told_in_its_order(subscriber, second_client):
    ids = [second_client.put_raw_buffer(b"data", metadata=b"meta") for _ in range(10)]
    assert [told(subscriber) for _ in ids] == [(id, 4, 4) for id in ids]
    assert second_client.evict(1) == 8
    assert told(subscriber) == (ids[0], -1, -1)
    second_client.evict(10**9)
    assert [told(subscriber) for _ in ids[1:]] == [(id, -1, -1) for id in ids[1:]]


@pytest.mark.covers("PlasmaClient.get_next_notification")
def test_objects_without_a_byte_are_told_like_others(subscriber, second_client):
    ids = [second_client.put_raw_buffer(b"") for _ in range(9)]
    ids.append(second_client.put_raw_buffer(b"data"))
    assert [told(subscriber) for _ in ids] == [(id, 0, 0) for id in ids[:-1]] + [(ids[-1], 4, 0)]
    assert second_client.evict(1) == 4
    assert [told(subscriber) for _ in ids] == [(id, -1, -1) for id in ids]


@pytest.mark.covers("PlasmaClient.subscribe", "PlasmaClient (eviction)")
def test_an_eviction_for_a_new_object_is_told(small_store, small_client):
    small_client.subscribe()
    first = small_client.put_raw_buffer(bytes(900_000))
    assert told(small_client) == (first, 900_000, 0)
    second = small_client.put_raw_buffer(bytes(900_000))
    assert told(small_client) == (first, -1, -1)
    assert told(small_client) == (second, 900_000, 0)


@pytest.mark.covers("PlasmaClient.get_notification_socket", "PlasmaClient.decode_notifications")
def test_the_messages_on_the_socket(stream, subscriber, second_client):
    assert isinstance(stream, socket.socket)
    for size in range(10):
        id = second_client.put_raw_buffer(bytes(size), metadata=bytes(3))
        content = receive_message(stream)
        assert type(content) is bytes
        ids, data_sizes, metadata_sizes = subscriber.decode_notifications(content)
        assert [type(part) for part in (ids, data_sizes, metadata_sizes)] == [list, list, list]
        assert (ids, data_sizes, metadata_sizes) == ([id], [size], [3])
        assert type(ids[0]) is plasma.ObjectID
    second_client.delete([id])
    decoded = subscriber.decode_notifications(bytearray(receive_message(stream)))
    assert tuple(decoded) == ([id], [-1], [-1])


@pytest.mark.covers("PlasmaClient.get_notification_socket")
def test_select_waits_on_the_socket(stream, subscriber, second_client):
    for _ in range(2):
        assert select.select([stream], [], [], 0.1)[0] == []
        id = second_client.put(1)
        assert select.select([stream], [], [], 30)[0] == [stream]
        assert subscriber.decode_notifications(receive_message(stream))[0] == [id]


@pytest.mark.covers("PlasmaClient.get_notification_socket")
def test_a_poll_on_its_number_works(stream, second_client):
    poll = select.poll()
    poll.register(stream.fileno(), select.POLLIN)
    assert poll.poll(100) == []
    second_client.put(1)
    assert poll.poll(30_000) == [(stream.fileno(), select.POLLIN)]


@pytest.mark.covers("PlasmaClient.get_notification_socket")
def test_asyncio_waits_on_the_socket(stream, subscriber, second_client):
    async def receive_both():
        loop = asyncio.get_running_loop()
        stream.setblocking(False)
        receiving = asyncio.create_task(receive_two(loop))
        await asyncio.sleep(0)
        ids = [second_client.put_raw_buffer(b"a"), second_client.put_raw_buffer(b"b")]
        return ids, await asyncio.wait_for(receiving, 30)

    async def receive_two(loop):
        return [await receive_one(loop), await receive_one(loop)]

    async def receive_one(loop):
        [length] = struct.unpack("@q", await loop.sock_recv(stream, 8))
        content = await loop.sock_recv(stream, length)
        return subscriber.decode_notifications(content)[0][0]

    ids, received = asyncio.run(receive_both())
    assert received == ids


@pytest.mark.covers("PlasmaClient.subscribe")
def test_two_subscribers_are_told_the_same(subscriber, second_client):
    second_client.subscribe()
    ids = [subscriber.put(number) for number in range(10)]
    assert [told(subscriber)[0] for _ in ids] == ids
    assert [told(second_client)[0] for _ in ids] == ids


@pytest.mark.covers("PlasmaClient.get_next_notification", "PlasmaClient.get_notification_socket")
def test_who_has_not_subscribed_is_told_nothing(client):
    with pytest.raises(OSError):
        client.get_next_notification()
    with pytest.raises((ValueError, OSError)):
        client.get_notification_socket()


@pytest.mark.covers("PlasmaClient.subscribe")
@pytest.mark.defect("the store hangs, for everybody", run=False)
def test_subscribing_twice_changes_nothing(subscriber, second_client):
    subscriber.subscribe()
    id = second_client.put(1)
    assert told(subscriber)[0] == id


@pytest.mark.covers("PlasmaClient.subscribe")
def test_a_subscriber_that_never_reads_delays_nobody(subscriber, second_client):
    ids = [new_id() for _ in range(N_UNREAD)]
    for id in ids:
        second_client.create_and_seal(id, b"1")
    assert second_client.get_buffers([ids[-1]])[0].to_pybytes() == b"1"
    assert [told(subscriber)[0] for _ in ids] == ids


@pytest.mark.covers("PlasmaClient.subscribe")
def test_a_subscriber_that_dies_harms_nobody(store, client, other):
    dying = other(
        "client = plasma.connect(path)\nclient.subscribe()\n"
        "print('subscribed')\nsys.stdout.flush()\ninput()",
        store.path,
    )
    assert dying.line() == "subscribed"
    client.put(1)
    dying.kill()
    for number in range(100):
        assert client.get(client.put(number)) == number
