"""What the command ends with when something is wrong: with the store, the output, the one who asks."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import BRAIN, Command

MEGABYTE = 1_000_000
LOOKS = [("ls",), ("ls", "-a", "--json"), ("ls", "--namespaces"), ("get", "x"), ("stat",), ("explain", "x"), ("metrics",)]
CHANGES = [
    ("put", "x", "--int", "1"),
    ("rm", "x"),
    ("cp", "x", "y"),
    ("mv", "x", "y"),
    ("check",),
    ("compact",),
    ("resize", "70M"),
    ("quota", "5M"),
]


@pytest.mark.parametrize("words", [*LOOKS, *CHANGES, ("destroy", "-y"), ("dump", "/dev/null"), ("load", "-y", "/dev/null")])
def test_no_store(nowhere, words):
    result = nowhere(*words, status=3)
    assert nowhere.path in result.error
    assert result.out == b""
    assert not os.path.lexists(nowhere.path)


@pytest.mark.parametrize("words", [("ls",), ("stat",)])
def test_something_else_is_there(nowhere, tmp_path, words):
    file = tmp_path / "file"
    file.write_text("no store")
    assert nowhere("-s", str(file), *words, status=None).status in (4, 7, 8)
    assert file.read_text() == "no store"


# ---- output


@pytest.mark.parametrize(
    "words", [*LOOKS, ("--help",), ("help",), ("completion", "bash"), ("dump", "-"), ("check",), ("quota",)]
)
def test_a_full_disk_behind_stdout(brain, words):
    brain("put", "x", input=bytes(100_000))
    with open("/dev/full", "wb") as full:
        result = brain(*words, stdout=full, stderr=subprocess.PIPE, status=None)
    assert result.status == (5 if words[0] == "dump" else 8)
    assert b"No space left" in result.err


def test_stdout_is_closed(brain):
    result = brain("ls", "--json", stdout=None, stderr=subprocess.PIPE, status=8, preexec_fn=lambda: os.close(1))
    assert b"Bad file descriptor" in result.err


@pytest.mark.parametrize("words", [("get", "x"), ("ls",), ("dump", "-")])
def test_who_reads_goes_away(brain, store, words):
    store["x"] = bytes(10 * MEGABYTE)
    store.update({f"name {i}": i for i in range(5000)})
    process = brain.begin(*words)
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


def test_who_ignores_sigpipe_gets_no_noise_either(brain, store):
    store["x"] = bytes(10 * MEGABYTE)
    process = brain.begin("get", "x", preexec_fn=lambda: signal.signal(signal.SIGPIPE, signal.SIG_IGN))
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


# ---- interrupts


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_put_is_interrupted(brain, store, number, status):
    store["x"] = "old"
    process = brain.begin("put", "x", stdin=subprocess.PIPE)
    process.stdin.write(bytes(3 * MEGABYTE))  # more than a pipe holds: it is reading
    process.stdin.flush()
    process.send_signal(number)
    assert process.wait(60) == status
    process.stdin.close()
    process.stdout.close()
    process.stderr.close()
    assert store["x"] == "old"
    assert brain("stat", "--json").json["unsealed"] == 0


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_dump_is_interrupted(brain, store, number, status):
    store["x"] = os.urandom(30 * MEGABYTE)
    process = brain.begin("dump", "-")
    process.stdout.read(1)  # it is writing, and nobody reads on
    process.send_signal(number)
    process.stdout.read()
    assert process.wait(60) == status
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()


def test_a_question_is_interrupted(brain):
    said = brain.on_a_terminal("destroy", answer=b"\x03", status=130)
    assert b"[y/N]" in said
    assert os.path.exists(brain.path)


# ---- a store that is full, or that somebody works on


def test_full(brain, tmp_path):
    result = brain("put", "x", input=bytes(70 * MEGABYTE), status=5)
    assert b"resize" in result.err
    file = tmp_path / "file"
    file.write_bytes(bytes(70 * MEGABYTE))
    assert brain("put", "x", str(file), status=5).err
    brain("put", "x", input=bytes(40 * MEGABYTE))
    assert brain("cp", "x", "y", status=5).err
    assert brain("mv", "x", "y", status=5).err
    assert brain("ls", "-1").lines == ["x"]


@pytest.fixture
def stopped_writer(brain, monkeypatch):
    """Somebody who has the lock, and stands still."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "python")
    from stopped_writer import BUSY, stop_in_the_lock

    brain("put", "x", "--text", "hello")
    brain("put", "large", input=bytes(5 * MEGABYTE))
    process = subprocess.Popen(
        [sys.executable, "-c", f"path = {brain.path!r}\n{BUSY}"], stdout=subprocess.PIPE, text=True
    )

    class Writer:
        pid = process.pid
        signal = process.send_signal

    assert process.stdout.readline() == "ready\n"
    stop_in_the_lock(brain.path, Writer)
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.mark.parametrize("words", LOOKS)
def test_who_looks_waits_for_no_writer(brain, stopped_writer, words):
    assert brain(*words).out


