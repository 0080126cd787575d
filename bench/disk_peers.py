"""A dump and a load beside other ways of writing the same arrays to a disk, and of reading them into memory.

Each writes 1 GB, and is over when it is on the disk (fsync); each reads it back out of the cache of files. They take turns.
"""

import os
import shutil
import statistics
import subprocess
import time

import numpy
from harness import Row, free_memory, median_ratio, new_folder, on_disk, report

N_BYTES, N_ARRAYS, N_RUNS = 1_000_000_000, 10, 3
REDIS = "/usr/bin/redis-check-rdb"  # the server is in it: it is what argv[0] says
REACH = 1.0  # as fast


def seconds(function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def synced(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


class Dump:
    label = "dump"

    def __init__(self, disk, brain, arrays, folder):
        self.path, self.brain, self.folder = disk / self.label, brain, folder

    def write(self):
        self.brain.dump(path=self.path)

    def read(self):
        from brain_plasma import Brain

        with Brain(self.folder / "loaded", capacity=self.brain.size()) as brain:
            brain.load(path=self.path)
            brain.destroy()


class PackedDump(Dump):
    label = "dump, zstd"

    def write(self):
        self.brain.dump(path=self.path, compress=True)


class Zstd:
    """zstd -T0 of a dump that is in memory: what one would do without compress=True."""

    label = "zstd -T0"

    def __init__(self, disk, brain, arrays, folder):
        self.source, self.path, self.back = folder / "dump", disk / "dump.zst", folder / "back"
        brain.dump(path=self.source)

    def write(self):
        subprocess.run(["zstd", "-q", "-f", "-3", "-T0", self.source, "-o", self.path], check=True)
        synced(self.path)

    def read(self):
        subprocess.run(["zstd", "-q", "-d", "-f", self.path, "-o", self.back], check=True)
        self.back.unlink()


class NumpySave:
    label = "numpy.save"

    def __init__(self, disk, brain, arrays, folder):
        self.files = {disk / f"{i}.npy": array for i, array in enumerate(arrays)}

    def write(self):
        for path, array in self.files.items():
            numpy.save(path, array)
            synced(path)

    def read(self):
        for path in self.files:
            numpy.load(path)


class Parquet:
    label = "Parquet"

    def __init__(self, disk, brain, arrays, folder):
        import pyarrow

        self.path = disk / "parquet"
        self.table = pyarrow.table({f"array {i}": array for i, array in enumerate(arrays)})

    def write(self):
        from pyarrow import parquet

        parquet.write_table(self.table, self.path, compression="NONE", use_dictionary=False)
        synced(self.path)

    def read(self):
        from pyarrow import parquet

        parquet.read_table(self.path)


class Rdb:
    """SAVE of a Redis that has the same arrays; its start with the file."""

    label = "Redis' RDB"

    def __init__(self, disk, brain, arrays, folder):
        import redis

        self.folder = disk / "redis"
        self.folder.mkdir()
        (self.folder / "conf").write_text(
            f"port 0\nunixsocket {self.folder}/socket\ndir {self.folder}\nsave \"\"\nappendonly no\n"
            "rdbcompression no\nproto-max-bulk-len 4gb\nclient-query-buffer-limit 8gb\n"
        )
        self.client = redis.Redis(unix_socket_path=f"{self.folder}/socket", socket_timeout=600)
        self.start()
        for i, array in enumerate(arrays):
            self.client.set(f"array {i}", array.data.cast("B"))

    def start(self):
        import redis

        self.server = subprocess.Popen(
            ["redis-server", self.folder / "conf"], executable=REDIS, stdout=subprocess.DEVNULL
        )
        while True:
            try:
                if self.client.ping():
                    return
            except redis.RedisError:  # it loads, or has no socket yet
                if self.server.poll() is not None:
                    raise
                time.sleep(0.01)

    def write(self):
        self.client.save()
        synced(self.folder / "dump.rdb")

    def read(self):
        self.client.shutdown(nosave=True)
        self.server.wait()
        self.start()

    def end(self):
        self.server.kill()
        self.server.wait()


def are_there():
    """The peers that are installed, and why the others are not measured."""
    found, missing = [Dump, PackedDump, NumpySave], []
    if shutil.which("zstd"):
        found.append(Zstd)
    else:
        missing.append((Zstd, "zstd is not installed"))
    for peer, package in ((Parquet, "pyarrow"), (Rdb, "redis")):
        try:
            __import__(package)
        except ImportError:
            missing.append((peer, f"{package} is not installed"))
            continue
        if peer is Rdb and not os.path.exists(REDIS):
            missing.append((peer, "redis-tools is not installed"))
        else:
            found.append(peer)
    return found, missing


def row(question, times, ours, peer, note=""):
    other = times[peer.label]
    return Row(f"{question} 1 GB beside {peer.label}", statistics.median(times[ours.label]), "s", REACH,
               statistics.median(other), median_ratio(times[ours.label], other), peer.label, note)


def rows():
    from brain_plasma import Brain

    if free_memory() < 6 * N_BYTES:
        yield Row("dump 1 GB beside others", None, "s", REACH, note="not measured: it takes 6 GB of memory")
        return
    found, missing = are_there()
    arrays = [numpy.random.default_rng(i).random(N_BYTES // N_ARRAYS // 8) for i in range(N_ARRAYS)]
    with on_disk() as disk, new_folder() as folder, Brain(folder / "store", capacity=int(1.1 * N_BYTES)) as brain:
        brain.update({f"array {i}": array for i, array in enumerate(arrays)})
        peers = [kind(disk, brain, arrays, folder) for kind in found]
        try:
            writes = {peer.label: [] for peer in peers}
            reads = {peer.label: [] for peer in peers}
            for _ in range(N_RUNS):
                for peer in peers:
                    writes[peer.label].append(seconds(peer.write))
            for _ in range(N_RUNS):
                for peer in peers:
                    reads[peer.label].append(seconds(peer.read))
        finally:
            for peer in peers:
                if hasattr(peer, "end"):
                    peer.end()
    for peer in found[2:]:
        ours = PackedDump if peer is Zstd else Dump
        yield row("dump", writes, ours, peer)
        yield row("load", reads, ours, peer)
    for peer, why in missing:
        yield Row(f"dump 1 GB beside {peer.label}", None, "s", REACH, note=f"not measured: {why}")


if __name__ == "__main__":
    report(rows())
