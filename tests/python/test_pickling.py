"""How values are pickled: what stays beside the pickle, cycles, lambdas, and what is in the main module."""

import copyreg
import ctypes
import dataclasses
import functools
import io
import multiprocessing
import pickle
import socket
import subprocess
import sys
import threading
import types

import numpy as np
import pytest
from brain_plasma import Brain, codecs, exceptions, pickling
from test_codecs_arrays import address, lies_in_the_store


def dumps(value):
    """The pickle of a value, and its buffers."""
    buffers = []
    return pickling.dumps(value, buffers.append), buffers


def trip(value):
    stream, buffers = dumps(value)
    return pickle.loads(stream, buffers=buffers)


class Point:
    def __init__(self, x, y):
        self.x, self.y = x, y


class Box:
    """Has an encoder in the tests that ask for it."""

    def __init__(self, content=None):
        self.content = content


@pytest.fixture
def boxes():
    """What the encoder of boxes was given; what it returns can be changed."""
    seen = types.SimpleNamespace(values=[], encode=lambda box: [box.content])

    def encode(box):
        seen.values.append(box)
        return seen.encode(box)

    codecs.register(Box, encode, lambda payload: Box(*payload))
    yield seen
    codecs.unregister(Box)


# ---- the table ----------------------------------------------------------------------------------


def test_objects_of_classes_without_an_encoder_are_pickled_as_always():
    value = [Point(1, 2.5), {"p": Point("a", None)}, {Point}, len, functools.partial(Point, 1), range(3)]
    value.append(value[0])
    stream, buffers = dumps(value)
    assert stream == pickle.dumps(value, 5)
    assert buffers == []


def test_a_class_is_pickled_by_its_place_whatever_its_metaclass():
    class Meta(type):
        pass

    module = types.ModuleType("has_a_metaclass")
    sys.modules["has_a_metaclass"] = module
    try:
        module.Made = Meta("Made", (), {"__module__": "has_a_metaclass"})
        assert trip([module.Made]) == [module.Made]
        assert dumps(module.Made)[0] == pickle.dumps(module.Made, 5)
    finally:
        del sys.modules["has_a_metaclass"]


def test_an_encoder_is_asked_once_for_an_object(boxes):
    box = Box(Box(1))
    outer, again = trip([box, box])
    assert outer is again
    assert outer.content.content == 1
    assert boxes.values == [box, box.content]


def test_reducers_of_others_are_asked(boxes):
    copyreg.pickle(Point, lambda point: (Point, (point.y, point.x)))
    try:
        assert trip(Point(1, 2)).x == 2
    finally:
        del copyreg.dispatch_table[Point]
    assert trip(Point(1, 2)).x == 1


def test_an_encoder_may_leave_a_value_to_pickle(boxes):
    codecs.encoders[Box] = lambda box: None
    assert trip(Box([1])).content == [1]


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_what_holds_itself_through_its_payload(brain, boxes, depth):
    box = Box()
    box.content = functools.reduce(lambda inner, _: [inner], range(depth), {"array": np.arange(3), "box": box})
    brain["x"] = box
    recalled = brain["x"]
    inner = functools.reduce(lambda outer, _: outer[0], range(depth), recalled.content)
    assert inner["box"] is recalled
    assert lies_in_the_store(inner["array"])


def test_what_holds_itself_through_two_that_have_encoders(boxes):
    one, other = Box(), Box()
    one.content, other.content = [other], [one]
    recalled = trip([one, np.arange(3)])[0]
    assert recalled.content[0].content[0] is recalled


def test_objects_that_an_encoder_makes_are_told_apart(boxes):
    # An address is used again as soon as such an object is gone.
    boxes.encode = lambda box: [Box(box.content - 1)] if box.content else [None]
    outer = trip([Box(n) for n in range(100)])
    assert len({id(box) for box in outer}) == 100
    for n, box in enumerate(outer):
        for _ in range(n):
            box = box.content
        assert box.content is None


def test_what_an_encoder_raises(brain, boxes):
    def encode(box):
        raise KeyError("no such thing")

    boxes.encode = encode
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\['a'\]\[1\] is of type test_pickling.Box, whose encoder failed .KeyError: 'no such thing'") as caught:
        brain["x"] = {"a": [1, Box()]}
    assert type(caught.value.__cause__) is KeyError


def test_the_part_of_a_payload_that_cannot_be_pickled(brain, boxes):
    boxes.encode = lambda box: {"content": box.content, "made": [threading.Lock()] if box.content is None else 1}
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\[0\]\.content is of type _thread.lock"):
        brain["x"] = [Box(threading.Lock())]
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value, of what encode\(\) returns, \['made'\]\[0\] is of type _thread.lock"):
        brain["x"] = Box()


