"""The client that a Brain has beside it: its store as a PlasmaClient sees it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Protocol

    from .plasma import ObjectID, PlasmaClient

    class Client(Protocol):
        """What a Brain calls of a client."""

        def put(self, value: Any, object_id: ObjectID, /) -> Any:
            """Store `value` under an id that is free."""

        def get(self, object_id: ObjectID, /, *, timeout_ms: int) -> Any:
            """The value of an id, or ObjectNotAvailable, or a KeyError."""

        def list(self) -> Mapping[ObjectID, Mapping[str, Any]]:
            """All ids, each with at least its data_size."""

        def store_capacity(self) -> int:
            """In bytes."""

        def delete(self, object_ids: Sequence[ObjectID], /) -> Any:
            """Remove values."""

        def contains(self, object_id: ObjectID, /) -> bool:
            """Whether an id has a value."""

        def disconnect(self) -> Any:
            """The end."""


_TRIES = 5


class BrainClient:
    """A PlasmaClient of the store at `path`, as brain-plasma 0.3 wrapped it: a Brain has one as its
    `client`, and it is what Brain(ClientClass=...) takes by default.

    path: of a store that exists; it is tried 5 times, 100 ms apart.
    read_only, shared, pickle: as of Brain(); that of a Brain has what the Brain was opened with.

    The arguments and results of its methods are those of brain_plasma.plasma.PlasmaClient. `client` is
    the PlasmaClient, which it owns.
    Raises what brain_plasma.plasma.connect() raises: an OSError where there is no store.
    Threads, forks: as a PlasmaClient. Cost: some 20 system calls.
    """

    client: PlasmaClient

    def __init__(
        self, path: str, *, read_only: bool = False, shared: bool = False, pickle: bool | None = None
    ) -> None:
        from .plasma import connect

        self.client = connect(path, num_retries=_TRIES, read_only=read_only, shared=shared, pickle=pickle)

    def put(self, *args: Any, **kwargs: Any) -> Any:
        """Store a value; returns its ObjectID."""
        return self.client.put(*args, **kwargs)

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """The value of an id, or the values of a list of ids."""
        return self.client.get(*args, **kwargs)

    def list(self) -> Any:
        """The objects of the store: a dict ObjectID -> what is known of it."""
        return self.client.list()

    def store_capacity(self) -> int:
        """The capacity of the store in bytes."""
        return self.client.store_capacity()

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Delete the objects of a list of ids."""
        return self.client.delete(*args, **kwargs)

    def contains(self, *args: Any, **kwargs: Any) -> bool:
        """Whether there is an object of that id."""
        return self.client.contains(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """All else that a PlasmaClient has."""
        if name == "client":  # it could not be made
            raise AttributeError(name)
        return getattr(self.client, name)

    def disconnect(self) -> None:
        """End the use of the store. Buffers stay valid; further calls raise."""
        self.client.disconnect()
