"""How a value is pickled: by pickle, with what is large in it beside the stream.

The pickler asks a table what to do with an object of a type that pickle has no code of its own for. Ours
has the encoders of `codecs` for frames, arrays and the like, and for all others a plain
`__reduce_ex__(5)`, so that no Python code runs for an object of a user's class.

pickle writes a class or function of the main module as `__main__.name`, which is of use to a process with
the same main module alone, and lambdas and local classes not at all. Where cloudpickle is installed they
are sent by value. docs/design/0007 has the reasons.
"""

from __future__ import annotations

import contextlib
import copyreg
import functools
import io
import operator
import os
import pickle
import sys
import threading
import types

from . import codecs
from .exceptions import BrainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

_PROTOCOL = 5


def dumps(
    value: object, buffer_callback: Callable[[pickle.PickleBuffer], object], to_compare: bool = False
) -> bytes:
    """Pickle `value`. Its buffers are given to `buffer_callback` when all is done; none is in band.

    to_compare: not to be unpickled: in place of what a Written would write stands what it is made of.
    """
    stream, buffers = _dump_with_main(value, to_compare)
    for buffer in buffers:
        buffer_callback(buffer)
    return stream


def _dump_with_main(value: object, to_compare: bool) -> tuple[bytes, list[pickle.PickleBuffer]]:
    try:
        stream, buffers = _dump(_plain_pickler, value, to_compare)
    except (pickle.PicklingError, AttributeError, TypeError) as error:  # as lambdas and local classes fail
        by_value = _by_value_pickler()
        # What a value put while it was pickled was tried both ways already: not again at each level.
        if by_value is None or isinstance(error, BrainError):
            raise
        return _dump(by_value, value, to_compare)
    if b"_main__" in stream:  # a class or function of it, or a text that looks like that
        by_value = _by_value_pickler()
        if by_value is not None:
            try:
                return _dump(by_value, value, to_compare)
            except Exception:  # say a global that a method uses is a lock: then by name alone
                pass
    return stream, buffers


def _dump(
    new_pickler: Callable[..., Any], value: object, to_compare: bool
) -> tuple[bytes, list[pickle.PickleBuffer]]:
    as_always: set[type] = set()
    while True:
        file = io.BytesIO()
        buffers: list[pickle.PickleBuffer] = []
        try:
            pickler = new_pickler(file, as_always, buffers.append)
            if to_compare:
                pickler.dispatch_table[codecs.Written] = codecs.Written.reduce_to_compare
            pickler.dump(value)
        except _CycleError as cycle:
            as_always.add(cycle.kind)
        else:
            return file.getvalue(), buffers


def _plain_pickler(file: io.BytesIO, as_always: set[type], callback: Callable[..., Any]) -> pickle.Pickler:
    pickler = pickle.Pickler(file, _PROTOCOL, buffer_callback=callback)
    pickler.dispatch_table = _Table(as_always, copyreg.dispatch_table)
    return pickler


# ---- what is done with objects of a type --------------------------------------------------------

_reduce_as_always: Callable[[Any], Any] = operator.methodcaller("__reduce_ex__", _PROTOCOL)


class _CycleError(Exception):
    """An object holds itself through its payload, which could not be put together again."""

    def __init__(self, kind: type) -> None:
        self.kind = kind


class _Table(dict[type, "Callable[[Any], Any]"]):
    """What the pickler of one dump asks: type -> a function that reduces an object of it.

    as_always: types for which no encoder is used.
    others: the table of whoever extends pickle. It is asked anew for each dump, since it may change.
    """

    __slots__ = ("_as_always", "_begun", "_others")

    def __init__(self, as_always: set[type], others: Mapping[type, Any]) -> None:
        self._as_always = as_always
        self._begun: dict[int, object] = {}
        self._others = others

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        if issubclass(kind, type):
            if not _is_of_ctypes_arrays(kind):
                raise KeyError(kind)  # a class: pickle writes where it is
            return _reduce_ctypes_array_class
        reduce = self._others.get(kind) or _reduce_as_always
        encode = None if kind in self._as_always else codecs.find_encoder_in_pickles(kind)
        if encode is not None:
            reduce = _encoding(kind, encode, reduce, self._begun)
        self[kind] = reduce
        return reduce


def _is_of_ctypes_arrays(kind: type) -> bool:
    """Whether it is the class of which ctypes' classes of arrays are."""
    ctypes = sys.modules.get("_ctypes")
    return ctypes is not None and kind is type(ctypes.Array)


def _reduce_ctypes_array_class(kind: Any) -> Any:
    """`c_int * 3` makes a class that has no place, and is one and the same in a process. cloudpickle would send what is
    in a class, and such a one cannot be put together from that."""
    if hasattr(kind, "_length_") and kind is kind._type_ * kind._length_:
        return operator.mul, (kind._type_, kind._length_)
    return kind.__qualname__  # of somebody's own: where it is


