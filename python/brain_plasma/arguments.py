"""What may be given to a Brain, and what it becomes on the way to the extension."""

from __future__ import annotations

import math
import operator
import os

from . import _core
from .brain_client import BrainClient
from .exceptions import (
    BrainNameTypeError,
    BrainNamespaceNameError,
    BrainValueError,
    BrainValueTypeError,
)
from .ids import DEFAULT_NAMESPACE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .brain_client import Client

DEFAULT_PATH = "/tmp/plasma"
CAPACITY_MIN, CAPACITY_MAX = 4096, 2**42  # as in the library
MODES = (0o600, 0o640, 0o660)

# ---- the constructor ----------------------------------------------------------------------------


def place(
    args: tuple[object, ...],
    path: str | os.PathLike[str] | None,
    namespace: str | None,
    default_path: str = DEFAULT_PATH,
) -> tuple[str, str]:
    """Path and namespace, from positional arguments in either order and from keywords."""
    if len(args) + (path is not None) + (namespace is not None) > 2:
        raise TypeError("Brain() takes one path and one namespace")
    given: list[Any] = list(args)
    if len(given) == 2:
        first, second = given
        # Where neither looks like one, the second is, as in 0.3.
        is_path_first = _looks_like_path(first) and not _looks_like_path(second)
        path, namespace = (first, second) if is_path_first else (second, first)
    elif given:
        if namespace is not None or (path is None and _looks_like_path(given[0])):
            path = given[0]
        else:
            namespace = given[0]
    if not isinstance(path, (str, bytes, os.PathLike, type(None))):
        raise TypeError(f"the path of a store is a str or a path object, not {path!r}")
    path = os.fsdecode(default_path if path is None else path)
    if not path or "\0" in path:
        raise BrainValueError(f"this cannot be the path of a store: {path!r}")
    return path, DEFAULT_NAMESPACE if namespace is None else namespace


def _looks_like_path(argument: object) -> bool:
    return isinstance(argument, os.PathLike) or (isinstance(argument, str) and "/" in argument)


def split_client(
    args: tuple[Any, ...], client_class: Callable[[str], Client] | None
) -> tuple[tuple[Any, ...], Callable[[str], Client]]:
    """The positional arguments without the class of the client, which 0.3 had as the third; and it."""
    if len(args) == 3 and client_class is None and callable(args[2]):
        *args_left, client_class = args
        args = tuple(args_left)
    if client_class is not None and not callable(client_class):
        raise TypeError(
            f"ClientClass is a class, or a function, that takes a path and gives a client: {client_class!r}"
        )
    return args, BrainClient if client_class is None else client_class


def capacity_bytes(capacity: object) -> int:
    """A capacity as the number of bytes that it is."""
    try:
        n_bytes = operator.index(capacity)  # type: ignore[arg-type]
    except TypeError:
        n_bytes = -1
    if not CAPACITY_MIN <= n_bytes <= CAPACITY_MAX:
        raise BrainValueError(
            f"a capacity is a number of bytes, an int from {CAPACITY_MIN} to 2**42, not {capacity!r}"
            + _how_to_write(capacity)
        )
    return n_bytes


def quota_bytes(quota: object) -> int:
    """A quota as a number of bytes; 0 for None: there is none."""
    if quota is None:
        return 0
    try:
        n_bytes = operator.index(quota)  # type: ignore[arg-type]
    except TypeError:
        n_bytes = 0
    if not 1 <= n_bytes < 2**64:
        raise BrainValueError(
            f"a quota is a number of bytes, an int from 1 on, or None for no quota, not {quota!r}"
            + _how_to_write(quota)
        )
    return n_bytes


