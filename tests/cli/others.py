"""Other processes that have a store open, hold something, and are stopped, killed or in namespaces of their own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent / "python"))  # stopped_writer

OPEN = """
import numpy, os, sys
from brain_plasma import Brain
brain = Brain(path, create=False)
"""


class Other:
    """A process that runs `code` with `path` in it, until it is let go. What it prints comes line by line."""

    def __init__(self, path, code, before=()):
        self.process = subprocess.Popen(
            [*before, sys.executable, "-c", f"path = {path!r}\n{code}\nprint('ready', flush=True)\ninput()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    pid = property(lambda self: self.process.pid)

    def line(self):
        line = self.process.stdout.readline()
        assert line, f"the other process ended with {self.process.wait()}"
        return line.rstrip("\n")

    def ready(self):
        while self.line() != "ready":
            pass
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED)

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def other(brain):
    """A function that starts one on the store of the command, and waits until it is ready."""
    others = []

    def start(code, before=(), wait=True):
        others.append(Other(brain.path, OPEN + code, before))
        return others[-1].ready() if wait else others[-1]

    yield start
    for process in others:
        process.end()


def can_unshare(*options):
    return subprocess.run(["unshare", *options, "true"], capture_output=True, check=False).returncode == 0
