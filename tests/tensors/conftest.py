import os
import tempfile

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from brain_plasma import Brain  # noqa: E402


@pytest.fixture
def path():
    with tempfile.TemporaryDirectory(prefix="brain-test-", dir="/dev/shm") as folder:
        yield os.path.join(folder, "store")


@pytest.fixture
def brain(path):
    with Brain(path=path) as brain:
        yield brain
        brain.destroy()
