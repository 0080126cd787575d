"""What the extension asks for when it meets a value for the first time, or cannot store one.

Nothing here is on a hot path, and nothing here is for users.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import types
from collections import deque

from . import codecs
from .exceptions import BrainCorruptError, BrainError, BrainMissingPackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy

# ---- element types of arrays --------------------------------------------------------------------

_PLAIN_KINDS = frozenset("biufcmMSUV")
_PLAIN_TEXT = re.compile(r"[<>|][biufcmMSUV][0-9]+(\[[0-9A-Za-z/]+\])?")
_TEXT_MAX = 15  # what brain_tensor.dtype has room for
_DESCR_MAX = 32_000  # beside the shape, in 65,535 bytes of metadata


def dtype_to_text(
    dtype: numpy.dtype,
) -> tuple[str, str | None, int, tuple[str, ...] | None] | None:
    """How `dtype` is written in the store: type string, `descr` of a structured type, bytes of an
    element; and its names, where this is true for as long as `dtype.names` is that tuple. None where
    its elements are more than plain bytes, or where the text would not give the same type back (types
    of other packages, records): such arrays are pickled.
    """
    if dtype.hasobject or dtype.kind not in _PLAIN_KINDS or dtype.itemsize == 0:
        return None
    if dtype.metadata is not None or dtype.isalignedstruct:
        return None
    descr = None
    if dtype.names is not None:
        try:
            descr = repr(dtype.descr)
        except ValueError:  # fields that overlap
            return None
    if len(dtype.str) > _TEXT_MAX or len(descr or "") > _DESCR_MAX:
        return None
    try:
        again = dtype_from_text(dtype.str, None if descr is None else descr.encode(), dtype.itemsize)
    except MemoryError:  # which says nothing of the type, and what is found here is kept
        raise
    except Exception:  # whatever NumPy finds wrong with it: pickles have a form of their own
        return None
    names = None if _is_nested(dtype) else dtype.names
    return (dtype.str, descr, dtype.itemsize, names) if _same(again, dtype) else None


def _is_nested(dtype: numpy.dtype) -> bool:
    return any(field[0].base.names is not None for field in (dtype.fields or {}).values())


def _same(one: numpy.dtype, other: numpy.dtype) -> bool:
    return one == other and one.type is other.type and one.names == other.names


def dtype_from_text(text: str, descr: bytes | None, item_bytes: int) -> numpy.dtype:
    """The dtype that dtype_to_text() wrote so. The texts come out of the store and are not trusted:
    a type with pointers in it would read any address.

    A structured one is made anew each time: whoever gets it can rename its fields.
    """
    import numpy

    if descr is not None:
        dtype = numpy.lib.format.descr_to_dtype(_fields(descr))
    elif _PLAIN_TEXT.fullmatch(text):
        dtype = numpy.dtype(text)
    else:
        raise ValueError(f"no type of plain elements: {text!r}")
    if dtype.hasobject or dtype.subdtype is not None or dtype.itemsize != item_bytes:
        raise ValueError(f"no type of plain elements of {item_bytes} bytes: {text!r}")
    return dtype


@functools.lru_cache(maxsize=256)
def _fields(descr: bytes) -> Any:
    try:
        return ast.literal_eval(descr.decode())
    except MemoryError as error:  # of Python's parser also where brackets are nested too deeply
        raise ValueError("the fields of a type cannot be read") from error


_CODE_MAX = 0x10FFFF
_CHECKED_ROWS = 100_000  # at once: what is checked is copied


def check_text(array: numpy.ndarray) -> None:
    """Raise BrainCorruptError where a structured array has text with numbers that are no characters.

    Whoever looks at such an element gets an error, but hash() of it is the end of the process: NumPy 1 and 2
    do not expect that the text of a field cannot be made.
    """
    rows = array.reshape(-1, order="A")  # no copy: its elements lie one after the other
    for start in range(0, len(rows), _CHECKED_ROWS):
        _check_text(rows[start : start + _CHECKED_ROWS])


def _check_text(rows: numpy.ndarray) -> None:
    import numpy

    for name in rows.dtype.names or ():
        field = rows[name]
        if field.dtype.kind == "U" and field.dtype.itemsize > 0:
            codes = numpy.ascontiguousarray(field).view(field.dtype.str[0] + "u4")
            if codes.max(initial=0) > _CODE_MAX:
                raise BrainCorruptError(f"the text of an array, field {name!r}, is none")
        _check_text(field)


# ---- values that cannot be recalled -------------------------------------------------------------

# What a package is called where it is installed from, where that is not the name of its module.
_PACKAGES = {"PIL": "pillow", "cv2": "opencv-python", "sklearn": "scikit-learn", "yaml": "pyyaml"}
_CLASS_OF_MAIN = re.compile(r"Can't get attribute .* on <module '__(mp_)?main__'|module '__(mp_)?main__' has no attribute")


def why_not_recalled(error: Exception) -> tuple[str, bool]:
    """What went wrong, as part of a sentence, and whether it is a package that is not installed.

    Our own exceptions are sentences that stand for themselves.
    """
    if isinstance(error, BrainError):
        return str(error), isinstance(error, BrainMissingPackageError)
    if isinstance(error, ModuleNotFoundError):
        return f"{error!r}{_hint_of_module(error.name)}", True
    if isinstance(error, AttributeError) and _CLASS_OF_MAIN.search(str(error)):
        return (
            f"{error!r}: it is of the main module of the program that put it. Move it to a module that both import, or "
            "install cloudpickle where it is put (pip install cloudpickle), which sends it along",
            False,
        )
    return repr(error), False


def _hint_of_module(name: str | None) -> str:
    package, dot, _ = (name or "").partition(".")
    if not package:
        return ""
    try:
        is_here = bool(dot) and importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        is_here = False
    if is_here:
        return f": {package} is of another version than where it was put, or not all of it is here"
    if package in codecs.MODULES or package in _PACKAGES or package in ("cloudpickle", "xarray"):
        return f": pip install {_PACKAGES.get(package, package)}"
    return f": pip install {package} if that is a package; a module of your own has to be where this process imports from"


# ---- values that cannot be stored ---------------------------------------------------------------

_SEEN_MAX = 100


def not_stored(name: object) -> str:
    """What messages begin with of a value that is put under `name`; None: under none."""
    return f"{'the value' if name is None else repr(name)} cannot be stored"


def explain_failure(value: object, name: object, error: Exception) -> str:
    """Why `value` cannot be stored under `name`: which part of it cannot be pickled.

    `error` is what the pickler raised for the whole. The part is found by pickling smaller and smaller
    ones, which takes long where there are many; nobody waits for it but whoever gets the exception.
    Not where a value puts others while it is pickled: of those each would look for its part again.
    """
    path = ""
    if isinstance(error, (RecursionError, BrainError)):
        is_encoder = codecs.find_encoder_in_pickles(type(value)) is not None
    else:
        path, value, error, _ = _blame(value, error, [])
        encoder_error = _encoder_error(value)
        is_encoder = encoder_error is not None
        error = encoder_error or error
    what = "whose encoder failed" if is_encoder else "which cannot be pickled"
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    where = f"value{path} is of type {_type_name(value)}"
    return f"{not_stored(name)}: {where}, {what} ({reason}){_hint(value)}"


def _type_name(value: object) -> str:
    kind = type(value)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _hint(value: object) -> str:
    if not isinstance(value, (types.FunctionType, type)):
        return ""
    try:
        import cloudpickle  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401
    except ImportError:
        return ": with cloudpickle, lambdas and local classes can be (pip install cloudpickle)"
    return ""


def _encoder_error(value: object) -> Exception | None:
    try:
        encode = codecs.find_encoder_in_pickles(type(value))
        if encode is not None:
            encode(value)
    except Exception as error:
        return error
    return None


def _blame(value: object, error: Exception, seen: list[object]) -> tuple[str, object, Exception, bool]:
    """The smallest part that cannot be pickled: how one gets there, it, its error, and whether it is to blame
    for sure. It is not where it holds something of which it is a part itself: then another one may be.
    """
    first: tuple[str, object, Exception, bool] | None = None
    certain = True
    seen.append(value)
    for step, part in _parts_as_far_as_can_be(value):
        if any(part is one for one in seen):
            certain = False
            continue
        part_error = _pickle_error(part)
        if part_error is None or len(seen) >= _SEEN_MAX:
            continue
        found = _blame(part, part_error, seen)
        if found[3]:
            return (step + found[0], *found[1:])
        first = first or (step + found[0], *found[1:])
        certain = False
    return first or ("", value, error, certain)


def _parts_as_far_as_can_be(value: object) -> Iterator[tuple[str, object]]:
    try:
        yield from _parts(value)
    except Exception:  # a value that cannot even be taken apart: then it is the part
        pass


def _pickle_error(value: object) -> Exception | None:
    from . import pickling

    try:
        pickling.dumps(value, lambda buffer: None)
    except Exception as error:
        return error
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """What `value` is pickled by, each part with how one gets to it from there."""
    yield from shown_parts(value)
    if isinstance(value, types.FunctionType):
        yield from _variables(value)
    elif not isinstance(value, type):
        yield from with_attribute_names(value, _state(value))


def shown_parts(value: object) -> Iterator[tuple[str, object]]:
    """Those of containers, arrays and frames, as whoever has the value sees them."""
    if isinstance(getattr(value, "attrs", None), dict):  # of a frame, whose columns have them as well
        yield ".attrs", value.attrs  # type: ignore[attr-defined]
    if isinstance(value, dict):
        for key, item in value.items():
            yield f"[{key!r}]", item
        for key in value:
            yield f" (key {key!r})", key
    elif isinstance(value, (list, tuple, deque)):
        for index, item in enumerate(value):
            yield f"[{index}]", item
    elif isinstance(value, (set, frozenset)):
        for item in value:
            yield f" (element {item!r})", item
    elif _is_a(value, "DataFrame", "pandas"):
        yield from _parts_of_frame(value)
    elif _is_a(value, "DataFrame", "polars"):
        for label in value.columns:  # type: ignore[attr-defined]
            yield f"[{label!r}]", value[label]  # type: ignore[index]
    elif hasattr(value, "dtype") and hasattr(value, "tolist"):
        if _is_a(value, "Series", "pandas"):
            yield ".index", value.index  # type: ignore[attr-defined]
        fields = getattr(value.dtype, "names", None)  # of a structured array
        if isinstance(fields, tuple):
            yield from ((f"[{field!r}]", value[field]) for field in fields)  # type: ignore[index]
        else:
            yield from shown_parts(value.tolist())  # of an array or a series only objects can fail


def _is_a(value: object, name: str, package: str) -> bool:
    kind = type(value)
    return kind.__name__ == name and kind.__module__.partition(".")[0] == package


def _parts_of_frame(frame: Any) -> Iterator[tuple[str, object]]:
    yield ".columns", frame.columns
    yield ".index", frame.index
    is_by_label = frame.columns.is_unique
    for position, label in enumerate(frame.columns):
        yield f"[{label!r}]" if is_by_label else f".iloc[:, {position}]", frame.iloc[:, position]


def _variables(function: types.FunctionType) -> Iterator[tuple[str, object]]:
    """What a function that is sent by value takes along."""
    code = function.__code__
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        try:
            yield f" (its variable {name!r})", cell.cell_contents
        except ValueError:  # not set yet
            pass
    for name in code.co_names:
        if name in function.__globals__:
            yield f" (its variable {name!r})", function.__globals__[name]


def _state(value: object) -> Iterator[tuple[str, object]]:
    encode = codecs.find_encoder_in_pickles(type(value))
    encoded = None if encode is None else encode(value)
    if encoded is not None:
        payload = encoded[1]
        within = codecs.within_payload(type(value))
        if isinstance(payload, (dict, list, tuple)):
            yield from ((f"{within}{step}", part) for step, part in _parts(payload))
        else:
            yield within, payload
        return
    reduced = value.__reduce_ex__(5)
    if isinstance(reduced, str):
        return
    for position, part in enumerate(reduced[1]):
        if not isinstance(part, type):  # of a class that cannot be pickled its object is to blame
            yield f" (argument {position} of its __reduce__)", part
    state, items, pairs = (*reduced[2:5], None, None, None)[:3]
    yield from _state_parts(state)
    yield from ((f"[{index}]", item) for index, item in enumerate(items or ()))
    yield from ((f"[{key!r}]", item) for key, item in pairs or ())


def _state_parts(state: object) -> Iterator[tuple[str, object]]:
    # As object.__reduce_ex__() has it: a dict of attributes, or that or None, and a dict of slots.
    is_pair = isinstance(state, tuple) and len(state) == 2 and isinstance(state[1], dict)
    for part in state if is_pair else (state,):  # type: ignore[attr-defined]
        if isinstance(part, dict):
            yield from ((f".{key}", item) for key, item in part.items())
        elif isinstance(part, (list, tuple)):  # as dataclasses with slots have it
            yield from ((f" (its state)[{index}]", item) for index, item in enumerate(part))
        else:
            yield " (its state)", part


# What builtin classes call their parts.
_ATTRIBUTES = (
    *("func", "args", "keywords", "__self__", "__func__", "__wrapped__", "default_factory"),
    *("start", "stop", "step", "dtype"),
)


def with_attribute_names(
    value: object, parts: Iterator[tuple[str, object]]
) -> Iterator[tuple[str, object]]:
    """The same parts, where one is an attribute of the value by the name of that."""
    names = [*getattr(value, "__dict__", ()), *_ATTRIBUTES]
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        names.extend([slots] if isinstance(slots, str) else slots)
    # What is kept as _name is mostly to be had as name.
    names = [*(name.removeprefix("_") for name in names), *names]
    attributes = [(name, getattr(value, name)) for name in names if hasattr(value, name)]
    for step, part in parts:
        own = [name for name, attribute in attributes if attribute is part]
        yield f".{own[0]}" if own and not step.startswith((".", "[")) else step, part
