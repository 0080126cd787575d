"""Hostile values: whatever the bytes of a TREE are, a recall gives a value or raises a BrainError.

usage: fuzz_tree.py [--seconds S] [--seed N] [--coverage] [--asan]

Mutates the streams of values of every kind that there is: bits and bytes, heads and tags, parts cut out,
doubled, and moved from one to another; counts in the table; names of decoders. What is recalled is put in
and joins those that are mutated. Each goes through a Brain that trusts nobody, and one in four through one
that allows pickles as well. Wrong is a crash, another exception than a BrainError, and a value that was
recalled and cannot be recalled once more after it was put again as a TREE. Prints how many were tried, how
many gave values, and the slowest.

--coverage  builds the extension for gcov in build/coverage, runs there, and says how much of the C files
            that decode was reached, and which lines were not.
--asan      builds it with the address and undefined-behaviour sanitizers in build/fuzz-asan, and runs there.
"""

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DECODERS = ["untree.c", "parts.c", "codecs.c", "arrow.c"]
sys.path.insert(0, str(ROOT / "tests" / "python"))

# Heads, tags and numbers from which interesting streams are made.
TOKENS = [
    bytes.fromhex(token)
    for token in """
    00 01 17 1818 18ff 190100 19ffff 1a00010000 1affffffff 1b0000000100000000 1bffffffffffffffff
    20 37 3818 3bffffffffffffffff 3b7fffffffffffffff 3b8000000000000000
    40 4161 5840 5a7fffffff 60 6161 62c3a9 61ff 63eda080 7840 7a7fffffff 80 81 82 83 9818 9a7fffffff
    9bffffffffffffffff a0 a1 a2 b818 bbffffffffffffffff c249010000000000000000 c349010000000000000000 c2 c3
    d90102 d9010280 d9010281 d9010282 d9ba00 d9ba0080 d9ba0081 d9ba0082 d9ba01 d9ba0180 d9ba0181 d9ba0182
    d9ba02 d9ba0240 d9ba0382 d9ba04 d9ba0400 d9ba0401 d9ba0402 d9ba05 d9ba0500 d9ba0501 d9ba0682 d9ba0782
    d9ba08 d9ba0800 d9ba0801 d9ba09 f4 f5 f6 f7 f93c00 fa3f800000 fb3ff0000000000000 fb7ff8000000000000
    fb8000000000000000 ff 1c 5f 9f bf
    """.split()
]


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--asan", action="store_true")
    return parser.parse_args()


# ---- values to begin with -----------------------------------------------------------------------


def plain_values():
    import numpy as np

    shared, key = ["x" * 70], (1, "a", b"b")
    cycle = []
    cycle.append(cycle)
    yield from ([], {}, (), {1, "a"}, frozenset({2.5}), bytearray(b"ab"), 1j, cycle)
    yield [None, True, False, 0, -1, 1000, -(10**6), 2**40, 2**64 - 1, -(2**64), 2**70, -(2**70)]
    yield ["", "a", "é", "x" * 64, "é" * 40, b"", b"a", b"x" * 64, b"y" * 4096]
    yield [0.0, -0.0, 1e300, float("inf"), float("nan")]
    yield [shared, shared, (shared, 1), {"a": shared}]
    yield {key: 1, "text" * 20: {key, frozenset({key})}, 2.5: [], None: ()}
    yield [{"name": str(number), "number": number, "real": number / 3} for number in range(10)]
    yield {"a": np.arange(5), "b": [np.zeros((2, 3), order="F")], "c": np.array(["x", "yy"])}
    yield [np.zeros(2, "i4,f8"), np.array(5), np.array([], "M8[ns]"), b"y" * 5000]
    yield dict.fromkeys(range(1200))
    yield {(number * sys.hash_info.modulus) for number in range(1, 1100)}


def library_values():
    """One of each kind that a module of brain_plasma.codecs knows, where it is there."""
    import datetime
    import decimal
    import fractions
    import pathlib
    import uuid

    yield datetime.datetime(2024, 5, 6, 7, 8, 9, 10, datetime.timezone.utc)
    yield [datetime.date(2024, 1, 2), datetime.time(3), datetime.timedelta(1, 2, 3)]
    yield {decimal.Decimal("1.5"): fractions.Fraction(1, 3), uuid.UUID(int=5): pathlib.PurePosixPath("/a")}
    yield [range(5), slice(1, None), "\ud800", memoryview(b"abc")]
    import numpy as np

    yield [np.float32(1.5), np.datetime64("2024-01-01"), np.dtype("i4,f8"), np.array(["a", None], object)]
    yield np.ma.masked_array([1, 2, 3], [0, 1, 0])
    try:
        import pandas as pd

        yield pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.Categorical(["u", "v"])})
        yield pd.Series([1.5, 2.5], index=pd.date_range("2024", periods=2), name="s")
        yield pd.MultiIndex.from_product([[1, 2], ["a", "b"]])
    except ImportError:
        pass
    try:
        import scipy.sparse

        yield scipy.sparse.csr_matrix(np.eye(4))
    except ImportError:
        pass


