#!/usr/bin/env python3
"""Stored values that somebody hostile has changed, recalled where pickles are refused, and used.

Sound values of every kind are put, and what the store has of them is changed (mutations.py), put back as it
is, recalled, and used as a program would. All that may come of it is a value, a BrainError, or MemoryError.
What fails: a process that dies, one that needs a minute for a value, and any other exception of a recall.
What a *use* of a value raises is the business of the library that made it, but it must not die either.

    fuzz_values.py [--seed N] [--seconds S] [--cases N]     in processes of their own
    fuzz_values.py --here [--case N] ...                    in this one: for a debugger, or coverage

A case is found again by seed and number. It exits with 1 where something failed.
"""

import argparse
import collections
import faulthandler
import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "python"))

import mutations
import sound_values
from brain_plasma import Brain, BrainError
from raw_values import RawStore

CASE_SECONDS = 60  # for what takes a millisecond
MEMORY_BYTES = 6_000_000_000  # of address space, beyond what the libraries take
USED_MAX = 100_000  # elements of a value that are looked at
N_SHOWN = 10


# ---- one case -----------------------------------------------------------------------------------


class Cases:
    """The cases of a seed."""

    def __init__(self, path, seed):
        self.seed = seed
        self.brain = Brain(path, capacity=64_000_000, pickle=False)
        self.raw = RawStore(path)
        self.stored = {}
        for name, value in sound_values.all_values().items():
            self.brain["sound"] = value
            self.stored[name] = self.raw.whole("sound")
        self.names = sorted(self.stored)
        self.pool = mutations.Pool(self.stored[name] for name in self.names)

    def run(self, number):
        """What came of a case: "value", or the name of an exception; a second word where it is wrong."""
        choose = random.Random(f"{self.seed}:{number}")
        name = choose.choice(self.names)
        self.raw.put("x", *mutations.mutated(choose, self.stored[name], self.pool))
        try:
            value = self.brain["x"]
        except (BrainError, MemoryError) as error:
            return type(error).__name__
        except BaseException as error:  # the panic of a library is no Exception
            return f"{name}: {describe(error)} wrong"
        use(value)
        return "value"

    def close(self):
        self.raw.close()
        self.brain.close()


def describe(error):
    return f"{type(error).__name__} ({str(error)[:200]})".replace("\n", " ")


# ---- what programs do with values ---------------------------------------------------------------

USES = (
    repr,
    str,
    lambda value: value == value,
    hash,
    lambda value: value.to_numpy(),
    lambda value: value.to_pandas(),
    lambda value: value.to_pylist(),
    lambda value: value.to_list(),
    lambda value: value.toarray(),
    lambda value: value.tobytes(),
    lambda value: value.sum(),
    lambda value: value.max(),
    lambda value: value.sum(axis=0),
    lambda value: value.copy(),
    lambda value: value.dtypes,
    lambda value: value.isna(),
    lambda value: value.sort_values(),
    lambda value: value.value_counts(),
    lambda value: value.unique(),
    lambda value: value.index.get_indexer(value.index[:3]),
    lambda value: value.reset_index(),
    lambda value: value.iloc[-1],
    lambda value: value.take([0, len(value) - 1]),
    lambda value: value.describe(),
    lambda value: value.validate(full=True),
    lambda value: value + value,
    lambda value: value @ value.T,
    lambda value: memoryview(value).tobytes(),
)


