"""How fast is this library, beside what people use today?

usage: ./run bench peers [--quick]

Each system of bench/systems has processes (bench/peer_worker.py) in an environment, which ./run makes. The
systems take turns. Prints a table; leaves build/results/peers.json, and peers.svg.
"""

import argparse
import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness import describe_machine, free_memory, median_ratio, new_folder, quantity

# The system, and the environment that it is in: build/bench-peers, or build/bench-peers-NAME.
SYSTEMS = {
    "brain": "",
    "limit": "",
    "plasma": "originals",
    "original": "originals",
    "redis": "",
    "lmdb": "",
    "lmdb_held": "",
    "ultradict": "ultradict",
    "manager": "",
    "diskcache": "",
    "numpy_file": "",
    "ray": "ray",
    "vineyard": "vineyard",
    "iceoryx2": "iceoryx2",
}
OURS = "brain"
ROOT = Path(__file__).resolve().parent.parent
BUILD, LOGS, RESULTS = ROOT / "build", ROOT / "build/logs", ROOT / "build/results"
PATIENCE_S = 180  # for one answer
END_PATIENCE_S = 20
LITTLE = 1_000_000_000  # capacity of a store of small things
KB, MB = 1000, 1_000_000
N_COLUMNS = 7


class Settings:
    n_turns, turn_ns, budget_s, fill_s = 40, 20_000_000, 6, 60
    beside_s, n_beside = 0.5, 6
    n_many, n_rows, n_spaces, n_names = 10_000_000, 1_000_000, 100, 1000
    n_more_rows, crowd, n_crowds = 10_000_000, 8, 3
    large, largest, n_large = 100 * MB, 1000 * MB, 5
    n_fresh, n_waits = 11, 50


class Quick(Settings):
    n_turns, turn_ns, budget_s, fill_s = 5, 5_000_000, 1, 8
    beside_s, n_beside = 0.2, 2
    n_many, n_rows, n_spaces, n_names = 200_000, 50_000, 10, 1000
    n_more_rows, crowd, n_crowds = 200_000, 2, 1
    large, largest, n_large = 10 * MB, 50 * MB, 3
    n_fresh, n_waits = 3, 8


class Failed(Exception):
    """The system cannot do it, or did not; why."""


