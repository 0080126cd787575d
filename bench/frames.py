"""What do tables cost: recall, put, and the memory of who recalls one?

usage: frames.py                   the figures
       frames.py STORE WHAT        what a fresh process measures, as JSON
"""

import gc
import json
import pickle
import statistics
import sys
import time

from harness import Row, alternate, free_memory, in_fresh_process, median_ratio, new_brain, report

REACH_RECALL_NS = {"pandas": 100e3, "pyarrow": 30e3, "polars": 150e3}
REACH_SIZE, REACH_PUT, REACH_PRIVATE_BYTES = 1.5, 1.5, 2e6
N_ROWS, N_MANY_ROWS = 1_000_000, 10_000_000
N_RECALLS, N_PUTS = 300, 15
GIGABYTE = 1_000_000_000

clock = time.perf_counter_ns


# ---- tables -------------------------------------------------------------------------------------


def pandas_frame(n_rows):
    """3 float64, 2 int64, datetime64, str, category."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(1)
    codes = random.integers(0, 4, n_rows, dtype="i1")
    return pd.DataFrame(
        {
            "price": random.random(n_rows),
            "weight": random.random(n_rows),
            "share": random.random(n_rows),
            "count": random.integers(0, 1000, n_rows),
            "id": np.arange(n_rows),
            "time": pd.date_range("2020-01-01", periods=n_rows, freq="s"),
            "carrier": pd.array(np.array(["AA", "United", "Delta", "B6"])[codes], dtype=string_dtype()),
            "class": pd.Categorical.from_codes(codes, ["first", "second", "third", "none"]),
        }
    )


def string_dtype():
    import pandas as pd

    return "str" if int(pd.__version__.partition(".")[0]) >= 3 else "string[pyarrow]"


def arrow_table(n_rows):
    import pyarrow as pa

    return pa.Table.from_pandas(pandas_frame(n_rows).drop(columns="class"), preserve_index=False)


def polars_frame(n_rows):
    import polars as pl

    return pl.from_pandas(pandas_frame(n_rows).drop(columns="class"))


TABLES = {"pandas": pandas_frame, "pyarrow": arrow_table, "polars": polars_frame}
NAMES = {"pandas": "a pandas frame", "pyarrow": "a pyarrow table", "polars": "a Polars frame"}


# ---- recall -------------------------------------------------------------------------------------


def recall_ns(brain, name):
    times = []
    for _ in range(N_RECALLS):
        began = clock()
        table = brain[name]
        times.append(clock() - began)
        del table
    return statistics.median(times)


def recalls():
    for kind, make in TABLES.items():
        few, many = make(N_ROWS), make(N_MANY_ROWS)
        with new_brain(capacity=2 * GIGABYTE) as brain:
            brain["few"], brain["many"] = few, many
            pickled_ns = pickle_ns(few)
            del few, many
            found = in_fresh_process(__file__, brain.path, "recall")
        yield Row(
            f"recall {NAMES[kind]} of 1 million rows",
            found["few_ns"],
            "ns",
            REACH_RECALL_NS[kind],
            note=f"pickle.loads with its buffers beside: {pickled_ns / 1e3:.0f} us",
        )
        yield Row(
            f"the same of 10 million rows, beside 1 million ({kind})",
            found["many_ns"],
            "ns",
            REACH_SIZE,
            base=found["few_ns"],
            ratio=found["many_ns"] / found["few_ns"],
            base_name="1 million",
        )


def pickle_ns(table):
    buffers = []
    stream = pickle.dumps(table, protocol=5, buffer_callback=buffers.append)
    times = []
    for _ in range(15):
        began = clock()
        pickle.loads(stream, buffers=buffers)
        times.append(clock() - began)
    return statistics.median(times)


# ---- put ----------------------------------------------------------------------------------------


def put():
    import numpy as np

    frame = pandas_frame(N_ROWS)
    with new_brain() as brain:
        brain["x"] = frame
        n_bytes = brain.used()
        source, target = np.ones(n_bytes, "u1"), np.ones(n_bytes, "u1")
        for _ in range(5):
            brain["x"] = frame

        def copy():
            began = clock()
            np.copyto(target, source)
            return clock() - began

        def store():
            began = clock()
            brain["x"] = frame
            return clock() - began

        copies, puts = alternate(copy, store, n_blocks=N_PUTS)
    return Row(
        "put a pandas frame of 1 million rows",
        statistics.median(puts),
        "ns",
        REACH_PUT,
        base=statistics.median(copies),
        ratio=median_ratio(puts, copies),
        base_name="copyto",
        note=f"{n_bytes / 1e6:.0f} MB",
    )


# ---- memory -------------------------------------------------------------------------------------


def memory():
    question = "private memory for recalling 1 GB and walking it once"
    if free_memory() < 3.5 * GIGABYTE:
        yield Row(question, None, "bytes", REACH_PRIVATE_BYTES, note="there is no room for 3.5 GB")
        return
    import numpy as np

    values = {
        "array": lambda: np.ones(GIGABYTE // 8),
        "pandas": lambda: pandas_frame(15_000_000),
        "pyarrow": lambda: arrow_table(15_000_000),
        "polars": lambda: polars_frame(14_000_000),
    }
    for kind, make in values.items():
        with new_brain(capacity=2 * GIGABYTE) as brain:
            brain["x"] = make()
            n_bytes = brain.used()
            gc.collect()
            found = in_fresh_process(__file__, brain.path, "walk")
        yield Row(
            f"{question}: {NAMES.get(kind, 'a NumPy array')}",
            found["grown_bytes"],
            "bytes",
            REACH_PRIVATE_BYTES,
            note=f"{n_bytes / 1e9:.2f} GB",
        )


def private_bytes():
    """What nobody else can have: a page of the store that only this process maps is not counted."""
    with open("/proc/self/smaps_rollup") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


def walk(value):
    """Read each byte of a value once."""
    kind = type(value).__module__.partition(".")[0]
    if kind == "numpy":
        float(value.sum())
    elif kind == "pandas":
        for name in value.columns:
            column = value[name].array
            walk_arrow(column) if hasattr(column, "_pa_array") else walk_array(column)
    else:
        walk_table(value if kind == "pyarrow" else value.to_arrow(compat_level=newest()))


def newest():
    import polars as pl

    return pl.CompatLevel.newest()


def walk_array(column):
    import numpy as np

    codes = getattr(column, "codes", None)
    array = np.asarray(column if codes is None else codes)
    int(array.view("u1").max())


def walk_arrow(column):
    for chunk in column._pa_array.chunks:
        walk_buffers(chunk)


def walk_table(table):
    for column in table.columns:
        for chunk in column.chunks:
            walk_buffers(chunk)


def walk_buffers(chunk):
    import numpy as np

    for buffer in chunk.buffers():
        if buffer is not None and buffer.size > 0:
            int(np.frombuffer(buffer, "u1").max())


def measure(path, what):
    from brain_plasma import Brain

    with Brain(path, create=False) as brain:
        if what == "recall":
            found = {"few_ns": recall_ns(brain, "few"), "many_ns": recall_ns(brain, "many")}
        else:
            kind = type(brain["x"])  # whatever it imports is imported
            small = kind.__name__
            walk_nothing(kind)
            gc.collect()
            before = private_bytes()
            value = brain["x"]
            walk(value)
            found = {"grown_bytes": private_bytes() - before, "kind": small}
    print(json.dumps(found))


def walk_nothing(kind):
    """What walking imports and allocates once, on a small value."""
    package = kind.__module__.partition(".")[0]
    walk(TABLES[package](1000) if package in TABLES else __import__("numpy").ones(1000))


def rows():
    yield from recalls()
    yield put()
    yield from memory()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1], sys.argv[2])
    else:
        report(rows())
