"""What brain_plasma raises: BrainError, and a class below it for each thing that can go wrong.

Where Python has an exception for the same thing, ours is one of these as well: a missing name is a
KeyError, a wait that lasted too long a TimeoutError, and so on.
"""

from __future__ import annotations


class BrainError(Exception):
    """Any error of brain_plasma."""


# ---- names and namespaces ---------------------------------------------------------------------


class BrainNameNotExistError(BrainError, KeyError):
    """There is no such name in the namespace.

    `args` is the name, the namespace and the path of the store.
    """

    def __str__(self) -> str:
        if len(self.args) != 3:
            return super().__str__()
        name, namespace, path = self.args
        return f"there is no {name!r} in namespace {namespace!r} of the store {path!r}"


class BrainNameTypeError(BrainError, TypeError):
    """A name is not a str."""


class BrainNameLengthError(BrainError, ValueError):
    """A name is too long."""


class BrainNamespaceNameError(BrainError, ValueError):
    """This cannot be the name of a namespace."""


class BrainNamespaceNotExistError(BrainError, LookupError):
    """There is no such namespace."""


class BrainNamespaceRemoveDefaultError(BrainError, ValueError):
    """The namespace 'default' cannot be removed."""


# ---- values -----------------------------------------------------------------------------------


class BrainValueError(BrainError, ValueError):
    """An argument is out of its range, or a value cannot be recalled here."""


class BrainValueTypeError(BrainError, TypeError):
    """A value cannot be stored: it, or something in it, cannot be pickled. The message says what."""


class BrainPickleError(BrainError):
    """A value needs a pickle, and the store was opened so that pickles are refused."""


class BrainLearnNameError(BrainError):
    """A new name could not be stored."""


class BrainUpdateNameError(BrainError):
    """A value could not be replaced; the old one stays."""


class BrainRemoveOldNameValueError(BrainError):
    """The old value of a name could not be removed."""


class BrainStaleError(BrainError):
    """A name has another version than the one that was asked for."""


# ---- the store --------------------------------------------------------------------------------


class BrainFullError(BrainError, MemoryError):
    """The capacity of the store is reached, or its file system has no room; nothing has changed."""


class BrainBusyError(BrainError):
    """A limit of this process or of the store is reached: too many clients, pins or snapshots."""


class BrainTimeoutError(BrainError, TimeoutError):
    """Another writer held the lock, or nothing changed, for that long."""


class BrainClosedError(BrainError, ValueError):
    """The Brain is closed."""


class BrainClientDisconnectedError(BrainClosedError):
    """The Brain is asleep; wake_up() connects it again."""


class BrainPermissionError(BrainError, PermissionError):
    """Not allowed: the owner or the mode of the store, or it was opened read-only."""


class BrainStoreNotFoundError(BrainError, FileNotFoundError):
    """There is no store at that path, and none was to be made."""


class BrainExistsError(BrainError, FileExistsError):
    """There is a store, or a name, already."""


class BrainOSError(BrainError, OSError):
    """The operating system refused something."""


class BrainMemoryError(BrainError, MemoryError):
    """This process has no memory, or no address space, left."""


class BrainCorruptError(BrainError):
    """The bytes of the store make no sense: it is damaged, cut short, or no store."""


class BrainFormatError(BrainError):
    """The store was made by a version of the library that this one cannot read."""


class BrainDestroyedError(BrainError):
    """Somebody removed the store while it was open. What was recalled stays valid."""


class BrainForkedError(BrainError):
    """This process came about without fork(): open the store anew."""
