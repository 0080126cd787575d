"""A NumPy array of 5 GB: put, recalled, replaced, written in place. Takes 5 GB of memory.

large_arrays.py [BYTES]
"""

import shutil
import sys
import tempfile

import numpy as np
from brain_plasma import Brain, BrainFullError

N_BYTES = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000_000


def places(n):
    """Both ends, the middle, and where 31 and 32 bits end."""
    return [k for k in (0, 1, n // 2, 2**31 // 8, 2**32 // 8, 2**32 // 8 - 1, n - 2, n - 1) if k < n]


def marked(n):
    """Zeros that take no memory but where they are not zero."""
    array = np.zeros(n, "i8")
    for k in places(n):
        array[k] = k + 1
    return array


def check(array, n):
    assert len(array) == n and array.nbytes == 8 * n
    assert not array.flags.writeable
    for k in places(n):
        assert array[k] == k + 1, k
    assert int(array[: 10**6].sum() + array[-(10**6) :].sum()) > 0
    assert int(array.sum()) == sum(k + 1 for k in set(places(n)))


def run(path):
    n = N_BYTES // 8
    with Brain(path, capacity=N_BYTES + N_BYTES // 8) as brain:
        brain["array"] = marked(n)
        check(brain["array"], n)
        assert brain.used() == 8 * n
        try:
            brain["array"] = marked(n)  # old and new at once
        except BrainFullError as error:
            assert str(8 * n) in str(error)
        else:
            raise AssertionError("both fitted")
        check(brain["array"], n)
        recalled = brain["array"]
        brain["array"] = 5
        check(recalled, n)
        assert brain.stat()["limbo_bytes"] == 8 * n
        del recalled
        assert brain.stat()["limbo_bytes"] == 0
        with brain.empty("draft", n, "i8") as draft:
            draft[:] = 0
            for k in places(n):
                draft[k] = k + 1
        del draft
        check(brain["draft"], n)
        assert brain.check() == []
        brain.clear()
        brain.trim()
        assert brain.stat()["value_backed_bytes"] == 0
        brain.destroy()
    print(f"arrays of {8 * n} bytes")


def main():
    folder = tempfile.mkdtemp(prefix="brain-test-", dir="/dev/shm")
    try:
        run(f"{folder}/store")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
