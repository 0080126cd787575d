"""brain-show: what a value looks like, as people know it from the package that it is of.

Values are recalled, from a store that is open read-only. One that has a pickle is code: it is recalled where a Brain
would (a store of one's own that nobody else can write), or with --pickle; else its form is shown, of which nothing
runs.
"""

from __future__ import annotations

import contextlib
import math
import shutil
import sys

from . import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    from .brain import Brain
    from .explain import Explanation

_TEXT = 2000  # characters of a value that is no table
_CELL = 40  # characters of a cell
_ELEMENTS = 100_000  # of an array that are looked at


def main() -> int:
    """brain-show NAME"""
    parser = command.parser(
        "brain show",
        "Shows a value: of a table its shape, its columns with their types, and its first and last rows; of an array\n"
        "shape, type, and the elements at its ends; of others what Python prints.",
        name="of the value",
    )
    parser.add_argument("-r", "--rows", type=_rows, default=10, help="rows of a table, elements of an array (10)")
    parser.add_argument("--pickle", action="store_true", help="recall a pickle, whoever wrote it: that runs code")
    given = parser.parse_args()
    with command.opened(given, pickle=True if given.pickle else None) as brain:
        return _show(brain, command.name_of(given), given)


def _rows(text: str) -> int:
    n = int(text)
    if n < 0:
        raise ValueError(text)
    return n


def _show(brain: Brain, name: str, given: argparse.Namespace) -> int:
    from .exceptions import BrainPickleError, BrainValueError

    about = brain.explain(name, namespace=given.namespace)
    try:
        value = brain.recall(name, namespace=given.namespace)
    except BrainPickleError as error:
        _print_form(about, given, str(error))
        command.tell("brain show", f"{error}. --pickle recalls it, if you trust whoever wrote it")
        return command.DENIED
    except (BrainValueError, ImportError) as error:  # a package or a module is missing here, say
        _print_form(about, given, str(error))
        command.tell("brain show", str(error))
        return command.SYSTEM
    if given.json:
        command.print_json({**_head(about, given), **_shown_json(value, given.rows)})
    else:
        print(command.safe(_title(about, given) + "\n" + _shown_text(value, given.rows)))
    return command.DONE


def _print_form(about: Explanation, given: argparse.Namespace, why: str) -> None:
    if given.json:
        command.print_json({**_head(about, given), "why_not": why})
    else:
        print(command.safe(str(about)))


# ---- what all have ------------------------------------------------------------------------------


def _head(about: Explanation, given: argparse.Namespace) -> dict[str, Any]:
    """With the keys of `brain get --json`, which hands over to this for what it does not know itself."""
    from datetime import UTC

    return {
        "name": about.name,
        "namespace": given.namespace,
        "type": about.type,
        "kind": about.kind,
        "size": about.total_bytes,
        "version": about.version,
        "created": None if about.created is None else f"{about.created.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "description": about.description,
    }


def _title(about: Explanation, given: argparse.Namespace) -> str:
    from .dump_results import shown_bytes

    lines = [
        f"{command.safe_name(str(about.name))}: {about.type}, {shown_bytes(about.total_bytes)}, version {about.version}"
        + ("" if about.created is None else f", put {about.created:%Y-%m-%d %H:%M:%S}")
    ]
    if about.description:
        lines.append(about.description)
    return "\n".join(lines)


# ---- values -------------------------------------------------------------------------------------


def _is_a(value: object, package: str, *names: str) -> bool:
    """Whether it is of a class of a package, which is there if it is."""
    found = sys.modules.get(package)
    return found is not None and isinstance(value, tuple(getattr(found, name) for name in names))


def _width() -> int:
    return shutil.get_terminal_size((100, 24)).columns


