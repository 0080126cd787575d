"""Looks through an Arrow IPC stream that nobody vouches for, before Arrow reads it.

Arrow checks most of what it reads, and validate(full=True) the rest, afterwards. What neither does is
done here: types of which Arrow, or who registered them, would run code; types nested so deep that walking
over them ends in a crash; bodies that grow when they are unpacked; columns without bytes that claim any
number of rows. The messages are flatbuffers: https://arrow.apache.org/docs/format/Columnar.html has them.
"""

from __future__ import annotations

import struct

from ..exceptions import BrainCorruptError, BrainValueError

#: How deep types may be nested: what Arrow itself reads.
MAX_DEPTH = 64

# Columns of bits have 8 rows in a byte. Those of nulls have any number: some are let through.
_MAX_ROWS_PER_BYTE, _MAX_ROWS_OF_NOTHING = 8, 1 << 20

_EXTENSION = b"ARROW:extension:"
_CONTINUATION = 0xFFFFFFFF
_SCHEMA, _DICTIONARY_BATCH, _RECORD_BATCH = 1, 2, 3
_FIXED_SIZE_BINARY, _FIXED_SIZE_LIST = 15, 16  # types whose size is a number of the schema

_U8, _U16, _I16 = struct.Struct("<B"), struct.Struct("<H"), struct.Struct("<h")
_U32, _I32, _I64 = struct.Struct("<I"), struct.Struct("<i"), struct.Struct("<q")
_PAIR = struct.Struct("<qq")


def check_stream(data: memoryview) -> None:
    """Raise for what must not be read where whoever wrote it may be hostile.

    BrainCorruptError: it is no Arrow stream, or one that is made to do harm. BrainValueError: it is
    sound, but has what is read only from those who are trusted.
    """
    if _count_messages(data) == 0:
        raise BrainCorruptError("it should be an Arrow stream, and has no schema")


def check_schema(data: memoryview) -> None:
    """The same for the message of a schema, alone."""
    if _count_messages(data) != 1:
        raise BrainCorruptError("it should be the schema of an Arrow stream, alone")


def _count_messages(data: memoryview) -> int:
    try:
        return _check_messages(data.cast("B"))
    except struct.error as error:
        raise BrainCorruptError(f"a message of the Arrow stream points out of it: {error}") from error


def _check_messages(data: memoryview) -> int:
    """The number of messages; all have been looked at."""
    at = n_messages = 0
    while at < len(data):
        mark, length = _U32.unpack_from(data, at)[0], _I32.unpack_from(data, at + 4)[0]
        if mark == _CONTINUATION and length == 0:
            _require(at + 8 == len(data), "has bytes behind its end")
            break
        _require(mark == _CONTINUATION, "has a message without a mark before it")
        body = at + 8 + length
        _require(length > 0 and body <= len(data) and body % 8 == 0, "has a message of a wrong length")
        at = body + _check_message(data[at + 8 : body], n_messages == 0, len(data) - body, len(data))
        n_messages += 1
    return n_messages


def _check_message(message: memoryview, is_first: bool, n_left: int, n_all: int) -> int:
    """The length of the body behind it."""
    root = _U32.unpack_from(message, 0)[0]
    kind = _number(message, root, 1, _U8)
    header = _indirect(message, _field(message, root, 2))
    body_length = _number(message, root, 3, _I64)
    _require(0 <= body_length <= n_left and body_length % 8 == 0, "has a body of a wrong length")
    _require(is_first == (kind == _SCHEMA), "has its schema not first, or twice")
    if kind == _SCHEMA:
        _check_schema(message, header)
    elif kind == _RECORD_BATCH:
        _check_batch(message, header, body_length, n_all)
    elif kind == _DICTIONARY_BATCH:
        _check_batch(message, _indirect(message, _field(message, header, 1)), body_length, n_all)
    else:
        raise BrainCorruptError(f"the Arrow stream has a message of kind {kind}, which no table has")
    return body_length


# ---- the schema -------------------------------------------------------------------------------


