"""Values of pyarrow, taken apart and put together: equal, without a copy, without what they do not show."""

import datetime
import decimal
import random
import struct
import subprocess
import sys
import uuid

import numpy as np
import pytest
from brain_plasma import codecs, exceptions
from recalled import Stored

pa = pytest.importorskip("pyarrow", minversion="16")  # the first with views
from brain_plasma.codecs import arrow_check, description  # noqa: E402

WORDS = [None if i % 7 == 3 else f"{i:04} " + "word " * (i % 9) for i in range(1000)]


def buffers(value):
    """All buffers of a table, batch, array or chunked array, and of the dictionaries in it."""
    if isinstance(value, (pa.Table, pa.RecordBatch)):
        return [buffer for column in value.columns for buffer in buffers(column)]
    if isinstance(value, pa.ChunkedArray):
        return [buffer for chunk in value.chunks for buffer in buffers(chunk)]
    found = [buffer for buffer in value.buffers() if buffer is not None]
    if isinstance(value, pa.DictionaryArray):
        found += buffers(value.dictionary)
    return found


def assert_shared(value, stored):
    for buffer in buffers(value):
        assert stored.holds(buffer.address, buffer.size)
        assert buffer.size == 0 or not buffer.is_mutable


def list_views():
    return pa.array([[i] * (i % 5) for i in range(1000)], pa.list_view(pa.int32()))


