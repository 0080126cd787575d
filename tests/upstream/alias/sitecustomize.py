"""With this folder in PYTHONPATH, pyarrow.plasma is brain_plasma.plasma: in the tests that were written
for the former, and in the processes that they start."""

import importlib
import importlib.machinery
import sys


class Alias:
    """Finds pyarrow.plasma before pyarrow's own is found; and loads it."""

    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "pyarrow.plasma" else None

    def create_module(self, spec):
        module = importlib.import_module("brain_plasma.plasma")
        self._own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self._own_spec  # which the machinery of imports has replaced


sys.meta_path.insert(0, Alias())
