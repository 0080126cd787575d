"""The methods of a Brain about files of tables; table_files.py does what they do, and is imported when it is needed."""

from __future__ import annotations

from . import _core

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any, Literal

    from .table_results import TableResult

    Format = Literal["parquet", "csv", "arrow", "feather", "ipc"]
    Kind = Literal["arrow", "pandas", "polars"]


class Exporting(_core.Brain):
    """The part of Brain about files of tables."""

    def export_table(
        self,
        name: str,
        path: str | os.PathLike[str],
        *,
        format: Format | None = None,
        namespace: str | None = None,
        **options: Any,
    ) -> TableResult:
        """Write a table to a file that other programs read: Parquet, CSV, or Arrow IPC, which is Feather 2 as well.

            brain.export_table('flights', 'flights.parquet')
            brain.export_table('flights', 'flights.csv.gz', delimiter=';')
            brain.export_table('flights', 's3://bucket/flights.arrow', compression='zstd')

        The file is there when it is whole and on the disk; until then, and if the call fails or is killed, what was
        there before stays. A link is followed. It shows one version of the value, whoever replaces the name meanwhile.

        name: of a frame or series of pandas or Polars, a table or record batch of pyarrow, a structured NumPy array of
            one dimension, whose fields are the columns, or a dict of columns: arrays, lists, series.
        path: of the file, whose mode is what the umask leaves of 0666; or a URL that fsspec knows, to which it is
            streamed.
        format: 'parquet', 'csv' or 'arrow' ('feather' and 'ipc' are the same). None: as the path ends: .parquet .pq,
            .csv (behind it may be .gz .bz2 .zst), .arrow .feather .ipc.
        namespace: of the name; None is the current one.
        options: of pyarrow, by its names. Parquet: row_group_size, compression, compression_level, use_dictionary,
            write_statistics, column_encoding, version, data_page_size, coerce_timestamps,
            allow_truncated_timestamps, write_page_index, store_schema. CSV: delimiter, include_header, quoting_style.
            Arrow: compression ('lz4', 'zstd').

        Parquet and Arrow keep types, missing values, categories, time zones, lists, and the index of a frame of
        pandas. CSV keeps text alone, and has no lists: that is an error before there is a file.

        Returns a TableResult. Raises BrainNameNotExistError and what recall() does; BrainValueTypeError (no table, or
        a column that the format has no form for), BrainValueError (no such format, an option), TypeError (an option
        that the format has not); BrainFileNotFoundError (no such folder), BrainPermissionError, BrainFullError (no
        room for the file), BrainOSError; BrainMissingPackageError; of a URL also what its file system raises.
        Threads: any; others run meanwhile. Never waits for a writer. Fork: a child has no part in it. Cost: reads
        everything; as long as the disk takes. What lies in the store as Arrow has it is written from there, 64 MiB at
        a time; copied first are strings that are Python objects, columns that lie in a frame with gaps, and those of
        Polars, a piece at a time.
        """
        from . import table_files

        return table_files.export_table(self, name, path, format, namespace, options)

    def import_table(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        *,
        format: Format | None = None,
        namespace: str | None = None,
        kind: Kind | None = None,
        description: Any = None,
        **options: Any,
    ) -> TableResult:
        """Put a table from a file of Parquet, CSV or Arrow IPC, in one step and in place of what the name has.

            brain.import_table('flights.parquet')                    # brain['flights']
            brain.import_table('flights.csv', 'delays', kind='pandas', columns=['carrier', 'delay'])

        path: of the file; or a URL that fsspec knows, of which it comes down into a temporary file first.
        name: None: that of the file, without the ending.
        format: as of export_table(). 'arrow' takes a stream that was saved in a file as well.
        namespace: None is the current one; one that does not exist is made.
        kind: what brain[name] gives: 'arrow', a table of pyarrow; 'pandas' or 'polars', a frame. None: 'pandas' where
            the file was written from such a frame and pandas is installed, else 'arrow'.
        description: as of learn().
        options: columns, a list of names: those alone, in that order. CSV, by the names that pyarrow has: block_size
            (16 MiB here; no row may be longer), skip_rows, skip_rows_after_names, column_names,
            autogenerate_column_names, encoding, delimiter, quote_char, double_quote, escape_char, newlines_in_values
            (True here), ignore_empty_lines, column_types, null_values, true_values, false_values, decimal_point,
            timestamp_parsers, strings_can_be_null (True here), quoted_strings_can_be_null (False here),
            auto_dict_encode, check_utf8.

        Returns a TableResult. Raises BrainFileNotFoundError, BrainFormatError (not that format, damaged, or cut off),
        BrainValueError (no such column; a kind that the table cannot be; an option), TypeError (an option that the
        format has not), BrainPermissionError, BrainOSError, BrainMemoryError, BrainMissingPackageError, and what
        learn() does, BrainFullError say. The name has then what it had before.
        Threads: any; others run meanwhile. Waits for a writer, up to lock_timeout. Fork: a child has no part in it.
        Cost: with kind 'arrow' Parquet and Arrow files of more than 32 MB are read twice, and take the memory of one
        row group or batch beside the store; all others are read once, into memory, of which kind 'pandas' takes
        twice as much. What is read is checked, all of it.
        """
        from . import table_files

        return table_files.import_table(
            self, path, name, format, namespace, kind, description, options
        )
