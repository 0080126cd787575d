"""brain-show, brain-export and brain-import: programs that the command `brain` finds beside it."""

import collections
import contextlib
import decimal
import fractions
import json
import math
import os
import re
import shlex
import signal
import stat
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from brain_plasma import Brain, command, command_show

HERE = os.path.dirname(sys.executable)
N = 1000


def run(name, *arguments, status=0, data=None, env=None, binary=False):
    """Run a program; returns what it prints, on stdout where its exit status is 0, else on stderr."""
    done = subprocess.run(
        [os.path.join(HERE, f"brain-{name}"), *map(os.fspath, arguments)],
        capture_output=True,
        input=data,
        env={**{k: v for k, v in os.environ.items() if not k.startswith("BRAIN_")}, **(env or {})},
        timeout=120,
    )
    err = done.stderr.decode()
    assert done.returncode == status, err
    assert "Traceback" not in err
    if status == 0:
        assert err == ""
        return done.stdout if binary else done.stdout.decode()
    return err


def show(path, *arguments, **options):
    return run("show", "-s", path, *arguments, **options)


# ---- show -----------------------------------------------------------------------------------------


def test_a_frame_of_pandas(brain, path):
    frame = pd.DataFrame({"carrier": ["UA", "AA"] * 500, "delay": np.arange(1000.0), "when": pd.date_range("2020", periods=1000)})
    brain.learn("flights", frame, "of January")
    lines = show(path, "flights", "-r", "4").splitlines()
    assert lines[0].startswith("flights: pandas.DataFrame, ") and ", put 2" in lines[0]
    assert lines[1:3] == ["of January", "1,000 rows x 3 columns"]
    assert [line.split() for line in lines[3:6]] == [
        ["carrier", str(frame.dtypes["carrier"])],
        ["delay", "float64"],
        ["when", str(frame.dtypes["when"])],
    ]
    assert [line.split()[0] for line in lines[8:]] == ["0", "1", "..", "998", "999"]


def test_a_table_of_pyarrow(brain, path):
    brain["t"] = pa.table({"id": range(100), "text": [f"text {i}" for i in range(100)], "list": [[1, None]] * 100})
    lines = show(path, "t", "--rows", "4").splitlines()
    assert lines[0].startswith("t: pyarrow.Table, ")
    assert lines[1] == "100 rows x 3 columns"
    assert [line.split(None, 1) for line in lines[2:5]] == [["id", "int64"], ["text", "string"], ["list", "list<item: int64>"]]
    assert [line.split()[0] for line in lines[7:]] == ["0", "1", "...", "98", "99"]


def test_a_wide_table_of_pyarrow_is_cut(brain, path):
    brain["t"] = pa.table({f"column {i}": ["x" * 1000] * 3 for i in range(200)})
    text = show(path, "t", env={"COLUMNS": "100"})
    lines = text.splitlines()
    assert "and 100 columns more" in text
    assert max(map(len, lines[-4:])) <= 110
    assert lines[-1].endswith("...")


def test_a_table_without_rows_and_one_without_columns(brain, path):
    brain["rows"] = pa.table({"a": pa.array([], pa.int64())})
    brain["columns"] = pa.table({})
    assert "0 rows x 1 column\n" in show(path, "rows")
    assert "0 rows x 0 columns\n" in show(path, "columns")
    brain["twice"] = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert "1 row x 2 columns\n" in show(path, "twice")


def test_a_frame_of_polars(brain, path):
    brain["t"] = pl.DataFrame({"a": range(100)})
    assert "shape: (100, 1)" in show(path, "t")


def test_arrays(brain, path):
    brain["a"] = np.arange(10_000).reshape(100, 100)
    text = show(path, "a")
    assert "shape (100, 100), int64" in text
    assert "9999" in text and len(text) < 2000
    brain["s"] = np.array([(1, 2.5)], [("i", "i4"), ("f", "f8")])
    assert "(1, 2.5)" in show(path, "s")


