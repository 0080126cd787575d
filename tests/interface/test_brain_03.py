"""Brain, as brain-plasma 0.3 has it: a Brain, its names' values, sizes, sleep."""

import datetime
import threading

import numpy as np
import pytest
from brain_plasma import Brain, BrainClient, exceptions
from brain_plasma.mock import MockPlasmaClient
from implementation import plasma
from processes import CAPACITY

LOCK = threading.Lock()  # nothing can store it
NAMESPACES_ID = plasma.ObjectID(b"brain_namespaces_set")


# ---- the constructor --------------------------------------------------------------------------


@pytest.mark.covers("Brain(path)", "Brain(namespace)")
def test_path_and_namespace_by_keyword(store):
    brain = Brain(path=store.path, namespace="other")
    assert (brain.path, brain.namespace) == (store.path, "other")
    brain = Brain(namespace="spaces", path=store.path)
    assert (brain.path, brain.namespace) == (store.path, "spaces")
    assert Brain(path=store.path).namespace == "default"


@pytest.mark.covers("Brain(namespace, path)")
def test_two_positionals_in_the_order_of_the_code(store):
    brain = Brain("other", store.path)
    assert (brain.path, brain.namespace) == (store.path, "other")


@pytest.mark.covers("Brain(path, namespace)")
@pytest.mark.ours("documented, but 0.3 has the other order")
def test_two_positionals_in_the_order_of_the_documentation(store):
    brain = Brain(store.path, "other")
    assert (brain.path, brain.namespace) == (store.path, "other")


@pytest.mark.covers("Brain(path)")
@pytest.mark.ours("documented, but 0.3 takes it for a namespace")
def test_one_positional_with_a_slash_is_the_path(store):
    brain = Brain(store.path)
    assert (brain.path, brain.namespace) == (store.path, "default")


@pytest.mark.covers("Brain(namespace)", "Brain(ClientClass)")
def test_one_positional_without_a_slash_is_the_namespace():
    brain = Brain("other", ClientClass=MockPlasmaClient)
    assert (brain.path, brain.namespace) == ("/tmp/plasma", "other")


@pytest.mark.covers("Brain(path)", "Brain(namespace)", "Brain(ClientClass)")
def test_what_a_brain_has_where_nothing_is_said():
    brain = Brain(ClientClass=MockPlasmaClient)
    assert (brain.path, brain.namespace) == ("/tmp/plasma", "default")


@pytest.mark.covers("Brain(ClientClass)", "BrainClient")
def test_the_class_of_the_client_can_be_given_by_place(store):
    brain = Brain("other", store.path, BrainClient)
    assert isinstance(brain.client, BrainClient)
    brain["x"] = 1
    assert brain["x"] == 1


@pytest.mark.covers("Brain(path)")
@pytest.mark.ours("the original needs a store that runs")
def test_the_store_is_made_where_there_is_none(missing_path):
    brain = Brain(path=missing_path)
    brain["x"] = 1
    assert Brain(path=missing_path)["x"] == 1


@pytest.mark.covers("Brain(namespace)", "BrainNamespaceNameError")
@pytest.mark.parametrize("wrong", ["four", "sixteen_letters_"])
def test_the_namespace_of_the_constructor_is_checked(store, wrong):
    with pytest.raises(exceptions.BrainNamespaceNameError):
        Brain(wrong, store.path)


@pytest.mark.covers("Brain(long_namespaces)")
@pytest.mark.ours("the original has no such argument")
@pytest.mark.parametrize("namespace", ["s", "550e8400-e29b-41d4-a716-446655440000", "x" * 255])
def test_long_namespaces_lift_the_limit(store, namespace):
    brain = Brain(path=store.path, namespace=namespace, long_namespaces=True)
    brain["x"] = 1
    assert brain.namespace == namespace
    assert namespace in brain.namespaces()
    assert brain.names() == ["x"]
    assert Brain(path=store.path).names() == []
    [metadata] = brain.metadata(output="list")
    assert metadata["metadata_id"] == brain._name_to_namespace_hash("x").binary()
    assert brain.client.get(plasma.ObjectID(metadata["metadata_id"])) == metadata
    with pytest.raises(exceptions.BrainNamespaceNameError):
        brain.set_namespace("x" * 256)


# ---- attributes -------------------------------------------------------------------------------


@pytest.mark.covers("Brain.path", "Brain.namespace", "Brain.bytes", "Brain.mb")
def test_attributes(brain, store):
    assert brain.path == store.path
    assert brain.namespace == "default"
    assert type(brain.bytes) is int
    assert brain.bytes == CAPACITY
    assert brain.mb == "50 MB"


