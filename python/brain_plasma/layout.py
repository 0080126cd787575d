"""How brain-plasma 0.3 laid out names behind a PlasmaClient: the objects that OverClient reads and writes.

    a value                under an id of its own, a random one
    what belongs to a name a dict with the id of its value, under the metadata id (ids.py)
    the namespaces         a set of str, under b'brain_namespaces_set'

An object cannot be changed, so a change of one of the latter two is a delete and a put. What was there is
put back where the second fails; where that fails, too, it is gone, and the error says so. Whoever reads in
between finds it missing: that is the layout's.
"""

from __future__ import annotations

from ._core import ObjectID
from .exceptions import (
    BrainClientDisconnectedError,
    BrainError,
    BrainLearnNameError,
    BrainRemoveOldNameValueError,
    BrainUpdateNameError,
)
from .ids import DEFAULT_NAMESPACE, NAMESPACES_ID, metadata_id_of, prefix_of
from .missing import ObjectNotAvailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from .brain_client import Client
    from .ids import Metadata

MISSING: object = object()
_TIMEOUT_MS = 100


class _LostError(Exception):
    """A new object could not be put, and the old one not be put back: there is none now."""


class Layout:
    """Names, values and namespaces behind `client`, which it uses and does not own.

    Threads: one at a time. Cost: as many calls of the client as the layout needs: 2 for a get, 5 for a
    put, one for each name for whatever is about many.
    """

    def __init__(self, client: Client | None) -> None:
        self._client = client

    @property
    def client(self) -> Client:
        """The client; BrainClientDisconnectedError where it is disconnected."""
        if self._client is None:
            raise BrainClientDisconnectedError("this Brain is asleep; wake_up() connects it again")
        return self._client

    # ---- objects --------------------------------------------------------------------------------

    def fetch(self, object_id: ObjectID) -> Any:
        """The object of an id, or MISSING."""
        if not self.client.contains(object_id):
            return MISSING
        try:
            found = self.client.get(object_id, timeout_ms=_TIMEOUT_MS)
        except KeyError:  # deleted meanwhile, to a client that is a dict
            return MISSING
        return MISSING if found is ObjectNotAvailable else found

    def remove(self, *object_ids: ObjectID) -> None:
        """One by one: some clients delete the first of a list only."""
        for object_id in object_ids:
            if self.client.contains(object_id):
                self.client.delete([object_id])

    def replace(self, object_id: ObjectID, new: object, old: object) -> None:
        """Put `new` in place of `old`; where that fails `old` is there again, or it is a _LostError."""
        self.remove(object_id)
        try:
            self.client.put(new, object_id)
        except BaseException as error:
            self._put_back(old, object_id, error)
            raise

    def _put_back(self, old: object, object_id: ObjectID, error: BaseException) -> None:
        try:
            self.client.put(old, object_id)
        except Exception as second:
            raise _LostError(
                f"the new one could not be put ({error!r}), nor the old one be put back ({second!r})"
            ) from error

    def _remove_quietly(self, *object_ids: ObjectID) -> None:
        try:
            self.remove(*object_ids)
        except Exception:  # what failed before is what counts
            pass

    # ---- names ----------------------------------------------------------------------------------

    def metadata(self, namespace: str, name: str) -> Metadata | None:
        """What belongs to a name; None where there is none."""
        found = self.fetch(ObjectID(metadata_id_of(namespace)(name)))
        ours = isinstance(found, dict) and found.get("name") == name
        return found if ours else None

    def all_metadata(self, namespace: str) -> list[Metadata]:
        """What belongs to each name of a namespace. The id alone does not tell: those of the namespace
        `users` begin as those of `users2` do.
        """
        prefix = prefix_of(namespace)
        known = (key for key in list(self.client.list()) if key.binary().startswith(prefix))
        found: list[Any] = [self.fetch(key) for key in known]
        dicts: list[Any] = [one for one in found if isinstance(one, dict)]
        return [one for one in dicts if one.get("namespace") == namespace]

    def value(self, metadata: Metadata | None) -> Any:
        """The value of a name whose metadata() these are, or MISSING."""
        return MISSING if metadata is None else self.fetch(ObjectID(metadata["value_id"]))

    def put(self, namespace: str, name: str, value: object, description: str | None) -> None:
        """Put a value; a description of None keeps the one that is there."""
        old = self.metadata(namespace, name)
        new: Metadata = {
            "name": name,
            "value_id": ObjectID.from_random().binary(),
            "metadata_id": metadata_id_of(namespace)(name),
            "description": description or (old["description"] if old else "") or "",
            "namespace": namespace,
        }
        try:
            self._put_new(new, value, old)
        except _LostError as error:
            assert old is not None
            raise BrainUpdateNameError(
                f"{name!r} is gone: of what belongs to it, {error}. Put the name again; its old value is "
                f"still behind the client, under {ObjectID(old['value_id'])!r}"
            ) from error.__cause__
        except Exception as error:
            kind = BrainUpdateNameError if old else BrainLearnNameError
            raise kind(f"{name!r} could not be put: {error!r}") from error
        if old is not None:
            self._forget_old(name, ObjectID(old["value_id"]))

    def _put_new(self, new: Metadata, value: object, old: Metadata | None) -> None:
        value_id, metadata_id = ObjectID(new["value_id"]), ObjectID(new["metadata_id"])
        try:
            self.client.put(value, value_id)
            if old is None:
                self.client.put(new, metadata_id)
            else:
                self.replace(metadata_id, new, old)
        except BaseException:
            self._remove_quietly(value_id)
            raise

    def _forget_old(self, name: str, value_id: ObjectID) -> None:
        try:
            self.remove(value_id)
        except Exception as error:
            raise BrainRemoveOldNameValueError(
                f"{name!r} has its new value, but the old one could not be removed: {error!r}"
            ) from error

    def delete(self, metadata: Metadata) -> None:
        """Delete a name whose metadata() these are. The value goes last: a name never leads nowhere."""
        try:
            self.remove(ObjectID(metadata["metadata_id"]), ObjectID(metadata["value_id"]))
        except Exception as error:
            raise BrainRemoveOldNameValueError(
                f"{metadata['name']!r} could not be removed: {error!r}"
            ) from error

    # ---- namespaces -----------------------------------------------------------------------------

    def namespaces(self) -> set[str]:
        """All of them."""
        found = self.fetch(ObjectID(NAMESPACES_ID))
        return {DEFAULT_NAMESPACE} if found is MISSING else {DEFAULT_NAMESPACE, *found}

    def set_namespaces(self, namespaces: Iterable[str]) -> None:
        """Write which there are, where it is not what is written there."""
        object_id = ObjectID(NAMESPACES_ID)
        old, new = self.fetch(object_id), {DEFAULT_NAMESPACE, *namespaces}
        if old is MISSING:
            self.client.put(new, object_id)
        elif old != new:
            try:
                self.replace(object_id, new, old)
            except _LostError as error:
                raise BrainError(
                    f"the set of namespaces is gone: {error}. What is in them is still there; "
                    f"set_namespace() with each of {sorted(old)} makes the set again"
                ) from error.__cause__
