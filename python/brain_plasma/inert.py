"""What stands for a value that is looked at and not made: nodes, buffers, and an unpickler whose classes do nothing.

Whatever a pickle names or calls becomes a stand-in: no code of it is run, and nothing is imported. Nor does it
leave anything behind in the process.
"""

from __future__ import annotations

import copyreg
import functools
import io
import pickle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class Node:
    """What stands for a value that a decoder, or code of a pickle, would make."""

    def __init__(self, name: str, payload: Any) -> None:
        self.name = name
        self.payload = payload


class Buffer:
    """What stands for a buffer."""

    def __init__(self, what: str, size: int, metadata: bytes | None) -> None:
        self.what = what
        self.size = size
        self.metadata = metadata


def read_pickle(stream: memoryview, n_buffers: int, trusted: bool) -> Any:
    """The form of a pickle: no code of it is run, what it calls becomes a Node or a StandIn. Of forms of pickles
    there is no end, so any exception may come of it. One that is not trusted does not end the process by its
    nesting, and takes no time or memory for lengths and keys that it only speaks of."""
    stand_ins = [bytearray(number.to_bytes(8, "little")) for number in range(n_buffers)]
    made = _Inert if trusted and not _has_extensions() else _InertInPython
    return made(io.BytesIO(stream), buffers=stand_ins).load()


def _has_extensions() -> bool:
    """Whether a code of copyreg stands for anything in this process. Where none does, a pickle with one is refused."""
    return bool(copyreg._inverted_registry or copyreg._extension_cache)  # type: ignore[attr-defined]


class _Finding:
    """Makes stand-ins of whatever a pickle names. A pickle can set attributes of what it names, so each
    is made anew for each pickle."""

    def __init__(self, stream: io.BytesIO, *, buffers: list[bytearray]) -> None:
        super().__init__(stream, buffers=buffers)  # type: ignore[call-arg]
        self._found: dict[tuple[str, str], Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        key = module, name
        if key not in self._found:
            make = _MAKERS.get(key)
            self._found[key] = _stand_in(module, name) if make is None else functools.partial(make)
        return self._found[key]

    def persistent_load(self, pid: Any) -> Any:
        return Node("a persistent id", [pid])


class _Inert(_Finding, pickle.Unpickler):
    """The quick one. Of an extension code it would take, and call, what is in the cache of copyreg, and put its
    stand-ins there for all later pickles: so it is for where there are no such codes."""


_KEY_MAX = 10_000  # parts, each counted as often as it is there, which is as often as hash() goes there


def _check_keys(keys: list[Any]) -> None:
    """Tuples may be nested so deep that hash() ends the process, or hold others so often that it never ends."""
    for key in keys:
        waiting = [key]
        n = 0
        while waiting:
            part = waiting.pop()
            if type(part) is tuple:
                n += 1 + len(part)
                if n > _KEY_MAX:
                    raise pickle.UnpicklingError("a key of too many parts")
                waiting.extend(part)


def _load_bytearray(unpickler: Any) -> None:
    unpickler.append(bytearray(unpickler.read(int.from_bytes(unpickler.read(8), "little"))))


def _checking(opcode: bytes, keys: slice) -> Callable[[Any], None]:
    """What loads `opcode`, once the keys have been looked at: where they are, above the last mark of the stack."""
    load: Any = pickle._Unpickler.dispatch[opcode[0]]

    def load_checked(unpickler: Any) -> None:
        _check_keys(unpickler.stack[keys])
        load(unpickler)

    return load_checked


class _InertInPython(_Finding, pickle._Unpickler):
    """The one that can be told what an extension code gives, what may be a key, and not to make room for whatever
    length a pickle says, as the quick one does."""

    append: Callable[[Any], None]  # to the stack
    dispatch = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _load_bytearray,
        pickle.SETITEM[0]: _checking(pickle.SETITEM, slice(-2, -1)),
        pickle.SETITEMS[0]: _checking(pickle.SETITEMS, slice(None, None, 2)),
        pickle.DICT[0]: _checking(pickle.DICT, slice(None, None, 2)),
        pickle.ADDITEMS[0]: _checking(pickle.ADDITEMS, slice(None)),
        pickle.FROZENSET[0]: _checking(pickle.FROZENSET, slice(None)),
    }

    def get_extension(self, code: int) -> None:
        self.append(self.find_class(*copyreg._inverted_registry[code]))  # type: ignore[attr-defined]


def _class_of_main(place: Any, *others: Any) -> type[StandIn]:
    named = isinstance(place, tuple) and len(place) == 3 and isinstance(place[1], str)
    return _stand_in("__main__", place[1] if named else "a class")


def _class_by_value(*args: Any) -> type[StandIn]:
    names = [arg for arg in args if isinstance(arg, str)]
    return _stand_in("a class that was sent along", names[0] if names else "")


# Functions that pickles call, and what gives the same as far as it matters here.
_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    (f"{__package__}.codecs", "rebuild"): Node,
    (f"{__package__}.pickling", "own_or_sent"): _class_of_main,
    ("cloudpickle.cloudpickle", "_make_skeleton_class"): _class_by_value,
    ("cloudpickle.cloudpickle", "_make_skeleton_enum"): _class_by_value,
    ("cloudpickle.cloudpickle", "_class_setstate"): lambda cls, state: cls,
    ("cloudpickle.cloudpickle", "_make_function"): lambda *args: _stand_in("types", "FunctionType")(*args),
}


class StandIn:
    """What stands for an object of a class, or for what a function gives."""

    _name = ""
    _arguments: list[Any]
    _items: list[Any]
    _state: Any

    def __new__(cls, *args: Any, **options: Any) -> StandIn:
        self = object.__new__(cls)
        self._arguments = [args, options]
        self._items = []
        self._state = None
        return self

    def __init__(self, *args: Any, **options: Any) -> None: ...

    def __setstate__(self, state: Any) -> None:
        self._state = state

    def append(self, item: Any) -> None:
        self._items.append(item)

    def extend(self, items: Any) -> None:
        self._items.extend(items)

    add = append

    def __setitem__(self, key: Any, item: Any) -> None:
        self._items.append((key, item))

    def __call__(self, *args: Any, **options: Any) -> StandIn:
        return type(self)(*args, **options)


def _stand_in(module: str, name: str) -> type[StandIn]:
    return type(name.rpartition(".")[2], (StandIn,), {"_name": f"{module}.{name}"})
