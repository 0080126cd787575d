"""get and put: values through pipes, to files, and on a terminal."""

import errno
import hashlib
import os
import pty
import re
import select
import subprocess

import pytest
from running import BRAIN

MEGABYTE = 1_000_000


# ---- what is there in a pipe


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, b"None\n"),
        (True, b"True\n"),
        (False, b"False\n"),
        (0, b"0\n"),
        (-1, b"-1\n"),
        (2**63 - 1, b"9223372036854775807\n"),
        (-(2**63), b"-9223372036854775808\n"),
        (2**63, b"9223372036854775808\n"),
        (2**64 - 1, b"18446744073709551615\n"),
        (-(2**64), b"-18446744073709551616\n"),
        (10**100, b"1" + b"0" * 100 + b"\n"),
        (-(7**1000), str(-(7**1000)).encode() + b"\n"),
        (256**8 - 256, b"18446744073709551360\n"),
        (1.0, b"1.0\n"),
        (0.1, b"0.1\n"),
        (-0.0, b"-0.0\n"),
        (1e300, b"1e+300\n"),
        (2 / 3, b"0.6666666666666666\n"),
        (float("inf"), b"inf\n"),
        (float("-inf"), b"-inf\n"),
        (float("nan"), b"nan\n"),
        ("", b""),
        ("hello", b"hello"),
        ("caf\u00e9\x1b\n", "caf\u00e9\x1b\n".encode()),
        (b"", b""),
        (b"\0\xff\x1b", b"\0\xff\x1b"),
    ],
)
def test_plain_values(brain, store, value, printed):
    store["x"] = value
    assert brain("get", "x").out == printed


def test_raw_bytes(brain, store):
    store["x"] = 258
    assert brain("get", "--raw", "x").out == (258).to_bytes(8, "little")
    assert brain.on_a_terminal("get", "--raw", "x") == (258).to_bytes(8, "little")


def test_an_array_in_a_pipe_is_its_elements(brain, store):
    np = pytest.importorskip("numpy")
    store["x"] = np.arange(6, dtype="<i2").reshape(2, 3)
    assert np.frombuffer(brain("get", "x").out, "<i2").tolist() == [0, 1, 2, 3, 4, 5]


def test_a_table_in_a_pipe_is_an_arrow_stream(brain, store):
    pa = pytest.importorskip("pyarrow")
    store["x"] = pa.table({"a": [1, 2]})
    assert pa.ipc.open_stream(brain("get", "x").out).read_all().to_pydict() == {"a": [1, 2]}


def test_json(brain, store):
    store["x"] = [1, 2]
    store["i"], store["f"], store["n"], store["t"], store["s"], store["b"] = -7, 0.5, None, True, "a\nb", b"\xff"
    store["big"], store["nan"] = 2**70, float("nan")
    expected = {"i": -7, "f": 0.5, "n": None, "t": True, "s": "a\nb", "b": "\ufffd", "big": str(2**70), "nan": None}
    for name, value in expected.items():
        said = brain("get", "--json", name).json
        assert said["value"] == value, name
        assert {"name", "namespace", "kind", "size", "version", "created"} <= set(said)
    assert brain("get", "--json", "b").json["value_hex"] == "ff"


# ---- what is put


def test_bytes_from_a_pipe(brain, store):
    data = bytes(range(256)) * 10
    assert brain("put", "x", input=data).out == b""
    assert store["x"] == data
    assert brain("ls").rows[0][1:3] == ["bytes", "2560"]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 2**20 - 1, 2**20, 2**20 + 1, 5 * 2**20 + 7])
def test_any_size_goes_in_and_comes_out(brain, store, tmp_path, size):
    data = os.urandom(size)
    file = tmp_path / "data"
    file.write_bytes(data)
    brain("put", "pipe", input=data)
    brain("put", "file", str(file))
    brain("put", "sized", "--size", str(size), input=data)
    with file.open("rb") as stdin:
        brain("put", "stdin", stdin=stdin)
    for name in ("pipe", "file", "sized", "stdin"):
        assert bytes(store[name]) == data, name
        assert brain("get", name).out == data, name


def test_a_pipe_that_comes_in_small_pieces(brain, store):
    process = brain.begin("put", "x", stdin=subprocess.PIPE)
    for i in range(50):
        process.stdin.write(b"%05d" % i)
        process.stdin.flush()
    assert "x" not in store  # not before all has come
    process.stdin.close()
    assert process.wait(60) == 0
    assert store["x"] == b"".join(b"%05d" % i for i in range(50))
    process.stdout.close()
    process.stderr.close()


