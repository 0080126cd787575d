"""How long does it take until a waiting process sees a change, beside a bare futex? See wake.c."""

import statistics

from harness import Row, in_c, median_ratio, new_folder, percentile, report

REACH = 2


def rows():
    with new_folder() as folder:
        found = in_c("wake", folder)
    ours, bare = found["store_ns"], found["futex_ns"]
    n_delayed = sum(delay > 0 for delay in found["store_delay_ns"])
    yield Row(
        "C: a waiting process sees a put",
        statistics.median(ours),
        "ns",
        REACH,
        base=statistics.median(bare),
        ratio=median_ratio(ours, bare),
        base_name="futex",
        note=f"p99 {percentile(ours, 0.99) / 1e3:.0f} us, the futex's {percentile(bare, 0.99) / 1e3:.0f} us; it slept "
        f"{found['slept']:,} times in {found['rounds']:,} waits; {n_delayed} of {len(ours):,} times, once woken, "
        "it had to wait for its processor",
    )


if __name__ == "__main__":
    report(rows())
