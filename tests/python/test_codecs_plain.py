"""Encoders and decoders of what Python comes with: it comes back equal, and bad payloads only raise."""

import array
import collections
import datetime
import decimal
import fractions
import math
import mmap
import pathlib
import random
import types
import uuid
import zoneinfo

import numpy as np
import payloads
import pytest
from brain_plasma import codecs, exceptions

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
NAMED = datetime.timezone(-HOUR, "there")


def zone(key):
    try:
        return zoneinfo.ZoneInfo(key)
    except zoneinfo.ZoneInfoNotFoundError:
        pytest.skip("the system knows no time zones")


def same(one, other):
    assert type(one) is type(other)
    assert repr(one) == repr(other)
    return True


VALUES = [
    "\ud800 alone",
    range(5),
    range(10**30, -5, -(10**20)),
    slice(None, 2, "x"),
    ...,
    NotImplemented,
    datetime.date.min,
    datetime.date.max,
    datetime.time(1, 2, 3, 4),
    datetime.time(1, fold=1),
    datetime.time(1, tzinfo=UTC),
    datetime.datetime.min,
    datetime.datetime.max,
    datetime.datetime(2020, 10, 25, 2, 30, fold=1),
    datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    datetime.datetime(2020, 1, 2, tzinfo=NAMED),
    datetime.datetime(2020, 1, 2, tzinfo=datetime.timezone(datetime.timedelta(microseconds=-1))),
    datetime.timedelta.min,
    datetime.timedelta.max,
    datetime.timedelta(microseconds=-1),
    UTC,
    datetime.timezone(HOUR),
    NAMED,
    decimal.Decimal("1.10"),
    decimal.Decimal("-0"),
    decimal.Decimal("0E+7"),
    decimal.Decimal("-Infinity"),
    decimal.Decimal("NaN"),
    decimal.Decimal("-NaN123"),
    decimal.Decimal("sNaN5"),
    decimal.Decimal("1E+999999"),
    decimal.Decimal((1, tuple(range(10)) * 20, -7)),
    fractions.Fraction(-1, 3),
    fractions.Fraction(10**100, 7),
    uuid.UUID(int=2**128 - 1),
    uuid.UUID(int=5, is_safe=uuid.SafeUUID.safe),
    collections.OrderedDict([("b", 1), ("a", [2])]),
    collections.Counter("abracadabra"),
    collections.defaultdict(list, a=[1]),
    collections.defaultdict(None, a=[1]),
    collections.deque([1, "x", [2]]),
    collections.deque([1], maxlen=3),
    collections.deque(maxlen=0),
    types.SimpleNamespace(a=1, b=[2]),
    pathlib.PurePosixPath("/a/../b"),
    pathlib.PureWindowsPath("c:/a"),
    pathlib.Path("a/b"),
    pathlib.Path("\udc80"),
    array.array("d", [1, 2, math.inf]),
    array.array("b"),
    array.array("u", "aé🧠"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:60])
def test_values(value):
    assert same(payloads.trip(value), value)
    assert same(payloads.trip({"in": [value]}), {"in": [value]})


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:60])
def test_values_in_the_store(brain, value):
    brain["x"] = Holder(value)
    assert same(brain["x"].value, value)


class Holder:
    def __init__(self, value):
        self.value = value


def test_utc_is_itself():
    assert payloads.trip(UTC) is UTC
    assert payloads.trip(datetime.datetime(2020, 1, 1, tzinfo=UTC)).tzinfo is UTC


def test_zones_by_name():
    berlin = zone("Europe/Berlin")
    time = datetime.datetime(2020, 10, 25, 2, 30, tzinfo=berlin, fold=1)
    recalled = payloads.trip(time)
    assert recalled.tzinfo is berlin
    assert (recalled, recalled.fold) == (time, 1)
    assert recalled.utcoffset() == HOUR
    assert payloads.trip(berlin) is berlin


class OwnZone(datetime.tzinfo):
    def utcoffset(self, when):
        return HOUR


def test_other_zones_are_pickled(brain):
    values = [
        datetime.datetime(2020, 1, 1, tzinfo=OwnZone()),
        datetime.time(1, tzinfo=OwnZone()),
    ]
    no_cache = zoneinfo.ZoneInfo.no_cache("UTC") if zone("UTC") else None
    for value in [*values, no_cache, datetime.datetime(2020, 1, 1, tzinfo=no_cache)]:
        with pytest.raises(payloads.Pickled):
            payloads.encode(value)
    brain["x"] = values[0]
    assert type(brain["x"].tzinfo) is OwnZone


def test_what_an_encoder_cannot_keep_is_pickled():
    with_attribute = collections.OrderedDict()
    with_attribute.x = 1
    for value in (
        with_attribute,
        collections.defaultdict(lambda: 1),
        collections.defaultdict(Holder),
        fractions.Fraction(1, 2**200_000 + 1),
    ):
        with pytest.raises(payloads.Pickled):
            payloads.encode(value)


def test_subclasses_have_no_encoder():
    for base in (datetime.datetime, decimal.Decimal, collections.OrderedDict, uuid.UUID, pathlib.PurePosixPath):
        assert codecs.find_encoder(type("Own", (base,), {})) is None


