"""References to stored values, that go to another process in place of the values."""

from __future__ import annotations

import weakref

from . import _core
from .exceptions import BrainReferenceError, BrainValueError, BrainValueTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy


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

    name, version: what it was made of; for messages.
    Threads: any. Fork: the child has it too.
    """

    __slots__ = ("_brain", "_id", "_view", "name", "version")

    def __init__(
        self, brain: _core.Brain, id: bytes, view: _core.View | None, name: str, version: int
    ) -> None:
        self._brain = brain
        self._id = id
        self._view = view  # keeps it; None: it was gone when the Ref came
        self.name = name
        self.version = version

    @property
    def value(self) -> Any:
        """The value, as brain[name] gave it. Raises what that raises of the value, and BrainReferenceError. Cost: a
        recall.
        """
        if self._view is None:
            raise BrainReferenceError(
                f"version {self.version} of {self.name!r} in the store {self._brain.path!r} was gone when this Ref "
                "came here: the name had another value by then, or none. Replace it after those who get a Ref "
                "have used it, or send the value"
            )
        return self._brain._recall_view(self._view)

    def __repr__(self) -> str:
        return f"<Ref to {self.name!r}, version {self.version}, of the store {self._brain.path!r}>"

    def __eq__(self, other: object) -> bool:
        return self._id == other._id if isinstance(other, Ref) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._id)

    def __reduce__(self) -> tuple[Any, ...]:
        _, (kind, options) = self._brain.__reduce__()  # type: ignore[str-unpack]
        return open_ref, (kind, options, self._id, self.name, self.version)


# Brains that Refs of other processes opened, by how: as long as one of those is there.
_opened: weakref.WeakValueDictionary[Any, _core.Brain] = weakref.WeakValueDictionary()


def open_ref(
    kind: type[_core.Brain], options: dict[str, Any], id: bytes, name: str, version: int
) -> Ref:
    """What a pickled Ref becomes. Raises what opening the store raises."""
    key = kind, tuple(sorted((option, repr(value)) for option, value in options.items()))
    brain = _opened.get(key)
    if brain is None or brain.closed:
        brain = _opened[key] = kind(**options)
    # Not raised here: a pool whose worker fails to read its task waits for ever.
    view = brain._pin_id(id)
    return Ref(brain, id, view, name, version)


class Referring(_core.Brain):
    """The part of Brain about references."""

    def ref(self, what: str | numpy.ndarray[Any, Any], *, namespace: str | None = None) -> Ref:
        """A reference to the value of a name as it is now, or to a recalled array: a Ref, which goes to another
        process, of a pool for instance, without the bytes.

        what: a name; or an array that brain[name] gave. Parts of it, and arrays out of other values, are
            refused: a Ref is to a whole value. Of other values give the name.
        namespace: of the name; None is the current one.

        Raises as brain[name] does; BrainValueError where an array is none of this store's, or not whole.
        Threads: any. Never waits. Cost: a lookup.
        """
        if isinstance(what, str):
            id, version, view = self._pin(what, namespace)
            return Ref(self, id, view, what, version)
        return self._ref_of_array(what)

    def _ref_of_array(self, array: Any) -> Ref:
        view = getattr(array, "base", None)
        while view is not None and not isinstance(view, _core.View):
            view = getattr(view, "base", None)
        if view is None:
            raise BrainValueTypeError(
                f"a reference can be to a name, or to an array that was recalled, not to a {type(array).__name__}"
            )
        id = view._id()
        whole = self._pin_id(id)
        # The data of an array are its elements and nothing else: of other values nothing is recalled.
        is_whole = whole is not None and len(whole) == array.nbytes
        if whole is None or not is_whole or not _is_same(array, self._recall_view(whole)):
            raise BrainValueError(
                "that array is a part of a stored value, or of another store: give the name, brain.ref(name)"
            )
        return Ref(self, id, whole, "an array", 0)


def _is_same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and (
        (one.__array_interface__, one.dtype) == (other.__array_interface__, other.dtype)
    )
