"""The names that a Brain used lately (recent.c): what is found by the address of a str is that name's value."""

import random
import sys
import tracemalloc

import pytest
from brain_plasma import Brain

SMALLEST, LARGEST = 256, 65_536  # names that there is room for
PLACE = 64  # bytes


def counts(names):
    return [sys.getrefcount(name) for name in names]


def kept(names, before):
    """How many of the names somebody keeps who did not before."""
    return sum(now > count for now, count in zip(counts(names), before, strict=True))


@pytest.fixture
def grown():
    """A function that says by how many bytes memory has grown."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()


def test_names_that_come_again_are_kept(brain, grown):
    names = [f"name {number}" for number in range(5000)]
    brain.update(dict.fromkeys(names, 0))
    before = counts(names)
    memory = grown()
    for number in range(20):
        for name in names:
            brain[name] = number
        for name in names:
            assert brain[name] == number
    assert kept(names, before) > 0.9 * len(names)
    assert len(names) * PLACE < grown() - memory < 1.1 * LARGEST * PLACE
    brain.set_namespace("another")
    del name
    assert kept(names, before) == 0
    assert grown() - memory < SMALLEST * PLACE


def test_names_for_one_call_take_no_room(brain, grown):
    brain["there"] = 1
    memory = grown()
    for number in range(10 * LARGEST):
        assert brain.get(f"missing {number}") is None
    assert grown() - memory < 20 * SMALLEST * PLACE  # with as many names


def test_names_that_do_not_come_again_soon_take_no_room(brain, grown):
    names = [f"name {number}" for number in range(4 * LARGEST)]
    before = counts(names)
    memory = grown()
    for name in names:
        brain.get(name)
    assert grown() - memory < 2 * SMALLEST * PLACE
    assert kept(names, before) <= SMALLEST
    again = names[:1000]  # those that do are found all the same
    for _ in range(10):
        for name in again:
            brain[name] = name
    assert all(brain[name] == name for name in again)


def test_each_name_has_its_value_when_room_is_given_back(path):
    count = 5 * LARGEST
    names = [f"name {number}" for number in range(count)]
    with Brain(path, capacity=64 * 2**20) as brain:
        for begin in range(0, count, LARGEST):
            brain.update({name: begin + number for number, name in enumerate(names[begin : begin + LARGEST])})
        assert [brain[name] for name in names] == list(range(count))
        for number, name in enumerate(names):
            brain[name] = -number
        assert [brain[name] for name in names] == [-number for number in range(count)]
        assert brain.check() == []


def test_all_kinds_of_names_in_any_order(brain):
    choose = random.Random(1)
    values = {}

    class Name(str):
        pass

    def name_of(number):
        """Equal names are not always one object, and one address not always one name."""
        name = f"{'long ' * 15 if number % 7 == 0 else ''}{number}é"
        return Name(name) if number % 11 == 0 else name

    names = [name_of(number) for number in range(3000)]
    for step in range(60_000):
        number = choose.randrange(len(names))
        name = names[number] if choose.random() < 0.5 else name_of(number)
        if choose.random() < 0.4:
            brain[name] = values[number] = choose.choice([step, f"text {step}", b"x" * (step % 400), None, 0.5])
        elif choose.random() < 0.05:
            brain.pop(name, None)
            values.pop(number, None)
        elif number in values:
            assert brain[name] == values[number]
        else:
            assert name not in brain
            with pytest.raises(KeyError):
                brain[name]
    assert len(brain) == len(values)


def test_they_are_let_go_of(brain):
    name = "a name of this test"[:-1]
    before = sys.getrefcount(name)
    brain[name] = 1
    assert sys.getrefcount(name) == before + 1
    brain.close()
    assert sys.getrefcount(name) == before


@pytest.mark.parametrize("value", [0, -1, 2**62, 0.5, float("inf"), None, True, False, "", "é" * 127, b"", b"x" * 255])
def test_small_values_replace_small_ones(brain, value):
    for old in (1, "text", b"bytes", None, 2**80, "x" * 300):
        brain["name"] = old
        for _ in range(3):
            brain["name"] = value
            found = brain["name"]
            assert found == value
            assert type(found) is type(value)


@pytest.mark.parametrize("value", [2**63, -(2**80), "x" * 256, "é" * 128, b"x" * 256, "\ud800", [1], (2, "3")])
def test_what_is_not_small_replaces_small_ones(brain, value):
    for old in (1, "text", None):
        brain["name"] = old
        for _ in range(3):
            brain["name"] = value
            assert brain["name"] == value
