"""Brain(restore=True): a new store gets back what was dumped, once, whoever is killed in the middle of it."""

import glob
import multiprocessing
import os
import pickle
import shutil
import signal

import numpy as np
import pytest

from brain_plasma import (
    Brain,
    BrainBusyError,
    BrainDumpDamagedError,
    BrainDumpPickleError,
    BrainFullError,
    BrainMissingPackageError,
    BrainRestoreError,
    BrainValueError,
)

MEGABYTE = 1_000_000
N_ARRAYS = 8

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

# What a process runs that opens the store, and says how that went.
OPEN = """
from brain_plasma import Brain, BrainRestoreError
try:
    brain = Brain(path, capacity=100_000_000, restore=True)
    total = sum(brain.get(f"array{i}", [0])[0] for i in range(8))
    print(len(brain.names("all")), brain.version("array7"), float(total), flush=True)
except BrainRestoreError as error:
    print(f"{type(error).__name__}: {error}", flush=True)
input()
"""

# The same, by one who stands still until a line comes in, when a megabyte has been loaded: one of the arrays, or more.
STAND = """
from brain_plasma import dump
load = dump.load
def standing(brain, names, path, namespace, damaged, existing, pickle, progress):
    has_stood = False
    def stand(progress):
        nonlocal has_stood
        if progress.phase == "load" and not has_stood:
            has_stood = True
            print("standing", flush=True)
            input()
    return load(brain, names, path, namespace, damaged, existing, pickle, stand)
dump.load = standing
"""

# The same, by one who says that it waits for another.
WAIT = """
from brain_plasma import _core
wait = _core.Brain._wait_mark
from brain_plasma.brain import Brain
n_waits = 0
def waiting(self, name, version):
    global n_waits
    n_waits += 1
    if n_waits == 1:
        print("waiting", flush=True)
    return wait(self, name, version)
Brain._wait_mark = waiting
"""


class Thing:
    """What can only be pickled."""


@pytest.fixture(autouse=True)
def dumps(tmp_path, monkeypatch):
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path))
    return tmp_path


@pytest.fixture
def dumped(path):
    """The path of a store that was dumped and is gone. Of the dump it has the result."""
    with Brain(path, capacity=100 * MEGABYTE) as brain:
        for i in range(N_ARRAYS):
            brain[f"array{i}"] = np.full(70_000, float(i))
        brain.learn("cart", ["a book"], namespace="sessions")
        brain["x"] = "of the dump"
        brain.dump()
        brain.destroy()
    return path


def restored(path, **options):
    return Brain(path, **{"capacity": 100 * MEGABYTE, "restore": True, **options})


def place_of(path):
    """The file of the dump."""
    [place] = glob.glob(os.path.join(os.environ["BRAIN_PLASMA_DUMPS"], "*", "all.brain"))
    return place


def damage(place):
    with open(place, "r+b") as file:
        file.seek(1_000_000)
        file.write(b"something else")


# ---- one process --------------------------------------------------------------------------------


def test_a_new_store_has_what_was_dumped(dumped):
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS + 1 and brain["array7"][0] == 7
        assert brain.recall("cart", namespace="sessions") == ["a book"]
        assert brain.namespaces() == {"default", "sessions"}
        assert brain.check() == []


def test_it_is_restored_once(dumped):
    with restored(dumped) as brain:
        del brain["x"]
        brain["array7"] = "new"
    with restored(dumped) as brain:
        assert "x" not in brain and brain["array7"] == "new"
        brain.destroy()
    with restored(dumped) as brain:  # another store
        assert brain["x"] == "of the dump"


def test_without_a_dump_there_is_nothing_to_restore(path):
    with restored(path) as brain:
        assert brain.names("all") == [] and brain.used() == 0
        brain["x"] = 1
        place = brain.dump().path
        os.utime(place, (1000, 1000))
        del brain["x"]
    with restored(path) as brain:
        assert "x" not in brain


