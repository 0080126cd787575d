"""Everything at once on one store, for as long as one likes, and what that leaves behind.

usage: soak.py PATH [--seconds S] [--seed N] [--workers N] [--plant memory|values]

Workers put, replace, batch, read, iterate, wait, make and remove namespaces, write in place, fork, put and
evict Plasma objects, in a store that is too small for all of it, and say who reads what they wrote wrong.
They are killed at random, or stopped for a moment; each is replaced by another. Two are spared: what they
take grows with what the library leaks in a process.

Every second it is noted what the store uses and takes, and the memory of the two. Of the second half of
the time the line through that must not rise, as far as can be told from its spread. At the end all is
deleted, and then: the store is sound, nothing is pinned, written or in limbo, and no value takes memory.

--plant: one of the two keeps 10 KB more at every turn in its memory, or fills half of the store with what nobody
deletes, by the end: the line must rise. Of the store's that shows from 150 seconds on, for what others put there comes
and goes.

Exits with 0, 1 (something was found), 2 (it could not be made).
"""

import argparse
import contextlib
import faulthandler
import gc
import os
import random
import signal
import statistics
import sys
import time
import traceback
import zlib

from brain_plasma import Brain, BrainError, BrainFullError, BrainNamespaceNotExistError, plasma

CAPACITY = 48_000_000
N_NAMES = 60
N_NAMESPACES = 6
SIZES = [8, 100, 1_900, 2_100, 30_000, 300_000, 2_000_000]
WEIGHTS = [30, 30, 10, 10, 12, 6, 2]
TURN_OF_COLLECTION = 500
KILL_EVERY_S = 0.1
N_BLOCKS = 12  # of the second half
T_99 = 2.764  # Student's t, one-sided, for the line through 12 points


def die_with_parent():
    import ctypes

    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def some_bytes(rng):
    body = rng.randbytes(rng.choices(SIZES, WEIGHTS)[0])
    return body + zlib.crc32(body).to_bytes(4, "little")


def must_be_whole(data, what):
    data = memoryview(data)
    if len(data) < 4 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise AssertionError(f"{what} is not what somebody put")


# ---- what the workers do -------------------------------------------------------------------------


class Named:
    """Values under names, in some namespaces."""

    def __init__(self, path, rng):
        self.rng = rng
        self.brain = Brain(path, capacity=CAPACITY)
        self.kept = []
        self.turns = [
            (self.put, 30), (self.get, 40), (self.delete, 8), (self.put_many, 6), (self.get_many, 6),
            (self.keep, 6), (self.walk, 2), (self.write_in_place, 4), (self.give_up_in_place, 1),
            (self.compare_and_set, 4), (self.wait, 2), (self.drop_namespace, 1), (self.fork, 1),
            (self.trim, 1), (self.reopen, 1), (self.explain, 1), (self.take_table, 4), (self.refer, 2),
        ]

    def somewhere(self):
        return f"space{self.rng.randrange(N_NAMESPACES)}"

    def some_name(self):
        return f"x{self.rng.randrange(N_NAMES)}"

    def turn(self):
        self.brain.set_namespace(self.somewhere())
        what = self.rng.choices([turn for turn, _ in self.turns], [often for _, often in self.turns])[0]
        with contextlib.suppress(KeyError):  # BrainNameNotExistError is one
            what(self.some_name())

    def put(self, name):
        self.brain[name] = some_bytes(self.rng)

    def get(self, name):
        value = self.brain[name]
        must_be_whole(value["data"] if isinstance(value, dict) else value, name)

    def delete(self, name):
        del self.brain[name]

    def put_many(self, name):
        self.brain.set_many({f"pair{k}": name.encode() for k in range(4)})

    def get_many(self, name):
        values = self.brain.get_many([f"pair{k}" for k in range(4)])
        if len(values) not in (0, 4) or len(set(values.values())) > 1:
            raise AssertionError(f"a batch is seen in parts: {values}")

    def keep(self, name):
        self.kept.append(self.brain[name])
        if len(self.kept) > 20:
            value = self.kept.pop(self.rng.randrange(20))
            must_be_whole(value["data"] if isinstance(value, dict) else value, "a value that was kept")

    def walk(self, name):
        for other in self.brain:
            if other.startswith("x"):
                with contextlib.suppress(KeyError):
                    self.get(other)

    def write_in_place(self, name):
        data = some_bytes(self.rng)
        with self.brain.empty_bytes(name, len(data)) as draft:
            memoryview(draft)[:] = data

    def give_up_in_place(self, name):
        with contextlib.suppress(ZeroDivisionError), self.brain.empty_bytes(name, 5_000):
            raise ZeroDivisionError

    def compare_and_set(self, name):
        version = self.brain.version("count")
        self.brain.replace_if("count", some_bytes(self.rng), version)

    def wait(self, name):
        with contextlib.suppress(TimeoutError):
            self.brain.wait(name, self.brain.version(name), timeout=0.01)

    def drop_namespace(self, name):
        self.brain.set_namespace("default")
        with contextlib.suppress(BrainNamespaceNotExistError):
            self.brain.remove_namespace(self.somewhere())

    def fork(self, name):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                die_with_parent()
                self.put(name)
                self.get(name)
                code = 0
            except (KeyError, BrainError):
                code = 0  # somebody deleted it, or all is full
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        if os.waitpid(pid, 0)[1] != 0:
            raise AssertionError("a forked child failed")

    def trim(self, name):
        self.brain.trim()

    def reopen(self, name):
        other = Brain(self.brain.path)
        other[name] = some_bytes(self.rng)
        other.close()

    def explain(self, name):
        self.brain.explain(name)

    def take_table(self, name):
        self.brain[name] = {"data": some_bytes(self.rng), "rows": [1, 2.5, "three"], "seen": {4, 5}}

    def refer(self, name):
        value = self.brain.ref(name).value
        must_be_whole(value["data"] if isinstance(value, dict) else value, "a Ref's value")