def test_floats_have_exponents_only_where_they_have_to(brain, path):
    brain["a"] = np.arange(10_000.0)
    text = show(path, "a")
    assert "9999." in text and "e+" not in text
    large = np.full((300, 200), 5.25)
    large[150, 100] = 1e-30  # which is not shown
    brain["b"] = large
    assert "5.25" in show(path, "b") and "e" not in show(path, "b").split("float64")[1]
    brain["c"] = np.array([1e-9, 2.0, np.nan])
    assert "e-09" in show(path, "c")
    brain["d"] = np.array([1.0, 1e12])
    assert "e+12" in show(path, "d")
    brain["e"] = np.array(0.5)
    assert "0.5" in show(path, "e")
    brain["f"] = np.zeros((0, 3))
    assert "shape (0, 3)" in show(path, "f")
    brain["g"] = np.array([np.nan, np.inf, 0.0])
    assert "inf" in show(path, "g")


@pytest.mark.parametrize(
    "value",
    [None, True, 5, 1.5, "text", b"bytes", [1, {"a": (2,)}], {"a": {"b": [1, 2]}}, fractions.Fraction(1, 3), {1, 2}],
    ids=repr,
)
def test_other_values_as_python_prints_them(brain, path, value):
    brain["x"] = value
    assert show(path, "x").partition("\n")[2] == f"{value!r}\n"


@pytest.mark.parametrize(
    "value", ["x" * 10**6, b"x" * 10**6, list(range(10**5)), {str(i): i for i in range(10**5)}, [[[1] * 1000] * 10] * 10]
)
def test_large_values_are_cut(brain, path, value):
    brain["x"] = value
    assert len(show(path, "x")) < 4000


@pytest.mark.parametrize("value", [list(range(10**5)), {str(i): i for i in range(10**5)}, [[[1] * 1000] * 10] * 10])
def test_of_large_values_little_is_made_text(value):
    assert len(command_show._pretty(value)) < 20_000


@pytest.mark.parametrize("value", ["\x1b[31mred", ["\x9b31m", "\u202e"], pd.DataFrame({"\x1b[1m": ["\x1b]0;title\x07", "\x9d"]})])
def test_nothing_is_done_to_a_terminal(brain, path, value):
    brain["\x1b[2J\nname"] = value
    brain.learn("x", value, "\x1b[31m")
    for text in (show(path, "x"), show(path, "\x1b[2J\nname")):
        assert all(c == "\n" or c.isprintable() or c in "\u2026" for c in text)
    assert show(path, "\x1b[2J\nname").startswith("\\x1b[2J\\nname: ")


def test_names_with_escapes(brain, path):
    for name in ("new\nline", "back\\slash", "\u202e", "tab\t"):
        brain[name] = name
        escaped = command.safe_name(name)
        assert escaped.isprintable()
        assert repr(name) in show(path, "-e", escaped)
        assert repr(name) in show(path, name)


def test_a_namespace(brain, path):
    brain.learn("x", 7, namespace="others")
    assert show(path, "-n", "others", "x").endswith("\n7\n")
    assert show(path, "x", env={"BRAIN_NAMESPACE": "others"}).endswith("\n7\n")
    assert "no 'x' in namespace 'default'" in show(path, "x", status=1)
    assert "namespace 'none'" in show(path, "-n", "none", "x", status=1)


def test_the_store_by_the_environment(brain, path):
    brain["x"] = 7
    assert run("show", "x", env={"BRAIN_PATH": path}).endswith("\n7\n")