def _encoding(
    kind: type, encode: codecs.Encoder, as_always: Callable[[Any], Any], begun: dict[int, object]
) -> Callable[[Any], Any]:
    """A function that reduces objects of a type to what its encoder makes of them."""

    def reduce(value: object) -> Any:
        # The pickler remembers whatever it is done with, so it asks again only while it is inside of it.
        if id(value) in begun:
            raise _CycleError(kind)
        begun[id(value)] = value
        encoded = encode(value)
        if encoded is None:
            return as_always(value)
        if type(encoded) is not tuple or len(encoded) != 2 or type(encoded[0]) is not str:
            raise TypeError(
                f"the encoder of {kind!r} has to return (name, payload), the name a str, or None: "
                f"not {encoded!r}"
            )
        return codecs.rebuild, encoded

    return reduce


# ---- lambdas, local classes, and what is defined in the main module -----------------------------


@functools.cache
def _by_value_pickler() -> Callable[..., Any] | None:
    """The pickler that sends classes and functions by value; None where there is no cloudpickle."""
    try:
        import cloudpickle  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return None

    others = dict(cloudpickle.Pickler.dispatch_table)
    for kind in (io.TextIOWrapper, memoryview):  # it would store what is in an open file, and say nothing
        others.pop(kind, None)

    class ByValuePickler(cloudpickle.Pickler):  # type: ignore[misc, unused-ignore]
        def __init__(self, file: io.BytesIO, as_always: set[type], callback: Callable[..., Any]) -> None:
            self.dispatch_table = _Table(as_always, {**others, **copyreg.dispatch_table})
            super().__init__(file, _PROTOCOL, callback)

        def dump(self, value: object) -> None:
            pickle.Pickler.dump(self, value)  # cloudpickle's own turns a RecursionError into another

        def reducer_override(self, value: Any) -> Any:
            kind = type(value)
            if kind is not types.FunctionType and not issubclass(kind, type):
                return NotImplemented
            if _is_of_ctypes_arrays(kind):
                return NotImplemented  # and so to the table
            place = _place_in_main(value)
            if place is None or value.__module__ == "__main__":  # which cloudpickle sends by value of itself
                reduced = super().reducer_override(value)
            else:
                with _sent_by_value(cloudpickle, value.__module__):
                    reduced = super().reducer_override(value)
            if place is None or not isinstance(reduced, tuple) or len(reduced) != 6:
                return reduced
            make, arguments, state, _, _, set_state = reduced
            return own_or_sent, (place, make, arguments), (place, set_state, state), None, None, complete_sent

    return ByValuePickler


_registry_lock = threading.RLock()


def _renew_registry_lock() -> None:
    """A forked child has no thread that would release it."""
    global _registry_lock
    _registry_lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_registry_lock)


@contextlib.contextmanager
def _sent_by_value(cloudpickle: Any, module_name: str) -> Iterator[None]:
    """Have cloudpickle send what is in a module by value. Its list of such modules is the program's: it is
    afterwards as it was."""
    module = sys.modules[module_name]
    with _registry_lock:
        is_new = module_name not in cloudpickle.list_registry_pickle_by_value()
        if is_new:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            if is_new:
                cloudpickle.unregister_pickle_by_value(module)


def _place_in_main(value: Any) -> tuple[str, str, bool] | None:
    """Where a class or function of the main module is, in words that another process understands."""
    main = sys.modules.get("__main__")
    if main is None or value.__module__ not in codecs.MAIN_MODULES:
        return None
    place = (_main_id(main), value.__qualname__, isinstance(value, type))
    return place if _own(place) is value else None


def _main_id(main: types.ModuleType) -> str:
    """What is the same in processes with the same main module: its file; without one, they are forks."""
    file = getattr(main, "__file__", None)
    return os.path.realpath(file) if isinstance(file, str) else codecs.PROCESS_FAMILY


def _own(place: tuple[str, str, bool]) -> Any:
    """What is at a place in the main module of this process; None where it is another or lacks it."""
    main_id, qualname, is_class = place
    value: Any = sys.modules.get("__main__")
    if value is None or _main_id(value) != main_id:
        return None
    for name in qualname.split("."):
        value = getattr(value, name, None)
    return value if isinstance(value, type if is_class else types.FunctionType) else None


def own_or_sent(place: tuple[str, str, bool], make: Callable[..., Any], arguments: Any) -> Any:
    """What a pickle calls for a class or function of a main module: this process's own, else a new one."""
    own = _own(place)
    return make(*arguments) if own is None else own


def complete_sent(value: Any, state: tuple[Any, Any, Any]) -> None:
    """What a pickle calls next: a new one gets what is in it, and one's own stays as it is."""
    place, set_state, content = state
    if _own(place) is not value:
        set_state(value, content)
