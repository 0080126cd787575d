"""Dumps: Brain.dump() and Brain.load(), their places, what they tell, and what goes wrong."""

import os
import pickle
import random
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest
from raw_values import RawStore

from brain_plasma import (
    Brain,
    BrainClientDisconnectedError,
    BrainClosedError,
    BrainCorruptError,
    BrainDumpDamagedError,
    BrainDumpNameNotExistError,
    BrainDumpNotFoundError,
    BrainDumpPickleError,
    BrainFormatError,
    BrainFullError,
    BrainMissingPackageError,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainNamespaceNameError,
    BrainNamespaceNotExistError,
    BrainOSError,
    BrainPermissionError,
    BrainPickleError,
    BrainUnsupportedError,
    BrainValueError,
)
from brain_plasma.dump_results import Progress
from brain_plasma.mock import MockPlasmaClient

MEGABYTE = 1_000_000
FAR = "sessions"
PIECE = 256 * 1024  # of a large value in a dump
ZSTD = bytes.fromhex("28b52ffd")


class Thing:
    """What can only be pickled."""

    def __init__(self, number):
        self.number = number


@pytest.fixture(autouse=True)
def dumps(tmp_path, monkeypatch):
    """The folder of the standard places."""
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path / "dumps"))
    return tmp_path / "dumps"


@pytest.fixture
def filled(brain):
    """Small and large values, in two namespaces."""
    brain.learn("x", {"a": [1, 2, "three"]}, "of x")
    brain["array"] = np.arange(500_000.0)
    brain["none"] = None
    brain.learn("cart", ["a book"], namespace=FAR)
    return brain


@pytest.fixture
def fresh(new_path):
    """A function that opens new stores."""
    opened = []

    def make(path=None, **options):
        opened.append(Brain(path or new_path(), **{"capacity": 64 * MEGABYTE, **options}))
        return opened[-1]

    yield make
    for brain in opened:
        brain.close()


def again(brain):
    """Remove the store, and make it anew at its path, as after a reboot."""
    brain.destroy()
    return Brain(brain.path, capacity=64 * MEGABYTE)


def change(path, offset):
    """Change a byte of a file."""
    data = bytearray(path.read_bytes())
    data[offset] ^= 0xFF
    path.write_bytes(data)


def place_of_data(path, marker):
    """Where a piece of large data with these bytes in it stands."""
    return path.read_bytes().index(marker)


# ---- there and back -----------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True, 1, 19])
def test_what_was_dumped_comes_back(filled, tmp_path, fresh, compress):
    path = tmp_path / "a.brain"
    seen = filled.version("x")
    result = filled.dump(path=path, compress=compress)
    assert (result.names, result.namespaces, result.path) == (4, 2, str(path))
    assert result.bytes > 4_000_000 and result.file_bytes == path.stat().st_size
    assert (path.read_bytes()[:4] == ZSTD) == bool(compress)
    assert (result.file_bytes < result.bytes / 2) == bool(compress)
    other = fresh()
    loaded = other.load(path=path)
    assert (loaded.names, loaded.bytes, loaded.damaged, loaded.untold) == (4, result.bytes, False, 0)
    assert other["x"] == {"a": [1, 2, "three"]} and other["none"] is None
    assert np.array_equal(other["array"], np.arange(500_000.0))
    assert other.recall("cart", namespace=FAR) == ["a book"]
    assert other.metadata("x")["description"] == "of x"
    assert other.explain("x").created == filled.explain("x").created
    assert loaded.versions["default"]["x"] == other.version("x") > seen
    assert loaded.versions[FAR] == {"cart": other.version("cart", namespace=FAR)}
    assert loaded.version == result.version
    assert other.check() == []


def test_who_waits_for_a_newer_version_sees_the_one_that_was_loaded(filled):
    seen = filled.version("x")
    filled.dump()
    filled["x"] = "the last word, that the dump does not have"
    seen = max(seen, filled.version("x"))
    brain = again(filled)
    brain.load()
    assert brain.wait("x", seen, timeout=0) > seen


