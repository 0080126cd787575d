"""py-lmdb on /dev/shm, with a transaction for each call.

Arrays are stored as their bytes. What a transaction gave is not there after it, so that each get copies.
"""

import pickle

import lmdb
import numpy as np

LABEL = "lmdb"
SETTINGS = (
    "sync, metasync and readahead off, writemap, map_async; pickle protocol 5, arrays as their bytes; a "
    "namespace is a database"
)
IMPORT = "import lmdb"
PACKAGES = ["lmdb"]

GET = GET_TABLE = "loads(d.begin().get(k.encode()))"
GET_ARRAY = "frombuffer(d.begin().get(k.encode()))"
PUT = PUT_TABLE = "with d.begin(write=True) as t: t.put(k.encode(), dumps(v, 5))"
PUT_ARRAY = "with d.begin(write=True) as t: t.put(k.encode(), v.data.cast('B'))"
NAMES = "names(d, k)"
REMOVE = "remove(d, k)"
NOTES = {"get_array": "copied: the bytes are gone with the transaction"}

loads, dumps, frombuffer = pickle.loads, pickle.dumps, np.frombuffer


def version():
    return "LMDB {}.{}.{}".format(*lmdb.version())


def serve(folder, capacity):
    with open(f"{folder}/capacity", "w") as file:
        file.write(str(capacity))


def attach(folder):
    # Twice what is stored: a transaction writes new pages before the old ones are free.
    with open(f"{folder}/capacity") as file:
        map_size = 2 * int(file.read()) + (1 << 30)
    return lmdb.open(
        f"{folder}/lmdb",
        map_size=map_size,
        max_dbs=200,
        sync=False,
        metasync=False,
        writemap=True,
        map_async=True,
        readahead=False,
    )


def fill(d, pairs):
    with d.begin(write=True) as transaction, transaction.cursor() as cursor:
        cursor.putmulti([(name.encode(), dumps(value, 5)) for name, value in pairs])


def fill_space(d, space, pairs):
    database = d.open_db(space.encode())
    with d.begin(write=True) as transaction, transaction.cursor(database) as cursor:
        cursor.putmulti([(name.encode(), dumps(value, 5)) for name, value in pairs])


def names(d, space):
    with d.begin(db=d.open_db(space.encode())) as transaction:
        return list(transaction.cursor().iternext(values=False))


def remove(d, space):
    database = d.open_db(space.encode())
    with d.begin(write=True) as transaction:
        transaction.drop(database)
