"""A named value that finds the store full of Plasma objects: those go that nobody uses, and only those."""

import resource
import sys
import threading

import numpy as np
import pytest
from brain_plasma import Brain, BrainFullError, BrainLearnNameError, BrainUpdateNameError, plasma

CAPACITY = 1_000_000
TENTH = CAPACITY // 10


@pytest.fixture
def brain(path):
    with Brain(path, capacity=CAPACITY) as brain:
        yield brain


@pytest.fixture
def client(brain):
    client = plasma.connect(brain.path)
    yield client
    client.disconnect()


def fill(client, n=10):
    return [client.put_raw_buffer(bytes(TENTH)) for _ in range(n)]


def there(client, ids):
    return [client.contains(id) for id in ids]


def test_a_put_evicts_those_let_go_of_longest_ago(brain, client):
    ids = fill(client)
    client.get(ids[0])
    brain["x"] = bytes(TENTH * 5 // 2)
    assert there(client, ids) == [True, False, False, False] + [True] * 6
    assert brain.used() == 7 * TENTH + TENTH * 5 // 2
    assert brain.check() == []


def test_many_small_puts_do(brain, client):
    ids = fill(client)
    for number in range(2000):
        brain[f"name {number}"] = b"x" * 100
    assert there(client, ids) == [False] * 2 + [True] * 8
    assert len(brain) == 2000


def test_a_batch_does(brain, client):
    ids = fill(client)
    brain.set_many({"large": np.zeros(TENTH, "u1"), **{str(n): b"x" * 100 for n in range(1000)}})
    assert there(client, ids) == [False] * 2 + [True] * 8
    assert len(brain) == 1001


class Noted:
    """Says so when it is pickled."""

    def __init__(self, note):
        self.note = note

    def __reduce__(self):
        self.note()
        return int, ()


@pytest.fixture
def no_thread_is_interrupted():
    """They run until they give up the GIL of themselves."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    yield
    sys.setswitchinterval(interval)


def test_a_batch_that_waits_for_room_lets_other_threads_run(brain, no_thread_is_interrupted):
    """What holds the room is let go of by another thread. That thread has a hundredth of a second for it
    before the whole batch is encoded anew, so there are several tries."""

    def is_encoded_once():
        brain["held"] = np.zeros(5 * TENTH, "u1")
        held, begun, encoded = [brain["held"]], threading.Event(), []
        brain["held"] = 0
        brain["rest"] = bytes(CAPACITY - brain.used() - 5 * TENTH)

        def let_go():
            begun.wait()
            held.clear()

        thread = threading.Thread(target=let_go)
        thread.start()
        note = lambda: (encoded.append(1), begun.set())
        brain.set_many({"first": Noted(note), "second": bytes(TENTH // 2)})
        thread.join()
        brain.clear()
        return len(encoded) == 1

    assert any(is_encoded_once() for _ in range(50))


def test_what_is_used_stays_and_the_put_is_refused(brain, client):
    ids = fill(client)
    buffers = client.get_buffers(ids[:8])
    with pytest.raises(BrainFullError) as caught:
        brain["x"] = bytes(3 * TENTH)
    assert isinstance(caught.value, BrainLearnNameError)
    assert all(there(client, ids))  # two would have gone in vain
    brain["x"] = bytes(2 * TENTH)
    assert there(client, ids) == [True] * 8 + [False] * 2
    assert all(buffer.to_pybytes() == bytes(TENTH) for buffer in buffers)


def test_another_named_value_never_goes(brain, client):
    for number in range(9):
        brain[f"name {number}"] = bytes(TENTH)
    [id] = fill(client, 1)
    with pytest.raises(BrainUpdateNameError):
        brain["name 0"] = bytes(CAPACITY)
    with pytest.raises(BrainLearnNameError):
        brain["more"] = bytes(2 * TENTH)
    assert client.contains(id)
    assert sorted(brain.names()) == [f"name {number}" for number in range(9)]
    with pytest.raises(plasma.PlasmaStoreFull):
        client.put(bytes(2 * TENTH))
    assert all(brain[f"name {number}"] == bytes(TENTH) for number in range(9))


def pauses(put):
    """How often this thread gave up its processor until `put` found the store full: each try pauses once."""
    before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    with pytest.raises(BrainFullError):
        put()
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before


@pytest.mark.parametrize("value", [bytes(5 * TENTH), np.zeros(5 * TENTH, "u1")], ids=["bytes", "array"])
def test_where_plasma_was_never_used_nobody_waits_for_its_objects(brain, value):
    brain["held"] = np.zeros(5 * TENTH, "u1")
    held = brain["held"]
    brain["held"] = 0
    draft = brain.empty_bytes("draft", TENTH)
    assert pauses(lambda: brain.learn("x", value)) < 100
    assert pauses(lambda: brain.empty_bytes("y", len(value))) < 100
    draft.abandon()
    assert len(held) == 5 * TENTH


def test_where_plasma_was_used_its_objects_are_waited_for(brain, client):
    [id] = fill(client, 1)
    [buffer] = client.get_buffers([id])
    client.delete([id])
    brain["held"] = np.zeros(4 * TENTH, "u1")
    held = brain["held"]
    brain["held"] = 0
    assert pauses(lambda: brain.learn("x", bytes(7 * TENTH))) >= 200
    assert (buffer.size, len(held)) == (TENTH, 4 * TENTH)


def refusals(brain):
    return {name: value for name, *_, value in brain._metrics()}["brain_refusals"]


def test_a_refusal_counts_once_however_often_it_was_tried(brain, client):
    buffers = client.get_buffers(fill(client, 9))
    for values in ({"x": bytes(3 * TENTH)}, {"x": bytes(3 * TENTH), "y": b""}):
        before = refusals(brain)
        with pytest.raises(BrainFullError):
            brain.set_many(values)
        assert refusals(brain) - before == 1
    with pytest.raises(BrainFullError):
        brain["x"] = bytes(3 * TENTH)
    assert refusals(brain) - before == 2
    buffers.clear()
    brain["x"] = bytes(3 * TENTH)
    brain.set_many({"y": bytes(3 * TENTH)})
    assert refusals(brain) - before == 2  # others made room