@pytest.mark.covers("Brain.mb")
@pytest.mark.parametrize(("capacity", "mb"), [(1_600_000, "2 MB"), (10_400_000, "10 MB")])
def test_megabytes_are_rounded(new_store, capacity, mb):
    assert Brain(path=new_store(capacity).path).mb == mb


@pytest.mark.covers("Brain.reserved_names")
def test_reserved_names(brain):
    assert type(brain.reserved_names) is list
    assert "brain_namespaces_set" in brain.reserved_names


@pytest.mark.covers("Brain.client")
def test_the_client_sees_what_the_brain_has(brain):
    brain["x"] = [1, 2]
    id = brain.object_id("x")
    assert brain.client.contains(id)
    assert brain.client.get(id) == [1, 2]
    assert brain.client.get([id]) == [[1, 2]]
    assert id in brain.client.list()
    assert brain.client.store_capacity() == CAPACITY
    another = plasma.ObjectID.from_random()
    brain.client.put("beside the names", another)
    assert brain.client.get(another) == "beside the names"
    assert brain.names() == ["x"]
    brain.client.delete([another])
    assert not brain.client.contains(another)


@pytest.mark.covers("Brain.client", "Brain.object_id")
def test_another_plasma_client_sees_the_value(brain, client):
    brain["x"] = {"y": 1}
    assert client.get(brain.object_id("x")) == {"y": 1}


@pytest.mark.covers("Brain.client")
@pytest.mark.defect("the name stays, with ObjectNotAvailable as its value")
def test_a_value_deleted_through_the_client_takes_its_name_along(filled):
    filled.client.delete([filled.object_id("b")])
    assert "b" not in filled
    assert sorted(filled.names()) == ["a", "c"]
    with pytest.raises(KeyError):
        filled["b"]


@pytest.mark.covers("Brain.client")
def test_the_id_of_the_namespaces_gives_the_namespaces(filled):
    assert filled.client.contains(NAMESPACES_ID)
    assert filled.client.get(NAMESPACES_ID) == {"default", "other"}


# ---- a name and its value ---------------------------------------------------------------------

VALUES = [
    None,
    True,
    5,
    1.5,
    "text",
    b"bytes",
    [1, "two", None],
    (1, 2),
    {"a": {"b": 1}},
    {1, 2},
    datetime.datetime(2026, 11, 28, 12, 30),
]


@pytest.mark.covers("Brain.__setitem__", "Brain.__getitem__", "Brain.learn", "Brain.recall")
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_come_back(brain, second_brain, value):
    brain["x"] = value
    for who in (brain, second_brain):
        assert who["x"] == who.recall("x") == value
        assert type(who["x"]) is type(value)


@pytest.mark.covers("Brain.learn", "Brain.recall")
def test_arrays_and_frames_come_back(brain):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    brain["array"] = np.arange(10_000).reshape(100, 100)
    brain["frame"] = frame
    assert (brain["array"] == np.arange(10_000).reshape(100, 100)).all()
    pandas.testing.assert_frame_equal(brain["frame"], frame)


@pytest.mark.covers("Brain.learn", "Brain.learn(description)")
def test_learn_returns_nothing_and_its_arguments_have_names(brain):
    assert brain.learn("a", 1) is None
    assert brain.learn("b", 2, "by place") is None
    assert brain.learn(name="c", thing=3, description="by name") is None
    assert [brain.recall(name=name) for name in "abc"] == [1, 2, 3]
    assert brain.metadata("b")["description"] == "by place"
    assert brain.metadata("c")["description"] == "by name"


@pytest.mark.covers("Brain.learn", "Brain.learn(description)")
def test_a_new_value_keeps_the_description_unless_there_is_a_new_one(brain):
    brain.learn("x", 1, "the first")
    brain["x"] = 2
    assert brain["x"] == 2
    assert brain.metadata("x")["description"] == "the first"
    brain.learn("x", 3)
    assert brain.metadata("x")["description"] == "the first"
    brain.learn("x", 4, "the second")
    assert brain.metadata("x")["description"] == "the second"
    assert len(brain) == 1


@pytest.mark.covers("Brain.learn(description)")
def test_false_is_accepted_for_no_description(brain):
    brain.learn("x", 1, description=False)
    assert not brain.metadata("x")["description"]


@pytest.mark.covers("Brain.__setitem__")
def test_a_new_value_has_a_new_id_and_the_old_one_goes(brain):
    brain["x"] = 1
    first, metadata_id = brain.object_id("x"), brain.metadata("x")["metadata_id"]
    brain["x"] = 2
    assert brain.object_id("x") != first
    assert brain.metadata("x")["metadata_id"] == metadata_id
    assert not brain.client.contains(first)