def test_how_old_a_dump_is_it_says_itself(dumped):
    """Copied or touched it is as old as before: older than this store, so it is not of it."""
    with Brain(dumped, capacity=100 * MEGABYTE) as brain:
        later_ns = brain.stat()["created_ns"] + 3600 * 1_000_000_000
        os.utime(place_of(dumped), ns=(later_ns, later_ns))
    with restored(dumped) as brain:
        assert brain["x"] == "of the dump"


def test_a_dump_of_the_store_itself_is_not_restored_into_it(dumped):
    with Brain(dumped, capacity=100 * MEGABYTE) as brain:
        brain["y"] = 1
        place = brain.dump().path
        os.utime(place, (1000, 1000))
        del brain["y"]
    with restored(dumped) as brain:
        assert "y" not in brain


def test_what_is_no_dump_at_its_place_is_told(dumped):
    with open(place_of(dumped), "wb") as file:
        file.write(b"what is this?")
    with pytest.raises(BrainRestoreError, match="no dump"):
        restored(dumped)


def test_a_store_that_was_opened_without_it_is_restored_by_who_asks(dumped):
    with Brain(dumped, capacity=100 * MEGABYTE) as brain:
        assert brain.names() == []
        brain["x"] = "newer"
        with restored(dumped) as other:
            assert other["x"] == "newer" and other["array7"][0] == 7


def test_the_mark_is_nobody_s_to_see(dumped):
    with restored(dumped) as brain:
        used = brain.used()
        assert brain.namespaces() == {"default", "sessions"}
        assert len(brain.names("all")) == N_ARRAYS + 2
        result = brain.dump()
        assert (result.namespaces, result.names, result.bytes) == (2, N_ARRAYS + 2, used)


def test_it_goes_along_with_a_brain_that_is_pickled_and_one_that_slept(dumped):
    with restored(dumped) as brain:
        brain.sleep()
        brain.wake_up()
        again = pickle.loads(pickle.dumps(brain))
        assert again["array7"][0] == 7
        brain.sleep()
        again.destroy()
        brain.wake_up()
        assert brain["array7"][0] == 7


def test_pickles_of_a_file_that_others_could_have_written(path):
    with Brain(path, capacity=MEGABYTE) as brain:
        brain["thing"], brain["x"] = Thing(), 5
        os.chmod(brain.dump().path, 0o666)
        brain.destroy()
    with pytest.raises(BrainRestoreError, match="could not be restored: 1 name of .*pickle=True"):
        restored(path, capacity=MEGABYTE)
    Brain(path).destroy()
    with restored(path, capacity=MEGABYTE, pickle=True) as brain:
        assert isinstance(brain["thing"], Thing)


def test_a_reader_cannot_restore(dumped):
    Brain(dumped, capacity=100 * MEGABYTE).close()
    with pytest.raises(BrainValueError, match="not restored yet, and read_only=True cannot"):
        restored(dumped, read_only=True)
    restored(dumped).close()
    with restored(dumped, read_only=True) as brain:
        assert brain["x"] == "of the dump"


# ---- what goes wrong ----------------------------------------------------------------------------


def test_a_damaged_dump_is_told_to_all_until_it_is_another(dumped):
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError, match=f"{dumped}.*could not be restored: .*damaged at byte") as caught:
        restored(dumped)
    assert isinstance(caught.value.__cause__, BrainDumpDamagedError)
    with pytest.raises(BrainRestoreError) as again:
        restored(dumped)
    assert str(again.value) == str(caught.value) and again.value.__cause__ is None
    with Brain(dumped) as brain:
        assert brain.names("all") == [] and brain.stat()["n_clients"] == 1
        assert brain.load(damaged="load").lost.count() == 1
        restored(dumped).close()  # as far as it can be
        brain.dump()
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS


def test_a_damaged_dump_that_is_taken_away(dumped):
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError):
        restored(dumped)
    os.unlink(place_of(dumped))
    with restored(dumped) as brain:
        assert brain.names("all") == []


