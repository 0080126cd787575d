"""One side of bench/originals.py: runs calls of brain_plasma and its Plasma, ours or the original's, and
says how long they take. Which of both is imported is a matter of the environment that it runs in.

Reads lines "CALL N" and answers each with the ns that N calls took, one of them after the other.
"""

import sys
import time

import numpy as np
from brain_plasma import Brain

try:
    from brain_plasma import plasma
except ImportError:
    import warnings

    warnings.simplefilter("ignore")
    from pyarrow import plasma

PATH = sys.argv[1]
N_NAMES = 1000  # in the namespace of the calls
DATA = b"x" * 100

clock = time.perf_counter_ns


def fresh_ids(n):
    return [plasma.ObjectID.from_random() for _ in range(n)]


class PlasmaCalls:
    """Each method makes what it needs, then times n calls of what it is named after."""

    def __init__(self):
        self.client = plasma.connect(PATH)
        self.ids = [self.client.put(DATA) for _ in range(100)]
        self.raw = [self.client.put_raw_buffer(DATA, metadata=b"meta") for _ in range(100)]

    def each(self, call, arguments):
        began = clock()
        for argument in arguments:
            call(argument)
        return clock() - began

    def repeated(self, call, n):
        began = clock()
        for _ in range(n):
            call()
        return clock() - began

    def clear(self, ids):
        self.client.delete(ids)

    def put(self, n):
        ids = []
        call = self.client.put
        began = clock()
        for _ in range(n):
            ids.append(call(DATA))
        took = clock() - began
        self.clear(ids)
        return took

    def get(self, n):
        return self.each(self.client.get, (self.ids * (n // 100 + 1))[:n])

    def contains(self, n):
        return self.each(self.client.contains, (self.ids * (n // 100 + 1))[:n])

    def contains_missing(self, n):
        return self.each(self.client.contains, fresh_ids(n))

    def create_and_seal(self, n):
        ids = fresh_ids(n)
        took = self.each(lambda id: self.client.create_and_seal(id, DATA, b"meta"), ids)
        self.clear(ids)
        return took

    def put_raw_buffer(self, n):
        ids = []
        call = self.client.put_raw_buffer
        began = clock()
        for _ in range(n):
            ids.append(call(DATA))
        took = clock() - began
        self.clear(ids)
        return took

    def create_seal(self, n):
        ids = fresh_ids(n)

        def both(id):
            self.client.create(id, 100, b"meta")
            self.client.seal(id)

        took = self.each(both, ids)
        self.clear(ids)
        return took

    def get_buffers(self, n):
        return self.each(self.client.get_buffers, ([[id] for id in self.raw] * (n // 100 + 1))[:n])

    def get_buffers_with_meta(self, n):
        return self.each(
            lambda ids: self.client.get_buffers(ids, -1, True),
            ([[id] for id in self.raw] * (n // 100 + 1))[:n],
        )

    def get_metadata(self, n):
        return self.each(self.client.get_metadata, ([[id] for id in self.raw] * (n // 100 + 1))[:n])

    def hash(self, n):
        return self.each(self.client.hash, (self.raw * (n // 100 + 1))[:n])

    def list(self, n):
        return self.repeated(self.client.list, n)

    def delete(self, n):
        ids = [self.client.put_raw_buffer(DATA) for _ in range(n)]
        return self.each(self.client.delete, [[id] for id in ids])

    def evict(self, n):
        client = plasma.connect(PATH)
        held = client.get_buffers(self.ids + self.raw)  # so that these stay
        for _ in range(n):
            client.put_raw_buffer(DATA)
        took = self.each(client.evict, [1] * n)
        del held
        return took

    def notification(self, n):
        client = plasma.connect(PATH)
        client.subscribe()
        for _ in range(len(client.list())):
            client.get_next_notification()
        ids = [client.put_raw_buffer(DATA) for _ in range(n)]
        took = self.repeated(client.get_next_notification, n)
        client.delete(ids)
        client.disconnect()
        return took

    def store_capacity(self, n):
        return self.repeated(self.client.store_capacity, n)

    def debug_string(self, n):
        return self.repeated(self.client.debug_string, n)

    def connect(self, n):
        clients = []
        began = clock()
        for _ in range(n):
            clients.append(plasma.connect(PATH))
        took = clock() - began
        for client in clients:
            client.disconnect()
        return took

    def disconnect(self, n):
        clients = [plasma.connect(PATH) for _ in range(n)]
        began = clock()
        for client in clients:
            client.disconnect()
        return clock() - began

    def array_1mb(self, n):
        array = np.zeros(125_000)
        began = clock()
        ids = [self.client.put(array) for _ in range(n)]
        took = clock() - began
        self.clear(ids)
        return took

    def get_array_1mb(self, n):
        id = self.client.put(np.zeros(125_000))
        took = self.each(self.client.get, [id] * n)
        self.clear([id])
        return took


class BrainCalls:
    """The same of Brain, in a namespace with N_NAMES names."""

    def __init__(self):
        self.brain = Brain(path=PATH)
        self.brain.set_namespace("bench")
        for number in range(N_NAMES):
            self.brain[f"name {number}"] = number
        self.names = [f"name {number}" for number in range(100)]
        self.n_new = 0

    def each(self, call, n):
        names = (self.names * (n // 100 + 1))[:n]
        began = clock()
        for name in names:
            call(name)
        return clock() - began

    def repeated(self, call, n):
        began = clock()
        for _ in range(n):
            call()
        return clock() - began

    def new_names(self, n):
        self.n_new += n
        return [f"new {number}" for number in range(self.n_new - n, self.n_new)]

    def learn_new(self, n):
        names = self.new_names(n)
        began = clock()
        for name in names:
            self.brain.learn(name, DATA)
        took = clock() - began
        for name in names:
            self.brain.forget(name)
        return took

    def learn_again(self, n):
        return self.each(lambda name: self.brain.learn(name, DATA), n)

    def setitem(self, n):
        return self.each(lambda name: self.brain.__setitem__(name, DATA), n)

    def recall(self, n):
        return self.each(self.brain.recall, n)

    def getitem(self, n):
        return self.each(self.brain.__getitem__, n)

    def forget(self, n):
        names = self.new_names(n)
        for name in names:
            self.brain.learn(name, DATA)
        began = clock()
        for name in names:
            self.brain.forget(name)
        return clock() - began

    def exists(self, n):
        return self.each(self.brain.exists, n)

    def contains(self, n):
        return self.each(self.brain.__contains__, n)

    def len(self, n):
        return self.repeated(lambda: len(self.brain), n)

    def names_of(self, n):
        return self.repeated(self.brain.names, n)

    def metadata_of_all(self, n):
        return self.repeated(self.brain.metadata, n)

    def metadata_of_one(self, n):
        return self.each(self.brain.metadata, n)

    def object_id(self, n):
        return self.each(self.brain.object_id, n)

    def object_ids(self, n):
        return self.repeated(self.brain.object_ids, n)

    def ids(self, n):
        return self.repeated(self.brain.ids, n)

    def size(self, n):
        return self.repeated(self.brain.size, n)

    def used(self, n):
        return self.repeated(self.brain.used, n)

    def free(self, n):
        return self.repeated(self.brain.free, n)

    def namespaces(self, n):
        return self.repeated(self.brain.namespaces, n)

    def set_namespace(self, n):
        return self.repeated(lambda: self.brain.set_namespace("bench"), n)

    def remove_namespace(self, n):
        took = 0
        for _ in range(n):
            self.brain.set_namespace("removed")
            self.brain["x"] = 1
            self.brain.set_namespace("bench")
            began = clock()
            self.brain.remove_namespace("removed")
            took += clock() - began
        return took

    def sleep_wake_up(self, n):
        brain = Brain(path=PATH)

        def both():
            brain.sleep()
            brain.wake_up()

        return self.repeated(both, n)

    def name_to_hash(self, n):
        return self.each(self.brain._name_to_hash, n)

    def name_to_namespace_hash(self, n):
        return self.each(self.brain._name_to_namespace_hash, n)


class ManyNames:
    """10,000 names in a namespace, among 100,000 in ten."""

    def __init__(self):
        self.brain = Brain(path=PATH)
        for space in range(10):
            self.brain.set_namespace(f"space{space}")
            for number in range(10_000):
                self.brain.learn(f"name {number}", number)

    def names(self, n):
        began = clock()
        for _ in range(n):
            assert len(self.brain.names()) == 10_000
        return clock() - began

    def metadata(self, n):
        began = clock()
        for _ in range(n):
            assert len(self.brain.metadata()) == 10_000
        return clock() - began


class Visits:
    """A process that has no other client: to connect maps the store, and what goes last unmaps it."""

    def __init__(self):
        client = plasma.connect(PATH)
        self.id = client.put(DATA)
        client.disconnect()

    def visit(self, n):
        began = clock()
        for _ in range(n):
            client = plasma.connect(PATH)
            assert client.get(self.id) == DATA
            client.disconnect()
            del client
        return clock() - began


KINDS = {"plasma": PlasmaCalls, "brain": BrainCalls, "many": ManyNames, "alone": Visits}


def main():
    calls = KINDS[sys.argv[2]]()
    print("ready", flush=True)
    for line in sys.stdin:
        name, n = line.split()
        print(getattr(calls, name)(int(n)), flush=True)


if __name__ == "__main__":
    main()
