"""Formats of files of tables, by what pyarrow has for each: Parquet, CSV, and Arrow's IPC files.

Parquet and IPC are read and written in pieces, row groups and record batches, of which one at a time is in memory.
CSV is written so, too, and read whole, since what type a column has shows at its end.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os

from .exceptions import (
    BrainError,
    BrainFormatError,
    BrainMemoryError,
    BrainMissingPackageError,
    BrainOSError,
    BrainValueError,
    BrainValueTypeError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    from .table_values import Columns

PARQUET, CSV, ARROW = "parquet", "csv", "arrow"
_SAID = {PARQUET: "Parquet", CSV: "CSV", ARROW: "Arrow IPC"}  # as messages say it
_NAMES = {PARQUET: PARQUET, CSV: CSV, ARROW: ARROW, "feather": ARROW, "ipc": ARROW}
_SUFFIXES = {".parquet": PARQUET, ".pq": PARQUET, ".csv": CSV, ".arrow": ARROW, ".feather": ARROW, ".ipc": ARROW}
_PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}  # of CSV: the others compress by themselves

# What may be given beside the path, by the names that pyarrow has for it.
_PARQUET_OUT = (
    *("compression", "compression_level", "use_dictionary", "write_statistics", "column_encoding", "version"),
    *("data_page_size", "coerce_timestamps", "allow_truncated_timestamps", "write_page_index", "store_schema"),
)
_CSV_OUT = ("delimiter", "include_header", "quoting_style")
_CSV_READ = (
    *("block_size", "skip_rows", "skip_rows_after_names", "column_names", "autogenerate_column_names", "encoding"),
)
_CSV_PARSE = (
    *("delimiter", "quote_char", "double_quote", "escape_char", "newlines_in_values", "ignore_empty_lines"),
)
_CSV_CONVERT = (
    *("column_types", "null_values", "true_values", "false_values", "decimal_point", "timestamp_parsers"),
    *("strings_can_be_null", "quoted_strings_can_be_null", "auto_dict_encode", "check_utf8"),
)
_OUT = {PARQUET: (*_PARQUET_OUT, "row_group_size"), CSV: _CSV_OUT, ARROW: ("compression",)}
_IN = {PARQUET: ("columns",), CSV: ("columns", *_CSV_READ, *_CSV_PARSE, *_CSV_CONVERT), ARROW: ("columns",)}

_BLOCK_BYTES = 16 << 20  # of CSV: no row may be longer
_PIECE_BYTES = 64 << 20
_PIECE_ROWS = 1 << 20


# ---- which one --------------------------------------------------------------------------------


class Form:
    """The format of a file. format: its name. packing: what compresses all of the file, or None."""

    __slots__ = ("format", "packing")

    def __init__(self, format: str, packing: str | None) -> None:
        self.format = format
        self.packing = packing

    @property
    def said(self) -> str:
        return _SAID[self.format]

    def check_options(self, call: str, options: dict[str, Any]) -> None:
        known = (_OUT if call == "export_table" else _IN)[self.format]
        unknown = sorted(options.keys() - set(known))
        if unknown:
            raise TypeError(
                f"{call}() has no option {unknown[0]!r} for {self.said}; there are {', '.join(sorted(known))}"
            )


def form_of(path: str, format: str | None) -> Form:
    """The form that is asked for, or that the name of a file says."""
    stem, suffix = os.path.splitext(file_name(path))
    packing = _PACKED.get(suffix.lower())
    if packing is not None:
        suffix = os.path.splitext(stem)[1]
    if format is not None and format not in _NAMES:
        raise BrainValueError(f"format has to be 'parquet', 'csv' or 'arrow', not {format!r}")
    found = _SUFFIXES.get(suffix.lower()) if format is None else _NAMES[format]
    if found is None:
        raise BrainValueError(
            f"the name {path!r} does not say the format of the file: give format='parquet', 'csv' or 'arrow', or a "
            f"name that ends in {', '.join(_SUFFIXES)}; after .csv may follow {', '.join(_PACKED)}"
        )
    if packing is not None and found != CSV:
        raise BrainValueError(f"{path!r}: {_SAID[found]} is not compressed as a whole; compression= does it within")
    return Form(found, packing)


def file_name(path: str) -> str:
    """The last part of a path, or of a URL without what may follow its path."""
    if "://" in path:
        path = path.split("::")[0].split("?")[0]
    return os.path.basename(path)


def table_name(path: str) -> str:
    """The name of a file without the endings that say its format."""
    stem, suffix = os.path.splitext(file_name(path))
    if suffix.lower() in _PACKED:
        stem, suffix = os.path.splitext(stem)
    return stem if suffix.lower() in _SUFFIXES else stem + suffix


def module(name: str) -> Any:
    """pyarrow, or a part of it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BrainMissingPackageError(
            f"tables go to files and come from them by the package pyarrow, and {name} cannot be imported here "
            f"({error}): pip install pyarrow"
        ) from error


