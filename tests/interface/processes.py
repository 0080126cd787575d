"""The processes of the tests: a plasma_store, and others that use it."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time

from brain_plasma import Brain
from brain_plasma.exceptions import BrainError
from implementation import IMPORT_PLASMA, ORIGINALS, PLASMA_STORE, plasma

CAPACITY = 50_000_000

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def eventually(condition, seconds=10):
    """Wait until `condition()` is true, and return what it gave; an assertion where it never is."""
    until = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < until, "it never came about"
        time.sleep(0.002)


def die_with_parent():
    """For a child: no store outlives a run of tests that was killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Store:
    """A plasma_store on a path of its own."""

    def __init__(self, folder, capacity=CAPACITY, *arguments, name="plasma"):
        self.path = str(folder / name)
        self.capacity = capacity
        self.log = folder / f"{name}.log"
        self._real_path = None
        self._arguments = [PLASMA_STORE, "-m", str(capacity), "-s", self.path, *arguments]
        self.start()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
            )
        try:
            eventually(self._can_be_connected)
        except BaseException:
            self.kill()
            raise
        self._real_path = os.path.realpath(self.path)

    def _can_be_connected(self):
        assert self.process.poll() is None, self.log.read_text()
        if not os.path.lexists(self.path):
            return False
        try:
            plasma.connect(self.path, num_retries=1).disconnect()
        except OSError:
            return False
        return True

    def connect(self):
        return plasma.connect(self.path, num_retries=5)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """As an administrator does. Returns the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def remove(self):
        """Whatever a test did to it, nothing is left."""
        if self.process.poll() is None:
            self.end()
        remove(self.path)
        if self._real_path not in (None, self.path):
            shutil.rmtree(self._real_path, ignore_errors=True)


def remove(path):
    """Remove what is at `path`: a socket of the original's, or a store of ours."""
    if not ORIGINALS and os.path.lexists(path):
        with contextlib.suppress(BrainError, OSError):
            Brain(path, create=False).destroy()
    if os.path.islink(path):
        shutil.rmtree(os.path.realpath(path), ignore_errors=True)
    if os.path.lexists(path):
        os.unlink(path)


PRELUDE = f"""\
import os, sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
{IMPORT_PLASMA}
from brain_plasma import Brain
"""


class Other:
    """Another process, that runs `code`. What it prints comes line by line."""

    def __init__(self, code, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", f"{PRELUDE}path = {path!r}\n{code}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            preexec_fn=die_with_parent,
        )

    def line(self):
        line = self.process.stdout.readline()
        assert line, f"the other process ended with {self.process.wait()}"
        return line.rstrip("\n")

    def tell(self, line=""):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Let it run to its end. Returns what it printed last."""
        output, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, output
        return output.rstrip("\n")
