"""What Brain has of brain-plasma 0.3, beside the mapping: names, descriptions, ids, sleep."""

import hashlib
import inspect
import pickle
import subprocess
import sys
import threading

import pytest
from brain_plasma import Brain, BrainClient, exceptions, ids, plasma


@pytest.fixture
def object_id():
    """The type of ids."""
    return pytest.importorskip("brain_plasma.plasma").ObjectID


def blake2b(text, n_bytes):
    return hashlib.blake2b(text.encode(), digest_size=n_bytes).digest()


# ---- learn, recall, forget ----------------------------------------------------------------------


@pytest.mark.covers("Brain.learn", "Brain.recall", "Brain.forget", "Brain.exists")
def test_learn_recall_forget(brain):
    assert brain.learn("x", [1]) is None
    assert brain.learn(name="y", thing=2, description="what") is None
    assert brain.recall("x") == [1] and brain.recall(name="y") == 2
    assert brain.exists("x") is True and brain.exists(name="z") is False
    assert brain.forget("x") is None and brain.forget(name="y") is None
    assert len(brain) == 0


@pytest.mark.covers("Brain.recall", "BrainNameNotExistError")
def test_to_recall_a_missing_name_is_both_errors(brain):
    with pytest.raises(exceptions.BrainNameNotExistError) as caught:
        brain.recall("x")
    assert isinstance(caught.value, KeyError)
    assert caught.value.args == ("x", "default", brain.path)


@pytest.mark.covers("Brain.forget")
def test_to_forget_a_missing_name_is_an_error_where_one_asks_for_it(brain):
    brain.forget("x")
    with pytest.raises(exceptions.BrainNameNotExistError) as caught:
        brain.forget("x", missing_ok=False)
    assert caught.value.args == ("x", "default", brain.path)
    brain["x"] = 1
    assert brain.forget("x", missing_ok=False) is None


@pytest.mark.parametrize("call", ["_entry", "_entries", "_learn"])
def test_a_wrong_number_of_arguments_is_told(brain, call):
    with pytest.raises(TypeError, match="name.*: 7 positional arguments were given"):
        getattr(brain, call)(*range(7))


@pytest.mark.covers("BrainNameTypeError")
@pytest.mark.parametrize("name", [5, None, b"x", ("x",)], ids=repr)
def test_a_name_that_is_no_str(brain, name):
    for call in (
        brain.recall,
        brain.forget,
        brain.exists,
        brain.metadata,
        brain.object_id,
        lambda name: brain.learn(name, 1),
        lambda name: brain.metadata("x", name),
    ):
        with pytest.raises(exceptions.BrainNameTypeError):
            call(name)


# ---- descriptions -------------------------------------------------------------------------------


@pytest.mark.covers("Brain.learn(description)", "metadata['description']")
def test_a_description_stays_until_there_is_another(brain):
    brain.learn("x", 1, "the first")
    for change in (
        lambda: brain.__setitem__("x", 2),
        lambda: brain.learn("x", 3),
        lambda: brain.learn("x", 4, ""),
        lambda: brain.learn("x", 5, False),
        lambda: brain.learn("x", 6, None),
        lambda: brain.set_many({"x": 7}),
        lambda: brain.replace_if("x", 8, brain.version("x")),
        lambda: brain.__setitem__("x", b"x" * 100_000),
        lambda: brain.__setitem__("x", 9),
    ):
        change()
        assert brain.metadata("x")["description"] == "the first"
    brain.learn("x", 10, "the second")
    assert brain.metadata("x")["description"] == "the second"
    del brain["x"]
    brain["x"] = 11
    assert brain.metadata("x")["description"] == ""


@pytest.mark.covers("Brain.learn(description)")
@pytest.mark.parametrize("text", ["é" * 10, "x" * 65_535, "with\0zero"], ids=["utf8", "long", "zero"])
def test_any_text_is_a_description(brain, text):
    brain.learn("x", 1, text)
    assert brain.metadata("x")["description"] == text
    assert brain.metadata()["x"]["description"] == text


# ---- metadata -----------------------------------------------------------------------------------


@pytest.fixture
def filled(brain):
    brain.learn("a", 1, "the first")
    brain.update(b=[2], c="three")
    brain.learn("far", 4, "away", namespace="another")
    return brain


