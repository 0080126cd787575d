"""CBOR as far as a TREE has it, taken apart into items that can be changed, and written again.

Nothing of it is checked on writing: what is written may be nonsense.
"""

import struct

UINT, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)


class Item:
    """`number` is the integer, the tag, the simple value, or the bytes of a float or a string."""

    __slots__ = ("major", "number", "parts", "claimed")

    def __init__(self, major, number, parts=()):
        self.major, self.number, self.parts = major, number, list(parts)
        self.claimed = None  # a count to be written in place of the true one

    def copy(self):
        copy = Item(self.major, self.number, [part.copy() for part in self.parts])
        copy.claimed = self.claimed
        return copy

    def walk(self):
        """It and all below it."""
        rest = [self]
        while rest:
            item = rest.pop()
            yield item
            rest.extend(item.parts)


def parse(data):
    item, end = _item(data, 0)
    assert end == len(data)
    return item


def _item(data, at):
    major, info = data[at] >> 5, data[at] & 31
    at += 1
    if info < 24:
        number = info
    else:
        n_bytes = 1 << (info - 24)
        raw, at = data[at : at + n_bytes], at + n_bytes
        if major == SIMPLE and n_bytes == 8:
            return Item(SIMPLE, bytes(raw)), at
        number = int.from_bytes(raw, "big")
    if major in (BYTES, TEXT):
        return Item(major, bytes(data[at : at + number])), at + number
    n_parts = {ARRAY: number, MAP: 2 * number, TAG: 1}.get(major, 0)
    parts = []
    for _ in range(n_parts):
        part, at = _item(data, at)
        parts.append(part)
    return Item(major, number, parts), at


def write(item):
    out = []
    _write(item, out)
    return b"".join(out)


def _write(item, out):
    if item.major == SIMPLE and isinstance(item.number, bytes):
        out.append(b"\xfb" + item.number)
        return
    if item.major in (BYTES, TEXT):
        out.append(_head(item.major, len(item.number) if item.claimed is None else item.claimed))
        out.append(item.number)
        return
    count = {ARRAY: len(item.parts), MAP: len(item.parts) // 2}.get(item.major, item.number)
    out.append(_head(item.major, count if item.claimed is None else item.claimed))
    for part in item.parts:
        _write(part, out)


def _head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for info, form in ((24, ">B"), (25, ">H"), (26, ">I")):
        if number < 1 << (8 << (info - 24)):
            return bytes([major << 5 | info]) + struct.pack(form, number)
    return bytes([major << 5 | 27]) + struct.pack(">Q", number & (2**64 - 1))
