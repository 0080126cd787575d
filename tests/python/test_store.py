"""The store behind a Brain: where it is, what it takes and gives back, and its end."""

import inspect
import os
import pickle
import time
import warnings

import brain_plasma
import pytest
from brain_plasma import Brain, exceptions, plasma

# ---- opening ------------------------------------------------------------------------------------


def places(**stores):
    """Each form of the constructor's arguments, as (positional, keyword)."""
    path, space = stores["path"], stores["namespace"]
    return [
        ((path, space), {}),
        ((space, path), {}),
        ((path,), {"namespace": space}),
        ((space,), {"path": path}),
        ((), {"path": path, "namespace": space}),
    ]


@pytest.mark.parametrize("form", range(5))
def test_path_and_namespace_come_in_any_order(path, form):
    args, keywords = places(path=path, namespace="sessions")[form]
    with Brain(*args, **keywords) as brain:
        assert (brain.path, brain.namespace) == (path, "sessions")


def test_one_argument_with_a_slash_is_the_path(path):
    with Brain(path) as brain:
        assert (brain.path, brain.namespace) == (path, "default")


def test_a_path_object_is_a_path(path):
    import pathlib

    with Brain(pathlib.Path(path)) as brain:
        assert brain.path == path


def test_one_argument_without_a_slash_is_the_namespace(path, monkeypatch):
    monkeypatch.setattr(brain_plasma.brain, "DEFAULT_PATH", path)
    with Brain("sessions") as brain:
        assert (brain.path, brain.namespace) == (path, "sessions")


def test_the_default_place():
    parameters = inspect.signature(Brain.__init__).parameters
    assert brain_plasma.brain.DEFAULT_PATH == "/tmp/plasma"
    assert brain_plasma.brain.DEFAULT_NAMESPACE == "default"
    assert parameters["lock_timeout"].default == 10.0


@pytest.mark.parametrize(
    "args, keywords",
    [
        (("/a", "bcdef", "ghijk"), {}),
        (("/a", "bcdef"), {"path": "/b"}),
        (("/a",), {"path": "/b", "namespace": "cdefg"}),
    ],
)
def test_too_many_places_are_a_type_error(args, keywords):
    with pytest.raises(TypeError):
        Brain(*args, **keywords)


def test_two_brains_of_one_path_share_a_store(path):
    with Brain(path) as one, Brain(path) as two:
        one["x"] = [1, 2]
        assert two["x"] == [1, 2]
        del two["x"]
        assert "x" not in one


def test_values_stay_when_everybody_has_closed(path):
    with Brain(path) as brain:
        brain["x"] = 5
    with Brain(path, create=False) as brain:
        assert brain["x"] == 5


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_below_tmp_the_store_is_a_link_to_memory(folder, tmp_path_factory):
    path = f"{folder}/brain-test-{os.getpid()}-link"
    with Brain(path) as brain:
        brain["x"] = 1
        assert os.path.islink(path)
        target = os.path.realpath(path)
        assert target == os.path.realpath(brain.directory)
        assert target.startswith("/dev/shm/")
        with Brain(path) as again:
            assert again["x"] == 1
        brain.destroy()
    assert not os.path.lexists(path)
    assert not os.path.lexists(target)


def test_a_store_in_the_folder_that_pytest_gives(tmp_path):
    with Brain(tmp_path / "store") as brain:
        brain["x"] = 1
        assert brain["x"] == 1
        target = os.path.realpath(brain.directory)
        brain.destroy()
    assert list(tmp_path.iterdir()) == []
    assert not os.path.lexists(target)


def test_a_lost_link_does_not_split_the_store(tmp_path):
    path = tmp_path / "store"
    with Brain(path) as brain:
        brain["x"] = 1
        path.unlink()  # as a cleaner of /tmp does
        with Brain(path) as again:
            assert again["x"] == 1
        brain.destroy()
    assert not os.path.lexists(path)


def test_a_relative_path_is_taken_from_the_current_directory(path, monkeypatch):
    monkeypatch.chdir("/dev/shm")
    with Brain(path=os.path.basename(path)) as brain:
        brain["x"] = 1
    with Brain(path, create=False) as brain:
        assert brain["x"] == 1


