"""Every call of PlasmaClient and of Brain, beside pyarrow 11's and brain-plasma 0.3.3's on their server.

Both sides run at once, each in an environment of its own, on a store of 1 GB with the same objects, and
take turns: a ratio is the median of the ratios of neighbours. BENCH_ORIGINALS is the Python of the
originals' environment; `./run bench originals` makes it.
"""

import contextlib
import os
import signal
import statistics
import subprocess
import sys
from pathlib import Path

from harness import Row, new_folder, report

N_TURNS = 15
CAPACITY = "1000000000"
N_LINES_SHOWN = 30  # of what a worker and its store said, where the worker ended

# (calls, what the worker calls it, how many in a turn, the most that the ratio may be)
PLASMA = [
    ("put, 100 bytes", "put", 200, 1 / 20),
    ("get, 100 bytes", "get", 500, 1 / 20),
    ("contains", "contains", 500, 1 / 20),
    ("contains, not there", "contains_missing", 500, 1),
    ("put_raw_buffer, 100 bytes", "put_raw_buffer", 200, 1),
    ("create_and_seal, 100 bytes", "create_and_seal", 200, 1),
    ("create and seal, 100 bytes", "create_seal", 200, 1),
    ("get_buffers", "get_buffers", 500, 1),
    ("get_buffers with_meta", "get_buffers_with_meta", 500, 1),
    ("get_metadata", "get_metadata", 500, 1),
    ("hash", "hash", 500, 1),
    ("list, 200 objects", "list", 20, 1),
    ("delete", "delete", 200, 1),
    ("evict", "evict", 100, 1),
    ("get_next_notification", "notification", 100, 1),
    ("store_capacity", "store_capacity", 500, 1),
    ("debug_string", "debug_string", 100, 1),
    ("connect", "connect", 20, 1),
    ("disconnect", "disconnect", 20, 1),
    ("put an array of 1 MB", "array_1mb", 20, 1),
    ("get an array of 1 MB", "get_array_1mb", 200, 1),
]
BRAIN = [
    ("learn, a new name", "learn_new", 50, 1),
    ("learn, again", "learn_again", 50, 1),
    ("brain[name] = value", "setitem", 50, 1),
    ("recall", "recall", 200, 1),
    ("brain[name]", "getitem", 200, 1),
    ("forget", "forget", 50, 1),
    ("exists", "exists", 200, 1),
    ("name in brain", "contains", 3, 1),
    ("len", "len", 3, 1),
    ("names, of 1,000", "names_of", 3, 1),
    ("metadata, of 1,000", "metadata_of_all", 3, 1),
    ("metadata, of one", "metadata_of_one", 100, 1),
    ("object_id", "object_id", 100, 1),
    ("object_ids", "object_ids", 3, 1),
    ("ids", "ids", 3, 1),
    ("size", "size", 50, 1),
    ("used", "used", 5, 1),
    ("free", "free", 5, 1),
    ("namespaces", "namespaces", 50, 1),
    ("set_namespace", "set_namespace", 5, 1),
    ("remove_namespace, with one name", "remove_namespace", 2, 1),
    ("sleep and wake_up", "sleep_wake_up", 1, 1),
    ("_name_to_hash", "name_to_hash", 500, 1),
    ("_name_to_namespace_hash", "name_to_namespace_hash", 500, 1),
]
ALONE = [
    ("connect, get of 100 bytes, disconnect, in a process without another client", "visit", 20, 1),
]
MANY = [
    ("names, of 10,000 among 100,000", "names", 1, 1 / 50),
    ("metadata, of 10,000 among 100,000", "metadata", 1, 1 / 50),
]


class Side:
    """A store and a worker on it, with one Python. What both say goes into a file beside the store."""

    def __init__(self, python, folder, kind):
        self.path = str(folder / "s")
        self.log = folder / "log"
        store = Path(python).with_name("plasma_store")
        with self.log.open("ab") as log:
            self.store = subprocess.Popen(
                [store, "-m", CAPACITY, "-s", self.path], stdout=log, stderr=log
            )
            self.worker = subprocess.Popen(
                [python, "-P", Path(__file__).with_name("originals_worker.py"), self.path, kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def answer(self):
        line = self.worker.stdout.readline()
        if not line:
            status = self.worker.wait()
            said = self.log.read_text(errors="replace").splitlines()[-N_LINES_SHOWN:]
            command = self.worker.args[0]
            raise SystemExit("\n".join([f"originals: the worker of {command} ended with {status}", *said]))
        return line.strip()

    def ns(self, call, n):
        with contextlib.suppress(BrokenPipeError):  # it has ended: answer() says so
            self.worker.stdin.write(f"{call} {n}\n")
            self.worker.stdin.flush()
        return int(self.answer()) / n

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.worker.stdin.close()
        self.worker.wait()
        self.store.send_signal(signal.SIGTERM)
        self.store.wait()


@contextlib.contextmanager
def sides(kind):
    pythons = sys.executable, os.environ["BENCH_ORIGINALS"]
    started = []
    with contextlib.ExitStack() as stack:
        try:
            for python in pythons:
                started.append(Side(python, stack.enter_context(new_folder()), kind))
            for side in started:
                assert side.answer() == "ready"
            yield started
        finally:
            for side in started:
                side.end()


def compare(kind, calls, n_turns):
    with sides(kind) as (ours, theirs):
        for question, call, n, reach in calls:
            ours.ns(call, n)
            theirs.ns(call, n)
            turns = [(ours.ns(call, n), theirs.ns(call, n)) for _ in range(n_turns)]
            here, there = zip(*turns)
            yield Row(
                f"{kind}: {question}" if kind in ("plasma", "brain") else question,
                statistics.median(here),
                "ns",
                reach,
                base=statistics.median(there),
                ratio=statistics.median(a / b for a, b in turns),
                base_name="original",
            )


def rows():
    yield from compare("plasma", PLASMA, N_TURNS)
    yield from compare("alone", ALONE, N_TURNS)
    yield from compare("brain", BRAIN, N_TURNS)
    yield from compare("many", MANY, 5)


if __name__ == "__main__":
    if "BENCH_ORIGINALS" not in os.environ:
        sys.exit("originals: run it as ./run bench originals, which installs the originals")
    report(rows())
