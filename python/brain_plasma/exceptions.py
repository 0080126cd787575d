"""What brain_plasma raises: BrainError, and a class below it for each thing that can go wrong.

Where Python has an exception for the same thing, ours is one of these as well: a missing name is a
KeyError, a wait that lasted too long a TimeoutError, and so on.

All that has a name here is one of these: `from .exceptions import *` takes nothing else.
"""


class BrainError(Exception):
    """Any error of brain_plasma."""


# ---- names and namespaces ---------------------------------------------------------------------


class BrainNameNotExistError(BrainError, KeyError):
    """There is no such name in the namespace.

    `args` is the name, the namespace and the path of the store; `hint`, behind the text, is what may have been meant.
    """

    hint: str = ""

    def __str__(self) -> str:
        if len(self.args) != 3:
            return super().__str__()
        name, namespace, path = self.args
        return f"there is no {name!r} in namespace {namespace!r} of the store {path!r}{self.hint}"


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


class BrainReferenceError(BrainError, ReferenceError):
    """What a Ref refers to was gone when it came: the name had another value by then, or the store was removed."""


class BrainValueTypeError(BrainError, TypeError):
    """A value cannot be stored: it, or something in it, has no form here and cannot be pickled. Or it cannot be
    written as a table. The message says what."""


class BrainPickleError(BrainError):
    """A value needs a pickle, and the store was opened so that pickles are refused."""


class BrainLearnNameError(BrainError):
    """A new name could not be stored. What is raised is also of the class that says why:
    BrainLearnFullError is a BrainFullError, and so on.
    """


class BrainUpdateNameError(BrainError):
    """A value could not be replaced; the old one stays. What is raised is also of the class that says
    why: BrainUpdateFullError is a BrainFullError, and so on. Of a Brain over a client the name may be gone:
    the message says so.
    """


class BrainRemoveOldNameValueError(BrainError):
    """The old value of a name could not be removed; it stays. What is raised is also of the class that
    says why: BrainRemoveTimeoutError is a BrainTimeoutError, and so on.
    """


class BrainStaleError(BrainError):
    """A name has another version than the one that was asked for."""


# ---- the store --------------------------------------------------------------------------------


class BrainFullError(BrainError, MemoryError):
    """The capacity of the store is reached, or its file system has no room, or of a dump or a table's file the
    disk; nothing has changed."""


class BrainQuotaError(BrainFullError):
    """A namespace would come to more bytes than its quota; nothing has changed. The message says which."""


class BrainBusyError(BrainError):
    """A limit of this process or of the store is reached: too many clients, pins or snapshots."""


class BrainTimeoutError(BrainError, TimeoutError):
    """Another writer held the lock, or nothing changed, for that long."""


class BrainClosedError(BrainError, ValueError):
    """The Brain is closed."""


class BrainClientDisconnectedError(BrainClosedError):
    """The Brain is asleep; wake_up() connects it again."""


class BrainPermissionError(BrainError, PermissionError):
    """Not allowed: the owner or the mode of the store, or of the file of a dump; or it was opened read-only."""


class BrainStoreNotFoundError(BrainError, FileNotFoundError):
    """There is no store at that path, and none was to be made."""


class BrainExistsError(BrainError, FileExistsError):
    """There is a store, or a name, already."""


class BrainOSError(BrainError, OSError):
    """The operating system refused something."""


class BrainMemoryError(BrainError, MemoryError):
    """This process has no memory, or no address space, left."""


class BrainUnsupportedError(BrainError, NotImplementedError):
    """A Brain over a client of the caller's own cannot do this."""


class BrainCorruptError(BrainError):
    """The bytes of the store make no sense: it is damaged, cut short, or no store."""


class BrainFormatError(BrainError):
    """The store, or the dump, was made by a version of the library that this one cannot read; or it is no dump; or a
    file cannot be read as a table of the format that it should have."""


class BrainMissingPackageError(BrainError, ImportError):
    """What was asked for needs a package that is not installed. The message says which."""


class BrainRecallPackageError(BrainMissingPackageError, BrainValueError):
    """A value cannot be recalled here: a package is not installed that it needs. The message says which."""


class BrainDestroyedError(BrainError):
    """Somebody removed the store while it was open. What was recalled stays valid."""


class BrainForkedError(BrainError):
    """This process came about without fork(): open the store anew. Or what is to be written belongs to its parent:
    begin it here."""


# ---- dumps ------------------------------------------------------------------------------------


class BrainDumpNotFoundError(BrainError, FileNotFoundError):
    """There is no dump there; or no folder, to write one into."""


class BrainDumpDamagedError(BrainCorruptError):
    """A dump is damaged, or ends too early. The message says where; nothing has been loaded of it."""


class BrainDumpPickleError(BrainPickleError):
    """A dump has pickles, and somebody else could have written it. Everything else of it is loaded.

    `result` is the LoadResult, whose `refused` has the names of the pickles.
    """

    result: object = None


