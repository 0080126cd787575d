"""PlasmaClient: what it puts, gets, says of its objects, and refuses."""

import threading
import time

import numpy as np
import pytest
from implementation import plasma
from processes import CAPACITY, eventually

LOCK = threading.Lock()  # nothing can store it


def new_id():
    return plasma.ObjectID.from_random()


class Thread(threading.Thread):
    """Runs a function beside the test, and keeps what it returned."""

    def __init__(self, function):
        super().__init__(daemon=True)
        self.function = function
        self.start()

    def run(self):
        self.result = self.function()

    def wait(self):
        self.join(timeout=30)
        assert not self.is_alive()
        return self.result


# ---- connect ----------------------------------------------------------------------------------


@pytest.mark.covers("plasma.connect", "PlasmaClient.store_socket_name")
def test_a_client_knows_its_path(store):
    client = plasma.connect(store.path)
    assert type(client) is plasma.PlasmaClient
    assert client.store_socket_name == store.path


@pytest.mark.covers("plasma.connect", "plasma.connect(num_retries)")
def test_the_arguments_of_connect_have_names(store):
    client = plasma.connect(store_socket_name=store.path, num_retries=3)
    assert client.store_socket_name == store.path
    assert plasma.connect(store.path, -1).store_socket_name == store.path


@pytest.mark.covers("plasma.connect", "plasma.connect(num_retries)")
@pytest.mark.parametrize("num_retries", [0, 1])
def test_no_store_is_an_os_error_that_names_the_path(missing_path, num_retries):
    with pytest.raises(OSError, match=missing_path):
        plasma.connect(missing_path, num_retries=num_retries)


@pytest.mark.covers("plasma.connect(num_retries)")
def test_connect_waits_between_its_tries(missing_path):
    began = time.monotonic()
    with pytest.raises(OSError):
        plasma.connect(missing_path, num_retries=5)
    assert time.monotonic() - began > 0.3


@pytest.mark.covers("plasma.connect", "plasma.connect(num_retries)")
def test_connect_waits_for_a_store_that_starts_later(new_store, folder):
    path = str(folder / "plasma0")
    connecting = Thread(lambda: plasma.connect(path))
    connecting.join(timeout=0.3)
    assert connecting.is_alive()
    store = new_store()
    assert store.path == path
    assert connecting.wait().store_capacity() == CAPACITY


# ---- put and get ------------------------------------------------------------------------------

VALUES = [
    None,
    True,
    5,
    -(2**40),
    1.5,
    "text",
    "ä€𝄞",
    "",
    b"bytes",
    b"",
    [1, "two", 3.0, None],
    [],
    (1, (2, 3)),
    {"a": 1, "b": [2, {"c": 3}]},
    {1, 2},
]


@pytest.mark.covers("PlasmaClient.put", "PlasmaClient.get")
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_what_was_put_is_got(client, second_client, value):
    id = client.put(value)
    assert type(id) is plasma.ObjectID
    for who in (client, second_client):
        got = who.get(id)
        assert got == value
        assert type(got) is type(value)


@pytest.mark.covers("PlasmaClient.put", "PlasmaClient.get")
def test_an_array_is_got_without_a_copy(client):
    array = np.arange(100_000, dtype=np.float64).reshape(100, 1000)
    got = client.get(client.put(array))
    assert (got == array).all()
    assert got.shape == array.shape
    assert got.dtype == array.dtype
    assert not got.flags.owndata
    assert not got.flags.writeable


@pytest.mark.covers("PlasmaClient.put", "PlasmaClient.get")
def test_a_data_frame_is_got(client):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [1.5, None, 2.5]})
    pandas.testing.assert_frame_equal(client.get(client.put(frame)), frame)


@pytest.mark.covers("PlasmaClient.put(object_id)")
def test_put_takes_an_id(client):
    id, another = new_id(), new_id()
    assert client.put("by place", id) == id
    assert client.put("by name", object_id=another) == another
    assert client.get([id, another]) == ["by place", "by name"]
    assert client.put("with none", None) not in (id, another, None)


@pytest.mark.covers(
    "PlasmaClient.put(memcopy_threads)",
    "PlasmaClient.put(serialization_context)",
    "PlasmaClient.get(serialization_context)",
)
def test_put_takes_all_its_arguments(client):
    id = new_id()
    client.put(value=7, object_id=id, memcopy_threads=2, serialization_context=None)
    assert client.get(object_ids=id, timeout_ms=0, serialization_context=None) == 7
    client.put(8, another := new_id(), 1, None)
    assert client.get(another, 0, None) == 8


