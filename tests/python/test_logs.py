"""What the package logs, when it asks the store for events, and what a handler may do."""

import logging
import logging.config
import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest
from brain_plasma import Brain, BrainFullError, BrainNameNotExistError, _core, logs

from children import in_child

LOGGER = logging.getLogger("brain_plasma")
ALL = 0x1FF


class Kept(logging.Handler):
    """A handler that keeps records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)

    @property
    def texts(self):
        return [record.getMessage() for record in self.records]

    @property
    def events(self):
        return [record.brain_event for record in self.records]


@pytest.fixture(autouse=True)
def as_it_was():
    yield
    LOGGER.setLevel(logging.NOTSET)
    LOGGER.disabled = False
    logging.disable(logging.NOTSET)


@pytest.fixture
def kept():
    handler = Kept()
    LOGGER.addHandler(handler)
    yield handler
    LOGGER.removeHandler(handler)


@pytest.fixture
def asked(monkeypatch):
    """The kinds of events that the stores were asked for, in order."""
    kinds = []
    real = _core._set_events

    def seen(wanted, tell):
        kinds.append(wanted)
        real(wanted, tell)

    monkeypatch.setattr(_core, "_set_events", seen)
    return kinds


# ---- what is said ---------------------------------------------------------------------------------


def test_each_value_at_debug(brain, path, kept):
    brain["before"] = 1
    LOGGER.setLevel(logging.DEBUG)
    brain["x"] = 5
    assert kept.events == ["learned"]
    assert brain["x"] == 5
    assert kept.events == ["learned", "recalled"]
    assert brain.get("y") is None
    assert kept.events == ["learned", "recalled", "missed"]
    del brain["x"]
    assert kept.events == ["learned", "recalled", "missed", "forgotten"]
    learned, recalled, missed, forgotten = kept.records
    version = learned.brain_version
    assert version == recalled.brain_version > 1
    assert kept.texts == [
        f"learned 'x' in 'default' of {path!r}: version {version}, 8 bytes",
        f"recalled 'x' from 'default' of {path!r}: version {version}, 8 bytes",
        f"missed 'y' in 'default' of {path!r}",
        f"forgot 'x' in 'default' of {path!r}",
    ]
    for record in kept.records:
        assert record.levelno == logging.DEBUG
        assert record.brain_store == path
        assert record.brain_namespace == "default"
    assert (learned.brain_name, learned.brain_bytes) == ("x", 8)
    assert missed.brain_name == "y"


def test_each_value_of_a_batch(brain, kept):
    LOGGER.setLevel(logging.DEBUG)
    brain.set_many({f"x{i}": i for i in range(100)}, namespace="others")
    assert kept.events == ["learned"] * 100
    assert {record.brain_name for record in kept.records} == {f"x{i}" for i in range(100)}
    assert {record.brain_namespace for record in kept.records} == {"others"}
    kept.records.clear()
    brain.get_many(["x1", "x2", "none"], namespace="others")
    assert sorted(kept.events) == ["missed", "recalled", "recalled"]


def test_an_array_is_recalled_once(brain, kept):
    brain["small"], brain["large"] = np.arange(10), np.arange(100_000)
    LOGGER.setLevel(logging.DEBUG)
    for name in ("small", "large"):
        brain[name]
    assert kept.events == ["recalled"] * 2


def test_what_the_package_keeps_for_itself_is_not_told(brain, kept, tmp_path, monkeypatch):
    monkeypatch.setenv("BRAIN_PLASMA_DUMPS", str(tmp_path))
    LOGGER.setLevel(logging.DEBUG)
    brain.persist("x")  # marks are names in a namespace of its own
    brain.client.put(5)
    assert [name for name in (getattr(record, "brain_name", None) for record in kept.records) if name] == []


def test_a_large_put_in_a_thread(brain, kept):
    """What comes without the GIL is told in the thread that did it."""
    LOGGER.setLevel(logging.DEBUG)
    thread = threading.Thread(target=brain.learn, args=("x", bytes(10_000_000)), name="putter")
    thread.start()
    thread.join()
    assert [(record.brain_event, record.threadName) for record in kept.records] == [("learned", "putter")]


def test_the_record_names_the_line_of_the_caller(brain, kept):
    LOGGER.setLevel(logging.DEBUG)
    brain["x"] = 5
    brain.learn("y", 5)
    brain.dump(path=f"/dev/shm/{os.path.basename(brain.path)}.dump")
    os.unlink(f"/dev/shm/{os.path.basename(brain.path)}.dump")
    assert {record.filename for record in kept.records} == {"test_logs.py"}
    assert {record.funcName for record in kept.records} == {"test_the_record_names_the_line_of_the_caller"}


def test_the_life_of_a_store_at_info(new_path, kept):
    LOGGER.setLevel(logging.INFO)
    path = new_path()
    brain = Brain(path, capacity=1_000_000)
    brain["x"] = 5
    other = Brain(path, read_only=True)
    other.close()
    other.close()
    brain.sleep()
    brain.wake_up()
    brain.destroy()
    assert kept.events == ["made", "opened", "closed", "closed", "opened", "destroyed"]
    assert all(record.brain_store == path for record in kept.records)
    assert kept.texts[0] == f"made the store {path!r} for changes: 1.0 MB, 0 names in the namespace 'default'"
    assert f"opened the store {path!r} read-only: 8 bytes of 1.0 MB used, 1 name in" in kept.texts[1]


def test_dumps_and_loads_with_figures(brain, kept, tmp_path):
    LOGGER.setLevel(logging.INFO)
    brain["x"], brain["y"] = 5, 6
    brain.dump(path=tmp_path / "all.brain")
    brain.load(path=tmp_path / "all.brain")
    assert kept.events == ["dumped", "loaded"]
    assert [record.brain_bytes for record in kept.records] == [16, 16]
    assert "2 names" in kept.texts[0] and str(tmp_path) in kept.texts[1]


def test_syncs_that_write_and_restores(new_path, kept, tmp_path):
    path = new_path()
    LOGGER.setLevel(logging.INFO)
    with Brain(path, durable=tmp_path / "home") as brain:
        brain["x"] = 5
        brain.sync()
        brain.sync()
    brain = Brain(path)
    brain.destroy()
    with Brain(path, durable=tmp_path / "home") as brain:
        pass
    assert kept.events.count("synced") == 1
    assert kept.events.count("loaded") == 1
    assert kept.events.count("restored") == 2  # a new store has nothing to get, and does so


def test_a_load_of_many_is_told_name_by_name(brain, kept, tmp_path):
    brain.set_many({f"x{i}": i for i in range(50_000)})
    brain.dump(path=tmp_path / "all.brain")
    brain.clear()
    LOGGER.setLevel(logging.DEBUG)
    told = []
    brain.load(path=tmp_path / "all.brain", progress=lambda _: told.append(len(kept.records)))
    assert kept.events.count("learned") == 50_000
    assert "lost" not in kept.events
    assert max(told) > 0  # on the way, and not all of it at the end


def test_clear_and_the_end_of_a_namespace_are_told_as_what_they_are(brain, kept):
    brain["x"] = 1
    brain.learn("x", 1, namespace="sessions")
    LOGGER.setLevel(logging.DEBUG)
    brain.clear()
    brain.remove_namespace("sessions")
    assert [record.getMessage() for record in kept.records] == [
        f"forgot all names in '{space}' of {brain.path!r}" for space in ("default", "sessions")
    ]
    assert kept.events == ["forgotten"] * 2


def test_a_full_store(new_path, kept):
    brain = Brain(new_path(), capacity=100_000)
    brain["held"] = np.zeros(10_000, np.uint8)
    LOGGER.setLevel(logging.INFO)
    with pytest.raises(BrainFullError):
        brain["x"] = bytes(200_000)
    full = [record for record in kept.records if record.brain_event == "full"]
    assert len(full) == 1
    assert full[0].brain_bytes >= 200_000
    assert full[0].brain_name == "x"
    assert "no room for 'x' in 'default'" in full[0].getMessage()
    assert "live 10000" in full[0].getMessage()  # and by whom it is held, where somebody does
    brain.close()


def test_a_small_put_is_refused_once(new_path, kept):
    brain = Brain(new_path(), capacity=100_000)
    brain["held"] = bytes(90_000)
    LOGGER.setLevel(logging.DEBUG)
    with pytest.raises(BrainFullError):
        brain["x"] = bytes(20_000)
    assert kept.events == ["full"]  # however often the put has tried
    brain.close()


def test_a_put_that_evicts_plasma_objects_is_not_refused(new_path, kept):
    brain = Brain(new_path(), capacity=100_000)
    brain.client.put(bytes(90_000))
    LOGGER.setLevel(logging.DEBUG)
    brain["x"] = bytes(20_000)
    assert kept.events == ["learned"]
    brain.close()


def test_what_was_evicted(new_path, kept):
    brain = Brain(new_path(), capacity=1_000_000, when_full="lru")
    LOGGER.setLevel(logging.INFO)
    for i in range(20):
        brain[f"x{i}"] = bytes(100_000)
    evicted = [record for record in kept.records if record.brain_event == "evicted"]
    assert evicted and all(record.brain_name.startswith("x") for record in evicted)
    brain.close()


def test_what_dead_processes_left(brain, path, other, kept):
    dead = other("from brain_plasma import Brain\nbrain = Brain(path)\nbrain['x'] = bytes(100_000)\n"
                 "y = memoryview(brain.recall('x')) if 0 else brain.explain('x')\nprint('ready')\ninput()")
    assert dead.line() == "ready"
    LOGGER.setLevel(logging.INFO)
    dead.signal(signal.SIGKILL)
    dead.process.wait()
    brain.compact()
    told = [record for record in kept.records if record.brain_event == "reaped"]
    assert told and str(dead.pid) in told[0].getMessage()


def test_spilling_by_hand(new_path, kept, tmp_path):
    brain = Brain(new_path(), capacity=10_000_000, when_full="spill", spill_to=tmp_path)
    brain["x"] = np.zeros(1_000_000)
    LOGGER.setLevel(logging.INFO)
    brain.spill(1_000_000)
    assert kept.events == ["spilled"]
    assert kept.records[0].brain_bytes == 8_000_000
    brain.destroy()


# ---- names that are anybody's ---------------------------------------------------------------------


def test_names_cannot_break_a_line(brain, kept):
    LOGGER.setLevel(logging.DEBUG)
    name = "a\nERROR forged\x1b[31m\u202e" + "x" * 1000
    brain[name] = 5
    text = kept.texts[0]
    assert text.isprintable() and len(text) < 400
    assert kept.records[0].brain_name.startswith("a\nERROR forged\x1b[31m\u202ex")  # for programs as it is, but cut
    assert len(kept.records[0].brain_name) <= 400


# ---- which events are asked for -------------------------------------------------------------------


def test_nothing_is_asked_for_by_default(brain, asked):
    logs.follow()
    assert asked == [logs.WAITED]  # root's level is WARNING, and a wait is no part of any get


@pytest.mark.parametrize(
    "set_level",
    [
        lambda: LOGGER.setLevel(logging.ERROR),
        lambda: logging.disable(logging.CRITICAL),
        lambda: logging.getLogger().setLevel(logging.CRITICAL),
    ],
    ids=["logger", "disable", "root"],
)
def test_no_event_is_asked_for_where_the_logger_is_off(brain, asked, set_level):
    before = logging.getLogger().level
    try:
        set_level()
        assert asked[-1] == 0
    finally:
        logging.getLogger().setLevel(before)


def test_the_library_does_not_call_where_the_logger_is_off(brain, monkeypatch):
    """Counted below logging: what the extension hands to Python."""
    n = []
    monkeypatch.setattr(logs, "tell", lambda *event: n.append(event))
    logs.follow()
    brain["x"] = 1
    brain["x"], brain.get("y")
    assert n == []
    LOGGER.setLevel(logging.DEBUG)
    brain["x"]
    assert len(n) == 1
    LOGGER.setLevel(logging.INFO)
    brain["x"]
    assert len(n) == 1


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR])
def test_the_level_of_another_logger_above_counts(brain, asked, level):
    root = logging.getLogger()
    before = root.level
    try:
        root.setLevel(level)
        expected = {logging.DEBUG: ALL, logging.INFO: ALL & ~0xF, logging.WARNING: logs.WAITED, logging.ERROR: 0}
        assert asked[-1] == expected[level]
    finally:
        root.setLevel(before)


def test_configuring_twice(brain, kept, asked):
    """dictConfig() switches loggers off that it does not name, after it has set levels."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    try:
        logging.config.dictConfig({"version": 1})
        brain["x"] = 1
        assert kept.events == []
        logging.config.dictConfig({"version": 1, "loggers": {"brain_plasma": {"level": "DEBUG"}}})
        LOGGER.addHandler(kept)
        brain["x"] = 1
        assert kept.events == ["learned"]
    finally:
        root.setLevel(before[0])
        root.handlers[:] = before[1]


