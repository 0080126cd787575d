"""What of a value goes into a file of a table, and what a table from one becomes: values to Arrow and back.

Numbers, dates, categories and all that lies in memory as Arrow has it is not copied on the way out, but where a frame
of pandas or an array has it with gaps. Strings that are Python objects are, and those of Polars a piece at a time.
"""

from __future__ import annotations

import importlib
import sys

from .exceptions import BrainMissingPackageError, BrainValueError, BrainValueTypeError
from .table_formats import module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

KINDS = ("arrow", "pandas", "polars")
_CAN_BE = (
    "A frame or series of pandas or Polars, a table or record batch of pyarrow, a structured NumPy array of one "
    "dimension, and a dict of columns can be written as a table"
)


class Columns:
    """A table that is to be written. rows(start, end): these of it, as a table of Arrow with that schema."""

    __slots__ = ("n_bytes", "n_rows", "rows", "schema")

    def __init__(self, schema: Any, n_rows: int, n_bytes: int, rows: Callable[[int, int], Any]) -> None:
        self.schema = schema
        self.n_rows = n_rows
        self.n_bytes = n_bytes
        self.rows = rows

    def pieces(self, n_rows: int) -> Iterator[Any]:
        """All of it, so many rows at a time."""
        for start in range(0, self.n_rows, n_rows):
            yield self.rows(start, min(start + n_rows, self.n_rows))


def _is_a(value: object, package: str, *names: str) -> bool:
    """Whether it is of a class of a package, which is then imported, or of one below it."""
    found = sys.modules.get(package)
    return found is not None and isinstance(value, tuple(getattr(found, name) for name in names))


# ---- out --------------------------------------------------------------------------------------


def columns_of(value: Any, name: str) -> Columns:
    """The columns of a value; `name` is there for messages. Raises BrainValueTypeError where it has none."""
    pa = module("pyarrow")
    try:
        found = _columns_of(value, name)
    except (pa.ArrowException, ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError) as error:
        if isinstance(error, (BrainValueError, BrainValueTypeError, MemoryError)):
            raise
        raise BrainValueTypeError(f"{name!r}, of type {_said(value)}, cannot be made a table: {error}") from error
    if found is None:
        raise BrainValueTypeError(f"{name!r} is of type {_said(value)}, and no table. {_CAN_BE}")
    return found


def _said(value: object) -> str:
    kind = type(value)
    shown = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if _is_a(value, "numpy", "ndarray"):
        n_dims = value.ndim  # type: ignore[attr-defined]
        shown += f" ({value.dtype}, {n_dims} dimension{'' if n_dims == 1 else 's'})"  # type: ignore[attr-defined]
    return shown


def _columns_of(value: Any, name: str) -> Columns | None:
    if _is_a(value, "pyarrow", "RecordBatch"):
        return _of_table(module("pyarrow").Table.from_batches([value]))
    if _is_a(value, "pyarrow", "Table"):
        return _of_table(value)
    if _is_a(value, "pandas", "DataFrame", "Series"):
        return _of_pandas(value, name)
    if _is_a(value, "polars", "DataFrame", "Series"):
        return _of_polars(value)
    if _is_a(value, "numpy", "ndarray") and not _is_a(value, "numpy.ma", "MaskedArray"):
        return _of_records(value, name) if value.dtype.names is not None and value.ndim == 1 else None
    if isinstance(value, dict):
        return _of_dict(value, name)
    return None


def _of_table(table: Any) -> Columns:
    if any(_has_dictionary(kind) for kind in table.schema.types):
        table = table.unify_dictionaries()  # a file of Arrow has one for each column; copies codes alone
    return Columns(table.schema, table.num_rows, table.nbytes, lambda start, end: table.slice(start, end - start))


def _has_dictionary(kind: Any) -> bool:
    if module("pyarrow").types.is_dictionary(kind):
        return True
    return any(_has_dictionary(kind.field(i).type) for i in range(kind.num_fields))


