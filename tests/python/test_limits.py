"""Limits of the system as Python meets them: a small /dev/shm, limits of the process, descriptors closed at a daemon's
start, another user's store, forks in the middle of puts, web workers that are killed. tests/limits has those of the
library."""

import contextlib
import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from brain_plasma import (
    Brain,
    BrainOSError,
    BrainPermissionError,
    BrainPickleError,
)
from children import Child, in_child

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

NOBODY = 65533  # a user and a group that nothing belongs to
STRANGER = 65531
PATIENCE_S = 60  # only for what never comes

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="to become another user takes root")


# ---- a /dev/shm of 64 MB -------------------------------------------------------------------------


def run_in_small_shm(code, options="size=64m"):
    """Run it in a process of its own, which has a /dev/shm of its own: of 64 MB, as a container has it, or as
    `options` say."""
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    unshare = ["unshare", *user, "--mount"]
    try:
        allowed = subprocess.run([*unshare, "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("a mount namespace is not allowed here")
    mount = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"'
    command = [*unshare, "sh", "-c", mount, "sh", sys.executable, "-c", PRELUDE + textwrap.dedent(code)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("done\n"), done.stdout + done.stderr


HOG = """
import os, random
file = os.open("/dev/shm/file", os.O_WRONLY | os.O_CREAT)
while True:
    end, step = 0, 1 << random.randint(12, 21)
    while step >= 4096:
        try:
            os.posix_fallocate(file, end, step)
            end += step
        except OSError:
            step //= 2
    os.ftruncate(file, 0)
"""

PRELUDE = f"""
HOG = {HOG!r}
import os, random, subprocess, sys
import numpy as np, pyarrow as pa
from brain_plasma import Brain, BrainFullError

brain = Brain("/dev/shm/store", capacity=1 << 30)

def sound():
    assert brain.check() == [], brain.check()
    assert brain.stat()["private_bytes"] == 0

def emptied():
    brain.clear()
    brain.trim()
    assert brain.stat()["value_backed_bytes"] == 0, brain.stat()
    assert brain.used() == 0
"""


@pytest.mark.parametrize(
    ("put", "look"),
    [
        ("brain[name] = np.full(50_000 * (n % 7) + 1, n)", "value[0] == value[-1] == n"),
        (
            "brain[name] = pa.table({'n': np.full(50_000 * (n % 7) + 1, n), 's': [str(n)] * (50_000 * (n % 7) + 1)})",
            "value['n'][-1].as_py() == n and value['s'][0].as_py() == str(n)",
        ),
        (
            "with brain.empty(name, 50_000 * (n % 7) + 1, 'i8') as array: array[:] = n",
            "value[0] == value[-1] == n",
        ),
        (
            "brain.set_many({name: np.full(300_000, n), name + 'b': {'n': n, 'array': np.arange(9000)}})",
            "value[0] == n and brain[name + 'b']['n'] == n",
        ),
        ("brain[name] = {'n': n, 'text': str(n) * 100_000}", "value['text'].endswith(str(n))"),
    ],
    ids=["arrays", "tables", "drafts", "batches", "containers"],
)
def test_a_full_shm_is_an_error(put, look):
    run_in_small_shm(f"""
        def put(n):
            name = f"name {{n}}"
            {put}

        def look(n):
            name = f"name {{n}}"
            value = brain[name]
            assert {look}

        n = 0
        while True:
            try:
                put(n)
            except BrainFullError as error:
                assert "/dev/shm/store" in str(error), str(error)
                break
            n += 1
        assert n > 3
        used, names = brain.used(), len(brain)
        for _ in range(3):
            try:
                put(n)
            except BrainFullError:
                pass
            else:
                raise AssertionError("it fitted")
        assert (brain.used(), len(brain)) == (used, names)
        assert f"name {{n}}" not in brain
        sound()
        for k in range(n):
            look(k)
        for name in brain.names():
            if int(name.split()[1].rstrip("b")) % 2:
                del brain[name]
        put(n)
        look(n)
        for k in range(0, n, 2):
            look(k)
        sound()
        emptied()
        brain.destroy()
        print("done")
    """)


def test_somebody_else_fills_the_shm_in_the_middle_of_puts():
    run_in_small_shm("""
        hog = subprocess.Popen([sys.executable, '-c', HOG])
        values, n_full, n = {}, 0, 0
        while n < 1500 or not n_full or not values:
            n += 1
            name = str(random.randrange(20))
            size = random.choice([1, 100, 3000, 100_000, 900_000])
            try:
                if random.random() < 0.3:
                    with brain.empty(name, size, "i8") as array:
                        array[:] = n
                else:
                    brain[name] = np.full(size, n)
                values[name] = n
            except BrainFullError:
                n_full += 1
            for name in values if n % 100 == 0 else ():
                assert brain[name][0] == brain[name][-1] == values[name]
            if random.random() < 0.1:
                values.pop(name, None)
                del brain[name]
            if n % 20 == 0:
                brain.trim()
        array = None  # a view of the last one
        hog.kill()
        hog.wait()
        os.unlink("/dev/shm/file")
        for name in values:
            assert brain[name][0] == brain[name][-1] == values[name]
        assert len(brain) == len(values)
        sound()
        emptied()
        brain.destroy()
        print("done")
    """)


def test_huge_pages_that_run_out():
    """Large values have their pages backed first there, and are copied by threads (stage.c)."""
    try:
        with open("/sys/kernel/mm/transparent_hugepage/shmem_enabled") as file:
            denied = "[deny]" in file.read()
    except FileNotFoundError:
        denied = True
    if denied:
        pytest.skip("there are no huge pages for tmpfs here")
    run_in_small_shm(
        """
        with open("/dev/shm/file", "w") as file:
            assert os.fstat(file.fileno()).st_blksize >= 2 << 20  # how the library knows of it
        os.unlink("/dev/shm/file")
        array = np.random.randint(0, 256, 40_000_001, "u1")
        brain["first"] = array
        assert (brain["first"] == array).all()
        brain["second"] = array
        try:
            brain["third"] = array
        except BrainFullError as error:
            assert "/dev/shm/store" in str(error), str(error)
        else:
            raise AssertionError("it fitted")
        assert "third" not in brain
        del brain["first"]
        brain["third"] = array[1:]
        assert (brain["third"] == array[1:]).all() and (brain["second"] == array).all()
        sound()
        emptied()
        brain.destroy()
        print("done")
        """,
        "size=128m,huge=always",
    )


# ---- limits of the process -----------------------------------------------------------------------


@contextlib.contextmanager
def no_descriptor_is_free():
    """Nothing that takes a descriptor can be done within."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    fillers = []
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.open("/dev/null", os.O_RDONLY))
        yield
    finally:
        for fd in fillers:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_where_no_descriptor_is_free_an_open_store_goes_on(brain, new_path):
    another = new_path()
    brain["x"] = np.arange(100_000)
    with no_descriptor_is_free():
        assert brain["x"].sum() == np.arange(100_000).sum()
        brain["x"] = np.arange(200_000)
        brain["small"] = 1
        with pytest.raises(TimeoutError):
            brain.wait("small", brain.version("small"), timeout=0.01)
        with pytest.raises(BrainOSError, match="ulimit -n"):
            Brain(another)
        in_child(lambda: brain.update(child=int(brain["x"][-1])))
    assert brain["child"] == 199_999
    assert not os.path.lexists(another)
    assert len(brain["x"]) == 200_000
    assert brain.stat()["n_clients"] == 1
    assert brain.check() == []


def test_a_limit_on_the_size_of_files_does_not_make_the_shm_full(path):
    """Python ignores SIGXFSZ; the put said that the file system were full."""
    Brain(path, capacity=64_000_000).close()

    def child():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        with Brain(path) as brain:
            brain["x"] = np.arange(1_000_000)
            assert brain["x"][-1] == 999_999
            with brain.empty("y", 1_000_000, "i8") as array:
                array[:] = 5
            assert brain["y"][-1] == 5
            with pytest.raises(BrainOSError, match="ulimit -f"):
                Brain(path + "-another")

    in_child(child)
    with Brain(path) as brain:
        assert brain["x"][-1] == 999_999
        assert brain.check() == []


# ---- a daemon's start ----------------------------------------------------------------------------


def test_a_daemon_that_closes_all_descriptors_goes_on(brain, tmp_path):
    """Their numbers are taken by files of its own, to which the library writes nothing."""
    brain["x"] = np.arange(100_000)
    recalled = brain["x"]

    def daemon():
        os.setsid()
        os.closerange(3, 1024)
        files = [os.open(tmp_path / str(n), os.O_RDWR | os.O_CREAT) for n in range(40)]
        assert files[0] == 3
        assert recalled[-1] == brain["x"][-1] == 99_999
        for n in range(5):
            brain["y"] = np.full(400_000 + n, n)  # more than fits the memory that is there
            assert brain["y"][-1] == n
            with brain.empty("z", 300_000, "i8") as array:
                array[:] = n
            brain.update(a=n, b=[n])
            brain.trim()
        in_child(lambda: brain.update(child=np.arange(100_000)))
        assert brain["child"][-1] == 99_999
        with Brain(brain.path) as second:
            assert second["a"] == 4
        assert brain.check() == []
        brain.close()
        for n, fd in enumerate(files):
            assert os.fstat(fd).st_size == 0
            assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / str(n)))

    in_child(daemon)
    assert brain["a"] == 4
    assert brain.stat()["n_clients"] == 1
    assert brain.check() == []


# ---- another user --------------------------------------------------------------------------------


class Trap:
    """A pickle that does something when it is read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (str(self.file),)


def as_user(user, group, function):
    """Run it in a child that has become somebody else."""

    def child():
        os.setgroups([])
        os.setresgid(group, group, group)
        os.setresuid(user, user, user)
        function()

    in_child(child)


@needs_root
def test_a_pickle_of_another_user_is_refused_by_default(path, tmp_path):
    trap = tmp_path / "trap"
    os.chmod(tmp_path, 0o777)

    def make():
        with Brain(path, mode=0o640, group=NOBODY) as theirs:
            theirs["trap"] = Trap(trap)
            theirs["plain"] = {"a": [1, 2]}
            theirs["array"] = np.arange(10)

    as_user(NOBODY, NOBODY, make)
    with pytest.raises(BrainPermissionError, match=f"belongs to user {NOBODY}"):
        Brain(path)
    for read_only in (False, True):
        with Brain(path, shared=True, read_only=read_only) as brain:
            assert brain["plain"] == {"a": [1, 2]}
            assert brain["array"].sum() == 45
            for use in (
                lambda brain=brain: brain["trap"],
                lambda brain=brain: brain.get("trap"),
                lambda brain=brain: brain.get_many(["plain", "trap"]),
                lambda brain=brain: list(brain.values()),
            ):
                with pytest.raises(BrainPickleError, match="pickle=True"):
                    use()
            assert brain.explain("plain") is not None
            assert not trap.exists()
    with Brain(path, shared=True) as brain:
        with pytest.raises(BrainPickleError):
            brain["mine"] = Trap(trap)  # nor is one put: the others would refuse it
        with pytest.raises(BrainPickleError):
            brain.pop("trap")
        assert "trap" in brain
    assert not trap.exists()
    with Brain(path, shared=True, pickle=True) as brain:
        _ = brain["trap"]  # who trusts them says so
    assert trap.exists()


@needs_root
def test_a_reader_of_the_group_reads_and_cannot_write(path):
    with Brain(path, capacity=64_000_000, mode=0o640, group=NOBODY) as brain:
        brain["x"] = np.arange(100_000)
        brain["y"] = {"a": "text"}

        def reader():
            with pytest.raises(BrainPermissionError, match="belongs to user 0"):
                Brain(path, read_only=True)
            with pytest.raises(BrainPermissionError, match="read-only"):
                Brain(path, shared=True)
            with Brain(path, shared=True, read_only=True) as theirs:
                assert theirs["x"].sum() == np.arange(100_000).sum()
                assert theirs["y"] == {"a": "text"}
                assert sorted(theirs) == ["x", "y"]
                for use in (
                    lambda: theirs.__setitem__("x", 1),
                    lambda: theirs.__setitem__("z", np.arange(100_000)),
                    lambda: theirs.__delitem__("x"),
                    lambda: theirs.update(x=1),
                    lambda: theirs.set_many({"x": 1}),
                    lambda: theirs.empty("z", 1000),
                    theirs.clear,
                    theirs.trim,
                    theirs.compact,
                    lambda: setattr(theirs, "keep_free", 0),
                    theirs.destroy,
                ):
                    with pytest.raises(BrainPermissionError, match="read-only|its owner alone"):
                        use()

        def stranger():
            for options in ({}, {"shared": True}, {"shared": True, "read_only": True}):
                with pytest.raises(BrainPermissionError):
                    Brain(path, **options)

        as_user(NOBODY, NOBODY, reader)
        as_user(STRANGER, STRANGER, stranger)
        assert brain["x"][-1] == 99_999
        assert brain.stat()["n_clients"] == 1
        assert brain.check() == []


# ---- a thread forks while others put --------------------------------------------------------------


def test_a_thread_that_forks_in_the_middle_of_puts_of_others(brain):
    """Parent and child go on; the child finds each value old or new, and nothing is leaked."""
    stop = threading.Event()
    errors = []

    def put(number):
        n = 0
        while not stop.is_set():
            n += 1
            try:
                brain[f"array {number}"] = np.full(400_000 + number, n)
                brain.update({f"pair {number}": [n] * 100, f"second of {number}": [n] * 100})
                with brain.empty(f"draft {number}", 100_000, "i8") as array:
                    array[:] = n
            except BaseException as error:
                errors.append(error)
                return

    def child():
        for number in range(2):
            for name in (f"array {number}", f"draft {number}"):
                value = brain[name]
                assert value[0] == value[-1], name
            pair, second = brain.get_many([f"pair {number}", f"second of {number}"]).values()
            assert pair == second == [pair[0]] * 100
            brain[f"array {number}"] = np.full(500_000, -1)
        brain["child"] = np.arange(300_000)

    def fork():
        try:
            for _ in range(25):
                Child(child).join()
        except BaseException as error:
            errors.append(error)

    putters = [threading.Thread(target=put, args=(number,)) for number in range(2)]
    for number in range(2):  # there before the first child looks
        brain.update(
            {
                f"array {number}": np.zeros(5),
                f"draft {number}": np.zeros(5),
                f"pair {number}": [0] * 100,
                f"second of {number}": [0] * 100,
            }
        )
    forker = threading.Thread(target=fork)
    for thread in (*putters, forker):
        thread.start()
    forker.join()
    stop.set()
    for thread in putters:
        thread.join()
    assert errors == []
    assert brain.check() == []
    brain.clear()
    brain.trim()
    stat = brain.stat()
    assert (stat["n_clients"], stat["n_pins"], stat["private_bytes"], stat["limbo_bytes"]) == (1, 0, 0, 0)
    assert stat["value_backed_bytes"] == 0


# ---- gunicorn --preload, and workers that the arbiter kills -----------------------------------------

APP = """
import os, signal
import numpy as np
from brain_plasma import Brain

brain = Brain(os.environ["STORE"])  # before the workers are forked
brain["first"] = np.arange(100_000)
kept = brain["first"]

def app(environ, start_response):
    if environ["PATH_INFO"] == "/hang":
        signal.signal(signal.SIGABRT, signal.SIG_IGN)  # as one that does not come back from C: SIGKILL it is
        held = [brain["large"] for _ in range(50)]
        draft = brain.empty("draft", 100_000)
        brain["hanging"] = os.getpid()
        while True:
            brain["busy"] = np.full(100_000, 7)  # and in the middle of puts
    assert kept[-1] == 99_999 and brain["first"][-1] == 99_999
    brain["seen"] = os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"""


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (result := condition()):
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
    return result


def request(address, path):
    connection = http.client.HTTPConnection(*address, timeout=PATIENCE_S)
    with contextlib.closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def hang(address):
    with pytest.raises((http.client.HTTPException, OSError)):
        request(address, "/hang")


def test_workers_of_gunicorn_that_the_arbiter_kills(path, tmp_path):
    (tmp_path / "app.py").write_text(APP)
    log = tmp_path / "log"
    brain = Brain(path, capacity=64_000_000)
    with (
        socket.create_server(("127.0.0.1", 0), backlog=64) as listener,
        log.open("wb") as output,
    ):
        address = listener.getsockname()
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", f"--bind=fd://{listener.fileno()}", "--preload"),
                *("--workers=2", "--timeout=1", "--graceful-timeout=2", "app:app"),
            ],
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env={**os.environ, "STORE": path, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)},
        )
    try:
        for n in range(2):
            brain["large"] = np.full(500_000, n)
            served = request(address, "/")
            assert brain["seen"] == int(served)
            requests = [threading.Thread(target=hang, args=(address,)) for _ in range(2)]
            for thread in requests:
                thread.start()
            for thread in requests:
                thread.join()  # the arbiter has killed both
            hung = brain.pop("hanging")
            assert not Path(f"/proc/{hung}").exists() or until(lambda pid=hung: not Path(f"/proc/{pid}").exists())
            later = {until(lambda: request(address, "/")) for _ in range(10)}
            assert str(hung) not in later
            assert brain["busy"][0] == brain["busy"][-1] == 7
            assert "draft" not in brain
            del brain["large"]
            brain.trim()
            assert brain.stat()["limbo_bytes"] == 0  # nobody has views of it
            assert brain.stat()["private_bytes"] == 0
            assert brain.check() == []
        assert b"WORKER TIMEOUT" in log.read_bytes()
        assert b"SIGKILL" in log.read_bytes()
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(PATIENCE_S)
    assert brain.check() == []
    brain.clear()
    brain.trim()
    stat = brain.stat()
    assert (stat["n_clients"], stat["n_pins"], stat["value_backed_bytes"]) == (1, 0, 0)
    brain.close()
