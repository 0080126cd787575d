"""multiprocessing's Manager().dict(): a dict in a server, each call a pickle through a Unix socket."""

from multiprocessing.managers import BaseManager, DictProxy

LABEL = "Manager"
SETTINGS = "a Unix socket; calls are pickled as multiprocessing does it"
IMPORT = "from multiprocessing.managers import SyncManager"
PACKAGES = []

GET, PUT = "d[k]", "d[k] = v"
NAMES = "[name for name in d.keys() if name.startswith(k)]"
REMOVE = "remove(d, k)"
NOTES = {
    "names": "all names are looked at",
    "remove": "all names are looked at, and a call for each that goes",
}

the_dict = {}


class Manager(BaseManager):
    pass


Manager.register("the_dict", lambda: the_dict, DictProxy)


def serve(folder, capacity):
    manager = Manager(f"{folder}/socket", b"bench")
    manager.start()
    return manager


def end(manager):
    manager.shutdown()


def attach(folder):
    manager = Manager(f"{folder}/socket", b"bench")
    manager.connect()
    return manager.the_dict()


def fill(d, pairs):
    d.update(pairs)


def fill_space(d, space, pairs):
    d.update({f"{space}/{name}": value for name, value in pairs})


def remove(d, space):
    for name in d.keys():
        if name.startswith(space):
            del d[name]
