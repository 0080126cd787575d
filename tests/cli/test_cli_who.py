"""who: processes, what they hold, and what each alone keeps."""

import json
import os
import signal
import subprocess

import pytest
from others import can_unshare, other  # noqa: F401
from running import BRAIN
from stopped_writer import BUSY, stop_in_the_lock

MEGABYTE = 1_000_000


def names_of(process):
    return {(held["name"], held["state"]) for held in process["objects"]}


def test_nobody(brain):
    assert brain("who", "--json").json == []
    assert brain("who").out == b""
    assert b"nobody has it open" in brain.on_a_terminal("who")


def test_a_process_with_nothing(brain, other):
    process = other("")
    (row,) = brain("who").rows
    assert row[0] == str(process.pid) and row[1] == "open"
    (found,) = brain("who", "--json").json
    assert found["pid"] == found["own_pid"] == process.pid
    assert found["alive"] and not found["stopped"] and found["objects"] == []


def test_the_whole_command_line(brain, other):
    process = other("")
    (found,) = brain("who", "--json").json
    with open(f"/proc/{process.pid}/cmdline", "rb") as file:
        assert found["command"] == file.read().rstrip(b"\0").replace(b"\0", b" ").decode()
    assert len(found["command"]) > 64  # more than a row of the store has
    assert "\n" not in brain("who").lines[0]


