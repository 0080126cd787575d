"""Brain(ClientClass=...): a Brain over the calls of a client, and the mock."""

import collections.abc
import inspect
import pickle
import subprocess
import sys
import threading

import pytest
from brain_plasma import Brain, exceptions, metrics, over_client

plasma = pytest.importorskip("brain_plasma.plasma")
mock = pytest.importorskip("brain_plasma.mock")
ObjectID = plasma.ObjectID
MockPlasmaClient = mock.MockPlasmaClient

NAMESPACES_ID = ObjectID(b"brain_namespaces_set")
PLACE = "/nowhere/at/all"


class Own:
    """A client of somebody's own: a dict with a capacity, whose calls can be made to fail. It has as
    little as a client may have."""

    def __init__(self, path):
        self.path = path
        self.objects = {}
        self.fails = None  # a function (call, argument) -> whether it fails
        self.room = 10**9
        self.connected = True

    def _may(self, call, argument):
        if self.fails is not None and self.fails(call, argument):
            raise OSError(f"{call} fails")

    def put(self, value, object_id):
        self._may("put", value)
        if object_id in self.objects:
            raise RuntimeError("exists")
        if len(self.objects) >= self.room:
            raise MemoryError("full")
        self.objects[object_id] = value

    def get(self, object_id, timeout_ms=-1):
        return self.objects.get(object_id, plasma.ObjectNotAvailable)

    def list(self):
        return {key: {"data_size": 100, "metadata_size": 10} for key in self.objects}

    def delete(self, object_ids):
        for object_id in object_ids:
            self._may("delete", object_id)
            del self.objects[object_id]

    def contains(self, object_id):
        return object_id in self.objects

    def store_capacity(self):
        return 12_345_678

    def disconnect(self):
        self.connected = False


@pytest.fixture(params=[MockPlasmaClient, Own])
def brain(request):
    return Brain(path=PLACE, ClientClass=request.param)


@pytest.fixture
def own():
    return Brain(path=PLACE, ClientClass=Own)


# ---- what it is ---------------------------------------------------------------------------------


@pytest.mark.covers("Brain(ClientClass)")
@pytest.mark.parametrize(
    "make",
    [
        lambda: Brain("sessions", PLACE, Own),
        lambda: Brain(PLACE, "sessions", Own),
        lambda: Brain("sessions", path=PLACE, ClientClass=Own),
        lambda: Brain(PLACE, namespace="sessions", ClientClass=Own, capacity=5, read_only=False),
        lambda: Brain(path=PLACE, namespace="sessions", ClientClass=lambda path: Own(path)),
    ],
)
def test_it_is_a_brain_of_that_client(make):
    brain = make()
    assert isinstance(brain, Brain) and isinstance(brain, collections.abc.MutableMapping)
    assert isinstance(brain.client, Own) and brain.client.path == PLACE
    assert (brain.path, brain.namespace) == (PLACE, "sessions")
    assert (brain.bytes, brain.mb, brain.size()) == (12_345_678, "12 MB", 12_345_678)
    assert NAMESPACES_ID in brain.client.objects
    assert not brain.closed and not brain.asleep and not brain.read_only


def test_the_default_place():
    brain = Brain(ClientClass=MockPlasmaClient)
    assert (brain.path, brain.namespace) == ("/tmp/plasma", "default")


ALONE = """
import sys
from brain_plasma import Brain
from brain_plasma.mock import MockPlasmaClient
brain = Brain(ClientClass=MockPlasmaClient)
brain["x"] = 1
assert brain["x"] == 1 and brain.get("y") is None
assert "brain_plasma.plasma" not in sys.modules and "pyarrow" not in sys.modules
"""


def test_it_needs_nothing_of_plasma():
    subprocess.run([sys.executable, "-c", ALONE], check=True)


def test_what_is_not_available_pickles_as_what_it_is():
    assert plasma.ObjectNotAvailable.__module__ == "brain_plasma.plasma"
    assert pickle.loads(pickle.dumps(plasma.ObjectNotAvailable)) is plasma.ObjectNotAvailable
    assert mock.MockPlasmaClient(PLACE).get(ObjectID.from_random()) is plasma.ObjectNotAvailable


