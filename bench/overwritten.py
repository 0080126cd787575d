"""How many gets a second remain while another process overwrites the name as fast as it can?"""

import resource
import statistics
import time

from harness import ONE_CORE, STOP, Row, beside, new_brain, report, two_cores

QUESTION = "get a name that another process overwrites"
REACH = 4  # times slower: a quarter of the rate
N_RUNS = 5000  # that the writer really disturbed
PATIENCE_S = 20
PHASE_S = 0.02
SETTLE_S = 0.005
READS = 500  # between two looks at the clock
QUIET, BUSY = 0, 1


def overwrite(path, words):
    """The other process: words[0] is what it is to do, words[1] how often it has done it."""
    from brain_plasma import Brain

    with Brain(path, create=False) as brain:
        n_writes = 0
        while words[0] != STOP:
            if words[0] == QUIET:
                time.sleep(0.001)
                continue
            for number in range(20):
                brain["x"] = number
            n_writes += 20
            words[1] = n_writes


def read(brain, words, seconds):
    """Pairs of ns per read and writes per ns, of each run of READS."""
    runs = []
    end = time.perf_counter_ns() + int(seconds * 1e9)
    began = 0
    while began < end:
        began, wrote = time.perf_counter_ns(), words[1]
        for _ in range(READS):
            brain["x"]
        written, now = words[1], time.perf_counter_ns()
        runs.append(((now - began) / READS, (written - wrote) / (now - began)))
    return runs


def disturbed(runs):
    """The runs that the writer was not held up in by what else the machine does."""
    full = max((writes for _, writes in runs), default=0)
    return [run for run in runs if run[1] > full / 2]


def measure(brain, words):
    """Runs without and with the writer, and how often the reader slept in the latter."""
    quiet, busy, n_slept = [], [], 0
    end = time.monotonic() + PATIENCE_S
    while len(disturbed(busy)) < N_RUNS and time.monotonic() < end:
        words[0] = QUIET
        time.sleep(SETTLE_S)
        quiet += read(brain, words, PHASE_S)
        words[0] = BUSY
        time.sleep(SETTLE_S)
        slept = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
        busy += read(brain, words, PHASE_S)
        n_slept += resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - slept
    return quiet, busy, n_slept


def rows():
    cores = two_cores()
    if cores is None:
        yield Row(QUESTION, None, "ns", REACH, note=ONE_CORE)
        return
    with new_brain() as brain:
        brain["x"] = 0
        with beside(overwrite, brain.path, cores) as other:
            quiet, busy, n_slept = measure(brain, other.words)
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
