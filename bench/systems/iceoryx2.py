"""iceoryx2's blackboard: the latest value of each of a fixed set of entries, each of a fixed size.

Its entries are made with the service, and a process looks each up once: names are a dict of handles. A get
copies. Its other pattern, publish and subscribe, has no value that one may ask for again.
"""

import ctypes
import json
import os
import zlib

import iceoryx2 as iox
import numpy as np

LABEL = "iceoryx2"
SETTINGS = "a blackboard for each 100 names; names are a dict of handles; arrays as their bytes"
IMPORT = "import iceoryx2"
PACKAGES = ["iceoryx2"]

GET, PUT = "d[k].get().decode_as(c_int64).value", "d.writable[k].update_with_copy(c_int64(v))"
GET_ARRAY = "frombuffer(d[k].get().data)"
PUT_ARRAY = "d.writable[k].update_with_copy((c_double * v.size).from_buffer(v))"
CHANGE = PUT + "; d.notifier.notify()"
FIXED = "entries are made with the service, before there are values"
NO_TABLES = "an entry has a fixed size: no tables"
CANNOT = {
    "get_int:many": FIXED,
    "put_fresh": FIXED,
    **dict.fromkeys(["put_table", "get_table"], NO_TABLES),
    **dict.fromkeys(["names", "remove"], "entries neither come nor go"),
    "writers": "one writer a blackboard: not where both names are in one",
}
NOTES = {
    "get_int": "the handle is in a dict of the process",
    "wait": "an update and an event; then a get",
}

c_int64, c_double, frombuffer = ctypes.c_int64, ctypes.c_double, np.frombuffer
PER_SERVICE = 100  # a key is looked up by comparing it with each
MOST_READERS = 16  # a service has 8, unless told
key_type = ctypes.c_uint64


def key_of(name):
    return key_type(zlib.crc32(name.encode()))


def value_type(n):
    return c_double * n if n else c_int64


class Handles(dict):
    """Of the entries, by their names: each is looked up where it is first used."""

    def __init__(self, entries, ports):
        self.entries, self.ports = entries, ports

    def __missing__(self, name):
        service, n = self.entries[name]
        handle = self[name] = self.ports[service].entry(key_of(name), value_type(n))
        return handle


class Ports(dict):
    """Those of one kind, by service. There is one writer at most, so it is made where it is needed."""

    def __init__(self, make):
        self.make = make

    def __missing__(self, service):
        port = self[service] = self.make(service)
        return port


class Entries(Handles):
    """Handles to read, and `writable` ones."""

    def __init__(self, folder):
        self.file = f"{folder}/entries"
        self.prefix = os.path.basename(folder)
        configuration = iox.config.default()
        # All that it leaves has the folder's name, or is in it: bench/peers.py removes it.
        configuration.global_cfg.prefix = iox.FileName.new(self.prefix)
        configuration.global_cfg.root_path = iox.Path.new(str(folder))
        self.node = iox.NodeBuilder.new().config(configuration).create(iox.ServiceType.Ipc)
        self.services = Ports(self.open)
        readers = Ports(lambda service: self.services[service].reader_builder().create())
        writers = Ports(lambda service: self.services[service].writer_builder().create())
        entries = {}
        if os.path.exists(self.file):
            with open(self.file) as file:
                entries = json.load(file)
        super().__init__(entries, readers)
        self.writable = Handles(entries, writers)
        self.event = self.builder("changed").event().open_or_create()
        self.notifier = self.event.notifier_builder().create()

    def builder(self, service):
        return self.node.service_builder(iox.ServiceName.new(f"{self.prefix}/{service}"))

    def open(self, service):
        return self.builder(service).blackboard_opener(key_type).open()

    def add(self, pairs):
        for begin in range(0, len(pairs), PER_SERVICE):
            self.add_service(pairs[begin : begin + PER_SERVICE])
        with open(self.file, "w") as file:
            json.dump(self.entries, file)

    def add_service(self, pairs):
        service = f"blackboard {len(self.services)}"
        creator = self.builder(service).blackboard_creator(key_type).max_readers(MOST_READERS)
        for name, value in pairs:
            n = getattr(value, "size", 0)
            creator = creator.add(
                key_of(name), value_type(n).from_buffer(value) if n else c_int64(value)
            )
            self.entries[name] = service, n
        self.services[service] = creator.create()


def attach(folder):
    return Entries(folder)


def make(d, pairs):
    d.add(pairs)


def look_up(d, k):
    d[k], d.writable[k]


def waiter(d, k):
    listener = d.event.listener_builder().create()

    def wait():
        while not listener.timed_wait(iox.Duration.from_secs(10)):
            pass

    return wait