@pytest.mark.covers("Brain.learn")
@pytest.mark.parametrize("name", ["a", "ä€𝄞", "with space", "x" * 1000, "brain_namespaces_set"])
def test_names_of_any_kind(brain, name):
    brain[name] = 1
    assert name in brain
    assert brain[name] == 1
    assert brain.names() == [name]
    assert brain.metadata(name)["name"] == name
    del brain[name]
    assert name not in brain


@pytest.mark.covers("BrainNameTypeError", "Brain.learn", "Brain.__setitem__")
@pytest.mark.parametrize("name", [5, None, b"x", ("x",)], ids=repr)
def test_learn_takes_only_text_for_a_name(brain, name):
    with pytest.raises(exceptions.BrainNameTypeError):
        brain.learn(name, 1)
    with pytest.raises(exceptions.BrainNameTypeError):
        brain[name] = 1
    assert len(brain) == 0


@pytest.mark.covers("BrainNameTypeError", "Brain.recall")
@pytest.mark.defect("is an AttributeError")
def test_recall_takes_only_text_for_a_name(brain):
    with pytest.raises(exceptions.BrainNameTypeError):
        brain.recall(5)


@pytest.mark.covers("BrainLearnNameError")
def test_what_cannot_be_stored_is_not_learnt(brain):
    brain["x"] = 1
    used = brain.used()
    with pytest.raises(exceptions.BrainLearnNameError):
        brain["lock"] = LOCK
    assert "lock" not in brain
    assert brain.names() == ["x"]
    assert brain.used() == used


@pytest.mark.covers("BrainUpdateNameError")
def test_an_update_that_fails_leaves_the_old_value(brain):
    brain.learn("x", 1, "described")
    used = brain.used()
    with pytest.raises(exceptions.BrainUpdateNameError):
        brain["x"] = LOCK
    assert brain["x"] == 1
    assert brain.metadata("x")["description"] == "described"
    assert brain.used() == used


@pytest.mark.covers("BrainLearnNameError", "BrainUpdateNameError")
def test_what_is_too_large_is_neither_learnt_nor_an_update(brain):
    brain["x"] = 1
    with pytest.raises(exceptions.BrainUpdateNameError):
        brain["x"] = np.zeros(CAPACITY, "uint8")
    with pytest.raises(exceptions.BrainLearnNameError):
        brain["large"] = np.zeros(CAPACITY, "uint8")
    assert "large" not in brain


class Stubborn(MockPlasmaClient):
    """Does not delete what it is told to keep."""

    kept = None

    def delete(self, ids):
        if self.kept in ids:
            raise OSError("it is kept")
        super().delete(ids)


@pytest.mark.covers("BrainRemoveOldNameValueError")
def test_an_old_value_that_cannot_be_removed_is_an_error():
    brain = Brain(ClientClass=Stubborn)
    brain["x"] = 1
    brain.client.kept = brain.object_id("x")
    with pytest.raises(exceptions.BrainRemoveOldNameValueError):
        brain["x"] = 2


@pytest.mark.covers("Brain.__getitem__", "Brain.recall")
def test_a_missing_name_is_a_key_error(brain):
    for recall in (brain.recall, brain.__getitem__):
        with pytest.raises(KeyError, match="missing"):
            recall("missing")


@pytest.mark.covers("BrainNameNotExistError", "Brain.recall")
@pytest.mark.defect("is a KeyError only")
def test_a_missing_name_is_a_name_that_does_not_exist(brain):
    with pytest.raises(exceptions.BrainNameNotExistError) as caught:
        brain.recall("missing")
    assert isinstance(caught.value, KeyError)


@pytest.mark.covers("Brain.__delitem__", "Brain.forget")
def test_forgotten_names_are_gone(filled):
    id = filled.object_id("b")
    del filled["a"]
    assert filled.forget("b") is None
    assert filled.names() == ["c"]
    assert not filled.client.contains(id)
    for name in "ab":
        assert name not in filled
        with pytest.raises(KeyError):
            filled[name]


@pytest.mark.covers("Brain.__delitem__", "Brain.forget")
def test_forgetting_a_missing_name_is_no_error(filled):
    assert filled.forget("missing") is None
    assert filled.forget(name="far") is None  # of another namespace
    del filled["missing"]
    assert len(filled) == 3
    filled.set_namespace("other")
    assert filled["far"] == "away"


