"""plasma_store -e: what is evicted goes to files, and comes back when it is got."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from brain_plasma import Brain, BrainError, plasma
from brain_plasma.store_process import start_plasma_store

CAPACITY = 1_000_000
SIZE = CAPACITY // 10
N = 20  # more than fit
PATIENCE_S = 120  # only for what never comes


@pytest.fixture
def external(tmp_path):
    folder = tmp_path / "external"
    folder.mkdir()
    return folder


@pytest.fixture
def store(external):
    with start_plasma_store(CAPACITY, external_store=external) as (path, _):
        yield path


@pytest.fixture
def client(store):
    client = plasma.connect(store)
    yield client
    client.disconnect()


def data_of(number):
    return random.Random(number).randbytes(SIZE)


def id_of(number):
    return plasma.ObjectID(b"external %11d" % number)


def fill(client, n=N):
    return [client.put_raw_buffer(data_of(number), id_of(number), b"meta %d" % number) for number in range(n)]


def files(external):
    """The names of files in the folder of the one store."""
    [folder] = os.listdir(external)
    return sorted(os.listdir(external / folder))


def is_right(client, number):
    [(meta, buffer)] = client.get_buffers([id_of(number)], with_meta=True, timeout_ms=0)
    return bytes(buffer) == data_of(number) and bytes(meta) == b"meta %d" % number


# ---- there and back -----------------------------------------------------------------------------


def test_what_is_evicted_comes_back(store, client, external):
    ids = fill(client)
    assert len(files(external)) >= N - 10
    assert all(client.contains(id) for id in ids)
    for _ in range(3):
        assert all(is_right(client, number) for number in range(N))
    with Brain(store) as brain:
        assert brain.used() <= CAPACITY
        assert brain.check() == []


def test_a_value_comes_back_as_it_was(client):
    values = [np.arange(10_000) + number for number in range(N)]
    ids = [client.put(value) for value in values]
    for id, value in zip(ids, values):
        assert (client.get(id) == value).all()
        assert (client.get([id], timeout_ms=1000)[0] == value).all()


def test_what_is_small_comes_back_too(client):
    ids = [client.put(number) for number in range(100)]
    client.evict(CAPACITY)
    assert client.get(ids) == list(range(100))


def test_files_are_named_by_id_and_are_the_owners_alone(client, external):
    fill(client, 1)
    assert client.evict(1) == SIZE + len(b"meta 0")
    [name] = files(external)
    assert name.startswith(id_of(0).binary().hex() + "-")
    [folder] = external.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / name).stat().st_mode & 0o777 == 0o600
    assert is_right(client, 0)
    assert files(external) == []


def test_what_is_away_is_listed_as_what_is_there(client):
    fill(client, 3)
    before = client.list()
    client.evict(CAPACITY)
    assert client.list() == before


def test_an_id_that_is_away_is_taken(client):
    fill(client, 1)
    client.evict(CAPACITY)
    with pytest.raises(plasma.PlasmaObjectExists):
        client.create(id_of(0), 10)
    with pytest.raises(plasma.PlasmaObjectExists):
        client.put_raw_buffer(b"", id_of(0))
    assert is_right(client, 0)


def test_a_named_value_moves_objects_away(store, client):
    fill(client, 9)
    with Brain(store) as brain:
        brain["x"] = np.zeros(SIZE * 5, "u1")
        assert all(is_right(client, number) for number in range(9))
        assert not brain["x"].any()


# ---- what stays ---------------------------------------------------------------------------------


def test_an_object_with_a_buffer_stays(client, external):
    ids = fill(client, 9)
    buffers = client.get_buffers(ids)
    with pytest.raises(plasma.PlasmaStoreFull):
        client.put_raw_buffer(bytes(2 * SIZE))
    assert files(external) == []
    del buffers
    client.put_raw_buffer(bytes(2 * SIZE))
    assert all(is_right(client, number) for number in range(9))


def test_where_nothing_can_make_room_it_stays_away(client):
    fill(client, 1)
    client.evict(CAPACITY)
    others = [client.put_raw_buffer(bytes(SIZE)) for _ in range(9)] + [client.put_raw_buffer(bytes(SIZE // 2))]
    buffers = client.get_buffers(others)
    for _ in range(2):
        with pytest.raises(plasma.PlasmaStoreFull):
            client.get_buffers([id_of(0)])
        assert client.contains(id_of(0))
    del buffers
    assert is_right(client, 0)


# ---- the end ------------------------------------------------------------------------------------


def test_a_delete_removes_the_file(client, external):
    ids = fill(client, 2)
    client.evict(CAPACITY)
    assert len(files(external)) == 2
    client.delete([ids[0]])
    assert [client.contains(id) for id in ids] == [False, True]
    assert len(files(external)) == 1
    assert client.get(ids[0], timeout_ms=0) is plasma.ObjectNotAvailable
    client.put_raw_buffer(b"another", ids[0])
    assert bytes(client.get_buffers([ids[0]])[0]) == b"another"


def test_only_a_delete_is_told(store, client):
    subscriber = plasma.connect(store)
    subscriber.subscribe()
    fill(client, 2)
    told = [subscriber.get_next_notification()[0] for _ in range(2)]
    client.evict(CAPACITY)
    assert is_right(client, 0)
    client.delete([id_of(1), id_of(0)])
    told += [subscriber.get_next_notification() for _ in range(2)]
    assert told == [id_of(0), id_of(1), (id_of(1), -1, -1), (id_of(0), -1, -1)]
    subscriber.disconnect()


def test_who_subscribes_later_is_told_of_what_is_away(store, client):
    fill(client, 1)
    client.evict(CAPACITY)
    subscriber = plasma.connect(store)
    subscriber.subscribe()
    assert subscriber.get_next_notification() == (id_of(0), SIZE, len(b"meta 0"))
    subscriber.disconnect()


@pytest.mark.parametrize("end", ["told", "destroyed"])
def test_the_files_go_with_the_store(external, end):
    with start_plasma_store(CAPACITY, external_store=external) as (path, process):
        client = plasma.connect(path)
        fill(client)
        assert files(external)
        client.disconnect()
        if end == "destroyed":
            Brain(path).destroy()
            process.wait(PATIENCE_S)
    assert os.listdir(external) == []


# ---- files that are not as they were ------------------------------------------------------------


@pytest.mark.parametrize("damage", ["a byte of the data", "a byte of the head", "cut short", "gone", "empty"])
def test_a_file_that_is_damaged_is_an_error(client, external, damage):
    fill(client, 2)
    client.evict(CAPACITY)
    [folder] = external.iterdir()
    file = next(file for file in folder.iterdir() if file.name.startswith(id_of(0).binary().hex()))
    whole = bytearray(file.read_bytes())
    if damage == "gone":
        file.unlink()
    else:
        if damage.startswith("a byte"):
            whole[50 if "head" in damage else -50] ^= 1
        file.write_bytes(whole[: {"cut short": -1, "empty": 0}.get(damage, len(whole))])
    with pytest.raises(OSError, match="external store.*evicted object") as caught:
        client.get_buffers([id_of(0)])
    assert isinstance(caught.value, BrainError)
    assert is_right(client, 1)
    client.delete([id_of(0)])
    assert not client.contains(id_of(0))


def test_where_no_file_can_be_written_nothing_is_evicted(client, external):
    fill(client, 9)
    [folder] = external.iterdir()
    folder.rmdir()
    folder.write_bytes(b"in its way")
    for _ in range(2):
        with pytest.raises(plasma.PlasmaStoreFull, match="external store: cannot make"):
            client.put_raw_buffer(bytes(2 * SIZE))
    assert all(is_right(client, number) for number in range(9))
    folder.unlink()
    client.put_raw_buffer(bytes(2 * SIZE))
    assert all(is_right(client, number) for number in range(9))


# ---- several, and those who die -----------------------------------------------------------------

WORKER = """
import random, sys
from brain_plasma import plasma
path, size, n, rounds = sys.argv[1], *map(int, sys.argv[2:])
client = plasma.connect(path)
print("ready", flush=True)
for _ in range(rounds):
    number = random.randrange(n)
    try:
        [buffer] = client.get_buffers([plasma.ObjectID(b"external %11d" % number)], timeout_ms=0)
    except plasma.PlasmaStoreFull:
        continue
    assert bytes(buffer) == random.Random(number).randbytes(size), number
    del buffer
