"""What does it cost to have ten million small names? See million.c for the put."""

import random
import statistics

from harness import Row, against_dict, free_memory, in_c, new_brain, new_folder, report

REACH_GET, REACH_NS = 4, 1e6
N_NAMES, N_RUNS = 10_000_000, 3
STORE_BYTES, DICT_BYTES = 250, 250  # for each name, with its objects
N_ASKED, N_BLOCKS = 1_000_000, 5  # more than any cache has room for


def how_many(bytes_each):
    """As many names as there is room for, and a remark where those are fewer."""
    n_names = N_NAMES
    while n_names > N_ASKED and n_names * bytes_each * 1.2 > free_memory():
        n_names //= 2
    return n_names, "" if n_names == N_NAMES else f"there is no room for {N_NAMES:,}"


def get():
    n_names, remark = how_many(STORE_BYTES + DICT_BYTES)
    values = {f"name {number}": number for number in range(n_names)}
    with new_brain(capacity=n_names * STORE_BYTES) as brain:
        for name, value in values.items():
            brain[name] = value
        # The same for both, and none of them twice in a block.
        asked = random.Random(2).sample(list(values), N_ASKED)
        row = against_dict(
            f"get an int, one of {n_names:,} names at random",
            "d[k]",
            brain,
            values,
            asked,
            REACH_GET,
            n_blocks=N_BLOCKS,
        )
        row.note = remark
        return row


def put():
    n_names, remark = how_many(STORE_BYTES)
    with new_folder() as folder:
        found = in_c("million", folder, n_names, N_RUNS)
    runs = ", ".join(f"{worst / 1e3:.0f}" for worst in found["worst_ns"])
    note = (
        f"in {N_RUNS} runs {runs} us; put {found['worst_put']:,} took {found['at_least_ns'] / 1e3:.0f} us in each "
        f"of them; a holding of the lock is a part of it; {found['bytes'] / n_names:.0f} bytes for each name"
    )
    return Row(
        f"{n_names:,} small names: CPU time of the worst put",
        statistics.median(found["worst_ns"]),
        "ns",
        REACH_NS,
        note="; ".join(filter(None, [note, remark])),
    )


def rows():
    yield get()
    yield put()


if __name__ == "__main__":
    report(rows())
