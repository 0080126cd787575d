"""Values of pyarrow: Arrow IPC streams, written in place, and read where they lie.

What tables and batches look like in the store is in docs/design/0007 (ARROW). All other values that have
elements are one column of such a stream. A stream from somebody who is not trusted is looked through
before Arrow reads it (arrow_check), and all that it holds afterwards, so that takes as long as it is large.
"""

from __future__ import annotations

import importlib
import os
import pickle

from ..exceptions import BrainCorruptError, BrainError, BrainValueError
from . import Written, arrow_check, decoders, encoders, find_decoder, top_encoders
from .arrow_types import has_extension
from .description import pack, unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

pa: Any = importlib.import_module("pyarrow")
try:
    _compact: Any = importlib.import_module(f"{__package__}.arrow_compact")
except ImportError:  # no NumPy: what slices do not show is stored as well
    _compact = None

TABLE = pack({"as": "pyarrow.Table"})
RECORD_BATCH = pack({"as": "pyarrow.RecordBatch"})

# From this size on several threads copy: most of a large put is the first touch of new pages.
_THREADS_BYTES = 16_000_000
_N_THREADS = min(4, os.cpu_count() or 1)

_OPTIONS = pa.ipc.IpcWriteOptions(allow_64bit=True)  # arrays of more than 2^31 elements as well

_RUN_ENDS = tuple(getattr(pa, name) for name in ("RunEndEncodedArray",) if hasattr(pa, name))

# Before it a schema could name a class that was unpickled.
_SAFE_VERSION = (14, 0, 1)
_REFUSED = "where pickles are refused"


def load(package: str) -> None:
    """Fill the dicts with what is known of pyarrow."""
    top_encoders[pa.Table] = encode_top_table
    top_encoders[pa.RecordBatch] = encode_top_batch
    encoders[pa.Table] = encode_table
    encoders[pa.RecordBatch] = encode_batch
    encoders[pa.ChunkedArray] = encode_chunked
    encoders[pa.Schema] = encode_schema
    encoders[pa.Field] = encode_field
    encoders[pa.Tensor] = encode_tensor
    decoders["pyarrow.stream"] = decode_stream
    decoders["pyarrow.Table"] = read_table
    decoders["pyarrow.RecordBatch"] = read_batch
    decoders["pyarrow.ChunkedArray"] = decode_chunked
    decoders["pyarrow.Array"] = decode_array
    decoders["pyarrow.Scalar"] = decode_scalar
    decoders["pyarrow.Buffer"] = decode_buffer
    decoders["pyarrow.Schema"] = decode_schema
    decoders["pyarrow.Field"] = decode_field
    decoders["pyarrow.DataType"] = decode_type
    decoders["pyarrow.Tensor"] = decode_tensor


def encoder_of(kind: type) -> Callable[[Any], tuple[str, Any] | None] | None:
    """The encoder of a class that Arrow has below one of these."""
    for base, encode in _BASES:
        if issubclass(kind, base):
            encoders[kind] = encode
            return encode
    return None


# ---- tables -----------------------------------------------------------------------------------


def encode_top_table(table: Any) -> tuple[str, Any] | None:
    stream = table_stream(table)
    return None if stream is None else ("arrow", (TABLE, stream))


def encode_top_batch(batch: Any) -> tuple[str, Any] | None:
    stream = batches_stream(batch.schema, [batch])
    return None if stream is None else ("arrow", (RECORD_BATCH, stream))


def encode_table(table: Any) -> tuple[str, Any] | None:
    stream = table_stream(table)
    return None if stream is None else ("pyarrow.Table", stream)


def encode_batch(batch: Any) -> tuple[str, Any] | None:
    stream = batches_stream(batch.schema, [batch])
    return None if stream is None else ("pyarrow.RecordBatch", stream)


def decode_stream(payload: tuple[Any, Any], trusted: bool) -> Any:
    """The value of a store whose kind is ARROW, from its metadata and its data."""
    metadata, data = payload
    if len(metadata) == 0 or metadata == TABLE:
        return read_table(data, trusted)
    try:
        description = unpack(bytes(metadata))
    except ValueError as error:
        raise BrainCorruptError(f"the metadata of a table makes no sense: {error}") from error
    kind = description.get("as") if isinstance(description, dict) else None
    if kind == "pyarrow.RecordBatch":
        return read_batch(data, trusted)
    if kind == "polars.DataFrame":
        decode = decoders.get(kind) or find_decoder(kind)
        return decode((description, data), trusted)
    return read_table(data, trusted)


def read_table(data: Any, trusted: bool) -> Any:
    return _read(data, trusted, lambda reader: reader.read_all())


def read_batch(data: Any, trusted: bool) -> Any:
    return _read(data, trusted, _read_batch)


# ---- what has elements ------------------------------------------------------------------------


def encode_chunked(chunked: Any) -> tuple[str, Any] | None:
    stream = _column_stream(chunked.chunks, chunked.type)
    return None if stream is None else ("pyarrow.ChunkedArray", stream)


def decode_chunked(data: Any, trusted: bool) -> Any:
    return _read(data, trusted, _read_chunked)


