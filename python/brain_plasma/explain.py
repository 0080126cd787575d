"""What a value is stored as, what a recall shares and copies of it, and who holds it: Brain.explain().

It is read from the stored form (walk.py). Nothing is recalled, and no code of the value is run.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import os

from . import _core
from .walk import KINDS, Part, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LINES = 10  # of what is copied, in the text of an Explanation
_REST_SHOWN = 1000  # bytes, and one in a hundred
_WORTH_A_WORD = 100_000  # bytes copied


@dataclasses.dataclass(frozen=True)
class Holder:
    """A process that has views of the value.

    pid: as it is in its own PID namespace. n_views: how many it has.
    """

    pid: int
    command: str
    n_views: int


@dataclasses.dataclass(frozen=True)
class Explanation:
    """What Brain.explain() says of a value.

    name: None for a value that is not stored. kind: of the store (docs/format.md). type: what is recalled.
    total_bytes: of its data, as stored. shared_bytes: what a recall shares of them. copied_bytes: which of them it reads
    to make Python's objects, which take more memory: text some 50 bytes more for each.
    parts: what is worth a line, the largest first; what is short, and how long each part is, is in copied_bytes
    alone. version, created, description, holders: of a stored one.
    spilled: its data are in a file, which a recall maps: Brain(when_full='spill').
    """

    name: str | None
    kind: str
    type: str
    total_bytes: int
    shared_bytes: int
    copied_bytes: int
    parts: list[Part]
    version: int = 0
    created: datetime.datetime | None = None
    description: str = ""
    holders: list[Holder] = dataclasses.field(default_factory=list)
    spilled: bool = False

    @property
    def copies(self) -> list[Part]:
        """The parts of which something is copied."""
        return [part for part in self.parts if part.copied_bytes]

    def _makes_objects(self) -> bool:
        """Whether much is copied into what takes more than the bytes."""
        return self.kind in ("tree", "pickle") and self.copied_bytes > _WORTH_A_WORD

    def __str__(self) -> str:
        lines = [
            f"{self.name!r}: {self.type}, stored as {self.kind}"
            if self.name is not None
            else f"{self.type}, would be stored as {self.kind}",
            f"  {_bytes(self.total_bytes)}: {_bytes(self.shared_bytes)} shared on recall, "
            f"{_bytes(self.copied_bytes)} copied",
        ]
        if self._makes_objects():
            lines.append("  copied are stored bytes: the Python objects that a recall makes of them take more memory")
        if self.spilled:
            lines.append("  spilled: it is in a file, which a recall maps")
        shown = [part for part in self.copies[:_LINES] if part.reason]
        lines.extend(f"  copied, {_bytes(part.copied_bytes)}: {part.path}: {part.reason}" for part in shown)
        rest = self.copied_bytes - sum(part.copied_bytes for part in shown)
        if shown and rest > max(_REST_SHOWN, self.copied_bytes // 100):
            lines.append(f"  copied, {_bytes(rest)}: the rest: smaller parts, and how long each part is")
        if self.created is not None:
            lines.append(f"  version {self.version}, put {self.created:%Y-%m-%d %H:%M:%S}")
        lines.extend(
            f"  held by process {holder.pid} ({holder.command}), views: {holder.n_views}" for holder in self.holders
        )
        return "\n".join(lines)


def _bytes(n: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if n >= 0.9995 * size:
            return f"{n / size:.3g} {unit}"
    return f"{n} bytes"


def of_value(value: Any, may_pickle: bool) -> Explanation:
    """What would be stored of a value."""
    kind, total, metadata, head = _core._form_of(value, may_pickle)
    found, shared, copied, parts = walk(kind, metadata, memoryview(head), total, True)
    return Explanation(None, KINDS.get(kind, str(kind)), found, total, shared, copied, parts)


def of_name(brain: _core.Brain, name: str, namespace: str | None) -> Explanation:
    """What the value of a name is stored as."""
    _, _, view = brain._pin(name, namespace)
    kind, metadata, description, version, created_ns, holders, is_spilled = brain._facts(view)
    data = memoryview(view)  # type: ignore[arg-type]
    found, shared, copied, parts = walk(kind, metadata, data, len(data), brain._may_pickle)
    return Explanation(
        name,
        KINDS.get(kind, str(kind)),
        found,
        len(data),
        shared,
        copied,
        parts,
        version,
        datetime.datetime.fromtimestamp(created_ns / 1e9, datetime.timezone.utc).astimezone(),
        description.decode("utf-8", "replace"),
        _holders(holders),
        is_spilled,
    )


def _holders(found: list[tuple[tuple[int, str, int, int, int], int]]) -> list[Holder]:
    """By process, of whose clients each is a row, and without our own view, by which the value was looked at."""
    commands: dict[tuple[int, int], str] = {}
    n_views: collections.Counter[tuple[int, int]] = collections.Counter()
    for (pid, command, pid_namespace, _, _), n in found:
        commands.setdefault((pid, pid_namespace), command)
        n_views[pid, pid_namespace] += n
    n_views[os.getpid(), os.stat("/proc/self/ns/pid").st_ino] -= 1
    return [Holder(pid, commands[pid, space], n) for (pid, space), n in n_views.items() if n > 0]