def test_names_or_a_namespace(filled, tmp_path, fresh):
    some, far = tmp_path / "some", tmp_path / "far"
    assert filled.dump("x", "none", "x", path=some).names == 2
    assert filled.dump(path=far, namespace=FAR).names == 1
    other = fresh()
    assert other.load("x", path=some).versions == {"default": {"x": other.version("x")}}
    assert sorted(other.names("all")) == ["x"]
    assert other.load("cart", namespace=FAR, path=far).names == 1
    other = fresh()
    other.set_namespace(FAR)
    assert other.load(path=far).names == 1 and other.load("cart", path=far).names == 1
    assert other.names() == ["cart"] and other.names("default") == []


def test_names_are_of_the_current_namespace(filled, tmp_path):
    filled.set_namespace(FAR)
    with pytest.raises(BrainNameNotExistError, match="'x' in namespace 'sessions'"):
        filled.dump("x", path=tmp_path / "a")
    assert filled.dump("cart", path=tmp_path / "a").names == 1
    assert filled.dump(path=tmp_path / "a").names == 4  # all is all


@pytest.mark.parametrize("name", ["", "a", "ab", "abc", "b"])
def test_a_name_is_not_one_that_begins_with_it(brain, tmp_path, fresh, name):
    brain.update(dict.fromkeys(["", "a", "ab", "abc", "b"], 5))
    brain.dump(path=tmp_path / "a")
    other = fresh()
    assert other.load(name, path=tmp_path / "a").names == 1 and other.names() == [name]


def test_an_empty_store_and_an_empty_namespace(fresh, tmp_path):
    brain = fresh(namespace=FAR)
    assert brain.dump(path=tmp_path / "a").names == 0
    other = fresh()
    assert other.load(path=tmp_path / "a", namespace=FAR).names == 0
    assert other.namespaces() == {"default", FAR}


def test_names_that_are_no_text(brain, fresh, tmp_path):
    raw = RawStore(brain.path)
    raw.put("x\udcff", 0, b"bytes")
    raw.close()
    brain.dump(path=tmp_path / "a")
    assert list(fresh().load(path=tmp_path / "a").versions["default"]) == ["x\udcff"]


def test_a_dump_is_of_one_moment(brain, other, fresh, tmp_path):
    pair = {"a": 0, "b": 0}
    brain.set_many(pair)
    writer = other(
        "from brain_plasma import Brain\n"
        "brain = Brain(path)\n"
        "i = 0\n"
        "while True:\n"
        "    i += 1\n"
        "    brain.set_many({'a': i, 'b': i})\n"
        "    if i == 100: print('on', flush=True)\n"
    )
    writer.line()
    numbers = set()
    target = fresh()
    for _ in range(20):
        brain.dump(path=tmp_path / "a")
        target.load(path=tmp_path / "a")
        assert target["a"] == target["b"]
        numbers.add(target["a"])
    assert len(numbers) > 1


def test_what_is_there_is_replaced_or_kept(filled, fresh):
    filled.dump()
    filled["x"] = "changed"
    filled["new"] = 1
    del filled["none"]
    kept = filled.load(existing="keep")
    assert (kept.names, filled["x"], filled["none"]) == (1, "changed", None)
    assert set(kept.kept["default"]) == {"x", "array"} and kept.kept[FAR]["cart"] > 0
    assert "3 kept" in repr(kept)
    assert filled.load().names == 4
    assert filled["x"] == {"a": [1, 2, "three"]} and filled["new"] == 1


def test_the_old_dump_stays_until_the_new_one_is_whole(filled, tmp_path):
    path = tmp_path / "a"
    filled.dump(path=path)
    before = path.read_bytes()

    def stop(progress):
        assert path.read_bytes() == before
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        filled.dump(path=path, progress=stop)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_a_read_only_brain_dumps_and_does_not_load(filled, tmp_path):
    with Brain(filled.path, read_only=True) as reader:
        assert reader.dump(path=tmp_path / "a").names == 4
        with pytest.raises(BrainPermissionError):
            reader.load(path=tmp_path / "a")


