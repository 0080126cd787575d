"""plasma_store: its command line, its signals, one of them a store, and start_plasma_store()."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time

import numpy as np
import pytest
from brain_plasma import Brain, BrainDestroyedError, __version__
from brain_plasma import store_process
from brain_plasma.store_process import start_plasma_store

MEGABYTE = 1_000_000
READY = "plasma_store: ready: "
PATIENCE_S = 120  # only for what never comes


def until(condition):
    """Wait until `condition()` holds. Returns what it gave."""
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)
    return result


@pytest.fixture(scope="module")
def program():
    return store_process._find_program()


@pytest.fixture
def run(program):
    """A function that runs plasma_store to its end."""

    def run(*args):
        done = subprocess.run(
            [program, *args], capture_output=True, text=True, timeout=PATIENCE_S
        )
        return done.returncode, done.stdout, done.stderr

    return run


def with_sighup():
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests may run under nohup


class Keeper:
    """A plasma_store that runs."""

    def __init__(self, program, *args, **popen):
        popen.setdefault("preexec_fn", with_sighup)
        self.process = subprocess.Popen(
            [program, *args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **popen
        )
        self.remarks = []  # what it said before it was ready

    pid = property(lambda self: self.process.pid)

    def wait_until_ready(self):
        """The line that says so; None where it ended instead."""
        for line in self.process.stderr:
            if line.startswith(READY):
                return line.rstrip("\n")
            self.remarks.append(line.rstrip("\n"))
        return None

    def end(self, number=signal.SIGTERM):
        """Its exit status, and what it said last."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        _, words = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, words


@pytest.fixture
def begin(program):
    """A function that starts a plasma_store, whether it gets ready or not."""
    keepers = []

    def begin(*args, **popen):
        keepers.append(Keeper(program, *args, **popen))
        return keepers[-1]

    yield begin
    for process in (keeper.process for keeper in keepers):
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stderr.close()


@pytest.fixture
def start(begin):
    """A function that starts a plasma_store, and waits until it is ready."""

    def start(path, *args, capacity=50 * MEGABYTE, **popen):
        keeper = begin("-m", str(capacity), "-s", path, *args, **popen)
        assert keeper.wait_until_ready(), keeper.remarks
        return keeper

    return start


def is_gone(path):
    return not os.path.lexists(path)


# ---- the command line ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "-m BYTES, the capacity, and -s PATH, where the store shall be, are missing"),
        (["-m", "1000000"], "-s PATH, where the store shall be, is missing"),
        (["-s", "{path}"], "-m BYTES, the capacity of the store, is missing"),
        (["-m"], "-m needs a value"),
        (["-s"], "-s needs a value"),
        (["-m", "10M", "-s", "{path}"], "in digits alone, not '10M'"),
        (["-m", "1e6", "-s", "{path}"], "in digits alone, not '1e6'"),
        (["-m", "-1000000", "-s", "{path}"], "in digits alone, not '-1000000'"),
        (["-m", " 1000000", "-s", "{path}"], "in digits alone, not ' 1000000'"),
        (["-m", "1000000 ", "-s", "{path}"], "in digits alone, not '1000000 '"),
        (["-m", "", "-s", "{path}"], "in digits alone, not ''"),
        (["-m", "4095", "-s", "{path}"], "takes 4096 to 4398046511104 bytes, not 4095"),
        (["-m", "0", "-s", "{path}"], "takes 4096 to 4398046511104 bytes, not 0"),
        (["-m", "4398046511105", "-s", "{path}"], "bytes, not 4398046511105"),
        (["-m", "9" * 40, "-s", "{path}"], "bytes, not 9999"),
        (["-m", "1000000", "-s", "{path}", "more"], "'more'"),
        (["-m", "1000000", "-s", "{path}", "-x"], "does not know -x"),
        (["--size=1000000", "-s", "{path}"], "does not know --size=1000000"),
        (["-m", "1000000", "-s", "{path}", "-e", "hashtable://x"], "takes a directory"),
        (["-m", "1000000", "-s", "{path}", "-h"], "-h, huge pages, needs -d DIRECTORY"),
        (["-m", "1000000", "-s", ""], "the path of a store is empty"),
    ],
)
def test_a_wrong_command_line_is_said_in_words(run, path, args, words):
    status, output, errors = run(*(arg.format(path=path) for arg in args))
    assert status == 1
    assert output == ""
    assert errors.startswith("plasma_store: ") and words in errors
    assert is_gone(path)


