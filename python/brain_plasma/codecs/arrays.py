"""What NumPy has beside arrays of plain elements, which the extension stores itself; and arrays in pickles.

Payloads are arrays where they can be, so that the extension looks after their bytes. In a pickle an array
is its type, shape and order as plain data, and a buffer: NumPy's own way copies dates, what has gaps, and
all that is of a subclass.
"""

from __future__ import annotations

import math
import pickle

from .. import values
from . import decoder, encoders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any  # also for arrays and dtypes: what NumPy's hints say of them differs by version

    from . import Encoder

_DESCR_MAX = 32_000

# Kinds of elements that NumPy itself puts beside a pickle, where the array has no gaps, and faster.
_BESIDE_PICKLE = frozenset("biufcSU")

# What an array of a structured type is viewed as, where not as numpy.void.
_RECORD = "record"


def load(package: str) -> None:
    import numpy

    encoders[numpy.ndarray] = _encode_array
    decoder("numpy.ndarray", _decode_array)
    decoder("numpy.ndarray.record", _decode_records)
    decoder("numpy.ndarray.object", _decode_objects)
    encoders[numpy.recarray] = _encode_recarray
    decoder("numpy.recarray", _decode_recarray)
    encoders[numpy.matrix] = lambda value: ("numpy.matrix", numpy.asarray(value))
    decoder("numpy.matrix", lambda payload: _is_array(payload, n_dimensions=2).view(numpy.matrix))
    encoders[numpy.memmap] = lambda value: ("numpy.memmap", numpy.asarray(value))
    decoder("numpy.memmap", _is_array)
    encoders[numpy.ma.MaskedArray] = _encode_masked
    decoder("numpy.ma.MaskedArray", _decode_masked)
    encoders[type(numpy.ma.masked)] = lambda value: ("numpy.ma.masked", None)
    decoder("numpy.ma.masked", lambda payload: numpy.ma.masked)
    decoder("numpy.generic", _decode_scalar)
    decoder("numpy.dtype", _decode_dtype)


def encoder_of(kind: type) -> Encoder | None:
    """The encoder of NumPy's scalars and dtypes: each type of elements has classes of its own."""
    import numpy

    if issubclass(kind, numpy.dtype):
        return _encode_dtype
    if issubclass(kind, numpy.generic) and kind.__module__.partition(".")[0] == "numpy":
        return _encode_scalar
    return None


def encoder_in_pickles(kind: type, encode: Encoder | None) -> Encoder | None:
    import numpy

    if kind is numpy.ndarray:
        return _encode_array_in_pickle
    if issubclass(kind, (numpy.dtype, numpy.generic)) or kind is type(numpy.ma.masked):
        return None  # small, and pickle knows how
    if encode is None and issubclass(kind, numpy.ndarray) and _is_pickled_as_array(kind):
        return _encode_array_in_pickle
    return encode


def _is_pickled_as_array(kind: type) -> bool:
    import numpy

    names = ("__reduce__", "__reduce_ex__", "__setstate__")
    return all(getattr(kind, name) is getattr(numpy.ndarray, name) for name in names)


# ---- types of elements --------------------------------------------------------------------------


def _dtype_to_payload(dtype: Any) -> list[Any] | None:
    """[type text, descr or None, bytes of an element, what it is viewed as or None].

    None: it has to be pickled.
    """
    import numpy

    view = None
    if dtype.type is numpy.record:
        view = _RECORD
        dtype = _without_record(dtype)
    text = values.dtype_to_text(dtype)
    return None if text is None else [*text[:3], view]


def _dtype_from_payload(payload: Any) -> Any:
    import numpy

    if isinstance(payload, numpy.dtype) and not payload.hasobject:  # out of a pickle
        return payload
    text, descr, item_bytes, view = _list_of(payload, 4)
    if type(text) is not str or type(item_bytes) is not int or view not in (None, _RECORD):
        raise TypeError("no type of elements")
    if descr is not None:
        if type(descr) is not str or len(descr) > _DESCR_MAX:
            raise TypeError("no type of elements")
        descr = descr.encode()
    dtype = values.dtype_from_text(text, descr, item_bytes)
    return dtype if view is None else _as_record(dtype)


def _without_record(dtype: Any) -> Any:
    import numpy

    return numpy.dtype((numpy.void, dtype))


def _encode_dtype(dtype: Any) -> tuple[str, Any] | None:
    if dtype.kind == "O" and dtype.metadata is None:
        return "numpy.dtype", "O"
    payload = _dtype_to_payload(dtype)
    return None if payload is None else ("numpy.dtype", payload)


def _decode_dtype(payload: Any) -> Any:
    import numpy

    return numpy.dtype("O") if payload == "O" else _dtype_from_payload(payload)


# ---- scalars ------------------------------------------------------------------------------------


def _encode_scalar(value: Any) -> tuple[str, Any] | None:
    dtype = _dtype_to_payload(value.dtype)
    return None if dtype is None else ("numpy.generic", [dtype, value.tobytes()])


def _decode_scalar(payload: Any) -> Any:
    import numpy

    dtype, data = _list_of(payload, 2)
    if type(data) is not bytes:
        raise TypeError("no bytes")
    # A structured one refers to its array; it can be written, as the one that was put.
    return numpy.ndarray((), _dtype_from_payload(dtype), bytearray(data))[()]