@contextlib.contextmanager
def _as_shown(n_rows: int) -> Iterator[None]:
    """Within it the packages that are there print tables and arrays of so many rows."""
    with contextlib.ExitStack() as stack:
        if "pandas" in sys.modules:
            options: list[Any] = ["display.max_rows", max(n_rows, 1), "display.min_rows", max(n_rows, 1)]
            options += ["display.width", _width(), "display.max_colwidth", _CELL, "display.show_dimensions", False]
            stack.enter_context(sys.modules["pandas"].option_context(*options))
        if "polars" in sys.modules:
            polars = sys.modules["polars"]
            stack.enter_context(polars.Config(tbl_rows=n_rows, tbl_width_chars=_width(), fmt_str_lengths=_CELL))
        if "numpy" in sys.modules:
            edge = max(n_rows // 2, 1)
            numpy = sys.modules["numpy"]
            stack.enter_context(numpy.printoptions(threshold=n_rows, edgeitems=edge, linewidth=_width()))
        yield


def _shown_text(value: Any, n_rows: int) -> str:
    with _as_shown(n_rows):
        if _is_a(value, "pandas", "DataFrame"):
            return f"{_size(*value.shape)}\n{_columns(_columns_of(value))}\n\n{value!r}"
        if _is_a(value, "pandas", "Series", "Index"):
            return f"{_n(len(value), 'row')}\n\n{value!r}"
        if _is_a(value, "polars", "DataFrame", "Series"):
            return repr(value)
        if _is_a(value, "pyarrow", "Table", "RecordBatch"):
            return (
                f"{_size(value.num_rows, value.num_columns)}\n{_columns(_columns_of(value))}\n\n"
                f"{_arrow_rows(value, n_rows)}"
            )
        if _is_a(value, "numpy", "ndarray"):
            with sys.modules["numpy"].printoptions(suppress=_is_in_plain_digits(value, n_rows)):
                return f"shape {value.shape}, {value.dtype}\n\n{value!s}"
        if isinstance(value, (str, bytes)):
            return _cut(repr(value[:_TEXT]), _TEXT) + (f" of {len(value):,}" if len(value) > _TEXT else "")
        return _cut(_pretty(value), _TEXT)


def _is_in_plain_digits(array: Any, n_rows: int) -> bool:
    """Whether all that is shown of an array is readable without exponents: NumPy takes them also where the largest is a
    thousand times the smallest, as in 0.0 to 9999.0, which `brain get` shows as such.
    """
    numpy = sys.modules["numpy"]
    if array.dtype.kind != "f" or array.size == 0:
        return False
    edge = max(n_rows // 2, 1)
    if array.size > n_rows:  # NumPy shows the ends of each axis, and only these are looked at
        shown = [n if n <= 2 * edge else [*range(edge), *range(n - edge, n)] for n in array.shape]
        indexes = [range(which) if isinstance(which, int) else which for which in shown]
        if math.prod(map(len, indexes)) > _ELEMENTS:
            return False
        array = array[numpy.ix_(*indexes)]
    sizes = numpy.abs(array[numpy.isfinite(array) & (array != 0)])
    return sizes.size == 0 or bool(sizes.min() >= 1e-4 and sizes.max() < 1e8)


def _size(n_rows: int, n_columns: int) -> str:
    return f"{_n(n_rows, 'row')} x {_n(n_columns, 'column')}"


def _n(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"


def _columns_of(table: Any) -> list[tuple[str, str]]:
    if _is_a(table, "pandas", "DataFrame"):
        return [(str(name), str(dtype)) for name, dtype in zip(table.columns, table.dtypes)]
    if _is_a(table, "polars", "DataFrame"):
        return [(name, str(dtype)) for name, dtype in table.schema.items()]
    return [(field.name, str(field.type)) for field in table.schema]


def _columns(columns: list[tuple[str, str]]) -> str:
    """The columns with their types: a line for each, of many the first."""
    width = max((len(_cut(name, _CELL)) for name, _ in columns), default=0)
    lines = [f"  {_cut(name, _CELL):{width}}  {_cut(kind, _CELL)}" for name, kind in columns[:100]]
    if len(columns) > 100:
        lines.append(f"  and {_n(len(columns) - 100, 'column')} more")
    return "\n".join(lines)


def _arrow_rows(table: Any, n_rows: int) -> str:
    """The first and the last rows, in columns that are as wide as what is in them, as far as the line goes."""
    first, last = _ends(table.num_rows, n_rows)
    parts = [table.slice(0, first).to_pylist()] if first else []
    parts += [table.slice(table.num_rows - last, last).to_pylist()] if last else []
    rows = [row for part in parts for row in part]
    numbers = [*range(first), *range(table.num_rows - last, table.num_rows)]
    if not rows or len(set(table.schema.names)) < len(table.schema.names):  # as dicts, names come once
        return ""
    cells = [["", *map(str, numbers)]]
    used = max(map(len, cells[0]))
    for name in table.schema.names:
        cell = [_cut(name, _CELL), *(_cut("" if row[name] is None else str(row[name]), _CELL) for row in rows)]
        used += 2 + max(map(len, cell))
        if used > _width() and len(cells) > 1:
            cells.append(["...", *["..."] * len(rows)])
            break
        cells.append(cell)
    lines = ["  ".join(f"{text:>{max(map(len, cell))}}" for cell, text in zip(cells, line)) for line in zip(*cells)]
    if table.num_rows > len(rows):
        lines.insert(1 + first, "...")
    return "\n".join(lines).replace("\t", "\\t")


def _ends(n_rows: int, n_shown: int) -> tuple[int, int]:
    """How many rows of the beginning and of the end are shown."""
    if n_rows <= n_shown:
        return n_rows, 0
    return n_shown - n_shown // 2, n_shown // 2


def _pretty(value: Any) -> str:
    """As Python prints it: over several lines, if there is not much of it."""
    if isinstance(value, (dict, list, tuple, set, frozenset)) and not _is_small(value, [1000]):
        import reprlib

        short = reprlib.Repr()
        short.maxlist = short.maxdict = short.maxtuple = short.maxset = short.maxfrozenset = 20
        short.maxstring = short.maxother = short.maxlong = 200
        return short.repr(value)
    import pprint

    return pprint.pformat(value, width=min(_width(), 120), compact=True, sort_dicts=False)


def _is_small(value: Any, left: list[int]) -> bool:
    """Whether it has no more parts than are left; looks at no more than that."""
    left[0] -= 1
    if isinstance(value, dict):
        return left[0] >= 0 and all(_is_small(item, left) for item in value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        return left[0] >= 0 and all(_is_small(item, left) for item in value)
    return left[0] >= 0


def _cut(text: str, length: int) -> str:
    text = text if length == _TEXT else text.replace("\n", "\\n")
    return text if len(text) <= length else text[:length] + "\u2026"


# ---- as JSON ------------------------------------------------------------------------------------


def _shown_json(value: Any, n_rows: int) -> dict[str, Any]:
    if _is_a(value, "pandas", "DataFrame") or _is_a(value, "polars", "DataFrame"):
        return {**_table_json(value), "first_rows": _plain(_first_rows(value, n_rows))}
    if _is_a(value, "pyarrow", "Table", "RecordBatch"):
        return {**_table_json(value), "first_rows": _plain(value.slice(0, n_rows).to_pylist())}
    if _is_a(value, "numpy", "ndarray"):
        first = value.ravel()[:n_rows]
        items = list(first) if first.dtype.kind in "mM" else first.tolist()  # tolist() would make an int of a NaT
        return {"shape": list(value.shape), "dtype": str(value.dtype), "first": _plain(items)}
    with _as_shown(n_rows):
        plain = isinstance(value, (str, int, float, bool, list, tuple, dict, type(None)))
        return {"value": _plain(value)} if plain else {"repr": _cut(repr(value), _TEXT)}


def _first_rows(frame: Any, n_rows: int) -> Any:
    first = frame.head(n_rows)
    return first.to_dict(orient="records") if _is_a(frame, "pandas", "DataFrame") else first.to_dicts()


def _table_json(table: Any) -> dict[str, Any]:
    columns = [{"name": name, "type": kind} for name, kind in _columns_of(table)]
    return {"rows": len(table) if not _is_a(table, "pyarrow", "RecordBatch") else table.num_rows, "columns": columns}


def _plain(value: Any) -> Any:
    """What JSON has for it, null for what is missing; of what it has nothing for the text."""
    if isinstance(value, float):
        return value if value - value == 0 else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return None if _is_missing(value) else str(value)


def _is_missing(value: Any) -> bool:
    """Whether it is the NaN, the NaT or the NA of whatever package."""
    pandas = sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return True
    if getattr(value, "shape", ()) != ():  # an array compares its elements
        return False
    try:
        return bool(value != value)  # nothing else is unequal to itself
    except Exception:  # of a class that has its own idea of it
        return False
