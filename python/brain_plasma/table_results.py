"""What export_table() and import_table() of a Brain give."""

from __future__ import annotations

from .dump_results import shown_bytes


class TableResult:
    """What went to a file, or came from one.

    name: of the table in the store. path: of the file, or its URL. format: 'parquet', 'csv' or 'arrow'.
    rows, columns: how many; an index of pandas that is in the file counts as well.
    file_bytes: of the file.
    """

    __slots__ = ("columns", "file_bytes", "format", "name", "path", "rows")

    def __init__(
        self, name: str, path: str, format: str, rows: int, columns: int, file_bytes: int
    ) -> None:
        self.name = name
        self.path = path
        self.format = format
        self.rows = rows
        self.columns = columns
        self.file_bytes = file_bytes

    def __repr__(self) -> str:
        return (
            f"<Table {self.name!r} of {_shown(self.rows, 'row')} and {_shown(self.columns, 'column')}, "
            f"{self.format} in {self.path!r}, {shown_bytes(self.file_bytes)}>"
        )


def _shown(n: int, what: str) -> str:
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"
