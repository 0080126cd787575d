"""The command plasma_store, and start_plasma_store."""

import os
import signal
import subprocess

import tempfile

import pytest
from implementation import ORIGINALS, PLASMA_STORE, plasma
from processes import CAPACITY, die_with_parent


@pytest.mark.covers("plasma_store -m", "plasma_store -s")
def test_without_arguments_it_says_what_it_needs(other_store):
    status, said = other_store()
    assert status == 1
    assert "-s" in said
    assert "-m" in said


@pytest.mark.covers("plasma_store -s")
def test_without_a_path_it_says_so(other_store):
    status, said = other_store("-m", "1000000")
    assert status == 1
    assert "-s" in said


@pytest.mark.covers("plasma_store -m")
def test_without_a_size_it_says_so(other_store, missing_path):
    status, said = other_store("-s", missing_path)
    assert status == 1
    assert "-m" in said
    assert not os.path.lexists(missing_path)


@pytest.mark.covers("plasma_store -m")
@pytest.mark.parametrize("size", ["many", "10MB", "1k"])
def test_a_size_is_a_number_of_bytes(other_store, missing_path, size):
    status, said = other_store("-m", size, "-s", missing_path)
    assert status == 1
    assert "-m" in said
    assert not os.path.lexists(missing_path)


@pytest.mark.covers("plasma_store -m")
@pytest.mark.parametrize("size", ["0", "-5"])
def test_there_is_no_store_of_no_size(other_store, missing_path, size):
    status, _ = other_store("-m", size, "-s", missing_path)
    assert status != 0
    assert not os.path.lexists(missing_path)


@pytest.mark.covers("plasma_store -s")
def test_a_path_in_no_folder_is_refused(other_store):
    status, said = other_store("-m", "1000000", "-s", "/nonexistent/folder/plasma")
    assert status != 0
    assert "/nonexistent/folder/plasma" in said


@pytest.mark.covers("plasma_store -s")
@pytest.mark.defect("aborts")
def test_a_path_in_no_folder_is_an_error_of_the_user(other_store):
    status, _ = other_store("-m", "1000000", "-s", "/nonexistent/folder/plasma")
    assert status == 1


@pytest.mark.covers("plasma_store (unknown flag)")
def test_a_flag_that_there_is_not_is_refused(other_store):
    status, said = other_store("-z")
    assert status != 0
    assert "z" in said


@pytest.mark.covers("plasma_store --help")
def test_help_names_the_flags(other_store):
    _, said = other_store("--help")
    for flag in ("-m", "-s", "-d", "-h", "-e"):
        assert flag in said


@pytest.mark.covers("plasma_store -m", "plasma_store -s")
def test_it_serves_clients_in_the_foreground(store):
    client = store.connect()
    assert client.store_capacity() == CAPACITY
    assert client.get(client.put(1)) == 1
    assert store.process.poll() is None


@pytest.fixture
def memory_folder():
    """A fresh folder on a file system in memory, where alone ours may lie."""
    with tempfile.TemporaryDirectory(prefix="brain-test-", dir="/dev/shm") as folder:
        yield folder


@pytest.mark.covers("plasma_store -d")
def test_the_memory_can_be_in_another_directory(new_store, memory_folder):
    store = new_store(1_000_000, "-d", memory_folder)
    client = store.connect()
    assert client.store_capacity() == 1_000_000
    assert client.get(client.put(1)) == 1


@pytest.mark.covers("plasma_store -d")
def test_a_directory_that_is_not_there_is_refused(other_store, missing_path):
    status, said = other_store("-m", "1000000", "-s", missing_path, "-d", "/nonexistent")
    assert status != 0
    assert "/nonexistent" in said


@pytest.mark.covers("plasma_store -h")
def test_huge_pages_need_a_directory_that_has_them(other_store, missing_path, folder):
    status, _ = other_store("-m", "10000000", "-s", missing_path, "-d", str(folder), "-h")
    assert status != 0


@pytest.fixture
def external(folder):
    """An external store: theirs is a table in memory, ours a directory."""
    return "hashtable://test" if ORIGINALS else str(folder)


@pytest.mark.covers("plasma_store -e")
def test_what_is_evicted_comes_back_from_an_external_store(new_store, external):
    client = new_store(1_000_000, "-e", external).connect()
    ids = [client.put_raw_buffer(bytes([number]) * 100_000) for number in range(20)]
    for number, id in enumerate(ids):
        [buffer] = client.get_buffers([id])
        assert buffer.to_pybytes() == bytes([number]) * 100_000


@pytest.mark.covers("plasma_store (SIGTERM)")
def test_it_ends_with_0_on_sigterm(store):
    client = store.connect()
    client.put(1)
    client.subscribe()
    assert store.end() == 0
    with pytest.raises(OSError):
        plasma.connect(store.path, num_retries=1)


@pytest.mark.covers("plasma_store (SIGTERM)")
@pytest.mark.defect("its socket stays")
def test_nothing_is_left_after_sigterm(store):
    store.end()
    assert not os.path.lexists(store.path)


@pytest.mark.covers("plasma_store (SIGINT)")
@pytest.mark.defect("is killed by it, and its socket stays")
def test_ctrl_c_ends_it_as_well(store):
    store.process.send_signal(signal.SIGINT)
    assert store.process.wait(timeout=10) == 0
    assert not os.path.lexists(store.path)