class Objects:
    """Plasma objects, under ids that all use; the store evicts them."""

    def __init__(self, path, rng):
        self.rng = rng
        self.client = plasma.connect(path)
        self.kept = []

    def turn(self):
        id = plasma.ObjectID(b"object %12d " % self.rng.randrange(N_NAMES))
        what = self.rng.choices([self.put, self.get, self.create, self.delete, self.evict], [30, 50, 10, 10, 2])[0]
        with contextlib.suppress(plasma.PlasmaObjectExists, plasma.PlasmaObjectNotFound, plasma.PlasmaStoreFull):
            what(id)

    def put(self, id):
        self.client.put_raw_buffer(some_bytes(self.rng), id)

    def get(self, id):
        [buffer] = self.client.get_buffers([id], timeout_ms=0)
        if buffer is not None:
            must_be_whole(buffer, "an object")
            self.kept.append(buffer)
        del self.kept[:-5]

    def create(self, id):
        data = some_bytes(self.rng)
        memoryview(self.client.create(id, len(data))).cast("B")[:] = data
        self.client.seal(id)

    def delete(self, id):
        self.client.delete([id])

    def evict(self, id):
        self.client.evict(300_000)


class Leak:
    """Values in a namespace that nobody removes: half of the store, evenly over the time that there is."""

    def __init__(self, path, seconds):
        self.brain = Brain(path, namespace="leaked")
        self.began, self.seconds = time.monotonic(), seconds
        self.n = 0

    def go_on(self):
        share = min(1, (time.monotonic() - self.began) / self.seconds)
        while self.n * 10_000 < share * CAPACITY / 2:
            self.brain[f"value {self.n}"] = bytes(10_000)
            self.n += 1


def work(path, kind, seed, planted, seconds):
    """What one worker does until it is killed."""
    die_with_parent()
    faulthandler.enable()
    worker = kind(path, random.Random(seed))
    kept = []
    leak = Leak(path, seconds) if planted == "values" else None
    for turn in range(sys.maxsize):
        try:
            worker.turn()
            if leak is not None:
                leak.go_on()
        except BrainFullError:
            worker.kept.clear()
        if turn % TURN_OF_COLLECTION == 0:
            gc.collect()
        if planted == "memory":
            kept.append(os.urandom(10_000))


# ---- starting and killing them -------------------------------------------------------------------


def start(path, kind, seed, planted, seconds):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            work(path, kind, seed, planted, seconds)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    return pid


