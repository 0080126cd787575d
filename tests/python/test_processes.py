"""Several processes and one store."""

import multiprocessing
import os
import signal

import numpy as np
import pytest
from brain_plasma import Brain


def test_what_one_puts_another_gets(brain, other):
    brain.update(number=5, text="abc", array=np.arange(1000), mixed={"a": [1, 2]})
    code = """
from brain_plasma import Brain
brain = Brain(path)
print(brain['number'], brain['text'], brain['array'].sum(), brain['mixed'])
brain['answer'] = [brain['number'] + 1]
"""
    assert other(code).end() == "5 abc 499500 {'a': [1, 2]}"
    assert brain["answer"] == [6]


def test_values_outlive_the_process_that_put_them(path, other):
    other("from brain_plasma import Brain\nBrain(path)['x'] = [1, 2]").end()
    with Brain(path, create=False) as brain:
        assert brain["x"] == [1, 2]


# ---- workers ------------------------------------------------------------------------------------


def work(brain, number):
    brain[f"result {number}"] = np.full(10, number)
    return brain.path, brain.namespace, brain["common"].sum()


@pytest.mark.parametrize("method", ["spawn", "fork", "forkserver"])
def test_workers_get_a_brain_as_an_argument(brain, method):
    brain.set_namespace("workers")
    brain["common"] = np.arange(10)
    with multiprocessing.get_context(method).Pool(2) as pool:
        answers = pool.starmap(work, [(brain, number) for number in range(6)])
        pool.close()
        pool.join()
    assert answers == [(brain.path, "workers", 45)] * 6
    for number in range(6):
        assert brain[f"result {number}"].tolist() == [number] * 10


# ---- waiting ------------------------------------------------------------------------------------


def test_wait_sees_what_another_process_puts(brain, other):
    waiter = other(
        """
from brain_plasma import Brain
brain = Brain(path)
version = 0
for _ in range(100):
    version = brain.wait('ping', version)
    brain['pong'] = brain['ping']
"""
    )
    version = 0
    for number in range(100):
        brain["ping"] = number
        while True:
            version = brain.wait("pong", version, 60)
            if brain["pong"] == number:
                break
    waiter.end()


def test_a_waiter_that_is_killed_harms_nobody(brain, other):
    waiter = other(
        "from brain_plasma import Brain\nbrain = Brain(path)\nprint(1, flush=True)\nbrain.wait('x', 0)"
    )
    waiter.line()
    waiter.signal(signal.SIGKILL)
    waiter.process.wait()
    brain["x"] = 1
    assert brain.wait("x", 0) == brain.version("x")
    assert brain.check() == []


# ---- atomic changes -----------------------------------------------------------------------------

START = """
from brain_plasma import Brain
brain = Brain(path)
print('ready', flush=True)
input()
"""


def race(other, code, n=4):
    """Run `code` in n processes that begin together. Returns what each printed."""
    others = [other(START + code) for _ in range(n)]
    for one in others:
        assert one.line() == "ready"
    for one in others:
        one.tell()
    return [one.end() for one in others]


def test_counting_with_replace_if_loses_nothing(brain, other):
    brain["n"] = 0
    race(
        other,
        """
for _ in range(500):
    done = None
    while done is None:
        version = brain.version('n')
        value = brain['n']
        if brain.version('n') == version:
            done = brain.replace_if('n', value + 1, version)
""",
    )
    assert brain["n"] == 2000


def test_each_name_is_popped_once(brain, other):
    brain.update({str(n): n for n in range(1000)})
    outputs = race(
        other,
        """
values = (brain.pop(str(n), None) for n in range(1000))
print(*[value for value in values if value is not None])
""",
    )
    popped = sorted(int(number) for output in outputs for number in output.split())
    assert popped == list(range(1000))
    assert len(brain) == 0


def test_each_item_is_popped_once(brain, other):
    brain.update({str(n): n for n in range(400)})
    outputs = race(
        other,
        """
try:
    while True:
        print(brain.popitem()[1], end=' ')
except KeyError:
    pass
""",
    )
    popped = sorted(int(number) for output in outputs for number in output.split())
    assert popped == list(range(400))


def test_setdefault_gives_everybody_the_same(brain, other):
    outputs = race(
        other,
        """
import os
print(*[brain.setdefault(str(n), os.getpid()) for n in range(300)])
""",
    )
    assert len(set(outputs)) == 1


def test_a_reader_sees_an_update_entirely_or_not_at_all(brain, other):
    names = [str(n) for n in range(20)]
    brain.set_many(dict.fromkeys(names, 0))
    writer = other(
        """
from brain_plasma import Brain
brain = Brain(path)
names = [str(n) for n in range(20)]
for n in range(1, 3001):
    brain.set_many(dict.fromkeys(names, n))
"""
    )
    last = 0
    while last < 3000:
        values = brain.get_many(names)
        assert len(values) == 20
        (value,) = set(values.values())
        assert value >= last
        last = value
    writer.end()


def test_a_reader_always_finds_a_name_that_is_replaced(brain, other):
    brain["x"] = np.zeros(1000, "i8")
    writer = other(
        """
import numpy
from brain_plasma import Brain
brain = Brain(path)
for n in range(1, 5001):
    brain['x'] = numpy.full(1000, n)
"""
    )
    last = 0
    while last < 5000:
        value = brain["x"]
        assert value[0] == value[-1] >= last
        last = int(value[0])
    writer.end()


# ---- deaths -------------------------------------------------------------------------------------

KILLED = """
import itertools, numpy
from brain_plasma import Brain
brain = Brain(path)
print('ready', flush=True)
for n in itertools.count():
    brain['x'] = numpy.full(20000, n)
    brain.update(a=n, b=[n])
    del brain['b']
"""


def test_a_writer_killed_at_any_time_leaves_old_or_new(brain, other):
    brain["kept"] = np.arange(10_000)
    brain["x"] = np.zeros(20_000)
    for round in range(20):
        writer = other(KILLED)
        writer.line()
        version = brain.version("x")
        for _ in range(round):
            version = brain.wait("x", version)
        writer.signal(signal.SIGKILL)
        writer.process.wait()
        value = brain["x"]
        assert value.min() == value.max()
        assert np.array_equal(brain["kept"], np.arange(10_000))
        del value
        assert brain.check() == []
        brain["x"] = np.zeros(20_000)
        brain.pop("a", None)
        brain.pop("b", None)
        assert brain.used() == 10_000 * 8 + 20_000 * 8


def test_pins_of_the_dead_are_given_back(brain, other):
    brain["x"] = np.arange(100_000)
    holder = other(
        "from brain_plasma import Brain\nx = Brain(path)['x']\nprint('held', flush=True)\ninput()"
    )
    holder.line()
    del brain["x"]
    assert brain.stat()["limbo_bytes"] == 800_000
    holder.signal(signal.SIGKILL)
    holder.process.wait()
    brain.trim()
    assert brain.stat()["limbo_bytes"] == 0
    assert brain.check() == []


def test_two_processes_that_create_at_once_share_a_store(path, other):
    code = """
from brain_plasma import Brain
input()
brain = Brain(path)
brain[str({number})] = {number}
"""
    others = [other(code.format(number=number)) for number in range(6)]
    for one in others:
        one.tell()
    for one in others:
        one.end()
    with Brain(path, create=False) as brain:
        assert sorted(brain) == [str(number) for number in range(6)]
    assert os.path.isdir(path)
