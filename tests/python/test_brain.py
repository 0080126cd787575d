"""The mapping: what Brain has of a dict, and what it has beside."""

import collections.abc
import inspect
import os
import pickle
import subprocess
import sys
import threading
import time

import brain_plasma
import pytest
from brain_plasma import Brain, _core, exceptions, plasma

# ---- the mapping --------------------------------------------------------------------------------


def test_a_value_is_recalled_replaced_and_deleted(brain):
    brain["x"] = 1
    assert brain["x"] == 1
    brain["x"] = "two"
    assert brain["x"] == "two"
    del brain["x"]
    assert "x" not in brain


def test_a_missing_name_is_a_key_error_that_names_it(brain):
    with pytest.raises(KeyError) as caught:
        brain["nothing"]
    assert isinstance(caught.value, exceptions.BrainNameNotExistError)
    assert caught.value.args == ("nothing", "default", brain.path)
    for part in ("'nothing'", "'default'", brain.path):
        assert part in str(caught.value)


def test_to_delete_a_missing_name_is_no_error(brain):
    del brain["nothing"]


def test_length_and_truth_are_those_of_the_current_namespace(brain):
    assert len(brain) == 0
    assert not brain
    brain["a"] = 1
    brain["b"] = 2
    brain["a"] = 3
    assert len(brain) == 2
    assert brain
    brain.set_namespace("another")
    assert len(brain) == 0


@pytest.mark.parametrize("name", ["", "a", "é", "名前", "a b\n\0c", "x" * 65_535, "🧠" * 16_383])
def test_any_text_is_a_name(brain, name):
    brain[name] = len(name)
    assert name in brain
    assert brain[name] == len(name)
    assert brain.names() == [name]
    del brain[name]
    assert list(brain) == []


def test_a_subclass_of_str_is_a_name(brain):
    class Name(str):
        pass

    brain[Name("x")] = 1
    assert brain["x"] == 1


def test_iteration_gives_each_name_once(brain):
    expected = {f"name {n}" for n in range(1000)}
    for name in expected:
        brain[name] = None
    assert sorted(brain) == sorted(expected)
    assert sorted(brain.names()) == sorted(expected)


def test_names_may_change_during_iteration(brain):
    brain.update({str(n): n for n in range(100)})
    seen = set()
    for name in brain:
        seen.add(name)
        del brain[name]
        brain[name + "!"] = 0
    assert seen == {str(n) for n in range(100)}


def test_get(brain):
    brain["x"] = None
    assert brain.get("x", 5) is None
    assert brain.get("y") is None
    assert brain.get("y", 5) == 5
    with pytest.raises(TypeError):
        brain.get()
    with pytest.raises(TypeError):
        brain.get("x", 1, 2)


def test_pop(brain):
    brain["x"] = 7
    assert brain.pop("x") == 7
    assert "x" not in brain
    assert brain.pop("x", 8) == 8
    with pytest.raises(exceptions.BrainNameNotExistError):
        brain.pop("x")
    with pytest.raises(TypeError):
        brain.pop()


def test_popitem(brain):
    brain.update(a=1, b=2)
    popped = [brain.popitem(), brain.popitem()]
    assert sorted(popped) == [("a", 1), ("b", 2)]
    with pytest.raises(KeyError):
        brain.popitem()


def test_setdefault(brain):
    assert brain.setdefault("x", 1) == 1
    assert brain.setdefault("x", 2) == 1
    assert brain["x"] == 1
    assert brain.setdefault("y") is None
    assert "y" in brain
    with pytest.raises(TypeError):
        brain.setdefault()


def test_update_takes_what_that_of_a_dict_takes(brain):
    brain.update({"a": 1}, b=2)
    brain.update([("c", 3), ("a", 4)])
    brain.update()
    assert dict(brain.items()) == {"a": 4, "b": 2, "c": 3}


def test_update_takes_another_brain(brain, new_path):
    with Brain(new_path()) as other:
        other.update(a=1, b=[2])
        brain.update(other)
    assert dict(brain.items()) == {"a": 1, "b": [2]}


def test_update_is_one_commit(brain):
    brain.update({str(n): n for n in range(50)})
    assert len({brain.version(str(n)) for n in range(50)}) == 1


