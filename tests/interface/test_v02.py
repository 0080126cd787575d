"""v02Brain: the interface of brain-plasma 0.2."""

import numpy as np
import pytest
from brain_plasma.compatibility import v02Brain
from implementation import plasma
from processes import CAPACITY


@pytest.fixture
def brain(store):
    return v02Brain(path=store.path)


@pytest.fixture
def filled(brain):
    """Two names in `default`, and one in `other`."""
    brain.set_namespace("other")
    brain["far"] = "away"
    brain.set_namespace("default")
    brain.learn("a", 1, "the first")
    brain["b"] = [2]
    return brain


@pytest.mark.covers("v02Brain()", "v02Brain.path", "v02Brain.namespace", "v02Brain.client")
def test_the_constructor(store):
    brain = v02Brain("other", store.path)
    assert (brain.namespace, brain.path) == ("other", store.path)
    brain = v02Brain(path=store.path, namespace="again")
    assert (brain.namespace, brain.path) == ("again", store.path)
    assert v02Brain(path=store.path).namespace == "default"
    assert brain.client.get(brain.client.put(1)) == 1


@pytest.mark.covers("v02Brain.bytes", "v02Brain.mb")
def test_attributes(brain):
    assert brain.bytes == CAPACITY
    assert brain.mb == "50 MB"


@pytest.mark.covers(
    "v02Brain.learn", "v02Brain.recall", "v02Brain.__setitem__", "v02Brain.__getitem__"
)
def test_values_come_back(brain):
    assert brain.learn("x", {"a": [1]}) is None
    assert brain.learn(name="y", thing=(1, 2), description="described") is None
    brain["z"] = np.arange(1000)
    assert brain["x"] == brain.recall("x") == {"a": [1]}
    assert brain["y"] == (1, 2)
    assert (brain["z"] == np.arange(1000)).all()
    brain["x"] = "replaced"
    assert brain["x"] == "replaced"
    assert len(brain) == 3


@pytest.mark.covers("v02Brain.forget", "v02Brain.__delitem__")
def test_forgotten_names_are_gone(filled):
    assert filled.forget("a") is None
    del filled["b"]
    assert filled.names() == []
    filled["b"] = "again"
    assert filled["b"] == "again"


@pytest.mark.covers("v02Brain.__contains__", "v02Brain.__len__")
def test_membership(filled):
    assert "a" in filled
    assert "far" not in filled
    assert len(filled) == 2


@pytest.mark.covers("v02Brain.names", "v02Brain.names('all')")
def test_names(filled):
    assert sorted(filled.names()) == ["a", "b"]
    assert sorted(filled.names("all")) == ["a", "b", "far"]
    assert sorted(filled.names(namespace="all")) == ["a", "b", "far"]
    assert filled.namespace == "default"


@pytest.mark.covers("v02Brain.names(namespace)")
@pytest.mark.defect("ignores a namespace other than 'all'")
def test_names_of_another_namespace(filled):
    assert filled.names("other") == ["far"]


@pytest.mark.covers("v02Brain.ids", "v02Brain.object_map")
def test_ids(filled):
    ids = filled.object_map()
    assert set(ids) == {"a", "b"}
    assert all(type(id) is plasma.ObjectID for id in ids.values())
    assert filled.client.get(ids["b"]) == [2]
    assert sorted(filled.ids(), key=repr) == sorted(ids.values(), key=repr)


@pytest.mark.covers("v02Brain.info", "v02Brain.learn(description)")
def test_info_of_a_name(filled):
    info = filled.info("a")
    assert set(info) == {"name", "id", "description", "name_id", "namespace"}
    assert (info["name"], info["description"], info["namespace"]) == ("a", "the first", "default")
    assert info["id"] == filled.object_map()["a"].binary()
    assert len(info["name_id"]) == 20
    assert filled.client.contains(plasma.ObjectID(info["name_id"]))
    assert not filled.info("b")["description"]


@pytest.mark.covers("v02Brain.knowledge")
def test_knowledge_of_all_names(filled):
    knowledge = filled.knowledge()
    assert type(knowledge) is list
    assert sorted(knowledge, key=lambda info: info["name"]) == [filled.info("a"), filled.info("b")]


@pytest.mark.covers("v02Brain.size", "v02Brain.used", "v02Brain.free")
def test_sizes(brain):
    brain["x"] = np.zeros(1_000_000, "uint8")
    assert brain.size() == CAPACITY
    assert 1_000_000 <= brain.used() < 1_100_000
    assert brain.free() == brain.size() - brain.used()


@pytest.mark.covers("v02Brain.sleep", "v02Brain.wake_up")
def test_sleep(filled):
    assert filled.sleep() is None
    with pytest.raises(BaseException):
        filled.names()
    assert filled.wake_up() is None
    assert filled["a"] == 1


@pytest.mark.covers("v02Brain.set_namespace", "v02Brain.show_namespaces")
def test_namespaces(filled):
    assert filled.set_namespace() == "default"
    assert filled.set_namespace("third") == "third"
    assert filled.namespace == "third"
    assert filled.show_namespaces() == {"default", "other", "third"}
    assert filled.names() == []


@pytest.mark.covers("v02Brain.remove_namespace")
def test_remove_namespace(filled):
    said = filled.remove_namespace("other")
    assert said == "Deleted namespace other. Using namespace default."
    assert filled.show_namespaces() == {"default"}
    assert sorted(filled.names("all")) == ["a", "b"]
    filled.set_namespace("third")
    said = filled.remove_namespace(namespace="third")
    assert said == "Deleted namespace third. Using namespace default."
    assert filled.namespace == "default"


@pytest.mark.covers("v02Brain.remove_namespace")
@pytest.mark.defect("fails: None does not exist")
def test_remove_namespace_without_argument_removes_the_current_one(filled):
    filled.set_namespace("other")
    assert filled.remove_namespace() == "Deleted namespace other. Using namespace default."


WRONG = {
    "a name that is not text": (
        lambda brain: brain.learn(5, 1),
        'BrainError: type of name "5" is not string',
    ),
    "a short namespace": (
        lambda brain: brain.set_namespace("four"),
        'BrainError: namespace "four" must be at least 5 characters',
    ),
    "a long namespace": (
        lambda brain: brain.set_namespace("sixteen_letters_"),
        'BrainError: namespace "sixteen_letters_" must be fewer than 15 characters',
    ),
    "the default namespace removed": (
        lambda brain: brain.remove_namespace("default"),
        "BrainError: cannot remove default namespace",
    ),
    "a missing namespace removed": (
        lambda brain: brain.remove_namespace("missing"),
        'BrainError: namespace "missing" does not exist',
    ),
}


@pytest.mark.covers("v02Brain (errors)", "v02Brain.learn", "v02Brain.set_namespace")
@pytest.mark.parametrize(("call", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_errors_say(filled, call, said):
    with pytest.raises(BaseException) as caught:
        call(filled)
    assert str(caught.value) == said
    assert filled.namespace == "default"


@pytest.mark.covers("v02Brain (errors)")
@pytest.mark.defect("are BaseExceptions and no Exceptions")
@pytest.mark.parametrize(("call", "said"), WRONG.values(), ids=WRONG.keys())
def test_errors_are_exceptions(filled, call, said):
    with pytest.raises(Exception, match="BrainError"):
        call(filled)


@pytest.mark.covers("v02Brain.recall", "v02Brain (errors)")
def test_a_missing_name_is_an_error(filled):
    for call in (filled.recall, filled.forget, filled.info):
        with pytest.raises(Exception):  # a different one for each
            call("missing")
    assert len(filled) == 2
