"""MockPlasmaClient: a store in this process only."""

import pytest
from brain_plasma import Brain
from brain_plasma.mock import MockPlasmaClient
from implementation import plasma


def new_id():
    return plasma.ObjectID.from_random()


@pytest.fixture
def client():
    return MockPlasmaClient("/nonexistent/plasma")


@pytest.fixture
def brain():
    return Brain(path="/nonexistent/plasma", ClientClass=MockPlasmaClient)


@pytest.mark.covers("MockPlasmaClient()")
def test_it_needs_no_store(client):
    assert client.path == "/nonexistent/plasma"


@pytest.mark.covers("MockPlasmaClient.put", "MockPlasmaClient.get", "MockPlasmaClient.contains")
def test_what_was_put_is_got(client):
    ids = [new_id(), new_id()]
    client.put("one", ids[0])
    client.put([2], ids[1])
    assert client.get(ids[0]) == "one"
    assert client.get(ids[0], timeout_ms=100) == "one"
    assert client.get(ids) == ["one", [2]]
    assert client.contains(ids[0]) is True
    assert client.contains(new_id()) is False


@pytest.mark.covers("MockPlasmaClient.put")
@pytest.mark.defect("needs an id, and returns none")
def test_put_returns_the_id(client):
    id = new_id()
    assert client.put(1, id) == id
    assert client.get(client.put(2)) == 2


@pytest.mark.covers("MockPlasmaClient.get")
@pytest.mark.defect("is a KeyError")
def test_a_missing_object_is_not_available(client):
    assert client.get(new_id(), timeout_ms=0) is plasma.ObjectNotAvailable


@pytest.mark.covers("MockPlasmaClient.list")
def test_the_list_has_the_sizes(client):
    id = new_id()
    client.put("x" * 1000, id)
    assert set(client.list()) == {id}
    assert client.list()[id]["data_size"] >= 1000


@pytest.mark.covers("MockPlasmaClient.list")
@pytest.mark.defect("has only the data size")
def test_the_list_is_that_of_a_plasma_client(client):
    client.put("x", id := new_id())
    keys = {"data_size", "metadata_size", "ref_count", "create_time", "construct_duration", "state"}
    assert set(client.list()[id]) == keys


@pytest.mark.covers("MockPlasmaClient.delete")
def test_deleted_objects_are_gone(client):
    id = new_id()
    client.put(1, id)
    client.delete([id])
    assert not client.contains(id)
    assert client.list() == {}


@pytest.mark.covers("MockPlasmaClient.delete")
@pytest.mark.defect("deletes the first only, and fails for an unknown one")
def test_delete_of_several(client):
    ids = [new_id(), new_id()]
    for id in ids:
        client.put(1, id)
    client.delete([new_id(), *ids])
    assert client.list() == {}


@pytest.mark.covers("MockPlasmaClient.store_capacity")
def test_it_has_a_capacity(client):
    assert type(client.store_capacity()) is int
    assert client.store_capacity() > 0


@pytest.mark.covers("MockPlasmaClient.disconnect")
@pytest.mark.defect("has no such call")
def test_it_can_be_disconnected(client):
    client.put(1, new_id())
    client.disconnect()
    with pytest.raises(OSError):
        client.put(2, new_id())


@pytest.mark.covers("MockPlasmaClient()", "Brain(ClientClass)")
def test_a_brain_without_a_store(brain):
    brain.learn("x", {"a": 1}, "described")
    brain["y"] = 2
    brain["y"] = 3
    assert brain["x"] == {"a": 1}
    assert sorted(brain.names()) == ["x", "y"]
    assert "y" in brain
    assert len(brain) == 2
    assert brain.metadata("x")["description"] == "described"
    assert brain.client.get(brain.object_id("y")) == 3
    assert brain.set_namespace("other") == "other"
    assert brain.names() == []
    brain["z"] = 4
    assert brain.namespaces() == {"default", "other"}
    assert brain.remove_namespace("other") == "Deleted namespace other. Using namespace default."
    del brain["y"]
    assert brain.names() == ["x"]
    with pytest.raises(KeyError):
        brain["y"]
    assert brain.size() == brain.bytes == brain.client.store_capacity()


@pytest.mark.covers("MockPlasmaClient()")
@pytest.mark.defect("its list has no metadata_size")
def test_a_brain_without_a_store_knows_what_it_uses(brain):
    brain["x"] = "x" * 1000
    assert brain.used() >= 1000
    assert brain.free() == brain.size() - brain.used()


@pytest.mark.covers("MockPlasmaClient()")
def test_two_of_them_share_nothing(brain):
    second = Brain(path="/nonexistent/plasma", ClientClass=MockPlasmaClient)
    brain["x"] = 1
    assert second.names() == []
