"""A dictionary in shared memory.

    from brain_plasma import Brain

    brain = Brain()                 # the store /tmp/plasma, made where there is none
    brain['x'] = numpy.arange(10)   # any process on this machine now has brain['x']

`Brain` has everything; `brain_plasma.plasma` is what pyarrow.plasma was. What Brain raises is here, too,
and in `brain_plasma.exceptions`: `from brain_plasma import BrainFullError`.
"""

from . import exceptions
from ._core import __version__
from .brain import Brain
from .brain_client import BrainClient
from .codecs import register, unregister
from .exceptions import *  # noqa: F403

__all__ = [
    "Brain",
    "BrainBusyError",
    "BrainClient",
    "BrainClientDisconnectedError",
    "BrainClosedError",
    "BrainCorruptError",
    "BrainDestroyedError",
    "BrainDumpDamagedError",
    "BrainDumpNameNotExistError",
    "BrainDumpNotFoundError",
    "BrainDumpPickleError",
    "BrainError",
    "BrainExistsError",
    "BrainFileNotFoundError",
    "BrainForkedError",
    "BrainFormatError",
    "BrainFullError",
    "BrainLearnBusyError",
    "BrainLearnCorruptError",
    "BrainLearnFullError",
    "BrainLearnMemoryError",
    "BrainLearnNameError",
    "BrainLearnOSError",
    "BrainLearnPermissionError",
    "BrainLearnPickleError",
    "BrainLearnQuotaError",
    "BrainLearnTimeoutError",
    "BrainLearnValueError",
    "BrainLearnValueTypeError",
    "BrainMemoryError",
    "BrainMissingPackageError",
    "BrainNameLengthError",
    "BrainNameNotExistError",
    "BrainNameTypeError",
    "BrainNamespaceNameError",
    "BrainNamespaceNotExistError",
    "BrainNamespaceRemoveDefaultError",
    "BrainOSError",
    "BrainPermissionError",
    "BrainPickleError",
    "BrainQuotaError",
    "BrainRecallPackageError",
    "BrainReferenceError",
    "BrainRemoveBusyError",
    "BrainRemoveCorruptError",
    "BrainRemoveFullError",
    "BrainRemoveMemoryError",
    "BrainRemoveOSError",
    "BrainRemoveOldNameValueError",
    "BrainRemovePermissionError",
    "BrainRemoveTimeoutError",
    "BrainRestoreError",
    "BrainStaleError",
    "BrainStoreNotFoundError",
    "BrainTimeoutError",
    "BrainUnsupportedError",
    "BrainUpdateBusyError",
    "BrainUpdateCorruptError",
    "BrainUpdateFullError",
    "BrainUpdateMemoryError",
    "BrainUpdateNameError",
    "BrainUpdateOSError",
    "BrainUpdatePermissionError",
    "BrainUpdatePickleError",
    "BrainUpdateQuotaError",
    "BrainUpdateTimeoutError",
    "BrainUpdateValueError",
    "BrainUpdateValueTypeError",
    "BrainValueError",
    "BrainValueTypeError",
    "__version__",
    "exceptions",
    "load_ipython_extension",
    "register",
    "unregister",
]


def load_ipython_extension(shell: object) -> None:
    """What `%load_ext brain_plasma` calls: then there is `%brain`."""
    from . import notebook

    notebook.load(shell)
