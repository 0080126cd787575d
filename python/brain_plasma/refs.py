"""References to stored values, that go to another process in place of the values."""

from __future__ import annotations

import weakref
from contextlib import suppress

from . import _core
from .exceptions import (
    BrainDestroyedError,
    BrainPickleError,
    BrainReferenceError,
    BrainStoreNotFoundError,
    BrainValueError,
    BrainValueTypeError,
)
from .ids import DEFAULT_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Ref:
    """One version of a stored value, to be sent to another process of this machine without its bytes.

        with Pool() as pool:
            pool.map(work, [(brain.ref("df"), part) for part in range(8)])

        def work(task):
            df, part = task[0].value, task[1]

    It is made by Brain.ref(), and pickles as the path of the store and an id. `value` is the value, recalled
    anew each time, over the shared bytes. It stays as it was for as long as the Ref is there, whoever replaces or
    deletes the name, and also when its Brain is closed; copies of it are itself. That holds where it was made, and
    from its arrival on in another process; where the name has another value by the time that it arrives, or the
    store is gone, `value` raises BrainReferenceError there. It makes no store, and restores none.

    name, version: what it was made of. `type`: the name of the value's type, where it was made of the value;
        None where it was made of a name.
    Threads: any. Fork: the child has it too.
    """

    __slots__ = ("_brain", "_id", "_options", "_view", "name", "type", "version")

    def __init__(
        self,
        brain: _core.Brain | None,
        options: dict[str, Any],
        id: bytes,
        view: _core.View | None,
        name: str,
        version: int,
        type: str | None = None,
    ) -> None:
        self._brain = brain  # None: its store was gone when the Ref came
        self._options = options  # of that Brain, which may be closed when they are needed
        self._id = id
        self._view = view  # keeps it; None: it was gone when the Ref came
        self.name = name
        self.version = version
        self.type = type

    @property
    def value(self) -> Any:
        """The value, as brain[name] gave it. Raises what that raises of the value, and BrainReferenceError. Cost: a
        recall.
        """
        if self._brain is None:
            raise BrainReferenceError(
                f"the store {self._options['path']!r} was gone when this Ref came here, and with it version "
                f"{self.version} of {self._what()} which it refers to: it was removed since, or is not to be seen from "
                "here"
            )
        if self._view is None:
            raise BrainReferenceError(
                f"version {self.version} of {self._what()} in the store {self._options['path']!r} was gone when this "
                "Ref came here: the name had another value by then, or none. Replace it after those who get a Ref "
                "have used it, or send the value"
            )
        return self._brain._recall_view(self._view)

    def _what(self) -> str:
        return repr(self.name) if self.type is None else f"{self.name!r}, a {self.type},"

    def __repr__(self) -> str:
        what = self._what().rstrip(",")
        return f"<Ref to {what}, version {self.version}, of the store {self._options['path']!r}>"

    def __eq__(self, other: object) -> bool:
        return self._id == other._id if isinstance(other, Ref) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._id)

    def __copy__(self) -> Ref:
        return self

    def __deepcopy__(self, memo: object) -> Ref:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return open_ref, ({**self._options, **_TO_LOOK}, self._id, self.name, self.version, self.type)


# How the store of a Ref is opened: the id is enough. What is not there now is not made, nor loaded from a disk, since
# what a Ref refers to would not be in it; nor the namespace that was current, which may have been removed.
_TO_LOOK = {
    "create": False,
    "namespace": DEFAULT_NAMESPACE,
    "restore": False,
    "durable": False,
    "sync_every": None,
}

# Brains that Refs of other processes opened, by how: as long as one of those is there.
_opened: weakref.WeakValueDictionary[Any, _core.Brain] = weakref.WeakValueDictionary()


def open_ref(options: dict[str, Any], id: bytes, name: str, version: int, type: str | None) -> Ref:
    """What a pickled Ref becomes. Raises what opening a store that is there raises."""
    # What is gone is not raised here: a pool whose worker fails to read its task waits for ever.
    try:
        brain, view = _pin(options, id)
    except (BrainDestroyedError, BrainStoreNotFoundError):
        return Ref(None, options, id, None, name, version, type)
    return Ref(brain, options, id, view, name, version, type)


def _pin(options: dict[str, Any], id: bytes) -> tuple[_core.Brain, _core.View | None]:
    key = tuple(sorted((option, repr(value)) for option, value in options.items()))
    brain = _opened.get(key)
    if brain is not None and not brain.closed:
        with suppress(BrainDestroyedError):  # by now there may be another store at its path
            return brain, brain._pin_id(id)
    from .brain import Brain, reopen  # which imports this module

    brain = _opened[key] = reopen(Brain, options)
    return brain, brain._pin_id(id)


class Referring(_core.Brain):
    """The part of Brain about references."""

    _options: dict[str, Any]

    def ref(self, what: Any, *, namespace: str | None = None) -> Ref:
        """A reference to the value of a name as it is now, or to a recalled value: a Ref, which goes to another
        process, of a pool for instance, without the bytes.

        what: a name; or a value that brain[name] gave, whole and as it was, of whatever type, where something
            in it lies in the store: an array, a table, a dict with one. A part of one (a slice, a column, an
            element), what was changed since, and what is of another store are refused: give the name then.
        namespace: of the name; None is the current one.

        Raises as brain[name] does; BrainValueError where a value is none of this store's, or not whole;
        BrainValueTypeError where a namespace is given with a value.
        Threads: any. Never waits. Cost: of a name a lookup; of a value a recall, and to encode it twice: what is
        shared is neither copied nor looked at, what is not (strings, Python objects) is gone through.
        """
        if isinstance(what, str):
            id, version, view = self._pin(what, namespace)
            return Ref(self, self._options, id, view, what, version)
        kind = type(what)
        if namespace is not None:
            raise BrainValueTypeError(
                f"namespace={namespace!r} is of a name, and ref() got a {kind.__qualname__}, which knows where it "
                "is: leave it out"
            )
        return self._ref_of_value(what, f"{kind.__module__}.{kind.__qualname__}")

    def _ref_of_value(self, value: Any, kind: str) -> Ref:
        try:
            id, version, name, view = self._pin_value(value)
        except (BrainPickleError, BrainValueTypeError) as error:
            raise BrainValueError(
                f"that {kind} was not recalled as it is, since it could not be stored: {error}. Give the name, "
                "brain.ref(name)"
            ) from error
        return Ref(self, self._options, id, view, name, version, kind)
