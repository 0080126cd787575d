"""Refuses to test an installed package that is older than its sources."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent
SOURCES = ["include", "src", "disk", "cli", "python", "meson.build", "meson.options", "pyproject.toml"]
SUFFIXES = {".c", ".h", ".py", ".pyi", ".build", ".options", ".toml", ".map"}


def pytest_configure(config):
    built = Path(sys.prefix) / "brain-plasma.stamp"  # left by ./run build
    if not built.exists():
        return  # installed in some other way: whoever did knows what they test
    built_at = built.stat().st_mtime
    for name in SOURCES:
        top = ROOT / name
        for file in [top] if top.is_file() else top.rglob("*"):
            if file.suffix in SUFFIXES and file.stat().st_mtime > built_at:
                raise pytest.UsageError(
                    f"{file.relative_to(ROOT)} is newer than the installed package: ./run build"
                )
