"""Sparse matrices and arrays of SciPy, taken apart and put together: equal, shared, checked where need be."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from brain_plasma import codecs, exceptions
from recalled import Stored

sp = pytest.importorskip("scipy.sparse")

CLASSES = [
    getattr(sp, f"{form}_{kind}") for form in "csr csc bsr coo dia".split() for kind in ("matrix", "array")
]
classes = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)

DENSE = np.where(np.random.default_rng(1).random((30, 42)) < 0.2, np.arange(30 * 42).reshape(30, 42), 0)
EYE = np.diag(np.arange(1.0, 9.0))


def arrays(matrix):
    for _, part in sorted(vars(matrix).items()):
        yield from part if isinstance(part, tuple) and part and isinstance(part[0], np.ndarray) else [part]


def assert_same(value, matrix):
    assert type(value) is type(matrix)
    assert value.shape == matrix.shape
    assert value.dtype == matrix.dtype
    assert vars(value).keys() == vars(matrix).keys()
    for left, right in zip(arrays(value), arrays(matrix), strict=True):
        assert type(left) is type(right)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype
            assert np.array_equal(left, right)
        else:
            assert left == right


@classes
@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "i8", "u1", "?", "c16"])
def test_round_trip(cls, dtype):
    for dense in (DENSE, DENSE[:, :30].T, EYE, np.zeros((3, 5)), np.zeros((2, 2))):
        matrix = cls(dense.astype(dtype))
        stored = Stored(matrix)
        value = stored.recall()
        assert_same(value, matrix)
        for part in arrays(value):
            if isinstance(part, np.ndarray):
                assert stored.holds(part.ctypes.data, part.nbytes)
                assert not part.flags.writeable


@classes
def test_untrusted(cls):
    for dense in (DENSE.astype(float), EYE, np.zeros((3, 5))):
        matrix = cls(dense)
        value = Stored(matrix).recall(False)
        assert type(value) is cls
        assert np.array_equal(value.toarray(), dense)
        assert np.array_equal((value @ np.ones(dense.shape[1])), dense @ np.ones(dense.shape[1]))


@pytest.mark.parametrize("cls", [c for c in CLASSES if c.__name__[:3] in ("csr", "csc", "bsr")])
def test_what_it_knows_of_its_indices(cls):
    matrix = cls(DENSE)
    assert "_has_canonical_format" not in vars(Stored(matrix).recall())
    assert matrix.has_canonical_format and matrix.has_sorted_indices
    value = Stored(matrix).recall()
    assert vars(value)["_has_canonical_format"] is True
    assert vars(value)["_has_sorted_indices"] is True


def test_coo_that_is_not_canonical():
    matrix = sp.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    for trusted in (True, False):
        value = Stored(matrix).recall(trusted)
        assert not value.has_canonical_format
        assert value.toarray()[0, 1] == 3


def test_flags_of_others_are_not_believed():
    """Indices that are not in order, said to be so."""
    matrix = sp.csr_array((np.ones(3), np.array([2, 0, 1]), np.array([0, 3])), shape=(1, 3))
    assert not matrix.has_sorted_indices
    stored = Stored(matrix)
    stored.payload |= {"_has_sorted_indices": True, "_has_canonical_format": True}
    assert stored.recall(True).has_sorted_indices
    assert not stored.recall(False).has_sorted_indices


def test_wide_indices_stay_as_they_are():
    matrix = sp.csr_array(DENSE)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    stored = Stored(matrix)
    assert_same(stored.recall(), matrix)
    assert stored.recall(False).indices.dtype == np.int64


def test_other_numbers_of_dimensions():
    for matrix in (
        sp.coo_array(np.arange(24).reshape(2, 3, 4)),
        sp.coo_array([0, 1, 2]),
        sp.csr_array([0, 1, 2]),
    ):
        stored = Stored(matrix)
        assert_same(stored.recall(), matrix)
        assert np.array_equal(stored.recall(False).toarray(), matrix.toarray())


def test_what_is_not_taken_apart():
    class Own(sp.csr_array):
        pass

    hung = sp.csr_array(EYE)
    hung.note = "somebody's"
    printed = sp.csr_array(EYE)
    printed.maxprint = 7
    assert codecs.find_encoder(sp.csr_array)(hung) is None
    assert not {Own, sp.lil_array, sp.dok_array} & codecs.encoders.keys()
    assert codecs.find_encoder(sp.csr_array)(printed) is None
    assert pickle.loads(pickle.dumps(hung)).note == "somebody's"


# ---- from those who are not trusted ---------------------------------------------------------------


def i4(*numbers):
    return np.array(numbers, np.int32)


CSR = {"data": np.ones(3), "indices": i4(0, 1, 2), "indptr": i4(0, 2, 3), "shape": (2, 3)}
BSR = {"data": np.ones((2, 2, 2)), "indices": i4(0, 1), "indptr": i4(0, 1, 2), "shape": (4, 4)}
COO = {"data": np.ones(2), "coords": (i4(0, 1), i4(1, 2)), "shape": (2, 3), "has_canonical_format": True}
DIA = {"data": np.ones((2, 3)), "offsets": i4(0, 1), "shape": (3, 3)}

HOSTILE = [
    ("csr", CSR, {"indices": i4(0, 1, 3)}),
    ("csr", CSR, {"indices": i4(0, -1, 2)}),
    ("csr", CSR, {"indices": i4(0, 1)}),
    ("csr", CSR, {"indices": np.array([0.0, 1.0, 2.0])}),
    ("csr", CSR, {"indices": np.array([0, 1, 2])}),
    ("csr", CSR, {"indices": i4(0, 1, 2).astype(">i4")}),
    ("csr", CSR, {"indptr": i4(0, 2, 4)}),
    ("csr", CSR, {"indptr": i4(0, 3, 2)}),
    ("csr", CSR, {"indptr": i4(1, 2, 3)}),
    ("csr", CSR, {"indptr": i4(0, 3)}),
    ("csr", CSR, {"indptr": i4(0, -3, 3)}),
    ("csr", CSR, {"indptr": i4(0, 2, -(2**31))}),
    ("csr", CSR, {"data": np.ones(4)}),
    ("csr", CSR, {"data": np.ones((3, 1))}),
    ("csr", CSR, {"data": np.ones(3, ">f8")}),
    ("csr", CSR, {"data": np.ones(3, "M8[s]")}),
    ("csr", CSR, {"data": "abc"}),
    ("csr", CSR, {"shape": (2, 2)}),
    ("csr", CSR, {"shape": (3, 3)}),
    ("csr", CSR, {"shape": (2, -3)}),
    ("csr", CSR, {"shape": (2, 3.0)}),
    ("csr", CSR, {"shape": (2,)}),
    ("csr", CSR, {"shape": ()}),
    ("csr", CSR, {"shape": (1, 2, 3)}),
    ("csr", CSR, {"shape": None}),
    ("csc", CSR, {}),
    ("bsr", BSR, {"indices": i4(0, 2)}),
    ("bsr", BSR, {"data": np.ones((2, 3, 2))}),
    ("bsr", BSR, {"data": np.ones((2, 0, 2))}),
    ("bsr", BSR, {"data": np.ones((1, 2, 2))}),
    ("bsr", BSR, {"data": np.ones(2)}),
    ("coo", COO, {"coords": (i4(0, 2), i4(1, 2))}),
    ("coo", COO, {"coords": (i4(0, -1), i4(1, 2))}),
    ("coo", COO, {"coords": (i4(0), i4(1, 2))}),
    ("coo", COO, {"coords": (i4(0, 1),)}),
    ("coo", COO, {"coords": [i4(0, 1), i4(1, 2)]}),
    ("coo", COO, {"coords": (i4(0, 1), np.array([1, 2]))}),
    ("coo", COO, {"data": np.ones((2, 1))}),
    ("dia", DIA, {"offsets": i4(0)}),
    ("dia", DIA, {"offsets": i4(0, 0)}),
    ("dia", DIA, {"offsets": i4(0, -(2**31))}),
    ("dia", DIA, {"offsets": i4(0, 2**31 - 1)}),
    ("dia", DIA, {"shape": (2**31, 2**31)}),
    ("dia", DIA, {"data": np.ones(3)}),
]


@pytest.mark.parametrize("form, sound, changes", HOSTILE, ids=lambda part: str(part)[:40])
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_hostile(form, sound, changes, kind):
    decode = codecs.find_decoder(f"scipy.sparse.{form}_{kind}")
    if form != "csc":
        decode(sound, False)
    with pytest.raises(exceptions.BrainCorruptError):
        decode(sound | changes, False)
    for missing in sound.keys() - {"has_canonical_format"}:
        with pytest.raises(exceptions.BrainCorruptError):
            decode({name: part for name, part in sound.items() if name != missing}, False)


FUZZ = """
import random, sys, warnings
import numpy as np
sys.path.insert(0, {folder!r})
import test_codecs_sparse as tests
from brain_plasma import codecs
chance = random.Random(9)
warnings.simplefilter("ignore")
n_read = 0
for _ in range(4000):
    form, sound, _ = chance.choice(tests.HOSTILE)
    payload = {{}}
    for name, part in sound.items():
        parts = part if name == "coords" else (part,)
        changed = []
        for one in parts:
            if isinstance(one, np.ndarray) and chance.random() < 0.3:
                one = one.copy()
                one.reshape(-1)[chance.randrange(one.size)] = chance.choice((-1, 0, 1, 2, 3, 2**31 - 1))
            elif name == "shape" and chance.random() < 0.3:
                one = tuple(chance.choice((0, 1, 2, 3, 4, 6)) for _ in one)
            changed.append(one)
        payload[name] = tuple(changed) if name == "coords" else changed[0]
    try:
        name = "scipy.sparse." + form + "_" + chance.choice(("array", "matrix"))
        value = codecs.find_decoder(name)(payload, False)
    except Exception:
        continue
    n_read += 1
    try:
        value.toarray()
        value @ np.ones(value.shape[-1])
        value.T.tocsr()
        (value + value).sum()
        value.tocoo().tocsc()[:1]
    except Exception:
        pass
print("all", n_read)
"""


def test_numbers_that_were_changed():
    """At worst an exception, also when what was read is used."""
    code = FUZZ.format(folder=__file__.rpartition("/")[0])
    result = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr[-4000:]
    assert int(result.stdout.split()[1]) > 500
