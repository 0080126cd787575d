"""The mapping: what Brain has of a dict, and what it has beside."""

import collections.abc
import inspect
import subprocess
import sys
import threading

import brain_plasma
import pytest
from brain_plasma import Brain, _core, exceptions

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


@pytest.mark.parametrize("is_there", [True, False])
def test_wait_without_a_version_ends_with_the_next_put(brain, is_there):
    if is_there:
        brain["x"] = 0
    for timeout in (0, 0.01):
        with pytest.raises(TimeoutError):
            brain.wait("x", timeout=timeout)
    found = []
    thread = threading.Thread(target=lambda: found.append(brain.wait("x")))
    thread.start()
    while thread.is_alive():  # a put before its call does not count
        del brain["x"]
        brain["x"] = 1
        thread.join(0.01)
    assert 0 < found[0] <= brain.version("x")


def test_wait_without_a_version_is_of_the_namespace(brain):
    brain["x"] = 1
    brain.learn("x", 1, namespace="others")
    with pytest.raises(TimeoutError, match="'others'"):
        brain.wait("x", timeout=0, namespace="others")


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
