"""Shows on real data what the library is for: ./run demo [--short]

Two processes, started apart (demo_a.py, demo_b.py). A puts a table under a name, B has it. Then A is
killed in the middle of putting a new version, again and again, and B looks at what is there. All figures
are measured while it runs.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

N_KILLS, N_KILLS_SHORT = 100, 15
N_UNDISTURBED = 3
NAMES = ("flights", "categories")  # what A puts anew, in turn
NEEDED_BYTES = 400_000_000
MEMORY = "/dev/shm"


class Process:
    """One of the two, with what it says."""

    living = []  # started and not yet reaped

    def __init__(self, name, *arguments):
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(f"demo_{name}.py"), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for this program, which ends them
        )
        self.living.append(self)

    def tell(self, line):
        with contextlib.suppress(BrokenPipeError):  # it has ended: hear() says so
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()

    def hear(self):
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            raise SystemExit(f"demo: {self._process.args[1].name} ended, with {status}")
        return json.loads(line)

    def ask(self, line):
        self.tell(line)
        return self.hear()

    def kill(self):
        """kill -9. Returns what it still had to say."""
        self._process.kill()
        said, _ = self._process.communicate()
        self.living.remove(self)
        return [json.loads(line) for line in said.splitlines()]

    def wait(self):
        self._process.communicate()
        self.living.remove(self)


# ---- what is printed ----------------------------------------------------------------------------


def seconds(value):
    unit, factor = ("s", 1) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("us", 1e6)
    digits = 3 - len(str(int(value * factor)))
    return f"{value * factor:.{max(0, digits)}f} {unit}"


def megabytes(value):
    return f"{value / 1e6:.1f} MB"


def about_text(copied_bytes_per_row):
    """What is true of text as it is: pandas 3 with pyarrow has it as Arrow does, others as Python's strings."""
    if copied_bytes_per_row < 1:
        return "Nor is text, which pyarrow holds here."
    return "Text is built anew: it takes the time and the memory."


def print_recalls(a, b):
    n_columns = a["shape"][1]
    print("B, a process of its own, gets it:\n")
    print(f"    {'':40}{'first time':>12}{'again':>10}{'memory of its own':>20}")
    rows = [
        ("brain['arr_delay'], a NumPy array", b["array"]),
        ("brain['categories'], all text categories", b["categories"]),
        ("brain['flights'], text as it is", b["flights"]),
        ("from a pickle in a file in memory", b["pickle"]),
        ("from the CSV file, as A did", {"first_s": a["read_s"], "own_bytes": a["read_bytes"]}),
    ]
    for what, row in rows:
        again = seconds(row["again_s"]) if "again_s" in row else ""
        own = megabytes(row["own_bytes"])
        print(f"    {what:40}{seconds(row['first_s']):>12}{again:>10}{own:>20}")
    print(
        f"\n    First time: in this process. Again: the median of {b['n_again']} more. Memory of its own: what\n"
        f"    the first time added to B beside the store, which all share. Arrays and columns of numbers are\n"
        f"    not copied. {about_text(b['flights']['copied'])} Columns that lie in the store:\n"
        f"    {b['categories']['shared']} of {n_columns} of 'categories', {b['flights']['shared']} of 'flights'.\n"
    )


def print_answer(answer):
    print(f"B: which airlines were late in 2013? ({seconds(answer['answer_s'])})\n")
    print(f"    {'carrier':10}{'flights':>10}{'mean delay on arrival':>25}")
    for carrier, n_flights, delay in answer["rows"]:
        print(f"    {carrier:10}{n_flights:>10,}{delay:>21.1f} min")
    print()


def print_kills(tally, n_kills, before, after):
    print(
        f"    kill -9 of A                                       {n_kills:>12,}\n"
        f"      while its put was under way                      {tally['under_way']:>12,}\n"
        f"        while it filled its part of the shared memory  {tally['copying']:>12,}\n"
        f"        while it held the writer lock                  {tally['locked']:>12,}\n"
        f"    B then found\n"
        f"      the old version, to the last byte                {tally['old']:>12,}\n"
        f"      the new version, to the last byte                {tally['new']:>12,}\n"
        f"      anything else                                    {tally['torn']:>12,}\n"
        f"      a change in the tables that it holds             {tally['changed']:>12,}\n"
        f"      a problem, by check()                            {tally['problems']:>12,}\n"
        f"    memory of values, after the old tables are back and trim()\n"
        f"      before the kills: bytes used, bytes backed       "
        f"{before['used_bytes']:>12,}{before['backed_bytes']:>13,}\n"
        f"      after them                                       "
        f"{after['used_bytes']:>12,}{after['backed_bytes']:>13,}\n"
    )


# ---- what is done -------------------------------------------------------------------------------