def test_what_is_missing_is_null_in_json_and_no_text(brain, path):
    brain["f"] = pd.DataFrame(
        {
            "text": pd.Series(["nan", None], dtype=object),
            "str": ["NaT", None],
            "number": [0.5, np.nan],
            "nullable": pd.array([1, None], dtype="Int64"),
            "when": pd.to_datetime(["2020-01-01", None]),
            "span": pd.to_timedelta(["1s", None]),
        }
    )
    first, second = json.loads(show(path, "f", "--json"))["first_rows"]
    assert (first["text"], first["str"], first["number"], first["nullable"]) == ("nan", "NaT", 0.5, 1)
    assert set(second.values()) == {None}
    brain["x"] = {
        "list": [float("nan"), "nan", math.inf],
        "dict": {"a": pd.NaT, "b": pd.NA},
        "of NumPy": [np.float32("nan"), np.datetime64("NaT"), np.timedelta64("NaT")],
        "other": decimal.Decimal("NaN"),
        "array": [np.array([np.nan])],
    }
    found = json.loads(show(path, "x", "--json"))["value"]
    assert found["list"] == [None, "nan", None] and found["dict"] == {"a": None, "b": None}
    assert found["of NumPy"] == [None, None, None] and found["other"] is None
    assert found["array"] == ["[nan]"]
    for unit in ("ns", "D"):
        brain["n"] = np.array(["2020-01-01", "NaT"], f"M8[{unit}]")
        assert json.loads(show(path, "n", "--json"))["first"][1] is None
    brain["p"] = pl.DataFrame({"a": [float("nan"), None, 1.0], "b": ["nan", None, ""]})
    rows = json.loads(show(path, "p", "--json"))["first_rows"]
    assert rows == [{"a": None, "b": "nan"}, {"a": None, "b": None}, {"a": 1.0, "b": ""}]


def test_as_json(brain, path):
    brain.learn("f", pd.DataFrame({"a": [1, 2, 3], "b": [0.5, np.nan, np.inf]}), "description")
    found = json.loads(show(path, "f", "--json", "-r", "2"))
    assert found["first_rows"] == [{"a": 1, "b": 0.5}, {"a": 2, "b": None}]
    assert found["rows"] == 3
    assert found["columns"] == [{"name": "a", "type": "int64"}, {"name": "b", "type": "float64"}]
    assert (found["name"], found["namespace"], found["type"]) == ("f", "default", "pandas.DataFrame")
    assert (found["version"], found["description"]) == (brain.version("f"), "description")
    brain["t"] = pa.table({"a": [1, None]})
    found = json.loads(show(path, "t", env={"BRAIN_JSON": "1"}))
    assert (found["rows"], found["first_rows"]) == (2, [{"a": 1}, {"a": None}])
    brain["p"] = pl.DataFrame({"a": [1, None]})
    assert json.loads(show(path, "p", "--json"))["first_rows"] == [{"a": 1}, {"a": None}]
    brain["n"] = np.arange(6).reshape(2, 3)
    found = json.loads(show(path, "n", "--json", "-r", "2"))
    assert (found["shape"], found["dtype"], found["first"]) == ([2, 3], "int64", [0, 1])
    brain["x"] = {"a": [1, float("nan")]}
    found = json.loads(show(path, "x", "--json"))
    assert found["value"] == {"a": [1, None]}
    keys = ("name", "namespace", "kind", "size", "version")  # as `brain get --json` has them, of any value
    assert [found[key] for key in keys] == ["x", "default", "tree", brain.explain("x").total_bytes, brain.version("x")]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found["created"])
    brain["r"] = fractions.Fraction(1, 3)
    assert json.loads(show(path, "r", "--json"))["repr"] == "Fraction(1, 3)"


class Pickled:
    """Without an encoder, so that it is pickled; from a module that the programs cannot import."""


@pytest.fixture
def pickles(new_path):
    """A store of which others could have written what is in it."""
    path = new_path()
    with Brain(path, mode=0o660, pickle=True) as brain:
        brain["x"] = collections.Counter("aab")
        brain["p"] = os.stat_result(range(10))
        brain["n"] = 5
        yield path
        brain.destroy()


def test_pickles_of_others_are_not_recalled(pickles):
    assert show(pickles, "n").endswith("\n5\n")
    done = subprocess.run([os.path.join(HERE, "brain-show"), "-s", pickles, "p"], capture_output=True, text=True)
    assert done.returncode == 4, done.stderr
    assert "--pickle recalls it" in done.stderr
    assert done.stdout.startswith("'p': os.stat_result, stored as pickle\n")  # of which nothing ran
    assert "os.stat_result(" in show(pickles, "p", "--pickle")


