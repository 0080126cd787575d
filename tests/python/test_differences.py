"""What docs/migration.md says that is different from the originals on purpose, line by line; and that it
leaves out no name of the interface."""

import re
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
from brain_plasma import Brain, BrainCorruptError, BrainError, BrainStoreNotFoundError
from brain_plasma import plasma, store_process
from brain_plasma.mock import MockPlasmaClient

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/migration.md").read_text()
NAMES = ROOT / "tests/interface/names.txt"


@pytest.fixture
def client(path, brain):
    return plasma.connect(path)


def new_id():
    return plasma.ObjectID.from_random()


# ---- the page -----------------------------------------------------------------------------------


def words_of_the_interface():
    """What its names consist of, but for operators, defects and the command."""
    lines = NAMES.read_text().splitlines()
    names = [line for line in lines if line and not line.startswith(("#", "defect:", "plasma_store"))]
    words = {word for name in names for word in re.findall(r"\w+", name)}
    return {word for word in words if not word.startswith("__")}


# With these words names.txt describes a name.
DESCRIPTIONS = {"all", "buffer", "errors", "eviction", "its", "keeps", "object", "output", "protocol"}


def test_the_page_has_all_names_of_the_interface():
    on_the_page = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
    missing = words_of_the_interface() - DESCRIPTIONS - on_the_page
    assert not missing


def test_each_flag_is_on_the_page():
    flags = re.findall(r"^plasma_store (-\w)$", NAMES.read_text(), re.MULTILINE)
    assert flags
    assert [flag for flag in flags if flag not in PAGE] == []


# ---- Brain --------------------------------------------------------------------------------------


def test_the_socket_of_an_old_store_makes_room_unless_it_is_served(path):
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
        old.listen()
        with pytest.raises(BrainCorruptError, match="a program listens"):
            Brain(path)
        assert Path(path).is_socket()
    Brain(path).close()
    assert Path(path).is_dir()


def test_a_store_is_a_directory_and_stays(path):
    with Brain(path, capacity=10_000_000) as brain:
        brain["x"] = 1
    assert Path(path).is_dir()
    assert Brain(path)["x"] == 1


def test_the_name_that_was_reserved_is_one_like_any_other(brain):
    brain["brain_namespaces_set"] = 1
    assert brain.reserved_names == ["brain_namespaces_set"]
    assert brain["brain_namespaces_set"] == 1
    assert brain.namespaces() == {"default"}


def test_a_name_without_a_description_has_an_empty_one(brain):
    brain["x"] = 1
    assert brain.metadata("x")["description"] == ""


def test_the_client_finds_metadata_in_long_namespaces(path, brain):
    long = Brain(path, "9b2e4c66-4b7a-4b60-8d2a-2f3f2b9f9f53", long_namespaces=True)
    long["x"] = 1
    id = plasma.ObjectID(long.metadata("x")["metadata_id"])
    assert long.client.get(id) == long.metadata("x")


def test_a_brain_over_a_client_has_no_wait():
    brain = Brain(ClientClass=MockPlasmaClient)
    brain["x"] = 1
    for call in (lambda: brain.wait("x", 0, 0), lambda: brain.replace_if("x", 1, 0)):
        with pytest.raises(BrainError):
            call()


# ---- Plasma -------------------------------------------------------------------------------------


def test_connect_makes_no_store(path):
    with pytest.raises(BrainStoreNotFoundError) as caught:
        plasma.connect(path, num_retries=0)
    assert isinstance(caught.value, FileNotFoundError)
    assert not Path(path).exists()


def test_delete_of_what_is_not_sealed_is_ignored(client):
    id = new_id()
    buffer = client.create(id, 4)
    client.delete([id])
    client.seal(id)
    del buffer
    assert client.contains(id)


def test_raw_bytes_are_got_as_bytes(client):
    assert client.get(client.put_raw_buffer(b"raw")) == b"raw"
    assert client.get(client.put_raw_buffer(b"")) == b""


def test_a_serialization_context_is_ignored_with_a_warning(client):
    with pytest.warns(FutureWarning):
        id = client.put([1], serialization_context=object())
    with pytest.warns(FutureWarning):
        assert client.get(id, serialization_context=object()) == [1]


