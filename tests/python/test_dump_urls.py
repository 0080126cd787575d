"""Dumps at URLs: in the memory of fsspec, through file systems that fail, and at a server that speaks S3."""

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

fsspec = pytest.importorskip("fsspec")

from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

from brain_plasma import (
    Brain,
    BrainDumpDamagedError,
    BrainDumpNotFoundError,
    BrainDumpPickleError,
    BrainMissingPackageError,
    BrainNameNotExistError,
    BrainValueError,
)

MEGABYTE = 1_000_000
PART = 5 * 2**20  # the least that S3 takes
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Thing:
    """What can only be pickled."""


@pytest.fixture
def filled(brain):
    brain.learn("x", [1, 2, "three"], "of x")
    brain["array"] = np.arange(2_000_000.0)
    return brain


def test_where_fsspec_only_reads(filled):
    pytest.importorskip("aiohttp")
    for write in (filled.dump, lambda path: filled.export_table("table", path)):
        filled["table"] = pytest.importorskip("pyarrow").table({"a": [1]})
        with pytest.raises(BrainValueError, match="cannot be written to: fsspec only reads there"):
            write(path="http://127.0.0.1:9/x.csv")


@pytest.fixture
def target(new_path):
    with Brain(new_path(), capacity=64 * MEGABYTE) as brain:
        yield brain


@pytest.fixture(autouse=True)
def memory():
    """What is at memory://, which is one for the process: empty at first."""
    MemoryFileSystem.store.clear()
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


@pytest.fixture(autouse=True)
def nothing_runs_on(brain):
    """No thread, snapshot or descriptor of a dump is left, however it ended."""
    before = threading.active_count()
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == "brain-dump"], before
    if not brain.closed:
        assert brain.stat()["n_snapshots"] == 0


def same(brain, target):
    return target["x"] == brain["x"] and np.array_equal(target["array"], brain["array"])


def interrupt(_):
    os.kill(os.getpid(), signal.SIGINT)


# ---- in memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
def test_there_and_back(filled, target, compress):
    seen, down = [], []
    result = filled.dump(path="memory://a/all", compress=compress, progress=seen.append)
    assert (result.path, result.names) == ("memory://a/all", 2)
    assert result.file_bytes == len(MemoryFileSystem.store["/a/all"].getbuffer())
    assert (seen[-1].done_bytes, seen[-1].done_names, seen[-1].phase) == (result.bytes, 2, "write")
    loaded = target.load(path="memory://a/all", progress=down.append)
    assert loaded.names == 2 and same(filled, target)
    assert [one.phase for one in down] == sorted(
        (one.phase for one in down), key=["download", "check", "load"].index
    )
    assert down[0].phase == "download" and down[0].all_bytes == result.file_bytes
    assert target.load("x", path="memory://a/all", existing="keep").kept.count() == 1


def test_nothing_is_there_before_all_of_it_is(filled, memory):
    filled.dump("x", path="memory://all")
    before = memory["/all"].getvalue()
    n_seen = 0

    def look(progress):
        nonlocal n_seen
        n_seen += 1
        assert memory["/all"].getvalue() == before

    filled.dump(path="memory://all", progress=look)
    assert n_seen > 0 and memory["/all"].getvalue() != before


def test_progress_is_told_in_the_thread_of_the_call(filled):
    seen = set()
    filled.dump(path="memory://all", progress=lambda _: seen.add(threading.get_ident()))
    assert seen == {threading.get_ident()}


@pytest.mark.parametrize("stop, error", [(interrupt, KeyboardInterrupt), (lambda _: 1 / 0, ZeroDivisionError)])
def test_what_is_given_up_leaves_what_was_there(filled, memory, stop, error):
    with pytest.raises(error):
        filled.dump(path="memory://all", progress=stop)
    assert memory == {}
    filled.dump("x", path="memory://all")
    before = memory["/all"].getvalue()
    with pytest.raises(error):
        filled.dump(path="memory://all", progress=stop)
    assert memory["/all"].getvalue() == before


def test_what_the_dump_itself_raises(filled, memory):
    with pytest.raises(BrainNameNotExistError, match="'no'"):
        filled.dump("x", "no", path="memory://all")
    assert memory == {}


def test_a_child_that_is_forked_meanwhile_does_not_keep_it_from_ending(filled, target):
    """It has the descriptors, too: the end is not that all are closed."""
    reading, writing = os.pipe()
    children = []

    def fork(_):
        if not children:
            children.append(os.fork())
            if children[0] == 0:
                os.close(writing)
                os.read(reading, 1)  # until the test is over
                os._exit(0)

    filled.dump(path="memory://all", progress=fork)
    os.close(writing)
    os.waitpid(children[0], 0)
    os.close(reading)
    assert target.load(path="memory://all").names == 2