class Thing:
    """What stands for a value with an encoder of a user's."""

    def __init__(self, payload=None):
        self.payload = payload

    def __eq__(self, other):
        return type(other) is Thing

    def __hash__(self):
        return 5


def add_codec():
    import pickle

    from brain_plasma import codecs

    def decode(payload, trusted):
        if payload == "raise":
            raise KeyError(payload)
        return Thing(payload)

    codecs.encoders[Thing] = lambda thing: ("t", thing.payload)
    codecs.decoders["t"] = decode
    shared = [1]
    yield [Thing([1, shared]), shared, {Thing(1): Thing("raise")}]
    yield [Thing([pickle.PickleBuffer(b"abc" * 30), codecs.Written(3, lambda view: None)])]


# ---- mutation -----------------------------------------------------------------------------------


def read_tree(data):
    """Stream, buffers and flags of what a Brain has put."""
    n_buffers, flags, length = (
        int.from_bytes(data[begin:end], "little") for begin, end in ((0, 4), (4, 8), (8, 16))
    )
    entries = data[16 : 16 + 16 * n_buffers]
    buffers = []
    for begin in range(0, len(entries), 16):
        offset = int.from_bytes(entries[begin : begin + 8], "little")
        size = int.from_bytes(entries[begin + 8 : begin + 16], "little")
        buffers.append(data[offset : offset + size])
    begin = 16 + 16 * n_buffers
    return data[begin : begin + length], buffers, flags


def cut(choose, stream):
    begin = choose.randrange(len(stream) + 1)
    return begin, min(len(stream), begin + int(choose.expovariate(0.2)))


def mutate_stream(choose, stream, others):
    stream = bytearray(stream)
    for _ in range(choose.choice([1, 1, 1, 2, 3, 8])):
        begin, end = cut(choose, stream)
        match choose.randrange(7):
            case 0 if begin < len(stream):
                stream[begin] ^= 1 << choose.randrange(8)
            case 1 if begin < len(stream):
                stream[begin] = choose.randrange(256)
            case 2:
                stream[begin:begin] = choose.choice(TOKENS)
            case 3:
                token = choose.choice(TOKENS)
                stream[begin : begin + len(token)] = token
            case 4:
                del stream[begin:end]
            case 5:
                stream[end:end] = stream[begin:end] * choose.choice([1, 1, 2, 50])
            case 6:
                other = choose.choice(others)[0]
                other_begin, other_end = cut(choose, other)
                stream[begin:end] = other[other_begin:other_end]
    return bytes(stream[:20_000])


def make(choose, corpus):
    """A hostile value: its data, and its parts."""
    from raw_values import tree

    stream, buffers, flags = choose.choice(corpus)
    if choose.random() < 0.95:
        stream = mutate_stream(choose, stream, corpus)
    if choose.random() < 0.2:
        flags = choose.choice([0, 1, 1, 2])
    elif b"\xd9\xba\x04" in stream:
        flags = 1
    buffers = list(buffers)
    if buffers and choose.random() < 0.2:
        which = choose.randrange(len(buffers))
        buffers[which] = mutate_stream(choose, buffers[which], corpus)
    data = tree(stream, buffers, flags)
    if choose.random() < 0.1:
        changed = bytearray(data)
        changed[choose.randrange(min(len(data), 16 + 16 * len(buffers)))] = choose.choice([0, 1, 0x80, 0xFF])
        data = bytes(changed)
    if choose.random() < 0.02:
        data = data[: choose.randrange(len(data) + 1)]
    return data, (stream, buffers, flags)


# ---- the run ------------------------------------------------------------------------------------


def first_values(brain, raw):
    from brain_plasma import BrainError

    for value in [*plain_values(), *add_codec(), *library_values()]:
        try:
            brain["x"] = value
        except BrainError:
            continue
        except ImportError:
            continue
        kind, data = raw.get("x")
        if kind == 11:
            yield read_tree(data)


class Tally:
    def __init__(self):
        self.tried = self.values = self.put_again = 0
        self.slowest = 0.0, b""

    def recall(self, brain):
        """What a Brain makes of it, in a list; [] where it raises what it may."""
        from brain_plasma import BrainError

        began = time.perf_counter()
        try:
            return [brain["x"]]
        except BrainError:
            return []
        finally:
            self.slowest = max(self.slowest, (time.perf_counter() - began, self.data))

    def again(self, brain, value):
        from brain_plasma import BrainError

        try:
            brain["y"] = value
        except BrainError:
            return
        self.put_again += 1
        assert type(brain["y"]) is type(value)


