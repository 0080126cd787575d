"""Run the fuzzers (tests/fuzz/NAME_fuzzer.c, recall_fuzzer.py): for a while, or to see what they reach.

usage: fuzz.py [--seconds S] [--minimize] [--coverage [--corpus]] [NAME ...]

Builds them with clang, libFuzzer and the address and undefined-behaviour sanitizers in build/fuzzers, and lets each
of them go on from its corpus (packs.py) and from what earlier runs found, in build/fuzz/NAME. What an input does that
it should not is a find; the input is left in build/fuzz, and `build/fuzzers/tests/NAME_fuzzer FILE` repeats it.

A new input is in build/fuzz/NAME as soon as it is found, and a find before the fuzzer ends, so SIGTERM or SIGINT, which
end both the fuzzer and what is yet to come, lose the input at most that was being written. The CPU time that was spent
is printed, and noted in build/fuzz/spent.tsv, over which the sum of a campaign is printed.

--minimize  writes tests/fuzz/corpus anew: of what there is, a few inputs that reach all lines. Not that of recall, which
            libFuzzer cannot merge, since it is no program: `recall_fuzzer.py --seeds FOLDER` and `packs.py pack` do.
--coverage  replays what there is with a build for gcov, and says how much of which file was reached; with --corpus
            the corpus alone.

`recall` is the Python package, built with clang in build/fuzz-recall, and takes atheris (pip install atheris), without
which it is left out.

Exits with 77 where there is no clang with libFuzzer (Debian: clang libclang-rt-14-dev).
"""

import argparse
import importlib.util
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import packs

ROOT = Path(__file__).resolve().parents[2]
FOUND = ROOT / "build" / "fuzz"
SPENT = FOUND / "spent.tsv"  # when, what, seconds of CPU, inputs
SHARES = {"store": 60, "value": 5, "dump": 15, "recall": 20}  # of the time, in a hundred
LIMITS = {
    "store": ["-timeout=25", "-rss_limit_mb=3000", "-max_len=600"],
    "value": ["-timeout=25", "-rss_limit_mb=3000", "-max_len=1000"],
    "dump": ["-timeout=25", "-rss_limit_mb=3000", "-max_len=2000"],
    "recall": ["-timeout=60", "-rss_limit_mb=8000", "-max_len=4096"],
}
GROUPS = {
    "attach and recovery": "path.c store.c map.c layout.c recover.c journal.c client.c lock.c",
    "decode": "value.c",
    "dumps": "load.c put.c item.c in.c source.c",
    "tables and transactions": "read.c txn.c names.c space.c snap.c slot.c index.c alloc.c pin.c watch.c",
    "calls and changes": "brain.c batch.c object.c id.c note.c view.c snapshot.c check.c replace.c write.c stage.c "
    "reclaim.c handle.c",
}
ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"}
SKIPPED = 77
INTERRUPTED = 72  # what libFuzzer ends with then


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--corpus", action="store_true")
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(SHARES))
    return parser.parse_args()


def build(name, targets, *options, compiler=None):
    folder = ROOT / "build" / name
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # where meson is
    environment = {**os.environ, "PATH": path, **({"CC": compiler} if compiler else {})}
    if not (folder / "build.ninja").exists():
        subprocess.run(
            ["meson", "setup", folder, *options],
            cwd=ROOT,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    command = ["ninja", "-C", folder, "-j", str(max(1, len(os.sched_getaffinity(0)) - 1)), *targets]
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return folder


def has_libfuzzer():
    if shutil.which("clang") is None:
        return False
    source = "int LLVMFuzzerTestOneInput(const char *bytes, unsigned long n) { return bytes == 0 && n > 0; }"
    command = ["clang", "-fsanitize=fuzzer,address", "-x", "c", "-", "-o", os.devnull]
    return subprocess.run(command, input=source, text=True, stderr=subprocess.DEVNULL).returncode == 0


def recall_fuzzer():
    """As a command, and its environment: the extension with coverage and the address sanitizer."""
    folder = ROOT / "build" / "fuzz-recall"
    options = "-Dpython=enabled", "-Dtests=false", "-Db_lto=false", "-Db_lundef=false"
    flags = "-Dc_args=-fsanitize=address,fuzzer-no-link"
    build("fuzz-recall", ["python/_core.abi3.so"], *options, flags, compiler="clang")
    package = folder / "package" / "brain_plasma"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "python" / "brain_plasma", package)
    shutil.copy(folder / "python" / "_core.abi3.so", package)
    site = Path(importlib.util.find_spec("atheris").origin).parents[1]
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": os.pathsep.join([str(package.parent), str(site)]),
        "LD_PRELOAD": str(site / "asan_with_fuzzer.so"),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
    }
    return [sys.executable, "-P", ROOT / "tests" / "fuzz" / "recall_fuzzer.py"], environment


def fuzzer(name):
    """As a command, and its environment."""
    (FOUND / name).mkdir(parents=True, exist_ok=True)
    if name == "recall":
        return recall_fuzzer()
    options = "-Dfuzzers=true", "-Db_lundef=false"
    folder = build("fuzzers", [f"tests/{name}_fuzzer"], *options, compiler="clang")
    return [folder / "tests" / f"{name}_fuzzer"], ENVIRONMENT


def corpus(name):
    """As a folder."""
    folder = FOUND / f"{name}-corpus"
    shutil.rmtree(folder, ignore_errors=True)
    packs.unpack(name, folder)
    return folder


