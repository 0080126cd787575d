"""What a put or a delete raises that fails: why, and what it was that failed."""

import os
import pickle
import signal
import threading

import pytest
from brain_plasma import Brain, exceptions, failed_changes
from stopped_writer import BUSY, stop_in_the_lock

CAUSES = {
    "Full": exceptions.BrainFullError,
    "Quota": exceptions.BrainQuotaError,
    "ValueType": exceptions.BrainValueTypeError,
    "Pickle": exceptions.BrainPickleError,
    "Value": exceptions.BrainValueError,
    "Timeout": exceptions.BrainTimeoutError,
    "Permission": exceptions.BrainPermissionError,
    "OS": exceptions.BrainOSError,
    "Memory": exceptions.BrainMemoryError,
    "Busy": exceptions.BrainBusyError,
    "Corrupt": exceptions.BrainCorruptError,
}
CHANGES = {
    "Learn": (failed_changes.failed_learn, exceptions.BrainLearnNameError),
    "Update": (failed_changes.failed_update, exceptions.BrainUpdateNameError),
    "Remove": (failed_changes.failed_delete, exceptions.BrainRemoveOldNameValueError),
}
OF_PUTS = {"ValueType", "Pickle", "Value", "Quota"}  # which no delete has

PUTS = {
    "brackets": lambda brain, value: brain.__setitem__("x", value),
    "learn": lambda brain, value: brain.learn("x", value),
    "learn with a description": lambda brain, value: brain.learn("x", value, "what"),
    "set_many": lambda brain, value: brain.set_many({"other": 1, "x": value}),
    "update": lambda brain, value: brain.update({"x": value}),
    "replace_if": lambda brain, value: brain.replace_if("x", value, brain.version("x")),
}


@pytest.fixture
def small(path):
    with Brain(path, capacity=1_000_000) as brain:
        yield brain


# ---- the classes --------------------------------------------------------------------------------


@pytest.mark.covers("BrainLearnNameError", "BrainUpdateNameError", "BrainRemoveOldNameValueError")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("cause", CAUSES)
def test_an_error_is_both_what_failed_and_why(change, cause):
    refine, what = CHANGES[change]
    original = CAUSES[cause]("the text")
    original.__cause__ = ValueError("deeper")
    refined = refine(original)
    if change == "Remove" and cause in OF_PUTS:
        assert refined is original
        return
    assert type(refined).__name__ == f"Brain{change}{cause}Error"
    assert isinstance(refined, what) and isinstance(refined, CAUSES[cause])
    assert refined.args == ("the text",) and str(refined) == "the text"
    assert refined.__cause__ is original.__cause__
    copy = pickle.loads(pickle.dumps(refined))
    assert type(copy) is type(refined) and copy.args == refined.args


