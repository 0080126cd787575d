"""What bad input and bad luck get: an exception that says what, where and what to do, and nothing lost."""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading

import numpy as np
import pytest
import brain_plasma
from brain_plasma import Brain, exceptions, plasma

# ---- a full store -------------------------------------------------------------------------------


@pytest.fixture
def small(path):
    with Brain(path, capacity=1_000_000) as brain:
        yield brain


def test_what_an_empty_store_would_not_hold(small):
    with pytest.raises(exceptions.BrainFullError, match="Empty it would not hold that: resize it"):
        small["x"] = bytes(2_000_000)
    with pytest.raises(exceptions.BrainFullError, match="Delete values, let go of views, or resize"):
        for n in range(20):
            small[f"{n}"] = bytes(100_000)


class NoRepr:
    def __repr__(self):
        raise RuntimeError("this has no repr")


@pytest.mark.parametrize(
    "call",
    [
        lambda brain: brain.__setitem__(NoRepr(), 1),
        lambda brain: brain.version("a", namespace=NoRepr()),
        lambda brain: plasma.ObjectID(NoRepr()),
    ],
    ids=["name", "namespace", "object id"],
)
def test_what_has_no_repr_is_refused_all_the_same(path, call):
    with Brain(path) as brain, pytest.raises((TypeError, ValueError), match="<object at 0x"):
        call(brain)


@pytest.mark.parametrize("what", [KeyboardInterrupt, MemoryError])
def test_what_a_repr_raises_that_is_no_error_of_its_own_goes_on(path, what):
    class Interrupted:
        def __repr__(self):
            raise what

    with Brain(path) as brain, pytest.raises(what):
        brain[Interrupted()] = 1


def test_a_full_store_says_what_is_asked_and_what_is_there(small):
    small["x"] = b"x" * 600_000
    with pytest.raises(exceptions.BrainFullError) as caught:
        small["y"] = b"y" * 500_000
    assert isinstance(caught.value, MemoryError)
    for number in ("500000", "600000", "1000000"):
        assert number in str(caught.value).replace(",", "").replace("_", "")
    assert "y" not in small
    assert small.used() == 600_000
    assert small["x"] == b"x" * 600_000
    assert small.check() == []


def test_a_full_store_names_who_pins(small):
    small["x"] = np.zeros(600_000, "u1")
    recalled = small["x"]
    del small["x"]
    with pytest.raises(exceptions.BrainFullError) as caught:
        small["y"] = b"y" * 500_000
    assert str(os.getpid()) in str(caught.value)
    assert small.used() == 0
    del recalled
    small["y"] = b"y" * 500_000


def test_a_replacement_that_does_not_fit_leaves_the_old_value(small):
    small["x"] = b"x" * 600_000
    version = small.version("x")
    for _ in range(50):
        with pytest.raises(exceptions.BrainFullError):
            small["x"] = b"y" * 1_000_001
    assert small["x"] == b"x" * 600_000
    assert small.version("x") == version
    assert small.used() == 600_000


def test_a_batch_that_does_not_fit_changes_nothing(small):
    small["a"] = 1
    with pytest.raises(exceptions.BrainFullError, match="^3 values of 1200008 bytes in all are to be put in one"):
        small.set_many({"a": 2, "b": b"x" * 600_000, "c": b"y" * 600_000})
    assert dict(small.items()) == {"a": 1}
    assert small.used() == 8
    assert small.check() == []


def test_a_batch_that_does_not_fit_is_encoded_once(small):
    """The text of the error is no reason to run anybody's code, which may raise, and not only what is an error."""

    class Thing:
        def __init__(self):
            self.n_encoded = 0

    def encode(thing):
        thing.n_encoded += 1
        if thing.n_encoded > 1:
            raise KeyboardInterrupt
        return bytes(600_000)

    brain_plasma.register(Thing, encode, lambda data: Thing())
    try:
        things = Thing(), Thing(), Thing()
        with pytest.raises(exceptions.BrainFullError, match="^3 values are to be put in one step: "):
            small.set_many(dict(zip("abc", things)))
        assert [thing.n_encoded for thing in things] == [1, 1, 0]
        with pytest.raises(exceptions.BrainFullError, match="^2 values of 1200[0-9]{3} bytes in all are to be put in one"):
            small.set_many({"a": Thing(), "b": Thing()})
    finally:
        brain_plasma.unregister(Thing)


