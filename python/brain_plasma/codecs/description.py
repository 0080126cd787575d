"""What the metadata of a table says: one map of CBOR (RFC 8949), packed and unpacked.

Only what such maps have: text, whole numbers from 0 on, booleans, null, and maps with keys of text.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNSIGNED, _TEXT, _MAP, _SIMPLE = 0, 3, 5, 7
_SIMPLES = {20: False, 21: True, 22: None}
_MAX_DEPTH = 4


def pack(value: Any) -> bytes:
    """A dict, str, int, bool or None as CBOR, deterministic but for the order of a dict, which is kept."""
    if isinstance(value, dict):
        return _head(_MAP, len(value)) + b"".join(pack(key) + pack(item) for key, item in value.items())
    if isinstance(value, str):
        text = value.encode()
        return _head(_TEXT, len(text)) + text
    if value is None or isinstance(value, bool):
        return _head(_SIMPLE, {False: 20, True: 21, None: 22}[value])
    return _head(_UNSIGNED, value)


def unpack(data: bytes) -> Any:
    """What `data` says. ValueError: it is no CBOR, or has what such a map has not."""
    value, end = _unpack(data, 0, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes behind the map")
    return value


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    for info, n_bytes in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if number < 1 << 8 * n_bytes:
            return bytes([major << 5 | info]) + number.to_bytes(n_bytes, "big")
    raise ValueError(f"{number} needs more than 64 bits")


def _read_head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, number, and where the next byte is."""
    if at >= len(data):
        raise ValueError("it ends too early")
    major, info = data[at] >> 5, data[at] & 31
    if info < 24:
        return major, info, at + 1
    n_bytes = {24: 1, 25: 2, 26: 4, 27: 8}.get(info)
    if n_bytes is None or at + 1 + n_bytes > len(data):
        raise ValueError(f"no head of an item at {at}")
    return major, int.from_bytes(data[at + 1 : at + 1 + n_bytes], "big"), at + 1 + n_bytes


def _unpack(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    major, number, at = _read_head(data, at)
    if major == _UNSIGNED:
        return number, at
    if major == _SIMPLE and number in _SIMPLES:
        return _SIMPLES[number], at
    if major == _TEXT and number <= len(data) - at:
        return data[at : at + number].decode(), at + number
    if major == _MAP and number <= len(data) - at and depth < _MAX_DEPTH:
        return _unpack_map(data, at, number, depth + 1)
    raise ValueError(f"an item of type {major} before {at}, which is too long or not known here")


def _unpack_map(data: bytes, at: int, n_items: int, depth: int) -> tuple[dict[str, Any], int]:
    items = {}
    for _ in range(n_items):
        key, at = _unpack(data, at, depth)
        if not isinstance(key, str) or key in items:
            raise ValueError(f"a key of a map that is no text, or there twice, before {at}")
        items[key], at = _unpack(data, at, depth)
    return items, at
