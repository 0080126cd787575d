"""Values that outlive a reboot: homes, marks, and who syncs. A reboot is here: a store is destroyed, and made anew."""

import contextlib
import math
import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

from brain_plasma import (
    Brain,
    BrainClosedError,
    BrainDestroyedError,
    BrainNameTypeError,
    BrainPermissionError,
    BrainRestoreError,
    BrainUnsupportedError,
    BrainValueError,
    syncing,
)
from brain_plasma.mock import MockPlasmaClient
from children import Child

MEGABYTE = 1_000_000

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture(autouse=True)
def dumps(tmp_path, monkeypatch):
    folder = tmp_path / "dumps"
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(folder))
    return folder


@pytest.fixture
def home(tmp_path):
    return str(tmp_path / "home")


def opened(path, **options):
    return Brain(path, **{"capacity": 64 * MEGABYTE, **options})


def reboot(path):
    Brain(path, create=False).destroy()


# ---- all of a store -----------------------------------------------------------------------------


def test_what_was_synced_is_there_in_another_process_after_a_reboot(path, home, other):
    with opened(path, durable=home) as brain:
        brain["array"] = np.arange(100_000)
        brain.learn("cart", ["a book"], "of Jane", namespace="sessions")
        version = brain.version("array")
        result = brain.sync()
        assert (result.path, result.written, result.removed) == (os.path.realpath(home), 2, 0)
        assert result.bytes == brain.used() and result.version == brain.stat()["committed"]
        assert "<Sync of 2 names, 800 kB, to" in repr(result)
    reboot(path)
    found = other(
        "from brain_plasma import Brain\n"
        f"brain = Brain(path, capacity=64_000_000, durable={home!r})\n"
        "print(brain['array'].sum(), brain.recall('cart', namespace='sessions'), brain.version('array'))\n"
        "print(sorted(brain.namespaces()), flush=True)"
    )
    total, *_, new_version = found.line().split()
    assert int(total) == sum(range(100_000)) and int(new_version) > version
    assert found.line() == "['default', 'sessions']"


def test_a_second_sync_writes_what_changed_and_removes_what_went(path, home):
    with opened(path, durable=home) as brain:
        brain.set_many({f"name{i}": i for i in range(10)})
        assert brain.sync().written == 10
        assert brain.sync().written == 0
        brain["name3"] = "new"
        del brain["name4"]
        result = brain.sync()
        assert (result.written, result.removed) == (1, 1)
        brain["not yet"] = 1
        seen = []
        brain.sync(progress=seen.append)
        assert seen[0].phase == "sync" and repr(seen[0]).startswith("<sync: ")
        del brain["not yet"]
    reboot(path)
    with opened(path, durable=home) as brain:
        assert sorted(brain.names()) == sorted(f"name{i}" for i in range(10) if i != 4)
        assert brain["name3"] == "new" and brain.check() == []


def test_it_comes_back_once(path, home):
    with opened(path, durable=home) as brain:
        brain["x"], brain["y"] = 1, 2
    with opened(path, durable=home) as brain:
        del brain["x"]
    with opened(path, durable=home) as brain:
        assert brain.names() == ["y"]


def test_a_close_syncs_and_a_destroy_does_not(path, home):
    with opened(path, durable=home) as brain:
        brain["x"] = 1
    with opened(path, durable=home) as brain:
        brain["y"] = 1
        brain.destroy()
    with opened(path, durable=home) as brain:
        assert brain.names() == ["x"]
        Brain(path).destroy()  # the close of what is gone is no error


def test_who_sleeps_has_synced(path, home):
    brain = opened(path, durable=home)
    brain["x"] = 1
    brain.sleep()
    reboot(path)
    brain.wake_up()
    assert brain["x"] == 1
    again = pickle.loads(pickle.dumps(brain))
    assert again._options["durable"] == os.path.realpath(home)
    again.close()
    brain.close()