class Worker:
    def __init__(self, system, folder):
        self.system, self.folder = system, folder
        with open(LOGS / f"peers-{system}.log", "ab") as log:
            self.process = subprocess.Popen(
                [python_of(system), Path(__file__).with_name("peer_worker.py"), system, folder],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, "TMPDIR": str(folder)},
                start_new_session=True,  # Ctrl-C is for this program, which ends them
            )

    def tell(self, do, **arguments):
        line = json.dumps({"do": do, **arguments}) + "\n"
        with contextlib.suppress(BrokenPipeError):  # it has ended: hear() says so
            self.process.stdin.write(line.encode())
            self.process.stdin.flush()

    def hear(self):
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE_S)
        if not ready:
            self.kill()
            raise Failed(f"no answer within {PATIENCE_S} s")
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"its process ended with {self.process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["is"]

    def ask(self, do, **arguments):
        self.tell(do, **arguments)
        return self.hear()

    def end(self):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(END_PATIENCE_S)
        self.kill()
        self.process.stdout.close()

    def kill(self):
        """With what it has started and not ended: it leads their process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def python_of(system):
    environment = SYSTEMS[system]
    if environment == "originals":
        return os.environ.get("BENCH_ORIGINALS", ROOT / ".venv-originals/bin/python")
    return BUILD / f"bench-peers{environment and '-'}{environment}/bin/python"


class Peer:
    """A system: what it says of itself, and while a stage runs its processes and why it is out."""

    def __init__(self, system):
        self.system = system
        self.about, self.workers, self.out = {"label": system, "cannot": {}, "notes": {}}, [], None
        self.missing = None
        if not os.access(python_of(system), os.X_OK):
            self.missing = "not installed: see what ./run said"
            return
        with new_folder() as folder, contextlib.closing(Ending([Worker(system, folder)])) as ending:
            try:
                self.about = ending.workers[0].ask("describe")
            except Failed as failed:
                self.missing = f"not installed: {failed}"

    def reason(self, key):
        """Why it has no figure for a question, as 'get_int' or, of one case, 'get_int:10000000'."""
        cannot = self.about["cannot"]
        return self.missing or cannot.get(key) or cannot.get(key.split(":")[0]) or self.out

    def note(self, key):
        return self.about["notes"].get(key.split(":")[0], "")

    def worker(self):
        """One more process that has attached."""
        worker = Worker(self.system, self.workers[0].folder)
        self.workers.append(worker)
        worker.ask("attach")
        return worker


class Ending:
    def __init__(self, workers):
        self.workers = workers

    def close(self):
        # The first has the server: the others go before.
        for worker in reversed(self.workers):
            worker.end()
        self.workers.clear()


@contextlib.contextmanager
def stage(peers, capacity=LITTLE):
    """A new store of each system, and one process on it."""
    with contextlib.ExitStack() as stack:
        for peer in peers:
            peer.out = None
            if peer.missing:
                continue
            folder = stack.enter_context(new_folder())
            stack.callback(remove_beside, folder)
            stack.enter_context(contextlib.closing(Ending(peer.workers)))
            worker = Worker(peer.system, folder)
            peer.workers.append(worker)
            with leaving_out(peer):
                worker.ask("serve", capacity=capacity)
                worker.ask("attach")
        yield


def remove_beside(folder):
    """What a system left on /dev/shm that has the folder's name in its own."""
    for path in folder.parent.glob(f"*{folder.name}*"):
        if path.is_file():
            path.unlink()


@contextlib.contextmanager
def leaving_out(peer):
    try:
        yield
    except Failed as failed:
        peer.out = str(failed)


# ---- rows ---------------------------------------------------------------------------------------


