"""brain-plasma 0.3.3, on pyarrow 11's Plasma."""

import warnings

warnings.simplefilter("ignore")
from brain_plasma import Brain  # noqa: E402

from systems.plasma import TWO_STEPS, serve  # noqa: E402, F401

LABEL = "brain 0.3.3"
SETTINGS = "a plasma_store of pyarrow 11"
IMPORT = "import warnings; warnings.simplefilter('ignore'); from brain_plasma import Brain"
PACKAGES = ["brain-plasma", "pyarrow"]

GET, PUT = "d[k]", "d[k] = v"
NAMES = "d.names(k)"
REMOVE = "d.remove_namespace(k)"
CANNOT = {"poll": "it does so in the row above"}
NOTES = {
    **dict.fromkeys(["set_int", "put_array", "put_table", "beside", "writers"], TWO_STEPS),
}


def attach(folder):
    return Brain(path=f"{folder}/s")


def fill_space(d, space, pairs):
    d.set_namespace(space)
    for name, value in pairs:
        d[name] = value
    d.set_namespace("default")
