"""Plasma objects in a store that is too small for all of them, under several clients."""

import contextlib
import os
import time

import pytest
from brain_plasma import Brain, BrainFullError, plasma

CAPACITY = 1_000_000
SECONDS = float(os.environ.get("BRAIN_PLASMA_LOAD_SECONDS", "3"))

PRELUDE = f"""
import os, random, time, zlib
from brain_plasma import plasma
client = plasma.connect(path)
until = time.monotonic() + {SECONDS}
def new(size):
    body = os.urandom(size)
    return body + zlib.crc32(body).to_bytes(4, 'little')
def is_whole(buffer):
    bytes_ = bytes(buffer)
    return zlib.crc32(bytes_[:-4]) == int.from_bytes(bytes_[-4:], 'little')
"""

PUT = """
n = 0
while time.monotonic() < until:
    data = new(random.choice([100, 1500, 20_000, 50_000]))
    if random.random() < 0.5:
        client.put_raw_buffer(data)
    else:
        id = plasma.ObjectID.from_random()
        memoryview(client.create(id, len(data))).cast('B')[:] = data
        client.seal(id)
    n += 1
print(n)
"""

HOLD = """
held, n, at = [], 0, 0
while time.monotonic() < until:
    at += 1
    if at % 20 == 1:
        ids = list(client.list())
    if ids and len(held) < 4:
        id = random.choice(ids)
        [buffer] = client.get_buffers([id], timeout_ms=0)
        if buffer is not None:
            assert is_whole(buffer), 'damaged'
            held.append((id, buffer))
            n += 1
            del buffer
    for id, buffer in held:
        assert client.contains(id), 'what is held was evicted'
    if held and random.random() < 0.3:
        id, buffer = held.pop(random.randrange(len(held)))
        assert is_whole(buffer), 'changed'
        del buffer
print(n)
"""


@pytest.fixture
def brain(path):
    with Brain(path, capacity=CAPACITY) as brain:
        yield brain


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


def new_id():
    return plasma.ObjectID.from_random()


def test_held_objects_stay_and_no_put_is_refused(brain, path, client, other):
    others = [other(PRELUDE + code) for code in (PUT, PUT, HOLD, HOLD)]
    assert all(int(one.end()) > 0 for one in others)
    assert brain.check() == []
    assert brain.used() == sum(e["data_size"] + e["metadata_size"] for e in client.list().values())
    assert client.evict(CAPACITY) > 0
    assert client.list() == {}
    assert brain.used() == 0


def test_one_as_large_as_the_store_again_and_again(brain, client):
    for number in range(200):
        id = client.put_raw_buffer(bytes([number]) * CAPACITY)
        assert client.get_buffers([id])[0][-1] == number
        new = new_id()
        client.create(new, CAPACITY)
        client.seal(new)
        assert not client.contains(id)


def test_two_that_both_need_the_whole_store(brain, other):
    code = PRELUDE + (
        "n = 0\nfor _ in range(100):\n    client.put_raw_buffer(bytes(1_000_000))\n    n += 1\nprint(n)"
    )
    others = [other(code), other(code)]
    assert [one.end() for one in others] == ["100", "100"]
    assert brain.check() == []


