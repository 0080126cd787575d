"""What dump(), load() and sync() of a Brain give, and what they tell on the way."""

from __future__ import annotations

import struct
from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Runs = list[tuple[bytes, int, bytes]]  # a namespace, how many names of it, and them, packed: load.c

_HEAD = struct.Struct("<QH")


def shown_bytes(n: int) -> str:
    """A number of bytes as people say it."""
    if n < 1000:
        return f"{n} bytes"
    amount, unit = float(n), ""
    for unit in ("kB", "MB", "GB", "TB"):
        amount /= 1000
        if amount < 999.5:
            break
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:.0f} {unit}"


def shown_names(n: int) -> str:
    """A number of names."""
    return "1 name" if n == 1 else f"{n:,} names"


class Progress:
    """How far a dump or a load has come.

    phase: 'list' (the names are counted) and 'write', of a dump; 'download', 'check' and 'load', of a load; 'sync', of
        a sync, which does not know how much there is.
    done_bytes, all_bytes: of data; of a download, of the file. all_bytes is 0 until it is known.
    done_names, all_names: the same of names.
    """

    __slots__ = ("all_bytes", "all_names", "done_bytes", "done_names", "phase")

    def __init__(
        self, phase: str, done_bytes: int, all_bytes: int, done_names: int, all_names: int
    ) -> None:
        self.phase = phase
        self.done_bytes = done_bytes
        self.all_bytes = all_bytes
        self.done_names = done_names
        self.all_names = all_names

    def __repr__(self) -> str:
        if self.phase == "sync":
            return f"<sync: {shown_bytes(self.done_bytes)}, {shown_names(self.done_names)}>"
        names = f", {self.done_names:,} of {shown_names(self.all_names)}" if self.all_names else ""
        return f"<{self.phase}: {shown_bytes(self.done_bytes)} of {shown_bytes(self.all_bytes)}{names}>"


class DumpResult:
    """What was dumped.

    path: where it is. names, namespaces: how many. bytes: of the values' data. file_bytes: of the file.
    version: the number of the commit that it shows; no name in it has a version above that.
    """

    __slots__ = ("bytes", "file_bytes", "names", "namespaces", "path", "version")

    def __init__(
        self, path: str, version: int, namespaces: int, names: int, bytes: int, file_bytes: int
    ) -> None:
        self.path = path
        self.version = version
        self.namespaces = namespaces
        self.names = names
        self.bytes = bytes
        self.file_bytes = file_bytes

    def __repr__(self) -> str:
        return (
            f"<Dump of {shown_names(self.names)}, {shown_bytes(self.bytes)}, in {self.path!r}, "
            f"{shown_bytes(self.file_bytes)}>"
        )


class SyncResult:
    """What was written to the home of a store.

    path: of the home. version: the number of the commit that it shows now. written, removed: how many names were, as
    others were there already. bytes: of the data that was written.
    """

    __slots__ = ("bytes", "path", "removed", "version", "written")

    def __init__(self, path: str, version: int, written: int, removed: int, bytes: int) -> None:
        self.path = path
        self.version = version
        self.written = written
        self.removed = removed
        self.bytes = bytes

    def __repr__(self) -> str:
        return (
            f"<Sync of {shown_names(self.written)}, {shown_bytes(self.bytes)}, to {self.path!r}, {self.removed:,} "
            "removed>"
        )


class NamesIn(Mapping[str, int]):
    """Names of one namespace, each with a number. They are unpacked when they are looked at."""

    __slots__ = ("_found", "_n", "_packed")

    def __init__(self, packed: list[bytes], n: int) -> None:
        self._packed = packed
        self._n = n
        self._found: dict[str, int] | None = None

    def _unpack(self) -> Iterator[tuple[str, int]]:
        for packed in self._packed:
            at = 0
            while at < len(packed):
                number, length = _HEAD.unpack_from(packed, at)
                at += _HEAD.size + length
                yield packed[at - length : at].decode(errors="surrogateescape"), number

    def _all(self) -> dict[str, int]:
        if self._found is None:
            self._found = dict(self._unpack())
        return self._found

    def __getitem__(self, name: str) -> int:
        return self._all()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return self._n if self._found is None else len(self._found)

    def __repr__(self) -> str:
        if self._n <= 10:
            return repr(self._all())
        return f"<{shown_names(self._n)}>"


class NamesByNamespace(Mapping[str, NamesIn]):
    """Namespaces, each with names of it: a mapping of mappings."""

    __slots__ = ("_by_space",)

    def __init__(self, runs: Runs) -> None:
        by_space: dict[str, tuple[list[bytes], int]] = {}
        for space, n, packed in runs:
            name = space.decode(errors="surrogateescape")
            before, n_before = by_space.get(name, ([], 0))
            by_space[name] = (before, n_before + n)
            before.append(packed)
        self._by_space = {name: NamesIn(packed, n) for name, (packed, n) in by_space.items()}

    def count(self) -> int:
        """How many names there are, in all namespaces. Cost: looks at none of them."""
        return sum(len(names) for names in self._by_space.values())

    def __getitem__(self, namespace: str) -> NamesIn:
        return self._by_space[namespace]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_space)

    def __len__(self) -> int:
        return len(self._by_space)

    def __repr__(self) -> str:
        return repr(self._by_space)


class LoadResult:
    """What was loaded.

    path: of the dump. names: how many were loaded. bytes: of their data.
    versions: the new version of each name that was loaded: result.versions['default']['x'].
    kept: names that were there and stay, with existing='keep'. refused: pickles that were not to be loaded.
    lost: names whose values are damaged. These three have the size of each in bytes: result.lost['default']['x'].
    untold: how many names of the dump are lost of which it is not known what they are called; None: not even that.
    damaged: whether the file is.
    version: the number of the commit that the dump shows. time_ns: when it was made, since 1970.

    The mappings are made when they are looked at. `versions.count()` counts the names in all namespaces.
    """

    __slots__ = (
        "bytes",
        "damaged",
        "kept",
        "lost",
        "names",
        "path",
        "refused",
        "time_ns",
        "untold",
        "version",
        "versions",
    )

    def __init__(self, path: str, found: tuple[Any, ...]) -> None:
        self.path = path
        self.version, self.time_ns, self.names, self.bytes, self.untold, self.damaged = found[:6]
        self.versions, self.kept, self.refused, self.lost = map(NamesByNamespace, found[6:10])

    def __repr__(self) -> str:
        text = f"<Load of {shown_names(self.names)}, {shown_bytes(self.bytes)}, from {self.path!r}"
        for word in ("kept", "refused", "lost"):
            n = getattr(self, word).count()
            text += f", {n:,} {word}" if n else ""
        if self.untold != 0:
            text += f", {'others' if self.untold is None else f'{self.untold:,} others'} lost"
        return text + (", damaged>" if self.damaged else ">")