def dense_union():
    codes = pa.array([i % 2 for i in range(1000)], pa.int8())
    offsets = pa.array([i // 2 for i in range(1000)], pa.int32())
    return pa.UnionArray.from_dense(codes, offsets, [pa.array(range(500)), pa.array(WORDS[:500])])


def sparse_union():
    codes = pa.array([i % 2 for i in range(1000)], pa.int8())
    views = pa.array(WORDS, pa.string_view())
    return pa.UnionArray.from_sparse(codes, [pa.array(range(1000)), views])


def runs(kind):
    ends = pa.array(range(10, 1001, 10), pa.int32())
    return pa.RunEndEncodedArray.from_arrays(ends, pa.array(WORDS[:100], kind))


DICTIONARY = pa.dictionary(pa.int16(), pa.string())
ARRAYS = {
    "bool": pa.array([None if i % 11 == 0 else i % 3 == 0 for i in range(1000)]),
    "int8": pa.array([i % 100 for i in range(1000)], pa.int8()),
    "uint64": pa.array(range(2**64 - 1000, 2**64), pa.uint64()),
    "float16": pa.array(np.arange(1000, dtype=np.float16)),
    "float64": pa.array([None if i % 7 == 0 else i / 3 for i in range(1000)]),
    "decimal": pa.array([decimal.Decimal(i) / 4 for i in range(1000)], pa.decimal128(20, 5)),
    "decimal256": pa.array([decimal.Decimal(i) / 4 for i in range(1000)], pa.decimal256(40, 5)),
    "date32": pa.array([datetime.date.fromordinal(i + 1) for i in range(1000)]),
    "timestamp": pa.array(range(1000), pa.timestamp("ns", "Europe/Berlin")),
    "time64": pa.array(range(1000), pa.time64("us")),
    "duration": pa.array(range(1000), pa.duration("ms")),
    "interval": pa.array([pa.MonthDayNano([1, 2, i]) for i in range(1000)]),
    "string": pa.array(WORDS),
    "large_string": pa.array(WORDS, pa.large_string()),
    "binary": pa.array([w and w.encode() for w in WORDS]),
    "fixed_size_binary": pa.array([b"%05d" % i for i in range(1000)], pa.binary(5)),
    "string_view": pa.array(WORDS, pa.string_view()),
    "binary_view": pa.array([w and w.encode() for w in WORDS], pa.binary_view()),
    "dictionary": pa.array([w and w[5:] for w in WORDS]).dictionary_encode(),
    "ordered": pa.DictionaryArray.from_arrays(
        pa.array([i % 3 for i in range(1000)], pa.int8()), pa.array(["c", "a", "b"]), ordered=True
    ),
    "dictionary of views": pa.DictionaryArray.from_arrays(
        pa.array([i % 3 for i in range(1000)], pa.uint32()), pa.array(WORDS[4:7], pa.string_view())
    ),
    "list": pa.array([None if i == 5 else list(range(i % 5)) for i in range(1000)]),
    "list of views": pa.array(
        [None if i == 5 else WORDS[i : i + i % 5] for i in range(1000)], pa.large_list(pa.string_view())
    ),
    "list of dictionaries": pa.ListArray.from_arrays(
        pa.array(range(0, 1001), pa.int32()), pa.array([w and w[5:] for w in WORDS]).dictionary_encode()
    ),
    "fixed_size_list": pa.array([[i, None] for i in range(1000)], pa.list_(pa.int32(), 2)),
    "fixed_size_list of views": pa.array(
        [WORDS[i : i + 2] for i in range(999)], pa.list_(pa.string_view(), 2)
    ),
    "list_view": list_views(),
    "struct": pa.array([None if i == 5 else {"a": i, "b": WORDS[i]} for i in range(1000)]),
    "struct of views": pa.array(
        [None if i == 5 else {"a": i, "b": WORDS[i]} for i in range(1000)],
        pa.struct([("a", pa.int8() if False else pa.int64()), ("b", pa.string_view())]),
    ),
    "map": pa.array([[(i, "x")] * (i % 3) for i in range(1000)], pa.map_(pa.int32(), pa.string())),
    "map of views": pa.array(
        [[(i, WORDS[i])] * (i % 3) for i in range(1000)], pa.map_(pa.int32(), pa.string_view())
    ),
    "dense_union": dense_union(),
    "sparse_union": sparse_union(),
    "runs": runs(pa.string()),
    "runs of views": runs(pa.string_view()),
    "null": pa.nulls(1000),
}
if hasattr(pa, "uuid"):
    ARRAYS["uuid"] = pa.array([uuid.UUID(int=i).bytes for i in range(1000)], pa.uuid())

arrays = pytest.mark.parametrize("array", ARRAYS.values(), ids=ARRAYS)


@pytest.fixture(params=[True, False], ids=["trusted", "untrusted"])
def trusted(request):
    return request.param


def readable(array, trusted):
    if not trusted and isinstance(array.type, pa.BaseExtensionType):
        pytest.skip("refused: another test has it")


# ---- what goes in comes out ---------------------------------------------------------------------


@arrays
def test_array(array, trusted):
    readable(array, trusted)
    for part in (
        array,
        array.slice(3, 500),
        array.slice(8, 9),
        array.slice(0, 0),
        array.slice(len(array) - 1),
    ):
        stored = Stored(part)
        value = stored.recall(trusted)
        value.validate(full=True)
        assert type(value) is type(part)
        assert value.type == part.type
        assert value.equals(part)
        assert value.to_pylist() == part.to_pylist()
        assert_shared(value, stored)


@arrays
def test_chunked_array(array, trusted):
    readable(array, trusted)
    for cuts in ([], [array], [array.slice(0, 0), array.slice(7, 20), array.slice(0, 0), array.slice(90)]):
        chunked = pa.chunked_array(cuts, array.type)
        stored = Stored(chunked)
        value = stored.recall(trusted)
        assert type(value) is pa.ChunkedArray
        assert value.type == chunked.type
        assert [len(chunk) for chunk in value.chunks] == [len(chunk) for chunk in cuts]
        assert value.equals(chunked)
        assert_shared(value, stored)


def test_table_of_all_types(trusted):
    columns = {
        name: array.slice(0, 999)
        for name, array in ARRAYS.items()
        if trusted or not isinstance(array.type, pa.BaseExtensionType)
    }
    schema = pa.schema(
        [pa.field(name, a.type, metadata={"unit": "m"}) for name, a in columns.items()],
        metadata={"k": b"\0v"},
    )
    table = pa.table(list(columns.values()), schema=schema)
    for part in (table, table.slice(10, 100), table.slice(0, 0), pa.concat_tables([table, table.slice(5)])):
        for stored in (Stored.top(part), Stored(part)):
            value = stored.recall(trusted)
            assert type(value) is pa.Table
            assert value.schema.equals(part.schema, check_metadata=True)
            assert value.equals(part)
            assert_shared(value, stored)


def test_batch(trusted):
    batch = pa.record_batch({"a": [1, 2], "b": pa.array(["x", None], pa.string_view())}, metadata={"a": "b"})
    for part in (batch, batch.slice(1), batch.slice(0, 0), batch.select([])):
        for stored in (Stored.top(part), Stored(part)):
            value = stored.recall(trusted)
            assert type(value) is pa.RecordBatch
            assert value.num_rows == part.num_rows
            assert value.equals(part, check_metadata=True)
            assert_shared(value, stored)


def test_a_view_column_in_a_batch_is_cut():
    long = pa.record_batch({"i": pa.array(range(1000)), "v": pa.array(["x" * 100] * 1000, pa.string_view())})
    stored = Stored(long.slice(990))
    assert stored.n_bytes < 4000
    assert stored.recall().equals(long.slice(990))


def test_tables_with_little_in_them(trusted):
    some = pa.table({"a": [1, 2, 3]})
    twice = pa.table([[1], ["x"]], names=["a", "a"])
    for table in (some.select([]), pa.table({}), some.schema.empty_table(), twice):
        value = Stored.top(table).recall(trusted)
        assert value.shape == table.shape
        assert value.schema.equals(table.schema, check_metadata=True)
        assert value.equals(table)


def test_chunks_come_back_cut_alike(trusted):
    table = pa.table({"a": pa.chunked_array([[1, 2], [3]]), "b": pa.chunked_array([["x"], ["y", "z"]])})
    value = Stored.top(table).recall(trusted)
    assert value.equals(table)
    assert [len(chunk) for chunk in value["a"].chunks] == [1, 1, 1]


def test_dictionaries_that_differ(trusted):
    chunks = [pa.array(texts).dictionary_encode() for texts in (["a", "b"], ["b", "c", "d"], ["a", "b"])]
    table = pa.table({"d": pa.chunked_array(chunks), "l": pa.chunked_array([[[1]] * len(c) for c in chunks])})
    value = Stored.top(table).recall(trusted)
    assert value.equals(table)
    assert [chunk.dictionary.to_pylist() for chunk in value["d"].chunks] == [
        c.dictionary.to_pylist() for c in chunks
    ]


@arrays
def test_scalar(array, trusted):
    readable(array, trusted)
    for i in (3, 5):
        value = Stored(array[i]).recall(trusted)
        assert type(value) is type(array[i])
        assert value.type == array.type
        assert value.equals(array[i])


def test_buffers(trusted):
    for buffer in (pa.py_buffer(b"abc"), pa.py_buffer(b""), pa.py_buffer(b"x" * 5000).slice(10, 20)):
        stored = Stored(buffer)
        value = stored.recall(trusted)
        assert type(value) is pa.Buffer
        assert value.equals(buffer)
        assert not value.is_mutable
        assert stored.holds(value.address, value.size)


def test_tensor(trusted):
    elements = np.arange(24.0).reshape(2, 3, 4)
    for array, names in (
        (elements, ["a", "b", "c"]),
        (elements.T, None),
        (elements[:, ::2], ["x", "y", "z"]),
    ):
        tensor = pa.Tensor.from_numpy(array, dim_names=names)
        stored = Stored(tensor)
        value = stored.recall(trusted)
        assert value.equals(tensor)
        assert value.dim_names == tensor.dim_names
        assert stored.holds(value.to_numpy().ctypes.data, value.size * 8)


@arrays
def test_types(array, trusted):
    readable(array, trusted)
    field = pa.field("f", array.type, nullable=array.type == pa.null(), metadata={"a": "b"})
    schema = pa.schema([field, pa.field("f", array.type)], metadata={"c": "d"})
    value = Stored(array.type).recall(trusted)
    assert type(value) is type(array.type)
    assert value.equals(array.type, check_metadata=True)
    assert Stored(field).recall(trusted).equals(field, check_metadata=True)
    assert Stored(schema).recall(trusted).equals(schema, check_metadata=True)


def test_metadata_of_unknown_kind_gives_a_table():
    table = pa.table({"a": [1]})
    stored = Stored.top(table)
    for metadata in (b"", description.pack({"as": "something.Newer"}), description.pack({"other": True})):
        assert codecs.decoders["pyarrow.stream"]((metadata, stored.payload[1]), True).equals(table)


def test_metadata_that_makes_no_sense():
    stored = Stored.top(pa.table({"a": [1]}))
    for metadata in (b"\xa1", b"\xff", b"\xa1\x62as", b"\xa1\x01\x01", description.pack({}) + b"x"):
        with pytest.raises(exceptions.BrainCorruptError, match="makes no sense"):
            codecs.decoders["pyarrow.stream"]((metadata, stored.payload[1]), True)


def test_description():
    for value in (
        {},
        {"a": "b"},
        {"é" * 300: {"x": None, "y": True, "z": 2**40}},
        {"n": 23, "m": 24, "k": 65536},
    ):
        assert description.unpack(description.pack(value)) == value
    assert description.pack({"as": "x"}) == b"\xa1\x62as\x61x"


# ---- what is not shown is not stored ------------------------------------------------------------


def content(array):
    """Bytes that an array of texts refers to: 16 for each view, and the texts that do not lie in it."""
    texts = [text for text in array.to_pylist() if text is not None]
    return 16 * len(array) + sum(len(text) for text in texts if len(text) > 12)


def test_slices_of_views():
    whole = pa.array([f"{i:06} " + "x" * (i % 50) for i in range(100_000)], pa.string_view())
    for start in range(0, 100_000, 1000):
        part = whole.slice(start, 1 + start // 100)
        stored = Stored(part)
        assert stored.n_bytes <= 1.1 * content(part) + 2000
        assert stored.recall().equals(part)


def test_views_here_and_there():
    """So many that they are copied together, in an order of their own."""
    whole = pa.array([f"{i:06} " + "x" * (i % 50) for i in range(100_000)], pa.string_view())
    chosen = np.random.default_rng(1).permutation(100_000)[:3000]
    part = codecs.arrow_compact.take(whole, chosen)
    assert part.to_pylist() == [f"{i:06} " + "x" * (i % 50) for i in chosen]
    stored = Stored(part)
    assert stored.n_bytes <= 1.1 * content(part) + 2000
    value = stored.recall(False)
    assert value.equals(part)
    assert len(value.buffers()) == 3


def test_views_are_cut_into_buffers_of_limited_size(monkeypatch):
    monkeypatch.setattr(codecs.arrow_compact, "_BUFFER_BYTES", 1000)
    whole = pa.array([f"{i:06} " + "x" * (i % 50) for i in range(10_000)], pa.string_view())
    part = codecs.arrow_compact.take(whole, np.arange(0, 10_000, 20))
    value = Stored(part).recall(False)
    assert value.equals(part)
    assert len(value.buffers()) > 10


def test_nulls_of_views_are_not_stored():
    whole = pa.array(["x" * 1000] * 1000, pa.string_view())
    data = whole.buffers()[1:]
    bits = pa.py_buffer(b"\x01" + b"\x00" * 124)
    masked = pa.Array.from_buffers(pa.string_view(), 1000, [bits, *data])
    assert masked.null_count == 999
    stored = Stored(masked)
    assert stored.n_bytes < 1.1 * 17_000 + 2000
    assert stored.recall(False).equals(masked)


def test_a_table_that_is_all_shown_is_written_as_it_is():
    array = pa.array(WORDS, pa.string_view())
    dictionary = pa.array([f"{i:050}" for i in range(5000)]).dictionary_encode()
    assert codecs.arrow_compact.compact_chunks([array], array.type)[0] is array
    assert codecs.arrow_compact.compact_chunks([dictionary], dictionary.type)[0] is dictionary


def test_a_few_rows_of_a_large_dictionary():
    for kind in (pa.string(), pa.string_view()):
        values = pa.array([f"{i:050}" for i in range(100_000)], kind)
        indices = pa.array([None if i % 10 == 3 else 99_999 - i for i in range(100_000)])
        for ordered in (False, True):
            whole = pa.DictionaryArray.from_arrays(indices, values, ordered=ordered)
            part = whole.slice(50, 10)
            stored = Stored(part)
            assert stored.n_bytes < 3000
            value = stored.recall(False)
            assert value.type == part.type
            assert value.to_pylist() == part.to_pylist()
            # What is left of the dictionary is in the order that it had.
            assert value.dictionary.to_pylist() == sorted(value.dictionary.to_pylist())


def test_a_small_dictionary_stays_what_it_was():
    whole = pa.array([f"{i:010}" for i in range(1000)]).dictionary_encode()
    assert Stored(whole.slice(5, 1)).recall().dictionary.equals(whole.dictionary)


def test_chunks_that_share_a_dictionary_go_on_sharing_it():
    whole = pa.array([f"{i:050}" for i in range(10_000)]).dictionary_encode()
    table = pa.table({"d": pa.chunked_array([whole.slice(i, 10) for i in range(0, 5000, 10)])})
    stored = Stored.top(table)
    assert stored.n_bytes < 1.2 * 5000 * 58 + 500 * 300
    assert stored.recall(False)["d"].to_pylist() == table["d"].to_pylist()
    assert len({c.dictionary.buffers()[2].address for c in stored.recall()["d"].chunks}) == 1


def test_chunks_that_share_the_buffers_of_views():
    whole = pa.array(["y" * 100 + f"{i}" for i in range(50_000)], pa.string_view())
    chunked = pa.chunked_array([whole.slice(i, 100) for i in range(0, 50_000, 500)])
    stored = Stored(chunked)
    assert stored.n_bytes <= 1.1 * content(chunked) + 1000 + 400 * chunked.num_chunks
    assert stored.recall(False).equals(chunked)


NESTED = {
    "list": lambda a: pa.ListArray.from_arrays(pa.array(range(0, len(a) + 1, 10), pa.int32()), a),
    "fixed_size_list": lambda a: pa.FixedSizeListArray.from_arrays(a, 10),
    "struct": lambda a: pa.StructArray.from_arrays([a], ["a"]),
    "map": lambda a: pa.MapArray.from_arrays(
        pa.array(range(0, len(a) + 1, 10), pa.int32()), pa.array(range(len(a))), a
    ),
    "list_view": lambda a: pa.ListViewArray.from_arrays(
        pa.array(range(0, len(a), 10), pa.int32()), pa.array([10] * (len(a) // 10), pa.int32()), a
    ),
    "dense_union": lambda a: pa.UnionArray.from_dense(
        pa.array([0] * len(a), pa.int8()), pa.array(range(len(a)), pa.int32()), [a]
    ),
    "sparse_union": lambda a: pa.UnionArray.from_sparse(pa.array([0] * len(a), pa.int8()), [a]),
    "runs": lambda a: pa.RunEndEncodedArray.from_arrays(
        pa.array(range(10, 10 * len(a) + 1, 10), pa.int32()), a
    ),
}


@pytest.mark.parametrize("nest", NESTED.values(), ids=NESTED)
def test_slices_of_nested_arrays(nest):
    for kind in (pa.string_view(), pa.string()):
        whole = nest(pa.array([f"{i:05} " + "z" * 50 for i in range(20_000)], kind))
        for start in (0, 501, len(whole) - 20):
            part = whole.slice(start, 20)
            stored = Stored(part)
            assert stored.n_bytes <= 1.1 * 200 * (56 + 16) + 2500
            value = stored.recall(False)
            assert value.to_pylist() == part.to_pylist()
            assert value.equals(part)


def test_a_dense_union_with_gaps():
    child = pa.array(["z" * 50 + str(i) for i in range(10_000)], pa.string_view())
    offsets = pa.array(range(0, 10_000, 1000), pa.int32())
    union = pa.UnionArray.from_dense(pa.array([0] * 10, pa.int8()), offsets, [child])
    stored = Stored(union)
    assert stored.n_bytes < 3500
    assert stored.recall(False).to_pylist() == union.to_pylist()


def test_list_views_with_gaps_and_in_any_order():
    values = pa.array([str(i) * 10 for i in range(10_000)])
    starts, sizes = pa.array([9000, 5, 0, 400], pa.int32()), pa.array([3, 2, 0, 5], pa.int32())
    array = pa.ListViewArray.from_arrays(starts, sizes, values)
    stored = Stored(array)
    assert stored.n_bytes < 2000
    assert stored.recall(False).to_pylist() == array.to_pylist()


# ---- what cannot be kept ------------------------------------------------------------------------


class Celsius(pa.ExtensionType):
    def __init__(self):
        super().__init__(pa.float64(), "test.celsius")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage, data):
        return cls()


def test_extension_types():
    array = pa.ExtensionArray.from_storage(Celsius(), pa.array([1.0, 2.0]))
    table = pa.table({"t": array})
    encode = codecs.find_encoder(pa.Table)
    assert encode(table) is None  # so it is pickled, and the class comes along
    assert codecs.find_encoder(type(array))(array) is None
    assert codecs.find_encoder(Celsius)(Celsius()) is None
    pa.register_extension_type(Celsius())
    try:
        stored = Stored(table)
        value = stored.recall()
        assert value.equals(table)
        assert type(value["t"].type) is Celsius
        assert_shared(value, stored)
        with pytest.raises(exceptions.BrainValueError, match="extension type"):
            stored.recall(False)
    finally:
        pa.unregister_extension_type("test.celsius")


def deep(n):
    kind = pa.int8()
    for _ in range(n):
        kind = pa.list_(kind)
    return kind


def test_depth(trusted):
    kept = pa.nulls(2, deep(arrow_check.MAX_DEPTH - 1))
    assert Stored(kept).recall(trusted).equals(kept)
    assert Stored.top(pa.table({"a": kept})).recall(trusted)["a"].chunk(0).equals(kept)


@pytest.mark.parametrize("n", [arrow_check.MAX_DEPTH, 20_000])
def test_types_that_are_too_deep(n):
    code = f"""
import pyarrow as pa
from brain_plasma import codecs, exceptions
kind = pa.int8()
for _ in range({n}):
    kind = pa.list_(kind)
schema = pa.schema([("a", kind)])
column = pa.chunked_array([], kind)
for value in (schema, kind, schema.field(0), column, pa.table([column], schema=schema)):
    try:
        codecs.find_encoder(type(value))(value)
    except exceptions.BrainValueTypeError as error:
        assert "less deep" in str(error)
    else:
        raise AssertionError(type(value))
print("refused", flush=True)
import os
os._exit(0)  # to free such a type would take the stack as well
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "refused\n", result.stderr[-2000:]


# ---- from those who are not trusted ---------------------------------------------------------------


def read(data, trusted=False):
    return codecs.find_decoder("pyarrow.Table")(memoryview(bytes(data)), trusted)


def stream(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_compressed():
    data = stream(pa.table({"a": [0] * 10_000}), compression="zstd")
    assert read(data, True).num_rows == 10_000
    with pytest.raises(exceptions.BrainValueError, match="compressed"):
        read(data)


def test_rows_that_take_no_bytes():
    assert read(stream(pa.table({"a": pa.nulls(1000)}))).num_rows == 1000
    data = stream(pa.table({"a": pa.nulls(2**22)}))
    assert read(data, True).num_rows == 2**22
    with pytest.raises(exceptions.BrainCorruptError, match="rows, in"):
        read(data)


def test_rows_within_that_take_no_bytes():
    offsets = pa.array([0, 2**31 - 1], pa.int32())
    data = stream(pa.table({"a": pa.ListArray.from_arrays(offsets, pa.nulls(2**31 - 1))}))
    with pytest.raises(exceptions.BrainCorruptError, match="rows, in"):
        read(data)


def test_too_deep():
    data = deep_schema(arrow_check.MAX_DEPTH + 1)
    with pytest.raises(exceptions.BrainCorruptError, match="nested"):
        arrow_check.check_stream(memoryview(data))
    arrow_check.check_stream(memoryview(deep_schema(arrow_check.MAX_DEPTH)))


def deep_schema(depth):
    return pa.schema([("a", deep(depth - 1))]).serialize().to_pybytes()


def test_fields_that_are_in_many_places():
    """Each child of a struct is the same table: of 40 levels a walk over all would never end."""
    kind = pa.int8()
    for _ in range(40):
        kind = pa.struct([("a", kind), ("b", pa.int8())])
    data = bytearray(pa.schema([("x", kind)]).serialize().to_pybytes())
    message = memoryview(data)[8:]
    (root,) = struct.unpack_from("<I", message, 0)
    schema = arrow_check._indirect(message, arrow_check._field(message, root, 2))
    (field,) = arrow_check._tables(message, schema, 1)
    for _ in range(40):
        start, count = arrow_check._vector(message, field, 5, 4)
        assert count == 2
        (field,) = arrow_check._tables(message, field, 5)[:1]
        struct.pack_into("<I", message, start + 4, field - (start + 4))
    with pytest.raises(exceptions.BrainCorruptError, match="in two places"):
        arrow_check.check_schema(memoryview(data))


def replaced(data, old, new):
    assert data.count(old) == 1
    return data.replace(old, new)


def test_sizes_below_0():
    n = 123_456_789
    for kind in (pa.list_(pa.int8(), n), pa.binary(n)):
        data = stream(pa.table({"a": pa.array([], kind)}))
        assert read(data).schema.field("a").type == kind
        with pytest.raises(exceptions.BrainCorruptError, match="below 0"):
            read(replaced(data, struct.pack("<i", n), struct.pack("<i", -1)))


def test_more_buffers_of_views_than_there_are():
    chunks = [pa.array(["x" * 20 + str(i)] * 2, pa.string_view()) for i in range(77)]
    data = stream(pa.table({"a": pa.concat_arrays(chunks)}))
    assert read(data).num_rows == 154
    count = struct.pack("<iq", 1, 77)  # a vector of one count
    for n in (78 + 2, -1, 2**40, 2**63 - 1):
        with pytest.raises(exceptions.BrainCorruptError, match="column of views"):
            read(replaced(data, count, struct.pack("<iq", 1, n)))


def test_buffers_outside_of_their_body():
    data = stream(pa.table({"a": pa.array(range(12_345), pa.int64())}))
    length = struct.pack("<q", 12_345 * 8)
    for n in (12_345 * 8 + 16, -8, 2**62):
        with pytest.raises(exceptions.BrainCorruptError):
            read(data.replace(length, struct.pack("<q", n)))


def test_what_is_cut_short_or_too_long():
    data = stream(pa.table({"a": ["x", "y"]}))
    for end in range(0, len(data)):
        with pytest.raises(exceptions.BrainError):
            value = read(data[:end])
            assert value.num_rows == (0 if end < len(data) // 2 else 2)  # cut between two messages
            raise exceptions.BrainError
    with pytest.raises(exceptions.BrainCorruptError, match="behind its end"):
        read(data + bytes(8))


@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_no_stream(trusted):
    for data in (b"", b"x", bytes(100), b"\xff" * 100, stream(pa.table({}))[:20]):
        with pytest.raises(exceptions.BrainCorruptError):
            read(data, trusted)


def test_texts_that_are_none():
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        table = pa.table({"a": pa.array(["a long text of more than twelve"] * 3, kind)})
        data = stream(table).replace(b"twelve", b"twel\xffe")
        with pytest.raises(exceptions.BrainCorruptError):
            read(data)


def test_old_versions_read_nothing_from_others(monkeypatch):
    data = stream(pa.table({"a": [1]}))
    monkeypatch.setattr(pa, "__version__", "14.0.0")
    assert read(data, True).num_rows == 1
    with pytest.raises(exceptions.BrainValueError, match="pyarrow>=14.0.1"):
        read(data)


FUZZ = """
import random, sys, warnings
import numpy as np
import pyarrow as pa
from brain_plasma import codecs
sys.path.insert(0, {folder!r})
import test_codecs_arrow as tests
try:
    import pandas
except ImportError:
    pandas = None
warnings.simplefilter("ignore")
chance = random.Random({seed})
n_read = 0

def use(table):
    for column in table.columns:
        column.slice(1, 3).to_pylist()
        for chunk in column.chunks:
            chunk.slice(2).to_pylist()
            str(chunk)
            hash(chunk.type)
    table.take([0])
    if pandas:
        table.to_pandas()

for name, array in tests.ARRAYS.items():
    if isinstance(array.type, pa.BaseExtensionType):
        continue
    part = array.slice(2, 20)
    columns = {{"a": pa.chunked_array([part, part]), "b": pa.chunked_array([range(20)] * 2)}}
    data = tests.stream(pa.table(columns))
    for _ in range({n}):
        damaged = bytearray(data)
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            at = chance.randrange(len(damaged))
            damaged[at] = chance.choice((0, 1, 127, 128, 255, damaged[at] ^ 1 << chance.randrange(8)))
        try:
            table = tests.read(damaged)
            n_read += 1
        except Exception:
            continue
        try:
            use(table)
        except Exception:
            pass
print("all", n_read)
"""


def test_bytes_that_were_changed():
    """At worst an exception, also when what was read is used. In a process that the worst may end."""
    folder = __file__.rpartition("/")[0]
    code = FUZZ.format(folder=folder, seed=6, n=200)
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert result.stdout.startswith("all")
    assert int(result.stdout.split()[1]) > 500


def test_random_messages():
    """The walk over the messages alone, which is our own: far more of them."""
    chance = random.Random(7)
    table = pa.table({"a": ARRAYS["list"], "b": ARRAYS["dictionary"], "c": ARRAYS["struct"]}).slice(0, 2)
    data = stream(table)
    arrow_check.check_stream(memoryview(data))
    n_refused = 0
    for _ in range(5000):
        damaged = bytearray(data)
        at = chance.randrange(len(damaged))
        damaged[at] = chance.randrange(256)
        try:
            arrow_check.check_stream(memoryview(damaged))
        except exceptions.BrainError:
            n_refused += 1
    assert n_refused > 200
