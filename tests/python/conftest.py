"""Stores for tests: each test has its own, on /dev/shm, and nothing of it is left afterwards."""

import itertools
import os
import shutil
import subprocess
import sys

import pytest
from brain_plasma import Brain, BrainError

MEGABYTE = 1_000_000
PREFIX = f"brain-test-{os.getpid()}-"

_numbers = itertools.count()
_directories = set()  # where the stores of this session were, links followed


def remove(path):
    """Remove what a test made at `path`, in whatever state it left it."""
    _directories.add(os.path.realpath(path))
    try:
        Brain(path, create=False).destroy()
    except (BrainError, OSError):
        shutil.rmtree(os.path.realpath(path), ignore_errors=True)
    if os.path.lexists(path):
        os.unlink(path)


@pytest.fixture
def new_path():
    """A function that gives paths where nothing is, on a file system in memory."""
    paths = []

    def make():
        paths.append(f"/dev/shm/{PREFIX}{next(_numbers)}")
        return paths[-1]

    yield make
    for path in paths:
        remove(path)


@pytest.fixture
def path(new_path):
    return new_path()


@pytest.fixture
def brain(path):
    """A store that nobody else has, of 64 MB."""
    with Brain(path, capacity=64 * MEGABYTE) as brain:
        yield brain


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left():
    yield
    mine = {entry for entry in os.listdir("/dev/shm") if entry.startswith(PREFIX)}
    mine |= {directory for directory in _directories if os.path.lexists(directory)}
    assert not mine, f"left behind: {sorted(mine)}"


class Other:
    """Another process that runs `code` with `path` in it. What it prints comes line by line."""

    def __init__(self, code, path, **popen):
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"path = {path!r}\n{code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **popen,
        )

    pid = property(lambda self: self.process.pid)

    def line(self):
        """The next line that it prints; waits for it."""
        line = self.process.stdout.readline()
        assert line, f"the other process ended with {self.process.wait()}"
        return line.rstrip("\n")

    def tell(self, line=""):
        """What its input() gives."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        """Let it run to its end. Returns what it printed last."""
        output, _ = self.process.communicate()
        assert self.process.returncode == 0, output
        return output.rstrip("\n")


@pytest.fixture
def other(path):
    """A function that starts another process with the test's path."""
    others = []

    def start(code, **popen):
        others.append(Other(code, path, **popen))
        return others[-1]

    yield start
    for process in (other.process for other in others):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
