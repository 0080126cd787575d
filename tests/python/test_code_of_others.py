"""Code of others that runs in the middle of a call, and closes the Brain: the hash of a subclass of str, a
repr that a message asks for, and whatever a collection of garbage runs."""

import gc

import pytest
from brain_plasma import (
    Brain,
    BrainClient,
    BrainClientDisconnectedError,
    BrainClosedError,
    BrainNameTypeError,
)

OTHER = "other"


def class_of_names(brain):
    """A class of str whose hash closes the Brain."""

    class Name(str):
        def __hash__(self):
            brain.close()
            return 7

    return Name


def test_the_hash_of_a_namespace_is_not_asked_for(brain, path):
    brain.learn("x", 1, namespace=OTHER)
    name = class_of_names(brain)(OTHER)
    assert brain.get("x", namespace=name) == 1
    assert brain.get("x", namespace=class_of_names(brain)("nobody")) is None
    with Brain(path, name) as other:
        assert other["x"] == 1
        assert other.get("x", namespace=OTHER) == 1
        assert type(other.namespace) is str
    assert not brain.closed


def test_a_hash_that_raises(brain):
    class Name(str):
        def __hash__(self):
            raise ZeroDivisionError

    brain.learn("x", 1, namespace=Name(OTHER))
    assert brain.get("x", namespace=Name(OTHER)) == 1
    assert brain.get("x", namespace=OTHER) == 1
    assert brain.get("x", namespace=Name("nobody")) is None


def test_a_list_as_a_name_whose_repr_empties_it(brain):
    names = []

    class Item:
        n_asked = 0

        def __repr__(self):
            Item.n_asked += 1
            if Item.n_asked > 3:
                names.clear()
            return "Item"

    names += [Item(), Item(), Item()]
    with pytest.raises(BrainNameTypeError):
        brain[names] = 1
    assert names == [] and not brain.closed


CALLS = {
    "iter": lambda b: sorted(b),
    "names": lambda b: sorted(b.names()),
    "names of another": lambda b: sorted(b.names(OTHER)),
    "names of all": lambda b: sorted(b.names(None)),
    "keys": lambda b: sorted(b.keys()),
    "values": lambda b: sorted(b.values()),
    "items": lambda b: sorted(b.items()),
    "metadata": lambda b: sorted(b.metadata()),
    "metadata of another": lambda b: sorted(b.metadata(namespace=OTHER)),
    "metadata of one": lambda b: b.metadata("n1") is None,
    "namespaces": lambda b: sorted(b.namespaces()),
    "missing": lambda b: b.get("nobody", 5),
    "recall of a missing one": lambda b: pytest.raises(KeyError, b.recall, "nobody", namespace=OTHER),
    "set_many": lambda b: b.set_many({"x": [1, 2], "y": {3: 4}}),
    "set_many of another": lambda b: b.set_many({"x": [1, 2]}, namespace=OTHER),
    "get_many": lambda b: b.get_many(["n1", "n2"]),
    "get_many of none": lambda b: b.get_many([]),
    "put": lambda b: b.__setitem__("l", [[1], {2: 3}]),
    "learn": lambda b: b.learn("l", [[1], {2: 3}], "of l", namespace=OTHER),
    "get": lambda b: b["n0"],
    "setdefault": lambda b: b.setdefault("s", [[1]]),
    "pop": lambda b: b.pop("n3", 5),
    "popitem": lambda b: b.popitem()[1],
    "stat": lambda b: b.stat()["n_clients"] > 0,
    "check": lambda b: b.check(),
    "clear": lambda b: b.clear(),
}


def call_with_collections(call, on_collection, threshold):
    """What `call` gives, where garbage is collected after so many new objects."""
    gc.collect()
    gc.callbacks.append(lambda phase, info: on_collection())
    gc.set_threshold(threshold)
    try:
        return call()
    finally:
        gc.set_threshold(0)
        gc.callbacks.pop()


@pytest.fixture
def no_collections():
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    yield
    gc.set_threshold(*thresholds)


@pytest.mark.parametrize("what", CALLS)
def test_a_collection_of_garbage_that_closes_it(brain, path, no_collections, what):
    for i in range(50):
        brain[f"n{i}"] = [i]
    brain.learn("x", [1], "of x", namespace=OTHER)
    for threshold in range(1, 40):
        closing = Brain(path)
        try:
            call_with_collections(lambda: CALLS[what](closing), closing.close, threshold)
        except BrainClosedError:
            pass
        closing.close()
    assert brain.check() == []


@pytest.mark.parametrize(
    "end, error", [("close", BrainClosedError), ("sleep", BrainClientDisconnectedError)]
)
def test_a_client_that_comes_too_late_is_let_go_of(brain, path, monkeypatch, end, error):
    clients = []

    def connect(path, **options):
        clients.append(BrainClient(path, **options))
        getattr(ending, end)()  # as another thread may
        return clients[-1]

    ending = Brain(path)
    monkeypatch.setattr("brain_plasma.brain.BrainClient", connect)
    with pytest.raises(error):
        ending.client
    assert brain.stat()["n_clients"] == 1
    assert len(clients) == 1
    if end == "sleep":
        ending.wake_up()
        monkeypatch.undo()
        assert ending.client.list() == {}
    ending.close()
