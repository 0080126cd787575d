"""What Brain.export_table() and Brain.import_table() do: arguments, files, and the way between them and the store.

A table that is large and comes in pieces goes into the store as it is read, twice: first to find out how much room it
takes, then into that room. So an import takes the memory of one piece.
"""

from __future__ import annotations

import contextlib
import os
import tempfile

from . import arguments, table_formats, table_values, urls, whole_files
from .codecs import Written, top_encoders
from .exceptions import BrainFileNotFoundError, BrainValueError
from .table_results import TableResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, BinaryIO

    from .table_formats import Incoming

_STREAMED_BYTES = 32 << 20  # below it a table is read once, into memory


def export_table(
    brain: Any,
    name: str,
    path: str | os.PathLike[str],
    format: str | None,
    namespace: str | None,
    options: dict[str, Any],
) -> TableResult:
    """Brain.export_table()."""
    place = _place(path)
    form = table_formats.form_of(place, format)
    form.check_options("export_table", options)
    table_formats.module("pyarrow")
    columns = table_values.columns_of(brain.recall(name, namespace=namespace), name)
    table_formats.check_columns(form, columns)
    with urls.upload(place, "tables") if urls.is_url(place) else whole_files.written(place) as file:
        n_bytes = table_formats.write(form, columns, file, options)
    return TableResult(name, place, form.format, columns.n_rows, len(columns.schema.names), n_bytes)


def export_stream(
    brain: Any, name: str, file: BinaryIO, format: str, namespace: str | None, options: dict[str, Any]
) -> TableResult:
    """The same to a stream that is open, a pipe, say."""
    form = table_formats.form_of("-", format)
    form.check_options("export_table", options)
    table_formats.module("pyarrow")
    columns = table_values.columns_of(brain.recall(name, namespace=namespace), name)
    table_formats.check_columns(form, columns)
    n_bytes = table_formats.write(form, columns, file, options)
    return TableResult(name, "-", form.format, columns.n_rows, len(columns.schema.names), n_bytes)


def import_table(
    brain: Any,
    path: str | os.PathLike[str],
    name: str | None,
    format: str | None,
    namespace: str | None,
    kind: str | None,
    description: Any,
    options: dict[str, Any],
) -> TableResult:
    """Brain.import_table()."""
    place = _place(path)
    form = table_formats.form_of(place, format)
    form.check_options("import_table", options)
    name = _name(place) if name is None else arguments.check_name(name)
    arguments.description_bytes(description)  # what is wrong is said before the work
    brain.exists(name, namespace=namespace)
    _check_pyarrow()
    table_values.check_kind(kind)
    with _downloaded(place) if urls.is_url(place) else whole_files.opened(place) as file:
        return _import(brain, file, place, form, name, namespace, kind, description, options)


def import_stream(
    brain: Any,
    stream: Any,
    name: str,
    format: str,
    namespace: str | None,
    kind: str | None,
    description: Any,
    options: dict[str, Any],
) -> TableResult:
    """The same from a stream that is open, a pipe, say: through a temporary file."""
    form = table_formats.form_of("-", format)
    form.check_options("import_table", options)
    _check_pyarrow()
    table_values.check_kind(kind)
    with tempfile.TemporaryFile(prefix="brain-") as file:
        while piece := stream.read1(1 << 20):  # and not read(): that goes on after Ctrl-C until it has so much
            file.write(piece)
        result = _import(brain, file, "standard input", form, name, namespace, kind, description, options)
    result.path = "-"
    return result


def _import(
    brain: Any,
    file: BinaryIO,
    place: str,
    form: table_formats.Form,
    name: str,
    namespace: str | None,
    kind: str | None,
    description: Any,
    options: dict[str, Any],
) -> TableResult:
    n_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    incoming = table_formats.read(form, place, file, options)
    kind = kind or table_values.kind_of(incoming.schema)
    stream = _stream(brain, incoming) if kind == "arrow" else None
    if stream is None:
        value = table_values.value_of(incoming.table(), kind)
        brain.learn(name, value, description, namespace=namespace)
    else:
        with incoming.where():
            brain.learn(name, _Streamed(stream), description, namespace=namespace)
    return TableResult(name, place, form.format, incoming.n_rows, len(incoming.names), n_bytes)


# ---- arguments --------------------------------------------------------------------------------


def _place(path: str | os.PathLike[str]) -> str:
    place = os.fsdecode(path)
    if not place or "\0" in place:
        raise BrainValueError(f"this cannot be the path of a table: {place!r}")
    return place


def _name(place: str) -> str:
    name = table_formats.table_name(place)
    if not name:
        raise BrainValueError(f"{place!r} gives the table no name: name= does")
    return name


def _check_pyarrow() -> None:
    """Files come from anywhere, and older versions of pyarrow run what they say."""
    table_formats.module("pyarrow")
    from .codecs import arrow

    arrow.check_version("from files")


# ---- from files -------------------------------------------------------------------------------


@contextlib.contextmanager
def _downloaded(url: str) -> Iterator[BinaryIO]:
    file_system, path = urls.find(url, "tables")
    with tempfile.TemporaryFile(prefix="brain-") as local:
        try:
            with file_system.open(path, "rb") as remote:
                urls.download(remote, local, "table", None)
        except FileNotFoundError as error:
            raise BrainFileNotFoundError(f"there is no file at {url}") from error
        yield local


def _stream(brain: Any, incoming: Incoming) -> Written | None:
    """What is written in place of a table that is better not in memory; None: it is read, and put."""
    from .brain import Brain
    from .codecs import arrow

    if incoming.n_pieces <= 1 or incoming.n_bytes < _STREAMED_BYTES:
        return None
    if type(brain).learn is not Brain.learn:  # somebody else's sees what is put, a client's pickles it
        return None
    return arrow.pieces_stream(incoming.schema, incoming.pieces)


class _Streamed:
    """A table that is on its way into the store: what is put of it is a table of pyarrow."""

    __slots__ = ("stream",)

    def __init__(self, stream: Written) -> None:
        self.stream = stream


def _encode_streamed(value: _Streamed) -> tuple[str, Any]:
    from .codecs import arrow

    return "arrow", (arrow.TABLE, value.stream)


top_encoders[_Streamed] = _encode_streamed
