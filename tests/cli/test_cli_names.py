"""Names are any bytes, and what is shown of them harms no terminal, no pipe and no JSON."""

import json
import os
import unicodedata

import pytest

HOSTILE = [
    b"new\nline",
    b"tab\there",
    b"\x1b[2J\x1b]0;title\x07",
    b"\xff\xfe not UTF-8",
    b"cut \xe2\x82",
    "rtl \u202egnp.exe".encode(),
    "c1 \u009b31m".encode(),
    b"back\\slash \\n",
    b"\x7f",
    "zero\u200bwidth\ufeff".encode(),
    "caf\u00e9 \u65e5\u672c \U0001f600".encode(),
    b"-dash",
    b"long" * 15000,
    b"",
]


@pytest.fixture
def hostile(brain):
    for i, name in enumerate(HOSTILE):
        brain("put", "--int", str(i), "--", name)
    return brain


def test_a_line_for_each_name_in_a_pipe(hostile):
    rows = hostile("ls").rows
    assert len(rows) == len(HOSTILE)
    assert all(len(row) == 5 for row in rows)
    assert all(unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for row in rows for c in row[0])


def test_what_is_shown_can_be_given_back(hostile):
    shown = hostile("ls", "-1").lines
    assert len(set(shown)) == len(HOSTILE)
    got = {hostile("--escaped", "get", "--", name).out for name in shown}
    assert got == {b"%d\n" % i for i in range(len(HOSTILE))}


def test_escapes_are_as_documented(hostile):
    shown = hostile("ls", "-1").lines
    for escaped in (
        r"new\nline",
        r"tab\there",
        r"\x1b[2J\x1b]0;title\x07",
        r"\xff\xfe not UTF-8",
        r"cut \xe2\x82",
        r"rtl \u{202e}gnp.exe",
        r"c1 \u{9b}31m",
        r"back\\slash \\n",
        r"\x7f",
        r"zero\u{200b}width\u{feff}",
        "caf\u00e9 \u65e5\u672c \U0001f600",
    ):
        assert escaped in shown


def test_json_has_them_whole(hostile):
    items = hostile("ls", "--json").json
    found = {bytes.fromhex(item["name_hex"]) if "name_hex" in item else item["name"].encode() for item in items}
    assert found == set(HOSTILE)
    odd = [item for item in items if "name_hex" in item]
    assert len(odd) == 2
    assert all("\ufffd" in item["name"] for item in odd)


def test_a_terminal_gets_nothing_but_what_is_printable(hostile):
    said = hostile.on_a_terminal("ls", environment={"NO_COLOR": "1"}).decode()
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for c in said)
    assert len(said.splitlines()) == len(HOSTILE) + 1
    said = hostile.on_a_terminal("ls", "--json").decode()
    assert said.isascii()
    assert len(json.loads(said)) == len(HOSTILE)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_long_names_are_cut_to_the_line(hostile, columns):
    def width(line):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)

    said = hostile.on_a_terminal("ls", columns=columns, environment={"NO_COLOR": "1"}).decode()
    lines = said.splitlines()
    assert any("\u2026" in line for line in lines)
    ends = {width(line) for line in lines[1:]}
    assert len(ends) == 1  # aligned, and whole
    assert columns < 80 or ends.pop() <= columns


def test_colours_are_for_terminals_alone(brain):
    brain("put", "x", "--int", "1")
    assert b"\x1b[" in brain.on_a_terminal("ls")
    assert b"\x1b[" not in brain.on_a_terminal("ls", environment={"NO_COLOR": "1"})
    assert b"\x1b[" not in brain.on_a_terminal("ls", environment={"TERM": "dumb"})
    assert b"\x1b[" in brain.on_a_terminal("ls", environment={"NO_COLOR": ""})
    assert b"\x1b[" not in brain("ls").out


def test_errors_show_names_safely(brain):
    said = brain("get", "\x1b[31m\nevil", status=1).error
    assert "\x1b" not in said
    assert said.count("\n") == 1
    said = brain("ls", "-s", "/nonexistent/\x1b[31m", status=3).error
    assert "\x1b" not in said


def test_a_bad_escape_is_a_usage_error(brain):
    for name in (r"\q", "\\", r"\x1", r"\u{110000}", r"\u{d800}", r"\u{}", r"\u12"):
        brain("-e", "get", "--", name, status=2)


def test_a_name_that_is_too_long(brain):
    assert "65535" in brain("get", "x" * 65536, status=2).error


