"""The same, with one read transaction held open: no copies, but nothing that was put since is seen."""

from systems import lmdb
from systems.lmdb import IMPORT, PACKAGES, dumps, frombuffer, loads, serve, version  # noqa: F401

LABEL = "lmdb, held"
SETTINGS = lmdb.SETTINGS + "; one read transaction stays open, with buffers"

GET = GET_TABLE = "loads(d.transaction.get(k.encode()))"
GET_ARRAY = "frombuffer(d.transaction.get(k.encode()))"
PUT = PUT_TABLE = "d.put(k, dumps(v, 5))"  # to have something to get
PUT_ARRAY = "d.put(k, v.data.cast('B'))"
NOTES = {
    "get_int": "of a snapshot: nothing newer is seen",
    "get_array": "of a snapshot; gone with the transaction; py-lmdb touches each page",
    "get_table": "of a snapshot",
    "beside": "of a snapshot: it does not see what is written",
}
READS = "a transaction that reads cannot write: see lmdb"
CANNOT = {
    **dict.fromkeys(["set_int", "put_array", "put_fresh", "put_table", "writers", "remove"], READS),
    **dict.fromkeys(["wait", "poll"], "a transaction that is held open sees no change"),
    "names": "see lmdb",
    "attach": "see lmdb",
    "import": "see lmdb",
}


class Held:
    def __init__(self, environment):
        self.environment = environment
        self.renew()

    def renew(self):
        self.transaction = self.environment.begin(buffers=True)

    def put(self, k, stored):
        with self.environment.begin(write=True) as transaction:
            transaction.put(k.encode(), stored)
        self.renew()


def attach(folder):
    return Held(lmdb.attach(folder))


def fill(d, pairs):
    lmdb.fill(d.environment, pairs)
    d.renew()
