"""The probes of the library, of which tracers know (docs/design/0015)."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from brain_plasma import _core

LIBRARY = Path(__file__).resolve().parents[2] / "build" / "test" / "src" / "libbrain.so"
PROBES = {"put", "get_miss", "full", "recover"}
HEADERS = [Path("/usr/include/sys/sdt.h"), *Path("/usr/include").glob("*/sys/sdt.h")]

pytestmark = [
    pytest.mark.skipif(shutil.which("readelf") is None, reason="there is no readelf"),
    pytest.mark.skipif(not any(header.exists() for header in HEADERS), reason="built without <sys/sdt.h>"),
]


@pytest.mark.parametrize("file", [LIBRARY, Path(_core.__file__)], ids=["libbrain", "extension"])
def test_it_has_its_probes(file):
    if not file.exists():
        pytest.skip("no C library in build/test: ./run build")
    notes = subprocess.run(["readelf", "-nW", file], capture_output=True, text=True, check=True).stdout
    found = set(re.findall(r"Provider: brain\s+Name: (\w+)", notes))
    assert found == PROBES