def test_exactly_the_capacity_fits(small):
    small["x"] = b"x" * 1_000_000
    assert small.free() == 0
    del small["x"]
    with pytest.raises(exceptions.BrainFullError):
        small["x"] = b"x" * 1_000_001


TINY = """
import os, subprocess, sys
from brain_plasma import Brain, exceptions
subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tiny', '/mnt'], check=True)
brain = Brain('/mnt/store', capacity=100_000_000)
brain['kept'] = b'k' * 1_000_000
used = brain.used()
for size in (20_000_000, 3_000_000, 3_000_000, 3_000_000, 3_000_000):
    try:
        brain[f'name {size}'] = os.urandom(size)
    except exceptions.BrainFullError as error:
        message = str(error)
        continue
    del brain[f'name {size}']
try:
    n = 0
    while True:
        brain[f'small {n}'] = b'x' * 1000
        n += 1
except exceptions.BrainFullError as error:
    message = str(error)
assert n > 1000, n
assert brain['kept'] == b'k' * 1_000_000
assert brain.used() == used + 1000 * n
assert brain.check() == []
for m in range(n):
    assert len(brain[f'small {m}']) == 1000
    del brain[f'small {m}']
assert brain.used() == used
print(message)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount one")
def test_a_full_file_system_is_an_error_and_no_death():
    unshare = shutil.which("unshare")
    if unshare is None or subprocess.run([unshare, "-m", "true"]).returncode != 0:
        pytest.skip("no mount namespaces here")
    done = subprocess.run([unshare, "-m", sys.executable, "-c", TINY], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "/mnt/store" in done.stdout or "file system" in done.stdout


# ---- paths that are no store --------------------------------------------------------------------


def test_no_store_where_none_is_to_be_made(path):
    with pytest.raises(exceptions.BrainStoreNotFoundError, match=path) as caught:
        Brain(path, create=False)
    assert isinstance(caught.value, FileNotFoundError)
    assert not os.path.lexists(path)


def test_a_folder_that_does_not_exist(path):
    with pytest.raises(exceptions.BrainError, match="/nowhere"):
        Brain(f"{path}/nowhere/store")


@pytest.mark.parametrize("folder", ["/dev/shm", "/tmp"])
def test_a_path_that_is_a_file(folder):
    file = pathlib.Path(f"{folder}/brain-test-{os.getpid()}-file")
    file.write_text("mine")
    try:
        with pytest.raises(exceptions.BrainError, match=str(file)):
            Brain(str(file))
        assert file.read_text() == "mine"
    finally:
        file.unlink()


def test_a_folder_that_is_no_store(path):
    os.mkdir(path)
    pathlib.Path(path, "mine").write_text("mine")
    with pytest.raises(exceptions.BrainError, match=path):
        Brain(path)
    assert pathlib.Path(path, "mine").read_text() == "mine"


def test_a_link_to_somewhere_else(path, tmp_path):
    os.symlink(tmp_path, path)
    with pytest.raises(exceptions.BrainError, match=str(tmp_path)):
        Brain(path)
    assert os.listdir(tmp_path) == []


def test_a_link_that_dangles(tmp_path):
    """To a target that no store of ours would have: nobody's guess what is meant."""
    link = tmp_path / "store"
    link.symlink_to("/dev/shm/nobody-has-made-this")
    with pytest.raises(exceptions.BrainError, match=str(link)):
        Brain(str(link))
    assert link.is_symlink()


def test_a_link_whose_store_is_gone_is_replaced(tmp_path):
    link = tmp_path / "store"
    with Brain(link) as brain:
        brain["x"] = 1
        shutil.rmtree(brain.directory)  # as a reboot does
    with Brain(link) as brain:
        assert len(brain) == 0
        brain.destroy()


@pytest.mark.parametrize("path", ["", "/dev/shm/\0", "/dev/shm/" + "x" * 5000])
def test_what_cannot_be_a_path(path):
    with pytest.raises(exceptions.BrainError):
        Brain(path=path)


@pytest.mark.parametrize(
    "options",
    [
        {"capacity": 0},
        {"capacity": -1},
        {"capacity": 100},
        {"capacity": 2**45},
        {"capacity": 1.5},
        {"mode": 0o777},
        {"mode": 0},
        {"group": -1},
        {"group": "a group that nobody has"},
        {"lock_timeout": -1},
        {"lock_timeout": float("nan")},
        {"keep_free": -1},
        {"keep_free": 2**42 + 1},
        {"keep_free": "1"},
        {"keep_free": 1e9},
    ],
    ids=str,
)
def test_options_out_of_range(path, options):
    with pytest.raises(exceptions.BrainValueError):
        Brain(path, **options)
    assert not os.path.lexists(path)


