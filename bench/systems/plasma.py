"""Apache Plasma, by pyarrow 11. An object never changes: a set is a delete and a put."""

import hashlib
import os
import sys
import warnings

warnings.simplefilter("ignore")
from pyarrow import plasma  # noqa: E402

from systems import start_server  # noqa: E402

LABEL = "plasma"
SETTINGS = "a plasma_store; an ObjectID for each name is made before the clock runs"
IMPORT = "import warnings; warnings.simplefilter('ignore'); from pyarrow import plasma"
PACKAGES = ["pyarrow"]

GET, PUT = "d.get(ids[k])", "d.delete([ids[k]]); d.put(v, ids[k])"
PUT_FRESH = "d.put(v, ids[k])"
NAMES = "[i for i in d.list() if i.binary().startswith(k.encode())]"
REMOVE = "d.delete([i for i in d.list() if i.binary().startswith(k.encode())])"
TWO_STEPS = "a delete and a put: there is a moment without"
UNDER_READERS = "what somebody is reading is not deleted, and then the put fails, or the reader waits for ever"
CANNOT = {"poll": UNDER_READERS}
NOTES = {
    **dict.fromkeys(["set_int", "put_array", "writers", "beside"], TWO_STEPS),
    "put_table": TWO_STEPS,
    "names": "all ids are looked at",
    "remove": "all ids are looked at",
    "wait": "for a new object: none changes",
}


class Ids(dict):
    def __missing__(self, name):
        id = self[name] = plasma.ObjectID(hashlib.sha1(name.encode()).digest())
        return id


ids = Ids()


def serve(folder, capacity):
    store = os.path.join(os.path.dirname(sys.executable), "plasma_store")
    return start_server(store, "-m", str(capacity), "-s", f"{folder}/s", ready=f"{folder}/s")


def attach(folder):
    return plasma.connect(f"{folder}/s")


def look_up(d, k):
    ids[k]


def fill(d, pairs):
    for name, value in pairs:
        d.put(value, ids[name])


def fill_space(d, space, pairs):
    prefix = space.encode().ljust(10, b" ")
    for number, (_, value) in enumerate(pairs):
        d.put(value, plasma.ObjectID(prefix + number.to_bytes(10, "little")))


def waiter(d, k):
    # First comes what was there before, then that it is deleted (its size is negative), then the put.
    n_before = len(d.list())
    client = plasma.connect(d.store_socket_name)
    client.subscribe()
    id = ids[k]
    for _ in range(n_before):
        client.get_next_notification()

    def wait():
        while True:
            found, size, _ = client.get_next_notification()
            if found == id and size > 0:
                return

    return wait
