"""What does a value cost that is in a file, since the store was full?

usage: spill.py              the figures
       spill.py STORE        a process that recalls it, for the first time: JSON
"""

import json
import os
import statistics
import sys
import time

import numpy
from harness import Row, free_memory, in_fresh_process, median_ratio, new_folder, on_disk, report

N_BYTES, N_RUNS = 1_000_000_000, 5
REACH_RECALL_S, REACH_PASS = 1e-3, 1.2


def recall_and_say(path):
    """Until its first element is there, and until all are."""
    from brain_plasma import Brain

    with Brain(path) as brain:
        brain["small"]
        began = time.perf_counter()
        array = brain["large"]
        assert array[0] == 1
        recalled = time.perf_counter()
        array.sum()
        print(json.dumps({"recall_s": recalled - began, "pass_s": time.perf_counter() - recalled}))


def read(path):
    """The bytes of a file, as fast as they come."""
    room = bytearray(1 << 20)
    began = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while file.readinto(room):
            pass
    return time.perf_counter() - began


def forget(path):
    """Let the system keep none of the file in memory."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def rows():
    from brain_plasma import Brain

    if free_memory() < 3 * N_BYTES:
        yield Row("recall 1 GB that was spilled", None, "s", REACH_RECALL_S, note="not measured: it takes 3 GB")
        return
    recalls, passes, reads = [], [], []
    with on_disk() as disk, new_folder() as folder:
        path = folder / "store"
        with Brain(path, capacity=int(1.5 * N_BYTES), when_full="spill", spill_to=disk) as brain:
            brain["large"] = numpy.ones(N_BYTES // 8)
            brain["small"] = 7
            brain["other"] = numpy.ones(N_BYTES // 8)  # there is no room for both
            [file] = [file for file in disk.rglob("*") if file.is_file() and file.stat().st_size > N_BYTES]
            for _ in range(N_RUNS):
                forget(file)
                found = in_fresh_process(__file__, path)
                recalls.append(found["recall_s"])
                passes.append(found["pass_s"])
                forget(file)
                reads.append(read(file))
            brain.destroy()
    yield Row("recall 1 GB that was spilled, to its first element", statistics.median(recalls), "s", REACH_RECALL_S,
              note="in a fresh process; nothing of the file in memory")
    yield Row("sum of it from the disk", statistics.median(passes), "s", REACH_PASS, statistics.median(reads),
              median_ratio(passes, reads), "reading the file")


if __name__ == "__main__":
    if len(sys.argv) == 2:
        recall_and_say(sys.argv[1])
    else:
        report(rows())
