"""rm, cp, mv, and what is about a store: create, resize, quota, check, compact, stat, explain, metrics."""

import os
import re
import stat

import pytest

MEGABYTE = 1_000_000


def names(brain, *words):
    return brain("ls", "-1", *words).lines


def put(brain, *given, space="default"):
    for name in given:
        brain("-n", space, "put", name, "--text", name)


# ---- rm


def test_rm(brain):
    put(brain, "a", "b", "c")
    assert brain("rm", "a").out == b""
    assert names(brain) == ["b", "c"]
    brain("rm", "b", "c", "--yes")
    assert names(brain) == []


def test_rm_is_all_or_nothing(brain):
    put(brain, "a", "b")
    assert "no name 'z'" in brain("rm", "-y", "a", "z", "b", status=1).error
    assert names(brain) == ["a", "b"]
    brain("rm", "-y", "-f", "a", "z", "b")
    assert names(brain) == []


def test_rm_of_more_than_one_asks(brain):
    put(brain, "a", "b")
    assert "--yes" in brain("rm", "a", "b", status=9).error
    for answer in (b"n\n", b"\n", b"ye\n", b"\x04"):
        assert b"Remove 2 names? [y/N]" in brain.on_a_terminal("rm", "a", "b", answer=answer, status=9)
    assert names(brain) == ["a", "b"]
    brain.on_a_terminal("rm", "a", "b", answer=b"y\n")
    assert names(brain) == []


def test_rm_of_a_namespace(brain):
    put(brain, "a", "b", space="one")
    put(brain, "a", space="two")
    put(brain, "a")
    assert "--yes" in brain("rm", "-r", "one", status=9).error
    assert b"namespace one" in brain.on_a_terminal("rm", "-r", "one", answer=b"YES\n")
    assert [row[0] for row in brain("ls", "--namespaces").rows] == ["default", "two"]
    assert "one" in brain("rm", "-yr", "one", status=1).error
    brain("rm", "-yrf", "one", "two")
    assert [row[0] for row in brain("ls", "--namespaces").rows] == ["default"]
    brain("rm", "-yr", "default")  # as any other, and it comes back as any other
    assert names(brain) == []
    put(brain, "a")
    assert names(brain) == ["a"]


# ---- cp and mv


def facts(brain, name, space="default"):
    said = brain("explain", "-n", space, "--json", name).json
    return {key: said[key] for key in ("kind", "size", "description", "metadata", "created")}


@pytest.mark.parametrize("size", [10, 100_000, 5_000_000])
def test_cp_and_mv_take_everything_along(brain, store, size):
    store["x"] = os.urandom(size)
    store.learn("x", store["x"], description="what it is")
    value, before = bytes(store["x"]), facts(brain, "x")
    brain("cp", "x", "y")
    assert bytes(store["y"]) == bytes(store["x"]) == value
    copied = facts(brain, "y")
    assert {**copied, "created": None} == {**before, "created": None}
    brain("mv", "x", "z")
    assert facts(brain, "z") == before
    assert names(brain) == ["y", "z"]
    brain("mv", "z", "w", "--to", "elsewhere")
    assert names(brain) == ["y"]
    assert names(brain, "-n", "elsewhere") == ["w"]
    assert brain("get", "-n", "elsewhere", "w").out == value


