"""The commands of this tree, as far as they can be tried without building anything."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LEFTOVERS = ROOT / "tools/leftovers.py"


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "tset",
        "test --foo",
        "build all",
        "demo --shrot",
        "bench harness",
        "bench --quick",
        "bench get peers",
        "bench scale get",
        "bench peers --large",
        "bench scale --quick --large",
        "prove everything",
    ],
)
def test_an_unknown_argument_is_answered_with_the_usage(arguments):
    done = subprocess.run([ROOT / "run", *arguments.split()], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage: " in done.stderr
    assert done.stdout == ""


# ---- what an interrupted run leaves -------------------------------------------------------------


def leftovers(folder, *arguments):
    subprocess.run(
        [sys.executable, LEFTOVERS, *map(str, arguments)],
        env={**os.environ, "TMPDIR": str(folder)},
        check=True,
    )


OPENS = """
import signal, subprocess
from brain_plasma import Brain
brain = Brain(path)
if deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen(['sleep', '100'], start_new_session=True)
print('ready', flush=True)
signal.pause()
"""


def test_the_end_of_a_run_takes_its_processes_and_stores_and_no_others(tmp_path, new_path, other):
    opened, linked, theirs = new_path(), new_path(), new_path()
    leftovers(tmp_path, "note", tmp_path / "before")
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    writer = other(f"path, deaf = {opened!r}, True{OPENS}", env=environment)
    stranger = other(f"path, deaf = {theirs!r}, False{OPENS}")
    assert (writer.line(), stranger.line()) == ("ready", "ready")
    Path(linked).mkdir()
    (tmp_path / "link").symlink_to(linked)
    leftovers(tmp_path, "end", tmp_path / "before")
    assert writer.process.wait() == -signal.SIGKILL
    assert stranger.process.poll() is None
    assert [os.path.exists(store) for store in (opened, linked, theirs)] == [False, False, True]


def test_the_end_of_a_run_takes_all_steps_that_it_is_told_of(tmp_path, new_path, other):
    """Their own shells began before TMPDIR was theirs."""
    leftovers(tmp_path, "note", tmp_path / "before")
    steps = [other(f"path, deaf = {new_path()!r}, False{OPENS}") for _ in range(3)]
    assert [step.line() for step in steps] == ["ready"] * 3
    leftovers(tmp_path, "end", tmp_path / "before", steps[0].pid, steps[1].pid)
    assert [step.process.wait() for step in steps[:2]] == [-signal.SIGTERM] * 2
    assert steps[2].process.poll() is None


def test_leftovers_may_have_any_name(tmp_path):
    names = [b"/dev/shm/brain-test-\xff-%d" % os.getpid(), b"/dev/shm/brain-test-\n-%d" % os.getpid()]
    try:
        Path(os.fsdecode(names[0])).touch()
        leftovers(tmp_path, "note", tmp_path / "before")
        Path(os.fsdecode(names[1])).touch()
        done = subprocess.run(
            [sys.executable, LEFTOVERS, "check", tmp_path / "before"],
            env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8:strict"},
            capture_output=True,
        )
        assert done.stderr == b""
        said = done.stdout.decode()
        assert "brain-test-\\n-" in said
        assert "udcff" not in said  # that one was noted
    finally:
        for name in names:
            os.unlink(name)