@pytest.mark.covers("plasma_store (SIGTERM)")
def test_a_client_of_a_store_that_ended_gets_an_error(store):
    client, reader = store.connect(), store.connect()
    [buffer] = reader.get_buffers([client.put_raw_buffer(b"stays readable")])
    store.end()
    with pytest.raises(OSError):
        client.put(1)
    with pytest.raises(OSError):
        client.list()
    assert buffer.to_pybytes() == b"stays readable"


@pytest.mark.covers("plasma_store -s")
def test_it_starts_again_where_one_ended(store):
    store.end()
    store.start()
    assert store.connect().list() == {}


@pytest.mark.covers("plasma_store -s")
def test_it_takes_over_from_one_that_was_killed(store):
    store.connect().put(1)
    store.kill()
    store.start()
    client = store.connect()
    assert client.get(client.put(2)) == 2


@pytest.mark.covers("plasma_store -s")
@pytest.mark.defect("takes the path from the other, which runs on without one")
def test_a_path_on_which_another_serves_is_refused(store):
    client = store.connect()
    id = client.put(1)
    second = subprocess.Popen(
        [PLASMA_STORE, "-m", "1000000", "-s", store.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=die_with_parent,
    )
    try:
        said, _ = second.communicate(timeout=3)
    finally:
        second.kill()
        second.wait()
        second.stdout.close()
    assert second.returncode == 1
    assert store.path.encode() in said
    assert store.connect().get(id) == 1


# ---- start_plasma_store -----------------------------------------------------------------------


@pytest.mark.covers("plasma.start_plasma_store")
def test_a_store_for_the_length_of_a_with():
    with plasma.start_plasma_store(plasma_store_memory=2_000_000) as (path, process):
        assert isinstance(path, str)
        assert isinstance(process, subprocess.Popen)
        assert process.poll() is None
        client = plasma.connect(path)
        assert client.store_capacity() == 2_000_000
        assert client.get(client.put(1)) == 1
    process.wait(timeout=10)
    assert not os.path.lexists(path)
    assert not os.path.lexists(os.path.dirname(path))


@pytest.mark.covers("plasma.start_plasma_store")
def test_an_error_in_the_with_ends_the_store():
    with pytest.raises(ZeroDivisionError):
        with plasma.start_plasma_store(2_000_000) as (path, process):
            raise ZeroDivisionError
    process.wait(timeout=10)
    assert not os.path.lexists(path)


@pytest.mark.covers("plasma.start_plasma_store(plasma_directory)")
def test_the_memory_of_a_store_in_a_with_can_be_elsewhere(memory_folder):
    with plasma.start_plasma_store(2_000_000, plasma_directory=memory_folder) as (path, process):
        assert plasma.connect(path).store_capacity() == 2_000_000
    process.wait(timeout=10)


@pytest.mark.covers("plasma.start_plasma_store(plasma_directory)")
def test_a_store_that_does_not_start_is_an_error():
    with pytest.raises(RuntimeError):
        with plasma.start_plasma_store(2_000_000, plasma_directory="/nonexistent"):
            pass


@pytest.mark.covers("plasma.start_plasma_store(use_hugepages)")
def test_huge_pages_where_there_are_none_are_an_error(folder):
    with pytest.raises(RuntimeError):
        with plasma.start_plasma_store(
            20_000_000, plasma_directory=str(folder), use_hugepages=True
        ):
            pass


@pytest.mark.covers(
    "plasma.start_plasma_store(use_valgrind)", "plasma.start_plasma_store(use_profiler)"
)
def test_valgrind_and_the_profiler_exclude_each_other():
    with pytest.raises(Exception, match="valgrind"):
        with plasma.start_plasma_store(2_000_000, use_valgrind=True, use_profiler=True):
            pass


@pytest.mark.covers(
    "plasma.start_plasma_store(use_valgrind)", "plasma.start_plasma_store(use_profiler)"
)
@pytest.mark.parametrize("argument", ["use_valgrind", "use_profiler"])
def test_a_store_inside_of_valgrind(argument, tmp_path, monkeypatch):
    """A stand-in for valgrind, that starts what it is given."""
    stand_in = tmp_path / "valgrind"
    stand_in.write_text(
        '#!/bin/sh\nwhile [ "${1#--}" != "$1" ]; do shift; done\necho "$@" >"$0.ran"\nexec "$@"\n'
    )
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with plasma.start_plasma_store(2_000_000, **{argument: True}) as (path, process):
        assert plasma.connect(path).store_capacity() == 2_000_000
        assert path in (tmp_path / "valgrind.ran").read_text()
    process.wait(timeout=10)


@pytest.mark.covers("plasma.start_plasma_store(external_store)")
def test_a_store_in_a_with_can_have_an_external_store(external):
    with plasma.start_plasma_store(1_000_000, external_store=external) as (path, process):
        client = plasma.connect(path)
        ids = [client.put_raw_buffer(bytes(100_000)) for _ in range(20)]
        assert all(buffer.size == 100_000 for id in ids for buffer in client.get_buffers([id]))
    process.wait(timeout=10)


@pytest.mark.covers("plasma.start_plasma_store")
def test_nothing_is_left_in_the_temporary_directory(folder, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with plasma.start_plasma_store(2_000_000) as (path, process):
        assert path.startswith(str(folder))
    process.wait(timeout=10)
    assert os.listdir(folder) == []
