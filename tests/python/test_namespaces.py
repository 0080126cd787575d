"""namespace= on each method: what it reads and changes, and what happens to one that does not exist."""

import sys
import threading

import pytest
from brain_plasma import Brain, exceptions

FAR = "far away"


@pytest.fixture
def filled(brain):
    """x in both namespaces, and y in the other one alone."""
    brain["x"] = "here"
    brain.learn("x", "there", "of there", namespace=FAR)
    brain.learn("y", "there too", namespace=FAR)
    return brain


# Each is a call in a namespace, and what it gives in one that has x and y, and in one that is not there.
READS = {
    "get": (lambda b, n: b.get("x", namespace=n), "there", None),
    "get with a default": (lambda b, n: b.get("z", 5, namespace=n), 5, 5),
    "get_many": (lambda b, n: b.get_many(["x", "z"], namespace=n), {"x": "there"}, {}),
    "exists": (lambda b, n: b.exists("y", namespace=n), True, False),
    "version": (lambda b, n: b.version("x", namespace=n) > 0, True, False),
    "names": (lambda b, n: sorted(b.names(n)), ["x", "y"], []),
    "keys": (lambda b, n: sorted(b.keys(namespace=n)), ["x", "y"], []),
    "values": (lambda b, n: sorted(b.values(namespace=n)), ["there", "there too"], []),
    "items": (lambda b, n: dict(b.items(namespace=n)), {"x": "there", "y": "there too"}, {}),
    "len of keys": (lambda b, n: len(b.keys(namespace=n)), 2, 0),
    "in keys": (lambda b, n: "y" in b.keys(namespace=n), True, False),
    "in values": (lambda b, n: "there" in b.values(namespace=n), True, False),
    "in items": (lambda b, n: ("x", "there") in b.items(namespace=n), True, False),
    "metadata": (lambda b, n: sorted(b.metadata(namespace=n)), ["x", "y"], []),
    "metadata of one": (
        lambda b, n: (b.metadata("x", namespace=n) or {}).get("description"),
        "of there",
        None,
    ),
    "pop with a default": (lambda b, n: b.pop("z", 5, namespace=n), 5, 5),
    "forget": (lambda b, n: b.forget("z", namespace=n), None, None),
    "clear": (lambda b, n: b.clear(namespace=n), None, None),
}


@pytest.mark.parametrize("what", READS)
def test_a_read_is_of_the_namespace_that_is_given(filled, what):
    call, there, missing = READS[what]
    assert call(filled, "nobody") == missing
    assert call(filled, FAR) == there
    assert filled.namespace == "default"
    assert dict(filled.items()) == {"x": "here"}
    assert "nobody" not in filled.namespaces()


def test_recall_of_another_namespace(filled):
    assert filled.recall("x") == "here"
    assert filled.recall("x", namespace=FAR) == "there"
    with pytest.raises(exceptions.BrainNameNotExistError) as caught:
        filled.recall("z", namespace=FAR)
    assert caught.value.args == ("z", FAR, filled.path)
    with pytest.raises(KeyError):
        filled.recall("x", namespace="nobody")


@pytest.mark.parametrize("namespace", [None, "default"])
def test_the_current_one_can_be_named(filled, namespace):
    assert filled.get("x", namespace=namespace) == "here"
    filled.learn("x", 2, namespace=namespace)
    assert filled["x"] == 2
    assert filled.pop("x", namespace=namespace) == 2
    assert len(filled) == 0


