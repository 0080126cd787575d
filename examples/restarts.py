"""Shows values that outlive the process that works on them, however often it is killed.

    python examples/restarts.py [--kills N] [--path PATH]

A worker fills a table, row by row, and keeps table and counter in a Brain. This program kills it with
SIGKILL in the middle of its work and starts it anew, over and over; each worker goes on where the one
before was killed. At the end every row is there once. A program that is restarted while one tries things
with it, a notebook say, keeps its values in the same way. In a clone ./run build makes
.venv/bin/python, which has all that the examples need; `Brain(PATH).remove_namespace('restarts')` removes
what this one leaves.
"""

import argparse
import random
import subprocess
import sys

import numpy as np
from brain_plasma import Brain

NAMESPACE = "restarts"
ROWS_AT_ONCE = 10


def row(number):
    """What a row of the table is made of; in a real program the result of some work."""
    return number, number * number, number % 7


def work(path):
    """The worker: never ends by itself, and may be killed anywhere."""
    brain = Brain(path=path, namespace=NAMESPACE)
    done = brain.get("done", 0)
    table = brain.get("table", np.empty((0, 3), dtype="int64"))
    while True:
        rows = [row(number) for number in range(done, done + ROWS_AT_ONCE)]
        done, table = done + len(rows), np.vstack([table, rows])
        brain.update(done=done, table=table)  # one step: the counter always fits the table
        print(done, flush=True)  # from here on the rows must not be lost


class Worker:
    """A worker that runs in a process of its own."""

    def __init__(self, path):
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--work", "--path", path], stdout=subprocess.PIPE, text=True
        )

    def next_promise(self):
        """How many rows it says are kept."""
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker ended, with {self._process.wait()}")
        return int(line)

    def kill(self):
        """Returns what it promised last."""
        self._process.kill()
        lines = self._process.stdout.read().split("\n")[:-1]  # without one that is half printed
        self._process.wait()
        self._process.stdout.close()
        return int(lines[-1]) if lines else 0


def check(brain, promised):
    """End with an error where something is lost, half there, or there twice."""
    kept = brain.get_many(["done", "table"])  # both as of one moment
    expected = np.array([row(number) for number in range(kept["done"])])
    if kept["done"] < promised:
        raise SystemExit(f"{promised} rows were promised, {kept['done']} are there")
    if not np.array_equal(kept["table"], expected):
        raise SystemExit(f"the table is not that of {kept['done']} rows")
    return kept["done"]


def kill_again_and_again(path, n_kills):
    brain = Brain(path=path, namespace=NAMESPACE)
    done = 0
    for _ in range(n_kills):
        worker = Worker(path)
        try:
            for _ in range(random.randint(1, 20)):
                promised = worker.next_promise()
        finally:
            promised = max(worker.kill(), promised)
        done = check(brain, promised)
    print(f"killed {n_kills} times: {done} rows, none lost, none twice")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("--path", default="/tmp/plasma")
    parser.add_argument("--work", action="store_true", help="be the worker")
    arguments = parser.parse_args()
    if arguments.work:
        work(arguments.path)
    kill_again_and_again(arguments.path, arguments.kills)


if __name__ == "__main__":
    main()
