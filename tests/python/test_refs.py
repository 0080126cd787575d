"""References: brain.ref() and what comes of it in another process."""

import concurrent.futures
import gc
import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest

from brain_plasma import (
    Brain,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainReferenceError,
    BrainValueError,
    BrainValueTypeError,
)


def total(ref):
    return float(ref.value.sum())


def test_a_ref_has_the_value(brain):
    brain["x"] = np.arange(1000.0)
    ref = brain.ref("x")
    assert np.array_equal(ref.value, np.arange(1000.0))
    assert ref.name == "x" and ref.version == brain.version("x")
    assert "'x'" in repr(ref) and brain.path in repr(ref)


@pytest.mark.parametrize("value", [5, "text", b"bytes", None, {"a": [1, np.arange(10)]}])
def test_any_value_can_be_referred_to(brain, value):
    brain["x"] = value
    again = pickle.loads(pickle.dumps(brain.ref("x")))
    assert repr(again.value) == repr(value)


def test_a_ref_pickles_without_the_bytes(brain):
    brain["x"] = np.zeros(1_000_000)
    ref = brain.ref("x")
    stream = pickle.dumps(ref)
    assert len(stream) < 1000
    again = pickle.loads(stream)
    assert again == ref and hash(again) == hash(ref)
    assert again.value.ctypes.data == ref.value.ctypes.data


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_goes_to_the_workers_of_a_pool(brain, method):
    brain["x"] = np.ones(100_000)
    refs = [brain.ref("x")] * 8
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        assert list(pool.map(total, refs)) == [100_000.0] * 8


def test_the_version_stays_as_long_as_the_ref(brain):
    brain["x"] = {"a": np.ones(100_000), "b": 5}
    ref = brain.ref("x")
    brain["x"] = np.zeros(100_000)
    assert ref.value["a"].all()
    del brain["x"]
    for _ in range(10):
        brain["y"] = {"a": np.zeros(100_000)}
        assert ref.value["a"].all()
    first, second = ref.value, ref.value
    del ref
    brain["y"] = 5
    brain.trim()
    assert first["a"].all() and second["a"].all()
    del first
    assert second["a"].all()


@pytest.mark.parametrize("kept", [True, False])
def test_what_was_replaced_before_it_came_is_gone(brain, kept):
    brain["x"] = np.ones(100_000)
    ref = brain.ref("x")
    stream = pickle.dumps(ref)
    if not kept:
        del ref
    brain["x"] = np.zeros(100_000)
    gc.collect()
    came = pickle.loads(stream)  # does not raise: a pool would wait for a worker that ended
    with pytest.raises(BrainReferenceError, match="'x'.*another value"):
        came.value  # noqa: B018


def test_one_that_came_keeps_the_value(brain):
    brain["x"] = np.ones(100_000)
    ref = brain.ref("x")
    came = pickle.loads(pickle.dumps(ref))
    del ref, brain["x"]
    assert came.value.all()


def test_an_array_can_be_referred_to_without_its_name(brain):
    brain["x"] = np.arange(12.0).reshape(3, 4)
    array = brain["x"]
    assert np.array_equal(pickle.loads(pickle.dumps(brain.ref(array))).value, array)


def test_only_a_whole_array_can(brain, new_path):
    brain["x"] = np.arange(12.0).reshape(3, 4)
    brain["parts"] = {"a": np.arange(12.0)}
    array = brain["x"]
    for part in (array[1:], array.T, array.view("i8"), brain["parts"]["a"]):
        with pytest.raises(BrainValueError, match="give the name"):
            brain.ref(part)
    with Brain(path=new_path()) as other, pytest.raises(BrainValueError, match="another store"):
        other.ref(array)
        other.destroy()


def test_wrong_arguments(brain):
    with pytest.raises(BrainNameNotExistError):
        brain.ref("missing")
    with pytest.raises(BrainNameNotExistError):
        brain.ref("missing", namespace="elsewhere")
    for wrong in (5, None, np.arange(5), b"x", [1]):
        with pytest.raises((BrainValueTypeError, BrainNameTypeError)):
            brain.ref(wrong)


def test_in_a_namespace(brain):
    brain.learn("x", 7, namespace="elsewhere")
    assert pickle.loads(pickle.dumps(brain.ref("x", namespace="elsewhere"))).value == 7


def test_in_a_process_that_has_not_the_store_open(brain):
    brain["x"] = np.arange(10)
    ref = brain.ref("x")
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).value.sum())"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(ref), capture_output=True, check=True
    )
    assert done.stdout == b"45\n"


def test_it_outlives_its_brain(path):
    with Brain(path=path) as brain:
        brain["x"] = np.ones(10)
        stream, ref = pickle.dumps(brain.ref("x")), brain.ref("x")
    came = pickle.loads(stream)
    assert came.value.all()
    del came, ref


def test_a_pool_is_told_of_a_value_that_was_gone(brain):
    brain["x"] = np.ones(1000)
    ref = brain.ref("x")
    brain["x"] = 5
    with multiprocessing.get_context("fork").Pool(1) as pool, pytest.raises(BrainReferenceError):
        pool.map(total, [ref])