def test_patterns(brain):
    for name in ("a1", "a2", "b1", "[x]"):
        brain("put", name, "--int", "1")
    assert brain("ls", "-1", "a*").lines == ["a1", "a2"]
    assert brain("ls", "-1", "?1").lines == ["a1", "b1"]
    assert brain("ls", "-1", "[ab]1", "a2").lines == ["a1", "a2", "b1"]
    assert brain("ls", "-1", r"\[x\]").lines == ["[x]"]
    assert brain("ls", "-1", "z*", status=1).lines == []
    assert brain("ls", "--json", "z*", status=1).json == []


def test_a_name_with_a_zero_byte(brain, store):
    store["nul\0here"] = 1
    assert brain("ls", "-1").lines == [r"nul\x00here"]
    assert brain("ls", "--json").json[0]["name"] == "nul\0here"
    assert brain("-e", "get", r"nul\x00here").out == b"1\n"


def test_in_a_locale_that_is_not_utf_8(hostile):
    plain = hostile("ls", environment={"LC_ALL": "C.UTF-8"}).out
    assert hostile("ls", environment={"LC_ALL": "C"}).out == plain
    assert hostile("ls", environment={"LC_ALL": "no_such"}).out == plain


def test_namespaces_are_shown_as_names_are(brain):
    brain("put", "-n", "two\nlines", "x", "--int", "1")
    assert [row[0] for row in brain("ls", "--namespaces").rows] == [r"two\nlines"]
    assert brain("ls", "--namespaces", "--json").json[0]["namespace"] == "two\nlines"
    assert brain("ls", "-a").rows[0][:2] == [r"two\nlines", "x"]


def test_namespaces_are_given_back_as_they_are_shown(brain):
    brain("put", "-n", "two\nlines", "x", "--int", "1")
    (shown, *_) = brain("ls", "--namespaces").rows[0]
    for words in (("-e", "-n", shown, "get", "x"), ("get", "-n", shown, "x", "-e"), ("-n", shown, "get", "-e", "x")):
        assert brain(*words).out == b"1\n"
    brain("-e", "-n", shown, "mv", "x", "y", "--to", r"tab\t")
    assert brain("get", "-n", "tab\t", "y").out == b"1\n"
    brain("-e", "-n", r"\x00", "ls", status=2)
    brain("-e", "rm", "-yr", r"tab\t")


def test_description_and_json_keys(brain):
    before = brain("put", "x", "--text", "hello", "-d", "two\nlines")
    assert before.out == b""
    (item,) = brain("ls", "-l", "--json").json
    assert set(item) == {"name", "namespace", "kind", "size", "version", "created", "description", "away"}
    assert item["description"] == "two\nlines"
    assert (item["kind"], item["size"], item["namespace"], item["away"]) == ("str", 5, "default", False)
    (item,) = brain("ls", "--json").json
    assert set(item) == {"name", "namespace", "kind", "size", "version", "created"}
    assert brain("ls", "-l").rows[0][5] == r"two\nlines"


def test_sorting(brain):
    for name, size in (("b", 3), ("a", 1), ("c", 2)):
        brain("put", name, "--text", "x" * size)
    order = {
        key: "".join(brain("ls", "-1", "--sort", key).lines) for key in ("name", "size", "created", "version", "none")
    }
    assert order["name"] == "abc"
    assert order["size"] == "bca"
    assert order["version"] == "cab"
    assert sorted(order["none"]) == ["a", "b", "c"]
    assert "".join(brain("ls", "-1r").lines) == "cba"


def test_an_empty_store(brain):
    assert brain("ls").out == b""
    assert brain("ls", "--json").json == []
    assert brain("ls", "--namespaces", "--json").json == []
    assert brain.on_a_terminal("ls") == b""
    assert "nowhere" in brain("ls", "-n", "nowhere", status=1).error


def test_the_librarys_own_namespaces_are_hidden(brain, store):
    store.persist("x")
    assert brain("ls", "--namespaces").out == b""
    assert any(row[0].startswith(r"\xff") for row in brain("ls", "--namespaces", "-a").rows)


def test_paths_of_any_bytes(nowhere, new_path):
    path = os.fsencode(new_path()) + b"\xff\n"
    try:
        nowhere("-s", path, "create", "-c", "1M")
        assert rb"\xff\n" in nowhere("-s", path, "stat").out
        assert nowhere("-s", path, "stat", "--json").json["path_hex"] == path.hex()
    finally:
        nowhere("-s", path, "destroy", "--yes")
