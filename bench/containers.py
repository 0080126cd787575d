"""What does it cost to set and get a list or a dict of small values, beside pickle alone?"""

import pickle
import statistics

from harness import Row, alternate, loop, median_ratio, new_brain, report

N_BLOCKS = 150
REACH = 1.5


def ints(n):
    return [number * 7 % 1009 for number in range(n)]


def record(number):
    return {
        "identifier": number,
        "name": f"name {number}",
        "score": number / 7,
        "city": "Köln",
        "count": 1_000_000 + number,
        "active": True,
        "note": None,
        "first": "abc",
        "second": "defghijk",
        "ratio": 0.5,
    }


VALUES = {
    "a list of 10 ints": ints(10),
    "a list of 100 ints": ints(100),
    "a list of 1,000 ints": ints(1000),
    "a dict of 10 ints": {f"key {number}": number for number in range(10)},
    "a dict of 100 ints": {f"key {number}": number for number in range(100)},
    "a dict of 1,000 ints": {f"key {number}": number for number in range(1000)},
    "a dict of 10 str, int, float": record(1),
    "a list of 100 such dicts": [record(number) for number in range(100)],
    "lists, dicts, tuples, nested": {
        "shape": (3, 4),
        "rows": [[number, [str(number), {"x": number / 3}]] for number in range(30)],
        "names": {"a", "b", "c"},
    },
}


def block_of(value):
    """Operations that are timed at once: some 100 us of them."""
    return max(1, 20_000 // len(pickle.dumps(value, protocol=5)))


def compare(statement, ours, base_statement, base, n):
    """Medians of both in ns, and of their ratios, net of the loop."""
    blocks = [(loop("pass"), None), (loop(statement), ours), (loop(base_statement), base)]
    keys = ["a name"] * n
    empty, here, there = alternate(
        *((lambda run=run, d=d: run(d, keys) / n) for run, d in blocks), n_blocks=N_BLOCKS
    )
    here = [ns - flat for ns, flat in zip(here, empty, strict=True)]
    there = [ns - flat for ns, flat in zip(there, empty, strict=True)]
    return statistics.median(here), statistics.median(there), median_ratio(here, there)


def row(question, figures, base_name):
    value, base, ratio = figures
    return Row(question, value, "ns", REACH, base=base, ratio=ratio, base_name=base_name)


def rows():
    with new_brain() as brain:
        for what, value in VALUES.items():
            n = block_of(value)
            dumped = pickle.dumps(value, protocol=5)
            brain["a name"] = value
            assert brain["a name"] == value
            figures = compare(
                "d[0][k] = d[1]",
                (brain, value),
                "d[0](d[1], protocol=5)",
                (pickle.dumps, value),
                n,
            )
            yield row(f"set {what}", figures, "dumps")
            figures = compare("d[k]", brain, "d[0](d[1])", (pickle.loads, dumped), n)
            yield row(f"get {what}", figures, "loads")


if __name__ == "__main__":
    report(rows())
