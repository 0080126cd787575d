"""What does a put of an array cost, beside a copy of the same bytes?

usage: put.py            the figures
       put.py huge       those of a store on huge pages, as JSON
"""

import json
import os
import statistics
import sys

import numpy as np
from harness import (
    Row,
    alternate,
    free_memory,
    in_huge_pages,
    median_ratio,
    new_brain,
    report,
    share_in_huge_pages,
    timed,
)

REACH_SMALL = 1.2
REACH_WARM, REACH_FRESH, REACH_HUGE = 0.75, 1.1, 2
MEGABYTE, GIGABYTE = 1_000_000, 1_000_000_000
N_LARGE, N_WARMING = 5, 10


def row(question, reach, base_name, copies, puts, note=""):
    return Row(
        question,
        statistics.median(puts),
        "ns",
        reach,
        base=statistics.median(copies),
        ratio=median_ratio(puts, copies),
        base_name=base_name,
        note=note,
    )


def warm(question, reach, n_bytes, n_blocks):
    # Not zeros, for which the kernel has one page for all.
    array = np.arange(n_bytes // 4, dtype="u4").view("u1")
    target = np.ones(n_bytes, "u1")
    # A value goes to another place than the one it replaces: a large store has several for it.
    with new_brain(capacity=2 * n_bytes + 100_000_000) as brain:

        def put():
            brain["x"] = array

        for _ in range(N_WARMING):
            put()
        backed = brain.stat()["value_backed_bytes"]
        copies, puts = alternate(
            lambda: timed(lambda: np.copyto(target, array)), lambda: timed(put), n_blocks=n_blocks
        )
        grown = brain.stat()["value_backed_bytes"] - backed
    note = "" if grown == 0 else f"the store took {grown / 1e6:.0f} MB more meanwhile"
    return row(question, reach, "copyto", copies, puts, note)


def fresh(question, reach):
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
    return row(question, reach, "pwrite", writes, puts)


def write_in_steps(fd, array):
    for begin in range(0, array.nbytes, 2 << 20):
        os.pwrite(fd, array[begin : begin + (2 << 20)], begin)


def measure_huge():
    """Puts into fresh and into warm memory of the same store, on a tmpfs with huge pages."""
    array = np.ones(GIGABYTE, "u1")
    fresh_ns, warm_ns, shares = [], [], []
    with new_brain(capacity=3 * GIGABYTE) as brain:

        def put():
            brain["x"] = array

        for _ in range(N_LARGE):
            fresh_ns.append(timed(put))
            put()
            backed = brain.stat()["value_backed_bytes"]
            warm_ns.append(timed(put))
            assert brain.stat()["value_backed_bytes"] == backed
            brain["x"].max()  # the pages are mapped: it can be seen what they are
            shares.append(share_in_huge_pages(os.path.dirname(brain.path)))
            del brain["x"]
            brain.trim()
    print(json.dumps({"fresh_ns": fresh_ns, "warm_ns": warm_ns, "huge": min(shares)}))


def huge(question, reach):
    found, reason = in_huge_pages(__file__, "huge")
    if found and found["huge"] < 0.9:
        reason = f"{found['huge']:.0%} of the store came in huge pages"
    if reason:
        return Row(question, None, "ns", reach, base_name="warm", note=reason)
    return row(question, reach, "warm", found["warm_ns"], found["fresh_ns"])


def rows():
    yield warm("put 1 MB into warm memory", REACH_SMALL, MEGABYTE, 300)
    for question, reach, base_name, needed, measure in (
        ("put 1 GB into warm memory", REACH_WARM, "copyto", 4.5, warm_gigabyte),
        ("put 1 GB into fresh memory", REACH_FRESH, "pwrite", 2.5, fresh),
        ("put 1 GB into fresh huge pages", REACH_HUGE, "warm", 3.5, huge),
    ):
        if free_memory() < needed * GIGABYTE:
            note = f"there is no room for {needed} GB"
            yield Row(question, None, "ns", reach, base_name=base_name, note=note)
        else:
            yield measure(question, reach)


def warm_gigabyte(question, reach):
    return warm(question, reach, GIGABYTE, N_LARGE)


if __name__ == "__main__":
    if sys.argv[1:] == ["huge"]:
        measure_huge()
    else:
        report(rows())
