"""The table of docs/using.md: for each kind of value what the list says is so, by address and by memory.

The list is type_list.py; what looks into values is looked_into.py; tools/values_table.py measures the same
with larger values, in processes of its own for each row.
"""

import mmap
import subprocess
import sys
from pathlib import Path

import pytest
from brain_plasma import Brain, BrainPickleError, BrainValueTypeError
from looked_into import Places, buffers, private_bytes, same, walk
from type_list import ROWS

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "tools/values_table.py"
N_BYTES = 200_000

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")

STORED = [row for row in ROWS if row.refused is None]
stored = pytest.mark.parametrize("row", STORED, ids=lambda row: row.id)


@stored
def test_round_trip(brain, row):
    made = row.make(N_BYTES)
    for word, value in row.make(N_BYTES).items():
        brain[word] = value
        recalled = brain[word]
        assert row.same(recalled, made[word]), word
        if row.returns is not None:
            assert type(recalled).__name__ in row.returns
        elif row.group != "Code":  # classes that are sent by value are others
            assert type(recalled) is type(value)


@stored
def test_where_it_lies(brain, row):
    """In a mapping of the store that cannot be written, and nowhere else, unless the row says so."""
    stored_bytes = 0
    for word, value in row.make(N_BYTES).items():
        brain[word] = value
        places = Places(brain[word], brain.directory)
        stored_bytes += places.stored_bytes
        if row.copied is None:
            assert places.other_bytes == 0, word
    if row.copied is None:
        assert stored_bytes > (0 if row.small else N_BYTES // 3)


@stored
def test_without_pickle(path, row):
    made = row.make(N_BYTES)
    with Brain(path, capacity=64_000_000, pickle=False) as plain, Brain(path) as brain:
        for word, value in row.make(N_BYTES).items():
            if not row.needs_pickle:
                plain[word] = value
                assert row.same(plain[word], made[word]), word
                continue
            with pytest.raises(BrainPickleError):
                plain[word] = value
            brain[word] = value
            with pytest.raises(BrainPickleError):
                plain[word]


@pytest.mark.parametrize("row", [row for row in ROWS if row.refused is not None], ids=lambda row: row.id)
def test_what_is_refused(brain, row):
    for word, value in row.make(N_BYTES).items():
        with pytest.raises(BrainValueTypeError, match="value"):
            brain[word] = value
        assert word not in brain


# ---- the table ----------------------------------------------------------------------------------


def run_tool(*arguments):
    return subprocess.run([sys.executable, TABLE, *arguments], capture_output=True, text=True)


def test_the_document_has_the_table():
    done = run_tool("--said")
    assert done.returncode == 0
    assert done.stdout in (ROOT / "docs/using.md").read_text()
    assert all(f"| {row.name} |" in done.stdout for row in ROWS)


def test_what_the_tool_measures_is_what_the_list_says():
    done = run_tool("--size", "8", "--quick")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"| {row.name} |" in done.stdout for row in ROWS)


def test_a_row_in_processes_of_its_own(path):
    done = run_tool("--size", "8", "--only", "pandas: frames of numbers", path)
    assert (done.returncode, done.stderr) == (0, "")
    with Brain(path) as brain:
        assert list(brain) == []


# ---- what the tests themselves rely on ----------------------------------------------------------


def test_a_copy_is_seen(brain):
    import numpy as np

    brain["x"] = {"a": np.arange(1000), "b": [np.arange(500.0)]}
    value = brain["x"]
    assert Places(value, brain.directory).stored_bytes == 12_000
    value["b"].append(np.zeros(10))
    assert Places(value, brain.directory).other_bytes == 80
    before = private_bytes()
    # Not from malloc, which may have that much left over of what the tests before had.
    memory = mmap.mmap(-1, 64_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    copies = [np.frombuffer(memory)]
    copies[0][:] = 1.0
    walk(copies)
    assert private_bytes() - before > 60_000_000


@pytest.mark.parametrize("row", [row for row in STORED if row.same is same], ids=lambda row: row.id)
def test_no_two_values_are_the_same_by_mistake(row):
    """same() says so of a value made twice, and not of the smaller one."""
    values, others, smaller = row.make(40_000), row.make(40_000), row.make(10_000)
    for word, value in values.items():
        assert same(value, others[word])
        if sum(size for _, size in buffers(value)) != sum(size for _, size in buffers(smaller.get(word))):
            assert not same(value, smaller[word])
