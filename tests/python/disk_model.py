#!/usr/bin/env python3
"""As store_model.py, with disks: at any moment of a program the store is dumped, or synced to its home, and what comes back
of that in a new store is what the dicts had then.

    disk_model.py [--seconds S | --programs N]
"""

import os
import shutil

import hypothesis.strategies as st
import store_model
from brain_plasma import Brain, exceptions
from hypothesis.stateful import rule
from store_model import StoreMachine, any_there, either, spaces, values, when


class DiskMachine(StoreMachine):
    """A folder has the dump and the home; both stay from step to step. Steps that change nothing are left to
    test_model.py: of many rules each is chosen seldom.
    """

    get = wait = popitem = look_at_names = hold_and_replace = let_go = refer = use_ref = send_refs = receive_refs = None
    replace_while_sent = explain = reopen = fork = plasma_get = replace_one_if = setdefault = pop = pop_one = None

    def __init__(self):
        super().__init__()
        self.folder = self.path + "-disk"
        os.mkdir(self.folder, 0o700)
        self.file = os.path.join(self.folder, "dump")
        self.home = os.path.join(self.folder, "home")

    def new_store(self):
        return Brain(self.path + "-other", capacity=store_model.CAPACITY)

    def compare_other(self, brain, model):
        """`brain` has what `model` has, its namespaces included, and is whole."""
        ours, self.model = self.model, model
        try:
            self.compare(brain)
        finally:
            self.model = ours
        assert brain.namespaces() - {"default"} == model.keys() - {"default"}
        assert brain.check() == []

    def copy_of_model(self):
        return {space: dict(names) for space, names in self.model.items()}

    # ---- dumps

    @rule(b=either, compress=st.booleans())
    def dump_all(self, b, compress):
        self.brains[b].dump(path=self.file, compress=compress)
        with self.new_store() as other:
            try:
                result = other.load(path=self.file)
                assert result.versions.count() == result.names == sum(map(len, self.model.values()))
                self.compare_other(other, self.model)
            finally:
                other.destroy()

    @rule(b=either, space=spaces, existing=st.sampled_from(["keep", "replace"]))
    @when(StoreMachine.has_names)
    def load_over_what_is_there(self, b, space, existing):
        """A namespace of the dump comes over one that has changed since."""
        if space not in self.model:
            store_model.raises(
                exceptions.BrainNamespaceNotExistError, self.brains[b].dump, path=self.file, namespace=space
            )
            return
        before = dict(self.model[space])
        self.brains[b].dump(path=self.file, namespace=space)
        changed = {name: "'since'" for name in list(before)[::2]}
        for name in changed:
            self.put(1 - b, space, name, changed[name])
        for name in list(before)[1::2]:
            self.delete(1 - b, space, name)
        self.brains[b].load(path=self.file, existing=existing)
        self.space(space).update(before)
        if existing == "keep":
            self.space(space).update(changed)

    @rule(b=either, i=any_there)
    @when(StoreMachine.has_names)
    def dump_one(self, b, i):
        space, name = self.there(i)
        self.brains[b].dump(name, path=self.file, namespace=space)
        text = self.model[space][name]
        self.delete(1 - b, space, name)
        self.brains[b].load(name, path=self.file, namespace=space)
        self.space(space)[name] = text

    # ---- homes

    @rule()
    def sync(self):
        with Brain(self.path, durable=self.home) as brain:
            brain.sync()
        self.space("default")
        with self.new_store() as other:
            try:
                other.load(path=self.home)
                self.compare_other(other, self.model)
            finally:
                other.destroy()

    @rule(b=either, i=any_there, value=values, what=st.sampled_from(["put", "delete", "nothing"]))
    @when(StoreMachine.has_names)
    def sync_change_sync(self, b, i, value, what):
        """What one sync has, and the next one changes."""
        self.sync()
        space, name = self.there(i)
        if what == "put":
            self.put(b, space, name, value)
        elif what == "delete":
            self.delete(b, space, name)
        self.sync()

    def teardown(self):
        try:
            super().teardown()
        finally:
            shutil.rmtree(self.folder)


if __name__ == "__main__":
    store_model.main(DiskMachine)
