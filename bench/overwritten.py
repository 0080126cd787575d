"""How many gets a second remain while another process overwrites the name as fast as it can?"""

import mmap
import os
import resource
import statistics
import time

from harness import Row, new_brain, report

QUESTION = "get a name that another process overwrites"
REACH = 4  # times slower: a quarter of the rate
N_RUNS = 5000  # that the writer really disturbed
PATIENCE_S = 20
PHASE_S = 0.02
SETTLE_S = 0.005
READS = 500  # between two looks at the clock
QUIET, BUSY, STOP = 0, 1, 2


def overwrite(path, word):
    """The other process: `word` holds what it is to do."""
    from brain_plasma import Brain

    with Brain(path, create=False) as brain:
        n_writes = 0
        while word[0] != STOP:
            if word[0] == QUIET:
                time.sleep(0.001)
                continue
            for number in range(20):
                brain["x"] = number
            n_writes += 20
            word[8:16] = n_writes.to_bytes(8, "little")


def read(brain, word, seconds):
    """Pairs of ns per read and writes per ns, of each run of READS."""
    runs = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    began = 0
    while began < end:
        began, wrote = time.perf_counter_ns(), writes_so_far(word)
        for _ in range(READS):
            brain["x"]
        written, now = writes_so_far(word), time.perf_counter_ns()
        runs.append(((now - began) / READS, (written - wrote) / (now - began)))
    return runs


def writes_so_far(word):
    return int.from_bytes(word[8:16], "little")


def disturbed(runs):
    """The runs that the writer was not held up in by what else the machine does."""
    full = max((writes for _, writes in runs), default=0)
    return [run for run in runs if run[1] > full / 2]


def measure(brain, word):
    """Runs without and with the writer, and how often the reader slept in the latter."""
    quiet, busy, n_slept = [], [], 0
    end = time.monotonic() + PATIENCE_S
    while len(disturbed(busy)) < N_RUNS and time.monotonic() < end:
        word[0] = QUIET
        time.sleep(SETTLE_S)
        quiet += read(brain, word, PHASE_S)
        word[0] = BUSY
        time.sleep(SETTLE_S)
        slept = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        busy += read(brain, word, PHASE_S)
        n_slept += resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - slept
    return quiet, busy, n_slept


def rows():
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield Row(QUESTION, None, "ns", REACH, note="there is one core: only one of them runs at a time")
        return
    with new_brain() as brain:
        brain["x"] = 0
        word = mmap.mmap(-1, mmap.PAGESIZE)
        child = os.fork()
        if child == 0:
            try:
                os.sched_setaffinity(0, cores[1:])
                overwrite(brain.path, word)
            finally:
                os._exit(0)
        try:
            os.sched_setaffinity(0, cores[:1])
            quiet, busy, n_slept = measure(brain, word)
        finally:
            word[0] = STOP
            os.waitpid(child, 0)
    counted = disturbed(busy)
    here = statistics.median(ns for ns, _ in counted)
    alone = statistics.median(ns for ns, _ in quiet)
    writes = statistics.median(writes for _, writes in counted)
    yield Row(
        QUESTION,
        here,
        "ns",
        REACH,
        base=alone,
        ratio=here / alone,
        base_name="undisturbed",
        note=f"{writes * 1e9:,.0f} writes a second meanwhile; of {len(busy) * READS:,} reads "
        f"{n_slept} slept; {len(counted):,} of {len(busy):,} runs count",
    )


if __name__ == "__main__":
    report(rows())
