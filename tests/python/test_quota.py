"""What a namespace may hold: whoever puts into it, and however, does not pass its quota."""

import subprocess
import sys

import numpy as np
import pytest
from brain_plasma import (
    Brain,
    BrainFullError,
    BrainLearnQuotaError,
    BrainNamespaceNameError,
    BrainPermissionError,
    BrainQuotaError,
    BrainUpdateQuotaError,
    BrainValueError,
    plasma,
)

QUOTA = 1000


def large(n_bytes):
    return np.zeros(n_bytes, "u1")


@pytest.fixture
def limited(brain):
    brain.set_quota(QUOTA)
    return brain


# ---- setting and asking -------------------------------------------------------------------------


def test_a_namespace_has_no_quota_until_it_is_given_one(brain):
    assert brain.quota() is None
    assert brain.set_quota(QUOTA) is None
    assert brain.quota() == QUOTA
    assert brain.quota("default") == QUOTA
    assert brain.quota(namespace="default") == QUOTA
    brain.set_quota(None)
    assert brain.quota() is None
    brain["x"] = bytes(2 * QUOTA)


def test_a_quota_is_of_one_namespace_and_for_everybody(limited):
    with Brain(limited.path) as other:
        assert other.quota() == QUOTA
        with pytest.raises(BrainQuotaError):
            other["x"] = bytes(QUOTA + 1)
    limited.learn("x", bytes(QUOTA + 1), namespace="another")
    assert limited.quota("another") is None


def test_a_namespace_that_does_not_exist_is_made_for_its_quota(brain):
    assert brain.quota("sessions") is None
    brain.set_quota(None, "sessions")
    assert "sessions" not in brain.namespaces()
    brain.set_quota(QUOTA, namespace="sessions")
    assert "sessions" in brain.namespaces()
    assert brain.quota("sessions") == QUOTA
    with pytest.raises(BrainLearnQuotaError, match="sessions"):
        brain.learn("x", bytes(QUOTA + 1), namespace="sessions")


def test_a_removed_namespace_forgets_its_quota(brain):
    brain.set_quota(QUOTA, "sessions")
    brain.remove_namespace("sessions")
    assert brain.quota("sessions") is None
    brain.learn("x", bytes(QUOTA + 1), namespace="sessions")
    assert brain.quota("sessions") is None


def test_to_clear_leaves_the_quota(limited):
    limited["x"] = bytes(QUOTA)
    limited.clear()
    assert limited.quota() == QUOTA
    with pytest.raises(BrainQuotaError):
        limited["x"] = bytes(QUOTA + 1)


@pytest.mark.parametrize("wrong", [0, -1, 2**64, 1.5, "1000", [], True + 0.0])
def test_what_is_no_quota(brain, wrong):
    with pytest.raises(BrainValueError, match="number of bytes"):
        brain.set_quota(wrong)
    assert brain.quota() is None


def test_the_largest(brain):
    brain.set_quota(2**64 - 1)
    assert brain.quota() == 2**64 - 1
    brain["x"] = bytes(QUOTA)


def test_what_is_no_namespace(brain):
    with pytest.raises(BrainNamespaceNameError):
        brain.set_quota(QUOTA, "four")
    assert brain.namespaces() == {"default"}


def test_whoever_may_only_read_may_look(limited):
    with Brain(limited.path, read_only=True) as reader:
        assert reader.quota() == QUOTA
        with pytest.raises(BrainPermissionError):
            reader.set_quota(QUOTA + 1)
    assert limited.quota() == QUOTA


# ---- what it refuses ----------------------------------------------------------------------------

PUTS = {
    "brackets": lambda brain, value: brain.__setitem__("x", value),
    "learn": lambda brain, value: brain.learn("x", value, "what"),
    "set_many": lambda brain, value: brain.set_many({"other": b"", "x": value}),
    "update": lambda brain, value: brain.update({"x": value}),
    "replace_if": lambda brain, value: brain.replace_if("x", value, brain.version("x")),
}


@pytest.mark.parametrize("put", PUTS)
def test_a_put_beyond_it_is_an_error_that_says_what_to_do(limited, put):
    with pytest.raises(BrainLearnQuotaError, match="default.*quota of 1000 bytes.*Delete.*larger quota") as caught:
        PUTS[put](limited, bytes(QUOTA + 1))
    assert isinstance(caught.value, BrainFullError)
    assert limited.used() == 0
    PUTS[put](limited, bytes(QUOTA))
    with pytest.raises(BrainUpdateQuotaError, match="holds 1000"):
        PUTS[put](limited, bytes(QUOTA + 1))
    assert limited.used() == QUOTA
    assert limited["x"] == bytes(QUOTA)
    PUTS[put](limited, bytes(QUOTA - 1))
    assert limited.check() == []