def test_an_array_moves_with_its_shape(brain, store):
    np = pytest.importorskip("numpy")
    store["x"] = np.arange(6).reshape(2, 3)
    brain("mv", "x", "y")
    assert store["y"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_what_was_there_is_replaced(brain, store):
    brain("put", "x", "--int", "1")
    brain("put", "y", "--int", "2", "-d", "of y")
    brain("cp", "x", "y")
    assert store["y"] == 1
    assert facts(brain, "y")["description"] == ""
    assert "already" in brain("cp", "--new", "x", "y", status=1).error
    assert "already" in brain("mv", "--new", "x", "y", status=1).error
    assert names(brain) == ["x", "y"]
    brain("mv", "--new", "x", "z")
    assert names(brain) == ["y", "z"]


def test_a_name_that_is_not_there(brain):
    assert "no name 'x'" in brain("cp", "x", "y", status=1).error
    assert "no name 'x'" in brain("mv", "x", "y", status=1).error


def test_mv_is_one_step(brain, store):
    put(brain, "x")
    before = brain("stat", "--json").json["committed"]
    brain("mv", "x", "y", "-t", "other")
    assert brain("stat", "--json").json["committed"] == before + 1


# ---- what they say to programs


def test_put_cp_and_mv_say_what_came_of_it(brain, store, tmp_path):
    def said(name, size, space="default"):
        with_version = {"name": name, "namespace": space, "version": None, "size": size}
        at = (brain("explain", "-n", space, "--json", name).json)["version"]
        return {**with_version, "version": at}

    file = tmp_path / "file"
    file.write_bytes(bytes(3 * MEGABYTE))
    assert brain("put", "a", "--int", "1", "--json").json == said("a", 8)
    assert brain("put", "b", "--json", input=b"hello").json == said("b", 5)
    assert brain("put", "c", str(file), "--json").json == said("c", 3 * MEGABYTE)
    assert brain("put", "d", "--json", "--size", "5", input=b"hello").json == said("d", 5)
    assert brain("--json", "cp", "c", "e").json == said("e", 3 * MEGABYTE)
    assert brain("--json", "cp", "b", "b", "--to", "other").json == said("b", 5, "other")
    assert brain("--json", "mv", "c", "f", "--to", "other").json == said("f", 3 * MEGABYTE, "other")
    assert brain("--json", "mv", "a", "g").json == said("g", 8)
    assert brain("--json", "put", "--new", "g", "--int", "1", status=1).out == b""
    assert brain("--json", "cp", "no", "g", status=1).out == b""


def test_a_version_that_put_says_is_one_to_go_on_from(brain):
    version = str(brain("put", "x", "--int", "1", "--json").json["version"])
    brain("put", "x", "--int", "2", "--if-version", version)
    brain("put", "x", "--int", "3", "--if-version", version, status=1)


def test_rm_says_how_many_are_gone(brain):
    put(brain, "a", "b", "c", "d")
    assert brain("rm", "--json", "a").json == {"removed": 1}
    assert brain("rm", "--json", "-y", "b", "b", "c").json == {"removed": 2}
    assert brain("rm", "--json", "-yf", "b", "d", "z").json == {"removed": 1}
    put(brain, "a", "b", space="one")
    put(brain, "a", space="two")
    assert brain("rm", "--json", "-yr", "one", "two").json == {"removed": 3}
    assert brain("rm", "--json", "-yrf", "one").json == {"removed": 0}
    assert brain("rm", "--json", "a", status=1).out == b""


def test_changes_of_the_store_say_what_came_of_them(nowhere, tmp_path):
    made = nowhere("create", "-c", "10M", "--json").json
    nowhere("put", "x", input=bytes(MEGABYTE))
    assert nowhere("resize", "20M", "--json").json == {"capacity": 20 * MEGABYTE, "used": MEGABYTE}
    assert nowhere("quota", "5M", "--json").json == {
        "namespace": "default", "names": 1, "bytes": MEGABYTE, "quota": 5 * MEGABYTE,
    }  # fmt: skip
    assert nowhere("compact", "--json").json["freed"] >= 0
    dumped = nowhere("dump", str(tmp_path / "x.brain"), "--json").json
    assert (dumped["names"], dumped["bytes"]) == (1, MEGABYTE)
    assert nowhere("load", "-y", str(tmp_path / "x.brain"), "--json").json["loaded"] == 1
    said = nowhere("destroy", "-y", "--json").json
    assert said == {"path": made["path"], "directory": made["directory"], "names": 1, "used": MEGABYTE}


# ---- create and destroy


def test_create(nowhere):
    said = nowhere("create", "-c", "10M", "--when-full", "lru", "--json").json
    assert said == {"path": nowhere.path, "directory": nowhere.path, "capacity": 10 * MEGABYTE}
    assert nowhere("stat", "--json").json["when_full"] == "lru"
    assert nowhere("create", status=1).err
    assert stat.S_IMODE(os.stat(nowhere.path).st_mode) == 0o700


@pytest.mark.parametrize(
    ("text", "size"), [("5000000", 5_000_000), ("5M", 5_000_000), ("5Mi", 5 * 2**20), ("5MB", 5_000_000), ("1.5Mi", 1572864)]
)
def test_sizes(nowhere, text, size):
    assert nowhere("create", "-c", text, "--json").json["capacity"] == size


def test_create_for_a_group(nowhere):
    nowhere("create", "-c", "1M", "--mode", "0640", "--group", str(os.getgid()))
    assert stat.S_IMODE(os.stat(nowhere.path).st_mode) == 0o750


def test_create_elsewhere(nowhere, tmp_path):
    path = str(tmp_path / "link")
    said = nowhere("-s", path, "create", "-c", "1M", "--json").json
    try:
        assert os.path.islink(path)
        assert said["directory"] == os.path.realpath(path) != path
    finally:
        nowhere("-s", path, "destroy", "-y")
    assert not os.path.lexists(path)
    assert not os.path.lexists(said["directory"])


def test_create_where_there_is_no_directory(nowhere):
    inside = nowhere.path + "/none/store"
    result = nowhere("-s", inside, "create", status=8)
    assert nowhere.path + "/none" in result.error and "mkdir -p" in result.error
    assert result.out == b""


def test_destroy_asks(brain):
    assert "--yes" in brain("destroy", status=9).error
    said = brain.on_a_terminal("destroy", answer=b"no\n", status=9)
    assert b"Remove the store" in said
    assert os.path.exists(brain.path)
    brain.on_a_terminal("destroy", answer=b"yes\n")
    assert not os.path.exists(brain.path)
    assert brain("destroy", "-y", status=3).err


def test_a_pattern_is_no_name(brain, store):
    store.update({"ab": 1, "[": 2})
    assert "no patterns" in brain("rm", "a*", status=1).error
    assert "no patterns" not in brain("rm", "zzz", status=1).error
    brain("rm", "[")
    assert brain("ls", "-1").lines == ["ab"]


def test_a_namespace_that_is_not_there_is_named(brain, store):
    assert "there is no namespace nope" in brain("rm", "-ry", "nope", status=1).error


# ---- numbers


def test_stat(brain, store):
    store["x"] = bytes(MEGABYTE)
    said = brain("stat", "--json").json
    assert said["clients"] == len(brain("who", "--json").json)  # the command itself is none of them
    assert (said["capacity"], said["used"], said["names"], said["namespaces"]) == (64 * MEGABYTE, MEGABYTE, 1, 1)
    assert said["path"] == said["directory"] == brain.path
    assert said["memory"] >= MEGABYTE
    rows = dict(brain("stat").rows)
    assert rows["used"] == str(MEGABYTE)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", rows["created"])
    assert b"1.0 MB" in brain.on_a_terminal("stat")


def test_resize(brain):
    brain("resize", "100M")
    assert brain("stat", "--json").json["capacity"] == 100 * MEGABYTE
    brain("put", "x", input=bytes(2 * MEGABYTE))
    assert brain("resize", "1M", status=5).err
    assert brain("stat", "--json").json["capacity"] == 100 * MEGABYTE


def test_quota(brain):
    assert brain("quota", "--json").json == {"namespace": "default", "names": 0, "bytes": 0, "quota": None}
    brain("quota", "-n", "small", "1000")
    brain("put", "-n", "small", "x", input=bytes(900))
    assert "small" in brain("put", "-n", "small", "y", input=bytes(200), status=5).error
    said = brain("quota", "-n", "small", "--json").json
    assert said == {"namespace": "small", "names": 1, "bytes": 900, "quota": 1000}
    assert ["small", "1", "900", "1000"] in brain("ls", "--namespaces").rows
    brain("quota", "-n", "small", "0")
    brain("put", "-n", "small", "y", input=bytes(200))


def test_compact_gives_memory_back(brain):
    brain("put", "x", input=bytes(20 * MEGABYTE))
    brain("rm", "x")
    before = brain("stat", "--json").json["memory"]
    freed = brain("compact", "--json").json["freed"]
    after = brain("stat", "--json").json["memory"]
    assert before - after == freed
    assert after < MEGABYTE


def test_check_of_a_sound_store(brain):
    put(brain, "a", "b")
    assert brain("check").out == b"sound\n"
    assert brain("check", "--json").json == {"sound": True, "problems": 0, "texts": []}


def test_explain(brain, store):
    np = pytest.importorskip("numpy")
    store.learn("x", np.zeros((200, 300)), description="zeros")
    said = brain("explain", "--json", "x").json
    assert (said["kind"], said["size"], said["dtype"], said["shape"]) == ("tensor", 480_000, "float64", [200, 300])
    assert (said["description"], said["version"], said["order"]) == ("zeros", store.version("x"), "C")
    assert said["holders"] == []
    held = store["x"]
    (holder,) = brain("explain", "--json", "x").json["holders"]
    assert holder["pid"] == os.getpid()
    assert str(os.getpid()) in brain("explain", "x").text
    del held
    assert brain("explain", "--json", "x").json["holders"] == []
    assert brain("explain", "y", status=1).err


# ---- metrics


def test_metrics_are_openmetrics(brain, store):
    store["x"] = bytes(1000)
    lines = brain("metrics").lines
    assert lines[-1] == "# EOF"
    families, samples = {}, {}
    for line in lines[:-1]:
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in families
            families[name] = kind
            continue
        if line.startswith(("# HELP ", "# UNIT ")):
            assert line.split(" ")[2] == name
            continue
        found = re.fullmatch(r'(\w+)\{store="([^"\\\n]|\\.)*"\} (\S+)', line)
        assert found, line
        assert found[1] == name + ("_total" if families[name] == "counter" else "")
        samples[name] = float(found[3])
    assert families == {**families, "brain_puts": "counter", "brain_capacity_bytes": "gauge"}
    assert samples["brain_capacity_bytes"] == 64 * MEGABYTE
    assert samples["brain_live_bytes"] == 1000
    assert samples["brain_puts"] == 1
    assert set(samples) == set(families)


def test_metrics_as_json(brain):
    said = brain("metrics", "--json").json
    assert said["store"] == brain.path
    assert said["brain_capacity_bytes"] == 64 * MEGABYTE


def test_the_label_is_escaped(nowhere, new_path):
    path = new_path() + '"\\\n'
    nowhere("-s", path, "create", "-c", "1M")
    try:
        said = nowhere("-s", path, "metrics").text
        label = path[:-3] + r"\"\\\n"
        assert f'store="{label}"' in said
    finally:
        nowhere("-s", path, "destroy", "-y")
