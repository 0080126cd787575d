"""ObjectID, the class that stands for a missing object, and the exceptions."""

import copy
import pickle

import pytest
from implementation import plasma

TWENTY = b"01234567890123456789"


@pytest.mark.covers("ObjectID()", "ObjectID.binary")
def test_twenty_bytes_come_back():
    binary = plasma.ObjectID(TWENTY).binary()
    assert type(binary) is bytes
    assert binary == TWENTY


@pytest.mark.covers("ObjectID()")
@pytest.mark.parametrize("wrong", [b"", TWENTY[:19], TWENTY + b"0", "0" * 20, 20, None])
def test_anything_but_twenty_bytes_is_a_value_error(wrong):
    with pytest.raises(ValueError):
        plasma.ObjectID(wrong)


@pytest.mark.covers("ObjectID()")
def test_the_argument_has_a_name():
    assert plasma.ObjectID(object_id=TWENTY).binary() == TWENTY


@pytest.mark.covers("ObjectID.from_random")
def test_random_ones_are_of_twenty_bytes_and_differ():
    ids = [plasma.ObjectID.from_random() for _ in range(1000)]
    assert all(type(each) is plasma.ObjectID and len(each.binary()) == 20 for each in ids)
    assert len({each.binary() for each in ids}) == 1000


@pytest.mark.covers("ObjectID.from_random")
def test_random_ones_differ_between_processes(other):
    code = "print(plasma.ObjectID.from_random().binary().hex())"
    assert other(code, "").end() != other(code, "").end()


@pytest.mark.covers("ObjectID.__eq__")
def test_equality_is_that_of_the_bytes():
    assert plasma.ObjectID(TWENTY) == plasma.ObjectID(TWENTY)
    assert plasma.ObjectID(TWENTY) != plasma.ObjectID(TWENTY[::-1])
    assert plasma.ObjectID(TWENTY) != TWENTY
    assert plasma.ObjectID(TWENTY) != "anything else"


@pytest.mark.covers("ObjectID.__hash__")
def test_it_is_a_key_of_dicts_and_sets():
    assert {plasma.ObjectID(TWENTY): 1}[plasma.ObjectID(TWENTY)] == 1
    assert len({plasma.ObjectID(TWENTY), plasma.ObjectID(TWENTY)}) == 1
    assert hash(plasma.ObjectID(TWENTY)) == hash(plasma.ObjectID(TWENTY))


@pytest.mark.covers("ObjectID.__repr__")
def test_repr_and_str_show_it_in_hex():
    expected = f"ObjectID({TWENTY.hex()})"
    assert repr(plasma.ObjectID(TWENTY)) == expected
    assert str(plasma.ObjectID(TWENTY)) == expected


@pytest.mark.covers("ObjectID.__reduce__")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_can_be_pickled(protocol):
    id = plasma.ObjectID(TWENTY)
    assert pickle.loads(pickle.dumps(id, protocol)) == id
    assert copy.copy(id) == copy.deepcopy(id) == id


@pytest.mark.covers("ObjectID()")
def test_it_is_true_whatever_its_bytes():
    assert plasma.ObjectID(bytes(20))


@pytest.mark.covers("ObjectNotAvailable")
def test_the_stand_in_for_a_missing_object_is_a_class():
    assert isinstance(plasma.ObjectNotAvailable, type)


@pytest.mark.covers("PlasmaObjectNotFound", "PlasmaStoreFull", "PlasmaObjectExists")
@pytest.mark.parametrize("name", ["PlasmaObjectNotFound", "PlasmaStoreFull", "PlasmaObjectExists"])
def test_the_exceptions_are_those_of_arrow_where_it_is_installed(name):
    error = getattr(plasma, name)
    assert issubclass(error, Exception)
    arrow = pytest.importorskip("pyarrow")
    assert issubclass(error, arrow.lib.ArrowException)


@pytest.mark.covers("PlasmaObjectNotFound", "PlasmaStoreFull", "PlasmaObjectExists")
def test_the_exceptions_do_not_catch_each_other():
    errors = [plasma.PlasmaObjectNotFound, plasma.PlasmaStoreFull, plasma.PlasmaObjectExists]
    for error in errors:
        assert [other for other in errors if issubclass(error, other)] == [error]


@pytest.mark.covers("PlasmaClient", "PlasmaBuffer")
def test_the_classes_are_there():
    assert isinstance(plasma.PlasmaClient, type)
    assert isinstance(plasma.PlasmaBuffer, type)
