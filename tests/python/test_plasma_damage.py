"""Plasma clients over values that nobody who keeps the rules would put among the objects."""

import contextlib
import ctypes
import gc

import pytest
from brain_plasma import BrainError, plasma
from raw_values import LIBRARY, Part, Value

ID = plasma.ObjectID(b"damaged object  0001")
NONE, INT, STR, TENSOR, PICKLE, UNSEALED = 1, 4, 6, 8, 10, 14
TRAILER_BYTES = 40


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


@pytest.fixture
def put(path, client):
    """A function that puts whatever is asked for: put(kind, data, meta, name)."""
    if not LIBRARY.exists():
        pytest.skip("no library in build/test: ./run build")
    library = ctypes.CDLL(str(LIBRARY))
    store, space = ctypes.c_void_p(), ctypes.c_void_p()
    assert library.brain_open(path.encode(), None, ctypes.byref(store)) == 0

    def put_(kind, data, meta, name=None, space_name=b"\xffplasma"):
        name = ID.binary() if name is None else name
        assert library.brain_space_open(store, space_name, len(space_name), ctypes.byref(space)) == 0
        part = Part(data, len(data), 0)
        value = Value(kind, 1, ctypes.addressof(part), meta, len(meta), b"", 0)
        any_version = ctypes.c_uint64(2**64 - 1)
        code = library.brain_put(
            space, name, ctypes.c_size_t(len(name)), ctypes.byref(value), any_version, None
        )
        library.brain_space_close(space)
        assert code == 0

    yield put_
    library.brain_close(store)


def trailer(meta_bytes=0, version=1, note=0):
    return (
        meta_bytes.to_bytes(8, "little")
        + bytes(16)
        + bytes([version])
        + bytes(7)
        + note.to_bytes(8, "little")
    )


def unsealed(data_bytes=5, meta_bytes=0, row=0, seat=0, version=1):
    sizes = (data_bytes, 8), (meta_bytes, 8), (0, 8), (seat, 8), (row, 4), (version, 4)
    return b"".join(number.to_bytes(size, "little") for number, size in sizes)


DAMAGES = {
    "no metadata": (0, b"data", b""),
    "short": (0, b"data", trailer()[1:]),
    "another version": (0, b"data", trailer(version=2)),
    "more metadata than data": (0, b"data", trailer(meta_bytes=5)),
    "far more metadata than data": (0, b"data", trailer(meta_bytes=2**64 - 1)),
    "no such kind": (77, b"data", trailer()),
    "the kind of namespaces": (15, b"data", trailer()),
    "a text that is none": (STR, b"\xff\xfe", trailer()),
    "a number of no bytes": (INT, b"", trailer()),
    "a float of three bytes": (5, b"abc", trailer()),
    "a tensor without a shape": (TENSOR, b"data", trailer()),
    "a tensor of another size": (TENSOR, b"data", b"\x05" * 32 + trailer()),
    "a pickle that is none": (PICKLE, b"no pickle", trailer()),
    "an empty pickle": (PICKLE, b"", trailer()),
    "a pickle, all of it metadata": (PICKLE, b"data", trailer(meta_bytes=4)),
    "marked": (0, b"data", trailer(note=3 << 62)),
    "evicted": (0, b"data", trailer(note=2**64 - 1)),
    "doomed": (0, b"data", trailer(note=1 << 63)),
    "from the future": (0, b"data", trailer(note=(1 << 62) - 1)),
    "unsealed, of nobody": (UNSEALED, b"", unsealed(row=2**32 - 1, seat=2**64 - 1)),
    "unsealed, of huge sizes": (UNSEALED, b"", unsealed(2**64 - 1, 2**64 - 1)),
    "unsealed, short": (UNSEALED, b"", unsealed()[1:]),
    "unsealed, another version": (UNSEALED, b"", unsealed(version=9)),
    "unsealed, without metadata": (UNSEALED, b"data", b""),
}

