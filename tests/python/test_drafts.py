"""Values that are written in place: empty(), zeros(), empty_like(), empty_bytes()."""

import gc
import os
import signal

import numpy as np
import pytest

from brain_plasma import (
    Brain,
    BrainClosedError,
    BrainForkedError,
    BrainFullError,
    BrainNameTypeError,
    BrainValueError,
    BrainValueTypeError,
)


def other(path):
    return Brain(path=path)


def test_what_is_written_in_the_block_is_there_afterwards(brain, path):
    with brain.empty("x", (1000, 3), "f4") as x:
        assert x.shape == (1000, 3) and x.dtype == np.float32 and x.flags.c_contiguous
        x[...] = np.arange(3000).reshape(1000, 3)
        assert "x" not in brain
    assert np.array_equal(other(path)["x"], np.arange(3000, dtype="f4").reshape(1000, 3))
    assert not brain["x"].flags.writeable


@pytest.mark.parametrize("shape", [(), (0,), (5,), 7, (3, 4), [2, 3, 4], (0, 5), np.int64(3)])
@pytest.mark.parametrize("dtype", ["f8", "u1", "M8[ns]", "U5", "?", [("a", "i4"), ("b", "f8")]])
@pytest.mark.parametrize("order", ["C", "F"])
def test_shapes_types_and_orders(brain, shape, dtype, order):
    with brain.zeros("x", shape, dtype, order=order) as x:
        pass
    like = np.zeros(shape, dtype, order=order)
    found = brain["x"]
    assert found.shape == like.shape and found.dtype == like.dtype
    assert found.flags.f_contiguous == like.flags.f_contiguous == x.flags.f_contiguous
    assert np.array_equal(found, like)


def test_empty_like_takes_shape_type_and_order(brain):
    prototype = np.asfortranarray(np.ones((4, 5), ">i2"))
    with brain.empty_like("x", prototype) as x:
        x[...] = prototype
    found = brain["x"]
    assert found.dtype == prototype.dtype and found.flags.f_contiguous
    assert np.array_equal(found, prototype)


@pytest.mark.parametrize("size", [0, 1, 1984, 1985, 100_000])
def test_bytes(brain, size):
    with brain.empty_bytes("x", size) as x:
        assert isinstance(x, memoryview) and len(x) == size
        x[:] = b"a" * size
    assert brain["x"] == b"a" * size


@pytest.mark.parametrize("size", [10, 100_000])
def test_what_is_written_after_the_seal_stays_in_the_process(brain, size):
    draft = brain.zeros("x", size)
    draft.seal()
    draft.value[:] = 5
    assert not brain["x"].any()
    assert (draft.value == 5).all()


def test_a_block_that_raises_gives_it_up(brain):
    brain["x"] = "old"
    with pytest.raises(ZeroDivisionError), brain.empty("x", 100_000) as x:
        x[:] = 1
        1 / 0
    assert brain["x"] == "old"
    del x
    gc.collect()
    assert brain.stat()["private_bytes"] == 0


def test_the_old_value_is_there_until_the_seal(brain):
    brain["x"] = "old"
    draft = brain.zeros("x", 100_000)
    assert brain["x"] == "old"
    version = draft.seal()
    assert version == brain.version("x") and len(brain["x"]) == 100_000


def test_description_and_namespace(brain):
    with brain.zeros("x", 3, description="three", namespace="elsewhere"):
        pass
    assert "x" not in brain
    assert brain.metadata("x", namespace="elsewhere")["description"] == "three"


def test_it_is_sealed_once(brain):
    draft = brain.zeros("x", 3)
    draft.seal()
    with pytest.raises(BrainValueError, match="is sealed"):
        draft.seal()
    other = brain.zeros("x", 3)
    other.abandon()
    with pytest.raises(BrainValueError, match="given up"):
        other.seal()


def test_one_that_is_sealed_in_its_block_is_not_sealed_again(brain):
    draft = brain.zeros("x", 3)
    with draft:
        version = draft.seal()
    assert brain.version("x") == version


def test_memory_that_nobody_sealed_goes_back(brain):
    free = brain.free()
    draft = brain.empty("x", 1_000_000)
    array = draft.value[10:]
    draft.abandon()
    del draft
    gc.collect()
    array[:] = 1  # still memory
    del array
    gc.collect()
    assert brain.free() == free
    assert brain.stat()["private_bytes"] == 0


def test_wrong_arguments(brain):
    with pytest.raises(BrainNameTypeError):
        brain.empty(5, 3)
    with pytest.raises(BrainValueTypeError, match="objects|plain bytes"):
        brain.empty("x", 3, object)
    with pytest.raises(BrainValueError, match="shape"):
        brain.empty("x", (-1,))
    with pytest.raises(BrainValueError, match="shape"):
        brain.empty("x", (2**40, 2**40))
    with pytest.raises(BrainValueError, match="order"):
        brain.empty("x", 3, order="K")
    with pytest.raises(BrainValueError, match="bytes"):
        brain.empty_bytes("x", -1)
    with pytest.raises(TypeError):
        brain.empty("x", "five")
    assert brain.names() == []


def test_a_full_store_says_so(brain):
    with pytest.raises(BrainFullError):
        brain.empty_bytes("x", brain.size() + 1)


def test_a_brain_that_was_closed_or_opened_anew_cannot_seal(path):
    brain = Brain(path=path)
    draft = brain.zeros("x", 100_000)
    brain.sleep()
    brain.wake_up()
    with pytest.raises(BrainClosedError, match="anew"):
        draft.seal()
    draft.abandon()
    late = brain.zeros("x", 100_000)
    brain.close()
    with pytest.raises(BrainClosedError):
        late.seal()
    assert (late.value == 0).all()


def test_a_child_cannot_seal_and_has_memory_of_its_own(brain):
    draft = brain.zeros("x", 100_000)
    draft.value[:] = 1
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            draft.value[:] = 2
            try:
                draft.seal()
            except BrainForkedError:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    draft.seal()
    assert (brain["x"] == 1).all()


def test_what_the_dead_were_writing_is_freed(brain, path):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            mine = Brain(path=path)
            draft = mine.zeros("x", 100_000)
            os.write(write, b"x")
            signal.pause()
            draft.seal()
        finally:
            os._exit(1)
    os.read(read, 1)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(read)
    os.close(write)
    with Brain(path=path) as late:  # who attaches reaps the dead
        late["y"] = 1
    brain.trim()
    assert "x" not in brain and brain.stat()["private_bytes"] == 0
    assert brain.check() == []
