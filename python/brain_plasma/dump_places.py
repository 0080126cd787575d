"""Where dumps are that were given no path: a folder for each store, in it a file for each selection.

    all.brain                       all of the store
    namespace,NAMESPACE.brain       a namespace
    names,NAMESPACE,NAME,...brain   names of it, sorted
    all.home, marked.home           what is kept of the store: homes.py

What is no letter, digit or one of "_.-~" stands as %XX, so that a file says what it is of. What would be longer than a
file system takes has a hash in its place: such a file is found by who asks for the same selection alone.
"""

from __future__ import annotations

import os
from pathlib import Path

from .exceptions import BrainDumpNotFoundError, BrainMissingPackageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .dumping import Dumping

VARIABLE = "BRAIN_PLASMA_DUMPS"
SUFFIX = ".brain"
_LONGEST = 200  # of a file's name; file systems take 255


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="", errors="surrogatepass")


def _hashed(text: str) -> str:
    import hashlib

    return "#" + hashlib.sha256(text.encode()).hexdigest()[:32]  # nothing that is quoted has a "#"


def _short(*parts: str) -> str:
    text = ",".join(parts)
    return text if len(text) <= _LONGEST else f"{parts[0]},{_hashed(text)}"


def file_name(names: tuple[str, ...], namespace: str | None) -> str:
    """The name of the file for a selection."""
    if namespace is None:
        return "all" + SUFFIX
    if not names:
        return _short("namespace", _quoted(namespace)) + SUFFIX
    return _short("names", _quoted(namespace), *map(_quoted, sorted(names))) + SUFFIX


def folder(brain: Dumping) -> Path:
    """The folder of a store, which need not exist."""
    path = os.path.abspath(brain._options["path"])
    return base() / _short(*(_quoted(part) for part in path.strip("/").split("/")))


def base() -> Path:
    """The folder of all stores."""
    given = os.environ.get(VARIABLE)
    if given:
        return Path(given).absolute()
    try:
        import platformdirs
    except ImportError:
        raise BrainMissingPackageError(
            "the standard place of dumps is found by the package platformdirs, which is not installed: install it, or "
            f"give path=, or name a folder in the environment variable {VARIABLE}"
        ) from None
    return platformdirs.user_data_path("brain-plasma", appauthor=False)


def of_all(brain: Dumping) -> Path:
    """Where the dump of all of a store is, if there is one."""
    return folder(brain) / file_name((), None)


def new(brain: Dumping, names: tuple[str, ...], namespace: str | None) -> str:
    """Where a dump of a selection goes; its folder is made."""
    if namespace is None:
        from .restoring import check_dump

        check_dump(brain)
    return str(made_folder(brain) / file_name(names, namespace))


def made_folder(brain: Dumping) -> Path:
    """The folder of a store, which is made."""
    place = folder(brain)
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.mkdir(mode=0o700, exist_ok=True)
    return place


def newest(brain: Dumping, names: tuple[str, ...], namespace: str | None) -> str:
    """The newest dump that would have what is asked for."""
    place = folder(brain)
    found = [entry for entry in _entries(place) if _would_have(entry.name, names, namespace)]
    if not found:
        raise _not_found(brain, place, names, namespace)
    return max(found, key=_changed_ns).path


def _changed_ns(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat().st_mtime_ns
    except FileNotFoundError:  # just now
        return -1


def _entries(place: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(place) as entries:
            return [entry for entry in entries if entry.name.endswith(SUFFIX) and entry.is_file()]
    except FileNotFoundError:
        return []


def _would_have(file: str, names: tuple[str, ...], namespace: str | None) -> bool:
    if file == file_name((), None) or file == file_name(names, namespace):
        return True
    if not names or namespace is None:
        return False
    if file == file_name((), namespace):
        return True
    kind, *parts = file.removesuffix(SUFFIX).split(",")
    if kind != "names" or not parts or parts[0] != _quoted(namespace):
        return False
    return set(map(_quoted, names)) <= set(parts[1:])


def _not_found(
    brain: Dumping, place: Path, names: tuple[str, ...], namespace: str | None
) -> BrainDumpNotFoundError:
    what = f"the namespace {namespace!r}" if namespace is not None else "all"
    if names:
        what = f"{names[0]!r}" + (f" and {len(names) - 1} more" if len(names) > 1 else "")
        what += f" of the namespace {namespace!r}"
    others = sorted(entry.name for entry in _entries(place))
    there = f"it has {', '.join(others[:5])}" + (" ..." if len(others) > 5 else "")
    return BrainDumpNotFoundError(
        f"there is no dump that would have {what} of the store {brain.path!r} in {place}"
        + (f": {there}" if others else "")
    )
