"""Figures of stores: as OpenMetrics text, for prometheus_client, and over HTTP."""

import contextlib
import http.client
import os
import select
import shutil
import signal
import socket
import subprocess
import sys

import numpy as np
import prometheus_client
import pytest
from brain_plasma import Brain, BrainClosedError, BrainDestroyedError, BrainMissingPackageError, metrics
from prometheus_client.openmetrics import parser

from children import in_child

SERVE = os.path.join(os.path.dirname(sys.executable), "brain-serve-metrics")


def read(text):
    """What a parser finds in a text: (sample, store) -> value."""
    found = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation
        for sample in family.samples:
            assert (sample.name, sample.labels["store"]) not in found
            found[sample.name, sample.labels["store"]] = sample.value
    return found


# ---- text -----------------------------------------------------------------------------------------


def test_the_text_has_what_happened(brain, path):
    brain["x"] = np.zeros(100_000)
    brain["y"] = 5
    before = read(metrics.text(brain))
    brain["y"], brain.get("none")
    brain["z"] = bytes(1000)
    del brain["y"]
    after = read(metrics.text(brain))
    grown = {name: after[name, path] - before[name, path] for name, _ in after}
    assert grown["brain_hits_total"] == 1
    assert grown["brain_misses_total"] == 1
    assert grown["brain_puts_total"] == 1
    assert grown["brain_put_bytes_total"] == 1000
    assert grown["brain_deletes_total"] == 1
    assert after["brain_live_bytes", path] == brain.used() == 801_000
    assert after["brain_capacity_bytes", path] == brain.size()
    assert after["brain_objects", path] == 2


def test_the_counts_are_those_of_all_processes(brain, path):
    in_child(lambda: [brain.learn("x", i) for i in range(100)])
    assert read(metrics.text(brain))["brain_puts_total", path] == 100


def test_several_stores_in_one_text(new_path):
    paths = [new_path() for _ in range(3)]
    brains = [Brain(path) for path in paths]
    for i, brain in enumerate(brains):
        brain.set_many({f"x{n}": n for n in range(i)})
    found = read(metrics.text(*brains))
    assert [found["brain_objects", path] for path in paths] == [0, 1, 2]


@pytest.mark.parametrize("odd", ["with \"quotes\"", "back\\slash", "new\nline", "\u00e4"])
def test_a_path_of_any_characters(new_path, odd):
    path = new_path() + odd
    with Brain(path=path) as brain:
        text = metrics.text(brain)
        brain.destroy()
    assert {store for _, store in read(text)} == {path}


def test_a_path_that_is_no_text():
    family = ("brain_x", "X.", "", False)
    text = metrics._text({family: [(os.fsdecode(b"/dev/shm/\xff"), 1.0)]})
    assert text.encode() and read(text) == {("brain_x", "/dev/shm/\\udcff"): 1}


def test_values_are_exact():
    assert [metrics._number(n) for n in (0.0, 5.0, 2.0**53, 0.25, 1e300)] == ["0", "5", "9007199254740992", "0.25", "1e+300"]


def test_the_text_of_what_is_gone(brain, path):
    other = Brain(path)
    brain.destroy()
    with pytest.raises(BrainDestroyedError):
        metrics.text(other)
    with pytest.raises(BrainClosedError):
        metrics.text(brain)


def test_the_command_prints_the_same(brain, path):
    program = shutil.which("brain", path=os.path.dirname(sys.executable))
    if program is None:
        pytest.skip("the command is not installed beside this Python")
    brain["x"] = np.zeros(1000)
    brain["x"]
    printed = subprocess.run([program, "-s", path, "metrics"], capture_output=True, text=True, check=True).stdout
    ours = metrics.text(brain)
    assert [line for line in printed.splitlines() if line[0] == "#"] == [line for line in ours.splitlines() if line[0] == "#"]
    found, expected = read(printed), read(ours)
    assert found.keys() == expected.keys()
    for figure in ("hits_total", "puts_total", "put_bytes_total", "live_bytes", "objects", "commits_total"):
        assert found[f"brain_{figure}", path] == expected[f"brain_{figure}", path]


# ---- the collector --------------------------------------------------------------------------------


def exported(collector):
    registry = prometheus_client.CollectorRegistry()
    registry.register(collector)
    return read(prometheus_client.openmetrics.exposition.generate_latest(registry).decode())


def test_the_collector_says_what_the_text_says(brain, path):
    brain["x"] = 5
    found = exported(metrics.Collector(brain))
    assert found.pop(("brain_up", path)) == 1
    assert found == read(metrics.text(brain))


def test_the_collector_by_path(brain, path):
    collector = metrics.Collector(path)
    brain["x"] = 5
    assert exported(collector)["brain_puts_total", path] == 1
    brain["x"] = 6
    assert exported(collector)["brain_puts_total", path] == 2
    collector.close()
    assert exported(collector)["brain_puts_total", path] == 2
    collector.close()


def test_a_store_that_goes_and_comes_again(brain, path, new_path):
    other = new_path()
    Brain(other)
    collector = metrics.Collector(path, other)
    assert exported(collector)["brain_up", path] == 1 and collector.is_up()
    brain.destroy()
    found = exported(collector)
    assert (found["brain_up", path], found["brain_up", other]) == (0, 1)
    assert ("brain_objects", path) not in found
    assert path in collector.why() and not collector.is_up()
    with Brain(path) as again:
        again.set_many({"x": 1, "y": 2})
        found = exported(collector)
        assert (found["brain_up", path], found["brain_objects", path]) == (1, 2)
        assert collector.why() == ""
    collector.close()


