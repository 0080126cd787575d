"""The methods of a Brain that explain values; explain.py does it, and is imported when it is asked for."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .explain import Explanation


class Explaining(_core.Brain):
    """The part of Brain that explains values."""

    def explain(self, name: str, *, namespace: str | None = None) -> Explanation:
        """What the value of `name` is stored as, and what a recall shares and copies of it, part by part; who has
        views of it, and since when it is there: an Explanation.

            print(brain.explain("flights"))

        namespace: None is the current one. Nothing is recalled, and no code of a pickle is run.
        Raises as brain[name] does of the name, and BrainCorruptError; of a frame of Polars BrainRecallPackageError
        where pyarrow is not installed. Threads: any. Never waits. Cost: a look at what a recall would copy, and at
        the pins of all processes.
        """
        from . import explain

        return explain.of_name(self, name, namespace)

    def explain_value(self, value: Any) -> Explanation:
        """The same of a value that is not stored: what brain[name] = value would make of it.

        Raises as that does of the value. Threads: any. Cost: as of a put, but for the copy of what would be
        shared.
        """
        from . import explain

        return explain.of_value(value, self._may_pickle)