def test_named_values_are_never_evicted(brain, client):
    for number in range(10):
        brain[f"name {number}"] = bytes([number]) * (CAPACITY // 10)
    for size in (1, 2000, 100_000, CAPACITY):
        with pytest.raises(plasma.PlasmaStoreFull):
            client.put_raw_buffer(bytes(size))
        with pytest.raises(plasma.PlasmaStoreFull):
            client.create(new_id(), size)
    client.put_raw_buffer(b"")  # nothing is room enough for nothing
    assert client.evict(CAPACITY) == 0
    for number in range(10):
        assert brain[f"name {number}"] == bytes([number]) * (CAPACITY // 10)
    assert brain.used() == CAPACITY


def test_who_meets_a_full_store_is_told_of_it_whatever_was_looked_at_since(brain, path, client):
    """Who looks for what may go finds this and that missing, and reads lists to their ends."""
    brain["name"] = bytes(CAPACITY // 2)
    puts = [
        lambda size: brain.__setitem__("other", bytes(size)),
        lambda size: brain.set_many({"other": bytes(size)}),
        lambda size: client.put_raw_buffer(bytes(size)),
        lambda size: client.create(new_id(), size),
    ]
    for size in (CAPACITY * 2 // 3, CAPACITY * 2):
        for put in puts:
            with pytest.raises((plasma.PlasmaStoreFull, BrainFullError)) as caught:
                put(size)
            assert str(caught.value).startswith(f"{path} is full: {size} bytes were asked for")
        client.put_raw_buffer(b"an object")


@pytest.mark.parametrize("size", [1, 100, 1984, 1985])
def test_create_says_full_and_not_seal(brain, path, client, size):
    brain["name"] = bytes(CAPACITY - 20 * size)
    clients = [client, plasma.connect(path)]
    ids = [new_id() for _ in range(20)]
    for number, id in enumerate(ids):
        clients[number % 2].create(id, size)
    for one in clients:
        with pytest.raises(plasma.PlasmaStoreFull):
            one.create(new_id(), size)
    for number, id in enumerate(ids):
        clients[number % 2].seal(id)
    assert brain.used() == CAPACITY
    assert all(client.contains(id) for id in ids)


def test_what_is_evicted_for_small_ones_is_little(brain, client):
    ids = [client.put_raw_buffer(bytes(1000)) for _ in range(CAPACITY // 1000)]
    client.put_raw_buffer(bytes(1000))
    gone = [not client.contains(id) for id in ids]
    assert gone[0]
    assert sum(gone) == gone.index(False) <= len(ids) // 50


def test_puts_into_a_full_store_of_small_ones_are_quick(path, new_path):
    with Brain(new_path(), capacity=20_000_000) as brain:
        client = plasma.connect(brain.path)
        for _ in range(200_000):
            client.put_raw_buffer(bytes(100))
        start = time.perf_counter()
        for _ in range(5_000):
            client.put_raw_buffer(bytes(100))
        assert time.perf_counter() - start < 5
        assert brain.used() <= 20_000_000


# ---- nothing leaks ------------------------------------------------------------------------------


def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def calls_of(client, brain):
    id, other_id, kept = new_id(), new_id(), client.put(5)

    def seal():
        client.create(id, 100, b"meta")
        client.seal(id)
        client.delete([id])

    def give_up():
        client.create(id, 3000)
        client._abort(id)

    def refuse():
        with contextlib.suppress(plasma.PlasmaObjectExists):
            client.put(5, kept)
        with contextlib.suppress(plasma.PlasmaObjectExists):
            client.create(kept, 100)
        with contextlib.suppress(plasma.PlasmaStoreFull):
            client.create(other_id, 10 * CAPACITY)
        with contextlib.suppress(plasma.PlasmaObjectNotFound):
            client.hash(other_id)
        with contextlib.suppress(plasma.PlasmaObjectNotFound):
            client.seal(other_id)

    def evict():
        client.put_raw_buffer(bytes(10), id)
        [buffer] = client.get_buffers([kept])
        client.evict(CAPACITY)

    def delete_held():
        client.put_raw_buffer(bytes(10), id)
        [buffer] = client.get_buffers([id])
        client.delete([id])
        del buffer
        assert not client.contains(id)

    return [
        seal,
        give_up,
        refuse,
        evict,
        delete_held,
        lambda: client.get(kept),
        lambda: client.get([kept, other_id], timeout_ms=0),
        lambda: client.get_buffers([kept], with_meta=True)[0][1][:1],
        lambda: client.get_metadata([kept]),
        lambda: client.hash(kept),
        lambda: client.contains(other_id),
        lambda: client.list(),
        lambda: client.debug_string(),
        lambda: client.store_capacity(),
        lambda: client.to_capsule(),
        lambda: client._sweep(),
    ]


@pytest.mark.parametrize("at", range(16))
def test_no_call_leaks(brain, path, client, at):
    call = calls_of(client, brain)[at]
    for _ in range(1000):
        call()
    stat, before = brain.stat(), memory()
    for _ in range(4000):
        call()
    after = brain.stat()
    for what in ("n_namespaces", "n_objects", "n_pins", "live_bytes", "private_bytes"):
        assert after[what] <= stat[what], what
    assert after["n_limbo"] < 256  # small ones are given back many at a time
    assert after["metadata_bytes"] <= stat["metadata_bytes"] + 65536
    assert memory() < before + 3_000_000


def test_clients_and_subscriptions_leave_nothing(brain, path):
    def once():
        client = plasma.connect(path)
        client.subscribe()
        client.put_raw_buffer(b"x")
        client.evict(1)
        client.create(new_id(), 10)
        client.disconnect()

    def n_files():
        return len(os.listdir("/proc/self/fd"))

    for _ in range(50):
        once()
    time.sleep(1)
    stat, files = brain.stat(), n_files()
    for _ in range(200):
        once()
    until = time.monotonic() + 10
    while n_files() > files and time.monotonic() < until:
        time.sleep(0.05)
    after = brain.stat()
    assert n_files() <= files
    for what in ("n_namespaces", "n_objects", "n_clients", "n_pins"):
        assert after[what] <= stat[what], what