def use(value, depth=0):
    """Look at all of a value, and at what it holds."""
    if is_long(value):
        return
    for function in USES:
        try:
            function(value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # the panic of a library is no Exception
            pass
    if depth < 3 and not isinstance(value, (str, bytes, bytearray)):
        for part in parts_of(value):
            use(part, depth + 1)


def is_long(value):
    try:
        size = getattr(value, "size", 0)
        if not isinstance(size, int):
            size = getattr(value, "nnz", 0)
        shape = getattr(value, "shape", ())
        return len(value) > USED_MAX or size > USED_MAX or max(shape, default=0) > USED_MAX
    except BaseException:
        return False


def parts_of(value):
    found = []
    try:
        for part in value.items() if hasattr(value, "items") else value:
            found.append(part[1] if isinstance(part, tuple) and len(part) == 2 else part)
            if len(found) == 30:
                break
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException:
        pass
    for name in ("index", "columns", "array", "attrs", "data", "schema", "categories", "levels"):
        try:
            part = getattr(value, name)
        except BaseException:
            continue
        if not callable(part):
            found.append(part)
    return found


# ---- processes ----------------------------------------------------------------------------------


def run_cases(arguments, note):
    """The cases from arguments.case on. note(number) is called before each; returns how they ended."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    cases = Cases(arguments.path, arguments.seed)
    limit_memory()
    end = time.monotonic() + arguments.seconds
    ended = collections.Counter()
    number = arguments.case
    while number < arguments.case + arguments.cases and time.monotonic() < end:
        note(number)
        signal.alarm(CASE_SECONDS)
        ended[cases.run(number)] += 1
        number += 1
    signal.alarm(0)
    cases.close()
    return ended, number


def limit_memory():
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + MEMORY_BYTES
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard in (-1, resource.RLIM_INFINITY) or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def child(arguments):
    """Writes to --report: the number of each case as it begins, and at last how all ended."""
    with open(arguments.report, "r+b", buffering=0) as report:

        def note(number):
            os.pwrite(report.fileno(), b"%020d" % number, 0)

        ended, number = run_cases(arguments, note)
        report.seek(0)
        report.write(b"%020d" % number + json.dumps(ended).encode())


def parent(arguments):
    """Start a child again and again, behind the case that ended one."""
    ended = collections.Counter()
    deaths = []
    number, last = arguments.case, arguments.case + arguments.cases
    end = time.monotonic() + arguments.seconds
    while number < last and time.monotonic() < end and len(deaths) < N_SHOWN:
        with tempfile.NamedTemporaryFile() as report:
            done = start_child(arguments, number, last - number, end - time.monotonic(), report.name)
            text = report.read()
        reached = int(text[:20] or arguments.case)
        if done.returncode == 0:
            ended.update(json.loads(text[20:]))
            number = reached
            continue
        hung = done.returncode == -signal.SIGALRM
        deaths.append(f"case {reached}: {'hung' if hung else f'ended with {done.returncode}'}")
        print(f"WRONG: seed {arguments.seed} {deaths[-1]}\n{done.stderr[-4000:]}", flush=True)
        ended["before a death"] += reached - number
        if not text:
            break
        number = reached + 1
    return ended, number, deaths


def start_child(arguments, number, n_cases, seconds, report):
    command = [sys.executable, "-P", __file__, "--child", "--path", arguments.path, "--report", report]
    command += ["--seed", str(arguments.seed), "--case", str(number), "--cases", str(n_cases)]
    command += ["--seconds", str(max(seconds, 0.1))]
    environment = {**os.environ, "PYTHONMALLOC": "debug", "OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    null, pipe = subprocess.DEVNULL, subprocess.PIPE
    return subprocess.run(command, env=environment, stdout=null, stderr=pipe, text=True, errors="replace")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--cases", type=int)
    parser.add_argument("--case", type=int, default=0, help="the first")
    parser.add_argument("--here", action="store_true")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--path", help=argparse.SUPPRESS)
    parser.add_argument("--report", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cases is None:
        arguments.cases = 10**18 if arguments.seconds < 1e9 else 1000
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.child:
        child(arguments)
        return 0
    arguments.path = f"/dev/shm/brain-fuzz-{os.getpid()}"
    try:
        if arguments.here:
            (ended, number), deaths = run_cases(arguments, lambda number: None), []
        else:
            ended, number, deaths = parent(arguments)
    finally:
        Brain(arguments.path, capacity=1_000_000).destroy()
    wrong = [what for what in ended if what.endswith(" wrong")]
    for what in wrong[:N_SHOWN]:
        print(f"WRONG: {ended[what]} times: {what}")
    print(f"seed {arguments.seed}, {number - arguments.case} cases: {len(deaths)} deaths, {len(wrong)} wrong")
    for what, count in ended.most_common():
        if what not in wrong:
            print(f"  {what}: {count}")
    return 1 if deaths or wrong else 0


if __name__ == "__main__":
    sys.exit(main())
