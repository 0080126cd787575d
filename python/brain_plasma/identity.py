"""What a Brain says about ids: which object is whose, to a PlasmaClient of the same store."""

from __future__ import annotations

from . import _core, ids
from ._core import ObjectID

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Literal, overload

    from .ids import Metadata


class Identified(_core.Brain):
    """The part of Brain about ids and descriptions."""

    def object_id(self, name: str, *, namespace: str | None = None) -> ObjectID | None:
        """The id of the value of `name`, None where there is no such name. It is of this one version of
        the value: what replaces it has another.

        namespace: None is the current one. Threads: any. Never waits. Cost: a lookup.
        """
        entry = self._entry(name, namespace)
        return None if entry is None else ObjectID(entry[0])

    def object_ids(self, *, namespace: str | None = None) -> dict[str, ObjectID]:
        """The ids of the values of all names, as of one moment, by name.

        namespace: None is the current one. Threads: any. Never waits. Cost: grows with the names.
        """
        return {name: ObjectID(value_id) for name, value_id, _, _ in self._entries(namespace)}

    def ids(self, *, namespace: str | None = None) -> list[ObjectID]:
        """The ids of the values of all names, as of one moment and in no particular order.

        namespace: None is the current one. Threads: any. Never waits. Cost: grows with the names.
        """
        return list(self.object_ids(namespace=namespace).values())

    if TYPE_CHECKING:

        @overload
        def metadata(
            self, name: str, /, *, output: str = "dict", namespace: str | None = None
        ) -> Metadata | None: ...

        @overload
        def metadata(
            self, *, output: Literal["dict"] = "dict", namespace: str | None = None
        ) -> dict[str, Metadata]: ...

        @overload
        def metadata(
            self, *, output: Literal["list"], namespace: str | None = None
        ) -> list[Metadata]: ...

        @overload
        def metadata(self, *names: str, output: str = "dict", namespace: str | None = None) -> Any: ...

    def metadata(self, *names: str, output: str = "dict", namespace: str | None = None) -> Any:
        """What belongs to names: dicts with the keys

            name          str
            value_id      bytes, 20: the id of the value
            metadata_id   bytes, 20: the id of this dict; follows from namespace and name
            description   str, '' where there is none
            namespace     str

        Of one name: its dict, or None where there is no such name. Of several: a dict of name -> that,
        or with output='list' a list in the order of the names. Of none: of all that there are as of one
        moment, as a dict by name or as a list.

        namespace: None is the current one; one that does not exist has no names.
        Raises TypeError for any other output; BrainNameTypeError.
        Threads: any. Never waits for a writer. Cost: a lookup and a hash for each name.
        """
        if output not in ("dict", "list"):
            raise TypeError(f"output has to be 'dict' or 'list', not {output!r}")
        space = self._space if namespace is None else namespace
        if not names:
            found = ids.metadata_of(space, self._entries(space))
            return found if output == "list" else {one["name"]: one for one in found}
        some = [self._metadata_of(name, space) for name in names]
        if len(names) == 1:
            return some[0]
        return some if output == "list" else dict(zip(names, some))

    def _metadata_of(self, name: str, namespace: str) -> Metadata | None:
        entry = self._entry(name, namespace)
        if entry is None:
            return None
        return ids.metadata_of(namespace, [(name, *entry, 0)])[0]

    def _hash(self, name: str, digest_bytes: int) -> bytes:
        """The blake2b digest of `name` of 1 to 64 bytes."""
        return ids.digest(name, digest_bytes)

    def _name_to_hash(self, name: str) -> ObjectID:
        """The id that is the digest of `name`."""
        return ObjectID(ids.digest(name, ids.ID_BYTES))

    def _name_to_justified_hash(self, name: str) -> ObjectID:
        """The id that is `name`, and its digest in what is left. BrainNameLengthError beyond 16 bytes."""
        return ObjectID(ids.justified_id(name))

    def _name_to_namespace_hash(self, name: str, namespace: str | None = None) -> ObjectID:
        """The metadata id of `name`, whether or not there is such a name. namespace: none is the current
        one.
        """
        return ObjectID(ids.metadata_id_of(namespace or self._space)(name))
