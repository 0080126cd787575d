"""The form TREE, where encoders and decoders are called; tables; memory."""

import gc
import pickle
import sys
import threading

import numpy as np
import pytest
from brain_plasma import Brain, codecs, exceptions
from raw_values import ARROW, PICKLE, TREE, tree
from tree_kit import Hashed, NAME, Thing, brain, codec, raw, round_trip, same, trusting  # noqa: F401


# ---- encoders -----------------------------------------------------------------------------------


def test_what_has_an_encoder(brain, raw, codec):
    codec(Thing)
    result = round_trip(brain, {"a": Thing([1, Thing(None)])})
    assert type(result["a"]) is Thing
    assert type(result["a"].payload[1]) is Thing
    assert type(round_trip(brain, Thing(5))) is Thing
    assert raw.get("x")[0] == TREE


def test_one_thing_twice_is_encoded_once(brain, codec):
    calls = []
    name = codec(Thing, lambda value: calls.append(value) or ("test.Thing", value.payload))
    thing = Thing(1)
    result = round_trip(brain, [thing, thing, Thing(1)])
    assert name == "test.Thing"
    assert result[0] is result[1]
    assert result[0] is not result[2]
    assert len(calls) == 2


def test_payloads_of_the_moment_are_not_mixed_up(brain, codec):
    """Each is freed when the next is made, and may lie where it lay."""
    codec(Thing, lambda value: ("test.Thing", [[value.payload], (value.payload, "x" * 64)]))
    result = round_trip(brain, [Thing(number) for number in range(1000)])
    assert [thing.payload[0][0] for thing in result] == list(range(1000))
    assert [thing.payload[1][0] for thing in result] == list(range(1000))


def test_raw_bytes_of_a_payload_are_views(brain, codec):
    buffer = bytearray(b"abc" * 100)
    encode = lambda value: ("test.Thing", [pickle.PickleBuffer(value.payload), value.payload[:1]])  # noqa: E731
    codec(Thing, encode, lambda payload, trusted: payload)
    result = round_trip(brain, [Thing(buffer)])[0]
    buffer[:] = b"x" * 300
    assert type(result[0]).__name__ == "View"
    assert bytes(result[0]) == b"abc" * 100
    brain["x"] = None
    assert bytes(result[0]) == b"abc" * 100


def test_raw_bytes_in_several_dimensions(brain, codec):
    array = np.arange(12, dtype="u1").reshape(3, 4)
    encode = lambda value: ("test.Thing", pickle.PickleBuffer(value.payload))  # noqa: E731
    codec(Thing, encode, lambda payload, trusted: bytes(payload))
    assert round_trip(brain, Thing(array)) == bytes(range(12))
    assert round_trip(brain, Thing(np.asfortranarray(array))) == array.tobytes("F")
    with pytest.raises(exceptions.BrainValueTypeError, match="contiguous"):
        brain["x"] = Thing(array[::2])


def test_what_is_written_in_place(brain, codec):
    def write(view):
        view[:] = b"abc"

    codec(
        Thing,
        lambda value: ("test.Thing", codecs.Written(3, write)),
        lambda payload, trusted: bytes(payload),
    )
    assert round_trip(brain, [Thing(), Thing()]) == [b"abc", b"abc"]


def test_raw_bytes_elsewhere_are_pickled(brain, trusting):
    assert bytes(round_trip(trusting, [pickle.PickleBuffer(b"abc")])[0]) == b"abc"
    with pytest.raises(exceptions.BrainPickleError, match="PickleBuffer"):
        brain["x"] = [pickle.PickleBuffer(b"abc")]


def test_things_as_keys(brain, codec):
    codec(Hashed)
    thing = Hashed((1, "a"))
    value = [{thing: 1}, {thing: 2, (thing, 3): 4}, {Hashed(5)}, thing]
    assert round_trip(brain, value) == value


def test_things_that_are_keys_by_identity(brain, trusting, raw, codec):
    """An object that occurs twice, once as a key, is one object afterwards, or the key cannot be found."""
    codec(Thing)
    thing = Thing(1)
    (first, last) = round_trip(trusting, [{thing: 1}, thing])
    assert first[last] == 1
    assert raw.get("x")[0] == TREE
    (first, last) = round_trip(trusting, [thing, {thing: 1}])
    assert last[first] == 1
    assert raw.get("x")[0] == PICKLE
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = [thing, {thing: 1}]