@pytest.mark.parametrize("capacity", [-1, 0, 1, 4095, 2**42 + 1, 2**80, 1.5, "20MB", None], ids=str)
def test_what_is_no_capacity_is_answered_in_one_wording(path, brain, capacity):
    what = rf"a capacity is a number of bytes, an int from 4096 to 2\*\*42, not {capacity!r}"
    with pytest.raises(exceptions.BrainValueError, match=what):
        brain.resize(capacity)
    if capacity is not None:
        with pytest.raises(exceptions.BrainValueError, match=what):
            Brain(path, capacity=capacity)


@pytest.mark.parametrize(
    ("capacity", "hint"),
    [
        (1e9, r"1000000000\.0: write int\(1e\+09\)$"),
        (12345678.0, r"12345678\.0: write int\(12345678\.0\)$"),
        (np.float64(2e6), r": write int\(2e\+06\)$"),
        ("2GB", r"'2GB': 2 GB, say, are 2 \* 10\*\*9$"),
        (1.5, r"1\.5$"),
        (float("inf"), "inf$"),
        (float("nan"), "nan$"),
        (1e300, r"1e\+300$"),
    ],
    ids=str,
)
def test_what_is_nearly_a_capacity_is_told_how_to_write_it(path, brain, capacity, hint):
    for use in (brain.resize, lambda capacity: Brain(path, capacity=capacity)):
        with pytest.raises(exceptions.BrainValueError, match=hint):
            use(capacity)


def test_any_whole_number_is_a_capacity(new_path):
    with Brain(new_path(), capacity=np.int64(1_000_000)) as brain:
        brain.resize(np.int64(2_000_000))
        assert brain.size() == 2_000_000


def test_a_mode_that_no_store_has_is_shown_as_one_writes_it(path):
    with pytest.raises(exceptions.BrainValueError, match="0o600, 0o640 or 0o660, not 0o777"):
        Brain(path, mode=0o777)


@pytest.mark.parametrize("place", ["rel", "a-relative-path-that-is-long"])
def test_a_path_without_a_slash_says_how_to_write_it(place):
    with pytest.raises(exceptions.BrainNamespaceNameError) as caught:
        Brain(place)
    assert f"for a path write './{place}' or path='{place}'" in str(caught.value)
    for first in ("mine", "/dev/shm/mine-or-so"):
        with pytest.raises(exceptions.BrainNamespaceNameError) as caught:
            Brain(first, path="/dev/shm/somewhere")
        assert "the path is path='/dev/shm/somewhere'" in str(caught.value) and "./" not in str(caught.value)
    with pytest.raises(exceptions.BrainNamespaceNameError) as caught:
        Brain(namespace=place)
    assert "for a path" not in str(caught.value)


# ---- damage -------------------------------------------------------------------------------------


def files(path):
    return [pathlib.Path(os.path.realpath(path), name) for name in ("data", "clients")]