@pytest.mark.covers("PlasmaClient.put", "PlasmaObjectExists")
def test_put_of_an_id_that_exists_is_refused_and_changes_nothing(client, second_client):
    id = client.put("first")
    for who in (client, second_client):
        with pytest.raises(plasma.PlasmaObjectExists):
            who.put("second", id)
    assert client.get(id) == "first"


@pytest.mark.covers("PlasmaClient.put")
def test_put_of_what_cannot_be_stored_leaves_nothing(client):
    id = new_id()
    with pytest.raises(Exception, match="lock"):
        client.put(LOCK, id)
    assert not client.contains(id)
    assert id not in client.list()
    client.put("the id is free", id)


@pytest.mark.covers("PlasmaClient.get")
def test_a_list_gives_a_list_in_its_order(client):
    ids = [client.put(number) for number in range(10)]
    assert client.get(ids[::-1]) == list(range(10))[::-1]
    assert client.get(tuple(ids)) == list(range(10))
    assert client.get(ids[:1]) == [0]
    assert client.get([]) == []


@pytest.mark.covers("PlasmaClient.get")
@pytest.mark.defect("waits for ever, or as long as timeout_ms says", run=False)
def test_an_id_may_be_in_the_list_twice(client):
    id = client.put(1)
    assert client.get([id, id]) == [1, 1]


@pytest.mark.covers("PlasmaClient.get(timeout_ms)", "ObjectNotAvailable")
@pytest.mark.parametrize("timeout_ms", [0, 20])
def test_a_missing_object_gives_the_class_itself(client, timeout_ms):
    assert client.get(new_id(), timeout_ms) is plasma.ObjectNotAvailable
    assert client.get(new_id(), timeout_ms=timeout_ms) is plasma.ObjectNotAvailable
    id = client.put("here")
    got = client.get([new_id(), id, new_id()], timeout_ms=timeout_ms)
    assert got == [plasma.ObjectNotAvailable, "here", plasma.ObjectNotAvailable]


@pytest.mark.covers("PlasmaClient.get(timeout_ms)")
def test_a_timeout_is_waited_for(client):
    began = time.monotonic()
    client.get(new_id(), timeout_ms=200)
    assert time.monotonic() - began > 0.19


@pytest.mark.covers("PlasmaClient.get(timeout_ms)")
def test_get_waits_for_an_object(client, second_client):
    id = new_id()
    waiting = Thread(lambda: second_client.get(id))
    waiting.join(timeout=0.2)
    assert waiting.is_alive()
    client.put("at last", id)
    assert waiting.wait() == "at last"


@pytest.mark.covers("PlasmaClient.get(timeout_ms)")
def test_get_waits_until_the_object_is_sealed(client, second_client):
    id = new_id()
    buffer = client.create(id, 5)
    waiting = Thread(lambda: second_client.get_buffers([id])[0].to_pybytes())
    waiting.join(timeout=0.2)
    assert waiting.is_alive()
    memoryview(buffer).cast("B")[:] = b"ready"
    client.seal(id)
    assert waiting.wait() == b"ready"


@pytest.mark.covers("PlasmaClient.get(timeout_ms)")
def test_a_get_of_several_returns_when_the_last_is_there(client, second_client):
    ids = [new_id() for _ in range(5)]
    waiting = Thread(lambda: second_client.get(ids, timeout_ms=60_000))
    for number, id in enumerate(ids):
        waiting.join(timeout=0.05)
        assert waiting.is_alive()
        client.put(number, id)
    assert waiting.wait() == [0, 1, 2, 3, 4]


@pytest.mark.covers("PlasmaClient.get(timeout_ms)")
def test_a_client_that_is_killed_while_it_waits_harms_nobody(store, client, other):
    id = new_id()
    waiting = other(
        "client = plasma.connect(path)\n"
        "print('waits')\nsys.stdout.flush()\n"
        f"client.get(plasma.ObjectID({id.binary()!r}))",
        store.path,
    )
    assert waiting.line() == "waits"
    waiting.kill()
    client.put(1, id)
    assert client.get(id) == 1
    assert not client.contains(new_id())


