"""Run the fuzzers (tests/fuzz/NAME_fuzzer.c, recall_fuzzer.py): for a while, or to see what they reach.

usage: fuzz.py [--seconds S] [--minimize] [--coverage] [NAME ...]

Builds them with clang, libFuzzer and the address and undefined-behaviour sanitizers in build/fuzzers, and lets each
of them go on from its corpus in tests/fuzz/corpus and from what earlier runs found, in build/fuzz/NAME. What an input
does that it should not is a find; the input is left in build/fuzz, and `build/fuzzers/tests/NAME_fuzzer FILE`
repeats it.

--minimize  writes tests/fuzz/corpus anew: of what there is, a few inputs that reach all lines. Not that of recall, which
            libFuzzer cannot merge, since it is no program: `recall_fuzzer.py --seeds FOLDER` writes it.
--coverage  replays what there is with a build for gcov, and says how much of which file was reached.

`recall` is the Python package, built with clang in build/fuzz-recall, and takes atheris (pip install atheris), without
which it is left out.

Exits with 77 where there is no clang with libFuzzer (Debian: clang libclang-rt-14-dev).
"""

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "fuzz" / "corpus"
FOUND = ROOT / "build" / "fuzz"
SHARES = {"store": 75, "value": 5, "recall": 20}  # of the time, in a hundred
LIMITS = {
    "store": ["-timeout=10", "-rss_limit_mb=3000", "-max_len=600"],
    "value": ["-timeout=10", "-rss_limit_mb=3000", "-max_len=1000"],
    "recall": ["-timeout=60", "-rss_limit_mb=8000", "-max_len=4096"],
}
ATTACH = "path.c store.c map.c layout.c recover.c journal.c client.c lock.c"
CHANGES = "brain.c batch.c object.c id.c note.c view.c snapshot.c check.c replace.c write.c stage.c reclaim.c handle.c"
TABLES = "read.c txn.c names.c space.c snap.c slot.c index.c alloc.c pin.c watch.c value.c"
ENVIRONMENT = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1"}
SKIPPED = 77


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=300)
    parser.add_argument("--minimize", action="store_true")
    parser.add_argument("--coverage", action="store_true")
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


def run(name, seconds):
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
        CORPUS / name,
    ]
    code = subprocess.run(command, env=environment, cwd=FOUND).returncode
    print(f"{name}: {seconds} s, {'nothing found' if code == 0 else 'FOUND something'}", flush=True)
    return code == 0


def minimize(name):
    """Of lines, and not of how often they are reached: that would be thousands of inputs."""
    fresh = FOUND / f"{name}-minimal"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    program, environment = fuzzer(name)
    command = [*program, "-merge=1", "-use_counters=0", *LIMITS[name]]
    command += [fresh, CORPUS / name, FOUND / name]
    log = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=FOUND)
    if log.returncode != 0:
        sys.exit(log.stderr)
    for file in (CORPUS / name).glob("found-*"):
        shutil.copy(file, fresh)  # what was a find stays, whatever it reaches
    shutil.rmtree(CORPUS / name)
    shutil.move(fresh, CORPUS / name)
    files = list((CORPUS / name).iterdir())
    print(f"{name}: {len(files)} inputs, {sum(file.stat().st_size for file in files):,} bytes")
    return True


def coverage(names):
    options = "-Db_coverage=true", "-Doptimization=0"
    folder = build("fuzz-coverage", [f"tests/replay_{name}" for name in names], *options)
    for counts in folder.rglob("*.gcda"):
        counts.unlink()
    for name in names:
        folders = [folder for folder in (CORPUS / name, FOUND / name) if folder.exists()]
        command = [folder / "tests" / f"replay_{name}", *folders]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    for title, files in (("attach", ATTACH), ("tables", TABLES), ("calls and changes", CHANGES)):
        print(title)
        for file in files.split():
            report(folder, file)
    return True


def report(folder, file):
    found = list(folder.glob(f"src/libbrain.*.p/{file}.gcda"))
    if not found:
        print(f"  {file}: not reached")
        return
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
        sys.exit(0 if coverage(arguments.names) else 1)
    if not has_libfuzzer():
        print("skipped: there is no clang with libFuzzer here (Debian: clang libclang-rt-14-dev)")
        sys.exit(SKIPPED)
    if "recall" in arguments.names and importlib.util.find_spec("atheris") is None:
        print("recall: left out, there is no atheris (pip install atheris)")
        arguments.names.remove("recall")
    shares = sum(SHARES[name] for name in arguments.names)
    ended = [
        minimize(name)
        if arguments.minimize
        else run(name, max(1, arguments.seconds * SHARES[name] // shares))
        for name in arguments.names
    ]
    sys.exit(0 if all(ended) else 1)


if __name__ == "__main__":
    main()
