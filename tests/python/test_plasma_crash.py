"""Plasma clients that die, or stand still, whatever they were at."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from brain_plasma import plasma

SECONDS = os.environ.get("BRAIN_PLASMA_KILLS_SECONDS", "4")
KILLS = Path(__file__).parent.parent / "crash" / "plasma_kills.py"

DYING = """
from brain_plasma import plasma
client = plasma.connect(path)
ids = [plasma.ObjectID(b'dying %14d' % number) for number in range({count})]
buffers = [client.create(id, {size}, b'meta') for id in ids]
print('created', flush=True)
input()
"""


@pytest.fixture
def client(brain, path):
    return plasma.connect(path)


def dying_id(number):
    return plasma.ObjectID(b"dying %14d" % number)


def test_random_kills(path):
    subprocess.run([sys.executable, KILLS, path, "--seconds", SECONDS], check=True)


@pytest.mark.parametrize(
    "size, count", [(0, 1), (100, 1), (100, 2000), (2000, 500), (60_000_000, 1)]
)
def test_what_a_dead_client_had_not_sealed_is_freed(brain, path, client, other, size, count):
    dying = other(DYING.format(size=size, count=count))
    dying.line()
    listed = client.list()
    assert len(listed) == count
    assert {entry["state"] for entry in listed.values()} == {"created"}
    with pytest.raises(plasma.PlasmaObjectExists):
        client.put_raw_buffer(b"", dying_id(0))
    dying.signal(signal.SIGKILL)
    dying.process.wait()
    assert client.list() == {}
    client.put_raw_buffer(bytes(64_000_000), dying_id(count - 1))
    assert brain.used() == 64_000_000
    assert client.list()[dying_id(count - 1)]["state"] == "sealed"
    client.delete([dying_id(count - 1)])
    for number in range(count):
        client.create(dying_id(number), 1)
    assert len(client.list()) == count
    client.disconnect()
    assert brain.used() == 0
    assert brain.check() == []


def test_its_ids_are_free_at_once(client, other):
    dying = other(DYING.format(size=100, count=3))
    dying.line()
    dying.signal(signal.SIGKILL)
    dying.process.wait()
    assert not client.contains(dying_id(0))
    assert client.get(dying_id(0), timeout_ms=0) is plasma.ObjectNotAvailable
    client.put_raw_buffer(b"x", dying_id(0))
    client.create(dying_id(1), 5)
    client.seal(dying_id(1))
    assert client.contains(dying_id(0))
    assert client.contains(dying_id(1))


def test_a_client_that_stands_still_keeps_what_it_has(brain, path, client, other):
    id = client.put_raw_buffer(b"held" * 1000)
    holder = other(
        f"from brain_plasma import plasma\nclient = plasma.connect(path)\n"
        f"[buffer] = client.get_buffers([plasma.ObjectID({id.binary()!r})])\n"
        "print('got', flush=True)\ninput()\nprint(buffer.to_pybytes() == b'held' * 1000)"
    )
    holder.line()
    holder.signal(signal.SIGSTOP)
    for _ in range(20):
        client.put_raw_buffer(bytes(10_000_000))
    assert client.contains(id)
    client.delete([id])
    assert client.contains(id)  # until the last one lets go
    holder.signal(signal.SIGCONT)
    holder.tell()
    assert holder.line() == "True"
    holder.end()
    assert not client.contains(id)


def test_what_was_deleted_goes_when_its_last_user_is_killed(brain, client, other):
    id = client.put_raw_buffer(b"held" * 1000)
    holder = other(
        f"from brain_plasma import plasma\nclient = plasma.connect(path)\n"
        f"[buffer] = client.get_buffers([plasma.ObjectID({id.binary()!r})])\n"
        "print('got', flush=True)\ninput()"
    )
    holder.line()
    client.delete([id])
    assert client.contains(id)
    holder.signal(signal.SIGKILL)
    holder.process.wait()
    assert not client.contains(id)
    assert client.list() == {}
    assert brain.used() == 0