# ---- out --------------------------------------------------------------------------------------


class _Sink:
    """A file as Arrow sees it: it does not close it, and after an error nothing more is written, while writers that are
    closed or collected have an end to write. error: what the file itself raised.
    """

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file: BinaryIO | None = file
        self.n_bytes = 0
        self.error: Exception | None = None

    def write(self, data: Any) -> int:
        n_bytes = memoryview(data).nbytes
        with self.or_nothing():
            try:
                if self._file is not None:
                    self._file.write(data)
            except Exception as error:
                self.error = error
                raise
        self.n_bytes += n_bytes
        return n_bytes

    def tell(self) -> int:
        return self.n_bytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    @contextlib.contextmanager
    def or_nothing(self) -> Iterator[None]:
        """Where the block raises nothing more is written."""
        try:
            yield
        except BaseException:
            self._file = None
            raise


def check_columns(form: Form, columns: Columns) -> None:
    """Raise where a format cannot have such a table, before there is a file."""
    if not columns.schema.names and (form.format == CSV or (form.format == PARQUET and columns.n_rows > 0)):
        raise BrainValueTypeError(
            f"a table of {columns.n_rows} rows and no columns cannot be {form.said}, which has no place for its rows: "
            "format='arrow' has"
        )
    pa = module("pyarrow")
    for field in columns.schema:
        try:
            with _writer(form, pa.MockOutputStream(), pa.schema([field]), {}):
                pass
        except (pa.ArrowException, ValueError, TypeError, NotImplementedError) as error:
            raise BrainValueTypeError(
                f"column {field.name!r} is of type {field.type}, which {form.said} has no form for"
                f"{_way_out(form, field.type)}"
            ) from error


def _way_out(form: Form, kind: Any) -> str:
    types = module("pyarrow").types
    if form.format == CSV and types.is_nested(kind):
        return ": Parquet and Arrow IPC have, or make text of it"
    return ": cast it to another type first"


def write(form: Form, columns: Columns, file: BinaryIO, options: dict[str, Any]) -> int:
    """Write all of a table to a file. Returns the number of bytes."""
    pa = module("pyarrow")
    options = dict(options)
    n_rows = options.pop("row_group_size", None)
    if n_rows is None:
        n_rows = rows_of_a_piece(columns.n_bytes, columns.n_rows)
    elif not isinstance(n_rows, int) or n_rows < 1:
        raise BrainValueError(f"row_group_size has to be a number of rows, not {n_rows!r}")
    sink = _Sink(file)
    try:
        with sink.or_nothing():
            _write_pieces(form, columns, sink, n_rows, options)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError, OSError) as error:
        if sink.error is not None:
            raise sink.error from None
        if isinstance(error, (BrainError, pa.ArrowCancelled)):
            raise
        if isinstance(error, MemoryError):
            raise BrainMemoryError(f"no memory to write a table as {form.said}: {error}") from error
        raise BrainValueError(f"it cannot be written as {form.said}: {error}") from error
    return sink.n_bytes