def _of_pandas(value: Any, name: str) -> Columns:
    frame = value.to_frame() if value.ndim == 1 else value
    if not frame.columns.is_unique:
        twice = frame.columns[frame.columns.duplicated()][0]
        raise BrainValueTypeError(
            f"{name!r} has more than one column {twice!r}, which files of frames cannot have: rename one"
        )
    return _of_table(module("pyarrow").Table.from_pandas(frame))


def _of_polars(value: Any) -> Columns:
    polars = _polars()
    frame = value.to_frame() if isinstance(value, polars.Series) else value
    # The layout that all readers know, and not the newest.
    level = {"compat_level": polars.CompatLevel.oldest()} if hasattr(polars, "CompatLevel") else {}
    schema = frame.clear().to_arrow(**level).schema
    if any(_has_dictionary(kind) for kind in schema.types):
        return _of_table(frame.to_arrow(**level))

    def rows(start: int, end: int) -> Any:
        return frame.slice(start, end - start).to_arrow(**level)

    return Columns(schema, frame.height, frame.estimated_size(), rows)


def _of_records(array: Any, name: str) -> Columns:
    pa = module("pyarrow")
    for field, (kind, *_) in array.dtype.fields.items():
        if kind.subdtype is not None or kind.names is not None:
            raise BrainValueTypeError(
                f"field {field!r} of {name!r} has several values in a row ({kind}): write it as a table of pyarrow"
            )

    def rows(start: int, end: int) -> Any:
        piece = array[start:end]
        return pa.table({field: _of_field(piece[field]) for field in array.dtype.names})

    return Columns(rows(0, 0).schema, len(array), array.nbytes, rows)


def _of_field(field: Any) -> Any:
    """A column of a field, which lies in its array with gaps, and maybe in the order of other machines."""
    return module("pyarrow").array(field.astype(field.dtype.newbyteorder("="), copy=False))


def _of_dict(columns: Mapping[Any, Any], name: str) -> Columns:
    for key, column in columns.items():
        if not isinstance(key, str):
            raise BrainValueTypeError(f"{name!r} is a dict, and its key {key!r} is no name of a column: it is no str")
        if not _is_column(column):
            raise BrainValueTypeError(
                f"{name!r} is a dict, and its item {key!r} is of type {_said(column)}, and no column"
            )
    return _of_table(module("pyarrow").table({key: _as_column(column) for key, column in columns.items()}))


def _is_column(column: Any) -> bool:
    if _is_a(column, "numpy", "ndarray"):
        return bool(column.ndim == 1)
    is_series = _is_a(column, "pandas", "Series", "Index") or _is_a(column, "polars", "Series")
    return is_series or isinstance(column, (list, tuple)) or _is_a(column, "pyarrow", "Array", "ChunkedArray")


def _as_column(column: Any) -> Any:
    return column.to_arrow() if _is_a(column, "polars", "Series") else column


# ---- in ---------------------------------------------------------------------------------------


def check_kind(kind: object) -> None:
    """Raise where it is none, or what it needs is not installed."""
    if kind is None:
        return
    if kind not in KINDS:
        raise BrainValueError(f"kind has to be 'arrow', 'pandas' or 'polars', not {kind!r}")
    if kind != "arrow" and not _has(str(kind)):
        raise BrainMissingPackageError(
            f"kind={kind!r} needs the package {kind}, which is not installed: pip install {kind}, or kind='arrow'"
        )


def _has(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def kind_of(schema: Any) -> str:
    """What a table from a file becomes where nobody says it: a frame where a frame was written."""
    return "pandas" if b"pandas" in (schema.metadata or {}) and _has("pandas") else "arrow"


def value_of(table: Any, kind: str) -> Any:
    """A table of Arrow as what it is to be. Raises BrainValueError where it cannot be that."""
    if kind == "arrow":
        return table
    try:
        return table.to_pandas() if kind == "pandas" else _polars().from_arrow(table)
    except Exception as error:  # whatever they say
        if isinstance(error, MemoryError):
            raise
        raise BrainValueError(f"the table cannot be a frame of {kind} ({error}); kind='arrow' takes any") from error


def _polars() -> Any:
    return importlib.import_module("polars")
