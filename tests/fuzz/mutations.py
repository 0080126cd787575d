"""What somebody hostile could have stored: sound values, changed.

A value is (kind, data, metadata). Some changes know nothing of what they change; others keep the form, and
so get further: items of CBOR, entries of the table of parts, fields of a tensor's metadata.
"""

import struct

import cbor_items
from cbor_items import ARRAY, BYTES, MAP, NEGATIVE, SIMPLE, TAG, TEXT, UINT, Item

TENSOR, ARROW, TREE = 8, 9, 11
N_KINDS = 13
COUNTS = (0, 1, 2, 3, 7, 8, 63, 64, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**62, 2**63 - 1)
TAGS = (2, 3, 258, *range(47616, 47626))
DTYPES = tuple(b"<f8 <i8 |u1 |b1 <M8[ns] <m8[s] <U3 |S0 |O8 |V8 <c16 f".split())


class Pool:
    """Items of all the sound values: what one is replaced by another from."""

    def __init__(self, values):
        self.values = list(values)
        self.items = []
        for kind, data, _ in self.values:
            if kind == TREE:
                self.items.extend(cbor_items.parse(take_apart(data)[0]).walk())
        self.texts = sorted({item.number for item in self.items if item.major == TEXT})


def mutated(choose, value, pool):
    """`value`, changed in one to four ways."""
    for _ in range(choose.choice((1, 1, 1, 2, 4))):
        kind, data, meta = value
        ways = [change_data, change_data, change_meta]
        if kind == TREE:
            ways += [change_items] * 8 + [change_buffers] * 3 + [change_table]
        elif kind == TENSOR:
            ways += [change_tensor] * 4
        elif kind == ARROW:
            ways += [change_data] * 4
        if choose.random() < 0.02:
            ways = [change_kind]
        value = choose.choice(ways)(choose, value, pool)
    return value


# ---- bytes --------------------------------------------------------------------------------------


def change_bytes(choose, data, other):
    """`data`, changed as if it were bytes without a meaning. `other`: what pieces are taken from."""
    data = bytearray(data)
    at = choose.randrange(len(data) + 1)
    way = choose.randrange(8)
    if way == 0 and at < len(data):
        data[at] ^= 1 << choose.randrange(8)
    elif way == 1 and at < len(data):
        data[at] = choose.choice((0, 1, 0x7F, 0x80, 0xFF, choose.randrange(256)))
    elif way == 2:
        n_bytes = choose.choice((2, 4, 8))
        at -= at % n_bytes
        number = choose.choice((*COUNTS, len(data), -1, -2, -8)) % (1 << 8 * n_bytes)
        data[at : at + n_bytes] = number.to_bytes(n_bytes, "little")
    elif way == 3:
        del data[at:]
    elif way == 4:
        del data[at : at + choose.choice((1, 4, 8, 64))]
    elif way == 5:
        data[at:at] = data[at : at + choose.choice((1, 8, 64))] or b"\0"
    elif way == 6:
        start = choose.randrange(len(other) + 1)
        piece = other[start : start + choose.choice((1, 8, 64, 1000))]
        data[at : at + len(piece)] = piece
    else:
        for _ in range(8):
            if data:
                data[choose.randrange(len(data))] = choose.randrange(256)
    return bytes(data)


def change_data(choose, value, pool):
    kind, data, meta = value
    return kind, change_bytes(choose, data, choose.choice(pool.values)[1]), meta


def change_meta(choose, value, pool):
    kind, data, meta = value
    return kind, data, change_bytes(choose, meta, choose.choice(pool.values)[2])[:65535]


def change_kind(choose, value, pool):
    return choose.randrange(N_KINDS), value[1], value[2]


# ---- the table of parts -------------------------------------------------------------------------


def take_apart(data):
    """The stream of a TREE, its buffers and its flags."""
    n_buffers, flags, n_stream = struct.unpack_from("<IIQ", data)
    places = [struct.unpack_from("<QQ", data, 16 + 16 * number) for number in range(n_buffers)]
    at = 16 + 16 * n_buffers
    return data[at : at + n_stream], [data[start : start + size] for start, size in places], flags


