"""v02Brain: the Brain of brain-plasma 0.2."""

import pytest
from brain_plasma import Brain, BrainError
from brain_plasma.compatibility import v02Brain


@pytest.fixture
def old(path):
    with Brain(path, capacity=50_000_000):
        yield v02Brain(path=path)


@pytest.mark.covers("v02Brain()", "v02Brain.path", "v02Brain.namespace", "v02Brain.bytes", "v02Brain.mb")
def test_the_constructor(path):
    old = v02Brain("sessions", path)
    assert (old.namespace, old.path) == ("sessions", path)
    assert v02Brain(namespace="another", path=path).namespace == "another"
    assert old.bytes == old.size() and old.mb.endswith(" MB")
    with pytest.raises(BrainError, match='namespace "four" must be at least 5 characters'):
        v02Brain("four", path)


@pytest.mark.covers("v02Brain.learn", "v02Brain.recall", "v02Brain.forget")
def test_values_are_those_of_a_brain(old, path):
    old.learn("x", [1])
    old["y"] = 2
    with Brain(path) as brain:
        assert brain["x"] == [1]
        brain["z"] = 3
    assert (old.recall("x"), old["y"], old["z"]) == ([1], 2, 3)
    assert len(old) == 3 and "x" in old
    old.forget("x")
    del old["y"]
    assert old.names() == ["z"]


@pytest.mark.covers("v02Brain.info", "v02Brain.knowledge", "v02Brain.learn(description)")
def test_what_belongs_to_a_name(old):
    old.learn("x", 1, "what")
    info = old.info("x")
    assert set(info) == {"name", "id", "description", "name_id", "namespace"}
    assert (info["name"], info["description"], info["namespace"]) == ("x", "what", "default")
    assert len(info["id"]) == len(info["name_id"]) == 20
    old.learn("x", 2)
    assert old.info("x")["description"] is False
    assert old.knowledge() == [old.info("x")]


@pytest.mark.covers("v02Brain.ids", "v02Brain.object_map")
def test_ids(old):
    object_id = pytest.importorskip("brain_plasma.plasma").ObjectID
    old["x"] = 1
    assert old.object_map() == {"x": object_id(old.info("x")["id"])}
    assert old.ids() == list(old.object_map().values())


@pytest.mark.covers("v02Brain.set_namespace", "v02Brain.show_namespaces", "v02Brain.remove_namespace")
def test_namespaces(old):
    old["x"] = 1
    assert old.set_namespace("another") == old.set_namespace() == "another"
    old["y"] = 2
    assert old.show_namespaces() == {"default", "another"}
    assert old.names("default") == ["x"] and sorted(old.names("all")) == ["x", "y"]
    assert old.remove_namespace() == "Deleted namespace another. Using namespace default."


@pytest.mark.covers("v02Brain.size", "v02Brain.used", "v02Brain.free")
def test_sizes(old):
    old["x"] = b"x" * 1000
    assert (old.size(), old.used(), old.free()) == (50_000_000, 1000, 49_999_000)


@pytest.mark.covers("v02Brain.sleep", "v02Brain.wake_up")
def test_sleep(old):
    old["x"] = 1
    old.sleep()
    with pytest.raises(BrainError):
        old["x"]
    old.wake_up()
    assert old["x"] == 1


@pytest.mark.covers("v02Brain (errors)")
@pytest.mark.parametrize(
    "call, text",
    [
        (lambda old: old.learn(5, 1), 'type of name "5" is not string'),
        (lambda old: old.set_namespace("four"), 'namespace "four" must be at least 5 characters'),
        (lambda old: old.set_namespace("x" * 16), f'namespace "{"x" * 16}" must be fewer than 15 characters'),
        (lambda old: old.remove_namespace("default"), "cannot remove default namespace"),
        (lambda old: old.remove_namespace("nobody"), 'namespace "nobody" does not exist'),
        (lambda old: old.recall("x"), 'Brain does not know the name "x" in namespace "default"'),
        (lambda old: old.forget("x"), 'Brain does not know the name "x" in namespace "default"'),
        (lambda old: old.info("x"), 'Brain does not know the name "x" in namespace "default"'),
    ],
)
def test_errors_say_what_they_said(old, call, text):
    with pytest.raises(BrainError) as caught:
        call(old)
    assert str(caught.value) == f"BrainError: {text}"
    assert isinstance(caught.value, KeyError) == ("does not know" in text)
