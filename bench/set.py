"""What does a set cost, beside a dict's?"""

from get import SIZES, VALUES
from harness import against_dict, new_brain, report

REACH = {"one name": 6, "10,000 names at random": 8}


def rows():
    for what, value in VALUES.items():
        for how_many, (n_names, _) in SIZES.items():
            values = {f"name {number}": value(number) for number in range(n_names)}
            new = repr(value(7))
            with new_brain() as brain:
                brain.update(values)
                question = f"set {what}, {how_many}"
                yield against_dict(
                    question, f"d[k] = {new}", brain, values, list(values), REACH[how_many]
                )


if __name__ == "__main__":
    report(rows())