@pytest.mark.parametrize(
    "error",
    [
        exceptions.BrainNameTypeError("x"),
        exceptions.BrainNameLengthError("x"),
        exceptions.BrainNamespaceNameError("x"),
        exceptions.BrainClosedError("x"),
        exceptions.BrainClientDisconnectedError("x"),
        exceptions.BrainDestroyedError("x"),
        exceptions.BrainForkedError("x"),
        KeyboardInterrupt(),
        exceptions.BrainLearnFullError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_has_no_such_class_stays_as_it_is(error):
    for refine, _ in CHANGES.values():
        assert refine(error) is error


# ---- puts ---------------------------------------------------------------------------------------


@pytest.mark.covers("BrainLearnNameError", "BrainUpdateNameError")
@pytest.mark.parametrize("what", PUTS)
@pytest.mark.parametrize(
    "value, cause",
    [
        (threading.Lock(), exceptions.BrainValueTypeError),
        (b"x" * 1_000_001, exceptions.BrainFullError),
    ],
    ids=["a lock", "too large"],
)
def test_a_new_name_and_one_that_is_there(small, what, value, cause):
    for _ in range(3):
        with pytest.raises(exceptions.BrainLearnNameError) as caught:
            PUTS[what](small, value)
        assert isinstance(caught.value, cause)
        assert not isinstance(caught.value, exceptions.BrainUpdateNameError)
    assert len(small) == 0
    small.learn("x", "old", "described")
    for _ in range(3):
        with pytest.raises(exceptions.BrainUpdateNameError) as caught:
            PUTS[what](small, value)
        assert isinstance(caught.value, cause)
        assert not isinstance(caught.value, exceptions.BrainLearnNameError)
    assert dict(small.items()) == {"x": "old"}
    assert small._entry("x", None)[1] == "described"
    assert small.used() == 3
    assert small.check() == []


def test_whether_a_name_is_there_is_looked_up_in_the_namespace_of_the_put(small):
    small["x"] = 1
    small.learn("y", 1, namespace="another")
    with pytest.raises(exceptions.BrainLearnValueTypeError):
        small.learn("x", threading.Lock(), namespace="another")
    with pytest.raises(exceptions.BrainUpdateValueTypeError):
        small.learn("y", threading.Lock(), namespace="another")
    with pytest.raises(exceptions.BrainUpdateValueTypeError):
        small.set_many({"x": 1, "y": threading.Lock()}, namespace="another")
    with pytest.raises(exceptions.BrainLearnValueTypeError):
        small.setdefault("z", threading.Lock(), namespace="another")


def test_the_cause_of_a_failed_pickle_stays(small):
    with pytest.raises(exceptions.BrainLearnNameError, match="'x' cannot be stored") as caught:
        small["x"] = {"a": [threading.Lock()]}
    assert isinstance(caught.value.__cause__, TypeError)
    assert "value['a'][0]" in str(caught.value)
    assert caught.value.__traceback__ is not None


def test_where_pickles_are_refused(path):
    with Brain(path, pickle=False) as brain:
        brain["y"] = 1
        with pytest.raises(exceptions.BrainLearnPickleError):
            brain["x"] = ValueError("can only be pickled")
        with pytest.raises(exceptions.BrainUpdatePickleError):
            brain["y"] = ValueError("can only be pickled")
        assert brain["y"] == 1


def test_a_brain_that_may_not_write(brain, path):
    brain["x"] = 1
    with Brain(path, read_only=True) as reader:
        with pytest.raises(exceptions.BrainLearnPermissionError):
            reader["y"] = 1
        with pytest.raises(exceptions.BrainUpdatePermissionError):
            reader["x"] = 2
        for delete in (
            lambda: reader.__delitem__("x"),
            lambda: reader.forget("x"),
            lambda: reader.pop("x"),
            lambda: reader.popitem(),
            lambda: reader.clear(),
        ):
            with pytest.raises(exceptions.BrainRemoveOldNameValueError) as caught:
                delete()
            assert isinstance(caught.value, PermissionError)
    assert brain["x"] == 1


def test_a_name_with_what_is_no_text(small):
    with pytest.raises(exceptions.BrainLearnNameError) as caught:
        small["\ud800"] = 1
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("wrong", [5, b"what", ["what"]], ids=repr)
def test_what_is_no_description(small, wrong):
    with pytest.raises(exceptions.BrainValueTypeError, match="description"):
        small.learn("x", 1, wrong)
    assert len(small) == 0


@pytest.mark.parametrize("wrong", ["x" * 65_536, "\ud800"], ids=["long", "no text"])
def test_what_cannot_be_a_description(small, wrong):
    small["x"] = 1
    with pytest.raises(exceptions.BrainValueError):
        small.learn("x", 2, wrong)
    assert small["x"] == 1


def test_another_writer_that_stopped(path, other):
    """Whoever waits for too long says so; what was to be changed stays."""
    writer = other(BUSY)
    assert writer.line() == "ready"
    with Brain(path, lock_timeout=0.05) as brain:
        stop_in_the_lock(path, writer)
        with pytest.raises(exceptions.BrainUpdateNameError) as caught:
            brain["x"] = 1
        assert isinstance(caught.value, exceptions.BrainTimeoutError)
        with pytest.raises(exceptions.BrainLearnTimeoutError):
            brain["new"] = 1
        with pytest.raises(exceptions.BrainRemoveTimeoutError):
            del brain["x"]
        writer.signal(signal.SIGKILL)
        writer.process.wait()
        assert "x" in brain and "new" not in brain
        brain["x"] = 2
        assert brain["x"] == 2
