"""Stores for the tests of the command: each test has its own, on /dev/shm, and nothing of it is left afterwards."""

import itertools
import os
import shutil

import pytest
from running import Command

PREFIX = f"brain-test-{os.getpid()}-cli-"

_numbers = itertools.count()


@pytest.fixture
def new_path():
    """A function that gives paths where nothing is, on a file system in memory."""
    paths = []

    def make():
        paths.append(f"/dev/shm/{PREFIX}{next(_numbers)}")
        return paths[-1]

    yield make
    for path in paths:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def nowhere(new_path):
    """The command, where there is no store yet."""
    return Command(new_path())


@pytest.fixture
def brain(nowhere):
    """The command, on a store of 64 MB."""
    nowhere("create", "--capacity", "64M")
    return nowhere


@pytest.fixture
def store(brain):
    """The same store, open in this process."""
    from brain_plasma import Brain

    with Brain(brain.path, create=False, long_namespaces=True) as opened:
        yield opened


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left():
    yield
    mine = {entry for entry in os.listdir("/dev/shm") if entry.startswith(PREFIX)}
    assert not mine, f"left behind: {sorted(mine)}"
