"""The C tests of build/test, one by one, so that plain `pytest` runs everything there is.

`./run build` builds them. `./run test` leaves this file out: it has run them by then.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build" / "test"
LIST = BUILD / "meson-info" / "intro-tests.json"
SKIPPED = 77  # by convention, the exit status of a C test that cannot run here

TESTS = json.loads(LIST.read_text()) if LIST.exists() else []


def test_c_tests_are_built():
    if not TESTS:
        pytest.skip("no C tests in build/test: ./run build")


@pytest.mark.parametrize("c_test", TESTS, ids=lambda c_test: c_test["name"])
def test_c(c_test):
    # The install test calls meson, which lies beside the interpreter.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        c_test["cmd"],
        env={**os.environ, **c_test["env"], "PATH": path},
        cwd=c_test["workdir"],
        timeout=c_test["timeout"],
        capture_output=True,
        text=True,
        errors="replace",
    )
    if done.returncode == SKIPPED:
        pytest.skip(done.stdout.strip()[-200:])
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