def _write_pieces(form: Form, columns: Columns, sink: _Sink, n_rows: int, options: dict[str, Any]) -> None:
    pa = module("pyarrow")
    target = pa.PythonFile(sink, mode="w")
    if form.packing is not None:
        target = pa.CompressedOutputStream(target, form.packing)
    with _writer(form, target, columns.schema, options) as writer, sink.or_nothing():
        for piece in columns.pieces(n_rows):
            if form.format == PARQUET:
                writer.write_table(piece, n_rows)
            else:
                writer.write_table(piece)
    target.close()


def _writer(form: Form, target: Any, schema: Any, options: dict[str, Any]) -> Any:
    pa = module("pyarrow")
    if form.format == PARQUET:
        return module("pyarrow.parquet").ParquetWriter(target, schema, **options)
    if form.format == ARROW:
        return pa.ipc.new_file(target, schema, options=pa.ipc.IpcWriteOptions(allow_64bit=True, **options))
    csv = module("pyarrow.csv")
    return csv.CSVWriter(target, schema, write_options=csv.WriteOptions(**options))


def rows_of_a_piece(n_bytes: int, n_rows: int) -> int:
    """How many rows of a table are written at once, a row group of Parquet."""
    if n_rows == 0:
        return 1
    return max(1, min(_PIECE_ROWS, n_rows * _PIECE_BYTES // max(n_bytes, 1)))


# ---- in ---------------------------------------------------------------------------------------


class Incoming:
    """A table in a file. schema: of it. names: of its columns. n_pieces: in how many it is read. n_bytes: about so
    many, uncompressed.

    pieces() gives each as a table, and may be called again; n_rows is how many rows the last call gave.
    """

    def __init__(self, schema: Any, n_pieces: int, n_bytes: int, read: Callable[[], Iterator[Any]]) -> None:
        self.schema = schema
        self.names: list[str] = schema.names  # raises where they are no text
        self.n_pieces = n_pieces
        self.n_bytes = n_bytes
        self.n_rows = 0
        self._read = read
        self.where: Any = contextlib.nullcontext

    def pieces(self) -> Iterator[Any]:
        self.n_rows = 0
        with self.where():
            for piece in self._read():
                piece.validate(full=True)  # nobody vouches for the file, and those who recall it look no more
                self.n_rows += piece.num_rows
                yield piece

    def table(self) -> Any:
        pa = module("pyarrow")
        pieces = list(self.pieces())
        if not self.names:  # rows of nothing: together they would have none
            return pa.Table.from_batches([batch for piece in pieces for batch in piece.to_batches()], self.schema)
        return pa.concat_tables(pieces or [self.schema.empty_table()])


@contextlib.contextmanager
def _complaints(form: Form, path: str) -> Iterator[None]:
    """Within it what pyarrow says of a file becomes an error of ours."""
    pa = module("pyarrow")
    try:
        yield
    except (pa.ArrowException, OSError, EOFError, ValueError, LookupError, TypeError) as error:
        if isinstance(error, (BrainError, pa.ArrowCancelled)):
            raise
        if isinstance(error, MemoryError):
            raise BrainMemoryError(f"no memory to read {path}: {error}") from error
        if isinstance(error, OSError) and error.errno is not None:
            raise BrainOSError(f"cannot read {path}: {error}") from error
        raise BrainFormatError(
            f"{path} cannot be read as {form.said}: it is something else, damaged, or ends too early ({error})"
        ) from error


def read(form: Form, path: str, file: BinaryIO, options: dict[str, Any]) -> Incoming:
    """What is in a file. `file` is read when the pieces are, too; `path` is there for messages."""
    columns = _column_names(options.get("columns"))
    where = functools.partial(_complaints, form, path)
    if form.format == CSV:
        how = _csv_options(options)
        with where():
            found = _read_csv(file, form.packing, columns, how)
    else:
        with where():
            found = (_read_parquet if form.format == PARQUET else _read_arrow)(file, columns)
    found.where = where
    return found


def _column_names(columns: object) -> list[str] | None:
    if columns is None:
        return None
    if isinstance(columns, (list, tuple)) and all(isinstance(name, str) for name in columns):
        return list(columns)
    raise TypeError(f"columns has to be a list of names, not {columns!r}")


def _require_columns(columns: list[str], schema: Any) -> None:
    for name in columns:
        n_found = schema.names.count(name)
        if n_found != 1:
            raise BrainValueError(
                f"the file has {'no' if n_found == 0 else 'more than one'} column {name!r}; it has "
                + (", ".join(map(repr, schema.names[:20])) or "none")
                + (" ..." if len(schema.names) > 20 else "")
            )


def _read_parquet(file: BinaryIO, columns: list[str] | None) -> Incoming:
    found = module("pyarrow.parquet").ParquetFile(file)
    metadata = found.metadata
    if columns is not None:
        _require_columns(columns, found.schema_arrow)
    n_groups = metadata.num_row_groups

    def group(i: int) -> Any:
        table = found.read_row_group(i, columns)
        return table if columns is None else table.select(columns)

    def pieces() -> Iterator[Any]:
        return map(group, range(n_groups))

    schema = found.read_row_groups([], columns).schema
    if columns is not None:
        schema = schema.empty_table().select(columns).schema
    n_bytes = sum(metadata.row_group(i).total_byte_size for i in range(n_groups))
    return Incoming(schema, n_groups, n_bytes, pieces)


def _read_arrow(file: BinaryIO, columns: list[str] | None) -> Incoming:
    """A file, or a stream that was saved as one."""
    pa = module("pyarrow")
    magic = file.read(6)
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    if magic[:4] == b"FEA1":
        raise BrainFormatError("the file is Feather of version 1: write it with pyarrow.feather in version 2")

    def selected(batch: Any) -> Any:
        table = pa.Table.from_batches([batch])
        return table if columns is None else table.select(columns)

    if magic == b"ARROW1":
        reader = pa.ipc.open_file(file)
        n_pieces = reader.num_record_batches
        schema = reader.schema

        def pieces() -> Iterator[Any]:
            return (selected(reader.get_batch(i)) for i in range(n_pieces))
    else:
        n_pieces = 2  # or how many there are
        schema = pa.ipc.open_stream(file).schema

        def pieces() -> Iterator[Any]:
            file.seek(0)
            return map(selected, pa.ipc.open_stream(file))

    if columns is not None:
        _require_columns(columns, schema)
        schema = schema.empty_table().select(columns).schema
    return Incoming(schema, n_pieces, n_bytes, pieces)


def _csv_options(options: dict[str, Any]) -> tuple[Any, ...]:
    csv = module("pyarrow.csv")
    # Our own files come back as they were: long texts, line ends in them, and empty ones beside those that are missing.
    read = {"block_size": _BLOCK_BYTES, **_picked(options, _CSV_READ)}
    parse = {"newlines_in_values": True, **_picked(options, _CSV_PARSE)}
    convert = {"strings_can_be_null": True, "quoted_strings_can_be_null": False, **_picked(options, _CSV_CONVERT)}
    try:
        return (
            csv.ReadOptions(**read),
            csv.ParseOptions(**parse),
            csv.ConvertOptions(**convert),
        )
    except (TypeError, ValueError) as error:
        raise BrainValueError(f"an option of CSV has a value that it cannot have: {error}") from error


def _read_csv(file: BinaryIO, packing: str | None, columns: list[str] | None, how: tuple[Any, ...]) -> Incoming:
    source = module("pyarrow").PythonFile(file, mode="r")
    if packing is not None:
        source = module("pyarrow").CompressedInputStream(source, packing)
    table = module("pyarrow.csv").read_csv(source, *how)
    if columns is not None:
        _require_columns(columns, table.schema)
        table = table.select(columns)
    return Incoming(table.schema, 1, table.nbytes, lambda: iter([table]))


def _picked(options: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}
