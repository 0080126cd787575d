"""What is not shared at all: a dict in one process, and for puts a copy of the bytes."""

import numpy as np

LABEL = "dict, copyto"
SETTINGS = (
    "one process; an array is got by its view(); 1 MB: numpy.copyto into one target; 100 MB: array.copy(); "
    "a table: its deep copy"
)
IMPORT = "pass"
PACKAGES = []

GET = GET_TABLE = "d[k]"
PUT = "d[k] = v"
GET_ARRAY = "d[k].view()"  # an array of its own, over the same memory
PUT_ARRAY = "copyto(target, v)"
PUT_FRESH = "d[k] = v.copy()"
PUT_TABLE = "d[k] = v.copy(deep=True)"
NAMES = "list(d[k])"
REMOVE = "del d[k]"

ALONE = "a dict is of one process"
CANNOT = {
    **dict.fromkeys(["attach", "beside", "writers", "wait", "poll", "memory"], ALONE),
    "import": "nothing to import",
}

copyto = np.copyto
target = np.zeros(125_000)  # the 1 MB of PUT_ARRAY


def attach(folder):
    return {}


def make(d, pairs):
    d.update(pairs)


def fill_space(d, space, pairs):
    d[space] = dict(pairs)
