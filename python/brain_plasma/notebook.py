"""What notebooks and IPython show of a Brain, and `%brain`.

    %load_ext brain_plasma
    %brain ls                   what the command `brain` prints
    x = %brain get x            the value itself, as brain['x']

Whatever comes from a store is escaped: names and namespaces are anybody's. However many names there are, what is looked
at is bounded.
"""

from __future__ import annotations

import datetime
import html as markup
import os
import shlex
import shutil
import subprocess
import sys

from . import arguments
from .dump_results import shown_bytes
from .exceptions import BrainError
from .walk import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .brain import Brain

_AWAY = 13  # BRAIN_KIND_AWAY of brain.h
_ROWS = 50  # of names that are shown
_LOOKED_AT = 1000  # names: the largest of these are shown
_COMPLETIONS = 1000
_LONG = 80  # characters of a name
_CELL = "text-align:left;padding:1px 12px 1px 0;border:0"


# ---- what is shown ------------------------------------------------------------------------------


def _shown(text: str) -> str:
    """A name or a path, as it may stand in a page: short, and without characters that change how the rest looks."""
    if len(text) > _LONG:
        text = text[:_LONG] + "\u2026"
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return markup.escape(plain)


def html(brain: Brain) -> str:
    """Brain._repr_html_()."""
    head = f"<b>{markup.escape(type(brain).__name__)}</b> <code>{_shown(str(brain.path))}</code>"
    if brain.closed or brain.asleep:
        return f"<div>{head}, {'asleep' if brain.asleep else 'closed'}</div>"
    try:
        return f"<div>{head}, namespace <code>{_shown(brain.namespace)}</code>{_inside(brain)}</div>"
    except BrainError as error:  # destroyed, say: a page is no place for a traceback
        return f"<div>{head}: {_shown(type(error).__name__)}: {markup.escape(str(error)[:500])}</div>"


def _inside(brain: Brain) -> str:
    from .over_client import OverClient

    if isinstance(brain, OverClient):  # its client knows names, and nothing that is quick to ask about them
        names = brain.names()
        listed = "".join(f"<li><code>{_shown(name)}</code></li>" for name in sorted(names)[:_ROWS])
        return f"<div>{_n_names(len(names))}</div><ul>{listed}</ul>{_more(len(names), min(len(names), _ROWS))}"
    return _bar(brain) + _table(brain)


def _bar(brain: Brain) -> str:
    numbers = brain.stat()
    capacity, live, limbo = (numbers[key] for key in ("capacity_bytes", "live_bytes", "limbo_bytes"))
    parts = [("#4c78a8", live), ("#f58518", min(limbo, max(capacity - live, 0)))]
    filled = "".join(
        f'<div style="float:left;height:100%;width:{100 * n / max(capacity, 1):.2f}%;background:{colour}"></div>'
        for colour, n in parts
    )
    held = f", {shown_bytes(limbo)} replaced or deleted and not yet given back" if limbo else ""
    return (
        f"<div>{shown_bytes(live)} of {shown_bytes(capacity)} used{held}; "
        f"{shown_bytes(max(capacity - live - limbo, 0))} free</div>"
        f'<div style="width:300px;height:8px;background:#ddd;overflow:hidden;margin:2px 0 4px">{filled}</div>'
    )


def _table(brain: Brain) -> str:
    n_names = len(brain)
    found = brain._some(None, _LOOKED_AT)
    if n_names <= _LOOKED_AT:
        shown = sorted(found)[:_ROWS]
    else:
        shown = sorted(sorted(found, key=lambda one: -one[2])[:_ROWS])
    if not shown:
        return "<div>no names</div>"
    head = "".join(f'<th style="{_CELL}">{title}</th>' for title in ("name", "kind", "size", "put"))
    rows = "".join(_row(*one) for one in shown)
    return (
        f'<table style="border-collapse:collapse"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        f"{_more(n_names, len(shown))}"
    )