def test_what_does_not_fit_is_tried_again_in_a_larger_store(dumped):
    with pytest.raises(BrainRestoreError, match="could not be restored") as caught:
        restored(dumped, capacity=2 * MEGABYTE)
    assert isinstance(caught.value.__cause__, BrainFullError)
    with Brain(dumped) as brain:
        with pytest.raises(BrainRestoreError):
            restored(dumped)
        brain.resize(100 * MEGABYTE)
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS + 1


def is_refused(brain, words):
    """Whether dump() leaves the dump at the standard place as it is, and says what it says of that."""
    before = os.stat(place_of(brain.path))
    says = f"could not be restored: {words}.*does not write over .*all.brain.*path=.*move it away"
    with pytest.raises(BrainRestoreError, match=says):
        brain.dump()
    after = os.stat(place_of(brain.path))
    return (before.st_ino, before.st_ctime_ns) == (after.st_ino, after.st_ctime_ns)


def test_a_dump_that_did_not_fit_is_not_dumped_over(dumped, tmp_path):
    with pytest.raises(BrainRestoreError) as caught:
        restored(dumped, capacity=2 * MEGABYTE)
    text = str(caught.value)
    assert text.count("resize") == 1 and "had been loaded" not in text
    with Brain(dumped) as brain:
        assert is_refused(brain, ".*come to .* bytes")
        assert brain.load("x").names == 1 and brain.load(namespace="sessions").names == 1
        assert is_refused(brain, ".*come to .* bytes")  # a part of it is not all
        assert brain.dump(path=tmp_path / "elsewhere").names == 2
        assert brain.dump(namespace="sessions").names == 1
        brain.resize(100 * MEGABYTE)
        assert is_refused(brain, ".*come to .* bytes")
        restored(dumped).close()
        assert brain.dump().names == N_ARRAYS + 2


def test_one_that_did_not_fit_beside_what_is_there_is_not_dumped_over(dumped):
    with Brain(dumped, capacity=5 * MEGABYTE) as brain:
        brain["mine"] = np.zeros(3 * MEGABYTE, dtype="u1")
        with pytest.raises(BrainRestoreError, match="is full.* names had been loaded before that, and stay;"):
            restored(dumped)
        assert is_refused(brain, ".*is full")
        del brain["mine"]
        assert brain.load(existing="keep").kept.count() > 0
        assert brain.dump().names == N_ARRAYS + 2


def test_a_damaged_one_is_not_dumped_over_unless_it_was_loaded_or_moved_away(dumped, tmp_path):
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError):
        restored(dumped)
    with Brain(dumped) as brain:
        assert is_refused(brain, ".*damaged at byte")
        with pytest.raises(BrainDumpDamagedError):
            brain.load()
        assert is_refused(brain, ".*damaged at byte")
        brain.load(path=shutil.copy(place_of(dumped), tmp_path / "copy"), damaged="load")
        assert is_refused(brain, ".*damaged at byte")  # that was another file
        os.rename(place_of(dumped), tmp_path / "away")
        brain["x"] = "anew"
        assert brain.dump().names == N_ARRAYS + 1


def test_one_with_pickles_of_others_is_not_dumped_over_unless_it_was_loaded(path):
    with Brain(path, capacity=MEGABYTE) as brain:
        brain["thing"], brain["x"] = Thing(), 5
        os.chmod(brain.dump().path, 0o666)
        brain.destroy()
    with pytest.raises(BrainRestoreError):
        restored(path, capacity=MEGABYTE)
    with Brain(path) as brain:
        assert is_refused(brain, ".*pickles")
        with pytest.raises(BrainDumpPickleError):
            brain.load()
        assert is_refused(brain, ".*pickles")
        brain.load(pickle=True)
        assert brain.dump().names == 2


def test_one_that_could_not_be_loaded_for_a_moment_is_not_dumped_over(dumped, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("brain_plasma.dump.load", lambda *_: (_ for _ in ()).throw(OSError("of a moment")))
        with pytest.raises(BrainRestoreError):
            restored(dumped)
    with Brain(dumped) as brain:
        assert is_refused(brain, "of a moment")


def test_one_that_cannot_be_looked_at_is_not_dumped_over(dumped, monkeypatch):
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError):
        restored(dumped)
    monkeypatch.setattr(Brain, "_dumped_ns", lambda *_: (_ for _ in ()).throw(PermissionError("not yours")))
    with Brain(dumped) as brain:
        assert is_refused(brain, ".*damaged at byte")