def test_what_is_written_in_place_is_a_buffer_in_pickles_too(brain, boxes):
    boxes.encode = lambda box: [codecs.Written(5, lambda view: view.__setitem__(slice(None), b"abcde"))]
    brain["x"] = Box()
    assert bytes(brain["x"].content) == b"abcde"
    assert lies_in_the_store(np.frombuffer(brain["x"].content, "u1"))


# ---- arrays -------------------------------------------------------------------------------------


@dataclasses.dataclass
class Model:
    name: str
    weights: np.ndarray
    parts: list


def test_arrays_in_objects_are_shared(brain):
    dates = np.arange(1000).astype("M8[ns]")
    brain["x"] = Model("m", np.arange(1000), [dates, {"strided": np.arange(1000)[::2]}])
    one, other = brain["x"], brain["x"]
    for first, second in [
        (one.weights, other.weights),
        (one.parts[0], other.parts[0]),
        (one.parts[1]["strided"], other.parts[1]["strided"]),
    ]:
        assert address(first) == address(second)
        assert lies_in_the_store(first)
    assert one.parts[0].tolist() == dates.tolist()


def test_an_array_that_comes_twice_is_one():
    array = np.arange(5)
    one, other = trip([array, array])
    assert one is other


def test_older_pickles_are_read():
    array = np.arange(12.0).reshape(3, 4)
    buffers = []
    stream = pickle.dumps({"a": array}, 5, buffer_callback=buffers.append)
    assert np.array_equal(pickle.loads(stream, buffers=buffers)["a"], array)


# ---- lambdas and local classes ------------------------------------------------------------------


def test_lambdas_and_local_classes(brain):
    pytest.importorskip("cloudpickle")
    factor = 3

    class Local:
        def times(self, x):
            return factor * x

    brain["x"] = {"f": lambda x: factor * x, "object": Local(), "array": np.arange(100)}
    recalled = brain["x"]
    assert recalled["f"](2) == recalled["object"].times(2) == 6
    assert type(recalled["object"]) is type(brain["x"]["object"]) is Local
    assert lies_in_the_store(recalled["array"])


def test_open_files_are_refused_and_not_read(brain, tmp_path):
    pytest.importorskip("cloudpickle")
    (tmp_path / "file").write_text("secret")
    with open(tmp_path / "file") as file:
        with pytest.raises(exceptions.BrainValueTypeError, match=r"value\[1\] is of type _io.TextIOWrapper"):
            brain["x"] = [lambda: 1, file]


def test_lambdas_without_cloudpickle(path):
    code = f"""
import sys
sys.modules["cloudpickle"] = None
from brain_plasma import Brain, BrainValueTypeError
class Here: pass
with Brain({path!r}) as brain:
    try:
        brain["x"] = [lambda: 1]
    except BrainValueTypeError as error:
        print(error)
    brain["y"] = Here()
    print(type(brain["y"]) is Here)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "value[0] is of type function, which cannot be pickled" in done.stdout, done.stderr
    assert "pip install cloudpickle" in done.stdout
    assert done.stdout.endswith("\nTrue\n")


# ---- the main module ----------------------------------------------------------------------------

DEFINES = """
import enum, sys, threading
from brain_plasma import Brain

class Point:
    made = 0
    def __init__(self, x): self.x = x
    def double(self): return Point(2 * self.x)

class Colour(enum.Enum):
    RED = 1

def double(point): return point.double()

"""

READS = """
import sys
from brain_plasma import Brain
brain = Brain(sys.argv[1], create=False)
point = brain["point"]
"""


def run(tmp_path, name, code, *arguments):
    """Run code as a file of its own. Returns what it prints."""
    file = tmp_path / name
    file.write_text(code)
    done = subprocess.run([sys.executable, file, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_another_program_gets_what_was_sent(path, tmp_path):
    pytest.importorskip("cloudpickle")
    with Brain(path):
        put = "brain = Brain(sys.argv[1])\nbrain['point'] = {'p': Point(3), 'c': Colour.RED, 'f': double, 'P': Point}"
        run(tmp_path, "one.py", DEFINES + put, path)
        reads = READS + """
print(point['f'](point['p']).x, point['c'].value, type(point['p']) is point['P'])
print(type(brain['point']['p']) is type(point['p']), brain['point']['c'] is point['c'])
brain['again'] = point['p']
print(type(brain['again']) is point['P'])
"""
        assert run(tmp_path, "other.py", reads, path) == ["6", "1", "True", "True", "True", "True"]


def test_a_program_of_the_same_file_gets_its_own(path, tmp_path):
    pytest.importorskip("cloudpickle")
    code = DEFINES + """