CHANGES = {
    "learn": lambda b, n: b.learn("z", 1, namespace=n),
    "setdefault": lambda b, n: b.setdefault("z", 1, namespace=n),
    "replace_if": lambda b, n: b.replace_if("z", 1, 0, namespace=n),
    "set_many": lambda b, n: b.set_many({"z": 1}, namespace=n),
    "update": lambda b, n: b.update({"z": 1}, namespace=n),
    "update by keyword": lambda b, n: b.update(z=1, namespace=n),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_put_makes_the_namespace_that_is_given(filled, what):
    for namespace in (FAR, "brand new"):
        CHANGES[what](filled, namespace)
        assert filled.recall("z", namespace=namespace) == 1
        assert namespace in filled.namespaces()
    assert "z" not in filled
    assert filled.namespace == "default"


@pytest.mark.parametrize("what", CHANGES)
@pytest.mark.parametrize("namespace", ["four", "sixteen letters!"])
def test_a_put_makes_none_that_set_namespace_would_not(brain, path, what, namespace):
    with pytest.raises(exceptions.BrainNamespaceNameError) as ours:
        brain.set_namespace(namespace)
    with pytest.raises(exceptions.BrainNamespaceNameError, match="5 to 15") as caught:
        CHANGES[what](brain, namespace)
    assert str(caught.value) == str(ours.value)
    assert brain.namespaces() == {"default"}
    assert brain.get("z", namespace=namespace) is None
    with Brain(path, long_namespaces=True) as free:
        CHANGES[what](free, namespace)
        assert free.recall("z", namespace=namespace) == 1


DELETES = {
    "forget": lambda b: b.forget("x", namespace=FAR),
    "pop": lambda b: b.pop("x", namespace=FAR),
    "popitem": lambda b: [b.popitem(namespace=FAR), b.popitem(namespace=FAR)],
    "clear": lambda b: b.clear(namespace=FAR),
}


@pytest.mark.parametrize("what", DELETES)
def test_a_delete_is_in_the_namespace_that_is_given(filled, what):
    DELETES[what](filled)
    assert "x" not in filled.names(FAR)
    assert filled["x"] == "here"


def test_what_is_missing_in_the_namespace_that_is_given(filled):
    with pytest.raises(KeyError):
        filled.pop("x", namespace="nobody")
    with pytest.raises(KeyError):
        filled.popitem(namespace="nobody")
    with pytest.raises(exceptions.BrainNameNotExistError) as caught:
        filled.forget("x", missing_ok=False, namespace="nobody")
    assert caught.value.args == ("x", "nobody", filled.path)


def test_wait_in_another_namespace(brain):
    with pytest.raises(exceptions.BrainTimeoutError, match=FAR):
        brain.wait("x", 0, 0.01, namespace=FAR)
    found = []
    thread = threading.Thread(target=lambda: found.append(brain.wait("x", 0, 60, namespace=FAR)))
    thread.start()
    brain["x"] = "another"
    brain.learn("x", 1, namespace=FAR)
    thread.join()
    assert found == [brain.version("x", namespace=FAR)]


def test_a_close_ends_a_wait_in_another_namespace(path):
    brain = Brain(path)
    began, outcomes = threading.Event(), []

    def work():
        began.set()
        try:
            brain.wait("x", 0, namespace=FAR)
        except exceptions.BrainClosedError as error:
            outcomes.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    brain.close()
    thread.join()
    assert len(outcomes) == 1


# ---- what is no namespace -----------------------------------------------------------------------

ALL = {**{what: call for what, (call, _, _) in READS.items()}, **CHANGES}


@pytest.mark.parametrize("what", ALL)
def test_what_cannot_be_a_namespace(brain, what):
    for wrong in (5, b"bytes", ["list of"]):
        with pytest.raises(exceptions.BrainNameTypeError):
            ALL[what](brain, wrong)
    for wrong in ("", "x" * 256, "\ud800" * 5):
        with pytest.raises(exceptions.BrainNamespaceNameError):
            ALL[what](brain, wrong)
    assert len(brain) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda b: b.get("x", nonsense=1),
        lambda b: b.get("x", default=1),
        lambda b: b.get(namespace=FAR),
        lambda b: b.get("x", 1, FAR),
        lambda b: b.pop("x", namespace=FAR, more=1),
        lambda b: b.popitem("x"),
        lambda b: b.setdefault("x", 1, 2),
        lambda b: b.version(),
        lambda b: b.version("x", "y"),
        lambda b: b.replace_if("x", 1),
        lambda b: b.set_many(),
        lambda b: b.set_many({}, {}),
        lambda b: b.get_many(),
        lambda b: b.clear(FAR),
        lambda b: b.set_many([1], namespace=FAR),
        lambda b: b.get_many("abc", namespace=FAR),
    ],
)
def test_wrong_arguments_are_a_type_error(brain, call):
    with pytest.raises(TypeError):
        call(brain)
    assert len(brain) == 0


