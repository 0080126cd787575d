"""Sparse matrices and arrays of SciPy: the arrays that they consist of, and what they know of these.

They are put together as a pickle does it, without their constructors: those look at all indices, and may
make new ones of another type. lil and dok are Python lists and dicts within, and are pickled.
"""

from __future__ import annotations

import functools
import importlib

from ..exceptions import BrainCorruptError
from . import decoders, encoders

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

np: Any = importlib.import_module("numpy")
sp: Any = importlib.import_module("scipy.sparse")

_KINDS = ("matrix", "array")
_COMPRESSED = ("data", "indices", "indptr", "_has_sorted_indices", "_has_canonical_format")

# Format -> the attributes that are stored besides the shape.
_PARTS = {
    "csr": _COMPRESSED,
    "csc": _COMPRESSED,
    "bsr": _COMPRESSED,
    "coo": ("data", "coords", "has_canonical_format"),
    "dia": ("data", "offsets"),
}

# What SciPy finds out when it is asked; wrong ones would make it read what it should not.
_FLAGS = {"_has_sorted_indices", "_has_canonical_format", "has_canonical_format"}
_ALSO = {"_shape", "maxprint", "_maxprint"}


def load(package: str) -> None:
    """Fill the dicts with what is known of scipy.sparse."""
    for form in _PARTS:
        for kind in _KINDS:
            cls = getattr(sp, f"{form}_{kind}", None)
            if cls is not None and _is_as_expected(cls, form):
                name = f"scipy.sparse.{form}_{kind}"
                encoders[cls] = functools.partial(_encode, name, _PARTS[form])
                decoders[name] = functools.partial(_decode, cls, form)


def _is_as_expected(cls: type, form: str) -> bool:
    """Whether an instance consists of what is known here. If not, SciPy pickles it."""
    attributes = set(vars(cls((1, 1))))
    return attributes - _ALSO - _FLAGS == set(_PARTS[form]) - _FLAGS and "_shape" in attributes


def _encode(name: str, parts: tuple[str, ...], matrix: Any) -> tuple[str, Any] | None:
    state = vars(matrix)
    if state.keys() - _ALSO - set(parts):
        return None  # somebody has hung something on it
    if any(state.get(key) != value for key, value in _defaults(matrix.__class__).items()):
        return None  # or changed how it is printed
    payload = {part: _plain(state[part]) for part in parts if part in state}
    payload["shape"] = tuple(int(n) for n in matrix.shape)
    return name, payload


def _plain(part: Any) -> Any:
    """Flags are NumPy's at times."""
    return bool(part) if isinstance(part, np.bool_) else part


def _decode(cls: type, form: str, payload: dict[str, Any], trusted: bool) -> Any:
    if not trusted:
        payload = _checked(form, cls, payload)
    matrix: Any = object.__new__(cls)
    state = vars(matrix)
    state.update(payload)
    state["_shape"] = state.pop("shape")
    state.update(_defaults(cls))
    if not trusted:
        _check_format(matrix, form)
    return matrix


@functools.cache
def _defaults(cls: type) -> dict[str, Any]:
    """What an instance has that is the same in all."""
    return {name: value for name, value in vars(cls((1, 1))).items() if name in _ALSO - {"_shape"}}


# ---- from those who are not trusted ---------------------------------------------------------------


def _checked(form: str, cls: type, payload: Any) -> dict[str, Any]:
    """The payload without its flags. BrainCorruptError: SciPy would read outside of its arrays."""
    try:
        parts = {part: payload[part] for part in _PARTS[form] if part not in _FLAGS}
        parts["shape"] = shape = payload["shape"]
        _require(
            isinstance(shape, tuple) and all(type(n) is int and 0 <= n < 1 << 62 for n in shape),
            "a shape that is none",
        )
        _require(1 <= len(shape) <= 64 and (len(shape) == 2 or _can_have(cls, form)), "a shape that is none")
        _check_data(parts["data"])
        _CHECKS[form](parts, shape)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise BrainCorruptError(f"a sparse {form} makes no sense: {error!r}") from error
    return parts


