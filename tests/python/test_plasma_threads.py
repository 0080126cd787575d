"""One Plasma client in many threads, at its end, and in a process that ends."""

import gc
import subprocess
import sys
import threading
import time

import pytest
from brain_plasma import BrainError, plasma

N_THREADS = 8


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


def new_id():
    return plasma.ObjectID.from_random()


def run_all(functions):
    """Each in a thread of its own, all at once; what they raised."""
    errors = []
    barrier = threading.Barrier(len(functions))

    def run(function):
        barrier.wait()
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=[function]) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a thread hangs"
    return errors


def use(client, number, rounds=100):
    """All that a client can do, with objects that only this thread has."""
    for round_ in range(rounds):
        data = bytes([number, round_]) * 50
        id = client.put_raw_buffer(data, metadata=b"meta")
        [(meta, buffer)] = client.get_buffers([id], with_meta=True)
        assert (meta, buffer.to_pybytes()) == (b"meta", data)
        other_id = new_id()
        memoryview(client.create(other_id, 3000)).cast("B")[:] = data * 30
        client.seal(other_id)
        value = [number, round_]
        assert client.get([client.put(value), other_id]) == [value, data * 30]
        assert client.hash(other_id) != client.hash(id)
        assert id in client.list()
        client.delete([id, other_id])
        assert client.contains(id)
        assert not client.contains(other_id)
        del buffer
        assert not client.contains(id)
        if round_ % 20 == 0:
            client.evict(0)  # of more it would take what another thread is about to get, and wait for


def test_eight_threads_share_a_client(brain, client):
    errors = run_all([lambda number=number: use(client, number) for number in range(N_THREADS)])
    assert errors == []
    client.evict(10**9)
    assert client.list() == {}
    assert brain.used() == 0
    assert brain.check() == []


def test_evictors_and_lists_in_many_threads(brain, client):
    def evict():
        for _ in range(50):
            client.evict(100_000)

    def fill():
        for _ in range(300):
            client.put_raw_buffer(bytes(2000))

    def look():
        for _ in range(50):
            client.list()

    assert run_all([evict] * 10 + [fill] * 3 + [look] * 3) == []
    assert brain.check() == []


def test_one_object_is_sealed_once(client):
    for size in (100, 3000):
        for _ in range(100):
            id = new_id()
            client.create(id, size)
            errors = run_all([lambda: client.seal(id)] * 4)
            assert len(errors) == 3
            assert all(isinstance(error, plasma.PlasmaObjectNotFound) for error in errors)
            assert client.contains(id)
    client.evict(10**9)
    assert client.list() == {}  # no pin was lost


def test_one_id_is_created_once(brain, client):
    made = []
    for _ in range(50):
        id = new_id()
        errors = run_all([lambda: made.append(client.create(id, 100))] * 4)
        assert [type(error) for error in errors] == [plasma.PlasmaObjectExists] * 3
        client.seal(id)
    assert len(made) == 50


def test_two_threads_that_subscribe_make_one_subscription(brain, client):
    assert run_all([client.subscribe] * N_THREADS) == []
    assert brain.stat()["n_clients"] >= 1
    id = client.put(1)
    assert client.get_next_notification()[0] == id
    threads = [one for one in threading.enumerate() if "notifications" in one.name]
    assert len(threads) == 1
    client.disconnect()


def has_ended(error):
    if isinstance(error, (OSError, plasma.PlasmaObjectNotFound)):
        return True
    return isinstance(error, BrainError) and "ended" in str(error)


@pytest.mark.parametrize("delay", [0, 0.001, 0.01, 0.03])
def test_disconnect_while_others_are_at_work(brain, path, delay):
    for _ in range(10):
        client = plasma.connect(path)
        large = client.put_raw_buffer(bytes(3_000_000))
        buffers = client.get_buffers([large])
        created = client.create(new_id(), 5000)

        def end(client=client):
            time.sleep(delay)
            client.disconnect()

        def wait(client=client):
            client.get(new_id())

        def subscribe(client=client):
            client.subscribe()
            while True:
                client.get_next_notification()

        def hash_(client=client, large=large):
            while True:
                client.delete([large])
                client.hash(large)
                client.get(large)

        works = [lambda number=n, client=client: use(client, number, 1000) for n in range(3)]
        errors = run_all([end, wait, subscribe, hash_, *works])
        assert len(errors) == 6, errors
        # What they were at has ended with the client: nothing else went wrong.
        wrong = [error for error in errors if not has_ended(error)]
        assert wrong == []
        assert buffers[0].to_pybytes() == bytes(3_000_000)
        memoryview(created).cast("B")[:] = b"x" * 5000
        del buffers, created, errors
        gc.collect()
    other = plasma.connect(path)
    assert {entry["state"] for entry in other.list().values()} <= {"sealed"}
    other.evict(10**9)
    assert other.list() == {}
    assert brain.used() == 0
    assert brain.check() == []


# ---- users' own code, in between ----------------------------------------------------------------