class Soak:
    """The workers, and what was found of them."""

    def __init__(self, options):
        self.path = options.path
        self.seconds = options.seconds
        self.rng = random.Random(options.seed)
        self.brain = Brain(options.path, capacity=CAPACITY)
        self.spared = [
            self.start_one(Named, options.plant),
            self.start_one(Objects, None),
        ]
        self.workers = [self.start_one(self.some_kind()) for _ in range(options.workers)]
        self.n_kills = self.n_stops = 0
        self.samples = []

    def some_kind(self):
        return self.rng.choice([Named, Named, Objects])

    def start_one(self, kind, planted=None):
        return start(self.path, kind, self.rng.getrandbits(64), planted, self.seconds)

    def disturb(self):
        """Kill one, or stop it for a moment. Raises where one has ended by itself."""
        for pid in self.spared:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended != 0:
                raise AssertionError(f"a worker that is spared ended, wait status {status:#x}; see above")
        place = self.rng.randrange(len(self.workers))
        pid = self.workers[place]
        if self.rng.random() < 0.1:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(KILL_EVERY_S / 2)
            os.kill(pid, signal.SIGCONT)
            self.n_stops += 1
        os.kill(pid, signal.SIGKILL)
        self.expect_killed(pid)
        self.n_kills += 1
        self.workers[place] = self.start_one(self.some_kind())

    def expect_killed(self, pid):
        status = os.waitpid(pid, 0)[1]
        if not (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            raise AssertionError(f"a worker ended by itself, wait status {status:#x}; see above")

    def sample(self):
        stat = self.brain.stat()
        used = stat["live_bytes"] + stat["limbo_bytes"] + stat["private_bytes"]
        one = {"used bytes": used, "bytes of metadata": stat["metadata_bytes"]}
        one["pins"] = stat["n_pins"]
        for what, pid in zip(("names", "Plasma objects"), self.spared, strict=True):
            one[f"memory of who uses {what}"] = private_bytes(pid)
        self.samples.append(one)

    def run(self, seconds):
        began = time.monotonic()
        next_sample = began
        while time.monotonic() - began < seconds:
            time.sleep(self.rng.random() * 2 * KILL_EVERY_S)
            self.disturb()
            if time.monotonic() >= next_sample:
                self.sample()
                next_sample += 1

    def end(self):
        """End all. Raises as expect_killed() once all have ended."""
        for pid in self.spared + self.workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        failed = []
        for pid in self.spared + self.workers:
            try:
                self.expect_killed(pid)
            except ChildProcessError:  # what disturb() has found to have ended
                pass
            except AssertionError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def look(self):
        """What is wrong with the store that they leave: a list."""
        wrong = [f"check: {problem}" for problem in self.brain.check()]
        for namespace in [name for name in self.brain.namespaces() if name != "default"]:
            self.brain.remove_namespace(namespace)
        self.brain.set_namespace("default")
        self.brain.clear()
        client = plasma.connect(self.path)
        client.delete(list(client.list()))
        client.disconnect()
        self.brain.trim()
        stat = self.brain.stat()
        for what in ("n_objects", "live_bytes", "limbo_bytes", "private_bytes", "n_pins", "value_backed_bytes"):
            if stat[what] != 0:
                wrong.append(f"{what} is {stat[what]} in the end, and not 0")
        return wrong + [f"check, at the end: {problem}" for problem in self.brain.check()]


def private_bytes(pid):
    """What a process has in memory that is no file's, in bytes."""
    with open(f"/proc/{pid}/smaps_rollup") as lines:
        return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


# ---- whether it rises ----------------------------------------------------------------------------


def slope(values):
    """Of the line through N_BLOCKS blocks, each by what it comes down to (its tenth percentile; what is more
    than that comes and goes): rise from one end to the other, and the least that it is with 99 %
    (ordinary least squares)."""
    size = len(values) / N_BLOCKS
    blocks = [sorted(values[int(k * size) : int((k + 1) * size)]) for k in range(N_BLOCKS)]
    y = [block[len(block) // 10] for block in blocks]
    x = range(N_BLOCKS)
    fit = statistics.linear_regression(x, y)
    rest = sum((b - fit.intercept - fit.slope * a) ** 2 for a, b in zip(x, y, strict=True))
    error = (rest / (N_BLOCKS - 2) / sum((a - statistics.mean(x)) ** 2 for a in x)) ** 0.5
    return fit.slope * (N_BLOCKS - 1), (fit.slope - T_99 * error) * (N_BLOCKS - 1)


def judge(samples):
    """Print how each number went in the second half; those that rose: a list."""
    half = samples[len(samples) // 2 :]
    wrong = []
    for what in half[0]:
        values = [sample[what] for sample in half]
        rise, least = slope(values)
        print(f"  {what}: median {statistics.median(values):.0f}, rise in the second half {rise:+.0f}, with 99 % "
              f"above {least:+.0f}")
        if least > 0.005 * statistics.median(values):
            wrong.append(f"{what} rise")
    return wrong


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=os.getpid())
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--plant", choices=["memory", "values"])
    options = parser.parse_args()
    if options.seconds < 3 * N_BLOCKS:
        raise SystemExit(f"at least {3 * N_BLOCKS} seconds, or nothing can be said of slopes")
    print(f"seed {options.seed}", flush=True)
    soak = Soak(options)
    try:
        try:
            soak.run(options.seconds)
        finally:
            soak.end()
        print(f"{soak.n_kills} kills, {soak.n_stops} stops, {soak.brain.stat()['committed']} commits, "
              f"{soak.brain.stat()['n_recoveries']} recoveries in {options.seconds:.0f} s")
        wrong = judge(soak.samples) + soak.look()
    except AssertionError as error:
        wrong = [str(error)]
    finally:
        soak.brain.destroy()
    for problem in wrong:
        print(f"WRONG: {problem}")
    print("nothing leaked, nothing lost" if not wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