def test_one_command_feeds_the_other(brain, store):
    store["x"] = os.urandom(20 * MEGABYTE)
    out = brain.begin("get", "x")
    into = brain.begin("put", "y", stdin=out.stdout)
    out.stdout.close()
    assert into.wait(60) == 0
    assert out.wait(60) == 0
    assert hashlib.sha256(store["x"]).digest() == hashlib.sha256(store["y"]).digest()
    for stream in (out.stderr, into.stdout, into.stderr):
        stream.close()


def test_stdin_goes_on_where_it_stands(brain, store, tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"head\nrest")
    with file.open("rb", buffering=0) as stdin:
        stdin.seek(5)
        brain("put", "x", stdin=stdin)
    assert store["x"] == b"rest"


def test_how_far_it_has_come_is_shown_on_a_terminal(brain):
    ours, its = pty.openpty()
    process = brain.begin("put", "x", "--size", "50M", stdin=subprocess.PIPE, stderr=its)
    os.close(its)
    said, left = b"", 50 * MEGABYTE
    while b"%" not in said and left > MEGABYTE:  # it shows nothing in the first second
        process.stdin.write(bytes(MEGABYTE // 10))
        process.stdin.flush()
        left -= MEGABYTE // 10
        said += what_comes(ours, 0.05)
    process.stdin.write(bytes(left))
    process.stdin.close()
    assert process.wait(60) == 0
    while piece := what_comes(ours, 60):
        said += piece
    assert re.search(rb"\r\x1b\[Kputting: [\d.]+ [KM]B of 50 MB, \d+%", said)
    assert said.endswith(b"\r\x1b[K")
    os.close(ours)
    process.stdout.close()


def what_comes(terminal, patience_s):
    """A piece of what is written to it; b"" where nothing came, or nobody has the other end any more."""
    if not select.select([terminal], [], [], patience_s)[0]:
        return b""
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        assert error.errno == errno.EIO
        return b""


def test_a_file_that_says_it_is_empty(brain, store):
    brain("put", "x", "/proc/self/status")
    assert store["x"].startswith(b"Name:")


def test_less_comes_than_was_said(brain, store):
    store["x"] = 1
    assert "nothing was put" in brain("put", "x", "--size", "10", input=b"short", status=8).error
    assert store["x"] == 1
    assert brain("stat", "--json").json["unsealed"] == 0


def test_more_comes_than_was_said(brain, store):
    brain("put", "x", "--size", "3", input=b"abcdef")
    assert store["x"] == b"abc"


def test_from_the_command_line(brain, store):
    brain("put", "t", "--text", "caf\u00e9")
    brain("put", "e", "--text", "")
    brain("put", "i", "--int", "-5")
    brain("put", "f", "--float", "1e3")
    assert [store[name] for name in "teif"] == ["caf\u00e9", "", -5, 1000.0]
    assert [type(store[name]) for name in "teif"] == [str, str, int, float]


@pytest.mark.parametrize("text", ["caf\u00e9", "\U0001f600" * 400_000, "a" + "\u20ac" * 700_000])
def test_text_from_a_pipe(brain, store, text):
    brain("put", "x", "--kind", "str", input=text.encode())
    assert store["x"] == text
    brain("put", "y", "--kind", "str", "--size", str(len(text.encode())), input=text.encode())
    assert store["y"] == text


@pytest.mark.parametrize(
    "data", [b"\xff", b"ok\xc3", b"\xed\xa0\x80", b"a" * (2**20 - 1) + b"\xe2\x82", b"a" * (2**20 - 1) + b"\xe2("]
)
def test_what_is_no_text_is_refused(brain, store, data):
    store["x"] = 1
    for size in ((), ("--size", str(len(data)))):
        assert "UTF-8" in brain("put", "x", "--kind", "str", *size, input=data, status=1).error
    assert store["x"] == 1


def test_nothing_at_all_can_be_refused(brain, store, tmp_path):
    """As a pipe has of a program that failed."""
    nothing = tmp_path / "nothing"
    nothing.touch()
    store["x"] = 1
    for words in ((), (str(nothing),), ("--size", "0")):
        said = brain("put", "x", *words, "--not-empty", status=1)
        assert "nothing was put" in said.error
    assert store["x"] == 1
    brain("put", "x", "--not-empty", "--kind", "str", input=b"2")
    assert store["x"] == "2"
    brain("put", "x", "--kind", "str")
    assert store["x"] == ""


def test_conditions(brain, store):
    brain("put", "x", "--int", "1", "--new")
    assert "already" in brain("put", "x", "--int", "2", "--new", status=1).error
    version = store.version("x")
    brain("put", "x", "--int", "3", "--if-version", str(version))
    assert "another version" in brain("put", "x", "--int", "4", "--if-version", str(version), status=1).error
    assert store["x"] == 3


def test_a_description_stays_until_another_comes(brain):
    brain("put", "x", "--int", "1", "-d", "one")
    brain("put", "x", "--int", "2")
    assert brain("explain", "--json", "x").json["description"] == "one"
    brain("put", "x", "-d", "", input=b"x" * 10000)
    assert brain("explain", "--json", "x").json["description"] == ""


def test_a_file_that_is_not_there(brain):
    assert "/nonexistent" in brain("put", "x", "/nonexistent", status=8).error
    brain("put", "x", "/", status=8)


# ---- to a file


def test_to_a_file(brain, store, tmp_path):
    store["x"] = b"new"
    file, link = tmp_path / "file", tmp_path / "link"
    brain("get", "x", "-o", str(file))
    assert file.read_bytes() == b"new"
    file.write_bytes(b"old and longer")
    file.chmod(0o640)
    link.symlink_to("file")
    brain("get", "x", "-o", str(link))
    assert file.read_bytes() == b"new"
    assert link.is_symlink()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "link"]


def test_a_file_that_cannot_be_written_stays(brain, store, tmp_path):
    store["x"] = b"new"
    assert "/nonexistent" in brain("get", "x", "-o", "/nonexistent/file", status=8).error
    brain("get", "x", "-o", "/dev/full", status=5)
    brain("get", "x", "-o", "/dev/null")
    assert os.path.exists("/dev/null")


def test_no_file_where_there_is_no_name(brain, tmp_path):
    brain("get", "x", "-o", str(tmp_path / "file"), status=1)
    assert not list(tmp_path.iterdir())


# ---- on a terminal

PLAIN = {"NO_COLOR": "1"}


def shown(brain, *words, **more):
    return brain.on_a_terminal("get", *words, environment=PLAIN, **more).decode()


def test_text_on_a_terminal_is_safe(brain, store):
    store["x"] = "two\nlines\t\x1b[31m\u202e"
    said = shown(brain, "x").replace("        ", "\t")
    assert said.splitlines()[0] == "two"
    assert r"\x1b[31m\u{202e}" in said
    store["b"] = b"\x1b\xff" + bytes(1000)
    said = shown(brain, "b")
    assert said.startswith("00000000  1b ff 00")
    assert "more" in said
    assert "\x1b" not in said


def test_arrays_on_a_terminal(brain, store):
    np = pytest.importorskip("numpy")
    store["x"] = np.arange(12.0).reshape(3, 4)
    assert shown(brain, "x").splitlines() == [
        "float64, shape (3, 4), 96 B",
        "       0    1     2     3",
        "[0]  0.0  1.0   2.0   3.0",
        "[1]  4.0  5.0   6.0   7.0",
        "[2]  8.0  9.0  10.0  11.0",
    ]
    store["x"] = np.arange(10**6).reshape(10, 100, 1000)
    lines = shown(brain, "x", "--rows", "2").splitlines()
    assert lines[0] == "int64, shape (10, 100, 1000), 8.0 MB"
    assert lines[2].split() == "[0, 0] 0 1 2 ... 997 998 999".split()
    assert lines[-1].split() == "[9, 99] 999000 999001 999002 ... 999997 999998 999999".split()
    assert len(lines) == 7
    store["x"] = np.asfortranarray(np.array([[1, 2], [3, 4]], dtype=">i4"))
    assert shown(brain, "x").splitlines()[-1].split() == ["[1]", "3", "4"]


@pytest.mark.parametrize(
    ("dtype", "values", "texts"),
    [
        ("?", [True, False], ["True", "False"]),
        ("i1", [-128, 127], ["-128", "127"]),
        (">u2", [1, 65535], ["1", "65535"]),
        ("u8", [0, 2**64 - 1], ["0", "18446744073709551615"]),
        (">i8", [-1, 2**40], ["-1", str(2**40)]),
        ("f2", [1.5, float("-inf")], ["1.5", "-inf"]),
        ("f4", [0.1, float("nan")], ["0.1", "nan"]),
        (">f8", [1e-300, 2.5], ["1e-300", "2.5"]),
        ("c16", [1 + 2j, -1j], ["1.0+2.0j", "-0.0-1.0j"]),
        ("M8[ms]", ["2020-02-29T12:00:00.5", "NaT"], ["2020-02-29T12:00:00.500", "NaT"]),
        ("M8[ns]", ["1969-12-31T23:59:59.999999999", "2262-01-01"], ["1969-12-31T23:59:59.999999999", "2262-01-01T00:00:00"]),
        ("M8[D]", ["1900-01-01", "0001-01-01"], ["1900-01-01", "0001-01-01"]),
        ("m8[s]", [5, -7], ["5", "-7"]),
        ("S3", [b"ab", b"\x1b"], ["ab", r"\x1b"]),
        ("U3", ["\u00e9\U0001f600", ""], ["\u00e9\U0001f600", ""]),
        (">U2", ["ab", "c"], ["ab", "c"]),
        ("V2", [b"\x01\x02", b"\xff\x00"], ["0x0102", "0xff00"]),
    ],
)
def test_elements_of_each_type(brain, store, dtype, values, texts):
    np = pytest.importorskip("numpy")
    store["x"] = np.array(values, dtype=dtype)
    lines = shown(brain, "x").splitlines()
    assert [line[3:].strip() for line in lines[1:]] == texts


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), ()])
def test_arrays_without_rows(brain, store, shape):
    np = pytest.importorskip("numpy")
    store["x"] = np.zeros(shape)
    lines = shown(brain, "x").splitlines()
    assert lines[1:] == (["0.0"] if shape == () else [])
    assert brain("get", "--json", "x").json["value"] == np.zeros(shape).tolist()