def fuzz(seconds, seed, path):
    from brain_plasma import Brain
    from raw_values import ARROW, TREE, RawStore

    choose = random.Random(seed)
    tally = Tally()
    with Brain(path, capacity=256_000_000, pickle=False) as brain, Brain(path, pickle=True) as trusting:
        raw = RawStore(path)
        corpus = list(first_values(brain, raw))
        n_first = len(corpus)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            tally.data, parts = make(choose, corpus)
            raw.put("x", ARROW if choose.random() < 0.01 else TREE, tally.data)
            tally.tried += 1
            values = tally.recall(brain)
            if choose.random() < 0.25:
                tally.recall(trusting)
            for value in values:
                tally.values += 1
                tally.again(brain, value)
                if len(corpus) < 4000:
                    corpus.append(parts)
                else:
                    corpus[choose.randrange(n_first, len(corpus))] = parts
        raw.close()
    print(
        f"seed {seed}: {n_first} values to begin with; {tally.tried:,} tried, {tally.values:,} gave a value, "
        f"{tally.put_again:,} of those put again; slowest {tally.slowest[0] * 1000:.1f} ms, "
        f"{len(tally.slowest[1]):,} bytes"
    )


# ---- builds -------------------------------------------------------------------------------------


def build(name, *options):
    """The package with an extension of its own: the folder to import it from."""
    folder = ROOT / "build" / name
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where meson is
    environment = {**os.environ, "PATH": path}
    if not (folder / "build.ninja").exists():
        setup = ["meson", "setup", folder, "-Dpython=enabled", "-Dtests=false", "-Db_lto=false", *options]
        subprocess.run(setup, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL)
    command = ["meson", "compile", "-C", folder, "-j1"]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    package = folder / "package" / "brain_plasma"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "brain_plasma", package)
    (extension,) = (folder / "python").glob("_core*.so")
    shutil.copy(extension, package)
    return folder, package.parent


def run_in(package, arguments, **environment):
    command = [sys.executable, __file__, "--seconds", str(arguments.seconds), "--seed", str(arguments.seed)]
    return subprocess.run(command, env={**os.environ, "PYTHONPATH": str(package), **environment}).returncode


def coverage(arguments):
    folder, package = build("coverage", "-Db_coverage=true", "-Doptimization=0")
    for counts in folder.rglob("*.gcda"):
        counts.unlink()
    code = run_in(package, arguments)
    for name in DECODERS:
        report_coverage(folder, name)
    return code


def report_coverage(folder, name):
    (counts,) = folder.rglob(f"*{name.removesuffix('.c')}.c.gcda") or [None]
    output = subprocess.run(
        ["gcov", "--stdout", "--branch-probabilities", counts],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    text = re.split(r"(?m)^ +-: +0:Source:", output)
    (lines,) = [part for part in text if part.partition("\n")[0].endswith(f"/ext/{name}")]
    reached = len(re.findall(r"(?m)^ +\d+\*?: +\d+:", lines))
    missed = re.findall(r"(?m)^ +#####: +(\d+):(.*)", lines)
    branches = re.findall(r"(?m)^branch +\d+ (never executed|taken (\d+))", lines)
    taken = sum(bool(count) and count != "0" for _, count in branches)
    total = reached + len(missed)
    print(f"{name}: {reached} of {total} lines ({reached / total:.0%}), {taken} of {len(branches)} branches")
    for number, line in missed:
        print(f"    {number}: {line.strip()}")


def asan(arguments):
    options = "-Db_sanitize=address,undefined", "-Db_lundef=false"
    _, package = build("fuzz-asan", *options)
    library = subprocess.run(
        ["cc", "-print-file-name=libasan.so"], check=True, capture_output=True, text=True
    ).stdout.strip()
    settings = "detect_leaks=0:allocator_may_return_null=1"
    return run_in(
        package,
        arguments,
        LD_PRELOAD=os.path.realpath(library),
        ASAN_OPTIONS=settings,
        UBSAN_OPTIONS="halt_on_error=1:print_stacktrace=1",
        PYTHONMALLOC="malloc",
    )


def main():
    arguments = parse()
    if arguments.coverage:
        sys.exit(coverage(arguments))
    if arguments.asan:
        sys.exit(asan(arguments))
    path = f"/dev/shm/brain-fuzz-{os.getpid()}"
    try:
        fuzz(arguments.seconds, arguments.seed, path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    main()
