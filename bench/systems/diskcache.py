"""diskcache on /dev/shm: SQLite, and files for what is large."""

import diskcache

LABEL = "diskcache"
SETTINGS = "no eviction, no statistics, no culling; sqlite_synchronous 0; pickle protocol 5"
IMPORT = "import diskcache"
PACKAGES = ["diskcache"]

GET, PUT = "d[k]", "d[k] = v"
NAMES = "[name for name in d.iterkeys() if name.startswith(k)]"
REMOVE = "d.evict(k)"
NOTES = {"names": "all names are looked at", "remove": "by its tag, with an index of tags"}


def serve(folder, capacity):
    attach(folder).close()


def attach(folder):
    return diskcache.Cache(
        f"{folder}/cache",
        eviction_policy="none",
        cull_limit=0,
        statistics=0,
        size_limit=1 << 40,
        disk_pickle_protocol=5,
        sqlite_synchronous=0,
    )


def fill(d, pairs):
    with d.transact():
        for name, value in pairs:
            d[name] = value


def fill_space(d, space, pairs):
    d.create_tag_index()
    with d.transact():
        for name, value in pairs:
            d.set(f"{space}/{name}", value, tag=space)