# ---- arrays -------------------------------------------------------------------------------------


def _order(array: Any) -> str:
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def _encode_array(array: Any) -> tuple[str, Any] | None:
    """One that the extension does not store itself: of records, or of objects."""
    import numpy

    if array.dtype.type is numpy.record:
        return "numpy.ndarray.record", array.view(_without_record(array.dtype))
    if array.dtype.kind == "O" and array.dtype.metadata is None:
        order = _order(array)
        return "numpy.ndarray.object", [list(array.shape), order, array.ravel(order).tolist()]
    return _encode_array_in_pickle(array)


def _encode_array_in_pickle(array: Any) -> tuple[str, Any] | None:
    """Also one of a subclass that says no more of itself in a pickle."""
    import numpy

    kind = type(array)
    if kind is not numpy.ndarray:
        array = numpy.asarray(array)
    elif array.dtype.kind in _BESIDE_PICKLE and array.flags.forc:
        return None
    dtype = _dtype_to_payload(array.dtype)
    if dtype is None:
        if array.dtype.names is None or array.dtype.hasobject or array.dtype.itemsize == 0:
            return None
        # A structured type that no text gives back is pickled, and its elements beside it: NumPy would put
        # them into the pickle where fields overlap.
        dtype = array.dtype
    order = _order(array)
    payload = [dtype, list(array.shape), order, pickle.PickleBuffer(_bytes_of(array, order))]
    if kind is not numpy.ndarray:
        payload.append(kind)
    return "numpy.ndarray", payload


def _bytes_of(array: Any, order: str) -> Any:
    """The elements of an array as bytes. Copied only where the array has gaps."""
    import numpy

    return numpy.ascontiguousarray(array.reshape(-1, order=order)).view(numpy.uint8)


def _decode_array(payload: Any) -> Any:
    import numpy

    dtype, shape, order, data, *rest = _list_of(payload, 4, 5)
    kind = rest[0] if rest else numpy.ndarray
    if not (isinstance(kind, type) and issubclass(kind, numpy.ndarray)):
        raise TypeError(f"no class of arrays: {kind!r}")
    # As NumPy's own way: __array_finalize__(None) is called, and not __new__ of the class.
    return numpy.ndarray.__new__(
        kind, _shape(shape), _dtype_from_payload(dtype), memoryview(data).toreadonly(), order=order
    )


def _decode_records(payload: Any) -> Any:
    return _is_array(payload).view(_as_record(payload.dtype))


def _as_record(dtype: Any) -> Any:
    import numpy

    if dtype.names is None:
        raise TypeError("records without fields")
    return numpy.dtype((numpy.record, dtype))


def _decode_objects(payload: Any) -> Any:
    import numpy

    shape, order, items = _list_of(payload, 3)
    if type(items) is not list or order not in ("C", "F"):
        raise TypeError("no list of elements")
    if math.prod(_shape(shape)) != len(items):
        raise ValueError(f"{len(items)} elements in an array of shape {shape}")
    flat = numpy.fromiter(items, dtype=object, count=len(items))
    return flat.reshape(shape, order=order)


def _encode_recarray(array: Any) -> tuple[str, Any] | None:
    import numpy

    plain = array.view(numpy.ndarray)
    if plain.dtype.type is numpy.record:
        return "numpy.recarray", plain.view(_without_record(plain.dtype))
    return None if plain.dtype.names else ("numpy.recarray", plain)


def _decode_recarray(payload: Any) -> Any:
    import numpy

    return _is_array(payload).view(numpy.recarray)  # which makes a structured type one of records


def _encode_masked(array: Any) -> tuple[str, Any] | None:
    import numpy

    if array.baseclass is not numpy.ndarray:
        return None
    data = array.data
    mask = None if array.mask is numpy.ma.nomask else array.mask
    fill = array._fill_value  # None where nobody has set it: then it follows from the type
    return "numpy.ma.MaskedArray", [data, mask, fill, array.hardmask]


def _decode_masked(payload: Any) -> Any:
    import numpy

    data, mask, fill, is_hard = _list_of(payload, 4)
    _is_array(data)
    if mask is not None:
        mask_dtype = numpy.ma.make_mask_descr(data.dtype)
        if _is_array(mask).dtype != mask_dtype or mask.shape != data.shape:
            raise TypeError("no mask of these elements")
    array = numpy.ma.MaskedArray(
        data,
        mask=numpy.ma.nomask if mask is None else mask,
        copy=False,
        keep_mask=False,  # there is none before it
        hard_mask=is_hard is True,
    )
    if fill is not None:
        array.set_fill_value(_is_array(fill))
    return array


# ---- what decoders check ------------------------------------------------------------------------


def _list_of(payload: Any, *lengths: int) -> list[Any]:
    if type(payload) is not list or len(payload) not in lengths:
        raise TypeError("no list of the parts of one")
    return payload


def _is_array(value: Any, n_dimensions: int | None = None) -> Any:
    import numpy

    if type(value) is not numpy.ndarray:
        raise TypeError("no array")
    if n_dimensions is not None and value.ndim != n_dimensions:
        raise ValueError(f"{value.ndim} dimensions, not {n_dimensions}")
    return value


def _shape(shape: Any) -> list[int]:
    if type(shape) is not list or any(type(length) is not int or length < 0 for length in shape):
        raise TypeError("no shape")
    return shape
