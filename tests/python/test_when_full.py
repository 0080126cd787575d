"""Brain(when_full=...): what a put does that finds the store full."""

import multiprocessing
import os
import pickle
import signal
import threading

import numpy
import pytest
from children import Child

from brain_plasma import Brain, BrainFullError, BrainQuotaError, BrainUnsupportedError, BrainValueError
from brain_plasma.mock import MockPlasmaClient

SIZE = 100_000
MEGABYTE = 1_000_000


def array(number):
    return numpy.full(SIZE, number, dtype=numpy.uint8)


@pytest.fixture
def cache(path):
    with Brain(path, capacity=10 * SIZE, when_full="lru") as brain:
        yield brain


def test_by_default_a_full_store_is_an_error(path):
    with Brain(path, capacity=10 * SIZE) as brain:
        assert brain.when_full == "error"
        for number in range(10):
            brain[f"x{number}"] = array(number)
        with pytest.raises(BrainFullError):
            brain["more"] = array(11)
        assert len(brain) == 10
        brain.when_full = "lru"
        brain["more"] = array(11)
        assert "more" in brain
        assert brain.stat()["n_evicted"] == 1
        assert brain.stat()["evicted_bytes"] == SIZE


def test_what_was_not_used_for_longest_goes(cache):
    for number in range(10):
        cache[f"x{number}"] = array(number)
    cache["none"] = None
    for number in (0, 1, 2, 4, 5, 6, 7, 8, 9):
        assert cache[f"x{number}"][0] == number
    cache["more"] = array(11)
    assert "x3" not in cache
    assert len(cache) == 11


def test_what_somebody_has_recalled_stays(cache):
    for number in range(10):
        cache[f"x{number}"] = array(number)
    held = [cache[f"x{number}"] for number in range(3)]
    for number in range(10, 40):
        cache[f"x{number}"] = array(number)
    assert all(f"x{number}" in cache for number in range(3))
    with pytest.raises(BrainFullError, match=r"300000 bytes are of values that somebody has a view of"):
        cache["large"] = numpy.zeros(8 * SIZE, dtype=numpy.uint8)
    assert all((each == number).all() for number, each in enumerate(held))
    held.clear()
    cache["large"] = numpy.zeros(10 * SIZE, dtype=numpy.uint8)
    assert cache.names() == ["large"]


def test_each_way_to_put_makes_room(cache):
    for number in range(10):
        cache[f"x{number}"] = array(number)
    cache["small"] = 5
    cache["text"] = "x" * 1000
    cache.set_many({f"many{number}": array(number) for number in range(3)} | {"one": 1})
    cache.update({"updated": array(1)})
    cache.learn("learned", array(2), "what it is")
    cache.setdefault("default", array(3))
    cache["pickled"] = {"a": array(4), "b": [array(5)]}
    assert cache["small"] == 5 and cache["learned"][0] == 2 and cache["pickled"]["b"][0][0] == 5
    assert cache.used() <= cache.size()
    assert not cache.check()


def test_a_condition_of_a_put_does_not_go(cache):
    cache["x"] = array(0)
    version = cache.version("x")
    for number in range(9):
        cache[f"x{number}"] = array(number)
    assert cache.replace_if("x", array(1), version + 1) is None
    assert cache.stat()["n_evicted"] == 0
    assert cache.replace_if("x", array(1), version) is not None
    assert cache["x"][0] == 1


def test_the_mode_is_the_stores(path, cache):
    with Brain(path) as other:
        assert other.when_full == "lru"
        other.when_full = "error"
        assert cache.when_full == "error"
    with Brain(path, when_full="lru"):
        assert cache.when_full == "lru"
    assert pickle.loads(pickle.dumps(cache)).when_full == "lru"
    cache.sleep()
    cache.wake_up()
    assert cache.when_full == "lru"


@pytest.mark.parametrize("wrong", ["LRU", "", 1, "fifo"])
def test_a_mode_that_there_is_none(path, cache, wrong):
    with pytest.raises(BrainValueError, match="'error', 'lru' or 'spill'"):
        Brain(path, when_full=wrong)
    with pytest.raises(BrainValueError, match="'error', 'lru' or 'spill'"):
        cache.when_full = wrong
    assert cache.when_full == "lru"