def test_a_store_that_is_opened_later(new_path, kept):
    LOGGER.setLevel(logging.DEBUG)
    with Brain(new_path()) as brain:
        brain["x"] = 1
    assert "learned" in kept.events


def test_a_logger_of_another_kind_has_all_events(brain, kept, monkeypatch):
    """Where there is no such cache, each event asks the logger."""
    cache = LOGGER._cache
    try:
        LOGGER._cache = dict(cache)  # as of a Python that does it in another way
        logs.follow()
        brain["x"] = 1
        assert kept.events == []
        LOGGER.setLevel(logging.DEBUG)
        brain["x"] = 1
        assert kept.events == ["learned"]
    finally:
        LOGGER._cache = cache
        cache.clear()


def test_silent_by_default():
    code = (
        "import sys\nfrom brain_plasma import Brain\nimport uuid\n"
        "with Brain('/dev/shm/brain-test-silent-' + uuid.uuid4().hex) as brain:\n"
        "    brain['x'] = 1\n    brain['x'], brain.get('y')\n    brain.destroy()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_package_does_not_import_logging():
    code = "import sys, brain_plasma; print(sorted({'logging', 'pathlib', 'prometheus_client', 'IPython'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_opening_a_store_does_not_import_logging(path):
    code = f"import sys\nfrom brain_plasma import Brain\nbrain = Brain({path!r})\nbrain['x'] = 5\nbrain['x']\n"
    code += "print('logging' in sys.modules)\nbrain.destroy()"
    assert run(code) == ["False"]


def test_logging_that_comes_later(path):
    """Also as a part of it, and of what others import; once."""
    code = f"""
import sys
from brain_plasma import Brain
n_finders = len(sys.meta_path)
brain, other = Brain({path!r}), Brain({path!r})
brain["x"] = 5
import decimal, logging.config
assert len(sys.meta_path) == n_finders
logging.basicConfig(level=logging.DEBUG, format="%(brain_event)s", stream=sys.stdout)
brain["x"]
other["x"] = 6
import logging.handlers
brain.destroy()
"""
    assert run(code) == ["recalled", "learned", "destroyed"]


def test_logging_that_comes_later_in_several_threads(path):
    code = f"""
import sys, threading
from brain_plasma import Brain
brain = Brain({path!r})
begin = threading.Barrier(8)
def load():
    begin.wait()
    import logging
    logging.getLogger("x")
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
import logging
logging.basicConfig(level=logging.DEBUG, format="%(brain_event)s", stream=sys.stdout)
brain["x"] = 5
brain.destroy()
"""
    assert run(code) == ["learned", "destroyed"]


def test_a_child_that_imports_logging(path):
    code = f"""
import os, sys
from brain_plasma import Brain
brain = Brain({path!r})
if os.fork() == 0:
    import logging
    logging.basicConfig(level=logging.DEBUG, format="%(brain_event)s", stream=sys.stdout)
    brain["x"] = 5
    sys.stdout.flush()
    os._exit(0)
os.wait()
assert "logging" not in sys.modules
brain.destroy()
"""
    assert run(code) == ["learned"]


# ---- what a handler may do ------------------------------------------------------------------------


class Doing(logging.Handler):
    """A handler that does something, once for each record."""

    def __init__(self, do):
        super().__init__()
        self.do = do
        self.n = 0

    def emit(self, record):
        self.n += 1
        self.do()


@pytest.fixture
def doing():
    handlers = []

    def make(do):
        handlers.append(Doing(do))
        LOGGER.addHandler(handlers[-1])
        LOGGER.setLevel(logging.DEBUG)
        return handlers[-1]

    yield make
    for handler in handlers:
        LOGGER.removeHandler(handler)


def test_a_handler_that_uses_the_brain(brain, doing):
    handler = doing(lambda: brain.set_many({"log": brain.get("x"), "more": 2}))
    brain["x"] = 5
    assert handler.n == 1
    assert brain["log"] == 5
    assert handler.n == 2


def test_a_handler_that_closes_the_brain(new_path, doing):
    brain = Brain(new_path())
    brain["x"] = np.arange(1000)
    doing(lambda: brain.closed or brain.close())
    assert brain["x"].sum() == 499_500
    assert brain.closed


@pytest.mark.parametrize("end", ["close", "sleep"])
def test_a_handler_that_ends_what_is_being_ended(new_path, end):
    brain = Brain(new_path())
    has_ended = []

    class Ends(Kept):
        def emit(self, record):
            super().emit(record)
            has_ended.append(brain.closed if end == "close" else brain.asleep)
            getattr(brain, end)()

    handler = Ends()
    LOGGER.setLevel(logging.INFO)
    LOGGER.addHandler(handler)
    try:
        getattr(brain, end)()
    finally:
        LOGGER.removeHandler(handler)
    assert handler.events == ["closed"]
    assert has_ended == [True]


def test_a_handler_that_changes_the_namespace(brain, doing):
    brain["x"] = 5
    doing(lambda: brain.set_namespace("others"))
    assert brain["x"] == 5
    assert brain.namespace == "others"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_goes_wrong_here_is_not_the_callers(brain, monkeypatch):
    n = []

    def fail(*event):
        n.append(event)
        raise ValueError("of the log")

    LOGGER.setLevel(logging.DEBUG)
    monkeypatch.setattr(logs, "tell", fail)
    logs.follow()
    brain["x"] = 5
    assert brain["x"] == 5
    assert brain.get("y", "none") == "none"
    with pytest.raises(BrainNameNotExistError):
        brain["y"]
    assert len(n) == 4
    monkeypatch.undo()
    logs.follow()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_handler_raises_is_not_the_callers(brain, doing, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def fail():
        raise ValueError("of the log")

    handler = doing(fail)
    handler.handleError = lambda record: None
    handler.emit = lambda record: fail()
    brain["x"] = 5
    assert brain["x"] == 5
    assert brain.get("y", "none") == "none"
    with pytest.raises(BrainNameNotExistError):
        brain["y"]
    brain.set_many({"a": 1, "b": 2})
    brain.close()


def test_what_a_filter_raises_is_not_the_callers(brain, kept, monkeypatch):
    monkeypatch.setattr(logging, "raiseExceptions", False)

    def fail(record):
        raise ValueError("of the filter")

    LOGGER.addFilter(fail)
    try:
        LOGGER.setLevel(logging.DEBUG)
        brain["x"] = 5
        assert brain["x"] == 5
        brain.close()
    finally:
        LOGGER.removeFilter(fail)


def test_an_interrupt_in_a_handler_comes_through(brain, doing):
    def interrupt():
        os.kill(os.getpid(), signal.SIGINT)

    handler = doing(interrupt)
    with pytest.raises(KeyboardInterrupt):
        brain["x"] = 5
    LOGGER.removeHandler(handler)
    assert brain["x"] == 5


def test_an_interrupt_takes_the_place_of_a_miss(brain, doing):
    handler = doing(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        brain["y"]
    assert handler.n == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_while_other_threads_log(brain, doing):
    """Neither the locks of logging nor what is kept stands in the way of a child."""
    doing(lambda: None)
    stop = threading.Event()

    def work():
        while not stop.is_set():
            brain["x"] = 5
            brain["x"]

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            in_child(lambda: brain.set_many({"y": brain["x"], "z": 1}))
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_handler_that_forks(brain, doing):
    brain["n"] = 0
    done = []

    def fork():
        if not done:
            done.append(1)
            in_child(lambda: brain.learn("n", 1))

    doing(fork)
    brain["x"] = 5
    LOGGER.setLevel(logging.NOTSET)
    assert brain["n"] == 1


def test_threads_that_end(brain, doing):
    """Each tells all that it did before it ends, and its queue goes with it."""
    handler = doing(lambda: None)
    before = handler.n
    for i in range(1, 11):
        thread = threading.Thread(target=lambda: brain.set_many({"x": 1, "y": 2}))
        thread.start()
        thread.join()
        assert handler.n == before + 2 * i


def test_while_the_interpreter_ends(path):
    code = f"""
import atexit, logging, threading
from brain_plasma import Brain
logging.basicConfig(level=logging.DEBUG, filename="/dev/null")
brain = Brain({path!r})
def work():
    while True:
        brain["x"] = 5
        brain["x"]
for _ in range(3):
    threading.Thread(target=work, daemon=True).start()
atexit.register(lambda: brain.get("x"))
brain["y"] = 1
class Last:
    def __del__(self):
        brain["z"] = 2
last = Last()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# ---- waits ----------------------------------------------------------------------------------------


def test_a_long_wait_for_another_writer_is_a_warning(kept):
    logs.tell(logs.WAITED, b"/x", b"", None, 0, 1_500_000_000, b"")
    LOGGER.setLevel(logging.DEBUG)
    logs.tell(logs.WAITED, b"/x", b"", None, 0, 5_000_000, b"")
    assert [(record.levelname, record.brain_event) for record in kept.records] == [
        ("WARNING", "waited"),
        ("DEBUG", "waited"),
    ]
    assert kept.texts[0] == "waited 1.500 s for another writer of '/x'"


def test_the_texts_of_other_processes_are_one_line(kept):
    LOGGER.setLevel(logging.DEBUG)
    logs.tell(logs.RECOVERED, b"/x", b"", None, 0, 0, b"process 5 (\x1b[31m\n\xff\xe2\x80\xae)")
    assert kept.texts == ["recovered '/x': process 5 (\\x1b[31m\\n\\xff\\u202e)"]
