"""What the README of brain-plasma 0.3.3 shows, in the order in which it does, with our package.

The README is not here: ORIGINAL_SOURCE in the environment is the folder of the original's source
distribution, from which the snippets are taken when the tests run.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import brain_plasma
import brain_plasma.brain
import pandas
import pytest

README = Path(os.environ["ORIGINAL_SOURCE"], "README.md")
PLACE = "/tmp/plasma"  # in the README
BLOCK = re.compile(r"^```(python|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HINT = re.compile(r"(\w+): str=")  # a signature is shown as if it were a call

BLOCKS = BLOCK.findall(README.read_text())
PLASMA_STORE = Path(sys.executable).with_name("plasma_store")


class Step:
    """A statement of a snippet, and the result that is shown below it: a text of Python, an error in
    words, or None."""

    def __init__(self, source, result=None):
        self.source = source
        self.result = result

    def is_error(self):
        return self.result is not None and self.result.startswith("#") and "error" in self.result

    def value(self):
        return ast.literal_eval(self.result)


def is_value(line):
    try:
        return not isinstance(ast.literal_eval(line), str) and not line.startswith("#")
    except (SyntaxError, ValueError):
        return False


def steps_of(snippet):
    steps, lines = [], []
    for line in snippet.splitlines():
        if line.startswith(">>>") or is_value(line):
            steps[-1].result = line.removeprefix(">>>").strip()
            continue
        lines.append(HINT.sub(r"\1=", line))
        try:
            ast.parse("\n".join(lines))
        except SyntaxError:
            continue  # the statement goes on
        steps.append(Step("\n".join(lines)))
        lines = []
    assert not lines, f"no Python: {lines}"
    return [step for step in steps if ast.parse(step.source).body]


def evaluate(source, names):
    """The value of a statement where it is an expression; None."""
    try:
        code = compile(source, README.name, "eval")
    except SyntaxError:
        code = compile(source, README.name, "exec")
    return eval(code, names)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Where the store is that the README calls /tmp/plasma: plasma_store makes it, as shown there."""
    path = str(tmp_path / "plasma")
    monkeypatch.setattr(brain_plasma.brain, "DEFAULT_PATH", path)
    [command] = [
        line
        for language, block in BLOCKS
        if language == "bash"
        for line in block.splitlines()
        if line.startswith("plasma_store")
    ]
    with subprocess.Popen(
        [PLASMA_STORE, *shlex.split(command.replace(PLACE, path))[1:]],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr.readline().startswith("plasma_store: ready: ")
            yield path
        finally:
            process.terminate()
    assert process.returncode == 0


def test_what_the_readme_shows(place):
    names = {"pd": pandas}
    n_results = 0
    for language, snippet in BLOCKS:
        if language != "python":
            continue
        for step in steps_of(snippet.replace(PLACE, place)):
            if step.is_error():
                with pytest.raises(KeyError):
                    evaluate(step.source, names)
            else:
                value = evaluate(step.source, names)
                if step.result is not None:
                    assert value == step.value(), step.source
            n_results += step.result is not None
    assert n_results >= 6  # else the README was not understood
    assert isinstance(names["brain"], brain_plasma.Brain)
    assert names["brain"].size() == 50_000_000
    assert names["brain"].mb == "50 MB"
    names["brain"].close()
