"""How long does the recall of a NumPy array take, whatever its size?

usage: recall.py                  the figures
       recall.py STORE N_NAMES    what a fresh process measures, as JSON
"""

import json
import statistics
import sys

from harness import Row, free_memory, in_fresh_process, loop, net_ns, new_brain, report

REACH_NS = 100
# Bytes, and names.
SIZES = {
    "1 KB": (1000, 100),
    "1 KB, one of 1,000 names": (1000, 1000),
    "1 MB": (1_000_000, 100),
    "100 MB": (100_000_000, 10),
    "1 GB": (1_000_000_000, 4),
    "4 GB": (4_000_000_000, 1),
}


def rows():
    import numpy as np

    for size, (n_bytes, n_names) in SIZES.items():
        question = f"recall a NumPy array of {size}"
        needed = n_bytes * (n_names + 1) * 1.1
        if free_memory() < needed:
            note = f"there is no room for {needed / 1e9:.1f} GB"
            yield Row(question, None, "ns", REACH_NS, note=note)
            continue
        with new_brain(capacity=n_bytes * (n_names + 1) + 100_000_000) as brain:
            array = np.ones(n_bytes // 8)
            for number in range(n_names):
                brain[f"array {number}"] = array
            del array
            found = in_fresh_process(__file__, brain.path, n_names)
        first = f"each for the first time: {found['first_ns']:.0f} ns in the mean"
        note = first if n_names > 1 else ""  # the first name has been recalled before
        yield Row(question, found["median_ns"], "ns", REACH_NS, note=note)


def measure(path, n_names):
    import numpy
    from brain_plasma import Brain

    with Brain(path, create=False) as brain:
        names = [f"array {number}" for number in range(n_names)]
        empty, recall = loop("pass"), loop("d[k]")
        brain[names[0]]  # NumPy is looked up once
        first_ns = (recall(brain, names) - empty(brain, names)) / n_names
        (recalls_ns,) = net_ns(names, ("d[k]", brain))
        one, other = brain[names[0]], brain[names[0]]
        assert isinstance(one, numpy.ndarray) and one is not other
    print(json.dumps({"median_ns": statistics.median(recalls_ns), "first_ns": first_ns}))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        report(rows())