class BrainDumpNameNotExistError(BrainNameNotExistError):
    """A dump does not have a name that was to be loaded. Everything else that was asked for is loaded.

    `args` is the name, the namespace and the dump; `result` is the LoadResult, and `missing` all such names.
    """

    result: object = None
    missing: tuple[str, ...] = ()

    def __str__(self) -> str:
        name, namespace, place = self.args
        more = f", nor {len(self.missing) - 1} others" if len(self.missing) > 1 else ""
        return (
            f"there is no {name!r} in namespace {namespace!r} of the dump {place}{more}. What there is of the "
            "names was loaded"
        )


class BrainRestoreError(BrainError):
    """The store could not be restored from its dump or its home, by this process or by another one. Until it is,
    dump() and sync() raise this, too, and do not write over what has not come back."""


# ---- files of tables ----------------------------------------------------------------------------


class BrainFileNotFoundError(BrainError, FileNotFoundError):
    """There is no file of a table there; or no folder, to write one into."""


# ---- changes that failed ------------------------------------------------------------------------
#
# What could not be done, and why, in one class: whoever catches either gets it. Where both matter,
# these can be caught by their own names.


class BrainLearnFullError(BrainLearnNameError, BrainFullError):
    """A new name could not be stored: the store is full."""


class BrainLearnQuotaError(BrainLearnFullError, BrainQuotaError):
    """A new name could not be stored: the quota of the namespace is reached."""


class BrainLearnValueTypeError(BrainLearnNameError, BrainValueTypeError):
    """A new name could not be stored: it cannot be pickled."""


class BrainLearnPickleError(BrainLearnNameError, BrainPickleError):
    """A new name could not be stored: pickles are refused here."""


class BrainLearnValueError(BrainLearnNameError, BrainValueError):
    """A new name could not be stored: something about it is out of its range."""


class BrainLearnTimeoutError(BrainLearnNameError, BrainTimeoutError):
    """A new name could not be stored: another writer held the lock for too long."""


class BrainLearnPermissionError(BrainLearnNameError, BrainPermissionError):
    """A new name could not be stored: this Brain may not write."""


class BrainLearnOSError(BrainLearnNameError, BrainOSError):
    """A new name could not be stored: the operating system refused something."""


class BrainLearnMemoryError(BrainLearnNameError, BrainMemoryError):
    """A new name could not be stored: this process has no memory left."""


class BrainLearnBusyError(BrainLearnNameError, BrainBusyError):
    """A new name could not be stored: a limit is reached."""


class BrainLearnCorruptError(BrainLearnNameError, BrainCorruptError):
    """A new name could not be stored: the store is damaged."""


class BrainUpdateFullError(BrainUpdateNameError, BrainFullError):
    """A value could not be replaced: the store is full. The old one stays."""


class BrainUpdateQuotaError(BrainUpdateFullError, BrainQuotaError):
    """A value could not be replaced: the quota of the namespace is reached. The old one stays."""


class BrainUpdateValueTypeError(BrainUpdateNameError, BrainValueTypeError):
    """A value could not be replaced: it cannot be pickled. The old one stays."""


class BrainUpdatePickleError(BrainUpdateNameError, BrainPickleError):
    """A value could not be replaced: pickles are refused here. The old one stays."""


class BrainUpdateValueError(BrainUpdateNameError, BrainValueError):
    """A value could not be replaced: something about it is out of its range. The old one stays."""


class BrainUpdateTimeoutError(BrainUpdateNameError, BrainTimeoutError):
    """A value could not be replaced: another writer held the lock for too long. The old one stays."""


class BrainUpdatePermissionError(BrainUpdateNameError, BrainPermissionError):
    """A value could not be replaced: this Brain may not write. The old one stays."""


class BrainUpdateOSError(BrainUpdateNameError, BrainOSError):
    """A value could not be replaced: the operating system refused something. The old one stays."""


class BrainUpdateMemoryError(BrainUpdateNameError, BrainMemoryError):
    """A value could not be replaced: this process has no memory left. The old one stays."""


class BrainUpdateBusyError(BrainUpdateNameError, BrainBusyError):
    """A value could not be replaced: a limit is reached. The old one stays."""


class BrainUpdateCorruptError(BrainUpdateNameError, BrainCorruptError):
    """A value could not be replaced: the store is damaged. The old one stays."""


class BrainRemoveFullError(BrainRemoveOldNameValueError, BrainFullError):
    """An old value could not be removed: the store is full."""


class BrainRemoveTimeoutError(BrainRemoveOldNameValueError, BrainTimeoutError):
    """An old value could not be removed: another writer held the lock for too long."""


class BrainRemovePermissionError(BrainRemoveOldNameValueError, BrainPermissionError):
    """An old value could not be removed: this Brain may not write."""


class BrainRemoveOSError(BrainRemoveOldNameValueError, BrainOSError):
    """An old value could not be removed: the operating system refused something."""


class BrainRemoveMemoryError(BrainRemoveOldNameValueError, BrainMemoryError):
    """An old value could not be removed: this process has no memory left."""


class BrainRemoveBusyError(BrainRemoveOldNameValueError, BrainBusyError):
    """An old value could not be removed: a limit is reached."""


class BrainRemoveCorruptError(BrainRemoveOldNameValueError, BrainCorruptError):
    """An old value could not be removed: the store is damaged."""
