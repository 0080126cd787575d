"""What brain-plasma 0.3 gets wrong, beyond a wrong result of one call: each is right here."""

import datetime
import decimal
import inspect
import os
import signal
import threading
import uuid

import numpy as np
import pytest
from brain_plasma import Brain, BrainClient, exceptions
from implementation import plasma

MEGABYTE = 1_000_000  # the capacity of small_store


def in_threads(function, count=4):
    """What the function, called in so many threads at once, returned or raised."""
    results = []

    def work(number):
        try:
            results.append(function(number))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


# ---- several at once --------------------------------------------------------------------------

WRITER = """\
brain = Brain(path=path)
brain["x"] = 0
print("writes")
sys.stdout.flush()
for number in range(3000):
    brain["x"] = number
print("ends")
"""


@pytest.mark.covers("defect: two Brains that replace one name")
@pytest.mark.defect("writers fail, or wait for ever; readers see no name", run=False)
def test_two_brains_replace_one_name(brain, store, other):
    writers = [other(WRITER, store.path) for _ in range(2)]
    assert [writer.line() for writer in writers] == ["writes", "writes"]
    while any(writer.process.poll() is None for writer in writers):
        assert "x" in brain
        assert 0 <= brain["x"] < 3000
        assert brain.names() == ["x"]
        assert brain.metadata("x")["name"] == "x"
    assert [writer.line() for writer in writers] == ["ends", "ends"]
    assert brain["x"] == 2999
    assert len(brain) == 1


@pytest.mark.covers("defect: threads that share a Brain")
@pytest.mark.defect("the process aborts", run=False)
def test_threads_share_a_brain(brain):
    def work(number):
        for turn in range(500):
            brain[f"name {number}"] = turn
            assert brain[f"name {number}"] == turn
            assert f"name {number}" in brain.names()
        return number

    assert sorted(in_threads(work)) == [0, 1, 2, 3]
    assert len(brain) == 4


@pytest.mark.covers("defect: a Brain carried across a fork")
@pytest.mark.defect("parent and child read each other's answers", run=False)
def test_a_fork_leaves_the_brain_of_the_parent_whole(brain):
    brain["x"] = 1
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            try:
                for _ in range(200):
                    assert Brain(path=brain.path)["x"] == 1
                os._exit(0)
            except BaseException:
                os._exit(1)
        children.append(pid)
    for number in range(500):
        brain["y"] = number
        assert (brain["x"], brain["y"]) == (1, number)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 4


@pytest.mark.covers("defect: names('all') under other threads")
@pytest.mark.defect("changes the namespace, or aborts", run=False)
def test_names_of_all_leaves_the_namespace_alone(brain):
    brain.set_namespace("other")
    brain.set_namespace("default")
    brain["x"] = 1

    def work(number):
        for _ in range(300):
            if number == 0:
                assert brain.names("all") == ["x"]
            else:
                assert brain.namespace == "default"
                assert brain["x"] == 1
        return True

    assert in_threads(work) == [True] * 4


@pytest.mark.covers("defect: a kill in an update")
@pytest.mark.defect("the name may be lost")
def test_a_kill_in_an_update_keeps_the_name(brain, store, other):
    for turn in range(10):
        writer = other(WRITER, store.path)
        assert writer.line() == "writes"
        for _ in range(turn):
            assert brain.exists("x") in (True, False)
        writer.process.send_signal(signal.SIGKILL)
        writer.process.wait()
        assert 0 <= brain["x"] < 3000
        assert brain.names() == ["x"]


# ---- a store that is full ---------------------------------------------------------------------


def fill(brain):
    """Names until there is no room for another, and their values."""
    values = {}
    with pytest.raises(exceptions.BrainLearnNameError):
        for number in range(1000):
            brain[f"name {number}"] = np.full(100_000, number, "uint8")
            values[f"name {number}"] = number
    return values


def holds(brain, values):
    return sorted(brain.names()) == sorted(values) and all(
        (brain[name] == value).all() for name, value in values.items()
    )


@pytest.mark.covers("defect: a full store")
@pytest.mark.defect("loses values, names and the set of namespaces in silence")
def test_a_full_store_loses_nothing(small_brain):
    small_brain.set_namespace("other")
    values = fill(small_brain)
    assert len(values) >= 7
    assert holds(small_brain, values)
    assert small_brain.namespaces() == {"default", "other"}


@pytest.mark.covers("defect: a failed learn", "BrainLearnNameError")
@pytest.mark.defect("evicts others")
def test_a_failed_learn_changes_nothing(small_brain):
    for number in range(5):
        small_brain[f"name {number}"] = np.full(100_000, number, "uint8")
    used = small_brain.used()
    for _ in range(3):
        with pytest.raises(exceptions.BrainLearnNameError):
            small_brain["large"] = np.zeros(MEGABYTE, "uint8")
    assert holds(small_brain, {f"name {number}": number for number in range(5)})
    assert small_brain.used() == used


