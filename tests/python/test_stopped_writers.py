"""A process that is stopped while it holds the lock: who waits for it, for how long, and who does not."""

import signal
import threading
import time

import pytest
from brain_plasma import Brain, exceptions
from stopped_writer import BUSY, stop_in_the_lock

CHANGES = {
    "put": lambda brain: brain.__setitem__("x", 2),
    "del": lambda brain: brain.__delitem__("5"),
    "pop": lambda brain: brain.pop("5"),
    "popitem": lambda brain: brain.popitem(),
    "setdefault": lambda brain: brain.setdefault("new", 2),
    "replace_if": lambda brain: brain.replace_if("5", 2, brain.version("5")),
    "update": lambda brain: brain.update(x=2),
    "clear": lambda brain: brain.clear(),
    "set_namespace": lambda brain: brain.set_namespace("another"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_stopped_writer_does_not_hold_up_the_other_threads(path, other, change):
    """While one thread waits for the stopped writer, another of the same process goes on."""
    with Brain(path, lock_timeout=0.6) as brain:
        writer = other(BUSY)
        assert writer.line() == "ready"
        stop_in_the_lock(path, writer)
        done = threading.Event()
        longest_pause = 0.0

        def wait():
            try:
                with pytest.raises(exceptions.BrainTimeoutError):
                    change(brain)
            finally:
                done.set()

        thread = threading.Thread(target=wait)
        last, is_last = time.monotonic(), False
        thread.start()
        while not is_last:
            is_last, now = done.is_set(), time.monotonic()
            longest_pause, last = max(longest_pause, now - last), now
        thread.join()
        writer.signal(signal.SIGCONT)
        assert longest_pause < 0.4


def test_a_stopped_writer_is_a_timeout_that_names_its_process(path, other):
    writer = other(BUSY)
    writer.line()
    with Brain(path, lock_timeout=0.2) as brain:
        stop_in_the_lock(path, writer)
        with pytest.raises(TimeoutError) as caught:
            brain["x"] = 1
        assert str(writer.pid) in str(caught.value)
        for change in (
            lambda: brain.__delitem__("5"),
            lambda: brain.update(a=1),
            lambda: brain.__setitem__("large", b"x" * 200_000),
        ):
            with pytest.raises(exceptions.BrainTimeoutError):
                change()
        # Readers go on, and the dead are recovered from.
        assert brain["5"] == 5
        assert len(brain.names()) == len(brain) >= 20_000
        writer.signal(signal.SIGKILL)
        writer.process.wait()
        brain["x"] = 2
        assert brain["x"] == 2
        assert brain.check() == []
