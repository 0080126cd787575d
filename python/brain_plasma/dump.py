"""What Brain.dump() and Brain.load() do: arguments, places, and what is told."""

from __future__ import annotations

import os

from . import _core, arguments, saying
from .dump_results import DumpResult, LoadResult, Progress, shown_names
from .exceptions import (
    BrainDumpNameNotExistError,
    BrainDumpNotFoundError,
    BrainDumpPickleError,
    BrainNameNotExistError,
    BrainNamespaceNotExistError,
    BrainValueError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .dumping import Dumping

    Told = Callable[[int, int, int, int, bool], object]


def dump(
    brain: Dumping,
    names: tuple[str, ...],
    path: str | os.PathLike[str] | None,
    namespace: str | None,
    compress: bool | int,
    progress: Callable[[Progress], object] | None,
) -> DumpResult:
    """Brain.dump()."""
    names, namespace = selection(brain, names, namespace)
    level = _zstd_level(compress)
    told = _of_a_dump(progress)
    place = _place(path)
    if place is None:
        from . import dump_places

        place = dump_places.new(brain, names, namespace)
    if "://" in place:
        from . import dump_urls

        result = DumpResult(place, *dump_urls.dump(brain, place, names, namespace, level, told))
    else:
        try:
            result = DumpResult(place, *brain._dump(os.fsencode(place), names, namespace, level, told))
        except BrainNameNotExistError as error:
            _say_path(error, names, path)
            raise
    saying.info(brain, "dumped", "%r: dumped from the store %r", result, brain_bytes=result.bytes)
    return result


def load(
    brain: Dumping,
    names: tuple[str, ...],
    path: str | os.PathLike[str] | None,
    namespace: str | None,
    damaged: str,
    existing: str,
    pickle: bool | None,
    progress: Callable[[Progress], object] | None,
) -> LoadResult:
    """Brain.load()."""
    names, namespace = selection(brain, names, namespace)
    flags = _flags(damaged, existing, pickle)
    told = _of_a_load(progress)
    place = _place(path)
    if place is None:
        from . import dump_places

        try:
            place = dump_places.newest(brain, names, namespace)
        except BrainDumpNotFoundError as error:
            _say_path(error, names, path)
            raise
    if "://" in place:
        from . import dump_urls

        if pickle is None:
            flags |= _core.LOAD_NO_PICKLES
        found = dump_urls.load(brain, place, names, namespace, flags, told, progress)
    elif os.path.exists(os.path.join(place, "values.sqlite")):  # a home
        from . import homes

        found = homes.load(brain, place, names, namespace, flags, told)
    else:
        found = brain._load(os.fsencode(place), names, namespace, flags, told)
    result = LoadResult(place, found)
    saying.info(brain, "loaded", "%r: loaded into the store %r", result, brain_bytes=result.bytes)
    checked = _checked(result, found[10], names, namespace, pickle)
    if namespace is None and not names:
        from .restoring import note_load

        note_load(brain, place)
    return checked


def _checked(
    result: LoadResult,
    missing: list[int] | None,
    names: tuple[str, ...],
    namespace: str | None,
    pickle: bool | None,
) -> LoadResult:
    """The result, if there is nothing in it that has to be said aloud."""
    n_refused = result.refused.count()
    if n_refused and pickle is None:
        pickles = BrainDumpPickleError(
            f"{shown_names(n_refused)} of {result.path} have pickles for values, which are code, and somebody else may "
            "have written that file, or the store that it is of: they were not loaded; all others were. "
            "pickle=True loads them, if you trust whoever wrote it"
        )
        pickles.result = result
        raise pickles
    if missing is None and not names:
        raise BrainNamespaceNotExistError(f"there is no namespace {namespace!r} in the dump {result.path}")
    absent = names if missing is None else tuple(names[i] for i in sorted(missing))
    if absent:
        error = BrainDumpNameNotExistError(absent[0], namespace, result.path)
        error.result = result
        error.missing = absent
        raise error
    return result


# ---- arguments ----------------------------------------------------------------------------------


def selection(
    brain: Dumping, names: tuple[str, ...], namespace: str | None
) -> tuple[tuple[str, ...], str | None]:
    """The names, each once, and their namespace; None of the latter only for all of the store."""
    brain.directory  # raises where it is closed
    if namespace is not None and not isinstance(namespace, str):
        raise arguments.no_str(namespace)
    names = tuple(dict.fromkeys(map(arguments.check_name, names)))
    return names, brain._space if names and namespace is None else namespace


def _say_path(
    error: BrainNameNotExistError | BrainDumpNotFoundError, names: tuple[str, ...], path: object
) -> None:
    """Where names look like files, and were maybe meant as one: how that is written."""
    if path is None and any("/" in name or name.endswith(".brain") for name in names):
        hint = f". These are names of values: the path of a file is given as path={names[0]!r}"
        if isinstance(error, BrainNameNotExistError):
            error.hint = hint
        else:
            error.args = (f"{error}{hint}",)


def _place(path: str | os.PathLike[str] | None) -> str | None:
    if path is None:
        return None
    place = os.fsdecode(path)
    if not place or "\0" in place:
        raise BrainValueError(f"this cannot be the path of a dump: {place!r}")
    return place


def _zstd_level(compress: object) -> int:
    if compress is True or compress is False:
        return 3 if compress else 0
    if isinstance(compress, int) and 1 <= compress <= 19:
        return compress
    raise BrainValueError(
        f"compress has to be False, True, or a level of zstd from 1 (fast) to 19 (small), not {compress!r}"
    )


def _flags(damaged: object, existing: object, pickle: object) -> int:
    if damaged not in ("refuse", "load"):
        raise BrainValueError(f"damaged has to be 'refuse' or 'load', not {damaged!r}")
    if existing not in ("replace", "keep"):
        raise BrainValueError(f"existing has to be 'replace' or 'keep', not {existing!r}")
    if pickle is not None and not isinstance(pickle, bool):
        raise BrainValueError(f"pickle has to be None, True or False, not {pickle!r}")
    flags = _core.LOAD_DAMAGED if damaged == "load" else 0
    flags |= _core.LOAD_KEEP if existing == "keep" else 0
    flags |= 0 if pickle is None else _core.LOAD_PICKLES if pickle else _core.LOAD_NO_PICKLES
    return flags


# ---- what is told -------------------------------------------------------------------------------


def check_progress(progress: Any) -> None:
    if not callable(progress):
        raise TypeError(f"progress has to be a function of one argument, not {progress!r}")


def _of_a_dump(progress: Callable[[Progress], object] | None) -> Told | None:
    if progress is None:
        return None
    check_progress(progress)
    tell = progress

    def told(done_bytes: int, all_bytes: int, done_names: int, all_names: int, _: bool) -> None:
        tell(Progress("write" if all_names else "list", done_bytes, all_bytes, done_names, all_names))

    return told


def _of_a_load(progress: Callable[[Progress], object] | None) -> Told | None:
    if progress is None:
        return None
    check_progress(progress)
    tell = progress

    def told(*numbers: Any) -> None:
        tell(Progress("check" if numbers[4] else "load", *numbers[:4]))

    return told
