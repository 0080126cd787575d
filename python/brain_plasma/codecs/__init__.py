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
import os
import weakref

from ..exceptions import BrainCorruptError, BrainError, BrainPickleError, BrainRecallPackageError, BrainValueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping
    from typing import Any

    Encoder = Callable[[Any], "tuple[str, Any] | None"]
    Decoder = Callable[[Any, bool], Any]

#: Exact type -> encode(value): (name, payload), or None: this one has to be pickled as it would be.
encoders: dict[type, Encoder] = {}

#: The same for a value that is put by itself, looked into first: tables, which other languages read too.
#: encode(value): ("arrow", (metadata, stream)), bytes and a PickleBuffer or a Written, or None: as part of
#: another value.
top_encoders: dict[type, Encoder] = {}

#: Name -> decode(payload, trusted): the value. Not trusted: whoever wrote it may be hostile, and what could
#: make a library read beyond its memory has to be checked.
decoders: dict[str, Decoder] = {}

# Package of a type, or first part of a name -> the module here that knows them. Each has load(package),
# which fills `encoders` and `decoders`, and may have encoder_of(type) for subclasses, and
# encoder_in_pickles(type, encode), which says what is used inside of a pickle in place of `encode`.
MODULES = {
    "builtins": "plain",
    "collections": "plain",
    "datetime": "plain",
    "decimal": "plain",
    "fractions": "plain",
    "pathlib": "plain",
    "types": "plain",
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

#: What the main module is called. The second: what multiprocessing makes of it where it spawns.
MAIN_MODULES = ("__main__", "__mp_main__")

#: The same in processes that are forks of one that had imported this, and in no others.
PROCESS_FAMILY = os.urandom(16).hex()


class Written:
    """A buffer of a payload that is written in place, once its room in the store is there.

    size_bytes: how large it is, exactly.
    write: called once with a writable memoryview of so many bytes; what it raises, the put raises.
    source: None, or gives what the bytes would be made of: a payload of buffers where they lie, and of all
        else that they depend on. Two values are compared by it without writing them.
    """

    __slots__ = ("size_bytes", "source", "write")

    def __init__(
        self,
        size_bytes: int,
        write: Callable[[memoryview], None],
        source: Callable[[], Any] | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self.write = write
        self.source = source

    def to_bytes(self) -> bytearray:
        data = bytearray(self.size_bytes)
        view = memoryview(data)
        self.write(view)
        view.release()  # not where it raises: somebody has a part of it then, and that error would hide the other
        return data

    def __reduce__(self) -> tuple[Any, ...]:
        import pickle  # not above: this is imported with the package

        return as_recalled, (pickle.PickleBuffer(self.to_bytes()),)

    def reduce_to_compare(self) -> tuple[Any, ...]:
        return self.__reduce__() if self.source is None else (as_recalled, (self.source(),))


def as_recalled(buffer: Any) -> Any:
    """What a pickle calls for a Written: the buffer that the unpickler has for it is the value."""
    return buffer


# ---- where encoders are looked for --------------------------------------------------------------

_NOT_ASKED = object()

# Exact type -> what was found for it, None included. To look for the encoder of a user's class takes longer
# than to pickle an object of it. Weak: classes come and go.
_found: MutableMapping[type, Encoder | None] = weakref.WeakKeyDictionary()
_found_in_pickles: MutableMapping[type, Encoder | None] = weakref.WeakKeyDictionary()

_loaded: set[str] = set()  # packages whose types and names are in the dicts


def find_encoder(kind: type) -> Encoder | None:
    """The encoder of an exact type that is not in `encoders`, or None: there is none."""
    found: Any = _found.get(kind, _NOT_ASKED)
    if found is _NOT_ASKED:
        found = _found[kind] = _look_for_encoder(kind)
    return found  # type: ignore[no-any-return]


def _look_for_encoder(kind: type) -> Encoder | None:
    for module in _modules_of(kind):
        if kind in encoders:
            return encoders[kind]
        of_subclass = getattr(module, "encoder_of", None)
        encode = None if of_subclass is None else of_subclass(kind)
        if encode is not None:
            return encode  # type: ignore[no-any-return]
    return encoders.get(kind)


def find_encoder_in_pickles(kind: type) -> Encoder | None:
    """The encoder that is used for an exact type inside of a pickle. None: pickle does it as well."""
    found: Any = _found_in_pickles.get(kind, _NOT_ASKED)
    if found is _NOT_ASKED:
        found = encoders.get(kind) or find_encoder(kind)
        for module in _modules_of(kind):
            choose = getattr(module, "encoder_in_pickles", None)
            if choose is not None:
                found = choose(kind, found)
                break
        _found_in_pickles[kind] = found
    return found  # type: ignore[no-any-return]


def _modules_of(kind: type) -> Iterator[Any]:
    """The modules here that know a type or one of its bases, loaded, the nearest first."""
    for base in kind.__mro__:
        package = base.__module__
        if not isinstance(package, str):  # a class may have anything there
            continue
        try:
            module = _load(package.partition(".")[0])
        except ImportError:  # somebody else's package of that name
            continue
        if module is not None:
            yield module


def find_decoder(name: str) -> Decoder:
    """The decoder of a name that is not in `decoders`."""
    package = name.partition(".")[0]
    try:
        _load(package)
    except ImportError as error:
        raise BrainRecallPackageError(
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
    """The module here that knows a package, loaded for that package; None where none does."""
    name = MODULES.get(package)
    if name is None:
        return None
    module = importlib.import_module(f"{__name__}.{name}")
    if package not in _loaded:
        module.load(package)
        _loaded.add(package)  # not before: what fails is tried again
    return module


def rebuild(name: str, payload: Any) -> Any:
    """What a pickle calls for a value that was taken apart by an encoder."""
    decode = decoders.get(name) or find_decoder(name)
    return decode(payload, True)


def decoder(name: str, build: Callable[[Any], Any]) -> None:
    """Add a decoder that is safe whoever wrote the payload; whatever it says of one is BrainCorruptError."""

    def decode(payload: Any, trusted: bool) -> Any:
        try:
            return build(payload)
        except (BrainError, MemoryError, ImportError):
            raise
        except Exception as error:
            raise BrainCorruptError(f"what is stored of a {name} makes no sense: {error}") from error

    decoders[name] = decode


# ---- classes of users ---------------------------------------------------------------------------

# Kinds that have a form of their own: nobody would ask for an encoder.
_NEVER_ASKED = frozenset(
    [type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, object]
)
_NAME_MAX = 255

_registered: dict[type, tuple[Any, ...]] = {}
_registered_names: dict[str, type] = {}


def register(
    cls: type,
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    *,
    name: str | None = None,
    untrusted: bool = False,
) -> None:
    """Store objects of `cls` by what encode(object) returns; decode() of that is the object again.

    cls: this class exactly. Objects of subclasses are stored as if it were not registered.
    encode: returns plain data, arrays, frames, objects of registered classes, or lists and dicts of them.
    name: what the store calls it, in every process that recalls one: the class's module and name. A class of
        the main module, which is another one in each program, needs one; do give one to a class that may move.
    untrusted: whether decode() may be called where pickles are refused, with whatever a hostile process
        has written. It has to check its argument then. Without it, such a recall is a BrainPickleError.

    The same call has to be made in each process that recalls such an object; it may be made again, and
    unregister() takes it back.

    Raises TypeError where `cls` is no class or one of the two no function; BrainValueError for a name that is none,
    is taken, or is brain_plasma's own, for a class of the main module without one, and for a class that is stored in
    a way of its own already.
    Threads: any. Fork: the child has it too. What encode() or decode() raises, the put or the recall says.
    """
    if name is None:
        name = _own_name(cls) if isinstance(cls, type) else ""
    _check_registration(cls, encode, decode, name)

    def encode_named(value: Any) -> tuple[str, Any]:
        return name, encode(value)

    def decode_named(payload: Any, trusted: bool) -> Any:
        if not (trusted or untrusted):
            raise BrainPickleError(
                f"it is a {name}, whose decoder is called only where pickles are allowed: open the store "
                "with pickle=True if you trust everybody who can write it, or register the class with "
                "untrusted=True if its decoder is safe with whatever they may write"
            )
        return decode(payload)

    _registered[cls] = (encode, decode, name, untrusted)
    _registered_names[name] = cls
    decoders[name] = decode_named
    encoders[cls] = encode_named
    _forget_found(cls)


def unregister(cls: type) -> None:
    """Take back what register() did: objects of `cls` are stored as any object is, from now on and in this
    process. Its name is free again; what is stored under that name cannot be recalled here any more.

    Where the class was defined anew under its name, as in a notebook, what it was before goes with it.
    Raises TypeError where `cls` is no class, BrainValueError where it is not registered.
    Threads: any. Fork: the child has taken it back too.
    """
    if not isinstance(cls, type):
        raise TypeError(f"unregister() takes a class, not {cls!r}")
    if cls not in _registered:
        raise BrainValueError(f"{cls!r} is not registered")
    name = _registered[cls][2]
    for one in [one for one, entry in _registered.items() if entry[2] == name]:
        del encoders[one], _registered[one]
        _forget_found(one)
    del decoders[name], _registered_names[name]


def within_payload(kind: type) -> str:
    """How messages call what the encoder of a type makes of a value, before the way to a part of it."""
    return ", of what encode() returns, " if kind in _registered else " (within)"


def _forget_found(cls: type) -> None:
    _found.pop(cls, None)
    _found_in_pickles.pop(cls, None)


def _own_name(cls: type) -> str:
    if cls.__module__ in MAIN_MODULES:
        raise BrainValueError(
            f"{cls!r} is a class of the main module, which is another one in each program: give the name that the "
            f"store shall know it by, name='my_project.{cls.__qualname__}' say"
        )
    return f"{cls.__module__}.{cls.__qualname__}"


def _check_registration(cls: Any, encode: Any, decode: Any, name: Any) -> None:
    if not isinstance(cls, type):
        raise TypeError(f"register() takes a class, not {cls!r}")
    if not callable(encode) or not callable(decode):
        raise TypeError(f"register() takes two functions for {cls!r}: encode(object) and decode(payload)")
    if not isinstance(name, str) or not 0 < len(name.encode()) <= _NAME_MAX:
        raise BrainValueError(f"the name of a class has 1 to {_NAME_MAX} bytes: {name!r}")
    package = name.partition(".")[0]
    if package in MODULES:
        raise BrainValueError(f"names that begin with {package!r} are brain_plasma's own: {name!r}")
    if cls not in _registered:
        if cls in _NEVER_ASKED or issubclass(cls, type) or (encoders.get(cls) or find_encoder(cls)):
            raise BrainValueError(f"brain_plasma stores a {cls.__qualname__} in a way of its own already")
    elif _registered[cls][2] != name:
        raise BrainValueError(f"{cls!r} is registered as {_registered[cls][2]!r}, and cannot be {name!r} as well")
    other = _registered_names.get(name, cls)
    # One of the same name in the same module is the class itself, defined anew, as in a notebook.
    if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
        raise BrainValueError(f"{name!r} is the name of {other!r} already, and cannot be that of {cls!r} as well")