def put_together(stream, buffers, flags):
    table = struct.pack("<IIQ", len(buffers), flags, len(stream))
    end = 16 + 16 * len(buffers) + len(stream)
    behind = []
    for buffer in buffers:
        start = -(-end // 64) * 64
        table += struct.pack("<QQ", start, len(buffer))
        behind += [bytes(start - end), buffer]
        end = start + len(buffer)
    return b"".join([table, stream, *behind])


def sound_parts(value):
    """As take_apart(); None where earlier changes have left no sense in it."""
    try:
        stream, buffers, flags = take_apart(value[1])
        return cbor_items.parse(stream), buffers, flags
    except (struct.error, IndexError, AssertionError, MemoryError, OverflowError, RecursionError):
        return None


def change_table(choose, value, pool):
    kind, data, meta = value
    data = bytearray(data)
    n_words = 2 + 2 * min(struct.unpack_from("<I", data)[0], 1000) if len(data) >= 4 else 0
    if n_words:
        at = 8 * choose.randrange(n_words)
        number = choose.choice((*COUNTS, len(data), len(data) - 1, choose.randrange(len(data) + 1)))
        data[at : at + 8] = number.to_bytes(8, "little")
    return kind, bytes(data), meta


def change_buffers(choose, value, pool):
    parts = sound_parts(value)
    if parts is None or not parts[1]:
        return change_data(choose, value, pool)
    item, buffers, flags = parts
    number = choose.randrange(len(buffers))
    if choose.random() < 0.1:
        other = choose.choice(pool.values)[1]
        buffers[number] = choose.choice(buffers + [other, b""])
    else:
        buffers[number] = change_bytes(choose, buffers[number], choose.choice(buffers))
    return TREE, put_together(cbor_items.write(item), buffers, flags), value[2]


# ---- items of CBOR ------------------------------------------------------------------------------


def change_items(choose, value, pool):
    parts = sound_parts(value)
    if parts is None:
        return change_data(choose, value, pool)
    root, buffers, flags = parts
    for _ in range(choose.choice((1, 1, 2, 3))):
        change_item(choose, choose.choice(list(root.walk())), root, pool)
    if choose.random() < 0.1:
        flags ^= 1 << choose.randrange(3)
    try:
        return TREE, put_together(cbor_items.write(root), buffers, flags), value[2]
    except RecursionError:
        return value


def change_item(choose, item, root, pool):
    way = choose.randrange(6)
    if way == 0:
        become(item, choose.choice(pool.items).copy())
    elif way == 1:
        become(item, choose.choice(list(root.walk())).copy())
    elif way == 2:
        become(item, new_item(choose, pool))
    elif item.parts:
        change_parts(choose, item)
    else:
        change_leaf(choose, item, pool)


def become(item, other):
    item.major, item.number, item.parts, item.claimed = other.major, other.number, other.parts, other.claimed


def new_item(choose, pool):
    leaf = Item(UINT, choose.randrange(5))
    return choose.choice(
        (
            leaf,
            Item(NEGATIVE, choose.choice(COUNTS)),
            Item(UINT, choose.choice(COUNTS)),
            Item(TEXT, choose.choice(pool.texts)),
            Item(BYTES, bytes(choose.randrange(20))),
            Item(SIMPLE, choose.choice((20, 21, 22, 23, 24, 255))),
            Item(SIMPLE, struct.pack(">d", choose.choice((0.0, -1.0, 1e300, float("nan"), float("inf"))))),
            Item(ARRAY, 0, [leaf] * choose.randrange(4)),
            Item(MAP, 0, [leaf, leaf]),
            Item(TAG, choose.choice(TAGS), [choose.choice(pool.items).copy()]),
        )
    ).copy()


def change_parts(choose, item):
    at = choose.randrange(len(item.parts))
    way = choose.randrange(6)
    if item.major == TAG and way < 3:
        item.number = choose.choice(TAGS)
    elif way == 0:
        del item.parts[at]
    elif way == 1:
        item.parts.insert(at, item.parts[at].copy())
    elif way == 2:
        choose.shuffle(item.parts)
    elif way == 3:
        item.claimed = choose.choice((*COUNTS, len(item.parts) + 1))
    elif way == 4:
        item.parts = item.parts * choose.choice((2, 10, 100))
    else:
        become(item, item.parts[at].copy())


def change_leaf(choose, item, pool):
    if item.major in (UINT, NEGATIVE):
        step = choose.choice((-1, 1, 2, 8))
        item.number = choose.choice((*COUNTS, max(0, item.number + step), item.number * 2)) % 2**64
        item.major = choose.choice((UINT, UINT, NEGATIVE))
    elif item.major == TEXT and choose.random() < 0.5:
        item.number = choose.choice(pool.texts)
    elif item.major in (BYTES, TEXT):
        item.number = change_bytes(choose, item.number, choose.choice(pool.texts))
    else:
        become(item, new_item(choose, pool))


# ---- metadata of tensors ------------------------------------------------------------------------


def change_tensor(choose, value, pool):
    """As docs/format.md has it, one field of another value."""
    kind, data, meta = value
    if len(meta) < 16:
        return change_meta(choose, value, pool)
    version, flags, ndim, n_dtype, n_descr, item_bytes = struct.unpack_from("<BBBBIQ", meta)
    at = 16 + 8 * ndim
    shape = [int.from_bytes(meta[place : place + 8], "little") for place in range(16, at, 8)]
    dtype, descr = meta[at : at + n_dtype], meta[at + n_dtype :]
    way = choose.randrange(6)
    if way == 0:
        dtype = choose.choice(DTYPES)
    elif way == 1:
        descr = change_bytes(choose, descr, b"[('a', '|O8'), ('b', '<i4', (2,))]")
    elif way == 2:
        shape = [choose.choice((*COUNTS, size)) for size in shape] or [len(data)]
    elif way == 3:
        item_bytes = choose.choice((*COUNTS, item_bytes * 2, len(data)))
    elif way == 4:
        flags ^= choose.choice((1, 2, 255))
    else:
        shape = [len(data) // max(item_bytes, 1), *[1] * choose.randrange(62)]
    head = struct.pack(
        "<BBBBIQ", version, flags, len(shape), len(dtype), len(descr) % 2**32, item_bytes % 2**64
    )
    return kind, data, head + b"".join(size.to_bytes(8, "little") for size in shape) + dtype + descr
