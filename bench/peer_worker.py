"""One process of one system of bench/peers.py, in that system's environment.

usage: peer_worker.py SYSTEM FOLDER

Reads commands as JSON lines, {"do": the name of a method of Worker, and its arguments}, and answers each
with {"is": what it returned} or {"failed": why not}.

A system is a module of bench/systems:

    LABEL, SETTINGS     how it is called in the table, and how it is set up
    IMPORT, PACKAGES    the statement that imports its client, and what pip calls it
    GET, PUT            statements that are timed, of d, what attach() gave; k, a name; v, a value. They
    GET_ARRAY, ...      see the names of the module, and a get is an expression. See DEFAULTS.
    NAMES, REMOVE       the names of the namespace k; remove it
    CHANGE              a put that wakes who waits, where that takes more than PUT
    CANNOT, NOTES       by question: why it cannot do it; what is to be known of the figure
    serve(folder, capacity)     makes the store, or starts what serves it; end(server) ends that
    attach(folder)              the store, in any process
    fill(d, pairs)              puts ints in a batch, where it has one
    make(d, pairs)              puts values of all kinds, where PUT cannot
    look_up(d, k)               what is to be found or made of a name before the clock runs
    fill_space(d, k, pairs)     puts ints into a namespace
    waiter(d, k)                a function that returns once k has changed; else it is polled
    version()                   that of the server
"""

import gc
import importlib
import importlib.metadata
import json
import os
import random
import statistics
import sys
import time

from harness import loop
from systems import POLLS, end_server, poll

DEFAULTS = {
    "GET_ARRAY": "GET",
    "GET_TABLE": "GET_ARRAY",
    "PUT_ARRAY": "PUT",
    "PUT_FRESH": "PUT_ARRAY",
    "PUT_TABLE": "PUT_ARRAY",
    "CHANGE": "PUT",
}
BLOCK = 2000  # puts or gets between two looks at the clock, at most
MOST = 100_000  # names of a turn; fewer where those take as long as a turn should
CHUNK = 10_000  # names that are filled at once
SAMPLE = 100_000  # of the names, where there are more
LATENCY_LOOP = """
def run(d, items, clock, until, append):
    while clock() < until:
        for k in items:
            began = clock()
            {}
            append(clock() - began)
"""

clock = time.perf_counter_ns