def _can_have(cls: type, form: str) -> bool:
    """Whether there are such of other than two dimensions."""
    return form in ("coo", "csr") and issubclass(cls, sp.sparray)


def _check_data(data: Any) -> None:
    _require(
        type(data) is np.ndarray and data.dtype.kind in "biufc" and data.dtype.isnative,
        "elements that are no numbers",
    )


def _check_compressed(parts: dict[str, Any], shape: tuple[int, ...], n_major: int, n_minor: int) -> None:
    indices, indptr = parts["indices"], parts["indptr"]
    _check_indices(indices)
    _check_indices(indptr)
    _require(indices.dtype == indptr.dtype, "indices of two types")
    _require(indptr.shape == (n_major + 1,) and indptr[0] == 0, "an indptr of the wrong length")
    # Not by their differences, which wrap around.
    _require(bool((indptr[1:] >= indptr[:-1]).all()), "an indptr that goes down")
    _require(int(indptr[-1]) <= len(indices) == len(parts["data"]), "an indptr that ends behind the indices")
    _check_within(indices, n_minor)


def _check_csr(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    _require(parts["data"].ndim == 1 and len(shape) <= 2, "elements of the wrong shape")
    n_rows, n_columns = (1, *shape)[-2:]
    _check_compressed(parts, shape, n_rows, n_columns)


def _check_csc(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    _require(parts["data"].ndim == 1, "elements of the wrong shape")
    _check_compressed(parts, shape, shape[1], shape[0])


def _check_bsr(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    _, n_rows, n_columns = parts["data"].shape
    _require(n_rows > 0 and n_columns > 0, "empty blocks")
    _require(shape[0] % n_rows == 0 and shape[1] % n_columns == 0, "blocks that do not fill the shape")
    _check_compressed(parts, shape, shape[0] // n_rows, shape[1] // n_columns)


def _check_coo(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    coords = parts["coords"]
    _require(isinstance(coords, tuple) and len(coords) == len(shape), "coordinates of the wrong number")
    _require(parts["data"].ndim == 1, "elements of the wrong shape")
    for indices, n in zip(coords, shape, strict=True):
        _check_indices(indices)
        _require(indices.dtype == coords[0].dtype, "coordinates of two types")
        _require(len(indices) == len(parts["data"]), "coordinates of the wrong number")
        _check_within(indices, n)


def _check_dia(parts: dict[str, Any], shape: tuple[int, ...]) -> None:
    data, offsets = parts["data"], parts["offsets"]
    _check_indices(offsets)
    _require(data.ndim == 2 and len(data) == len(offsets), "diagonals of the wrong number")
    _require(len(np.unique(offsets)) == len(offsets), "a diagonal that is there twice")
    # Sums of an offset and a length must not wrap around.
    n_most = max(shape) + 1
    _require(bool(((offsets >= -n_most) & (offsets <= n_most)).all()), "a diagonal outside")
    _require(2 * n_most + data.shape[1] <= np.iinfo(offsets.dtype).max, "indices that are too narrow")


def _check_indices(indices: Any) -> None:
    _require(
        type(indices) is np.ndarray and indices.ndim == 1 and indices.dtype in (np.int32, np.int64),
        "indices that are none",
    )


def _check_within(indices: Any, n: int) -> None:
    _require(not len(indices) or (indices.min() >= 0 and indices.max() < n), "an index outside of the shape")


def _check_format(matrix: Any, form: str) -> None:
    """What SciPy itself checks. Of coo and dia it checks less than was done here."""
    if form == "coo":
        matrix.has_canonical_format = False  # not known
    if form in ("coo", "dia"):
        return
    try:
        matrix.check_format(full_check=True)
    except (TypeError, ValueError) as error:
        raise BrainCorruptError(f"a sparse array makes no sense: {error}") from error


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise BrainCorruptError(f"a sparse array has {otherwise}")


_CHECKS: dict[str, Callable[[dict[str, Any], tuple[int, ...]], None]] = {
    "csr": _check_csr,
    "csc": _check_csc,
    "bsr": _check_bsr,
    "coo": _check_coo,
    "dia": _check_dia,
}
