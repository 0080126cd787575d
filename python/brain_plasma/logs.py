"""What the package says by the standard library's logging: the logger "brain_plasma", which has a NullHandler.

DEBUG     each value that this process learned, recalled, missed or forgot
INFO      stores opened and closed, dumps, loads and syncs; a store that was full; what was evicted, and what dead
          processes had
WARNING   a writer was waited for, a second or more

The extension asks the store for events of just those kinds that the logger's level lets through, and changes that when
the level does: a Logger caches its level, and logging clears that cache whenever it sets a level, of this logger or of
one above it, or disables levels. The cache of ours tells. Where a Logger has no such cache all kinds are asked for, and
each event asks the logger.

Threads: any. What is said comes when the call that it is about is over, in its thread. This is imported when a Brain
was opened and the program has `logging`: saying.py.
"""

from __future__ import annotations

import logging
import os
import sys

from . import _core, saying
from .dump_results import shown_bytes
from .exceptions import BrainError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Said = tuple[int, str, str]

GET, MISS, PUT, DELETE, FULL, EVICTED, RECOVERED, REAPED, WAITED = (1 << i for i in range(9))
_EACH = GET | MISS | PUT | DELETE
_SELDOM = FULL | EVICTED | RECOVERED | REAPED

# Level, what the record says has happened, and the text of it: values, and what is about none.
_OF_VALUES: dict[int, Said] = {
    GET: (logging.DEBUG, "recalled", "recalled %s from %s of %r: version %d, %s"),
    MISS: (logging.DEBUG, "missed", "missed %s in %s of %r"),
    PUT: (logging.DEBUG, "learned", "learned %s in %s of %r: version %d, %s"),
    DELETE: (logging.DEBUG, "forgotten", "forgot %s in %s of %r"),
    FULL: (logging.INFO, "full", "no room for %s in %s of %r, %s: %s"),
    EVICTED: (logging.INFO, "evicted", "evicted %s from %s of %r to make room: %s"),
}
_OF_NONE: dict[int, Said] = {
    MISS: (logging.DEBUG, "missed", "missed a value by its id in %r"),
    DELETE: (logging.DEBUG, "forgotten", "forgot all names in %s of %r"),
    FULL: (logging.INFO, "full", "no room for %s in %r: %s"),
    RECOVERED: (logging.INFO, "recovered", "recovered %r: %s"),
    REAPED: (logging.INFO, "reaped", "gave back what a dead process held in %r: %s"),
}
_LONG_NS = 1_000_000_000  # a wait for another writer that a user should know of
_SHOWN = 100  # characters of a name

logger = logging.getLogger("brain_plasma")
logger.addHandler(logging.NullHandler())


# ---- which events -------------------------------------------------------------------------------


class _Cache(dict[int, bool]):
    """What a Logger has found its levels to be. Cleared by logging, with its lock, whenever that may have changed."""

    def clear(self) -> None:
        super().clear()
        follow()


def _is_on(level: int) -> bool:
    """As logger.isEnabledFor(), but for `disabled`, whose changes nobody tells of, and without the lock and cache."""
    return logger.manager.disable < level >= logger.getEffectiveLevel()


def _kinds() -> int:
    """The kinds of events that the logger lets through."""
    if not isinstance(getattr(logger, "_cache", None), _Cache):
        return _EACH | _SELDOM | WAITED
    kinds = _EACH if _is_on(logging.DEBUG) else 0
    kinds |= _SELDOM if _is_on(logging.INFO) else 0
    return kinds | (WAITED if _is_on(logging.WARNING) else 0)


def follow() -> None:
    """Ask the stores for the events that the logger lets through now."""
    _core._set_events(_kinds(), tell)


def _begin() -> None:
    if isinstance(getattr(logger, "_cache", None), dict):
        logger._cache = _Cache()  # type: ignore[attr-defined]
    follow()
    saying.logs = sys.modules[__name__]


# ---- events of the store ------------------------------------------------------------------------


