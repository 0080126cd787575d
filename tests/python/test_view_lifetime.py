"""What was recalled stays as it is for as long as it is used, and no longer."""

import gc
import os
import weakref

import numpy as np
import pytest
from brain_plasma import Brain, exceptions

N = 100_000


def put_and_recall(brain):
    brain["x"] = np.arange(N)
    return brain["x"]


def put_other_values(brain):
    """Enough of them to reuse whatever is free."""
    for n in range(20):
        brain[f"other {n}"] = np.full(N, -1)


def test_after_the_name_is_replaced(brain):
    recalled = put_and_recall(brain)
    brain["x"] = np.zeros(N)
    put_other_values(brain)
    assert np.array_equal(recalled, np.arange(N))


def test_after_the_name_is_deleted(brain):
    recalled = put_and_recall(brain)
    del brain["x"]
    put_other_values(brain)
    brain.trim()
    assert np.array_equal(recalled, np.arange(N))


def test_after_the_namespace_is_removed(brain):
    brain.set_namespace("another")
    recalled = put_and_recall(brain)
    brain.remove_namespace()
    put_other_values(brain)
    assert np.array_equal(recalled, np.arange(N))


def test_after_the_brain_is_closed(path):
    with Brain(path) as brain:
        recalled = put_and_recall(brain)
    with Brain(path) as other:
        del other["x"]
        put_other_values(other)
    assert np.array_equal(recalled, np.arange(N))
    with pytest.raises(exceptions.BrainClosedError):
        brain["x"]


def test_after_the_brain_is_collected(path):
    brain = Brain(path)
    recalled = put_and_recall(brain)
    gone = weakref.ref(brain)
    del brain
    gc.collect()
    assert gone() is None
    assert np.array_equal(recalled, np.arange(N))


def test_after_the_store_is_destroyed(path):
    brain = Brain(path)
    recalled = put_and_recall(brain)
    brain.destroy()
    with Brain(path) as successor:
        put_other_values(successor)
        assert np.array_equal(recalled, np.arange(N))


def test_values_inside_of_others_hold_the_whole(brain):
    brain["x"] = {"a": np.arange(N), "b": [np.arange(N) * 2]}
    part = brain["x"]["b"][0]
    del brain["x"]
    put_other_values(brain)
    gc.collect()
    assert np.array_equal(part, np.arange(N) * 2)


def test_what_is_made_of_an_array_holds_it(brain):
    recalled = put_and_recall(brain)
    slices = [recalled[10:20], recalled.reshape(100, -1)[5], memoryview(recalled)[30:40]]
    del recalled
    del brain["x"]
    put_other_values(brain)
    assert [list(part[:3]) for part in slices] == [[10, 11, 12], [5000, 5001, 5002], [30, 31, 32]]


def test_small_arrays_too(brain):
    brain["x"] = np.arange(3)
    recalled = brain["x"]
    for n in range(1000):
        brain["x"] = np.full(3, n)
    assert recalled.tolist() == [0, 1, 2]


# ---- and no longer ------------------------------------------------------------------------------


def pins(brain):
    gc.collect()
    return brain.stat()["n_pins"]


def test_a_pin_goes_with_the_last_user(brain):
    recalled = put_and_recall(brain)
    part = recalled[5:]
    assert pins(brain) == 1
    del recalled
    assert pins(brain) == 1
    del part
    assert pins(brain) == 0


def test_plain_values_leave_no_pin(brain):
    for value in (None, 1, 2**100, 1.5, "x" * 100_000, b"x" * 100_000, [1, 2]):
        brain["x"] = value
        brain["x"], brain.get("x"), brain.get_many(["x"])
        assert pins(brain) == 0


def test_failures_leave_no_pin(path):
    with Brain(path) as brain:
        brain.update(a=ValueError("can only be pickled"), b=np.arange(3), c=1)
    with Brain(path, pickle=False) as brain:
        for use in (lambda: brain["a"], lambda: brain.get_many(["b", "a", "b", "c"])):
            with pytest.raises(exceptions.BrainPickleError):
                use()
            assert pins(brain) == 0


def test_memory_of_a_replaced_value_comes_back(brain):
    recalled = put_and_recall(brain)
    size = recalled.nbytes
    del brain["x"]
    assert brain.used() == 0
    assert brain.stat()["limbo_bytes"] == size
    del recalled
    assert brain.stat()["limbo_bytes"] == 0


def test_a_hundred_thousand_views(brain):
    brain["x"] = np.arange(10)
    recalled = [brain["x"] for _ in range(100_000)]
    assert pins(brain) == 100_000
    del brain["x"]
    assert recalled[0].sum() == recalled[-1].sum() == 45
    recalled.clear()
    assert pins(brain) == 0
    assert brain.check() == []


def test_the_mapping_goes_with_the_last_view(path):
    def mapped():
        with open("/proc/self/maps") as maps:
            return directory in maps.read()

    brain = Brain(path)
    directory = brain.directory
    recalled = put_and_recall(brain)
    brain.close()
    assert mapped()
    del recalled
    gc.collect()
    assert not mapped()


# ---- strays -------------------------------------------------------------------------------------

STRAY = """
import ctypes
from brain_plasma import Brain
array = Brain(path)['x']
print('there', flush=True)
ctypes.memset(array.ctypes.data, 255, array.nbytes)
print('written', flush=True)
"""


def test_a_stray_write_hits_only_who_makes_it(brain, other):
    recalled = put_and_recall(brain)
    stray = other(STRAY)
    assert stray.line() == "there"
    assert stray.process.stdout.readline() == ""
    assert stray.process.wait() == -11  # SIGSEGV
    assert np.array_equal(recalled, np.arange(N))
    assert brain.check() == []
    assert os.getpid() != stray.pid