def _row(name: str, kind: int, n_bytes: int, version: int, created_ns: int, array: tuple[str, tuple[int, ...]]) -> str:
    cells = (
        f"<code>{_shown(name)}</code>",
        markup.escape(_kind(kind, array)),
        "in a file" if kind == _AWAY else shown_bytes(n_bytes),
        _when(created_ns),
    )
    return "<tr>" + "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells) + "</tr>"


def _kind(kind: int, array: tuple[str, tuple[int, ...]]) -> str:
    dtype, shape = array
    return f"array {dtype} {shape}" if dtype else KINDS.get(kind, f"kind {kind}")


def _when(created_ns: int) -> str:
    if not created_ns:
        return ""
    return f"{datetime.datetime.fromtimestamp(created_ns // 10**9):%Y-%m-%d %H:%M:%S}"


def _n_names(n: int) -> str:
    return "1 name" if n == 1 else f"{n:,} names"


def _more(n_names: int, n_shown: int) -> str:
    return f"<div>and {_n_names(n_names - n_shown)} more</div>" if n_names > n_shown else ""


def key_completions(brain: Brain) -> list[str]:
    """Brain._ipython_key_completions_(). IPython does not say what was typed, so that all are asked for; and it calls
    at each tabulator.
    """
    from .over_client import OverClient

    if isinstance(brain, OverClient):
        return brain._names()[:_COMPLETIONS]
    return sorted(one[0] for one in brain._some(None, _COMPLETIONS))


# ---- %brain -------------------------------------------------------------------------------------

_USAGE = "%brain [-s PATH] [-n NAMESPACE] get NAME ..., or whatever the command `brain` takes"


def magic(line: str) -> Any:
    """`%brain LINE`: with `get NAME` the value, with more names a list of them; all else is the command's."""
    words = shlex.split(line)
    place, rest = _place(words)
    if rest[:1] == ["get"] and len(rest) > 1 and not any(word.startswith("-") for word in rest[1:]):
        return _get(*place, rest[1:])
    _run(words)
    return None


def _place(words: list[str]) -> tuple[tuple[str | None, str | None], list[str]]:
    """Path and namespace that are given before the subcommand, and the words from there on."""
    path = namespace = None
    while words[:1] in (["-s"], ["-n"]) and len(words) > 1:
        if words[0] == "-s":
            path = words[1]
        else:
            namespace = words[1]
        words = words[2:]
    return (path, namespace), words


def _get(path: str | None, namespace: str | None, names: list[str]) -> Any:
    from IPython.core.error import UsageError

    from .brain import Brain
    from .exceptions import BrainNameNotExistError, BrainNamespaceNotExistError, BrainStoreNotFoundError

    path = path or os.environ.get("BRAIN_PATH") or arguments.DEFAULT_PATH
    try:
        with Brain(path=path, create=False, read_only=True, long_namespaces=True) as brain:
            values = [brain.recall(name, namespace=namespace) for name in names]
    except (BrainNameNotExistError, BrainNamespaceNotExistError, BrainStoreNotFoundError) as error:
        raise UsageError(f"%brain get: {error}") from error  # an answer: frames of this package say nothing to anybody
    return values[0] if len(values) == 1 else values


def _run(words: list[str]) -> None:
    """Run the command, and print what it prints as it comes."""
    from IPython.core.error import UsageError

    here = os.path.dirname(sys.executable)
    program = shutil.which("brain", path=here) or shutil.which("brain")
    if program is None:
        raise UsageError(f"the command `brain` is neither in {here} nor in PATH. {_USAGE}")
    if not words:
        words = ["--help"]
    process = subprocess.Popen(
        [program, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="backslashreplace",
    )
    try:
        assert process.stdout is not None
        with process.stdout:
            for text in process.stdout:
                print(text, end="", flush=True)
    finally:
        if process.poll() is None:
            process.terminate()
        status = process.wait()
    if status not in (0, 1):  # 1: the answer is no
        raise UsageError(f"brain {shlex.join(words)} ended with {status}")


def load(shell: Any) -> None:
    """`%load_ext brain_plasma`"""
    shell.register_magic_function(magic, "line", "brain")