def test_help_and_version(run):
    status, output, errors = run("--help")
    assert (status, errors) == (0, "")
    for flag in ("-m BYTES", "-s PATH", "-d DIRECTORY", "-h ", "-e ", "-k, --keep", "--version"):
        assert flag in output
    assert run("--version") == (0, f"plasma_store {__version__}\n", "")


@pytest.mark.parametrize(
    "form", ["-m=5000000 -s={path}", "--m=5000000 --s {path}", "-m5000000 -s{path}"]
)
def test_every_way_to_write_an_option(begin, path, form):
    keeper = begin(*form.format(path=path).split())
    assert keeper.wait_until_ready()
    with Brain(path, create=False) as brain:
        assert brain.size() == 5_000_000


def test_a_parent_that_is_missing_is_named(run, path):
    status, _, errors = run("-m", "1000000", "-s", f"{path}/below")
    assert status == 1
    assert path in errors and "does not exist" in errors


def test_what_is_no_store_is_left_alone(run, path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        try:
            status, _, errors = run("-m", "1000000", "-s", path)
            assert status == 1
            assert errors.startswith("plasma_store: ") and path in errors
            assert os.path.exists(path)
        finally:
            os.unlink(path)


# ---- the store that it makes ---------------------------------------------------------------------


def test_makes_a_store_of_exactly_that_capacity(start, path):
    keeper = start(path)
    with Brain(path, create=False) as brain:
        assert brain.size() == 50_000_000
        assert brain.bytes == 50_000_000
        assert brain.mb == "50 MB"
        assert brain.used() == 0
        assert brain.free() == 50_000_000
        assert len(brain) == 0
    assert keeper.remarks == []


def test_one_value_as_large_as_the_capacity_fits(start, path):
    start(path, capacity=5_000_000)
    with Brain(path, create=False) as brain:
        brain["all"] = np.zeros(5_000_000, np.uint8)
        assert brain.free() == 0


def test_says_where_the_store_is(begin, tmp_path):
    path = str(tmp_path / "plasma")
    keeper = begin("-m", "5000000", "-s", path)
    line = keeper.wait_until_ready()
    directory = os.path.realpath(path)
    assert line == f"{READY}{path} holds 5000000 bytes, in {directory}"
    assert directory.startswith("/dev/shm/")
    assert keeper.end() == (0, "")
    assert is_gone(path) and is_gone(directory)


def test_a_relative_path_is_from_the_current_directory(begin, tmp_path):
    keeper = begin("-m", "5000000", "-s", "plasma", cwd=tmp_path)
    assert keeper.wait_until_ready()
    with Brain(tmp_path / "plasma", create=False) as brain:
        assert brain.size() == 5_000_000
    assert keeper.end() == (0, "")


@pytest.fixture
def directory(new_path):
    """A directory in memory that is no store."""
    directory = new_path()
    os.mkdir(directory)
    yield directory
    shutil.rmtree(directory)


def test_the_memory_is_in_the_directory_of_d(start, tmp_path, directory):
    path = str(tmp_path / "plasma")
    keeper = start(path, "-d", directory)
    assert os.path.dirname(os.path.realpath(path)) == directory
    with Brain(path, create=False) as brain:
        brain["x"] = 1
    assert keeper.end() == (0, "")
    assert is_gone(path) and os.listdir(directory) == []


def test_a_store_that_is_taken_over_stays_where_it_is(start, path, brain, directory):
    brain["x"] = "still here"
    keeper = start(path, "-d", directory)
    assert keeper.remarks[1:] == [
        "plasma_store: it stays where it is: -d and -h are for a store that is made"
    ]
    assert brain["x"] == "still here"


def test_one_that_is_taken_over_in_the_same_directory(start, tmp_path, directory):
    path = str(tmp_path / "plasma")
    start(path, "-d", directory).end(signal.SIGKILL)
    keeper = start(path, "-d", f"{directory}/.")
    assert len(keeper.remarks) == 1
    assert keeper.end() == (0, "")
    assert os.listdir(directory) == []


def test_a_directory_that_is_not_in_memory_is_refused(run, path):
    status, _, errors = run("-m", "1000000", "-s", path, "-d", "/proc")
    assert status == 1
    assert "the directory /proc" in errors and "is not on a tmpfs" in errors
    assert is_gone(path)


def test_a_directory_that_is_missing_is_refused(run, path):
    status, _, errors = run("-m", "1000000", "-s", path, "-d", "/nonexistent")
    assert status == 1
    assert 'no directory "/nonexistent"' in errors
    assert is_gone(path)


# ---- huge pages ----------------------------------------------------------------------------------


def test_huge_pages_need_a_file_system_that_has_them(run, path, tmp_path):
    status, _, errors = run("-m", "1000000", "-s", path, "-h", "-d", "/proc")
    assert status == 1
    assert "/proc is on no tmpfs" in errors and "mount -t tmpfs -o huge=always" in errors
    status, _, errors = run("-m", "1000000", "-s", path, "-h", "-d", str(tmp_path / "missing"))
    assert status == 1
    assert "cannot look at" in errors and "missing: No such file or directory" in errors
    assert is_gone(path)


def mounted(options):
    """A command that runs another with a tmpfs on /mnt, which nobody else sees."""
    script = f'mount -t tmpfs -o "{options}" tmpfs /mnt && exec "$0" "$@"'
    command = ["unshare", "-m", "sh", "-c", script]
    try:
        if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
            return command
    except OSError:
        pass
    pytest.skip("no mount namespaces here")


@pytest.mark.parametrize("huge", ["always", "within_size", "advise"])
def test_huge_pages_where_the_tmpfs_gives_them(tmp_path, begin, program, huge):
    path = str(tmp_path / "plasma")
    command = mounted(f"huge={huge},size=64m")
    keeper = Keeper(*command, program, "-m", "5000000", "-s", path, "-d", "/mnt", "-h")
    try:
        line = keeper.wait_until_ready()
        assert line, keeper.remarks
        assert line.startswith(f"{READY}{path} holds 5000000 bytes, in /mnt/")
    finally:
        assert keeper.end() == (0, "")
    assert is_gone(path)


@pytest.mark.parametrize("options", ["size=64m", "huge=never,size=64m"])
def test_a_tmpfs_without_huge_pages_is_refused(path, program, options):
    command = [*mounted(options), program, "-m", "5000000", "-s", path, "-d", "/mnt", "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert "the tmpfs of /mnt has no huge pages" in done.stderr
    assert is_gone(path)


# ---- the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_and_removes_the_store(start, path, number):
    keeper = start(path)
    directory = os.path.realpath(path)
    assert keeper.end(number) == (0, "")
    assert is_gone(path) and is_gone(directory)


def test_who_has_the_store_open_keeps_what_they_recalled(start, path):
    keeper = start(path)
    with Brain(path, create=False) as brain:
        brain["x"] = np.arange(1000)
        array = brain["x"]
        assert keeper.end() == (0, "")
        with pytest.raises(BrainDestroyedError):
            brain["x"]
        with pytest.raises(BrainDestroyedError):
            brain["y"] = 1
    assert array.sum() == 499500


def times_slept(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)$", status.read(), re.M)[1])


def test_nohup_keeps_it_from_ending_with_the_terminal(start, path):
    keeper = start(path, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    keeper.process.send_signal(signal.SIGHUP)
    before = times_slept(keeper.pid)
    until(lambda: times_slept(keeper.pid) >= before + 2 or keeper.process.poll() is not None)
    assert keeper.process.poll() is None
    assert keeper.end() == (0, "")


def test_ctrl_c_ends_one_in_the_background_of_a_script(start, path):
    keeper = start(path, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    assert keeper.end(signal.SIGINT) == (0, "")
    assert is_gone(path)


@pytest.mark.parametrize("flag", ["-k", "--keep"])
def test_a_store_that_is_kept(start, path, flag):
    keeper = start(path, flag)
    with Brain(path, create=False) as brain:
        brain["x"] = "still here"
        assert keeper.end() == (0, "")
        assert brain["x"] == "still here"
    with Brain(path, create=False) as brain:
        assert brain["x"] == "still here"
        assert brain.size() == 50_000_000
        assert brain.stat()["n_objects"] == 1  # its note went


def destroy(path):
    with Brain(path, create=False) as brain:
        brain.destroy()


@pytest.mark.parametrize("remove", [destroy, shutil.rmtree])
def test_it_ends_when_somebody_else_removes_the_store(start, path, remove):
    keeper = start(path)
    remove(path)
    status, words = keeper.wait()
    assert status == 1
    assert words == f"plasma_store: somebody else removed the store at {path}\n"


def test_a_reader_of_its_words_that_goes_does_not_end_it(start, path):
    keeper = start(path)
    keeper.process.stderr.close()
    destroy(path)
    assert keeper.process.wait(PATIENCE_S) == 1  # and not killed by a signal when it says so


# ---- a store that is there already ---------------------------------------------------------------


def test_a_second_one_is_refused_while_the_first_lives(run, start, path):
    keeper = start(path)
    status, output, errors = run("-m", "90000000", "-s", path)
    assert (status, output) == (1, "")
    assert errors == (
        f"plasma_store: another plasma_store keeps {path} already, process {keeper.pid}\n"
    )
    with Brain(path, create=False) as brain:
        assert brain.size() == 50_000_000
        brain["x"] = 1
    assert keeper.end() == (0, "")


def test_one_that_is_stopped_is_not_dead(run, start, path):
    keeper = start(path)
    keeper.process.send_signal(signal.SIGSTOP)
    try:
        assert run("-m", "5000000", "-s", path)[0] == 1
    finally:
        keeper.process.send_signal(signal.SIGCONT)
    assert keeper.end() == (0, "")


def test_the_store_of_one_that_was_killed_is_taken_over_and_grown(start, path):
    first = start(path)
    with Brain(path, create=False) as brain:
        brain["x"] = "still here"
        first.end(signal.SIGKILL)
        second = start(path, capacity=60 * MEGABYTE)
        assert second.remarks == [
            "plasma_store: took over a store that was there, of 50000000 bytes, and grew it, and will remove it at the end (-k keeps it)"
        ]
        assert brain.size() == 60_000_000
        assert brain["x"] == "still here"
    assert second.end() == (0, "")
    assert is_gone(path)


def test_a_store_that_is_larger_keeps_its_capacity(start, path):
    start(path).end(signal.SIGKILL)
    keeper = start(path, capacity=5 * MEGABYTE)
    assert len(keeper.remarks) == 1
    assert "it keeps its 50000000 bytes, which is more than -m says" in keeper.remarks[0]
    with Brain(path, create=False) as brain:
        assert brain.size() == 50_000_000


def test_a_store_of_the_same_size_is_taken_over(start, path):
    start(path, "-k").end()
    keeper = start(path)
    assert keeper.remarks == ["plasma_store: took over a store that was there, of 50000000 bytes, and will remove it at the end (-k keeps it)"]


def test_a_store_that_a_brain_made_is_taken_over(start, path, brain):
    brain["x"] = "still here"
    keeper = start(path, capacity=70 * MEGABYTE)
    assert brain.size() == 70_000_000
    assert brain["x"] == "still here"
    assert keeper.end() == (0, "")
    with pytest.raises(BrainDestroyedError):
        brain["x"]


def test_a_store_that_cannot_grow_so_far_is_left_as_it_is(run, path, brain):
    status, _, errors = run("-m", str(2**42), "-s", path)
    assert status == 1
    assert str(2**42) in errors
    assert brain.size() == 64 * MEGABYTE
    assert brain.stat()["n_objects"] == 0  # no note stays


def test_of_one_that_cannot_grow_so_far_nothing_else_is_said(run, path, brain, directory):
    status, _, errors = run("-m", str(2**42), "-s", path, "-d", directory)
    assert status == 1
    assert str(2**42) in errors and "stays where it is" not in errors


def test_of_many_that_start_at_once_one_wins(begin, start, path):
    for round_number in range(3):
        keepers = [begin("-m", "5000000", "-s", path) for _ in range(6)]
        winners = [keeper for keeper in keepers if keeper.wait_until_ready()]
        losers = [keeper for keeper in keepers if keeper not in winners]
        assert len(winners) == 1
        for keeper in losers:
            assert keeper.wait()[0] == 1
            assert f"already, process {winners[0].pid}" in keeper.remarks[-1]
        # The second and third round find a store, and the note of one that is dead.
        winners[0].end(signal.SIGKILL)
    start(path)


def test_one_begins_while_another_ends(begin, start, path):
    """Whatever the order: it is refused, or has a store of its own, which is there."""
    for _ in range(10):
        first = start(path)
        second = begin("-m", "5000000", "-s", path)
        first.process.terminate()
        if second.wait_until_ready():
            assert first.wait()[0] == 0
            with Brain(path, create=False) as brain:
                brain["x"] = 1
            assert second.end() == (0, "")
        else:
            assert "already, process" in second.remarks[-1]
        first.wait()
        assert is_gone(path)


# ---- tidying -------------------------------------------------------------------------------------


def test_what_the_dead_held_is_given_back_without_anybody_acting(start, other, path):
    start(path)
    with Brain(path, create=False) as brain:
        brain["x"] = np.zeros(10 * MEGABYTE, np.uint8)
    holder = other(
        "from brain_plasma import Brain\n"
        "brain = Brain(path, create=False)\n"
        "array = brain['x']\n"
        "print('holds')\n"
        "input()\n"
    )
    assert holder.line() == "holds"
    # Only one that may not write looks from here on.
    with Brain(path, read_only=True) as looker:
        before = looker.stat()
        assert before["n_clients"] == 3
        assert before["n_pins"] == 1
        holder.signal(signal.SIGKILL)
        until(lambda: looker.stat()["n_clients"] == 2)
        until(lambda: looker.stat()["n_pins"] == 0)
        assert looker["x"].nbytes == 10 * MEGABYTE


# ---- start_plasma_store --------------------------------------------------------------------------


def test_start_plasma_store():
    with start_plasma_store(50_000_000) as (path, process):
        assert isinstance(process, subprocess.Popen)
        assert process.poll() is None
        with Brain(path, create=False) as brain:
            assert brain.size() == 50_000_000
            brain["x"] = 1
        directory = os.path.realpath(path)
    assert process.returncode == 0
    assert is_gone(path) and is_gone(directory) and is_gone(os.path.dirname(path))


def test_the_store_goes_when_the_block_raises():
    with pytest.raises(ZeroDivisionError):
        with start_plasma_store(plasma_store_memory=5_000_000) as (path, process):
            raise ZeroDivisionError
    assert process.returncode == 0
    assert is_gone(os.path.dirname(path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_process_that_the_block_ended_leaves_nothing(number):
    with start_plasma_store(5_000_000) as (path, process):
        directory = os.path.realpath(path)
        process.send_signal(number)
        process.wait(PATIENCE_S)
    assert is_gone(directory) and is_gone(os.path.dirname(path))


def test_one_that_does_not_end_is_killed(monkeypatch):
    monkeypatch.setattr(store_process, "PATIENCE_S", 0.1)
    with start_plasma_store(5_000_000) as (path, process):
        directory = os.path.realpath(path)
        process.send_signal(signal.SIGSTOP)
    assert process.returncode == -signal.SIGKILL
    assert is_gone(directory) and is_gone(os.path.dirname(path))


def test_two_at_once_are_two_stores():
    with start_plasma_store(5_000_000) as (a, _), start_plasma_store(6_000_000) as (b, _):
        with Brain(a, create=False) as one, Brain(b, create=False) as two:
            assert (one.size(), two.size()) == (5_000_000, 6_000_000)


def test_start_plasma_store_in_a_directory(directory):
    with start_plasma_store(5_000_000, plasma_directory=directory) as (path, _):
        assert os.path.dirname(os.path.realpath(path)) == directory
    assert os.listdir(directory) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"plasma_store_memory": 5}, "status 1: plasma_store: -m takes 4096 to"),
        ({"plasma_store_memory": "10M"}, "in digits alone, not '10M'"),
        ({"plasma_store_memory": 5_000_000, "use_hugepages": True}, "needs -d DIRECTORY"),
        ({"plasma_store_memory": 5_000_000, "plasma_directory": "/proc"}, "/proc"),
    ],
)
def test_a_start_that_fails_has_the_words_of_the_program(arguments, words):
    with pytest.raises(RuntimeError) as caught:
        with start_plasma_store(**arguments):
            pytest.fail("it began")
    assert words in str(caught.value)


def test_arguments_that_cannot_be():
    with pytest.raises(Exception, match="cannot both be used"):
        with start_plasma_store(5_000_000, use_valgrind=True, use_profiler=True):
            pass


def test_a_program_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(store_process, "PROGRAM", "plasma_store_that_is_nowhere")
    with pytest.raises(RuntimeError, match="there is no program plasma_store_that_is_nowhere in"):
        with start_plasma_store(5_000_000):
            pass


def test_valgrind_that_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(store_process, "VALGRIND", ["valgrind-that-is-nowhere"])
    with pytest.raises(RuntimeError, match="valgrind-that-is-nowhere is not installed"):
        with start_plasma_store(5_000_000, use_valgrind=True):
            pass


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed")
@pytest.mark.parametrize(
    ("how", "says"), [("use_valgrind", "Nulgrind"), ("use_profiler", "Callgrind")]
)
def test_under_valgrind(monkeypatch, capfd, tmp_path, how, says):
    # Memcheck takes minutes to look at address space that nobody uses.
    monkeypatch.setattr(store_process, "VALGRIND", ["valgrind", "--tool=none"])
    monkeypatch.chdir(tmp_path)  # where callgrind leaves its file
    with start_plasma_store(5_000_000, **{how: True}) as (path, process):
        with Brain(path, create=False) as brain:
            assert brain.size() == 5_000_000
    assert process.returncode == 0
    assert says in capfd.readouterr().err  # what valgrind says is there to be read
    assert is_gone(os.path.dirname(path))


def test_without_standard_streams(program, new_path):
    """As some daemons are started: what it says is for nobody, and not for the files of its store."""
    path = new_path()
    line = 'exec "$0" -m 1000000 -s "$1" <&- >&- 2>&-'
    process = subprocess.Popen(["sh", "-c", line, program, path], preexec_fn=with_sighup)
    try:
        until(lambda: os.path.exists(path))
        with Brain(path, create=False) as brain:
            until(lambda: brain.stat()["n_clients"] == 2)
            brain["x"] = 1
            assert brain.check() == []
    finally:
        process.terminate()
    assert process.wait(PATIENCE_S) == 0
    assert not os.path.exists(path)