brain = Brain(sys.argv[1])
if sys.argv[2] == "put":
    brain['point'] = [Point(3), Colour.RED, double, Point]
Point.made = 5
point, colour, function, kind = brain['point']
print(type(point) is Point, isinstance(point.double(), Point), colour is Colour.RED, function is double)
print(kind is Point, Point.made)
"""
    with Brain(path):
        for what in ("put", "get"):
            assert run(tmp_path, "one.py", code, path, what) == ["True"] * 5 + ["5"]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_pools(path, tmp_path, method):
    pytest.importorskip("cloudpickle")
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip("there are no such pools here")
    code = DEFINES + """
import multiprocessing

def work(path):
    brain = Brain(path)
    point = brain['point']
    own = isinstance(point, Point) and type(point).__module__ == Point.__module__
    brain['back'] = [point.double(), Point(1)]
    return own

if __name__ == "__main__":
    brain = Brain(sys.argv[1])
    brain['point'] = Point(3)
    with multiprocessing.get_context(sys.argv[2]).Pool(1) as pool:
        print(pool.apply(work, (sys.argv[1],)))
    print(all(type(point) is Point for point in brain['back']), brain['back'][0].x)
"""
    with Brain(path):
        assert run(tmp_path, "one.py", code, path, method) == ["True", "True", "6"]


@pytest.mark.parametrize("own", [True, False])
def test_the_modules_that_cloudpickle_sends_by_value_stay_those_that_the_program_chose(path, tmp_path, own):
    pytest.importorskip("cloudpickle")
    code = DEFINES + f"""
import cloudpickle, multiprocessing

def work(path):
    if {own}:
        cloudpickle.register_pickle_by_value(sys.modules["__mp_main__"])
    brain = Brain(path)
    brain['point'] = [Point(3), double, lambda point: double(point)]
    return sorted(cloudpickle.list_registry_pickle_by_value())

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(work, (sys.argv[1],)))
"""
    with Brain(path):
        assert run(tmp_path, "one.py", code, path) == [str(["__mp_main__"] if own else [])]
        reads = READS.replace("point = ", "point, double, function = ") + "print(point.x, function(point).x)"
        assert run(tmp_path, "other.py", reads, path) == ["3", "6"]


def test_a_pool_of_a_program_without_a_file(path):
    pytest.importorskip("cloudpickle")
    code = f"""
{DEFINES}
import multiprocessing
def work(path):
    return isinstance(Brain(path)['point'], Point)
Brain({path!r})['point'] = Point(3)
with multiprocessing.get_context("fork").Pool(1) as pool:
    print(pool.apply(work, ({path!r},)))
"""
    with Brain(path):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout == "True\n", done.stderr


def test_a_class_that_uses_what_cannot_be_sent_goes_by_its_name(path, tmp_path):
    pytest.importorskip("cloudpickle")
    code = """
import sys, threading
from brain_plasma import Brain
lock = threading.Lock()
class Guarded:
    def use(self):
        with lock:
            return 5
brain = Brain(sys.argv[1])
brain['point'] = Guarded()
print(type(brain['point']) is Guarded)
"""
    with Brain(path):
        assert run(tmp_path, "one.py", code, path) == ["True"]


def test_a_text_that_looks_like_the_name_of_the_main_module(brain):
    value = ["__main__", "__mp_main__", Point("__main__", 1)]
    brain["x"] = value
    assert brain["x"][:2] == value[:2]
    assert brain["x"][2].x == "__main__"


# ---- what cannot be stored ----------------------------------------------------------------------


class Slotted:
    __slots__ = ("conn", "name")

    def __init__(self, conn):
        self.conn, self.name = conn, "name"


@dataclasses.dataclass
class Data:
    name: str
    conn: object


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    name: str
    conn: object


class Drops:
    """Cannot be pickled because of `other`; the lock is not pickled."""

    def __init__(self):
        self.lock, self.other = threading.Lock(), (n for n in [])

    def __getstate__(self):
        return {"other": self.other}


class OwnNumbers(ctypes.Array):
    _type_ = ctypes.c_int
    _length_ = 3


@pytest.mark.parametrize("kind", [ctypes.c_int * 3, (ctypes.c_double * 2) * 3, ctypes.c_char * 100_000, OwnNumbers])
def test_arrays_of_ctypes(brain, kind):
    """Their classes have no place where they could be found."""
    array = kind()
    ctypes.memset(array, 7, ctypes.sizeof(array))
    brain["x"] = {"array": array, "kind": kind, "both": [array]}
    found = brain["x"]
    assert found["kind"] is type(found["array"]) is kind
    assert bytes(found["array"]) == bytes(found["both"][0]) == bytes(array)
    assert dict(brain.items()).keys() == {"x"}


def test_a_class_below_them_that_has_no_place_is_refused(brain):
    class Local(ctypes.Array):
        _type_ = ctypes.c_int
        _length_ = 3

    with pytest.raises(exceptions.BrainValueTypeError):
        brain["x"] = Local()


ELSEWHERE = """
from brain_plasma import Brain
with Brain(path) as brain:
    print(list(brain["x"]))
