"""Subscribers that do not read, are killed, stand still, or begin while others seal."""

import os
import signal
import threading
import time

import pytest
from brain_plasma import Brain, BrainError, BrainTimeoutError, plasma

N_KEPT = 100_000
N_OWN = 2  # namespaces: that of the objects, and that of the list of subscribers


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


@pytest.fixture
def second_client(brain, path):
    return plasma.connect(path)


def new_id():
    return plasma.ObjectID.from_random()



SUBSCRIBE = """
from brain_plasma import plasma
client = plasma.connect(path)
client.subscribe()
print('subscribed', flush=True)
input()
"""


def test_who_never_reads_is_dropped_and_told(brain, client, second_client):
    client.subscribe()
    data = b"x"
    ids = [new_id() for _ in range(N_KEPT // 2 + 5000)]
    slowest = 0
    for id in ids:  # two messages each
        start = time.perf_counter()
        second_client.put_raw_buffer(data, id)
        second_client.delete([id])
        slowest = max(slowest, time.perf_counter() - start)
    deadline = time.monotonic() + 20
    while client._subscription._thread.is_alive() and time.monotonic() < deadline:
        try:
            got = client.get_next_notification()
        except BrainError as error:
            assert "dropped" in str(error)
            break
        assert got[0] in ids[:N_KEPT]
    else:
        with pytest.raises(BrainError, match="dropped"):
            while True:
                client.get_next_notification()
    assert slowest < 2
    with pytest.raises(BrainError, match="dropped"):
        client.get_next_notification()
    assert brain.stat()["n_namespaces"] <= N_OWN
    assert brain.stat()["n_objects"] == 0
    client.subscribe()  # another one
    id = second_client.put(1)
    assert client.get_next_notification()[0] == id
    client.disconnect()
    second_client.delete([id])
    assert brain.stat()["n_objects"] == 0


def test_a_subscriber_that_is_killed_leaves_nothing_for_long(brain, client, other):
    dying = other(SUBSCRIBE)
    dying.line()
    client.put_raw_buffer(b"x")
    dying.signal(signal.SIGKILL)
    dying.process.wait()
    for _ in range(1100):
        client.delete([client.put_raw_buffer(b"y")])
    assert brain.stat()["n_objects"] == 1  # no entry that waits, and no subscriber
    assert brain.check() == []


def test_a_subscriber_that_is_killed_is_swept(brain, client, other):
    dying = other(SUBSCRIBE)
    dying.line()
    client.put_raw_buffer(b"x")
    dying.signal(signal.SIGKILL)
    dying.process.wait()
    client._sweep()
    assert brain.stat()["n_objects"] == 1


def stop_without_the_lock(one, path):
    """Stop a process where it is in the middle of no change: it may be, whatever it is there for."""
    with Brain(path, lock_timeout=0.1) as brain:
        while True:
            one.signal(signal.SIGSTOP)
            os.waitpid(one.process.pid, os.WUNTRACED)
            try:
                brain["probe"] = None
            except BrainTimeoutError:
                one.signal(signal.SIGCONT)
            else:
                del brain["probe"]
                return


def test_a_subscriber_that_stands_still_misses_nothing(brain, path, client, other):
    still = other(
        SUBSCRIBE + "for _ in range(3000): print(*client.get_next_notification()[1:], flush=True)"
    )
    still.line()
    stop_without_the_lock(still, path)
    for number in range(3000):
        client.put_raw_buffer(bytes(number))
    still.signal(signal.SIGCONT)
    still.tell()
    assert [still.line() for _ in range(3000)] == [f"{number} 0" for number in range(3000)]


SEAL = """
from brain_plasma import plasma
client = plasma.connect(path)
print('ready', flush=True)
for number in range(int(input())):
    id = plasma.ObjectID(b'%s %18d' % (b'{who}', number))
    if number % 2:
        client.put_raw_buffer(bytes(number), id)
    else:
        client.create(id, number)
        client.seal(id)
    if number % 3 == 0:
        client.delete([id])
"""


def test_subscribing_while_others_seal(brain, path, other):
    n = 3000
    others = [other(SEAL.format(who=who)) for who in "ab"]
    for one in others:
        one.line()
    for one in others:
        one.tell(str(n))
    clients = []
    # The first begin while they seal, however quick these are.
    while len(clients) < 3 or any(one.process.poll() is None for one in others):
        clients.append(plasma.connect(path))
        clients[-1].subscribe()
        time.sleep(0.02)
    last = plasma.connect(path).put_raw_buffer(bytes(7), metadata=b"1")
    for client in clients:
        there, order = {}, {b"a": -1, b"b": -1}
        while True:
            id, size, meta_size = client.get_next_notification()
            if id == last:
                break
            who, number = id.binary().split()
            if size < 0:
                assert there.pop(id) == int(number)
            else:
                assert id not in there
                assert size == int(number) > order[who]
                order[who] = size
                there[id] = size
        assert sorted(there.values()) == sorted([x for x in range(n) if x % 3] * 2)
        client.disconnect()
    assert brain.stat()["n_namespaces"] == N_OWN
    assert brain.check() == []


def test_two_subscribers_of_which_one_does_not_read(brain, client, second_client):
    client.subscribe()
    second_client.subscribe()
    ids = [client.put_raw_buffer(b"x") for _ in range(5000)]
    assert [client.get_next_notification()[0] for _ in ids] == ids
    assert [second_client.get_next_notification()[0] for _ in ids] == ids


def test_disconnect_ends_a_wait(brain, path):
    for _ in range(20):
        client = plasma.connect(path)
        client.subscribe()
        errors = []

        def wait(client=client, errors=errors):
            try:
                client.get_next_notification()
            except (BrainError, OSError) as error:
                errors.append(error)

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.002)
        client.disconnect()
        thread.join(10)
        assert not thread.is_alive()
        assert len(errors) == 1
        assert "dropped" not in str(errors[0])


def test_the_store_is_removed_under_a_subscriber(brain, client):
    client.subscribe()
    id = client.put(1)
    assert client.get_next_notification()[0] == id
    brain.destroy()
    with pytest.raises((BrainError, OSError)):
        client.get_next_notification()
    with pytest.raises(OSError):
        client.subscribe() or client.put(1)
    client.disconnect()


def test_subscribe_where_there_is_no_store(brain, client):
    brain.destroy()
    for _ in range(20):
        with pytest.raises(OSError):
            client.subscribe()
