"""What both processes of the demonstration need, and nothing that a user of the library would."""

import json
import zlib

import numpy as np
import pandas as pd


def tell(**what):
    print(json.dumps(what), flush=True)


def anonymous_bytes():
    """The memory that belongs to this process alone.

    Not Private_Dirty: shared memory that only one process happens to have touched counts as private
    there.
    """
    with open("/proc/self/smaps_rollup") as rollup:
        for line in rollup:
            if line.startswith("Anonymous:"):
                return int(line.split()[1]) * 1024
    raise OSError("no Anonymous in /proc/self/smaps_rollup")


def checksum(flights):
    """Of every value of the table, in order."""
    result = zlib.crc32(",".join(flights.columns).encode())
    for name in flights:
        hashes = pd.util.hash_pandas_object(flights[name], index=False)
        result = zlib.crc32(hashes.to_numpy(), result)
    return result


def shared_columns(flights, directory):
    """How many columns lie in a file below `directory`, that is, in the store."""
    ranges = []
    with open("/proc/self/maps") as maps:
        for line in maps:
            if f" {directory}/" in line:
                begin, end = line.split(maxsplit=1)[0].split("-")
                ranges.append((int(begin, 16), int(end, 16)))
    return sum(
        any(begin <= address < end for begin, end in ranges)
        for address in (_address(flights[name]) for name in flights)
    )


def _address(column):
    """Where the elements of a column are: the codes of one of categories, of one of text its pointers, or what Arrow
    has of it."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.array.codes.ctypes.data
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.array.view("i8").ctypes.data
    if getattr(column.dtype, "storage", "") == "pyarrow":
        return column.array.__arrow_array__().chunk(0).buffers()[-1].address
    return np.asarray(column.array).ctypes.data
