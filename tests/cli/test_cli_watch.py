"""watch: each change, once, as it comes."""

import json
import os
import select
import signal

import pytest


class Watch:
    """`brain watch`, which has begun to watch when this is made."""

    def __init__(self, brain, *words):
        self.process = brain.begin("watch", "--ready", "--json", *words)
        assert self.process.stderr.readline() == b"watching\n"

    def next(self):
        assert select.select([self.process.stdout], [], [], 60)[0], "nothing is printed"
        return json.loads(self.process.stdout.readline())

    def end(self):
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err


@pytest.fixture
def watch(brain):
    watches = []

    def start(*words):
        watches.append(Watch(brain, *words))
        return watches[-1]

    yield start
    for each in watches:
        each.process.kill()
        each.process.communicate()


def what(change):
    return change["event"], change["namespace"], change["name"]


def test_puts_and_deletes(brain, store, watch):
    store["old"] = 1
    watching = watch()
    store["x"] = b"12345"
    first = watching.next()
    assert what(first) == ("put", "default", "x")
    assert (first["size"], first["kind"], first["previous"]) == (5, "bytes", 0)
    store["x"] = 1.5
    second = watching.next()
    assert what(second) == ("put", "default", "x")
    assert second["previous"] == first["version"] < second["version"]
    del store["x"]
    third = watching.next()
    assert what(third) == ("deleted", "default", "x") and third["version"] == second["version"]
    del store["old"]
    assert what(watching.next()) == ("deleted", "default", "old")
    assert first["time"] <= second["time"] <= third["time"]


def test_it_misses_nothing(brain, store, watch):
    """Names of which each is put once: each is printed once, however fast they come."""
    watching = watch("--count", "300")
    for i in range(300):
        store[f"x{i}"] = i
    status, out, _ = watching.end()
    names = [json.loads(line)["name"] for line in out.splitlines()]
    assert status == 0 and sorted(names) == sorted(f"x{i}" for i in range(300))


def test_names_that_are_given(brain, store, watch):
    watching = watch("x", "y")
    store["other"], store["y"] = 1, 2
    assert what(watching.next()) == ("put", "default", "y")
    store["other"] = 2
    store["x"] = 1
    assert what(watching.next()) == ("put", "default", "x")


def test_what_is_there_already(brain, store, watch):
    store["x"] = 1
    watching = watch("--existing", "--count", "1")
    status, out, _ = watching.end()
    assert status == 0 and what(json.loads(out)) == ("there", "default", "x")


def test_another_namespace(brain, store, watch):
    watching = watch("-n", "other", "--count", "1")
    store["x"] = 1
    brain("-n", "other", "put", "-i", "1", "y")
    status, out, _ = watching.end()
    assert status == 0 and what(json.loads(out)) == ("put", "other", "y")


def test_all_namespaces(brain, store, watch):
    store["old"] = 1
    watching = watch("--all")
    brain("-n", "new", "put", "-i", "1", "x")
    assert what(watching.next()) == ("put", "new", "x")
    store["y"] = 1
    assert what(watching.next()) == ("put", "default", "y")
    brain("rm", "-r", "new", "--yes")
    assert what(watching.next()) == ("deleted", "new", "x")
    brain("-n", "new", "put", "-i", "1", "z")
    assert what(watching.next()) == ("put", "new", "z")


def test_a_removed_namespace(brain, store, watch):
    brain("-n", "gone", "put", "-i", "1", "x")
    watching = watch("-n", "gone")
    brain("rm", "-r", "gone", "--yes")
    assert what(watching.next()) == ("deleted", "gone", "x")
    brain("-n", "gone", "put", "-i", "1", "y")
    assert what(watching.next()) == ("put", "gone", "y")


def test_names_that_could_harm(brain, store):
    watching = brain.begin("watch", "--count", "1", "--existing")
    store["a\x1b\n\u202e"] = 1
    out, _ = watching.communicate(timeout=60)
    row = out.decode().rstrip("\n").split("\t")
    assert row[3] == "a\\x1b\\n\\u{202e}" and row[2] == "default" and len(row) == 6


def test_a_pipe_has_each_change_at_once(brain, store):
    watching = brain.begin("watch", "--ready")
    assert watching.stderr.readline() == b"watching\n"
    try:
        for i in range(3):
            store["x"] = i
            assert watching.stdout.readline().split(b"\t")[1] == b"put"
        watching.send_signal(signal.SIGINT)
        out, err = watching.communicate(timeout=60)
        assert (watching.returncode, out, err) == (130, b"", b"")
    finally:
        watching.kill()


def test_who_reads_no_more_ends_it(brain, store):
    """As `brain watch | head -n 1`."""
    watching = brain.begin("watch", "--ready")
    assert watching.stderr.readline() == b"watching\n"
    try:
        watching.stdout.close()
        store["x"] = 1
        store["y"] = 1
        assert watching.wait(60) == -signal.SIGPIPE
        assert watching.stderr.read() == b""
    finally:
        watching.kill()


def test_an_end_in_time(brain, store):
    store["x"] = 1
    assert brain("watch", "--timeout", "0.05").out == b""
    assert brain("watch", "--timeout", "0.05", "--count", "1", status=6).out == b""
    assert brain("watch", "--timeout", "60", "--count", "1", "--existing").rows[0][1] == "there"
    brain("watch", "--count", "0", status=2)


def test_the_store_is_destroyed(brain, store, watch):
    watching = watch()
    brain("destroy", "--yes")
    status, out, err = watching.end()
    assert status == 3 and out == b"" and err.startswith(b"brain watch: ")


def test_no_store(nowhere):
    nowhere("watch", status=3)
    assert not os.path.lexists(nowhere.path)