def test_what_is_live_and_what_was_replaced(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(MEGABYTE)
    store["y"] = numpy.zeros(1000)
    process = other("x = brain['x']; y = brain['y']; z = brain['y']")
    store["x"] = 1
    (found,) = [each for each in brain("who", "--json").json if each["pid"] == process.pid]
    assert names_of(found) == {("x", "replaced"), ("y", "live")}
    x, y = found["objects"]  # what is replaced comes first
    assert x["size"] == x["alone"] == found["alone"] == 8 * MEGABYTE
    assert (x["namespace"], x["views"]) == ("default", 1) and x["version"] < y["version"]
    assert (y["size"], y["alone"], y["views"]) == (8000, 0, 2)
    assert found["views"] == 3
    assert x["not_before"] >= found["attached"]
    rows = [row for row in brain("who").rows if row[0] == str(process.pid)]
    assert [row[1:7] for row in rows] == [
        ["replaced", "default", "x", str(x["version"]), "8000000", "8000000"],
        ["live", "default", "y", str(y["version"]), "8000", "0"],
    ]


def test_what_two_keep_neither_keeps_alone(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(MEGABYTE)
    store["y"] = numpy.zeros(2 * MEGABYTE)
    first = other("held = [brain['x'] for _ in range(9)]")
    second = other("x = brain['x']; y = brain['y']")
    del store["x"], store["y"]
    found = {each["pid"]: each for each in brain("who", "--json").json}
    assert found[first.pid]["alone"] == 0 and found[second.pid]["alone"] == 16 * MEGABYTE
    assert [held["alone"] for held in found[first.pid]["objects"]] == [0]
    assert {held["name"]: held["alone"] for held in found[second.pid]["objects"]} == {"x": 0, "y": 16 * MEGABYTE}
    order = list(found)
    assert order.index(second.pid) < order.index(first.pid)  # who keeps most comes first
    second.end()
    found = {each["pid"]: each for each in brain("who", "--json").json if each["alive"]}
    assert found[first.pid]["alone"] == 8 * MEGABYTE


def test_two_handles_of_a_process_are_one(brain, store, other):
    store["x"] = 1.5
    process = other("another = Brain(path, create=False)")
    assert [each["pid"] for each in brain("who", "--json").json].count(process.pid) == 1


def test_what_is_being_written(brain, other):
    process = other(
        "from brain_plasma import plasma\nclient = plasma.connect(path)\n"
        "buffer = client.create(plasma.ObjectID.from_random(), 500_000)"
    )
    (found,) = brain("who", "--json").json
    assert found["drafts"] == 1 and found["draft_bytes"] >= 500_000
    assert [row[1] for row in brain("who").rows if row[0] == str(process.pid)] == ["draft"]


def test_a_snapshot(brain, store):
    """A dump that nobody reads stands still, with a snapshot of all that there was."""
    import numpy

    store["a"], store["b"], store["c"] = (numpy.zeros(MEGABYTE) for _ in range(3))
    dump = brain.begin("dump", "-")
    try:
        found = None
        while not found:
            found = [each for each in brain("who", "--json").json if each["pid"] == dump.pid and each["snapshots"]]
        del store["a"], store["b"], store["c"]
        (found,) = [each for each in brain("who", "--json").json if each["pid"] == dump.pid]
        assert len(found["snapshots"]) == 1
        assert found["alone"] == 24 * MEGABYTE and found["alone_objects"] == 3
        assert ["snapshot", str(found["snapshots"][0])] in [[row[1], row[4]] for row in brain("who").rows]
    finally:
        dump.kill()
        dump.communicate()


def dump_that_stands_still(brain):
    """And has its snapshot: what is put from now on is not in it."""
    dump = brain.begin("dump", "-")
    while not any(each["pid"] == dump.pid and each["snapshots"] for each in brain("who", "--json").json):
        assert dump.poll() is None
    return dump


def test_what_two_snapshots_need(brain, store, other):
    """Neither keeps it alone; each does what only it saw, and neither what came after both."""
    import numpy

    store["both"], store["first"] = numpy.zeros(MEGABYTE), numpy.zeros(MEGABYTE)
    dumps = []
    try:
        dumps.append(dump_that_stands_still(brain))
        del store["first"]
        store["second"] = numpy.zeros(2 * MEGABYTE)
        dumps.append(dump_that_stands_still(brain))
        store["after"] = numpy.zeros(MEGABYTE // 2)
        viewer = other("after = brain['after']")
        del store["both"], store["second"], store["after"]
        found = {each["pid"]: each["alone"] for each in brain("who", "--json").json}
        assert found[dumps[0].pid] == 8 * MEGABYTE  # `first`
        assert found[dumps[1].pid] == 16 * MEGABYTE  # `second`
        assert found[viewer.pid] == 4 * MEGABYTE  # `after`
        dumps[0].kill()
        dumps[0].wait()
        brain("doctor", "--fix", "--yes", status=None)  # it gives back what the dead held
        found = {each["pid"]: each["alone"] for each in brain("who", "--json").json}
        assert found[dumps[1].pid] == 24 * MEGABYTE  # `both`, too
    finally:
        for dump in dumps:
            dump.kill()
            dump.communicate()


def test_a_view_and_a_snapshot(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(MEGABYTE)
    viewer = other("x = brain['x']")
    dump = dump_that_stands_still(brain)
    try:
        del store["x"]
        found = {each["pid"]: each["alone"] for each in brain("who", "--json").json}
        assert found[viewer.pid] == found[dump.pid] == 0
        viewer.end()
        found = {each["pid"]: each["alone"] for each in brain("who", "--json").json if each["alive"]}
        assert found[dump.pid] == 8 * MEGABYTE
    finally:
        dump.kill()
        dump.communicate()


def test_one_name(brain, store, other):
    import numpy

    store["x"], store["y"], store["array"] = numpy.zeros(10), b"y", numpy.zeros(1000)
    first, second = other("x = brain['x']"), other("array = brain['array']")
    assert [each["pid"] for each in brain("who", "x", "--json").json] == [first.pid]
    assert [each["pid"] for each in brain("who", "array", "--json").json] == [second.pid]
    assert brain("who", "y").out == b""
    assert b"nobody\\x1b" in brain("who", "nobody\x1b", status=1).err
    del store["array"]
    assert [each["pid"] for each in brain("who", "array", "--json").json] == [second.pid]
    assert brain("-n", "elsewhere", "who", "array", status=1).out == b""


def test_names_that_could_harm(brain, store, other):
    import numpy

    name = "\x1b[2J\n\u202e"
    store[name] = numpy.zeros(1000)
    other(f"x = brain[{name!r}]")
    (row,) = [row for row in brain("who").rows if row[1] == "live"]
    assert row[3] == "\\x1b[2J\\n\\u{202e}"
    shown = brain.on_a_terminal("who")
    assert b"\x1b[2J" not in shown and b"\\x1b[2J" in shown
    (found,) = [each for each in brain("who", "--json").json if each["objects"]]
    assert found["objects"][0]["name"] == name


@pytest.mark.skipif(not can_unshare("--pid", "--fork"), reason="a PID namespace of one's own takes root")
def test_a_process_of_another_pid_namespace(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(1000)
    process = other("x = brain['x']", before=["unshare", "--pid", "--fork", "--kill-child"])
    (found,) = [each for each in brain("who", "--json").json if each["objects"]]
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        (child,) = map(int, file.read().split())
    assert found["own_pid"] == 1 and found["pid"] == child
    assert "brain['x']" in found["command"]


@pytest.mark.skipif(not can_unshare("--pid", "--fork"), reason="a PID namespace of one's own takes root")
def test_a_process_that_cannot_be_seen_from_here(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(1000)
    other("x = brain['x']")
    said = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", BRAIN, "-s", brain.path, "who", "--json"],
        capture_output=True,
        check=False,
    )
    assert said.returncode == 0, said
    (found,) = [each for each in json.loads(said.stdout) if each["objects"]]
    assert found["pid"] is None and len(found["command"]) <= 64
    said = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", BRAIN, "-s", brain.path, "explain", "x"],
        capture_output=True,
        check=True,
    )
    assert b"held_by\tprocess ?, 1 view: " in said.stdout


def test_one_that_is_stopped(brain, other):
    process = other("")
    process.stop()
    (found,) = brain("who", "--json").json
    assert found["stopped"] and found["pid"] == process.pid
    assert brain("who").rows[0][-1].endswith(" (stopped)")
    process.signal(signal.SIGCONT)


def test_it_waits_for_no_writer(brain, other):
    writer = other(BUSY.replace("from brain_plasma import Brain\nbrain = Brain(path)\n", ""), wait=False)
    writer.ready()
    stop_in_the_lock(brain.path, writer)
    assert [each["pid"] for each in brain("who", "--json").json if each["stopped"]] == [writer.pid]


def test_on_a_terminal(brain, store, other):
    import numpy

    for i in range(30):
        store[f"x{i}"] = numpy.zeros(1000)
    process = other(
        "held = [brain[f'x{i}'] for i in range(30)]\n"
        "from brain_plasma import plasma\nclient = plasma.connect(path)\n"
        "buffer = client.create(plasma.ObjectID.from_random(), 500_000)"  # is shown whatever else is
    )
    text = brain.on_a_terminal("who", columns=150).decode()
    assert f"{process.pid}" in text and "KEEPS ALONE" in text and "(and 10 more: --all)" in text
    assert "more: --all" not in brain.on_a_terminal("who", "--all").decode()
    assert len([row for row in brain("who").rows if row[1] == "live"]) == 30


def test_no_store(nowhere):
    assert nowhere("who", status=3).out == b""
    assert not os.path.lexists(nowhere.path)