def test_capacity_is_what_was_asked_for(path):
    with Brain(path, capacity=5_000_000) as brain:
        assert brain.size() == brain.bytes == 5_000_000
        assert brain.mb == "5 MB"


def test_mode_of_the_files(path, new_path):
    with Brain(path) as brain:
        assert os.stat(brain.directory).st_mode & 0o777 == 0o700
    with Brain(new_path(), group=os.getgid()) as brain:
        assert os.stat(brain.directory).st_mode & 0o777 == 0o750


def test_read_only(path):
    with Brain(path) as brain:
        brain["x"] = 1
        assert not brain.read_only
    with Brain(path, read_only=True) as brain:
        assert brain.read_only
        assert brain["x"] == 1
        for change in (
            lambda: brain.__setitem__("x", 2),
            lambda: brain.__delitem__("x"),
            lambda: brain.update(x=2),
            lambda: brain.pop("x"),
        ):
            with pytest.raises(exceptions.BrainPermissionError):
                change()
        assert brain["x"] == 1


def test_repr_says_what_it_is(brain):
    assert repr(brain) == f"<Brain {brain.path!r}, namespace 'default'>"
    brain.close()
    assert repr(brain) == f"<Brain {brain.path!r}, closed>"


def test_a_subclass_may_have_what_it_wants(path):
    class Mine(Brain):
        def __init__(self, path):
            super().__init__(path)
            self.mine = 1

    with Mine(path) as brain:
        brain["x"] = brain.mine
        assert brain["x"] == 1


# ---- pickling -----------------------------------------------------------------------------------


def test_a_brain_pickles_as_its_place_and_options(path):
    with Brain(path, "sessions", lock_timeout=3.0, pickle=False) as brain:
        brain["x"] = 1
        with pickle.loads(pickle.dumps(brain)) as copy:
            assert (copy.path, copy.namespace) == (path, "sessions")
            assert copy["x"] == 1
            assert copy._options == {**brain._options, "create": False}


def test_one_that_comes_after_its_store_makes_none(path):
    brain = Brain(path, capacity=5_000_000)
    data = pickle.dumps(brain)
    with pickle.loads(data) as copy:
        copy["x"] = 1
        assert brain["x"] == 1
        again = pickle.dumps(copy)
    brain.destroy()
    for one in (data, again):
        with pytest.raises(exceptions.BrainStoreNotFoundError, match=path):
            pickle.loads(one)
    assert not os.path.lexists(path)


def test_the_current_namespace_is_pickled(brain):
    brain.set_namespace("another")
    with pickle.loads(pickle.dumps(brain)) as copy:
        assert copy.namespace == "another"


def test_a_relative_path_is_pickled_in_full(path, monkeypatch):
    monkeypatch.chdir("/dev/shm")
    with Brain(path=os.path.basename(path)) as brain:
        brain["x"] = 1
        data = pickle.dumps(brain)
    monkeypatch.chdir("/")
    with pickle.loads(data) as copy:
        assert copy["x"] == 1


# ---- the store ----------------------------------------------------------------------------------


def test_used_is_exact_after_every_change(brain):
    assert brain.used() == 0
    brain["x"] = b"x" * 1000
    assert brain.used() == 1000
    for _ in range(200):
        brain["x"] = b"x" * 3000
    assert brain.used() == 3000
    brain["y"] = b"y" * 100_000
    assert brain.used() == 103_000
    assert brain.size() - brain.used() == brain.free()
    del brain["x"]
    assert brain.used() == 100_000
    brain.set_namespace("another")
    brain["x"] = "abc"
    assert brain.used() == 100_003
    brain.remove_namespace("another")
    assert brain.used() == 100_000
    del brain["y"]
    assert brain.used() == 0


