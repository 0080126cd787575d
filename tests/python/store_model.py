#!/usr/bin/env python3
"""A store against plain dicts: whatever is done to it, by whomever, it has what the dicts have.

Hypothesis chooses what is done; after each step everything is compared. test_model.py runs a fixed selection;
for others, each time different:

    store_model.py [--seconds S | --programs N]

What fails is shown as the shortest program that does, and with a line that repeats it. With --programs it is N of a
fixed selection again, and what fails is shown as it is. It exits with 1 then.
"""

import argparse
import functools
import gc
import os
import pickle
import signal
import sys
import tempfile
import time
import warnings

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pyarrow as pa
from brain_plasma import Brain, exceptions, plasma
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

CAPACITY = 200_000_000
NAMES = [
    "a", "b", "p/1", "p/2", "p", "", "ä", "日本語", "nul\0inside", "a name with spaces", "n" * 256, "x" * 3000,
    "y" * 65_535,
]  # fmt: skip
SPACES = ["default", "others", "third one"]


class Thing:
    """What is stored as a pickle."""

    def __init__(self, *parts):
        self.parts = parts

    def __eq__(self, other):
        return type(other) is Thing and same(self.parts, other.parts)

    def __repr__(self):
        return f"Thing{self.parts!r}"


# ---- values --------------------------------------------------------------------------------------


def frame(n):
    return pd.DataFrame({"i": np.arange(n), "f": np.arange(n) / 3, "s": [f"text {i}" for i in range(n)]})


def table(n):
    return pa.table({"i": np.arange(n), "s": [f"text {i}" for i in range(n)]})


SIZES = [0, 1, 7, 8, 100, 255, 256, 1900, 1984, 2048, 2100, 4096, 5000, 70_000, 100_000]
# Shown as they are written; made anew by eval(), so that none is shared by model and store.
PLAIN = [
    "None", "True", "0", "-1", "1 << 62", "-(1 << 200)", "1.5", "float('-inf')", "''", "'ä' * 40", "'text' * 900",
    "[]", "{}", "()", "[1, [2, [3, {'a': None}]]]", "{'k': (1, 2.0, b'x'), 5: {1, 2}}", "['t' * 300] * 9",
    "Thing(1, 'two')", "Thing(np.arange(300))", "frame(3)", "frame(200)", "table(4)", "table(500)",
    "np.arange(3)", "np.arange(40_000.0)", "np.zeros((0, 5))", "np.arange(60, dtype='u1').reshape(3, 20, order='F')",
    "{'x': np.arange(1000.0), 'y': [np.arange(5)]}", "np.zeros(3, [('a', 'i4'), ('b', 'f8')])", "np.float32(2)",
]  # fmt: skip
values = st.sampled_from(PLAIN) | st.builds("bytes([{1}]) * {0}".format, st.sampled_from(SIZES), st.integers(0, 255))
names = st.integers(0, len(NAMES) - 1).map(lambda i: NAMES[i])
spaces = st.sampled_from(SPACES)
either = st.integers(0, 1)  # of the two Brains
large = st.sampled_from([text for text in PLAIN if "arange" in text or "frame(200" in text or "table(500" in text])
any_there = st.integers(0, 40)  # of the names that there are


def make(text):
    return eval(text)


@functools.cache
def wanted(text):
    """The same, to compare with."""
    return make(text)


def same(one, other):
    if isinstance(one, (np.ndarray, np.generic)):
        return (
            type(one) is type(other)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.tobytes() == other.tobytes()
        )
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return (
            type(one) is type(other)
            and one.keys() == other.keys()
            and all(same(part, other[key]) for key, part in one.items())
        )
    if isinstance(one, (pd.DataFrame, pa.Table)):
        return type(one) is type(other) and one.equals(other)
    return type(one) is type(other) and one == other


