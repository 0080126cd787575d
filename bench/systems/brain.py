"""This library, from Python."""

from brain_plasma import Brain

LABEL = "brain"
SETTINGS = "a store on /dev/shm, as Brain() makes it"
IMPORT = "from brain_plasma import Brain"
PACKAGES = ["brain-plasma"]

GET, PUT = "d[k]", "d[k] = v"
NAMES = "d.names(k)"
REMOVE = "d.remove_namespace(k)"


def serve(folder, capacity):
    Brain(f"{folder}/store", capacity=capacity).close()


def attach(folder):
    return Brain(f"{folder}/store", create=False)


def fill(d, pairs):
    d.update(pairs)


def fill_space(d, space, pairs):
    d.set_namespace(space)
    d.update(pairs)
    d.set_namespace("default")


def waiter(d, k):
    version = d.version(k)
    return lambda: d.wait(k, version)