def row_of(peers, key, question, unit, values, failed=()):
    """values: those of each turn, by system. A ratio is the median of those of neighbours, and above 1
    where this library is the better one."""
    cells, failed = {}, dict(failed)
    ours = values.get(OURS)
    for peer in peers:
        found = values.get(peer.system)
        if not found:
            cells[peer.system] = {
                "reason": failed.get(peer.system) or peer.reason(key) or "not measured"
            }
            continue
        ordered = sorted(found)
        cell = {
            "value": statistics.median(found),
            "low": ordered[len(ordered) // 4],
            "high": ordered[-1 - len(ordered) // 4],
            "turns": len(found),
        }
        if ours and all(ours) and unit != "times":
            n = min(len(found), len(ours))
            pair = (ours[:n], found[:n]) if unit == "1/s" else (found[:n], ours[:n])
            cell["ratio"] = median_ratio(*pair)
        if peer.note(key):
            cell["note"] = peer.note(key)
        cells[peer.system] = cell
    print(f"bench: {question}", file=sys.stderr, flush=True)
    return {"key": key, "question": question, "unit": unit, "cells": cells}


def take_turns(peers, key, turn, n_turns, budget_s, prepare=None, at_least=3):
    """What turn(peer) gives, for each that can, in turns; one that is slow has fewer. Values by system, and
    why others have none."""
    values, failed, spent = {}, {}, {}
    for peer in peers:
        if peer.reason(key):
            continue
        try:
            if prepare is not None:
                prepare(peer)
            values[peer.system], spent[peer.system] = [], 0
        except Failed as error:
            failed[peer.system] = str(error)
    for number in range(n_turns):
        for peer in peers:
            system = peer.system
            if system not in values or system in failed:
                continue
            if number >= at_least and spent[system] > budget_s:
                continue
            began = time.monotonic()
            try:
                values[system].append(turn(peer))
            except Failed as error:
                failed[system] = str(error)
                values[system] = []
            spent[system] += time.monotonic() - began
    return values, failed


def fill(peers, settings, kind, size, n, **arguments):
    for peer in peers:
        if not peer.missing and not peer.out:
            with leaving_out(peer):
                peer.workers[0].ask(
                    "fill", kind=kind, size=size, n=n, limit_s=settings.fill_s, **arguments
                )


def timed(peers, settings, key, question, statement, n_turns=None, **arguments):
    values, failed = take_turns(
        peers,
        key,
        lambda peer: peer.workers[0].ask("turn"),
        n_turns or settings.n_turns,
        settings.budget_s,
        lambda peer: peer.workers[0].ask(
            "prepare", statement=statement, turn_ns=settings.turn_ns, **arguments
        ),
    )
    return row_of(peers, key, question, "ns", values, failed)


# ---- questions ----------------------------------------------------------------------------------


def ints(peers, settings):
    for n in 1, 10_000:
        how_many = "one name" if n == 1 else f"{n:,} names at random"
        with stage(peers):
            fill(peers, settings, "int", 0, n)
            yield timed(peers, settings, f"get_int:{n}", f"get an int, {how_many}", "GET", n=n)
            yield timed(peers, settings, f"set_int:{n}", f"set an int, {how_many}", "PUT", n=n)


def many_ints(peers, settings):
    # Some 150 bytes in each of those that are filled in time.
    n = min(settings.n_many, int(free_memory() * 0.75) // 1500)
    with stage(peers, capacity=max(LITTLE, 400 * n)):
        fill(peers, settings, "int", 0, n)
        yield timed(
            peers,
            settings,
            "get_int:many",
            f"get an int, {n:,} names at random",
            "GET",
            n=n,
        )


def fitting(size, peers, copies):
    """The size, or less where so many copies of it for each system do not fit into free memory."""
    return min(size, int(free_memory() * 0.9 / (copies * len(peers) + 4)) // 8000 * 8000)


def arrays(peers, settings):
    for wanted, n in (KB, 1000), (MB, 100), (settings.large, 2), (settings.largest, 1):
        size = fitting(wanted, peers, 1.6 * n)
        with stage(peers, capacity=max(LITTLE, int(1.5 * size * n) + LITTLE // 4)):
            fill(peers, settings, "array", size, n)
            question = f"get an array of {quantity(size, 'bytes')}"
            key = f"get_array:{wanted}"
            yield timed(peers, settings, key, question, "GET_ARRAY", n=n)
            if wanted == settings.largest:
                yield from memory(peers, settings, size)


def memory(peers, settings, size):
    """In the stage of the largest array."""
    found, failed = take_turns(
        peers, "memory", lambda peer: fresh(peer, "memory"), 3, settings.budget_s, at_least=2
    )
    names = {"Rss": "RSS", "Pss": "PSS", "Anonymous": "memory of its own"}
    for name, called in names.items():
        values = {system: [max(0, one[name]) for one in each] for system, each in found.items()}
        question = f"a reader of {quantity(size, 'bytes')}: {called}"
        yield row_of(peers, "memory", question, "bytes", values, failed)


def fresh(peer, question):
    """What a process says that is there for this one question."""
    worker = Worker(peer.system, peer.workers[0].folder)
    try:
        worker.ask("describe")  # it has imported all that it needs
        return worker.ask(question)
    finally:
        worker.end()


def puts(peers, settings):
    with stage(peers):
        fill(peers, settings, "array", MB, 1)
        question = "put an array of 1 MB, replacing"
        yield timed(peers, settings, "put_array", question, "PUT_ARRAY", kind="array", size=MB)
    n = settings.n_large
    size = fitting(settings.large, peers, n + 1)
    with stage(peers, capacity=max(LITTLE, int(1.3 * n * size))):
        yield timed(
            peers,
            settings,
            "put_fresh",
            f"put an array of {quantity(size, 'bytes')}, fresh",
            "PUT_FRESH",
            kind="array",
            size=size,
            n=n,
            word="fresh",
            once=True,
            n_turns=n,
        )


def tables(peers, settings):
    more_rows = fitting(16 * settings.n_more_rows, peers, 3) // 16
    for rows, kind, what in (
        (settings.n_rows, "table", "rows with strings"),
        (more_rows, "numbers", "rows of numbers"),
    ):
        with stage(peers, capacity=max(LITTLE, 400 * settings.n_rows, 40 * more_rows)):
            fill(peers, settings, kind, rows, 1)
            of = f"a pandas table of {rows:,} {what}"
            yield timed(peers, settings, f"get_table:{kind}", f"get {of}", "GET_TABLE")
            put = {"statement": "PUT_TABLE", "kind": kind, "size": rows}
            yield timed(peers, settings, f"put_table:{kind}", f"put {of}", **put)


def beside(peers, settings):
    """Gets of a small value, while another process replaces 1 MB in a loop, and while it does not."""
    quiet = {}

    def prepare(peer):
        with_second(peer)
        quiet[peer.system] = []

    def turn(peer):
        reader, writer = peer.workers[:2]
        quiet[peer.system].append(reader.ask("latencies", seconds=settings.beside_s))
        writer.tell("rate", kind="array", size=MB, name="large 0", seconds=settings.beside_s + 0.2)
        time.sleep(0.1)
        disturbed = reader.ask("latencies", seconds=settings.beside_s)
        writer.hear()
        return disturbed

    with stage(peers):
        fill(peers, settings, "int", 0, 1)
        fill(peers, settings, "array", MB, 1, word="large")
        busy, failed = take_turns(peers, "beside", turn, settings.n_beside, settings.budget_s, prepare)
    for found, how in (quiet, "undisturbed"), (busy, "beside a writer of 1 MB"):
        for quantile in "p50", "p99", "p99.9", "worst":
            values = {
                system: [one[quantile] for one in found.get(system, [])]
                for system in busy
                if system not in failed
            }
            if quantile == "worst":
                values = {system: [max(each)] for system, each in values.items() if each}
            yield row_of(peers, "beside", f"get an int {how}: {quantile}", "ns", values, failed)


def with_second(peer):
    if len(peer.workers) < 2:
        peer.worker()


def writers(peers, settings):
    """Puts of small values a second, by one process, and by two to different names."""
    alone = {peer.system: [] for peer in peers}

    def turn(peer):
        one, other = peer.workers[:2]
        arguments = {"kind": "int", "size": 0, "seconds": settings.beside_s}
        alone[peer.system].append(one.ask("rate", name="name 0", **arguments))
        one.tell("rate", name="name 0", **arguments)
        other.tell("rate", name="name 1", **arguments)
        return one.hear() + other.hear()

    with stage(peers):
        fill(peers, settings, "int", 0, 2)
        both, failed = take_turns(
            peers, "writers", turn, settings.n_beside, settings.budget_s, with_second
        )
    alone = {system: alone[system] for system, values in both.items() if values}
    ratios = {
        system: [two / one for two, one in zip(both[system], ones, strict=True)]
        for system, ones in alone.items()
    }
    yield row_of(peers, "writers", "ints set a second, one writer", "1/s", alone, failed)
    yield row_of(peers, "writers", "ints set a second, two writers", "1/s", both, failed)
    yield row_of(peers, "writers", "two writers: their rate by that of one", "times", ratios, failed)


def crowds(peers, settings):
    """Gets a second of 1, 2, 4, 8 processes beside one that puts, and puts a second of 8; ints, under a
    name for each writer. So many of one system at a time: those of all would not fit into memory."""
    questions = [("beside", "GET", n) for n in (1, 2, 4, 8) if n <= settings.crowd]
    questions.append(("writers", "PUT", settings.crowd))
    found, failed = {question: {} for question in questions}, {}
    for peer in peers:
        if peer.missing:
            continue
        with stage([peer]), leaving_out(peer):
            fill([peer], settings, "int", 0, settings.crowd + 1)
            for question in questions:
                if not peer.reason(question[0]):
                    rates = [crowd_rate(peer, settings, *question[1:]) for _ in range(settings.n_crowds)]
                    found[question][peer.system] = rates
        if peer.out:
            failed[peer.system] = peer.out
    for key, does, n in questions:
        how = f"ints got a second, {n} reader{'s' * (n > 1)} beside a writer"
        how = how if does == "GET" else f"ints set a second, {n} writers"
        yield row_of(peers, f"{key}:{n}", how, "1/s", found[key, does, n], failed)


def crowd_rate(peer, settings, does, n):
    """The sum of n processes; with gets, the first process puts meanwhile, and is none of them."""
    while len(peer.workers) < n + 1:
        peer.worker()
    writer, others = peer.workers[0], peer.workers[1 : n + 1]
    arguments = {"kind": "int", "size": 0, "seconds": settings.beside_s}
    if does == "GET":
        # As in beside(): before them, and for longer.
        writer.tell("rate", **arguments | {"name": "name 0", "seconds": settings.beside_s + 0.2})
        time.sleep(0.1)
    for number, worker in enumerate(others, 1):
        worker.tell("rate", name="name 1" if does == "GET" else f"name {number}", does=does, **arguments)
    rate = sum(worker.hear() for worker in others)
    if does == "GET":
        writer.hear()
    return rate


def spaces(peers, settings):
    n_spaces, n_names = settings.n_spaces, settings.n_names
    size = {"n_spaces": n_spaces, "n_names": n_names, "limit_s": settings.fill_s}
    with stage(peers):
        for peer in peers:
            if not peer.reason("names"):
                with leaving_out(peer):
                    peer.workers[0].ask("fill_spaces", **size)
        among = f"of {n_names:,} names among {n_spaces * n_names:,}"
        # Only so many turns that there are namespaces left to remove.
        n_turns = min(n_spaces // 2, settings.n_turns)
        arguments = {"n": n_spaces, "word": "space", "once": True, "n_turns": n_turns}
        yield timed(peers, settings, "names", f"list a namespace {among}", "NAMES", **arguments)
        yield timed(peers, settings, "remove", f"remove a namespace {among}", "REMOVE", **arguments)


def opening(peers, settings):
    with stage(peers):
        fill(peers, settings, "int", 0, 1)
        values, failed = take_turns(
            peers,
            "attach",
            lambda peer: fresh(peer, "first_get"),
            settings.n_fresh,
            settings.budget_s,
        )
        yield row_of(peers, "attach", "open a store that is there, get an int", "ns", values, failed)
        values, failed = take_turns(peers, "import", import_ns, settings.n_fresh, settings.budget_s)
        yield row_of(peers, "import", "import the client", "ns", values, failed)


def import_ns(peer):
    statement = peer.about["import"]
    clock = "time.perf_counter_ns()"
    program = f"import time; began = {clock}; {statement}; print({clock} - began)"
    done = subprocess.run([python_of(peer.system), "-Pc", program], stdout=subprocess.PIPE, check=True)
    return int(done.stdout.split()[-1])


def waits(peers, settings):
    """From just before the put to when the other process, which waits or polls, knows of it."""
    numbers = iter(range(1, 1_000_000))

    def turn(peer, polls):
        writer, waiter = peer.workers[:2]
        waiter.ask("watch", polls=polls)
        waiter.tell("seen")
        time.sleep(0.02)  # it is asleep then
        began = writer.ask("change", number=next(numbers))
        return waiter.hear() - began

    with stage(peers):
        fill(peers, settings, "int", 0, 1)
        for key, question in (
            ("wait", "a change is seen by a process that waits"),
            ("poll", "a change is seen by a process that polls"),
        ):
            polls, n, budget_s = key == "poll", settings.n_waits, settings.budget_s
            values, failed = take_turns(
                peers, key, lambda peer, polls=polls: turn(peer, polls), n, budget_s, with_second
            )
            yield row_of(peers, key, question, "ns", values, failed)


QUESTIONS = [ints, many_ints, arrays, puts, tables, beside, writers, crowds, spaces, opening, waits]


# ---- what is printed ----------------------------------------------------------------------------


def told(value, unit):
    return f"{value:.2f}" if unit == "times" else quantity(value, unit)


def told_ratio(ratio):
    for factor, name in (1e6, "M"), (1e3, "k"):
        if ratio >= factor:
            return f"x{ratio / factor:.3g}{name}"
    return f"x{ratio:.3g}"


def print_table(rows, peers):
    """So many systems at once, this library beside each lot."""
    footnotes = {}
    ours = [peer for peer in peers if peer.system == OURS]
    others = [peer for peer in peers if peer.system != OURS]
    for begin in range(0, max(1, len(others)), N_COLUMNS):
        print_columns(rows, ours + others[begin : begin + N_COLUMNS], footnotes)
    print("Below a figure: how many times as long, as much memory, or as low a rate, as this library.")
    for text, number in footnotes.items():
        print(f"[{number}] {text}")


def print_columns(rows, peers, footnotes):
    def mark(text):
        return f"[{footnotes.setdefault(text, len(footnotes) + 1)}]"

    width, first = 14, 54
    print(" " * first + "".join(f"{peer.about['label']:>{width}}" for peer in peers))
    for row in rows:
        values, ratios = f"{row['question']:<{first}}", " " * first
        for peer in peers:
            cell = row["cells"][peer.system]
            value = (
                f"- {mark(cell['reason'])}" if "reason" in cell else told(cell["value"], row["unit"])
            )
            ratio = told_ratio(cell["ratio"]) if "ratio" in cell and peer.system != OURS else ""
            note = mark(cell["note"]) if "note" in cell else ""
            values += f"{value:>{width}}"
            ratios += f"{f'{note} {ratio}'.strip():>{width}}"
        print(values.rstrip())
        if ratios.strip():
            print(ratios.rstrip())
    print()


def draw(rows, peers, file):
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    shown = [row for row in rows if any("value" in cell for cell in row["cells"].values())]
    figure, axes = pyplot.subplots(figsize=(13, 0.42 * len(shown) + 1.5))
    for place, peer in enumerate(peers):
        at, values = [], []
        for number, row in enumerate(shown):
            cell = row["cells"][peer.system]
            if cell.get("ratio", 0) > 0:
                at.append(number)
                values.append(cell["ratio"])
        style = (
            {"marker": "*", "s": 90} if peer.system == OURS else {"marker": "osD^v"[place % 5], "s": 28}
        )
        color = pyplot.get_cmap("tab20")(place % 20)
        axes.scatter(values, at, label=peer.about["label"], color=color, **style)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [row["question"] for row in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(axis="both", alpha=0.3)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("how many times as long as this library; as much memory; as low a rate")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(file, bbox_inches="tight")


def main():
    parser = argparse.ArgumentParser(prog="./run bench peers")
    parser.add_argument("--quick", action="store_true", help="a short run, to try things")
    parser.add_argument("--only", nargs="*", help="of these systems, brain always among them")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("peers: terminated"))  # and all is cleaned up
    settings = Quick if arguments.quick else Settings
    LOGS.mkdir(parents=True, exist_ok=True)
    RESULTS.mkdir(parents=True, exist_ok=True)
    names = [name for name in SYSTEMS if not arguments.only or name in (OURS, *arguments.only)]
    machine = describe_machine()
    peers = [Peer(name) for name in names]
    rows = [row for question in QUESTIONS for row in question(peers, settings)]
    found = {
        "machine": machine,
        "quick": arguments.quick,
        "systems": {peer.system: {**peer.about, "missing": peer.missing} for peer in peers},
        "rows": rows,
    }
    (RESULTS / "peers.json").write_text(json.dumps(found, indent=1) + "\n")
    draw(rows, peers, RESULTS / "peers.svg")
    print(f"{machine}\n")
    print_table(rows, peers)


if __name__ == "__main__":
    main()
