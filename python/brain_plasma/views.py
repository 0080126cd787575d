"""Views of keys, values and items, like those of a dict."""

from __future__ import annotations

from collections.abc import ItemsView, Mapping, ValuesView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .brain import Brain

_MISSING: object = object()


class InNamespace(Mapping[str, "Any"]):
    """A namespace of a Brain that need not be the current one, to be read. Refers to the Brain."""

    def __init__(self, brain: Brain, namespace: str) -> None:
        self._brain = brain
        self._namespace = namespace
        len(self)  # what cannot be a namespace is an error at once

    def __getitem__(self, name: str) -> Any:
        return self._brain.recall(name, namespace=self._namespace)

    def __contains__(self, name: object) -> bool:
        return self._brain.exists(name, namespace=self._namespace)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return self._brain._count(namespace=self._namespace)

    def __iter__(self) -> Iterator[str]:
        return iter(self._brain._names(self._namespace))

    def get(self, name: str, default: Any = None) -> Any:
        """The value of `name`, or `default` where there is none."""
        return self._brain.get(name, default, namespace=self._namespace)


class Values(ValuesView["Any"]):
    """The values, each recalled when its turn comes."""

    _mapping: Brain | InNamespace

    def __iter__(self) -> Iterator[Any]:
        for _, value in _present(self._mapping):
            yield value

    def __contains__(self, value: object) -> bool:
        return any(found is value or found == value for found in self)


class Items(ItemsView[str, "Any"]):
    """The pairs of name and value, each recalled when its turn comes."""

    _mapping: Brain | InNamespace

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return _present(self._mapping)


def _present(mapping: Brain | InNamespace) -> Iterator[tuple[str, Any]]:
    for name in mapping:
        value = mapping.get(name, _MISSING)
        if value is not _MISSING:
            yield name, value
