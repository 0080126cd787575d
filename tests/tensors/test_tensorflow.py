"""Tensors of TensorFlow: what comes back, and where it lies."""

import numpy as np
import pytest
import tensorflow as tf

from brain_plasma import Brain

TENSORS = {
    "floats": lambda: tf.constant([1.0, 2.0, 3.0]),
    "0-d": lambda: tf.constant(5),
    "no elements": lambda: tf.zeros((0, 3)),
    "bool": lambda: tf.constant([[True, False]]),
    "bfloat16": lambda: tf.cast(tf.constant([1.0, 2.0]), tf.bfloat16),
    "complex": lambda: tf.constant([1 + 2j]),
    "three axes": lambda: tf.reshape(tf.range(24), (2, 3, 4)),
    "unsigned": lambda: tf.constant([1, 2], tf.uint64),
}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
@pytest.mark.parametrize("pickle_allowed", [True, False])
def test_it_comes_back(path, make, pickle_allowed):
    with Brain(path=path, pickle=pickle_allowed) as brain:
        tensor = make()
        for put, found in ((tensor, lambda: brain["x"]), ([tensor], lambda: brain["x"][0])):
            brain["x"] = put
            again = found()
            assert isinstance(again, tf.Tensor)
            assert again.dtype == tensor.dtype and again.shape == tensor.shape
            assert bool(tf.reduce_all(again == tensor))
        brain.destroy()


def private_kilobytes():
    with open("/proc/self/smaps_rollup") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))


def test_nothing_is_copied(brain):
    brain["x"] = tf.ones(25_000_000)
    assert float(tf.reduce_sum(brain["x"])) == 25_000_000
    before = private_kilobytes()
    kept = brain["x"]
    assert float(tf.reduce_sum(kept)) == 25_000_000
    assert private_kilobytes() - before < 10_000


def test_strings_are_pickled(brain):
    brain["x"] = tf.constant(["a", "b"])
    assert np.array_equal(brain["x"].numpy(), [b"a", b"b"])
