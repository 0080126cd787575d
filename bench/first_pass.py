"""What does the first pass over a recalled array of 1 GB cost, in a process that never touched it?

usage: first_pass.py                   the figures
       first_pass.py huge              those of the store on huge pages, as JSON
       first_pass.py STORE FILE        what a fresh process measures, as JSON
"""

import json
import mmap
import statistics
import sys
from pathlib import Path

from harness import (
    Row,
    free_memory,
    in_fresh_process,
    in_huge_pages,
    new_brain,
    report,
    share_in_huge_pages,
    timed,
)

REACH, REACH_HUGE = 3, 1.3
N_BYTES = 1_000_000_000
N_PROCESSES, N_PASSES = 5, 3
NEEDED = 4 * N_BYTES  # an array, the store, a file, and for a moment more


def in_fresh_processes():
    """What each of them found, of a store in BENCH_MEMORY."""
    import numpy as np

    with new_brain(capacity=N_BYTES + 100_000_000) as brain:
        brain["x"] = np.ones(N_BYTES // 8)
        file = Path(brain.path).with_name("file.npy")
        np.save(file, brain["x"])
        return [in_fresh_process(__file__, brain.path, file) for _ in range(N_PROCESSES)]


def measure(path, file):
    import numpy as np
    from brain_plasma import Brain

    private = mmap.mmap(-1, N_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    private.madvise(mmap.MADV_NOHUGEPAGE)
    touched = np.frombuffer(private)
    touched[:] = 1  # backed from now on
    with Brain(path, create=False) as brain:
        passes = [timed(lambda: touched.sum()) for _ in range(N_PASSES)]
        found = {
            "private_ns": statistics.median(passes),
            "first_ns": timed(lambda: brain["x"].sum()),
            "again_ns": timed(lambda: brain["x"].sum()),
            "huge": share_in_huge_pages(Path(path).parent),
            "load_ns": timed(lambda: np.load(file, mmap_mode="r").sum()),
        }
    print(json.dumps(found))


def row(question, reach, processes):
    def median(what):
        return statistics.median(one[what] for one in processes)

    return Row(
        question,
        median("first_ns"),
        "ns",
        reach,
        base=median("private_ns"),
        ratio=statistics.median(one["first_ns"] / one["private_ns"] for one in processes),
        base_name="private",
        note=f"the second pass {median('again_ns') / 1e6:.0f} ms; the first over a mapped file of numpy.load "
        f"{median('load_ns') / 1e6:.0f} ms",
    )


def rows():
    question = "first pass over a recalled array of 1 GB"
    huge_question = f"{question}, huge pages"
    if free_memory() < NEEDED:
        note = f"there is no room for {NEEDED / 1e9:.0f} GB"
        yield Row(question, None, "ns", REACH, base_name="private", note=note)
        yield Row(huge_question, None, "ns", REACH_HUGE, base_name="private", note=note)
        return
    yield row(question, REACH, in_fresh_processes())
    found, reason = in_huge_pages(__file__, "huge")
    if found and min(one["huge"] for one in found) < 0.9:
        reason = f"{min(one['huge'] for one in found):.0%} of the store came in huge pages"
    if reason:
        yield Row(huge_question, None, "ns", REACH_HUGE, base_name="private", note=reason)
    else:
        yield row(huge_question, REACH_HUGE, found)


if __name__ == "__main__":
    if sys.argv[1:] == ["huge"]:
        print(json.dumps(in_fresh_processes()))
    elif len(sys.argv) > 1:
        measure(sys.argv[1], sys.argv[2])
    else:
        report(rows())
