"""A dictionary in shared memory.

    from brain_plasma import Brain

    brain = Brain()                 # the store /tmp/plasma, made where there is none
    brain['x'] = numpy.arange(10)   # any process on this machine now has brain['x']

`Brain` has everything. What it raises is here, too, and in `brain_plasma.exceptions`:
`from brain_plasma import BrainFullError`.
"""

from . import exceptions
from ._core import __version__
from .brain import Brain
from .exceptions import (
    BrainBusyError,
    BrainClientDisconnectedError,
    BrainClosedError,
    BrainCorruptError,
    BrainDestroyedError,
    BrainError,
    BrainExistsError,
    BrainForkedError,
    BrainFormatError,
    BrainFullError,
    BrainLearnNameError,
    BrainMemoryError,
    BrainNameLengthError,
    BrainNameNotExistError,
    BrainNameTypeError,
    BrainNamespaceNameError,
    BrainNamespaceNotExistError,
    BrainNamespaceRemoveDefaultError,
    BrainOSError,
    BrainPermissionError,
    BrainPickleError,
    BrainRemoveOldNameValueError,
    BrainStaleError,
    BrainStoreNotFoundError,
    BrainTimeoutError,
    BrainUpdateNameError,
    BrainValueError,
    BrainValueTypeError,
)

__all__ = [
    "Brain",
    "BrainBusyError",
    "BrainClientDisconnectedError",
    "BrainClosedError",
    "BrainCorruptError",
    "BrainDestroyedError",
    "BrainError",
    "BrainExistsError",
    "BrainForkedError",
    "BrainFormatError",
    "BrainFullError",
    "BrainLearnNameError",
    "BrainMemoryError",
    "BrainNameLengthError",
    "BrainNameNotExistError",
    "BrainNameTypeError",
    "BrainNamespaceNameError",
    "BrainNamespaceNotExistError",
    "BrainNamespaceRemoveDefaultError",
    "BrainOSError",
    "BrainPermissionError",
    "BrainPickleError",
    "BrainRemoveOldNameValueError",
    "BrainStaleError",
    "BrainStoreNotFoundError",
    "BrainTimeoutError",
    "BrainUpdateNameError",
    "BrainValueError",
    "BrainValueTypeError",
    "__version__",
    "exceptions",
]