@pytest.mark.covers("Brain.metadata", "metadata['name']", "metadata['namespace']")
def test_the_metadata_of_one_name(filled):
    metadata = filled.metadata("a")
    value_id = metadata.pop("value_id")
    assert metadata == {
        "name": "a",
        "metadata_id": b"default" + blake2b("a", 13),
        "description": "the first",
        "namespace": "default",
    }
    assert type(value_id) is bytes and len(value_id) == 20
    assert filled.metadata("missing") is None
    assert filled.metadata("far") is None
    assert filled.metadata("far", namespace="another")["description"] == "away"
    assert filled.metadata("a", output="list") == filled.metadata("a")


@pytest.mark.covers("Brain.metadata", "Brain.metadata(output)")
def test_the_metadata_of_some_and_of_all(filled):
    every = {name: filled.metadata(name) for name in "abc"}
    assert filled.metadata() == every
    assert sorted(filled.metadata(output="list"), key=lambda one: one["name"]) == list(every.values())
    assert filled.metadata("b", "x", "a") == {"b": every["b"], "x": None, "a": every["a"]}
    assert filled.metadata("b", "x", "a", output="list") == [every["b"], None, every["a"]]
    assert list(filled.metadata(namespace="another")) == ["far"]


@pytest.mark.covers("Brain.metadata(output)")
@pytest.mark.parametrize("output", ["tuple", "", None, list])
def test_any_other_output_is_a_type_error(filled, output):
    for names in ((), ("a",), ("a", "b")):
        with pytest.raises(TypeError, match="output"):
            filled.metadata(*names, output=output)


@pytest.mark.covers("metadata['value_id']")
def test_a_value_has_an_id_of_its_own(filled):
    before = filled.metadata("a")["value_id"]
    assert filled.metadata("a")["value_id"] == before
    filled["a"] = 1
    after = filled.metadata("a")["value_id"]
    ids_of_all = [one["value_id"] for one in filled.metadata(output="list")]
    assert after != before
    assert len(set(ids_of_all)) == 3 and after in ids_of_all


def test_metadata_of_many_names(brain):
    brain.set_many({f"name {number}": number for number in range(10_000)})
    metadata = brain.metadata()
    assert len(metadata) == len({one["metadata_id"] for one in metadata.values()}) == 10_000
    assert metadata["name 5000"] == brain.metadata("name 5000")


# ---- ids ----------------------------------------------------------------------------------------


@pytest.mark.covers("Brain.object_id", "Brain.object_ids", "Brain.ids")
def test_object_ids(filled, object_id):
    assert filled.object_id("a") == object_id(filled.metadata("a")["value_id"])
    assert filled.object_id("missing") is None and filled.object_id("far") is None
    assert filled.object_ids() == {name: filled.object_id(name) for name in "abc"}
    assert sorted(map(repr, filled.ids())) == sorted(map(repr, filled.object_ids().values()))
    assert filled.object_id("far", namespace="another") is not None
    assert list(filled.object_ids(namespace="another")) == ["far"]
    assert filled.ids(namespace="another") == [filled.object_id("far", namespace="another")]


@pytest.mark.covers("Brain._hash", "Brain._name_to_hash", "Brain._name_to_justified_hash")
def test_names_with_a_prefix(brain):
    names = ["", "a", "a:1", "a:2", "ab", "\0", "\0x", "\u00e4", "a\u0308", "\U0001f600:1", "A:1", "a\n", " a:", "a:" * 30_000]
    for name in names:
        brain[name] = 1
    for prefix in ["", *names, "a:3", "b", "\udcff", "\u00e4x", "a:" * 40_000]:
        assert sorted(brain.names(prefix=prefix)) == sorted(name for name in names if name.startswith(prefix))
    brain.set_namespace("other")
    brain["a:3"] = 1
    assert brain.names(prefix="a:") == brain.names("other", prefix="a:") == ["a:3"]
    assert sorted(brain.names("all", prefix="a:")) == sorted(["a:1", "a:2", "a:3", "a:" * 30_000])
    assert brain.names("nobody", prefix="a") == []
    for prefix in (5, b"a", ["a"], ("a", "b"), None):
        with pytest.raises(exceptions.BrainNameTypeError, match="a prefix has to be a str, not"):
            brain.names(prefix=prefix)