def put_flights(store, pickle):
    a = Process("a", store, pickle)
    said = a.hear()
    a.wait()
    n_rows, n_columns = said["shape"]
    print(
        f"A reads {n_rows:,} flights with {n_columns} columns from a CSV file, says brain['flights'] = "
        f"flights\n(this put: {megabytes(said['used_bytes'])} in {seconds(said['put_s'])}), puts two other "
        f"forms of it, and ends.\n"
    )
    return said


def start_next(store, number):
    """The checksum of its new version is the first that it says."""
    a = Process("a", store, "--again")
    a.tell(f"{NAMES[number % 2]} {number}")
    return a


def put_undisturbed(store, name):
    """Returns the checksum of what is there then, and how long a put takes."""
    puts_s = []
    a = Process("a", store, "--again")
    for number in range(N_UNDISTURBED):
        checksum = a.ask(f"{name} {N_KILLS + number + 1}")["checksum"]
        a.ask("go")
        puts_s.append(a.hear()["put_s"])
    a.kill()
    return checksum, statistics.median(puts_s)


def kill_in_the_middle(a, put_s):
    """Returns whether the put was under way."""
    a.ask("go")
    # Now and then too late: the last moments of a put should not be spared where it is a slow one.
    time.sleep(random.uniform(0, 1.2 * put_s))
    return not any("put_s" in said for said in a.kill())


def kill_again_and_again(store, b, n_kills):
    tally = dict.fromkeys(
        ("under_way", "copying", "locked", "old", "new", "torn", "changed", "problems"), 0
    )
    old, puts_s = {}, {}
    for name in NAMES:
        old[name], puts_s[name] = put_undisturbed(store, name)
    a = start_next(store, 0)
    for number in range(n_kills):
        name, new = NAMES[number % 2], a.hear()["checksum"]
        tally["under_way"] += kill_in_the_middle(a, puts_s[name])
        b.tell(f"look {name}")
        if number + 1 < n_kills:
            a = start_next(store, number + 1)  # it gets ready while B looks
        found = b.hear()
        seen = found["seen"]
        tally["copying"] += found["copying"]
        tally["locked"] += found["locked"]
        tally["changed"] += not found["intact"]
        tally["problems"] += len(found["problems"])
        tally["old" if seen == old[name] else "new" if seen == new else "torn"] += 1
        for problem in found["problems"]:
            print(f"    check(): {problem}")
        old[name] = seen  # what one has seen, all see from then on
        show_progress(number + 1, n_kills)
    return tally


def show_progress(number, n_kills):
    if sys.stdout.isatty():
        end = "\r" if number < n_kills else "\r\033[K"
        print(f"    {number} of {n_kills}", end=end, flush=True)


def demonstrate(folder, n_kills):
    store, pickle = folder / "store", folder / "flights.pickle"
    print(f"A store in shared memory, {store}. There is no server.\n")
    a_said = put_flights(store, pickle)
    b = Process("b", store, pickle)
    b_said = b.ask("recall")
    pickle.unlink()
    print_recalls(a_said, b_said)
    print_answer(b.ask("answer"))
    before = b.ask("memory")

    print(
        "B keeps its tables. A puts a new version of one of them, the same flights in another order, and\n"
        f"is killed in the middle of it: {n_kills} times, at random moments. Each time it is started again.\n"
    )
    tally = kill_again_and_again(store, b, n_kills)
    b.ask("put_back")
    after = b.ask("memory")
    print_kills(tally, n_kills, before, after)
    print(
        "The lock is held for microseconds, which few random kills hit. `./run test` kills writers at a\n"
        "sample of their instructions, `./run prove instructions` at every one.\n"
    )

    bad = [what for what in ("torn", "changed", "problems") if tally[what]]
    if a_said["checksum"] != b_said["checksum"]:
        bad.append("what B recalled is not what A put")
    if before != after:
        bad.append("memory was lost")
    if bad:
        print("Not as it should be: " + ", ".join(bad))
        return 1
    print("Nothing torn, nothing lost.\n")
    print(f"Try it: {os.path.relpath(sys.executable)}, and README.md has ten lines to type.")
    return 0


def clean_up(folder):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for process in list(Process.living):
        process.kill()
    shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(prog="./run demo", description=__doc__.partition(":")[0])
    parser.add_argument("--short", action="store_true", help=f"{N_KILLS_SHORT} kills, not {N_KILLS}")
    n_kills = N_KILLS_SHORT if parser.parse_args().short else N_KILLS
    free = shutil.disk_usage(MEMORY).free
    if free < NEEDED_BYTES:
        raise SystemExit(
            f"demo: {MEMORY} has {megabytes(free)} free, and this takes {megabytes(NEEDED_BYTES)}"
        )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: terminated"))
    folder = Path(tempfile.mkdtemp(prefix="brain-demo-", dir=MEMORY))
    try:
        return demonstrate(folder, n_kills)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    finally:
        clean_up(folder)


if __name__ == "__main__":
    sys.exit(main())