@pytest.mark.covers("Brain.__contains__", "Brain.exists", "Brain.__len__")
def test_membership_is_of_the_current_namespace(filled):
    assert "a" in filled
    assert filled.exists("a") is True
    assert filled.exists(name="far") is False
    assert "far" not in filled
    assert len(filled) == 3
    filled.set_namespace("other")
    assert "a" not in filled
    assert "far" in filled
    assert len(filled) == 1


@pytest.mark.covers("Brain.__bool__")
def test_a_brain_is_true_where_it_has_names(brain):
    assert not brain
    brain["x"] = 1
    assert brain


@pytest.mark.covers("Brain.__eq__", "Brain.__hash__")
def test_brains_are_equal_by_identity(brain, second_brain):
    assert brain == brain
    assert brain != second_brain
    assert len({brain, second_brain}) == 2
    assert not isinstance(brain, dict)


# ---- sizes ------------------------------------------------------------------------------------


@pytest.mark.covers("Brain.size", "Brain.used", "Brain.free")
def test_sizes_are_numbers_of_bytes(brain):
    brain["x"] = np.zeros(1_000_000, "uint8")
    assert [type(size) for size in (brain.size(), brain.used(), brain.free())] == [int] * 3
    assert brain.size() == CAPACITY
    assert 1_000_000 <= brain.used() < 1_100_000
    assert brain.free() == brain.size() - brain.used()


@pytest.mark.covers("Brain.size", "Brain.bytes", "Brain.mb")
def test_size_refreshes_the_attributes(brain):
    brain.bytes, brain.mb = 0, ""
    brain.size()
    assert (brain.bytes, brain.mb) == (CAPACITY, "50 MB")


@pytest.mark.covers("Brain.used", "Brain.free")
def test_used_is_exact_after_each_forget(brain):
    brain["first"] = 1
    used, free = brain.used(), brain.free()
    for number in range(20):
        brain[f"name {number}"] = np.zeros(number * 1000)
    assert brain.used() >= used + 8 * 190_000
    for number in range(20):
        del brain[f"name {number}"]
    assert brain.used() == used
    assert brain.free() == free


@pytest.mark.covers("Brain.used")
def test_used_is_exact_after_200_replacements(brain):
    brain["x"] = np.zeros(1000)
    used = brain.used()
    for _ in range(200):
        brain["x"] = np.zeros(1000)
        assert brain.used() == used


@pytest.mark.covers("Brain.used")
def test_used_counts_the_objects_of_plasma(brain, client):
    used = brain.used()
    id = client.put_raw_buffer(bytes(10_000), metadata=bytes(50))
    assert brain.used() == used + 10_050
    client.delete([id])
    assert brain.used() == used


@pytest.mark.covers("Brain.used")
@pytest.mark.defect("counts its own bookkeeping")
def test_an_empty_brain_uses_nothing(brain):
    brain.set_namespace("other")
    assert brain.used() == 0
    assert brain.free() == brain.size()


# ---- sleep ------------------------------------------------------------------------------------


@pytest.mark.covers("Brain.sleep", "Brain.wake_up")
def test_a_brain_that_slept_goes_on(filled):
    assert filled.sleep() is None
    filled.bytes = 0
    assert filled.wake_up() is None
    assert filled["a"] == 1
    assert filled.namespace == "default"
    assert filled.bytes == CAPACITY
    filled["d"] = 4
    assert len(filled) == 4


@pytest.mark.covers("Brain.sleep")
def test_another_brain_goes_on_meanwhile(filled, second_brain):
    filled.sleep()
    second_brain["d"] = 4
    filled.wake_up()
    assert filled["d"] == 4


WHILE_ASLEEP = {
    "learn": lambda brain: brain.learn("x", 1),
    "setitem": lambda brain: brain.__setitem__("x", 1),
    "recall": lambda brain: brain.recall("a"),
    "getitem": lambda brain: brain["a"],
    "forget": lambda brain: brain.forget("a"),
    "in": lambda brain: "a" in brain,
    "exists": lambda brain: brain.exists("a"),
    "len": lambda brain: len(brain),
    "names": lambda brain: brain.names(),
    "names('all')": lambda brain: brain.names("all"),
    "ids": lambda brain: brain.ids(),
    "object_id": lambda brain: brain.object_id("a"),
    "object_ids": lambda brain: brain.object_ids(),
    "metadata": lambda brain: brain.metadata("a"),
    "size": lambda brain: brain.size(),
    "used": lambda brain: brain.used(),
    "free": lambda brain: brain.free(),
    "set_namespace": lambda brain: brain.set_namespace("other"),
    "namespaces": lambda brain: brain.namespaces(),
    "remove_namespace": lambda brain: brain.remove_namespace("other"),
}