def test_views_of_keys_values_and_items(brain):
    brain.update(a=1, b=2)
    assert brain.keys() == {"a", "b"}
    assert brain.keys() & {"a", "z"} == {"a"}
    assert sorted(brain.values()) == [1, 2]
    assert brain.items() == {("a", 1), ("b", 2)}
    assert 2 in brain.values() and 3 not in brain.values()
    assert ("a", 1) in brain.items() and ("a", 2) not in brain.items()
    assert len(brain.keys()) == len(brain.values()) == len(brain.items()) == 2


def test_what_is_deleted_meanwhile_is_left_out_of_items(brain):
    brain.update({str(n): n for n in range(10)})
    items = iter(brain.items())
    first = next(items)
    brain.clear()
    brain["new"] = 1
    assert list(items) == []
    assert first[0] == str(first[1])


def test_clear_empties_the_current_namespace_alone(brain):
    brain["kept"] = 1
    brain.set_namespace("another")
    brain.update(a=1, b=2)
    brain.clear()
    assert len(brain) == 0
    assert "another" in brain.namespaces()
    assert brain.names("default") == ["kept"]
    brain["a"] = 3
    assert brain["a"] == 3


def test_it_counts_as_a_mutable_mapping_and_is_no_dict(brain):
    assert isinstance(brain, collections.abc.MutableMapping)
    assert not isinstance(brain, dict)


def test_it_compares_and_hashes_by_identity(brain, path):
    with Brain(path) as same:
        same["x"] = brain["x"] = 1
        assert brain == brain and brain != same
        assert len({brain, same}) == 2


def test_what_a_dict_has_and_a_brain_does_not(brain):
    brain["x"] = 1
    assert not hasattr(brain, "copy")
    with pytest.raises(TypeError):
        brain | {"y": 2}
    with pytest.raises(TypeError):
        reversed(brain)


# ---- the hot methods ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["__getitem__", "__setitem__", "__delitem__", "__contains__", "__len__", "__iter__", "get"]
)
def test_the_hot_methods_are_those_of_the_c_type(name):
    assert name not in vars(Brain)
    assert name in vars(_core.Brain)
    assert not inspect.isfunction(getattr(Brain, name))