"""


def begin_worker(path, rounds):
    command = [sys.executable, "-c", WORKER, path, str(SIZE), str(N), str(rounds)]
    worker = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert worker.stdout.readline() == b"ready\n"
    return worker


def end_worker(worker):
    worker.stdout.close()
    return worker.wait(PATIENCE_S)


def test_several_get_at_once(store, client):
    fill(client)
    workers = [begin_worker(store, 200) for _ in range(3)]
    assert [end_worker(worker) for worker in workers] == [0, 0, 0]
    assert all(is_right(client, number) for number in range(N))


def test_nothing_is_lost_where_those_die_who_evict_and_get(store, client, external):
    fill(client)
    for round in range(12):
        workers = [begin_worker(store, 10**9) for _ in range(2)]
        for _ in range(random.randrange(1, 20)):
            is_right(client, random.randrange(N))
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
            assert end_worker(worker) == -signal.SIGKILL
    assert all(is_right(client, number) for number in range(N))
    with Brain(store) as brain:
        assert brain.check() == []
    client.delete([id_of(number) for number in range(N)])
    deadline = time.monotonic() + PATIENCE_S
    while files(external):  # plasma_store removes what the dead left
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ---- the command --------------------------------------------------------------------------------


def test_a_url_is_a_directory_too(external):
    with start_plasma_store(CAPACITY, external_store=f"file://{external}") as (path, _):
        client = plasma.connect(path)
        fill(client)
        assert all(is_right(client, number) for number in range(N))
        client.disconnect()


@pytest.mark.parametrize(
    "endpoint, words",
    [
        ("hashtable://test", "takes a directory"),
        ("/nonexistent/folder", "make the directory first"),
        ("/dev/null", "no directory"),
    ],
)
def test_what_is_no_external_store(endpoint, words):
    with pytest.raises(RuntimeError, match=words):
        with start_plasma_store(CAPACITY, external_store=endpoint):
            pytest.fail("it began")


def test_a_store_that_is_taken_over_keeps_its_external_store(external, tmp_path, path):
    from brain_plasma import store_process

    def begin(*args):
        command = [store_process._find_program(), "-m", str(CAPACITY), "-s", path, "-k", *args]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = []
        while not (said and (said[-1] == "" or "ready" in said[-1])):
            said.append(process.stderr.readline())
        return process, "".join(said)

    def end(process):
        process.terminate()
        process.stderr.close()
        return process.wait(PATIENCE_S)

    first, _ = begin("-e", str(external))
    client = plasma.connect(path)
    fill(client)
    assert end(first) == 0
    other = tmp_path / "other"
    other.mkdir()
    second, said = begin("-e", str(other))
    assert f"external store elsewhere: what was evicted is in {external}" in said
    assert end(second) == 1
    third, said = begin()
    assert "ready" in said
    assert all(is_right(client, number) for number in range(N))
    client.disconnect()
    assert end(third) == 0