@pytest.mark.covers("BrainClientDisconnectedError", "Brain.sleep")
@pytest.mark.defect("is an OSError, or none")
@pytest.mark.parametrize("use", WHILE_ASLEEP.values(), ids=WHILE_ASLEEP.keys())
def test_a_sleeping_brain_says_that_it_sleeps(filled, use):
    filled.sleep()
    with pytest.raises(exceptions.BrainClientDisconnectedError):
        use(filled)


@pytest.mark.covers("Brain.sleep", "Brain.set_namespace")
@pytest.mark.defect("has changed the attribute by then")
def test_a_sleeping_brain_keeps_its_namespace(filled):
    filled.sleep()
    with pytest.raises((exceptions.BrainError, OSError)):
        filled.set_namespace("other")
    assert filled.namespace == "default"


# ---- exceptions -------------------------------------------------------------------------------


@pytest.mark.covers("BrainError")
@pytest.mark.parametrize(
    "name",
    [
        "BrainNameNotExistError",
        "BrainNamespaceNameError",
        "BrainNamespaceNotExistError",
        "BrainNamespaceRemoveDefaultError",
        "BrainNameLengthError",
        "BrainNameTypeError",
        "BrainClientDisconnectedError",
        "BrainRemoveOldNameValueError",
        "BrainLearnNameError",
        "BrainUpdateNameError",
    ],
)
def test_all_exceptions_are_brain_errors(name):
    error = getattr(exceptions, name)
    assert issubclass(error, exceptions.BrainError)
    assert issubclass(exceptions.BrainError, Exception)


# ---- clients ----------------------------------------------------------------------------------


@pytest.mark.covers(
    "BrainClient",
    "BrainClient.put",
    "BrainClient.get",
    "BrainClient.list",
    "BrainClient.store_capacity",
    "BrainClient.delete",
    "BrainClient.contains",
    "BrainClient.disconnect",
)
def test_a_brain_client_has_the_calls_of_a_plasma_client(store):
    client = BrainClient(store.path)
    id = client.put([1, 2])
    another = plasma.ObjectID.from_random()
    assert client.put("with an id", another) == another
    assert client.get(id) == [1, 2]
    assert client.get([id, another], timeout_ms=0) == [[1, 2], "with an id"]
    assert client.contains(id) is True
    assert set(client.list()) == {id, another}
    assert client.store_capacity() == CAPACITY
    client.delete([id])
    assert client.contains(id) is False
    assert client.get(id, timeout_ms=0) is plasma.ObjectNotAvailable
    client.disconnect()
    with pytest.raises(OSError):
        client.put(1)


class OwnClient:
    """A client that a program brings along: a dictionary, and a note of each call."""

    def __init__(self, path):
        self.path = path
        self.objects = {}
        self.calls = []

    def put(self, value, object_id=None, *args, **kwargs):
        self.calls.append("put")
        self.objects[object_id] = value
        return object_id

    def get(self, ids, *args, **kwargs):
        self.calls.append("get")
        if isinstance(ids, list):
            return [self.objects.get(id, plasma.ObjectNotAvailable) for id in ids]
        return self.objects.get(ids, plasma.ObjectNotAvailable)

    def list(self):
        self.calls.append("list")
        return {id: {"data_size": 100, "metadata_size": 0} for id in self.objects}

    def delete(self, ids):
        self.calls.append("delete")
        for id in ids:
            self.objects.pop(id, None)

    def contains(self, id):
        self.calls.append("contains")
        return id in self.objects

    def store_capacity(self):
        return 12_345_678

    def disconnect(self):
        self.calls.append("disconnect")


@pytest.mark.covers("Brain(ClientClass)")
def test_a_brain_uses_the_client_that_it_is_given():
    brain = Brain(namespace="other", path="/anywhere", ClientClass=OwnClient)
    assert isinstance(brain.client, OwnClient)
    assert brain.client.path == "/anywhere"
    assert (brain.bytes, brain.mb, brain.size()) == (12_345_678, "12 MB", 12_345_678)
    brain["x"] = {"a": LOCK}  # it stores anything
    brain.learn("y", 2, "described")
    assert brain["x"] == {"a": LOCK}
    assert sorted(brain.names()) == ["x", "y"]
    assert brain.client.objects[brain.object_id("y")] == 2
    assert brain.metadata("y")["description"] == "described"
    brain["y"] = 3
    del brain["x"]
    assert brain.names() == ["y"]
    assert brain.namespaces() == {"default", "other"}
    brain.remove_namespace("other")
    assert brain.namespace == "default"
    assert len(brain) == 0
    assert {"put", "get", "delete"} <= set(brain.client.calls)
    brain.sleep()
    assert brain.client.calls[-1] == "disconnect"