def test_hashes_of_names(brain, object_id):
    assert brain._hash("nämé", 7) == blake2b("nämé", 7)
    assert brain._name_to_hash("x") == object_id(blake2b("x", 20))
    assert brain._name_to_justified_hash("this") == object_id(b"this" + blake2b("this", 16))
    sixteen = "sixteen letters!"
    assert brain._name_to_justified_hash(sixteen).binary() == sixteen.encode() + blake2b(sixteen, 4)
    for long in (sixteen + "x", "é" * 9):
        with pytest.raises(exceptions.BrainNameLengthError):
            brain._name_to_justified_hash(long)


@pytest.mark.covers("Brain._name_to_namespace_hash")
def test_the_id_of_metadata_follows_from_namespace_and_name(brain, object_id):
    assert brain._name_to_namespace_hash("x") == object_id(b"default" + blake2b("x", 13))
    assert brain._name_to_namespace_hash("x", "users") == object_id(b"users" + blake2b("x", 15))
    assert brain._name_to_namespace_hash("x", namespace="users").binary()[:5] == b"users"
    brain.set_namespace("users2")
    brain["x"] = 1
    assert brain.metadata("x")["metadata_id"] == brain._name_to_namespace_hash("x").binary()


@pytest.mark.parametrize("namespace", ["x" * 20, "é" * 10, "名" * 15, "y" * 255])
def test_namespaces_that_leave_no_room_have_ids_of_another_form(namespace):
    expected = hashlib.blake2b(namespace.encode() + b"name", digest_size=16).digest()
    assert ids.metadata_id_of(namespace)("name") == b"\xffid:" + expected
    assert ids.prefix_of(namespace) == b"\xffid:"


@pytest.mark.parametrize("namespace", ["x", "users", "x" * 19, "é" * 9])
def test_other_namespaces_are_the_start_of_their_ids(namespace):
    found = ids.metadata_id_of(namespace)("name")
    assert len(found) == 20 and found.startswith(namespace.encode())
    assert ids.prefix_of(namespace) == namespace.encode()


# ---- attributes ---------------------------------------------------------------------------------


@pytest.mark.covers("Brain.bytes", "Brain.mb", "Brain.size", "Brain.reserved_names")
def test_attributes(path):
    with Brain(path, capacity=1_600_000) as brain, Brain(path) as other:
        assert (brain.bytes, brain.mb) == (1_600_000, "2 MB")
        brain.bytes, brain.mb = 0, ""
        assert brain.size() == brain.bytes == 1_600_000
        assert brain.mb == "2 MB"
        brain.resize(5_000_000)
        assert (brain.bytes, brain.mb) == (5_000_000, "5 MB")
        assert other.bytes == 1_600_000
        assert other.size() == other.bytes == 5_000_000
        assert brain.reserved_names == ["brain_namespaces_set"]


@pytest.mark.covers("Brain.client", "BrainClient")
def test_the_client_is_made_when_it_is_asked_for(brain, monkeypatch):
    made = []

    class Client:
        def __init__(self, path, **options):
            made.append(path)

        def disconnect(self):
            made.append("disconnected")

    monkeypatch.setattr("brain_plasma.brain.BrainClient", Client)
    brain["x"] = 1
    assert made == []
    client = brain.client
    assert brain.client is client and made == [brain.path]
    brain.sleep()
    assert made == [brain.path, "disconnected"]
    with pytest.raises(exceptions.BrainClientDisconnectedError):
        brain.client
    brain.wake_up()
    assert brain.client is not client
    brain.close()
    assert made[-1] == "disconnected"
    with pytest.raises(exceptions.BrainClosedError):
        brain.client


def ways_to_change(client, brain):
    """What a client can do to a store: each a call that changes something."""
    new = plasma.ObjectID.from_random
    sealed, named = next(iter(client.list())), brain.object_id("a")
    metadata_id = plasma.ObjectID(brain.metadata("a")["metadata_id"])
    return {
        "put": lambda: client.put([1]),
        "put_raw_buffer": lambda: client.put_raw_buffer(b"x" * 100_000),
        "create": lambda: client.create(new(), 10),
        "create, large": lambda: client.create(new(), 100_000),
        "create_and_seal": lambda: client.create_and_seal(new(), b"x"),
        "delete": lambda: client.delete([sealed]),
        "delete a name": lambda: client.delete([named]),
        "delete a name by its metadata": lambda: client.delete([metadata_id]),
        "evict": lambda: client.evict(10**6),
        "subscribe": client.subscribe,
    }