CALLS = {
    "get": lambda client: client.get(ID, timeout_ms=0),
    "get several": lambda client: client.get([ID, ID], timeout_ms=1),
    "get_buffers": lambda client: bytes(client.get_buffers([ID], timeout_ms=0)[0] or b""),
    "get_metadata": lambda client: bytes(client.get_metadata([ID], timeout_ms=0)[0] or b""),
    "contains": lambda client: client.contains(ID),
    "hash": lambda client: client.hash(ID),
    "list": lambda client: client.list(),
    "debug_string": lambda client: client.debug_string(),
    "subscribe": lambda client: client.subscribe(),
    "evict": lambda client: client.evict(1),
    "sweep": lambda client: client._sweep(),
    "create": lambda client: client.create(ID, 5),
    "seal": lambda client: client.seal(ID),
    "put": lambda client: client.put(5, ID),
    "delete": lambda client: client.delete([ID]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_no_call_comes_to_harm(brain, path, put, damage):
    for call in CALLS.values():
        put(*DAMAGES[damage])
        client = plasma.connect(path)
        with contextlib.suppress(BrainError, plasma.PlasmaObjectNotFound, OSError, EOFError):
            call(client)
        gc.collect()
        client.disconnect()
    assert brain.check() == []
    assert brain.stat()["n_pins"] == 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_eviction_goes_on(brain, path, client, put, damage):
    put(*DAMAGES[damage])
    for _ in range(10):
        id = client.put_raw_buffer(bytes(20_000_000))
        assert client.contains(id)


@pytest.mark.parametrize("name", [b"", b"short", b"x" * 21, b"x" * 5000])
def test_names_that_are_no_ids(brain, path, client, put, name):
    for note in (0, 1 << 63, 3 << 62, 2**64 - 1):
        put(0, b"data", trailer(note=note), name)
        for call in CALLS.values():
            with contextlib.suppress(BrainError, plasma.PlasmaObjectNotFound, OSError):
                call(client)
    assert brain.check() == []


@pytest.mark.parametrize("meta", [b"", b"x", bytes(31), b"\xff" * 64, bytes(64)])
def test_a_list_of_subscribers_that_is_none(brain, client, put, meta):
    put(0, b"", meta, b"subscribers", b"\xffplasma-control")
    id = client.put(1)
    client.subscribe()
    assert client.get_next_notification()[0] == id
    client.delete([id])
    assert client.get_next_notification() == (id, -1, -1)
    client._sweep()
    assert brain.check() == []


def test_an_entry_of_a_queue_that_is_none(brain, client, put):
    client.subscribe()
    token = client._subscription._pump._token
    put(0, b"data", b"meta", b"entry", b"\xffplasma:" + token)
    id = client.put(1)
    assert client.get_next_notification()[0] == id
    client.disconnect()
    assert brain.check() == []


def test_ids_that_look_like_something_else(brain, client):
    brain["name"] = "value"
    odd = [
        bytes(20),
        b"\xff" * 20,
        b"\xffplasma".ljust(20, b"\0"),
        b"\xffid:".ljust(20, b"\0"),
        b"\xffplasma-control     ",
        b"default".ljust(20, b"\0"),
        b"brain_namespaces_se\0",
        b"\xf0\x9f\x92\xa9" * 5,
        b"\xf0\x9f\x92" * 6 + b"\xf0\x9f",
    ]
    for number, bytes_ in enumerate(odd):
        id = plasma.ObjectID(bytes_)
        assert not client.contains(id)
        client.delete([id])
        assert client.get(id, timeout_ms=0) is plasma.ObjectNotAvailable
        client.put(number, id)
    assert [client.get(plasma.ObjectID(bytes_)) for bytes_ in odd] == list(range(len(odd)))
    client.delete([plasma.ObjectID(bytes_) for bytes_ in odd])
    assert brain["name"] == "value"
    assert brain.names() == ["name"]