def test_sigpipe_ends_nobody(filled, path):
    """Of a program that has the signal as C has it."""
    code = (
        "import signal, sys\n"
        "from brain_plasma import Brain\n"
        "signal.signal(signal.SIGPIPE, signal.SIG_DFL)\n"
        "def stop(_): raise ZeroDivisionError\n"
        "try: Brain(sys.argv[1]).dump(path='memory://all', progress=stop)\n"
        "except ZeroDivisionError: print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_pickles_of_a_url(filled, target):
    filled["thing"] = Thing()
    filled.dump(path="memory://all")
    with pytest.raises(BrainDumpPickleError, match="1 name of memory://all have pickles") as caught:
        target.load(path="memory://all")
    assert sorted(target.names()) == ["array", "x"]
    assert caught.value.result.refused["default"].keys() == {"thing"}
    assert target.load(path="memory://all", pickle=False).refused.count() == 1
    assert target.load(path="memory://all", pickle=True).names == 3


def test_a_damaged_dump_at_a_url(filled, target, memory):
    filled.dump(path="memory://all")
    data = bytearray(memory["/all"].getvalue())
    data[len(data) // 2] ^= 1
    with fsspec.open("memory://all", "wb") as file:
        file.write(data)
    with pytest.raises(BrainDumpDamagedError):
        target.load(path="memory://all")
    assert target.names() == []
    assert target.load(path="memory://all", damaged="load").lost.count() == 1


def test_what_is_not_there(brain):
    with pytest.raises(BrainDumpNotFoundError, match="no dump at memory://nowhere"):
        brain.load(path="memory://nowhere")


def test_what_is_not_installed_is_said(brain, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "fsspec.core", None)
        with pytest.raises(BrainMissingPackageError, match="package fsspec: pip install fsspec s3fs; or give a path"):
            brain.dump(path="s3://bucket/all")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "s3fs", None)
        with pytest.raises(BrainMissingPackageError, match="pip install s3fs"):
            brain.load(path="s3://bucket/all")
    with pytest.raises(BrainValueError, match="foo"):
        brain.dump(path="foo://all")


def test_a_file_by_its_url(filled, target, tmp_path):
    filled.dump(path=f"file://{tmp_path}/all")
    assert target.load(path=tmp_path / "all").names == 2
    with pytest.raises(KeyboardInterrupt):
        filled.dump(path=f"file://{tmp_path}/other", progress=interrupt)
    assert os.listdir(tmp_path) == ["all"]


def test_it_comes_down_into_a_file_without_a_name(filled, target, tmp_path, monkeypatch):
    filled.dump(path="memory://all")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []
    target.load(path="memory://all", progress=lambda _: seen.extend(os.listdir(tmp_path)))
    assert seen == [] and os.listdir(tmp_path) == []


# ---- file systems that fail ---------------------------------------------------------------------


class Buffered(AbstractBufferedFile):
    """A file that is sent in blocks, as those of S3 are. `fails` says at which step it does."""

    def _upload_chunk(self, final=False):
        self.fs.steps.append("final" if final else "block")
        if self.fs.fails == ("final" if final else "block"):
            raise ConnectionError(f"no {self.fs.fails}")
        return True

    def _initiate_upload(self):
        self.fs.steps.append("begin")

    def commit(self):
        self.fs.steps.append("commit")
        if self.fs.fails == "commit":
            raise ConnectionError("no commit")

    def discard(self):
        self.fs.steps.append("discard")
        if self.fs.fails == "discard":
            raise ConnectionError("no discard")


class Failing(fsspec.AbstractFileSystem):
    protocol = "failing"
    steps = []
    fails = None

    def _open(self, path, mode="rb", **options):
        assert options["autocommit"] is False
        return Buffered(self, path, mode, block_size=2**20, autocommit=False)


@pytest.fixture
def failing(monkeypatch):
    """A function that says at which step the file system failing:// fails, and gives the list of its steps."""
    fsspec.register_implementation("failing", Failing, clobber=True)

    def fail(at):
        monkeypatch.setattr(Failing, "fails", at)
        monkeypatch.setattr(Failing, "steps", [])
        return Failing.steps

    return fail


def test_what_is_written_is_committed(filled, failing):
    steps = failing(None)
    filled.dump(path="failing://all")
    assert steps[0] == "begin" and steps[-2:] == ["final", "commit"] and steps.count("block") >= 5


@pytest.mark.parametrize("at", ["block", "final", "commit"])
def test_an_upload_that_fails_is_given_up(filled, failing, at):
    steps = failing(at)
    with pytest.raises(ConnectionError, match=f"no {at}"):
        filled.dump(path="failing://all")
    assert steps[-1] == "discard" and (at == "commit") == ("commit" in steps)


def test_what_is_stopped_is_given_up(filled, failing):
    steps = failing(None)
    with pytest.raises(KeyboardInterrupt):
        filled.dump(path="failing://all", progress=interrupt)
    assert steps[-1] == "discard" and "final" not in steps and "commit" not in steps


def test_where_it_cannot_be_given_up_that_is_said_beside_what_went_wrong(filled, failing):
    failing("discard")
    with pytest.raises(ZeroDivisionError) as caught:
        filled.dump(path="failing://all", progress=lambda _: 1 / 0)
    assert ["may be left there" in note for note in caught.value.__notes__] == [True]


# ---- S3 -----------------------------------------------------------------------------------------


def die_with_parent():
    """For a child: no server outlives a run of tests that was killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Server:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("s3_server.py")), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
        self.port = self.number("port")
        self.url = f"http://127.0.0.1:{self.port}"

    def number(self, what):
        """That of the next line, which is about `what`."""
        word, number = self.process.stdout.readline().split()
        assert word == what
        return int(number)

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        """Returns the numbers of the parts that came since they were asked for."""
        self.process.terminate()
        output, _ = self.process.communicate()
        return [int(line.split()[1]) for line in output.splitlines()]


class Storage:
    """A server, its bucket "dumps", and how it is found by fsspec."""

    def __init__(self, server):
        boto3 = pytest.importorskip("boto3")
        self.server = server
        self.options = {
            "key": "tests",
            "secret": "tests",
            "endpoint_url": server.url,
            "default_block_size": PART,
            "client_kwargs": {"region_name": "us-east-1"},
        }
        self.client = boto3.client(
            "s3",
            aws_access_key_id="tests",
            aws_secret_access_key="tests",
            endpoint_url=server.url,
            region_name="us-east-1",
        )
        self.client.create_bucket(Bucket="dumps")

    def objects(self):
        """Key -> bytes."""
        found = self.client.list_objects_v2(Bucket="dumps").get("Contents", [])
        return {one["Key"]: one["Size"] for one in found}

    def unfinished(self):
        """How many uploads have begun and were neither finished nor given up."""
        return len(self.client.list_multipart_uploads(Bucket="dumps").get("Uploads", []))


@pytest.fixture
def storage(monkeypatch):
    """A function that starts a server."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    # A proxy of the machine's is not for what stands on it.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    servers = []

    def start(*arguments):
        servers.append(Server(*arguments))
        made = Storage(servers[-1])
        monkeypatch.setitem(fsspec.config.conf, "s3", made.options)
        return made

    yield start
    for server in servers:
        with contextlib.suppress(ValueError):  # it was ended already
            server.end()


def test_s3_takes_a_dump_in_parts_and_gives_it_back(filled, target, storage):
    made = storage()
    result = filled.dump(path="s3://dumps/a/all.brain")
    assert made.objects() == {"a/all.brain": result.file_bytes} and made.unfinished() == 0
    assert target.load(path="s3://dumps/a/all.brain").names == 2 and same(filled, target)
    small = filled.dump("x", path="s3://dumps/small", compress=True)
    assert made.objects()["small"] == small.file_bytes
    assert target.load("x", path="s3://dumps/small", existing="keep").kept.count() == 1
    with pytest.raises(BrainDumpNotFoundError, match="no dump at s3://dumps/nothing"):
        target.load(path="s3://dumps/nothing")
    parts = made.server.end()
    assert parts[:3] == [1, 2, 3]


def test_a_part_that_s3_refuses_leaves_nothing(filled, storage):
    made = storage("--deny", "2")
    filled.dump("x", path="s3://dumps/all")
    before = made.objects()
    with pytest.raises(PermissionError):
        filled.dump(path="s3://dumps/all")
    assert made.objects() == before and made.unfinished() == 0
    assert 2 in made.server.end()


def test_a_dump_that_is_stopped_leaves_nothing_at_s3(filled, storage):
    made = storage()

    def stop(progress):
        if made.server.number("part"):  # the first one is there
            raise ZeroDivisionError

    filled["more"] = np.arange(2_000_000.0)
    with pytest.raises(ZeroDivisionError):
        filled.dump(path="s3://dumps/all", progress=lambda p: p.done_bytes > 2 * PART and stop(p))
    assert made.objects() == {} and made.unfinished() == 0


def test_ctrl_c_in_the_middle_of_an_upload(filled, storage, other):
    """While the network has it: of a process that waits for an answer to its second part."""
    made = storage("--hold", "2")
    child = other(
        "import sys\n"
        "from brain_plasma import Brain\n"
        "try:\n"
        "    Brain(path).dump(path='s3://dumps/all')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
        "    input()\n",
        env={**os.environ, "FSSPEC_S3": json.dumps(made.options)},
    )
    while made.server.number("part") != 2:
        pass
    child.signal(signal.SIGINT)
    assert child.line() == "interrupted"
    assert made.objects() == {} and made.unfinished() == 0
    made.server.go_on()
    child.tell()
    child.end()
    assert made.objects() == {} and made.unfinished() == 0
