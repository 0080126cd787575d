"""What `brain show`, `brain export`, `brain import` and `brain serve-metrics` share: programs of their own, brain-show
and so on, which the command `brain` finds beside it. Options and exit statuses are those of the command, which hands
its global options on in the environment.

Whatever comes from a store is shown so that it can do nothing to a terminal.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import Any, NoReturn

    from .brain import Brain

DONE, NO, USAGE, NO_STORE, DENIED, FULL, TIMEOUT, DAMAGED, SYSTEM = range(9)
INTERRUPTED = 130

_EXITS = """\
exit status: 0 done; 1 no (no such name, or it is no table); 2 usage; 3 no such store; 4 not allowed; 5 full, or a
quota; 6 timeout; 7 damaged, or of another format; 8 the system refused, or a package is missing; 130 interrupted"""

_BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


# ---- texts --------------------------------------------------------------------------------------


def _is_safe(c: str) -> bool:
    return c in "\n\t" or not (c < " " or "\x7f" <= c <= "\x9f" or c in _BIDIRECTIONAL or "\ud800" <= c <= "\udfff")


def _escaped(c: str) -> str:
    code = ord(c)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{{{code:x}}}"


def safe(text: str) -> str:
    """A text of several lines that does nothing to a terminal."""
    return text if all(map(_is_safe, text)) else "".join(c if _is_safe(c) else _escaped(c) for c in text)


def safe_name(name: str) -> str:
    """A name as one line, as `brain ls` shows it."""
    plain = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return safe(plain)


def _unescaped(name: str) -> str:
    """A name of which the escapes of `brain ls` are read."""
    import re

    plain = {"n": b"\n", "t": b"\t", "r": b"\r", "\\": b"\\"}

    def read(found: re.Match[str]) -> bytes:
        what = found[1]
        if what[0] == "x":
            return bytes([int(what[1:], 16)])
        return plain[what] if what in plain else chr(int(what[2:-1], 16)).encode("utf-8", "surrogatepass")

    escape = re.compile(r"\\(x[0-9a-fA-F]{2}|u\{[0-9a-fA-F]{1,6}\}|[ntr\\])")
    parts, at = [], 0
    for found in escape.finditer(name):
        parts += [name[at : found.start()].encode("utf-8", "surrogateescape"), read(found)]
        at = found.end()
    parts.append(name[at:].encode("utf-8", "surrogateescape"))
    return b"".join(parts).decode("utf-8", "surrogateescape")


def tell(program: str, text: str) -> None:
    """Say it on stderr."""
    sys.stdout.flush()
    print(f"{program}: {safe(text)}", file=sys.stderr, flush=True)


# ---- the command line ---------------------------------------------------------------------------


def parser(program: str, description: str, **names: str) -> argparse.ArgumentParser:
    """With the options that all have. names: of arguments, with their helps, in order."""
    import argparse

    made = argparse.ArgumentParser(
        prog=program,
        description=description,
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    for name, help in names.items():
        made.add_argument(name, help=help, metavar=name.upper())
    environment = os.environ
    made.add_argument("-s", "--store", metavar="PATH", default=environment.get("BRAIN_PATH") or None,
                      help="the store's path; else $BRAIN_PATH, else /tmp/plasma")  # fmt: skip
    made.add_argument("-n", "--namespace", metavar="NAME", default=environment.get("BRAIN_NAMESPACE") or "default",
                      help="the namespace; else $BRAIN_NAMESPACE, else default")  # fmt: skip
    made.add_argument("--json", action="store_true", default=environment.get("BRAIN_JSON") == "1", help="print JSON")
    made.add_argument("-e", "--escaped", action="store_true", default=environment.get("BRAIN_ESCAPED") == "1",
                      help="names have escapes, as `brain ls` prints them")  # fmt: skip
    return made


def name_of(given: argparse.Namespace) -> str:
    """The name that an argument `name` is."""
    name: str = given.name
    return _unescaped(name) if given.escaped else name


def opened(given: argparse.Namespace, *, read_only: bool = True, pickle: bool | None = None) -> Brain:
    """The store that the command line means."""
    from .arguments import DEFAULT_PATH
    from .brain import Brain

    return Brain(
        path=given.store or DEFAULT_PATH,
        create=False,
        read_only=read_only,
        # The default path is in /tmp, where anybody may have made a store: one of another user has to be named.
        shared=given.store is not None,
        pickle=pickle,
        long_namespaces=True,
    )


def print_json(value: Any) -> None:
    """As one line for each value, in ASCII."""
    import json

    print(json.dumps(value, allow_nan=False))


# ---- the end ------------------------------------------------------------------------------------


def _status(error: BaseException) -> int:
    """The exit status that an error is."""
    from . import exceptions as e

    if isinstance(error, e.BrainMissingPackageError):
        return SYSTEM
    for kinds, status in (
        ((e.BrainStoreNotFoundError, e.BrainDestroyedError, e.BrainClosedError), NO_STORE),
        ((e.BrainNameNotExistError, e.BrainNamespaceNotExistError, e.BrainValueTypeError), NO),
        ((e.BrainPermissionError, e.BrainPickleError), DENIED),
        ((e.BrainFullError,), FULL),
        ((e.BrainTimeoutError,), TIMEOUT),
        ((e.BrainCorruptError, e.BrainFormatError), DAMAGED),
        ((e.BrainFileNotFoundError, e.BrainOSError, OSError, MemoryError, ImportError), SYSTEM),
        ((e.BrainValueError, e.BrainNameLengthError, e.BrainNamespaceNameError, TypeError), USAGE),
    ):
        if isinstance(error, kinds):
            return status
    return SYSTEM


def run(program: str, work: Callable[[], int]) -> NoReturn:
    """Do it, and end the process with what that gives, or with the status of what it raises."""
    import signal

    from .exceptions import BrainError

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `... | head` ends it, quietly
    try:
        status = work()
        sys.stdout.flush()
    except KeyboardInterrupt:
        status = INTERRUPTED
    except (BrainError, OSError, MemoryError, ImportError, TypeError) as error:
        tell(program, str(error) or type(error).__name__)
        status = _status(error)
    sys.stderr.flush()
    # All is closed and written. What Python takes apart at its end, threads of pyarrow that read CSV may be in:
    # "terminate called without an active exception", now and then.
    os._exit(status)


# ---- the programs: [project.scripts] of pyproject.toml ----------------------------------------------


def show() -> NoReturn:
    """brain-show"""

    def work() -> int:
        from . import command_show

        return command_show.main()

    run("brain show", work)


def export_table() -> NoReturn:
    """brain-export"""

    def work() -> int:
        from . import command_tables

        return command_tables.export_table()

    run("brain export", work)


def import_table() -> NoReturn:
    """brain-import"""

    def work() -> int:
        from . import command_tables

        return command_tables.import_table()

    run("brain import", work)


def serve_metrics() -> NoReturn:
    """brain-serve-metrics"""

    def work() -> int:
        from . import command_metrics

        return command_metrics.main()

    run("brain serve-metrics", work)
