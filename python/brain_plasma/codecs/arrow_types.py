"""Arrow types as trees."""

from __future__ import annotations

import importlib

from ..exceptions import BrainValueTypeError
from .arrow_check import MAX_DEPTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

pa: Any = importlib.import_module("pyarrow")

_types = pa.types


def children_of(kind: Any) -> list[Any]:
    """The types within a type: of its fields, of a dictionary its values, of an extension its storage."""
    if isinstance(kind, pa.BaseExtensionType):
        return [kind.storage_type]
    if _types.is_dictionary(kind):
        return [kind.value_type]
    if kind.num_fields == 0:
        return []
    if _types.is_struct(kind) or _types.is_union(kind):
        return [kind.field(i).type for i in range(kind.num_fields)]
    if _types.is_map(kind):
        return [kind.key_type, kind.item_type]
    return [kind.value_type]


def has_extension(kind: Any) -> bool:
    """Whether there is an extension type in it.

    BrainValueTypeError: it is nested so deep that Arrow cannot read it back. Far deeper ones would crash
    the process, in a walk of Arrow's own: nothing is asked of those that walks over all of it.
    """
    level, found = [kind], False
    for _ in range(MAX_DEPTH):
        found = found or any(isinstance(one, pa.BaseExtensionType) for one in level)
        level = [child for one in level for child in children_of(one)]
        if not level:
            return found
    raise BrainValueTypeError(
        f"an Arrow type is nested more than {MAX_DEPTH} deep, which Arrow itself cannot read back: make it "
        "less deep, or store it as bytes"
    )