@pytest.mark.parametrize("words", CHANGES[:-1])
def test_a_change_waits_and_says_for_whom(brain, stopped_writer, words):
    result = brain("--wait", "0.05", *words, status=6)
    assert str(stopped_writer.pid) in result.error


# ---- what takes long says so


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("check",), b"checking"),
        (("doctor", "--check"), b"checking"),
        (("compact",), b"compacting"),
        (("rm", "-yr", "default"), b"removing"),
        (("cp", "large", "y"), b"copying"),
        (("mv", "large", "y"), b"moving"),
    ],
)
def test_what_waits_says_on_a_terminal_that_it_goes_on(brain, stopped_writer, words, what):
    said = brain.on_a_terminal("--wait", "60", *words, prompt=what + b", for 1 s", answer=b"\x03", status=130)
    assert said.count(what) < 100  # not as fast as it can
    assert said.rpartition(b"^C")[2].startswith(b"\r\x1b[K")  # the line is taken away
    said = brain("--wait", "1.2", *words, status=6)
    assert what not in said.err  # no terminal


def test_get_to_a_file_says_on_a_terminal_how_far_it_is(brain, tmp_path):
    brain("put", "large", input=bytes(5 * MEGABYTE))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # which reads nothing
    brain.on_a_terminal("get", "large", "-o", str(pipe), prompt=b" of 5.0 MB, 0%", answer=b"\x03", status=130)
    os.close(reader)


# ---- who may