def test_a_class_below_brain_keeps_what_it_has():
    class Mine(Brain):
        """Counts what it learns."""

        n_learnt = 0

        def learn(self, name, thing, description=None, *, namespace=None):
            self.n_learnt += 1
            super().learn(name, thing, description, namespace=namespace)

        def double(self, name):
            return self[name] * 2

    brain = Mine(path=PLACE, ClientClass=Own)
    assert type(brain) is type(Mine(path=PLACE, ClientClass=Own))
    assert isinstance(brain, Mine) and type(brain).__name__ == "Mine"
    brain["x"] = 4
    assert brain.double("x") == 8
    assert brain.n_learnt == 1
    assert len(brain.client.objects) == 3


def test_what_is_no_place():
    with pytest.raises(exceptions.BrainNamespaceNameError):
        Brain("four", PLACE, Own)
    with pytest.raises(TypeError):
        Brain("sessions", PLACE, Own, 5)


def test_options_are_those_of_a_brain_of_a_store():
    options = inspect.signature(Brain.__init__).parameters
    assert dict(inspect.signature(over_client.OverClient.__init__).parameters) == dict(options)
    with pytest.raises(TypeError, match="capcity"):
        Brain(path=PLACE, ClientClass=Own, capcity=5)


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.covers("Brain(ClientClass)", "MockPlasmaClient()")
def test_it_has_the_methods_of_a_brain(brain):
    brain["a"] = 1
    brain.learn("b", [2], "described")
    assert brain["a"] == brain.recall("a") == brain.get("a") == 1
    assert brain.get("x") is None and brain.get("x", 5) == 5
    assert "a" in brain and "x" not in brain and brain.exists("b") and not brain.exists("x")
    assert sorted(brain) == sorted(brain.names()) == ["a", "b"] and len(brain) == 2 and brain
    assert dict(brain.items()) == {"a": 1, "b": [2]} and brain.keys() == {"a", "b"}
    assert brain.setdefault("a", 9) == 1 and brain.setdefault("c", 3) == 3
    brain.update({"d": 4}, e=5)
    assert brain.get_many(["a", "e", "x"]) == {"a": 1, "e": 5}
    assert brain.pop("e") == 5 and brain.pop("e", 6) == 6
    del brain["d"]
    brain.forget("c")
    brain.forget("c")
    assert brain.popitem()[0] in "ab"
    brain.clear()
    assert len(brain) == 0 and not brain


def test_a_missing_name(brain):
    for call in (brain.recall, brain.pop, lambda name: brain[name]):
        with pytest.raises(exceptions.BrainNameNotExistError) as caught:
            call("x")
        assert isinstance(caught.value, KeyError)
        assert caught.value.args == ("x", "default", PLACE)
    with pytest.raises(exceptions.BrainNameNotExistError):
        brain.forget("x", missing_ok=False)
    with pytest.raises(KeyError):
        brain.popitem()
    del brain["x"]


@pytest.mark.parametrize("name", [5, None, b"x"], ids=repr)
def test_a_name_that_is_no_str(brain, name):
    for call in (
        brain.recall,
        brain.get,
        brain.forget,
        brain.exists,
        brain.metadata,
        brain.object_id,
        lambda name: name in brain,
        lambda name: brain.learn(name, 1),
        lambda name: brain.set_many({"a": 1, name: 1}),
    ):
        with pytest.raises(exceptions.BrainNameTypeError):
            call(name)
    assert len(brain) == 0


def test_a_description_stays_until_there_is_another(brain):
    brain.learn("x", 1, "the first")
    brain["x"] = 2
    brain.learn("x", 3, False)
    assert brain.metadata("x")["description"] == "the first"
    brain.learn("x", 4, "the second")
    assert brain.metadata("x")["description"] == "the second"
    with pytest.raises(exceptions.BrainValueTypeError):
        brain.learn("x", 5, 5)
    assert brain["x"] == 4


def test_metadata_and_ids(brain):
    brain.update(a=1, b=2)
    metadata = brain.metadata("a")
    assert set(metadata) == {"name", "value_id", "metadata_id", "description", "namespace"}
    assert brain.object_id("a") == ObjectID(metadata["value_id"])
    assert brain.object_id("x") is None
    assert brain.object_ids() == {name: brain.object_id(name) for name in "ab"}
    assert set(brain.ids()) == set(brain.object_ids().values())
    assert brain.metadata() == {name: brain.metadata(name) for name in "ab"}
    assert brain.metadata("b", "x", output="list") == [brain.metadata("b"), None]
    assert ObjectID(metadata["metadata_id"]) == brain._name_to_namespace_hash("a")
    assert brain.client.get(ObjectID(metadata["metadata_id"])) == metadata
    assert brain.client.get(brain.object_id("b")) == 2


