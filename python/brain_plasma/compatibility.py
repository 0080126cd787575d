"""The Brain of brain-plasma 0.2, for programs that were written for it."""

from __future__ import annotations

from .arguments import DEFAULT_PATH
from .brain import Brain
from .exceptions import BrainError, BrainNameNotExistError
from .ids import DEFAULT_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypedDict

    from .brain_client import BrainClient
    from .ids import Metadata
    from .plasma import ObjectID

    class Info(TypedDict):
        """What belongs to a name, in the words of 0.2."""

        name: str
        id: bytes
        description: str | bool
        name_id: bytes
        namespace: str


class _UnknownNameError(BrainNameNotExistError):
    """A missing name, in the words of 0.2."""

    def __str__(self) -> str:
        if len(self.args) != 3:
            return super().__str__()
        name, namespace, _ = self.args
        return f'BrainError: Brain does not know the name "{name}" in namespace "{namespace}"'


class v02Brain:
    """A Brain with the methods of brain-plasma 0.2, over a Brain of today that belongs to it: values
    that it puts are there for any Brain of the same path, and the other way round.

    namespace: 5 to 15 characters, made where it does not exist.
    path: of the store, which is made where there is none.

    What 0.2 raised as BaseException('BrainError: ...') is a BrainError of the same text, which is an
    Exception; a missing name is a KeyError as well. All else that is raised, threads, forks and costs:
    as Brain.
    """

    def __init__(self, namespace: str = DEFAULT_NAMESPACE, path: str = DEFAULT_PATH) -> None:
        _check_namespace(namespace)
        self._brain = Brain(path=path, namespace=namespace)
        self.path = path

    # ---- names ----------------------------------------------------------------------------------

    def learn(self, name: str, thing: Any, description: str | bool = False) -> None:
        """Put `thing` under `name`. description: a str; without one there is none from now on."""
        if not isinstance(name, str):
            raise BrainError(f'BrainError: type of name "{name}" is not string')
        text = description.encode() if isinstance(description, str) else b""
        self._brain._learn(name, thing, text, None)

    def recall(self, name: str) -> Any:
        """The value of `name`; an error that is a KeyError where there is none."""
        try:
            return self._brain[name]
        except BrainNameNotExistError as error:
            raise _UnknownNameError(*error.args) from None

    def forget(self, name: str) -> None:
        """Delete `name`; an error that is a KeyError where there is none."""
        try:
            self._brain.forget(name, missing_ok=False)
        except BrainNameNotExistError as error:
            raise _UnknownNameError(*error.args) from None

    def __setitem__(self, name: str, item: Any) -> None:
        self.learn(name, item)

    def __getitem__(self, name: str) -> Any:
        return self.recall(name)

    def __delitem__(self, name: str) -> None:
        self.forget(name)

    def __contains__(self, name: str) -> bool:
        return name in self._brain

    def __len__(self) -> int:
        return len(self._brain)

    def names(self, namespace: str | None = None) -> list[str]:
        """The names in the current namespace, in the one that is given, or with 'all' in all."""
        return self._brain.names(namespace)

    # ---- what belongs to them -------------------------------------------------------------------

    def ids(self) -> list[ObjectID]:
        """The ids of the values of the current namespace."""
        return self._brain.ids()

    def object_map(self) -> dict[str, ObjectID]:
        """The ids of the values of the current namespace, by name."""
        return self._brain.object_ids()

    def info(self, name: str) -> Info:
        """What belongs to `name`: a dict with the keys name, id (of the value, 20 bytes), description
        (False: there is none), name_id (of this dict, 20 bytes) and namespace.
        """
        metadata = self._brain.metadata(name)
        if metadata is None:
            raise _UnknownNameError(name, self.namespace, self.path)
        return _info(metadata)

    def knowledge(self) -> list[Info]:
        """What belongs to each name of the current namespace: a list of dicts as info() gives."""
        return [_info(metadata) for metadata in self._brain.metadata(output="list")]

    # ---- namespaces -----------------------------------------------------------------------------

    @property
    def namespace(self) -> str:
        """The current namespace."""
        return self._brain.namespace

    def set_namespace(self, namespace: str | None = None) -> str:
        """The current namespace; or make another one current, and make it where it does not exist."""
        if namespace is not None:
            _check_namespace(namespace)
        return self._brain.set_namespace(namespace)

    def show_namespaces(self) -> set[str]:
        """The names of all namespaces, always with 'default'."""
        return self._brain.namespaces()

    def remove_namespace(self, namespace: str | None = None) -> str:
        """Remove a namespace, the current one where none is given, with everything in it."""
        name = self.namespace if namespace is None else namespace
        if name == DEFAULT_NAMESPACE:
            raise BrainError("BrainError: cannot remove default namespace")
        if name not in self.show_namespaces():
            raise BrainError(f'BrainError: namespace "{name}" does not exist')
        return self._brain.remove_namespace(name)

    # ---- the store ------------------------------------------------------------------------------

    @property
    def client(self) -> BrainClient:
        """The store as a PlasmaClient sees it."""
        return self._brain.client

    @property
    def bytes(self) -> int:
        """The capacity of the store in bytes."""
        return self._brain.bytes

    @property
    def mb(self) -> str:
        """The capacity of the store in millions of bytes, rounded: '50 MB'."""
        return self._brain.mb

    def size(self) -> int:
        """The capacity of the store in bytes."""
        return self._brain.size()

    def used(self) -> int:
        """What the values of the store take, in bytes."""
        return self._brain.used()

    def free(self) -> int:
        """size() - used(), in bytes."""
        return self._brain.free()

    def sleep(self) -> None:
        """End the use of the store until wake_up()."""
        self._brain.sleep()

    def wake_up(self) -> None:
        """Open the store again after sleep()."""
        self._brain.wake_up()


def _check_namespace(namespace: str) -> None:
    if len(namespace) < 5:
        raise BrainError(f'BrainError: namespace "{namespace}" must be at least 5 characters')
    if len(namespace) > 15:
        raise BrainError(f'BrainError: namespace "{namespace}" must be fewer than 15 characters')


def _info(metadata: Metadata) -> Info:
    return {
        "name": metadata["name"],
        "id": metadata["value_id"],
        "description": metadata["description"] or False,
        "name_id": metadata["metadata_id"],
        "namespace": metadata["namespace"],
    }