@pytest.mark.covers("Brain.client")
def test_the_client_of_a_reader_changes_nothing(brain, path):
    brain["a"] = b"a" * 100_000
    id = brain.client.put(["object"])
    with Brain(path, read_only=True) as reader:
        client = reader.client
        before = sorted(map(str, client.list()))
        kept = client.get_buffers([id])  # what somebody has would only be marked
        for what, change in ways_to_change(client, reader).items():
            with pytest.raises(exceptions.BrainPermissionError, match="read-only"):
                change()
                pytest.fail(what)
        del kept
        assert sorted(map(str, client.list())) == before
        assert client.get(reader.object_id("a")) == b"a" * 100_000 and client.get(id) == ["object"]
        assert client.contains(id) and client.hash(id) and client.get_buffers([id])[0] is not None
        with open("/proc/self/maps") as maps:
            n_writable = sum(f"{path}/data" in line and "w" in line.split()[1] for line in maps)
    with open("/proc/self/maps") as maps:
        assert n_writable == sum(f"{path}/data" in line and "w" in line.split()[1] for line in maps)
    assert "a" in brain and brain.check() == []


@pytest.mark.covers("Brain.client")
def test_the_client_pickles_where_its_brain_does(path):
    with Brain(path) as brain, Brain(path, pickle=False) as without:
        with pytest.raises(exceptions.BrainPickleError):
            without.client.put(ValueError("can only be pickled"))
        id = brain.client.put(ValueError("can only be pickled"))
        with pytest.raises(exceptions.BrainPickleError):
            without.client.get(id)
        assert isinstance(brain.client.get(id), ValueError)
        assert without.client.get(without.client.put([1, 2])) == [1, 2]


@pytest.mark.covers("plasma.connect")
def test_a_client_that_is_connected_as_a_brain_is_opened(brain, path):
    brain["a"] = 1
    client = plasma.connect(path, 0, read_only=True, pickle=False)
    with pytest.raises(exceptions.BrainPermissionError):
        client.put(1)
    assert client.get(brain.object_id("a")) == 1
    client.disconnect()


@pytest.mark.covers("Brain(ClientClass)")
@pytest.mark.parametrize("form", range(3))
def test_the_client_of_0_3_by_name_is_the_store_itself(path, form):
    brain = [
        lambda: Brain("sessions", path, BrainClient),
        lambda: Brain(path, "sessions", BrainClient),
        lambda: Brain(namespace="sessions", path=path, ClientClass=BrainClient),
    ][form]()
    with brain:
        assert type(brain) is Brain
        assert (brain.path, brain.namespace) == (path, "sessions")


def test_import_does_not_import_what_few_need():
    code = (
        "import sys, brain_plasma; "
        "print([m for m in ('brain_plasma.plasma', 'pyarrow', 'typing', 'hashlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path}; {code}"],
                          capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_parameter_has_a_hint_and_every_method_a_docstring():
    for kind in (Brain, BrainClient):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if name.startswith("_"):
                continue
            assert inspect.getdoc(method), name
            for parameter in list(inspect.signature(method).parameters.values())[1:]:
                assert parameter.annotation is not parameter.empty, (name, parameter)


# ---- sleep --------------------------------------------------------------------------------------


USES = {
    "[]": lambda b: b["x"],
    "[] =": lambda b: b.__setitem__("x", 1),
    "del": lambda b: b.__delitem__("x"),
    "in": lambda b: "x" in b,
    "len": len,
    "iter": iter,
    "bool": bool,
    "learn": lambda b: b.learn("x", 1),
    "recall": lambda b: b.recall("x"),
    "recall there": lambda b: b.recall("x", namespace="another"),
    "forget": lambda b: b.forget("x"),
    "exists": lambda b: b.exists("x"),
    "get": lambda b: b.get("x"),
    "get there": lambda b: b.get("x", namespace="another"),
    "get_many": lambda b: b.get_many([]),
    "set_many": lambda b: b.set_many({}),
    "names": lambda b: b.names(),
    "names('all')": lambda b: b.names("all"),
    "ids": lambda b: b.ids(),
    "object_ids": lambda b: b.object_ids(),
    "object_id": lambda b: b.object_id("x"),
    "metadata": lambda b: b.metadata(),
    "metadata of one": lambda b: b.metadata("x"),
    "size": lambda b: b.size(),
    "used": lambda b: b.used(),
    "free": lambda b: b.free(),
    "set_namespace()": lambda b: b.set_namespace(),
    "set_namespace": lambda b: b.set_namespace("third"),
    "namespaces": lambda b: b.namespaces(),
    "remove_namespace": lambda b: b.remove_namespace("another"),
    "client": lambda b: b.client,
    "version": lambda b: b.version("x"),
    "wait": lambda b: b.wait("x", 0),
    "clear": lambda b: b.clear(),
    "stat": lambda b: b.stat(),
    "resize": lambda b: b.resize(2**30),
    "quota": lambda b: b.quota(),
    "set_quota": lambda b: b.set_quota(100),
    "compact": lambda b: b.compact(),
    "keep_free": lambda b: b.keep_free,
    "keep_free = 0": lambda b: setattr(b, "keep_free", 0),
    "destroy": lambda b: b.destroy(),
    "directory": lambda b: b.directory,
}
NEED_PLASMA = {"ids", "object_ids", "object_id"}


