"""The files of tables: how one is made and replaced, what stays where that fails, and files that are none."""

import contextlib
import errno
import gc
import os
import resource
import signal
import stat
import subprocess
import sys
import threading

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow")
pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

import pyarrow.parquet as pq

from brain_plasma import (
    BrainFileNotFoundError,
    BrainFormatError,
    BrainFullError,
    BrainPermissionError,
    BrainValueError,
    table_formats,
    table_values,
    whole_files,
)
from table_cases import ALL, TYPED, everything, left_in

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

# ---- the file -----------------------------------------------------------------------------------


@pytest.fixture(params=["without a name", "with a name"])
def way(request, monkeypatch):
    """Both ways to make a file: not all file systems have those without a name."""
    if request.param == "with a name":
        monkeypatch.setattr(os, "O_TMPFILE", os.O_DIRECTORY | os.O_CREAT)  # which is refused
    return request.param


@pytest.fixture
def filled(brain):
    brain["t"] = pa.table({"a": range(1000)})
    return brain


def test_the_mode_is_what_the_umask_leaves(filled, tmp_path, way):
    for mask in (0o022, 0o077):
        before = os.umask(mask)
        try:
            filled.export_table("t", tmp_path / f"{mask}.parquet")
        finally:
            os.umask(before)
        assert stat.S_IMODE((tmp_path / f"{mask}.parquet").stat().st_mode) == 0o666 & ~mask
    assert left_in(tmp_path) == ["18.parquet", "63.parquet"]


def test_what_was_there_is_replaced_in_one_step(filled, tmp_path, way, monkeypatch):
    path = tmp_path / "t.parquet"
    path.write_text("before")
    replaced = path.open()
    seen = []
    rename = os.rename

    def look(*arguments, **options):
        seen.append(path.read_text())
        rename(*arguments, **options)

    monkeypatch.setattr(os, "rename", look)
    filled.export_table("t", path)
    assert seen == ["before"] and replaced.read() == "before" and pq.read_table(path).num_rows == 1000
    assert left_in(tmp_path) == ["t.parquet"]
    replaced.close()


def test_it_is_on_the_disk_before_it_has_its_name(filled, tmp_path, way, monkeypatch):
    steps = []
    for name in ("fsync", "rename"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, call=call, name=name, **o: (steps.append(name), call(*a, **o))[1])
    filled.export_table("t", tmp_path / "t.csv")
    assert steps == ["fsync", "rename", "fsync"]


def test_a_link_is_followed(filled, tmp_path, way):
    (tmp_path / "far").mkdir()
    (tmp_path / "far/t.parquet").write_text("before")
    (tmp_path / "link.parquet").symlink_to("far/t.parquet")
    filled.export_table("t", tmp_path / "link.parquet")
    assert (tmp_path / "link.parquet").is_symlink() and pq.read_table(tmp_path / "far/t.parquet").num_rows == 1000
    assert filled.import_table(tmp_path / "link.parquet").rows == 1000
    (tmp_path / "nowhere.csv").symlink_to("no/such")
    with pytest.raises(BrainFileNotFoundError, match="nowhere.csv"):
        filled.export_table("t", tmp_path / "nowhere.csv")


def test_a_relative_path(filled, tmp_path, monkeypatch, way):
    monkeypatch.chdir(tmp_path)
    filled.export_table("t", "t.csv")
    assert filled.import_table("t.csv", "u").rows == 1000


