"""What the package says by logging, where the program has logging: logs.py does it.

To import `logging` takes longer than to import this package and to open a store. Who has not imported it has configured
no logger, and nobody would read what is said. So logs.py is imported when both are there: a Brain that was opened, and
`logging`. If that comes later, a finder sees it coming, once.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

logs: Any = None  # the module logs.py, which puts itself here when it is whole


class _Finder:
    """Stands before all other finders until somebody imports `logging`: what they find is followed by logs.py."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """As of importlib."""
        if name != "logging":
            return None
        import importlib.util

        try:
            sys.meta_path.remove(self)
        except ValueError:  # another thread was first
            return None
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def run_and_follow(module: ModuleType) -> None:
            run(module)
            _import()

        spec.loader.exec_module = run_and_follow  # type: ignore[method-assign]  # the loader is of this import alone
        return spec


_finder = _Finder()


def _import() -> None:
    from . import logs  # noqa: F401  its import is what does it


def begin() -> None:
    """A Brain is about to be opened."""
    if logs is not None:
        return
    if "logging" in sys.modules:
        _import()
    elif _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def opened(brain: Any, began_ns: int) -> None:
    """A Brain was opened, by a call that began then."""
    if logs is not None:
        logs.opened(brain, began_ns)


def info(brain: Any, event: str, format: str, *args: object, **about: object) -> None:
    """logs.info(), where anybody could read it."""
    if logs is not None:
        logs.info(brain, event, format, *args, **about)