def test_a_path_in_the_place_of_a_name(brain, tmp_path, dumps):
    """What is given without a word is a name; the error of one that looks like a file says how a path is given."""
    for call, error in ((brain.dump, BrainNameNotExistError), (brain.load, BrainDumpNotFoundError)):
        for name in (str(tmp_path / "all"), "all.brain"):
            with pytest.raises(error) as raised:
                call(name)
            assert str(raised.value).endswith(f"the path of a file is given as path={name!r}")
        with pytest.raises(error) as raised:
            call("all")
        assert "path=" not in str(raised.value)


# ---- the standard place -------------------------------------------------------------------------


def folder_of(brain, dumps):
    return dumps / brain.path.strip("/").replace("/", ",")


def test_each_selection_has_a_file_of_its_own(filled, dumps):
    filled.dump()
    filled.dump("x", "array")
    filled.dump(namespace=FAR)
    filled.dump("cart", namespace=FAR)
    folder = folder_of(filled, dumps)
    assert sorted(os.listdir(folder)) == [
        "all.brain",
        "names,default,array,x.brain",
        "names,sessions,cart.brain",
        "namespace,sessions.brain",
    ]
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(dumps.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_two_stores_do_not_meet(filled, fresh):
    filled.dump()
    other = fresh()
    with pytest.raises(BrainDumpNotFoundError, match="no dump that would have all of the store"):
        other.load()


def test_a_load_takes_the_newest_that_would_have_it(filled, dumps):
    places = [filled.dump(), filled.dump("x", "array"), filled.dump("x"), filled.dump(namespace=FAR)]
    names = [os.path.basename(place.path) for place in places]

    def newest(i, *arguments, **options):
        for place in places:
            os.utime(place.path, (1000, 1000 + (place is places[i])))
        return os.path.basename(filled.load(*arguments, **options).path)

    assert newest(0, "x") == names[0] and newest(1, "x") == names[1] and newest(2, "x") == names[2]
    assert newest(0, "x", "array") == names[0] and newest(1, "array", "x") == names[1]
    assert newest(2, "x", "array") in names[:2]
    assert newest(3, namespace=FAR) == newest(3, "cart", namespace=FAR) == names[3]
    assert newest(0, "cart", namespace=FAR) == names[0]
    assert all(newest(i) == names[0] for i in range(4))


def test_a_selection_alone_is_found_by_its_names(filled):
    filled.dump("x", "array")
    assert filled.load("array").names == 1
    with pytest.raises(BrainDumpNotFoundError, match="'none' of the namespace 'default'.*array,x.brain"):
        filled.load("none")
    with pytest.raises(BrainDumpNotFoundError):
        filled.load("x", namespace=FAR)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "/", "a,b", "%2C", "#", "é\n", "a" * 250, "b" * 60_000, "~"]
)
def test_names_of_files_for_names_of_all_kinds(fresh, name):
    brain = fresh(long_namespaces=True)
    namespace = (name or "empty")[:200]
    brain.set_namespace(namespace)
    brain[name] = "it"
    brain[name + "!"] = "another"
    places = {brain.dump(name).path, brain.dump(name, name + "!").path, brain.dump(namespace=namespace).path}
    assert len(places) == 3 and len({os.path.dirname(place) for place in places}) == 1
    del brain[name]
    assert brain.load(name).names == 1 and brain[name] == "it"
    assert brain.load(namespace=namespace).names == 2


def test_a_name_with_a_comma_is_not_two_names(brain):
    brain.update({"a,b": 1, "a": 2, "b": 3})
    places = {brain.dump(*names).path for names in [("a,b",), ("a", "b"), ("a",), ("b",)]}
    assert len(places) == 4


