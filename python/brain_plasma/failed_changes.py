"""What a put or a delete raises that failed: the class that says both what could not be done, and why.

The extension asks for it. What has no such class stays as it is: the name is none, the Brain is closed,
a signal came.
"""

from __future__ import annotations

from . import exceptions

_Classes = dict[type[BaseException], type[exceptions.BrainError]]

_LEARN: _Classes = {
    exceptions.BrainFullError: exceptions.BrainLearnFullError,
    exceptions.BrainQuotaError: exceptions.BrainLearnQuotaError,
    exceptions.BrainValueTypeError: exceptions.BrainLearnValueTypeError,
    exceptions.BrainPickleError: exceptions.BrainLearnPickleError,
    exceptions.BrainValueError: exceptions.BrainLearnValueError,
    exceptions.BrainTimeoutError: exceptions.BrainLearnTimeoutError,
    exceptions.BrainPermissionError: exceptions.BrainLearnPermissionError,
    exceptions.BrainOSError: exceptions.BrainLearnOSError,
    exceptions.BrainMemoryError: exceptions.BrainLearnMemoryError,
    exceptions.BrainBusyError: exceptions.BrainLearnBusyError,
    exceptions.BrainCorruptError: exceptions.BrainLearnCorruptError,
    MemoryError: exceptions.BrainLearnMemoryError,
}
_UPDATE: _Classes = {
    exceptions.BrainFullError: exceptions.BrainUpdateFullError,
    exceptions.BrainQuotaError: exceptions.BrainUpdateQuotaError,
    exceptions.BrainValueTypeError: exceptions.BrainUpdateValueTypeError,
    exceptions.BrainPickleError: exceptions.BrainUpdatePickleError,
    exceptions.BrainValueError: exceptions.BrainUpdateValueError,
    exceptions.BrainTimeoutError: exceptions.BrainUpdateTimeoutError,
    exceptions.BrainPermissionError: exceptions.BrainUpdatePermissionError,
    exceptions.BrainOSError: exceptions.BrainUpdateOSError,
    exceptions.BrainMemoryError: exceptions.BrainUpdateMemoryError,
    exceptions.BrainBusyError: exceptions.BrainUpdateBusyError,
    exceptions.BrainCorruptError: exceptions.BrainUpdateCorruptError,
    MemoryError: exceptions.BrainUpdateMemoryError,
}
_REMOVE: _Classes = {
    exceptions.BrainFullError: exceptions.BrainRemoveFullError,
    exceptions.BrainTimeoutError: exceptions.BrainRemoveTimeoutError,
    exceptions.BrainPermissionError: exceptions.BrainRemovePermissionError,
    exceptions.BrainOSError: exceptions.BrainRemoveOSError,
    exceptions.BrainMemoryError: exceptions.BrainRemoveMemoryError,
    exceptions.BrainBusyError: exceptions.BrainRemoveBusyError,
    exceptions.BrainCorruptError: exceptions.BrainRemoveCorruptError,
    MemoryError: exceptions.BrainRemoveMemoryError,
}


def failed_learn(error: BaseException) -> BaseException:
    """What a put of a new name raises that fails with `error`."""
    return _refined(error, _LEARN)


def failed_update(error: BaseException) -> BaseException:
    """What a put raises that fails with `error`, where there is a value already."""
    return _refined(error, _UPDATE)


def failed_delete(error: BaseException) -> BaseException:
    """What a delete raises that fails with `error`."""
    return _refined(error, _REMOVE)


def _refined(error: BaseException, classes: _Classes) -> BaseException:
    kind = classes.get(type(error))
    if kind is None:
        return error
    refined = kind(*error.args)
    refined.__context__ = error.__context__
    refined.__cause__ = error.__cause__
    refined.__suppress_context__ = error.__suppress_context__
    return refined.with_traceback(error.__traceback__)