def value_of(kind, size, number=0):
    """Those of one kind and number are equal in all systems. size: bytes of an array, rows of a table.
    The table of numbers has no strings: ten million of them take a gigabyte in each process."""
    if kind == "int":
        return 1_000_000 + number
    import numpy as np

    if kind == "array":
        array = np.arange(size // 8, dtype="f8")
        array[:1] = number
        return array
    import pandas as pd

    columns = {"int": np.arange(size), "float": np.arange(size) / 7}
    if kind == "table":
        columns["str"] = [f"row {row}" for row in range(size)]
    return pd.DataFrame(columns)


def equal(found, value):
    if hasattr(value, "equals"):
        return value.equals(found)
    if hasattr(value, "shape"):
        return found.shape == value.shape and bool((found == value).all())
    return found == value


def of_kind(statement, kind):
    kind = "table" if kind == "numbers" else kind
    return statement if kind == "int" else f"{statement}_{kind.upper()}"


class Worker:
    def __init__(self, system, folder):
        self.module = importlib.import_module(f"systems.{system}")
        self.folder = folder
        self.scope = dict(vars(self.module))
        self.server = self.d = None

    def describe(self):
        module = self.module
        versions = [f"{name} {importlib.metadata.version(name)}" for name in module.PACKAGES]
        if hasattr(module, "version"):
            versions.append(module.version())
        return {
            "label": module.LABEL,
            "settings": module.SETTINGS,
            "versions": versions,
            "python": sys.version.split()[0],
            "import": module.IMPORT,
            "cannot": getattr(module, "CANNOT", {}),
            "notes": getattr(module, "NOTES", {})
            | ({} if hasattr(module, "waiter") else {"wait": POLLS}),
        }

    def serve(self, capacity):
        if hasattr(self.module, "serve"):
            self.server = self.module.serve(self.folder, capacity)

    def attach(self):
        self.d = self.module.attach(self.folder)

    def end(self):
        # Some complain when they are closed after their server has gone.
        closing = getattr(self.d, "close", None)
        if closing is not None:
            closing()
        self.d = None
        if self.server is not None:
            getattr(self.module, "end", end_server)(self.server)

    # ---- statements -----------------------------------------------------------------------------

    def statement(self, name):
        while not hasattr(self.module, name):
            name = DEFAULTS[name]
        return getattr(self.module, name)

    def getter(self, kind):
        return eval(f"lambda d, k: {self.statement(of_kind('GET', kind))}", self.scope)

    def putter(self, kind):
        scope = dict(self.scope)
        exec(f"def put_one(d, k, v):\n    {self.statement(of_kind('PUT', kind))}\n", scope)
        return scope["put_one"]

    # ---- what is stored -------------------------------------------------------------------------

    def fill(self, kind, size, n, limit_s, word="name"):
        """Put n values, by the names "word 0" to "word n-1", unless it takes longer than limit_s."""
        began = time.monotonic()
        for begin in range(0, n, CHUNK):
            numbers = range(begin, min(n, begin + CHUNK))
            pairs = [(f"{word} {number}", value_of(kind, size, number)) for number in numbers]
            self.put_all(kind, pairs, began + limit_s)
            del pairs  # they may be large
            taken = time.monotonic() - began
            expected = taken / numbers.stop * n
            if taken > limit_s or (taken > 2 and expected > limit_s):
                raise TimeoutError(f"to put {n:,} would take {expected:.0f} s")
        number = n // 2
        assert equal(self.getter(kind)(self.d, f"{word} {number}"), value_of(kind, size, number))
        return taken

    def put_all(self, kind, pairs, until):
        if hasattr(self.module, "make"):
            self.module.make(self.d, pairs)
        elif kind == "int" and hasattr(self.module, "fill"):
            self.module.fill(self.d, pairs)
        else:
            put, began = self.putter(kind), time.monotonic()
            for done, (name, value) in enumerate(pairs):
                put(self.d, name, value)
                if time.monotonic() > until:
                    expected = (time.monotonic() - began) / (done + 1)
                    raise TimeoutError(
                        f"a put takes {expected * 1e3:.1f} ms: {len(pairs):,} take too long"
                    )

    def fill_spaces(self, n_spaces, n_names, limit_s):
        began = time.monotonic()
        for number in range(n_spaces):
            pairs = [(f"name {name}", 1_000_000 + name) for name in range(n_names)]
            self.module.fill_space(self.d, f"space {number:04}", pairs)
            taken = time.monotonic() - began
            expected = taken / (number + 1) * n_spaces
            if taken > limit_s or (taken > 2 and expected > limit_s):
                raise TimeoutError(f"to put {n_spaces * n_names:,} would take {expected:.0f} s")

    # ---- turns ----------------------------------------------------------------------------------

    def prepare(self, statement, kind="int", size=0, n=1, turn_ns=20_000_000, word="name", once=False):
        """Get ready for turns of `statement`, for the names "word 0" to "word n-1": at random, or with
        `once` one a turn, in order."""
        gc.collect()
        gc.disable()
        source = self.statement(statement)
        self.scope["v"] = value_of(kind, size)
        numbers = range(n)
        if not once:
            numbers = random.Random(1).sample(numbers, min(n, SAMPLE))
            numbers *= -(-MOST // len(numbers))
        form = "{} {:04}" if word == "space" else "{} {}"
        self.items = [form.format(word, number) for number in numbers]
        if len(set(numbers)) < len(numbers):  # the same str object, each time
            same = {item: item for item in self.items}
            self.items = [same[item] for item in self.items]
        if hasattr(self.module, "look_up"):
            for item in set(self.items):
                self.module.look_up(self.d, item)
        self.run, self.empty = loop(source, self.scope), loop("pass")
        self.at, self.n_turn = 0, 1 if once else self.fitting(turn_ns)

    def fitting(self, turn_ns):
        """How many names take so long; told from so many that the clock is no part of what they take, and not
        from a first put into fresh memory."""
        self.run(self.d, self.items[:1])
        n, taken = 1, min(self.run(self.d, self.items[:1]) for _ in range(3))
        while taken < turn_ns // 20 and n < MOST:
            n = min(2 * n, MOST)
            taken = self.run(self.d, self.items[:n])
        return max(1, min(MOST, turn_ns * n // max(taken, 1)))

    def turn(self):
        """ns of one, net of the empty loop."""
        items = self.items[self.at : self.at + self.n_turn]
        items += self.items[: self.n_turn - len(items)]
        self.at = (self.at + self.n_turn) % len(self.items)
        taken = self.run(self.d, items)
        return (taken - self.empty(self.d, items)) / len(items)

    def latencies(self, seconds):
        """Of gets of "name 0", each timed alone and net of the clock: quantiles in ns."""
        gc.collect()
        gc.disable()
        none, taken = [], []
        for source, found, duration in ("pass", none, 0.01), (self.statement("GET"), taken, seconds):
            scope = dict(self.scope)
            exec(LATENCY_LOOP.format(source), scope)
            scope["run"](self.d, ["name 0"] * 20, clock, clock() + int(duration * 1e9), found.append)
        flat, taken = statistics.median(none), sorted(taken)
        last = len(taken) - 1
        quantiles = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "worst": 1}
        return {key: max(0, taken[int(last * at)] - flat) for key, at in quantiles.items()}

    def rate(self, kind, size, name, seconds, does="PUT"):
        """Puts a second of one name, with nothing else; or gets. The first does not count: with it some
        clients map the store."""
        gc.collect()
        gc.disable()
        self.scope["v"] = value_of(kind, size)
        run = loop(self.statement(of_kind(does, kind)), self.scope)
        run(self.d, [name])
        done, n, began = 0, 1, clock()
        while (taken := clock() - began) < seconds * 1e9:
            if run(self.d, [name] * n) < 1e6 and n < BLOCK:
                done, n = done + n, 2 * n
            else:
                done += n
        return done / taken * 1e9

    # ---- to wait for a change -------------------------------------------------------------------

    def watch(self, polls):
        """Get ready for seen(): what changes from now on is seen by it; by a loop of gets, where it `polls`."""
        if hasattr(self.module, "waiter") and not polls:
            self.wait = self.module.waiter(self.d, "name 0")
            return
        get, d = self.getter("int"), self.d
        self.wait = poll(lambda: get(d, "name 0"))

    def seen(self):
        self.wait()
        return clock()

    def change(self, number):
        self.scope["v"] = value_of("int", 0, number)
        run = loop(self.statement("CHANGE"), self.scope)
        began = clock()
        run(self.d, ["name 0"])
        return began

    # ---- of a fresh process ---------------------------------------------------------------------

    def first_get(self):
        """ns to attach and to get one int."""
        get = self.getter("int")
        no_get = getattr(self.module, "ATTACH_ALONE", False)
        began = clock()
        self.d = self.module.attach(self.folder)
        if not no_get:
            get(self.d, "name 0")
        return clock() - began

    def memory(self):
        """Bytes that a process has more once it has attached, has an array, and has read it all."""
        value_of("array", 8)  # NumPy is imported
        before = rollup()
        self.attach()
        array = self.getter("array")(self.d, "name 0")
        array.sum()
        after = rollup()
        return {key: after[key] - before[key] for key in after}


def rollup():
    with open("/proc/self/smaps_rollup") as rollup:
        found = dict(line.split()[:2] for line in rollup if line.endswith("kB\n"))
    return {key: int(found[f"{key}:"]) * 1024 for key in ("Rss", "Pss", "Anonymous")}


def main():
    # What libraries print is none of the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = None
    try:
        for line in sys.stdin:
            command = json.loads(line)
            do = command.pop("do")
            try:
                worker = worker or Worker(*sys.argv[1:])
                answer = {"is": getattr(worker, do)(**command)}
            except TimeoutError as error:
                answer = {"failed": str(error)}
            except Exception as error:
                answer = {"failed": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), file=answers, flush=True)
    finally:
        if worker is not None:
            worker.end()


if __name__ == "__main__":
    main()