def _check_schema(message: memoryview, schema: int) -> None:
    if _EXTENSION in bytes(message):
        raise BrainValueError(
            "a column is of an extension type. Where pickles are refused these are not read, since reading "
            "one may run code of whoever registered it: store its .storage, or open the store with "
            "pickle=True if you trust all who can write it"
        )
    _require(_number(message, schema, 0, _I16) == 0, "is big-endian")
    waiting = [(field, 1) for field in _tables(message, schema, 1)]
    n_fields = 0
    while waiting:
        field, depth = waiting.pop()
        n_fields += 1
        # One table may be named as the child of many: without a limit there is no end.
        _require(n_fields <= len(message) // 8, "has a schema with a field in two places")
        _require(depth <= MAX_DEPTH, f"has a type that is nested more than {MAX_DEPTH} deep")
        _check_size_of_type(message, field)
        waiting += [(child, depth + 1) for child in _tables(message, field, 5)]


def _check_size_of_type(message: memoryview, field: int) -> None:
    if _number(message, field, 2, _U8) in (_FIXED_SIZE_BINARY, _FIXED_SIZE_LIST):
        kind = _indirect(message, _field(message, field, 3))
        _require(_number(message, kind, 0, _I32) >= 0, "has a type whose size is below 0")


# ---- batches ----------------------------------------------------------------------------------


def _check_batch(message: memoryview, batch: int, body_length: int, n_all: int) -> None:
    if _field(message, batch, 3):
        raise BrainValueError(
            "the Arrow stream is compressed. Where pickles are refused such a stream is not read, since a "
            "small one may need any amount of memory: write it without compression"
        )
    max_rows = max(_MAX_ROWS_PER_BYTE * n_all, _MAX_ROWS_OF_NOTHING)
    n_rows = _number(message, batch, 0, _I64)
    _require(0 <= n_rows <= max_rows, f"has a batch of {n_rows} rows, in {n_all} bytes")
    for length, null_count in _pairs(message, batch, 1):
        _require(0 <= null_count <= length <= max_rows, f"has a column of {length} rows, in {n_all} bytes")
    n_buffers = 0
    for offset, length in _pairs(message, batch, 2):
        n_buffers += 1
        _require(
            0 <= offset <= body_length and 0 <= length <= body_length - offset and offset % 8 == 0,
            "has a buffer that is not within its body",
        )
    start, count = _vector(message, batch, 4, 8)
    for i in range(count):
        n_views = _I64.unpack_from(message, start + 8 * i)[0]
        _require(0 <= n_views <= n_buffers, "has a column of views with more buffers than there are")


# ---- flatbuffers ------------------------------------------------------------------------------
#
# A table is where it is in its message, 0: it is not there. struct.error where a number lies outside,
# but struct takes offsets below 0 as counted from the end: they are looked at here.


def _field(message: memoryview, table: int, number: int) -> int:
    """Where a field of a table is; 0: it has the default."""
    if table == 0:
        return 0
    vtable = table - int(_I32.unpack_from(message, table)[0])
    _require(vtable >= 0, "has a table whose list of fields is not in it")
    slot = 4 + 2 * number
    if slot + 2 > _U16.unpack_from(message, vtable)[0]:
        return 0
    offset = int(_U16.unpack_from(message, vtable + slot)[0])
    return table + offset if offset else 0


def _indirect(message: memoryview, at: int) -> int:
    return at + int(_U32.unpack_from(message, at)[0]) if at else 0


def _number(message: memoryview, table: int, number: int, form: struct.Struct) -> int:
    at = _field(message, table, number)
    return int(form.unpack_from(message, at)[0]) if at else 0


def _vector(message: memoryview, table: int, number: int, width: int) -> tuple[int, int]:
    """Where the first element of a vector is, and how many there are."""
    at = _indirect(message, _field(message, table, number))
    if at == 0:
        return 0, 0
    count = int(_U32.unpack_from(message, at)[0])
    _require(count * width <= len(message) - at - 4, "has a vector that is longer than its message")
    return at + 4, count


def _tables(message: memoryview, table: int, number: int) -> list[int]:
    start, count = _vector(message, table, number, 4)
    return [_indirect(message, start + 4 * i) for i in range(count)]


def _pairs(message: memoryview, table: int, number: int) -> list[tuple[int, int]]:
    start, count = _vector(message, table, number, 16)
    return list(_PAIR.iter_unpack(message[start : start + 16 * count]))


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise BrainCorruptError(f"the Arrow stream {otherwise}")