def test_lists_in_a_payload_in_a_key_are_not_shared(brain, trusting, raw, codec):
    codec(Hashed, lambda value: ("test.Hashed", [value.shared]))
    thing = Hashed(1)
    thing.shared = [1]
    brain["x"] = {thing: 1}
    trusting["x"] = [thing.shared, {thing: 1}]
    assert raw.get("x")[0] == PICKLE


def test_a_thing_that_holds_itself_is_pickled(brain, trusting, raw, codec):
    codec(Thing)
    thing = Thing([])
    thing.payload.append(thing)
    result = round_trip(trusting, thing)
    assert result.payload[0] is result
    assert raw.get("x")[0] == PICKLE
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = thing


def test_an_encoder_without_an_end(brain, codec):
    codec(Thing, lambda value: ("test.Thing", Thing()))
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = Thing()


def test_an_encoder_that_declines(brain, trusting, raw, codec):
    codec(Thing, lambda value: None if value.payload else ("test.Thing", value.payload))
    brain["x"] = [Thing()]
    with pytest.raises(exceptions.BrainPickleError, match=r"value\[1\]\['a'\] is of .*Thing"):
        brain["x"] = [Thing(), {"a": Thing(1)}]
    assert round_trip(trusting, [Thing(), Thing(2)])[1].payload == 2
    assert raw.get("x")[0] == PICKLE


@pytest.mark.parametrize(
    "nonsense", [5, (), ("test.Thing",), ("test.Thing", 1, 2), (5, 1), ["test.Thing", 1], (b"x", 1)]
)
def test_an_encoder_that_returns_nonsense(brain, codec, nonsense):
    codec(Thing, lambda value: nonsense)
    with pytest.raises(exceptions.BrainValueTypeError, match="'x' cannot be stored: ") as caught:
        brain["x"] = [Thing()]
    assert isinstance(caught.value.__cause__, TypeError)


def raises(error):
    def function(*arguments):
        raise error

    return function


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), RecursionError()])
def test_an_encoder_that_raises(brain, codec, error):
    codec(Thing, raises(error))
    with pytest.raises(exceptions.BrainValueTypeError, match="'x' cannot be stored: ") as caught:
        brain["x"] = [Thing()]
    assert caught.value.__cause__ is error
    assert "x" not in brain


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_what_passes_an_encoder_and_a_decoder(brain, codec, error):
    codec(Thing, None, raises(error))
    brain["x"] = [Thing()]
    with pytest.raises(type(error)):
        brain["x"]
    codec(Thing, raises(error))
    with pytest.raises(type(error)):
        brain["x"] = [Thing()]


def test_a_buffer_that_fails_while_it_is_written(brain, codec):
    codec(Thing, lambda value: ("test.Thing", codecs.Written(3, raises(OSError("no")))))
    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = [b"x" * 5000, np.arange(3), Thing()]


CHANGES = {
    "a list that grows": ([Thing(), 1, 2], lambda value: value.append(3)),
    "a list that shrinks": ([Thing(), 1, 2], lambda value: value.clear()),
    "a dict that grows": ({"a": Thing(), "b": 1}, lambda value: value.update(c=1)),
    "a dict that shrinks": ({"a": Thing(), "b": 1}, lambda value: value.clear()),
    "a dict that shrinks while its key is encoded": ({Hashed(): 1, "b": 1}, lambda value: value.clear()),
    "a set that grows": ({Hashed(), 1}, lambda value: value.add(2)),
    "a set that shrinks": ({Hashed(), 1}, lambda value: value.clear()),
}


@pytest.mark.parametrize(("value", "change"), CHANGES.values(), ids=CHANGES)
def test_an_encoder_that_changes_what_it_is_in(brain, codec, value, change):
    def encode(thing):
        change(value)
        gc.collect()
        return f"test.{type(thing).__name__}", None

    codec(Thing, encode)
    codec(Hashed, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="changed") as caught:
        brain["x"] = value
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_an_encoder_that_moves_keys_of_what_it_is_in(brain, codec):
    """As many keys as before, but one of them a second time, and another not at all."""
    value = {"first": Thing(), **{str(number): number for number in range(5)}}

    def encode(thing):
        first, *others = list(value.items())
        value.clear()
        value.update([*others, first])
        return "test.Thing", None

    codec(Thing, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="a dict changed while it was put"):
        brain["x"] = value


