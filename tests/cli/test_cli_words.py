"""The command line itself: help, options, mistakes, programs of its own."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from running import BRAIN

SUBCOMMANDS = (
    "create ls get put rm cp mv stat top watch who explain check doctor dump load resize quota compact metrics show "
    "import export serve-metrics destroy completion help"
).split()
OF_PYTHON = {"show", "import", "export", "serve-metrics"}


def test_help_names_every_subcommand_and_every_status(nowhere):
    said = nowhere("--help").text
    for name in SUBCOMMANDS:
        assert re.search(rf"^  {name} +\w", said, re.MULTILINE), name
    for status in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130):
        assert re.search(rf"^  {status} +\w", said, re.MULTILINE), status
    assert nowhere("-h").text == said == nowhere("help").text


@pytest.mark.parametrize("name", sorted(set(SUBCOMMANDS) - OF_PYTHON))
def test_each_has_a_help_of_its_own_without_a_store(nowhere, name):
    said = nowhere(name, "--help").text
    assert said.startswith("usage: brain ")
    assert re.search(rf"^usage: .*\b{name}\b", said)
    assert "Exit status:" in said
    assert all(len(line) <= 90 or line.startswith("    ") for line in said.splitlines())
    assert nowhere("help", name).text == said


@pytest.mark.parametrize("name", sorted(set(SUBCOMMANDS) - OF_PYTHON))
def test_an_option_that_there_is_not_is_a_usage_error(nowhere, name):
    result = nowhere(name, "--no-such-option", status=2)
    assert "--no-such-option" in result.error
    assert result.out == b""


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("ls", "-n"),
        ("stat", "too-much"),
        ("get",),
        ("get", "a", "b"),
        ("mv", "a"),
        ("ls", "--sort", "colour"),
        ("resize", "much"),
        ("resize", "-5"),
        ("create", "--capacity", "0"),
        ("create", "--mode", "0777"),
        ("create", "--when-full", "never"),
        ("create", "--group", "no-such-group"),
        ("put", "a", "--int", "five"),
        ("put", "a", "--int", "9223372036854775808"),
        ("put", "a", "--float", "x"),
        ("put", "a", "--kind", "tensor"),
        ("put", "a", "--int", "1", "--text", "x"),
        ("dump", "-z", "20", "/nonexistent/x"),
        ("completion", "csh"),
        ("mv", "a", "a"),
        ("help", "nothing"),
        ("metrics", "8000"),
        ("-x",),
    ],
)
def test_mistakes_are_usage_errors(brain, words):
    result = brain(*words, status=2)
    assert result.err
    assert result.out == b""


def test_the_documents_have_every_subcommand_and_status():
    page = (Path(__file__).parent.parent.parent / "docs" / "command.md").read_text()
    for name in SUBCOMMANDS:
        assert f"| `{name}" in page, name
    for status in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 130):
        assert f"| {status} |" in page, status


def test_a_slip_of_the_finger_is_seen(nowhere):
    assert "Did you mean stat?" in nowhere("stta", status=2).error
    assert "Did you mean" not in nowhere("completely-else", status=2).error
    assert "Did you mean" not in nowhere("foo", status=2).error  # two of three letters are not a slip


def test_where_there_is_no_store_the_advice_fits(nowhere, tmp_path):
    assert "brain create" in nowhere("put", "x", "--int", "1", status=3).error
    assert "brain create" not in nowhere("destroy", "-y", status=3).error
    assert "BRAIN_PATH" not in nowhere("ls", status=3).error


def test_options_stand_before_and_behind(brain):
    brain("put", "x", "--int", "1")
    elsewhere = {"BRAIN_PATH": "/nonexistent"}
    for words in (("-s", brain.path, "ls"), ("ls", "-s", brain.path), (f"--store={brain.path}", "ls", "-1")):
        assert brain(*words, environment=elsewhere).lines[0].startswith("x")
    assert brain("--json", "ls").json == brain("ls", "--json").json


def test_a_word_behind_two_dashes_is_no_option(brain):
    brain("put", "--int", "3", "--", "--json")
    assert brain("get", "--", "--json").out == b"3\n"


def test_version(nowhere):
    assert re.fullmatch(r"brain \d+\.\d+\.\S+\n", nowhere("--version").text)


def test_the_environment_names_store_and_namespace(brain):
    brain("put", "x", "--int", "1", environment={"BRAIN_NAMESPACE": "other"})
    assert brain("ls", "-1", "-n", "other").lines == ["x"]
    assert brain("ls", "-1").lines == []


# ---- programs of its own


@pytest.fixture
def program(tmp_path):
    """A folder in PATH with a program brain-hello that says what it was given."""
    file = tmp_path / "brain-hello"
    file.write_text(
        '#!/bin/sh\necho "$BRAIN_PATH|$BRAIN_NAMESPACE|$BRAIN_JSON|$BRAIN_YES|$BRAIN_ESCAPED"\n'
        'for word in "$@"; do echo "<$word>"; done\nexit 5\n'
    )
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_what_is_no_subcommand_is_a_program(nowhere, program):
    result = nowhere("-n", "ns", "--json", "hello", "a b", "--json", status=5, environment=program)
    assert result.lines == [f"{nowhere.path}|ns|1||", "<a b>", "<--json>"]


def test_a_program_finds_all_global_options(nowhere, program):
    result = nowhere("-y", "-e", "-s", "/elsewhere", "hello", status=5, environment=program)
    assert result.lines == ["/elsewhere|default||1|1"]


def test_no_program_is_looked_for_elsewhere(nowhere, program, tmp_path):
    for word in ("../hello", "x/../hello", "HELLO", "", "hello\n"):
        nowhere(word, status=2, environment=program, cwd=tmp_path)
    # The current directory is anybody's.
    for folders in (".", "", f"::{os.defpath}"):
        nowhere("hello", status=2, environment={"PATH": folders}, cwd=tmp_path)


def test_a_program_beside_the_command_comes_first(nowhere, program, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "brain-hello").write_text("#!/bin/sh\necho beside\n")
    (folder / "brain-hello").chmod(0o755)
    shutil.copy2(BRAIN, folder / "brain")
    said = subprocess.run([folder / "brain", "hello"], env=program, capture_output=True, check=True).stdout
    assert said == b"beside\n"