MEMORYVIEWS = [
    memoryview(b"abc"),
    memoryview(b""),
    memoryview(bytearray(b"abc"))[::-1],
    memoryview(np.arange(12.0).reshape(3, 4)),
    memoryview(np.arange(12, dtype="i4").reshape(3, 4, order="F")),
    memoryview(np.arange(12)[::3]),
    memoryview(np.array(5.5)),
    memoryview(array.array("H", [1, 2])),
]


@pytest.mark.parametrize("value", MEMORYVIEWS, ids=range(len(MEMORYVIEWS)))
def test_memoryviews(brain, value):
    brain["x"] = Holder(value)
    for recalled in (payloads.trip(value), brain["x"].value):
        assert type(recalled) is memoryview
        assert recalled.readonly
        assert (recalled.format, recalled.shape) == (value.format, value.shape)
        assert recalled.tolist() == value.tolist()


def test_memoryviews_that_nothing_can_give_back():
    for value in (memoryview(np.zeros(2, ">i4")), memoryview(np.zeros((0, 3)))):
        with pytest.raises(payloads.Pickled):
            payloads.encode(value)


def test_mapped_files_come_back_as_bytes(brain):
    with mmap.mmap(-1, 10_000) as mapped:
        mapped[:3] = b"abc"
        brain["x"] = Holder(mapped)
        for recalled in (payloads.trip(mapped), brain["x"].value):
            assert recalled.readonly
            assert bytes(recalled[:4]) == b"abc\0"
            assert len(recalled) == 10_000
    # Nothing holds its memory, or the block would not have ended without an error.


def test_a_memoryview_is_not_copied(brain):
    brain["x"] = Holder(memoryview(bytes(100_000)))
    one, other = (np.frombuffer(brain["x"].value, "u1") for _ in "12")
    assert one.__array_interface__["data"] == other.__array_interface__["data"]


# ---- payloads of somebody hostile ---------------------------------------------------------------

NAMES = [
    "builtins.str",
    "builtins.range",
    "builtins.slice",
    "builtins.memoryview",
    "datetime.date",
    "datetime.time",
    "datetime.datetime",
    "datetime.timedelta",
    "datetime.timezone",
    "zoneinfo.ZoneInfo",
    "decimal.Decimal",
    "fractions.Fraction",
    "uuid.UUID",
    "collections.OrderedDict",
    "collections.Counter",
    "collections.defaultdict",
    "collections.deque",
    "types.SimpleNamespace",
    "pathlib.PurePosixPath",
    "pathlib.PosixPath",
    "pathlib.WindowsPath",
    "array.array",
    "mmap.mmap",
]

ATOMS = [
    None,
    True,
    -1,
    0,
    1,
    2**63,
    -(10**400),
    math.nan,
    "",
    "x",
    "\ud800",
    "2020-01-01",
    "25:00",
    "../../etc/passwd",
    "/etc/passwd",
    "a" * 10_000,
    "d",
    "u",
    "w",
    "list",
    "__import__",
    b"",
    b"x" * 16,
    b"\xff" * 8,
    [],
    {},
    {"a": 1},
    {1: 2},
    (),
    memoryview(b"\xff" * 8),
    3j,
]


@pytest.mark.parametrize("name", NAMES)
def test_hostile_payloads_only_raise(name):
    choose = random.Random(name)
    hostile = ATOMS + [[choose.choice(ATOMS) for _ in range(choose.randrange(5))] for _ in range(3000)]
    refused = 0
    for payload in hostile:
        try:
            payloads.decode_named(name, payload)
        except (exceptions.BrainCorruptError, exceptions.BrainValueError):
            refused += 1
    assert refused


