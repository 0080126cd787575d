"""What the programs of bench/ have in common: how things are timed, and how a figure is told."""

import contextlib
import dataclasses
import gc
import itertools
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MEMORY = "/dev/shm"
N_BLOCKS = 300  # of each of the things that are compared
BLOCK = 2000  # operations that are timed at once: well below the time between two interruptions


@dataclasses.dataclass
class Row:
    """One figure. `reach` is the most that `value` may be, or `ratio` where there is a `base`."""

    question: str
    value: float | None
    unit: str  # "ns", "s", "bytes", "1/s"
    reach: float
    base: float | None = None  # what it is compared with, in the same unit
    ratio: float | None = None
    base_name: str = ""
    note: str = ""

    @property
    def reached(self):
        figure = self.value if self.ratio is None else self.ratio
        return figure is not None and figure <= self.reach


def report(rows):
    """Print the rows for bench/__main__.py, or for whoever runs the program alone."""
    rows = list(rows)
    if os.environ.get("BENCH_ROWS") == "json":
        print(json.dumps([dataclasses.asdict(row) for row in rows]))
    else:
        print_table(rows)


# ---- stores -------------------------------------------------------------------------------------


@contextlib.contextmanager
def new_folder():
    folder = Path(tempfile.mkdtemp(prefix="brain-bench-", dir=MEMORY))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_brain(capacity=1_000_000_000):
    from brain_plasma import Brain

    with new_folder() as folder, Brain(folder / "store", capacity=capacity) as brain:
        yield brain


def free_memory():
    """Bytes that may be put on /dev/shm without harm to others."""
    with open("/proc/meminfo") as meminfo:
        available = next(int(line.split()[1]) * 1024 for line in meminfo if "MemAvailable" in line)
    return min(available, shutil.disk_usage(MEMORY).free)


# ---- timing -------------------------------------------------------------------------------------


def loop(statement, scope=()):
    """A function of (d, items): how many ns `statement` takes for all k of items. It may use the names of
    the dict `scope`.

    One for each kind of d: the interpreter adapts the code to what it meets.
    """
    source = (
        "def run(d, items, clock):\n"
        "    began = clock()\n"
        "    for k in items:\n"
        f"        {statement}\n"
        "    return clock() - began\n"
    )
    scope = dict(scope)
    exec(source, scope)
    run = scope["run"]
    return lambda d, items: run(d, items, time.perf_counter_ns)


def alternate(*functions, n_blocks=N_BLOCKS):
    """Call the functions in turn, n_blocks times. Returns what each gave, in order of time.

    What else the machine does hits one of them as often as the other, and a block so seldom that the
    median is none of those it hits.
    """
    results = [[] for _ in functions]
    gc.collect()
    gc.disable()
    try:
        for _ in range(n_blocks):
            for function, result in zip(functions, results, strict=True):
                result.append(function())
    finally:
        gc.enable()
    return results


def median_ratio(values, bases):
    return statistics.median(v / b for v, b in zip(values, bases, strict=True))


def net_ns(names, *cases):
    """How many ns each case, a pair of a statement and its d, takes for a name, net of the empty
    loop: a list for each case.

    A case goes through all names before the next one does, or what it finds in the cache would depend on
    that; it is timed in parts of BLOCK names.
    """
    order = list(names) * -(-BLOCK // len(names))
    random.Random(1).shuffle(order)
    parts = [order[begin : begin + BLOCK] for begin in range(0, len(order), BLOCK)]

    def block(statement, d):
        run = loop(statement)
        return lambda: [run(d, part) / len(part) for part in parts]

    empty, *results = alternate(block("pass", None), *(block(*case) for case in cases))
    flat = [ns for block_ns in empty for ns in block_ns]
    return [
        [ns - flat_ns for ns, flat_ns in zip(itertools.chain(*result), flat, strict=True)]
        for result in results
    ]


def against_dict(question, statement, brain, reference, names, reach):
    """`statement` on a Brain and on a dict, over `names` in random order."""
    brains, dicts = net_ns(names, (statement, brain), (statement, reference))
    return Row(
        question,
        statistics.median(brains),
        "ns",
        reach,
        base=statistics.median(dicts),
        ratio=median_ratio(brains, dicts),
        base_name="dict",
    )


def in_fresh_process(program, *arguments):
    """Run `program` with arguments in a new Python. Returns what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)], stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout)


# ---- what is printed ----------------------------------------------------------------------------


def describe_machine():
    """Two lines, that of the interpreter among them."""
    import numpy

    with open("/proc/cpuinfo") as cpuinfo:
        models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    cpu = models[0] if models else platform.machine()
    return (
        f"{cpu}, {os.cpu_count()} cores; Linux {platform.release()}; load {os.getloadavg()[0]:.1f}\n"
        f"CPython {platform.python_version()} ({platform.python_compiler()}), NumPy {numpy.__version__}"
    )


_UNITS = {
    "ns": [("ns", 1), ("us", 1e3), ("ms", 1e6), ("s", 1e9)],
    "s": [("us", 1e-6), ("ms", 1e-3), ("s", 1)],
    "bytes": [("B", 1), ("kB", 1e3), ("MB", 1e6)],
    "1/s": [("/s", 1), ("k/s", 1e3), ("M/s", 1e6)],
}


def quantity(value, unit):
    if value is None:
        return "-"
    name, factor = _UNITS[unit][0]
    for name_, factor_ in _UNITS[unit]:
        if value >= factor_:
            name, factor = name_, factor_
    digits = max(0, 2 - len(str(int(value / factor))))
    return f"{value / factor:.{digits}f} {name}"


def print_table(rows):
    line = "{:<52}{:>11}{:>22}{:>8}{:>10}  {}"
    print(line.format("question", "here", "compared with", "ratio", "to reach", ""))
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.{2 if row.ratio >= 0.1 else 4}f}"
        reach = f"{row.reach:g}" if row.ratio is not None else quantity(row.reach, row.unit)
        base = f"{row.base_name} {quantity(row.base, row.unit)}" if row.base is not None else ""
        verdict = "not measured" if row.value is None else "reached" if row.reached else "not yet"
        here = quantity(row.value, row.unit)
        print(line.format(row.question, here, base, ratio, reach, verdict).rstrip())
        if row.note:
            print(f"    {row.note}")