@pytest.mark.parametrize("which", [0, 1])
def test_a_store_cut_short(path, which):
    with Brain(path) as brain:
        brain["x"] = 1
    file = files(path)[which]
    os.truncate(file, file.stat().st_size // 2 // 4096 * 4096 if which else 4096)
    with pytest.raises(exceptions.BrainCorruptError, match=path):
        Brain(path)


@pytest.mark.parametrize("which", [0, 1])
def test_a_store_without_a_file(path, which):
    Brain(path).close()
    files(path)[which].unlink()
    with pytest.raises(exceptions.BrainError, match=path):
        Brain(path)


@pytest.mark.parametrize("which", [0, 1])
def test_a_store_whose_first_bytes_are_others(path, which):
    Brain(path).close()
    with open(files(path)[which], "r+b") as file:
        file.write(b"\xff" * 64)
    with pytest.raises((exceptions.BrainCorruptError, exceptions.BrainFormatError), match=path):
        Brain(path)


INDEX_STATE = 4096  # the first word of the second page
SPACES = 22 * 8  # where the first page says where the records of namespaces are, of 128 bytes each


@pytest.mark.parametrize("what", ["index", "namespace"])
def test_a_word_that_is_damaged(path, what, other):
    """It neither ends nor stops the process: a split of a bucket far beyond the index; a record that is of
    another namespace than the index says."""
    with Brain(path) as brain:
        brain["x"] = 1
    dead = other("from brain_plasma import Brain\nbrain = Brain(path)\nprint()\ninput()")
    dead.line()
    dead.signal(signal.SIGKILL)
    dead.process.wait()
    with open(files(path)[0], "r+b") as file:
        if what == "index":
            file.seek(INDEX_STATE)
            file.write(b"\xa1\xf4\xf0\x89\0\0\0\0")
        else:
            file.seek(SPACES)
            file.seek(int.from_bytes(file.read(8), "little") + 128 + 48)
            file.write(b"\xff" * 4)
    for use in "brain['x']", "len(brain)":
        code = f"""
import signal
from brain_plasma import Brain
from brain_plasma.exceptions import BrainCorruptError
signal.alarm(20)
try:
    brain = Brain(path)
    {use}
except BrainCorruptError as error:
    print(path in str(error))
"""
        assert other(code).end() == "True"


# ---- a store that is gone -----------------------------------------------------------------------


def test_a_store_that_is_destroyed_while_open(path):
    with Brain(path) as brain, Brain(path) as other:
        brain["x"] = np.arange(1000)
        recalled = other["x"]
        brain.destroy()
        uses = [
            lambda: other["x"],
            lambda: other.__setitem__("x", 1),
            lambda: other.__delitem__("x"),
            lambda: "x" in other,
            lambda: len(other),
            lambda: list(other),
            lambda: other.get("x"),
            lambda: other.get_many(["x"]),
            lambda: other.set_many({"x": 1}),
            lambda: other.wait("x", 0),
            lambda: other.version("x"),
            lambda: other.namespaces(),
            lambda: other.set_namespace("another"),
            lambda: other.used(),
            lambda: other.stat(),
            lambda: other.trim(),
            lambda: other.compact(),
            lambda: other.keep_free,
            lambda: setattr(other, "keep_free", 0),
            lambda: other.check(),
            lambda: other.resize(2**40),
            lambda: other.destroy(),
        ]
        for use in uses:
            with pytest.raises(exceptions.BrainDestroyedError, match=path):
                use()
        assert np.array_equal(recalled, np.arange(1000))


def test_a_wait_ends_when_the_store_is_destroyed(path, other):
    with Brain(path) as brain:
        waiter = other(
            """
from brain_plasma import Brain, exceptions
brain = Brain(path)
print('ready', flush=True)
try:
    brain.wait('x', 0)
except exceptions.BrainDestroyedError:
    print('destroyed')
"""
        )
        waiter.line()
        brain.destroy()
        assert waiter.end() == "destroyed"


# ---- names and values ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [5, None, b"x", ("x",), 1.5, ["x"]], ids=repr)
def test_a_name_of_the_wrong_type(brain, name):
    uses = [
        lambda: brain[name],
        lambda: brain.__setitem__(name, 1),
        lambda: brain.__delitem__(name),
        lambda: name in brain,
        lambda: brain.get(name),
        lambda: brain.pop(name, 1),
        lambda: brain.setdefault(name, 1),
        lambda: brain.version(name),
        lambda: brain.replace_if(name, 1, 0),
        lambda: brain.wait(name, 0, 0),
        lambda: brain.get_many([name]),
    ]
    for use in uses:
        with pytest.raises(exceptions.BrainNameTypeError) as caught:
            use()
        assert isinstance(caught.value, TypeError)
        assert repr(name) in str(caught.value)
    assert len(brain) == 0


def test_a_name_that_is_too_long(brain):
    for name in ("x" * 65_536, "é" * 32_768):
        for use in (lambda: brain[name], lambda: brain.__setitem__(name, 1), lambda: name in brain):
            with pytest.raises(exceptions.BrainNameLengthError, match="65535"):
                use()


@pytest.mark.parametrize("name", ["\ud800", "a\udc80b"], ids=ascii)
def test_a_name_with_lone_surrogates(brain, name):
    for use in (lambda: brain[name], lambda: brain.__setitem__(name, 1), lambda: name in brain):
        with pytest.raises(exceptions.BrainValueError, match="surrogate"):
            use()


@pytest.mark.parametrize("namespace", [5, b"bytes"], ids=repr)
def test_a_namespace_of_the_wrong_type(brain, path, namespace):
    for use in (
        lambda: brain.set_namespace(namespace),
        lambda: brain.remove_namespace(namespace),
        lambda: brain.names(namespace),
        lambda: Brain(path, namespace=namespace),
    ):
        with pytest.raises(exceptions.BrainNameTypeError):
            use()


class Model:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)


