"""Tables that are better not in memory: they go into the store as they are read."""

import itertools
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")

import pyarrow.parquet as pq

from brain_plasma import Brain, BrainFormatError, BrainFullError, BrainValueError, table_files, table_formats
from brain_plasma.mock import MockPlasmaClient
from table_cases import TYPED, everything, frame

MEGABYTE = 1_000_000

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def streamed(monkeypatch):
    """Every table is one that is better not in memory. Gives those that went that way."""
    monkeypatch.setattr(table_files, "_STREAMED_BYTES", 0)
    found = []
    make = table_files._Streamed
    monkeypatch.setattr(
        table_files, "_Streamed", lambda stream: (found.append(stream), make(stream))[1]
    )
    return found


@pytest.mark.parametrize("format", TYPED)
def test_a_table_in_pieces_goes_into_the_store_as_it_is_read(brain, tmp_path, format, streamed):
    chunks = [everything().slice(0, n) for n in (3, 1, 2, 3)]
    path = tmp_path / f"t.{format}"
    expected = pa.concat_tables(chunks * 10).unify_dictionaries()
    if format == "parquet":
        with pq.ParquetWriter(path, expected.schema) as writer:
            for piece in chunks * 10:
                writer.write_table(piece)
    else:
        with pa.ipc.new_file(path, expected.schema) as writer:
            writer.write_table(expected)
    result = brain.import_table(path, "u", description="in pieces")
    assert len(streamed) == 1
    assert (result.rows, result.columns) == (90, 20) and brain["u"].num_rows == 90
    assert repr(brain["u"].to_pydict()) == repr(expected.to_pydict())
    assert brain["u"].schema.equals(expected.schema) and brain.metadata("u")["description"] == "in pieces"
    assert brain.explain("u").type == "pyarrow.Table"


def test_a_stream_in_a_file(brain, tmp_path, streamed):
    with pa.ipc.new_stream(tmp_path / "t.arrow", pa.schema({"a": pa.int64()})) as writer:
        for start in range(5):
            writer.write_table(pa.table({"a": range(start, start + 3)}))
    assert brain.import_table(tmp_path / "t.arrow").rows == 15
    assert brain["t"]["a"].to_pylist()[-3:] == [4, 5, 6] and len(streamed) == 1
    data = (tmp_path / "t.arrow").read_bytes()
    (tmp_path / "t.arrow").write_bytes(data[:-100])
    with pytest.raises(BrainFormatError, match="ends too early"):
        brain.import_table(tmp_path / "t.arrow", "u")


def test_a_piece_that_is_damaged_leaves_the_name_as_it_was(brain, tmp_path, streamed):
    path = tmp_path / "t.parquet"
    numbers = np.random.default_rng(0).random(10_000)
    pq.write_table(pa.table({"a": numbers}), path, row_group_size=1000, compression="gzip")
    brain["u"] = "stays"
    data = bytearray(path.read_bytes())
    data[len(data) * 3 // 4 : len(data) * 3 // 4 + 100] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")
    assert brain["u"] == "stays"


@pytest.mark.parametrize("stop_at", [5, 15, 25])
@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_import_that_is_stopped_leaves_what_was_there(brain, tmp_path, streamed, monkeypatch, stop_at, error):
    """In the first pass over ten row groups, in the second, and never."""
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"a": np.arange(200_000)}), path, row_group_size=20_000)
    brain["u"] = "stays"
    used = brain.used()
    n_pieces = itertools.count(1)
    pieces = table_formats.Incoming.pieces

    def stopping(incoming):
        for piece in pieces(incoming):
            if next(n_pieces) == stop_at:
                raise error
            yield piece

    monkeypatch.setattr(table_formats.Incoming, "pieces", stopping)
    if stop_at == 25:
        brain.import_table(path, "u")
        assert next(n_pieces) == 21 and brain["u"].num_rows == 200_000
    else:
        with pytest.raises(error):
            brain.import_table(path, "u")
        assert brain["u"] == "stays" and brain.used() == used


