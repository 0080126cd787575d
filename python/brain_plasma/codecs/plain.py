"""What Python itself comes with and is no plain data: dates, numbers, collections, paths, buffers.

No decoder here trusts its payload: it makes what it names from plain parts, or raises.
"""

from __future__ import annotations

import pickle
import re
import sys

from ..exceptions import BrainValueError
from . import decoder, encoders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from . import Encoder

_loaders: dict[str, Callable[[], None]] = {}

#: What is shared where it is encoded inside of a pickle too. All else here pickle does itself, and faster.
_WITH_BUFFERS: set[type] = set()

#: Types that this module has the encoders of.
_ours: set[type] = set()


def load(package: str) -> None:
    _loaders[package]()


def encoder_in_pickles(kind: type, encode: Encoder | None) -> Encoder | None:
    return None if kind in _ours and kind not in _WITH_BUFFERS else encode


def _loader(load_package: Callable[[], None]) -> Callable[[], None]:
    _loaders[load_package.__name__.removeprefix("_load_")] = load_package
    return load_package


def _add(
    kind: type,
    name: str,
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    *,
    buffers: bool = False,
) -> None:
    """Add a type. encode(value): its payload, or _PICKLED; decode(payload): the value again."""

    def encode_named(value: Any) -> tuple[str, Any] | None:
        payload = encode(value)
        return None if payload is _PICKLED else (name, payload)

    encoders[kind] = encode_named
    _ours.add(kind)
    if buffers:
        _WITH_BUFFERS.add(kind)
    decoder(name, decode)


_PICKLED = object()


# ---- what decoders check ------------------------------------------------------------------------


def _is(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"{type(value).__name__} where {names} belongs")
    return value


def _items(payload: Any, *kinds: Any) -> list[Any]:
    """The items of a list, each of one of its kinds; None: of any."""
    if len(_is(payload, list)) != len(kinds):
        raise ValueError(f"{len(payload)} items, not {len(kinds)}")
    for item, kind in zip(payload, kinds):
        if kind is not None:
            _is(item, *(kind if isinstance(kind, tuple) else (kind,)))
    return payload  # type: ignore[no-any-return]


# ---- builtins -----------------------------------------------------------------------------------


@_loader
def _load_builtins() -> None:
    _add(str, "builtins.str", _encode_str, _decode_str)
    _add(range, "builtins.range", lambda value: [value.start, value.stop, value.step], _decode_range)
    _add(slice, "builtins.slice", lambda value: [value.start, value.stop, value.step], _decode_slice)
    _add(type(...), "builtins.Ellipsis", lambda value: None, lambda payload: ...)
    _add(type(NotImplemented), "builtins.NotImplemented", lambda value: None, lambda payload: NotImplemented)
    _add(memoryview, "builtins.memoryview", _encode_memoryview, _decode_memoryview, buffers=True)


def _encode_str(value: str) -> bytes:
    """One with lone surrogates, which UTF-8 has no bytes for."""
    return value.encode("utf-8", "surrogatepass")


def _decode_str(payload: Any) -> str:
    return _is(payload, bytes).decode("utf-8", "surrogatepass")  # type: ignore[no-any-return]


def _decode_range(payload: Any) -> range:
    return range(*_items(payload, int, int, int))


def _decode_slice(payload: Any) -> slice:
    return slice(*_items(payload, None, None, None))


def _encode_memoryview(value: memoryview) -> Any:
    shape = list(value.shape or ())
    if len(value.format.removeprefix("@")) != 1 or (len(shape) > 1 and 0 in shape):
        return _PICKLED  # memoryview.cast() has no way back to it
    data = value if value.c_contiguous else value.tobytes()
    return [value.format, shape, pickle.PickleBuffer(data)]


def _decode_memoryview(payload: Any) -> memoryview:
    format, shape, data = _items(payload, str, list, None)
    flat = memoryview(data).toreadonly()
    if flat.format != "B" or flat.ndim != 1:
        flat = flat.cast("B")
    # Of one dimension it may have no items, which the second form refuses.
    value = flat.cast(format) if len(shape) == 1 else flat.cast(format, shape)
    if list(value.shape or ()) != shape:
        raise ValueError(f"{len(flat)} bytes for shape {shape}")
    return value


# ---- datetime, zoneinfo -------------------------------------------------------------------------