def mark_and_damage(dumped, name):
    """A home that has `name`, and a dump without it that is younger, and damaged."""
    with restored(dumped) as brain:
        brain.learn(name, 1, persist=True)
        brain.sync()
        del brain[name]
        brain.dump()
        brain.destroy()
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError):
        restored(dumped)


def test_what_was_marked_comes_back_when_the_dump_is_loaded_by_hand(dumped):
    """As far as it is older than the dump: a younger one has come back before the dump was looked at."""
    mark_and_damage(dumped, "marked")
    with Brain(dumped) as brain:
        brain.load(damaged="load")
        assert brain["marked"] == 1


def test_what_was_marked_does_not_come_back_into_a_cache_either_when_the_dump_is_loaded_by_hand(dumped):
    """It would be evicted, and the next sync would remove it from the disk."""
    mark_and_damage(dumped, "kept")
    with Brain(dumped) as brain:
        brain.when_full = "lru"
        brain.load(damaged="load")
        assert "kept" not in brain
        with pytest.raises(BrainValueError, match="nothing of the store .* is to be kept"):
            brain.sync()
        with pytest.raises(BrainValueError, match="persist.* keeps values on a disk.*when_full='lru'"):
            brain.persist("kept", on=False)  # which would bring it back, too
        assert "kept" not in brain
        brain.dump()
        brain.when_full = "error"
        brain.persist("x")
        brain.sync()
        assert brain["kept"] == 1


def test_a_cache_that_is_too_small_is_not_restored(dumped):
    """It would lose the first values again, and the next dump them, too."""
    with pytest.raises(BrainRestoreError, match="come to .* bytes"):
        restored(dumped, capacity=2 * MEGABYTE, when_full="lru")
    with Brain(dumped) as brain:
        assert brain.names("all") == []
        assert is_refused(brain, ".*come to .* bytes")
        for existing in ("replace", "keep"):
            with pytest.raises(BrainFullError, match="come to .* bytes"):
                brain.load(existing=existing)
        brain.resize(100 * MEGABYTE)
    with restored(dumped) as brain:
        assert brain.when_full == "lru" and brain.stat()["n_evicted"] == 0
        assert brain.dump().names == N_ARRAYS + 2


def test_a_cache_that_is_just_large_enough_is_restored(path):
    with Brain(path, capacity=MEGABYTE, when_full="lru") as brain:
        for i in range(200):
            brain[f"v{i}"] = bytes(10_000)
        n = brain.dump().names
        assert n == brain.size() // 10_000
        brain.destroy()
    with restored(path, capacity=MEGABYTE, when_full="lru") as brain:
        assert len(brain.names()) == n and brain.stat()["n_evicted"] == 0


def test_a_cache_that_made_room_for_what_came_back_says_so(dumped):
    with Brain(dumped, capacity=5 * MEGABYTE, when_full="lru") as brain:
        brain["mine"] = np.zeros(3 * MEGABYTE, dtype="u1")
        with pytest.warns(RuntimeWarning, match="of its values were removed to make room.*next dump") as warned:
            restored(dumped, capacity=5 * MEGABYTE).close()
        assert [warning.filename for warning in warned] == [__file__]
        assert "mine" not in brain
        brain.dump()


@pytest.mark.filterwarnings("error")
def test_where_warnings_are_errors_it_is_restored_nevertheless(dumped):
    with Brain(dumped, capacity=5 * MEGABYTE, when_full="lru") as brain:
        brain["mine"] = np.zeros(3 * MEGABYTE, dtype="u1")
        with restored(dumped, capacity=5 * MEGABYTE) as other:
            assert "mine" not in other and other["array7"][0] == 7