def test_resize_makes_room(path):
    with Brain(path, capacity=100_000) as brain, Brain(path) as other:
        with pytest.raises(exceptions.BrainFullError):
            other["x"] = b"x" * 200_000
        brain.resize(300_000)
        assert other.size() == 300_000
        other["x"] = b"x" * 200_000
        for wrong in (4095, -1, 2**70, "1"):
            with pytest.raises(exceptions.BrainValueError):
                brain.resize(wrong)


def test_resize_makes_a_store_smaller(path):
    with Brain(path, capacity=50_000_000) as brain, Brain(path) as other:
        other["x"] = b"x" * 200_000
        other["y"] = b"y" * 10_000_000
        del other["y"]
        brain.resize(200_000)
        assert (other.size(), other.free()) == (200_000, 0)
        assert (brain.bytes, brain.mb) == (200_000, "0 MB")
        assert brain.stat()["value_backed_bytes"] < 300_000
        assert other["x"] == b"x" * 200_000
        with pytest.raises(exceptions.BrainFullError):
            other["y"] = 1
        assert plasma.connect(path).store_capacity() == 200_000


def test_a_store_is_not_made_smaller_than_what_is_in_it(path):
    np = pytest.importorskip("numpy")
    with Brain(path, capacity=50_000_000) as brain:
        brain["x"] = np.zeros(100_000)
        view = brain["x"]
        del brain["x"]
        brain["y"] = b"y" * 1000
        with pytest.raises(exceptions.BrainFullError, match=r"in limbo 800\d\d\d.*held by process \d+"):
            brain.resize(500_000)
        assert brain.size() == 50_000_000
        assert not view.any()
        del view
        brain.resize(4096)
        with pytest.raises(exceptions.BrainFullError, match="cannot be made as small as 4096 bytes: .*live 5000,"):
            brain.resize(1_000_000)
            brain["y"] = b"y" * 5000
            brain.resize(4096)
        assert brain.size() == 1_000_000


def test_trim_gives_memory_back(brain):
    brain["x"] = b"x" * 10_000_000
    del brain["x"]
    brain.trim()
    assert brain.stat()["value_backed_bytes"] == 0
    assert brain.trim() == 0


def test_compact_gives_all_back(brain):
    brain["x"] = b"x" * 10_000_000
    for n in range(200):
        brain.learn(str(n), n, namespace="others")
    view = brain["x"]
    del brain["x"]
    brain.remove_namespace("others")
    del view
    assert brain.compact() >= 10_000_000
    stat = brain.stat()
    assert (stat["value_backed_bytes"], stat["n_limbo"]) == (0, 0)
    assert brain.compact() == 0
    assert brain.check() == []


def test_what_stays_of_free_memory_is_the_stores(path):
    with Brain(path, capacity=40_000_000) as brain:
        assert brain.keep_free == 10_000_000
        brain.resize(20_000_000)
        assert brain.keep_free == 5_000_000  # a quarter, as long as nobody says anything
        with Brain(path, keep_free=0) as other:
            assert (other.keep_free, brain.keep_free) == (0, 0)
            brain.keep_free = 3_000_000
            assert other.keep_free == 3_000_000
            with pickle.loads(pickle.dumps(other)) as copy:
                assert copy.keep_free == 3_000_000
        brain.keep_free = None
        assert brain.keep_free == 5_000_000
        for wrong in (-1, 2**42 + 1, 1.0, "1"):
            with pytest.raises(exceptions.BrainValueError, match="keep_free is a number of bytes"):
                brain.keep_free = wrong
        assert brain.keep_free == 5_000_000
        with Brain(path, read_only=True) as reader:
            assert reader.keep_free == 5_000_000
            with pytest.raises(exceptions.BrainPermissionError):
                reader.keep_free = 0
        with pytest.raises(exceptions.BrainPermissionError):
            Brain(path, read_only=True, keep_free=0)
        assert brain.stat()["n_clients"] == 1


def test_trim_of_a_large_block(brain):
    """One that is given back in several steps."""
    brain.resize(200 * 1_000_000)
    for n in range(50):
        brain[str(n)] = b"x" * 800_000
    brain.clear()
    assert brain.trim() >= 40_000_000
    assert brain.stat()["value_backed_bytes"] == 0
    assert brain.check() == []