@pytest.mark.parametrize(
    "name, payload",
    [
        ("fractions.Fraction", [1, 0]),
        ("fractions.Fraction", [2**2_000_000, 2**2_000_000 + 1]),
        ("fractions.Fraction", [1.5, 2]),
        ("collections.defaultdict", ["eval", {}]),
        ("collections.Counter", ["a", "b"]),
        ("zoneinfo.ZoneInfo", "../../etc/passwd"),
        ("zoneinfo.ZoneInfo", "Europe"),
        ("datetime.timedelta", [10**20, 0, 0]),
        ("datetime.timezone", [10**20]),
        ("uuid.UUID", b"x"),
        ("builtins.memoryview", ["d", [2], memoryview(b"\0" * 8)]),
        ("builtins.memoryview", ["P" * 9, [1], memoryview(b"\0" * 8)]),
        ("builtins.memoryview", ["B", [2**40, 2**40], memoryview(b"\0" * 8)]),
        ("array.array", ["d", 4, memoryview(b"\0" * 8)]),
        ("array.array", ["u", 4, memoryview(b"\xff" * 4)]),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_payloads_that_make_no_sense(name, payload):
    with pytest.raises((exceptions.BrainCorruptError, exceptions.BrainValueError)):
        payloads.decode_named(name, payload)


def test_a_zone_that_is_not_known_here():
    zone("UTC")
    with pytest.raises(exceptions.BrainValueError, match="'No/Such_Zone' is not known here: pip install tzdata"):
        payloads.decode_named("zoneinfo.ZoneInfo", "No/Such_Zone")


# ---- classes of users ---------------------------------------------------------------------------


class Order:
    def __init__(self, items):
        self.items = items

    def __reduce__(self):
        raise AssertionError("it has an encoder")


@pytest.fixture
def registered():
    codecs.register(Order, lambda order: {"items": order.items}, lambda payload: Order(payload["items"]))
    yield "test_codecs_plain.Order"
    codecs.unregister(Order)


def test_a_registered_class(brain, registered):
    brain["x"] = [Order(np.arange(3))]
    assert brain["x"][0].items.tolist() == [0, 1, 2]
    encoded = payloads.encode(Order([1]))
    assert encoded.name == registered
    assert payloads.decode(encoded, trusted=True).items == [1]
    with pytest.raises(exceptions.BrainPickleError, match="untrusted=True"):
        payloads.decode(encoded)


def test_a_registered_class_may_be_safe():
    codecs.register(Order, lambda order: order.items, Order, name="shop.Order", untrusted=True)
    try:
        assert payloads.trip(Order([1])).items == [1]
    finally:
        codecs.unregister(Order)


def test_a_class_that_was_pickled_before_it_was_registered(brain):
    brain["x"] = Holder(Late(1))
    codecs.register(Late, lambda late: late.x + 1, Late)
    try:
        brain["y"] = Holder(Late(1))
        assert (brain["x"].value.x, brain["y"].value.x) == (1, 2)
    finally:
        codecs.unregister(Late)


class Late:
    def __init__(self, x):
        self.x = x


def test_what_cannot_be_registered(registered):
    codecs.register(Order, lambda order: {"items": order.items}, lambda payload: Order(payload["items"]))
    for cls, name in [
        (Order, "other.Order"),
        (Late, "datetime.date"),
        (Late, "numpy.Late"),
        (Late, registered),
        (Late, ""),
        (Late, "x" * 256),
        (datetime.date, "own.date"),
        (np.float64, "own.float"),
        (list, "own.list"),
        (type, "own.type"),
    ]:
        with pytest.raises(ValueError):
            codecs.register(cls, repr, repr, name=name)
    for arguments in [(5, repr, repr), (Late, None, repr), (Late, repr, None)]:
        with pytest.raises(TypeError):
            codecs.register(*arguments)
    with pytest.raises(ValueError, match="'datetime' are brain_plasma's own"):
        codecs.register(Late, repr, repr, name="datetime.x")
    assert codecs.find_encoder(Late) is None


def test_a_class_that_is_defined_anew(registered):
    anew = type("Order", (), {"__module__": Order.__module__})
    codecs.register(anew, lambda order: 5, lambda payload: anew())
    assert type(payloads.decode(payloads.encode(anew()), trusted=True)) is anew
    codecs.unregister(anew)  # and with it the class that it was before
    for cls in (anew, Order):
        assert codecs.find_encoder(cls) is None and cls not in codecs.encoders
        with pytest.raises(exceptions.BrainValueError, match="not registered"):
            codecs.unregister(cls)
    codecs.register(Order, repr, repr)  # for the end of the test


@pytest.mark.parametrize("module", ["__main__", "__mp_main__"])
def test_a_class_of_the_main_module_needs_a_name(module):
    """Another program has another __main__, and a worker process calls it __mp_main__."""
    cls = type("Mine", (), {"__module__": module})
    with pytest.raises(exceptions.BrainValueError, match=r"Mine.* main module.*name='.*\.Mine'"):
        codecs.register(cls, lambda mine: 5, lambda payload: cls())
    codecs.register(cls, lambda mine: 5, lambda payload: cls(), name="shop.Mine")
    try:
        assert payloads.encode(cls()).name == "shop.Mine"
    finally:
        codecs.unregister(cls)


def test_a_class_that_is_no_longer_registered(brain):
    codecs.register(Late, lambda late: late.x, Late, name="shop.Late")
    brain["x"] = [Late(1)]
    codecs.unregister(Late)
    with pytest.raises(exceptions.BrainValueError, match="'shop.Late', for which this process has no decoder"):
        brain["x"]
    brain["y"] = [Late(2)]
    assert brain["y"][0].x == 2
    codecs.register(Late, lambda late: late.x, Late, name="shop.Later")
    brain["z"] = [Late(3)]
    assert (brain["y"][0].x, brain["z"][0].x) == (2, 3)
    codecs.unregister(Late)
    for cls, error in ((Late, exceptions.BrainValueError), (dict, exceptions.BrainValueError), (5, TypeError)):
        with pytest.raises(error):
            codecs.unregister(cls)


def test_a_name_without_a_decoder():
    with pytest.raises(exceptions.BrainValueError, match="no decoder"):
        payloads.decode_named("own.Unknown", None)
    with pytest.raises(exceptions.BrainValueError, match="no decoder"):
        payloads.decode_named("datetime.unknown", None)
