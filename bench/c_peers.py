"""What do gets and puts of 8 bytes cost from C, beside LMDB's from C and iceoryx2's from Rust? See c_peers.c."""

import contextlib
import functools
import itertools
import json
import statistics
import subprocess
from pathlib import Path

from harness import N_BLOCKS, Row, alternate, c_program, median_ratio, new_folder, report

N_NAMES = 10_000
N_TURNS = 60  # of all names
REACH = 1

C = c_program("c_peers")
RUST = Path("build/bench-iceoryx2-rust/release/c_peers_iceoryx2")

OURS = {
    "get_hinted": "get 8 bytes, {}, hint",
    "get_unhinted": "get 8 bytes, {}, no hint",
    "put_hinted": "put 8 bytes, {}, hint",
}
# By what they are compared with: the calls that do the same.
PEERS = {
    "LMDB": {"get": "lmdb_get", "put": "lmdb_put"},
    "LMDB, held": {"get": "lmdb_get_held"},
    "iceoryx2": {"get": "iceoryx2_get", "put": "iceoryx2_put"},
}
LOOK_UP = "iceoryx2_look_up"
WAYS = {
    "lmdb_get": "mdb_txn_renew(), mdb_get(), mdb_txn_reset()",
    "lmdb_get_held": "mdb_get(), which sees nothing that was put since the transaction began",
    "lmdb_put": "mdb_txn_begin(), mdb_put(), mdb_txn_commit()",
    "iceoryx2_get": "by a handle of an entry that was made with the blackboard; the get stores to its line",
    "iceoryx2_put": "by a handle of an entry of a fixed size; a blackboard has one writer, and so no lock",
}
NO_LMDB = "liblmdb-dev is not installed"
NO_ICEORYX2 = "the program of bench/iceoryx2 is not built: it takes cargo"


@contextlib.contextmanager
def running(*command):
    """A program that takes turns: a function of a call that returns its ns in each block."""
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def turn(call):
            print(call, file=process.stdin, flush=True)
            return json.loads(process.stdout.readline())

        yield turn
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, command)


def remove_beside(folder):
    """What iceoryx2 leaves on /dev/shm, also where it ends as it should: its files there have the folder's
    name in their own."""
    for path in Path("/dev/shm").glob(f"*{folder.name}*"):
        if path.is_file():
            path.unlink()


def measure(n_names, n_asked, n_turns):
    """The ns of each call in each block, by call. All have equally many, and the same number is a neighbour."""
    with new_folder() as folder, contextlib.ExitStack() as stack:
        in_c = stack.enter_context(running(C, folder, n_names, n_asked))
        turns = {call: functools.partial(in_c, call) for call in OURS}
        turns |= {call: functools.partial(in_c, call) for call in WAYS if call.startswith("lmdb")}
        in_rust = None
        if RUST.exists() and n_asked == n_names:  # a handle is the same, however many there are
            stack.callback(remove_beside, folder)
            in_rust = stack.enter_context(running(RUST, folder, n_names))
            turns |= {call: functools.partial(in_rust, call) for call in PEERS["iceoryx2"].values()}
        results = alternate(*turns.values(), n_blocks=n_turns)
        ns = {
            call: list(itertools.chain(*blocks))
            for call, blocks in zip(turns, results, strict=True)
        }
        if in_rust is not None:
            # Among thousands of names it takes longer than all the rest: a few turns, on their own.
            ns[LOOK_UP] = list(itertools.chain(*(in_rust(LOOK_UP) for _ in range(5))))
        return ns


def note_of(call, ours, ns, of_many):
    note = WAYS[call]
    if call == "iceoryx2_get" and ours == "get_unhinted":
        note = f"where each get looks its key up, a number: {statistics.median(ns[LOOK_UP]):.0f} ns"
    elif call in of_many:
        medians = statistics.median(of_many[ours]), statistics.median(of_many[call])
        note += "; in a store of {:,} names: {:.0f} ns, LMDB {:.0f} ns".format(N_NAMES, *medians)
    return note


def rows_of(names, ns, of_many):
    for (ours, question), (peer, calls) in itertools.product(OURS.items(), PEERS.items()):
        call = calls.get(ours.partition("_")[0])
        if call is None:
            continue
        question = f"C: {question.format(names)}: {peer}"
        if call not in ns:
            missing = NO_ICEORYX2 if C.exists() else NO_LMDB
            yield Row(question, None, "ns", REACH, base_name=peer, note=missing)
            continue
        yield Row(
            question,
            statistics.median(ns[ours]),
            "ns",
            REACH,
            base=statistics.median(ns[call]),
            ratio=median_ratio(ns[ours], ns[call]),
            base_name=peer,
            note=note_of(call, ours, ns, of_many),
        )


def rows():
    one, of_many, many = {}, {}, {}
    if C.exists():
        one = measure(1, 1, N_BLOCKS)
        of_many = measure(N_NAMES, 1, N_BLOCKS)
        many = measure(N_NAMES, N_NAMES, N_TURNS)
    yield from rows_of("one name", one, of_many)
    yield from rows_of(f"{N_NAMES:,} names", many, {})


if __name__ == "__main__":
    report(rows())