@pytest.mark.covers("BrainClientDisconnectedError", "Brain.sleep", "Brain.wake_up")
@pytest.mark.parametrize("use", USES)
def test_any_use_of_a_sleeping_brain_says_that_it_sleeps(brain, path, use):
    if use in NEED_PLASMA:
        pytest.importorskip("brain_plasma.plasma")
    brain.set_namespace("another")
    brain["x"] = 5
    assert brain.sleep() is None
    with pytest.raises(exceptions.BrainClientDisconnectedError, match=path) as caught:
        USES[use](brain)
    assert isinstance(caught.value, exceptions.BrainClosedError)
    assert brain.namespace == "another"
    assert brain.wake_up() is None
    assert brain["x"] == 5 and brain.namespace == "another"


@pytest.mark.covers("Brain.sleep")
def test_what_a_sleeping_brain_still_says(brain, path):
    brain.sleep()
    brain.sleep()
    assert brain.asleep and not brain.closed
    assert (brain.path, brain.namespace) == (path, "default")
    assert (brain.bytes, brain.mb) == (64_000_000, "64 MB")
    assert repr(brain) == f"<Brain {path!r}, asleep>"
    with pickle.loads(pickle.dumps(brain)) as copy:
        assert not copy.asleep and len(copy) == 0


@pytest.mark.covers("Brain.wake_up")
def test_it_wakes_up_with_its_options(path):
    with Brain(path, "sessions", lock_timeout=3, pickle=False, long_namespaces=True) as brain:
        brain["x"] = 1
        brain.sleep()
        brain.bytes = 0
        brain.wake_up()
        brain.wake_up()
        assert not brain.asleep and brain.long_namespaces
        assert (brain.namespace, brain.bytes > 0, brain["x"]) == ("sessions", True, 1)
        with pytest.raises(exceptions.BrainPickleError):
            brain["y"] = ValueError("can only be pickled")


def test_a_closed_brain_cannot_be_put_to_sleep_or_woken(brain):
    brain.close()
    for call in (brain.sleep, brain.wake_up):
        with pytest.raises(exceptions.BrainClosedError) as caught:
            call()
        assert type(caught.value) is exceptions.BrainClosedError


def test_a_sleeping_brain_can_be_closed(brain):
    brain.sleep()
    brain.close()
    assert brain.closed and not brain.asleep
    with pytest.raises(exceptions.BrainClosedError, match="is closed"):
        brain["x"]


def test_a_store_that_went_while_a_brain_slept(brain, path):
    brain._options["create"] = False
    brain.sleep()
    with Brain(path) as other:
        other.destroy()
    with pytest.raises(exceptions.BrainStoreNotFoundError):
        brain.wake_up()
    assert brain.asleep


def test_what_was_recalled_stays_valid_in_sleep(brain):
    np = pytest.importorskip("numpy")
    brain["x"] = np.arange(100_000)
    recalled = brain["x"]
    brain.sleep()
    assert recalled.sum() == np.arange(100_000).sum()


def test_sleep_ends_the_wait_of_another_thread(brain):
    began, outcomes = threading.Event(), []

    def work():
        began.set()
        try:
            brain.wait("x", 0)
        except exceptions.BrainClientDisconnectedError as error:
            outcomes.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    began.wait()
    brain.sleep()
    thread.join()
    assert len(outcomes) == 1