def test_what_may_go_better_the_next_time_is_tried_again(dumped, monkeypatch):
    with monkeypatch.context() as patch:
        patch.delenv("BRAIN_PLASMA_DUMPS")
        patch.setitem(__import__("sys").modules, "platformdirs", None)
        with pytest.raises(BrainRestoreError, match="platformdirs") as caught:
            restored(dumped)
        assert isinstance(caught.value.__cause__, BrainMissingPackageError)
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS + 1


def test_one_who_was_asleep_still_is_after_it_failed(dumped):
    brain = restored(dumped)
    brain.sleep()
    Brain(dumped).destroy()
    damage(place_of(dumped))
    with pytest.raises(BrainRestoreError):
        brain.wake_up()
    assert brain.asleep and not brain.closed
    brain.close()


# ---- many processes -----------------------------------------------------------------------------


def open_at_once(path, barrier, results):
    barrier.wait()
    with restored(path) as brain:
        results.put((len(brain.names("all")), brain.version("array7"), brain["array7"][-1]))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_start_at_once_restore_once(dumped, method):
    n = 6
    context = multiprocessing.get_context(method)
    barrier, results = context.Barrier(n), context.Queue()
    workers = [context.Process(target=open_at_once, args=(dumped, barrier, results)) for _ in range(n)]
    for worker in workers:
        worker.start()
    found = {results.get() for _ in workers}
    for worker in workers:
        worker.join()
    assert len(found) == 1  # also one version: it was put once
    assert found.pop()[::2] == (N_ARRAYS + 2, 7.0)


def test_others_wait_for_who_restores(dumped, other):
    first = other(STAND + OPEN)
    assert first.line() == "standing"
    others = [other(WAIT + OPEN) for _ in range(3)]
    assert [one.line() for one in others] == ["waiting"] * 3
    first.tell()
    found = {one.line() for one in others}
    assert len(found) == 1 and found.pop().startswith(f"{N_ARRAYS + 2} ")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_who_ends_in_the_middle_is_made_good_by_another(dumped, other, number):
    first = other(STAND + OPEN)
    assert first.line() == "standing"
    others = [other(WAIT + OPEN) for _ in range(3)]
    assert [one.line() for one in others] == ["waiting"] * 3
    with Brain(dumped) as brain:
        before = {name: brain.version(name) for name in brain.names()}
    assert 0 < len(before) < N_ARRAYS + 1
    first.signal(number)
    found = {one.line() for one in others}
    assert len(found) == 1
    n, version, total = found.pop().split()
    assert (int(n), float(total)) == (N_ARRAYS + 2, 28.0)
    with Brain(dumped) as brain:
        assert int(version) == brain.version("array7")
        assert all(brain.version(name) == before[name] for name in before)  # what was there is kept
        assert brain.check() == []


def test_one_that_is_interrupted_and_lives_on_leaves_it_to_others(dumped, other):
    first = other(
        STAND
        + "try:\n    from brain_plasma import Brain\n    Brain(path, capacity=100_000_000, restore=True)\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n    input()\n"
    )
    assert first.line() == "standing"
    first.signal(signal.SIGINT)
    assert first.line() == "interrupted"
    with Brain(dumped) as brain:
        assert len(brain.names()) < N_ARRAYS + 1
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS + 1


def test_who_waits_is_told_of_the_failure(dumped, other):
    damage(place_of(dumped))
    # Who stands still before it looks at the dump at all.
    first = other(
        "from brain_plasma import restoring\n"
        "look = restoring._is_to_be_loaded\n"
        "def standing(brain):\n    print('standing', flush=True)\n    input()\n    return look(brain)\n"
        "restoring._is_to_be_loaded = standing\n" + OPEN
    )
    assert first.line() == "standing"
    others = [other(WAIT + OPEN) for _ in range(2)]
    assert [one.line() for one in others] == ["waiting"] * 2
    first.tell()
    found = {one.line() for one in [first, *others]}
    assert len(found) == 1 and "damaged at byte" in found.pop()