def test_a_store_that_was_made_again_between_two_looks(brain, path):
    collector = metrics.Collector(path)
    exported(collector)
    brain.destroy()
    with Brain(path) as again:
        again["x"] = 5
        assert exported(collector)["brain_puts_total", path] == 1
    collector.close()


def test_a_brain_that_is_closed_is_no_error_of_the_collector(brain, path):
    collector = metrics.Collector(brain)
    brain.close()
    assert exported(collector) == {("brain_up", path): 0}


def test_it_is_read_only_and_changes_nothing(brain, path):
    brain["x"] = 5
    before = read(metrics.text(brain))
    collector = metrics.Collector(path)
    after = exported(collector)
    assert collector._sources[0]._brain.read_only
    assert after.pop(("brain_up", path)) == 1
    assert after.pop(("brain_clients", path)) == before.pop(("brain_clients", path)) + 1
    figures = ("commits_total", "objects", "hits_total", "puts_total", "live_bytes")
    assert all(after[f"brain_{figure}", path] == before[f"brain_{figure}", path] for figure in figures)
    collector.close()


def test_without_prometheus_client(brain, path, monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client.core", None)
    collector = metrics.Collector(brain)
    with pytest.raises(BrainMissingPackageError, match="pip install prometheus_client"):
        list(collector.collect())
    assert read(collector.text())["brain_up", path] == 1


def test_a_forked_child_exports_as_well(brain, path):
    brain["x"] = 5
    collector = metrics.Collector(path)
    exported(collector)

    def child():
        assert exported(collector)["brain_puts_total", path] == 1

    in_child(child)
    collector.close()


# ---- the server -----------------------------------------------------------------------------------


class Served:
    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [SERVE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read()
        self.url = line.rstrip("\n").split(" ")[-1]
        self.host, _, port = self.url.removeprefix("http://").partition("/")[0].rpartition(":")
        self.port = int(port)

    def get(self, place="/metrics", method="GET", **headers):
        connection = http.client.HTTPConnection(self.host, self.port)
        connection.request(method, place, headers=headers)
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response.status, response.getheader("Content-Type"), body

    def end(self, number):
        self.process.send_signal(number)
        out, err = self.process.communicate()
        return self.process.returncode, out, err


@pytest.fixture
def serve():
    running = []

    def start(*arguments):
        running.append(Served(*arguments))
        return running[-1]

    yield start
    for served in running:
        served.process.kill()
        served.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_ends(brain, path, serve, number):
    brain["x"] = 5
    served = serve("-s", path, "0")
    assert served.host == "127.0.0.1" and served.port != 0
    status, kind, body = served.get()
    assert (status, kind) == (200, "application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert read(body)["brain_puts_total", path] == 1
    assert served.get(method="HEAD") == (200, kind, "")
    assert served.get("/none")[0] == 404
    assert served.get("/")[0] == 200
    assert served.end(number) == (0, "", "")


def test_it_ends_while_a_client_is_silent(brain, path, serve):
    served = serve("-s", path, "0")
    with socket.create_connection((served.host, served.port)) as silent:
        silent.sendall(b"GET /met")
        assert served.get()[0] == 200
        assert served.end(signal.SIGTERM)[0] == 0


def test_many_who_are_slow_keep_nobody_out(brain, path, serve):
    served = serve("-s", path, "0")
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection((served.host, served.port))) for _ in range(100)]
        assert served.get()[0] == 200
        slow[0].setblocking(False)
        n_sent = 0
        while not select.select([slow[0]], [], [], 0.1)[0]:  # it is never silent: nothing else would end it
            slow[0].send(b"x")
            n_sent += 1
            assert n_sent < 100
    assert served.end(signal.SIGTERM)[0] == 0


def test_a_page_of_strangers_cannot_read_it(brain, path, serve):
    served = serve("-s", path, "0")
    assert served.get(Host="evil.example:80")[0] == 403
    assert served.get(Host=f"LOCALHOST:{served.port}")[0] == 200
    assert served.get(Host="[::1]:80")[0] == 200


def test_it_says_that_the_store_went_and_came(brain, path, serve):
    served = serve("-s", path, "0")
    brain.destroy()
    for _ in range(3):
        assert read(served.get()[2]) == {("brain_up", path): 0}
    assert path in served.get("/")[2]
    with Brain(path) as again:
        again["x"] = 5
        assert read(served.get()[2])["brain_puts_total", path] == 1
        status, out, err = served.end(signal.SIGTERM)
    lines = err.splitlines()
    assert (status, len(lines)) == (0, 2), err
    assert lines[0].startswith("brain serve-metrics: ") and path in lines[0]
    assert lines[1] == "brain serve-metrics: the store can be read again"


def test_there_has_to_be_a_store_at_the_beginning(new_path):
    path = new_path()
    done = subprocess.run([SERVE, "-s", path, "0"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("brain serve-metrics: ") and path in done.stderr


def test_a_port_that_is_taken(brain, path, serve):
    served = serve("-s", path, "0")
    done = subprocess.run([SERVE, "-s", path, str(served.port)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 8
    assert "in use" in done.stderr and "Traceback" not in done.stderr
    assert subprocess.run([SERVE, "-s", path, "70000"], capture_output=True).returncode == 2