def test_create_evicts_just_what_it_needs(new_path):
    path = new_path()
    with Brain(path, capacity=1_000_000):
        client = plasma.connect(path)
        ids = [client.put_raw_buffer(bytes(100_000)) for _ in range(9)]
        client.put_raw_buffer(bytes(150_000))
        assert [client.contains(id) for id in ids] == [False] + [True] * 8


def test_the_options_of_a_client_are_checked_and_no_more(path, client):
    client.set_client_options("greedy", client.store_capacity())
    with pytest.raises(plasma.PlasmaStoreFull):
        client.set_client_options("greedy", client.store_capacity() + 1)
    assert plasma.connect(path).put_raw_buffer(bytes(1_000_000))


def test_notifications_are_not_of_named_values(path, brain, client):
    client.subscribe()
    brain["x"] = 1
    id = brain.client.put(2)
    assert client.get_next_notification()[0] == id


def test_other_bytes_are_no_notification(client):
    for message in (b"", b"xx", bytes(128)):
        with pytest.raises(ValueError):
            client.decode_notifications(message)


def test_the_capsule_is_of_a_brain_store(client):
    assert 'capsule object "brain_store"' in repr(client.to_capsule())


def test_a_hash_has_eight_bytes(client):
    assert len(client.hash(client.put(1))) == 8


def test_what_is_written_after_the_seal_stays_in_the_process(path, client):
    id = new_id()
    written = np.frombuffer(client.create(id, 4), "uint8")
    written[:] = 1
    client.seal(id)
    written[:] = 2
    [buffer] = plasma.connect(path).get_buffers([id])
    assert bytes(buffer) == b"\1\1\1\1"
    assert written.tolist() == [2, 2, 2, 2]


def test_named_values_are_listed_and_not_evicted(brain, client):
    brain["x"] = bytes(1000)
    metadata = brain.metadata("x")
    client.evict(brain.size())
    assert set(client.list()) == {plasma.ObjectID(metadata[id]) for id in ("value_id", "metadata_id")}


def test_after_disconnect_a_held_object_is_had_through_its_buffer_alone(client):
    id = client.put_raw_buffer(b"held")
    [buffer] = client.get_buffers([id])
    client.disconnect()
    for call in (client.contains, client.hash, client.get):
        with pytest.raises(OSError):
            call(id)
    assert bytes(buffer) == b"held"
    assert client.store_capacity() > 0
    assert client.debug_string()
    client.disconnect()


def test_a_second_seal_is_two_errors(client):
    id = new_id()
    buffer = client.create(id, 1)
    client.seal(id)
    for error in (TypeError, plasma.PlasmaObjectNotFound):
        with pytest.raises(error):
            client.seal(id)
    del buffer


@pytest.mark.filterwarnings("error")
def test_nothing_is_deprecated():
    with plasma.start_plasma_store(10_000_000) as (path, _):
        plasma.connect(path).put(1)


# ---- plasma_store -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-m", "50000000", "-d", "/proc"], "tmpfs"),
        (["-m", "4095"], "4096"),
        (["-m", "50000000", "-e", "hashtable://test"], "takes a directory"),
    ],
    ids=["directory", "size", "external store"],
)
def test_what_plasma_store_refuses(path, arguments, words):
    done = subprocess.run(
        [store_process._find_program(), "-s", path, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert words in done.stderr


def test_the_client_of_a_brain_has_all_of_a_plasma_client(path):
    with Brain(path, capacity=10_000_000) as brain:
        id = brain.client.put_raw_buffer(b"data")
        assert brain.client.get_buffers([id])[0].to_pybytes() == b"data"
        assert brain.client.evict(1) == 4
        with pytest.raises(AttributeError):
            brain.client.nothing_of_that_name


def test_of_two_arguments_without_a_slash_the_second_is_the_path(path, monkeypatch):
    folder, name = path.rsplit("/", 1)
    monkeypatch.chdir(folder)
    with Brain("space", name, capacity=10_000_000) as brain:
        assert (brain.namespace, brain.directory) == ("space", path)


def test_what_a_creator_did_not_write_shows_nothing_of_its_memory(path):
    with Brain(path, capacity=10_000_000):
        client = plasma.connect(path)
        for size in (1, 100, 1984):
            id = plasma.ObjectID.from_random()
            client.create(id, size)
            client.seal(id)
            assert client.get_buffers([id])[0].to_pybytes() == bytes(size)