class Slotted:
    __slots__ = ("conn",)


def with_slots(value):
    slotted = Slotted()
    slotted.conn = value
    return slotted


def connection():
    return sqlite3.connect(":memory:")


UNSTORABLE = {
    "value": connection,
    "value['model']": lambda: {"a": 1, "model": connection()},
    "value['model'].conn": lambda: {"model": Model(a=1, conn=connection())},
    "value[1][0]": lambda: [1, (connection(), 2)],
    "value.conn": lambda: with_slots(connection()),
    "value.a.b[2]": lambda: Model(a=Model(b=[1, 2, connection()])),
    "value[0]": lambda: np.array([threading.Lock(), 1], object),
}


@pytest.mark.parametrize("where", UNSTORABLE)
def test_a_value_that_cannot_be_stored_says_which_part(brain, where):
    brain["x"] = "old"
    value = UNSTORABLE[where]()
    with pytest.raises(exceptions.BrainValueTypeError) as caught:
        brain["x"] = value
    assert isinstance(caught.value, TypeError)
    assert f": {where} is of type" in str(caught.value)
    assert "'x'" in str(caught.value)
    assert caught.value.__cause__ is not None
    assert brain["x"] == "old"
    assert brain.check() == []


def test_a_column_that_cannot_be_stored(brain):
    pd = pytest.importorskip("pandas")
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\['b'\]\[1\] is of type"):
        brain["x"] = pd.DataFrame({"a": [1, 2], "b": [1, threading.Lock()]})


@pytest.mark.parametrize("value", [(n for n in "abc"), threading.Lock(), threading.local()], ids=repr)
def test_values_that_no_pickle_knows(brain, value):
    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = value
    assert "x" not in brain


def test_a_value_that_is_nested_too_deep(brain):
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(exceptions.BrainValueTypeError, match="RecursionError"):
        brain["x"] = value
    while value:  # or its end would take the stack with it
        value = value.pop()


class Odd:
    """Cannot even be taken apart."""

    def __reduce_ex__(self, protocol):
        raise KeyError("odd")


def test_a_value_that_fails_in_its_own_way(brain):
    with pytest.raises(exceptions.BrainValueTypeError, match="KeyError: 'odd'"):
        brain["x"] = [Odd()]


def interrupt():
    raise KeyboardInterrupt


class Interrupted:
    def __reduce_ex__(self, protocol):
        raise KeyboardInterrupt


def test_an_interrupt_while_pickling_passes_through(brain):
    with pytest.raises(KeyboardInterrupt):
        brain["x"] = Interrupted()


class Unloadable:
    """Pickles, and does not unpickle."""

    def __reduce__(self):
        return fail, ()


def fail():
    raise KeyError("from the value")


def test_a_value_that_cannot_be_unpickled_is_not_a_missing_name(brain):
    brain["x"] = Unloadable()
    for use in (lambda: brain["x"], lambda: brain.get("x"), lambda: brain.pop("x")):
        with pytest.raises(exceptions.BrainValueError, match="'x'.*from the value") as caught:
            use()
        assert not isinstance(caught.value, KeyError)
        assert isinstance(caught.value.__cause__, KeyError)
    assert "x" in brain


class ClosesWhilePickled:
    def __init__(self, brain):
        self.brain = brain

    def __reduce__(self):
        self.brain.close()
        return int, ()


def test_a_value_that_closes_the_brain_while_it_is_pickled(brain):
    for use in (
        lambda brain: brain.__setitem__("x", ClosesWhilePickled(brain)),
        lambda brain: brain.set_many({"a": 1, "b": ClosesWhilePickled(brain), "c": 2}),
        lambda brain: brain.setdefault("x", ClosesWhilePickled(brain)),
        lambda brain: brain.replace_if("x", ClosesWhilePickled(brain), 0),
    ):
        with Brain(brain.path) as one, pytest.raises(exceptions.BrainClosedError):
            use(one)
    assert len(brain) == 0