@pytest.mark.covers("Brain.used", "Brain.free")
def test_used(own):
    own["x"] = 1
    assert own.used() == 3 * 110
    assert own.free() == own.size() - own.used()


# ---- namespaces ---------------------------------------------------------------------------------


def test_namespaces(brain):
    assert brain.namespaces() == {"default"}
    brain["x"] = "here"
    assert brain.set_namespace("users2") == "users2"
    brain["y"] = 1
    brain.learn("x", "there", namespace="users")
    assert brain.namespaces() == {"default", "users", "users2"}
    assert brain.client.get(NAMESPACES_ID) == {"default", "users", "users2"}
    assert brain.names("users") == ["x"] and brain.names() == ["y"]
    assert sorted(brain.names("all")) == ["x", "x", "y"]
    assert brain.names("all", prefix="y") == ["y"] and brain.names(prefix="x") == []
    assert brain.recall("x", namespace="users") == "there"
    assert dict(brain.items(namespace="default")) == {"x": "here"}
    assert len(brain.keys(namespace="nobody")) == 0
    assert brain.remove_namespace("users") == "Deleted namespace users. Using namespace users2."
    assert brain.remove_namespace() == "Deleted namespace users2. Using namespace default."
    assert brain.namespaces() == {"default"} and brain["x"] == "here"
    assert len(brain.client.list()) == 3


def test_errors_about_namespaces(brain):
    with pytest.raises(exceptions.BrainNamespaceRemoveDefaultError):
        brain.remove_namespace()
    with pytest.raises(exceptions.BrainNamespaceNotExistError):
        brain.remove_namespace("nobody")
    with pytest.raises(exceptions.BrainNamespaceNameError):
        brain.set_namespace("four")
    with pytest.raises(exceptions.BrainNamespaceNameError):
        brain.learn("x", 1, namespace="four")
    with pytest.raises(exceptions.BrainNameTypeError):
        brain.get("x", namespace=5)
    assert brain.namespaces() == {"default"}


@pytest.mark.parametrize("namespace", ["é" * 15, "9b2e4c66-4b7a-4b60-8d2a-2f3f2b9f9f53", "brain"])
def test_namespaces_of_any_kind(namespace):
    brain = Brain(path=PLACE, namespace=namespace, ClientClass=Own, long_namespaces=True)
    brain["x"] = 1
    brain.set_namespace(namespace[:-1])
    assert brain.names() == [] and brain.names(namespace) == ["x"]
    brain.remove_namespace(namespace)
    assert brain.namespaces() == {"default", namespace[:-1]}


# ---- changes that fail --------------------------------------------------------------------------


def is_metadata(value):
    return isinstance(value, dict) and "metadata_id" in value


FAILS_AT = {
    "value": lambda call, value: call == "put" and value == "new",
    "metadata": lambda call, value: call == "put" and is_metadata(value) and value["description"] == "new",
}


@pytest.mark.covers("BrainLearnNameError", "BrainUpdateNameError")
@pytest.mark.parametrize("what", FAILS_AT)
def test_a_put_that_fails_changes_nothing(own, what):
    own.client.fails = FAILS_AT[what]
    before = dict(own.client.objects)
    with pytest.raises(exceptions.BrainLearnNameError) as caught:
        own.learn("x", "new", "new")
    assert isinstance(caught.value.__cause__, OSError)
    assert own.client.objects == before
    own.learn("x", "old", "old")
    before = dict(own.client.objects)
    with pytest.raises(exceptions.BrainUpdateNameError) as caught:
        own.learn("x", "new", "new")
    assert isinstance(caught.value.__cause__, OSError)
    assert own.client.objects == before
    assert own["x"] == "old" and own.metadata("x")["description"] == "old"


@pytest.mark.covers("BrainUpdateNameError")
def test_a_name_that_cannot_be_put_back_is_said_to_be_gone(own):
    own["x"], own["y"] = "old", "other"
    old_id = own.object_id("x")
    own.client.fails = lambda call, value: call == "put" and is_metadata(value)
    with pytest.raises(exceptions.BrainUpdateNameError, match="'x' is gone") as caught:
        own["x"] = "new"
    assert isinstance(caught.value.__cause__, OSError)
    assert str(old_id) in str(caught.value)
    assert "x" not in own and own.names() == ["y"]
    assert own.client.get(old_id) == "old"
    assert "new" not in own.client.objects.values()
    own.client.fails = None
    own["x"] = "again"
    assert own["x"] == "again"