def test_import_does_not_import_what_few_need():
    code = "import sys, brain_plasma; print([m for m in ('numpy', 'pickle') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_small_values_need_no_numpy(path):
    code = f"""
import sys
from brain_plasma import Brain
with Brain({path!r}) as brain:
    for value in (None, True, 1, 2**100, 1.5, 'x', b'x', [1, 2], {{'a': (1,)}}):
        brain['x'] = value
        assert brain['x'] == value
print('numpy' in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_everything_public_has_a_docstring():
    for name, member in inspect.getmembers(Brain):
        if not name.startswith("_"):
            assert inspect.getdoc(member), name
    for name, member in inspect.getmembers(exceptions, inspect.isclass):
        assert inspect.getdoc(member), name


def test_every_exception_is_a_brain_error():
    for name, member in inspect.getmembers(exceptions, inspect.isclass):
        assert issubclass(member, exceptions.BrainError), name


def test_every_exception_can_be_imported_from_the_package():
    for name, member in inspect.getmembers(exceptions, inspect.isclass):
        assert getattr(brain_plasma, name) is member
        assert name in brain_plasma.__all__


def test_exceptions_has_nothing_else_for_the_star_import():
    public = {name for name in vars(exceptions) if not name.startswith("_")}
    assert public == {name for name, _ in inspect.getmembers(exceptions, inspect.isclass)}
    others = {"Brain", "BrainClient", "__version__", "exceptions", "load_ipython_extension", "register", "unregister"}
    assert public | others == set(brain_plasma.__all__)


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
            assert copy._options == brain._options


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


# ---- namespaces ---------------------------------------------------------------------------------


def test_namespaces_are_apart(brain):
    brain["x"] = 1
    assert brain.set_namespace("another") == "another" == brain.namespace
    assert "x" not in brain
    brain["x"] = 2
    brain.set_namespace("default")
    assert brain["x"] == 1


def test_set_namespace_without_argument_says_the_current_one(brain):
    assert brain.set_namespace() == "default"


def test_namespaces_always_has_default(brain):
    assert brain.namespaces() == {"default"}
    brain.set_namespace("another")
    assert brain.namespaces() == {"default", "another"}


def test_names_of_other_namespaces(brain):
    brain["a"] = 1
    brain.set_namespace("another")
    brain.update(a=1, b=2)
    assert sorted(brain.names()) == ["a", "b"]
    assert brain.names("default") == brain.names(namespace="default") == ["a"]
    assert brain.names(namespaces="default") == ["a"]
    assert sorted(brain.names("all")) == ["a", "a", "b"]
    assert brain.names("nobody") == []


@pytest.mark.parametrize("name", ["", "four", "sixteen letters!"])
def test_a_namespace_has_5_to_15_characters(brain, path, name):
    with pytest.raises(exceptions.BrainNamespaceNameError):
        brain.set_namespace(name)
    with pytest.raises(exceptions.BrainNamespaceNameError):
        Brain(path, namespace=name)
    assert brain.namespace == "default"


@pytest.mark.parametrize("name", ["x", "9b2e4c66-4b7a-4b60-8d2a-2f3f2b9f9f53", "é" * 127])
def test_long_namespaces_lifts_that(path, name):
    with Brain(path, long_namespaces=True) as brain:
        brain.set_namespace(name)
        brain["x"] = 1
        assert name in brain.namespaces()
        for wrong in ("", "é" * 128):
            with pytest.raises(exceptions.BrainNamespaceNameError):
                brain.set_namespace(wrong)


def test_characters_are_counted_not_bytes(brain):
    brain.set_namespace("ééééééééééééééé")
    brain["x"] = 1
    assert brain["x"] == 1


def test_remove_namespace(brain):
    brain.set_namespace("another")
    brain["x"] = 1
    brain.set_namespace("default")
    text = brain.remove_namespace("another")
    assert text == "Deleted namespace another. Using namespace default."
    assert brain.namespaces() == {"default"}
    assert brain.used() == 0


def test_remove_the_current_namespace(brain):
    brain.set_namespace("another")
    assert brain.remove_namespace() == "Deleted namespace another. Using namespace default."
    assert brain.namespace == "default"


def test_default_cannot_be_removed(brain):
    with pytest.raises(exceptions.BrainNamespaceRemoveDefaultError):
        brain.remove_namespace()


def test_a_namespace_that_is_not_there_cannot_be_removed(brain):
    with pytest.raises(exceptions.BrainNamespaceNotExistError, match="nobody"):
        brain.remove_namespace("nobody")


def test_a_namespace_that_somebody_removed_is_empty_and_comes_back(brain, path):
    brain.set_namespace("another")
    brain["x"] = 1
    with Brain(path) as other:
        other.remove_namespace("another")
    assert "x" not in brain
    assert len(brain) == 0
    brain["y"] = 2
    assert brain.names() == ["y"]


def test_a_namespace_is_no_prefix_of_another(brain):
    for name in ("users", "users2"):
        brain.set_namespace(name)
        brain[name] = 1
    assert brain.names("users") == ["users"]


# ---- versions -----------------------------------------------------------------------------------


def test_a_version_grows_with_every_change(brain):
    assert brain.version("x") == 0
    versions = []
    for value in range(5):
        brain["x"] = value
        versions.append(brain.version("x"))
    assert versions == sorted(set(versions)) and versions[0] > 0
    del brain["x"]
    assert brain.version("x") == 0
    brain["x"] = 1
    assert brain.version("x") > versions[-1]


def test_replace_if(brain):
    first = brain.replace_if("x", "a", 0)
    assert first == brain.version("x") > 0
    assert brain.replace_if("x", "b", 0) is None
    second = brain.replace_if("x", "b", first)
    assert second == brain.version("x") > first
    assert brain.replace_if("x", "c", first) is None
    assert brain["x"] == "b"
    assert brain.replace_if("nothing", 1, second) is None
    assert "nothing" not in brain


@pytest.mark.parametrize("version", [-1, 2**64 - 1, 2**64])
def test_what_is_no_version(brain, version):
    with pytest.raises(exceptions.BrainValueError):
        brain.replace_if("x", 1, version)
    with pytest.raises(exceptions.BrainValueError):
        brain.wait("x", version, 0)
    with pytest.raises(TypeError):
        brain.replace_if("x", 1, "1")


def test_wait_returns_at_once_where_the_version_is_above(brain):
    brain["x"] = 1
    assert brain.wait("x", 0) == brain.version("x")
    assert brain.wait("x", 0, 0) == brain.version("x")


@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_wait_ends_with_a_timeout_error(brain, timeout):
    brain["x"] = 1
    with pytest.raises(TimeoutError) as caught:
        brain.wait("x", brain.version("x"), timeout)
    assert isinstance(caught.value, exceptions.BrainTimeoutError)
    assert "'x'" in str(caught.value)


def test_wait_in_a_thread_sees_the_put_of_another(brain):
    brain["x"] = 0
    version = brain.version("x")
    found = []
    thread = threading.Thread(target=lambda: found.append(brain.wait("x", version)))
    thread.start()
    brain["x"] = 1
    thread.join()
    assert found == [brain.version("x")]


def test_wait_for_a_name_that_does_not_exist_yet(brain):
    found = []
    thread = threading.Thread(target=lambda: found.append(brain.wait("x", 0)))
    thread.start()
    brain["x"] = 1
    thread.join()
    assert found == [brain.version("x")]


# ---- many names ---------------------------------------------------------------------------------


def test_set_many_and_get_many(brain):
    values = {f"name {n}": n * 1.5 for n in range(1000)}
    brain.set_many(values)
    assert brain.get_many(list(values)) == values
    assert brain.get_many(["name 1", "missing", "name 1"]) == {"name 1": 1.5}
    assert brain.get_many(iter(["name 2"])) == {"name 2": 3.0}
    assert brain.get_many([]) == {}


def test_set_many_is_all_or_nothing(brain):
    brain["a"] = 1
    with pytest.raises(exceptions.BrainValueTypeError):
        brain.set_many({"a": 2, "b": threading.Lock(), "c": 3})
    with pytest.raises(exceptions.BrainNameTypeError):
        brain.set_many({"a": 2, 5: 3})
    assert dict(brain.items()) == {"a": 1}


def test_set_many_takes_a_dict_and_get_many_no_single_name(brain):
    with pytest.raises(TypeError):
        brain.set_many([("a", 1)])
    with pytest.raises(TypeError):
        brain.get_many("abc")


@pytest.mark.parametrize("n", [20_000, 131_072])
def test_large_batches(brain, n):
    brain.set_many({str(number): number for number in range(n)})
    assert len(brain) == n
    assert brain.version("0") == brain.version(str(n - 1))
    assert sum(brain.get_many(map(str, range(n))).values()) == n * (n - 1) // 2
    brain.clear()
    assert brain.used() == 0


def test_more_values_than_a_batch_may_have(brain):
    values = dict.fromkeys(map(str, range(131_073)), 5)
    message = "takes at most 131072 values, not 131073: .* several calls"
    for put in (brain.set_many, brain.update):
        with pytest.raises(exceptions.BrainValueError, match=message):
            put(values)
    assert len(brain) == 0


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


# ---- threads ------------------------------------------------------------------------------------


def test_many_threads_share_a_brain(brain):
    errors = []

    def work(number):
        try:
            for n in range(300):
                name = f"{number} {n % 7}"
                brain[name] = (number, n)
                assert brain[name] == (number, n)
                brain["common"] = b"x" * 100_000
                assert brain["common"] == b"x" * 100_000
                if n % 3 == 0:
                    del brain[name]
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert brain.check() == []


def test_close_while_other_threads_are_in_calls(path):
    for _ in range(20):
        brain = Brain(path)
        started = threading.Barrier(4)
        outcomes = []

        def work(brain=brain, started=started, outcomes=outcomes):
            started.wait()
            try:
                while True:
                    brain["x"] = b"x" * 200_000
                    brain.get("x")
            except exceptions.BrainClosedError as error:
                outcomes.append(error)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        brain.close()
        for thread in threads:
            thread.join()
        assert len(outcomes) == 3


def test_close_ends_the_wait_of_another_thread(path):
    brain = Brain(path)
    waiting = threading.Event()
    outcomes = []

    def work():
        waiting.set()
        try:
            brain.wait("x", 0)
        except exceptions.BrainClosedError as error:
            outcomes.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    waiting.wait()
    brain.close()
    thread.join()
    assert len(outcomes) == 1


def test_set_namespace_while_other_threads_put(brain):
    stop = threading.Event()
    errors = []

    def work():
        try:
            while not stop.is_set():
                brain["x"] = b"x" * 100_000
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    for n in range(200):
        brain.set_namespace(f"space {n % 5}")
    stop.set()
    thread.join()
    assert errors == []
    assert brain.check() == []