# ---- a closed Brain -----------------------------------------------------------------------------


def test_a_closed_brain_says_so(path):
    brain = Brain(path)
    brain["x"] = 1
    brain.close()
    uses = [
        lambda: brain["x"],
        lambda: brain.__setitem__("x", 1),
        lambda: brain.__delitem__("x"),
        lambda: "x" in brain,
        lambda: len(brain),
        lambda: bool(brain),
        lambda: iter(brain),
        lambda: brain.names(),
        lambda: brain.names("all"),
        lambda: brain.names("another"),
        lambda: brain.get("x"),
        lambda: brain.pop("x", 1),
        lambda: brain.popitem(),
        lambda: brain.setdefault("x", 1),
        lambda: brain.update(x=1),
        lambda: brain.set_many({}),
        lambda: brain.get_many([]),
        lambda: brain.get_many(["x"]),
        lambda: list(brain.values()),
        lambda: list(brain.items()),
        lambda: list(brain.keys()),
        lambda: brain.clear(),
        lambda: brain.version("x"),
        lambda: brain.replace_if("x", 1, 0),
        lambda: brain.wait("x", 0),
        lambda: brain.namespace,
        lambda: brain.namespaces(),
        lambda: brain.set_namespace(),
        lambda: brain.set_namespace("another"),
        lambda: brain.remove_namespace("another"),
        lambda: brain.size(),
        lambda: brain.used(),
        lambda: brain.free(),
        lambda: brain.stat(),
        lambda: brain.resize(2**40),
        lambda: brain.trim(),
        lambda: brain.check(),
        lambda: brain.destroy(),
        lambda: brain.directory,
        lambda: brain.read_only,
        lambda: brain.__reduce__(),
    ]
    for number, use in enumerate(uses):
        with pytest.raises(exceptions.BrainClosedError, match=path):
            use()
            pytest.fail(f"use {number} of a closed Brain")
    assert brain.path == path
    with Brain(path) as again:
        assert again["x"] == 1


def test_a_brain_that_was_never_opened():
    brain = Brain.__new__(Brain)
    for use in (lambda: brain["x"], lambda: len(brain), lambda: brain.__setitem__("x", 1)):
        with pytest.raises(exceptions.BrainClosedError, match="__init__"):
            use()
    assert brain.path is None
    brain.close()


# ---- descriptors closed behind our back ---------------------------------------------------------

CLOSED_DESCRIPTORS = """
import os, numpy
from brain_plasma import Brain
brain = Brain(path, capacity=50_000_000)
brain['x'] = numpy.arange(1000)
recalled = brain['x']
os.closerange(3, 1000)
others = [os.open('/dev/null', os.O_RDWR) for _ in range(50)]
for n in range(50):
    brain[f'small {n}'] = n
    brain[f'large {n}'] = numpy.full(100_000, n)
brain.resize(200_000_000)
for n in range(50):
    assert brain[f'small {n}'] == n
    assert brain[f'large {n}'][-1] == n
brain.clear()
brain.trim()
assert recalled.sum() == 499500
del recalled
assert brain.check() == []
brain.trim()
assert brain.used() == 0
brain.stat()
for other in others:
    os.fstat(other)
brain.close()
for other in others:
    os.close(other)
print('done')
"""


def test_descriptors_closed_behind_our_back(path, other):
    assert other(CLOSED_DESCRIPTORS).end() == "done"
    with Brain(path) as brain:
        assert brain.check() == []


# ---- Ctrl-C -------------------------------------------------------------------------------------

WAITING = """
import os, signal
from brain_plasma import Brain
signal.signal(signal.SIGINT, signal.default_int_handler)
handled = []
# Not by print(): the signal may come in the middle of another one.
signal.signal(signal.SIGUSR1, lambda *_: (handled.append(1), os.write(1, b'handled\\n')))
brain = Brain(path)
try:
    print('ready', flush=True)
    brain.wait('x', 0)
except KeyboardInterrupt:
    print('interrupted', len(handled), flush=True)
brain['after'] = 1
"""


def test_ctrl_c_ends_a_wait_and_other_signals_do_not(brain, other):
    waiter = other(WAITING)
    waiter.line()
    for _ in range(3):
        waiter.signal(signal.SIGUSR1)
        assert waiter.line() == "handled"
    waiter.signal(signal.SIGINT)
    assert waiter.end() == "interrupted 3"
    assert brain["after"] == 1
