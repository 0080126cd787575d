"""Other users: what they are refused, and what a group may."""

import os
import shutil
import stat
import subprocess
import sys

import numpy as np
import pytest
from brain_plasma import Brain, exceptions
from children import in_child

STRANGER = 65_534  # nobody
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def as_stranger(code, path):
    """Run `code` as another user. Returns what it printed."""

    def become():
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)

    return subprocess.run(
        [sys.executable, "-c", f"path = {path!r}\n{code}"],
        preexec_fn=become,
        capture_output=True,
        text=True,
        cwd="/",
    )


@pytest.fixture
def stranger_runs():
    """Whether another user can run this Python and this package at all."""
    try:
        done = as_stranger("import brain_plasma", "")
    except PermissionError as error:
        pytest.skip(f"another user cannot run this Python: {error}")
    if done.returncode != 0:
        pytest.skip(f"another user cannot import the package: {done.stderr[-200:]}")


REFUSED = """
from brain_plasma import Brain, exceptions
try:
    Brain(path, {options})
except exceptions.BrainPermissionError as error:
    assert isinstance(error, PermissionError)
    print(error)
"""


@needs_root
@pytest.mark.parametrize("options", ["", "shared=True", "read_only=True", "create=False"])
def test_a_stranger_is_refused(brain, path, stranger_runs, options):
    done = as_stranger(REFUSED.format(options=options), path)
    assert path in done.stdout, done.stderr


@needs_root
def test_a_stranger_is_told_what_the_owner_would_have_to_do(stranger_runs):
    """With a path below /tmp, as most have, the link is what is seen first, and then the directory."""
    path = f"/tmp/brain-test-{os.getpid()}-of-root"
    with Brain(path, capacity=10_000_000) as brain:
        try:
            for options in ("", "shared=True"):
                done = as_stranger(REFUSED.format(options=options), path)
                assert "made it with their group (group=, mode=)" in done.stdout, done
                assert "user 0" in done.stdout
        finally:
            brain.destroy()


@needs_root
def test_the_store_of_a_stranger_is_refused(path, stranger_runs):
    done = as_stranger("from brain_plasma import Brain\nBrain(path)['x'] = 1", path)
    assert done.returncode == 0, done.stderr
    with pytest.raises(exceptions.BrainPermissionError, match=path):
        Brain(path)
    with Brain(path, shared=True) as brain:
        assert brain["x"] == 1
        with pytest.raises(exceptions.BrainPickleError):
            brain["y"] = ValueError("can only be pickled")


@needs_root
def test_a_link_of_a_stranger_is_refused(tmp_path, stranger_runs):
    folder = f"/tmp/brain-test-{os.getpid()}-open"
    os.mkdir(folder)
    os.chmod(folder, 0o777)
    path = f"{folder}/store"
    try:
        done = as_stranger("import os\nos.symlink('/dev/shm', path)", path)
        assert done.returncode == 0, done.stderr
        with pytest.raises(exceptions.BrainPermissionError, match=path):
            Brain(path)
    finally:
        shutil.rmtree(folder)


@needs_root
def test_a_group_may_read(path, stranger_runs):
    with Brain(path, group=STRANGER) as brain:
        brain["x"] = np.arange(5)
        brain["y"] = ValueError("can only be pickled")
        code = """
from brain_plasma import Brain, exceptions
try:
    Brain(path, shared=True)
except exceptions.BrainPermissionError as error:
    assert 'read-only' in str(error)
brain = Brain(path, shared=True, read_only=True)
print(brain.read_only, brain['x'].sum())
for use in (lambda: brain['y'], lambda: brain.__setitem__('x', 1)):
    try:
        use()
    except exceptions.BrainError as error:
        print(type(error).__name__)
"""
        done = as_stranger(code, path)
        assert done.stdout.split() == ["True", "10", "BrainPickleError", "BrainUpdatePermissionError"], done


@needs_root
def test_a_group_may_read_by_the_client_of_a_brain(path, stranger_runs):
    with Brain(path, group=STRANGER) as brain:
        brain["x"] = 5
        thing = brain.client.put(ValueError("can only be pickled"))
        code = f"""
from brain_plasma import Brain, exceptions, plasma
thing = plasma.ObjectID({thing.binary()!r})
brain = Brain(path, shared=True, read_only=True)
print(brain.client.get(brain.object_id('x')))
for use in (lambda: brain.client.get(thing), lambda: brain.client.put(1)):
    try:
        use()
    except exceptions.BrainError as error:
        print(type(error).__name__)
print(type(Brain(path, shared=True, read_only=True, pickle=True).client.get(thing)).__name__)
"""
        done = as_stranger(code, path)
        assert done.stdout.split() == ["5", "BrainPickleError", "BrainPermissionError", "ValueError"], done


def test_nobody_else_may_look_into_a_store(brain):
    for file in (os.path.join(brain.directory, name) for name in ("data", "clients")):
        assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(brain.directory).st_mode) == 0o700


@needs_root
def test_who_has_given_up_being_the_owner_does_not_destroy_the_store(brain):
    brain["x"] = 1

    def child():
        os.setgroups([])
        os.setgid(STRANGER)
        os.setuid(STRANGER)
        with pytest.raises(exceptions.BrainPermissionError, match=f"user 0.*user {STRANGER}"):
            brain.destroy()
        assert brain["x"] == 1  # open as before
        brain["x"] = 2

    in_child(child)
    assert brain["x"] == 2
    assert brain.check() == []


def test_a_store_whose_files_cannot_be_removed_is_not_destroyed(brain):
    """Its directory was made read-only: nothing of it goes, and nobody is told that it did."""
    brain["x"] = 1

    def child():
        if os.geteuid() == 0:  # who may do anything
            os.chown(brain.directory, STRANGER, STRANGER)
            os.setgid(STRANGER)
            os.setuid(STRANGER)
        os.chmod(brain.directory, 0o500)
        with pytest.raises(exceptions.BrainPermissionError, match="stays"):
            brain.destroy()
        assert brain["x"] == 1

    try:
        in_child(child)
    finally:  # else the fixture could not remove it
        if os.geteuid() == 0:
            os.chown(brain.directory, 0, 0)
        os.chmod(brain.directory, 0o700)
    assert brain["x"] == 1