_ZONE_KEY = re.compile(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*")
_ZONE_KEY_MAX = 100


@_loader
def _load_datetime() -> None:
    import datetime

    _add(datetime.date, "datetime.date", datetime.date.isoformat, _decode_date)
    _add(datetime.time, "datetime.time", _encode_time, _decode_time)
    _add(datetime.datetime, "datetime.datetime", _encode_time, _decode_datetime)
    _add(
        datetime.timedelta,
        "datetime.timedelta",
        lambda value: [value.days, value.seconds, value.microseconds],
        lambda payload: datetime.timedelta(*_items(payload, int, int, int)),
    )
    _add(datetime.timezone, "datetime.timezone", _encode_zone, _decode_zone)


def _decode_date(payload: Any) -> Any:
    import datetime

    return datetime.date.fromisoformat(_is(payload, str))


def _encode_time(value: Any) -> Any:
    """Of a time or a datetime: its text in ISO 8601; or that, whether it is the second of two, its zone."""
    if value.tzinfo is None and not value.fold:
        return value.isoformat()
    zone = None if value.tzinfo is None else _encode_zone(value.tzinfo)
    return _PICKLED if zone is _PICKLED else [value.replace(tzinfo=None).isoformat(), value.fold, zone]


def _decode_time(payload: Any) -> Any:
    import datetime

    return _with_zone(datetime.time.fromisoformat, payload)


def _decode_datetime(payload: Any) -> Any:
    import datetime

    return _with_zone(datetime.datetime.fromisoformat, payload)


def _with_zone(from_text: Callable[[str], Any], payload: Any) -> Any:
    if type(payload) is str:
        return from_text(payload)
    text, fold, zone = _items(payload, str, int, None)
    tzinfo = None if zone is None else _decode_zone(zone)
    return from_text(text).replace(fold=fold, tzinfo=tzinfo)


def _encode_zone(zone: Any) -> Any:
    """True: timezone.utc itself. A list: the offset of a timezone, and its name if any. A str: a ZoneInfo."""
    import datetime

    if zone is datetime.timezone.utc:
        return True
    if type(zone) is datetime.timezone:
        offset, *name = zone.__getinitargs__()  # type: ignore[attr-defined]
        return [offset // datetime.timedelta(microseconds=1), *name]
    module = sys.modules.get("zoneinfo")
    if module is not None and type(zone) is module.ZoneInfo:
        return _encode_zone_info(zone)
    return _PICKLED


def _encode_zone_info(zone: Any) -> Any:
    # One that is not the zone of this key for everybody: read from a file, or past the cache.
    if zone.key is None or len(zone.key) > _ZONE_KEY_MAX or type(zone)(zone.key) is not zone:
        return _PICKLED
    return zone.key if _ZONE_KEY.fullmatch(zone.key) else _PICKLED


def _decode_zone(payload: Any) -> Any:
    import datetime

    if payload is True:
        return datetime.timezone.utc
    if type(payload) is str:
        return _decode_zone_info(payload)
    offset, *name = _items(payload, *(int, str)[: len(_is(payload, list))])
    return datetime.timezone(datetime.timedelta(microseconds=offset), *name)


def _decode_zone_info(payload: Any) -> Any:
    import zoneinfo

    if len(_is(payload, str)) > _ZONE_KEY_MAX or not _ZONE_KEY.fullmatch(payload):
        raise ValueError("no name of a time zone")
    try:
        return zoneinfo.ZoneInfo(payload)
    except zoneinfo.ZoneInfoNotFoundError as error:
        raise BrainValueError(
            f"the time zone {payload!r} is not known here: pip install tzdata, or the tzdata of the system"
        ) from error
    except OSError as error:  # a folder of zones
        raise ValueError(f"no time zone: {payload!r}") from error


@_loader
def _load_zoneinfo() -> None:
    import zoneinfo

    _add(zoneinfo.ZoneInfo, "zoneinfo.ZoneInfo", _encode_zone_info, _decode_zone_info)


# ---- numbers ------------------------------------------------------------------------------------

# To reduce a fraction takes the square of its length.
_FRACTION_BITS_MAX = 100_000


@_loader
def _load_decimal() -> None:
    import decimal

    _add(decimal.Decimal, "decimal.Decimal", str, lambda payload: decimal.Decimal(_is(payload, str)))


@_loader
def _load_fractions() -> None:
    import fractions

    def encode(value: fractions.Fraction) -> Any:
        parts = [value.numerator, value.denominator]
        return _PICKLED if max(part.bit_length() for part in parts) > _FRACTION_BITS_MAX else parts

    def decode(payload: Any) -> fractions.Fraction:
        parts = _items(payload, int, int)
        if max(part.bit_length() for part in parts) > _FRACTION_BITS_MAX:
            raise ValueError("a fraction of that many digits")
        return fractions.Fraction(*parts)

    _add(fractions.Fraction, "fractions.Fraction", encode, decode)


@_loader
def _load_uuid() -> None:
    import uuid

    unknown = uuid.SafeUUID.unknown

    def encode(value: uuid.UUID) -> Any:
        return value.bytes if value.is_safe is unknown else [value.bytes, value.is_safe.value]

    def decode(payload: Any) -> uuid.UUID:
        if type(payload) is bytes:
            return uuid.UUID(bytes=payload)
        data, is_safe = _items(payload, bytes, int)
        return uuid.UUID(bytes=data, is_safe=uuid.SafeUUID(is_safe))

    _add(uuid.UUID, "uuid.UUID", encode, decode)


# ---- collections, types -------------------------------------------------------------------------

_FACTORIES: dict[str, type] = {
    kind.__name__: kind
    for kind in (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
}


@_loader
def _load_collections() -> None:
    import collections

    def encode_dict(value: Any) -> Any:
        return _PICKLED if vars(value) else dict(value)

    def encode_defaultdict(value: Any) -> Any:
        factory = value.default_factory
        name = None if factory is None else factory.__name__ if isinstance(factory, type) else ""
        if name is not None and _FACTORIES.get(name) is not factory:
            return _PICKLED
        return [name, dict(value)]

    def decode_defaultdict(payload: Any) -> Any:
        name, items = _items(payload, (str, type(None)), dict)
        return collections.defaultdict(None if name is None else _FACTORIES[name], items)

    def decode_deque(payload: Any) -> Any:
        items, length_max = _items(payload, list, (int, type(None)))
        return collections.deque(items, length_max)

    _add(
        collections.OrderedDict,
        "collections.OrderedDict",
        encode_dict,
        lambda payload: collections.OrderedDict(_is(payload, dict)),
    )
    _add(
        collections.Counter,
        "collections.Counter",
        encode_dict,
        lambda payload: collections.Counter(_is(payload, dict)),
    )
    _add(collections.defaultdict, "collections.defaultdict", encode_defaultdict, decode_defaultdict)
    _add(collections.deque, "collections.deque", lambda value: [list(value), value.maxlen], decode_deque)


@_loader
def _load_types() -> None:
    import types

    def decode(payload: Any) -> types.SimpleNamespace:
        namespace = types.SimpleNamespace()
        vars(namespace).update(_is(payload, dict))
        return namespace

    # A copy: the dict of the object would count as an object that comes a second time.
    _add(types.SimpleNamespace, "types.SimpleNamespace", lambda value: dict(vars(value)), decode)


# ---- paths --------------------------------------------------------------------------------------


@_loader
def _load_pathlib() -> None:
    import pathlib

    for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath, pathlib.PosixPath, pathlib.WindowsPath):
        _add(kind, f"pathlib.{kind.__name__}", str, _path_decoder(kind))


def _path_decoder(kind: type) -> Callable[[Any], Any]:
    def decode(payload: Any) -> Any:
        try:
            return kind(_is(payload, str))
        except NotImplementedError as error:
            raise BrainValueError(f"a {kind.__name__} exists only on the system of that name") from error

    return decode


# ---- buffers ------------------------------------------------------------------------------------


@_loader
def _load_array() -> None:
    import array

    def encode(value: Any) -> Any:
        return [value.typecode, value.itemsize, pickle.PickleBuffer(value)]

    def decode(payload: Any) -> Any:
        typecode, item_bytes, data = _items(payload, str, int, None)
        value = array.array(typecode)
        if value.itemsize != item_bytes:
            raise BrainValueError(
                f"items of type {typecode!r} have {value.itemsize} bytes here, not {item_bytes}"
            )
        value.frombytes(data)
        if typecode in ("u", "w") and max(array.array("I", value.tobytes()), default=0) > sys.maxunicode:
            raise ValueError("what is no character")
        return value

    _add(array.array, "array.array", encode, decode, buffers=True)


@_loader
def _load_mmap() -> None:
    import mmap

    _add(mmap.mmap, "mmap.mmap", pickle.PickleBuffer, _decode_mmap, buffers=True)


def _decode_mmap(payload: Any) -> memoryview:
    """A memoryview: what it is recalled from is mapped already."""
    return memoryview(payload).toreadonly()