def test_a_file_that_changes_meanwhile(brain, tmp_path, streamed, monkeypatch):
    """It has been measured by then."""
    path = tmp_path / "t.arrow"
    with pa.ipc.new_stream(path, pa.schema({"a": pa.int64()})) as writer:
        for _ in range(5):
            writer.write_table(pa.table({"a": range(3)}))
    others = iter([range(3), range(5)])
    brain["u"] = "stays"

    def read(file, columns):
        def pieces():
            return iter([pa.table({"a": list(next(others)) * 200_000})])

        return table_formats.Incoming(pa.schema({"a": pa.int64()}), 2, 100, pieces)

    monkeypatch.setattr(table_formats, "_read_arrow", read)
    with pytest.raises(BrainValueError, match="became larger while it was written"):
        brain.import_table(path, "u")
    others = iter([range(3), range(1)])
    with pytest.raises(BrainValueError, match="became smaller while it was written"):
        brain.import_table(path, "u")
    assert brain["u"] == "stays"


def test_a_full_store(brain, tmp_path, streamed):
    pq.write_table(pa.table({"a": np.zeros(10_000_000)}), tmp_path / "t.parquet")
    brain["t"] = "stays"
    for kind in ("arrow", "pandas"):
        with pytest.raises(BrainFullError):
            brain.import_table(tmp_path / "t.parquet", kind=kind)
    assert brain["t"] == "stays" and len(streamed) == 1


def test_the_memory_that_it_takes(new_path, tmp_path):
    """What a process has beside the store and files: 80 MB more of a table take no more."""
    code = """if True:
        import re, sys, numpy, pyarrow, pyarrow.parquet
        from brain_plasma import Brain, table_formats, table_values
        def private():
            return int(re.search(r"RssAnon:\\s*(\\d+)", open("/proc/self/status").read())[1]) * 1024
        seen = []
        def watched(cls):
            pieces = cls.pieces
            def watch(self, *arguments):
                for piece in pieces(self, *arguments):
                    seen.append(private())
                    yield piece
                    seen.append(private())
            cls.pieces = watch
        watched(table_formats.Incoming)
        watched(table_values.Columns)
        table_formats._PIECE_BYTES = 4 << 20
        store, path, format = sys.argv[1:]
        def both_ways(brain, n_rows):
            seen.clear()
            with brain.empty("a", n_rows) as array:
                array[...] = numpy.arange(n_rows)
            brain["t"] = {"a": brain["a"]}
            del array
            brain.export_table("t", f"{path}/t.{format}")
            out = max(seen)
            assert brain.import_table(f"{path}/t.{format}", "u").rows == n_rows
            assert brain["u"]["a"][-1].as_py() == n_rows - 1
            return out, max(seen)
        with Brain(store, capacity=700_000_000) as brain:
            small = both_ways(brain, 5_000_000)  # what pyarrow takes in any case
            large = both_ways(brain, 15_000_000)
            assert len(seen) > 60
            print(*(many - few for few, many in zip(small, large)))
    """
    for format in TYPED:
        store = new_path()
        try:
            command = [sys.executable, "-c", code, store, tmp_path, format]
            done = subprocess.run(command, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        finally:
            Brain(store).destroy()
        assert max(map(int, done.stdout.split())) < 50 * MEGABYTE, (format, done.stdout)


def test_a_class_that_sees_what_is_put_gets_the_table(path, tmp_path, streamed):
    class Watching(Brain):
        seen = []

        def learn(self, name, thing, *arguments, **options):
            self.seen.append(type(thing))
            super().learn(name, thing, *arguments, **options)

    pq.write_table(pa.table({"a": range(100)}), tmp_path / "t.parquet", row_group_size=10)
    with Watching(path, capacity=MEGABYTE) as brain:
        assert brain.import_table(tmp_path / "t.parquet").rows == 100 and brain["t"].num_rows == 100
    assert Watching.seen == [pa.Table] and streamed == []


def test_where_pickles_are_refused(new_path, tmp_path, streamed):
    with Brain(new_path(), capacity=MEGABYTE, pickle=False) as brain:
        brain["t"] = everything()
        brain.export_table("t", tmp_path / "t.parquet", row_group_size=1)
        brain.import_table(tmp_path / "t.parquet", "u")
        assert len(streamed) == 1 and repr(brain["u"].to_pydict()) == repr(brain["t"].to_pydict())


def test_over_a_client(tmp_path, streamed):
    brain = Brain(ClientClass=MockPlasmaClient)
    brain["t"] = frame(10).drop(columns="list")
    brain.export_table("t", tmp_path / "t.parquet", row_group_size=5)
    brain.import_table(tmp_path / "t.parquet", "u")
    pd.testing.assert_frame_equal(brain["u"], brain["t"])
    brain.import_table(tmp_path / "t.parquet", "u", kind="arrow")
    assert brain["u"].num_rows == 10