def test_encoders_that_put_others_when_the_last_of_them_fails(brain, codec):
    """Each put says why it failed: to ask the encoders once more doubled the work with each of them."""
    asked = []

    def encode(thing):
        asked.append(thing.payload)
        if thing.payload == 0:
            raise ZeroDivisionError
        brain["x"] = Thing(thing.payload - 1)
        return "test.Thing", None

    codec(Thing, encode)
    with pytest.raises(exceptions.BrainValueTypeError, match="whose encoder failed"):
        brain["x"] = Thing(12)
    assert len(asked) < 30


def test_a_key_hashed_by_identity_in_a_tuple_that_comes_again(brain, new_path, codec):
    """One that nobody but the tuple has is no less the same object in both dicts: that is pickled."""
    codec(Thing, lambda thing: ("test.Thing", None))
    key = (Thing(),)
    with pytest.raises(exceptions.BrainPickleError):
        brain["x"] = [{key: 1}, {key: 2}]
    with Brain(path=new_path(), pickle=True) as other:
        other["x"] = [{key: 1}, {key: 2}]
        first, second = other["x"]
        assert next(iter(first)) in second


def test_an_encoder_that_replaces_what_comes_next(brain, codec):
    value = [Thing(), ["old"], {"a": ["old"]}]

    def encode(thing):
        value[1] = ["new"]
        value[2]["a"] = ["new"]
        gc.collect()
        return "test.Thing", None

    codec(Thing, encode)
    assert round_trip(brain, value)[1:] == [["new"], {"a": ["new"]}]


def test_an_encoder_that_puts_and_gets(brain, codec):
    def encode(value):
        brain["inner"] = [["inner"] * 100, brain.get("x")]
        return "test.Thing", brain["inner"]

    codec(Thing, encode)
    result = round_trip(brain, [Thing(), "x" * 64, Thing()])
    assert result[2].payload[0] == ["inner"] * 100
    assert brain["inner"][1] is None


def test_encoders_in_two_threads_at_once(brain, codec):
    both = threading.Barrier(2)

    def encode(value):
        both.wait()
        return "test.Thing", [value.payload, np.full(1000, value.payload)]

    def decode(payload, trusted):
        both.wait()
        return payload

    codec(Thing, encode, decode)
    results = [None, None]

    def run(number):
        shared = [number]
        brain[f"x{number}"] = [shared, *(Thing(number) for _ in range(20)), shared]
        results[number] = brain[f"x{number}"]

    threads = [threading.Thread(target=run, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, result in enumerate(results):
        assert result[0] is result[-1]
        assert result[0] == [number]
        assert all(payload == number and (array == number).all() for payload, array in result[1:-1])


# ---- decoders -----------------------------------------------------------------------------------


def test_a_decoder_is_told_whether_the_bytes_are_trusted(brain, trusting, codec):
    codec(Thing, None, lambda payload, trusted: trusted)
    brain["x"] = Thing()
    assert brain["x"] is False
    assert trusting["x"] is True


def test_a_name_without_a_decoder(brain, raw):
    raw.put("x", TREE, tree(f"81 d9ba07 82 {NAME} 01"))
    with pytest.raises(exceptions.BrainValueError, match="the value of 'x' .*'test.Thing'"):
        brain["x"]


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("no"), RecursionError()])
def test_a_decoder_that_raises(brain, codec, error):
    codec(Thing, None, raises(error))
    brain["x"] = [Thing()]
    for get in (lambda: brain["x"], lambda: brain.get("x"), lambda: brain.get_many(["x"])):
        with pytest.raises(exceptions.BrainValueError, match="the value of 'x' is there") as caught:
            get()
        assert caught.value.__cause__ is error


def test_a_decoder_that_says_that_it_is_corrupt(brain, codec):
    codec(Thing, None, raises(exceptions.BrainCorruptError("codes beyond the categories")))
    brain["x"] = [Thing()]
    with pytest.raises(exceptions.BrainCorruptError, match="codes beyond"):
        brain["x"]


def test_a_decoder_that_changes_a_list_that_is_not_complete(brain, codec):
    def decode(payload, trusted):
        assert list(payload[0]) == [None] * 4
        payload[0].clear()

    codec(Thing, None, decode)
    items = []
    items += [Thing([items]), 1, 2, 3]
    brain["x"] = items
    with pytest.raises(exceptions.BrainValueError):
        brain["x"]