def test_a_put_that_could_be_taken_back_is_not_said_to_be_gone(own):
    own.learn("x", "old", "old")
    own.client.fails = FAILS_AT["metadata"]
    with pytest.raises(exceptions.BrainUpdateNameError) as caught:
        own.learn("x", "new", "new")
    assert "gone" not in str(caught.value)


def test_a_set_of_namespaces_that_cannot_be_put_back_is_said_to_be_gone(own):
    own.set_namespace("users")
    own["x"] = 1
    own.client.fails = lambda call, value: call == "put" and isinstance(value, set)
    with pytest.raises(exceptions.BrainError, match="set of namespaces is gone.*'users'") as caught:
        own.set_namespace("sessions")
    assert isinstance(caught.value.__cause__, OSError)
    own.client.fails = None
    own.set_namespace("users")
    assert own.namespaces() == {"default", "users"} and own["x"] == 1


def test_a_full_client_loses_nothing(own):
    own["x"] = "old"
    before = dict(own.client.objects)
    own.client.room = len(before)
    with pytest.raises(exceptions.BrainUpdateNameError):
        own["x"] = "new"
    with pytest.raises(exceptions.BrainLearnNameError):
        own["y"] = "new"
    own.client.room += 1
    with pytest.raises(exceptions.BrainLearnNameError):
        own["y"] = "new"
    assert own.client.objects == before
    own["x"] = "new"
    assert own["x"] == "new" and len(own.client.objects) == len(before)


@pytest.mark.covers("BrainRemoveOldNameValueError")
def test_an_old_value_that_cannot_be_removed(own):
    own["x"] = "old"
    old_id = own.object_id("x")
    own.client.fails = lambda call, argument: call == "delete" and argument == old_id
    with pytest.raises(exceptions.BrainRemoveOldNameValueError) as caught:
        own["x"] = "new"
    assert isinstance(caught.value.__cause__, OSError)
    assert own["x"] == "new"


def test_a_delete_that_fails(own):
    own["x"] = 1
    own.client.fails = lambda call, argument: call == "delete"
    for delete in (lambda: own.forget("x"), lambda: own.__delitem__("x"), own.clear):
        with pytest.raises(exceptions.BrainRemoveOldNameValueError):
            delete()
    assert own["x"] == 1


# ---- life ---------------------------------------------------------------------------------------


def test_sleep_and_wake_up(own):
    own["x"] = 1
    client = own.client
    own.sleep()
    own.sleep()
    assert own.asleep and not client.connected and own.client is client
    for use in (
        lambda: own["x"],
        lambda: own.learn("x", 1),
        lambda: own.get("x", namespace="another"),
        lambda: "x" in own,
        lambda: len(own),
        lambda: own.names("all"),
        lambda: own.metadata(),
        lambda: own.size(),
        lambda: own.used(),
        lambda: own.set_namespace(),
        lambda: own.set_namespace("another"),
        lambda: own.namespaces(),
        lambda: own.remove_namespace("another"),
        lambda: own.wait("x", 0),
    ):
        with pytest.raises(exceptions.BrainClientDisconnectedError):
            use()
    assert own.namespace == "default" and own.bytes == 12_345_678
    own.wake_up()
    assert own.client is not client and own.client.connected
    own["y"] = 1


@pytest.mark.covers("MockPlasmaClient.disconnect")
def test_a_mock_has_its_values_after_sleep():
    brain = Brain(path=PLACE, ClientClass=MockPlasmaClient)
    brain["x"] = 1
    brain.sleep()
    with pytest.raises(OSError):
        brain.client.list()
    brain.wake_up()
    assert brain["x"] == 1


def test_close(own):
    client = own.client
    with own:
        own["x"] = 1
    assert own.closed and not client.connected
    own.close()
    for use in (lambda: own["x"], own.size, own.sleep, own.wake_up, lambda: own.client):
        with pytest.raises(exceptions.BrainClosedError, match="is closed"):
            use()
    assert "closed" in repr(own)


def test_it_pickles_as_its_place_and_client():
    brain = Brain(path=PLACE, namespace="sessions", ClientClass=MockPlasmaClient)
    copy = pickle.loads(pickle.dumps(brain))
    assert isinstance(copy.client, MockPlasmaClient)
    assert (copy.path, copy.namespace) == (PLACE, "sessions")


