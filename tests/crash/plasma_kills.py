"""Plasma clients that are killed at random, and what they leave.

usage: plasma_kills.py PATH [--seconds S] [--seed N] [--workers N] [--round S]

Workers put, create, seal, get, delete, evict and subscribe under the same few ids, in a store that is
too small for them. They are killed, some at a random moment and some within a certain call, or stopped
for a while; each is replaced by another. A subscriber lives all the time. After each round all workers
are killed, and then: every object is whole, none is unsealed, the store is sound, what is used is what
is listed, and the subscriber was told of each object by turns that it was sealed and that it is gone.
"""

import argparse
import contextlib
import mmap
import os
import random
import select
import signal
import struct
import sys
import time
import traceback
import zlib

from brain_plasma import Brain, plasma

CAPACITY = 3_000_000
N_IDS = 40
HEAD = struct.Struct("=20sII")
SIZES = [0, 1, 90, 1500, 1950, 2000, 30_000, 300_000, 1_000_000]
PATIENCE_S = 20  # for the subscriber to be told
KEPT_MAX = 4

# What a worker is about to do, on the board.
CALLS = ["put", "create", "write", "seal", "get", "delete", "evict", "list", "subscribe", "drop"]
AIMED = ["create", "write", "seal", "delete", "evict", "subscribe", "put", "drop"]


def die_with_parent():
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def object_id(number):
    return plasma.ObjectID(b"object %12d " % number)


def content(id, size):
    body = os.urandom(size)
    return HEAD.pack(id.binary(), size, zlib.crc32(body)) + body


def is_whole(id, bytes_):
    if len(bytes_) < HEAD.size:
        return False
    own, size, crc = HEAD.unpack_from(bytes_)
    body = memoryview(bytes_)[HEAD.size :]
    return own == id.binary() and size == len(body) and crc == zlib.crc32(body)


class Worker:
    """What one worker does until it is killed."""

    def __init__(self, path, board, number, seed):
        self.board = board
        self.number = number
        self.random = random.Random(seed)
        self.client = plasma.connect(path)
        self.path = path
        self.kept = []  # (id, buffer), from now on
        self.created = {}

    def at(self, call):
        self.board[self.number] = CALLS.index(call)

    def run(self):
        while True:
            id = object_id(self.random.randrange(N_IDS))
            what = self.random.choices(
                [self.put, self.create, self.seal, self.get, self.delete, self.evict, self.list,
                 self.subscribe, self.drop],
                [20, 15, 20, 30, 10, 3, 1, 1, 15],
            )[0]
            with contextlib.suppress(
                plasma.PlasmaObjectExists, plasma.PlasmaStoreFull, plasma.PlasmaObjectNotFound
            ):
                what(id)

    def some_content(self, id):
        return content(id, self.random.choice(SIZES))

    def put(self, id):
        data = self.some_content(id)
        self.at("put")
        self.client.put_raw_buffer(data, id, b"meta")

    def create(self, id):
        if len(self.created) > 3:
            return
        data = self.some_content(id)
        self.at("create")
        buffer = self.client.create(id, len(data), b"meta")
        self.at("write")
        memoryview(buffer).cast("B")[:] = data
        self.created[id] = True

    def seal(self, id):
        if not self.created:
            return
        id = self.random.choice(list(self.created))
        del self.created[id]
        self.at("seal")
        self.client.seal(id)

    def get(self, id):
        self.at("get")
        [(meta, buffer)] = self.client.get_buffers([id], timeout_ms=0, with_meta=True)
        if buffer is None:
            return
        assert meta == b"meta" and is_whole(id, buffer), f"{id} is damaged"
        if len(self.kept) < KEPT_MAX:
            self.kept.append((id, buffer))

    def drop(self, _):
        if not self.kept:
            return
        id, buffer = self.kept.pop(self.random.randrange(len(self.kept)))
        assert self.client.contains(id), f"{id} is gone, and there is a buffer of it"
        assert is_whole(id, buffer), f"{id} has changed"
        self.at("drop")
        del buffer

    def delete(self, id):
        self.at("delete")
        self.client.delete([id, object_id(self.random.randrange(N_IDS))])

    def evict(self, _):
        self.at("evict")
        self.client.evict(self.random.choice([1, 10_000, CAPACITY]))

    def list(self, _):
        self.at("list")
        self.client.list()

    def subscribe(self, _):
        self.at("subscribe")
        other = plasma.connect(self.path)
        other.subscribe()
        if self.random.random() < 0.5:
            time.sleep(self.random.random() * 0.01)
        other.disconnect()


def work(path, board, number, seed):
    try:
        Worker(path, board, number, seed).run()
    except BaseException:
        board[board_size() - 1] = 1
        traceback.print_exc()
        os._exit(1)


def board_size():
    return 64


# ---- the subscriber -----------------------------------------------------------------------------


class Told:
    """What a subscriber was told, and whether it can be."""

    def __init__(self, path):
        self.client = plasma.connect(path)
        self.client.subscribe()
        self.socket = self.client.get_notification_socket()
        self.there = {}
        self.n = 0

    def take(self, timeout):
        """Take one, if there is one in time."""
        if not select.select([self.socket], [], [], timeout)[0]:
            return False
        id, size, meta_size = self.client.get_next_notification()
        self.n += 1
        if size < 0:
            assert id in self.there, f"{id}: its end was told twice, or no beginning"
            del self.there[id]
        else:
            assert id not in self.there, f"{id}: its beginning was told twice"
            self.there[id] = (size, meta_size)
        return True


