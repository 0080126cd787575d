"""What does a put of an array cost, beside a copy of the same bytes?"""

import os
import statistics
import time

import numpy as np
from harness import Row, alternate, free_memory, median_ratio, new_brain, report

REACH = 1.2
MEGABYTE, GIGABYTE = 1_000_000, 1_000_000_000
N_LARGE = 5


def timed(function):
    began = time.perf_counter_ns()
    function()
    return time.perf_counter_ns() - began


def row(question, base_name, copies, puts):
    return Row(
        question,
        statistics.median(puts),
        "ns",
        REACH,
        base=statistics.median(copies),
        ratio=median_ratio(puts, copies),
        base_name=base_name,
    )


def warm():
    array, target = np.random.default_rng(1).bytes(MEGABYTE), np.empty(MEGABYTE, "u1")
    array = np.frombuffer(array, "u1")
    with new_brain() as brain:
        for _ in range(10):
            brain["x"] = array

        def put():
            brain["x"] = array

        copies, puts = alternate(
            lambda: timed(lambda: np.copyto(target, array)), lambda: timed(put)
        )
    return row("put 1 MB into warm memory", "copyto", copies, puts)


def fresh():
    question = "put 1 GB into fresh memory"
    if free_memory() < 2.5 * GIGABYTE:
        return Row(question, None, "ns", REACH, note="there is no room for 2.5 GB")
    array = np.ones(GIGABYTE, "u1")
    with new_brain(capacity=2 * GIGABYTE) as brain:
        file = os.path.join(os.path.dirname(brain.path), "file")

        def write():
            fd = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                taken = timed(lambda: write_in_steps(fd, array))
            finally:
                os.close(fd)
                os.unlink(file)
            return taken

        def put():
            taken = timed(lambda: brain.__setitem__("x", array))
            del brain["x"]
            brain.trim()
            return taken

        writes, puts = alternate(write, put, n_blocks=N_LARGE)
    return row(question, "pwrite", writes, puts)


def write_in_steps(fd, array):
    for begin in range(0, array.nbytes, 1 << 20):
        os.pwrite(fd, array[begin : begin + (1 << 20)], begin)


def rows():
    yield warm()
    yield fresh()


if __name__ == "__main__":
    report(rows())
