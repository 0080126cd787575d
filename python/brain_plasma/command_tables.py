"""brain-export and brain-import: tables to files and from them, also by pipes."""

from __future__ import annotations

import sys

from . import command, table_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from .table_results import TableResult

_FORMAT = "parquet, csv or arrow; else as FILE ends: .parquet, .csv (or .csv.gz), .arrow, and of - csv"


def export_table() -> int:
    """brain-export NAME FILE"""
    parser = command.parser(
        "brain export",
        "Writes a table to a file that other programs read: a frame or series of pandas or Polars, a table of pyarrow,\n"
        "a structured NumPy array, or a dict of columns.",
        name="of the table",
        file="a path, or - for standard output",
    )
    parser.add_argument("-f", "--format", help=_FORMAT)
    parser.add_argument("-d", "--delimiter", help="of CSV, in place of a comma")
    given = parser.parse_args()
    with command.opened(given) as brain:
        name = command.name_of(given)
        if given.file == "-":
            table_files.export_stream(
                brain, name, sys.stdout.buffer, given.format or "csv", given.namespace, _csv_options(given)
            )
            sys.stdout.buffer.flush()
            return command.DONE
        result = brain.export_table(
            name, given.file, format=given.format, namespace=given.namespace, **_csv_options(given)
        )
    _tell(given, result)
    return command.DONE


def import_table() -> int:
    """brain-import NAME FILE"""
    parser = command.parser(
        "brain import",
        "Puts a table that is in a file: Parquet, CSV, or Arrow IPC.",
        name="for the table",
        file="a path, or - for standard input",
    )
    parser.add_argument("-f", "--format", help=_FORMAT)
    parser.add_argument("-k", "--kind", choices=["arrow", "pandas", "polars"],
                        help="what it becomes; else a frame of pandas where that was written, else a table of pyarrow"
                        )  # fmt: skip
    parser.add_argument("-c", "--columns", help="these alone, with a comma between them")
    parser.add_argument("-d", "--delimiter", help="of CSV, in place of a comma")
    parser.add_argument("--description", help="of the name")
    given = parser.parse_args()
    options = _csv_options(given)
    if given.columns is not None:
        options["columns"] = given.columns.split(",")
    with command.opened(given, read_only=False) as brain:
        name = command.name_of(given)
        if given.file == "-":
            result = table_files.import_stream(
                brain, sys.stdin.buffer, name, given.format or "csv", given.namespace, given.kind, given.description,
                options,
            )  # fmt: skip
        else:
            result = brain.import_table(
                given.file,
                name,
                format=given.format,
                namespace=given.namespace,
                kind=given.kind,
                description=given.description,
                **options,
            )
    _tell(given, result)
    return command.DONE


def _csv_options(given: argparse.Namespace) -> dict[str, Any]:
    return {} if given.delimiter is None else {"delimiter": given.delimiter}


def _tell(given: argparse.Namespace, result: TableResult) -> None:
    if given.json:
        command.print_json({key: getattr(result, key) for key in sorted(result.__slots__)})
    else:
        print(command.safe(repr(result)[1:-1]))
