"""Process B of the demonstration: it has the table without having read it, and keeps it while A dies.

usage: demo_b.py STORE PICKLE

It does one thing for each line that it is given, and answers with a line of JSON.
"""

import statistics
import sys
import time

import pandas as pd
from brain_plasma import Brain
from demo_tools import anonymous_bytes, checksum, shared_columns, tell

N_AGAIN = 5


class B:
    def __init__(self, store, pickle):
        self.brain = Brain(store, create=False)
        self.pickle = pickle
        self.held = {}  # the tables that it holds on to, by name
        self.checksums = {}

    def recall(self):
        """Each recalled for the first time in this process, and again. Nothing is let go of meanwhile,
        or the next would find memory to use."""
        brain = self.brain
        array = self._measure(lambda: brain["arr_delay"])
        categories = self._measure(lambda: brain["categories"])
        table = self._measure(lambda: brain["flights"])
        pickled = self._measure(lambda: pd.read_pickle(self.pickle))
        del array["value"], pickled["value"]
        for name, recalled in ("flights", table), ("categories", categories):
            self.held[name] = recalled.pop("value")
            self.checksums[name] = checksum(self.held[name])
            recalled["shared"] = shared_columns(self.held[name], brain.directory)
            recalled["copied"] = brain.explain(name).copied_bytes / len(self.held[name])
        return {
            "array": array,
            "categories": categories,
            "flights": table,
            "pickle": pickled,
            "n_again": N_AGAIN,
            "checksum": self.checksums["flights"],
        }

    def answer(self):
        began = time.perf_counter()
        delays = self.held["flights"].groupby("carrier")["arr_delay"].agg(["size", "mean"])
        worst = delays.sort_values("mean", ascending=False).head(5)
        answer_s = time.perf_counter() - began
        rows = [(carrier, int(row["size"]), row["mean"]) for carrier, row in worst.iterrows()]
        return {"answer_s": answer_s, "rows": rows}

    def look(self, name):
        """Right after the death of a process that was putting `name`."""
        brain = self.brain
        before = brain.stat()
        seen = checksum(brain[name])
        problems = brain.check()
        after = brain.stat()
        brain.trim()  # what was half filled is given back, too: the next one begins from nothing
        return {
            "copying": before["private_bytes"] > 0,
            "locked": after["n_recoveries"] - before["n_recoveries"],
            "seen": seen,
            "intact": all(checksum(self.held[n]) == self.checksums[n] for n in self.held),
            "problems": problems,
        }

    def memory(self):
        """What values take after everything free was given back."""
        self.brain.trim()
        return {
            "used_bytes": self.brain.used(),
            "backed_bytes": self.brain.stat()["value_backed_bytes"],
        }

    def put_back(self):
        """Make the tables that it holds the values of their names, and let go of them."""
        self.brain.set_many(self.held)
        self.held = {}
        return {}

    def _measure(self, recall):
        own, began = anonymous_bytes(), time.perf_counter()
        value = recall()
        first_s, own_bytes = time.perf_counter() - began, anonymous_bytes() - own
        again_s = []
        for _ in range(N_AGAIN):
            began = time.perf_counter()
            recall()
            again_s.append(time.perf_counter() - began)
        return {
            "first_s": first_s,
            "again_s": statistics.median(again_s),
            "own_bytes": own_bytes,
            "value": value,
        }


if __name__ == "__main__":
    b = B(*sys.argv[1:])
    for line in sys.stdin:
        command, *arguments = line.split()
        tell(**getattr(b, command)(*arguments))
