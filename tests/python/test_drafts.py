"""Values that are written in place: empty(), zeros(), empty_like(), empty_bytes()."""

import gc
import os
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest
from children import in_child

from brain_plasma import codecs
from brain_plasma import (
    Brain,
    BrainClosedError,
    BrainForkedError,
    BrainFullError,
    BrainNameTypeError,
    BrainQuotaError,
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


def test_what_never_fits_the_quota_is_refused_at_once(brain):
    brain.set_quota(1_000_000, "elsewhere")
    there = {"namespace": "elsewhere"}
    for begin in (
        lambda: brain.empty("x", (2_000_000,), "u1", **there),
        lambda: brain.zeros("x", (1000, 126), "f8", **there),
        lambda: brain.empty_like("x", np.ones(125_001), **there),
        lambda: brain.empty_bytes("x", 1_000_001, **there),
    ):
        with pytest.raises(BrainQuotaError, match="elsewhere has a quota of 1000000 bytes, and the value of 'x'"):
            begin()
    assert brain.stat()["private_bytes"] == 0
    with brain.empty("x", 1_000_000, "u1", **there):
        pass
    with brain.empty("x", 2_000_000, "u1"):  # another namespace
        pass
    with pytest.raises(BrainValueError, match="shape"):
        brain.empty("x", (-2, -1_000_000), "u1", **there)
    # With what is there already it may come to more: others may go before the seal.
    draft = brain.empty("y", 10, "u1", **there)
    with pytest.raises(BrainQuotaError):
        draft.seal()


def test_empty_like_what_is_no_array(brain):
    pandas = pytest.importorskip("pandas")
    for prototype in ([1, 2], pandas.DataFrame({"a": [1]}), pandas.Series([1]), None, 5):
        with pytest.raises(BrainValueTypeError, match="takes an array of NumPy, not .*: give shape and type"):
            brain.empty_like("x", prototype)
    with brain.empty_like("x", np.float32(5)) as x:
        assert x.shape == () and x.dtype == "f4"


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
    array = draft.value
    array[:] = 1
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            assert not array.any()
            array[:] = 2
            try:
                draft.seal()
            except BrainForkedError:
                status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    draft.seal()
    assert (brain["x"] == 1).all()


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_child_is_told_that_what_it_writes_reaches_nobody(brain, size):
    drafts = [brain.zeros("x", size), brain.empty_bytes("y", size)]

    def write():
        for draft in drafts:
            with pytest.raises(BrainForkedError, match=f"the value of '{draft.name}' belongs to the process that"):
                draft.value[0] = 1
            with pytest.raises(BrainForkedError), draft:
                pass
        mine = brain.zeros("z", size)
        mine.value[:] = 7
        mine.seal()

    in_child(write)
    for draft in drafts:
        draft.value[0] = 2
        draft.seal()
    assert brain["x"][0] == brain["y"][0] == 2 and brain["z"][0] == 7


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_child_has_what_was_sealed_before_the_fork(brain, size):
    draft = brain.zeros("x", size)
    draft.value[:] = 5
    draft.seal()

    def look():
        assert (draft.value == 5).all()
        draft.value[:] = 6

    in_child(look)
    assert (draft.value == 5).all() and (brain["x"] == 5).all()


def test_a_draft_does_not_go_to_another_process(brain):
    draft = brain.zeros("x", 5)
    with pytest.raises(BrainValueTypeError, match="of 'x', stays with the process that began it"):
        pickle.dumps(draft)
    with pytest.raises(BrainValueTypeError, match="stays with the process"):
        brain["y"] = {"draft": draft}
    draft.seal()


def test_another_array_is_no_value_of_a_draft(brain):
    draft = brain.zeros("x", 5)
    draft.value += 3
    with pytest.raises(BrainValueError, match="write into it"):
        draft.value = np.ones(5)
    draft.seal()
    assert (brain["x"] == 3).all()


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


# ---- values whose encoders write in place -------------------------------------------------------


class Large:
    """A value whose bytes come into being where they will lie."""

    def __init__(self, size, fill=b"a", then=None):
        self.size, self.fill, self.then = size, fill, then


@pytest.fixture
def written(monkeypatch):
    calls = []

    def encode(value):
        def write(view):
            calls.append(view.nbytes)
            assert not view.readonly
            view[:] = value.fill * view.nbytes
            if value.then is not None:
                value.then(view)

        return "test.Large", {"size": value.size, "bytes": codecs.Written(value.size, write)}

    monkeypatch.setitem(codecs.encoders, Large, encode)
    monkeypatch.setitem(codecs.decoders, "test.Large", lambda payload, trusted: bytes(payload["bytes"]))
    return calls


@pytest.mark.parametrize("size", [0, 10, 65535, 65536, 1_000_001])
def test_a_value_is_written_in_place(brain, written, size):
    brain["x"] = Large(size)
    assert brain["x"] == b"a" * size
    brain["x"] = [Large(size, b"b"), np.arange(1000), Large(5, b"c"), Large(size, b"d")]
    first, array, second, third = brain["x"]
    assert (first, second, third) == (b"b" * size, b"c" * 5, b"d" * size)
    assert np.array_equal(array, np.arange(1000))


def test_all_ways_of_putting(brain, written):
    brain.set_many({"a": Large(100_000), "b": 5})
    brain.learn("c", Large(100_000, b"c"), "described", namespace="elsewhere")
    brain.setdefault("d", Large(100_000, b"d"))
    assert brain["d"] == b"d" * 100_000
    version = brain.replace_if("e", Large(100_000, b"e"), 0)
    assert brain.version("e") == version
    assert brain.replace_if("e", Large(100_000), 0) is None
    brain.update(f=Large(100_000, b"f"))
    assert brain["a"] == b"a" * 100_000 and brain["f"] == b"f" * 100_000
    assert brain.get("c", namespace="elsewhere") == b"c" * 100_000
    assert brain.metadata("c", namespace="elsewhere")["description"] == "described"


def test_gaps_are_zeros(brain, written):
    brain["y"] = np.full(300_000, 255, "u1")  # its memory is what comes next
    del brain["y"]
    brain["x"] = Large(100_001)
    data = bytes(brain._pin("x", None)[2])
    offset = int.from_bytes(data[16:24], "little")
    end = 16 + 16 + int.from_bytes(data[8:16], "little")
    assert data[end:offset] == bytes(offset - end)


def test_a_writer_that_raises_leaves_nothing(brain, written):
    brain["x"] = "old"

    def fail(view):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        brain["x"] = Large(1_000_000, then=fail)
    gc.collect()
    assert brain["x"] == "old" and brain.stat()["private_bytes"] == 0


def test_a_writer_may_keep_what_it_wrote_into(brain, written):
    kept = []
    brain["x"] = Large(100_000, then=lambda view: kept.append(view[5:]))
    for size in (100_000, 200_000):
        brain["y"] = Large(size)
    kept[0][:] = b"z" * len(kept[0])
    assert brain["x"] == b"a" * 100_000 and brain["y"] == b"a" * 200_000
    kept.clear()
    gc.collect()
    assert brain.stat()["private_bytes"] == 0 and brain.check() == []


def test_a_writer_may_keep_the_object_behind_what_it_wrote_into(brain, written):
    kept = []
    brain["x"] = Large(100_000, then=lambda view: kept.append(view.obj))
    with pytest.raises(BufferError):
        memoryview(kept[0])
    assert brain["x"] == b"a" * 100_000
    kept.clear()
    assert brain.stat()["private_bytes"] == 0 and brain.check() == []


def test_many_in_one_value_are_each_in_their_place(brain, written):
    value = [Large(65_536 * (number % 3), bytes([number])) for number in range(200)]
    brain["x"] = value
    assert brain["x"] == [one.fill * one.size for one in value]


def test_a_writer_that_closes_the_brain(path, written):
    brain = Brain(path=path)
    with pytest.raises(BrainClosedError):
        brain["x"] = Large(100_000, then=lambda view: brain.close())
    with Brain(path=path) as again:
        assert "x" not in again


def test_a_value_too_large_for_the_store(brain, written):
    with pytest.raises(BrainFullError):
        brain["x"] = Large(brain.size() + 1)
    assert written == []


PEAK = """
import sys, tracemalloc
import numpy as np
import pyarrow as pa
from brain_plasma import Brain

def anonymous():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))

brain = Brain(path=sys.argv[1], capacity=400_000_000)
n = 10_000_000
if sys.argv[2] == "table":
    value = pa.table({"a": np.ones(n), "b": np.arange(n)})
else:
    value = {"a": np.ones(n), "b": [pa.table({"b": np.arange(n)})]}
brain["warm"] = pa.table({"a": [1]})
before, pool = anonymous(), pa.default_memory_pool()
highest = pool.max_memory()
tracemalloc.start()
brain["x"] = value
peak = tracemalloc.get_traced_memory()[1]
print(peak, anonymous() - before, pool.max_memory() - highest)
"""


@pytest.mark.parametrize("what", ["table", "nested"])
def test_a_put_takes_no_second_copy(path, what):
    """160 MB that are put: what is allocated meanwhile, and what is left of it."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, path, what], capture_output=True, text=True, check=True
    )
    peak, grown, in_pool = map(int, done.stdout.split())
    assert peak < 2_000_000 and in_pool < 2_000_000
    assert grown < 10_000_000
    Brain(path=path).destroy()
