"""Brain(when_full='spill'): a value that is in a file is as one in the store, for every way to take it."""

import multiprocessing
import os
import pickle
import shutil
import threading
from pathlib import Path

import numpy
import pandas
import pytest
from brain_plasma import (
    Brain,
    BrainCorruptError,
    BrainFullError,
    BrainOSError,
    BrainPickleError,
    BrainReferenceError,
    BrainUnsupportedError,
    BrainValueError,
)
from brain_plasma.mock import MockPlasmaClient

SIZE = 200_000
CAPACITY = 10 * SIZE


class Pickled:
    """Of a class of somebody's, so it is a pickle, with a buffer."""

    def __init__(self, array):
        self.array = array


VALUES = {
    "array": numpy.arange(SIZE // 8, dtype="f8"),
    "bytes": b"b" * SIZE,
    "str": "s" * SIZE,
    "tree": {"array": numpy.arange(SIZE // 8, dtype="i8"), "n": [1, 2, 3]},
    "plain": list(range(SIZE // 2)),
    "frame": pandas.DataFrame({"x": numpy.arange(SIZE // 8), "y": ["a", "b"] * (SIZE // 16)}),
    "pickle": Pickled(numpy.arange(SIZE // 8, dtype="u8")),
    "int": 1 << (8 * SIZE),
}


def is_same(one, other):
    if isinstance(one, Pickled):
        return type(other) is Pickled and is_same(one.array, other.array)
    if isinstance(one, numpy.ndarray):
        return type(other) is numpy.ndarray and one.dtype == other.dtype and bool((one == other).all())
    if isinstance(one, dict):
        return list(one) == list(other) and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, pandas.DataFrame):
        return one.equals(other)
    return type(one) is type(other) and one == other


@pytest.fixture
def spilling(path, tmp_path):
    with Brain(path, capacity=CAPACITY, when_full="spill", spill_to=tmp_path / "files") as brain:
        yield brain


def files(tmp_path):
    return [entry for entry in (tmp_path / "files").glob("*/*") if entry.name != "path"]


def put_and_spill(brain, name, value, **options):
    brain.learn(name, value, **options)
    size = brain.used()
    assert brain.spill(1) > 0
    assert brain.used() < size


@pytest.mark.parametrize("kind", VALUES)
def test_every_way_to_take_a_value(kind, spilling, tmp_path):
    value = VALUES[kind]
    put_and_spill(spilling, "x", value, description="said")
    version = spilling.version("x")
    assert len(files(tmp_path)) == 1
    assert is_same(value, spilling["x"])
    assert is_same(value, spilling.recall("x"))
    assert is_same(value, spilling.recall("x", namespace="default"))
    assert is_same(value, spilling.get("x"))
    assert is_same(value, spilling.get_many(["x", "missing"])["x"])
    assert is_same(value, next(iter(spilling.values())))
    assert next(iter(spilling.items()))[0] == "x" and is_same(value, next(iter(spilling.items()))[1])
    assert is_same(value, spilling.setdefault("x", 7))
    assert is_same(value, spilling.ref("x").value)
    assert spilling.metadata("x")["description"] == "said"
    assert spilling.version("x") == version and "x" in spilling and len(spilling) == 1
    assert "x" in str(spilling.explain("x"))
    assert spilling.check() == []
    assert is_same(value, spilling.pop("x"))
    assert len(spilling) == 0


def test_an_array_lies_over_its_file_and_is_read_only(spilling, tmp_path):
    put_and_spill(spilling, "x", VALUES["array"])
    array = spilling["x"]
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    spilling["x"] = 1
    spilling._spill_tidy()
    assert len(files(tmp_path)) == 1  # while somebody has it
    assert is_same(VALUES["array"], array)
    part = array[100:]
    del array
    spilling._spill_tidy()
    assert len(files(tmp_path)) == 1
    assert part[0] == 100
    del part
    assert spilling._spill_tidy() == 1
    assert files(tmp_path) == []


def test_puts_make_room(spilling, tmp_path):
    for number in range(30):
        spilling[f"x{number}"] = numpy.full(SIZE, number, dtype="u1")
    assert len(spilling) == 30 and len(files(tmp_path)) >= 20
    assert all((spilling[f"x{number}"] == number).all() for number in range(30))
    spilling.set_many({f"x{number}": numpy.full(SIZE, number, dtype="u1") for number in range(100, 105)})
    assert all((spilling[f"x{number}"] == number).all() for number in (*range(30), *range(100, 105)))


def test_what_is_recalled_stays_in_memory(spilling, tmp_path):
    spilling["held"] = VALUES["array"]
    held = spilling["held"]
    spilling["other"] = VALUES["array"]
    assert spilling.spill(1) == SIZE
    assert spilling.spill(1) == 0
    del held
    assert spilling.spill(1) == SIZE


def test_explain_says_what_is_in_a_file(spilling):
    spilling["x"] = VALUES["array"]
    before = spilling.explain("x")
    assert spilling.spill(1) == VALUES["array"].nbytes
    after = spilling.explain("x")
    assert (before.spilled, after.spilled) == (False, True)
    assert "spilled: it is in a file" in str(after) and "spilled" not in str(before)
    assert (after.kind, after.type, after.total_bytes) == (before.kind, before.type, before.total_bytes)


def test_a_compare_and_set_from_before_holds_and_nobody_is_woken(spilling):
    spilling["x"] = VALUES["array"]
    version = spilling.version("x")
    assert spilling.spill(1) == SIZE
    with pytest.raises(TimeoutError):
        spilling.wait("x", version, timeout=0)
    assert spilling.replace_if("x", 1, version) > version


def test_refs_go_to_other_processes_from_before_and_after(spilling):
    spilling["x"] = VALUES["array"]
    before = pickle.dumps(spilling.ref("x"))
    assert spilling.spill(1) == SIZE  # the id is the same
    ref = spilling.ref("x")
    assert ref == pickle.loads(before)
    of_value = spilling.ref(spilling["x"])
    assert of_value == ref and of_value.version == ref.version
    for sent in (before, pickle.dumps(ref), pickle.dumps(of_value)):
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            assert pool.apply(_first_and_last, (sent,)) == (0.0, SIZE // 8 - 1)
    with pytest.raises(BrainValueError, match="part of it"):
        spilling.ref(spilling["x"][1:])
    spilling["x"] = 1
    assert is_same(VALUES["array"], ref.value)
    spilling._spill_tidy()
    assert is_same(VALUES["array"], ref.value)
    del of_value
    late = pickle.loads(before)
    with pytest.raises(BrainReferenceError):
        late.value  # noqa: B018


def _first_and_last(sent):
    array = pickle.loads(sent).value
    return float(array[0]), int(array[-1])


def test_a_ref_outlives_the_brain(spilling):
    put_and_spill(spilling, "x", VALUES["array"])
    ref = spilling.ref("x")
    with pytest.raises(BrainValueError):
        spilling.ref(ref.value[3:])
    private = memoryview(ref._view._private())
    assert not private.readonly and bytes(private[8:16]) == numpy.float64(1).tobytes()
    private[0] = 9
    assert ref.value[0] == 0.0


def test_plasma_finds_named_values_that_are_in_files(spilling):
    put_and_spill(spilling, "x", VALUES["bytes"])
    client = spilling.client
    id = spilling.object_id("x")
    assert client.contains(id)
    assert client.get(id) == VALUES["bytes"]
    assert any(entry["data_size"] == SIZE for entry in client.list().values())
    client.delete([id])
    assert "x" not in spilling


def test_pickles_of_others_are_refused(spilling, path):
    put_and_spill(spilling, "x", VALUES["pickle"])
    with Brain(path, pickle=False) as strict, pytest.raises(BrainPickleError):
        strict["x"]


def test_dump_load_and_sync(spilling, new_path, tmp_path):
    for name, value in VALUES.items():
        spilling[name] = value
    assert spilling.spill(10**9) > 6 * SIZE
    spilling.dump(path=tmp_path / "all.brain")
    with Brain(new_path(), capacity=50 * SIZE) as other:
        other.load(path=tmp_path / "all.brain")
        assert all(is_same(value, other[name]) for name, value in VALUES.items())
        other.destroy()


def test_a_store_that_spills_outlives_a_reboot(new_path, tmp_path):
    options = dict(capacity=CAPACITY, when_full="spill", spill_to=tmp_path / "files", durable=tmp_path / "home")
    path = new_path()
    with Brain(path, **options) as brain:
        for number in range(30):  # three times what it holds
            brain[f"x{number}"] = numpy.full(SIZE, number, dtype="u1")
        brain.sync()
        brain.destroy()
    with Brain(path, **options) as brain:
        assert all((brain[f"x{number}"] == number).all() for number in range(30))


def test_processes_that_open_it_later_spill_too(spilling, path):
    with Brain(path) as other:
        assert other.when_full == "spill"
        for number in range(30):
            other[f"x{number}"] = numpy.full(SIZE, number, dtype="u1")
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.starmap(_fill, [(path, worker) for worker in range(2)])
    for worker in range(2):
        assert all((spilling[f"w{worker} {number}"] == number).all() for number in range(20))


def _fill(path, worker):
    with Brain(path) as brain:
        for number in range(20):
            brain[f"w{worker} {number}"] = numpy.full(SIZE, number, dtype="u1")


def test_a_child_goes_on(spilling):
    put_and_spill(spilling, "x", VALUES["array"])
    array = spilling["x"]
    pid = os.fork()
    if pid == 0:
        try:
            ok = array[5] == 5 and is_same(VALUES["array"], spilling["x"])
            spilling["y"] = VALUES["array"]
            ok = ok and spilling.spill(1) == SIZE and is_same(VALUES["array"], spilling["y"])
            os._exit(0 if ok else 1)
        finally:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    assert is_same(VALUES["array"], spilling["y"]) and array[7] == 7


def test_threads(spilling):
    failed = []

    def work(thread):
        try:
            for number in range(20):
                spilling[f"t{thread} {number}"] = numpy.full(SIZE, number, dtype="u1")
                assert (spilling[f"t{thread} {number // 2}"] == number // 2).all()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


# ---- what goes wrong


def test_a_file_that_is_gone_or_damaged(spilling, tmp_path):
    put_and_spill(spilling, "x", VALUES["array"])
    put_and_spill(spilling, "y", VALUES["array"])
    one, two = files(tmp_path)
    one.unlink()
    two.write_bytes(b"short")
    raised = set()
    for name in "xy":
        for take in (spilling.recall, spilling.ref, lambda name: spilling.get_many([name])):
            says = f"^{name} of the namespace default: .*spilled"
            with pytest.raises((BrainOSError, BrainCorruptError), match=says) as error:
                take(name)
            raised.add(error.type)
        with pytest.raises((BrainOSError, BrainCorruptError), match=f"{name} of the namespace default: .*spilled"):
            spilling.dump(name, path=tmp_path / "dump")
        assert name in spilling and spilling.version(name) > 0
        spilling[name] = 1
    assert raised == {BrainOSError, BrainCorruptError}
    assert spilling.check() == []


def test_nothing_that_may_go(spilling):
    spilling["held"] = numpy.zeros(8 * SIZE, dtype="u1")
    held = spilling["held"]
    with pytest.raises(BrainFullError, match="64 KiB"):
        spilling["more"] = numpy.zeros(8 * SIZE, dtype="u1")
    assert "more" not in spilling
    del held
    spilling["more"] = numpy.zeros(8 * SIZE, dtype="u1")


def test_directories(spilling, path, tmp_path):
    with pytest.raises(BrainValueError, match="files"):
        Brain(path, when_full="spill", spill_to=tmp_path / "others")
    assert not (tmp_path / "others").exists()
    with Brain(path, when_full="spill") as other:  # the one that it has
        put_and_spill(other, "x", VALUES["array"])
    assert len(files(tmp_path)) == 1
    spilling.destroy()
    assert list((tmp_path / "files").iterdir()) == []


def test_no_directory_is_left_behind_where_the_one_before_is_gone(spilling, path, tmp_path):
    shutil.rmtree(tmp_path / "files")
    with pytest.raises(BrainValueError, match="files"):
        Brain(path, when_full="spill", spill_to=tmp_path / "others")
    assert not (tmp_path / "others").exists()
    (tmp_path / "link").symlink_to(tmp_path)
    with Brain(path, when_full="spill", spill_to=f"{tmp_path}/link/files/") as other:  # the same, made anew
        put_and_spill(other, "x", VALUES["array"])
    assert len(files(tmp_path)) == 1


def test_the_standard_place(new_path, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path))
    with Brain(new_path(), capacity=CAPACITY) as brain:
        with pytest.raises(BrainValueError, match="when_full"):
            brain.spill(1)
        brain.when_full = "spill"
        assert brain.when_full == "spill"
        put_and_spill(brain, "x", VALUES["array"])
        assert len(list(tmp_path.glob("#spilled/*/*"))) == 2
        brain.destroy()


def test_sleep_and_wake(spilling):
    put_and_spill(spilling, "x", VALUES["array"])
    array = spilling["x"]
    spilling.sleep()
    assert array[3] == 3
    spilling.wake_up()
    assert is_same(VALUES["array"], spilling["x"])
    put_and_spill(spilling, "y", VALUES["array"])
    again = pickle.loads(pickle.dumps(spilling))
    assert is_same(VALUES["array"], again["y"])
    again.close()
    spilling.close()
    assert array[4] == 4


def test_arguments(new_path, spilling):
    with pytest.raises(BrainValueError, match="spill_to"):
        Brain(new_path(), spill_to="/tmp")
    with pytest.raises(BrainValueError, match="spill_to"):
        Brain(new_path(), when_full="lru", spill_to="/tmp")
    for wrong in (-1, 1.5, True, "1"):
        with pytest.raises(BrainValueError):
            spilling.spill(wrong)
    with pytest.raises(BrainUnsupportedError):
        Brain(new_path(), ClientClass=MockPlasmaClient, when_full="spill")


def test_a_namespace_alone(spilling):
    spilling.learn("x", VALUES["array"], namespace="another")
    spilling["x"] = VALUES["array"]
    assert spilling.spill(10**9, namespace="another") == SIZE
    assert spilling.spill(10**9) == SIZE
    assert is_same(VALUES["array"], spilling.recall("x", namespace="another"))


def test_nothing_but_files_of_values_is_removed(spilling, tmp_path):
    put_and_spill(spilling, "x", VALUES["array"])
    mine = Path(files(tmp_path)[0].parent, "mine.txt")
    mine.write_text("mine")
    spilling._spill_tidy()
    spilling.destroy()
    assert mine.read_text() == "mine"





def test_who_may_only_read_recalls(spilling, path):
    put_and_spill(spilling, "x", VALUES["array"])
    with Brain(path, read_only=True) as reader:
        array = reader["x"]
        assert reader.when_full == "spill"
        with pytest.raises(BrainValueError, match="when_full"):
            reader.spill(1)
    assert is_same(VALUES["array"], array)


def test_a_store_that_is_open_to_its_group_has_files_that_are(new_path, tmp_path):
    with Brain(new_path(), capacity=CAPACITY, mode=0o660, when_full="spill", spill_to=tmp_path / "files") as brain:
        put_and_spill(brain, "x", VALUES["array"])
        (file,) = files(tmp_path)
        assert file.stat().st_mode & 0o777 == 0o640
        assert file.parent.stat().st_mode & 0o777 == 0o770
        assert is_same(VALUES["array"], brain["x"])
        brain.destroy()


@pytest.mark.parametrize("put", ["=", "learn", "replace_if", "set_many"])
def test_a_large_value_with_a_description_makes_room_for_its_successor(put, spilling):
    """It has its description and its version yet, when it is in a file."""
    old, new = numpy.zeros(6 * SIZE, "u1"), numpy.ones(6 * SIZE, "u1")
    version = spilling.learn("x", old, "what it is") or spilling.version("x")
    if put == "=":
        spilling["x"] = new
    elif put == "learn":
        spilling.learn("x", new)
    elif put == "replace_if":
        assert spilling.replace_if("x", new, version + 1) is None
        assert spilling.replace_if("x", new, version) > version
    else:
        spilling.set_many({"x": new})
    assert is_same(spilling["x"], new)
    assert spilling.metadata("x")["description"] == "what it is"
    assert spilling.check() == []
