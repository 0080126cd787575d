"""What does a set cost, beside a dict's?"""

from get import SIZES, VALUES
from harness import against_dict, new_brain, report

REACH = {"an int": (5, 6), "a 100-byte str": (6, 8)}  # as SIZES


def rows():
    for what, value in VALUES.items():
        for (how_many, n_names), reach in zip(SIZES.items(), REACH[what], strict=True):
            values = {f"name {number}": value(number) for number in range(n_names)}
            new = repr(value(7))
            with new_brain() as brain:
                brain.update(values)
                question = f"set {what}, {how_many}"
                statement = f"d[k] = {new}"
                yield against_dict(question, statement, brain, values, list(values), reach)


if __name__ == "__main__":
    report(rows())