def test_a_name_that_is_none_is_refused_in_any_namespace(brain):
    for call in (brain.get, brain.pop, brain.version, brain.recall, brain.forget, brain.exists):
        with pytest.raises(exceptions.BrainNameTypeError):
            call(5, namespace=FAR)
        with pytest.raises(exceptions.BrainNameLengthError):
            call("x" * 65_536, namespace=FAR)


def test_the_name_namespace_is_put_as_one_of_a_mapping(brain):
    brain.update({"namespace": 1})
    assert brain["namespace"] == 1


# ---- many of them -------------------------------------------------------------------------------


def test_more_namespaces_than_are_kept_open(brain):
    spaces = [f"session {number}" for number in range(50)]
    for turn in range(3):
        for number, space in enumerate(spaces):
            brain.learn("x", (turn, number), namespace=space)
        for number, space in reversed(list(enumerate(spaces))):
            assert brain.get("x", namespace=space) == (turn, number)
            assert brain.get("x", namespace="".join(space)) == (turn, number)
    assert len(brain.namespaces()) == 51


def test_a_namespace_that_somebody_removed_comes_back(filled, path):
    assert filled.get("x", namespace=FAR) == "there"
    with Brain(path) as other:
        other.remove_namespace(FAR)
    assert filled.get("x", namespace=FAR) is None
    filled.learn("x", 1, namespace=FAR)
    assert filled.names(FAR) == ["x"]


def test_namespaces_are_given_by_many_threads_at_once(brain):
    errors = []

    def work(number):
        try:
            for turn in range(300):
                space = f"thread {(number * 7 + turn) % 40}"
                brain.learn(str(number), (number, turn), namespace=space)
                assert brain.get(str(number), namespace=space) == (number, turn)
                brain.learn("large", b"x" * 100_000, namespace=space)
                if turn % 50 == 0:
                    brain.clear(namespace=f"thread {number + 80}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert brain.check() == []


class Closes:
    """Closes the Brain that it is put into, while it is pickled."""

    def __init__(self, brain):
        self.brain = brain

    def __reduce__(self):
        self.brain.close()
        return int, ()


@pytest.mark.parametrize("what", ["learn", "replace_if", "set_many", "setdefault"])
def test_a_value_that_closes_the_brain(path, what):
    brain = Brain(path)
    brain.learn("y", 1, namespace=FAR)
    calls = {
        "learn": lambda: brain.learn("x", Closes(brain), namespace=FAR),
        "replace_if": lambda: brain.replace_if("x", Closes(brain), 0, namespace=FAR),
        "set_many": lambda: brain.set_many({"x": Closes(brain), "y": 1}, namespace=FAR),
        "setdefault": lambda: brain.setdefault("x", Closes(brain), namespace=FAR),
    }
    with pytest.raises(exceptions.BrainClosedError):
        calls[what]()
    with Brain(path) as again:
        assert again.names(FAR) == ["y"]


def test_a_name_of_a_namespace_is_let_go_of(brain):
    space = "".join(["let ", "go of"])
    before = sys.getrefcount(space)
    brain.learn("x", 1, namespace=space)
    for number in range(20):
        brain.get("x", namespace=f"another {number}")
    assert sys.getrefcount(space) == before


# ---- hidden ones --------------------------------------------------------------------------------


def test_objects_of_plasma_are_in_no_namespace_that_is_seen(brain):
    pytest.importorskip("brain_plasma.plasma")
    brain["x"] = 1
    brain.client.put("an object")
    assert brain.namespaces() == {"default"}
    assert brain.names("all") == ["x"]


def test_a_view_of_a_namespace_that_is_called_all_shows_that_one(path):
    with Brain(path, capacity=10_000_000, long_namespaces=True) as brain:
        brain["of default"] = 1
        brain.learn("of all", 2, namespace="all")
        assert list(brain.keys(namespace="all")) == ["of all"]
        assert dict(brain.items(namespace="all")) == {"of all": 2}
        assert sorted(brain.names("all")) == ["of all", "of default"]