def test_what_is_kept_on_a_disk_does_not_go(path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(BrainValueError, match="durable="):
        Brain(path, when_full="lru", durable=tmp_path / "home")
    with Brain(path, capacity=10 * SIZE, when_full="lru") as brain:
        brain["x"] = 1
        with pytest.raises(BrainValueError, match=r"persist\(\).*brain\.when_full = 'error'"):
            brain.persist("x")
        with pytest.raises(BrainValueError, match="durable=.*when_full='error' where it is opened"):
            Brain(path, durable=tmp_path / "home")
        brain.when_full = "error"
        brain.persist("x")
        with pytest.raises(BrainValueError, match=r"persist\(\)"):
            brain.when_full = "lru"
        with pytest.raises(BrainValueError, match=r"persist\(\)"):
            Brain(path, when_full="lru")
        assert brain.when_full == "error"
        brain.destroy()


def test_a_home_that_is_larger_than_a_cache_is_not_loaded(path, new_path, tmp_path):
    with Brain(new_path(), capacity=10 * SIZE, durable=tmp_path / "home") as brain:
        for i in range(4):
            brain[f"v{i}"] = bytes(SIZE)
        brain.sync()
        brain.destroy()
    with Brain(path, capacity=3 * SIZE, when_full="lru") as cache:
        before = cache.stat()["committed"]
        for existing in ("replace", "keep"):
            with pytest.raises(BrainFullError, match=f"come to {4 * SIZE} bytes.*Nothing has been changed$"):
                cache.load(path=tmp_path / "home", existing=existing)
        assert cache.names() == [] and cache.stat()["committed"] == before
        assert cache.load("v0", "v1", path=tmp_path / "home").names == 2
        with pytest.raises(BrainFullError):
            cache.load(path=tmp_path / "home")
        cache["v2"] = cache["v3"] = b"small"
        assert cache.load(path=tmp_path / "home", existing="keep").names == 0
        assert cache.load("v2", path=tmp_path / "home").names == 1


def test_what_was_marked_does_not_come_back_into_a_cache(path, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path))
    with Brain(path, capacity=10 * SIZE) as brain:
        brain.learn("kept", 1, persist=True)
        brain.sync()
        brain.destroy()
    with pytest.raises(BrainValueError, match="persist.*marked.home.*when_full='error'"):
        Brain(path, capacity=10 * SIZE, when_full="lru", restore=True)
    with Brain(path) as brain:
        assert brain.names() == []
        brain.when_full = "error"
    with Brain(path, restore=True) as brain:
        assert brain["kept"] == 1


def test_a_brain_over_a_client_has_no_mode():
    with pytest.raises(BrainUnsupportedError, match="when_full="):
        Brain(ClientClass=MockPlasmaClient, when_full="lru")
    with pytest.raises(BrainUnsupportedError, match="when_full"):
        Brain(ClientClass=MockPlasmaClient).when_full  # noqa: B018


def _fill(path, first):
    with Brain(path) as brain:
        for number in range(100):
            brain[f"{first}.{number}"] = array(number)
            for _ in range(3):
                value = brain.get(f"{first}.{number % 7}")
                assert value is None or (value == number % 7).all()


def test_processes_and_threads_that_put_all_the_time(path, cache):
    workers = [multiprocessing.get_context("fork").Process(target=_fill, args=(path, n)) for n in range(2)]
    for worker in workers:
        worker.start()
    threads = [threading.Thread(target=_fill, args=(path, f"t{n}")) for n in range(2)]
    for thread in threads:
        thread.start()
    for worker in [*threads, *workers]:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert cache.used() <= cache.size()
    assert cache.stat()["n_evicted"] > 300
    assert not cache.check()


