"""Stores, clients and other processes for the tests of the interface, whoever implements it.

Three marks say what a test is about:

  covers("Brain.learn", ...)          the names of names.txt that it states
  defect("what the original does")    the original is wrong here: there the test may fail. run=False
                                      where it would hang or end the process
  ours("why")                         what the original does not have, or deliberately differs in
"""

import faulthandler
import subprocess
import tempfile
from pathlib import Path

import pytest
from brain_plasma import Brain
from implementation import ORIGINALS, PLASMA_STORE
from processes import CAPACITY, Other, Store, die_with_parent, remove

LONGEST_TEST = 120  # seconds, after which a hanging test ends the run and says where it hung


def pytest_configure(config):
    if ORIGINALS:
        for ignored in (
            "ignore:Plasma is deprecated:DeprecationWarning",
            "ignore:DataFrame._data is deprecated:DeprecationWarning",
            "ignore::pytest.PytestUnraisableExceptionWarning",  # of buffers whose store has ended
        ):
            config.addinivalue_line("filterwarnings", ignored)


def pytest_collection_modifyitems(items):
    if not ORIGINALS:
        return
    for item in items:
        for mark in item.iter_markers("defect"):
            run = mark.kwargs.get("run", True)
            # Not strict: some defects, such as a kill in an update, show only with bad luck.
            item.add_marker(pytest.mark.xfail(reason=mark.args[0], run=run, strict=False))
        for mark in item.iter_markers("ours"):
            item.add_marker(pytest.mark.skip(reason=mark.args[0]))


@pytest.fixture(autouse=True)
def no_test_hangs():
    faulthandler.dump_traceback_later(LONGEST_TEST, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def folder():
    """An empty folder whose name is short: the address of a socket has room for 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="brain-") as name:
        yield Path(name)


@pytest.fixture
def new_store(folder):
    """A function that starts stores: new_store(capacity, argument, ...)."""
    stores = []

    def start(capacity=CAPACITY, *arguments):
        stores.append(Store(folder, capacity, *arguments, name=f"plasma{len(stores)}"))
        return stores[-1]

    yield start
    for store in stores:
        store.remove()


@pytest.fixture
def store(new_store):
    return new_store()


@pytest.fixture
def small_store(new_store):
    """For what happens to a store that is full."""
    return new_store(1_000_000)


@pytest.fixture
def client(store):
    return store.connect()


@pytest.fixture
def second_client(store):
    return store.connect()


@pytest.fixture
def small_client(small_store):
    return small_store.connect()


@pytest.fixture
def brain(store):
    return Brain(path=store.path)


@pytest.fixture
def second_brain(store):
    return Brain(path=store.path)


@pytest.fixture
def small_brain(small_store):
    return Brain(path=small_store.path)


@pytest.fixture
def missing_path(folder):
    """Where nothing is; what a test makes there goes again."""
    path = str(folder / "missing")
    yield path
    remove(path)


@pytest.fixture
def other():
    """A function that starts another process: other(code, path)."""
    others = []

    def start(code, path):
        others.append(Other(code, path))
        return others[-1]

    yield start
    for process in (other.process for other in others):
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


@pytest.fixture
def other_store(tmp_path):
    """A function that runs plasma_store to its end: (exit status, what it said)."""

    def run(*arguments):
        done = subprocess.run(
            [PLASMA_STORE, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=20,
            cwd=tmp_path,
            preexec_fn=die_with_parent,
        )
        return done.returncode, done.stdout

    return run


@pytest.fixture
def filled(brain):
    """Three names in `default`, and one in `other`."""
    brain.set_namespace("other")
    brain["far"] = "away"
    brain.set_namespace("default")
    brain.learn("a", 1, "the first")
    brain["b"] = [2]
    brain["c"] = {"three": 3}
    return brain
