"""What does a get cost, beside a dict's?"""

from harness import against_dict, new_brain, report

VALUES = {
    "an int": lambda number: 1_000_000 + number,
    "a 100-byte str": lambda number: f"{number:0100}",
}
SIZES = {"one name": 1, "10,000 names at random": 10_000}
REACH = {"an int": (3, 4), "a 100-byte str": (4, 6)}  # as SIZES


def rows():
    for what, value in VALUES.items():
        for (how_many, n_names), reach in zip(SIZES.items(), REACH[what], strict=True):
            values = {f"name {number}": value(number) for number in range(n_names)}
            with new_brain() as brain:
                brain.update(values)
                question = f"get {what}, {how_many}"
                yield against_dict(question, "d[k]", brain, values, list(values), reach)


if __name__ == "__main__":
    report(rows())
