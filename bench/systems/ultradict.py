"""UltraDict: a dict in each process, which applies what others wrote into a buffer in shared memory."""

import os

from UltraDict import UltraDict

LABEL = "UltraDict"
SETTINGS = "shared_lock, a buffer of 64 MB or as large as all that is stored, whatever is less"
IMPORT = "from UltraDict import UltraDict"
PACKAGES = ["ultradict", "atomics"]

GET, PUT = "d[k]", "d[k] = v"
NAMES = "[name for name in d.keys() if name.startswith(k)]"
REMOVE = "remove(d, k)"
NOTES = {"get_array": "of the process's own copy", "names": "all names are looked at"}

MOST = 64_000_000


def serve(folder, capacity):
    with open(f"{folder}/capacity", "w") as file:
        file.write(str(capacity))
    return attach(folder)


def end(d):
    d.unlink()


def attach(folder):
    with open(f"{folder}/capacity") as file:
        capacity = int(file.read())
    return UltraDict(
        name=os.path.basename(folder) + "-dict",  # its own is taken on /dev/shm
        shared_lock=True,
        buffer_size=min(MOST, capacity),
        full_dump_size=capacity,
        auto_unlink=False,
    )


def fill_space(d, space, pairs):
    for name, value in pairs:
        d[f"{space}/{name}"] = value


def remove(d, space):
    for name in list(d.keys()):
        if name.startswith(space):
            del d[name]
