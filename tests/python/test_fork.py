"""fork(): the child is a client of its own from the first moment."""

import gc
import os
import threading

import numpy as np
import pytest
from brain_plasma import Brain
from children import Child

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

N = 100_000


class Signal:
    """One process tells another that it has come somewhere."""

    def __init__(self):
        self.reader, self.writer = os.pipe()

    def give(self):
        os.write(self.writer, b"x")

    def wait(self):
        assert os.read(self.reader, 1) == b"x"


def test_the_child_goes_on_with_the_brain(brain):
    brain["x"] = 1

    def child():
        assert brain["x"] == 1
        brain["y"] = [2]
        del brain["x"]
        brain["array"] = np.arange(N)
        assert brain["array"].sum() == np.arange(N).sum()

    Child(child).join()
    assert brain["y"] == [2]
    assert "x" not in brain
    brain["z"] = 3
    assert brain.check() == []


def test_the_end_of_a_child_does_no_harm_to_the_parent(brain):
    brain["x"] = np.arange(N)
    recalled = brain["x"]

    def child():
        nonlocal recalled
        recalled = None
        gc.collect()
        brain.close()

    Child(child).join()
    assert np.array_equal(recalled, np.arange(N))
    assert brain["x"].sum() == recalled.sum()
    assert brain.check() == []


def test_views_of_the_child_are_pinned(brain):
    """Nothing that the parent does after the fork takes them away."""
    brain["x"] = np.arange(N)
    recalled = brain["x"]
    go = Signal()

    def child():
        go.wait()
        assert np.array_equal(recalled, np.arange(N))

    process = Child(child)
    del recalled
    del brain["x"]
    for n in range(20):
        brain[str(n)] = np.full(N, n)
    brain.trim()
    go.give()
    process.join()
    brain.clear()
    brain.trim()
    assert brain.stat()["limbo_bytes"] == 0
    assert brain.check() == []


def test_views_of_a_killed_child_are_given_back(brain):
    brain["x"] = np.arange(N)
    recalled = brain["x"]
    ready = Signal()

    def child():
        ready.give()
        Signal().wait()  # for ever

    process = Child(child)
    ready.wait()
    del recalled
    del brain["x"]
    assert brain.stat()["limbo_bytes"] == N * 8
    process.kill()
    brain.trim()
    assert brain.stat()["limbo_bytes"] == 0


def test_views_of_the_child_outlive_the_parents_brain(path):
    brain = Brain(path)
    brain["x"] = np.arange(N)
    recalled = brain["x"]
    go = Signal()

    def child():
        go.wait()
        assert np.array_equal(recalled, np.arange(N))
        assert np.array_equal(brain["x"], np.arange(N))

    process = Child(child)
    del recalled
    brain.close()
    go.give()
    process.join()


def test_grandchildren(brain):
    brain["x"] = np.arange(N)
    recalled = brain["x"]

    def grandchild():
        assert np.array_equal(recalled, np.arange(N))
        brain["from the grandchild"] = 1

    def child():
        Child(grandchild).join()
        brain["from the child"] = 1

    Child(child).join()
    assert {"from the child", "from the grandchild"} <= set(brain)
    assert brain.check() == []


def test_many_forks(brain):
    brain["x"] = np.arange(10)
    recalled = [brain["x"] for _ in range(100)]
    for n in range(100):

        def child(n=n):
            assert recalled[n].sum() == 45
            brain[f"child {n}"] = n

        Child(child).join()
    assert len(brain) == 101
    brain.trim()  # looks for the dead
    assert brain.stat()["n_pins"] == 100
    assert brain.check() == []


def test_a_child_of_a_fork_in_the_middle_of_other_threads_work(brain):
    stop = threading.Event()
    errors = []

    def work(number):
        try:
            n = 0
            while not stop.is_set():
                n += 1
                brain[f"thread {number}"] = np.full(1000 * number + 1, n)
                value = brain[f"thread {number}"]
                assert value[0] == value[-1] == n
                brain[f"small {number}"] = n
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in (1, 30)]
    for thread in threads:
        thread.start()

    def child():
        for n in range(20):
            brain[f"child {n}"] = np.full(5000, n)
            assert brain[f"child {n}"][-1] == n
        for number in (1, 30):
            value = brain.get(f"thread {number}", np.zeros(1))
            assert value[0] == value[-1]

    for _ in range(30):
        Child(child).join()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert brain.check() == []


def test_an_iterator_of_the_parent(brain):
    brain.update(a=1, b=2)
    names = iter(brain)
    next(names)

    def child():
        list(names)
        assert sorted(brain) == ["a", "b"]

    Child(child).join()
    assert len(list(names)) == 1


def test_fork_and_exec_costs_the_child_nothing(brain):
    import subprocess

    brain["x"] = np.arange(N)
    recalled = brain["x"]
    clients = brain.stat()["n_clients"]
    for _ in range(10):
        subprocess.run(["true"], check=True)
    assert brain.stat()["n_clients"] == clients
    assert np.array_equal(recalled, np.arange(N))