def in_child(function):
    """Run it in a forked child: its pid. Its exit status is 0 where it came to its end."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid != 0:
        return pid
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)


def raises(kinds, function, *args, **options):
    try:
        function(*args, **options)
    except kinds:
        return
    raise AssertionError(f"{function.__name__}{args} raises nothing")


def when(condition):
    """Do nothing where there is nothing to do it with. No precondition of Hypothesis's: how far a process came that was
    killed differs from run to run, and what is chosen must not.
    """

    def restricted(function):
        @functools.wraps(function)
        def step(self, *args, **options):
            if condition(self):
                function(self, *args, **options)

        return step

    return restricted


# ---- the machine ---------------------------------------------------------------------------------


class StoreMachine(RuleBasedStateMachine):
    """`model` has namespace -> name -> text of the value."""

    def __init__(self):
        super().__init__()
        self.path = tempfile.mktemp(prefix="brain-test-model-", dir="/dev/shm")
        self.brains = [Brain(self.path, capacity=CAPACITY), Brain(self.path)]
        self.scratch = Brain(self.path + "-scratch", capacity=CAPACITY)  # to see what values take
        self.client = plasma.connect(self.path)
        self.capacity = CAPACITY
        self.current = ["default", "default"]  # of each Brain
        self.model = {}
        self.sizes = {}
        self.held = []  # (value, text)
        self.drafts = []  # (draft, namespace, name, text)
        self.refs = []  # (ref, text)
        self.sent = []  # (pickled ref, namespace, name, text)
        self.objects = {}  # ObjectID -> text
        self.object_bytes = 0

    def size_of(self, text):
        if text not in self.sizes:
            self.scratch["v"] = make(text)
            self.sizes[text] = self.scratch.used()
        return self.sizes[text]

    def space(self, space):
        """The dict of a namespace, which a change makes where there is none."""
        return self.model.setdefault(space, {})

    def looked(self, space):
        return self.model.get(space, {})

    def there(self, i):
        """A name that there is, and its namespace."""
        all_of_them = [(space, name) for space in sorted(self.model) for name in sorted(self.model[space])]
        return all_of_them[i % len(all_of_them)]

    def has_names(self):
        return any(self.model.values())

    # ---- one name

    @initialize(some=st.dictionaries(st.tuples(spaces, names), values | large, min_size=4, max_size=8))
    def begin(self, some):
        for (space, name), value in some.items():
            self.put(0, space, name, value)

    @rule(b=either, i=any_there, value=values | large)
    @when(has_names)
    def put_again(self, b, i, value):
        self.put(b, *self.there(i), value)

    @rule(b=either, i=any_there)
    @when(has_names)
    def delete_one(self, b, i):
        self.delete(b, *self.there(i))

    @rule(b=either, i=any_there)
    @when(has_names)
    def pop_one(self, b, i):
        self.pop(b, *self.there(i))

    @rule(b=either, i=any_there, value=values)
    @when(has_names)
    def replace_one_if(self, b, i, value):
        self.replace_if(b, *self.there(i), value, 0)

    @rule(b=either, space=spaces, name=names, value=values)
    def put(self, b, space, name, value):
        if space == self.brains[b].namespace:
            self.brains[b][name] = make(value)
        else:
            self.brains[b].learn(name, make(value), namespace=space)
        self.space(space)[name] = value

    @rule(
        b=either,
        space=spaces,
        name=names,
        value=values,
        words=st.sampled_from(["words", "ä" * 50, ""]),
        again=st.none() | values,
    )
    def learn(self, b, space, name, value, words, again):
        self.brains[b].learn(name, make(value), words, namespace=space)
        self.space(space)[name] = value
        if words and again:
            self.put(1 - b, space, name, again)  # which leaves the description
        if words:
            assert self.brains[1 - b].metadata(name, namespace=space)["description"] == words

    @rule(b=either, space=spaces, name=names)
    def get(self, b, space, name):
        missing = object()
        value = self.brains[b].get(name, missing, namespace=space)
        if name in self.looked(space):
            assert same(value, wanted(self.model[space][name]))
        else:
            assert value is missing
            raises(KeyError, self.brains[b].recall, name, namespace=space)
        assert self.brains[b].exists(name, namespace=space) == (name in self.looked(space))

    @rule(b=either, space=spaces, name=names)
    def delete(self, b, space, name):
        if space == self.brains[b].namespace:
            del self.brains[b][name]
        elif name in self.looked(space):
            self.brains[b].forget(name, missing_ok=False, namespace=space)
        else:
            raises(KeyError, self.brains[b].forget, name, missing_ok=False, namespace=space)
        self.looked(space).pop(name, None)

    @rule(b=either, space=spaces, name=names)
    def pop(self, b, space, name):
        if name in self.looked(space):
            value = self.brains[b].pop(name, namespace=space)
            assert same(value, wanted(self.model[space].pop(name)))
        else:
            raises(KeyError, self.brains[b].pop, name, namespace=space)
            assert self.brains[b].pop(name, 7, namespace=space) == 7

    @rule(b=either, space=spaces)
    def popitem(self, b, space):
        if self.looked(space):
            name, value = self.brains[b].popitem(namespace=space)
            assert same(value, wanted(self.model[space].pop(name)))
        else:
            raises(KeyError, self.brains[b].popitem, namespace=space)

    @rule(b=either, space=spaces, name=names, value=values)
    def setdefault(self, b, space, name, value):
        found = self.brains[b].setdefault(name, make(value), namespace=space)
        kept = self.space(space).setdefault(name, value)
        assert same(found, wanted(kept))

    @rule(b=either, space=spaces, name=names, value=values, off=st.sampled_from([0, 0, 0, 1, 7]))
    def replace_if(self, b, space, name, value, off):
        before = self.brains[1 - b].version(name, namespace=space)
        assert (before > 0) == (name in self.looked(space))
        version = self.brains[b].replace_if(name, make(value), before + off, namespace=space)
        if off:
            assert version is None
        else:
            assert version > before
            self.space(space)[name] = value
            assert self.brains[1 - b].wait(name, before, 0, namespace=space) == version

    @rule(b=either, i=any_there, size=st.integers(0, 200), n=st.integers(3, 20))
    @when(has_names)
    def replace_often(self, b, i, size, n):
        """Small values in place of small ones, by the short way; and each in place of a version that is gone."""
        space, name = self.there(i)
        for k in range(n):
            self.replace_if(b, space, name, f"bytes([{k}]) * {size}", 0)
            self.replace_if(b, space, name, f"bytes([255]) * {size}", 1)

    @rule(b=either, space=spaces, name=names)
    def wait(self, b, space, name):
        version = self.brains[b].version(name, namespace=space)
        raises(TimeoutError, self.brains[b].wait, name, version, 0, namespace=space)
        if version > 0:
            assert self.brains[b].wait(name, version - 1, 0, namespace=space) == version

    # ---- many

    @rule(b=either, space=spaces, items=st.dictionaries(names, values, max_size=5))
    def set_many(self, b, space, items):
        self.brains[b].set_many({name: make(text) for name, text in items.items()}, namespace=space)
        if items:
            self.space(space).update(items)

    @rule(b=either, space=spaces, n=st.integers(75, 150), value=values)
    def set_many_names(self, b, space, n, value):
        """More than the first two segments of a namespace have room for."""
        self.set_many(b, space, {f"many {i}": value for i in range(n)})

    @rule(b=either, one=st.dictionaries(names, values, min_size=1, max_size=3), value=values)
    def update_two_namespaces(self, b, one, value):
        self.brains[b].update([(name, make(text)) for name, text in one.items()], namespace=SPACES[0])
        self.brains[b].update({"a": make(value)}, namespace=SPACES[1], b=make(value))
        self.space(SPACES[0]).update(one)
        self.space(SPACES[1]).update(a=value, b=value)

    @rule(b=either)
    def look_at_names(self, b):
        for space in SPACES:
            for prefix in ("", "p", "p/", "ä", "n" * 100, "none"):
                want = sorted(name for name in self.looked(space) if name.startswith(prefix))
                assert sorted(self.brains[b].names(space, prefix=prefix)) == want
        everywhere = sorted(name for names_of_one in self.model.values() for name in names_of_one)
        assert sorted(self.brains[b].names("all")) == everywhere

    @rule(b=either, space=spaces)
    def clear(self, b, space):
        self.brains[b].clear(namespace=space)
        self.looked(space).clear()

    # ---- namespaces

    @rule(b=either, space=spaces)
    def set_namespace(self, b, space):
        assert self.brains[b].set_namespace(space) == space
        self.current[b] = space
        self.space(space)

    @rule(b=either, space=spaces)
    def remove_namespace(self, b, space):
        if space == "default":
            raises(exceptions.BrainNamespaceRemoveDefaultError, self.brains[b].remove_namespace, space)
        elif space in self.model:
            self.brains[b].remove_namespace(space)
            del self.model[space]
            if self.current[b] == space:
                self.current[b] = "default"
                self.space("default")
        else:
            raises(exceptions.BrainNamespaceNotExistError, self.brains[b].remove_namespace, space)

    @rule(b=either)
    def remove_the_current_one(self, b):
        self.remove_namespace(b, self.current[b])

    # ---- what is kept of a value

    @rule(b=either, i=any_there)
    @when(has_names)
    def hold(self, b, i):
        space, name = self.there(i)
        self.held.append((self.brains[b].recall(name, namespace=space), self.model[space][name]))

    @rule(b=either, i=any_there, value=large)
    @when(has_names)
    def hold_and_replace(self, b, i, value):
        self.hold(b, i)
        self.put(1 - b, *self.there(i), value)

    @rule(i=st.integers(0, 100))
    @when(lambda self: self.held)
    def let_go(self, i):
        del self.held[i % len(self.held)]

    @rule(b=either, i=any_there)
    @when(has_names)
    def refer(self, b, i):
        space, name = self.there(i)
        ref = self.brains[b].ref(name, namespace=space)
        self.refs.append((ref, self.model[space][name]))
        copy = pickle.loads(pickle.dumps(ref))
        assert copy == ref and same(copy.value, wanted(self.model[space][name]))

    @rule(i=st.integers(0, 100))
    @when(lambda self: self.refs)
    def use_ref(self, i):
        ref, text = self.refs.pop(i % len(self.refs))
        assert same(ref.value, wanted(text))

    @rule(b=either)
    def send_refs(self, b):
        """To all that is there; on its way, nothing keeps a value."""
        self.sent = [
            (pickle.dumps(self.brains[b].ref(name, namespace=space)), space, name, text)
            for space, texts in self.model.items()
            for name, text in texts.items()
        ]

    @rule(b=either)
    def receive_refs(self, b):
        for pickled, space, name, text in self.sent:
            ref = pickle.loads(pickled)
            if self.brains[b].version(name, namespace=space) == ref.version:
                assert same(ref.value, wanted(text))
            else:
                raises(exceptions.BrainReferenceError, lambda ref=ref: ref.value)

    @rule(b=either, i=any_there, value=values)
    @when(has_names)
    def replace_while_sent(self, b, i, value):
        self.send_refs(b)
        self.put(1 - b, *self.there(i), value)
        self.receive_refs(b)

    @rule(b=either, i=any_there)
    @when(has_names)
    def explain(self, b, i):
        space, name = self.there(i)
        stored = self.brains[b].explain(name, namespace=space)
        alone = self.brains[b].explain_value(make(self.model[space][name]))
        assert (stored.kind, stored.type) == (alone.kind, alone.type)
        assert stored.total_bytes == alone.total_bytes

    @rule(b=either, space=spaces, name=names, n=st.sampled_from([0, 1, 100, 250, 20_000]))
    def begin_draft(self, b, space, name, n):
        if len(self.drafts) < 3:
            draft = self.brains[b].empty(name, n, "f8", namespace=space)
            draft.value[...] = np.arange(n)
            self.drafts.append((draft, space, name, f"np.arange({n}.0)"))

    @rule(i=st.integers(0, 2), gives_up=st.booleans())
    @when(lambda self: self.drafts)
    def end_draft(self, i, gives_up):
        draft, space, name, text = self.drafts.pop(i % len(self.drafts))
        if gives_up:
            draft.abandon()
        else:
            draft.seal()
            self.space(space)[name] = text
            draft.value[...] = -1  # which is nobody else's by now

    # ---- others

    @rule(close_first=st.booleans())
    def reopen(self, close_first):
        space = self.current[1]
        if any(draft._brain is self.brains[1] for draft, *_ in self.drafts):
            return
        if close_first:
            self.brains[1].close()
            self.brains[1] = Brain(self.path, namespace=space)
        else:
            self.brains[1].sleep()
            self.brains[1].wake_up()
        if space != "default":
            self.space(space)

    @rule(b=either, space=spaces, name=names, value=values)
    def fork(self, b, space, name, value):
        def child():
            self.compare(self.brains[b])
            self.check_kept()
            self.brains[b].learn(name, make(value), namespace=space)
            assert same(self.brains[b].recall(name, namespace=space), wanted(value))

        _, status = os.waitpid(in_child(child), 0)
        assert status == 0, status
        self.space(space)[name] = value

    @rule(
        b=either,
        space=spaces,
        changes=st.lists(st.tuples(names, st.none() | values), min_size=2, max_size=6),
        n_done=st.integers(0, 4),
    )
    def kill(self, b, space, changes, n_done):
        """A child makes changes, says so of each, and is killed after n_done: somewhere in what follows."""
        reader, writer = os.pipe()

        def child():
            brain = self.brains[b]
            for name, value in changes:
                if value is None:
                    brain.forget(name, namespace=space)
                else:
                    brain.learn(name, make(value), namespace=space)
                os.write(writer, b"x")
            signal.pause()

        n_done = min(n_done, len(changes))
        pid = in_child(child)
        os.close(writer)
        for _ in range(n_done):
            assert os.read(reader, 1) == b"x"
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reader)
        self.find_out(space, changes, n_done)

    def find_out(self, space, changes, n_done):
        """How far the child came: one of the states from n_done on is the store's."""
        states = [{**self.looked(space)}]
        for name, value in changes:
            states.append({**states[-1]})
            if value is None:
                states[-1].pop(name, None)
            else:
                states[-1][name] = value
        found = self.brains[0].get_many(self.brains[0].names(space), namespace=space)
        for state in states[n_done:]:
            if found.keys() == state.keys() and all(same(found[name], wanted(state[name])) for name in state):
                if state or space in self.model or space in self.brains[0].namespaces():
                    self.model[space] = state
                return
        raise AssertionError(f"a killed process left what was none of its states: {sorted(found)}")

    @rule(b=either, more=st.sampled_from([0, 1, 4096, 1_000_000]))
    def resize(self, b, more):
        self.brains[b].resize(self.capacity + more)
        self.capacity += more
        assert self.brains[1 - b].size() == self.capacity
        raises(exceptions.BrainValueError, self.brains[b].resize, 4095)

    @rule(b=either, less=st.sampled_from([1, 4096, 1_000_000, CAPACITY]))
    def shrink(self, b, less):
        wanted = max(self.capacity - less, 4096)
        try:
            self.brains[b].resize(wanted)
        except exceptions.BrainFullError:
            stat = self.brains[b].stat()
            assert stat["live_bytes"] + stat["limbo_bytes"] + stat["private_bytes"] > wanted
        else:
            assert self.brains[1 - b].size() == wanted
            self.brains[1 - b].resize(self.capacity)  # there is room for all that the others put
        assert self.brains[b].size() == self.capacity

    @rule(b=either)
    def trim(self, b):
        self.brains[b].trim()

    # ---- Plasma beside

    @rule(value=values)
    def plasma_put(self, value):
        before = self.brains[0].used()
        self.objects[self.client.put(make(value))] = value
        self.object_bytes += self.brains[0].used() - before

    @rule(i=st.integers(0, 100))
    @when(lambda self: self.objects)
    def plasma_get(self, i):
        object_id = sorted(self.objects, key=lambda one: one.binary())[i % len(self.objects)]
        assert self.client.contains(object_id)
        assert same(self.client.get(object_id), wanted(self.objects[object_id]))

    @rule(i=st.integers(0, 100))
    @when(lambda self: self.objects)
    def plasma_delete(self, i):
        object_id = sorted(self.objects, key=lambda one: one.binary())[i % len(self.objects)]
        before = self.brains[0].used()
        self.client.delete([object_id])
        del self.objects[object_id]
        self.object_bytes += self.brains[0].used() - before
        assert not self.client.contains(object_id)

    # ---- after each step

    def compare(self, brain):
        for space in SPACES:
            want = self.looked(space)
            found = brain.get_many({*NAMES, *want}, namespace=space)
            assert found.keys() == want.keys(), (space, sorted(found), sorted(want))
            assert sorted(brain.names(space)) == sorted(want)
            assert len(brain.keys(namespace=space)) == len(want)
            for name, value in found.items():
                assert same(value, wanted(want[name])), (space, name, value)
        here = self.looked(brain.namespace)
        assert len(brain) == len(here) and sorted(brain) == sorted(here)
        assert all((name in brain) == (name in here) for name in NAMES)

    def check_kept(self):
        for value, text in self.held:
            assert same(value, wanted(text)), text

    @invariant()
    def has_what_the_dicts_have(self):
        for brain, current in zip(self.brains, self.current):
            assert brain.namespace == current
            self.compare(brain)
        assert self.brains[0].namespaces() - {"default"} == self.model.keys() - {"default"}

    @invariant()
    def is_sound(self):
        bytes_of_names = sum(self.size_of(text) for names in self.model.values() for text in names.values())
        assert self.brains[0].used() == bytes_of_names + self.object_bytes
        assert self.brains[0].check() == []

    @invariant()
    def what_was_recalled_stays(self):
        self.check_kept()

    def teardown(self):
        for draft, *_ in self.drafts:
            draft.abandon()
        self.held = self.drafts = self.refs = draft = _ = None
        try:
            if sys.exc_info()[0] is None:
                self.nothing_is_left()
        finally:
            self.client.disconnect()
            self.brains[1].close()
            self.brains[0].destroy()
            self.scratch.destroy()

    def nothing_is_left(self):
        gc.collect()
        brain = self.brains[0]
        if self.objects:
            self.client.delete(list(self.objects))
        for space in self.model:
            if space == "default":
                brain.clear(namespace=space)
            else:
                brain.remove_namespace(space)
        brain.trim()
        stat = brain.stat()
        for what in ("live_bytes", "limbo_bytes", "n_limbo", "private_bytes", "n_pins", "n_snapshots"):
            assert stat[what] == 0, (what, stat)
        assert stat["n_clients"] <= 4
        assert brain.check() == []


BOUNDED = settings(
    max_examples=80,
    stateful_step_count=30,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # to look for a shorter program takes minutes
    suppress_health_check=list(HealthCheck),
)


def main(machine=StoreMachine):
    parser = argparse.ArgumentParser(description="A store against plain dicts.")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--programs", type=int)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
    if options.programs:
        run_state_machine_as_test(machine, settings=settings(BOUNDED, max_examples=options.programs))
        return
    end, n = time.monotonic() + options.seconds, 0
    every = settings(
        BOUNDED,
        derandomize=False,
        max_examples=20,  # at a time
        stateful_step_count=80,
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    while time.monotonic() < end:
        run_state_machine_as_test(machine, settings=every)
        n += every.max_examples
    print(f"{n} programs of up to {every.stateful_step_count} steps each: nothing was found")


if __name__ == "__main__":
    main()
