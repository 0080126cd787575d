"""Libraries of earlier versions and of today, each on one live store with it.

    versions.py [--seconds S] [--commit C]

Builds the libraries of the commits in `first-version` below build/first, and versions.c with each and with today's.
Then processes of one of them and of today's write and read one store, are killed at random and with the lock in their
hands, and whoever comes next, of either version, recovers from them. Rows go from one version to the other and back:
what was counted in them never falls. At the end both find everything sound, and nothing left.

Exits with 77 where there is no history to take the commit from.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIRST = ROOT / "build" / "first"
NEWEST_LIBRARY = ROOT / "build" / "test" / "src" / "libbrain.a"
N_WRITERS = 6
SKIPPED = 77
OPTIONAL = ["brain_create_in_place", "brain_reap", "brain_counts", "brain_objects"]  # what the first version has not


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def first_commits():
    lines = (HERE / "first-version").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def build_first(commit):
    """The folder with the library and the header of that commit."""
    folder = FIRST / commit
    if not (folder / "done").exists():
        git = ["git", "-C", str(ROOT)]
        if subprocess.run([*git, "cat-file", "-e", f"{commit}^{{commit}}"], capture_output=True).returncode:
            skip(f"there is no commit {commit} here: it takes the whole history of the project")
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "source").mkdir(parents=True)
        archive = subprocess.run([*git, "archive", commit], stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x", "-C", str(folder / "source")], input=archive, check=True)
        meson = [shutil.which("meson") or str(Path(sys.executable).parent / "meson")]
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        setup = ["setup", str(folder / "build"), str(folder / "source"), "-Dtests=false"]
        for arguments in (setup, ["compile", "-C", str(folder / "build")]):
            subprocess.run([*meson, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
        (folder / "done").touch()
    return folder


def compile_program(to, include, library):
    command = [*os.environ.get("CC", "cc").split(), "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-pthread"]
    header = (include / "brain.h").read_text()
    command += [f"-DWITH_{call.upper()}" for call in OPTIONAL if f"{call}(" in header]
    subprocess.run([*command, f"-I{include}", "-o", str(to), str(HERE / "versions.c"), str(library)], check=True)
    return str(to)


class Store:
    """The store, and who is at work in it."""

    def __init__(self, path, programs):
        self.path = path
        self.programs = programs  # of the first version, of the newest
        self.writers = {}
        self.n_kills = self.n_with_lock = self.n_checks = 0
        self.counts = []

    def run(self, program, what):
        done = subprocess.run([program, what, self.path], capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{Path(program).name} {what}: {done.stdout}{done.stderr} ({done.returncode})")
        return done.stdout

    def start(self, number):
        """Half of them are of the first version."""
        program = self.programs[number % 2]
        self.writers[number] = subprocess.Popen([program, "write", self.path, str(number)])

    def kill(self, number):
        writer = self.writers.pop(number)
        if writer.poll() is not None:
            raise SystemExit(f"writer {number} ended by itself: {writer.returncode}")
        writer.kill()
        writer.wait()
        self.n_kills += 1

    def signal_all(self, what):
        for writer in self.writers.values():
            writer.send_signal(what)

    def check(self):
        """By either version in turn."""
        self.n_checks += 1
        self.run(self.programs[self.n_checks % 2], "check")
        self.see_counts()

    def see_counts(self):
        """The first version counts nothing, and leaves alone what others have counted."""
        counts = [int(word) for word in self.run(self.programs[1], "counts").split()]
        if any(now < before for before, now in zip(self.counts, counts)):
            raise SystemExit(f"counts fell: {self.counts}, then {counts}")
        self.counts = counts

    def kill_one(self):
        number = random.choice(list(self.writers))
        self.kill(number)
        if random.random() < 0.3:
            self.check()
        self.start(number)

    def kill_with_lock(self):
        """All stand still; where one of them has the lock, all of a version are killed, then the others too."""
        self.signal_all(signal.SIGSTOP)
        if self.run(random.choice(self.programs), "busy") == "1\n":
            self.n_with_lock += 1
            for number in list(self.writers):
                self.kill(number)
            self.check()
            for number in range(N_WRITERS):
                self.start(number)
        else:
            self.signal_all(signal.SIGCONT)

    def end(self):
        for writer in self.writers.values():
            writer.kill()
            writer.wait()


def try_commit(commit, seconds):
    first = build_first(commit)
    programs = [
        compile_program(first / "program", first / "source" / "include", first / "build" / "src" / "libbrain.a"),
        compile_program(FIRST / "newest", ROOT / "include", NEWEST_LIBRARY),
    ]
    for maker in programs:
        folder = Path(tempfile.mkdtemp(prefix="brain-test-", dir="/dev/shm"))
        store = Store(str(folder / "store"), programs)
        try:
            store.run(maker, "make")
            for number in range(N_WRITERS):
                store.start(number)
            end = time.monotonic() + seconds / 2
            while time.monotonic() < end:
                time.sleep(random.random() * 0.2)  # that much work between two deaths
                random.choice([store.kill_one, store.kill_with_lock])()
            for number in list(store.writers):
                store.kill(number)
            for program in programs:
                store.run(program, "check")
            store.see_counts()
            told = store.run(random.choice(programs), "end").strip()
            by = "today's" if maker == programs[1] else commit[:7]
            print(
                f"{commit[:7]} and today's, made by {by}: {store.n_kills} kills, {store.n_with_lock} times with the "
                f"lock held; {store.n_checks} checks meanwhile; {sum(store.counts[:2])} gets counted; {told}"
            )
        finally:
            store.end()
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--commit", help="this one instead of those of first-version")
    options = parser.parse_args()
    commits = [options.commit] if options.commit else first_commits()
    for commit in commits:
        try_commit(commit, options.seconds / len(commits))


if __name__ == "__main__":
    main()