class Evil(plasma.ObjectID):
    """An id whose methods do what they should not."""

    action = None

    def _act(self):
        action, Evil.action = Evil.action, None
        if action is not None:
            action()

    def __hash__(self):
        self._act()
        return 5

    def __eq__(self, other):
        self._act()
        return True

    def __del__(self):
        self._act()


@pytest.mark.parametrize("call", ["create", "seal", "delete", "get", "hash", "contains", "_abort"])
def test_an_id_that_disconnects_the_client(brain, path, call):
    client = plasma.connect(path)
    id = Evil(bytes(range(20)))
    client.create(id, 100)
    Evil.action = client.disconnect
    try:
        if call == "create":
            client.create(Evil(bytes(20)), 100)
        elif call in ("delete", "get"):
            getattr(client, call)([id], *([0] if call == "get" else []))
        else:
            getattr(client, call)(id)
    except (OSError, plasma.PlasmaObjectNotFound):
        pass
    del id
    gc.collect()
    client.disconnect()
    Evil.action = None
    assert {e["state"] for e in plasma.connect(path).list().values()} <= {"sealed"}
    assert brain.check() == []


def test_an_id_that_cannot_be_hashed_leaves_nothing_taken(brain, path):
    class Unhashable(plasma.ObjectID):
        def __hash__(self):
            raise ZeroDivisionError

    client = plasma.connect(path)
    id = Unhashable(bytes(20))
    client.create(id, 10)
    client.seal(id)
    assert client.contains(plasma.ObjectID(bytes(20)))


def test_a_finalizer_that_disconnects_while_the_store_is_listed(brain, path):
    class Cycle:
        def __init__(self, client):
            self.me = self
            self.client = client

        def __del__(self):
            self.client.disconnect()

    threshold = gc.get_threshold()
    for call in ("list", "debug_string", "subscribe"):
        client = plasma.connect(path)
        for number in range(200):
            client.put_raw_buffer(bytes(number))
        gc.collect()
        Cycle(client)
        gc.set_threshold(5)
        try:
            getattr(client, call)()
        except OSError:
            pass
        finally:
            gc.set_threshold(*threshold)
        gc.collect()
    assert brain.check() == []


def test_clients_in_cycles_are_collected(brain, path):
    def make():
        client = plasma.connect(path)
        client.me = client
        client.buffer = client.create(new_id(), 100)
        client.buffers = client.get_buffers([client.put_raw_buffer(b"x")])
        client.subscribe()

    for _ in range(5):
        make()
    gc.collect()
    client = plasma.connect(path)
    assert {(e["state"], e["ref_count"]) for e in client.list().values()} == {("sealed", 0)}


def test_a_buffer_that_is_cut_again_and_again(client):
    buffer = client._get_buffers(client.put_raw_buffer(bytes(300_000)))[0]
    for _ in range(300_000):
        buffer = buffer[1:]
    assert buffer.to_pybytes() == b""
    del buffer
    assert client.evict(1) == 300_000


# ---- the end of a process -----------------------------------------------------------------------

ENDS = {
    "subscribed": "client.subscribe()",
    "subscribed, told": "client.subscribe()\nfor n in range(100): client.put(n)",
    "blocked pump": "client.subscribe()\nfor n in range(20_000): client.create_and_seal("
    "plasma.ObjectID(b'%20d' % n), b'x')\nimport time; time.sleep(0.3)",
    "a thread that waits": "import threading\nclient.subscribe()\nthreading.Thread(target="
    "client.get_next_notification, daemon=True).start()\nthreading.Thread(target=lambda: "
    "client.get(plasma.ObjectID(bytes(20))), daemon=True).start()\nimport time; time.sleep(0.1)",
    "threads at work": "import threading\ndef work():\n    while True:\n        client.get(client.put("
    "bytes(10_000)))\n        client.evict(100)\n"
    "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
    "import time; time.sleep(0.2)",
    "buffers": "b = client.get_buffers([client.put_raw_buffer(bytes(5000))])\nm = memoryview(b[0])",
    "created": "b = client.create(plasma.ObjectID(bytes(20)), 5000)\nm = memoryview(b)",
    "deleted": "id = client.put_raw_buffer(bytes(5000))\nb = client.get_buffers([id])\n"
    "client.delete([id])",
    "cycle": "client.me = client\nclient.b = client.create(plasma.ObjectID(bytes(20)), 5)\n"
    "client.subscribe()",
    "store gone": "from brain_plasma import Brain\nclient.subscribe()\n"
    "b = client.get_buffers([client.put_raw_buffer(bytes(5000))])\nBrain(path).destroy()",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_process_ends_well(brain, path, end):
    code = f"from brain_plasma import plasma\npath = {path!r}\nclient = plasma.connect(path)\n{ENDS[end]}"
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if end == "store gone":
        return
    client = plasma.connect(path)
    assert {(e["state"], e["ref_count"]) for e in client.list().values()} <= {("sealed", 0)}
    client.evict(10**9)
    assert client.list() == {}
    assert brain.stat()["n_namespaces"] <= 2
    assert brain.check() == []