"""


def test_arrays_of_ctypes_in_another_process(brain, other):
    brain["x"] = (ctypes.c_int * 3)(1, 2, 3)
    assert other(ELSEWHERE).end() == "[1, 2, 3]"


class Reduced:
    def __init__(self, conn):
        self.conn = conn

    def __reduce__(self):
        return Reduced, (self.conn,)


class Listed(list):
    pass


@pytest.mark.parametrize(
    "make, match",
    [
        (lambda: open("/dev/null"), r"value is of type _io.TextIOWrapper, which cannot be pickled"),
        (lambda: {"a": [1, open("/dev/null")]}, r"value\['a'\]\[1\] is of type _io.TextIOWrapper"),
        (lambda: {"model": Data("n", socket.socket())}, r"value\['model'\]\.conn is of type socket.socket"),
        (lambda: (1, threading.Lock()), r"value\[1\] is of type _thread.lock"),
        (lambda: [n for n in [1]] and [(n for n in [1])], r"value\[0\] is of type generator"),
        (lambda: {"model": Slotted(threading.Lock())}, r"value\['model'\]\.conn is of type _thread.lock"),
        (lambda: Frozen("n", threading.Lock()), r"value\.conn is of type _thread.lock"),
        (lambda: Drops(), r"value\.other is of type generator"),
        (lambda: [Reduced(threading.Lock())], r"value\[0\]\.conn is of type _thread.lock"),
        (lambda: functools.partial(print, threading.Lock()), r"value\.args\[0\] is of type _thread.lock"),
        (lambda: Reduced(threading.Lock()).__reduce__, r"value\.__self__\.conn is of type _thread.lock"),
        (lambda: Listed([threading.Lock()]), r"value\[0\] is of type _thread.lock"),
        (lambda: types.SimpleNamespace(a={"b": threading.Lock()}), r"value\.a\['b'\] is of type _thread.lock"),
        (lambda: np.array([None, threading.Lock()], object), r"value\[1\] is of type _thread.lock"),
        (lambda: {threading.Lock(): 1}, r"value \(key <unlocked .*>\) is of type _thread.lock"),
        (lambda: {threading.Lock()}, r"value \(element <unlocked .*>\) is of type _thread.lock"),
        (lambda: memoryview(np.zeros(2, ">i4")), r"value is of type memoryview"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_the_part_that_cannot_be_stored(brain, make, match):
    value = make()
    with pytest.raises(exceptions.BrainValueTypeError, match=r"'x' cannot be stored: " + match):
        brain["x"] = value
    close(value)


def close(value):
    """The files and sockets that a test has put somewhere."""
    if isinstance(value, (io.IOBase, socket.socket)):
        value.close()
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        close(getattr(part, "conn", part))


def test_the_part_of_a_frame_that_cannot_be_stored(brain):
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, 2], "b": [None, threading.Lock()]})
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\['f'\]\['b'\]\[1\] is of type _thread.lock"):
        brain["x"] = {"f": frame}
    frame = pd.DataFrame({"a": [1, 2]})
    frame.attrs["conn"] = threading.Lock()
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\.attrs\['conn'\] is of type _thread.lock"):
        brain["x"] = frame


def test_the_part_that_cannot_be_stored_beside_a_cycle(brain):
    value = []
    value.extend([value, Point(value, 1), [threading.Lock()]])
    with pytest.raises(exceptions.BrainValueTypeError, match=r": value\[2\]\[0\] is of type _thread.lock"):
        brain["x"] = value


def test_what_a_lambda_takes_along_that_cannot_be_stored(brain):
    pytest.importorskip("cloudpickle")
    lock = threading.Lock()
    with pytest.raises(exceptions.BrainValueTypeError, match=r"value\['f'\] \(its variable 'lock'\) is of type _thread.lock"):
        brain["x"] = {"f": lambda: lock}