def test_values_of_all_sizes_take_turns(brain):
    """What held values of one size is given to others."""
    np = pytest.importorskip("numpy")
    for size in (1000, 5000, 8, 100, 20_000, 1, 1900, 300, 5000):
        for make in (lambda: b"x" * size, lambda: np.arange(size), lambda: [b"x" * size]):
            for n in range(200):
                brain[str(n)] = make()
            for n in range(0, 200, 3):
                del brain[str(n)]
        assert brain.check() == []
    brain.clear()
    assert brain.used() == 0


def test_check_finds_nothing_wrong(brain):
    brain.update({str(n): "x" * n for n in range(1000)})
    for n in range(0, 1000, 3):
        del brain[str(n)]
    assert brain.check() == []


def test_stat_counts(brain, path):
    brain.update(a=1, b=b"x" * 5000)
    with Brain(path):
        stat = brain.stat()
        assert stat["n_objects"] == 2
        assert stat["live_bytes"] == brain.used() == 5008
        assert stat["capacity_bytes"] == brain.size()
        assert stat["committed"] == brain.version("a")
        assert stat["n_clients"] >= 1
        assert stat["physical_bytes"] > 0


def test_stat_says_when_the_store_was_made(path):
    before_ns = time.time_ns() - 20_000_000  # its clock goes in steps
    with Brain(path, capacity=1_000_000) as brain, Brain(path) as other:
        made_ns = brain.stat()["created_ns"]
        assert before_ns < made_ns <= time.time_ns()
        brain["x"] = 1
        assert brain.stat()["created_ns"] == other.stat()["created_ns"] == made_ns


def test_close_is_the_end(brain):
    brain.close()
    assert brain.closed
    brain.close()


def test_the_context_manager_closes(path):
    with Brain(path) as brain:
        assert not brain.closed
    assert brain.closed


def test_init_again_opens_again(brain, path):
    brain["x"] = 1
    brain.close()
    brain.__init__(path)
    assert brain["x"] == 1


def test_a_brain_that_destroyed_its_store_says_so(path):
    brain = Brain(path)
    brain.destroy()
    for use in (lambda: brain["x"], brain.size, brain.destroy, lambda: brain.client):
        with pytest.raises(exceptions.BrainClosedError, match=f"has destroyed its store.*'{path}'.*makes a new one"):
            use()
    brain.close()
    with pytest.raises(exceptions.BrainClosedError, match="has destroyed its store"):
        brain["x"]
    brain.__init__(path)
    brain.close()
    with pytest.raises(exceptions.BrainClosedError, match="opens the store again"):
        brain["x"]
    Brain(path).destroy()


def test_destroy_removes_the_store(path):
    brain = Brain(path)
    directory = brain.directory
    brain["x"] = 1
    brain.destroy()
    assert brain.closed
    assert not os.path.lexists(path) and not os.path.lexists(directory)
    with Brain(path) as successor:
        assert len(successor) == 0


# ---- a capacity for a store that is there ---------------------------------------------------------


def test_another_capacity_than_the_store_has_is_told_once(path):
    with Brain(path, capacity=10_000_000), pytest.warns(RuntimeWarning, match="10000000 bytes") as caught:
        with Brain(path, capacity=20_000_000) as brain:
            assert brain.size() == 10_000_000
    (warning,) = caught
    assert "brain.resize(20000000)" in str(warning.message) and warning.filename == __file__


def test_the_capacity_that_the_store_has_is_no_warning(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with Brain(path, capacity=10_000_000), Brain(path, capacity=10_000_000), Brain(path):
            pass


def test_a_brain_that_is_pickled_or_wakes_up_does_not_warn_of_a_changed_capacity(path):
    with Brain(path, capacity=10_000_000) as brain:
        brain.resize(20_000_000)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pickle.loads(pickle.dumps(brain)) as other:
                assert other.size() == 20_000_000
            brain["x"] = 5
            assert pickle.loads(pickle.dumps(brain.ref("x"))).value == 5
            brain.sleep()
            brain.wake_up()