def test_arrays_as_json(brain, store):
    np = pytest.importorskip("numpy")
    store["x"] = np.arange(6, dtype="f4").reshape(2, 3)
    said = brain("get", "--json", "x").json
    assert (said["dtype"], said["shape"], said["value"]) == ("float32", [2, 3], [[0, 1, 2], [3, 4, 5]])
    store["x"] = np.array([1.5, np.nan])
    assert brain("get", "--json", "x").json["value"] == [1.5, None]
    store["x"] = np.array(["2020-01-01", "NaT"], "M8[D]")
    assert brain("get", "--json", "x").json["value"] == ["2020-01-01", None]
    store["x"] = np.array([5, "NaT"], "m8[s]")
    assert brain("get", "--json", "x").json["value"] == ["5", None]
    store["x"] = np.asfortranarray(np.arange(24).reshape(2, 3, 4))
    assert brain("get", "--json", "x").json["value"] == np.arange(24).reshape(2, 3, 4).tolist()


def test_what_only_python_understands_is_handed_over(brain, store, tmp_path):
    store["x"] = [1, 2]
    folder = tmp_path / "bin"
    folder.mkdir()
    command, show = folder / "brain", folder / "brain-show"
    command.symlink_to(BRAIN)  # beside the link, too, where there is none beside the command
    show.write_text('#!/bin/sh\necho "$BRAIN_PATH $BRAIN_NAMESPACE $*"\n')
    show.chmod(0o755)
    said = subprocess.run([command, "get", "x"], env=brain.environment, capture_output=True)
    if not os.path.exists(BRAIN + "-show"):
        assert said.stdout.decode() == f"{brain.path} default -- x\n"
    assert said.returncode == 0
    assert brain("get", "--raw", "x").out != b""
    assert "--raw" in brain("get", "x", "-o", str(tmp_path / "file"), status=2).error


