"""How long do the slowest gets take while another process replaces values of 1 MB?"""

import array
import statistics
import time

import numpy as np
from harness import ONE_CORE, STOP, Row, RunDelay, beside, new_brain, percentile, report, two_cores

REACH = 2
MEGABYTE = 1_000_000
N_ROUNDS = 150
PHASE_NS, SETTLE_S = 10_000_000, 0.002
SLOW_NS = 3000  # what takes longer may have been held up by the scheduler
REST, REPLACE, COPY = range(3)
NAMES = {"an int": "small", "the value that is replaced": "large"}

clock = time.perf_counter_ns


def disturb(path, words):
    """The other process: words[0] is what it is to do, words[1] how often it has done it."""
    from brain_plasma import Brain

    value, target = np.ones(MEGABYTE, "u1"), np.ones(MEGABYTE, "u1")
    with Brain(path, create=False) as brain:
        while words[0] != STOP:
            if words[0] == REST:
                time.sleep(0.0005)
            elif words[0] == REPLACE:
                brain["large"] = value
                words[1] += 1
            else:
                np.copyto(target, value)
                words[1] += 1


class Phases:
    """Gets in phases of one kind: `counted`, and those in which the reader waited for its processor."""

    def __init__(self):
        self.counted, self.held_up = array.array("Q"), array.array("Q")
        self.n_disturbances = []

    def get(self, brain, name, words, run_delay):
        """One phase. The processor is asked for only after what took long, in a get or in between: to
        ask takes longer than a get."""
        before = words[1]
        delay, ended = run_delay.ns(), clock()
        until = ended + PHASE_NS
        while ended < until:
            began = clock()
            if began - ended > SLOW_NS:
                delay = run_delay.ns()
                began = clock()
            brain[name]
            ended = clock()
            kept = self.counted
            if ended - began > SLOW_NS:
                waited, delay = delay, run_delay.ns()
                if waited != delay:
                    kept = self.held_up
            kept.append(ended - began)
        self.n_disturbances.append(words[1] - before)


def measure(brain, name, words):
    kinds = {REST: Phases(), REPLACE: Phases(), COPY: Phases()}
    run_delay = RunDelay()
    for _ in range(N_ROUNDS):
        for what, phases in kinds.items():
            words[0] = what
            time.sleep(SETTLE_S)
            phases.get(brain, name, words, run_delay)
    words[0] = REST
    return kinds


def microseconds(ns):
    return f"{ns / 1e3:.{max(0, 3 - len(str(ns // 1000)))}f}"


def row(what, kinds):
    quiet, busy, copied = (kinds[kind].counted for kind in (REST, REPLACE, COPY))
    here, base = percentile(busy, 0.999), percentile(quiet, 0.999)

    def both(share):
        return "{} and {}".format(*(microseconds(percentile(one, share)) for one in (busy, quiet)))

    held_up = kinds[REPLACE].held_up
    n_all = len(busy) + len(held_up)
    rate = statistics.mean(kinds[REPLACE].n_disturbances) / PHASE_NS * 1e9
    worst = max([*held_up, max(busy)])
    return Row(
        f"get {what} while 1 MB is replaced: p99.9",
        here,
        "ns",
        REACH,
        base=base,
        ratio=here / base,
        base_name="undisturbed",
        note=f"with and without, in us: p50 {both(0.5)}, p99 {both(0.99)}, worst {both(1)}; "
        f"p99.9 beside one that only copies 1 MB {microseconds(percentile(copied, 0.999))}; "
        f"{rate:,.0f} puts a second; of {n_all:,} gets {len(held_up):,} waited for a processor and do "
        f"not count, the worst of all {microseconds(worst)} us",
    )


def rows():
    cores = two_cores()
    if cores is None:
        for what in NAMES:
            question = f"get {what} while 1 MB is replaced: p99.9"
            yield Row(question, None, "ns", REACH, base_name="undisturbed", note=ONE_CORE)
        return
    with new_brain() as brain:
        brain["small"] = 1
        brain["large"] = np.ones(MEGABYTE, "u1")
        with beside(disturb, brain.path, cores) as other:
            for what, name in NAMES.items():
                yield row(what, measure(brain, name, other.words))


if __name__ == "__main__":
    report(rows())