@pytest.mark.covers("defect: a failed update", "BrainUpdateNameError")
@pytest.mark.defect("says that it rolled back when the old value is gone")
def test_a_failed_update_keeps_the_old_value(small_brain):
    for number in range(5):
        small_brain.learn(f"name {number}", np.full(100_000, number, "uint8"), "described")
    for _ in range(3):
        with pytest.raises(exceptions.BrainUpdateNameError):
            small_brain.learn("name 0", np.zeros(MEGABYTE, "uint8"), "too large")
    assert holds(small_brain, {f"name {number}": number for number in range(5)})
    assert small_brain.metadata("name 0")["description"] == "described"


@pytest.mark.covers("defect: a full store", "PlasmaClient (eviction)")
@pytest.mark.defect("evicts what has a name")
def test_plasma_objects_give_way_to_others_and_names_do_not(small_store, small_brain):
    client = small_store.connect()
    small_brain["x"] = np.full(300_000, 1, "uint8")
    for _ in range(30):
        client.put_raw_buffer(bytes(100_000))
    assert (small_brain["x"] == 1).all()
    assert small_brain.names() == ["x"]
    assert client.evict(10**9) > 0
    assert small_brain.namespaces() == {"default"}
    assert (small_brain["x"] == 1).all()


# ---- namespaces -------------------------------------------------------------------------------


@pytest.mark.covers("defect: a namespace that begins like another")
@pytest.mark.defect("`users` also finds what is in `users2`")
def test_a_namespace_that_begins_like_another(brain):
    brain.set_namespace("users2")
    brain["x"], brain["y"] = "of users2", 1
    brain.set_namespace("users")
    brain["x"] = "of users"
    assert brain.names() == ["x"]
    assert brain.metadata() == {"x": brain.metadata("x")}
    assert len(brain.ids()) == 1
    assert brain["x"] == "of users"
    brain.remove_namespace("users")
    brain.set_namespace("users2")
    assert sorted(brain.names()) == ["x", "y"]


@pytest.mark.covers("defect: namespaces called brain, or with characters beyond ASCII")
@pytest.mark.defect("fail later")
@pytest.mark.parametrize(
    "namespace", ["brain", "brain_namespace", "naïve", "ÄÖÜäöüß€€€€€€€€", "𝄞𝄞𝄞𝄞𝄞"]
)
def test_namespaces_that_the_original_stumbled_over(brain, namespace):
    assert brain.set_namespace(namespace) == namespace
    brain["x"] = 1
    assert brain.names() == ["x"]
    assert brain.metadata() == {"x": brain.metadata("x")}
    id = plasma.ObjectID(brain.metadata("x")["metadata_id"])
    assert id == brain._name_to_namespace_hash("x")
    assert brain.client.get(id) == brain.metadata("x")
    assert brain.namespaces() == {"default", namespace}
    brain.remove_namespace(namespace)
    assert brain.namespaces() == {"default"}


# ---- values -----------------------------------------------------------------------------------

UNKNOWN_TO_THE_ORIGINAL = [
    1 + 2j,
    bytearray(b"bytes"),
    frozenset({1, 2}),
    range(1, 10, 2),
    slice(1, 2),
    Ellipsis,
    datetime.date(2026, 11, 28),
    datetime.timedelta(days=1),
    decimal.Decimal("1.10"),
    uuid.UUID(int=5),
]


@pytest.mark.covers("defect: types that cannot be stored")
@pytest.mark.defect("cannot be stored")
@pytest.mark.parametrize("value", UNKNOWN_TO_THE_ORIGINAL, ids=lambda value: type(value).__name__)
def test_types_that_the_original_cannot_store(brain, value):
    brain["x"] = value
    brain["in a list"] = [value]
    assert brain["x"] == value
    assert type(brain["x"]) is type(value)
    assert brain["in a list"] == [value]


# ---- hints ------------------------------------------------------------------------------------


def methods(cls):
    return [
        function
        for name, function in inspect.getmembers(cls, inspect.isroutine)
        if not name.startswith("_") and name in vars(cls)
    ]


@pytest.mark.covers("defect: parameters without type hints")
@pytest.mark.defect("several have none")
@pytest.mark.parametrize("cls", [Brain, BrainClient])
def test_every_parameter_has_a_type_hint(cls):
    for method in methods(cls):
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            assert parameter.annotation is not parameter.empty, (method, parameter)
        assert method.__doc__, method