def test_a_value_that_is_away(nowhere, tmp_path):
    from brain_plasma import Brain

    with Brain(nowhere.path, capacity=8 * MEGABYTE, when_full="spill", spill_to=tmp_path / "spilled") as store:
        for i in range(12):
            store[f"x{i}"] = bytes([i]) * MEGABYTE
        items = nowhere("ls", "-l", "--json").json
        away = [item["name"] for item in items if item["away"]]
        assert away
        assert all((item["kind"], item["size"]) == ("bytes", MEGABYTE) for item in items)
        for name in away:
            assert nowhere("get", name).out == bytes([int(name[1:])]) * MEGABYTE
        assert nowhere("explain", "--json", away[0]).json["away"] is True
        nowhere("cp", away[0], "copy")
        assert nowhere("get", "copy").out == nowhere("get", away[0]).out
        nowhere("destroy", "--yes")
    assert not [entry for entry in (tmp_path / "spilled").rglob("*") if entry.is_file()]


def test_a_value_in_the_place_of_a_file(brain):
    """Who writes `brain put x 5` is told how values are given; who names a file with its folder knows."""
    assert "--text, --int or --float" in brain("put", "x", "5", status=8).error
    assert "--int" not in brain("put", "x", "/nonexistent/5", status=8).error
    assert brain("get", "x", status=1).out == b""
