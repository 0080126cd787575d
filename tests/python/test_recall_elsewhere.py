"""What a recall says where something is missing that was there when the value was put."""

import subprocess
import sys
import textwrap

import pytest
from brain_plasma import exceptions

PUT = {
    "table": "pyarrow.table({'a': [1]})",
    "arrow array": "[pyarrow.array([1])]",
    "frame of Arrow's": "pandas.DataFrame({'a': [1]}).convert_dtypes(dtype_backend='pyarrow')",
    "frame in a pickle": "collections.UserDict(a=pandas.DataFrame({'a': [1]}).convert_dtypes(dtype_backend='pyarrow'))",
    "frame": "pandas.DataFrame({'a': [1]})",
    "polars": "polars.DataFrame({'a': [1]})",
    "sparse": "scipy.sparse.csr_matrix([[1.0]])",
    "array": "numpy.zeros(3)",
    "arrays": "[numpy.zeros(3)]",
    "lambda": "[lambda: 5]",
}
MODULES = ["collections", "numpy", "pandas", "polars", "pyarrow", "scipy.sparse", "cloudpickle"]


def put(path, code, without=()):
    """Put in another program what `code` calls `value`. Skips where a package is missing here."""
    for module in MODULES:
        if module in code:
            pytest.importorskip(module)
    lines = [f"import sys\nfor module in {list(without)}: sys.modules[module] = None"]
    lines += [f"import {module}" for module in MODULES if module in code]
    lines += [code, "from brain_plasma import Brain", f"Brain({path!r})['x'] = value"]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)


def recall(path, without=()):
    """What class a recall raises in another program, which else it is, and what it says."""
    code = f"""
    import sys
    for module in {list(without)}: sys.modules[module] = None
    from brain_plasma import Brain, exceptions
    try:
        Brain({path!r})["x"]
    except exceptions.BrainValueError as error:
        print(type(error).__name__, isinstance(error, exceptions.BrainMissingPackageError), error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert done.stderr == ""
    kind, is_missing, text = done.stdout.split(" ", 2)
    return getattr(exceptions, kind), is_missing == "True", text


@pytest.mark.parametrize(
    ("what", "package"),
    [
        ("table", "pyarrow"),
        ("arrow array", "pyarrow"),
        ("frame of Arrow's", "pyarrow"),
        ("frame in a pickle", "pyarrow"),
        ("polars", "pyarrow"),
        ("frame", "pandas"),
        ("polars", "polars"),
        ("sparse", "scipy"),
        ("array", "numpy"),
        ("arrays", "numpy"),
        ("lambda", "cloudpickle"),
    ],
)
def test_a_package_that_is_missing_is_named_and_how_to_install_it(path, brain, what, package):
    pytest.importorskip(package)
    put(path, f"value = {PUT[what]}")
    kind, is_missing, text = recall(path, [package])
    assert kind is exceptions.BrainRecallPackageError and is_missing
    assert f"pip install {package}" in text and "'x'" in text


def test_a_module_of_ones_own_that_is_missing(brain, tmp_path, monkeypatch):
    (tmp_path / "brain_test_mine.py").write_text("class Mine: pass")
    monkeypatch.syspath_prepend(tmp_path)
    import brain_test_mine

    brain["x"] = brain_test_mine.Mine()
    monkeypatch.setitem(sys.modules, "brain_test_mine", None)
    with pytest.raises(exceptions.BrainMissingPackageError, match="a module of your own has to be where") as caught:
        brain["x"]
    assert isinstance(caught.value, exceptions.BrainValueError)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_part_that_is_missing_of_a_package_that_is_there(brain, tmp_path, monkeypatch):
    (tmp_path / "brain_test_package").mkdir()
    (tmp_path / "brain_test_package" / "__init__.py").touch()
    (tmp_path / "brain_test_package" / "part.py").write_text("class Mine: pass")
    monkeypatch.syspath_prepend(tmp_path)
    from brain_test_package import part

    brain["x"] = part.Mine()
    monkeypatch.setitem(sys.modules, "brain_test_package.part", None)
    with pytest.raises(exceptions.BrainMissingPackageError, match="brain_test_package is of another version"):
        brain["x"]


def test_a_class_of_the_main_module_that_went_by_its_name(path, brain):
    put(path, "class Local: pass\nvalue = [Local()]", without=["cloudpickle"])
    kind, is_missing, text = recall(path)
    assert kind is exceptions.BrainValueError and not is_missing
    assert "Local" in text and "Move it to a module that both import" in text and "pip install cloudpickle" in text