# ---- the killer ---------------------------------------------------------------------------------


class Killer:
    def __init__(self, arguments):
        self.path = arguments.path
        self.round_s = arguments.round
        self.random = random.Random(arguments.seed)
        self.board = mmap.mmap(-1, board_size())
        self.workers = [0] * arguments.workers
        self.n_killed = self.n_stopped = self.n_listed = 0

    def start(self, number):
        seed = self.random.getrandbits(63)
        pid = os.fork()
        if pid == 0:
            die_with_parent()
            work(self.path, self.board, number, seed)
        self.workers[number] = pid

    def kill(self, number):
        os.kill(self.workers[number], signal.SIGKILL)
        _, status = os.waitpid(self.workers[number], 0)
        assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "a worker failed"
        self.n_killed += 1

    def aim(self, number):
        """Wait for a worker to be within some call."""
        call = CALLS.index(self.random.choice(AIMED))
        until = time.monotonic() + 0.02
        while self.board[number] != call and time.monotonic() < until:
            pass

    def disturb(self):
        number = self.random.randrange(len(self.workers))
        way = self.random.random()
        if way < 0.6:
            self.aim(number)
        else:
            time.sleep(self.random.random() * 0.01)
        if way > 0.9:
            os.kill(self.workers[number], signal.SIGSTOP)
            time.sleep(self.random.random() * 0.1)
            self.n_stopped += 1
            if way < 0.95:
                os.kill(self.workers[number], signal.SIGCONT)
                return
        self.kill(number)
        self.start(number)

    def play(self):
        for number in range(len(self.workers)):
            self.start(number)
        until = time.monotonic() + self.round_s
        while time.monotonic() < until:
            self.disturb()
            assert self.board[board_size() - 1] == 0, "a worker failed"
        for number in range(len(self.workers)):
            self.kill(number)


def audit(path, killer):
    """After all workers have died: what the store says, of each object its sizes."""
    with Brain(path, create=False) as brain:
        client = plasma.connect(path)
        client.list()  # which sweeps
        listed = client.list()
        assert all(entry["state"] == "sealed" for entry in listed.values()), "one is unsealed"
        for id in listed:
            [(meta, buffer)] = client.get_buffers([id], timeout_ms=0, with_meta=True)
            assert buffer is not None and meta == b"meta" and is_whole(id, buffer), f"{id} is damaged"
            assert listed[id]["ref_count"] == 0
            del buffer
        sizes = {id: (e["data_size"], e["metadata_size"]) for id, e in listed.items()}
        assert brain.check() == []
        assert brain.used() == sum(map(sum, sizes.values()))
        # All are to be had, and a whole store of room.
        for number in range(N_IDS):
            id = object_id(number)
            if id not in listed:
                client.create(id, 0)
        client.disconnect()
        killer.n_listed += len(listed)
        return sizes


def subscriber(path, asks, answers):
    """Another process, that is not killed: it answers a byte with what it was told."""
    told = Told(path)
    os.write(answers, b"!")
    while True:
        while told.take(0):
            pass
        if select.select([asks, told.socket], [], [])[0] == [asks]:
            if not os.read(asks, 1):
                os._exit(0)
            while told.take(0.5):
                pass
            text = "\n".join(f"{id.binary().hex()} {a} {b}" for id, (a, b) in told.there.items())
            text = f"{told.n}\n{text}"
            os.write(answers, struct.pack("=I", len(text)) + text.encode())


def start_subscriber(path):
    asks, ask = os.pipe()
    answer, answers = os.pipe()
    pid = os.fork()
    if pid == 0:
        die_with_parent()
        os.close(ask)
        try:
            subscriber(path, asks, answers)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    os.close(asks)
    os.close(answers)
    assert os.read(answer, 1) == b"!"

    def told():
        os.write(ask, b"?")
        header = os.read(answer, 4)
        assert header, "the subscriber failed"
        text = b""
        while len(text) < struct.unpack("=I", header)[0]:
            text += os.read(answer, 1 << 16)
        number, *lines = text.decode().split("\n")
        there = {}
        for line in filter(None, lines):
            id, size, meta_size = line.split()
            there[plasma.ObjectID(bytes.fromhex(id))] = (int(size), int(meta_size))
        return int(number), there

    return pid, told


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--seed", type=int, default=time.time_ns())
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--round", type=float, default=1.5)
    arguments = parser.parse_args()
    Brain(arguments.path, capacity=CAPACITY).close()
    print(f"seed {arguments.seed}", flush=True)
    pid, told = start_subscriber(arguments.path)
    killer = Killer(arguments)
    n_told = 0
    try:
        until = time.monotonic() + arguments.seconds
        while time.monotonic() < until:
            killer.play()
            sizes = audit(arguments.path, killer)
            n_told, there = told()
            assert there == sizes, "the subscriber was told of other objects than there are"
    finally:
        for worker in filter(None, killer.workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    with Brain(arguments.path, create=False) as brain:
        plasma.connect(arguments.path)._sweep()
        stat = brain.stat()
        # That of the objects, and that of the list of subscribers; perhaps one of the user's.
        assert stat["n_namespaces"] <= 3, stat
        assert brain.check() == []
        brain.destroy()
    print(
        f"{killer.n_killed} killed, {killer.n_stopped} stopped, {n_told} notifications, "
        f"{killer.n_listed} objects looked at"
    )


if __name__ == "__main__":
    sys.exit(main())
