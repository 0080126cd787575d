"""What does `in` cost, and what a miss, beside a dict's?"""

from harness import against_dict, new_brain, report

REACH = 4
QUESTIONS = {
    "`in`, of a name that is there": ("k in d", True),
    "`in`, of one that is not": ("k in d", False),
    "get() of one that is not": ("d.get(k)", False),
}


def rows():
    for n_names in 1, 10_000:
        values = {f"name {number}": number for number in range(n_names)}
        with new_brain() as brain:
            brain.update(values)
            missing = [f"no {name}" for name in values]
            for question, (statement, there) in QUESTIONS.items():
                names = list(values) if there else missing
                how_many = "one name" if n_names == 1 else f"{n_names:,} at random"
                yield against_dict(
                    f"{question}, {how_many}", statement, brain, values, names, REACH
                )


if __name__ == "__main__":
    report(rows())