@pytest.mark.covers("PlasmaClient.get", "PlasmaClient.get_buffers", "PlasmaClient.contains")
@pytest.mark.parametrize("wrong", [5, "x" * 20, b"x" * 20, object()], ids=repr)
def test_what_is_not_an_object_id_is_a_type_error(client, wrong):
    calls = [
        lambda: client.get(wrong, 0),
        lambda: client.get([wrong], 0),
        lambda: client.get_buffers([wrong], 0),
        lambda: client.get_metadata([wrong], 0),
        lambda: client.put(1, wrong),
        lambda: client.put_raw_buffer(b"1", wrong),
        lambda: client.create(wrong, 1),
        lambda: client.create_and_seal(wrong, b"1"),
        lambda: client.seal(wrong),
        lambda: client.contains(wrong),
        lambda: client.hash(wrong),
        lambda: client.delete([wrong]),
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert client.list() == {}


@pytest.mark.covers("PlasmaClient.get_buffers", "PlasmaClient.delete")
def test_a_single_id_where_a_list_is_due_is_a_type_error(client):
    id = client.put(1)
    for call in (client.get_buffers, client.get_metadata, client.delete):
        with pytest.raises(TypeError):
            call(id)


# ---- create, seal, put_raw_buffer -------------------------------------------------------------


@pytest.mark.covers("PlasmaClient.create", "PlasmaClient.seal", "PlasmaClient.get_buffers")
def test_what_was_written_into_a_created_object_is_got(client, second_client):
    id = new_id()
    buffer = client.create(id, 50)
    np.frombuffer(buffer, dtype="uint8")[:] = np.arange(50)
    assert client.seal(id) is None
    for who in (client, second_client):
        [got] = who.get_buffers([id])
        assert got.to_pybytes() == bytes(range(50))


@pytest.mark.covers("PlasmaClient.create(metadata)", "PlasmaClient.get_metadata")
def test_create_takes_all_its_arguments(client):
    id = new_id()
    client.create(object_id=id, data_size=3, metadata=b"meta\0data")
    client.seal(id)
    [metadata] = client.get_metadata(object_ids=[id], timeout_ms=0)
    assert metadata.to_pybytes() == b"meta\0data"
    [(metadata, data)] = client.get_buffers(object_ids=[id], timeout_ms=0, with_meta=True)
    assert (metadata, data.size) == (b"meta\0data", 3)


@pytest.mark.covers("PlasmaClient.create(metadata)", "PlasmaClient.create_and_seal(metadata)")
def test_metadata_may_be_a_bytearray(client):
    ids = [new_id(), new_id(), new_id()]
    client.create(ids[0], 1, bytearray(b"meta"))
    client.seal(ids[0])
    client.create_and_seal(ids[1], b"1", bytearray(b"meta"))
    client.put_raw_buffer(b"1", ids[2], bytearray(b"meta"))
    assert [each.to_pybytes() for each in client.get_metadata(ids)] == [b"meta"] * 3


@pytest.mark.covers("PlasmaClient.create(metadata)")
@pytest.mark.parametrize("wrong", ["text", 5, None])
def test_other_metadata_is_a_type_error(client, wrong):
    with pytest.raises(TypeError):
        client.create(new_id(), 1, wrong)
    with pytest.raises(TypeError):
        client.create_and_seal(new_id(), b"1", wrong)
    assert client.list() == {}


@pytest.mark.covers("PlasmaClient.create", "PlasmaObjectExists")
def test_create_of_an_id_that_exists_is_refused(client, second_client):
    sealed, unsealed = client.put(1), new_id()
    kept = client.create(unsealed, 10)
    for id in (sealed, unsealed):
        for who in (client, second_client):
            with pytest.raises(plasma.PlasmaObjectExists):
                who.create(id, 10)
            with pytest.raises(plasma.PlasmaObjectExists):
                who.create_and_seal(id, b"0123456789")
            with pytest.raises(plasma.PlasmaObjectExists):
                who.put_raw_buffer(b"0123456789", id)
    client.seal(unsealed)
    assert client.get(sealed) == 1
    assert kept.size == 10


@pytest.mark.covers("PlasmaClient.create")
@pytest.mark.defect("ends the store")
def test_a_negative_size_is_refused(client):
    with pytest.raises((ValueError, OverflowError)):
        client.create(new_id(), -1)
    client.put(1)


@pytest.mark.covers("PlasmaClient.seal", "PlasmaObjectNotFound")
def test_seal_of_an_unknown_id_is_not_found(client):
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.seal(new_id())


@pytest.mark.covers("PlasmaClient.seal", "PlasmaObjectNotFound")
def test_seal_of_what_another_created_is_not_found(client, second_client):
    id = new_id()
    kept = client.create(id, 3)
    with pytest.raises(plasma.PlasmaObjectNotFound):
        second_client.seal(id)
    assert not second_client.contains(id)
    client.seal(id)
    assert second_client.contains(id)
    del kept


@pytest.mark.covers("PlasmaClient.seal")
def test_sealing_twice_is_an_error(client):
    id = new_id()
    kept = client.create(id, 3)
    client.seal(id)
    with pytest.raises((TypeError, ValueError)):
        client.seal(id)
    assert client.contains(id)
    del kept


@pytest.mark.covers("PlasmaClient.create_and_seal", "PlasmaClient.create_and_seal(metadata)")
def test_create_and_seal_does_both(client, second_client):
    ids = [new_id() for _ in range(100)]
    for number, id in enumerate(ids):
        assert client.create_and_seal(id, number * b"a", number * b"b") is None
    for number, (metadata, data) in enumerate(second_client.get_buffers(ids, with_meta=True)):
        assert (metadata, data.to_pybytes()) == (number * b"b", number * b"a")
    client.create_and_seal(object_id=(id := new_id()), data=b"named", metadata=b"too")
    assert client.get_buffers([id])[0].to_pybytes() == b"named"


@pytest.mark.covers("PlasmaClient.put_raw_buffer")
@pytest.mark.parametrize(
    "kind", [bytes, bytearray, memoryview, lambda b: np.frombuffer(b, "uint8")]
)
def test_put_raw_buffer_takes_any_buffer_of_bytes(client, kind):
    id = client.put_raw_buffer(kind(b"raw bytes"))
    assert type(id) is plasma.ObjectID
    assert client.get_buffers([id])[0].to_pybytes() == b"raw bytes"


@pytest.mark.covers(
    "PlasmaClient.put_raw_buffer",
    "PlasmaClient.put_raw_buffer(object_id)",
    "PlasmaClient.put_raw_buffer(metadata)",
    "PlasmaClient.put_raw_buffer(memcopy_threads)",
)
def test_put_raw_buffer_takes_all_its_arguments(client):
    id = new_id()
    assert client.put_raw_buffer(b"data", object_id=id, metadata=b"meta", memcopy_threads=3) == id
    [(metadata, data)] = client.get_buffers([id], with_meta=True)
    assert (metadata, data.to_pybytes()) == (b"meta", b"data")
    client.put_raw_buffer(b"data", another := new_id(), b"m", 1)
    assert client.contains(another)


@pytest.mark.covers("PlasmaClient.put_raw_buffer")
@pytest.mark.defect("takes the length of the first dimension for the size in bytes")
def test_put_raw_buffer_takes_an_array_of_numbers(client):
    array = np.arange(12, dtype="int64").reshape(3, 4)
    [got] = client.get_buffers([client.put_raw_buffer(array)])
    assert got.to_pybytes() == array.tobytes()


@pytest.mark.covers("PlasmaClient.put_raw_buffer")
def test_put_raw_buffer_of_text_is_a_type_error(client):
    with pytest.raises(TypeError):
        client.put_raw_buffer("text")


@pytest.mark.covers("PlasmaClient.create", "PlasmaClient.get_buffers", "PlasmaClient.get_metadata")
def test_data_and_metadata_of_zero_bytes_work(client, second_client):
    created, sealed, with_meta = new_id(), new_id(), new_id()
    assert client.create(created, 0).size == 0
    client.seal(created)
    client.create_and_seal(sealed, b"", b"")
    client.create_and_seal(with_meta, b"", b"meta")
    raw = client.put_raw_buffer(b"")
    got = second_client.get_buffers([created, sealed, raw, with_meta], with_meta=True)
    assert [(metadata, data.to_pybytes()) for metadata, data in got] == [
        (b"", b""),
        (b"", b""),
        (b"", b""),
        (b"meta", b""),
    ]
    assert client.contains(created)
    assert client.list()[created]["data_size"] == 0
    assert client.hash(created) == client.hash(sealed) != client.hash(with_meta)
    [metadata] = client.get_metadata([created])
    assert metadata.to_pybytes() == b""


# ---- get_buffers and get_metadata -------------------------------------------------------------


@pytest.mark.covers(
    "PlasmaClient.get_buffers",
    "PlasmaClient.get_buffers(timeout_ms)",
    "PlasmaClient.get_buffers(with_meta)",
    "PlasmaClient.get_metadata",
    "PlasmaClient.get_metadata(timeout_ms)",
)
@pytest.mark.parametrize("timeout_ms", [0, 20])
def test_missing_objects_have_no_buffers(client, timeout_ms):
    ids = [new_id(), client.put_raw_buffer(b"data", metadata=b"meta"), new_id()]
    data = client.get_buffers(ids, timeout_ms)
    assert [data[0], data[2]] == [None, None]
    assert data[1].to_pybytes() == b"data"
    pairs = client.get_buffers(ids, timeout_ms, True)
    assert [pairs[0], pairs[2]] == [(None, None), (None, None)]
    assert type(pairs[1]) is tuple
    assert type(pairs[1][0]) is bytes
    assert (pairs[1][0], pairs[1][1].to_pybytes()) == (b"meta", b"data")
    metadata = client.get_metadata(ids, timeout_ms)
    assert [metadata[0], metadata[2]] == [None, None]
    assert metadata[1].to_pybytes() == b"meta"
    assert client.get_buffers([]) == client.get_metadata([]) == []


@pytest.mark.covers("PlasmaClient.get_buffers", "PlasmaClient.hash")
def test_an_object_that_is_not_sealed_counts_as_missing(client, second_client):
    id = new_id()
    kept = client.create(id, 10, b"metadata")
    for who in (client, second_client):
        assert who.get_buffers([id], timeout_ms=0) == [None]
        assert who.get_buffers([id], timeout_ms=1, with_meta=True) == [(None, None)]
        assert who.get_metadata([id], timeout_ms=0) == [None]
        assert who.get(id, timeout_ms=0) is plasma.ObjectNotAvailable
        with pytest.raises(plasma.PlasmaObjectNotFound):
            who.hash(id)
    assert not second_client.contains(id)
    client.seal(id)
    assert client.get_buffers([id], timeout_ms=0)[0].size == 10
    del kept


@pytest.mark.covers("PlasmaClient.contains")
@pytest.mark.defect("its creator is told that it is there")
def test_an_object_that_is_not_sealed_is_not_contained(client):
    id = new_id()
    kept = client.create(id, 10)
    assert client.contains(id) is False
    del kept


# ---- contains, hash, list ---------------------------------------------------------------------


@pytest.mark.covers("PlasmaClient.contains")
def test_contains_says_whether_it_is_there(client, second_client):
    id = client.put(1)
    assert client.contains(id) is True
    assert second_client.contains(id) is True
    assert client.contains(new_id()) is False


@pytest.mark.covers("PlasmaClient.hash")
def test_the_hash_is_of_data_and_metadata_and_their_lengths(client, second_client):
    def digest_of(data, metadata=b""):
        client.create_and_seal(id := new_id(), data, metadata)
        digest = client.hash(id)
        assert type(digest) is bytes
        assert digest == client.hash(id) == second_client.hash(id)
        return digest

    assert digest_of(b"data", b"meta") == digest_of(b"data", b"meta")
    different = [
        digest_of(b"data", b"meta"),
        digest_of(b"dataX", b"meta"),
        digest_of(b"datb", b"meta"),
        digest_of(b"data", b"metb"),
        digest_of(b"data", b""),
        digest_of(b""),
        *[digest_of(bytes(size)) for size in range(1, 100)],
    ]
    assert len(set(different)) == len(different)
    assert len({len(digest) for digest in different}) == 1


@pytest.mark.covers("PlasmaClient.hash")
@pytest.mark.defect("one digest of both, without their lengths")
def test_the_hash_says_where_the_metadata_begins(client):
    ids = [client.put_raw_buffer(b"data"[:size], metadata=b"data"[size:]) for size in range(5)]
    assert len({client.hash(id) for id in ids}) == 5


@pytest.mark.covers("PlasmaClient.hash", "PlasmaObjectNotFound")
def test_the_hash_of_a_missing_object_is_not_found(client):
    with pytest.raises(plasma.PlasmaObjectNotFound):
        client.hash(new_id())


@pytest.mark.covers(
    "PlasmaClient.list",
    "list()['data_size']",
    "list()['metadata_size']",
    "list()['create_time']",
    "list()['state']",
)
def test_the_list_describes_each_object(client):
    assert client.list() == {}
    began = time.time()
    id = client.put_raw_buffer(b"four", metadata=b"meta...")
    unsealed = new_id()
    kept = client.create(unsealed, 11, b"1234567")
    listed = client.list()
    assert type(listed) is dict
    assert set(listed) == {id, unsealed}
    keys = {"data_size", "metadata_size", "ref_count", "create_time", "construct_duration", "state"}
    assert set(listed[id]) == set(listed[unsealed]) == keys
    assert (listed[id]["data_size"], listed[id]["metadata_size"]) == (4, 7)
    assert (listed[unsealed]["data_size"], listed[unsealed]["metadata_size"]) == (11, 7)
    assert (listed[id]["state"], listed[unsealed]["state"]) == ("sealed", "created")
    for entry in listed.values():
        assert began - 1 <= entry["create_time"] <= time.time() + 1
        assert all(type(entry[key]) is int for key in keys - {"state"})
    assert 0 <= listed[id]["construct_duration"] <= time.time() - began + 1
    client.seal(unsealed)
    assert client.list()[unsealed]["state"] == "sealed"
    del kept


@pytest.mark.covers("list()['construct_duration']")
def test_how_long_it_took_to_construct_is_in_seconds(client):
    id = new_id()
    began = time.monotonic()
    client.create(id, 1)
    eventually(lambda: time.monotonic() - began > 1.1)
    client.seal(id)
    assert 1 <= client.list()[id]["construct_duration"] <= time.monotonic() - began + 1


@pytest.mark.covers("list()['ref_count']")
def test_the_ref_count_is_that_of_the_clients_with_a_buffer(client, second_client):
    def count():
        return client.list()[id]["ref_count"]

    id = new_id()
    created = client.create(id, 100)
    assert count() == 1
    client.seal(id)
    assert count() == 1
    [one] = client.get_buffers([id])
    [two] = client.get_buffers([id])
    del created
    assert count() == 1
    [of_another] = second_client.get_buffers([id])
    assert count() == 2
    del one, two
    assert count() == 1
    del of_another
    eventually(lambda: count() == 0)


@pytest.mark.covers("list()['ref_count']", "PlasmaClient.get")
def test_a_value_that_shares_its_memory_counts(client):
    id = client.put(np.arange(1000))
    assert client.list()[id]["ref_count"] == 0
    part = client.get(id)[10:20]
    assert client.list()[id]["ref_count"] == 1
    del part
    eventually(lambda: client.list()[id]["ref_count"] == 0)


# ---- delete -----------------------------------------------------------------------------------


@pytest.mark.covers("PlasmaClient.delete")
def test_what_nobody_uses_is_deleted_at_once(client, second_client):
    ids = [client.put(number) for number in range(10)]
    assert client.delete(ids[:5]) is None
    assert [client.contains(id) for id in ids] == [False] * 5 + [True] * 5
    assert [second_client.contains(id) for id in ids] == [False] * 5 + [True] * 5
    assert set(client.list()) == set(ids[5:])
    second_client.delete(tuple(ids[5:]))
    assert client.list() == {}
    client.put("the id is free", ids[0])


@pytest.mark.covers("PlasmaClient.delete")
def test_unknown_ids_are_ignored(client):
    id = client.put(1)
    client.delete([new_id()])
    client.delete([])
    client.delete([new_id(), id, new_id()])
    assert not client.contains(id)


@pytest.mark.covers("PlasmaClient.delete")
@pytest.mark.parametrize("deleter", ["the one that holds it", "another"])
def test_what_is_used_is_deleted_when_the_last_user_lets_go(client, second_client, deleter):
    id = client.put_raw_buffer(b"still here")
    [buffer] = client.get_buffers([id])
    [of_another] = second_client.get_buffers([id])
    (client if deleter == "the one that holds it" else second_client).delete([id])
    with pytest.raises(plasma.PlasmaObjectExists):
        client.create(id, 5)
    assert buffer.to_pybytes() == b"still here"
    del of_another
    assert buffer.to_pybytes() == b"still here"
    del buffer
    eventually(lambda: not client.contains(id))
    assert client.list() == {}
    client.put("the id is free", id)


@pytest.mark.covers("PlasmaClient.delete")
def test_delete_of_an_object_that_is_not_sealed_does_not_disturb_its_creator(client, second_client):
    id = new_id()
    buffer = client.create(id, 4)
    second_client.delete([id])
    memoryview(buffer).cast("B")[:] = b"data"
    client.seal(id)
    assert buffer.to_pybytes() == b"data"


# ---- the store, options, disconnect -----------------------------------------------------------


@pytest.mark.covers("PlasmaClient.store_capacity")
@pytest.mark.parametrize("capacity", [10_000, 1_000_000, 1_234_567, 50_000_000])
def test_the_capacity_is_exactly_what_the_store_was_told(new_store, capacity):
    reported = new_store(capacity).connect().store_capacity()
    assert type(reported) is int
    assert reported == capacity


@pytest.mark.covers("PlasmaClient.debug_string")
def test_the_debug_string_is_text(client):
    assert isinstance(client.debug_string(), str)
    assert client.debug_string()


@pytest.mark.covers("PlasmaClient.set_client_options")
def test_options_of_a_client_can_be_set(client, second_client):
    assert client.set_client_options("a name", 1_000_000) is None
    second_client.set_client_options(client_name="another", limit_output_memory=2_000_000)
    assert client.get(client.put(1)) == 1


@pytest.mark.covers("PlasmaClient.to_capsule")
def test_a_client_gives_a_capsule(client):
    assert type(client.to_capsule()).__name__ == "PyCapsule"


AFTER_DISCONNECT = {
    "put": lambda client: client.put(1),
    "put_raw_buffer": lambda client: client.put_raw_buffer(b"1"),
    "create": lambda client: client.create(new_id(), 1),
    "create_and_seal": lambda client: client.create_and_seal(new_id(), b"1"),
    "get": lambda client: client.get(new_id(), 0),
    "get_buffers": lambda client: client.get_buffers([new_id()], 0),
    "get_metadata": lambda client: client.get_metadata([new_id()], 0),
    "contains": lambda client: client.contains(new_id()),
    "hash": lambda client: client.hash(new_id()),
    "list": lambda client: client.list(),
    "delete": lambda client: client.delete([new_id()]),
    "evict": lambda client: client.evict(1),
    "subscribe": lambda client: client.subscribe(),
    "set_client_options": lambda client: client.set_client_options("name", 1),
}


@pytest.mark.covers("PlasmaClient.disconnect")
@pytest.mark.parametrize("call", AFTER_DISCONNECT.values(), ids=AFTER_DISCONNECT.keys())
def test_a_client_that_is_disconnected_raises(client, call):
    client.put(1)
    assert client.disconnect() is None
    with pytest.raises(OSError):
        call(client)
    client.disconnect()  # again: nothing


@pytest.mark.covers("PlasmaClient.disconnect")
def test_objects_stay_when_their_creator_disconnects(client, second_client):
    id = client.put("stays")
    client.disconnect()
    assert second_client.get(id) == "stays"


@pytest.mark.covers("PlasmaClient.disconnect", "PlasmaClient.create")
def test_an_unsealed_object_goes_when_its_creator_disconnects(client, second_client):
    id = new_id()
    kept = client.create(id, 10)
    client.disconnect()
    eventually(lambda: id not in second_client.list())
    second_client.create_and_seal(id, b"the id is free")
    del kept


@pytest.mark.covers("PlasmaClient.create")
def test_an_unsealed_object_goes_when_its_creator_dies(store, client, other):
    id = new_id()
    creator = other(
        "client = plasma.connect(path)\n"
        f"kept = client.create(plasma.ObjectID({id.binary()!r}), 40_000_000)\n"
        "print('created')\nsys.stdout.flush()\ninput()",
        store.path,
    )
    assert creator.line() == "created"
    assert client.list()[id]["state"] == "created"
    creator.kill()
    eventually(lambda: id not in client.list())
    client.create(id, 40_000_000)


@pytest.mark.covers("PlasmaClient")
def test_threads_with_a_client_each(store):
    def work():
        client = store.connect()
        ids = [client.put(number) for number in range(100)]
        return client.get(ids)

    assert [thread.wait() for thread in [Thread(work) for _ in range(4)]] == [list(range(100))] * 4