def keep_free_bytes(keep_free: object) -> int | None:
    """How much free memory stays with a store; None: the default."""
    if keep_free is None:
        return None
    try:
        n_bytes = operator.index(keep_free)  # type: ignore[arg-type]
    except TypeError:
        n_bytes = -1
    if not 0 <= n_bytes <= CAPACITY_MAX:
        raise BrainValueError(
            f"keep_free is a number of bytes, an int from 0 to 2**42, or None, not {keep_free!r}" + _how_to_write(keep_free)
        )
    return n_bytes


def _how_to_write(capacity: object) -> str:
    """What helps whoever gave that as a capacity. Floats are no sizes in Python, but 1e9 is easily written."""
    if isinstance(capacity, str):
        return ": 2 GB, say, are 2 * 10**9"
    if isinstance(capacity, float) and CAPACITY_MIN <= capacity <= CAPACITY_MAX and capacity.is_integer():
        short = f"{float(capacity):g}"
        return f": write int({short if float(short) == capacity else repr(float(capacity))})"
    return ""


def mode_bits(mode: object) -> int:
    """The mode of a store that is made."""
    if mode not in MODES:
        shown = oct(mode) if isinstance(mode, int) else repr(mode)
        raise BrainValueError(f"the mode of a store is 0o600, 0o640 or 0o660, not {shown}")
    return mode


def group_id(group: int | str | None) -> int:
    """The number of a group that is given by number or name; 0 for None."""
    if group is None:
        return 0
    if isinstance(group, str):
        import grp

        try:
            return grp.getgrnam(group).gr_gid
        except KeyError:
            raise BrainValueError(f"there is no group {group!r} on this machine") from None
    if not 0 <= group < 2**32 - 1:
        raise BrainValueError(f"this cannot be the id of a group: {group!r}")
    return group


def open_flags(read_only: bool, shared: bool, create: bool) -> int:
    """How a store is opened, in bits."""
    return (
        (_core.OPEN_READ_ONLY if read_only else 0)
        | (_core.OPEN_SHARED if shared else 0)
        | (0 if create else _core.OPEN_EXISTING)
    )


# ---- methods ------------------------------------------------------------------------------------


def nanoseconds(seconds: float | None) -> int:
    """A timeout for the extension: -1 is for ever."""
    if seconds is None or seconds > 9e9:
        return -1
    if math.isnan(seconds):
        raise BrainValueError("a timeout has to be None or a number of seconds, not nan")
    return int(max(seconds, 0) * 1e9)


def description_text(description: object) -> str | None:
    """A description; None where the old one is to be kept, which 0.2 and 0.3 said by anything false."""
    if not description:
        return None
    if not isinstance(description, str):
        raise BrainValueTypeError(f"a description has to be a str, not {description!r}")
    return description


def description_bytes(description: object) -> bytes | None:
    """The same in UTF-8."""
    text = description_text(description)
    try:
        return None if text is None else text.encode()
    except UnicodeEncodeError:
        raise BrainValueError(
            f"a description has to be valid text, without lone surrogates: {text!r}"
        ) from None


def check_name(name: object) -> str:
    """A name; raises where it is none."""
    if not isinstance(name, str):
        raise BrainNameTypeError(f"a name has to be a str, not {name!r}")
    return name


def check_namespace(namespace: object, long_namespaces: bool) -> str:
    """The name of a namespace that may be made; raises where it may not."""
    if not isinstance(namespace, str):
        raise no_str(namespace)
    if long_namespaces:
        if not 1 <= len(namespace.encode(errors="surrogatepass")) <= 255:
            raise BrainNamespaceNameError(
                f"the name of a namespace has to have 1 to 255 bytes in UTF-8: {namespace!r}"
            )
    elif not 5 <= len(namespace) <= 15:
        raise BrainNamespaceNameError(
            f"the name of a namespace has to have 5 to 15 characters, unless the Brain was opened "
            f"with long_namespaces=True: {namespace!r}"
        )
    return namespace


def no_str(namespace: object) -> BrainNameTypeError:
    """The error for a namespace that is no str."""
    return BrainNameTypeError(f"the name of a namespace has to be a str, not {namespace!r}")