@pytest.mark.parametrize("when_full", ["lru", "spill"])
def test_nothing_goes_for_a_batch_that_does_not_fit(path, tmp_path, when_full):
    options = {"when_full": when_full, "spill_to": tmp_path} if when_full == "spill" else {"when_full": when_full}
    with Brain(path, capacity=12_000_000, **options) as brain:
        for i in range(10):
            brain[f"old{i}"] = numpy.zeros(125_000)
        with pytest.raises(BrainFullError, match=r"16000000 .* and the store can hold 12000000: .* resize\(\)$"):
            brain.set_many({f"new{i}": numpy.zeros(125_000) for i in range(16)})
        brain.set_quota(4_000_000, namespace="small")
        with pytest.raises(BrainQuotaError, match=r"a quota of 4000000: .* set_quota\(\)$"):
            brain.set_many({f"new{i}": numpy.zeros(125_000) for i in range(6)}, namespace="small")
        assert sorted(brain.names()) == [f"old{i}" for i in range(10)]
        assert not [file for file in tmp_path.rglob("*") if file.is_file() and file.stat().st_size > 500_000]
        brain.set_many({f"new{i}": numpy.zeros(125_000) for i in range(8)})  # which fits, when others go
        assert all(f"new{i}" in brain for i in range(8))
        brain.destroy()


def test_a_mode_that_was_changed_is_not_changed_back_by_who_comes_back(path):
    with Brain(path, capacity=12_000_000, when_full="lru") as brain:
        pickled = pickle.dumps(brain)
        brain.when_full = "error"
        with pickle.loads(pickled) as other:
            assert other.when_full == "error"
        brain.sleep()
        brain.wake_up()
        assert brain.when_full == "error"


def test_a_store_that_is_full_can_begin_to_spill(path, tmp_path):
    with Brain(path, capacity=8 * 125_000 * 8) as brain:
        for i in range(8):
            brain[f"n{i}"] = numpy.zeros(125_000)
        assert brain.free() == 0
        with Brain(path, when_full="spill", spill_to=tmp_path) as other:
            other["more"] = numpy.ones(125_000)
            assert other["n0"].sum() == 0 and other["more"].sum() == 125_000
        brain.destroy()


def test_a_store_at_a_path_with_a_newline_keeps_its_files(path, tmp_path):
    os.mkdir(f"{path}\n")
    try:
        for _ in range(2):
            with Brain(f"{path}\n/store", capacity=3_000_000, when_full="spill", spill_to=tmp_path) as brain:
                for i in range(5):
                    brain.setdefault(f"n{i}", numpy.full(125_000, i))
                assert [brain[f"n{i}"][0] for i in range(5)] == [0, 1, 2, 3, 4]
        Brain(f"{path}\n/store").destroy()
    finally:
        os.rmdir(f"{path}\n")


def test_a_put_that_keeps_a_description_says_what_it_needs_and_what_to_do(cache):
    """In this mode the old value would be removed for it, and the description with it."""
    old, new = numpy.zeros(6 * SIZE, dtype=numpy.uint8), numpy.ones(6 * SIZE, dtype=numpy.uint8)
    cache.learn("x", old, "what it is")
    for put in (
        lambda: cache.learn("x", new),
        lambda: cache.replace_if("x", new, cache.version("x")),
        lambda: cache.set_many({"x": new}),
    ):
        with pytest.raises(BrainFullError, match="keeps the description.*put it with another") as raised:
            put()
        assert f"{6 * SIZE} bytes are of what this put itself needs" in str(raised.value)
        assert "0 bytes are of values that somebody has a view of" in str(raised.value)
        assert (cache["x"] == 0).all() and cache.metadata("x")["description"] == "what it is"
    cache.learn("x", new, "what it is now")
    assert (cache["x"] == 1).all() and cache.metadata("x")["description"] == "what it is now"


def test_a_table_does_not_remove_what_its_put_asks_for(cache):
    """It is written in place, in memory that is taken before it has the name."""
    pyarrow = pytest.importorskip("pyarrow")
    old, new = (pyarrow.table({"a": array(number)}) for number in range(2))
    cache.learn("x", pyarrow.concat_tables([old] * 6), "what it is")
    large = pyarrow.concat_tables([new] * 6)
    for put in (
        lambda: cache.learn("x", large),
        lambda: cache.replace_if("x", large, cache.version("x")),
    ):
        with pytest.raises(BrainFullError):
            put()
        assert cache["x"]["a"][0].as_py() == 0 and cache.metadata("x")["description"] == "what it is"
    cache.learn("x", large, "what it is now")
    assert cache["x"]["a"][0].as_py() == 1 and cache.metadata("x")["description"] == "what it is now"
    assert cache.replace_if("x", new, cache.version("x")) is not None


