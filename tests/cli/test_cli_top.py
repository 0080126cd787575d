"""top: once in a pipe, and on a terminal until q."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios

import pytest
from others import other  # noqa: F401
from running import BRAIN, PATIENCE_S
from stopped_writer import BUSY, stop_in_the_lock

MEGABYTE = 1_000_000


class Terminal:
    """`brain top` on a terminal; `seen` is all that it has drawn."""

    def __init__(self, brain, *words, term="xterm"):
        self.ours, its = pty.openpty()
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.process = subprocess.Popen(
            [BRAIN, "top", "--delay", "0.1", *words],
            env={**brain.environment, "TERM": term},
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(its, termios.TIOCSCTTY, 0),
        )
        os.close(its)
        self.seen = b""

    def read(self):
        """Whether there was more before it ended."""
        assert select.select([self.ours], [], [], PATIENCE_S)[0], self.seen
        try:
            piece = os.read(self.ours, 65536)
        except OSError:
            return False
        self.seen += piece
        return bool(piece)

    def until(self, text):
        while text not in self.seen:
            assert self.read(), self.seen

    def press(self, key):
        os.write(self.ours, key)
        while self.read():
            pass
        os.close(self.ours)
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def terminal(brain):
    terminals = []

    def start(*words, **options):
        terminals.append(Terminal(brain, *words, **options))
        return terminals[-1]

    yield start
    for each in terminals:
        each.process.kill()
        each.process.wait()


WORKS = """
print('begins', flush=True)
import threading
def work():
    i = 0
    while True:
        brain['name'] = i
        brain['name']
        brain.get('missing')
        i += 1
threading.Thread(target=work, daemon=True).start()
"""


def test_what_goes_on(brain, store, other):
    other(WORKS)
    seen = brain("top", "--json", "--delay", "0.5").json
    assert seen["puts_per_second"] > 1 and seen["put_bytes_per_second"] > 8
    assert seen["gets_per_second"] > 1 and 0.3 < seen["hit_rate"] < 0.7
    assert seen["seconds"] >= 0.5
    assert seen["path"] == brain.path


def test_nothing_goes_on(brain):
    seen = brain("top", "--json", "--delay", "0.05").json
    assert seen["puts_per_second"] == 0 and seen["hit_rate"] is None
    assert seen["used"] == 0 and seen["free"] == seen["capacity"] == 64 * MEGABYTE


def test_the_largest(brain, store):
    for i in range(20):
        store[f"x{i}"] = bytes(1000 * (i + 1))
    seen = brain("top", "--json", "--delay", "0.05").json
    assert [(each["name"], each["size"]) for each in seen["largest"]] == [
        (f"x{i}", 1000 * (i + 1)) for i in range(19, 9, -1)
    ]
    assert seen["largest_is_of_all"]
    assert seen["names"] == 20


def test_long_names_are_cut_between_characters(brain, store, other):
    import numpy

    names = ["x" * i + "é" * 300 for i in (0, 1)]
    for name in names:
        store[name] = numpy.zeros(100_000)
    seen = brain("top", "--json", "--delay", "0.05").json
    assert {each["name"] for each in seen["largest"]} == {"é" * 127, "x" + "é" * 127}
    assert not any("name_hex" in each for each in seen["largest"])
    assert "\\x" not in brain("top", "--delay", "0.05").text
    other(f"held = [brain[name] for name in {names!r}]")
    del store[names[0]], store[names[1]]
    assert {each["name"] for each in brain("top", "--json", "--delay", "0.05").json["kept"]} == {
        "é" * 127,
        "x" + "é" * 127,
    }


def test_who_keeps_what(brain, store, other):
    import numpy

    store["kept\x1b"] = numpy.zeros(MEGABYTE)
    process = other("x = brain['kept\\x1b']")
    del store["kept\x1b"]
    seen = brain("top", "--json", "--delay", "0.05").json
    assert (seen["processes"][0]["pid"], seen["processes"][0]["alone"]) == (process.pid, 8 * MEGABYTE)
    assert seen["limbo"] == 8 * MEGABYTE and seen["free"] == 56 * MEGABYTE
    assert seen["kept"] == [
        {"name": "kept\x1b", "namespace": "default", "size": 8 * MEGABYTE, "pid": process.pid}
    ]
    text = brain("top", "--delay", "0.05").text
    assert f"kept\\x1b, for {process.pid}" in text and "\x1b" not in text


def test_once_on_a_terminal(brain, store):
    store["x"] = 1
    text = brain.on_a_terminal("top", "--once", "--delay", "0.05")
    assert b"brain top  " in text and b"?1049" not in text


def test_live(brain, store, terminal):
    store["\x1b[2Jx"] = b"123"
    top = terminal()
    top.until(b"\\x1b[2Jx")
    store["new"] = b"1234567"
    top.until(b"new")
    assert top.press(b"q") == 0
    assert top.seen.rstrip().endswith(b"\x1b>") or b"?1049l" in top.seen  # the terminal is as it was


def test_interrupted(brain, terminal):
    top = terminal()
    top.until(b"q: end")
    assert top.press(b"\x03") == 130
    assert b"?1049l" in top.seen


def test_a_terminal_that_cannot_be_drawn_on(brain, terminal):
    top = terminal(term="no-such-terminal")
    while top.read():
        pass
    assert top.process.wait(PATIENCE_S) == 8
    assert b"--once" in top.seen


def test_it_waits_for_no_writer(brain, other):
    writer = other(BUSY.replace("from brain_plasma import Brain\nbrain = Brain(path)\n", ""), wait=False)
    writer.ready()
    stop_in_the_lock(brain.path, writer)
    assert brain("top", "--json", "--delay", "0.05").json["names"] == 20_001
    assert any(row.endswith("(stopped)") for row in brain("top", "--delay", "0.05").lines)
    writer.signal(signal.SIGCONT)


def test_odd_delays(brain):
    brain("top", "--delay", "0", status=2)
    brain("top", "--delay", "x", status=2)
