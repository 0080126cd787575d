"""Tables at URLs: in the memory of fsspec, by the URL of a file, and through file systems that fail."""

import os
import sys

import pytest

fsspec = pytest.importorskip("fsspec")
pa = pytest.importorskip("pyarrow")

from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractBufferedFile

from brain_plasma import (
    BrainFileNotFoundError,
    BrainFormatError,
    BrainMissingPackageError,
    BrainValueError,
    BrainValueTypeError,
    table_formats,
)

FORMATS = ["parquet", "csv", "arrow", "csv.gz"]


@pytest.fixture
def filled(brain):
    brain["t"] = pa.table({"a": range(100_000)})
    return brain


@pytest.fixture(autouse=True)
def memory():
    """What is at memory://, which is one for the process: empty at first."""
    MemoryFileSystem.store.clear()
    yield MemoryFileSystem.store
    MemoryFileSystem.store.clear()


@pytest.fixture
def interrupted(monkeypatch):
    """Ctrl-C is pressed at the second write."""

    class Stopping(table_formats._Sink):
        def write(self, data):
            if self.n_bytes > 0:
                raise KeyboardInterrupt
            return super().write(data)

    monkeypatch.setattr(table_formats, "_Sink", Stopping)


@pytest.mark.parametrize("ending", FORMATS)
def test_there_and_back(filled, memory, ending):
    url = f"memory://folder/t.{ending}"
    result = filled.export_table("t", url)
    assert (result.path, result.file_bytes) == (url, len(memory[f"/folder/t.{ending}"].getbuffer()))
    result = filled.import_table(url, "u")
    assert (result.path, result.rows) == (url, 100_000) and filled["u"].equals(filled["t"])
    assert filled.import_table(url).name == "t"


def test_the_name_and_the_format_are_in_the_path_of_a_url():
    for url in ("s3://b/t.parquet?versionId=5", "https://host/t.parquet?a=/b.csv", "simplecache::s3://b/t.parquet"):
        if "::" not in url:
            assert table_formats.table_name(url) == "t" and table_formats.form_of(url, None).format == "parquet"
    assert table_formats.table_name("zip://t.csv::file:///all.zip") == "t"


def test_a_file_by_its_url(filled, tmp_path):
    filled.export_table("t", f"file://{tmp_path}/t.parquet")
    assert os.listdir(tmp_path) == ["t.parquet"] and filled.import_table(tmp_path / "t.parquet", "u").rows == 100_000


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_given_up_leaves_what_was_there(filled, memory, interrupted, ending):
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", f"memory://t.{ending}")
    assert memory == {}
    with fsspec.open(f"memory://t.{ending}", "wb") as file:
        file.write(b"before")
    with pytest.raises(KeyboardInterrupt):
        filled.export_table("t", f"memory://t.{ending}")
    assert memory[f"/t.{ending}"].getvalue() == b"before"


def test_what_cannot_be_written_is_not_begun(brain, memory):
    brain["t"] = pa.table({"a": [[1]]})
    with pytest.raises(BrainValueTypeError, match="CSV has no form"):
        brain.export_table("t", "memory://t.csv")
    assert memory == {}


def test_what_is_not_there_or_is_something_else(brain, memory):
    with pytest.raises(BrainFileNotFoundError, match="there is no file at memory://nowhere.csv"):
        brain.import_table("memory://nowhere.csv")
    with fsspec.open("memory://t.parquet", "wb") as file:
        file.write(b"something")
    with pytest.raises(BrainFormatError, match="memory://t.parquet cannot be read as Parquet"):
        brain.import_table("memory://t.parquet")


def test_what_is_not_installed_is_said(filled, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "fsspec.core", None)
        with pytest.raises(BrainMissingPackageError, match="tables at URLs need the package fsspec: pip install fsspec s3fs"):
            filled.export_table("t", "s3://bucket/t.parquet")
        with pytest.raises(BrainMissingPackageError, match="tables at URLs need"):
            filled.import_table("s3://bucket/t.parquet")
    with pytest.raises(BrainValueError, match="foo"):
        filled.export_table("t", "foo://t.parquet")


def test_it_comes_down_into_a_file_without_a_name(filled, tmp_path, monkeypatch):
    filled.export_table("t", "memory://t.parquet")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = []
    read = table_formats.read
    monkeypatch.setattr(table_formats, "read", lambda *a: (seen.extend(os.listdir(tmp_path)), read(*a))[1])
    filled.import_table("memory://t.parquet", "u")
    assert seen == [] and os.listdir(tmp_path) == []


class Buffered(AbstractBufferedFile):
    """A file that is sent in blocks, as those of S3 are. `fails` says at which step it does."""

    def _upload_chunk(self, final=False):
        self.fs.steps.append("final" if final else "block")
        if self.fs.fails == ("final" if final else "block"):
            raise ConnectionError(f"no {self.fs.fails}")
        return True

    def _initiate_upload(self):
        self.fs.steps.append("begin")

    def commit(self):
        self.fs.steps.append("commit")

    def discard(self):
        self.fs.steps.append("discard")


class Failing(fsspec.AbstractFileSystem):
    protocol = "failing-tables"
    steps = []
    fails = None

    def _open(self, path, mode="rb", **options):
        return Buffered(self, path, mode, block_size=2**16, autocommit=False)


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("at", [None, "block", "final"])
def test_an_upload_that_fails_is_given_up(filled, monkeypatch, ending, at):
    fsspec.register_implementation("failing-tables", Failing, clobber=True)
    monkeypatch.setattr(Failing, "fails", at)
    monkeypatch.setattr(Failing, "steps", [])
    if at is None:
        filled.export_table("t", f"failing-tables://t.{ending}")
        assert Failing.steps[0] == "begin" and Failing.steps[-2:] == ["final", "commit"]
    else:
        with pytest.raises(ConnectionError, match=f"no {at}"):
            filled.export_table("t", f"failing-tables://t.{ending}")
        assert Failing.steps[-1] == "discard" and "commit" not in Failing.steps
