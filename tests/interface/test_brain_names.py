"""What a Brain of 0.3 says of names: lists, ids, metadata, namespaces, hashes."""

import hashlib

import numpy as np
import pytest
from brain_plasma import Brain, exceptions
from implementation import plasma


def blake2b(text, size):
    return hashlib.blake2b(text.encode(), digest_size=size).digest()


# ---- names and ids ----------------------------------------------------------------------------


@pytest.mark.covers("Brain.names")
def test_names_are_those_of_the_current_namespace(filled, second_brain):
    for who in (filled, second_brain):
        names = who.names()
        assert type(names) is list
        assert sorted(names) == ["a", "b", "c"]
    filled.set_namespace("other")
    assert filled.names() == ["far"]
    filled.set_namespace("empty")
    assert filled.names() == []


@pytest.mark.covers("Brain.names('all')")
def test_names_of_all_namespaces_repeat(filled):
    filled.set_namespace("other")
    filled["a"] = "again"
    filled.set_namespace("default")
    assert sorted(filled.names("all")) == ["a", "a", "b", "c", "far"]
    assert sorted(filled.names(namespace="all")) == ["a", "a", "b", "c", "far"]
    assert filled.namespace == "default"


@pytest.mark.covers("Brain.names(namespaces)")
@pytest.mark.ours("documented, but 0.3 has no such argument")
def test_the_documented_name_of_the_argument(filled):
    assert sorted(filled.names(namespaces="all")) == ["a", "b", "c", "far"]


@pytest.mark.covers("Brain.names(namespace)")
@pytest.mark.defect("ignores a namespace other than 'all'")
def test_names_of_another_namespace(filled):
    assert filled.names("other") == ["far"]
    assert filled.names(namespace="other") == ["far"]


@pytest.mark.covers("Brain.object_id")
def test_the_object_id_is_that_of_the_value(filled):
    id = filled.object_id("b")
    assert type(id) is plasma.ObjectID
    assert filled.client.get(id) == [2]
    assert filled.object_id("missing") is None
    assert filled.object_id(name="far") is None


@pytest.mark.covers("Brain.object_ids", "Brain.ids")
def test_the_ids_of_all_names(filled):
    ids = filled.object_ids()
    assert ids == {name: filled.object_id(name) for name in "abc"}
    assert type(filled.ids()) is list
    assert sorted(filled.ids(), key=repr) == sorted(ids.values(), key=repr)
    assert all(type(id) is plasma.ObjectID for id in filled.ids())
    filled.set_namespace("empty")
    assert filled.object_ids() == {}
    assert filled.ids() == []


# ---- metadata ---------------------------------------------------------------------------------


@pytest.mark.covers(
    "Brain.metadata",
    "metadata['name']",
    "metadata['value_id']",
    "metadata['metadata_id']",
    "metadata['description']",
    "metadata['namespace']",
)
def test_the_metadata_of_one_name(filled):
    metadata = filled.metadata("a")
    assert metadata == {
        "name": "a",
        "value_id": filled.object_id("a").binary(),
        "metadata_id": filled._name_to_namespace_hash("a").binary(),
        "description": "the first",
        "namespace": "default",
    }
    assert type(metadata) is dict
    assert len(metadata["value_id"]) == len(metadata["metadata_id"]) == 20
    assert not filled.metadata("b")["description"]
    assert filled.metadata("missing") is None
    assert filled.metadata("far") is None


@pytest.mark.covers("Brain.metadata", "Brain.metadata(output)")
def test_the_metadata_of_all_names(filled):
    expected = {name: filled.metadata(name) for name in "abc"}
    assert filled.metadata() == filled.metadata(output="dict") == expected
    listed = filled.metadata(output="list")
    assert type(listed) is list
    assert sorted(listed, key=lambda each: each["name"]) == list(expected.values())
    filled.set_namespace("empty")
    assert filled.metadata() == {}
    assert filled.metadata(output="list") == []


@pytest.mark.covers("Brain.metadata")
def test_the_metadata_of_several_names(filled):
    assert filled.metadata("c", "missing", "a") == {
        "c": filled.metadata("c"),
        "missing": None,
        "a": filled.metadata("a"),
    }


@pytest.mark.covers("Brain.metadata(output)")
@pytest.mark.defect("ignores the names")
def test_the_metadata_of_several_names_as_a_list(filled):
    expected = [filled.metadata("c"), filled.metadata("a")]
    assert filled.metadata("c", "a", output="list") == expected


@pytest.mark.covers("Brain.metadata(output)")
@pytest.mark.parametrize("output", ["tuple", "", None, dict])
def test_any_other_output_is_a_type_error(filled, output):
    for names in ([], ["a"], ["a", "b"]):
        with pytest.raises(TypeError):
            filled.metadata(*names, output=output)


@pytest.mark.covers("metadata['metadata_id']", "Brain.client")
def test_the_metadata_id_gives_the_metadata(filled):
    metadata = filled.metadata("a")
    id = plasma.ObjectID(metadata["metadata_id"])
    assert filled.client.contains(id) is True
    assert filled.client.get(id) == metadata
    assert filled.client.get([id]) == [metadata]
    del filled["a"]
    assert not filled.client.contains(id)


# ---- namespaces -------------------------------------------------------------------------------