def test_what_is_replaced_goes_only_where_nothing_else_is_enough(cache):
    cache["x"] = numpy.zeros(5 * SIZE, dtype=numpy.uint8)
    for number in range(400):
        cache[f"small{number}"] = bytes(SIZE // 80)
    assert cache.get("x") is not None
    evicted = cache.stat()["n_evicted"]
    cache["x"] = numpy.ones(5 * SIZE, dtype=numpy.uint8)
    assert cache.stat()["n_evicted"] > evicted + 300  # all the small ones but few: x was there all the time
    cache["y"] = array(1)
    cache["x"] = numpy.ones(9 * SIZE, dtype=numpy.uint8)  # for this all else is not
    assert (cache["x"] == 1).all() and len(cache["x"]) == 9 * SIZE


# ---- beside others who put

# Puts the same name all the time; most of that is the copy of its bytes.
PUT = """
import numpy
from brain_plasma import Brain
brain = Brain(path)
value = numpy.zeros(40_000_000, numpy.uint8)
print("ready", flush=True)
while True:
    brain["x"] = value
"""


def test_who_is_copying_keeps_no_room_from_others(path, other):
    """Of 100 MB 40 are the value, and 40 are being written in place of it; 40 more fit where the value goes."""
    with Brain(path, capacity=100 * MEGABYTE, when_full="lru") as brain:
        value = brain["x"] = numpy.zeros(40 * MEGABYTE, numpy.uint8)
        writer = other(PUT)
        assert writer.line() == "ready"
        while True:  # stop it while it copies
            while brain.stat()["private_bytes"] == 0:
                os.sched_yield()
            writer.signal(signal.SIGSTOP)
            os.waitid(os.P_PID, writer.pid, os.WSTOPPED)
            if brain.stat()["private_bytes"]:
                break
            writer.signal(signal.SIGCONT)
        try:
            brain["x"] = value
        finally:
            writer.signal(signal.SIGCONT)


def test_child_keeps_nothing_of_a_put_that_its_parent_was_in(path):
    """A fork in one thread while another copies what it puts: what that replaces goes, however long the child lives."""
    value = numpy.zeros(20 * MEGABYTE, numpy.uint8)
    with Brain(path, capacity=200 * MEGABYTE, when_full="lru") as brain:
        brain["x"] = value
        ends = threading.Event()

        def put():
            while not ends.is_set():
                brain["x"] = value

        thread = threading.Thread(target=put)
        thread.start()
        children = []
        try:
            for _ in range(5):
                while brain.stat()["private_bytes"] == 0:
                    os.sched_yield()
                children.append(Child(signal.pause))
        finally:
            ends.set()
            thread.join()
        brain["x"] = value
        in_limbo = brain.stat()["limbo_bytes"]
        for child in children:
            child.kill()
        assert in_limbo == 0


# Puts values of 2 and of 20 MB, and says of how many there was no room in the quota.
REFRESH = """
import random
import numpy
from brain_plasma import Brain, BrainQuotaError
brain = Brain(path, "refreshed")
large, small = numpy.zeros(20_000_000, numpy.uint8), numpy.zeros(2_000_000, numpy.uint8)
print("ready", flush=True)
name, n_refused = input(), 0
chance = random.Random(name)
for _ in range(60):
    try:
        brain[name] = chance.choice((small, large))
    except BrainQuotaError:
        n_refused += 1
print(n_refused, flush=True)
"""


def test_quota_of_a_cache_refuses_nobody_for_what_others_replace(path, other):
    """Who waits for his turn to make room keeps nothing from who makes it."""
    with Brain(path, capacity=300 * MEGABYTE, when_full="lru", namespace="refreshed") as brain:
        brain.set_quota(60 * MEGABYTE)
        others = [other(REFRESH) for _ in range(6)]
        assert [each.line() for each in others] == ["ready"] * 6
        for each, name in zip(others, "abcdef", strict=True):
            each.tell(name)
        assert [each.line() for each in others] == ["0"] * 6
