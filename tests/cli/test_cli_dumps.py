"""dump and load."""

import os

import pytest

MEGABYTE = 1_000_000


@pytest.fixture
def full(brain, store):
    store.update({"a": 1, "b": "two", "c": os.urandom(MEGABYTE)})
    brain("put", "-n", "other", "d", "--int", "4")
    return brain


def listed(brain):
    return {(item["namespace"], item["name"]) for item in brain("ls", "-a", "--json").json}


ALL = {("default", "a"), ("default", "b"), ("default", "c"), ("other", "d")}


def test_there_and_back(full, nowhere, new_path, tmp_path):
    file, path = str(tmp_path / "all.brain"), new_path()
    said = full("dump", file, "--json").json
    assert (said["namespaces"], said["names"]) == (2, 4)
    assert said["file_bytes"] == os.path.getsize(file)
    full("-s", path, "create", "-c", "64M")
    said = full("-s", path, "load", file, "--json").json
    assert (said["loaded"], said["kept"], said["damaged"]) == (4, 0, False)
    assert {(item["namespace"], item["name"]) for item in full("-s", path, "ls", "-a", "--json").json} == ALL
    assert full("-s", path, "get", "c").out == full("get", "c").out


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("-n", "other"), {("other", "d")}),
        (("a", "c"), {("default", "a"), ("default", "c")}),
        (("-n", "other", "d"), {("other", "d")}),
    ],
)
def test_parts(full, new_path, tmp_path, words, expected):
    everything, part, path = str(tmp_path / "all"), str(tmp_path / "part"), new_path()
    options, names = words[:-1] if len(words) == 3 else words if words[0] == "-n" else (), ()
    names = words[len(options) :]
    full(*options, "dump", part, *names)
    full("dump", everything)
    full("-s", path, "create", "-c", "64M")
    for file, more in ((part, ((), ())), (everything, (options, names))):
        full("-s", path, *more[0], "load", "-y", file, *more[1])
        found = {(item["namespace"], item["name"]) for item in full("-s", path, "ls", "-a", "--json").json}
        assert found == expected
        for space in {space for space, _ in found}:
            full("-s", path, "rm", "-yr", space)


def test_compressed(full, tmp_path):
    full("put", "zeros", input=bytes(5 * MEGABYTE))
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    full("dump", str(plain))
    full("dump", "--level", "3", "--threads", "2", str(packed))
    assert packed.stat().st_size < plain.stat().st_size / 2
    full("load", "-y", str(packed))
    assert full("get", "zeros").out == bytes(5 * MEGABYTE)


def test_through_pipes(full, tmp_path):
    data = full("dump", "-").out
    file = tmp_path / "file"
    file.write_bytes(b"head" + data)
    with file.open("rb", buffering=0) as stdin:
        stdin.seek(4)
        assert full("load", "-", "-y", "--json", stdin=stdin).json["loaded"] == 4
    with file.open("rb", buffering=0) as stdin:
        stdin.seek(4)
        full("rm", "b")
        assert full("load", "-", "--keep", "--json", stdin=stdin).json["loaded"] == 1
    assert full("load", "-", "-y", input=data, status=2).err  # a pipe cannot be read twice
    assert b"terminal" in full.on_a_terminal("dump", "-", status=2)


def test_names_that_are_there_are_asked_for(full, tmp_path):
    file = str(tmp_path / "file")
    full("dump", file)
    full("put", "a", "--int", "7")
    assert "--yes" in full("load", file, status=9).error
    assert full("get", "a").out == b"7\n"
    full.on_a_terminal("load", file, answer=b"n\n", status=9)
    assert full("get", "a").out == b"7\n"
    full.on_a_terminal("load", file, answer=b"y\n")
    assert full("get", "a").out == b"1\n"
    # Nothing to ask for: none of these is there, or none is replaced.
    full("rm", "b")
    full("load", file, "b")
    full("put", "a", "--int", "8")
    full("load", file, "--keep")
    assert full("get", "a").out == b"8\n"


def test_what_became_of_each_name(full, tmp_path):
    file = str(tmp_path / "file")
    full("dump", file)
    full("rm", "b")
    items = full("load", "--keep", "--list", "--json", file).json
    assert {(item["name"], item["fate"]) for item in items} == {
        ("a", "kept"), ("b", "loaded"), ("c", "kept"), ("d", "kept"),
    }  # fmt: skip
    assert ["other", "d", "8", "kept"] in full("load", "--keep", "--list", file).rows


def test_a_name_that_is_not_there(full, tmp_path):
    assert "zzz" in full("dump", str(tmp_path / "file"), "zzz", status=1).error
    assert not list(tmp_path.iterdir())
    full("dump", str(tmp_path / "file"), "a")
    full("load", "-y", str(tmp_path / "file"), "a", "b", status=1)


def test_a_namespace_that_is_not_there(full, tmp_path):
    """-n says which names are loaded, not where to: that none of them is in the dump is no success."""
    file = str(tmp_path / "file")
    full("-n", "other", "dump", file)
    before = full("ls", "-a").out
    assert "nothing of namespace third" in full("-n", "third", "load", "-y", file, status=1).error
    assert full("ls", "-a").out == before
    full("-n", "other", "load", "-y", file)


def test_files_that_are_no_dumps(full, tmp_path):
    before = full("ls").out
    file = tmp_path / "file"
    full("load", str(file), status=8)
    file.write_bytes(b"no dump at all" * 1000)
    assert str(file) in full("load", "-y", str(file), status=7).error
    full("dump", str(file))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    assert full("load", "-y", str(file), status=7).err
    assert full("ls").out == before
    result = full("load", "-y", "--damaged", str(file), "--json", status=7)
    assert result.json["damaged"] is True
    full("dump", "/nonexistent/file", status=8)


def test_a_pickle_of_others_is_refused(brain, store, tmp_path):
    file = tmp_path / "file"
    store.learn("code", {len})
    store["plain"] = 1
    brain("dump", str(file))
    file.chmod(0o666)
    brain("rm", "-y", "code", "plain")
    result = brain("load", "--json", str(file), status=4)
    assert (result.json["loaded"], result.json["refused"]) == (1, 1)
    brain("load", "-y", "--pickles", str(file))
    assert brain("ls", "-1").lines == ["code", "plain"]