def _line(text: bytes) -> str:
    """A text of the library's, in which the command line of another process may be, as one line that is harmless."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in _text(text)
    )


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _short(name: bytes) -> str:
    """A name as it stands in a line: no control characters, and no longer than a line."""
    text = _text(name)
    return repr(text) if len(text) <= _SHOWN else repr(text[:_SHOWN]) + "..."


def tell(kind: int, store: bytes, space: bytes, name: bytes | None, version: int, n_bytes: int, text: bytes) -> None:
    """What the extension calls for each event, when its call is over."""
    path = os.fsdecode(store)
    about: dict[str, Any] = {"brain_store": path}
    if kind == 0:
        say(logging.WARNING, "lost", "%d events are not in this log: there were too many in one call", n_bytes, **about)
        return
    if kind == WAITED:
        level = logging.WARNING if n_bytes >= _LONG_NS else logging.DEBUG
        about["brain_seconds"] = n_bytes / 1e9
        say(level, "waited", "waited %.3f s for another writer of %r", n_bytes / 1e9, path, **about)
        return
    said = (_OF_NONE if name is None else _OF_VALUES).get(kind)
    if said is None or not logger.isEnabledFor(said[0]):
        return
    level, event, format = said
    if space:
        about["brain_namespace"] = _text(space)
    if kind in (GET, PUT, FULL, EVICTED):
        about["brain_bytes"] = n_bytes
    args: tuple[object, ...]
    if name is not None:
        about["brain_name"] = _text(name)
        args = (_short(name), _short(space), path)
        if kind in (GET, PUT):
            about["brain_version"] = version
            args = (*args, version, shown_bytes(n_bytes))
        elif kind == FULL:
            args = (*args, shown_bytes(n_bytes), _line(text))
        elif kind == EVICTED:
            args = (*args, shown_bytes(n_bytes))
    elif kind == DELETE:
        args = (_short(space), path)
    elif kind == MISS:
        args = (path,)
    elif kind == FULL:
        args = (shown_bytes(n_bytes), path, _line(text))
    else:
        args = (path, _line(text))
    say(level, event, format, *args, **about)


# ---- what is said -------------------------------------------------------------------------------


def say(level: int, event: str, format: str, *args: object, **about: object) -> None:
    """Log one line. `about`: attributes of its record, beside brain_event. What a filter raises is not the caller's;
    handlers keep to that by themselves.
    """
    if not logger.isEnabledFor(level):
        return
    try:
        logger.log(level, format, *args, extra={"brain_event": event, **about}, stacklevel=_depth())
    except Exception:
        if logging.raiseExceptions:
            sys.excepthook(*sys.exc_info())


def info(brain: Any, event: str, format: str, *args: object, **about: object) -> None:
    """Log one line about what a Brain did; the format ends with its store."""
    if logger.isEnabledFor(logging.INFO):
        say(logging.INFO, event, format, *args, brain.path, brain_store=brain.path, **about)


def opened(brain: Any, began_ns: int) -> None:
    """Say that a store was opened, or made: then it is younger than the call that opened it."""
    if not logger.isEnabledFor(logging.INFO):
        return
    try:
        numbers, n_names = brain.stat(), len(brain)
    except BrainError:  # removed meanwhile, say: the next call says so
        return
    made = numbers["created_ns"] >= began_ns
    capacity = shown_bytes(numbers["capacity_bytes"])
    say(
        logging.INFO,
        "made" if made else "opened",
        f"{'made' if made else 'opened'} the store %r %s: %s, %d {'name' if n_names == 1 else 'names'} "
        "in the namespace %r",
        brain.path,
        "read-only" if brain.read_only else "for changes",
        capacity if made else f"{shown_bytes(numbers['live_bytes'])} of {capacity} used",
        n_names,
        brain.namespace,
        brain_store=brain.path,
        brain_bytes=numbers["capacity_bytes"],
    )


def _depth() -> int:
    """How far above say() the caller of the package is, whose line the record is to name."""
    frame, depth = sys._getframe(1), 1
    while frame.f_globals.get("__name__", "").partition(".")[0] == __package__ and frame.f_back is not None:
        frame = frame.f_back
        depth += 1
    return depth


_begin()
