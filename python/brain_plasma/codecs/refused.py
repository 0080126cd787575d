"""Which part of a value keeps it from being stored where pickles are refused."""

from __future__ import annotations

from .._core import _needs_pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_DEPTH_MAX = 100


def first_part_that_needs_pickle(value: object) -> tuple[str, object]:
    """The part, and how one gets to it: ("value['model']", the model).

    Where no part needs a pickle by itself but the value does, since it holds itself or is nested too
    deep, it is the smallest of which that is true.
    """
    path = "value"
    for _ in range(_DEPTH_MAX):
        found = next((part for part in _parts(value) if _needs_pickle(part[1])), None)
        if found is None:
            break
        path += found[0]
        value = found[1]
    return path, value


def _parts(value: Any) -> Iterator[tuple[str, object]]:
    kind = type(value)
    if kind is dict:
        yield from ((f"[{key!r}]", item) for key, item in value.items())
        yield from ((f" (key {key!r})", key) for key in value)
    elif kind is list or kind is tuple:
        yield from ((f"[{index}]", item) for index, item in enumerate(value))
    elif kind is set or kind is frozenset:
        yield from ((f" (element {item!r})", item) for item in value)
