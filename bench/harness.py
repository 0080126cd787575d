"""What the programs of bench/ have in common: how things are timed, and how a figure is told."""

import contextlib
import dataclasses
import gc
import itertools
import json
import mmap
import os
import platform
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import NamedTuple

MEMORY = os.environ.get("BENCH_MEMORY", "/dev/shm")
N_BLOCKS = 300  # of each of the things that are compared
BLOCK = 2000  # operations that are timed at once: well below the time between two interruptions


@dataclasses.dataclass
class Row:
    """One figure. `reach` is the most that `value` may be, or `ratio` where there is a `base`."""

    question: str
    value: float | None
    unit: str  # "ns", "s", "bytes", "1/s", "" (a count)
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
def on_disk():
    """A folder for files: TMPDIR, which is to be on a disk."""
    folder = Path(tempfile.mkdtemp(prefix="brain-bench-"))
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


def net_ns(names, *cases, n_blocks=N_BLOCKS):
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

    blocks = [block("pass", None), *(block(*case) for case in cases)]
    empty, *results = alternate(*blocks, n_blocks=n_blocks)
    flat = [ns for block_ns in empty for ns in block_ns]
    return [
        [ns - flat_ns for ns, flat_ns in zip(itertools.chain(*result), flat, strict=True)]
        for result in results
    ]


def against_dict(question, statement, brain, reference, names, reach, n_blocks=N_BLOCKS):
    """`statement` on a Brain and on a dict, over `names` in random order."""
    cases = (statement, brain), (statement, reference)
    brains, dicts = net_ns(names, *cases, n_blocks=n_blocks)
    return Row(
        question,
        statistics.median(brains),
        "ns",
        reach,
        base=statistics.median(dicts),
        ratio=median_ratio(brains, dicts),
        base_name="dict",
    )


def percentile(values, share):
    """The value that `share` of them, from 0 to 1, are not above."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def timed(function):
    began = time.perf_counter_ns()
    function()
    return time.perf_counter_ns() - began


class RunDelay:
    """How many ns this thread has waited for a processor, ready to run, as the kernel counts: what the
    scheduler did, as opposed to what the thread itself waited for."""

    def __init__(self):
        self.fd = os.open("/proc/thread-self/schedstat", os.O_RDONLY)

    def ns(self):
        return int(os.pread(self.fd, 64, 0).split()[1])


def end_in_order(*_):
    """Of SIGTERM: what is on /dev/shm is removed on the way out, as with Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + signal.SIGTERM)


signal.signal(signal.SIGTERM, end_in_order)


def run_to_its_end(command, **how):
    """As subprocess.run(), of a program that removes what it has made: where this one is to end it waits for that."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, **how) as process:
        try:
            stdout, stderr = process.communicate()
        except KeyboardInterrupt:  # it has reached the other, too
            process.communicate()
            raise
        except BaseException:
            process.terminate()
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def in_fresh_process(program, *arguments):
    """Run `program` with arguments in a new Python. Returns what it printed as JSON."""
    done = run_to_its_end([sys.executable, program, *map(str, arguments)])
    done.check_returncode()
    return json.loads(done.stdout)


def c_program(name):
    """That of bench/NAME.c, which ./run bench builds."""
    return Path(os.environ.get("BENCH_BUILD", "build/bench/bench"), name)


def in_c(name, *arguments):
    """Run bench/NAME.c. Returns what it printed as JSON."""
    done = run_to_its_end([c_program(name), *map(str, arguments)])
    done.check_returncode()
    return json.loads(done.stdout)


def in_huge_pages(program, *arguments):
    """As in_fresh_process(), where files of MEMORY have huge pages: on a tmpfs of its own, mounted for this
    process alone, which goes with it. Returns a pair: what was printed, or None; and why there is nothing."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("unshare") is None:
        return None, "a tmpfs with huge pages takes root, and unshare(1)"
    with open("/sys/kernel/mm/transparent_hugepage/shmem_enabled") as enabled:
        if "[deny]" in enabled.read():
            return None, "the machine denies huge pages to shared memory"
    script = 'mount -t tmpfs -o huge=always,mode=700 tmpfs "$BENCH_MEMORY" && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", script, "sh", sys.executable, program]
    with new_folder() as folder:
        done = run_to_its_end(
            [*command, *map(str, arguments)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "BENCH_MEMORY": str(folder)},
        )
    if done.returncode != 0:
        return None, (done.stderr.strip().splitlines() or ["it ended"])[-1]
    return json.loads(done.stdout), ""


def share_in_huge_pages(folder):
    """Of the memory that this process maps of the files in `folder` and has touched, what is in huge pages."""
    n_mapped, n_huge, ours = 0, 0, False
    with open("/proc/self/smaps") as lines:
        for line in lines:
            first, *rest = line.split()
            if not first.endswith(":"):
                ours = str(folder) in line
            elif ours and first == "Rss:":
                n_mapped += int(rest[0])
            elif ours and first == "ShmemPmdMapped:":
                n_huge += int(rest[0])
    return n_huge / max(n_mapped, 1)


# ---- another process ----------------------------------------------------------------------------

ONE_CORE = "there is one core: only one of them runs at a time"
STOP = 2**64 - 1  # in words[0]: the other process is to end


def two_cores():
    """The processors that this process may use, where there are two or more; else None."""
    cores = sorted(os.sched_getaffinity(0))
    return cores if len(cores) > 1 else None


class Other(NamedTuple):
    """Another process, and a page of 64-bit words that both see."""

    pid: int
    words: memoryview

    def has_ended(self):
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextlib.contextmanager
def beside(work, path, cores=None):
    """Another process does work(path, words) meanwhile, until words[0] is STOP. With `cores` this process
    has the first of them to itself, and the other the rest. RuntimeError in the end where the other failed.
    """
    words = memoryview(mmap.mmap(-1, mmap.PAGESIZE)).cast("Q")
    ours = os.sched_getaffinity(0)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            if cores is not None:
                os.sched_setaffinity(0, cores[1:])
            work(path, words)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    try:
        if cores is not None:
            os.sched_setaffinity(0, cores[:1])
        yield Other(pid, words)
    finally:
        os.sched_setaffinity(0, ours)
        words[0] = STOP
        _, status = os.waitpid(pid, 0)
        if status != 0:
            how = os.waitstatus_to_exitcode(status)
            raise RuntimeError(f"the other process failed: {work.__name__}() ended with {how}")


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
    "": [("", 1)],
}


def quantity(value, unit):
    if value is None:
        return "-"
    name, factor = _UNITS[unit][0]
    for name_, factor_ in _UNITS[unit]:
        if value >= factor_:
            name, factor = name_, factor_
    digits = 0 if unit == "" else max(0, 2 - len(str(int(value / factor))))
    return f"{value / factor:.{digits}f} {name}".strip()


def print_table(rows):
    line = "{:<52}{:>11}{:>22}{:>8}{:>10}  {}"
    print(line.format("question", "here", "compared with", "ratio", "to reach", ""))
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.{2 if row.ratio >= 0.1 else 4}f}"
        reach = f"{row.reach:g}" if row.base_name else quantity(row.reach, row.unit)
        base = f"{row.base_name} {quantity(row.base, row.unit)}" if row.base is not None else ""
        verdict = "not measured" if row.value is None else "reached" if row.reached else "not yet"
        here = quantity(row.value, row.unit)
        print(line.format(row.question, here, base, ratio, reach, verdict).rstrip())
        if row.note:
            print(f"    {row.note}")