@pytest.mark.covers("Brain.set_namespace")
def test_set_namespace_makes_it_current(brain, second_brain):
    assert brain.set_namespace() == "default"
    assert brain.set_namespace("other") == "other"
    assert brain.set_namespace() == brain.namespace == "other"
    assert brain.set_namespace(namespace="again") == "again"
    assert second_brain.namespaces() == {"default", "other", "again"}
    assert second_brain.namespace == "default"


@pytest.mark.covers("Brain.set_namespace", "BrainNamespaceNameError")
@pytest.mark.parametrize("wrong", ["", "a", "four", "sixteen_letters_", "x" * 255])
def test_a_namespace_has_5_to_15_characters(brain, wrong):
    with pytest.raises(exceptions.BrainNamespaceNameError):
        brain.set_namespace(wrong)
    assert brain.namespace == "default"
    assert brain.namespaces() == {"default"}


@pytest.mark.covers("Brain.set_namespace")
@pytest.mark.parametrize("namespace", ["5char", "exactly15digits", "a b/c.d"])
def test_names_of_namespaces(brain, namespace):
    brain.set_namespace(namespace)
    brain["x"] = 1
    assert brain["x"] == 1
    assert brain.names() == ["x"]
    assert brain.metadata("x")["namespace"] == namespace
    assert namespace in brain.namespaces()


@pytest.mark.covers("Brain.set_namespace")
def test_one_name_in_two_namespaces(brain):
    brain["x"] = "here"
    brain.set_namespace("other")
    assert "x" not in brain
    brain["x"] = "there"
    brain.set_namespace("default")
    assert brain["x"] == "here"
    del brain["x"]
    brain.set_namespace("other")
    assert brain["x"] == "there"


@pytest.mark.covers("Brain.namespaces")
def test_the_namespaces_always_have_the_default_one(store):
    brain = Brain(path=store.path, namespace="other")
    assert type(brain.namespaces()) is set
    assert brain.namespaces() == {"default", "other"}


@pytest.mark.covers("Brain.remove_namespace")
def test_a_removed_namespace_takes_its_objects_along(filled):
    used = filled.used()
    filled.set_namespace("spare")
    filled["x"], filled["y"] = 1, np.zeros(1000)
    ids = filled.ids()
    filled.set_namespace("default")
    said = filled.remove_namespace("spare")
    assert said == "Deleted namespace spare. Using namespace default."
    assert filled.namespaces() == {"default", "other"}
    assert not any(filled.client.contains(id) for id in ids)
    assert filled.used() == used
    assert sorted(filled.names("all")) == ["a", "b", "c", "far"]
    filled.set_namespace("spare")
    assert filled.names() == []


@pytest.mark.covers("Brain.remove_namespace")
def test_the_current_one_removed_the_default_one_is_current(filled):
    filled.set_namespace("other")
    said = filled.remove_namespace(namespace="other")
    assert said == "Deleted namespace other. Using namespace default."
    assert filled.namespace == "default"
    assert len(filled) == 3


@pytest.mark.covers("Brain.remove_namespace")
@pytest.mark.defect("fails: None does not exist")
def test_remove_namespace_without_argument_removes_the_current_one(filled):
    filled.set_namespace("other")
    assert filled.remove_namespace() == "Deleted namespace other. Using namespace default."
    assert filled.namespaces() == {"default"}


@pytest.mark.covers("Brain.remove_namespace", "BrainNamespaceRemoveDefaultError")
def test_the_default_namespace_stays(filled):
    with pytest.raises(exceptions.BrainNamespaceRemoveDefaultError):
        filled.remove_namespace("default")
    assert len(filled) == 3


@pytest.mark.covers("Brain.remove_namespace", "BrainNamespaceNotExistError")
def test_a_namespace_that_is_not_there_cannot_be_removed(filled):
    with pytest.raises(exceptions.BrainNamespaceNotExistError):
        filled.remove_namespace("missing")
    assert filled.namespaces() == {"default", "other"}


# ---- hashes -----------------------------------------------------------------------------------


@pytest.mark.covers("Brain._hash")
@pytest.mark.parametrize("size", [1, 4, 16, 20, 64])
def test_hash_is_blake2b(brain, size):
    assert brain._hash("nämé", size) == blake2b("nämé", size)


@pytest.mark.covers("Brain._name_to_hash")
def test_name_to_hash_is_of_20_bytes(brain):
    id = brain._name_to_hash("name")
    assert type(id) is plasma.ObjectID
    assert id.binary() == blake2b("name", 20)


@pytest.mark.covers("Brain._name_to_justified_hash", "BrainNameLengthError")
def test_name_to_justified_hash_begins_with_the_name(brain):
    assert brain._name_to_justified_hash("this").binary() == b"this" + blake2b("this", 16)
    longest = "sixteen_letters_"
    assert brain._name_to_justified_hash(longest).binary() == longest.encode() + blake2b(longest, 4)
    with pytest.raises(exceptions.BrainNameLengthError):
        brain._name_to_justified_hash(longest + "x")


@pytest.mark.covers("Brain._name_to_namespace_hash")
def test_name_to_namespace_hash_begins_with_the_namespace(brain):
    assert brain._name_to_namespace_hash("x").binary() == b"default" + blake2b("x", 13)
    other = brain._name_to_namespace_hash("x", "other")
    assert other.binary() == b"other" + blake2b("x", 15)
    assert brain._name_to_namespace_hash(name="x", namespace="other") == other
    brain.set_namespace("other")
    assert brain._name_to_namespace_hash("x") == other
