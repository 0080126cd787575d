"""doctor: what is wrong, what shows it, what to do; and what --fix does."""

import os
import resource
import signal
import struct
import subprocess
import textwrap

import pytest
from others import can_unshare, other  # noqa: F401
from running import BRAIN
from stopped_writer import BUSY, stop_in_the_lock

MEGABYTE = 1_000_000

# What this machine may have in the way by itself: its tests are those that make it.
OF_THE_MACHINE = {
    "file-system-small", "shm-64m", "memory-cgroup", "memory", "overcommit", "huge-pages", "remove-ipc",
    "address-space", "descriptors", "file-size", "half-a-store", "being-made", "no-tmpfs",
}  # fmt: skip


def finds(brain, *words, status=None):
    found = brain("doctor", "--json", *words, status=status).json
    return {each["id"]: each for each in found if each["id"] not in OF_THE_MACHINE}


def state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def writer_in_the_lock(brain, other):
    writer = other(BUSY.replace("from brain_plasma import Brain\nbrain = Brain(path)\n", ""), wait=False)
    writer.ready()
    stop_in_the_lock(brain.path, writer)
    return writer


def test_nothing(brain, store):
    store["x"] = 1
    assert finds(brain) == {} and finds(brain, "--check") == {}


def test_a_stopped_writer(brain, other):
    writer = writer_in_the_lock(brain, other)
    found = finds(brain, status=1)["writer-stopped"]
    assert found["severity"] == "problem" and found["can_fix"] and not found["fixed"]
    assert str(writer.pid) in found["evidence"] and f"kill -CONT {writer.pid}" in found["advice"]
    assert "brain.check()" in found["evidence"]  # its whole command line
    row = [row for row in brain("doctor", status=1).rows if row[1] == "writer-stopped"][0]
    assert row[0] == "problem" and row[2] == "-"


def test_a_stopped_writer_goes_on_only_if_that_is_confirmed(brain, other):
    writer = writer_in_the_lock(brain, other)
    assert b"--yes" in brain("doctor", "--fix", status=9).err
    assert state_of(writer.pid) == "T"
    said = brain.on_a_terminal("doctor", "--fix", answer=b"n\n", status=1)
    assert b"SIGCONT" in said and state_of(writer.pid) == "T"
    found = finds(brain, "--fix", "--yes")["writer-stopped"]
    assert found["fixed"] and state_of(writer.pid) != "T"


def test_a_writer_that_died(brain, other):
    writer = writer_in_the_lock(brain, other)
    writer.end()
    found = finds(brain, status=1)["writer-died"]
    assert found["severity"] == "warning" and str(writer.pid) in found["evidence"]
    assert finds(brain, "--fix", "--yes").get("writer-died", {"fixed": True})["fixed"]
    assert "writer-died" not in finds(brain)
    assert finds(brain, "--check") == {}


def test_what_the_dead_have_left(brain, store, other):
    """Whoever opens the store reaps what it can: seen is at most what is left of that."""
    import numpy

    store["x"] = numpy.zeros(MEGABYTE)
    process = other("x = brain['x']")
    process.end()
    found = finds(brain)
    if "dead-client" in found:
        assert str(process.pid) in found["dead-client"]["evidence"]
    assert all(each["fixed"] for each in finds(brain, "--fix", "--yes").values())
    assert "dead-client" not in finds(brain)


def test_one_process_keeps_much(brain, store, other):
    import numpy

    store["x"] = numpy.zeros(4 * MEGABYTE)
    process = other("x = brain['x']")
    del store["x"]
    found = finds(brain, status=1)["kept-alone"]
    assert "32 MB" in found["what"] and str(process.pid) in found["evidence"]
    assert found["severity"] == "warning" and not found["can_fix"]


def test_nearly_full(brain, store):
    store["x"] = bytes(60 * MEGABYTE)
    assert finds(brain, status=1)["nearly-full"]["severity"] == "warning"


def test_a_store_that_makes_room_by_itself_may_be_full(brain, store):
    store["x"] = bytes(60 * MEGABYTE)
    store.when_full = "lru"
    found = finds(brain, status=0)["nearly-full"]
    assert found["severity"] == "note" and "when-full" not in found["advice"]
    store["y"] = bytes(64 * MEGABYTE)
    assert finds(brain, status=0)["nearly-full"]["severity"] == "note"
    store.when_full = "error"
    assert finds(brain, status=1)["nearly-full"]["severity"] == "problem"