def test_who_waits_does_not_try_again_what_failed_and_who_comes_later_does(dumped, other):
    """Of a failure that neither the file nor the store has to do with."""
    first = other(
        "from brain_plasma import restoring\n"
        "def failing(brain):\n"
        "    print('standing', flush=True)\n    input()\n    raise OSError('of a moment')\n"
        "restoring._is_to_be_loaded = failing\n" + OPEN
    )
    assert first.line() == "standing"
    others = [other(WAIT + OPEN) for _ in range(2)]
    assert [one.line() for one in others] == ["waiting"] * 2
    first.tell()
    assert all("of a moment" in one.line() for one in [first, *others])
    with restored(dumped) as brain:
        assert len(brain.names()) == N_ARRAYS + 1


def test_of_two_who_find_no_mark_one_loads(dumped, monkeypatch):
    restored(dumped).close()
    answers = [(0, "")]  # what both saw
    mark = Brain._mark
    monkeypatch.setattr(Brain, "_mark", lambda brain, name: answers.pop() if answers and name == "restore" else mark(brain, name))
    monkeypatch.setattr("brain_plasma.dump.load", lambda *_: pytest.fail("it was loaded once more"))
    restored(dumped).close()
    assert answers == []


def test_ctrl_c_ends_the_waiting(dumped, other):
    first = other(STAND + OPEN)
    assert first.line() == "standing"
    second = other(
        WAIT + "from brain_plasma import Brain\n"
        "try:\n    Brain(path, restore=True)\n"
        "except KeyboardInterrupt:\n    print('interrupted', flush=True)\n"
    )
    assert second.line() == "waiting"
    second.signal(signal.SIGINT)
    assert second.line() == "interrupted"
    first.tell()
    assert first.line().startswith(f"{N_ARRAYS + 2} ")


def test_what_is_being_restored_is_not_dumped_over_its_dump(dumped, other, tmp_path):
    first = other(STAND + OPEN)
    assert first.line() == "standing"
    before = os.stat(place_of(dumped)).st_ino
    with Brain(dumped) as brain:
        with pytest.raises(BrainBusyError, match="is being restored.*wait for that.*give path="):
            brain.dump()
        first.signal(signal.SIGKILL)
        first.process.wait()
        with pytest.raises(BrainRestoreError, match="died or was interrupted.*restore=True.*load.*path=.*move it"):
            brain.dump()
        assert os.stat(place_of(dumped)).st_ino == before
        assert brain.dump(path=tmp_path / "elsewhere").names < N_ARRAYS + 2
        assert brain.dump(namespace="default").names < N_ARRAYS + 1
        restored(dumped).close()
        assert brain.dump().names == N_ARRAYS + 2


def interrupt(path, monkeypatch):
    """Open the store with restore=True, and be interrupted in the middle of that."""

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("brain_plasma.dump.load", interrupted)
        with pytest.raises(KeyboardInterrupt):
            restored(path)


def test_what_was_loaded_after_a_restore_that_was_interrupted_may_be_dumped(dumped, monkeypatch):
    interrupt(dumped, monkeypatch)
    with Brain(dumped) as brain:
        with pytest.raises(BrainRestoreError, match="died or was interrupted"):
            brain.dump()
        brain.load()
        del brain["x"]
        brain.dump()
        with restored(dumped) as again:
            assert "x" not in again and again["array7"][0] == 7


def test_a_dump_that_was_moved_away_is_in_nobodys_way_after_a_restore_that_was_interrupted(
    dumped, monkeypatch, tmp_path
):
    interrupt(dumped, monkeypatch)
    with Brain(dumped) as brain:
        os.rename(place_of(dumped), tmp_path / "away")
        brain["x"] = "anew"
        brain.dump()
        del brain["x"]
    with restored(dumped) as brain:
        assert "x" not in brain


def test_what_somebody_restores_is_not_done_because_another_has_loaded_it(dumped, other):
    first = other(STAND + OPEN)
    assert first.line() == "standing"
    with Brain(dumped) as brain:
        brain.load()
        with pytest.raises(BrainBusyError, match="is being restored"):
            brain.dump()
    first.tell()
    assert first.line().startswith(f"{N_ARRAYS + 2} ")