CANNOT = {
    "check": lambda b: b.check(),
    "compact": lambda b: b.compact(),
    "destroy": lambda b: b.destroy(),
    "directory": lambda b: b.directory,
    "dump": lambda b: b.dump(),
    "empty": lambda b: b.empty("x", 5),
    "empty_bytes": lambda b: b.empty_bytes("x", 5),
    "empty_like": lambda b: b.empty_like("x", 5),
    "explain": lambda b: b.explain("x"),
    "explain_value": lambda b: b.explain_value(5),
    "keep_free": lambda b: setattr(b, "keep_free", 0),
    "load": lambda b: b.load(),
    "persist": lambda b: b.persist("x"),
    "persists": lambda b: b.persists("x"),
    "quota": lambda b: b.quota(),
    "ref": lambda b: b.ref("x"),
    "replace_if": lambda b: b.replace_if("x", 1, 0),
    "resize": lambda b: b.resize(10**6),
    "set_quota": lambda b: b.set_quota(1),
    "spill": lambda b: b.spill(5),
    "stat": lambda b: b.stat(),
    "sync": lambda b: b.sync(),
    "trim": lambda b: b.trim(),
    "version": lambda b: b.version("x"),
    "wait": lambda b: b.wait("x", 0),
    "when_full": lambda b: setattr(b, "when_full", "lru"),
    "zeros": lambda b: b.zeros("x", 5),
}
CAN = {
    *("clear", "client", "close", "closed", "exists", "export_table", "forget", "free", "get", "get_many", "ids"),
    *("import_table", "items", "keys", "learn", "long_namespaces", "metadata", "names", "namespace", "namespaces"),
    *("object_id", "object_ids", "path", "pop", "popitem", "read_only", "recall", "remove_namespace"),
    *("reserved_names", "set_many", "set_namespace", "setdefault", "size", "sleep", "update", "used", "values"),
    *("wake_up", "asleep"),
}


def test_all_that_a_brain_has_is_one_or_the_other():
    public = {name for name in dir(Brain) if not name.startswith("_")}
    assert public == CAN | set(CANNOT)


@pytest.mark.parametrize("name", CANNOT)
def test_what_a_client_cannot_do_says_so(own, name):
    own["x"] = [1]
    with pytest.raises(exceptions.BrainUnsupportedError, match=rf"^{name}(\(\))? needs a store") as caught:
        CANNOT[name](own)
    assert isinstance(caught.value, exceptions.BrainError)
    assert "Own" in str(caught.value)


def test_what_looks_at_attributes_is_told_the_same(own):
    for look in (lambda: own.keep_free, lambda: own.when_full, lambda: metrics.text(own)):
        with pytest.raises(exceptions.BrainUnsupportedError, match="needs a store"):
            look()
    assert own._ipython_key_completions_() == [] and "Own" not in own._repr_html_()


def test_tables_go_to_files_and_come_from_them(own, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    own["t"] = pyarrow.table({"a": [1, 2]})
    own.export_table("t", tmp_path / "t.parquet")
    own.import_table(tmp_path / "t.parquet", "u")
    assert own["u"].equals(own["t"])


def test_threads_share_it(own):
    errors = []

    def work(number):
        try:
            for turn in range(100):
                own[f"{number}"] = turn
                assert own[f"{number}"] == turn
                own["common"] = (number, turn)
                assert len(own["common"]) == 2
                own.setdefault("once", number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(own) == 6 and len(own.client.objects) == 13


# ---- the mock -----------------------------------------------------------------------------------


@pytest.mark.covers(
    "MockPlasmaClient.put",
    "MockPlasmaClient.get",
    "MockPlasmaClient.list",
    "MockPlasmaClient.delete",
    "MockPlasmaClient.contains",
    "MockPlasmaClient.store_capacity",
)
def test_the_mock():
    client = MockPlasmaClient(PLACE)
    one, two = client.put("x" * 1000), ObjectID.from_random()
    assert client.put([2], two) == two
    assert client.get(one) == "x" * 1000 and client.get([one, two], timeout_ms=5) == ["x" * 1000, [2]]
    assert client.get(ObjectID.from_random()) is plasma.ObjectNotAvailable
    assert client.contains(one) is True
    assert client.list()[one]["data_size"] >= 1000
    client.delete([ObjectID.from_random(), one, two])
    assert client.list() == {} and client.contains(one) is False
    assert client.store_capacity() == 10_000
    assert MockPlasmaClient(PLACE).path == PLACE