def test_ones_own_pickles_are(brain, path):
    brain["p"] = os.stat_result(range(10))
    assert "os.stat_result(" in show(path, "p")


def test_what_cannot_be_imported_here(brain, path):
    brain["x"] = [Pickled()]
    done = subprocess.run([os.path.join(HERE, "brain-show"), "-s", path, "x"], capture_output=True, text=True)
    assert done.returncode == 8
    assert done.stdout.startswith("'x': list, stored as ")
    assert "No module named 'test_commands'" in done.stderr


def test_packages_that_are_missing(brain, path, tmp_path):
    """A frame is shown by its form, and what to install is said."""
    brain["f"] = pd.DataFrame({"a": [1]})
    (tmp_path / "pandas.py").write_text("raise ModuleNotFoundError(\"No module named 'pandas'\", name='pandas')")
    done = subprocess.run(
        [os.path.join(HERE, "brain-show"), "-s", path, "f"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 8, done.stderr
    assert done.stdout.startswith("'f': pandas.DataFrame, stored as tree\n")
    assert "pandas" in done.stderr and "install" in done.stderr


def test_a_small_value_needs_no_package(brain, path):
    brain["x"] = 5
    program = os.path.join(HERE, "brain-show")
    done = subprocess.run([sys.executable, "-X", "importtime", program, "-s", path, "x"], capture_output=True, text=True)
    assert done.stdout.endswith("\n5\n")
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "brain_plasma.command_show" in imported
    assert not imported & {"numpy", "pandas", "pyarrow", "polars", "asyncio"}


# ---- exit statuses --------------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["show", "export", "import", "serve-metrics"])
def test_help_and_usage(program):
    assert "exit status: 0 done" in run(program, "--help")
    assert "usage: brain " in run(program, "--none", status=2)


@pytest.mark.parametrize("arguments", [["show", "x"], ["export", "x", "-"], ["import", "x", "-"]], ids=lambda a: a[0])
def test_no_store(new_path, arguments):
    path = new_path()
    assert path in run(arguments[0], "-s", path, *arguments[1:], status=3)
    assert not os.path.lexists(path)


def test_not_allowed(brain, path):
    assert run("show", "-s", "/root/none" if os.getuid() else "/proc/1/fd/none", "x", status=3 if not os.getuid() else 4)


def test_damaged(brain, path):
    data = os.path.join(brain.directory, "data")
    with open(data, "r+b") as file:
        file.write(b"\xff" * 64)
    assert show(path, "x", status=7)


def test_full(new_path, tmp_path):
    path = new_path()
    Brain(path, capacity=100_000).close()
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 100_000)
    assert "full" in run("import", "-s", path, "t", tmp_path / "t.csv", status=5)


def test_interrupted(brain, path):
    """While it waits for standard input."""
    process = subprocess.Popen(
        [os.path.join(HERE, "brain-import"), "-s", path, "t", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    # A pipe holds so much: when more has been written, it reads.
    process.stdin.write(b"a\n" * 200_000)
    process.stdin.flush()
    status = None
    while status is None:  # what comes just before a read begins is seen after it
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            status = process.wait(10)
    assert status == 130
    assert process.stderr.read() == b""
    process.stdin.close()
    process.stderr.close()
    assert len(brain) == 0


def test_a_reader_that_goes_away(brain, path):
    brain["t"] = pa.table({"a": range(10**6)})
    process = subprocess.Popen(
        [os.path.join(HERE, "brain-export"), "-s", path, "t", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == -signal.SIGPIPE
    assert process.stderr.read() == b""
    process.stderr.close()


# ---- export and import ------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow", "csv.gz"])
def test_a_table_goes_out_and_comes_back(brain, path, tmp_path, ending):
    brain["t"] = table = pa.table({"a": [1, 2, None], "b": ["x", "y,\"z\"", None]})
    file = tmp_path / f"t.{ending}"
    assert run("export", "-s", path, "t", file).startswith("Table 't' of 3 rows and 2 columns, ")
    assert stat.S_ISREG(file.stat().st_mode)
    assert run("import", "-s", path, "-n", "others", "again", file, "--description", "from a file").startswith("Table 'again' of 3 rows")
    found = brain.recall("again", namespace="others")
    assert found.equals(table)
    assert brain.metadata("again", namespace="others")["description"] == "from a file"


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow"])
def test_pipes_both_ways(brain, path, form):
    brain["t"] = table = pa.table({"a": range(N), "b": [f"text {i}" for i in range(N)]})
    data = run("export", "-s", path, "t", "-", "-f", form, binary=True)
    told = run("import", "-s", path, "u", "-", "-f", form, "--json", data=data)
    assert json.loads(told) == {"columns": 2, "file_bytes": len(data), "format": form, "name": "u", "path": "-", "rows": N}
    assert brain["u"].equals(table)


def test_csv_is_what_a_pipe_has(brain, path):
    brain["t"] = pd.DataFrame({"a": [1, 2]})
    assert run("export", "-s", path, "t", "-") == '"a"\n1\n2\n'
    assert run("export", "-s", path, "t", "-", "-d", ";") == '"a"\n1\n2\n'
    run("import", "-s", path, "u", "-", "-d", ";", "-c", "b", data=b"a;b\n1;2\n")
    assert brain["u"].to_pydict() == {"b": [2]}
    run("import", "-s", path, "u", "-", "-k", "pandas", data=b"a,b\n1,2\n")
    assert brain["u"].equals(pd.DataFrame({"a": [1], "b": [2]}))


def test_a_pipe_to_a_pipe(brain, path):
    """As in a shell: `brain export t - | brain import u -`."""
    brain["t"] = pa.table({"a": range(10**5)})
    export, load, store = (shlex.quote(str(word)) for word in (f"{HERE}/brain-export", f"{HERE}/brain-import", path))
    line = f"{export} -s {store} t - | {load} -s {store} u -"
    subprocess.run(["bash", "-o", "pipefail", "-c", line], check=True, capture_output=True)
    assert brain["u"].equals(brain["t"])


def test_what_is_no_table(brain, path, tmp_path):
    brain["x"] = 5
    assert "no table" in run("export", "-s", path, "x", tmp_path / "x.csv", status=1)
    assert "no table" in run("export", "-s", path, "x", "-", status=1)
    assert run("export", "-s", path, "none", tmp_path / "x.csv", status=1)
    assert os.listdir(tmp_path) == []


def test_files_that_are_not_what_they_say(brain, path, tmp_path):
    (tmp_path / "t.parquet").write_text("no parquet")
    assert "Parquet" in run("import", "-s", path, "t", tmp_path / "t.parquet", status=7)
    assert "standard input" in run("import", "-s", path, "t", "-", "-f", "parquet", data=b"no parquet", status=7)
    assert "format" in run("import", "-s", path, "t", tmp_path / "t.unknown", status=2)
    assert run("import", "-s", path, "t", tmp_path / "none.csv", status=8)
    assert len(brain) == 0


def test_export_opens_read_only(brain, path, tmp_path):
    brain["t"] = pa.table({"a": [1]})
    before = {name: value for name, *_, value in brain._metrics()}
    run("export", "-s", path, "t", tmp_path / "t.csv")
    run("show", "-s", path, "t")
    after = {name: value for name, *_, value in brain._metrics()}
    assert (after["brain_commits"], after["brain_puts"]) == (before["brain_commits"], before["brain_puts"])


def test_without_pyarrow(brain, path, tmp_path):
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')")
    environment = {"PYTHONPATH": str(tmp_path)}
    brain["t"] = {"a": [1]}
    (tmp_path / "t.csv").write_text("a\n1\n")
    for arguments in (["export", "-s", path, "t", "-"], ["import", "-s", path, "t", tmp_path / "t.csv"],
                      ["import", "-s", path, "t", "-"]):  # fmt: skip
        text = run(*arguments, status=8, env=environment, data=b"a\n1\n")
        assert "pip install pyarrow" in text and "brain-plasma[" not in text
    assert brain["t"] == {"a": [1]}