def test_a_path_that_is_no_utf_8(filled, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.parquet"
    filled.export_table("t", os.fsdecode(path))
    assert os.path.exists(path) and filled.import_table(os.fsdecode(path), "u").rows == 1000


def test_paths_where_no_file_can_be(filled, tmp_path):
    (tmp_path / "d.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for call in (lambda path: filled.export_table("t", path), filled.import_table):
        with pytest.raises(BrainValueError, match="d.csv is a directory"):
            call(tmp_path / "d.csv")
        with pytest.raises(BrainValueError, match="pipe.csv is no regular file"):
            call(tmp_path / "pipe.csv")
        with pytest.raises(BrainFileNotFoundError, match="No such file") as caught:
            call(tmp_path / "no" / "t.csv")
        assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(BrainValueError, match="names no file"):
        filled.export_table("t", f"{tmp_path}/no/", format="csv")
    assert left_in(tmp_path) == ["d.csv", "pipe.csv"]


def test_where_one_may_not_write_or_read(filled, tmp_path, monkeypatch):
    """By a stub: who runs the tests may be root, who may everything."""

    def refuse(*arguments, **options):
        raise PermissionError(errno.EACCES, "no")

    (tmp_path / "t.csv").write_text("a\n1\n")
    with monkeypatch.context() as patch:
        patch.setattr(whole_files, "open", refuse, raising=False)
        with pytest.raises(BrainPermissionError, match="cannot write .*t.csv: Permission denied"):
            filled.export_table("t", tmp_path / "t.csv")
        with pytest.raises(BrainPermissionError, match="cannot read .*t.csv: Permission denied"):
            filled.import_table(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "a\n1\n"


@pytest.mark.parametrize("format", ALL)
def test_no_room_for_the_file(filled, tmp_path, way, format, monkeypatch):
    """A limit on the size of files, at which the kernel writes less; and its error as of a full disk."""
    path = tmp_path / f"t.{format}"
    path.write_text("before")
    filled["t"] = pa.table({"a": np.random.default_rng(0).random(100_000)})
    monkeypatch.setitem(whole_files._KINDS, errno.EFBIG, BrainFullError)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(BrainFullError, match=f"cannot write {path}: File too large"):
            filled.export_table("t", path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text() == "before" and left_in(tmp_path) == [path.name]
    assert {errno.ENOSPC, errno.EDQUOT} <= whole_files._KINDS.keys()


class Stopping(table_formats._Sink):
    """A file at whose second write Ctrl-C is pressed."""

    def write(self, data):
        if self.n_bytes > 0:
            os.kill(os.getpid(), signal.SIGINT)
        return super().write(data)


@pytest.mark.parametrize("format", ALL)
def test_ctrl_c_leaves_what_was_there(filled, tmp_path, way, format, monkeypatch):
    path = tmp_path / f"t.{format}"
    filled["t"] = pa.table({"a": np.random.default_rng(0).random(300_000)})
    monkeypatch.setattr(table_formats, "_Sink", Stopping)
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", path)
    assert left_in(tmp_path) == []
    path.write_text("before")
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", path)
    assert path.read_text() == "before" and left_in(tmp_path) == [path.name]


@pytest.mark.parametrize("format", ALL)
def test_after_an_error_nothing_more_is_written(filled, format):
    """Writers of pyarrow have an end to write, when they are closed or are collected."""
    calls = []

    class File:
        def write(self, data):
            calls.append(len(data))
            if len(calls) > 1:
                raise OSError(errno.ENOSPC, "full")

    form = table_formats.form_of(f"t.{format}", None)
    columns = table_values.columns_of(pa.table({"a": np.random.default_rng(0).random(300_000)}), "t")
    with pytest.raises(OSError, match="full"):
        table_formats.write(form, columns, File(), {})
    gc.collect()
    assert len(calls) == 2


def test_a_kill_leaves_what_was_there(filled, path, tmp_path):
    (tmp_path / "t.csv").write_text("before")
    code = (
        "import os, sys; from brain_plasma import Brain, table_formats\n"
        "table_formats._Sink.write = lambda *_: os.kill(os.getpid(), 9)\n"
        "Brain(sys.argv[1]).export_table('t', sys.argv[2])"
    )
    done = subprocess.run([sys.executable, "-c", code, path, tmp_path / "t.csv"])
    assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "t.csv").read_text() == "before" and left_in(tmp_path) == ["t.csv"]


# ---- files that are none ------------------------------------------------------------------------


@pytest.mark.parametrize("format", TYPED)
def test_files_that_are_cut_off_or_something_else(filled, tmp_path, format):
    path = tmp_path / f"t.{format}"
    filled.export_table("t", path)
    whole = path.read_bytes()
    filled["u"] = "stays"
    for part in (b"", b"x", whole[:5], whole[: len(whole) // 2], whole[:-1], whole[100:], b"a,b\n1,2\n" * 100):
        path.write_bytes(part)
        with pytest.raises(BrainFormatError, match=f"{path} cannot be read as .*: .* damaged, or ends too early"):
            filled.import_table(path, "u")
    assert filled["u"] == "stays"


@pytest.mark.parametrize("content", [b"", b"\x89\xff\xfe\n\xff", b"a,b\n1\n"], ids=["empty", "no text", "ragged"])
def test_files_that_are_no_csv(filled, tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(BrainFormatError, match="cannot be read as CSV"):
        filled.import_table(tmp_path / "t.csv")


@pytest.mark.parametrize("format", TYPED)
def test_names_of_columns_that_are_no_text(brain, tmp_path, format):
    brain["t"] = pa.table({"abcdefgh": [1]})
    path = tmp_path / f"t.{format}"
    brain.export_table("t", path, **({"store_schema": False} if format == "parquet" else {}))
    path.write_bytes(path.read_bytes().replace(b"abcdefgh", b"abc\xffefgh"))
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")


def test_feather_of_version_1(filled, tmp_path):
    (tmp_path / "t.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(BrainFormatError, match="Feather of version 1"):
        filled.import_table(tmp_path / "t.feather")


def test_a_file_that_lies_about_its_offsets(brain, tmp_path):
    """Arrow believes them; who recalls the table looks no more."""
    path = tmp_path / "t.arrow"
    brain["t"] = pa.table({"a": ["12345678"] * 4})
    brain.export_table("t", path)
    data = path.read_bytes()
    offsets = np.array([0, 8, 16, 24, 32], "<i4").tobytes()
    assert data.count(offsets) == 1
    path.write_bytes(data.replace(offsets, np.array([0, 8, 2**30, 24, 32], "<i4").tobytes()))
    with pytest.raises(BrainFormatError):
        brain.import_table(path, "u")
    assert "u" not in brain


def test_damage_anywhere_is_an_error_or_another_table(brain, tmp_path):
    """A process that reads what is damaged goes on."""
    brain["t"] = everything().drop_columns(["map"])
    generator = np.random.default_rng(0)
    for format in TYPED:
        path = tmp_path / f"t.{format}"
        brain.export_table("t", path)
        whole = path.read_bytes()
        for _ in range(150):
            damaged = bytearray(whole)
            damaged[generator.integers(len(whole))] ^= 1 << generator.integers(8)
            path.write_bytes(damaged)
            try:
                brain.import_table(path, "u")
            except (BrainFormatError, BrainValueError):
                continue
            with contextlib.suppress(pa.ArrowInvalid):  # of a zone that there is not
                repr(brain["u"].to_pydict())


# ---- files and others -----------------------------------------------------------------------------


def test_threads(filled, tmp_path):
    errors = []

    def run(number):
        try:
            for _ in range(10):
                filled.export_table("t", tmp_path / "t.parquet")
                filled.import_table(tmp_path / "t.parquet", f"u{number}")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and filled["u3"].num_rows == 1000 and left_in(tmp_path) == ["t.parquet"]


def test_a_value_that_is_replaced_meanwhile_is_written_as_it_was(filled, tmp_path, monkeypatch):
    check = table_formats.check_columns

    def replace(*arguments):
        filled["t"] = pa.table({"b": [1]})
        check(*arguments)

    monkeypatch.setattr(table_formats, "check_columns", replace)
    assert filled.export_table("t", tmp_path / "t.parquet").rows == 1000
    assert pq.read_table(tmp_path / "t.parquet")["a"].to_pylist() == list(range(1000))


def test_what_others_write_and_read(brain, tmp_path):
    expected = pd.DataFrame({"a": [1.5, None], "b": ["x", None]})
    expected.to_parquet(tmp_path / "p.parquet")
    expected.to_feather(tmp_path / "p.feather")
    pl.DataFrame({"a": [1.5, None], "b": ["x", None]}).write_parquet(tmp_path / "q.parquet")
    pl.DataFrame({"a": [1.5, None], "b": ["x", None]}).write_ipc(tmp_path / "q.ipc", compression="zstd")
    for file in ("p.parquet", "p.feather", "q.parquet", "q.ipc"):
        brain.import_table(tmp_path / file, "t", kind="arrow")
        assert brain["t"].to_pydict() == {"a": [1.5, None], "b": ["x", None]}
    brain["t"] = expected
    for ending, read in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc), ("csv", pl.read_csv)):
        brain.export_table("t", tmp_path / f"t.{ending}")
        assert read(tmp_path / f"t.{ending}").to_dict(as_series=False) == {"a": [1.5, None], "b": ["x", None]}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), expected)
    pd.testing.assert_frame_equal(pd.read_feather(tmp_path / "t.arrow"), expected)


def test_a_pyarrow_that_runs_what_it_reads_reads_no_files(filled, tmp_path, monkeypatch):
    filled.export_table("t", tmp_path / "t.parquet")
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    with pytest.raises(BrainValueError, match="nothing is read with it from files: pip install 'pyarrow>=14.0.1'"):
        filled.import_table(tmp_path / "t.parquet", "u")