def test_the_store_remembers_its_home(path, home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with opened(path, durable="home") as brain, opened(path) as second:
        second["x"] = 1
        assert second.sync().path == os.path.realpath(home)
        with pytest.raises(BrainValueError) as caught:
            opened(path, durable=tmp_path / "elsewhere")
        assert os.path.realpath(home) in str(caught.value) and str(tmp_path / "elsewhere") in str(caught.value)
        assert brain.stat()["n_clients"] == 2 and not os.path.exists(tmp_path / "elsewhere")
        monkeypatch.chdir("/")
        opened(path, durable=home).close()


def test_the_standard_place(path, dumps):
    with opened(path, durable=True) as brain:
        brain["x"] = 1
    [folder] = dumps.iterdir()
    assert [entry.name for entry in folder.iterdir()] == ["all.home"]
    reboot(path)
    with opened(path, durable=True) as brain:
        assert brain["x"] == 1


def test_a_home_can_be_loaded(path, home):
    with opened(path, durable=home) as brain:
        brain["x"], brain["y"] = 1, 2
    reboot(path)
    with opened(path) as brain:
        result = brain.load("x", path=home)
        assert brain.names() == ["x"] and result.names == 1 and result.path == home


def test_what_cannot_be_a_home(path, home, tmp_path):
    for wrong in (5, ["home"]):
        with pytest.raises(TypeError, match="durable has to be"):
            opened(path, durable=wrong)
    for wrong in ("", "a\0b", "s3://bucket/home"):
        with pytest.raises(BrainValueError, match="cannot be the home"):
            opened(path, durable=wrong)
    with pytest.raises(BrainValueError, match="restore=True"):
        opened(path, durable=home, restore=True)
    assert not os.path.exists(path)
    with pytest.raises(BrainRestoreError, match="cannot make"):
        opened(path, durable=tmp_path / "nothing" / "home")
    with opened(path, durable=home):  # that was nobody's home
        pass


def test_a_file_in_the_place_of_the_home(path, tmp_path):
    (tmp_path / "file").write_text("no home")
    with pytest.raises(BrainRestoreError, match="is no home yet: give durable= a directory"):
        opened(path, durable=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "no home"


def test_a_home_that_does_not_fit_is_tried_again_when_it_does(path, home):
    with opened(path, durable=home) as brain:
        brain["large"] = np.ones(1_000_000)
        brain.sync()
    reboot(path)
    with pytest.raises(BrainRestoreError, match="resize it to more. To do that, open it without durable="):
        opened(path, durable=home, capacity=MEGABYTE)
    with opened(path) as brain:
        with pytest.raises(BrainRestoreError, match="resize it to more"):
            opened(path, durable=home)
        brain.resize(20 * MEGABYTE)
        with opened(path, durable=home) as again:
            assert again["large"].sum() == 1_000_000


def test_a_home_in_memory_is_warned_of(new_path, home):
    """Where the test's stores are is a tmpfs; `home` is on whatever has the temporary files."""
    in_memory = new_path()
    with pytest.warns(RuntimeWarning, match="does not outlive a reboot"):
        opened(new_path(), durable=in_memory).close()
    shutil.rmtree(in_memory)


def test_without_a_home_and_marks_there_is_nothing_to_sync(brain):
    with pytest.raises(BrainValueError, match="durable=.*persist"):
        brain.sync()
    with pytest.raises(TypeError, match="progress"):
        brain.sync(progress=5)
    brain.close()
    with pytest.raises(BrainClosedError):
        brain.sync()


def test_a_reader_of_a_store_with_a_home(path, home):
    with opened(path) as brain:
        with pytest.raises(BrainValueError, match="not restored yet.*durable="):
            opened(path, durable=home, read_only=True)
        brain["x"] = 1
    opened(path, durable=home).close()
    with opened(path, durable=home, read_only=True) as brain:
        assert brain["x"] == 1
        with pytest.raises(BrainPermissionError):
            brain.persist("x")


def test_progress_that_raises_leaves_the_home_as_it_was(path, home):
    class Enough(Exception):
        pass

    def stop(_):
        raise Enough

    with opened(path, durable=home) as brain:
        brain["x"] = 1
        brain.sync()
        brain["x"] = 2
        with pytest.raises(Enough):
            brain.sync(progress=stop)
        kept = shutil.copytree(home, home + ".copy")
    with opened(path + "2", durable=kept) as copy:
        assert copy["x"] == 1
        copy.destroy()


def test_a_damaged_home_is_told_and_stays(path, home):
    with opened(path, durable=home) as brain:
        brain["large"], brain["x"] = np.ones(100_000), 1
    [file] = [entry.path for entry in os.scandir(os.path.join(home, "data"))]
    with open(file, "r+b") as damaged:
        damaged.seek(1000)
        damaged.write(b"something else")
    reboot(path)
    for _ in range(2):
        with pytest.raises(BrainRestoreError, match="not what was written.*damaged='load'"):
            opened(path, durable=home)
    with opened(path) as brain:
        with pytest.raises(BrainRestoreError):  # and not: the home is brought to what the store is
            brain.sync()
        assert brain.load(path=home, damaged="load").lost.count() == 1
        os.rename(home, home + ".damaged")
        with opened(path, durable=home):
            brain.sync()
    reboot(path)
    with opened(path, durable=home) as brain:
        assert brain.names() == ["x"]


# ---- processes ----------------------------------------------------------------------------------


def test_another_process_syncs_what_one_put_that_was_killed(path, home, other):
    with opened(path, durable=home) as brain:
        putter = other(
            "from brain_plasma import Brain\n"
            f"brain = Brain(path, durable={home!r})\n"
            "brain['x'] = list(range(1000))\nprint('put', flush=True)\ninput()\n"
        )
        assert putter.line() == "put"
        putter.signal(signal.SIGKILL)
        putter.process.wait()
        assert brain.sync().written == 1
        kept = shutil.copytree(home, home + ".copy")
    reboot(path)
    with opened(path, durable=kept) as brain:
        assert brain["x"] == list(range(1000))


def work(path, home, number, barrier, results):
    barrier.wait()
    with opened(path, durable=home) as brain:
        found = brain.get("before")
        for i in range(20):
            brain[f"{number}.{i}"] = i
            brain.sync()
    results.put(found)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_many_at_once(path, home, method):
    n = 4
    with opened(path, durable=home) as brain:
        brain["before"] = "the reboot"
    reboot(path)
    context = multiprocessing.get_context(method)
    barrier, results = context.Barrier(n), context.Queue()
    workers = [context.Process(target=work, args=(path, home, i, barrier, results)) for i in range(n)]
    for worker in workers:
        worker.start()
    assert {results.get() for _ in workers} == {"the reboot"}
    for worker in workers:
        worker.join()
    reboot(path)
    with opened(path, durable=home) as brain:
        assert len(brain.names()) == n * 20 + 1 and brain.check() == []


def test_a_fork_waits_for_a_sync_and_the_child_can_sync(path, home):
    with opened(path, durable=home) as brain:
        syncing, forked = threading.Event(), threading.Event()

        def slowly(_):
            syncing.set()
            assert not forked.is_set()

        brain.set_many({f"name{i}": np.ones(100_000) for i in range(10)})
        thread = threading.Thread(target=brain.sync, kwargs={"progress": slowly})
        thread.start()
        syncing.wait()
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                brain["x"] = 1
                os._exit(0 if brain.sync().written == 1 else 1)
            os._exit(2)
        forked.set()
        thread.join()
        assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_one_who_ends_while_a_home_comes_back_is_made_good_by_another(path, home, other, number):
    with opened(path, durable=home) as brain:
        for i in range(8):
            brain[f"array{i}"] = np.full(70_000, float(i))
    reboot(path)
    opening = (
        "from brain_plasma import Brain\n"
        f"brain = Brain(path, capacity=64_000_000, durable={home!r})\n"
        "print(len(brain), sum(brain[name][-1] for name in brain), flush=True)\ninput()\n"
    )
    first = other(
        "from brain_plasma import dump\n"
        "load = dump.load\n"
        "def stand(progress):\n    print('standing', flush=True)\n    input()\n"
        "dump.load = lambda *arguments: load(*arguments[:-1], stand)\n" + opening
    )
    assert first.line() == "standing"
    others = [
        other(
            "from brain_plasma import Brain, _core\n"
            "def waiting(*arguments):\n"
            "    Brain._wait_mark = _core.Brain._wait_mark\n    print('waiting', flush=True)\n"
            "Brain._wait_mark = waiting\n" + opening
        )
        for _ in range(2)
    ]
    assert [one.line() for one in others] == ["waiting"] * 2
    first.signal(number)
    assert [one.line() for one in others] == ["8 28.0"] * 2


# ---- marks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["restore", "persist", "sync"])
def test_marked_names_come_back(path, how):
    with opened(path) as brain:
        brain["x"], brain["y"] = 1, 2
        brain.learn("model", np.ones(50_000), namespace="models", persist=True)
        brain.persist("x", "later")
        brain["later"] = "a value"
        assert brain.persists("x") and not brain.persists("y")
        assert brain.persists("model", namespace="models") and not brain.persists("model")
        result = brain.sync()
        assert result.path.endswith("/marked.home")
    reboot(path)
    with opened(path, restore=how == "restore") as brain:
        brain["new"] = 5
        if how != "restore":
            assert brain.names() == ["new"]
        if how == "persist":
            brain.persist("new")
            brain.sync()
        if how == "sync":
            with pytest.raises(BrainValueError):  # nobody has said that anything is to be kept here
                brain.sync()
            brain.persist("x")
            brain.sync()
        assert sorted(brain.names("all")) == ["later", "model", "new", "x"]
        assert brain.persists("x") and brain.persists("model", namespace="models")
        assert brain.persists("new") == (how == "persist")


def test_a_mark_that_is_taken_away(path):
    with opened(path) as brain:
        brain["x"], brain["y"] = 1, 2
        brain.persist("x", "y")
        brain.sync()
        brain.persist("x", on=False)
        assert not brain.persists("x")
        assert brain.sync().removed == 1
    reboot(path)
    with opened(path, restore=True) as brain:
        assert brain.names() == ["y"]


def test_of_a_dump_and_of_what_is_kept_the_younger_comes_back(path):
    for is_dump_younger in (True, False):
        with opened(path) as brain:
            brain.clear()
            brain["x"], brain["dumped"] = "first", 1
            brain.persist("x")
            first, second = (brain.sync, brain.dump) if is_dump_younger else (brain.dump, brain.sync)
            place = first().path
            brain["x"] = "second"
            second()
            home = place if is_dump_younger else brain.sync().path
            when = 1000 if is_dump_younger else time.time() + 10
            for name in os.listdir(home):
                os.utime(os.path.join(home, name), (when, when))
            brain.destroy()
        with opened(path, restore=True) as brain:
            assert (brain["x"], brain["dumped"]) == ("second", 1)
            brain.destroy()


def test_a_home_that_was_not_brought_back_is_not_written_over(path):
    with opened(path) as brain:
        brain["x"] = 1
        brain.persist("x")
        brain.sync()
    reboot(path)
    with opened(path) as brain:
        brain.learn("y", 2, persist=True)
        brain.sync()
    reboot(path)
    with opened(path, restore=True) as brain:
        assert sorted(brain.names()) == ["x", "y"]


def test_what_persist_is_given(brain):
    with pytest.raises(TypeError, match="at least one"):
        brain.persist()
    with pytest.raises(BrainNameTypeError):
        brain.persist(5)
    with pytest.raises(BrainValueError, match="True or False"):
        brain.persist("x", on=1)
    with pytest.raises(BrainValueError, match="too long to outlive"):
        brain.persist("x" * 65_535)


# ---- sync_every ---------------------------------------------------------------------------------


def kept_in(home, path):
    """What the home has, as a dict."""
    copy = home + ".look"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(home, copy)
    with opened(path) as brain:
        brain.load(path=copy)
        found = dict(brain.items())
        brain.destroy()
    return found


class Syncs:
    """Counts the syncs of this process; wait() waits for the next one that begins after it."""

    def __init__(self, monkeypatch):
        self.n, self.changed = 0, threading.Condition()
        sync = Brain._sync

        def counting(brain, *arguments):
            result = sync(brain, *arguments)
            with self.changed:
                self.n += 1
                self.changed.notify_all()
            return result

        monkeypatch.setattr(Brain, "_sync", counting, raising=False)

    def wait(self):
        with self.changed:
            wanted = self.n + 2  # one may have begun before
            self.changed.wait_for(lambda: self.n >= wanted)


def test_a_thread_syncs(path, new_path, home, monkeypatch):
    syncs = Syncs(monkeypatch)
    with opened(path, durable=home, sync_every=0.01) as brain:
        brain["x"] = 1
        syncs.wait()
        kept = kept_in(home, new_path())
    assert kept == {"x": 1}
    n = syncs.n
    assert not [thread for thread in threading.enumerate() if thread.name == "brain_plasma sync"]
    assert syncs.n == n


def test_of_marked_names_too(path, monkeypatch):
    syncs = Syncs(monkeypatch)
    with opened(path, sync_every=0.01) as brain:
        brain.learn("x", 1, persist=True)
        syncs.wait()
    reboot(path)
    with opened(path, restore=True) as brain:
        assert brain["x"] == 1


def test_one_process_does_the_work_and_another_follows_it(path, home, other, monkeypatch):
    first = other(
        "from brain_plasma import Brain, syncing\n"
        "import threading\n"
        f"brain = Brain(path, capacity=64_000_000, durable={home!r}, sync_every=0.01)\n"
        "synced = threading.Event()\nsync = Brain._sync\n"
        "def telling(*arguments):\n    result = sync(*arguments)\n    synced.set()\n    return result\n"
        "Brain._sync = telling\n"
        "synced.wait()\nprint('synced', flush=True)\ninput()\n"
    )
    assert first.line() == "synced"
    syncs = Syncs(monkeypatch)
    looks, looked = [], threading.Event()
    lives = Brain._lives

    def looking(brain, *client):
        looks.append(lives(brain, *client))
        if len(looks) >= 3:
            looked.set()
        return looks[-1]

    monkeypatch.setattr(Brain, "_lives", looking, raising=False)
    with opened(path, durable=home, sync_every=0.01) as brain:
        looked.wait()
        assert syncs.n == 0 and all(looks)
        first.signal(signal.SIGKILL)
        first.process.wait()
        syncs.wait()
        assert brain._mark("syncer")[1].startswith(f"{brain._self()[0]}\n")
    with opened(path) as brain:
        assert brain._mark("syncer")[1] == ""


def test_what_goes_wrong_in_the_thread_is_raised_by_the_next_sync(path, home, monkeypatch):
    tried = threading.Semaphore(0)
    sync = Brain._sync

    def failing(brain, *arguments):
        if threading.current_thread() is threading.main_thread():
            return sync(brain, *arguments)
        tried.release()
        raise OSError("the disk is on fire")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with opened(path, durable=home, sync_every=0.01) as brain:
            monkeypatch.setattr(Brain, "_sync", failing, raising=False)
            for _ in range(3):
                tried.acquire()
            with pytest.raises(OSError, match="on fire"):
                brain.sync()
            brain._syncer.stop()
            brain["x"] = 1
            with contextlib.suppress(OSError):  # one more may have failed meanwhile
                brain.sync()
            assert brain.sync().path
    assert len([one for one in caught if one.category is RuntimeWarning]) == 1
    assert "on fire" in str(caught[0].message)


def test_the_last_sync_is_at_the_end_of_the_interpreter(path, home):
    for ending in ("", "raise SystemExit(0)\n"):
        code = (
            "from brain_plasma import Brain\n"
            f"brain = Brain({path!r}, capacity=64_000_000, durable={home!r}, sync_every=3600)\n"
            f"brain['x'] = {ending!r}\n{ending}"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stderr == ""
        reboot(path)
        with opened(path, durable=home) as brain:
            assert brain["x"] == ending


@pytest.mark.parametrize("end", ["killed", "closed"])
def test_a_child_takes_over_from_its_parent(path, new_path, home, other, end):
    parent = other(
        "import os, signal, sys, threading\n"
        "from brain_plasma import Brain\n"
        "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        f"brain = Brain(path, capacity=64_000_000, durable={home!r}, sync_every=0.01)\n"
        "if os.fork() > 0:\n"
        "    signal.sigwait([signal.SIGUSR1])\n"
        "    brain.close()\n    print('closed', flush=True)\n    signal.pause()\n"
        "sync = Brain._sync\n"
        "def telling(*arguments):\n"
        "    result = sync(*arguments)\n"
        "    if result[1] > 0:\n        print('the child wrote', result[1], flush=True)\n"
        "    return result\n"
        "Brain._sync = telling\n"
        "print(sorted(thread.name for thread in threading.enumerate()), flush=True)\n"
        "for line in sys.stdin:\n    brain['x'] = line\n"
        "os._exit(0)\n"
    )
    assert parent.line() == "['MainThread', 'brain_plasma sync']"
    if end == "killed":
        parent.signal(signal.SIGKILL)
        parent.process.wait()
    else:
        parent.signal(signal.SIGUSR1)
        assert parent.line() == "closed"
    parent.tell("after the parent")
    assert parent.line() == "the child wrote 1"
    assert kept_in(home, new_path()) == {"x": "after the parent\n"}


CHILDREN = {
    "fork": "if os.fork() == 0:\n    brain['x'] = 1\n    sys.exit(0)\nos.wait()\n",
    "fork of a fork": (
        "if os.fork() == 0:\n"
        "    if os.fork() == 0:\n        brain['x'] = 1\n        sys.exit(0)\n"
        "    os.wait()\n    os._exit(0)\n"
        "os.wait()\n"
    ),
    "process": (
        "from multiprocessing import get_context\n"
        "worker = get_context('fork').Process(target=brain.__setitem__, args=('x', 1))\n"
        "worker.start()\nworker.join()\n"
    ),
    "process that fails": (
        "from multiprocessing import get_context\n"
        "def work():\n    brain['x'] = 1\n    sys.stderr = open(os.devnull, 'w')\n    raise ValueError\n"
        "worker = get_context('fork').Process(target=work)\n"
        "worker.start()\nworker.join()\n"
    ),
    "process that opens it": (
        "from multiprocessing import get_context\n"
        "def work():\n"
        "    global again\n"
        "    again = Brain(path, durable=home, sync_every=3600)\n"
        "    again['x'] = 1\n"
        "brain._syncer.stop()\n"
        "worker = get_context('fork').Process(target=work)\n"
        "worker.start()\nworker.join()\n"
    ),
    "process of a process": (
        "from multiprocessing import get_context\n"
        "context = get_context('fork')\n"
        "def work():\n"
        "    worker = context.Process(target=brain.__setitem__, args=('x', 1))\n"
        "    worker.start()\n    worker.join()\n    os._exit(0)\n"
        "worker = context.Process(target=work)\n"
        "worker.start()\nworker.join()\n"
    ),
    "forkserver": (
        "from multiprocessing import get_context\n"
        "worker = get_context('forkserver').Process(target=brain.__setitem__, args=('x', 1))\n"
        "worker.start()\nworker.join()\n"
    ),
    "pool": (
        "from concurrent.futures import ProcessPoolExecutor\n"
        "from multiprocessing import get_context\n"
        "with ProcessPoolExecutor(2, get_context('fork')) as pool:\n"
        "    pool.submit(brain.__setitem__, 'x', 1).result()\n"
    ),
}


@pytest.mark.parametrize("child", CHILDREN)
def test_the_last_sync_is_at_the_end_of_a_child_too(path, new_path, home, child):
    """Its parent does not sync any more."""
    code = (
        "import os, sys\nfrom brain_plasma import Brain\n"
        f"path, home = {path!r}, {home!r}\n"
        "brain = Brain(path, capacity=64_000_000, durable=home, sync_every=3600)\n"
        f"{CHILDREN[child]}"
        "os._exit(0)\n"
    )
    ignoring = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    done = subprocess.run(ignoring, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert kept_in(home, new_path()) == {"x": 1}


def test_a_child_has_a_thread_and_locks_of_its_own(path, home):
    """Whatever the parent's thread holds at the fork."""
    with opened(path, durable=home, sync_every=3600) as brain:
        syncer = brain._syncer

        def child():
            assert brain._syncer is not syncer and brain._syncer._thread.is_alive()
            brain["x"] = 1
            assert brain.sync().written == 1
            brain.close()
            assert [thread.name for thread in threading.enumerate()] == ["MainThread"]

        with syncer._stop._cond:
            process = Child(child)
        process.join()
        assert brain._syncer is syncer and syncer._thread.is_alive()


def test_a_child_that_can_have_no_thread_says_so_and_syncs_at_its_end(path, home, monkeypatch):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    with opened(path, durable=home, sync_every=3600) as brain:

        def child():
            brain["x"] = 1
            with pytest.raises(RuntimeError, match="new thread"):
                brain.sync()
            assert brain.sync().written == 1
            brain["y"] = 2
            syncing._finish_all()
            assert brain.sync().written == 0

        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            process = Child(child)
        process.join()


def test_a_child_of_a_fork_that_python_is_not_told_of_begins_with_its_first_sync(path, home, monkeypatch):
    with opened(path, durable=home, sync_every=3600) as brain:

        def child():
            assert "brain_plasma sync" not in [thread.name for thread in threading.enumerate()]
            brain["x"] = 1
            assert brain.sync().written == 1
            assert "brain_plasma sync" in [thread.name for thread in threading.enumerate()]

        with monkeypatch.context() as patch:
            patch.setattr(syncing, "_syncers", set())  # so the handler finds none
            process = Child(child)
        process.join()


def test_a_store_that_goes_ends_the_thread(path, home):
    brain = opened(path, durable=home, sync_every=0.01)
    thread = brain._syncer._thread
    Brain(path).destroy()
    thread.join()
    with pytest.raises(BrainDestroyedError):
        brain["x"] = 1
    brain.close()
    brain = opened(path, durable=home, sync_every=0.01)
    thread = brain._syncer._thread
    brain.destroy()
    assert not thread.is_alive()


def test_a_brain_that_nobody_has_any_more_ends_its_thread(path, home):
    thread = opened(path, durable=home, sync_every=0.01)._syncer._thread
    thread.join()


def test_what_sync_every_takes(path, home):
    for wrong in (0, -1, True, "1", math.nan, math.inf):
        with pytest.raises(BrainValueError, match="sync_every has to be"):
            opened(path, sync_every=wrong)
    with pytest.raises(BrainValueError, match="read_only"):
        opened(path, durable=home, sync_every=1, read_only=True)


# ---- elsewhere ----------------------------------------------------------------------------------


def test_not_over_a_client_of_another_kind():
    for options in ({"durable": True}, {"durable": "/home"}, {"sync_every": 5}):
        with pytest.raises(BrainUnsupportedError, match=f"{next(iter(options))}="):
            Brain(ClientClass=MockPlasmaClient, **options)
    brain = Brain(ClientClass=MockPlasmaClient, durable=False)
    for call in (
        brain.sync,
        lambda: brain.persist("x"),
        lambda: brain.persists("x"),
        lambda: brain.learn("x", 1, persist=True),
    ):
        with pytest.raises(BrainUnsupportedError):
            call()


def test_nothing_of_it_is_imported_by_who_does_not_ask():
    code = (
        "import sys, brain_plasma; "
        "print([m for m in ('homes', 'syncing', 'restoring', 'dump_results') if 'brain_plasma.' + m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
