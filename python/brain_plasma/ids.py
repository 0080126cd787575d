"""The ids of brain-plasma 0.3: what names and namespaces are to a PlasmaClient.

The id of a value is made by the library. The id of what belongs to a name, its metadata id, follows from
namespace and name alone, so that whoever knows these knows it. All of them are 20 bytes.
"""

from __future__ import annotations

from .exceptions import BrainNameLengthError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypedDict

    class Metadata(TypedDict):
        """What belongs to a name."""

        name: str
        value_id: bytes
        metadata_id: bytes
        description: str
        namespace: str


ID_BYTES = 20
DEFAULT_NAMESPACE = "default"
NAMESPACES_ID = b"brain_namespaces_set"  # of the set of all namespaces
LONG_PREFIX = b"\xffid:"  # of the metadata ids of namespaces that leave no room for a hash
_JUSTIFIED_BYTES = 16


def encoded(text: str) -> bytes:
    """A name as it lies in the store, also one that is no UTF-8 and is shown as Python shows such files."""
    return text.encode(errors="surrogateescape")


def digest(name: str, n_bytes: int) -> bytes:
    """`n_bytes` bytes, 1 to 64, that follow from `name`."""
    return _blake2b(encoded(name), n_bytes)


def _blake2b(data: bytes, n_bytes: int) -> bytes:
    from hashlib import blake2b  # it loads OpenSSL, a third of the time that `import brain_plasma` would take

    return blake2b(data, digest_size=n_bytes).digest()


def justified_id(name: str) -> bytes:
    """The bytes of `name`, and a hash of it in what is left. BrainNameLengthError beyond 16 bytes."""
    prefix = encoded(name)
    if len(prefix) > _JUSTIFIED_BYTES:
        raise BrainNameLengthError(
            f"for this a name has to be at most {_JUSTIFIED_BYTES} bytes long in UTF-8: {name!r}"
        )
    return prefix + digest(name, ID_BYTES - len(prefix))


def metadata_id_of(namespace: str) -> Callable[[str], bytes]:
    """The function from a name in `namespace` to its metadata id."""
    space = encoded(namespace)
    return lambda name: metadata_id(space, encoded(name))


def metadata_id(space: bytes, name: bytes) -> bytes:
    """The metadata id of a name: its hash behind the namespace; where that leaves no room, a hash of both."""
    size = ID_BYTES - len(space)
    if size > 0:
        return space + _blake2b(name, size)
    return LONG_PREFIX + _blake2b(space + name, ID_BYTES - len(LONG_PREFIX))


def prefix_of(namespace: str) -> bytes:
    """What all metadata ids of `namespace` begin with, and perhaps those of others as well."""
    space = encoded(namespace)
    return space if len(space) < ID_BYTES else LONG_PREFIX


def metadata_of(namespace: str, entries: list[tuple[str, bytes, str, int]]) -> list[Metadata]:
    """What belongs to each of the names that the extension has listed."""
    id_of = metadata_id_of(namespace)
    return [
        {
            "name": name,
            "value_id": value_id,
            "metadata_id": id_of(name),
            "description": description,
            "namespace": namespace,
        }
        for name, value_id, description, _ in entries
    ]
