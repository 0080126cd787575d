"""A Python process, killed at instructions of an operation: the short form of what tools/prove does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ROOT / "build" / "test" / "tests"
SCRIPT = ROOT / "tests" / "crash" / "stepped_scenes.py"
SKIPPED = 77


def prove(program, *arguments):
    command = [PROGRAMS / program, "--python", sys.executable, "--script", SCRIPT, *arguments]
    if not command[0].exists():
        pytest.skip("no C tests in build/test: ./run build")
    # A preloaded library, as of a sanitizer, would come before the one that the proof preloads.
    env = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace")
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip()[-200:])
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_python_process_killed_at_an_instruction_leaves_old_or_new():
    said = prove("test_every_instruction", "--kills", "1", "python-bytes", "python-set-many")
    assert said.count("  ok\n") == 2


def test_a_reader_beside_a_python_process_that_stands_still_sees_old_or_new():
    said = prove("test_frozen_writer", "--states", "40", "python-delete")
    assert said.count("  ok\n") == 1
