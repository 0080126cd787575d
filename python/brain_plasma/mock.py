"""A client without a store: for tests, and for a Brain on a machine that has none."""

from __future__ import annotations

from ._core import ObjectID
from .missing import ObjectNotAvailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_CAPACITY_BYTES = 10_000


class MockPlasmaClient:
    """Has the calls of BrainClient and keeps everything in a dict of its own, in this process.

        brain = Brain(ClientClass=MockPlasmaClient)

    path: is noted and not used: two of one path know nothing of each other.

    Values are kept as they are, without a copy and without a limit: store_capacity() is 10,000 whatever
    is in it. After disconnect() each call is an OSError, until reconnect().
    Threads: any. Forks: the child has what there was, and goes on alone.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.data: dict[ObjectID, Any] = {}
        self._connected = True

    def _connected_data(self) -> dict[ObjectID, Any]:
        if not self._connected:
            raise OSError(f"this client of {self.path!r} is disconnected")
        return self.data

    def put(
        self, value: Any, object_id: ObjectID | None = None, *args: Any, **kwargs: Any
    ) -> ObjectID:
        """Keep `value`, under a random id where none is given. Returns the id. Other arguments of a
        PlasmaClient are accepted.
        """
        if object_id is None:
            object_id = ObjectID.from_random()
        self._connected_data()[object_id] = value
        return object_id

    def get(self, object_ids: ObjectID | list[ObjectID], *args: Any, **kwargs: Any) -> Any:
        """The value of an id, or a list of values for a list of ids; for one that is missing at once
        ObjectNotAvailable: nobody else could put it. Other arguments of a PlasmaClient are accepted.
        """
        data = self._connected_data()
        if isinstance(object_ids, list):
            return [data.get(object_id, ObjectNotAvailable) for object_id in object_ids]
        return data.get(object_ids, ObjectNotAvailable)

    def list(self) -> dict[ObjectID, dict[str, Any]]:
        """All ids, each with what a PlasmaClient has of one: a `data_size` in bytes, that of the object
        itself, and what an object in a store that nobody else uses would have.
        """
        return {key: _entry(value) for key, value in dict(self._connected_data()).items()}

    def delete(self, object_ids: Iterable[ObjectID]) -> None:
        """Remove the values of some ids. Ids without one are ignored."""
        data = self._connected_data()
        for object_id in object_ids:
            data.pop(object_id, None)

    def store_capacity(self) -> int:
        """10,000, in bytes."""
        self._connected_data()
        return _CAPACITY_BYTES

    def contains(self, object_id: ObjectID) -> bool:
        """Whether an id has a value."""
        return object_id in self._connected_data()

    def disconnect(self) -> None:
        """Let every further call fail."""
        self._connected = False

    def reconnect(self) -> None:
        """Undo disconnect(): what wake_up() asks of a client that is all the store there is."""
        self._connected = True


def _entry(value: object) -> dict[str, Any]:
    return {
        "data_size": value.__sizeof__(),
        "metadata_size": 0,
        "ref_count": 0,
        "create_time": 0,
        "construct_duration": 0,
        "state": "sealed",
    }