def nobody():
    """Arguments of subprocess for another user; only root can become one."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if subprocess.run([BRAIN, "--version"], user=65534, group=65534, extra_groups=[], capture_output=True).returncode:
        pytest.skip("another user cannot run what is installed here")
    return {"user": 65534, "group": 65534, "extra_groups": []}


@pytest.fixture
def shared(new_path):
    """A store that another user may read."""
    brain = Command(new_path())
    brain("create", "-c", "10M", "--mode", "0640", "--group", "65534")
    brain("put", "x", "--text", "hello")
    return brain


@pytest.mark.parametrize("words", LOOKS)
def test_another_user_looks(shared, words):
    assert shared(*words, **nobody()).out


@pytest.mark.parametrize("words", [*CHANGES, ("destroy", "-y")])
def test_another_user_may_not_change(shared, words):
    result = shared(*words, status=4, **nobody())
    assert result.err
    assert shared("get", "x").out == b"hello"


def test_a_store_that_is_closed_to_others(brain):
    assert brain("ls", status=4, **nobody()).err


# ---- damage


def damage(brain, begin, end):
    """A store in which these bytes of the record of one name make no sense: a head of 40, data, name."""
    for name in ("first", "damaged-name", "last"):
        brain("put", name, "--text", "12345678")
    data = os.path.join(brain.path, "data")
    with open(data, "r+b") as file:
        place, size = 0, os.path.getsize(data)
        while place < size:  # holes are not read
            place = os.lseek(file.fileno(), place, os.SEEK_DATA)
            end_of_piece = os.lseek(file.fileno(), place, os.SEEK_HOLE)
            at = os.pread(file.fileno(), end_of_piece - place, place).find(b"12345678damaged-name")
            if at >= 0:
                break
            place = end_of_piece
        assert at >= 40
        os.pwrite(file.fileno(), b"\xff" * (end - begin), place + at - 40 + begin)


@pytest.fixture
def damaged(brain):
    damage(brain, 24, 36)  # lengths
    return brain


# All of it: then it seems to be nothing at all, but that a name is missing.
@pytest.mark.parametrize(("begin", "end"), [(24, 36), (0, 40)])
def test_what_can_be_read_is_listed(brain, begin, end):
    damage(brain, begin, end)
    result = brain("ls", "-1", status=7)
    assert result.lines == ["first", "last"]
    assert "not all" in result.error
    result = brain("ls", "-a", "--json", status=7)
    assert [item["name"] for item in result.json] == ["first", "last"]


def test_what_is_whole_can_be_got(damaged):
    assert damaged("get", "first").out == b"12345678"
    assert damaged("get", "last").out == b"12345678"
    assert damaged("get", "damaged-name", status=None).status in (1, 7)
    assert damaged("stat").out


def test_check_finds_it(damaged):
    result = damaged("check", status=None)
    assert result.status in (1, 7)
    assert result.out or result.err


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_damaged_nothing_crashes(brain, store, seed):
    dice = random.Random(seed)
    store.update({f"name {i}": "x" * dice.randrange(400) for i in range(200)})
    store["x"] = bytes(100_000)
    for file in ("data", "clients"):
        with open(os.path.join(brain.path, file), "r+b") as opened:
            pieces, place, size = [], 0, os.path.getsize(opened.name)
            while place < size:
                try:
                    place = os.lseek(opened.fileno(), place, os.SEEK_DATA)
                except OSError:
                    break  # a hole is all that is left
                end = os.lseek(opened.fileno(), place, os.SEEK_HOLE)
                pieces.append((place, end))
                place = end
            for _ in range(dice.randrange(1, 200)):
                begin, end = dice.choice(pieces)
                # Not the first page: what is wrong there is refused at once.
                os.pwrite(opened.fileno(), dice.randbytes(dice.choice([1, 4, 8, 64])), dice.randrange(max(begin, 4096), end))
    for words in (*LOOKS, ("ls", "-la"), ("who",)):
        result = brain(*words, status=None)
        assert 0 <= result.status <= 8, (words, result)
        if "--json" in words and result.out:
            json.loads(result.out)


@pytest.mark.parametrize("cut", [0, 1, 100, 4096])
@pytest.mark.parametrize("file", ["data", "clients"])
def test_a_file_that_is_cut_short(brain, file, cut):
    os.truncate(os.path.join(brain.path, file), cut)
    for words in LOOKS:
        result = brain(*words, status=None)
        assert result.status in (1, 7) if words != ("ls",) else result.status == 7, result
        assert result.err


def test_another_format(brain):
    with open(os.path.join(brain.path, "data"), "r+b") as file:
        file.write(b"another!")
    assert brain("stat", status=7).err


# ---- a default path of somebody else


def test_a_store_of_another_user_has_to_be_named(shared):
    """Only where -s or BRAIN_PATH says so: the default path is in /tmp, and anybody's."""
    nobody()
    run = (
        "mount -t tmpfs tmpfs /tmp && chmod 1777 /tmp && ln -s %s /tmp/plasma && exec setpriv --reuid 65534 --regid 65534 "
        '--clear-groups "$0" "$@"' % shared.path
    )

    def look(*words):
        environment = {"PATH": os.environ["PATH"]}
        return subprocess.run(["unshare", "-m", "sh", "-c", run, BRAIN, *words], env=environment, capture_output=True)

    if look("--version").returncode:
        pytest.skip("no mount namespace is to be had here")
    assert look("ls").returncode == 4
    assert look("-s", shared.path, "ls").returncode == 0
