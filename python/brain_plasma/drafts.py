"""Values that are written in the store itself: what Brain.empty() and its like give."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

from . import _core, arguments
from .exceptions import BrainForkedError, BrainQuotaError, BrainValueError, BrainValueTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Literal, NoReturn, SupportsIndex

    import numpy
    from numpy.typing import DTypeLike


class Draft:
    """A value that is being written where it will lie, under a name that it gets when it is sealed.

        with brain.empty("prices", (1000, 3), "f4") as prices:
            prices[...] = 0

    `value` is what is written into: a NumPy array, or of empty_bytes() a memoryview; what is in it at first
    is undefined. Nobody sees it before the seal: until then the name has the value that it had. At the end
    of the block it is sealed; where the block raises it is given up. Without a block seal() and abandon()
    do that.

    After the seal `value` may be kept and written, as any array: it is then memory of this process alone,
    and nothing of it reaches the store.

    Memory of the store that nobody sealed goes back when the Draft and all that was made of `value` are
    gone, or with the process. Threads: the array is written by whoever has it; seal() once, from any.
    Fork: it stays with the process that began it. In a child `value` and seal() raise BrainForkedError; an
    array that was taken before the fork is memory of the child's own there, all zero, and what is written
    into it reaches nobody.
    """

    def __init__(
        self, brain: _core.Brain, draft: _core.Draft, value: Any, name: str, options: dict[str, Any]
    ) -> None:
        self._value = value
        self.name = name
        self._brain = brain
        self._draft: _core.Draft | None = draft
        self._memory = draft
        self._options = options

    @property
    def value(self) -> Any:
        """What is written into. BrainForkedError in a child of the process that was writing it."""
        if self._memory.inherited:
            raise BrainForkedError(
                f"the value of {self.name!r} belongs to the process that began it, of which this one is a child: what "
                f"is written here would reach nobody. Begin one here, with a name of its own for each part, or let "
                "threads write, or let the children return what is to be written"
            )
        return self._value

    @value.setter
    def value(self, value: Any) -> None:
        # draft.value += 1 writes into the array, and then gives it back.
        if value is not self._value:
            raise BrainValueError(
                f"the value of {self.name!r} lies in the store: write into it, as in draft.value[...] = ..., or put "
                "what you have, without a Draft"
            )

    def seal(self) -> int:
        """Publish the value under its name, in place of what is there. Returns its version.

        Raises as brain[name] = value does, and it is unsealed then, and may be sealed again or given up;
        BrainValueError where it is sealed, or was given up.
        Waits for a writer, up to lock_timeout. Cost: does not depend on the size, from 2,000 bytes on.
        """
        if self._draft is None:
            raise BrainValueError(
                f"the value of {self.name!r} is sealed, or was given up: begin another"
            )
        version = self._brain._seal(
            self._draft, self.name, self._options["description"], self._options["namespace"]
        )
        self._draft = None
        return version

    def abandon(self) -> None:
        """Give the value up. One that is sealed stays."""
        self._draft = None

    def __enter__(self) -> Any:
        return self.value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.abandon()
        elif self._draft is not None:
            self.seal()

    def __reduce__(self) -> NoReturn:
        raise BrainValueTypeError(
            f"a Draft, here of {self.name!r}, stays with the process that began it, and cannot be pickled: begin one "
            "there, with a name of its own for each part, or let what is to be written come back"
        )

    def __repr__(self) -> str:
        state = "being written" if self._draft is not None else "sealed or given up"
        return f"<Draft of {self.name!r}, {state}>"


class Drafting(_core.Brain):
    """The part of Brain about values that are written in place."""

    def empty(
        self,
        name: str,
        shape: SupportsIndex | Sequence[SupportsIndex],
        dtype: DTypeLike = float,
        *,
        order: Literal["C", "F"] = "C",
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """An array to be written in the store itself, so that who makes a large one needs no memory of
        their own for it:

            with brain.empty("prices", (1000, 3), "f4") as prices:
                prices[...] = 0

        What is in it at first is undefined; zeros() has zeros. At the end of the block it gets its name;
        where the block raises it is given up. See Draft for what to do without a block.

        shape, dtype, order: as of numpy.empty(); elements that are objects are a BrainValueTypeError.
        description: as of learn(). namespace: None is the current one; one that does not exist is made.

        Raises BrainFullError, BrainQuotaError where it alone is more than the namespace may hold (what else
        comes to more than its quota is found at the seal), BrainValueError for a shape that no array has, and
        what brain[name] = value raises for a name. Threads: any. Waits for a writer, up to lock_timeout.
        Cost: memory that the store does not have yet.
        """
        import numpy

        from .values import dtype_to_text

        if order not in ("C", "F"):
            raise BrainValueError(f"order has to be 'C' or 'F', not {order!r}")
        options = self._draft_options(name, description, namespace)
        kind = numpy.dtype(dtype)
        text = dtype_to_text(kind)
        if text is None:
            raise BrainValueTypeError(
                f"an array of {kind} cannot be written in place: its elements are more than plain bytes, "
                f"or no text describes them. Make the array, and put it: brain[{name!r}] = ..."
            )
        lengths = _lengths(shape)
        if all(length >= 0 for length in lengths):
            self._check_quota(name, kind.itemsize * math.prod(lengths), namespace)
        draft = self._draft_array(text[0], text[1], text[2], order == "F", lengths)
        value = numpy.ndarray(lengths, kind, draft, order=order)  # type: ignore[arg-type]
        return Draft(self, draft, value, name, options)

    def zeros(
        self,
        name: str,
        shape: SupportsIndex | Sequence[SupportsIndex],
        dtype: DTypeLike = float,
        *,
        order: Literal["C", "F"] = "C",
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """As empty(), with zeros in it. Raises BrainFullError and BrainQuotaError as that does."""
        draft = self.empty(
            name, shape, dtype, order=order, description=description, namespace=namespace
        )
        draft.value[...] = _zero(draft.value)
        return draft

    def empty_like(
        self,
        name: str,
        prototype: numpy.ndarray[Any, Any],
        *,
        description: Any = None,
        namespace: str | None = None,
    ) -> Draft:
        """As empty(), with shape, dtype and order of `prototype`, an array of NumPy.

        Raises as that does, and BrainValueTypeError for what is no array.
        """
        flags = getattr(prototype, "flags", None)
        if not hasattr(flags, "f_contiguous"):  # those of a frame are others
            kind = type(prototype)
            raise BrainValueTypeError(
                f"empty_like() takes an array of NumPy, not {kind.__module__}.{kind.__qualname__}: give shape and "
                f"type, brain.empty({name!r}, shape, dtype), or put a value that you have: brain[{name!r}] = ..."
            )
        is_fortran = prototype.flags.f_contiguous and not prototype.flags.c_contiguous
        return self.empty(
            name,
            prototype.shape,
            prototype.dtype,
            order="F" if is_fortran else "C",
            description=description,
            namespace=namespace,
        )

    def empty_bytes(
        self, name: str, size: int, *, description: Any = None, namespace: str | None = None
    ) -> Draft:
        """As empty(), for a bytes object of `size` bytes; what is written into is a memoryview. Raises
        BrainFullError and BrainQuotaError as that does.
        """
        options = self._draft_options(name, description, namespace)
        self._check_quota(name, operator.index(size), namespace)
        draft = self._draft_bytes(size)
        return Draft(self, draft, memoryview(draft), name, options)  # type: ignore[arg-type]

    def _draft_options(self, name: str, description: Any, namespace: str | None) -> dict[str, Any]:
        self.version(name, namespace=namespace)  # what is wrong with either is said before the work
        return {"description": arguments.description_bytes(description), "namespace": namespace}

    def _check_quota(self, name: str, n_bytes: int, namespace: str | None) -> None:
        quota, held = self._quota(namespace=namespace)
        # What is as large as all that is there may take the place of that, as any put may.
        if quota and n_bytes > max(quota, held):
            raise BrainQuotaError(
                f"{self.path}: the namespace {namespace or self._space} has a quota of {quota} bytes, and the value of "
                f"{name!r} is to have {n_bytes}: give it a larger quota (set_quota()), or put less"
            )


def _zero(array: numpy.ndarray[Any, Any]) -> Any:
    """What zeros() of NumPy puts into an array of that dtype."""
    import numpy

    return numpy.zeros((), array.dtype)


def _lengths(shape: SupportsIndex | Sequence[SupportsIndex]) -> tuple[int, ...]:
    lengths = shape if isinstance(shape, Sequence) else (shape,)
    return tuple(operator.index(length) for length in lengths)