def spoil_a_slab(path):
    """Give the slab of the last object a class that there is none of (src/layout.h)."""
    with open(f"{path}/data", "r+b") as file:
        file.seek(80 + 2 * 16)  # region SLOTS of the superblock
        off, _ = struct.unpack("=QQ", file.read(16))
        file.seek(off + 8)  # shape of slab 0
        shape = file.read(8)
        file.seek(off + 8)
        file.write(b"\xff" * 8)
    return off, shape


def mend(path, off, shape):
    with open(f"{path}/data", "r+b") as file:
        file.seek(off + 8)
        file.write(shape)


def test_damage(brain, store):
    store["x"] = 1
    spoilt = spoil_a_slab(brain.path)
    found = finds(brain, status=1)
    mend(brain.path, *spoilt)
    assert found["damage"]["severity"] == "problem" and "slab 0" in found["damage"]["evidence"]
    assert "brain dump" in found["damage"]["advice"]
    assert finds(brain) == {}


def test_few_descriptors(brain):
    said = brain(
        "doctor", "--json", status=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
    ).json
    (found,) = [each for each in said if each["id"] == "descriptors"]
    assert "ulimit -n" in found["what"] and found["evidence"].startswith("32;")


def test_short_files(brain):
    limit = 8 * MEGABYTE
    said = brain(
        "doctor", "--json", status=1, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    ).json
    assert "file-size" in [each["id"] for each in said]


def test_on_a_terminal(brain, store, other):
    import numpy

    name = "x"
    store[name] = numpy.zeros(4 * MEGABYTE)
    other("x = brain['x']; evil = '\x1b[2J'")
    del store[name]
    said = brain.on_a_terminal("doctor", status=1, environment={"NO_COLOR": "1"})
    assert b"warning: a process alone keeps" in said and b"    seen: " in said and b"    do: " in said
    assert b"\x1b" not in said


def test_no_store(nowhere):
    nowhere("doctor", status=3)


# ---- systems that are made for it

in_own_mounts = pytest.mark.skipif(
    not can_unshare("--mount"), reason="file systems of one's own take root"
)


