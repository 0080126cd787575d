"""What do a million small names cost: memory for each, and the worst single put? See million.c."""

import statistics

from harness import Row, in_c, new_folder, report

REACH_BYTES, REACH_NS = 200, 1e6
N_NAMES, N_RUNS = 1_000_000, 5


def rows():
    with new_folder() as folder:
        found = in_c("million", folder, N_NAMES, N_RUNS)
    yield Row(
        "a million small names: memory for each",
        found["bytes"] / found["names"],
        "bytes",
        REACH_BYTES,
        note="name and value of 19 bytes included",
    )
    runs = ", ".join(f"{worst / 1e3:.0f}" for worst in found["worst_ns"])
    yield Row(
        "a million small names: CPU time of the worst put",
        statistics.median(found["worst_ns"]),
        "ns",
        REACH_NS,
        note=f"in {len(found['worst_ns'])} runs {runs} us; put {found['worst_put']:,} took "
        f"{found['at_least_ns'] / 1e3:.0f} us in each of them; a holding of the lock is a part of it",
    )


if __name__ == "__main__":
    report(rows())
