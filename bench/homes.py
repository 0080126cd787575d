"""What does it cost that values outlive a reboot: a put that does not wait for that, and a sync, beside SQLite's own?"""

import sqlite3
import statistics
import time

from harness import Row, median_ratio, net_ns, new_folder, on_disk, report

N_SYNCED, N_NAMES, N_RUNS = 10_000, 10_000, 9
REACH_PUT, REACH_SYNC = 1.5, 1.5


def seconds(function, *arguments):
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def put_row(folder, disk):
    """Puts into a store with a home, which nobody waits for, beside one without."""
    from brain_plasma import Brain

    values = {f"name {i}": i for i in range(N_NAMES)}
    with Brain(folder / "kept", durable=disk / "kept") as kept, Brain(folder / "plain") as plain:
        for brain in (kept, plain):
            brain.update(values)
        kept.sync()
        with_home, without = net_ns(list(values), ("d[k] = 7", kept), ("d[k] = 7", plain))
    yield Row("put an int under durable, 10,000 names", statistics.median(with_home), "ns", REACH_PUT,
              statistics.median(without), median_ratio(with_home, without), "without a home")


def sync_row(folder, disk):
    """10,000 small puts and a sync, beside SQLite's own transaction of as many rows."""
    from brain_plasma import Brain

    syncs, transactions = [], []
    with Brain(folder / "synced", durable=disk / "home") as brain:
        base = sqlite3.connect(disk / "base.sqlite", isolation_level=None)
        base.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                           "CREATE TABLE value(name BLOB PRIMARY KEY, data BLOB) WITHOUT ROWID;")

        def put_and_sync(i):
            brain.set_many({f"name {n}": n + i for n in range(N_SYNCED)})
            brain.sync()

        def transact(i):
            base.execute("BEGIN")
            base.executemany("REPLACE INTO value VALUES(?, ?)",
                             ((b"name %d" % n, (n + i).to_bytes(8, "little")) for n in range(N_SYNCED)))
            base.execute("COMMIT")

        for i in range(N_RUNS):
            syncs.append(seconds(put_and_sync, i))
            transactions.append(seconds(transact, i))
        base.close()
    yield Row("10,000 small puts and a sync", statistics.median(syncs), "s", REACH_SYNC,
              statistics.median(transactions), median_ratio(syncs, transactions), "SQLite")


def rows():
    with on_disk() as disk, new_folder() as folder:
        yield from put_row(folder, disk)
        yield from sync_row(folder, disk)


if __name__ == "__main__":
    report(rows())