def in_mounts(script):
    """What a script of the shell prints where what it mounts is its own; BRAIN is the command."""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-eu", "-c", "mount --make-rprivate /\n" + textwrap.dedent(script)],
        env={"PATH": os.environ["PATH"], "BRAIN": BRAIN, "HOME": "/"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    return {row[1]: row for row in (line.split("\t") for line in done.stdout.splitlines()) if len(row) == 6}


def in_shm(size, script):
    return in_mounts(f"mount -t tmpfs -o size={size} tmpfs /dev/shm\nexport BRAIN_PATH=/dev/shm/store\n" + script)


@in_own_mounts
def test_the_64_mb_of_docker():
    found = in_shm("64m", '"$BRAIN" create --capacity 1M >&2; "$BRAIN" doctor || test $? = 1')
    assert "--shm-size" in found["shm-64m"][5]


@in_own_mounts
def test_a_capacity_that_the_file_system_has_not():
    found = in_shm("64m", '"$BRAIN" create --capacity 1G >&2; "$BRAIN" doctor || test $? = 1')
    row = found["file-system-small"]
    assert row[0] == "warning" and "67 MB" in row[4]
    found = in_shm("2g", '"$BRAIN" create --capacity 1G >&2; "$BRAIN" doctor || test $? = 1')
    assert "file-system-small" not in found and "shm-64m" not in found


@pytest.mark.parametrize(("file", "status"), [("data", 7), ("clients", 7)])
def test_why_a_store_cannot_be_opened_is_a_find(brain, file, status):
    with open(os.path.join(brain.path, file), "r+b") as opened:
        opened.write(b"another!")
    reason = brain("stat", status=status).error.partition(": ")[2].strip()
    found = finds(brain, status=status)["cannot-open"]
    assert found["severity"] == "problem" and not found["can_fix"]
    assert found["evidence"] == reason and brain.path in found["what"]
    (row,) = (row for row in brain("doctor", status=status).rows if row[1] == "cannot-open")
    assert row[0] == "problem" and row[4] == reason


@in_own_mounts
@pytest.mark.parametrize("is_link", [False, True])
def test_of_a_store_that_cannot_be_opened_its_own_file_system_is_looked_at(is_link):
    path = "/dev/shm/link" if is_link else "/dev/shm/full/store"
    script = f"""
        mkdir /dev/shm/full
        mount -t tmpfs -o size=8m tmpfs /dev/shm/full
        "$BRAIN" -s {path} create --directory /dev/shm/full --capacity 1M >&2
        printf another! | dd of=$(readlink -f {path})/data conv=notrunc 2>/dev/null
        dd if=/dev/zero of=/dev/shm/full/much bs=64k 2>/dev/null || true
        "$BRAIN" -s {path} doctor || test $? = 7
    """
    found = in_shm("64m", script)
    assert "/dev/shm/full" in found["file-system-full"][4] and "cannot-open" in found


@in_own_mounts
def test_a_file_system_that_is_full():
    """Where not even a row can be had for who looks, what is in the way is told all the same."""
    script = """
        "$BRAIN" create --capacity 1M >&2
        dd if=/dev/zero of=/dev/shm/much bs=64k 2>/dev/null || true
        "$BRAIN" doctor || test $? = 1 -o $? = 5
    """
    assert in_shm("8m", script)["file-system-full"][0] == "problem"


@in_own_mounts
def test_half_a_store():
    half = "/dev/shm/brain-0-0123456789abcdef-89abcdef-1b"
    script = f'"$BRAIN" create --capacity 1M >&2; mkdir {half}; >{half}/data; "$BRAIN" doctor || test $? = 1'
    row = in_shm("200m", script)["half-a-store"]
    assert half in row[4] and "rm -r" in row[5]


@in_own_mounts
def test_directories_of_others_are_not_to_be_removed():
    """What only begins as a store does is somebody's own: nobody is told to `rm -r` it."""
    script = """
        "$BRAIN" create --capacity 1M >&2
        mkdir /dev/shm/brain-of-mine /dev/shm/brain-0-mine /dev/shm/brain-0-0123456789abcdef /dev/shm/brain-7
        "$BRAIN" doctor
    """
    assert "half-a-store" not in in_shm("200m", script)


@in_own_mounts
def test_a_folder_of_stores_is_no_half_a_store():
    """It would be told to remove them all."""
    script = """
        for folder in brain-mine brain-0-mine; do
            mkdir /dev/shm/$folder
            "$BRAIN" -s /dev/shm/in-$folder create --capacity 1M --directory /dev/shm/$folder >&2
        done
        "$BRAIN" create --capacity 1M >&2
        "$BRAIN" doctor || test $? = 1
    """
    assert "half-a-store" not in in_shm("200m", script)


USER = """
    chmod 1777 /dev/shm
    mount -t tmpfs tmpfs /run
    mkdir -p /run/systemd/system /run/systemd/logind.conf.d
    as_user() { setpriv --reuid 23456 --regid 23456 --clear-groups "$@"; }
    as_user "$BRAIN" create --capacity 1M >&2
"""


@in_own_mounts
def test_what_logs_users_out():
    found = in_shm("200m", USER + 'as_user "$BRAIN" doctor || test $? = 1')
    assert "RemoveIPC" in found["remove-ipc"][4] and "RemoveIPC=no" in found["remove-ipc"][5]
    conf = 'printf "[Login]\\n RemoveIPC = no\\n" > /run/systemd/logind.conf.d/x.conf\n'
    assert "remove-ipc" not in in_shm("200m", USER + conf + 'as_user "$BRAIN" doctor || test $? = 1')
    ours = '"$BRAIN" create --capacity 1M >&2 || true; export BRAIN_PATH=/dev/shm/of-root; "$BRAIN" create --capacity 1M >&2\n'
    assert "remove-ipc" not in in_shm("200m", USER + ours + '"$BRAIN" doctor || test $? = 1')


@in_own_mounts
def test_the_limit_of_a_cgroup():
    script = """
        mount -t tmpfs tmpfs /sys/fs/cgroup
        mkdir /sys/fs/cgroup/memory
        for name in memory.max memory/memory.limit_in_bytes; do echo 10000000 > /sys/fs/cgroup/$name; done
        for name in memory.current memory/memory.usage_in_bytes; do echo 4000000 > /sys/fs/cgroup/$name; done
        "$BRAIN" create --capacity SIZE >&2; "$BRAIN" doctor || test $? = 1
    """
    row = in_shm("200m", script.replace("SIZE", "50M"))["memory-cgroup"]
    assert row[0] == "problem" and "10 MB" in row[4] and "4.0 MB" in row[4]
    assert in_shm("200m", script.replace("SIZE", "8M"))["memory-cgroup"][0] == "warning"
    assert "memory-cgroup" not in in_shm("200m", script.replace("SIZE", "1M"))


@in_own_mounts
def test_a_store_that_cannot_be_opened():
    """What the system has in the way is told all the same; the status says why it cannot."""
    script = """
        "$BRAIN" create --capacity 1M >&2
        dd if=/dev/zero of=/dev/shm/store/data bs=300 count=1 conv=notrunc 2>/dev/null
        "$BRAIN" doctor || test $? = 7
    """
    assert "shm-64m" in in_shm("64m", script)
