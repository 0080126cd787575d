"""For the tests of all folders."""

import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def quick_collections():
    """Let gc.collect() look at what the tests of this file have made, and not at all that there is: thousands of
    tests, and the modules of pandas. That takes a third of a second each time."""
    gc.collect()  # what is garbage by now would stay for good
    gc.freeze()
