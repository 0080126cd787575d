"""How values that are no plain data are taken apart for the store and put together again.

An encoder takes a value apart into a name and a payload; the decoder of that name puts it together. A
payload is made of plain data (None, bool, int, float, str, bytes, list, tuple, dict, set, ...), of NumPy
arrays, of values with encoders again, and of bytes that are copied from where they lie
(pickle.PickleBuffer) or written in place (Written). A decoder gets a read-only buffer, a View, for
either. docs/design/0007 has the reasons.

The extension looks into `encoders` and `decoders`, and asks find_encoder() and find_decoder() for what is
not there. The modules beside this one have those of libraries; they are imported when a value of such a
library comes by, and not before.
"""

from __future__ import annotations

import importlib
import pickle
import sys

from ..exceptions import BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Encoder = Callable[[Any], "tuple[str, Any] | None"]
    Decoder = Callable[[Any, bool], Any]

#: Exact type -> encode(value): (name, payload), or None: this one has to be pickled as it would be.
encoders: dict[type, Encoder] = {}

#: The same for what has a kind of its own at the top of a store: ("arrow", (metadata, Written)).
top_encoders: dict[type, Encoder] = {}

#: Name -> decode(payload, trusted): the value. Not trusted: whoever wrote it may be hostile, and what could
#: make a library read beyond its memory has to be checked.
decoders: dict[str, Decoder] = {}

# Package of a type, or first part of a name -> the module here that knows them. Each has load(), which
# fills `encoders` and `decoders`, and may have encoder_of(type) for subclasses.
_MODULES = {
    "builtins": "plain",
    "collections": "plain",
    "datetime": "plain",
    "decimal": "plain",
    "fractions": "plain",
    "pathlib": "plain",
    "uuid": "plain",
    "zoneinfo": "plain",
    "array": "plain",
    "mmap": "plain",
    "numpy": "arrays",
    "pandas": "frames",
    "polars": "polars",
    "pyarrow": "arrow",
    "scipy": "sparse",
    "tensorflow": "tensors",
    "torch": "tensors",
}


class Written:
    """A buffer of a payload that is written in place, once its room in the store is there.

    size_bytes: how large it is, exactly.
    write: called once with a writable memoryview of so many bytes; what it raises, the put raises.
    """

    __slots__ = ("size_bytes", "write")

    def __init__(self, size_bytes: int, write: Callable[[memoryview], None]) -> None:
        self.size_bytes = size_bytes
        self.write = write

    def to_bytes(self) -> bytearray:
        data = bytearray(self.size_bytes)
        with memoryview(data) as view:
            self.write(view)
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        return pickle.PickleBuffer, (pickle.PickleBuffer(self.to_bytes()),)


def find_encoder(kind: type) -> Encoder | None:
    """The encoder of an exact type that is not in `encoders`, or None: there is none."""
    for base in kind.__mro__:
        module = _load(base.__module__.partition(".")[0])
        if kind in encoders:
            return encoders[kind]
        of_subclass = getattr(module, "encoder_of", None)
        if of_subclass is not None:
            return of_subclass(kind)
    return None


def find_decoder(name: str) -> Decoder:
    """The decoder of a name that is not in `decoders`."""
    package = name.partition(".")[0]
    try:
        _load(package)
    except ImportError as error:
        raise BrainValueError(
            f"it is a {name}, and {package}, which it takes to recall one, cannot be imported here ({error}): "
            f"pip install {package}"
        ) from error
    if name not in decoders:
        raise BrainValueError(
            f"it is a {name!r}, for which this process has no decoder: a newer version of brain_plasma put it, "
            "or a class was registered where it was put that is not registered here "
            "(brain_plasma.register())"
        )
    return decoders[name]


def _load(package: str) -> Any:
    """The module here that knows a package, loaded; None where none does."""
    name = _MODULES.get(package)
    if name is None:
        return None
    full_name = f"{__name__}.{name}"
    module = sys.modules.get(full_name)
    if module is None:
        module = importlib.import_module(full_name)
        module.load(package)
    return module


def rebuild(name: str, payload: Any) -> Any:
    """What a pickle calls for a value that was taken apart by an encoder."""
    decode = decoders.get(name) or find_decoder(name)
    return decode(payload, True)
