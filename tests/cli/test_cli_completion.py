"""Completion in the shells, and the manual page: what is made from the table of subcommands."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import BRAIN
from test_cli_words import OF_PYTHON, SUBCOMMANDS

SHARE = Path(sys.prefix) / "share"
INSTALLED = {
    "bash": SHARE / "bash-completion/completions/brain.bash",
    "zsh": SHARE / "zsh/site-functions/_brain",
    "fish": SHARE / "fish/vendor_completions.d/brain.fish",
}


def options_of(brain, name):
    """The long options that the help of a subcommand lists."""
    return re.findall(r"^  (?:-\w, |    )--([\w-]+)", brain(name, "--help").text, re.MULTILINE)


# ---- bash


@pytest.fixture
def complete(brain):
    """A function that gives what bash would offer for a line, at its end."""

    def complete(line):
        words = line.split(" ")
        quoted = " ".join(f"'{word}'" for word in [BRAIN, *words[1:]])
        script = (
            'source "$1"\n'
            f"COMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; COMP_LINE='{line}'; COMP_POINT={len(line)}\n"
            "COMPREPLY=(); _brain\n"
            'for word in "${COMPREPLY[@]}"; do printf "%s\\n" "$word"; done\n'
            "complete -p brain >/dev/null\n"
        )
        done = subprocess.run(
            ["bash", "--norc", "-c", script, "bash", INSTALLED["bash"]],
            env=brain.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stderr == ""
        return done.stdout.splitlines()

    return complete


def test_subcommands(complete):
    assert complete("brain ") == SUBCOMMANDS
    assert complete("brain st") == ["stat"]
    assert complete("brain -n other co") == ["compact", "completion"]
    assert complete("brain help me") == ["metrics"]


def test_options(brain, complete):
    assert "--store" in complete("brain --")
    for name in sorted(set(SUBCOMMANDS) - OF_PYTHON):
        offered = {word[2:] for word in complete(f"brain {name} --") if word.startswith("--")}
        assert offered == set(options_of(brain, name)), name


def test_values_of_options(complete):
    assert complete("brain ls --sort ") == ["name", "size", "created", "version", "none"]
    assert complete("brain create -w l") == ["lru"]
    assert complete("brain completion ") == ["bash", "zsh", "fish"]


def test_names_of_the_store(brain, complete):
    for name in ("apple", "apricot", "banana", "two words", "q'uote"):
        brain("put", name, "--int", "1")
    brain("-n", "other", "put", "avocado", "--int", "1")
    brain("put", "new\nline", "--int", "1")
    assert sorted(complete("brain get a")) == ["apple", "apricot"]
    assert sorted(complete("brain rm apple b")) == ["banana"]
    assert complete("brain get t") == [r"two\ words"]
    assert complete("brain get q") == [r"q\'uote"]
    assert complete("brain get n") == []
    assert complete("brain -n other get a") == ["avocado"]
    assert complete("brain ls -n o") == ["other"]
    assert sorted(complete("brain mv apple x --to ")) == ["default", "other"]
    assert sorted(complete("brain put ap")) == ["apple", "apricot"]
    assert sorted(complete("brain dump /tmp/x ap")) == ["apple", "apricot"]


def test_files(complete, tmp_path):
    (tmp_path / "data.bin").touch()
    (tmp_path / "folder").mkdir()
    assert complete(f"brain put x {tmp_path}/d") == [f"{tmp_path}/data.bin"]
    assert complete(f"brain dump {tmp_path}/d") == [f"{tmp_path}/data.bin"]
    assert complete(f"brain get x -o {tmp_path}/d") == [f"{tmp_path}/data.bin"]
    assert complete(f"brain -s {tmp_path}/") == [f"{tmp_path}/folder"]


def test_without_a_store(brain, complete):
    brain("destroy", "-y")
    assert complete("brain get a") == []
    assert complete("brain ls -n ") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_right_for_their_shells(nowhere, shell):
    script = nowhere("completion", shell).text
    assert script == INSTALLED[shell].read_text()
    for name in SUBCOMMANDS:
        assert re.search(rf"\b{name}\b", script), name
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell} to read it")
    said = subprocess.run([shell, "-n", INSTALLED[shell]], capture_output=True, text=True)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_fish_offers_names(brain):
    if shutil.which("fish") is None:
        pytest.skip("there is no fish")
    brain("put", "apple", "--int", "1")
    environment = {**brain.environment, "PATH": f"{Path(BRAIN).parent}:{brain.environment['PATH']}"}

    def complete(line):
        words = ["fish", "--no-config", "-c", f"source {shlex.quote(str(INSTALLED['fish']))}; complete -C '{line}'"]
        said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
        return [line.split("\t")[0] for line in said.splitlines()]

    assert complete("brain get ap") == ["apple"]
    assert complete("brain ls --sort cr") == ["created"]
    assert "stat" in complete("brain st")


def test_zsh_takes_the_function(brain):
    if shutil.which("zsh") is None:
        pytest.skip("there is no zsh")
    script = (
        f"fpath=({shlex.quote(str(INSTALLED['zsh'].parent))} $fpath); autoload -Uz compinit; compinit -D -u; "
        'print $_comps[brain]; autoload -Uz +X _brain && whence -w _brain'
    )
    said = subprocess.run(["zsh", "-f", "-c", script], env=brain.environment, capture_output=True, text=True)
    assert said.stdout == "_brain\n_brain: function\n", said


# ---- the manual page

PAGE = SHARE / "man/man1/brain.1"


def test_the_page_has_every_subcommand_and_option(nowhere):
    page = PAGE.read_text().replace("\\-", "-")
    assert nowhere("__man").text == PAGE.read_text()
    for name in SUBCOMMANDS:
        assert f'.SS "brain {name}' in page, name
        if name not in OF_PYTHON:
            for option in options_of(nowhere, name):
                assert f"--{option}\\fR" in page, option


@pytest.mark.skipif(shutil.which("man") is None, reason="there is no man")
def test_man_shows_it_without_a_warning():
    said = subprocess.run(
        ["man", "--warnings", "-l", PAGE], env={"PATH": "/usr/bin:/bin", "MANWIDTH": "80", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert said.stderr == ""
    assert "EXIT STATUS" in said.stdout
    assert r"\n, \x1b, \u{202e}, \\" in said.stdout
    assert "brain ls --json | jq -r '.[] | select(.size > 1e6) | .name'" in said.stdout


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc")
def test_mandoc_finds_nothing():
    said = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGE], capture_output=True, text=True)
    # The page is made by the build: it would have a date of its own each time.
    assert [line for line in said.stdout.splitlines() if "missing date" not in line] == []
    assert said.stderr == ""