def encode_array(array: Any) -> tuple[str, Any] | None:
    stream = _column_stream([array], array.type)
    return None if stream is None else ("pyarrow.Array", stream)


def decode_array(data: Any, trusted: bool) -> Any:
    return _only_column(_read(data, trusted, _read_batch))


def encode_scalar(scalar: Any) -> tuple[str, Any] | None:
    has_extension(scalar.type)  # raises for what pyarrow would crash on
    try:
        array = pa.repeat(scalar, 1)
    except pa.ArrowNotImplementedError:
        return None
    encoded = encode_array(array)
    return encoded and ("pyarrow.Scalar", encoded[1])


def decode_scalar(data: Any, trusted: bool) -> Any:
    array = decode_array(data, trusted)
    if len(array) != 1:
        raise BrainCorruptError(f"an Arrow scalar should be one element, and is {len(array)}")
    return array[0]


def encode_buffer(buffer: Any) -> tuple[str, Any] | None:
    return ("pyarrow.Buffer", pickle.PickleBuffer(buffer)) if buffer.is_cpu else None


def decode_buffer(data: Any, trusted: bool) -> Any:
    return _buffer(data)


def encode_tensor(tensor: Any) -> tuple[str, Any] | None:
    return "pyarrow.Tensor", (tensor.to_numpy(), list(tensor.dim_names))


def decode_tensor(payload: tuple[Any, list[str]], trusted: bool) -> Any:
    try:
        elements, dim_names = payload
        return pa.Tensor.from_numpy(elements, dim_names=dim_names or None)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise BrainCorruptError(f"an Arrow tensor makes no sense: {error}") from error


# ---- types ------------------------------------------------------------------------------------


def encode_schema(schema: Any) -> tuple[str, Any] | None:
    return ("pyarrow.Schema", _schema_bytes(schema)) if _is_kept(schema) else None


def encode_field(field: Any) -> tuple[str, Any] | None:
    schema = pa.schema([field])
    return ("pyarrow.Field", _schema_bytes(schema)) if _is_kept(schema) else None


def encode_type(kind: Any) -> tuple[str, Any] | None:
    schema = _schema_of(kind)
    return ("pyarrow.DataType", _schema_bytes(schema)) if _is_kept(schema) else None


def decode_schema(data: Any, trusted: bool) -> Any:
    buffer = _buffer(data)
    if not trusted:
        check_version(_REFUSED)
        arrow_check.check_schema(memoryview(buffer))
    try:
        return pa.ipc.read_schema(buffer)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise BrainCorruptError(f"the schema of an Arrow value makes no sense: {error}") from error


def decode_field(data: Any, trusted: bool) -> Any:
    schema = decode_schema(data, trusted)
    if len(schema) != 1:
        raise BrainCorruptError(f"an Arrow field should be a schema of one, and has {len(schema)}")
    return schema.field(0)


def decode_type(data: Any, trusted: bool) -> Any:
    return decode_field(data, trusted).type


# ---- writing ----------------------------------------------------------------------------------


def table_stream(table: Any) -> Written | None:
    """The stream of a table, as something that is written in place. None: Arrow cannot keep it so."""
    schema = table.schema
    if not _is_kept(schema):
        return None
    loose = [i for i, field in enumerate(schema) if _is_loose(field.type)]
    for i in loose:
        column = table.column(i)
        chunks = _compact.compact_chunks(column.chunks, column.type)
        table = table.set_column(i, schema.field(i), pa.chunked_array(chunks, column.type))
    return _written(
        schema,
        lambda writer: writer.write_table(table),
        lambda: _source(schema, [table.num_rows], [column.chunks for column in table.columns]),
    )


def batches_stream(schema: Any, batches: list[Any]) -> Written | None:
    """The same for batches, each of which is a chunk of its own afterwards, also where it has no rows."""
    if not _is_kept(schema):
        return None
    for i, field in enumerate(schema):
        if _is_loose(field.type):
            chunks = _compact.compact_chunks([batch.column(i) for batch in batches], field.type)
            batches = [_with_column(batch, i, chunk) for batch, chunk in zip(batches, chunks, strict=True)]
    return _written(
        schema,
        lambda writer: [writer.write_batch(batch) for batch in batches],
        lambda: _source(schema, [batch.num_rows for batch in batches], [batch.columns for batch in batches]),
    )


def pieces_stream(schema: Any, pieces: Callable[[], Iterator[Any]]) -> Written | None:
    """The same for a table that comes in pieces, tables themselves: pieces() is called twice."""
    if not _is_kept(schema):
        return None

    def write(writer: Any) -> None:
        for piece in pieces():
            try:
                writer.write_table(piece)
            except OSError as error:  # beyond the room that the first time had said
                raise BrainValueError(f"a table became larger while it was written ({error})") from error

    return _written(schema, write, None)


def _with_column(batch: Any, i: int, column: Any) -> Any:
    columns = batch.columns
    columns[i] = column
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _column_stream(chunks: list[Any], kind: Any) -> Written | None:
    has_extension(kind)  # making a schema of what is too deep would crash
    schema = _schema_of(kind)
    return batches_stream(schema, [pa.RecordBatch.from_arrays([chunk], schema=schema) for chunk in chunks])


