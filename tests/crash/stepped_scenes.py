"""Scenes for test_every_instruction --python: what a Python process does, one instruction at a time.

usage: stepped_scenes.py --list
       stepped_scenes.py NAME PATH N_OPS [--stepped]

Makes the store at PATH, prepares the scene and does its first N_OPS operations; where it is --stepped it
stops itself, with SIGSTOP, before the first and after the last. --list prints the name of each scene, how
many operations it has, and whether it leaves notes.

Each operation was done before, with another name: modules are imported and memory is warm by then, which
saves a million instructions.
"""

import os
import signal
import sys

import numpy as np

from brain_plasma import Brain, plasma

CAPACITY = 16 << 20


class Bytes:
    """A new value, which is small; then one in its place that is large."""

    n_ops = 2

    def operate(self, brain, name, op):
        brain[name] = b"small" * 5 if op == 0 else bytes(range(256)) * 50


class Array:
    """8 KB, which go by an extent; then another in its place."""

    n_ops = 2

    def __init__(self):
        self.arrays = [np.arange(1024.0), np.arange(1024) * 3]

    def operate(self, brain, name, op):
        brain[name] = self.arrays[op]


class Frame:
    n_ops = 1

    def __init__(self):
        import pandas as pd  # which takes a second

        self.frame = pd.DataFrame({"number": np.arange(300), "ratio": np.linspace(0, 1, 300)})

    def operate(self, brain, name, op):
        brain[name] = self.frame


class Tree:
    n_ops = 1

    def __init__(self):
        self.value = {"a": [1, 2.5, None, "text"], "array": np.arange(600), "more": {"b": b"bytes"}}

    def operate(self, brain, name, op):
        brain[name] = self.value


class Many:
    """Several names in one commit, which makes their namespace, too."""

    n_ops = 1

    def operate(self, brain, name, op):
        brain.set_many({f"{name}{i}": bytes(20 + 700 * i) for i in range(5)}, namespace=f"of {name}")


class Delete:
    n_ops = 2

    def prepare(self, brain, name):
        brain[name] = b"small"
        brain[f"{name} large"] = bytes(9000)

    def operate(self, brain, name, op):
        del brain[name if op == 0 else f"{name} large"]


class Draft:
    """A value that is written in the store itself, and then sealed."""

    n_ops = 2

    def operate(self, brain, name, op):
        if op == 0:
            self.draft = brain.empty(name, 1500)
            self.draft.value[...] = 7
        else:
            self.draft.seal()


class PlasmaPut:
    n_ops = 1
    leaves_notes = True

    def prepare(self, brain, name):
        self.client = plasma.connect(brain.path)

    def operate(self, brain, name, op):
        id = plasma.ObjectID(name.encode().ljust(20))
        self.client.put({"a": 1, "array": np.arange(1000)}, id)


SCENES = {
    "python-bytes": Bytes,
    "python-array": Array,
    "python-frame": Frame,
    "python-tree": Tree,
    "python-set-many": Many,
    "python-delete": Delete,
    "python-draft": Draft,
    "python-plasma-put": PlasmaPut,
}


def perform(scene, brain, name, n_ops):
    for op in range(n_ops):
        scene.operate(brain, name, op)


def prepare(scene, brain, name):
    if hasattr(scene, "prepare"):
        scene.prepare(brain, name)


def main(name, path, n_ops, stepped=None):
    scene = SCENES[name]()
    brain = Brain(path, capacity=CAPACITY)
    brain["there"] = b"all the time"
    brain["large and there"] = bytes(20000)
    prepare(scene, brain, "before")
    perform(scene, brain, "before", scene.n_ops)
    prepare(scene, brain, "name")
    if stepped:
        os.kill(os.getpid(), signal.SIGSTOP)
    perform(scene, brain, "name", int(n_ops))
    if stepped:
        os.kill(os.getpid(), signal.SIGSTOP)
    brain.close()


if __name__ == "__main__":
    if sys.argv[1:] == ["--list"]:
        for name, scene in SCENES.items():
            print(name, scene.n_ops, int(getattr(scene, "leaves_notes", False)))
    else:
        main(*sys.argv[1:])
