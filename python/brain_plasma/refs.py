"""References to stored values, that go to another process in place of the values."""

from __future__ import annotations

import weakref

from . import _core
from .exceptions import BrainPickleError, BrainReferenceError, BrainValueError, BrainValueTypeError
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
    deletes the name. That holds where it was made, and from its arrival on in another process; where the name
    has another value by the time that it arrives, `value` raises BrainReferenceError there.

    name, version: what it was made of. `type`: the name of the value's type, where it was made of the value;
        None where it was made of a name.
    Threads: any. Fork: the child has it too.
    """

    __slots__ = ("_brain", "_id", "_view", "name", "type", "version")

    def __init__(
        self,
        brain: _core.Brain,
        id: bytes,
        view: _core.View | None,
        name: str,
        version: int,
        type: str | None = None,
    ) -> None:
        self._brain = brain
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
        if self._view is None:
            raise BrainReferenceError(
                f"version {self.version} of {self._what()} in the store {self._brain.path!r} was gone when this Ref "
                "came here: the name had another value by then, or none. Replace it after those who get a Ref "
                "have used it, or send the value"
            )
        return self._brain._recall_view(self._view)

    def _what(self) -> str:
        return repr(self.name) if self.type is None else f"{self.name!r}, a {self.type},"

    def __repr__(self) -> str:
        what = self._what().rstrip(",")
        return f"<Ref to {what}, version {self.version}, of the store {self._brain.path!r}>"

    def __eq__(self, other: object) -> bool:
        return self._id == other._id if isinstance(other, Ref) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._id)

    def __reduce__(self) -> tuple[Any, ...]:
        reduced: Any = self._brain.__reduce__()
        kind, given = reduced[1]
        # The id is enough. To open the namespace that is current here would make it where it was removed.
        options = {**given, "namespace": DEFAULT_NAMESPACE}
        return open_ref, (kind, options, self._id, self.name, self.version, self.type)


# Brains that Refs of other processes opened, by how: as long as one of those is there.
_opened: weakref.WeakValueDictionary[Any, _core.Brain] = weakref.WeakValueDictionary()


def open_ref(
    kind: type[_core.Brain], options: dict[str, Any], id: bytes, name: str, version: int, type: str | None
) -> Ref:
    """What a pickled Ref becomes. Raises what opening the store raises."""
    key = kind, tuple(sorted((option, repr(value)) for option, value in options.items()))
    brain = _opened.get(key)
    if brain is None or brain.closed:
        from .brain import reopen  # which imports this module

        brain = _opened[key] = reopen(kind, options)
    # Not raised here: a pool whose worker fails to read its task waits for ever.
    view = brain._pin_id(id)
    return Ref(brain, id, view, name, version, type)


class Referring(_core.Brain):
    """The part of Brain about references."""

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
            return Ref(self, id, view, what, version)
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
        return Ref(self, id, view, name, version, kind)