def _written(
    schema: Any, write: Callable[[Any], Any], source: Callable[[], Any] | None
) -> Written | None:
    counter = pa.MockOutputStream()
    try:
        _write(counter, schema, write)
    except pa.ArrowNotImplementedError:
        return None
    size_bytes = counter.size()

    def fill(room: memoryview) -> None:
        sink = pa.FixedSizeBufferWriter(pa.py_buffer(room))
        if size_bytes >= _THREADS_BYTES:
            sink.set_memcopy_threads(_N_THREADS)
        _write(sink, schema, write)
        if sink.tell() != size_bytes:
            raise BrainValueError("a value of Arrow became smaller while it was written: who has its memory?")
        sink.close()

    return Written(size_bytes, fill, source)


def _write(sink: Any, schema: Any, write: Callable[[Any], Any]) -> None:
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        write(writer)


def _is_loose(kind: Any) -> bool:
    return _compact is not None and _compact.is_loose(kind)


def _schema_of(kind: Any) -> Any:
    return pa.schema([pa.field("", kind)])


def _schema_bytes(schema: Any) -> bytes:
    return bytes(schema.serialize())


def _is_kept(schema: Any) -> bool:
    """Whether the schema says the same when it is read again: extension types do if they are registered."""
    are_extensions = [has_extension(kind) for kind in schema.types]
    if not any(are_extensions):
        return True
    return bool(pa.ipc.read_schema(schema.serialize()).equals(schema, check_metadata=True))


# ---- comparing --------------------------------------------------------------------------------


def _source(schema: Any, n_rows: list[int], arrays: list[list[Any]]) -> tuple[Any, ...]:
    """What a stream is made of: from equal ones comes the same stream."""
    return _schema_bytes(schema), n_rows, [[_source_of(array) for array in some] for some in arrays]


def _source_of(array: Any) -> tuple[list[int], list[Any]]:
    """Where an array begins in its buffers and how long it is, on each level; and the buffers."""
    places: list[int] = []
    buffers = array.buffers()  # those of what it is made of too, but no dictionaries
    for part in _levels(array):
        places += (part.offset, len(part))
        if isinstance(part, pa.DictionaryArray):
            buffers += part.dictionary.buffers()
    return places, [None if buffer is None else pickle.PickleBuffer(buffer) for buffer in buffers]


def _levels(array: Any) -> Iterator[Any]:
    """An array and all that it is made of."""
    yield array
    for child in _children(array):
        yield from _levels(child)


def _children(array: Any) -> list[Any]:
    if isinstance(array, pa.ExtensionArray):
        return [array.storage]
    if isinstance(array, pa.DictionaryArray):
        return [array.dictionary]
    if isinstance(array, pa.MapArray):
        return [array.keys, array.items]
    if isinstance(array, (pa.StructArray, pa.UnionArray)):
        return [array.field(i) for i in range(array.type.num_fields)]
    if isinstance(array, _RUN_ENDS):
        return [array.run_ends, array.values]
    return [array.values] if array.type.num_fields > 0 else []  # lists, of whatever kind


# ---- reading ----------------------------------------------------------------------------------


def _read(data: Any, trusted: bool, read: Callable[[Any], Any]) -> Any:
    buffer = _buffer(data)
    try:
        if trusted:
            return read(pa.ipc.open_stream(buffer))
        check_version(_REFUSED)
        arrow_check.check_stream(memoryview(buffer))
        value = read(pa.ipc.open_stream(buffer))
        value.validate(full=True)
        return value
    except BrainError:
        raise
    except (pa.ArrowException, OSError, EOFError, ValueError, LookupError, TypeError) as error:
        raise BrainCorruptError(f"an Arrow stream makes no sense: {error}") from error


def _buffer(data: Any) -> Any:
    try:
        return pa.py_buffer(data)
    except TypeError as error:
        raise BrainCorruptError(f"an Arrow value should be bytes: {error}") from error


def _read_batch(reader: Any) -> Any:
    try:
        return reader.read_next_batch()
    except StopIteration:
        raise BrainCorruptError("an Arrow stream should have one batch, and has none") from None


def _read_chunked(reader: Any) -> Any:
    return _only_column(reader.read_all())


def _only_column(table: Any) -> Any:
    if table.num_columns != 1:
        raise BrainCorruptError(f"an Arrow stream should have one column, and has {table.num_columns}")
    return table.column(0)


def check_version(where: str) -> None:
    """Raise where this pyarrow is not to read what others wrote; `where` says what that is."""
    version = tuple(int(part) for part in pa.__version__.split(".")[:3] if part.isdigit())
    if version < _SAFE_VERSION:
        raise BrainValueError(
            f"pyarrow {pa.__version__} can be made to run code by what it reads, so nothing is read with it "
            f"{where}: pip install 'pyarrow>=14.0.1'"
        )


_BASES = (
    (pa.Array, encode_array),
    (pa.Scalar, encode_scalar),
    (pa.Buffer, encode_buffer),
    (pa.DataType, encode_type),
)
