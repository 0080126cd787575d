"""What Plasma clients raise: pyarrow's ArrowException, where pyarrow is installed, and a BrainError."""

from __future__ import annotations

from .exceptions import BrainClientDisconnectedError, BrainDestroyedError, BrainError

TYPE_CHECKING = False
if TYPE_CHECKING:

    class ArrowException(Exception):
        """pyarrow's, which has no type hints."""

else:
    try:
        from pyarrow.lib import ArrowException
    except ImportError:

        class ArrowException(Exception):
            """Stands for pyarrow's, which is not installed."""


class PlasmaObjectNotFound(ArrowException, BrainError):
    """There is no such object in the store, or this client did not create it."""


class PlasmaObjectExists(ArrowException, BrainError):
    """There is such an object already, sealed or being written."""


class PlasmaStoreFull(ArrowException, BrainError, MemoryError):
    """There is no room for an object, and not enough that could be evicted."""


class PlasmaObjectSealed(PlasmaObjectNotFound, TypeError):
    """An object is sealed already."""


class PlasmaDisconnectedError(BrainClientDisconnectedError, OSError):
    """This client has disconnected, or cannot go on."""


class PlasmaStoreGoneError(BrainDestroyedError, OSError):
    """The store was removed while this client was connected. What was got stays valid."""
