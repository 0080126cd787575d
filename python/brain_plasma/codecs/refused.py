"""Which part of a value keeps it from being stored where pickles are refused."""

from __future__ import annotations

import sys
from pickle import PickleBuffer

from .. import values
from .._core import _needs_pickle
from ..values import not_stored
from . import MODULES, Written, encoders, find_encoder, within_payload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from . import Encoder

_DEPTH_MAX = 100
_PAYLOAD_DEPTH_MAX = 8


def describe(value: object, name: object) -> tuple[str, str]:
    """What of `value` needs a pickle, as the subject of a sentence about that; and what its user can do about it, as
    the end of it.
    """
    path, part = first_part_that_needs_pickle(value)
    subject = f"a value of {_type_text(part)}" if part is value else f"{path} is of {_type_text(part)}, which"
    return f"{not_stored(name)}: {subject}", _hint(type(part))


def _type_text(part: object) -> str:
    """Its class; of arrays, series and dtypes what dtype it is, since that is why."""
    kind = type(part)
    shown = None
    if _package(kind) in ("numpy", "pandas", "polars"):
        if kind.__module__ == "numpy.dtypes":
            shown = f", {part!r}"
        elif hasattr(part, "dtype"):
            metadata = getattr(part.dtype, "metadata", None)  # which repr() does not show
            shown = f" with dtype {part.dtype!r}" + (f" with metadata {metadata}" if metadata else "")
    return f"{kind!r}{shown or ''}"


def _hint(kind: type) -> str:
    package = _package(kind)
    if package == "builtins" or package in MODULES or package in sys.stdlib_module_names:
        return ""
    return (
        f". Or say how one is stored without a pickle: brain_plasma.register({kind.__qualname__}, encode, decode, "
        "name=...)"
    )


def _package(kind: type) -> str:
    return kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""


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
    else:
        encode = encoders.get(kind) or find_encoder(kind)
        if encode is not None:
            yield from _parts_of_encoded(value, encode)


def _parts_of_encoded(value: Any, encode: Encoder) -> Iterator[tuple[str, object]]:
    try:
        yield from values.shown_parts(value)
        encoded = encode(value)
        if encoded is not None:
            within = within_payload(type(value))
            payload = [(f"{within}{step}", part) for step, part in _parts_of_payload(encoded[1])]
            for step, part in values.with_attribute_names(value, iter(payload)):
                yield from _leaves(step, part, 0)
    except Exception:  # a value that cannot even be taken apart: then it is the part
        pass


def _parts_of_payload(payload: Any) -> Iterator[tuple[str, object]]:
    return _parts(payload) if type(payload) in (list, tuple, dict) else iter([("", payload)])


def _leaves(step: str, part: Any, depth: int) -> Iterator[tuple[str, object]]:
    """What containers of a payload hold, but for its buffers, which only a payload can."""
    if type(part) in (list, tuple, dict) and depth < _PAYLOAD_DEPTH_MAX:
        for more, item in _parts(part):
            yield from _leaves(step + more, item, depth + 1)
    elif not isinstance(part, (PickleBuffer, Written)):
        yield step, part
