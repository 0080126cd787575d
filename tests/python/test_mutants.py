"""The defects that tests/crash/mutants and others plant still apply to the sources: whoever moves code learns of it here."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MUTANTS = sorted(ROOT.glob("tests/*/mutants/*.sed"))


def test_there_are_some():
    assert len(MUTANTS) > 100


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.stem)
def test_it_changes_the_file_that_it_names(mutant):
    [file] = re.findall(r"^# file: (\S+)$", mutant.read_text(), re.MULTILINE)
    source = (ROOT / file).read_bytes()
    changed = subprocess.run(["sed", "-f", mutant], input=source, capture_output=True, check=True).stdout
    assert changed != source