def test_a_path_that_is_long(tmp_path, fresh, dumps):
    path = "/dev/shm" + "".join(f"/brain-test-{os.getpid()}-{'x' * 150}" for _ in range(2))
    os.mkdir(os.path.dirname(path))
    try:
        brain = fresh(path)
        brain["x"] = 1
        brain.dump()
        assert brain.load("x").names == 1
        brain.destroy()
    finally:
        os.rmdir(os.path.dirname(path))


def test_the_place_without_the_variable_is_that_of_the_user(brain, tmp_path, monkeypatch):
    monkeypatch.delenv("BRAIN_PLASMA_DUMPS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    brain["x"] = 1
    assert brain.dump().path.startswith(f"{tmp_path}/data/brain-plasma/")
    assert brain.load().names == 1


def test_a_relative_path_is_another_place_than_the_same_from_elsewhere(new_path, monkeypatch):
    path = new_path()
    monkeypatch.chdir("/dev/shm")
    with Brain(f"./{os.path.basename(path)}", capacity=MEGABYTE) as brain:
        brain["x"] = 1
        monkeypatch.chdir("/")
        place = brain.dump().path
    with Brain(path) as brain:
        assert brain.load().path == place


def test_without_platformdirs_it_says_so(brain, monkeypatch):
    monkeypatch.delenv("BRAIN_PLASMA_DUMPS")
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(BrainMissingPackageError, match="platformdirs.*path=.*BRAIN_PLASMA_DUMPS") as caught:
        brain.dump()
    assert isinstance(caught.value, ImportError)


def test_nothing_of_it_is_imported_with_the_package():
    code = (
        "import sys, brain_plasma; "
        "print([m for m in ('platformdirs', 'fsspec', 'struct', 'brain_plasma.dump') if m in sys.modules])"
    )
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path}; {code}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"


# ---- progress, signals, threads -----------------------------------------------------------------


def test_progress_is_told(filled, tmp_path):
    seen = []
    result = filled.dump(path=tmp_path / "a", progress=seen.append)
    assert all(type(one) is Progress for one in seen)
    assert [one.phase for one in seen] == sorted((one.phase for one in seen), key=["list", "write"].index)
    last = seen[-1]
    assert (last.done_bytes, last.all_bytes) == (result.bytes, result.bytes)
    assert (last.done_names, last.all_names) == (4, 4)
    assert [one.done_bytes for one in seen] == sorted(one.done_bytes for one in seen)
    seen.clear()
    filled.load(path=tmp_path / "a", progress=seen.append)
    phases = [one.phase for one in seen]
    assert phases == sorted(phases, key=["check", "load"].index) and set(phases) == {"check", "load"}
    assert (seen[-1].done_bytes, seen[-1].done_names) == (result.bytes, 4)
    assert repr(seen[-1]) == "<load: 4.0 MB of 4.0 MB, 4 of 4 names>"


def test_progress_is_told_in_the_thread_of_the_call(filled, tmp_path):
    seen = []
    filled.dump(path=tmp_path / "a", progress=lambda _: seen.append(threading.get_ident()))
    assert set(seen) == {threading.get_ident()}


def test_what_progress_raises_ends_the_call(filled, tmp_path, fresh):
    def stop(progress):
        raise ZeroDivisionError(progress.phase)

    for path in (tmp_path / "a", None):
        with pytest.raises(ZeroDivisionError):
            filled.dump(path=path, progress=stop)
    assert os.listdir(tmp_path) == ["dumps"] and os.listdir(folder_of(filled, tmp_path / "dumps")) == []
    filled.dump(path=tmp_path / "a")
    other = fresh()
    with pytest.raises(ZeroDivisionError, match="check"):
        other.load(path=tmp_path / "a", progress=stop)
    assert other.names("all") == []
    assert filled.stat()["n_snapshots"] == other.stat()["n_snapshots"] == 0


def test_progress_may_use_the_brain_and_close_it(filled, tmp_path):
    def use(progress):
        filled["during"] = progress.done_bytes
        filled.close()

    assert filled.dump(path=tmp_path / "a", progress=lambda _: filled.get("x")).names == 4
    with Brain(filled.path) as brain:
        assert filled.dump(path=tmp_path / "a", progress=lambda p: filled.closed or use(p)).names == 4
        assert "during" in brain