def test_a_decoder_that_closes_the_brain(path, codec):
    with Brain(path, capacity=1_000_000, pickle=False) as brain:
        codec(Thing, None, lambda payload, trusted: brain.close())
        for value in ([Thing()], [Thing(), "x" * 1000], [Thing(), np.arange(5)]):
            with Brain(path, pickle=False) as other:
                other["x"] = value
            brain.__init__(path, pickle=False)
            assert brain["x"][0] is None
            assert brain.closed


def test_unhashable_things_as_keys(brain, raw, codec):
    codec(Hashed, None, lambda payload, trusted: [])
    brain["x"] = {Hashed(1): 1}
    with pytest.raises(exceptions.BrainCorruptError, match="has no hash"):
        brain["x"]


# ---- tables -------------------------------------------------------------------------------------


@pytest.fixture
def arrow(monkeypatch):
    def encode(value):
        if value.payload is None:
            return None
        return "arrow", (b"meta", pickle.PickleBuffer(value.payload))

    monkeypatch.setitem(codecs.top_encoders, Thing, encode)
    monkeypatch.setitem(codecs.encoders, Thing, lambda value: ("test.Thing", value.payload))
    monkeypatch.setitem(codecs.decoders, "test.Thing", lambda payload, trusted: Thing(payload))
    monkeypatch.setitem(codecs.decoders, "pyarrow.stream", lambda payload, trusted: (*payload, trusted))


def test_a_table_is_of_a_kind_of_its_own(brain, raw, arrow):
    brain["x"] = Thing(b"stream" * 100)
    assert raw.get("x") == (ARROW, b"stream" * 100)
    for result in (brain["x"], brain.get_many(["x"])["x"]):
        meta, view, trusted = result
        assert (meta, bytes(view), trusted) == (b"meta", b"stream" * 100, False)
    brain["x"] = 1
    assert bytes(view) == b"stream" * 100


def test_a_table_within_a_value_or_that_the_encoder_declines(brain, raw, arrow):
    brain["x"] = [Thing(b"stream")]
    assert raw.get("x")[0] == TREE
    brain["x"] = Thing(None)
    assert raw.get("x")[0] == TREE


@pytest.mark.parametrize(
    "payload", [5, (), (b"meta",), ("meta", pickle.PickleBuffer(b"")), (b"meta", b"stream")]
)
def test_a_table_of_nonsense(brain, monkeypatch, payload):
    monkeypatch.setitem(codecs.top_encoders, Thing, lambda value: ("arrow", payload))
    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = Thing()


@pytest.mark.parametrize("name", ["", "arrow2", "arro", "test.Thing", "tree"])
def test_a_table_of_another_name(brain, monkeypatch, name):
    payload = b"meta", pickle.PickleBuffer(b"stream")
    monkeypatch.setitem(codecs.top_encoders, Thing, lambda value: (name, payload))
    with pytest.raises(exceptions.BrainValueTypeError, match=f"the name '{name}'.*has to be 'arrow'"):
        brain["x"] = Thing()
    assert "x" not in brain


def test_a_table_whose_decoder_raises(brain, raw, arrow, monkeypatch):
    raw.put("x", ARROW, b"nonsense")
    monkeypatch.setitem(codecs.decoders, "pyarrow.stream", raises(KeyError("x")))
    with pytest.raises(exceptions.BrainValueError, match="the value of 'x' is there"):
        brain["x"]


# ---- memory -------------------------------------------------------------------------------------


def test_long_text_does_not_keep_a_second_copy(brain):
    text = "é" * 100_000
    before = sys.getsizeof(text)
    brain["x"] = text
    brain["y"] = [text]
    assert sys.getsizeof(text) == before
    assert brain["x"] == brain["y"][0] == text


def test_a_value_without_buffers_keeps_no_pin(brain):
    kept = round_trip(brain, [list(range(1000)), b"x" * 100])
    used = brain.used()
    for number in range(200):
        brain["x"] = [list(range(1000)), number]
        kept.append(brain["x"])
    assert brain.used() <= used + 4096


def test_nothing_is_leaked(brain, codec):
    codec(Thing)
    codec(Hashed)
    item, key = ["x" * 70], ("a", 1)
    objects = [item, key, item[0]]
    value = [item, item, {key: 1}, {key}, Thing([np.arange(3), pickle.PickleBuffer(b"x" * 100)])]
    bad = [*value, object()]
    before = [sys.getrefcount(item) for item in objects]
    for _ in range(10):
        brain["x"] = value
        assert brain["x"][0][0] == item[0]
        with pytest.raises(exceptions.BrainPickleError):
            brain["x"] = bad
    assert [sys.getrefcount(item) for item in objects] == before