class Ended:
    """SIGTERM and SIGINT end the fuzzer that runs, as it ends by itself, and let none begin."""

    def __init__(self):
        self.by = None
        self.fuzzer = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.end)

    def end(self, number, _):
        self.by = number
        if self.fuzzer is not None:
            self.fuzzer.terminate()

    def run(self, command, environment):
        """Its exit status, and the lines that it wrote to its standard error, which are passed on."""
        lines = []
        with subprocess.Popen(
            command, env=environment, cwd=FOUND, stderr=subprocess.PIPE, text=True, errors="replace"
        ) as self.fuzzer:
            if self.by is not None:
                self.fuzzer.terminate()
            for line in self.fuzzer.stderr:
                lines.append(line)
                sys.stderr.write(line)
        code = self.fuzzer.returncode
        self.fuzzer = None
        return code, lines


def spent():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def cpu(seconds):
    return f"{seconds:,.1f} s of CPU ({seconds / 3600:.2f} h)"


def run(name, seconds, ended):
    program, environment = fuzzer(name)
    command = [
        *program,
        f"-max_total_time={seconds}",
        *LIMITS[name],
        "-use_value_profile=1",
        "-print_final_stats=1",
        "-verbosity=0",
        f"-artifact_prefix={FOUND}/{name}-",
        FOUND / name,
        corpus(name),
    ]
    before = spent()
    code, lines = ended.run(command, environment)
    took = spent() - before
    counts = re.findall(r"(?m)^stat::number_of_executed_units: *(\d+)", "".join(lines))
    inputs = int(counts[-1]) if counts else 0
    with SPENT.open("a") as file:
        print(time.strftime("%Y-%m-%dT%H:%M:%S"), name, f"{took:.1f}", inputs, sep="\t", file=file)
    is_sound = code in (0, INTERRUPTED)
    print(
        f"{name}: {cpu(took)}, {inputs:,} inputs, {'nothing found' if is_sound else f'FOUND something ({code})'}",
        f"{', ended early' if code == INTERRUPTED else ''}",
        sep="",
        flush=True,
    )
    return is_sound, took


def run_all(names, seconds):
    ended = Ended()
    shares = sum(SHARES[name] for name in names)
    is_sound, total = True, 0
    for name in names:
        if ended.by is None:
            sound, took = run(name, max(1, seconds * SHARES[name] // shares), ended)
            is_sound, total = is_sound and sound, total + took
    past = [line.split("\t") for line in SPENT.read_text().splitlines()]
    so_far = ", ".join(
        f"{name} {cpu(sum(float(seconds) for _, of, seconds, _ in past if of == name))}" for name in SHARES
    )
    print(f"in sum {cpu(total)}; by all runs so far: {so_far}", flush=True)
    if ended.by is not None:
        sys.exit(128 + ended.by)
    return is_sound


def minimize(name):
    """Of lines, and not of how often they are reached: that would be thousands of inputs."""
    fresh = FOUND / f"{name}-minimal"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    program, environment = fuzzer(name)
    command = [*program, "-merge=1", "-use_counters=0", *LIMITS[name]]
    command += [fresh, corpus(name), FOUND / name]
    log = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=FOUND)
    if log.returncode != 0:
        sys.exit(log.stderr)
    for file in corpus(name).glob("found-*"):
        shutil.copy(file, fresh)  # what was a find stays, whatever it reaches
    n, n_bytes = packs.pack(name, fresh)
    print(f"{name}: {n} inputs, {n_bytes:,} bytes")
    return True


def coverage(names, only_corpus):
    options = "-Db_coverage=true", "-Doptimization=0"
    folder = build("fuzz-coverage", [f"tests/replay_{name}" for name in names], *options)
    for counts in folder.rglob("*.gcda"):
        counts.unlink()
    for name in names:
        command = [folder / "tests" / f"replay_{name}", packs.path(name)]
        if not only_corpus and (FOUND / name).exists():
            command.append(FOUND / name)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for title, files in GROUPS.items():
        counts = [report(folder, file) for file in files.split()]
        reached, total = (sum(column) for column in zip(*counts, strict=True))
        print(f"{title}: {reached} of {total} lines ({reached / total:.1%})")
    return True


def report(folder, file):
    found = list(folder.glob(f"src/libbrain.*.p/{file}.gcda"))
    if not found:
        sys.exit(f"{file}: no counts; its name in GROUPS is wrong?")
    command = ["gcov", "--stdout", "--branch-probabilities", found[0]]
    text = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    (lines,) = [
        part
        for part in re.split(r"(?m)^ +-: +0:Source:", text)
        if part.partition("\n")[0].endswith(f"src/{file}")
    ]
    reached = len(re.findall(r"(?m)^ +\d+\*?: +\d+:", lines))
    missed = [int(number) for number in re.findall(r"(?m)^ +#####: +(\d+):", lines)]
    total = reached + len(missed)
    print(f"  {file}: {reached} of {total} lines ({reached / total:.0%}); not: {spans(missed)}")
    return reached, total


def spans(numbers):
    """Line numbers as few words: those with little between them together."""
    runs = []
    for number in numbers:
        if runs and number - runs[-1][1] <= 3:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in runs) or "-"


def main():
    arguments = parse()
    if arguments.coverage or arguments.minimize:
        arguments.names = [name for name in arguments.names if name != "recall"]
    if arguments.coverage:
        sys.exit(0 if coverage(arguments.names, arguments.corpus) else 1)
    if not has_libfuzzer():
        print("skipped: there is no clang with libFuzzer here (Debian: clang libclang-rt-14-dev)")
        sys.exit(SKIPPED)
    if "recall" in arguments.names and importlib.util.find_spec("atheris") is None:
        print("recall: left out, there is no atheris (pip install atheris)")
        arguments.names.remove("recall")
    if arguments.minimize:
        is_sound = all([minimize(name) for name in arguments.names])
    else:
        is_sound = run_all(arguments.names, arguments.seconds)
    sys.exit(0 if is_sound else 1)


if __name__ == "__main__":
    main()