def test_setdefault_and_drafts_are_refused_too(limited):
    with pytest.raises(BrainQuotaError):
        limited.setdefault("x", bytes(QUOTA + 1))
    with pytest.raises(BrainQuotaError):
        limited.empty("x", QUOTA + 1, "u1")
    draft = limited.empty("x", QUOTA, "u1")
    limited["y"] = b"1"
    with pytest.raises(BrainQuotaError):
        draft.seal()
    assert list(limited) == ["y"]
    limited.set_quota(QUOTA + 1)
    draft.seal()
    assert limited.used() == QUOTA + 1


def test_a_batch_says_how_much_it_is(limited):
    with pytest.raises(BrainQuotaError, match="^2 values of 1200 bytes in all are to be put .* quota of 1000"):
        limited.set_many({"x": bytes(600), "y": bytes(600)})


def test_a_draft_may_replace_what_is_more_than_the_quota(brain):
    brain["x"] = bytes(10_000)
    brain.set_quota(QUOTA)
    with brain.empty_bytes("x", 9_000) as x:
        x[:] = b"a" * 9_000
    assert brain["x"] == b"a" * 9_000
    with pytest.raises(BrainQuotaError):
        brain.empty_bytes("x", 9_001)


def test_below_what_is_there_nothing_goes_and_growth_is_refused(brain):
    brain["x"] = bytes(QUOTA)
    brain["y"] = large(100_000)
    brain.set_quota(10)
    assert len(brain) == 2
    with pytest.raises(BrainQuotaError):
        brain["z"] = b"1"
    brain["y"] = large(90_000)
    brain["x"] = bytes(QUOTA)
    brain["z"] = b""
    del brain["y"]
    with pytest.raises(BrainQuotaError):
        brain["x"] = bytes(QUOTA + 1)


def test_the_quota_refuses_also_what_has_a_place_that_is_known(limited):
    """A name that is put again and again takes the shortest way."""
    for number in range(2000):
        limited["x"] = b"x" * (number % 200)
    limited["y"] = bytes(QUOTA - 200)
    for number in range(300):
        if number > 200:
            with pytest.raises(BrainUpdateQuotaError):
                limited["x"] = b"x" * number
        else:
            limited["x"] = b"x" * number
    assert limited.used() == QUOTA


def test_plasma_objects_stay_where_room_is_of_no_use(path):
    with Brain(path, capacity=1_000_000) as brain:
        client = plasma.connect(path)
        ids = [client.put_raw_buffer(bytes(100_000)) for _ in range(9)]
        brain.set_quota(QUOTA)
        for value in (large(50_000), large(500_000), bytes(QUOTA + 1)):
            with pytest.raises(BrainQuotaError):
                brain["x"] = value
            with pytest.raises(BrainQuotaError):
                brain.set_many({"x": value})
        assert all(client.contains(id) for id in ids)
        client.disconnect()


WRITER = """
import random, sys
from brain_plasma import Brain, BrainQuotaError
brain = Brain(sys.argv[1])
refused = 0
for number in range(3000):
    try:
        brain[f"{random.randrange(20)}"] = b"x" * random.randrange(200)
    except BrainQuotaError:
        refused += 1
    assert brain.used() <= 1000, brain.used()
assert refused
"""


def test_two_who_write_do_not_pass_it(limited):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, limited.path]) for _ in range(2)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert limited.used() <= QUOTA
    assert limited.check() == []


def test_a_dump_has_no_quotas(limited, tmp_path, new_path):
    limited["x"] = bytes(QUOTA)
    limited.dump(path=tmp_path / "dump")
    with Brain(new_path()) as other:
        other.load(path=tmp_path / "dump")
        assert other["x"] == bytes(QUOTA)
        assert other.quota() is None


def test_what_is_loaded_is_held_against_it_too(limited, tmp_path, new_path):
    limited["x"] = bytes(QUOTA)
    limited.dump(path=tmp_path / "dump")
    with Brain(new_path()) as other:
        other.set_quota(QUOTA - 1)
        with pytest.raises(BrainQuotaError, match="quota of 999 bytes"):
            other.load(path=tmp_path / "dump")
        assert other.used() == 0
        other.set_quota(QUOTA)
        other.load(path=tmp_path / "dump")
        assert other["x"] == bytes(QUOTA)