def test_two_threads_dump_at_once_to_one_place(filled, tmp_path):
    threads = [threading.Thread(target=filled.dump, kwargs={"path": tmp_path / "a"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.listdir(tmp_path) == ["a"]
    assert filled.load(path=tmp_path / "a").names == 4


def test_what_is_no_function_is_no_progress(filled, tmp_path):
    for call in (filled.dump, filled.load):
        with pytest.raises(TypeError, match="progress has to be"):
            call(path=tmp_path / "a", progress=5)


class Pipe:
    """A pipe, and a thread that reads what a dump writes into it: first `n` bytes, then it calls `then`, and then it
    reads all the rest."""

    def __init__(self, n, then):
        self.reading, self.writing = os.pipe()
        self.n_bytes = 0
        self.thread = threading.Thread(target=self._read, args=(n, then))
        self.thread.start()

    def _read(self, n, then):
        while piece := os.read(self.reading, 65536):
            before, self.n_bytes = self.n_bytes, self.n_bytes + len(piece)
            if before < n <= self.n_bytes:
                then()

    def end(self):
        os.close(self.writing)
        self.thread.join()
        os.close(self.reading)


def test_other_threads_run_during_a_dump(filled):
    seen = []
    pipe = Pipe(1_000_000, lambda: seen.append(filled["x"]))
    try:
        result = filled._dump(pipe.writing, (), None, 0, None)
    finally:
        pipe.end()
    assert seen and pipe.n_bytes == result[4]


def test_ctrl_c_ends_a_dump(filled):
    """Also where nobody wants to know of progress: the handler runs in the middle."""
    n = 500  # what is asked for so often is dumped as often
    pipe = Pipe(3_000_000, lambda: os.kill(os.getpid(), signal.SIGINT))
    try:
        with pytest.raises(KeyboardInterrupt):
            filled._dump(pipe.writing, ("array",) * n, None, 0, None)
    finally:
        pipe.end()
    assert pipe.n_bytes < n * 4_000_000
    assert filled.stat()["n_snapshots"] == 0


def interrupt(_):
    os.kill(os.getpid(), signal.SIGINT)


def test_after_ctrl_c_there_is_no_dump(filled, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        filled.dump(path=tmp_path / "a", progress=interrupt)
    assert os.listdir(tmp_path) == []


def test_after_ctrl_c_a_load_may_be_made_again(filled, tmp_path, fresh):
    for i in range(5):
        filled[f"array{i}"] = np.arange(500_000.0) + i
    filled.dump(path=tmp_path / "a")
    other = fresh()

    def stop(progress):
        if progress.phase == "load":
            interrupt(progress)

    with pytest.raises(KeyboardInterrupt):
        other.load(path=tmp_path / "a", progress=stop)
    before = other.names("all")
    assert 0 < len(before) < 9
    result = other.load(path=tmp_path / "a", existing="keep")
    assert result.kept.count() == len(before) and len(other.names("all")) == 9
    assert all(other[f"array{i}"][0] == i for i in range(5))


def test_nothing_is_left_open(filled, tmp_path):
    def descriptors():
        return sorted(os.listdir("/proc/self/fd"))

    filled.dump(path=tmp_path / "a")
    filled.load(path=tmp_path / "a")
    before = descriptors()
    for _ in range(3):
        filled.dump(path=tmp_path / "a", compress=True)
        filled.load(path=tmp_path / "a", existing="keep")
        with pytest.raises(KeyboardInterrupt):
            filled.dump(path=tmp_path / "a", progress=interrupt)
    assert descriptors() == before


# ---- what goes wrong ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda b, p: b.dump("no", path=p), BrainNameNotExistError, "there is no 'no' in namespace 'default'"),
        (lambda b, p: b.dump("x", "no", namespace=FAR, path=p), BrainNameNotExistError, "'x'.*'sessions'"),
        (lambda b, p: b.dump(namespace="nowhere", path=p), BrainNamespaceNotExistError, "nowhere: there is none"),
        (lambda b, p: b.dump(path=p / "b"), BrainDumpNotFoundError, "No such file or directory"),
        (lambda b, p: b.dump(path=p.parent), BrainValueError, "it is no file"),
        (lambda b, p: b.dump(["x"]), BrainNameTypeError, r"not \['x'\]"),
        (lambda b, p: b.dump(namespace=5), BrainNameTypeError, "not 5"),
        (lambda b, p: b.dump(namespace=""), BrainNamespaceNameError, "1 to 255 bytes"),
        (lambda b, p: b.dump("\ud800", path=p), BrainValueError, "surrogates"),
        (lambda b, p: b.dump(path=""), BrainValueError, "cannot be the path"),
        (lambda b, p: b.dump(path="a\0b"), BrainValueError, "cannot be the path"),
        (lambda b, p: b.dump(compress=0), BrainValueError, "from 1 .* to 19 .*not 0"),
        (lambda b, p: b.dump(compress=20), BrainValueError, "not 20"),
        (lambda b, p: b.dump(compress="zstd"), BrainValueError, "not 'zstd'"),
        (lambda b, p: b.load(path=p), BrainDumpNotFoundError, "cannot load .*No such file"),
        (lambda b, p: b.load(path=p.parent), BrainOSError, "Is a directory"),
        (lambda b, p: b.load(path=__file__), BrainFormatError, "test_dump.py: this is no dump"),
        (lambda b, p: b.load(path=p, damaged=True), BrainValueError, "'refuse' or 'load', not True"),
        (lambda b, p: b.load(path=p, existing="skip"), BrainValueError, "'replace' or 'keep', not 'skip'"),
        (lambda b, p: b.load(path=p, pickle="yes"), BrainValueError, "None, True or False, not 'yes'"),
    ],
)
def test_errors(filled, tmp_path, call, error, words):
    with pytest.raises(error, match=words) as caught:
        call(filled, tmp_path / "a")
    assert type(caught.value) is error
    assert os.listdir(tmp_path) in ([], ["dumps"])


def test_no_such_file_is_python_s_own_error(brain, tmp_path):
    with pytest.raises(FileNotFoundError):
        brain.load(path=tmp_path / "a")


def test_names_that_the_dump_does_not_have(filled, fresh, tmp_path):
    filled.dump(path=tmp_path / "a")
    other = fresh()
    with pytest.raises(BrainDumpNameNotExistError, match="no 'no' in .*'default' of the dump .*nor 1 other") as caught:
        other.load("x", "no", "nor that", path=tmp_path / "a")
    error = caught.value
    assert isinstance(error, KeyError) and error.missing == ("no", "nor that")
    assert error.result.names == 1 and other["x"]
    with pytest.raises(BrainNamespaceNotExistError, match="no namespace 'nowhere' in the dump"):
        other.load(namespace="nowhere", path=tmp_path / "a")
    with pytest.raises(BrainDumpNameNotExistError, match="'x' in namespace 'nowhere'"):
        other.load("x", namespace="nowhere", path=tmp_path / "a")


def test_a_damaged_dump_is_refused_and_says_what_can_be_done(filled, fresh, tmp_path):
    path = tmp_path / "a"
    filled.dump(path=path)
    change(path, place_of_data(path, np.float64(100_000.0).tobytes()))
    other = fresh()
    with pytest.raises(BrainDumpDamagedError, match=f'{path}: the dump is damaged at byte .*damaged="load"') as caught:
        other.load(path=path)
    assert isinstance(caught.value, BrainCorruptError)
    assert other.names("all") == []
    result = other.load(path=path, damaged="load")
    assert result.damaged and result.untold == 0
    assert result.lost == {"default": {"array": 4_000_000}}
    assert sorted(other.names("all")) == ["cart", "none", "x"]
    assert "1 lost" in repr(result) and "damaged" in repr(result)


def test_a_dump_that_ends_too_early(filled, fresh, tmp_path):
    path = tmp_path / "a"
    filled.dump(path=path)
    path.write_bytes(path.read_bytes()[:50])
    other = fresh()
    with pytest.raises((BrainDumpDamagedError, BrainFormatError)):
        other.load(path=path)
    filled.dump(path=path)
    path.write_bytes(path.read_bytes()[: -PIECE])
    with pytest.raises(BrainDumpDamagedError, match="data of a large value are missing"):
        other.load(path=path)
    result = other.load(path=path, damaged="load")
    assert "array" in result.lost["default"]


def test_what_is_to_come_is_counted_before_anything_comes(brain, fresh, tmp_path):
    """Whoever deletes meanwhile what was to be kept has it loaded, too, and a cache makes room for that."""
    path = tmp_path / "a"
    for name in "xy":
        brain[name] = bytes(2 * MEGABYTE)
    brain.dump(path=path)
    other = fresh(capacity=3 * MEGABYTE, when_full="lru")
    other["x"] = bytes(MEGABYTE)

    def delete(progress):
        if progress.phase == "check":
            other.pop("x", None)

    assert other.load(path=path, existing="keep", progress=delete).names == 2
    assert other.names() == ["y"]


def test_damage_of_a_compressed_dump_costs_what_is_damaged_alone(brain, fresh, tmp_path):
    """Nor is what stands before it lost, nor the end."""
    path = tmp_path / "a"
    chance = random.Random(0)
    for i in range(6):
        brain[f"v{i}"] = chance.randbytes(MEGABYTE // 2) + bytes(MEGABYTE // 2)
    brain.dump(path=path, compress=True)
    whole = path.read_bytes()
    assert whole[4] & 4 == 0  # no checksum of all: RFC 8878, 3.1.1.1.1
    # What is random is not compressed; but a block of zstd may end within one of these.
    middle = max(whole.find(brain["v3"][at : at + 20]) for at in (250_000, 250_020))
    assert middle > 0
    change(path, middle)
    with pytest.raises(BrainDumpDamagedError):
        fresh().load(path=path)
    assert fresh().load(path=path, damaged="load").lost["default"].keys() == {"v3"}


def test_where_the_list_of_names_is_damaged_there_may_be_others(filled, fresh, tmp_path):
    path = tmp_path / "a"
    filled.dump(path=path)
    data = path.read_bytes()
    change(path, data.index(b"array"))
    path.write_bytes(path.read_bytes()[:-PIECE])
    result = fresh().load(path=path, damaged="load")
    assert result.untold != 0 and "others lost" in repr(result)


def test_pickles_of_a_file_that_others_could_have_written(brain, fresh, tmp_path):
    brain["thing"], brain["x"] = Thing(5), 5
    path = tmp_path / "a"
    brain.dump(path=path)
    other = fresh()
    assert other.load(path=path).names == 2 and other["thing"].number == 5
    os.chmod(path, 0o666)
    other = fresh()
    with pytest.raises(BrainDumpPickleError, match=f"1 name of {path} have pickles.*pickle=True loads them") as caught:
        other.load(path=path)
    assert isinstance(caught.value, BrainPickleError)
    assert caught.value.result.refused["default"].keys() == {"thing"}
    assert other.names() == ["x"]
    result = other.load(path=path, pickle=False)
    assert result.refused.count() == 1 and "1 refused" in repr(result)
    assert other.load(path=path, pickle=True).names == 2 and other["thing"].number == 5


def test_what_does_not_fit_is_said_before_anything_has_changed(filled, fresh, tmp_path):
    filled.dump(path=tmp_path / "a")
    other = fresh(capacity=MEGABYTE)
    with pytest.raises(BrainFullError, match="come to .* bytes.*: resize it to more.*Nothing has been changed$"):
        other.load(path=tmp_path / "a")
    assert other.names("all") == []
    assert other.load("x", "none", path=tmp_path / "a").names == 2
    with pytest.raises(BrainFullError, match="come to 4[0-9]+ bytes"):
        other.load(path=tmp_path / "a", existing="keep")
    other.resize(4_500_000)
    other["array"] = bytes(4_400_000)
    assert other.load(path=tmp_path / "a", existing="keep").kept["default"].keys() == {"x", "none", "array"}


def test_a_load_that_fails_in_the_middle_says_what_it_did(filled, fresh, tmp_path):
    filled["bytes"] = bytes(100)
    filled.dump("bytes", "array", path=tmp_path / "a")
    other = fresh(capacity=5 * MEGABYTE)
    other["other"] = bytes(2 * MEGABYTE)  # is not counted: it may go meanwhile
    with pytest.raises(BrainFullError, match="1 name had been loaded before that, and stays;"):
        other.load(path=tmp_path / "a", existing="keep")
    assert set(other.names()) == {"bytes", "other"}


def test_a_full_disk(filled):
    small = f"/dev/shm/brain-test-{os.getpid()}-mount"
    os.mkdir(small)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True)
    try:
        if done.returncode != 0:
            pytest.skip("no right to mount")
        advice = "Free some of the disk, or choose another place"
        with pytest.raises(BrainFullError, match=f"No space left on device. {advice}$"):
            filled.dump(path=f"{small}/a")
        assert os.listdir(small) == []
    finally:
        subprocess.run(["umount", small], capture_output=True)
        os.rmdir(small)


@pytest.mark.parametrize("method", ["dump", "load"])
def test_a_brain_that_is_closed_or_asleep(filled, method):
    filled.sleep()
    with pytest.raises(BrainClientDisconnectedError):
        getattr(filled, method)()
    filled.wake_up()
    filled.close()
    with pytest.raises(BrainClosedError):
        getattr(filled, method)()


@pytest.mark.parametrize("method", ["dump", "load"])
def test_a_brain_over_a_client_has_no_dumps(method):
    brain = Brain("/nowhere/at/all", ClientClass=MockPlasmaClient)
    with pytest.raises(BrainUnsupportedError, match=f"{method}.. needs a store"):
        getattr(brain, method)()
    with pytest.raises(BrainUnsupportedError, match="restore=True needs a store"):
        Brain("/nowhere/at/all", ClientClass=MockPlasmaClient, restore=True)


# ---- results ------------------------------------------------------------------------------------


def test_results_show_what_was_done(filled, tmp_path):
    path = tmp_path / "a"
    result = filled.dump("x", path=path)
    assert repr(result) == f"<Dump of 1 name, {result.bytes} bytes, in {str(path)!r}, {result.file_bytes} bytes>"
    assert repr(filled.load(path=path)) == f"<Load of 1 name, {result.bytes} bytes, from {str(path)!r}>"
    again = pickle.loads(pickle.dumps(filled.load(path=path)))
    assert again.versions["default"]["x"] == filled.version("x")


def test_a_hundred_thousand_names_are_objects_only_when_somebody_looks(brain, tmp_path):
    names = [f"name {i}" for i in range(100_000)]
    brain.set_many(dict.fromkeys(names, 5))
    brain.dump(path=tmp_path / "a")
    versions = brain.load(path=tmp_path / "a").versions
    in_default = versions["default"]
    assert len(in_default) == versions.count() == 100_000
    assert in_default._found is None and len(in_default._packed) == 1
    assert repr(versions) == "{'default': <100,000 names>}"
    assert in_default["name 77"] == brain.version("name 77")
    assert set(in_default) == set(names)


def test_a_description_of_all_that_is_dumped_comes_without_a_value_changing(filled, tmp_path):
    """Also no description is one: what is replaced has its own no longer."""
    filled.dump("array", path=tmp_path / "a")
    filled.learn("array", 5, "of another")
    filled.load(path=tmp_path / "a")
    assert filled.metadata("array")["description"] == ""
