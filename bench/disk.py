"""How long do dumps and loads take, and how much memory, beside a copy of the same bytes?

usage: disk.py              the figures
       disk.py STORE FILE   a process that dumps, and says what memory of its own it had: JSON
"""

import json
import os
import statistics
import subprocess
import sys
import threading
import time

N_BYTES, N_ARRAYS, N_NAMES, N_RUNS = 4_000_000_000, 40, 1_000_000, 7
REACH_COPY, REACH_NAMES_S, REACH_MEMORY = 1.2, 1.0, 16e6
NOTE = "with all of it on the disk: fsync"


def seconds(function):
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def copy(source, target):
    """cp, and all of it on the disk."""
    subprocess.run(["cp", source, target], check=True)
    with open(target, "rb") as file:
        os.fsync(file.fileno())


def fitting(n_bytes):
    from harness import free_memory

    return min(n_bytes, int(free_memory() / 5))


def large_rows(folder, disk):
    """In turn: a dump and a copy of its bytes from memory to the disk; a load and a copy back."""
    import numpy

    from brain_plasma import Brain
    from harness import Row, median_ratio

    n_bytes = fitting(N_BYTES)
    size = n_bytes // N_ARRAYS // 8
    dump, copied, in_memory = disk / "dump", disk / "copy", folder / "copy"
    dumps, copies, loads, copies_back = [], [], [], []
    with Brain(folder / "store", capacity=int(1.1 * n_bytes)) as brain:
        for i in range(N_ARRAYS):
            brain[f"array {i}"] = numpy.random.default_rng(i).random(size)
        brain.dump(path=dump)
        subprocess.run(["cp", dump, in_memory], check=True)
        for _ in range(N_RUNS):
            dumps.append(seconds(lambda: brain.dump(path=dump)))
            copies.append(seconds(lambda: copy(in_memory, copied)))
    in_memory.unlink()
    for i in range(N_RUNS):
        with Brain(folder / f"loaded {i}", capacity=int(1.1 * n_bytes)) as brain:
            loads.append(seconds(lambda brain=brain: brain.load(path=dump)))
            brain.destroy()
        copies_back.append(seconds(lambda: subprocess.run(["cp", copied, in_memory], check=True)))
        in_memory.unlink()
    dump.unlink()
    copied.unlink()
    name = f"{n_bytes / 1e9:.1f} GB of arrays"
    yield Row(f"dump {name}", statistics.median(dumps), "s", REACH_COPY, statistics.median(copies),
              median_ratio(dumps, copies), "cp and fsync", NOTE)
    yield Row(f"load {name}", statistics.median(loads), "s", REACH_COPY, statistics.median(copies_back),
              median_ratio(loads, copies_back), "cp", "out of the cache of files, into a new store")


def small_rows(folder, disk):
    from brain_plasma import Brain
    from harness import Row

    dump = disk / "dump"
    dumps, loads = [], []
    with Brain(folder / "small", capacity=1_000_000_000) as brain:
        for first in range(0, N_NAMES, 100_000):
            brain.set_many({f"name {i}": i for i in range(first, first + 100_000)})
        for _ in range(N_RUNS):
            dumps.append(seconds(lambda: brain.dump(path=dump)))
    for i in range(N_RUNS):
        with Brain(folder / f"small {i}", capacity=1_000_000_000) as brain:
            loads.append(seconds(lambda brain=brain: brain.load(path=dump)))
            assert len(brain) == N_NAMES
            brain.destroy()
    dump.unlink()
    yield Row("dump a million small values", statistics.median(dumps), "s", REACH_NAMES_S, note=NOTE)
    yield Row("load a million small values", statistics.median(loads), "s", REACH_NAMES_S)


def memory_row(folder, disk):
    """Private memory of a process that dumps, while two others change values as fast as they can."""
    from brain_plasma import Brain
    from harness import Row

    path = folder / "busy"
    with Brain(path, capacity=2_000_000_000) as brain:
        brain.set_many({f"name {i}": i for i in range(100_000)})
        for i in range(100):
            brain[f"large {i}"] = bytes(5_000_000)
        code = (
            "import sys, itertools; from brain_plasma import Brain; brain = Brain(sys.argv[1]); print(flush=True)\n"
            "for i in itertools.count(): brain[f'name {i % 1000}'] = i"
        )
        writers = [subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) for _ in range(2)]
        for writer in writers:
            writer.stdout.readline()
        try:
            done = subprocess.run([sys.executable, __file__, path, disk / "dump"], stdout=subprocess.PIPE, check=True)
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()
    found = json.loads(done.stdout)
    (disk / "dump").unlink()
    yield Row("memory of a dump beside busy writers", found["more_bytes"], "bytes", REACH_MEMORY,
              note=f"of its own, beyond what the process had; the dump has {found['file_bytes'] / 1e6:.0f} MB")


def own_bytes():
    with open("/proc/self/smaps_rollup") as file:
        return sum(int(line.split()[1]) * 1024 for line in file if line.startswith("Anonymous:"))


def dump_and_say(path, file):
    from brain_plasma import Brain

    most, is_done = 0, threading.Event()

    def watch():
        nonlocal most
        while not is_done.wait(0.002):
            most = max(most, own_bytes())

    with Brain(path) as brain:
        brain.dump(path=f"{file}.first")  # what is imported and allocated once
        os.unlink(f"{file}.first")
        before = own_bytes()
        watcher = threading.Thread(target=watch)
        watcher.start()
        result = brain.dump(path=file)
        is_done.set()
        watcher.join()
    print(json.dumps({"more_bytes": max(most - before, 0), "file_bytes": result.file_bytes}))


def rows():
    from harness import new_folder, on_disk

    with on_disk() as disk, new_folder() as folder:
        yield from large_rows(folder, disk)
        yield from small_rows(folder, disk)
        yield from memory_row(folder, disk)


if __name__ == "__main__":
    if len(sys.argv) == 3:
        dump_and_say(*sys.argv[1:])
    else:
        from harness import report

        report(rows())
